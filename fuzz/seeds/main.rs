//! Writes the scenario files of lockstep as inputs of the fuzz target: `cargo run --manifest-path fuzz/Cargo.toml --example seeds -- DIRECTORY`.
//!
//! A scenario says what programs do, and the fuzz target's calls are those of a kernel. So each one is played under the little kernel of [`kernel`], and what
//! that calls is written down.

mod cast;
mod files;
mod kernel;
#[allow(dead_code, unused_imports, reason = "it is lockstep's; only reading is needed")]
#[path = "../../crates/lockstep/src/script/mod.rs"]
mod script;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use axprocess_fuzz::Calls;

use cast::Cast;
use script::Step;

/// A scenario as calls.
struct Seed {
    name: String,
    calls: Calls,
    /// The steps, and whether each succeeded; `None`: no call can express it.
    steps: Vec<(Step, Option<bool>)>,
}

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds DIRECTORY");
        return ExitCode::from(2);
    };
    match write_all(&directory) {
        Ok(seeds) => {
            let steps = || seeds.iter().flat_map(|seed| &seed.steps);
            println!(
                "{} scenarios with {} steps are {} calls in {}; {} steps cannot be expressed",
                seeds.len(),
                steps().count(),
                seeds.iter().map(|seed| seed.calls.0.len()).sum::<usize>(),
                directory.display(),
                steps().filter(|(_, succeeds)| succeeds.is_none()).count(),
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seeds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(directory: &Path) -> Result<Vec<Seed>, String> {
    let seeds = read_all()?;
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    for seed in &seeds {
        std::fs::write(directory.join(&seed.name), seed.calls.to_bytes()).map_err(failed)?;
    }
    Ok(seeds)
}

/// All scenario files, played.
fn read_all() -> Result<Vec<Seed>, String> {
    let scenarios =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/lockstep/tests/scenarios");
    let failed = |error: std::io::Error| format!("{}: {error}", scenarios.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&scenarios).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "proc"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Seed, String> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{place}: {error}"))?;
    let script = script::parse(&text).map_err(|error| format!("{place}: {error}"))?;
    let mut cast = Cast::new();
    let steps = script.steps.into_iter().map(|step| {
        let succeeds = cast.perform(&step);
        (step, succeeds)
    });
    let steps = steps.collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Seed { name, calls: cast.into_calls(), steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read back. No step is left out.
    #[test]
    fn every_scenario_is_carried_whole() {
        let seeds = read_all().unwrap();
        assert!(seeds.len() >= 200, "{} scenarios", seeds.len());
        for seed in seeds {
            let (name, bytes) = (&seed.name, seed.calls.to_bytes());
            assert_eq!(Calls::from_bytes(&bytes), seed.calls, "{name}");
            assert!(bytes.len() <= 2048, "{name}: longer than the fuzzer's inputs");
            for (step, succeeds) in &seed.steps {
                assert!(succeeds.is_some(), "{name}: {step}");
            }
        }
    }

    /// A call that fails on Linux fails here: the calls make the processes of the scenario. What files answer, and signals interrupt, is the kernel's.
    #[test]
    fn what_the_scenario_expects_to_fail_fails() {
        let mut failures = 0;
        for seed in read_all().unwrap() {
            for (step, succeeds) in &seed.steps {
                let is_error = |word: &str| {
                    word.starts_with('E') && !["EIO", "EAGAIN", "EINTR", "EPIPE"].contains(&word)
                };
                let answer = step.expectations.iter().find_map(|it| it.words.strip_prefix("-> "));
                if answer.is_some_and(is_error) {
                    assert_eq!(*succeeds, Some(false), "{}: {step}", seed.name);
                    failures += 1;
                }
            }
        }
        assert!(failures >= 100, "{failures} failures");
    }
}
