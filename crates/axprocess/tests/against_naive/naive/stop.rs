//! What a group stop is, when a group is orphaned.

use axprocess::{DiscardedSignals, Signal, SignalCause, StopDecision, ThreadStop, WaitStatus};

use super::send::{Scope, discarded_by};
use super::{ChildSignalAction, Hook, INIT, Notice, PidKey, ProcessKey, Stop, ThreadKey, World};

/// Stops and continuations.
impl World {
    /// R-STOP-01, for signals that the kernel sends by itself.
    pub(crate) fn note_signal_sent(
        &mut self,
        process: ProcessKey,
        signal: Signal,
    ) -> DiscardedSignals {
        self.note_sent(process, signal);
        discarded_by(signal)
    }

    /// R-STOP-02, R-STOP-06: SIGCONT works when it is sent.
    pub(super) fn note_sent(&mut self, process: ProcessKey, signal: Signal) {
        if signal != Signal::SIGCONT {
            return;
        }
        self[process].continues += 1;
        let notice = match self[process].stop {
            Stop::Running => None,
            Stop::Stopping => Some(Notice::StopUndone),
            Stop::Stopped => Some(Notice::Continued),
        };
        if notice.is_some() {
            self.end_stop_silently(process);
            self[process].continue_report = true;
            self[process].notice = notice;
        }
        if !self[process].group_exit {
            for thread in self.living_threads_of(process) {
                if self.notify_trap(thread) {
                    self.hooks.push(Hook::StopRequest { of: thread });
                }
            }
        }
    }

    /// How often SIGCONT was sent: what a thread remembers of the moment at which it took a stop signal from its queue.
    pub(crate) fn stop_ticket(&self, process: ProcessKey) -> u32 {
        self[process].continues
    }

    /// A thread takes the default action of a stop signal. R-STOP-03 to R-STOP-05, R-STOP-09, R-ORPHAN-09, R-NS-12.
    pub(crate) fn begin_stop(
        &mut self,
        thread: ThreadKey,
        signal: Signal,
        ticket: u32,
    ) -> StopDecision {
        let process = self.process_of(thread);
        // R-NS-12: an init drops what it does not handle.
        let is_spared = self.is_orphaned(self[process].group, None) || self.is_shielded(process);
        // R-KTHREAD-03: there is nothing to stop in a kernel thread.
        if self[process].group_exit
            || self[process].kernel_thread
            || self.execs.contains_key(&process)
            || (signal != Signal::SIGSTOP && is_spared)
        {
            return StopDecision::Discard;
        }
        if self[process].continues != ticket {
            return StopDecision::CancelledByCont;
        }
        // R-STOP-14: a tracee that runs in the stop begins it anew.
        let is_asked = self[process].stop != Stop::Running && !self[thread].stopped;
        let begins = match self[process].stop {
            Stop::Running => true,
            Stop::Stopping | Stop::Stopped => !is_asked && self.is_traced(thread),
        };
        if begins {
            if self[process].stop == Stop::Running {
                self[process].stop = Stop::Stopping;
            }
            if self[process].stop == Stop::Stopping {
                self[process].stop_signal = Some(signal);
            }
            self[process].newest_stop_signal = signal;
            for other in self.living_threads_of(process) {
                if self[other].stopped && !self.is_traced(other) {
                    continue;
                }
                self[other].stopped = false;
                self[other].asked_to_stop_by = signal;
                if other != thread {
                    self.notify_trap(other);
                    self.hooks.push(Hook::StopRequest { of: other });
                }
            }
        }
        StopDecision::Stop
    }

    /// A thread stops, if its process does. R-STOP-03, R-STOP-04, R-NOTIFY-12.
    pub(super) fn stop(&mut self, thread: ThreadKey) -> ThreadStop {
        let process = self.process_of(thread);
        match self[process].stop {
            Stop::Running => ThreadStop::RunsOn,
            _ if self[thread].stopped => ThreadStop::Joined,
            Stop::Stopped => {
                self[thread].stopped = true;
                ThreadStop::Joined
            }
            Stop::Stopping => {
                self[thread].stopped = true;
                match self.complete_stop_if_all_have(process, Some(thread)) {
                    true => ThreadStop::Last,
                    false => ThreadStop::OthersRun,
                }
            }
        }
    }

    pub(crate) fn is_stop_requested(&self, thread: ThreadKey) -> bool {
        self[self.process_of(thread)].stop != Stop::Running && !self[thread].stopped
    }

    /// R-NOTIFY-13: the first thread that runs after a SIGCONT tells the parent.
    pub(crate) fn run(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        let Some(notice) = self[process].notice.take() else { return };
        let status = match notice {
            Notice::Continued => Some(WaitStatus::Continued),
            Notice::StopUndone => None,
        };
        self.report_to_parent(process, status);
        // R-PTRACE-08: and to another who traces the leader.
        if let Some(leader) = self.leader(process).filter(|&it| !self.is_traced_by_parent(it)) {
            self.report_to_tracer(leader, status);
        }
    }

    /// R-EXIT-16: who exits counts as stopped.
    pub(super) fn leave_stop(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        let others_live = !self.living_threads_of(process).is_empty();
        let was_awaited = !self[thread].stopped;
        if self[process].stop == Stop::Stopping && was_awaited && others_live {
            self.complete_stop_if_all_have(process, None);
        }
    }

    /// R-STOP-04, R-STOP-07, R-NOTIFY-11, R-NOTIFY-12.
    /// R-STOP-13: the parent is not told if it traces the thread that was the last to stop.
    fn complete_stop_if_all_have(&mut self, process: ProcessKey, last: Option<ThreadKey>) -> bool {
        if !self.living_threads_of(process).into_iter().all(|thread| self[thread].stopped) {
            return false;
        }
        self[process].stop = Stop::Stopped;
        self[process].stop_report = true;
        self[process].continue_report = false;
        self[process].notice = None;
        let status = self[process].stop_signal.map(WaitStatus::Stopped);
        if !last.is_some_and(|last| self.is_traced_by_parent(last)) {
            self.report_to_parent(process, status);
        }
        true
    }

    /// R-EXIT-13, R-STOP-07: nothing of the stop is left, nor of what was to be reported.
    pub(super) fn end_stop_silently(&mut self, process: ProcessKey) {
        self.abandon_stop(process);
        self[process].stop = Stop::Running;
        for thread in self.threads_of(process) {
            self[thread].stopped = false;
        }
        self[process].stop_report = false;
        self[process].continue_report = false;
        self[process].notice = None;
    }

    /// An exec ends a stop in progress: the threads for which it waits vanish.
    pub(super) fn abandon_stop(&mut self, process: ProcessKey) {
        if self[process].stop == Stop::Stopping {
            self[process].stop = Stop::Running;
            for thread in self.threads_of(process) {
                self[thread].stopped = false;
            }
        }
    }

    /// R-NOTIFY-11, R-NOTIFY-14, R-WAIT-09. No status: the continuation of a stop that was never complete (R-STOP-06).
    fn report_to_parent(&mut self, process: ProcessKey, status: Option<WaitStatus>) {
        let Some(thread) = self[process].parent else { return };
        let parent = self.process_of(thread);
        let quiet = ChildSignalAction::IGNORE | ChildSignalAction::NO_STOP;
        if !self.treatment_of(parent).intersects(quiet) {
            let pid = self.number_seen_by(process, parent);
            let cause = match status {
                Some(status) => SignalCause::Child { pid, status },
                None => SignalCause::ChildStopUndone { pid },
            };
            self.send_to(thread, Scope::Process, Signal::SIGCHLD, cause);
        }
        self.wake(process);
    }
}

/// Orphaned groups.
impl World {
    /// R-ORPHAN-01, R-ORPHAN-02, R-ORPHAN-10: no member, `ignored` aside, has a parent that links the group.
    pub(crate) fn is_orphaned(&self, group: PidKey, ignored: Option<ProcessKey>) -> bool {
        !self.members(group).into_iter().any(|member| {
            Some(member) != ignored
                && !self.is_zombie(member)
                && self
                    .parent(member)
                    .is_some_and(|parent| parent != INIT && self.links(parent, member))
        })
    }

    /// Whether a parent is in another group of the same session than its child.
    fn links(&self, parent: ProcessKey, child: ProcessKey) -> bool {
        self[parent].group != self[child].group && self[parent].session == self[child].session
    }

    /// R-ORPHAN-03: `child` has lost its parent.
    pub(super) fn check_group_of_moved(&mut self, child: ProcessKey, lost: ProcessKey) {
        if self.links(lost, child) {
            self.hang_up_if_orphaned(self[child].group, None);
        }
    }

    /// R-ORPHAN-04: `process` is about to end.
    pub(super) fn check_own_group(&mut self, process: ProcessKey) {
        if self.parent(process).is_some_and(|parent| self.links(parent, process)) {
            self.hang_up_if_orphaned(self[process].group, Some(process));
        }
    }

    /// R-ORPHAN-05, R-ORPHAN-06.
    fn hang_up_if_orphaned(&mut self, group: PidKey, ignored: Option<ProcessKey>) {
        let is_stopped = |member: ProcessKey| self[member].stop == Stop::Stopped;
        if self.is_orphaned(group, ignored) && self.members(group).into_iter().any(is_stopped) {
            self.send_to_group(group, Signal::SIGHUP);
            self.send_to_group(group, Signal::SIGCONT);
        }
    }
}
