//! What a kernel supplies: one trait, one type parameter.

use crate::{Lock, Process, Relations, Signal, SignalInfo, Terminal, Thread};

/// The kernel (or runtime, or simulator) that embeds the process model.
///
/// A kernel names its types once: `type Process = axprocess::Process<MyKernel>`.
///
/// # Hooks
///
/// All methods have default bodies. They are called **under the relation lock**, in the order in which Linux does the same things,
/// because a signal delivered later would let `wait` return before the signal is there. A hook may take leaf
/// locks (a run queue's, a signal queue's), but must not sleep and must not call back into this crate except for getters that take no
/// lock ([`Process::pid`], [`Process::host_data`], [`Process::state`] and their like): the lock is held, a call would dead-lock.
///
/// ```
/// use axprocess::{Host, Relations};
///
/// struct MyKernel;
///
/// impl Host for MyKernel {
///     type Lock = std::sync::Mutex<Relations<Self>>;
///     type ProcessData = String;
///     type ThreadData = ();
///     type Usage = ();
/// }
/// ```
pub trait Host: Sized + Send + Sync + 'static {
    /// The relation lock: any mutual-exclusion lock.
    type Lock: Lock<Relations<Self>> + Send + Sync;

    /// What the kernel hangs on a process; stands inline in it. Never dropped under the relation lock.
    type ProcessData: Send + Sync + 'static;

    /// What the kernel hangs on a thread; stands inline in it. Never dropped under the relation lock.
    type ThreadData: Send + Sync + 'static;

    /// What a process has used of the machine; `()` if the kernel does not count.
    type Usage: Usage;

    /// Queues a signal for a process as a whole, or discards it if the process ignores it.
    ///
    /// `SIGCONT` discards the stop signals that wait in any queue of the process, and wakes the threads that sleep in a stop; a
    /// stop signal discards a waiting `SIGCONT` ([`Discard`](crate::Discard)). What the model knows of the stop it has changed before the call.
    fn post_signal(&self, target: &Process<Self>, info: &SignalInfo) {
        let _ = (target, info);
    }

    /// Queues a signal for a process as a whole, like [`post_signal`](Self::post_signal), which it calls unless the kernel says otherwise.
    ///
    /// Any thread may take it. Linux asks `favourite` first, and the leader where there is no favourite: the thread that kill(2) named, whose child has news, or
    /// that wished for a parent-death signal. It shows which thread's sleep the signal interrupts.
    fn post_signal_favouring(
        &self,
        target: &Process<Self>,
        favourite: &Thread<Self>,
        info: &SignalInfo,
    ) {
        let _ = favourite;
        self.post_signal(target, info);
    }

    /// Queues a signal for one thread; all else is as for [`post_signal`](Self::post_signal).
    fn post_thread_signal(&self, target: &Thread<Self>, info: &SignalInfo) {
        let _ = (target, info);
    }

    /// Whether the credentials of `sender` allow it to send `signal` to `target`; `None`: to ask whether it could.
    ///
    /// Not asked where credentials do not count: of a process about itself, and of `SIGCONT` within a session (R-KILL-05).
    fn may_signal(
        &self,
        sender: &Process<Self>,
        target: &Process<Self>,
        signal: Option<Signal>,
    ) -> bool {
        let _ = (sender, target, signal);
        true
    }

    /// Makes a thread look for signals soon, and there call [`Thread::stop`]: a group stop waits for it.
    fn request_stop(&self, thread: &Thread<Self>) {
        let _ = thread;
    }

    /// Wakes the threads of `parent` that sleep in `wait`, because a child has something to report, or is gone.
    fn wake_waiters(&self, parent: &Process<Self>) {
        let _ = parent;
    }

    /// How `parent` treats `SIGCHLD` at this moment.
    fn child_signal_action(&self, parent: &Process<Self>) -> ChildSignalAction {
        let _ = parent;
        ChildSignalAction::empty()
    }

    /// Whether `caller` is about to die of a signal: then it can create nothing more.
    ///
    /// A host that answers "yes" for every signal that waits for the caller's process, and restarts the fork after the signal is
    /// handled, has no child that a signal to the group misses (R-CLONE-14).
    fn is_fatal_signal_pending(&self, caller: &Thread<Self>) -> bool {
        let _ = caller;
        false
    }

    /// Makes every open file of `terminal` dead, because the leader of its session has exited. Not called for pseudo-terminals,
    /// whose files stay good (R-TTYEXIT-06).
    fn hang_up_terminal(&self, terminal: &Terminal<Self>) {
        let _ = terminal;
    }

    /// What all threads of `process`, dead ones included, have used; not what its children have.
    fn usage(&self, process: &Process<Self>) -> Self::Usage {
        let _ = process;
        Self::Usage::default()
    }
}

bitflags::bitflags! {
    /// How a process treats `SIGCHLD`; empty: a handler, or the default action.
    ///
    /// Source: sigaction(2), R-NOTIFY-03, R-NOTIFY-04, R-NOTIFY-11.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct ChildSignalAction: u8 {
        /// `SIG_IGN`: no signal is sent, and children that end vanish at once.
        const IGNORE = 1;
        /// `SA_NOCLDWAIT`: the signal is sent, and children that end vanish at once.
        const NO_WAIT = 2;
        /// `SA_NOCLDSTOP`: no signal when a child stops or continues.
        const NO_STOP = 4;
    }
}

/// An amount of CPU time or of other resources, which can be added up.
pub trait Usage: Copy + Default + Send + Sync + 'static {
    /// Adds `other` to this amount. Maximum resident set sizes are combined by maximum, all else by sum (R-RUSAGE-05).
    fn add(&mut self, other: Self);
}

impl Usage for () {
    fn add(&mut self, (): Self) {}
}
