//! Memory that is not needed any more is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axprocess::{
    ExitStatus, ForkRequest, Host, Number, ProcessTable, Relations, WaitOutcome, WaitRequest,
};

/// How many bytes are in use.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts.
struct Counting;

// SAFETY: all is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Kernel;

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type Usage = ();
}

#[test]
fn numbers_that_are_free_again_need_no_memory() {
    // Design: each distant number needs nodes of its own, of which no more than a few stay when it is given back.
    let table = ProcessTable::new(Kernel);
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, (), ()).unwrap();
    let before = IN_USE.load(Ordering::Relaxed);
    for index in 1..=200 {
        let numbers = [index * 5_000];
        let distant = ForkRequest { number: Number::Each(&numbers), ..ForkRequest::default() };
        init.fork(distant, (), ()).unwrap().exit_thread(ExitStatus::exited(0));
    }
    let with_zombies = IN_USE.load(Ordering::Relaxed) - before;
    assert!(with_zombies > 200 * 1024, "{with_zombies}");
    let any = WaitRequest::wait4(-1, 1).unwrap();
    while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {}
    let kept = IN_USE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(kept < 16 * 1024, "{kept}");
}
