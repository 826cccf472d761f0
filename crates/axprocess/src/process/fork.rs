//! Making processes and threads.
//!
//! A new object is **prepared** outside the lock, where memory is allocated and all can fail, and **published** in one hold: it
//! gets its parent, its group and its place in the lists together, or nothing has happened. What it inherits is read in
//! that hold, not before. A parent that is exiting hands the child to its reaper, as if the child had been
//! born earlier and re-parented (F1, race 3).
//!
//! | step | Linux | here |
//! | --- | --- | --- |
//! | 1 | `dup_task_struct`, `alloc_pid` | [`Thread::prepare_fork`]: memory, and the number, which nobody else gets and under which nobody is found |
//! | 2 | `copy_files`, `copy_mm`, … | the kernel copies what it copies, and can give up: the number is free again, and the next one given is the one behind it |
//! | 3 | the last part of `copy_process`, under `tasklist_lock`; `cgroup_can_fork` just ahead of it | [`PreparedFork::publish`], where the host is asked when nothing else can refuse ([`Host::can_fork`]) |
//!
//! A kernel that has nothing to do in between calls [`Thread::fork`], which is all of it in one hold.

use super::{Marks, Process, ProcessState};
use crate::group::ProcessGroup;
use crate::list::Ptr;
use crate::pid::{Numbers, PidNamespace, Refusal, Task};
use crate::session::Session;
use crate::sync::{Field, Hold, TableInner};
use crate::thread::{Thread, ThreadState};
use crate::{ARef, CloneRequest, Errno, ExitSignal, Host, Number, Pid, PidHandle};

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
    /// The one for the calling thread's children: its own, unless it has called [`Thread::unshare_pid`] or [`Thread::set_namespace_for_children`].
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
    /// * `EINVAL`: a sibling of an init (R-CLONE-11), or of kthreadd; a new namespace although one is waiting for the caller's children (R-CLONE-16).
    /// * `ENOSPC`: the new namespace would be the 33rd (R-CLONE-17).
    /// * `EINTR`: the caller is dying (R-CLONE-19).
    /// * `ENOMEM`: there is no memory, or the table is gone.
    /// * `EINVAL`: more numbers than levels. Level by level, `EINVAL`: a number that cannot be. `EPERM`: the host does not allow the choice.
    ///   `EEXIST`: the number is taken. `EAGAIN`: no number is free.
    /// * `ENOMEM`: the namespace is gone (R-CLONE-18).
    /// * What the host says, which is [asked](Host::can_fork) last (R-CLONE-23).
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
    /// assert_eq!((child.tid(), child.process().ppid()), (2, 1));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn fork(
        &self,
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Self>, Errno> {
        let mut child = self.make_child_embryo(&request, data, thread_data)?;
        let table = self.process().table();
        if let Err(refusal) = table.hold(|hold| self.publish_child(hold, &request, &mut child)) {
            // What is rare, in a section of its own: the other one is compiled into this call.
            let again = |hold: &mut Hold<'_, H>| self.publish_child(hold, &request, &mut child);
            table.hold_again_with_memory(refusal, again)?;
        }
        // The list has taken it: nothing is left to be dropped.
        core::mem::forget(child.listed);
        Ok(first_thread_of(child.process))
    }

    /// Begins a fork in steps: checks, takes memory and the number, and makes nobody visible.
    ///
    /// Serves the same calls as [`fork`](Self::fork), for a kernel that copies address spaces and files in between. The number is the child's from here on, but under it nobody is
    /// found. R-FORK-17, R-FORK-18.
    ///
    /// # Errors
    ///
    /// As for [`fork`](Self::fork), but that the host is asked when the child is [published](PreparedFork::publish).
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
    /// let given_up = init.prepare_fork(ForkRequest::default(), (), ())?;
    /// assert_eq!(given_up.pid(), 2);
    /// assert!(table.find_process(2).is_none());
    /// drop(given_up); // the kernel could not copy the address space
    /// let prepared = init.prepare_fork(ForkRequest::default(), (), ())?;
    /// assert_eq!(prepared.publish()?.tid(), 3);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn prepare_fork<'a>(
        &'a self,
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<PreparedFork<'a, H>, Errno> {
        let child = self.make_child_embryo(&request, data, thread_data)?;
        let plan = Plan { exit_signal: request.exit_signal, parent: request.parent };
        // Made before: if the lock panics when it is given back, the number is given up.
        let mut prepared = PreparedFork { caller: self, child, has_numbers: false, plan };
        self.process().table().hold_retrying_with_memory(|hold| {
            self.check_not_dying(hold)?;
            self.origin_of(hold, &request)?;
            prepared.child.process.in_hold(hold).reserve_number(
                hold,
                request.number,
                Some(self),
            )?;
            prepared.has_numbers = true;
            Ok(())
        })?;
        Ok(prepared)
    }

    /// Makes a new thread of the same process.
    ///
    /// Serves clone(2) and clone3(2) with `CLONE_THREAD`. R-FORK-04, R-PID-07.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `EINVAL`: the caller's children would live in another namespace (R-CLONE-12). `EINTR`: the process is
    /// exiting, or another thread is in exec (R-CLONE-19). Numbers: as for [`fork`](Self::fork). `ENOMEM`: the namespace is ending. What the host says, which is [asked](Host::can_fork) last (R-CLONE-23).
    pub fn spawn_thread(
        &self,
        number: Number<'_>,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Self>, Errno> {
        let process = self.process();
        let [thread, listed] = Self::make_embryo(process, thread_data)?;
        let mut listed = Some(listed);
        process.table().hold_retrying_with_memory(|hold| {
            self.check_children_pid_ns_is_own(hold)?;
            self.check_may_add_thread(hold)?;
            let task = Task::Thread(Ptr::new(&*thread));
            thread.in_hold(hold).own_numbers().enter(hold, &number, Some(self), Some(task))?;
            self.ask_host_about_thread(hold, &thread)?;
            thread.join_thread_group(hold, listed.take());
            Ok(())
        })?;
        Ok(thread)
    }

    /// Begins the making of a thread in steps, as [`prepare_fork`](Self::prepare_fork) does that of a process.
    ///
    /// # Errors
    ///
    /// As for [`spawn_thread`](Self::spawn_thread), but that the host is asked when the thread is [published](PreparedThread::publish).
    pub fn prepare_thread<'a>(
        &'a self,
        number: Number<'_>,
        thread_data: H::ThreadData,
    ) -> Result<PreparedThread<'a, H>, Errno> {
        let [thread, listed] = Self::make_embryo(self.process(), thread_data)?;
        // As in `prepare_fork`.
        let listed = Some(listed);
        let mut prepared = PreparedThread { caller: self, thread, listed, has_numbers: false };
        self.process().table().hold_retrying_with_memory(|hold| {
            self.check_children_pid_ns_is_own(hold)?;
            self.check_may_add_thread(hold)?;
            let thread = prepared.thread.in_hold(hold);
            thread.own_numbers().enter(hold, &number, Some(self), None)?;
            prepared.has_numbers = true;
            Ok(())
        })?;
        Ok(prepared)
    }

    /// Makes the object of a new process, where the request says that it will live.
    ///
    /// # Errors
    ///
    /// The first ones of [`fork`](Self::fork).
    #[inline(always)]
    fn make_child_embryo(
        &self,
        request: &ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Child<H>, Errno> {
        let is_sibling = request.parent == ForkParent::Sibling;
        match !is_sibling && self.children_surely_live_at_root(request.namespace) {
            true => Child::make(self.process().table(), Numbers::at_root(), data, thread_data),
            false => self.make_child_embryo_elsewhere(request, data, thread_data),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_child_embryo_elsewhere(
        &self,
        request: &ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Child<H>, Errno> {
        if request.parent == ForkParent::Sibling && self.process().is_some_init() {
            return Err(Errno::EINVAL);
        }
        let numbers = self.pid_ns_of_next_child(request.namespace)?.make_empty_numbers()?;
        Child::make(self.process().table(), numbers, data, thread_data)
    }

    /// Makes the child visible, if this thread does not die.
    #[inline(always)]
    fn publish_child(
        &self,
        hold: &mut Hold<'_, H>,
        request: &ForkRequest<'_>,
        child: &mut Child<H>,
    ) -> Result<(), Refusal> {
        self.check_not_dying(hold)?;
        let numbers = NumberSource::Taken(&request.number, Some(self));
        match request.parent {
            ForkParent::Caller => {
                let origin = self.origin_as_parent(hold, request.exit_signal);
                child.publish_in_line(hold, &origin, numbers)
            }
            ForkParent::Sibling => {
                let origin = self.origin_as_sibling(hold)?;
                child.publish(hold, &origin, numbers)
            }
        }
    }

    /// What a child of the request has from this thread, as it is in this hold.
    pub(super) fn origin_of<'h>(
        &self,
        hold: &Hold<'h, H>,
        request: &ForkRequest<'_>,
    ) -> Result<Origin<'h, H>, Errno> {
        match request.parent {
            ForkParent::Caller => Ok(self.origin_as_parent(hold, request.exit_signal)),
            ForkParent::Sibling => self.origin_as_sibling(hold),
        }
    }

    #[inline(always)]
    fn origin_as_parent<'h>(&self, hold: &Hold<'h, H>, exit_signal: ExitSignal) -> Origin<'h, H> {
        let like = self.process_in(hold);
        let caller = self.in_hold(hold);
        Origin { caller, parent: caller, like, exit_signal, parent_execs: &like.execs }
    }

    fn origin_as_sibling<'h>(&self, hold: &Hold<'h, H>) -> Result<Origin<'h, H>, Errno> {
        let like = self.process_in(hold);
        Ok(Origin {
            caller: self.in_hold(hold),
            parent: like.parent.get(hold).ok_or(Errno::EINVAL)?,
            like,
            exit_signal: like.exit_signal.get(hold),
            parent_execs: &like.parent_execs,
        })
    }

    fn check_not_dying(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        if self.is_dying(hold) { Err(Errno::EINTR) } else { Ok(()) }
    }

    fn check_children_pid_ns_is_own(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        let is_own = self.children_pid_ns_in(hold).is(self.process().pid_ns(hold));
        if is_own { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Whether another thread can join the caller's process.
    fn check_may_add_thread(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        if self.is_dying(hold)
            || process.has(hold, Marks::EXECING)
            || !process.is_exit_undecided(hold)
        {
            return Err(Errno::EINTR);
        }
        Ok(())
    }

    fn is_dying(&self, hold: &Hold<'_, H>) -> bool {
        !self.is_live_in(hold)
            || self.process().has(hold, Marks::GROUP_EXIT)
            || hold.host().is_fatal_signal_pending(hold.view(), self)
    }

    /// Asks the host whether there may be one more thread, last of all. If not, that has given up its number.
    fn ask_host_about_thread(&self, hold: &mut Hold<'_, H>, made: &Self) -> Result<(), Errno> {
        let answer = hold.host().can_fork(hold.view(), Some(self), made);
        if answer.is_err() {
            made.become_refused_thread(hold);
        }
        answer
    }

    /// Ends an embryo that the host has refused: to whoever has kept it, it is a thread that has exited.
    #[cold]
    fn become_refused_thread(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ThreadState::Exited);
        release_failed_embryo(hold, self, self.in_hold(hold).own_numbers());
    }

    /// Makes an embryo one more thread of its process, which is [open](Process::is_exit_undecided). `listed`: the list's reference to it.
    fn join_thread_group(&self, hold: &mut Hold<'_, H>, listed: Option<ARef<Self>>) {
        self.begin_life(hold);
        let process = self.process();
        if let Some(listed) = listed {
            let place = hold.relations_mut().next_place();
            self.set_place_in_process(hold, place);
            process.threads.push_back(hold, listed);
        }
        process.mark(hold, Marks::SLOW_PATH);
        process.live_threads.set(hold, process.live_threads.get(hold) + 1);
        process.count_new_thread_in_stop(hold, self);
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
    /// * `EINVAL`: a sibling of an init (R-CLONE-11), of kthreadd, or of a process that is reaped.
    /// * `ENOSPC`: the new namespace would be the 33rd (R-CLONE-17).
    /// * `ENOMEM`: the table is gone; the process was the init of a namespace, and is a zombie. Numbers: as for [`Thread::fork`], but that the host is not asked for its leave.
    /// * What the host says, which is [asked](Host::can_fork) last (R-CLONE-23).
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
    /// use axprocess::{ExitStatus, ForkRequest, Number};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let parent = init.fork(ForkRequest::default(), (), ())?;
    /// parent.exit_thread(ExitStatus::exited(0));
    /// let request = ForkRequest { number: Number::Exactly(9), ..ForkRequest::default() };
    /// let child = parent.process().fork_child(request, (), ())?;
    /// assert_eq!((child.tid(), child.process().ppid()), (9, 1));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn fork_child(
        &self,
        request: ForkRequest<'_>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Thread<H>>, Errno> {
        if request.parent == ForkParent::Sibling && self.is_some_init() {
            return Err(Errno::EINVAL);
        }
        let table = self.table();
        let numbers = match request.namespace {
            ForkNamespace::Inherited if self.own_numbers().level() == 0 => Numbers::at_root(),
            ForkNamespace::Inherited => self.share_own_pid_ns().make_empty_numbers()?,
            ForkNamespace::New => {
                PidNamespace::inside(&self.share_own_pid_ns())?.make_empty_numbers()?
            }
        };
        let mut child = Child::make(table, numbers, data, thread_data)?;
        table.hold_retrying_with_memory(|hold| {
            let origin = self.origin_of(hold, &request)?;
            child.publish(hold, &origin, NumberSource::Taken(&request.number, None))
        })?;
        Ok(first_thread_of(child.process))
    }

    /// What a child on behalf of this process has from it, as it is in this hold.
    fn origin_of<'h>(
        &self,
        hold: &Hold<'h, H>,
        request: &ForkRequest<'_>,
    ) -> Result<Origin<'h, H>, Errno> {
        self.leading_thread(hold).origin_of(hold, request)
    }
}

/// The first thread of a process, with the reference to the process.
#[inline]
pub(super) fn first_thread_of<H: Host>(process: ARef<Process<H>>) -> ARef<Thread<H>> {
    ARef::into_part(process, |process| &process.first_thread)
}

/// A fork that has begun: the child has its number, and nobody sees it. Made by [`Thread::prepare_fork`].
///
/// Dropping it gives the fork up: nothing is left, but that the next number given is the one behind. If it would have been the first process of a new namespace,
/// nobody can be made in that any more (R-FORK-18).
#[must_use = "a fork that is not published is given up"]
pub struct PreparedFork<'a, H: Host> {
    caller: &'a Thread<H>,
    child: Child<H>,
    /// It has numbers that are given up if it is not published.
    has_numbers: bool,
    plan: Plan,
}

/// What of a [`ForkRequest`] is carried out when the child is published.
#[derive(Clone, Copy)]
struct Plan {
    exit_signal: ExitSignal,
    parent: ForkParent,
}

/// A thread whose making has begun: it has its number, and nobody sees it. Made by [`Thread::prepare_thread`]; dropping it gives it up.
#[must_use = "a thread that is not published is given up"]
pub struct PreparedThread<'a, H: Host> {
    caller: &'a Thread<H>,
    thread: ARef<Thread<H>>,
    /// The reference that its process's list will hold.
    listed: Option<ARef<Thread<H>>>,
    /// As for a process.
    has_numbers: bool,
}

impl<H: Host> PreparedFork<'_, H> {
    /// Returns the child's number in its own namespace: what it will see itself. Takes no lock.
    pub fn pid(&self) -> Pid {
        self.child.process.pid()
    }

    /// Returns the child's number as the caller sees it: what its fork(2) returns. Takes the lock.
    pub fn pid_seen_by_caller(&self) -> Pid {
        let caller = self.caller.process();
        caller
            .table()
            .hold(|hold| self.child.process.own_numbers().number_in(hold, caller.pid_ns(hold)))
    }

    /// Returns a handle of the child, for `CLONE_PIDFD`. If the fork is given up, the handle is at its end. Takes the lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn handle(&self) -> Result<PidHandle<H>, Errno> {
        self.child.process.handle()
    }

    /// Returns the handle that the request asks for (`CLONE_PIDFD`), as [`CloneRequest::pidfd`](crate::CloneRequest::pidfd) does of what is made. Takes the lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn pidfd(&self, request: &CloneRequest) -> Result<Option<PidHandle<H>>, Errno> {
        request.pidfd(&self.child.process.first_thread)
    }

    /// Returns the data of the child: where the kernel puts what it copies. Takes no lock.
    pub fn process_data(&self) -> &H::ProcessData {
        self.child.process.host_data()
    }

    /// Returns the data of the child's leader thread. Takes no lock.
    pub fn thread_data(&self) -> &H::ThreadData {
        self.child.process.first_thread.host_data()
    }

    /// Makes the child visible, with all its relations at once, and returns its leader thread.
    ///
    /// # Errors
    ///
    /// In this order, and then the fork is given up: `EINVAL`: a sibling of who has no parent any more. `ENOMEM`: the child's namespace has begun to end (R-CLONE-18). `EINTR`: the
    /// caller is dying (R-CLONE-19). What the host says, which is [asked](Host::can_fork) last (R-CLONE-23).
    pub fn publish(mut self) -> Result<ARef<Thread<H>>, Errno> {
        let (caller, plan) = (self.caller, self.plan);
        let request = ForkRequest {
            exit_signal: plan.exit_signal,
            parent: plan.parent,
            ..ForkRequest::default()
        };
        caller.process().table().hold_retrying_with_memory(|hold| {
            let origin = caller.origin_of(hold, &request)?;
            if self.child.process.pid_ns(hold).is_closed(hold) {
                return Err(Errno::ENOMEM.into());
            }
            caller.check_not_dying(hold)?;
            let published = self.child.publish(hold, &origin, NumberSource::Reserved);
            // Published or refused by the host: from here on nothing gives it up, not even a lock that panics when it is given back.
            self.has_numbers = self.child.process.state_in(hold) == ProcessState::Embryo;
            published
        })?;
        Ok(first_thread_of(ARef::clone(&self.child.process)))
    }
}

impl<H: Host> Drop for PreparedFork<'_, H> {
    fn drop(&mut self) {
        if self.has_numbers {
            let process = &self.child.process;
            process.table().hold(|hold| {
                release_failed_embryo(
                    hold,
                    &process.in_hold(hold).first_thread,
                    process.own_numbers(),
                )
            });
        }
    }
}

impl<H: Host> PreparedThread<'_, H> {
    /// Returns the thread's number in its own namespace, which is also the caller's. Takes no lock.
    pub fn tid(&self) -> Pid {
        self.thread.tid()
    }

    /// Returns a handle of the thread, for `CLONE_PIDFD`. If the thread is given up, the handle is at its end. Takes the lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn handle(&self) -> Result<PidHandle<H>, Errno> {
        self.thread.handle()
    }

    /// Returns the handle that the request asks for, as for [a process](PreparedFork::pidfd). Takes the lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn pidfd(&self, request: &CloneRequest) -> Result<Option<PidHandle<H>>, Errno> {
        request.pidfd(&self.thread)
    }

    /// Returns the data of the thread. Takes no lock.
    pub fn thread_data(&self) -> &H::ThreadData {
        self.thread.host_data()
    }

    /// Makes the thread visible, and returns it.
    ///
    /// # Errors
    ///
    /// And then it is given up: `ENOMEM`: the namespace has begun to end. `EINTR`: the process is exiting, or another thread is in exec. What the host says, which is [asked](Host::can_fork) last (R-CLONE-23).
    pub fn publish(mut self) -> Result<ARef<Thread<H>>, Errno> {
        let caller = self.caller;
        caller.process().table().hold(|hold| {
            if caller.process().pid_ns(hold).is_closed(hold) {
                return Err(Errno::ENOMEM);
            }
            caller.check_may_add_thread(hold)?;
            let made = self.thread.in_hold(hold);
            // As in `PreparedFork::publish`: in its process or refused by the host, it has nothing left to give up.
            self.has_numbers = false;
            caller.ask_host_about_thread(hold, made)?;
            let task = Task::Thread(Ptr::new(made));
            made.own_numbers().publish_task(hold, task);
            if let Some(identity) = made.own_identity(hold) {
                identity.note_made(hold, task);
            }
            made.join_thread_group(hold, self.listed.take());
            Ok(())
        })?;
        Ok(ARef::clone(&self.thread))
    }
}

impl<H: Host> Drop for PreparedThread<'_, H> {
    fn drop(&mut self) {
        if self.has_numbers {
            let thread = &self.thread;
            thread
                .process()
                .table()
                .hold(|hold| release_failed_embryo(hold, thread, thread.own_numbers()));
        }
    }
}

/// Gives up the numbers of who is not made after all: its identity, if it has one, never was anybody's.
fn release_failed_embryo<H: Host>(
    hold: &mut Hold<'_, H>,
    thread: &Thread<H>,
    numbers: &Numbers<H>,
) {
    if let Some(identity) = thread.own_identity(hold) {
        identity.note_gone(hold, 0);
    }
    numbers.release_and_close_if_first(hold);
    super::end_pid_ns::finish_waiting_inits(hold, numbers);
}

/// Where a new process comes from.
pub(crate) struct Origin<'h, H: Host> {
    /// Who forks.
    caller: &'h Thread<H>,
    /// Whose child it shall be.
    parent: &'h Thread<H>,
    /// Whose group it inherits: the caller's.
    like: &'h Process<H>,
    exit_signal: ExitSignal,
    parent_execs: &'h Field<u32>,
}

/// How a new process comes to its numbers.
#[derive(Clone, Copy)]
pub(super) enum NumberSource<'a, H: Host> {
    /// It takes them now, for this caller, if that matters.
    Taken(&'a Number<'a>, Option<&'a Thread<H>>),
    /// It has them already.
    Reserved,
}

/// A process that is being made.
pub(super) struct Child<H: Host> {
    process: ARef<Process<H>>,
    /// The reference that its parent's list will hold.
    listed: Option<ARef<Process<H>>>,
}

impl<H: Host> Child<H> {
    #[inline(always)]
    pub(super) fn make(
        table: &TableInner<H>,
        numbers: Numbers<H>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Self, Errno> {
        let [process, listed] = Process::make_embryo(table, numbers, data, thread_data)?;
        Ok(Self { process, listed: Some(listed) })
    }

    /// Gives it its number, its group and its parent, in one step. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: the table is gone. Then those of [`Numbers::enter`](crate::pid::Numbers::enter), and of [`Host::can_fork`].
    pub(super) fn publish<'h>(
        &mut self,
        hold: &mut Hold<'h, H>,
        origin: &Origin<'h, H>,
        numbers: NumberSource<'_, H>,
    ) -> Result<(), Refusal> {
        self.publish_in_line(hold, origin, numbers)
    }

    pub(super) fn process(&self) -> &Process<H> {
        &self.process
    }

    pub(super) fn into_first_thread(self) -> ARef<Thread<H>> {
        first_thread_of(self.process)
    }

    #[inline(always)]
    fn publish_in_line<'h>(
        &mut self,
        hold: &mut Hold<'h, H>,
        origin: &Origin<'h, H>,
        numbers: NumberSource<'_, H>,
    ) -> Result<(), Refusal> {
        if hold.relations().is_table_gone() {
            return Err(Errno::ENOMEM.into());
        }
        let process = self.process.in_hold(hold);
        let parent = origin.parent_or_reaper(hold)?;
        let like = origin.inherits_from(hold, parent);
        let has_numbers = matches!(numbers, NumberSource::Reserved);
        let place = process.enter_number(hold, numbers)?;
        process.inherit_numbers_of_others(hold, like, parent.process_in(hold));
        process.group.fill(hold, like.group.share(hold));
        process.inherit_terminal(hold, like);
        process.inherit_below_subreaper(hold, like);
        process.execs.set(hold, like.execs.get(hold));
        if core::ptr::eq(parent.process_in(hold), origin.parent.process_in(hold)) {
            process.exit_signal.set(hold, origin.exit_signal);
            if process.is_clone_child(hold) {
                process.parent_execs.set(hold, origin.parent_execs.get(hold));
            }
        } else {
            // To a reaper it is an ordinary child (R-REPARENT-09).
            process.exit_signal.set(hold, ExitSignal::SIGCHLD);
        }
        process.record_parent(hold, parent, place);
        process.ask_host(hold, Some(origin.caller))?;
        if has_numbers {
            process.publish_reserved_number(hold);
        }
        process.enter_member_list_as_embryo(hold, place);
        if let Some(listed) = self.listed.take() {
            parent.children_lists().admit(hold, listed);
        }
        process.begin_life(hold);
        Ok(())
    }
}

impl<'h, H: Host> Origin<'h, H> {
    /// Who accepts the child: the thread that shall be its parent, or else the reaper.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: the table is gone; the init of a namespace that has ended adopts nobody, so that on behalf of itself nothing can be made.
    #[inline]
    fn parent_or_reaper(&self, hold: &mut Hold<'h, H>) -> Result<&'h Thread<H>, Errno> {
        let of_process = match self.parent.is_live_in(hold) {
            true => Some(self.parent),
            false => self.dying_parent_or_heir(hold),
        };
        match of_process {
            Some(parent) => Ok(parent),
            None => self.live_reaper(hold),
        }
    }

    /// A thread that exits keeps its children, a new one among them, until it hands them all over.
    #[cold]
    fn dying_parent_or_heir(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        match self.parent.state() {
            ThreadState::Exiting => Some(self.parent),
            _ => self.parent.self_or_first_live(hold),
        }
    }

    #[cold]
    fn live_reaper(&self, hold: &mut Hold<'h, H>) -> Result<&'h Thread<H>, Errno> {
        let reaper = self.parent.process_in(hold).find_reaper(hold);
        reaper.filter(|it| !it.process_in(hold).has_ended()).ok_or(Errno::ENOMEM)
    }

    /// Whose group and terminal the child has: the caller's, but one that was reaped meanwhile has none to pass on.
    #[inline]
    fn inherits_from(&self, hold: &Hold<'h, H>, parent: &'h Thread<H>) -> &'h Process<H> {
        let parent = parent.process_in(hold);
        let is_parent = core::ptr::eq(self.like, parent);
        if is_parent || self.like.is_in_table_in(hold) { self.like } else { parent }
    }
}

impl<H: Host> Process<H> {
    /// Takes the numbers, and nobody is found under them.
    fn reserve_number<'h>(
        &'h self,
        hold: &mut Hold<'h, H>,
        number: Number<'_>,
        caller: Option<&Thread<H>>,
    ) -> Result<(), Refusal> {
        if hold.relations().is_table_gone() {
            return Err(Errno::ENOMEM.into());
        }
        self.own_numbers().enter(hold, &number, caller, None)?;
        let serial = hold.relations_mut().next_use_serial();
        self.serial.set(hold, serial);
        Ok(())
    }

    /// Takes its numbers, unless it has them already. Returns its place in the lists into which it comes: behind all others.
    #[inline(always)]
    pub(super) fn enter_number(
        &self,
        hold: &mut Hold<'_, H>,
        numbers: NumberSource<'_, H>,
    ) -> Result<i64, Refusal> {
        let task = Task::Process(Ptr::new(self));
        let place = match numbers {
            NumberSource::Taken(number, caller) => {
                self.own_numbers().enter(hold, number, caller, Some(task))?;
                let serial = hold.relations_mut().next_use_serial();
                self.serial.set(hold, serial);
                serial.cast_signed()
            }
            NumberSource::Reserved => hold.relations_mut().next_place(),
        };
        Ok(place)
    }

    /// Is found under the numbers that it has.
    #[cold]
    fn publish_reserved_number(&self, hold: &mut Hold<'_, H>) {
        let (own, task) = (self.in_hold(hold), Task::Process(Ptr::new(self)));
        own.own_numbers().publish_task(hold, task);
        if let Some(identity) = own.identity_in(hold) {
            identity.note_made(hold, task);
        }
    }

    /// Lives in a namespace of its own, or in the table's as the first. The first process of a namespace is its init (R-FORK-14).
    fn become_init_if_first(&self, hold: &mut Hold<'_, H>) {
        let pid_ns = self.pid_ns(hold);
        if pid_ns.init(hold).is_none() {
            pid_ns.set_init(hold, Some(self));
        }
        self.mark(hold, Marks::SLOW_PATH);
    }

    /// Lives from now on, with its first thread under the process's number.
    #[inline(always)]
    pub(super) fn begin_life(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ProcessState::Live);
        hold.relations_mut().census.created += 1;
        let thread = &self.first_thread;
        thread.begin_life(hold);
        self.threads.push_first_part(hold, self, thread);
        self.live_threads.set(hold, 1);
    }

    /// Shows the numbers of the group and the session of `like`, and of its parent, as it sees them.
    #[inline(always)]
    fn inherit_numbers_of_others(&self, hold: &mut Hold<'_, H>, like: &Self, parent: &Self) {
        match self.own_numbers().lives_at_root(hold) {
            // Then so do the other two, for a child lives where they do, or further inside.
            true => {
                self.ids.set(hold, like.ids.get_in(hold));
                self.publish_ppid(hold, parent);
            }
            false => self.publish_numbers_of_others(hold, like, parent),
        }
    }

    #[cold]
    #[inline(never)]
    fn publish_numbers_of_others(&self, hold: &mut Hold<'_, H>, like: &Self, parent: &Self) {
        self.become_init_if_first(hold);
        self.publish_pgid_and_sid(hold, like.group_in(hold));
        self.publish_ppid(hold, parent);
    }

    /// Asks the host whether there may be this process, last of all: an embryo that has all but its places in lists. If not, nothing is left of it.
    #[inline(always)]
    fn ask_host(&self, hold: &mut Hold<'_, H>, caller: Option<&Thread<H>>) -> Result<(), Errno> {
        let answer = hold.host().can_fork(hold.view(), caller, &self.first_thread);
        if answer.is_err() {
            self.become_refused_process(hold);
        }
        answer
    }

    /// Ends an embryo that the host has refused: to whoever has kept it, it is a process that is reaped.
    #[cold]
    fn become_refused_process(&self, hold: &mut Hold<'_, H>) {
        let own = self.in_hold(hold);
        self.parent.set(hold, None);
        if self.is_pid_ns_init(hold) {
            self.pid_ns(hold).set_init(hold, None);
        }
        self.first_thread.enter_state(hold, ThreadState::Exited);
        self.enter_state(hold, ProcessState::Reaped);
        release_failed_embryo(hold, &own.first_thread, own.own_numbers());
    }

    /// Makes an embryo that has its numbers a root of the table, in that group; which ends, if the host refuses the embryo and nobody else is in it.
    pub(super) fn publish_as_root(
        &self,
        hold: &mut Hold<'_, H>,
        group: &ARef<ProcessGroup<H>>,
        place: i64,
        listed: &mut Option<ARef<Self>>,
    ) -> Result<(), Refusal> {
        self.publish_pgid_and_sid(hold, group);
        self.group.fill(hold, ARef::clone(group));
        if let Err(errno) = self.ask_host(hold, None) {
            if group.members().first(hold).is_none() {
                group.end(hold);
            }
            return Err(errno.into());
        }
        self.enter_member_list_as_embryo(hold, place);
        if let Some(listed) = listed.take() {
            hold.roots().push_back(hold, listed);
        }
        self.begin_life(hold);
        Ok(())
    }

    /// Makes an embryo, which shows the numbers of its group, a member of that.
    #[inline(always)]
    fn enter_member_list_as_embryo(&self, hold: &mut Hold<'_, H>, place: i64) {
        self.group_place.set(hold, place);
        self.group.get(hold).members().push_back(hold, self);
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
    table: &ARef<TableInner<H>>,
    pid: Pid,
    begins_in: InitSession,
    data: H::ProcessData,
    thread_data: H::ThreadData,
) -> Result<ARef<Thread<H>>, Errno> {
    let [process, listed] = Process::make_embryo(table, Numbers::at_root(), data, thread_data)?;
    let mut listed = Some(listed);
    let session = Session::make_embryo(table)?;
    let group = ProcessGroup::make_embryo(table)?;
    table.hold_retrying_with_memory(|hold| {
        if hold.first_root().is_some() || hold.relations().is_table_gone() {
            return Err(Errno::EEXIST.into());
        }
        let number = Number::Exactly(pid);
        let place = process.enter_number(hold, NumberSource::Taken(&number, None))?;
        process.become_init_if_first(hold);
        let founder = match begins_in {
            InitSession::Nameless => None,
            InitSession::Own => Some(process.own_numbers()),
        };
        // As in setsid: neither is refused.
        session.found(hold, founder)?;
        group.found(hold, founder, &session)?;
        process.exit_signal.set(hold, ExitSignal::SIGCHLD);
        process.publish_as_root(hold, &group, place, &mut listed)
    })?;
    Ok(first_thread_of(process))
}
