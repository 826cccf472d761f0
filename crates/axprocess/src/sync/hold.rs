//! The relation lock of one table, and one hold of it.

use core::mem;

use super::atomic::{AtomicU64, Ordering};
use super::binding::Binding;
use super::{EndsProgram, Lock, with_rest_on_panic};
use crate::list::{StrongList, WeakList};
use crate::object::{ARef, Head, Held, Pending, Released, Spare};
use crate::pid::{Memory, NodesMissing, PidNamespace, Refusal};
use crate::process::{Process, Siblings, Sleeper, Sleepers, ThreadWalk};
use crate::table::Relations;
use crate::thread::Thread;
use crate::{Errno, Host, check};

/// How many objects one hold touches at most, where an operation is over many. Beside them stand who operates and who hears of it, or a way down a tree of reports: 64 together.
pub(crate) const BATCH: usize = 48;

/// The same for a walk that finds each object only from the one before it: with many of them each costs one or two accesses to memory, and so many take about a microsecond.
const CHASED_BATCH: usize = 16;

/// This hold has touched as many objects as one should: the operation goes on in another.
pub(crate) struct HoldFull;

/// What all objects of one table share: the host, and the lock around the relations.
pub(crate) struct TableInner<H: Host> {
    pub(crate) head: Head,
    binding: Binding,
    host: H,
    relations: H::Lock,
    /// Init, and kthreadd if there is one; while the table is being dropped, all that is left.
    roots: StrongList<Process<H>, Siblings>,
    /// The table's own numbers.
    pub(crate) pid_ns: PidNamespace<H>,
    /// The futures that are to be woken, as soon as nobody holds the lock.
    due: WeakList<Sleeper, Sleepers>,
    /// Behind all to which what waits may refer.
    pending: Pending,
    /// Last of all: where the blocks of what waited go.
    pub(crate) spare_processes: Spare<Process<H>>,
    pub(crate) spare_threads: Spare<Thread<H>>,
}

/// The serial of the next table.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl<H: Host> TableInner<H> {
    /// Makes what a new table shares. On an error, host and lock stay where they are.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(crate) fn make(seed: &mut Option<(H, H::Lock)>) -> Result<ARef<Self>, Errno> {
        ARef::make(|| {
            // The host's code, which may do anything: before the seed is taken.
            let pid_ns = PidNamespace::root();
            let (host, relations) = seed.take().expect("a table is made once");
            Self {
                head: Head::new(),
                binding: Binding::new(NEXT.fetch_add(1, Ordering::Relaxed)),
                host,
                relations,
                roots: StrongList::new(),
                pid_ns,
                due: WeakList::new(),
                pending: Pending::of_host::<H>(),
                spare_processes: Spare::new(),
                spare_threads: Spare::new(),
            }
        })
    }

    pub(crate) const fn host(&self) -> &H {
        &self.host
    }

    /// The table's own namespace.
    pub(crate) const fn pid_ns(&self) -> &PidNamespace<H> {
        &self.pid_ns
    }

    /// Which table it is of all that ever were.
    pub(crate) const fn serial(&self) -> u64 {
        self.binding.serial()
    }

    /// The objects that wait for the unlock to be freed.
    pub(crate) const fn pending_frees(&self) -> &Pending {
        &self.pending
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }

    /// Runs one critical section that may need memory for numbers. On [`Refusal::Nodes`] the section has changed nothing,
    /// and runs again once the memory is there.
    ///
    /// # Errors
    ///
    /// Those of the section. `ENOMEM`: there is no memory for numbers.
    pub(crate) fn hold_retrying_with_memory<R>(
        &self,
        mut section: impl for<'h> FnMut(&mut Hold<'h, H>) -> Result<R, Refusal>,
    ) -> Result<R, Errno> {
        match self.hold(|hold| section(hold)) {
            Ok(done) => Ok(done),
            Err(refusal) => self.hold_again_with_memory(refusal, section),
        }
    }

    /// Runs a section again that was refused memory, until it lacks none. One that edits several tables is told of the next one's need only when it has
    /// met the one before: the needs add up, so that each run comes further.
    ///
    /// # Errors
    ///
    /// Another refusal, and those of the section. `ENOMEM`: there is no memory for numbers.
    #[cold]
    #[inline(never)]
    pub(crate) fn hold_again_with_memory<R>(
        &self,
        refusal: Refusal,
        mut section: impl for<'h> FnMut(&mut Hold<'h, H>) -> Result<R, Refusal>,
    ) -> Result<R, Errno> {
        let (mut needed, mut refusal) = (NodesMissing::NONE, refusal);
        loop {
            match refusal {
                Refusal::Errno(errno) => return Err(errno),
                Refusal::Nodes(missing) => needed = needed.plus(missing),
            }
            let mut brought = Some(needed.allocate()?);
            let run = self.hold(|hold| {
                hold.leftovers().brought = brought.take();
                section(hold)
            });
            match run {
                Ok(done) => return Ok(done),
                Err(again) => refusal = again,
            }
        }
    }

    /// Runs a critical section again, until it has come to its end: each time it goes on from what it has left behind.
    pub(crate) fn hold_until_done<R>(
        &self,
        mut section: impl for<'h> FnMut(&mut Hold<'h, H>) -> Result<R, HoldFull>,
    ) -> R {
        loop {
            if let Ok(done) = self.hold(&mut section) {
                return done;
            }
        }
    }

    /// Runs one critical section under the relation lock. What it released is dropped after the unlock, and what it owes is done.
    #[inline]
    pub(crate) fn hold<R>(&self, section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R) -> R {
        // Written where it stands, for it is large, and mostly there is nothing.
        let mut left = None;
        let result = self.hold_and_leave(&mut left, section);
        if let Some(left) = left {
            left.settle(self);
        }
        result
    }

    /// One critical section, and what it leaves to be done.
    #[inline(always)]
    fn hold_and_leave<R>(
        &self,
        left: &mut Option<Left<H>>,
        section: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R,
    ) -> R {
        let context = self.host.context();
        assert!(
            !self.pending.is_lock_held_by(context),
            "a hook has called back into the process model: it runs under the relation lock, and may ask its view"
        );
        let mut relations = self.relations.lock();
        let relations = &mut *relations;
        self.binding.check_or_bind(&mut relations.table);
        // SAFETY: these are the table's only relations, and nobody else has them as long as the guard is there, which is dropped after this. Held against: a lock that gives out another table's, or
        // the same to two (`check_or_bind`), a guard that calls as it is dropped (the hold has left), a section that panics (the program ends) or a checker that does (what is held is left first).
        let held = unsafe { self.pending.note_lock_held(context) };
        let mut hold = Hold { table: self, relations: &mut *relations, touched: 0 };
        let result = EndsProgram::unless_it_returns(|| section(&mut hold));
        let touched = hold.touched & !FULL_BY_WALK;
        check::at_unlock(&mut hold, touched);
        if !(relations.duties.is_empty() && held.is_nothing_waiting()) {
            *left = Some(Left::take(relations, held));
        }
        result
    }

    /// Does what a hold owes: first the walks that it has begun, each in bounded holds, then the wake-ups, because a waker is foreign code.
    #[cold]
    fn pay(&self, owes_wakes: bool, walks: Walks<H>) {
        let (mut owes_wakes, mut walks) = (owes_wakes, walks);
        while let Some(walk) = walks[0].take() {
            let mut left = None;
            self.hold_and_leave(&mut left, |hold| walk.go_on(hold));
            owes_wakes |= left.as_ref().is_some_and(|left| left.wakes);
            // What a walk has begun comes to its end before that goes on.
            let begun = left.as_mut().map(Left::take_walks).unwrap_or_default();
            let mut due = begun.into_iter().chain([walks[1].take()]).flatten();
            walks = [due.next(), due.next()];
            debug_assert!(due.next().is_none(), "a walk, and one of which that is a step");
            let rest = || self.pay(owes_wakes, mem::take(&mut walks));
            with_rest_on_panic(rest, || drop(left));
        }
        if owes_wakes {
            self.wake_due();
        }
    }
}

/// The walks that a hold has begun, and that go on after it: one, or one and another of which that is a step.
type Walks<H> = [Option<ThreadWalk<H>>; 2];

bitflags::bitflags! {
    /// What is to be thought of at the end of a hold. Mostly it is nothing, which is asked at once.
    #[derive(Clone, Copy)]
    pub(crate) struct Duties: u8 {
        /// The table is gone: this may be the last hold. It stays so.
        const TABLE_GONE = 1 << 0;
        /// Futures are due to be woken.
        const WAKES = 1 << 1;
        /// There is memory to be freed, or there are walks over the threads of a process to be gone on with.
        const LEFTOVERS = 1 << 2;
    }
}

/// What a hold has left to be done after the unlock.
struct Left<H: Host> {
    wakes: bool,
    leftovers: Leftovers<H>,
    /// Behind the rest, as the kernel's data may panic when it is dropped.
    _released: Option<Released>,
}

impl<H: Host> Left<H> {
    /// Takes it along, and ends the hold.
    #[cold]
    #[inline(never)]
    fn take(relations: &mut Relations<H>, held: Held<'_>) -> Self {
        let duties = relations.duties;
        let is_table_gone = duties.contains(Duties::TABLE_GONE);
        relations.duties = duties & Duties::TABLE_GONE;
        Self {
            wakes: duties.contains(Duties::WAKES),
            leftovers: mem::replace(&mut relations.leftovers, Leftovers::new()),
            _released: if is_table_gone { held.leave_gone_table() } else { held.leave() },
        }
    }

    #[cold]
    #[inline(never)]
    fn settle(mut self, table: &TableInner<H>) {
        let walks = self.take_walks();
        table.pay(self.wakes, walks);
    }

    fn take_walks(&mut self) -> Walks<H> {
        mem::take(&mut self.leftovers.walks)
    }
}

/// Counted as touched by a hold that owes a walk: it is full, whatever it has touched.
const FULL_BY_WALK: usize = 1 << 30;

/// What a hold has brought along, and what it leaves behind. Most have nothing of it.
pub(crate) struct Leftovers<H: Host> {
    /// Memory for numbers that is not needed any more: dropped after the unlock.
    retired: Memory<H>,
    /// What it may use of that, and what it has not needed.
    brought: Option<Memory<H>>,
    walks: Walks<H>,
}

impl<H: Host> Leftovers<H> {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self { retired: Memory::new(), brought: None, walks: [None, None] }
    }
}

/// One hold of the relation lock: the right to read and change every relation of the table.
pub(crate) struct Hold<'h, H: Host> {
    table: &'h TableInner<H>,
    relations: &'h mut Relations<H>,
    touched: usize,
}

impl<'h, H: Host> Hold<'h, H> {
    pub(crate) const fn host(&self) -> &'h H {
        &self.table.host
    }

    /// Which table it is of, of all that ever were.
    pub(crate) const fn serial(&self) -> u64 {
        self.table.serial()
    }

    /// Whether it is a hold of that table.
    pub(crate) fn is_of(&self, table: &TableInner<H>) -> bool {
        self.table.is(table)
    }

    /// Init; while the table is being dropped, all that is left.
    pub(crate) const fn roots(&self) -> &'h StrongList<Process<H>, Siblings> {
        &self.table.roots
    }

    /// The table's own namespace.
    pub(crate) const fn root_pid_ns(&self) -> &'h PidNamespace<H> {
        &self.table.pid_ns
    }

    /// The first of them: init, until the table is being dropped; `None` before it exists.
    pub(crate) fn first_root(&self) -> Option<&'h Process<H>> {
        self.roots().first(self)
    }

    /// The table's own state.
    pub(crate) const fn relations(&self) -> &Relations<H> {
        self.relations
    }

    /// The table's own state, to change.
    pub(crate) const fn relations_mut(&mut self) -> &mut Relations<H> {
        self.relations
    }

    /// Keeps memory that number tables do not need any more until after the unlock.
    #[cold]
    pub(crate) fn retire(&mut self, memory: Memory<H>) {
        self.leftovers().retired.absorb(memory);
    }

    /// As much of the memory that was brought along for numbers as one table lacks; `None`: it is not enough.
    #[cold]
    pub(crate) fn take_donated(&mut self, missing: NodesMissing) -> Option<Memory<H>> {
        self.relations.leftovers.brought.as_mut()?.take(missing)
    }

    fn leftovers(&mut self) -> &mut Leftovers<H> {
        self.relations.duties |= Duties::LEFTOVERS;
        &mut self.relations.leftovers
    }

    /// The futures that are to be woken after the unlock.
    pub(crate) const fn due(&self) -> &'h WeakList<Sleeper, Sleepers> {
        &self.table.due
    }

    /// Has them woken.
    pub(crate) fn owe_wakes(&mut self) {
        self.relations.duties |= Duties::WAKES;
    }

    /// Has a walk gone on with after the unlock: until then this hold is full.
    #[cold]
    pub(crate) fn owe_walk(&mut self, walk: ThreadWalk<H>) {
        self.relations.audit.note_walk_owed();
        let walks = &mut self.leftovers().walks;
        let room = walks.iter_mut().find(|place| place.is_none());
        let room = room.expect("a hold owes a walk, and one of which that is a step");
        *room = Some(walk);
        self.touched |= FULL_BY_WALK;
    }

    /// Whether a walk has been begun that goes on after the unlock.
    #[inline]
    pub(crate) const fn owes_walk(&self) -> bool {
        self.touched & FULL_BY_WALK != 0
    }

    /// Counts one object that a loop has come to in this hold.
    #[inline]
    pub(crate) const fn count_touched(&mut self) {
        self.touched += 1;
    }

    /// Counts so many at once.
    #[inline]
    pub(crate) const fn count_many_touched(&mut self, count: u32) {
        self.touched += count as usize;
    }

    /// How many more a hold should touch that walks from object to object.
    #[inline]
    pub(crate) const fn rest_of_chased_batch(&self) -> u32 {
        CHASED_BATCH.saturating_sub(self.touched) as u32
    }

    /// Whether a hold that walks from object to object has touched as many as one should.
    #[inline]
    pub(crate) const fn is_chased_batch_full(&self) -> bool {
        self.touched >= CHASED_BATCH
    }

    /// Whether this hold has touched as many objects as one should: an operation over many goes on in another.
    #[inline]
    pub(crate) const fn is_batch_full(&self) -> bool {
        self.touched >= BATCH
    }
}
