//! An allocator that counts while it is told to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// The system's allocator. While nobody counts, a call costs one relaxed load more, the same for every subject.
pub(crate) struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static LIVE_BLOCKS: AtomicI64 = AtomicI64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(layout.size() as i64, 1);
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: by the caller's own contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            count(-(layout.size() as i64), -1);
        }
        // SAFETY: by the caller's own contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(new_size as i64 - layout.size() as i64, 0);
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: by the caller's own contract.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

fn count(bytes: i64, blocks: i64) {
    LIVE_BYTES.fetch_add(bytes, Ordering::Relaxed);
    LIVE_BLOCKS.fetch_add(blocks, Ordering::Relaxed);
}

/// What some work has left on the heap, and how often it asked for memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heap {
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
    pub(crate) calls: u64,
}

/// Counts what all threads of the program allocate and free during `work`, in bytes as they were asked for.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Heap) {
    let now = || Heap {
        bytes: LIVE_BYTES.load(Ordering::Relaxed),
        blocks: LIVE_BLOCKS.load(Ordering::Relaxed),
        calls: CALLS.load(Ordering::Relaxed),
    };
    COUNTS.store(true, Ordering::Relaxed);
    let before = now();
    let result = work();
    let after = now();
    COUNTS.store(false, Ordering::Relaxed);
    let heap = Heap {
        bytes: after.bytes - before.bytes,
        blocks: after.blocks - before.blocks,
        calls: after.calls - before.calls,
    };
    (result, heap)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::process::Command;

    use super::*;

    /// Bytes and blocks are those asked for. In a program of its own: all threads are counted, and other tests run in theirs.
    #[test]
    fn what_stays_is_counted() {
        const ALONE: &str = "COUNTING_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "measure::allocator::tests::what_stays_is_counted"]);
            let output = command.env(ALONE, "1").output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
            return;
        }
        let (kept, heap) = counted(|| {
            drop(black_box(Box::new([0_u8; 1000])));
            black_box(Box::new([0_u8; 500]))
        });
        assert!(heap.bytes >= 500 && heap.blocks >= 1 && heap.calls >= 2, "{heap:?}");
        drop(kept);
    }
}
