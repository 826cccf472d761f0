//! The second root, and the kernel threads below it.
//!
//! On Linux two processes are children of the idle task, whose number is [0](IDLE_PID) and which nobody sees: init, and kthreadd, which makes what the kernel runs for itself.
//!
//! | who | Linux | here |
//! | --- | --- | --- |
//! | kthreadd | `kthreadd`, made by `rest_init` right after init, so number 2 | [`ProcessTable::new_kthreadd`](crate::ProcessTable::new_kthreadd) |
//! | a kernel thread | `kernel_thread`, on behalf of kthreadd: `PF_KTHREAD` | [`Thread::fork_kernel_thread`] |
//! | a helper in user mode | `user_mode_thread` of `call_usermodehelper`: `CLONE_PARENT` from a worker, or the worker's own child if that waits for it | [`Thread::fork`] by a kernel thread, then [`Thread::exec`] |
//!
//! A kernel thread is a process without a program: no signal acts on it, nobody traces it, it does not stop. All else it has as any process: a number, a parent, a group, a session, an end. A helper is an
//! ordinary process from its birth on. It is not inherited what one is: each fork says which of the two it makes.
//!
//! kthreadd adopts nobody. The orphans of a helper, or of a kernel thread, go up as those of any process do, and nobody above them is a subreaper: so they come to init.

use super::fork::{Child, NumberSource, first_thread_of};
use super::{Marks, Process};
use crate::group::ProcessGroup;
use crate::pid::Numbers;
use crate::session::Session;
use crate::sync::{Hold, TableInner};
use crate::thread::Thread;
use crate::{ARef, Errno, ExitSignal, ForkNamespace, ForkRequest, Host, Number, Pid};

/// The number of the idle task, Linux's `init_task`, which the model does not have: nobody has it, no look-up finds anybody by it, and it is never given out.
///
/// It shows where something is the idle task's: as the parent's number of init and of kthreadd ([`Process::ppid`]), and as the number of the group and of the session in which both begin, and with them whoever is born
/// there and founds none ([`Process::pgid`], [`Process::sid`]). The same 0 stands for what a viewer cannot see (R-PID-14), and as an argument mostly for the caller itself. R-KTHREAD-02.
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
/// use axprocess::IDLE_PID;
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// assert_eq!(init.process().ppid(), IDLE_PID);
/// assert_eq!((init.process().pgid(), init.process().sid()), (IDLE_PID, IDLE_PID));
/// assert!(table.find_process(IDLE_PID).is_none());
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub const IDLE_PID: Pid = 0;

impl<H: Host> Thread<H> {
    /// Makes a kernel thread on behalf of this one, which is one itself, and returns it: a process with one thread.
    ///
    /// Serves Linux's `kernel_thread`, which kthreadd calls for whoever wants one. It stands where any child does, in the group and the session of its maker. What is no kernel thread but a helper in user mode,
    /// a kernel thread makes by [`fork`](Self::fork). The host is not asked whether the caller is dying, nor for its leave to a number; but whether the child [may be](Host::can_fork). Takes the lock. R-KTHREAD-03.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a new namespace. `ENOMEM`: there is no memory. `EINVAL`: this is no kernel thread; a sibling of kthreadd. `ENOMEM`: the table is gone. Numbers: as for
    /// [`fork`](Self::fork). What the host says, which is [asked](Host::can_fork) last.
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
    /// use axprocess::{ExitStatus, ForkParent, ForkRequest, ProcessState};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let kthreadd = table.new_kthreadd(2, (), ())?;
    /// let worker = kthreadd.fork_kernel_thread(ForkRequest::default(), (), ())?;
    /// assert_eq!((worker.tid(), worker.process().ppid()), (3, 2));
    /// init.kill(3, 9)?; // succeeds, and does nothing
    /// assert!(!worker.process().is_group_exiting());
    ///
    /// // call_usermodehelper: a child of kthreadd, which vanishes when it ends.
    /// let sibling = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    /// let helper = worker.fork(sibling, (), ())?;
    /// helper.exec()?;
    /// assert_eq!(helper.process().ppid(), 2);
    /// helper.exit_thread(ExitStatus::exited(0));
    /// assert_eq!(helper.process().state(), ProcessState::Reaped);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn fork_kernel_thread(
        &self,
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Self>, Errno> {
        if request.namespace == ForkNamespace::New {
            return Err(Errno::EINVAL);
        }
        let table = self.process().table();
        // All of them live in the table's own namespace, whatever their maker has chosen for its children.
        let mut child = Child::make(table, Numbers::at_root(), data, thread_data)?;
        table.hold_retrying_with_memory(|hold| {
            if !self.process().has(hold, Marks::KERNEL_THREAD) {
                return Err(Errno::EINVAL.into());
            }
            let origin = self.origin_of(hold, &request)?;
            // Before the host is asked for it.
            child.process().mark(hold, Marks::KERNEL_THREAD | Marks::SLOW_PATH);
            child.publish(hold, &origin, NumberSource::Taken(&request.number, None))
        })?;
        Ok(child.into_first_thread())
    }
}

/// Makes the second root of a table.
pub(crate) fn new_kthreadd<H: Host>(
    table: &ARef<TableInner<H>>,
    pid: Pid,
    data: H::ProcessData,
    thread_data: H::ThreadData,
) -> Result<ARef<Thread<H>>, Errno> {
    let [process, listed] = Process::make_embryo(table, Numbers::at_root(), data, thread_data)?;
    let mut listed = Some(listed);
    let nameless = Nameless {
        session: Session::make_embryo(table)?,
        group: ProcessGroup::make_embryo(table)?,
    };
    table.hold_retrying_with_memory(|hold| {
        if hold.relations().is_table_gone() {
            return Err(Errno::ENOMEM.into());
        }
        let init = hold.root_pid_ns().init(hold).ok_or(Errno::ESRCH)?;
        if hold.roots().len(hold) > 1 {
            return Err(Errno::EEXIST.into());
        }
        let number = Number::Exactly(pid);
        let place = process.enter_number(hold, NumberSource::Taken(&number, None))?;
        process.mark(hold, Marks::KERNEL_THREAD | Marks::SLOW_PATH);
        let group = nameless.found_or_share(hold, init);
        process.exit_signal.set(hold, ExitSignal::NONE);
        process.publish_as_root(hold, &group, place, &mut listed)
    })?;
    Ok(first_thread_of(process))
}

/// The group and the session that no number names, if they have to be made.
struct Nameless<H: Host> {
    session: ARef<Session<H>>,
    group: ARef<ProcessGroup<H>>,
}

impl<H: Host> Nameless<H> {
    /// The group without a number of init's session, as long as that has no number either; else a new one.
    fn found_or_share(&self, hold: &mut Hold<'_, H>, init: &Process<H>) -> ARef<ProcessGroup<H>> {
        let inits = init.in_hold(hold).session_in(hold);
        let session = if inits.sid() == IDLE_PID { inits } else { &*self.session };
        // It was the first to be founded there.
        if let Some(first) = session.groups().first(hold).filter(|it| it.pgid() == IDLE_PID) {
            return ARef::from(first);
        }
        // Neither is refused: what has no number needs no memory for one.
        let founded =
            self.session.found(hold, None).and_then(|()| self.group.found(hold, None, session));
        debug_assert!(founded.is_ok(), "nothing without a number is refused");
        ARef::clone(&self.group)
    }
}
