//! `lockstep fuzz`: random scripts on Linux and on the model.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`generate`] | random scripts |
//! | [`job`] | one CPU's share of the work, in a process of its own |
//! | [`shrink`] | the shortest script that still diverges |
//! | [`coverage`] | which rules have been seen at work |
//! | [`report`] | progress, and what is told at the end |
//!
//! Each job is a program of its own: it has one thread, and a PID namespace that ends with it, so that nothing is left of a run that is
//! interrupted or killed.

pub(crate) mod coverage;
mod generate;
mod job;
mod report;
mod shrink;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, mpsc::Sender};
use std::time::{Duration, Instant};

use libc::c_int;

use self::job::Message;
pub(crate) use self::job::run as run_job;
use self::report::Tally;
use crate::cli::{FuzzArguments, JobArguments};
use crate::tracer::{Failure, STATUS_FAILED};

/// Runs jobs until one finds a divergence, the time is over, or the user has had enough.
///
/// # Errors
///
/// What kept lockstep from its work.
pub(crate) fn run(arguments: &FuzzArguments) -> Result<u8, Failure> {
    let told_by = Arc::new(AtomicUsize::new(0));
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        signal_hook::flag::register_usize(signal, Arc::clone(&told_by), signal as usize)
            .map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let jobs = arguments.jobs.map_or_else(available_cpus, usize::from);
    let (sender, messages) = mpsc::channel();
    let mut children = Vec::new();
    for job in 0..jobs {
        children.push(start(arguments, seed, job, jobs, &sender)?);
    }
    drop(sender);

    let mut tally = Tally::new(seed, jobs, arguments);
    let mut told_to_end = None;
    let deadline = arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    loop {
        let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_over || told_by.load(Ordering::Relaxed) != 0 || tally.has_finding() {
            // A closed pipe tells a job to end after its script.
            children.iter_mut().for_each(|child| drop(child.stdin.take()));
            if told_to_end.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                children.iter_mut().for_each(|child| drop(child.kill()));
            }
        }
        match messages.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => tally.take(message),
            Err(RecvTimeoutError::Timeout) => tally.show(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    for mut child in children {
        let ended = child.wait().map_err(|error| Failure::new(error.to_string()))?;
        if !ended.success() {
            tally.take(Message::Failure { message: format!("a job ended: {ended}") });
        }
    }
    Ok(tally.finish(told_by.load(Ordering::Relaxed) as c_int))
}

fn available_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Starts a job, and passes on what it says.
fn start(
    arguments: &FuzzArguments,
    seed: u64,
    job: usize,
    jobs: usize,
    sender: &Sender<Message>,
) -> Result<Child, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::new(error.to_string()))?;
    let share = JobArguments {
        seed: seed.wrapping_add(job as u64),
        step: jobs as u64,
        cpu: job,
        scripts: arguments.scripts.map(|scripts| scripts.div_ceil(jobs as u64)),
    };
    let share = serde_json::to_string(&share).map_err(|error| Failure::new(error.to_string()))?;
    let mut child = Command::new(program)
        .args(["fuzz-job", &share])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("cannot start a job: {error}")))?;
    let stdout = child.stdout.take();
    let sender = sender.clone();
    std::thread::spawn(move || {
        for line in stdout.into_iter().flat_map(|it| BufReader::new(it).lines()) {
            let message = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            if let Some(message) = message {
                // The other end is there until all jobs have ended.
                let _ = sender.send(message);
            }
        }
    });
    Ok(child)
}

/// So long may a job take to end: it may be shortening a script.
const PATIENCE: Duration = Duration::from_secs(40);

/// The status for a run in which lockstep could not do its work.
const FAILED: u8 = STATUS_FAILED;
