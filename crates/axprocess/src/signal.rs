//! Signal numbers, and what a signal says that the process model itself posts.

use core::fmt;
use core::num::NonZeroU8;

use crate::{Pid, WaitStatus};

/// The number of a signal, 1 to 64.
///
/// Source: signal(7), the numbers of x86-64, Arm and RISC-V.
///
/// ```
/// use axprocess::Signal;
/// assert_eq!(Signal::new(17), Some(Signal::SIGCHLD));
/// assert_eq!(Signal::new(0), None);
/// assert_eq!(Signal::new(65), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(NonZeroU8);

impl Signal {
    /// Returns the signal of that number, or `None` if it is not in 1 to 64.
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) if number.get() <= 64 => Some(Self(number)),
            _ => None,
        }
    }

    /// Returns the number.
    pub const fn number(self) -> u8 {
        self.0.get()
    }
}

macro_rules! named_signals {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl Signal {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self(NonZeroU8::new($number).unwrap());
            )*

            const fn name(self) -> Option<&'static str> {
                match self.number() {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

named_signals! {
    SIGHUP = 1, "The terminal hung up, or the group was orphaned while stopped.";
    SIGINT = 2, "Interrupt from the keyboard.";
    SIGQUIT = 3, "Quit from the keyboard.";
    SIGABRT = 6, "Abort.";
    SIGKILL = 9, "Kill; cannot be caught.";
    SIGUSR1 = 10, "The program's own, first.";
    SIGSEGV = 11, "Invalid memory access.";
    SIGUSR2 = 12, "The program's own, second.";
    SIGTERM = 15, "Terminate.";
    SIGCHLD = 17, "A child ended, stopped or continued.";
    SIGCONT = 18, "Continue if stopped.";
    SIGSTOP = 19, "Stop; cannot be caught.";
    SIGTSTP = 20, "Stop typed at the terminal.";
    SIGTTIN = 21, "A background process read from the terminal.";
    SIGTTOU = 22, "A background process wrote to the terminal.";
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A signal that the process model posts, with what its `siginfo_t` says.
///
/// Source: sigaction(2), R-NOTIFY-02, R-NOTIFY-11.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalInfo {
    /// The signal to post to the process as a whole.
    pub signal: Signal,
    /// Why it is posted.
    pub cause: SignalCause,
}

/// Why the process model posts a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SignalCause {
    /// A child ended, stopped or continued: `si_code` `CLD_*`, with `si_pid`, and `si_status` from the status.
    Child {
        /// The child's number, as the receiver sees it.
        pid: Pid,
        /// What became of it.
        status: WaitStatus,
    },
    /// The kernel itself, for a terminal or an orphaned group: `si_code` `SI_KERNEL`, no sender, no permission asked.
    Kernel,
}
