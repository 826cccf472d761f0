//! Zombies: who sees them, who gets them, and what is left.

use axprocess::{ARef, Errno, ForkRequest, Number, WaitOutcome, WaitRequest};

use super::both;
use crate::Explorer;
use crate::kernel::{Inquisitive, boot, exit, fork, pids, spawn_thread, try_fork, wait4, woken};

/// Race 6: the parent of a zombie exits while one of its threads reaps it. One of them and init gets it, and no list keeps a ghost.
pub fn race_06_reap_against_re_parenting<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    exit(&child, 9);
    let waited = {
        let init = ARef::clone(&init);
        both::<E, _, _>(
            move || {
                let waited = E::does("wait4(4)", || wait4(&second, 4));
                E::does("exit of the second", || exit(&second, 0));
                waited
            },
            move || {
                E::does("exit of the leader", || exit(&leader, 0));
                E::does("wait4(4) by init", || wait4(&init, 4))
            },
        )
    };
    let reaped = [waited.0, waited.1].iter().filter(|it| **it == Ok(Some((4, 9 << 8)))).count();
    let left = usize::from(table.find_process(4).is_some());
    assert_eq!(reaped + left, 1, "{waited:?}");
    assert_eq!(pids::<E>(&init.process().children().unwrap()).contains(&4), left == 1);
}

/// Race 7: two threads wait for one zombie. One gets it, the other learns that there is nothing left to wait for.
pub fn race_07_double_reap_by_two_waiters<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    exit(&child, 5);
    let answers = both::<E, _, _>(
        move || E::does("wait4(-1)", || wait4(&leader, -1)),
        move || E::does("wait4(-1)", || wait4(&second, -1)),
    );
    let zombie = Ok(Some((4, 5 << 8)));
    assert!(
        answers == (zombie, Err(Errno::ECHILD)) || answers == (Err(Errno::ECHILD), zombie),
        "{answers:?}"
    );
}

/// Race 8: a second waiter comes late, when a new child has the number of the one that was reaped. The new child stays.
pub fn race_08_late_second_reap<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    exit(&child, 5);
    let (late, born) = {
        let leader = ARef::clone(&leader);
        both::<E, _, _>(
            move || E::does("wait4(4)", || wait4(&second, 4)),
            move || {
                let waited = E::does("wait4(4)", || wait4(&leader, 4));
                let request = ForkRequest { number: Number::Exactly(4), ..ForkRequest::default() };
                (waited, E::does("fork(4)", || try_fork(&leader, request)))
            },
        )
    };
    let zombie = Ok(Some((4, 5 << 8)));
    assert_eq!([late, born.0].iter().filter(|it| **it == zombie).count(), 1);
    let born = born.1.expect("the number is free");
    assert!(ARef::ptr_eq(&table.find_process(4).unwrap(), born.process()));
    assert_eq!(pids::<E>(&leader.process().children().unwrap()), [4]);
}

/// Race 9: a child is reaped while it is being moved to another group. A reaped process is in no group.
pub fn race_09_reap_against_setpgid<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    exit(&child, 0);
    let (waited, moved) = both::<E, _, _>(
        move || E::does("wait4(4)", || wait4(&leader, 4)),
        move || E::does("setpgid(4, 4)", || second.process().setpgid(4, 4)),
    );
    assert_eq!(waited, Ok(Some((4, 0))));
    assert!(matches!(moved, Ok(()) | Err(Errno::ESRCH)), "{moved:?}");
    assert!(table.find_group(4).is_none(), "a ghost is in it");
    assert_eq!(init.kill(-4, 0), Err(Errno::ESRCH));
}

/// Race 10: who learns of a death finds that the dead one's children have moved already.
pub fn race_10_zombie_visible_before_its_children_moved<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let parent = fork(&init);
    let child = fork(&parent);
    let grandchild = fork(&child);
    both::<E, _, _>(
        move || E::does("exit()", || exit(&child, 0)),
        move || {
            if let Ok(Some((3, _))) = E::does("wait4(3)", || wait4(&parent, 3)) {
                assert_eq!(grandchild.process().ppid(), 1, "its parent was reaped");
            }
        },
    );
}

/// Race 13: the kernel's data takes the lock when it is dropped, and is dropped in the calls that end its object.
pub fn race_13_a_destructor_under_the_lock<E: Explorer>() {
    let (table, init) = boot::<E>();
    let curious = || Inquisitive::about(&table);
    let child = init.fork(ForkRequest::default(), curious(), curious()).unwrap();
    let second = child.spawn_thread(Number::Next, curious()).unwrap();
    let (_, waited) = both::<E, _, _>(
        move || {
            exit(&second, 0);
            drop(second);
            E::does("exit()", || exit(&child, 0));
            drop(child);
        },
        move || E::does("wait4(-1)", || wait4(&init, -1)),
    );
    assert!(waited.is_ok(), "{waited:?}");
}

/// wait against exit: whoever is told "nothing yet" holds a token that the exit makes stale, and is woken.
pub fn wait_against_exit<E: Explorer>() {
    let (table, init) = boot::<E>();
    let child = fork(&init);
    let (_, token) = {
        let init = ARef::clone(&init);
        both::<E, _, _>(
            move || E::does("exit()", || exit(&child, 0)),
            move || {
                let any = WaitRequest::wait4(-1, 0).unwrap();
                match E::does("wait4(-1)", || init.wait(&any)).unwrap() {
                    WaitOutcome::Event(_) => None,
                    WaitOutcome::NothingYet(token) => Some(token),
                }
            },
        )
    };
    assert!(!woken(&table).is_empty(), "the parent is woken, reaped or not");
    if let Some(token) = token {
        assert!(init.process().has_news_since(token), "the wake-up is lost");
        assert_eq!(wait4(&init, -1), Ok(Some((2, 0))));
    }
}
