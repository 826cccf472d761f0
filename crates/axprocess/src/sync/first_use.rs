//! What a static can only be prepared for: made when it is first used, which can fail.

use core::cell::UnsafeCell;

use super::atomic::{AtomicU32, Ordering, spin_loop};
use crate::Errno;

const SEED: u32 = 0;
const MAKING: u32 = 1;
const MADE: u32 = 2;

/// A `T` that is made of an `S` when it is first asked for.
pub(crate) struct FirstUse<S, T> {
    state: AtomicU32,
    seed: UnsafeCell<Option<S>>,
    made: UnsafeCell<Option<T>>,
}

// SAFETY: the seed is reached only by the one who has made the state `MAKING`, so it is sent; what is made is written by that one, before the state is `MADE`,
// and from then on only shared. Held against: a seed that is not `Sync`, what is made that is not (that does not compile).
unsafe impl<S: Send, T: Send + Sync> Sync for FirstUse<S, T> {}

impl<S, T> FirstUse<S, T> {
    pub(crate) const fn new(seed: S) -> Self {
        Self {
            state: AtomicU32::new(SEED),
            seed: UnsafeCell::new(Some(seed)),
            made: UnsafeCell::new(None),
        }
    }

    /// What was made, if it was.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        match self.state.load(Ordering::Acquire) {
            // SAFETY: it was written before the state became this, a `Some`, and never is again. Held against: another thread that makes it at this moment, an interrupt handler amid the first use.
            MADE => Some(unsafe { (*self.made.get()).as_ref().unwrap_unchecked() }),
            _ => None,
        }
    }

    /// What was made, or is now, by one of those who ask at the same time: the others wait for that one.
    ///
    /// # Errors
    ///
    /// Those of `make`, which has left the seed where it was: the next one tries again.
    #[inline]
    pub(crate) fn get_or_make(
        &self,
        make: impl FnOnce(&mut Option<S>) -> Result<T, Errno>,
    ) -> Result<&T, Errno> {
        self.get().map_or_else(|| self.make(make), Ok)
    }

    #[cold]
    #[inline(never)]
    fn make(&self, make: impl FnOnce(&mut Option<S>) -> Result<T, Errno>) -> Result<&T, Errno> {
        loop {
            if let Some(made) = self.get() {
                return Ok(made);
            }
            let claim =
                self.state.compare_exchange(SEED, MAKING, Ordering::Acquire, Ordering::Relaxed);
            if claim.is_ok() {
                break;
            }
            spin_loop();
        }
        let claimed = Claimed(&self.state);
        // SAFETY: this is the only one that has made the state `MAKING`, and nobody reaches either cell until it is another. Held against: `make` that fails or panics (the state is the seed's again, and
        // nothing was made), or asks for the same (it waits for ever).
        unsafe {
            let made = make(&mut *self.seed.get())?;
            *self.made.get() = Some(made);
        }
        core::mem::forget(claimed);
        self.state.store(MADE, Ordering::Release);
        self.get().ok_or(Errno::ENOMEM)
    }
}

/// The right to make it; given back if it is not.
struct Claimed<'a>(&'a AtomicU32);

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.0.store(SEED, Ordering::Release);
    }
}
