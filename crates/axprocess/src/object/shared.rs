//! A plain object of the layer above.

use core::fmt;
use core::mem::offset_of;
use core::ops::Deref;
use core::ptr::NonNull;

use super::aref::ARef;
use super::head::{Head, Kind, Object};
use super::kinds;
use super::pending::Pending;
use crate::Errno;

/// A value of a kernel's, or of a layer's, that is owned as the crate's own objects are: by an [`ARef`], made fallibly, never moved.
///
/// It belongs to no table: its last reference frees it at once, also in a hook.
///
/// ```
/// use axprocess::{ARef, Shared};
/// let table = Shared::new([0_u8; 64])?;
/// let other = ARef::clone(&table);
/// assert_eq!(other.len(), 64);
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct Shared<T> {
    head: Head,
    value: T,
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Makes an object of a value.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory; the value is dropped.
    #[allow(clippy::new_ret_no_self, reason = "an object is only ever had by reference")]
    pub fn new(value: T) -> Result<ARef<Self>, Errno> {
        ARef::make(|| Self { head: Head::new(), value })
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

// SAFETY: the head stands where it says, is private, and values of the type are made by `new` alone. Held against: a value with interior mutability or none (`Deref` gives `&T` alone), a relation that
// leads to one (`MAY_BE_LINKED`).
unsafe impl<T: Send + Sync + 'static> Object for Shared<T> {
    const HEAD: usize = offset_of!(Self, head);
    const KIND: Kind = Kind::Plain;
    const MAY_BE_LINKED: bool = false;

    fn pending_frees_of_its_table(&self) -> Option<&Pending> {
        None
    }

    unsafe fn free(whole: NonNull<Head>) {
        // SAFETY: by the method's own contract, for this type: it stands in no other, and no other in it. Held against: a value that drops others as it ends.
        unsafe { kinds::free_as::<Self>(whole) };
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
