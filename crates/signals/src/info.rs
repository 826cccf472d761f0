//! What a signal says.

use axprocess::{Signal, SignalCause, SignalInfo};

/// A signal with what its `siginfo_t` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SigInfo {
    /// The signal, and why it was sent.
    pub info: SignalInfo,
    /// `si_uid`, as the receiver sees it: of who has sent it, of the child that has news, or what the sender has [given](SignalCause::Given).
    pub uid: u32,
    /// `si_overrun`: how often a timer of timer_create(2) has expired again while this waited; else 0. R-SIG-26.
    pub overrun: i32,
}

pub(crate) const SI_USER: i32 = 0;
pub(crate) const SI_KERNEL: i32 = 0x80;
pub(crate) const SI_TIMER: i32 = -2;
const SI_TKILL: i32 = -6;

impl SigInfo {
    /// What stands where nothing is.
    pub(crate) const NONE: Self = Self::without_info(Signal::SIGKILL);

    /// A signal whose siginfo was lost, or never there: as `kill` by process 0, user 0. Linux: the end of `collect_signal`. R-SIG-23.
    pub(crate) const fn without_info(signal: Signal) -> Self {
        let cause = SignalCause::User { pid: 0 };
        Self { info: SignalInfo { signal, cause }, uid: 0, overrun: 0 }
    }

    /// Returns the signal.
    pub const fn signal(&self) -> Signal {
        self.info.signal
    }

    /// Returns `si_code`.
    ///
    /// ```
    /// use axprocess::{Signal, SignalCause, SignalInfo};
    /// use axprocess_signals::SigInfo;
    /// let info = SignalInfo { signal: Signal::SIGTERM, cause: SignalCause::Thread { pid: 7 } };
    /// assert_eq!(SigInfo { info, uid: 0, overrun: 0 }.code(), -6); // SI_TKILL
    /// ```
    pub const fn code(&self) -> i32 {
        match self.info.cause {
            SignalCause::User { .. } | SignalCause::ParentDeath { .. } => SI_USER,
            SignalCause::Thread { .. } => SI_TKILL,
            SignalCause::Event { code, .. } | SignalCause::Given { code, .. } => code,
            cause => match cause.si_code_and_status() {
                Some(child) => child.code,
                None => SI_KERNEL,
            },
        }
    }

    /// Returns `si_pid`, 0 where the signal names nobody.
    pub const fn pid(&self) -> u32 {
        match self.info.cause {
            SignalCause::Child { pid, .. }
            | SignalCause::ChildStopUndone { pid }
            | SignalCause::User { pid }
            | SignalCause::ParentDeath { pid }
            | SignalCause::Thread { pid }
            | SignalCause::Event { pid, .. }
            | SignalCause::Given { pid, .. } => pid,
            _ => 0,
        }
    }

    /// Returns `si_status` of a signal about a child, else 0.
    pub const fn status(&self) -> i32 {
        match self.info.cause.si_code_and_status() {
            Some(child) => child.status,
            None => 0,
        }
    }

    /// Returns the word that the kernel has given with the signal: `si_value`, an address, events; else 0.
    pub const fn value(&self) -> u64 {
        match self.info.cause {
            SignalCause::Event { value, .. } | SignalCause::Given { value, .. } => value,
            _ => 0,
        }
    }

    /// Returns the number that the kernel has given with the signal: `si_timerid`, `si_fd`, `si_syscall`; else 0.
    pub const fn number(&self) -> i32 {
        match self.info.cause {
            SignalCause::Event { number, .. } => number,
            _ => 0,
        }
    }

    /// Whether a timer of timer_create(2) has sent it: that has a place of its own in the queue.
    pub(crate) const fn is_of_timer(&self) -> bool {
        matches!(self.info.cause, SignalCause::Event { code: SI_TIMER, .. })
    }

    /// What of a timer's signal says whose it is.
    pub(crate) const fn of_timer(signal: Signal, timer: i32) -> Self {
        let cause = SignalCause::Event { code: SI_TIMER, value: 0, number: timer, pid: 0 };
        Self { info: SignalInfo { signal, cause }, uid: 0, overrun: 0 }
    }

    /// Whether its code says so, whoever has sent it: then an exec discards it. R-SIG-88.
    pub(crate) const fn has_code_of_timer(&self) -> bool {
        self.code() == SI_TIMER
    }

    /// Whether it tells of something that the thread itself has done wrong just now: it is delivered before all others. Linux: `dequeue_synchronous_signal`.
    pub(crate) const fn is_fault(&self) -> bool {
        self.code() > SI_USER
    }

    /// Whether the sender is told where there is no place for the siginfo of a real-time signal: all but who says no more than kill(2) does, and a timer, which has one. R-SIG-22.
    pub(crate) const fn must_be_kept(info: &SignalInfo) -> bool {
        let says_more = match info.cause {
            SignalCause::User { .. } | SignalCause::ParentDeath { .. } | SignalCause::Kernel => {
                false
            }
            SignalCause::Given { code, .. } => code != 0,
            SignalCause::Event { code, .. } => code != 0 && code != SI_TIMER,
            _ => true,
        };
        !info.signal.is_standard() && says_more
    }
}
