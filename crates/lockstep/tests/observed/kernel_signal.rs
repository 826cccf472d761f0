//! Signals that the kernel itself sends: timers, files, faults.

use crate::namespace::fork_init;
use crate::scene::{scene, until};
use crate::sys::{self, Event, Gate};
use crate::tracer;

const SI_USER: i32 = 0;
const SI_KERNEL: i32 = 0x80;
const SI_TIMER: i32 = -2;
const POLL_IN: i32 = 1;

/// R-KILL-13: what a siginfo says of a signal that no process has asked for. SIGPIPE says that its receiver has sent it.
#[test]
fn signals_of_the_kernels_own_say_what_they_are() {
    scene(|| {
        let signals = [libc::SIGPROF, libc::SIGUSR1, libc::SIGIO, libc::SIGUSR2, libc::SIGPIPE];
        sys::block(&signals);
        sys::expire_profiling_timer();
        assert_eq!(sys::await_signal(libc::SIGPROF).code, SI_KERNEL);
        sys::expire_timer(libc::SIGUSR1);
        assert_eq!(sys::await_signal(libc::SIGUSR1).code, SI_TIMER);
        sys::make_readable(0, sys::pid());
        let default = sys::await_signal(libc::SIGIO);
        assert_eq!((default.code, default.pid), (SI_KERNEL, 0));
        sys::make_readable(libc::SIGUSR2, sys::pid());
        assert_eq!(sys::await_signal(libc::SIGUSR2).code, POLL_IN);
        sys::write_to_nobody();
        let broken = sys::await_signal(libc::SIGPIPE);
        assert_eq!((broken.code, broken.pid), (SI_USER, sys::pid()));
    });
}

/// R-KILL-13: to an init inside, a signal with a code of its own does not come from outside: not even SIGKILL acts.
#[test]
fn events_do_not_kill_an_init() {
    scene(|| {
        let init = fork_init(|| {
            sys::use_default(libc::SIGPIPE);
            sys::expire_timer(libc::SIGKILL);
            sys::make_readable(libc::SIGKILL, 1);
            sys::make_readable(0, 1);
            sys::write_to_nobody();
            sys::exit(5);
        });
        assert_eq!(sys::reap(init), Event::Exited(5));
    });
}

/// R-KILL-13: SIGIO to a group reaches all its members; as each is told, it is the kernel's.
#[test]
fn a_file_signals_a_group() {
    scene(|| {
        let gate = Gate::new();
        sys::block(&[libc::SIGIO]);
        let member = sys::fork(|| {
            sys::setpgid(0, 0).expect("a group");
            gate.open();
            assert_eq!(sys::await_signal(libc::SIGIO).code, SI_KERNEL);
        });
        gate.pass();
        sys::make_readable(0, -member);
        assert_eq!(sys::reap(member), Event::Exited(0));
        assert_eq!(sys::take(libc::SIGIO), None);
    });
}

/// R-KILL-13: the group is meant, whoever is in it when the file is ready; its leader may be gone.
#[test]
fn a_file_signals_who_is_in_the_group_then() {
    scene(|| {
        let (ready, end) = (Gate::new(), Gate::new());
        sys::block(&[libc::SIGIO]);
        let leader = sys::fork(|| {
            sys::setpgid(0, 0).expect("a group");
            ready.open();
            end.pass();
        });
        ready.pass();
        let file = sys::OwnedFile::new(0, -leader);
        let late = sys::fork(|| {
            sys::setpgid(0, leader).expect("its group");
            ready.open();
            assert_eq!(sys::await_signal(libc::SIGIO).code, SI_KERNEL);
        });
        ready.pass();
        end.open();
        assert_eq!(sys::reap(leader), Event::Exited(0));
        file.make_readable();
        assert_eq!(sys::reap(late), Event::Exited(0));
        assert_eq!(sys::take(libc::SIGIO), None);
        file.make_readable();
        assert_eq!(sys::take(libc::SIGIO), None);
    });
}

/// R-KILL-13, R-VFORK-02: an alarm ends who sleeps in vfork, while the child lives.
#[test]
fn an_alarm_ends_who_sleeps_in_vfork() {
    scene(|| {
        let parent = sys::fork(|| {
            sys::set_alarm_clock(1000);
            sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || sys::park()).expect("a child");
        });
        assert_eq!(sys::reap(parent), Event::Killed(libc::SIGALRM));
    });
}

/// R-KILL-14: a fault ends who blocks or ignores its signal, an init too; also if there is a handler, which is not run then.
#[test]
fn faults_cannot_be_evaded() {
    scene(|| {
        let evasions: [fn(); 3] = [
            || sys::ignore(libc::SIGSEGV),
            || sys::block(&[libc::SIGSEGV]),
            || {
                sys::handle(libc::SIGSEGV, exit_with_7);
                sys::block(&[libc::SIGSEGV]);
            },
        ];
        for evade in evasions {
            let fault = || {
                sys::use_default(libc::SIGSEGV);
                evade();
                sys::fault();
            };
            let child = sys::fork(fault);
            assert_eq!(sys::reap(child), Event::Killed(libc::SIGSEGV));
            let init = fork_init(fault);
            assert_eq!(sys::reap(init), Event::Killed(libc::SIGSEGV));
        }
    });
}

extern "C" fn exit_with_7(_: i32) {
    sys::exit(7);
}

/// R-KILL-14: a handler for a fault runs, and its init is shielded as before.
#[test]
fn a_handled_fault_leaves_the_shield() {
    scene(|| {
        let init = fork_init(|| {
            sys::handle(libc::SIGSEGV, send_terminate_and_exit);
            sys::fault();
        });
        assert_eq!(sys::reap(init), Event::Exited(8));
    });
}

extern "C" fn send_terminate_and_exit(_: i32) {
    // Dropped: it comes from inside.
    sys::kill(1, libc::SIGTERM).expect("itself");
    sys::exit(8);
}

/// R-KILL-14: a tracer is shown the fault of an init, which stays shielded: let go on with it, it has the fault again.
#[test]
fn a_traced_init_has_its_fault_again() {
    scene(|| {
        let (ready, go) = (Gate::new(), Gate::new());
        let init = fork_init(|| {
            sys::use_default(libc::SIGSEGV);
            ready.open();
            go.pass();
            sys::fault();
        });
        ready.pass();
        tracer::seize_or_skip(init, 0);
        go.open();
        for _ in 0..3 {
            assert_eq!(tracer::next(init), Event::Trapped(libc::SIGSEGV));
            tracer::deliver(init, libc::SIGSEGV);
        }
        until(|| sys::state(init) == Some('t'));
        sys::kill(init, libc::SIGKILL).expect("a child");
        let end = std::iter::repeat_with(|| tracer::next(init));
        let is_end = |event: &Event| matches!(event, Event::Killed(_));
        assert_eq!(end.into_iter().find(is_end), Some(Event::Killed(libc::SIGKILL)));
    });
}
