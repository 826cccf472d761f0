//! A user's registers, and the way into user space and back.

use core::arch::asm;

use x86_64::VirtAddr;
use x86_64::instructions::interrupts as flag;
use x86_64::registers::control::Cr2;
use x86_64::registers::model_specific::FsBase;

use super::interrupts;
use super::space::{Protection, USER_END};
use super::trap::{self, SYSTEM_CALL};

/// What a thread has in its registers in user space: in the order in which a signal frame has them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) r8: u64,
    pub(crate) r9: u64,
    pub(crate) r10: u64,
    pub(crate) r11_to_r15: [u64; 5],
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rbp_and_rbx: [u64; 2],
    pub(crate) rdx: u64,
    pub(crate) rax: u64,
    pub(crate) rcx: u64,
    pub(crate) rsp: u64,
    pub(crate) rip: u64,
    pub(crate) rflags: u64,
    /// The base of FS: thread-local storage. The kernel alone changes it; no signal frame has it.
    pub(crate) fs_base: u64,
}

impl Registers {
    /// All but the base of FS.
    pub(crate) fn words(&mut self) -> &mut [u64; 18] {
        // SAFETY: so many words does it begin with.
        unsafe { &mut *core::ptr::from_mut(self).cast() }
    }
}

/// Why a thread has come back from user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    /// By `syscall`: the number is in `rax`, the arguments in `rdi rsi rdx r10 r8 r9`.
    SystemCall,
    /// An access that its page tables do not allow: for [`AddressSpace::handle_fault`](super::AddressSpace::handle_fault).
    PageFault { address: u64, access: Protection },
    /// Another exception of the processor's, by its vector.
    Exception { vector: u8 },
    /// A device, the timer or another processor; it has been seen to. Also if the thread was wanted before it had left.
    Interrupt,
}

/// Runs the calling thread in user space, on its task's address space, until it comes back by whatever trap. Interrupts are on before and behind it.
///
/// `is_wanted` is looked at with interrupts off, right before: if it holds, the answer is [`Trap::Interrupt`] at once. Who makes it true and then
/// [kicks](crate::sched::Task::kick) the task so has it look, in whatever moment that is.
pub(crate) fn enter_user(registers: &mut Registers, is_wanted: impl FnOnce() -> bool) -> Trap {
    const GENERAL_PROTECTION: u8 = 13;
    if registers.rip >= USER_END {
        return Trap::Exception { vector: GENERAL_PROTECTION };
    }
    registers.rflags = registers.rflags & USER_FLAGS | ALWAYS_FLAGS;
    flag::disable();
    interrupts::note_off();
    let trap = if is_wanted() { Trap::Interrupt } else { run(registers) };
    interrupts::note_on();
    flag::enable();
    trap
}

/// The flags that are a user's own: carry to overflow, trap, direction, alignment check.
const USER_FLAGS: u64 = 0x4_0dd5;
/// Interrupts, and the flag that is always set.
const ALWAYS_FLAGS: u64 = 0x202;

const PAGE_FAULT: u64 = 14;
const IS_WRITE: u64 = 2;
const IS_FETCH: u64 = 16;

/// With interrupts off.
fn run(registers: &mut Registers) -> Trap {
    FsBase::write(VirtAddr::new_truncate(registers.fs_base));
    interrupts::note_on();
    // SAFETY: the registers have an address and flags that a user may have.
    let arrival = unsafe { trap::run_user(registers) };
    interrupts::note_off();
    match arrival.vector {
        SYSTEM_CALL => Trap::SystemCall,
        PAGE_FAULT => Trap::PageFault {
            address: Cr2::read_raw(),
            access: match arrival.code {
                code if code & IS_FETCH != 0 => Protection::EXECUTE,
                code if code & IS_WRITE != 0 => Protection::WRITE,
                _ => Protection::READ,
            },
        },
        vector @ 0..32 => Trap::Exception { vector: vector as u8 },
        vector => {
            trap::handle_interrupt(vector);
            Trap::Interrupt
        }
    }
}

/// What a thread has in its floating-point and vector registers: the 512 bytes of `fxsave`, which is also what a signal frame has.
///
/// The kernel itself touches none of them, so between two stays in user space they are a task's own.
#[derive(Clone)]
#[repr(C, align(16))]
pub(crate) struct Fpu([u8; 512]);

/// The bits of MXCSR that every processor has; others would be a fault.
const MXCSR_MASK: u32 = 0xffbf;
const MXCSR: usize = 24;

impl Fpu {
    /// Returns those of the calling task.
    pub(crate) fn of_current() -> Self {
        let mut fpu = Self([0; 512]);
        // SAFETY: it writes 512 bytes, aligned.
        unsafe { asm!("fxsave64 [{}]", in(reg) &raw mut fpu.0, options(nostack)) };
        fpu
    }

    /// Makes them from bytes that a user supplied: what the processor would refuse is masked.
    pub(crate) fn from_bytes(mut bytes: [u8; 512]) -> Self {
        if let Some(mxcsr) = bytes[MXCSR..].first_chunk_mut() {
            *mxcsr = (u32::from_le_bytes(*mxcsr) & MXCSR_MASK).to_le_bytes();
        }
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 512] {
        &self.0
    }

    /// Returns those with which a program begins.
    pub(crate) const fn initial() -> Self {
        let mut bytes = [0; 512];
        // All exceptions masked, double-extended precision; MXCSR likewise.
        [bytes[0], bytes[1]] = 0x37f_u16.to_le_bytes();
        [bytes[MXCSR], bytes[MXCSR + 1]] = 0x1f80_u16.to_le_bytes();
        Self(bytes)
    }

    /// Gives them to the calling task.
    pub(crate) fn load(&self) {
        // SAFETY: the bytes are such as the processor takes, and the kernel itself has nothing in these registers.
        unsafe { asm!("fxrstor64 [{}]", in(reg) &raw const self.0, options(nostack)) };
    }
}
