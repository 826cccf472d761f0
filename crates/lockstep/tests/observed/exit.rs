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

/// A child with a second thread, which exits with 5 when the gate opens, and its number; the leader exits with `leader_exits` at the other gate.
fn leader_and_thread(leader_exits: fn() -> !) -> (i32, i32, [Gate; 2]) {
    let (board, gates) = (Board::new(), [Gate::new(), Gate::new()]);
    let of_leader = gates[1];
    let of_thread = gates[0];
    let child = sys::fork(|| {
        sys::spawn(move || {
            board.set(0, sys::tid());
            of_thread.pass();
            sys::exit_thread(5);
        });
        of_leader.pass();
        leader_exits();
    });
    until(|| board.get(0) != 0);
    (child, board.get(0), gates)
}

/// R-EXIT-20, R-EXIT-12: with the last thread that begins to exit its process's end is decided: SIGKILL does not end the stop of its exit event.
#[test]
fn sigkill_does_not_end_the_exit_event_of_the_last_thread() {
    scene(|| {
        let gate = Gate::new();
        let child = sys::fork(|| {
            gate.pass();
            sys::exit_thread(3);
        });
        tracer::seize_or_skip(child, libc::PTRACE_O_TRACEEXIT);
        gate.open();
        assert_eq!(tracer::next(child), tracer::ABOUT_TO_EXIT);
        assert_eq!((tracer::exit_code(child), sys::stat_number(child, 52)), (0x300, 0x300));
        sys::kill(child, libc::SIGKILL).expect("a child");
        tracer::resume(child);
        assert_eq!(tracer::next(child), Event::Exited(3));
    });
}

/// R-EXIT-20, R-PTRACE-07: as long as another thread has not begun to exit, SIGKILL, and that one's exit_group, end the stop of an exit event.
#[test]
fn what_ends_the_process_ends_the_exit_event_of_one_thread() {
    scene(|| {
        for by_signal in [true, false] {
            let (child, thread, gates) = leader_and_thread(|| sys::exit(9));
            tracer::seize_or_skip(thread, libc::PTRACE_O_TRACEEXIT);
            gates[0].open();
            assert_eq!(tracer::next(thread), tracer::ABOUT_TO_EXIT);
            assert_eq!((tracer::exit_code(thread), sys::stat_number(child, 52)), (0x500, 0));
            match by_signal {
                true => sys::kill(child, libc::SIGKILL).expect("a child"),
                false => gates[1].open(),
            }
            let end = if by_signal { Event::Killed(libc::SIGKILL) } else { Event::Exited(9) };
            assert_eq!(tracer::next(thread), end);
            assert_eq!(sys::reap(child), end);
        }
    });
}

/// R-EXIT-05, R-EXIT-20, R-PTRACE-06: the thread that begins to exit last gives the status, although another ends after it; that one's tracer gets it too.
#[test]
fn the_thread_that_begins_to_exit_last_gives_the_status() {
    scene(|| {
        let (child, thread, gates) = leader_and_thread(|| sys::exit_thread(7));
        tracer::seize_or_skip(thread, libc::PTRACE_O_TRACEEXIT);
        gates[0].open();
        assert_eq!(tracer::next(thread), tracer::ABOUT_TO_EXIT);
        gates[1].open();
        until(|| sys::state(child) == Some('Z'));
        assert_eq!(sys::stat_number(child, 52), 0x700);
        assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
        sys::kill(child, libc::SIGKILL).expect("a child");
        tracer::resume(thread);
        assert_eq!(tracer::next(thread), Event::Exited(7));
        assert_eq!(sys::reap(child), Event::Exited(7));
    });
}

/// R-EXIT-20: a leader that began to exit before another thread, and is gone after it, tells its own end by SIGCHLD, and its process's to wait.
#[test]
fn a_leader_that_is_gone_last_tells_its_own_end_by_signal() {
    scene(|| {
        sys::block(&[libc::SIGCHLD]);
        let (child, thread, gates) = leader_and_thread(|| sys::exit_thread(3));
        tracer::seize_or_skip(child, libc::PTRACE_O_TRACEEXIT);
        gates[1].open();
        assert_eq!(tracer::next(child), tracer::ABOUT_TO_EXIT);
        gates[0].open();
        until(|| sys::thread_state(child, thread).is_none());
        sys::take(libc::SIGCHLD);
        tracer::resume(child);
        let told = sys::await_signal(libc::SIGCHLD);
        assert_eq!((told.pid, told.event()), (child, Event::Exited(3)));
        assert_eq!(sys::reap(child), Event::Exited(5));
    });
}

/// R-PTRACE-06, R-EXIT-20: a dead traced thread tells its own status until its process's is decided, be it by the end of the last other thread.
#[test]
fn a_dead_traced_thread_tells_its_processs_status_once_that_is_decided() {
    scene(|| {
        let (child, thread, gates) = leader_and_thread(|| sys::exit_thread(6));
        tracer::seize_or_skip(thread, 0);
        gates[0].open();
        let look = || {
            let options = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
            sys::wait(Who::Child(thread), options)
        };
        assert_eq!(look(), Ok(Some((thread, Event::Exited(5)))));
        gates[1].open();
        until(|| sys::state(child) == Some('Z'));
        assert_eq!(look(), Ok(Some((thread, Event::Exited(6)))));
        assert_eq!(tracer::next(thread), Event::Exited(6));
        assert_eq!(sys::reap(child), Event::Exited(6));
    });
}

/// Removed at the end, with what is in it.
struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process of two threads that dumps its core because of a SIGABRT, and its second thread. It has so much memory that it is seen while it does.
fn dumping() -> (i32, i32) {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with(['|', '/', '@']) || pattern.trim().is_empty() {
        crate::scene::skip("a core is not written where the process is");
    }
    // It is removed while the core is written, or by who gives up.
    let place = Directory(std::env::temp_dir().join(format!("lockstep-core-{}", sys::pid())));
    std::fs::create_dir_all(&place.0).expect("a directory");
    for megabytes in [128, 512, 2048] {
        let board = Board::new();
        let child = sys::fork(|| {
            std::env::set_current_dir(&place.0).expect("the directory");
            sys::allow_cores();
            let memory = vec![1u8; megabytes << 20];
            sys::spawn(move || {
                board.set(0, sys::tid());
                sys::park();
            });
            until(|| board.get(0) != 0);
            board.set(1, i32::from(memory[memory.len() - 1]));
            sys::park();
        });
        until(|| board.get(1) != 0);
        sys::kill(child, libc::SIGABRT).expect("a child");
        let is_dumping = || sys::try_status_line(child, "CoreDumping").as_deref() == Some("1");
        until(|| is_dumping() || sys::state(child) == Some('Z'));
        let is_parked = sys::thread_state(child, board.get(0)) == Some('I');
        if is_parked && is_dumping() {
            return (child, board.get(0));
        }
        sys::kill(child, libc::SIGKILL).expect("a child");
        sys::reap(child);
    }
    crate::scene::skip("a core is written too fast to be seen")
}

/// R-EXIT-21, R-EXIT-12, R-PIDFD-02: amid a core dump the process is no zombie, and all signals are dropped but SIGKILL, which cuts it and is the status, to the process or to the parked thread.
#[test]
fn sigkill_cuts_a_core_dump() {
    scene(|| {
        for to_thread in [false, true] {
            let (child, thread) = dumping();
            assert_eq!(sys::stat_number(child, 52), i64::from(libc::SIGABRT));
            assert_eq!(sys::status_line(child, "Threads"), "2");
            assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
            let pidfd = sys::pidfd_of_thread(child).expect("a process");
            assert_eq!(sys::poll(&pidfd), 0);
            sys::kill(child, libc::SIGTERM).expect("a child");
            assert!(!sys::is_pending(child, libc::SIGTERM));
            assert_eq!(sys::stat_number(child, 52), i64::from(libc::SIGABRT));
            match to_thread {
                true => sys::tgkill(child, thread, libc::SIGKILL).expect("a thread"),
                false => sys::kill(child, libc::SIGKILL).expect("a child"),
            }
            assert_eq!(sys::stat_number(child, 52), i64::from(libc::SIGKILL));
            assert_eq!(sys::reap(child), Event::Killed(libc::SIGKILL));
        }
    });
}
