//! Stops and continuations.

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Board, Event, Gate, Info, Who};

const TOLD: i32 = libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;

/// A process of which a second thread does not stop before the gate is opened: it waits for its
/// vfork to be over, which no signal but SIGKILL interrupts (R-VFORK-02). Leads a group of its own,
/// which is not orphaned.
fn process_that_cannot_finish_a_stop(gate: Gate) -> i32 {
    let board = Board::new();
    let child = sys::fork(|| {
        sys::setpgid(0, 0).expect("a group");
        board.set(
            0,
            sys::spawn(move || {
                sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || gate.pass()).expect("a fork");
                sys::park();
            }),
        );
        sys::park();
    });
    until(|| board.get(0) != 0 && sys::thread_state(child, board.get(0)) == Some('D'));
    child
}

/// R-STOP-06: SIGCONT that comes before all threads have stopped. The parent is told of a stop, with
/// signal 0, and not of the continuation, but a wait reports the continuation, and not the stop.
#[test]
fn continuing_an_unfinished_stop_is_told_as_a_stop_by_no_signal() {
    scene(|| {
        let gate = Gate::new();
        sys::block(&[libc::SIGCHLD]);
        let child = process_that_cannot_finish_a_stop(gate);
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| sys::state(child) == Some('T'));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
        sys::kill(child, libc::SIGCONT).expect("a child");
        let expected = Info { code: libc::CLD_STOPPED, pid: child, status: 0 };
        assert_eq!(sys::await_signal(libc::SIGCHLD), expected);
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(Some((child, Event::Continued))));
        gate.open();
        until(|| sys::stat_number(child, 20) == 2 && sys::state(child) == Some('S'));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
    });
}

/// R-STOP-04, R-STOP-05: a second stop signal, while the first one's stop is not finished, waits.
/// The stop is reported once, with the first signal.
#[test]
fn the_first_of_two_stop_signals_is_reported() {
    scene(|| {
        let gate = Gate::new();
        let child = process_that_cannot_finish_a_stop(gate);
        sys::kill(child, libc::SIGTSTP).expect("a child");
        until(|| sys::state(child) == Some('T'));
        sys::kill(child, libc::SIGSTOP).expect("a child");
        gate.open();
        let stopped = sys::wait(Who::Child(child), libc::WSTOPPED);
        assert_eq!(stopped, Ok(Some((child, Event::Stopped(libc::SIGTSTP)))));
        assert!(sys::is_pending(child, libc::SIGSTOP));
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
    });
}

/// R-STOP-05, R-STOP-01: stop signals for a stopped process stay pending and cause no event, until
/// SIGCONT removes them.
#[test]
fn stop_signals_for_a_stopped_process_wait_in_vain() {
    scene(|| {
        sys::block(&[libc::SIGCHLD]);
        let child = sys::fork(|| sys::park());
        sys::kill(child, libc::SIGSTOP).expect("a child");
        sys::await_signal(libc::SIGCHLD);
        for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
            sys::kill(child, signal).expect("a child");
            assert!(sys::is_pending(child, signal));
        }
        let stopped = Ok(Some((child, Event::Stopped(libc::SIGSTOP))));
        assert_eq!(sys::wait(Who::Child(child), TOLD), stopped);
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        sys::kill(child, libc::SIGCONT).expect("a child");
        for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
            assert!(!sys::is_pending(child, signal));
        }
        assert_eq!(sys::await_signal(libc::SIGCHLD).event(), Event::Continued);
        until(|| sys::state(child) == Some('S'));
    });
}

/// R-STOP-09: a stop that SIGCONT takes back before any thread has stopped never was.
#[test]
fn a_stop_that_nobody_has_begun_is_undone_without_a_trace() {
    scene(|| {
        let (gate, end) = (Gate::new(), Gate::new());
        sys::block(&[libc::SIGCHLD]);
        let child = sys::fork(|| {
            sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || gate.pass()).expect("a fork");
            end.pass();
        });
        until(|| sys::state(child) == Some('D'));
        sys::kill(child, libc::SIGSTOP).expect("a child");
        sys::kill(child, libc::SIGCONT).expect("a child");
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
        gate.open();
        until(|| sys::state(child) == Some('S'));
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(None));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        end.open();
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-STOP-12: stop signals and SIGCONT for a zombie do nothing.
#[test]
fn zombies_do_not_stop() {
    scene(|| {
        sys::block(&[libc::SIGCHLD]);
        let child = sys::fork(|| sys::exit(5));
        assert_eq!(sys::await_signal(libc::SIGCHLD).event(), Event::Exited(5));
        for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGCONT] {
            sys::kill(child, signal).expect("a zombie");
            assert!(!sys::is_pending(child, signal));
            assert_eq!(sys::state(child), Some('Z'));
            assert_eq!(sys::take(libc::SIGCHLD), None);
            let told = sys::wait(Who::Child(child), libc::WSTOPPED | libc::WCONTINUED);
            assert_eq!(told, Err(libc::ECHILD));
        }
        assert_eq!(sys::reap(child), Event::Exited(5));
    });
}

/// R-NOTIFY-13: who sends SIGCONT continues the process at once, but it is the process itself that
/// tells its parent, when it runs again. Here it cannot run before its parent sleeps.
#[test]
fn continued_processes_tell_their_parents_themselves() {
    scene(|| {
        sys::block(&[libc::SIGCHLD]);
        sys::keep_to_this_processor();
        let child = sys::fork(|| sys::park());
        sys::kill(child, libc::SIGSTOP).expect("a child");
        assert_eq!(sys::await_signal(libc::SIGCHLD).event(), Event::Stopped(libc::SIGSTOP));
        permitted(sys::run_before_all_others(), "SCHED_FIFO");
        sys::kill(child, libc::SIGCONT).expect("a child");
        assert_eq!(sys::take(libc::SIGCHLD), None);
        assert_eq!(sys::wait(Who::Child(child), TOLD), Ok(Some((child, Event::Continued))));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        let told = sys::await_signal(libc::SIGCHLD);
        assert_eq!((told.pid, told.event()), (child, Event::Continued));
    });
}
