//! Memory that can run out.

use alloc::alloc::{alloc, dealloc};
use alloc::boxed::Box;
use core::alloc::Layout;
use core::ptr::NonNull;

use crate::Errno;

/// Fresh memory for a `T`; `None`: there is none.
#[inline]
pub(super) fn allocate<T>() -> Option<NonNull<T>> {
    const { assert!(size_of::<T>() > 0, "an object has a head") };
    // SAFETY: the layout's size is not zero. Held against: a type without size (it does not compile).
    NonNull::new(unsafe { alloc(Layout::new::<T>()) }.cast())
}

/// Gives memory back.
///
/// # Safety
///
/// It comes from [`allocate`] for the same type, holds no value any more, and is given back once.
#[inline]
pub(super) unsafe fn deallocate<T>(place: NonNull<T>) {
    // SAFETY: by this function's own contract.
    unsafe { dealloc(place.as_ptr().cast(), Layout::new::<T>()) };
}

/// Memory in which nothing stands, from [`allocate`]; given back when dropped.
pub(super) struct Unwritten<T>(pub(super) NonNull<T>);

impl<T> Drop for Unwritten<T> {
    fn drop(&mut self) {
        // SAFETY: it comes from `allocate`. Whoever has written a value there has forgotten this; whoever drops a value there makes this for the time of it. Held against: a panic while the value
        // is made or dropped (what that leaves of it is never dropped), a block that is put back when there is no room (`put` gives it to one, or here).
        unsafe { deallocate(self.0) };
    }
}

/// A box, if there is memory for it.
///
/// # Errors
///
/// `ENOMEM`: there is none.
pub(crate) fn boxed<T>(make: impl FnOnce() -> T) -> Result<Box<T>, Errno> {
    let place = allocate::<T>().ok_or(Errno::ENOMEM)?;
    let block = Unwritten(place);
    // SAFETY: the memory is fresh, and as large and aligned as a `T` must be; if `make` panics, `block` gives it back.
    // A box of this type is freed as `give_back` would: by the global allocator, with the type's layout. Held against: `make` that panics, memory that runs out, a type without size.
    unsafe {
        place.write(make());
        core::mem::forget(block);
        Ok(Box::from_raw(place.as_ptr()))
    }
}
