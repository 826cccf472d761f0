//! The way from an object to its table, without a reference count of its own.

use core::ptr::NonNull;

use super::TableInner;
use crate::Host;

/// The table of an object that refers, from before it is published to the end of its memory, to another that holds the table strongly.
///
/// A process does: to its group. The group may change, but to one of the same table, and never to none. Until the process has a group, its
/// maker holds the table for it: a caller that is borrowed until the child is published or given up. So a fork need not count one more reference. While the process is being dropped its group goes before its other fields; none of these asks
/// for the table (what a thread holds has a counted way to it of its own).
pub(crate) struct TableRef<H: Host>(NonNull<TableInner<H>>);

// SAFETY: it gives out `&TableInner<H>`, which is sent and shared between threads. Held against: a process that is sent to another thread, and is the last of its table.
unsafe impl<H: Host> Send for TableRef<H> where TableInner<H>: Sync {}
// SAFETY: as above. Held against: two threads that call on one process.
unsafe impl<H: Host> Sync for TableRef<H> where TableInner<H>: Sync {}

impl<H: Host> TableRef<H> {
    pub(crate) const fn of(table: &TableInner<H>) -> Self {
        Self(NonNull::from_ref(table))
    }

    #[inline]
    pub(crate) const fn get(&self) -> &TableInner<H> {
        // SAFETY: by the type's contract the table is held as long as the object in which this stands can be asked. Held against: a process kept beyond its reap and its table (it keeps its last
        // group), a fork that is prepared and outlives its table (its caller is borrowed), a record of ptrace that is dropped with its process (it counts the table itself).
        unsafe { self.0.as_ref() }
    }
}
