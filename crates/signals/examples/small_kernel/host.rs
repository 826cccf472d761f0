//! All that the layer asks of a kernel: locks, data, and who sleeps.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread as Processor};

use axprocess::{Relations, Signal, View};
use axprocess_signals::Signals;

pub(crate) type Process = axprocess_signals::Process<SmallKernel>;
pub(crate) type Thread = axprocess_signals::Thread<SmallKernel>;

pub(crate) struct SmallKernel;

/// Where a thread sleeps, once it has.
pub(crate) type Sleeper = Mutex<Option<Processor>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the calling thread sleep as long as the condition holds: it looks at it now, and behind each kick.
pub(crate) fn sleep_while(thread: &Thread, mut condition: impl FnMut() -> bool) {
    *lock(thread.host_data()) = Some(thread::current());
    while condition() {
        thread::park();
    }
}

impl axprocess_signals::Kernel for SmallKernel {
    type RelationLock = Mutex<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
    type ProcessData = ();
    type ThreadData = Sleeper;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn kick(&self, thread: &Thread) {
        if let Some(processor) = &*lock(thread.host_data()) {
            processor.unpark();
        }
    }

    fn may_signal(
        &self,
        _: View<'_, Signals<Self>>,
        _: &Process,
        _: &Process,
        _: Option<Signal>,
    ) -> bool {
        true
    }

    fn context(&self) -> Option<NonZeroUsize> {
        thread_local!(static HERE: u8 = const { 0 });
        HERE.with(|here| NonZeroUsize::new(std::ptr::from_ref(here).addr()))
    }
}
