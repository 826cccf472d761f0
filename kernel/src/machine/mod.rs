//! The machine: processors, interrupts, memory, user space, the serial line.
//!
//! What is `unsafe` in the kernel stands here, and nowhere else.

mod interrupts;
mod lock;
mod space;
mod user;

use core::time::Duration;

pub(crate) use lock::{IrqGuard, IrqLock};
pub(crate) use space::{AddressSpace, Backing, Fault, PAGE, Protection, SharedPages, USER_END, WordIdentity};
pub(crate) use user::{Fpu, Registers, Trap, enter_user};

/// There is no memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// Returns how many processors there are.
pub(crate) fn processors() -> usize {
    1
}

/// Returns on which processor the caller is: with interrupts on, only a hint.
pub(crate) fn processor() -> usize {
    0
}

/// Returns the time since boot.
pub(crate) fn monotonic() -> Duration {
    Duration::ZERO
}

/// Writes to the serial line. From anywhere, interrupts included.
pub(crate) fn console_write(bytes: &[u8]) {
    let _ = bytes;
}

/// Has `reader` called for each byte that is typed, in the interrupt.
pub(crate) fn set_console_reader(reader: fn(u8)) {
    let _ = reader;
}

/// Returns the archive that the boot loader brought: the first files.
pub(crate) fn initial_files() -> &'static [u8] {
    &[]
}

/// Returns what stands behind `-append`.
pub(crate) fn command_line() -> &'static str {
    ""
}

/// Returns random bytes that are good enough for a stack protector and `AT_RANDOM`, not for keys.
pub(crate) fn random() -> u64 {
    0
}

/// Returns how many pages there are, and how many of them are free.
pub(crate) fn memory() -> (usize, usize) {
    (0, 0)
}

/// Ends the machine, with a verdict that the caller of QEMU sees.
pub(crate) fn power_off(is_success: bool) -> ! {
    let _ = is_success;
    loop {
        x86_64::instructions::hlt();
    }
}
