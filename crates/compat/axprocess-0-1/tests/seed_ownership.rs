//! Who keeps whom alive in axprocess 0.1: the eight rows of its table, each seen through `Weak`.
//!
//! A strong edge is shown twice: the target lives with nothing else to hold it, and goes when the edge does. A
//! weak edge is shown by a target that goes although the edge's owner stays, or gains no reference by it.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::{Arc, Weak};

use common::{bury, child_of, fresh, group_leader, init, is_a_child_of_init, login};

#[test]
fn a_process_holds_its_children_strongly() {
    // axprocess 0.1, memory: Process.children is strong: children live while the parent does, until they are reaped.
    let parent = child_of(&init());
    let child = child_of(&parent);
    let weak = Arc::downgrade(&child);
    drop(child);
    let child = weak.upgrade().expect("the parent holds it");
    assert!(Arc::ptr_eq(&parent.children()[0], &child));
    bury([&child]);
    drop(child);
    assert!(weak.upgrade().is_none());
    bury([&parent]);
}

#[test]
fn an_adopted_child_is_held_by_its_new_parent() {
    // axprocess 0.1, memory: Process.children is strong, through the move to init as well.
    let parent = child_of(&init());
    let child = Arc::downgrade(&child_of(&parent));
    bury([&parent]);
    drop(parent);
    let found = child.upgrade().expect("init holds it");
    assert!(is_a_child_of_init(&found));
    bury([&found]);
    drop(found);
    assert!(child.upgrade().is_none());
}

#[test]
fn a_process_holds_its_parent_weakly() {
    // axprocess 0.1, memory: Process.parent is weak, so that parent and child are no cycle.
    let parent = child_of(&init());
    let weak = Arc::downgrade(&parent);
    let before = weak.strong_count();
    let children = [(); 3].map(|()| child_of(&parent));
    assert_eq!(weak.strong_count(), before);
    let reaped = &children[0];
    bury([reaped]);
    bury([&parent]);
    drop(parent);
    assert!(weak.upgrade().is_none());
    bury(&children[1..]);
}

#[test]
fn a_process_holds_its_group_strongly() {
    // axprocess 0.1, memory: Process.group is strong: the group lives while the process exists, reaped or not.
    let leader = login();
    let group = Arc::downgrade(&leader.group());
    assert_eq!(group.upgrade().map(|group| group.pgid()), Some(leader.pid()));
    bury([&leader]);
    assert!(group.upgrade().is_some());
    assert_eq!(leader.group().pgid(), leader.pid());
    drop(leader);
    assert!(group.upgrade().is_none());
}

#[test]
fn a_process_gives_up_the_group_that_it_leaves() {
    // axprocess 0.1, memory: Process.group is strong, and holds one group at a time.
    let leader = login();
    let (process, group) = group_leader(&leader);
    let left = Arc::downgrade(&group);
    drop(group);
    assert!(left.upgrade().is_some());
    assert!(process.move_to_group(&leader.group()));
    assert!(left.upgrade().is_none());
    bury([&process, &leader]);
}

#[test]
fn a_group_holds_its_session_strongly() {
    // axprocess 0.1, memory: ProcessGroup.session is strong: the session lives while the group exists, with members or without.
    let leader = login();
    let group = leader.group();
    let session = Arc::downgrade(&group.session());
    bury([&leader]);
    drop(leader);
    assert!(session.upgrade().is_some());
    assert_eq!(group.session().sid(), group.pgid());
    drop(group);
    assert!(session.upgrade().is_none());
}

#[test]
fn a_group_holds_its_processes_weakly() {
    // axprocess 0.1, memory: ProcessGroup.processes is weak: whoever holds a group keeps no process.
    let process = child_of(&init());
    let weak = Arc::downgrade(&process);
    let before = weak.strong_count();
    let group = process.create_group().expect("it leads nothing");
    assert_eq!(weak.strong_count(), before);
    assert_eq!(group.processes().len(), 1);
    bury([&process]);
    drop(process);
    assert!(weak.upgrade().is_none());
    assert!(group.processes().is_empty());
}

#[test]
fn a_session_holds_its_groups_weakly() {
    // axprocess 0.1, memory: Session.process_groups is weak: whoever holds a session keeps no group.
    let leader = login();
    let session = leader.group().session();
    let group = Arc::downgrade(&leader.group());
    bury([&leader]);
    drop(leader);
    assert!(group.upgrade().is_none());
    assert!(session.process_groups().is_empty());
}

#[test]
fn a_thread_holds_its_process_strongly() {
    // axprocess 0.1, memory: Thread.process is strong: the process exists while a thread does, even if both have ended.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    let (weak, pid) = (Arc::downgrade(&process), process.pid());
    assert!(thread.exit(0));
    bury([&process]);
    drop(process);
    assert!(weak.upgrade().is_some());
    assert_eq!(thread.process().pid(), pid);
    drop(thread);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_process_holds_its_threads_weakly() {
    // axprocess 0.1, memory: Process.threads is weak: a thread that is dropped is in no list any more, without an exit.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    let other = process.new_thread(fresh()).build();
    let weak = Arc::downgrade(&thread);
    assert_eq!(weak.strong_count(), 1);
    drop(thread);
    assert!(weak.upgrade().is_none());
    assert_eq!(process.threads().len(), 1);
    assert!(other.exit(0), "the dropped one does not count");
    bury([&process]);
}

#[test]
fn what_the_lists_return_is_held_by_the_caller_alone() {
    // axprocess 0.1, memory: the vectors of `children`, `processes`, `process_groups` and `threads` are copies; dropped, they keep nothing.
    let leader = login();
    let child = child_of(&leader);
    let thread = child.new_thread(fresh()).build();
    let references = || {
        let group = Arc::downgrade(&leader.group());
        let counts = [Weak::strong_count(&group), Arc::strong_count(&child)];
        (counts, Arc::strong_count(&thread))
    };
    let before = references();
    let group = leader.group();
    let lists =
        (leader.children(), group.processes(), group.session().process_groups(), child.threads());
    drop(group);
    assert_ne!(references(), before);
    drop(lists);
    assert_eq!(references(), before);
    bury([&child, &leader]);
}

#[test]
fn a_weak_reference_is_all_that_remains() {
    // axprocess 0.1, memory: every object of a family that has ended is gone, in whatever order it ends.
    for order in 0..3 {
        let leader = login();
        let (job, group) = group_leader(&leader);
        let child = child_of(&job);
        let thread = child.new_thread(1).build();
        let weak = (
            [&leader, &job, &child].map(Arc::downgrade),
            [Arc::downgrade(&group), Arc::downgrade(&leader.group())],
            Arc::downgrade(&group.session()),
            Arc::downgrade(&thread),
        );
        drop(group);
        let mut family = [leader, job, child];
        family.rotate_left(order);
        bury(&family);
        drop((family, thread));
        assert!(weak.0.iter().all(|process| process.upgrade().is_none()));
        assert!(weak.1.iter().all(|group| group.upgrade().is_none()));
        assert!(weak.2.upgrade().is_none() && weak.3.upgrade().is_none());
    }
}
