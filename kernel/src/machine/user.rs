//! A user's registers, and the way into user space and back.

/// What a thread has in its registers in user space.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) rax: u64,
    pub(crate) rbx: u64,
    pub(crate) rcx: u64,
    pub(crate) rdx: u64,
    pub(crate) rsi: u64,
    pub(crate) rdi: u64,
    pub(crate) rbp: u64,
    pub(crate) r8: u64,
    pub(crate) r9: u64,
    pub(crate) r10: u64,
    pub(crate) r11: u64,
    pub(crate) r12: u64,
    pub(crate) r13: u64,
    pub(crate) r14: u64,
    pub(crate) r15: u64,
    pub(crate) rip: u64,
    pub(crate) rflags: u64,
    pub(crate) rsp: u64,
    /// The base of FS: thread-local storage. The kernel alone changes it.
    pub(crate) fs_base: u64,
}

/// Why a thread has come back from user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    /// By `syscall`: the number is in `rax`, the arguments in `rdi rsi rdx r10 r8 r9`.
    SystemCall,
    /// An access that its page tables do not allow: for [`AddressSpace::handle_fault`](super::AddressSpace::handle_fault).
    PageFault { address: u64, is_write: bool, is_present: bool },
    /// Another exception of the processor's, by its vector, with its error code or 0.
    Exception { vector: u8, code: u64 },
    /// A device, the timer or another processor; it has been seen to. Also if the thread was wanted before it had left.
    Interrupt,
}

/// Runs the calling thread in user space, on its task's address space, until it comes back by whatever trap. Interrupts are on before and behind it.
///
/// `is_wanted` is looked at with interrupts off, right before: if it holds, the answer is [`Trap::Interrupt`] at once. Who makes it true and then
/// [kicks](crate::sched::Task::kick) the task so has it look, in whatever moment that is.
pub(crate) fn enter_user(registers: &mut Registers, is_wanted: impl FnOnce() -> bool) -> Trap {
    let _ = (registers, is_wanted());
    Trap::Interrupt
}

/// What a thread has in its floating-point and vector registers: the 512 bytes of `fxsave`, which is also what a signal frame has.
///
/// The kernel itself touches none of them, so between two stays in user space they are a task's own.
#[derive(Clone)]
#[repr(C, align(16))]
pub(crate) struct Fpu([u8; 512]);

impl Fpu {
    /// Returns those of the calling task.
    pub(crate) fn of_current() -> Self {
        Self([0; 512])
    }

    /// Makes them from bytes that a user supplied: what the processor would refuse is masked.
    pub(crate) fn from_bytes(bytes: [u8; 512]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 512] {
        &self.0
    }

    /// Returns those with which a program begins.
    pub(crate) fn initial() -> Self {
        Self([0; 512])
    }

    /// Gives them to the calling task.
    pub(crate) fn load(&self) {}
}
