//! Any lock of the crate `lock_api` as the relation lock: parking_lot's, spin's fair ticket lock, a kernel's own raw one.

use lock_api::{Mutex, MutexGuard, RawMutex};

use super::Lock;

impl<R: RawMutex, T> Lock<T> for Mutex<R, T> {
    type Guard<'a>
        = MutexGuard<'a, R, T>
    where
        R: 'a,
        T: 'a;

    #[inline]
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn lock(&self) -> Self::Guard<'_> {
        self.lock()
    }
}
