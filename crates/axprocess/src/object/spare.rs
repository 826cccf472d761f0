//! Blocks that were given back, for the next objects of the same type.

use core::array;
use core::ptr::{self, NonNull};

use super::memory::{self, Unwritten};
use crate::sync::atomic::{AtomicPtr, Ordering};

/// The free list of one type: at most so many blocks (8 are one cache line of pointers), so that one that has just been freed serves the next fork while it is still in the cache, without the allocator.
///
/// Neither taking nor putting back waits for anybody: an interrupt handler may do either. Who finds nothing, or no room, goes to the allocator.
#[repr(align(64))] // it is written by all processors, and what stands beside it is not
pub(crate) struct Spare<T, const MOST: usize = 8> {
    blocks: [AtomicPtr<T>; MOST],
}

impl<T, const MOST: usize> Spare<T, MOST> {
    pub(crate) fn new() -> Self {
        Self { blocks: array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }

    /// A block that was put back, or a fresh one; `None`: there is no memory.
    #[inline]
    pub(super) fn take_or_allocate(&self) -> Option<Unwritten<T>> {
        self.take_kept().or_else(|| memory::allocate().map(Unwritten))
    }

    #[inline]
    pub(super) fn take_kept(&self) -> Option<Unwritten<T>> {
        self.blocks.iter().filter(|block| !block.load(Ordering::Relaxed).is_null()).find_map(
            |block| {
                // With the release of who put it there: that has done with it.
                let taken = block.swap(ptr::null_mut(), Ordering::Acquire);
                NonNull::new(taken).map(Unwritten)
            },
        )
    }

    /// Keeps a block, or gives it back to the allocator.
    #[inline]
    pub(super) fn keep_or_free(&self, unwritten: Unwritten<T>) {
        // They are filled from the first on, and emptied from the first on.
        let is_surely_full = [0, MOST - 1]
            .map(|at| &self.blocks[at])
            .iter()
            .all(|block| !block.load(Ordering::Relaxed).is_null());
        let is_kept = !is_surely_full
            && self.blocks.iter().filter(|block| block.load(Ordering::Relaxed).is_null()).any(
                |block| {
                    let (none, own) = (ptr::null_mut(), unwritten.0.as_ptr());
                    block.compare_exchange(none, own, Ordering::Release, Ordering::Relaxed).is_ok()
                },
            );
        if is_kept {
            core::mem::forget(unwritten);
        }
    }
}

impl<T, const MOST: usize> Drop for Spare<T, MOST> {
    fn drop(&mut self) {
        while self.take_kept().is_some() {}
    }
}
