//! The relation lock of one world of processes, and one hold of it.

use alloc::sync::Arc;

use super::Lock;
use crate::list::{Released, StrongList, WeakList};
use crate::pid::{Inside, Memory, NodesMissing, PidNamespace, Refusal};
use crate::process::{Process, Siblings, Sleeper, Sleepers, Trace};
use crate::table::Relations;
use crate::thread::{Comrades, Thread};
use crate::{Errno, Host};

/// How many objects one hold touches at most, where an operation is over many.
pub(crate) const BATCH: usize = 64;

/// What all objects of one table share: the host, and the lock around the relations.
pub(crate) struct World<H: Host> {
    host: H,
    relations: H::Lock,
    /// Init; while the table is being dropped, all that is left.
    roots: StrongList<Process<H>, Siblings>,
    /// The table's own numbers.
    space: Arc<PidNamespace<H>>,
    /// The futures that are to be woken, as soon as nobody holds the lock.
    due: WeakList<Sleeper, Sleepers>,
    #[cfg(debug_assertions)]
    holder: super::holder::Holder,
}

impl<H: Host> World<H> {
    pub(crate) fn new(host: H) -> Self {
        Self {
            host,
            relations: H::Lock::new(Relations::new()),
            roots: StrongList::new(),
            space: PidNamespace::root(),
            due: WeakList::new(),
            #[cfg(debug_assertions)]
            holder: super::holder::Holder::nobody(),
        }
    }

    pub(crate) const fn host(&self) -> &H {
        &self.host
    }

    /// The table's own namespace.
    pub(crate) const fn space(&self) -> &Arc<PidNamespace<H>> {
        &self.space
    }

    /// Runs one critical section under the relation lock. What it released is dropped after the unlock.
    #[inline]
    pub(crate) fn hold<R>(&self, section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R) -> R {
        self.hold_with(&mut None, section)
    }

    /// Runs one critical section that may need memory for numbers. On [`Refusal::Nodes`] the section has changed nothing,
    /// and runs again once the memory is there. A section that edits several tables is told of the next one's need only when it has
    /// met the one before: the needs add up, so that each run comes further.
    pub(crate) fn transact<R>(
        &self,
        mut section: impl for<'h> FnMut(&mut Hold<'h, H>) -> Result<R, Refusal>,
    ) -> Result<R, Errno> {
        let (mut needed, mut leftovers) = (NodesMissing::NONE, None);
        loop {
            match self.hold_with(&mut leftovers, |hold| section(hold)) {
                Ok(done) => return Ok(done),
                Err(Refusal::Errno(errno)) => return Err(errno),
                Err(Refusal::Nodes(missing)) => {
                    needed = needed.and(missing);
                    leftovers = Some(Leftovers::of(needed.allocate()));
                }
            }
        }
    }

    #[inline]
    fn hold_with<R>(
        &self,
        leftovers: &mut Option<Leftovers<H>>,
        section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R,
    ) -> R {
        let (result, owes_wakes) = {
            #[cfg(debug_assertions)]
            let context = self.host.context();
            #[cfg(debug_assertions)]
            self.holder.refuse(context);
            let mut relations = self.relations.lock();
            #[cfg(debug_assertions)]
            let _entered = self.holder.enter(context);
            let relations = &mut *relations;
            let mut hold =
                Hold { world: self, relations, leftovers, owes_wakes: false, touched: 0 };
            let result = section(&mut hold);
            #[cfg(feature = "check")]
            crate::check::at_unlock(&mut hold);
            (result, hold.owes_wakes)
        };
        if owes_wakes {
            self.wake_due();
        }
        result
    }
}

/// What a hold leaves behind, to be dropped after the unlock. Most leave nothing.
struct Leftovers<H: Host> {
    processes: Released<Process<H>, Siblings>,
    identity: Option<Arc<Inside<H>>>,
    threads: Released<Thread<H>, Comrades>,
    trace: Option<Arc<Trace<H>>>,
    /// Memory for numbers that is not needed any more.
    retired: Memory<H>,
    /// Memory for numbers that was not needed after all.
    donation: Option<Memory<H>>,
}

impl<H: Host> Leftovers<H> {
    #[cold]
    fn of(donation: Memory<H>) -> Self {
        Self { donation: Some(donation), ..Self::default() }
    }
}

impl<H: Host> Default for Leftovers<H> {
    fn default() -> Self {
        Self {
            processes: Released::new(),
            identity: None,
            threads: Released::new(),
            trace: None,
            retired: Memory::default(),
            donation: None,
        }
    }
}

/// One hold of the relation lock: the right to read and change every relation of the table.
pub(crate) struct Hold<'h, H: Host> {
    world: &'h World<H>,
    relations: &'h mut Relations<H>,
    leftovers: &'h mut Option<Leftovers<H>>,
    /// Futures are due to be woken.
    owes_wakes: bool,
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

    /// The table's own namespace.
    pub(crate) const fn root_space(&self) -> &'h Arc<PidNamespace<H>> {
        &self.world.space
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
        let mut processes = core::mem::replace(&mut self.leftovers().processes, Released::new());
        processes.chain(self, process);
        self.leftovers().processes = processes;
    }

    /// Keeps numbers that a thread gave up in exec, or that a terminal has shown, until after the unlock: one does in one hold.
    pub(crate) fn release_identity(&mut self, identity: Option<Arc<Inside<H>>>) {
        if identity.is_some() {
            let before = core::mem::replace(&mut self.leftovers().identity, identity);
            debug_assert!(before.is_none(), "one gives its numbers up in one hold");
        }
    }

    /// Keeps a dead thread that has left its process until after the unlock.
    pub(crate) fn release_thread(&mut self, thread: Arc<Thread<H>>) {
        let mut threads = core::mem::replace(&mut self.leftovers().threads, Released::new());
        threads.chain(self, thread);
        self.leftovers().threads = threads;
    }

    /// Keeps the record of a leader whose place a thread took in exec until after the unlock: one thread does in one hold.
    pub(crate) fn release_trace(&mut self, trace: Option<Arc<Trace<H>>>) {
        if trace.is_some() {
            let before = core::mem::replace(&mut self.leftovers().trace, trace);
            debug_assert!(before.is_none(), "one thread takes over in one hold");
        }
    }

    /// Keeps memory that number tables do not need any more until after the unlock.
    #[cold]
    pub(crate) fn retire(&mut self, memory: Memory<H>) {
        self.leftovers().retired.absorb(memory);
    }

    /// As much of the memory that was brought along for numbers as one table lacks; `None`: it is not enough.
    #[cold]
    pub(crate) fn take_donated(&mut self, missing: NodesMissing) -> Option<Memory<H>> {
        self.leftovers.as_mut()?.donation.as_mut()?.take(missing)
    }

    fn leftovers(&mut self) -> &mut Leftovers<H> {
        self.leftovers.get_or_insert_default()
    }

    /// The futures that are to be woken after the unlock.
    pub(crate) const fn due(&self) -> &'h WeakList<Sleeper, Sleepers> {
        &self.world.due
    }

    /// Has them woken.
    pub(crate) const fn owe_wakes(&mut self) {
        self.owes_wakes = true;
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
