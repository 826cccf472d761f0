//! Controlling terminals.

use crate::scene::{permitted, scene};
use crate::sys::{self, Board, Event, Gate};
use crate::tty::{self, Tty};

/// R-TTYEXIT-05: who does not lead the session leaves the terminal alone when it dies, even as the
/// last of the foreground.
#[test]
fn the_death_of_members_leaves_the_terminal_alone() {
    scene(|| {
        let (_master, tty) = permitted(tty::open_pty(), "a pseudo-terminal");
        let leader = sys::fork(|| {
            tty::lead_session_on(tty);
            sys::block(&[libc::SIGHUP, libc::SIGCONT, libc::SIGTTOU]);
            let foreground = sys::fork(|| {
                sys::setpgid(0, 0).expect("a group");
                tty.set_foreground(sys::pid()).expect("the foreground");
            });
            assert_eq!(sys::reap(foreground), Event::Exited(0));
            assert_eq!(tty.session(), Ok(sys::pid()));
            // The number of a group that is no more (R-TTY-04).
            assert_eq!(tty.foreground(), Ok(foreground));
            assert!(tty::is_controlled(sys::pid()));
            assert_eq!(sys::take(libc::SIGHUP), None);
            assert_eq!(sys::take(libc::SIGCONT), None);
        });
        assert_eq!(sys::reap(leader), Event::Exited(0));
    });
}

/// Lets the leader of a session on this terminal exit, and tells what reading and writing answer to
/// the foreground then. It has got SIGHUP and nothing else, and the background nothing at all.
fn exit_of_a_leader(tty: Tty) -> [i32; 4] {
    let (ready, go, board) = (Gate::new(), Gate::new(), Board::new());
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
    let leader = sys::fork(|| {
        tty::lead_session_on(tty);
        sys::block(&[libc::SIGHUP, libc::SIGCONT, libc::SIGTTOU, libc::SIGTTIN]);
        let foreground = sys::fork(|| {
            sys::setpgid(0, 0).expect("a group");
            tty.set_foreground(sys::pid()).expect("the foreground");
            ready.open();
            assert_eq!(sys::await_signal(libc::SIGHUP).code, libc::SI_KERNEL);
            assert_eq!(sys::take(libc::SIGCONT), None);
            assert!(!tty::is_controlled(sys::pid()));
            board.set(0, tty.write(b'x').err().unwrap_or(0));
            board.set(1, tty.foreground().err().unwrap_or(0));
            board.set(2, tty.stop_background_writers().err().unwrap_or(0));
            board.set(3, tty.read_at_once().err().unwrap_or(0));
        });
        ready.pass();
        let background = sys::fork(|| {
            assert!(tty::is_controlled(sys::pid()));
            ready.open();
            go.pass();
            assert_eq!((sys::take(libc::SIGHUP), sys::take(libc::SIGCONT)), (None, None));
            assert!(!tty::is_controlled(sys::pid()));
        });
        ready.pass();
        board.set(4, foreground);
        board.set(5, background);
    });
    assert_eq!(sys::reap(leader), Event::Exited(0));
    go.open();
    assert_eq!(sys::reap(board.get(4)), Event::Exited(0));
    assert_eq!(sys::reap(board.get(5)), Event::Exited(0));
    [0, 1, 2, 3].map(|place| board.get(place))
}

/// R-TTYEXIT-01: a pseudo-terminal survives the leader's exit, and everybody's files stay good.
#[test]
fn the_exit_of_a_leader_frees_a_pseudo_terminal() {
    scene(|| {
        let (_master, tty) = permitted(tty::open_pty(), "a pseudo-terminal");
        assert_eq!(exit_of_a_leader(tty), [0, libc::ENOTTY, 0, libc::EAGAIN]);
        // Another session may have it at once (R-TTYEXIT-03).
        let next = sys::fork(|| tty::lead_session_on(tty));
        assert_eq!(sys::reap(next), Event::Exited(0));
    });
}

/// R-TTYEXIT-06: any other terminal is hung up by the leader's exit: it is at its end for those who
/// read, and good for nothing else.
#[test]
fn the_exit_of_a_leader_hangs_up_any_other_terminal() {
    scene(|| {
        let console = match tty::open_console() {
            Err(libc::ENOENT | libc::ENXIO | libc::ENODEV | libc::ENOTTY) => {
                crate::scene::skip("there is no virtual console")
            }
            answer => permitted(answer, "a virtual console"),
        };
        assert_eq!(exit_of_a_leader(console), [libc::EIO, libc::EIO, libc::EIO, 0]);
        let next = sys::fork(|| {
            sys::setsid().expect("a session");
            assert_eq!(console.session(), Err(libc::EIO));
        });
        assert_eq!(sys::reap(next), Event::Exited(0));
    });
}

/// R-TTY-12: who is controlled by another terminal, or none, may do what it likes with this one.
#[test]
fn only_those_whom_a_terminal_controls_are_checked() {
    scene(|| {
        let (master, tty) = permitted(tty::open_pty(), "a pseudo-terminal");
        let (_other_master, other) = permitted(tty::open_pty(), "a pseudo-terminal");
        let (ready, end) = (Gate::new(), Gate::new());
        let leader = sys::fork(|| {
            tty::lead_session_on(tty);
            let member = sys::fork(|| {
                sys::setpgid(0, 0).expect("a group");
                sys::block(&[libc::SIGTTIN, libc::SIGTTOU]);
                assert_eq!(tty.read(), Err(libc::EIO));
                assert_eq!(tty.set_foreground(sys::pid()), Ok(()));
                assert_eq!(tty.set_foreground(tty.session().expect("its own")), Ok(()));
            });
            assert_eq!(sys::reap(member), Event::Exited(0));
            ready.open();
            end.pass();
        });
        ready.pass();
        let outsiders: [fn(Tty); 2] = [|_| {}, tty::lead_session_on];
        for makes_itself in outsiders {
            tty::type_at(&master, "x\n");
            let outsider = sys::fork(|| {
                sys::setpgid(0, 0).expect("a group");
                sys::fork(|| {
                    makes_itself(other);
                    assert_eq!(tty.stop_background_writers(), Ok(()));
                    assert_eq!(tty.write(b'x'), Ok(()));
                    assert_eq!((tty.read(), tty.read()), (Ok(Some(b'x')), Ok(Some(b'\n'))));
                    // No check, but not its terminal either (R-TTY-06).
                    assert_eq!(tty.set_foreground(sys::pid()), Err(libc::ENOTTY));
                    ready.open();
                });
                ready.pass();
            });
            assert_eq!(sys::reap(outsider), Event::Exited(0));
        }
        end.open();
        assert_eq!(sys::reap(leader), Event::Exited(0));
    });
}

/// R-TTY-07: the number of any process or thread of the session will do for the foreground, also
/// that of a zombie, and also if no group has it. The number of a session alone will not.
#[test]
fn numbers_that_are_no_groups_may_be_in_the_foreground() {
    scene(|| {
        let (_master, tty) = permitted(tty::open_pty(), "a pseudo-terminal");
        let leader = sys::fork(|| {
            tty::lead_session_on(tty);
            sys::block(&[libc::SIGTTOU]);
            let own = sys::pid();
            let process = sys::fork(|| sys::park());
            let zombie = sys::fork(|| {});
            sys::await_zombie(zombie);
            let thread = sys::spawn(|| sys::park());
            for number in [process, zombie, thread, own] {
                assert_eq!(tty.set_foreground(number), Ok(()));
                assert_eq!(tty.foreground(), Ok(number));
            }
            sys::reap(zombie);
            assert_eq!(tty.set_foreground(zombie), Err(libc::ESRCH));
            assert_eq!(tty.set_foreground(0), Err(libc::ESRCH));
            assert_eq!(tty.set_foreground(-1), Err(libc::EINVAL));
            assert_eq!(tty.set_foreground(sys::session_without_leader()), Err(libc::EPERM));
            assert_eq!(tty.set_foreground(1), Err(libc::EPERM));
            assert_eq!(tty.foreground(), Ok(own));
        });
        assert_eq!(sys::reap(leader), Event::Exited(0));
    });
}
