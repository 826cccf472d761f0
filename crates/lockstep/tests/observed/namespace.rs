//! PID namespaces.

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Event, Gate, Who};
use crate::tracer;

/// Forks the init of a new namespace, or skips the scene.
pub(crate) fn fork_init(body: impl FnOnce()) -> i32 {
    permitted(sys::clone(libc::CLONE_NEWPID | libc::SIGCHLD, body), "a PID namespace")
}

/// R-PID-13, R-PID-04: the first process of a namespace, for which the namespace around it has no
/// number, leaves no trace: the next attempt gives number 1 again.
#[test]
fn failing_to_fork_the_first_process_wastes_no_number() {
    scene(|| {
        let init = fork_init(|| {
            // That of the namespace of the writer, which then has the numbers 1 to 300.
            std::fs::write("/proc/sys/kernel/pid_max", "301").expect("a limit");
            let mut last = 0;
            while let Ok(child) = sys::try_fork(|| {}) {
                last = child;
            }
            assert_eq!(sys::try_fork(|| {}), Err(libc::EAGAIN));
            sys::unshare(libc::CLONE_NEWPID).expect("a namespace below");
            for _ in 0..3 {
                assert_eq!(sys::try_fork(|| {}), Err(libc::EAGAIN));
            }
            // The others are below those that are given away again (R-PID-02).
            assert_eq!((last, sys::reap(last)), (300, Event::Exited(0)));
            let inner = sys::fork(|| sys::exit(sys::pid()));
            assert_eq!((inner, sys::reap(inner)), (300, Event::Exited(1)));
        });
        assert_eq!(sys::reap(init), Event::Exited(0));
    });
}

/// R-NS-10, R-NS-11: signals with the default action do nothing to an init, from inside. From
/// outside SIGSTOP and SIGKILL act, and no other.
#[test]
fn inits_are_immune() {
    scene(|| {
        let (ready, ask) = (Gate::new(), Gate::new());
        let signals = [libc::SIGTERM, libc::SIGHUP, libc::SIGSEGV, libc::SIGTSTP];
        let init = fork_init(|| {
            for signal in signals.into_iter().chain([libc::SIGKILL, libc::SIGSTOP]) {
                sys::kill(sys::pid(), signal).expect("itself");
                let child = sys::fork(|| sys::kill(1, signal).expect("its init"));
                assert_eq!(sys::reap(child), Event::Exited(0));
            }
            ready.open();
            ask.pass();
            ready.open();
            sys::park();
        });
        ready.pass();
        for signal in signals {
            sys::kill(init, signal).expect("a child");
        }
        ask.open();
        ready.pass();
        sys::kill(init, libc::SIGSTOP).expect("a child");
        let stopped = sys::wait(Who::Child(init), libc::WSTOPPED);
        assert_eq!(stopped, Ok(Some((init, Event::Stopped(libc::SIGSTOP)))));
        sys::kill(init, libc::SIGKILL).expect("a child");
        assert_eq!(sys::reap(init), Event::Killed(libc::SIGKILL));
    });
}

/// R-NS-20, R-NS-21: an init's end kills all inside, and is no zombie before they are gone, also
/// those whose parent is outside: they have to be reaped there first.
#[test]
fn the_end_of_an_init_waits_for_all_inside() {
    scene(|| {
        let (ready, end) = (Gate::new(), Gate::new());
        permitted(sys::unshare(libc::CLONE_NEWPID), "a PID namespace");
        // The first child in there is the init, the second a process like any.
        let init = sys::fork(|| {
            sys::fork(|| sys::park());
            ready.open();
            end.pass();
            sys::exit(6);
        });
        let injected = sys::fork(|| sys::park());
        ready.pass();
        end.open();
        until(|| sys::state(injected) == Some('Z'));
        // It sleeps, and is no zombie, for as long as the other is one.
        until(|| sys::state(init) == Some('S'));
        assert_eq!(sys::wait(Who::Child(init), libc::WEXITED | libc::WNOHANG), Ok(None));
        assert_eq!(sys::reap(injected), Event::Killed(libc::SIGKILL));
        assert_eq!(sys::reap(init), Event::Exited(6));
        assert_eq!(sys::try_fork(|| {}), Err(libc::ENOMEM));
    });
}

/// A namespace whose init has ended it, by its second thread behind its leader or as the only one; beside it, in there, a zombie of this process's, which holds that up. Both, and the
/// thread that waits. What is done while all live is done to a child of the other one.
fn closing_namespace(by_second_thread: bool, done: impl FnOnce(i32)) -> (i32, i32, i32) {
    let end = Gate::new();
    permitted(sys::unshare(libc::CLONE_NEWPID), "a PID namespace");
    let init = sys::fork(|| {
        if by_second_thread {
            sys::spawn(move || {
                end.pass();
                sys::exit_thread(6);
            });
            sys::exit_thread(5);
        }
        end.pass();
        sys::exit(6);
    });
    let other = sys::fork(|| {
        sys::fork(|| sys::park());
        sys::park();
    });
    let awaited = if by_second_thread { 2 } else { 1 };
    until(|| sys::threads(init).len() == awaited && sys::children(other).len() == 1);
    until(|| !by_second_thread || sys::state(init) == Some('Z'));
    done(sys::children(other)[0]);
    let last = sys::threads(init)[awaited - 1];
    end.open();
    until(|| sys::state(other) == Some('Z'));
    until(|| sys::thread_state(init, last) == Some('S'));
    (init, other, last)
}

/// R-NS-29: the last thread of an init is there until all others in the namespace are gone: in the
/// directory of threads, for signals, for pidfds, for a tracer, whose wait sleeps, and which it then waits for.
#[test]
fn the_last_thread_of_an_init_stays_until_all_inside_are_gone() {
    scene(|| {
        let (init, other, last) = closing_namespace(true, |_| {});
        let ends = libc::WEXITED | libc::WNOHANG | libc::__WALL;
        assert_eq!(sys::threads(init), [init, last]);
        assert_eq!(sys::state(init), Some('Z'));
        assert_eq!(sys::tgkill(init, last, libc::SIGKILL), Ok(()));
        let file = permitted(sys::pidfd_of_thread(last), "a pidfd of a thread");
        tracer::seize_or_skip(last, 0);
        tracer::interrupt(last);
        assert_eq!(sys::poll(&file), 0);
        assert_eq!(sys::wait(Who::Child(last), ends), Ok(None));
        let stops = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
        assert_eq!(sys::wait(Who::Child(last), stops), Ok(None));
        assert_eq!(sys::wait(Who::Child(init), ends), Ok(None));
        assert_eq!(sys::reap(other), Event::Killed(libc::SIGKILL));
        until(|| sys::thread_state(init, last) == Some('Z'));
        assert_eq!(sys::poll(&file), libc::POLLIN);
        assert_eq!(sys::wait(Who::Child(init), ends), Ok(None));
        assert_eq!(sys::wait(Who::Child(last), ends), Ok(Some((last, Event::Exited(6)))));
        assert_eq!(sys::reap(init), Event::Exited(6));
    });
}

/// R-NS-29: it adopts whoever in the namespace loses its parent meanwhile.
#[test]
fn the_last_thread_of_an_init_adopts_until_the_end() {
    scene(|| {
        let mut tracee = 0;
        let (init, other, last) = closing_namespace(true, |child| {
            tracer::seize_or_skip(child, 0);
            tracee = child;
        });
        // Its tracer keeps it.
        until(|| sys::state(tracee) == Some('Z'));
        assert_eq!(sys::stat_number(tracee, 4), i64::from(init));
        let children = std::fs::read_to_string(format!("/proc/{init}/task/{last}/children"));
        assert_eq!(children.expect("a thread").trim(), tracee.to_string());
        assert_eq!(sys::reap(other), Event::Killed(libc::SIGKILL));
        assert_eq!(sys::thread_state(init, last), Some('S'));
        assert_eq!(tracer::next(tracee), Event::Killed(libc::SIGKILL));
        assert_eq!(sys::reap(init), Event::Exited(6));
    });
}

/// R-WAIT-11, R-NS-29: a tracer's wait for stops alone counts a leader in the middle of its exit, and
/// not one that is dead while its process lives.
#[test]
fn a_tracer_waits_for_stops_of_a_leader_that_is_not_done_with_its_exit() {
    scene(|| {
        let stops = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
        let delayed = sys::fork(|| {
            sys::spawn(|| sys::park());
            sys::exit_thread(3);
        });
        tracer::seize_or_skip(delayed, 0);
        until(|| sys::state(delayed) == Some('Z'));
        assert_eq!(sys::wait(Who::Child(delayed), stops), Err(libc::ECHILD));
        let (init, other, _) = closing_namespace(false, |_| {});
        tracer::seize_or_skip(init, 0);
        assert_eq!(sys::wait(Who::Child(init), stops), Ok(None));
        assert_eq!(sys::reap(other), Event::Killed(libc::SIGKILL));
        assert_eq!(sys::reap(init), Event::Exited(6));
    });
}
