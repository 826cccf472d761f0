//! What a process does about its signals.

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, ExitStatus, Signal};
use axprocess_signals::{Action, ActionFlags, Handler, SignalSet};

#[test]
fn what_is_wrong_with_an_action_is_looked_at_in_order() {
    // R-SIG-07: EFAULT, then EINVAL of the number, and of a new action for SIGKILL and SIGSTOP.
    let (_table, init) = boot();
    let set = |number: i32, new: Result<Option<Action>, Errno>| {
        signals_of(&init).rt_sigaction(number, 8, || new)
    };
    for number in [i32::MIN, -1, 0, 9, 10, 19, 64, 65, 256, 266, i32::MAX] {
        assert_eq!(set(number, Err(Errno::EFAULT)), Err(Errno::EFAULT));
    }
    for number in [i32::MIN, -1, 0, 65, 256, 266, i32::MAX] {
        assert_eq!(set(number, Ok(Some(IGNORE))), Err(Errno::EINVAL));
        assert_eq!(set(number, Ok(None)), Err(Errno::EINVAL));
    }
    for number in [KILL, STOP].map(i32::from) {
        for new in [IGNORE, Action::default(), handler(ActionFlags::empty(), &[])] {
            assert_eq!(set(number, Ok(Some(new))), Err(Errno::EINVAL));
        }
        assert_eq!(set(number, Ok(None)), Ok(Action::default()));
    }
    for number in [1, 31, 32, 33, 64] {
        assert_eq!(set(number, Ok(Some(IGNORE))), Ok(Action::default()));
        assert_eq!(set(number, Ok(None)), Ok(IGNORE));
    }
}

#[test]
fn the_old_action_is_given_back_as_a_whole() {
    // R-SIG-09: handler, flags, mask and restorer, of the default and of an ignored signal too; R-SIG-08: it is returned when the new one is in force.
    let (_table, init) = boot();
    let handlers = [Handler::Default, Handler::Ignore, Handler::from_raw(0x4000)];
    let mut last = [Action::default(); 65];
    for round in 0..3 {
        for number in (1..=64).rev().filter(|number| ![KILL, STOP].contains(number)) {
            let new = Action {
                handler: handlers[(usize::from(number) + round) % 3],
                flags: ActionFlags::SIGINFO | ActionFlags::RESTART,
                mask: SignalSet::ALL.without(signal(number)),
                restorer: usize::from(number) + round,
            };
            assert_eq!(act(&init, number, new), last[usize::from(number)], "{number}");
            let kept = Action { mask: new.mask & !set(&[KILL, STOP]), ..new };
            assert_eq!(action(&init, number), kept);
            assert_eq!(signals_of(&init).action(signal(number)), kept);
            last[usize::from(number)] = kept;
        }
    }
    // As it is again afterwards: nothing is kept of what was set between.
    for number in (1..=64).filter(|number| ![KILL, STOP].contains(number)) {
        let plain = if number % 2 == 0 { IGNORE } else { Action::default() };
        assert_eq!(act(&init, number, plain), last[usize::from(number)], "{number}");
        assert_eq!(action(&init, number), plain);
    }
}

#[test]
fn flags_that_are_not_known_are_dropped() {
    // R-SIG-10: nine are kept, of each signal; SA_UNSUPPORTED is none.
    let known = ActionFlags::from_bits_truncate(!0);
    assert_eq!(known.bits(), 0xdc00_0807);
    assert_eq!(ActionFlags::from_bits_truncate(0x400), ActionFlags::empty());
    let (_table, init) = boot();
    for number in [CHLD, USR1, 40] {
        let new = Action { flags: known, ..IGNORE };
        act(&init, number, new);
        assert_eq!(action(&init, number).flags, known);
        act(&init, number, Action { flags: ActionFlags::from_bits_retain(!0), ..new });
        assert_eq!(action(&init, number).flags, known);
    }
}

#[test]
fn each_signal_has_its_default_action() {
    // R-SIG-11: ignored, stopping, or the end, up to 64.
    for number in 1..=64 {
        let (_table, init) = boot();
        let child = job(&init);
        // Blocked first, so that it is the receiver who finds what to do.
        if ![KILL, STOP].contains(&number) {
            block(&child, &[number]);
        }
        kill(&init, &child, number);
        unblock(&child, &[number]);
        let killed = ExitStatus::killed(signal(number));
        let expected = match number {
            17 | 18 | 23 | 28 => vec![],
            19..=22 => vec![Seen::Stop],
            // It ended when it was sent.
            9 => vec![Seen::Exit(killed)],
            _ => vec![Seen::Fatal(number), Seen::Exit(killed)],
        };
        assert_eq!(look(&child), expected, "{number}");
    }
}

#[test]
fn who_ignores_a_signal_discards_it_everywhere() {
    // R-SIG-12: of the process and of all its threads, blocked or not, each time that it is set.
    let (table, init, leader) = scene();
    let (other, third) = (spawn(&leader), spawn(&leader));
    become_user(&table, leader.process(), 7, 100);
    for _ in 0..2 {
        handle(&leader, &[USR1, 40]);
        for thread in [&leader, &other] {
            block(thread, &[USR1, 40]);
        }
        for number in [USR1, 40, 40] {
            kill(&init, &leader, number);
            for thread in [&leader, &other, &third] {
                tkill(&init, thread, number);
            }
        }
        assert_eq!(table.host().kernel().charged(7), 4 * 3);
        assert_eq!(pending(&third), (set(&[USR1, 40]), set(&[USR1, 40])));
        ignore(&other, &[40]);
        assert_eq!(table.host().kernel().charged(7), 4);
        ignore(&other, &[USR1]);
        for thread in [&leader, &other, &third] {
            assert_eq!(pending(thread), NOTHING);
        }
        assert_eq!(table.host().kernel().charged(7), 0);
        // Blocked, it can come again.
        kill(&init, &leader, USR1);
        assert_eq!(pending(&other), (set(&[]), set(&[USR1])));
        ignore(&leader, &[USR1]);
        assert_eq!(pending(&other), NOTHING);
        assert_eq!(look(&third), []);
    }
}

#[test]
fn a_default_that_ignores_discards_and_no_other() {
    // R-SIG-13: SIG_DFL of what is ignored by default; neither another default nor a handler.
    let (_table, init, child) = scene();
    let numbers = [HUP, CHLD, CONT, URG, 28, 40];
    block(&child, &numbers);
    handle(&child, &numbers);
    for number in numbers {
        kill(&init, &child, number);
        tkill(&init, &child, number);
    }
    handle(&child, &numbers);
    assert_eq!(pending(&child), (set(&numbers), set(&numbers)));
    for number in numbers {
        act(&child, number, Action::default());
    }
    assert_eq!(pending(&child), (set(&[HUP, 40]), set(&[HUP, 40])));
}

#[test]
fn what_is_set_is_shown_not_what_it_comes_to() {
    // R-SIG-92: SigIgn and SigCgt; what is ignored by default is in neither.
    let (_table, init) = boot();
    assert_eq!(signals_of(&init).ignored_and_caught(), NOTHING);
    ignore(&init, &[HUP, 40]);
    handle(&init, &[CHLD, 41]);
    act(&init, URG, Action::default());
    let shown = (set(&[HUP, 40]), set(&[CHLD, 41]));
    assert_eq!(signals_of(&init).ignored_and_caught(), shown);
    act(&init, CHLD, IGNORE);
    act(&init, 40, Action { flags: ActionFlags::RESTART, ..Action::default() });
    assert_eq!(signals_of(&init).ignored_and_caught(), (set(&[HUP, CHLD]), set(&[41])));
}

#[test]
fn a_final_default_cannot_be_changed() {
    // R-KILL-14: what a filter kills by stays the default, and nobody is told of it.
    let (_table, _init, child) = scene();
    let other = spawn(&child);
    handle(&child, &[SYS]);
    block(&child, &[SYS]);
    let cause = axprocess::KernelCause::Kernel;
    child.force_signal(Signal::SIGSYS, cause, axprocess::ForcedAction::Final);
    for new in [Some(IGNORE), None] {
        let answer = signals_of(&other).rt_sigaction(SYS.into(), 8, || Ok(new));
        assert_eq!(answer, Err(Errno::EINVAL));
    }
    assert_eq!(signals_of(&other).action(Signal::SIGSYS).handler, Handler::Default);
    let status = ExitStatus::killed(Signal::SIGSYS);
    assert_eq!(look(&child), [Seen::Fatal(SYS), Seen::Exit(status)]);
}

#[test]
fn childrens_ends_are_told_as_flags_say() {
    // R-NOTIFY-03, R-STOP-06: SA_NOCLDWAIT leaves no zombie, SA_NOCLDSTOP no signal of a stop; both count at once.
    let (_table, _init, parent) = scene();
    block(&parent, &[CHLD]);
    act(&parent, CHLD, handler(ActionFlags::NOCLDSTOP, &[]));
    let child = fork(&parent);
    kill(&parent, &child, STOP);
    assert_eq!(look(&child), [Seen::Stop]);
    assert_eq!(pending(&parent), NOTHING);
    kill(&parent, &child, CONT);
    act(&parent, CHLD, handler(ActionFlags::empty(), &[]));
    kill(&parent, &child, STOP);
    assert_eq!(look(&child), [Seen::Stop]);
    assert_eq!(numbers(&take_all(&parent)), [CHLD]);
    kill(&parent, &child, KILL);
    act(&parent, CHLD, handler(ActionFlags::NOCLDWAIT, &[]));
    look(&child);
    let any = axprocess::WaitRequest::wait4(-1, 0).unwrap();
    assert_eq!(parent.wait(&any).map(drop), Err(Errno::ECHILD));
}
