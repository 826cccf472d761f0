//! Linux's signals above [`axprocess`]: what a process does about them, which a thread blocks, which wait, and what is delivered.
//!
//! axprocess decides who is hit by a signal, in which order, what that does at once, stops, continues and death. This layer is the [`Host`](axprocess::Host) that it asks for the rest, and asks a kernel for very little:
//! [`Kernel`]. The calls of the family are methods of [`Caller`], which [`signals_of`] makes of a thread:
//!
//! | system call | method |
//! | --- | --- |
//! | rt_sigaction, rt_sigprocmask, rt_sigpending | [`Caller::rt_sigaction`], [`Caller::rt_sigprocmask`], [`Caller::rt_sigpending`] |
//! | rt_sigsuspend, pause | [`Caller::rt_sigsuspend`]; a sleep until the [attention word](axprocess::Thread::attention) is not zero |
//! | rt_sigtimedwait | [`Caller::rt_sigtimedwait`] |
//! | signalfd: read, poll | [`Caller::read_signalfd`], [`Caller::polls_signalfd`] |
//! | ppoll, pselect, epoll_pwait | [`Caller::begin_mask_of_call`], [`Caller::end_mask_of_call`] |
//! | sigaltstack | [`Caller::sigaltstack`] |
//! | rt_sigreturn | [`Caller::rt_sigreturn`], [`Caller::restore_alt_stack`] |
//! | timer_settime, timer_delete | [`Caller::void_timer`], [`Caller::delete_timer`], for what the timer has sent before |
//! | kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal | axprocess, as without the layer, with [places](Signals::refill) for what they queue; [`read_siginfo`] for what they are given |
//! | fork, clone, execve | [`Caller::fork`], [`Caller::new_thread`], [`Caller::exec`]: what it does to signals, beside the call of axprocess |
//! | exit | [`Caller::exit_thread`], in place of axprocess's |
//! | exit_group | [`Process::begin_group_exit`](axprocess::Process::begin_group_exit), behind which [`Caller::get_signal`] has each thread exit |
//! | each return to user space | [`Caller::get_signal`], with the whole loop |
//! | ptrace: `PTRACE_GETSIGMASK`, `PTRACE_SETSIGMASK`, `PTRACE_PEEKSIGINFO` | [`Caller::mask_for_tracer`], [`Caller::set_mask_for_tracer`], [`Caller::peek_signal`] |
//! | `/proc/PID/status` | [`Caller::pending`], [`Caller::blocked`], [`Caller::ignored_and_caught`] |
//!
//! A kernel begins with [`Kernel`], which has an example of a whole one and its first process, and with the loop of [`Caller::get_signal`]. `crates/signals/examples/small_kernel` in the repository is a kernel with handlers, masks, sleeps,
//! job control and threads, whose host has 61 lines.
//!
//! Nothing here is `unsafe`, and nothing allocates in a hold, nor frees but for the [waker](AwaitedSignals::signal) of a wait: siginfo waits in nodes that were made [before](Signals::refill), dispositions with room for all signals are made in fork, which may fail there as on Linux. Each process has a right to some, whether it handles anything or not; of those that are gone, each fork frees a few.
//!
//! Lock order: the relation lock, then one process's signals. Whoever changes an action or a mask, or takes a signal, takes the first one too if somebody is sending to that process right then: the sender decides by what was before.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod altstack;
#[cfg(feature = "check")]
mod check;
mod delivery;
mod dispositions;
mod host;
mod info;
mod inherit;
mod kernel;
mod mask;
mod pool;
mod queue;
mod reserve;
mod send;
mod set;
mod siginfo;
mod state;
mod timer;
mod timer_index;
mod trace;
mod wait;
mod word;

pub use action::{Action, ActionFlags, Handler};
pub use altstack::Stack;
#[cfg(feature = "check")]
pub use check::check_invariants;
pub use delivery::{Delivery, Frame, Restart, TracedSignal};
pub use host::Signals;
pub use info::SigInfo;
pub use kernel::{Account, Charge, Generated, Kernel};
pub use mask::EndedBy;
pub use set::SignalSet;
pub use siginfo::read_siginfo;
pub use state::{ProcessSignals, ThreadSignals};
pub use trace::QueueOf;
pub use wait::{AwaitedSignals, SignalFuture, TimedWait};

/// A process of a kernel's.
pub type Process<K> = axprocess::Process<Signals<K>>;
/// A thread of a kernel's.
pub type Thread<K> = axprocess::Thread<Signals<K>>;
/// A terminal of a kernel's.
pub type Terminal<K> = axprocess::Terminal<Signals<K>>;

/// A thread, as it calls for its signals: made by [`signals_of`].
pub struct Caller<'a, K: Kernel>(&'a Thread<K>);

/// Returns the signals of a thread.
pub const fn signals_of<K: Kernel>(thread: &Thread<K>) -> Caller<'_, K> {
    Caller(thread)
}

impl<K: Kernel> Clone for Caller<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kernel> Copy for Caller<'_, K> {}

impl<'a, K: Kernel> Caller<'a, K> {
    fn thread(self) -> &'a Thread<K> {
        self.0
    }

    fn host(self) -> &'a Signals<K> {
        self.0.host()
    }

    fn own(self) -> &'a ThreadSignals<K> {
        self.0.host_data()
    }

    fn process(self) -> &'a ProcessSignals<K> {
        self.0.process().host_data()
    }
}
