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
//! | [`destination`], [`output`] | files for what comes in the end, the standard streams |
//! | [`procfs`], [`sys`], [`words`] | what the kernel shows, does and is called |
//!
//! The standard library's own `main` asks for `poll` and `sigaction` first, and aborts on a kernel that lacks them. The agent is for such kernels: so
//! the C library calls [`begin`].

#![cfg_attr(not(test), no_main)]

mod agent;
mod check;
mod cli;
mod compare;
mod cost;
mod destination;
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

use clap::Parser;

/// Where the C library begins.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(_count: libc::c_int, _words: *const *const libc::c_char) -> libc::c_int {
    begin()
}

#[cfg(test)]
fn main() {
    begin();
}

/// Does what the command line asks for, and ends with its status.
fn begin() -> ! {
    /// What a program has that panicked.
    const PANICKED: i32 = 101;
    open_standard_streams();
    sys::ignore_pipe_signal();
    let status = std::panic::catch_unwind(run_command);
    std::process::exit(status.map_or(PANICKED, i32::from))
}

/// A standard stream that is closed must not become the first file that is opened. A program that is executed has it closed as well. What is written to one
/// fails, for the standard library would pass over it.
fn open_standard_streams() {
    for stream in 0..=2 {
        // SAFETY: plain numbers.
        if unsafe { libc::fcntl(stream, libc::F_GETFD) } == -1 {
            // SAFETY: a path that is a C string. The lowest number that is free is this stream's.
            unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
            if stream != libc::STDIN_FILENO {
                sys::break_pipe(stream);
            }
        }
    }
}

fn run_command() -> u8 {
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
        Ok(status) => status,
        Err(failure) => {
            output::say(&failure.message);
            failure.status
        }
    }
}
