//! Group stops and continuations, from the signal that is sent to what the parent learns.
//!
//! | who | does | Linux |
//! | --- | --- | --- |
//! | a sender | `SIGCONT` resumes at once, whatever the receiver does about it; stop signals and `SIGCONT` discard each other from the queues ([`Process::note_signal_sent`]) | `prepare_signal` |
//! | a thread that has taken a stop signal with the default action | decides ([`Process::would_stop`]) and begins the stop for all ([`Thread::begin_stop`]) | `do_signal_stop` |
//! | every thread of the process | reports that it has stopped, then sleeps ([`Thread::join_stop`]) | `task_participate_group_stop` |
//! | the last of them | completes the stop: the process is stopped, the parent is told, once (R-NOTIFY-12) | same |
//! | a thread that exits meanwhile | counts as stopped (R-EXIT-16); one that is created meanwhile stops too (R-FORK-13) | `exit_signals`, `task_join_group_stop` |
//! | a thread that runs on | tells the parent of the continuation ([`Thread::notify_parent_if_continued`]); the sender does not (R-NOTIFY-13) | `get_signal` |
//!
//! A stop has a **round**: an odd number from its beginning to the `SIGCONT` that ends it. A thread that stops takes note of the
//! round, so beginning and ending a stop changes no thread. The stop **awaits** a number of threads, and is complete at 0.
//!
//! A tracee that its tracer lets run in the stop may take another stop signal, and begin the stop **anew**: whoever is not asleep in it joins it once more (R-STOP-14).
//!
//! What `wait` reports is one stop and one continuation, each once, the newer one making the other void (R-STOP-06, R-STOP-07).
//!
//! A kernel that does all this by itself reports the outcome with [`Process::report_group_stopped`] and [`Process::report_group_continued`].

use super::send::Receiver;
use super::thread_walk::Errand;
use super::{Marks, Process, TracedBy, try_is_orphaned_group};
use crate::sync::{Hold, HoldFull};
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{Attention, Host, Signal, SignalCause, WaitStatus};

/// Which waiting signals the sending of another one makes void, in all queues of the process. R-STOP-01.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscardedSignals {
    /// None.
    Nothing,
    /// `SIGCONT`.
    Continue,
    /// `SIGSTOP`, `SIGTSTP`, `SIGTTIN` and `SIGTTOU`.
    Stops,
}

impl DiscardedSignals {
    pub(super) const fn by(signal: Signal) -> Self {
        match signal {
            Signal::SIGCONT => Self::Stops,
            signal if signal.is_stop() => Self::Continue,
            _ => Self::Nothing,
        }
    }
}

/// What becomes of a stop signal whose action is the default one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopDecision {
    /// The process stops.
    Stop,
    /// It is discarded: nobody could continue the orphaned group (R-ORPHAN-09), or the process is ending.
    Discard,
    /// It would stop, but `SIGCONT` was sent after it had been taken from its queue (R-STOP-09).
    CancelledByCont,
}

/// Proof of the moment at which a stop signal was taken from its queue; see [`Process::stop_ticket`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StopTicket {
    continues: u32,
}

/// What the stopping of a thread was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreadStop {
    /// It sleeps until `SIGCONT` or `SIGKILL`; the stop still awaits other threads.
    OthersRun,
    /// It sleeps; with it the process has stopped. One thread of each stop gets this answer.
    Last,
    /// It sleeps; the process had stopped before.
    Joined,
    /// It sleeps in a ptrace-stop, and its tracer has been told; with that it has taken part in the group stop too.
    Trapped,
    /// There is no stop, or no more: it runs on.
    RunsOn,
}

impl<H: Host> Process<H> {
    /// Takes note that a signal is being sent to the process or to one of its threads, and tells which waiting signals that makes void.
    ///
    /// For a kernel that queues signals past the model. Those that go through the model ([`Thread::kill`] and its like, and what it posts) are
    /// noted there, and the kernel discards in its hook [`Host::discard_signals`]. It counts at this moment, whether the signal is blocked, ignored or
    /// handled: `SIGCONT` ends a stop, complete or in progress. The kernel wakes the threads that sleep in it. R-STOP-01, R-STOP-02, R-STOP-06.
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
    /// use axprocess::{DiscardedSignals, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// assert_eq!(init.process().note_signal_sent(Signal::SIGTSTP), DiscardedSignals::Continue);
    /// assert_eq!(init.process().note_signal_sent(Signal::SIGCONT), DiscardedSignals::Stops);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn note_signal_sent(&self, signal: Signal) -> DiscardedSignals {
        self.table().hold(|hold| {
            self.act_if_sigcont(hold, signal);
            self.void_tickets_if_sigcont(hold, signal);
        });
        DiscardedSignals::by(signal)
    }

    /// Returns the proof to keep with a stop signal that is being taken from its queue. Wait-free.
    ///
    /// Taken under the lock of that queue, which [`Host::discard_signals`] takes: then a `SIGCONT` either finds the stop signal in the
    /// queue, or makes the ticket void.
    pub fn stop_ticket(&self) -> StopTicket {
        StopTicket { continues: self.continues.get() }
    }

    /// Returns what would become of a stop signal with the default action. Changes nothing; [`Thread::begin_stop`] decides anew. Takes the lock.
    ///
    /// `SIGSTOP` always stops; the terminal's stop signals do not in an orphaned group, nor an init. R-ORPHAN-09, R-NS-12.
    pub fn would_stop(&self, signal: Signal) -> StopDecision {
        self.table().hold_until_done(|hold| self.try_would_stop(hold, signal))
    }

    /// Records that every thread of the process has stopped, because of `signal`, and tells the parent.
    ///
    /// Does nothing on a process that is stopped already (R-STOP-05) or has ended (R-STOP-12), nor on a kernel thread (R-KTHREAD-03). R-NOTIFY-11, R-NOTIFY-12, R-STOP-04.
    pub fn report_group_stopped(&self, signal: Signal) {
        self.table().hold(|hold| {
            if !self.can_stop(hold) || self.has(hold, Marks::STOPPED) {
                return;
            }
            if self.stop_awaits.get(hold) == 0 {
                self.begin_stop_round(hold, signal);
            }
            let leader = self.leader(hold);
            self.complete_group_stop(hold, leader);
        });
    }

    /// Records that `SIGCONT` has resumed the process, and tells the parent. An unreported stop is lost.
    ///
    /// Of a `SIGCONT` that was sent here, or that the model itself has sent, it tells the parent what that has left to be told. Else it does nothing on a process that is not stopped. R-STOP-06, R-STOP-07, R-NOTIFY-11.
    pub fn report_group_continued(&self) {
        self.table().hold(|hold| {
            if !self.is_exit_undecided(hold) {
                return;
            }
            if self.has(hold, Marks::STOPPED) {
                self.end_stop_by_sigcont(hold);
            }
            self.notify_parent_if_notice_pending(hold);
        });
    }

    /// Returns whether the process is stopped: every thread has reported. Takes the lock.
    pub fn is_stopped(&self) -> bool {
        self.table().hold(|hold| self.has(hold, Marks::STOPPED))
    }

    /// Whether a thread that stopped last in this round sleeps in it: it is the present one. A hint; to a holder it is certain.
    pub(crate) fn is_round_of_stop(&self, round: u32) -> bool {
        !round.is_multiple_of(2) && self.stop_round.get() == round
    }

    /// Whether a group stop has begun, be it complete, and is not over.
    pub(super) fn is_stop_in_effect(&self, hold: &Hold<'_, H>) -> bool {
        !self.stop_round.get_in(hold).is_multiple_of(2)
    }

    /// Whether a thread that looks is in a stop, or may be the first after one.
    fn is_told_of_stop_or_continuation(&self, hold: &Hold<'_, H>) -> bool {
        self.is_stop_in_effect(hold) || self.has_notice_pending(hold)
    }

    /// Whether the first thread that looks has to tell the parent of a continuation.
    pub(super) fn has_notice_pending(&self, hold: &Hold<'_, H>) -> bool {
        self.marks.get(hold).intersects(NOTICES)
    }

    /// What `wait` would report of a stop or a continuation.
    pub(super) fn stop_report(&self, hold: &Hold<'_, H>) -> Option<WaitStatus> {
        let signal = self.stop_signal.get(hold)?;
        self.has(hold, Marks::STOP_REPORT).then_some(WaitStatus::Stopped(signal))
    }

    /// The signal of the group stop in which it is, complete or not, unless somebody has waited for that.
    pub(super) fn unread_stop_signal(&self, hold: &Hold<'_, H>) -> Option<Signal> {
        let is_read = self.has(hold, Marks::STOPPED) && !self.has(hold, Marks::STOP_REPORT);
        self.stop_signal.get(hold).filter(|_| self.is_stop_in_effect(hold) && !is_read)
    }

    /// A process that exits is not stopped any more, and what was not reported is lost (R-EXIT-13).
    pub(super) fn clear_stop_and_reports(&self, hold: &mut Hold<'_, H>) {
        self.end_group_stop(hold);
        self.unmark(hold, REPORTS | NOTICES);
        self.update_report_queue(hold);
    }

    /// An exec releases the threads for which a stop in progress waits: it ends, and nobody hears of it.
    pub(super) fn cancel_stop_in_progress(&self, hold: &mut Hold<'_, H>) {
        if self.stop_awaits.get(hold) > 0 {
            self.end_group_stop(hold);
        }
    }

    /// `SIGCONT` acts when it is sent: it ends a stop, and each thread that was seized stops once for its tracer to see that (R-STOP-15).
    pub(super) fn act_if_sigcont(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        if signal != Signal::SIGCONT || !self.is_exit_undecided(hold) {
            return;
        }
        self.end_stop_by_sigcont(hold);
        if self.has(hold, Marks::TRACED) {
            self.walk_threads(hold, Errand::NotifyOfContinuation);
        }
    }

    /// A stop that was complete has been continued; one that was in progress has been both, of which the parent is told the first (R-STOP-06).
    fn end_stop_by_sigcont(&self, hold: &mut Hold<'_, H>) {
        let notice = if self.has(hold, Marks::STOPPED) {
            Marks::CONTINUE_NOTICE
        } else if self.stop_awaits.get(hold) > 0 {
            Marks::STOP_NOTICE
        } else {
            return;
        };
        self.end_group_stop(hold);
        self.unmark(hold, REPORTS | NOTICES);
        self.mark(hold, Marks::CONTINUE_REPORT | notice);
        self.update_report_queue(hold);
    }

    /// Makes the tickets void that were taken before this signal. After the hook that discards from the queues: who takes a stop
    /// signal from a queue before that has a ticket from before.
    pub(super) fn void_tickets_if_sigcont(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        if signal == Signal::SIGCONT {
            let continues = self.continues.get().wrapping_add(1);
            self.continues.set(hold, continues);
        }
    }

    /// The new thread stops too, if the process does: the stop in progress waits for it. R-FORK-13, B26.
    pub(super) fn count_new_thread_in_stop(&self, hold: &mut Hold<'_, H>, thread: &Thread<H>) {
        if self.is_stop_in_effect(hold) {
            thread.call_attention(hold, Attention::STOP);
        }
        let awaited = self.stop_awaits.get(hold);
        if awaited > 0 {
            self.stop_awaits.set(hold, awaited + 1);
        }
    }

    /// Whether a stop has a meaning: its exit is not decided, and it is no kernel thread.
    fn can_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.is_exit_undecided(hold) && !self.has(hold, Marks::KERNEL_THREAD)
    }

    /// What would become of the signal. Begins nothing: the hold is written to by the orphan question alone, which remembers whom it has asked.
    ///
    /// # Errors
    ///
    /// The hold is full before the orphan question is answered.
    fn try_would_stop(
        &self,
        hold: &mut Hold<'_, H>,
        signal: Signal,
    ) -> Result<StopDecision, HoldFull> {
        let stops = self.can_stop(hold)
            && signal.is_stop()
            && (signal == Signal::SIGSTOP
                || !self.is_shielded_init(hold)
                    && !try_is_orphaned_group(hold, self.group.get(hold))?);
        Ok(if stops { StopDecision::Stop } else { StopDecision::Discard })
    }

    /// Begins a stop, with the signal that `wait` will report (R-STOP-04, R-STOP-05).
    pub(super) fn begin_stop_round(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        debug_assert!(!self.is_stop_in_effect(hold), "no stop is in progress");
        self.mark(hold, Marks::SLOW_PATH);
        self.stop_signal.set(hold, Some(signal));
        self.newest_stop_signal.set(hold, Some(signal));
        self.stop_round.set(hold, self.stop_round.get_in(hold).wrapping_add(1));
    }

    /// Begins the stop anew that is in progress or complete. A complete one keeps its report.
    fn begin_stop_anew(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        self.newest_stop_signal.set(hold, Some(signal));
        if !self.has(hold, Marks::STOPPED) {
            self.stop_signal.set(hold, Some(signal));
        }
    }

    /// Ends a stop, complete or not.
    fn end_group_stop(&self, hold: &mut Hold<'_, H>) {
        self.stop_awaits.set(hold, 0);
        if self.is_stop_in_effect(hold) {
            self.stop_round.set(hold, self.stop_round.get_in(hold).wrapping_add(1));
        }
        if self.has(hold, Marks::STOPPED) {
            self.unmark(hold, Marks::STOPPED);
            self.group.get(hold).decrement_stopped(hold);
        }
    }

    /// The parent is not told if it traces the thread that was the last to stop: it hears of that thread's ptrace-stop.
    fn complete_group_stop(&self, hold: &mut Hold<'_, H>, last: Option<&Thread<H>>) {
        self.stop_awaits.set(hold, 0);
        self.unmark(hold, REPORTS | NOTICES);
        self.mark(hold, Marks::STOPPED | Marks::STOP_REPORT);
        self.group.get(hold).increment_stopped(hold);
        if last.is_some_and(|last| last.is_traced_by_parent(hold)) {
            self.update_report_queue(hold);
        } else if let Some(signal) = self.stop_signal.get(hold) {
            let status = WaitStatus::Stopped(signal);
            self.notify_parent_cldstop(hold, |pid| SignalCause::Child { pid, status });
        }
    }

    /// Tells the parent what it has not been told yet of a continuation; and the tracer of the leader, if that is of another process. R-PTRACE-08.
    fn notify_parent_if_notice_pending(&self, hold: &mut Hold<'_, H>) {
        let marks = self.marks.get(hold);
        self.unmark(hold, NOTICES);
        let cause = |pid| match marks.contains(Marks::CONTINUE_NOTICE) {
            true => SignalCause::Child { pid, status: WaitStatus::Continued },
            false => SignalCause::ChildStopUndone { pid },
        };
        if marks.intersects(NOTICES) {
            self.notify_parent_cldstop(hold, cause);
            let of_other = self.traced_by(hold) == TracedBy::NonParent;
            if let Some(trace) = self.traced_leader(hold).filter(|_| of_other) {
                trace.notify_tracer_of_stop(hold, cause);
            }
        }
    }

    /// Tells the parent, always by `SIGCHLD`. R-NOTIFY-11, R-NOTIFY-14.
    fn notify_parent_cldstop(
        &self,
        hold: &mut Hold<'_, H>,
        cause: impl FnOnce(u32) -> SignalCause,
    ) {
        self.update_report_queue(hold);
        let Some(parent) = self.parent_in(hold) else {
            return;
        };
        let receiver = Receiver::Process(self.parent_thread_unless_exited(hold));
        let asks = |hold: &Hold<'_, H>| (parent.wants_sigchld_of_stops(hold), ());
        let cause = |hold: &Hold<'_, H>| cause(self.number_seen_by(hold, parent));
        parent.send_sigchld_if(hold, receiver, self, asks, cause);
        parent.note_news_of_child(hold, self);
    }
}

const REPORTS: Marks = Marks::STOP_REPORT.union(Marks::CONTINUE_REPORT);
const NOTICES: Marks = Marks::STOP_NOTICE.union(Marks::CONTINUE_NOTICE);

impl<H: Host> Thread<H> {
    /// Takes the default action of a stop signal that this thread has taken from a queue: begins a stop of the whole process.
    ///
    /// After [`StopDecision::Stop`] the thread calls [`join_stop`](Self::join_stop), and so does every other one that has not stopped; each
    /// is told so by [`Host::request_stop`]. If a stop has begun in which this thread has not taken part, it just does. If it has, and its tracer has let it run, it begins the stop anew: all others that
    /// are not asleep in it are asked once more. Asks [`Process::would_stop`] in the same section. The threads are told at most 48 in a hold; one that is
    /// created meanwhile asks by itself. R-STOP-03, R-STOP-05, R-STOP-09, R-STOP-14, R-ORPHAN-09.
    pub fn begin_stop(&self, signal: Signal, ticket: StopTicket) -> StopDecision {
        let process = self.process();
        process.table().hold_until_done(|hold| {
            if self.state() != ThreadState::Live {
                return Ok(StopDecision::Discard);
            }
            let decision = process.try_would_stop(hold, signal)?;
            if decision != StopDecision::Stop || process.has(hold, Marks::EXECING) {
                return Ok(StopDecision::Discard);
            }
            if process.stop_ticket() != ticket {
                return Ok(StopDecision::CancelledByCont);
            }
            let is_anew = process.is_stop_in_effect(hold);
            let begins = !is_anew || self.runs_in_group_stop(hold);
            if !is_anew {
                process.begin_stop_round(hold, signal);
                process.stop_awaits.set(hold, process.live_threads.get(hold));
            } else if begins {
                process.begin_stop_anew(hold, signal);
                self.have_join_anew(hold);
            }
            if begins {
                let (round, begun_by) =
                    (process.stop_round.get_in(hold), self.place_in_process(hold));
                hold.count_touched();
                process.walk_threads(hold, Errand::RequestStop { round, begun_by, is_anew });
            }
            self.call_attention(hold, Attention::STOP);
            Ok(decision)
        })
    }

    /// Stops this thread where it has to, if it has to: for its tracer, if it has one, else with its group.
    ///
    /// What [`Attention::STOP`] asks for, in one section, and what [`Host::request_stop`] and [`Host::tracing_changed`] tell of. The kernel then lets the thread sleep while [`is_stopped`](Self::is_stopped). Before it, the thread
    /// tells of a continuation, if that has to be told: [`Attention::STOPPED`]. It runs on if there is nothing to stop for, or no more: a group stop in which it has not taken part, a tracer that
    /// has come while it slept in one, `PTRACE_INTERRUPT`, or for who was seized a `SIGCONT`, and its birth as the child of a tracee. A tracer is shown the signal of the group stop, or, if it has seized, `PTRACE_EVENT_STOP` with it, or with
    /// `SIGTRAP` where there is no group stop. Linux: `do_signal_stop`, `do_jobctl_trap`. R-STOP-03, R-STOP-13 to R-STOP-15.
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
    /// use axprocess::{Attention, ForkRequest, Signal, StopDecision, ThreadStop};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    ///
    /// let ticket = child.process().stop_ticket(); // taken from its queue: SIGSTOP
    /// assert_eq!(child.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
    /// assert_eq!(child.attention(), Attention::STOP);
    /// assert_eq!(child.join_stop(), ThreadStop::Last);
    /// assert!(child.is_stopped()); // the kernel lets it sleep
    ///
    /// init.kill(2, 18)?; // SIGCONT
    /// assert!(!child.is_stopped());
    /// assert_eq!(child.attention(), Attention::STOPPED);
    /// child.notify_parent_if_continued();
    /// assert!(child.attention().is_empty());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn join_stop(&self) -> ThreadStop {
        self.process().table().hold(|hold| match self.trace_of_who_stops(hold) {
            Ok(trace) if trace.has_to_trap(hold) || self.has_to_join_group_stop(hold) => {
                self.trap_with_group(hold, trace);
                ThreadStop::Trapped
            }
            Ok(_) => {
                self.answer_attention(hold, Attention::STOP);
                self.have_tell_if_notice_pending(hold);
                ThreadStop::RunsOn
            }
            Err(_) => self.participate_in_group_stop(hold),
        })
    }

    pub(super) fn participate_in_group_stop(&self, hold: &mut Hold<'_, H>) -> ThreadStop {
        let process = self.process();
        self.answer_attention(hold, Attention::STOP);
        if self.is_live() && process.is_told_of_stop_or_continuation(hold) {
            self.call_attention(hold, Attention::STOPPED);
        }
        if !self.has_to_join_group_stop(hold) {
            return match self.is_in_group_stop(hold) {
                true => ThreadStop::Joined,
                false => ThreadStop::RunsOn,
            };
        }
        let signal = self.stop_signal_seen(hold);
        self.set_last_stop_signal(hold, signal);
        let round = process.stop_round.get_in(hold);
        self.last_stop_round().set(hold, round);
        match process.stop_awaits.get(hold) {
            0 => ThreadStop::Joined,
            1 => {
                process.complete_group_stop(hold, Some(self));
                ThreadStop::Last
            }
            awaited => {
                process.stop_awaits.set(hold, awaited - 1);
                ThreadStop::OthersRun
            }
        }
    }

    /// Returns whether this thread has to [join](Self::join_stop) a group stop: its process does, and it has not yet. Takes the lock.
    ///
    /// To be asked wherever the thread looks for signals, and by a new thread before it runs (R-FORK-13).
    pub fn is_group_stop_requested(&self) -> bool {
        self.process().table().hold(|hold| self.has_to_join_group_stop(hold))
    }

    /// Somebody has to tell the parent of a continuation: whoever is the first to look. Who slept with the group looks by itself when it is woken; a tracee that was let run in the stop does not.
    pub(super) fn have_tell_if_notice_pending(&self, hold: &mut Hold<'_, H>) {
        if self.is_live() && self.process().has_notice_pending(hold) {
            self.call_attention(hold, Attention::STOPPED);
        }
    }

    /// A thread that another's exec ends tells first what is to be told of a continuation, as any that looks for signals does.
    pub(super) fn tell_of_continuation_if_killed_in_exec(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        if self.attention().contains(Attention::EXIT) && !process.has(hold, Marks::GROUP_EXIT) {
            process.notify_parent_if_notice_pending(hold);
        }
    }

    /// Reports that this thread runs, and looks for signals. The first one after a `SIGCONT` tells the parent of it.
    ///
    /// To be called by every thread that comes back from a [stop](Self::join_stop), and where a `SIGCONT` made it look for signals: [`Attention::STOPPED`] says when. Called while the thread [is stopped](Self::is_stopped), as by one who was woken for nothing, it leaves that bit set. R-NOTIFY-13, R-STOP-06.
    pub fn notify_parent_if_continued(&self) {
        let process = self.process();
        process.table().hold(|hold| {
            if !self.is_stopped() {
                self.answer_attention(hold, Attention::STOPPED);
            }
            process.notify_parent_if_notice_pending(hold);
        });
    }

    /// A thread that exits counts as stopped, and may be the last that the stop waits for (R-EXIT-16). Not the last thread of all: its
    /// process does not stop, but ends.
    pub(super) fn count_exit_as_stop(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        let awaited = process.stop_awaits.get(hold);
        if awaited == 0 || self.is_in_group_stop(hold) {
            return;
        }
        process.stop_awaits.set(hold, awaited - 1);
        if process.live_threads.get(hold) == 0 {
            process.end_group_stop(hold);
        } else if awaited == 1 {
            process.complete_group_stop(hold, None);
        }
    }

    pub(crate) fn has_to_join_group_stop(&self, hold: &Hold<'_, H>) -> bool {
        let stops = self.process().is_stop_in_effect(hold);
        stops && self.state() == ThreadState::Live && !self.is_in_group_stop(hold)
    }

    /// Whether it has taken part in the present stop, and its tracer has let it run, or keeps it in a stop of its own. Nobody else runs in a stop.
    pub(super) fn runs_in_group_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.is_in_group_stop(hold) && self.has_mark(ThreadMark::Traced)
    }

    /// Whether it sleeps in a stop: a tracee in its tracer's alone. Of a process whose kernel reports its stops all do.
    pub(super) fn sleeps_in_stop(&self, hold: &Hold<'_, H>) -> bool {
        match self.has_mark(ThreadMark::Traced) {
            true => self.has_mark(ThreadMark::InPtraceStop),
            false => self.is_in_group_stop(hold) || self.process().has(hold, Marks::STOPPED),
        }
    }

    /// The stop in which it has taken part has begun anew.
    pub(super) fn have_join_anew(&self, hold: &mut Hold<'_, H>) {
        const NO_ROUND: u32 = 0;
        let process = self.process();
        self.last_stop_round().set(hold, NO_ROUND);
        if !process.has(hold, Marks::STOPPED) {
            process.stop_awaits.set(hold, process.stop_awaits.get(hold) + 1);
        }
    }

    /// The signal by which it is stopped, or will be when it joins.
    pub(super) fn stop_signal_seen(&self, hold: &Hold<'_, H>) -> Signal {
        let newest = self.process().newest_stop_signal.get(hold);
        let newest = newest.filter(|_| self.has_to_join_group_stop(hold));
        newest.unwrap_or_else(|| self.last_stop_signal(hold))
    }

    /// Whether this thread has stopped in the present round.
    pub(crate) fn is_in_group_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.process().is_round_of_stop(self.last_stop_round().get_in(hold))
    }
}
