//! What user space and a kernel can do to the process model, as data: [`Call`], and [`World::play`], which does it.
//!
//! Callers are chosen among all threads that were ever made, whether they live or not: a kernel that calls too late must not bring
//! the table down either. Numbers are given as they come, wild ones included.
//!
//! Those of the layer of signals are [`SignalCall`]s, played by [`play_signals`] on a table of their own.
//!
//! [`Calls`] are read from any bytes, and written to bytes, so that a corpus can begin with scenario files (`seeds/`).

mod call;
mod code;
mod host;
mod play;
mod signals;

pub use call::{Call, Calls, Flags, Index, Sig, Steps, Wild, Word};
pub use host::Moody;
pub use play::World;
pub use signals::{SignalCall, SignalCalls, play_signals};
