//! Kernel stacks, and the way from one to another.

use alloc::boxed::Box;
use core::arch::{asm, naked_asm};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering};

use super::OutOfMemory;
use super::interrupts;
use super::lock::IrqGuard;
use super::processor;
use super::user::Fpu;

/// A stack, and what stands above it while its task does not run.
#[repr(C)]
struct Memory {
    /// [`END`], as long as nobody has needed more.
    end: u64,
    room: [MaybeUninit<u8>; 28 * 1024],
    saved: Saved,
}

const END: u64 = 0x5ac0_e2d5_ac0e_2d57;

#[repr(C)]
struct Saved {
    fpu: Fpu,
    stack_pointer: AtomicU64,
}

/// A stack that nobody else has.
pub(crate) struct Stack(StackId);

/// Which stack, without having it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackId(*mut Memory);

// SAFETY: who follows the pointer says why it may.
unsafe impl Send for StackId {}
// SAFETY: as above.
unsafe impl Sync for StackId {}

impl Stack {
    pub(crate) fn new() -> Result<Self, OutOfMemory> {
        let memory = Box::<Memory>::try_new_uninit().map_err(|_| OutOfMemory)?;
        let memory = Box::into_raw(memory).cast::<Memory>();
        // SAFETY: it has just been made.
        unsafe { (&raw mut (*memory).end).write(END) };
        Ok(Self(StackId(memory)))
    }

    pub(crate) const fn id(&self) -> StackId {
        self.0
    }

    pub(super) fn top(&self) -> u64 {
        self.0.saved().addr() as u64
    }

    /// Has the first switch to this stack call `body`, which lies on it and never returns.
    pub(crate) fn prepare<F: FnOnce() + Send + 'static>(&self, body: F) {
        const { assert!(size_of::<F>() <= 8192 && align_of::<F>() <= 16) };
        let place = (self.top() - size_of::<F>() as u64) & !15;
        let registers =
            [0, 0, run::<F> as *const () as u64, place, 0, 0, begin as *const () as u64];
        let stack_pointer = place - size_of_val(&registers) as u64;
        let saved = self.0.saved();
        // SAFETY: the stack is mapped, and nobody else's; all three places are aligned.
        unsafe {
            (place as *mut F).write(body);
            (stack_pointer as *mut [u64; 7]).write(registers);
            saved
                .write(Saved { fpu: Fpu::initial(), stack_pointer: AtomicU64::new(stack_pointer) });
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: `new` has made it, and nobody runs on it any more.
        drop(unsafe { Box::from_raw(self.0.0.cast::<MaybeUninit<Memory>>()) });
    }
}

impl StackId {
    const fn saved(self) -> *mut Saved {
        // SAFETY: who has a stack's name asks only while that is there.
        unsafe { &raw mut (*self.0).saved }
    }
}

/// Goes on where `to` was left, and comes back when somebody goes on with `from`. The lock stays held, by whoever runs; a stack that has just been [prepared](Stack::prepare) gives it back.
pub(crate) fn switch<T: Send>(
    held: IrqGuard<'static, T>,
    from: StackId,
    to: StackId,
) -> IrqGuard<'static, T> {
    // SAFETY: the lock is not given back by this.
    let lock = unsafe { IrqGuard::mutex(&held).raw() };
    let were_on = lock.were_on.load(Ordering::Relaxed);
    processor::here().handed_over.set(Some(lock));
    // SAFETY: both are there: a stack is given back by another. Of `from`, which runs, nothing is saved; `to` was prepared or left here, and its stack pointer is taken, so that it is not gone on with twice.
    unsafe {
        assert!((*from.0).end == END, "a kernel stack was too small");
        let (from, to) = (from.saved(), to.saved());
        let stack_pointer = (*to).stack_pointer.swap(0, Ordering::Relaxed);
        assert!(stack_pointer != 0, "the stack is in use, or was never prepared");
        asm!("fxsave64 [{}]", in(reg) &raw mut (*from).fpu, options(nostack));
        asm!("fxrstor64 [{}]", in(reg) &raw const (*to).fpu, options(nostack));
        switch_stacks((*from).stack_pointer.as_ptr(), stack_pointer);
    }
    // Whoever has had it meanwhile has said otherwise.
    lock.were_on.store(were_on, Ordering::Relaxed);
    held
}

#[unsafe(naked)]
unsafe extern "C" fn switch_stacks(from: *mut u64, to: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Where a prepared stack begins.
#[unsafe(naked)]
unsafe extern "C" fn begin() {
    naked_asm!("mov rdi, r12", "call r13", "ud2")
}

unsafe extern "C" fn run<F: FnOnce()>(body: *mut F) {
    if let Some(lock) = processor::here().handed_over.take() {
        // Whoever switched here holds it, and sleeps until somebody who has it switches back.
        lock.pass_on();
    }
    interrupts::note_on();
    x86_64::instructions::interrupts::enable();
    // SAFETY: `prepare` has put it there, and this is the one who runs it.
    let body = unsafe { body.read() };
    body();
}
