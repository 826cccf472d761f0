//! `lockstep check`: scenario files, on both sides or on the model alone.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use crate::cli::CheckArguments;
use crate::output::{self, outln};
use crate::run::keep_panics_quiet;
use crate::scenario::{Complaint, Measure, Scenario, play};
use crate::stage::duel::NotPlayed;
use crate::stage::linux::Theatre;
use crate::stage::shelter;
use crate::sys;
use crate::tracer::{Failure, STATUS_FAILED};

/// Plays every file. Returns lockstep's exit status.
///
/// # Errors
///
/// A file cannot be read or is no script; or there can be no PID namespace.
pub(crate) fn run(arguments: &CheckArguments) -> Result<u8, Failure> {
    keep_panics_quiet();
    let scenarios: Vec<_> =
        arguments.files.iter().map(|path| Scenario::load(path)).collect::<Result<_, _>>()?;
    if arguments.model_only {
        return Ok(play_all(&scenarios, None));
    }
    shelter::run(|| match Theatre::open(0) {
        Ok(theatre) => play_all(&scenarios, Some(&theatre)),
        Err(error) => {
            output::say(&error.to_string());
            STATUS_FAILED
        }
    })
    .map_err(|error| Failure::new(format!("cannot make a PID namespace: {error}")))
}

fn play_all(scenarios: &[Scenario], theatre: Option<&Theatre>) -> u8 {
    let is_watched = sys::is_terminal(&std::io::stderr());
    let (mut held, mut failed, mut operations) = (0, 0, 0);
    let mut rules = BTreeSet::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        if is_watched {
            let _ =
                write!(io::stderr(), "\r{index}/{} {}\x1b[K\r", scenarios.len(), scenario.source);
        }
        if output::has_failed() {
            break;
        }
        operations += scenario.script.steps.len();
        rules.extend(&scenario.rules);
        match play(scenario, theatre, Measure::Everything) {
            Ok(complaints) if complaints.is_empty() => {
                held += 1;
                outln!("ok {} ({} operations)", scenario.source, scenario.script.steps.len());
            }
            Ok(complaints) => {
                failed += 1;
                outln!("FAILED {}", scenario.source);
                complaints.iter().for_each(|it| outln!("{}", told(scenario, it)));
            }
            Err(NotPlayed(message)) => {
                output::say(&format!("{}: {message}", scenario.source));
                return STATUS_FAILED;
            }
        }
    }
    let sides = if theatre.is_some() { "on Linux and on the model" } else { "on the model" };
    outln!("{held} of {} files hold {sides}: {operations} operations", scenarios.len());
    outln!("rules that they name: {}", rules.len());
    output::finish(u8::from(failed > 0))
}

fn told(scenario: &Scenario, complaint: &Complaint) -> String {
    let seen = complaint.seen.iter().map(|line| format!("\n      {line}")).collect::<String>();
    format!(
        "  {}:{}: {}\n    expected: {}\n    seen:{seen}",
        scenario.source,
        complaint.line,
        complaint.step,
        complaint.expected.join("; "),
    )
}
