//! The named races against starry-process 0.4.16, unmodified, under the schedules of shuttle.
//!
//! Its locks call the kernel before they are taken and after they are given back (to switch preemption off and on). The kernel here is
//! the explorer: what comes before a lock is a point at which another thread may go on. A thread that holds a lock runs on, unless the scenario says that
//! nobody else wants that lock: who spins never gives way.
//!
//! A race is **shown** if one schedule leaves what must not be, **not seen** if none does, and **not its business** if the step that races is left to the
//! kernel by its interface.

mod peer;
mod scenarios;
mod table;

pub use table::render;
