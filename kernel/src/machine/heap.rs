//! The heap of the kernel: it grows by pages, and fails when there are none.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use talc::base::Talc;
use talc::base::binning::DefaultBinning;
use talc::source::Manual;

use super::frame;
use super::lock::IrqLock;
use super::space::PAGE;
use super::tables::{HEAP, map_kernel};

/// It grows by so many pages in one hold.
const STEP: u64 = 16;

struct Heap {
    talc: Talc<Manual, DefaultBinning>,
    /// The end that talc knows.
    end: Option<NonNull<u8>>,
    /// The end of what is mapped.
    mapped: u64,
}

// SAFETY: it owns its memory.
unsafe impl Send for Heap {}

struct Global(IrqLock<Heap>);

#[global_allocator]
static GLOBAL: Global =
    Global(IrqLock::new(Heap { talc: Talc::new(Manual), end: None, mapped: HEAP }));

impl Heap {
    /// Takes some pages more; says whether there was any.
    fn grow(&mut self) -> bool {
        let before = self.mapped;
        while self.mapped < before + STEP * PAGE && map_kernel(self.mapped).is_ok() {
            self.mapped += PAGE;
        }
        if self.mapped == before {
            return false;
        }
        // SAFETY: the pages are mapped, one behind the other, and nobody else's.
        self.end = unsafe {
            match self.end {
                Some(end) => Some(self.talc.extend(end, self.mapped as *mut u8)),
                None => self.talc.claim(HEAP as *mut u8, (self.mapped - HEAP) as usize),
            }
        };
        true
    }
}

// SAFETY: talc's are one allocator's, under one lock.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        loop {
            let mut heap = self.0.lock();
            // SAFETY: the caller's layout is not empty.
            if let Some(block) = unsafe { heap.talc.allocate(layout) } {
                return block.as_ptr();
            }
            if layout.size() / PAGE as usize > frame::free() || !heap.grow() {
                return null_mut();
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller has it from `alloc`, with this layout.
        unsafe { self.0.lock().talc.deallocate(block, layout) };
    }
}
