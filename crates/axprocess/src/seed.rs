//! The API of axprocess 0.1 over a default host.
//!
//! One program-wide table, numbers chosen by the caller, data of any type, threads and processes that end in separate steps.
//! Nothing here takes a decision of its own: each call is one critical section over the same core.
//!
//! # What `build` does when it cannot
//!
//! [`ProcessBuilder::build`] and [`ThreadBuilder::build`] return an object, always. When the
//! number of a new process is taken, or the process that a thread wants to join is exiting, the object stands in no relation, as if it had ended
//! already: a process is reaped, a thread has exited. `try_build` tells instead.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

use kspin::SpinNoIrq;

use crate::pid::Identity;
use crate::process::{InitSession, Lineage, Parentage, found_first, leave, publish};
use crate::sync::Home;
use crate::thread::ThreadState;
use crate::{
    Errno, Host, Number, Pid, Process, ProcessGroup, ProcessState, ProcessTable, Relations,
    Session, Thread,
};

/// The host behind the API of axprocess 0.1: an interrupt-safe spin lock, data of any type, no hooks.
///
/// The lock is kspin's with its `smp` feature, so it excludes other processors as well.
pub struct DefaultHost;

impl Host for DefaultHost {
    type Lock = SpinNoIrq<Relations<Self>>;
    type ProcessData = AnyData;
    type ThreadData = AnyData;
    type Usage = ();
}

/// Data of any type; `()` if none was given.
pub struct AnyData(Option<Box<dyn Any + Send + Sync>>);

impl AnyData {
    fn new<T: Any + Send + Sync>(data: T) -> Self {
        Self(Some(Box::new(data)))
    }

    fn get<T: Any>(&self) -> Option<&T> {
        match &self.0 {
            Some(data) => data.downcast_ref(),
            None => (&() as &dyn Any).downcast_ref(),
        }
    }
}

/// The one table of this API, once init exists.
static TABLE: SpinNoIrq<Option<ProcessTable<DefaultHost>>> = SpinNoIrq::new(None);

/// Returns the init process.
///
/// # Panics
///
/// If it has not been built.
pub fn init_proc() -> Arc<Process> {
    let world = TABLE.lock().as_ref().map(|table| Arc::clone(table.world()));
    let init = world.and_then(|world| world.hold(|hold| hold.init()?.share(hold)));
    init.expect("the init process has not been built")
}

impl Process<DefaultHost> {
    /// Begins the init process, which makes its own session and group.
    ///
    /// # Panics
    ///
    /// [`ProcessBuilder::build`] does, if there is an init already: it may be built once in a program.
    ///
    /// ```
    /// use axprocess::Process;
    /// let init = Process::new_init(1).data("the first").build();
    /// assert!(init.is_init());
    /// assert_eq!(init.data::<&str>(), Some(&"the first"));
    /// let child = init.fork(2).build();
    /// assert_eq!(child.group().pgid(), 1);
    /// child.exit();
    /// child.free();
    /// assert!(init.children().is_empty());
    /// ```
    pub fn new_init(pid: Pid) -> ProcessBuilder {
        ProcessBuilder { parent: None, pid, data: AnyData(None) }
    }

    /// Begins a child of this process. If this one has exited when it is built, the child goes to the reaper.
    pub fn fork(self: &Arc<Self>, pid: Pid) -> ProcessBuilder {
        ProcessBuilder { parent: Some(Arc::clone(self)), pid, data: AnyData(None) }
    }

    /// Returns the data given to the builder, if it is a `T`.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.host_data().get()
    }

    /// Makes the process the leader of a new session and a new group.
    ///
    /// `None` if a group has the process's number: it leads a session or a group, or has left a group that lives on; or it is reaped.
    pub fn create_session(self: &Arc<Self>) -> Option<(Arc<Session>, Arc<ProcessGroup>)> {
        let session = Session::embryo(self.home().share());
        let group = ProcessGroup::embryo(self.home().share());
        let moved = self.world().transact(|hold| self.found_session(hold, &session, &group));
        moved.is_ok().then_some((session, group))
    }

    /// Makes the process the member of a group of its own number: a new one, unless it lives.
    ///
    /// `None` if the process leads its group or session, or is reaped.
    pub fn create_group(self: &Arc<Self>) -> Option<Arc<ProcessGroup>> {
        let embryo = ProcessGroup::embryo(self.home().share());
        let entered = self.world().transact(|hold| {
            let leads = self.leads_session() || self.getpgrp() == self.pid();
            if leads || !self.is_member_somewhere() {
                return Err(Errno::EPERM.into());
            }
            let left = self.enter_own_group(hold, &embryo)?;
            Ok((left, self.group_arc(hold)))
        });
        entered.ok().map(|(_left, group)| group)
    }

    /// Moves the process into a group of its session. Returns whether it is in that group now.
    ///
    /// A session leader stays where it is, and a reaped process is in no group.
    pub fn move_to_group(self: &Arc<Self>, group: &Arc<ProcessGroup>) -> bool {
        if !core::ptr::eq(self.world(), &**group.world()) {
            return false;
        }
        let moved = self.world().transact(|hold| {
            if self.is_member_of(hold, group) {
                return Ok(None);
            }
            let session = self.group_in(hold).session_in(hold);
            let allowed = self.is_member_somewhere()
                && !self.leads_session()
                && core::ptr::eq(group.session_in(hold), session);
            if !allowed || (group.members().is_empty(hold) && !group.revive(hold)?) {
                return Err(Errno::EPERM.into());
            }
            Ok(self.relocate(hold, Arc::clone(group)))
        });
        moved.is_ok()
    }

    /// Begins a thread of this process. Its number is the caller's business.
    pub fn new_thread(self: &Arc<Self>, tid: Pid) -> ThreadBuilder {
        ThreadBuilder { process: Arc::clone(self), tid, data: AnyData(None) }
    }

    /// Decides that the whole process exits: no thread can join, and the exit code stays as it is.
    pub fn group_exit(&self) {
        self.world().hold(|hold| self.decide_exit(hold, None));
    }

    /// Decides that the whole process exits with this code. Returns whether this call decided it: the first one does.
    pub fn group_exit_with(&self, exit_code: i32) -> bool {
        self.world().hold(|hold| self.decide_exit(hold, Some(exit_code)))
    }

    /// Returns the exit code: that of the thread that exited last, until the group has exited.
    pub fn exit_code(&self) -> i32 {
        self.exit_word()
    }

    /// Ends the process: its children go to the nearest living subreaper, else to init, and it becomes a zombie. Does nothing if it has ended.
    ///
    /// No thread can join any more. Threads that have not exited may still do so, and give the exit code.
    ///
    /// # Panics
    ///
    /// On the init process.
    pub fn exit(self: &Arc<Self>) {
        let mut has_ended = Some(false);
        while has_ended == Some(false) {
            has_ended = self.world().hold(|hold| {
                if self.is_table_init(hold) {
                    return None;
                }
                self.begin_exit(hold);
                Some(self.try_finish_exit(hold))
            });
        }
        assert!(has_ended.is_some(), "the init process cannot exit");
    }

    /// Reaps the zombie: takes it out of its parent's children, its group and the table. The first caller does; the others change nothing.
    ///
    /// # Panics
    ///
    /// If the process has not exited.
    pub fn free(&self) {
        let (_reaped, state) = self.world().hold(|hold| (self.reap(hold), self.state()));
        assert!(state == ProcessState::Reaped, "only a zombie can be freed");
    }
}

impl Thread<DefaultHost> {
    /// Returns the data given to the builder, if it is a `T`.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.host_data().get()
    }

    /// Ends the thread. Returns whether it was the last of its process: one call, ever, gets `true`.
    ///
    /// The process lives on until [`Process::exit`]. The exit code becomes the process's, unless the group has exited.
    pub fn exit(&self, exit_code: i32) -> bool {
        self.process().world().hold(|hold| {
            let others = leave(hold, self, exit_code);
            self.try_finish_exit(hold);
            others == Some(false)
        })
    }
}

/// A process that is being made.
pub struct ProcessBuilder {
    parent: Option<Arc<Process>>,
    pid: Pid,
    data: AnyData,
}

impl ProcessBuilder {
    /// Gives the process its data.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(self, data: T) -> Self {
        Self { data: AnyData::new(data), ..self }
    }

    /// Makes the process: number, parent and group in one step.
    ///
    /// If the number is taken the process stands in no relation, as if it had been reaped; [`try_build`](Self::try_build)
    /// is for callers that want to know.
    ///
    /// # Panics
    ///
    /// If it is a second init, or an init with number 0.
    pub fn build(self) -> Arc<Process> {
        let Self { parent, pid, data } = self;
        match prepare(parent.as_deref(), pid, data) {
            Ok(Prepared { process, outcome: Ok(()) }) => process,
            Ok(Prepared { process, outcome: Err(_) }) => {
                if let Some(parent) = parent {
                    process.world().hold(|hold| process.refuse(hold, pid, &parent));
                }
                process
            }
            Err(Errno::EEXIST) => panic!("there is an init process already"),
            Err(errno) => panic!("the init process cannot have that number: {errno}"),
        }
    }

    /// Makes the process, or tells why not.
    ///
    /// # Errors
    ///
    /// `EINVAL`: number 0. `EEXIST`: the number is taken; or it is a second init.
    pub fn try_build(self) -> Result<Arc<Process>, Errno> {
        let Prepared { process, outcome } = prepare(self.parent.as_deref(), self.pid, self.data)?;
        outcome.map(|()| process)
    }
}

/// A process, and whether it got its place.
struct Prepared {
    process: Arc<Process>,
    outcome: Result<(), Errno>,
}

fn prepare(parent: Option<&Process>, pid: Pid, data: AnyData) -> Result<Prepared, Errno> {
    let Some(parent) = parent else {
        return build_init(pid, data);
    };
    let world = parent.world();
    let process = Arc::new(Process::embryo(parent.home(), world.space(), data));
    let outcome = world.transact(|hold| {
        let place = Parentage::of_leader(parent, hold);
        let lineage = Lineage { parent: place, chosen: None, like: parent, caller: None };
        publish(hold, &process, lineage, Number::Exactly(pid))
    });
    Ok(Prepared { process, outcome })
}

fn build_init(pid: Pid, data: AnyData) -> Result<Prepared, Errno> {
    let table = ProcessTable::new(DefaultHost);
    let home = Home::of(table.world());
    let process = Arc::new(Process::embryo(home, table.namespace(), data));
    found_first(table.world(), &process, pid, InitSession::Own, |_| ())?;
    let mut present = TABLE.lock();
    if present.is_some() {
        drop(present);
        return Err(Errno::EEXIST);
    }
    *present = Some(table);
    drop(present);
    Ok(Prepared { process, outcome: Ok(()) })
}

/// A thread that is being made.
pub struct ThreadBuilder {
    process: Arc<Process>,
    tid: Pid,
    data: AnyData,
}

impl ThreadBuilder {
    /// Gives the thread its data.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(self, data: T) -> Self {
        Self { data: AnyData::new(data), ..self }
    }

    /// Makes the thread.
    ///
    /// If the process has exited, or its exit is decided, the thread stands in no relation, as if it had exited.
    pub fn build(self) -> Arc<Thread> {
        let (thread, joined) = self.prepare();
        if joined.is_err() {
            let world = thread.process().world();
            world.hold(|hold| thread.enter_state(hold, ThreadState::Exited));
        }
        thread
    }

    /// Makes the thread, or tells why not.
    ///
    /// # Errors
    ///
    /// `EINTR`: the process has exited, or its exit is decided.
    pub fn try_build(self) -> Result<Arc<Thread>, Errno> {
        let (thread, joined) = self.prepare();
        joined.map(|()| thread)
    }

    fn prepare(self) -> (Arc<Thread>, Result<(), Errno>) {
        let thread = Thread::embryo(self.process, Identity::at_root(), self.data);
        let joined = thread.process().world().hold(|hold| {
            thread.identity().set_number(hold, self.tid);
            if !thread.process().is_open(hold) {
                return Err(Errno::EINTR);
            }
            thread.join(hold);
            Ok(())
        });
        (thread, joined)
    }
}
