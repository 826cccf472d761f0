//! What the layers ask of the kernel of the stage.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axprocess::{ChildNews, PidNamespace, Relations, ResourceUsage, Signal, View};
use axprocess_signals::{Generated, SigInfo, Signals};

use super::super::Actor;
use super::kernel::Kernel;

/// The host of the model: the layer of signals, with the kernel below.
pub(super) type Layer = Signals<World>;
type Process = axprocess::Process<Layer>;
type Thread = axprocess::Thread<Layer>;

/// The kernel around the model.
#[derive(Default)]
pub(super) struct World {
    kernel: Mutex<Kernel>,
}

/// Which process, among those of the kernel.
pub(super) struct GroupId(pub(super) usize);

/// Which thread.
pub(super) struct ThreadId(pub(super) Actor);

/// How many processes have been counted. Of what Linux counts nothing else is the same each time: neither times nor faults, nor how often who was off
/// a CPU; but that it was at least once, for everyone who has ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Count(pub(super) u64);

impl ResourceUsage for Count {
    fn add(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl GroupId {
    /// Nothing for what is outside the script's namespace.
    fn inside(&self) -> Option<usize> {
        (self.0 != OUTSIDE).then_some(self.0)
    }
}

impl World {
    /// The kernel's own state. No call of the model may be made while it is held.
    pub(super) fn state(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The process that stands for all that is outside the script's namespace.
pub(super) const OUTSIDE: usize = usize::MAX;

impl axprocess_signals::Kernel for World {
    type RelationLock = Mutex<Relations<Layer>>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
    type ProcessData = GroupId;
    type ThreadData = ThreadId;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = Count;

    fn kick(&self, thread: &Thread) {
        self.state().kick(thread);
    }

    fn wake_exec(&self, thread: &Thread) {
        self.state().wake(thread.host_data().0);
    }

    fn wake_exit(&self, thread: &Thread) {
        self.state().wake_exit(thread.host_data().0);
    }

    fn is_running(&self, thread: &Thread) -> bool {
        self.state().running == Some(thread.host_data().0)
    }

    fn may_signal(&self, _: View<'_, Layer>, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        true
    }

    fn may_trace(&self, _: View<'_, Layer>, _: &Thread, _: &Thread) -> bool {
        true
    }

    fn may_choose_number(&self, _: View<'_, Layer>, _: &Thread, _: &PidNamespace<Layer>) -> bool {
        true
    }

    fn trace_signal(&self, _: &Process, info: &SigInfo, generated: Generated) {
        if generated == Generated::AlreadyPending {
            self.state().merged.push(*info);
        }
    }

    fn usage(&self, _: View<'_, Layer>, _: &Process) -> Count {
        Count(1)
    }

    fn wake_waiters(&self, _: View<'_, Layer>, parent: &Process, news: &ChildNews) {
        if let Some(group) = parent.host_data().inside() {
            self.state().wake_waiters(group, news);
        }
    }
}
