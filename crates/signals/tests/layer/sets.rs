//! Sets of signals, and the masks of threads.

use std::cell::Cell;

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, Signal};
use axprocess_signals::SignalSet;

#[test]
fn the_size_of_a_set_is_looked_at_first() {
    // R-SIG-01: another than 8 is EINVAL, and nothing is read. R-SIG-03: so it is of a mask that a call is given.
    let (_table, init) = boot();
    let signals = signals_of(&init);
    let reads = Cell::new(0);
    for size in [0, 4, 7, 9, 16, usize::MAX] {
        let read = || {
            reads.set(reads.get() + 1);
            Ok(SignalSet::EMPTY)
        };
        let answers = [
            signals.rt_sigaction(10, size, || read().map(|_| None)).map(drop),
            signals.rt_sigprocmask(9, size, || read().map(Some)).map(drop),
            signals.rt_sigsuspend(size, read),
            signals.begin_mask_of_call(size, read),
            signals.rt_sigtimedwait(size, read).map(drop),
        ];
        assert_eq!(answers, [Err(Errno::EINVAL); 5], "{size}");
    }
    assert_eq!(reads.get(), 0);
}

#[test]
fn bit_0_is_signal_1() {
    // R-SIG-01: 64 bits, and signal n is bit n - 1.
    assert_eq!(set(&[1]).bits(), 1);
    assert_eq!(set(&[64]).bits(), 1 << 63);
    assert_eq!(SignalSet::from_bits(1 << 16), SignalSet::from(Signal::SIGCHLD));
    let all: SignalSet = (1..=64).map(signal).collect();
    assert_eq!(all, SignalSet::ALL);
    assert!((1..=64).all(|number| all.contains(signal(number))));
    assert!((1..=64).all(|number| all.without(signal(number)) == !set(&[number])));
    assert_eq!(format!("{:?}", set(&[9, 40])), "{SIGKILL, SIGRT_8}");
}

#[test]
fn less_than_a_set_may_be_asked_for() {
    // R-SIG-02: of rt_sigpending up to 8 bytes.
    let (_table, init) = boot();
    for size in 0..=8 {
        assert_eq!(signals_of(&init).rt_sigpending(size), Ok(SignalSet::EMPTY));
    }
    for size in [9, usize::MAX] {
        assert_eq!(signals_of(&init).rt_sigpending(size), Err(Errno::EINVAL));
    }
}

#[test]
fn what_cannot_be_read_comes_before_how() {
    // R-SIG-04: EFAULT, then EINVAL of `how`, and only with a set.
    let (_table, init) = boot();
    let signals = signals_of(&init);
    for how in [-1, 0, 1, 2, 3] {
        assert_eq!(signals.rt_sigprocmask(how, 8, || Err(Errno::EFAULT)), Err(Errno::EFAULT));
        assert_eq!(signals.rt_sigprocmask(how, 8, || Ok(None)), Ok(SignalSet::EMPTY));
    }
    for how in [-1, 3] {
        assert_eq!(signals.rt_sigprocmask(how, 8, || Ok(Some(set(&[USR1])))), Err(Errno::EINVAL));
    }
    assert_eq!(signals.blocked(), SignalSet::EMPTY);
}

#[test]
fn a_mask_is_added_to_taken_from_and_set() {
    // R-SIG-04, R-SIG-05: the old one is returned when the new one is in force.
    let (_table, init) = boot();
    let blocked = || signals_of(&init).blocked();
    assert_eq!(change_mask(&init, SIG_BLOCK, &[HUP, USR1]), set(&[]));
    assert_eq!(blocked(), set(&[HUP, USR1]));
    assert_eq!(change_mask(&init, SIG_BLOCK, &[USR1, USR2]), set(&[HUP, USR1]));
    assert_eq!(change_mask(&init, SIG_UNBLOCK, &[HUP, TERM]), set(&[HUP, USR1, USR2]));
    assert_eq!(blocked(), set(&[USR1, USR2]));
    assert_eq!(change_mask(&init, SIG_SETMASK, &[40]), set(&[USR1, USR2]));
    assert_eq!(blocked(), set(&[40]));
}

#[test]
fn nobody_blocks_sigkill_and_sigstop() {
    // R-SIG-06: in no mask, without an error; 32 and 33 are signals like any.
    let (_table, init) = boot();
    let (signals, unblockable) = (signals_of(&init), set(&[KILL, STOP]));
    let all = || Ok(SignalSet::ALL);
    let most = SignalSet::ALL & !unblockable;
    for how in [SIG_BLOCK, SIG_SETMASK] {
        signals.rt_sigprocmask(how, 8, || all().map(Some)).unwrap();
        assert_eq!(signals.blocked(), most);
        change_mask(&init, SIG_SETMASK, &[]);
    }
    signals.rt_sigsuspend(8, all).unwrap();
    assert_eq!(signals.blocked(), most);
    signals.end_mask_of_call(axprocess_signals::EndedBy::Itself);
    signals.begin_mask_of_call(8, all).unwrap();
    assert_eq!(signals.blocked(), most);
    signals.end_mask_of_call(axprocess_signals::EndedBy::Itself);
    signals.rt_sigreturn(SignalSet::ALL);
    assert_eq!(signals.blocked(), most);
    assert!(most.contains(signal(32)) && most.contains(signal(33)));
}

#[test]
fn the_mask_in_force_is_told() {
    // R-SIG-91: in a call with a mask that one, in rt_sigtimedwait the thread's without what is awaited.
    let (_table, init) = boot();
    let signals = signals_of(&init);
    block(&init, &[HUP, USR1, USR2]);
    signals.rt_sigsuspend(8, || Ok(set(&[TERM]))).unwrap();
    assert_eq!(signals.blocked(), set(&[TERM]));
    signals.end_mask_of_call(axprocess_signals::EndedBy::Itself);
    assert_eq!(signals.blocked(), set(&[HUP, USR1, USR2]));
    let wait = wait_for(&init, &[USR1, TERM]);
    assert_eq!(signals.blocked(), set(&[HUP, USR2]));
    drop(wait);
    assert_eq!(signals.blocked(), set(&[HUP, USR1, USR2]));
}
