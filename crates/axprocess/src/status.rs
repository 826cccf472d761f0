//! How processes end, and the status word that `wait` reports.

use crate::{Signal, TraceStop};

/// How a thread or a process ends.
///
/// Guarantees that only what Linux can express is in it: an exit code of one byte, or a signal with or without a core.
///
/// ```
/// use axprocess::{ExitStatus, Signal};
/// assert_eq!(ExitStatus::exited(256 + 3).to_raw(), 3 << 8);
/// assert_eq!(ExitStatus::dumped(Signal::SIGSEGV).to_raw(), 11 | 0x80);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExitStatus(u16);

const CORE: u16 = 0x80;

impl ExitStatus {
    /// The status of `exit(code)`; as Linux does, keeps the low byte (R-EXIT-01).
    pub const fn exited(code: i32) -> Self {
        Self(((code & 0xff) as u16) << 8)
    }

    /// The status of one killed by `signal`.
    pub const fn killed(signal: Signal) -> Self {
        Self(signal.number() as u16)
    }

    /// The status of one killed by `signal` with a core written (R-EXIT-11).
    pub const fn dumped(signal: Signal) -> Self {
        Self(signal.number() as u16 | CORE)
    }

    /// Reads Linux's exit word; `None` if it is none (a stop, a number of no signal, high bits).
    pub const fn from_raw(raw: i32) -> Option<Self> {
        match WaitStatus::from_raw(raw) {
            Some(WaitStatus::Exited(_) | WaitStatus::Signaled { .. }) => Some(Self(raw as u16)),
            _ => None,
        }
    }

    pub(crate) const fn from_word(word: u32) -> Self {
        Self(word as u16)
    }

    /// Returns Linux's exit word: `code << 8`, or the signal's number with 0x80 if a core was written.
    pub const fn to_raw(self) -> i32 {
        self.0 as i32
    }
}

/// What `wait` reports of a child.
///
/// Source: wait(2), R-WAIT-16.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WaitStatus {
    /// It ended by itself, with this code.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The signal.
        signal: Signal,
        /// Whether a core was written.
        core_dumped: bool,
    },
    /// A signal stopped it.
    Stopped(Signal),
    /// `SIGCONT` resumed it.
    Continued,
    /// It stopped for its tracer, who asks.
    Trapped(TraceStop),
}

impl WaitStatus {
    /// Returns the status word as `wait4` stores it.
    pub const fn to_raw(self) -> i32 {
        match self {
            Self::Exited(code) => (code as i32) << 8,
            Self::Signaled { signal, core_dumped } => {
                signal.number() as i32 | if core_dumped { CORE as i32 } else { 0 }
            }
            Self::Stopped(signal) => (signal.number() as i32) << 8 | 0x7f,
            Self::Continued => 0xffff,
            Self::Trapped(stop) => (stop.code() as i32) << 8 | 0x7f,
        }
    }

    /// Returns what waitid(2) stores as `si_code` and `si_status`. R-WAIT-17.
    ///
    /// ```
    /// use axprocess::{ChildCode, Signal, WaitStatus};
    /// assert_eq!(WaitStatus::Exited(7).si_code_and_status(), ChildCode { code: 1, status: 7 });
    /// assert_eq!(WaitStatus::Continued.si_code_and_status(), ChildCode { code: 6, status: 18 });
    /// ```
    pub const fn si_code_and_status(self) -> ChildCode {
        let (code, status) = match self {
            Self::Exited(code) => (ChildCode::EXITED, code as i32),
            Self::Signaled { signal, core_dumped: false } => {
                (ChildCode::KILLED, signal.number() as i32)
            }
            Self::Signaled { signal, core_dumped: true } => {
                (ChildCode::DUMPED, signal.number() as i32)
            }
            Self::Stopped(signal) => (ChildCode::STOPPED, signal.number() as i32),
            Self::Trapped(stop) => return ChildCode::trapped(stop.code()),
            Self::Continued => (ChildCode::CONTINUED, Signal::SIGCONT.number() as i32),
        };
        ChildCode { code, status }
    }

    /// Reads a status word; `None` if Linux would not write it. A stop for a tracer because of a mere signal reads as any stop by that signal.
    ///
    /// ```
    /// use axprocess::{Signal, WaitStatus};
    /// assert_eq!(WaitStatus::from_raw(0x137f), Some(WaitStatus::Stopped(Signal::SIGSTOP)));
    /// assert_eq!(WaitStatus::from_raw(0xffff), Some(WaitStatus::Continued));
    /// assert_eq!(WaitStatus::from_raw(0x10000), None);
    /// ```
    pub const fn from_raw(raw: i32) -> Option<Self> {
        if raw == 0xffff {
            return Some(Self::Continued);
        }
        if raw & 0xff == 0x7f && raw & 0xff_8000 != 0 && raw >> 24 == 0 {
            return match TraceStop::new((raw >> 8) as u16) {
                Some(stop) => Some(Self::Trapped(stop)),
                None => None,
            };
        }
        if raw & !0xffff != 0 {
            return None;
        }
        let (high, low) = ((raw >> 8) as u8, raw as u8);
        match (low, Signal::new(low & !(CORE as u8)), Signal::new(high)) {
            (0, _, _) => Some(Self::Exited(high)),
            (0x7f, _, Some(signal)) => Some(Self::Stopped(signal)),
            (_, Some(signal), _) if high == 0 => {
                Some(Self::Signaled { signal, core_dumped: low & CORE as u8 != 0 })
            }
            _ => None,
        }
    }
}

/// The members `si_code` and `si_status` of a `siginfo_t` about a child.
///
/// Source: sigaction(2), R-WAIT-17, R-NOTIFY-02, R-NOTIFY-11.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChildCode {
    /// `si_code`: `CLD_EXITED` and its like.
    pub code: i32,
    /// `si_status`: an exit code or the number of a signal.
    pub status: i32,
}

impl ChildCode {
    const EXITED: i32 = 1;
    const KILLED: i32 = 2;
    const DUMPED: i32 = 3;
    const TRAPPED: i32 = 4;
    const STOPPED: i32 = 5;
    const CONTINUED: i32 = 6;

    pub(crate) const fn trapped(code: u16) -> Self {
        Self { code: Self::TRAPPED, status: code as i32 }
    }

    /// Of a stop that was undone before it was complete: no signal is named.
    pub(crate) const STOP_UNDONE: Self = Self { code: Self::STOPPED, status: 0 };
}

impl From<ExitStatus> for WaitStatus {
    #[inline]
    fn from(status: ExitStatus) -> Self {
        match status.0 as u8 {
            0 => Self::Exited((status.0 >> 8) as u8),
            _ => Self::of_signaled(status),
        }
    }
}

impl WaitStatus {
    #[cold]
    fn of_signaled(status: ExitStatus) -> Self {
        match Signal::new(status.0 as u8 & !(CORE as u8)) {
            Some(signal) => Self::Signaled { signal, core_dumped: status.0 & CORE != 0 },
            None => Self::Exited((status.0 >> 8) as u8),
        }
    }
}
