//! What an actor of a script can do with ptrace(2): trace another one, and be traced.
//!
//! The name of an actor in it is a thread: the one that is traced, or is to be.

use std::fmt;

use super::operation::Number;
use super::text::{Options, Words, number_in_words};

/// A request of ptrace(2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TraceCall {
    /// `PTRACE_TRACEME`.
    Me,
    /// `PTRACE_ATTACH`.
    Attach(Number),
    /// `PTRACE_SEIZE`, with options.
    Seize(Number, i32),
    /// `PTRACE_SETOPTIONS`.
    SetOptions(Number, i32),
    /// `PTRACE_INTERRUPT`.
    Interrupt(Number),
    /// `PTRACE_CONT`, with a signal, or 0.
    Continue(Number, i32),
    /// `PTRACE_LISTEN`.
    Listen(Number),
    /// `PTRACE_DETACH`, with a signal, or 0.
    Detach(Number, i32),
}

/// The names of the options of ptrace(2).
pub(crate) const TRACE_OPTIONS: &[(&str, i32)] = &[
    ("fork", libc::PTRACE_O_TRACEFORK),
    ("vfork", libc::PTRACE_O_TRACEVFORK),
    ("clone", libc::PTRACE_O_TRACECLONE),
    ("exec", libc::PTRACE_O_TRACEEXEC),
    ("vfork-done", libc::PTRACE_O_TRACEVFORKDONE),
    ("exit", libc::PTRACE_O_TRACEEXIT),
    ("exit-kill", libc::PTRACE_O_EXITKILL),
];

impl TraceCall {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::Me => "trace-me",
            Self::Attach(_) => "attach",
            Self::Seize(..) => "seize",
            Self::SetOptions(..) => "set-options",
            Self::Interrupt(_) => "interrupt",
            Self::Continue(..) => "cont",
            Self::Listen(_) => "listen",
            Self::Detach(..) => "detach",
        }
    }

    /// Whom it is about; `None`: the caller itself.
    pub(crate) const fn target(&self) -> Option<&Number> {
        match self {
            Self::Me => None,
            Self::Attach(who)
            | Self::Seize(who, _)
            | Self::SetOptions(who, _)
            | Self::Interrupt(who)
            | Self::Continue(who, _)
            | Self::Listen(who)
            | Self::Detach(who, _) => Some(who),
        }
    }

    /// The same request about somebody else.
    pub(super) fn map_number(&self, number: impl Fn(&Number) -> Number) -> Self {
        match self {
            Self::Me => Self::Me,
            Self::Attach(who) => Self::Attach(number(who)),
            Self::Seize(who, options) => Self::Seize(number(who), *options),
            Self::SetOptions(who, options) => Self::SetOptions(number(who), *options),
            Self::Interrupt(who) => Self::Interrupt(number(who)),
            Self::Continue(who, signal) => Self::Continue(number(who), *signal),
            Self::Listen(who) => Self::Listen(number(who)),
            Self::Detach(who, signal) => Self::Detach(number(who), *signal),
        }
    }

    /// Reads what follows the verb; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "trace-me" => Self::Me,
            "attach" => Self::Attach(words.number()?),
            "seize" => Self::Seize(words.number()?, words.flags(TRACE_OPTIONS)?),
            "set-options" => Self::SetOptions(words.number()?, words.flags(TRACE_OPTIONS)?),
            "interrupt" => Self::Interrupt(words.number()?),
            "cont" => Self::Continue(words.number()?, words.signal_or_none()?),
            "listen" => Self::Listen(words.number()?),
            "detach" => Self::Detach(words.number()?, words.signal_or_none()?),
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for TraceCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Me => Ok(()),
            Self::Attach(who) | Self::Interrupt(who) | Self::Listen(who) => write!(f, " {who}"),
            Self::Seize(who, options) | Self::SetOptions(who, options) => {
                write!(f, " {who}{}", Options(*options, TRACE_OPTIONS))
            }
            Self::Continue(who, 0) | Self::Detach(who, 0) => write!(f, " {who}"),
            Self::Continue(who, signal) | Self::Detach(who, signal) => {
                write!(f, " {who} {}", number_in_words(*signal))
            }
        }
    }
}
