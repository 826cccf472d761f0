//! What Linux has done, one thing after the other: all that the model is driven by and compared with.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::Numbers;
use crate::operation::{Alteration, Arrival, Call, Device, Fork, Wait, WaitResult};
use crate::procfs::{self, Stat};
use crate::sys::{self, Pid};
use crate::syscalls::Name;

/// One thing that Linux has done. Numbers of threads and processes are those that lockstep sees; in calls, they are the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fact {
    /// A thread has made a process or a thread; what it blocks itself, if it could tell.
    Born {
        parent: Pid,
        fork: Fork,
        numbers: Numbers,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked: Option<u64>,
    },
    /// A process is there whose maker is gone.
    Found { child: Pid, forker: Pid },
    /// A fork has returned the child's number.
    Forked { tid: Pid, fork: Fork, child: Pid, result: i64 },
    /// A call has returned, and has written `word`.
    Returned {
        tid: Pid,
        call: Call,
        result: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        word: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<i32>,
    },
    /// A wait begins that may sleep; for a pidfd, `target` is whom it stands for.
    Slept {
        tid: Pid,
        wait: Wait,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<i32>,
    },
    /// A wait was interrupted, to be called again or not.
    Interrupted { tid: Pid },
    /// A wait has returned.
    Waited {
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<i32>,
    },
    /// A sleeper who should have been woken was waited for too long.
    Overdue { tid: Pid },
    /// A thread was killed in the middle of a call.
    Cut {
        tid: Pid,
        call: Call,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<i32>,
    },
    /// A thread takes a signal that the kernel sent by itself.
    Arrived { tid: Pid, arrival: Arrival },
    /// A process has stopped.
    Stopped {
        pid: Pid,
        signal: i32,
        /// Its parent was in exec, and may have been another program by then, or not.
        #[serde(default, skip_serializing_if = "is_false")]
        is_parent_executing: bool,
    },
    /// SIGCONT has resumed a process.
    Continued {
        pid: Pid,
        /// As above.
        #[serde(default, skip_serializing_if = "is_false")]
        is_parent_executing: bool,
    },
    /// SIGCONT has resumed a process that was about to stop, by this signal.
    StopUndone {
        pid: Pid,
        #[serde(default = "stop")]
        signal: i32,
    },
    /// The end of a whole process is decided.
    Doomed { pid: Pid, status: i32 },
    /// A thread that had the number `former` has executed a program.
    Executed {
        pid: Pid,
        former: Pid,
        command: String,
        /// Its credentials have changed by that.
        #[serde(default, skip_serializing_if = "is_false")]
        is_privileged: bool,
    },
    /// A thread has ended, others of its process live.
    Left { tid: Pid, status: i32 },
    /// The last thread of an init begins to end, and with it its namespace.
    Closing { tid: Pid, status: i32 },
    /// A process has ended with its last thread, which had the status `own`.
    Ended {
        tid: Pid,
        own: i32,
        status: i32,
        #[serde(default, skip_serializing_if = "is_false")]
        is_late: bool,
        /// Its parent was in exec, and may have been another program by then, or not.
        #[serde(default, skip_serializing_if = "is_false")]
        is_parent_executing: bool,
    },
    /// A death was collected that nobody waited for.
    Stray { tid: Pid },
    /// The process of a thread is seen to have a terminal, or none.
    HasTerminal { tid: Pid, device: Device },
    /// A terminal has hung up.
    HungUp { device: Device },
    /// A thread has made a call of another architecture.
    Foreign { tid: Pid },
    /// A thread lives under a seccomp filter of its own that lets another process answer for the kernel.
    Supervised { tid: Pid },
    /// Something is not as it would be if nobody followed.
    Altered { tid: Pid, how: Alteration },
    /// The credentials of a thread have changed.
    Credentials { tid: Pid },
    /// A call that the model does not know.
    Unmodelled { name: Name },
    /// A call took so long that others went on.
    Slow,
    /// Of some who are gone nobody has told how they ended.
    Untold,
    /// lockstep was told to end the program.
    Told { signal: i32 },
    /// So many seconds had passed, and lockstep has ended the program.
    TimedOut { seconds: f64 },
    /// All have ended.
    Finished,
}

impl Fact {
    /// Whom it is about; 0 for nobody.
    pub(super) fn concerned(&self) -> [Pid; 3] {
        let numbers = |call: &Call| call.numbers().map(|number| number.unsigned_abs());
        match self {
            Self::Born { parent, numbers, .. } => {
                [*parent, numbers.all.first().copied().unwrap_or(0), 0]
            }
            Self::Found { child, forker } => [*child, *forker, 0],
            Self::Forked { tid, child, .. } => [*tid, *child, 0],
            Self::Returned { tid, call, target, .. } | Self::Cut { tid, call, target } => {
                let [first, second] = numbers(call);
                [*tid, target.map_or(first, i32::unsigned_abs), second]
            }
            Self::Waited { tid, said, wait, .. } => {
                let [first, _] = Call::Wait(*wait).numbers();
                [*tid, said.child().unwrap_or(0), first.unsigned_abs()]
            }
            Self::Arrived { tid, arrival } => [*tid, arrival.news.map_or(0, |news| news.pid), 0],
            Self::Stopped { pid, .. }
            | Self::Continued { pid, .. }
            | Self::StopUndone { pid, .. }
            | Self::Doomed { pid, .. } => [*pid, 0, 0],
            Self::Executed { pid, former, .. } => [*pid, *former, 0],
            Self::Slept { tid, .. }
            | Self::Interrupted { tid }
            | Self::Overdue { tid }
            | Self::Left { tid, .. }
            | Self::Closing { tid, .. }
            | Self::Ended { tid, .. }
            | Self::Stray { tid }
            | Self::Foreign { tid }
            | Self::Supervised { tid }
            | Self::HasTerminal { tid, .. }
            | Self::Altered { tid, .. }
            | Self::Credentials { tid } => [*tid, 0, 0],
            Self::HungUp { .. }
            | Self::Unmodelled { .. }
            | Self::Slow
            | Self::Untold
            | Self::Told { .. }
            | Self::TimedOut { .. }
            | Self::Finished => [0; 3],
        }
    }
}

/// The signal of a stop in older recordings, which do not tell it.
const fn stop() -> i32 {
    libc::SIGSTOP
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What was seen of Linux while a fact was judged.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sights {
    /// Processes, as `/proc` shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stats: Vec<(Pid, Option<Stat>)>,
    /// Deaths that lockstep could collect, or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deaths: Vec<(Pid, bool)>,
}

/// Who looks at Linux.
#[derive(Debug)]
pub(crate) enum View {
    /// lockstep itself, now; what it sees is kept.
    Live(Sights),
    /// It was seen when the run was recorded.
    Past(Sights),
}

impl View {
    /// What `/proc` shows of a process; `None` if it is gone.
    pub(super) fn stat(&mut self, pid: Pid) -> Option<Stat> {
        match self {
            Self::Live(sights) => {
                let stat = procfs::stat(pid);
                sights.stats.push((pid, stat));
                stat
            }
            Self::Past(sights) => take(&mut sights.stats, pid)?,
        }
    }

    /// The same of one that should be gone: Linux releases the dead children of a process a moment after that itself is a zombie.
    pub(super) fn lasting_stat(&mut self, pid: Pid) -> Option<Stat> {
        /// So long is waited at most.
        const MOMENT: Duration = Duration::from_secs(1);
        if let Self::Live(_) = self {
            let deadline = Instant::now() + MOMENT;
            while procfs::stat(pid).is_some() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        self.stat(pid)
    }

    /// Collects the death of a process. False if it has not died, or is not lockstep's to collect.
    pub(super) fn collect_death(&mut self, pid: Pid) -> bool {
        match self {
            Self::Live(sights) => {
                let is_collected = sys::collect_death(pid).is_some();
                sights.deaths.push((pid, is_collected));
                is_collected
            }
            Self::Past(sights) => take(&mut sights.deaths, pid).unwrap_or(false),
        }
    }

    /// What was seen since the last fact.
    pub(super) fn take_sights(&mut self) -> Sights {
        let (Self::Live(sights) | Self::Past(sights)) = self;
        std::mem::take(sights)
    }

    pub(super) const fn is_past(&self) -> bool {
        matches!(self, Self::Past(_))
    }
}

/// The first entry of a process, which is then used up.
fn take<T>(entries: &mut Vec<(Pid, T)>, pid: Pid) -> Option<T> {
    let position = entries.iter().position(|(of, _)| *of == pid)?;
    Some(entries.remove(position).1)
}
