//! What parents are told.

use crate::scene::{scene, until};
use crate::sys::{self, Event, Gate, Who};

/// R-NOTIFY-06: a parent that has executed a program since is told with SIGCHLD of a child that was
/// forked with another signal, but a wait does not take it for an ordinary child.
#[test]
fn parents_that_have_executed_a_program_get_sigchld() {
    scene(|| {
        for (signal, exec) in [(libc::SIGUSR1, false), (0, false), (libc::SIGUSR1, true), (0, true)]
        {
            let end = Gate::new();
            let (reader, writer) = sys::pipe();
            let parent = sys::fork(|| {
                sys::block(&[libc::SIGCHLD, libc::SIGUSR1]);
                sys::clone(signal, || end.pass()).expect("a fork");
                if exec {
                    sys::standard_input(&reader);
                    sys::exec(&["cat"]);
                }
                sys::park();
            });
            let name = |name: &[u8]| {
                std::fs::read(format!("/proc/{parent}/comm")).ok().as_deref() == Some(name)
            };
            until(|| !exec || name(b"cat\n"));
            let children = || sys::children(parent);
            until(|| !children().is_empty());
            let child = children()[0];
            end.open();
            until(|| sys::state(child) == Some('Z'));
            assert_eq!(sys::is_pending(parent, libc::SIGCHLD), exec);
            assert_eq!(sys::is_pending(parent, libc::SIGUSR1), !exec && signal == libc::SIGUSR1);
            assert_eq!(sys::stat_number(child, 38), i64::from(signal));
            drop(writer);
            sys::kill(parent, libc::SIGKILL).expect("a child");
            sys::reap(parent);
        }
    });
}

/// R-NOTIFY-08: of two children that end while SIGCHLD is pending the first is told of.
#[test]
fn the_first_of_two_ends_is_told() {
    scene(|| {
        sys::block(&[libc::SIGCHLD]);
        let gate = Gate::new();
        let second = sys::fork(|| {
            gate.pass();
            sys::exit(2);
        });
        let first = sys::fork(|| sys::exit(1));
        sys::await_zombie(first);
        gate.open();
        sys::await_zombie(second);
        let told = sys::take(libc::SIGCHLD).map(|told| (told.pid, told.event()));
        assert_eq!(told, Some((first, Event::Exited(1))));
        assert_eq!(sys::take(libc::SIGCHLD), None);
        // The wait is not about signals: both are there, the older one first.
        assert_eq!(sys::wait(Who::Any, libc::WEXITED), Ok(Some((second, Event::Exited(2)))));
        assert_eq!(sys::reap(first), Event::Exited(1));
    });
}
