//! What `/proc` shows of a process: its relations and its life, as one namespace sees them at one moment.
//!
//! Each reading is one hold and allocates nothing. What the model does not know (names, memory, times, whether a thread runs or sleeps)
//! the kernel adds. Who cannot see the process, or comes after its reap, gets nothing: its directory is not there (R-PROC-04).

use core::fmt;

use super::{Marks, Process, ProcessState};
use crate::pid::{DEEPEST, Numbers, PidNamespace};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{ExitSignal, Host, Pid};

/// What the model knows of the state that `/proc` shows of a thread, or of a process by its leader. R-PROC-01.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RunState {
    /// It runs or sleeps: the kernel knows which.
    Live,
    /// It waits in vfork (`D`).
    InVfork,
    /// It is stopped (`T`).
    Stopped,
    /// It sleeps in a stop for its tracer (`t`).
    TraceStopped,
    /// It exits, and waits for the end of another thread's core dump (`I`).
    Parked,
    /// It has exited, and its number is still in use (`Z`): also a leader whose process lives on.
    Zombie,
}

impl RunState {
    /// Returns the letter in `/proc/PID/stat`; `None` where the kernel says `R`, `S` or another.
    ///
    /// ```
    /// assert_eq!(axprocess::RunState::Zombie.letter(), Some('Z'));
    /// ```
    pub const fn letter(self) -> Option<char> {
        match self {
            Self::Live => None,
            Self::InVfork => Some('D'),
            Self::Stopped => Some('T'),
            Self::TraceStopped => Some('t'),
            Self::Parked => Some('I'),
            Self::Zombie => Some('Z'),
        }
    }
}

/// The fields of `/proc/PID/stat` that the model knows. Numbers are the viewer's, 0 for what it cannot see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProcessStat {
    /// Field 1.
    pub pid: Pid,
    /// Field 3, that of the leader.
    pub state: RunState,
    /// Field 4. R-REPARENT-17.
    pub ppid: Pid,
    /// Field 5.
    pub pgrp: Pid,
    /// Field 6.
    pub session: Pid,
    /// Fields 7 and 8; `None` is shown as 0 and −1. R-TTY-15.
    pub terminal: Option<TerminalStat>,
    /// Field 20: those that have not gone, a leader that has exited included. R-PROC-02.
    pub threads: usize,
    /// Field 38.
    pub exit_signal: ExitSignal,
    /// Field 52, as a status word: of the decided exit; while stopped, the number of a stop signal that nobody has waited for; else
    /// the leader's, or the code of its ptrace-stop that nobody has waited for. The kernel shows 0 to who may not look. R-PROC-05.
    pub exit_code: i32,
}

/// The controlling terminal, in `/proc/PID/stat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TerminalStat {
    /// `tty_nr`: the number given to [`ProcessTable::new_terminal`](crate::ProcessTable::new_terminal).
    pub device: u32,
    /// `tpgid`.
    pub foreground: Pid,
}

/// The lines `NStgid`, `NSpgid` and `NSsid` of `/proc/PID/status`. `NSpid` of the leader is `NStgid`. R-NS-26.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamespaceNumbers {
    /// The process's numbers.
    pub tgid: LevelNumbers,
    /// Its group's.
    pub pgid: LevelNumbers,
    /// Its session's.
    pub sid: LevelNumbers,
}

/// The numbers of one thing in the viewer's namespace and in each further inside, down to that of the process; 0 where it has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LevelNumbers {
    numbers: [Pid; DEEPEST as usize + 1],
    len: usize,
}

impl LevelNumbers {
    /// Returns the numbers, the viewer's first.
    pub fn as_slice(&self) -> &[Pid] {
        self.numbers.get(..self.len).unwrap_or(&self.numbers)
    }

    /// Looks a thing up in every namespace from `inner` out to `viewer`, which contains it.
    fn of<H: Host>(
        hold: &Hold<'_, H>,
        own_numbers: &Numbers<H>,
        inner: &PidNamespace<H>,
        viewer: &PidNamespace<H>,
    ) -> Self {
        let len = (inner.level() - viewer.level()) as usize + 1;
        let mut numbers = [0; DEEPEST as usize + 1];
        let from_inside = numbers.iter_mut().take(len).rev();
        for (number, pid_ns) in from_inside.zip(inner.outward()) {
            *number = own_numbers.number_in(hold, pid_ns);
        }
        Self { numbers, len }
    }
}

impl fmt::Debug for LevelNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<H: Host> Process<H> {
    /// Returns what `/proc/PID/stat` shows in the instance of procfs that belongs to `viewer`; `None` if there is no such directory. Takes the lock.
    ///
    /// All fields are of one moment. R-PROC-01, R-PROC-02, R-PROC-04, R-PROC-05, R-TTY-15, R-REPARENT-17.
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
    /// use axprocess::{ExitStatus, ForkRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// child.exit_thread(ExitStatus::exited(3));
    /// let stat = child.process().stat(table.namespace()).unwrap();
    /// assert_eq!((stat.pid, stat.state.letter(), stat.ppid, stat.exit_code), (2, Some('Z'), 1, 3 << 8));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn stat(&self, viewer: &PidNamespace<H>) -> Option<ProcessStat> {
        self.table().hold(|hold| self.stat_in(hold, viewer))
    }

    /// Returns the process's, its group's and its session's numbers on every level from `viewer`'s inward; `None` if there is no
    /// such directory. R-NS-26. Takes the lock.
    pub fn namespace_numbers(&self, viewer: &PidNamespace<H>) -> Option<NamespaceNumbers> {
        self.table().hold(|hold| self.namespace_numbers_in(hold, viewer))
    }

    pub(crate) fn namespace_numbers_in(
        &self,
        hold: &Hold<'_, H>,
        viewer: &PidNamespace<H>,
    ) -> Option<NamespaceNumbers> {
        if !self.is_shown_to(hold, viewer) {
            return None;
        }
        let own = self.in_hold(hold);
        let group = own.group_in(hold);
        let pid_ns = own.pid_ns(hold);
        let of = |own_numbers| LevelNumbers::of(hold, own_numbers, pid_ns, viewer);
        let session = group.session_in(hold);
        Some(NamespaceNumbers {
            tgid: of(own.own_numbers()),
            pgid: of(group.own_numbers()),
            sid: of(session.own_numbers()),
        })
    }

    pub(crate) fn stat_in(
        &self,
        hold: &Hold<'_, H>,
        viewer: &PidNamespace<H>,
    ) -> Option<ProcessStat> {
        if !self.is_shown_to(hold, viewer) {
            return None;
        }
        let own = self.in_hold(hold);
        let group = own.group_in(hold);
        let number = |own_numbers: &Numbers<H>| own_numbers.number_in(hold, viewer);
        Some(ProcessStat {
            pid: number(own.own_numbers()),
            state: self.run_state(hold),
            ppid: self.parent_in(hold).map_or(0, |parent| number(parent.own_numbers())),
            pgrp: number(group.own_numbers()),
            session: number(group.session_in(hold).own_numbers()),
            terminal: self.terminal_in(hold).map(|terminal| TerminalStat {
                device: terminal.device(),
                foreground: terminal.shown_foreground(hold, viewer),
            }),
            threads: self.threads.len(hold) + usize::from(self.is_leader_dead(hold)),
            exit_signal: self.exit_signal.get(hold),
            exit_code: self.stat_exit_code(hold),
        })
    }

    /// Whether the process stands in the directory of `viewer`.
    fn is_shown_to(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> bool {
        self.is_in_table() && viewer.contains(self.pid_ns(hold))
    }

    fn run_state(&self, hold: &Hold<'_, H>) -> RunState {
        self.leader(hold).map_or(RunState::Zombie, |leader| leader.unexited_run_state(hold))
    }

    /// Whether the leader thread has gone for good, and only the process keeps its number.
    fn is_leader_dead(&self, hold: &Hold<'_, H>) -> bool {
        self.leader(hold).is_none()
    }

    fn stat_exit_code(&self, hold: &Hold<'_, H>) -> i32 {
        let is_decided = self.has(hold, Marks::GROUP_EXIT) || self.state() > ProcessState::Live;
        if is_decided {
            return self.exit_code.get().cast_signed();
        }
        if self.has(hold, Marks::STOPPED) {
            let signal = self.stop_signal.get(hold);
            let signal = signal.filter(|_| self.has(hold, Marks::STOP_REPORT));
            return signal.map_or(0, |signal| signal.number().into());
        }
        // That of one that has only begun to exit is not shown yet.
        let leader = self.leading_thread(hold);
        match leader.trace(hold).and_then(|trace| trace.unread_code(hold)) {
            Some(stop) => stop.code().into(),
            None if leader.is_live() => 0,
            None => leader.exit_code().get().cast_signed(),
        }
    }
}

impl<H: Host> Thread<H> {
    /// Returns what the model knows of this thread's state; `None` if it has exited and its number is not in use any more. Takes the lock.
    ///
    /// Serves `/proc/PID/task/TID/stat`. R-PROC-01.
    pub fn run_state(&self) -> Option<RunState> {
        self.process().table().hold(|hold| self.run_state_unless_exited(hold))
    }

    pub(crate) fn run_state_unless_exited(&self, hold: &Hold<'_, H>) -> Option<RunState> {
        match self.state() {
            ThreadState::Live | ThreadState::Exiting => Some(self.unexited_run_state(hold)),
            ThreadState::Zombie => Some(RunState::Zombie),
            ThreadState::Exited => self.is_unreleased(hold).then_some(RunState::Zombie),
            ThreadState::Embryo => None,
        }
    }

    /// Whether it stands in its process's directory: it is listed, dead and traced or not, or it is the leader of a process that is not reaped.
    pub(super) fn is_unreleased(&self, hold: &Hold<'_, H>) -> bool {
        self.is_listed(hold) || self.is_leader(hold) && self.process().is_in_table()
    }

    fn unexited_run_state(&self, hold: &Hold<'_, H>) -> RunState {
        if self.has_mark(ThreadMark::Parked) {
            RunState::Parked
        } else if self.is_waiting_for_vfork() {
            RunState::InVfork
        } else if self.has_mark(ThreadMark::InPtraceStop) {
            RunState::TraceStopped
        } else if self.sleeps_in_stop(hold) && self.state() == ThreadState::Live {
            RunState::Stopped
        } else {
            RunState::Live
        }
    }
}
