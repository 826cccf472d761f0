//! One call, with its arguments as they come from outside.

use arbitrary::{Arbitrary, Unstructured};

use crate::code::{Code, coded};

/// Calls, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(pub Vec<Call>);

impl Calls {
    /// Reads calls until no byte is left.
    pub fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut calls = Vec::new();
        while !bytes.is_empty() {
            calls.push(Call::read(&mut bytes));
        }
        Self(calls)
    }

    /// Writes them as bytes of which [`from_bytes`](Self::from_bytes) makes the same calls.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.iter().for_each(|call| call.write(&mut bytes));
        bytes
    }
}

impl<'a> Arbitrary<'a> for Calls {
    fn arbitrary(from: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        from.bytes(from.len()).map(Self::from_bytes)
    }
}

/// How a birth in steps goes on.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// How many of the next calls are made before it ends.
    pub calls: usize,
    /// It is given up then.
    pub in_vain: bool,
    /// It is a thread that is born.
    pub is_thread: bool,
}

impl Steps {
    /// The bits of a birth that is given up at once.
    pub const IN_VAIN: u8 = 0x80;

    /// Reads it from bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self {
            calls: (bits & 7) as usize,
            in_vain: bits & Self::IN_VAIN != 0,
            is_thread: bits & 0x40 != 0,
        }
    }
}

/// Which of the objects made so far; taken modulo their count.
pub type Index = u8;

coded! {
    /// One call. The first field says who calls.
    pub enum Call {
        /// The host changes its mind.
        Mood(bits: u8),
        /// sigaction: what the process does about a signal, and about its children.
        Treat {
            by: Index,
            signal: Sig,
            how: u8,
        },
        /// sigprocmask: what the thread blocks.
        Block {
            by: Index,
            signals: u64,
        },
        /// The thread takes all signals that wait for it.
        TakeSignals {
            by: Index,
        },
        Fork {
            by: Index,
            how: u8,
            exit_signal: u8,
            numbers: [Wild; 2],
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
        Sigqueue {
            by: Index,
            pid: Wild,
            signal: Sig,
            code: Wild,
        },
        Tgsigqueue {
            by: Index,
            tgid: Wild,
            tid: Wild,
            signal: Sig,
            code: Wild,
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
            /// The fields of the structure behind its flags; the last one is unknown to the kernel.
            fields: [Word; 11],
            size: u16,
            set_tid: [i16; 3],
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
        /// Begins a fork in steps; how it goes on is said by [`Steps`].
        Prepare {
            by: Index,
            how: u8,
            exit_signal: u8,
            numbers: [Wild; 2],
            steps: u8,
        },
        /// A thread begins an exec, or tries to finish the one that it has begun.
        StepExec {
            by: Index,
        },
        /// A thread gives the exec up that it has begun.
        GiveUpExec {
            by: Index,
        },
        /// A thread begins to exit, or takes the next step of the exit that it has begun.
        StepExit {
            by: Index,
            status: i32,
        },
        /// A thread begins to dump core, or ends the dump that it has begun: with a core, if the bit is set.
        StepCoreDump {
            by: Index,
            is_written: u8,
        },
        InterruptTracee {
            by: Index,
            tid: u16,
        },
        ListenToTracee {
            by: Index,
            tid: u16,
        },
        /// Asks for a tracee, stopped or not.
        FindTracee {
            by: Index,
            tid: u16,
        },
        /// The kernel sends a signal by itself: whom, and on whose behalf, is said by bits.
        KernelSends {
            by: Index,
            on_behalf_of: Index,
            signal: Sig,
            code: Wild,
            how: u8,
        },
        /// Stops where it has to, and sets and clears bits of the kernel's own.
        JoinStop {
            by: Index,
            bits: u8,
        },
        /// The kernel makes its second root.
        NewKthreadd {
            pid: u16,
        },
        /// A kernel thread makes another; who is none is refused.
        ForkKernelThread {
            by: Index,
            how: u8,
            exit_signal: u8,
            numbers: [Wild; 2],
        },
    }

    /// The flags of clone: mostly some that mean something here.
    pub enum Flags {
        /// Some of those that exist, by bit.
        Known(bits: u16),
        Any(value: u64),
    }

    /// A word of a structure: mostly small.
    pub enum Word {
        Zero,
        Small(value: u8),
        Any(value: u64),
    }

    /// A number of a system call: mostly one that could mean something, sometimes any.
    pub enum Wild {
        Small(value: i8),
        Any(value: i32),
    }

    /// The signal argument of a call.
    pub enum Sig {
        /// One that the process model gives a meaning.
        Telling(which: u8),
        Any(value: i32),
    }

    /// The options argument of wait.
    pub enum Options {
        /// Some of those that exist, by bit.
        Known(bits: u8),
        Any(value: i32),
    }
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

impl From<u64> for Word {
    fn from(value: u64) -> Self {
        u8::try_from(value).map_or(Self::Any(value), Self::Small)
    }
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

impl From<i32> for Wild {
    fn from(value: i32) -> Self {
        i8::try_from(value).map_or(Self::Any(value), Self::Small)
    }
}

impl Wild {
    /// The number.
    pub fn value(self) -> i32 {
        match self {
            Self::Small(number) => i32::from(number),
            Self::Any(number) => number,
        }
    }
}

impl From<i32> for Sig {
    fn from(value: i32) -> Self {
        Self::Any(value)
    }
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

impl From<i32> for Options {
    fn from(value: i32) -> Self {
        Self::Any(value)
    }
}

impl Options {
    /// The argument.
    pub fn value(self) -> i32 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Any bytes are some calls, and these are written so that they are read back.
    #[test]
    fn whatever_is_read_is_written_and_read_back() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .take(200)
            .collect();
            let calls = Calls::from_bytes(&bytes);
            assert!(!calls.0.is_empty());
            assert_eq!(Calls::from_bytes(&calls.to_bytes()), calls);
        }
    }
}
