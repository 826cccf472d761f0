//! A terminal, as far as processes are concerned: whose it is, and who is in its foreground.
//!
//! # The protocol
//!
//! The kernel makes one [`Terminal`] for each of its ttys, and one for both sides of a pseudo-terminal. The leader of a session
//! acquires it; from then on it is the **controlling terminal** of the leader and of whoever the leader forks. Three relations say so, and
//! change together, in one hold:
//!
//! | relation | stands in | ends |
//! | --- | --- | --- |
//! | session → terminal, weak, with a generation | session | detached (below), or the terminal is dropped |
//! | terminal → session, weak | terminal | at the same time |
//! | process → a generation of its session's terminal | process | `TIOCNOTTY`, `setsid` |
//!
//! Each acquisition begins a new generation. A process has the controlling terminal if and only if the session has one and the process
//! knows of its generation. So a session loses its terminal in constant time: its members' generations mean nothing any more.
//!
//! A terminal is detached when its leader exits or gives it up, when it hangs up, when another session steals it, or when it is dropped.
//! The verbs of processes stand in `process/terminal.rs`.
//!
//! # The foreground is a number in use, not a group
//!
//! Linux keeps the foreground group as a `struct pid`. That shows: a number that leads no group yet can be put into the
//! foreground, and the group that is founded under it later **is** the foreground; a group that empties and is founded again by the same
//! process is so again; and the number of a group that has ended is still reported, but reaches nobody, also when a later
//! process has the same number (R-TTY-04, R-TTY-07). [`IdentityKey`] is that: a number, and which of all processes that ever had it is meant.
//! It is a value, so nothing has to be taken back when a group ends.

#[cfg(feature = "check")]
mod check;

use core::fmt;

use crate::group::ProcessGroup;
use crate::list::WeakEdge;
use crate::object::Head;
use crate::pid::{IdentityKey, Numbers, PidNamespace};
use crate::session::Session;
use crate::sync::{Field, Hold, TableInner};
use crate::{ARef, Errno, Host, Pid, Signal, SignalCause, SignalInfo};

/// A terminal that can control a session. Made by [`ProcessTable::new_terminal`](crate::ProcessTable::new_terminal).
///
/// The kernel holds it, the model never does. A kernel hangs a tty up before it drops its terminal; a terminal that is dropped
/// while it controls a session leaves that session without one, and tells nobody.
///
/// ```
/// # use axprocess::{Host, ProcessTable, Relations};
/// # struct MyKernel;
/// # impl Host for MyKernel {
/// #     type Lock = std::sync::Mutex<Relations<Self>>;
/// #     type ProcessData = ();
/// #     type ThreadData = ();
/// #     type GroupData = ();
/// #     type SessionData = ();
/// #     type NamespaceData = ();
/// #     type TerminalData = ();
/// #     type Usage = ();
/// # }
/// use axprocess::{CttyChange, ForkRequest, TerminalFile, TerminalKind};
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// let shell = init.fork(ForkRequest::default(), (), ())?;
/// shell.process().setsid()?;
///
/// let pty = table.new_terminal(TerminalKind::PseudoTerminal, 0x8800, ())?;
/// let opened = shell.process().open_terminal(&pty, TerminalFile::Readable);
/// assert_eq!(opened, CttyChange::Acquired);
/// assert_eq!(shell.process().controlling_terminal().unwrap().device(), 0x8800);
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct Terminal<H: Host> {
    pub(crate) head: Head,
    table: ARef<TableInner<H>>,
    kind: TerminalKind,
    device: u32,
    session: WeakEdge<Session<H>>,
    /// Set if and only if there is a session.
    foreground: Field<Option<IdentityKey>>,
    /// The numbers of the last foreground, on each level. They are shown also when that has ended (R-TTY-04).
    shown: Numbers<H>,
    data: H::TerminalData,
}

/// What a terminal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerminalKind {
    /// The slave of a pseudo-terminal. It survives its session leader: another session can have it at once (R-TTYEXIT-03).
    PseudoTerminal,
    /// Any other, such as a serial line or a virtual console. It is hung up when its session leader exits (R-TTYEXIT-06).
    Other,
}

/// What is put into the foreground.
pub(crate) struct Named<'h, H: Host> {
    pub(crate) identity_key: IdentityKey,
    /// Its numbers.
    pub(crate) own_numbers: &'h Numbers<H>,
}

/// What a session knows of its terminal.
pub(crate) struct SessionTerminal<H: Host> {
    edge: WeakEdge<Terminal<H>>,
    /// How many terminals it has had.
    generation: Field<u64>,
    /// The foreground group at the last hang-up, to be told when the leader exits (Linux's `tty_old_pgrp`, R-TTYEXIT-04).
    foreground_at_hang_up: Field<Option<IdentityKey>>,
}

impl<H: Host> Terminal<H> {
    /// Makes one that no session has.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(crate) fn make(
        table: &TableInner<H>,
        kind: TerminalKind,
        device: u32,
        data: H::TerminalData,
    ) -> Result<ARef<Self>, Errno> {
        let table = ARef::from(table);
        ARef::make(|| Self {
            head: Head::new(),
            table,
            kind,
            device,
            session: WeakEdge::none(),
            foreground: Field::new(None),
            shown: Numbers::at_root(),
            data,
        })
    }

    /// Returns what the terminal is. Takes no lock.
    pub const fn kind(&self) -> TerminalKind {
        self.kind
    }

    /// Returns the device number with which it was made: what `/proc/PID/stat` shows as `tty_nr` (R-TTY-15). Takes no lock.
    pub const fn device(&self) -> u32 {
        self.device
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::TerminalData {
        &self.data
    }

    /// Returns the session whose controlling terminal this is. Takes the lock.
    pub fn session(&self) -> Option<ARef<Session<H>>> {
        self.table.hold(|hold| self.session.get(hold).map(ARef::from))
    }

    /// Returns the foreground process group; `None` too if the foreground is a number that no group has (R-TTY-07). Takes the lock.
    pub fn foreground_group(&self) -> Option<ARef<ProcessGroup<H>>> {
        self.table.hold(|hold| self.foreground_in(hold)?.group(hold).map(ARef::from))
    }

    /// Posts a signal to every member of the foreground group, and returns the group.
    ///
    /// Serves the keys that make a signal (`ISIG`: `SIGINT`, `SIGQUIT`, `SIGTSTP`), `TIOCSIG`, and the `SIGWINCH` of a new window size.
    /// `None`: there is no foreground group, nobody was told. R-TTY-13.
    pub fn signal_foreground(&self, signal: Signal) -> Option<ARef<ProcessGroup<H>>> {
        self.table.hold(|hold| {
            let group = self.foreground_in(hold)?.group(hold)?;
            group.signal_members(hold, signal);
            Some(ARef::from(group))
        })
    }

    /// Takes the terminal away from its session, because its line is gone, and returns that session.
    ///
    /// The session's leader gets `SIGHUP`, then `SIGCONT`; the foreground group gets nothing before the leader exits, then both. Serves the
    /// close of a pseudo-terminal's master, vhangup(2), and a lost carrier. That all open files of the terminal are dead
    /// afterwards (read 0, write and ioctl `EIO`, `TIOCSPGRP` `ENOTTY`) is the kernel's business, and comes first. B7, R-TTYEXIT-07.
    pub fn hang_up(&self) -> Option<ARef<Session<H>>> {
        self.table.hold(|hold| {
            let session = self.session.get(hold)?;
            session.post_hup_cont_to_leader(hold);
            let foreground = self.foreground_in(hold);
            session.detach_terminal(hold, self);
            session.terminal().foreground_at_hang_up.set(hold, foreground);
            Some(ARef::from(session))
        })
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    pub(crate) fn session_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Session<H>> {
        self.session.get(hold)
    }

    pub(crate) fn foreground_in(&self, hold: &Hold<'_, H>) -> Option<IdentityKey> {
        self.foreground.get(hold)
    }

    pub(crate) fn set_foreground(&self, hold: &mut Hold<'_, H>, named: Named<'_, H>) {
        self.foreground.set(hold, Some(named.identity_key));
        self.shown.copy_from(hold, named.own_numbers);
    }

    /// The number of the foreground that `viewer` sees; 0 if there is none, or none that it can see (B10, G10).
    pub(crate) fn shown_foreground(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> Pid {
        let foreground = self.foreground.get(hold);
        foreground.map_or(0, |_| self.shown.number_in(hold, viewer))
    }

    /// Leaves its session, which loses it: its last reference has gone, and nothing must lead to it when its memory goes.
    pub(crate) fn detach(&self) {
        self.table.hold(|hold| {
            if let Some(session) = self.session.get(hold) {
                session.detach_terminal(hold, self);
            }
        });
    }
}

impl<H: Host> SessionTerminal<H> {
    pub(crate) const fn none() -> Self {
        Self {
            edge: WeakEdge::none(),
            generation: Field::new(0),
            foreground_at_hang_up: Field::new(None),
        }
    }

    pub(crate) fn get<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Terminal<H>> {
        self.edge.get(hold)
    }

    /// The terminal, for a process that knows of this generation.
    pub(crate) fn of_generation<'h>(
        &self,
        hold: &Hold<'h, H>,
        generation: u64,
    ) -> Option<&'h Terminal<H>> {
        self.edge.get(hold).filter(|_| self.generation.get(hold) == generation)
    }

    pub(crate) fn take_foreground_at_hang_up(&self, hold: &mut Hold<'_, H>) -> Option<IdentityKey> {
        let foreground = self.foreground_at_hang_up.get(hold);
        self.foreground_at_hang_up.set(hold, None);
        foreground
    }
}

impl<H: Host> Session<H> {
    /// Makes `terminal`, which is free, this session's, and returns the new generation.
    pub(crate) fn attach_terminal(
        &self,
        hold: &mut Hold<'_, H>,
        terminal: &Terminal<H>,
        foreground: Named<'_, H>,
    ) -> u64 {
        let state = self.terminal();
        let generation = state.generation.get(hold) + 1;
        state.edge.set(hold, Some(terminal));
        state.generation.set(hold, generation);
        state.foreground_at_hang_up.set(hold, None);
        terminal.session.set(hold, Some(self));
        terminal.set_foreground(hold, foreground);
        generation
    }

    /// Takes `terminal`, which is this session's, away from every process of the session.
    pub(crate) fn detach_terminal(&self, hold: &mut Hold<'_, H>, terminal: &Terminal<H>) {
        self.terminal().edge.set(hold, None);
        terminal.session.set(hold, None);
        terminal.foreground.set(hold, None);
    }

    /// Takes the terminal away, if there is one.
    pub(crate) fn give_up_terminal(&self, hold: &mut Hold<'_, H>) {
        if let Some(terminal) = self.terminal().get(hold) {
            self.detach_terminal(hold, terminal);
        }
    }

    /// Tells the leader of a session with a terminal that it has hung up.
    pub(crate) fn post_hup_cont_to_leader(&self, hold: &mut Hold<'_, H>) {
        if let Some(leader) = self.leader(hold) {
            for signal in [Signal::SIGHUP, Signal::SIGCONT] {
                leader.send(hold, &SignalInfo { signal, cause: SignalCause::Kernel }, None);
            }
        }
    }
}

impl<H: Host> fmt::Debug for Terminal<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terminal({:?}, {:#x})", self.kind, self.device)
    }
}
