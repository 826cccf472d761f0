//! The machine: processors, interrupts, memory, user space, the serial line.
//!
//! What is `unsafe` in the kernel stands here, and nowhere else.
//!
//! | file | what |
//! | --- | --- |
//! | `boot.s`, `boot` | from the loader to the first task; the other processors |
//! | `processor`, `trap.s`, `trap`, `user` | what each processor has; where traps arrive; the way to user space and back |
//! | `interrupts`, `lock`, `apic`, `time`, `serial` | on and off, the locks, the controllers and their timer, the clock, the line |
//! | `frame`, `tables`, `shootdown`, `space`, `heap` | memory, from frames to address spaces |
//! | `stack` | kernel stacks, and the switch from one to another |

mod apic;
mod boot;
mod frame;
mod heap;
mod interrupts;
mod lock;
mod processor;
mod serial;
mod shootdown;
mod space;
mod stack;
mod tables;
mod time;
mod trap;
mod user;

use uart_16550::Uart16550Tty;
use x86_64::instructions::port::Port;

pub(crate) use apic::TICK;
pub(crate) use boot::processors;
pub(crate) use interrupts::{Off, take_longest_off, wait_for_one};
pub(crate) use lock::{IrqGuard, IrqLock};
pub(crate) use processor::{MOST as MOST_PROCESSORS, processor};
pub(crate) use serial::{Console, console_write};
pub(crate) use space::{
    AddressSpace, Backing, Fault, PAGE, Placement, Protection, SharedPages, USER_END,
};
pub(crate) use stack::{Stack, StackId, switch};
pub(crate) use time::{monotonic, random};
pub(crate) use user::{Fpu, Registers, Trap, enter_user};

/// There is no memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// Interrupts another processor, for it to look what there is to do.
pub(crate) fn interrupt(processor: usize) {
    apic::interrupt(processor, apic::WAKE);
}

/// Ends the machine, with a verdict that the caller of QEMU sees: status 33, or 35.
pub(crate) fn power_off(is_success: bool) -> ! {
    let verdict: u32 = if is_success { 16 } else { 17 };
    // SAFETY: the port is that of isa-debug-exit.
    unsafe { Port::new(0xf4).write(verdict) };
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::fmt::Write;

    x86_64::instructions::interrupts::disable();
    // Nothing is left to do about an error.
    let _ =
        writeln!(Uart16550Tty::from_inner(serial::port()), "\nprocessor {}: {info}", processor());
    power_off(false)
}
