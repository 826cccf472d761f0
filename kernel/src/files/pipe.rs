//! Bytes from one end to another: pipe(2), and socketpair(2) of streams, which is two of them.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axprocess::{ARef, Errno, Identity, KernelCause, Signal};
use linux_raw_sys::general::{
    F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID, POLL_IN, POLLERR, POLLHUP, S_IFIFO, S_IFSOCK, SI_SIGIO,
};

use super::{File, READABLE, Status, WRITABLE};
use crate::call::{Failure, ensure};
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

/// What reads from one pipe, writes to one or, if it is a socket, both.
pub(crate) struct End {
    reads: Option<Arc<Pipe>>,
    writes: Option<Arc<Pipe>>,
}

fn pipe(key: Key) -> Result<Arc<Pipe>, Errno> {
    let mut bytes = VecDeque::new();
    bytes.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
    let (bytes, listener) = (IrqLock::new(bytes), IrqLock::new(None));
    let [has_reader, has_writer] = [const { AtomicBool::new(true) }; 2];
    shared(Pipe { bytes, has_reader, has_writer, key, listener })
}

/// Makes a pipe: the end to read, and the one to write. `ENOMEM`.
pub(crate) fn ends() -> Result<[End; 2], Errno> {
    let pipe = pipe(Key::fresh())?;
    let reads = Some(Arc::clone(&pipe));
    Ok([End { reads, writes: None }, End { reads: None, writes: Some(pipe) }])
}

/// Makes two connected sockets. `ENOMEM`.
pub(crate) fn sockets() -> Result<[End; 2], Errno> {
    let key = Key::fresh();
    let (one, other) = (Some(pipe(key)?), Some(pipe(key)?));
    Ok([End { reads: one.clone(), writes: other.clone() }, End { reads: other, writes: one }])
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(pipe) = &self.reads {
            pipe.has_reader.store(false, Relaxed);
            wait::wake_all(pipe.key);
        }
        if let Some(pipe) = &self.writes {
            pipe.has_writer.store(false, Relaxed);
            wait::wake_all(pipe.key);
        }
    }
}

impl File for End {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let pipe = self.reads.as_ref().ok_or(Errno::EBADF)?;
        // The last writer may leave behind the look.
        let has_writer = pipe.has_writer.load(Relaxed);
        let mut bytes = pipe.bytes.lock();
        let len = to.len().min(bytes.len());
        for (place, byte) in to.iter_mut().zip(bytes.drain(..len)) {
            *place = byte;
        }
        drop(bytes);
        ensure(len > 0 || to.is_empty() || !has_writer, Errno::EAGAIN)?;
        wait::wake_all(pipe.key);
        Ok(len)
    }

    fn write(&self, by: &Thread, from: &[u8]) -> Result<usize, Failure> {
        let pipe = self.writes.as_ref().ok_or(Errno::EBADF)?;
        if !pipe.has_reader.load(Relaxed) {
            by.send_signal(Signal::SIGPIPE, KernelCause::OnBehalfOf(by.process()));
            return Err(Errno::EPIPE.into());
        }
        let mut bytes = pipe.bytes.lock();
        let room = CAPACITY - bytes.len();
        let is_whole = from.len() <= ATOMIC && room < from.len();
        let written = if is_whole { 0 } else { from.len().min(room) };
        bytes.extend(&from[..written]);
        drop(bytes);
        ensure(written > 0 || from.is_empty(), Errno::EAGAIN)?;
        wait::wake_all(pipe.key);
        let listener = pipe.listener.lock().clone();
        if let Some(listener) = listener {
            listener.tell();
        }
        Ok(written)
    }

    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let set = |flag, is_set: bool| if is_set { flag } else { 0 };
        let to_read = self.reads.as_ref().map_or(0, |pipe| {
            set(POLLHUP, !pipe.has_writer.load(Relaxed))
                | set(READABLE, !pipe.bytes.lock().is_empty())
        });
        let to_write = self.writes.as_ref().map_or(0, |pipe| {
            // Of a socket it is the hang-up that tells.
            set(POLLERR, !pipe.has_reader.load(Relaxed) && self.reads.is_none())
                | set(WRITABLE, CAPACITY - pipe.bytes.lock().len() >= ATOMIC)
        });
        let pipe = self.reads.as_ref().or(self.writes.as_ref());
        (to_read | to_write, pipe.map(|pipe| pipe.key))
    }

    fn status(&self) -> Status {
        let is_socket = self.reads.is_some() && self.writes.is_some();
        Status::of_kind(if is_socket { S_IFSOCK | 0o777 } else { S_IFIFO | 0o600 })
    }

    fn listener(&self) -> Option<&IrqLock<Option<Listener>>> {
        self.reads.as_ref().map(|pipe| &pipe.listener)
    }
}

/// Whom `F_SETOWN` names.
#[derive(Clone)]
pub(crate) struct Owner {
    /// `F_OWNER_…`.
    pub(crate) kind: u32,
    pub(crate) identity: Option<ARef<Identity<Layer>>>,
    /// `F_SETSIG`; none: `SIGIO`, with no more said.
    pub(crate) signal: Option<Signal>,
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
                let (value, number) = (READABLE.into(), self.descriptor.cast_signed());
                (signal, KernelCause::Event { code, value, number, sender: None })
            }
        };
        let Some(owned) = &self.owner.identity else { return };
        match (self.owner.kind, owned.thread_or_leader(), owned.process()) {
            (F_OWNER_PGRP, ..) => {
                if let Some(group) = owned.group_of_number() {
                    group.send_signal(signal, cause, |_, _| true);
                }
            }
            (F_OWNER_TID, Some(thread), _) => thread.send_signal(signal, cause),
            (_, Some(thread), _) => thread.send_process_signal(signal, cause),
            // Its leader is dead, and takes nothing itself.
            (F_OWNER_PID, None, Some(process)) => process.send_signal(signal, cause),
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
