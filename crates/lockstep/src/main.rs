//! Runs a program on Linux and, beside it, on the axprocess model, and compares every answer.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`run`] | one run: start, follow, report |
//! | [`tracer`] | follows the program by ptrace and brings its calls into one order |
//! | [`operation`], [`syscalls`] | system calls about processes, decoded |
//! | [`ledger`] | judges what is told, by the model |
//! | [`model`] | all contact with axprocess |
//! | [`cost`] | what following costs |
//! | [`record`], [`replay`] | runs, written down and judged anew |
//! | [`compare`] | what was equal, what was not |
//! | [`history`], [`journal`] | what lived, what it did last |
//! | [`report`] | the tree, the verdict, the picture, the file for machines |
//! | [`script`] | scripts of operations, and their files |
//! | [`stage`] | plays them on Linux and on the model |
//! | [`fuzz`], [`check`], [`agent`] | random scripts, scenario files, scenario files on any kernel |
//! | [`scenario`] | scenario files |
//! | [`output`] | the standard streams |
//! | [`procfs`], [`sys`], [`words`] | what the kernel shows, does and is called |

mod agent;
mod check;
mod cli;
mod compare;
mod cost;
mod fuzz;
mod history;
mod journal;
mod ledger;
mod model;
mod operation;
mod output;
mod procfs;
mod record;
mod replay;
mod report;
mod run;
mod scenario;
mod script;
mod stage;
mod sys;
mod syscalls;
mod tracer;
mod words;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    stage::enter_worker(&arguments);
    let result = match cli::Cli::parse_from(arguments).command {
        cli::Command::Run(arguments) => run::run(&arguments),
        cli::Command::Record(arguments) => run::record(&arguments),
        cli::Command::Replay(arguments) => replay::run(&arguments),
        cli::Command::Fuzz(arguments) => fuzz::run(&arguments),
        cli::Command::Check(arguments) => check::run(&arguments),
        cli::Command::Agent(arguments) => agent::run(&arguments),
        cli::Command::Cost(arguments) => cost::run(&arguments),
        cli::Command::Floor { program } => cost::run_floor(&program),
        cli::Command::FuzzJob { share } => serde_json::from_str(&share)
            .map_err(|error| tracer::Failure::new(error.to_string()))
            .and_then(|share| fuzz::run_job(&share)),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            output::say(&failure.message);
            ExitCode::from(failure.status)
        }
    }
}
