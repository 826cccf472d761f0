//! A table's first use, and the bond to its relations.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::Errno;
use crate::in_static::first_use::FirstUse;
use crate::sync::binding::Binding;

/// What a table is made of, watched.
type Watched = UnsafeCell<u32>;

fn read(value: &Watched) -> u32 {
    // SAFETY: loom fails where something else writes the value meanwhile.
    value.with(|value| unsafe { *value })
}

#[test]
fn a_table_is_made_by_one_of_two_first_uses() {
    // Binding: both find the same, whole; the other waits. One who only looks finds all of it or nothing.
    loom::model(|| {
        let table = Arc::new(FirstUse::<u32, Watched>::new(7));
        assert!(table.get().is_none());
        let make = |seed: &mut Option<u32>| {
            let seed = seed.take().expect("a table is made once");
            Ok::<_, Errno>(UnsafeCell::new(seed))
        };
        let beside = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                assert!(table.get().is_none_or(|made| read(made) == 7));
                read(table.get_or_make(make).unwrap())
            })
        };
        assert_eq!(read(table.get_or_make(make).unwrap()), 7);
        assert_eq!(beside.join().unwrap(), 7);
    });
}

#[test]
fn a_first_use_without_memory_leaves_the_second_to_make_it() {
    // Binding: who fails leaves the seed as it was, and the next one has all that happened to it.
    loom::model(|| {
        let table = Arc::new(FirstUse::<Watched, u32>::new(UnsafeCell::new(7)));
        assert!(table.get().is_none());
        let beside = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                let found = table.get_or_make(|seed| {
                    // SAFETY: loom fails where something else uses the value meanwhile.
                    seed.as_ref().unwrap().with_mut(|value| unsafe { *value += 1 });
                    Err(Errno::ENOMEM)
                });
                found.is_ok()
            })
        };
        let made = table.get_or_make(|seed| Ok(read(&seed.take().unwrap())));
        let made = *made.unwrap();
        let found = beside.join().unwrap();
        // Who came second has found what was made; who came first has failed, and the other has made it of what that left.
        assert_eq!(made, if found { 7 } else { 8 });
    });
}

#[test]
fn of_two_relations_that_are_nobodys_one_becomes_the_tables() {
    // Binding, A2: a lock that gives out two at the same time is found out by one of both holds, before anything is read.
    loom::model(|| {
        let binding = Arc::new(Binding::new(1));
        let hold = |binding: &Binding| {
            let mut relations = 0;
            let held = catch_unwind(AssertUnwindSafe(|| binding.check_or_bind(&mut relations)));
            (held.is_ok(), relations)
        };
        let beside = {
            let binding = Arc::clone(&binding);
            thread::spawn(move || hold(&binding))
        };
        let mut both = [hold(&binding), beside.join().unwrap()];
        both.sort_unstable();
        assert_eq!(both, [(false, 0), (true, 1)]);
    });
}

#[test]
fn relations_under_two_tables_are_bound_to_one() {
    // Binding, A2: one lock under two tables: whoever comes first has it for ever.
    loom::model(|| {
        let relations = Arc::new(Mutex::new(0));
        let hold = |serial: u64, relations: &Mutex<u64>| {
            let binding = Binding::new(serial);
            let mut relations = relations.lock().unwrap();
            catch_unwind(AssertUnwindSafe(|| binding.check_or_bind(&mut relations))).is_ok()
        };
        let beside = {
            let relations = Arc::clone(&relations);
            thread::spawn(move || hold(2, &relations))
        };
        let (own, other) = (hold(1, &relations), beside.join().unwrap());
        assert!(own ^ other);
        assert_eq!(*relations.lock().unwrap(), if own { 1 } else { 2 });
    });
}
