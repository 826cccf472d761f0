//! What the kernel hangs on processes and threads.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};

use axprocess::{ChildNews, CloneFlags, Errno, WaitToken};

use crate::files::{Descriptors, Directory, Node};
use crate::machine::{AddressSpace, IrqLock};
use crate::ptrace::Tracing;
use crate::sched::{NewTask, Task};
use crate::timers::Timers;
use crate::user_memory::shared;
use crate::wait_queue::WaitQueue;

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

    /// Whether it waits for who has these news; if so, it is told.
    pub(crate) fn is_woken_by(&self, news: &ChildNews) -> bool {
        let is_woken = self.wait.token.lock().is_some_and(|token| token.is_woken_by(news));
        if is_woken {
            self.wait.has_news.store(true, Relaxed);
        }
        is_woken
    }

    pub(crate) fn has_news(&self) -> bool {
        self.wait.has_news.load(Relaxed)
    }

    pub(crate) fn end_wait(&self) {
        *self.wait.token.lock() = None;
    }
}

/// What a new thread has of its maker, and its task.
pub(crate) fn inherit(
    own: &ThreadState,
    flags: CloneFlags,
) -> Result<(NewTask, ThreadState), Errno> {
    let space = match flags.contains(CloneFlags::VM) {
        true => own.space()?,
        false => own.space()?.fork().map_err(|_| Errno::ENOMEM)?,
    };
    let files = match flags.contains(CloneFlags::FILES) {
        true => own.files()?,
        false => shared(own.files()?.copy()?)?,
    };
    let directory = match flags.contains(CloneFlags::FS) {
        true => Arc::clone(&own.directory),
        false => own.copy_directory()?,
    };
    let task = NewTask::new(Some(Arc::clone(&space))).map_err(|_| Errno::ENOMEM)?;
    let state = ThreadState::new(Arc::clone(task.task()), space, files, directory)?;
    state.inherit(own);
    Ok((task, state))
}
