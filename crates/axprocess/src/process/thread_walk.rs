//! What is decided for a whole process at one moment, and then done thread by thread, in as many holds as that takes.
//!
//! | what | decided in the first hold | done to each thread | moot as soon as |
//! | --- | --- | --- | --- |
//! | a group exit | that, with its status: nobody can join (R-EXIT-10, R-EXIT-11) | it is asked to exit | – |
//! | an exec | that nobody can join, nor begin another (R-EXEC-12) | the same, but who is in exec | – |
//! | a core dump | as a group exit (R-EXIT-21) | the same, but who dumps, and who exits already | – |
//! | the end of a core dump | how the process ends | it goes on, if it is parked | – |
//! | a group stop | its round, and how many threads it awaits (R-STOP-03) | it is asked to stop | a `SIGCONT` has ended the round |
//! | one that begins anew | its signal (R-STOP-14) | it is awaited and asked once more, if it is not asleep in it | the same |
//! | a `SIGCONT` to a process with tracees | that it ends the stop | it tells the parent, if it is the first that looks; it stops for its tracer, if that has seized it (R-STOP-15) | the exit is decided |
//! | a signal that ends the process if a thread can take it | that it is queued | whether it can: then the exit is decided | the exit is, or the signal has left the queue, or is ignored or handled by now |
//! | the signals at the parent's death | who the parent is now | its wish is sent | the exit is decided |
//!
//! Linux does each in one section under `siglock`, or `tasklist_lock`. But what a thread is asked for there reaches it with the next interrupt, so one that was not asked yet is like one that was, and has not
//! heard of it; and a queued signal that one could take is like one that was sent while that thread had another to look at (R-STOP-08). The call that has decided comes back when all is done.
//! At most 64 threads are walked over in a hold; the next hold goes on behind them. Places decide who is behind: who has exited meanwhile hides nobody, and who has
//! joined since the beginning is not meant.
//!
//! A hold can leave one such walk behind, and one more of which that is a step: the wish for a signal that begins a search. Whoever hits more processes in one hold, as a signal to a group has
//! to, walks over the threads of the others in that hold.

use core::ops::ControlFlow;

use super::send::Origin;
use super::{Marks, Process};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark};
use crate::{ARef, Attention, Host, Signal};

/// The rest of a walk over the threads of a process.
pub(crate) struct ThreadWalk<H: Host> {
    process: ARef<Process<H>>,
    /// Where it goes on, if that thread is still there; else behind `passed`.
    next: ARef<Thread<H>>,
    /// All threads up to this place have been walked over.
    passed: i64,
    /// Threads behind this place have come since it began.
    until: i64,
    errand: Errand<H>,
}

/// For what the threads of a process are walked over.
pub(super) enum Errand<H: Host> {
    /// Not of the thread with that place, which is in exec or dumps core.
    RequestExit {
        besides: Option<i64>,
    },
    EndParking,
    /// On behalf of the thread with that place, which need not be asked.
    RequestStop {
        round: u32,
        begun_by: i64,
        is_anew: bool,
    },
    NotifyOfContinuation,
    /// Who can take a signal that is queued, and ends the process if somebody can.
    FindTaker(Signal, Origin),
    /// On behalf of the former parent; so many threads have a wish.
    SendPdeathSignal {
        lost: ARef<Process<H>>,
        left: u32,
    },
}

impl<H: Host> ThreadWalk<H> {
    /// Goes as far as the hold allows, which owes the rest then.
    pub(crate) fn go_on(self, hold: &mut Hold<'_, H>) {
        let Self { process, next, passed, until, errand } = self;
        hold.relations_mut().audit.note_walk_begun();
        let is_decision = matches!(errand, Errand::FindTaker(..));
        if is_decision {
            hold.host().deciding_signal(hold.view(), &process);
        }
        if !errand.is_moot(hold, &process) {
            let from = match next.is_listed(hold) {
                true => Some(next.in_hold(hold)),
                false => process.in_hold(hold).threads.first(hold),
            };
            hold.count_touched();
            process.walk_threads_from(hold, from, passed, until, errand);
        }
        if is_decision {
            hold.host().signal_decided(hold.view(), &process);
        }
    }
}

impl<H: Host> Process<H> {
    /// Walks over all threads that there are now.
    pub(super) fn walk_threads(&self, hold: &mut Hold<'_, H>, errand: Errand<H>) {
        let (first, until) = (self.threads.first(hold), hold.relations().newest_place());
        self.walk_threads_from(hold, first, i64::MIN, until, errand);
    }

    /// Has those behind `passed` walked over after the unlock.
    pub(super) fn owe_thread_walk(
        &self,
        hold: &mut Hold<'_, H>,
        next: &Thread<H>,
        errand: Errand<H>,
    ) {
        let until = hold.relations().newest_place();
        let (process, next) = (ARef::from(self), ARef::from(next));
        hold.owe_walk(ThreadWalk { process, next, passed: i64::MIN, until, errand });
    }

    fn walk_threads_from<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        from: Option<&'h Thread<H>>,
        passed: i64,
        until: i64,
        errand: Errand<H>,
    ) {
        let (mut at, mut passed, mut errand) = (from, passed, errand);
        // Who hits many processes in one hold finds it full, and one walk owed: this one cannot be.
        let must_finish = hold.owes_walk();
        while let Some(thread) = at {
            let place = thread.place_in_process(hold);
            if place > until {
                return;
            }
            if place > passed {
                passed = place;
                if errand.run(hold, self, thread).is_break() {
                    return;
                }
            }
            at = self.threads.after(hold, thread);
            if let Some(next) = at.filter(|_| hold.is_batch_full() && !must_finish) {
                let (process, next) = (ARef::from(self), ARef::from(next));
                hold.owe_walk(ThreadWalk { process, next, passed, until, errand });
                return;
            }
            if at.is_some() {
                // The first one is counted with the process, by whoever has come to that.
                hold.count_touched();
            }
        }
    }
}

impl<H: Host> Errand<H> {
    /// Whether nothing would come of it any more.
    fn is_moot(&self, hold: &Hold<'_, H>, process: &Process<H>) -> bool {
        match *self {
            Self::RequestExit { .. } | Self::EndParking => false,
            Self::RequestStop { round, .. } => process.stop_round.get_in(hold) != round,
            Self::FindTaker(signal, origin) => {
                !process.is_exit_undecided(hold)
                    || !process.would_end_by(hold, origin, signal)
                    || !hold.host().is_signal_queued(hold.view(), process, None, signal)
            }
            Self::NotifyOfContinuation | Self::SendPdeathSignal { .. } => {
                !process.is_exit_undecided(hold)
            }
        }
    }

    fn run<'h>(
        &mut self,
        hold: &mut Hold<'h, H>,
        process: &Process<H>,
        thread: &'h Thread<H>,
    ) -> ControlFlow<()> {
        match self {
            Self::RequestExit { besides } => {
                let is_asked = *besides != Some(thread.place_in_process(hold));
                // Who has begun to exit need not be told of a dump, but of the `SIGKILL` that cuts it.
                let begins_dump = besides.is_some() && process.has(hold, Marks::DUMPING_CORE);
                let is_spared = begins_dump && thread.has_mark(ThreadMark::ExitBegun);
                if is_asked && !is_spared && thread.is_live() {
                    thread.end_ptrace_stop(hold);
                    thread.request_exit(hold);
                }
            }
            Self::EndParking => thread.end_parking(hold),
            Self::RequestStop { begun_by, is_anew, .. } => {
                if thread.place_in_process(hold) != *begun_by {
                    if *is_anew && thread.runs_in_group_stop(hold) {
                        thread.have_join_anew(hold);
                    }
                    if thread.has_to_join_group_stop(hold) {
                        thread.notify_seizer(hold);
                        thread.request_stop(hold);
                    }
                }
            }
            Self::NotifyOfContinuation => {
                thread.have_tell_if_notice_pending(hold);
                if thread.notify_seizer(hold) {
                    thread.request_stop(hold);
                }
            }
            Self::FindTaker(signal, _) => {
                if thread.can_take(hold, *signal) {
                    process.begin_group_exit_by_signal(hold, *signal);
                    return ControlFlow::Break(());
                }
                if thread.awaits(hold, *signal) {
                    return ControlFlow::Break(());
                }
            }
            Self::SendPdeathSignal { lost, left } => {
                if process.send_pdeath_signal_of(hold, lost, thread) {
                    *left -= 1;
                }
                if *left == 0 {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl<H: Host> Thread<H> {
    /// Has it exit, wherever it sleeps.
    pub(super) fn request_exit(&self, hold: &mut Hold<'_, H>) {
        self.call_attention(hold, Attention::EXIT);
        hold.host().request_exit(hold.view(), self);
    }

    /// Has it look where it has to stop, wherever it sleeps interruptibly.
    pub(super) fn request_stop(&self, hold: &mut Hold<'_, H>) {
        self.call_attention(hold, Attention::STOP);
        hold.host().request_stop(hold.view(), self);
    }
}
