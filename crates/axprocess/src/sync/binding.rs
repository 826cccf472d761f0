//! Which relations are a table's.

use super::atomic::{AtomicU32, Ordering};

/// The bond between a table and the relations that its lock gives out: by a serial that no other table ever has. An address would be no identity.
pub(crate) struct Binding {
    serial: u64,
    /// Whether some relations are this table's.
    is_bound: AtomicU32,
}

impl Binding {
    pub(crate) fn new(serial: u64) -> Self {
        Self { serial, is_bound: AtomicU32::new(0) }
    }

    /// Which table this is of all that ever were.
    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }

    /// Makes sure that relations are this table's, before anything of them is read. `table` stands in them: whose they are; 0: no table's yet. Then they are from now on.
    ///
    /// # Panics
    ///
    /// If they are another's, or this table has had others: its lock does not keep to one.
    #[inline]
    pub(crate) fn check_or_bind(&self, table: &mut u64) {
        if *table != self.serial {
            self.bind_or_panic(table);
        }
    }

    #[cold]
    fn bind_or_panic(&self, table: &mut u64) {
        // Two relations that are nobody's can be given out at the same time: one of them becomes the table's.
        let is_free = *table == 0 && self.is_bound.swap(1, Ordering::Relaxed) == 0;
        assert!(
            is_free,
            "the lock of a process table has given out relations that are not that table's own"
        );
        *table = self.serial;
    }
}
