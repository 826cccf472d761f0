//! The bookkeeping of one followed thread and of one followed process.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::model::WaitAnswer;
use crate::operation::{Call, Fork, Wait};
use crate::sys::Pid;

/// A followed thread.
#[derive(Debug)]
pub(super) struct Tracee {
    /// The process that it belongs to.
    pub(super) tgid: Pid,
    /// What it is doing, as far as the comparison cares.
    pub(super) activity: Activity,
    /// It has entered execve and nothing has been heard of it since.
    pub(super) is_executing: bool,
    /// The signal of the group stop that it is in.
    pub(super) stop_signal: Option<i32>,
}

impl Tracee {
    pub(super) fn new(tgid: Pid) -> Self {
        Self { tgid, activity: Activity::Running, is_executing: false, stop_signal: None }
    }
}

/// What a followed thread is doing.
#[derive(Debug)]
pub(super) enum Activity {
    /// It runs, or is in a system call that is not about processes.
    Running,
    /// It is held at the entry of a call, until its turn comes.
    Queued,
    /// Its call is in flight.
    Calling(Call),
    /// Its fork is done; the number has still to be returned to it.
    Forking { fork: Fork, child: Pid },
    /// It sleeps in a wait (or soon will).
    Waiting(Waiting),
    /// Its call has returned; it is held at the exit of the call until the answer is judged.
    Answered(Answered),
    /// It is held at its end, or beyond.
    Exiting,
}

/// A wait that may sleep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// The request as the caller made it.
    pub(super) wait: Wait,
    /// The same with all that is relative to the caller resolved; `None` if that failed, then
    /// the answer is not compared.
    pub(super) resolved: Option<Wait>,
    /// The model has an answer: since when, and whether Linux must have woken the sleeper too.
    pub(super) due: Option<Due>,
    /// An answer that the model had and that later news have taken away: Linux may have given it
    /// before.
    pub(super) outdated: Option<WaitAnswer>,
}

impl Waiting {
    pub(super) const fn new(wait: Wait, resolved: Option<Wait>) -> Self {
        Self { wait, resolved, due: None, outdated: None }
    }
}

/// A sleeper for whom the model has an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// The answer.
    pub(super) answer: WaitAnswer,
    /// Since when.
    pub(super) since: Instant,
    /// Whether Linux wakes sleepers for what has happened (R-WAIT-09).
    pub(super) is_woken: bool,
}

/// A call that has returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The call.
    pub(super) call: Call,
    /// For a wait, the resolved request.
    pub(super) resolved: Option<Wait>,
    /// For a wait, the answer that the model had once.
    pub(super) outdated: Option<WaitAnswer>,
    /// Linux's result.
    pub(super) result: i64,
    /// Since when it is held.
    pub(super) since: Instant,
}

/// A followed process with at least one living thread.
#[derive(Debug)]
pub(super) struct Traced {
    /// Its living threads.
    pub(super) threads: BTreeSet<Pid>,
    /// Its group stop.
    pub(super) stop: GroupStop,
    /// Why its answers are not compared, if they are not.
    pub(super) exemption: Option<Exemption>,
    /// It has called unshare or setns: its children may be born elsewhere.
    pub(super) has_changed_namespace: bool,
}

impl Traced {
    pub(super) fn new(leader: Pid) -> Self {
        Self {
            threads: BTreeSet::from([leader]),
            stop: GroupStop::None,
            exemption: None,
            has_changed_namespace: false,
        }
    }
}

/// How far a group stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupStop {
    /// There is none.
    None,
    /// Some threads have stopped.
    Begun,
    /// All have.
    Complete,
}

/// Why the answers that a process gets are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exemption {
    /// It lives in another PID namespace. The model knows it as a child of its parent outside.
    NamespaceChild,
    /// It was born inside another PID namespace; the model does not know it.
    NamespaceInner,
    /// It has made system calls of another architecture; the model knows only how it ends.
    ForeignCalls,
}

impl Exemption {
    /// The reason, for the report.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NamespaceChild | Self::NamespaceInner => "the caller is in another PID namespace",
            Self::ForeignCalls => "the caller uses another architecture's system calls",
        }
    }
}
