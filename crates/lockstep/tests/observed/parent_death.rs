//! PR_SET_PDEATHSIG.

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Info};

/// R-REPARENT-08: the wish of a leader that has exited before its other threads is still granted.
#[test]
fn exited_leaders_are_told_of_their_parents_death() {
    scene(|| {
        assert!(is_told(|| {
            sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1).expect("a wish");
            sys::exit_thread(0);
        }));
    });
}

/// R-REPARENT-08: the wish of any other thread ends with it.
#[test]
fn exited_threads_are_not_told_of_their_parents_death() {
    scene(|| {
        let with_wish = || sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1).expect("a wish");
        assert!(!is_told(move || {
            std::thread::spawn(with_wish).join().expect("a thread");
            // The join is told by the thread's own exit, a little before the kernel forgets it.
            until(|| sys::stat_number(sys::pid(), 20) == 2);
            sys::park();
        }));
        // One that lives on is told.
        assert!(is_told(move || {
            sys::spawn(move || {
                with_wish();
                sys::park();
            });
            sys::park();
        }));
    });
}

/// Is a process told of its parent's death, whose leader does this?
fn is_told(leader: impl FnOnce()) -> bool {
    let (board, end, ask) = (Board::new(), Gate::new(), Gate::new());
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
    let parent = sys::fork(|| {
        let child = sys::fork(|| {
            sys::block(&[libc::SIGUSR1]);
            sys::spawn(move || {
                ask.pass();
                let told = sys::take(libc::SIGUSR1);
                let expected = Info { code: libc::SI_USER, pid: board.get(0), status: 0 };
                sys::exit(match told {
                    Some(told) if (told.code, told.pid) == (expected.code, expected.pid) => 1,
                    Some(_) => 2,
                    None => 0,
                });
            });
            leader();
        });
        board.set(0, sys::pid());
        board.set(1, child);
        end.pass();
    });
    until(|| board.get(1) != 0);
    let child = board.get(1);
    // The leader has come to its end, or to where it sleeps.
    until(|| sys::state(child).is_some_and(|state| "SZ".contains(state)));
    end.open();
    assert_eq!(sys::reap(parent), Event::Exited(0));
    ask.open();
    match sys::reap(child) {
        Event::Exited(told @ 0..=1) => told == 1,
        other => panic!("{other:?}"),
    }
}
