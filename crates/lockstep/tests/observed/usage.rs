//! What processes have used, and to whom it is added up.

use crate::scene::{scene, until};
use crate::sys::{self, Board, Event, Gate};
use crate::tracer;

/// Makes this many kilobytes resident.
fn fill(kilobytes: usize) {
    assert_eq!(std::hint::black_box(vec![1u8; kilobytes << 10]).len(), kilobytes << 10);
}

/// R-RUSAGE-05: of the memory of reaped children the most counts, of all else the sum.
#[test]
fn memory_counts_at_its_most_and_all_else_as_a_sum() {
    scene(|| {
        let used = [60_000, 30_000, 10].map(|kilobytes| {
            sys::reap_usage(sys::fork(|| {
                fill(kilobytes);
                for _ in 0..kilobytes / 10_000 {
                    sys::reap(sys::fork(|| {}));
                }
            }))
        });
        assert!(used[0].ru_maxrss > used[1].ru_maxrss && used[1].ru_maxrss > used[2].ru_maxrss);
        let children = sys::usage(libc::RUSAGE_CHILDREN);
        assert_eq!(children.ru_maxrss, used[0].ru_maxrss);
        let sum = |field: fn(&libc::rusage) -> i64| used.iter().map(field).sum::<i64>();
        assert_eq!(children.ru_minflt, sum(|one| one.ru_minflt));
        assert_eq!(children.ru_majflt, sum(|one| one.ru_majflt));
        assert_eq!(children.ru_nvcsw, sum(|one| one.ru_nvcsw));
        assert_eq!(children.ru_nivcsw, sum(|one| one.ru_nivcsw));
        assert_eq!(children.ru_inblock, sum(|one| one.ru_inblock));
    });
}

/// R-RUSAGE-06: what a tracee has used is its parent's, not its tracer's that reaps it first.
#[test]
fn tracers_are_not_charged() {
    scene(|| {
        let (board, gate) = (Board::new(), Gate::new());
        let child = sys::fork(|| {
            fill(4000);
            gate.pass();
        });
        let tracer = sys::fork(|| {
            let seized = tracer::seize(child, 0);
            board.set(0, seized.err().unwrap_or(-1));
            seized.expect("a tracee");
            gate.open();
            let seen = sys::reap_usage(child);
            assert!(seen.ru_minflt >= 1000);
            let own = sys::usage(libc::RUSAGE_CHILDREN);
            assert_eq!((own.ru_minflt, own.ru_maxrss), (0, 0));
        });
        until(|| board.get(0) != 0);
        if board.get(0) == libc::EPERM {
            crate::scene::skip("ptrace is not permitted");
        }
        assert_eq!(sys::reap(tracer), Event::Exited(0));
        let before = sys::usage(libc::RUSAGE_CHILDREN).ru_minflt;
        let seen = sys::reap_usage(child).ru_minflt;
        assert_eq!(sys::usage(libc::RUSAGE_CHILDREN).ru_minflt, before + seen);
    });
}

/// R-RUSAGE-07: what reaped children have used belongs to the process, whichever thread has
/// reaped them, and stays with it when it executes a program.
#[test]
fn totals_of_children_belong_to_the_process_and_survive_exec() {
    scene(|| {
        let gate = Gate::new();
        let (reader, writer) = sys::pipe();
        let child = sys::fork(|| {
            std::thread::spawn(|| sys::reap(sys::fork(|| fill(8000)))).join().expect("a thread");
            assert!(sys::usage(libc::RUSAGE_CHILDREN).ru_minflt >= 2000);
            sys::standard_input(&reader);
            gate.open();
            sys::exec(&["cat"]);
        });
        gate.pass();
        until(|| std::fs::read(format!("/proc/{child}/comm")).is_ok_and(|name| name == b"cat\n"));
        // The faults of reaped children.
        assert!(sys::stat_number(child, 11) >= 2000);
        drop(writer);
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}
