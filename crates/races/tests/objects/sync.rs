//! What the module `object` takes from the crate, over loom; and how a table is bound.

#[path = "../../../axprocess/src/sync/binding.rs"]
pub(crate) mod binding;

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence};
}
