//! The interrupt controllers: one in each processor, with its timer, and one for devices.

use core::time::Duration;

use x86_64::instructions::port::Port;

use super::frame::Device;
use super::time::monotonic;

const LOCAL: Device = Device(0xfee0_0000);
const END: u64 = 0xb0;
const SPURIOUS_VECTOR: u64 = 0xf0;
const COMMAND: u64 = 0x300;
const COMMAND_TARGET: u64 = 0x310;
const TIMER_VECTOR: u64 = 0x320;
const TIMER_START: u64 = 0x380;
const TIMER_DIVIDE: u64 = 0x3e0;

const DEVICES: Device = Device(0xfec0_0000);
const DEVICES_INDEX: u64 = 0;
const DEVICES_DATA: u64 = 0x10;

pub(super) const TIMER: u64 = 0x40;
pub(super) const WAKE: u64 = 0x41;
pub(super) const FLUSH: u64 = 0x42;
pub(super) const SERIAL: u64 = 0x44;
const SPURIOUS: u64 = 0xff;

/// The line of the first serial port.
const SERIAL_LINE: u32 = 4;

/// So often does the timer of each processor tick.
pub(crate) const TICK: Duration = Duration::from_millis(4);

pub(super) fn start_first() {
    // SAFETY: the old controllers are masked: no interrupt comes by them.
    unsafe {
        Port::<u8>::new(0x21).write(0xff);
        Port::<u8>::new(0xa1).write(0xff);
    }
    // To the first processor, at each edge.
    for (index, value) in [(0x11 + 2 * SERIAL_LINE, 0), (0x10 + 2 * SERIAL_LINE, SERIAL as u32)] {
        DEVICES.write(DEVICES_INDEX, index);
        DEVICES.write(DEVICES_DATA, value);
    }
    start_other();
}

/// Switches the calling processor's on, and its timer.
pub(super) fn start_other() {
    LOCAL.write(SPURIOUS_VECTOR, 0x100 | SPURIOUS as u32);
    LOCAL.write(TIMER_DIVIDE, 0b1011);
    LOCAL.write(TIMER_VECTOR, 1 << 17 | TIMER as u32);
    // QEMU's counts nanoseconds.
    LOCAL.write(TIMER_START, TICK.as_nanos() as u32);
}

/// Has a processor begin at a page below 1 MiB.
pub(super) fn start_processor(index: usize, page: u64) {
    let (init, startup) = (0x4500, 0x4600 | (page >> 12) as u32);
    command(index, init);
    let begin = monotonic();
    while monotonic() - begin < Duration::from_millis(10) {}
    command(index, startup);
}

/// Interrupts another processor.
pub(super) fn interrupt(index: usize, vector: u64) {
    let _whole = super::interrupts::Off::new();
    command(index, 0x4000 | vector as u32);
}

/// QEMU numbers the controllers as the processors.
fn command(index: usize, command: u32) {
    LOCAL.write(COMMAND_TARGET, (index as u32) << 24);
    LOCAL.write(COMMAND, command);
}

pub(super) fn end_of_interrupt(vector: u64) {
    if vector != SPURIOUS {
        LOCAL.write(END, 0);
    }
}
