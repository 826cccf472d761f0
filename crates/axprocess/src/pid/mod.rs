//! Numbers: which are in use, for what, which comes next, and who sees which.

mod identity;
mod namespace;
mod number;
mod radix;
mod settings;

pub(crate) use identity::{Identity, Inside};
pub(crate) use namespace::DEEPEST;
pub use namespace::PidNamespace;
pub(crate) use number::{Holder, Memory, Refusal, Roles, Task};
pub use number::{Number, Pid};
pub(crate) use radix::NodesMissing;
