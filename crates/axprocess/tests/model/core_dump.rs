//! A core dump as a phase: decided, the others parked, cut by SIGKILL alone, and then over for all.

use crate::kernel::*;
use axprocess::{
    Errno, ExitStatus, PendingCoreDump, ProcessState, RunState, Signal, SignalAction, ThreadExit,
    TraceOptions, TraceStart, TraceStop, TraceStopped,
};

fn dump(thread: &KernelThread) -> PendingCoreDump<Kernel> {
    thread.begin_core_dump(Signal::SIGSEGV).unwrap()
}

fn wakes(table: &Table) -> usize {
    let is_wake = |event: &Event| matches!(event, Event::CoreDumpWake(_));
    events(table).iter().filter(|event| is_wake(event)).count()
}

const KILLED: ExitStatus = ExitStatus::killed(Signal::SIGKILL);
const DUMPED: ExitStatus = ExitStatus::dumped(Signal::SIGSEGV);

#[test]
fn a_core_is_dumped_when_all_others_are_parked() {
    // R-EXIT-21: they are asked, and not the one that dumps; it is woken once, by the last; they go on when it is over, each told so; the status has the core bit.
    let (table, init) = boot();
    let leader = fork(&init);
    let others = [spawn(&leader), spawn(&leader)];
    let pending = dump(&others[0]);
    assert_eq!(exit_requests(&table), [leader.tid(), others[1].tid()]);
    let first = leader.begin_exit(ExitStatus::exited(0));
    assert_eq!((pending.is_ready(), wakes(&table)), (false, 0));
    let second = others[1].begin_exit(ExitStatus::exited(0));
    assert_eq!((pending.is_ready(), wakes(&table)), (true, 1));
    assert!(first.is_parked() && second.is_parked());
    assert_eq!(exit_requests(&table), []);
    assert_eq!(pending.finish(true), DUMPED);
    assert_eq!(exit_requests(&table), [leader.tid(), others[1].tid()]);
    assert!(!first.is_parked() && !second.is_parked());
    drop((first, second));
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing, "the one that has dumped is left");
    assert_eq!(others[0].exit_thread(ExitStatus::exited(1)), ThreadExit::Last);
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, DUMPED.into()));
}

#[test]
fn amid_a_dump_the_process_is_alive_to_whoever_asks() {
    // R-EXIT-21, R-PROC-01, R-PIDFD-02: no zombie, nothing to wait for, a silent handle; the parked thread is idle; the status word is the signal's without the core bit.
    let (table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    let handle = leader.process().handle().unwrap();
    assert!(!leader.process().is_dumping_core());
    let pending = dump(&leader);
    let parked = other.begin_exit(ExitStatus::exited(0));
    assert!(leader.process().is_dumping_core());
    assert_eq!(leader.process().state(), ProcessState::Live);
    assert_eq!(
        (other.run_state(), leader.run_state()),
        (Some(RunState::Parked), Some(RunState::Live))
    );
    assert_eq!(RunState::Parked.letter(), Some('I'));
    let stat = leader.process().stat(table.namespace()).unwrap();
    assert_eq!((stat.exit_code, stat.threads), (11, 2));
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    assert_eq!(handle.state(), axprocess::HandleState::Running);
    pending.finish(true);
    drop(parked);
    exit(&leader, 0);
    assert!(!leader.process().is_dumping_core());
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, DUMPED.into()));
}

#[test]
fn sigkill_cuts_a_dump_and_every_other_signal_is_dropped() {
    // R-EXIT-12, R-EXIT-21: to the process, or to a parked thread; all are told; the status is SIGKILL's, whatever was written; what the parked end with stays.
    for to_thread in [false, true] {
        let (table, init) = boot();
        let leader = fork(&init);
        act(leader.process(), SignalAction::Default, &[Signal::SIGTERM]);
        let other = spawn(&leader);
        let pending = dump(&leader);
        let parked = other.begin_exit(ExitStatus::exited(0));
        exit_requests(&table);
        events(&table);
        init.kill(leader.tid() as i32, 15).unwrap();
        assert_eq!((pending.is_cut(), events(&table)), (false, vec![]));
        match to_thread {
            true => init.tgkill(leader.tid() as i32, other.tid() as i32, 9).unwrap(),
            false => init.kill(leader.tid() as i32, 9).unwrap(),
        }
        assert!(pending.is_cut() && parked.is_parked());
        assert_eq!(exit_requests(&table), [leader.tid(), other.tid()]);
        assert_eq!(parked.status(), ExitStatus::killed(Signal::SIGSEGV));
        assert_eq!(pending.finish(true), KILLED);
        init.kill(leader.tid() as i32, 9).unwrap();
        assert_eq!(exit_requests(&table), [other.tid()], "that the dump is over, and no more");
        drop(parked);
        exit(&leader, 0);
        assert_eq!(wait4(&init, 2, 0), Waited::Got(2, KILLED.into()));
    }
}

#[test]
fn a_dump_ends_with_the_exit_of_who_dumps() {
    // R-EXIT-21: nobody is parked for ever by a dump whose end has been forgotten; there is no core.
    for in_steps in [false, true] {
        let (table, init) = boot();
        let leader = fork(&init);
        let other = spawn(&leader);
        let forgotten = dump(&leader);
        let parked = other.begin_exit(ExitStatus::exited(0));
        assert!(parked.is_parked());
        exit_requests(&table);
        match in_steps {
            true => drop(leader.begin_exit(ExitStatus::exited(0))),
            false => exit(&leader, 0),
        }
        assert_eq!(exit_requests(&table), [other.tid()]);
        assert!(!parked.is_parked() && !leader.process().is_dumping_core());
        drop(parked);
        let killed = ExitStatus::killed(Signal::SIGSEGV);
        assert_eq!(forgotten.finish(true), killed, "it comes too late");
        assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed.into()));
    }
}

#[test]
fn nothing_is_dumped_where_the_end_is_decided() {
    // R-EXIT-11, R-EXIT-21: EAGAIN after a group exit, in another's exec, amid another's dump, and of who has begun to exit.
    let (_table, init) = boot();
    let begin = |thread: &KernelThread| thread.begin_core_dump(Signal::SIGABRT).map(drop);
    let leader = fork(&init);
    let other = spawn(&leader);
    let exec = leader.begin_exec().unwrap();
    assert_eq!(begin(&other), Err(Errno::EAGAIN));
    drop(exec);
    let begun = other.begin_exit(ExitStatus::exited(0));
    assert_eq!(begin(&other), Err(Errno::EAGAIN));
    let first = dump(&leader);
    assert!(!begun.is_parked(), "it has begun before");
    assert!(first.is_ready());
    assert_eq!(begin(&leader), Err(Errno::EAGAIN));
    assert!(leader.process().is_dumping_core(), "who is refused ends no other's");
    assert!(leader.begin_exec().is_err());
    assert!(leader.spawn_thread(axprocess::Number::Next, ()).is_err());
    drop(first);
    assert_eq!(leader.process().exit_status(), ExitStatus::killed(Signal::SIGSEGV), "no core");
    assert_eq!(begin(&leader), Err(Errno::EAGAIN));
    drop(begun);
    exit(&leader, 0);
    assert_eq!(begin(&leader), Err(Errno::EAGAIN));
}

#[test]
fn a_thread_in_the_stop_of_its_exit_event_sleeps_on() {
    // R-EXIT-21: a dump asks nothing of who has begun to exit, while a group exit ends that stop; a SIGKILL amid the dump does too.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let other = spawn(&leader);
    tracer.attach(other.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let begun = other.begin_exit(ExitStatus::exited(0));
    let event = TraceStop::new(6 << 8 | 5).unwrap();
    assert_eq!(other.trace_stop(event), TraceStopped::Stopped);
    let pending = dump(&leader);
    assert!(pending.is_ready());
    assert_eq!((exit_requests(&table), other.run_state()), (vec![], Some(RunState::TraceStopped)));
    init.kill(leader.tid() as i32, 9).unwrap();
    assert_eq!(other.run_state(), Some(RunState::Live));
    drop((pending, begun));
    exit(&leader, 0);
    assert_eq!(wait4(&tracer, -1, WALL), Waited::Got(other.tid(), KILLED.into()));
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, KILLED.into()));
}

#[test]
fn a_thread_that_exits_in_one_call_parks_nowhere() {
    // R-EXIT-21: a kernel that does not park its threads dumps what is left when the others are gone.
    let (table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    let pending = dump(&other);
    exit(&leader, 0);
    assert_eq!((pending.is_ready(), wakes(&table)), (true, 1));
    drop(pending);
    exit(&other, 0);
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, ExitStatus::killed(Signal::SIGSEGV).into()));
}

#[test]
fn the_end_of_a_namespace_cuts_the_dumps_in_it() {
    // R-NS-20, R-EXIT-21: as any SIGKILL.
    let (_table, init) = boot();
    let request = axprocess::ForkRequest {
        namespace: axprocess::ForkNamespace::New,
        ..axprocess::ForkRequest::default()
    };
    let inner = fork_with(&init, request).unwrap();
    let child = fork(&inner);
    let pending = dump(&child);
    exit(&inner, 0);
    assert!(pending.is_cut());
    drop(pending);
    exit(&child, 0);
    assert_eq!(wait4(&init, -1, 0), exited(2, 0));
}

#[test]
fn a_dump_in_a_process_of_many_threads_parks_and_frees_them_in_bounded_holds() {
    // R-EXIT-21: at most 64 threads in a hold; each is asked once, and freed once.
    let (table, init) = boot();
    let leader = fork(&init);
    let others: Vec<_> = (0..200).map(|_| spawn(&leader)).collect();
    let tids: Vec<_> = others.iter().map(|it| it.tid()).collect();
    let pending = dump(&leader);
    assert_eq!(exit_requests(&table), tids);
    let parked: Vec<_> = others.iter().map(|it| it.begin_exit(ExitStatus::exited(0))).collect();
    assert_eq!(wakes(&table), 1);
    pending.finish(false);
    assert_eq!(exit_requests(&table), tids);
    assert!(parked.iter().all(|it| !it.is_parked()));
}
