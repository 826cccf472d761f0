//! Process groups and sessions: setpgid(2), setsid(2) and their getters.
//!
//! Each call is one hold: the numbers are looked up, the permission is checked and the process moves, with nothing decided on a
//! relation that was read before (G1, races 1, 2, 9, 11). A group or session that might be founded is allocated before the lock is taken.

use super::end_pid_ns::finish_waiting_inits;
use super::{Marks, Process, ProcessState};
use crate::group::ProcessGroup;
use crate::pid::{PidNamespace, Refusal, Task};
use crate::session::Session;
use crate::sync::Hold;
use crate::{ARef, Errno, Host, Pid};

impl<H: Host> Process<H> {
    /// Returns the number of the process's group. Wait-free.
    ///
    /// Serves getpgrp(2).
    #[inline]
    pub fn pgid(&self) -> Pid {
        (self.ids.get() >> 32) as Pid
    }

    /// Returns the number of the process's session. Wait-free.
    #[inline]
    pub fn sid(&self) -> Pid {
        self.ids.get() as Pid
    }

    /// Returns the group's number of the process or thread `pid`, 0 meaning the caller. Takes the lock.
    ///
    /// Serves getpgid(2). R-GETPGID-01.
    ///
    /// # Errors
    ///
    /// `ESRCH`: no process or thread has that number.
    pub fn getpgid(&self, pid: i32) -> Result<Pid, Errno> {
        if pid == 0 {
            return Ok(self.pgid());
        }
        self.table().hold(|hold| {
            let pid_ns = self.pid_ns(hold);
            let group = find_task(hold, pid_ns, pid)?.process.group_in(hold);
            Ok(group.own_numbers().number_in(hold, pid_ns))
        })
    }

    /// Returns the session's number of the process or thread `pid`, 0 meaning the caller. Takes the lock.
    ///
    /// Serves getsid(2). R-GETPGID-01.
    ///
    /// # Errors
    ///
    /// `ESRCH`: no process or thread has that number.
    pub fn getsid(&self, pid: i32) -> Result<Pid, Errno> {
        if pid == 0 {
            return Ok(self.sid());
        }
        self.table().hold(|hold| {
            let pid_ns = self.pid_ns(hold);
            let session = find_task(hold, pid_ns, pid)?.process.session_in(hold);
            Ok(session.own_numbers().number_in(hold, pid_ns))
        })
    }

    /// Moves the process `pid`, the caller or a child of it, into the group `pgid`; 0 means the caller, and the number of
    /// the process moved. A group of the moved process's own number is founded if it does not live.
    ///
    /// Serves setpgid(2). R-SETPGID-01 to R-SETPGID-10.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `EINVAL`: `pgid` is negative.
    /// * `ENOMEM`: there is no memory for a new group.
    /// * `ESRCH`: no such process or thread.
    /// * `EINVAL`: a thread other than the leader.
    /// * `EPERM`: a child in another session. `EACCES`: a child that has exec'd.
    /// * `ESRCH`: neither the caller nor a child.
    /// * `EPERM`: a session leader; no such group; a group of another session.
    pub fn setpgid(&self, pid: i32, pgid: i32) -> Result<(), Errno> {
        let own = self.pid().cast_signed();
        let pid = if pid == 0 { own } else { pid };
        let pgid = if pgid == 0 { pid } else { pgid };
        if pgid < 0 {
            return Err(Errno::EINVAL);
        }
        let founding =
            (pid == pgid).then(|| ProcessGroup::make_embryo(self.table())).transpose()?;
        self.table().hold_retrying_with_memory(|hold| {
            let FoundTask { process: target, is_leader } = self.find_own_or_task(hold, pid)?;
            if !is_leader {
                return Err(Errno::EINVAL.into());
            }
            self.check_may_setpgid(hold, target)?;
            match &founding {
                Some(embryo) => target.enter_or_found_own_group(hold, embryo),
                None => {
                    let group = self.find_group_in_session(hold, pgid.cast_unsigned())?;
                    target.move_unless_member(hold, group);
                    Ok(())
                }
            }
        })
    }

    /// Makes the caller the leader of a new session and of a new group in it, and returns their number, the caller's own.
    ///
    /// Serves setsid(2). R-SETSID-01 to R-SETSID-03.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `EPERM`: a process group has the caller's number, whoever is in it.
    pub fn setsid(&self) -> Result<Pid, Errno> {
        let session = Session::make_embryo(self.table())?;
        let group = ProcessGroup::make_embryo(self.table())?;
        self.table().hold_retrying_with_memory(|hold| self.setsid_in(hold, &session, &group))?;
        Ok(self.pid())
    }

    /// Makes the process the leader of a new session and of a new group in it, and returns both.
    ///
    /// What [`setsid`](Self::setsid) does, for who needs the objects. R-SETSID-01 to R-SETSID-03.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `EPERM`: a process group has the process's number, whoever is in it; or the process is reaped.
    #[expect(clippy::type_complexity, reason = "the two objects that setsid makes")]
    pub fn create_session(&self) -> Result<(ARef<Session<H>>, ARef<ProcessGroup<H>>), Errno> {
        let session = Session::make_embryo(self.table())?;
        let group = ProcessGroup::make_embryo(self.table())?;
        self.table().hold_retrying_with_memory(|hold| self.setsid_in(hold, &session, &group))?;
        Ok((session, group))
    }

    /// Makes the process a member of the group of its own number, which is founded if it does not live, and returns it.
    ///
    /// What [`setpgid`](Self::setpgid) does with two zeros, for who needs the object. R-SETPGID-01, R-SETPGID-09.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `ESRCH`: the process is reaped. `EPERM`: it is a session leader.
    pub fn create_group(&self) -> Result<ARef<ProcessGroup<H>>, Errno> {
        let embryo = ProcessGroup::make_embryo(self.table())?;
        self.table().hold_retrying_with_memory(|hold| {
            self.check_unreaped_no_session_leader()?;
            self.enter_or_found_own_group(hold, &embryo)?;
            Ok(ARef::from(self.group_in(hold)))
        })
    }

    /// Moves the process into a group of its session. One that has lost all its members lives again by that, in its session and under its number.
    ///
    /// [`setpgid`](Self::setpgid) for who holds the object. R-SETPGID-05 to R-SETPGID-07, R-SETPGID-10.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `ESRCH`: the process is reaped.
    /// * `EPERM`: it is a session leader; a group of another session, or of another table; an emptied group whose number is in another use by now.
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
    /// use axprocess::ForkRequest;
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// let inits = init.process().group();
    /// let own = child.process().create_group()?;
    /// child.process().enter_group(&inits)?;
    /// assert!(own.processes()?.is_empty());
    /// child.process().enter_group(&own)?;
    /// assert_eq!(child.process().pgid(), 2);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn enter_group(&self, group: &ProcessGroup<H>) -> Result<(), Errno> {
        let is_foreign = !self.table().is(group.table());
        self.table().hold_retrying_with_memory(|hold| {
            self.check_unreaped_no_session_leader()?;
            if is_foreign || !core::ptr::eq(group.session_in(hold), self.session_in(hold)) {
                return Err(Errno::EPERM.into());
            }
            if self.is_member_of(hold, group) {
                return Ok(());
            }
            if group.members().is_empty(hold) {
                group.revive(hold)?;
            }
            self.relocate(hold, group);
            Ok(())
        })
    }

    /// Whether the process itself can go to another group.
    fn check_unreaped_no_session_leader(&self) -> Result<(), Errno> {
        if !self.is_in_table() {
            return Err(Errno::ESRCH);
        }
        if self.leads_session() { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn setsid_in(
        &self,
        hold: &mut Hold<'_, H>,
        session: &Session<H>,
        group: &ProcessGroup<H>,
    ) -> Result<(), Refusal> {
        self.check_may_setsid(hold)?;
        // Both or none: what has the number already needs no memory, so neither is refused.
        session.found(hold, Some(self.own_numbers()))?;
        group.found(hold, Some(self.own_numbers()), session)?;
        self.mark(hold, Marks::SLOW_PATH);
        self.forget_terminal(hold);
        self.relocate(hold, group);
        Ok(())
    }

    /// Whether the process can lead a new session: no group has its number.
    fn check_may_setsid(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        let taken = self.group_of_own_number(hold).is_some() || self.leads_session();
        if taken || !self.is_in_table() { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Moves into the group of the process's own number, founding it with `embryo` if none lives.
    fn enter_or_found_own_group(
        &self,
        hold: &mut Hold<'_, H>,
        embryo: &ProcessGroup<H>,
    ) -> Result<(), Refusal> {
        match self.group_of_own_number(hold) {
            Some(group) => {
                self.move_unless_member(hold, group);
                Ok(())
            }
            None => self.found_and_enter_group(hold, embryo),
        }
    }

    fn found_and_enter_group(
        &self,
        hold: &mut Hold<'_, H>,
        embryo: &ProcessGroup<H>,
    ) -> Result<(), Refusal> {
        let session = self.session_in(hold);
        embryo.found(hold, Some(self.own_numbers()), session)?;
        self.relocate(hold, embryo);
        Ok(())
    }

    /// Moves into a group that lives.
    fn move_unless_member(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        if !self.is_member_of(hold, group) {
            self.relocate(hold, group);
        }
    }

    /// Leaves the group for another. The old one may end by that.
    fn relocate(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        let left = self.group.get(hold);
        left.remove_member_end_if_last(hold, self, false);
        group.admit(hold, self);
        self.publish_pgid_and_sid(hold, group);
        self.group.set(hold, Some(ARef::from(group)));
        finish_waiting_inits(hold, left.own_numbers());
    }

    /// Publishes the numbers of group and session in one word, so that no reader sees one without the other (G17).
    pub(super) fn publish_pgid_and_sid(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        let pid_ns = self.pid_ns(hold);
        let pgid = group.in_hold(hold).own_numbers().number_in(hold, pid_ns);
        let sid = group.session_in(hold).own_numbers().number_in(hold, pid_ns);
        self.ids.set(hold, u64::from(pgid) << 32 | u64::from(sid));
    }

    /// A session leader is the process whose number its session has; that number is no other's while the session lives.
    pub(crate) fn leads_session(&self) -> bool {
        self.sid() == self.pid()
    }

    /// Whether the process can be a member of a group: it is in the table and not reaped.
    pub(crate) fn is_in_table(&self) -> bool {
        (ProcessState::Live..=ProcessState::Zombie).contains(&self.state())
    }

    /// The same, to a holder.
    #[inline]
    pub(super) fn is_in_table_in(&self, hold: &Hold<'_, H>) -> bool {
        (ProcessState::Live..=ProcessState::Zombie).contains(&self.state_in(hold))
    }

    /// The living group that has the process's number.
    fn group_of_own_number<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h ProcessGroup<H>> {
        self.pid_ns(hold).group_of(hold, self.pid())
    }

    fn check_may_setpgid(&self, hold: &Hold<'_, H>, target: &Self) -> Result<(), Errno> {
        if target.is_child_of(hold, self) {
            if !core::ptr::eq(target.session_in(hold), self.session_in(hold)) {
                return Err(Errno::EPERM);
            }
            if target.has(hold, Marks::EXECED) {
                return Err(Errno::EACCES);
            }
        } else if !core::ptr::eq(target, self) {
            return Err(Errno::ESRCH);
        }
        if target.leads_session() { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// As [`find_task`]; the caller need not be looked up.
    fn find_own_or_task<'h>(
        &self,
        hold: &Hold<'h, H>,
        pid: i32,
    ) -> Result<FoundTask<'h, H>, Errno> {
        if pid == self.pid().cast_signed() && self.is_in_table() {
            return Ok(FoundTask { process: self.in_hold(hold), is_leader: true });
        }
        find_task(hold, self.pid_ns(hold), pid)
    }

    fn find_group_in_session<'h>(
        &self,
        hold: &Hold<'h, H>,
        pgid: Pid,
    ) -> Result<&'h ProcessGroup<H>, Errno> {
        let group = self.pid_ns(hold).group_of(hold, pgid).ok_or(Errno::EPERM)?;
        let same = core::ptr::eq(group.session_in(hold), self.session_in(hold));
        if same { Ok(group) } else { Err(Errno::EPERM) }
    }

    pub(super) fn session_in<'h>(&self, hold: &Hold<'h, H>) -> &'h Session<H> {
        self.group.get(hold).session_in(hold)
    }
}

/// Whom a number of user space's leads to.
pub(super) struct FoundTask<'h, H: Host> {
    /// The process, also if the number is that of another thread than its leader.
    pub(super) process: &'h Process<H>,
    /// Whether the number is the leader's, so the process's own.
    pub(super) is_leader: bool,
}

/// Finds the process that has this number in `pid_ns`, or a thread with it.
///
/// # Errors
///
/// `ESRCH`: nobody has it.
pub(super) fn find_task<'h, H: Host>(
    hold: &Hold<'h, H>,
    pid_ns: &PidNamespace<H>,
    pid: i32,
) -> Result<FoundTask<'h, H>, Errno> {
    let pid = Pid::try_from(pid).map_err(|_| Errno::ESRCH)?;
    let task = pid_ns.task_of(hold, pid);
    match task.ok_or(Errno::ESRCH)? {
        Task::Process(process) => Ok(FoundTask { process: process.get(hold), is_leader: true }),
        Task::Thread(thread) => {
            Ok(FoundTask { process: thread.get(hold).process_in(hold), is_leader: false })
        }
    }
}
