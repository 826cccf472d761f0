//! The first serial port: bytes out, at once, and bytes in, by interrupt.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use x86_64::instructions::port::Port;

use super::lock::IrqLock;

const BASE: u16 = 0x3f8;
const DATA: u16 = 0;
const INTERRUPTS: u16 = 1;
const FIFO: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const HAS_BYTE: u8 = 1;
const IS_EMPTY: u8 = 0x20;
/// So many bytes does the port take when it is empty.
const FIFO_LENGTH: usize = 16;

static OUT: IrqLock<()> = IrqLock::new(());
static READER: IrqLock<Option<fn(u8)>> = IrqLock::new(None);
/// After a panic nobody waits for a lock.
static IS_LAST_WORD: AtomicBool = AtomicBool::new(false);

fn read(register: u16) -> u8 {
    // SAFETY: the port is the serial one's; reading has no effect on memory.
    unsafe { Port::new(BASE + register).read() }
}

fn write(register: u16, value: u8) {
    // SAFETY: as for reading.
    unsafe { Port::new(BASE + register).write(value) }
}

pub(super) fn start() {
    write(INTERRUPTS, 0);
    write(LINE_CONTROL, 3);
    write(FIFO, 7);
    // With its interrupt line connected.
    write(MODEM_CONTROL, 0xb);
    write(INTERRUPTS, 1);
}

/// Writes to the serial line. From anywhere, interrupts included.
pub(crate) fn console_write(bytes: &[u8]) {
    for part in bytes.chunks(FIFO_LENGTH) {
        loop {
            let held = (!IS_LAST_WORD.load(Ordering::Relaxed)).then(|| OUT.lock());
            if read(LINE_STATUS) & IS_EMPTY != 0 {
                part.iter().for_each(|byte| write(DATA, *byte));
                break;
            }
            drop(held);
            core::hint::spin_loop();
        }
    }
}

/// Has `reader` called for each byte that is typed, in the interrupt.
pub(crate) fn set_console_reader(reader: fn(u8)) {
    *READER.lock() = Some(reader);
    // What was typed before has made its interrupt already.
    let _here = super::interrupts::Off::new();
    handle_interrupt();
}

pub(super) fn handle_interrupt() {
    let Some(reader) = *READER.lock() else { return };
    while read(LINE_STATUS) & HAS_BYTE != 0 {
        reader(read(DATA));
    }
}

/// The serial line for `write!`.
pub(crate) struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console_write(text.as_bytes());
        Ok(())
    }
}

/// Lets the rest of the output pass whoever holds the line.
pub(super) fn begin_last_word() {
    IS_LAST_WORD.store(true, Ordering::Relaxed);
}
