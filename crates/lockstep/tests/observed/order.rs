//! What is seen when, of one death, and what is never seen half done.

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Board, Event, Gate, Info, Who};
use crate::tty;

/// R-ATOM-03, R-ORPHAN-03: when SIGCHLD tells of a session leader's death all else has
/// happened: its files are closed, its terminal is free and the foreground hung up, its child has been
/// told, and the group that it orphans has got its signals. The child's own wish came before those.
#[test]
fn sigchld_comes_last() {
    scene(|| {
        for _ in 0..20 {
            one_death();
        }
    });
}

fn one_death() {
    let (board, ready, end) = (Board::new(), Gate::new(), Gate::new());
    let (_master, tty) = permitted(tty::open_pty(), "a pseudo-terminal");
    let signals = [libc::SIGCHLD, libc::SIGHUP, libc::SIGCONT, libc::SIGUSR1, libc::SIGTTOU];
    sys::block(&signals);
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
    let (reader, writer) = sys::pipe();
    let leader = sys::fork(|| {
        tty::lead_session_on(tty);
        let foreground = sys::fork(|| {
            sys::close_end(&writer);
            sys::setpgid(0, 0).expect("a group");
            tty.set_foreground(sys::pid()).expect("the foreground");
            ready.open();
            sys::park();
        });
        ready.pass();
        // In one group, which is orphaned by the leader's death: one that is stopped, and one that
        // has wished for the very signal that comes with that.
        let stopped = sys::fork(|| {
            sys::close_end(&writer);
            sys::setpgid(0, 0).expect("a group");
            ready.open();
            sys::park();
        });
        ready.pass();
        let told = sys::fork(|| {
            sys::close_end(&writer);
            sys::setpgid(0, stopped).expect("the group");
            sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGHUP).expect("a wish");
            ready.open();
            let hung_up = sys::await_signal(libc::SIGHUP);
            board.set(3, hung_up.code);
            board.set(4, hung_up.pid);
            sys::park();
        });
        ready.pass();
        sys::kill(stopped, libc::SIGSTOP).expect("a child");
        let told_of = sys::wait(Who::Child(stopped), libc::WSTOPPED | libc::WNOWAIT);
        assert_eq!(told_of, Ok(Some((stopped, Event::Stopped(libc::SIGSTOP)))));
        for (place, process) in [foreground, stopped, told].into_iter().enumerate() {
            board.set(place, process);
        }
        end.pass();
    });
    drop(writer);
    until(|| board.get(2) != 0);
    let [foreground, stopped, told] = [0, 1, 2].map(|place| board.get(place));
    end.open();
    let Info { pid, .. } = sys::await_signal(libc::SIGCHLD);
    assert_eq!(pid, leader);
    assert!(sys::is_at_end(&reader));
    for process in [foreground, stopped, told] {
        assert!(!tty::is_controlled(process));
        assert_eq!(sys::stat_number(process, 4), i64::from(sys::pid()));
    }
    assert!(sys::is_pending(foreground, libc::SIGHUP));
    assert!(!sys::is_pending(foreground, libc::SIGCONT));
    assert!(sys::is_pending(stopped, libc::SIGHUP) && sys::is_pending(stopped, libc::SIGCONT));
    assert!(sys::is_pending(told, libc::SIGCONT));
    assert_ne!(sys::state(stopped), Some('T'));
    until(|| board.get(4) != 0);
    assert_eq!((board.get(3), board.get(4)), (libc::SI_USER, leader));
    assert_eq!(sys::reap(leader), Event::Exited(0));
    for process in [foreground, stopped, told] {
        sys::kill(process, libc::SIGKILL).expect("a child");
        assert_eq!(sys::reap(process), Event::Killed(libc::SIGKILL));
    }
    while sys::take(libc::SIGCHLD).is_some() {}
}

/// R-ATOM-01: a process is a zombie when, and not before, its children have moved and its exit
/// signal is sent: who sees the one sees the other, at any moment.
#[test]
fn a_zombies_children_have_moved_and_its_parent_has_been_told() {
    scene(|| {
        sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
        sys::block(&[libc::SIGCHLD]);
        for _ in 0..50 {
            let (board, end) = (Board::new(), Gate::new());
            let parent = sys::fork(|| {
                for place in 0..8 {
                    board.set(place, sys::fork(|| sys::park()));
                }
                end.pass();
            });
            until(|| board.get(7) != 0);
            end.open();
            while sys::wait(Who::Child(parent), libc::WEXITED | libc::WNOHANG) == Ok(None) {}
            assert_eq!(sys::take(libc::SIGCHLD).map(|told| told.pid), Some(parent));
            for place in 0..8 {
                let child = board.get(place);
                assert_eq!(sys::stat_number(child, 4), i64::from(sys::pid()));
                sys::kill(child, libc::SIGKILL).expect("a child");
                sys::reap(child);
            }
            while sys::take(libc::SIGCHLD).is_some() {}
        }
    });
}

/// R-ATOM-01: of two threads that wait for the same zombie one gets it.
#[test]
fn a_zombie_is_claimed_once() {
    scene(|| {
        for _ in 0..50 {
            let gate = Gate::new();
            let child = sys::fork(|| gate.pass());
            let wait = move || sys::wait(Who::Child(child), libc::WEXITED);
            let waiters = [(); 3].map(|()| std::thread::spawn(wait));
            gate.open();
            let mut answers = waiters.map(|waiter| waiter.join().expect("a thread"));
            answers.sort_by_key(Result::is_err);
            let once = Ok(Some((child, Event::Exited(0))));
            assert_eq!(answers, [once, Err(libc::ECHILD), Err(libc::ECHILD)]);
        }
    });
}
