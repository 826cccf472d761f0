//! What the layer answers, call by call, under one small kernel: a file for each part of it.
//!
//! `cargo test -p axprocess-signals --test layer -- queues::` runs those of one file.

#[path = "../kernel/mod.rs"]
mod kernel;

mod actions;
mod altstack;
mod delivery;
mod inherit;
mod limits;
mod memory;
mod queues;
mod restart;
mod sending;
mod sets;
mod signalfd;
mod timers;
mod tracing;
mod waits;

/// Signals by their numbers, as programs name them.
mod names {
    pub(crate) const HUP: u8 = 1;
    pub(crate) const ILL: u8 = 4;
    pub(crate) const BUS: u8 = 7;
    pub(crate) const KILL: u8 = 9;
    pub(crate) const USR1: u8 = 10;
    pub(crate) const SEGV: u8 = 11;
    pub(crate) const USR2: u8 = 12;
    pub(crate) const TERM: u8 = 15;
    pub(crate) const CHLD: u8 = 17;
    pub(crate) const CONT: u8 = 18;
    pub(crate) const STOP: u8 = 19;
    pub(crate) const TSTP: u8 = 20;
    pub(crate) const URG: u8 = 23;
    pub(crate) const SYS: u8 = 31;
}
