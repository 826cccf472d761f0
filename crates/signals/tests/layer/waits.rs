//! Calls that wait for signals: rt_sigsuspend, rt_sigtimedwait, and those that have a mask beside.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, ExitStatus, Signal};
use axprocess_signals::{EndedBy, Restart, SignalSet};

fn suspend(thread: &Thread, numbers: &[u8]) {
    signals_of(thread).rt_sigsuspend(8, || Ok(set(numbers))).unwrap();
}

fn begin_mask(thread: &Thread, numbers: &[u8]) {
    signals_of(thread).begin_mask_of_call(8, || Ok(set(numbers))).unwrap();
}

fn blocked(thread: &Thread) -> SignalSet {
    signals_of(thread).blocked()
}

#[test]
fn a_suspended_thread_takes_what_its_mask_opens() {
    // R-SIG-48: at once; the handler runs under the mask of the call, and behind it that from before is in force.
    let (_table, init, child) = scene();
    handle(&child, &[USR1, USR2]);
    let before = [HUP, USR1, USR2];
    for is_pending_before in [true, false] {
        block(&child, &before);
        if is_pending_before {
            kill(&init, &child, USR1);
        }
        suspend(&child, &[USR2]);
        assert_eq!(is_told(&child), is_pending_before);
        kill(&init, &child, USR2);
        if !is_pending_before {
            assert!(!is_told(&child));
            kill(&init, &child, USR1);
        }
        let mut program = Program::of(&child);
        assert_eq!(program.run(), [Seen::Handler(USR1)]);
        assert_eq!(blocked(&child), set(&[USR1, USR2]));
        assert!(!Restart::UnlessHandled.with_handler(&program.frames[0]), "it is EINTR");
        assert_eq!(program.frames[0].saved_mask, set(&before));
        // It is the frame's to bring that back, and nobody else's.
        child.add_attention(axprocess::Attention::HOST_0);
        assert_eq!(program.run(), []);
        assert_eq!(blocked(&child), set(&[USR1, USR2]));
        assert_eq!(program.run_handlers(), [USR1]);
        assert_eq!(blocked(&child), set(&before));
        assert_eq!(numbers(&take_all(&child)), [USR2]);
    }
    let read = || Err(Errno::EFAULT);
    assert_eq!(signals_of(&child).rt_sigsuspend(8, read), Err(Errno::EFAULT));
    assert_eq!(blocked(&child), set(&before));
}

#[test]
fn a_suspended_thread_waits_on_without_a_handler() {
    // R-SIG-49: a stop, or a signal that is ignored, ends nothing: the call is made again, under its mask. R-SIG-47: what is ignored is discarded when the mask opens it.
    let (_table, init) = boot();
    let child = job(&init);
    ignore(&child, &[HUP]);
    block(&child, &[HUP, URG]);
    kill(&init, &child, HUP);
    kill(&init, &child, URG);
    for mask_of_call in [suspend, begin_mask] {
        mask_of_call(&child, &[40]);
        assert_eq!(look(&child), []);
        assert_eq!(pending(&child), NOTHING);
        assert_eq!(blocked(&child), set(&[HUP, URG]), "and the mask comes back between");
        mask_of_call(&child, &[40]);
        assert_eq!(blocked(&child), set(&[40]));
        kill(&init, &child, TSTP);
        assert_eq!(look(&child), [Seen::Stop]);
        assert_eq!(blocked(&child), set(&[40]), "which is the call's in the stop");
        kill(&init, &child, CONT);
        assert_eq!(look(&child), []);
        kill(&init, &child, HUP);
        kill(&init, &child, URG);
    }
    assert!(Restart::UnlessHandled.without_handler());
    assert!(!Restart::Never.without_handler(), "epoll_pwait is EINTR");
}

#[test]
fn a_call_that_a_signal_ends_has_its_mask_in_the_handler() {
    // R-SIG-50, R-SIG-52: a pending signal that the mask opens is seen at once, and its handler runs under it; behind that the mask is that from before.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    block(&child, &[USR1, HUP]);
    kill(&init, &child, USR1);
    begin_mask(&child, &[USR2]);
    assert!(is_told(&child), "the call does not sleep");
    signals_of(&child).end_mask_of_call(EndedBy::Signal);
    assert_eq!(blocked(&child), set(&[USR2]));
    let mut program = Program::of(&child);
    assert_eq!(program.run(), [Seen::Handler(USR1)]);
    assert_eq!(blocked(&child), set(&[USR1, USR2]));
    program.run_handlers();
    assert_eq!(blocked(&child), set(&[USR1, HUP]));
}

#[test]
fn a_call_that_is_ready_brings_the_mask_back_first() {
    // R-SIG-51, R-SIG-52: what waits that its mask had opened stays.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    block(&child, &[USR1, HUP]);
    kill(&init, &child, USR1);
    begin_mask(&child, &[USR2]);
    signals_of(&child).end_mask_of_call(EndedBy::Itself);
    assert_eq!(blocked(&child), set(&[USR1, HUP]));
    assert_eq!(look(&child), []);
    assert_eq!(pending(&child).1, set(&[USR1]));
    // A second end changes nothing.
    unblock(&child, &[HUP]);
    signals_of(&child).end_mask_of_call(EndedBy::Itself);
    assert_eq!(blocked(&child), set(&[USR1]));
}

#[test]
fn a_wait_takes_one_signal() {
    // R-SIG-53: the one that would be delivered first; of several real-time ones the others stay.
    let (_table, init, child) = scene();
    block_all(&child);
    for value in 0..3 {
        queue(&init, &child, 40, value).unwrap();
    }
    kill(&init, &child, USR1);
    tkill(&init, &child, USR2);
    kill(&init, &child, SEGV);
    let take = |numbers| take(&child, set(numbers)).as_ref().map(said);
    assert_eq!(take(&[HUP]), None);
    assert_eq!(take(&[40, 41]), Some((40, -1, 1, 0)));
    assert_eq!(pending(&child).1, set(&[USR1, SEGV, 40]));
    assert_eq!(take(&[USR1, USR2, SEGV, 40]), Some((USR2, -6, 1, 0)));
    assert_eq!(take(&[USR1, SEGV, 40]), Some((SEGV, 0, 1, 0)));
    assert_eq!(take(&[USR1, 40]), Some((USR1, 0, 1, 0)));
    assert_eq!(take(&[40]), Some((40, -1, 1, 1)));
    assert_eq!(take(&[40]), Some((40, -1, 1, 2)));
    assert_eq!(pending(&child), NOTHING);
}

#[test]
fn what_is_wrong_with_a_wait_comes_before_what_waits() {
    // R-SIG-54: what cannot be read, or is no timeout; then nothing is taken.
    let (_table, init, child) = scene();
    block(&child, &[USR1]);
    kill(&init, &child, USR1);
    for errno in [Errno::EFAULT, Errno::EINVAL] {
        let wait = signals_of(&child).rt_sigtimedwait(8, || Err(errno));
        assert_eq!(wait.map(drop), Err(errno));
    }
    assert_eq!(pending(&child).1, set(&[USR1]));
    assert_eq!(blocked(&child), set(&[USR1]));
    // A timeout of 0 leaves everything as it was.
    drop(wait_for(&child, &[HUP]));
    assert_eq!(blocked(&child), set(&[USR1]));
}

#[test]
fn nobody_waits_for_sigkill_and_sigstop() {
    // R-SIG-56: they act as ever, whatever is awaited or read.
    let (_table, init, child) = scene();
    let wait = wait_for(&child, &[KILL, STOP, USR1]);
    kill(&init, &child, STOP);
    assert_eq!(wait.finish(), None);
    assert_eq!(look(&child), [Seen::Stop]);
    kill(&init, &child, CONT);
    look(&child);
    tkill(&init, &child, STOP);
    assert_eq!(signals_of(&child).read_signalfd(SignalSet::ALL), None);
    assert!(!signals_of(&child).polls_signalfd(SignalSet::ALL));
    assert_eq!(take(&child, SignalSet::ALL), None);
    assert_eq!(pending(&child).0, set(&[STOP]));
    kill(&init, &child, KILL);
    assert_eq!(look(&child), [Seen::Exit(ExitStatus::killed(Signal::SIGKILL))]);
}

#[test]
fn a_handler_ends_a_wait_for_another_signal() {
    // R-SIG-57: one that is ignored does not.
    let (_table, init, child) = scene();
    handle(&child, &[USR2]);
    ignore(&child, &[HUP]);
    block(&child, &[USR1]);
    let wait = wait_for(&child, &[USR1]);
    for number in [HUP, URG] {
        kill(&init, &child, number);
        assert!(!is_told(&child));
    }
    kill(&init, &child, USR2);
    assert!(is_told(&child));
    assert_eq!(wait.finish(), None);
    assert_eq!(blocked(&child), set(&[USR1]));
    assert_eq!(handlers_run(&child), [USR2]);
}

#[test]
fn an_awaited_signal_need_not_be_blocked() {
    // R-SIG-58: it is taken all the same, unless its default action ends the process, or it is ignored.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    ignore(&child, &[HUP]);
    let awaited = [USR1, HUP, TERM, URG];
    let wait = wait_for(&child, &awaited);
    for number in [HUP, URG] {
        kill(&init, &child, number);
        tkill(&init, &child, number);
        assert_eq!(pending(&child), NOTHING);
    }
    kill(&init, &child, USR1);
    assert!(is_told(&child));
    assert_eq!(wait.finish().map(|info| info.signal()), Some(signal(USR1)));
    assert_eq!(look(&child), []);
    let wait = wait_for(&child, &awaited);
    kill(&init, &child, TERM);
    assert!(child.process().is_group_exiting());
    drop(wait);
    assert_eq!(look(&child), [Seen::Exit(ExitStatus::killed(Signal::SIGTERM))]);
}

#[test]
fn a_fatal_signal_that_is_blocked_is_taken_by_who_awaits_it() {
    // R-SIG-58, R-SIG-60: nobody ends by it, of kill and of tgkill.
    let (_table, init, child) = scene();
    block(&child, &[TERM]);
    for sends in [kill::<Plain>, tkill::<Plain>] {
        let wait = wait_for(&child, &[TERM]);
        sends(&init, &child, TERM);
        assert!(is_told(&child) && !child.process().is_group_exiting());
        assert_eq!(wait.finish().map(|info| info.signal()), Some(signal(TERM)));
    }
}

#[test]
fn a_fatal_signal_that_the_addressed_awaits_ends_nobody() {
    // R-SIG-58, R-SIG-29: though another thread does not block it.
    let (_table, init, leader) = scene();
    let other = spawn(&leader);
    block(&leader, &[TERM]);
    let wait = wait_for(&leader, &[TERM]);
    kill(&init, &leader, TERM);
    assert!(!leader.process().is_group_exiting());
    assert_eq!((is_told(&leader), is_told(&other)), (true, false));
    assert_eq!(wait.finish(), Some(of_kill(TERM, 1)));
}

#[test]
fn a_fatal_signal_ends_the_process_of_the_addressed_though_another_awaits_it() {
    // R-SIG-29, R-SIG-34: who is addressed is asked first, also before a leader that awaits the signal.
    let (_table, init, leader) = scene();
    let other = spawn(&leader);
    block(&leader, &[TERM]);
    let _wait = wait_for(&leader, &[TERM]);
    kill(&init, &other, TERM);
    assert!(leader.process().is_group_exiting());
}

#[test]
fn a_fatal_signal_finds_who_is_open_among_many() {
    // R-EXIT-10, R-SIG-29: however many block it, and whoever awaits it before.
    for awaits in [None, Some(10), Some(80)] {
        let (_table, init, leader) = scene();
        block(&leader, &[TERM]);
        let threads: Vec<_> = (0..99).map(|_| spawn(&leader)).collect();
        unblock(&threads[98], &[TERM]);
        let wait = awaits.map(|at: usize| wait_for(&threads[at], &[TERM]));
        kill(&init, &leader, TERM);
        assert_eq!(leader.process().is_group_exiting(), awaits.is_none());
        assert_eq!(wait.map(|wait| wait.finish()), awaits.map(|_| Some(of_kill(TERM, 1))));
    }
}

#[test]
fn a_fatal_signal_is_asked_for_from_who_took_one_last() {
    // R-SIG-30, R-SIG-60: that one awaits it, another one before it would end by it.
    let (_table, init, leader) = scene();
    handle(&leader, &[USR1]);
    block(&leader, &[TERM]);
    let (open, awaits) = (spawn(&leader), spawn(&leader));
    block(&leader, &[USR1]);
    block(&open, &[USR1]);
    unblock(&open, &[TERM]);
    kill(&init, &leader, USR1);
    assert_eq!(look(&awaits), [Seen::Handler(USR1)]);
    let wait = wait_for(&awaits, &[TERM]);
    kill(&init, &leader, TERM);
    assert!(!leader.process().is_group_exiting());
    assert_eq!(wait.finish(), Some(of_kill(TERM, 1)));
}

#[test]
fn ignored_signals_can_be_awaited() {
    // R-SIG-59: if they are blocked; before the wait, and while it lasts; and by a signalfd.
    let (_table, init, child) = scene();
    ignore(&child, &[HUP]);
    for number in [HUP, URG, CHLD, 28] {
        block(&child, &[number]);
        kill(&init, &child, number);
        assert_eq!(numbers(&take_all(&child)), [number]);
        let wait = wait_for(&child, &[number]);
        kill(&init, &child, number);
        assert!(is_told(&child));
        assert_eq!(wait.finish().map(|info| info.signal()), Some(signal(number)));
        tkill(&init, &child, number);
        let read = signals_of(&child).read_signalfd(set(&[number]));
        assert_eq!(read.map(|info| info.signal()), Some(signal(number)));
    }
}

/// A process whose leader blocks all, and three threads that do.
fn three(init: &Thread) -> (axprocess::ARef<Thread>, [axprocess::ARef<Thread>; 3]) {
    let leader = fork(init);
    handle(&leader, &[USR1]);
    block_all(&leader);
    let threads = [(); 3].map(|()| spawn(&leader));
    (leader, threads)
}

#[test]
fn one_of_those_who_wait_gets_it() {
    // R-SIG-60: and one more is woken, which finds nothing: EINTR. The third sleeps on.
    let (_table, init) = boot();
    let (leader, threads) = three(&init);
    let [first, second, third] = threads.each_ref().map(|it| wait_for(it, &[USR1]));
    let told = || threads.each_ref().map(|it| is_told(it));
    kill(&init, &leader, USR1);
    assert_eq!(told(), [true, false, false]);
    assert_eq!(first.finish(), Some(of_kill(USR1, 1)));
    assert_eq!(told(), [false, true, false]);
    assert_eq!(second.finish(), None);
    assert_eq!(look(&threads[1]), []);
    assert_eq!(told(), [false, false, false]);
    kill(&init, &leader, USR1);
    assert_eq!(told(), [false, false, true]);
    assert_eq!(third.finish(), Some(of_kill(USR1, 1)));
}

#[test]
fn who_gives_up_passes_on_what_it_was_told_of() {
    // R-SIG-31, R-SIG-60: a wait that is dropped takes nothing, so another that awaits it, or does not block it, is told.
    let (_table, init) = boot();
    let (leader, threads) = three(&init);
    let [first, second, third] = threads.each_ref().map(|it| wait_for(it, &[USR1]));
    kill(&init, &leader, USR1);
    drop(first);
    assert_eq!(threads.each_ref().map(|it| is_told(it)), [false, true, false]);
    drop(third);
    assert_eq!(second.finish(), Some(of_kill(USR1, 1)));
}

#[test]
fn who_opens_a_signal_by_the_mask_of_a_call_gets_it() {
    // R-SIG-61: where the leader blocks it.
    let (_table, init) = boot();
    for mask_of_call in [suspend, begin_mask] {
        let (leader, threads) = three(&init);
        threads.iter().for_each(|it| mask_of_call(it, &[]));
        for left in (0..3).rev() {
            kill(&init, &leader, USR1);
            let told: Vec<_> = threads.iter().filter(|it| is_told(it)).collect();
            let [thread] = told[..] else { panic!("one") };
            assert_eq!(handlers_run(thread), [USR1]);
            let open = threads.iter().filter(|it| blocked(it).is_empty()).count();
            assert_eq!(open, left);
        }
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_future_is_woken_by_a_signal() {
    // R-SIG-58, R-SIG-57: and is the signal, or none where the thread is wanted for something else.
    let (_table, init, child) = scene();
    block(&child, &[USR1]);
    handle(&child, &[USR2]);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    for (number, told) in [(USR1, Some(of_kill(USR1, 1))), (USR2, None)] {
        let mut future = pin!(wait_for(&child, &[USR1]).signal());
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        kill(&init, &child, number);
        assert_eq!(count.0.swap(0, Relaxed), 1);
        assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(told));
        assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(None), "it is over");
        assert_eq!(blocked(&child), set(&[USR1]));
        handlers_run(&child);
    }
    // Given up, it takes nothing, and its waker is gone.
    {
        let mut future = pin!(wait_for(&child, &[USR1]).signal());
        assert!(future.as_mut().poll(&mut context).is_pending());
        drop(waker);
    }
    assert_eq!(Arc::strong_count(&count), 1);
    kill(&init, &child, USR1);
    assert_eq!(count.0.load(Relaxed), 0);
    assert_eq!(pending(&child).1, set(&[USR1]));
}
