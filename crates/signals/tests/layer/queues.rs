//! What waits, and in which order it is taken.

use crate::kernel::*;
use crate::names::*;
use axprocess_signals::{Generated, SignalSet};

#[test]
fn a_standard_signal_waits_once() {
    // R-SIG-14: to send it again changes nothing, and what the first sender said stays.
    let (table, init, child) = scene();
    block_all(&child);
    let kernel = table.host().kernel();
    for number in [HUP, SYS, SEGV] {
        queue(&init, &child, number, 7).unwrap();
        queue(&init, &child, number, 8).unwrap();
        kill(&child, &child, number);
        let first = (number, -1, 1, 7);
        assert_eq!(take_all(&child).iter().map(said).collect::<Vec<_>>(), [first]);
        let generated = [Generated::Queued, Generated::AlreadyPending, Generated::AlreadyPending];
        assert_eq!(kernel.generated(), generated);
    }
    assert_eq!(kernel.charged(0), 0);
}

#[test]
fn a_thread_and_its_process_have_a_queue_each() {
    // R-SIG-15: the same standard signal waits in each, and is delivered once from each.
    let (_table, init, child) = scene();
    let other = spawn(&child);
    handle(&child, &[USR1]);
    for thread in [&child, &other] {
        block(thread, &[USR1]);
        tkill(&init, thread, USR1);
    }
    kill(&init, &child, USR1);
    unblock(&child, &[USR1]);
    assert_eq!(handlers_run(&child), [USR1, USR1]);
    unblock(&other, &[USR1]);
    assert_eq!(handlers_run(&other), [USR1]);
}

#[test]
fn real_time_signals_all_wait() {
    // R-SIG-16: each with what its sender said, the first first; 32 and 33 too, and of kill and tgkill.
    let (_table, init, child) = scene();
    block_all(&child);
    for number in [32, 33, 40, 64] {
        for value in 0..3 {
            queue(&init, &child, number, value).unwrap();
        }
        kill(&init, &child, number);
        kill(&child, &child, number);
        queue(&init, &child, number, 3).unwrap();
        let told = [
            (number, -1, 1, 0),
            (number, -1, 1, 1),
            (number, -1, 1, 2),
            (number, 0, 1, 0),
            (number, 0, 2, 0),
            (number, -1, 1, 3),
        ];
        assert_eq!(take_all(&child).iter().map(said).collect::<Vec<_>>(), told);
        tkill(&init, &child, number);
        tkill(&child, &child, number);
        let told = [(number, -6, 1, 0), (number, -6, 2, 0)];
        assert_eq!(take_all(&child).iter().map(said).collect::<Vec<_>>(), told);
    }
}

#[test]
fn faults_come_first_and_then_the_lowest_number() {
    // R-SIG-17: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV and SIGSYS, even if merely sent. R-SIG-53: rt_sigtimedwait takes in the same order, one at a time.
    let (_table, init, child) = scene();
    let all: Vec<_> = (1..=64).filter(|number| ![KILL, STOP].contains(number)).collect();
    let mut order = vec![4, 5, 7, 8, 11, 31];
    order.extend(all.iter().filter(|number| ![4, 5, 7, 8, 11, 31].contains(*number)));
    block_all(&child);
    // CONT and the stop signals discard each other.
    let (sent, order): (Vec<u8>, Vec<u8>) = (
        all.iter().copied().filter(|number| *number != CONT).collect(),
        order.into_iter().filter(|number| *number != CONT).collect(),
    );
    for sends in [kill::<Plain>, tkill::<Plain>] {
        sent.iter().rev().for_each(|number| sends(&init, &child, *number));
        assert_eq!(numbers(&take_all(&child)), order);
    }
    // By handlers: what is taken last runs first.
    handle(&child, &sent);
    sent.iter().for_each(|number| kill(&init, &child, *number));
    signals_of(&child).rt_sigreturn(SignalSet::EMPTY);
    let mut program = Program::of(&child);
    let taken: Vec<_> = order.iter().map(|number| Seen::Handler(*number)).collect();
    assert_eq!(program.run(), taken);
}

#[test]
fn the_threads_queue_comes_first() {
    // R-SIG-18: whatever the numbers; also before faults that were sent to the process.
    let (_table, init, child) = scene();
    let numbers_sent = [HUP, USR1, 40, SEGV];
    handle(&child, &numbers_sent);
    block_all(&child);
    for number in numbers_sent {
        kill(&init, &child, number);
    }
    for number in [USR2, 41, SYS] {
        tkill(&init, &child, number);
    }
    let order = [SYS, USR2, 41, SEGV, HUP, USR1, 40];
    assert_eq!(numbers(&take_all(&child)), order);
}

#[test]
fn a_fault_of_the_thread_comes_before_what_was_sent() {
    // R-SIG-19: its code is above 0; of several the first one, and the lower numbers that were sent wait.
    let (_table, init, child) = scene();
    handle(&child, &[ILL, BUS, SEGV, SYS, HUP]);
    for number in [ILL, HUP] {
        tkill(&init, &child, number);
    }
    fault(&child, SYS);
    fault(&child, BUS);
    let mut program = Program::of(&child);
    let seen = [SYS, BUS, ILL, HUP].map(Seen::Handler);
    assert_eq!(program.run(), seen);
    assert_eq!(said(&program.frames[0].info), (SYS, 1, 0, 0xbad));
}

#[test]
fn a_fault_that_is_blocked_comes_with_one_that_is_not() {
    // R-SIG-19: whether the first one is blocked, nobody asks once another such signal is not.
    let (_table, _, child) = scene();
    handle(&child, &[BUS, SEGV, USR1]);
    block(&child, &[BUS]);
    let tid = child.tid().cast_signed();
    let as_a_fault = axprocess::GivenInfo::new(BUS.into(), 1);
    child.rt_tgsigqueueinfo(tid, tid, as_a_fault).unwrap();
    tkill(&child, &child, USR1);
    assert_eq!(look(&child), [Seen::Handler(USR1)]);
    tkill(&child, &child, SEGV);
    assert_eq!(look(&child), [Seen::Handler(BUS), Seen::Handler(SEGV)]);
}

#[test]
fn one_is_told_what_waits_and_is_blocked() {
    // R-SIG-20: in the own queue or in the process's; not what waits for another thread, nor what is not blocked.
    let (_table, init, child) = scene();
    let other = spawn(&child);
    handle(&child, &[HUP, USR1, USR2, 40]);
    block(&child, &[HUP, USR1, USR2]);
    block(&other, &[USR2]);
    tkill(&init, &child, HUP);
    tkill(&init, &other, USR2);
    tkill(&init, &child, 40);
    block(&other, &[USR1]);
    kill(&init, &child, USR1);
    let pending = |thread| signals_of::<Kernel>(thread).rt_sigpending(8).unwrap();
    assert_eq!(pending(&child), set(&[HUP, USR1]));
    assert_eq!(pending(&other), set(&[USR1, USR2]));
}

#[test]
fn the_queues_are_shown() {
    // R-SIG-90: SigPnd and ShdPnd, also with what has no siginfo.
    let (table, init, child) = scene();
    let other = spawn(&child);
    block_all(&child);
    block_all(&other);
    become_user(&table, child.process(), 7, 0);
    tkill(&init, &child, HUP);
    tkill(&init, &other, USR1);
    kill(&init, &child, 40);
    queue(&init, &child, USR2, 1).unwrap();
    assert_eq!(pending(&child), (set(&[HUP]), set(&[40, USR2])));
    assert_eq!(pending(&other), (set(&[USR1]), set(&[40, USR2])));
}

#[test]
fn many_runs_are_taken_apart_in_any_order() {
    // R-SIG-16, R-SIG-25: whatever was queued between and is discarded or taken, the rest is as it was sent.
    let (table, init, child) = scene();
    block_all(&child);
    become_user(&table, child.process(), 7, 1000);
    let send = |round: u64| {
        for number in 34..44 {
            for value in 0..3 {
                queue(&init, &child, number, round * 3 + value).unwrap();
            }
        }
    };
    for first in 34..44 {
        send(0);
        for number in (34..44).filter(|number| *number % 3 == first % 3) {
            ignore(&child, &[number]);
            handle(&child, &[number]);
        }
        let taken = take(&child, set(&[first + 1])).map(|info| info.value());
        assert_eq!(taken.unwrap_or(0), 0);
        send(1);
        let left = take_all(&child);
        for number in 34..44 {
            let of_it = left.iter().filter(|info| info.signal() == signal(number));
            let values: Vec<_> = of_it.map(|info| info.value()).collect();
            let expected = match number {
                _ if number % 3 == first % 3 => 3..6,
                _ if number == first + 1 => 1..6,
                _ => 0..6,
            };
            assert_eq!(values, expected.collect::<Vec<_>>(), "{number} of {first}");
        }
        assert_eq!(table.host().kernel().charged(7), 0);
    }
}
