//! What the machine charges for the smallest steps: nothing can be cheaper than what it cannot do without.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kspin::SpinNoIrq;
use serde::Serialize;

use crate::measure::clock::timed;
use crate::measure::interleave::median;

/// Nanoseconds, measured in this run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Floors {
    pub(crate) load: f64,
    /// An atomic read-modify-write.
    pub(crate) rmw: f64,
    pub(crate) lock_pair: f64,
    pub(crate) malloc_free: f64,
    pub(crate) arc_clone_drop: f64,
}

const LOOPS: usize = 20_000;

impl Floors {
    /// Measures all of them in turns, for at least this long.
    pub(crate) fn measure(at_least: Duration) -> Self {
        let word = AtomicU64::new(0);
        let lock = SpinNoIrq::new(0_u64);
        let arc = Arc::new(0_u64);
        let layout = Layout::new::<[u64; 26]>();
        let mut costs: [Vec<f64>; 5] = Default::default();
        let begin = std::time::Instant::now();
        while begin.elapsed() < at_least || costs[0].len() < 5 {
            let round = [
                each(|| _ = black_box(word.load(Ordering::Relaxed))),
                each(|| _ = black_box(word.fetch_add(1, Ordering::AcqRel))),
                each(|| *black_box(&lock).lock() += 1),
                each(|| {
                    // SAFETY: the layout is not empty, and what is freed was just allocated with it.
                    unsafe { dealloc(black_box(alloc(layout)), layout) }
                }),
                each(|| drop(black_box(Arc::clone(&arc)))),
            ];
            for (series, cost) in costs.iter_mut().zip(round) {
                series.push(cost);
            }
        }
        let [load, rmw, lock_pair, malloc_free, arc_clone_drop] =
            costs.map(|series| median(&series).unwrap_or(0.0));
        Self { load, rmw, lock_pair, malloc_free, arc_clone_drop }
    }
}

fn each(mut step: impl FnMut()) -> f64 {
    timed(|| (0..LOOPS).for_each(|_| step())) / LOOPS as f64
}
