//! The host: all that the model and the layer of signals ask of this kernel, and what it hangs on their objects.
//!
//! | it has | from here |
//! | --- | --- |
//! | locks | [`IrqLock`], for the relations and for each process's signals |
//! | who sleeps and who runs | [`kick`](axprocess_signals::Kernel::kick): ends a sleep, or has a thread come in from user space |
//! | who waits for children, and for handles | `wake_waiters`, `wake_pollers`, … |
//! | rights | all: there is one user |

use alloc::sync::Arc;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};

use axprocess::{
    ChildNews, Errno, PidNamespace as Namespace, ProcessTable, Relations, ResourceUsage, Signal,
    View, WaitToken,
};
use axprocess_signals::Signals;

use crate::files::{Descriptors, Directory, Node};
use crate::machine::{self, AddressSpace, IrqGuard, IrqLock};
use crate::ptrace::Tracing;
use crate::sched::{self, Task};
use crate::timers::Timers;
use crate::tty::Line;
use crate::user_memory::shared;
use crate::wait_queue::WaitQueue;

/// The kernel, as a type.
pub(crate) struct System;

/// The host of the model.
pub(crate) type Layer = Signals<System>;
pub(crate) type Table = ProcessTable<Layer>;
pub(crate) type Process = axprocess_signals::Process<System>;
pub(crate) type Thread = axprocess_signals::Thread<System>;
pub(crate) type Terminal = axprocess_signals::Terminal<System>;
pub(crate) type PidNamespace = Namespace<Layer>;
pub(crate) type PidHandle = axprocess::PidHandle<Layer>;

/// What the kernel hangs on a process.
pub(crate) struct ProcessState {
    /// Who polls a pidfd of the process, or a signalfd of one of its threads.
    pub(crate) pollers: WaitQueue,
    /// How often its threads have gone to sleep.
    pub(crate) sleeps: AtomicU64,
    /// Those of timer_create(2).
    pub(crate) timers: Timers,
}

impl ProcessState {
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self, Errno> {
        Ok(Self { pollers: WaitQueue::new()?, sleeps: AtomicU64::new(0), timers: Timers::new() })
    }
}

/// What the kernel hangs on a thread.
pub(crate) struct ThreadState {
    pub(crate) task: Arc<Task>,
    /// None behind the end of its use of memory.
    pub(crate) space: IrqLock<Option<Arc<AddressSpace>>>,
    pub(crate) files: IrqLock<Option<Arc<Descriptors>>>,
    pub(crate) directory: Arc<IrqLock<Directory>>,
    pub(crate) program: IrqLock<Option<Arc<Node>>>,
    pub(crate) name: IrqLock<[u8; 16]>,
    /// Where 0 is stored when it ends: `CLONE_CHILD_CLEARTID`.
    pub(crate) clear_tid: AtomicU64,
    /// The system call in which it is; −1: in none.
    pub(crate) call: AtomicI32,
    pub(crate) is_exiting: AtomicBool,
    /// It has come back from a stop, and has not looked for signals since.
    pub(crate) has_stopped: AtomicBool,
    /// Who polls a pidfd of the thread.
    pub(crate) pollers: WaitQueue,
    pub(crate) tracing: Tracing,
    wait: Wait,
}

/// A wait for children that sleeps.
struct Wait {
    token: IrqLock<Option<WaitToken>>,
    has_news: AtomicBool,
}

impl ThreadState {
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(
        task: Arc<Task>,
        space: Arc<AddressSpace>,
        files: Arc<Descriptors>,
        directory: Arc<IrqLock<Directory>>,
    ) -> Result<Self, Errno> {
        Ok(Self {
            task,
            space: IrqLock::new(Some(space)),
            files: IrqLock::new(Some(files)),
            directory,
            program: IrqLock::new(None),
            name: IrqLock::new([0; 16]),
            clear_tid: AtomicU64::new(0),
            call: AtomicI32::new(-1),
            is_exiting: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
            pollers: WaitQueue::new()?,
            tracing: Tracing::new(),
            wait: Wait { token: IrqLock::new(None), has_news: AtomicBool::new(false) },
        })
    }

    /// Takes what a new thread has as a copy.
    pub(crate) fn inherit(&self, maker: &Self) {
        let (program, name) = (maker.program.lock().clone(), *maker.name.lock());
        *self.program.lock() = program;
        *self.name.lock() = name;
    }

    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn copy_directory(&self) -> Result<Arc<IrqLock<Directory>>, Errno> {
        let directory = self.directory.lock().clone();
        shared(IrqLock::new(directory))
    }

    /// The memory of a thread that is alive.
    ///
    /// # Errors
    ///
    /// `EFAULT`: it has begun to exit.
    pub(crate) fn space(&self) -> Result<Arc<AddressSpace>, Errno> {
        self.space.lock().clone().ok_or(Errno::EFAULT)
    }

    /// The open files of a thread that is alive.
    ///
    /// # Errors
    ///
    /// `EBADF`: it has begun to exit.
    pub(crate) fn files(&self) -> Result<Arc<Descriptors>, Errno> {
        self.files.lock().clone().ok_or(Errno::EBADF)
    }

    /// Says for what it sleeps in a wait, until it is told of news.
    pub(crate) fn await_news(&self, token: WaitToken) {
        self.wait.has_news.store(false, Relaxed);
        *self.wait.token.lock() = Some(token);
    }

    pub(crate) fn has_news(&self) -> bool {
        self.wait.has_news.load(Relaxed)
    }

    pub(crate) fn end_wait(&self) {
        *self.wait.token.lock() = None;
    }
}

impl<T> axprocess::Lock<T> for IrqLock<T> {
    type Guard<'a>
        = IrqGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn lock(&self) -> IrqGuard<'_, T> {
        Self::lock(self)
    }
}

/// Lets the calling thread sleep as long as the condition holds: it looks at it now, and behind each kick.
pub(crate) fn sleep_while(thread: &Thread, mut condition: impl FnMut() -> bool) {
    while condition() {
        thread.process().host_data().sleeps.fetch_add(1, Relaxed);
        sched::block(None);
    }
}

/// How often somebody was off a processor.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) sleeps: u64,
}

impl ResourceUsage for Usage {
    fn add(&mut self, other: Self) {
        self.sleeps += other.sleeps;
    }
}

impl axprocess_signals::Kernel for System {
    type RelationLock = IrqLock<Relations<Layer>>;
    type SignalLock<T: Send + 'static> = IrqLock<T>;
    type ProcessData = ProcessState;
    type ThreadData = ThreadState;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = Line;
    type Usage = Usage;

    fn kick(&self, thread: &Thread) {
        thread.host_data().task.kick();
    }

    fn context(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(machine::processor() + 1)
    }

    fn is_running(&self, thread: &Thread) -> bool {
        thread.host_data().task.is_running()
    }

    fn may_signal(&self, _: View<'_, Layer>, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        true
    }

    fn may_trace(&self, _: View<'_, Layer>, _: &Thread, _: &Thread) -> bool {
        true
    }

    fn may_choose_number(&self, _: View<'_, Layer>, _: &Thread, _: &PidNamespace) -> bool {
        true
    }

    fn wake_waiters(&self, view: View<'_, Layer>, parent: &Process, news: &ChildNews) {
        let mut cursor = axprocess::Cursor::new();
        while !cursor.is_done() {
            for thread in view.threads(parent, &mut cursor) {
                let state: &ThreadState = thread.host_data();
                let is_woken = state.wait.token.lock().is_some_and(|it| it.is_woken_by(news));
                if is_woken {
                    state.wait.has_news.store(true, Relaxed);
                }
                if is_woken || state.tracing.awaits_tracee() {
                    state.task.kick();
                }
            }
        }
    }

    fn wake_pollers(&self, _: View<'_, Layer>, process: &Process) {
        process.host_data().pollers.wake_all();
    }

    fn wake_thread_pollers(&self, _: View<'_, Layer>, thread: &Thread) {
        thread.host_data().pollers.wake_all();
    }

    fn wake_signalfd(&self, process: &Process) {
        process.host_data().pollers.wake_all();
    }

    fn hang_up_terminal(&self, _: View<'_, Layer>, terminal: &Terminal) {
        terminal.host_data().kill_files();
    }

    fn usage(&self, _: View<'_, Layer>, process: &Process) -> Usage {
        Usage { sleeps: process.host_data().sleeps.load(Relaxed) }
    }
}
