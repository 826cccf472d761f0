//! Races of the published crates once more, by three threads.

use axprocess::{ARef, Errno, ForkParent, ForkRequest};

use super::all;
use crate::Explorer;
use crate::kernel::{
    Thread, below_two_subreapers, boot, exit, fork, pids, spawn_thread, try_fork, wait4,
};

/// Race 1 by a shell, its child and another child that joins: both end in the one group of that number, or the last was too early.
pub fn race_01_by_three<E: Explorer>() {
    let (table, init) = boot::<E>();
    let shell = fork(&init);
    let [child, other] = [fork(&shell), fork(&shell)];
    let by_shell = ARef::clone(&shell);
    let (one, two, three) = {
        let (child, other) = (ARef::clone(&child), ARef::clone(&other));
        all::<E, _, _, _>(
            move || E::does("setpgid(3, 3)", || by_shell.process().setpgid(3, 3)),
            move || E::does("setpgid(0, 0)", || child.process().setpgid(0, 0)),
            move || E::does("setpgid(0, 3)", || other.process().setpgid(0, 3)),
        )
    };
    assert_eq!((one, two), (Ok(()), Ok(())));
    let group = table.find_group(3).expect("it was founded");
    assert!(ARef::ptr_eq(&group, &child.process().group()));
    match three {
        Ok(()) => assert_eq!(pids::<E>(&group.processes().unwrap()), [3, 4]),
        Err(errno) => {
            assert_eq!((errno, pids::<E>(&group.processes().unwrap())), (Errno::EPERM, vec![3]))
        }
    }
}

/// Race 3 by two who make siblings and a parent that exits: all siblings are init's in the end.
pub fn race_03_by_three<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let parent = fork(&init);
    let [first, second] = [fork(&parent), fork(&parent)];
    let makes = |child: Thread<E>| {
        move || {
            let request = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
            E::does("clone(CLONE_PARENT)", || try_fork(&child, request)).expect("the caller lives")
        }
    };
    let (one, two, ()) = all::<E, _, _, _>(makes(first), makes(second), move || {
        E::does("exit()", || exit(&parent, 0))
    });
    let children = pids::<E>(&init.process().children().unwrap());
    assert!([one, two].iter().all(|it| it.process().ppid() == 1 && children.contains(&it.tid())));
}

/// Race 4 by a parent, a subreaper and a subreaper above it, who all exit: the orphan is init's.
pub fn race_04_by_three<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let [outer, inner, parent, orphan] = below_two_subreapers(&init);
    let exits = |thread: Thread<E>| move || E::does("exit()", || exit(&thread, 0));
    all::<E, _, _, _>(exits(outer), exits(inner), exits(parent));
    assert_eq!(orphan.process().ppid(), 1);
    assert!(pids::<E>(&init.process().children().unwrap()).contains(&orphan.tid()));
}

/// Race 6 by a thread that waits, the end of its process, and init: exactly one gets the zombie.
pub fn race_06_by_three<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    exit(&child, 9);
    let waits = |thread: Thread<E>| move || E::does("wait4(4)", || wait4(&thread, 4));
    let (one, two, ()) = all::<E, _, _, _>(waits(second), waits(init), move || {
        E::does("exit()", || exit(&leader, 0))
    });
    let reaped = [one, two].iter().filter(|it| **it == Ok(Some((4, 9 << 8)))).count();
    assert_eq!(reaped + usize::from(table.find_process(4).is_some()), 1);
}

/// Race 7 by three waiters: one gets the zombie, two learn that nothing is left.
pub fn race_07_by_three<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let [second, third] = [spawn_thread(&leader), spawn_thread(&leader)];
    exit(&fork(&leader), 1);
    let waits = |thread: Thread<E>| move || E::does("wait4(-1)", || wait4(&thread, -1));
    let (one, two, three) = all::<E, _, _, _>(waits(leader), waits(second), waits(third));
    let answers = [one, two, three];
    let count = |wanted| answers.iter().filter(|it| **it == wanted).count();
    assert_eq!((count(Ok(Some((5, 1 << 8)))), count(Err(Errno::ECHILD))), (1, 2), "{answers:?}");
}

/// Race 9 by a waiter, a mover and one who joins the group meanwhile: the reaped one is in no group, whoever else is.
pub fn race_09_by_three<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let [child, other] = [fork(&leader), fork(&leader)];
    exit(&child, 0);
    let (waited, moved, joined) = {
        let leader = ARef::clone(&leader);
        all::<E, _, _, _>(
            move || E::does("wait4(4)", || wait4(&leader, 4)),
            move || E::does("setpgid(4, 4)", || second.process().setpgid(4, 4)),
            move || E::does("setpgid(0, 4)", || other.process().setpgid(0, 4)),
        )
    };
    assert_eq!(waited, Ok(Some((4, 0))));
    assert!(matches!(moved, Ok(()) | Err(Errno::ESRCH)), "{moved:?}");
    let members = table.find_group(4).map(|group| pids::<E>(&group.processes().unwrap()));
    match joined {
        Ok(()) => assert_eq!(members, Some(vec![5])),
        Err(errno) => assert_eq!((errno, members), (Errno::EPERM, None)),
    }
}
