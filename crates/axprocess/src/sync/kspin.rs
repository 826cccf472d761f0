//! kspin's interrupt-safe spin lock as the relation lock.

use kspin::{SpinNoIrq, SpinNoIrqGuard};

use super::Lock;

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
        self.lock()
    }
}
