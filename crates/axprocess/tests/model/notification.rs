//! What the parent is told of a child's end, and when its disposition counts.

use crate::kernel::*;
use axprocess::{ExitStatus, ForkRequest, ProcessState, Signal, WaitStatus};

#[test]
fn the_exit_signal_says_who_and_how() {
    // R-NOTIFY-01, R-NOTIFY-02: the same for every exit signal: exited with the low byte, killed, dumped; none sends nothing, and wakes.
    let (table, init) = boot();
    let ends = [
        (ExitStatus::exited(0x1ff), WaitStatus::Exited(0xff)),
        (
            ExitStatus::killed(Signal::SIGKILL),
            WaitStatus::Signaled { signal: Signal::SIGKILL, core_dumped: false },
        ),
        (
            ExitStatus::dumped(Signal::SIGSEGV),
            WaitStatus::Signaled { signal: Signal::SIGSEGV, core_dumped: true },
        ),
    ];
    for exit_signal in [Signal::SIGCHLD, Signal::SIGUSR1, Signal::SIGTERM] {
        for (end, status) in ends {
            let request = ForkRequest { exit_signal: exit_signal.into(), ..Default::default() };
            let child = fork_with(&init, request).unwrap();
            child.exit_thread(end);
            let told = Event::Signal(1, exit_signal.number(), child.tid(), status);
            assert_eq!(events(&table), [told, Event::Wake(1)]);
        }
    }
    let silent = ForkRequest { exit_signal: axprocess::ExitSignal::NONE, ..Default::default() };
    exit(&fork_with(&init, silent).unwrap(), 0);
    assert_eq!(events(&table), [Event::Wake(1)]);
}

#[test]
fn the_disposition_counts_at_the_death() {
    // R-NOTIFY-07: to ignore SIGCHLD later reaps no zombie, and to stop ignoring it brings none back.
    let (table, init) = boot();
    let [before, after] = [fork(&init), fork(&init)];
    exit(&before, 1);
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    assert_eq!(before.process().state(), ProcessState::Zombie);
    events(&table);
    exit(&after, 2);
    treat_sigchld(init.process(), ChildSignalAction::empty());
    assert_eq!(signals(&table), []);
    assert_eq!(wait4(&init, -1, WNOHANG), exited(before.tid(), 1));
    assert_eq!(wait4(&init, -1, WNOHANG), NO_CHILD);
}

#[test]
fn a_parent_without_its_leader_is_told_all_the_same() {
    // R-NOTIFY-14: of ends, stops and continuations, by the number of the process.
    let (table, init) = boot();
    let parent = fork(&init);
    let second = spawn(&parent);
    let child = fork(&second);
    exit(&parent, 0);
    events(&table);
    child.process().report_group_stopped(Signal::SIGSTOP);
    child.process().report_group_continued();
    exit(&child, 3);
    let told = [WaitStatus::Stopped(Signal::SIGSTOP), WaitStatus::Continued, WaitStatus::Exited(3)];
    let told = told.map(|status| [Event::Signal(2, 17, child.tid(), status), Event::Wake(2)]);
    assert_eq!(events(&table), told.concat());
    assert_eq!(wait4(&second, -1, 0), exited(child.tid(), 3));
}

#[test]
fn b23_every_stop_and_continuation_is_told_by_sigchld() {
    // B23, R-NOTIFY-11, R-NOTIFY-12: with the signal that stopped, or SIGCONT, once each, whatever the exit signal.
    for exit_signal in [Some(Signal::SIGCHLD), Some(Signal::SIGUSR1), None] {
        let (table, init) = boot();
        let request = ForkRequest { exit_signal: exit_signal.into(), ..Default::default() };
        let child = fork_with(&init, request).unwrap();
        for signal in [Signal::SIGSTOP, Signal::SIGTTOU] {
            for _ in 0..2 {
                child.process().report_group_stopped(signal);
            }
            for _ in 0..2 {
                child.process().report_group_continued();
            }
            let told = [WaitStatus::Stopped(signal), WaitStatus::Continued];
            assert_eq!(signals(&table), told.map(|status| Event::Signal(1, 17, 2, status)));
        }
    }
    assert_eq!(WaitStatus::Continued.to_raw(), 0xffff);
}

#[test]
fn who_was_continued_by_a_sigcont_of_the_models_tells_its_parent_when_the_kernel_says_so() {
    // R-NOTIFY-13, R-ORPHAN-06, issue 14: the SIGCONT to an orphaned group, and one that was sent here, leave a notice: told once.
    for is_orphaned in [true, false] {
        let (table, init) = boot();
        let shell = fork(&init);
        shell.process().setsid().unwrap();
        let parent = fork(&shell);
        parent.process().setpgid(0, 0).unwrap();
        let job = fork(&parent);
        job.process().report_group_stopped(Signal::SIGSTOP);
        events(&table);
        if is_orphaned {
            exit(&shell, 0);
        } else {
            init.kill(job.tid() as i32, 18).unwrap();
        }
        assert!(!job.process().is_stopped());
        events(&table);
        job.process().report_group_continued();
        let told = Event::Signal(parent.tid(), 17, job.tid(), WaitStatus::Continued);
        assert!(events(&table).contains(&told), "{is_orphaned}");
        job.process().report_group_continued();
        assert_eq!(events(&table), [], "once");
    }
}
