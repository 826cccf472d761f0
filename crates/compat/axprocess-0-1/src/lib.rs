//! The API of axprocess 0.1, over the process model of today's axprocess.
//!
//! Who uses axprocess 0.1 changes one line of `Cargo.toml`, and no line of code:
//!
//! ```toml
//! axprocess = { package = "axprocess-0-1", version = "0.2" }
//! ```
//!
//! One process tree for the whole program, numbers that the caller chooses, data of any type, threads and processes that end in
//! separate steps:
//!
//! ```
//! # extern crate axprocess_0_1 as axprocess; // as the line above does
//! use axprocess::{Process, init_proc};
//!
//! let init = Process::new_init(1).data("the first").build();
//! let child = init.fork(2).build();
//! let thread = child.new_thread(2).build();
//! assert_eq!((child.group().pgid(), child.parent().unwrap().pid()), (1, 1));
//!
//! assert!(thread.exit(3), "it was the last");
//! child.exit();
//! assert!(child.is_zombie() && child.exit_code() == 3);
//! child.free();
//! assert!(init_proc().children().is_empty());
//! ```
//!
//! # Who holds whom
//!
//! | component | field | reference | purpose |
//! | --- | --- | --- | --- |
//! | Process | children | strong | children live while the parent has not reaped them |
//! | Process | parent | weak | no cycle |
//! | Process | group | strong | the group lives while the process does |
//! | ProcessGroup | session | strong | the session lives while the group does |
//! | ProcessGroup | processes | weak | membership ends at the reap or the move |
//! | Session | process_groups | weak | a group leaves with its last member |
//! | Thread | process | strong | the process lives while a thread does |
//! | Process | threads | weak | a thread leaves when it exits or is dropped |
//!
//! Init holds itself, for ever. So an unreaped process always lives: it has a parent, or is init. After [`Process::free`] it goes with the last `Arc`,
//! and with it, if it was the last, its group and session. Data goes with the object that it was given to, and never while a lock is held:
//! a destructor may call the crate.
//!
//! # Where it differs from axprocess 0.1, on purpose
//!
//! | axprocess 0.1 | here |
//! | --- | --- |
//! | a fork under an exited parent is lost for ever | the child goes to the reaper, as if it had been re-parented |
//! | two groups with one number can live | one living group per number; an emptied one lives again only while its number is free |
//! | a session leader can be moved; a group leader can start a session | refused |
//! | a reaped process stays a group member while someone holds its `Arc` | membership ends at the reap |
//! | `free` twice is silent, and can remove a new child with the same number | the first caller reaps; the rest change nothing |
//! | a thread can join after the group exit, which carries no code | joining is refused; with [`Process::group_exit_with`] the first code wins |
//! | a duplicate number silently replaces a live child | refused; 0 is no number |
//! | as many processes as there are numbers | 4,194,303 numbers in use at once, as on Linux; beyond, and without memory, refused |
//! | a zombie is visible before its children have moved | children move first |
//! | data is dropped under the lock | never |
//!
//! [`ProcessBuilder::build`] and [`ThreadBuilder::build`] return an object, always. What is refused stands in no relation, as if it had ended
//! already: a process is reaped, a thread has exited. [`ProcessBuilder::try_build`] and [`ThreadBuilder::try_build`] tell instead.
//!
//! Not in axprocess 0.1, beside those: [`Process::become_subreaper`] and [`Process::resign_subreaper`].
//!
//! # Locks
//!
//! Each process has a lock, under which its group, its threads and its exit code stand; one lock of the program orders the calls that change a group; one
//! protects the numbers; and the model has its own. They are taken in the order groups, process, and then that of the numbers or the model's; no call holds
//! those of two processes. Under those of groups and processes memory for a new process or group may be allocated, as in axprocess 0.1, but nothing of
//! the caller's runs. No call recurses, however deep the tree is, and
//! only [`Process::threads`] holds a lock for longer the more there are.
//!
//! All locks are kspin's `SpinNoIrq` with its feature `smp`, as in axprocess 0.1. It switches interrupts off on bare metal alone. Elsewhere, as in a program on a
//! host, it is a plain spin lock: a signal handler that calls this crate can wait for the code that it has interrupted.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod builder;
mod data;
mod group;
mod host;
mod init;
mod numbers;
mod process;
mod session;
mod thread;
mod thread_list;

pub use builder::{ProcessBuilder, ThreadBuilder};
pub use group::ProcessGroup;
#[cfg(feature = "check")]
pub use init::check_every;
pub use init::init_proc;
pub use model::{Errno, Pid};
pub use process::Process;
pub use session::Session;
pub use thread::Thread;
