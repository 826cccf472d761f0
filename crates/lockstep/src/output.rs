//! The standard streams: whoever reads them may be gone, or the disk behind them full. That is told in one line and by the status, and
//! nothing that runs is disturbed by it.

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

use crate::tracer::STATUS_FAILED;

static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Writes to the standard output, unless that has failed before.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    if FAILURE.get().is_none() {
        let mut stream = io::stdout().lock();
        if let Err(error) = stream.write_fmt(text).and_then(|()| stream.flush()) {
            let _ = FAILURE.set(error);
        }
    }
}

/// Whether nobody gets what is written.
pub(crate) fn has_failed() -> bool {
    FAILURE.get().is_some()
}

/// Says something on the error stream, if somebody can read it.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "lockstep: {message}");
}

/// The exit status of what would have ended with `status`: another one if not all could be written, and a line that says why.
pub(crate) fn finish(status: u8) -> u8 {
    match FAILURE.get() {
        None => status,
        Some(error) => {
            say(&format!("cannot write the results: {error}"));
            STATUS_FAILED
        }
    }
}

/// Writes to the standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::output::write(format_args!($($words)*)) };
}

/// Writes a line to the standard output.
macro_rules! outln {
    ($($words:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($words)*))) };
}

pub(crate) use {out, outln};
