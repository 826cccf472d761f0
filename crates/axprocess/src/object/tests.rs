//! Objects, without and with a table.

use core::mem::{offset_of, size_of};
use core::ptr::NonNull;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::*;
use crate::list::tests::TestHost;
use crate::thread::Thread;
use crate::{ForkRequest, ProcessTable};

extern crate std;

#[test]
fn a_count_saturates_and_then_frees_nothing() {
    // Objects: Linux's `refcount_t`; who overflows the count leaks the object, whatever is dropped afterwards.
    let value = Arc::new(());
    let shared = Shared::new(Arc::clone(&value)).expect("memory");
    shared.head().set_count(0x7fff_ffff);
    let other = ARef::clone(&shared);
    let saturated = ARef::count(&shared);
    assert!(saturated >= 0x8000_0000, "{saturated:#x}");
    for _ in 0..3 {
        drop(ARef::clone(&other));
        assert!(ARef::try_from_ref(&*shared).is_some());
    }
    let kept = ARef::into_raw(other);
    drop(shared);
    assert_eq!(Arc::strong_count(&value), 2, "nothing is freed");
    // SAFETY: the pointer comes from `into_raw`, and is taken back once; the object has not been freed. Held against: the drops before, of a count that is saturated.
    unsafe {
        kept.as_ref().head().set_count(1);
        drop(ARef::from_raw(kept));
    }
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn an_object_at_its_end_is_not_shared() {
    // Objects: nothing that is being freed is brought back, whoever holds a plain reference to it.
    let shared = Shared::new(()).expect("memory");
    assert!(ARef::try_from_ref(&*shared).is_some());
    shared.head().set_count(0);
    assert!(ARef::try_from_ref(&*shared).is_none());
    assert!(catch_unwind(AssertUnwindSafe(|| ARef::from(&*shared))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| ARef::clone(&shared))).is_err());
    assert_eq!(ARef::count(&shared), 0);
    shared.head().set_count(1);
}

#[test]
fn the_first_thread_counts_with_its_process() {
    // Objects: one block, one count; either reference keeps both.
    let table = ProcessTable::new(TestHost);
    let init = table.new_init(1, (), ()).expect("the first");
    let leader = init.fork(ForkRequest::default(), (), ()).expect("a child");
    let before = ARef::count(&leader);
    let process = ARef::clone(leader.process());
    assert_eq!((ARef::count(&leader), ARef::count(&process)), (before + 1, before + 1));
    let second = leader.spawn_thread(crate::Number::Next, ()).expect("a thread");
    assert_eq!(ARef::count(&second), 2, "its list's, and this one");
    assert_eq!(ARef::count(&process), before + 2, "the second thread holds it");
    assert!(
        offset_of!(crate::Process<TestHost>, first_thread) + size_of::<Thread<TestHost>>()
            <= size_of::<crate::Process<TestHost>>()
    );
}

#[test]
fn zeros_are_an_embryo() {
    // Objects: what is made of zeros is what would be written out field by field: nothing that is none is anything but zero.
    let table = ProcessTable::new(TestHost);
    let init = table.new_init(1, (), ()).expect("the first");
    let embryo = crate::Process::written_out(init.process().table(), (), ());
    let mut parts = embryo.parts();
    parts.extend(embryo.first_thread.parts());
    for (name, at, size) in parts {
        // SAFETY: the field lies there, in a value that outlives this, and has no holes. Held against: a field with holes (this then reads what nobody wrote: give it a filler).
        let bytes = unsafe { core::slice::from_raw_parts(at, size) };
        assert!(bytes.iter().all(|byte| *byte == 0), "{name}: {bytes:?}");
    }
}

/// An object with a way to the whole in which it stands: itself.
struct Whole {
    head: Head,
    way: Owner<Whole>,
}

// SAFETY: the head stands in the field of that name, and the tests place one where `ARef` does, or drop it where it was made. Held against: a test that moves one and then asks for its whole.
unsafe impl Object for Whole {
    const HEAD: usize = offset_of!(Self, head);
    const KIND: Kind = Kind::Plain;

    fn pending_frees_of_its_table(&self) -> Option<&Pending> {
        None
    }

    unsafe fn on_placed(&self) {
        // SAFETY: by the method's own contract.
        unsafe { self.way.set_whole(self) };
    }

    unsafe fn free(whole: NonNull<Head>) {
        // SAFETY: by the method's own contract, for this type.
        unsafe { free_as::<Self>(whole) };
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_part_leads_to_a_whole_that_cannot_be_moved() {
    // Objects: code of the crate that settles a value that it could still move, or one twice, or asks one that is not settled, is found by the assertions of a test build.
    // SAFETY: none: each of these calls breaks the contract. Held against: nobody, for each is stopped before a pointer is written.
    let settle = |it: &Whole| catch_unwind(AssertUnwindSafe(|| unsafe { it.on_placed() }));
    let new = || Whole { head: Head::new(), way: Owner::of_part() };
    let moved = new();
    assert!(settle(&moved).is_err());
    let moved = Box::new(moved);
    assert!(catch_unwind(AssertUnwindSafe(|| ARef::clone(&moved.way))).is_err());
    let placed = ARef::make(new).expect("memory");
    assert!(ARef::ptr_eq(&placed.way, &placed));
    assert!(settle(&placed).is_err());
    assert_eq!(placed.head().kind(), Kind::Plain);
}
