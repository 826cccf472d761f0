//! Progress, and what is told at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use libc::c_int;

use super::FAILED;
use super::coverage::RULES;
use super::job::{Finding, Message};
use crate::cli::FuzzArguments;
use crate::output::{self, out, outln};
use crate::script::Script;
use crate::stage::duel::Difference;
use crate::words;

/// Which rules are listed at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// Those that have not been seen.
    Unseen,
    /// Also each that has, and how often.
    EachRule,
}

/// What all jobs have done together.
pub(super) struct Tally {
    seed: u64,
    started: Instant,
    bar: ProgressBar,
    scripts: u64,
    operations: u64,
    /// How often each rule was seen.
    rules: BTreeMap<String, u64>,
    unsteady: Vec<(u64, String)>,
    findings: Vec<Finding>,
    listing: Listing,
    failures: Vec<String>,
}

impl Tally {
    /// Nothing done yet.
    pub(super) fn new(seed: u64, jobs: usize, arguments: &FuzzArguments) -> Self {
        let target = if arguments.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {msg}") {
            bar.set_style(style);
        }
        outln!("seed {seed}, {jobs} jobs");
        Self {
            seed,
            started: Instant::now(),
            bar,
            scripts: 0,
            operations: 0,
            rules: BTreeMap::new(),
            unsteady: Vec::new(),
            findings: Vec::new(),
            listing: if arguments.coverage { Listing::EachRule } else { Listing::Unseen },
            failures: Vec::new(),
        }
    }

    /// Whether there is no reason to go on.
    pub(super) fn has_finding(&self) -> bool {
        !self.findings.is_empty() || !self.failures.is_empty()
    }

    /// Takes note of what a job says.
    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Progress { scripts, operations, rules } => {
                self.scripts += scripts;
                self.operations += operations;
                for (rule, count) in rules {
                    *self.rules.entry(rule).or_default() += count;
                }
            }
            Message::Divergence(finding) => self.findings.push(finding),
            Message::Unsteady { seed, script } => self.unsteady.push((seed, script)),
            Message::Failure { message } => self.failures.push(message),
        }
        self.show();
    }

    /// Draws the progress anew.
    pub(super) fn show(&self) {
        self.bar.set_message(self.account());
        self.bar.tick();
    }

    fn account(&self) -> String {
        let seconds = self.started.elapsed().max(Duration::from_millis(1)).as_secs_f64();
        let rate = self.operations as f64 / seconds;
        format!(
            "{} operations in {} scripts, {rate:.0} a second, {} of {} rules seen",
            self.operations,
            self.scripts,
            self.rules.len(),
            RULES.len(),
        )
    }

    /// Tells what was found until this signal came; 0 if none did. Returns lockstep's exit status.
    pub(super) fn finish(self, signal: c_int) -> u8 {
        self.bar.finish_and_clear();
        outln!("{}", self.account());
        if signal != 0 {
            outln!("interrupted by {}: this is the report so far", words::signal(signal));
        }
        let unseen: Vec<_> =
            RULES.iter().copied().filter(|rule| !self.rules.contains_key(*rule)).collect();
        if self.listing == Listing::EachRule {
            self.rules.iter().for_each(|(rule, count)| outln!("{rule} {count}"));
        }
        if !unseen.is_empty() && unseen.len() < RULES.len() {
            outln!("not seen: {}", unseen.join(" "));
        }
        for (seed, script) in &self.unsteady {
            outln!("\nparted once, and not again (seed {seed}):\n{script}");
        }
        for finding in &self.findings {
            out!("{}", finding.in_words());
        }
        for failure in &self.failures {
            output::say(&failure.to_string());
        }
        let status = match () {
            () if !self.findings.is_empty() => 1,
            () if !self.failures.is_empty() => FAILED,
            () if !self.unsteady.is_empty() => 1,
            () => {
                outln!("no divergence (seed {})", self.seed);
                if matches!(signal, 0 | libc::SIGINT) { 0 } else { FAILED }
            }
        };
        output::finish(status)
    }
}

impl Finding {
    fn in_words(&self) -> String {
        let scenario = self.scenario();
        let Self { seed, length, .. } = self;
        format!(
            "\nDIVERGENCE (seed {seed}, shortened from {length} operations)\n\n{scenario}\n\
             As a test of `tests/fuzz.rs`:\n\n{}\n\
             Again: lockstep fuzz --seed {seed} --scripts 1 --jobs 1\n",
            self.test(),
        )
    }

    /// The script, with what Linux says at its end.
    fn scenario(&self) -> String {
        let mut text = self.script.clone();
        for line in &self.linux {
            text += &format!("    {line}\n");
        }
        for line in &self.model {
            text += &format!("    # the model: {line}\n");
        }
        text
    }

    /// The same as a test of lockstep's.
    fn test(&self) -> String {
        format!(
            "#[test]\nfn seed_{}_agrees() {{\n    check_on_both_sides(\n        \"\\\n{}\",\n    );\n}}\n",
            self.seed,
            self.script.lines().map(|line| format!("{line}\n")).collect::<String>(),
        )
    }
}

/// A script with the difference at its end.
pub(super) fn as_scenario(script: &Script, difference: &Difference) -> String {
    let mut text = script.to_string();
    for line in &difference.linux {
        text += &format!("    {line}\n");
    }
    for line in &difference.model {
        text += &format!("    # the model: {line}\n");
    }
    text
}
