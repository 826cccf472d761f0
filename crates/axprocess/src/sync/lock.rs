//! What the relation lock must be.

use core::ops::DerefMut;

/// A mutual-exclusion lock around a `T`.
///
/// Any lock with a guard fits: a spin lock that switches interrupts off, a sleeping mutex, the standard library's.
/// The trait is safe to implement: exclusion follows from the guard giving out `&mut T`. A guard that panics as it is dropped costs the wake-ups, and the requests to exit or stop, that its hold still owed.
///
/// The crate never sleeps, allocates or frees while it holds the lock, and holds it for a bounded time; what its host does in a hook is the host's. If the kernel calls
/// into the crate from interrupt handlers, the lock must switch interrupts off.
///
/// | feature | ready-made | for |
/// | --- | --- | --- |
/// | `lock_api` | every `lock_api::Mutex<R, T>`: `parking_lot::Mutex`, `lock_api::Mutex<spin::mutex::TicketMutex<()>, T>` (fair; spin's features `lock_api`, `spin_mutex`, `ticket_mutex`), a kernel's own raw lock | kernels and user space |
/// | `kspin` | `kspin::SpinNoIrq`: switches interrupts off **on bare metal only**, elsewhere it just spins; not fair, but whoever has waited for long looks on, and mostly gets it at the next unlock | kernels |
/// | `std` | `std::sync::Mutex`: not fair; one that takes it over and over keeps the others waiting, for as long as it goes on | simulators, runtimes, tests |
///
/// None is a default. A signal to all is one hold over all processes, as on Linux, and any user can send one after the other: a kernel for many users takes a fair lock.
///
/// ```
/// use std::sync::{Mutex, MutexGuard};
///
/// struct Sleeping<T>(Mutex<T>);
///
/// impl<T> axprocess::Lock<T> for Sleeping<T> {
///     type Guard<'a> = MutexGuard<'a, T> where T: 'a;
///     fn new(value: T) -> Self {
///         Self(Mutex::new(value))
///     }
///     fn lock(&self) -> MutexGuard<'_, T> {
///         self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
///     }
/// }
/// ```
pub trait Lock<T> {
    /// Access to the value; gives the lock back when dropped.
    type Guard<'a>: DerefMut<Target = T>
    where
        Self: 'a,
        T: 'a;

    /// Makes a free lock around `value`.
    fn new(value: T) -> Self;

    /// Waits for the lock and takes it.
    fn lock(&self) -> Self::Guard<'_>;
}
