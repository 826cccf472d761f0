//! The ends of threads and processes.

use std::sync::{Arc, Barrier};

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Who};
use crate::tracer;

/// R-EXIT-16: a thread that exits while its process is being stopped counts as stopped, and
/// completes the stop if it was the last.
#[test]
fn exiting_threads_complete_a_stop() {
    scene(|| {
        let (board, gate) = (Board::new(), Gate::new());
        sys::block(&[libc::SIGCHLD]);
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                gate.pass();
            });
            sys::park();
        });
        until(|| board.get(0) != 0);
        let thread = board.get(0);
        tracer::seize_or_skip(thread, libc::PTRACE_O_TRACEEXIT);
        gate.open();
        assert_eq!(tracer::next(thread), tracer::ABOUT_TO_EXIT);
        sys::take(libc::SIGCHLD);
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| sys::state(child) == Some('T'));
        assert_eq!(sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG), Ok(None));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        tracer::resume(thread);
        let told = sys::await_signal(libc::SIGCHLD);
        assert_eq!((told.pid, told.event()), (child, Event::Stopped(libc::SIGSTOP)));
        let stopped = sys::wait(Who::Child(child), libc::WSTOPPED);
        assert_eq!(stopped, Ok(Some((child, Event::Stopped(libc::SIGSTOP)))));
    });
}

/// R-EXIT-17, R-EXIT-19: a thread that ends because another one executes a program ends with
/// code 0, although SIGKILL is what has woken it.
#[test]
fn threads_that_an_exec_ends_exit_with_zero() {
    scene(|| {
        let (board, gate) = (Board::new(), Gate::new());
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                sys::park();
            });
            gate.pass();
            sys::exec(&["true"]);
        });
        until(|| board.get(0) != 0);
        let thread = board.get(0);
        tracer::seize_or_skip(thread, libc::PTRACE_O_TRACEEXIT);
        gate.open();
        assert_eq!(tracer::next(thread), tracer::ABOUT_TO_EXIT);
        assert_eq!(tracer::exit_code(thread), 0);
        tracer::resume(thread);
        assert_eq!(tracer::next(thread), Event::Exited(0));
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-EXIT-19, R-EXEC-10: of an exit of the whole process and an exec by another thread, at the
/// same time, one happens and the other does not: the status is that of either.
#[test]
fn either_the_exit_or_the_exec_happens() {
    scene(|| {
        for _ in 0..40 {
            let child = sys::fork(|| {
                let barrier = Arc::new(Barrier::new(2));
                let other = Arc::clone(&barrier);
                std::thread::spawn(move || {
                    other.wait();
                    sys::exit(7);
                });
                barrier.wait();
                sys::exec(&["sh", "-c", "exit 9"]);
            });
            let ended = sys::reap(child);
            assert!(matches!(ended, Event::Exited(7 | 9)), "{ended:?}");
        }
    });
}

/// R-PROC-06, R-PROC-01: a leader that has exited stands in the directory of its threads, as a zombie, and so does a dead traced thread.
#[test]
fn the_dead_that_are_not_released_stand_in_the_directory_of_threads() {
    scene(|| {
        let (board, gate) = (Board::new(), Gate::new());
        let child = sys::fork(|| {
            for place in 0..2 {
                sys::spawn(move || {
                    board.set(place, sys::tid());
                    if place == 0 {
                        gate.pass();
                        sys::exit_thread(0);
                    }
                    sys::park();
                });
            }
            until(|| board.get(0) != 0 && board.get(1) != 0);
            sys::exit_thread(0);
        });
        until(|| sys::state(child) == Some('Z'));
        let [traced, runs] = [board.get(0), board.get(1)];
        tracer::seize_or_skip(traced, 0);
        gate.open();
        until(|| sys::thread_state(child, traced) == Some('Z'));
        let listed = || sys::threads(child);
        assert_eq!(listed(), [child, traced, runs]);
        assert_eq!(sys::thread_state(child, child), Some('Z'));
        assert_eq!(tracer::next(traced), Event::Exited(0));
        assert_eq!(listed(), [child, runs]);
        sys::kill(child, libc::SIGKILL).expect("a child");
        sys::await_zombie(child);
        assert_eq!(listed(), [child]);
        assert_eq!(sys::reap(child), Event::Killed(libc::SIGKILL));
    });
}
