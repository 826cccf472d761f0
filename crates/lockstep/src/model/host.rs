//! The smallest kernel that the model can be embedded in: it remembers what a process does about
//! SIGCHLD, and nothing else. Signals and sleeping are left to the real kernel.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use axprocess::{ChildSignalAction, Host, Process, Relations};

use crate::operation::ChildSignal;

/// The host side of the model.
pub(crate) struct World;

impl Host for World {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Handlers;
    type ThreadData = ();
    type Usage = ();

    fn child_signal_action(&self, parent: &Process<Self>) -> ChildSignalAction {
        parent.host_data().action()
    }
}

/// The signal handlers of a process, of which only SIGCHLD's matters here. Processes made with
/// `CLONE_SIGHAND` share one table.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    table: Mutex<Arc<AtomicU8>>,
}

impl Handlers {
    /// Handlers that treat SIGCHLD like this.
    pub(crate) fn new(action: ChildSignal) -> Self {
        let handlers = Self::default();
        handlers.set(action);
        handlers
    }

    /// The same table, for a child that shares it.
    pub(crate) fn share(&self) -> Self {
        Self { table: Mutex::new(self.current()) }
    }

    /// What the process does about SIGCHLD.
    pub(crate) fn get(&self) -> ChildSignal {
        let action = self.action();
        ChildSignal {
            is_ignored: action.contains(ChildSignalAction::IGNORE),
            is_no_wait: action.contains(ChildSignalAction::NO_WAIT),
        }
    }

    /// Changes the table, for all that share it.
    pub(crate) fn set(&self, action: ChildSignal) {
        let mut bits = ChildSignalAction::empty();
        bits.set(ChildSignalAction::IGNORE, action.is_ignored);
        bits.set(ChildSignalAction::NO_WAIT, action.is_no_wait);
        self.current().store(bits.bits(), Ordering::Relaxed);
    }

    /// Gives the process a table of its own, with what an exec leaves of the old one.
    pub(crate) fn reset_for_exec(&self) {
        let Self { table } = Self::new(self.get().after_exec());
        let own = table.into_inner().unwrap_or_default();
        *self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = own;
    }

    fn action(&self) -> ChildSignalAction {
        ChildSignalAction::from_bits_truncate(self.current().load(Ordering::Relaxed))
    }

    fn current(&self) -> Arc<AtomicU8> {
        Arc::clone(&self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}
