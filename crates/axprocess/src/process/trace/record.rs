//! What stands of a thread in ptrace: its tracer, its tracees, and the stop that it is in.

use alloc::sync::Arc;

use crate::Host;
use crate::list::{Edge, Links, Node, WeakList};
use crate::process::{Marks, Process, ProcessState};
use crate::sync::{Field, Hold, Opened, StrongEdge};
use crate::thread::Thread;
use crate::{ExitStatus, Pid, PidNamespace, WaitStatus};

use super::TraceStop;

/// The part that a thread takes in ptrace, as a tracer and as a tracee. A thread that takes none has no record.
///
/// The leader's stands in the process, because it outlives the leader's thread: a zombie is traced until it is reaped. All others stand in their threads.
pub(crate) struct Trace<H: Host> {
    process: Edge<Process<H>>,
    /// The thread, unless it is the leader.
    thread: Edge<Thread<H>>,
    /// Which record this is of all.
    serial: Field<u64>,
    tracer: Edge<Trace<H>>,
    comrades: Links<Trace<H>>,
    /// In the order of the attachments; wait looks at the newest first.
    tracees: WeakList<Trace<H>, Tracees>,
    marks: Field<TraceMarks>,
    /// A stop that the tracer has not been told of.
    report: Field<Option<TraceStop>>,
    /// The thread, when it is dead and waits for its tracer (R-PTRACE-06).
    remains: Opened<Option<Arc<Thread<H>>>>,
}

bitflags::bitflags! {
    /// What is true or false of a tracee.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct TraceMarks: u8 {
        /// It was seized, not attached.
        const SEIZED = 1 << 0;
        /// It is killed when its tracer exits.
        const EXIT_KILL = 1 << 1;
        /// It is in a ptrace-stop.
        const STOPPED = 1 << 2;
    }
}

/// The list in which a tracee stands with its tracer.
pub(crate) enum Tracees {}

impl<H: Host> Node<Tracees> for Trace<H> {
    fn links(&self) -> &Links<Self> {
        &self.comrades
    }
}

impl<H: Host> Trace<H> {
    /// A record of nobody yet: it is allocated before the lock is taken.
    pub(super) fn embryo() -> Arc<Self> {
        Arc::new(Self {
            process: Edge::none(),
            thread: Edge::none(),
            serial: Field::new(0),
            tracer: Edge::none(),
            comrades: Links::new(),
            tracees: WeakList::new(),
            marks: Field::new(TraceMarks::empty()),
            report: Field::new(None),
            remains: Opened::new(None),
        })
    }

    /// The process of the thread.
    pub(crate) fn process<'h>(&self, hold: &Hold<'h, H>) -> &'h Process<H> {
        self.process.get(hold).expect("a record in use is somebody's")
    }

    /// The thread, unless it has exited.
    pub(in crate::process) fn thread<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.thread.get(hold).or_else(|| self.process(hold).leader(hold))
    }

    /// Whether it is a leader's: then it stands for the whole process.
    pub(crate) fn is_leaders(&self, hold: &Hold<'_, H>) -> bool {
        self.thread.get(hold).is_none()
    }

    pub(crate) fn serial(&self, hold: &Hold<'_, H>) -> u64 {
        self.serial.get(hold)
    }

    pub(crate) fn tracer<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.tracer.get(hold)
    }

    pub(crate) const fn tracees(&self) -> &WeakList<Self, Tracees> {
        &self.tracees
    }

    /// The number of the thread, as the viewer sees it.
    pub(crate) fn number_in(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> Pid {
        match self.thread.get(hold) {
            Some(thread) => thread.identity().number_in(hold, viewer),
            None => self.process(hold).identity().number_in(hold, viewer),
        }
    }

    pub(crate) fn report(&self, hold: &Hold<'_, H>) -> Option<TraceStop> {
        self.report.get(hold)
    }

    pub(crate) fn take_report(&self, hold: &mut Hold<'_, H>) {
        self.report.set(hold, None);
        self.requeue(hold);
    }

    /// How it ended, if it is dead and nothing but its tracer's wait is missing.
    pub(crate) fn end(&self, hold: &Hold<'_, H>) -> Option<WaitStatus> {
        let process = self.process(hold);
        if self.is_leaders(hold) {
            let is_zombie = process.state() == ProcessState::Zombie;
            return is_zombie.then(|| process.exit_status().into());
        }
        let thread = self.remains.get(hold).as_ref()?;
        let status = match process.has(hold, Marks::GROUP_EXIT) {
            true => process.exit_status(),
            false => ExitStatus::from_word(thread.exit_code().get()),
        };
        Some(status.into())
    }

    /// Whether it is a dead leader whose process lives on.
    pub(crate) fn is_delayed(&self, hold: &Hold<'_, H>) -> bool {
        let process = self.process(hold);
        self.is_leaders(hold)
            && process.has(hold, Marks::LEADER_GONE)
            && process.state() < ProcessState::Zombie
    }

    /// Whether it sleeps in a stop for its tracer.
    pub(crate) fn is_in_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.marks.get(hold).contains(TraceMarks::STOPPED)
    }

    pub(super) fn marks(&self, hold: &Hold<'_, H>) -> TraceMarks {
        self.marks.get(hold)
    }

    pub(super) fn set_marks(&self, hold: &mut Hold<'_, H>, marks: TraceMarks) {
        self.marks.set(hold, marks);
    }

    /// Enters a stop.
    pub(super) fn stop(&self, hold: &mut Hold<'_, H>, stop: TraceStop) {
        self.marks.set(hold, self.marks.get(hold) | TraceMarks::STOPPED);
        self.report.set(hold, Some(stop));
        self.requeue(hold);
    }

    /// Leaves its stop, reported or not.
    pub(super) fn end_stop(&self, hold: &mut Hold<'_, H>) {
        self.marks.set(hold, self.marks.get(hold) - TraceMarks::STOPPED);
        self.report.set(hold, None);
        self.requeue(hold);
    }

    /// Becomes a tracee of `tracer`.
    pub(super) fn link(&self, hold: &mut Hold<'_, H>, tracer: &Self, marks: TraceMarks) {
        debug_assert!(self.tracer.get(hold).is_none(), "a thread has one tracer");
        self.tracer.set(hold, Some(tracer));
        tracer.tracees.push_back(hold, self);
        self.marks.set(hold, marks);
        self.requeue(hold);
    }

    /// Ceases to be a tracee.
    pub(super) fn unlink(&self, hold: &mut Hold<'_, H>) {
        if let Some(tracer) = self.tracer.get(hold) {
            tracer.tracees.remove(hold, self);
            self.tracer.set(hold, None);
            self.marks.set(hold, TraceMarks::empty());
            self.report.set(hold, None);
            self.requeue(hold);
        }
    }

    /// Keeps a dead thread for its tracer.
    pub(super) fn keep(&self, hold: &mut Hold<'_, H>, thread: Arc<Thread<H>>) {
        *self.remains.get_mut(hold) = Some(thread);
    }

    /// Lets go of the dead thread, which is in no list any more.
    pub(super) fn release_remains(&self, hold: &mut Hold<'_, H>) {
        if let Some(thread) = self.remains.get_mut(hold).take() {
            hold.release_thread(thread);
        }
    }

    /// What a leader's record says decides what its process has to report to its parent.
    fn requeue(&self, hold: &mut Hold<'_, H>) {
        if self.is_leaders(hold) {
            self.process(hold).queue_report(hold);
        }
    }
}

impl<H: Host> Thread<H> {
    /// Its record, if it has ever been a tracer or a tracee.
    pub(crate) fn trace<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Trace<H>> {
        self.trace_edge(hold).get_if_set(hold)
    }

    /// Its record, made from a fresh one if it has none.
    pub(super) fn trace_or<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        fresh: &mut Option<Arc<Trace<H>>>,
    ) -> Option<&'h Trace<H>> {
        if self.trace(hold).is_none() {
            let trace = fresh.take()?;
            let serial = hold.table_mut().next_birth().unsigned_abs();
            trace.serial.set(hold, serial);
            trace.process.set(hold, Some(self.process()));
            let leads = self.process().leader(hold).is_some_and(|it| core::ptr::eq(it, self));
            trace.thread.set(hold, (!leads).then_some(self));
            let before = self.trace_edge(hold).replace(hold, trace);
            debug_assert!(before.is_none(), "a thread has one record");
        }
        self.trace(hold)
    }

    fn trace_edge(&self, hold: &Hold<'_, H>) -> &StrongEdge<Trace<H>> {
        let process = self.process();
        match process.leader(hold) {
            Some(leader) if core::ptr::eq(leader, self) => process.leader_trace(),
            _ => self.own_trace(),
        }
    }

    /// Brings its record along when it takes the leader's place. The old leader's must not be linked any more.
    pub(in crate::process) fn bring_trace(&self, hold: &mut Hold<'_, H>) {
        if let Some(own) = self.own_trace().share_if_set(hold) {
            own.thread.set(hold, None);
            let before = self.process().leader_trace().replace(hold, own);
            hold.release_trace(before);
            // Its stops are the process's now, and the process's are its.
            self.process().queue_report(hold);
        }
    }
}

impl<H: Host> Process<H> {
    /// The record of its leader, if that has a tracer; also when the leader has exited.
    #[inline]
    pub(crate) fn traced<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Trace<H>> {
        self.leader_trace().get_if_set(hold).filter(|trace| trace.tracer.get(hold).is_some())
    }

    /// Who traces its leader.
    pub(crate) fn traced_by(&self, hold: &Hold<'_, H>) -> TracedBy {
        let Some(tracer) = self.traced(hold).and_then(|trace| trace.tracer(hold)) else {
            return TracedBy::Nobody;
        };
        match self.is_child_of(hold, tracer.process(hold)) {
            true => TracedBy::Parent,
            false => TracedBy::Stranger,
        }
    }
}

/// Who traces a process; Linux's `ptrace_reparented` tells the last two apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TracedBy {
    Nobody,
    /// A thread of the parent's process.
    Parent,
    /// Of any other.
    Stranger,
}

/// What the invariant checker asks, and its tests break.
#[cfg(feature = "check")]
impl<H: Host> Trace<H> {
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
            let runs =
                self.thread(hold).is_some_and(|it| it.state() < crate::thread::ThreadState::Zombie);
            assert!(runs, "17: a tracer in {owner:?} has exited");
        }
        let is_listed = Node::<Tracees>::links(self).is_linked(hold);
        assert_eq!(is_listed, self.tracer(hold).is_some(), "17: a tracee in {owner:?}");
        let is_dead = self
            .thread
            .get(hold)
            .is_some_and(|it| it.state() == crate::thread::ThreadState::Zombie);
        assert_eq!(is_dead, self.remains.get(hold).is_some(), "17: the remains in {owner:?}");
        assert!(!is_dead || self.tracer(hold).is_some(), "17: nobody reaps a thread of {owner:?}");
        assert!(
            self.report(hold).is_none() || self.marks(hold).contains(TraceMarks::STOPPED),
            "17: the stop in {owner:?}"
        );
    }

    #[cfg(test)]
    pub(crate) fn break_report(&self, hold: &mut Hold<'_, H>, stop: TraceStop) {
        self.report.set(hold, Some(stop));
    }
}
