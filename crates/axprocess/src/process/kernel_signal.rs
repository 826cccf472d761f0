//! Signals that no process has asked for: timers, limits, `SIGPIPE`, `SIGIO`, the OOM killer, `cgroup.kill`, faults.
//!
//! Nobody's permission is asked for, and no number is looked up: the kernel has the receiver, or its [`Identity`](crate::Identity). All else is as for any signal, and stands in `send`.

use super::send::{Origin, Receiver};
use super::{Marks, Process};
use crate::group::ProcessGroup;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{Host, Signal, SignalAction, SignalCause, SignalInfo, View};

/// Why the kernel itself sends a signal.
///
/// A process of another table than the receiver's is one that the receiver does not see. R-KILL-13.
pub enum KernelCause<'a, H: Host> {
    /// No more than that: `SI_KERNEL`. Interval timers, `RLIMIT_CPU`, `SIGIO` without `F_SETSIG`, the OOM killer. To the init of a namespace inside it comes from outside.
    Kernel,
    /// What this process does has brought it about: `SI_USER`, with its number as the receiver sees it. `SIGPIPE` and `SIGXFSZ`, where it is the receiver; the writer of `cgroup.kill`.
    OnBehalfOf(&'a Process<H>),
    /// Something has happened that has a code of its own: `SI_TIMER` of a timer of timer_create(2), `POLL_IN` and its like with `F_SETSIG`, `SI_MESGQ`, `SI_ASYNCIO`, the codes of faults. Where the host has no place for a real-time signal of `F_SETSIG`, `SIGIO` is sent without a code.
    Event {
        /// Its `si_code`.
        code: i32,
        /// The kernel's own: the address of a fault, the value of a timer or a message, the events of a file.
        value: u64,
        /// The same, where there is one more: the number of the timer, of the descriptor, of the system call.
        number: i32,
        /// Whose number it says, if it has a place for one: of `SI_MESGQ` who has sent the message.
        sender: Option<&'a Process<H>>,
    },
}

impl<H: Host> Clone for KernelCause<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for KernelCause<'_, H> {}

/// What becomes of the handler of a signal that is [forced](Thread::force_signal) on a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForcedAction {
    /// It runs, unless the signal is blocked or ignored: then the default action is carried out. A fault. Linux's `force_sig`.
    AsSet,
    /// The default action, whatever is set: a signal's frame could not be written. Linux's `force_fatal_sig`.
    Default,
    /// The same, and nobody can do anything about it: neither a tracer, nor another thread by sigaction(2). A filter kills. Linux's `force_exit_sig`.
    Final,
}

impl<H: Host> Process<H> {
    /// Sends a signal of the kernel's own to the process as a whole. R-KILL-13.
    ///
    /// One whose exit is decided takes none, and the call does nothing. Takes the lock.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{ForkRequest, KernelCause, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// // An alarm holds the identity, not the process: it may be gone when the time has come.
    /// let owner = child.process().identity()?;
    /// if let Some(process) = owner.process() {
    ///     process.send_signal(Signal::SIGALRM, KernelCause::Kernel);
    /// }
    /// // The machine is out of memory.
    /// child.process().send_signal(Signal::SIGKILL, KernelCause::Kernel);
    /// assert!(child.process().is_group_exiting());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn send_signal(&self, signal: Signal, cause: KernelCause<'_, H>) {
        self.table().hold(|hold| {
            let process = self.in_hold(hold);
            process.send_of_kernel(hold, Receiver::Process(process.leader(hold)), signal, cause);
        });
    }

    fn send_of_kernel<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        receiver: Receiver<'h, H>,
        signal: Signal,
        cause: KernelCause<'_, H>,
    ) {
        let sender = cause.sender().filter(|sender| hold.is_of(sender.table()));
        let pid = sender.map_or(0, |sender| sender.number_seen_by(hold, self));
        let is_hidden = cause.sender().is_some() && pid == 0;
        let is_of_file = cause.is_of_file();
        let cause = match cause {
            KernelCause::Kernel => SignalCause::Kernel,
            KernelCause::OnBehalfOf(_) => SignalCause::User { pid },
            KernelCause::Event { code, value, number, .. } => {
                SignalCause::Event { pid, code, value, number }
            }
        };
        let origin = if is_hidden { Origin::Outside } else { Origin::of(cause) };
        let refusal = self.send_from(hold, origin, receiver, &SignalInfo { signal, cause }, sender);
        // Linux: the end of `send_sigio_to_task`.
        if refusal.is_some() && is_of_file {
            let cause = SignalCause::Kernel;
            let plain = SignalInfo { signal: Signal::SIGIO, cause };
            self.send_from(hold, Origin::of(cause), receiver, &plain, None);
        }
    }
}

impl<H: Host> Thread<H> {
    /// Sends a signal of the kernel's own to this thread alone: `SIGPIPE`, a timer with `SIGEV_THREAD_ID`, `F_SETOWN_EX` with `F_OWNER_TID`. R-KILL-13.
    ///
    /// One that has exited, or whose process's exit is decided, takes none, and the call does nothing. Takes the lock.
    pub fn send_signal(&self, signal: Signal, cause: KernelCause<'_, H>) {
        self.process().table().hold(|hold| {
            let receiver = Receiver::Thread(Some(self.in_hold(hold)));
            self.process_in(hold).send_of_kernel(hold, receiver, signal, cause);
        });
    }

    /// Sends a signal of the kernel's own to this thread's process, of whose threads this one is asked first: a timer that expires while this thread runs, `RLIMIT_CPU`, a file whose owner of `F_SETOWN` has
    /// this thread's number. R-KILL-13.
    ///
    /// One whose exit is decided takes none, and the call does nothing. Takes the lock.
    pub fn send_process_signal(&self, signal: Signal, cause: KernelCause<'_, H>) {
        self.process().table().hold(|hold| {
            // Also a dead one that waits for its tracer: what is sent by its number, that is to see first.
            let addressed = self.is_listed(hold).then(|| self.in_hold(hold));
            let receiver = Receiver::Process(addressed);
            self.process_in(hold).send_of_kernel(hold, receiver, signal, cause);
        });
    }

    /// Sends a signal that this thread cannot evade: it has a fault, or does what it is killed for. R-KILL-14.
    ///
    /// If the thread blocks the signal or the process ignores it, or `action` asks for it, the host resets both ([`Host::reset_signal_action`]); then it is sent to the thread like any other. The
    /// init of a namespace that would end by it is [protected](Process::is_protected_from) from nothing any more, unless a tracer is to see the signal first. What is to happen to the thread, it finds when it
    /// looks for signals, before it runs on in user space. Takes the lock.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{ForcedAction, KernelCause, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// // A page fault for which there is no page, at this address.
    /// let fault = KernelCause::Event { code: 1, value: 0xdead_b000, number: 0, sender: None };
    /// init.force_signal(Signal::SIGSEGV, fault, ForcedAction::AsSet);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn force_signal(&self, signal: Signal, cause: KernelCause<'_, H>, action: ForcedAction) {
        self.process().table().hold(|hold| {
            let process = self.process_in(hold);
            if self.state() == ThreadState::Live {
                process.expose_to_forced_signal(hold, self, signal, action);
            }
            let receiver = Receiver::Thread(Some(self.in_hold(hold)));
            process.send_of_kernel(hold, receiver, signal, cause);
        });
    }
}

impl<H: Host> Process<H> {
    /// Linux's `force_sig_info_to_task`, up to the sending.
    fn expose_to_forced_signal(
        &self,
        hold: &mut Hold<'_, H>,
        thread: &Thread<H>,
        signal: Signal,
        action: ForcedAction,
    ) {
        let set = self.signal_action_in(hold, signal);
        let is_reset = action != ForcedAction::AsSet
            || set == SignalAction::Ignore
            || thread.blocks(hold, signal);
        if is_reset && !signal.is_unblockable() {
            hold.host().reset_signal_action(hold.view(), thread, signal, action);
        }
        let is_default = is_reset || set == SignalAction::Default;
        let is_final = action == ForcedAction::Final;
        if is_default && (is_final || !thread.is_traced_in(hold)) && self.is_pid_ns_init(hold) {
            self.mark(hold, Marks::UNSHIELDED);
        }
    }
}

impl<H: Host> ProcessGroup<H> {
    /// Sends a signal of the kernel's own to the members of the group, the one that joined last first, if `may` says so: `SIGIO` to a group of `F_SETOWN`. All in one hold. R-KILL-13.
    ///
    /// `may` runs under the relation lock, like a [hook](Host). Takes the lock.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{KernelCause, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let readable = KernelCause::Event { code: 1, value: 0, number: 0, sender: None };
    /// init.process().group().send_signal(Signal::SIGIO, readable, |_, _| true);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn send_signal(
        &self,
        signal: Signal,
        cause: KernelCause<'_, H>,
        mut may: impl FnMut(View<'_, H>, &Process<H>) -> bool,
    ) {
        self.table().hold(|hold| {
            self.send_to_members(hold, |hold, member| {
                if may(hold.view(), member) {
                    let receiver = Receiver::Process(member.leader(hold));
                    member.send_of_kernel(hold, receiver, signal, cause);
                }
            });
        });
    }

    /// Sends to every member, the one that joined last first.
    pub(crate) fn send_to_members<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        mut send: impl FnMut(&mut Hold<'h, H>, &'h Process<H>),
    ) {
        let mut at = self.members().last(hold);
        while let Some(member) = at {
            hold.count_touched();
            send(hold, member);
            at = self.members().before(hold, member);
        }
    }
}

impl<'a, H: Host> KernelCause<'a, H> {
    /// Whether a file is ready for its owner: `POLL_IN` to `POLL_HUP`.
    const fn is_of_file(self) -> bool {
        matches!(self, Self::Event { code: 1..=6, .. })
    }

    fn sender(self) -> Option<&'a Process<H>> {
        match self {
            Self::Kernel => None,
            Self::OnBehalfOf(sender) => Some(sender),
            Self::Event { sender, .. } => sender,
        }
    }
}
