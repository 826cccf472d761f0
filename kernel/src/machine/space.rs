//! Address spaces: what a process sees below the middle of the 64-bit range.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use super::frame::{Frame, may_promise};
use super::lock::IrqLock;
use super::processor::processor;
use super::tables::{Entry, NO_EXECUTE, Tables, USER, WRITABLE, kernel_root, load};
use super::{OutOfMemory, interrupts, shootdown};
use crate::sched::Mutex;

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

/// What a user does with a byte of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Execute,
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

/// What stands behind a mapping. Pages come into being when they are touched first, with zeros.
#[derive(Clone)]
pub(crate) enum Backing {
    /// Memory of the address space's own; a fork copies it when one of the two writes.
    Private,
    /// Memory that a fork shares, from this page of it on.
    Shared(Arc<SharedPages>, usize),
    /// Memory of its own, that begins with what stands there, from this page of it on, until it is written.
    Copied(Arc<SharedPages>, usize),
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

    /// Makes it shorter, or longer by zeros, which take memory when they are touched. `OutOfMemory` also if so much cannot be free.
    pub(crate) fn resize(&self, len: u64) -> Result<(), OutOfMemory> {
        self.0.lock().resize(len)
    }

    /// Reads from a place on, up to the end; returns how much that was.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
        let content = self.0.lock();
        let mut done = 0;
        while done < buffer.len() && at + (done as u64) < content.len {
            let here = at + done as u64;
            let offset = (here % PAGE) as usize;
            let most = (PAGE as usize - offset).min((content.len - here) as usize);
            let part = &mut buffer[done..];
            let length = part.len().min(most);
            let part = &mut part[..length];
            match content.frames.get((here / PAGE) as usize) {
                Some(Some(frame)) => frame.read(offset, part),
                _ => part.fill(0),
            }
            done += length;
        }
        done
    }

    /// Writes from a place on, and makes it longer if it has to be.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let end = at.checked_add(bytes.len() as u64).ok_or(OutOfMemory)?;
        let mut content = self.0.lock();
        if end > content.len {
            content.resize(end)?;
        }
        let mut done = 0;
        while done < bytes.len() {
            let here = at + done as u64;
            let offset = (here % PAGE) as usize;
            let length = (bytes.len() - done).min(PAGE as usize - offset);
            content.frame((here / PAGE) as usize)?.write(offset, &bytes[done..done + length]);
            done += length;
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
        self.frames.resize_with(pages, || None);
        if len < self.len
            && let Some(Some(last)) = self.frames.last()
            && len % PAGE != 0
        {
            // What is behind the end is zero, also if it grows again.
            let zeros = [0; PAGE as usize];
            last.write((len % PAGE) as usize, &zeros[(len % PAGE) as usize..]);
        }
        self.len = len;
        Ok(())
    }

    fn frame(&mut self, index: usize) -> Result<&Frame, OutOfMemory> {
        let place = self.frames.get_mut(index).ok_or(OutOfMemory)?;
        if place.is_none() {
            *place = Some(Frame::for_user()?);
        }
        place.as_ref().ok_or(OutOfMemory)
    }
}

impl From<OutOfMemory> for Fault {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// Which word a futex is about: the same for all that see the same memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WordIdentity(usize, u64);

/// An address space.
///
/// All calls may sleep: they come from a task, with interrupts on and no [`IrqLock`] held; and so does the drop of the last reference.
/// Addresses and lengths of mappings are whole pages, not empty, and end at [`USER_END`] at most; else the call is [`Fault::NotMapped`].
pub(crate) struct AddressSpace {
    memory: Mutex<Memory>,
    root: u64,
    /// The processors that use the tables, one bit for each.
    users: AtomicU32,
    /// What brk(2) moves the end of.
    pub(crate) heap: IrqLock<Range<u64>>,
}

struct Memory {
    /// By address; none touches another unless they differ.
    regions: Vec<Region>,
    tables: Tables,
}

#[derive(Clone)]
struct Region {
    start: u64,
    end: u64,
    protection: Protection,
    backing: Backing,
}

impl AddressSpace {
    /// Makes an empty one.
    pub(crate) fn new() -> Result<Arc<Self>, OutOfMemory> {
        Self::of(Memory { regions: Vec::new(), tables: Tables::new()? }, 0..0)
    }

    fn of(memory: Memory, heap: Range<u64>) -> Result<Arc<Self>, OutOfMemory> {
        let root = memory.tables.root();
        let users = AtomicU32::new(0);
        Arc::try_new(Self { memory: Mutex::new(memory), root, users, heap: IrqLock::new(heap) })
            .map_err(|_| OutOfMemory)
    }

    /// Makes one with the same mappings, whose private memory is copied when it is written.
    pub(crate) fn fork(&self) -> Result<Arc<Self>, OutOfMemory> {
        may_promise(0)?;
        let memory = self.memory.lock();
        let copy = memory.copy();
        drop(memory);
        // Pages of this one have become read-only, also if memory ran out on the way.
        shootdown::flush(&self.users);
        Self::of(copy?, self.heap.lock().clone())
    }

    /// Maps memory, in place of what was there. `OutOfMemory` also if so much cannot be free: nothing has changed.
    pub(crate) fn map(
        &self,
        start: u64,
        length: u64,
        protection: Protection,
        backing: Backing,
    ) -> Result<(), Fault> {
        let range = pages(start, length)?;
        if matches!(backing, Backing::Private) {
            may_promise((length / PAGE) as usize)?;
        }
        let mut memory = self.memory.lock();
        memory.reserve()?;
        self.clear(&mut memory, &range);
        memory.insert(Region { start: range.start, end: range.end, protection, backing });
        Ok(())
    }

    /// Finds a place for so much, at `hint` if that is free, else below the stack.
    pub(crate) fn find_free(&self, hint: u64, length: u64) -> Result<u64, OutOfMemory> {
        let memory = self.memory.lock();
        if hint >= LOWEST && pages(hint, length).is_ok_and(|range| memory.is_free(&range)) {
            return Ok(hint);
        }
        let mut end = MAPPINGS_END;
        for region in memory.regions.iter().rev() {
            if region.end <= end && end - region.end >= length {
                break;
            }
            end = end.min(region.start);
        }
        end.checked_sub(length).filter(|start| *start >= LOWEST).ok_or(OutOfMemory)
    }

    /// Whether nothing is mapped in a range.
    pub(crate) fn is_free(&self, start: u64, length: u64) -> bool {
        pages(start, length).is_ok_and(|range| self.memory.lock().is_free(&range))
    }

    /// Unmaps what is mapped in a range.
    pub(crate) fn unmap(&self, start: u64, length: u64) -> Result<(), Fault> {
        let range = pages(start, length)?;
        let mut memory = self.memory.lock();
        memory.reserve()?;
        self.clear(&mut memory, &range);
        Ok(())
    }

    /// Takes what is mapped in a range out of the regions and the tables. There is room for two regions more.
    fn clear(&self, memory: &mut Memory, range: &Range<u64>) {
        let inside = memory.cut(range);
        memory.regions.drain(inside);
        // What was mapped is free when no processor knows of it any more.
        loop {
            let mut taken = [const { None }; 64];
            let mut free = taken.iter_mut();
            let all = memory.tables.for_each(range.clone(), &mut |_, entry| {
                *free.next().ok_or(OutOfMemory)? = entry.take();
                Ok(())
            });
            if taken[0].is_some() {
                shootdown::flush(&self.users);
            }
            if all.is_ok() {
                break;
            }
        }
    }

    /// Changes what may be done with a range. `NotMapped` if there is a hole in it; what stands before the hole has changed, as on Linux.
    pub(crate) fn protect(
        &self,
        start: u64,
        length: u64,
        protection: Protection,
    ) -> Result<(), Fault> {
        let range = pages(start, length)?;
        let mut memory = self.memory.lock();
        memory.reserve()?;
        let mut end = range.start;
        for region in &memory.regions {
            if region.start <= end && region.end > end {
                end = region.end.min(range.end);
            }
        }
        let covered = range.start..end;
        if !covered.is_empty() {
            let inside = memory.cut(&covered);
            memory.regions[inside].iter_mut().for_each(|region| region.protection = protection);
            // A page that may be written again is first looked at: it may have become another's too.
            let flags = flags(protection) & !WRITABLE;
            memory.tables.for_each(covered, &mut |_, entry| {
                entry.set_flags(flags);
                Ok(())
            })?;
            shootdown::flush(&self.users);
        }
        if end == range.end { Ok(()) } else { Err(Fault::NotMapped) }
    }

    /// Brings in the page that a [`Trap::PageFault`](super::Trap::PageFault) is about, or says why it is none.
    pub(crate) fn handle_fault(&self, address: u64, access: Access) -> Result<(), Fault> {
        self.with_page(address, Some(access), |_| ())
    }

    /// Reads memory as the user would.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let mut address = address;
        let mut rest = buffer;
        while !rest.is_empty() {
            let offset = (address % PAGE) as usize;
            let length = rest.len().min(PAGE as usize - offset);
            let (part, behind) = rest.split_at_mut(length);
            self.with_page(address, Some(Access::Read), |frame| frame.read(offset, part))?;
            rest = behind;
            address += length as u64;
        }
        Ok(())
    }

    /// Writes memory as the user would.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.write_as(address, bytes, Some(Access::Write))
    }

    /// Writes memory whatever its protection is, as a loader and a debugger do.
    pub(crate) fn write_forced(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.write_as(address, bytes, None)
    }

    fn write_as(&self, address: u64, bytes: &[u8], access: Option<Access>) -> Result<(), Fault> {
        let mut address = address;
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = (address % PAGE) as usize;
            let (part, behind) = rest.split_at(rest.len().min(PAGE as usize - offset));
            self.with_page(address, access, |frame| frame.write(offset, part))?;
            rest = behind;
            address += part.len() as u64;
        }
        Ok(())
    }

    /// Reads an aligned word in one access: a futex.
    pub(crate) fn read_word(&self, address: u64) -> Result<u32, Fault> {
        let offset = (address % PAGE) as usize;
        self.with_page(address, Some(Access::Read), |frame| {
            frame.word(offset).load(Ordering::SeqCst)
        })
    }

    /// Says which word an address is, for a futex.
    pub(crate) fn word_identity(&self, address: u64) -> Result<WordIdentity, Fault> {
        let memory = self.memory.lock();
        let region = memory.region(address).ok_or(Fault::NotMapped)?;
        Ok(match &region.backing {
            Backing::Private | Backing::Copied(..) => {
                WordIdentity(core::ptr::from_ref(self).addr(), address)
            }
            Backing::Shared(pages, first) => WordIdentity(
                Arc::as_ptr(pages).addr(),
                address - region.start + *first as u64 * PAGE,
            ),
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

    /// Has the page of an address in memory, as for this access, and looks at its frame.
    fn with_page<R>(
        &self,
        address: u64,
        access: Option<Access>,
        look: impl FnOnce(&Frame) -> R,
    ) -> Result<R, Fault> {
        debug_assert!(interrupts::are_on());
        let memory = self.memory.lock();
        let region = memory.region(address).ok_or(Fault::NotMapped)?;
        let allowed = region.protection;
        let needed = match access {
            Some(Access::Read) => allowed.intersects(Protection::READ | Protection::EXECUTE),
            Some(Access::Write) => allowed.contains(Protection::WRITE),
            Some(Access::Execute) => allowed.contains(Protection::EXECUTE),
            None => true,
        };
        if !needed {
            return Err(Fault::Denied);
        }
        let entry = memory.tables.entry_or_new(address, Frame::for_user)?;
        let is_write = matches!(access, Some(Access::Write) | None);
        let replaced = region.bring_in(address, &entry, is_write)?;
        if replaced.is_some() {
            shootdown::flush(&self.users);
        }
        let frame = entry.frame().ok_or(Fault::NotMapped)?;
        Ok(look(&frame))
    }
}

/// The first address that is given out, and the end of those that [`AddressSpace::find_free`] gives out: the stack stands above.
const LOWEST: u64 = 0x1_0000;
const MAPPINGS_END: u64 = 0x7fff_8000_0000;

fn pages(start: u64, length: u64) -> Result<Range<u64>, Fault> {
    let end = start.checked_add(length).ok_or(Fault::NotMapped)?;
    let is_valid = length > 0 && start % PAGE == 0 && length % PAGE == 0 && end <= USER_END;
    if is_valid { Ok(start..end) } else { Err(Fault::NotMapped) }
}

fn flags(protection: Protection) -> u64 {
    let mut flags = 0;
    if !protection.is_empty() {
        flags |= USER;
    }
    if protection.contains(Protection::WRITE) {
        flags |= WRITABLE;
    }
    if !protection.contains(Protection::EXECUTE) {
        flags |= NO_EXECUTE;
    }
    flags
}

impl Region {
    /// Maps the page of an address; returns the frame in whose place another has come.
    fn bring_in(
        &self,
        address: u64,
        entry: &Entry<'_>,
        is_write: bool,
    ) -> Result<Option<Frame>, Fault> {
        let flags = flags(self.protection);
        let Some(mapped) = entry.frame() else {
            let page = ((address - self.start) / PAGE) as usize;
            let (frame, flags) = match &self.backing {
                Backing::Private => (Frame::for_user()?, flags),
                Backing::Shared(pages, first) => (pages.frame(first + page)?, flags),
                Backing::Copied(pages, first) if is_write => {
                    let copy = Frame::for_user()?;
                    copy.copy_from(&pages.frame(first + page)?);
                    (copy, flags)
                }
                Backing::Copied(pages, first) => (pages.frame(first + page)?, flags & !WRITABLE),
            };
            entry.set(frame, flags);
            return Ok(None);
        };
        if !is_write || entry.flags() & WRITABLE != 0 {
            return Ok(None);
        }
        if matches!(self.backing, Backing::Shared(..)) || mapped.is_sole() {
            entry.set_flags(flags);
            return Ok(None);
        }
        let copy = Frame::for_user()?;
        copy.copy_from(&mapped);
        Ok(entry.set(copy, flags))
    }

    /// Whether `next` goes on where this one ends.
    fn is_continued_by(&self, next: &Self) -> bool {
        let is_private =
            matches!((&self.backing, &next.backing), (Backing::Private, Backing::Private));
        is_private && self.end == next.start && self.protection == next.protection
    }
}

impl Memory {
    fn copy(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self { regions: Vec::new(), tables: Tables::new()? };
        copy.regions.try_reserve(self.regions.len()).map_err(|_| OutOfMemory)?;
        for region in &self.regions {
            copy.regions.push(region.clone());
            if matches!(region.backing, Backing::Shared(..)) {
                continue;
            }
            self.tables.for_each(region.start..region.end, &mut |address, entry| {
                let flags = entry.flags() & !WRITABLE;
                entry.set_flags(flags);
                if let Some(frame) = entry.frame() {
                    let place = copy.tables.entry_or_new(address, Frame::for_user)?;
                    place.set(Frame::clone(&frame), flags);
                }
                Ok(())
            })?;
        }
        Ok(copy)
    }

    /// Makes room for what [`cut`](Self::cut) and [`insert`](Self::insert) add.
    fn reserve(&mut self) -> Result<(), OutOfMemory> {
        self.regions.try_reserve(3).map_err(|_| OutOfMemory)
    }

    fn region(&self, address: u64) -> Option<&Region> {
        let next = self.regions.partition_point(|region| region.end <= address);
        self.regions.get(next).filter(|region| region.start <= address)
    }

    fn is_free(&self, range: &Range<u64>) -> bool {
        let next = self.regions.partition_point(|region| region.end <= range.start);
        self.regions.get(next).is_none_or(|region| region.start >= range.end)
    }

    /// Cuts regions in two where a range begins and ends, and says which are in it.
    fn cut(&mut self, range: &Range<u64>) -> Range<usize> {
        for at in [range.start, range.end] {
            let index = self.regions.partition_point(|region| region.end <= at);
            let Some(region) = self.regions.get_mut(index).filter(|region| region.start < at)
            else {
                continue;
            };
            let mut rest = region.clone();
            if let Backing::Shared(_, first) | Backing::Copied(_, first) = &mut rest.backing {
                *first += ((at - region.start) / PAGE) as usize;
            }
            rest.start = at;
            region.end = at;
            self.regions.insert(index + 1, rest);
        }
        let first = self.regions.partition_point(|region| region.end <= range.start);
        let behind = self.regions.partition_point(|region| region.start < range.end);
        first..behind
    }

    /// Puts a region where nothing is.
    fn insert(&mut self, region: Region) {
        let index = self.regions.partition_point(|other| other.end <= region.start);
        let before = index.checked_sub(1).and_then(|before| self.regions.get_mut(before));
        match before {
            Some(before) if before.is_continued_by(&region) => before.end = region.end,
            _ => self.regions.insert(index, region),
        }
    }
}
