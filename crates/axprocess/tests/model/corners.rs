//! Corners of the rules where several of them meet, each found by a comparison: with the second model, or with Linux.

use crate::kernel::*;
use axprocess::{
    Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Number, ProcessState, Signal,
    SignalCause, StopSignal, TerminalFile, TerminalKind, TerminalSide, WaitStatus,
};

const NEW: ForkRequest<'_> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Caller,
    namespace: ForkNamespace::New,
};

#[test]
fn a_parent_whose_exit_is_decided_hears_of_no_child() {
    // R-EXIT-12, R-NOTIFY-01, R-NOTIFY-11: signals of children are discarded like all others.
    let (table, init) = boot();
    let parent = fork(&init);
    let [ending, stopping] = [fork(&parent), fork(&parent)];
    parent.process().begin_group_exit(ExitStatus::exited(0));
    exit(&ending, 1);
    stopping.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(signals(&table), []);
}

#[test]
fn an_exit_signal_that_continues_ends_the_stop_of_the_parent() {
    // R-STOP-02, R-NOTIFY-01: SIGCONT resumes when it is sent, whoever sends it.
    let (_table, init) = boot();
    let parent = fork(&init);
    let request = ForkRequest { exit_signal: Signal::SIGCONT.into(), ..ForkRequest::default() };
    let child = fork_with(&parent, request).unwrap();
    parent.begin_stop(Signal::SIGSTOP, parent.process().stop_ticket());
    parent.join_stop();
    assert!(parent.process().is_stopped());
    exit(&child, 0);
    assert!(!parent.process().is_stopped());
    let any = wait4(&init, -1, WUNTRACED | WCONTINUED);
    assert_eq!(any, Waited::Got(2, WaitStatus::Continued));
}

#[test]
fn a_fork_into_an_ended_namespace_fails_at_last_and_uses_numbers_up() {
    // R-CLONE-18, R-PID-11, R-PID-07: seen on Linux 6.18; wrong and taken numbers are found before, from the inside outward.
    let (_table, init) = boot();
    init.unshare_pid().unwrap();
    exit(&fork(&init), 0);
    wait4(&init, -1, 0);
    let with = |pids: &[u32]| {
        let request = ForkRequest { number: Number::Each(pids), ..ForkRequest::default() };
        fork_with(&init, request).map(|child| child.tid())
    };
    assert_eq!(with(&[5, 6, 7]), Err(Errno::EINVAL));
    assert_eq!(with(&[0]), Err(Errno::EINVAL));
    assert_eq!(with(&[5, 1]), Err(Errno::EEXIST));
    assert_eq!(with(&[5]), Err(Errno::ENOMEM));
    assert_eq!(with(&[]), Err(Errno::ENOMEM));
    init.set_namespace_for_children(&init.process().namespace()).unwrap();
    assert_eq!(fork(&init).tid(), 5, "2 was the init, 3 and 4 were used up");
}

#[test]
fn a_number_that_is_taken_inside_is_found_before_a_wrong_one_outside() {
    // R-PID-10, R-PID-11: seen on Linux 6.18.
    let (_table, init) = boot();
    let inner = fork_with(&init, NEW).unwrap();
    let request = ForkRequest { number: Number::Each(&[1, 0]), ..ForkRequest::default() };
    assert_eq!(fork_with(&inner, request).err(), Some(Errno::EEXIST));
}

#[test]
fn a_group_with_a_member_outside_holds_up_the_end_of_a_namespace() {
    // R-NS-20: seen on Linux 6.18; the number of the group is one of the namespace's, though nobody inside is left.
    for leaves_by in ["setpgid", "the reap"] {
        let (_table, init) = boot();
        let outsider = fork(&init);
        let inner_init = fork_with(&init, NEW).unwrap();
        let founder = fork(&inner_init);
        founder.process().setpgid(0, 0).unwrap();
        let group = founder.process().group().pgid_in(&init.process().namespace());
        outsider.process().setpgid(0, group.cast_signed()).unwrap();
        exit(&founder, 0);
        wait4(&inner_init, -1, 0);
        exit(&inner_init, 0);
        assert_eq!(inner_init.process().state(), ProcessState::Exiting);
        match leaves_by {
            "setpgid" => outsider.process().setpgid(0, 0).unwrap(),
            _ => {
                exit(&outsider, 0);
                wait4(&init, 2, 0);
            }
        }
        assert_eq!(inner_init.process().state(), ProcessState::Zombie, "{leaves_by}");
    }
}

#[test]
fn the_last_thread_of_a_namespaces_init_leaves_no_child_behind() {
    // R-EXIT-15, R-REPARENT-08: its children stay where they are until they are killed: nobody tells them of a dead parent.
    let (table, init) = boot();
    let inner_init = fork_with(&init, NEW).unwrap();
    let other = spawn(&inner_init);
    let child = fork(&other);
    child.set_parent_death_signal(Some(Signal::SIGHUP));
    events(&table);
    exit(&inner_init, 0);
    exit(&other, 0);
    let told = posted(&table);
    assert!(matches!(told[..], [Event::Posted(_, 9, SignalCause::Kernel)]), "{told:?}");
}

#[test]
fn whose_exit_is_decided_is_not_killed_again_with_the_namespace() {
    // R-EXIT-12, R-NS-20.
    let (table, init) = boot();
    let inner_init = fork_with(&init, NEW).unwrap();
    let child = fork(&inner_init);
    child.process().begin_group_exit(ExitStatus::exited(0));
    exit(&inner_init, 0);
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn numbers_that_need_memory_on_two_levels_are_given() {
    // R-PID-01, R-PID-10: memory for the inner number does not use up what was allocated for the outer one, and none is skipped.
    let (_table, init) = boot();
    let inner = fork_with(&init, NEW).unwrap();
    let request = ForkRequest { number: Number::Each(&[70_000, 80_000]), ..ForkRequest::default() };
    assert_eq!(fork_with(&inner, request).unwrap().tid(), 70_000);
    (2..63).for_each(|_| _ = fork(&init));
    let new = fork_with(&init, NEW).unwrap();
    let outside = new.process().pid_in(&init.process().namespace());
    assert_eq!((new.tid(), outside), (1, 64));
    assert_eq!(fork(&new).tid(), 2);
}

#[test]
fn an_ended_foreground_is_shown_inside_a_namespace_too() {
    // R-TTY-04, R-TTY-15: its number on each level is what it was.
    let (table, init) = boot();
    fork(&init);
    let leader = fork_with(&init, NEW).unwrap();
    leader.process().setsid().unwrap();
    let tty = table.new_terminal(TerminalKind::PseudoTerminal, 1, ()).unwrap();
    leader.process().open_terminal(&tty, TerminalFile::Readable);
    let job = fork(&leader);
    job.process().setpgid(0, 0).unwrap();
    leader.process().tcsetpgrp(&tty, Ok(2), StopSignal::Effective).unwrap();
    exit(&job, 0);
    wait4(&leader, -1, 0);
    assert_eq!(leader.process().tcgetpgrp(&tty, TerminalSide::Slave), Ok(2));
    assert_eq!(leader.process().foreground_pgid(), Some(2));
    assert_eq!(init.process().tcgetpgrp(&tty, TerminalSide::Master), Ok(4));
    assert!(tty.foreground_group().is_none());
}
