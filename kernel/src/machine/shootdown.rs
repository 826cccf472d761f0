//! When a page table changes, the processors that use it forget what they know of it.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use x86_64::instructions::tlb;

use super::processor::{MOST, processor};
use super::{apic, interrupts};

static REQUESTED: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];
static DONE: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

/// Has all of `users` forget, one bit for each processor, and waits until they have. With interrupts on, and so no lock held: each may be waiting for another.
pub(super) fn flush(users: &AtomicU32) {
    debug_assert!(x86_64::instructions::interrupts::are_enabled());
    let mut wanted = [0; MOST];
    let here = interrupts::Off::new();
    // Who begins to use the tables behind this look sees what they are now.
    fence(Ordering::SeqCst);
    let users = users.load(Ordering::SeqCst);
    for (index, wanted) in wanted.iter_mut().enumerate() {
        if users & 1 << index == 0 {
        } else if index == processor() {
            tlb::flush_all();
        } else {
            *wanted = REQUESTED[index].fetch_add(1, Ordering::SeqCst) + 1;
            apic::interrupt(index, apic::FLUSH);
        }
    }
    drop(here);
    for (done, wanted) in DONE.iter().zip(wanted) {
        while done.load(Ordering::Acquire) < wanted {
            core::hint::spin_loop();
        }
    }
}

/// Another processor has asked this one to forget.
pub(super) fn answer() {
    let here = processor();
    let requested = REQUESTED[here].load(Ordering::SeqCst);
    tlb::flush_all();
    DONE[here].fetch_max(requested, Ordering::Release);
}
