//! Waits: who sleeps, who is due, and what is judged when a wait returns.

use std::time::Instant;

use super::tracee::{Activity, Answered, Due, Tracee, Waiting};
use super::{Flight, PATIENCE, SETTLE, Tracer};
use crate::history::Reaper;
use crate::model::WaitAnswer;
use crate::operation::{Call, Wait};
use crate::procfs;
use crate::sys::{self, Pid};

/// What Linux said to a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinuxAnswer {
    /// All that the model says too.
    Full(WaitAnswer),
    /// An event of this child, for a caller who did not ask for the status.
    Child(Pid),
    /// Success, for a caller who did not ask for anything else.
    Success,
    /// The caller's address was bad; the event is consumed nevertheless (R-WAIT-21).
    Fault,
}

impl LinuxAnswer {
    fn read(tid: Pid, wait: Wait, result: i64) -> Self {
        if result == -i64::from(libc::EFAULT) {
            return Self::Fault;
        }
        if result < 0 {
            return Self::Full(WaitAnswer::Error(-result as i32));
        }
        match wait {
            Wait::Wait4 { .. } if result == 0 => Self::Full(WaitAnswer::Nothing),
            Wait::Wait4 { status: 0, .. } => Self::Child(result as Pid),
            Wait::Wait4 { status, .. } => match sys::read_memory::<4>(tid, status) {
                Some(bytes) => Self::Full(WaitAnswer::Event {
                    pid: result as Pid,
                    status: i32::from_ne_bytes(bytes),
                }),
                None => Self::Child(result as Pid),
            },
            Wait::WaitId { info: 0, .. } => Self::Success,
            Wait::WaitId { info, .. } => match sys::read_memory::<28>(tid, info) {
                Some(bytes) => Self::Full(read_siginfo(&bytes)),
                None => Self::Success,
            },
        }
    }

    fn agrees_with(self, model: WaitAnswer) -> bool {
        match (self, model) {
            (Self::Full(linux), model) => linux == model,
            (Self::Child(linux), WaitAnswer::Event { pid, .. }) => linux == pid,
            (Self::Child(_), _) => false,
            (Self::Success, model) => !matches!(model, WaitAnswer::Error(_)),
            (Self::Fault, _) => true,
        }
    }

    fn child(self) -> Option<Pid> {
        match self {
            Self::Full(WaitAnswer::Event { pid, .. }) | Self::Child(pid) => Some(pid),
            _ => None,
        }
    }
}

/// Reads the members that waitid fills: si_code, si_pid, si_status (of signal SIGCHLD).
fn read_siginfo(bytes: &[u8; 28]) -> WaitAnswer {
    let word = |offset: usize| {
        let bytes = bytes[offset..][..4].try_into();
        bytes.map_or(0, i32::from_ne_bytes)
    };
    let (code, pid, value) = (word(8), word(16), word(24));
    if pid == 0 {
        return WaitAnswer::Nothing;
    }
    let status = match code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_DUMPED => value | 0x80,
        libc::CLD_STOPPED | libc::CLD_TRAPPED => (value << 8) | 0x7f,
        libc::CLD_CONTINUED => 0xffff,
        _ => value,
    };
    WaitAnswer::Event { pid: pid as Pid, status }
}

/// Why the model is asked again about those who sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A child has ended or was reaped: Linux wakes the sleepers too.
    Event,
    /// A stop, a continuation, a group exit: Linux woke them for it, but may since have taken
    /// the reason away again.
    News,
    /// A process has changed its group or executed a program: Linux wakes nobody for that.
    Regrouping,
}

impl Tracer<'_> {
    /// Lets a wait go that may sleep: without the slot, but due if the model has an answer.
    /// False if it refuses to sleep, so that it takes the slot.
    pub(super) fn start_wait(&mut self, tid: Pid, wait: Wait) -> bool {
        let mut waiting = Waiting::new(wait, None);
        if self.model.is_some() && self.exemption(tid).is_none() {
            waiting.resolved = self.resolve(tid, wait);
            if waiting.resolved.is_some() && wait.is_hanging_refused() {
                return false;
            }
        }
        self.sleep(tid, waiting);
        self.refresh_waiter(tid, Cause::Event);
        self.resume_to_exit(tid);
        true
    }

    fn sleep(&mut self, tid: Pid, waiting: Waiting) {
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            tracee.activity = Activity::Waiting(waiting);
        }
    }

    /// Makes the request independent of the caller's later changes: Linux reads the caller's
    /// group and the pidfd when the call begins.
    pub(super) fn resolve(&mut self, tid: Pid, wait: Wait) -> Option<Wait> {
        let own_group = |tracer: &mut Self| {
            let group = tracer.ask(|model| model.getpgrp(tid))?.ok()?;
            i32::try_from(group).ok().filter(|&group| group > 1)
        };
        match wait {
            Wait::Wait4 { pid: 0, options, status } => {
                Some(own_group(self).map_or(wait, |group| Wait::Wait4 {
                    pid: -group,
                    options,
                    status,
                }))
            }
            Wait::WaitId { kind, id, options, info } => match (kind.cast_unsigned(), id) {
                (libc::P_PGID, 0) => Some(own_group(self).map_or(wait, |id| Wait::WaitId {
                    kind,
                    id,
                    options,
                    info,
                })),
                (libc::P_PIDFD, descriptor) => {
                    let tgid = self.tracees.get(&tid)?.tgid;
                    // No process ever has the highest number: it stands for one that is gone.
                    let target = procfs::pidfd_target(tgid, descriptor)?;
                    let id = if target > 0 { target } else { i32::MAX };
                    Some(Wait::WaitId { kind: libc::P_PID as i32, id, options, info })
                }
                _ => Some(wait),
            },
            Wait::Wait4 { .. } => Some(wait),
        }
    }

    fn look(&mut self, tid: Pid, request: &Wait) -> Option<WaitAnswer> {
        self.ask(|model| model.look(tid, request))?.ok()
    }

    /// Judges a wait that has returned. False if news must be awaited first.
    pub(super) fn judge_wait(&mut self, tid: Pid, wait: Wait, answered: &Answered) -> bool {
        let call = Call::Wait(wait);
        let linux = LinuxAnswer::read(tid, wait, answered.result);
        let exemption = self.exemption(tid);
        if exemption.is_some() || self.model.is_none() {
            self.log(tid, &call, answered.result);
            self.comparison.skip(exemption.map_or("the model is no longer asked", |e| e.reason()));
            self.follow_linux(tid, wait, linux);
            return true;
        }
        let Some(request) = answered.resolved else {
            self.log(tid, &call, answered.result);
            self.comparison.skip("the wait is for a descriptor that is no pidfd");
            self.follow_linux(tid, wait, linux);
            return true;
        };
        let model = match self.ask(|model| model.look(tid, &request)) {
            Some(Ok(answer)) => answer,
            Some(Err(refusal)) => {
                let question = format!("{} {wait}", self.history.label(tid));
                self.diverge(&question, &linux.to_string(), &refusal.to_string());
                return true;
            }
            None => return true,
        };
        if linux.agrees_with(model) {
            self.commit(tid, wait, &request, linux);
        } else if let Some(request) = self.early_view(tid, &request, linux, model) {
            self.commit(tid, wait, &request, linux);
        } else if answered.outdated.is_some_and(|outdated| linux.agrees_with(outdated)) {
            // Linux answered before the news that took the answer away from the model.
            self.log(tid, &call, answered.result);
            self.comparison.agree(call.name());
        } else if answered.since.elapsed() < self.patience(SETTLE) {
            return false;
        } else {
            let question = format!("{} {wait}", self.history.label(tid));
            self.diverge(&question, &linux.to_string(), &model.to_string());
            self.follow_linux(tid, wait, linux);
        }
        self.refresh_waiters(Cause::Event);
        true
    }

    /// Linux re-parents the zombies of a dying process before it can show that process itself as
    /// a zombie, because the tracer has to collect it first. A sleeper that is woken in between
    /// reports one of those zombies although the dying process comes first in the model.
    fn early_view(
        &mut self,
        tid: Pid,
        request: &Wait,
        linux: LinuxAnswer,
        model: WaitAnswer,
    ) -> Option<Wait> {
        let end = self.last_end.as_ref()?;
        let child = linux.child().filter(|child| end.children.contains(child))?;
        let is_last_end = matches!(model, WaitAnswer::Event { pid, .. } if pid == end.pid);
        let request = request.for_child(child);
        let answer = self.look(tid, &request)?;
        (is_last_end && linux.agrees_with(answer)).then_some(request)
    }

    /// Both said the same: the model consumes it as Linux has.
    fn commit(&mut self, tid: Pid, wait: Wait, request: &Wait, linux: LinuxAnswer) {
        let call = Call::Wait(wait);
        let Some(Ok(model)) = self.ask(|model| model.wait(tid, request)) else {
            return;
        };
        let label = self.history.label(self.tracees[&tid].tgid);
        self.comparison.log(format!("{label} {wait} = {model}"));
        if linux == LinuxAnswer::Fault {
            self.comparison.skip("the caller's address for the answer was bad");
        } else {
            self.comparison.agree(call.name());
        }
        if let WaitAnswer::Event { pid, status } = model
            && !wait.is_looking_only()
            && is_end(status)
        {
            self.on_reaped(tid, pid);
        }
    }

    fn on_reaped(&mut self, tid: Pid, pid: Pid) {
        let reaper = self.tracees.get(&tid).map_or(tid, |tracee| tracee.tgid);
        self.note_reaped(pid, Reaper::Process(reaper));
    }

    /// Linux's answer is not compared, or differs: keeps the model and the history as near as
    /// possible to what Linux has done.
    fn follow_linux(&mut self, tid: Pid, wait: Wait, linux: LinuxAnswer) {
        let Some(pid) = linux.child() else { return };
        if wait.is_looking_only() {
            return;
        }
        let request = Wait::Wait4 { pid: pid.cast_signed(), options: libc::__WALL, status: 0 };
        let is_gone = procfs::stat(pid).is_none();
        if is_gone {
            self.ask(|model| {
                let _ = model.wait(tid, &request);
            });
            self.on_reaped(tid, pid);
        }
    }

    /// A wait was cut short by SIGKILL: a zombie that is gone has been reaped by it.
    pub(super) fn reconcile_wait(&mut self, tid: Pid, resolved: Option<Wait>) {
        let Some(request) = resolved else { return };
        if let Some(WaitAnswer::Event { pid, status }) = self.look(tid, &request)
            && is_end(status)
            && procfs::stat(pid).is_none()
        {
            self.ask(|model| {
                let _ = model.wait(tid, &request);
            });
            self.on_reaped(tid, pid);
            self.refresh_waiters(Cause::Event);
        }
    }

    /// Asks the model again about every sleeper.
    pub(super) fn refresh_waiters(&mut self, cause: Cause) {
        if self.model.is_none() {
            return;
        }
        let is_asleep = |tracee: &Tracee| matches!(&tracee.activity, Activity::Waiting(w) if w.resolved.is_some());
        let sleepers = self.tracees.iter().filter(|(_, tracee)| is_asleep(tracee));
        let sleepers: Vec<_> = sleepers.map(|(&tid, _)| tid).collect();
        for tid in sleepers {
            self.refresh_waiter(tid, cause);
        }
    }

    fn refresh_waiter(&mut self, tid: Pid, cause: Cause) {
        let request = match self.tracees.get(&tid).map(|tracee| &tracee.activity) {
            Some(Activity::Waiting(Waiting { resolved: Some(request), .. })) => *request,
            _ => return,
        };
        let answer = self.look(tid, &request).filter(|&answer| answer != WaitAnswer::Nothing);
        let Some(Tracee { activity: Activity::Waiting(waiting), .. }) = self.tracees.get_mut(&tid)
        else {
            return;
        };
        match (answer, &mut waiting.due) {
            (Some(answer), Some(due)) => due.answer = answer,
            (Some(answer), None) => {
                let is_woken = cause != Cause::Regrouping;
                waiting.due = Some(Due { answer, since: Instant::now(), is_woken });
            }
            (None, due) => {
                if let Some(due) = due.take()
                    && cause == Cause::News
                {
                    waiting.outdated = Some(due.answer);
                }
            }
        }
    }

    /// Whether Linux must wake a sleeper now.
    pub(super) fn is_anyone_due(&self) -> bool {
        self.tracees.values().any(|tracee| match &tracee.activity {
            Activity::Waiting(waiting) => waiting.due.is_some_and(|due| due.is_woken),
            _ => false,
        })
    }

    /// Gives up on a call that has been in flight for too long, and on sleepers who should have
    /// been woken long ago.
    pub(super) fn give_up_on_overdue(&mut self) -> bool {
        if let Some(Flight::Call { tid, since }) = self.slot
            && since.elapsed() > PATIENCE
            && !self.answered.contains(&tid)
        {
            self.comparison.skip("the call took too long to keep the others waiting");
            self.slot = None;
            return true;
        }
        let overdue = self.tracees.iter().find_map(|(&tid, tracee)| match &tracee.activity {
            Activity::Waiting(waiting) => {
                let due = waiting.due.filter(|due| due.is_woken)?;
                (due.since.elapsed() > self.patience(PATIENCE)).then_some((tid, waiting.wait, due))
            }
            _ => None,
        });
        let Some((tid, wait, due)) = overdue else { return false };
        let question = format!("{} {wait}", self.history.label(tid));
        self.diverge(&question, "still waits", &due.answer.to_string());
        self.sleep(tid, Waiting::new(wait, None));
        true
    }
}

fn is_end(status: i32) -> bool {
    status != 0xffff && status & 0x7f != 0x7f
}

impl std::fmt::Display for LinuxAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(answer) => answer.fmt(f),
            Self::Child(pid) => write!(f, "{pid}"),
            Self::Success => f.write_str("0"),
            Self::Fault => f.write_str("EFAULT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn siginfo(code: i32, pid: i32, status: i32) -> [u8; 28] {
        let mut bytes = [0; 28];
        for (offset, value) in [(0, 17), (8, code), (16, pid), (24, status)] {
            bytes[offset..offset + 4].copy_from_slice(&i32::to_ne_bytes(value));
        }
        bytes
    }

    /// R-WAIT-16, R-WAIT-17: siginfo and status word say the same.
    #[test]
    fn siginfo_is_read_as_a_status_word() {
        for (code, value, status) in [
            (libc::CLD_EXITED, 3, 0x300),
            (libc::CLD_KILLED, 9, 9),
            (libc::CLD_DUMPED, 11, 0x8b),
            (libc::CLD_STOPPED, 19, 0x137f),
            (libc::CLD_CONTINUED, 18, 0xffff),
        ] {
            let expected = WaitAnswer::Event { pid: 7, status };
            assert_eq!(read_siginfo(&siginfo(code, 7, value)), expected);
        }
        assert_eq!(read_siginfo(&siginfo(0, 0, 0)), WaitAnswer::Nothing);
    }

    /// A caller that asked for no status is compared by the child alone.
    #[test]
    fn missing_statuses_agree() {
        let model = WaitAnswer::Event { pid: 7, status: 0 };
        assert!(LinuxAnswer::Child(7).agrees_with(model));
        assert!(!LinuxAnswer::Child(8).agrees_with(model));
        assert!(!LinuxAnswer::Success.agrees_with(WaitAnswer::Error(libc::ECHILD)));
    }
}
