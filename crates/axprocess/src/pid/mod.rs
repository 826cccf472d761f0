//! Numbers: which are in use, for what, which comes next, and who sees which.

mod identity;
mod identity_key;
mod lookup;
mod namespace;
mod number;
mod own_numbers;
mod radix;
mod settings;

pub use identity::Identity;
pub(crate) use identity::retry_with_preallocated_identity;
pub(crate) use identity_key::IdentityKey;
pub(crate) use namespace::DEEPEST;
pub use namespace::PidNamespace;
pub(crate) use number::{Carried, Holder, Memory, Refusal, Roles, Task};
pub use number::{Number, Pid};
pub(crate) use own_numbers::{Inside, Numbers};
pub(crate) use radix::NodesMissing;
