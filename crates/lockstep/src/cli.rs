//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs a program on Linux and, beside it, on the axprocess model, and compares every answer.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What lockstep can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow a real program and all of its descendants
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
}

const RUN_HELP: &str = "\
The program keeps its terminal, its standard streams and its signals. Every system call of it and
of its descendants that is about processes (fork, exec, exit, wait, process groups, sessions,
subreapers) is done by Linux and by the model, in the same order, and the answers are compared.

Processes that outlive the program are followed too, until they end; Ctrl-C then kills them.

Exit status:
  0    Linux and the model gave the same answers
  1    they did not: each divergence is shown with the operations before it
  2    the command line is wrong
  125  lockstep itself could not do its work (ptrace forbidden), or was told to end by a signal
  126  the program cannot be executed
  127  the program is not found
  With --pass-status and no divergence: the program's own (128 + signal if one killed it).

Examples:
  lockstep run -- bash -c 'sleep 1 & wait'
  lockstep run --svg history.svg -- make -j4";

/// The arguments of `lockstep run`.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Write the report to FILE instead of the standard error stream
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Draw the history of all processes as a picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the history and the comparison for machines
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// End with the program's status if nothing diverged
    #[arg(long)]
    pub(crate) pass_status: bool,
    /// Break a rule of the model, to see that the comparison notices
    #[cfg(feature = "planted-faults")]
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) plant_fault: Option<String>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}
