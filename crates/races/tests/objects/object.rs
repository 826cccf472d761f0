//! The crate's module `object`, as far as it knows no table.

#[path = "../../../axprocess/src/object/aref.rs"]
pub(crate) mod aref;
#[path = "../../../axprocess/src/object/head.rs"]
pub(crate) mod head;
#[path = "../../../axprocess/src/object/memory.rs"]
pub(crate) mod memory;
#[path = "../../../axprocess/src/object/pending.rs"]
pub(crate) mod pending;

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
    unsafe { memory::give_back(place) }
}
