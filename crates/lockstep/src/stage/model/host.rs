//! The hooks of the model: they send signals and wake sleepers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axprocess::{
    ChildNews, ChildSignalFlags, DiscardedSignals, Host, Process, Relations, ResourceUsage, Signal,
    SignalAction, SignalInfo, Thread, View,
};

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
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = Count;

    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        if let Some(group) = target.host_data().inside() {
            let is_traced = view.tracer_of_leader(target).is_some();
            self.kernel().post(group, Target::Process(None), is_traced, info);
        }
    }

    fn post_signal_addressed(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        addressed: &Thread<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        if let Some(group) = target.host_data().inside() {
            let is_traced = view.tracer(addressed).is_some();
            let target = Target::Process(Some(addressed.host_data().0));
            self.kernel().post(group, target, is_traced, info);
        }
    }

    fn post_thread_signal(
        &self,
        view: View<'_, Self>,
        target: &Thread<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        if let Some(group) = target.process().host_data().inside() {
            let is_traced = view.tracer(target).is_some();
            self.kernel().post(group, Target::Thread(target.host_data().0), is_traced, info);
        }
    }

    fn discard_signals(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        discard: DiscardedSignals,
    ) {
        if let Some(group) = target.host_data().inside() {
            self.kernel().discard(group, discard);
        }
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        // Who is outside is hit by nothing, but waits for its children.
        let outside = if signal == Signal::SIGCHLD { Action::Default } else { Action::Ignore };
        let group = target.host_data().inside();
        match group.map_or(outside, |group| self.kernel().action(group, signal)) {
            Action::Default => SignalAction::Default,
            Action::Ignore => SignalAction::Ignore,
            Action::Handle => SignalAction::Handle,
        }
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, thread: &Thread<Self>, signal: Signal) -> bool {
        self.kernel().is_blocked(thread.host_data().0, signal)
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        thread: Option<&Thread<Self>>,
        signal: Signal,
    ) -> bool {
        let thread = thread.map(|thread| thread.host_data().0);
        let group = target.host_data().inside();
        group.is_some_and(|group| self.kernel().is_queued(group, thread, signal))
    }

    fn is_told_of_signal(&self, _: View<'_, Self>, thread: &Thread<Self>) -> bool {
        self.kernel().is_told(thread.host_data().0)
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        if thread.process().host_data().inside().is_some() {
            self.kernel().request_exit(thread.host_data().0);
        }
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        if thread.process().host_data().inside().is_some() {
            self.kernel().request_stop(thread.host_data().0, thread.is_stopped());
        }
    }

    fn tracing_changed(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        if thread.process().host_data().inside().is_none() {
            return;
        }
        let actor = thread.host_data().0;
        match view.tracer(thread) {
            Some(_) => self.kernel().stop_anew(actor),
            None => self.kernel().end_tracing(actor, thread.is_stopped()),
        }
    }

    fn wake_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.kernel().wake_exit(thread.host_data().0);
    }

    fn wake_exec(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.kernel().wake_exec(thread.host_data().0);
    }

    fn end_vfork(&self, _: View<'_, Self>, parent: &Thread<Self>) {
        if parent.process().host_data().inside().is_some() {
            self.kernel().end_vfork(parent.host_data().0);
        }
    }

    fn usage(&self, _: View<'_, Self>, _process: &Process<Self>) -> Count {
        Count(1)
    }

    fn wake_waiters(&self, _: View<'_, Self>, parent: &Process<Self>, news: &ChildNews) {
        if let Some(group) = parent.host_data().inside() {
            self.kernel().wake_waiters(group, news);
        }
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        let mut flags = ChildSignalFlags::empty();
        if let Some(group) = parent.host_data().inside() {
            let kernel = self.kernel();
            let treatment = kernel.groups[group].treatments[usize::from(Signal::SIGCHLD.number())];
            flags.set(ChildSignalFlags::NO_WAIT, treatment.no_wait);
            flags.set(ChildSignalFlags::NO_STOP, treatment.no_stop);
        }
        flags
    }
}
