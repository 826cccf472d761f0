//! One look at the children of the caller.

use alloc::sync::Arc;

use super::target::Target;
use super::{WaitEvent, WaitOptions};
use crate::group::ProcessGroup;
use crate::pid::Task;
use crate::process::family::{Children, Parentage};
use crate::process::{Marks, Process, ProcessState};
use crate::sync::Hold;
use crate::terminal::NumberUse;
use crate::thread::Thread;
use crate::{Host, Signal, Usage, WaitStatus};

/// One look at the children, under the lock.
pub(super) struct Search<'h, H: Host> {
    caller: Parentage<'h, H>,
    selector: Selector<'h, H>,
    options: WaitOptions,
}

/// Whose events are waited for, as objects.
enum Selector<'h, H: Host> {
    Any,
    Process(&'h Process<H>),
    Group(&'h ProcessGroup<H>),
    /// The group in which init begins: no number leads to it.
    Nameless(NumberUse),
}

impl<'h, H: Host> Selector<'h, H> {
    /// `None`: who is meant has ended.
    fn find(hold: &Hold<'h, H>, target: &Target) -> Option<Self> {
        Some(match *target {
            Target::Any => Self::Any,
            Target::Nobody => return None,
            Target::Group(named) if named.number == 0 => Self::Nameless(named),
            Target::Group(named) => Self::Group(named.group(hold)?),
            Target::Process(named) => {
                let Task::Process(process) = hold.root_space().roles(hold, named.number)?.task?
                else {
                    return None;
                };
                let process = process.get(hold);
                Self::Process((process.number_use(hold) == named).then_some(process)?)
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
        Some(Self { caller: Parentage::of_thread(caller, hold), selector, options })
    }

    /// The first child, in the order of threads and births, that has something to report that is asked for.
    pub(super) fn first_report(
        &self,
        hold: &mut Hold<'h, H>,
    ) -> Option<(&'h Process<H>, WaitStatus)> {
        if let Selector::Process(child) = self.selector {
            let report = self.report_of(hold, child)?;
            return self.matches(hold, child).then_some((child, report));
        }
        let mut found = None;
        self.each_list(hold, |hold, children| {
            found = children.reportable.iter(hold).find_map(|child| {
                let report = self.report_of(hold, child)?;
                self.matches(hold, child).then_some((child, report))
            });
            found.is_some()
        });
        found
    }

    /// Whether a child matches that has nothing to report yet. Reapable zombies are none: they never will (R-WAIT-11).
    pub(super) fn has_candidate(&self, hold: &Hold<'h, H>) -> bool {
        let may_report =
            |child: &Process<H>| child.state() < ProcessState::Zombie && self.matches(hold, child);
        match self.selector {
            Selector::Process(child) => may_report(child),
            Selector::Group(group)
                if group.members().len(hold) < self.caller.children().list.len(hold) =>
            {
                group.members().iter(hold).any(may_report)
            }
            _ => {
                let mut found = false;
                self.each_list(hold, |hold, children| {
                    found = children.list.iter(hold).any(may_report);
                    found
                });
                found
            }
        }
    }

    /// Shows the lists of children in the order of R-WAIT-15, until `stop` says so: the calling thread's, then those of the
    /// threads behind it, then from the first on.
    fn each_list(
        &self,
        hold: &Hold<'h, H>,
        mut stop: impl FnMut(&Hold<'h, H>, &'h Children<H>) -> bool,
    ) {
        let Parentage { process, thread } = self.caller;
        let own = thread.or(process.leader(hold));
        let mut lists_of = |thread: &'h Thread<H>| {
            (process.leader.is(hold, thread) && stop(hold, &process.children))
                || stop(hold, thread.own_children())
        };
        let Some(own) = own else {
            stop(hold, &process.children);
            return;
        };
        if lists_of(own) || self.options.contains(WaitOptions::NOTHREAD) {
            return;
        }
        let behind = core::iter::successors(process.threads.after(hold, own), |thread| {
            process.threads.after(hold, thread)
        });
        let before = process.threads.iter(hold).take_while(|thread| !core::ptr::eq(*thread, own));
        for thread in behind.chain(before) {
            if lists_of(thread) {
                return;
            }
        }
    }

    /// Whether the child is one of those asked for. R-WAIT-05 to R-WAIT-08.
    fn matches(&self, hold: &Hold<'h, H>, child: &Process<H>) -> bool {
        let is_mine = if self.options.contains(WaitOptions::NOTHREAD) {
            child.is_child_of(hold, self.caller.process)
                && core::ptr::eq(
                    child.parentage(hold).map_or(core::ptr::null(), |of| of.children()),
                    self.caller.children(),
                )
        } else {
            child.is_child_of(hold, self.caller.process)
        };
        let is_clone = child.exit_signal.get(hold) != Some(Signal::SIGCHLD);
        let is_kind = self.options.contains(WaitOptions::ALL)
            || is_clone == self.options.contains(WaitOptions::CLONE);
        let is_selected = match self.selector {
            Selector::Any => true,
            Selector::Process(wanted) => core::ptr::eq(wanted, child),
            Selector::Group(group) => child.is_member_of(hold, group),
            Selector::Nameless(named) => child.group_in(hold).number_use(hold) == named,
        };
        is_mine && is_kind && is_selected
    }

    /// What the child has to report of what is asked for: its end before a stop before a continuation (R-WAIT-13).
    fn report_of(&self, hold: &Hold<'h, H>, child: &Process<H>) -> Option<WaitStatus> {
        let wants = |event| self.options.contains(event);
        if child.state() == ProcessState::Zombie {
            return wants(WaitOptions::EXITED).then(|| child.exit_status().into());
        }
        if let Some(stop) = child.stop_report(hold).filter(|_| wants(WaitOptions::STOPPED)) {
            return Some(stop);
        }
        (wants(WaitOptions::CONTINUED) && child.has(hold, Marks::CONTINUE_REPORT))
            .then_some(WaitStatus::Continued)
    }

    pub(super) fn consume(
        &self,
        hold: &mut Hold<'h, H>,
        child: &'h Process<H>,
        status: WaitStatus,
    ) -> WaitEvent<H> {
        let mut usage = hold.host().usage(child);
        usage.add(child.children_usage.get(hold));
        let process = if self.options.contains(WaitOptions::NOWAIT) {
            child.share(hold)
        } else {
            match status {
                WaitStatus::Stopped(_) => child.consume_report(hold, Marks::STOP_REPORT),
                WaitStatus::Continued => child.consume_report(hold, Marks::CONTINUE_REPORT),
                WaitStatus::Exited(_) | WaitStatus::Signaled { .. } => {
                    let parent = self.caller.process;
                    let mut total = parent.children_usage.get(hold);
                    total.add(usage);
                    parent.children_usage.set(hold, total);
                    child.claim(hold)
                }
            }
        };
        let process = process.expect("a child that reports is in its parent's list");
        let pid = child.identity.number_in(hold, self.caller.process.space(hold));
        WaitEvent { pid, status, usage, process }
    }
}

impl<H: Host> Process<H> {
    fn consume_report(&self, hold: &mut Hold<'_, H>, report: Marks) -> Option<Arc<Self>> {
        self.unmark(hold, report);
        self.queue_report(hold);
        self.share(hold)
    }

    /// Reaps the zombie for its waiter. That wakes nobody: whoever sleeps for this child was woken when it ended (R-WAIT-24).
    fn claim(&self, hold: &mut Hold<'_, H>) -> Option<Arc<Self>> {
        #[cfg(feature = "planted-faults")]
        if crate::faults::is_planted(crate::faults::Fault::ReapedTwice) {
            return self.share(hold);
        }
        self.reap(hold)
    }
}
