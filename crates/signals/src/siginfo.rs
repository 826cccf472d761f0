//! The two forms in which user space reads what a signal says, and the one in which it says so itself: those of 64-bit systems, but for MIPS and SPARC.

use axprocess::{Errno, GivenInfo, Signal, SignalCause};

use crate::info::{SI_KERNEL, SI_TIMER, SI_USER, SigInfo};

/// The length of all forms in bytes.
const LENGTH: usize = 128;
const WORDS: usize = LENGTH / 4;
/// How much of a `siginfo_t` says something: Linux's `kernel_siginfo_t`.
const KNOWN: usize = 48;

/// Which fields a siginfo has: its signal and its code say so.
pub(crate) enum Layout {
    Kill,
    Timer,
    Poll,
    Fault,
    /// The memory itself is broken: of how many bytes there is nothing to be had, as a power of two.
    BrokenMemory,
    Child,
    Queued,
    SystemCall,
}

const SI_SIGIO: i32 = -5;
/// Signals that have codes of their own, how many, and what those tell of.
const OF_SIGNALS: [(Signal, i32, Layout); 9] = [
    (Signal::SIGILL, 11, Layout::Fault),
    (Signal::SIGFPE, 15, Layout::Fault),
    (Signal::SIGSEGV, 10, Layout::Fault),
    (Signal::SIGBUS, 3, Layout::Fault),
    (Signal::SIGBUS, 5, Layout::BrokenMemory),
    (Signal::SIGTRAP, 6, Layout::Fault),
    (Signal::SIGCHLD, 6, Layout::Child),
    (Signal::SIGIO, 6, Layout::Poll),
    (Signal::SIGSYS, 2, Layout::SystemCall),
];
/// Codes of this many events of files any other signal may have: `NSIGPOLL`.
const OF_FILES: i32 = 6;

impl Layout {
    /// Linux: `siginfo_layout`.
    pub(crate) fn of(signal: Signal, code: i32) -> &'static Self {
        if code <= SI_USER || code >= SI_KERNEL {
            return match code {
                SI_TIMER => &Self::Timer,
                SI_SIGIO => &Self::Poll,
                ..SI_USER => &Self::Queued,
                _ => &Self::Kill,
            };
        }
        match OF_SIGNALS.iter().find(|(of, codes, _)| *of == signal && code <= *codes) {
            Some((_, _, layout)) => layout,
            None if code <= OF_FILES => &Self::Poll,
            None => &Self::Kill,
        }
    }

    /// Whether it names a process and its user. Linux: `has_si_pid_and_uid`.
    pub(crate) const fn has_sender(&self) -> bool {
        matches!(self, Self::Kill | Self::Child | Self::Queued)
    }
}

/// Reads what a caller says of its signal itself, as rt_sigqueueinfo(2), rt_tgsigqueueinfo(2), pidfd_send_signal(2) and `PTRACE_SETSIGINFO` are given it. R-SIG-27.
///
/// `signal`: the call's argument, which counts in place of what stands there; `None`: what stands there counts. `copy` fills its second argument with the bytes that user space has from its first on; it is asked for the first 48, and for the 80 behind them where they must be zeros. Takes no lock.
/// Linux: `copy_siginfo_from_user`.
///
/// # Errors
///
/// `E2BIG`: the signal has no such code, and there is something behind the first 48 bytes. What `copy` fails with.
///
/// ```
/// use axprocess::{Errno, GivenInfo};
/// use axprocess_signals::read_siginfo;
/// let mut memory = [0; 128];
/// memory[8..12].copy_from_slice(&(-1_i32).to_ne_bytes()); // SI_QUEUE
/// memory[16..20].copy_from_slice(&77_u32.to_ne_bytes()); // si_pid
/// let given = read_siginfo(Some(34), |at, to| {
///     to.copy_from_slice(memory.get(at..at + to.len()).ok_or(Errno::EFAULT)?);
///     Ok(())
/// })?;
/// assert_eq!(given, GivenInfo { pid: 77, ..GivenInfo::new(34, -1) });
/// # Ok::<(), Errno>(())
/// ```
pub fn read_siginfo(
    signal: Option<i32>,
    mut copy: impl FnMut(usize, &mut [u8]) -> Result<(), Errno>,
) -> Result<GivenInfo, Errno> {
    let mut bytes = [0; KNOWN];
    copy(0, &mut bytes)?;
    let mut words = [0_u64; KNOWN / 8];
    for (word, eight) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*eight);
    }
    let [[number, errno], [code, _], [pid, uid]] = [words[0], words[1], words[2]].map(halves);
    let signal = signal.unwrap_or(number.cast_signed());
    let code = code.cast_signed();
    if !is_known(signal, code) {
        let mut behind = [0; LENGTH - KNOWN];
        copy(KNOWN, &mut behind)?;
        if behind.iter().any(|byte| *byte != 0) {
            return Err(Errno::E2BIG);
        }
    }
    let [_, _, _, value, rest @ ..] = words;
    Ok(GivenInfo { signal, errno: errno.cast_signed(), code, pid, uid, value, rest })
}

/// Whether the signal has such a code. Linux: `known_siginfo_layout`.
fn is_known(signal: i32, code: i32) -> bool {
    /// The last but one of the codes that are given for all signals, and the last.
    const SI_DETHREAD: i32 = -7;
    const SI_ASYNCNL: i32 = -60;
    if code <= SI_USER || code == SI_KERNEL {
        return code >= SI_DETHREAD || code == SI_ASYNCNL;
    }
    let own = OF_SIGNALS.iter().filter(|(of, ..)| i32::from(of.number()) == signal);
    code <= own.map(|(_, codes, _)| *codes).max().unwrap_or(OF_FILES)
}

/// The two words of 32 bits of which one of 64 consists, as they stand in memory.
const fn halves(word: u64) -> [u32; 2] {
    let halves = [word as u32, (word >> 32) as u32];
    if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
}

impl SigInfo {
    /// Returns it as a `siginfo_t`: what a handler is shown, and who takes the signal by rt_sigtimedwait(2).
    ///
    /// What the layer does not know is 0: the times of a child, the architecture of a system call. What somebody has [given](SignalCause::Given) with the signal stands where it was (R-SIG-27). Takes no lock. Linux: `copy_siginfo_to_user`.
    ///
    /// ```
    /// use axprocess::{Signal, SignalCause, SignalInfo};
    /// use axprocess_signals::SigInfo;
    /// let info = SignalInfo { signal: Signal::SIGTERM, cause: SignalCause::User { pid: 7 } };
    /// let bytes = SigInfo { info, uid: 1000, overrun: 0 }.to_siginfo();
    /// assert_eq!(bytes[..4], 15_u32.to_ne_bytes());
    /// assert_eq!(bytes[16..20], 7_u32.to_ne_bytes()); // si_pid
    /// assert_eq!(bytes[20..24], 1000_u32.to_ne_bytes()); // si_uid
    /// ```
    pub fn to_siginfo(&self) -> [u8; LENGTH] {
        bytes_of(self.siginfo())
    }

    /// Returns it as a `struct signalfd_siginfo`: what a read of a signalfd gives. R-SIG-65.
    ///
    /// Only the fields that belong to its signal and its code are there. Takes no lock. Linux: `signalfd_copyinfo`.
    ///
    /// ```
    /// use axprocess::{Signal, SignalCause, SignalInfo};
    /// use axprocess_signals::SigInfo;
    /// let info = SignalInfo { signal: Signal::SIGTERM, cause: SignalCause::User { pid: 7 } };
    /// let bytes = SigInfo { info, uid: 1000, overrun: 0 }.to_signalfd_siginfo();
    /// assert_eq!(bytes[12..16], 7_u32.to_ne_bytes()); // ssi_pid
    /// assert_eq!(bytes[16..20], 1000_u32.to_ne_bytes()); // ssi_uid
    /// ```
    pub fn to_signalfd_siginfo(&self) -> [u8; LENGTH] {
        let siginfo = self.siginfo();
        let [first, second, third, fourth] = [siginfo[4], siginfo[5], siginfo[6], siginfo[7]];
        let mut words = [0; WORDS];
        words[..3].copy_from_slice(&siginfo[..3]);
        match Layout::of(self.signal(), self.code()) {
            Layout::Kill => [words[3], words[4]] = [first, second],
            Layout::Timer => {
                [words[6], words[8]] = [first, second];
                [words[11], words[12], words[13]] = [third, third, fourth];
            }
            Layout::Poll => [words[7], words[5]] = [first, third],
            Layout::Fault => [words[18], words[19]] = [first, second],
            Layout::BrokenMemory => {
                [words[18], words[19], words[20]] = [first, second, third & 0xffff];
            }
            Layout::Child => {
                [words[3], words[4], words[10]] = [first, second, third];
                // Its times.
                words[14..18].copy_from_slice(&siginfo[8..12]);
            }
            Layout::Queued => {
                [words[3], words[4]] = [first, second];
                [words[11], words[12], words[13]] = [third, third, fourth];
            }
            Layout::SystemCall => {
                [words[22], words[23]] = [first, second];
                [words[21], words[24]] = [third, fourth];
            }
        }
        bytes_of(words)
    }

    /// The words of a `siginfo_t`: the number, an errno, the code, 0, and what belongs to its layout.
    fn siginfo(&self) -> [u32; WORDS] {
        let number = self.number().cast_unsigned();
        let [low, high] = halves(self.value());
        let rest = match (self.info.cause, Layout::of(self.signal(), self.code())) {
            (SignalCause::Kernel, _) => [0; 4],
            (SignalCause::Child { .. } | SignalCause::ChildStopUndone { .. }, _) => {
                [self.pid(), self.uid, self.status().cast_unsigned(), 0]
            }
            (SignalCause::Event { .. }, Layout::Timer) => {
                [number, self.overrun.cast_unsigned(), low, high]
            }
            (SignalCause::Event { .. }, Layout::Kill | Layout::Queued) => {
                [self.pid(), self.uid, low, high]
            }
            (SignalCause::Event { .. }, _) => [low, high, number, 0],
            _ => [self.pid(), self.uid, low, high],
        };
        let mut words = [0; WORDS];
        words[0] = self.signal().number().into();
        words[2] = self.code().cast_unsigned();
        words[4..8].copy_from_slice(&rest);
        if let SignalCause::Given { errno, rest: [third, fourth], .. } = self.info.cause {
            words[1] = errno.cast_unsigned();
            let [third, fourth] = [halves(third), halves(fourth)];
            words[8..12].copy_from_slice([third, fourth].as_flattened());
        }
        words
    }
}

fn bytes_of(words: [u32; WORDS]) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for (four, word) in bytes.chunks_exact_mut(4).zip(words) {
        four.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}
