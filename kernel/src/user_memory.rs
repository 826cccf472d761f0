//! What stands in the memory of programs: bytes, words, strings.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::call::ensure;
use crate::machine::{AddressSpace, Fault, OutOfMemory, PAGE};

impl From<OutOfMemory> for Errno {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::ENOMEM
    }
}

/// What a change of mappings is refused with.
impl From<Fault> for Errno {
    fn from(fault: Fault) -> Self {
        if fault == Fault::Denied { Self::EACCES } else { Self::ENOMEM }
    }
}

/// The addresses of things of one size, from the first one on: none behind the end of user space is any program's.
pub(crate) fn places(at: u64, size: u64) -> impl Iterator<Item = u64> {
    core::iter::successors(Some(at), move |at| Some(at.wrapping_add(size)))
}

/// What cannot be read or written is `EFAULT`.
impl AddressSpace {
    pub(crate) fn get<T: FromBytes + IntoBytes>(&self, at: u64) -> Result<T, Errno> {
        let mut what = T::new_zeroed();
        self.copy_in(at, what.as_mut_bytes())?;
        Ok(what)
    }

    pub(crate) fn copy_in(&self, at: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        self.read(at, bytes).map_err(|_| Errno::EFAULT)
    }

    pub(crate) fn put<T>(&self, at: u64, what: &T) -> Result<(), Errno>
    where
        T: IntoBytes + Immutable + ?Sized,
    {
        self.write(at, what.as_bytes()).map_err(|_| Errno::EFAULT)
    }

    /// Writes to an address, unless that is 0.
    pub(crate) fn put_unless_null<T>(&self, at: u64, what: &T) -> Result<(), Errno>
    where
        T: IntoBytes + Immutable + ?Sized,
    {
        if at == 0 { Ok(()) } else { self.put(at, what) }
    }

    /// A string that a zero byte ends, which is not part of it. `ENOMEM`; the one given: it is longer than that.
    pub(crate) fn string(
        &self,
        at: u64,
        longest: usize,
        too_long: Errno,
    ) -> Result<Vec<u8>, Errno> {
        let mut string = Vec::new();
        loop {
            // As far as a page goes: behind its end there may be none.
            let mut bytes = [0; 256];
            let at = at.checked_add(string.len() as u64).ok_or(Errno::EFAULT)?;
            let len = (PAGE - at % PAGE).min(bytes.len() as u64) as usize;
            self.copy_in(at, &mut bytes[..len])?;
            let end = bytes[..len].iter().position(|byte| *byte == 0);
            let part = &bytes[..end.unwrap_or(len)];
            ensure(string.len() + part.len() <= longest, too_long)?;
            append(&mut string, part)?;
            if end.is_some() {
                return Ok(string);
            }
        }
    }

    pub(crate) fn path(&self, at: u64) -> Result<Vec<u8>, Errno> {
        self.string(at, PAGE as usize - 1, Errno::ENAMETOOLONG)
    }
}

/// Puts a thing where many can have it, if there is memory.
pub(crate) fn shared<T>(what: T) -> Result<Arc<T>, Errno> {
    Arc::try_new(what).map_err(|_| Errno::ENOMEM)
}

/// Puts a thing into a box, if there is memory.
pub(crate) fn boxed<T>(what: T) -> Result<Box<T>, Errno> {
    Box::try_new(what).map_err(|_| Errno::ENOMEM)
}

/// Adds bytes to a vector, if there is memory.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Errno> {
    to.try_reserve(bytes.len()).map_err(|_| Errno::ENOMEM)?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// Adds one thing to a vector, if there is memory.
pub(crate) fn push<T>(to: &mut Vec<T>, what: T) -> Result<(), Errno> {
    to.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
    to.push(what);
    Ok(())
}
