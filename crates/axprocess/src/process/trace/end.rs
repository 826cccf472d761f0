//! How tracing ends: a tracee is let go, a tracee dies, a tracer exits.

use super::TraceOptions;
use super::record::{PtraceRole, TraceMarks};
use crate::process::send::Receiver;
use crate::process::{Marks, Process, ProcessState};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{Attention, ExitStatus, Host, Pid, Signal, SignalCause, SignalInfo, WaitStatus};

impl<H: Host> PtraceRole<H> {
    /// Ends the tracing, as Linux's `__ptrace_detach`: the living go on without a tracer, the dead go where the tracer kept them from.
    pub(super) fn detach_from_tracer(&self, hold: &mut Hold<'_, H>) {
        let Some(tracer) = self.tracer(hold) else { return };
        let tracer = tracer.process(hold);
        let is_in_ptrace_stop = self.thread(hold).is_some_and(Thread::is_in_ptrace_stop);
        self.cease_to_be_tracee(hold);
        let process = self.process(hold);
        if self.is_dead_non_leader(hold) {
            self.release_dead_non_leader(hold);
        } else if self.is_leaders(hold) && process.state() == ProcessState::Zombie {
            process.notify_or_autoreap_untraced(hold, tracer);
        } else if let Some(thread) = self.thread(hold) {
            // Who runs, and is to stop nowhere, has nothing to look for, and takes signals.
            if is_in_ptrace_stop || process.is_stop_in_effect(hold) {
                thread.call_attention(hold, Attention::STOP);
            }
            hold.host().tracing_changed(hold.view(), thread);
        }
    }

    /// Whether its process, or the namespace in which it is, may end with its release.
    fn holds_back_end(&self, hold: &Hold<'_, H>) -> bool {
        let process = self.process(hold);
        let is_zombie_of_ending_init = || {
            process.state() == ProcessState::Zombie
                && process.parent_in(hold).is_some_and(|it| it.has(hold, Marks::ENDING_PID_NS))
        };
        self.is_dead_non_leader(hold) || self.is_leaders(hold) && is_zombie_of_ending_init()
    }

    fn is_dead_non_leader(&self, hold: &Hold<'_, H>) -> bool {
        !self.is_leaders(hold) && self.zombie_status(hold).is_some()
    }

    /// Takes a dead thread, which is not the leader, out of its process: its tracer has reaped it, or let it go.
    pub(crate) fn release_dead_non_leader(&self, hold: &mut Hold<'_, H>) {
        self.cease_to_be_tracee(hold);
        let process = self.process(hold);
        if let Some(thread) = self.thread(hold) {
            thread.leave_thread_group(hold);
        }
        process.wake_exec_if_alone(hold);
        process.exit_notify_if_finished(hold);
    }

    /// The tracer of a zombie has reaped it, and is not its parent: now the parent is told (R-PTRACE-01).
    pub(crate) fn pass_zombie_to_parent(&self, hold: &mut Hold<'_, H>) {
        self.cease_to_be_tracee(hold);
        self.process(hold).notify_tracer_parent_or_autoreap(hold);
    }

    /// Leaves the tracer's view in an exec of another thread.
    pub(in crate::process) fn unlink_and_wake_tracer(&self, hold: &mut Hold<'_, H>) {
        if let Some(tracer) = self.tracer(hold) {
            let news = self.news_to_tracer(hold);
            self.cease_to_be_tracee(hold);
            tracer.process(hold).note_news_and_wake(hold, &news);
        }
    }

    /// Tells the tracer of an end. R-PTRACE-02: whatever the tracer does about `SIGCHLD`, the dead wait for it.
    pub(in crate::process) fn notify_tracer(
        &self,
        hold: &mut Hold<'_, H>,
        signal: Option<Signal>,
        status: WaitStatus,
    ) {
        let Some(tracer) = self.tracer(hold) else { return };
        let process = tracer.process(hold);
        if let Some(signal) = signal {
            let pid = self.number_in(hold, process.pid_ns(hold));
            tracer.signal(hold, signal, SignalCause::Child { pid, status }, self.process(hold));
        }
        let news = self.news_to_tracer(hold);
        process.note_news_and_wake(hold, &news);
    }

    /// Tells the tracer of a stop or a continuation, unless it does not want to hear of those; its waiters are woken in any case.
    pub(in crate::process) fn notify_tracer_of_stop(
        &self,
        hold: &mut Hold<'_, H>,
        cause: impl FnOnce(Pid) -> SignalCause,
    ) {
        let Some(tracer) = self.tracer(hold) else { return };
        let process = tracer.process(hold);
        let receiver = Receiver::Process(tracer.thread(hold));
        let asks = |hold: &Hold<'_, H>| (process.wants_sigchld_of_stops(hold), ());
        let cause = |hold: &Hold<'_, H>| cause(self.number_in(hold, process.pid_ns(hold)));
        process.send_sigchld_if(hold, receiver, self.process(hold), asks, cause);
        let news = self.news_to_tracer(hold);
        process.note_news_and_wake(hold, &news);
    }

    /// A signal for its process: the thread itself is asked first.
    fn signal(
        &self,
        hold: &mut Hold<'_, H>,
        signal: Signal,
        cause: SignalCause,
        sender: &Process<H>,
    ) {
        let receiver = Receiver::Process(self.thread(hold));
        self.process(hold).send_to(hold, receiver, &SignalInfo { signal, cause }, Some(sender));
    }
}

impl<H: Host> Thread<H> {
    /// Lets the tracees of an exiting thread go, or as many as the hold allows. False if some are left. R-PTRACE-05.
    ///
    /// A few of the dead among them stay until the thread itself has been told of ([`release_dead_tracees`](Self::release_dead_tracees)): with the last of them
    /// their process may end, or their namespace, of which others hear later than of this thread.
    pub(in crate::process) fn try_exit_ptrace(&self, hold: &mut Hold<'_, H>) -> bool {
        const FEW: usize = 16;
        let Some(trace) = self.trace(hold) else { return true };
        let (mut next, mut kept) = (trace.tracees().last(hold), 0);
        while let Some(tracee) = next {
            next = trace.tracees().before(hold, tracee);
            hold.count_touched();
            if kept < FEW && tracee.holds_back_end(hold) {
                kept += 1;
                continue;
            }
            if tracee.tracing(hold).1.contains(TraceOptions::EXIT_KILL)
                && tracee.zombie_status(hold).is_none()
            {
                tracee.kill(hold);
            }
            tracee.detach_from_tracer(hold);
            if hold.is_batch_full() {
                return next.is_none();
            }
        }
        true
    }

    /// The dead that are left of its tracees are let go, in the order in which they were attached.
    pub(in crate::process) fn release_dead_tracees(&self, hold: &mut Hold<'_, H>) {
        let Some(trace) = self.trace(hold) else { return };
        while let Some(tracee) = trace.tracees().first(hold) {
            hold.count_touched();
            tracee.detach_from_tracer(hold);
        }
    }

    /// A traced thread that is not the leader has handed over all it had: it waits for its tracer now. False if nobody traces it. R-PTRACE-06.
    pub(in crate::process) fn exit_notify_if_traced(&self, hold: &mut Hold<'_, H>) -> bool {
        let Some(trace) = self.trace(hold).filter(|trace| trace.tracer(hold).is_some()) else {
            return false;
        };
        let is_leader = trace.is_leaders(hold);
        if is_leader {
            return false;
        }
        self.enter_state(hold, ThreadState::Zombie);
        self.enter_dead_run(hold);
        if let Some(identity) = self.own_identity(hold) {
            identity.note_exit(hold);
        }
        hold.host().wake_thread_pollers(hold.view(), self);
        let status = ExitStatus::from_word(self.exit_code().get_in(hold)).into();
        if trace.zombie_status(hold).is_some() {
            trace.notify_tracer(hold, Some(Signal::SIGCHLD), status);
        }
        true
    }

    /// A traced thread is killed, or begins to exit: it is in no ptrace-stop any more, read or not.
    pub(in crate::process) fn end_ptrace_stop(&self, hold: &mut Hold<'_, H>) {
        if let Some(trace) = self.trace(hold).filter(|trace| trace.tracer(hold).is_some()) {
            trace.end_stop(hold);
        }
    }

    /// It is in no ptrace-stop any more. Whether its group stop is over it looks for only if its parent has to be told of that, as `get_signal` does behind a trap.
    pub(super) fn leave_ptrace_stop(&self, hold: &mut Hold<'_, H>) {
        self.set_mark(hold, ThreadMark::InPtraceStop, false);
        if !self.process().has_notice_pending(hold) {
            self.answer_attention(hold, Attention::STOPPED);
        }
    }

    /// A thread that is not the leader leaves for good, and with it its part in ptrace.
    pub(in crate::process) fn cease_to_be_tracee(&self, hold: &mut Hold<'_, H>) {
        if let Some(trace) = self.trace(hold) {
            trace.cease_to_be_tracee(hold);
        }
    }

    /// Forgets a tracee without a word, when the whole table is being dropped. False if there is none.
    pub(in crate::process) fn forget_tracee(&self, hold: &mut Hold<'_, H>) -> bool {
        let tracee = self.trace(hold).and_then(|trace| trace.tracees().last(hold));
        if let Some(tracee) = tracee {
            tracee.cease_to_be_tracee(hold);
        }
        tracee.is_some()
    }
}

impl<H: Host> PtraceRole<H> {
    fn kill(&self, hold: &mut Hold<'_, H>) {
        let info = SignalInfo { signal: Signal::SIGKILL, cause: SignalCause::Kernel };
        let receiver = Receiver::Thread(self.thread(hold));
        self.process(hold).send_to(hold, receiver, &info, None);
    }
}

impl<H: Host> Process<H> {
    /// A zombie has lost its tracer: its parent is told, or knows already because it was the tracer.
    fn notify_or_autoreap_untraced(&self, hold: &mut Hold<'_, H>, tracer: &Self) {
        if !self.is_child_of(hold, tracer) {
            self.notify_tracer_parent_or_autoreap(hold);
            return;
        }
        if tracer.waits_for_no_child(hold) {
            let news = self.news_to_parent(hold);
            drop(self.reap(hold));
            tracer.note_news_and_wake(hold, &news);
        }
    }

    /// The leader has exited before others: a tracer hears of it now, and of the end of the process later.
    pub(in crate::process) fn notify_tracer_of_leader_exit(&self, hold: &mut Hold<'_, H>) {
        if let Some(trace) = self.traced_leader(hold) {
            trace.set_marks(hold, trace.marks(hold) | TraceMarks::DIED_FIRST);
            trace.notify_tracer(hold, Some(Signal::SIGCHLD), self.status_of_leader(hold).into());
        }
    }

    /// Ends the part of its leader in ptrace.
    pub(in crate::process) fn end_tracing_of_leader(&self, hold: &mut Hold<'_, H>) {
        if let Some(trace) = self.traced_leader(hold) {
            trace.cease_to_be_tracee(hold);
        }
    }
}
