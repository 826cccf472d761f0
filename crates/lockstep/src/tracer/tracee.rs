//! The bookkeeping of one followed thread and of one followed process.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::operation::{Arrival, Call, Fork, Wait};
use crate::procfs::Credentials;
use crate::sys::{self, Pid};

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
    /// The last signal that it was about to take.
    pub(super) last_signal: i32,
    /// Whom the pidfd of its call stood for when the call began.
    pub(super) target: Option<i32>,
    /// What it had when it entered a call that may change them.
    pub(super) credentials: Option<Credentials>,
    /// What was changed of the request of its fork, or of that which made it.
    pub(super) masked: Option<Masked>,
}

impl Tracee {
    pub(super) fn new(tgid: Pid) -> Self {
        Self {
            tgid,
            activity: Activity::Running,
            is_executing: false,
            stop_signal: None,
            last_signal: 0,
            target: None,
            credentials: None,
            masked: None,
        }
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
    /// It is installing a filter with a supervisor.
    BeingSupervised,
    /// It sleeps in a wait (or soon will).
    Waiting(Wait),
    /// Its call has returned; it is held at the exit of the call until the answer is judged.
    Answered(Answered),
    /// It is held before it takes a signal, until the model has sent that too.
    Taking { arrival: Arrival, signal: i32, since: Instant },
    /// It is held at its end, or beyond.
    Exiting,
}

/// A change of a fork's request: `CLONE_UNTRACED` would keep the child from being followed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Masked {
    /// Of the first argument, which was this.
    Argument(u64),
    /// Of the word at this address, which was this.
    Memory { address: u64, word: u64 },
}

impl Masked {
    /// Changes the request of a thread that is stopped before its fork; `None` if that cannot be done.
    pub(super) fn apply(tid: Pid, fork: &Fork) -> Option<Self> {
        let untraced = u64::from(libc::CLONE_UNTRACED.cast_unsigned());
        match fork.request {
            0 => {
                let flags = fork.flags | fork.exit_signal;
                sys::set_first_argument(tid, flags & !untraced).ok()?;
                Some(Self::Argument(flags))
            }
            address => {
                let word = fork.flags;
                sys::write_memory(tid, address, word & !untraced).ok()?;
                Some(Self::Memory { address, word })
            }
        }
    }

    /// Gives a stopped thread back what it had asked for.
    pub(super) fn undo(self, tid: Pid) {
        let _ = match self {
            Self::Argument(value) => sys::set_first_argument(tid, value),
            Self::Memory { address, word } => sys::write_memory(tid, address, word),
        };
    }
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
    /// It has had a second thread.
    pub(super) has_had_threads: bool,
}

impl Traced {
    pub(super) fn new(leader: Pid, is_init: bool) -> Self {
        Self {
            threads: BTreeSet::from([leader]),
            stop: GroupStop::None,
            is_init,
            has_had_threads: false,
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
