//! Runs a program on Linux and, beside it, on the axprocess model, and compares every answer.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`run`] | one run: start, follow, report |
//! | [`tracer`] | follows the program by ptrace and brings its calls into one order |
//! | [`operation`], [`syscalls`] | system calls about processes, decoded |
//! | [`model`] | all contact with axprocess |
//! | [`compare`] | what was equal, what was not |
//! | [`history`] | what lived |
//! | [`report`] | the tree, the verdict, the picture, the file for machines |
//! | [`procfs`], [`sys`], [`words`] | what the kernel shows, does and is called |

mod cli;
mod compare;
mod history;
mod model;
mod operation;
mod procfs;
mod report;
mod run;
mod sys;
mod syscalls;
mod tracer;
mod words;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Command::Run(arguments) = cli::Cli::parse().command;
    match run::run(&arguments) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("lockstep: {}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}
