//! What is counted to the instruction.

use super::{Row, Target, Unit};
use crate::measure::interleave::Series;
use crate::measure::steps::{Stretch, count};
use crate::scene::{Act, RUNS, name};
use crate::subject::Which;

pub(super) fn rows(progress: &mut dyn FnMut(&str)) -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (act, operation, ours, instructions, locked) in [
        (Act::Life, "fork + exit + reap", Which::Older, Target::AtMost(450.0), Target::AtMost(8.0)),
        (Act::LifeWithThread, "the same + a thread", Which::Kernel, Target::Report, Target::Report),
        (
            Act::Getters,
            "getppid, getpgid, getsid",
            Which::Kernel,
            Target::Report,
            Target::AtMost(0.0),
        ),
    ] {
        progress(&format!("counting the instructions of {operation}"));
        let mut stretches = Vec::new();
        for which in Which::ALL {
            stretches.push((which, count(&name(which, act))?));
        }
        let each = |cost: fn(&Stretch) -> u64| {
            Series::exact(
                stretches.iter().map(|(which, one)| (*which, cost(one) as f64 / RUNS as f64)),
            )
        };
        let row = |unit, target, series| Row { unit, target, ours, ..Row::new(operation, series) };
        rows.push(row(Unit::Instructions, instructions, each(Stretch::instructions)));
        rows.push(row(Unit::Rmws, locked, each(Stretch::locked)));
    }
    Ok(rows)
}
