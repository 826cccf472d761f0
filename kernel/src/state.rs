//! What the kernel hangs on processes and threads.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64};

use axprocess::{CloneFlags, Errno, WaitToken};

use crate::files::Descriptors;
use crate::machine::{AddressSpace, IrqLock, SharedPages};
use crate::sched::{NewTask, Task};
use crate::user_memory::shared;

/// What the kernel hangs on a process: how often its threads have gone to sleep.
pub(crate) type Sleeps = AtomicU64;

/// What the kernel hangs on a thread.
pub(crate) struct ThreadState {
    pub(crate) task: Arc<Task>,
    pub(crate) files: IrqLock<Option<Arc<Descriptors>>>,
    pub(crate) program: IrqLock<Option<Arc<SharedPages>>>,
    pub(crate) name: IrqLock<[u8; 16]>,
    /// Where 0 is stored when it ends: `CLONE_CHILD_CLEARTID`.
    pub(crate) clear_tid: AtomicU64,
    /// The system call in which it is; −1: in none.
    pub(crate) call: AtomicI32,
    pub(crate) is_exiting: AtomicBool,
    /// It has come back from a stop, and has not looked for signals since.
    pub(crate) has_stopped: AtomicBool,
    /// The signal with which its tracer had it go on; −1: it has not said.
    pub(crate) answer_of_tracer: AtomicI32,
    /// What it sleeps for in a wait.
    pub(crate) wait: IrqLock<Option<WaitToken>>,
}

impl ThreadState {
    pub(crate) fn new(task: Arc<Task>, files: Arc<Descriptors>) -> Self {
        Self {
            task,
            files: IrqLock::new(Some(files)),
            program: IrqLock::new(None),
            name: IrqLock::new([0; 16]),
            clear_tid: AtomicU64::new(0),
            call: AtomicI32::new(-1),
            is_exiting: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
            answer_of_tracer: AtomicI32::new(-1),
            wait: IrqLock::new(None),
        }
    }

    /// The memory of a thread that is alive. `EFAULT`: it has begun to exit.
    pub(crate) fn space(&self) -> Result<Arc<AddressSpace>, Errno> {
        self.task.space().ok_or(Errno::EFAULT)
    }

    /// The open files of a thread that is alive. `EBADF`: it has begun to exit.
    pub(crate) fn files(&self) -> Result<Arc<Descriptors>, Errno> {
        self.files.lock().clone().ok_or(Errno::EBADF)
    }

    /// Takes as much of a name as fits.
    pub(crate) fn set_name(&self, text: &[u8]) {
        let mut name = [0; 16];
        let len = text.len().min(name.len() - 1);
        name[..len].copy_from_slice(&text[..len]);
        *self.name.lock() = name;
    }
}

/// What a new thread has of its maker, and its task.
pub(crate) fn inherit(
    own: &ThreadState,
    flags: CloneFlags,
) -> Result<(NewTask, ThreadState), Errno> {
    let (mut space, mut files) = (own.space()?, own.files()?);
    if !flags.contains(CloneFlags::VM) {
        space = space.fork()?;
    }
    if !flags.contains(CloneFlags::FILES) {
        files = shared(files.copy(|_| true)?)?;
    }
    let task = NewTask::new(Some(space))?;
    let state = ThreadState::new(Arc::clone(task.task()), files);
    *state.program.lock() = own.program.lock().clone();
    *state.name.lock() = *own.name.lock();
    Ok((task, state))
}
