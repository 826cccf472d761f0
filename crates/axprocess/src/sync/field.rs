//! Cells that open only in a hold of the relation lock.

use alloc::boxed::Box;
use core::cell::UnsafeCell;

use super::Hold;
use crate::Host;
use crate::object::{ARef, Object};

/// A plain value that is read and written under the relation lock.
pub(crate) struct Field<T>(UnsafeCell<T>);

// SAFETY: the value is reached only with a `Hold`, so by one thread at a time; it moves between threads, hence `T: Send`.
// That the hold is of the table to which the object belongs is what every entry point makes sure of. Held against: two tables' objects in one call, a kernel's `Usage` that is not `Send`.
unsafe impl<T: Send> Sync for Field<T> {}

impl<T> Field<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Copy> Field<T> {
    /// The value, at the end of the object in which this stands.
    #[inline]
    pub(crate) const fn get_at_end(&mut self) -> T {
        *self.0.get_mut()
    }

    #[inline]
    pub(crate) fn get<H: Host>(&self, _: &Hold<'_, H>) -> T {
        // SAFETY: the hold excludes every other thread, and no reference to the inside is ever given out. Held against: a lock of the host's that gives out another's relations, or the same twice (bound by a serial, and `&mut` is one);
        // a hook that calls back (it would wait for the lock, or is stopped); a second hold in the same thread (there is none without the lock).
        unsafe { *self.0.get() }
    }

    #[inline]
    pub(crate) fn set<H: Host>(&self, _: &mut Hold<'_, H>, value: T) {
        // SAFETY: as in `get`. Held against: the value that stood there, which is `Copy` and so drops nothing.
        unsafe { *self.0.get() = value }
    }
}

/// A strong reference from one object to another, changed under the relation lock.
pub(crate) struct StrongEdge<T: Object>(UnsafeCell<Option<ARef<T>>>);

// SAFETY: as for `Field`; an `ARef` is shared and sent between threads. Held against: two threads that ask a process for its group while a third moves it.
unsafe impl<T: Object> Sync for StrongEdge<T> {}

impl<T: Object> StrongEdge<T> {
    pub(crate) const fn empty() -> Self {
        Self(UnsafeCell::new(None))
    }

    pub(crate) const fn new(target: ARef<T>) -> Self {
        Self(UnsafeCell::new(Some(target)))
    }

    /// The object referred to, if there is one, for as long as the hold lasts.
    #[inline]
    pub(crate) fn get_if_set<'h, H: Host>(&self, _: &Hold<'h, H>) -> Option<&'h T> {
        const { assert!(T::MAY_BE_LINKED, "it is freed at once, also in a hold") };
        // SAFETY: the hold excludes writers for the time of the read. The target outlives the hold although the edge may be
        // changed meanwhile, because an object of the table whose last reference goes in a hold is freed after the unlock. Nor is it taken out at the end of the object in which it stands: no hold that
        // could read it goes on then (`ARef`, how it ends). Held against: an operation that sets the edge twice in one hold, a hook that drops the last other reference to what stood there.
        unsafe { (*self.0.get()).as_ref().map(|target| &*core::ptr::from_ref::<T>(target)) }
    }

    /// The object referred to, for as long as the hold lasts.
    ///
    /// # Panics
    ///
    /// On an object that was never published: a bug of this crate.
    #[inline]
    pub(crate) fn get<'h, H: Host>(&self, hold: &Hold<'h, H>) -> &'h T {
        self.get_if_set(hold).expect("a published object refers to its owner")
    }

    /// One more reference to the object referred to.
    ///
    /// # Panics
    ///
    /// As for [`get`](Self::get).
    #[inline]
    pub(crate) fn share<H: Host>(&self, _: &Hold<'_, H>) -> ARef<T> {
        // SAFETY: as in `get_if_set`: the hold excludes writers for the time of this. Held against: a target whose last other reference has gone in this hold (this one is counted, and is not taken out before the unlock).
        let owned = unsafe { (*self.0.get()).as_ref() };
        owned.map(ARef::clone_counted).expect("a published object refers to its owner")
    }

    /// Takes the reference out, at the end of the object in which this stands.
    pub(crate) const fn take(&mut self) -> Option<ARef<T>> {
        self.0.get_mut().take()
    }

    /// Refers to `target` from now on, and referred to nothing before.
    #[inline]
    pub(crate) fn fill<H: Host>(&self, hold: &mut Hold<'_, H>, target: ARef<T>) {
        debug_assert!(self.get_if_set(hold).is_none(), "nothing is replaced");
        // SAFETY: as in `set`; nothing is dropped. Held against: code of the crate that fills a full one (what stood there is leaked).
        unsafe { self.0.get().write(Some(target)) };
    }

    /// Refers to `target`, or to nothing, from now on.
    #[inline]
    pub(crate) fn set<H: Host>(&self, _: &mut Hold<'_, H>, target: Option<ARef<T>>) {
        // SAFETY: the hold excludes every other thread, and references that `get` gave out point to the target, not into this cell. What stood there is
        // dropped when the new one is in its place; that frees nothing, for there is a hold. Held against: data that calls as it is dropped (it is, after the unlock).
        let before = unsafe { core::mem::replace(&mut *self.0.get(), target) };
        drop(before);
    }
}

/// What an object has in a block of its own, from when it first needs it until its end.
pub(crate) struct OwnBlock<T>(UnsafeCell<Option<Box<T>>>);

// SAFETY: the block is reached only with a `Hold`, and shared from then on, hence `T: Sync`; it is dropped with the object, by whichever thread, hence `T: Send`. Held against: two threads that both give an object
// its first block (the second finds it full).
unsafe impl<T: Send + Sync> Sync for OwnBlock<T> {}

impl<T> OwnBlock<T> {
    pub(crate) const fn none() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// What stands in it, if it is there, for as long as the object is borrowed.
    #[inline]
    pub(crate) fn get<H: Host>(&self, _: &Hold<'_, H>) -> Option<&T> {
        // SAFETY: the hold excludes who fills it for the time of the read, and what it is filled with stays there until the object's end. Held against: an object whose last reference goes in the hold (it is freed
        // after the unlock), a second block (`fill` leaves the first).
        unsafe { (*self.0.get()).as_deref() }
    }

    /// Takes a block, if there is none yet: else that stays with the caller.
    pub(crate) fn fill<H: Host>(&self, _: &mut Hold<'_, H>, block: &mut Option<Box<T>>) {
        // SAFETY: the hold excludes every other thread; what is written over is `None`, to which nobody has a reference. Held against: a block that is there already (it is left), a caller without one (nothing changes).
        unsafe {
            if (*self.0.get()).is_none() {
                *self.0.get() = block.take();
            }
        }
    }
}

/// A larger value that is read and written in place under the relation lock.
pub(crate) struct Opened<T>(UnsafeCell<T>);

// SAFETY: as for `Field`. Held against: a waker, which is `Send`.
unsafe impl<T: Send> Sync for Opened<T> {}

impl<T> Opened<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn get<'a, H: Host>(&'a self, _: &'a Hold<'_, H>) -> &'a T {
        // SAFETY: the hold excludes other threads, and while it is borrowed nobody has the mutable hold that `get_mut` wants. Held against: code of the crate that keeps what it got over a change (it
        // does not compile).
        unsafe { &*self.0.get() }
    }

    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the hold is the exclusive borrow")]
    pub(crate) fn get_mut<'a, H: Host>(&'a self, _: &'a mut Hold<'_, H>) -> &'a mut T {
        // SAFETY: as in `get`; the mutable borrow of the hold excludes every other access meanwhile. Held against: two of these at once (that does not compile), a hook that calls back amid one (no hook is
        // called with the hold borrowed; and it would be stopped).
        unsafe { &mut *self.0.get() }
    }
}
