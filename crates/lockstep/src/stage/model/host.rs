//! The hooks of the model: they send signals and wake sleepers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axprocess::{ChildSignalAction, Host, Process, Relations, Signal, SignalInfo, Thread};

use super::super::Actor;
use super::kernel::{Kernel, Target};
use crate::script::Action;

/// The kernel around the model.
#[derive(Default)]
pub(super) struct World {
    kernel: Mutex<Kernel>,
}

/// Which process, among those of the kernel.
pub(super) struct GroupId(pub(super) usize);

/// Which thread.
pub(super) struct ThreadId(pub(super) Actor);

impl World {
    /// The kernel's own state. No call of the model may be made while it is held.
    pub(super) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The process that stands for all that is outside the script's namespace.
pub(super) const OUTSIDE: usize = usize::MAX;

impl Host for World {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = GroupId;
    type ThreadData = ThreadId;
    type Usage = ();

    fn post_signal(&self, target: &Process<Self>, info: &SignalInfo) {
        if target.host_data().0 != OUTSIDE {
            self.kernel().send(target.host_data().0, Target::Process(None), info);
        }
    }

    fn post_signal_favouring(
        &self,
        target: &Process<Self>,
        favourite: &Thread<Self>,
        info: &SignalInfo,
    ) {
        if target.host_data().0 != OUTSIDE {
            let target_thread = Target::Process(Some(favourite.host_data().0));
            self.kernel().send(target.host_data().0, target_thread, info);
        }
    }

    fn post_thread_signal(&self, target: &Thread<Self>, info: &SignalInfo) {
        let group = target.process().host_data().0;
        if group != OUTSIDE {
            self.kernel().send(group, Target::Thread(target.host_data().0), info);
        }
    }

    fn request_stop(&self, thread: &Thread<Self>) {
        self.kernel().request_stop(thread.host_data().0);
    }

    fn wake_waiters(&self, parent: &Process<Self>) {
        if parent.host_data().0 != OUTSIDE {
            self.kernel().wake_waiters(parent.host_data().0);
        }
    }

    fn child_signal_action(&self, parent: &Process<Self>) -> ChildSignalAction {
        let mut action = ChildSignalAction::empty();
        if parent.host_data().0 != OUTSIDE {
            let kernel = self.kernel();
            let group = &kernel.groups[parent.host_data().0];
            let treatment = group.treatments[usize::from(Signal::SIGCHLD.number())];
            action.set(ChildSignalAction::IGNORE, treatment.action == Action::Ignore);
            action.set(ChildSignalAction::NO_WAIT, treatment.no_wait);
            action.set(ChildSignalAction::NO_STOP, treatment.no_stop);
        }
        action
    }
}
