//! Address spaces: what a process sees below the middle of the 64-bit range.

use alloc::sync::Arc;

use super::OutOfMemory;

/// The size of a page.
pub(crate) const PAGE: u64 = 4096;

/// The first address that is no user's.
pub(crate) const USER_END: u64 = 0x0000_7fff_ffff_f000;

bitflags::bitflags! {
    /// What a user may do with a page; none of them: nothing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Protection: u8 {
        const READ = 1;
        const WRITE = 2;
        const EXECUTE = 4;
    }
}

/// Why an access is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is mapped there: `SEGV_MAPERR`, or `EFAULT` of a call.
    NotMapped,
    /// The mapping does not allow it: `SEGV_ACCERR`, or `EFAULT`.
    Denied,
    /// There is no memory for the page.
    OutOfMemory,
}

/// What stands behind a mapping. Pages come into being when they are touched first, with zeros.
#[derive(Clone)]
pub(crate) enum Backing {
    /// Memory of the address space's own; a fork copies it when one of the two writes.
    Private,
    /// Memory that a fork shares, from this page of it on.
    Shared(Arc<SharedPages>, usize),
}

/// Memory that several mappings, in one address space or more, see together.
pub(crate) struct SharedPages {}

impl SharedPages {
    /// Makes `pages` pages of zeros, which take memory when they are touched.
    pub(crate) fn new(pages: usize) -> Result<Arc<Self>, OutOfMemory> {
        let _ = pages;
        Err(OutOfMemory)
    }
}

/// Which word a futex is about: the same for all that see the same memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WordIdentity(usize, u64);

/// An address space.
///
/// All calls may sleep: they come from a task, with interrupts on and no [`IrqLock`](super::IrqLock) held; and so does the drop of the last reference.
/// Addresses and lengths of mappings are whole pages, not empty, and end at [`USER_END`] at most; else the call is [`Fault::NotMapped`].
pub(crate) struct AddressSpace {}

impl AddressSpace {
    /// Makes an empty one.
    pub(crate) fn new() -> Result<Arc<Self>, OutOfMemory> {
        Err(OutOfMemory)
    }

    /// Makes one with the same mappings, whose private memory is copied when it is written.
    pub(crate) fn fork(&self) -> Result<Arc<Self>, OutOfMemory> {
        Err(OutOfMemory)
    }

    /// Maps memory, in place of what was there. `OutOfMemory` also if so much cannot be free: nothing has changed.
    pub(crate) fn map(
        &self,
        start: u64,
        length: u64,
        protection: Protection,
        backing: Backing,
    ) -> Result<(), Fault> {
        let _ = (start, length, protection, backing);
        Err(Fault::OutOfMemory)
    }

    /// Finds a place for so much, at `hint` if that is free, else below the stack.
    pub(crate) fn find_free(&self, hint: u64, length: u64) -> Result<u64, OutOfMemory> {
        let _ = (hint, length);
        Err(OutOfMemory)
    }

    /// Whether nothing is mapped in a range.
    pub(crate) fn is_free(&self, start: u64, length: u64) -> bool {
        let _ = (start, length);
        false
    }

    /// Unmaps what is mapped in a range.
    pub(crate) fn unmap(&self, start: u64, length: u64) -> Result<(), Fault> {
        let _ = (start, length);
        Err(Fault::NotMapped)
    }

    /// Changes what may be done with a range. `NotMapped` if there is a hole in it; what stands before the hole has changed, as on Linux.
    pub(crate) fn protect(
        &self,
        start: u64,
        length: u64,
        protection: Protection,
    ) -> Result<(), Fault> {
        let _ = (start, length, protection);
        Err(Fault::NotMapped)
    }

    /// Brings in the page that a [`Trap::PageFault`](super::Trap::PageFault) is about, or says why it is none.
    pub(crate) fn handle_fault(&self, address: u64, is_write: bool) -> Result<(), Fault> {
        let _ = (address, is_write);
        Err(Fault::NotMapped)
    }

    /// Reads memory as the user would.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let _ = (address, buffer);
        Err(Fault::NotMapped)
    }

    /// Writes memory as the user would.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let _ = (address, bytes);
        Err(Fault::NotMapped)
    }

    /// Writes memory whatever its protection is, as a loader and a debugger do.
    pub(crate) fn write_forced(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let _ = (address, bytes);
        Err(Fault::NotMapped)
    }

    /// Reads an aligned word in one access: a futex.
    pub(crate) fn read_word(&self, address: u64) -> Result<u32, Fault> {
        let _ = address;
        Err(Fault::NotMapped)
    }

    /// Puts `new` into an aligned word where it is `old`, in one step, and returns what it was: FUTEX_WAKE_OP, robust futexes.
    pub(crate) fn compare_exchange_word(
        &self,
        address: u64,
        old: u32,
        new: u32,
    ) -> Result<u32, Fault> {
        let _ = (address, old, new);
        Err(Fault::NotMapped)
    }

    /// Says which word an address is, for a futex.
    pub(crate) fn word_identity(&self, address: u64) -> Result<WordIdentity, Fault> {
        Ok(WordIdentity(core::ptr::from_ref(self).addr(), address))
    }
}
