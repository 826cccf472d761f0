//! Who sleeps until something happens to a file, a futex, a handle.
//!
//! A sleeper enters, looks, and only then sleeps: what happens behind its look wakes it. Woken, each looks again.

use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::Errno;

use crate::machine::IrqLock;
use crate::sched::{self, Task};
use crate::user_memory::{push, shared};

/// A queue of sleepers, as whoever waits or wakes has it.
#[derive(Clone)]
pub(crate) struct WaitQueue(Arc<IrqLock<Vec<Arc<Task>>>>);

/// The current task's place in a queue, until it is dropped.
pub(crate) struct Place(WaitQueue);

impl WaitQueue {
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self, Errno> {
        shared(IrqLock::new(Vec::new())).map(Self)
    }

    /// Enters the queue.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn enter(&self) -> Result<Place, Errno> {
        push(&mut self.0.lock(), Arc::clone(&sched::current()))?;
        Ok(Place(self.clone()))
    }

    /// Has all who sleep here look again. For interrupt handlers too.
    pub(crate) fn wake_all(&self) {
        self.0.lock().iter().for_each(Task::kick);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let task = sched::current();
        let mut sleepers = self.0.0.lock();
        let own = sleepers.iter().position(|it| Arc::ptr_eq(it, &task));
        let own = own.map(|own| sleepers.swap_remove(own));
        drop(sleepers);
        drop(own);
    }
}
