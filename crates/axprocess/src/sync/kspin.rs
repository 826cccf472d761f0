//! kspin's spin lock as the relation lock.
//!
//! It switches interrupts off where there is no operating system (`target_os = "none"`); everywhere else it only spins, and a holder that is
//! preempted keeps all others spinning. Without kspin's feature `smp`, which this crate turns on, it would be no lock at all.

use core::hint;

use kspin::{SpinNoIrq, SpinNoIrqGuard};

use super::Lock;

/// For how many turns of its loop a processor keeps away from a lock that it did not get, at most: about as long as two holds.
const MOST_TURNS: u32 = 64;

/// How often it does so before it looks on: for as long as any queue of holds lasts that touch few objects.
const MOST_TIMES: u32 = 128;

impl<T> Lock<T> for SpinNoIrq<T> {
    type Guard<'a>
        = SpinNoIrqGuard<'a, T>
    where
        T: 'a;

    #[inline]
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn lock(&self) -> Self::Guard<'_> {
        if let Some(guard) = self.try_lock() {
            return guard;
        }
        let mut waiter = Waiter { turns: 1, times: 0 };
        loop {
            waiter.wait_once(self);
            if let Some(guard) = self.try_lock() {
                return guard;
            }
        }
    }
}

/// Who does not get the lock looks away for twice as long each time. Looking on takes the lock's cache line, and what the holder writes beside
/// it, away from the holder; and who comes back at once takes all other lines with it.
///
/// But who keeps away misses the moment between two holds of one that takes the lock again at once. So whoever has waited for that long does look on.
struct Waiter {
    turns: u32,
    times: u32,
}

impl Waiter {
    /// Waits until the lock is worth another try, with interrupts as they are: kspin's own wait would keep them off.
    #[cold]
    #[inline(never)]
    fn wait_once<T>(&mut self, lock: &SpinNoIrq<T>) {
        if self.times == MOST_TIMES {
            while lock.is_locked() {
                hint::spin_loop();
            }
            return;
        }
        for _ in 0..self.turns {
            hint::spin_loop();
        }
        self.turns = (2 * self.turns).min(MOST_TURNS);
        self.times += 1;
    }
}
