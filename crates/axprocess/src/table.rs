//! The process table: processes under one relation lock.

use core::fmt;
use core::marker::PhantomData;

use crate::pid::PidNamespace;
use crate::process::InitSession;
use crate::sync::{Duties, FirstUse, Hold, Leftovers, Lock, TableInner, with_rest_on_panic};
use crate::terminal::{Terminal, TerminalKind};
use crate::thread::Thread;
use crate::{ARef, Errno, Host, Pid, check};

/// A table of processes: their relations, their life cycle and their numbers.
///
/// Owns init, and kthreadd if there is one, and through the child lists every process that has not been reaped. Dropping the
/// table ends them all without notifying anyone, but that the host is told of the [release](Host::release_task) of each; objects that are still held elsewhere stay
/// readable, but stand in no relation any more. Neither that nor any other operation recurses, however deep the tree is.
///
/// ```
/// # use axprocess::{Host, ProcessTable, Relations};
/// # struct MyKernel;
/// # impl Host for MyKernel {
/// #     type Lock = std::sync::Mutex<Relations<Self>>;
/// #     type ProcessData = &'static str;
/// #     type ThreadData = ();
/// #     type GroupData = ();
/// #     type SessionData = ();
/// #     type NamespaceData = ();
/// #     type TerminalData = ();
/// #     type Usage = ();
/// # }
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, "init", ())?;
/// assert_eq!(init.process().pid(), 1);
/// assert_eq!(*table.find_process(1).unwrap().host_data(), "init");
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct ProcessTable<H: Host> {
    table: FirstUse<(H, H::Lock), ARef<TableInner<H>>>,
}

impl<H: Host> ProcessTable<H> {
    /// Makes an empty table, with a lock of the host's type.
    pub fn new(host: H) -> Self {
        Self::with_lock(host, H::Lock::new(Relations::new()))
    }

    /// Makes an empty table, for a static: with a lock around relations that no other table has.
    ///
    /// The table and its relations are bound to each other when it is first used, for ever. A lock that gives out any others (another table's, an earlier table's, a
    /// second one's) makes the call panic that has taken it, before anything is read.
    ///
    /// The first use is not for interrupt handlers: others that come to it wait for the first.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// static TABLE: ProcessTable<MyKernel> = ProcessTable::with_lock(MyKernel, Mutex::new(Relations::new()));
    /// assert!(TABLE.find_process(1).is_none());
    /// assert_eq!(TABLE.new_init(1, (), ())?.tid(), 1);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub const fn with_lock(host: H, lock: H::Lock) -> Self {
        Self { table: FirstUse::new((host, lock)) }
    }

    /// Returns the host given to [`new`](Self::new). Takes no lock.
    ///
    /// # Panics
    ///
    /// If the table has not been used before, and there is no memory for it.
    pub fn host(&self) -> &H {
        self.get_or_make_table().host()
    }

    /// Makes the first process, with its leader thread: the ancestor and last reaper of all others.
    ///
    /// As on Linux it begins in process group 0 of session 0, which no number names, until it calls `setsid` or `setpgid`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: `pid` is 0 or above `i32::MAX`. `EEXIST`: the table has an init. `ENOMEM`: there is no memory. What the host says, which is [asked](Host::can_fork) last.
    pub fn new_init(
        &self,
        pid: Pid,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Thread<H>>, Errno> {
        self.new_init_in(pid, InitSession::Nameless, data, thread_data)
    }

    /// Makes the first process as [`new_init`](Self::new_init) does, in the session that is asked for.
    ///
    /// # Errors
    ///
    /// As for [`new_init`](Self::new_init).
    pub fn new_init_in(
        &self,
        pid: Pid,
        begins_in: InitSession,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Thread<H>>, Errno> {
        crate::process::new_init(
            self.table.get_or_make(TableInner::make)?,
            pid,
            begins_in,
            data,
            thread_data,
        )
    }

    /// Makes kthreadd, the second root, with its thread: the parent of kernel threads and of the helpers that they run in user mode.
    ///
    /// On Linux its number is 2, for it comes right after init. It has no parent ([`ppid`](crate::Process::ppid) is [`IDLE_PID`](crate::IDLE_PID)), is a kernel thread itself, begins in group 0 of session 0 beside init if
    /// that is still there, and stays in the table for as long as that lives. It ignores `SIGCHLD`: its children vanish when they end. Nobody's orphans come to it. What is below it is made by
    /// [`Thread::fork_kernel_thread`] and [`Thread::fork`]. R-KTHREAD-01, R-KTHREAD-02, R-KTHREAD-05, R-KTHREAD-07.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `ESRCH`: the table has no init yet. `EEXIST`: it has a kthreadd. `EINVAL`: `pid` is 0 or above `i32::MAX`. `EEXIST`: the number is taken. What the host says, which is
    /// [asked](Host::can_fork) last.
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
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let kthreadd = table.new_kthreadd(2, (), ())?;
    /// let kthreadd = kthreadd.process();
    /// assert_eq!((kthreadd.pid(), kthreadd.ppid(), kthreadd.pgid(), kthreadd.sid()), (2, 0, 0, 0));
    /// assert!(kthreadd.parent().is_none() && kthreadd.is_kernel_thread());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn new_kthreadd(
        &self,
        pid: Pid,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Thread<H>>, Errno> {
        let table = self.table.get_or_make(TableInner::make)?;
        crate::process::new_kthreadd(table, pid, data, thread_data)
    }

    /// Makes a terminal, which is nobody's controlling terminal yet. `device` is its device number, which the model only keeps, like the kernel's `data` of it.
    ///
    /// The kernel calls it once for each of its ttys, for a pseudo-terminal once for both sides, and holds the `ARef` as long as
    /// the tty exists. See [`Terminal`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn new_terminal(
        &self,
        kind: TerminalKind,
        device: u32,
        data: H::TerminalData,
    ) -> Result<ARef<Terminal<H>>, Errno> {
        Terminal::make(self.table.get_or_make(TableInner::make)?, kind, device, data)
    }

    /// Returns the table's own namespace, of level 0. Takes no lock.
    ///
    /// # Panics
    ///
    /// If the table has not been used before, and there is no memory for it.
    pub fn namespace(&self) -> &PidNamespace<H> {
        self.get_or_make_table().pid_ns()
    }

    /// What its objects share, if the table is in use.
    pub(crate) fn table(&self) -> Option<&ARef<TableInner<H>>> {
        self.table.get()
    }

    /// What its objects share, made now if this is the first use.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub(crate) fn get_or_make_table(&self) -> &TableInner<H> {
        self.table.get_or_make(TableInner::make).expect("there is no memory for a process table")
    }
}

/// Ends every process, in bounded holds and without recursion: a root that has children hands them up, one by one, to be roots,
/// and a root without children is taken out.
impl<H: Host> Drop for ProcessTable<H> {
    fn drop(&mut self) {
        let Some(table) = self.table.get() else { return };
        // The kernel's data may panic when it is dropped: the rest is ended all the same.
        let release_at_table_end = || while !table.hold(try_release_all_at_table_end) {};
        with_rest_on_panic(release_at_table_end, || {
            table.hold(|hold| hold.relations_mut().duties |= Duties::TABLE_GONE);
            release_at_table_end();
        });
    }
}

/// Takes apart as much as one hold allows. Whether nothing is left.
fn try_release_all_at_table_end<H: Host>(hold: &mut Hold<'_, H>) -> bool {
    while let Some(root) = hold.first_root() {
        hold.count_touched();
        root.take_release_step_at_table_end(hold);
        if hold.is_batch_full() {
            return false;
        }
    }
    true
}

impl<H: Host> fmt::Debug for ProcessTable<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |table: &ARef<TableInner<H>>| table.hold(|hold| hold.relations().census.unreaped());
        let processes = self.table.get().map_or(0, count);
        f.debug_struct("ProcessTable").field("processes", &processes).finish_non_exhaustive()
    }
}

/// What the relation lock protects of the table itself. Opaque: it is named only to say which lock holds it, and made only to be put into one.
pub struct Relations<H: Host> {
    host: PhantomData<fn() -> H>,
    /// Whose they are; 0: no table's yet.
    pub(crate) table: u64,
    pub(crate) census: Census,
    /// How many processes are stopped.
    pub(crate) stopped: u32,
    /// What is to be thought of at the end of this hold.
    pub(crate) duties: Duties,
    /// What this hold has brought along, and leaves behind.
    pub(crate) leftovers: Leftovers<H>,
    /// How often something has begun to which an age was given: the use of a number, a place in a list.
    ages: u64,
    pub(crate) audit: check::Audit,
}

/// How many processes were created and reaped (invariant 10).
pub(crate) struct Census {
    pub(crate) created: u64,
    pub(crate) reaped: u64,
}

impl Census {
    pub(crate) const fn unreaped(&self) -> u64 {
        self.created - self.reaped
    }
}

impl<H: Host> Default for Relations<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Host> Relations<H> {
    /// Makes those of a table that has never been used.
    pub const fn new() -> Self {
        Self {
            host: PhantomData,
            table: 0,
            census: Census { created: 0, reaped: 0 },
            stopped: 0,
            duties: Duties::empty(),
            leftovers: Leftovers::new(),
            ages: 0,
            audit: check::Audit::new(),
        }
    }

    /// Whether the table is gone: nothing can be created any more.
    #[inline]
    pub(crate) const fn is_table_gone(&self) -> bool {
        self.duties.contains(Duties::TABLE_GONE)
    }

    /// A serial for one more use of a number: never 0, and never given again. It is a [place](Self::next_place) too, for who comes into lists by that.
    pub(crate) const fn next_use_serial(&mut self) -> u64 {
        self.ages += 1;
        self.ages
    }

    /// A place behind all others, in the order of births and adoptions (R-WAIT-14), or of those who join a group or found one.
    pub(crate) const fn next_place(&mut self) -> i64 {
        self.next_use_serial().cast_signed()
    }

    /// The first of so many places in a row, each behind all others.
    pub(crate) const fn next_places(&mut self, count: u64) -> i64 {
        let before = self.ages;
        self.ages += count;
        before.cast_signed() + 1
    }

    /// The last place that was given.
    pub(crate) const fn newest_place(&self) -> i64 {
        self.ages.cast_signed()
    }
}
