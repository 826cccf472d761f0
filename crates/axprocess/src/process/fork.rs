//! Making processes and threads.
//!
//! A new object is **prepared** outside the lock, where memory is allocated and all can fail, and **published** in one hold: it
//! gets its number, its parent, its group and its place in the lists together, or nothing has happened. What it inherits is read in
//! that hold, not before. A parent that is exiting hands the child to its reaper, as if the child had been
//! born earlier and re-parented (F1, race 3).

use alloc::sync::Arc;

use super::family::Parentage;
use super::{Marks, Process, ProcessState};
use crate::group::ProcessGroup;
use crate::list::Ptr;
use crate::pid::{Refusal, Task};
use crate::session::Session;
use crate::sync::{Hold, World};
use crate::thread::{Thread, ThreadState};
use crate::{Errno, Host, Number, Pid, Signal};

/// What fork(2), vfork(2) and clone(2) can say of the new process's place in the tree.
///
/// ```
/// use axprocess::{ForkParent, ForkRequest, Signal};
/// let fork = ForkRequest::default();
/// assert_eq!(fork.exit_signal, Some(Signal::SIGCHLD));
/// let sibling = ForkRequest { parent: ForkParent::Sibling, ..fork };
/// # let _ = sibling;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForkRequest {
    /// The number of the new process.
    pub number: Number,
    /// What the parent gets when the process ends; `None`: nothing. R-NOTIFY-01.
    pub exit_signal: Option<Signal>,
    /// Whose child it becomes.
    pub parent: ForkParent,
}

impl Default for ForkRequest {
    fn default() -> Self {
        Self {
            number: Number::Next,
            exit_signal: Some(Signal::SIGCHLD),
            parent: ForkParent::Caller,
        }
    }
}

/// Whose child a new process becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForkParent {
    /// The calling thread's.
    #[default]
    Caller,
    /// The caller's parent's (`CLONE_PARENT`); the exit signal is then the caller's own. R-FORK-03.
    Sibling,
}

impl<H: Host> Thread<H> {
    /// Makes a new process, a child of this thread, and returns its leader thread.
    ///
    /// Serves fork(2), vfork(2), clone(2) and clone3(2) without `CLONE_THREAD`. The child stands in its parent's list, its
    /// group and the number table at once. R-FORK-02, R-FORK-03, R-FORK-05, R-FORK-08, R-FORK-09.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a sibling of init, or number 0. `EINTR`: the caller is dying (R-CLONE-19).
    /// `ENOMEM`: the table is gone. `EEXIST`: the number is taken. `EAGAIN`: no number is free.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::ForkRequest;
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// assert_eq!((child.tid(), child.process().getppid()), (2, 1));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn fork(
        &self,
        request: ForkRequest,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Self>, Errno> {
        let world = self.process().world();
        let process = Arc::new(Process::embryo(world, data));
        let leader = Self::embryo(Arc::clone(&process), 0, thread_data);
        world.transact(|hold| {
            let parent = Parentage::of_thread(self, hold);
            let (parent, exit_signal) = match request.parent {
                ForkParent::Caller => (parent, request.exit_signal),
                ForkParent::Sibling => (
                    parent.process.parentage(hold).ok_or(Errno::EINVAL)?,
                    parent.process.exit_signal.get(hold),
                ),
            };
            if self.is_dying(hold) {
                return Err(Errno::EINTR.into());
            }
            let lineage = Lineage { parent, like: self.process() };
            publish(hold, &process, lineage, request.number)?;
            process.exit_signal.set(hold, exit_signal);
            leader.join_as_leader(hold);
            Ok(())
        })?;
        Ok(leader)
    }

    /// Makes a new thread of the same process.
    ///
    /// Serves clone(2) and clone3(2) with `CLONE_THREAD`. R-FORK-04, R-PID-07.
    ///
    /// # Errors
    ///
    /// In this order: `EINTR`: the process is exiting, or another thread is in exec (R-CLONE-19).
    /// `EINVAL`: number 0. `EEXIST`: the number is taken. `EAGAIN`: no number is free.
    pub fn spawn_thread(
        &self,
        number: Number,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Self>, Errno> {
        let thread = Self::embryo(Arc::clone(self.process()), 0, thread_data);
        self.process().world().transact(|hold| {
            let process = self.process();
            if self.is_dying(hold) || process.has(hold, Marks::EXECING) || !process.is_open(hold) {
                return Err(Errno::EINTR.into());
            }
            let task = Task::Thread(Ptr::new(&*thread));
            let tid = hold.table_mut().numbers.enter(number, task)?;
            thread.set_tid(hold, tid);
            thread.join(hold);
            Ok(())
        })?;
        Ok(thread)
    }

    fn is_dying(&self, hold: &Hold<'_, H>) -> bool {
        self.state() != ThreadState::Live
            || self.process().has(hold, Marks::GROUP_EXIT)
            || hold.host().is_fatal_signal_pending(self)
    }

    /// Makes an embryo the leader of its process, under the process's number.
    fn join_as_leader(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        self.set_tid(hold, process.pid());
        self.join(hold);
        process.leader.set(hold, Some(self));
    }

    /// Makes an embryo one more thread of its process, which is [open](Process::is_open).
    pub(crate) fn join(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ThreadState::Live);
        let process = self.process();
        process.threads.push_back(hold, self);
        process.live_threads.set(hold, process.live_threads.get(hold) + 1);
    }
}

impl<'h, H: Host> Parentage<'h, H> {
    /// The place of a thread's children.
    pub(crate) fn of_thread(thread: &Thread<H>, hold: &Hold<'h, H>) -> Self {
        let process = thread.process_in(hold);
        let leads = process.leader.is(hold, thread);
        Self { process, thread: (!leads).then(|| thread.in_hold(hold)) }
    }

    #[cfg(feature = "kspin")]
    /// The place of the children of a process that does not say which thread.
    pub(crate) fn of_process(process: &Process<H>, hold: &Hold<'h, H>) -> Self {
        Self { process: process.in_hold(hold), thread: None }
    }
}

/// Where a new process comes from.
pub(crate) struct Lineage<'a, 'h, H: Host> {
    /// Whose child it shall be.
    pub(crate) parent: Parentage<'h, H>,
    /// Whose group it inherits: the caller's.
    pub(crate) like: &'a Process<H>,
}

/// Gives a prepared process its number, its group and its parent, in one step. On an error nothing has changed.
///
/// # Errors
///
/// `ENOMEM`: the table is gone. `EINVAL`: number 0. `EEXIST`: the number is taken. `EAGAIN`: no number is free.
pub(crate) fn publish<'h, H: Host>(
    hold: &mut Hold<'h, H>,
    process: &Arc<Process<H>>,
    lineage: Lineage<'_, 'h, H>,
    number: Number,
) -> Result<(), Refusal> {
    if hold.table().closed {
        return Err(Errno::ENOMEM.into());
    }
    let wanted = lineage.parent;
    let parent = wanted.accepting(hold).or_else(|| wanted.process.find_reaper(hold));
    let parent = parent.ok_or(Errno::ENOMEM)?;
    process.enter_number(hold, number)?;
    // A caller that was reaped meanwhile has no group to pass on.
    let heir = lineage.like.is_member_somewhere();
    let like = if heir { lineage.like } else { parent.process };
    process.enter_group(hold, like.group_arc(hold));
    process.inherit_terminal(hold, like);
    let birth = hold.table_mut().next_birth();
    process.birth.set(hold, birth);
    process.parent.set(hold, Some(parent.process));
    process.parent_thread.set(hold, parent.thread);
    process.ppid.set(hold, parent.process.pid());
    parent.children().list.push_back(hold, Arc::clone(process));
    process.begin_life(hold);
    Ok(())
}

impl<H: Host> Process<H> {
    /// Whether a thread can join.
    pub(crate) fn is_open(&self, hold: &Hold<'_, H>) -> bool {
        self.state() == ProcessState::Live && !self.has(hold, Marks::GROUP_EXIT)
    }

    fn enter_number(&self, hold: &mut Hold<'_, H>, number: Number) -> Result<(), Refusal> {
        let pid = hold.table_mut().numbers.enter(number, Task::Process(Ptr::new(self)))?;
        self.pid.set(hold, pid);
        let serial = hold.table().census.created + 1;
        self.serial.set(hold, serial);
        Ok(())
    }

    fn begin_life(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ProcessState::Live);
        hold.table_mut().census.created += 1;
    }

    /// Makes an embryo a member of its first group.
    fn enter_group(&self, hold: &mut Hold<'_, H>, group: Arc<ProcessGroup<H>>) {
        group.members().push_back(hold, self);
        self.publish_ids(hold, &group);
        let before = self.group.replace(hold, group);
        debug_assert!(before.is_none(), "an embryo is in no group");
    }

    #[cfg(feature = "kspin")]
    /// Ends an embryo that was refused: it stands nowhere, but can be read like a reaped process.
    pub(crate) fn refuse(&self, hold: &mut Hold<'_, H>, pid: Pid, like: &Self) {
        self.pid.set(hold, pid);
        let group = like.group_arc(hold);
        self.publish_ids(hold, &group);
        let before = self.group.replace(hold, group);
        debug_assert!(before.is_none(), "an embryo is in no group");
        self.enter_state(hold, ProcessState::Reaped);
    }
}

/// Makes the first process of a table, in group 0 of session 0.
pub(crate) fn new_init<H: Host>(
    world: &Arc<World<H>>,
    pid: Pid,
    data: H::ProcessData,
    thread_data: H::ThreadData,
) -> Result<Arc<Thread<H>>, Errno> {
    let process = Arc::new(Process::embryo(world, data));
    let leader = Thread::embryo(Arc::clone(&process), 0, thread_data);
    found_first(world, &process, pid, 0, |hold| leader.join_as_leader(hold))?;
    Ok(leader)
}

/// Publishes the first process of a table as the first member of a new group and session of number `sid`.
pub(crate) fn found_first<H: Host>(
    world: &Arc<World<H>>,
    process: &Arc<Process<H>>,
    pid: Pid,
    sid: Pid,
    finish: impl Fn(&mut Hold<'_, H>),
) -> Result<(), Errno> {
    let session = Session::embryo(world);
    let group = ProcessGroup::embryo(world);
    world.transact(|hold| {
        if hold.init().is_some() || hold.table().closed {
            return Err(Errno::EEXIST.into());
        }
        process.enter_number(hold, Number::Exactly(pid))?;
        session.found(hold, sid)?;
        group.found(hold, sid, Arc::clone(&session))?;
        process.enter_group(hold, Arc::clone(&group));
        hold.roots().push_back(hold, Arc::clone(process));
        process.begin_life(hold);
        finish(hold);
        Ok(())
    })
}
