//! Physical memory: frames of one page each, counted.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::OutOfMemory;
use super::lock::IrqLock;
use super::space::PAGE;

/// Where physical memory is seen, the first 4 GiB of it.
const DIRECT: u64 = 0xffff_8000_0000_0000;

/// Returns where a physical address is seen.
pub(super) const fn direct(physical: u64) -> *mut u8 {
    (DIRECT + physical) as *mut u8
}

/// Returns the physical address of what is seen there.
pub(super) fn physical(place: *const u8) -> u64 {
    place.addr() as u64 - DIRECT
}

/// The registers of a device, at a physical address.
pub(super) struct Device(pub(super) u64);

impl Device {
    pub(super) fn read(&self, register: u64) -> u32 {
        // SAFETY: only the devices of this machine are made, and what is read of them is a number.
        unsafe { direct(self.0 + register).cast::<u32>().read_volatile() }
    }

    pub(super) fn write(&self, register: u64, value: u32) {
        // SAFETY: none of the registers written has the device touch memory.
        unsafe { direct(self.0 + register).cast::<u32>().write_volatile(value) }
    }
}

/// A page of memory, and one of the references to it: the last gives it back.
pub(super) struct Frame(NonNull<u8>);

// SAFETY: it owns its share of the count, and what is in the page is read and written as a device would.
unsafe impl Send for Frame {}
// SAFETY: as above.
unsafe impl Sync for Frame {}

/// The frames that nobody has.
struct Free {
    /// The first of those given back; each has the address of the next in its first word.
    returned: Option<NonNull<u8>>,
    /// Those that nobody has ever had.
    untouched: u64,
    end: u64,
}

// SAFETY: it owns all that it points to.
unsafe impl Send for Free {}

static FREE: IrqLock<Free> = IrqLock::new(Free { returned: None, untouched: 0, end: 0 });
static FREE_COUNT: AtomicUsize = AtomicUsize::new(0);
/// The counts of references, one for each frame of memory, from physical address 0 on.
static COUNTS: AtomicUsize = AtomicUsize::new(0);

/// Gives out the memory between two physical addresses from here on.
pub(super) fn start(first: u64, end: u64) {
    let counts = first.next_multiple_of(PAGE);
    let length = (end / PAGE) as usize * size_of::<AtomicU32>();
    // SAFETY: the memory is nobody's yet.
    unsafe { direct(counts).write_bytes(0, length) };
    COUNTS.store(direct(counts).addr(), Ordering::Relaxed);
    let first = (counts + length as u64).next_multiple_of(PAGE);
    let frames = ((end - first) / PAGE) as usize;
    let mut free = FREE.lock();
    (free.untouched, free.end) = (first, first + frames as u64 * PAGE);
    FREE_COUNT.store(frames, Ordering::Relaxed);
}

/// Below so many, no user is promised more: those that have been find them when they touch them.
const MARGIN: usize = 2048;

/// Whether a user can be promised so many pages more.
pub(super) fn may_promise(pages: usize) -> Result<(), OutOfMemory> {
    let free = FREE_COUNT.load(Ordering::Relaxed);
    if free > MARGIN + pages { Ok(()) } else { Err(OutOfMemory) }
}

impl Frame {
    /// Takes a frame of zeros.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let mut free = FREE.lock();
        let page = if let Some(page) = free.returned {
            // SAFETY: a returned frame has the next one's address there.
            free.returned = unsafe { page.cast::<Option<NonNull<u8>>>().read() };
            page
        } else if free.untouched < free.end {
            let page = direct(free.untouched);
            free.untouched += PAGE;
            NonNull::new(page).ok_or(OutOfMemory)?
        } else {
            return Err(OutOfMemory);
        };
        FREE_COUNT.fetch_sub(1, Ordering::Relaxed);
        drop(free);
        let frame = Self(page);
        // SAFETY: the page is nobody else's.
        unsafe { page.write_bytes(0, PAGE as usize) };
        frame.count().store(1, Ordering::Relaxed);
        Ok(frame)
    }

    pub(super) fn physical(&self) -> u64 {
        physical(self.0.as_ptr())
    }

    /// Gives the reference to a page table, as the physical address.
    pub(super) fn into_physical(self) -> u64 {
        let physical = self.physical();
        core::mem::forget(self);
        physical
    }

    /// Takes a reference back out of a page table.
    ///
    /// # Safety
    ///
    /// It was given by [`into_physical`](Self::into_physical), and is taken once.
    pub(super) unsafe fn from_physical(physical: u64) -> Self {
        // SAFETY: no address at DIRECT is null.
        Self(unsafe { NonNull::new_unchecked(direct(physical)) })
    }

    /// Whether nobody else refers to it.
    pub(super) fn is_sole(&self) -> bool {
        self.count().load(Ordering::Acquire) == 1
    }

    pub(super) fn read(&self, offset: usize, buffer: &mut [u8]) {
        let length = buffer.len().min((PAGE as usize).saturating_sub(offset));
        // SAFETY: it is within the page, which is no object of the kernel's; what a user writes meanwhile makes the bytes any.
        unsafe { self.0.add(offset).as_ptr().copy_to_nonoverlapping(buffer.as_mut_ptr(), length) }
    }

    pub(super) fn write(&self, offset: usize, bytes: &[u8]) {
        let length = bytes.len().min((PAGE as usize).saturating_sub(offset));
        // SAFETY: as above.
        unsafe { self.0.add(offset).as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), length) }
    }

    pub(super) fn copy_from(&self, other: &Self) {
        // SAFETY: both are whole pages, and not the same one: a copy is made into a new one.
        unsafe { self.0.copy_from_nonoverlapping(other.0, PAGE as usize) }
    }

    /// Returns an aligned word of it.
    pub(super) fn word(&self, offset: usize) -> &AtomicU32 {
        let offset = (offset % PAGE as usize) & !3;
        // SAFETY: it is aligned and within the page.
        unsafe { self.0.add(offset).cast().as_ref() }
    }

    fn count(&self) -> &AtomicU32 {
        let index = (self.physical() / PAGE) as usize;
        // SAFETY: `start` has made one for each frame.
        unsafe { &*(COUNTS.load(Ordering::Relaxed) as *const AtomicU32).add(index) }
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        self.count().fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if self.count().fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let mut free = FREE.lock();
        // SAFETY: this was the last reference.
        unsafe { self.0.cast::<Option<NonNull<u8>>>().write(free.returned) };
        free.returned = Some(self.0);
        FREE_COUNT.fetch_add(1, Ordering::Relaxed);
    }
}
