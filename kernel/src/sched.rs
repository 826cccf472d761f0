//! Tasks, who runs, who sleeps.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ops::Deref;
use core::time::Duration;

use crate::machine::{AddressSpace, IrqLock, OutOfMemory};

/// What is scheduled: a stack in the kernel, an address space, and the registers of a user.
pub(crate) struct Task {}

/// A task that has not begun.
pub(crate) struct NewTask(Arc<Task>);

impl NewTask {
    /// Takes all memory that the task will need.
    pub(crate) fn new(space: Option<Arc<AddressSpace>>) -> Result<Self, OutOfMemory> {
        let _ = space;
        Err(OutOfMemory)
    }

    /// Returns what others keep of it.
    pub(crate) fn task(&self) -> &Arc<Task> {
        &self.0
    }

    /// Has the task begin, with `body`, which lies on its stack: this cannot fail. It ends with the return of `body`.
    pub(crate) fn start(self, body: impl FnOnce() + Send + 'static) {
        let _ = body;
    }
}

impl Task {
    /// Has the task look at what it waits for: ends its [`block`], or the next one if it does not sleep; and if it is in user space on another processor, has it come in.
    ///
    /// From anywhere, interrupts and hooks included.
    pub(crate) fn kick(self: &Arc<Self>) {}

    /// Whether it is on a processor at this moment.
    pub(crate) fn is_running(&self) -> bool {
        false
    }
}

/// The calling task.
pub(crate) struct Current(Arc<Task>, PhantomData<*const ()>);

impl Deref for Current {
    type Target = Arc<Task>;

    fn deref(&self) -> &Arc<Task> {
        &self.0
    }
}

/// Returns the calling task.
pub(crate) fn current() -> Current {
    loop {
        x86_64::instructions::hlt();
    }
}

/// Gives the calling task another address space, or none.
pub(crate) fn set_address_space(space: Option<Arc<AddressSpace>>) {
    let _ = space;
}

/// Returns the address space of the calling task.
pub(crate) fn address_space() -> Option<Arc<AddressSpace>> {
    None
}

/// Lets others run.
pub(crate) fn yield_now() {}

/// Sleeps until the next kick, one that has come since the last sleep included, or until `deadline`, on the clock of [`monotonic`](crate::machine::monotonic). May come back for nothing: a loop is around it.
pub(crate) fn block(deadline: Option<Duration>) {
    let _ = deadline;
}

/// Tasks that wait for one thing to change.
pub(crate) struct WaitQueue(IrqLock<alloc::vec::Vec<Arc<Task>>>);

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self(IrqLock::new(alloc::vec::Vec::new()))
    }

    /// Sleeps until `condition` has an answer: it is asked now, behind each [`wake_all`](Self::wake_all) and behind each kick. None is lost between the question and the sleep.
    ///
    /// A sleep that a signal ends asks for the attention word in its condition.
    pub(crate) fn wait_until<R>(&self, condition: impl FnMut() -> Option<R>) -> R {
        let mut condition = condition;
        loop {
            if let Some(answer) = condition() {
                return answer;
            }
        }
    }

    /// As [`wait_until`](Self::wait_until), but `None` when `deadline` has passed.
    pub(crate) fn wait_until_or<R>(
        &self,
        deadline: Option<Duration>,
        condition: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let _ = deadline;
        Some(self.wait_until(condition))
    }

    /// Has all look again. From anywhere.
    pub(crate) fn wake_all(&self) {}
}

/// A lock whose waiters sleep: for long work, in tasks alone, with no [`IrqLock`] held.
pub(crate) struct Mutex<T> {
    value: IrqLock<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: IrqLock::new(value) }
    }

    pub(crate) fn lock(&self) -> crate::machine::IrqGuard<'_, T> {
        self.value.lock()
    }
}

/// Has `hook` called at each tick of the timer, 250 times a second, in the interrupt of the first processor.
pub(crate) fn on_tick(hook: fn()) {
    let _ = hook;
}
