//! The Linux process model.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

/// Declares a type with the parameter `H: Host`, which has a default where there is a default host.
macro_rules! with_default_host {
    ($(#[$attribute:meta])* pub struct $name:ident<H> { $($body:tt)* }) => {
        #[cfg(feature = "kspin")]
        $(#[$attribute])*
        pub struct $name<H: $crate::Host = $crate::DefaultHost> { $($body)* }

        #[cfg(not(feature = "kspin"))]
        $(#[$attribute])*
        pub struct $name<H: $crate::Host> { $($body)* }
    };
}

#[cfg(feature = "check")]
mod check;
mod errno;
#[cfg(feature = "planted-faults")]
pub mod faults;
mod group;
mod host;
#[allow(unsafe_code, reason = "one of the two modules that hold all of it")]
mod list;
mod pid;
mod process;
#[cfg(feature = "kspin")]
mod seed;
mod session;
mod signal;
mod snapshot;
mod status;
#[allow(unsafe_code, reason = "one of the two modules that hold all of it")]
mod sync;
mod table;
mod thread;

#[cfg(feature = "check")]
pub use check::AuditReport;
pub use errno::Errno;
pub use group::ProcessGroup;
pub use host::{ChildSignalAction, Host, Usage};
pub use pid::{Number, Pid};
pub use process::{
    ForkParent, ForkRequest, Process, ProcessState, ThreadExit, WaitEvent, WaitOptions,
    WaitOutcome, WaitRequest, WaitToken,
};
#[cfg(feature = "kspin")]
pub use seed::{DefaultHost, ProcessBuilder, ThreadBuilder, init_proc};
pub use session::Session;
pub use signal::{Signal, SignalCause, SignalInfo};
pub use status::{ExitStatus, WaitStatus};
pub use sync::Lock;
pub use table::{ProcessTable, Relations};
pub use thread::Thread;
