//! The way from an object to its world, without a reference count of its own.

use core::ptr::NonNull;

use super::World;
use crate::Host;

/// The world of an object that refers, from before it is published to the end of its memory, to another that holds the world strongly.
///
/// A process does: to its group. The group may change, but to one of the same table, and never to none. Until the process has a group, its
/// maker holds the world for it. So a fork need not count one more reference.
pub(crate) struct Home<H: Host>(NonNull<World<H>>);

// SAFETY: it gives out `&World<H>`, which is sent and shared between threads.
unsafe impl<H: Host> Send for Home<H> where World<H>: Sync {}
// SAFETY: as above.
unsafe impl<H: Host> Sync for Home<H> where World<H>: Sync {}

impl<H: Host> Clone for Home<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Home<H> {}

impl<H: Host> Home<H> {
    pub(crate) const fn of(world: &World<H>) -> Self {
        Self(NonNull::from_ref(world))
    }

    #[inline]
    pub(crate) const fn get(&self) -> &World<H> {
        // SAFETY: by the type's contract the world is held as long as the object in which this stands can be asked.
        unsafe { self.0.as_ref() }
    }
}
