//! Calls on terminals.

use axprocess::{
    AcquireTerminal, AdminRight, Errno, IfTaken, StopSignal, TerminalAccess, TerminalFile,
    TerminalKind, TerminalSide,
};

use super::{World, signal_of, take};
use crate::call::Call;

impl World {
    /// `None`: there is no such caller, the call failed, or it is another's.
    pub(super) fn play_terminal(&mut self, call: Call) -> Option<()> {
        match call {
            Call::NewTerminal { kind } if self.terminals.len() < 8 => {
                let kind =
                    [TerminalKind::PseudoTerminal, TerminalKind::Other][usize::from(kind & 1)];
                self.terminals.push(Some(self.table.new_terminal(kind, 0x8800, ()).unwrap()));
            }
            Call::OpenTerminal { by, terminal, how } => {
                self.process(by)?.open_terminal(self.terminal(terminal)?, file_of(how));
            }
            Call::AcquireTerminal { by, terminal, how } => {
                let request = AcquireTerminal {
                    file: file_of(how),
                    if_taken: [IfTaken::Refuse, IfTaken::Steal][usize::from(how >> 1 & 1)],
                    right: [AdminRight::Absent, AdminRight::Present][usize::from(how >> 2 & 1)],
                };
                self.process(by)?.acquire_terminal(self.terminal(terminal)?, request).ok()?;
            }
            Call::ReleaseTerminal { by, terminal, how } => {
                self.process(by)?.release_terminal(self.terminal(terminal)?, side_of(how)).ok()?;
            }
            Call::Tcgetpgrp { by, terminal, how } => {
                self.process(by)?.tcgetpgrp(self.terminal(terminal)?, side_of(how)).ok()?;
            }
            Call::Tcgetsid { by, terminal, how } => {
                self.process(by)?.tcgetsid(self.terminal(terminal)?, side_of(how)).ok()?;
            }
            Call::Tcsetpgrp { by, terminal, pgid, how } => {
                let pgid = if how & 2 == 0 { Ok(pgid.value()) } else { Err(Errno::EFAULT) };
                let terminal = self.terminal(terminal)?;
                self.process(by)?.tcsetpgrp(terminal, pgid, stop_signal_of(how)).ok()?;
            }
            Call::UseTerminal { by, terminal, how } => {
                let access = [
                    TerminalAccess::Read,
                    TerminalAccess::Write,
                    TerminalAccess::WriteWithTostop,
                    TerminalAccess::Change,
                ][usize::from(how >> 1 & 3)];
                let terminal = self.terminal(terminal)?;
                self.process(by)?
                    .check_terminal_access(terminal, access, stop_signal_of(how))
                    .ok()?;
            }
            Call::SignalForeground { terminal, signal } => {
                self.terminal(terminal)?.signal_foreground(signal_of(signal.value())?);
            }
            Call::HangUp { terminal } => drop(self.terminal(terminal)?.hang_up()),
            Call::DropTerminal { terminal } => drop(take(&mut self.terminals, terminal)),
            _ => return None,
        }
        Some(())
    }
}

const fn file_of(how: u8) -> TerminalFile {
    if how & 1 == 0 { TerminalFile::Readable } else { TerminalFile::WriteOnly }
}

const fn side_of(how: u8) -> TerminalSide {
    if how & 1 == 0 { TerminalSide::Slave } else { TerminalSide::Master }
}

const fn stop_signal_of(how: u8) -> StopSignal {
    if how & 1 == 0 { StopSignal::Effective } else { StopSignal::BlockedOrIgnored }
}
