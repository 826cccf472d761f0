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
        self.try_lock().unwrap_or_else(|| keep_away_until_free(self))
    }
}

/// Who does not get the lock looks away for twice as long each time. Looking on takes the lock's cache line, and what the holder writes beside
/// it, away from the holder; and who comes back at once takes all other lines with it.
///
/// But who keeps away misses the moment between two holds of one that takes the lock again at once. So whoever has waited for that long does look on.
#[cold]
#[inline(never)]
fn keep_away_until_free<T>(lock: &SpinNoIrq<T>) -> SpinNoIrqGuard<'_, T> {
    let mut turns = 1;
    for _ in 0..MOST_TIMES {
        for _ in 0..turns {
            hint::spin_loop();
        }
        if let Some(guard) = lock.try_lock() {
            return guard;
        }
        turns = (2 * turns).min(MOST_TURNS);
    }
    // With interrupts as they are: kspin's own wait would keep them off.
    loop {
        while lock.is_locked() {
            hint::spin_loop();
        }
        if let Some(guard) = lock.try_lock() {
            return guard;
        }
    }
}
