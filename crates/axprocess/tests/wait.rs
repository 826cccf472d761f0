//! wait4 and waitid: who is waited for, what is reported, in which order, and who gets it.

mod kernel;

use axprocess::{
    ChildSignalAction, Errno, ExitSignal, ExitStatus, ForkRequest, Signal, WaitOutcome,
    WaitRequest, WaitStatus,
};
use kernel::*;

#[test]
fn wait4_validates_its_arguments_in_linuxs_order() {
    // R-WAIT-01: unknown options, WEXITED and WNOWAIT are EINVAL; only then i32::MIN is ESRCH (B21).
    for options in [4, WNOWAIT, 0x10, 0x4000, WEXITED | WNOHANG] {
        assert_eq!(WaitRequest::wait4(i32::MIN, options), Err(Errno::EINVAL));
    }
    assert_eq!(WaitRequest::wait4(i32::MIN, WNOHANG), Err(Errno::ESRCH));
    assert!(WaitRequest::wait4(-1, WNOHANG | WUNTRACED | WCONTINUED | WALL | WCLONE).is_ok());
}

#[test]
fn waitid_validates_its_arguments() {
    // R-WAIT-02, B19: no event asked for, P_PID not above 0, P_PGID below 0, unknown kinds; P_ALL ignores the number.
    for (kind, id, options) in [
        (0, 0, WNOHANG),
        (0, 0, WEXITED | 0x10),
        (1, 0, WEXITED),
        (1, -1, WEXITED),
        (2, -1, WEXITED),
        (4, 1, WEXITED),
        (-1, 1, WEXITED),
    ] {
        assert_eq!(WaitRequest::waitid(kind, id, options), Err(Errno::EINVAL));
    }
    assert!(WaitRequest::waitid(0, -5, WEXITED | WNOWAIT).is_ok());
    assert!(WaitRequest::waitid(2, 0, WSTOPPED | WALL | WCLONE).is_ok());
}

#[test]
fn the_selector_decides_who_is_waited_for() {
    // R-WAIT-03, R-WAIT-04, R-WAIT-08: any, own group, group, process; the child's group of this moment counts.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setpgid(0, 0).unwrap();
    let [own, moved] = [fork(&shell), fork(&shell)];
    moved.process().setpgid(0, 0).unwrap();
    exit(&own, 1);
    exit(&moved, 2);
    let moved_pid = moved.tid() as i32;
    assert_eq!(waitid(&shell, 2, moved_pid, WEXITED | WNOWAIT), exited(moved.tid(), 2));
    assert_eq!(wait4(&shell, -moved_pid, 0), exited(moved.tid(), 2));
    assert_eq!(wait4(&shell, -moved_pid, 0), NO_CHILD, "the group has ended");
    assert_eq!(wait4(&shell, 0, 0), exited(own.tid(), 1));
    assert_eq!(wait4(&shell, 999, 0), NO_CHILD);
    assert_eq!(wait4(&shell, 1, 0), NO_CHILD, "one's parent is no child");
    assert_eq!(wait4(&shell, shell.tid() as i32, 0), NO_CHILD);
}

#[test]
fn the_first_in_birth_order_wins() {
    // R-WAIT-14, B38: not the first to end; and an older stopped child beats a younger zombie.
    let (_table, init) = boot();
    let children: Vec<_> = (0..5).map(|_| fork(&init)).collect();
    for index in [3, 1, 4, 2] {
        exit(&children[index], index as i32);
    }
    children[0].process().group_stopped(Signal::SIGSTOP);
    let stopped = Waited::Got(children[0].tid(), WaitStatus::Stopped(Signal::SIGSTOP));
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped);
    for (child, code) in children[1..].iter().zip(1..) {
        assert_eq!(wait4(&init, -1, WUNTRACED), exited(child.tid(), code));
    }
}

#[test]
fn adopted_children_come_behind_in_their_order() {
    // R-REPARENT-12: own X, adopted a and b, own Y are reaped in that order, however they ended.
    let (_table, init) = boot();
    let [x, parent] = [fork(&init), fork(&init)];
    let [a, b] = [fork(&parent), fork(&parent)];
    exit(&parent, 0);
    assert_eq!(wait4(&init, parent.tid() as i32, 0), exited(parent.tid(), 0));
    let y = fork(&init);
    for child in [&y, &b, &x, &a] {
        exit(child, 0);
    }
    let order: Vec<_> = (0..4).map(|_| wait4(&init, -1, 0)).collect();
    assert_eq!(order, [x, a, b, y].map(|child| exited(child.tid(), 0)));
}

#[test]
fn the_calling_threads_children_come_first() {
    // R-WAIT-05, R-WAIT-15: then those of the threads behind it, cyclically; __WNOTHREAD sees only its own (W12).
    let (_table, init) = boot();
    let main = fork(&init);
    let [waiter, friend] = [spawn(&main), spawn(&main)];
    let of_main = fork(&main);
    let of_friend = fork(&friend);
    exit(&of_main, 0);
    exit(&of_friend, 0);
    assert_eq!(wait4(&waiter, -1, WNOTHREAD), NO_CHILD);
    assert_eq!(wait4(&waiter, -1, 0), exited(of_friend.tid(), 0));
    assert_eq!(wait4(&waiter, of_main.tid() as i32, WNOTHREAD), NO_CHILD);
    assert_eq!(wait4(&waiter, -1, 0), exited(of_main.tid(), 0));
}

#[test]
fn a_threads_number_is_nobodys_child() {
    // R-WAIT-07, B45: neither one's own thread nor a child's, also with __WALL.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    let own = spawn(&init);
    for tid in [thread.tid(), own.tid()] {
        assert_eq!(wait4(&init, tid as i32, WALL | WNOHANG), NO_CHILD);
    }
}

#[test]
fn the_kind_of_a_child_is_its_exit_signal() {
    // R-WAIT-06, B20: plain waits see SIGCHLD children, __WCLONE the others, __WALL all, and overrides __WCLONE.
    let (_table, init) = boot();
    let plain = fork(&init);
    let clone = ForkRequest { exit_signal: ExitSignal::NONE, ..Default::default() };
    let clone = fork_with(&init, clone).unwrap();
    exit(&plain, 0);
    exit(&clone, 0);
    let peek = |options| waitid(&init, 0, 0, WEXITED | WNOWAIT | options);
    assert_eq!(peek(0), exited(plain.tid(), 0));
    assert_eq!(peek(WCLONE), exited(clone.tid(), 0));
    assert_eq!(peek(WALL | WCLONE), exited(plain.tid(), 0));
    assert_eq!(wait4(&init, plain.tid() as i32, WCLONE), NO_CHILD);
    assert_eq!(wait4(&init, clone.tid() as i32, 0), NO_CHILD);
}

#[test]
fn a_zombie_is_no_candidate_for_stops() {
    // R-WAIT-11, W21: waitid without WEXITED neither reaps nor waits for it.
    let (_table, init) = boot();
    let child = fork(&init);
    assert_eq!(waitid(&init, 0, 0, WSTOPPED | WCONTINUED), Waited::Nothing);
    exit(&child, 0);
    assert_eq!(waitid(&init, 0, 0, WSTOPPED | WCONTINUED), NO_CHILD);
    assert_eq!(waitid(&init, 1, 2, WSTOPPED), NO_CHILD);
    assert_eq!(waitid(&init, 0, 0, WEXITED), exited(2, 0));
}

#[test]
fn stops_and_continuations_are_reported_once() {
    // R-WAIT-13, R-WAIT-19, R-WAIT-20, R-STOP-05 to R-STOP-07: only when asked for, peeked at leisure, the newer voiding the older.
    let (table, init) = boot();
    let child = fork(&init);
    let stopped = |signal| Waited::Got(2, WaitStatus::Stopped(signal));
    let continued = Waited::Got(2, WaitStatus::Continued);
    child.process().group_continued();
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Nothing, "it was not stopped");

    child.process().group_stopped(Signal::SIGTSTP);
    child.process().group_stopped(Signal::SIGSTOP);
    assert!(child.process().is_stopped());
    assert_eq!(signals(&table).len(), 1, "R-NOTIFY-12: once per stop");
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    assert_eq!(waitid(&init, 0, 0, WSTOPPED | WNOWAIT), stopped(Signal::SIGTSTP));
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped(Signal::SIGTSTP));
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);

    child.process().group_continued();
    assert_eq!(wait4(&init, -1, WUNTRACED | WCONTINUED), continued);
    assert_eq!(wait4(&init, -1, WUNTRACED | WCONTINUED), Waited::Nothing);

    child.process().group_stopped(Signal::SIGSTOP);
    child.process().group_continued();
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing, "the stop was lost");
    child.process().group_stopped(Signal::SIGTTIN);
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Nothing, "the continuation was lost");
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped(Signal::SIGTTIN));
}

#[test]
fn an_end_makes_stop_reports_void() {
    // R-EXIT-13, R-STOP-12: from the group exit on, and for ever; a zombie neither stops nor continues.
    let (_table, init) = boot();
    let child = fork(&init);
    child.process().group_stopped(Signal::SIGSTOP);
    child.process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL));
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);
    exit(&child, 0);
    child.process().group_stopped(Signal::SIGSTOP);
    child.process().group_continued();
    let killed = WaitStatus::Signaled { signal: Signal::SIGKILL, core_dumped: false };
    assert_eq!(wait4(&init, -1, WUNTRACED | WCONTINUED), Waited::Got(2, killed));
}

#[test]
fn no_signal_for_stops_if_the_parent_says_so() {
    // R-NOTIFY-11: SIG_IGN and SA_NOCLDSTOP suppress the signal, not the report, nor the wake-up.
    let (table, init) = boot();
    let child = fork(&init);
    for action in [ChildSignalAction::IGNORE, ChildSignalAction::NO_STOP] {
        treat_sigchld(init.process(), action);
        events(&table);
        child.process().group_stopped(Signal::SIGSTOP);
        assert_eq!(events(&table), [Event::Wake(1)]);
        assert!(waitid(&init, 0, 0, WSTOPPED | WNOWAIT).is_event());
        child.process().group_continued();
        assert_eq!(events(&table), [Event::Wake(1)]);
    }
}

#[test]
fn a_token_goes_stale_with_every_event() {
    // W2, R-WAIT-09, R-NOTIFY-10: taken with the answer "nothing yet"; an end, a stop, an autoreap and a competitor's reap end it.
    let (_table, init) = boot();
    let children: Vec<_> = (0..4).map(|_| fork(&init)).collect();
    let request = WaitRequest::wait4(children[3].tid() as i32, 0).unwrap();
    let token = || match init.wait(&request) {
        Ok(WaitOutcome::NothingYet(token)) => token,
        other => panic!("{other:?}"),
    };
    let is_stale = |token| init.process().has_news_since(token);

    let before_end = token();
    assert!(!is_stale(before_end));
    exit(&children[0], 0);
    assert!(is_stale(before_end));

    let before_stop = token();
    children[1].process().group_stopped(Signal::SIGSTOP);
    assert!(is_stale(before_stop));

    let before_reap = token();
    assert_eq!(wait4(&init, children[0].tid() as i32, 0), exited(children[0].tid(), 0));
    assert!(is_stale(before_reap), "R-WAIT-24: the others look again");

    let before_autoreap = token();
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    exit(&children[2], 0);
    assert!(is_stale(before_autoreap));
}

#[test]
fn nobody_waits_for_grandchildren() {
    // R-WAIT-05: only one's own children count; ECHILD without any (W11).
    let (_table, init) = boot();
    let [_parent, child] = chain(&init);
    exit(&child, 0);
    assert_eq!(wait4(&init, child.tid() as i32, WNOHANG), NO_CHILD);
    assert_eq!(wait4(&child, -1, WNOHANG), NO_CHILD);
}
