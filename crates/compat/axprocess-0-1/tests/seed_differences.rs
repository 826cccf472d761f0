//! Where this crate differs from axprocess 0.1 on purpose, row by row, with the races that made it differ.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use axprocess::{Errno, Pid, Process, ProcessGroup, Thread, init_proc};
use common::{
    ROUNDS, bury, child_of, count, fresh, group_leader, groups_numbered, init, is_a_child_of_init,
    login, panic_of, race, same, without_deadlock,
};

// A fork under an exited parent is lost for ever – here the child goes to the reaper, as if it had been re-parented.

#[test]
fn a_child_of_a_zombie_goes_to_init() {
    // Differs from axprocess 0.1: a fork under an exited parent goes to the reaper, in the parent's group.
    let leader = login();
    let parent = child_of(&leader);
    parent.exit();
    let child = child_of(&parent);
    assert!(is_a_child_of_init(&child));
    assert!(parent.children().is_empty());
    assert!(same(&leader.group().processes(), &[&leader, &parent, &child]));
    parent.free();
    bury([&child, &leader]);
}

#[test]
fn a_child_of_a_zombie_goes_to_the_nearest_subreaper() {
    // Differs from axprocess 0.1: a fork under an exited parent goes to the reaper of that moment (R-REPARENT-03).
    let subreaper = child_of(&init());
    let parent = child_of(&subreaper);
    subreaper.become_subreaper();
    parent.exit();
    let child = child_of(&parent);
    assert!(same(&subreaper.children(), &[&parent, &child]));
    parent.free();
    bury([&child, &subreaper]);
}

#[test]
fn a_child_of_the_reaped_goes_to_init() {
    // Differs from axprocess 0.1: a fork under a reaped parent goes to init, and into its group: the parent is in none.
    let parent = login();
    let left = parent.group();
    bury([&parent]);
    let child = child_of(&parent);
    assert!(is_a_child_of_init(&child));
    assert!(left.processes().is_empty());
    assert_eq!(count(&init().group().processes(), &child), 1);
    bury([&child]);
}

#[test]
fn a_fork_that_races_with_the_exit_is_never_lost() {
    // Differs from axprocess 0.1, race 3: before or after the exit, the child ends with init.
    for _ in 0..ROUNDS {
        let parent = child_of(&init());
        let (child, ()) = race(|| child_of(&parent), || parent.exit());
        assert!(is_a_child_of_init(&child));
        assert_eq!(parent.children().len(), 0);
        parent.free();
        bury([&child]);
    }
}

// Two groups with one PGID can live – here one live group per number.

#[test]
fn leaving_and_coming_back_finds_the_same_group() {
    // Differs from axprocess 0.1, race 15: a leader that returns while others stayed enters the group that lives.
    let leader = login();
    let (process, group) = group_leader(&leader);
    let other = child_of(&leader);
    assert!(other.move_to_group(&group));
    assert!(process.move_to_group(&leader.group()));
    let again = process.create_group().expect("it leads nothing now");
    assert!(Arc::ptr_eq(&again, &group));
    assert!(same(&group.processes(), &[&other, &process]));
    assert_eq!(groups_numbered(process.pid(), &leader), 1);
    bury([&process, &other, &leader]);
}

#[test]
fn an_emptied_group_comes_back_while_its_number_is_free() {
    // Differs from axprocess 0.1: one live group per number: whoever kept an empty group can still fill it, and it is listed again.
    let leader = login();
    let (process, group) = group_leader(&leader);
    assert!(process.move_to_group(&leader.group()));
    assert_eq!(groups_numbered(process.pid(), &leader), 0);
    assert!(process.move_to_group(&group));
    assert!(same(&group.processes(), &[&process]));
    assert_eq!(groups_numbered(process.pid(), &leader), 1);
    bury([&process, &leader]);
}

#[test]
fn an_emptied_group_never_comes_back_beside_its_successor() {
    // Differs from axprocess 0.1: one live group per number: nobody can enter an empty group whose number another has.
    let leader = login();
    let (process, old) = group_leader(&leader);
    assert!(process.move_to_group(&leader.group()));
    let new = process.create_group().expect("it leads nothing now");
    assert!(!Arc::ptr_eq(&old, &new));
    let other = child_of(&leader);
    assert!(!other.move_to_group(&old));
    assert!(old.processes().is_empty());
    assert_eq!(groups_numbered(process.pid(), &leader), 1);
    bury([&process, &other, &leader]);
}

#[test]
fn one_of_two_racing_callers_creates_the_group() {
    // Differs from axprocess 0.1, race 1: parent and child both make the child's group; one does, and the process is in it.
    let leader = login();
    for _ in 0..ROUNDS {
        let process = child_of(&leader);
        let (one, two) = race(|| process.create_group(), || process.create_group());
        let created: Vec<_> = one.into_iter().chain(two).collect();
        assert_eq!(created.len(), 1);
        assert_eq!(count(&created[0].processes(), &process), 1);
        assert_eq!(groups_numbered(process.pid(), &leader), 1);
        bury([&process]);
    }
    bury([&leader]);
}

#[test]
fn one_of_two_racing_callers_creates_the_session() {
    // Differs from axprocess 0.1, G9: two callers of `create_session`; one does, and the session has one group.
    for _ in 0..ROUNDS {
        let process = child_of(&init());
        let (one, two) = race(|| process.create_session(), || process.create_session());
        let created: Vec<_> = one.into_iter().chain(two).collect();
        assert_eq!(created.len(), 1);
        assert_eq!(created[0].0.process_groups().len(), 1);
        assert_eq!(count(&created[0].1.processes(), &process), 1);
        bury([&process]);
    }
}

#[test]
fn a_session_and_a_group_of_one_number_never_both_arise() {
    // Differs from axprocess 0.1, race 2: `create_session` against `create_group`; one of them succeeds.
    for _ in 0..ROUNDS {
        let process = child_of(&init());
        let (session, group) = race(|| process.create_session(), || process.create_group());
        assert_eq!(usize::from(session.is_some()) + usize::from(group.is_some()), 1);
        assert_eq!(groups_numbered(process.pid(), &process), 1);
        assert_eq!(count(&process.group().processes(), &process), 1);
        bury([&process]);
    }
}

#[test]
fn a_successor_and_a_return_never_both_fill_one_number() {
    // Differs from axprocess 0.1, race 1: making the group anew against entering the empty one that was kept; one group of the number lives.
    let leader = login();
    let other = child_of(&leader);
    for _ in 0..ROUNDS {
        let (process, old) = group_leader(&leader);
        assert!(process.move_to_group(&leader.group()));
        let (_created, _moved) = race(|| process.create_group(), || other.move_to_group(&old));
        assert_eq!(groups_numbered(process.pid(), &leader), 1);
        assert!(other.move_to_group(&leader.group()));
        bury([&process]);
    }
    bury([&other, &leader]);
}

// A session leader can be moved; a group leader can start a session – here both are refused.

#[test]
fn a_session_leader_stays_in_its_group() {
    // Differs from axprocess 0.1: a session leader is not moved, though the group is in its session (R-SETPGID-06).
    let leader = login();
    let (process, group) = group_leader(&leader);
    let own = leader.group();
    assert!(!leader.move_to_group(&group));
    assert!(Arc::ptr_eq(&leader.group(), &own));
    assert!(same(&group.processes(), &[&process]));
    bury([&process, &leader]);
}

#[test]
fn a_group_leader_cannot_start_a_session() {
    // Differs from axprocess 0.1: `create_session` is refused to a group leader, and changes nothing (R-SETSID-01).
    let leader = login();
    let (process, group) = group_leader(&leader);
    assert!(process.create_session().is_none());
    assert!(Arc::ptr_eq(&process.group(), &group));
    assert_eq!(group.session().sid(), leader.pid());
    bury([&process, &leader]);
}

#[test]
fn a_living_group_of_its_number_keeps_a_process_from_a_session() {
    // Differs from axprocess 0.1: `create_session` is refused also when the leader has left a group that lives on (R-SETSID-01).
    let leader = login();
    let (process, group) = group_leader(&leader);
    let other = child_of(&leader);
    assert!(other.move_to_group(&group));
    assert!(process.move_to_group(&leader.group()));
    assert!(process.create_session().is_none());
    assert!(other.move_to_group(&leader.group()));
    assert!(process.create_session().is_some());
    bury([&process, &other, &leader]);
}

/// Moves the process to and fro between the groups, so that a race finds it in the middle of a move.
fn shuttle(process: &Arc<Process>, groups: [&Arc<ProcessGroup>; 2]) {
    for group in groups.into_iter().cycle().take(12) {
        process.move_to_group(group);
    }
}

#[test]
fn a_new_session_leader_is_not_dragged_back() {
    // Differs from axprocess 0.1, race 2: `create_session` against `move_to_group`: it leads its session afterwards, in every order.
    let leader = login();
    let (other, jobs) = group_leader(&leader);
    let home = leader.group();
    for _ in 0..ROUNDS {
        let process = child_of(&leader);
        let (created, ()) = race(|| process.create_session(), || shuttle(&process, [&jobs, &home]));
        let (session, own) = created.expect("it led nothing, before and after the moves");
        assert!(Arc::ptr_eq(&process.group(), &own));
        assert_eq!(session.sid(), process.pid());
        assert_eq!((jobs.processes().len(), home.processes().len()), (1, 1));
        bury([&process]);
    }
    bury([&other, &leader]);
}

// A reaped process stays a group member while someone holds its `Arc` – here membership ends at reap.

#[test]
fn membership_ends_at_the_reap() {
    // Differs from axprocess 0.1: a reaped process is no member any more, although its `Arc` is held.
    let leader = login();
    let process = child_of(&leader);
    process.exit();
    assert_eq!(count(&leader.group().processes(), &process), 1);
    process.free();
    assert!(same(&leader.group().processes(), &[&leader]));
    bury([&leader]);
}

#[test]
fn a_group_ends_with_the_reap_of_its_last_member() {
    // Differs from axprocess 0.1: the session does not list a group that has only reaped processes, although all is held.
    let leader = login();
    let (process, group) = group_leader(&leader);
    process.exit();
    assert_eq!(groups_numbered(process.pid(), &leader), 1);
    process.free();
    assert_eq!(groups_numbered(process.pid(), &leader), 0);
    assert!(Arc::ptr_eq(&process.group(), &group), "the last one stays readable");
    bury([&leader]);
}

#[test]
fn the_reaped_enters_no_group() {
    // Differs from axprocess 0.1: after the reap `move_to_group`, `create_group` and `create_session` are refused.
    let leader = login();
    let process = child_of(&leader);
    let (other, group) = group_leader(&leader);
    bury([&process]);
    assert!(!process.move_to_group(&group));
    assert!(!process.move_to_group(&process.group()));
    assert!(process.create_group().is_none());
    assert!(process.create_session().is_none());
    assert!(same(&group.processes(), &[&other]));
    assert_eq!(groups_numbered(process.pid(), &leader), 0);
    bury([&other, &leader]);
}

#[test]
fn a_move_that_races_with_the_reap_leaves_no_member() {
    // Differs from axprocess 0.1, race 9: `free` against `move_to_group`: the reaped is in neither group.
    let leader = login();
    let (other, jobs) = group_leader(&leader);
    let home = leader.group();
    for _ in 0..ROUNDS {
        let process = child_of(&leader);
        process.exit();
        race(|| process.free(), || shuttle(&process, [&jobs, &home]));
        assert_eq!((jobs.processes().len(), home.processes().len()), (1, 1));
    }
    bury([&other, &leader]);
}

// `free` twice is silent, and can remove a new child with the same number – here the first caller reaps, the rest change nothing.

#[test]
fn a_second_free_changes_nothing() {
    // Differs from axprocess 0.1, race 8 without a race: the late `free` does not take the new child of the same number.
    let parent = child_of(&init());
    let old = child_of(&parent);
    bury([&old]);
    old.free();
    let new = parent.fork(old.pid()).build();
    old.free();
    assert!(same(&parent.children(), &[&new]));
    assert_eq!(count(&new.group().processes(), &new), 1);
    assert!(parent.fork(old.pid()).try_build().is_err(), "it has its number");
    bury([&new, &parent]);
}

#[test]
fn two_racing_callers_free_once() {
    // Differs from axprocess 0.1, races 7 and 8: the slower `free` never removes the child that the faster one's caller then forks.
    let parent = child_of(&init());
    for _ in 0..ROUNDS {
        let old = child_of(&parent);
        old.exit();
        let free_and_fork = || {
            old.free();
            parent.fork(old.pid()).build()
        };
        let (new, ()) = race(free_and_fork, || old.free());
        assert_eq!(parent.children().len(), 1);
        assert_eq!(count(&parent.children(), &new), 1);
        bury([&new]);
    }
    bury([&parent]);
}

#[test]
fn a_free_that_races_with_the_adoption_leaves_no_ghost() {
    // Differs from axprocess 0.1, race 6: `free` takes the zombie from the parent that it has at that moment.
    for _ in 0..ROUNDS {
        let parent = child_of(&init());
        let child = child_of(&parent);
        child.exit();
        race(|| child.free(), || parent.exit());
        assert_eq!(count(&init().children(), &child), 0);
        assert_eq!(parent.children().len(), 0);
        parent.free();
    }
}

// A thread can join after group exit, and `group_exit` carries no code – here joining is refused, and the first code wins.

#[test]
fn nobody_joins_after_the_group_exit() {
    // Differs from axprocess 0.1: a thread built after `group_exit` stands in no relation; `try_build` says so (R-EXIT-06, T4).
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    process.group_exit();
    let late = process.new_thread(fresh()).data("late").build();
    assert!(same(&process.threads(), &[&thread]));
    assert!(Arc::ptr_eq(late.process(), &process));
    assert_eq!(late.data(), Some(&"late"));
    assert!(!late.exit(9), "it never was the last");
    let refused = process.new_thread(fresh()).try_build();
    assert_eq!(refused.map(|_| ()), Err(Errno::EINTR));
    assert!(thread.exit(0));
    bury([&process]);
}

#[test]
fn nobody_joins_a_zombie() {
    // Differs from axprocess 0.1: joining is refused after `exit` too, and after the reap.
    let process = child_of(&init());
    process.exit();
    process.new_thread(fresh()).build();
    assert!(process.new_thread(fresh()).try_build().is_err());
    process.free();
    let late = process.new_thread(fresh()).build();
    assert!(process.threads().is_empty());
    assert!(!late.exit(0));
}

#[test]
fn the_first_code_of_a_group_exit_wins() {
    // Differs from axprocess 0.1: `group_exit_with` carries a code; no later code, of a group or of a thread, replaces it (E12).
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    process.new_thread(fresh()).build().exit(1);
    assert!(process.group_exit_with(2));
    assert!(process.is_group_exited());
    assert!(!process.group_exit_with(3));
    process.group_exit();
    thread.exit(4);
    process.exit();
    assert!(!process.group_exit_with(5));
    assert_eq!(process.exit_code(), 2);
    process.free();
}

#[test]
fn a_group_exit_without_a_code_is_a_decision_too() {
    // Differs from axprocess 0.1: after `group_exit` the code is the last thread's, and no later `group_exit_with` replaces it.
    let process = child_of(&init());
    process.new_thread(fresh()).build().exit(1);
    process.group_exit();
    assert!(!process.group_exit_with(2));
    assert_eq!(process.exit_code(), 1);
    bury([&process]);
}

#[test]
fn one_of_two_racing_group_exits_decides() {
    // Differs from axprocess 0.1, E12: one caller is told that it decided, and the code is its own.
    for _ in 0..ROUNDS {
        let process = child_of(&init());
        let (one, two) = race(|| process.group_exit_with(1), || process.group_exit_with(2));
        assert_eq!(u32::from(one) + u32::from(two), 1);
        assert_eq!(process.exit_code(), if one { 1 } else { 2 });
        bury([&process]);
    }
}

#[test]
fn a_thread_never_overwrites_the_code_of_a_group_exit() {
    // Differs from axprocess 0.1, race 14: a group exit with 1 against a thread's exit with 0 gives 1.
    for _ in 0..ROUNDS {
        let process = child_of(&init());
        let thread = process.new_thread(fresh()).build();
        let (decided, last) = race(|| process.group_exit_with(1), || thread.exit(0));
        assert!(decided && last);
        assert_eq!(process.exit_code(), 1);
        bury([&process]);
    }
}

#[test]
fn a_thread_that_races_with_the_group_exit_is_in_or_out() {
    // Differs from axprocess 0.1, T4: once the group exit is decided nobody joins, and whoever had joined is listed.
    for _ in 0..ROUNDS {
        let process = child_of(&init());
        let join = || process.new_thread(fresh()).try_build().ok();
        let (joined, at_decision) = race(
            || (0..8).filter_map(|_| join()).collect::<Vec<_>>(),
            || {
                process.group_exit();
                process.threads().len()
            },
        );
        assert_eq!(process.threads().len(), at_decision);
        assert_eq!(joined.len(), at_decision);
        bury([&process]);
    }
}

// A duplicate number silently replaces a live child – here it is refused.

/// Whether a process of that number is refused, and stands in no relation.
fn is_refused(parent: &Arc<Process>, pid: Pid) -> bool {
    let refused = parent.fork(pid).data("refused").build();
    let reads = refused.pid() == pid && refused.data() == Some(&"refused");
    let related = refused.parent().is_some()
        || count(&parent.children(), &refused) > 0
        || count(&refused.group().processes(), &refused) > 0;
    // All that the seed's users do with a process changes nothing.
    refused.exit();
    refused.free();
    reads && !related && parent.fork(pid).try_build().is_err()
}

#[test]
fn a_live_child_is_not_replaced() {
    // Differs from axprocess 0.1: a second child of one number is refused, under the same parent and under another one.
    let (parent, other) = (child_of(&init()), child_of(&init()));
    let child = child_of(&parent);
    for parent in [&parent, &other, &child] {
        assert!(is_refused(parent, child.pid()));
        let again = parent.fork(child.pid()).try_build();
        assert_eq!(again.map(|_| ()), Err(Errno::EEXIST));
    }
    assert!(same(&parent.children(), &[&child]));
    assert!(other.children().is_empty() && child.children().is_empty());
    assert!(!child.is_zombie());
    bury([&child, &parent, &other]);
}

#[test]
fn a_zombie_keeps_its_number() {
    // Differs from axprocess 0.1: a duplicate number is refused until the process is reaped (R-PID-08).
    let parent = child_of(&init());
    let child = child_of(&parent);
    child.exit();
    assert!(is_refused(&parent, child.pid()));
    assert!(same(&parent.children(), &[&child]));
    child.free();
    let next = parent.fork(child.pid()).build();
    assert!(same(&parent.children(), &[&next]));
    bury([&next, &parent]);
}

#[test]
fn a_living_group_keeps_its_number() {
    // Differs from axprocess 0.1: the number of a group is refused to a process, though the leader is reaped (R-PID-08, G15).
    let leader = login();
    let (process, group) = group_leader(&leader);
    let member = child_of(&process);
    bury([&process]);
    assert!(is_refused(&leader, process.pid()));
    assert!(same(&group.processes(), &[&member]));
    bury([&member]);
    let next = leader.fork(process.pid()).build();
    assert!(same(&leader.children(), &[&next]));
    bury([&next, &leader]);
}

#[test]
fn the_number_of_init_is_refused() {
    // Differs from axprocess 0.1: a duplicate of init's number is refused; and 0 is no number (R-PID-03).
    let parent = child_of(&init());
    assert!(is_refused(&parent, init().pid()));
    assert!(is_refused(&parent, 0));
    assert!(Arc::ptr_eq(&init_proc(), &init()));
    bury([&parent]);
}

#[test]
fn one_of_two_racing_forks_gets_the_number() {
    // Differs from axprocess 0.1: of two forks of one number, one is refused, and the other is the one child.
    let parent = child_of(&init());
    for _ in 0..ROUNDS {
        let pid = fresh();
        let fork = || parent.fork(pid).try_build().ok();
        let (one, two) = race(fork, fork);
        let built: Vec<_> = one.into_iter().chain(two).collect();
        assert_eq!(built.len(), 1);
        assert_eq!(parent.children().len(), 1);
        bury(&built);
    }
    bury([&parent]);
}

// A zombie is visible before its children have moved – here the children move first.

#[test]
fn a_zombie_never_has_children() {
    // Differs from axprocess 0.1, race 10: who sees the zombie sees all its children with init, though they move in several holds.
    for _ in 0..20 {
        let parent = child_of(&init());
        let children: Vec<_> = (0..100).map(|_| child_of(&parent)).collect();
        let last = &children[children.len() - 1];
        let watch = || {
            while !parent.is_zombie() {
                thread::yield_now();
            }
            let moved = last.parent().is_some_and(|parent| parent.is_init());
            (moved, parent.children().len())
        };
        let (seen, ()) = race(watch, || parent.exit());
        assert_eq!(seen, (true, 0));
        parent.free();
        bury(&children);
    }
}

#[test]
fn a_moving_child_always_has_one_parent() {
    // Differs from axprocess 0.1, race 10: while children move, one of them has the old parent or the new one, never none.
    for _ in 0..10 {
        let parent = child_of(&init());
        let children: Vec<_> = (0..100).map(|_| child_of(&parent)).collect();
        let last = &children[children.len() - 1];
        let moving = AtomicBool::new(true);
        let watch = || {
            let mut orphans = 0;
            while moving.load(Ordering::Acquire) {
                orphans += usize::from(last.parent().is_none());
            }
            orphans
        };
        let exit = || {
            parent.exit();
            moving.store(false, Ordering::Release);
        };
        let (orphans, ()) = race(watch, exit);
        assert_eq!(orphans, 0);
        parent.free();
        bury(&children);
    }
}

// Kernel data is dropped under the lock – here never.

/// Data whose destructor calls the crate, as that of a terminal does. It would wait for ever under the lock.
struct Terminal {
    owner: Weak<Process>,
    dropped: Arc<AtomicUsize>,
}

impl Terminal {
    fn of(owner: &Arc<Process>, dropped: &Arc<AtomicUsize>) -> Self {
        Self { owner: Arc::downgrade(owner), dropped: Arc::clone(dropped) }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        assert!(init_proc().is_init());
        if let Some(owner) = self.owner.upgrade() {
            let group = owner.group();
            group.processes();
            group.session().process_groups();
            owner.children();
            owner.threads();
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_destructor_may_call_the_crate() {
    // Differs from axprocess 0.1, race 13: the data of a reaped process, and of ended and dropped threads, is dropped without the lock.
    without_deadlock(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let owner = login();
        let terminal = || Terminal::of(&owner, &dropped);
        let process = owner.fork(fresh()).data(terminal()).build();
        let new_thread = || process.new_thread(fresh()).data(terminal()).build();

        new_thread().exit(0);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        drop(new_thread());
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        let last = new_thread();
        bury([&process]);
        drop(process);
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        drop(last);
        assert_eq!(dropped.load(Ordering::Relaxed), 4);
        bury([&owner]);
    });
}

#[test]
fn a_destructor_of_what_was_refused_may_call_the_crate() {
    // Differs from axprocess 0.1, race 13: what a refused builder was given is dropped without the lock, that of a second init included.
    without_deadlock(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let owner = login();
        let terminal = || Terminal::of(&owner, &dropped);
        owner.group_exit();
        drop(owner.new_thread(fresh()).data(terminal()).build());
        assert!(owner.new_thread(fresh()).data(terminal()).try_build().is_err());
        drop(owner.fork(owner.pid()).data(terminal()).build());
        assert!(owner.fork(owner.pid()).data(terminal()).try_build().is_err());
        panic_of(|| Process::new_init(fresh()).data(terminal()).build());
        assert!(Process::new_init(fresh()).data(terminal()).try_build().is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 6);
        bury([&owner]);
    });
}

#[test]
fn a_list_that_races_with_the_last_drop_keeps_the_lock_free() {
    // Differs from axprocess 0.1, race 13: `threads` and `children` may hold the last reference, and drop it without the lock.
    without_deadlock(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let owner = login();
        for _ in 0..ROUNDS {
            let terminal = || Terminal::of(&owner, &dropped);
            let threads: [Arc<Thread>; 3] =
                [(); 3].map(|()| owner.new_thread(fresh()).data(terminal()).build());
            let child = owner.fork(fresh()).data(terminal()).build();
            let end_all = || {
                drop(threads);
                bury([&child]);
                drop(child);
            };
            let list = || owner.threads().len() + owner.children().len();
            let ((), found) = race(end_all, list);
            assert!(found <= 4);
            assert_eq!(owner.threads().len() + owner.children().len(), 0);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 4 * ROUNDS);
        bury([&owner]);
    });
}

#[test]
fn the_first_group_of_a_session_comes_back_without_its_leader() {
    // Differs from axprocess 0.1: it has the number of the session, which lives on in another group, and that is no successor.
    let leader = login();
    let first = leader.group();
    let (process, group) = group_leader(&leader);
    bury([&leader]);
    assert!(first.processes().is_empty());
    assert!(process.move_to_group(&first));
    assert!(same(&first.processes(), &[&process]) && group.processes().is_empty());
    bury([&process]);
}

// A group that is emptied and entered again – only as long as nobody else has its number.

#[test]
fn an_emptied_group_lives_again_without_its_founder() {
    // Differs from axprocess 0.1: its number is free as long as it is empty, and its own again with the next member.
    let leader = login();
    let (founder, group) = group_leader(&leader);
    bury([&founder]);
    assert!(group.processes().is_empty());
    let member = child_of(&leader);
    assert!(member.move_to_group(&group));
    assert!(Arc::ptr_eq(&member.group(), &group));
    assert_eq!(groups_numbered(group.pgid(), &leader), 1);
    assert_eq!(leader.fork(group.pgid()).try_build().map(drop), Err(Errno::EEXIST));
    bury([&member, &leader]);
}

#[test]
fn an_emptied_group_does_not_take_the_number_of_a_session() {
    // Differs from axprocess 0.1: another process has led a session of that number, which lives on in a group of another number.
    let leader = login();
    let (founder, group) = group_leader(&leader);
    bury([&founder]);
    let other = leader.fork(group.pgid()).build();
    let (session, _) = other.create_session().expect("it leads nothing");
    let (job, _) = group_leader(&other);
    bury([&other]);
    assert_eq!(job.group().session().sid(), session.sid());
    let member = child_of(&leader);
    assert!(!member.move_to_group(&group));
    assert!(group.processes().is_empty());
    bury([&member, &job, &leader]);
}

#[test]
fn a_process_without_a_thread_lives_until_its_end() {
    // Differs from axprocess 0.1 in nothing: a zombie is who has exited, not who has no thread yet, or none any more.
    let process = child_of(&init());
    assert!(!process.is_zombie());
    assert!(process.new_thread(fresh()).build().exit(0));
    assert!(!process.is_zombie() && process.new_thread(fresh()).try_build().is_ok());
    process.exit();
    assert!(process.is_zombie());
    process.free();
}

#[test]
fn an_exit_hands_over_the_children_whoever_of_its_threads_lives() {
    // Differs from axprocess 0.1, E6: with `exit` the process is a zombie that has no children, though threads of it have not exited.
    let process = child_of(&init());
    let child = child_of(&process);
    let thread = process.new_thread(fresh()).build();
    process.exit();
    assert!(process.is_zombie() && process.children().is_empty());
    assert!(is_a_child_of_init(&child));
    assert!(same(&process.threads(), &[&thread]));
    process.free();
    bury([&child]);
}
