//! Words that are written under the relation lock and read by anyone, without waiting.
//!
//! Such a read is a hint: it was true at some moment of the call. What acts on a relation reads it again under the lock.

use super::Hold;
#[cfg(target_has_atomic = "64")]
use super::atomic::AtomicU64;
use super::atomic::{AtomicU8, AtomicU32, Ordering};
#[cfg(not(target_has_atomic = "64"))]
use super::latch::Latch;
use crate::Host;

macro_rules! word {
    ($(#[$made_by_value:meta])? $name:ident, $atomic:ty, $int:ty) => {
        /// A word that only a hold can write. Readers see every write that happened before a hold that they saw end.
        pub(crate) struct $name($atomic);

        impl $name {
            $(#[$made_by_value])?
            pub(crate) const fn new(value: $int) -> Self {
                Self(<$atomic>::new(value))
            }

            #[inline]
            pub(crate) fn get(&self) -> $int {
                self.0.load(Ordering::Acquire)
            }

            /// The value, to a holder: nobody writes meanwhile.
            #[inline]
            pub(crate) fn get_in<H: Host>(&self, _: &Hold<'_, H>) -> $int {
                // SAFETY: a hold alone writes it, and there is this one; whoever else reads it does not disturb a reader. Held against: a hold of another table (each entry makes sure that its objects are
                // the table's own), a lock of the host's that gives out two holds (bound by a serial), a hook that writes (it has no hold).
                unsafe { *self.0.as_ptr() }
            }

            #[inline]
            pub(crate) fn set<H: Host>(&self, _: &mut Hold<'_, H>, value: $int) {
                self.0.store(value, Ordering::Release);
            }
        }
    };
}

// It stands in what is made of zeros: by value it is made in tests alone.
word!(
    #[cfg(test)]
    Word8,
    AtomicU8,
    u8
);
word!(Word32, AtomicU32, u32);
#[cfg(target_has_atomic = "64")]
word!(Word64, AtomicU64, u64);

/// A word that only a hold can write, of more bits than one access of this target has. Readers see it whole, as they see the others.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) struct Word64(Latch);

#[cfg(not(target_has_atomic = "64"))]
impl Word64 {
    pub(crate) const fn new(value: u64) -> Self {
        Self(Latch::new(value))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load()
    }

    /// The value, to a holder.
    #[inline]
    pub(crate) fn get_in<H: Host>(&self, _: &Hold<'_, H>) -> u64 {
        self.0.load()
    }

    #[inline]
    pub(crate) fn set<H: Host>(&self, _: &mut Hold<'_, H>, value: u64) {
        self.0.store(value);
    }
}
