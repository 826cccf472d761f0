//! What user space sees of a signal.

use super::notices;
use crate::script::{SignalSet, number_in_words};

/// A signal that a handler has seen, or that was taken from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its number.
    pub(crate) signal: i32,
    /// `si_code`.
    pub(crate) code: i32,
    /// `si_pid`.
    pub(crate) pid: i32,
    /// `si_status`, of a `SIGCHLD` or its like.
    pub(crate) status: i32,
    /// `si_value`, of one that was sent with it.
    pub(crate) value: i32,
    /// What was blocked while the handler ran; nothing, if none did.
    pub(crate) mask: Option<SignalSet>,
}

/// What a siginfo says of a file that has become readable.
pub(super) const READABLE: i32 = (libc::POLLIN | libc::POLLRDNORM) as i32;

impl Seen {
    /// What a `siginfo_t` says, by its words of 32 bits.
    pub(super) fn of_siginfo(word: impl Fn(usize) -> i32) -> Self {
        Self::of(word(0), word(2), word(4), word(6))
    }

    /// What a `struct signalfd_siginfo` says, by its words of 32 bits. Each kind of signal has its own of them, and the others are 0.
    pub(super) fn of_signalfd(word: impl Fn(usize) -> i32) -> Self {
        const SIGNAL: usize = 0;
        const CODE: usize = 2;
        // The sender; the timer; the events of a file.
        const PID: [usize; 3] = [3, 6, 7];
        // The descriptor of a file; the status of a child; the value.
        const STATUS: [usize; 3] = [5, 10, 11];
        let any = |indices: [usize; 3]| indices.into_iter().fold(0, |all, index| all | word(index));
        Self::of(word(SIGNAL), word(CODE), any(PID), any(STATUS))
    }

    /// By the word that is the sender's number and the one that is the status or the value, in most of them.
    pub(super) fn of(signal: i32, code: i32, pid: i32, status: i32) -> Self {
        let (pid, status, value) = match code {
            // The number of the timer stands where others have that of the sender.
            libc::SI_TIMER if status == notices::OF_TIMER => (0, 0, 0),
            // Of a file: its events, and its descriptor.
            _ if pid == READABLE && status >= notices::FIRST_FILE => (0, 0, 0),
            1.. if code < libc::SI_KERNEL => (pid, status, 0),
            _ => (pid, 0, status),
        };
        Self { signal, code, pid, status, value, mask: None }
    }

    /// In words, with numbers turned into names. What is blocked is told if it is more than the signal itself.
    pub(crate) fn in_words(self, name: impl Fn(i32) -> String) -> String {
        let from = if self.pid == 0 { "nobody".to_owned() } else { name(self.pid) };
        let signal = number_in_words(self.signal);
        let why = match self.code {
            libc::SI_USER => "sent".to_owned(),
            libc::SI_TKILL => "sent to the thread".to_owned(),
            libc::SI_KERNEL => "of the kernel".to_owned(),
            libc::SI_QUEUE => "queued".to_owned(),
            // A child always has a number.
            code if self.pid == 0 => format!("code {code} status {}", self.status),
            libc::CLD_EXITED => format!("exit {}", self.status),
            libc::CLD_KILLED => format!("killed {}", number_in_words(self.status)),
            libc::CLD_STOPPED => format!("stopped {}", number_in_words(self.status)),
            libc::CLD_TRAPPED => format!("trapped {}", number_in_words(self.status)),
            libc::CLD_CONTINUED => "continued".to_owned(),
            code => format!("code {code} status {}", self.status),
        };
        let mut line = format!("{signal} {why} from {from}");
        if self.value != 0 {
            line += &format!(" value={}", self.value);
        }
        if let Some(mask) = self.mask.filter(|mask| *mask != SignalSet::of(self.signal)) {
            line += &format!(" mask={mask}");
        }
        line
    }

    /// The same, without what is the handler's.
    pub(crate) fn as_sent(self) -> Self {
        Self { mask: None, ..self }
    }
}
