//! What an operation may cost, counted and not timed, so that no noise can touch it: `cargo budgets`, which CI runs.
//!
//! **A budget may be raised only with its reason written beside it.** When a measured value falls well below its limit, the limit follows.
//! Where a target is named and not reached yet, the report says by how much it is missed.
//!
//! Instructions and atomic read-modify-writes (RMWs) repeat exactly with one compiler; another compiler may inline otherwise, for which the
//! limits of instructions leave about 3 %. An added lock round trip is one RMW (the release of a spin lock is a plain store), which the
//! RMW limits leave no room for; an added allocation is one too many; a scan shows among many siblings.

use std::process::ExitCode;

use clap::Parser;

use crate::measure::allocator::counted;
use crate::measure::holds::holds_of_exit;
use crate::measure::steps::{Stretch, count};
use crate::rows::Weights;
use crate::scene::{self, Act, RUNS, name};
use crate::subject::{KernelApi, OlderApi, Which};
use crate::table::has_checks;

/// What is counted, of one act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measure {
    Instructions,
    Rmws,
    Allocations,
}

/// A limit for one act of one API.
struct Budget {
    which: Which,
    act: Act,
    measure: Measure,
    limit: f64,
    target: Option<f64>,
    why: &'static str,
}

const fn budget(
    which: Which,
    act: Act,
    measure: Measure,
    limit: f64,
    target: Option<f64>,
    why: &'static str,
) -> Budget {
    Budget { which, act, measure, limit, target, why }
}

use Act::{Getters, Life, LifeAmongMany, LifeWithThread, Lookup, Move, Orphan, Wait};
use Measure::{Allocations, Instructions, Rmws};
use Which::{Kernel, Older};

/// The limits for acts.
const BUDGETS: [Budget; 19] = [
    budget(Older, Life, Instructions, 1.0, Some(450.0), ""),
    budget(Older, Life, Rmws, 1.0, Some(8.0), ""),
    budget(Older, Life, Allocations, 1.0, Some(1.0), ""),
    budget(Older, LifeAmongMany, Instructions, 1.0, Some(450.0), ""),
    budget(Older, LifeAmongMany, Rmws, 1.0, Some(8.0), ""),
    budget(Kernel, LifeWithThread, Instructions, 1.0, None, ""),
    budget(Kernel, LifeWithThread, Rmws, 1.0, None, ""),
    budget(Kernel, LifeWithThread, Allocations, 1.0, None, ""),
    budget(Kernel, LifeAmongMany, Instructions, 1.0, None, ""),
    budget(Kernel, Getters, Instructions, 1.0, None, ""),
    budget(Kernel, Getters, Rmws, 1.0, Some(0.0), ""),
    budget(Kernel, Move, Instructions, 1.0, None, ""),
    budget(Kernel, Move, Rmws, 1.0, None, ""),
    budget(Kernel, Lookup, Instructions, 1.0, None, ""),
    budget(Kernel, Lookup, Rmws, 1.0, None, ""),
    budget(Kernel, Wait, Instructions, 1.0, None, ""),
    budget(Kernel, Wait, Rmws, 1.0, None, ""),
    budget(Kernel, Orphan, Instructions, 1.0, None, ""),
    budget(Kernel, Orphan, Rmws, 1.0, None, ""),
];

/// Bytes on the heap, and how many blocks: of a process alone, and of a process with its leader thread.
const PROCESS_BYTES: (f64, f64, &str) = (1.0, 208.0, "");
const PROCESS_WITH_LEADER_BYTES: (f64, &str) = (1.0, "");

/// How many objects one hold of the lock may touch.
const OBJECTS_PER_HOLD: (f64, &str) = (64.0, "an interrupt-safe lock must not be held for long");

/// Compares what the operations cost with what they may.
#[derive(Debug, Parser)]
#[command(name = "cargo budgets", about, after_help = HELP)]
struct Arguments {
    /// Show where a scene spends its instructions and its atomic operations
    #[arg(long, value_name = "SCENE")]
    explain: Option<String>,
    /// Add to each life what a budget must notice: lock, allocation or scan
    #[cfg(feature = "planted-faults")]
    #[arg(long, value_name = "NAME", hide = true)]
    plant_fault: Option<String>,
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
    #[cfg(feature = "planted-faults")]
    crate::fault::plant_from_environment();
    scene::play_if_asked();
    let arguments = Arguments::parse();
    if has_checks() || cfg!(debug_assertions) {
        eprintln!("budgets: built for tests; run it as `cargo budgets`");
        return ExitCode::from(2);
    }
    #[cfg(feature = "planted-faults")]
    if let Some(fault) = &arguments.plant_fault {
        crate::fault::hand_down(fault);
    }
    let outcome = match &arguments.explain {
        Some(scene) => crate::explain::explain(scene).map(|()| true),
        None => check_all(),
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

/// One comparison.
struct Finding {
    what: String,
    unit: &'static str,
    value: f64,
    limit: f64,
    target: Option<f64>,
    why: &'static str,
}

impl Finding {
    fn is_kept(&self) -> bool {
        self.value <= self.limit
    }

    fn print(&self) {
        let verdict = if self.is_kept() { "kept    " } else { "EXCEEDED" };
        let target = match self.target {
            Some(target) if self.value > target => {
                format!("  target {target} missed by {:.1}", self.value - target)
            }
            Some(target) => format!("  target {target} met"),
            None => String::new(),
        };
        println!(
            "{verdict}  {:<28} {:<12} {:>8.2} of {:>7.2}{target}",
            self.what, self.unit, self.value, self.limit
        );
        if !self.is_kept() {
            println!("          the limit's reason: {}", self.why);
        } else if self.value < self.limit * 0.9 {
            println!("          well below its limit: lower it");
        }
    }
}

fn check_all() -> std::io::Result<bool> {
    let mut stretches: Vec<(String, Stretch)> = Vec::new();
    let mut is_kept = true;
    let mut note = |finding: Finding| {
        finding.print();
        is_kept &= finding.is_kept();
    };
    for budget in &BUDGETS {
        let scene = name(budget.which, budget.act);
        let value = match budget.measure {
            Allocations => allocations(&scene)?,
            Instructions | Rmws => {
                if !stretches.iter().any(|(known, _)| *known == scene) {
                    stretches.push((scene.clone(), count(&scene)?));
                }
                let stretch = stretches.iter().find(|(known, _)| *known == scene);
                let counted = stretch.map_or(0, |(_, stretch)| match budget.measure {
                    Rmws => stretch.locked(),
                    _ => stretch.instructions(),
                });
                counted as f64 / RUNS as f64
            }
        };
        let unit = match budget.measure {
            Instructions => "instructions",
            Rmws => "RMWs",
            Allocations => "allocations",
        };
        let &Budget { limit, target, why, .. } = budget;
        note(Finding { what: scene, unit, value, limit, target, why });
    }
    let alone = Weights::of::<OlderApi>();
    let led = Weights::of::<KernelApi>();
    let (limit, target, why) = PROCESS_BYTES;
    let what = "a process".to_owned();
    note(Finding {
        what,
        unit: "bytes",
        value: alone.process_bytes(),
        limit,
        target: Some(target),
        why,
    });
    let (limit, why) = PROCESS_WITH_LEADER_BYTES;
    let what = "a process and its leader".to_owned();
    note(Finding { what, unit: "bytes", value: led.process_bytes(), limit, target: None, why });
    let (limit, why) = OBJECTS_PER_HOLD;
    for children in [1_000, 100_000] {
        let value = holds_of_exit(children).objects as f64;
        let what = format!("exit with {children} children");
        note(Finding { what, unit: "objects/hold", value, limit, target: None, why });
    }
    Ok(is_kept)
}

/// How often an act asks for memory.
fn allocations(scene: &str) -> std::io::Result<f64> {
    let mut played = scene::find(scene).ok_or_else(|| std::io::Error::other("no such scene"))?;
    played.warm_up();
    (played.prepare)();
    let ((), heap) = counted(|| (played.act)());
    Ok(heap.calls as f64 / RUNS as f64)
}
