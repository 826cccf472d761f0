//! Memory that is not needed any more is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::Mutex;

use axprocess::{
    ExitStatus, ForkRequest, Host, Number, ProcessTable, Relations, WaitOutcome, WaitRequest,
};

thread_local! {
    /// How many bytes this thread has taken and not given back.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    /// How many blocks.
    static BLOCKS: Cell<isize> = const { Cell::new(0) };
    /// How often it has asked for memory.
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
struct Counting;

// SAFETY: all is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size() as isize);
        BLOCKS.set(BLOCKS.get() + 1);
        REQUESTS.set(REQUESTS.get() + 1);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        BLOCKS.set(BLOCKS.get() - 1);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Kernel<const KEEPS: bool>;

impl<const KEEPS: bool> Host for Kernel<KEEPS> {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    const KEEPS_BLOCKS: bool = KEEPS;
}

#[test]
fn numbers_that_are_free_again_need_no_memory() {
    // Design: each distant number needs nodes of its own, of which no more than a few stay when it is given back; beside them stay the blocks of the free list.
    let table = ProcessTable::new(Kernel::<true>);
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, (), ()).unwrap();
    let before = BYTES.get();
    for index in 1..=200 {
        let numbers = [index * 5_000];
        let distant = ForkRequest { number: Number::Each(&numbers), ..ForkRequest::default() };
        init.fork(distant, (), ()).unwrap().exit_thread(ExitStatus::exited(0));
    }
    let with_zombies = BYTES.get() - before;
    assert!(with_zombies > 200 * 1024, "{with_zombies}");
    let any = WaitRequest::wait4(-1, 1).unwrap();
    while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {}
    let kept = BYTES.get() - before;
    assert!(kept < 128 * 512, "{kept}");
}

#[test]
#[cfg_attr(any(sanitized, miri), ignore = "no block is kept")]
fn a_life_after_a_life_asks_the_allocator_for_nothing() {
    // Objects: what was freed serves the next fork and the next thread; of a crowd that has gone, no more blocks stay than the free list has room for.
    let table = ProcessTable::new(Kernel::<true>);
    // The checker takes memory.
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, (), ()).unwrap();
    let any = WaitRequest::wait4(-1, 0).unwrap();
    let live = |number: usize| {
        let children: Vec<_> =
            (0..number).map(|_| init.fork(ForkRequest::default(), (), ()).unwrap()).collect();
        for child in children {
            let thread = child.spawn_thread(Number::Next, ()).unwrap();
            thread.exit_thread(ExitStatus::exited(0));
            child.exit_thread(ExitStatus::exited(0));
        }
        for _ in 0..number {
            assert!(matches!(init.wait(&any), Ok(WaitOutcome::Event(_))));
        }
    };
    live(1);
    let requests = REQUESTS.get();
    (0..100).for_each(|_| live(1));
    // The list of children that is made here; and a node of the number table for every 64 numbers.
    let lists = REQUESTS.get() - requests;
    assert!((100..=104).contains(&lists), "{lists}");
    let before = BLOCKS.get();
    live(300);
    let kept = BLOCKS.get() - before;
    assert!((100..=2 * 128).contains(&kept), "{kept}");
    drop(init);
    drop(table);
}

#[test]
fn a_fork_asks_for_memory_once() {
    // Objects: the process, in which its first thread stands. Without a free list, and once the number table has its nodes.
    let table = ProcessTable::new(Kernel::<false>);
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, (), ()).unwrap();
    drop(init.fork(ForkRequest::default(), (), ()).unwrap());
    let requests = REQUESTS.get();
    let child = init.fork(ForkRequest::default(), (), ()).unwrap();
    assert_eq!(REQUESTS.get() - requests, 1);
    let blocks = BLOCKS.get();
    child.exit_thread(ExitStatus::exited(0));
    assert!(child.process().release_zombie());
    drop(child);
    assert_eq!((REQUESTS.get() - requests, blocks - BLOCKS.get()), (1, 1));
}
