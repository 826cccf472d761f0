//! What is counted to the instruction.

use super::{Row, Target, Unit};
use crate::measure::interleave::Series;
use crate::measure::steps::{Stretch, count};
use crate::scene::{Act, RUNS, allocating, name};
use crate::subject::Which;

/// What is counted of everyone: instructions, and atomic read-modify-writes.
const ACTS: [(Act, &str, Which, Target, Target); 6] = {
    use Target::{AtMost, Report};
    use Which::{Kernel, Older};
    [
        (Act::Life, "fork + exit + reap", Kernel, AtMost(750.0), AtMost(9.0)),
        (Act::Life, "the same, 0.1 API", Older, Report, Report),
        (Act::LifeWithThread, "the same + a thread", Kernel, AtMost(1_350.0), Report),
        (Act::Wait, "wait for one zombie", Kernel, AtMost(400.0), Report),
        (Act::Orphan, "exit, per child", Kernel, AtMost(50.0), Report),
        (Act::Getters, "getppid, getpgid, getsid", Kernel, Report, AtMost(0.0)),
    ]
};

pub(super) fn rows(progress: &mut dyn FnMut(&str)) -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut counted, mut stretches) = (None, Vec::new());
    for (act, operation, ours, instructions, locked) in ACTS {
        // Two rows of one act are of one count.
        if counted != Some(act) {
            progress(&format!("counting the instructions of {operation}"));
            stretches.clear();
            for which in Which::ALL {
                stretches.push((which, count(&name(which, act))?));
            }
            counted = Some(act);
        }
        rows.extend(both(operation, ours, [instructions, locked], &stretches));
    }
    progress("counting the instructions of a life without kept blocks, and of one among a million");
    let alone = |scene: String| Ok::<_, std::io::Error>([(Which::Kernel, count(&scene)?)]);
    let stretches = alone(allocating(Act::Life))?;
    let targets = [Target::AtMost(900.0), Target::AtMost(7.0)];
    rows.extend(both("fork + exit + reap, malloc each", Which::Kernel, targets, &stretches));
    let stretches = alone(name(Which::Kernel, Act::LifeAmongAMillion))?;
    // A fifth more than among none.
    let targets = [Target::AtMost(1.2 * 750.0), Target::AtMost(9.0)];
    rows.extend(both("fork + exit + reap among 10⁶", Which::Kernel, targets, &stretches));
    Ok(rows)
}

/// The row of the instructions, and that of the atomic read-modify-writes.
fn both(
    operation: &'static str,
    ours: Which,
    targets: [Target; 2],
    stretches: &[(Which, Stretch)],
) -> [Row; 2] {
    let each = |cost: fn(&Stretch) -> u64| {
        Series::exact(stretches.iter().map(|(which, one)| (*which, cost(one) as f64 / RUNS as f64)))
    };
    let row = |unit, target, series| Row { unit, target, ours, ..Row::new(operation, series) };
    let [instructions, locked] = targets;
    [
        row(Unit::Instructions, instructions, each(Stretch::instructions)),
        row(Unit::Rmws, locked, each(Stretch::locked)),
    ]
}
