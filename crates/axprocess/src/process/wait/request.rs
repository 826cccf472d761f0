//! What is waited for, as the arguments of the system calls say it.

use super::PidfdMode;
use crate::handle::HandleNames;
use crate::{Errno, Pid};

bitflags::bitflags! {
    /// The options of wait4(2) and waitid(2), with Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct WaitOptions: u32 {
        /// Do not sleep. The model never sleeps: this is for the kernel to look at.
        const NOHANG = 1;
        /// Report stops (`WUNTRACED` of wait4, `WSTOPPED` of waitid).
        const STOPPED = 2;
        /// Report ends.
        const EXITED = 4;
        /// Report continuations.
        const CONTINUED = 8;
        /// Report without consuming.
        const NOWAIT = 0x0100_0000;
        /// Only the calling thread's own children.
        const NOTHREAD = 0x2000_0000;
        /// Children of every kind.
        const ALL = 0x4000_0000;
        /// Only children that do not end with `SIGCHLD`.
        const CLONE = 0x8000_0000;
    }
}

/// Whose events are waited for, and which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitRequest {
    pub(super) who: Who,
    pub(super) options: WaitOptions,
}

/// Who is waited for, in numbers of the caller's namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)] // with a tag of its own, which is asked in one go
pub(super) enum Who {
    Any,
    Process(Pid),
    Group(Pid),
    OwnGroup,
    /// What a handle names, in the table of that serial.
    Handle((u64, HandleNames), PidfdMode),
}

pub(super) const KINDS: WaitOptions =
    WaitOptions::NOTHREAD.union(WaitOptions::ALL).union(WaitOptions::CLONE);
pub(super) const EVENTS: WaitOptions =
    WaitOptions::EXITED.union(WaitOptions::STOPPED).union(WaitOptions::CONTINUED);

impl WaitRequest {
    /// Reads the arguments of wait4(2). R-WAIT-01, R-WAIT-03.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: an option that wait4 does not know. `ESRCH`: `pid` is `i32::MIN`.
    ///
    /// ```
    /// use axprocess::{Errno, WaitRequest};
    /// assert!(WaitRequest::wait4(-1, 1).is_ok());
    /// assert_eq!(WaitRequest::wait4(i32::MIN, 0), Err(Errno::ESRCH));
    /// assert_eq!(WaitRequest::wait4(i32::MIN, 4), Err(Errno::EINVAL));
    /// ```
    pub fn wait4(pid: i32, options: i32) -> Result<Self, Errno> {
        let known = WaitOptions::NOHANG | WaitOptions::STOPPED | WaitOptions::CONTINUED | KINDS;
        let options = parse_options(options, known)? | WaitOptions::EXITED;
        let who = match pid {
            i32::MIN => return Err(Errno::ESRCH),
            -1 => Who::Any,
            0 => Who::OwnGroup,
            group if group < 0 => Who::Group(group.unsigned_abs()),
            process => Who::Process(process.unsigned_abs()),
        };
        Ok(Self { who, options })
    }

    /// Reads the arguments of waitid(2) for `P_ALL` (0), `P_PID` (1) and `P_PGID` (2). R-WAIT-02.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an option that waitid does not know; no event asked for; a number that the kind does not allow; another kind.
    ///
    /// ```
    /// use axprocess::{Errno, WaitRequest};
    /// const WEXITED: i32 = 4;
    /// assert!(WaitRequest::waitid(0, 77, WEXITED).is_ok());
    /// assert_eq!(WaitRequest::waitid(1, 0, WEXITED), Err(Errno::EINVAL));
    /// assert_eq!(WaitRequest::waitid(0, 0, 0), Err(Errno::EINVAL));
    /// ```
    pub fn waitid(kind: i32, id: i32, options: i32) -> Result<Self, Errno> {
        let known = WaitOptions::NOHANG | WaitOptions::NOWAIT | EVENTS | KINDS;
        let options = parse_options(options, known)?;
        if !options.intersects(EVENTS) {
            return Err(Errno::EINVAL);
        }
        let who = match (kind, id) {
            (0, _) => Who::Any,
            (1, 1..) => Who::Process(id.unsigned_abs()),
            (2, 0) => Who::OwnGroup,
            (2, 1..) => Who::Group(id.unsigned_abs()),
            _ => return Err(Errno::EINVAL),
        };
        Ok(Self { who, options })
    }

    /// Returns the same request, asking without consuming the answer (`WNOWAIT`).
    #[must_use]
    pub fn without_consuming(self) -> Self {
        Self { options: self.options | WaitOptions::NOWAIT, ..self }
    }

    pub(super) const fn is_for_any(&self) -> bool {
        matches!(self.who, Who::Any)
    }

    /// Returns the options.
    pub const fn options(&self) -> WaitOptions {
        self.options
    }
}

pub(super) fn parse_options(options: i32, known: WaitOptions) -> Result<WaitOptions, Errno> {
    let options = WaitOptions::from_bits(options.cast_unsigned()).ok_or(Errno::EINVAL)?;
    if known.contains(options) { Ok(options) } else { Err(Errno::EINVAL) }
}
