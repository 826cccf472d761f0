//! How a call goes on that a signal has interrupted.

use crate::kernel::*;
use crate::names::*;
use axprocess_signals::{ActionFlags, Delivery, Frame, Restart};

const ALL: [Restart; 5] = [
    Restart::UnlessHandlerSaysNo,
    Restart::Always,
    Restart::UnlessHandled,
    Restart::RestOfTime,
    Restart::Never,
];

/// The frame of a handler with these flags.
fn frame_with(flags: ActionFlags) -> Frame {
    let (_table, init, child) = scene();
    act(&child, USR1, handler(flags, &[]));
    kill(&init, &child, USR1);
    match signals_of(&child).get_signal() {
        Delivery::Handle(frame) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn behind_a_handler_its_flag_decides() {
    // R-SIG-42: read, wait4 and a futex are made again with SA_RESTART, else EINTR. R-SIG-43: the others are EINTR behind any handler; what must not fail, none.
    let rows = [
        (ActionFlags::empty(), [false, true, false, false, false]),
        (ActionFlags::RESTART, [true, true, false, false, false]),
        (!ActionFlags::RESTART, [false, true, false, false, false]),
    ];
    for (flags, are_made_again) in rows {
        let frame = frame_with(flags);
        assert_eq!(ALL.map(|restart| restart.with_handler(&frame)), are_made_again);
    }
}

#[test]
fn without_a_handler_most_go_on() {
    // R-SIG-44: behind a stop, or a signal that is dropped. R-SIG-45: epoll_wait, rt_sigtimedwait and semop are EINTR.
    assert_eq!(ALL.map(Restart::without_handler), [true, true, true, true, false]);
}

/// Goes to user space with a call that was interrupted, as the loop of the documentation does: whether it is made again.
fn end_of_call(thread: &Thread, restart: Restart) -> (bool, Vec<Seen>) {
    let (mut program, mut left, mut answer) = (Program::of(thread), Some(restart), None);
    let mut seen = Vec::new();
    while !thread.attention().is_empty() {
        let delivery = signals_of(thread).get_signal();
        match &delivery {
            Delivery::Return => {
                if let Some(left) = left.take() {
                    answer = Some(left.without_handler());
                }
            }
            Delivery::Handle(frame) => {
                if let Some(left) = left.take() {
                    answer = Some(left.with_handler(frame));
                }
            }
            _ => {}
        }
        match program.go_on_with(delivery) {
            Seen::Runs => {}
            Seen::Stop => break,
            other => seen.push(other),
        }
    }
    (answer.unwrap_or_else(|| restart.without_handler()), seen)
}

#[test]
fn the_handler_whose_signal_was_taken_first_decides() {
    // R-SIG-46: though it runs last.
    let (_table, init, child) = scene();
    for (first, second) in [(HUP, USR1), (USR1, HUP)] {
        act(&child, first, handler(ActionFlags::RESTART, &[]));
        act(&child, second, handler(ActionFlags::empty(), &[]));
        kill(&init, &child, first);
        kill(&init, &child, second);
        let (is_made_again, seen) = end_of_call(&child, Restart::UnlessHandlerSaysNo);
        assert_eq!(seen, [HUP, USR1].map(Seen::Handler));
        assert_eq!(is_made_again, first == HUP);
        signals_of(&child).rt_sigreturn(set(&[]));
    }
}

#[test]
fn a_signal_without_a_handler_decides_nothing() {
    // R-SIG-44, R-SIG-46: one that is dropped, taken first, leaves it to the next one's handler.
    let (_table, init, child) = scene();
    block(&child, &[HUP]);
    ignore(&child, &[HUP]);
    handle(&child, &[USR1]);
    kill(&init, &child, HUP);
    kill(&init, &child, USR1);
    unblock(&child, &[HUP]);
    let (is_made_again, seen) = end_of_call(&child, Restart::UnlessHandlerSaysNo);
    assert_eq!((is_made_again, &seen[..]), (false, &[Seen::Handler(USR1)][..]));
    signals_of(&child).rt_sigreturn(set(&[]));
    kill(&init, &child, STOP);
    assert_eq!(end_of_call(&child, Restart::UnlessHandled), (true, vec![]));
    kill(&init, &child, CONT);
    assert_eq!(end_of_call(&child, Restart::UnlessHandled), (true, vec![]));
    assert_eq!(end_of_call(&child, Restart::Never), (false, vec![]));
}

#[test]
fn what_the_mask_of_the_call_had_kept_out_runs_behind_its_end() {
    // R-SIG-47, R-SIG-48: the call is decided before its mask goes, so that the handler that this lets in does not interrupt it.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    block(&child, &[HUP]);
    ignore(&child, &[HUP]);
    kill(&init, &child, HUP);
    signals_of(&child).rt_sigsuspend(8, || Ok(set(&[USR1]))).unwrap();
    kill(&init, &child, USR1);
    let (is_made_again, seen) = end_of_call(&child, Restart::UnlessHandled);
    assert_eq!((is_made_again, &seen[..]), (true, &[Seen::Handler(USR1)][..]));
}
