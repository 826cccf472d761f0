//! Files that stand for processes and signals: pidfd_open(2), signalfd(2).

use axprocess::{Errno, InfoMask};
use axprocess_signals::{SignalSet, signals_of};

use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK};

use super::{File, OpenFile, READABLE, Status};
use crate::call::{Answer, Call, Failure, ensure};
use crate::host::{PidHandle, Thread};
use crate::machine::IrqLock;
use crate::wait::{self, Key};

/// A name of a process or thread.
pub(crate) struct Pidfd(pub(crate) PidHandle);

impl Pidfd {
    /// `PIDFD_GET_INFO`: the end of the process, if it is asked for, and its numbers.
    fn info(&self, call: &Call<'_>, at: u64) -> Answer {
        const WORDS: usize = 8;
        /// All are 0: there is one user.
        const CREDENTIALS: u64 = 2;
        let space = call.space()?;
        let wanted = InfoMask::from_bits_truncate(space.get(at)?);
        let info = self.0.info(call.thread.process(), wanted)?;
        let mut words = [0_u64; WORDS];
        if let Some(numbers) = info.numbers {
            words[0] |= InfoMask::PID.bits() | CREDENTIALS;
            words[2] = u64::from(numbers.pid) | u64::from(numbers.tgid) << 32;
            words[3] = numbers.ppid.into();
        }
        if let Some(exit) = info.exit {
            words[0] |= InfoMask::EXIT.bits();
            words[7] = u64::from(exit.to_raw().cast_unsigned()) << 32;
        }
        space.put(at, &words)?;
        Ok(0)
    }
}

impl File for Pidfd {
    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let key = match self.0.non_leader_thread() {
            Some(thread) => Some(Key::of(&*thread)),
            None => self.0.process().map(|process| Key::of(&*process)),
        };
        (self.0.poll().bits(), key)
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        /// Of the number of a request: all but its size.
        const KIND: u32 = 0xc000_ffff;
        const GET_INFO: u32 = 0xc000_ff0b;
        match request & KIND {
            GET_INFO => self.info(call, argument),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn status(&self) -> Status {
        Status { number: self.0.identity().serial(), ..Status::default() }
    }
}

/// Takes signals of a set by reading.
pub(crate) struct Signalfd(IrqLock<SignalSet>);

/// `struct signalfd_siginfo`.
const SIGNALFD_INFO: usize = 128;

impl Signalfd {
    /// Makes one, or changes the set of one that is there.
    pub(crate) fn open(call: &Call<'_>, fd: i32, set: SignalSet, flags: u32) -> Answer {
        ensure(flags & !(O_NONBLOCK | O_CLOEXEC) == 0, Errno::EINVAL)?;
        if fd != -1 {
            let file = call.file(fd)?;
            *file.as_kind::<Self>().ok_or(Errno::EINVAL)?.0.lock() = set;
            // Who reads it may have a signal now.
            wait::wake_all(Key::of(&**call.thread.process()));
            return Ok(fd as u64);
        }
        let file = OpenFile::of(Self(IrqLock::new(set)))?;
        file.change(O_NONBLOCK, flags);
        call.install(file, flags & O_CLOEXEC != 0)
    }
}

impl File for Signalfd {
    fn read(&self, by: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        ensure(to.len() >= SIGNALFD_INFO, Errno::EINVAL)?;
        let (set, mut taken) = (*self.0.lock(), 0);
        for place in to.chunks_exact_mut(SIGNALFD_INFO) {
            let Some(info) = signals_of(by).read_signalfd(set) else { break };
            place.copy_from_slice(&info.to_signalfd_siginfo());
            taken += place.len();
        }
        if taken == 0 { Err(Errno::EAGAIN.into()) } else { Ok(taken) }
    }

    fn poll(&self, by: &Thread) -> (u32, Option<Key>) {
        let is_ready = signals_of(by).polls_signalfd(*self.0.lock());
        (if is_ready { READABLE } else { 0 }, Some(Key::of(&**by.process())))
    }
}
