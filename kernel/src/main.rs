//! A small kernel on axprocess and axprocess-signals.
#![no_std]
#![no_main]
#![feature(allocator_api)]
#![deny(unsafe_code)]
#![allow(dead_code, reason = "while it is being built")]

extern crate alloc;

#[allow(unsafe_code, reason = "the one module that holds all of it")]
mod machine;
mod sched;

/// The first processor is ready, and so are the others.
fn run_first() -> ! {
    let first = sched::NewTask::new(None).expect("memory is plenty at boot");
    first.start(start);
    sched::idle()
}

fn start() {
    use core::fmt::Write;
    let _ = writeln!(
        machine::Console,
        "{} processors, memory {:?}, command line {:?}, files {}",
        machine::processors(),
        machine::memory(),
        machine::command_line(),
        machine::initial_files().len()
    );
    for i in 0..6u32 {
        let task = sched::NewTask::new(None).expect("memory");
        task.start(move || {
            for round in 0..3 {
                sched::block(Some(machine::monotonic() + core::time::Duration::from_millis(10)));
                let _ = writeln!(
                    machine::Console,
                    "task {i} round {round} on {} at {:?}",
                    machine::processor(),
                    machine::monotonic()
                );
                let begin = machine::monotonic();
                while machine::monotonic() - begin < core::time::Duration::from_millis(20) {}
            }
        });
    }
    sched::block(Some(machine::monotonic() + core::time::Duration::from_millis(400)));
    let _ = writeln!(machine::Console, "longest off {:?}", machine::take_longest_off());
    machine::power_off(true)
}
