//! From an object to the one to which it belongs.

use core::cell::UnsafeCell;
use core::ops::Deref;
use core::ptr::{self, NonNull};

use super::aref::ARef;
use super::head::Object;

/// The reference from an object to the one to which it belongs: a counted one, or from a part to the whole in which it stands, which needs no count.
///
/// Where it stands says which of the two it is.
pub(crate) struct Owner<T: Object>(UnsafeCell<Option<NonNull<T>>>);

// SAFETY: it gives out `&ARef<T>`, which is sent and shared between threads. Held against: a fork that is prepared in one thread and published in another (the cell was written before, in `set_whole`).
unsafe impl<T: Object> Send for Owner<T> {}
// SAFETY: as above. Held against: two threads that ask the same object for its owner.
unsafe impl<T: Object> Sync for Owner<T> {}

impl<T: Object> Owner<T> {
    /// A counted reference.
    pub(crate) const fn counted(target: ARef<T>) -> Self {
        Self(UnsafeCell::new(Some(ARef::into_raw(target))))
    }

    /// That of a part, before the whole is in its place.
    pub(crate) const fn of_part() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// Leads to the whole in which this stands. For [`Object::on_placed`] of the whole.
    ///
    /// # Panics
    ///
    /// If this leads somewhere already.
    ///
    /// # Safety
    ///
    /// This stands in `whole`, which is in its place, and nobody else knows of it yet.
    #[inline]
    pub(crate) unsafe fn set_whole(&self, whole: &T) {
        debug_assert!(self.stands_in(NonNull::from_ref(whole)), "a part stands in its whole");
        debug_assert!(whole.head().whole_if_placed().is_some(), "a part is settled in its place");
        // SAFETY: by this function's own contract it is written by one at a time. Held against: a kernel that calls `on_placed` of an object that is known (it finds it written).
        unsafe {
            assert!((*self.0.get()).is_none(), "a part is settled once");
            *self.0.get() = Some(NonNull::from_ref(whole));
        }
    }

    /// Whether it stands in the target: else that is another block.
    #[inline]
    fn stands_in(&self, target: NonNull<T>) -> bool {
        ptr::from_ref(self).addr().wrapping_sub(target.addr().get()) < size_of::<T>()
    }
}

impl<T: Object> Owner<T> {
    /// Takes the counted reference out, at the end of the object in which this stands. A part's has none.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<ARef<T>> {
        let target = self.0.get_mut().take().filter(|target| !self.stands_in(*target))?;
        // SAFETY: it comes from `into_raw` in `counted`, and has just been taken out of here: `set_whole` leads to nothing but the block in which this stands. Held against: a take before the drop (nothing is left for
        // that), a part's (it stands in its target), a counted one that is dropped where it was made, or amid a move (it stands in no object of that type that anyone refers to).
        Some(unsafe { ARef::from_raw(target) })
    }
}

impl<T: Object> Deref for Owner<T> {
    type Target = ARef<T>;

    #[inline]
    fn deref(&self) -> &ARef<T> {
        // SAFETY: an `ARef` is a pointer that is not null and nothing else, and so is a `Some` of one. It is not written any more once the object is in its place, but by `take` at its end, with a `&mut`: when nobody has
        // what this gives out. So it is a `Some`: a part is settled before anyone else knows of it, and nobody asks one that is not in its place. It is counted, or its target is the block in which this stands: either way it lives as long as this. Held against: a clone of what it gives out (that counts), the kernel's
        // data of a first thread that is dropped with its process (it has no way here).
        unsafe {
            debug_assert!((*self.0.get()).is_some(), "a part is in its place");
            &*self.0.get().cast::<ARef<T>>()
        }
    }
}

impl<T: Object> Drop for Owner<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
