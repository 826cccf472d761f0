//! Names in arguments become numbers.

use std::cell::RefCell;

use super::files::{PidfdCall, TerminalCall};
use super::operation::{Number, Operation};

/// A number that nobody has.
const NOBODY: i32 = 99_999;

impl Operation {
    /// The same operation with plain numbers. `number` says which one an actor has; `None`: the caller does not see it.
    pub(crate) fn resolve(&self, number: impl Fn(&str) -> Option<i32>) -> Self {
        self.map_numbers(|argument| match argument {
            Number::Plain(number) => *number,
            Number::Of(name) => number(name).unwrap_or(NOBODY),
            Number::GroupOf(name) => -number(name).unwrap_or(NOBODY),
        })
    }

    /// The numbers among its arguments.
    pub(crate) fn numbers(&self) -> Vec<Number> {
        let found = RefCell::new(Vec::new());
        self.map_numbers(|number| {
            found.borrow_mut().push(number.clone());
            0
        });
        found.into_inner()
    }

    /// The same operation with other numbers.
    pub(crate) fn map_numbers(&self, number: impl Fn(&Number) -> i32) -> Self {
        let plain = |argument: &Number| Number::Plain(number(argument));
        match self {
            Self::Wait4 { who, options } => Self::Wait4 { who: plain(who), options: *options },
            Self::WaitId { kind, id, options } => {
                Self::WaitId { kind: *kind, id: plain(id), options: *options }
            }
            Self::Getpgid(who) => Self::Getpgid(plain(who)),
            Self::Getsid(who) => Self::Getsid(plain(who)),
            Self::Setpgid(who, group) => Self::Setpgid(plain(who), plain(group)),
            Self::Kill(who, signal) => Self::Kill(plain(who), *signal),
            Self::Tkill(who, signal) => Self::Tkill(plain(who), *signal),
            Self::Tgkill(process, who, signal) => Self::Tgkill(plain(process), plain(who), *signal),
            Self::Sigqueue(who, signal, given) => Self::Sigqueue(plain(who), *signal, *given),
            Self::Tgsigqueue(process, who, signal, given) => {
                Self::Tgsigqueue(plain(process), plain(who), *signal, *given)
            }
            Self::Terminal(name, TerminalCall::SetForeground(side, group)) => {
                Self::Terminal(name.clone(), TerminalCall::SetForeground(*side, plain(group)))
            }
            Self::Pidfd(name, PidfdCall::Open(who, flags)) => {
                Self::Pidfd(name.clone(), PidfdCall::Open(plain(who), *flags))
            }
            Self::Trace(call) => Self::Trace(call.map_number(plain)),
            Self::Notice(notice) => Self::Notice(notice.map_number(plain)),
            other => other.clone(),
        }
    }
}
