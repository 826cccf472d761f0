//! The bookkeeping of one followed thread and of one followed process.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::operation::{Arrival, Call, Fork, Wait};
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
    Waiting(Wait),
    /// Its call has returned; it is held at the exit of the call until the answer is judged.
    Answered(Answered),
    /// It is held before it takes a signal, until the model has sent that too.
    Taking { arrival: Arrival, signal: i32, since: Instant },
    /// It is held at its end, or beyond.
    Exiting,
}

/// A call that has returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The call.
    pub(super) call: Call,
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
    /// It is the init of a PID namespace inside lockstep's.
    pub(super) is_init: bool,
}

impl Traced {
    pub(super) fn new(leader: Pid, is_init: bool) -> Self {
        Self { threads: BTreeSet::from([leader]), stop: GroupStop::None, is_init }
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
