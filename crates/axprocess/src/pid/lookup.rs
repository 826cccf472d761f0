//! Who has a number: what a number of user space means, where a call does no more than find its target.

use super::identity::{
    Preallocated, identity_of_group, identity_of_session, retry_with_preallocated_identity,
};
use super::namespace::PidNamespace;
use super::number::Task;
use crate::group::ProcessGroup;
use crate::process::Process;
use crate::session::Session;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, Errno, Host, Identity, Pid, ProcessTable};

impl<H: Host> PidNamespace<H> {
    /// Returns the process of that number in this namespace, running or zombie; `None` for that of a thread that does not lead one. Takes the lock.
    ///
    /// For prlimit(2), ioprio_get(2), `PRIO_PROCESS` and its like, from the caller's namespace ([`Process::namespace`]). A [`View`](crate::View) finds without counting a reference.
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
    /// use axprocess::{ARef, Errno, ForkNamespace, ForkRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    /// let inner = init.fork(new, (), ())?;
    /// // The same number, and who it names depends on who asks.
    /// let seen_inside = inner.process().namespace().find_process(1).ok_or(Errno::ESRCH)?;
    /// assert!(ARef::ptr_eq(&seen_inside, inner.process()));
    /// assert!(ARef::ptr_eq(&table.find_process(1).ok_or(Errno::ESRCH)?, init.process()));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn find_process(&self, pid: Pid) -> Option<ARef<Process<H>>> {
        self.table().hold(|hold| {
            let task = self.task_of(hold, pid)?;
            task.process_of_leader(hold)?.share_unless_reaped()
        })
    }

    /// Returns the thread of that number in this namespace, unless it has exited. Takes the lock.
    pub fn find_thread(&self, tid: Pid) -> Option<ARef<Thread<H>>> {
        self.table().hold(|hold| {
            let task = self.task_of(hold, tid)?;
            task.thread_or_leader(hold).map(ARef::from)
        })
    }

    /// Returns the process group of that number in this namespace, if it has members. Takes the lock.
    pub fn find_group(&self, pgid: Pid) -> Option<ARef<ProcessGroup<H>>> {
        self.table().hold(|hold| self.group_of(hold, pgid).map(ARef::from))
    }

    /// Returns the session of that number in this namespace, if it has groups. Takes the lock.
    pub fn find_session(&self, sid: Pid) -> Option<ARef<Session<H>>> {
        self.table().hold(|hold| self.session_of(hold, sid).map(ARef::from))
    }

    /// Returns the identity that has the number in this namespace now, whatever it names: a process, a thread, a group or a session. Takes the lock. Linux's `find_get_pid`.
    ///
    /// For what keeps an owner and asks for it later: `F_SETOWN`, `SIGEV_THREAD_ID`.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: the number is free. `ENOMEM`: there is no memory.
    pub fn find_identity(&self, number: Pid) -> Result<ARef<Identity<H>>, Errno> {
        retry_with_preallocated_identity(self.table(), |hold, preallocated| {
            self.find_identity_in(hold, preallocated, number, |_| true)
        })
    }

    /// `is_wanted` is asked with the serial of who has the number; 0: nobody has been shown one.
    fn find_identity_in(
        &self,
        hold: &mut Hold<'_, H>,
        preallocated: &mut Preallocated<H>,
        number: Pid,
        is_wanted: impl Fn(u64) -> bool,
    ) -> Result<Option<ARef<Identity<H>>>, Errno> {
        let check = |serial| if is_wanted(serial) { Ok(()) } else { Err(Errno::ESRCH) };
        match self.task_of(hold, number) {
            Some(Task::Process(process)) => {
                let process = process.get(hold);
                check(process.serial(hold))?;
                process.find_or_make_identity(hold, preallocated)
            }
            Some(Task::Thread(thread)) => {
                let thread = thread.get(hold);
                check(thread.own_identity(hold).map_or(0, Identity::serial))?;
                thread.find_or_make_identity(hold, preallocated)
            }
            None => {
                if let Some(group) = self.group_of(hold, number) {
                    check(group.identity_key(hold).serial)?;
                    identity_of_group(hold, preallocated, group)
                } else if let Some(session) = self.session_of(hold, number) {
                    check(session.founder_serial(hold))?;
                    identity_of_session(hold, preallocated, session)
                } else {
                    Err(Errno::ESRCH)
                }
            }
        }
    }
}

impl<H: Host> ProcessTable<H> {
    /// Returns the process of that number in the table's own namespace: as [`PidNamespace::find_process`]. Takes the lock.
    pub fn find_process(&self, pid: Pid) -> Option<ARef<Process<H>>> {
        self.own_namespace()?.find_process(pid)
    }

    /// Returns the thread of that number in the table's own namespace, unless it has exited. Takes the lock.
    pub fn find_thread(&self, tid: Pid) -> Option<ARef<Thread<H>>> {
        self.own_namespace()?.find_thread(tid)
    }

    /// Returns the process group of that number in the table's own namespace, if it has members. Takes the lock.
    pub fn find_group(&self, pgid: Pid) -> Option<ARef<ProcessGroup<H>>> {
        self.own_namespace()?.find_group(pgid)
    }

    /// Returns the session of that number in the table's own namespace, if it has groups. Takes the lock.
    pub fn find_session(&self, sid: Pid) -> Option<ARef<Session<H>>> {
        self.own_namespace()?.find_session(sid)
    }

    /// Returns the identity with that serial, if it still has the number, which is that in the table's own namespace: what a file handle of a pidfd keeps are both. Takes the lock.
    ///
    /// Serves name_to_handle_at(2) and open_by_handle_at(2) on pidfds: encode [`Identity::number_in`] the table's own namespace and [`Identity::serial`]. Refuse to open what the caller's namespace does not see.
    ///
    /// # Errors
    ///
    /// In this order: `ESTALE`: it is gone, or never was. `ENOMEM`: there is no memory.
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
    /// use axprocess::Errno;
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let identity = init.process().identity()?;
    /// let handle = (identity.number_in(table.namespace()), identity.serial());
    /// assert_eq!(table.find_identity_by_serial(handle.0, handle.1)?, identity);
    /// assert_eq!(table.find_identity_by_serial(1, handle.1 + 1).err(), Some(Errno::ESTALE));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn find_identity_by_serial(
        &self,
        number: Pid,
        serial: u64,
    ) -> Result<ARef<Identity<H>>, Errno> {
        let own = self.own_namespace().filter(|_| serial != 0).ok_or(Errno::ESTALE)?;
        let found = retry_with_preallocated_identity(own.table(), |hold, preallocated| {
            own.find_identity_in(hold, preallocated, number, |it| it == serial)
        });
        found.map_err(|errno| if errno == Errno::ESRCH { Errno::ESTALE } else { errno })
    }

    /// The table's own namespace, if the table is in use.
    fn own_namespace(&self) -> Option<&PidNamespace<H>> {
        Some(self.table()?.pid_ns())
    }
}
