//! Programs that are executed.

use std::sync::{Arc, Barrier};

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Who};
use crate::tracer;

/// R-EXEC-10: of two threads that execute programs at the same time one does, and the other vanishes.
#[test]
fn one_of_two_execs_happens() {
    scene(|| {
        for _ in 0..40 {
            let child = sys::fork(|| {
                let barrier = Arc::new(Barrier::new(2));
                let other = Arc::clone(&barrier);
                std::thread::spawn(move || {
                    other.wait();
                    sys::exec(&["sh", "-c", "exit 8"]);
                    // Not reached, or the status would tell.
                    sys::exit(10);
                });
                barrier.wait();
                sys::exec(&["sh", "-c", "exit 9"]);
                sys::exit(11);
            });
            let ended = sys::reap(child);
            assert!(matches!(ended, Event::Exited(8 | 9)), "{ended:?}");
        }
    });
}

/// R-EXEC-02: a process whose leader has exited lives again when another thread executes a program.
#[test]
fn an_exec_revives_the_leader() {
    scene(|| {
        let (reader, writer) = sys::pipe();
        let child = sys::fork(|| {
            sys::spawn(move || {
                until(|| sys::state(sys::pid()) == Some('Z'));
                sys::standard_input(&reader);
                sys::exec(&["cat"]);
            });
            sys::exit_thread(1);
        });
        until(|| std::fs::read(format!("/proc/{child}/comm")).is_ok_and(|name| name == b"cat\n"));
        until(|| sys::state(child) == Some('S'));
        assert_eq!(sys::stat_number(child, 20), 1);
        assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
        drop(writer);
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-EXEC-03: who executes a program will end with SIGCHLD, whatever signal it was forked with.
#[test]
fn an_exec_makes_an_ordinary_child() {
    scene(|| {
        for signal in [0, libc::SIGUSR1] {
            let (reader, writer) = sys::pipe();
            let child = sys::clone(signal, || {
                sys::standard_input(&reader);
                sys::exec(&["cat"]);
            });
            let child = child.expect("a fork");
            let is_cat =
                || std::fs::read(format!("/proc/{child}/comm")).ok() == Some(b"cat\n".into());
            until(is_cat);
            until(|| sys::stat_number(child, 38) == i64::from(libc::SIGCHLD));
            drop((reader, writer));
            let ended = sys::wait(Who::Child(child), libc::WEXITED);
            assert_eq!(ended, Ok(Some((child, Event::Exited(0)))));
        }
    });
}

fn has_executed_cat(process: i32) -> bool {
    std::fs::read(format!("/proc/{process}/comm")).is_ok_and(|name| name == b"cat\n")
}

/// R-EXEC-12, R-EXIT-19: an exec is not over before the tracer of another thread has reaped it, who sees status 0.
#[test]
fn an_exec_waits_for_the_tracer_of_another_thread() {
    scene(|| {
        let (board, gate) = (Board::new(), Gate::new());
        let (reader, writer) = sys::pipe();
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                sys::park();
            });
            sys::standard_input(&reader);
            gate.pass();
            sys::exec(&["cat"]);
        });
        until(|| board.get(0) != 0);
        let sibling = board.get(0);
        tracer::seize_or_skip(sibling, 0);
        gate.open();
        until(|| sys::thread_state(child, sibling) == Some('Z'));
        assert!(!has_executed_cat(child), "its tracer has not waited yet");
        assert_eq!(tracer::next(sibling), Event::Exited(0));
        until(|| has_executed_cat(child));
        drop((reader, writer));
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-EXEC-12, R-EXEC-02: nor before one is reaped that was dead already, with a status of its own; a dead leader that is traced is not waited for.
#[test]
fn an_exec_waits_for_a_dead_tracee_and_for_no_dead_leader() {
    scene(|| {
        let (board, [dies, executes]) = (Board::new(), [Gate::new(), Gate::new()]);
        let (reader, writer) = sys::pipe();
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                dies.pass();
                sys::exit_thread(6);
            });
            sys::spawn(move || {
                sys::standard_input(&reader);
                board.set(1, sys::tid());
                executes.pass();
                sys::exec(&["cat"]);
            });
            until(|| board.get(0) != 0 && board.get(1) != 0);
            board.set(2, 1);
            until(|| sys::thread_state(sys::pid(), board.get(0)) == Some('Z'));
            sys::exit_thread(7);
        });
        until(|| board.get(2) != 0);
        let sibling = board.get(0);
        tracer::seize_or_skip(sibling, 0);
        tracer::seize_or_skip(child, 0);
        dies.open();
        until(|| sys::state(child) == Some('Z'));
        executes.open();
        until(|| {
            sys::thread_state(child, board.get(1)) == Some('D')
                || sys::thread_state(child, board.get(1)) == Some('S')
        });
        assert!(!has_executed_cat(child), "the dead thread was not reaped yet");
        assert_eq!(tracer::next(sibling), Event::Exited(6));
        until(|| has_executed_cat(child));
        assert_eq!(sys::wait(Who::Any, libc::WEXITED | libc::WNOHANG | libc::__WALL), Ok(None));
        drop(writer);
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}
