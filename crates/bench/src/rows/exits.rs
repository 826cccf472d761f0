//! The exit of a process with many children, and how long the lock is held for it.

use std::time::Duration;

use super::{Plan, Row, Target, Unit};
use crate::floor::Floors;
use crate::measure::clock::timed;
use crate::measure::holds::holds_of_exit;
use crate::measure::interleave::{Arm, Effort, Series, interleave};
use crate::subject::{KernelApi, Numbers, OlderApi, Starry02, Starry04, Subject, Which};

/// One size of the row.
pub(super) fn row(plan: Plan, size: usize, floors: &Floors) -> Row {
    let families = (20_000 / size).max(1);
    let arms = vec![
        Arm::new(Which::Kernel, || cost::<KernelApi>(families, size)),
        Arm::new(Which::Older, || cost::<OlderApi>(families, size)),
        Arm::new(Which::Starry04, || cost::<Starry04>(families, size)),
        Arm::new(Which::Starry02, || cost::<Starry02>(families, size)),
    ];
    let effort = match (size, plan.is_quick) {
        // A family of a million takes seconds to raise.
        (1_000_000, _) => Effort { repetitions: 3, at_least: Duration::ZERO, ..plan.effort(size) },
        (_, false) => plan.effort(size),
        (_, true) => Effort { repetitions: 3, ..plan.effort(size) },
    };
    Row {
        size: Some(size),
        floor: Some(4.0 * floors.load),
        ..Row::new("exit, per child", interleave(arms, effort))
    }
}

/// The cost per child of the exits of so many parents.
fn cost<S: Subject>(families: usize, size: usize) -> f64 {
    let mut total = 0.0;
    for _ in 0..families {
        let mut numbers = Numbers::reserve(size + 2);
        let (world, first) = S::found(numbers.take());
        let parent = S::fork(&first, numbers.take());
        let mut family = Vec::with_capacity(size + 2);
        for child in 0..size {
            family.push(S::fork(&parent, numbers.take()));
            // The groups stay small: the peers take hours to fill large ones, and groups are not what is measured.
            if child % SIBLINGS == SIBLINGS - 1 {
                S::move_to(&parent, &S::lead_group(&family[child]));
            }
        }
        total += timed(|| S::exit(&parent));
        family.extend([parent, first]);
        S::abandon(world, family);
    }
    total / (families * size) as f64
}

/// How many of the children are in one group.
const SIBLINGS: usize = 500;

/// The longest hold of the lock in an exit with a million children, given what such an exit costs per child.
pub(super) fn holds(plan: Plan, exits: &Row, progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let Some(size) = exits.size else {
        return Vec::new();
    };
    progress(&format!("holds of the lock in an exit with {size} children"));
    let repetitions = if plan.is_quick { 1 } else { 3 };
    let mut times = Series::default();
    let mut longest = 0;
    for repetition in 0..repetitions {
        let holds = holds_of_exit(size);
        times.add(Which::Kernel, holds.time as f64);
        longest = longest.max(holds.objects);
        for peer in [Which::Starry04, Which::Starry02] {
            // They hold the lock of the child list throughout.
            if let Some(cost) = exits.series.of(peer).and_then(|costs| costs.get(repetition)) {
                times.add(peer, cost * size as f64);
            }
        }
    }
    vec![
        Row {
            size: Some(size),
            target: Target::AtMost(1_000.0),
            note: Some(
                "ours: the median hold, in wall time; peers: the exit is one hold".to_owned(),
            ),
            ..Row::new("exit, lock hold", times)
        },
        Row {
            size: Some(size),
            unit: Unit::Objects,
            target: Target::AtMost(64.0),
            ..Row::new("exit, objects per hold", Series::exact([(Which::Kernel, longest as f64)]))
        },
    ]
}
