//! The crate's module `object`, as far as it knows no table.

#[path = "../../../axprocess/src/object/aref.rs"]
pub(crate) mod aref;
#[path = "../../../axprocess/src/object/head.rs"]
pub(crate) mod head;
#[path = "../../../axprocess/src/object/memory.rs"]
pub(crate) mod memory;
#[path = "../../../axprocess/src/object/pending.rs"]
pub(crate) mod pending;
#[path = "../../../axprocess/src/object/spare.rs"]
pub(crate) mod spare;

/// That of the objects of this test.
pub(crate) fn pending(free: unsafe fn(std::ptr::NonNull<head::Head>)) -> pending::Pending {
    pending::Pending::new(free)
}

/// Gives memory back.
///
/// # Safety
///
/// As for the module's own.
pub(crate) unsafe fn give_back<T>(place: std::ptr::NonNull<T>) {
    // SAFETY: by this function's own contract.
    unsafe { memory::deallocate(place) }
}

/// A block that was put back, as its object's memory; `None`: there is none.
pub(crate) fn take_kept<T, const MOST: usize>(
    spare: &spare::Spare<T, MOST>,
) -> Option<std::ptr::NonNull<T>> {
    spare.take_kept().map(|unwritten| {
        let place = unwritten.0;
        std::mem::forget(unwritten);
        place
    })
}

/// Puts the memory of an object back.
///
/// # Safety
///
/// It comes from the module's `allocate` for the same type, and is the caller's.
pub(crate) unsafe fn put<T, const MOST: usize>(
    spare: &spare::Spare<T, MOST>,
    place: std::ptr::NonNull<T>,
) {
    spare.keep_or_free(memory::Unwritten(place));
}

/// Fresh memory.
pub(crate) fn allocate<T>() -> std::ptr::NonNull<T> {
    memory::allocate().expect("memory")
}
