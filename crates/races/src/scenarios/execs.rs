//! exec in steps, and what meets it between them.

use axprocess::{
    ARef, Errno, ExitStatus, ThreadExit, TraceOptions, TraceStart, WaitOutcome, WaitRequest,
};

use super::both;
use crate::Explorer;
use crate::kernel::{Thread, boot, doomed, execs_woken, fork, spawn_thread, wait4};

/// `__WALL`, `WNOHANG`.
const ANY_TRACEE: i32 = 0x4000_0001;

/// The other thread exits: the exec is over with that, and who has asked too early is woken.
pub fn exec_against_an_exit<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let process = ARef::clone(leader.process());
    let (asked, exit) = both::<E, _, _>(
        move || {
            let mut exec = E::does("begin_exec()", || second.begin_exec()).expect("nobody objects");
            (E::does("try_finish()", || exec.try_finish()), exec)
        },
        move || E::does("exit(7)", || leader.exit_thread(ExitStatus::exited(7))),
    );
    assert_eq!(exit, ThreadExit::OthersRemain);
    match asked {
        (Ok(true), _) => {}
        (Ok(false), mut exec) => {
            assert_eq!(execs_woken(&table), 1, "it sleeps for ever");
            assert_eq!(exec.try_finish(), Ok(true));
        }
        (refused, _) => panic!("{refused:?}"),
    }
    assert_eq!((process.threads().unwrap().len(), wait4(&init, -1)), (1, Ok(None)));
}

/// The process is killed: the exec is given up, or over before; everyone is told to exit, and the status is the signal's.
pub fn exec_against_a_kill<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let ((asked, second), _) = {
        let init = ARef::clone(&init);
        both::<E, _, _>(
            move || {
                let exec = E::does("begin_exec()", || second.begin_exec());
                E::does("exit of the leader", || leader.exit_thread(ExitStatus::exited(0)));
                let asked = exec.and_then(|mut exec| E::does("try_finish()", || exec.try_finish()));
                (asked, second)
            },
            move || E::does("kill(9)", || init.kill(2, 9)),
        )
    };
    assert!(matches!(asked, Ok(true) | Err(Errno::EAGAIN)), "{asked:?}");
    assert!(doomed(&table).contains(&second.tid()), "nobody has told it");
    assert_eq!(second.exit_thread(ExitStatus::exited(0)), ThreadExit::Last);
    assert_eq!(wait4(&init, -1), Ok(Some((2, 9))));
}

/// Two threads begin: one is refused, and asked to exit; with its exit the exec of the other is over.
pub fn exec_against_another<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let begins =
        |thread: Thread<E>| move || (E::does("begin_exec()", || thread.begin_exec()), thread);
    let (winner, loser) = match both::<E, _, _>(begins(leader), begins(second)) {
        ((Ok(exec), winner), (Err(Errno::EAGAIN), loser))
        | ((Err(Errno::EAGAIN), loser), (Ok(exec), winner)) => ((exec, winner), loser),
        other => panic!("{other:?}"),
    };
    let (mut exec, winner) = winner;
    assert_eq!((doomed(&table), exec.try_finish()), (vec![loser.tid()], Ok(false)));
    loser.exit_thread(ExitStatus::exited(0));
    assert_eq!((execs_woken(&table), exec.try_finish()), (1, Ok(true)));
    assert_eq!((winner.tid(), wait4(&init, -1)), (2, Ok(None)));
}

/// The tracer of a sibling reaps it: the exec is over with that, and who has asked too early is woken.
pub fn exec_against_the_wait_of_a_tracer<E: Explorer>() {
    let (table, init) = boot::<E>();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let sibling = spawn_thread(&leader);
    tracer.attach(sibling.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let mut exec = leader.begin_exec().expect("nobody objects");
    let (asked, reaped) = both::<E, _, _>(
        move || {
            E::does("exit of the sibling", || sibling.exit_thread(ExitStatus::exited(0)));
            (E::does("try_finish()", || exec.try_finish()), exec)
        },
        move || {
            let request = WaitRequest::wait4(-1, ANY_TRACEE).unwrap();
            let waits = || E::does("wait of the tracer", || tracer.wait(&request));
            let is_reaped = matches!(waits(), Ok(WaitOutcome::Event(_)));
            (is_reaped || matches!(waits(), Ok(WaitOutcome::Event(_))), tracer)
        },
    );
    let (asked, mut exec) = asked;
    let (is_reaped, tracer) = reaped;
    if !is_reaped {
        assert_eq!(exec.try_finish(), Ok(false), "a tracee waits for its tracer");
        let request = WaitRequest::wait4(-1, ANY_TRACEE).unwrap();
        assert!(matches!(tracer.wait(&request), Ok(WaitOutcome::Event(_))));
    }
    match asked {
        Ok(true) => assert!(is_reaped, "it did not wait for the tracer"),
        Ok(false) => assert_eq!((execs_woken(&table), exec.try_finish()), (1, Ok(true))),
        refused => panic!("{refused:?}"),
    }
}
