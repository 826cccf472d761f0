//! PID namespaces.

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Event, Gate, Who};

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
