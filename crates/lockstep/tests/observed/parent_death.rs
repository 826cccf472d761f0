//! PR_SET_PDEATHSIG.

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate, Info};
use crate::tracer;

/// R-REPARENT-08: the wish of a leader that has exited before its other threads is still granted.
#[test]
fn exited_leaders_are_told_of_their_parents_death() {
    scene(|| {
        assert!(is_told(|ready| {
            sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1).expect("a wish");
            sys::spawn(move || {
                until(|| sys::state(sys::pid()) == Some('Z'));
                ready.open();
                sys::park();
            });
            sys::exit_thread(0);
        }));
    });
}

/// R-PDEATH-01: so is that of any other thread as long as its tracer has to reap it, also if the tracer is the parent that dies.
#[test]
fn dead_tracees_are_told_of_their_parents_death() {
    scene(|| {
        assert!(is_told(|ready| {
            let dead = sys::spawn(|| {
                tracer::trace_me();
                sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1).expect("a wish");
                sys::exit_thread(0);
            });
            until(|| sys::thread_state(sys::pid(), dead) == Some('Z'));
            ready.open();
            sys::park();
        }));
    });
}

/// R-REPARENT-08: the wish of any other thread ends with it.
#[test]
fn exited_threads_are_not_told_of_their_parents_death() {
    scene(|| {
        let with_wish = || sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1).expect("a wish");
        assert!(!is_told(move |ready| {
            std::thread::spawn(with_wish).join().expect("a thread");
            // The join is told by the thread's own exit, a little before the kernel forgets it.
            until(|| sys::stat_number(sys::pid(), 20) == 2);
            ready.open();
            sys::park();
        }));
        // One that lives on is told.
        assert!(is_told(move |ready| {
            sys::spawn(move || {
                with_wish();
                ready.open();
                sys::park();
            });
            sys::park();
        }));
    });
}

/// Is a process told of its parent's death, whose leader does this? It opens the gate when all is
/// prepared for that death.
fn is_told(leader: impl FnOnce(Gate)) -> bool {
    let (board, ready, end, ask) = (Board::new(), Gate::new(), Gate::new(), Gate::new());
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
    let parent = sys::fork(|| {
        let child = sys::fork(|| {
            sys::block(&[libc::SIGUSR1]);
            sys::spawn(move || {
                ask.pass();
                // R-PDEATH-03.
                let by_parent =
                    |told: &Info| (told.code, told.pid) == (libc::SI_USER, board.get(0));
                sys::exit(match sys::take(libc::SIGUSR1) {
                    Some(told) if by_parent(&told) => 1,
                    Some(_) => 2,
                    None => 0,
                });
            });
            leader(ready);
        });
        board.set(0, sys::pid());
        board.set(1, child);
        end.pass();
    });
    ready.pass();
    until(|| board.get(1) != 0);
    let child = board.get(1);
    end.open();
    assert_eq!(sys::reap(parent), Event::Exited(0));
    ask.open();
    match sys::reap(child) {
        Event::Exited(told @ 0..=1) => told == 1,
        other => panic!("{other:?}"),
    }
}
