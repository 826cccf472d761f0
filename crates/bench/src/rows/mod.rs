//! The rows of the table: what is measured, in which sizes, against which floor and target.

mod counted;
mod crowd;
mod exits;
mod fairness;
mod memory;
mod two_threads;
mod waits;

use std::time::Duration;

use serde::Serialize;

pub(crate) use memory::Weights;

use crate::floor::Floors;
use crate::measure::interleave::{Effort, Series};
use crate::subject::Which;

/// One row: an operation at one size.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The same for all sizes of an operation.
    pub(crate) operation: &'static str,
    pub(crate) size: Option<usize>,
    pub(crate) unit: Unit,
    pub(crate) series: Series,
    /// Which of ours is like the peers' here, and is held to the target.
    pub(crate) ours: Which,
    pub(crate) floor: Option<f64>,
    pub(crate) target: Target,
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn new(operation: &'static str, series: Series) -> Self {
        Self {
            operation,
            size: None,
            unit: Unit::Nanoseconds,
            series,
            ours: Which::Kernel,
            floor: None,
            target: Target::Report,
            note: None,
        }
    }

    /// Whether the target is met; `None` if there is none, or nothing to compare with.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let ours = self.series.median(self.ours)?;
        match self.target {
            Target::Report => None,
            Target::AtMost(limit) => Some(ours <= limit),
            Target::Faster { than_0_2, than_0_4 } => {
                let reaches =
                    |peer, factor| self.series.ratio(peer, self.ours).map(|ratio| ratio >= factor);
                match (reaches(Which::Starry02, than_0_2), reaches(Which::Starry04, than_0_4)) {
                    (None, None) => None,
                    (older, newer) => Some(older.unwrap_or(true) && newer.unwrap_or(true)),
                }
            }
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Nanoseconds,
    Instructions,
    Rmws,
    Bytes,
    Allocations,
    Objects,
}

impl Unit {
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Instructions => "instructions",
            Self::Rmws => "RMW",
            Self::Bytes => "bytes",
            Self::Allocations => "allocations",
            Self::Objects => "objects",
        }
    }
}

/// What a row shall reach.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Target {
    /// Nothing: it is reported.
    Report,
    /// A factor to each peer. starry-process 0.2.0 stands for axprocess 0.1, which it equals but for thread objects.
    Faster {
        than_0_2: f64,
        than_0_4: f64,
    },
    AtMost(f64),
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) is_quick: bool,
}

impl Plan {
    /// How many processes there are. The peers take a minute to gather a million in one group.
    pub(crate) const fn sizes(self) -> &'static [usize] {
        if self.is_quick { &[1, 1_000, 100_000] } else { &[1, 1_000, 100_000, 1_000_000] }
    }

    /// The effort for a row with so many processes.
    pub(crate) fn effort(self, size: usize) -> Effort {
        let (repetitions, at_least, patience) = match (self.is_quick, size >= 100_000) {
            (false, false) => (15, 600, 3_000),
            (false, true) => (9, 600, 5_000),
            (true, false) => (5, 60, 400),
            (true, true) => (3, 60, 600),
        };
        Effort {
            repetitions,
            at_least: Duration::from_millis(at_least),
            patience: Duration::from_millis(patience),
        }
    }
}

/// Measures everything. `progress` is told what comes next.
pub(crate) fn measure(
    plan: Plan,
    floors: &Floors,
    progress: &mut dyn FnMut(&str),
) -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for size in plan.sizes() {
        rows.extend(crowd::rows(plan, *size, floors, progress));
    }
    for size in plan.sizes().iter().skip(1) {
        progress(&format!("exit with {size} children"));
        rows.push(exits::row(plan, *size, floors));
    }
    if let Some(largest) = rows.last() {
        let holds = exits::holds(plan, largest, progress);
        rows.extend(holds);
    }
    rows.extend(waits::rows(plan, floors, progress));
    rows.extend(two_threads::rows(plan, floors, progress));
    rows.extend(fairness::rows(plan, progress));
    rows.extend(memory::rows(progress));
    rows.extend(counted::rows(progress)?);
    // The sizes of an operation one below the other.
    let mut operations: Vec<(&str, Unit)> = Vec::new();
    for row in &rows {
        if !operations.contains(&(row.operation, row.unit)) {
            operations.push((row.operation, row.unit));
        }
    }
    rows.sort_by_key(|row| operations.iter().position(|known| *known == (row.operation, row.unit)));
    Ok(rows)
}
