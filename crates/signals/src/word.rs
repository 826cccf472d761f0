//! Words that are read without a lock. Those that belong together are written under the lock of their process.

pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
#[cfg(not(target_has_atomic = "64"))]
use portable_atomic::AtomicU64;

use crate::set::SignalSet;

/// A set of signals in a word. Whoever acts on it reads it under the lock under which it is written: the order comes from there.
pub(crate) struct SetWord(AtomicU64);

impl SetWord {
    pub(crate) const fn new(set: SignalSet) -> Self {
        Self(AtomicU64::new(set.bits()))
    }

    #[inline]
    pub(crate) fn get(&self) -> SignalSet {
        SignalSet::from_bits(self.0.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn set(&self, set: SignalSet) {
        self.0.store(set.bits(), Ordering::Relaxed);
    }
}
