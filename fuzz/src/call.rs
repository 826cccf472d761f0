//! One call, with its arguments as they come from outside.

use arbitrary::Arbitrary;

/// Which of the objects made so far; taken modulo their count.
pub type Index = u8;

/// One call. The first field says who calls.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Call {
    /// The host changes its mind.
    Mood(u8),
    Fork {
        by: Index,
        how: u8,
        exit_signal: u8,
        numbers: [u16; 2],
    },
    SpawnThread {
        by: Index,
        number: u16,
    },
    Exec {
        by: Index,
    },
    ExitThread {
        by: Index,
        status: i32,
    },
    BeginGroupExit {
        by: Index,
        status: i32,
    },
    DropThread {
        by: Index,
    },
    DropProcess {
        by: Index,
    },
    Wait4 {
        by: Index,
        pid: Wild,
        options: Options,
    },
    Waitid {
        by: Index,
        kind: u8,
        id: Wild,
        options: Options,
    },
    Setpgid {
        by: Index,
        pid: Wild,
        pgid: Wild,
    },
    Getpgid {
        by: Index,
        pid: Wild,
    },
    Getsid {
        by: Index,
        pid: Wild,
    },
    Setsid {
        by: Index,
    },
    BecomeSubreaper {
        by: Index,
    },
    ResignSubreaper {
        by: Index,
    },
    SetParentDeathSignal {
        by: Index,
        argument: u64,
    },
    Kill {
        by: Index,
        pid: Wild,
        signal: Sig,
    },
    Tkill {
        by: Index,
        tid: Wild,
        signal: Sig,
    },
    Tgkill {
        by: Index,
        tgid: Wild,
        tid: Wild,
        signal: Sig,
    },
    SignalSent {
        by: Index,
        signal: Sig,
    },
    TakeTicket {
        by: Index,
    },
    BeginStop {
        by: Index,
        signal: Sig,
    },
    Stop {
        by: Index,
    },
    Run {
        by: Index,
    },
    GroupStopped {
        by: Index,
        signal: Sig,
    },
    GroupContinued {
        by: Index,
    },
    UnsharePid {
        by: Index,
    },
    SetPidNamespace {
        by: Index,
        of: Index,
    },
    NewTerminal {
        kind: u8,
    },
    OpenTerminal {
        by: Index,
        terminal: Index,
        how: u8,
    },
    AcquireTerminal {
        by: Index,
        terminal: Index,
        how: u8,
    },
    ReleaseTerminal {
        by: Index,
        terminal: Index,
        how: u8,
    },
    Tcgetpgrp {
        by: Index,
        terminal: Index,
        how: u8,
    },
    Tcgetsid {
        by: Index,
        terminal: Index,
        how: u8,
    },
    Tcsetpgrp {
        by: Index,
        terminal: Index,
        pgid: Wild,
        how: u8,
    },
    UseTerminal {
        by: Index,
        terminal: Index,
        how: u8,
    },
    SignalForeground {
        terminal: Index,
        signal: Sig,
    },
    HangUp {
        terminal: Index,
    },
    DropTerminal {
        terminal: Index,
    },
    /// Reads all that can be read.
    Look {
        by: Index,
    },
}

/// A number of a system call: mostly one that could mean something, sometimes any.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Wild {
    Small(i8),
    Any(i32),
}

impl Wild {
    pub(crate) fn value(self) -> i32 {
        match self {
            Self::Small(number) => i32::from(number),
            Self::Any(number) => number,
        }
    }
}

/// The signal argument of a call.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Sig {
    /// One that the process model gives a meaning.
    Telling(u8),
    Any(i32),
}

impl Sig {
    pub(crate) fn value(self) -> i32 {
        const TELLING: [i32; 8] = [0, 9, 15, 17, 18, 19, 20, 22];
        match self {
            Self::Telling(which) => TELLING[usize::from(which) % TELLING.len()],
            Self::Any(number) => number,
        }
    }
}

/// The options argument of wait.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Options {
    /// Some of those that exist, by bit.
    Known(u8),
    Any(i32),
}

impl Options {
    pub(crate) fn value(self) -> i32 {
        const KNOWN: [i32; 8] = [1, 2, 4, 8, 0x0100_0000, 0x2000_0000, 0x4000_0000, i32::MIN];
        match self {
            Self::Known(bits) => (0..8)
                .filter(|bit| bits >> bit & 1 == 1)
                .map(|bit| KNOWN[bit])
                .fold(0, |a, b| a | b),
            Self::Any(options) => options,
        }
    }
}
