//! What a table in a static is made by, over loom.

#[path = "../../../axprocess/src/sync/first_use.rs"]
pub(crate) mod first_use;

mod late;

mod atomic {
    pub(super) use loom::hint::spin_loop;
    pub(super) use loom::sync::atomic::Ordering;

    pub(super) use super::late::AtomicU32;
}
