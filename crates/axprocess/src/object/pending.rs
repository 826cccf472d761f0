//! Objects whose last reference went in a hold.

use core::num::NonZeroUsize;
use core::ptr::{self, NonNull};

use super::head::Head;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The objects of one table whose last reference went in a hold. Whoever holds the lock takes them along when it unlocks, and frees them then.
///
/// Who drops a last reference asks whether there is a hold. One's own is seen for certain. If the hold is another processor's, the object waits for its unlock all the
/// same, as nothing tells the two apart where the host cannot say [who runs](crate::Host::context); and if that hold ends at this very moment, for the next unlock.
pub struct Pending {
    /// Who holds the lock; 0: nobody.
    holder: AtomicUsize,
    waiting: AtomicPtr<Head>,
    free: unsafe fn(NonNull<Head>),
}

/// A holder that the host cannot name.
const SOMEBODY: usize = usize::MAX;

impl Pending {
    /// None. `free` frees an object of this table by its kind.
    pub(super) fn new(free: unsafe fn(NonNull<Head>)) -> Self {
        Self { holder: AtomicUsize::new(0), waiting: AtomicPtr::new(ptr::null_mut()), free }
    }

    /// Whether somebody holds the lock.
    #[inline]
    pub(super) fn is_held(&self) -> bool {
        // With the release at the end of a hold: what was done in a hold that is seen to have ended has happened before.
        self.holder.load(Ordering::Acquire) != 0
    }

    /// Notes that the lock is held, until the hold [leaves](Held::leave), or a panic of the invariant checker's ends it.
    #[inline]
    pub(crate) fn enter(&self, context: Option<NonZeroUsize>) -> Held<'_> {
        self.holder.store(context.map_or(SOMEBODY, NonZeroUsize::get), Ordering::Relaxed);
        Held(self)
    }

    /// Whether this context holds the lock, as far as the host can tell.
    #[inline]
    pub(crate) fn is_held_by(&self, context: Option<NonZeroUsize>) -> bool {
        context.is_some_and(|own| self.holder.load(Ordering::Relaxed) == own.get())
    }

    /// Takes along what waits.
    #[inline]
    fn take(&self) -> Released {
        let waiting = match self.waiting.load(Ordering::Relaxed).is_null() {
            true => ptr::null_mut(),
            false => self.waiting.swap(ptr::null_mut(), Ordering::Acquire),
        };
        Released { first: waiting, free: self.free }
    }

    /// Those that wait.
    #[inline]
    pub(super) const fn waiting(&self) -> &AtomicPtr<Head> {
        &self.waiting
    }
}

/// Lets an object wait for the unlock.
///
/// # Safety
///
/// It is a whole of the table whose chain this is, its last reference has gone, and it is given away by this. As soon as it is in the chain another may free it, and with it the table: so only
/// the chain's first link is borrowed here.
#[cold]
pub(super) unsafe fn push(waiting: &AtomicPtr<Head>, whole: NonNull<Head>) {
    let mut first = waiting.load(Ordering::Relaxed);
    loop {
        // SAFETY: the object is the caller's until it stands in the chain.
        unsafe { whole.as_ref() }.set_next(first);
        match waiting.compare_exchange_weak(
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

impl Drop for Pending {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// The time in which the lock is held.
pub(crate) struct Held<'a>(&'a Pending);

impl Held<'_> {
    /// Ends it, and takes along what waits, to be dropped after the unlock.
    #[inline]
    pub(crate) fn leave(self) -> Released {
        self.0.take()
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

impl Drop for Released {
    #[inline]
    fn drop(&mut self) {
        while let Some(whole) = NonNull::new(self.first) {
            // SAFETY: `push` was given the object, and it was taken out of the chain once, by `take`. The next one is read before it goes; then its head
            // leads to itself again, as that of any whole.
            unsafe {
                self.first = whole.as_ref().next();
                whole.as_ref().set_next(whole.as_ptr());
                (self.free)(whole);
            }
        }
    }
}
