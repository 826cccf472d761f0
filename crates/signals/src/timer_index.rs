//! Where the signal of a timer waits in a queue, found by the timer's number: in at most 40 steps, however many wait.
//!
//! A digital search tree: on the way down, bit after bit of the key says which side is next, so no way is longer than a key, and nothing has to be balanced. What it links are the nodes of the queue: adding one needs no memory.

use crate::info::SigInfo;
use crate::kernel::Kernel;
use crate::pool::{Link, Slab};
use crate::word::{AtomicU32, Ordering};

/// The signals of timers in a queue. Under the lock of its process.
pub(crate) struct TimerIndex {
    root: AtomicU32,
}

/// Where a link stands.
#[derive(Clone, Copy)]
enum Slot {
    Root,
    Below(Link, usize),
}

/// What a timer's signal is found by: the bits in which most differ are the lowest.
fn key_of(info: &SigInfo) -> u64 {
    u64::from(info.number().cast_unsigned()) | u64::from(info.signal().number()) << 32
}

impl TimerIndex {
    pub(crate) const fn new() -> Self {
        Self { root: AtomicU32::new(Link::NONE.raw()) }
    }

    /// The signal that says the same of whose it is.
    pub(crate) fn find<K: Kernel>(&self, slab: &Slab<K>, info: &SigInfo) -> Option<Link> {
        let found = self.get(slab, self.slot_for(slab, info));
        found.is_some().then_some(found)
    }

    /// Adds one, which is not there yet.
    pub(crate) fn add<K: Kernel>(&self, slab: &mut Slab<K>, node: Link) {
        let info = slab[node].info;
        self.set(slab, self.slot_for(slab, &info), node);
    }

    /// Takes one out, if it is there: any below it that has none below itself can have its place.
    pub(crate) fn remove<K: Kernel>(&self, slab: &mut Slab<K>, node: Link) {
        let info = slab[node].info;
        let slot = self.slot_for(slab, &info);
        if self.get(slab, slot) != node {
            return;
        }
        let (mut last, mut last_slot) = (node, slot);
        while let Some(side) = slab[last].below.iter().position(|below| below.is_some()) {
            last_slot = Slot::Below(last, side);
            last = slab[last].below[side];
        }
        self.set(slab, last_slot, Link::NONE);
        if last != node {
            slab[last].below = slab[node].below;
            self.set(slab, slot, last);
        }
        slab[node].below = [Link::NONE; 2];
    }

    /// Where it stands, or would.
    fn slot_for<K: Kernel>(&self, slab: &Slab<K>, info: &SigInfo) -> Slot {
        let key = key_of(info);
        let (mut slot, mut bits) = (Slot::Root, key);
        loop {
            let at = self.get(slab, slot);
            if !at.is_some() || key_of(&slab[at].info) == key {
                return slot;
            }
            slot = Slot::Below(at, (bits & 1) as usize);
            bits >>= 1;
        }
    }

    fn get<K: Kernel>(&self, slab: &Slab<K>, slot: Slot) -> Link {
        match slot {
            Slot::Root => Link::from_raw(self.root.load(Ordering::Relaxed)),
            Slot::Below(node, side) => slab[node].below[side],
        }
    }

    fn set<K: Kernel>(&self, slab: &mut Slab<K>, slot: Slot, link: Link) {
        match slot {
            Slot::Root => self.root.store(link.raw(), Ordering::Relaxed),
            Slot::Below(node, side) => slab[node].below[side] = link,
        }
    }
}
