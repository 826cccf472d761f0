//! The attention word: what sets each bit, and which call clears it.

mod kernel;

use axprocess::{
    Attention, ExitStatus, Signal, StopDecision, ThreadStop, TraceOptions, TraceStart, TraceStop,
    WaitStatus,
};
use kernel::{KernelThread, WALL, Waited, boot, fork, spawn, wait4};

fn begin_stop(thread: &KernelThread) {
    let ticket = thread.process().stop_ticket();
    assert_eq!(thread.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
}

/// Nothing is wanted of a thread that nobody has asked for anything; not even by an ordinary signal.
#[test]
fn nothing_is_wanted_of_an_ordinary_thread() {
    let (_table, init) = boot();
    let child = fork(&init);
    assert_eq!(init.kill(2, 10), Ok(()));
    assert!(child.attention().is_empty() && !child.is_stopped());
}

/// The kernel's own eight bits are its own: it sets and clears those alone.
#[test]
fn a_kernel_sets_its_own_bits_alone() {
    let (_table, init) = boot();
    let child = fork(&init);
    child.add_attention(Attention::all());
    assert_eq!(child.attention(), Attention::HOST & Attention::all());
    child.process().begin_group_exit(ExitStatus::exited(0));
    child.remove_attention(Attention::all());
    assert_eq!(child.attention(), Attention::EXIT);
}

/// R-EXIT-10: every thread of a process whose exit is decided is told so, one that sleeps in a stop too, and sleeps no more.
#[test]
fn a_group_exit_is_announced_to_each_thread() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&leader);
    assert_eq!(leader.join_stop(), ThreadStop::OthersRun);
    assert!(leader.is_stopped());
    assert_eq!(init.kill(2, 9), Ok(()));
    for thread in [&leader, &second] {
        assert!(thread.attention().contains(Attention::EXIT) && !thread.is_stopped());
    }
}

/// R-EXEC-12: an exec asks the other threads to exit, and goes on asking when it is given up.
#[test]
fn an_exec_that_is_given_up_has_asked_the_others_to_exit() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    drop(second.begin_exec().unwrap());
    assert_eq!(leader.attention(), Attention::EXIT);
    assert!(second.attention().is_empty());
}

/// R-EXIT-21: who dumps core sleeps undisturbed; when the dump is done it has to exit.
#[test]
fn who_has_dumped_core_has_to_exit() {
    let (_table, init) = boot();
    let child = fork(&init);
    let dump = child.begin_core_dump(Signal::SIGSEGV).unwrap();
    assert!(child.attention().is_empty());
    dump.finish(true);
    assert_eq!(child.attention(), Attention::EXIT);
}

/// R-STOP-03, R-NOTIFY-13: each thread is asked to stop, sleeps until SIGCONT, and then looks; the first that does tells the parent.
#[test]
fn a_stop_is_joined_slept_through_and_told_of() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&second);
    for (thread, answer) in [(&leader, ThreadStop::OthersRun), (&second, ThreadStop::Last)] {
        assert_eq!(thread.attention(), Attention::STOP);
        assert_eq!(thread.join_stop(), answer);
        assert_eq!((thread.attention(), thread.is_stopped()), (Attention::STOPPED, true));
    }
    // Who is woken for nothing sleeps on, and is asked again.
    leader.notify_parent_if_continued();
    assert_eq!((leader.attention(), leader.is_stopped()), (Attention::STOPPED, true));

    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(!leader.is_stopped() && !second.is_stopped());
    second.notify_parent_if_continued();
    assert!(second.attention().is_empty());
    assert_eq!(leader.attention(), Attention::STOPPED);
    leader.notify_parent_if_continued();
    assert!(leader.attention().is_empty());
}

/// R-STOP-06: SIGCONT amid a stop: who has not joined it finds nothing to join, and tells the parent.
#[test]
fn who_comes_to_a_stop_that_is_over_tells_of_it() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&leader);
    leader.join_stop();
    assert_eq!(init.kill(2, 18), Ok(()));
    assert_eq!(second.attention(), Attention::STOP);
    assert_eq!(second.join_stop(), ThreadStop::RunsOn);
    assert_eq!((second.attention(), second.is_stopped()), (Attention::STOPPED, false));
    second.notify_parent_if_continued();
    assert!(second.attention().is_empty());
}

/// R-FORK-13: a thread that is created amid a stop is asked to stop before it runs.
#[test]
fn a_thread_that_is_created_amid_a_stop_is_asked_to_stop() {
    let (_table, init) = boot();
    let leader = fork(&init);
    begin_stop(&leader);
    let second = spawn(&leader);
    assert_eq!(second.attention(), Attention::STOP);
    assert_eq!(second.join_stop(), ThreadStop::OthersRun);
    assert_eq!(leader.join_stop(), ThreadStop::Last);
}

/// R-STOP-13: a tracee joins its group's stop in one for its tracer, who is shown the signal, or the event if it has seized; it sleeps in that alone.
#[test]
fn a_tracee_joins_a_group_stop_in_its_tracers() {
    const EVENT_STOP: u16 = 128 << 8;
    for (start, code) in [(TraceStart::Attach, 19), (TraceStart::Seize, EVENT_STOP | 19)] {
        let (_table, init) = boot();
        let (child, tracer) = (fork(&init), fork(&init));
        tracer.attach(2, start, TraceOptions::empty()).unwrap();
        begin_stop(&child);
        assert_eq!(child.join_stop(), ThreadStop::Trapped);
        assert!(child.is_stopped());
        let seen = WaitStatus::Trapped(TraceStop::new(code).unwrap());
        assert_eq!(wait4(&tracer, 2, 0), Waited::Got(2, seen));

        tracer.resume_tracee(2).unwrap();
        assert!(!child.is_stopped() && child.process().is_stopped());
        assert!(child.attention().is_empty(), "it runs in a group stop, and is asked nothing");
    }
}

/// R-PTRACE-05: who has lost its tracer, or got one, amid a group stop looks where it has to stop now.
#[test]
fn a_tracer_that_comes_or_goes_has_the_tracee_look_where_it_stops() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    begin_stop(&child);
    assert_eq!(child.join_stop(), ThreadStop::Last);
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    assert!(child.attention().contains(Attention::STOP) && !child.is_stopped());
    assert_eq!(child.join_stop(), ThreadStop::Trapped);
    assert!(child.is_stopped());
    tracer.detach(2).unwrap();
    assert!(child.attention().contains(Attention::STOP));
    assert_eq!(child.join_stop(), ThreadStop::Joined);
    assert!(child.is_stopped() && child.process().is_stopped());
}

/// A tracee that its tracer lets go where there is no group stop is asked to look, and runs on.
#[test]
fn who_is_let_go_outside_of_a_group_stop_runs_on() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    child.trace_stop(Signal::SIGTRAP.into());
    assert!(child.is_stopped() && child.attention().is_empty());
    tracer.detach(2).unwrap();
    assert_eq!(child.attention(), Attention::STOP);
    assert_eq!(child.join_stop(), ThreadStop::RunsOn);
    assert!(child.attention().is_empty() && !child.is_stopped());
}

/// R-PTRACE-08: SIGCONT while a tracee is trapped with its group: when it is resumed it looks whether its parent is to be told.
#[test]
fn a_continuation_amid_a_trap_is_told_of_behind_it() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&child);
    child.join_stop();
    wait4(&tracer, 2, 0);
    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(child.is_stopped(), "its tracer has not let it go");
    tracer.resume_tracee(2).unwrap();
    assert_eq!(child.attention(), Attention::STOPPED);
    child.notify_parent_if_continued();
    assert!(child.attention().is_empty());
}

/// R-PTRACE-07: the stop of its exit event is the one in which a thread that is killed sleeps; it is let go into its exit, also out of a group stop.
#[test]
fn who_is_killed_sleeps_in_its_exit_event_and_no_longer() {
    const EVENT_EXIT: u16 = 6 << 8 | 5;
    for is_group_stopped in [false, true] {
        let (_table, init) = boot();
        let (leader, tracer) = (fork(&init), fork(&init));
        let child = spawn(&leader);
        let tid = child.tid().cast_signed();
        tracer.attach(tid, TraceStart::Seize, TraceOptions::empty()).unwrap();
        if is_group_stopped {
            begin_stop(&child);
            leader.join_stop();
            child.join_stop();
            wait4(&tracer, tid, WALL);
            tracer.resume_tracee(tid).unwrap();
        } else {
            assert_eq!(init.kill(2, 9), Ok(()));
        }
        let exit = child.begin_exit(ExitStatus::exited(0));
        child.trace_stop(TraceStop::new(EVENT_EXIT).unwrap());
        assert!(child.is_stopped());
        tracer.detach(tid).unwrap();
        assert!(!child.is_stopped());
        exit.finish();
    }
}

/// R-PTRACE-08, R-NOTIFY-13: SIGCONT where none but tracees that were let run are in the stop: one of them tells the parent.
#[test]
fn a_tracee_that_runs_in_a_stop_tells_of_its_end() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&child);
    child.join_stop();
    tracer.resume_tracee(2).unwrap();
    assert!(child.attention().is_empty());
    assert_eq!(init.kill(2, 18), Ok(()));
    assert_eq!(child.attention(), Attention::STOPPED);
    child.notify_parent_if_continued();
    assert!(child.attention().is_empty());
}

/// An exec in one call releases threads that were stopped with their group: none sleeps on.
#[test]
fn who_is_released_by_an_exec_in_one_call_sleeps_no_more() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let (second, third) = (spawn(&child), spawn(&child));
    let tid = second.tid().cast_signed();
    tracer.attach(tid, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&second);
    for thread in [&child, &third, &second] {
        thread.join_stop();
    }
    tracer.resume_tracee(tid).unwrap();
    second.exec().unwrap();
    assert!(!third.is_stopped() && third.attention().contains(Attention::EXIT));
}
