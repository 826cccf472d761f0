//! Who holds the lock: a hook that calls back is told so, instead of waiting for itself for ever. Debug builds only.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The context that holds the lock; 0: nobody, or one that the host cannot name.
pub(super) struct Holder(AtomicUsize);

impl Holder {
    pub(super) const fn nobody() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// # Panics
    ///
    /// If this very context holds the lock.
    #[track_caller]
    pub(super) fn refuse(&self, context: Option<NonZeroUsize>) {
        let holder = NonZeroUsize::new(self.0.load(Ordering::Relaxed));
        assert!(
            context.is_none() || context != holder,
            "a hook has called back into the process model: it runs under the relation lock"
        );
    }

    /// Notes the context that has got the lock, until it is about to give it back.
    pub(super) fn enter(&self, context: Option<NonZeroUsize>) -> Entered<'_> {
        self.0.store(context.map_or(0, NonZeroUsize::get), Ordering::Relaxed);
        Entered(self)
    }
}

/// The time in which the lock is held, also if it ends in a panic.
pub(super) struct Entered<'a>(&'a Holder);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}
