//! What the invariant checker asks of a record, and what its tests break.

use super::{PtraceRole, TraceMarks, Tracees};
use crate::Host;
#[cfg(test)]
use crate::TraceStop;
use crate::list::Node;
use crate::process::Process;
use crate::sync::Hold;
use crate::thread::ThreadState;

impl<H: Host> PtraceRole<H> {
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

    #[cfg(test)]
    pub(crate) fn break_report(&self, hold: &mut Hold<'_, H>, stop: TraceStop) {
        self.report.set(hold, Some(stop));
    }
}
