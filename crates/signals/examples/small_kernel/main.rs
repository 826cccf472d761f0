//! A small kernel on the layer: signals with handlers, masks and waits, job control on a terminal, threads.
//!
//! `host.rs` is all that the layer asks of a kernel, `calls.rs` the system calls and the way back to user space. The processors are threads of std, programs and their handlers are functions; the rest is as it would be on a
//! machine.
//!
//! ```text
//! cargo run -p axprocess-signals --example small_kernel
//! ```

mod calls;
mod host;
mod programs;

use axprocess::Errno;

fn main() -> Result<(), Errno> {
    programs::play(|line| println!("{line}"))
}
