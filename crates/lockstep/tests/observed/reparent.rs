//! Children that get a new parent.

use std::sync::{Arc, Barrier};

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Who};

/// R-REPARENT-15: a leader that has exited before its other threads moves to its new parent without
/// a notification. That comes when the last thread ends.
#[test]
fn delayed_leaders_move_in_silence() {
    scene(|| {
        let (end_parent, end_child, board) = (Gate::new(), Gate::new(), Board::new());
        sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
        sys::block(&[libc::SIGCHLD]);
        let parent = sys::fork(|| {
            let child = sys::fork(|| {
                sys::spawn(move || end_child.pass());
                sys::exit_thread(1);
            });
            until(|| sys::state(child) == Some('Z'));
            board.set(0, child);
            end_parent.pass();
        });
        until(|| board.get(0) != 0);
        let child = board.get(0);
        end_parent.open();
        // Of two that are sent, the first would stay: the child's, as in the test below.
        assert_eq!(sys::await_signal(libc::SIGCHLD).pid, parent);
        assert_eq!(sys::take(libc::SIGCHLD), None);
        assert_eq!(sys::stat_number(child, 4), i64::from(sys::pid()));
        assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
        end_child.open();
        let told = sys::await_signal(libc::SIGCHLD);
        assert_eq!((told.pid, told.event()), (child, Event::Exited(0)));
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-REPARENT-10, R-REPARENT-11: the notification of a zombie is repeated for its new parent, and
/// comes before that of the parent that it has lost.
#[test]
fn zombies_are_announced_again_before_the_parent_they_have_lost() {
    scene(|| {
        let board = Board::new();
        sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
        sys::block(&[libc::SIGCHLD]);
        let parent = sys::fork(|| {
            board.set(0, sys::fork(|| sys::exit(4)));
            sys::await_zombie(board.get(0));
        });
        let told = sys::await_signal(libc::SIGCHLD);
        assert_eq!((told.pid, told.event()), (board.get(0), Event::Exited(4)));
        assert_eq!(sys::reap(parent), Event::Exited(0));
        assert_eq!(sys::reap(board.get(0)), Event::Exited(4));
    });
}

/// R-REPARENT-16, R-WAIT-24: zombies that are being reaped while the thread that has forked them
/// exits are reaped once, and none is lost.
#[test]
fn zombies_that_are_reaped_while_they_move_are_reaped_once() {
    scene(|| {
        for _ in 0..30 {
            let process = sys::fork(|| {
                let barrier = Arc::new(Barrier::new(3));
                let forked = Arc::clone(&barrier);
                std::thread::spawn(move || {
                    for child in [(); 16].map(|()| sys::fork(|| {})) {
                        sys::await_zombie(child);
                    }
                    forked.wait();
                    // Its exit moves the children to another thread.
                });
                let start = Arc::clone(&barrier);
                let other = std::thread::spawn(move || reap_all(&start));
                let reaped = reap_all(&barrier) + other.join().expect("a thread");
                assert_eq!(reaped, 16);
            });
            assert_eq!(sys::reap(process), Event::Exited(0));
        }
    });
}

/// Reaps until nobody is left, and tells how many those were.
fn reap_all(start: &Barrier) -> usize {
    start.wait();
    std::iter::from_fn(|| sys::wait(Who::Any, libc::WEXITED).ok()).count()
}
