//! Signals by handle: pidfd_send_signal(2).
//!
//! Like the calls by number, but nobody can slip in under the number: the handle names its target for ever. What it names can be
//! gone, and still be the name of a group that lives.

use super::{GivenInfo, Sending, Target};
use crate::pid::Task;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{Errno, Host, PidHandle};

/// Whom of what a handle names a signal is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SignalScope {
    /// The thread, if the handle is one of a thread, else the process.
    #[default]
    OfHandle,
    /// The thread; for a handle of a process, its leader (`PIDFD_SIGNAL_THREAD`).
    Thread,
    /// The whole process (`PIDFD_SIGNAL_THREAD_GROUP`).
    Process,
    /// The group that is named after it (`PIDFD_SIGNAL_PROCESS_GROUP`).
    Group,
}

impl SignalScope {
    /// Reads the flags of pidfd_send_signal(2). R-PIDFD-04.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an unknown flag, or more than one.
    ///
    /// ```
    /// use axprocess::{Errno, SignalScope};
    /// assert_eq!(SignalScope::from_flags(4), Ok(SignalScope::Group));
    /// assert_eq!(SignalScope::from_flags(3), Err(Errno::EINVAL));
    /// ```
    pub const fn from_flags(flags: u32) -> Result<Self, Errno> {
        match flags {
            0 => Ok(Self::OfHandle),
            1 => Ok(Self::Thread),
            2 => Ok(Self::Process),
            4 => Ok(Self::Group),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl<H: Host> Thread<H> {
    /// Sends a signal to what a handle names; signal 0 only asks whether one could.
    ///
    /// Serves pidfd_send_signal(2), with this thread as the caller: parse the flags with [`SignalScope::from_flags`], look the pidfd
    /// up with [`pidfd_self`](Self::pidfd_self) or among the files, call this. `info`: what the caller gives, or `EFAULT`, which is
    /// reported in its turn; `None`: it gives nothing. Without it the signal is kill's, or tkill's if it is for a thread. R-PIDFD-04, R-KILL-07.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `EINVAL`: the target lives in no namespace that the caller's contains.
    /// * What `info` brings along: `EFAULT`. `EINVAL`: it is of another signal. `EPERM`: it could pass for the kernel's
    ///   own, and the target is not the caller.
    /// * `ESRCH`: the target is gone; for a group, none that lives is named after it.
    /// * `EINVAL`: no such signal. `EPERM`: the host does not allow it. `EAGAIN`: it has no place for the signal (R-SIG-22).
    pub fn pidfd_send_signal(
        &self,
        handle: &PidHandle<H>,
        signal: i32,
        scope: SignalScope,
        info: Option<Result<GivenInfo, Errno>>,
    ) -> Result<(), Errno> {
        let scope = match scope {
            SignalScope::OfHandle if handle.is_of_thread() => SignalScope::Thread,
            SignalScope::OfHandle => SignalScope::Process,
            said => said,
        };
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            if !handle.is_visible_to(hold, own) {
                return Err(Errno::EINVAL);
            }
            let is_own = scope != SignalScope::Group && handle.names(hold, self);
            let given = match info.transpose()? {
                Some(info) if info.signal != signal => return Err(Errno::EINVAL),
                Some(info) if info.is_impersonation() && !is_own => return Err(Errno::EPERM),
                info => info,
            };
            let mut sending = Sending { given, ..Sending::new(own, signal) };
            match scope {
                SignalScope::Group => {
                    let group =
                        handle.identity_key_if_tgid(hold).and_then(|named| named.group(hold));
                    sending.hit_group(hold, group.ok_or(Errno::ESRCH)?)
                }
                SignalScope::Thread => {
                    sending.hit_thread(hold, handle.target(hold).ok_or(Errno::ESRCH)?)
                }
                SignalScope::OfHandle | SignalScope::Process => {
                    sending.hit_process_addressed(hold, &handle.target(hold).ok_or(Errno::ESRCH)?)
                }
            }
        })
    }
}

impl<H: Host> PidHandle<H> {
    /// Whether it names this very thread, by the number that the thread has now.
    fn names(&self, hold: &Hold<'_, H>, thread: &Thread<H>) -> bool {
        self.target(hold)
            .and_then(|target| target.thread)
            .is_some_and(|it| core::ptr::eq(it, thread))
    }

    /// Whom a signal hits; `None` when the handle is at its end.
    fn target<'h>(&self, hold: &Hold<'h, H>) -> Option<Target<'h, H>> {
        Some(match self.identity().task(hold)? {
            Task::Process(process) => {
                let process = process.get(hold);
                Target { process, thread: process.leader(hold) }
            }
            Task::Thread(thread) => {
                let thread = thread.get(hold);
                Target { process: thread.process_in(hold), thread: Some(thread) }
            }
        })
    }
}
