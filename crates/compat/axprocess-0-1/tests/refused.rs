//! What is refused stands in no relation, and whatever is asked of it afterwards changes nothing; and what follows for numbers.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::Arc;

use axprocess::{Errno, Process};
use common::{
    bury, child_of, count, fresh, group_leader, groups_numbered, init, is_a_child_of_init, login,
    same,
};

/// A process that was refused, because `parent` has its number itself.
fn refused(parent: &Arc<Process>) -> Arc<Process> {
    parent.fork(parent.pid()).data("refused").build()
}

#[test]
fn a_refused_process_can_be_read() {
    // Differs from axprocess 0.1: a duplicate number is refused: its object reads like a reaped process, in its maker's group.
    let parent = login();
    let process = refused(&parent);
    assert_eq!((process.pid(), process.data()), (parent.pid(), Some(&"refused")));
    assert!(process.is_zombie() && !process.is_init() && !process.is_group_exited());
    assert!(process.parent().is_none() && process.children().is_empty());
    assert!(process.threads().is_empty() && process.exit_code() == 0);
    assert!(Arc::ptr_eq(&process.group(), &parent.group()));
    assert_eq!(format!("{process:?}"), format!("Process({}, Reaped)", parent.pid()));
    bury([&parent]);
}

#[test]
fn a_refused_process_changes_nothing() {
    // Differs from axprocess 0.1: it enters no group, leads nothing, takes no thread, decides no exit, adopts nobody, and ends without a word.
    let parent = login();
    let process = refused(&parent);
    let (other, group) = group_leader(&parent);
    assert!(process.create_session().is_none() && process.create_group().is_none());
    assert!(!process.move_to_group(&group) && !process.move_to_group(&process.group()));
    assert_eq!(process.new_thread(fresh()).try_build().map(drop), Err(Errno::EINTR));
    assert!(!process.new_thread(fresh()).build().exit(3));
    process.group_exit();
    assert!(!process.group_exit_with(4) && !process.is_group_exited());
    process.become_subreaper();
    process.resign_subreaper();
    process.exit();
    process.free();
    assert_eq!(process.exit_code(), 0);
    assert!(same(&parent.group().processes(), &[&parent]));
    assert!(same(&group.processes(), &[&other]));
    bury([&other, &parent]);
}

#[test]
fn a_child_of_the_refused_is_inits() {
    // Differs from axprocess 0.1: a fork under whoever is in no relation goes to init, and into its group.
    let parent = login();
    let process = refused(&parent);
    let child = child_of(&process);
    assert!(is_a_child_of_init(&child) && process.children().is_empty());
    assert!(Arc::ptr_eq(&child.group(), &init().group()));
    // Whose number it shares makes no difference.
    let other = child_of(&refused(&init()));
    assert!(is_a_child_of_init(&other));
    bury([&child, &other, &parent]);
}

#[test]
fn the_refused_keeps_nobody_alive_but_its_group() {
    // Differs from axprocess 0.1: its object does not hold its maker.
    let parent = login();
    let process = refused(&parent);
    let (weak, group) = (Arc::downgrade(&parent), Arc::downgrade(&parent.group()));
    bury([&parent]);
    drop(parent);
    assert!(weak.upgrade().is_none() && group.upgrade().is_some());
    drop(process);
    assert!(group.upgrade().is_none());
}

#[test]
fn an_emptied_group_does_not_come_back_beside_a_process_of_its_number() {
    // Differs from axprocess 0.1: one number, one use: another process has it by now, which could found a group of that number.
    let leader = login();
    let (founder, group) = group_leader(&leader);
    bury([&founder]);
    let next = leader.fork(founder.pid()).build();
    let member = child_of(&leader);
    assert!(!member.move_to_group(&group));
    let own = next.create_group().expect("it leads nothing");
    assert!(!Arc::ptr_eq(&own, &group));
    assert_eq!(groups_numbered(own.pgid(), &leader), 1);
    bury([&next]);
    assert!(member.move_to_group(&group), "nobody has the number any more");
    bury([&member, &leader]);
}

#[test]
fn the_parent_is_told_by_more_than_its_number() {
    // axprocess 0.1, API: `parent`: a process that got the number of the former parent is not taken for it.
    let parent = child_of(&init());
    let child = child_of(&parent);
    let grandchild = child_of(&child);
    bury([&parent]);
    let next = init().fork(parent.pid()).build();
    assert!(is_a_child_of_init(&child));
    assert!(Arc::ptr_eq(&grandchild.parent().expect("it has one"), &child));
    bury([&child]);
    assert!(is_a_child_of_init(&grandchild) && child.parent().is_none());
    assert_eq!(count(&next.children(), &grandchild), 0);
    bury([&grandchild, &next]);
}

#[test]
fn what_resigns_adopts_no_more() {
    // axprocess 0.1, exit: the children go to the nearest subreaper, as long as it is one.
    let subreaper = child_of(&init());
    subreaper.become_subreaper();
    let [one, other] = [(); 2].map(|()| child_of(&subreaper));
    let [first, second] = [child_of(&one), child_of(&other)];
    bury([&one]);
    assert!(same(&subreaper.children(), &[&other, &first]));
    subreaper.resign_subreaper();
    bury([&other]);
    assert!(same(&subreaper.children(), &[&first]) && is_a_child_of_init(&second));
    bury([&first, &second, &subreaper]);
}
