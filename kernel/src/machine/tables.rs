//! Page tables: four levels, of which the upper half is the kernel's and the same in all.

use core::mem::ManuallyDrop;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;

use super::OutOfMemory;
use super::frame::{Frame, direct};
use super::lock::IrqLock;
use super::space::PAGE;

pub(super) const PRESENT: u64 = 1;
pub(super) const WRITABLE: u64 = 1 << 1;
pub(super) const USER: u64 = 1 << 2;
pub(super) const NO_EXECUTE: u64 = 1 << 63;
const FLAGS: u64 = PRESENT | WRITABLE | USER | NO_EXECUTE;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const ENTRIES: usize = 512;
/// The first entry of the root that is the kernel's.
const KERNEL_HALF: usize = ENTRIES / 2;
/// The parts of the kernel's half that grow: each behind one entry of the root.
pub(super) const STACKS: u64 = 0xffff_8080_0000_0000;
pub(super) const HEAP: u64 = 0xffff_8100_0000_0000;

type Table = [AtomicU64; ENTRIES];

/// The tables of an address space. They own what they map for users.
pub(super) struct Tables {
    root: Frame,
}

/// The kernel's own, without users.
static KERNEL: IrqLock<Option<Tables>> = IrqLock::new(None);
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

/// Makes the kernel's tables from those of the boot, and uses them.
pub(super) fn start(boot: u64) {
    let tables = Tables::below(boot).expect("memory is plenty at boot");
    for part in [STACKS, HEAP] {
        tables.entry_or_new(part, Frame::new).expect("memory is plenty at boot");
    }
    // The other processors begin with those of the boot, on a stack of the kernel's.
    for (old, new) in table(boot).iter().zip(table(tables.root())).skip(KERNEL_HALF) {
        old.store(new.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    KERNEL_ROOT.store(tables.root(), Ordering::SeqCst);
    *KERNEL.lock() = Some(tables);
    load_kernel();
}

pub(super) fn kernel_root() -> u64 {
    KERNEL_ROOT.load(Ordering::Relaxed)
}

pub(super) fn load_kernel() {
    load(kernel_root());
}

/// Has the calling processor use the tables with this root. What it knew of others it forgets.
pub(super) fn load(root: u64) {
    let frame = PhysFrame::containing_address(PhysAddr::new_truncate(root));
    // SAFETY: the kernel's half is the same in all tables; whoever loads keeps them as long as they are loaded.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

/// Sees to it that a page of the kernel's growing parts is mapped.
pub(super) fn map_kernel(address: u64) -> Result<(), OutOfMemory> {
    let tables = KERNEL.lock();
    let entry = tables.as_ref().ok_or(OutOfMemory)?.entry_or_new(address, Frame::new)?;
    if entry.is_empty() {
        entry.set(Frame::new()?, WRITABLE | NO_EXECUTE);
    }
    Ok(())
}

impl Tables {
    /// Makes tables that map nothing for users.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        Self::below(kernel_root())
    }

    fn below(kernel: u64) -> Result<Self, OutOfMemory> {
        let tables = Self { root: Frame::new()? };
        for index in KERNEL_HALF..ENTRIES {
            let entry = table(kernel)[index].load(Ordering::Relaxed);
            table(tables.root())[index].store(entry, Ordering::Relaxed);
        }
        Ok(tables)
    }

    pub(super) fn root(&self) -> u64 {
        self.root.physical()
    }

    /// Returns the entry of a page, with tables for it from `frame` where there are none.
    pub(super) fn entry_or_new(
        &self,
        address: u64,
        frame: fn() -> Result<Frame, OutOfMemory>,
    ) -> Result<Entry<'_>, OutOfMemory> {
        let mut at = table(self.root());
        for level in (1..4).rev() {
            let slot = &at[index(address, level)];
            if slot.load(Ordering::Relaxed) & PRESENT == 0 {
                let new = frame()?.into_physical();
                slot.store(new | PRESENT | WRITABLE | USER, Ordering::Relaxed);
            }
            at = table(slot.load(Ordering::Relaxed) & ADDRESS);
        }
        Ok(Entry(&at[index(address, 0)]))
    }

    /// Calls `visit` for each page of a user's range that is mapped, until it says no.
    pub(super) fn for_each(
        &self,
        range: Range<u64>,
        visit: &mut impl FnMut(u64, Entry<'_>) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        walk(table(self.root()), 3, 0, &range, visit)
    }
}

fn walk(
    at: &Table,
    level: u32,
    base: u64,
    range: &Range<u64>,
    visit: &mut impl FnMut(u64, Entry<'_>) -> Result<(), OutOfMemory>,
) -> Result<(), OutOfMemory> {
    let size = PAGE << (9 * level);
    let first = range.start.saturating_sub(base) / size;
    let last = range.end.saturating_sub(base).div_ceil(size);
    for index in first..last.min(ENTRIES as u64) {
        let (slot, address) = (&at[index as usize], base + index * size);
        let entry = slot.load(Ordering::Relaxed);
        match level {
            _ if entry == 0 => {}
            0 => visit(address, Entry(slot))?,
            _ => walk(table(entry & ADDRESS), level - 1, address, range, visit)?,
        }
    }
    Ok(())
}

fn index(address: u64, level: u32) -> usize {
    (address / PAGE >> (9 * level)) as usize % ENTRIES
}

/// A table lives as long as its root; what is reached through `Tables` is bound to it by [`Entry`].
fn table(physical: u64) -> &'static Table {
    // SAFETY: an entry above the last level has the address of a table, and only `Drop` frees one.
    unsafe { &*direct(physical).cast::<Table>() }
}

impl Drop for Tables {
    fn drop(&mut self) {
        for entry in &table(self.root())[..KERNEL_HALF] {
            release(entry, 3);
        }
    }
}

/// Frees what an entry maps.
fn release(entry: &AtomicU64, level: u32) {
    let entry = entry.swap(0, Ordering::Relaxed);
    if entry == 0 {
        return;
    }
    if level > 0 {
        table(entry & ADDRESS).iter().for_each(|entry| release(entry, level - 1));
    }
    // SAFETY: the entry owned it, and is empty now.
    drop(unsafe { Frame::from_physical(entry & ADDRESS) });
}

/// The entry of one page. It owns a reference to the frame that it maps.
pub(super) struct Entry<'a>(&'a AtomicU64);

impl Entry<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    pub(super) fn flags(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & FLAGS
    }

    /// Returns the frame that it maps, which stays the entry's.
    pub(super) fn frame(&self) -> Option<ManuallyDrop<Frame>> {
        let entry = self.0.load(Ordering::Relaxed);
        // SAFETY: the entry owns it, and the result gives up nothing.
        (entry != 0).then(|| ManuallyDrop::new(unsafe { Frame::from_physical(entry & ADDRESS) }))
    }

    /// Maps a frame, and returns the one that was mapped before.
    pub(super) fn set(&self, frame: Frame, flags: u64) -> Option<Frame> {
        owned(self.0.swap(frame.into_physical() | flags | PRESENT, Ordering::Relaxed))
    }

    pub(super) fn set_flags(&self, flags: u64) {
        let kept = self.0.load(Ordering::Relaxed) & ADDRESS;
        self.0.store(kept | flags | PRESENT, Ordering::Relaxed);
    }

    /// Maps nothing any more.
    pub(super) fn take(&self) -> Option<Frame> {
        owned(self.0.swap(0, Ordering::Relaxed))
    }
}

fn owned(entry: u64) -> Option<Frame> {
    // SAFETY: the entry owned it, and has just been overwritten.
    (entry != 0).then(|| unsafe { Frame::from_physical(entry & ADDRESS) })
}
