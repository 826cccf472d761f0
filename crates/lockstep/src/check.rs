//! `lockstep check`: scenario files, on both sides or on the model alone.

use std::fs;
use std::path::Path;

use crate::cli::CheckArguments;
use crate::run::keep_panics_quiet;
use crate::script::{Script, Step, parse};
use crate::stage::duel::{Duel, NotPlayed, Verdict};
use crate::stage::linux::Theatre;
use crate::stage::shelter;
use crate::tracer::{Failure, STATUS_FAILED};

/// Plays every file. Returns lockstep's exit status.
///
/// # Errors
///
/// A file cannot be read or is no script; or there can be no PID namespace.
pub(crate) fn run(arguments: &CheckArguments) -> Result<u8, Failure> {
    keep_panics_quiet();
    let mut scripts = Vec::new();
    for path in &arguments.files {
        let told =
            |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| told(&error))?;
        scripts.push((path.as_path(), parse(&text).map_err(|error| told(&error))?));
    }
    if arguments.model_only {
        return Ok(play_all(&scripts, None));
    }
    shelter::run(|| match Theatre::open(0) {
        Ok(theatre) => play_all(&scripts, Some(&theatre)),
        Err(error) => {
            eprintln!("lockstep: {error}");
            STATUS_FAILED
        }
    })
    .map_err(|error| Failure::new(format!("cannot make a PID namespace: {error}")))
}

fn play_all(scripts: &[(&Path, Script)], theatre: Option<&Theatre>) -> u8 {
    let mut status = 0;
    for (path, script) in scripts {
        let path = path.display();
        match play(script, theatre) {
            Ok(complaints) if complaints.is_empty() => {
                println!("ok {path} ({} operations)", script.steps.len());
            }
            Ok(complaints) => {
                println!("FAILED {path}\n{}", complaints.join("\n"));
                status = 1;
            }
            Err(NotPlayed(message)) => {
                eprintln!("lockstep: {path}: {message}");
                return STATUS_FAILED;
            }
        }
    }
    status
}

/// What is wrong with a script; nothing if it holds.
fn play(script: &Script, theatre: Option<&Theatre>) -> Result<Vec<String>, NotPlayed> {
    let mut duel = Duel::start(theatre)?;
    let mut complaints = Vec::new();
    for step in &script.steps {
        match duel.step(step)? {
            Verdict::Skipped => {
                complaints.push(format!("  {step}\n    its actor cannot do that now"));
            }
            Verdict::Agreed(account) => {
                let caller = duel.actor(&step.actor).unwrap_or(0);
                let lines = duel.tell(&account, caller, &step.operation);
                complaints.extend(unmet(step, &lines));
            }
            Verdict::Diverged(difference) => {
                complaints.push(format!(
                    "  {step}\n    Linux: {}\n    model: {}",
                    difference.linux.join("; "),
                    difference.model.join("; "),
                ));
                break;
            }
        }
    }
    Ok(complaints)
}

/// The expectations that no line of the account meets.
fn unmet(step: &Step, lines: &[String]) -> Vec<String> {
    let unmet =
        step.expectations.iter().filter(|it| !lines.iter().any(|line| meets(line, &it.words)));
    unmet
        .map(|it| {
            let seen: String = lines.iter().map(|line| format!("\n      {line}")).collect();
            format!("  line {}: expected `{}`, but:{seen}", it.line, it.words)
        })
        .collect()
}

/// A line meets an expectation if it is the same, or says all of `key=value` that the expectation does.
fn meets(line: &str, expectation: &str) -> bool {
    let mut wanted = expectation.split(' ');
    let mut said = line.split(' ');
    let is_about_the_same = wanted.next() == said.next();
    let said: Vec<_> = said.collect();
    line == expectation
        || is_about_the_same
            && expectation.contains('=')
            && wanted.all(|word| word.contains('=') && said.contains(&word))
}
