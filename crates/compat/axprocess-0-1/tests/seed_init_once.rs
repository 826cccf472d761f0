//! Init of axprocess 0.1 is built once in a program, whoever tries. The one test of this program builds it.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::{Arc, Barrier};
use std::thread;

use axprocess::{Errno, Process, init_proc};
use common::panic_of;

#[test]
fn one_of_many_builders_makes_init() {
    // axprocess 0.1, API: `build` of init only once in the program; a second one panics and changes nothing.
    const BUILDERS: u32 = 4;
    let start = Barrier::new(BUILDERS as usize);
    let built: Vec<Arc<Process>> = thread::scope(|scope| {
        let builders: Vec<_> = (1..=BUILDERS)
            .map(|pid| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    Process::new_init(pid).data(pid).try_build()
                })
            })
            .collect();
        builders
            .into_iter()
            .filter_map(|builder| builder.join().expect("no builder panics").ok())
            .collect()
    });
    assert_eq!(built.len(), 1);
    let init = &built[0];

    assert_eq!(panic_of(|| Process::new_init(9).build()), "there is an init process already");
    let second = Process::new_init(9).try_build();
    assert_eq!(second.map(|_| ()), Err(Errno::EEXIST));
    assert!(Arc::ptr_eq(&init_proc(), init));
    assert_eq!(init.data(), Some(&init.pid()));
    assert_eq!(init.group().processes().len(), 1);
}
