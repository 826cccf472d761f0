//! Parents, children, and who adopts the orphans.
//!
//! As in Linux, a child belongs to one **thread** of its parent: the one that forked it, or
//! adopted it. When that thread exits, the children go to the first thread of the same process that still runs; when the process
//! has none left, to the nearest living subreaper above it, at last to init (R-REPARENT-01 to -04).
//!
//! Choosing the reaper, checking that it lives and moving the child happen in one hold, so an
//! orphan never lands with a reaper that is itself about to go, and is in exactly one child list at every unlock.

use super::{Marks, Process, ProcessState, Reportable, Siblings, TracedBy};
use crate::list::{OrderedQueue, StrongList};
use crate::sync::{BATCH, Hold};
use crate::thread::Thread;
use crate::{ARef, ExitSignal, Host, Pid};

/// The children of one thread: all of them in birth or adoption order, and in the same order those with something to report.
///
/// The tally of the list is of the clones: those that do not end with `SIGCHLD`.
pub(crate) struct Children<H: Host> {
    pub(crate) list: StrongList<Process<H>, Siblings>,
    pub(crate) reportable: OrderedQueue<Process<H>, Reportable>,
}

impl<H: Host> Children<H> {
    pub(crate) const fn new() -> Self {
        Self { list: StrongList::new(), reportable: OrderedQueue::new() }
    }

    /// Takes a child in, as the last one, of which it is decided how it ends.
    #[inline]
    pub(super) fn admit(&self, hold: &mut Hold<'_, H>, child: ARef<Process<H>>) {
        self.count_if_clone(hold, &child);
        self.list.push_back(hold, child);
    }

    /// Takes a child out, and returns the reference to it.
    #[inline]
    pub(super) fn remove(
        &self,
        hold: &mut Hold<'_, H>,
        child: &Process<H>,
    ) -> Option<ARef<Process<H>>> {
        self.uncount_if_clone(hold, child);
        self.list.remove(hold, child)
    }

    /// How many children end with `SIGCHLD`, and how many do not.
    pub(super) fn count_sigchld_and_clone(&self, hold: &Hold<'_, H>) -> (usize, usize) {
        let clones = self.list.owner_counter().get(hold) as usize;
        (self.list.len(hold) - clones, clones)
    }

    #[inline]
    fn count_if_clone(&self, hold: &mut Hold<'_, H>, child: &Process<H>) {
        if child.is_clone_child(hold) {
            let clones = self.list.owner_counter();
            clones.set(hold, clones.get(hold) + 1);
        }
    }

    #[inline]
    fn uncount_if_clone(&self, hold: &mut Hold<'_, H>, child: &Process<H>) {
        if child.is_clone_child(hold) {
            let clones = self.list.owner_counter();
            clones.set(hold, clones.get(hold) - 1);
        }
    }

    /// Makes all children those of `parent`, or as many as the hold allows. False if some are left.
    pub(super) fn try_reparent_all<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        parent: &'h Thread<H>,
    ) -> bool {
        while let Some(child) = self.list.first(hold) {
            match child.moves_unnoticed(hold) {
                true => self.move_unnoticed_prefix(hold, parent),
                false if !child.try_finish_orphan_search_for_move(hold, parent) => return false,
                false => child.reparent_and_notify(hold, self, parent),
            }
            if hold.is_chased_batch_full() {
                // What threads of the last one have wished for is sent before its former parent goes on.
                return self.list.is_empty(hold) && !hold.owes_walk();
            }
        }
        true
    }

    /// Makes those of `parent` that stand before the first whose move somebody has to be told of: their places in the list change all at once.
    fn move_unnoticed_prefix<'h>(&self, hold: &mut Hold<'h, H>, parent: &'h Thread<H>) {
        let (mut next, mut last, mut count) = (self.list.first(hold), None, 0);
        let has_clones = self.list.owner_counter().get(hold) > 0;
        let Some(mut adoption) = next.map(|child| Adoption::of(hold, child, parent)) else {
            return;
        };
        let most = hold.rest_of_chased_batch();
        while let Some(child) = next.filter(|child| child.moves_unnoticed(hold)) {
            if has_clones {
                self.uncount_if_clone(hold, child);
            }
            adoption.record(hold, child);
            if has_clones {
                parent.children_lists().count_if_clone(hold, child);
            }
            (last, count) = (Some(child), count + 1);
            next = if count >= most { None } else { self.list.after(hold, child) };
        }
        hold.count_many_touched(count);
        if let Some(last) = last {
            self.list.move_first(hold, count, last, &parent.children_lists().list);
        }
    }
}

/// What the children of one thread get that come to another: places behind all others, and that one's number.
struct Adoption<'h, H: Host> {
    parent: &'h Thread<H>,
    /// It is a thread of the same process.
    stays: bool,
    /// The parent's, in the table's own namespace.
    number: Pid,
    next_place: i64,
}

impl<'h, H: Host> Adoption<'h, H> {
    /// Of as many as a hold allows at most, of which `child` is one.
    fn of(hold: &mut Hold<'h, H>, child: &Process<H>, parent: &'h Thread<H>) -> Self {
        let process = parent.process_in(hold);
        Self {
            parent,
            stays: child.is_child_of(hold, process),
            number: process.own_numbers().number_at_root(hold),
            next_place: hold.relations_mut().next_places(BATCH as u64),
        }
    }

    /// Notes that a child has come, wherever it stands in the lists.
    #[inline]
    fn record(&mut self, hold: &mut Hold<'h, H>, child: &Process<H>) {
        let process = self.parent.process_in(hold);
        if self.stays {
            process.moved_children.set(hold, process.moved_children.get(hold).wrapping_add(1));
        } else {
            // R-REPARENT-09: whatever it was to its creator, to its reaper it is an ordinary child.
            child.exit_signal.set(hold, ExitSignal::SIGCHLD);
        }
        child.record_parent(hold, self.parent, self.next_place);
        self.next_place += 1;
        // Who takes the fast path does, and its numbers need not be fetched.
        match child.takes_fast_path(hold) || child.own_numbers().lives_at_root(hold) {
            // Then so does its parent: a child lives where that does, or further inside.
            true => child.ppid.set(hold, self.number),
            false => child.publish_ppid(hold, process),
        }
    }
}

bitflags::bitflags! {
    /// What a child can have to report to its parent.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) struct Reports: u8 {
        /// Its end; then nothing else.
        const END = 1 << 0;
        const STOP = 1 << 1;
        /// A stop for the parent, which traces it.
        const TRAP = 1 << 2;
        const CONTINUATION = 1 << 3;
    }
}

impl Reports {
    /// These reports as classes of the queue: of a clone, or of a child that ends with `SIGCHLD`.
    pub(super) const fn queue_classes(self, is_clone: bool) -> u8 {
        if is_clone { self.bits() << 4 } else { self.bits() }
    }
}

impl<H: Host> Thread<H> {
    /// Whoever of the same process accepts a child now: this thread if it lives, else the first that does (R-REPARENT-02).
    #[inline]
    pub(super) fn self_or_first_live<'h>(&'h self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        // As long as a thread lives, its process does.
        if self.is_live_in(hold) { Some(self) } else { self.first_live_beside(hold) }
    }

    #[cold]
    fn first_live_beside<'h>(&'h self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        let process = self.process_in(hold);
        let is_live = process.state_in(hold) == ProcessState::Live;
        if is_live { process.first_live_thread(hold) } else { None }
    }
}

impl<H: Host> Process<H> {
    /// Returns the parent's number, 0 if there is none. Wait-free.
    ///
    /// Serves getppid(2).
    #[inline]
    pub fn ppid(&self) -> Pid {
        self.ppid.get()
    }

    /// Makes the process adopt the orphans among its descendants, those that live already included.
    ///
    /// Serves prctl(2) `PR_SET_CHILD_SUBREAPER` with a non-zero argument. R-SUBREAPER-01, R-SUBREAPER-03. Marks all descendants in one hold, as Linux does. Does nothing to a kernel thread, which makes no such call (R-KTHREAD-07).
    pub fn become_subreaper(&self) {
        self.table().hold(|hold| {
            let can_be =
                self.state() == ProcessState::Live && !self.has(hold, Marks::KERNEL_THREAD);
            if can_be && !self.has(hold, Marks::SUBREAPER) {
                self.mark(hold, Marks::SUBREAPER | Marks::SLOW_PATH);
                self.propagate_below_subreaper(hold);
            }
        });
    }

    /// Marks all that are below this subreaper: Linux's `propagate_has_child_subreaper`. Where one is marked, all below it are; what is below the init of another namespace never gets out of it.
    fn propagate_below_subreaper(&self, hold: &mut Hold<'_, H>) {
        let mut next = self.first_child(hold);
        while let Some(process) = next {
            hold.count_touched();
            let is_new =
                !process.has(hold, Marks::BELOW_SUBREAPER) && !process.is_pid_ns_init(hold);
            if is_new {
                process.mark(hold, Marks::BELOW_SUBREAPER);
            }
            let child = if is_new { process.first_child(hold) } else { None };
            next = child.or_else(|| self.next_after_subtree(hold, process));
        }
    }

    /// The process after `at` and all below it, in the tree below this one.
    fn next_after_subtree<'h>(&self, hold: &Hold<'h, H>, at: &'h Self) -> Option<&'h Self> {
        let mut at = at;
        while !core::ptr::eq(at, self) {
            let parent = at.parent_in(hold)?;
            let sibling = parent.child_after(hold, at);
            if sibling.is_some() {
                return sibling;
            }
            at = parent;
        }
        None
    }

    /// A child of `like`, or of its parent, stands below a subreaper if that does or is one. R-SUBREAPER-02.
    #[inline]
    pub(super) fn inherit_below_subreaper(&self, hold: &mut Hold<'_, H>, like: &Self) {
        if like.marks.get(hold).intersects(Marks::SUBREAPER | Marks::BELOW_SUBREAPER) {
            self.mark(hold, Marks::BELOW_SUBREAPER);
        }
    }

    /// Makes the process adopt no more orphans; those that it has stay.
    ///
    /// Serves prctl(2) `PR_SET_CHILD_SUBREAPER` with argument 0. R-SUBREAPER-04.
    pub fn resign_subreaper(&self) {
        self.table().hold(|hold| self.drop_subreaper_mark(hold));
    }

    /// Returns whether the process is marked as a subreaper. Takes the lock.
    ///
    /// Serves prctl(2) `PR_GET_CHILD_SUBREAPER`.
    pub fn is_subreaper(&self) -> bool {
        self.table().hold(|hold| self.has(hold, Marks::SUBREAPER))
    }

    pub(super) fn drop_subreaper_mark(&self, hold: &mut Hold<'_, H>) {
        self.unmark(hold, Marks::SUBREAPER);
    }

    /// The parent; `None` for init and for a reaped process.
    #[inline]
    pub(crate) fn parent_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.parent.get(hold).map(|thread| thread.process_in(hold))
    }

    /// The parent's thread whose child this process is.
    #[inline]
    pub(crate) fn parent_thread<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.parent.get(hold)
    }

    /// The same, until it has exited.
    pub(super) fn parent_thread_unless_exited<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> Option<&'h Thread<H>> {
        self.parent.get(hold).filter(|thread| !thread.has_exited_in(hold))
    }

    /// Publishes the parent's number as this process sees it: 0 if it lives outside (R-NS-02).
    #[inline]
    pub(super) fn publish_ppid(&self, hold: &mut Hold<'_, H>, parent: &Self) {
        let ppid = match self.own_numbers().lives_at_root(hold) {
            // Then so does its parent: a child lives where that does, or further inside.
            true => parent.own_numbers().number_to_holder(hold),
            false => parent.number_seen_by(hold, self),
        };
        self.ppid.set(hold, ppid);
    }

    pub(crate) fn is_child_of(&self, hold: &Hold<'_, H>, parent: &Self) -> bool {
        self.parent_in(hold).is_some_and(|own| core::ptr::eq(own, parent))
    }

    /// The thread that adopts what another of this process leaves behind: the first living one, if any.
    pub(super) fn first_live_thread<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.live_threads_in_order(hold).next()
    }

    /// The nearest living subreaper above this process, else the init of its namespace (R-REPARENT-03 to -06). `None` when the table is gone.
    pub(super) fn find_reaper<'h>(&self, hold: &mut Hold<'h, H>) -> Option<&'h Thread<H>> {
        if self.has(hold, Marks::BELOW_SUBREAPER) {
            let level = self.own_numbers().level_in(hold);
            let mut ancestor = self.parent_in(hold);
            // R-REPARENT-03: the walk stays on the level of the dying one's namespace.
            while let Some(process) = ancestor.filter(|it| it.own_numbers().level_in(hold) == level)
            {
                hold.count_touched();
                if process.has(hold, Marks::SUBREAPER) {
                    let candidate = process.leading_thread(hold).self_or_first_live(hold);
                    if candidate.is_some() {
                        return candidate;
                    }
                }
                ancestor = process.parent_in(hold);
            }
        }
        let pid_ns = self.pid_ns(hold);
        if let Some(reaper) = pid_ns.exiting_reaper(hold) {
            return Some(reaper);
        }
        let eldest = pid_ns.init(hold)?.leading_thread(hold);
        Some(eldest.self_or_first_live(hold).unwrap_or(eldest))
    }

    /// Gives the children that stand with `from` to new parents, or as many as the hold allows. False if some are left.
    ///
    /// What nobody can adopt stays: only init has none above it, and it stays for ever.
    #[inline]
    pub(super) fn reparent_children<'h>(&self, hold: &mut Hold<'h, H>, from: &Children<H>) -> bool {
        from.list.is_empty(hold) || self.find_heir_and_reparent(hold, from)
    }

    fn find_heir_and_reparent<'h>(&self, hold: &mut Hold<'h, H>, from: &Children<H>) -> bool {
        let heir = match self.first_heir(hold) {
            Some(thread) => Some(thread),
            None => self.find_reaper(hold),
        };
        match heir {
            Some(heir) if core::ptr::eq(heir.children_lists(), from) => true,
            Some(heir) => from.try_reparent_all(hold, heir),
            None => from.become_roots(hold),
        }
    }

    /// The living thread of this process that inherits the children of an exiting one.
    fn first_heir<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        if self.state() == ProcessState::Live { self.first_live_thread(hold) } else { None }
    }

    /// Whether a move to `parent` asks no more of the hold than it can give: else it is full.
    fn try_finish_orphan_search_for_move(
        &self,
        hold: &mut Hold<'_, H>,
        parent: &Thread<H>,
    ) -> bool {
        self.is_child_of(hold, parent.process()) || self.try_finish_orphan_search(hold)
    }

    /// Makes this process a child of `parent`, at the end of its list.
    fn reparent_and_notify<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        from: &Children<H>,
        parent: &'h Thread<H>,
    ) {
        // Its threads, and what it reports, are looked at as well: as much memory as that of two that move unnoticed.
        hold.count_many_touched(2);
        let lost = self.parent_in(hold);
        let is_kept = self.is_kept_by_exiting_init(hold, parent);
        // Mostly it has nothing to say: then its links in the queue need not be fetched.
        let may_report = !self.has_surely_no_report(hold);
        let queue_again = |hold: &mut Hold<'h, H>| {
            if may_report {
                self.update_report_queue(hold);
            }
        };
        if may_report {
            from.reportable.remove(hold, self);
        }
        let Some(link) = from.remove(hold, self) else {
            return;
        };
        Adoption::of(hold, self, parent).record(hold, self);
        parent.children_lists().admit(hold, link);
        if is_kept {
            queue_again(hold);
            return;
        }
        if let Some(lost) = lost {
            self.send_pdeath_signals(hold, lost);
        }
        if lost.is_some_and(|lost| core::ptr::eq(lost, &**parent.process())) {
            queue_again(hold);
            return;
        }
        if self.state() == ProcessState::Zombie && self.traced_leader(hold).is_none() {
            // R-REPARENT-10: the new parent hears of it as the old one did.
            self.notify_tracer_parent_or_autoreap(hold);
        } else {
            queue_again(hold);
        }
        if let Some(lost) = lost {
            self.hang_up_if_orphaned_by_move(hold, lost);
        }
    }

    /// Notes whose child this process is, and at which place; not yet that number.
    #[inline]
    pub(super) fn record_parent(&self, hold: &mut Hold<'_, H>, parent: &Thread<H>, place: i64) {
        self.birth.set(hold, place);
        self.parent.set(hold, Some(parent));
    }

    /// Whether nobody is told when this process moves to another parent: it has nothing to report, no wish for a signal, and no
    /// stopped one in its group.
    fn moves_unnoticed(&self, hold: &Hold<'_, H>) -> bool {
        let tells_nobody = match self.takes_fast_path(hold) {
            true => !self.has_ended_in(hold),
            false => self.has_surely_no_report(hold) && self.pdeath_threads.get(hold) == 0,
        };
        tells_nobody && !self.is_group_stopped_in_part(hold)
    }

    /// Whether this is a child of the init of an ending namespace, whose last thread keeps its children (R-EXIT-15): only their place changes.
    fn is_kept_by_exiting_init(&self, hold: &Hold<'_, H>, parent: &Thread<H>) -> bool {
        let process = parent.process();
        self.is_child_of(hold, process) && process.has(hold, Marks::ENDING_PID_NS)
    }

    /// Stands in the parent's queue if there is something to report, and only then.
    pub(super) fn update_report_queue(&self, hold: &mut Hold<'_, H>) {
        let Some(parent) = self.parent.get(hold) else {
            return;
        };
        let queue = &parent.children_lists().reportable;
        match (self.report_classes(hold), queue.contains(hold, self)) {
            (0, true) => queue.remove(hold, self),
            (0, false) => {}
            (classes, true) => queue.set_classes(hold, self, classes),
            (classes, false) => queue.insert(hold, self, classes),
        }
    }

    /// Stands in the queue of its parent, that thread, from now on: it has ended, and nobody traces it.
    #[inline]
    pub(super) fn queue_zombie(&self, hold: &mut Hold<'_, H>, parent: &Thread<H>) {
        let queue = &parent.children_lists().reportable;
        let classes = Reports::END.queue_classes(self.is_clone_child(hold));
        // Who takes the fast path has had nothing to report before.
        match !self.takes_fast_path(hold) && queue.contains(hold, self) {
            true => queue.set_classes(hold, self, classes),
            false => queue.insert(hold, self, classes),
        }
    }

    /// Whether it surely has nothing to report, to whomever: so it stands in no queue.
    fn has_surely_no_report(&self, hold: &Hold<'_, H>) -> bool {
        self.state() < ProcessState::Zombie
            && self.leading_thread(hold).trace(hold).is_none()
            && !self.marks.get(hold).intersects(Marks::STOP_REPORT | Marks::CONTINUE_REPORT)
    }

    /// What it has to report to its parent; to a tracer elsewhere it reports by itself.
    fn reports(&self, hold: &Hold<'_, H>) -> Reports {
        let traced_by = self.traced_by(hold);
        if self.state() == ProcessState::Zombie {
            let is_strangers = traced_by == TracedBy::NonParent;
            return if is_strangers { Reports::empty() } else { Reports::END };
        }
        let marks = self.marks.get(hold);
        let is_trapped =
            || self.traced_leader(hold).is_some_and(|it| it.unconsumed_report(hold).is_some());
        let mut reports = match traced_by {
            TracedBy::Parent if is_trapped() => Reports::TRAP,
            TracedBy::Parent => Reports::empty(),
            _ if marks.contains(Marks::STOP_REPORT) => Reports::STOP,
            _ => Reports::empty(),
        };
        reports.set(Reports::CONTINUATION, marks.contains(Marks::CONTINUE_REPORT));
        reports
    }

    /// The classes in which it stands in its parent's queue; 0: it has nothing to report.
    pub(crate) fn report_classes(&self, hold: &Hold<'_, H>) -> u8 {
        self.reports(hold).queue_classes(self.is_clone_child(hold))
    }

    /// Whether it is a child that does not end with `SIGCHLD`: `__WCLONE` waits for those (R-WAIT-05).
    #[inline]
    pub(super) fn is_clone_child(&self, hold: &Hold<'_, H>) -> bool {
        self.exit_signal.get(hold) != ExitSignal::SIGCHLD
    }

    /// Ends with `SIGCHLD` from now on, as the program does that an exec has begun.
    pub(super) fn reset_exit_signal(&self, hold: &mut Hold<'_, H>) {
        if let Some(parent) = self.parent.get(hold) {
            parent.children_lists().uncount_if_clone(hold, self);
        }
        self.exit_signal.set(hold, ExitSignal::SIGCHLD);
        self.update_report_queue(hold);
    }

    pub(crate) fn first_child<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.first_child_from(hold, Some(self.leading_thread(hold)))
    }

    /// The child after `child` in the order of [`Process::children`].
    pub(crate) fn child_after<'h>(&self, hold: &Hold<'h, H>, child: &Self) -> Option<&'h Self> {
        let thread = child.parent.get(hold)?;
        let next = thread.children_lists().list.after(hold, child);
        next.or_else(|| self.first_child_from(hold, self.thread_after(hold, thread)))
    }

    /// The first child of this thread, or of those behind it.
    fn first_child_from<'h>(
        &self,
        hold: &Hold<'h, H>,
        mut at: Option<&'h Thread<H>>,
    ) -> Option<&'h Self> {
        while let Some(thread) = at {
            let first = thread.children_lists().list.first(hold);
            if first.is_some() {
                return first;
            }
            at = self.thread_after(hold, thread);
        }
        None
    }

    /// The thread behind `thread` in an order in which the leader is the first, exited or not.
    pub(super) fn thread_after<'h>(
        &self,
        hold: &Hold<'h, H>,
        thread: &Thread<H>,
    ) -> Option<&'h Thread<H>> {
        let next = match thread.is_leader(hold) {
            true => self.threads.first(hold),
            false => self.threads.after(hold, thread),
        };
        let is_leader = |thread: &&Thread<H>| thread.is_leader(hold);
        match next.filter(is_leader) {
            Some(leader) => self.threads.after(hold, leader),
            None => next,
        }
    }
}

impl<H: Host> Children<H> {
    /// Makes all of them roots, or as many as the hold allows: the table is being dropped, and nobody is left to adopt them. False if some are left.
    fn become_roots(&self, hold: &mut Hold<'_, H>) -> bool {
        while let Some(child) = self.list.first(hold) {
            hold.count_touched();
            child.become_root(hold);
            if hold.is_batch_full() {
                return self.list.is_empty(hold);
            }
        }
        true
    }
}

impl<H: Host> Process<H> {
    /// Makes a child a root of its own, when the whole table is being dropped.
    pub(crate) fn become_root(&self, hold: &mut Hold<'_, H>) {
        let Some(parent) = self.parent.get(hold) else {
            return;
        };
        let children = parent.children_lists();
        children.reportable.remove(hold, self);
        if let Some(link) = children.remove(hold, self) {
            self.parent.set(hold, None);
            self.ppid.set(hold, 0);
            hold.roots().push_back(hold, link);
        }
    }
}
