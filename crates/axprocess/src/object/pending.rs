//! Objects whose last reference went in a hold.

use core::mem;
use core::num::NonZeroUsize;
use core::ptr::{self, NonNull};

use super::head::Head;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

/// The objects of one table whose last reference went in a hold. Whoever holds the lock takes them along when it unlocks, and frees them then.
///
/// Who drops a last reference asks whether there is a hold. One's own is seen for certain. If the hold is another processor's, the object waits for its unlock all the
/// same: that hold may have read a reference to it. If it ends at this very moment, the object is freed by the one who has dropped it, or, as long as there is the table, at the next unlock.
/// Once the table is gone there may be no next one: from then on the two sides [look for each other](Held::leave_gone_table).
pub struct Pending {
    /// Who holds the lock; 0: nobody.
    holder: AtomicUsize,
    waiting: AtomicPtr<Head>,
    /// The head of the block in which this stands; null: not yet in its place.
    own: AtomicPtr<Head>,
    free: unsafe fn(NonNull<Head>),
}

/// A holder that the host cannot name.
const SOMEBODY: usize = usize::MAX;

impl Pending {
    /// None. `free` frees an object of this table by its kind.
    pub(super) fn new(free: unsafe fn(NonNull<Head>)) -> Self {
        let [waiting, own] = [(); 2].map(|()| AtomicPtr::new(ptr::null_mut()));
        Self { holder: AtomicUsize::new(0), waiting, own, free }
    }

    /// Notes in which block this stands. For [`Object::on_placed`](super::Object::on_placed) of it.
    pub(super) fn set_own_block(&self, own: Option<NonNull<Head>>) {
        self.own.store(own.map_or(ptr::null_mut(), NonNull::as_ptr), Ordering::Relaxed);
    }

    /// Whether somebody holds the lock.
    #[inline]
    pub(super) fn is_lock_held_by_anyone(&self) -> bool {
        // With the release at the end of a hold: what was done in a hold that is seen to have ended has happened before.
        self.holder.load(Ordering::Acquire) != 0
    }

    /// Notes that the lock is held, until the hold [leaves](Held::leave), or a panic of the invariant checker's ends it.
    ///
    /// # Safety
    ///
    /// The caller has the lock, and nobody else is in it, until what this returns has gone.
    #[inline]
    pub(crate) unsafe fn note_lock_held(&self, context: Option<NonZeroUsize>) -> Held<'_> {
        self.holder.store(context.map_or(SOMEBODY, NonZeroUsize::get), Ordering::Relaxed);
        Held(self)
    }

    /// Whether this context holds the lock, as far as the host can tell.
    #[inline]
    pub(crate) fn is_lock_held_by(&self, context: Option<NonZeroUsize>) -> bool {
        context.is_some_and(|own| {
            own.get() != SOMEBODY && self.holder.load(Ordering::Relaxed) == own.get()
        })
    }

    /// Takes along what waits, if anything does.
    #[inline]
    fn take(&self) -> Option<Released> {
        if self.waiting.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let first = self.waiting.swap(ptr::null_mut(), Ordering::Acquire);
        Some(Released { first, free: self.free })
    }

    /// Lets an object wait for the unlock, because somebody holds the lock.
    ///
    /// # Safety
    ///
    /// It is a whole of the table whose chain this is, its last reference has gone, and it is given away by this. The block in which `pending` stands is counted when this is
    /// called, by the object, by what that refers to, or by the caller.
    #[cold]
    pub(super) unsafe fn put_off(pending: NonNull<Self>, whole: NonNull<Head>) {
        // SAFETY: as soon as the object is in the chain another may free it, and what it counts; but not the block, which is counted here. It is not borrowed any more when that ends. Held against:
        // the last object of a table that is gone, dropped beside its last hold (the table then goes with `kept`).
        unsafe {
            let kept = Counted::count_up_block_of(pending.as_ref());
            pending.as_ref().push_or_free(whole);
            drop(kept);
        }
    }

    /// # Safety
    ///
    /// As for [`put_off`](Self::put_off), with the block counted until this returns.
    unsafe fn push_or_free(&self, whole: NonNull<Head>) {
        // SAFETY: by this function's own contract: the object is the caller's until it stands in the chain.
        unsafe { self.push(whole) };
        loop {
            // Against that in `leave_gone_table`: if this finds that the hold has ended, or else the holder finds what is in the chain.
            fence(Ordering::SeqCst);
            if self.is_lock_held_by_anyone() {
                return;
            }
            let Some(mut late) = self.take() else {
                return;
            };
            // A hold that has used one of these was there when it came into the chain, and no later one finds it. So if nobody holds the lock now, nobody uses them.
            fence(Ordering::SeqCst);
            if !self.is_lock_held_by_anyone() {
                return;
            }
            while let Some(whole) = late.pop() {
                // SAFETY: it has just been taken out of the chain. Held against: two who drop late at the same time (each chain is taken once), a hold that begins meanwhile (it frees what is put back).
                unsafe { self.push(whole) };
            }
        }
    }

    /// Puts an object into the chain.
    ///
    /// # Safety
    ///
    /// It is a whole of this table, at its end, and the caller's, who gives it away.
    unsafe fn push(&self, whole: NonNull<Head>) {
        let mut first = self.waiting.load(Ordering::Relaxed);
        loop {
            // SAFETY: by this function's own contract: the object is the caller's until it stands in the chain.
            unsafe { whole.as_ref() }.set_next_pending(first);
            match self.waiting.compare_exchange_weak(
                first,
                whole.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Frees what waits. For [`Object::unlink`](super::Object::unlink) of the block in which this stands: nobody holds the lock of what nobody refers to.
    pub(super) fn free_all(&self) {
        drop(self.take());
    }
}

/// A reference to the block in which a [`Pending`] stands.
struct Counted {
    own: Option<NonNull<Head>>,
    free: unsafe fn(NonNull<Head>),
}

impl Counted {
    fn count_up_block_of(pending: &Pending) -> Self {
        let own = NonNull::new(pending.own.load(Ordering::Relaxed));
        if let Some(own) = own {
            // SAFETY: this stands in the block of that head, which so is there. Held against: a table at its end (its count is 0: that is a panic).
            unsafe { own.as_ref() }.count_up_or_panic();
        }
        Self { own, free: pending.free }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(own) = self.own {
            // SAFETY: `count` has counted this reference, which is given up here. If it was the last one, the block is this one's to free. Held against: a hold that still runs (its caller counts the
            // block by what it calls), a panic of data while this drops.
            unsafe {
                if Head::count_down(own) {
                    (self.free)(own);
                }
            }
        }
    }
}

/// The time in which the lock is held.
pub(crate) struct Held<'a>(&'a Pending);

impl Held<'_> {
    /// Whether nothing waits for the unlock now: then there is nothing to take along.
    #[inline]
    pub(crate) fn is_nothing_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed).is_null()
    }

    /// Ends it, and takes along what waits, to be dropped after the unlock.
    pub(crate) fn leave(self) -> Option<Released> {
        self.0.take()
    }

    /// The same when the table is gone, so that this may be the last hold: the other way round, and against that in `push_or_free`. What comes too late for this has seen that nobody holds the lock.
    #[cold]
    pub(crate) fn leave_gone_table(self) -> Option<Released> {
        let pending = self.0;
        drop(self);
        fence(Ordering::SeqCst);
        pending.take()
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.holder.store(0, Ordering::Release);
    }
}

/// What one hold has taken along. Freed when dropped, without a hold.
pub(crate) struct Released {
    first: *mut Head,
    free: unsafe fn(NonNull<Head>),
}

impl Released {
    /// Takes out one; the caller's then.
    fn pop(&mut self) -> Option<NonNull<Head>> {
        let whole = NonNull::new(self.first)?;
        // SAFETY: `push` was given the object, and it was taken out of the chain once, by `take`. The next one is read before it goes; then its head
        // leads to itself again, as that of any whole. Held against: data that, as it is dropped, drops others of the same chain's table (they are freed at once, or wait in a new chain).
        unsafe {
            self.first = whole.as_ref().next_pending();
            whole.as_ref().set_next_pending(whole.as_ptr());
        }
        Some(whole)
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        self.free_all();
    }
}

impl Released {
    fn free_all(&mut self) {
        while let Some(whole) = self.pop() {
            // If the kernel's data panics when it is dropped, the others are freed while that unwinds.
            let rest =
                Self { first: mem::replace(&mut self.first, ptr::null_mut()), free: self.free };
            // SAFETY: it was taken out, and nobody else has it. Held against: data that panics as it is dropped (`rest` goes on), or calls, and so frees another chain meanwhile.
            unsafe { (self.free)(whole) };
            self.first = rest.first;
            mem::forget(rest);
        }
    }
}
