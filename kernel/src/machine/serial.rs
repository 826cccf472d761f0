//! The first serial port: bytes out, at once, and bytes in, by interrupt.

use core::fmt;

use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::IER;
use uart_16550::{Config, Uart16550};

use super::lock::IrqLock;

static PORT: IrqLock<Uart16550<PioBackend>> = IrqLock::new(port());

/// Returns the port without its lock: for who panics, too.
pub(super) const fn port() -> Uart16550<PioBackend> {
    // SAFETY: the port is the serial one's, and touches no memory.
    match unsafe { Uart16550::new_port(0x3f8) } {
        Ok(port) => port,
        Err(_) => unreachable!(),
    }
}

pub(super) fn start() {
    let config = Config { interrupts: IER::DATA_READY, ..Config::default() };
    PORT.lock().init(config).expect("QEMU has it");
}

/// Writes to the serial line. From anywhere, interrupts included.
pub(crate) fn console_write(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let sent = PORT.lock().send_bytes(bytes);
        bytes = &bytes[sent..];
    }
}

pub(super) fn handle_interrupt() {
    loop {
        let typed = PORT.lock().try_receive_byte();
        let Ok(byte) = typed else { return };
        crate::tty::type_at_console(byte);
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
