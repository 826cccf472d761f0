//! What a wait reports, and what first.

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Who};
use crate::tracer;

const ALL: i32 = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED;

/// R-WAIT-13, R-EXIT-13: a child that was continued and has ended reports its end alone. Ending by
/// exit(2), as the only thread, loses the continuation like any other end.
#[test]
fn ends_come_before_and_instead_of_continuations() {
    scene(|| {
        let ends: [fn(i32) -> !; 2] = [sys::exit, sys::exit_thread];
        for end in ends {
            let gate = Gate::new();
            let child = sys::fork(|| {
                gate.pass();
                end(3);
            });
            sys::kill(child, libc::SIGSTOP).expect("a child");
            until(|| sys::state(child) == Some('T'));
            sys::kill(child, libc::SIGCONT).expect("a child");
            gate.open();
            sys::await_zombie(child);
            let who = Who::Child(child);
            assert_eq!(sys::wait(who, libc::WCONTINUED | libc::WNOHANG), Err(libc::ECHILD));
            assert_eq!(sys::wait(who, ALL), Ok(Some((child, Event::Exited(3)))));
            assert_eq!(sys::wait(who, ALL), Err(libc::ECHILD));
        }
    });
}

/// R-WAIT-13: a child's stop is reported before an earlier continuation. Only a tracer can see
/// both, since a group stop makes the continuation forgotten.
#[test]
fn stops_come_before_continuations() {
    scene(|| {
        let child = sys::fork(|| sys::park());
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| sys::state(child) == Some('T'));
        sys::kill(child, libc::SIGCONT).expect("a child");
        until(|| sys::state(child) == Some('S'));
        tracer::seize_or_skip(child, 0);
        tracer::interrupt(child);
        until(|| sys::state(child) == Some('t'));
        assert_eq!(sys::wait(Who::Child(child), ALL), Ok(Some((child, tracer::INTERRUPTED))));
        assert_eq!(sys::wait(Who::Child(child), ALL), Ok(Some((child, Event::Continued))));
        assert_eq!(sys::wait(Who::Child(child), ALL | libc::WNOHANG), Ok(None));
    });
}

/// R-WAIT-11: a zombie that can be reaped is nobody to wait for, unless one waits for ends.
#[test]
fn zombies_count_for_waits_for_ends_alone() {
    scene(|| {
        let child = sys::fork(|| {});
        sys::await_zombie(child);
        for options in [libc::WSTOPPED, libc::WCONTINUED, libc::WSTOPPED | libc::WCONTINUED] {
            assert_eq!(sys::wait(Who::Any, options), Err(libc::ECHILD));
            assert_eq!(sys::wait(Who::Child(child), options), Err(libc::ECHILD));
        }
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-WAIT-12: a leader that has exited before its other threads counts for every wait, and the
/// stops and continuations of its process are reported.
#[test]
fn delayed_leaders_count_for_every_wait() {
    scene(|| {
        let child = sys::fork(|| {
            sys::spawn(|| sys::park());
            sys::exit_thread(1);
        });
        let who = Who::Child(child);
        until(|| sys::state(child) == Some('Z'));
        for options in [libc::WEXITED, libc::WSTOPPED, libc::WCONTINUED] {
            assert_eq!(sys::wait(who, options | libc::WNOHANG), Ok(None));
        }
        sys::kill(child, libc::SIGSTOP).expect("a child");
        assert_eq!(sys::wait(who, ALL), Ok(Some((child, Event::Stopped(libc::SIGSTOP)))));
        sys::kill(child, libc::SIGCONT).expect("a child");
        assert_eq!(sys::wait(who, ALL), Ok(Some((child, Event::Continued))));
        assert_eq!(sys::state(child), Some('Z'));
        sys::kill(child, libc::SIGTERM).expect("a child");
        assert_eq!(sys::wait(who, ALL), Ok(Some((child, Event::Killed(libc::SIGTERM)))));
    });
}

/// R-WAIT-14: children are reported in the order of their births, whatever has happened first.
#[test]
fn older_children_are_reported_first() {
    scene(|| {
        let gates = [(); 4].map(|()| Gate::new());
        let children = [0, 1, 2, 3].map(|number| {
            sys::fork(|| {
                gates[number].pass();
                sys::exit(i32::try_from(number).expect("a small number"));
            })
        });
        for number in [3, 2, 0] {
            gates[number].open();
            sys::await_zombie(children[number]);
        }
        sys::kill(children[1], libc::SIGSTOP).expect("a child");
        until(|| sys::state(children[1]) == Some('T'));
        let expected =
            [Event::Exited(0), Event::Stopped(libc::SIGSTOP), Event::Exited(2), Event::Exited(3)];
        for (child, event) in children.into_iter().zip(expected) {
            assert_eq!(sys::wait(Who::Any, ALL), Ok(Some((child, event))));
        }
    });
}

/// R-WAIT-15: a thread is told of its own children first, then of those of the threads behind it
/// in the list of threads, and so around.
#[test]
fn own_children_are_reported_first_then_those_of_later_threads() {
    scene(|| {
        let (board, start, gate) = (Board::new(), Gate::new(), Gate::new());
        let process = sys::fork(|| {
            // In this order of births: the leader's child 0, and those of threads 1 to 3.
            let child = sys::fork(|| {});
            board.set(0, child);
            sys::await_zombie(child);
            for number in 1..4 {
                sys::spawn(move || {
                    board.set(number, sys::fork(|| {}));
                    gate.open();
                    start.pass();
                    if number == 2 {
                        for place in [2, 3, 0, 1] {
                            let reaped = sys::wait(Who::Any, libc::WEXITED);
                            let expected = (board.get(place), Event::Exited(0));
                            assert_eq!(reaped, Ok(Some(expected)), "{place}");
                        }
                        sys::exit(0);
                    }
                    sys::park();
                });
                gate.pass();
                sys::await_zombie(board.get(number));
            }
            for _ in 0..3 {
                start.open();
            }
            sys::park();
        });
        assert_eq!(sys::reap(process), Event::Exited(0));
    });
}
