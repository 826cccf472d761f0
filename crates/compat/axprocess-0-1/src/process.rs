//! A process: its place in the tree, its group, its threads, its end.
//!
//! # How it stands over the model
//!
//! A process has one in the model, with one hidden thread that lives until [`Process::exit`]; parent, children, group and end are the
//! model's. What axprocess 0.1 has beside that stands here: any [number](crate::numbers), weak threads, an exit code of any value, data of any type.
//!
//! | reference | kind | ends at |
//! | --- | --- | --- |
//! | process → its hidden thread → the model's process | strong | process dropped |
//! | the model's process → process | weak | process dropped |
//! | process → itself | strong | reap |
//! | process → group → session | strong | move; process and group dropped |
//! | the model's group → group | weak | group dropped |
//! | group → the model's group, session → the model's session | strong | group, session dropped |
//!
//! So an unreaped process holds itself, which is what its parent's strong reference comes to: without a reap nothing takes it from its parent but another parent.
//! After the reap nothing refers in a circle.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use kspin::SpinNoIrq;
use model::{ARef, ExitStatus, ForkRequest, ProcessState};

use crate::data::{AnyData, listed};
use crate::group::CHANGES;
use crate::host::Facade;
use crate::numbers::{Memory, NUMBERS, Name, Numbers};
use crate::thread_list::ThreadList;
use crate::{Errno, Pid, ProcessBuilder, ProcessGroup, Session, Thread, ThreadBuilder, init_proc};

/// A process. It lives at least until it is reaped by [`free`](Self::free).
pub struct Process {
    pid: Pid,
    data: AnyData,
    /// None if the process was refused.
    hidden: Option<Hidden>,
    /// Whether it was made as nobody's child.
    is_first: bool,
    state: SpinNoIrq<State>,
}

/// What a process has that was not refused.
struct Hidden {
    /// Its only thread in the model.
    thread: ARef<model::Thread<Facade>>,
    /// Its number, which it uses until it is reaped.
    name: Name,
}

/// What a child has from its birth.
struct Birth {
    forked: Result<Hidden, Errno>,
    group: Option<Arc<ProcessGroup>>,
}

/// What the lock of a process protects.
pub(crate) struct State {
    /// Itself, until it is reaped.
    myself: Option<Arc<Process>>,
    /// Of whoever is handed out there is one.
    group: Option<Arc<ProcessGroup>>,
    pub(crate) threads: ThreadList,
    pub(crate) exit_code: i32,
    pub(crate) is_group_exited: bool,
}

impl Process {
    /// Begins the init process, which makes its own session and group.
    ///
    /// # Panics
    ///
    /// [`ProcessBuilder::build`] does, if there is an init already: it may be built once in a program.
    pub fn new_init(pid: Pid) -> ProcessBuilder {
        ProcessBuilder::new(None, pid)
    }

    /// Begins a child of this process. If this one has exited when it is built, the child goes to the reaper.
    pub fn fork(self: &Arc<Self>, pid: Pid) -> ProcessBuilder {
        ProcessBuilder::new(Some(Arc::clone(self)), pid)
    }

    /// Makes the first process of a table.
    pub(crate) fn found(
        name: Name,
        data: AnyData,
        found: impl FnOnce(Weak<Self>) -> Result<ARef<model::Thread<Facade>>, Errno>,
    ) -> Result<Arc<Self>, Errno> {
        let mut outcome = Ok(());
        let process = Arc::new_cyclic(|link| {
            let thread = found(Weak::clone(link)).map_err(|errno| outcome = Err(errno)).ok();
            let hidden = thread.map(|thread| Hidden { thread, name });
            let group = hidden.as_ref().map(|hidden| {
                let group = hidden.thread.process().group();
                let session = Session::new(group.session(), name);
                ProcessGroup::of(group, name, session)
            });
            Self { is_first: true, ..Self::new(name.number(), data, hidden, group) }
        });
        outcome.map(|()| process)
    }

    /// Uses the number of init, for itself, its group and its session. The memory is for one.
    pub(crate) fn use_first_number(&self, memory: &mut Memory) -> Result<(), Errno> {
        let group = self.group();
        let mut numbers = NUMBERS.lock();
        group.count_in(&mut numbers, memory)?;
        self.hidden.as_ref().map_or(Ok(()), |hidden| numbers.add_use(hidden.name, memory))
    }

    /// Makes a child, and tells whether it got its place.
    ///
    /// # Errors
    ///
    /// `EINVAL`: number 0. `EEXIST`: the number is taken. `EAGAIN`: the model has no number left. `ENOMEM`: there is no memory.
    pub(crate) fn make_child(
        self: &Arc<Self>,
        pid: Pid,
        data: AnyData,
    ) -> (Arc<Self>, Result<(), Errno>) {
        let mut memory = Memory::for_one();
        let mut outcome = Ok(());
        let child = Arc::new_cyclic(|link| {
            let Birth { forked, group } = self.fork_hidden(pid, &mut memory, Weak::clone(link));
            let hidden = forked.map_err(|errno| outcome = Err(errno)).ok();
            Self::new(pid, data, hidden, group)
        });
        if outcome.is_ok() {
            child.hold_itself();
        }
        (child, outcome)
    }

    fn new(
        pid: Pid,
        data: AnyData,
        hidden: Option<Hidden>,
        group: Option<Arc<ProcessGroup>>,
    ) -> Self {
        let state = State {
            myself: None,
            group,
            threads: ThreadList::new(),
            exit_code: 0,
            is_group_exited: false,
        };
        Self { pid, data, hidden, is_first: false, state: SpinNoIrq::new(state) }
    }

    /// Makes the model's process of a child, with that number, in this process's group, which stays the same meanwhile.
    fn fork_hidden(self: &Arc<Self>, pid: Pid, memory: &mut Memory, link: Weak<Self>) -> Birth {
        let state = self.state.lock();
        if let Some(process) = self.unreaped() {
            let group = state.group.clone();
            let begun = Self::begin_uses(pid, group.as_deref(), &mut NUMBERS.lock(), memory);
            let forked = begun.and_then(|name| {
                let thread = process.fork_child(ForkRequest::default(), link, ());
                let end_uses = |_: &Errno| {
                    Self::end_uses(name, group.as_deref(), &mut NUMBERS.lock(), memory);
                };
                Ok(Hidden { thread: thread.inspect_err(end_uses)?, name })
            });
            return Birth { forked, group };
        }
        drop(state);
        // Who is in no relation has neither child nor group to give; init is never reaped.
        init_proc().fork_hidden(pid, memory, link)
    }

    /// Takes the number for a new process, and counts that in its group, in which its maker is.
    fn begin_uses(
        pid: Pid,
        group: Option<&ProcessGroup>,
        numbers: &mut Numbers,
        memory: &mut Memory,
    ) -> Result<Name, Errno> {
        let name = numbers.take(pid, memory)?;
        let counted = group.map_or(Ok(()), |group| group.count_in(numbers, &mut Memory::none()));
        match counted {
            Ok(()) => Ok(name),
            Err(errno) => {
                numbers.end_use(name, memory);
                Err(errno)
            }
        }
    }

    /// What a process used is its no more.
    fn end_uses(
        name: Name,
        group: Option<&ProcessGroup>,
        numbers: &mut Numbers,
        memory: &mut Memory,
    ) {
        if let Some(group) = group {
            group.count_out(numbers, memory);
        }
        numbers.end_use(name, memory);
    }

    /// Lives on from now until it is reaped, which may have happened already.
    fn hold_itself(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if self.unreaped().is_some() {
            state.myself = Some(Arc::clone(self));
        }
    }

    /// Returns the process's number.
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the data given to the builder, if it is a `T`.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.data.get()
    }

    /// Returns whether this is the init process.
    pub fn is_init(self: &Arc<Self>) -> bool {
        self.is_first
    }

    /// Returns the parent; `None` for init and for a reaped process.
    pub fn parent(&self) -> Option<Arc<Process>> {
        // Who is not reaped in the model holds itself here.
        let process = self.unreaped()?;
        process.read(|view| view.parent(process)?.host_data().upgrade())
    }

    /// Returns the children, zombies included, in the order in which they were born or adopted.
    pub fn children(&self) -> Vec<Arc<Process>> {
        let Some(Hidden { thread, .. }) = &self.hidden else {
            return Vec::new();
        };
        listed(|cursor, found| {
            thread.read(|view| {
                let children = view.children(thread, cursor);
                found.extend(children.filter_map(|child| child.host_data().upgrade()));
            });
        })
    }

    /// Makes the process adopt the orphans among its descendants. Not in axprocess 0.1, which says what subreapers do, but not how to become one.
    pub fn become_subreaper(&self) {
        if let Some(process) = self.model() {
            process.become_subreaper();
        }
    }

    /// Makes the process adopt no more orphans; those that it has stay.
    pub fn resign_subreaper(&self) {
        if let Some(process) = self.model() {
            process.resign_subreaper();
        }
    }
}

/// Groups and sessions.
impl Process {
    /// Returns the process group: after the reap, the last one.
    pub fn group(&self) -> Arc<ProcessGroup> {
        let group = self.state.lock().group.clone();
        group.expect("whoever is handed out has a group")
    }

    /// Makes the process the leader of a new session and a new group.
    ///
    /// `None` if a group has the process's number: it leads a session or a group, or has left a group that lives on; or it is reaped.
    pub fn create_session(self: &Arc<Self>) -> Option<(Arc<Session>, Arc<ProcessGroup>)> {
        let group = self.change_group(Memory::none(), |hidden, _, memory| {
            let (session, group) = hidden.thread.process().create_session().ok()?;
            let session = Session::new(session, hidden.name);
            let group = ProcessGroup::of(group, hidden.name, session);
            group.count_in(&mut NUMBERS.lock(), memory).ok()?;
            Some((Arc::clone(&group), group))
        })?;
        Some((group.session(), group))
    }

    /// Makes the process the member of a group of its own number: a new one, unless it lives.
    ///
    /// `None` if the process leads its group or session, or is reaped.
    pub fn create_group(self: &Arc<Self>) -> Option<Arc<ProcessGroup>> {
        self.change_group(Memory::none(), |hidden, present, memory| {
            if present.pgid() == self.pid {
                return None;
            }
            let group = hidden.thread.process().create_group().ok()?;
            let group = ProcessGroup::of(group, hidden.name, present.session());
            group.count_in(&mut NUMBERS.lock(), memory).ok()?;
            Some((Arc::clone(&group), group))
        })
    }

    /// Moves the process into a group of its session. Returns whether it is in that group now.
    ///
    /// A session leader stays where it is, and a reaped process is in no group.
    pub fn move_to_group(self: &Arc<Self>, group: &Arc<ProcessGroup>) -> bool {
        let mut memory = Memory::none();
        loop {
            // An emptied group takes its number again.
            if !group.has_members_hint() {
                memory = Memory::for_one();
            }
            let mut lacks_memory = false;
            let entered = self.change_group(memory, |hidden, present, memory| {
                let is_member = Arc::ptr_eq(present, group);
                let session = present.own_session();
                let leads = session.sid() == self.pid;
                if !is_member && (leads || !Arc::ptr_eq(session, group.own_session())) {
                    return None;
                }
                // Before it enters: if it is the first, nobody else has the number from now on.
                let counted = group.count_in(&mut NUMBERS.lock(), memory);
                lacks_memory = counted == Err(Errno::ENOMEM);
                counted.ok()?;
                if !is_member && hidden.thread.process().enter_group(group.model()).is_err() {
                    group.count_out(&mut NUMBERS.lock(), memory);
                    return None;
                }
                Some((Arc::clone(group), ()))
            });
            if !lacks_memory {
                return entered.is_some();
            }
            memory = Memory::for_one();
        }
    }

    /// Changes the group, in the model and here at once. `None`: it stays the same, or the process is in none. `change` counts the process as a member of its new
    /// group, and returns that.
    fn change_group<R>(
        &self,
        mut memory: Memory,
        change: impl FnOnce(&Hidden, &Arc<ProcessGroup>, &mut Memory) -> Option<(Arc<ProcessGroup>, R)>,
    ) -> Option<R> {
        let (result, left) = {
            let _changes = CHANGES.lock();
            let mut state = self.state.lock();
            let hidden = self.hidden.as_ref().filter(|_| self.unreaped().is_some())?;
            let present = state.group.as_ref()?;
            let (entered, result) = change(hidden, present, &mut memory)?;
            present.count_out(&mut NUMBERS.lock(), &mut memory);
            (result, state.group.replace(entered))
        };
        drop((left, memory));
        Some(result)
    }
}

/// Threads.
impl Process {
    /// Begins a thread of this process. Its number is the caller's business.
    pub fn new_thread(self: &Arc<Self>, tid: Pid) -> ThreadBuilder {
        ThreadBuilder::new(Arc::clone(self), tid)
    }

    /// Returns the threads that have not exited, in the order in which they were built.
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        let mut found = Vec::new();
        loop {
            let state = self.state.lock();
            let count = state.threads.len();
            if count <= found.capacity() {
                found.extend(state.threads.iter().filter_map(Weak::upgrade));
                return found;
            }
            drop(state);
            found.reserve(count);
        }
    }

    /// Returns whether the exit of the whole process is decided: no thread can join any more.
    pub fn is_group_exited(&self) -> bool {
        self.state.lock().is_group_exited
    }

    /// Decides that the whole process exits: no thread can join, and the exit code stays as it is.
    pub fn group_exit(&self) {
        self.decide_exit(None);
    }

    /// Decides that the whole process exits with this code. Returns whether this call decided it: the first one does. Not in axprocess 0.1.
    pub fn group_exit_with(&self, exit_code: i32) -> bool {
        self.decide_exit(Some(exit_code))
    }

    fn decide_exit(&self, exit_code: Option<i32>) -> bool {
        let mut state = self.state.lock();
        let decides = self.is_open(&state);
        if decides {
            state.is_group_exited = true;
            state.exit_code = exit_code.unwrap_or(state.exit_code);
        }
        decides
    }

    /// Returns the exit code: that of the thread that exited last, until the group has exited.
    pub fn exit_code(&self) -> i32 {
        self.state.lock().exit_code
    }

    /// Whether a thread can join, and the exit can be decided.
    pub(crate) fn is_open(&self, state: &State) -> bool {
        !state.is_group_exited && self.model_state() == ProcessState::Live
    }

    pub(crate) const fn state(&self) -> &SpinNoIrq<State> {
        &self.state
    }
}

/// The end.
impl Process {
    /// Returns whether the process has ended; it stays true after the reap.
    pub fn is_zombie(&self) -> bool {
        self.model_state() >= ProcessState::Zombie
    }

    /// Ends the process: its children go to the nearest living subreaper, else to init, and it becomes a zombie. Does nothing if it has ended.
    ///
    /// No thread can join any more. Threads that have not exited may still do so, and give the exit code.
    ///
    /// # Panics
    ///
    /// On the init process.
    pub fn exit(self: &Arc<Self>) {
        assert!(!self.is_first, "the init process cannot exit");
        if let Some(hidden) = &self.hidden {
            hidden.thread.exit_thread(ExitStatus::exited(0));
        }
    }

    /// Reaps the zombie: takes it out of its parent's children, its group and the table. The first caller does; the others change nothing.
    ///
    /// # Panics
    ///
    /// If the process has not exited.
    pub fn free(&self) {
        let Some(Hidden { thread, name }) = &self.hidden else {
            return;
        };
        let process = thread.process();
        let mut memory = Memory::none();
        let mut state = self.state.lock();
        let myself = if process.release_zombie() {
            Self::end_uses(*name, state.group.as_deref(), &mut NUMBERS.lock(), &mut memory);
            state.myself.take()
        } else {
            None
        };
        drop(state);
        assert!(process.state() == ProcessState::Reaped, "only a zombie can be freed");
        drop((myself, memory));
    }
}

/// The model's side.
impl Process {
    /// The model's process; `None` if this one was refused.
    fn model(&self) -> Option<&ARef<model::Process<Facade>>> {
        self.hidden.as_ref().map(|hidden| hidden.thread.process())
    }

    /// The model's process, unless it is reaped. Under the lock of this process it stays so.
    fn unreaped(&self) -> Option<&ARef<model::Process<Facade>>> {
        self.model().filter(|process| process.state() < ProcessState::Reaped)
    }

    fn model_state(&self) -> ProcessState {
        self.model().map_or(ProcessState::Reaped, |process| process.state())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({}, {:?})", self.pid, self.model_state())
    }
}
