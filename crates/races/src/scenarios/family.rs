//! Births, exits and adoptions.

use axprocess::{ARef, Errno, ForkParent, ForkRequest, Number};

use super::both;
use crate::Explorer;
use crate::kernel::{below_two_subreapers, boot, exit, fork, pids, spawn_thread, try_fork, wait4};

/// Race 3: a sibling is born (`CLONE_PARENT`) while the parent exits. It ends up with a living parent that lists it.
pub fn race_03_fork_under_an_exiting_parent<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let parent = fork(&init);
    let child = fork(&parent);
    let ((), sibling) = {
        let child = ARef::clone(&child);
        both::<E, _, _>(
            move || E::does("exit()", || exit(&parent, 0)),
            move || {
                let request = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
                E::does("clone(CLONE_PARENT)", || try_fork(&child, request))
            },
        )
    };
    let sibling = sibling.expect("the caller lives");
    assert_eq!(sibling.process().ppid(), 1);
    assert!(pids::<E>(&init.process().children().unwrap()).contains(&sibling.tid()));
}

/// Race 4: an orphan is handed to a subreaper that exits at the same time. It ends up with init.
pub fn race_04_orphan_handed_to_a_dead_subreaper<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let subreaper = fork(&init);
    subreaper.process().become_subreaper();
    let parent = fork(&subreaper);
    let orphan = fork(&parent);
    both::<E, _, _>(
        move || E::does("exit of the subreaper", || exit(&subreaper, 0)),
        move || E::does("exit of the parent", || exit(&parent, 0)),
    );
    assert_eq!(orphan.process().ppid(), 1);
    assert!(pids::<E>(&init.process().children().unwrap()).contains(&orphan.tid()));
}

/// Race 5: the parent's parent is reaped while the parent exits. The living subreaper above them adopts all the same.
pub fn race_05_living_subreaper_skipped<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let subreaper = fork(&init);
    subreaper.process().become_subreaper();
    let middle = fork(&subreaper);
    let parent = fork(&middle);
    let orphan = fork(&parent);
    {
        let subreaper = ARef::clone(&subreaper);
        both::<E, _, _>(
            move || {
                E::does("exit of the middle", || exit(&middle, 0));
                E::does("wait4(middle)", || wait4(&subreaper, 3)).unwrap();
            },
            move || E::does("exit of the parent", || exit(&parent, 0)),
        );
    }
    assert_eq!(orphan.process().ppid(), 2);
}

/// A thread forks while another thread of the process ends it. The child has a living parent, or was not born.
pub fn fork_against_exit_of_the_parent<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let (born, ()) = {
        let second = ARef::clone(&second);
        both::<E, _, _>(
            move || {
                let born = E::does("fork()", || try_fork(&second, ForkRequest::default()));
                E::does("exit of the second", || exit(&second, 0));
                born
            },
            move || {
                let status = axprocess::ExitStatus::exited(1);
                E::does("exit_group()", || leader.process().begin_group_exit(status));
                E::does("exit of the leader", || exit(&leader, 0));
            },
        )
    };
    match born {
        Ok(child) => assert_eq!(child.process().ppid(), 1, "its parent has ended"),
        Err(refused) => assert_eq!(refused, Errno::EINTR),
    }
    assert!(table.find_process(2).unwrap().has_ended());
}

/// A parent and the reaper of its children exit together, one below the other.
pub fn exit_of_the_parent_against_exit_of_the_reaper<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let [_outer, inner, parent, orphan] = below_two_subreapers(&init);
    both::<E, _, _>(
        move || E::does("exit of the inner subreaper", || exit(&inner, 0)),
        move || E::does("exit of the parent", || exit(&parent, 0)),
    );
    assert_eq!(orphan.process().ppid(), 2);
}

/// Two processes, each of which adopts the orphans of a child of the other's line, exit together: no dead-lock by the order of locks.
pub fn opposite_re_parentings<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let [first, second] = [fork(&init), fork(&init)];
    let orphans = [fork(&first), fork(&second)];
    both::<E, _, _>(
        move || E::does("exit of the first", || exit(&first, 0)),
        move || E::does("exit of the second", || exit(&second, 0)),
    );
    assert!(orphans.iter().all(|orphan| orphan.process().ppid() == 1));
    assert_eq!(init.process().children().unwrap().len(), 4);
}

/// Two children want the same number: one gets it, the other is told, and no one is replaced.
pub fn duplicate_number<E: Explorer>() {
    let (table, init) = boot::<E>();
    let [first, second] = [fork(&init), fork(&init)];
    let wanted = ForkRequest { number: Number::Exactly(77), ..ForkRequest::default() };
    let births = both::<E, _, _>(
        move || E::does("fork(77)", || try_fork(&first, wanted)),
        move || E::does("fork(77)", || try_fork(&second, wanted)),
    );
    let born = match births {
        (Ok(child), Err(Errno::EEXIST)) | (Err(Errno::EEXIST), Ok(child)) => child,
        other => panic!("{other:?}"),
    };
    assert!(ARef::ptr_eq(&table.find_process(77).unwrap(), born.process()));
}
