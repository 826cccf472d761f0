//! exec in a process of several threads.

use crate::kernel::*;
use axprocess::{
    ARef, Errno, ExitSignal, ExitStatus, ForkParent, ForkRequest, ProcessState, Signal,
    TerminalFile, TerminalKind, ThreadExit, TraceOptions, TraceStart, WaitStatus,
};

#[test]
fn a_thread_takes_over_the_whole_process() {
    // R-EXEC-01, R-EXEC-03, T1, T2: the others vanish unheard, the number is the leader's, the old one is free, the exit signal SIGCHLD.
    let (table, init) = boot();
    let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let leader = fork_with(&init, usr1).unwrap();
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    caller.exec().unwrap();
    assert_eq!((caller.tid(), caller.process().pid()), (2, 2));
    assert_eq!(leader.process().threads().unwrap().len(), 1);
    assert_eq!(table.find_thread(2).unwrap().tid(), 2);
    assert!(table.find_thread(3).is_none() && table.find_thread(4).is_none());
    assert_eq!(events(&table), [], "nobody is told");
    for gone in [&leader, &other] {
        assert_eq!(gone.exit_thread(ExitStatus::exited(9)), ThreadExit::Gone);
    }
    assert_eq!(caller.exit_thread(ExitStatus::exited(1)), ThreadExit::Last);
    assert_eq!(wait4(&init, 2, 0), exited(2, 1));
}

#[test]
fn exec_brings_a_process_with_a_dead_leader_back() {
    // R-EXEC-02, B29: the leader has exited before; afterwards there is a leader, and the process forks and exits as usual.
    let (table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    exit(&leader, 4);
    assert!(table.find_thread(2).is_none());
    caller.exec().unwrap();
    assert_eq!(table.find_thread(2).map(|thread| thread.tid()), Some(2));
    let child = fork(&caller);
    assert_eq!(child.process().ppid(), 2);
    exit(&caller, 5);
    assert_eq!(wait4(&init, 2, 0), exited(2, 5));
}

#[test]
fn the_children_of_all_threads_become_the_callers() {
    // R-EXEC-04: its own first, with their exit signals; zombies stay waitable.
    let (_table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let of_leader = fork(&leader);
    let silent = ForkRequest { exit_signal: ExitSignal::NONE, ..Default::default() };
    let of_other = fork_with(&other, silent).unwrap();
    let of_caller = fork(&caller);
    exit(&of_leader, 1);
    caller.exec().unwrap();
    let children = pids(&caller.process().children().unwrap());
    assert_eq!(children, [of_caller.tid(), of_leader.tid(), of_other.tid()]);
    assert_eq!(wait4(&caller, -1, WNOTHREAD), exited(of_leader.tid(), 1));
    exit(&of_other, 2);
    assert_eq!(wait4(&caller, -1, WNOTHREAD | WCLONE), exited(of_other.tid(), 2));
    assert_eq!(of_caller.process().ppid(), 2);
}

#[test]
fn exec_loses_to_a_group_exit() {
    // R-EXEC-10, B44: EAGAIN, and nothing has changed.
    let (_table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    leader.process().begin_group_exit(ExitStatus::exited(0));
    assert_eq!(caller.exec(), Err(Errno::EAGAIN));
    assert_eq!(leader.process().threads().unwrap().len(), 2);
    exit(&caller, 0);
    assert_eq!(caller.exec(), Err(Errno::EAGAIN));
}

#[test]
fn b31_a_program_gets_no_exit_signal_that_another_asked_for() {
    // B31, R-NOTIFY-06, R-EXEC-08: once the parent has exec'd, SIGCHLD; but plain wait still does not find the child.
    for exit_signal in [None, Some(Signal::SIGUSR1)] {
        let (table, init) = boot();
        let parent = fork(&init);
        let child = fork_with(
            &parent,
            ForkRequest { exit_signal: exit_signal.into(), ..Default::default() },
        )
        .unwrap();
        parent.exec().unwrap();
        exit(&child, 3);
        assert_eq!(signals(&table), [Event::Signal(2, 17, 3, WaitStatus::Exited(3))]);
        assert_eq!(wait4(&parent, -1, 0), NO_CHILD);
        assert_eq!(wait4(&parent, -1, WALL), exited(3, 3));
    }
}

#[test]
fn a_tracer_that_was_forked_by_the_parents_program_gets_the_exit_signal_too() {
    // R-NOTIFY-06, R-PTRACE-08: a child counts on from its parent's execs, so the tracer of a leader that died first is the program that asked for the signal.
    let (table, init) = boot();
    init.exec().unwrap();
    let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let child = fork_with(&init, usr1).unwrap();
    let (other, tracer) = (spawn(&child), fork(&init));
    tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&child, 0);
    signals(&table);
    exit(&other, 3);
    let (to, of) = (tracer.tid(), child.tid());
    assert_eq!(signals(&table), [Event::Signal(to, 10, of, WaitStatus::Exited(3))]);
}

#[test]
fn b31_a_child_of_the_present_program_keeps_its_exit_signal() {
    // B31, R-FORK-11: what counts is an exec since the fork, of the parent alone.
    let (table, init) = boot();
    let parent = fork(&init);
    parent.exec().unwrap();
    let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let child = fork_with(&parent, usr1).unwrap();
    init.exec().unwrap();
    exit(&child, 0);
    assert_eq!(signals(&table), [Event::Signal(2, 10, 3, WaitStatus::Exited(0))]);
}

#[test]
fn b31_such_a_child_vanishes_if_sigchld_is_ignored() {
    // B31, R-NOTIFY-06: the signal that is used decides about the auto-reap, too.
    let (table, init) = boot();
    let parent = fork(&init);
    let silent = ForkRequest { exit_signal: ExitSignal::NONE, ..Default::default() };
    let child = fork_with(&parent, silent).unwrap();
    treat_sigchld(parent.process(), ChildSignalAction::IGNORE);
    parent.exec().unwrap();
    exit(&child, 0);
    assert_eq!(child.process().state(), ProcessState::Reaped);
    assert_eq!(signals(&table), []);
}

#[test]
fn b31_a_sibling_counts_the_execs_of_its_own_parent() {
    // B31, R-FORK-11: CLONE_PARENT takes over what the caller knows of the common parent, not the caller's own execs.
    for parent_execs in [0, 1] {
        let (table, init) = boot();
        let parent = fork(&init);
        let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
        let caller = fork_with(&parent, usr1).unwrap();
        let sibling = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
        (0..parent_execs).for_each(|_| parent.exec().unwrap());
        let child = fork_with(&caller, sibling).unwrap();
        exit(&child, 0);
        let signal = [10, 17][parent_execs];
        assert_eq!(signals(&table), [Event::Signal(2, signal, 4, WaitStatus::Exited(0))]);
        assert_eq!(wait4(&parent, 4, WCLONE), exited(4, 0));
    }
}

#[test]
fn exec_is_no_exit_of_the_threads_that_vanish() {
    // R-EXIT-17, R-EXEC-05: the process is never a zombie, keeps its object and number; the old tid of the caller is nobody's.
    let (table, init) = boot();
    let leader = fork(&init);
    let [caller, _other] = [spawn(&leader), spawn(&leader)];
    let process = table.find_process(2).unwrap();
    caller.exec().unwrap();
    assert!(ARef::ptr_eq(&process, &table.find_process(2).unwrap()));
    assert_eq!(process.state(), ProcessState::Live);
    assert_eq!(waitid(&init, 0, 0, WEXITED | WSTOPPED | WCONTINUED | WNOHANG), Waited::Nothing);
    assert_eq!(init.tkill(3, 0), Err(Errno::ESRCH));
    assert_eq!(init.tgkill(2, 2, 0), Ok(()));
}

#[test]
fn a_parent_cannot_move_a_child_that_has_execd() {
    // R-EXEC-06, R-FORK-09: EACCES; the child itself can, and its own children can be moved although it has.
    let (_table, init) = boot();
    let child = fork(&init);
    child.exec().unwrap();
    assert_eq!(init.process().setpgid(2, 2), Err(Errno::EACCES));
    assert_eq!(child.process().setpgid(0, 0), Ok(()));
    let grandchild = fork(&child);
    assert_eq!(child.process().setpgid(grandchild.tid() as i32, 0), Ok(()));
}

#[test]
fn exec_keeps_what_belongs_to_the_process() {
    // R-EXEC-11, R-EXEC-07, R-TTY-14: subreaper, group, session, terminal, parent-death signal, where children live; SIGCHLD stays ignored.
    let (table, init) = boot();
    let leader = fork(&init);
    let process = leader.process();
    process.setsid().unwrap();
    process.become_subreaper();
    let terminal = table.new_terminal(TerminalKind::Other, 7, ()).unwrap();
    process.open_terminal(&terminal, TerminalFile::Readable);
    treat_sigchld(process, ChildSignalAction::IGNORE);
    let caller = spawn(&leader);
    caller.set_parent_death_signal(Some(Signal::SIGUSR1));
    caller.unshare_pid().unwrap();
    caller.exec().unwrap();
    assert!(process.is_subreaper());
    assert_eq!((process.pgid(), process.sid()), (2, 2));
    assert!(process.controlling_terminal().is_some_and(|own| ARef::ptr_eq(&own, &terminal)));
    assert_eq!(caller.parent_death_signal(), Some(Signal::SIGUSR1));
    let child = fork(&caller);
    assert_eq!(child.process().namespace().level(), 1);
    exit(&child, 0);
    assert_eq!(child.process().state(), ProcessState::Reaped);
}

#[test]
fn children_pass_through_the_threads_that_die_later() {
    // R-EXEC-04, R-REPARENT-02: threads die from the one behind the caller on; each one's children go to the first thread that is left.
    let (table, init) = boot();
    let leader = fork(&init);
    let [second, caller, last] = [spawn(&leader), spawn(&leader), spawn(&leader)];
    let [of_last, of_leader, of_second, of_caller] =
        [fork(&last), fork(&leader), fork(&second), fork(&caller)];
    of_last.set_parent_death_signal(Some(Signal::SIGUSR1));
    caller.exec().unwrap();
    let children = pids(&caller.process().children().unwrap());
    assert_eq!(children, [&of_caller, &of_second, &of_leader, &of_last].map(|it| it.tid()));
    assert_eq!(posted(&table).len(), 3, "of the leader, of the second thread, of the caller");
}

#[test]
fn exec_lets_go_of_more_tracees_than_one_hold_takes() {
    // R-EXEC-01, R-PTRACE-05: what the threads that vanish have traced runs on without a tracer, however many they are.
    let (_table, init) = boot();
    let tracer = fork(&init);
    let caller = spawn(&tracer);
    let tracees: Vec<_> = (0..200).map(|_| fork(&init)).collect();
    for tracee in &tracees {
        tracer
            .attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
    }
    caller.exec().unwrap();
    assert_eq!(caller.tid(), caller.process().pid());
    assert!(tracees.iter().all(|tracee| tracee.tracer().is_none()));
}
