//! What the sending of a signal does at once, before the receiver runs.
//!
//! Whoever sends (kill, a child's end, an orphaned group, a terminal), the signal passes these steps, all in the sender's hold:
//!
//! | step | what | Linux |
//! | --- | --- | --- |
//! | 1 | a process whose exit is decided takes nothing more, `SIGKILL` included unless it dumps core (R-EXIT-21), nor does a thread that has exited; the sender has succeeded (R-EXIT-12, R-KILL-08, B39). Of a kernel thread that is so all its life (R-KTHREAD-03) | `prepare_signal`, `sig_task_ignored` |
//! | 2 | `SIGCONT` ends a stop; `SIGCONT` and stop signals discard each other from the queues, whatever becomes of them (R-STOP-01, R-STOP-02) | same |
//! | 3 | who ignores the signal and does not block it never sees it (R-KILL-10), unless the addressed thread is traced (R-PTRACE-09); an init ignores whatever it does not handle (R-NS-10, R-NS-11) | `sig_ignored` |
//! | 4 | the host queues the signal; of a real-time signal it may say that it has no place (R-SIG-22) | `__send_signal_locked` |
//! | 5 | a signal that ends the process without a core ends it now, if a thread can take it: the exit is decided with this signal's status, and every thread is asked to exit, wherever it sleeps (R-EXIT-10, B27) | `complete_signal` |
//!
//! Of a process of very many threads, whom the signal finds and who is asked to exit is walked over in further holds (`thread_walk`), before the sender's call comes back.
//!
//! The model knows no handlers and no masks: the host tells ([`Host::signal_action`], [`Host::is_signal_blocked`], [`Host::is_told_of_signal`],
//! [`Host::is_signal_queued`]), in that hold.
//! What is left for the moment at which a thread takes a signal from a queue: signals that dump core, that were blocked when they were sent, or
//! that no thread could take, because all were stopped. An init survives those too ([`Process::is_protected_from`]).

use super::thread_walk::Errand;
use super::{DiscardedSignals, Marks, Process};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{DefaultAction, Errno, Host, Signal, SignalAction, SignalCause, SignalInfo};

/// Who may do more about `SIGCHLD` than its host knows: kthreadd ignores it, the dying init of a namespace waits for nobody, a tracer is shown it.
const ASKED_ABOUT_SIGCHLD: Marks =
    Marks::KERNEL_THREAD.union(Marks::ENDING_PID_NS).union(Marks::TRACED);

/// Whose queue a signal is for.
pub(super) enum Receiver<'h, H: Host> {
    /// The process's, addressed by the number of this thread, or of a leader that has exited.
    Process(Option<&'h Thread<H>>),
    /// That of one thread, or of a leader that has exited.
    Thread(Option<&'h Thread<H>>),
}

impl<H: Host> Clone for Receiver<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Receiver<'_, H> {}

impl<'h, H: Host> Receiver<'h, H> {
    /// Whether it is for a thread that takes nothing more. Then nothing comes of it: not even `SIGCONT` ends a stop (R-KILL-08).
    fn is_gone(&self) -> bool {
        match self {
            Self::Process(_) => false,
            Self::Thread(thread) => !thread.is_some_and(|it| it.state() == ThreadState::Live),
        }
    }

    /// The thread whose mask and tracer count: where none is addressed, the leader, dead or alive.
    fn addressed_thread(&self, hold: &Hold<'h, H>, process: &Process<H>) -> &'h Thread<H> {
        let (Self::Process(addressed) | Self::Thread(addressed)) = self;
        addressed.unwrap_or_else(|| process.leading_thread(hold))
    }
}

/// Where a signal comes from, as the init of a namespace sees it. What it is told of the sender is another matter: among several receivers
/// it may be shown none although it sees it (R-KILL-07).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A process that the receiver's namespace sees.
    Visible,
    /// The kernel, or a process that the receiver's namespace does not see.
    Outside,
}

impl Origin {
    pub(super) fn of(cause: SignalCause) -> Self {
        if cause.is_from_outside() { Self::Outside } else { Self::Visible }
    }
}

/// What becomes of a signal that is sent.
enum Fate<'h, H: Host> {
    /// The receiver ignores it.
    Dropped,
    /// It is queued, and acts when a thread takes it.
    Queued,
    /// It is queued, and the process ends by it.
    Ends,
    /// It is queued, and the process ends by it if this thread or one behind it can take it.
    EndsIfTaken { next: &'h Thread<H> },
}

/// Whether a thread could take a signal at once.
enum Taker<'h, H: Host> {
    Found,
    Nobody,
    /// Nobody before this one; the hold is full.
    Unknown {
        next: &'h Thread<H>,
    },
}

impl<H: Host> Process<H> {
    /// Returns whether the default action of a signal that was taken from a queue is not carried out, because the process is the init of a
    /// namespace: the thread that took the signal drops it. Takes the lock.
    ///
    /// `SIGKILL` and `SIGSTOP` act: they got into the queue from outside. A fault of init's own ends it as it ends anyone: the kernel
    /// does not ask then. R-NS-12, R-NS-14.
    pub fn is_protected_from(&self, signal: Signal) -> bool {
        self.table().hold(|hold| self.is_protected_from_in(hold, signal))
    }

    pub(crate) fn is_protected_from_in(&self, hold: &Hold<'_, H>, signal: Signal) -> bool {
        !signal.is_unblockable() && self.is_shielded_init(hold)
    }

    /// Sends a signal to the process as a whole, on behalf of `sender`, if anybody has sent it.
    pub(crate) fn send(&self, hold: &mut Hold<'_, H>, info: &SignalInfo, sender: Option<&Self>) {
        let leader = self.leader(hold);
        self.send_to(hold, Receiver::Process(leader), info, sender);
    }

    /// Sends a signal to the process, or to one thread of it; tells why the host has not queued it.
    pub(super) fn send_to<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        receiver: Receiver<'h, H>,
        info: &SignalInfo,
        sender: Option<&Self>,
    ) -> Option<Errno> {
        self.send_from(hold, Origin::of(info.cause), receiver, info, sender)
    }

    /// The same, from where the caller says.
    pub(super) fn send_from<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        origin: Origin,
        receiver: Receiver<'h, H>,
        info: &SignalInfo,
        sender: Option<&Self>,
    ) -> Option<Errno> {
        self.send_with(hold, origin, receiver, info.signal, sender, |_| info.cause)
    }

    /// The same. What caused it is put together for who gets to see it.
    #[inline(always)]
    pub(super) fn send_with<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        origin: Origin,
        receiver: Receiver<'h, H>,
        signal: Signal,
        sender: Option<&Self>,
        cause: impl FnOnce(&Hold<'_, H>) -> SignalCause,
    ) -> Option<Errno> {
        if !self.takes_signal(hold, signal) || receiver.is_gone() {
            return None;
        }
        hold.host().deciding_signal(hold.view(), self);
        self.send_in_decision(hold, origin, receiver, signal, sender, cause)
    }

    /// The same by a sender that has begun to decide; ends that.
    #[inline(always)]
    fn send_in_decision<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        origin: Origin,
        receiver: Receiver<'h, H>,
        signal: Signal,
        sender: Option<&Self>,
        cause: impl FnOnce(&Hold<'_, H>) -> SignalCause,
    ) -> Option<Errno> {
        if signal.is_job_control() {
            self.act_if_sigcont(hold, signal);
            hold.host().discard_signals(hold.view(), self, DiscardedSignals::by(signal));
        }
        let fate = self.fate_of(hold, origin, &receiver, signal);
        if !matches!(fate, Fate::Dropped) {
            let info = SignalInfo { signal, cause: cause(hold) };
            if !signal.is_standard()
                && let Err(errno) = hold.host().can_queue_signal(hold.view(), self, &info)
            {
                hold.host().signal_decided(hold.view(), self);
                return Some(errno);
            }
            self.post(hold, &receiver, &info, sender);
        }
        hold.host().signal_decided(hold.view(), self);
        match fate {
            Fate::Ends => self.begin_group_exit_by_signal(hold, signal),
            Fate::EndsIfTaken { next } => {
                self.owe_thread_walk(hold, next, Errand::FindTaker(signal, origin));
            }
            Fate::Dropped | Fate::Queued => {}
        }
        if signal.is_job_control() {
            self.void_tickets_if_sigcont(hold, signal);
        }
        None
    }

    /// Sends `SIGCHLD` to this parent, if what it has set for it says so at this moment: asked, and sent by, in one decision. Returns what `asks` says beside: the default, where nothing is set. Linux: `do_notify_parent`, `do_notify_parent_cldstop`, under `siglock`.
    #[inline(always)]
    pub(super) fn send_sigchld_if<'h, R: Default>(
        &self,
        hold: &mut Hold<'h, H>,
        receiver: Receiver<'h, H>,
        sender: &Self,
        asks: impl FnOnce(&Hold<'_, H>) -> (bool, R),
        cause: impl FnOnce(&Hold<'_, H>) -> SignalCause,
    ) -> R {
        if self.drops_sigchld(hold) {
            return R::default();
        }
        hold.host().deciding_signal(hold.view(), self);
        let (is_sent, answer) = asks(hold);
        if is_sent && self.takes_signal(hold, Signal::SIGCHLD) && !receiver.is_gone() {
            let (origin, signal) = (Origin::Visible, Signal::SIGCHLD);
            self.send_in_decision(hold, origin, receiver, signal, Some(sender), cause);
        } else {
            hold.host().signal_decided(hold.view(), self);
        }
        answer
    }

    /// Whether nothing comes of a `SIGCHLD`: nothing is set for it. (Of who has one of these marks, more is to be asked.)
    #[inline(always)]
    fn drops_sigchld(&self, hold: &Hold<'_, H>) -> bool {
        hold.host().drops_sigchld(hold.view(), self)
            && !self.marks.get(hold).intersects(ASKED_ABOUT_SIGCHLD)
    }

    /// Step 1: `SIGKILL` cuts a core dump, else whose exit is decided takes nothing more. A kernel thread takes nothing at all.
    #[inline(always)]
    fn takes_signal(&self, hold: &Hold<'_, H>, signal: Signal) -> bool {
        self.is_exit_undecided(hold) && !self.has(hold, Marks::KERNEL_THREAD)
            || signal == Signal::SIGKILL
                && self.has(hold, Marks::DUMPING_CORE)
                && self.live_threads.get(hold) > 0
    }

    /// Steps 3 and 5.
    #[inline(always)]
    fn fate_of<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        origin: Origin,
        receiver: &Receiver<'h, H>,
        signal: Signal,
    ) -> Fate<'h, H> {
        let (is_ignored, ends) = self.is_ignored_or_ends(hold, origin, signal);
        // What its tracer is shown first neither vanishes nor ends anybody before.
        if signal != Signal::SIGKILL
            && (is_ignored || ends)
            && receiver.addressed_thread(hold, self).is_traced_in(hold)
        {
            return Fate::Queued;
        }
        if is_ignored {
            // That may change before it is not blocked any more.
            let is_blocked = receiver.addressed_thread(hold, self).blocks(hold, signal);
            return if is_blocked { Fate::Queued } else { Fate::Dropped };
        }
        // Who could not take it when it was sent first takes it when it looks.
        if !ends || self.is_standard_and_queued(hold, receiver, signal) {
            return Fate::Queued;
        }
        match self.find_taker(hold, receiver, signal) {
            Taker::Found => Fate::Ends,
            Taker::Nobody => Fate::Queued,
            Taker::Unknown { next } => Fate::EndsIfTaken { next },
        }
    }

    /// Whether the process ignores the signal, and whether it is ended by it.
    #[inline(always)]
    fn is_ignored_or_ends(
        &self,
        hold: &Hold<'_, H>,
        origin: Origin,
        signal: Signal,
    ) -> (bool, bool) {
        let action = self.signal_action_in(hold, signal);
        let is_default = action == SignalAction::Default;
        let is_ignored = action == SignalAction::Ignore
            || (is_default
                && (signal.default_action() == DefaultAction::Ignore
                    || self.is_shielded(hold, origin, signal)));
        (is_ignored, is_default && signal.default_action() == DefaultAction::Terminate)
    }

    #[inline(always)]
    pub(super) fn signal_action_in(&self, hold: &Hold<'_, H>, signal: Signal) -> SignalAction {
        match signal.is_unblockable() {
            true => SignalAction::Default,
            false => hold.host().signal_action(hold.view(), self, signal),
        }
    }

    /// Whether the process is ended by the signal as soon as a thread takes it.
    pub(super) fn would_end_by(&self, hold: &Hold<'_, H>, origin: Origin, signal: Signal) -> bool {
        matches!(self.is_ignored_or_ends(hold, origin, signal), (false, true))
    }

    /// Whether default actions do not touch this process: it is the init of a namespace, and what its like can do nothing about,
    /// `SIGKILL` and `SIGSTOP`, does not come from outside. To the table's own init there is no outside. R-NS-10, R-NS-11.
    fn is_shielded(&self, hold: &Hold<'_, H>, origin: Origin, signal: Signal) -> bool {
        let is_forced =
            signal.is_unblockable() && origin == Origin::Outside && !self.is_table_init_in(hold);
        self.is_shielded_init(hold) && !is_forced
    }

    fn is_standard_and_queued(
        &self,
        hold: &Hold<'_, H>,
        receiver: &Receiver<'_, H>,
        signal: Signal,
    ) -> bool {
        let thread = match receiver {
            Receiver::Process(_) => None,
            Receiver::Thread(thread) => *thread,
        };
        signal.is_standard() && hold.host().is_signal_queued(hold.view(), self, thread, signal)
    }

    /// Who could take the signal at once: the addressed thread, or any behind it if it is for the process. Of very many, some are asked after the unlock.
    fn find_taker<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        receiver: &Receiver<'h, H>,
        signal: Signal,
    ) -> Taker<'h, H> {
        let of = |is_found| if is_found { Taker::Found } else { Taker::Nobody };
        if let Receiver::Thread(thread) = receiver {
            return of(thread.is_some_and(|thread| thread.can_take(hold, signal)));
        }
        if signal == Signal::SIGKILL {
            // Whoever lives takes it.
            return of(self.live_threads.get(hold) > 0);
        }
        let addressed = receiver.addressed_thread(hold, self);
        let view = hold.view();
        if let Some(is_taken) = hold.host().is_taken_at_once(view, self, addressed, signal) {
            return of(is_taken);
        }
        if addressed.can_take(hold, signal) {
            return Taker::Found;
        }
        if addressed.awaits(hold, signal) {
            return Taker::Nobody;
        }
        let mut at = self.threads.first(hold);
        while let Some(thread) = at {
            hold.count_touched();
            if thread.can_take(hold, signal) {
                return Taker::Found;
            }
            if thread.awaits(hold, signal) {
                return Taker::Nobody;
            }
            at = self.threads.after(hold, thread);
            if let Some(next) = at.filter(|_| hold.is_batch_full() && !hold.owes_walk()) {
                return Taker::Unknown { next };
            }
        }
        Taker::Nobody
    }

    #[inline]
    fn post(
        &self,
        hold: &Hold<'_, H>,
        receiver: &Receiver<'_, H>,
        info: &SignalInfo,
        sender: Option<&Self>,
    ) {
        match receiver {
            Receiver::Process(Some(thread)) => {
                hold.host().post_signal_addressed(hold.view(), self, thread, info, sender);
            }
            Receiver::Process(None) => hold.host().post_signal(hold.view(), self, info, sender),
            Receiver::Thread(Some(thread)) => {
                hold.host().post_thread_signal(hold.view(), thread, info, sender)
            }
            Receiver::Thread(None) => {}
        }
    }
}

impl<H: Host> Thread<H> {
    pub(super) fn blocks(&self, hold: &Hold<'_, H>, signal: Signal) -> bool {
        !signal.is_unblockable() && hold.host().is_signal_blocked(hold.view(), self, signal)
    }

    /// Whether it would take the signal by sigtimedwait(2), so that nobody ends by it (R-SIG-60).
    pub(super) fn awaits(&self, hold: &Hold<'_, H>, signal: Signal) -> bool {
        self.is_attentive(hold) && hold.host().is_signal_awaited(hold.view(), self, signal)
    }

    /// Linux's `wants_signal`: a thread that is stopped or has another to look at takes only `SIGKILL` (R-STOP-08, R-EXIT-10).
    pub(super) fn can_take(&self, hold: &Hold<'_, H>, signal: Signal) -> bool {
        self.state() == ThreadState::Live
            && !self.blocks(hold, signal)
            && (signal == Signal::SIGKILL || self.is_attentive(hold))
    }

    fn is_attentive(&self, hold: &Hold<'_, H>) -> bool {
        let is_told = || hold.host().is_told_of_signal(hold.view(), self);
        self.state() == ThreadState::Live && !(self.sleeps_in_stop(hold) || is_told())
    }
}
