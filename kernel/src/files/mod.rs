//! Open files, and the tables in which threads have them.

pub(crate) mod calls;
mod handles;
mod pipe;
mod proc;
mod tree;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axprocess::Errno;

pub(crate) use handles::{Pidfd, Signalfd};
use pipe::{Listener, Owner};
pub(crate) use tree::{Directory, Follow, Node, boot, walk};

use crate::call::{Answer, Call, Failure};
use crate::host::Thread;
use crate::machine::IrqLock;
use crate::user_memory::{boxed, shared};
use crate::wait_queue::WaitQueue;

/// `O_…`.
pub(crate) mod flags {
    pub(crate) const ACCESS: u32 = 3;
    pub(crate) const WRITE_ONLY: u32 = 1;
    pub(crate) const READ_WRITE: u32 = 2;
    pub(crate) const CREATE: u32 = 0o100;
    pub(crate) const EXCLUSIVE: u32 = 0o200;
    pub(crate) const NOCTTY: u32 = 0o400;
    pub(crate) const TRUNCATE: u32 = 0o1000;
    pub(crate) const APPEND: u32 = 0o2000;
    pub(crate) const NONBLOCK: u32 = 0o4000;
    pub(crate) const ASYNC: u32 = 0o2_0000;
    pub(crate) const DIRECTORY: u32 = 0o20_0000;
    pub(crate) const NOFOLLOW: u32 = 0o40_0000;
    pub(crate) const CLOEXEC: u32 = 0o200_0000;
    pub(crate) const PATH: u32 = 0o1000_0000;
    /// Those that fcntl can change.
    pub(crate) const CHANGEABLE: u32 = APPEND | NONBLOCK | ASYNC;
}

/// What stands behind an open file. Nothing here sleeps: where there is nothing to do yet, the answer is `EAGAIN`, and the call sleeps in the queue.
pub(crate) trait File: Send + Sync {
    fn read(&self, by: &Thread, at: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let _ = (by, at, to);
        Err(Errno::EINVAL.into())
    }

    fn write(&self, by: &Thread, at: u64, from: &[u8]) -> Result<usize, Failure> {
        let _ = (by, at, from);
        Err(Errno::EINVAL.into())
    }

    fn poll(&self, by: &Thread) -> u32 {
        let _ = by;
        READABLE | WRITABLE
    }

    /// Where who waits for the file sleeps; none: nobody has to.
    fn queue(&self, by: &Thread) -> Option<WaitQueue> {
        let _ = by;
        None
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        let _ = (call, request, argument);
        Err(Errno::ENOTTY.into())
    }

    fn status(&self) -> Status;

    /// The file in the tree, if it is one.
    fn node(&self) -> Option<&Arc<Node>> {
        None
    }

    fn as_directory(&self) -> Option<&Directory> {
        None
    }

    fn as_pidfd(&self) -> Option<&Pidfd> {
        None
    }

    fn as_signalfd(&self) -> Option<&Signalfd> {
        None
    }

    /// Where it is kept who is told when it becomes readable: `O_ASYNC`.
    fn listener(&self) -> Option<&IrqLock<Option<Listener>>> {
        None
    }

    /// Whether it has a position.
    fn is_seekable(&self) -> bool {
        false
    }
}

pub(crate) const POLLIN: u32 = 0x1;
pub(crate) const POLLOUT: u32 = 0x4;
pub(crate) const POLLERR: u32 = 0x8;
pub(crate) const POLLHUP: u32 = 0x10;
pub(crate) const POLLNVAL: u32 = 0x20;
pub(crate) const READABLE: u32 = POLLIN | 0x40;
pub(crate) const WRITABLE: u32 = POLLOUT | 0x100;

/// What fstat(2) tells.
#[derive(Clone, Copy, Default)]
pub(crate) struct Status {
    pub(crate) number: u64,
    /// Kind and permissions.
    pub(crate) mode: u32,
    pub(crate) device: u32,
    pub(crate) size: u64,
}

/// Kinds of files, in a mode.
pub(crate) mod kind {
    pub(crate) const MASK: u32 = 0o17_0000;
    pub(crate) const PIPE: u32 = 0o1_0000;
    pub(crate) const CHARACTERS: u32 = 0o2_0000;
    pub(crate) const DIRECTORY: u32 = 0o4_0000;
    pub(crate) const REGULAR: u32 = 0o10_0000;
    pub(crate) const LINK: u32 = 0o12_0000;
    pub(crate) const SOCKET: u32 = 0o14_0000;
}

/// An open file: what descriptors share that were copied from one another.
pub(crate) struct OpenFile {
    file: Box<dyn File>,
    flags: AtomicU32,
    position: IrqLock<u64>,
    owner: IrqLock<Option<Owner>>,
}

impl OpenFile {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn of(file: impl File + 'static) -> Result<Arc<Self>, Errno> {
        let file = boxed(file)?;
        Self::with(file, flags::READ_WRITE)
    }

    pub(crate) fn with(file: Box<dyn File>, flags: u32) -> Result<Arc<Self>, Errno> {
        let flags = AtomicU32::new(flags & (flags::ACCESS | flags::CHANGEABLE | flags::PATH));
        let (position, owner) = (IrqLock::new(0), IrqLock::new(None));
        shared(Self { file, flags, position, owner })
    }

    pub(crate) fn kind(&self) -> &dyn File {
        &*self.file
    }

    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    fn has(&self, flag: u32) -> bool {
        self.flags() & flag != 0
    }

    fn change(&self, changed: u32, to: u32) {
        self.flags.fetch_and(!changed, Relaxed);
        self.flags.fetch_or(changed & to, Relaxed);
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.has(flags::NONBLOCK)
    }

    pub(crate) fn set_nonblocking(&self, is_set: bool) {
        self.change(flags::NONBLOCK, if is_set { flags::NONBLOCK } else { 0 });
    }

    fn may_read(&self) -> bool {
        !self.has(flags::PATH) && self.flags() & flags::ACCESS != flags::WRITE_ONLY
    }

    fn may_write(&self) -> bool {
        !self.has(flags::PATH) && self.flags() & flags::ACCESS != 0
    }
}

/// A table of open files.
pub(crate) struct Descriptors(IrqLock<Vec<Descriptor>>);

#[derive(Clone, Default)]
enum Descriptor {
    #[default]
    Free,
    /// Somebody is opening it.
    Reserved,
    Open {
        file: Arc<OpenFile>,
        closes_on_exec: bool,
    },
}

/// `RLIMIT_NOFILE`.
pub(crate) const MOST: usize = 1024;

/// A descriptor that is promised to a file, until it is dropped.
pub(crate) struct Reserved {
    files: Arc<Descriptors>,
    number: usize,
}

impl Descriptors {
    pub(crate) const fn new() -> Self {
        Self(IrqLock::new(Vec::new()))
    }

    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn copy(&self) -> Result<Self, Errno> {
        let mut copy = Vec::new();
        let held = self.0.lock();
        copy.try_reserve(held.len()).map_err(|_| Errno::ENOMEM)?;
        copy.extend(held.iter().map(|it| match it {
            Descriptor::Reserved => Descriptor::Free,
            other => other.clone(),
        }));
        drop(held);
        Ok(Self(IrqLock::new(copy)))
    }

    /// # Errors
    ///
    /// `EBADF`.
    pub(crate) fn get(&self, number: i32) -> Result<Arc<OpenFile>, Errno> {
        let held = self.0.lock();
        match usize::try_from(number).ok().and_then(|number| held.get(number)) {
            Some(Descriptor::Open { file, .. }) => Ok(Arc::clone(file)),
            _ => Err(Errno::EBADF),
        }
    }

    /// Finds the lowest free descriptor from one on.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub(crate) fn reserve(self: &Arc<Self>, least: usize) -> Result<Reserved, Errno> {
        let mut held = self.0.lock();
        let is_free = |number: usize, held: &Vec<Descriptor>| {
            held.get(number).is_none_or(|it| matches!(it, Descriptor::Free))
        };
        let number = (least..MOST).find(|number| is_free(*number, &held)).ok_or(Errno::EMFILE)?;
        grow(&mut held, number + 1)?;
        held[number] = Descriptor::Reserved;
        Ok(Reserved { files: Arc::clone(self), number })
    }

    /// Puts a file at a number, in place of what is there.
    ///
    /// # Errors
    ///
    /// `EBADF`: there cannot be that number. `EBUSY`: it is being opened. `ENOMEM`.
    pub(crate) fn put(
        &self,
        number: i32,
        file: Arc<OpenFile>,
        closes_on_exec: bool,
    ) -> Result<(), Errno> {
        let number = usize::try_from(number).ok().filter(|it| *it < MOST).ok_or(Errno::EBADF)?;
        let mut held = self.0.lock();
        grow(&mut held, number + 1)?;
        if matches!(held[number], Descriptor::Reserved) {
            return Err(Errno::EBUSY);
        }
        let new = Descriptor::Open { file, closes_on_exec };
        let before = core::mem::replace(&mut held[number], new);
        drop(held);
        drop(before);
        Ok(())
    }

    /// # Errors
    ///
    /// `EBADF`.
    pub(crate) fn close(&self, number: i32) -> Result<(), Errno> {
        let mut held = self.0.lock();
        let place = usize::try_from(number).ok().and_then(|number| held.get_mut(number));
        let place = place.filter(|it| matches!(it, Descriptor::Open { .. })).ok_or(Errno::EBADF)?;
        let closed = core::mem::take(place);
        drop(held);
        drop(closed);
        Ok(())
    }

    pub(crate) fn close_on_exec(&self) {
        let len = self.0.lock().len();
        for number in 0..len {
            let mut held = self.0.lock();
            let closes =
                matches!(held.get(number), Some(Descriptor::Open { closes_on_exec: true, .. }));
            let closed = closes.then(|| core::mem::take(&mut held[number]));
            drop(held);
            drop(closed);
        }
    }

    /// Whether a descriptor is closed by an exec; with a value, makes it so.
    ///
    /// # Errors
    ///
    /// `EBADF`.
    fn closes_on_exec(&self, number: i32, new: Option<bool>) -> Result<bool, Errno> {
        let mut held = self.0.lock();
        match usize::try_from(number).ok().and_then(|number| held.get_mut(number)) {
            Some(Descriptor::Open { closes_on_exec, .. }) => {
                let before = *closes_on_exec;
                *closes_on_exec = new.unwrap_or(before);
                Ok(before)
            }
            _ => Err(Errno::EBADF),
        }
    }
}

fn grow(held: &mut Vec<Descriptor>, len: usize) -> Result<(), Errno> {
    if held.len() < len {
        held.try_reserve(len - held.len()).map_err(|_| Errno::ENOMEM)?;
        held.resize_with(len, Descriptor::default);
    }
    Ok(())
}

impl Reserved {
    pub(crate) fn number(&self) -> u32 {
        self.number as u32
    }

    /// Puts the file there.
    pub(crate) fn fill(self, file: Arc<OpenFile>, closes_on_exec: bool) {
        let mut held = self.files.0.lock();
        if let Some(place @ Descriptor::Reserved) = held.get_mut(self.number) {
            *place = Descriptor::Open { file, closes_on_exec };
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(place @ Descriptor::Reserved) = self.files.0.lock().get_mut(self.number) {
            *place = Descriptor::Free;
        }
    }
}
