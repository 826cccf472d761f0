//! kspin's interrupt-safe spin lock as the relation lock.

use core::hint;

use kspin::{SpinNoIrq, SpinNoIrqGuard};

use super::Lock;

/// For how many turns of its loop a processor keeps away from a lock that it did not get, at most: about as long as two holds.
const MOST_TURNS: u32 = 64;

impl<T> Lock<T> for SpinNoIrq<T> {
    type Guard<'a>
        = SpinNoIrqGuard<'a, T>
    where
        T: 'a;

    #[inline]
    fn new(value: T) -> Self {
        Self::new(value)
    }

    /// Who does not get it looks away for twice as long each time. Looking on takes the lock's cache line, and what the holder writes beside
    /// it, away from the holder; and who comes back at once takes all other lines with it.
    #[inline]
    fn lock(&self) -> Self::Guard<'_> {
        let mut turns = 1;
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            for _ in 0..turns {
                hint::spin_loop();
            }
            turns = (2 * turns).min(MOST_TURNS);
        }
    }
}
