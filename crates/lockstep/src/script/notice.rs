//! What makes the kernel itself send a signal: timers, files with an owner, pipes that nobody reads.

use std::fmt;

use super::operation::Number;
use super::text::{Words, number_in_words};

/// Something of which the kernel tells by a signal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// A timer of timer_create(2) that expires at once: for the process, or for one thread of it.
    Timer(i32, Option<Number>),
    /// A file with this owner and this signal of `F_SETSIG`, 0 for the usual one, becomes readable.
    File(Owner, Number, i32),
    /// A write to a pipe that nobody reads.
    BrokenPipe,
}

/// Whom the number of `F_SETOWN_EX` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// `F_OWNER_TID`.
    Thread,
    /// `F_OWNER_PID`.
    Process,
    /// `F_OWNER_PGRP`.
    Group,
}

const OWNERS: &[(&str, Owner)] =
    &[("thread", Owner::Thread), ("process", Owner::Process), ("group", Owner::Group)];

impl Notice {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::Timer(..) => "timer",
            Self::File(..) => "owned-file",
            Self::BrokenPipe => "broken-pipe",
        }
    }

    /// The signal.
    pub(crate) const fn signal(&self) -> i32 {
        match self {
            Self::File(_, _, 0) => libc::SIGIO,
            Self::Timer(signal, _) | Self::File(_, _, signal) => *signal,
            Self::BrokenPipe => libc::SIGPIPE,
        }
    }

    /// Whom it names; `None`: the caller, or its process.
    pub(crate) const fn target(&self) -> Option<&Number> {
        match self {
            Self::Timer(_, thread) => thread.as_ref(),
            Self::File(_, who, _) => Some(who),
            Self::BrokenPipe => None,
        }
    }

    /// The same about somebody else.
    pub(super) fn map_number(&self, number: impl Fn(&Number) -> Number) -> Self {
        match self {
            Self::Timer(signal, thread) => Self::Timer(*signal, thread.as_ref().map(number)),
            Self::File(owner, who, signal) => Self::File(*owner, number(who), *signal),
            Self::BrokenPipe => Self::BrokenPipe,
        }
    }

    /// Reads what follows the verb; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "timer" => Self::Timer(words.signal()?, words.number_or_none()?),
            "owned-file" => Self::File(
                words.one_of(OWNERS, "`thread`, `process` or `group`")?,
                words.number()?,
                words.signal_or_none()?,
            ),
            "broken-pipe" => Self::BrokenPipe,
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timer(signal, None) => write!(f, " {}", number_in_words(*signal)),
            Self::Timer(signal, Some(thread)) => {
                write!(f, " {} {thread}", number_in_words(*signal))
            }
            Self::File(owner, who, signal) => {
                let owner = super::operation::name_of(OWNERS, *owner).unwrap_or_default();
                write!(f, " {owner} {who}")?;
                if *signal == 0 { Ok(()) } else { write!(f, " {}", number_in_words(*signal)) }
            }
            Self::BrokenPipe => Ok(()),
        }
    }
}
