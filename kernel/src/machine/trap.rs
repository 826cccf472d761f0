//! Where traps arrive, from user space and from the kernel itself.

use core::arch::global_asm;
use core::cell::UnsafeCell;

use super::processor::{KERNEL_STACK, TRAP_STACK, USER_CODE, USER_DATA, USER_STACK};
use super::user::Registers;
use super::{apic, interrupts, serial};

global_asm!(
    include_str!("trap.s"),
    kernel_stack = const KERNEL_STACK,
    trap_stack = const TRAP_STACK,
    user_stack = const USER_STACK,
    user_data = const USER_DATA,
    user_code = const USER_CODE,
    system_call = const SYSTEM_CALL,
    in_kernel = sym trap_in_kernel,
);

unsafe extern "C" {
    static trap_entries: u8;
    pub(super) fn system_call();
    pub(super) fn run_user(registers: *mut Registers) -> Arrival;
}

/// A vector with its error code, as [`run_user`] returns it.
#[repr(C)]
pub(super) struct Arrival {
    pub(super) vector: u64,
    pub(super) code: u64,
}

/// What stands for `syscall` where else a vector does.
pub(super) const SYSTEM_CALL: u64 = 256;

const BREAKPOINT: usize = 3;

/// The interrupt descriptor table, of all processors.
#[repr(C, align(16))]
pub(super) struct Table(UnsafeCell<[[u64; 2]; 256]>);

// SAFETY: written once, before other processors run.
unsafe impl Sync for Table {}

pub(super) static TABLE: Table = Table(UnsafeCell::new([[0; 2]; 256]));

/// Returns the table, filled.
pub(super) fn table() -> *const [[u64; 2]; 256] {
    let table = TABLE.0.get();
    for vector in 0..256 {
        let entry = ((&raw const trap_entries).addr() + vector * 16) as u64;
        // A user may come by `int3`, and by no other number.
        let kind = if vector == BREAKPOINT { 0xee00 } else { 0x8e00 };
        let low = (entry & 0xffff) | 8 << 16 | kind << 32 | (entry >> 16 & 0xffff) << 48;
        // SAFETY: each processor writes the same words, which are whole at any moment.
        unsafe { (&raw mut (*table)[vector]).write_volatile([low, entry >> 32]) };
    }
    table
}

/// What a trap in the kernel leaves on the stack.
#[repr(C)]
struct Frame {
    scratch: [u64; 9],
    vector: u64,
    code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
}

extern "C" fn trap_in_kernel(frame: &Frame) {
    interrupts::note_off();
    if frame.vector < 32 {
        let address = x86_64::registers::control::Cr2::read_raw();
        panic!(
            "exception {} in the kernel: code {:#x}, rip {:#x}, rsp {:#x}, address {address:#x}",
            frame.vector, frame.code, frame.rip, frame.rsp
        );
    }
    // It came where interrupts were on: so this task holds no lock.
    handle_interrupt(frame.vector);
    interrupts::note_on();
}

/// Sees to an interrupt of a device, the timer or another processor.
pub(super) fn handle_interrupt(vector: u64) {
    apic::end_of_interrupt(vector);
    match vector {
        apic::TIMER => crate::sched::tick(),
        apic::FLUSH => super::shootdown::answer(),
        apic::SERIAL => serial::handle_interrupt(),
        // Somebody may be to run here; or what it is about shows behind it.
        apic::WAKE => crate::sched::yield_now(),
        _ => {}
    }
}
