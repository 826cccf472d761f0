//! Bytes from one end to another: pipe(2).

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axprocess::{Errno, KernelCause, Signal};
use linux_raw_sys::general::{POLLERR, POLLHUP, S_IFIFO};

use super::{File, READABLE, Status, WRITABLE};
use crate::call::{Failure, ensure};
use crate::host::Thread;
use crate::machine::IrqLock;
use crate::user_memory::shared;
use crate::wait::{self, Key};

const CAPACITY: usize = 16 * 4096;
/// So much is written in one piece, or not at all: `PIPE_BUF`.
const ATOMIC: usize = 4096;

/// What is between two ends.
struct Pipe {
    bytes: IrqLock<VecDeque<u8>>,
    has_reader: AtomicBool,
    has_writer: AtomicBool,
}

/// The end from which is read.
pub(super) struct Reader(Arc<Pipe>);

/// The end to which is written.
pub(super) struct Writer(Arc<Pipe>);

/// Makes a pipe. `ENOMEM`.
pub(super) fn ends() -> Result<(Reader, Writer), Errno> {
    let mut bytes = VecDeque::new();
    bytes.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
    let [has_reader, has_writer] = [const { AtomicBool::new(true) }; 2];
    let pipe = shared(Pipe { bytes: IrqLock::new(bytes), has_reader, has_writer })?;
    Ok((Reader(Arc::clone(&pipe)), Writer(pipe)))
}

impl Pipe {
    /// Both who reads and who writes sleep there.
    fn key(&self) -> Key {
        Key::of(self)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.has_reader.store(false, Relaxed);
        wait::wake_all(self.0.key());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.has_writer.store(false, Relaxed);
        wait::wake_all(self.0.key());
    }
}

impl File for Reader {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        // The last writer may leave behind the look.
        let has_writer = self.0.has_writer.load(Relaxed);
        let len = take(&mut self.0.bytes.lock(), to);
        ensure(len > 0 || to.is_empty() || !has_writer, Errno::EAGAIN)?;
        wait::wake_all(self.0.key());
        Ok(len)
    }

    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let hang_up = if self.0.has_writer.load(Relaxed) { 0 } else { POLLHUP };
        let readable = if self.0.bytes.lock().is_empty() { 0 } else { READABLE };
        (hang_up | readable, Some(self.0.key()))
    }

    fn status(&self) -> Status {
        Status::of_kind(S_IFIFO | 0o600)
    }
}

impl File for Writer {
    fn write(&self, by: &Thread, from: &[u8]) -> Result<usize, Failure> {
        if !self.0.has_reader.load(Relaxed) {
            by.send_signal(Signal::SIGPIPE, KernelCause::OnBehalfOf(by.process()));
            return Err(Errno::EPIPE.into());
        }
        let mut bytes = self.0.bytes.lock();
        let room = CAPACITY - bytes.len();
        let is_whole = from.len() <= ATOMIC && room < from.len();
        let written = if is_whole { 0 } else { from.len().min(room) };
        bytes.extend(&from[..written]);
        drop(bytes);
        ensure(written > 0 || from.is_empty(), Errno::EAGAIN)?;
        wait::wake_all(self.0.key());
        Ok(written)
    }

    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let error = if self.0.has_reader.load(Relaxed) { 0 } else { POLLERR };
        let has_room = CAPACITY - self.0.bytes.lock().len() >= ATOMIC;
        (error | if has_room { WRITABLE } else { 0 }, Some(self.0.key()))
    }

    fn status(&self) -> Status {
        Status::of_kind(S_IFIFO | 0o600)
    }
}

/// Takes the first bytes, as many as there is place for.
pub(crate) fn take(from: &mut VecDeque<u8>, to: &mut [u8]) -> usize {
    let len = to.len().min(from.len());
    for (place, byte) in to.iter_mut().zip(from.drain(..len)) {
        *place = byte;
    }
    len
}
