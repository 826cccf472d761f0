//! What following costs: a program alone, under a tracer that does nothing, and under lockstep.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::CostArguments;
use crate::output::{self, outln};
use crate::procfs;
use crate::sys::{self, SignalDesk};
use crate::tracer::{self, Failure};

/// Measures, and prints the times. Returns lockstep's exit status.
///
/// # Errors
///
/// A run could not be started, or ended otherwise than well.
pub(crate) fn run(arguments: &CostArguments) -> Result<u8, Failure> {
    sys::become_subreaper().map_err(failed)?;
    let mut shortest = [Duration::MAX; 3];
    for _ in 0..arguments.times {
        for (way, shortest) in Way::ALL.into_iter().zip(&mut shortest) {
            *shortest = measure(way, &arguments.program)?.min(*shortest);
        }
    }
    let [alone, floor, lockstep] = shortest.map(|time| time.as_secs_f64());
    outln!(
        "alone {alone:.3} s, floor {floor:.3} s, lockstep {lockstep:.3} s: {:.2} times the floor, {:.2} times alone",
        lockstep / floor,
        lockstep / alone,
    );
    Ok(output::finish(0))
}

/// The floor: starts the program and only lets it go on at each stop. Returns lockstep's exit status.
///
/// # Errors
///
/// The program could not be started.
pub(crate) fn run_floor(program: &[OsString]) -> Result<u8, Failure> {
    tracer::launch_and_let_run(&SignalDesk::open(), program).map(|()| 0)
}

/// How a program is run.
#[derive(Clone, Copy, Debug)]
enum Way {
    Alone,
    Floor,
    Followed,
}

impl Way {
    const ALL: [Self; 3] = [Self::Alone, Self::Floor, Self::Followed];
}

fn measure(way: Way, program: &[OsString]) -> Result<Duration, Failure> {
    let mut command = match way {
        Way::Alone => Command::new(&program[0]),
        Way::Floor | Way::Followed => Command::new(std::env::current_exe().map_err(failed)?),
    };
    match way {
        Way::Alone => command.args(&program[1..]),
        Way::Floor => command.arg("floor").arg("--").args(program),
        Way::Followed => {
            command.args(["run", "--kill-leftovers", "--output", "/dev/null", "--"]).args(program)
        }
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(failed)?;
    let elapsed = start.elapsed();
    end_leftovers();
    match (way, status.success()) {
        (Way::Alone, _) | (_, true) => Ok(elapsed),
        (_, false) => Err(Failure::new(format!("a run has failed: {way:?}, {status}"))),
    }
}

/// Ends what a program run alone has left, as the tracers do: it would be busy beside the next one, and live on.
fn end_leftovers() {
    let own = std::process::id() as sys::Pid;
    loop {
        let children = procfs::children(own, own);
        if children.is_empty() {
            return;
        }
        for pid in children {
            let _ = sys::kill(pid, libc::SIGKILL);
            sys::await_death(pid);
        }
    }
}

fn failed(error: std::io::Error) -> Failure {
    Failure::new(format!("cannot start the program: {error}"))
}
