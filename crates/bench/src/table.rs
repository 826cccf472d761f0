//! `cargo bench`: measures all rows, and prints one table.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::floor::Floors;
use crate::measure::clock::preemptions;
use crate::report::{self, Run};
use crate::rows::{self, Plan};
use crate::scene;

/// Compares axprocess with the process models of starry-process 0.4.16 and 0.2.0, side by side in one run.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --", about, after_help = HELP)]
struct Arguments {
    /// Measure less: under a minute
    #[arg(long)]
    quick: bool,
    /// Write everything that was measured for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw cost against size
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

const HELP: &str = "\
All times are CPU time of the thread that did the work, per operation: medians of repetitions in which every subject
has its turn. A ratio is the median of the ratios within the repetitions. Compare ratios between machines and runs, not times.

As root, the rows with two threads run in short bursts before all else on both processors; otherwise they say how much the two
threads overlapped.

Examples:
  cargo bench
  cargo bench -- --quick
  cargo bench -- --json result.json --svg result.svg";

/// Runs the whole program.
pub fn main() -> ExitCode {
    scene::play_if_asked();
    let arguments = Arguments::parse();
    if has_checks() {
        return run_without_checks();
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    let begin = Instant::now();
    let is_terminal = std::io::stderr().is_terminal();
    let mut progress = |what: &str| {
        let seconds = begin.elapsed().as_secs();
        if is_terminal {
            eprint!("\r\x1b[K[{seconds:>3} s] {what}");
        } else {
            eprintln!("[{seconds:>3} s] {what}");
        }
    };
    let load = report::load();
    let preempted = preemptions();
    progress("floors");
    let floors = Floors::measure(Duration::from_millis(300));
    let rows = rows::measure(Plan { is_quick: arguments.quick }, &floors, &mut progress)?;
    let run = Run {
        rows,
        floors,
        is_quick: arguments.quick,
        seconds: begin.elapsed().as_secs_f64(),
        preemptions: preemptions() - preempted,
        load,
    };
    if is_terminal {
        eprint!("\r\x1b[K");
    }
    print!("{}", report::text(&run, std::io::stdout().is_terminal()));
    progress("the longest hold of every call");
    let longest_holds = longest_holds(if arguments.quick { 1_000 } else { 100_000 });
    if is_terminal {
        eprint!("\r\x1b[K");
    }
    print!("{longest_holds}");
    if let Some(file) = &arguments.json {
        std::fs::write(file, report::json(&run)?)?;
    }
    if let Some(file) = &arguments.svg {
        std::fs::write(file, report::svg(&run))?;
    }
    Ok(())
}

/// The longest hold of every public call in objects, as the test of that name counts them: that needs the checks, which are not in here.
fn longest_holds(size: usize) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--package", "axprocess", "--all-features"])
        .args(["--test", "longest_holds", "--", "--nocapture", "no_call"])
        .env("HOLDS_SIZE", size.to_string())
        .output();
    let (verdict, text) = match &output {
        Ok(output) if output.status.success() => ("", String::from_utf8_lossy(&output.stdout)),
        Ok(output) => (": NOT ALL ARE BOUNDED", String::from_utf8_lossy(&output.stdout)),
        Err(error) => (": NOT MEASURED", error.to_string().into()),
    };
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("hold ")).collect();
    format!("\nthe longest hold in objects beside {size}{verdict}\n{}\n", lines.join("\n"))
}

/// Whether axprocess was built with the checks of its tests, as cargo does when it builds all of the workspace at once.
pub(crate) fn has_checks() -> bool {
    struct Host;

    impl axprocess::Host for Host {
        type Lock = kspin::SpinNoIrq<axprocess::Relations<Self>>;
        type ProcessData = ();
        type ThreadData = ();
        type GroupData = ();
        type SessionData = ();
        type NamespaceData = ();
        type TerminalData = ();
        type Usage = ();
    }

    /// Found where the table has no method of that name of its own: without the feature.
    #[allow(dead_code, reason = "used where the table has no method of that name")]
    trait Unchecked {
        fn audit(&self) {}
    }

    impl Unchecked for axprocess::ProcessTable<Host> {}

    size_of_result(|table: &axprocess::ProcessTable<Host>| table.audit()) > 0
}

fn size_of_result<A, R>(_: impl Fn(&A) -> R) -> usize {
    size_of::<R>()
}

/// Has cargo build this crate alone, without the checks, and run it with the same arguments.
fn run_without_checks() -> ExitCode {
    eprintln!("bench: built with the checks of the tests on; building without");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    let status = Command::new(cargo)
        .args(["bench", "--quiet", "--package", "bench", "--bench", "table", "--"])
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
