//! Controlling terminals.

use axprocess::{
    AcquireTerminal, AdminRight, CttyChange, Errno, IfTaken, Signal, SignalCause, StopSignal,
    TerminalAccess, TerminalAnswer, TerminalFile, TerminalKind, TerminalRelease, TerminalSide,
};

use super::{Hook, PidKey, ProcessKey, TerminalKey, World};

/// How it is got.
impl World {
    /// R-TTY-01.
    pub(crate) fn open_terminal(
        &mut self,
        caller: ProcessKey,
        terminal: TerminalKey,
        file: TerminalFile,
    ) -> CttyChange {
        let wants = self[caller].leads_session && self[caller].terminal.is_none();
        let is_free = self[terminal].session.is_none();
        if wants && is_free && file == TerminalFile::Readable {
            self.take_terminal(caller, terminal)
        } else {
            CttyChange::Unchanged
        }
    }

    /// R-TTY-02.
    pub(crate) fn acquire_terminal(
        &mut self,
        caller: ProcessKey,
        terminal: TerminalKey,
        request: AcquireTerminal,
    ) -> Result<CttyChange, Errno> {
        let leads = self[caller].leads_session;
        if leads && self[terminal].session == Some(self[caller].session) {
            return Ok(CttyChange::Unchanged);
        }
        if !leads || self[caller].terminal.is_some() {
            return Err(Errno::EPERM);
        }
        let is_admin = request.right == AdminRight::Present;
        if self[terminal].session.is_some() {
            if request.if_taken != IfTaken::Steal || !is_admin {
                return Err(Errno::EPERM);
            }
            self.detach(terminal);
        }
        if request.file == TerminalFile::WriteOnly && !is_admin {
            return Err(Errno::EPERM);
        }
        Ok(self.take_terminal(caller, terminal))
    }

    fn take_terminal(&mut self, leader: ProcessKey, terminal: TerminalKey) -> CttyChange {
        self[terminal].session = Some(self[leader].session);
        self[terminal].foreground = Some(self[leader].group);
        self[leader].terminal = Some(terminal);
        self[leader].foreground_at_hang_up = None;
        CttyChange::Acquired
    }
}

/// How it is lost.
impl World {
    /// R-TTY-03.
    pub(crate) fn release_terminal(
        &mut self,
        caller: ProcessKey,
        terminal: TerminalKey,
        side: TerminalSide,
    ) -> Result<TerminalRelease, Errno> {
        if side == TerminalSide::Master || self[caller].terminal != Some(terminal) {
            return Err(Errno::ENOTTY);
        }
        if !self[caller].leads_session {
            self[caller].terminal = None;
            return Ok(TerminalRelease::Process);
        }
        if let Some(foreground) = self[terminal].foreground {
            for signal in [Signal::SIGHUP, Signal::SIGCONT] {
                self.send_to_group_from(caller, foreground, signal);
            }
        }
        self.detach(terminal);
        Ok(TerminalRelease::Session)
    }

    /// The line is gone. Whether it controlled a session. R-TTYEXIT-07.
    pub(crate) fn hang_up(&mut self, terminal: TerminalKey) -> bool {
        let had_session = self[terminal].session.is_some();
        self.tell_leader_of_hang_up(terminal);
        self.detach(terminal);
        had_session
    }

    fn tell_leader_of_hang_up(&mut self, terminal: TerminalKey) {
        let has_it = |&process: &ProcessKey| {
            self[process].leads_session && Some(self[process].session) == self[terminal].session
        };
        if let Some(leader) = self.processes().into_iter().find(has_it) {
            self.send(leader, Signal::SIGHUP, SignalCause::Kernel);
            self.send(leader, Signal::SIGCONT, SignalCause::Kernel);
            self[leader].foreground_at_hang_up = self[terminal].foreground;
        }
    }

    /// The exit of a session leader. R-TTYEXIT-01, R-TTYEXIT-03, R-TTYEXIT-04, R-TTYEXIT-06.
    pub(super) fn lose_terminal_at_exit(&mut self, leader: ProcessKey) {
        let Some(terminal) = self[leader].terminal else {
            if let Some(foreground) = self[leader].foreground_at_hang_up {
                self.send_to_group(foreground, Signal::SIGHUP);
                self.send_to_group(foreground, Signal::SIGCONT);
            }
            return;
        };
        if self[terminal].kind == TerminalKind::Other {
            self.hooks.push(Hook::HungUp { terminal });
            self.tell_leader_of_hang_up(terminal);
        }
        if let Some(foreground) = self[terminal].foreground {
            self.send_to_group(foreground, Signal::SIGHUP);
        }
        self.detach(terminal);
    }

    /// Every process that has the terminal loses it.
    fn detach(&mut self, terminal: TerminalKey) {
        for process in self.processes() {
            if self[process].terminal == Some(terminal) {
                self[process].terminal = None;
            }
        }
        self[terminal].session = None;
        self[terminal].foreground = None;
    }
}

/// The foreground, and who may use the terminal.
impl World {
    /// R-TTY-04.
    pub(crate) fn tcgetpgrp(
        &self,
        caller: ProcessKey,
        terminal: TerminalKey,
        side: TerminalSide,
    ) -> Result<u32, Errno> {
        if side == TerminalSide::Slave && self[caller].terminal != Some(terminal) {
            return Err(Errno::ENOTTY);
        }
        let number = |foreground| self.number_in(foreground, self.space_of(caller));
        Ok(self[terminal].foreground.map_or(0, number))
    }

    /// R-TTY-05.
    pub(crate) fn tcgetsid(
        &self,
        caller: ProcessKey,
        terminal: TerminalKey,
        side: TerminalSide,
    ) -> Result<u32, Errno> {
        if side == TerminalSide::Slave && self[caller].terminal != Some(terminal) {
            return Err(Errno::ENOTTY);
        }
        let session = self[terminal].session.ok_or(Errno::ENOTTY)?;
        Ok(self.number_in(session, self.space_of(caller)))
    }

    /// R-TTY-06 to R-TTY-09.
    pub(crate) fn tcsetpgrp(
        &mut self,
        caller: ProcessKey,
        terminal: TerminalKey,
        number: Result<i32, Errno>,
        stop_signal: StopSignal,
    ) -> Result<TerminalAnswer, Errno> {
        let answer = self.access(caller, terminal, TerminalAccess::Change, stop_signal);
        let answer = answer.map_err(|_| Errno::ENOTTY)?;
        if answer != TerminalAnswer::Allowed {
            return Ok(answer);
        }
        let number = number?;
        if number < 0 {
            return Err(Errno::EINVAL);
        }
        let session = self[caller].session;
        if self[caller].terminal != Some(terminal) || self[terminal].session != Some(session) {
            return Err(Errno::ENOTTY);
        }
        let named = self.find(self.space_of(caller), number).ok_or(Errno::ESRCH)?;
        if self.session_of(named) != Some(session) {
            return Err(Errno::EPERM);
        }
        self[terminal].foreground = Some(named);
        Ok(TerminalAnswer::Allowed)
    }

    /// R-TTY-07: that of the group; of the process or thread, if there is no group.
    fn session_of(&self, named: PidKey) -> Option<PidKey> {
        let member = self.members(named).first().copied();
        let process = member.or_else(|| self.thread_with(named).map(|it| self.process_of(it)))?;
        Some(self[process].session)
    }

    /// R-TTY-10 to R-TTY-12.
    pub(crate) fn access(
        &mut self,
        caller: ProcessKey,
        terminal: TerminalKey,
        access: TerminalAccess,
        stop_signal: StopSignal,
    ) -> Result<TerminalAnswer, Errno> {
        let signal = match access {
            TerminalAccess::Write => return Ok(TerminalAnswer::Allowed),
            TerminalAccess::Read => Signal::SIGTTIN,
            TerminalAccess::WriteWithTostop | TerminalAccess::Change => Signal::SIGTTOU,
        };
        let own = self[caller].group;
        let in_background = self[caller].terminal == Some(terminal)
            && self[terminal].foreground.is_some_and(|foreground| foreground != own);
        if !in_background {
            return Ok(TerminalAnswer::Allowed);
        }
        if stop_signal == StopSignal::BlockedOrIgnored {
            return match signal {
                Signal::SIGTTIN => Err(Errno::EIO),
                _ => Ok(TerminalAnswer::Allowed),
            };
        }
        if self.is_orphaned(own, None) {
            return Err(Errno::EIO);
        }
        self.send_to_group(own, signal);
        Ok(TerminalAnswer::SignalPosted(signal))
    }

    /// A key that makes a signal. Whether there was a foreground group. R-TTY-13.
    pub(crate) fn signal_foreground(&mut self, terminal: TerminalKey, signal: Signal) -> bool {
        let foreground = self[terminal].foreground.filter(|&named| self.is_group(named));
        if let Some(foreground) = foreground {
            self.send_to_group(foreground, signal);
        }
        foreground.is_some()
    }

    /// What `/proc/PID/stat` shows: the terminal, and the number of its foreground group. R-TTY-15.
    pub(crate) fn shown_terminal(&self, process: ProcessKey) -> Option<(TerminalKey, u32)> {
        let terminal = self[process].terminal?;
        let foreground = self[terminal].foreground?;
        Some((terminal, self.number_in(foreground, self.space_of(process))))
    }
}
