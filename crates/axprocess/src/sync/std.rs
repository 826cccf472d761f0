//! The standard library's mutex as the relation lock: for simulators, runtimes and tests.

extern crate std;

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Lock;

/// A poisoned mutex is taken all the same: a panic inside a section is a bug that has been reported once already.
impl<T> Lock<T> for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
