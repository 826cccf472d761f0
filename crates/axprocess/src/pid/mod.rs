//! Numbers: which are in use, for what, and which comes next.

mod number;
mod radix;

pub use number::{Number, Pid};
pub(crate) use number::{NumberTable, Refusal, Task};
