//! Page tables: four levels, of which the upper half is the kernel's and the same in all.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;

use super::OutOfMemory;
use super::frame::{Frame, direct};
use super::space::PAGE;

const PRESENT: u64 = 1;
pub(super) const WRITABLE: u64 = 1 << 1;
pub(super) const USER: u64 = 1 << 2;
pub(super) const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const ENTRIES: usize = 512;
/// The first entry of the root that is the kernel's.
const KERNEL_HALF: usize = ENTRIES / 2;

type Table = [AtomicU64; ENTRIES];

/// The tables of an address space. They own each other, not what they map.
pub(super) struct Tables {
    root: Frame,
}

/// The kernel's own: those of the boot.
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

pub(super) fn start(boot: u64) {
    KERNEL_ROOT.store(boot, Ordering::SeqCst);
}

pub(super) fn kernel_root() -> u64 {
    KERNEL_ROOT.load(Ordering::Relaxed)
}

/// Has the calling processor use the tables with this root. What it knew of others it forgets.
pub(super) fn load(root: u64) {
    let frame = PhysFrame::containing_address(PhysAddr::new_truncate(root));
    // SAFETY: the kernel's half is the same in all tables; whoever loads keeps them as long as they are loaded.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

impl Tables {
    /// Makes tables that map nothing for users.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let tables = Self { root: Frame::new()? };
        let kernel = table(kernel_root()).iter().zip(table(tables.root()));
        for (entry, own) in kernel.skip(KERNEL_HALF) {
            own.store(entry.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Ok(tables)
    }

    pub(super) fn root(&self) -> u64 {
        self.root.physical()
    }

    /// Returns the entry of a page, with tables for it.
    fn slot(&self, address: u64) -> Result<&AtomicU64, OutOfMemory> {
        let mut at = table(self.root());
        for level in (1..4).rev() {
            let slot = &at[index(address, level)];
            if slot.load(Ordering::Relaxed) == 0 {
                let new = Frame::new()?.into_physical();
                slot.store(new | PRESENT | WRITABLE | USER, Ordering::Relaxed);
            }
            at = table(slot.load(Ordering::Relaxed));
        }
        Ok(&at[index(address, 0)])
    }

    /// Maps a page for a user. Says whether another was mapped there.
    pub(super) fn map(&self, at: u64, frame: u64, flags: u64) -> Result<bool, OutOfMemory> {
        let slot = self.slot(at)?;
        let before = slot.swap(frame | flags | PRESENT, Ordering::Relaxed);
        Ok(before != 0 && before & ADDRESS != frame)
    }

    /// Keeps of the entries of a range these bits alone: none, and nothing is mapped there. Says whether that changes any.
    pub(super) fn keep(&self, range: &Range<u64>, bits: u64) -> bool {
        keep(table(self.root()), 3, 0, range, bits)
    }
}

fn keep(at: &Table, level: u32, base: u64, range: &Range<u64>, bits: u64) -> bool {
    let size = PAGE << (9 * level);
    let first = range.start.saturating_sub(base) / size;
    let last = range.end.saturating_sub(base).div_ceil(size).min(ENTRIES as u64);
    let mut has_changed = false;
    for index in first..last {
        let slot = &at[index as usize];
        let entry = slot.load(Ordering::Relaxed);
        has_changed |= match level {
            _ if entry == 0 => false,
            0 => slot.fetch_and(bits, Ordering::Relaxed) & !bits != 0,
            _ => keep(table(entry), level - 1, base + index * size, range, bits),
        };
    }
    has_changed
}

fn index(address: u64, level: u32) -> usize {
    ((address / PAGE) >> (9 * level)) as usize % ENTRIES
}

/// The table that an entry names. It lives as long as its root.
fn table(entry: u64) -> &'static Table {
    // SAFETY: an entry above the last level has the address of a table, and only `Drop` frees one.
    unsafe { &*direct(entry & ADDRESS).cast::<Table>() }
}

impl Drop for Tables {
    fn drop(&mut self) {
        free(&table(self.root())[..KERNEL_HALF], 3);
    }
}

/// Frees the tables below one of this level.
fn free(entries: &[AtomicU64], level: u32) {
    for entry in entries.iter().map(|entry| entry.load(Ordering::Relaxed)).filter(|it| *it != 0) {
        if level > 1 {
            free(table(entry), level - 1);
        }
        // SAFETY: the entry owned it, and nobody follows it any more.
        drop(unsafe { Frame::from_physical(entry & ADDRESS) });
    }
}
