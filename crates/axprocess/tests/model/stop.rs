//! Group stops: who begins, who takes part, what the parent learns.

use crate::kernel::*;
use axprocess::{
    DiscardedSignals, ExitStatus, Signal, SignalCause, StopDecision, ThreadStop, WaitStatus,
};

const STOP: Signal = Signal::SIGSTOP;

/// A shell, process 2, and its job, process 3: in a group that is not orphaned.
fn shell_and_job() -> (Table, [KernelThread; 2], KernelThread) {
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job = fork(&shell);
    job.process().setpgid(0, 0).unwrap();
    (table, [shell, init], job)
}

/// The same, the job with two threads more.
fn three_threads() -> (Table, [KernelThread; 2], [KernelThread; 3]) {
    let (table, parents, leader) = shell_and_job();
    let threads = [leader.clone(), spawn(&leader), spawn(&leader)];
    (table, parents, threads)
}

/// The thread takes the default action of a stop signal that was just taken from its queue.
fn begin(thread: &KernelThread, signal: Signal) -> StopDecision {
    thread.begin_stop(signal, thread.process().stop_ticket())
}

fn stopped(signal: Signal) -> Event {
    Event::Signal(2, 17, 3, WaitStatus::Stopped(signal))
}

const CONTINUED: Event = Event::Signal(2, 17, 3, WaitStatus::Continued);

fn report([shell, _]: &[KernelThread; 2]) -> Waited {
    wait4(shell, -1, WUNTRACED | WCONTINUED | WNOHANG)
}

fn resume(thread: &KernelThread) {
    assert_eq!(thread.process().note_signal_sent(Signal::SIGCONT), DiscardedSignals::Stops);
}

#[test]
fn stop_and_continue_signals_discard_each_other() {
    // R-STOP-01: at send, whatever the receiver does about them.
    let (_table, init) = boot();
    let sent = |signal| init.process().note_signal_sent(signal);
    for signal in [STOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        assert_eq!(sent(signal), DiscardedSignals::Continue);
    }
    assert_eq!(sent(Signal::SIGCONT), DiscardedSignals::Stops);
    assert_eq!(sent(Signal::SIGTERM), DiscardedSignals::Nothing);
}

#[test]
fn a_stop_is_complete_with_the_last_thread() {
    // R-STOP-03 to R-STOP-05, R-NOTIFY-12: one notification, with the last; the others are asked to stop.
    let (table, parents, [leader, a, b]) = three_threads();
    assert_eq!(begin(&a, Signal::SIGTTIN), StopDecision::Stop);
    assert_eq!(events(&table), [leader.tid(), b.tid()].map(Event::StopRequest));
    assert!(leader.is_group_stop_requested() && b.is_group_stop_requested());
    assert_eq!(begin(&b, STOP), StopDecision::Stop, "R-STOP-05: takes part");
    assert_eq!(a.join_stop(), ThreadStop::OthersRun);
    assert_eq!(b.join_stop(), ThreadStop::OthersRun);
    assert_eq!(report(&parents), Waited::Nothing);
    assert!(!leader.process().is_stopped());
    assert_eq!(leader.join_stop(), ThreadStop::Last);
    assert_eq!(events(&table), [stopped(Signal::SIGTTIN), Event::Wake(2)]);
    assert_eq!(leader.join_stop(), ThreadStop::Joined);
    assert_eq!(events(&table), []);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Stopped(Signal::SIGTTIN)));
    assert_eq!(begin(&a, STOP), StopDecision::Stop);
    assert_eq!((events(&table), report(&parents)), (vec![], Waited::Nothing), "R-STOP-05: once");
}

#[test]
fn a_continuation_resumes_at_once_and_is_told_by_who_runs() {
    // R-STOP-02, R-STOP-06, R-NOTIFY-13: the unreported stop is lost; CLD_CONTINUED comes once, from the first thread that runs.
    let (table, parents, threads) = three_threads();
    begin(&threads[0], STOP);
    threads.iter().for_each(|thread| _ = thread.join_stop());
    events(&table);
    resume(&threads[0]);
    assert!(!threads[0].process().is_stopped());
    assert_eq!(events(&table), [], "not the sender");
    assert_eq!(threads[1].join_stop(), ThreadStop::RunsOn);
    threads[1].notify_parent_if_continued();
    threads[2].notify_parent_if_continued();
    assert_eq!(events(&table), [CONTINUED, Event::Wake(2)]);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Continued));
    assert_eq!(report(&parents), Waited::Nothing);
}

#[test]
fn an_inner_init_is_continued_from_inside() {
    // R-STOP-02: SIGCONT resumes it although its own namespace's signals cannot harm it, and although nothing handles it.
    let (table, init) = boot();
    let new =
        axprocess::ForkRequest { namespace: axprocess::ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&init, new).unwrap();
    let child = fork(&inner);
    begin(&inner, STOP);
    inner.join_stop();
    events(&table);
    assert_eq!(child.kill(1, 18), Ok(()));
    assert!(!inner.process().is_stopped());
    inner.notify_parent_if_continued();
    assert_eq!(signals(&table), [Event::Signal(1, 17, 2, WaitStatus::Continued)]);
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Got(2, WaitStatus::Continued));
}

#[test]
fn a_continuation_of_an_unfinished_stop_is_told_as_a_stop() {
    // R-STOP-06: CLD_STOPPED with status 0 and nothing else; wait reports the continuation.
    let (table, parents, [leader, a, _b]) = three_threads();
    begin(&a, STOP);
    a.join_stop();
    events(&table);
    resume(&a);
    assert!(!leader.is_group_stop_requested());
    assert_eq!(leader.join_stop(), ThreadStop::RunsOn);
    a.notify_parent_if_continued();
    leader.notify_parent_if_continued();
    let undone = Event::Posted(2, 17, SignalCause::ChildStopUndone { pid: 3 });
    assert_eq!(events(&table), [undone, Event::Wake(2)]);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Continued));
    begin(&a, Signal::SIGTSTP);
    assert!(a.is_group_stop_requested(), "a new stop waits for all again");
}

#[test]
fn b25_a_process_without_its_leader_stops_and_continues() {
    // B25, R-STOP-10: its stop awaits the threads that live, its events are reported, and it holds ECHILD off in between.
    let (table, parents, [leader, a, b]) = three_threads();
    exit(&leader, 0);
    events(&table);
    begin(&a, STOP);
    a.join_stop();
    assert_eq!(report(&parents), Waited::Nothing);
    b.join_stop();
    assert_eq!(signals(&table), [stopped(STOP)]);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Stopped(STOP)));
    resume(&b);
    a.notify_parent_if_continued();
    assert_eq!(signals(&table), [CONTINUED]);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Continued));
    assert_eq!(report(&parents), Waited::Nothing);
}

#[test]
fn a_new_stop_voids_the_continuation() {
    // R-STOP-07: its report, and its notice if nobody has run since.
    let (table, parents, child) = shell_and_job();
    begin(&child, STOP);
    child.join_stop();
    resume(&child);
    begin(&child, Signal::SIGTSTP);
    events(&table);
    child.join_stop();
    child.notify_parent_if_continued();
    assert_eq!(events(&table), [stopped(Signal::SIGTSTP), Event::Wake(2)]);
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Stopped(Signal::SIGTSTP)));
    assert_eq!(report(&parents), Waited::Nothing);
}

#[test]
fn a_stop_that_meets_its_continuation_is_void() {
    // R-STOP-09: SIGCONT after the stop signal left its queue and before the stop began, by kill as well.
    let (table, parents, child) = shell_and_job();
    for sends in [resume, |it: &KernelThread| it.kill(3, 18).unwrap()] {
        let ticket = child.process().stop_ticket();
        sends(&child);
        assert_eq!(child.begin_stop(STOP, ticket), StopDecision::CancelledByCont);
    }
    child.notify_parent_if_continued();
    assert_eq!(child.join_stop(), ThreadStop::RunsOn);
    assert_eq!((signals(&table), report(&parents)), (vec![], Waited::Nothing));
}

#[test]
fn a_stop_that_an_orphaned_group_discards_is_discarded_continued_or_not() {
    // R-STOP-09, R-ORPHAN-09: so that the thread looks at once whether there is a continuation to tell of.
    let (_table, init) = boot();
    let child = fork(&init);
    let ticket = child.process().stop_ticket();
    resume(&child);
    assert_eq!(child.begin_stop(Signal::SIGTSTP, ticket), StopDecision::Discard);
    assert_eq!(child.begin_stop(STOP, ticket), StopDecision::CancelledByCont);
}

#[test]
fn sigcont_to_a_running_process_is_no_event() {
    // R-STOP-06, R-STOP-11.
    let (table, parents, child) = shell_and_job();
    resume(&child);
    child.notify_parent_if_continued();
    assert_eq!((events(&table), report(&parents)), (vec![], Waited::Nothing));
}

#[test]
fn a_thread_that_exits_counts_as_stopped() {
    // R-EXIT-16, B24: it may complete the stop; the number told is the process's. One that had stopped counts once.
    let (table, parents, [leader, a, b]) = three_threads();
    begin(&a, STOP);
    a.join_stop();
    exit(&a, 0);
    exit(&leader, 0);
    assert_eq!(signals(&table), []);
    assert!(b.is_group_stop_requested());
    exit(&spawn(&b), 0);
    let late = spawn(&b);
    assert_eq!(b.join_stop(), ThreadStop::OthersRun);
    exit(&late, 0);
    assert_eq!(signals(&table), [stopped(STOP)]);
    assert!(b.process().is_stopped());
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Stopped(STOP)), "R-STOP-10, B25");
}

#[test]
fn the_last_thread_ends_the_process_and_stops_nothing() {
    // R-EXIT-13, R-EXIT-16: no stop is told of a process that has ended.
    let (table, parents, child) = shell_and_job();
    begin(&child, STOP);
    exit(&child, 3);
    assert_eq!(signals(&table), [Event::Signal(2, 17, 3, WaitStatus::Exited(3))]);
    assert_eq!(report(&parents), exited(3, 3));
}

#[test]
fn b26_a_thread_made_during_a_stop_stops_too() {
    // B26, R-FORK-13: the stop waits for it; when it is complete already, the newcomer just joins.
    let (table, _init, [leader, a, b]) = three_threads();
    begin(&a, STOP);
    let late = spawn(&b);
    assert!(late.is_group_stop_requested());
    for thread in [&leader, &a, &b] {
        assert_eq!(thread.join_stop(), ThreadStop::OthersRun);
    }
    assert_eq!(late.join_stop(), ThreadStop::Last);
    events(&table);
    let later = spawn(&b);
    assert!(later.is_group_stop_requested());
    assert_eq!(later.join_stop(), ThreadStop::Joined);
    assert_eq!(events(&table), []);
}

#[test]
fn a_child_inherits_no_stop() {
    // R-FORK-15: neither the state nor a report.
    let (_table, init) = boot();
    let parent = fork(&init);
    parent.process().report_group_stopped(STOP);
    let child = fork(&parent);
    assert!(!child.process().is_stopped() && !child.is_group_stop_requested());
    assert_eq!(wait4(&parent, -1, WUNTRACED | WNOHANG), Waited::Nothing);
}

#[test]
fn a_group_exit_ends_the_stop() {
    // R-EXIT-13, R-STOP-08: complete or in progress, nothing of it is told any more.
    for completes in [ThreadStop::OthersRun, ThreadStop::Last] {
        let (table, parents, threads) = three_threads();
        begin(&threads[0], STOP);
        for thread in &threads {
            if completes == ThreadStop::Last {
                thread.join_stop();
            }
        }
        events(&table);
        threads[0].process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL));
        resume(&threads[0]);
        assert!(!threads[1].is_group_stop_requested() && !threads[0].process().is_stopped());
        assert_eq!(threads[1].join_stop(), ThreadStop::RunsOn);
        assert_eq!(begin(&threads[1], STOP), StopDecision::Discard);
        threads[1].notify_parent_if_continued();
        assert_eq!((events(&table), report(&parents)), (vec![], Waited::Nothing));
    }
}

#[test]
fn a_zombie_ignores_stops_and_continuations() {
    // R-STOP-12.
    let (table, parents, child) = shell_and_job();
    exit(&child, 0);
    events(&table);
    resume(&child);
    assert_eq!(begin(&child, STOP), StopDecision::Discard);
    child.notify_parent_if_continued();
    assert_eq!(events(&table), []);
    assert_eq!(report(&parents), exited(3, 0));
}

#[test]
fn exec_ends_an_unfinished_stop() {
    // R-EXEC-01: the threads that it waits for are gone; nobody is told.
    let (table, parents, [_leader, a, b]) = three_threads();
    begin(&a, STOP);
    b.exec().unwrap();
    assert!(!b.is_group_stop_requested());
    assert_eq!((signals(&table), report(&parents)), (vec![], Waited::Nothing));
}

#[test]
fn b4_terminal_stops_are_discarded_in_an_orphaned_group() {
    // B4, R-ORPHAN-09: at delivery; SIGSTOP stops there, and all stop elsewhere.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job = fork(&shell);
    job.process().setpgid(0, 0).unwrap();
    let terminal = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
    for signal in terminal {
        assert_eq!(shell.process().would_stop(signal), StopDecision::Discard);
        assert_eq!(begin(&shell, signal), StopDecision::Discard);
        assert_eq!(job.process().would_stop(signal), StopDecision::Stop);
    }
    assert!(!shell.is_group_stop_requested());
    assert_eq!(shell.process().would_stop(STOP), StopDecision::Stop);
    assert_eq!(shell.process().would_stop(Signal::SIGTERM), StopDecision::Discard);
    events(&table);
    assert_eq!(begin(&shell, STOP), StopDecision::Stop);
    assert_eq!(shell.join_stop(), ThreadStop::Last);
}

#[test]
fn an_adopted_stop_is_reported_to_the_new_parent() {
    // R-NOTIFY-14, R-REPARENT-13: to the real parent of the moment, by SIGCHLD whatever the exit signal, also when its leader has gone.
    let (table, init) = boot();
    let parent = fork(&init);
    let second = spawn(&parent);
    let silent =
        axprocess::ForkRequest { exit_signal: axprocess::ExitSignal::NONE, ..Default::default() };
    let child = fork_with(&second, silent).unwrap();
    exit(&parent, 0);
    begin(&child, STOP);
    child.join_stop();
    let told = Event::Signal(2, 17, child.tid(), WaitStatus::Stopped(STOP));
    assert_eq!(signals(&table), [told]);
    exit(&second, 0);
    let found = Waited::Got(child.tid(), WaitStatus::Stopped(STOP));
    assert_eq!(wait4(&init, child.tid() as i32, WUNTRACED), found);
}

#[test]
fn a_continuation_that_the_kernel_reports_early_changes_nothing() {
    // R-STOP-06: `group_continued` is about a process that is stopped; a stop in progress goes on.
    let (_table, relatives, [leader, second, third]) = three_threads();
    begin(&leader, Signal::SIGSTOP);
    leader.process().report_group_continued();
    assert_eq!(report(&relatives), Waited::Nothing);
    [&leader, &second, &third].into_iter().for_each(|thread| _ = thread.join_stop());
    assert!(leader.process().is_stopped());
}

#[test]
fn exec_leaves_a_complete_stop_alone() {
    // R-STOP-03: as in Linux's zap_other_threads: it forgets for whom a stop waits, and no more.
    let (_table, relatives, job) = shell_and_job();
    job.process().report_group_stopped(Signal::SIGSTOP);
    job.exec().unwrap();
    assert!(job.process().is_stopped());
    assert!(report(&relatives).is_event());
}

#[test]
fn a_kernel_may_complete_a_stop_that_its_threads_have_begun() {
    // R-STOP-04, R-NOTIFY-12: what is reported is the signal that began it, once.
    let (table, parents, [leader, a, b]) = three_threads();
    begin(&a, Signal::SIGTSTP);
    assert_eq!(a.join_stop(), ThreadStop::OthersRun);
    leader.process().report_group_stopped(STOP);
    assert_eq!(signals(&table), [stopped(Signal::SIGTSTP)]);
    assert!(leader.process().is_stopped());
    assert_eq!(report(&parents), Waited::Got(3, WaitStatus::Stopped(Signal::SIGTSTP)));
    assert_eq!(b.join_stop(), ThreadStop::Joined);
    assert_eq!(signals(&table), []);
}

#[test]
fn a_stop_goes_on_waiting_when_one_of_several_exits() {
    // R-EXIT-16: it counts as one that has stopped; the last one completes the stop.
    let (table, _parents, [leader, a, b]) = three_threads();
    begin(&a, STOP);
    exit(&b, 0);
    assert_eq!(signals(&table), []);
    assert!(!b.is_group_stop_requested() && !leader.process().is_stopped());
    assert_eq!(a.join_stop(), ThreadStop::OthersRun);
    assert_eq!(leader.join_stop(), ThreadStop::Last);
    assert_eq!(signals(&table), [stopped(STOP)]);
}
