//! Bytes from one end to another: pipe(2), and socketpair(2) of streams, which is two of them.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axprocess::{ARef, Errno, Identity, KernelCause, Signal};
use linux_raw_sys::general::{POLL_IN, POLLERR, POLLHUP, S_IFIFO, S_IFSOCK, SI_SIGIO};

use super::{File, READABLE, Status, WRITABLE};
use crate::call::Failure;
use crate::host::{Layer, Thread};
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
    /// Of two sockets it is one: there who reads and who writes sleep together.
    key: Key,
    /// Who is told when it becomes readable.
    listener: IrqLock<Option<Listener>>,
}

struct Reader(Arc<Pipe>);
struct Writer(Arc<Pipe>);

/// What is read, written or, of a socket, both.
pub(crate) struct End {
    reader: Option<Reader>,
    writer: Option<Writer>,
}

fn pipe(key: Key) -> Result<(Reader, Writer), Errno> {
    let mut bytes = VecDeque::new();
    bytes.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
    let (bytes, listener) = (IrqLock::new(bytes), IrqLock::new(None));
    let (has_reader, has_writer) = (AtomicBool::new(true), AtomicBool::new(true));
    let pipe = shared(Pipe { bytes, has_reader, has_writer, key, listener })?;
    Ok((Reader(Arc::clone(&pipe)), Writer(pipe)))
}

/// Makes a pipe: the end to read, and the one to write. `ENOMEM`.
pub(crate) fn ends() -> Result<[End; 2], Errno> {
    let (reader, writer) = pipe(Key::fresh())?;
    Ok([End { reader: Some(reader), writer: None }, End { reader: None, writer: Some(writer) }])
}

/// Makes two connected sockets. `ENOMEM`.
pub(crate) fn sockets() -> Result<[End; 2], Errno> {
    let key = Key::fresh();
    let (one, other) = (pipe(key)?, pipe(key)?);
    Ok([
        End { reader: Some(one.0), writer: Some(other.1) },
        End { reader: Some(other.0), writer: Some(one.1) },
    ])
}

impl Reader {
    fn read(&self, to: &mut [u8]) -> Result<usize, Failure> {
        // The last writer may leave behind the look.
        let has_writer = self.0.has_writer.load(Relaxed);
        let mut bytes = self.0.bytes.lock();
        let len = to.len().min(bytes.len());
        for (place, byte) in to.iter_mut().zip(bytes.drain(..len)) {
            *place = byte;
        }
        drop(bytes);
        if len == 0 && !to.is_empty() && has_writer {
            return Err(Errno::EAGAIN.into());
        }
        wait::wake_all(self.0.key);
        Ok(len)
    }

    fn poll(&self) -> u32 {
        let is_closed = !self.0.has_writer.load(Relaxed);
        let is_empty = self.0.bytes.lock().is_empty();
        (if is_empty { 0 } else { READABLE }) | if is_closed { POLLHUP } else { 0 }
    }
}

impl Writer {
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
        if written == 0 && !from.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        wait::wake_all(self.0.key);
        let listener = self.0.listener.lock().clone();
        if let Some(listener) = listener {
            listener.tell();
        }
        Ok(written)
    }

    fn poll(&self) -> u32 {
        let has_room = CAPACITY - self.0.bytes.lock().len() >= ATOMIC;
        let is_broken = !self.0.has_reader.load(Relaxed);
        (if has_room { WRITABLE } else { 0 }) | if is_broken { POLLERR } else { 0 }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.has_reader.store(false, Relaxed);
        wait::wake_all(self.0.key);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.has_writer.store(false, Relaxed);
        wait::wake_all(self.0.key);
    }
}

impl File for End {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        self.reader.as_ref().ok_or(Errno::EBADF)?.read(to)
    }

    fn write(&self, by: &Thread, _: u64, from: &[u8]) -> Result<usize, Failure> {
        self.writer.as_ref().ok_or(Errno::EBADF)?.write(by, from)
    }

    fn poll(&self, _: &Thread) -> u32 {
        match (&self.reader, &self.writer) {
            (Some(reader), Some(writer)) => reader.poll() | writer.poll() & !POLLERR,
            (reader, writer) => {
                reader.as_ref().map_or(0, Reader::poll) | writer.as_ref().map_or(0, Writer::poll)
            }
        }
    }

    fn key(&self, _: &Thread) -> Option<Key> {
        let pipe = self.reader.as_ref().map(|it| &it.0);
        pipe.or(self.writer.as_ref().map(|it| &it.0)).map(|pipe| pipe.key)
    }

    fn status(&self) -> Status {
        let is_socket = self.reader.is_some() && self.writer.is_some();
        Status::of_kind(if is_socket { S_IFSOCK | 0o777 } else { S_IFIFO | 0o600 })
    }

    fn listener(&self) -> Option<&IrqLock<Option<Listener>>> {
        self.reader.as_ref().map(|reader| &reader.0.listener)
    }
}

/// Whom `F_SETOWN` names.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) kind: OwnerKind,
    pub(crate) identity: Option<ARef<Identity<Layer>>>,
    /// `F_SETSIG`; none: `SIGIO`, with no more said.
    pub(crate) signal: Option<Signal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerKind {
    Thread,
    Process,
    Group,
}

/// Who is told when a file becomes readable, and by which descriptor.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) owner: Owner,
    pub(crate) descriptor: u32,
}

impl Listener {
    fn tell(&self) {
        let (signal, cause) = match self.owner.signal {
            None => (Signal::SIGIO, KernelCause::Kernel),
            Some(signal) => {
                let code = if has_codes_of_its_own(signal) { SI_SIGIO } else { POLL_IN as i32 };
                let value = u64::from(READABLE) | u64::from(self.descriptor) << 32;
                (signal, KernelCause::Event { code, value, sender: None })
            }
        };
        let Some(owned) = &self.owner.identity else { return };
        match (self.owner.kind, owned.thread_or_leader(), owned.process()) {
            (OwnerKind::Group, ..) => {
                if let Some(group) = owned.group_of_number() {
                    group.send_signal(signal, cause, |_, _| true);
                }
            }
            (OwnerKind::Thread, Some(thread), _) => thread.send_signal(signal, cause),
            (OwnerKind::Process, Some(thread), _) => thread.send_process_signal(signal, cause),
            // Its leader is dead, and takes nothing itself.
            (OwnerKind::Process, None, Some(process)) => process.send_signal(signal, cause),
            (_, None, _) => {}
        }
    }
}

/// Where the codes of a signal's own would be mistaken for that of a readable file, it says so in general.
pub(crate) fn has_codes_of_its_own(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::SIGILL
            | Signal::SIGTRAP
            | Signal::SIGBUS
            | Signal::SIGFPE
            | Signal::SIGSEGV
            | Signal::SIGCHLD
            | Signal::SIGSYS
    )
}
