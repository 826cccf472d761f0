//! `lockstep agent`: scenario files on whatever kernel runs it, told in the Test Anything Protocol (version 14).
//!
//! One line for each scenario, with a block of YAML behind each that failed. No ptrace, no other program, no file: it can be the only
//! program of a machine.

use std::time::Duration;

use crate::cli::AgentArguments;
use crate::output::{self, out, outln};
use crate::run::keep_panics_quiet;
use crate::scenario::{Complaint, Measure, Scenario, embedded, first_lacking, play};
use crate::stage::Lack;
use crate::stage::duel::{Duel, NotPlayed};
use crate::stage::linux::Theatre;
use crate::stage::shelter;
use crate::stage::watch::{self, Watched};
use crate::tracer::{Failure, STATUS_FAILED};
use crate::words;

/// Plays scenarios and prints the results. Returns lockstep's exit status.
///
/// # Errors
///
/// A file cannot be read or is no script.
pub(crate) fn run(arguments: &AgentArguments) -> Result<u8, Failure> {
    keep_panics_quiet();
    let scenarios = if arguments.all || arguments.list {
        embedded::all()?
    } else {
        arguments.files.iter().map(|path| Scenario::load(path)).collect::<Result<_, _>>()?
    };
    if arguments.list {
        scenarios.iter().for_each(|it| outln!("{}", it.title));
        return Ok(output::finish(0));
    }
    let measure =
        if arguments.expectations_only { Measure::Expectations } else { Measure::Everything };
    if let Err(error) = watch::check_waits() {
        outln!("TAP version 14\n1..{}\nBail out! {error}", scenarios.len());
        return Ok(output::finish(STATUS_FAILED));
    }
    let lacking = &arguments.without;
    let limit = Duration::from_secs(arguments.limit);
    let sheltered = (!lacking.contains(&Lack::Namespaces))
        .then(|| shelter::run(|| play_all(&scenarios, measure, lacking.clone(), limit)).ok())
        .flatten();
    Ok(sheltered.unwrap_or_else(|| {
        play_all(&scenarios, measure, [&lacking[..], &[Lack::Namespaces]].concat(), limit)
    }))
}

fn play_all(scenarios: &[Scenario], measure: Measure, lacking: Vec<Lack>, limit: Duration) -> u8 {
    outln!("TAP version 14\n1..{}", scenarios.len());
    let theatre = match open_theatre(lacking, limit) {
        Ok(theatre) => theatre,
        Err(error) => {
            outln!("Bail out! {error}");
            return output::finish(STATUS_FAILED);
        }
    };
    let (mut failed, mut skipped) = (0, 0);
    for (number, scenario) in (1..).zip(scenarios) {
        if output::has_failed() {
            break;
        }
        let result = match first_lacking(&scenario.script, theatre.lacking()) {
            Ok(Some(lack)) => Outcome::Skipped(lack),
            Ok(None) => watched(scenario, &theatre, measure, limit),
            Err(NotPlayed(message)) => Outcome::NotPlayed(message),
        };
        match result {
            Outcome::Held => {}
            Outcome::Skipped(_) | Outcome::Lacking(_) => skipped += 1,
            Outcome::Failed(_) | Outcome::NotPlayed(_) => failed += 1,
        }
        out!("{}", told(number, scenario, &result));
    }
    let held = scenarios.len() - failed - skipped;
    outln!("# {held} of {} hold, {skipped} are skipped", scenarios.len());
    output::finish(u8::from(failed > 0))
}

/// Finds out what the kernel lacks besides. Whether there are namespaces, a first attempt tells.
fn open_theatre(mut lacking: Vec<Lack>, limit: Duration) -> Result<Theatre, String> {
    lacking.extend(Lack::find());
    if lacking.contains(&Lack::States) {
        // Without a `/proc` to mount, namespaces would show nothing of what happens in them.
        lacking.push(Lack::Namespaces);
    }
    let theatre = Theatre::open(0).map_err(|error| error.to_string())?.without(lacking.clone());
    if try_out(&theatre, limit).is_ok() {
        return Ok(theatre);
    }
    lacking.push(Lack::Namespaces);
    let theatre = theatre.without(lacking);
    try_out(&theatre, limit).map(|()| theatre)
}

/// Plays one scenario in a process of its own: whatever hangs or dies there, the next one is played.
fn watched(scenario: &Scenario, theatre: &Theatre, measure: Measure, limit: Duration) -> Outcome {
    let work = || {
        let answer = play(scenario, Some(theatre), measure).map_err(|NotPlayed(message)| message);
        serde_json::to_vec(&answer).unwrap_or_default()
    };
    let words = match watch::run(limit, work, || theatre.end_all()) {
        Ok(Watched::Done(words)) => words,
        Ok(Watched::Late) => {
            return Outcome::NotPlayed(format!("it was not over after {} s", limit.as_secs()));
        }
        Ok(Watched::Died { status }) => {
            theatre.end_all();
            return Outcome::NotPlayed(format!("the agent died of it: {}", words::status(status)));
        }
        Err(error) => return Outcome::NotPlayed(error.to_string()),
    };
    match serde_json::from_slice::<Result<Vec<Complaint>, String>>(&words) {
        Ok(Ok(complaints)) if complaints.is_empty() => Outcome::Held,
        Ok(Ok(complaints)) => match complaints.first().filter(|it| is_of_missing_call(it)) {
            Some(complaint) => Outcome::Lacking(complaint.step.clone()),
            None => Outcome::Failed(complaints),
        },
        Ok(Err(message)) => Outcome::NotPlayed(message),
        Err(error) => Outcome::NotPlayed(error.to_string()),
    }
}

/// Whether a step failed because the kernel has no such system call.
fn is_of_missing_call(complaint: &Complaint) -> bool {
    let is_it = |line: &String| line == "-> ENOSYS";
    complaint.seen.iter().any(is_it) && !complaint.expected.iter().any(is_it)
}

fn try_out(theatre: &Theatre, limit: Duration) -> Result<(), String> {
    let attempt = || match Duel::start(Some(theatre)) {
        Ok(duel) => {
            drop(duel);
            Vec::new()
        }
        Err(NotPlayed(message)) => message.into_bytes(),
    };
    match watch::run(limit, attempt, || theatre.end_all()).map_err(|error| error.to_string())? {
        Watched::Done(words) if words.is_empty() => Ok(()),
        Watched::Done(words) => Err(String::from_utf8_lossy(&words).into_owned()),
        Watched::Late => Err("process 1 of a script hangs".to_owned()),
        Watched::Died { status } => {
            theatre.end_all();
            Err(format!("the agent died of process 1 of a script: {}", words::status(status)))
        }
    }
}

/// What a scenario came to.
enum Outcome {
    Held,
    Failed(Vec<Complaint>),
    NotPlayed(String),
    Skipped(Lack),
    /// The kernel does not have the call of this step.
    Lacking(String),
}

/// The result of one scenario.
fn told(number: u32, scenario: &Scenario, result: &Outcome) -> String {
    let title = scenario.title.replace('\\', "\\\\").replace('#', "\\#");
    match result {
        Outcome::Held => format!("ok {number} - {title}\n"),
        Outcome::Skipped(lack) => format!("ok {number} - {title} # SKIP {}\n", lack.reason()),
        Outcome::Lacking(step) => {
            let step = step.replace('#', "\\#");
            format!("ok {number} - {title} # SKIP the kernel lacks the call of `{step}`\n")
        }
        Outcome::Failed(complaints) => {
            let blocks: String = complaints.iter().map(|it| block(scenario, it)).collect();
            format!("not ok {number} - {title}\n  ---\n{blocks}  ...\n")
        }
        Outcome::NotPlayed(message) => {
            format!("not ok {number} - {title}\n  ---\n  message: {}\n  ...\n", quoted(message))
        }
    }
}

fn block(scenario: &Scenario, complaint: &Complaint) -> String {
    let list = |lines: &[String]| {
        lines.iter().map(|line| format!("\n      - {}", quoted(line))).collect::<String>()
    };
    format!(
        "  - at: {}\n    step: {}\n    expected:{}\n    seen:{}\n",
        quoted(&format!("{}:{}", scenario.source, complaint.line)),
        quoted(&complaint.step),
        list(&complaint.expected),
        list(&complaint.seen),
    )
}

/// A YAML string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario::parse("x.proc".to_owned(), "# R-EXIT-01: it's #1\ninit: fork a\n").unwrap()
    }

    /// What failed is told with its place, what was expected and what was seen.
    #[test]
    fn failures_are_told_in_yaml() {
        let complaint = Complaint {
            line: 2,
            step: "init: fork a".to_owned(),
            expected: vec!["-> b".to_owned()],
            seen: vec!["it's".to_owned()],
        };
        let told = told(7, &scenario(), &Outcome::Failed(vec![complaint]));
        let wanted = "not ok 7 - R-EXIT-01: it's \\#1\n  ---\n  - at: 'x.proc:2'\n    step: 'init: fork a'\n    \
                      expected:\n      - '-> b'\n    seen:\n      - 'it''s'\n  ...\n";
        assert_eq!(told, wanted);
    }

    /// What holds is one line.
    #[test]
    fn successes_are_one_line() {
        assert_eq!(told(1, &scenario(), &Outcome::Held), "ok 1 - R-EXIT-01: it's \\#1\n");
    }
}
