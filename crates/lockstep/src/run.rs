//! One run: starts the program, follows it, writes the reports, and the recording if one is wanted.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Mutex;

use crate::cli::{FollowArguments, RecordArguments, ReportArguments, RunArguments};
use crate::destination::Destination;
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
    follow(&arguments.common, Some(Destination::open(&arguments.file)?))
}

fn follow(arguments: &FollowArguments, recording: Option<Destination>) -> Result<u8, Failure> {
    // Made before the program runs: a bad path is told at once.
    let reports = Reports::open(&arguments.reports)?;
    reports.refuse_same(recording.as_ref())?;
    keep_panics_quiet();
    let desk = SignalDesk::open();
    let limits = Limits {
        timeout: arguments.timeout,
        leftovers: match arguments.kill_leftovers {
            true => Leftovers::Killed,
            false => Leftovers::Followed,
        },
        notices: reports.text.clone(),
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
    /// While the program runs, things are told there too: not on its error stream, if the report does not go there either.
    text: Option<Rc<Destination>>,
    svg: Option<Destination>,
    json: Option<Destination>,
}

impl Reports {
    /// Makes the files.
    ///
    /// # Errors
    ///
    /// The first one that cannot be made; one that two reports are to go to.
    pub(crate) fn open(arguments: &ReportArguments) -> Result<Self, Failure> {
        let reports = Self {
            text: arguments.output.as_deref().map(Destination::open).transpose()?.map(Rc::new),
            svg: arguments.svg.as_deref().map(Destination::open).transpose()?,
            json: arguments.json.as_deref().map(Destination::open).transpose()?,
        };
        reports.refuse_same(None)?;
        Ok(reports)
    }

    /// Nothing is to be written over something else.
    fn refuse_same(&self, recording: Option<&Destination>) -> Result<(), Failure> {
        let all = [recording, self.text.as_deref(), self.svg.as_ref(), self.json.as_ref()];
        let all: Vec<_> = all.into_iter().flatten().collect();
        for (index, one) in all.iter().enumerate() {
            if let Some(other) = all[..index].iter().find(|other| other.is_same(one)) {
                return Err(Failure::new(format!(
                    "{} and {} are one file: give each of them its own",
                    other.name(),
                    one.name()
                )));
            }
        }
        Ok(())
    }

    /// Writes all that are wanted.
    ///
    /// # Errors
    ///
    /// The first one that cannot be written.
    pub(crate) fn write(self, report: &Report) -> Result<(), Failure> {
        let is_coloured = self.text.is_none() && sys::is_terminal(&io::stderr());
        let words = report::text(report, is_coloured);
        match self.text {
            Some(file) => write(&file, &words)?,
            None => io::stderr()
                .write_all(words.as_bytes())
                .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?,
        }
        self.svg.map_or(Ok(()), |file| write(&file, &report::svg(report)))?;
        self.json.map_or(Ok(()), |file| write(&file, &report::json(report)))
    }
}

fn write(file: &Destination, contents: &str) -> Result<(), Failure> {
    file.write(contents.as_bytes()).map_err(|error| {
        Failure::new(format!("cannot write the report to {}: {error}", file.name()))
    })
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
