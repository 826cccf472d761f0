//! What was measured: for readers, for machines, as a picture.

mod json;
mod svg;
mod text;

pub(crate) use json::json;
pub(crate) use svg::svg;
pub(crate) use text::text;

use crate::floor::Floors;
use crate::measure::interleave::median;
use crate::rows::{Row, Unit};
use crate::subject::Which;

/// One run of the bench.
pub(crate) struct Run {
    pub(crate) rows: Vec<Row>,
    pub(crate) floors: Floors,
    pub(crate) is_quick: bool,
    pub(crate) seconds: f64,
    /// How often the bench lost its processor to others.
    pub(crate) preemptions: u64,
    /// The machine's load of the last minute, before the run.
    pub(crate) load: Option<f64>,
}

impl Run {
    /// How the cost of an operation grew from 10³ processes to the most that were measured.
    pub(crate) fn growth(&self, operation: &str, which: Which) -> Option<f64> {
        let of_operation =
            || self.rows.iter().filter(|row| row.operation == operation && is_timed(row));
        let small = of_operation().find(|row| row.size == Some(1_000))?;
        let large = of_operation().filter(|row| row.series.median(which).is_some());
        let large = large.max_by_key(|row| row.size)?;
        (large.size > small.size)
            .then(|| Some(large.series.median(which)? / small.series.median(which)?.max(0.05)))?
    }

    /// The typical spread of the repetitions of a row: the middle half's, relative to the median.
    pub(crate) fn noise(&self) -> Option<f64> {
        let timed = self.rows.iter().filter(|row| is_timed(row));
        let spreads: Vec<f64> = timed
            .flat_map(|row| row.series.subjects().filter_map(|which| row.series.spread(which)))
            .collect();
        median(&spreads)
    }
}

fn is_timed(row: &Row) -> bool {
    row.unit == Unit::Nanoseconds
}

/// The machine's load of the last minute.
pub(crate) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// A size as a power of ten, where it is one.
fn size_label(size: usize) -> &'static str {
    match size {
        1 => "1",
        1_000 => "10³",
        10_000 => "10⁴",
        100_000 => "10⁵",
        1_000_000 => "10⁶",
        _ => "?",
    }
}
