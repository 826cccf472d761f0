//! Two threads that really run at the same time, on processors of their own, in bursts in which nobody else runs there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::clock::{begin_burst, bind_to, cpu_time, end_burst, wall_time};

/// How long a burst lasts, in nanoseconds.
const BURST: u64 = 20_000_000;

/// What two threads did at the same time.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// CPU time of an operation of the first thread.
    pub(crate) first: f64,
    /// The same of both threads together.
    pub(crate) mean: f64,
    /// The part of the burst in which both ran.
    pub(crate) overlap: f64,
    pub(crate) is_exclusive: bool,
}

/// What one thread did in a burst.
struct Share {
    operations: usize,
    cpu: u64,
    wall: u64,
    is_exclusive: bool,
}

/// Lets two threads do their steps, over and over, for one burst. A step returns how many operations it was.
pub(crate) fn together(
    first: impl FnMut() -> usize + Send,
    second: impl FnMut() -> usize + Send,
) -> Pair {
    let ready = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let (first, second) = std::thread::scope(|scope| {
        let (ready, is_over) = (&ready, &is_over);
        let second = scope.spawn(move || share(1, ready, is_over, second));
        let first = scope.spawn(move || share(0, ready, is_over, first));
        (first.join(), second.join())
    });
    let (Ok(first), Ok(second)) = (first, second) else {
        return Pair { first: f64::NAN, mean: f64::NAN, overlap: 0.0, is_exclusive: false };
    };
    let cost = |cpu: u64, operations: usize| cpu as f64 / operations.max(1) as f64;
    let ran = |share: &Share| share.cpu as f64 / share.wall.max(1) as f64;
    Pair {
        first: cost(first.cpu, first.operations),
        mean: cost(first.cpu + second.cpu, first.operations + second.operations),
        overlap: (ran(&first) + ran(&second) - 1.0).clamp(0.0, 1.0),
        is_exclusive: first.is_exclusive && second.is_exclusive,
    }
}

fn share(
    processor: usize,
    ready: &AtomicUsize,
    is_over: &AtomicBool,
    mut step: impl FnMut() -> usize,
) -> Share {
    bind_to(processor);
    let is_exclusive = begin_burst();
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < 2 {
        if is_exclusive { std::hint::spin_loop() } else { std::thread::yield_now() }
    }
    let (cpu, wall) = (cpu_time(), wall_time());
    let mut operations = 0;
    while !is_over.load(Ordering::Relaxed) {
        operations += step();
        if wall_time() - wall > BURST {
            is_over.store(true, Ordering::Relaxed);
        }
    }
    let share = Share { operations, cpu: cpu_time() - cpu, wall: wall_time() - wall, is_exclusive };
    end_burst();
    share
}
