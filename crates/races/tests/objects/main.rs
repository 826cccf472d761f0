//! Every schedule of objects, and of a table's first use: the sources of the crate's module `object`, `sync/first_use` and `sync/binding`, compiled over loom's
//! atomics, so that each order of memory is tried too.
//!
//! A value that loom watches stands in each object: reading it after it is freed, freeing it beside a read, freeing it twice and never freeing it all fail.

#![allow(missing_docs, unreachable_pub, dead_code, reason = "the module is the crate's own")]

extern crate alloc;

use std::mem::offset_of;
use std::ptr::NonNull;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errno {
    ENOMEM,
}

mod in_static;
mod object;
mod sync;
mod table;

use object::aref::ARef;
use object::head::{Head, Kind, Object};
use object::pending::Pending;
use object::spare::Spare;

/// A table, as far as objects know it: a lock, what leads weakly to an object, and who waits for the unlock.
struct Table {
    lock: Mutex<Links>,
    pending: Pending,
}

#[derive(Default)]
struct Links {
    /// A reference that the table holds, as a list does.
    strong: Option<ARef<Thing>>,
    /// One that holds nothing, as that to a terminal.
    weak: Option<NonNull<Thing>>,
    /// The table is gone: there may be no next hold.
    is_closed: bool,
}

// SAFETY: the pointer is followed under the lock alone.
unsafe impl Send for Links {}

impl Table {
    fn new() -> Arc<Self> {
        let lock = Mutex::new(Links::default());
        Arc::new(Self { lock, pending: object::pending(free) })
    }

    /// One hold, as the crate's.
    fn hold<R>(&self, section: impl FnOnce(&mut Links) -> R) -> R {
        let (result, _released) = {
            let mut links = self.lock.lock().unwrap();
            // SAFETY: the lock is held until the hold has left.
            let held = unsafe { self.pending.note_lock_held(None) };
            let result = section(&mut links);
            let released = match links.is_closed {
                true => held.leave_gone_table(),
                false if held.is_nothing_waiting() => None,
                false => held.leave(),
            };
            (result, released)
        };
        result
    }
}

/// An object with a watched value.
struct Thing {
    head: Head,
    table: Arc<Table>,
    /// Whether something may lead weakly to it.
    is_linked: bool,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is only read as long as the object lives, which loom checks.
unsafe impl Send for Thing {}
// SAFETY: as above.
unsafe impl Sync for Thing {}

// SAFETY: as for the crate's own objects.
unsafe impl Object for Thing {
    const HEAD: usize = offset_of!(Self, head);
    const KIND: Kind = Kind::Plain;

    fn pending_frees_of_its_table(&self) -> Option<&Pending> {
        Some(&self.table.pending)
    }

    unsafe fn unlink(&self) {
        if !self.is_linked {
            return;
        }
        self.table.hold(|links| {
            if links.weak.is_some_and(|weak| std::ptr::eq(weak.as_ptr(), self)) {
                links.weak = None;
            }
        });
    }

    unsafe fn free(whole: NonNull<Head>) {
        // SAFETY: by the method's own contract.
        unsafe { free(whole) }
    }
}

/// Frees a thing by its head.
///
/// # Safety
///
/// As for [`Object::free`].
unsafe fn free(whole: NonNull<Head>) {
    // SAFETY: by this function's own contract, and as in the crate's `free_as`.
    unsafe {
        let place = whole.byte_sub(Thing::HEAD).cast::<Thing>();
        place.as_ref().unlink();
        std::ptr::drop_in_place(place.as_ptr());
        object::give_back(place);
    }
}

impl Thing {
    fn new(table: &Arc<Table>) -> ARef<Self> {
        Self::make(table, false)
    }

    fn make(table: &Arc<Table>, is_linked: bool) -> ARef<Self> {
        let (head, table, value) = (Head::new(), Arc::clone(table), UnsafeCell::new(7));
        ARef::make(|| Self { head, table, is_linked, value }).unwrap()
    }

    fn read(&self) -> u32 {
        // SAFETY: loom fails where something else writes the value meanwhile.
        self.value.with(|value| unsafe { *value })
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        // SAFETY: loom fails where something else reads the value meanwhile.
        self.value.with_mut(|value| unsafe { *value = 0 });
    }
}

/// Every schedule with at most so many turns that nobody asked for: all of them would take minutes.
fn explore(turns: usize, story: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(turns);
    model.check(story);
}

#[test]
fn the_last_of_two_frees_behind_all_reads() {
    // ARef: clones are dropped on two processors; the one that frees has seen what the other read.
    loom::model(|| {
        let thing = Thing::new(&Table::new());
        let other = ARef::clone(&thing);
        let beside = thread::spawn(move || {
            let third = ARef::clone(&other);
            drop(other);
            assert_eq!(third.read(), 7);
        });
        assert_eq!(thing.read(), 7);
        drop(thing);
        beside.join().unwrap();
    });
}

#[test]
fn a_reference_taken_from_a_list_outlives_it() {
    // ARef: one shares what the list holds, under the lock; another takes it out and drops it there: it is freed after the unlock, or by the one who shared it.
    loom::model(|| {
        let table = Table::new();
        let thing = Thing::new(&table);
        table.hold(|links| links.strong = Some(thing));
        let beside = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                let shared = table.hold(|links| links.strong.clone());
                if let Some(shared) = shared {
                    assert_eq!(shared.read(), 7);
                }
            })
        };
        table.hold(|links| {
            let held: Option<*const Thing> = links.strong.as_ref().map(|thing| &raw const **thing);
            let taken = links.strong.take();
            drop(taken);
            // SAFETY: nothing is freed in a hold.
            assert_eq!(held.map(|thing| unsafe { &*thing }.read()), Some(7));
        });
        beside.join().unwrap();
        // What met the end of the hold waits for the next.
        table.hold(|_| ());
    });
}

#[test]
fn what_only_leads_to_an_object_finds_it_or_nothing() {
    // ARef: a link that holds nothing is followed under the lock while the last reference goes: it gives a counted one, or none, never a freed one.
    loom::model(|| {
        let table = Table::new();
        let thing = Thing::make(&table, true);
        table.hold(|links| links.weak = Some(NonNull::from_ref(&*thing)));
        let beside = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                let found = table.hold(|links| {
                    // SAFETY: who ends unlinks itself under the lock first.
                    ARef::try_from_ref(unsafe { links.weak?.as_ref() })
                });
                if let Some(found) = found {
                    assert_eq!(found.read(), 7);
                }
            })
        };
        drop(thing);
        beside.join().unwrap();
        // What met the end of the hold waits for the next.
        table.hold(|_| ());
        assert!(table.hold(|links| links.weak.is_none()));
    });
}

#[test]
fn two_last_references_in_one_hold_are_freed_once_each() {
    // Pending: one goes in a hold, the other beside it: whoever unlocks last frees what waits.
    loom::model(|| {
        let table = Table::new();
        let (inside, outside) = (Thing::new(&table), Thing::new(&table));
        let beside = thread::spawn(move || drop(outside));
        table.hold(|_| drop(inside));
        beside.join().unwrap();
        // What met the end of the hold waits for the next.
        table.hold(|_| ());
    });
}

#[test]
fn what_is_dropped_beside_the_last_hold_is_freed() {
    // Pending: the table is gone, and nobody takes the lock again. Whoever drops beside the last hold frees, or the hold does.
    loom::model(|| {
        let table = Table::new();
        table.hold(|links| links.is_closed = true);
        let thing = Thing::new(&table);
        let beside = thread::spawn(move || drop(thing));
        table.hold(|_| ());
        beside.join().unwrap();
    });
}

#[test]
fn what_a_hold_uses_is_not_freed_by_who_drops_it_late() {
    // Pending: one drops beside a hold, sees that it has ended and frees what waits; a second hold meanwhile uses what goes in it.
    explore(5, || {
        let table = Table::new();
        let thing = Thing::new(&table);
        table.hold(|links| (links.strong, links.is_closed) = (Some(Thing::new(&table)), true));
        let beside = thread::spawn(move || drop(thing));
        let take = |table: &Table| {
            table.hold(|links| {
                let used: Option<*const Thing> =
                    links.strong.as_ref().map(|thing| &raw const **thing);
                drop(links.strong.take());
                // SAFETY: nothing is freed in a hold.
                used.map(|thing| unsafe { &*thing }.read())
            })
        };
        table.hold(|_| ());
        assert_eq!(take(&table), Some(7));
        beside.join().unwrap();
    });
}

#[test]
fn a_kept_block_is_given_to_one() {
    // Free list: two take and put back at the same time; each has a block for itself, with all that was done to it before.
    type Block = UnsafeCell<u32>;
    loom::model(|| {
        let spare = Arc::new(Spare::<Block, 2>::new());
        let blocks = [(); 2].map(|()| object::allocate::<Block>());
        for block in blocks {
            // SAFETY: the memory is fresh, and the block is given away once.
            unsafe {
                block.write(UnsafeCell::new(0));
                object::put(&spare, block);
            }
        }
        let life = |spare: &Spare<Block, 2>| {
            let Some(block) = object::take_kept(spare) else { return 0 };
            // SAFETY: the cell that was written there has never been dropped; loom fails where another uses it meanwhile. It is put back once.
            unsafe {
                block.as_ref().with_mut(|value| *value += 1);
                object::put(spare, block);
            }
            1
        };
        let beside = {
            let spare = Arc::clone(&spare);
            thread::spawn(move || life(&spare))
        };
        let lives = life(&spare) + beside.join().unwrap();
        assert!(lives >= 1);
        // One that finds no room, as far as it sees, has gone to the allocator.
        // From wherever the top has got to, so many takes look at each place.
        let kept: Vec<_> = (0..2).filter_map(|_| object::take_kept(&spare)).collect();
        assert!(kept.len() == 2 && kept[0] != kept[1] || kept.len() == 1);
        let mut done = 0;
        for block in kept {
            // SAFETY: it is this thread's now, and freed once.
            unsafe {
                done += block.as_ref().with(|value| *value);
                std::ptr::drop_in_place(block.as_ptr());
                object::give_back(block);
            }
        }
        assert!(done <= lives);
    });
}
