//! One call, with its arguments as they come from outside.

use arbitrary::Arbitrary;

/// Which of the objects made so far; taken modulo their count.
pub type Index = u8;

/// One call. The first field says who calls.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Call {
    /// The host changes its mind.
    Mood(u16),
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
    Clone {
        by: Index,
        flags: Flags,
        tls: u8,
    },
    Clone3 {
        by: Index,
        flags: Flags,
        args: [Word; 4],
        set_tid: [i16; 3],
        size: u8,
    },
    ReadCloneArgs {
        size: u16,
        bytes: [u8; 11],
    },
    BeginVfork {
        by: Index,
        child: Index,
    },
    ReleaseAddressSpace {
        by: Index,
    },
    Reboot {
        by: Index,
        command: u32,
    },
    SetPidMax {
        by: Index,
        limit: Wild,
        cpus: u8,
    },
    SetLastPid {
        by: Index,
        last: Wild,
    },
    /// Opens a handle, by number or by the special descriptors.
    PidfdOpen {
        by: Index,
        pid: Wild,
        flags: u32,
    },
    PidfdSelf {
        by: Index,
        fd: i32,
    },
    HandleOf {
        of: Index,
        thread: bool,
    },
    DropHandle {
        handle: Index,
    },
    AskHandle {
        by: Index,
        handle: Index,
        mask: u64,
    },
    WaitidPidfd {
        by: Index,
        fd: Wild,
        handle: Index,
        options: Options,
    },
    PidfdSendSignal {
        by: Index,
        handle: Index,
        signal: Sig,
        flags: u8,
        info: Option<(Sig, i32)>,
    },
    /// Begins a wait, and asks at once.
    BeginWait {
        by: Index,
        pid: Wild,
        options: Options,
    },
    /// Makes a future of a wait, looks at it twice, and drops it.
    AwaitEvent {
        by: Index,
        pid: Wild,
    },
    Attach {
        by: Index,
        tid: u16,
        seize: bool,
        options: u32,
    },
    TraceMe {
        by: Index,
    },
    InheritTracer {
        by: Index,
        maker: Index,
    },
    TraceStop {
        by: Index,
        code: u16,
    },
    ResumeTracee {
        by: Index,
        tid: u16,
    },
    SetTraceOptions {
        by: Index,
        tid: u16,
        options: u32,
    },
    Detach {
        by: Index,
        tid: u16,
    },
    /// Reads all that can be read.
    Look {
        by: Index,
    },
}

/// The flags of clone: mostly some that mean something here.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Flags {
    /// Some of those that exist, by bit.
    Known(u16),
    Any(u64),
}

impl Flags {
    pub(crate) fn value(self) -> u64 {
        const KNOWN: [u64; 16] = [
            17,
            0x100,
            0x200,
            0x800,
            0x1000,
            0x4000,
            0x8000,
            0x1_0000,
            0x2000_0000,
            0x2_0000,
            0x40_0000,
            0x10_0000,
            0x1000_0000,
            0x800_0000,
            0x4_0000,
            0x1_0000_0000,
        ];
        match self {
            Self::Known(bits) => {
                (0..16).filter(|bit| bits >> bit & 1 == 1).fold(0, |flags, bit| flags | KNOWN[bit])
            }
            Self::Any(flags) => flags,
        }
    }
}

/// A word of a structure: mostly small.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Word {
    Zero,
    Small(u8),
    Any(u64),
}

impl Word {
    pub(crate) fn value(self) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Small(value) => value.into(),
            Self::Any(value) => value,
        }
    }
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
