//! The lock of the kernel: fair, and no interrupt comes while it is held.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use super::interrupts;

/// A lock that is given out in the order in which it was asked for, with interrupts off from the question to the release.
///
/// So whoever is interrupted holds none, an interrupt handler may take any, and a task can be switched away wherever interrupts are on.
pub(crate) struct IrqLock<T: ?Sized> {
    next_ticket: AtomicU32,
    serving: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: one guard at a time gives out the value, on whatever processor it was taken.
unsafe impl<T: ?Sized + Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    /// Makes a free lock.
    pub(crate) const fn new(value: T) -> Self {
        Self {
            next_ticket: AtomicU32::new(0),
            serving: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized> IrqLock<T> {
    /// Waits for its turn and takes the lock.
    pub(crate) fn lock(&self) -> IrqGuard<'_, T> {
        let interrupts = interrupts::Off::new();
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        while self.serving.load(Ordering::Acquire) != ticket {
            core::hint::spin_loop();
        }
        IrqGuard { lock: self, _interrupts: interrupts }
    }

    fn release(&self) {
        let ticket = self.serving.load(Ordering::Relaxed);
        self.serving.store(ticket.wrapping_add(1), Ordering::Release);
    }
}

/// A lock of whatever is in it, as [`switch`](super::stack::switch) hands it over.
pub(super) trait Release: Sync {
    /// Gives the lock back for whoever has taken it and now sleeps with it.
    ///
    /// # Safety
    ///
    /// The guard is never looked at again before its lock has been taken again.
    unsafe fn release_for_sleeper(&self);
}

impl<T: Send> Release for IrqLock<T> {
    unsafe fn release_for_sleeper(&self) {
        self.release();
    }
}

/// The value of a lock; gives the lock back, and then switches interrupts on again if they were.
pub(crate) struct IrqGuard<'a, T: ?Sized> {
    pub(super) lock: &'a IrqLock<T>,
    _interrupts: interrupts::Off,
}

impl<T: ?Sized> Deref for IrqGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for IrqGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for IrqGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release();
    }
}
