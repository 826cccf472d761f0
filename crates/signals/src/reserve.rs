//! Dispositions that nobody has, made before they are needed.
//!
//! sigaction(2) does not fail for want of memory on Linux, fork does. So each process has a right to dispositions of its own from its birth to its end, whether it has any or not, and there are never fewer than such rights:
//!
//! | | dispositions in all | rights |
//! | --- | --- | --- |
//! | before a fork ([`provide`](Reserve::provide)) | some more, or fewer, if there are many | |
//! | a birth ([`grant`](Reserve::grant)), an end ([`end_grant`](Reserve::end_grant)) | | one more, one less |
//! | a process [takes](Reserve::take) some, or its last sharer [leaves](Reserve::take_back) them | | |
//!
//! Who is to take some either has none, or has some that others have too: so there are more rights than dispositions in use, and one is here.

use alloc::vec::Vec;

use axprocess::{Errno, Lock};

use crate::dispositions::{Dispositions, Sharer};
use crate::kernel::Kernel;
use crate::word::{AtomicU32, Ordering};

/// The dispositions of a table that nobody has.
pub(crate) struct Reserve<K: Kernel> {
    pub(crate) spares: K::SignalLock<Spares<K>>,
    /// How many rights births may still give: written under the relation lock.
    pub(crate) grants: AtomicU32,
    /// How many dispositions there are beyond all rights, given and to be given.
    pub(crate) unreserved: AtomicU32,
}

pub(crate) struct Spares<K: Kernel> {
    /// With room for all that there are.
    pub(crate) list: Vec<Sharer<K>>,
    /// How many there are, with those that processes have.
    pub(crate) all: usize,
}

/// So many beyond all rights are there before a birth, for births beside it.
const FEW: u32 = 4;
/// And so many are kept for processes to come.
const MANY: u32 = 64;
/// So many rights are taken out, or put back, at a time.
const BATCH: u32 = 16;

impl<K: Kernel> Reserve<K> {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        Self {
            spares: K::SignalLock::new(Spares { list: Vec::new(), all: 0 }),
            grants: AtomicU32::new(0),
            unreserved: AtomicU32::new(0),
        }
    }

    /// Sees to it that a birth finds a right to give. Allocates without a lock; gives back what is too much.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn provide(&self) -> Result<(), Errno> {
        match self.unreserved.load(Ordering::Relaxed) {
            FEW..=MANY => Ok(()),
            _ => self.provide_few(),
        }
    }

    #[cold]
    fn provide_few(&self) -> Result<(), Errno> {
        loop {
            let unreserved = self.unreserved.load(Ordering::Relaxed);
            if unreserved > MANY {
                drop(self.take_unreserved());
                return Ok(());
            }
            if unreserved >= FEW {
                return Ok(());
            }
            if let Err(errno) = Dispositions::make().and_then(|made| self.add(made)) {
                let is_enough = unreserved + self.grants.load(Ordering::Relaxed) > 0;
                return if is_enough { Ok(()) } else { Err(errno) };
            }
        }
    }

    /// Puts new ones to the others.
    fn add(&self, made: Sharer<K>) -> Result<(), Errno> {
        let mut more = Vec::new();
        loop {
            let mut spares = self.spares.lock();
            let all = spares.all;
            if all < spares.list.capacity() {
                spares.all += 1;
                spares.list.push(made);
                self.unreserved.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            if more.capacity() > all {
                more.append(&mut spares.list);
                core::mem::swap(&mut spares.list, &mut more);
                continue;
            }
            drop(spares);
            more = Vec::new();
            more.try_reserve_exact(2 * all + FEW as usize).map_err(|_| Errno::ENOMEM)?;
        }
    }

    /// Takes some to which nobody has a right, for good.
    fn take_unreserved(&self) -> Option<Sharer<K>> {
        if self.reserve(1) == 0 {
            return None;
        }
        let mut spares = self.spares.lock();
        spares.all -= 1;
        spares.list.pop()
    }

    /// Of what is beyond all rights, at most so many are no more. How many.
    fn reserve(&self, most: u32) -> u32 {
        let order = Ordering::Relaxed;
        let rest = |unreserved: u32| Some(unreserved.saturating_sub(most));
        let (Ok(before) | Err(before)) = self.unreserved.fetch_update(order, order, rest);
        before.min(most)
    }

    /// Gives a process that is born its right. Under the relation lock. False: there is none.
    #[inline]
    pub(crate) fn grant(&self) -> bool {
        match self.grants.load(Ordering::Relaxed) {
            0 => self.grant_of_more(),
            left => {
                self.grants.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }

    #[cold]
    fn grant_of_more(&self) -> bool {
        let more = self.reserve(BATCH);
        self.grants.store(more.saturating_sub(1), Ordering::Relaxed);
        more > 0
    }

    /// Takes the right of a process that is gone. Under the relation lock.
    #[inline]
    pub(crate) fn end_grant(&self) {
        let mut left = self.grants.load(Ordering::Relaxed) + 1;
        if left > 2 * BATCH {
            left -= BATCH;
            self.unreserved.fetch_add(BATCH, Ordering::Relaxed);
        }
        self.grants.store(left, Ordering::Relaxed);
    }

    /// Takes those to which a process has a right.
    pub(crate) fn take(&self) -> Option<Sharer<K>> {
        self.spares.lock().list.pop()
    }

    /// Takes back what a process has left: it is here again, if no other one has it.
    pub(crate) fn take_back(&self, left: Option<Sharer<K>>) {
        if let Some(last) = left.and_then(Sharer::leave) {
            let mut spares = self.spares.lock();
            if spares.list.len() < spares.list.capacity() {
                spares.list.push(last);
            }
        }
    }
}
