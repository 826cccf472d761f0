//! Kernel stacks, and the way from one to another.

use alloc::vec::Vec;
use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

use super::OutOfMemory;
use super::interrupts;
use super::lock::{IrqGuard, IrqLock};
use super::processor;
use super::space::PAGE;
use super::tables::{STACKS, map_kernel};
use super::user::Fpu;

/// A stack and, below it, a page that is never mapped: who needs more meets a double fault.
const SLOT: u64 = 8 * PAGE;

/// What stands above each stack, while its task does not run.
#[repr(C)]
struct Saved {
    fpu: Fpu,
    stack_pointer: AtomicU64,
}

/// A stack that nobody else has.
pub(crate) struct Stack(u64);

/// Which stack: what is behind it is memory at any time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackId(u64);

/// The stacks that nobody has; there is room for all.
struct Slots {
    free: Vec<u64>,
    count: u64,
}

static SLOTS: IrqLock<Slots> = IrqLock::new(Slots { free: Vec::new(), count: 0 });

impl Stack {
    /// Takes one that has been used before, else makes one.
    pub(crate) fn new() -> Result<Self, OutOfMemory> {
        let mut slots = SLOTS.lock();
        let number = if let Some(number) = slots.free.pop() {
            number
        } else {
            let (number, length) = (slots.count, slots.free.len());
            slots.free.try_reserve(number as usize + 1 - length).map_err(|_| OutOfMemory)?;
            slots.count += 1;
            number
        };
        drop(slots);
        // If memory runs out, it is returned with holes, and the next who takes it fills them.
        let stack = Self(number);
        for page in 1..SLOT / PAGE {
            map_kernel(STACKS + number * SLOT + page * PAGE)?;
        }
        Ok(stack)
    }

    pub(crate) const fn id(&self) -> StackId {
        StackId(self.0)
    }

    pub(super) fn top(&self) -> u64 {
        self.id().saved().addr() as u64
    }

    /// Has the first switch to this stack call `body`, which lies on it and never returns.
    pub(crate) fn prepare<F: FnOnce() + Send + 'static>(&self, body: F) {
        const { assert!(size_of::<F>() <= 2 * PAGE as usize && align_of::<F>() <= 16) };
        let place = (self.top() - size_of::<F>() as u64) & !15;
        let registers =
            [0, 0, run::<F> as *const () as u64, place, 0, 0, begin as *const () as u64];
        let stack_pointer = place - size_of_val(&registers) as u64;
        let saved = self.id().saved();
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
        SLOTS.lock().free.push(self.0);
    }
}

impl StackId {
    fn saved(self) -> *mut Saved {
        (STACKS + (self.0 + 1) * SLOT - size_of::<Saved>() as u64) as *mut Saved
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
    // SAFETY: both are mapped for ever. Of `from`, which runs, nothing is saved; `to` was prepared or left here, and its stack pointer is taken, so that it is not gone on with twice.
    unsafe {
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
