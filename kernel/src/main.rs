//! A small kernel on axprocess and axprocess-signals. All unsafe code is in [`machine`].
#![no_std]
#![no_main]
#![feature(allocator_api)]
#![deny(unsafe_code)]

extern crate alloc;

#[allow(unsafe_code, reason = "the one module that holds all of it")]
mod machine;

mod call;
mod calls;
mod exec;
mod files;
mod frame;
mod host;
mod memory_calls;
mod other_calls;
mod ptrace;
mod sched;
mod state;
mod tests;
mod thread;
mod time;
mod tty;
mod user_memory;
mod wait;

/// The first processor is ready, and so are the others.
fn run_first(command_line: &'static str, files: &'static [u8]) -> ! {
    let first = sched::NewTask::new(None).expect("memory is plenty at boot");
    first.start(move || match command_line.strip_prefix("test=") {
        Some(test) => tests::run(test),
        None => thread::boot(command_line, files).expect("a first process"),
    });
    sched::idle()
}
