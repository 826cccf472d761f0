//! Dispositions that nobody has, made before they are needed.
//!
//! sigaction(2) does not fail for want of memory on Linux, fork does. So each process has a right to dispositions of its own from its birth to its end, whether it has any or not, and there are never fewer than such rights:
//!
//! | | dispositions in all | rights |
//! | --- | --- | --- |
//! | a thread forks ([`provide`](Reserve::provide)) | one more, if no right is left | it has one for a child, and keeps it for as long as it is not needed |
//! | a birth ([`grant`](Reserve::grant)) | | that of a process which is gone, else its maker's |
//! | an end ([`end_grant`](Reserve::end_grant)) | | one more for births |
//! | a process [has some made its own](Reserve::make_own), or its last sharer [leaves](Reserve::take_back) them | | |
//!
//! Who is to have some of its own either has none, or has some that others have too: so there are more rights than dispositions in use, and one is here.

use alloc::vec::Vec;

use axprocess::{Errno, Lock};

use crate::dispositions::{Dispositions, Left, Sharer};
use crate::kernel::Kernel;
use crate::pool::Pool;
use crate::set::SignalSet;
use crate::state::ThreadSignals;
use crate::word::{AtomicU32, Ordering};

/// The dispositions of a table that nobody has.
pub(crate) struct Reserve<K: Kernel> {
    pub(crate) spares: K::SignalLock<Spares<K>>,
    /// How many rights births may give: written under the relation lock.
    pub(crate) grants: AtomicU32,
    /// How many rights anybody may take.
    pub(crate) rights: AtomicU32,
}

pub(crate) struct Spares<K: Kernel> {
    /// With room for all that there are.
    pub(crate) list: Vec<Sharer<K>>,
    /// How many there are, with those that processes have.
    pub(crate) all: usize,
}

/// So many rights that anybody may take are kept.
const MANY: u32 = 64;
/// So many of those that are too much a fork frees.
const FREED: u32 = 4;
/// So many rights are taken from births at a time, for anybody.
const BATCH: u32 = 16;

impl<K: Kernel> Reserve<K> {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        let spares = Spares { list: Vec::new(), all: 0 };
        let [grants, rights] = [AtomicU32::new(0), AtomicU32::new(0)];
        Self { spares: K::SignalLock::new(spares), grants, rights }
    }

    /// Sees to it that a thread which forks has a right for the child. Allocates without a lock if there is none; gives back what is too much.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn provide(&self, forker: &ThreadSignals<K>, pool: &Pool<K>) -> Result<(), Errno> {
        match forker.has_right() && self.rights.load(Ordering::Relaxed) <= MANY {
            true => Ok(()),
            false => self.provide_slowly(forker, pool),
        }
    }

    #[cold]
    fn provide_slowly(&self, forker: &ThreadSignals<K>, pool: &Pool<K>) -> Result<(), Errno> {
        if !forker.has_right() {
            match self.take_right(pool) {
                Ok(()) => forker.set_right(true),
                // The birth may find that of a process which is gone.
                Err(_) if self.grants.load(Ordering::Relaxed) > 0 => {}
                Err(errno) => return Err(errno),
            }
        }
        for _ in 0..FREED {
            if self.rights.load(Ordering::Relaxed) > MANY && self.take_right_at_hand() {
                drop(self.take_out());
            }
        }
        Ok(())
    }

    /// Takes a right. Allocates without a lock if there is none, and tells the pool how many processes there may be.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn take_right(&self, pool: &Pool<K>) -> Result<(), Errno> {
        if self.take_right_at_hand() {
            return Ok(());
        }
        match self.add_right(pool) {
            // Somebody may have ended meanwhile.
            Err(_) if self.take_right_at_hand() => Ok(()),
            result => result,
        }
    }

    /// Adds a right that anybody may take, for a process without a maker. Allocates without a lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn provide_for_birth(&self, pool: &Pool<K>) -> Result<(), Errno> {
        self.add_right(pool)?;
        self.give_right();
        Ok(())
    }

    /// Makes some, for who has the right to them.
    fn add_right(&self, pool: &Pool<K>) -> Result<(), Errno> {
        let all = self.add(Dispositions::make()?)?;
        pool.want(all);
        Ok(())
    }

    fn take_right_at_hand(&self) -> bool {
        let order = Ordering::Relaxed;
        self.rights.fetch_update(order, order, |rights| rights.checked_sub(1)).is_ok()
    }

    /// Gives a right that nobody needs to anybody.
    pub(crate) fn give_right(&self) {
        self.rights.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a process that is born the right of one that is gone. Under the relation lock. False: there is none.
    #[inline]
    pub(crate) fn grant(&self) -> bool {
        let left = self.grants.load(Ordering::Relaxed);
        if left > 0 {
            self.grants.store(left - 1, Ordering::Relaxed);
        }
        left > 0
    }

    /// Gives it its maker's, or any. False: there is none.
    #[cold]
    pub(crate) fn grant_of(&self, maker: Option<&ThreadSignals<K>>) -> bool {
        match maker.filter(|maker| maker.has_right()) {
            Some(maker) => {
                maker.set_right(false);
                true
            }
            None => self.take_right_at_hand(),
        }
    }

    /// Takes the right of a process that is gone, and has nothing more here. Under the relation lock.
    #[inline]
    pub(crate) fn end_grant(&self) {
        let mut left = self.grants.load(Ordering::Relaxed) + 1;
        if left > 2 * BATCH {
            left -= BATCH;
            self.rights.fetch_add(BATCH, Ordering::Relaxed);
        }
        self.grants.store(left, Ordering::Relaxed);
    }

    /// Puts new ones to the others: for who adds them, who has the right to them. How many there are in all.
    fn add(&self, made: Sharer<K>) -> Result<usize, Errno> {
        let mut more = Vec::new();
        loop {
            let mut spares = self.spares.lock();
            let all = spares.all;
            if all < spares.list.capacity() {
                spares.all += 1;
                spares.list.push(made);
                return Ok(all + 1);
            }
            if more.capacity() > all {
                more.append(&mut spares.list);
                core::mem::swap(&mut spares.list, &mut more);
                continue;
            }
            drop(spares);
            more = Vec::new();
            more.try_reserve_exact(2 * all + 4).map_err(|_| Errno::ENOMEM)?;
        }
    }

    /// Takes some out for good, with the right to them.
    fn take_out(&self) -> Option<Sharer<K>> {
        let mut spares = self.spares.lock();
        spares.all -= 1;
        spares.list.pop()
    }

    /// Takes those to which a process has a right that has none.
    pub(crate) fn take(&self) -> Option<Sharer<K>> {
        self.spares.lock().list.pop()
    }

    /// Has a process have some of its own: like those that it has with others until then, or that ignore these. Returns those that it has left, for the caller to drop where it holds nothing.
    ///
    /// Under one lock with the others who have them too: of two that do this at once, the second finds that they are its own.
    pub(crate) fn make_own(
        &self,
        dispositions: &mut Option<Sharer<K>>,
        ignored: SignalSet,
    ) -> Option<Left<K>> {
        let mut spares = self.spares.lock();
        if dispositions.as_ref().is_some_and(|lent| !lent.is_shared()) {
            return None;
        }
        let own = spares.list.pop()?;
        match dispositions {
            Some(lent) => own.copy_from(lent),
            None => own.reset(ignored),
        }
        let left = dispositions.replace(own)?.leave();
        spares.put(left)
    }

    /// Takes back what a process has left: it is here again, if no other one has it. Where nothing is held.
    pub(crate) fn take_back(&self, left: Option<Left<K>>) {
        if left.as_ref().is_some_and(|left| left.is_last) {
            let left = left.and_then(|left| self.spares.lock().put(left));
            drop(left);
        }
    }
}

impl<K: Kernel> Spares<K> {
    /// Puts what its last sharer has left to the others; returns what is not put.
    fn put(&mut self, left: Left<K>) -> Option<Left<K>> {
        if left.is_last && self.list.len() < self.list.capacity() {
            self.list.push(left.sharer);
            return None;
        }
        Some(left)
    }
}
