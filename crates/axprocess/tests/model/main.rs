//! What the model answers, call by call, under one small kernel: a file for each part of it. One program, because the crate is built anew for each kernel.
//!
//! `cargo test -p axprocess --all-features --test model -- wait::` runs those of one file.

#[path = "../kernel/mod.rs"]
mod kernel;

mod attention;
mod bounded;
mod clone;
mod core_dump;
mod corners;
mod exec;
mod exec_in_steps;
mod exit;
mod exit_in_steps;
mod fork;
mod gvisor;
mod handle;
mod job_control;
mod kernel_signal;
mod kill;
mod kthread;
mod namespaces;
mod notification;
mod number_use;
mod numbers;
mod orphan;
mod parent_death;
mod prepare;
mod printing;
mod proc;
mod reparenting;
mod scale;
mod send;
mod stop;
mod terminal;
mod trace;
mod vfork;
mod wait;
mod wait_wake;
