//! waitid(2) for one handle: `P_PIDFD`.

use core::borrow::Borrow;

use super::request::{EVENTS, KINDS, WaitOptions, WaitRequest, Who, parse_options};
use crate::{Errno, Host, PidHandle};

/// How the file of a pidfd is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PidfdMode {
    /// waitid sleeps until there is something to report.
    #[default]
    Blocking,
    /// `O_NONBLOCK`, from `PIDFD_NONBLOCK` or fcntl(2): waitid fails instead.
    NonBlocking,
}

/// What a wait does when there is [nothing yet](super::WaitOutcome::NothingYet).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// It sleeps.
    Sleep,
    /// It returns 0, having been called with `WNOHANG`.
    Leave,
    /// It fails with this error, `EAGAIN`: the pidfd is open with `O_NONBLOCK`. R-WAIT-22.
    Fail(Errno),
}

impl WaitRequest {
    /// Reads the arguments of waitid(2) for `P_PIDFD` (3), of which `find` looks `fd` up among the caller's open files.
    ///
    /// Of a process that is reaped or not a child, and of a thread that does not lead and is no tracee, there is never anything to report: `ECHILD`. R-WAIT-07,
    /// R-WAIT-22, R-WAIT-23, R-PIDFD-07. Nor of what lives in another table than the caller.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: an option that waitid does not know; no event asked for; `fd` is negative. What `find` returns: `EBADF`.
    pub fn waitid_pidfd<H: Host, F: Borrow<PidHandle<H>>>(
        fd: i32,
        options: i32,
        find: impl FnOnce(i32) -> Result<(F, PidfdMode), Errno>,
    ) -> Result<Self, Errno> {
        let known = WaitOptions::NOHANG | WaitOptions::NOWAIT | EVENTS | KINDS;
        let options = parse_options(options, known)?;
        if !options.intersects(EVENTS) || fd < 0 {
            return Err(Errno::EINVAL);
        }
        let (handle, mode) = find(fd)?;
        Ok(Self { who: Who::Handle(handle.borrow().table_and_named(), mode), options })
    }

    /// Returns what the call does when there is nothing yet. R-WAIT-10, R-WAIT-22.
    pub const fn patience(&self) -> Patience {
        match self.who {
            _ if self.options.contains(WaitOptions::NOHANG) => Patience::Leave,
            Who::Handle(_, PidfdMode::NonBlocking) => Patience::Fail(Errno::EAGAIN),
            _ => Patience::Sleep,
        }
    }
}
