//! What an actor of a script can do about signals that have been sent: its mask, its queues, sleeps until one comes, and files to read them from.

use std::fmt;

use super::operation::name_of;
use super::text::{Words, number_in_words, signal_of};

/// A set of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct SignalSet(pub(crate) u64);

/// A call about the caller's own signals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SignalCall {
    /// rt_sigprocmask.
    Mask(MaskChange, SignalSet),
    /// rt_sigprocmask that only asks.
    GetMask,
    /// rt_sigaction that only asks.
    GetAction(i32),
    /// rt_sigpending.
    Pending,
    /// rt_sigsuspend.
    Suspend(SignalSet),
    /// pause.
    Pause,
    /// rt_sigtimedwait.
    Wait(SignalSet, IfNone),
}

/// How the mask changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MaskChange {
    /// It becomes the set (`SIG_SETMASK`).
    Set,
    /// The set is added (`SIG_BLOCK`).
    Block,
    /// The set is taken out (`SIG_UNBLOCK`).
    Unblock,
}

/// What sigtimedwait does where none of the signals waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IfNone {
    /// It sleeps.
    Sleep,
    /// It fails (a time of 0).
    Fail,
}

/// What can be done with a signalfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SignalfdCall {
    /// signalfd4: makes it, or gives it another set.
    Watch(SignalSet),
    /// read, which does not wait.
    Read,
}

const CHANGES: &[(&str, MaskChange)] =
    &[("set", MaskChange::Set), ("block", MaskChange::Block), ("unblock", MaskChange::Unblock)];

impl SignalSet {
    /// The set of one signal; empty if it is none.
    pub(crate) fn of(signal: i32) -> Self {
        let bit = u32::try_from(signal - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
        Self(bit.unwrap_or(0))
    }

    /// Whether the signal is in it.
    pub(crate) fn contains(self, signal: i32) -> bool {
        self.0 & Self::of(signal).0 != 0
    }

    /// Reads signals with commas between them, `none` or `all`.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "none" => return Ok(Self(0)),
            "all" => return Ok(Self(u64::MAX)),
            _ => {}
        }
        word.split(',').try_fold(Self(0), |set, name| match signal_of(name)? {
            signal @ 1..=64 => Ok(Self(set.0 | Self::of(signal).0)),
            other => Err(format!("`{other}` is no signal")),
        })
    }
}

impl FromIterator<i32> for SignalSet {
    fn from_iter<T: IntoIterator<Item = i32>>(signals: T) -> Self {
        Self(signals.into_iter().fold(0, |set, signal| set | Self::of(signal).0))
    }
}

impl SignalCall {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::Mask(..) => "sigmask",
            Self::GetMask => "get-mask",
            Self::GetAction(_) => "get-action",
            Self::Pending => "sigpending",
            Self::Suspend(_) => "sigsuspend",
            Self::Pause => "pause",
            Self::Wait(..) => "sigtimedwait",
        }
    }

    /// Whether what the call returns is a set.
    pub(super) const fn returns_set(&self) -> bool {
        matches!(self, Self::GetMask | Self::Pending)
    }

    /// Reads what follows the verb; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "sigmask" => {
                Self::Mask(words.one_of(CHANGES, "`set`, `block` or `unblock`")?, words.set()?)
            }
            "get-mask" => Self::GetMask,
            "get-action" => Self::GetAction(words.signal()?),
            "sigpending" => Self::Pending,
            "sigsuspend" => Self::Suspend(words.set()?),
            "pause" => Self::Pause,
            "sigtimedwait" => {
                let set = words.set()?;
                Self::Wait(set, if words.take("now") { IfNone::Fail } else { IfNone::Sleep })
            }
            _ => return Ok(None),
        }))
    }
}

impl SignalfdCall {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Watch(_) => "signalfd",
            Self::Read => "read-signalfd",
        }
    }

    /// Reads what follows the verb and the name; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "signalfd" => Self::Watch(words.set()?),
            "read-signalfd" => Self::Read,
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self(0) {
            return f.write_str("none");
        }
        if *self == Self(u64::MAX) {
            return f.write_str("all");
        }
        let signals = (1..=64).filter(|signal| self.contains(*signal)).map(number_in_words);
        f.write_str(&signals.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for SignalCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(change, set) => {
                write!(f, " {} {set}", name_of(CHANGES, *change).unwrap_or_default())
            }
            Self::GetAction(signal) => write!(f, " {}", number_in_words(*signal)),
            Self::Suspend(set) | Self::Wait(set, IfNone::Sleep) => write!(f, " {set}"),
            Self::Wait(set, IfNone::Fail) => write!(f, " {set} now"),
            Self::GetMask | Self::Pending | Self::Pause => Ok(()),
        }
    }
}

impl fmt::Display for SignalfdCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(set) => write!(f, " {set}"),
            Self::Read => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets are told by the names of their signals, and read back.
    #[test]
    fn a_printed_set_is_read_back() {
        for text in ["none", "all", "USR1", "HUP,USR1,CHLD,RT0,RT32"] {
            assert_eq!(SignalSet::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(SignalSet::parse("2,34").unwrap(), SignalSet::from_iter([2, 34]));
        for wrong in ["", "dance", "USR1,", "0", "65"] {
            assert!(SignalSet::parse(wrong).is_err(), "{wrong}");
        }
        let kept = SignalSet::parse("USR1").unwrap();
        assert_eq!(kept, SignalSet::of(10));
    }
}
