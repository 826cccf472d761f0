//! Calls that send a signal, and signals that arrive.

use std::fmt;

use serde::{Deserialize, Serialize};

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
        let Self { name, target, signal } = self;
        let signal = match *signal {
            0 => "0".to_owned(),
            signal => words::signal(signal),
        };
        match target {
            Target::Process(number) | Target::Thread(number) => {
                write!(f, "{name}({number}, {signal})")
            }
            Target::ThreadOf(process, thread) => write!(f, "{name}({process}, {thread}, {signal})"),
            Target::Descriptor(descriptor) => write!(f, "{name}(fd {descriptor}, {signal})"),
        }
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
