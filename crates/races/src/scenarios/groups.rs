//! Groups and sessions: who is in which, and which of two takes a number.

use std::sync::Arc;

use axprocess::{ARef, Errno, Signal};

use super::{all, both};
use crate::Explorer;
use crate::kernel::{boot, fork, pids, posted};

/// Race 1: a shell and its child both call setpgid(c, c). There is one group of that number, with the child in it.
pub fn race_01_same_group_twice<E: Explorer>() {
    let (table, init) = boot::<E>();
    let shell = fork(&init);
    let child = fork(&shell);
    let (parent_says, child_says) = {
        let (shell, child) = (ARef::clone(&shell), ARef::clone(&child));
        both::<E, _, _>(
            move || E::does("setpgid(3, 3)", || shell.process().setpgid(3, 3)),
            move || E::does("setpgid(0, 0)", || child.process().setpgid(0, 0)),
        )
    };
    assert_eq!((parent_says, child_says), (Ok(()), Ok(())));
    let group = table.find_group(3).expect("the group was founded");
    assert_eq!(pids::<E>(&group.processes().unwrap()), [3]);
    assert!(ARef::ptr_eq(&group, &child.process().group()));
    assert_eq!(group.session().process_groups().unwrap().len(), 2);
}

/// Race 2: setsid against a setpgid that would move the caller into a group of its old session.
pub fn race_02_setsid_against_setpgid<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let shell = fork(&init);
    shell.process().setpgid(0, 0).unwrap();
    let child = fork(&shell);
    child.process().setpgid(0, 0).unwrap();
    shell.process().setpgid(3, 2).unwrap();
    let (session, moved) = {
        let child = ARef::clone(&child);
        both::<E, _, _>(
            move || E::does("setsid()", || child.process().setsid()),
            move || E::does("setpgid(3, 2)", || shell.process().setpgid(3, 2)),
        )
    };
    assert_eq!(session, Ok(3));
    assert!(matches!(moved, Ok(()) | Err(Errno::EPERM)), "{moved:?}");
    assert_eq!((child.process().sid(), child.process().pgid()), (3, 3));
}

/// Race 11: a process that moves between two groups is in one of them at every moment: a signal to both, the old one first, hits it.
pub fn race_11_in_no_group_while_moving<E: Explorer>() {
    let (table, init) = boot::<E>();
    let shell = fork(&init);
    shell.process().setpgid(0, 0).unwrap();
    let child = fork(&shell);
    let sender = fork(&init);
    both::<E, _, _>(
        move || E::does("setpgid(3, 3)", || shell.process().setpgid(3, 3)),
        move || {
            E::does("kill(-2)", || sender.kill(-2, 10)).ok();
            E::does("kill(-3)", || sender.kill(-3, 10)).ok();
        },
    )
    .0
    .unwrap();
    assert!(posted(&table).contains(&(child.process().pid(), Signal::SIGUSR1)), "it was missed");
}

/// Race 15: leaving a group and coming back to its number finds the group that still is there, or founds one; never a second.
pub fn race_15_leave_and_come_back<E: Explorer>() {
    let (table, init) = boot::<E>();
    let shell = fork(&init);
    let [third, fourth] = [fork(&shell), fork(&shell)];
    third.process().setpgid(0, 0).unwrap();
    fourth.process().setpgid(0, 0).unwrap();
    let (_, moves) = {
        let (shell, third) = (ARef::clone(&shell), ARef::clone(&third));
        both::<E, _, _>(
            move || E::does("setpgid(4, 3)", || shell.process().setpgid(4, 3)),
            move || {
                let away = E::does("setpgid(0, 4)", || third.process().setpgid(0, 4));
                (away, E::does("setpgid(0, 0)", || third.process().setpgid(0, 0)))
            },
        )
    };
    assert_eq!(moves.1, Ok(()));
    let group = table.find_group(3).unwrap();
    assert!(ARef::ptr_eq(&group, &third.process().group()));
    let number_3 =
        group.session().process_groups().unwrap().iter().filter(|it| it.pgid() == 3).count();
    assert_eq!(number_3, 1);
}

/// setpgid against setpgid: two members leave a group for each other's; both end in one of the two.
pub fn setpgid_against_setpgid<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let shell = fork(&init);
    let [third, fourth] = [fork(&shell), fork(&shell)];
    third.process().setpgid(0, 0).unwrap();
    fourth.process().setpgid(0, 0).unwrap();
    let answers = {
        let (third, fourth) = (ARef::clone(&third), ARef::clone(&fourth));
        both::<E, _, _>(
            move || E::does("setpgid(0, 4)", || third.process().setpgid(0, 4)),
            move || E::does("setpgid(0, 3)", || fourth.process().setpgid(0, 3)),
        )
    };
    // Whoever moves first is found in the other's group by the second, whose wish then names a group that has ended.
    let ends = (third.process().pgid(), fourth.process().pgid());
    match answers {
        (Ok(()), Err(Errno::EPERM)) => assert_eq!(ends, (4, 4)),
        (Err(Errno::EPERM), Ok(())) => assert_eq!(ends, (3, 3)),
        other => panic!("{other:?}"),
    }
}

/// setsid against setsid by two threads of one process: one founds the session, the other is refused.
pub fn setsid_against_setsid<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let process = ARef::clone(leader.process());
    let other = ARef::clone(&process);
    let answers = both::<E, _, _>(
        move || E::does("setsid()", || process.setsid()),
        move || E::does("setsid()", || other.setsid()),
    );
    assert!(
        matches!(answers, (Ok(2), Err(Errno::EPERM)) | (Err(Errno::EPERM), Ok(2))),
        "{answers:?}"
    );
}

/// The last member leaves a group, another joins it by number, a third asks who is in it: the group ends once, or goes on.
pub fn last_member_leaves_while_another_joins<E: Explorer>() {
    let (table, init) = boot::<E>();
    let shell = fork(&init);
    let [third, fourth] = [fork(&shell), fork(&shell)];
    third.process().setpgid(0, 0).unwrap();
    let (left, joined, seen) = {
        let (table, third, fourth) =
            (Arc::clone(&table), ARef::clone(&third), ARef::clone(&fourth));
        let home = shell.process().pgid();
        assert_eq!(home, 0, "the group of init has no number");
        shell.process().setpgid(0, 0).unwrap();
        all::<E, _, _, _>(
            move || E::does("setpgid(0, 2)", || third.process().setpgid(0, 2)),
            move || E::does("setpgid(0, 3)", || fourth.process().setpgid(0, 3)),
            move || {
                E::does("find_group(3)", || {
                    table.find_group(3).map(|it| it.processes().unwrap().len())
                })
            },
        )
    };
    assert_eq!(left, Ok(()));
    assert!(matches!(seen, None | Some(0..=2)), "{seen:?}");
    match joined {
        Ok(()) => assert_eq!(pids::<E>(&table.find_group(3).unwrap().processes().unwrap()), [4]),
        Err(Errno::EPERM) => assert!(table.find_group(3).is_none()),
        other => panic!("{other:?}"),
    }
}
