//! Exits in steps, core dumps and the end of a namespace, and what meets them between their steps.

use axprocess::{ARef, Errno, ExitStatus, ForkNamespace, ForkRequest, Signal, ThreadExit};

use super::both;
use crate::Explorer;
use crate::kernel::{
    boot, doomed, dumps_woken, exit, exits_woken, fork, spawn_thread, try_fork, wait4,
};

const DUMPED: i32 = 11 | 0x80;

/// The two threads of a process exit in steps: one is told that it is the last, the one that begins last gives the status, and the process ends once.
pub fn exit_in_steps_against_another<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let process = ARef::clone(leader.process());
    let exits = |thread: crate::kernel::Thread<E>, code| {
        move || {
            let mut pending =
                E::does("begin_exit()", || thread.begin_exit(ExitStatus::exited(code)));
            let exit = E::does("set_exiting()", || pending.set_exiting());
            E::does("finish()", || pending.finish());
            exit
        }
    };
    let (first, second) = both::<E, _, _>(exits(leader, 5), exits(second, 7));
    assert!(first != second && [first, second].contains(&ThreadExit::Last), "{first:?} {second:?}");
    let status = process.exit_status().to_raw();
    assert!([5 << 8, 7 << 8].contains(&status), "{status:#x}");
    assert_eq!(wait4(&init, -1), Ok(Some((2, status))));
}

/// A process that has begun to exit is killed: too late, once all its threads have begun.
pub fn exit_in_steps_against_a_kill<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let (status, _) = {
        let init = ARef::clone(&init);
        both::<E, _, _>(
            move || {
                let pending = E::does("begin_exit()", || leader.begin_exit(ExitStatus::exited(5)));
                let status = pending.status();
                E::does("finish()", || pending.finish());
                status
            },
            move || E::does("kill(9)", || init.kill(2, 9)),
        )
    };
    let was_killed = status == ExitStatus::killed(Signal::SIGKILL);
    assert!(was_killed || status == ExitStatus::exited(5), "{status:?}");
    assert_eq!(doomed(&table).is_empty(), !was_killed);
    assert_eq!(wait4(&init, -1), Ok(Some((2, status.to_raw()))));
}

/// A process that dumps core is killed: before, so that nothing is dumped; amid that, which cuts it; or too late.
pub fn core_dump_against_a_kill<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let other = spawn_thread(&leader);
    let (status, _) = {
        let init = ARef::clone(&init);
        both::<E, _, _>(
            move || {
                let dump = E::does("begin_core_dump()", || leader.begin_core_dump(Signal::SIGSEGV));
                let parked = E::does("begin_exit()", || other.begin_exit(ExitStatus::exited(0)));
                let status = match dump {
                    Ok(dump) => {
                        assert!(dump.is_ready() && parked.is_parked(), "it waits for nobody");
                        let was_cut = dump.is_cut();
                        let status = E::does("end of the dump", || dump.finish(true)).to_raw();
                        assert!(status == 9 || !was_cut && status == DUMPED, "{status:#x}");
                        status
                    }
                    Err(refused) => {
                        assert_eq!((refused, parked.is_parked()), (Errno::EAGAIN, false));
                        9
                    }
                };
                assert!(!parked.is_parked(), "it is parked for ever");
                E::does("finish()", || parked.finish());
                exit(&leader, 0);
                status
            },
            move || E::does("kill(9)", || init.kill(2, 9)),
        )
    };
    assert_eq!(wait4(&init, -1), Ok(Some((2, status))));
}

/// The other thread exits by itself: it is awaited and parked, or had begun before; who has asked too early is woken.
pub fn core_dump_against_an_exit<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let other = spawn_thread(&leader);
    let ((dump, leader), parked) = both::<E, _, _>(
        move || {
            let dump = E::does("begin_core_dump()", || leader.begin_core_dump(Signal::SIGSEGV));
            let dump = dump.expect("nobody objects");
            let is_ready = E::does("is_ready()", || dump.is_ready());
            ((dump, is_ready), leader)
        },
        move || E::does("begin_exit()", || other.begin_exit(ExitStatus::exited(7))),
    );
    let (dump, is_ready) = dump;
    assert!(is_ready || dumps_woken(&table) == 1, "it sleeps for ever");
    assert!(dump.is_ready());
    let own_status = parked.status() == ExitStatus::exited(7);
    assert_eq!(own_status, !parked.is_parked(), "parked who has begun after it, and no other");
    assert_eq!(dump.finish(true).to_raw(), DUMPED);
    assert!(!parked.is_parked());
    parked.finish();
    exit(&leader, 0);
    assert_eq!(wait4(&init, -1), Ok(Some((2, DUMPED))));
}

/// The init of a namespace exits while one outside forks into it: the child is killed with the namespace, and its init no zombie before that is reaped; or there is none.
pub fn end_of_a_namespace_against_a_fork_into_it<E: Explorer>() {
    let (table, init) = boot::<E>();
    let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = try_fork(&init, request).unwrap();
    let outsider = fork(&init);
    outsider.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let process = ARef::clone(inner.process());
    let (_, (made, outsider)) = both::<E, _, _>(
        move || {
            let mut pending = E::does("begin_exit()", || inner.begin_exit(ExitStatus::exited(3)));
            E::does("set_exiting()", || pending.set_exiting());
            E::does("finish()", || pending.finish());
        },
        move || {
            let made = E::does("fork()", || try_fork(&outsider, ForkRequest::default()));
            (made, outsider)
        },
    );
    match made {
        Ok(child) => {
            assert_eq!(doomed(&table), [child.tid()], "nobody kills it");
            assert!(!process.has_ended(), "a zombie before all are gone");
            exit(&child, 0);
            assert!(!process.has_ended(), "a zombie before all are reaped");
            assert!(matches!(wait4(&outsider, -1), Ok(Some((_, 9)))));
        }
        Err(refused) => assert_eq!(refused, Errno::ENOMEM),
    }
    assert!(process.has_ended());
    assert_eq!(wait4(&init, 2), Ok(Some((2, 3 << 8))));
}

/// The last thread of a namespace's init ends it while the only other process there exits: it sleeps and is woken once, or finds nobody left.
pub fn end_of_a_namespace_against_its_last_exit<E: Explorer>() {
    let (table, init) = boot::<E>();
    let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = try_fork(&init, request).unwrap();
    let other = fork(&inner);
    let process = ARef::clone(inner.process());
    let ((is_done, mut pending), _) = both::<E, _, _>(
        move || {
            let mut pending = E::does("begin_exit()", || inner.begin_exit(ExitStatus::exited(3)));
            (E::does("try_finish()", || pending.try_finish()), pending)
        },
        move || E::does("exit(0)", || exit(&other, 0)),
    );
    assert_eq!(process.has_ended(), is_done);
    assert_eq!(
        exits_woken(&table),
        usize::from(!is_done),
        "it sleeps for ever, or is woken for nothing"
    );
    assert!(pending.try_finish());
    assert!(process.has_ended());
    assert_eq!(wait4(&init, 2), Ok(Some((2, 3 << 8))));
}
