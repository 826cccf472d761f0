//! The nodes in which siginfo waits: made before they are needed, without any lock, and given out under a leaf lock.
//!
//! A sender holds locks and cannot allocate, so nodes are there before: [`Pool::refill`] makes some whenever few are left, in calls that hold nothing. Where they run out all the same, or the bound is
//! reached, Linux's answer to a lack of memory is given: the signal goes without its siginfo, or the sender gets `EAGAIN` (R-SIG-22 to R-SIG-24).

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem;
use core::ops::{Index, IndexMut};

use axprocess::Lock;

use crate::info::SigInfo;
use crate::kernel::{Account, Kernel};
use crate::word::{AtomicBool, AtomicU32, Ordering};

/// The nodes of a table.
pub(crate) struct Pool<K: Kernel> {
    slab: K::SignalLock<Slab<K>>,
    /// How many nodes are free: a hint for who has no lock.
    free: AtomicU32,
    /// Fewer nodes are free than are wanted, and more may be made: a hint too.
    is_short: AtomicBool,
    most: u32,
}

/// The nodes themselves.
pub(crate) struct Slab<K: Kernel> {
    pub(crate) chunks: Vec<Vec<Node>>,
    first_free: Link,
    pub(crate) free: u32,
    /// So many are to be free before a call that may send: one for each process, for a signal to all of them.
    wanted: u32,
    /// How many have been given out ever: tells which of two was queued first.
    given: u64,
    kernel: PhantomData<fn() -> K>,
}

/// A signal that waits.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) info: SigInfo,
    /// To whom it is charged.
    pub(crate) account: Option<Account>,
    /// Its timer has been deleted or set anew meanwhile: who would take it discards it.
    pub(crate) is_void: bool,
    /// Of a timer's: those below it in the [index](crate::timer_index) of them.
    pub(crate) below: [Link; 2],
    /// When it was queued.
    pub(crate) age: u64,
    /// The next one of the same signal; of a free node, the next free one.
    pub(crate) next: Link,
    /// Of the first one of a signal: the first one of another.
    pub(crate) next_run: Link,
    /// Of the first one of a signal: the last one of it.
    pub(crate) last: Link,
}

/// A node's place, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link(u32);

impl Link {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }
}

const CHUNK: usize = 64;

impl<K: Kernel> Pool<K> {
    /// Makes an empty pool, which grows to so many nodes.
    pub(crate) fn new(most: u32) -> Self {
        let slab = Slab {
            chunks: Vec::new(),
            first_free: Link::NONE,
            free: 0,
            wanted: CHUNK as u32,
            given: 0,
            kernel: PhantomData,
        };
        let is_short = AtomicBool::new(most > 0);
        Self { slab: K::SignalLock::new(slab), free: AtomicU32::new(0), is_short, most }
    }

    /// Makes nodes if few are left. Takes its own lock alone, and allocates without it; where there is no memory, it does nothing.
    pub(crate) fn refill(&self) {
        if self.is_short.load(Ordering::Relaxed) {
            self.grow();
        }
    }

    /// There are so many processes. Takes its own lock alone.
    pub(crate) fn want(&self, processes: usize) {
        self.with(|slab| slab.wanted = slab.wanted.max(processes as u32));
    }

    #[cold]
    fn grow(&self) {
        let mut has_memory = true;
        while has_memory && self.is_short.load(Ordering::Relaxed) {
            has_memory = self.add_chunk();
        }
    }

    /// False: there is no memory.
    fn add_chunk(&self) -> bool {
        let chunks = self.slab.lock().chunks.len();
        let left = (self.most as usize).saturating_sub(chunks * CHUNK);
        let count = left.min(CHUNK);
        let mut chunk = Vec::new();
        let mut all = Vec::new();
        let is_there = count > 0
            && chunk.try_reserve_exact(CHUNK).is_ok()
            && all.try_reserve_exact(chunks * 2 + 1).is_ok();
        if !is_there {
            return false;
        }
        let mut slab = self.slab.lock();
        if slab.chunks.len() != chunks {
            // Somebody else has.
            return true;
        }
        if slab.chunks.len() == slab.chunks.capacity() {
            // What is in the way is dropped behind the lock.
            all.append(&mut slab.chunks);
            core::mem::swap(&mut slab.chunks, &mut all);
        }
        let from = (chunks * CHUNK) as u32;
        for at in from..from + count as u32 {
            let next = slab.first_free;
            chunk.push(Node { next, ..Node::FREE });
            slab.first_free = Link(at);
        }
        slab.free += count as u32;
        slab.chunks.push(chunk);
        self.note_free(&slab);
        drop(slab);
        true
    }

    /// Does something with the nodes.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Slab<K>) -> R) -> R {
        let mut slab = self.slab.lock();
        let result = act(&mut slab);
        self.note_free(&slab);
        result
    }

    /// Does something with the nodes of one queue, step by step, until it says that it is done: others come to theirs meanwhile. The lock of the queue's process is held.
    pub(crate) fn in_parts(&self, mut step: impl FnMut(&mut Slab<K>) -> bool) {
        while !self.with(|slab| (0..CHUNK).any(|_| step(slab))) {}
    }

    fn note_free(&self, slab: &Slab<K>) {
        let is_short = slab.free < slab.wanted && slab.chunks.len() * CHUNK < self.most as usize;
        self.free.store(slab.free, Ordering::Relaxed);
        self.is_short.store(is_short, Ordering::Relaxed);
    }

    /// How many nodes are free.
    pub(crate) fn free(&self) -> u32 {
        self.free.load(Ordering::Relaxed)
    }
}

impl<K: Kernel> Slab<K> {
    /// Takes a free node, and writes to it.
    pub(crate) fn take(&mut self, info: &SigInfo, account: Option<Account>) -> Option<Link> {
        let at = self.first_free;
        if !at.is_some() {
            return None;
        }
        self.free -= 1;
        self.given += 1;
        let age = self.given;
        let node = &mut self[at];
        let next_free = node.next;
        *node = Node { info: *info, account, age, last: at, ..Node::FREE };
        self.first_free = next_free;
        Some(at)
    }

    /// Gives a node back, which says the same until it is taken anew.
    pub(crate) fn give(&mut self, at: Link) -> &Node {
        let next = mem::replace(&mut self.first_free, at);
        self.free += 1;
        let node = &mut self[at];
        node.next = next;
        node
    }
}

impl<K: Kernel> Index<Link> for Slab<K> {
    type Output = Node;

    fn index(&self, Link(at): Link) -> &Node {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

impl<K: Kernel> IndexMut<Link> for Slab<K> {
    fn index_mut(&mut self, Link(at): Link) -> &mut Node {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

impl Node {
    const FREE: Self = Self {
        info: SigInfo::NONE,
        account: None,
        is_void: false,
        below: [Link::NONE; 2],
        age: 0,
        next: Link::NONE,
        next_run: Link::NONE,
        last: Link::NONE,
    };
}
