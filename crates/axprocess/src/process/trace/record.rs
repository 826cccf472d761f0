//! What stands of a thread in ptrace: its tracer, its tracees, and the stop that it is in.

#[cfg(feature = "check")]
mod check;

use alloc::boxed::Box;

use crate::list::{Links, Node, WeakEdge, WeakList};
use crate::object::Head;
use crate::process::{Marks, Process, ProcessState};
use crate::sync::{Field, Hold, TableInner};
use crate::thread::{Rarities, Thread, ThreadMark, ThreadState};
use crate::{ARef, Errno, ExitStatus, Host, Pid, PidNamespace, Signal, WaitStatus};

use super::{TraceOptions, TraceStart, TraceStop};

/// The part that a thread takes in ptrace, as a tracer and as a tracee. A thread that takes none has no record.
///
/// A leader's outlives its exit: a zombie is traced until it is reaped.
pub(crate) struct PtraceRole<H: Host> {
    pub(crate) head: Head,
    /// Held: a thread's record is dropped after what holds the table for the thread.
    table: ARef<TableInner<H>>,
    /// The thread, which holds the record.
    thread: WeakEdge<Thread<H>>,
    /// Which record this is of all.
    serial: Field<u64>,
    tracer: WeakEdge<PtraceRole<H>>,
    tracee_links: Links<PtraceRole<H>>,
    /// Its place among the tracees of its tracer: when it was attached.
    place: Field<i64>,
    /// In the order of the attachments; wait looks at the newest first.
    tracees: WeakList<PtraceRole<H>, Tracees>,
    /// If the thread is dead and the first or the last of a run of such: the other end of that.
    pub(super) other_end_of_dead_run: WeakEdge<Thread<H>>,
    marks: Field<TraceMarks>,
    /// What its tracer has asked for.
    options: Field<TraceOptions>,
    /// A stop that the tracer has not been told of.
    report: Field<Option<TraceStop>>,
}

bitflags::bitflags! {
    /// What is true or false of a tracee.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct TraceMarks: u8 {
        /// It was seized, not attached.
        const SEIZED = 1 << 0;
        /// It is in a ptrace-stop.
        const STOPPED = 1 << 1;
        /// It listens in that stop.
        const LISTENING = 1 << 2;
        /// It is a leader that has exited before others.
        const DIED_FIRST = 1 << 3;
        /// In its last exec it has got another number.
        const RENUMBERED = 1 << 4;
        /// The stop that it is in is for its group, or because of what the two below stand for: the tracer may let it listen there.
        const JOB_STOP = 1 << 5;
        /// It has to stop for its tracer: Linux's `JOBCTL_TRAP_STOP`. Any stop does.
        const TRAP_STOP = 1 << 6;
        /// Its tracer has to see that its group stop has begun, or is over: `JOBCTL_TRAP_NOTIFY`. A job stop does.
        const TRAP_NOTIFY = 1 << 7;
    }
}

/// The list in which a tracee stands with its tracer.
pub(crate) enum Tracees {}

impl TraceMarks {
    const fn of(start: TraceStart) -> Self {
        match start {
            TraceStart::Attach => Self::empty(),
            TraceStart::Seize => Self::SEIZED,
        }
    }

    const fn start(self) -> TraceStart {
        if self.contains(Self::SEIZED) { TraceStart::Seize } else { TraceStart::Attach }
    }

    /// What is over with the stop that it is in.
    const OF_STOP: Self = Self::STOPPED.union(Self::LISTENING).union(Self::JOB_STOP);
    /// What it has to stop for.
    const TRAPS: Self = Self::TRAP_STOP.union(Self::TRAP_NOTIFY);
}

impl<H: Host> Node<Tracees> for PtraceRole<H> {
    fn links(&self) -> &Links<Self> {
        &self.tracee_links
    }
}

impl<H: Host> PtraceRole<H> {
    /// A record of nobody yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    fn make(table: &TableInner<H>) -> Result<ARef<Self>, Errno> {
        let table = ARef::from(table);
        ARef::make(|| Self {
            head: Head::new(),
            table,
            thread: WeakEdge::none(),
            serial: Field::new(0),
            tracer: WeakEdge::none(),
            tracee_links: Links::new(),
            place: Field::new(0),
            tracees: WeakList::new(),
            other_end_of_dead_run: WeakEdge::none(),
            marks: Field::new(TraceMarks::empty()),
            options: Field::new(TraceOptions::empty()),
            report: Field::new(None),
        })
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    /// The process of the thread.
    pub(crate) fn process<'h>(&self, hold: &Hold<'h, H>) -> &'h Process<H> {
        self.owner(hold).process_in(hold)
    }

    /// The thread, exited or not.
    fn owner<'h>(&self, hold: &Hold<'h, H>) -> &'h Thread<H> {
        self.thread.get(hold).expect("a record in use is somebody's")
    }

    /// The thread, unless it has exited.
    pub(in crate::process) fn thread<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        Some(self.owner(hold)).filter(|thread| thread.state() != ThreadState::Exited)
    }

    /// Whether it is a leader's: then it stands for the whole process.
    pub(crate) fn is_leaders(&self, hold: &Hold<'_, H>) -> bool {
        self.owner(hold).is_leader(hold)
    }

    pub(crate) fn serial(&self, hold: &Hold<'_, H>) -> u64 {
        self.serial.get(hold)
    }

    pub(crate) fn tracer<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.tracer.get(hold)
    }

    /// Its place among the tracees of its tracer: later ones have greater places.
    pub(crate) fn place(&self, hold: &Hold<'_, H>) -> i64 {
        self.place.get(hold)
    }

    pub(crate) const fn tracees(&self) -> &WeakList<Self, Tracees> {
        &self.tracees
    }

    /// The number of the thread, as the viewer sees it.
    pub(crate) fn number_in(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> Pid {
        self.owner(hold).own_numbers().number_in(hold, viewer)
    }

    /// What wait may report.
    pub(crate) fn unconsumed_report(&self, hold: &Hold<'_, H>) -> Option<TraceStop> {
        self.report.get(hold).filter(|_| !self.marks.get(hold).contains(TraceMarks::LISTENING))
    }

    /// The code of a stop that nobody has waited for, whether it may be reported or not.
    pub(in crate::process) fn unread_code(&self, hold: &Hold<'_, H>) -> Option<TraceStop> {
        self.report.get(hold)
    }

    pub(crate) fn consume_report(&self, hold: &mut Hold<'_, H>) {
        self.report.set(hold, None);
        self.update_report_queue_if_leader(hold);
    }

    /// How it ended, if it is dead and nothing but its tracer's wait is missing.
    pub(crate) fn zombie_status(&self, hold: &Hold<'_, H>) -> Option<WaitStatus> {
        let process = self.process(hold);
        if self.is_leaders(hold) {
            let is_zombie = process.state() == ProcessState::Zombie;
            return is_zombie.then(|| process.exit_status().into());
        }
        let thread = self.owner(hold);
        let status = match process.is_exit_undecided(hold) {
            true => ExitStatus::from_word(thread.exit_code().get()),
            false => process.exit_status(),
        };
        (thread.state() == ThreadState::Zombie).then(|| status.into())
    }

    /// Whether it is a dead leader whose process lives on.
    pub(crate) fn is_delayed_group_leader(&self, hold: &Hold<'_, H>) -> bool {
        let process = self.process(hold);
        self.is_leaders(hold)
            && process.leading_thread(hold).state() > ThreadState::Exiting
            && process.state() < ProcessState::Zombie
    }

    pub(super) fn marks(&self, hold: &Hold<'_, H>) -> TraceMarks {
        self.marks.get(hold)
    }

    /// How its tracer has begun, and what it has asked for.
    pub(super) fn tracing(&self, hold: &Hold<'_, H>) -> (TraceStart, TraceOptions) {
        (self.marks.get(hold).start(), self.options.get(hold))
    }

    pub(super) fn set_options(&self, hold: &mut Hold<'_, H>, options: TraceOptions) {
        self.options.set(hold, options);
    }

    pub(super) fn set_marks(&self, hold: &mut Hold<'_, H>, marks: TraceMarks) {
        self.marks.set(hold, marks);
    }

    /// Enters a stop.
    pub(super) fn stop(&self, hold: &mut Hold<'_, H>, stop: TraceStop) {
        let kept = self.marks.get(hold) - TraceMarks::OF_STOP - TraceMarks::TRAP_STOP;
        self.marks.set(hold, kept | TraceMarks::STOPPED);
        let owner = self.owner(hold);
        owner.set_mark(hold, ThreadMark::InPtraceStop, true);
        owner.set_mark(hold, ThreadMark::Trapping, false);
        owner.set_mark(hold, ThreadMark::LetGoUnread, false);
        self.report.set(hold, Some(stop));
        self.update_report_queue_if_leader(hold);
    }

    /// Leaves its stop, reported or not.
    pub(super) fn end_stop(&self, hold: &mut Hold<'_, H>) {
        self.marks.set(hold, self.marks.get(hold) - TraceMarks::OF_STOP);
        self.owner(hold).leave_ptrace_stop(hold);
        self.report.set(hold, None);
        self.update_report_queue_if_leader(hold);
    }

    /// Enters a stop for its group, or because it has to make one.
    pub(super) fn stop_with_group(&self, hold: &mut Hold<'_, H>) {
        let stop = self.job_stop_seen(hold);
        self.stop(hold, stop);
        let kept = self.marks.get(hold) - TraceMarks::TRAP_NOTIFY;
        self.marks.set(hold, kept | TraceMarks::JOB_STOP);
    }

    /// How its tracer is shown such a stop (`do_jobctl_trap`).
    fn job_stop_seen(&self, hold: &Hold<'_, H>) -> TraceStop {
        let signal = self.owner(hold).stop_signal_seen(hold);
        match self.marks.get(hold).contains(TraceMarks::SEIZED) {
            false => signal.into(),
            true if self.process(hold).is_stop_in_effect(hold) => TraceStop::of_job(signal),
            true => TraceStop::of_job(Signal::SIGTRAP),
        }
    }

    /// Whether it has to stop for its tracer, group stop or not.
    pub(in crate::process) fn has_to_trap(&self, hold: &Hold<'_, H>) -> bool {
        self.marks.get(hold).intersects(TraceMarks::TRAPS)
    }

    /// Has it stop for its tracer; who listens does so anew. False if it exits.
    pub(super) fn have_trap(&self, hold: &mut Hold<'_, H>, trap: TraceMarks) -> bool {
        let stops = self.owner(hold).trace_of_who_stops(hold).is_ok();
        if stops {
            self.marks.set(hold, self.marks.get(hold) | trap);
            if self.marks.get(hold).contains(TraceMarks::LISTENING) {
                self.end_stop(hold);
            }
        }
        stops
    }

    /// Whether it is a leader that has exited before others.
    pub(in crate::process) fn has_died_first(&self, hold: &Hold<'_, H>) -> bool {
        self.marks.get(hold).contains(TraceMarks::DIED_FIRST)
    }

    /// It has executed a program, and got another number by that or not.
    pub(in crate::process) fn note_exec(&self, hold: &mut Hold<'_, H>, is_renumbered: bool) {
        let mut marks = self.marks.get(hold);
        marks.set(TraceMarks::RENUMBERED, is_renumbered);
        self.marks.set(hold, marks);
    }

    /// Whether its tracer cannot know yet by which number it is to be called: it is in the stop behind the exec that has changed it, and nobody has waited for that
    /// (`looks_like_a_spurious_pid`).
    pub(super) fn is_renumbered_unread(&self, hold: &Hold<'_, H>) -> bool {
        const EVENT_EXEC: u16 = 4 << 8 | 5;
        let is_exec = self.report.get(hold).is_some_and(|stop| stop.code() == EVENT_EXEC);
        is_exec && self.marks.get(hold).contains(TraceMarks::RENUMBERED)
    }

    /// Listens in its stop.
    pub(super) fn listen(&self, hold: &mut Hold<'_, H>) {
        self.marks.set(hold, self.marks.get(hold) | TraceMarks::LISTENING);
        self.update_report_queue_if_leader(hold);
    }

    /// Becomes a tracee of `tracer`.
    pub(super) fn become_tracee(
        &self,
        hold: &mut Hold<'_, H>,
        tracer: &Self,
        start: TraceStart,
        options: TraceOptions,
    ) {
        debug_assert!(self.tracer.get(hold).is_none(), "a thread has one tracer");
        self.tracer.set(hold, Some(tracer));
        let place = hold.relations_mut().next_place();
        self.place.set(hold, place);
        tracer.tracees.push_back(hold, self);
        self.marks.set(hold, TraceMarks::of(start));
        self.options.set(hold, options);
        self.owner(hold).set_mark(hold, ThreadMark::Traced, true);
        self.process(hold).mark(hold, Marks::TRACED);
        self.update_report_queue_if_leader(hold);
    }

    /// Ceases to be a tracee.
    pub(super) fn cease_to_be_tracee(&self, hold: &mut Hold<'_, H>) {
        if let Some(tracer) = self.tracer.get(hold) {
            tracer.tracees.remove(hold, self);
            self.tracer.set(hold, None);
            self.marks.set(hold, TraceMarks::empty());
            let (owner, is_unread) = (self.owner(hold), self.report.get(hold).is_some());
            owner.set_mark(hold, ThreadMark::Traced, false);
            owner.set_mark(hold, ThreadMark::Trapping, false);
            owner.set_mark(hold, ThreadMark::LetGoUnread, is_unread);
            owner.leave_ptrace_stop(hold);
            self.report.set(hold, None);
            self.update_report_queue_if_leader(hold);
        }
    }

    /// What a leader's record says decides what its process has to report to its parent.
    fn update_report_queue_if_leader(&self, hold: &mut Hold<'_, H>) {
        if self.is_leaders(hold) {
            self.process(hold).update_report_queue(hold);
        }
    }
}

/// What a thread needs that may get its first part in ptrace: it is allocated before the lock is taken.
pub(super) struct FreshRole<H: Host> {
    role: Option<ARef<PtraceRole<H>>>,
    rarities: Option<Box<Rarities<H>>>,
}

impl<H: Host> FreshRole<H> {
    /// That of nobody yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(super) fn make(table: &TableInner<H>) -> Result<Self, Errno> {
        Ok(Self { role: Some(PtraceRole::make(table)?), rarities: Rarities::make()? })
    }
}

impl<H: Host> Thread<H> {
    /// Its record, if it has ever been a tracer or a tracee.
    #[inline]
    pub(crate) fn trace<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h PtraceRole<H>> {
        self.rarities(hold)?.trace.get_if_set(hold)
    }

    /// Its record, made from a fresh one if it has none.
    pub(super) fn trace_or<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        fresh: &mut FreshRole<H>,
    ) -> Option<&'h PtraceRole<H>> {
        if self.trace(hold).is_none() {
            let trace = fresh.role.take()?;
            let serial = hold.relations_mut().next_place().unsigned_abs();
            trace.serial.set(hold, serial);
            trace.thread.set(hold, Some(self));
            self.rarities_or(hold, &mut fresh.rarities)?.trace.set(hold, Some(trace));
        }
        self.trace(hold)
    }
}

impl<H: Host> Process<H> {
    /// The record of its leader, if that has a tracer; also when the leader has exited.
    #[inline]
    pub(crate) fn traced_leader<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h PtraceRole<H>> {
        self.leading_thread(hold).trace(hold).filter(|trace| trace.tracer.get(hold).is_some())
    }

    /// Who traces its leader.
    pub(crate) fn traced_by(&self, hold: &Hold<'_, H>) -> TracedBy {
        let Some(tracer) = self.traced_leader(hold).and_then(|trace| trace.tracer(hold)) else {
            return TracedBy::Nobody;
        };
        match self.is_child_of(hold, tracer.process(hold)) {
            true => TracedBy::Parent,
            false => TracedBy::NonParent,
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
    NonParent,
}
