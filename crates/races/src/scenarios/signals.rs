//! Signals to groups, stops and continuations.

use axprocess::{ARef, ForkRequest, Signal, StopDecision, ThreadStop};

use super::{all, both};
use crate::Explorer;
use crate::kernel::{boot, exit, fork, posted, spawn_thread, try_fork, wait4};

/// kill of a group against fork by a member: the child was a member and is hit, or was not born (B17, R-CLONE-14).
pub fn no_fork_escapes_a_signal_to_the_group<E: Explorer>() {
    let (table, init) = boot::<E>();
    let member = fork(&init);
    member.process().setpgid(0, 0).unwrap();
    let sender = fork(&init);
    let (born, sent) = both::<E, _, _>(
        move || E::does("fork()", || try_fork(&member, ForkRequest::default())),
        move || E::does("kill(-2)", || sender.kill(-2, 15)),
    );
    assert_eq!(sent, Ok(()));
    if let Ok(child) = born {
        assert!(posted(&table).contains(&(child.tid(), Signal::SIGTERM)), "the child escaped");
    }
}

/// stop against SIGCONT: a stop that began before is ended by it, and one that began after it, with an old ticket, is void.
pub fn stop_against_continue<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let worker = fork(&init);
    let process = ARef::clone(worker.process());
    let stopped = both::<E, _, _>(
        move || {
            let ticket = worker.process().stop_ticket();
            match E::does("begin_stop()", || worker.begin_stop(Signal::SIGTSTP, ticket)) {
                StopDecision::Stop => Some(E::does("stop()", || worker.join_stop())),
                _ => None,
            }
        },
        move || E::does("kill(2, SIGCONT)", || init.kill(2, 18)).unwrap(),
    )
    .0;
    // init is the only other process of the session, so the group is orphaned and SIGTSTP has no effect; SIGSTOP is in the next one.
    assert_eq!((stopped, process.is_stopped()), (None, false));
}

/// SIGSTOP taken by one of two threads, SIGCONT from outside, all at once: in the end all threads run or all sleep.
pub fn stop_of_two_threads_against_continue<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let process = ARef::clone(leader.process());
    let looks = |thread: crate::Thread<E>| {
        move || {
            let sleeps = E::does("stop()", || thread.join_stop()) != ThreadStop::RunsOn;
            (thread, sleeps)
        }
    };
    let ticket = process.stop_ticket();
    let decided = leader.begin_stop(Signal::SIGSTOP, ticket);
    assert_eq!(decided, StopDecision::Stop);
    let (first, second, ()) = all::<E, _, _, _>(looks(leader), looks(second), move || {
        E::does("kill(2, SIGCONT)", || init.kill(2, 18)).unwrap();
    });
    assert!(!process.is_stopped(), "SIGCONT ended the stop, complete or not");
    for (thread, _sleeps) in [first, second] {
        assert!(!thread.is_group_stop_requested(), "nothing is left to stop for");
    }
}

/// A stop, SIGCONT and SIGKILL at once: the process is not stopped in the end, its exit is decided, and all of it can be waited for.
pub fn stop_against_continue_against_kill<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let worker = fork(&init);
    let sender = fork(&init);
    let (thread, _, _) = {
        let init = ARef::clone(&init);
        all::<E, _, _, _>(
            move || {
                let ticket = worker.process().stop_ticket();
                if E::does("begin_stop()", || worker.begin_stop(Signal::SIGSTOP, ticket))
                    == StopDecision::Stop
                {
                    E::does("stop()", || worker.join_stop());
                }
                worker
            },
            move || E::does("kill(2, SIGCONT)", || sender.kill(2, 18)).unwrap(),
            move || E::does("kill(2, SIGKILL)", || init.kill(2, 9)).unwrap(),
        )
    };
    assert!(!thread.process().is_stopped() && thread.process().is_group_exiting());
    exit(&thread, 0);
    assert_eq!(wait4(&init, 2), Ok(Some((2, 9))), "killed, whatever else happened");
}
