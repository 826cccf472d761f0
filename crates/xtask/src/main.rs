//! `cargo xtask qemu`: builds the kernel, puts a shell and programs beside it, and boots it.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`build`] | the kernel, by the compiler that has the library source; the programs |
//! | [`archive`] | the files that the kernel begins with |
//! | [`qemu`] | the machine, on this terminal or watched |
//! | [`dialogue`] | somebody at the terminal, here and on Linux |
//! | [`test`](mod@test) | the boots of a test run, and the verdict |

mod archive;
mod build;
mod dialogue;
mod qemu;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Chores of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Boot the kernel in QEMU, into a shell on this terminal
    #[command(after_help = HELP)]
    Qemu(Qemu),
}

#[derive(Debug, Args)]
struct Qemu {
    /// Run the tests instead of a shell; the last line is the verdict
    #[arg(long)]
    test: bool,
    /// Boot with so many processors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    processors: u32,
    /// Boot so often one after the other, each time as far as a shell that answers
    #[arg(long, value_name = "N", conflicts_with = "test")]
    boots: Option<u32>,
    /// Run the processors truly at once, by a thread of the host for each; else in turns
    #[arg(long)]
    at_once: bool,
    /// Only this test; the names stand in the output
    #[arg(long, value_name = "NAME", requires = "test")]
    only: Option<String>,
    /// Where to build
    #[arg(long, value_name = "DIRECTORY")]
    target_dir: Option<PathBuf>,
    /// Run this program with its arguments as the first, instead of a shell
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

const HELP: &str = "\
Needs Debian's rustc-web, cargo-web, rust-web-src, qemu-system-x86, busybox-static and gcc. In the shell, `poweroff -f`
ends the machine, and so does Ctrl-A X.

Exit status: 0 all passed, or the machine was switched off; 1 something failed; 2 wrong command line.

Examples:
  cargo xtask qemu
  cargo xtask qemu --processors 4
  cargo xtask qemu --test
  cargo xtask qemu --test --only storm --processors 4
  cargo xtask qemu --boots 20 --processors 1 --at-once
  cargo xtask qemu -- /bin/lockstep agent --all";

fn main() -> ExitCode {
    let Arguments { chore: Chore::Qemu(arguments) } = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Whether all passed.
fn run(arguments: &Qemu) -> Result<bool, String> {
    let target = arguments.target_dir.clone().unwrap_or_else(|| root().join("target"));
    let target = std::path::absolute(target).map_err(|error| error.to_string())?;
    let build = build::Build { root: root(), target };
    let pace = if arguments.at_once { qemu::Pace::AtOnce } else { qemu::Pace::InTurns };
    if arguments.test {
        return test::run(&build, arguments.processors, pace, arguments.only.as_deref());
    }
    if let Some(boots) = arguments.boots {
        return test::boot_often(&build, arguments.processors, pace, boots);
    }
    let program = match arguments.program.join(" ") {
        program if program.is_empty() => "/bin/sh /etc/login.sh".to_owned(),
        program => program,
    };
    let machine = qemu::Machine {
        kernel: build.kernel(build::Kernel::Plain)?,
        files: build.files()?,
        processors: arguments.processors,
        command_line: format!("init={program}"),
        pace,
    };
    machine.run_on_terminal()
}
