//! Ends that race: with one another, with forks, with the birth itself.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::Arc;

use common::{
    ROUNDS, bury, child_of, count, fresh, init, is_a_child_of_init, login, race, without_deadlock,
};

#[test]
fn two_racing_exits_both_return_after_the_end() {
    // axprocess 0.1, exit: whoever calls `exit` finds a zombie afterwards, also while another call hands over the children.
    for _ in 0..50 {
        let parent = child_of(&init());
        let children: Vec<_> = (0..200).map(|_| child_of(&parent)).collect();
        let exit = || {
            parent.exit();
            (parent.is_zombie(), parent.children().len())
        };
        assert_eq!(race(exit, exit), ((true, 0), (true, 0)));
        parent.free();
        bury(&children);
    }
}

#[test]
fn a_fork_that_races_with_the_reap_has_one_group_and_one_parent() {
    // Differs from axprocess 0.1: before the reap the child has the zombie's group, after it init's; both sides agree which.
    let leader = login();
    for _ in 0..ROUNDS {
        let parent = child_of(&leader);
        let own = parent.create_group().expect("it leads nothing");
        parent.exit();
        let (child, ()) = race(|| child_of(&parent), || parent.free());
        assert!(is_a_child_of_init(&child));
        let group = child.group();
        assert_eq!(count(&group.processes(), &child), 1);
        assert!(Arc::ptr_eq(&group, &own) || Arc::ptr_eq(&group, &init().group()));
        assert_eq!(own.processes().len(), usize::from(Arc::ptr_eq(&group, &own)));
        bury([&child]);
    }
    bury([&leader]);
}

#[test]
fn a_child_that_is_reaped_while_it_is_built_goes_too() {
    // axprocess 0.1, memory: another thread finds the child in its parent's list, and reaps it before `build` returns: nothing holds it afterwards.
    without_deadlock(|| {
        let parent = child_of(&init());
        for _ in 0..ROUNDS {
            let reap = || {
                let mut found = parent.children();
                while found.is_empty() {
                    std::thread::yield_now();
                    found = parent.children();
                }
                bury(&found);
            };
            let (child, ()) = race(|| parent.fork(fresh()).data(7_u8).build(), reap);
            assert!(child.is_zombie() && child.parent().is_none());
            let weak = Arc::downgrade(&child);
            drop(child);
            assert!(weak.upgrade().is_none());
        }
        bury([&parent]);
    });
}

#[test]
fn all_ends_of_a_family_may_race() {
    // axprocess 0.1, clean-up: parents and children that exit and are reaped in any order leave nothing with init.
    for _ in 0..ROUNDS {
        let parent = child_of(&init());
        let children = [(); 3].map(|()| child_of(&parent));
        race(|| bury([&parent]), || bury(&children));
        let left = init().children();
        assert_eq!(
            count(&left, &parent) + children.iter().map(|it| count(&left, it)).sum::<usize>(),
            0
        );
    }
}
