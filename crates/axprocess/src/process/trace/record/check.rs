//! What the invariant checker asks of a record, and what its tests break.

use super::{PtraceRole, TraceMarks, Tracees};
use crate::Host;
#[cfg(test)]
use crate::TraceStop;
use crate::list::Node;
use crate::process::Process;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};

impl<H: Host> PtraceRole<H> {
    /// Whether it sleeps in a stop for its tracer.
    pub(crate) fn is_in_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.marks.get(hold).contains(TraceMarks::STOPPED)
    }

    /// Invariant 16.
    pub(crate) fn check(&self, hold: &Hold<'_, H>, owner: &Process<H>) {
        assert!(core::ptr::eq(self.process(hold), owner), "17: the record of {owner:?}");
        for tracee in self.tracees.iter(hold) {
            let back = tracee.tracer(hold);
            assert!(
                back.is_some_and(|it| core::ptr::eq(it, self)),
                "17: {owner:?} traces another's"
            );
        }
        if !self.tracees.is_empty(hold) {
            let runs = self.thread(hold).is_some_and(|it| it.state() < ThreadState::Zombie);
            assert!(runs, "17: a tracer in {owner:?} has exited");
        }
        let is_listed = Node::<Tracees>::links(self).is_linked(hold);
        assert_eq!(is_listed, self.tracer(hold).is_some(), "17: a tracee in {owner:?}");
        let is_dead = self.owner(hold).state() == ThreadState::Zombie;
        assert!(!is_dead || self.tracer(hold).is_some(), "17: nobody reaps a thread of {owner:?}");
        self.check_dead_run(hold, self.owner(hold));
        assert!(
            self.unconsumed_report(hold).is_none()
                || self.marks(hold).contains(TraceMarks::STOPPED),
            "17: the stop in {owner:?}"
        );
    }

    /// Invariant 17: of a run of dead threads, first and last know each other, and nobody else does.
    fn check_dead_run(&self, hold: &Hold<'_, H>, own: &Thread<H>) {
        let threads = &own.process_in(hold).threads;
        let is_dead =
            |it: Option<&Thread<H>>| it.is_some_and(|it| it.state() == ThreadState::Zombie);
        let (before, behind) = (threads.before(hold, own), threads.after(hold, own));
        let is_end = is_dead(Some(own)) && !(is_dead(before) && is_dead(behind));
        let other = self.other_end_of_dead_run.get(hold);
        assert_eq!(other.is_some(), is_end, "17: the run of the dead {own:?}");
        let Some(other) = other else { return };
        let back = other.other_end_of_dead_run(hold);
        assert!(back.is_some_and(|it| core::ptr::eq(it, own)), "17: the other end for {own:?}");
        if !is_dead(before) {
            let dead =
                core::iter::successors(Some(own.in_hold(hold)), |it| threads.after(hold, it));
            let last = dead.take_while(|it| is_dead(Some(it))).last();
            assert!(last.is_some_and(|it| core::ptr::eq(it, other)), "17: the run of {own:?}");
        }
    }

    #[cfg(test)]
    pub(crate) fn break_report(&self, hold: &mut Hold<'_, H>, stop: TraceStop) {
        self.report.set(hold, Some(stop));
    }
}
