//! What a shell does not show: booted by `test=NAME` on the command line, in place of a first program.

mod host;
mod interrupts;
mod latency;

use crate::machine;

/// Says something of a test, on a line.
macro_rules! say {
    ($($arguments:tt)*) => {
        // Where would one complain that the line cannot be written to?
        core::fmt::Write::write_fmt(&mut $crate::machine::Console, format_args!("{}\n", format_args!($($arguments)*))).ok()
    };
}
use say;

/// Runs a test and ends the machine.
pub(crate) fn run(name: &str) -> ! {
    let outcome = match name {
        "interrupts" => interrupts::run(),
        "latency" => latency::run(),
        _ => Err("there is no such test"),
    };
    match outcome {
        Ok(()) => say!("{name}: passed"),
        Err(why) => say!("{name}: FAILED: {why}"),
    };
    machine::power_off(outcome.is_ok())
}

/// Why a test failed.
type Outcome = Result<(), &'static str>;
