//! One CPU's share of the work.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::generate::Author;
use super::shrink::shrink;
use super::{FAILED, report};
use crate::cli::JobArguments;
use crate::run::keep_panics_quiet;
use crate::script::Script;
use crate::stage::duel::{Difference, Duel, NotPlayed, Verdict};
use crate::stage::linux::Theatre;
use crate::stage::shelter;
use crate::tracer::Failure;

/// What a job says, one line each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// What it has done since the last time.
    Progress { scripts: u64, operations: u64, rules: Vec<(String, u64)> },
    /// Linux and the model have parted.
    Divergence(Finding),
    /// They have parted once, and not again.
    Unsteady { seed: u64, script: String },
    /// It cannot go on.
    Failure { message: String },
}

/// A divergence, as short as it can be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The seed of the script in which it was found.
    pub(super) seed: u64,
    /// How many operations that script had until then.
    pub(super) length: usize,
    /// The shortest script.
    pub(super) script: String,
    /// What only Linux says.
    pub(super) linux: Vec<String>,
    /// What only the model says.
    pub(super) model: Vec<String>,
}

/// Plays scripts until the pipe from lockstep is closed.
///
/// # Errors
///
/// No PID namespace can be made.
pub(crate) fn run(arguments: &JobArguments) -> Result<u8, Failure> {
    keep_panics_quiet();
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    ignore_keys();
    shelter::run(|| match work(arguments) {
        Ok(()) => 0,
        Err(NotPlayed(message)) => {
            say(&Message::Failure { message });
            FAILED
        }
    })
    .map_err(|error| Failure::new(format!("cannot make a PID namespace: {error}")))
}

/// Lockstep tells when to end: a key typed at the terminal, or a signal to the whole group, is for it alone. Process 1, which makes the workers, forgets
/// that again, and is immune anyway.
fn ignore_keys() {
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGTERM] {
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

fn work(arguments: &JobArguments) -> Result<(), NotPlayed> {
    let theatre = Theatre::open(arguments.cpu).map_err(|error| NotPlayed(error.to_string()))?;
    let mut coverage = Coverage::default();
    let (mut scripts, mut operations) = (0, 0);
    let mut told = Instant::now();
    let mut seed = arguments.seed;
    for number in 0.. {
        if arguments.scripts.is_some_and(|scripts| number >= scripts) || is_told_to_end() {
            break;
        }
        let (script, difference) = write_and_play(&theatre, seed, &mut coverage)?;
        scripts += 1;
        operations += script.steps.len() as u64;
        if let Some(difference) = difference
            && judge(&theatre, seed, script, difference)? == Judgement::Real
        {
            break;
        }
        if told.elapsed() > Duration::from_millis(100) {
            let rules = coverage.take();
            say(&Message::Progress { scripts, operations, rules });
            (scripts, operations, told) = (0, 0, Instant::now());
        }
        seed = seed.wrapping_add(arguments.step);
    }
    say(&Message::Progress { scripts, operations, rules: coverage.take() });
    Ok(())
}

/// Writes a script while it plays.
fn write_and_play(
    theatre: &Theatre,
    seed: u64,
    coverage: &mut Coverage,
) -> Result<(Script, Option<Difference>), NotPlayed> {
    let mut author = Author::new(seed);
    let mut duel = Duel::start(Some(theatre))?;
    let mut script = Script::default();
    coverage.begin();
    while let Some(step) = author.next(&duel) {
        let verdict = duel.step(&step).map_err(|NotPlayed(message)| {
            NotPlayed(format!("{message} (seed {seed}), in\n{script}{step}"))
        })?;
        match &verdict {
            Verdict::Skipped => continue,
            Verdict::Agreed(account) => coverage.note(&duel, &step, account),
            Verdict::Diverged(_) => {}
        }
        script.steps.push(step);
        if let Verdict::Diverged(difference) = verdict {
            return Ok((script, Some(difference)));
        }
    }
    Ok((script, None))
}

/// Plays a script; the difference at which it ends, if there is one.
fn play(theatre: &Theatre, script: &Script) -> Result<Option<Difference>, NotPlayed> {
    let mut duel = Duel::start(Some(theatre))?;
    for step in &script.steps {
        if let Verdict::Diverged(difference) = duel.step(step)? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// What a divergence is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    /// It comes again.
    Real,
    /// It does not.
    Unsteady,
}

/// A divergence counts if it comes again; then it is shortened.
fn judge(
    theatre: &Theatre,
    seed: u64,
    script: Script,
    first: Difference,
) -> Result<Judgement, NotPlayed> {
    const REPEATS: usize = 3;
    const PATIENCE: Duration = Duration::from_secs(20);
    let mut comes_again = 0;
    for _ in 0..REPEATS {
        comes_again += usize::from(play(theatre, &script)?.is_some());
    }
    if comes_again < REPEATS {
        say(&Message::Unsteady { seed, script: report::as_scenario(&script, &first) });
        return Ok(Judgement::Unsteady);
    }
    let length = script.steps.len();
    let deadline = Instant::now() + PATIENCE;
    let script = shrink(script, |script| {
        Instant::now() < deadline
            && (0..2).all(|_| play(theatre, script).is_ok_and(|difference| difference.is_some()))
    });
    let difference = play(theatre, &script)?.unwrap_or(first);
    say(&Message::Divergence(Finding {
        seed,
        length,
        script: script.to_string(),
        linux: difference.linux,
        model: difference.model,
    }));
    Ok(Judgement::Real)
}

fn say(message: &Message) {
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    // Nobody to hear it is a reason to end, which the other pipe tells as well.
    let _ = io::stdout().lock().write_all(line.as_bytes());
}

/// Whether lockstep has closed its end of the pipe, or is gone.
fn is_told_to_end() -> bool {
    let mut stdin = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives across the call.
    unsafe { libc::poll(&raw mut stdin, 1, 0) > 0 }
}
