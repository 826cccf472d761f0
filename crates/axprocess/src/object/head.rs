//! What stands in every object: its count, and the way to the block that it stands in.

use core::ptr::{self, NonNull};

use super::pending::Pending;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

/// From here on a count is saturated: it neither grows nor shrinks any more, and its object is never freed. Far from both ends, so that no number of processors
/// that count at the same time can leave it.
const SATURATED: u32 = 0xc000_0000;

/// The count above which it saturates.
const MOST: u32 = 0x7fff_ffff;

/// Stands in place of a count in an object that stands inside another: that one counts.
const PART: u32 = u32::MAX;

/// What makes a thing an object. It stands in a field of its own in each object, and is written once, when the object is in its place.
pub struct Head {
    /// How many references there are; 0: not yet in its place, or the last one has gone. [`PART`]: the whole counts.
    count: AtomicU32,
    /// Of a whole that is in its place.
    kind: Kind,
    /// The head of the whole block, for a whole itself the same one: with the right to all of the block's memory. While the object waits to be freed: the next one.
    whole: AtomicPtr<Head>,
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// It belongs to no table.
    Plain,
    TableInner,
    Process,
    Thread,
    Group,
    Session,
    Namespace,
    Terminal,
    PtraceRole,
    Inside,
    Identity,
}

/// What an [`ARef`](super::ARef) can own: processes, threads and the crate's other objects, and [`Shared`](super::Shared) ones.
///
/// # Safety
///
/// For the crate alone, and in the module `object` alone:
/// * [`HEAD`](Self::HEAD) is the offset of the object's own head, which stands in it from its making to its end, and [`PART`](Self::PART) that of the head of the object that stands inside it;
/// * no code makes a value of the type but to place it where `ARef` makes it, or as the part of such a one, and [`free`](Self::free) frees the whole in which one stands.
pub unsafe trait Object: Sized + Send + Sync + 'static {
    /// Where its head stands.
    #[doc(hidden)]
    const HEAD: usize;

    /// What it is freed as.
    #[doc(hidden)]
    const KIND: Kind;

    /// Whether relations may lead to it: no hold that sees it goes on when it is freed. A [`Shared`](super::Shared) one is freed at once, also in a hold.
    #[doc(hidden)]
    const MAY_BE_LINKED: bool = true;

    /// Where the head of the object stands that stands inside it.
    #[doc(hidden)]
    const PART: Option<usize> = None;

    /// Whether one can stand inside another object, which then counts for it.
    #[doc(hidden)]
    const MAY_BE_PART: bool = false;

    /// Where it waits when its last reference goes in a hold; `None`: it belongs to no table.
    #[doc(hidden)]
    fn pending_frees_of_its_table(&self) -> Option<&Pending>;

    /// Called when the object is in its place.
    ///
    /// # Safety
    ///
    /// It is, and nobody else knows of it yet.
    #[doc(hidden)]
    unsafe fn on_placed(&self) {}

    /// Takes back what leads to the object, without a hold and before anyone has it to drop.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free), which calls it.
    #[doc(hidden)]
    unsafe fn unlink(&self) {}

    /// Ends the whole in which an object of this type stands.
    ///
    /// # Safety
    ///
    /// `whole` is the head of such a whole, with the right to all of its block. Its last reference has gone, and nobody else frees it.
    #[doc(hidden)]
    unsafe fn free(whole: NonNull<Head>);

    /// The head that counts for it.
    #[doc(hidden)]
    #[inline]
    fn counting_head(&self) -> &Head {
        if Self::MAY_BE_PART { self.head().counting_head() } else { self.head() }
    }

    /// Its head.
    #[doc(hidden)]
    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: by the trait's contract a head stands there, as long as the object does. Held against: a kernel's own `impl Object` (only `unsafe` code can write one).
        unsafe { &*ptr::from_ref(self).byte_add(Self::HEAD).cast::<Head>() }
    }
}

impl Head {
    /// The head of an object that is not yet in its place.
    pub(crate) fn new() -> Self {
        let whole = AtomicPtr::new(ptr::null_mut());
        Self { count: AtomicU32::new(0), kind: Kind::Plain, whole }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Notes that the object is the whole of its block, of this kind, with so many references to it.
    pub(super) fn place(&mut self, own: NonNull<Self>, kind: Kind, references: u32) {
        self.kind = kind;
        self.whole.store(own.as_ptr(), Ordering::Relaxed);
        self.count.store(references, Ordering::Relaxed);
    }

    /// Notes that the object stands inside another.
    pub(super) fn place_in(&self, whole: NonNull<Self>) {
        self.whole.store(whole.as_ptr(), Ordering::Relaxed);
        self.count.store(PART, Ordering::Relaxed);
    }

    /// Whether the object stands inside another, which counts for it.
    #[inline]
    pub(crate) fn is_part(&self) -> bool {
        self.count.load(Ordering::Relaxed) == PART
    }

    /// The head that counts for this object: its own, or that of the whole in which it stands. Not by way of `whole` in a whole itself: that leads elsewhere
    /// while it waits to be freed.
    #[inline]
    pub(super) fn counting_head(&self) -> &Self {
        match self.whole_if_placed() {
            // SAFETY: a part stands in its whole, which so lives as long as the part is borrowed; its way there is written once. Held against: a first thread that is shared while its process waits to
            // be freed (only the whole's own head is chained, and its count is 0).
            Some(whole) if self.is_part() => unsafe { whole.as_ref() },
            _ => self,
        }
    }

    /// The head of the whole, with the right to all of its block; `None`: the object is not in its place.
    #[inline]
    pub(super) fn whole_if_placed(&self) -> Option<NonNull<Self>> {
        NonNull::new(self.whole.load(Ordering::Relaxed))
    }

    /// The same, of an object that is in its place.
    #[inline]
    pub(super) fn whole(&self) -> NonNull<Self> {
        let whole = self.whole.load(Ordering::Relaxed);
        debug_assert!(!whole.is_null(), "the object is in its place");
        // SAFETY: it is not null: an object that is owned is in its place, where that was written before anyone owned it. Held against: code of the crate that asks a head which `ARef` has not placed.
        unsafe { NonNull::new_unchecked(whole) }
    }

    /// Has so many references from now on.
    #[cfg(test)]
    pub(super) fn set_count(&self, count: u32) {
        self.count.store(count, Ordering::Relaxed);
    }

    /// How many references there are, at some moment of the call.
    #[cfg(test)]
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one more reference, of a whole of which there is one. Never from none: not even for a moment, in which a second caller would find one.
    ///
    /// # Panics
    ///
    /// If there is none: it is not in its place, or at its end.
    #[inline]
    pub(super) fn count_up_or_panic(&self) {
        assert!(self.try_count_up(), "an object at its end cannot be shared");
    }

    /// Counts one more reference, of a whole of which the caller has one that is counted.
    #[inline]
    pub(super) fn count_one_more(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        debug_assert!(before != 0, "the caller has one that is counted");
        if before >= MOST {
            // It is never freed any more.
            self.count.store(SATURATED, Ordering::Relaxed);
        }
    }

    /// Counts one more reference of a whole unless its last one has gone. Whether it did.
    #[inline]
    pub(super) fn try_count_up(&self) -> bool {
        let mut before = self.count.load(Ordering::Relaxed);
        while before != 0 {
            let after = if before >= MOST { SATURATED } else { before + 1 };
            match self.count.compare_exchange_weak(
                before,
                after,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => before = now,
            }
        }
        false
    }

    /// Counts one reference less. Whether it was the last: then all that was done through the others has happened before.
    ///
    /// # Safety
    ///
    /// The caller gives a counted reference up, of the whole with this head. If it was not the last, another may free the block while this still runs: so only the
    /// count is borrowed here.
    #[inline]
    pub(super) unsafe fn count_down(whole: NonNull<Self>) -> bool {
        // SAFETY: the reference that is given up has kept the block alive until the count is changed. Held against: another thread that then drops the last one, before this returns.
        let count = unsafe { &*ptr::addr_of!((*whole.as_ptr()).count) };
        let before = count.fetch_sub(1, Ordering::Release);
        if before == 1 {
            fence(Ordering::Acquire);
            return true;
        }
        if before > MOST {
            // It is never freed any more.
            count.store(SATURATED, Ordering::Relaxed);
        }
        false
    }

    /// Chains an object that waits to be freed to the next one.
    pub(super) fn set_next_pending(&self, next: *mut Self) {
        self.whole.store(next, Ordering::Relaxed);
    }

    /// The object behind this one, which waits to be freed.
    pub(super) fn next_pending(&self) -> *mut Self {
        self.whole.load(Ordering::Relaxed)
    }
}
