//! Objects that are always counted: how a process, thread, group, session, namespace, terminal or identity is owned, and how it ends.
//!
//! | type | is |
//! | --- | --- |
//! | [`ARef`] | an owned reference to an object, and the only one there is |
//! | [`Head`] | what makes a thing an object: its count, and the block in which it stands |
//! | [`Owner`] | the reference from an object to the one to which it belongs, or in which it stands |
//! | [`Pending`] | the objects of a table whose last reference went in a hold: they are freed after the unlock |
//! | [`Shared`] | a plain object of the layer above |
//! | [`Spare`] | blocks of a table's processes and threads that were freed, for the next ones |
//!
//! # The protocol
//!
//! An object is allocated, which can fail, and written where it stands. From then on nobody has it by value or by `&mut` until its end: it cannot be moved,
//! swapped or taken apart. It is counted by one 32-bit count, which saturates as Linux's `refcount_t` does: who overflows it leaks the object, and frees nothing that is
//! in use. There is no weak count: a weak link is taken back explicitly by whoever ends what it leads to.
//!
//! An object can stand **inside** another: the first thread in its process, the root namespace in what all objects of its table share. It has a head of its own, which leads to that of the whole;
//! a reference to the part counts the whole, and the block goes when the last reference to any of both has gone.
//!
//! | the last reference is dropped | what happens |
//! | --- | --- |
//! | outside of a hold | the object is [unlinked](Object::unlink) by `&T`, then dropped, then its memory is given back |
//! | in a hold of its table, by the crate, a hook or a view | the same, after the unlock |
//!
//! So **nothing is freed in a hold**, and a reference that was read in a hold is good until the hold ends, whatever is unlinked meanwhile. That is what the modules
//! `sync` and `list` build on.

mod aref;
mod head;
mod kinds;
mod memory;
mod owner;
mod pending;
mod shared;
mod spare;

pub use aref::ARef;
pub(crate) use head::Head;
#[cfg(test)]
pub(crate) use head::Kind;
pub use head::Object;
#[cfg(test)]
pub(crate) use kinds::free_as;
pub(crate) use memory::boxed;
pub(crate) use owner::Owner;
pub(crate) use pending::{Pending, Released};
pub use shared::Shared;
pub(crate) use spare::Spare;

#[cfg(test)]
mod tests;
