//! What tracing changes for parents and children.

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Board, Event, Gate, Who};
use crate::tracer;

const ENDS_AND_STOPS: i32 = libc::WEXITED | libc::WSTOPPED;

/// A grandchild that runs until it is killed.
fn grandchild() -> i32 {
    let board = Board::new();
    sys::fork(|| {
        board.set(0, sys::fork(|| sys::park()));
        sys::park();
    });
    until(|| board.get(0) != 0);
    board.get(0)
}

/// Forks a tracer of those, which then does that.
fn fork_tracer_that(tracees: &[i32], options: i32, then: impl FnOnce()) -> i32 {
    let board = Board::new();
    let tracer = sys::fork(|| {
        let mut seized = tracees.iter().map(|&tracee| tracer::seize(tracee, options));
        board.set(0, seized.find_map(Result::err).unwrap_or(-1));
        then();
    });
    until(|| board.get(0) != 0);
    permitted(if board.get(0) == -1 { Ok(()) } else { Err(board.get(0)) }, "ptrace");
    tracer
}

/// Forks a tracer of this process. It ends as soon as the gate is opened.
fn fork_tracer(tracee: i32, options: i32, end: Gate) -> i32 {
    fork_tracer_that(&[tracee], options, || end.pass())
}

fn tracer_of(process: i32) -> i32 {
    sys::status_line(process, "TracerPid").parse().expect("a number")
}

/// R-PTRACE-03: what has happened to a child is reported before what has happened earlier to a
/// tracee that is no child.
#[test]
fn children_are_reported_before_tracees() {
    scene(|| {
        let tracee = grandchild();
        tracer::seize_or_skip(tracee, 0);
        tracer::interrupt(tracee);
        until(|| sys::state(tracee) == Some('t'));
        let child = sys::fork(|| {});
        sys::await_zombie(child);
        let next = || sys::wait(Who::Any, ENDS_AND_STOPS);
        assert_eq!(next(), Ok(Some((child, Event::Exited(0)))));
        assert_eq!(next(), Ok(Some((tracee, tracer::INTERRUPTED))));
    });
}

/// R-PTRACE-03: a thread's tracees come before the children of the next thread.
#[test]
fn tracees_are_reported_before_the_children_of_other_threads() {
    scene(|| {
        let tracee = grandchild();
        tracer::seize_or_skip(tracee, 0);
        tracer::interrupt(tracee);
        until(|| sys::state(tracee) == Some('t'));
        let board = Board::new();
        sys::spawn(move || {
            board.set(0, sys::fork(|| {}));
            sys::park();
        });
        until(|| board.get(0) != 0);
        sys::await_zombie(board.get(0));
        let next = || sys::wait(Who::Any, ENDS_AND_STOPS);
        assert_eq!(next(), Ok(Some((tracee, tracer::INTERRUPTED))));
        assert_eq!(next(), Ok(Some((board.get(0), Event::Exited(0)))));
    });
}

/// R-PTRACE-04: who loses its parent gets a new one, and keeps its tracer.
#[test]
fn orphans_keep_their_tracers() {
    scene(|| {
        let (end, board) = (Gate::new(), Board::new());
        sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
        let parent = sys::fork(|| {
            board.set(0, sys::fork(|| sys::park()));
            sys::park();
        });
        until(|| board.get(0) != 0);
        let tracee = board.get(0);
        let tracer = fork_tracer(tracee, 0, end);
        sys::kill(parent, libc::SIGKILL).expect("a child");
        sys::reap(parent);
        assert_eq!(sys::stat_number(tracee, 4), i64::from(sys::pid()));
        assert_eq!(tracer_of(tracee), tracer);
        // The new parent sees what it may see of a child that another traces: that it is there.
        sys::kill(tracee, libc::SIGKILL).expect("a child");
        until(|| sys::state(tracee) == Some('Z'));
        assert_eq!(sys::wait(Who::Child(tracee), libc::WEXITED | libc::WNOHANG), Ok(None));
        end.open();
        assert_eq!(sys::reap(tracer), Event::Exited(0));
        assert_eq!(sys::reap(tracee), Event::Killed(libc::SIGKILL));
    });
}

/// R-PTRACE-05: a tracer's end frees its tracees, and kills those for which it has asked for that.
#[test]
fn the_end_of_a_tracer_frees_or_kills() {
    scene(|| {
        let (end, kills) = (Gate::new(), Gate::new());
        let child = sys::fork(|| sys::park());
        let tracer = fork_tracer(child, 0, end);
        assert_eq!(tracer_of(child), tracer);
        end.open();
        sys::reap(tracer);
        assert_eq!(tracer_of(child), 0);
        assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
        let tracer = fork_tracer(child, libc::PTRACE_O_EXITKILL, kills);
        kills.open();
        sys::reap(tracer);
        assert_eq!(sys::reap(child), Event::Killed(libc::SIGKILL));
    });
}

/// R-PTRACE-05: a process that was stopped before it was traced is stopped for its tracer, and
/// again for its parent when the tracer has ended.
#[test]
fn stopped_tracees_stay_stopped_when_their_tracer_ends() {
    scene(|| {
        let end = Gate::new();
        let child = sys::fork(|| sys::park());
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| sys::state(child) == Some('T'));
        let tracer = fork_tracer(child, 0, end);
        until(|| sys::state(child) == Some('t'));
        end.open();
        sys::reap(tracer);
        until(|| sys::state(child) == Some('T'));
        let stopped = Ok(Some((child, Event::Stopped(libc::SIGSTOP))));
        assert_eq!(sys::wait(Who::Child(child), libc::WSTOPPED), stopped);
        sys::kill(child, libc::SIGCONT).expect("a child");
        until(|| sys::state(child) == Some('S'));
    });
}

/// R-STOP-13: a signal that a tracee has stopped with is its tracer's business. A group stop that
/// it then makes is shown to the tracer, and to the parent as that of any child.
#[test]
fn group_stops_of_tracees_are_shown_to_tracer_and_parent() {
    scene(|| {
        let (board, go) = (Board::new(), Gate::new());
        sys::block(&[libc::SIGCHLD]);
        let child = sys::fork(|| sys::park());
        let tracer = fork_tracer_that(&[child], 0, || {
            assert_eq!(tracer::next(child), Event::Trapped(libc::SIGSTOP));
            board.set(1, 1);
            go.pass();
            tracer::deliver(child, libc::SIGSTOP);
            assert_eq!(tracer::next(child), tracer::GROUP_STOP);
            board.set(1, 2);
            sys::park();
        });
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| board.get(1) == 1);
        assert_eq!(sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG), Ok(None));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        go.open();
        until(|| board.get(1) == 2);
        assert_eq!(sys::state(child), Some('t'));
        let stopped = Event::Stopped(libc::SIGSTOP);
        let told = sys::take(libc::SIGCHLD).map(|told| (told.pid, told.event()));
        assert_eq!(told, Some((child, stopped)));
        let reported = sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG);
        assert_eq!(reported, Ok(Some((child, stopped))));
        assert_eq!(tracer_of(child), tracer);
    });
}

/// A child of two threads that run until they are killed: its number, and that of the second thread. Stop signals of a terminal stop it.
fn child_of_two_threads() -> (i32, i32) {
    let board = Board::new();
    let child = sys::fork(|| {
        sys::setpgid(0, 0).expect("a group that its parent links");
        sys::spawn(move || {
            board.set(0, sys::tid());
            sys::park();
        });
        sys::park();
    });
    until(|| board.get(0) != 0);
    (child, board.get(0))
}

/// The tracer's view of a group stop by that signal.
const fn group_stop_by(signal: i32) -> Event {
    Event::Trapped(signal | libc::PTRACE_EVENT_STOP << 8)
}

/// The tracer of a thread of `child` is shown a signal for that.
fn show(child: i32, thread: i32, signal: i32) {
    sys::tgkill(child, thread, signal).expect("a thread");
    assert_eq!(tracer::next(thread), Event::Trapped(signal));
}

/// The thread takes a stop signal, and stops by that.
fn stop_by(child: i32, thread: i32, signal: i32) {
    show(child, thread, signal);
    tracer::deliver(thread, signal);
    assert_eq!(tracer::next(thread), group_stop_by(signal));
}

/// R-STOP-14: a stop signal that a tracee takes which was let run in a group stop stops all anew who are not stopped; who listens stops anew too.
/// The parent hears of none of that.
#[test]
fn a_second_stop_stops_those_who_run_in_the_first() {
    scene(|| {
        let (child, thread) = child_of_two_threads();
        for tid in [child, thread] {
            tracer::seize_or_skip(tid, 0);
        }
        let stop_both = |by: i32, signal: i32, other_listens: bool| {
            let other = child + thread - by;
            stop_by(child, by, signal);
            assert_eq!(tracer::next(other), group_stop_by(signal), "listens: {other_listens}");
        };
        stop_both(child, libc::SIGSTOP, false);
        tracer::resume(child);
        tracer::resume(thread);
        stop_both(child, libc::SIGTSTP, false);
        tracer::resume(thread);
        tracer::listen(child);
        stop_both(thread, libc::SIGTTIN, true);
        // Who was in its ptrace-stop makes another one behind that.
        tracer::resume(child);
        stop_by(child, child, libc::SIGTTOU);
        assert_eq!(
            sys::wait(Who::Child(thread), libc::WSTOPPED | libc::WNOHANG | libc::__WALL),
            Ok(None)
        );
        tracer::resume(thread);
        assert_eq!(tracer::next(thread), group_stop_by(libc::SIGTTOU));
    });
}

/// R-STOP-14: amid a stop that is not complete the second signal is the one that is reported, and the stop awaits anew whom it lets stop anew.
#[test]
fn a_second_stop_amid_the_first_takes_its_place() {
    scene(|| {
        let (board, go) = (Board::new(), Gate::new());
        let (child, thread) = child_of_two_threads();
        fork_tracer_that(&[child, thread], 0, || {
            // The leader is kept in another stop meanwhile.
            show(child, child, libc::SIGUSR1);
            stop_by(child, thread, libc::SIGSTOP);
            tracer::resume(thread);
            stop_by(child, thread, libc::SIGTSTP);
            board.set(1, 1);
            go.pass();
            tracer::resume(child);
            assert_eq!(tracer::next(child), group_stop_by(libc::SIGTSTP));
            board.set(1, 2);
            sys::park();
        });
        until(|| board.get(1) == 1);
        let asked = || sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG);
        assert_eq!(asked(), Ok(None));
        go.open();
        until(|| board.get(1) == 2);
        assert_eq!(asked(), Ok(Some((child, Event::Stopped(libc::SIGTSTP)))));
    });
}

/// R-STOP-14: a stop signal that is taken by who was asked to stop meanwhile begins nothing; who was let run once more behind its second stop is not awaited.
#[test]
fn a_stop_signal_of_who_is_asked_already_begins_nothing() {
    scene(|| {
        let board = Board::new();
        let (child, thread) = child_of_two_threads();
        fork_tracer_that(&[child, thread], 0, || {
            show(child, child, libc::SIGUSR1);
            for signal in [libc::SIGSTOP, libc::SIGTSTP] {
                stop_by(child, thread, signal);
                tracer::resume(thread);
            }
            show(child, thread, libc::SIGUSR1);
            // The leader, in its stop for SIGUSR1, was asked by the second.
            tracer::deliver(child, libc::SIGTTIN);
            assert_eq!(tracer::next(child), group_stop_by(libc::SIGTSTP));
            board.set(1, 1);
            sys::park();
        });
        until(|| board.get(1) == 1);
        let asked = sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG);
        assert_eq!(asked, Ok(Some((child, Event::Stopped(libc::SIGTSTP)))));
    });
}

/// R-STOP-15: `SIGCONT` has each seized thread stop once, running or in a stop.
#[test]
fn seized_threads_stop_at_each_continuation() {
    scene(|| {
        let (child, thread) = child_of_two_threads();
        for tid in [child, thread] {
            tracer::seize_or_skip(tid, 0);
        }
        sys::kill(child, libc::SIGCONT).expect("a child");
        // The notice comes first; the signal itself is shown to one of them alone.
        let seen = [child, child, thread].map(tracer::next_and_resume);
        assert_eq!(seen, [tracer::INTERRUPTED, Event::Trapped(libc::SIGCONT), tracer::INTERRUPTED]);
    });
}

/// R-PTRACE-05: a stop signal that the tracer has been shown, and has not decided on, is delivered
/// when the tracer ends.
#[test]
fn undecided_stop_signals_are_delivered_when_the_tracer_ends() {
    scene(|| {
        let end = Gate::new();
        let child = sys::fork(|| sys::park());
        let tracer = fork_tracer(child, 0, end);
        sys::kill(child, libc::SIGSTOP).expect("a child");
        until(|| sys::state(child) == Some('t'));
        assert_eq!(sys::wait(Who::Child(child), libc::WSTOPPED | libc::WNOHANG), Ok(None));
        end.open();
        sys::reap(tracer);
        let stopped = sys::wait(Who::Child(child), libc::WSTOPPED);
        assert_eq!(stopped, Ok(Some((child, Event::Stopped(libc::SIGSTOP)))));
        assert_eq!(sys::state(child), Some('T'));
    });
}

/// R-PTRACE-06: a traced thread that exits is a zombie until its tracer has reaped it, and until
/// then the process cannot be reaped. Its status is its own until the exit of the process is decided,
/// and that of the process from then on.
#[test]
fn traced_threads_become_zombies() {
    scene(|| {
        let (board, end_thread, end) = (Board::new(), Gate::new(), Gate::new());
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                end_thread.pass();
                sys::exit_thread(3);
            });
            end.pass();
            sys::exit_thread(4);
        });
        until(|| board.get(0) != 0);
        let thread = board.get(0);
        tracer::seize_or_skip(thread, 0);
        end_thread.open();
        until(|| sys::thread_state(child, thread) == Some('Z'));
        sys::tgkill(child, thread, 0).expect("a zombie");
        let looked = sys::wait(Who::Child(thread), libc::WEXITED | libc::WNOWAIT | libc::__WALL);
        assert_eq!(looked, Ok(Some((thread, Event::Exited(3)))));
        end.open();
        until(|| sys::state(child) == Some('Z'));
        assert_eq!(sys::wait(Who::Child(child), libc::WEXITED | libc::WNOHANG), Ok(None));
        assert_eq!(tracer::next(thread), Event::Exited(4));
        assert_eq!(sys::tgkill(child, thread, 0), Err(libc::ESRCH));
        // The code of the last thread to exit (R-EXIT-05).
        assert_eq!(sys::reap(child), Event::Exited(4));
    });
}

/// R-PTRACE-07: a stop that its tracer has not read is not reported once the tracee is killed, and cannot be continued.
#[test]
fn a_killed_tracee_is_in_no_stop() {
    scene(|| {
        for _ in 0..40 {
            let tracee = grandchild();
            tracer::seize_or_skip(tracee, 0);
            tracer::interrupt(tracee);
            until(|| sys::state(tracee) == Some('t'));
            sys::kill(tracee, libc::SIGKILL).expect("a tracee");
            assert_eq!(tracer::try_resume(tracee), Err(libc::ESRCH));
            assert_eq!(tracer::next(tracee), Event::Killed(libc::SIGKILL));
        }
    });
}

/// R-PIDFD-03: a pidfd of a dead traced thread is readable, also one that is opened then, and hung up when its tracer has reaped it.
#[test]
fn a_pidfd_of_a_dead_traced_thread_is_readable() {
    scene(|| {
        let (board, end_thread) = (Board::new(), Gate::new());
        let child = sys::fork(|| {
            sys::spawn(move || {
                board.set(0, sys::tid());
                end_thread.pass();
                sys::exit_thread(3);
            });
            sys::park();
        });
        until(|| board.get(0) != 0);
        let thread = board.get(0);
        let before = permitted(sys::pidfd_of_thread(thread), "pidfd_open(PIDFD_THREAD)");
        tracer::seize_or_skip(thread, 0);
        assert_eq!(sys::poll(&before), 0);
        end_thread.open();
        until(|| sys::thread_state(child, thread) == Some('Z'));
        let anew = sys::pidfd_of_thread(thread).expect("a zombie");
        for pidfd in [&before, &anew] {
            assert_eq!(sys::poll(pidfd), libc::POLLIN);
        }
        assert_eq!(tracer::next(thread), Event::Exited(3));
        for pidfd in [&before, &anew] {
            assert_eq!(sys::poll(pidfd), libc::POLLIN | libc::POLLHUP);
        }
        sys::kill(child, libc::SIGKILL).expect("a child");
        assert_eq!(sys::reap(child), Event::Killed(libc::SIGKILL));
    });
}
