//! The API of axprocess 0.1 before init exists. No test of this program builds it.

extern crate axprocess_0_1 as axprocess;

mod common;

use axprocess::{Process, init_proc};
use common::panic_of;

#[test]
fn init_proc_panics_before_init_exists() {
    // axprocess 0.1, API: `init_proc` panics before init exists.
    assert_eq!(panic_of(init_proc), "the init process has not been built");
}

#[test]
fn new_init_alone_builds_nothing() {
    // axprocess 0.1, API: `new_init` may be called often; it is `build` that makes init.
    for _ in 0..3 {
        drop(Process::new_init(1).data("unused"));
    }
    assert_eq!(panic_of(init_proc), "the init process has not been built");
}
