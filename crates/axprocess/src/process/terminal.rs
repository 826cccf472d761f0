//! The controlling terminal, as processes get it, use it and lose it. What a terminal is stands in the module `terminal` above.
//!
//! # Who may use it
//!
//! Only the **foreground** group of a terminal may read from it and change it. A process of a background group that tries makes the model post
//! `SIGTTIN` or `SIGTTOU` to its whole group, which stops; the shell later moves the group to the foreground and continues
//! it, and the kernel starts the call again. That cannot work where the signal has no effect (blocked or ignored), nor where no shell is there
//! to continue the group (an orphaned one); then the call fails, or proceeds. The question, the answer and the signal are one hold, so
//! a change of the foreground comes either before all of them or after.
//!
//! # How it is lost
//!
//! | event | signals | who loses it |
//! | --- | --- | --- |
//! | the leader exits, pseudo-terminal | `SIGHUP` to the foreground | the session; the terminal is free |
//! | the leader exits, other terminal | `SIGHUP`, `SIGCONT` to the leader, `SIGHUP` to the foreground | the same, and its files are dead |
//! | the leader exits after a hang-up | `SIGHUP`, `SIGCONT` to what was the foreground then | it was lost before |
//! | `TIOCNOTTY` by the leader | `SIGHUP`, `SIGCONT` to the foreground | the session; the terminal is free |
//! | `TIOCNOTTY` by another, `setsid` | none | that process |
//! | hang-up | `SIGHUP`, `SIGCONT` to the leader | the session; the terminal is free |
//! | another session steals it | none | the session |

use super::orphan::is_orphaned_group;
use super::{Process, ProcessState};
use crate::pid::IdentityKey;
use crate::pid::{PidNamespace, Task};
use crate::session::Session;
use crate::sync::Hold;
use crate::terminal::{Named, Terminal, TerminalKind};
use crate::{ARef, Errno, Host, Pid, Signal};

/// How the caller has opened the terminal. Who cannot read it shall not get it by way of `/dev/tty`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalFile {
    /// Its file can be read.
    Readable,
    /// Its file can only be written.
    WriteOnly,
}

/// What shall become of a terminal that controls another session: the argument of `TIOCSCTTY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfTaken {
    /// It stays there; the argument is anything but 1.
    Refuse,
    /// It is taken away from that session, by a caller with the right to; the argument is 1.
    Steal,
}

/// Whether the caller has `CAP_SYS_ADMIN`, as the kernel finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminRight {
    /// It has.
    Present,
    /// It has not.
    Absent,
}

/// What `TIOCSCTTY` was called with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcquireTerminal {
    /// How the file is open.
    pub file: TerminalFile,
    /// The argument.
    pub if_taken: IfTaken,
    /// The caller's right.
    pub right: AdminRight,
}

/// Whether a terminal was acquired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CttyChange {
    /// It is the caller's controlling terminal now, with the caller's group in the foreground.
    Acquired,
    /// Nothing has changed.
    Unchanged,
}

/// Through which side of a pseudo-terminal the caller asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalSide {
    /// The terminal itself; all that is no pseudo-terminal has only this side.
    Slave,
    /// The master: the side of a terminal emulator.
    Master,
}

/// Who has lost the terminal by `TIOCNOTTY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalRelease {
    /// The calling process alone, which is no session leader.
    Process,
    /// Every process of the session. The terminal is free.
    Session,
}

/// What a process wants of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalAccess {
    /// To read: `SIGTTIN` in the background.
    Read,
    /// To write, with `TOSTOP` not set: always allowed.
    Write,
    /// To write, with `TOSTOP` set: `SIGTTOU` in the background.
    WriteWithTostop,
    /// To change it: tcsetattr, tcflush and the like; `SIGTTOU` in the background.
    Change,
}

/// Whether `SIGTTIN` (for a read) or `SIGTTOU` (for all else) would have an effect, as the kernel finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopSignal {
    /// It would.
    Effective,
    /// The calling thread blocks it, or the process ignores it.
    BlockedOrIgnored,
}

/// The answer to who wants to use a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalAnswer {
    /// Go on.
    Allowed,
    /// This signal was posted to every member of the caller's group; the call starts again after it (`ERESTARTSYS`).
    SignalPosted(Signal),
}

impl<H: Host> Process<H> {
    /// Returns the controlling terminal. Takes the lock.
    ///
    /// Serves open(2) of `/dev/tty` (`None`: `ENXIO`), and `tty_nr` of `/proc/PID/stat` ([`Terminal::device`], 0 for `None`). R-TTY-14, R-TTY-15.
    pub fn controlling_terminal(&self) -> Option<ARef<Terminal<H>>> {
        self.table().hold(|hold| ARef::try_from_ref(self.terminal_in(hold)?))
    }

    /// Returns the number of the foreground group of the controlling terminal; `None` without one. Takes the lock.
    ///
    /// Serves `tpgid` of `/proc/PID/stat`, which is −1 for `None`. R-TTY-15.
    pub fn foreground_pgid(&self) -> Option<Pid> {
        self.table().hold(|hold| self.foreground_pgid_in(hold))
    }

    pub(crate) fn foreground_pgid_in(&self, hold: &Hold<'_, H>) -> Option<Pid> {
        let terminal = self.terminal_in(hold)?;
        Some(terminal.shown_foreground(hold, self.pid_ns(hold)))
    }

    /// Makes a terminal that was opened the controlling one, if the caller leads a session without one, the terminal
    /// controls none, and the caller can read it.
    ///
    /// Serves open(2). The kernel does not call it for `O_NOCTTY`, for the master of a pseudo-terminal, and for what is no tty. R-TTY-01.
    pub fn open_terminal(&self, terminal: &Terminal<H>, file: TerminalFile) -> CttyChange {
        if !self.shares_table_with(terminal) {
            return CttyChange::Unchanged;
        }
        self.table().hold(|hold| {
            let wanting = self.is_live_session_leader() && self.terminal_in(hold).is_none();
            let free = terminal.session_in(hold).is_none();
            if wanting && free && file == TerminalFile::Readable {
                self.take_terminal(hold, terminal);
                CttyChange::Acquired
            } else {
                CttyChange::Unchanged
            }
        })
    }

    /// Makes a terminal the controlling one.
    ///
    /// Serves ioctl `TIOCSCTTY`, through the master of a pseudo-terminal too: it is the slave that is acquired (B9). A session from which
    /// it is stolen loses it without a signal. `Unchanged`: it is the session's already, and the caller leads it. R-TTY-02.
    ///
    /// # Errors
    ///
    /// `EPERM`, in this order: the caller leads no session, or has a controlling terminal (B8); the terminal controls another
    /// session, and stealing is not asked for or not allowed; the file cannot be read, and the caller has not the right of an administrator.
    pub fn acquire_terminal(
        &self,
        terminal: &Terminal<H>,
        request: AcquireTerminal,
    ) -> Result<CttyChange, Errno> {
        if !self.shares_table_with(terminal) {
            return Err(Errno::EPERM);
        }
        self.table().hold(|hold| {
            if !self.is_live_session_leader() {
                return Err(Errno::EPERM);
            }
            let holder = terminal.session_in(hold);
            if holder.is_some_and(|holder| core::ptr::eq(holder, self.session_in(hold))) {
                return Ok(CttyChange::Unchanged);
            }
            if self.terminal_in(hold).is_some() {
                return Err(Errno::EPERM);
            }
            let is_admin = request.right == AdminRight::Present;
            let may_steal = is_admin && request.if_taken == IfTaken::Steal;
            let may_use = is_admin || request.file == TerminalFile::Readable;
            if (holder.is_some() && !may_steal) || !may_use {
                return Err(Errno::EPERM);
            }
            if let Some(holder) = holder {
                holder.detach_terminal(hold, terminal);
            }
            self.take_terminal(hold, terminal);
            Ok(CttyChange::Acquired)
        })
    }

    /// Gives the controlling terminal up: for the calling process alone, or for the whole session if it leads that.
    ///
    /// Serves ioctl `TIOCNOTTY`. When a leader gives it up, the foreground group gets `SIGHUP` and `SIGCONT` from it (`SI_USER`, where it may send them), and
    /// another session can have the terminal (B6). R-TTY-03.
    ///
    /// # Errors
    ///
    /// `ENOTTY`: it is not the caller's controlling terminal, or the caller asks through the master.
    pub fn release_terminal(
        &self,
        terminal: &Terminal<H>,
        side: TerminalSide,
    ) -> Result<TerminalRelease, Errno> {
        self.hold_if_same_table(terminal, |hold| {
            if side == TerminalSide::Master || !self.is_controlled_by(hold, terminal) {
                return Err(Errno::ENOTTY);
            }
            if !self.leads_session() {
                self.forget_terminal(hold);
                return Ok(TerminalRelease::Process);
            }
            if let Some(group) = terminal.foreground_in(hold).and_then(|named| named.group(hold)) {
                self.signal_permitted_members(hold, group, Signal::SIGHUP);
                self.signal_permitted_members(hold, group, Signal::SIGCONT);
            }
            self.session_in(hold).detach_terminal(hold, terminal);
            self.forget_terminal(hold);
            Ok(TerminalRelease::Session)
        })
    }

    /// Returns the number of the foreground group, 0 if there is none. The group may have ended. Takes the lock.
    ///
    /// Serves tcgetpgrp(3), ioctl `TIOCGPGRP`. R-TTY-04, B10.
    ///
    /// # Errors
    ///
    /// `ENOTTY`: not the caller's controlling terminal. Through the master everyone may ask.
    pub fn tcgetpgrp(&self, terminal: &Terminal<H>, side: TerminalSide) -> Result<Pid, Errno> {
        self.hold_if_same_table(terminal, |hold| {
            self.check_may_ask(hold, terminal, side)?;
            Ok(terminal.shown_foreground(hold, self.pid_ns(hold)))
        })
    }

    /// Returns the number of the session that the terminal controls. Takes the lock.
    ///
    /// Serves tcgetsid(3), ioctl `TIOCGSID`. R-TTY-05.
    ///
    /// # Errors
    ///
    /// `ENOTTY`: not the caller's controlling terminal, unless asked through the master; or it controls no session.
    pub fn tcgetsid(&self, terminal: &Terminal<H>, side: TerminalSide) -> Result<Pid, Errno> {
        self.hold_if_same_table(terminal, |hold| {
            self.check_may_ask(hold, terminal, side)?;
            let session = terminal.session_in(hold).ok_or(Errno::ENOTTY)?;
            Ok(session.own_numbers().number_in(hold, self.pid_ns(hold)))
        })
    }

    /// Puts a group of the caller's session into the foreground; a number that is no group's but a process's will
    /// do, and then means the group that this process may found.
    ///
    /// Serves tcsetpgrp(3), ioctl `TIOCSPGRP`, through either side of a pseudo-terminal alike (R-TTY-09). Nobody is told of the change. `pgid` is
    /// what the kernel has read from user space: the number, or `EFAULT`, which is reported in its turn. R-TTY-06 to R-TTY-12.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `ENOTTY`: a background process for which `SIGTTOU` would be effective, in an orphaned group.
    /// * What `pgid` brings along: `EFAULT`.
    /// * `EINVAL`: a negative number.
    /// * `ENOTTY`: not the caller's controlling terminal.
    /// * `ESRCH`: nobody has the number, 0 included.
    /// * `EPERM`: a number of another session.
    pub fn tcsetpgrp(
        &self,
        terminal: &Terminal<H>,
        pgid: Result<i32, Errno>,
        stop_signal: StopSignal,
    ) -> Result<TerminalAnswer, Errno> {
        let in_background = |_| Errno::ENOTTY;
        self.table().hold(|hold| {
            let answer = self
                .check_terminal_access_in(hold, terminal, TerminalAccess::Change, stop_signal)
                .map_err(in_background)?;
            if answer != TerminalAnswer::Allowed {
                return Ok(answer);
            }
            let pgid = Pid::try_from(pgid?).map_err(|_| Errno::EINVAL)?;
            if !self.shares_table_with(terminal) || !self.is_controlled_by(hold, terminal) {
                return Err(Errno::ENOTTY);
            }
            let (named, session) = resolve_foreground_pgid(hold, self.pid_ns(hold), pgid)?;
            let same = session.is_some_and(|session| core::ptr::eq(session, self.session_in(hold)));
            let named = named.filter(|_| same).ok_or(Errno::EPERM)?;
            terminal.set_foreground(hold, named);
            Ok(TerminalAnswer::Allowed)
        })
    }

    /// Answers whether the calling process may use the terminal now, and posts `SIGTTIN` or `SIGTTOU` to its group if it must not.
    ///
    /// Serves read(2), write(2) and tcsetattr(3) on a terminal, before they act. Only a process whose controlling terminal it
    /// is, and whose group is not in the foreground, is ever refused. R-TTY-10 to R-TTY-12.
    ///
    /// # Errors
    ///
    /// `EIO`: a read with `SIGTTIN` blocked or ignored; the signal would be effective, but the caller's group is orphaned.
    pub fn check_terminal_access(
        &self,
        terminal: &Terminal<H>,
        access: TerminalAccess,
        stop_signal: StopSignal,
    ) -> Result<TerminalAnswer, Errno> {
        self.table().hold(|hold| self.check_terminal_access_in(hold, terminal, access, stop_signal))
    }

    fn check_terminal_access_in(
        &self,
        hold: &mut Hold<'_, H>,
        terminal: &Terminal<H>,
        access: TerminalAccess,
        stop_signal: StopSignal,
    ) -> Result<TerminalAnswer, Errno> {
        let signal = match access {
            TerminalAccess::Write => return Ok(TerminalAnswer::Allowed),
            TerminalAccess::Read => Signal::SIGTTIN,
            TerminalAccess::WriteWithTostop | TerminalAccess::Change => Signal::SIGTTOU,
        };
        if !self.shares_table_with(terminal) || !self.is_controlled_by(hold, terminal) {
            return Ok(TerminalAnswer::Allowed);
        }
        let group = self.group_in(hold);
        if terminal.foreground_in(hold).is_none_or(|named| named == group.identity_key(hold)) {
            return Ok(TerminalAnswer::Allowed);
        }
        match (stop_signal, access) {
            (StopSignal::BlockedOrIgnored, TerminalAccess::Read) => Err(Errno::EIO),
            (StopSignal::BlockedOrIgnored, _) => Ok(TerminalAnswer::Allowed),
            (StopSignal::Effective, _) if is_orphaned_group(hold, group, None) => Err(Errno::EIO),
            (StopSignal::Effective, _) => {
                group.signal_members(hold, signal);
                Ok(TerminalAnswer::SignalPosted(signal))
            }
        }
    }

    /// The controlling terminal. A zombie has it until it is reaped.
    pub(crate) fn terminal_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Terminal<H>> {
        if !self.is_in_table() {
            return None;
        }
        let generation = self.terminal_generation.get(hold);
        self.session_in(hold).terminal().of_generation(hold, generation)
    }

    /// A new process has what the caller has, whose session it shares. R-TTY-14.
    pub(super) fn inherit_terminal(&self, hold: &mut Hold<'_, H>, like: &Self) {
        let generation = like.terminal_generation.get(hold);
        self.terminal_generation.set(hold, generation);
    }

    pub(super) fn forget_terminal(&self, hold: &mut Hold<'_, H>) {
        self.terminal_generation.set(hold, 0);
    }

    /// What the exit of a session leader does to its terminal (Linux's `disassociate_ctty`). Others' does nothing (R-TTYEXIT-05).
    ///
    /// R-TTYEXIT-01, R-TTYEXIT-03, R-TTYEXIT-04, R-TTYEXIT-06, B5.
    pub(super) fn disassociate_ctty(&self, hold: &mut Hold<'_, H>) {
        if !self.leads_session() {
            return;
        }
        let session = self.session_in(hold);
        let Some(terminal) = session.terminal().get(hold) else {
            let foreground = session.terminal().take_foreground_at_hang_up(hold);
            post_to_named_group(hold, foreground, &[Signal::SIGHUP, Signal::SIGCONT]);
            return;
        };
        // One whose last reference has just gone is no terminal any more.
        let Some(kept) = ARef::try_from_ref(terminal) else {
            session.detach_terminal(hold, terminal);
            return;
        };
        if terminal.kind() == TerminalKind::Other {
            hold.host().hang_up_terminal(hold.view(), &kept);
            session.post_hup_cont_to_leader(hold);
        }
        let foreground = terminal.foreground_in(hold);
        post_to_named_group(hold, foreground, &[Signal::SIGHUP]);
        session.detach_terminal(hold, terminal);
    }

    /// Gives a session's leader, who has none, a free terminal.
    fn take_terminal(&self, hold: &mut Hold<'_, H>, terminal: &Terminal<H>) {
        let group = self.group_in(hold);
        let foreground =
            Named { identity_key: group.identity_key(hold), own_numbers: group.own_numbers() };
        let generation = self.session_in(hold).attach_terminal(hold, terminal, foreground);
        self.terminal_generation.set(hold, generation);
    }

    /// Whether the process leads a session and has not begun to exit: one that exits has nothing to acquire a terminal for.
    fn is_live_session_leader(&self) -> bool {
        self.state() == ProcessState::Live && self.leads_session()
    }

    fn is_controlled_by(&self, hold: &Hold<'_, H>, terminal: &Terminal<H>) -> bool {
        self.terminal_in(hold).is_some_and(|own| core::ptr::eq(own, terminal))
    }

    fn shares_table_with(&self, terminal: &Terminal<H>) -> bool {
        self.table().is(terminal.table())
    }

    /// One hold for a question about a terminal of the same table; no other is anything to this process.
    fn hold_if_same_table<R>(
        &self,
        terminal: &Terminal<H>,
        section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        if self.shares_table_with(terminal) {
            self.table().hold(section)
        } else {
            Err(Errno::ENOTTY)
        }
    }

    fn check_may_ask(
        &self,
        hold: &Hold<'_, H>,
        terminal: &Terminal<H>,
        side: TerminalSide,
    ) -> Result<(), Errno> {
        let may = side == TerminalSide::Master || self.is_controlled_by(hold, terminal);
        if may { Ok(()) } else { Err(Errno::ENOTTY) }
    }
}

impl<H: Host> Session<H> {
    /// The leader, until it is reaped.
    pub(crate) fn leader<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        self.own_numbers().founder(hold)
    }
}

/// Posts signals, one after the other, to the group of that name, if it lives.
fn post_to_named_group<H: Host>(
    hold: &mut Hold<'_, H>,
    named: Option<IdentityKey>,
    signals: &[Signal],
) {
    if let Some(group) = named.and_then(|named| named.group(hold)) {
        for &signal in signals {
            group.signal_members(hold, signal);
        }
    }
}

/// What can be put into the foreground, and in which session it is.
type Found<'h, H> = (Option<Named<'h, H>>, Option<&'h Session<H>>);

/// What a number that user space gave would be in the foreground, and the session that this is in: the group's; the process's or
/// the thread's, if there is no group (R-TTY-07). Neither, if the number is only that of a session whose leader is gone.
///
/// # Errors
///
/// `ESRCH`: nobody has the number.
fn resolve_foreground_pgid<'h, H: Host>(
    hold: &Hold<'h, H>,
    pid_ns: &PidNamespace<H>,
    number: Pid,
) -> Result<Found<'h, H>, Errno> {
    let roles = pid_ns.roles(hold, number).ok_or(Errno::ESRCH)?;
    if let Some(group) = pid_ns.group_of(hold, number) {
        let named =
            Named { identity_key: group.identity_key(hold), own_numbers: group.own_numbers() };
        return Ok((Some(named), Some(group.session_in(hold))));
    }
    Ok(match roles.task() {
        Some(Task::Process(process)) => {
            let process = process.get(hold);
            let identity_key = process.identity_key(hold);
            let named = Named { identity_key, own_numbers: process.own_numbers() };
            (Some(named), Some(process.session_in(hold)))
        }
        Some(Task::Thread(thread)) => {
            let thread = thread.get(hold);
            let own_numbers = thread.own_numbers();
            let number = own_numbers.number_in(hold, hold.root_pid_ns());
            let named = Named { identity_key: IdentityKey { number, serial: 0 }, own_numbers };
            (Some(named), Some(thread.process_in(hold).session_in(hold)))
        }
        None => (None, None),
    })
}
