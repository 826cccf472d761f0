//! Whom a signal hits, what a group stop is, when a group is orphaned.

use axprocess::{
    ChildSignalAction, Discard, Errno, Signal, SignalCause, StopDecision, ThreadStop, WaitStatus,
};

use super::{Hook, INIT, Notice, PidKey, ProcessKey, Stop, ThreadKey, World};

/// Sending.
impl World {
    /// R-KILL-01 to R-KILL-04, R-KILL-09.
    pub(crate) fn kill(&mut self, caller: ProcessKey, pid: i32, signal: i32) -> Result<(), Errno> {
        match pid {
            i32::MIN => Err(Errno::ESRCH),
            -1 => self.kill_all(caller, signal),
            0 => self.kill_group(caller, self[caller].group, signal),
            group if group < 0 => {
                let group = self.find_group(caller, -group).ok_or(Errno::ESRCH)?;
                self.kill_group(caller, group, signal)
            }
            _ => {
                let thread = self.find_thread(caller, pid).ok_or(Errno::ESRCH)?;
                self.kill_process(caller, self.process_of(thread), signal)
            }
        }
    }

    fn kill_process(
        &mut self,
        caller: ProcessKey,
        target: ProcessKey,
        signal: i32,
    ) -> Result<(), Errno> {
        let signal = parse(signal)?;
        if !self.may_send(caller, target, signal) {
            return Err(Errno::EPERM);
        }
        if let Some(signal) = signal {
            let pid = self.number_shown(caller, target);
            self.send(target, signal, SignalCause::User { pid });
        }
        Ok(())
    }

    /// R-KILL-03: the member that joined last comes first; one success is success, else the last error counts.
    fn kill_group(&mut self, caller: ProcessKey, group: PidKey, signal: i32) -> Result<(), Errno> {
        let members = self.members(group).into_iter().rev();
        let answers: Vec<_> =
            members.map(|member| self.kill_process(caller, member, signal)).collect();
        match answers.iter().any(Result::is_ok) {
            true => Ok(()),
            false => *answers.last().unwrap_or(&Err(Errno::ESRCH)),
        }
    }

    /// R-KILL-04. In which order they are hit is nobody's business.
    fn kill_all(&mut self, caller: ProcessKey, signal: i32) -> Result<(), Errno> {
        self.unordered = true;
        let mut targets = self.processes();
        targets.retain(|&target| target != caller && self.number_seen_by(target, caller) > 1);
        let mut result = Err(Errno::ESRCH);
        for target in targets {
            result = match self.kill_process(caller, target, signal) {
                Err(Errno::EPERM) => Ok(()),
                answer => answer,
            };
        }
        result
    }

    /// R-KILL-08, tkill.
    pub(crate) fn tkill(&mut self, caller: ProcessKey, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 {
            return Err(Errno::EINVAL);
        }
        let thread = self.find_thread(caller, tid).ok_or(Errno::ESRCH)?;
        self.kill_thread(caller, thread, signal)
    }

    /// R-KILL-08, tgkill.
    pub(crate) fn tgkill(
        &mut self,
        caller: ProcessKey,
        tgid: i32,
        tid: i32,
        signal: i32,
    ) -> Result<(), Errno> {
        if tid <= 0 || tgid <= 0 {
            return Err(Errno::EINVAL);
        }
        let thread = self.find_thread(caller, tid).ok_or(Errno::ESRCH)?;
        if self.find_process(caller, tgid) != Some(self.process_of(thread)) {
            return Err(Errno::ESRCH);
        }
        self.kill_thread(caller, thread, signal)
    }

    fn kill_thread(
        &mut self,
        caller: ProcessKey,
        thread: ThreadKey,
        signal: i32,
    ) -> Result<(), Errno> {
        let target = self.process_of(thread);
        let signal = parse(signal)?;
        if !self.may_send(caller, target, signal) {
            return Err(Errno::EPERM);
        }
        let Some(signal) = signal.filter(|_| self.takes_signals(target)) else {
            return Ok(());
        };
        self.note_sent(target, signal);
        // A leader that has exited accepts it and never sees it.
        if self[thread].alive {
            let cause = SignalCause::Thread { pid: self.number_shown(caller, target) };
            self.hooks.push(Hook::ThreadSignal { to: thread, signal, cause });
        }
        Ok(())
    }

    /// R-KILL-07: the sender's own number, untranslated, if the target can see the sender at all.
    fn number_shown(&self, sender: ProcessKey, target: ProcessKey) -> u32 {
        match self.number_seen_by(sender, target) {
            0 => 0,
            _ => self.number_seen_by(sender, sender),
        }
    }

    /// R-KILL-05.
    pub(super) fn may_send(
        &self,
        sender: ProcessKey,
        target: ProcessKey,
        signal: Option<Signal>,
    ) -> bool {
        let is_continue = signal == Some(Signal::SIGCONT);
        sender == target
            || (is_continue && self[sender].session == self[target].session)
            || self[sender].user == 0
            || self[sender].user == self[target].user
    }

    /// A signal to a process as a whole. R-EXIT-12: none arrives once the exit is decided.
    pub(super) fn send(&mut self, target: ProcessKey, signal: Signal, cause: SignalCause) {
        if self.takes_signals(target) {
            self.note_sent(target, signal);
            if signal == Signal::SIGKILL {
                self[target].killed = true;
            }
            self.hooks.push(Hook::Signal { to: target, signal, cause });
        }
    }

    /// The kernel's own signals: to every member, the one that joined last first.
    pub(super) fn send_to_group(&mut self, group: PidKey, signal: Signal) {
        for member in self.members(group).into_iter().rev() {
            self.send(member, signal, SignalCause::Kernel);
        }
    }
}

/// R-KILL-01: 0 only asks.
fn parse(signal: i32) -> Result<Option<Signal>, Errno> {
    match signal {
        0 => Ok(None),
        1..=64 => Ok(Signal::new(signal as u8)),
        _ => Err(Errno::EINVAL),
    }
}

/// Stops and continuations.
impl World {
    /// R-STOP-01, for signals that the kernel sends by itself.
    pub(crate) fn signal_sent(&mut self, process: ProcessKey, signal: Signal) -> Discard {
        self.note_sent(process, signal);
        match signal {
            Signal::SIGCONT => Discard::Stops,
            Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => {
                Discard::Continue
            }
            _ => Discard::Nothing,
        }
    }

    /// R-STOP-02, R-STOP-06: SIGCONT works when it is sent.
    fn note_sent(&mut self, process: ProcessKey, signal: Signal) {
        if signal != Signal::SIGCONT {
            return;
        }
        self[process].continues += 1;
        let notice = match self[process].stop {
            Stop::Running => return,
            Stop::Stopping => Notice::StopUndone,
            Stop::Stopped => Notice::Continued,
        };
        self.end_stop_silently(process);
        self[process].continue_report = true;
        self[process].notice = Some(notice);
    }

    /// How often SIGCONT was sent: what a thread remembers of the moment at which it took a stop signal from its queue.
    pub(crate) fn stop_ticket(&self, process: ProcessKey) -> u32 {
        self[process].continues
    }

    /// A thread takes the default action of a stop signal. R-STOP-03 to R-STOP-05, R-STOP-09, R-ORPHAN-09.
    pub(crate) fn begin_stop(
        &mut self,
        thread: ThreadKey,
        signal: Signal,
        ticket: u32,
    ) -> StopDecision {
        let process = self.process_of(thread);
        if self[process].continues != ticket {
            return StopDecision::Void;
        }
        let is_orphaned = self.is_orphaned(self[process].group, None);
        if self[process].group_exit || (signal != Signal::SIGSTOP && is_orphaned) {
            return StopDecision::Discard;
        }
        if self[process].stop == Stop::Running {
            self[process].stop = Stop::Stopping;
            self[process].stop_signal = Some(signal);
            for other in self.living_threads_of(process) {
                if other != thread {
                    self.hooks.push(Hook::StopRequest { of: other });
                }
            }
        }
        StopDecision::Stop
    }

    /// A thread stops, if its process does. R-STOP-03, R-STOP-04, R-NOTIFY-12.
    pub(crate) fn stop(&mut self, thread: ThreadKey) -> ThreadStop {
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
                match self.complete_stop_if_all_have(process) {
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
        match self[process].notice.take() {
            Some(Notice::Continued) => self.report_to_parent(process, Some(WaitStatus::Continued)),
            Some(Notice::StopUndone) => self.report_to_parent(process, None),
            None => {}
        }
    }

    /// R-EXIT-16: who exits counts as stopped.
    pub(super) fn leave_stop(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        let others_live = !self.living_threads_of(process).is_empty();
        let was_awaited = !self[thread].stopped;
        if self[process].stop == Stop::Stopping && was_awaited && others_live {
            self.complete_stop_if_all_have(process);
        }
    }

    /// R-STOP-04, R-STOP-07, R-NOTIFY-11, R-NOTIFY-12.
    fn complete_stop_if_all_have(&mut self, process: ProcessKey) -> bool {
        if !self.living_threads_of(process).into_iter().all(|thread| self[thread].stopped) {
            return false;
        }
        self[process].stop = Stop::Stopped;
        self[process].stop_report = true;
        self[process].continue_report = false;
        self[process].notice = None;
        let status = self[process].stop_signal.map(WaitStatus::Stopped);
        self.report_to_parent(process, status);
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

    /// R-NOTIFY-11, R-NOTIFY-14. No status: the continuation of a stop that was never complete (R-STOP-06).
    fn report_to_parent(&mut self, process: ProcessKey, status: Option<WaitStatus>) {
        let Some(parent) = self.parent(process) else { return };
        let quiet = ChildSignalAction::IGNORE | ChildSignalAction::NO_STOP;
        if self[parent].treatment.intersects(quiet) {
            return;
        }
        let pid = self.number_seen_by(process, parent);
        let cause = match status {
            Some(status) => SignalCause::Child { pid, status },
            None => SignalCause::ChildStopUndone { pid },
        };
        self.send(parent, Signal::SIGCHLD, cause);
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
