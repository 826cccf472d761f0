//! Terminals of the model, by the numbers of their devices.

use axprocess::{
    ARef, AcquireTerminal, AdminRight, CttyChange, IfTaken, StopSignal, Terminal, TerminalAnswer,
    TerminalFile, TerminalKind, TerminalSide,
};

use super::host::World;
use super::{Model, Refusal};
use crate::operation::{Acquire, Device};
use crate::sys::Pid;

/// A terminal, and through which side it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The terminal itself.
    Slave(Device),
    /// A pseudo-terminal, through its master.
    Master(Device),
}

impl Asked {
    /// The terminal.
    pub(crate) const fn device(self) -> Device {
        let (Self::Slave(device) | Self::Master(device)) = self;
        device
    }

    const fn side(self) -> TerminalSide {
        match self {
            Self::Slave(_) => TerminalSide::Slave,
            Self::Master(_) => TerminalSide::Master,
        }
    }
}

impl Model {
    /// A process has opened a terminal. Returns whether that is its controlling one now.
    pub(crate) fn open_terminal(&mut self, pid: Pid, device: Device) -> Result<bool, Refusal> {
        let terminal = self.terminal(device);
        let opened = self.process(pid)?.open_terminal(&terminal, TerminalFile::Readable);
        Ok(opened == CttyChange::Acquired)
    }

    /// A group comes into the foreground, by a leader who may do that.
    pub(super) fn put_in_foreground(
        &mut self,
        leader: Pid,
        device: Device,
        group: Pid,
    ) -> Result<(), Refusal> {
        let terminal = self.terminal(device);
        let group = Ok(group.cast_signed());
        self.process(leader)?.tcsetpgrp(&terminal, group, StopSignal::BlockedOrIgnored)?;
        Ok(())
    }

    /// The terminal has hung up.
    pub(crate) fn hang_up(&mut self, device: Device) {
        self.terminal(device).hang_up();
    }

    /// The leader of the session that a terminal controls.
    pub(crate) fn terminal_leader(&mut self, device: Device) -> Option<Pid> {
        let session = self.terminal(device).session()?;
        Some(session.sid_in(self.table.namespace())).filter(|&leader| leader != 0)
    }

    /// `TIOCSCTTY`.
    pub(crate) fn acquire_terminal(
        &mut self,
        tid: Pid,
        device: Device,
        how: Acquire,
    ) -> Result<Pid, Refusal> {
        let request = AcquireTerminal {
            file: if how.is_readable { TerminalFile::Readable } else { TerminalFile::WriteOnly },
            if_taken: if how.may_steal { IfTaken::Steal } else { IfTaken::Refuse },
            right: if how.is_admin { AdminRight::Present } else { AdminRight::Absent },
        };
        let terminal = self.terminal(device);
        self.thread(tid)?.process().acquire_terminal(&terminal, request)?;
        Ok(0)
    }

    /// `TIOCNOTTY`.
    pub(crate) fn release_terminal(&mut self, tid: Pid, asked: Asked) -> Result<Pid, Refusal> {
        let terminal = self.terminal(asked.device());
        self.thread(tid)?.process().release_terminal(&terminal, asked.side())?;
        Ok(0)
    }

    /// `TIOCGPGRP`.
    pub(crate) fn foreground(&mut self, tid: Pid, asked: Asked) -> Result<Pid, Refusal> {
        let terminal = self.terminal(asked.device());
        Ok(self.thread(tid)?.process().tcgetpgrp(&terminal, asked.side())?)
    }

    /// `TIOCGSID`.
    pub(crate) fn terminal_session(&mut self, tid: Pid, asked: Asked) -> Result<Pid, Refusal> {
        let terminal = self.terminal(asked.device());
        Ok(self.thread(tid)?.process().tcgetsid(&terminal, asked.side())?)
    }

    /// `TIOCSPGRP`. The error of a call that starts again after the signal is that of the kernel itself.
    pub(crate) fn set_foreground(
        &mut self,
        tid: Pid,
        device: Device,
        group: Option<i32>,
        is_immune: bool,
    ) -> Result<Pid, Refusal> {
        let terminal = self.terminal(device);
        let group = group.ok_or(axprocess::Errno::EFAULT);
        let stop_signal =
            if is_immune { StopSignal::BlockedOrIgnored } else { StopSignal::Effective };
        match self.thread(tid)?.process().tcsetpgrp(&terminal, group, stop_signal)? {
            TerminalAnswer::Allowed => Ok(0),
            TerminalAnswer::SignalPosted(_) => Err(Refusal::Errno(ERESTARTSYS)),
        }
    }

    fn terminal(&mut self, device: Device) -> ARef<Terminal<World>> {
        const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
        let is_pseudo = PSEUDO_TERMINALS.contains(&((device >> 8) & 0xfff));
        let kind = if is_pseudo { TerminalKind::PseudoTerminal } else { TerminalKind::Other };
        let table = &self.table;
        let terminal = self.terminals.entry(device);
        ARef::clone(terminal.or_insert_with(|| table.new_terminal(kind, device, ()).unwrap()))
    }
}

/// The kernel's own: the call starts again.
pub(crate) const ERESTARTSYS: i32 = 512;
