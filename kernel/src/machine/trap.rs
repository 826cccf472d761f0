//! Where traps arrive, from user space and from the kernel itself.

use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;
use core::mem::offset_of;

use super::processor::{KERNEL_STACK, TRAP_STACK, USER_CODE, USER_DATA, USER_STACK};
use super::user::Registers;
use super::{apic, interrupts, serial};

/// What stands for `syscall` where else a vector does.
pub(super) const SYSTEM_CALL: u64 = 256;

const DOUBLE_FAULT: usize = 8;

/// The interrupt descriptor table, of all processors.
#[repr(C, align(16))]
pub(super) struct Table(UnsafeCell<[[u64; 2]; 256]>);

// SAFETY: written once, before other processors run.
unsafe impl Sync for Table {}

pub(super) static TABLE: Table = Table(UnsafeCell::new([[0; 2]; 256]));

// One entry for each vector, 16 bytes long: the error code, or 0 where there is none, then the vector.
global_asm!(
    ".balign 16",
    ".text",
    ".global trap_entries",
    "trap_entries:",
    ".set vector, 0",
    ".rept 256",
    ".balign 16",
    ".if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30",
    ".else",
    "push 0",
    ".endif",
    "push vector",
    "jmp {common}",
    ".set vector, vector + 1",
    ".endr",
    common = sym trap,
);

unsafe extern "C" {
    static trap_entries: u8;
}

/// Returns the table, filled.
pub(super) fn table() -> *const [[u64; 2]; 256] {
    let table = TABLE.0.get();
    for vector in 0..256 {
        let entry = ((&raw const trap_entries).addr() + vector * 16) as u64;
        let stack = u64::from(vector == DOUBLE_FAULT);
        let low =
            (entry & 0xffff) | 8 << 16 | stack << 32 | 0x8e00 << 32 | (entry >> 16 & 0xffff) << 48;
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
    ss: u64,
}

/// A vector with its error code, as [`run_user`] returns it.
#[repr(C)]
pub(super) struct Arrival {
    pub(super) vector: u64,
    pub(super) code: u64,
}

macro_rules! at {
    ($field:ident) => {
        offset_of!(Registers, $field)
    };
}

/// Goes to user space with these registers, and comes back with the next trap. With interrupts off, before and behind it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn run_user(registers: *mut Registers) -> Arrival {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "push rdi",
        "mov gs:[{kernel_stack}], rsp",
        "mov gs:[{trap_stack}], rsp",
        "push {user_data}",
        "push qword ptr [rdi + {rsp}]",
        "push qword ptr [rdi + {rflags}]",
        "push {user_code}",
        "push qword ptr [rdi + {rip}]",
        "mov rax, [rdi + {rax}]",
        "mov rbx, [rdi + {rbx}]",
        "mov rcx, [rdi + {rcx}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rbp, [rdi + {rbp}]",
        "mov r8, [rdi + {r8}]",
        "mov r9, [rdi + {r9}]",
        "mov r10, [rdi + {r10}]",
        "mov r11, [rdi + {r11}]",
        "mov r12, [rdi + {r12}]",
        "mov r13, [rdi + {r13}]",
        "mov r14, [rdi + {r14}]",
        "mov r15, [rdi + {r15}]",
        "mov rdi, [rdi + {rdi}]",
        "swapgs",
        "iretq",
        kernel_stack = const KERNEL_STACK,
        trap_stack = const TRAP_STACK,
        user_data = const USER_DATA,
        user_code = const USER_CODE,
        rax = const at!(rax), rbx = const at!(rbx), rcx = const at!(rcx), rdx = const at!(rdx),
        rsi = const at!(rsi), rdi = const at!(rdi), rbp = const at!(rbp), r8 = const at!(r8),
        r9 = const at!(r9), r10 = const at!(r10), r11 = const at!(r11), r12 = const at!(r12),
        r13 = const at!(r13), r14 = const at!(r14), r15 = const at!(r15), rip = const at!(rip),
        rflags = const at!(rflags), rsp = const at!(rsp),
    )
}

/// Keeps what `rdi` and the calls below have in common: the user's registers but `rdi`, which is on the stack, `rip`, `rflags` and `rsp`.
macro_rules! save_registers {
    () => {
        "mov [rdi + {rax}], rax
        mov [rdi + {rbx}], rbx
        mov [rdi + {rcx}], rcx
        mov [rdi + {rdx}], rdx
        mov [rdi + {rsi}], rsi
        mov [rdi + {rbp}], rbp
        mov [rdi + {r8}], r8
        mov [rdi + {r9}], r9
        mov [rdi + {r10}], r10
        mov [rdi + {r11}], r11
        mov [rdi + {r12}], r12
        mov [rdi + {r13}], r13
        mov [rdi + {r14}], r14
        mov [rdi + {r15}], r15
        pop rax
        mov [rdi + {rdi}], rax"
    };
}

/// Each trap, with a vector, a code and the processor's five words on the stack. From user space it is the return of [`run_user`].
#[unsafe(naked)]
unsafe extern "C" fn trap() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jnz 2f",
        "push rax", "push rcx", "push rdx", "push rsi", "push rdi", "push r8", "push r9", "push r10", "push r11",
        "cld",
        "mov rdi, rsp",
        "call {handler}",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rax",
        "add rsp, 16",
        "iretq",
        "2:",
        "swapgs",
        "push rdi",
        "mov rdi, [rsp + 64]",
        save_registers!(),
        "mov rax, [rsp + 16]",
        "mov [rdi + {rip}], rax",
        "mov rax, [rsp + 32]",
        "mov [rdi + {rflags}], rax",
        "mov rax, [rsp + 40]",
        "mov [rdi + {rsp}], rax",
        "mov rax, [rsp]",
        "mov rdx, [rsp + 8]",
        "add rsp, 56",
        "pop rdi",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "cld",
        "ret",
        handler = sym trap_in_kernel,
        rax = const at!(rax), rbx = const at!(rbx), rcx = const at!(rcx), rdx = const at!(rdx),
        rsi = const at!(rsi), rdi = const at!(rdi), rbp = const at!(rbp), r8 = const at!(r8),
        r9 = const at!(r9), r10 = const at!(r10), r11 = const at!(r11), r12 = const at!(r12),
        r13 = const at!(r13), r14 = const at!(r14), r15 = const at!(r15), rip = const at!(rip),
        rflags = const at!(rflags), rsp = const at!(rsp),
    )
}

/// Where `syscall` arrives: the return of [`run_user`] too.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn system_call() {
    naked_asm!(
        "swapgs",
        "mov gs:[{user_stack}], rsp",
        "mov rsp, gs:[{kernel_stack}]",
        "push rdi",
        "mov rdi, [rsp + 8]",
        save_registers!(),
        "mov [rdi + {rip}], rcx",
        "mov [rdi + {rflags}], r11",
        "mov rax, gs:[{user_stack}]",
        "mov [rdi + {rsp}], rax",
        "mov eax, {system_call}",
        "xor edx, edx",
        "pop rdi",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        kernel_stack = const KERNEL_STACK,
        user_stack = const USER_STACK,
        system_call = const SYSTEM_CALL,
        rax = const at!(rax), rbx = const at!(rbx), rcx = const at!(rcx), rdx = const at!(rdx),
        rsi = const at!(rsi), rdi = const at!(rdi), rbp = const at!(rbp), r8 = const at!(r8),
        r9 = const at!(r9), r10 = const at!(r10), r11 = const at!(r11), r12 = const at!(r12),
        r13 = const at!(r13), r14 = const at!(r14), r15 = const at!(r15), rip = const at!(rip),
        rflags = const at!(rflags), rsp = const at!(rsp),
    )
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
    handle_interrupt(frame.vector);
    // It came where interrupts were on: so this task holds no lock.
    crate::sched::preempt();
    interrupts::note_on();
}

/// Sees to an interrupt of a device, the timer or another processor.
pub(super) fn handle_interrupt(vector: u64) {
    apic::end_of_interrupt(vector);
    match vector {
        apic::TIMER => crate::sched::tick(),
        apic::FLUSH => super::shootdown::answer(),
        apic::SERIAL => serial::handle_interrupt(),
        // A wake-up: what it is about shows behind it.
        _ => {}
    }
}
