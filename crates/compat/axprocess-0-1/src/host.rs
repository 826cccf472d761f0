//! What this crate is to the model: a kernel that hangs the way back to its own objects on those of the model.

use alloc::sync::{Arc, Weak};
use core::mem;

use kspin::SpinNoIrq;
use model::{Host, Relations};

use crate::{Process, ProcessGroup};

/// The host of the one table: an interrupt-safe spin lock, and no hooks.
pub(crate) struct Facade;

impl Host for Facade {
    type Lock = SpinNoIrq<Relations<Self>>;
    /// The process of this crate. Until it is built, and after its end, there is none.
    type ProcessData = Weak<Process>;
    type ThreadData = ();
    type GroupData = GroupLink;
    /// Sessions are found through their groups.
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

/// The group of this crate; none until it is made.
pub(crate) struct GroupLink(SpinNoIrq<Weak<ProcessGroup>>);

impl Default for GroupLink {
    fn default() -> Self {
        Self(SpinNoIrq::new(Weak::new()))
    }
}

impl GroupLink {
    pub(crate) fn upgrade(&self) -> Option<Arc<ProcessGroup>> {
        self.0.lock().upgrade()
    }

    pub(crate) fn set(&self, group: &Arc<ProcessGroup>) {
        let link = Arc::downgrade(group);
        let before = mem::replace(&mut *self.0.lock(), link);
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use core::any::TypeId;

    use super::*;

    #[test]
    fn shared_state_is_behind_an_interrupt_safe_spin_lock() {
        // axprocess 0.1: shared state is behind `SpinNoIrq`; ours excludes other processors too, as safe code on a host needs.
        type Expected = SpinNoIrq<Relations<Facade>>;
        assert_eq!(TypeId::of::<<Facade as Host>::Lock>(), TypeId::of::<Expected>());
        let lock = SpinNoIrq::new(());
        let _held = lock.lock();
        assert!(lock.try_lock().is_none());
    }
}
