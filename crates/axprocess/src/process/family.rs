//! Parents, children, and who adopts the orphans.
//!
//! As in Linux, a child belongs to one **thread** of its parent: the one that forked it, or
//! adopted it. When that thread exits, the children go to the first thread of the same process that still runs; when the process
//! has none left, to the nearest living subreaper above it, at last to init (R-REPARENT-01 to -04).
//!
//! Choosing the reaper, checking that it lives and moving the child happen in one hold, so an
//! orphan never lands with a reaper that is itself about to go, and is in exactly one child list at every unlock.

use super::{Marks, Process, ProcessState, Reportable, Siblings, TracedBy};
use crate::faults::{Fault, is_planted};
use crate::list::{OrderedQueue, StrongList};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{ExitSignal, Host, Pid};

/// The children of one thread: all of them in birth or adoption order, and in the same order those with something to report.
pub(crate) struct Children<H: Host> {
    pub(crate) list: StrongList<Process<H>, Siblings>,
    pub(crate) reportable: OrderedQueue<Process<H>, Reportable>,
}

impl<H: Host> Children<H> {
    pub(crate) const fn new() -> Self {
        Self { list: StrongList::new(), reportable: OrderedQueue::new() }
    }

    /// Makes all children those of `parent`, or as many as the hold allows. False if some are left.
    pub(super) fn move_all<'h>(&self, hold: &mut Hold<'h, H>, parent: Parentage<'h, H>) -> bool {
        while let Some(child) = self.list.first(hold) {
            match child.moves_unnoticed(hold) {
                true => self.move_unnoticed(hold, parent),
                false => child.move_to_parent(hold, self, parent),
            }
            if hold.is_full() {
                return self.list.is_empty(hold);
            }
        }
        true
    }

    /// Makes those of `parent` that stand before the first whose move somebody has to be told of: their places in the list change all at once.
    fn move_unnoticed<'h>(&self, hold: &mut Hold<'h, H>, parent: Parentage<'h, H>) {
        let (mut next, mut last, mut count) = (self.list.first(hold), None, 0);
        while let Some(child) = next.filter(|child| child.moves_unnoticed(hold)) {
            hold.touch();
            child.become_child(hold, parent);
            (last, count) = (Some(child), count + 1);
            next = if hold.is_full() { None } else { self.list.after(hold, child) };
        }
        if let Some(last) = last {
            self.list.move_first(hold, count, last, &parent.children().list);
        }
    }
}

/// Whose child a process is, or shall be: a process, and its thread unless that is the leader.
pub(crate) struct Parentage<'h, H: Host> {
    pub(crate) process: &'h Process<H>,
    pub(super) thread: Option<&'h Thread<H>>,
}

impl<H: Host> Clone for Parentage<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Parentage<'_, H> {}

impl<'h, H: Host> Parentage<'h, H> {
    pub(crate) const fn children(&self) -> &'h Children<H> {
        match self.thread {
            Some(thread) => thread.own_children(),
            None => &self.process.children,
        }
    }

    /// Whoever of the same process accepts a child now: this thread if it lives, else the first that does (R-REPARENT-02).
    pub(super) fn accepting(self, hold: &Hold<'h, H>) -> Option<Self> {
        let process = self.process;
        if process.state() != ProcessState::Live {
            return None;
        }
        let lives = match self.thread {
            Some(thread) => thread.state() == ThreadState::Live,
            None => !process.has(hold, Marks::LEADER_GONE),
        };
        if lives { Some(self) } else { process.first_accepting(hold) }
    }
}

impl<H: Host> Process<H> {
    /// Returns the parent's number, 0 if there is none. Wait-free.
    ///
    /// Serves getppid(2).
    #[inline]
    pub fn getppid(&self) -> Pid {
        self.ppid.get()
    }

    /// Makes the process adopt the orphans among its descendants, those that live already included.
    ///
    /// Serves prctl(2) `PR_SET_CHILD_SUBREAPER` with a non-zero argument. R-SUBREAPER-01, R-SUBREAPER-03.
    pub fn become_subreaper(&self) {
        self.world().hold(|hold| {
            if self.state() == ProcessState::Live && !self.has(hold, Marks::SUBREAPER) {
                self.mark(hold, Marks::SUBREAPER);
                hold.table_mut().subreapers += 1;
            }
        });
    }

    /// Makes the process adopt no more orphans; those that it has stay.
    ///
    /// Serves prctl(2) `PR_SET_CHILD_SUBREAPER` with argument 0. R-SUBREAPER-04.
    pub fn resign_subreaper(&self) {
        self.world().hold(|hold| self.drop_subreaper_mark(hold));
    }

    /// Returns whether the process is marked as a subreaper.
    ///
    /// Serves prctl(2) `PR_GET_CHILD_SUBREAPER`.
    pub fn is_subreaper(&self) -> bool {
        self.world().hold(|hold| self.has(hold, Marks::SUBREAPER))
    }

    pub(super) fn drop_subreaper_mark(&self, hold: &mut Hold<'_, H>) {
        if self.has(hold, Marks::SUBREAPER) {
            self.unmark(hold, Marks::SUBREAPER);
            hold.table_mut().subreapers -= 1;
        }
    }

    /// Whose child this process is; `None` for init and for a reaped process.
    pub(crate) fn parentage<'h>(&self, hold: &Hold<'h, H>) -> Option<Parentage<'h, H>> {
        let process = self.parent.get(hold)?;
        Some(Parentage { process, thread: self.parent_thread.get(hold) })
    }

    /// The parent's thread whose child this process is, if that lives.
    pub(super) fn parent_thread_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        let parent = self.parent.get(hold)?;
        self.parent_thread.get(hold).or_else(|| parent.leader(hold))
    }

    /// Publishes the parent's number as this process sees it: 0 if it lives outside (R-NS-02).
    fn publish_ppid(&self, hold: &mut Hold<'_, H>, parent: &Self) {
        let ppid = parent.in_hold(hold).identity.number_in(hold, self.space(hold));
        self.ppid.set(hold, ppid);
    }

    pub(super) fn is_child_of(&self, hold: &Hold<'_, H>, parent: &Self) -> bool {
        self.parent.is(hold, parent)
    }

    /// The thread that adopts what this process leaves behind: its own first living one, if any.
    pub(super) fn first_accepting<'h>(&self, hold: &Hold<'h, H>) -> Option<Parentage<'h, H>> {
        let mut threads = self.threads.iter(hold);
        let thread = threads.find(|thread| thread.state() == ThreadState::Live)?;
        let leads = self.leader.is(hold, thread);
        Some(Parentage { process: thread.process_in(hold), thread: (!leads).then_some(thread) })
    }

    /// The nearest living subreaper above this process, else the init of its namespace (R-REPARENT-03 to -06). `None` when the table is gone.
    pub(super) fn find_reaper<'h>(&self, hold: &mut Hold<'h, H>) -> Option<Parentage<'h, H>> {
        if hold.table().subreapers > 0 && !is_planted(Fault::WrongReaper) {
            let level = self.level;
            let mut ancestor = self.parent.get(hold);
            // R-REPARENT-03: the walk stays on the level of the dying one's namespace.
            while let Some(process) = ancestor.filter(|ancestor| ancestor.level == level) {
                hold.touch();
                if process.has(hold, Marks::SUBREAPER) {
                    let candidate = Parentage { process, thread: None }.accepting(hold);
                    if candidate.is_some() {
                        return candidate;
                    }
                }
                ancestor = process.parent.get(hold);
            }
        }
        let eldest = Parentage { process: self.space(hold).init(hold)?, thread: None };
        Some(eldest.accepting(hold).unwrap_or(eldest))
    }

    /// Gives the children that stand with `from` to new parents, or as many as the hold allows. False if some are left.
    ///
    /// What nobody can adopt stays: only init has none above it, and it stays for ever.
    #[inline]
    pub(super) fn hand_over_children<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        from: &Children<H>,
    ) -> bool {
        from.list.is_empty(hold) || self.hand_over_some(hold, from)
    }

    fn hand_over_some<'h>(&self, hold: &mut Hold<'h, H>, from: &Children<H>) -> bool {
        let heir = match self.first_heir(hold) {
            Some(thread) => Some(thread),
            None => self.find_reaper(hold),
        };
        match heir {
            Some(heir) if !core::ptr::eq(heir.children(), from) => from.move_all(hold, heir),
            _ => true,
        }
    }

    /// The living thread of this process that inherits the children of an exiting one.
    fn first_heir<'h>(&self, hold: &Hold<'h, H>) -> Option<Parentage<'h, H>> {
        if self.state() == ProcessState::Live { self.first_accepting(hold) } else { None }
    }

    /// Makes this process a child of `parent`, at the end of its list.
    fn move_to_parent<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        from: &Children<H>,
        parent: Parentage<'h, H>,
    ) {
        hold.touch();
        let lost = self.parent.get(hold);
        let is_kept = self.is_of_thread(hold, parent) || self.is_kept_by_init(hold, parent);
        // Mostly it has nothing to say: then its links in the queue need not be fetched.
        let may_report = !self.is_silent(hold);
        let queue_again = |hold: &mut Hold<'h, H>| {
            if may_report {
                self.queue_report(hold);
            }
        };
        if may_report {
            from.reportable.remove(hold, self);
        }
        let Some(link) = from.list.remove(hold, self) else {
            return;
        };
        parent.children().list.push_back(hold, link);
        self.become_child(hold, parent);
        if is_kept {
            queue_again(hold);
            return;
        }
        if let Some(lost) = lost {
            self.post_parent_death(hold, lost);
        }
        if lost.is_some_and(|lost| core::ptr::eq(lost, parent.process)) {
            queue_again(hold);
            return;
        }
        if self.state() == ProcessState::Zombie && self.traced(hold).is_none() {
            // R-REPARENT-10: the new parent hears of it as the old one did.
            self.announce_end(hold);
        } else {
            queue_again(hold);
        }
        if let Some(lost) = lost {
            self.check_group_after_move(hold, lost);
        }
    }

    /// Notes that this process has come from its parent to another, wherever it stands in their lists.
    fn become_child<'h>(&self, hold: &mut Hold<'h, H>, parent: Parentage<'h, H>) {
        if !self.is_child_of(hold, parent.process) {
            // R-REPARENT-09: whatever it was to its creator, to its reaper it is an ordinary child.
            self.exit_signal.set(hold, ExitSignal::SIGCHLD);
        }
        self.set_parent(hold, parent);
    }

    /// Notes whose child this process is, as the last in birth or adoption order.
    #[inline]
    pub(super) fn set_parent<'h>(&self, hold: &mut Hold<'h, H>, parent: Parentage<'h, H>) {
        let birth = hold.table_mut().next_birth();
        self.birth.set(hold, birth);
        self.parent.set(hold, Some(parent.process));
        self.parent_thread.set(hold, parent.thread);
        self.publish_ppid(hold, parent.process);
    }

    /// Whether nobody is told when this process moves to another parent: it has nothing to report, no wish for a signal, and no
    /// stopped one in its group.
    fn moves_unnoticed(&self, hold: &Hold<'_, H>) -> bool {
        self.is_silent(hold)
            && self.death_signal.get(hold).is_none()
            && self.armed_threads.get(hold) == 0
            && self.group.get(hold).stopped_members(hold) == 0
    }

    /// Whether this is a child of that very thread already, which only takes the leader's place now.
    fn is_of_thread(&self, hold: &Hold<'_, H>, parent: Parentage<'_, H>) -> bool {
        let thread_of = |process: &Self, thread: Option<&Thread<H>>| {
            thread.or(process.leader(hold)).map(core::ptr::from_ref)
        };
        self.parent.get(hold).is_some_and(|process| {
            let own = thread_of(process, self.parent_thread.get(hold));
            own.is_some() && own == thread_of(parent.process, parent.thread)
        })
    }

    /// Whether this is a child of the init of an ending namespace, whose last thread keeps its children (R-EXIT-15): only their place changes.
    fn is_kept_by_init(&self, hold: &Hold<'_, H>, parent: Parentage<'_, H>) -> bool {
        self.is_child_of(hold, parent.process) && parent.process.state() == ProcessState::Exiting
    }

    /// Stands in the parent's queue if there is something to report, and only then.
    pub(super) fn queue_report(&self, hold: &mut Hold<'_, H>) {
        let Some(parent) = self.parentage(hold) else {
            return;
        };
        let queue = &parent.children().reportable;
        match (self.has_report(hold), queue.contains(hold, self)) {
            (true, false) => queue.insert(hold, self),
            (false, true) => queue.remove(hold, self),
            _ => {}
        }
    }

    /// Stands in the parent's queue from now on: it has ended, and nobody traces it.
    pub(super) fn queue_end(&self, hold: &mut Hold<'_, H>, parent: &Self) {
        let thread = self.parent_thread.get(hold);
        let queue = &Parentage { process: parent.in_hold(hold), thread }.children().reportable;
        if !queue.contains(hold, self) {
            queue.insert(hold, self);
        }
    }

    /// Whether it surely has nothing to report, to whomever: so it stands in no queue.
    fn is_silent(&self, hold: &Hold<'_, H>) -> bool {
        self.state() < ProcessState::Zombie
            && self.leader_trace.get_if_set(hold).is_none()
            && !self.marks.get(hold).intersects(Marks::STOP_REPORT | Marks::CONTINUE_REPORT)
    }

    /// Whether it has to report anything to its parent; to a tracer elsewhere it reports by itself.
    pub(crate) fn has_report(&self, hold: &Hold<'_, H>) -> bool {
        let traced_by = self.traced_by(hold);
        if self.state() == ProcessState::Zombie {
            return traced_by != TracedBy::Stranger;
        }
        let marks = self.marks.get(hold);
        let is_stopped = match traced_by {
            TracedBy::Parent => self.traced(hold).is_some_and(|it| it.report(hold).is_some()),
            _ => marks.contains(Marks::STOP_REPORT),
        };
        is_stopped || marks.contains(Marks::CONTINUE_REPORT)
    }

    pub(crate) fn first_child<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.children.list.first(hold).or_else(|| self.first_child_behind(hold, None))
    }

    /// The child after `child` in the order of [`Process::children`].
    pub(crate) fn child_after<'h>(&self, hold: &Hold<'h, H>, child: &Self) -> Option<&'h Self> {
        let thread = child.parent_thread.get(hold);
        let children = Parentage { process: self.in_hold(hold), thread }.children();
        children.list.after(hold, child).or_else(|| self.first_child_behind(hold, thread))
    }

    /// The first child of the threads after `thread`; of all threads if that is the leader.
    fn first_child_behind<'h>(
        &self,
        hold: &Hold<'h, H>,
        thread: Option<&Thread<H>>,
    ) -> Option<&'h Self> {
        let mut at = match thread {
            Some(thread) => self.threads.after(hold, thread),
            None => self.threads.first(hold),
        };
        while let Some(thread) = at {
            let first = thread.own_children().list.first(hold);
            if first.is_some() {
                return first;
            }
            at = self.threads.after(hold, thread);
        }
        None
    }
}

impl<H: Host> Process<H> {
    /// Makes a child a root of its own, when the whole table is being dropped.
    pub(crate) fn become_root(&self, hold: &mut Hold<'_, H>) {
        let Some(parent) = self.parentage(hold) else {
            return;
        };
        parent.children().reportable.remove(hold, self);
        if let Some(link) = parent.children().list.remove(hold, self) {
            self.parent.set(hold, None);
            self.parent_thread.set(hold, None);
            self.ppid.set(hold, 0);
            hold.roots().push_back(hold, link);
        }
    }
}
