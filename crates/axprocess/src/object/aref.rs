//! An owned reference to an object.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use super::head::{Head, Object};
use super::memory;
use super::pending::Pending;
use super::spare::Spare;
use crate::Errno;

/// An owned reference to an object that is always counted: a process, thread, group, session, namespace or terminal, or a [`Shared`](super::Shared) one.
///
/// Cloning counts, dropping uncounts, and the last one frees the object: at once, or after the unlock if it goes in a hold of the relation lock, as in
/// a hook. There is no way to have the object by value or by `&mut`, and no weak reference: what only leads to an object is a relation, under the lock.
/// The count saturates at 2³¹: who leaks that many references leaks the object.
///
/// A plain reference can be made an owned one at any time:
///
/// ```
/// # use axprocess::{Host, ProcessTable, Relations};
/// # struct MyKernel;
/// # impl Host for MyKernel {
/// #     type Lock = std::sync::Mutex<Relations<Self>>;
/// #     type ProcessData = ();
/// #     type ThreadData = ();
/// #     type GroupData = ();
/// #     type SessionData = ();
/// #     type NamespaceData = ();
/// #     type TerminalData = ();
/// #     type Usage = ();
/// # }
/// use axprocess::{ARef, Process};
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// let process: &Process<MyKernel> = init.process();
/// let kept = ARef::from(process);
/// assert!(ARef::ptr_eq(&kept, init.process()));
/// # Ok::<(), axprocess::Errno>(())
/// ```
#[repr(transparent)]
pub struct ARef<T: Object> {
    pointer: NonNull<T>,
    owned: PhantomData<T>,
}

// SAFETY: it gives out `&T` and may drop the `T`, from whichever thread; an object is `Send` and `Sync` by its trait. Held against: a `Shared` of an `Rc` or a `Cell` (it is no object).
unsafe impl<T: Object> Send for ARef<T> {}
// SAFETY: as above: a shared one can be cloned, and the clone be sent. Held against: a clone that is the last one, in another thread than made it.
unsafe impl<T: Object> Sync for ARef<T> {}

impl<T: Object> ARef<T> {
    /// Makes an object in a block of its own, written where it stands.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory. `make` has not run.
    #[inline]
    pub(crate) fn make(make: impl FnOnce() -> T) -> Result<Self, Errno> {
        let [own] = Self::make_in(memory::allocate().map(memory::Unwritten), make)?;
        Ok(own)
    }

    /// Makes an object as [`make`](Self::make) does, in a block that was put back if there is one, with so many references to it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory. `make` has not run.
    #[inline(always)]
    pub(crate) fn make_from<const REFERENCES: usize>(
        spare: &Spare<T>,
        make: impl FnOnce() -> T,
    ) -> Result<[Self; REFERENCES], Errno> {
        Self::make_in(spare.take_or_allocate(), make)
    }

    /// So many references from the first moment on: nobody counts meanwhile, so each costs nothing.
    #[inline(always)]
    fn make_in<const REFERENCES: usize>(
        block: Option<memory::Unwritten<T>>,
        make: impl FnOnce() -> T,
    ) -> Result<[Self; REFERENCES], Errno> {
        let block = block.ok_or(Errno::ENOMEM)?;
        // SAFETY: nothing stands in the memory, which is as large and aligned as a `T` must be; then a `T` does, with heads that are not yet in their place. Held against: `make` that panics (the block is given
        // back), or makes another from the same blocks meanwhile (this one was taken out).
        unsafe {
            block.0.write(make());
            Ok(Self::own_written(block))
        }
    }

    /// The references to an object that has been written.
    ///
    /// # Safety
    ///
    /// A `T` stands in the block, with heads that are not yet in their place.
    #[inline(always)]
    pub(super) unsafe fn own_written<const REFERENCES: usize>(
        block: memory::Unwritten<T>,
    ) -> [Self; REFERENCES] {
        const { assert!(REFERENCES > 0, "what nobody refers to is never freed") };
        let place = block.0;
        core::mem::forget(block);
        // SAFETY: the object stands there by this function's own contract, and its heads where its trait says. Nobody else knows of it yet. The pointers come from the allocation,
        // so they have the right to all of it. Held against: a value with the head of another type (what it is freed as is said here), `on_placed` that panics (the object is leaked).
        unsafe {
            let mut own = place.byte_add(T::HEAD).cast::<Head>();
            own.as_mut().place(own, T::KIND, REFERENCES as u32);
            if let Some(part) = T::PART {
                place.byte_add(part).cast::<Head>().as_ref().place_in(own);
            }
            place.as_ref().on_placed();
        }
        [(); REFERENCES].map(|()| Self { pointer: place, owned: PhantomData })
    }

    /// Makes a reference to a whole one to the object that stands in it: both count the same.
    #[inline]
    pub(crate) fn into_part<P: Object>(whole: Self, part: impl FnOnce(&T) -> &P) -> ARef<P> {
        let pointer = {
            let part = part(&whole);
            assert!(
                part.head().whole_if_placed() == Some(NonNull::from_ref(whole.head())),
                "a part stands in its whole"
            );
            NonNull::from_ref(part)
        };
        core::mem::forget(whole);
        ARef { pointer, owned: PhantomData }
    }

    /// A reference of one's own, unless the last one has gone: for what is reached over a link that does not keep it alive.
    #[inline]
    pub(crate) fn try_from_ref(object: &T) -> Option<Self> {
        let counted = object.counting_head().try_count_up();
        counted.then(|| Self { pointer: NonNull::from_ref(object), owned: PhantomData })
    }

    /// The same as `clone`, of a reference that has been counted itself: not the one that a part has to its whole.
    #[inline]
    pub(crate) fn clone_counted(counted: &Self) -> Self {
        counted.counting_head().count_one_more();
        Self { pointer: counted.pointer, owned: PhantomData }
    }

    /// Returns whether both are references to the same object.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.pointer == other.pointer
    }

    /// Gives the reference away as a pointer, for a structure of the kernel's own. It stays counted until [`from_raw`](Self::from_raw).
    #[inline]
    pub const fn into_raw(this: Self) -> NonNull<T> {
        let pointer = this.pointer;
        core::mem::forget(this);
        pointer
    }

    /// Takes a reference back.
    ///
    /// # Safety
    ///
    /// The pointer is one that [`into_raw`](Self::into_raw) returned, and is taken back once.
    #[inline]
    pub const unsafe fn from_raw(pointer: NonNull<T>) -> Self {
        Self { pointer, owned: PhantomData }
    }

    /// How many references there are to the block, at some moment of the call.
    #[cfg(test)]
    pub(crate) fn count(this: &Self) -> u32 {
        // SAFETY: this reference keeps the whole alive. Held against: one to a part.
        this.head().whole_if_placed().map_or(0, |whole| unsafe { whole.as_ref() }.count())
    }
}

impl<T: Object> From<&T> for ARef<T> {
    /// Makes a reference of one's own: who has a `&T` has an object that is owned by somebody.
    #[inline]
    fn from(object: &T) -> Self {
        // It is counted, or this panics: an object at its end, or that waits to be freed, has no reference any more, and never gets one again.
        object.counting_head().count_up_or_panic();
        Self { pointer: NonNull::from_ref(object), owned: PhantomData }
    }
}

impl<T: Object> Clone for ARef<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<T: Object> Deref for ARef<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this reference is counted, so the object lives as long as it does. Held against: a kernel that swaps two objects, or takes one apart (only `&T` is ever given out); 2³² leaked references
        // (the count saturates).
        unsafe { self.pointer.as_ref() }
    }
}

impl<T: Object> AsRef<T> for ARef<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: Object> Drop for ARef<T> {
    #[inline]
    fn drop(&mut self) {
        let whole = self.head().whole();
        // SAFETY: this reference is given up, and has kept the whole alive, which so does not wait to be freed: its head leads to itself. Held against: the last references to a process and to its first
        // thread, dropped by two threads at once.
        if unsafe { Head::count_down(whole) } {
            self.free_or_put_off(whole);
        }
    }
}

impl<T: Object> ARef<T> {
    /// The last reference has gone.
    #[inline]
    fn free_or_put_off(&self, whole: NonNull<Head>) {
        // The object still stands: whoever took the count to 0 owns it.
        match self.pending_frees_of_its_table().filter(|pending| pending.is_lock_held_by_anyone()) {
            // SAFETY: its last reference has gone, and it is given away here, once. `pending` stands in its table, which it counts itself or by what it refers to; what was never published is dropped
            // by who borrows its maker, which does. Held against: a hook that drops the last reference in the hold, another thread that drops it beside the last hold of a table that is gone.
            Some(pending) => unsafe { Pending::put_off(NonNull::from_ref(pending), whole) },
            // SAFETY: as above. What is linked is held by its list; the few that are not (terminals) are unlinked there, and who follows a link to one meanwhile gets no reference, for the count stays 0. A hold
            // that used it has ended, and its end has happened before: `is_lock_held_by_anyone` has seen it. Held against: a terminal that is dropped while its session is asked for it.
            None => unsafe { T::free(whole) },
        }
    }
}

impl<T: Object + PartialEq> PartialEq for ARef<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Object + Eq> Eq for ARef<T> {}

impl<T: Object + Hash> Hash for ARef<T> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        (**self).hash(state);
    }
}

impl<T: Object + fmt::Debug> fmt::Debug for ARef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
