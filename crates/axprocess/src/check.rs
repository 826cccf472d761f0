//! The invariants of the whole graph, checked at unlocks in test builds.
//!
//! A walk over everything that can be reached from the roots, written without regard to cost and
//! with no use of the core's own verbs. The numbers in the messages are the invariants':
//!
//! 1. Every unreaped process except a root is in exactly one child list, its parent's, and that parent is no zombie.
//! 2. It stands in its parent's queue if and only if it has something to report.
//! 3. It is in its group's list, its group is in its session's list, and nothing else is in either.
//! 4. One living group per PGID, one living session per SID.
//! 5. A session leader's pid, PGID and SID are one number; a group lies in one session.
//! 6. What is published for readers without the lock agrees with the relations.
//! 8. Who stands below a subreaper, without the init of a namespace in between, is marked as such.
//! 9. A number is in use if and only if it plays a role; the table finds whom a number names.
//! 10. Created minus reaped is what is there.
//! 11. A process lists its threads, counts those that live, and names its leader; whoever has ended has no child.
//! 12. A group counts its stopped members.
//! 13. A group stop is in progress, complete, or none; in progress, it awaits the living threads that have not stopped. Who is ending has none.
//! 14. A process counts the threads beside its leader that have a parent-death signal.
//! 15. A session and its terminal point to each other; the session's leader lives and has it, and something is in the foreground. No
//!     process knows of a terminal that its session has not had.
//! 16. A thread that waits in vfork and the thread for which it waits point to each other, and both live.
//! 17. Tracers and tracees point to each other; a tracer lives, and keeps the dead threads that it has not reaped. Who reports a stop is in it.
//! 18. The witness of a group, who is asked first whether it is orphaned, is a member.
//! 19. Who takes the fast path has nothing for which that does not look.
//! 20. A thread that has to exit, or to join a stop, is told so by its attention word, unless a walk over threads is under way. That a thread is traced, or in a ptrace-stop, can be read without the lock.
//! 21. The roots are init and kthreadd. A kernel thread lives in the table's own namespace, is not stopped, and is nobody's tracee.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::ptr;

use crate::group::ProcessGroup;
use crate::list::{Node, OrderedNode};
use crate::pid::{Holder, Numbers, PidNamespace, Roles, Task};
use crate::process::{Marks, Members, Process, ProcessState};
use crate::session::{Groups, Session};
use crate::sync::Hold;
use crate::table::ProcessTable;
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{Host, Pid};

/// What the holds of a table's relation lock have touched. Test builds only (feature `check`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AuditReport {
    /// How many holds there were.
    pub holds: u64,
    /// How many objects all of them have touched.
    pub touched: u64,
    /// How many objects the hold that touched the most has touched.
    pub longest_hold: usize,
    /// How often all invariants were checked.
    pub checks: u64,
}

impl<H: Host> ProcessTable<H> {
    /// Returns what the holds of the relation lock have touched so far. Takes the lock. Test builds only (feature `check`).
    pub fn audit(&self) -> AuditReport {
        self.get_or_make_table().hold(|hold| hold.relations().audit.report())
    }

    /// Returns how many objects the longest hold has touched since this was last called. Takes the lock. Test builds only (feature `check`).
    pub fn take_longest_hold(&self) -> usize {
        let take = |hold: &mut Hold<'_, H>| {
            core::mem::take(&mut hold.relations_mut().audit.report.longest_hold)
        };
        self.get_or_make_table().hold(take)
    }

    /// Checks the invariants at every `interval`th unlock; without this call, the oftener the fewer
    /// processes there are, and always with up to 256. Test builds only (feature `check`).
    pub fn check_every(&self, interval: NonZeroU64) {
        self.get_or_make_table().hold(|hold| hold.relations_mut().audit.check_every(interval));
    }
}

/// What a table has of this.
pub(crate) struct Audit {
    report: AuditReport,
    interval: Option<NonZeroU64>,
    since_check: u64,
    /// Walks over the threads of a process that are owed, and have not begun.
    walks: usize,
    /// A check has failed: its panic is on its way up, and must not meet a second one in a destructor.
    failed: bool,
}

/// Up to how many processes the whole graph is checked at every unlock, if no interval is set.
const SMALL: u64 = 256;

impl Audit {
    pub(crate) const fn new() -> Self {
        let report = AuditReport { holds: 0, touched: 0, longest_hold: 0, checks: 0 };
        Self { report, interval: None, since_check: 0, walks: 0, failed: false }
    }

    pub(crate) const fn report(&self) -> AuditReport {
        self.report
    }

    pub(crate) const fn check_every(&mut self, interval: NonZeroU64) {
        self.interval = Some(interval);
    }

    pub(crate) const fn note_walk_owed(&mut self) {
        self.walks += 1;
    }

    pub(crate) const fn note_walk_begun(&mut self) {
        self.walks -= 1;
    }

    /// Whether all walks over the threads of a process are done.
    pub(crate) const fn is_no_walk_under_way(&self) -> bool {
        self.walks == 0
    }

    fn is_due(&mut self, population: u64) -> bool {
        let interval = self.interval.map_or(1 + population / SMALL, NonZeroU64::get);
        self.since_check += 1;
        let due = self.since_check >= interval;
        if due {
            self.since_check = 0;
            self.report.checks += 1;
        }
        due
    }
}

/// Counts the hold that ends now, and checks the graph if it is time to.
pub(crate) fn at_unlock<H: Host>(hold: &mut Hold<'_, H>, touched: usize) {
    let population = hold.relations().census.unreaped();
    let closed = hold.relations().is_table_gone();
    let audit = &mut hold.relations_mut().audit;
    audit.report.holds += 1;
    audit.report.touched += touched as u64;
    audit.report.longest_hold = audit.report.longest_hold.max(touched);
    if audit.is_due(population) && !closed && !audit.failed {
        audit.failed = true;
        Walk::over(hold).finish(hold);
        hold.relations_mut().audit.failed = false;
    }
}

/// The numbers that are in use in one namespace.
struct Usage<'h, H: Host> {
    pid_ns: &'h PidNamespace<H>,
    numbers: BTreeSet<Pid>,
}

/// What was seen of one group.
#[derive(Clone, Copy, Default)]
struct Counts {
    members: usize,
    stopped: usize,
}

struct Walk<'h, H: Host> {
    seen: BTreeSet<*const Process<H>>,
    groups: BTreeMap<*const ProcessGroup<H>, (&'h ProcessGroup<H>, Counts)>,
    sessions: BTreeMap<*const Session<H>, (&'h Session<H>, usize)>,
    pid_namespaces: BTreeMap<*const PidNamespace<H>, Usage<'h, H>>,
}

impl<'h, H: Host> Walk<'h, H> {
    /// Visits every process, parents before children, and keeps the ones to visit in a stack of its own: no recursion.
    fn over(hold: &Hold<'h, H>) -> Self {
        let mut walk = Self {
            seen: BTreeSet::new(),
            groups: BTreeMap::new(),
            sessions: BTreeMap::new(),
            pid_namespaces: BTreeMap::new(),
        };
        let mut pending = Vec::new();
        for root in hold.roots().iter(hold) {
            assert!(root.parent_in(hold).is_none(), "1: root {root:?} has a parent");
            assert_eq!(root.ppid(), 0, "6: root {root:?} has a parent's number");
            assert!(root.never_ends(hold), "21: root {root:?} is neither init nor kthreadd");
            pending.push((root, false));
        }
        while let Some((process, is_below_subreaper)) = pending.pop() {
            walk.visit(hold, process);
            let is_marked = !is_below_subreaper || process.has(hold, Marks::BELOW_SUBREAPER);
            assert!(is_marked, "8: {process:?} is below a subreaper");
            let is_reaper = process.has(hold, Marks::SUBREAPER) && !process.is_pid_ns_init(hold);
            walk.visit_children(hold, process, is_below_subreaper || is_reaper, &mut pending);
        }
        walk
    }

    fn visit(&mut self, hold: &Hold<'h, H>, process: &'h Process<H>) {
        assert!(self.seen.insert(process), "1: {process:?} is in two child lists");
        assert!(process.is_in_table(), "10: {process:?} is in the tree");
        self.use_numbers(
            hold,
            process.own_numbers(),
            |roles| matches!(roles.task(), Some(Task::Process(named)) if named.is(process)),
        );

        let group = process.group_in(hold);
        assert!(Node::<Members>::links(process).is_linked(hold), "3: {process:?} is in no group");
        let counts = self.groups.entry(group).or_insert((group, Counts::default()));
        counts.1.members += 1;
        counts.1.stopped += usize::from(process.has(hold, Marks::STOPPED));
        let session = group.session_in(hold);
        let pid_ns = process.pid_ns(hold);
        let pgid = group.own_numbers().number_in(hold, pid_ns);
        let sid = session.own_numbers().number_in(hold, pid_ns);
        assert_eq!(process.pgid(), pgid, "6: the PGID of {process:?}");
        assert_eq!(process.sid(), sid, "6: the SID of {process:?}");
        if process.leads_session() {
            assert_eq!(process.pgid(), process.pid(), "5: leader {process:?} left its group");
        }

        let newest = session.terminal().generation_in(hold);
        let known = process.terminal_generation_in(hold);
        assert!(known <= newest, "15: {process:?} knows of a terminal of another session");

        let (mut live, mut begun, mut unstopped, mut armed) = (0, 0, 0, 0);
        for thread in process.threads_in(hold) {
            self.visit_thread(hold, process, thread);
            let lives = thread.state() == ThreadState::Live;
            live += usize::from(lives);
            begun += usize::from(lives && thread.has_mark(ThreadMark::ExitBegun));
            unstopped += usize::from(lives && !thread.is_in_group_stop(hold));
            thread.check_vfork(hold);
            armed += u32::from(thread.pdeath_signal(hold).is_some());
        }
        assert_eq!(live, process.live_threads_in(hold), "11: the threads of {process:?}");
        assert_eq!(begun, process.begun_exits_in(hold), "11: the exits begun in {process:?}");
        let leader = process.leading_thread(hold);
        if !leader.is_listed(hold) {
            armed += u32::from(leader.pdeath_signal(hold).is_some());
            if let Some(trace) = leader.trace(hold) {
                trace.check(hold, process);
            }
        }
        process.check_stop(hold, unstopped);
        process.check_pdeath_threads(hold, armed);
        process.check_fast_path(hold);
        process.threads_in(hold).for_each(|thread| thread.check_attention(hold));
        process.check_kernel_thread(hold);
        let is_gone = leader.state() == ThreadState::Exited;
        assert_eq!(is_gone, !leader.is_listed(hold), "11: the leader of {process:?} has gone");
        assert_eq!(leader.tid(), process.pid(), "9: the number of the leader of {process:?}");
    }

    fn visit_thread(&mut self, hold: &Hold<'h, H>, process: &Process<H>, thread: &Thread<H>) {
        let listed = matches!(
            thread.state(),
            ThreadState::Live | ThreadState::Exiting | ThreadState::Zombie
        );
        assert!(listed, "11: {thread:?} is listed");
        assert!(
            ptr::eq(thread.process_in(hold), process),
            "11: {thread:?} is listed by {process:?}"
        );
        if let Some(trace) = thread.trace(hold) {
            trace.check(hold, process);
        }
        let is_it =
            |roles: Roles<H>| matches!(roles.task(), Some(Task::Thread(named)) if named.is(thread));
        let own_numbers = thread.in_hold(hold).own_numbers();
        if own_numbers.roles(hold).is_some_and(is_it) {
            self.use_numbers(hold, own_numbers, is_it);
        }
    }

    fn visit_children(
        &self,
        hold: &Hold<'h, H>,
        process: &'h Process<H>,
        has_reaper: bool,
        pending: &mut Vec<(&'h Process<H>, bool)>,
    ) {
        let mut births = BTreeMap::new();
        let mut queued = BTreeSet::new();
        let mut next = process.first_child(hold);
        while let Some(child) = next {
            let name = process.pid();
            assert!(process.state() < ProcessState::Zombie, "1: {child:?} is a child of a zombie");
            let of = child.parent_thread(hold).expect("1: a child has a parent");
            assert!(ptr::eq(of.process_in(hold), process), "1: {child:?} is listed by {name}");
            let ppid = process.own_numbers().number_in(hold, child.pid_ns(hold));
            assert_eq!(child.ppid(), ppid, "6: the parent's number of {child:?}");
            let last = births.insert(ptr::from_ref(of), child.birth_in(hold));
            if last.is_none() {
                of.children_lists().check(hold);
                queued.extend(of.children_lists().reportable.iter(hold).map(ptr::from_ref));
            }
            assert!(last < Some(child.birth_in(hold)), "2: {child:?} is out of birth order");
            let queued = queued.remove(&ptr::from_ref(child));
            let classes = child.report_classes(hold);
            assert_eq!(queued, classes != 0, "2: the report of {child:?}");
            let is_told = !queued || OrderedNode::own_classes(child).get(hold) == classes;
            assert!(is_told, "2: the queue takes the report of {child:?} for another");
            let is_on_level = child.pid_ns(hold).level() == process.pid_ns(hold).level();
            pending.push((child, has_reaper && is_on_level));
            next = process.child_after(hold, child);
        }
        assert!(queued.is_empty(), "2: strangers report to {process:?}");
    }

    /// Notes the numbers of one thing, at every level, each of which must name it.
    fn use_numbers(
        &mut self,
        hold: &Hold<'h, H>,
        own_numbers: &'h Numbers<H>,
        is_it: impl Fn(Roles<H>) -> bool,
    ) {
        for pid_ns in own_numbers.pid_ns(hold).outward() {
            let number = own_numbers.number_in(hold, pid_ns);
            let roles = pid_ns.roles(hold, number);
            assert!(roles.is_some_and(&is_it), "9: number {number} in {pid_ns:?} names another");
            let new = || Usage { pid_ns, numbers: BTreeSet::new() };
            let usage = self.pid_namespaces.entry(pid_ns).or_insert_with(new);
            usage.numbers.insert(number);
        }
    }

    fn finish(mut self, hold: &Hold<'h, H>) {
        let groups: Vec<_> = self.groups.values().copied().collect();
        let stopped: usize = groups.iter().map(|(_, counts)| counts.stopped).sum();
        assert_eq!(hold.relations().stopped as usize, stopped, "12: all that are stopped");
        for (group, counts) in groups {
            assert_eq!(group.members().len(hold), counts.members, "3: the members of {group:?}");
            let stopped = group.stopped_members(hold);
            assert_eq!(stopped, counts.stopped, "12: the stopped members of {group:?}");
            let is_member = |witness: &Process<H>| witness.is_member_of(hold, group);
            assert!(
                group.orphan_search_start_or_first(hold).is_none_or(is_member),
                "18: the witness of {group:?}"
            );
            assert!(Node::<Groups>::links(group).is_linked(hold), "3: {group:?} is in no session");
            let session = group.session_in(hold);
            self.sessions.entry(session).or_insert((session, 0)).1 += 1;
            if group.pgid() != 0 {
                let is_it = |roles: Roles<H>| roles.group.is_some_and(|named| named.is(group));
                assert!(
                    group.own_numbers().roles(hold).is_some_and(is_it),
                    "4: two groups are {group:?}"
                );
                self.use_numbers(hold, group.own_numbers(), is_it);
            }
        }
        let sessions: Vec<_> = self.sessions.values().copied().collect();
        for (session, groups) in sessions {
            assert_eq!(session.groups().len(hold), groups, "3: the groups of {session:?}");
            Self::check_terminal(hold, session);
            if session.sid() != 0 {
                let is_it = |roles: Roles<H>| roles.session.is_some_and(|named| named.is(session));
                assert!(
                    session.own_numbers().roles(hold).is_some_and(is_it),
                    "4: two are {session:?}"
                );
                self.use_numbers(hold, session.own_numbers(), is_it);
            }
        }
        let unreaped = hold.relations().census.unreaped();
        assert_eq!(self.seen.len() as u64, unreaped, "10: processes are lost");
        for Usage { pid_ns, numbers } in self.pid_namespaces.values() {
            let prepared = prepared_in(hold, pid_ns);
            let taken = pid_ns.numbers(hold).len();
            assert_eq!(numbers.len() + prepared, taken, "9: numbers in use, and taken");
        }
    }

    fn check_terminal(hold: &Hold<'h, H>, session: &Session<H>) {
        let Some(terminal) = session.terminal().get(hold) else {
            return;
        };
        let back = terminal.session_in(hold);
        let is_mutual = back.is_some_and(|back| ptr::eq(back, session));
        assert!(is_mutual, "15: {terminal:?} is not that of {session:?}");
        assert!(terminal.foreground_in(hold).is_some(), "15: {terminal:?} has no foreground");
        assert!(!session.terminal().remembers_foreground(hold), "15: {session:?} remembers two");
        let leader = session.leader(hold).expect("15: a session with a terminal has a leader");
        assert!(leader.state() <= ProcessState::Exiting, "15: {leader:?} has left {terminal:?}");
        let has = leader.terminal_in(hold).is_some_and(|own| ptr::eq(own, terminal));
        assert!(has, "15: {leader:?} has not {terminal:?}");
    }
}

/// How many numbers in a namespace are those of processes and threads that are being made.
fn prepared_in<H: Host>(hold: &Hold<'_, H>, pid_ns: &PidNamespace<H>) -> usize {
    let (mut count, mut from) = (0, Some(1));
    while let Some(number) = from.and_then(|from| pid_ns.numbers(hold).first_used_from(from)) {
        let roles = pid_ns.roles(hold, number);
        let named = |roles: Roles<H>| roles.group.is_some() || roles.session.is_some();
        let is_prepared = |it: &Roles<H>| matches!(it.holder, Holder::Prepared) && !named(*it);
        count += usize::from(roles.filter(is_prepared).is_some());
        from = number.checked_add(1);
    }
    count
}

#[cfg(test)]
mod tests {
    //! Each test breaks one relation and sees the checker name it.

    extern crate std;

    use std::boxed::Box;
    use std::vec::Vec;

    use super::*;
    use crate::ARef;
    use crate::ForkRequest;
    use crate::list::tests::TestHost;

    /// Breaks something between init, its child 2 and its grandchild 3, in one hold.
    fn after(break_it: impl FnOnce(&mut Hold<'_, TestHost>, [&ARef<Process<TestHost>>; 3])) {
        // What is broken is not taken apart, but kept where a leak sanitizer finds it.
        static KEPT: std::sync::Mutex<Vec<&ProcessTable<TestHost>>> =
            std::sync::Mutex::new(Vec::new());
        let table: &ProcessTable<TestHost> = Box::leak(Box::new(ProcessTable::new(TestHost)));
        KEPT.lock().expect("nobody panics with it").push(table);
        let init = table.new_init(1, (), ()).expect("the first");
        let child = init.fork(ForkRequest::default(), (), ()).expect("a child");
        let grandchild = child.fork(ForkRequest::default(), (), ()).expect("a grandchild");
        child.process().setpgid(0, 0).expect("a group of its own");
        let family = [init.process(), child.process(), grandchild.process()];
        init.process().table().hold(|hold| break_it(hold, family));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_broken() {
        // The family of the other tests is sound.
        after(|_, _| ());
    }

    #[test]
    #[should_panic(expected = "1: ")]
    fn invariant_1_a_child_in_anothers_list() {
        // A child whose parent is not the one that lists it.
        after(|hold, [init, _, grandchild]| grandchild.break_parent(hold, Some(init)));
    }

    #[test]
    #[should_panic(expected = "2: ")]
    fn invariant_2_a_report_outside_the_queue() {
        // A process with a stop to report that does not stand in its parent's queue.
        after(|hold, [_, child, _]| child.mark(hold, Marks::STOP_REPORT));
    }

    #[test]
    #[should_panic(expected = "3: ")]
    fn invariant_3_a_member_outside_the_list() {
        // A process that its group does not list.
        after(|hold, [_, _, grandchild]| {
            let group = grandchild.group_in(hold);
            group.members().remove(hold, grandchild);
        });
    }

    #[test]
    #[should_panic(expected = "4: ")]
    fn invariant_4_a_group_without_its_number() {
        // A living group that its number does not name.
        after(|hold, [_, child, _]| {
            child
                .in_hold(hold)
                .own_numbers()
                .edit_roles_everywhere(hold, |roles| roles.group = None)
        });
    }

    #[test]
    #[should_panic(expected = "6: ")]
    fn invariant_6_a_stale_published_number() {
        // A parent's number that readers without the lock would see wrong.
        after(|hold, [_, child, _]| child.break_ppid(hold, 77));
    }

    #[test]
    #[should_panic(expected = "8: ")]
    fn invariant_8_a_subreaper_of_whom_nobody_knows() {
        // A subreaper above a process that is not marked: its orphans would look for nobody.
        after(|hold, [_, child, _]| child.mark(hold, Marks::SUBREAPER | Marks::SLOW_PATH));
    }

    #[test]
    #[should_panic(expected = "9: ")]
    fn invariant_9_a_number_that_names_nobody() {
        // A living process that cannot be found.
        after(|hold, [_, _, grandchild]| {
            grandchild
                .in_hold(hold)
                .own_numbers()
                .edit_roles_everywhere(hold, |roles| roles.holder = Holder::Nobody);
        });
    }

    #[test]
    #[should_panic(expected = "10: ")]
    fn invariant_10_a_lost_process() {
        // One created more than there are.
        after(|hold, _| hold.relations_mut().census.created += 1);
    }

    #[test]
    #[should_panic(expected = "12: ")]
    fn invariant_12_an_uncounted_stop() {
        // A group that counts a stopped member and has none: it would be asked whether it is orphaned, and told in vain.
        after(|hold, [_, child, _]| child.group_in(hold).increment_stopped(hold));
    }

    #[test]
    #[should_panic(expected = "18: ")]
    fn invariant_18_a_witness_from_elsewhere() {
        // A witness that is no member could be freed while the group still asks it.
        after(|hold, [init, child, _]| child.group_in(hold).set_orphan_search_start(hold, init));
    }

    #[test]
    #[should_panic(expected = "13: ")]
    fn invariant_13_a_stop_that_awaits_nobody() {
        // A stop in progress that waits for two threads where there is one: it would never be complete.
        after(|hold, [_, child, _]| child.break_stop(hold, 2));
    }

    #[test]
    #[should_panic(expected = "14: ")]
    fn invariant_14_an_uncounted_wish() {
        // A count of parent-death signals that no thread has.
        after(|hold, [_, child, _]| child.break_pdeath_threads(hold, 1));
    }

    #[test]
    #[should_panic(expected = "19: ")]
    fn invariant_19_a_mark_that_was_forgotten() {
        // The first process would go the straight way out, and its namespace would have an init that is gone.
        after(|hold, [init, ..]| init.break_slow_path_mark(hold));
    }

    #[test]
    #[should_panic(expected = "20: ")]
    fn invariant_20_a_tracer_that_is_not_there() {
        // A thread that would sleep in no group stop.
        after(|hold, [init, ..]| init.leading_thread(hold).break_attention(hold));
    }

    #[test]
    #[should_panic(expected = "16: ")]
    fn invariant_16_a_vfork_that_nobody_waits_for() {
        // A thread that would wake one that does not wait, or is freed by then.
        after(|hold, [init, child, _]| {
            let leaders = [init, child].map(|process| process.leader(hold));
            if let [Some(parent), Some(child)] = leaders {
                child.break_vfork(hold, parent);
            }
        });
    }

    #[test]
    #[should_panic(expected = "11: ")]
    fn invariant_11_an_uncounted_thread() {
        // A thread count that is not the list's: a process would end too late or too early.
        after(|hold, [_, child, _]| child.break_live_threads(hold, 2));
    }

    #[test]
    #[should_panic(expected = "17: ")]
    fn invariant_17_a_stop_that_is_none() {
        // A running tracee that reports a stop to a tracer, who could not resume it.
        let table = ProcessTable::new(TestHost);
        let init = table.new_init(1, (), ()).expect("the first");
        let child = init.fork(ForkRequest::default(), (), ()).expect("a child");
        let tracer = init.fork(ForkRequest::default(), (), ()).expect("another");
        tracer
            .attach(
                child.tid().cast_signed(),
                crate::TraceStart::Seize,
                crate::TraceOptions::empty(),
            )
            .expect("nobody traces it");
        init.process().table().hold(|hold| {
            let trace = child.trace(hold).expect("it is traced");
            trace.break_report(hold, crate::Signal::SIGSTOP.into());
        });
    }

    /// A table with kthreadd, and its thread.
    fn with_kthreadd() -> (ProcessTable<TestHost>, ARef<Thread<TestHost>>) {
        let table = ProcessTable::new(TestHost);
        table.new_init(1, (), ()).expect("the first");
        let kthreadd = table.new_kthreadd(2, (), ()).expect("the second");
        (table, kthreadd)
    }

    #[test]
    #[should_panic(expected = "21: ")]
    fn invariant_21_a_root_that_ends() {
        // A second root that is no kthreadd: nothing would keep it from ending without a parent.
        let (_table, kthreadd) = with_kthreadd();
        let process = kthreadd.process();
        process.table().hold(|hold| process.unmark(hold, Marks::KERNEL_THREAD));
    }

    #[test]
    #[should_panic(expected = "21: ")]
    fn invariant_21_a_kernel_thread_with_a_tracer() {
        // A tracee that becomes a kernel thread: its tracer would wait for what never comes.
        let (_table, kthreadd) = with_kthreadd();
        let helper = kthreadd.fork(ForkRequest::default(), (), ()).expect("a helper");
        let tracer = kthreadd.fork(ForkRequest::default(), (), ()).expect("another");
        tracer
            .attach(
                helper.tid().cast_signed(),
                crate::TraceStart::Seize,
                crate::TraceOptions::empty(),
            )
            .expect("nobody traces it");
        let process = helper.process();
        process.table().hold(|hold| process.mark(hold, Marks::KERNEL_THREAD));
    }

    #[test]
    #[should_panic(expected = "15: ")]
    fn invariant_15_a_generation_of_another_session() {
        // A process that would take the next terminal of its session for its own.
        after(|hold, [_, child, _]| child.break_terminal_generation(hold, 1));
    }

    #[test]
    #[should_panic(expected = "15: ")]
    fn invariant_15_a_terminal_without_its_leader() {
        // A session with a terminal that its leader has not.
        let table = ProcessTable::new(TestHost);
        let init = table.new_init(1, (), ()).expect("the first");
        let terminal = table.new_terminal(crate::TerminalKind::Other, 0, ()).expect("memory");
        init.process().setsid().expect("a session");
        init.process().table().hold(|hold| {
            let group = init.process().group_in(hold);
            let (identity_key, own_numbers) = (group.identity_key(hold), group.own_numbers());
            let foreground = crate::terminal::Named { identity_key, own_numbers };
            group.session_in(hold).attach_terminal(hold, &terminal, foreground);
        });
    }
}
