//! wait4 and waitid: who is waited for, what is reported, in which order, and who gets it.

use crate::kernel::*;
use axprocess::{
    ChildCode, Errno, ExitStatus, ForkNamespace, ForkRequest, Number, Signal, SignalCause,
    WaitOutcome, WaitRequest, WaitStatus,
};

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
    children[0].process().report_group_stopped(Signal::SIGSTOP);
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
    let clone = ForkRequest { exit_signal: axprocess::ExitSignal::NONE, ..Default::default() };
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
    child.process().report_group_continued();
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Nothing, "it was not stopped");

    child.process().report_group_stopped(Signal::SIGTSTP);
    child.process().report_group_stopped(Signal::SIGSTOP);
    assert!(child.process().is_stopped());
    assert_eq!(signals(&table).len(), 1, "R-NOTIFY-12: once per stop");
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    assert_eq!(waitid(&init, 0, 0, WSTOPPED | WNOWAIT), stopped(Signal::SIGTSTP));
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped(Signal::SIGTSTP));
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);

    child.process().report_group_continued();
    assert_eq!(wait4(&init, -1, WUNTRACED | WCONTINUED), continued);
    assert_eq!(wait4(&init, -1, WUNTRACED | WCONTINUED), Waited::Nothing);

    child.process().report_group_stopped(Signal::SIGSTOP);
    child.process().report_group_continued();
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing, "the stop was lost");
    child.process().report_group_stopped(Signal::SIGTTIN);
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Nothing, "the continuation was lost");
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped(Signal::SIGTTIN));
}

#[test]
fn an_end_makes_stop_reports_void() {
    // R-EXIT-13, R-STOP-12: from the group exit on, and for ever; a zombie neither stops nor continues.
    let (_table, init) = boot();
    let child = fork(&init);
    child.process().report_group_stopped(Signal::SIGSTOP);
    child.process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL));
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);
    exit(&child, 0);
    child.process().report_group_stopped(Signal::SIGSTOP);
    child.process().report_group_continued();
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
        child.process().report_group_stopped(Signal::SIGSTOP);
        assert_eq!(events(&table), [Event::Wake(1)]);
        assert!(waitid(&init, 0, 0, WSTOPPED | WNOWAIT).is_event());
        child.process().report_group_continued();
        assert_eq!(events(&table), [Event::Wake(1)]);
    }
}

#[test]
fn a_token_goes_stale_with_every_event() {
    // W2, R-WAIT-09, R-NOTIFY-10: taken with the answer "nothing yet"; an end, a stop and an autoreap end it. A competitor's reap does not:
    // whoever sleeps for that child was woken by its end (R-WAIT-24).
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
    children[1].process().report_group_stopped(Signal::SIGSTOP);
    assert!(is_stale(before_stop));

    let before_reap = token();
    assert_eq!(wait4(&init, children[0].tid() as i32, 0), exited(children[0].tid(), 0));
    assert!(!is_stale(before_reap));

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

#[test]
fn the_callers_group_is_that_of_the_calls_beginning() {
    // R-WAIT-03: wait4(0) and waitid(P_PGID, 0) go on waiting for the group that the caller has left.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setpgid(0, 0).unwrap();
    let requests = [WaitRequest::wait4(0, 0), WaitRequest::waitid(2, 0, WEXITED | WNOWAIT)];
    let [child, other] = [fork(&shell), fork(&shell)];
    other.process().setpgid(0, 0).unwrap();
    let [consuming, peeking] = requests.map(|request| shell.begin_wait(&request.unwrap()));
    assert_eq!(poll(&consuming), Waited::Nothing);
    shell.process().setpgid(0, other.tid() as i32).unwrap();
    exit(&other, 1);
    assert_eq!(poll(&consuming), Waited::Nothing, "the other is in the new group");
    exit(&child, 2);
    assert_eq!(poll(&peeking), exited(child.tid(), 2));
    assert_eq!(poll(&consuming), exited(child.tid(), 2));
    assert_eq!(poll(&consuming), NO_CHILD, "the group has ended");
    assert_eq!(wait4(&shell, 0, 0), exited(other.tid(), 1), "a new call takes the new group");
}

#[test]
fn a_call_keeps_no_number_busy() {
    // R-WAIT-03, R-WAIT-04: whoever gets the number of a process or group that has ended is not the one that is waited for.
    let (_table, init) = boot();
    let again = |pid| ForkRequest { number: Number::Exactly(pid), ..Default::default() };
    let child = fork(&init);
    child.process().setpgid(0, 0).unwrap();
    let pid = child.tid();
    let calls = [pid as i32, -(pid as i32)].map(|pid| WaitRequest::wait4(pid, 0).unwrap());
    let calls = calls.each_ref().map(|request| init.begin_wait(request));
    assert!(calls.iter().all(|call| poll(call) == Waited::Nothing));
    exit(&child, 0);
    assert_eq!(wait4(&init, pid as i32, 0), exited(pid, 0));
    let successor = fork_with(&init, again(pid)).unwrap();
    successor.process().setpgid(0, 0).unwrap();
    exit(&successor, 0);
    for call in &calls {
        assert_eq!(poll(call), NO_CHILD);
    }
}

#[test]
fn a_group_without_a_number_can_be_waited_for() {
    // R-WAIT-03: init and its children begin in group 0, which no number names.
    let (_table, init) = boot();
    let [child, moved] = [fork(&init), fork(&init)];
    moved.process().setpgid(0, 0).unwrap();
    let request = WaitRequest::wait4(0, 0).unwrap();
    let call = init.begin_wait(&request);
    exit(&moved, 0);
    init.process().setsid().unwrap();
    assert_eq!(poll(&call), Waited::Nothing);
    exit(&child, 3);
    assert_eq!(poll(&call), exited(child.tid(), 3));
    assert_eq!(poll(&call), NO_CHILD);
}

#[test]
fn b19_a_group_that_cannot_be_seen_is_still_ones_own() {
    // R-WAIT-27, B19: inside a namespace the caller's group has no number, and wait4(0) selects by it nevertheless.
    let (_table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&init, new).unwrap();
    assert_eq!(inner.process().pgid(), 0);
    let [child, moved] = [fork(&inner), fork(&inner)];
    moved.process().setpgid(0, 0).unwrap();
    exit(&moved, 1);
    for (kind, id) in [(2, 0), (0, 0)] {
        let options = WEXITED | WNOHANG | WNOWAIT;
        let expected = if kind == 2 { Waited::Nothing } else { exited(moved.tid(), 1) };
        assert_eq!(waitid(&inner, kind, id, options), expected);
    }
    exit(&child, 2);
    assert_eq!(wait4(&inner, 0, 0), exited(child.tid(), 2));
    assert_eq!(WaitRequest::waitid(1, 0, WEXITED), Err(Errno::EINVAL));
}

#[test]
fn b20_wall_wins_over_wclone() {
    // R-WAIT-06, B20: together they are no error.
    let (_table, init) = boot();
    exit(&fork(&init), 0);
    assert_eq!(wait4(&init, -1, WALL | WCLONE), exited(2, 0));
}

#[test]
fn b21_the_smallest_number_is_nobody() {
    // R-WAIT-01, R-WAIT-02, B21: ESRCH from wait4, EINVAL for numbers below 0 from waitid.
    assert_eq!(WaitRequest::wait4(i32::MIN, 0), Err(Errno::ESRCH));
    assert_eq!(WaitRequest::waitid(1, i32::MIN, WEXITED), Err(Errno::EINVAL));
    assert_eq!(WaitRequest::waitid(2, i32::MIN, WEXITED), Err(Errno::EINVAL));
}

#[test]
fn b23_a_continuation_names_its_signal() {
    // R-WAIT-17, R-NOTIFY-02, R-NOTIFY-11, B23: si_code and si_status, the same for the signal and for waitid; a stop undone names none.
    let code = |status: WaitStatus| {
        let ChildCode { code, status } = status.si_code_and_status();
        (code, status)
    };
    let signal = Signal::SIGSEGV;
    assert_eq!(code(WaitStatus::Exited(255)), (1, 255));
    assert_eq!(code(WaitStatus::Signaled { signal, core_dumped: false }), (2, 11));
    assert_eq!(code(WaitStatus::Signaled { signal, core_dumped: true }), (3, 11));
    assert_eq!(code(WaitStatus::Stopped(Signal::SIGTTIN)), (5, 21));
    assert_eq!(code(WaitStatus::Continued), (6, 18));
    let undone = SignalCause::ChildStopUndone { pid: 2 }.si_code_and_status();
    assert_eq!(undone, Some(ChildCode { code: 5, status: 0 }));
    let posted = SignalCause::Child { pid: 2, status: WaitStatus::Continued };
    assert_eq!(posted.si_code_and_status(), Some(WaitStatus::Continued.si_code_and_status()));
    assert_eq!(SignalCause::Kernel.si_code_and_status(), None);
}

#[test]
fn b24_a_stop_completed_by_an_exiting_thread_is_the_processs() {
    // B24, R-EXIT-16: the signal names the process, not the thread that was the last to count.
    let (table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    let ticket = child.process().stop_ticket();
    child.begin_stop(Signal::SIGSTOP, ticket);
    child.join_stop();
    events(&table);
    exit(&thread, 0);
    let stopped = WaitStatus::Stopped(Signal::SIGSTOP);
    assert_eq!(signals(&table), [Event::Signal(1, 17, child.tid(), stopped)]);
}

#[test]
fn b25_a_process_without_its_leader_stops_and_is_waited_for() {
    // R-WAIT-12, R-STOP-10, B25: it is a candidate for every option, and its stops and continuations are reported.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    exit(&child, 0);
    for options in [WEXITED, WSTOPPED, WCONTINUED] {
        assert_eq!(waitid(&init, 0, 0, options | WNOHANG), Waited::Nothing);
    }
    let ticket = thread.process().stop_ticket();
    thread.begin_stop(Signal::SIGSTOP, ticket);
    thread.join_stop();
    let stopped = Waited::Got(child.tid(), WaitStatus::Stopped(Signal::SIGSTOP));
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped);
    thread.process().note_signal_sent(Signal::SIGCONT);
    let continued = Waited::Got(child.tid(), WaitStatus::Continued);
    assert_eq!(wait4(&init, -1, WCONTINUED), continued);
}

#[test]
fn b38_zombies_are_reported_in_birth_order() {
    // R-WAIT-14, B38: in whatever order they ended.
    let (_table, init) = boot();
    let children: Vec<_> = (0..20).map(|_| fork(&init)).collect();
    for index in 0..20 {
        exit(&children[(index * 7 + 3) % 20], 0);
    }
    for child in &children {
        assert_eq!(wait4(&init, -1, 0), exited(child.tid(), 0));
    }
}

#[test]
fn the_number_is_the_callers() {
    // R-WAIT-25: an inner init is number 1 to itself, and another to its parent.
    let (_table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&init, new).unwrap();
    assert_eq!(inner.tid(), 1);
    exit(&inner, 4);
    assert_eq!(wait4(&init, -1, 0), exited(2, 4));
}

#[test]
fn ignoring_parents_wait_until_all_are_gone() {
    // R-WAIT-26, R-NOTIFY-10: nothing while a child lives, then ECHILD; each vanishing child wakes the waiters.
    let (table, init) = boot();
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    let children = [fork(&init), fork(&init)];
    for child in &children {
        assert_eq!(wait4(&init, -1, 0), Waited::Nothing);
        events(&table);
        exit(child, 0);
        assert_eq!(events(&table), [Event::Wake(1)]);
    }
    assert_eq!(wait4(&init, -1, 0), NO_CHILD);
}

#[test]
fn who_is_reaped_is_gone_at_once() {
    // R-WAIT-24, R-WAIT-28: from group, session and numbers, with the answer of the one wait that gets it.
    let (table, init) = boot();
    let child = fork(&init);
    child.process().setsid().unwrap();
    exit(&child, 0);
    assert_eq!(wait4(&init, -1, 0), exited(2, 0));
    assert_eq!(wait4(&init, -1, 0), NO_CHILD);
    assert!(table.find_process(2).is_none() && table.find_thread(2).is_none());
    assert!(table.find_group(2).is_none() && table.find_session(2).is_none());
    assert_eq!(
        fork_with(&init, ForkRequest { number: Number::Exactly(2), ..Default::default() })
            .unwrap()
            .tid(),
        2
    );
}

#[test]
fn a_request_that_consumes_nothing_stays_so() {
    // R-WAIT-19: WNOWAIT, asked for in either way or in both.
    let (_table, init) = boot();
    exit(&fork(&init), 3);
    let look = WaitRequest::waitid(0, 0, WEXITED | WNOWAIT).unwrap();
    for request in [look, look.without_consuming()] {
        assert_eq!(Waited::from(init.wait(&request)), exited(2, 3));
    }
    assert_eq!(wait4(&init, -1, 0), exited(2, 3));
}
