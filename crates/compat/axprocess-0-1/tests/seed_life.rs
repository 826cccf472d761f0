//! The life of processes and threads in axprocess 0.1: creation, exit, clean-up, and the panics that it documents.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::Arc;

use axprocess::{Process, init_proc};
use common::{
    INIT, ROUNDS, bury, child_of, count, fresh, group_leader, init, is_a_child_of_init, login,
    panic_of, race, same,
};

// Creation.

#[test]
fn init_makes_its_own_session_and_group() {
    // axprocess 0.1, creation: init makes its own session and group, of its own number.
    let group = init().group();
    assert_eq!((group.pgid(), group.session().sid()), (INIT, INIT));
    assert_eq!(count(&group.processes(), &init()), 1);
    assert_eq!(count(&group.session().process_groups(), &group), 1);
}

#[test]
fn a_child_is_in_all_its_relations_at_once() {
    // axprocess 0.1, creation: a child inherits its parent's group, which lists it; its parent lists it, and is its parent.
    let leader = login();
    let (parent, group) = group_leader(&leader);
    let child = child_of(&parent);
    assert!(Arc::ptr_eq(&child.group(), &group));
    assert!(same(&group.processes(), &[&parent, &child]));
    assert!(same(&parent.children(), &[&child]));
    assert!(Arc::ptr_eq(&child.parent().expect("it has one"), &parent));
    bury([&child, &parent, &leader]);
}

#[test]
fn a_child_gets_its_place_when_it_is_built() {
    // axprocess 0.1, creation: it goes through the builder: `fork` changes nothing, `build` reads the parent's group of that moment.
    let leader = login();
    let parent = child_of(&leader);
    let builder = parent.fork(fresh());
    assert!(parent.children().is_empty());
    let group = parent.create_group().expect("it leads nothing");
    let child = builder.build();
    assert!(Arc::ptr_eq(&child.group(), &group));
    bury([&child, &parent, &leader]);
}

#[test]
fn what_is_not_built_leaves_no_trace() {
    // axprocess 0.1, creation: it goes through the builders: one that is dropped has taken neither number nor place.
    let parent = child_of(&init());
    let pid = fresh();
    drop(parent.fork(pid).data("unused"));
    drop(parent.new_thread(pid).data("unused"));
    assert!(parent.children().is_empty() && parent.threads().is_empty());
    let child = parent.fork(pid).build();
    assert!(same(&parent.children(), &[&child]));
    bury([&child, &parent]);
}

#[test]
fn a_child_inherits_neither_threads_nor_data_nor_exit() {
    // axprocess 0.1, creation: a child inherits its parent's group, and nothing else.
    let parent = init().fork(fresh()).data("the parent's").build();
    let thread = parent.new_thread(fresh()).build();
    thread.exit(3);
    parent.group_exit();
    let child = child_of(&parent);
    assert!(child.threads().is_empty() && child.children().is_empty());
    assert!(child.data::<&str>().is_none());
    assert_eq!((child.exit_code(), child.is_group_exited()), (0, false));
    bury([&child, &parent]);
}

// Groups and sessions.

#[test]
fn a_session_leader_cannot_create_a_session() {
    // axprocess 0.1: `create_session` on a session leader returns `None`, and changes nothing.
    let leader = login();
    let group = leader.group();
    assert!(leader.create_session().is_none());
    assert!(init().create_session().is_none());
    assert!(Arc::ptr_eq(&leader.group(), &group));
    assert!(same(&group.session().process_groups(), &[&group]));
    bury([&leader]);
}

#[test]
fn a_group_leader_cannot_create_a_group() {
    // axprocess 0.1: `create_group` on a group leader returns `None`, and changes nothing; a session leader leads a group too.
    let leader = login();
    let (process, group) = group_leader(&leader);
    for process in [&process, &leader, &init()] {
        assert!(process.create_group().is_none());
    }
    assert!(Arc::ptr_eq(&process.group(), &group));
    let groups = group.session().process_groups();
    assert!(same(&groups, &[&leader.group(), &group]));
    bury([&process, &leader]);
}

#[test]
fn nobody_moves_into_another_session() {
    // axprocess 0.1: `move_to_group` into another session returns `false`, and changes nothing.
    let (here, there) = (login(), login());
    let process = child_of(&here);
    assert!(!process.move_to_group(&there.group()));
    assert!(!process.move_to_group(&init().group()));
    assert!(Arc::ptr_eq(&process.group(), &here.group()));
    assert!(same(&there.group().processes(), &[&there]));
    bury([&process, &here, &there]);
}

#[test]
fn a_move_into_ones_own_group_succeeds() {
    // axprocess 0.1: `move_to_group` into the process's own group returns `true`, leaders included, and changes nothing.
    let leader = login();
    let member = child_of(&leader);
    let group = leader.group();
    assert!(leader.move_to_group(&group) && member.move_to_group(&group));
    assert!(same(&group.processes(), &[&leader, &member]));
    bury([&member, &leader]);
}

#[test]
fn a_group_lives_on_without_its_leader() {
    // axprocess 0.1, clean-up: a group goes with the last process that is in it, not with its leader.
    let leader = login();
    let (process, group) = group_leader(&leader);
    let member = child_of(&leader);
    assert!(member.move_to_group(&group));
    bury([&process]);
    drop(process);
    assert!(same(&group.processes(), &[&member]));
    assert_eq!(count(&group.session().process_groups(), &group), 1);
    bury([&member, &leader]);
}

// Threads and exit codes.

#[test]
fn the_exit_code_is_the_last_threads() {
    // axprocess 0.1: `exit_code` is the last thread's, until the group has exited (R-EXIT-05, R-EXIT-06).
    let process = child_of(&init());
    let [one, two, three] = [(); 3].map(|()| process.new_thread(fresh()).build());
    two.exit(2);
    assert_eq!(process.exit_code(), 2);
    one.exit(1);
    assert_eq!(process.exit_code(), 1);
    process.group_exit();
    assert!(three.exit(3));
    assert_eq!(process.exit_code(), 1);
    bury([&process]);
    assert_eq!(process.exit_code(), 1, "it can be read after the reap");
}

#[test]
fn one_of_two_racing_threads_is_the_last() {
    // axprocess 0.1: `Thread::exit` returns true to the last thread: to one of two that exit at the same time, never to both or none (E1).
    let process = child_of(&init());
    for _ in 0..ROUNDS {
        let [one, two] = [(); 2].map(|()| process.new_thread(fresh()).build());
        let (first, second) = race(|| one.exit(1), || two.exit(2));
        assert_eq!(u32::from(first) + u32::from(second), 1);
        assert_eq!(process.exit_code(), if first { 1 } else { 2 });
    }
    bury([&process]);
}

// Exit.

#[test]
fn a_zombie_stays_where_it_was() {
    // axprocess 0.1, exit: the zombie stays its parent's child and its group's member until `free`; nothing is released before.
    let leader = login();
    let process = leader.fork(fresh()).data("kept").build();
    let thread = process.new_thread(fresh()).data("kept too").build();
    process.exit();
    assert!(process.is_zombie());
    assert!(same(&leader.children(), &[&process]));
    assert!(Arc::ptr_eq(&process.parent().expect("it has one"), &leader));
    assert!(same(&leader.group().processes(), &[&leader, &process]));
    assert!(same(&process.threads(), &[&thread]));
    assert_eq!((process.data(), thread.data()), (Some(&"kept"), Some(&"kept too")));
    process.free();
    bury([&leader]);
}

#[test]
fn the_children_of_the_exiting_go_to_init() {
    // axprocess 0.1, exit: the children go to init, running ones and zombies, in their order (R-REPARENT-04, R-REPARENT-12).
    let parent = child_of(&init());
    let children = [(); 3].map(|()| child_of(&parent));
    children[1].exit();
    let grandchild = child_of(&children[0]);
    parent.exit();
    assert!(parent.children().is_empty());
    let is_ours = |child: &Arc<Process>| count(&children, child) == 1;
    let adopted: Vec<_> = init().children().into_iter().filter(is_ours).collect();
    assert!(same(&adopted, &children.each_ref()));
    assert!(children.iter().all(is_a_child_of_init));
    let of_grandchild = grandchild.parent().expect("it has one");
    assert!(Arc::ptr_eq(&of_grandchild, &children[0]), "only children move");
    children[1].free();
    bury([&grandchild, &children[0], &children[2]]);
    parent.free();
}

#[test]
fn the_children_of_the_exiting_go_to_the_nearest_subreaper() {
    // axprocess 0.1, exit: the children go to the nearest subreaper, if it lives (R-REPARENT-03).
    let outer = child_of(&init());
    let inner = child_of(&outer);
    outer.become_subreaper();
    inner.become_subreaper();
    let parent = child_of(&inner);
    let child = child_of(&parent);
    parent.exit();
    assert!(same(&inner.children(), &[&parent, &child]));
    inner.exit();
    assert!(same(&outer.children(), &[&inner, &parent, &child]));
    assert!(Arc::ptr_eq(&child.parent().expect("it has one"), &outer));
    outer.exit();
    assert!(is_a_child_of_init(&child));
    for zombie in [&parent, &inner, &outer] {
        zombie.free();
    }
    bury([&child]);
}

#[test]
fn many_children_all_find_init() {
    // axprocess 0.1, exit: the children go to init, also when there are so many that the lock is given back in between.
    let parent = child_of(&init());
    let children: Vec<_> = (0..150).map(|_| child_of(&parent)).collect();
    parent.exit();
    assert!(parent.is_zombie() && parent.children().is_empty());
    let adopted = init().children();
    assert!(children.iter().all(|child| count(&adopted, child) == 1));
    bury(&children);
    parent.free();
}

#[test]
fn an_exit_after_the_exit_changes_nothing() {
    // axprocess 0.1, exit: whoever has ended stays as it is, zombie or reaped.
    let process = child_of(&init());
    let child = child_of(&process);
    process.new_thread(fresh()).build().exit(7);
    process.exit();
    process.exit();
    assert!(is_a_child_of_init(&process) && is_a_child_of_init(&child));
    process.free();
    process.exit();
    assert_eq!((count(&init().children(), &process), process.exit_code()), (0, 7));
    bury([&child]);
}

// Clean-up.

#[test]
fn free_takes_the_zombie_from_its_parent() {
    // axprocess 0.1, clean-up: `free` removes the zombie from its parent's children; the sibling stays.
    let parent = child_of(&init());
    let (one, two) = (child_of(&parent), child_of(&parent));
    one.exit();
    one.free();
    assert!(same(&parent.children(), &[&two]));
    assert!(one.is_zombie(), "it stays true after the reap");
    bury([&two, &parent]);
}

#[test]
fn anyone_may_free_a_zombie() {
    // axprocess 0.1, clean-up: `free` is called on the child, by whoever has it: here by a thread that found it in its group.
    let leader = login();
    let child = child_of(&leader);
    child.exit();
    let group = leader.group();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let zombies = group.processes().into_iter().filter(|p| p.is_zombie());
            zombies.for_each(|zombie| zombie.free());
        });
    });
    assert!(leader.children().is_empty());
    bury([&leader]);
}

#[test]
fn an_adopted_zombie_is_taken_from_its_new_parent() {
    // axprocess 0.1, clean-up: `free` removes the zombie from the parent that it has now.
    let parent = child_of(&init());
    let child = child_of(&parent);
    child.exit();
    parent.exit();
    assert!(is_a_child_of_init(&child));
    child.free();
    assert_eq!(count(&init().children(), &child), 0);
    parent.free();
}

#[test]
fn with_the_last_reference_go_process_group_and_session() {
    // axprocess 0.1, clean-up: after `free` the process goes with the last `Arc`, and with it, if it was the last, group and session.
    let leader = login();
    let member = child_of(&leader);
    let process = [&leader, &member].map(Arc::downgrade);
    let group = Arc::downgrade(&leader.group());
    let session = Arc::downgrade(&leader.group().session());

    bury([&leader]);
    drop(leader);
    assert!(process[0].upgrade().is_none());
    assert!(group.upgrade().is_some() && session.upgrade().is_some());

    member.exit();
    drop(member);
    let member = process[1].upgrade().expect("init holds the zombie");
    member.free();
    assert!(group.upgrade().is_some(), "the process exists, and holds it");
    drop(member);
    assert!(process[1].upgrade().is_none());
    assert!(group.upgrade().is_none() && session.upgrade().is_none());
}

#[test]
fn the_data_lives_as_long_as_the_object() {
    // axprocess 0.1, clean-up: data goes with the process or thread that has it, not at exit or reap.
    let data = [(); 2].map(|()| Arc::new(()));
    let [of_process, of_thread] = data.each_ref().map(Arc::downgrade);
    let [process_data, thread_data] = data;
    let process = init().fork(fresh()).data(process_data).build();
    let thread = process.new_thread(fresh()).data(thread_data).build();
    thread.exit(0);
    bury([&process]);
    assert_eq!((of_process.strong_count(), of_thread.strong_count()), (1, 1));
    drop(process);
    assert_eq!(of_process.strong_count(), 1, "the thread holds its process");
    drop(thread);
    assert_eq!((of_process.strong_count(), of_thread.strong_count()), (0, 0));
}

#[test]
fn the_number_of_the_reaped_can_be_used_again() {
    // axprocess 0.1, clean-up: numbers are the caller's choice; that of a process whose relations are gone is free (R-PID-09).
    let parent = child_of(&init());
    let first = child_of(&parent);
    bury([&first]);
    let second = parent.fork(first.pid()).build();
    assert!(same(&parent.children(), &[&second]));
    bury([&second, &parent]);
}

// The documented panics. The other two are in programs of their own: `seed_before_init` and `seed_init_once`.

#[test]
fn init_cannot_exit() {
    // axprocess 0.1, panics: `exit` panics on init; init lives on.
    let message = panic_of(|| init().exit());
    assert_eq!(message, "the init process cannot exit");
    assert!(!init().is_zombie() && !init().is_group_exited());
    assert!(Arc::ptr_eq(&init_proc(), &init()));
    let child = child_of(&init());
    assert!(is_a_child_of_init(&child));
    bury([&child]);
}

#[test]
fn only_a_zombie_can_be_freed() {
    // axprocess 0.1, panics: `free` panics on a non-zombie, init included; it changes nothing.
    let process = child_of(&init());
    for process in [&process, &init()] {
        let message = panic_of(|| process.free());
        assert_eq!(message, "only a zombie can be freed");
        assert!(!process.is_zombie());
        assert_eq!(count(&process.group().processes(), process), 1);
    }
    assert!(is_a_child_of_init(&process));
    bury([&process]);
}

#[test]
fn a_group_exit_makes_no_zombie_to_free() {
    // axprocess 0.1, panics: `free` panics on a non-zombie, and only `exit` makes one.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    process.group_exit();
    assert!(thread.exit(0));
    assert_eq!(panic_of(|| process.free()), "only a zombie can be freed");
    bury([&process]);
}

#[test]
fn a_thread_that_outlives_the_exit_still_gives_the_code() {
    // axprocess 0.1, exit: the exit code is the last thread's, until the group has exited; `exit` is no group exit.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    process.exit();
    assert!(!process.is_group_exited());
    assert!(thread.exit(5));
    assert_eq!(process.exit_code(), 5);
    process.free();
}
