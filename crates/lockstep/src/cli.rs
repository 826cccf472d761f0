//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::stage::Lack;

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
    /// Follow a real program, and write down what was seen
    #[command(after_help = RECORD_HELP)]
    Record(RecordArguments),
    /// Judge a recorded run anew, without the program
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArguments),
    /// Play random scripts on real processes and on the model
    #[command(after_help = FUZZ_HELP)]
    Fuzz(FuzzArguments),
    /// Play scenario files on both sides, or on the model alone
    #[command(after_help = CHECK_HELP)]
    Check(CheckArguments),
    /// Play scenario files on the kernel that runs this, and tell the results as TAP
    #[command(after_help = AGENT_HELP)]
    Agent(AgentArguments),
    /// Measure what following costs
    #[command(after_help = COST_HELP)]
    Cost(CostArguments),
    /// Let a program run as a tracer that does nothing would
    #[command(hide = true)]
    Floor {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
        program: Vec<OsString>,
    },
    /// One job of `fuzz`
    #[command(hide = true)]
    FuzzJob {
        /// Its share, as JSON
        share: String,
    },
}

const FUZZ_HELP: &str = "\
A script is a list of operations: forks, exits, waits, signals, process groups, sessions, threads,
exec, namespaces, terminals, pidfds, ptrace. Each is done by a real process in a fresh PID namespace and on the model, and
everything that can be seen afterwards is compared: results, states, parents, groups, sessions,
waits that return, signals that arrive and what they say.

A script is determined by its seed, so a run can be repeated. A divergence is shortened to the
fewest operations that still show it, and printed as a scenario file and as a test.

Needs the right to make PID namespaces (root).

Exit status: 0 no divergence, 1 a divergence, 2 wrong command line, 125 lockstep could not work, or
was told to end by a signal other than Ctrl-C's.

Examples:
  lockstep fuzz --seconds 60
  lockstep fuzz --jobs 1 --seed 42 --scripts 1
  lockstep fuzz --seconds 60 --coverage";

const CHECK_HELP: &str = "\
A scenario file has one operation a line, and expectations where a reader wants them:

  # A child that ends wakes the parent that waits for it.
  init: fork a            -> a
  a: fork b
  a: wait4 any            -> blocks
  b: exit 3               -> ends
      a -> b exit 3
      b gone

Exit status: 0 all files hold, 1 one does not, 2 wrong command line, 125 lockstep could not work.

Examples:
  lockstep check crates/lockstep/tests/scenarios/*.proc
  lockstep check --model-only my.proc";

const AGENT_HELP: &str = "\
Plays each scenario with real processes, and prints a test result for each in the Test Anything
Protocol. Nothing is needed but this one file: built as a static program (`cargo agent`), it can be
copied to another kernel and run there, as process 1 too. It uses no ptrace.

Where the kernel has no PID namespaces the processes are ordinary ones, and the scenarios that
cannot be played so are skipped; where there is no /proc, states are not looked at; where a system
call is missing, the scenario ends there. `# SKIP` says why. A scenario that takes too long, or that
ends the process that plays it, is a failure, and the next one is played.

Exit status: 0 nothing failed, 1 something did, 2 wrong command line, 125 the agent could not work.

Examples:
  lockstep agent --all
  lockstep agent --all --expectations-only
  lockstep agent R-EXIT-03.proc my.proc
  lockstep agent --list";

const COST_HELP: &str = "\
Runs the program alone, under a tracer that stops it at the same places and only lets it go on (the
floor: no tracer is faster), and under `lockstep run`, in turns. Prints the shortest time of each.
What the program writes is thrown away, and what it leaves when it ends is killed.

Exit status: 0 measured, 2 wrong command line, 125 a run failed.

Examples:
  lockstep cost -- make -B -j2
  lockstep cost --times 10 -- bash -c 'for i in {1..100}; do /bin/true; done'";

const RUN_HELP: &str = "\
The program keeps its terminal, its standard streams and its signals. Every system call of it and
of its descendants that is about processes (fork, exec, exit, wait, process groups, sessions,
terminals, signals, PID namespaces) is done by Linux and by the model, in the same order, and the
answers are compared; so are the signals that the kernel sends by itself.

Processes that outlive the program are followed too, until they end; Ctrl-C then kills them.

Following a program changes it in a few ways. lockstep traces it by ptrace, and gives it a seccomp
filter. So it is slower, and it cannot trace others; strict seccomp mode is refused to it; a fatal
signal waits for the end of a vfork; the init of a PID namespace that faults is killed by SIGKILL;
a signal that is ignored interrupts a few calls (epoll_wait with a limit of time).
Run by a user, set-uid programs inside keep the user's rights. Where something of this has
happened, the report says so (`changed by following`), and the exit status is 3.

Exit status:
  0    Linux and the model gave the same answers
  1    they did not: each divergence is shown with the operations before it
  2    the command line is wrong
  3    they did, but following has changed what the program did
  124  the program had not ended in time (--timeout)
  125  lockstep itself could not do its work (ptrace forbidden), or was told to end by a signal
  126  the program cannot be executed
  127  the program is not found
  With --pass-status and no divergence: the program's own (128 + signal if one killed it).

Examples:
  lockstep run -- bash -c 'sleep 1 & wait'
  lockstep run --svg history.svg -- make -j4";

const RECORD_HELP: &str = "\
Does what `run` does. FILE gets all that was seen, as lines of JSON: the first line says what was
run and which version of the format this is, each further line is one thing that Linux has done.
`lockstep replay FILE` judges it anew.

Exit status: that of `run`.

Examples:
  lockstep record make.jsonl -- make -j4
  lockstep record --svg shell.svg shell.jsonl -- bash -i";

const REPLAY_HELP: &str = "\
The model is driven by what was seen of the program, and gives its answers anew. Needs neither the
program nor any privilege, and works on any machine.

Exit status:
  0    Linux and the model gave the same answers
  1    they did not
  2    the command line is wrong
  3    they did, but following has changed what the program did
  124  the recorded program had not ended in time
  125  FILE is no recording, or is cut off; or the recorded lockstep was told to end by a signal

Examples:
  lockstep replay make.jsonl
  lockstep replay --svg make.svg make.jsonl";

/// The arguments of `lockstep run`.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) common: FollowArguments,
}

/// The arguments of `lockstep record`.
#[derive(Args, Debug)]
pub(crate) struct RecordArguments {
    /// Where the recording goes
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) common: FollowArguments,
}

/// The arguments of `lockstep replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) reports: ReportArguments,
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Where reports go.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// Write the report to FILE instead of the standard error stream
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Draw the history of all processes as a picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the history and the comparison for machines
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// The arguments of `lockstep cost`.
#[derive(Args, Debug)]
pub(crate) struct CostArguments {
    /// How often
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: u32,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// A time in seconds, of which a part may be asked for, as by timeout(1).
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|&number: &f64| number > 0.0);
    number
        .and_then(|number| Duration::try_from_secs_f64(number).ok())
        .ok_or_else(|| "not a number of seconds above 0, such as 5 or 0.5".to_owned())
}

/// What `run` and `record` have in common.
#[derive(Args, Debug)]
pub(crate) struct FollowArguments {
    #[command(flatten)]
    pub(crate) reports: ReportArguments,
    /// End with the program's status if nothing diverged
    #[arg(long)]
    pub(crate) pass_status: bool,
    /// End the program, and all that it has left, after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Kill what the program has left when it ends, instead of following it
    #[arg(long)]
    pub(crate) kill_leftovers: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// The arguments of `lockstep fuzz`.
#[derive(Args, Debug)]
pub(crate) struct FuzzArguments {
    /// How many CPUs to use; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// End after so many seconds; otherwise at a divergence or Ctrl-C
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// End after so many scripts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) scripts: Option<u64>,
    /// The seed of the first script; the others follow
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Show no progress
    #[arg(long)]
    pub(crate) quiet: bool,
    /// List each rule that was seen at work, and how often
    #[arg(long)]
    pub(crate) coverage: bool,
}

/// The share of one job of `lockstep fuzz`.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct JobArguments {
    /// The seed of its first script.
    pub(crate) seed: u64,
    /// From one script's seed to the next.
    pub(crate) step: u64,
    /// Which of the CPUs that it may use.
    pub(crate) cpu: usize,
    /// How many scripts; without end if not given.
    pub(crate) scripts: Option<u64>,
}

/// The arguments of `lockstep check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// Play on the model alone; needs no privilege
    #[arg(long)]
    pub(crate) model_only: bool,
    /// The scenario files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// The arguments of `lockstep agent`.
#[derive(Args, Debug)]
pub(crate) struct AgentArguments {
    /// Play the scenarios that are part of this program
    #[arg(long, conflicts_with = "files")]
    pub(crate) all: bool,
    /// Only list them
    #[arg(long, conflicts_with_all = ["files", "all"])]
    pub(crate) list: bool,
    /// Compare with the expectations in the files alone, and not with all that the model tells
    #[arg(long)]
    pub(crate) expectations_only: bool,
    /// Do as if the kernel lacked something
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) without: Vec<Lack>,
    /// Give up on a scenario after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// Scenario files
    #[arg(required_unless_present_any = ["all", "list"], value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}
