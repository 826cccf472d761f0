//! Runs of dead threads in the list of a process: those that wait for their tracer, one behind the other.
//!
//! There can be very many, and whoever looks for a living thread in a hold must not walk over them. So the first and the last of each run know each other, and nobody else of it knows anything: a run grows, meets
//! another or loses a thread at constant cost, and is passed in one step.

use crate::Host;
use crate::process::Process;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};

impl<H: Host> Process<H> {
    /// The threads that live, in order.
    pub(in crate::process) fn live_threads_in_order<'a, 'h>(
        &'a self,
        hold: &'a Hold<'h, H>,
    ) -> impl Iterator<Item = &'h Thread<H>> + use<'a, 'h, H> {
        let behind = move |thread: &&'h Thread<H>| {
            self.threads.after(hold, thread.other_end_of_dead_run(hold).unwrap_or(thread))
        };
        let one_of_each_run = core::iter::successors(self.threads.first(hold), behind);
        one_of_each_run.filter(|thread| thread.is_live_in(hold))
    }
}

impl<H: Host> Thread<H> {
    /// Joins the runs before and behind it, if there are any: it has just died.
    pub(super) fn enter_dead_run(&self, hold: &mut Hold<'_, H>) {
        let Some(own) = self.trace(hold) else { return };
        own.other_end_of_dead_run.set(hold, Some(self));
        let threads = &self.process_in(hold).threads;
        let (before, behind) = (threads.before(hold, self), threads.after(hold, self));
        join_dead_runs(hold, before, Some(self.in_hold(hold)));
        join_dead_runs(hold, Some(self.in_hold(hold)), behind);
    }

    /// Leaves its run, or lets the runs before and behind it meet: it is about to leave the list.
    pub(in crate::process) fn leave_dead_run(&self, hold: &mut Hold<'_, H>) {
        let threads = &self.process_in(hold).threads;
        let (before, behind) = (threads.before(hold, self), threads.after(hold, self));
        if self.state() != ThreadState::Zombie {
            join_dead_runs(hold, before, behind);
            return;
        }
        let Some(other) = self.other_end_of_dead_run(hold) else { return };
        if let Some(own) = self.trace(hold) {
            own.other_end_of_dead_run.set(hold, None);
        }
        let is_first = before.is_none_or(|it| it.state() != ThreadState::Zombie);
        let neighbour = if is_first { behind } else { before };
        if let Some(end) = neighbour.filter(|_| !core::ptr::eq(other, self)) {
            end.set_other_end(hold, Some(other));
            other.set_other_end(hold, Some(end));
        }
    }

    /// The last of the run of which it is the first, and the other way round.
    pub(in crate::process) fn other_end_of_dead_run<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> Option<&'h Self> {
        self.trace(hold)?.other_end_of_dead_run.get(hold)
    }

    fn set_other_end(&self, hold: &mut Hold<'_, H>, end: Option<&Self>) {
        if let Some(trace) = self.trace(hold) {
            trace.other_end_of_dead_run.set(hold, end);
        }
    }
}

/// Makes one run of that which `last` ends and that which `first` begins, if there are two.
fn join_dead_runs<H: Host>(
    hold: &mut Hold<'_, H>,
    last: Option<&Thread<H>>,
    first: Option<&Thread<H>>,
) {
    let (Some(last), Some(first)) = (last, first) else { return };
    let ends = (last.other_end_of_dead_run(hold), first.other_end_of_dead_run(hold));
    let (Some(begin), Some(end)) = ends else { return };
    last.set_other_end(hold, None);
    first.set_other_end(hold, None);
    begin.set_other_end(hold, Some(end));
    end.set_other_end(hold, Some(begin));
}
