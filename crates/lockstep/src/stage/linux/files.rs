//! The descriptors behind the names of a script's files, and the calls that use them.
//!
//! Workers share their files with the controller until they execute a program. So the controller makes the pseudo-terminals for them,
//! several calls each, and closes what is left in the end. The terminals live through an exec, masters and pidfds do not.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering::Relaxed;

use super::super::Outcome;
use super::super::slot::Slot;
use super::orders::{Answer, Order, plain, put};
use crate::script::{
    Ask, IfTaken, Mode, Name, Operation, PidfdCall, Side, SignalfdCall, TerminalCall, Writers,
};

/// Not in libc: sends a signal to the foreground, through the master.
const TIOCSIG: i64 = 0x4004_5436;
/// Not in libc: asks a pidfd, into a `struct pidfd_info` of 64 bytes.
const PIDFD_GET_INFO: i64 = 0xc040_ff0b;
const INFO_NUMBERS: u64 = 1;
const INFO_END: u64 = 1 << 3;

/// All descriptors of one script.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    pairs: HashMap<Name, Pair>,
    /// Pidfds and signalfds.
    others: HashMap<Name, (RawFd, Table)>,
}

/// In whose table of files a descriptor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// In the controller's.
    Shared,
    /// In that of an actor that has executed a program.
    Own,
}

/// A pseudo-terminal.
#[derive(Debug)]
struct Pair {
    master: Option<OwnedFd>,
    slave: OwnedFd,
}

impl Pair {
    fn open(writers: Writers) -> io::Result<Self> {
        const FLAGS: i32 = libc::O_RDWR | libc::O_NOCTTY;
        // SAFETY: the path is a C string; the descriptors were just made, and belong to nobody else; `settings` lives across its calls.
        unsafe {
            let master = own(libc::open(c"/dev/ptmx".as_ptr(), FLAGS | libc::O_CLOEXEC))?;
            let unlock = 0;
            checked(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock))?;
            let flags = FLAGS | libc::O_NONBLOCK;
            let slave = own(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags))?;
            if writers == Writers::Stopped {
                let mut settings: libc::termios = std::mem::zeroed();
                checked(libc::tcgetattr(slave.as_raw_fd(), &raw mut settings))?;
                settings.c_lflag |= libc::TOSTOP;
                checked(libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &raw const settings))?;
            }
            Ok(Self { master: Some(master), slave })
        }
    }

    fn side(&self, side: Side) -> i64 {
        let descriptor = match (side, &self.master) {
            (Side::Slave, _) => self.slave.as_raw_fd(),
            (Side::Master, Some(master)) => master.as_raw_fd(),
            (Side::Master, None) => -1,
        };
        i64::from(descriptor)
    }
}

impl Descriptors {
    /// Makes what an operation needs before its actor can do it.
    pub(super) fn prepare(&mut self, operation: &Operation) -> io::Result<()> {
        if let Operation::Terminal(name, TerminalCall::Make(writers)) = operation {
            self.pairs.insert(name.clone(), Pair::open(*writers)?);
        }
        Ok(())
    }

    /// Takes note of the descriptor that an operation has opened, in which table of files; what the operation returns without it.
    pub(super) fn finish(&mut self, operation: &Operation, table: Table, result: i64) -> i64 {
        match operation {
            Operation::Pidfd(name, PidfdCall::Open(..))
            | Operation::Signalfd(name, SignalfdCall::Watch(_)) => {
                self.others.entry(name.clone()).or_insert((result as RawFd, table));
                0
            }
            Operation::Terminal(_, TerminalCall::Open(_)) => {
                // SAFETY: the actor has just opened it, and nobody else knows it.
                unsafe { libc::close(result as RawFd) };
                0
            }
            Operation::Terminal(_, TerminalCall::Make(_)) => 0,
            _ => result,
        }
    }

    /// Takes note that a master is closed, also by an actor whom the hang-up has ended.
    pub(super) fn forget(&mut self, operation: &Operation) {
        if let Operation::Terminal(name, TerminalCall::HangUp) = operation {
            let master = self.pairs.get_mut(name).and_then(|pair| pair.master.take());
            // The actor has closed it.
            let _ = master.map(std::os::fd::IntoRawFd::into_raw_fd);
        }
    }

    /// The system call that does something with a terminal.
    pub(super) fn terminal(&self, slot: &Slot, name: &str, wanted: &TerminalCall) -> Order {
        let side = |side| self.pairs.get(name).map_or(-1, |pair| pair.side(side));
        let slave = side(Side::Slave);
        let ioctl = |side, request: u64, argument| {
            Order::call(libc::SYS_ioctl, &[side, request.cast_signed(), argument])
        };
        match wanted {
            // The controller has made it.
            TerminalCall::Make(_) => Order::call(libc::SYS_getpid, &[]),
            TerminalCall::Open(mode) => {
                let mode = if *mode == Mode::Both { libc::O_RDWR } else { libc::O_WRONLY };
                ioctl(side(Side::Master), libc::TIOCGPTPEER, i64::from(mode | libc::O_CLOEXEC))
            }
            TerminalCall::Acquire(by, if_taken) => {
                ioctl(side(*by), libc::TIOCSCTTY, i64::from(*if_taken == IfTaken::Steal))
            }
            TerminalCall::Release(by) => ioctl(side(*by), libc::TIOCNOTTY, 0),
            TerminalCall::Foreground(by) => {
                ioctl(side(*by), libc::TIOCGPGRP, put(slot, &[0])).answered(Answer::Stored)
            }
            TerminalCall::SetForeground(by, group) => {
                let group = put(slot, &[plain(group).cast_unsigned() & 0xffff_ffff]);
                ioctl(side(*by), libc::TIOCSPGRP, group)
            }
            TerminalCall::Session(by) => {
                ioctl(side(*by), libc::TIOCGSID, put(slot, &[0])).answered(Answer::Stored)
            }
            TerminalCall::Read => Order::call(libc::SYS_read, &[slave, put(slot, &[0]), 1]),
            TerminalCall::Write => Order::call(libc::SYS_write, &[slave, put(slot, &[120]), 1]),
            TerminalCall::Change => ioctl(slave, libc::TCFLSH, libc::TCIFLUSH.into()),
            TerminalCall::Signal(signal) => {
                let request = TIOCSIG.cast_unsigned();
                ioctl(side(Side::Master), request, i64::from(*signal))
            }
            TerminalCall::HangUp => Order::call(libc::SYS_close, &[side(Side::Master)]),
        }
    }

    /// The system call that does something with a signalfd.
    pub(super) fn signalfd(&self, slot: &Slot, name: &str, wanted: SignalfdCall) -> Order {
        let descriptor = self.other(name);
        match wanted {
            SignalfdCall::Watch(set) => {
                let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
                let given = [descriptor, put(slot, &[set.0]), 8, flags.into()];
                Order::call(libc::SYS_signalfd4, &given)
            }
            SignalfdCall::Read => {
                let place = put(slot, &[0; 16]);
                Order::call(libc::SYS_read, &[descriptor, place, 128]).answered(Answer::Signalfd)
            }
        }
    }

    /// The descriptor of that name, if it is no terminal; −1: there is none yet.
    fn other(&self, name: &str) -> i64 {
        self.others.get(name).map_or(-1, |(descriptor, _)| i64::from(*descriptor))
    }

    /// The system call that does something with a pidfd.
    pub(super) fn pidfd(&self, slot: &Slot, name: &str, wanted: &PidfdCall) -> Order {
        let pidfd = self.other(name);
        match wanted {
            PidfdCall::Open(who, flags) => {
                Order::call(libc::SYS_pidfd_open, &[plain(who), i64::from(*flags)])
            }
            PidfdCall::Send(signal, scope) => {
                let given = [pidfd, i64::from(*signal), 0, i64::from(*scope)];
                Order::call(libc::SYS_pidfd_send_signal, &given)
            }
            PidfdCall::Poll => {
                let events = u64::from((libc::POLLIN | libc::POLLHUP).cast_unsigned());
                let wanted = put(slot, &[pidfd.cast_unsigned() & 0xffff_ffff | events << 32]);
                Order::call(libc::SYS_poll, &[wanted, 1, 0]).answered(Answer::Poll)
            }
            PidfdCall::Info(ask) => {
                let end = if *ask == Ask::End { INFO_END } else { 0 };
                let info = put(slot, &[INFO_NUMBERS | end, 0, 0, 0, 0, 0, 0, 0]);
                let given = [pidfd, PIDFD_GET_INFO, info];
                Order::call(libc::SYS_ioctl, &given).answered(Answer::Info)
            }
            PidfdCall::Wait(options) => {
                const P_PIDFD: i64 = 3;
                let info = put(slot, &[0; 16]);
                let given = [P_PIDFD, pidfd, info, i64::from(*options), 0];
                Order::call(libc::SYS_waitid, &given).answered(Answer::WaitId)
            }
            PidfdCall::EnterPid => {
                Order::call(libc::SYS_setns, &[pidfd, libc::CLONE_NEWPID.into()])
            }
        }
    }
}

/// The descriptors that stand in the controller's table; the others go with the processes that have them.
impl Drop for Descriptors {
    fn drop(&mut self) {
        for (descriptor, table) in self.others.values() {
            if *table == Table::Shared {
                // SAFETY: an actor has opened it, and no other has closed it.
                unsafe { libc::close(*descriptor) };
            }
        }
    }
}

/// What `struct pidfd_info` says.
pub(super) fn read_info(slot: &Slot) -> Outcome {
    let word = |index: usize| slot.scratch[index].load(Relaxed);
    if word(0) & INFO_END != 0 {
        return Outcome::Child { pid: 0, status: (word(7) >> 32) as i32 };
    }
    Outcome::Value(i64::from(word(2) as i32))
}

/// Whether `struct rusage` says that children have run: every worker has slept at least once, so it has been off a CPU.
pub(super) fn has_usage(slot: &Slot) -> bool {
    slot.scratch[16].load(Relaxed) + slot.scratch[17].load(Relaxed) > 0
}

/// Whether there are pseudo-terminals.
pub(in super::super) fn can_make_terminals() -> bool {
    Pair::open(Writers::Free).is_ok()
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn own(descriptor: i32) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor was just made, and belongs to nobody else.
    checked(descriptor).map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
}
