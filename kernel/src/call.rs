//! What system calls are made of: who calls, what they come to, what stands in memory.

use alloc::sync::Arc;

use axprocess::{ARef, Errno, GivenInfo, PidfdMode, TerminalAnswer};
use axprocess_signals::{Caller, Restart, SignalSet, read_siginfo, signals_of};
use linux_raw_sys::general::O_NONBLOCK;

use crate::files::Pidfd;
use crate::host::{PidHandle, System, Thread};
use crate::machine::{AddressSpace, Registers};
use crate::thread::User;

/// A thread that makes a call.
pub(crate) struct Call<'a> {
    pub(crate) thread: &'a ARef<Thread>,
    pub(crate) user: &'a mut User,
}

/// What a call has come to, where that is no value.
pub(crate) enum Failure {
    Errno(Errno),
    /// Something wants the thread; then the call is made again, or `EINTR`.
    Interrupted(Restart),
    /// The thread goes on elsewhere: its registers are set.
    Replaced,
    Exited,
}

pub(crate) type Answer = Result<u64, Failure>;

impl<E> From<E> for Failure
where
    Errno: From<E>,
{
    fn from(error: E) -> Self {
        Self::Errno(error.into())
    }
}

/// What a call requires: else it is refused.
pub(crate) fn ensure(is_met: bool, errno: Errno) -> Result<(), Errno> {
    if is_met { Ok(()) } else { Err(errno) }
}

pub(crate) fn number_of(number: Result<u32, Errno>) -> Answer {
    Ok(number?.into())
}

pub(crate) fn nothing(result: Result<(), Errno>) -> Answer {
    Ok(result.map(|()| 0)?)
}

/// What calls are made of.
impl Call<'_> {
    pub(crate) fn arguments(&self) -> [u64; 6] {
        let Registers { rdi, rsi, rdx, r10, r8, r9, .. } = self.user.registers;
        [rdi, rsi, rdx, r10, r8, r9]
    }

    pub(crate) fn signals(&self) -> Caller<'_, System> {
        signals_of(self.thread)
    }

    pub(crate) fn space(&self) -> Result<Arc<AddressSpace>, Errno> {
        self.thread.host_data().space()
    }

    pub(crate) fn set_at(&self, at: u64) -> Result<SignalSet, Errno> {
        self.space()?.get(at).map(SignalSet::from_bits)
    }

    /// What a caller says of its signal itself; its number too, if no other counts.
    pub(crate) fn given_info(&self, signal: Option<i32>, at: u64) -> Result<GivenInfo, Errno> {
        let space = self.space()?;
        read_siginfo(signal, |from, to| space.copy_in(at.wrapping_add(from as u64), to))
    }

    pub(crate) fn pidfd(&self, fd: i32) -> Result<(PidHandle, PidfdMode), Errno> {
        if let Some(own) = self.thread.pidfd_self(fd)? {
            return Ok((own, PidfdMode::Blocking));
        }
        let file = self.file(fd)?;
        let sleeps_not = file.has(O_NONBLOCK);
        let mode = if sleeps_not { PidfdMode::NonBlocking } else { PidfdMode::Blocking };
        Ok((file.as_kind::<Pidfd>().ok_or(Errno::EBADF)?.0.clone(), mode))
    }

    /// A terminal's answer: the call goes on, or is made again behind the signal that it has posted.
    pub(crate) fn go_on(answer: TerminalAnswer) -> Result<(), Failure> {
        match answer {
            TerminalAnswer::Allowed => Ok(()),
            TerminalAnswer::SignalPosted(_) => {
                Err(Failure::Interrupted(Restart::UnlessHandlerSaysNo))
            }
        }
    }
}

/// What stands at an address; nothing at 0.
pub(crate) fn optional<T>(
    at: u64,
    read: impl FnOnce() -> Result<T, Errno>,
) -> Result<Option<T>, Errno> {
    if at == 0 { Ok(None) } else { read().map(Some) }
}
