//! Open files, and the tables in which threads have them.

pub(crate) mod calls;
mod handles;
mod pipe;
mod proc;
mod tree;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axprocess::Errno;
use linux_raw_sys::general::*;

pub(crate) use handles::{Pidfd, Signalfd};
pub(crate) use pipe::take;
pub(crate) use tree::{Node, Opened, Place, boot};

use crate::call::{Answer, Call, Failure, ensure};
use crate::host::Thread;
use crate::machine::{IrqLock, SharedPages};
use crate::user_memory::{boxed, shared};
use crate::wait::Key;

/// What stands behind an open file. Nothing here sleeps: where there is nothing to do yet, the answer is `EAGAIN`, and the call sleeps by the file's key.
pub(crate) trait File: Any + Send + Sync {
    fn read(&self, _by: &Thread, _at: u64, _to: &mut [u8]) -> Result<usize, Failure> {
        Err(Errno::EINVAL.into())
    }

    fn write(&self, _by: &Thread, _from: &[u8]) -> Result<usize, Failure> {
        Err(Errno::EINVAL.into())
    }

    /// What it is ready for, and where who waits for more sleeps; none: nobody has to.
    fn poll(&self, _by: &Thread) -> (u32, Option<Key>) {
        (READABLE | WRITABLE, None)
    }

    fn ioctl(&self, _call: &Call<'_>, _request: u32, _argument: u64) -> Answer {
        Err(Errno::ENOTTY.into())
    }

    fn status(&self) -> Status {
        Status::default()
    }

    /// What it has in memory: then it has a position too.
    fn content(&self) -> Option<&Arc<SharedPages>> {
        None
    }
}

pub(crate) const READABLE: u32 = POLLIN | POLLRDNORM;
pub(crate) const WRITABLE: u32 = POLLOUT | POLLWRNORM;

/// What fstat(2) tells.
#[derive(Clone, Copy, Default)]
pub(crate) struct Status {
    pub(crate) number: u64,
    /// Kind and permissions.
    pub(crate) mode: u32,
    pub(crate) device: u32,
    pub(crate) size: u64,
}

impl Status {
    pub(crate) fn of_kind(mode: u32) -> Self {
        Self { mode, ..Self::default() }
    }
}

/// An open file: what descriptors share that were copied from one another.
pub(crate) struct OpenFile {
    file: Box<dyn File>,
    flags: AtomicU32,
    position: IrqLock<u64>,
}

/// The flags that fcntl can change.
const CHANGEABLE: u32 = O_APPEND | O_NONBLOCK;

impl OpenFile {
    /// Opens a file for reading and writing.
    pub(crate) fn of(file: impl File) -> Result<Arc<Self>, Errno> {
        Self::with(boxed(file)?, O_RDWR)
    }

    pub(crate) fn with(file: Box<dyn File>, flags: u32) -> Result<Arc<Self>, Errno> {
        let flags = AtomicU32::new(flags & (O_ACCMODE | CHANGEABLE | O_PATH));
        shared(Self { file, flags, position: IrqLock::new(0) })
    }

    pub(crate) fn file(&self) -> &dyn File {
        &*self.file
    }

    /// The file, if it is one of that kind.
    pub(crate) fn as_kind<T: File>(&self) -> Option<&T> {
        (self.file() as &dyn Any).downcast_ref()
    }

    fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags() & flag != 0
    }

    pub(crate) fn change(&self, changed: u32, to: u32) {
        self.flags.fetch_and(!changed, Relaxed);
        self.flags.fetch_or(changed & to, Relaxed);
    }

    pub(crate) fn may_read(&self) -> bool {
        self.flags() & (O_PATH | O_ACCMODE) != O_WRONLY && !self.has(O_PATH)
    }

    pub(crate) fn may_write(&self) -> bool {
        self.has(O_ACCMODE) && !self.has(O_PATH)
    }
}

/// A table of open files.
#[derive(Default)]
pub(crate) struct Descriptors(IrqLock<Vec<Descriptor>>);

#[derive(Clone, Default)]
enum Descriptor {
    #[default]
    Free,
    /// Somebody is opening it.
    Reserved,
    /// With whether an exec closes it.
    Open(Arc<OpenFile>, bool),
}

/// `RLIMIT_NOFILE`.
pub(crate) const MOST: usize = 1024;

/// A descriptor that is promised to a file, until it is dropped.
pub(crate) struct Reserved {
    files: Arc<Descriptors>,
    pub(crate) number: u32,
}

impl Descriptors {
    /// Makes another with those of its files that are to be kept, asked with whether an exec closes them.
    pub(crate) fn copy(&self, is_kept: impl Fn(bool) -> bool) -> Result<Self, Errno> {
        let mut copy = Vec::new();
        let held = self.0.lock();
        copy.try_reserve(held.len()).map_err(|_| Errno::ENOMEM)?;
        copy.extend(held.iter().map(|it| match it {
            Descriptor::Open(_, on_exec) if is_kept(*on_exec) => it.clone(),
            _ => Descriptor::Free,
        }));
        drop(held);
        Ok(Self(IrqLock::new(copy)))
    }

    /// An open file, and whether an exec closes it. `EBADF`.
    fn get(&self, number: i32) -> Result<(Arc<OpenFile>, bool), Errno> {
        let held = self.0.lock();
        match usize::try_from(number).ok().and_then(|number| held.get(number)) {
            Some(Descriptor::Open(file, closes_on_exec)) => Ok((Arc::clone(file), *closes_on_exec)),
            _ => Err(Errno::EBADF),
        }
    }

    /// Finds the lowest free descriptor from one on. `EMFILE`, `ENOMEM`.
    pub(crate) fn reserve(self: &Arc<Self>, least: usize) -> Result<Reserved, Errno> {
        let mut held = self.0.lock();
        let is_free = |number: &usize| matches!(held.get(*number), None | Some(Descriptor::Free));
        let number = (least..MOST).find(is_free).ok_or(Errno::EMFILE)?;
        grow(&mut held, number + 1)?;
        held[number] = Descriptor::Reserved;
        Ok(Reserved { files: Arc::clone(self), number: number as u32 })
    }

    /// Puts a file at a number, in place of what is there. `EBADF`: there cannot be that number. `EBUSY`: it is being opened.
    fn put(&self, number: i32, file: Arc<OpenFile>) -> Result<(), Errno> {
        let number = usize::try_from(number).ok().filter(|it| *it < MOST).ok_or(Errno::EBADF)?;
        let mut held = self.0.lock();
        grow(&mut held, number + 1)?;
        ensure(!matches!(held[number], Descriptor::Reserved), Errno::EBUSY)?;
        let _before = core::mem::replace(&mut held[number], Descriptor::Open(file, false));
        drop(held);
        Ok(())
    }

    /// `EBADF`.
    fn set_closes_on_exec(&self, number: i32, closes: bool) -> Result<(), Errno> {
        let mut held = self.0.lock();
        let place = usize::try_from(number).ok().and_then(|number| held.get_mut(number));
        let Some(Descriptor::Open(_, on_exec)) = place else { return Err(Errno::EBADF) };
        *on_exec = closes;
        Ok(())
    }

    fn close(&self, number: i32) -> Result<(), Errno> {
        let mut held = self.0.lock();
        let place = usize::try_from(number).ok().and_then(|number| held.get_mut(number));
        let Some(place @ Descriptor::Open(..)) = place else { return Err(Errno::EBADF) };
        let _closed = core::mem::take(place);
        drop(held);
        Ok(())
    }
}

fn grow(held: &mut Vec<Descriptor>, len: usize) -> Result<(), Errno> {
    let more = len.saturating_sub(held.len());
    held.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
    held.extend(core::iter::repeat_n(Descriptor::Free, more));
    Ok(())
}

impl Reserved {
    /// Puts the file there; returns the number.
    pub(crate) fn fill(self, file: Arc<OpenFile>, closes_on_exec: bool) -> u64 {
        self.set(Descriptor::Open(file, closes_on_exec));
        self.number.into()
    }

    fn set(&self, to: Descriptor) {
        if let Some(place @ Descriptor::Reserved) =
            self.files.0.lock().get_mut(self.number as usize)
        {
            *place = to;
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.set(Descriptor::Free);
    }
}
