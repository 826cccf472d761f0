//! Programs that are executed.

use std::sync::{Arc, Barrier};

use crate::scene::{scene, until};
use crate::sys::{self, Event, Who};

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
