//! exec in steps: who begins it waits for the others, is told when they are gone, and can give it up.

use crate::kernel::*;
use axprocess::{
    ARef, Errno, ExitStatus, HandleState, Number, ProcessState, Signal, SignalAction, ThreadExit,
    TraceOptions, TraceStart,
};

fn seize(tracer: &KernelThread, tracee: &KernelThread) {
    tracer.attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
}

/// How often a thread in exec was woken since the last call, and which.
fn wakes(table: &Table) -> Vec<u32> {
    let events = events(table).into_iter();
    events
        .filter_map(|event| if let Event::ExecWake(tid) = event { Some(tid) } else { None })
        .collect()
}

#[test]
fn an_exec_is_over_when_the_last_other_thread_is_gone() {
    // R-EXEC-01, R-EXEC-12: all others are asked, and not the caller; it is woken once, by the last; then it is the process.
    let (table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let mut exec = caller.begin_exec().unwrap();
    assert_eq!(exit_requests(&table), [leader.tid(), other.tid()]);
    assert_eq!(exec.try_finish(), Ok(false));
    exit(&leader, 0);
    assert_eq!((exec.try_finish(), wakes(&table)), (Ok(false), vec![]));
    exit(&other, 0);
    assert_eq!(wakes(&table), [caller.tid()]);
    assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!((caller.tid(), table.find_thread(3).is_none()), (2, true));
    assert!(ARef::ptr_eq(&table.find_thread(2).unwrap(), &caller));
    assert_eq!(exec.try_finish(), Err(Errno::EAGAIN), "it is over");
    drop(exec);
    assert_eq!(caller.begin_exec().unwrap().try_finish(), Ok(true), "alone, at once");
    assert_eq!(exit_requests(&table), []);
    assert_eq!(caller.exit_thread(ExitStatus::exited(1)), ThreadExit::Last);
    assert_eq!(wait4(&init, 2, 0), exited(2, 1));
}

#[test]
fn an_exec_waits_until_the_tracer_of_another_thread_has_reaped_it() {
    // R-EXEC-12, cases exec_waits_for_traced_siblings: the tracer sees status 0, and only then the exec is over; nobody else hears of the sibling.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let sibling = spawn(&leader);
    seize(&tracer, &sibling);
    let mut exec = leader.begin_exec().unwrap();
    exit(&sibling, 0);
    assert_eq!((exec.try_finish(), wakes(&table)), (Ok(false), vec![]));
    assert_eq!(wait4(&init, -1, WNOHANG | WALL), Waited::Nothing);
    assert_eq!(wait4(&tracer, -1, WALL), exited(sibling.tid(), 0));
    assert_eq!(wakes(&table), [leader.tid()]);
    assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!(wait4(&tracer, -1, WALL), NO_CHILD);
}

#[test]
fn b29_an_exec_waits_for_a_traced_sibling_that_was_dead_before_and_for_no_dead_leader() {
    // B29, R-EXEC-02, R-EXEC-12, case exec_with_dead_traced_sibling: the sibling keeps its own status; the leader's zombie gives way without one, and its tracer's wait ends.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let [sibling, heir] = [spawn(&leader), spawn(&leader)];
    let tid = sibling.tid();
    seize(&tracer, &sibling);
    seize(&tracer, &leader);
    exit(&sibling, 6);
    exit(&leader, 7);
    let mut exec = heir.begin_exec().unwrap();
    assert_eq!(exec.try_finish(), Ok(false));
    assert_eq!(wait4(&tracer, -1, WALL), exited(tid, 6));
    assert_eq!(wait4(&tracer, -1, WALL | WNOHANG), Waited::Nothing, "the leader is delayed");
    events(&table);
    assert_eq!(exec.try_finish(), Ok(true));
    assert!(events(&table).contains(&Event::Wake(tracer.tid())));
    assert_eq!(wait4(&tracer, -1, WALL), NO_CHILD);
    assert_eq!((heir.tid(), heir.process().state()), (leader.process().pid(), ProcessState::Live));
}

#[test]
fn a_tracer_that_lets_a_dead_sibling_go_lets_the_exec_go_on() {
    // R-EXEC-12, R-PTRACE-05: by its exit as by its wait.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let [first, second] = [spawn(&leader), spawn(&leader)];
    seize(&tracer, &first);
    seize(&tracer, &second);
    let mut exec = leader.begin_exec().unwrap();
    exit(&first, 0);
    exit(&second, 0);
    assert_eq!((exec.try_finish(), wakes(&table)), (Ok(false), vec![]));
    exit(&tracer, 0);
    assert_eq!((exec.try_finish(), wakes(&table)), (Ok(true), vec![leader.tid()]));
}

#[test]
fn a_fatal_signal_gives_the_exec_up() {
    // R-EXEC-10, R-EXEC-12, R-EXIT-10: EAGAIN; who was asked before is asked again, now with the others; the status is the signal's.
    let (table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    act(leader.process(), SignalAction::Default, &[Signal::SIGTERM]);
    let mut exec = caller.begin_exec().unwrap();
    exit_requests(&table);
    init.kill(leader.tid() as i32, 15).unwrap();
    assert_eq!(exit_requests(&table), [leader.tid(), caller.tid(), other.tid()]);
    assert_eq!(exec.try_finish(), Err(Errno::EAGAIN));
    assert_eq!(exec.try_finish(), Err(Errno::EAGAIN), "for good");
    drop(exec);
    for thread in [&caller, &leader, &other] {
        exit(thread, 0);
    }
    assert_eq!(wakes(&table), [], "nobody is in exec");
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, ExitStatus::killed(Signal::SIGTERM).into()));
}

#[test]
fn an_exec_that_is_dropped_lets_the_rest_live() {
    // R-EXEC-12: as on Linux, who was asked to exit does; who was not is an ordinary thread again.
    let (table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let exec = caller.begin_exec().unwrap();
    assert_eq!(caller.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR));
    assert!(leader.begin_exec().is_err() && leader.exec() == Err(Errno::EAGAIN));
    assert!(!other.process().begin_group_exit(ExitStatus::exited(3)), "R-EXIT-19");
    exit(&other, 0);
    drop(exec);
    exit(&leader, 0);
    assert_eq!(wakes(&table), []);
    let joined = spawn(&caller);
    assert_eq!(pids_of(&caller), [caller.tid(), joined.tid()]);
    assert!(joined.begin_exec().is_ok(), "the claim is free");
}

fn pids_of(thread: &KernelThread) -> Vec<u32> {
    thread.process().threads().unwrap().iter().map(|thread| thread.tid()).collect()
}

#[test]
fn a_thread_that_has_exited_begins_and_finishes_no_exec() {
    // R-EXEC-10: EAGAIN, also if it exits with the claim in its hands; and the claim is free then.
    let (_table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    let mut exec = caller.begin_exec().unwrap();
    exit(&caller, 5);
    assert_eq!(exec.try_finish(), Err(Errno::EAGAIN));
    assert!(caller.begin_exec().is_err());
    assert_eq!(leader.begin_exec().unwrap().try_finish(), Ok(true));
    exit(&leader, 6);
    assert!(leader.begin_exec().is_err());
    assert_eq!(wait4(&init, 2, 0), exited(2, 6));
}

#[test]
fn a_handle_of_a_thread_that_an_exec_ends_tells_of_its_end() {
    // R-PIDFD-03, R-EXEC-05, R-EXEC-12: of another thread at once; of one that takes the leader's number, when it does.
    let (_table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let [of_caller, of_other] = [caller.handle().unwrap(), other.handle().unwrap()];
    let mut exec = caller.begin_exec().unwrap();
    exit(&other, 0);
    assert_eq!((of_other.state(), of_caller.state()), (HandleState::Gone, HandleState::Running));
    exit(&leader, 0);
    assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!(of_caller.state(), HandleState::Gone);
}

#[test]
fn a_stopped_process_executes_all_the_same() {
    // R-EXEC-12: the claim ends a stop that is in progress, and no thread takes part in one until the exec is over.
    let (_table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    leader.begin_stop(Signal::SIGSTOP, leader.process().stop_ticket());
    let mut exec = leader.begin_exec().unwrap();
    assert!(!other.is_group_stop_requested());
    exit(&other, 0);
    assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!(wait4(&init, -1, WNOHANG | WUNTRACED), Waited::Nothing);
}
