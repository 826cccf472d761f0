//! One look at the children of the caller.
//!
//! | who is asked for | where reports are found | whether anybody could report |
//! | --- | --- | --- |
//! | a child | there | there |
//! | any | the first of the classes asked for in the queue of each thread; its tracees | the count of each kind; if ends are not asked for, the children of each thread; its tracees |
//! | a group of few | its members | its members |
//! | a group of many | those of the classes asked for in the queue of each thread | the children of each thread |
//!
//! What is asked of counts, of the classes of a queue or of few is answered in one hold, and so at one moment. If more are to be looked at, as many tracees, or the process has many threads, the look gives the lock back in between.
//! Then it finds whoever could be reported, or could report, all the while; of those, the first. Linux's own look is no moment either, for stops and continuations: those happen beside it. The [token](super::WaitToken) is from
//! the first hold, so that whoever sleeps with it looks again if anything has happened since.

use super::target::{ChildId, Target};
use super::{WaitEvent, WaitOptions};
use crate::group::ProcessGroup;
use crate::list::WeakList;
use crate::pid::{IdentityKey, Task};
use crate::process::family::Reports;
use crate::process::{Marks, Members, Process, ProcessState, PtraceRole, TracedBy};
use crate::sync::{BATCH, Hold};
use crate::thread::Thread;
use crate::{ARef, Host, WaitStatus};

/// One look at the children, under the lock.
pub(super) struct Search<'h, H: Host> {
    caller: &'h Thread<H>,
    selector: Selector<'h, H>,
    options: WaitOptions,
}

/// Whose events are waited for, as objects.
enum Selector<'h, H: Host> {
    Any,
    /// A process, and its leader's or a thread's part in ptrace.
    Child(Option<&'h Process<H>>, Option<&'h PtraceRole<H>>),
    Group(&'h ProcessGroup<H>),
    /// The group in which init begins: no number leads to it.
    Nameless(IdentityKey),
}

/// What has come of a look so far.
pub(super) enum Step<R> {
    Found(R),
    Nothing,
    /// The hold is full before that is known.
    Full,
}

/// Where a look goes on in the next hold.
pub(super) struct Pause<H: Host> {
    thread: ARef<Thread<H>>,
    within: Within<H>,
}

/// How far a look has come among the children of one thread.
enum Within<H: Host> {
    Beginning,
    /// Behind the report of the child with that place.
    Reports(i64),
    /// Behind that child, if it still has that place.
    Children(ARef<Process<H>>, i64),
    /// Past the children, and behind that tracee, if it still has that place.
    Tracees(ARef<PtraceRole<H>>, i64),
}

/// Up to how many members a group has few.
const FEW: usize = BATCH / 2;

/// A child, or a tracee, who may be a child too.
pub(super) enum Subject<'h, H: Host> {
    Child(&'h Process<H>),
    Tracee(&'h PtraceRole<H>),
}

impl<H: Host> Clone for Subject<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Subject<'_, H> {}

impl<'h, H: Host> Subject<'h, H> {
    fn process(self, hold: &Hold<'h, H>) -> &'h Process<H> {
        match self {
            Self::Child(child) => child,
            Self::Tracee(trace) => trace.process(hold),
        }
    }

    /// As whose tracee it reports its stops to the caller. A child that the parent's own process traces counts as one.
    fn trace_by_caller(self, hold: &Hold<'h, H>) -> Option<&'h PtraceRole<H>> {
        match self {
            Self::Child(child) if child.traced_by(hold) == TracedBy::Parent => {
                child.traced_leader(hold)
            }
            Self::Child(_) => None,
            Self::Tracee(trace) => Some(trace),
        }
    }

    /// Whether it is a child that a stranger traces.
    fn is_child_traced_by_other(self, hold: &Hold<'h, H>) -> bool {
        matches!(self, Self::Child(child) if child.traced_by(hold) == TracedBy::NonParent)
    }
}

impl<'h, H: Host> Selector<'h, H> {
    /// `None`: who is meant has ended.
    fn find(hold: &Hold<'h, H>, target: &Target) -> Option<Self> {
        Some(match *target {
            Target::Any => Self::Any,
            Target::Nobody => return None,
            Target::Group(named) if named.number == 0 => Self::Nameless(named),
            Target::Group(named) => Self::Group(named.group(hold)?),
            Target::Child(ChildId::Process(named)) => {
                let process = named.process(hold)?;
                Self::Child(Some(process), process.traced_leader(hold))
            }
            Target::Child(named @ ChildId::Tracee(number, _)) => {
                let Task::Thread(thread) = hold.root_pid_ns().task_of(hold, number)? else {
                    return None;
                };
                let trace = thread.get(hold).trace(hold)?;
                (ChildId::of_trace(hold, trace) == named)
                    .then_some(Self::Child(None, Some(trace)))?
            }
        })
    }
}

impl<'h, H: Host> Search<'h, H> {
    /// `None`: nobody has the number that is asked for (R-WAIT-04).
    #[inline]
    pub(super) fn new(
        hold: &Hold<'h, H>,
        caller: &Thread<H>,
        target: &Target,
        options: WaitOptions,
    ) -> Option<Self> {
        let selector = Selector::find(hold, target)?;
        Some(Self { caller: caller.in_hold(hold), selector, options })
    }

    /// What is mostly the answer, if it is: the report of whom is asked for, or of the eldest of the caller's own children with one.
    #[inline]
    pub(super) fn report_without_walk(
        &self,
        hold: &Hold<'h, H>,
    ) -> Option<(Subject<'h, H>, WaitStatus)> {
        match self.selector {
            Selector::Child(process, trace) => {
                let as_child =
                    process.and_then(|child| self.report_if_matches(hold, Subject::Child(child)));
                as_child.or_else(|| self.report_if_matches(hold, Subject::Tracee(trace?)))
            }
            Selector::Any => {
                let eldest = self.caller.children_lists().reportable.first(hold)?;
                self.report_if_matches(hold, Subject::Child(eldest))
            }
            Selector::Group(_) | Selector::Nameless(_) => None,
        }
    }

    /// Looks for the first child or tracee, in the order of threads, births and attachments, that has something to report that is asked for.
    pub(super) fn find_report(
        &self,
        hold: &mut Hold<'h, H>,
        pause: &mut Option<Pause<H>>,
    ) -> Step<(Subject<'h, H>, WaitStatus)> {
        if let Selector::Child(..) = self.selector {
            return self.report_without_walk(hold).map_or(Step::Nothing, Step::Found);
        }
        self.walk_threads(hold, pause, |hold, thread, within| {
            match self.report_of_children(hold, thread, within) {
                Step::Nothing => self.find_tracee(hold, thread, within, Self::report_if_matches),
                found => found,
            }
        })
    }

    /// Looks for a child or tracee that matches and has nothing to report yet. Reapable zombies are none: they never will (R-WAIT-11).
    pub(super) fn find_awaitable(
        &self,
        hold: &mut Hold<'h, H>,
        pause: &mut Option<Pause<H>>,
    ) -> Step<()> {
        if let Selector::Child(process, trace) = self.selector {
            let child = process.map(Subject::Child).into_iter();
            let mut both = child.chain(trace.map(Subject::Tracee));
            let is_found = both.any(|it| self.is_awaitable(hold, it).is_some());
            return if is_found { Step::Found(()) } else { Step::Nothing };
        }
        self.walk_threads(hold, pause, |hold, thread, within| {
            match self.awaitable_among_children(hold, thread, within) {
                Step::Nothing => self.find_tracee(hold, thread, within, Self::is_awaitable),
                found => found,
            }
        })
    }

    /// Looks at each thread, in the order of R-WAIT-15 and R-PTRACE-03: the calling one, then those behind it, then from the first on. If the pause is with a
    /// thread that has exited, its children are another's: the walk begins anew.
    fn walk_threads<R>(
        &self,
        hold: &mut Hold<'h, H>,
        pause: &mut Option<Pause<H>>,
        mut look_at: impl FnMut(&mut Hold<'h, H>, &'h Thread<H>, &mut Within<H>) -> Step<R>,
    ) -> Step<R> {
        // Init's last thread keeps its children when it has exited: as a caller it is gone on with all the same.
        let stays =
            |thread: &Thread<H>| thread.is_listed(hold) || core::ptr::eq(thread, self.caller);
        let (mut thread, mut within) = match pause.take() {
            Some(Pause { thread, within }) if stays(&thread) => (thread.in_hold(hold), within),
            _ => (self.caller, Within::Beginning),
        };
        loop {
            hold.count_touched();
            match look_at(hold, thread, &mut within) {
                Step::Nothing => {}
                Step::Full => {
                    *pause = Some(Pause { thread: ARef::from(thread), within });
                    return Step::Full;
                }
                found @ Step::Found(_) => return found,
            }
            let next = self.next_thread_wrapping(hold, thread);
            let Some(next) = next.filter(|_| !self.options.contains(WaitOptions::NOTHREAD)) else {
                return Step::Nothing;
            };
            (thread, within) = (next, Within::Beginning);
            if hold.is_batch_full() {
                *pause = Some(Pause { thread: ARef::from(thread), within });
                return Step::Full;
            }
        }
    }

    fn next_thread_wrapping(
        &self,
        hold: &Hold<'h, H>,
        thread: &'h Thread<H>,
    ) -> Option<&'h Thread<H>> {
        let (own, threads) = (self.caller, &self.caller.process_in(hold).threads);
        let next = threads.after(hold, thread);
        let is_at_end = !core::ptr::eq(thread, own) && !own.is_listed(hold);
        let next = next.or_else(|| threads.first(hold).filter(|_| !is_at_end));
        next.filter(|next| !core::ptr::eq(*next, own))
    }

    /// The first of this thread's children with something to report that is asked for.
    fn report_of_children(
        &self,
        hold: &mut Hold<'h, H>,
        thread: &'h Thread<H>,
        within: &mut Within<H>,
    ) -> Step<(Subject<'h, H>, WaitStatus)> {
        if let Within::Tracees(..) = within {
            return Step::Nothing;
        }
        let queue = &thread.children_lists().reportable;
        let wanted = self.wanted_classes();
        let behind = match *within {
            Within::Reports(place) => place,
            _ => i64::MIN,
        };
        if let Some(members) = self.few_members(hold).filter(|_| queue.first(hold).is_some()) {
            let own = members.iter(hold).filter(|member| {
                let parent = member.parent_thread(hold);
                parent.is_some_and(|parent| core::ptr::eq(parent, thread))
                    && member.report_classes(hold) & wanted != 0
            });
            let first = own.min_by_key(|child| child.birth.get(hold)).map(Subject::Child);
            (0..members.len(hold)).for_each(|_| hold.count_touched());
            let found = first.and_then(|child| self.report_if_matches(hold, child));
            return found.map_or(Step::Nothing, Step::Found);
        }
        let mut next = queue.first_behind(hold, behind, wanted);
        while let Some(child) = next {
            if let Some(found) = self.report_if_matches(hold, Subject::Child(child)) {
                return Step::Found(found);
            }
            if hold.is_batch_full() {
                *within = Within::Reports(child.birth.get(hold));
                return Step::Full;
            }
            next = queue.first_behind_node(hold, child, wanted);
        }
        Step::Nothing
    }

    /// Whether any of this thread's children is a candidate.
    fn awaitable_among_children(
        &self,
        hold: &mut Hold<'h, H>,
        thread: &'h Thread<H>,
        within: &mut Within<H>,
    ) -> Step<()> {
        if let Within::Tracees(..) = within {
            return Step::Nothing;
        }
        let children = thread.children_lists();
        if matches!(self.selector, Selector::Any) && self.options.contains(WaitOptions::EXITED) {
            // Those that could be reaped were found before, so all that there are of a kind may end yet.
            let (ordinary, clones) = children.count_sigchld_and_clone(hold);
            let is_there =
                self.wants_kind(false) && ordinary > 0 || self.wants_kind(true) && clones > 0;
            return if is_there { Step::Found(()) } else { Step::Nothing };
        }
        if let Some(members) = self.few_members(hold).filter(|_| !children.list.is_empty(hold)) {
            let mut own = members.iter(hold).filter(|member| {
                member.parent_thread(hold).is_some_and(|parent| core::ptr::eq(parent, thread))
            });
            let is_there =
                own.any(|child| self.is_awaitable(hold, Subject::Child(child)).is_some());
            drop(own);
            (0..members.len(hold)).for_each(|_| hold.count_touched());
            return if is_there { Step::Found(()) } else { Step::Nothing };
        }
        let is_there = |child: &Process<H>, place| {
            let parent = child.parent_thread(hold);
            parent.is_some_and(|parent| core::ptr::eq(parent, thread))
                && child.birth.get(hold) == place
        };
        let mut next = match core::mem::replace(within, Within::Beginning) {
            Within::Children(last, place) if is_there(&last, place) => {
                children.list.after(hold, &last)
            }
            _ => children.list.first(hold),
        };
        while let Some(child) = next {
            hold.count_touched();
            if self.is_awaitable(hold, Subject::Child(child)).is_some() {
                return Step::Found(());
            }
            next = children.list.after(hold, child);
            if hold.is_batch_full() && next.is_some() {
                *within = Within::Children(ARef::from(child), child.birth.get(hold));
                return Step::Full;
            }
        }
        Step::Nothing
    }

    /// The first of this thread's tracees with an answer, the newest first.
    fn find_tracee<R>(
        &self,
        hold: &mut Hold<'h, H>,
        thread: &'h Thread<H>,
        within: &mut Within<H>,
        pick: impl Fn(&Self, &Hold<'h, H>, Subject<'h, H>) -> Option<R>,
    ) -> Step<R> {
        let Some(trace) = thread.trace(hold) else { return Step::Nothing };
        let is_there = |tracee: &PtraceRole<H>, place| {
            let tracer = tracee.tracer(hold);
            tracer.is_some_and(|tracer| core::ptr::eq(tracer, trace)) && tracee.place(hold) == place
        };
        let mut next = match core::mem::replace(within, Within::Beginning) {
            Within::Tracees(last, place) if is_there(&last, place) => {
                trace.tracees().before(hold, &last)
            }
            _ => trace.tracees().last(hold),
        };
        while let Some(tracee) = next {
            hold.count_touched();
            if let Some(found) = pick(self, hold, Subject::Tracee(tracee)) {
                return Step::Found(found);
            }
            next = trace.tracees().before(hold, tracee);
            if hold.is_batch_full() && next.is_some() {
                *within = Within::Tracees(ARef::from(tracee), tracee.place(hold));
                return Step::Full;
            }
        }
        Step::Nothing
    }

    /// The members of the group that is asked for, if they are few.
    fn few_members(&self, hold: &Hold<'h, H>) -> Option<&'h WeakList<Process<H>, Members>> {
        match self.selector {
            Selector::Group(group) => Some(group.members()).filter(|it| it.len(hold) <= FEW),
            _ => None,
        }
    }

    /// The classes of reports that are asked for.
    fn wanted_classes(&self) -> u8 {
        let mut reports = Reports::TRAP;
        for (event, report) in [
            (WaitOptions::EXITED, Reports::END),
            (WaitOptions::STOPPED, Reports::STOP),
            (WaitOptions::CONTINUED, Reports::CONTINUATION),
        ] {
            reports.set(report, self.options.contains(event));
        }
        let of_kind =
            |is_clone| if self.wants_kind(is_clone) { reports.queue_classes(is_clone) } else { 0 };
        of_kind(false) | of_kind(true)
    }

    #[inline]
    fn report_if_matches(
        &self,
        hold: &Hold<'h, H>,
        subject: Subject<'h, H>,
    ) -> Option<(Subject<'h, H>, WaitStatus)> {
        let status = self.report_of(hold, subject)?;
        self.matches(hold, subject).then_some((subject, status))
    }

    fn is_awaitable(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> Option<()> {
        (self.may_yet_report(hold, subject) && self.matches(hold, subject)).then_some(())
    }

    /// Whether it is one of those asked for. R-WAIT-05 to R-WAIT-08.
    fn matches(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> bool {
        let process = subject.process(hold);
        let is_mine = match subject {
            Subject::Child(child) => {
                self.is_my_child(hold, child) && self.is_wanted_kind(hold, child)
            }
            // Tracees match whatever their kind.
            Subject::Tracee(trace) => self.is_my_tracee(hold, trace),
        };
        let is_selected = match self.selector {
            Selector::Any | Selector::Child(..) => true,
            Selector::Group(group) => process.is_member_of(hold, group),
            Selector::Nameless(named) => process.group_in(hold).identity_key(hold) == named,
        };
        is_mine && is_selected
    }

    fn is_my_child(&self, hold: &Hold<'h, H>, child: &Process<H>) -> bool {
        child.parent_thread(hold).is_some_and(|parent| {
            core::ptr::eq(parent.process_in(hold), self.caller.process_in(hold))
                && (!self.options.contains(WaitOptions::NOTHREAD)
                    || core::ptr::eq(parent, self.caller))
        })
    }

    fn is_wanted_kind(&self, hold: &Hold<'h, H>, child: &Process<H>) -> bool {
        self.wants_kind(child.is_clone_child(hold))
    }

    fn wants_kind(&self, is_clone: bool) -> bool {
        self.options.contains(WaitOptions::ALL)
            || is_clone == self.options.contains(WaitOptions::CLONE)
    }

    fn is_my_tracee(&self, hold: &Hold<'h, H>, trace: &PtraceRole<H>) -> bool {
        let Some(tracer) = trace.tracer(hold) else { return false };
        core::ptr::eq(tracer.process(hold), self.caller.process_in(hold))
            && (!self.options.contains(WaitOptions::NOTHREAD)
                || tracer.thread(hold).is_some_and(|it| core::ptr::eq(it, self.caller)))
    }

    /// What it has to report of what is asked for: its end before a stop before a continuation (R-WAIT-13).
    fn report_of(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> Option<WaitStatus> {
        let wants = |event| self.options.contains(event);
        let end = match subject {
            Subject::Tracee(trace) => trace.zombie_status(hold),
            Subject::Child(child) => {
                let is_zombie = child.state() == ProcessState::Zombie;
                is_zombie.then(|| child.exit_status().into())
            }
        };
        if end.is_some() {
            // R-PTRACE-01: a zombie is its tracer's first.
            return end
                .filter(|_| wants(WaitOptions::EXITED) && !subject.is_child_traced_by_other(hold));
        }
        let process = subject.process(hold);
        let stop = match subject.trace_by_caller(hold) {
            Some(trace) => trace.unconsumed_report(hold).map(WaitStatus::Trapped),
            None => process.stop_report(hold).filter(|_| wants(WaitOptions::STOPPED)),
        };
        let continued = wants(WaitOptions::CONTINUED) && process.has(hold, Marks::CONTINUE_REPORT);
        stop.or_else(|| continued.then_some(WaitStatus::Continued))
    }

    /// Whether it may ever report anything that is asked for, as far as can be told.
    fn may_yet_report(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> bool {
        let has_ended = match subject {
            Subject::Child(child) => child.state() >= ProcessState::Zombie,
            Subject::Tracee(trace) => trace.zombie_status(hold).is_some(),
        };
        if has_ended {
            return subject.is_child_traced_by_other(hold);
        }
        // A dead leader whose process lives on does not stop for its tracer any more.
        !subject.trace_by_caller(hold).is_some_and(|trace| trace.is_delayed_group_leader(hold))
            || self.options.intersects(WaitOptions::EXITED | WaitOptions::CONTINUED)
    }

    /// Takes the report, unless the caller only looks.
    #[inline]
    pub(super) fn consume_unless_nowait(
        &self,
        hold: &mut Hold<'h, H>,
        subject: Subject<'h, H>,
        status: WaitStatus,
    ) -> WaitEvent<H> {
        let process = subject.process(hold);
        let caller = self.caller.process_in(hold);
        let pid = match subject {
            Subject::Child(child) => child.number_seen_by(hold, caller),
            Subject::Tracee(trace) => trace.number_in(hold, caller.pid_ns(hold)),
        };
        let usage = process.usage_with_children(hold);
        let process = match self.options.contains(WaitOptions::NOWAIT) {
            true => ARef::from(process),
            false => self.consume_or_reap(hold, subject, status, usage),
        };
        WaitEvent { pid, status, usage, process }
    }

    /// Makes the report void, and returns the process, with the parent's reference if it is reaped by that.
    fn consume_or_reap(
        &self,
        hold: &mut Hold<'h, H>,
        subject: Subject<'h, H>,
        status: WaitStatus,
        usage: H::Usage,
    ) -> ARef<Process<H>> {
        let process = subject.process(hold);
        match status {
            WaitStatus::Stopped(_) => process.consume_report(hold, Marks::STOP_REPORT),
            WaitStatus::Continued => process.consume_report(hold, Marks::CONTINUE_REPORT),
            WaitStatus::Trapped(_) => {
                if let Some(trace) = subject.trace_by_caller(hold) {
                    trace.consume_report(hold);
                }
            }
            WaitStatus::Exited(_) | WaitStatus::Signaled { .. } => {
                return self.reap_or_pass_on(hold, subject, usage);
            }
        }
        ARef::from(process)
    }

    /// Reaps what has ended; a tracer that is not the parent only makes way for it, and has nothing added to its usage (R-RUSAGE-06).
    fn reap_or_pass_on(
        &self,
        hold: &mut Hold<'h, H>,
        subject: Subject<'h, H>,
        usage: H::Usage,
    ) -> ARef<Process<H>> {
        let process = subject.process(hold);
        if let Subject::Tracee(trace) = subject {
            let link = ARef::from(process);
            if !trace.is_leaders(hold) {
                trace.release_dead_non_leader(hold);
                return link;
            }
            if process.traced_by(hold) == TracedBy::NonParent {
                trace.pass_zombie_to_parent(hold);
                return link;
            }
        }
        self.caller.process_in(hold).reap_child(hold, process, usage)
    }
}

impl<H: Host> Process<H> {
    fn consume_report(&self, hold: &mut Hold<'_, H>, report: Marks) {
        self.unmark(hold, report);
        self.update_report_queue(hold);
    }
}
