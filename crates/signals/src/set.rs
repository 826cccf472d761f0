//! Sets of signals, as user space passes them.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};

use axprocess::{Errno, Signal};

/// A set of signals: `sigset_t` as the kernel has it, 64 bits.
///
/// ```
/// use axprocess::Signal;
/// use axprocess_signals::SignalSet;
/// let set = SignalSet::from(Signal::SIGINT).with(Signal::SIGTERM);
/// assert!(set.contains(Signal::SIGINT));
/// assert_eq!(set.bits(), 1 << 1 | 1 << 14);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(!0);
    /// `SIGKILL` and `SIGSTOP`, which nobody blocks, ignores or handles.
    pub const UNBLOCKABLE: Self = Self(of(Signal::SIGKILL) | of(Signal::SIGSTOP));
    /// The signals that stop a process.
    pub(crate) const STOPS: Self =
        Self(of(Signal::SIGSTOP) | of(Signal::SIGTSTP) | of(Signal::SIGTTIN) | of(Signal::SIGTTOU));
    /// Those that a fault brings about: they are delivered before all others. Linux: `SYNCHRONOUS_MASK`.
    pub(crate) const SYNCHRONOUS: Self = Self(
        of(Signal::SIGSEGV)
            | of(Signal::SIGBUS)
            | of(Signal::SIGILL)
            | of(Signal::SIGTRAP)
            | of(Signal::SIGFPE)
            | of(Signal::SIGSYS),
    );

    /// The size of a set in bytes, which calls are passed beside it.
    pub const SIZE: usize = 8;

    /// Takes the 64 bits of a set in user space: bit 0 is signal 1.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns whether the signal is in the set.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & of(signal) != 0
    }

    /// Returns whether there is none in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the set with this signal.
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | of(signal))
    }

    /// Returns the set without this signal.
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !of(signal))
    }

    /// What of a set can be blocked, or be taken by sigtimedwait(2) and signalfd(2): all but `SIGKILL` and `SIGSTOP`, of which they say nothing.
    pub(crate) const fn blockable(self) -> Self {
        Self(self.0 & !Self::UNBLOCKABLE.0)
    }

    /// Which of the set is delivered next: a fault's first, then the lowest number. Linux: `next_signal`. R-SIG-17.
    pub(crate) const fn next(self) -> Option<Signal> {
        let faults = self.0 & Self::SYNCHRONOUS.0;
        let from = if faults != 0 { faults } else { self.0 };
        if from == 0 { None } else { Signal::new(from.trailing_zeros() as u8 + 1) }
    }

    /// Checks the size that a call is passed.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it is another one.
    pub(crate) const fn check_size(size: usize) -> Result<(), Errno> {
        if size == Self::SIZE { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

const fn of(signal: Signal) -> u64 {
    1 << (signal.number() - 1)
}

impl From<Signal> for SignalSet {
    fn from(signal: Signal) -> Self {
        Self(of(signal))
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        signals.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl BitAnd for SignalSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for SignalSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for SignalSet {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = (1..=64).filter_map(Signal::new);
        f.debug_set().entries(all.filter(|signal| self.contains(*signal))).finish()
    }
}
