//! What an operation may cost, counted and not timed, so that no noise can touch it: `cargo budgets`, which CI runs.
//!
//! The limits, with the reason of each, stand in `budgets.txt` beside the sources. Counts repeat exactly with one compiler.

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::explain::explain;
use crate::measure::allocator::counted;
use crate::measure::holds::holds_of_exit;
use crate::measure::steps::count;
use crate::rows::Weights;
use crate::scene::{self, RUNS};
use crate::subject::{KernelApi, OlderApi};
use crate::table::has_checks;

/// The file of the limits: read when the program runs, so that a limit is changed without building anything.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budgets.txt");

/// Compares what the operations cost with what they may.
#[derive(Debug, Parser)]
#[command(name = "cargo budgets", about, after_help = HELP)]
struct Arguments {
    /// Show where a scene spends its instructions and its atomic operations
    #[arg(long, value_name = "SCENE")]
    explain: Option<String>,
    /// Print the counts of one scene, whatever the build: instructions, RMWs, allocations
    #[arg(long, value_name = "SCENE", hide = true)]
    measure: Option<String>,
}

const HELP: &str = "\
Exit status: 0 if every budget is kept, 1 if one is not, 2 if it could not be measured.

A scene is a subject (kernel, older, starry-0.4, starry-0.2) and an act (life, life-among-many,
life-with-thread, getters, move, lookup, wait, orphan).

Examples:
  cargo budgets
  CARGO_PROFILE_BENCH_DEBUG=1 cargo budgets --explain older/life";

/// Runs the whole program.
pub fn main() -> ExitCode {
    scene::play_if_asked();
    let arguments = Arguments::parse();
    if has_checks() || (cfg!(debug_assertions) && arguments.measure.is_none()) {
        eprintln!("budgets: built for tests; run it as `cargo budgets`");
        return ExitCode::from(2);
    }
    let outcome = match (&arguments.explain, &arguments.measure) {
        (Some(scene), _) => explain(scene).map(|()| true),
        (None, Some(scene)) => Costs::of_scene(scene).map(|costs| {
            println!("{} {} {}", costs.instructions, costs.rmws, costs.allocations);
            true
        }),
        (None, None) => check_all(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("budgets: {error}");
            ExitCode::from(2)
        }
    }
}

/// What one act of a scene costs.
#[derive(Clone, Copy)]
struct Costs {
    instructions: f64,
    rmws: f64,
    allocations: f64,
}

impl Costs {
    fn of_scene(scene: &str) -> io::Result<Self> {
        let stretch = count(scene)?;
        let mut played =
            scene::find(scene).ok_or_else(|| io::Error::other(format!("no scene {scene}")))?;
        played.warm_up();
        (played.prepare)();
        let ((), heap) = counted(|| (played.act)());
        let each = |count: u64| count as f64 / RUNS as f64;
        Ok(Self {
            instructions: each(stretch.instructions()),
            rmws: each(stretch.locked()),
            allocations: each(heap.calls),
        })
    }
}

/// One line of the file.
struct Budget<'a> {
    subject: &'a str,
    measure: &'a str,
    limit: f64,
    target: Option<f64>,
    reason: String,
}

impl<'a> Budget<'a> {
    /// `None` for a line that is no budget.
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (subject, measure) = (words.next()?, words.next()?);
        let limit = words.next()?.parse().ok()?;
        let target = words.next()?.parse().ok();
        let reason = words.collect::<Vec<_>>().join(" ");
        Some(Self { subject, measure, limit, target, reason })
    }

    /// Compares, and says how it stands. Whether the budget is kept.
    fn check(&self, value: f64) -> bool {
        let is_kept = value <= self.limit;
        let verdict = if is_kept { "kept    " } else { "EXCEEDED" };
        let target = match self.target {
            Some(target) if value > target => {
                format!("  target {target} missed by {:.1}", value - target)
            }
            Some(target) => format!("  target {target} met"),
            None => String::new(),
        };
        println!(
            "{verdict}  {:<26} {:<12} {value:>8.2} of {:>7.2}{target}",
            self.subject, self.measure, self.limit
        );
        if !is_kept {
            println!("          why the limit is what it is: {}", self.reason);
        } else if value < self.limit * 0.9 && self.limit - value >= 1.0 {
            println!("          well below its limit: lower it");
        }
        is_kept
    }
}

fn check_all() -> io::Result<bool> {
    let file = std::fs::read_to_string(FILE)?;
    let lines = file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let mut known: Vec<(&str, Costs)> = Vec::new();
    let mut is_kept = true;
    for line in lines {
        let budget = Budget::parse(line)
            .ok_or_else(|| io::Error::other(format!("{FILE}: no budget: {line}")))?;
        let value = match (budget.subject, budget.measure) {
            ("process", "bytes") => Weights::of::<OlderApi>().process_bytes(),
            ("process-with-leader", "bytes") => Weights::of::<KernelApi>().process_bytes(),
            ("exit-of-1000", "objects/hold") => holds_of_exit(1_000).objects as f64,
            ("exit-of-100000", "objects/hold") => holds_of_exit(100_000).objects as f64,
            (scene, measure) => {
                if !known.iter().any(|(subject, _)| *subject == scene) {
                    known.push((scene, Costs::of_scene(scene)?));
                }
                let costs = known.iter().find(|(subject, _)| *subject == scene);
                match (measure, costs) {
                    ("instructions", Some((_, costs))) => costs.instructions,
                    ("rmws", Some((_, costs))) => costs.rmws,
                    ("allocations", Some((_, costs))) => costs.allocations,
                    _ => return Err(io::Error::other(format!("{FILE}: what is {measure}?"))),
                }
            }
        };
        is_kept &= budget.check(value);
    }
    Ok(is_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of the file is a comment or a budget with a reason, and no limit lies below its target without being one.
    #[test]
    fn the_file_is_whole() {
        let file = std::fs::read_to_string(FILE).expect("the file is there");
        let lines = file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        for line in lines {
            let budget = Budget::parse(line).unwrap_or_else(|| panic!("no budget: {line}"));
            assert!(budget.reason.len() > 10, "no reason: {line}");
        }
    }

    /// What is above its limit is not kept, and what is at it is.
    #[test]
    fn limits_are_limits() {
        let budget = Budget::parse("older/life rmws 16 8 because of this and that").expect("one");
        assert!(budget.check(16.0));
        assert!(!budget.check(16.01));
    }
}
