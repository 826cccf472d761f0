//! One look at the children of the caller.

use super::target::{ChildId, Target};
use super::{WaitEvent, WaitOptions};
use crate::group::ProcessGroup;
use crate::pid::IdentityKey;
use crate::pid::Task;
use crate::process::family::Children;
use crate::process::{Marks, Process, ProcessState, PtraceRole, TracedBy};
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, ExitSignal, Host, WaitStatus};

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
    fn trace(self, hold: &Hold<'h, H>) -> Option<&'h PtraceRole<H>> {
        match self {
            Self::Child(child) if child.traced_by(hold) == TracedBy::Parent => child.traced(hold),
            Self::Child(_) => None,
            Self::Tracee(trace) => Some(trace),
        }
    }

    /// Whether it is a child that a stranger traces.
    fn is_strangers(self, hold: &Hold<'h, H>) -> bool {
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
                Self::Child(Some(process), process.traced(hold))
            }
            Target::Child(named @ ChildId::Tracee(number, _)) => {
                let Task::Thread(thread) = hold.root_pid_ns().roles(hold, number)?.task()? else {
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
    pub(super) fn new(
        hold: &Hold<'h, H>,
        caller: &Thread<H>,
        target: &Target,
        options: WaitOptions,
    ) -> Option<Self> {
        let selector = Selector::find(hold, target)?;
        Some(Self { caller: caller.in_hold(hold), selector, options })
    }

    /// The first child or tracee, in the order of threads, births and attachments, that has something to report that is asked for.
    pub(super) fn first_report(
        &self,
        hold: &mut Hold<'h, H>,
    ) -> Option<(Subject<'h, H>, WaitStatus)> {
        self.find(hold, |hold, subject| self.report_of(hold, subject).map(|it| (subject, it)))
    }

    /// Whether a child or tracee matches that has nothing to report yet. Reapable zombies are none: they never will (R-WAIT-11).
    pub(super) fn has_candidate(&self, hold: &Hold<'h, H>) -> bool {
        let may_report = |hold: &Hold<'h, H>, subject| {
            (self.may_report(hold, subject) && self.matches(hold, subject)).then_some(())
        };
        match self.selector {
            Selector::Group(group)
                if group.members().len(hold) < self.caller.children_lists().list.len(hold) =>
            {
                let mut members = group.members().iter(hold).map(Subject::Child);
                members.any(|child| may_report(hold, child).is_some())
                    || self.find_listed(hold, |_, _| None, may_report).is_some()
            }
            Selector::Child(..) => self.find(hold, may_report).is_some(),
            _ => {
                let of_children = |hold: &Hold<'h, H>, children: &'h Children<H>| {
                    let mut all = children.list.iter(hold).map(Subject::Child);
                    all.find_map(|child| may_report(hold, child))
                };
                self.find_listed(hold, of_children, may_report).is_some()
            }
        }
    }

    /// The first that is found among those with something to report, or in the one that is asked for.
    fn find<R>(
        &self,
        hold: &Hold<'h, H>,
        pick: impl Fn(&Hold<'h, H>, Subject<'h, H>) -> Option<R>,
    ) -> Option<R> {
        let pick = |hold: &Hold<'h, H>, subject| {
            let picked = pick(hold, subject)?;
            self.matches(hold, subject).then_some(picked)
        };
        if let Selector::Child(process, trace) = self.selector {
            let as_child = process.and_then(|child| pick(hold, Subject::Child(child)));
            return as_child.or_else(|| pick(hold, Subject::Tracee(trace?)));
        }
        let of_children = |hold: &Hold<'h, H>, children: &'h Children<H>| {
            children.reportable.iter(hold).find_map(|child| pick(hold, Subject::Child(child)))
        };
        self.find_listed(hold, of_children, pick)
    }

    /// Looks at the children and then at the tracees of each thread, in the order of R-WAIT-15 and R-PTRACE-03: the calling thread's, then
    /// those of the threads behind it, then from the first on. Tracees are all looked at, as on Linux: the newest first.
    fn find_listed<R>(
        &self,
        hold: &Hold<'h, H>,
        of_children: impl Fn(&Hold<'h, H>, &'h Children<H>) -> Option<R>,
        of_tracee: impl Fn(&Hold<'h, H>, Subject<'h, H>) -> Option<R>,
    ) -> Option<R> {
        let own = self.caller;
        let lists_of = |thread: &'h Thread<H>| {
            of_children(hold, thread.children_lists()).or_else(|| {
                let tracees = thread.trace(hold)?.tracees();
                let newest = tracees.last(hold);
                let mut all = core::iter::successors(newest, |it| tracees.before(hold, it));
                all.find_map(|tracee| of_tracee(hold, Subject::Tracee(tracee)))
            })
        };
        let found = lists_of(own);
        if found.is_some() || self.options.contains(WaitOptions::NOTHREAD) {
            return found;
        }
        let threads = &own.process_in(hold).threads;
        let behind =
            core::iter::successors(threads.after(hold, own), |thread| threads.after(hold, thread));
        let before = threads.iter(hold).take_while(|thread| !core::ptr::eq(*thread, own));
        behind.chain(before).find_map(lists_of)
    }

    /// Whether it is one of those asked for. R-WAIT-05 to R-WAIT-08.
    fn matches(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> bool {
        let process = subject.process(hold);
        let is_mine = match subject {
            Subject::Child(child) => self.is_my_child(hold, child) && self.is_kind(hold, child),
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

    fn is_kind(&self, hold: &Hold<'h, H>, child: &Process<H>) -> bool {
        let is_clone = child.exit_signal.get(hold) != ExitSignal::SIGCHLD;
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
            Subject::Tracee(trace) => trace.end(hold),
            Subject::Child(child) => {
                let is_zombie = child.state() == ProcessState::Zombie;
                is_zombie.then(|| child.exit_status().into())
            }
        };
        if end.is_some() {
            // R-PTRACE-01: a zombie is its tracer's first.
            return end.filter(|_| wants(WaitOptions::EXITED) && !subject.is_strangers(hold));
        }
        let process = subject.process(hold);
        let stop = match subject.trace(hold) {
            Some(trace) => trace.report(hold).map(WaitStatus::Trapped),
            None => process.stop_report(hold).filter(|_| wants(WaitOptions::STOPPED)),
        };
        let continued = wants(WaitOptions::CONTINUED) && process.has(hold, Marks::CONTINUE_REPORT);
        stop.or_else(|| continued.then_some(WaitStatus::Continued))
    }

    /// Whether it may ever report anything that is asked for, as far as can be told.
    fn may_report(&self, hold: &Hold<'h, H>, subject: Subject<'h, H>) -> bool {
        let has_ended = match subject {
            Subject::Child(child) => child.state() >= ProcessState::Zombie,
            Subject::Tracee(trace) => trace.end(hold).is_some(),
        };
        if has_ended {
            return subject.is_strangers(hold);
        }
        // A dead leader whose process lives on does not stop for its tracer any more.
        !subject.trace(hold).is_some_and(|trace| trace.is_delayed(hold))
            || self.options.intersects(WaitOptions::EXITED | WaitOptions::CONTINUED)
    }

    /// Takes the report, unless the caller only looks.
    pub(super) fn consume(
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
            false => self.take(hold, subject, status, usage),
        };
        WaitEvent { pid, status, usage, process }
    }

    /// Makes the report void, and returns the process, with the parent's reference if it is reaped by that.
    fn take(
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
                if let Some(trace) = subject.trace(hold) {
                    trace.take_report(hold);
                }
            }
            WaitStatus::Exited(_) | WaitStatus::Signaled { .. } => {
                return self.take_end(hold, subject, usage);
            }
        }
        ARef::from(process)
    }

    /// Reaps what has ended; a tracer that is not the parent only makes way for it, and has nothing added to its usage (R-RUSAGE-06).
    fn take_end(
        &self,
        hold: &mut Hold<'h, H>,
        subject: Subject<'h, H>,
        usage: H::Usage,
    ) -> ARef<Process<H>> {
        let process = subject.process(hold);
        if let Subject::Tracee(trace) = subject {
            let link = ARef::from(process);
            if !trace.is_leaders(hold) {
                trace.release_dead_tracee(hold);
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
        self.queue_report(hold);
    }
}
