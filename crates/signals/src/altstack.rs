//! The alternate stack of sigaltstack(2), as far as it needs no memory of the program's.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use axprocess::Errno;

use crate::Caller;
use crate::action::ActionFlags;
use crate::delivery::Frame;
use crate::kernel::Kernel;

/// `stack_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stack {
    /// `ss_sp`.
    pub base: usize,
    /// `ss_flags`.
    pub flags: u32,
    /// `ss_size`.
    pub size: usize,
}

/// The alternate stack of a thread. That thread alone reads and writes it.
pub(crate) struct AltStack {
    base: AtomicUsize,
    size: AtomicUsize,
    flags: AtomicU32,
}

/// `SS_ONSTACK`.
const ON_STACK: u32 = 1;
/// `SS_DISABLE`.
const DISABLE: u32 = 2;
/// `SS_AUTODISARM`.
const AUTODISARM: u32 = 1 << 31;

impl AltStack {
    pub(crate) const fn new() -> Self {
        Self {
            base: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            flags: AtomicU32::new(DISABLE),
        }
    }

    fn get(&self) -> Stack {
        Stack {
            base: self.base.load(Ordering::Relaxed),
            flags: self.flags.load(Ordering::Relaxed),
            size: self.size.load(Ordering::Relaxed),
        }
    }

    fn set(&self, stack: Stack) {
        self.base.store(stack.base, Ordering::Relaxed);
        self.flags.store(stack.flags, Ordering::Relaxed);
        self.size.store(stack.size, Ordering::Relaxed);
    }

    /// There is none any more. Linux: `sas_ss_reset`.
    pub(crate) fn reset(&self) {
        self.set(Stack { base: 0, flags: DISABLE, size: 0 });
    }

    /// An exec leaves none; its flags stay. R-SIG-89.
    pub(crate) fn clear(&self) {
        self.set(Stack { base: 0, size: 0, flags: self.get().flags });
    }

    /// The frame of a handler has been written: one that disarms itself is there no more. Linux: `signal_delivered`. R-SIG-77.
    pub(crate) fn note_handler(&self) {
        if self.get().flags & AUTODISARM != 0 {
            self.reset();
        }
    }

    pub(crate) fn copy_from(&self, other: &Self) {
        self.set(other.get());
    }
}

impl Stack {
    /// Returns whether a stack pointer is on it: the pointer may be at its end, not at its beginning. One that disarms itself nobody is on. Linux: `on_sig_stack`.
    pub const fn has(&self, pointer: usize) -> bool {
        self.flags & AUTODISARM == 0
            && pointer > self.base
            && pointer.wrapping_sub(self.base) <= self.size
    }

    /// How it is for a stack pointer. Linux: `sas_ss_flags`.
    const fn use_at(&self, pointer: usize) -> u32 {
        if self.size == 0 {
            DISABLE
        } else if self.has(pointer) {
            ON_STACK
        } else {
            0
        }
    }
}

impl<K: Kernel> Caller<'_, K> {
    /// Sets the thread's alternate stack, and returns what it was. `new`: `None` to ask alone; `pointer`: the thread's stack pointer; `least`: `MINSIGSTKSZ`, what a frame needs. Takes no lock.
    ///
    /// Serves sigaltstack(2). R-SIG-72 to R-SIG-74.
    ///
    /// # Errors
    ///
    /// In this order: `EPERM`: it runs on the one that it has. `EINVAL`: flags that there are not. `ENOMEM`: it is smaller than `least`.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess_signals::Stack;
    /// # let (_table, init) = boot();
    /// let stack = Stack { base: 0x1_0000, flags: 0, size: 0x4000 };
    /// let old = signals_of(&init).sigaltstack(Some(stack), 0x9000, 2048)?;
    /// assert_eq!(old.flags, 2); // SS_DISABLE
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn sigaltstack(
        self,
        new: Option<Stack>,
        pointer: usize,
        least: usize,
    ) -> Result<Stack, Errno> {
        let own = &self.thread().host_data().alt_stack;
        let now = own.get();
        let kept = now.flags & AUTODISARM;
        let old = Stack { flags: now.use_at(pointer) | kept, ..now };
        let Some(new) = new else { return Ok(old) };
        if now.has(pointer) {
            return Err(Errno::EPERM);
        }
        match new.flags & !AUTODISARM {
            0 | ON_STACK if new == now => {}
            0 | ON_STACK if new.size < least => return Err(Errno::ENOMEM),
            0 | ON_STACK => own.set(new),
            DISABLE => own.set(Stack { base: 0, size: 0, flags: new.flags }),
            _ => return Err(Errno::EINVAL),
        }
        Ok(old)
    }

    /// Where the frame of a handler goes, from a thread with this stack pointer: the address above it, and what goes into `uc_stack`. `None`: it goes where the thread is. Takes no lock. Linux: `sigsp`,
    /// `__save_altstack`. R-SIG-75.
    ///
    /// Where the frame would end below a stack that [has](Stack::has) the address above it, it is not made: the `push` of [`enter_handler`](Self::enter_handler) fails (R-SIG-76).
    pub fn stack_for(self, frame: &Frame, pointer: usize) -> (Option<usize>, Stack) {
        let now = self.own().alt_stack.get();
        let is_wanted = frame.action.flags.contains(ActionFlags::ONSTACK);
        let is_free = now.use_at(pointer) == 0;
        let top = (is_wanted && is_free).then(|| now.base.wrapping_add(now.size));
        (top, now)
    }

    /// Puts back what stands in the frame of a handler that returns; what would be refused is left. Linux: `restore_altstack`.
    pub fn restore_alt_stack(self, stack: Stack, pointer: usize, least: usize) {
        // As on Linux, the return goes on, whatever stands there.
        let _ = self.sigaltstack(Some(stack), pointer, least);
    }
}
