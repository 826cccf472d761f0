//! Threads of one process that end it, join it, or take it over.

use axprocess::{ARef, Errno, ExitStatus, ThreadExit};

use super::{all, both};
use crate::Explorer;
use crate::kernel::{boot, doomed, fork, spawn_thread, try_spawn, wait4};

/// Race 14: exit_group(1) against the exit(0) of another thread: the group's code is the process's.
pub fn race_14_exit_code<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    both::<E, _, _>(
        move || {
            E::does("exit_group(1)", || second.process().begin_group_exit(ExitStatus::exited(1)));
            E::does("exit of the second", || second.exit_thread(ExitStatus::exited(1)))
        },
        move || E::does("exit(0)", || leader.exit_thread(ExitStatus::exited(0))),
    );
    assert_eq!(wait4(&init, -1), Ok(Some((2, 1 << 8))));
}

/// Two exit_group calls: the first wins, and its caller knows.
pub fn exit_group_against_exit_group<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let ends = |thread: crate::Thread<E>, code| {
        move || {
            let status = ExitStatus::exited(code);
            let first = E::does("exit_group()", || thread.process().begin_group_exit(status));
            E::does("exit()", || thread.exit_thread(status));
            first
        }
    };
    let first = both::<E, _, _>(ends(leader, 1), ends(second, 2));
    let code = match first {
        (true, false) => 1,
        (false, true) => 2,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait4(&init, -1), Ok(Some((2, code << 8))));
}

/// Three threads exit: exactly one is the last, whose code is the process's.
pub fn exactly_one_is_the_last<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let [second, third] = [spawn_thread(&leader), spawn_thread(&leader)];
    let ends = |thread: crate::Thread<E>, code| {
        move || E::does("exit()", || thread.exit_thread(ExitStatus::exited(code)))
    };
    let (first, second, third) =
        all::<E, _, _, _>(ends(leader, 1), ends(second, 2), ends(third, 3));
    let exits = [first, second, third];
    let last = exits.iter().position(|exit| *exit == ThreadExit::Last).expect("one is the last");
    assert_eq!(exits.iter().filter(|exit| **exit == ThreadExit::OthersRemain).count(), 2);
    assert_eq!(wait4(&init, -1), Ok(Some((2, (last as i32 + 1) << 8))));
}

/// A thread joins while the process ends: it belongs to the process and is told to exit, or is refused.
pub fn a_thread_joins_while_the_process_ends<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let (joined, _) = {
        let second = ARef::clone(&second);
        both::<E, _, _>(
            move || {
                let joined = E::does("clone(CLONE_THREAD)", || try_spawn(&second));
                E::does("exit of the second", || second.exit_thread(ExitStatus::exited(0)));
                joined
            },
            move || {
                let status = ExitStatus::exited(1);
                E::does("exit_group(1)", || leader.process().begin_group_exit(status));
                E::does("exit of the leader", || leader.exit_thread(status))
            },
        )
    };
    match joined {
        Ok(third) => {
            assert_eq!(wait4(&init, -1), Ok(None), "a thread is left");
            assert!(doomed(&table).contains(&third.tid()), "it joined, and nobody told it to exit");
            assert_eq!(third.exit_thread(ExitStatus::exited(0)), ThreadExit::Last);
        }
        Err(refused) => assert_eq!(refused, Errno::EINTR),
    }
    assert_eq!(wait4(&init, -1), Ok(Some((2, 1 << 8))));
}

/// exec against exec: one thread takes the process over, the other is gone.
pub fn exec_against_exec<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let process = ARef::clone(leader.process());
    let answers = both::<E, _, _>(
        move || (E::does("exec()", || leader.exec()), leader),
        move || (E::does("exec()", || second.exec()), second),
    );
    let winner = match (answers.0.0, answers.1.0) {
        (Ok(()), Err(Errno::EAGAIN)) => answers.0.1,
        (Err(Errno::EAGAIN), Ok(())) => answers.1.1,
        other => panic!("{other:?}"),
    };
    assert_eq!(winner.tid(), 2);
    assert!(ARef::ptr_eq(&table.find_thread(2).unwrap(), &winner));
    assert_eq!(process.threads().unwrap().len(), 1);
    assert_eq!(wait4(&init, -1), Ok(None), "it lives");
}

/// exec against the exit of the whole process: whichever is first makes the other fail or ends the new program.
pub fn exec_against_group_exit<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let (execed, decided) = {
        let leader = ARef::clone(&leader);
        both::<E, _, _>(
            move || {
                let execed = E::does("exec()", || second.exec());
                E::does("exit of the second", || second.exit_thread(ExitStatus::exited(7)));
                execed
            },
            move || {
                let status = ExitStatus::exited(1);
                let decided =
                    E::does("exit_group(1)", || leader.process().begin_group_exit(status));
                E::does("exit of the leader", || leader.exit_thread(status));
                decided
            },
        )
    };
    let code = match (execed, decided) {
        (Err(Errno::EAGAIN), true) | (Ok(()), true) => 1,
        (Ok(()), false) => 7,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait4(&init, -1), Ok(Some((2, code << 8))));
}

/// A thread joins while another is in exec: it is gone with the rest, or is refused.
pub fn a_thread_joins_while_another_execs<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let process = ARef::clone(leader.process());
    let (execed, joined) = both::<E, _, _>(
        move || (E::does("exec()", || leader.exec()), leader),
        move || E::does("clone(CLONE_THREAD)", || try_spawn(&second)),
    );
    assert_eq!(execed.0, Ok(()));
    assert_eq!(process.threads().unwrap().len(), 1);
    if let Ok(third) = joined {
        assert_eq!(third.exit_thread(ExitStatus::exited(0)), ThreadExit::Gone);
    }
}
