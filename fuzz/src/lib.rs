//! What user space and a kernel can do to the process model, as data: [`Call`], and [`World::play`], which does it.
//!
//! Callers are chosen among all threads that were ever made, whether they live or not: a kernel that calls too late must not bring
//! the table down either. Numbers are given as they come, wild ones included.

mod call;
mod host;
mod play;

pub use call::Call;
pub use play::World;
