//! Blocks that were given back, for the next objects of the same type.

use core::array;
use core::ptr::{self, NonNull};

use super::memory::{self, Unwritten};
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The free list of one type: at most so many blocks, a stack, so that one that has just been freed serves the next fork while it is still in the cache, without the allocator.
///
/// Neither taking nor putting back waits for anybody: an interrupt handler may do either. Who finds nothing, or no room, goes to the allocator.
#[repr(align(64))] // it is written by all processors, and what stands beside it is not
pub(crate) struct Spare<T, const MOST: usize = 128> {
    /// Where the top is, in a ring: a hint, for two at a time can leave it elsewhere. Who finds that it is wrong moves it by one, so that no block is out of reach for ever.
    top: AtomicU32,
    blocks: [AtomicPtr<T>; MOST],
}

impl<T, const MOST: usize> Spare<T, MOST> {
    pub(crate) fn new() -> Self {
        let blocks = array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self { top: AtomicU32::new(0), blocks }
    }

    /// A block that was put back, or a fresh one; `None`: there is no memory.
    #[inline]
    pub(super) fn take_or_allocate(&self) -> Option<Unwritten<T>> {
        self.take_kept().or_else(|| memory::allocate().map(Unwritten))
    }

    #[inline]
    pub(super) fn take_kept(&self) -> Option<Unwritten<T>> {
        let below = self.top.load(Ordering::Relaxed).wrapping_sub(1);
        self.top.store(below, Ordering::Relaxed);
        let place = self.place(below);
        if place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // With the release of who put it there: that has done with it.
        NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)).map(Unwritten)
    }

    /// Keeps a block, or gives it back to the allocator.
    #[inline]
    pub(super) fn keep_or_free(&self, unwritten: Unwritten<T>) {
        let top = self.top.load(Ordering::Relaxed);
        self.top.store(top.wrapping_add(1), Ordering::Relaxed);
        let place = self.place(top);
        let (none, own) = (ptr::null_mut(), unwritten.0.as_ptr());
        // Not looked at before: what is read without exchanging may be out of date, and both of two that come at once would find no room.
        if place.compare_exchange(none, own, Ordering::Release, Ordering::Relaxed).is_ok() {
            core::mem::forget(unwritten);
        }
    }

    #[inline]
    fn place(&self, at: u32) -> &AtomicPtr<T> {
        &self.blocks[at as usize % MOST]
    }
}

impl<T, const MOST: usize> Drop for Spare<T, MOST> {
    fn drop(&mut self) {
        for block in &self.blocks {
            drop(NonNull::new(block.swap(ptr::null_mut(), Ordering::Acquire)).map(Unwritten));
        }
    }
}
