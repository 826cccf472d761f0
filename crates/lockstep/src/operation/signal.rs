//! Calls that send a signal, and signals that arrive.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::{self, Pid};
use crate::syscalls::Name;
use crate::words;

/// A call that sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sending {
    /// The system call's name.
    pub(crate) name: Name,
    /// To whom.
    pub(crate) target: Target,
    /// Which; 0 only asks.
    pub(crate) signal: i32,
    /// What the caller says of the signal, if it says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<SentInfo>,
    /// The flags of `pidfd_send_signal`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) flags: u32,
}

/// What a caller's siginfo says of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SentInfo {
    /// `si_signo` and `si_code`.
    Says { signal: i32, code: i32 },
    /// Nothing: the address is bad.
    Unreadable,
}

impl SentInfo {
    /// Reads a caller's siginfo; `None` if the address is null.
    pub(super) fn read(tid: Pid, address: u64) -> Option<Self> {
        if address == 0 {
            return None;
        }
        // The structure begins with si_signo, si_errno, si_code.
        Some(match sys::read_memory::<12>(tid, address) {
            Some([a, b, c, d, _, _, _, _, e, f, g, h]) => Self::Says {
                signal: i32::from_ne_bytes([a, b, c, d]),
                code: i32::from_ne_bytes([e, f, g, h]),
            },
            None => Self::Unreadable,
        })
    }
}

fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

/// To whom a signal is sent, as the caller says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// A process, a group, or all: as kill(2) takes it.
    Process(i32),
    /// A thread, of whatever process.
    Thread(i32),
    /// A thread of a process.
    ThreadOf(i32, i32),
    /// What this descriptor stands for.
    Descriptor(i32),
}

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, target, signal, info, flags } = self;
        match target {
            Target::Process(number) | Target::Thread(number) => write!(f, "{name}({number}, ")?,
            Target::ThreadOf(process, thread) => write!(f, "{name}({process}, {thread}, ")?,
            Target::Descriptor(descriptor) => write!(f, "{name}(fd {descriptor}, ")?,
        }
        match *signal {
            0 => f.write_str("0")?,
            signal => f.write_str(&words::signal(signal))?,
        }
        match info {
            Some(SentInfo::Says { signal, code }) => {
                write!(f, ", {{{}, code {code}}}", words::signal(*signal))?;
            }
            Some(SentInfo::Unreadable) => f.write_str(", bad address")?,
            None => {}
        }
        if *flags != 0 {
            write!(f, ", flags {flags:#x}")?;
        }
        f.write_str(")")
    }
}

/// A signal that the kernel sends by itself, as the receiver's siginfo tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// Which.
    pub(crate) signal: i32,
    /// Why.
    pub(crate) news: Option<ChildNews>,
}

/// What SIGCHLD tells of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildNews {
    /// The child's number, as the receiver sees it.
    pub(crate) pid: u32,
    /// Its wait status word; of a stop that was undone, with no signal in it.
    pub(crate) status: i32,
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words::signal(self.signal))?;
        match self.news {
            Some(ChildNews { pid, status }) => write!(f, " of {pid}: {}", words::status(status)),
            None => f.write_str(" of the kernel"),
        }
    }
}
