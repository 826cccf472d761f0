//! Which numbers are free: any `u32` but 0 that no unreaped process, no living group and no living session uses.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::Arc;

use axprocess::{Errno, Pid, Process};
use common::{
    ROUNDS, bury, child_of, group_leader, groups_numbered, init, is_a_child_of_init, login, race,
    same,
};

/// The number is in use.
fn is_taken(number: Pid) -> bool {
    match init().fork(number).try_build() {
        Ok(process) => {
            bury([&process]);
            false
        }
        Err(errno) => {
            assert_eq!(errno, Errno::EEXIST);
            true
        }
    }
}

#[test]
fn the_largest_numbers_are_like_others() {
    // axprocess 0.1, API: any `u32` but 0, beyond what user space can name too, for process, group, session and thread.
    let leader = init().fork(Pid::MAX).build();
    let (session, first) = leader.create_session().expect("it leads nothing");
    let process = leader.fork(Pid::MAX - 1).build();
    let group = process.create_group().expect("it leads nothing");
    let next = process.fork(1 << 31).build();
    let thread = next.new_thread(Pid::MAX).build();
    assert_eq!((session.sid(), first.pgid(), group.pgid()), (Pid::MAX, Pid::MAX, Pid::MAX - 1));
    assert_eq!((leader.pid(), process.pid(), next.pid()), (Pid::MAX, Pid::MAX - 1, 1 << 31));
    assert_eq!(
        format!("{group:?} {session:?} {thread:?} {leader:?} {next:?}"),
        "ProcessGroup(4294967294, session=4294967295) Session(4294967295) Thread(4294967295, process=2147483648) \
         Process(4294967295, Live) Process(2147483648, Live)"
    );
    for number in [Pid::MAX, Pid::MAX - 1, 1 << 31] {
        assert!(is_taken(number) && !is_taken(number ^ 0x4000_0000));
    }
    assert!(Arc::ptr_eq(&next.parent().expect("it has one"), &process));
    bury([&next, &process, &leader]);
    for number in [Pid::MAX, Pid::MAX - 1, 1 << 31] {
        assert!(!is_taken(number));
    }
    assert_eq!(init().fork(0).try_build().map(drop), Err(Errno::EINVAL));
}

#[test]
fn a_number_is_free_after_the_reap() {
    // Differs from axprocess 0.1: a duplicate number is refused, a zombie's too; after the reap it is anybody's, while the old object is held.
    let parent = child_of(&init());
    let old = child_of(&parent);
    assert!(is_taken(old.pid()));
    old.exit();
    assert!(is_taken(old.pid()));
    old.free();
    let new = init().fork(old.pid()).build();
    assert!(is_a_child_of_init(&new) && is_taken(old.pid()));
    let own = new.create_group().expect("it leads nothing");
    assert_eq!((own.pgid(), old.pid()), (new.pid(), new.pid()));
    assert!(same(&own.processes(), &[&new]));
    bury([&new, &parent]);
    assert!(!is_taken(old.pid()));
}

#[test]
fn a_group_that_outlives_its_leader_keeps_the_number() {
    // Differs from axprocess 0.1: one living group per number: it is in use until the last member has left or is reaped.
    let leader = login();
    let (founder, group) = group_leader(&leader);
    let [one, other] = [(); 2].map(|()| child_of(&leader));
    assert!(one.move_to_group(&group) && other.move_to_group(&group));
    assert!(one.move_to_group(&group), "it is in it, and counts once");
    bury([&founder]);
    assert!(is_taken(group.pgid()));
    assert!(one.move_to_group(&leader.group()));
    assert!(is_taken(group.pgid()));
    let heir = child_of(&other);
    bury([&other]);
    assert!(is_taken(group.pgid()), "the heir was born into it");
    bury([&heir]);
    assert!(!is_taken(group.pgid()) && group.processes().is_empty());
    assert!(one.move_to_group(&group) && is_taken(group.pgid()));
    bury([&one]);
    assert!(!is_taken(group.pgid()));
    bury([&leader]);
}

#[test]
fn a_session_that_outlives_its_leader_keeps_the_number() {
    // Differs from axprocess 0.1: the number of a session is in use while a group of it has members.
    let leader = login();
    let (process, group) = group_leader(&leader);
    bury([&leader]);
    assert!(is_taken(leader.pid()));
    let child = child_of(&process);
    assert!(child.create_session().is_some());
    assert!(is_taken(leader.pid()));
    bury([&process]);
    assert!(!is_taken(leader.pid()) && !is_taken(process.pid()));
    assert_eq!(group.session().sid(), leader.pid());
    bury([&child]);
}

#[test]
fn what_is_refused_uses_no_number() {
    // Differs from axprocess 0.1: a refused move into an emptied group leaves its number free.
    let (leader, stranger) = (login(), login());
    let (founder, group) = group_leader(&leader);
    bury([&founder]);
    assert!(!stranger.move_to_group(&group) && !leader.move_to_group(&group));
    let child = child_of(&stranger);
    assert!(!child.move_to_group(&group));
    assert!(!is_taken(group.pgid()));
    bury([&child, &stranger, &leader]);
}

#[test]
fn an_emptied_group_and_a_new_process_never_share_a_number() {
    // Differs from axprocess 0.1: entering the emptied group against taking its number: one of them is refused.
    let leader = login();
    let member = child_of(&leader);
    for _ in 0..ROUNDS {
        let (founder, group) = group_leader(&leader);
        bury([&founder]);
        let fork = || init().fork(group.pgid()).try_build();
        let (entered, forked): (bool, Result<Arc<Process>, Errno>) =
            race(|| member.move_to_group(&group), fork);
        assert_eq!(entered, forked.is_err());
        assert_eq!(groups_numbered(group.pgid(), &leader), usize::from(entered));
        assert!(member.move_to_group(&leader.group()));
        forked.iter().for_each(|process| bury([process]));
        assert!(!is_taken(group.pgid()));
    }
    bury([&member, &leader]);
}
