//! The locks of the kernel: a fair one, while which is held no interrupt comes; and one whose waiters sleep.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lock_api::{GuardNoSend, RawMutex};

use super::interrupts;
use crate::wait::{self, Key};

/// A lock that is given out in the order in which it was asked for, with interrupts off from the question to the release.
///
/// So whoever is interrupted holds none, an interrupt handler may take any, and a task can be switched away wherever interrupts are on.
pub(crate) type IrqLock<T> = lock_api::Mutex<Ticket, T>;
pub(crate) type IrqGuard<'a, T> = lock_api::MutexGuard<'a, Ticket, T>;

pub(crate) struct Ticket {
    next: AtomicU32,
    serving: AtomicU32,
    /// Whether whoever has the lock switches interrupts on behind it.
    pub(super) were_on: AtomicBool,
}

impl Ticket {
    /// Lets the next one have it, and leaves interrupts off.
    pub(super) fn pass_on(&self) {
        let ticket = self.serving.load(Ordering::Relaxed);
        self.serving.store(ticket.wrapping_add(1), Ordering::Release);
    }
}

// SAFETY: one ticket is served at a time.
unsafe impl RawMutex for Ticket {
    const INIT: Self = Self {
        next: AtomicU32::new(0),
        serving: AtomicU32::new(0),
        were_on: AtomicBool::new(false),
    };
    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        let were_on = interrupts::switch_off();
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        while self.serving.load(Ordering::Acquire) != ticket {
            core::hint::spin_loop();
        }
        self.were_on.store(were_on, Ordering::Relaxed);
    }

    fn try_lock(&self) -> bool {
        let were_on = interrupts::switch_off();
        let ticket = self.serving.load(Ordering::Acquire);
        let (next, order) = (ticket.wrapping_add(1), Ordering::Relaxed);
        let is_taken = self.next.compare_exchange(ticket, next, order, order).is_ok();
        if is_taken {
            self.were_on.store(were_on, Ordering::Relaxed);
        } else {
            interrupts::restore(were_on);
        }
        is_taken
    }

    unsafe fn unlock(&self) {
        let were_on = self.were_on.load(Ordering::Relaxed);
        self.pass_on();
        interrupts::restore(were_on);
    }
}

/// A lock whose waiters sleep: for long work, in tasks alone, with no [`IrqLock`] held.
pub(crate) type Mutex<T> = lock_api::Mutex<Sleeping, T>;

pub(crate) struct Sleeping(AtomicU32);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Somebody may sleep until it is free.
const WANTED: u32 = 2;

// SAFETY: whoever changes it from free to something else has it.
unsafe impl RawMutex for Sleeping {
    const INIT: Self = Self(AtomicU32::new(FREE));
    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        if !self.try_lock() {
            let is_got = || self.0.swap(WANTED, Ordering::Acquire) == FREE;
            wait::until(Key::of(self), || is_got().then_some(()));
            // What has ended this sleep may have been meant for the one in which the caller looks at memory.
            crate::sched::current().kick();
        }
    }

    fn try_lock(&self) -> bool {
        self.0.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    unsafe fn unlock(&self) {
        if self.0.swap(FREE, Ordering::Release) == WANTED {
            wait::wake_all(Key::of(self));
        }
    }
}
