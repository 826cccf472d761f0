//! What a tracer sees and changes.

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, Signal, TraceStopped};
use axprocess_signals::{Delivery, QueueOf, SignalSet, TracedSignal};

/// A tracee that has stopped with a signal of its queue, to be shown to its tracer.
fn shown(tracee: &Thread) -> TracedSignal {
    let Delivery::Traced(traced) = signals_of(tracee).get_signal() else { panic!("it is shown") };
    let stop = traced.info.signal().into();
    assert_eq!(tracee.trace_stop(stop), TraceStopped::Stopped);
    traced
}

#[test]
fn what_is_fatal_for_good_is_not_shown() {
    // R-KILL-14: a system call that seccomp(2) does not allow ends its process, and the tracer cannot take that away.
    let (_table, init, child) = scene();
    handle(&child, &[SYS]);
    seize(&init, &child);
    let cause = axprocess::KernelCause::Event { code: 1, value: 0, number: 0, sender: None };
    child.force_signal(signal(SYS), cause, axprocess::ForcedAction::Final);
    assert!(matches!(signals_of(&child).get_signal(), Delivery::Fatal(Signal::SIGSYS)));
}

/// Its tracer lets it go on with this signal. What it does then.
fn resume(tracer: &Thread, tracee: &Thread, traced: TracedSignal, answer: Option<u8>) -> Seen {
    tracer.resume_tracee(tracee.tid() as i32).unwrap();
    let delivery = signals_of(tracee).resume_from_tracer(traced, answer.map(signal));
    Program::of(tracee).go_on_with(delivery)
}

#[test]
fn a_tracer_puts_another_signal_in_the_place_of_one() {
    // R-SIG-94: SI_USER of the tracer then; the same one keeps what it says; with none it is gone.
    let (table, init, child) = scene();
    let tracer = fork(&init);
    become_user(&table, tracer.process(), 9, 10);
    handle(&child, &[USR1, USR2]);
    seize(&tracer, &child);
    let go_on = |answer: Option<u8>| {
        queue(&init, &child, USR1, 7).unwrap();
        let traced = shown(&child);
        tracer.resume_tracee(2).unwrap();
        match signals_of(&child).resume_from_tracer(traced, answer.map(signal)) {
            Delivery::Handle(frame) => Some(frame.info),
            Delivery::Return => None,
            other => panic!("{other:?}"),
        }
    };
    let other = go_on(Some(USR2)).unwrap();
    assert_eq!((said(&other), other.uid), ((USR2, 0, tracer.tid(), 0), 9));
    assert_eq!(go_on(Some(USR1)).as_ref().map(said), Some((USR1, -1, 1, 7)));
    assert_eq!(go_on(None), None);
    assert_eq!(pending(&child), NOTHING);
}

#[test]
fn a_signal_from_the_tracer_that_is_blocked_waits() {
    // R-SIG-95: in the queue from which the first was taken, and is shown again.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    handle(&child, &[USR1, USR2]);
    block(&child, &[USR2]);
    seize(&tracer, &child);
    let other = spawn(&child);
    unblock(&other, &[USR2]);
    let sends: [fn(&Thread, &Thread, u8); 2] = [kill, tkill];
    for (send, is_shared) in sends.into_iter().zip([true, false]) {
        send(&init, &child, USR1);
        let traced = shown(&child);
        assert_eq!(resume(&tracer, &child, traced, Some(USR2)), Seen::Runs);
        let left = if is_shared { (set(&[]), set(&[USR2])) } else { (set(&[USR2]), set(&[])) };
        assert_eq!(pending(&child), left);
        assert_eq!(is_told(&other), is_shared, "another thread does not block it");
        unblock(&child, &[USR2]);
        let traced = shown(&child);
        assert_eq!(said(&traced.info), (USR2, 0, tracer.tid(), 0));
        assert_eq!(resume(&tracer, &child, traced, None), Seen::Runs);
        block(&child, &[USR2]);
        assert_eq!(look(&other), []);
    }
}

#[test]
fn a_signal_that_the_tracer_takes_away_has_no_handler() {
    // R-SIG-96: a call goes on as without one; what else waits is shown behind it.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    handle(&child, &[USR1, USR2]);
    seize(&tracer, &child);
    kill(&init, &child, USR1);
    kill(&init, &child, USR2);
    let traced = shown(&child);
    assert_eq!(resume(&tracer, &child, traced, None), Seen::Traced(USR2));
    assert_eq!(look(&child), []);
}

#[test]
fn what_is_taken_otherwise_is_not_shown() {
    // R-SIG-68: by rt_sigtimedwait, or a signalfd.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    seize(&tracer, &child);
    block(&child, &[USR1]);
    kill(&init, &child, USR1);
    assert_eq!(numbers(&take_all(&child)), [USR1]);
    tkill(&init, &child, USR1);
    assert_eq!(signals_of(&child).read_signalfd(set(&[USR1])), Some(info_of_tkill(USR1)));
    let wait = wait_for(&child, &[USR1]);
    kill(&init, &child, USR1);
    assert_eq!(wait.finish(), Some(of_kill(USR1, 1)));
    assert_eq!(look(&child), []);
}

fn info_of_tkill(number: u8) -> axprocess_signals::SigInfo {
    let cause = axprocess::SignalCause::Thread { pid: 1 };
    let info = axprocess::SignalInfo { signal: signal(number), cause };
    axprocess_signals::SigInfo { info, uid: 0, overrun: 0 }
}

#[test]
fn a_tracee_is_shown_what_it_ignores() {
    // R-PTRACE-09: and what would end it; not SIGKILL.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    attach(&tracer, &child);
    ignore(&child, &[HUP]);
    for number in [HUP, URG, TERM, CONT] {
        kill(&init, &child, number);
        assert!(!child.process().is_group_exiting());
        let traced = shown(&child);
        assert_eq!(traced.info.signal(), signal(number));
        let answer = (number != TERM).then_some(number);
        assert_eq!(resume(&tracer, &child, traced, answer), Seen::Runs);
    }
    kill(&init, &child, TERM);
    let traced = shown(&child);
    assert_eq!(resume(&tracer, &child, traced, Some(TERM)), Seen::Fatal(TERM));
}

#[test]
fn a_stop_signal_that_is_shown_stops_behind_that() {
    // R-STOP-13: and is void where SIGCONT has come meanwhile.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    attach(&tracer, &child);
    kill(&init, &child, STOP);
    let traced = shown(&child);
    kill(&init, &child, CONT);
    let seen = resume(&tracer, &child, traced, Some(STOP));
    assert_eq!(seen, Seen::Traced(CONT));
    assert!(!child.process().is_stopped());
}

#[test]
fn who_is_killed_in_a_trace_stop_puts_nothing_back() {
    // R-EXIT-12: the exit is decided, and what was shown is lost.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    handle(&child, &[USR1]);
    seize(&tracer, &child);
    kill(&init, &child, USR1);
    let traced = shown(&child);
    kill(&init, &child, KILL);
    let delivery = signals_of(&child).resume_from_tracer(traced, Some(Signal::SIGUSR1));
    let status = axprocess::ExitStatus::killed(Signal::SIGKILL);
    assert!(matches!(delivery, Delivery::Exit(it) if it == status));
    assert!(!pending(&child).1.contains(Signal::SIGUSR1));
}

#[test]
fn a_tracer_reads_and_sets_the_mask() {
    // R-SIG-97: EINVAL of another size; SIGKILL and SIGSTOP are taken out. Amid a call with a mask of its own it is that which comes back.
    let (_table, init, child) = scene();
    let signals = signals_of(&child);
    handle(&child, &[USR1]);
    block(&child, &[USR1]);
    for size in [0, 7, 9, 16] {
        assert_eq!(signals.mask_for_tracer(size), Err(Errno::EINVAL));
        let set = || -> Result<SignalSet, Errno> { panic!("it is not read") };
        assert_eq!(signals.set_mask_for_tracer(size, set), Err(Errno::EINVAL));
    }
    assert_eq!(signals.set_mask_for_tracer(8, || Err(Errno::EFAULT)), Err(Errno::EFAULT));
    assert_eq!(signals.mask_for_tracer(8), Ok(set(&[USR1])));
    signals.rt_sigsuspend(8, || Ok(set(&[USR2]))).unwrap();
    assert_eq!(signals.mask_for_tracer(8), Ok(set(&[USR1])));
    kill(&init, &child, USR1);
    signals.set_mask_for_tracer(8, || Ok(SignalSet::ALL)).unwrap();
    assert_eq!(signals.mask_for_tracer(8), Ok(SignalSet::ALL & !set(&[KILL, STOP])));
    assert_eq!(handlers_run(&child), []);
    assert_eq!(signals.blocked(), SignalSet::ALL & !set(&[KILL, STOP]), "and it stays");
    signals.set_mask_for_tracer(8, || Ok(set(&[]))).unwrap();
    assert_eq!(handlers_run(&child), [USR1]);
}

#[test]
fn a_tracer_reads_what_waits() {
    // R-SIG-98: in the order in which it was sent, whatever would be taken first, and takes nothing; without what has no siginfo.
    let (table, init, child) = scene();
    block_all(&child);
    become_user(&table, child.process(), 7, 7);
    let read = |queue| {
        let all = (0..).map_while(|place| signals_of(&child).peek_signal(queue, place));
        all.map(|info| (info.signal().number(), info.value())).collect::<Vec<_>>()
    };
    assert_eq!((read(QueueOf::Thread), read(QueueOf::Process)), (vec![], vec![]));
    let sent = [(41, 1), (USR2, 2), (40, 3), (41, 4), (SEGV, 5), (40, 6)];
    for (number, value) in sent {
        queue(&init, &child, number, value).unwrap();
    }
    tkill(&init, &child, HUP);
    kill(&init, &child, 42);
    assert_eq!(read(QueueOf::Process), sent);
    assert_eq!(read(QueueOf::Thread), [(HUP, 0)]);
    assert_eq!(read(QueueOf::Process), sent, "it is all there still");
    assert_eq!(signals_of(&child).peek_signal(QueueOf::Process, u64::MAX), None);
    assert_eq!(take(&child, set(&[41])).map(|info| info.value()), Some(1));
    assert_eq!(read(QueueOf::Process), sent[1..]);
}
