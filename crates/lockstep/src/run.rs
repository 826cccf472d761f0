//! One run: starts the program, follows it, writes the reports.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use crate::cli::RunArguments;
use crate::procfs;
use crate::report::{self, Report};
use crate::sys::{self, SignalDesk};
use crate::tracer::{self, Failure};
use crate::words;

/// Follows the program to its end. Returns lockstep's exit status.
///
/// # Errors
///
/// What kept lockstep from its work, with the exit status for it.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    #[cfg(feature = "planted-faults")]
    plant_fault(arguments.plant_fault.as_deref())?;
    // Made before the program runs: a bad path is told at once.
    let mut text = arguments.output.as_deref().map(create).transpose()?;
    let svg = arguments.svg.as_deref().map(create).transpose()?;
    let json = arguments.json.as_deref().map(create).transpose()?;
    keep_panics_quiet();

    let ignores_child_signal = procfs::is_child_signal_ignored();
    let desk = SignalDesk::open();
    let outcome = tracer::launch(&desk, &arguments.program, ignores_child_signal)?.follow()?;

    let report = Report::new(&arguments.program, outcome);
    let is_coloured = text.is_none() && sys::is_terminal(&io::stderr());
    let words = report::text(&report, is_coloured);
    let written = match &mut text {
        Some(file) => file.write_all(words.as_bytes()),
        None => io::stderr().write_all(words.as_bytes()),
    };
    written
        .and_then(|()| write(svg, || report::svg(&report)))
        .and_then(|()| write(json, || report::json(&report)))
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    Ok(exit_status(arguments, &report))
}

fn exit_status(arguments: &RunArguments, report: &Report) -> u8 {
    if !report.comparison.divergences.is_empty() {
        1
    } else if report.ended_by.is_some() {
        tracer::STATUS_FAILED
    } else if arguments.pass_status {
        report.status.map_or(tracer::STATUS_FAILED, words::shell_status)
    } else {
        0
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

/// Breaks a rule of the model.
#[cfg(feature = "planted-faults")]
pub(crate) fn plant_fault(name: Option<&str>) -> Result<(), Failure> {
    use axprocess::faults::{Fault, plant};
    let Some(name) = name else {
        return Ok(());
    };
    let fault = Fault::from_name(name)
        .ok_or_else(|| Failure::new(format!("no fault is called {name}: {:?}", Fault::NAMES)))?;
    plant(fault);
    Ok(())
}
