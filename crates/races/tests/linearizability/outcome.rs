//! What a program leaves: answers, the final graph, the signals.

use std::collections::BTreeMap;

use axprocess::{Errno, ExitStatus, Pid, ProcessState, Signal, ThreadExit, WaitStatus};

/// What a step returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Done,
    Failed(Errno),
    Number(Pid),
    Yes(bool),
    Exit(ThreadExit),
    Reported(Pid, WaitStatus),
    NothingYet,
    Pids(Vec<Pid>),
    /// There was nobody to do it.
    Nobody,
}

impl From<Result<(), Errno>> for Answer {
    fn from(result: Result<(), Errno>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Done)
    }
}

impl From<Result<Pid, Errno>> for Answer {
    fn from(result: Result<Pid, Errno>) -> Self {
        result.map_or_else(Self::Failed, Self::Number)
    }
}

/// One step as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) thread: usize,
    pub(crate) op: super::program::Op,
    pub(crate) answer: Answer,
    /// How often the lock had been taken when the step began, and when it was over.
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

/// One process in the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) state: ProcessState,
    pub(crate) ppid: Pid,
    pub(crate) pgid: Pid,
    pub(crate) sid: Pid,
    pub(crate) children: Vec<Pid>,
    pub(crate) threads: Vec<Pid>,
    pub(crate) is_exit_decided: bool,
    /// Of those whose exit is decided.
    pub(crate) code: Option<ExitStatus>,
}

/// Everybody in the end, and what each was sent, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) processes: BTreeMap<Pid, Seen>,
    pub(crate) signals: BTreeMap<Pid, Vec<Signal>>,
}
