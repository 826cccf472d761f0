//! Any sequence of calls, by any thread that ever was, with any arguments: nothing panics, every invariant holds at every unlock.
#![no_main]

use axprocess_fuzz::{Calls, World};

libfuzzer_sys::fuzz_target!(|calls: Calls| {
    World::boot().play_all(&calls.0);
});
