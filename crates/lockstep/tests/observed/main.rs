//! What Linux itself does, rule by rule, seen by small programs of our own.
//!
//! The model follows numbered rules. These tests ask the kernel that they run on whether it
//! follows them too, so each names its rule first. Nothing of the model takes part: where a test
//! here fails, the rule is wrong, or this kernel is another one than the rule speaks of.
//!
//! A test is a `scene`: its body runs in a process of its own, see there.

mod exec;
mod exit;
mod fork;
mod kernel_signal;
mod kernel_threads;
mod kill;
mod namespace;
mod notify;
mod order;
mod parent_death;
mod reparent;
mod scene;
#[cfg(target_arch = "x86_64")]
mod signal_calls;
#[cfg(target_arch = "x86_64")]
mod signal_delivery;
#[cfg(target_arch = "x86_64")]
mod signal_dispositions;
#[cfg(target_arch = "x86_64")]
mod signal_inherit;
#[cfg(target_arch = "x86_64")]
mod signal_masks;
#[cfg(target_arch = "x86_64")]
mod signal_queues;
#[cfg(target_arch = "x86_64")]
mod signal_waits;
mod stop;
mod sys;
mod terminal;
mod trace;
mod tracer;
mod tty;
mod usage;
mod wait;
