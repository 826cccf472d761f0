//! The one relation lock: the trait that a host implements, a hold of the lock, and the cells that open only in a hold.
//!
//! # The protocol
//!
//! Every relation between processes, threads, groups and sessions stands in a [`Field`], a
//! [`Word32`] or a link of the `list` module. All of these open only with a [`Hold`], and a `Hold`
//! exists only inside [`TableInner::hold`], which locks, runs one critical section, and unlocks. So the compiler checks that
//! relations are read and changed under the lock, and one section is one transaction.
//!
//! A hold has a lifetime `'h` of its own that no value can carry out of the section. What is
//! read through a relation is a `&'h` reference: it is good for the rest of the section, also
//! when the relation is changed meanwhile. That rests on one rule, **nothing is freed during a hold**:
//!
//! * an object whose last reference goes in a hold waits for the unlock (module `object`);
//! * an object that is only weakly linked is taken out of every list, under the lock, before anyone has it to drop.
//!
//! # The lock and its relations
//!
//! The lock is the host's, and the host's code is safe code: it could hand out another table's relations, or those of a table that is gone. Then two holds of one table
//! could be at the same time. So a table and its relations know each other by a serial that is never used again: the first hold binds them, and each
//! hold compares, before it reads anything. A lock that does not keep to its table's own ends in a panic.
//!
//! # Without the lock
//!
//! Atomics come from [`atomic`] alone. What can be read without the lock is a [`Word32`] or a [`Word64`]. Such a getter is called **wait-free**: it waits for nobody,
//! and an interrupt handler may call it that has interrupted a hold.
//!
//! | target | a `Word64` is | a read |
//! | --- | --- | --- |
//! | with 64-bit atomics | one atomic | one load |
//! | without (riscv32imac, thumbv7em) | two copies of two halves: module `latch` | four loads, and again if a write has come further meanwhile |
//!
//! The one 64-bit atomic that is left on the latter is the count of all tables. It is `portable-atomic`'s, whose `fallback` is a sequence lock, one of 67 for the
//! whole program, with interrupts as they are. Who finds it taken spins: for ever, if that one has interrupted the holder on its own processor. That is why no `Word64` is
//! made of it. The count is taken once in the life of a table, at its first use; and who comes second to that waits in [`FirstUse`] on every target. So the rule is one for
//! all: a table is **first used outside of interrupt handlers**.
//!
//! # A panic in a hold
//!
//! Half an operation is worse than none: a panic that leaves a hook, or this crate, in a hold **ends the program**. It cannot be caught. The one place is [`EndsProgram`].
//!
//! `unsafe` code stands only here, in `object` and in `list`.

mod binding;
mod ends_program;
mod field;
mod first_use;
mod hold;

#[cfg(feature = "kspin")]
mod kspin;
#[cfg(any(test, not(target_has_atomic = "64")))]
mod latch;
mod lock;
#[cfg(feature = "lock_api")]
mod lock_api;
#[cfg(feature = "std")]
mod std;
mod table_ref;
mod with_rest_on_panic;
mod word;

pub use ends_program::EndsProgram;
pub(crate) use field::{Field, Opened, OwnBlock, StrongEdge};
pub(crate) use first_use::FirstUse;
pub(crate) use hold::{BATCH, Duties, Hold, HoldFull, Leftovers, TableInner};
pub use lock::Lock;
pub(crate) use table_ref::TableRef;
pub(crate) use with_rest_on_panic::with_rest_on_panic;
pub(crate) use word::{Word8, Word32, Word64};

/// The atomics that the crate uses; the place where a model checker's take over.
pub(crate) mod atomic {
    pub(crate) use core::hint::spin_loop;
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::AtomicU64;
    pub(crate) use core::sync::atomic::{
        AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence,
    };

    #[cfg(not(target_has_atomic = "64"))]
    pub(crate) use portable_atomic::AtomicU64;
}
