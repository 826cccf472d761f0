//! What a process, a thread, a group and a session take of the heap.

use super::{Row, Target, Unit};
use crate::measure::allocator::{Heap, counted};
use crate::measure::interleave::Series;
use crate::subject::{KernelApi, Numbers, OlderApi, Starry02, Starry04, Subject, Which};

const COUNT: usize = 4_096;

/// The heap of one subject, for [`COUNT`] of each.
pub(crate) struct Weights {
    process: Heap,
    thread: Heap,
    group: Heap,
    session_and_group: Heap,
}

impl Weights {
    pub(crate) fn of<S: Subject>() -> Self {
        let mut numbers = Numbers::reserve(2 * COUNT + 1);
        let (world, parent) = S::found(numbers.take());
        let mut all = Vec::with_capacity(COUNT + 1);
        let ((), process) =
            counted(|| all.extend((0..COUNT).map(|_| S::fork(&parent, numbers.take()))));
        let mut threads = Vec::with_capacity(COUNT);
        let ((), thread) = counted(|| {
            let spawn = |process| S::add_thread(process, numbers.take());
            threads.extend(all.iter().map(spawn));
        });
        for (process, thread) in all.iter().zip(threads) {
            S::exit_thread(process, thread);
        }
        let (leaders, followers) = all.split_at(COUNT / 2);
        let ((), group) = counted(|| leaders.iter().for_each(|leader| _ = S::lead_group(leader)));
        let ((), session_and_group) = counted(|| followers.iter().for_each(S::lead_session));
        all.push(parent);
        S::abandon(world, all);
        Self { process, thread, group, session_and_group }
    }

    /// Bytes of a process, with what comes with it.
    pub(crate) fn process_bytes(&self) -> f64 {
        bytes(self.process, COUNT)
    }
}

fn bytes(heap: Heap, count: usize) -> f64 {
    heap.bytes as f64 / count as f64
}

pub(super) fn rows(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    progress("bytes");
    let weights = [
        (Which::Kernel, Weights::of::<KernelApi>()),
        (Which::Older, Weights::of::<OlderApi>()),
        (Which::Starry04, Weights::of::<Starry04>()),
        (Which::Starry02, Weights::of::<Starry02>()),
    ];
    let of_each = |cost: fn(&Weights) -> f64| {
        Series::exact(weights.iter().map(|(which, weights)| (*which, cost(weights))))
    };
    let row = |operation, unit, cost: fn(&Weights) -> f64, target| Row {
        unit,
        target,
        ..Row::new(operation, of_each(cost))
    };
    vec![
        Row {
            note: Some("ours: with its leader thread; with its share of the number table".into()),
            ..row("heap of a process", Unit::Bytes, Weights::process_bytes, Target::AtMost(320.0))
        },
        row(
            "heap blocks of a process",
            Unit::Allocations,
            |weights| weights.process.blocks as f64 / COUNT as f64,
            Target::AtMost(1.02),
        ),
        row(
            "heap of one more thread",
            Unit::Bytes,
            |weights| bytes(weights.thread, COUNT),
            Target::AtMost(112.0),
        ),
        row(
            "heap of a group",
            Unit::Bytes,
            |weights| bytes(weights.group, COUNT / 2),
            Target::Report,
        ),
        row(
            "heap of a session and its group",
            Unit::Bytes,
            |weights| bytes(weights.session_and_group, COUNT / 2),
            Target::Report,
        ),
    ]
}
