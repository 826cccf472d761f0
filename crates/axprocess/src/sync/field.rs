//! Cells that open only in a hold of the relation lock.

use alloc::sync::Arc;
use core::cell::UnsafeCell;

use super::Hold;
use crate::Host;

/// A plain value that is read and written under the relation lock.
pub(crate) struct Field<T>(UnsafeCell<T>);

// SAFETY: the value is reached only with a `Hold`, so by one thread at a time; it moves between threads, hence `T: Send`.
// That the hold is of the table to which the object belongs is what every entry point makes sure of.
unsafe impl<T: Send> Sync for Field<T> {}

impl<T> Field<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Copy> Field<T> {
    #[inline]
    pub(crate) fn get<H: Host>(&self, _: &Hold<'_, H>) -> T {
        // SAFETY: the hold excludes every other thread, and no reference to the inside is ever given out.
        unsafe { *self.0.get() }
    }

    #[inline]
    pub(crate) fn set<H: Host>(&self, _: &mut Hold<'_, H>, value: T) {
        // SAFETY: as in `get`.
        unsafe { *self.0.get() = value }
    }
}

impl<T: Copy + Default> Field<T> {
    /// Takes the value, without a hold.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes this field any more.
    pub(crate) unsafe fn take_unguarded(&self) -> T {
        // SAFETY: by this function's own contract there is no other access.
        unsafe { core::mem::take(&mut *self.0.get()) }
    }
}

/// A strong reference from one object to another, changed under the relation lock. Empty only until its object is published.
pub(crate) struct StrongEdge<T>(UnsafeCell<Option<Arc<T>>>);

// SAFETY: as for `Field`; the `Arc` is shared and sent between threads.
unsafe impl<T: Send + Sync> Sync for StrongEdge<T> {}

impl<T> StrongEdge<T> {
    pub(crate) const fn empty() -> Self {
        Self(UnsafeCell::new(None))
    }

    pub(crate) const fn new(target: Arc<T>) -> Self {
        Self(UnsafeCell::new(Some(target)))
    }

    /// The object referred to, if there is one, for as long as the hold lasts.
    #[inline]
    pub(crate) fn get_if_set<'h, H: Host>(&self, _: &Hold<'h, H>) -> Option<&'h T> {
        // SAFETY: the hold excludes writers for the time of the read. The target outlives the hold
        // although the edge may be replaced meanwhile, because what `replace` returns is kept until after the unlock.
        unsafe { (*self.0.get()).as_ref().map(|target| &*Arc::as_ptr(target)) }
    }

    pub(crate) fn share_if_set<H: Host>(&self, _: &Hold<'_, H>) -> Option<Arc<T>> {
        // SAFETY: the hold excludes writers for the time of the clone.
        unsafe { (*self.0.get()).clone() }
    }

    /// The object referred to, for as long as the hold lasts.
    ///
    /// # Panics
    ///
    /// On an object that was never published: a bug of this crate.
    #[inline]
    pub(crate) fn get<'h, H: Host>(&self, hold: &Hold<'h, H>) -> &'h T {
        self.get_if_set(hold).expect(PUBLISHED)
    }

    #[inline]
    pub(crate) fn clone_arc<H: Host>(&self, hold: &Hold<'_, H>) -> Arc<T> {
        self.share_if_set(hold).expect(PUBLISHED)
    }

    /// Refers to `target` from now on. The caller keeps what is returned until the hold has ended.
    #[must_use = "to be kept until the hold has ended"]
    pub(crate) fn replace<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        target: Arc<T>,
    ) -> Option<Arc<T>> {
        self.exchange(hold, Some(target))
    }

    /// Refers to `target`, or to nothing, from now on. The caller keeps what is returned until the hold has ended.
    #[must_use = "to be kept until the hold has ended"]
    pub(crate) fn exchange<H: Host>(
        &self,
        _: &mut Hold<'_, H>,
        target: Option<Arc<T>>,
    ) -> Option<Arc<T>> {
        // SAFETY: the hold excludes every other thread, and references that `get` gave out point
        // to the target, not into this cell.
        unsafe { core::mem::replace(&mut *self.0.get(), target) }
    }
}

const PUBLISHED: &str = "a published object refers to its owner";

/// A larger value that is read and written in place under the relation lock.
pub(crate) struct Opened<T>(UnsafeCell<T>);

// SAFETY: as for `Field`.
unsafe impl<T: Send> Sync for Opened<T> {}

impl<T> Opened<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn get<'a, H: Host>(&'a self, _: &'a Hold<'_, H>) -> &'a T {
        // SAFETY: the hold excludes other threads, and while it is borrowed nobody has the mutable hold that `get_mut` wants.
        unsafe { &*self.0.get() }
    }

    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the hold is the exclusive borrow")]
    pub(crate) fn get_mut<'a, H: Host>(&'a self, _: &'a mut Hold<'_, H>) -> &'a mut T {
        // SAFETY: as in `get`; the mutable borrow of the hold excludes every other access meanwhile.
        unsafe { &mut *self.0.get() }
    }
}
