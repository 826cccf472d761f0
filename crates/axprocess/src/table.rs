//! The process table: one world of processes under one relation lock.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use crate::group::ProcessGroup;
use crate::pid::{PidNamespace, Task};
use crate::process::{InitSession, Process};
use crate::session::Session;
use crate::sync::{Hold, World};
use crate::terminal::{Terminal, TerminalKind};
use crate::thread::Thread;
use crate::{Errno, Host, Pid};

/// One world of processes: their relations, their life cycle and their numbers.
///
/// Owns init, and through the child lists every process that has not been reaped. Dropping the
/// table ends them all without notifying anyone; objects that are still held elsewhere stay
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
/// #     type Usage = ();
/// # }
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, "init", ())?;
/// assert_eq!(init.process().pid(), 1);
/// assert_eq!(*table.find_process(1).unwrap().host_data(), "init");
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct ProcessTable<H: Host> {
    world: Arc<World<H>>,
}

impl<H: Host> ProcessTable<H> {
    /// Makes an empty table.
    pub fn new(host: H) -> Self {
        Self { world: Arc::new(World::new(host)) }
    }

    /// Returns the host given to [`new`](Self::new).
    pub fn host(&self) -> &H {
        self.world.host()
    }

    /// Makes the first process, with its leader thread: the ancestor and last reaper of all others.
    ///
    /// As on Linux it begins in process group 0 of session 0, which no number names, until it calls `setsid` or `setpgid`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: `pid` is 0. `EEXIST`: the table has an init.
    pub fn new_init(
        &self,
        pid: Pid,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Thread<H>>, Errno> {
        self.new_init_in(pid, InitSession::Nameless, data, thread_data)
    }

    /// Makes the first process as [`new_init`](Self::new_init) does, in the session that is asked for.
    ///
    /// # Errors
    ///
    /// `EINVAL`: `pid` is 0. `EEXIST`: the table has an init.
    pub fn new_init_in(
        &self,
        pid: Pid,
        begins_in: InitSession,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<Arc<Thread<H>>, Errno> {
        crate::process::new_init(&self.world, pid, begins_in, data, thread_data)
    }

    /// Makes a terminal, which is nobody's controlling terminal yet. `device` is its device number, which the model only keeps.
    ///
    /// The kernel calls it once for each of its ttys, for a pseudo-terminal once for both sides, and holds the `Arc` as long as
    /// the tty exists. See [`Terminal`].
    pub fn new_terminal(&self, kind: TerminalKind, device: u32) -> Arc<Terminal<H>> {
        Terminal::new(&self.world, kind, device)
    }

    /// Returns the process of that number, running or zombie.
    pub fn find_process(&self, pid: Pid) -> Option<Arc<Process<H>>> {
        self.world.hold(|hold| match hold.root_space().roles(hold, pid)?.task? {
            Task::Process(process) => process.get(hold).share(hold),
            Task::Thread(_) => None,
        })
    }

    /// Returns the table's own namespace, of level 0.
    pub fn namespace(&self) -> &Arc<PidNamespace<H>> {
        self.world.space()
    }

    /// Returns the thread of that number, unless it has exited.
    pub fn find_thread(&self, tid: Pid) -> Option<Arc<Thread<H>>> {
        self.world.hold(|hold| match hold.root_space().roles(hold, tid)?.task? {
            Task::Process(process) => process.get(hold).leader(hold)?.upgrade(hold),
            Task::Thread(thread) => thread.get(hold).upgrade(hold),
        })
    }

    /// Returns the process group of that number, if it has members.
    pub fn find_group(&self, pgid: Pid) -> Option<Arc<ProcessGroup<H>>> {
        self.world.hold(|hold| {
            let group = hold.root_space().roles(hold, pgid)?.group?;
            group.get(hold).clone_arc(hold)
        })
    }

    /// Returns the session of that number, if it has groups.
    pub fn find_session(&self, sid: Pid) -> Option<Arc<Session<H>>> {
        self.world.hold(|hold| {
            let session = hold.root_space().roles(hold, sid)?.session?;
            session.get(hold).clone_arc(hold)
        })
    }

    /// Returns what the holds of the relation lock have touched so far. Test builds only (feature `check`).
    #[cfg(feature = "check")]
    pub fn audit(&self) -> crate::AuditReport {
        self.world.hold(|hold| hold.table().audit.report())
    }

    /// Checks the invariants at every `interval`th unlock; without this call, the oftener the fewer
    /// processes there are, and always with up to 256. Test builds only (feature `check`).
    #[cfg(feature = "check")]
    pub fn check_every(&self, interval: core::num::NonZeroU64) {
        self.world.hold(|hold| hold.table_mut().audit.check_every(interval));
    }

    pub(crate) const fn world(&self) -> &Arc<World<H>> {
        &self.world
    }
}

/// Ends every process, in bounded holds and without recursion: a root that has children hands them up, one by one, to be roots,
/// and a root without children is taken out.
impl<H: Host> Drop for ProcessTable<H> {
    fn drop(&mut self) {
        self.world.hold(|hold| hold.table_mut().closed = true);
        while self.world.hold(dissolve_some) {}
    }
}

/// Takes apart as much as one hold allows. False when nothing is left.
fn dissolve_some<H: Host>(hold: &mut Hold<'_, H>) -> bool {
    while let Some(root) = hold.init() {
        hold.touch();
        match root.first_child(hold) {
            Some(child) => child.become_root(hold),
            None => root.dissolve(hold),
        }
        if hold.is_full() {
            return true;
        }
    }
    false
}

impl<H: Host> fmt::Debug for ProcessTable<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = self.world.hold(|hold| hold.table().census.unreaped());
        f.debug_struct("ProcessTable").field("processes", &processes).finish_non_exhaustive()
    }
}

/// What the relation lock protects of the table itself. Opaque: it is named only to say which lock holds it.
pub struct Relations<H: Host> {
    host: PhantomData<fn() -> H>,
    pub(crate) census: Census,
    /// How many processes are marked as subreapers: without any, nobody looks for one.
    pub(crate) subreapers: u32,
    /// Nothing can be created any more.
    pub(crate) closed: bool,
    births: i64,
    #[cfg(feature = "check")]
    pub(crate) audit: crate::check::Audit,
}

/// How many processes were created and reaped (invariant 10).
#[derive(Default)]
pub(crate) struct Census {
    pub(crate) created: u64,
    pub(crate) reaped: u64,
}

impl Census {
    pub(crate) const fn unreaped(&self) -> u64 {
        self.created - self.reaped
    }
}

impl<H: Host> Relations<H> {
    pub(crate) fn new() -> Self {
        Self {
            host: PhantomData,
            census: Census::default(),
            subreapers: 0,
            closed: false,
            births: 0,
            #[cfg(feature = "check")]
            audit: crate::check::Audit::default(),
        }
    }

    /// A place in the order of births and adoptions, after all others (R-WAIT-14).
    pub(crate) const fn next_birth(&mut self) -> i64 {
        self.births += 1;
        self.births
    }
}
