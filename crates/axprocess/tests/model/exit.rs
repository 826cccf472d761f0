//! How processes end: who is told, who adopts, what is reported.

use crate::kernel::*;
use axprocess::{
    ExitSignal, ExitStatus, ForkRequest, Number, ProcessState, Signal, ThreadExit, WaitStatus,
};

#[test]
fn the_parent_hears_of_the_end_and_reaps_once() {
    // R-NOTIFY-01, R-NOTIFY-02, R-WAIT-28, W1: signal and wake-up with the zombie; after the reap nothing is left.
    let (table, init) = boot();
    let child = fork(&init);
    exit(&child, 3);
    let told = [Event::Signal(1, 17, 2, WaitStatus::Exited(3)), Event::Wake(1)];
    assert_eq!(events(&table), told);
    assert_eq!(child.process().state(), ProcessState::Zombie);
    assert_eq!(
        pids(&init.process().children().unwrap()),
        [2],
        "a zombie is a child until it is reaped"
    );
    assert_eq!(wait4(&init, -1, 0), exited(2, 3));
    assert_eq!(wait4(&init, -1, 0), NO_CHILD);
    assert_eq!(child.process().state(), ProcessState::Reaped);
    assert!(child.process().parent().is_none() && table.find_process(2).is_none());
    assert_eq!(
        init.process().group().processes().unwrap().len(),
        1,
        "membership ends at the reap (W20)"
    );
}

#[test]
fn orphans_go_to_the_nearest_living_subreaper() {
    // R-REPARENT-03, R-REPARENT-04, R-REPARENT-12, R-SUBREAPER-03 to -05: set late, skipped when cleared or dead, else init.
    let (table, init) = boot();
    let [outer, inner, parent] = chain(&init);
    let orphans: Vec<_> = (0..3).map(|_| fork(&parent)).collect();
    outer.process().become_subreaper();
    inner.process().become_subreaper();
    exit(&parent, 0);
    assert_eq!(orphans[0].process().ppid(), inner.tid());
    assert_eq!(
        pids(&inner.process().children().unwrap()),
        [4, 5, 6, 7],
        "adopted ones come behind"
    );
    inner.process().resign_subreaper();
    assert!(!inner.process().is_subreaper());
    let late = fork(&orphans[0]);
    exit(&orphans[0], 0);
    assert_eq!(late.process().ppid(), outer.tid(), "who resigned is passed over");
    exit(&outer, 0);
    exit(&inner, 0);
    assert_eq!(orphans[1].process().ppid(), 1);
    assert!(table.find_process(4).unwrap().ppid() == 1, "zombies move too");
}

#[test]
fn an_adopted_zombie_is_announced_to_its_new_parent() {
    // R-REPARENT-09, R-REPARENT-10, E16: SIGCHLD whatever its exit signal was, and before the dying parent's own (R-REPARENT-11).
    let (table, init) = boot();
    let parent = fork(&init);
    let silent = ForkRequest { exit_signal: ExitSignal::NONE, ..Default::default() };
    let child = fork_with(&parent, silent).unwrap();
    exit(&child, 9);
    assert_eq!(events(&table), [Event::Wake(2)], "no exit signal, but a wake-up (W10)");
    exit(&parent, 0);
    let told = [
        Event::Signal(1, 17, 3, WaitStatus::Exited(9)),
        Event::Wake(1),
        Event::Signal(1, 17, 2, WaitStatus::Exited(0)),
        Event::Wake(1),
    ];
    assert_eq!(events(&table), told);
    assert_eq!(wait4(&init, 3, 0), exited(3, 9), "a plain wait finds it now");
}

#[test]
fn a_parent_that_does_not_care_has_no_zombies() {
    // R-NOTIFY-03, R-NOTIFY-04, R-NOTIFY-10, W16: SIG_IGN sends nothing, SA_NOCLDWAIT sends; both reap and wake.
    let (table, init) = boot();
    let cases = [
        (ChildSignalAction::IGNORE, 0),
        (ChildSignalAction::NO_WAIT, 1),
        (ChildSignalAction::IGNORE | ChildSignalAction::NO_WAIT, 0),
    ];
    for (action, signals_sent) in cases {
        let child = fork(&init);
        treat_sigchld(init.process(), action);
        events(&table);
        exit(&child, 0);
        let told = events(&table);
        let sent = told.iter().filter(|event| matches!(event, Event::Signal(..))).count();
        assert_eq!(sent, signals_sent, "{action:?}");
        assert!(told.contains(&Event::Wake(1)));
        assert_eq!(child.process().state(), ProcessState::Reaped);
        assert_eq!(wait4(&init, -1, 0), NO_CHILD);
    }
}

#[test]
fn only_sigchld_children_vanish_by_themselves() {
    // R-NOTIFY-05: with another exit signal, or none, the zombie stays although SIGCHLD is ignored.
    let (table, init) = boot();
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    for exit_signal in [None, Some(Signal::SIGUSR1)] {
        let child =
            fork_with(&init, ForkRequest { exit_signal: exit_signal.into(), ..Default::default() })
                .unwrap();
        exit(&child, 0);
        assert_eq!(child.process().state(), ProcessState::Zombie);
        assert_eq!(signals(&table).len(), usize::from(exit_signal.is_some()));
        assert_eq!(wait4(&init, -1, WCLONE), exited(child.tid(), 0));
    }
}

#[test]
fn adoption_by_a_parent_that_does_not_care_reaps() {
    // R-REPARENT-10: the disposition that counts is the new parent's, at the time of the move.
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    exit(&child, 0);
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    exit(&parent, 0);
    assert_eq!(child.process().state(), ProcessState::Reaped);
    assert!(table.find_process(3).is_none());
    assert!(init.process().children().unwrap().is_empty(), "the parent went the same way");
}

#[test]
fn the_last_thread_decides_the_status() {
    // R-EXIT-03 to R-EXIT-05: a dead leader is not reapable while others live; the last one's code counts, whoever it was.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    assert_eq!(leader.exit_thread(ExitStatus::exited(1)), ThreadExit::OthersRemain);
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    assert_eq!(waitid(&init, 0, 0, WCONTINUED | WNOHANG), Waited::Nothing, "R-WAIT-12");
    assert_eq!(signals(&table), []);
    let orphan = fork(&thread);
    assert_eq!(orphan.process().ppid(), 2, "R-FORK-16: the number is the process's");
    assert_eq!(thread.exit_thread(ExitStatus::exited(2)), ThreadExit::Last);
    assert_eq!(wait4(&init, 2, 0), exited(2, 2));
}

#[test]
fn the_first_group_exit_wins() {
    // R-EXIT-06, R-EXIT-07, E12: later decisions and the threads' own codes do not count.
    let (_table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    exit(&leader, 1);
    assert!(thread.process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL)));
    assert!(!thread.process().begin_group_exit(ExitStatus::exited(4)));
    exit(&thread, 5);
    let killed = WaitStatus::Signaled { signal: Signal::SIGKILL, core_dumped: false };
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed));
}

#[test]
fn one_thread_is_the_last_one_ever() {
    // T6, E1: the answer Last is given once; a thread that has gone changes nothing.
    let (_table, init) = boot();
    let leader = fork(&init);
    assert_eq!(leader.exit_thread(ExitStatus::exited(1)), ThreadExit::Last);
    assert_eq!(leader.exit_thread(ExitStatus::exited(2)), ThreadExit::Gone);
    assert_eq!(wait4(&init, 2, 0), exited(2, 1));
}

#[test]
fn an_exiting_threads_children_stay_with_its_process() {
    // R-REPARENT-01, R-REPARENT-02, R-REPARENT-09: to the first living thread, with the exit signal kept, behind its own children.
    let (_table, init) = boot();
    let leader = fork(&init);
    let [second, third] = [spawn(&leader), spawn(&leader)];
    let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let of_third = fork_with(&third, usr1).unwrap();
    let of_second = fork(&second);
    exit(&third, 0);
    assert_eq!(pids(&leader.process().children().unwrap()), [of_third.tid(), of_second.tid()]);
    exit(&leader, 0);
    assert_eq!(pids(&second.process().children().unwrap()), [of_second.tid(), of_third.tid()]);
    exit(&of_third, 0);
    assert_eq!(wait4(&second, -1, WNOHANG), Waited::Nothing);
    assert_eq!(wait4(&second, -1, WNOTHREAD | WCLONE), exited(of_third.tid(), 0));
}

#[test]
fn init_without_threads_still_adopts() {
    // R-EXIT-18: the model does not panic; it says so, keeps init, and stays whole. Init's own children stay too.
    let (_table, init) = boot();
    let second = spawn(&init);
    let [parent, child] = chain(&init);
    let of_second = fork(&second);
    assert_eq!(init.exit_thread(ExitStatus::exited(0)), ThreadExit::OthersRemain);
    assert_eq!(second.exit_thread(ExitStatus::exited(0)), ThreadExit::LastOfInit);
    drop(second);
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), 1);
    assert_eq!(of_second.process().ppid(), 1);
    assert_eq!(init.process().children().unwrap().len(), 3);
    assert_eq!(init.process().state(), ProcessState::Live);
}

#[test]
fn an_exit_code_has_one_byte() {
    // R-EXIT-01: exit and exit_group alike.
    for code in [0, 255, 256, -1, i32::MIN] {
        let (_table, init) = boot();
        let [child, other] = [fork(&init), fork(&init)];
        exit(&child, code);
        other.process().begin_group_exit(ExitStatus::exited(code));
        exit(&other, 77);
        assert_eq!(wait4(&init, 2, 0), exited(2, code as u8));
        assert_eq!(wait4(&init, 3, 0), exited(3, code as u8));
    }
}

#[test]
fn an_exiting_thread_leaves_no_zombie() {
    // R-EXIT-02: its number is free at once, nobody is told; the number of a dead leader is not.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let last = spawn(&leader);
    exit(&thread, 1);
    assert_eq!(events(&table), []);
    assert_eq!(init.tkill(3, 0), Err(axprocess::Errno::ESRCH));
    let exactly = |pid| ForkRequest { number: Number::Exactly(pid), ..Default::default() };
    assert_eq!(fork_with(&init, exactly(3)).map(|child| child.tid()), Ok(3));
    exit(&leader, 1);
    assert_eq!(fork_with(&init, exactly(2)).err(), Some(axprocess::Errno::EEXIST));
    drop(last);
}

#[test]
fn what_the_parent_does_later_does_not_reap() {
    // R-NOTIFY-07: its treatment of SIGCHLD counts at the death.
    let (_table, init) = boot();
    let child = fork(&init);
    exit(&child, 1);
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    assert_eq!(child.process().state(), ProcessState::Zombie);
    assert_eq!(wait4(&init, -1, 0), exited(2, 1));
}

#[test]
fn a_decided_exit_loses_reports_and_asks_every_thread() {
    // R-EXIT-13, E17: whichever call decides; each living thread is asked once, in a stop or not.
    let (table, init) = boot();
    let leader = fork(&init);
    let [gone, thread] = [spawn(&leader), spawn(&leader)];
    exit(&gone, 0);
    leader.process().report_group_stopped(Signal::SIGSTOP);
    assert!(leader.process().begin_group_exit(ExitStatus::exited(1)));
    assert_eq!(exit_requests(&table), [2, thread.tid()]);
    assert_eq!(wait4(&init, -1, WUNTRACED | WNOHANG), Waited::Nothing);
    assert!(!leader.process().begin_group_exit(ExitStatus::exited(2)));
    assert_eq!(exit_requests(&table), []);
}
