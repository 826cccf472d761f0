//! The smallest kernel on axprocess that runs a shell with a job: fork, exec, exit, wait, kill, stop and continue, a terminal.
//!
//! `host.rs` is what the model asks of a kernel, `calls.rs` the system calls and the way back to user space. The processors are threads of std, programs are functions; the rest is as it would be on a machine.
//!
//! ```text
//! cargo run -p axprocess --example smallest_kernel
//! ```

mod calls;
mod host;
mod programs;

use axprocess::Errno;

fn main() -> Result<(), Errno> {
    programs::play(|line| println!("{line}"))
}
