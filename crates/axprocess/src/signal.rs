//! Signal numbers, and what a signal says that the process model itself posts.

use core::fmt;
use core::num::NonZeroU8;

use crate::{ChildCode, Errno, Pid, WaitStatus};

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
#[repr(transparent)] // so that a zero is the `None` of an option
pub struct Signal(NonZeroU8);

impl Signal {
    const FIRST_REAL_TIME: u8 = 32;

    /// Returns the signal of that number, or `None` if it is not in 1 to 64.
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) if number.get() <= 64 => Some(Self(number)),
            _ => None,
        }
    }

    /// Returns whether the signal's default action is to stop the process.
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::SIGSTOP | Self::SIGTSTP | Self::SIGTTIN | Self::SIGTTOU)
    }

    /// Whether it stops or continues a process: `SIGCONT`, or a [stop signal](Self::is_stop).
    pub(crate) const fn is_job_control(self) -> bool {
        matches!(self, Self::SIGCONT) || self.is_stop()
    }

    /// Returns whether it waits in a queue once at most; real-time signals wait as often as they were sent.
    pub const fn is_standard(self) -> bool {
        self.number() < Self::FIRST_REAL_TIME
    }

    /// Returns whether no process can block, handle or ignore the signal: `SIGKILL` and `SIGSTOP`.
    pub const fn is_unblockable(self) -> bool {
        matches!(self, Self::SIGKILL | Self::SIGSTOP)
    }

    /// Returns what the signal does to a process that neither handles nor ignores it.
    ///
    /// Source: signal(7), the numbers of x86-64, Arm and RISC-V.
    ///
    /// ```
    /// use axprocess::{DefaultAction, Signal};
    /// assert_eq!(Signal::SIGTERM.default_action(), DefaultAction::Terminate);
    /// assert_eq!(Signal::SIGCONT.default_action(), DefaultAction::Ignore, "beside ending a stop");
    /// ```
    pub const fn default_action(self) -> DefaultAction {
        match self.number() {
            // SIGCHLD, SIGCONT, SIGURG, SIGWINCH
            17 | 18 | 23 | 28 => DefaultAction::Ignore,
            19..=22 => DefaultAction::Stop,
            // SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS
            3..=8 | 11 | 24 | 25 | 31 => DefaultAction::Dump,
            _ => DefaultAction::Terminate,
        }
    }

    /// Reads the signal argument of kill(2) and its like, where 0 means none: only ask whether one could be sent.
    pub(crate) fn from_argument(argument: i32) -> Result<Option<Self>, Errno> {
        match u8::try_from(argument) {
            Ok(0) => Ok(None),
            Ok(number) => Self::new(number).map(Some).ok_or(Errno::EINVAL),
            Err(_) => Err(Errno::EINVAL),
        }
    }

    pub(crate) const fn to_nonzero(self) -> NonZeroU8 {
        self.0
    }

    /// Returns the number.
    pub const fn number(self) -> u8 {
        self.0.get()
    }
}

/// What a signal does to a process that neither handles nor ignores it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// It ends, as soon as the signal is sent (R-EXIT-10).
    Terminate,
    /// It ends when a thread takes the signal from its queue, and may leave a core (R-EXIT-11).
    Dump,
}

/// What a parent gets when a process ends: nothing, a signal, or a number above 64, which is no signal.
///
/// Such a number is stored and shown, and nothing is sent. Every process whose exit signal is not `SIGCHLD` is a clone child, for
/// which a plain wait does not wait. R-CLONE-20, R-NOTIFY-01, R-WAIT-06.
///
/// ```
/// use axprocess::{ExitSignal, Signal};
/// assert_eq!(ExitSignal::from(Signal::SIGCHLD), ExitSignal::default());
/// assert_eq!(ExitSignal::from_raw(200).signal(), None);
/// assert_eq!(ExitSignal::from_raw(200).raw(), 200);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExitSignal(u8);

impl ExitSignal {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `SIGCHLD`, as fork(2) asks for.
    pub const SIGCHLD: Self = Self(Signal::SIGCHLD.number());

    /// Takes the low byte of clone(2)'s flags.
    pub const fn from_raw(raw: u8) -> Self {
        Self(raw)
    }

    /// Returns the number, as `/proc/PID/stat` shows it.
    pub const fn raw(self) -> u8 {
        self.0
    }

    /// Returns the signal to send, if there is one.
    pub const fn signal(self) -> Option<Signal> {
        Signal::new(self.0)
    }
}

impl Default for ExitSignal {
    fn default() -> Self {
        Self::SIGCHLD
    }
}

impl From<Signal> for ExitSignal {
    fn from(signal: Signal) -> Self {
        Self(signal.number())
    }
}

impl From<Option<Signal>> for ExitSignal {
    fn from(signal: Option<Signal>) -> Self {
        signal.map_or(Self::NONE, Self::from)
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
    SIGILL = 4, "Illegal instruction.";
    SIGTRAP = 5, "Breakpoint, or another trap.";
    SIGABRT = 6, "Abort.";
    SIGBUS = 7, "Memory that is mapped, and not there.";
    SIGFPE = 8, "Arithmetic that has no result.";
    SIGKILL = 9, "Kill; cannot be caught.";
    SIGUSR1 = 10, "The program's own, first.";
    SIGSEGV = 11, "Invalid memory access.";
    SIGUSR2 = 12, "The program's own, second.";
    SIGPIPE = 13, "A write to a pipe that nobody reads.";
    SIGALRM = 14, "The real-time interval timer has expired.";
    SIGTERM = 15, "Terminate.";
    SIGSTKFLT = 16, "Not sent by Linux.";
    SIGCHLD = 17, "A child ended, stopped or continued.";
    SIGCONT = 18, "Continue if stopped.";
    SIGSTOP = 19, "Stop; cannot be caught.";
    SIGTSTP = 20, "Stop typed at the terminal.";
    SIGTTIN = 21, "A background process read from the terminal.";
    SIGTTOU = 22, "A background process wrote to the terminal.";
    SIGURG = 23, "Urgent data on a socket.";
    SIGXCPU = 24, "The limit of CPU time is reached.";
    SIGXFSZ = 25, "The limit of a file's size is reached.";
    SIGVTALRM = 26, "The interval timer of user time has expired.";
    SIGPROF = 27, "The interval timer of CPU time has expired.";
    SIGWINCH = 28, "The terminal's window has another size.";
    SIGIO = 29, "A file is ready.";
    SIGPWR = 30, "The power fails.";
    SIGSYS = 31, "A system call that a filter refuses.";
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            // Libraries keep the first for themselves, and do not agree on how many: numbered as by strace(1).
            None => write!(f, "SIGRT_{}", self.number() - Self::FIRST_REAL_TIME),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A signal that the process model posts, to a process as a whole or to one thread, with what its `siginfo_t` says.
///
/// Source: sigaction(2), R-NOTIFY-02, R-NOTIFY-11, R-KILL-07.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalInfo {
    /// The signal to post.
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
    /// A child was continued before all its threads had stopped: `CLD_STOPPED` with `si_status` 0. R-STOP-06.
    ChildStopUndone {
        /// The child's number, as the receiver sees it.
        pid: Pid,
    },
    /// The kernel itself: `SI_KERNEL`, without a sender. R-ORPHAN-06.
    Kernel,
    /// The parent died, or a thread of it whose child this was: `SI_USER`. R-PDEATH-03.
    ParentDeath {
        /// The dying parent's number, as the receiver sees it.
        pid: Pid,
    },
    /// kill(2): `SI_USER`. R-KILL-07.
    User {
        /// The sender's number.
        pid: Pid,
    },
    /// tkill(2), tgkill(2): `SI_TKILL`. R-KILL-07.
    Thread {
        /// The number of the sender's process.
        pid: Pid,
    },
    /// Something has happened that the kernel tells of by itself ([`crate::KernelCause::Event`]). R-KILL-13.
    Event {
        /// Whose number it says, as the receiver sees it; 0: nobody's.
        pid: Pid,
        /// Its `si_code`.
        code: i32,
        /// The kernel's own word on it.
        value: u64,
        /// The kernel's own number beside it.
        number: i32,
    },
    /// What the sender itself has given ([`crate::GivenInfo`]). R-PIDFD-04, R-KILL-11, R-SIG-27.
    Given {
        /// Its `si_errno`.
        errno: i32,
        /// Its `si_code`.
        code: i32,
        /// Its `si_pid`, or what stands there; 0 where that is a number and the receiver cannot see the sender (R-KILL-12).
        pid: Pid,
        /// Its `si_uid`, or what stands there: as the sender's user namespace has it.
        uid: u32,
        /// Its `si_value`, or what stands there.
        value: u64,
        /// What stands behind that.
        rest: [u64; 2],
        /// Whether it hits an init as the kernel's own does: the receiver cannot see the sender, or it was sent to itself as the kernel's. R-KILL-12.
        is_from_outside: bool,
    },
}

impl SignalCause {
    /// Whether the signal comes from the kernel, or from a process that the receiver's namespace cannot see; or its sender says so, to itself. R-NS-11, R-KILL-12.
    pub(crate) const fn is_from_outside(self) -> bool {
        const SI_KERNEL: i32 = 0x80;
        match self {
            Self::Kernel => true,
            Self::ParentDeath { pid } | Self::User { pid } | Self::Thread { pid } => pid == 0,
            Self::Given { is_from_outside, .. } => is_from_outside,
            Self::Event { code, .. } => code == SI_KERNEL,
            Self::Child { .. } | Self::ChildStopUndone { .. } => false,
        }
    }
}

impl SignalCause {
    /// Returns `si_code` and `si_status` of a signal about a child; `None` of any other. R-NOTIFY-02, R-NOTIFY-11, R-STOP-06.
    ///
    /// ```
    /// use axprocess::{ChildCode, SignalCause, WaitStatus};
    /// let cause = SignalCause::Child { pid: 7, status: WaitStatus::Continued };
    /// assert_eq!(cause.si_code_and_status(), Some(ChildCode { code: 6, status: 18 }));
    /// assert_eq!(SignalCause::Kernel.si_code_and_status(), None);
    /// ```
    pub const fn si_code_and_status(self) -> Option<ChildCode> {
        match self {
            // A waiting tracer learns the event too, a signal does not tell it.
            Self::Child { status: WaitStatus::Trapped(stop), .. } => {
                Some(ChildCode::trapped(stop.code() & 0x7f))
            }
            Self::Child { status, .. } => Some(status.si_code_and_status()),
            Self::ChildStopUndone { .. } => Some(ChildCode::STOP_UNDONE),
            _ => None,
        }
    }
}
