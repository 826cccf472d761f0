//! Explores the schedules of axprocess, the real crate with a lock that a model checker schedules.
//!
//! A relation lock is whatever the host says it is, so nothing in the crate has to change to run under loom or shuttle: [`Kernel`] is a
//! host whose lock is that of an [`Explorer`]. Every lock and unlock is a point at which another thread may go on; what
//! stands between them is one critical section and cannot be cut. With the feature `check` every unlock checks all invariants.
//!
//! [`scenarios`] are the races that were shown in published crates, by their numbers, and the interleavings that a process model must survive. [`layer`] has those of the layer of signals.

mod explorer;
mod kernel;
pub mod layer;
pub mod scenarios;
mod story;

pub use explorer::{Bell, Explorer, Loom, Shuttle};
pub use kernel::{Kernel, Process, Table, Thread, boot};
pub use story::holds;
