//! What is left for a kernel to supply.

use core::num::NonZeroUsize;

use axprocess::{ChildNews, Errno, Lock, PidNamespace, Relations, ResourceUsage, Signal, View};

use crate::{Process, SigInfo, Signals, Terminal, Thread};

/// The kernel (or runtime, or simulator) that embeds the process model with its signals.
///
/// It takes the place of [`axprocess::Host`], which [`Signals`] is: signals wait, are blocked, ignored and delivered here, and what is left is who runs, who may, and how much.
///
/// **Locks.** The relation lock is taken first, then [one process's signals](Self::SignalLock), inside of which the layer takes what more it has of those. All methods may be called with all of these held: they take
/// nothing but locks that are further inside, do not sleep, and do not call what takes the relation lock.
///
/// A method has a default body only where leaving it out is harmless, or where the kernel does not have what it is about.
///
/// Of the bits of the [attention word](axprocess::Attention) that are a host's, the layer has the first, [`HOST_0`](axprocess::Attention::HOST_0): a signal waits. The other seven are the kernel's, which clears them itself.
///
/// This is a whole one:
///
/// ```
#[doc = include_str!("../tests/kernel/smallest.rs")]
///
/// let (_table, init) = boot();
/// assert!(signals_of(&init).blocked().is_empty());
/// ```
pub trait Kernel: Sized + Send + Sync + 'static {
    /// The relation lock. What is ready-made, axprocess has behind its features: see [`Lock`].
    type RelationLock: Lock<Relations<Signals<Self>>> + Send + Sync;

    /// A leaf lock: each process has one for its signals. If the kernel sends signals from interrupt handlers, it switches interrupts off, like the relation lock.
    type SignalLock<T: Send + 'static>: Lock<T> + Send + Sync + 'static;

    /// What the kernel hangs on a process, beside its signals; all as [`axprocess::Host::ProcessData`].
    type ProcessData: Send + Sync + 'static;

    /// What the kernel hangs on a thread, beside its signals.
    type ThreadData: Send + Sync + 'static;

    /// What the kernel hangs on a process group.
    type GroupData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a session.
    type SessionData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a PID namespace.
    type NamespaceData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a terminal.
    type TerminalData: Send + Sync + 'static;

    /// What a process has used of the machine; `()` if the kernel does not count.
    type Usage: ResourceUsage;

    /// As [`axprocess::Host::KEEPS_BLOCKS`].
    const KEEPS_BLOCKS: bool = true;

    /// So many signals with their siginfo wait in the whole table at most.
    const MOST_QUEUED: u32 = 1 << 16;

    /// Has a thread look at what it waits for, and at its [attention word](axprocess::Attention): ends its sleep if it sleeps, and if it runs in user space on another processor, has it come in. A sleep's condition says whether it goes on.
    ///
    /// It must not be lost on who is about to sleep: a thread that has looked at its condition before the kick, and sleeps behind it, is woken. Several may become one, and one may come for nothing.
    fn kick(&self, thread: &Thread<Self>);

    /// Whether the credentials of `sender` allow it to send `signal` to `target`. As [`axprocess::Host::may_signal`].
    fn may_signal(
        &self,
        view: View<'_, Signals<Self>>,
        sender: &Process<Self>,
        target: &Process<Self>,
        signal: Option<Signal>,
    ) -> bool;

    /// As [`axprocess::Host::context`].
    fn context(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Has those threads of `parent` look that sleep in a wait, or in attach until their tracee has stopped: as [`axprocess::Host::wake_waiters`].
    ///
    /// Default: all are kicked, and each looks again. That shows where a child leaves the group for which one waits: who looks again gets `ECHILD`, and on Linux sleeps on (R-WAIT-09). A kernel keeps the [token](axprocess::WaitToken) of who sleeps to be exact.
    fn wake_waiters(
        &self,
        view: View<'_, Signals<Self>>,
        parent: &Process<Self>,
        news: &ChildNews,
    ) {
        let _ = news;
        crate::send::for_each_thread(view, parent, |thread| self.kick(thread));
    }

    /// As [`axprocess::Host::wake_exec`]. Default: the thread is kicked.
    fn wake_exec(&self, thread: &Thread<Self>) {
        self.kick(thread);
    }

    /// As [`axprocess::Host::wake_exit`]. Default: the thread is kicked.
    fn wake_exit(&self, thread: &Thread<Self>) {
        self.kick(thread);
    }

    /// A signal was sent to a process, or to a thread of it: a place to look on. Linux: the tracepoint `signal_generate`.
    fn trace_signal(&self, process: &Process<Self>, info: &SigInfo, generated: Generated) {
        let _ = (process, info, generated);
    }

    /// Whether a thread runs on a processor right now: then it takes a signal though it has been told of another. Linux: `task_curr`. Default: nobody is known to.
    fn is_running(&self, thread: &Thread<Self>) -> bool {
        let _ = thread;
        false
    }

    /// `si_uid`: the user of `sender`, as the user namespace of `receiver` has it. Default: a kernel without users.
    fn uid(&self, sender: &Process<Self>, receiver: &Process<Self>) -> u32 {
        let _ = (sender, receiver);
        0
    }

    /// `si_uid` that `sender` itself has given with a signal, as the user namespace of `receiver` has it. Default: the same, as in a kernel without user namespaces. R-SIG-27.
    fn given_uid(&self, uid: u32, sender: &Process<Self>, receiver: &Process<Self>) -> u32 {
        let _ = (sender, receiver);
        uid
    }

    /// Charges one waiting siginfo to the user of `receiver`, and tells to whom. `None`: that would be more than its `RLIMIT_SIGPENDING`; asked only where that counts, as [`Charge`] says. Not for `SIGKILL`, which says nothing, nor for a signal of a timer of timer_create(2): the kernel
    /// charges that when it makes the timer, and gives it back when it has [deleted](crate::Caller::delete_timer) it. R-SIG-21, R-SIG-24, R-SIG-26.
    ///
    /// Default: no limit but [`MOST_QUEUED`](Self::MOST_QUEUED), to nobody.
    fn charge(&self, receiver: &Process<Self>, charge: Charge) -> Option<Account> {
        let _ = (receiver, charge);
        Some(Account(0))
    }

    /// Gives back what was charged once.
    fn uncharge(&self, account: Account) {
        let _ = account;
    }

    /// As [`axprocess::Host::may_trace`]. Default: a kernel without ptrace(2).
    fn may_trace(
        &self,
        view: View<'_, Signals<Self>>,
        tracer: &Thread<Self>,
        target: &Thread<Self>,
    ) -> bool {
        let _ = (view, tracer, target);
        false
    }

    /// As [`axprocess::Host::may_choose_number`]. Default: nobody may.
    fn may_choose_number(
        &self,
        view: View<'_, Signals<Self>>,
        caller: &Thread<Self>,
        pid_ns: &PidNamespace<Signals<Self>>,
    ) -> bool {
        let _ = (view, caller, pid_ns);
        false
    }

    /// As [`axprocess::Host::can_fork`].
    fn can_fork(
        &self,
        view: View<'_, Signals<Self>>,
        caller: Option<&Thread<Self>>,
        child: &Thread<Self>,
    ) -> Result<(), Errno> {
        let _ = (view, caller, child);
        Ok(())
    }

    /// As [`axprocess::Host::release_task`].
    fn release_task(&self, view: View<'_, Signals<Self>>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// As [`axprocess::Host::last_thread_exited`].
    fn last_thread_exited(&self, view: View<'_, Signals<Self>>, process: &Process<Self>) {
        let _ = (view, process);
    }

    /// As [`axprocess::Host::wake_pollers`]. Default: a kernel without pidfds.
    fn wake_pollers(&self, view: View<'_, Signals<Self>>, process: &Process<Self>) {
        let _ = (view, process);
    }

    /// As [`axprocess::Host::wake_thread_pollers`]. Default: a kernel without pidfds.
    fn wake_thread_pollers(&self, view: View<'_, Signals<Self>>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Wakes whoever polls a signalfd of the process: a signal has come to it, or to one of its threads. Default: a kernel without signalfd(2).
    fn wake_signalfd(&self, process: &Process<Self>) {
        let _ = process;
    }

    /// As [`axprocess::Host::hang_up_terminal`]. Default: a kernel that has pseudo-terminals alone.
    fn hang_up_terminal(&self, view: View<'_, Signals<Self>>, terminal: &Terminal<Self>) {
        let _ = (view, terminal);
    }

    /// As [`axprocess::Host::usage`].
    fn usage(&self, view: View<'_, Signals<Self>>, process: &Process<Self>) -> Self::Usage {
        let _ = (view, process);
        Self::Usage::default()
    }
}

/// To whom a waiting siginfo is charged: the kernel's own number of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account(pub u32);

/// Whether the limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charge {
    /// It does: a real-time signal, or one whose sender says himself what it is.
    WithinLimit,
    /// It is counted, beyond the limit too: a standard signal of kill(2) or of the kernel. Linux: `override_rlimit`.
    BeyondLimit,
}

/// What has become of a signal that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generated {
    /// It waits.
    Queued,
    /// It waited already: nothing is new.
    AlreadyPending,
    /// It waits, and there was no place for its siginfo.
    WithoutInfo,
}
