//! What `wait4` and `waitid` ask for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::{self, Pid};
use crate::words;

/// A request of `wait4` or `waitid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wait {
    /// `wait4`, with the address for the status word.
    Wait4 { pid: i32, options: i32, status: u64 },
    /// `waitid`, with the address for the siginfo.
    WaitId {
        kind: i32,
        id: i32,
        options: i32,
        info: u64,
        /// Whether the pidfd is open with `O_NONBLOCK`.
        #[serde(default, skip_serializing_if = "is_false")]
        is_nonblocking: bool,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Wait {
    /// The options word.
    pub(crate) fn options(&self) -> i32 {
        match *self {
            Self::Wait4 { options, .. } | Self::WaitId { options, .. } => options,
        }
    }

    /// The same request, for one child only.
    pub(crate) fn for_child(self, child: Pid) -> Self {
        let id = child.cast_signed();
        match self {
            Self::Wait4 { options, status, .. } => Self::Wait4 { pid: id, options, status },
            Self::WaitId { options, info, is_nonblocking, .. } => {
                Self::WaitId { kind: libc::P_PID as i32, id, options, info, is_nonblocking }
            }
        }
    }

    /// Whether the caller refuses to block.
    pub(crate) fn is_hanging_refused(&self) -> bool {
        self.options() & libc::WNOHANG != 0 || self.is_nonblocking()
    }

    /// Whether the descriptor refuses to block.
    pub(crate) fn is_nonblocking(&self) -> bool {
        matches!(self, Self::WaitId { is_nonblocking: true, .. })
    }

    /// What Linux says to a caller for whom there is nothing yet.
    pub(crate) fn nothing_yet(&self) -> WaitResult {
        if self.is_nonblocking() && self.options() & libc::WNOHANG == 0 {
            WaitResult::Error(libc::EAGAIN)
        } else {
            WaitResult::Nothing
        }
    }

    /// Whether the caller asks for stops or continuations.
    pub(crate) fn is_about_stops(&self) -> bool {
        self.options() & (libc::WSTOPPED | libc::WCONTINUED) != 0
    }

    /// Whether the children of other threads do not count.
    pub(crate) fn is_of_own_thread(&self) -> bool {
        self.options() & libc::__WNOTHREAD != 0
    }

    /// Whether the event stays for a later wait.
    pub(crate) fn is_looking_only(&self) -> bool {
        matches!(self, Self::WaitId { options, .. } if options & libc::WNOWAIT != 0)
    }
}

/// What Linux said to a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WaitResult {
    /// An event of this child, with this status word.
    Event { pid: Pid, status: i32 },
    /// Nothing to report.
    Nothing,
    /// This error.
    Error(i32),
    /// An event of this child, for a caller who did not ask for the status.
    Child(Pid),
    /// Success, for a caller who did not ask for anything else.
    Success,
    /// The caller's address was bad; the event is consumed nevertheless (R-WAIT-21).
    Fault,
}

impl WaitResult {
    /// Reads what a call that has returned `result` has written into the caller's memory.
    pub(crate) fn read(tid: Pid, wait: Wait, result: i64) -> Self {
        if result == -i64::from(libc::EFAULT) {
            return Self::Fault;
        }
        if result < 0 {
            return Self::Error(-result as i32);
        }
        match wait {
            Wait::Wait4 { .. } if result == 0 => Self::Nothing,
            Wait::Wait4 { status: 0, .. } => Self::Child(result as Pid),
            Wait::Wait4 { status, .. } => match sys::read_memory::<4>(tid, status) {
                Some(bytes) => {
                    Self::Event { pid: result as Pid, status: i32::from_ne_bytes(bytes) }
                }
                None => Self::Child(result as Pid),
            },
            Wait::WaitId { info: 0, .. } => Self::Success,
            Wait::WaitId { info, .. } => match sys::read_memory::<28>(tid, info) {
                Some(bytes) => Self::from_siginfo(&bytes),
                None => Self::Success,
            },
        }
    }

    /// Reads the members that waitid fills: si_code, si_pid, si_status (of signal SIGCHLD).
    fn from_siginfo(bytes: &[u8; 28]) -> Self {
        let word = |offset: usize| {
            let bytes = bytes[offset..][..4].try_into();
            bytes.map_or(0, i32::from_ne_bytes)
        };
        let (code, pid, value) = (word(8), word(16), word(24));
        match pid {
            0 => Self::Nothing,
            pid => Self::Event { pid: pid as Pid, status: status_word(code, value) },
        }
    }

    /// The child that it is about.
    pub(crate) const fn child(self) -> Option<Pid> {
        match self {
            Self::Event { pid, .. } | Self::Child(pid) => Some(pid),
            _ => None,
        }
    }
}

/// The wait status word for what a siginfo says of a child.
pub(crate) const fn status_word(code: i32, value: i32) -> i32 {
    match code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_DUMPED => value | 0x80,
        libc::CLD_STOPPED | libc::CLD_TRAPPED => (value << 8) | 0x7f,
        libc::CLD_CONTINUED => 0xffff,
        _ => value,
    }
}

impl fmt::Display for WaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { pid, status } => write!(f, "{pid}: {}", words::status(*status)),
            Self::Nothing => f.write_str("nothing to report yet"),
            Self::Error(errno) => f.write_str(&words::errno(*errno)),
            Self::Child(pid) => write!(f, "{pid}"),
            Self::Success => f.write_str("0"),
            Self::Fault => f.write_str("EFAULT"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Wait4 { pid, options, .. } => write!(f, "wait4({pid}, {})", Options(options)),
            Self::WaitId { kind, id, options, .. } => {
                let options = Options(options);
                match kind.cast_unsigned() {
                    libc::P_ALL => write!(f, "waitid(P_ALL, {options})"),
                    libc::P_PID => write!(f, "waitid(P_PID {id}, {options})"),
                    libc::P_PGID => write!(f, "waitid(P_PGID {id}, {options})"),
                    libc::P_PIDFD => write!(f, "waitid(P_PIDFD {id}, {options})"),
                    _ => write!(f, "waitid({kind}, {id}, {options})"),
                }
            }
        }
    }
}

/// Wait options, by name.
struct Options(i32);

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: [(i32, &str); 8] = [
            (libc::WNOHANG, "WNOHANG"),
            (libc::WUNTRACED, "WUNTRACED"),
            (libc::WEXITED, "WEXITED"),
            (libc::WCONTINUED, "WCONTINUED"),
            (libc::WNOWAIT, "WNOWAIT"),
            (libc::__WNOTHREAD, "__WNOTHREAD"),
            (libc::__WALL, "__WALL"),
            (libc::__WCLONE, "__WCLONE"),
        ];
        let mut rest = self.0;
        let mut names = Vec::new();
        for (bit, name) in NAMED {
            if rest & bit != 0 {
                rest &= !bit;
                names.push(name.to_owned());
            }
        }
        if rest != 0 || names.is_empty() {
            names.push(if rest == 0 { "0".to_owned() } else { format!("{rest:#x}") });
        }
        f.write_str(&names.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn siginfo(code: i32, pid: i32, status: i32) -> [u8; 28] {
        let mut bytes = [0; 28];
        for (offset, value) in [(0, 17), (8, code), (16, pid), (24, status)] {
            bytes[offset..offset + 4].copy_from_slice(&i32::to_ne_bytes(value));
        }
        bytes
    }

    /// R-WAIT-16, R-WAIT-17: siginfo and status word say the same.
    #[test]
    fn siginfo_is_read_as_a_status_word() {
        for (code, value, status) in [
            (libc::CLD_EXITED, 3, 0x300),
            (libc::CLD_KILLED, 9, 9),
            (libc::CLD_DUMPED, 11, 0x8b),
            (libc::CLD_STOPPED, 19, 0x137f),
            (libc::CLD_CONTINUED, 18, 0xffff),
        ] {
            let expected = WaitResult::Event { pid: 7, status };
            assert_eq!(WaitResult::from_siginfo(&siginfo(code, 7, value)), expected);
        }
        assert_eq!(WaitResult::from_siginfo(&siginfo(0, 0, 0)), WaitResult::Nothing);
    }
}
