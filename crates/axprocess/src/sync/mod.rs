//! The one relation lock: the trait that a host implements, a hold of the lock, and the cells that open only in a hold.
//!
//! # The protocol
//!
//! Every relation between processes, threads, groups and sessions stands in a [`Field`], a
//! [`Word`] or a link of the `list` module. All of these open only with a [`Hold`], and a `Hold`
//! exists only inside [`World::hold`], which locks, runs one critical section, and unlocks. So the compiler checks that
//! relations are read and changed under the lock, and one section is one transaction.
//!
//! A hold has a lifetime `'h` of its own that no value can carry out of the section. What is
//! read through a relation is a `&'h` reference: it is good for the rest of the section, also
//! when the relation is changed meanwhile. That rests on one rule, **nothing is freed during a hold**:
//!
//! * a strong edge that is given up goes into the hold's [`Released`], or up to the entry point as an `Arc`, and is let
//!   go after the unlock;
//! * an object that is only weakly linked takes itself out of every list, under the lock, before its memory goes
//!   (`Thread`'s `Drop`), or is out already because an `Arc` to it lives in another object that is still linked.
//!
//! `unsafe` code stands only here and in `list`.

mod field;
mod hold;
#[cfg(debug_assertions)]
mod holder;
mod home;
#[cfg(feature = "kspin")]
mod kspin;
mod lock;
#[cfg(feature = "std")]
mod std;
mod unlink;
mod word;

pub(crate) use field::{Field, Opened, StrongEdge};
pub(crate) use hold::{BATCH, Hold, World};
pub(crate) use home::Home;
pub use lock::Lock;
pub(crate) use unlink::unlink;
pub(crate) use word::{Word32, Word64};

/// The atomics that the crate uses; the place where a model checker's take over.
pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}
