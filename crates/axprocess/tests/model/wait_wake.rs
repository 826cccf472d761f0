//! Whom an event of a child wakes.

use crate::kernel::*;
use axprocess::{Signal, TraceOptions, TraceStart, WaitOutcome, WaitRequest, WaitToken};

/// The token of a call of `thread` that has nothing to report.
fn token(thread: &KernelThread, pid: i32, options: i32) -> WaitToken {
    match thread.wait(&WaitRequest::wait4(pid, options).unwrap()) {
        Ok(WaitOutcome::NothingYet(token)) => token,
        other => panic!("{other:?}"),
    }
}

/// Which of the sleepers the events since the last call wake.
fn woken<const N: usize>(table: &Table, sleepers: [WaitToken; N]) -> [bool; N] {
    let news = news(table);
    sleepers.map(|token| news.iter().any(|news| token.is_woken_by(news)))
}

#[test]
fn a_sleeper_is_woken_by_the_children_that_it_waits_for() {
    // R-WAIT-09: any child, that child, a child that is in that group at this moment.
    let (table, init) = boot();
    let [a, b] = [fork(&init), fork(&init)];
    let pid = |thread: &KernelThread| thread.tid() as i32;
    b.process().setpgid(0, 0).unwrap();
    let sleepers = [-1, pid(&a), pid(&b), 0, -pid(&b)].map(|pid| token(&init, pid, WUNTRACED));
    a.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(woken(&table, sleepers), [true, true, false, true, false]);
    b.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(woken(&table, sleepers), [true, false, true, false, true]);
    a.process().report_group_continued();
    assert_eq!(woken(&table, sleepers), [true, true, false, true, false]);
    exit(&b, 0);
    assert_eq!(woken(&table, sleepers), [true, false, true, false, true]);
}

#[test]
fn who_has_left_the_group_wakes_nobody_that_waits_for_it() {
    // R-WAIT-09: neither the leaving nor the end; the call sleeps on, and tells ECHILD only when it looks again.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setpgid(0, 0).unwrap();
    let child = fork(&shell);
    let request = WaitRequest::wait4(0, 0).unwrap();
    let call = shell.begin_wait(&request);
    let Ok(WaitOutcome::NothingYet(sleeper)) = call.poll() else { panic!("it lives") };
    child.process().setpgid(0, 0).unwrap();
    assert!(!shell.process().has_news_since(sleeper));
    exit(&child, 0);
    assert_eq!(woken(&table, [sleeper]), [false]);
    assert_eq!(poll(&call), NO_CHILD);
}

#[test]
fn only_ones_own_children_wake_who_waits_for_them_alone() {
    // R-WAIT-09: with __WNOTHREAD, a child of the very thread that sleeps, also if that is the leader.
    let (table, init) = boot();
    let main = fork(&init);
    let thread = spawn(&main);
    let [of_main, of_thread] = [fork(&main), fork(&thread)];
    let sleepers =
        [token(&main, -1, WNOTHREAD), token(&thread, -1, WNOTHREAD), token(&thread, -1, 0)];
    exit(&of_main, 0);
    assert_eq!(woken(&table, sleepers), [true, false, true]);
    exit(&of_thread, 0);
    assert_eq!(woken(&table, sleepers), [false, true, true]);
}

#[test]
fn a_child_that_another_thread_traces_wakes_nobody_that_waits_for_ones_own() {
    // R-WAIT-09: with __WNOTHREAD it is the tracer's, though its group stop is for both to see.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let number = child.tid() as i32;
    let sleepers = [WUNTRACED, WUNTRACED | WNOTHREAD].map(|options| token(&init, number, options));
    child.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(woken(&table, sleepers), [true, false]);
}

#[test]
fn who_vanishes_wakes_those_that_wait_for_it() {
    // R-NOTIFY-10, R-WAIT-09: as a child of that number, group and thread, although it is none any more.
    let (table, init) = boot();
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    let [child, other] = [fork(&init), fork(&init)];
    let group = child.tid() as i32;
    child.process().setpgid(0, 0).unwrap();
    let sleepers = [
        token(&init, group, 0),
        token(&init, -group, 0),
        token(&init, -1, WNOTHREAD),
        token(&init, other.tid() as i32, 0),
    ];
    exit(&child, 0);
    assert_eq!(woken(&table, sleepers), [true, true, true, false]);
    assert_eq!(wait4(&init, -group, 0), NO_CHILD);
}
