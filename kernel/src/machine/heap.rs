//! The heap of the kernel: a fixed part of memory, which fails when it is full.

use talc::TalcLock;
use talc::source::Manual;

use super::frame::direct;
use super::lock::Ticket;

#[global_allocator]
static HEAP: TalcLock<Ticket, Manual> = TalcLock::new(Manual);

/// Gives it memory, from a physical address on.
pub(super) fn start(first: u64, length: u64) {
    // SAFETY: the memory is nobody's yet.
    unsafe { HEAP.lock().claim(direct(first), length as usize) };
}
