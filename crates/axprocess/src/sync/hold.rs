//! The relation lock of one world of processes, and one hold of it.

use alloc::sync::Arc;

use super::Lock;
use crate::list::{Released, StrongList};
use crate::pid::Refusal;
use crate::process::{Process, Siblings};
use crate::table::Relations;
use crate::{Errno, Host};

/// How many objects one hold touches at most, where an operation is over many.
pub(crate) const BATCH: usize = 64;

/// What all objects of one table share: the host, and the lock around the relations.
pub(crate) struct World<H: Host> {
    host: H,
    relations: H::Lock,
    /// Init; while the table is being dropped, all that is left.
    roots: StrongList<Process<H>, Siblings>,
}

impl<H: Host> World<H> {
    pub(crate) fn new(host: H) -> Self {
        Self { host, relations: H::Lock::new(Relations::new()), roots: StrongList::new() }
    }

    pub(crate) const fn host(&self) -> &H {
        &self.host
    }

    /// Runs one critical section under the relation lock. What it released is dropped after the unlock.
    #[inline]
    pub(crate) fn hold<R>(&self, section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R) -> R {
        let (result, _released, _nodes) = {
            let mut relations = self.relations.lock();
            let mut hold = Hold {
                world: self,
                relations: &mut relations,
                released: Released::new(),
                touched: 0,
            };
            let result = section(&mut hold);
            #[cfg(feature = "check")]
            crate::check::at_unlock(&mut hold);
            (result, hold.released, hold.relations.numbers.take_retired())
        };
        result
    }
}

impl<H: Host> World<H> {
    /// Runs one critical section that may need memory for numbers. On [`Refusal::Nodes`] the section has changed nothing,
    /// and runs again once the memory is there.
    pub(crate) fn transact<R>(
        &self,
        mut section: impl for<'h> FnMut(&mut Hold<'h, H>) -> Result<R, Refusal>,
    ) -> Result<R, Errno> {
        let mut donation = None;
        loop {
            let result = self.hold(|hold| {
                if let Some(nodes) = donation.take() {
                    hold.table_mut().numbers.donate(nodes);
                }
                section(hold)
            });
            match result {
                Ok(done) => return Ok(done),
                Err(Refusal::Errno(errno)) => return Err(errno),
                Err(Refusal::Nodes(missing)) => donation = Some(missing.allocate()),
            }
        }
    }
}

/// One hold of the relation lock: the right to read and change every relation of the table.
pub(crate) struct Hold<'h, H: Host> {
    world: &'h World<H>,
    relations: &'h mut Relations<H>,
    released: Released<Process<H>, Siblings>,
    touched: usize,
}

impl<'h, H: Host> Hold<'h, H> {
    pub(crate) const fn host(&self) -> &'h H {
        &self.world.host
    }

    /// Init; while the table is being dropped, all that is left.
    pub(crate) const fn roots(&self) -> &'h StrongList<Process<H>, Siblings> {
        &self.world.roots
    }

    /// Init, the last reaper; `None` before it exists.
    pub(crate) fn init(&self) -> Option<&'h Process<H>> {
        self.roots().first(self)
    }

    /// The table's own state.
    pub(crate) const fn table(&self) -> &Relations<H> {
        self.relations
    }

    /// The table's own state, to change.
    pub(crate) const fn table_mut(&mut self) -> &mut Relations<H> {
        self.relations
    }

    /// Keeps a process that has lost its place in the tree for good until after the unlock.
    pub(crate) fn release(&mut self, process: Arc<Process<H>>) {
        let mut released = core::mem::replace(&mut self.released, Released::new());
        released.chain(self, process);
        self.released = released;
    }

    /// Counts one object that a loop has come to in this hold.
    #[inline]
    pub(crate) const fn touch(&mut self) {
        self.touched += 1;
    }

    /// Whether this hold has touched as many objects as one should: an operation over many goes on in another.
    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.touched >= BATCH
    }

    #[cfg(feature = "check")]
    pub(crate) const fn touched(&self) -> usize {
        self.touched
    }
}
