//! A handle: what a pidfd holds.
//!
//! A number names whoever has it now. A handle names one process, or one thread, for ever: it outlives the reap, it never
//! comes to mean another of the same number, and it does not keep the number busy (R-PID-09).
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
//! the process's data, and on a thread's for a handle whose [`thread`](PidHandle::thread) there is.

use core::fmt;

use crate::pid::{PidNamespace, Task};
use crate::process::{Process, ProcessState};
use crate::sync::Hold;
use crate::terminal::NumberUse;
use crate::thread::{Thread, ThreadState};
use crate::{ARef, Errno, ExitStatus, Host, Pid};

/// A process or a thread, named for ever; what an open pidfd refers to.
///
/// It holds the object, and with it the kernel's data, strongly, also after the reap. So data that holds a handle of its own
/// process is a cycle, to be broken at the exit, as files are closed; and a thread with a handle ends by [`Thread::exit_thread`], not by being dropped.
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
    process: ARef<Process<H>>,
    named: Named<H>,
}

/// What of its process a handle names.
enum Named<H: Host> {
    /// The process, by its number.
    Process(NumberUse),
    /// Whoever leads it, by the same number.
    Leader(NumberUse),
    /// A thread that does not lead, as long as it has this number.
    Thread(ARef<Thread<H>>, Pid),
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
    /// session may. `ENOENT`: it is a thread's, and no thread was asked for.
    pub fn pidfd_open(&self, pid: i32, flags: u32) -> Result<PidHandle<H>, Errno> {
        let flags = PidfdFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
        let number = Pid::try_from(pid).ok().filter(|number| *number > 0).ok_or(Errno::EINVAL)?;
        let wants_thread = flags.contains(PidfdFlags::THREAD);
        self.world().hold(|hold| {
            let task = self.space(hold).roles(hold, number).and_then(|roles| roles.task());
            match task.ok_or(Errno::ESRCH)? {
                Task::Process(process) => {
                    let process = process.get(hold);
                    let named = process.number_use(hold);
                    let process = process.share().ok_or(Errno::ESRCH)?;
                    let named = if wants_thread { Named::Leader } else { Named::Process }(named);
                    Ok(PidHandle { process, named })
                }
                Task::Thread(_) if !wants_thread => Err(Errno::ENOENT),
                Task::Thread(thread) => Ok(PidHandle::of_other_thread(thread.get(hold))),
            }
        })
    }

    /// Returns a handle of this process, as clone(2) with `CLONE_PIDFD` opens one of a new process.
    pub fn handle(&self) -> PidHandle<H> {
        let named = self.world().hold(|hold| self.number_use(hold));
        PidHandle { process: ARef::from(self), named: Named::Process(named) }
    }
}

impl<H: Host> Thread<H> {
    /// Returns a handle of this thread; of whoever leads its process, if this thread has the process's number. R-CLONE-13.
    pub fn handle(&self) -> PidHandle<H> {
        let process = self.process();
        let leader = process.world().hold(|hold| {
            (self.tid() == process.pid()).then(|| Named::Leader(process.number_use(hold)))
        });
        match leader {
            Some(named) => PidHandle { process: ARef::clone(process), named },
            None => PidHandle::of_other_thread(self),
        }
    }

    /// Returns the caller's own handle for the two numbers that stand for it where a pidfd is expected: −10000
    /// (`PIDFD_SELF_THREAD`) and −10001 (`PIDFD_SELF_THREAD_GROUP`); `None` for any other, which the kernel looks up. R-PIDFD-05.
    pub fn pidfd_self(&self, fd: i32) -> Option<PidHandle<H>> {
        match fd {
            -10_000 => Some(self.handle()),
            -10_001 => Some(self.process().handle()),
            _ => None,
        }
    }
}

impl<H: Host> PidHandle<H> {
    fn of_other_thread(thread: &Thread<H>) -> Self {
        let named = Named::Thread(ARef::from(thread), thread.tid());
        Self { process: ARef::clone(thread.process()), named }
    }

    /// Returns the process, reaped or not.
    pub const fn process(&self) -> &ARef<Process<H>> {
        &self.process
    }

    /// Returns the thread, for a handle of one that did not lead when it was opened: its pollers are woken by [`Host::wake_thread_pollers`].
    pub const fn thread(&self) -> Option<&ARef<Thread<H>>> {
        match &self.named {
            Named::Thread(thread, _) => Some(thread),
            Named::Process(_) | Named::Leader(_) => None,
        }
    }

    /// Returns whether the handle is one of a thread (`PIDFD_THREAD`): then signals go to the thread, if nothing else is said.
    pub const fn is_of_thread(&self) -> bool {
        !matches!(self.named, Named::Process(_))
    }

    /// Returns where what it names is in its life. Wait-free.
    ///
    /// While other threads of a process live, its leader's exit does not count. R-PIDFD-02, R-PIDFD-03.
    pub fn state(&self) -> HandleState {
        match &self.named {
            Named::Thread(thread, tid) => {
                let has_ended = thread.state() == ThreadState::Exited || thread.tid() != *tid;
                if has_ended { HandleState::Gone } else { HandleState::Running }
            }
            Named::Process(_) | Named::Leader(_) => match self.process.state() {
                ProcessState::Embryo | ProcessState::Live | ProcessState::Exiting => {
                    HandleState::Running
                }
                ProcessState::Zombie => HandleState::Exited,
                ProcessState::Reaped => HandleState::Gone,
            },
        }
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

    /// Returns the number as seen in a namespace, 0 if it is not visible there; `None` when the handle is at its end.
    ///
    /// Serves `/proc/PID/fdinfo/FD`, which shows −1 for `None`.
    pub fn number_in(&self, viewer: &PidNamespace<H>) -> Option<Pid> {
        self.process.world().hold(|hold| {
            let identity = match &self.named {
                Named::Thread(thread, _) => thread.identity(),
                Named::Process(_) | Named::Leader(_) => self.process.identity(),
            };
            (self.state() < HandleState::Gone).then(|| identity.number_in(hold, viewer))
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
        self.process.world().hold(|hold| {
            if !self.is_visible_to(hold, caller) {
                return Err(Errno::EREMOTE);
            }
            let is_gone = self.state() == HandleState::Gone;
            let exit = wanted.contains(InfoMask::EXIT) && is_gone;
            if is_gone && !exit {
                return Err(Errno::ESRCH);
            }
            let numbers = (!is_gone).then(|| {
                let viewer = caller.space(hold);
                let parent = self.process.parent_in(hold);
                let tgid = self.process.identity().number_in(hold, viewer);
                HandleNumbers {
                    pid: self.thread().map_or(tgid, |it| it.identity().number_in(hold, viewer)),
                    tgid,
                    ppid: parent.map_or(0, |it| it.identity().number_in(hold, viewer)),
                }
            });
            Ok(HandleInfo { numbers, exit: exit.then(|| self.exit_status()) })
        })
    }

    fn exit_status(&self) -> ExitStatus {
        match &self.named {
            // A thread that took the leader's number over in exec lives on: what has ended is its former number.
            Named::Thread(thread, tid) if thread.tid() != *tid => {
                ExitStatus::from_word(thread.former_code().get())
            }
            Named::Thread(thread, _) => ExitStatus::from_word(thread.exit_code().get()),
            Named::Process(_) | Named::Leader(_) => self.process.exit_status(),
        }
    }

    /// Whether it lives, or lived, in the caller's namespace or in one inside that; never across tables.
    pub(crate) fn is_visible_to(&self, hold: &Hold<'_, H>, caller: &Process<H>) -> bool {
        core::ptr::eq(self.process.world(), caller.world())
            && caller.space(hold).contains(self.process.space(hold))
    }

    /// The use of the process's number that it names; `None` for a thread that does not lead, after which no group is named.
    pub(crate) const fn number_use(&self) -> Option<NumberUse> {
        match self.named {
            Named::Process(named) | Named::Leader(named) => Some(named),
            Named::Thread(..) => None,
        }
    }
}

impl<H: Host> Clone for PidHandle<H> {
    fn clone(&self) -> Self {
        Self { process: ARef::clone(&self.process), named: self.named.clone() }
    }
}

impl<H: Host> Clone for Named<H> {
    fn clone(&self) -> Self {
        match self {
            Self::Process(named) => Self::Process(*named),
            Self::Leader(named) => Self::Leader(*named),
            Self::Thread(thread, tid) => Self::Thread(ARef::clone(thread), *tid),
        }
    }
}

impl<H: Host> fmt::Debug for PidHandle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        match &self.named {
            Named::Process(_) => write!(f, "PidHandle(process {}, {state:?})", self.process.pid()),
            Named::Leader(_) => write!(f, "PidHandle(leader {}, {state:?})", self.process.pid()),
            Named::Thread(_, tid) => write!(f, "PidHandle(thread {tid}, {state:?})"),
        }
    }
}
