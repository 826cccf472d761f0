//! A weak pointer from one object to another.

use core::ptr::NonNull;

use crate::Host;
use crate::object::Object;
use crate::sync::{Field, Hold};

/// A weak pointer that stands in a relation; see the module's contract.
#[repr(transparent)] // so that zeros are the `None` of an option
pub(crate) struct Ptr<T>(pub(super) NonNull<T>);

// SAFETY: a `Ptr` gives out shared references only, in a hold, to objects that are shared between threads. Held against: a thread that unlinks what another has linked.
unsafe impl<T: Send + Sync> Send for Ptr<T> {}
// SAFETY: as above. Held against: two threads that follow the same link (each in its own hold).
unsafe impl<T: Send + Sync> Sync for Ptr<T> {}

impl<T: Object> Ptr<T> {
    pub(crate) fn new(target: &T) -> Self {
        const { assert!(T::MAY_BE_LINKED, "it is freed at once, also in a hold") };
        Self(NonNull::from_ref(target))
    }

    /// The target, for as long as the hold lasts.
    #[inline]
    pub(crate) fn get<'h, H: Host>(self, _: &Hold<'h, H>) -> &'h T {
        // SAFETY: by the module's contract, what a relation points to lives until the hold ends. Held against: a hook that drops the last counted reference to it, or an operation that unlinks it, in this very hold (it is freed after
        // the unlock); a caller that keeps what this returns (the lifetime ends with the hold); a hold of another table (each entry point compares the tables of its objects first).
        unsafe { self.0.as_ref() }
    }

    pub(super) fn addr(self) -> usize {
        self.0.addr().get()
    }

    #[inline]
    pub(crate) fn is(self, target: &T) -> bool {
        core::ptr::eq(self.0.as_ptr(), target)
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<T> {}

impl<T> PartialEq for Ptr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// Whether both lead to the same object, or neither to any. One comparison, which that of two options is not.
#[inline]
pub(super) fn lead_to_same<T>(one: Option<Ptr<T>>, other: Option<Ptr<T>>) -> bool {
    let address = |it: Option<Ptr<T>>| it.map_or(core::ptr::null_mut(), |it| it.0.as_ptr());
    address(one) == address(other)
}

/// A weak link from one object to at most one other.
pub(crate) struct WeakEdge<T>(Field<Option<Ptr<T>>>);

impl<T: Object> WeakEdge<T> {
    pub(crate) const fn none() -> Self {
        Self(Field::new(None))
    }

    /// The target, for as long as the hold lasts.
    #[inline]
    pub(crate) fn get<'h, H: Host>(&self, hold: &Hold<'h, H>) -> Option<&'h T> {
        self.0.get(hold).map(|target| target.get(hold))
    }

    #[inline]
    pub(crate) fn set<H: Host>(&self, hold: &mut Hold<'_, H>, target: Option<&T>) {
        self.0.set(hold, target.map(Ptr::new));
    }
}
