//! One run: starts the program, follows it, writes the reports, and the recording if one is wanted.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use crate::cli::{FollowArguments, RecordArguments, ReportArguments, RunArguments};
use crate::ledger::EndedBy;
use crate::report::{self, Report};
use crate::sys::{self, SignalDesk};
use crate::tracer::{self, Failure, Leftovers, Limits};
use crate::words;

/// The exit status when nothing diverged, but the program would have gone another way without lockstep.
const STATUS_UNSUPPORTED: u8 = 3;

/// The exit status when the program had not ended in time.
const STATUS_TIMED_OUT: u8 = 124;

/// Follows the program to its end. Returns lockstep's exit status.
///
/// # Errors
///
/// What kept lockstep from its work, with the exit status for it.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    follow(&arguments.common, None)
}

/// The same, and writes down what is seen.
///
/// # Errors
///
/// Those of [`run`].
pub(crate) fn record(arguments: &RecordArguments) -> Result<u8, Failure> {
    follow(&arguments.common, Some(create(&arguments.file)?))
}

fn follow(arguments: &FollowArguments, recording: Option<File>) -> Result<u8, Failure> {
    // Made before the program runs: a bad path is told at once.
    let reports = Reports::open(&arguments.reports)?;
    keep_panics_quiet();
    let desk = SignalDesk::open();
    let limits = Limits {
        timeout: arguments.timeout.map(Duration::from_secs),
        leftovers: match arguments.kill_leftovers {
            true => Leftovers::Killed,
            false => Leftovers::Followed,
        },
        notices: reports.notices()?,
    };
    let outcome = tracer::launch(&desk, &arguments.program, recording, limits)?.follow()?;

    let words: Vec<_> = arguments.program.iter().map(|word| word.to_string_lossy()).collect();
    let report = Report::new(words.join(" "), outcome);
    reports.write(&report)?;
    let pass = if arguments.pass_status { PassStatus::Yes } else { PassStatus::No };
    Ok(exit_status(&report, pass))
}

/// Whether lockstep ends with the program's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassStatus {
    /// It does, if there is nothing else to tell.
    Yes,
    /// It does not.
    No,
}

/// What lockstep ends with after a report.
pub(crate) fn exit_status(report: &Report, pass: PassStatus) -> u8 {
    if !report.comparison.divergences.is_empty() {
        1
    } else if let Some(cause) = report.ended_by {
        match cause {
            EndedBy::Signal(_) => tracer::STATUS_FAILED,
            EndedBy::Timeout { .. } => STATUS_TIMED_OUT,
        }
    } else if pass == PassStatus::Yes {
        report.status.map_or(tracer::STATUS_FAILED, words::shell_status)
    } else if report.comparison.is_program_altered() {
        STATUS_UNSUPPORTED
    } else {
        0
    }
}

/// Where the reports go.
pub(crate) struct Reports {
    text: Option<File>,
    svg: Option<File>,
    json: Option<File>,
}

impl Reports {
    /// Makes the files.
    ///
    /// # Errors
    ///
    /// The first one that cannot be made.
    pub(crate) fn open(arguments: &ReportArguments) -> Result<Self, Failure> {
        Ok(Self {
            text: arguments.output.as_deref().map(create).transpose()?,
            svg: arguments.svg.as_deref().map(create).transpose()?,
            json: arguments.json.as_deref().map(create).transpose()?,
        })
    }

    /// Where things are told while the program runs: not on its error stream, if the report does not go there either.
    ///
    /// # Errors
    ///
    /// The file of the report cannot be used twice.
    fn notices(&self) -> Result<Option<File>, Failure> {
        let file = self.text.as_ref().map(File::try_clone).transpose();
        file.map_err(|error| Failure::new(format!("cannot write the report: {error}")))
    }

    /// Writes all that are wanted.
    ///
    /// # Errors
    ///
    /// The first one that cannot be written.
    pub(crate) fn write(self, report: &Report) -> Result<(), Failure> {
        let is_coloured = self.text.is_none() && sys::is_terminal(&io::stderr());
        let words = report::text(report, is_coloured);
        let written = match self.text {
            Some(mut file) => file.write_all(words.as_bytes()),
            None => io::stderr().write_all(words.as_bytes()),
        };
        written
            .and_then(|()| write(self.svg, || report::svg(report)))
            .and_then(|()| write(self.json, || report::json(report)))
            .map_err(|error| Failure::new(format!("cannot write the report: {error}")))
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

fn write(file: Option<File>, contents: impl FnOnce() -> String) -> io::Result<()> {
    match file {
        Some(mut file) => file.write_all(contents().as_bytes()),
        None => Ok(()),
    }
}

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// A panic of the model is reported as a divergence; it must not write into the program's
/// terminal.
pub(crate) fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = panic.to_string();
        }
    }));
}

/// What the last panic said.
pub(crate) fn last_panic() -> String {
    LAST_PANIC.lock().map(|last| last.replace('\n', " ")).unwrap_or_default()
}
