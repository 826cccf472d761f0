//! What the ioctls of job control ask for, and of which terminal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::procfs;
use crate::sys::{self, Pid};
use crate::words;

/// The device number of a terminal, as `/proc/PID/stat` shows it; 0 for none.
pub(crate) type Device = u32;

/// A request to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TerminalCall {
    /// What is asked.
    pub(crate) request: TerminalRequest,
    /// The terminal behind the descriptor; `None` if it is none.
    pub(crate) line: Option<Line>,
    /// The caller's controlling terminal when the call began.
    pub(crate) own: Device,
    /// Whether the stop signal of the terminal has no effect on the caller.
    pub(crate) is_immune: bool,
}

/// What is asked of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TerminalRequest {
    /// `TIOCSCTTY`
    Acquire(Acquire),
    /// `TIOCNOTTY`
    Release,
    /// `TIOCGPGRP`
    GetForeground { address: u64 },
    /// `TIOCSPGRP`; no group if the address was bad
    SetForeground { group: Option<i32> },
    /// `TIOCGSID`
    GetSession { address: u64 },
}

/// How a terminal is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acquire {
    /// The descriptor is open for reading.
    pub(crate) is_readable: bool,
    /// Another session may lose it.
    pub(crate) may_steal: bool,
    /// The caller has CAP_SYS_ADMIN.
    pub(crate) is_admin: bool,
}

/// The terminal that a descriptor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// This terminal.
    Slave(Device),
    /// The pseudo-terminal of this number, through its master.
    Master(Device),
    /// `/dev/tty`: what was the caller's controlling terminal when it was opened.
    Own,
}

impl TerminalCall {
    /// Reads the request of a stopped thread; `None` if it is another one.
    pub(super) fn read(tid: Pid, arguments: [u64; 6]) -> Option<Self> {
        let [descriptor, request, argument, ..] = arguments;
        let descriptor = descriptor as u32 as i32;
        let request = match request as u32 as u64 {
            libc::TIOCSCTTY => TerminalRequest::Acquire(Acquire {
                is_readable: procfs::is_open_for_reading(tid, descriptor),
                may_steal: argument == 1,
                is_admin: procfs::is_admin(tid),
            }),
            libc::TIOCNOTTY => TerminalRequest::Release,
            libc::TIOCGPGRP => TerminalRequest::GetForeground { address: argument },
            libc::TIOCSPGRP => TerminalRequest::SetForeground {
                group: sys::read_memory::<4>(tid, argument).map(i32::from_ne_bytes),
            },
            libc::TIOCGSID => TerminalRequest::GetSession { address: argument },
            _ => return None,
        };
        Some(Self {
            request,
            line: procfs::line(tid, descriptor),
            own: procfs::stat(tid).map_or(0, |stat| stat.terminal),
            is_immune: procfs::is_without_effect(tid, libc::SIGTTOU),
        })
    }

    /// The caller's controlling terminal, as it was for this result. It has another one now than when the call began if a thread of its has opened one
    /// meanwhile, or lost it, or by the call itself.
    pub(super) fn own_by_result(&self, result: i64, now: Device) -> Device {
        let Some(Line::Slave(device)) = self.line else {
            return self.own;
        };
        let either = [self.own, now];
        let has = |it: &Device| *it == device;
        let found = match (self.request, result) {
            (TerminalRequest::Acquire(_), 0) => None,
            (TerminalRequest::Acquire(_), _) => either.into_iter().find(|it| *it != 0),
            (TerminalRequest::Release, 0) => Some(device),
            (_, result) if result == -i64::from(libc::ENOTTY) => {
                either.into_iter().find(|it| !has(it))
            }
            _ => either.into_iter().find(has),
        };
        found.unwrap_or(self.own)
    }

    /// Where the answer is written.
    pub(crate) const fn answer_address(&self) -> Option<u64> {
        match self.request {
            TerminalRequest::GetForeground { address }
            | TerminalRequest::GetSession { address } => Some(address),
            _ => None,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self.request {
            TerminalRequest::Acquire(_) => "ioctl(TIOCSCTTY)",
            TerminalRequest::Release => "ioctl(TIOCNOTTY)",
            TerminalRequest::GetForeground { .. } => "ioctl(TIOCGPGRP)",
            TerminalRequest::SetForeground { .. } => "ioctl(TIOCSPGRP)",
            TerminalRequest::GetSession { .. } => "ioctl(TIOCGSID)",
        }
    }
}

impl fmt::Display for TerminalCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().trim_end_matches(')');
        let line = match self.line {
            Some(Line::Slave(device)) => words::terminal(device),
            Some(Line::Master(device)) => format!("master of {}", words::terminal(device)),
            Some(Line::Own) => "/dev/tty".to_owned(),
            None => "no terminal".to_owned(),
        };
        match self.request {
            TerminalRequest::SetForeground { group: Some(group) } => {
                write!(f, "{name}, {line}, {group})")
            }
            _ => write!(f, "{name}, {line})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that comes or goes amid a call was there or not, as the answer says.
    #[test]
    fn what_was_the_callers_own_is_told_by_the_answer() {
        const DEVICE: Device = 0x8803;
        let own = |request, own, result, now| {
            let line = Some(Line::Slave(DEVICE));
            TerminalCall { request, line, own, is_immune: false }.own_by_result(result, now)
        };
        let acquire = Acquire { is_readable: true, may_steal: false, is_admin: false };
        let acquire = TerminalRequest::Acquire(acquire);
        let ask = TerminalRequest::GetSession { address: 0 };
        let refused = -i64::from(libc::ENOTTY);
        assert_eq!(own(ask, 0, 0, DEVICE), DEVICE);
        assert_eq!(own(ask, 0, refused, DEVICE), 0);
        assert_eq!(own(ask, DEVICE, 0, 0), DEVICE);
        assert_eq!(own(ask, 0, refused, 0), 0);
        assert_eq!(own(TerminalRequest::Release, DEVICE, 0, 0), DEVICE);
        assert_eq!(own(TerminalRequest::Release, 0, 0, 0), DEVICE);
        assert_eq!(own(acquire, 0, 0, DEVICE), 0);
        assert_eq!(own(acquire, 0, -i64::from(libc::EPERM), 7), 7);
    }
}
