//! Making processes and threads.
//!
//! A new object is **prepared** outside the lock, where memory is allocated and all can fail, and **published** in one hold: it
//! gets its number, its parent, its group and its place in the lists together, or nothing has happened. What it inherits is read in
//! that hold, not before. A parent that is exiting hands the child to its reaper, as if the child had been
//! born earlier and re-parented (F1, race 3).

use alloc::sync::Arc;

use super::family::Parentage;
use super::{Marks, Process, ProcessState};
use crate::faults::{Fault, is_planted};
use crate::group::ProcessGroup;
use crate::list::Ptr;
use crate::pid::{Identity, PidNamespace, Refusal, Task};
use crate::session::Session;
use crate::split::Split;
use crate::sync::{Hold, Home, World};
use crate::thread::{Thread, ThreadState};
use crate::{Errno, ExitSignal, Host, Number, Pid};

/// What fork(2), vfork(2) and clone(2) can say of the new process's place in the tree. What user space says is read by [`crate::CloneRequest`].
///
/// ```
/// use axprocess::{ExitSignal, ForkParent, ForkRequest};
/// let fork = ForkRequest::default();
/// assert_eq!(fork.exit_signal, ExitSignal::SIGCHLD);
/// let sibling = ForkRequest { parent: ForkParent::Sibling, ..fork };
/// # let _ = sibling;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForkRequest<'a> {
    /// The numbers of the new process.
    pub number: Number<'a>,
    /// What the parent gets when the process ends. R-NOTIFY-01.
    pub exit_signal: ExitSignal,
    /// Whose child it becomes.
    pub parent: ForkParent,
    /// Where it lives.
    pub namespace: ForkNamespace,
}

impl Default for ForkRequest<'_> {
    fn default() -> Self {
        Self {
            number: Number::Next,
            exit_signal: ExitSignal::SIGCHLD,
            parent: ForkParent::Caller,
            namespace: ForkNamespace::Inherited,
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

/// In which PID namespace a new process lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForkNamespace {
    /// The one for the calling thread's children: its own, unless it has called [`Thread::unshare_pid`] or [`Thread::set_pid_namespace`].
    #[default]
    Inherited,
    /// A new one inside the caller's, of which it is the init (`CLONE_NEWPID`). R-FORK-14.
    New,
}

impl<H: Host> Thread<H> {
    /// Makes a new process, a child of this thread, and returns its leader thread.
    ///
    /// Serves fork(2), vfork(2), clone(2) and clone3(2) without `CLONE_THREAD`. The child stands in its parent's list, its
    /// group and the number table at once. R-FORK-02, R-FORK-03, R-FORK-05, R-FORK-08, R-FORK-09,
    /// R-FORK-11.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `EINVAL`: a sibling of an init (R-CLONE-11); a new namespace although one is waiting for the caller's children (R-CLONE-16).
    /// * `ENOSPC`: the new namespace would be the 33rd (R-CLONE-17).
    /// * `EINTR`: the caller is dying (R-CLONE-19).
    /// * `ENOMEM`: the table is gone.
    /// * `EINVAL`: more numbers than levels. Level by level, `EINVAL`: a number that cannot be. `EPERM`: the host does not allow the choice.
    ///   `EEXIST`: the number is taken. `EAGAIN`: no number is free.
    /// * `ENOMEM`: the namespace is gone (R-CLONE-18).
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
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Self>, Errno> {
        if request.parent == ForkParent::Sibling && self.process().is_some_init() {
            return Err(Errno::EINVAL);
        }
        let world = self.process().world();
        let other_space;
        let space = match self.children_live_at_root(request.namespace) {
            true => world.space(),
            false => {
                other_space = self.space_of_next_child(request.namespace)?;
                &other_space
            }
        };
        let process = Arc::new(Process::embryo(self.process().home(), space, data));
        let leader = Self::embryo(process, Identity::at_root(), thread_data);
        let process = leader.process();
        let chosen = world.check_apart(Split::Fork, |hold| {
            let own = Parentage::of_thread(self, hold);
            let parent = match request.parent {
                ForkParent::Caller => Some(own),
                ForkParent::Sibling => own.process.parentage(hold),
            };
            parent?.accepting(hold)?.process.share(hold)
        });
        let chosen = chosen.flatten();
        world.transact(|hold| {
            let parent = Parentage::of_thread(self, hold);
            let caller = parent.process;
            let (parent, exit_signal, parent_execs) = match request.parent {
                ForkParent::Caller => (parent, request.exit_signal, caller.execs.get(hold)),
                ForkParent::Sibling => (
                    caller.parentage(hold).ok_or(Errno::EINVAL)?,
                    caller.exit_signal.get(hold),
                    caller.parent_execs.get(hold),
                ),
            };
            let exit_signal = match is_planted(Fault::OwnSibling) {
                true => request.exit_signal,
                false => exit_signal,
            };
            if self.is_dying(hold) {
                return Err(Errno::EINTR.into());
            }
            let chosen = chosen.as_ref().map(|it| Parentage::of_leader(it, hold));
            let lineage = Lineage { parent, chosen, like: self.process(), caller: Some(self) };
            publish(hold, process, lineage, request.number)?;
            process.exit_signal.set(hold, exit_signal);
            process.parent_execs.set(hold, parent_execs);
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
    /// In this order: `EINVAL`: the caller's children would live in another namespace (R-CLONE-12). `EINTR`: the process is
    /// exiting, or another thread is in exec (R-CLONE-19). Numbers: as for [`fork`](Self::fork). `ENOMEM`: the namespace is ending.
    pub fn spawn_thread(
        &self,
        number: Number<'_>,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Self>, Errno> {
        let process = self.process();
        let identity = process.space_hint().new_identity();
        let thread = Self::embryo(Arc::clone(process), identity, thread_data);
        let checked = process.world().check_apart(Split::Join, |hold| self.check_may_join(hold));
        let checked = checked.transpose()?;
        process.world().transact(|hold| {
            if !self.children_space_in(hold).is(process.space(hold)) {
                return Err(Errno::EINVAL.into());
            }
            if checked.is_none() {
                self.check_may_join(hold)?;
            }
            let task = Task::Thread(Ptr::new(&*thread));
            thread.in_hold(hold).identity().enter(hold, number, Some(self), task)?;
            thread.join(hold);
            Ok(())
        })?;
        Ok(thread)
    }

    /// Whether another thread can join the caller's process.
    fn check_may_join(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        if self.is_dying(hold) || process.has(hold, Marks::EXECING) || !process.is_open(hold) {
            return Err(Errno::EINTR);
        }
        Ok(())
    }

    fn is_dying(&self, hold: &Hold<'_, H>) -> bool {
        self.state() != ThreadState::Live
            || self.process().has(hold, Marks::GROUP_EXIT)
            || hold.host().is_fatal_signal_pending(self)
    }

    /// Makes an embryo the leader of its process, under the process's number.
    fn join_as_leader(self: &Arc<Self>, hold: &mut Hold<'_, H>) {
        let process = self.process();
        self.identity().take_after(hold, process.identity());
        self.join(hold);
        process.leader.set(hold, Some(self));
    }

    /// Makes an embryo one more thread of its process, which is [open](Process::is_open).
    pub(crate) fn join(self: &Arc<Self>, hold: &mut Hold<'_, H>) {
        self.know_itself(hold);
        self.enter_state(hold, ThreadState::Live);
        let process = self.process();
        process.threads.push_back(hold, self);
        process.live_threads.set(hold, process.live_threads.get(hold) + 1);
        process.await_new_thread(hold);
    }
}

impl<H: Host> Process<H> {
    /// Makes a new process on behalf of this one, and returns its leader thread.
    ///
    /// For a kernel, or a facade, that creates processes without a calling thread. The child stands where a child of the leader does; with
    /// [`ForkParent::Sibling`], beside this process. If whoever should be its parent has ended, it goes to the reaper, as if it had been born earlier and
    /// re-parented. It inherits this process's group; after the reap there is none, and it inherits its parent's. A namespace that the leader
    /// has chosen for its own children does not count. R-FORK-02, R-FORK-03, R-FORK-09, R-FORK-11.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `EINVAL`: a sibling of an init (R-CLONE-11), or of a process that is reaped.
    /// * `ENOSPC`: the new namespace would be the 33rd (R-CLONE-17).
    /// * `ENOMEM`: the table is gone. Numbers: as for [`Thread::fork`], but that the host is not asked for its leave.
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
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{ExitStatus, ForkRequest, Number};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let parent = init.fork(ForkRequest::default(), (), ())?;
    /// parent.exit_thread(ExitStatus::exited(0));
    /// let request = ForkRequest { number: Number::Exactly(9), ..ForkRequest::default() };
    /// let child = parent.process().fork_child(request, (), ())?;
    /// assert_eq!((child.tid(), child.process().getppid()), (9, 1));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn fork_child(
        &self,
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Thread<H>>, Errno> {
        if request.parent == ForkParent::Sibling && self.is_some_init() {
            return Err(Errno::EINVAL);
        }
        let world = self.world();
        let other_space;
        let space = match request.namespace {
            ForkNamespace::Inherited if self.level == 0 => world.space(),
            ForkNamespace::Inherited => {
                other_space = self.namespace();
                &other_space
            }
            ForkNamespace::New => {
                other_space = PidNamespace::inside(&self.space_hint())?;
                &other_space
            }
        };
        let process = Arc::new(Self::embryo(self.home(), space, data));
        let leader = Thread::embryo(process, Identity::at_root(), thread_data);
        let process = leader.process();
        world.transact(|hold| {
            let own = Parentage::of_leader(self, hold);
            let (parent, exit_signal, parent_execs) = match request.parent {
                ForkParent::Caller => (own, request.exit_signal, self.execs.get(hold)),
                ForkParent::Sibling => (
                    self.parentage(hold).ok_or(Errno::EINVAL)?,
                    self.exit_signal.get(hold),
                    self.parent_execs.get(hold),
                ),
            };
            let lineage = Lineage { parent, chosen: None, like: self, caller: None };
            publish(hold, process, lineage, request.number)?;
            if process.is_child_of(hold, parent.process) {
                process.exit_signal.set(hold, exit_signal);
                process.parent_execs.set(hold, parent_execs);
            }
            leader.join_as_leader(hold);
            Ok(())
        })?;
        Ok(leader)
    }
}

impl<'h, H: Host> Parentage<'h, H> {
    /// The place of a thread's children.
    pub(crate) fn of_thread(thread: &Thread<H>, hold: &Hold<'h, H>) -> Self {
        let process = thread.process_in(hold);
        let leads = process.leader.is(hold, thread);
        Self { process, thread: (!leads).then(|| thread.in_hold(hold)) }
    }

    /// The place of the leader's children, and of those of a process that does not say which thread.
    pub(crate) fn of_leader(process: &Process<H>, hold: &Hold<'h, H>) -> Self {
        Self { process: process.in_hold(hold), thread: None }
    }
}

/// Where a new process comes from.
struct Lineage<'a, 'h, H: Host> {
    /// Whose child it shall be.
    parent: Parentage<'h, H>,
    /// Whose child it becomes, if that was found out in a section before.
    chosen: Option<Parentage<'h, H>>,
    /// Whose group it inherits: the caller's.
    like: &'a Process<H>,
    /// Who asks for its numbers, if it matters.
    caller: Option<&'a Thread<H>>,
}

/// Gives a prepared process its number, its group and its parent, in one step. On an error nothing has changed.
///
/// # Errors
///
/// `ENOMEM`: the table is gone. Then those of [`Identity::enter`].
fn publish<'h, H: Host>(
    hold: &mut Hold<'h, H>,
    process: &Arc<Process<H>>,
    lineage: Lineage<'_, 'h, H>,
    number: Number<'_>,
) -> Result<(), Refusal> {
    if hold.table().closed {
        return Err(Errno::ENOMEM.into());
    }
    let wanted = lineage.parent;
    let parent = lineage.chosen.or_else(|| wanted.accepting(hold));
    let parent = parent.or_else(|| wanted.process.find_reaper(hold));
    let parent = parent.ok_or(Errno::ENOMEM)?;
    process.enter_number(hold, number, lineage.caller)?;
    // A caller that was reaped meanwhile has no group to pass on.
    let heir = lineage.like.is_member_somewhere();
    let like = if heir { lineage.like } else { parent.process };
    process.inherit_group(hold, like);
    process.inherit_terminal(hold, like);
    process.set_parent(hold, parent);
    parent.children().list.push_back(hold, Arc::clone(process));
    process.begin_life(hold);
    Ok(())
}

impl<H: Host> Process<H> {
    /// Whether a thread can join.
    pub(crate) fn is_open(&self, hold: &Hold<'_, H>) -> bool {
        self.state() == ProcessState::Live && !self.has(hold, Marks::GROUP_EXIT)
    }

    /// Takes its numbers. The first process of a namespace is its init (R-FORK-14).
    #[inline]
    fn enter_number(
        &self,
        hold: &mut Hold<'_, H>,
        number: Number<'_>,
        caller: Option<&Thread<H>>,
    ) -> Result<(), Refusal> {
        let own = self.in_hold(hold);
        own.identity.enter(hold, number, caller, Task::Process(Ptr::new(self)))?;
        let space = own.identity.space(hold);
        if space.init(hold).is_none() {
            space.set_init(hold, Some(self));
        }
        let serial = hold.table().census.created + 1;
        self.serial.set(hold, serial);
        Ok(())
    }

    fn begin_life(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ProcessState::Live);
        hold.table_mut().census.created += 1;
    }

    /// Makes an embryo a member of the group of `like`.
    #[inline]
    fn inherit_group(&self, hold: &mut Hold<'_, H>, like: &Self) {
        let group = like.group_arc(hold);
        match self.space(hold).is(like.space(hold)) {
            true => self.ids.set(hold, like.ids.get()),
            false => self.publish_ids(hold, &group),
        }
        self.enter_first_group(hold, group);
    }

    /// Makes an embryo, which shows the numbers of the group, a member of it.
    fn enter_first_group(&self, hold: &mut Hold<'_, H>, group: Arc<ProcessGroup<H>>) {
        group.admit(hold, self);
        let before = self.group.replace(hold, group);
        debug_assert!(before.is_none(), "an embryo is in no group");
    }
}

/// In which session the first process of a table begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum InitSession {
    /// Group 0 of session 0, which no number names, as on Linux (R-NS-01).
    #[default]
    Nameless,
    /// A group and a session of its own, which it leads: those of a program that has no kernel's history, like a simulator.
    Own,
}

/// Makes the first process of a table.
pub(crate) fn new_init<H: Host>(
    world: &Arc<World<H>>,
    pid: Pid,
    begins_in: InitSession,
    data: H::ProcessData,
    thread_data: H::ThreadData,
) -> Result<Arc<Thread<H>>, Errno> {
    let process = Arc::new(Process::embryo(Home::of(world), world.space(), data));
    let leader = Thread::embryo(Arc::clone(&process), Identity::at_root(), thread_data);
    let session = Session::embryo(Arc::clone(world));
    let group = ProcessGroup::embryo(Arc::clone(world));
    world.transact(|hold| {
        if hold.init().is_some() || hold.table().closed {
            return Err(Errno::EEXIST.into());
        }
        process.enter_number(hold, Number::Exactly(pid), None)?;
        let founder = match begins_in {
            InitSession::Nameless => None,
            InitSession::Own => Some(process.identity()),
        };
        session.found(hold, founder)?;
        group.found(hold, founder, Arc::clone(&session))?;
        process.publish_ids(hold, &group);
        process.enter_first_group(hold, Arc::clone(&group));
        hold.roots().push_back(hold, Arc::clone(&process));
        process.begin_life(hold);
        leader.join_as_leader(hold);
        Ok(())
    })?;
    Ok(leader)
}
