//! The memory that the controller shares with its workers: one slot for each.
//!
//! A slot holds the order that the worker is to carry out, what came of it, the signals that its handler has seen, and the worker's
//! stack. All of it lies at the same address in every process, so that a worker finds its way back to it after an exec, and a
//! pointer in an order means the same to both.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64};

use super::watch::refused;

/// How many workers there can be.
pub(crate) const SLOTS: usize = 48;
/// How many signals a worker can note between two looks.
pub(super) const RECORDS: usize = 64;

const BASE: u64 = 0x1000_0000_0000;
/// A handler's frame takes some 3,000 bytes of it, and many can be entered at once.
const SIZE: u64 = 0x4_0000;

/// One worker's part of the memory.
#[repr(C)]
pub(super) struct Slot {
    /// The number of the last order; the worker sleeps on it.
    pub(super) ordered: AtomicU32,
    /// The number of the last order that was carried out.
    pub(super) done: AtomicU32,
    /// The system call to make; clone3 is special.
    pub(super) call: AtomicU64,
    /// Its arguments.
    pub(super) arguments: [AtomicU64; 6],
    /// The slot of the child that a clone3 makes.
    pub(super) child: AtomicU64,
    /// What the call returned.
    pub(super) result: AtomicI64,
    /// The worker's own numbers, as it sees them.
    pub(super) pid: AtomicI32,
    pub(super) tid: AtomicI32,
    /// Where the worker's program has its signal handler, and what the handler returns to.
    pub(super) handler: AtomicU64,
    pub(super) restorer: AtomicU64,
    /// How many signals the handler has seen.
    pub(super) recorded: AtomicU32,
    pub(super) records: [Record; RECORDS],
    /// Room for what the arguments point to.
    pub(super) scratch: [AtomicU64; 128],
}

/// What a handler was told.
#[repr(C)]
#[derive(Default)]
pub(super) struct Record {
    pub(super) signal: AtomicI32,
    pub(super) code: AtomicI32,
    pub(super) pid: AtomicI32,
    /// `si_status` or `si_value`.
    pub(super) status: AtomicI32,
    /// What was blocked while the handler ran.
    pub(super) mask: AtomicU64,
}

impl Slot {
    /// The slot of that index.
    ///
    /// The memory must be mapped: by the controller, or by a worker after its exec.
    pub(super) fn at(index: usize) -> &'static Self {
        let address = BASE + (index.min(SLOTS - 1) as u64) * SIZE;
        // SAFETY: an `Arena` is mapped there for as long as the process lives, and every field is an atomic integer.
        unsafe { &*(address as *const Self) }
    }

    /// The slot on whose stack the caller runs.
    pub(super) fn of_stack(pointer: u64) -> &'static Self {
        Self::at((pointer.wrapping_sub(BASE) / SIZE) as usize)
    }

    /// Which slot this is.
    pub(super) fn index(&self) -> u64 {
        (self.address() - BASE) / SIZE
    }

    pub(super) fn address(&self) -> u64 {
        std::ptr::from_ref(self) as u64
    }

    /// Where the worker's stack begins, and how long it is.
    pub(super) fn stack(&self) -> (u64, u64) {
        let size = SIZE - size_of::<Self>().next_multiple_of(64) as u64;
        (self.address() + SIZE - size, size)
    }
}

/// The memory of all slots.
#[derive(Debug)]
pub(super) struct Arena {
    file: OwnedFd,
}

impl Arena {
    /// Makes the memory and maps it.
    pub(super) fn create() -> io::Result<Self> {
        // SAFETY: the name is a C string; no other pointers.
        let file = unsafe { libc::memfd_create(c"lockstep".as_ptr(), 0) };
        if file < 0 {
            return Err(refused("memfd_create", &io::Error::last_os_error()));
        }
        // SAFETY: the descriptor was just made, and belongs to nobody else.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        // SAFETY: takes plain numbers.
        if unsafe { libc::ftruncate(file.as_raw_fd(), (SIZE * SLOTS as u64).cast_signed()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        map(file.as_raw_fd())?;
        Ok(Self { file })
    }

    /// The file behind the memory; workers inherit it through exec.
    pub(super) fn file(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

/// Maps the memory at its place.
pub(super) fn map(file: i32) -> io::Result<()> {
    // SAFETY: asks for pages that nothing else uses; the kernel refuses if something does.
    let at = unsafe {
        libc::mmap(
            BASE as *mut libc::c_void,
            (SIZE * SLOTS as u64) as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE,
            file,
            0,
        )
    };
    if at as u64 == BASE { Ok(()) } else { Err(io::Error::last_os_error()) }
}
