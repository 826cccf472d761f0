//! The smallest kernel that the model can be embedded in: it remembers what a process does about
//! SIGCHLD, and which signals the model has sent it. Their delivery, and sleeping, are left to the real kernel.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axprocess::{
    ChildSignalFlags, Host, Process, Relations, Signal, SignalAction, SignalCause, SignalInfo,
    View, WaitStatus,
};

use crate::operation::{Arrival, ChildNews, ChildSignal};

/// So many signals are remembered that the model has sent a process, and Linux has not delivered.
const REMEMBERED: usize = 4096;

/// The bits in which stands what a process does about SIGCHLD.
const IGNORED: u8 = 1;
const NO_WAIT: u8 = 2;
const NO_STOP: u8 = 4;
const CAUGHT: u8 = 8;
const OPEN: u8 = 16;

/// The host side of the model.
pub(crate) struct World;

impl Host for World {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Handlers;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        match signal == Signal::SIGCHLD && target.host_data().get().is_ignored {
            true => SignalAction::Ignore,
            false => SignalAction::Handle,
        }
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        let action = parent.host_data().get();
        let mut flags = ChildSignalFlags::empty();
        flags.set(ChildSignalFlags::NO_WAIT, action.is_no_wait);
        flags.set(ChildSignalFlags::NO_STOP, action.is_no_stop);
        flags
    }

    /// The init of a namespace ignores SIGCHLD from here on, and with it who shares its table.
    fn last_thread_exited(&self, _: View<'_, Self>, process: &Process<Self>) {
        if process.pid() == 1 {
            let handlers = process.host_data();
            handlers.set(ChildSignal { is_ignored: true, is_caught: false, ..handlers.get() });
        }
    }

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        /// A stop, with no signal in it.
        const STOP_UNDONE: i32 = 0x7f;
        let child = |pid, status| Some(ChildNews { pid, status });
        let news = match info.cause {
            SignalCause::Child { pid, status } => child(pid, WaitStatus::to_raw(status)),
            SignalCause::ChildStopUndone { pid } => child(pid, STOP_UNDONE),
            SignalCause::Kernel => None,
            _ => return,
        };
        let mut posts = lock(&target.host_data().posts);
        if posts.len() == REMEMBERED {
            posts.pop_front();
        }
        posts.push_back(Arrival { signal: info.signal.number().into(), news });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The signal handlers of a process, of which only SIGCHLD's matters here. Processes made with
/// `CLONE_SIGHAND` share one table.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    table: Mutex<Arc<AtomicU8>>,
    /// Sent by the model, and not yet seen to arrive.
    posts: Mutex<VecDeque<Arrival>>,
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
        Self { table: Mutex::new(self.current()), posts: Mutex::default() }
    }

    /// What the process does about SIGCHLD.
    pub(crate) fn get(&self) -> ChildSignal {
        let bits = self.current().load(Ordering::Relaxed);
        ChildSignal {
            is_ignored: bits & IGNORED != 0,
            is_no_wait: bits & NO_WAIT != 0,
            is_no_stop: bits & NO_STOP != 0,
            is_caught: bits & CAUGHT != 0,
            is_open: bits & OPEN != 0,
        }
    }

    /// Changes the table, for all that share it.
    pub(crate) fn set(&self, action: ChildSignal) {
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        let bits = bit(action.is_ignored, IGNORED)
            | bit(action.is_no_wait, NO_WAIT)
            | bit(action.is_no_stop, NO_STOP)
            | bit(action.is_caught, CAUGHT)
            | bit(action.is_open, OPEN);
        self.current().store(bits, Ordering::Relaxed);
    }

    /// Gives the process a table of its own, with what an exec leaves of the old one.
    pub(crate) fn reset_for_exec(&self) {
        let own = Self::new(self.get().after_exec());
        *lock(&self.table) = own.current();
    }

    /// Whether the model has sent this, and it has not arrived.
    pub(crate) fn has_post(&self, arrival: &Arrival) -> bool {
        lock(&self.posts).contains(arrival)
    }

    /// It has arrived.
    pub(crate) fn take_post(&self, arrival: &Arrival) {
        let mut posts = lock(&self.posts);
        if let Some(position) = posts.iter().position(|post| post == arrival) {
            posts.remove(position);
        }
    }

    fn current(&self) -> Arc<AtomicU8> {
        Arc::clone(&lock(&self.table))
    }
}
