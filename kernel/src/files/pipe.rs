//! Bytes from one end to another: pipe(2), and socketpair(2) of streams, which is two of them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axprocess::{ARef, Errno, Identity, KernelCause, Signal};

use super::{File, POLLERR, POLLHUP, READABLE, Status, WRITABLE, kind};
use crate::call::Failure;
use crate::host::{Layer, Thread};
use crate::machine::IrqLock;
use crate::user_memory::shared;
use crate::wait_queue::WaitQueue;

const CAPACITY: usize = 16 * 4096;
/// So much is written in one piece, or not at all: `PIPE_BUF`.
const ATOMIC: usize = 4096;

/// What is between the two ends.
struct Pipe {
    ring: IrqLock<Ring>,
    has_reader: AtomicBool,
    has_writer: AtomicBool,
    queue: WaitQueue,
    /// Who is told when it becomes readable.
    listener: IrqLock<Option<Listener>>,
}

struct Ring {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

/// The end that is read.
struct Reader(Arc<Pipe>);

/// The end that is written.
struct Writer(Arc<Pipe>);

pub(crate) struct ReadEnd(Reader);
pub(crate) struct WriteEnd(Writer);

/// One of two connected sockets.
pub(crate) struct Socket {
    reader: Reader,
    writer: Writer,
}

fn pipe(queue: WaitQueue) -> Result<(Reader, Writer), Errno> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(CAPACITY, 0);
    let ring = IrqLock::new(Ring { bytes, start: 0, len: 0 });
    let pipe = shared(Pipe {
        ring,
        has_reader: AtomicBool::new(true),
        has_writer: AtomicBool::new(true),
        queue,
        listener: IrqLock::new(None),
    });
    let pipe = pipe?;
    Ok((Reader(Arc::clone(&pipe)), Writer(pipe)))
}

/// Makes a pipe.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn ends() -> Result<(ReadEnd, WriteEnd), Errno> {
    let (reader, writer) = pipe(WaitQueue::new()?)?;
    Ok((ReadEnd(reader), WriteEnd(writer)))
}

/// Makes two connected sockets, whose sleepers are in one queue, those who read and those who write.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn sockets() -> Result<[Socket; 2], Errno> {
    let queue = WaitQueue::new()?;
    let (one, other) = (pipe(queue.clone())?, pipe(queue)?);
    Ok([Socket { reader: one.0, writer: other.1 }, Socket { reader: other.0, writer: one.1 }])
}

impl Ring {
    fn take(&mut self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.len);
        for place in &mut to[..len] {
            *place = self.bytes[self.start];
            self.start = (self.start + 1) % CAPACITY;
        }
        self.len -= len;
        len
    }

    fn add(&mut self, from: &[u8]) -> usize {
        let len = from.len().min(CAPACITY - self.len);
        for (byte, at) in from[..len].iter().zip(self.start + self.len..) {
            self.bytes[at % CAPACITY] = *byte;
        }
        self.len += len;
        len
    }
}

impl Reader {
    fn read(&self, to: &mut [u8]) -> Result<usize, Failure> {
        // The last writer may leave behind the look.
        let has_writer = self.0.has_writer.load(Relaxed);
        let taken = self.0.ring.lock().take(to);
        if taken == 0 && !to.is_empty() && has_writer {
            return Err(Errno::EAGAIN.into());
        }
        self.0.queue.wake_all();
        Ok(taken)
    }

    fn poll(&self) -> u32 {
        let is_closed = !self.0.has_writer.load(Relaxed);
        let is_empty = self.0.ring.lock().len == 0;
        (if is_empty { 0 } else { READABLE }) | if is_closed { POLLHUP } else { 0 }
    }
}

impl Writer {
    fn write(&self, by: &Thread, from: &[u8]) -> Result<usize, Failure> {
        if !self.0.has_reader.load(Relaxed) {
            by.send_signal(Signal::SIGPIPE, KernelCause::OnBehalfOf(by.process()));
            return Err(Errno::EPIPE.into());
        }
        let mut ring = self.0.ring.lock();
        let is_whole = from.len() <= ATOMIC && CAPACITY - ring.len < from.len();
        let written = if is_whole { 0 } else { ring.add(from) };
        drop(ring);
        if written == 0 && !from.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        self.0.queue.wake_all();
        let listener = self.0.listener.lock().clone();
        if let Some(listener) = listener {
            listener.tell();
        }
        Ok(written)
    }

    fn poll(&self) -> u32 {
        let has_room = CAPACITY - self.0.ring.lock().len >= ATOMIC;
        let is_broken = !self.0.has_reader.load(Relaxed);
        (if has_room { WRITABLE } else { 0 }) | if is_broken { POLLERR } else { 0 }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.has_reader.store(false, Relaxed);
        self.0.queue.wake_all();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.has_writer.store(false, Relaxed);
        self.0.queue.wake_all();
    }
}

impl File for ReadEnd {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        self.0.read(to)
    }

    fn poll(&self, _: &Thread) -> u32 {
        self.0.poll()
    }

    fn queue(&self, _: &Thread) -> Option<WaitQueue> {
        Some(self.0.0.queue.clone())
    }

    fn status(&self) -> Status {
        Status { mode: kind::PIPE | 0o600, ..Status::default() }
    }

    fn listener(&self) -> Option<&IrqLock<Option<Listener>>> {
        Some(&self.0.0.listener)
    }
}

impl File for WriteEnd {
    fn write(&self, by: &Thread, _: u64, from: &[u8]) -> Result<usize, Failure> {
        self.0.write(by, from)
    }

    fn poll(&self, _: &Thread) -> u32 {
        self.0.poll()
    }

    fn queue(&self, _: &Thread) -> Option<WaitQueue> {
        Some(self.0.0.queue.clone())
    }

    fn status(&self) -> Status {
        Status { mode: kind::PIPE | 0o600, ..Status::default() }
    }
}

impl File for Socket {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        self.reader.read(to)
    }

    fn write(&self, by: &Thread, _: u64, from: &[u8]) -> Result<usize, Failure> {
        self.writer.write(by, from)
    }

    fn poll(&self, _: &Thread) -> u32 {
        self.reader.poll() | self.writer.poll() & !POLLERR
    }

    fn queue(&self, _: &Thread) -> Option<WaitQueue> {
        Some(self.reader.0.queue.clone())
    }

    fn status(&self) -> Status {
        Status { mode: kind::SOCKET | 0o777, ..Status::default() }
    }

    fn listener(&self) -> Option<&IrqLock<Option<Listener>>> {
        Some(&self.reader.0.listener)
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
        const POLL_IN: i32 = 1;
        const SI_SIGIO: i32 = -5;
        let (signal, cause) = match self.owner.signal {
            None => (Signal::SIGIO, KernelCause::Kernel),
            Some(signal) => {
                let code = if has_codes_of_its_own(signal) { SI_SIGIO } else { POLL_IN };
                let (value, number) = (READABLE.into(), self.descriptor.cast_signed());
                (signal, KernelCause::Event { code, value, number, sender: None })
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
fn has_codes_of_its_own(signal: Signal) -> bool {
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
