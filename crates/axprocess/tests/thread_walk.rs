//! What is decided for a whole process and done to one thread after the other: what can happen between two holds of that.

mod stepping;

use std::cell::{Cell, RefCell};

use axprocess::{
    ARef, DiscardedSignals, ExitStatus, ForkRequest, Host, Number, Pid, Process, ProcessState,
    ProcessTable, Relations, Signal, SignalAction, SignalInfo, StopDecision, ThreadStop,
    TraceOptions, TraceStart, TraceStop, View, WaitOutcome, WaitRequest,
};
use stepping::{Counted, holds, holds_with};

type Thread = ARef<axprocess::Thread<Kernel>>;

thread_local! {
    /// Who was asked to exit, who to stop, and what was posted for whom.
    static EXITS: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
    static STOPS: RefCell<Vec<Pid>> = const { RefCell::new(Vec::new()) };
    static POSTED: RefCell<Vec<Signal>> = const { RefCell::new(Vec::new()) };
    /// Up to which number threads block what can be blocked.
    static BLOCKED_UPTO: Cell<Pid> = const { Cell::new(0) };
    static ACTION: Cell<SignalAction> = const { Cell::new(SignalAction::Default) };
    static QUEUED: RefCell<Vec<Signal>> = const { RefCell::new(Vec::new()) };
}

/// Signals have their default actions.
struct Kernel;

impl Host for Kernel {
    type Lock = Counted<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        _: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        POSTED.with_borrow_mut(|posted| posted.push(info.signal));
        QUEUED.with_borrow_mut(|queued| queued.push(info.signal));
    }

    fn signal_action(&self, _: View<'_, Self>, _: &Process<Self>, _: Signal) -> SignalAction {
        ACTION.get()
    }

    fn is_signal_blocked(
        &self,
        _: View<'_, Self>,
        thread: &axprocess::Thread<Self>,
        _: Signal,
    ) -> bool {
        thread.tid() <= BLOCKED_UPTO.get()
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        _: &Process<Self>,
        _: Option<&axprocess::Thread<Self>>,
        signal: Signal,
    ) -> bool {
        QUEUED.with_borrow(|queued| queued.contains(&signal))
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        EXITS.with_borrow_mut(|exits| exits.push(thread.tid()));
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        STOPS.with_borrow_mut(|stops| stops.push(thread.tid()));
    }
}

/// Init, and a child of it with so many threads beside the leader, which is the first.
fn process_of(threads: usize) -> (ProcessTable<Kernel>, Thread, Vec<Thread>) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    let mut all = vec![init.fork(ForkRequest::default(), (), ()).unwrap()];
    all.extend((0..threads).map(|_| spawn(&all[0])).collect::<Vec<_>>());
    (table, init, all)
}

fn spawn(leader: &Thread) -> Thread {
    leader.spawn_thread(Number::Next, ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn tids(threads: &[Thread]) -> Vec<Pid> {
    threads.iter().map(|thread| thread.tid()).collect()
}

/// A real-time signal: each waits.
const RT: i32 = 34;

#[test]
fn who_exits_while_threads_are_told_hides_no_other() {
    // R-EXIT-08: each living thread is asked once, also if the one exits at which the walk has paused, or all before it.
    let (table, _init, threads) = process_of(200);
    let leaving = threads[..70].to_vec();
    let step = move || leaving.iter().for_each(exit);
    let process = threads[0].process().clone();
    let (holds, _) = holds_with(2, step, || process.begin_group_exit(ExitStatus::exited(1)));
    let (first, rest) = (tids(&threads[..48]), tids(&threads[70..]));
    assert_eq!(EXITS.take(), [first, rest].concat());
    assert!(holds >= 4, "{holds}");
    assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
}

#[test]
fn a_sigkill_is_told_to_all_before_the_sender_goes_on() {
    // R-EXIT-10: the exit is decided in the first hold, so that nobody joins; the sender's call comes back when all were asked.
    let (_table, init, threads) = process_of(200);
    let (leader, number) = (threads[0].clone(), threads[0].tid() as i32);
    let step = move || {
        assert!(leader.process().is_group_exiting());
        assert_eq!(EXITS.with_borrow(Vec::len), 48);
        assert!(leader.spawn_thread(Number::Next, ()).is_err());
    };
    let (_, sent) = holds_with(2, step, || init.kill(number, 9));
    assert_eq!(sent, Ok(()));
    assert_eq!(EXITS.take(), tids(&threads));
}

#[test]
fn a_sigcont_amid_a_stop_ends_it_for_those_who_were_not_asked_yet() {
    // R-STOP-06, R-FORK-13: the rest is not asked to stop, and a thread that has joined meanwhile does not either.
    let (_table, _init, threads) = process_of(200);
    let (leader, continued) = (threads[0].clone(), threads[1].clone());
    let step = move || {
        assert!(spawn(&continued).is_group_stop_requested());
        let discarded = continued.process().note_signal_sent(Signal::SIGCONT);
        assert_eq!(discarded, DiscardedSignals::Stops);
    };
    let ticket = leader.process().stop_ticket();
    let (_, decision) = holds_with(2, step, || leader.begin_stop(Signal::SIGSTOP, ticket));
    assert_eq!(decision, StopDecision::Stop);
    assert_eq!(STOPS.take(), tids(&threads[1..48]));
    assert_eq!(leader.join_stop(), ThreadStop::RunsOn);
}

#[test]
fn who_stops_before_it_is_asked_is_not_asked() {
    // R-STOP-03: the round is the process's, so who looks by itself takes part; the stop is complete when all have.
    let (_table, _init, threads) = process_of(200);
    let (leader, early) = (threads[0].clone(), threads[100..].to_vec());
    let step = move || early.iter().for_each(|it| _ = it.join_stop());
    let ticket = leader.process().stop_ticket();
    holds_with(2, step, || leader.begin_stop(Signal::SIGSTOP, ticket));
    assert_eq!(STOPS.take(), tids(&threads[1..100]));
    let stops: Vec<_> = threads[..100].iter().map(|it| it.join_stop()).collect();
    assert_eq!(stops[99], ThreadStop::Last);
}

/// Sends a signal that only the last of 200 threads does not block, with a step before the second hold. Whether the process ends by it.
fn ends_by_signal_with(step: impl FnOnce(Thread) + 'static) -> (bool, ExitStatus) {
    let (_table, init, threads) = process_of(200);
    BLOCKED_UPTO.set(threads[199].tid());
    let (leader, number) = (threads[0].clone(), threads[0].tid() as i32);
    let (_, sent) = holds_with(2, move || step(leader), || init.kill(number, RT));
    assert_eq!(sent, Ok(()));
    (threads[0].process().is_group_exiting(), threads[0].process().exit_status())
}

#[test]
fn a_signal_that_the_last_thread_takes_ends_the_process() {
    // R-EXIT-10: whoever it is that can take it, the exit is decided when the sender's call comes back.
    let by_signal = ExitStatus::killed(Signal::new(RT as u8).unwrap());
    assert_eq!(ends_by_signal_with(|_| ()), (true, by_signal));
}

#[test]
fn a_signal_that_has_left_the_queue_ends_nobody() {
    // R-EXIT-10: a thread has taken it while the others were asked, as by sigwait(3).
    assert!(!ends_by_signal_with(|_| drop(QUEUED.take())).0);
}

#[test]
fn a_signal_that_is_handled_by_now_ends_nobody() {
    // R-EXIT-10, R-KILL-10: a handler was set, or the signal is ignored, while the threads were asked.
    assert!(!ends_by_signal_with(|_| ACTION.set(SignalAction::Handle)).0);
    ACTION.set(SignalAction::Default);
    assert!(!ends_by_signal_with(|_| ACTION.set(SignalAction::Ignore)).0);
}

#[test]
fn a_sigkill_overtakes_a_signal_whose_taker_is_looked_for() {
    // R-EXIT-06, R-EXIT-10: the exit is decided once.
    let step = |leader: Thread| _ = leader.kill(leader.tid() as i32, 9);
    assert_eq!(ends_by_signal_with(step), (true, ExitStatus::killed(Signal::SIGKILL)));
}

#[test]
fn a_signal_that_all_block_is_queued() {
    // R-EXIT-10: nobody takes it; the threads are asked in bounded holds.
    let (table, init, threads) = process_of(200);
    BLOCKED_UPTO.set(threads[200].tid());
    let kill = || init.kill(threads[0].tid() as i32, RT);
    let (holds, sent) = holds(kill);
    assert_eq!((sent, threads[0].process().is_group_exiting()), (Ok(()), false));
    assert!(holds >= 4 && table.audit().longest_hold <= 64, "{holds}, {:?}", table.audit());
}

/// A parent whose only child has so many threads, each with a wish for a signal that the child handles.
fn armed(threads: usize) -> (ProcessTable<Kernel>, Thread, Thread, Vec<Thread>) {
    let (table, init, mut all) = process_of(0);
    let parent = all.remove(0);
    let child = parent.fork(ForkRequest::default(), (), ()).unwrap();
    let mut armed = vec![child.clone()];
    armed.extend((1..threads).map(|_| spawn(&child)));
    for thread in &armed {
        thread.set_parent_death_signal(Signal::new(RT as u8));
    }
    ACTION.set(SignalAction::Handle);
    (table, init, parent, armed)
}

fn wishes_sent() -> usize {
    POSTED.take().into_iter().filter(|it| it.number() == RT as u8).count()
}

#[test]
fn a_parent_is_no_zombie_before_all_wishes_are_sent() {
    // R-PDEATH-03, R-REPARENT-08: the child has its new parent from the first hold on, and who exits goes on when all is sent.
    let (table, init, parent, threads) = armed(200);
    let (process, child) = (parent.process().clone(), threads[0].process().clone());
    let step = move || {
        assert_eq!((process.state(), child.ppid()), (ProcessState::Exiting, 1));
        assert!(POSTED.with_borrow(Vec::len) < 70);
    };
    holds_with(2, step, || exit(&parent));
    assert_eq!((wishes_sent(), parent.process().state()), (200, ProcessState::Zombie));
    assert!(init.wait(&WaitRequest::wait4(-1, 1).unwrap()).is_ok());
    assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
}

#[test]
fn each_wish_is_sent_once_whoever_exits_meanwhile() {
    // R-PDEATH-03: a wish ends with its thread; those that were sent are not sent again when the walk begins behind a thread that is gone.
    let (_table, _init, parent, threads) = armed(200);
    let leaving = threads[40..100].to_vec();
    holds_with(2, move || leaving.iter().for_each(exit), || exit(&parent));
    let sent = wishes_sent();
    assert!((200 - 60..=200 - 30).contains(&sent), "{sent}");
}

#[test]
fn the_wish_of_who_has_execd_meanwhile_is_sent_once() {
    // R-PDEATH-03, R-EXEC-06: exec keeps it, and takes the others' away.
    let (_table, _init, parent, threads) = armed(200);
    let last = threads[199].clone();
    holds_with(2, move || last.exec().unwrap(), || exit(&parent));
    let sent = wishes_sent();
    assert!((2..70).contains(&sent), "{sent}");
    assert_eq!(threads[199].parent_death_signal().map(Signal::number), Some(RT as u8));
}

#[test]
fn a_fatal_wish_ends_the_child_and_no_other_is_sent() {
    // R-EXIT-12, R-PDEATH-03: who is ending takes nothing more; all are asked to exit, each once.
    let (_table, _init, parent, threads) = armed(200);
    ACTION.set(SignalAction::Default);
    exit(&parent);
    assert_eq!((wishes_sent(), EXITS.take()), (1, tids(&threads)));
}

#[test]
fn a_tracee_that_is_let_go_while_the_tracer_looks_hides_no_other() {
    // R-PTRACE-03, design: a look of several holds that has paused at one that is gone begins anew.
    let (table, init, mut all) = process_of(0);
    let tracer = all.remove(0);
    let tracees: Vec<_> =
        (0..200).map(|_| init.fork(ForkRequest::default(), (), ()).unwrap()).collect();
    for tracee in &tracees {
        tracer
            .attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::default())
            .unwrap();
    }
    let look = || tracer.wait(&WaitRequest::wait4(-1, 1).unwrap());
    let (count, nothing) = holds(look);
    assert!(matches!(nothing, Ok(WaitOutcome::NothingYet(_))));
    assert!(count >= 4 && table.audit().longest_hold <= 64, "{count}, {:?}", table.audit());
    tracees[0].trace_stop(TraceStop::from(Signal::SIGSTOP));
    let (leaving, by) = (tracees[100..180].to_vec(), tracer.clone());
    let step = move || {
        for tracee in leaving {
            tracee.trace_stop(TraceStop::from(Signal::SIGSTOP));
            by.detach(tracee.tid().cast_signed()).unwrap();
        }
    };
    let (_, found) = holds_with(2, step, look);
    let Ok(WaitOutcome::Event(event)) = found else { panic!("one has stopped") };
    assert_eq!(event.pid, tracees[0].tid());
}

#[test]
fn dead_threads_are_passed_whatever_the_order_in_which_they_die_and_are_reaped() {
    // R-PTRACE-06, R-REPARENT-02: what is dead and traced stands in runs, which grow, meet and shrink; the checker looks at each. A child goes to the first that lives.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |count: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % count as u64) as usize
    };
    for _ in 0..60 {
        let (_table, init, threads) = process_of(9);
        let tracer = init.fork(ForkRequest::default(), (), ()).unwrap();
        for thread in threads[1..].iter().filter(|it| it.tid() % 4 != 0) {
            tracer
                .attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::default())
                .unwrap();
        }
        // Each but the last exits, and is reaped, soon or late.
        let mut steps: Vec<_> = (0..9).flat_map(|it| [it; 3]).collect();
        let mut living = [true; 10];
        while !steps.is_empty() {
            let at = steps.swap_remove(below(steps.len()));
            let thread = &threads[at];
            match living[at] {
                true => exit(thread),
                false => {
                    const WALL: i32 = 0x4000_0000;
                    let request = WaitRequest::wait4(thread.tid() as i32, WALL | 1).unwrap();
                    drop(tracer.wait(&request));
                }
            }
            living[at] = false;
            let made = threads[at].process().fork_child(ForkRequest::default(), (), ()).unwrap();
            let first = living.iter().position(|lives| *lives).unwrap();
            let of_first = threads[first].children().unwrap();
            assert!(of_first.iter().any(|it| it.pid() == made.tid()));
        }
    }
}

#[test]
fn a_table_with_many_threads_is_dropped_in_bounded_holds() {
    // Design: each thread, child and tracee is a step of its own.
    let (table, init, threads) = process_of(200);
    for thread in &threads[1..] {
        thread.fork(ForkRequest::default(), (), ()).unwrap();
    }
    init.attach(threads[7].tid().cast_signed(), TraceStart::Seize, TraceOptions::default())
        .unwrap();
    let (holds, ()) = holds(|| drop(table));
    assert!(holds >= 2 * 200 / 48, "{holds}");
    assert_eq!(threads[3].process().state(), ProcessState::Reaped);
}
