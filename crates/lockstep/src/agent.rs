//! `lockstep agent`: scenario files on whatever kernel runs it, told in the Test Anything Protocol (version 14).
//!
//! One line for each scenario, with a block of YAML behind each that failed. No ptrace, no other program, no file: it can be the only
//! program of a machine.

use std::io::Write as _;

use crate::cli::AgentArguments;
use crate::run::keep_panics_quiet;
use crate::scenario::{Complaint, Measure, Scenario, embedded, play};
use crate::stage::duel::NotPlayed;
use crate::stage::linux::Theatre;
use crate::stage::shelter;
use crate::tracer::{Failure, STATUS_FAILED};

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
        scenarios.iter().for_each(|it| println!("{}", it.title));
        return Ok(0);
    }
    let measure =
        if arguments.expectations_only { Measure::Expectations } else { Measure::Everything };
    shelter::run(|| play_all(&scenarios, measure))
        .map_err(|error| Failure::new(format!("cannot make a PID namespace: {error}")))
}

fn play_all(scenarios: &[Scenario], measure: Measure) -> u8 {
    println!("TAP version 14\n1..{}", scenarios.len());
    let theatre = match Theatre::open(0) {
        Ok(theatre) => theatre,
        Err(error) => {
            println!("Bail out! {error}");
            return STATUS_FAILED;
        }
    };
    let mut failed = 0;
    for (number, scenario) in (1..).zip(scenarios) {
        let result = play(scenario, Some(&theatre), measure);
        failed += u32::from(!matches!(&result, Ok(complaints) if complaints.is_empty()));
        print!("{}", told(number, scenario, &result));
        let _ = std::io::stdout().flush();
    }
    println!("# {} of {} hold", scenarios.len() - failed as usize, scenarios.len());
    u8::from(failed > 0)
}

/// The result of one scenario.
fn told(number: u32, scenario: &Scenario, result: &Result<Vec<Complaint>, NotPlayed>) -> String {
    let title = scenario.title.replace('\\', "\\\\").replace('#', "\\#");
    match result {
        Ok(complaints) if complaints.is_empty() => format!("ok {number} - {title}\n"),
        Ok(complaints) => {
            let blocks: String = complaints.iter().map(|it| block(scenario, it)).collect();
            format!("not ok {number} - {title}\n  ---\n{blocks}  ...\n")
        }
        Err(NotPlayed(message)) => {
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
        let told = told(7, &scenario(), &Ok(vec![complaint]));
        let wanted = "not ok 7 - R-EXIT-01: it's \\#1\n  ---\n  - at: 'x.proc:2'\n    step: 'init: fork a'\n    \
                      expected:\n      - '-> b'\n    seen:\n      - 'it''s'\n  ...\n";
        assert_eq!(told, wanted);
    }

    /// What holds is one line.
    #[test]
    fn successes_are_one_line() {
        assert_eq!(told(1, &scenario(), &Ok(Vec::new())), "ok 1 - R-EXIT-01: it's \\#1\n");
    }
}
