//! Address spaces: what a process sees below the middle of the 64-bit range.
//!
//! What is mapped stands in regions, with the pages that are there. The page tables say less, never more: they are filled by faults, and cleared where a region changes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use super::frame::{Frame, may_promise};
use super::lock::{IrqLock, Mutex};
use super::processor::processor;
use super::tables::{NO_EXECUTE, Tables, USER, WRITABLE, kernel_root, load};
use super::{OutOfMemory, shootdown};
use crate::wait::Key;

/// The size of a page.
pub(crate) const PAGE: u64 = 4096;

/// The first address that is no user's.
pub(crate) const USER_END: u64 = 0x0000_7fff_ffff_f000;

bitflags::bitflags! {
    /// What a user may do with a page, or does with it.
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
    /// It is behind the end of the file that is mapped: `SIGBUS`.
    BehindEnd,
    /// There is no memory for the page.
    OutOfMemory,
}

impl From<OutOfMemory> for Fault {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// What stands behind a mapping. Pages come into being when they are touched first, with zeros.
#[derive(Clone)]
pub(crate) enum Backing {
    /// Memory of the address space's own; a fork copies it when one of the two writes.
    Private,
    /// Memory that a fork shares, from this page of it on.
    Shared(Arc<SharedPages>, usize),
    /// The same, and nobody writes to it here: a file that is open for reading only.
    Viewed(Arc<SharedPages>, usize),
    /// Memory of its own, that begins with what stands there, from this page of it on, until it is written.
    Copied(Arc<SharedPages>, usize),
}

/// Where something is to be mapped.
pub(crate) enum Placement {
    /// Where so much is free, below the stack.
    Anywhere(u64),
    /// There, if nothing is.
    IfFree(Range<u64>),
    /// There, in place of what is.
    Replacing(Range<u64>),
}

/// Bytes from a place on, cut where pages end: for each piece its place, and which bytes it is.
fn pieces(at: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let here = at.wrapping_add(done as u64);
        let piece = done..length.min(done + (PAGE - here % PAGE) as usize);
        done = piece.end;
        (!piece.is_empty()).then_some((here, piece))
    })
}

const fn offset(at: u64) -> usize {
    (at % PAGE) as usize
}

/// Memory that several mappings, in one address space or more, see together: the content of a file. All calls may sleep.
pub(crate) struct SharedPages(Mutex<Content>);

struct Content {
    frames: Vec<Option<Frame>>,
    len: u64,
}

impl SharedPages {
    /// Makes an empty one.
    pub(crate) fn new() -> Result<Arc<Self>, OutOfMemory> {
        let content = Content { frames: Vec::new(), len: 0 };
        Arc::try_new(Self(Mutex::new(content))).map_err(|_| OutOfMemory)
    }

    /// Returns the length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.0.lock().len
    }

    /// Makes it shorter, or longer by zeros, which take memory when they are touched; what it has taken it gives back as a whole. `OutOfMemory` also if so much cannot be free.
    pub(crate) fn resize(&self, len: u64) -> Result<(), OutOfMemory> {
        self.0.lock().resize(len)
    }

    /// Reads from a place on, up to the end; returns how much that was.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
        let content = self.0.lock();
        let length = content.len.saturating_sub(at).min(buffer.len() as u64) as usize;
        for (here, piece) in pieces(at, length) {
            match content.frames.get((here / PAGE) as usize) {
                Some(Some(frame)) => frame.read(offset(here), &mut buffer[piece]),
                _ => buffer[piece].fill(0),
            }
        }
        length
    }

    /// Writes from a place on, and makes it longer if it has to be.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let end = at.checked_add(bytes.len() as u64).ok_or(OutOfMemory)?;
        let mut content = self.0.lock();
        if end > content.len {
            content.resize(end)?;
        }
        for (here, piece) in pieces(at, bytes.len()) {
            content.frame((here / PAGE) as usize)?.write(offset(here), &bytes[piece]);
        }
        Ok(())
    }

    fn frame(&self, index: usize) -> Result<Frame, Fault> {
        let mut content = self.0.lock();
        if index as u64 >= content.len.div_ceil(PAGE) {
            return Err(Fault::BehindEnd);
        }
        Ok(content.frame(index)?.clone())
    }
}

impl Content {
    fn resize(&mut self, len: u64) -> Result<(), OutOfMemory> {
        let pages = usize::try_from(len.div_ceil(PAGE)).map_err(|_| OutOfMemory)?;
        let more = pages.saturating_sub(self.frames.len());
        may_promise(more)?;
        self.frames.try_reserve(more).map_err(|_| OutOfMemory)?;
        self.frames.extend(core::iter::repeat_n(None, more));
        // What is behind the end is zero, also if it grows again. It stays: somebody may have it mapped.
        for (here, piece) in pieces(len, self.len.saturating_sub(len) as usize) {
            if let Some(Some(frame)) = self.frames.get((here / PAGE) as usize) {
                frame.write(offset(here), &[0; PAGE as usize][..piece.len()]);
            }
        }
        self.len = len;
        Ok(())
    }

    fn frame(&mut self, index: usize) -> Result<&Frame, OutOfMemory> {
        let place = self.frames.get_mut(index).ok_or(OutOfMemory)?;
        if place.is_none() {
            *place = Some(Frame::new()?);
        }
        place.as_ref().ok_or(OutOfMemory)
    }
}

/// An address space.
///
/// All calls may sleep: they come from a task, with interrupts on and no [`IrqLock`] held; and so does the drop of the last reference.
/// Ranges are of whole pages, not empty, and end at [`USER_END`] at most; else the call is [`Fault::NotMapped`].
pub(crate) struct AddressSpace {
    memory: Mutex<Memory>,
    root: u64,
    /// The processors that use the tables, one bit for each.
    users: AtomicU32,
    /// What brk(2) moves the end of.
    pub(crate) heap: IrqLock<Range<u64>>,
}

struct Memory {
    /// By address.
    regions: Vec<Region>,
    tables: Tables,
}

struct Region {
    range: Range<u64>,
    protection: Protection,
    backing: Backing,
    /// The pages that are the region's own, up to the last that is there: none, if it is shared. A fork has them too, until one of the two writes.
    own: Vec<Option<Frame>>,
}

impl AddressSpace {
    /// Makes an empty one.
    pub(crate) fn new() -> Result<Arc<Self>, OutOfMemory> {
        Self::of(Vec::new(), 0..0)
    }

    fn of(regions: Vec<Region>, heap: Range<u64>) -> Result<Arc<Self>, OutOfMemory> {
        let tables = Tables::new()?;
        let (root, users) = (tables.root(), AtomicU32::new(0));
        let memory = Mutex::new(Memory { regions, tables });
        Arc::try_new(Self { memory, root, users, heap: IrqLock::new(heap) })
            .map_err(|_| OutOfMemory)
    }

    /// Makes one with the same mappings, whose private memory is copied when it is written.
    pub(crate) fn fork(&self) -> Result<Arc<Self>, OutOfMemory> {
        may_promise(0)?;
        let memory = self.memory.lock();
        let mut regions = Vec::new();
        regions.try_reserve(memory.regions.len()).map_err(|_| OutOfMemory)?;
        for region in &memory.regions {
            regions.push(region.copy(0)?);
        }
        // A page that may be written is first looked at from here on: it is another's too.
        self.keep(&memory, 0..USER_END, !WRITABLE);
        drop(memory);
        Self::of(regions, self.heap.lock().clone())
    }

    /// Has the tables, and all processors, keep these bits alone of what is mapped in a range.
    fn keep(&self, memory: &Memory, range: Range<u64>, bits: u64) {
        if memory.tables.keep(&range, bits) {
            shootdown::flush(&self.users);
        }
    }

    /// Maps memory; returns where, or nothing if that is taken. `OutOfMemory` also if so much cannot be free: nothing has changed.
    pub(crate) fn map(
        &self,
        placement: Placement,
        protection: Protection,
        backing: Backing,
    ) -> Result<Option<u64>, Fault> {
        let mut memory = self.memory.lock();
        let range = match placement {
            Placement::Anywhere(length) => memory.find_free(length)?,
            Placement::IfFree(range) if !memory.inside(&range).is_empty() => return Ok(None),
            Placement::IfFree(range) | Placement::Replacing(range) => range,
        };
        if matches!(backing, Backing::Private) {
            may_promise((range.end.saturating_sub(range.start) / PAGE) as usize)?;
        }
        let inside = memory.cut(&range)?;
        self.keep(&memory, range.clone(), NOTHING);
        let (index, start) = (inside.start, range.start);
        memory.regions.drain(inside);
        memory.regions.insert(index, Region { range, protection, backing, own: Vec::new() });
        Ok(Some(start))
    }

    /// Unmaps what is mapped in a range.
    pub(crate) fn unmap(&self, range: Range<u64>) -> Result<(), Fault> {
        let mut memory = self.memory.lock();
        let inside = memory.cut(&range)?;
        // What was mapped is free when no processor knows of it any more.
        self.keep(&memory, range, NOTHING);
        memory.regions.drain(inside);
        Ok(())
    }

    /// Changes what may be done with a range. `NotMapped` if there is a hole in it, `Denied` if something in it may not be written; what stands before that has changed, as on Linux.
    pub(crate) fn protect(&self, range: Range<u64>, protection: Protection) -> Result<(), Fault> {
        let mut memory = self.memory.lock();
        let inside = memory.cut(&range)?;
        let (mut end, mut obstacle) = (range.start, Fault::NotMapped);
        for region in &mut memory.regions[inside] {
            if region.range.start != end {
                break;
            }
            let is_viewed = matches!(region.backing, Backing::Viewed(..));
            if is_viewed && protection.contains(Protection::WRITE) {
                obstacle = Fault::Denied;
                break;
            }
            (region.protection, end) = (protection, region.range.end);
        }
        self.keep(&memory, range.start..end, NOTHING);
        if end == range.end { Ok(()) } else { Err(obstacle) }
    }

    /// Brings in the page that a [`Trap::PageFault`](super::Trap::PageFault) is about, or says why it is none.
    pub(crate) fn handle_fault(&self, address: u64, access: Protection) -> Result<(), Fault> {
        self.with_page(address, access, |_| ())
    }

    /// Reads memory as the user would.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        pieces(address, buffer.len()).try_for_each(|(here, piece)| {
            let read = |frame: &Frame| frame.read(offset(here), &mut buffer[piece]);
            self.with_page(here, Protection::READ, read)
        })
    }

    /// Writes memory as the user would.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        pieces(address, bytes.len()).try_for_each(|(here, piece)| {
            self.with_page(here, Protection::WRITE, |frame| {
                frame.write(offset(here), &bytes[piece])
            })
        })
    }

    /// Reads an aligned word in one access: a futex.
    pub(crate) fn read_word(&self, address: u64) -> Result<u32, Fault> {
        let read = |frame: &Frame| frame.word(offset(address)).load(Ordering::SeqCst);
        self.with_page(address, Protection::READ, read)
    }

    /// What who waits for the word at an address sleeps for: a futex.
    pub(crate) fn key_of_word(&self, address: u64) -> Result<Key, Fault> {
        let mut memory = self.memory.lock();
        let region = memory.region(address)?;
        Ok(match &region.backing {
            Backing::Private | Backing::Copied(..) => {
                Key(core::ptr::from_ref(self).addr(), address)
            }
            Backing::Shared(pages, first) | Backing::Viewed(pages, first) => {
                Key(Arc::as_ptr(pages).addr(), address - region.range.start + *first as u64 * PAGE)
            }
        })
    }

    /// Has the calling processor use these tables, or the kernel's own. With interrupts off; whoever calls keeps the address space until it uses others.
    pub(crate) fn switch(from: Option<&Self>, to: Option<&Self>) {
        let bit = 1 << processor();
        if let Some(to) = to {
            to.users.fetch_or(bit, Ordering::SeqCst);
        }
        load(to.map_or_else(kernel_root, |space| space.root));
        if let Some(from) = from {
            from.users.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    /// Has the page of an address in memory and in the tables, as for this access, and looks at its frame.
    fn with_page<R>(
        &self,
        address: u64,
        access: Protection,
        look: impl FnOnce(&Frame) -> R,
    ) -> Result<R, Fault> {
        let mut memory = self.memory.lock();
        let region = memory.region(address)?;
        let allowed = region.protection;
        // As on x86, what may be written or executed can be read.
        let is_allowed = match access {
            Protection::READ => !allowed.is_empty(),
            access => allowed.contains(access),
        };
        if !is_allowed {
            return Err(Fault::Denied);
        }
        let page = region.page(address, access == Protection::WRITE)?;
        let read_only = if page.is_writable { 0 } else { WRITABLE };
        let flags = flags(allowed) & !read_only;
        if memory.tables.map(address, page.frame.physical(), flags)? {
            shootdown::flush(&self.users);
        }
        Ok(look(&page.frame))
    }
}

/// So much of the tables is kept where a region changes.
const NOTHING: u64 = 0;

/// The first address that is given out, and the end of those that [`Memory::find_free`] gives out: the stack stands above.
const LOWEST: u64 = 0x1_0000;
const MAPPINGS_END: u64 = 0x7fff_8000_0000;

fn flags(protection: Protection) -> u64 {
    let set = |flag, is_set: bool| if is_set { flag } else { 0 };
    set(USER, !protection.is_empty())
        | set(WRITABLE, protection.contains(Protection::WRITE))
        | set(NO_EXECUTE, !protection.contains(Protection::EXECUTE))
}

/// A page as it may be mapped.
struct Page {
    frame: Frame,
    is_writable: bool,
    /// The one in whose place it has come. It is free when no processor knows of it any more.
    _replaced: Option<Frame>,
}

impl Region {
    /// The page of an address, as for a look or for a change.
    fn page(&mut self, address: u64, is_write: bool) -> Result<Page, Fault> {
        let index = ((address - self.range.start) / PAGE) as usize;
        let original = match &self.backing {
            Backing::Private => None,
            Backing::Shared(pages, first) | Backing::Viewed(pages, first) => {
                let frame = pages.frame(first + index)?;
                return Ok(Page { frame, is_writable: true, _replaced: None });
            }
            Backing::Copied(pages, first) => Some((pages, first + index)),
        };
        if self.own.len() <= index {
            self.own.try_reserve(index + 1 - self.own.len()).map_err(|_| OutOfMemory)?;
            self.own.resize(index + 1, None);
        }
        let own = &mut self.own[index];
        // What is there as long as nobody writes, and whether it is nobody else's.
        let (is_sole, seen) = match (&*own, original) {
            (Some(frame), _) => (frame.is_sole(), Some(frame.clone())),
            (None, Some((pages, index))) => (false, Some(pages.frame(index)?)),
            (None, None) => (false, None),
        };
        if let Some(frame) = seen.clone().filter(|_| is_sole || !is_write) {
            return Ok(Page { frame, is_writable: is_sole, _replaced: None });
        }
        let frame = Frame::new()?;
        if let Some(seen) = &seen {
            frame.copy_from(seen);
        }
        *own = Some(frame.clone());
        Ok(Page { frame, is_writable: true, _replaced: seen })
    }

    /// The same from a page of it on, in another place.
    fn copy(&self, first: usize) -> Result<Self, OutOfMemory> {
        let mut backing = self.backing.clone();
        match &mut backing {
            Backing::Private => {}
            Backing::Shared(_, page) | Backing::Viewed(_, page) | Backing::Copied(_, page) => {
                *page += first;
            }
        }
        let rest = self.own.get(first..).unwrap_or_default();
        let mut own = Vec::new();
        own.try_reserve_exact(rest.len()).map_err(|_| OutOfMemory)?;
        own.extend_from_slice(rest);
        let range = self.range.start + first as u64 * PAGE..self.range.end;
        Ok(Self { range, protection: self.protection, backing, own })
    }
}

impl Memory {
    fn region(&mut self, address: u64) -> Result<&mut Region, Fault> {
        let next = self.regions.partition_point(|region| region.range.end <= address);
        let found = self.regions.get_mut(next).filter(|region| region.range.start <= address);
        found.ok_or(Fault::NotMapped)
    }

    /// Finds a place for so much, below the stack.
    fn find_free(&self, length: u64) -> Result<Range<u64>, OutOfMemory> {
        let mut end = MAPPINGS_END;
        for Region { range, .. } in self.regions.iter().rev() {
            if range.end <= end && end - range.end >= length {
                break;
            }
            end = end.min(range.start);
        }
        let start = end.checked_sub(length).filter(|start| *start >= LOWEST).ok_or(OutOfMemory)?;
        Ok(start..end)
    }

    /// Which regions have something in a range.
    fn inside(&self, range: &Range<u64>) -> Range<usize> {
        let first = self.regions.partition_point(|region| region.range.end <= range.start);
        let behind = self.regions.partition_point(|region| region.range.start < range.end);
        first..behind
    }

    /// Cuts regions in two where a range begins and ends, and says which are in it. There is room for one more then.
    fn cut(&mut self, range: &Range<u64>) -> Result<Range<usize>, Fault> {
        let Range { start, end } = *range;
        let is_whole = start.is_multiple_of(PAGE) && end.is_multiple_of(PAGE);
        if !is_whole || start >= end || end > USER_END {
            return Err(Fault::NotMapped);
        }
        self.regions.try_reserve(3).map_err(|_| Fault::OutOfMemory)?;
        for at in [start, end] {
            let index = self.regions.partition_point(|region| region.range.end <= at);
            if let Some(region) = self.regions.get_mut(index).filter(|it| it.range.start < at) {
                let first = ((at - region.range.start) / PAGE) as usize;
                let rest = region.copy(first)?;
                region.own.truncate(first);
                region.range.end = at;
                self.regions.insert(index + 1, rest);
            }
        }
        Ok(self.inside(range))
    }
}
