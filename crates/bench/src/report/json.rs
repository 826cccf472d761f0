//! The file for machines: every repetition of every row.

use serde::Serialize;

use super::Run;
use crate::floor::Floors;
use crate::rows::{Row, Target, Unit};
use crate::subject::Which;

#[derive(Serialize)]
struct File<'a> {
    version: u32,
    is_quick: bool,
    seconds: f64,
    noise: Option<f64>,
    preemptions: u64,
    load: Option<f64>,
    floors: Floors,
    rows: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    operation: &'a str,
    size: Option<usize>,
    unit: Unit,
    costs: Vec<Costs<'a>>,
    ours: Which,
    ratio_starry_0_4: Option<f64>,
    ratio_starry_0_2: Option<f64>,
    floor: Option<f64>,
    target: Option<Limit>,
    is_met: Option<bool>,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Costs<'a> {
    subject: Which,
    median: Option<f64>,
    repetitions: &'a [f64],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    AtMost(f64),
    RatioAtLeast { starry_0_4: f64, starry_0_2: f64 },
}

/// The whole run.
pub(crate) fn json(run: &Run) -> std::io::Result<String> {
    let file = File {
        version: 1,
        is_quick: run.is_quick,
        seconds: run.seconds,
        noise: run.noise(),
        preemptions: run.preemptions,
        load: run.load,
        floors: run.floors,
        rows: run.rows.iter().map(entry).collect(),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

fn entry(row: &Row) -> Entry<'_> {
    let costs = row.series.subjects().map(|subject| Costs {
        subject,
        median: row.series.median(subject),
        repetitions: row.series.of(subject).unwrap_or_default(),
    });
    Entry {
        operation: row.operation,
        size: row.size,
        unit: row.unit,
        costs: costs.collect(),
        ours: row.ours,
        ratio_starry_0_4: row.series.ratio(Which::Starry04, row.ours),
        ratio_starry_0_2: row.series.ratio(Which::Starry02, row.ours),
        floor: row.floor,
        target: match row.target {
            Target::Report => None,
            Target::AtMost(limit) => Some(Limit::AtMost(limit)),
            Target::Faster { than_0_2, than_0_4 } => {
                Some(Limit::RatioAtLeast { starry_0_4: than_0_4, starry_0_2: than_0_2 })
            }
        },
        is_met: row.is_met(),
        note: row.note.as_deref(),
    }
}
