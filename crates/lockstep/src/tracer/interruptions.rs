//! Calls that fail with `EINTR` because of a signal that their process ignores.
//!
//! Linux drops such a signal where it is sent. But the tracer of the receiver hears of it, and so it interrupts. Most calls begin again by themselves then. Of the others, those that wait
//! without a limit of time are begun again here; of the rest it is said that they were interrupted.

use libc::c_int;

use super::Tracer;
use crate::ledger::Fact;
use crate::operation::Alteration;
use crate::procfs;
use crate::sys::{self, InterruptedCall, Pid};

impl Tracer<'_> {
    /// Sees to it that a thread that is about to take a signal goes on as if there were none, if its process ignores that.
    pub(super) fn undo_interruption(&mut self, tid: Pid, signal: c_int) {
        let Some(call) = sys::interrupted_call(tid) else { return };
        if !procfs::is_ignored(tid, signal) {
            return;
        }
        if !waits_without_limit(&call) || sys::begin_call_anew(tid).is_err() {
            self.ledger.note(Fact::Altered { tid, how: Alteration::Interrupted });
        }
    }
}

/// Whether a call ends only by what it waits for: then to begin it again is to go on.
fn waits_without_limit(call: &InterruptedCall) -> bool {
    let InterruptedCall { number, arguments } = call;
    match *number {
        libc::SYS_semop => true,
        libc::SYS_semtimedop | libc::SYS_epoll_pwait2 => arguments[3] == 0,
        libc::SYS_rt_sigtimedwait => arguments[2] == 0,
        libc::SYS_io_getevents => arguments[4] == 0,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => (arguments[3] as c_int) < 0,
        libc::SYS_epoll_pwait => (arguments[3] as c_int) < 0,
        _ => false,
    }
}
