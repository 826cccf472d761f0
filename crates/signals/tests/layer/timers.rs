//! Timers of timer_create(2), whose signals have a place of their own.

use crate::inherit::exec;
use crate::kernel::*;
use crate::names::*;
use axprocess::{KernelCause, WaitRequest};
use axprocess_signals::{ActionFlags, Generated, Signals, check_invariants};

const SI_TIMER: i32 = -2;
const ALRM: u8 = 14;

fn expired(timer: i32) -> KernelCause<'static, Signals<Kernel>> {
    KernelCause::Event {
        code: SI_TIMER,
        value: 100_u64.wrapping_add(timer as u64),
        number: timer,
        sender: None,
    }
}

/// A timer of the process expires.
fn expire(thread: &Thread, number: u8, timer: i32) {
    thread.process().send_signal(signal(number), expired(timer));
}

/// Which timers a thread is told of, and how often each has expired beside.
fn told(thread: &Thread) -> Vec<(i32, i32)> {
    take_all(thread).iter().map(|info| (info.number(), info.overrun)).collect()
}

fn void(thread: &Thread, number: u8, timer: i32) {
    signals_of(thread).void_timer(signal(number), timer);
}

#[test]
fn a_timer_waits_once_and_counts() {
    // R-SIG-26: with each other timer of that signal; in the queue of its thread or of its process.
    let (table, init, child) = scene();
    block_all(&child);
    become_user(&table, child.process(), 7, 0);
    for number in [USR1, 40] {
        table.host().kernel().generated();
        kill(&init, &child, USR2);
        for _ in 0..3 {
            expire(&child, number, 0);
            expire(&child, number, 9);
        }
        expire(&child, number, 9);
        child.send_signal(signal(number), expired(0));
        take(&child, set(&[USR2])).unwrap();
        assert_eq!(told(&child), [(0, 0), (0, 2), (9, 3)]);
        let generated = table.host().kernel().generated();
        assert_eq!(generated.iter().filter(|it| **it == Generated::AlreadyPending).count(), 5);
    }
    assert_eq!(table.host().kernel().charged(7), 0);
    // What is taken is not counted in.
    expire(&child, USR1, 0);
    assert_eq!(told(&child), [(0, 0)]);
}

#[test]
fn one_timer_does_not_take_all_places() {
    // R-SIG-26: it has one, though its signal is blocked, and may wait more than once.
    let (table, _init, child) = scene();
    block_all(&child);
    for _ in 0..1000 {
        table.host().refill();
        expire(&child, 40, 1);
    }
    assert_eq!(told(&child), [(1, 999)]);
}

#[test]
fn the_layout_has_the_overrun() {
    // R-SIG-26, R-SIG-65: `si_overrun`, `ssi_overrun`.
    let (_table, _init, child) = scene();
    block_all(&child);
    for _ in 0..4 {
        expire(&child, ALRM, 6);
    }
    let info = take(&child, set(&[ALRM])).unwrap();
    let word =
        |bytes: &[u8; 128], at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let siginfo = info.to_siginfo();
    assert_eq!((word(&siginfo, 16), word(&siginfo, 20), word(&siginfo, 24)), (6, 3, 106));
    let read = info.to_signalfd_siginfo();
    assert_eq!((word(&read, 24), word(&read, 32)), (6, 3));
}

#[test]
fn the_signal_of_a_timer_that_is_gone_is_discarded_when_it_would_be_taken() {
    // R-SIG-26: until then it is pending, and wakes; nobody is ended by it, no handler runs and none that runs once is spent.
    let (_table, init, child) = scene();
    act(&child, USR1, handler(ActionFlags::RESETHAND, &[]));
    block_all(&child);
    for number in [ALRM, USR1, 40] {
        expire(&child, number, 3);
        expire(&child, number, 4);
        void(&child, number, 3);
        void(&child, number, 4);
        // Another signal, and another timer's, are not meant.
        void(&child, number + 1, 3);
    }
    assert_eq!(pending(&child), (set(&[]), set(&[ALRM, USR1, 40])));
    unblock(&child, &[ALRM, USR1, 40]);
    assert!(is_told(&child));
    assert_eq!(look(&child), []);
    assert_eq!(pending(&child), NOTHING);
    assert_eq!(action(&child, USR1).handler, handler(ActionFlags::empty(), &[]).handler);
    // What others have sent is taken, from either queue.
    block_all(&child);
    child.send_signal(signal(40), expired(3));
    expire(&child, 40, 3);
    expire(&child, 40, 5);
    kill(&init, &child, 40);
    void(&child, 40, 3);
    assert_eq!(told(&child), [(5, 0), (0, 0)]);
}

#[test]
fn a_timer_that_is_set_anew_expires_in_the_place_that_it_has() {
    // R-SIG-26: what waited of it counts no more, and does again when it has expired; before what came meanwhile.
    let (_table, _init, child) = scene();
    block_all(&child);
    for _ in 0..5 {
        expire(&child, 40, 1);
    }
    expire(&child, 40, 2);
    void(&child, 40, 1);
    expire(&child, 40, 1);
    expire(&child, 40, 1);
    assert_eq!(told(&child), [(1, 1), (2, 0)]);
}

#[test]
fn a_signal_that_is_void_leaves_with_its_process() {
    // R-SIG-25, R-SIG-26: its node serves again.
    let (_table, init, child) = scene();
    block_all(&child);
    expire(&child, 40, 1);
    void(&child, 40, 1);
    exit(&child);
    init.wait(&WaitRequest::wait4(-1, 0).unwrap()).unwrap();
}

#[test]
fn the_place_of_a_timer_that_is_deleted_is_charged_until_its_signal_is_gone() {
    // R-SIG-26: who makes and deletes timers reaches the limit; the next timer of that number has a place of its own.
    let (table, _init, child) = scene();
    block_all(&child);
    become_user(&table, child.process(), 7, 2);
    let delete = |timer| signals_of(&child).delete_timer(signal(40), timer);
    let charged = || table.host().kernel().charged(7);
    for timer in [1, 2, 1] {
        expire(&child, 40, timer);
        delete(timer);
        // There is nothing more to delete.
        delete(timer);
    }
    assert_eq!(charged(), 3);
    expire(&child, 40, 1);
    void(&child, 40, 2);
    assert_eq!(charged(), 3);
    assert_eq!(told(&child), [(1, 0)]);
    assert_eq!(charged(), 0);
    // A signal that nobody takes any more is not charged any more either.
    expire(&child, 40, 1);
    delete(1);
    act(&child, 40, IGNORE);
    assert_eq!((pending(&child), charged()), (NOTHING, 0));
}

#[test]
fn each_of_many_timers_finds_its_signal() {
    // R-SIG-26: whatever their numbers, in whatever order they expire, are set anew and deleted; what is told comes in the order of the first expiries.
    let (table, _init, child) = scene();
    block_all(&child);
    let numbers: Vec<i32> =
        (1..200).map(|it: i32| it.wrapping_mul(0x9e37_79b9_u32.cast_signed())).collect();
    let numbers = [(0..100).collect(), numbers, vec![-1, i32::MAX, i32::MIN]].concat();
    let mut wanted = Vec::new();
    for (place, timer) in numbers.iter().enumerate() {
        table.host().refill();
        expire(&child, 40, *timer);
        if place % 3 != 0 {
            wanted.push((*timer, i32::from(place % 5 == 0)));
        }
    }
    for (place, timer) in numbers.iter().enumerate().rev() {
        if place % 3 == 0 {
            signals_of(&child).delete_timer(signal(40), *timer);
        } else if place % 5 == 0 {
            expire(&child, 40, *timer);
        }
        check_invariants(&table);
    }
    assert_eq!(told(&child), wanted);
    // An exec leaves none.
    numbers.iter().for_each(|timer| expire(&child, 40, *timer));
    exec(&child);
    assert_eq!(pending(&child), NOTHING);
    check_invariants(&table);
}
