//! A handle: what a pidfd holds.
//!
//! A number names whoever has it now. A handle names one process, or one thread, for ever: it outlives the reap, it never
//! comes to mean another of the same number, and it does not keep the number busy (R-PID-09). It holds the [`Identity`] alone: neither the process nor its data.
//!
//! Every process has one number through its life, but its leader can change: a handle of the leader is a handle of
//! whoever leads. A thread that does not lead loses its number when it exits, and when it takes the leader's over in exec: either
//! way its handle is at its end (R-EXEC-05).
//!
//! | | running | exited | gone |
//! | --- | --- | --- | --- |
//! | process, leader | a thread lives, or the last one hands over its children | zombie | reaped |
//! | other thread | it has its number | never | it has not |
//!
//! Each step is announced in the hold in which it is made ([`Host::wake_pollers`], [`Host::wake_thread_pollers`]), and what
//! a handle [polls](PidHandle::poll) can be asked there, since it takes no lock. A kernel hangs the queue of the pollers on
//! the data of the [process](PidHandle::process), or for a handle of [another thread](PidHandle::non_leader_thread) of the thread, and looks once more when it stands in the queue; when there is
//! neither any more, there is nothing to wait for.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::pid::IdentityKey;
use crate::pid::{Identity, PidNamespace, Task, retry_with_preallocated_identity};
use crate::process::Process;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, Errno, ExitStatus, Host, Pid};

/// A process or a thread, named for ever; what an open pidfd refers to.
///
/// It holds neither the process nor the kernel's data. Two handles are equal if they are of the same process or thread and of the same kind.
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
/// use axprocess::{ExitStatus, ForkRequest, HandleState, WaitRequest};
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// let child = init.fork(ForkRequest::default(), (), ())?;
/// let handle = init.process().pidfd_open(2, 0)?;
/// assert_eq!(handle.state(), HandleState::Running);
/// child.exit_thread(ExitStatus::exited(7));
/// assert_eq!(handle.state(), HandleState::Exited);
/// init.wait(&WaitRequest::wait4(-1, 0)?)?;
/// assert_eq!(handle.state(), HandleState::Gone);
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct PidHandle<H: Host> {
    identity: ARef<Identity<H>>,
    kind: Kind,
}

/// What of its identity a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Process,
    /// Whoever leads the process.
    Leader,
    /// A thread that does not lead, as long as it has this number.
    Thread,
}

bitflags::bitflags! {
    /// The flags of pidfd_open(2), with the values of x86-64.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PidfdFlags: u32 {
        /// For one thread, not for its process.
        const THREAD = 0x80;
        /// The file does not let waitid sleep: for the kernel to keep.
        const NONBLOCK = 0x800;
    }
}

/// Where what a handle names is in its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum HandleState {
    /// It has not exited, or not completely.
    Running,
    /// It is a zombie.
    Exited,
    /// It has been reaped; a thread that does not lead: it has exited.
    Gone,
}

bitflags::bitflags! {
    /// What poll(2) reports of a handle, with Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PollEvents: u32 {
        /// `POLLIN`: it has exited.
        const IN = 0x1;
        /// `POLLHUP`: it is gone.
        const HUP = 0x10;
        /// `POLLRDNORM`: as `POLLIN`.
        const RDNORM = 0x40;
    }
}

bitflags::bitflags! {
    /// What the caller of `PIDFD_GET_INFO` asks for and gets, as far as the model knows it, with Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct InfoMask: u64 {
        /// `PIDFD_INFO_PID`: the numbers.
        const PID = 1 << 0;
        /// `PIDFD_INFO_EXIT`: the exit code.
        const EXIT = 1 << 3;
        const _ = !0;
    }
}

/// What [`PidHandle::info`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandleInfo {
    /// The numbers, until the handle is at its end.
    pub numbers: Option<HandleNumbers>,
    /// How it ended, from then on, if asked for.
    pub exit: Option<ExitStatus>,
}

/// Numbers of what a handle names, as the caller sees them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandleNumbers {
    /// The number itself: the thread's, if the handle is one's.
    pub pid: Pid,
    /// The number of the process.
    pub tgid: Pid,
    /// The number of the parent; 0 if the caller does not see it.
    pub ppid: Pid,
}

impl<H: Host> Process<H> {
    /// Opens a handle of a process, or with [`PidfdFlags::THREAD`] of a thread, by its number in the caller's namespace.
    ///
    /// Serves pidfd_open(2), with this process as the caller. A zombie can be opened. R-PIDFD-01.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: an unknown flag. `EINVAL`: `pid` is not positive. `ESRCH`: no process or thread has the number; a group or
    /// session may. `ENOENT`: it is a thread's, and no thread was asked for. `ENOMEM`: there is no memory.
    pub fn pidfd_open(&self, pid: i32, flags: u32) -> Result<PidHandle<H>, Errno> {
        let flags = PidfdFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
        let number = Pid::try_from(pid).ok().filter(|number| *number > 0).ok_or(Errno::EINVAL)?;
        let wants_thread = flags.contains(PidfdFlags::THREAD);
        retry_with_preallocated_identity(self.table(), |hold, preallocated| {
            let task = self.pid_ns(hold).task_of(hold, number);
            let (identity, kind) = match task.ok_or(Errno::ESRCH)? {
                Task::Process(process) => {
                    let kind = if wants_thread { Kind::Leader } else { Kind::Process };
                    (process.get(hold).find_or_make_identity(hold, preallocated)?, kind)
                }
                Task::Thread(_) if !wants_thread => return Err(Errno::ENOENT),
                Task::Thread(thread) => {
                    (thread.get(hold).find_or_make_identity(hold, preallocated)?, Kind::Thread)
                }
            };
            Ok(identity.map(|identity| PidHandle { identity, kind }))
        })
    }

    /// Returns a handle of this process, as clone(2) with `CLONE_PIDFD` opens one of a new process. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: it is reaped, and nobody has asked for its identity before. `ENOMEM`: there is no memory.
    pub fn handle(&self) -> Result<PidHandle<H>, Errno> {
        Ok(PidHandle { identity: self.identity()?, kind: Kind::Process })
    }
}

impl<H: Host> Thread<H> {
    /// Returns a handle of this thread; of whoever leads its process, if this thread has the process's number. R-CLONE-13. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: it has exited, and nobody has asked for its identity before. `ENOMEM`: there is no memory.
    pub fn handle(&self) -> Result<PidHandle<H>, Errno> {
        retry_with_preallocated_identity(self.process().table(), |hold, preallocated| {
            let kind = if self.has_process_number(hold) { Kind::Leader } else { Kind::Thread };
            Ok(self
                .find_or_make_identity(hold, preallocated)?
                .map(|identity| PidHandle { identity, kind }))
        })
    }

    /// Returns the caller's own handle for the two numbers that stand for it where a pidfd is expected: −10000
    /// (`PIDFD_SELF_THREAD`) and −10001 (`PIDFD_SELF_THREAD_GROUP`); `None` for any other, which the kernel looks up. R-PIDFD-05. Takes the lock.
    ///
    /// # Errors
    ///
    /// As for [`handle`](Self::handle).
    pub fn pidfd_self(&self, fd: i32) -> Result<Option<PidHandle<H>>, Errno> {
        match fd {
            -10_000 => self.handle().map(Some),
            -10_001 => self.process().handle().map(Some),
            _ => Ok(None),
        }
    }
}

impl<H: Host> PidHandle<H> {
    /// Returns the identity of what it names: comparable, with a serial for `st_ino`. Takes no lock.
    pub const fn identity(&self) -> &ARef<Identity<H>> {
        &self.identity
    }

    /// Returns the process, until it is reaped; for a handle of another thread than the leader, its process, until the thread has exited. Takes the lock.
    pub fn process(&self) -> Option<ARef<Process<H>>> {
        self.identity.process()
    }

    /// Returns the thread, for a handle of one that did not lead when it was opened, until it has exited: its pollers are woken by [`Host::wake_thread_pollers`]. Takes the lock.
    pub fn non_leader_thread(&self) -> Option<ARef<Thread<H>>> {
        match self.kind {
            Kind::Thread => self.identity.thread_or_leader(),
            Kind::Process | Kind::Leader => None,
        }
    }

    /// Returns whether the handle is one of a thread (`PIDFD_THREAD`): then signals go to the thread, if nothing else is said. Takes no lock.
    pub const fn is_of_thread(&self) -> bool {
        !matches!(self.kind, Kind::Process)
    }

    /// Returns where what it names is in its life. Wait-free.
    ///
    /// While other threads of a process live, its leader's exit does not count. R-PIDFD-02, R-PIDFD-03.
    pub fn state(&self) -> HandleState {
        self.identity.state()
    }

    /// Returns what poll(2) reports. Wait-free.
    ///
    /// Whoever sleeps on it is woken by [`Host::wake_pollers`] or [`Host::wake_thread_pollers`]. The caller's namespace does not matter.
    /// R-PIDFD-02, R-PIDFD-03, R-PIDFD-07.
    pub fn poll(&self) -> PollEvents {
        let readable = PollEvents::IN | PollEvents::RDNORM;
        match self.state() {
            HandleState::Running => PollEvents::empty(),
            HandleState::Exited => readable,
            HandleState::Gone => readable | PollEvents::HUP,
        }
    }

    /// Returns the number as seen in a namespace, 0 if it is not visible there; `None` when the handle is at its end. Takes the lock.
    ///
    /// Serves `/proc/PID/fdinfo/FD`, which shows −1 for `None`.
    pub fn fdinfo_pid_in(&self, viewer: &PidNamespace<H>) -> Option<Pid> {
        self.identity.table().hold(|hold| {
            let number = self.identity.numbers().number_in(hold, viewer);
            (self.state() < HandleState::Gone).then_some(number)
        })
    }

    /// Tells the numbers of what it names, or how it ended.
    ///
    /// Serves ioctl(2) `PIDFD_GET_INFO`; credentials and control groups are the kernel's to add. The end is told from the
    /// reap on, also where nobody waited. R-PIDFD-06.
    ///
    /// # Errors
    ///
    /// In this order: `EREMOTE`: it lives in no namespace that the caller's contains. `ESRCH`: it is gone, and the end was not asked for.
    pub fn info(&self, caller: &Process<H>, wanted: InfoMask) -> Result<HandleInfo, Errno> {
        self.identity.table().hold(|hold| {
            if !self.is_visible_to(hold, caller) {
                return Err(Errno::EREMOTE);
            }
            let is_gone = self.state() == HandleState::Gone;
            let exit = wanted.contains(InfoMask::EXIT) && is_gone;
            if is_gone && !exit {
                return Err(Errno::ESRCH);
            }
            let viewer = caller.pid_ns(hold);
            let numbers = self.identity.process_in(hold).map(|process| {
                let parent = process.parent_in(hold);
                HandleNumbers {
                    pid: self.identity.numbers().number_in(hold, viewer),
                    tgid: process.own_numbers().number_in(hold, viewer),
                    ppid: parent.map_or(0, |it| it.own_numbers().number_in(hold, viewer)),
                }
            });
            let exit: Option<ExitStatus> = exit.then(|| self.identity.exit_status_once_gone());
            Ok(HandleInfo { numbers, exit })
        })
    }

    /// Whether it lives, or lived, in the caller's namespace or in one inside that; never across tables.
    pub(crate) fn is_visible_to(&self, hold: &Hold<'_, H>, caller: &Process<H>) -> bool {
        self.identity.table().is(caller.table())
            && caller.pid_ns(hold).contains(self.identity.numbers().pid_ns(hold))
    }

    /// The table that it is of, by serial, and the use of a number that it names: a process's, or that of a thread that does not lead.
    pub(crate) fn table_and_named(&self) -> (u64, HandleNames) {
        let table = self.identity.table();
        let key = table.hold(|hold| self.identity.identity_key(hold));
        let named = match self.kind {
            Kind::Process | Kind::Leader => HandleNames::Process(key),
            Kind::Thread => HandleNames::Thread(key),
        };
        (table.serial(), named)
    }

    /// The same, in a hold.
    pub(crate) fn identity_key_if_tgid(&self, hold: &Hold<'_, H>) -> Option<IdentityKey> {
        (self.kind != Kind::Thread).then(|| self.identity.identity_key(hold))
    }
}

/// Whom a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HandleNames {
    Process(IdentityKey),
    /// A thread that does not lead.
    Thread(IdentityKey),
}

impl<H: Host> Clone for PidHandle<H> {
    fn clone(&self) -> Self {
        Self { identity: ARef::clone(&self.identity), kind: self.kind }
    }
}

impl<H: Host> PartialEq for PidHandle<H> {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.kind == other.kind
    }
}

impl<H: Host> Eq for PidHandle<H> {}

impl<H: Host> Hash for PidHandle<H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.identity.hash(state);
        self.kind.hash(state);
    }
}

impl<H: Host> fmt::Debug for PidHandle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, number, state) = (self.kind, self.identity.number(), self.state());
        match kind {
            Kind::Process => write!(f, "PidHandle(process {number}, {state:?})"),
            Kind::Leader => write!(f, "PidHandle(leader {number}, {state:?})"),
            Kind::Thread => write!(f, "PidHandle(thread {number}, {state:?})"),
        }
    }
}
