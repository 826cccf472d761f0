//! What a process has set for its signals.

use crate::scene::{scene, until};
use crate::signal_calls::{
    Action, NOWHERE, SA_RESTORER, SET, UNBLOCKABLE, action, at, call, handle, kill_and_reap,
    noted_signals, number, out, pending, queue, send_self, send_this_thread, set, set_action,
    set_mask, status_set, try_set_action,
};
use crate::sys::{self, Board, Event, Gate, Who};

const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const UNCHANGEABLE: [i32; 2] = [libc::SIGKILL, libc::SIGSTOP];
const IGNORED: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
const STOPPING: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// R-SIG-07: which actions are refused, and in which order that is looked at.
#[test]
fn some_actions_are_refused() {
    scene(|| {
        let ask = |signal: i32, new, old| {
            call(libc::SYS_rt_sigaction, [number(signal), new, old, SET, 0, 0])
        };
        for signal in [-1, 0, 65, 1000] {
            assert_eq!(ask(signal, NOWHERE, NOWHERE), Err(libc::EFAULT));
            assert_eq!(ask(signal, at(&Action::DEFAULT), NOWHERE), Err(libc::EINVAL));
            assert_eq!(ask(signal, 0, NOWHERE), Err(libc::EINVAL));
            assert_eq!(ask(signal, 0, 0), Err(libc::EINVAL));
        }
        for signal in UNCHANGEABLE {
            assert_eq!(ask(signal, NOWHERE, 0), Err(libc::EFAULT));
            for new in [Action::DEFAULT, Action::IGNORE, Action::noting(0, 0)] {
                let mut old = Action::noting(0, 0);
                assert_eq!(ask(signal, at(&new), out(&mut old)), Err(libc::EINVAL));
                assert_eq!(old, Action::noting(0, 0), "nothing is written");
            }
            assert_eq!(ask(signal, 0, 0), Ok(0));
            assert_eq!(action(signal), Action::DEFAULT);
        }
        assert_eq!(ask(64, at(&Action::IGNORE), 0), Ok(0));
    });
}

/// R-SIG-08: an action is in force although the old one could not be written.
#[test]
fn an_action_changes_before_the_old_one_is_written() {
    scene(|| {
        let new = Action::IGNORE;
        let arguments = [number(USR1), at(&new), NOWHERE, SET, 0, 0];
        assert_eq!(call(libc::SYS_rt_sigaction, arguments), Err(libc::EFAULT));
        assert_eq!(action(USR1), new);
    });
}

/// R-SIG-09: an action is given back as it was set.
#[test]
fn an_action_comes_back_as_a_whole() {
    scene(|| {
        let noting = Action::noting(libc::SA_RESTART, set(&[USR2, 33, libc::SIGSEGV]));
        let with = |handler| Action { handler, ..noting };
        for new in [noting, with(0), with(1)] {
            set_action(USR1, &Action { mask: new.mask | UNBLOCKABLE, ..new });
            assert_eq!(action(USR1), new);
            // To ask has changed nothing; the next one gets it as well.
            let mut old = Action::DEFAULT;
            let arguments = [number(USR1), at(&Action::DEFAULT), out(&mut old), SET, 0, 0];
            assert_eq!(call(libc::SYS_rt_sigaction, arguments), Ok(0));
            assert_eq!(old, new);
            assert_eq!(action(USR1), Action::DEFAULT);
        }
    });
}

/// R-SIG-10: flags that are not known are dropped, bit by bit.
#[test]
fn unknown_flags_are_dropped() {
    const EXPOSE_TAGBITS: u64 = 0x800;
    const UNSUPPORTED: u64 = 0x400;
    scene(|| {
        let known = [
            libc::SA_NOCLDSTOP,
            libc::SA_NOCLDWAIT,
            libc::SA_SIGINFO,
            libc::SA_ONSTACK,
            libc::SA_RESTART,
            libc::SA_NODEFER,
            libc::SA_RESETHAND,
            SA_RESTORER,
        ];
        let known = known.iter().fold(EXPOSE_TAGBITS, |all, flag| all | u64::from(*flag as u32));
        for signal in [USR1, libc::SIGCHLD, libc::SIGSEGV, 64] {
            let ask = |flags| {
                set_action(signal, &Action { flags, ..Action::IGNORE });
                action(signal).flags
            };
            for bit in (0..64).map(|bit| 1u64 << bit) {
                assert_eq!(ask(bit), bit & known);
            }
            assert_eq!(ask(u64::MAX), known);
            assert_eq!(ask(UNSUPPORTED), 0);
        }
    });
}

/// A child that tells that it is ready, and exits with 7 when it is let.
fn child_with_default_actions(end: Gate) -> i32 {
    let ready = Gate::new();
    let child = sys::fork(|| {
        sys::setpgid(0, 0).expect("a group that its parent links");
        // No core.
        sys::prctl(libc::PR_SET_DUMPABLE, 0).expect("an answer");
        for signal in (1..=64).filter(|signal| !UNCHANGEABLE.contains(signal)) {
            set_action(signal, &Action::DEFAULT);
        }
        set_mask(0);
        ready.open();
        end.pass();
        sys::exit(7);
    });
    ready.pass();
    child
}

/// R-SIG-11: what each signal does by default.
#[test]
fn every_signal_has_a_default_action() {
    scene(|| {
        for signal in 1..=64 {
            let end = Gate::new();
            let child = child_with_default_actions(end);
            sys::kill(child, signal).expect("a child");
            if IGNORED.contains(&signal) {
                assert_eq!(status_set(child, "ShdPnd"), 0);
                end.open();
            }
            let next = sys::wait(Who::Child(child), libc::WEXITED | libc::WSTOPPED);
            let expected = if IGNORED.contains(&signal) {
                Event::Exited(7)
            } else if STOPPING.contains(&signal) {
                Event::Stopped(signal)
            } else {
                Event::Killed(signal)
            };
            assert_eq!(next, Ok(Some((child, expected))));
            if expected == Event::Stopped(signal) {
                kill_and_reap(child);
            }
        }
    });
}

/// A second thread with these signals in its queue, blocked, and its number. It sleeps.
fn thread_with_pending(signals: &'static [i32]) -> i32 {
    let board = Board::new();
    let thread = sys::spawn(move || {
        for &signal in signals {
            send_this_thread(signal);
        }
        board.set(0, 1);
        sys::park();
    });
    until(|| board.get(0) == 1);
    thread
}

/// R-SIG-12: who ignores a signal discards it everywhere in the process.
#[test]
fn what_is_ignored_is_discarded_in_all_queues() {
    const SENT: [i32; 3] = [USR1, USR2, 40];
    scene(|| {
        set_mask(set(&SENT));
        let thread = thread_with_pending(&SENT);
        for signal in SENT {
            send_this_thread(signal);
            send_self(signal);
        }
        queue(sys::pid(), 40, 1).expect("itself");
        let queues = || {
            let this = sys::tid();
            [(thread, "SigPnd"), (this, "SigPnd"), (this, "ShdPnd")]
                .map(|(tid, queue)| status_set(tid, queue))
        };
        assert_eq!(queues(), [set(&SENT); 3]);
        set_action(USR1, &Action::IGNORE);
        assert_eq!(queues(), [set(&[USR2, 40]); 3]);
        set_action(40, &Action::IGNORE);
        assert_eq!(queues(), [set(&[USR2]); 3]);
        // It is blocked, so it is queued although it is ignored.
        send_self(USR1);
        assert_eq!(pending(), set(&[USR1, USR2]));
        set_action(USR1, &Action::IGNORE);
        assert_eq!(pending(), set(&[USR2]));
    });
}

/// R-SIG-13: a default action discards a signal that is ignored by default, and no other.
#[test]
fn what_is_ignored_by_default_is_discarded() {
    const SENT: [i32; 5] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH, USR1];
    scene(|| {
        set_mask(set(&SENT));
        handle(&SENT);
        let thread = thread_with_pending(&SENT);
        for signal in SENT {
            send_self(signal);
            handle(&[signal]);
        }
        assert_eq!(pending(), set(&SENT));
        for signal in SENT {
            set_action(signal, &Action::DEFAULT);
        }
        assert_eq!(pending(), set(&[USR1]));
        assert_eq!(status_set(thread, "SigPnd"), set(&[USR1]));
        handle(&[USR1]);
        assert_eq!(pending(), set(&[USR1]));
        set_mask(0);
        assert_eq!(noted_signals(), [USR1]);
    });
}

/// R-SIG-92: /proc shows what is set, not what it comes to.
#[test]
fn actions_are_shown_as_they_were_set() {
    scene(|| {
        for signal in (1..=64).filter(|signal| !UNCHANGEABLE.contains(signal)) {
            set_action(signal, &Action::DEFAULT);
        }
        let shown = || ["SigIgn", "SigCgt"].map(|name| status_set(sys::pid(), name));
        assert_eq!(shown(), [0, 0]);
        set_action(USR1, &Action::IGNORE);
        set_action(libc::SIGCHLD, &Action::IGNORE);
        handle(&[USR2, libc::SIGURG, 64]);
        assert_eq!(shown(), [set(&[USR1, libc::SIGCHLD]), set(&[USR2, libc::SIGURG, 64])]);
        assert_eq!(try_set_action(libc::SIGKILL, &Action::IGNORE), Err(libc::EINVAL));
    });
}
