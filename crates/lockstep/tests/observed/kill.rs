//! Signals that are sent.

use crate::scene::scene;
use crate::sys::{self, Event, Gate};
use crate::tracer;

/// R-KILL-10: an ignored signal is discarded when it is sent: blocking it later finds nothing.
#[test]
fn ignored_signals_are_discarded() {
    scene(|| {
        sys::ignore(libc::SIGUSR1);
        // The default action of this one is to ignore it.
        for signal in [libc::SIGUSR1, libc::SIGURG] {
            sys::kill(sys::pid(), signal).expect("itself");
            assert!(!sys::is_pending(sys::pid(), signal));
            sys::block(&[signal]);
            assert_eq!(sys::take(signal), None);
        }
    });
}

/// R-KILL-10: an ignored signal that is blocked is queued, and discarded when it is unblocked.
#[test]
fn ignored_signals_that_are_blocked_are_queued() {
    scene(|| {
        sys::ignore(libc::SIGUSR1);
        for signal in [libc::SIGUSR1, libc::SIGURG] {
            sys::block(&[signal]);
            sys::kill(sys::pid(), signal).expect("itself");
            assert!(sys::is_pending(sys::pid(), signal));
            assert_eq!(sys::take(signal).expect("it waits").pid, sys::pid());
            sys::kill(sys::pid(), signal).expect("itself");
            sys::unblock(&[signal]);
            assert!(!sys::is_pending(sys::pid(), signal));
        }
    });
}

/// R-KILL-10: the tracer sees a signal that its tracee ignores.
#[test]
fn ignored_signals_are_shown_to_the_tracer() {
    scene(|| {
        let gate = Gate::new();
        let child = sys::fork(|| {
            sys::ignore(libc::SIGUSR1);
            gate.open();
            sys::park();
        });
        gate.pass();
        sys::kill(child, libc::SIGUSR1).expect("a child");
        tracer::seize_or_skip(child, 0);
        sys::kill(child, libc::SIGUSR1).expect("a child");
        assert_eq!(tracer::next(child), Event::Trapped(libc::SIGUSR1));
        tracer::resume(child);
        sys::kill(child, libc::SIGKILL).expect("a child");
        assert_eq!(tracer::next(child), Event::Killed(libc::SIGKILL));
    });
}
