//! An exit in steps: who begins it settles the status, tells who is last before anything is given back, and ends when the kernel is done.

use crate::kernel::*;
use axprocess::{
    ARef, ExitStatus, ForkNamespace, ForkRequest, InfoMask, Number, PendingExit, ProcessState,
    RunState, Signal, SignalAction, StopDecision, TerminalFile, TerminalKind, ThreadExit,
    ThreadStop, TraceOptions, TraceStart, TraceStop, TraceStopped, WaitStatus,
};

const EXIT_EVENT: u16 = 6 << 8 | 5;

fn begin(thread: &KernelThread, code: i32) -> PendingExit<Kernel> {
    thread.begin_exit(ExitStatus::exited(code))
}

fn seize(tracer: &KernelThread, tracee: &KernelThread) {
    tracer.attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
}

fn container(parent: &KernelThread) -> KernelThread {
    fork_with(parent, ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() })
        .unwrap()
}

fn stop_for_exit_event(thread: &KernelThread) -> TraceStopped {
    thread.trace_stop(TraceStop::new(EXIT_EVENT).unwrap())
}

#[test]
fn each_step_of_an_exit_shows_what_linux_shows_there() {
    // R-EXIT-14, R-EXIT-20: begun, it is like any other; exiting, it is no zombie, keeps its children, and the parent in vfork sleeps on; then all comes at once.
    let (table, init) = boot();
    let parent = fork(&init);
    let [child, grandchild] = [fork(&parent), fork(&parent)];
    parent.begin_vfork(&child);
    let orphan = fork(&child);
    let mut pending = begin(&child, 3);
    assert_eq!(pending.status(), ExitStatus::exited(3));
    assert_eq!(
        (child.process().state(), child.run_state()),
        (ProcessState::Live, Some(RunState::Live))
    );
    assert!(child.process().is_group_exiting(), "it was the last to begin");
    events(&table);
    assert_eq!(pending.set_exiting(), ThreadExit::Last);
    assert_eq!(pending.set_exiting(), ThreadExit::Gone, "once");
    assert_eq!((child.process().state(), events(&table)), (ProcessState::Exiting, vec![]));
    assert_eq!((orphan.process().ppid(), parent.is_waiting_for_vfork()), (child.tid(), true));
    assert_eq!(wait4(&parent, -1, WNOHANG), Waited::Nothing);
    child.note_mm_release();
    assert_eq!(events(&table), [Event::VforkEnd(parent.tid())]);
    pending.finish();
    assert_eq!(orphan.process().ppid(), 1);
    assert_eq!(wait4(&parent, -1, 0), exited(child.tid(), 3));
    assert_eq!(grandchild.process().ppid(), parent.tid());
}

#[test]
fn the_thread_that_begins_last_gives_the_status() {
    // R-EXIT-05, R-EXIT-20: although it is gone first; a tracer that reaps another of them later gets that too.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let other = spawn(&leader);
    seize(&tracer, &other);
    let slow = begin(&other, 5);
    assert!(!leader.process().is_group_exiting());
    exit(&leader, 7);
    assert!(leader.process().is_group_exiting());
    assert_eq!(leader.process().state(), ProcessState::Live);
    assert_eq!(leader.process().stat(table.namespace()).unwrap().exit_code, 7 << 8);
    assert_eq!(slow.status(), ExitStatus::exited(5));
    slow.finish();
    assert_eq!(wait4(&tracer, -1, WALL), exited(other.tid(), 7));
    assert_eq!(wait4(&init, 2, 0), exited(2, 7));
}

#[test]
fn a_leader_that_is_gone_last_tells_its_own_end_by_signal_and_handle() {
    // R-EXIT-20: wait tells the process's; so do signal and handle if the leader is gone before, whenever it began.
    for leader_is_last in [true, false] {
        let (table, init) = boot();
        let leader = fork(&init);
        let other = spawn(&leader);
        let handle = leader.process().handle().unwrap();
        let of_leader = begin(&leader, 3);
        let of_other = begin(&other, 7);
        match leader_is_last {
            true => drop((of_other, of_leader)),
            false => drop((of_leader, of_other)),
        }
        let told = if leader_is_last { 3 } else { 7 };
        assert_eq!(signals(&table), [Event::Signal(1, 17, 2, WaitStatus::Exited(told))]);
        assert_eq!(wait4(&init, 2, 0), exited(2, 7));
        let info = handle.info(init.process(), InfoMask::EXIT).unwrap();
        assert_eq!(info.exit, Some(ExitStatus::exited(told.into())));
    }
}

#[test]
fn a_dead_traced_thread_tells_how_its_process_ended_once_that_is_decided() {
    // R-PTRACE-06, R-EXIT-20: by the end of the last other thread, as by an exit_group.
    let (_table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let other = spawn(&leader);
    seize(&tracer, &other);
    exit(&other, 5);
    exit(&leader, 7);
    assert_eq!(wait4(&tracer, -1, WALL), exited(other.tid(), 7));
}

#[test]
fn nothing_changes_a_status_that_is_settled() {
    // R-EXIT-20: neither a later exit_group nor SIGKILL; what the process's end is they decide as long as one thread has not begun.
    let (_table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    let first = begin(&other, 5);
    init.kill(leader.tid() as i32, 9).unwrap();
    assert_eq!(first.status(), ExitStatus::exited(5));
    let second = begin(&other, 6);
    assert_eq!(second.status(), ExitStatus::exited(5), "it has begun before");
    let last = begin(&leader, 8);
    assert_eq!(last.status(), ExitStatus::killed(Signal::SIGKILL));
    drop((first, second, last));
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, ExitStatus::killed(Signal::SIGKILL).into()));
}

#[test]
fn a_signal_that_comes_too_late_is_dropped() {
    // R-EXIT-12, R-EXIT-20: with the last thread that begins; nobody is asked to exit, and nothing is posted.
    let (table, init) = boot();
    let leader = fork(&init);
    act(leader.process(), SignalAction::Default, &[Signal::SIGTERM]);
    let pending = begin(&leader, 4);
    events(&table);
    for signal in [9, 15] {
        init.kill(leader.tid() as i32, signal).unwrap();
    }
    assert!(!leader.process().begin_group_exit(ExitStatus::exited(9)));
    assert_eq!((exit_requests(&table), events(&table)), (vec![], vec![]));
    pending.finish();
    assert_eq!(wait4(&init, 2, 0), exited(2, 4));
}

#[test]
fn sigkill_ends_an_exit_event_only_while_the_process_lives_on() {
    // R-EXIT-20, R-PTRACE-07: another thread lives undecided: the stop is over, and the tracer cannot continue it; else it stays.
    let (_table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let other = spawn(&leader);
    seize(&tracer, &other);
    let mut of_other = begin(&other, 5);
    assert_eq!(stop_for_exit_event(&other), TraceStopped::Stopped);
    init.kill(leader.tid() as i32, 9).unwrap();
    assert_eq!(other.run_state(), Some(RunState::Live));
    assert!(tracer.resume_tracee(other.tid().cast_signed()).is_err());
    assert_eq!(of_other.set_exiting(), ThreadExit::OthersRemain);
    of_other.finish();
    assert_eq!(
        wait4(&tracer, -1, WALL),
        Waited::Got(other.tid(), ExitStatus::killed(Signal::SIGKILL).into())
    );

    seize(&tracer, &leader);
    let of_leader = begin(&leader, 0);
    assert_eq!(
        stop_for_exit_event(&leader),
        TraceStopped::Stopped,
        "the one stop of who is killed"
    );
    init.kill(leader.tid() as i32, 9).unwrap();
    assert_eq!(leader.run_state(), Some(RunState::TraceStopped));
    let stop = TraceStop::new(EXIT_EVENT).unwrap();
    assert_eq!(wait4(&tracer, -1, WALL), Waited::Got(leader.tid(), WaitStatus::Trapped(stop)));
    assert!(tracer.resume_tracee(leader.tid().cast_signed()).is_ok());
    of_leader.finish();
    assert_eq!(
        wait4(&tracer, -1, WALL),
        Waited::Got(leader.tid(), ExitStatus::killed(Signal::SIGKILL).into())
    );
}

#[test]
fn who_is_killed_stops_for_its_tracer_no_more() {
    // R-PTRACE-07: by a signal, an exit_group or an exec; whoever has not begun to exit runs on, and exits.
    let (_table, init) = boot();
    let tracer = fork(&init);
    let sigint = TraceStop::from(Signal::SIGINT);
    let killed = fork(&init);
    seize(&tracer, &killed);
    init.kill(killed.tid() as i32, 9).unwrap();
    assert_eq!(killed.trace_stop(sigint), TraceStopped::Killed);
    let leader = fork(&init);
    let sibling = spawn(&leader);
    seize(&tracer, &sibling);
    let exec = leader.begin_exec().unwrap();
    assert_eq!(sibling.trace_stop(sigint), TraceStopped::Killed);
    drop(exec);
    assert_eq!(
        sibling.trace_stop(sigint),
        TraceStopped::Killed,
        "an exec that is given up leaves its SIGKILL"
    );
}

#[test]
fn a_stop_waits_for_who_has_begun_to_exit_and_not_for_who_exits() {
    // R-EXIT-14 a, R-EXIT-16: begun it is one of those that the stop awaits; exiting it counts as stopped.
    let (_table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    let mut pending = begin(&other, 0);
    let ticket = leader.process().stop_ticket();
    assert_eq!(leader.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
    assert_eq!(leader.join_stop(), ThreadStop::OthersRun);
    assert!(!leader.process().is_stopped());
    assert_eq!(pending.set_exiting(), ThreadExit::OthersRemain);
    assert!(leader.process().is_stopped());
    pending.finish();
    assert_eq!(wait4(&init, 2, WUNTRACED), Waited::Got(2, WaitStatus::Stopped(Signal::SIGSTOP)));
}

#[test]
fn an_exit_that_is_dropped_is_finished() {
    // R-EXIT-20: from each step.
    let (_table, init) = boot();
    for has_second_step in [false, true] {
        let child = fork(&init);
        let mut pending = begin(&child, 6);
        if has_second_step {
            assert_eq!(pending.set_exiting(), ThreadExit::Last);
        }
        drop(pending);
        assert_eq!(wait4(&init, -1, 0), exited(child.tid(), 6));
    }
}

#[test]
fn whom_an_exec_takes_out_amid_its_exit_has_nothing_left_to_do() {
    // R-EXEC-01: the token finishes nothing that is another's by now.
    let (table, init) = boot();
    let leader = fork(&init);
    let others = [spawn(&leader), spawn(&leader)];
    let mut exits = [begin(&others[0], 1), begin(&others[1], 2)];
    assert_eq!(exits[0].set_exiting(), ThreadExit::OthersRemain);
    leader.exec().unwrap();
    assert_eq!(exits[1].set_exiting(), ThreadExit::Gone);
    drop(exits);
    assert_eq!(
        (leader.process().state(), table.find_thread(3).is_none()),
        (ProcessState::Live, true)
    );
    exit(&leader, 4);
    assert_eq!(wait4(&init, 2, 0), exited(2, 4));
}

#[test]
fn exit_thread_does_what_is_left_of_an_exit() {
    // R-EXIT-20: with the status that is settled; the token finds nothing to do.
    let (_table, init) = boot();
    for has_second_step in [false, true] {
        let child = fork(&init);
        let mut pending = begin(&child, 6);
        let expected = match has_second_step {
            true => {
                assert_eq!(pending.set_exiting(), ThreadExit::Last);
                ThreadExit::Gone
            }
            false => ThreadExit::Last,
        };
        assert_eq!(child.exit_thread(ExitStatus::exited(9)), expected);
        assert_eq!(child.process().state(), ProcessState::Zombie);
        drop(pending);
        assert_eq!(wait4(&init, -1, 0), exited(child.tid(), 6));
    }
}

#[test]
fn a_session_keeps_its_terminal_until_its_leaders_exit_is_finished() {
    // R-EXIT-14 c, d: files are closed before; a thread of the leader's that is done earlier does not take it away.
    let (table, init) = boot();
    let leader = fork(&init);
    leader.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 7, ()).unwrap();
    leader.process().open_terminal(&terminal, TerminalFile::Readable);
    let other = spawn(&leader);
    let member = fork(&leader);
    let mut of_other = begin(&other, 0);
    let mut of_leader = begin(&leader, 0);
    assert_eq!(of_other.set_exiting(), ThreadExit::OthersRemain);
    assert_eq!(of_leader.set_exiting(), ThreadExit::Last);
    of_other.finish();
    assert!(ARef::ptr_eq(&member.process().controlling_terminal().unwrap(), &terminal));
    of_leader.finish();
    assert!(member.process().controlling_terminal().is_none());
}

#[test]
fn a_namespace_closes_when_its_inits_exit_is_finished() {
    // R-EXIT-15, R-NS-20, R-NS-22: until then its other processes fork, also while its last thread gives its files back.
    let (_table, init) = boot();
    let inner = container(&init);
    let other = fork(&inner);
    let mut pending = begin(&inner, 0);
    assert_eq!(pending.set_exiting(), ThreadExit::Last);
    let late = fork(&other);
    assert_eq!(late.process().ppid(), other.tid());
    exit(&other, 0);
    assert_eq!(late.process().ppid(), 1, "an orphan goes to the init that exits");
    pending.finish();
    assert!(late.process().is_group_exiting(), "it is killed with the namespace");
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    exit(&late, 0);
    assert_eq!(wait4(&init, -1, 0), exited(2, 0));
}

#[test]
fn a_thread_of_an_exiting_init_that_is_done_first_ends_the_namespace() {
    // R-EXIT-15: its leader hands over its children when no thread lives, although another was the last to live.
    let (_table, init) = boot();
    let inner = container(&init);
    let child = fork(&inner);
    let second = spawn(&inner);
    let mut of_leader = begin(&inner, 0);
    let mut of_second = begin(&second, 0);
    assert_eq!(of_leader.set_exiting(), ThreadExit::OthersRemain);
    assert_eq!(of_second.set_exiting(), ThreadExit::Last);
    of_leader.finish();
    assert!(child.process().is_group_exiting());
    exit(&child, 0);
    assert_eq!(inner.process().state(), ProcessState::Exiting);
    of_second.finish();
    assert_eq!(wait4(&init, -1, 0), exited(2, 0));
}

#[test]
fn the_last_thread_of_an_init_goes_on_when_its_kernel_lets_it() {
    // R-NS-29: it is woken once, by whoever is the last of the others, and has not ended before it has run.
    let (table, init) = boot();
    let inner = container(&init);
    let others = [fork(&inner), fork(&inner)];
    let mut pending = begin(&inner, 4);
    assert!(!pending.try_finish());
    events(&table);
    let wakes = |table: &_| {
        let events = events(table).into_iter();
        events.filter(|it| matches!(it, Event::ExitWake(_))).collect::<Vec<_>>()
    };
    exit(&others[0], 0);
    assert!(!pending.try_finish() && wakes(&table).is_empty(), "one is left");
    exit(&others[1], 0);
    assert_eq!(wakes(&table), [Event::ExitWake(1)]);
    assert_eq!(inner.run_state(), Some(RunState::Live));
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    assert!(pending.try_finish());
    assert_eq!(wait4(&init, -1, 0), exited(2, 4));
    assert!(pending.try_finish(), "it is done");
}

#[test]
fn who_gives_up_to_ask_again_has_the_last_of_the_others_finish_its_exit() {
    // R-NS-29: a pending exit that is dropped, before the others are gone or behind that.
    for is_dropped_before in [true, false] {
        let (_table, init) = boot();
        let inner = container(&init);
        let other = fork(&inner);
        let mut pending = begin(&inner, 4);
        assert!(!pending.try_finish());
        if is_dropped_before {
            pending.finish();
            exit(&other, 0);
        } else {
            exit(&other, 0);
            pending.finish();
        }
        assert_eq!(wait4(&init, -1, 0), exited(2, 4));
    }
}

#[test]
fn init_in_steps_stays_in_the_table() {
    // R-EXIT-18: its last thread is told, and orphans still come to it.
    let (_table, init) = boot();
    let child = fork(&init);
    let orphan = fork(&child);
    let mut pending = begin(&init, 0);
    assert_eq!(pending.set_exiting(), ThreadExit::LastOfInit);
    pending.finish();
    exit(&child, 0);
    assert_eq!(orphan.process().ppid(), 1);
}

#[test]
fn a_thread_that_joins_between_two_ends_counts() {
    // R-EXIT-20: all have begun only when the new one has too.
    let (_table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    let first = begin(&other, 1);
    let newcomer = leader.spawn_thread(Number::Next, ()).unwrap();
    let second = begin(&leader, 2);
    assert!(!leader.process().is_group_exiting());
    let third = begin(&newcomer, 3);
    assert!(leader.process().is_group_exiting());
    drop((third, second, first));
    assert_eq!(wait4(&init, 2, 0), exited(2, 3));
}
