//! Calls that return at once: they start when the slot is free, and are judged when they return.

use super::tracee::{Activity, Answered, Exemption};
use super::waits::Cause;
use super::{SETTLE, Tracer};
use crate::model::Refusal;
use crate::operation::{Call, Fork};
use crate::procfs;
use crate::sys::{self, Pid};
use crate::words;

impl Tracer<'_> {
    /// Lets a queued call go.
    pub(super) fn start_call(&mut self, tid: Pid, call: Call) {
        match self.tracees.get(&tid) {
            Some(tracee) if matches!(tracee.activity, Activity::Queued) => {}
            _ => return,
        }
        if let Call::Wait(wait) = call
            && self.start_wait(tid, wait)
        {
            return;
        }
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            tracee.activity = Activity::Calling(call);
        }
        self.take_slot(tid);
        self.resume_to_exit(tid);
    }

    /// Judges one held answer, if one can be judged now. Also while the end of a thread is in
    /// flight: what agrees already was said before it.
    pub(super) fn judge_answers(&mut self) -> bool {
        for position in 0..self.answered.len() {
            let tid = self.answered[position];
            let Some(Activity::Answered(answered)) =
                self.tracees.get(&tid).map(|tracee| &tracee.activity)
            else {
                self.answered.remove(position);
                return true;
            };
            let answered = *answered;
            let is_judged = match answered.call {
                Call::Wait(wait) => self.judge_wait(tid, wait, &answered),
                _ => self.judge_call(tid, &answered),
            };
            if is_judged {
                self.answered.retain(|&held| held != tid);
                self.free_slot_of(tid);
                if let Some(tracee) = self.tracees.get_mut(&tid) {
                    tracee.activity = Activity::Running;
                }
                self.resume(tid, 0);
                return true;
            }
        }
        false
    }

    /// Whether answers are held that the model does not explain yet.
    pub(super) fn is_answer_held(&self) -> bool {
        !self.answered.is_empty()
    }

    /// False if news must be awaited first.
    fn judge_call(&mut self, tid: Pid, answered: &Answered) -> bool {
        let Answered { call, result, since, .. } = *answered;
        if self.is_exec_missing(call, result) && since.elapsed() < self.patience(SETTLE) {
            return false;
        }
        self.log(tid, &call, result);
        if let Some(exemption) = self.exemption(tid) {
            self.comparison.skip(exemption.reason());
            return true;
        }
        match call {
            Call::SetPgid { pid, pgid } => self.judge_setpgid(tid, pid, pgid, result),
            Call::SetSid => {
                self.compare_number(tid, &call, result, |model| model.setsid(tid));
                if result >= 0 {
                    self.check_relations(self.tracees[&tid].tgid);
                }
                self.refresh_waiters(Cause::Regrouping);
            }
            Call::SetSubreaper { on } if result == 0 => {
                self.drive(tid, &call, |model| model.set_subreaper(tid, on));
            }
            Call::GetSubreaper { address } if result == 0 => {
                let written = sys::read_memory::<4>(tid, address).map(i32::from_ne_bytes);
                let linux = written.map_or(-i64::from(libc::EFAULT), i64::from);
                self.compare_number(tid, &call, linux, |model| {
                    model.is_subreaper(tid).map(u32::from)
                });
            }
            Call::SetChildSignal { action: Some(action) } if result == 0 => {
                self.drive(tid, &call, |model| model.set_child_signal(tid, action));
            }
            Call::ChangeNamespace { name } => {
                self.comparison.note_unmodelled(name);
                let tgid = self.tracees[&tid].tgid;
                if let Some(process) = self.processes.get_mut(&tgid) {
                    process.has_changed_namespace |= result == 0;
                }
            }
            Call::SendSignal { name } => self.comparison.note_unmodelled(name),
            Call::Fork(fork) => self.skip_fork_result(&fork, result),
            _ => self.judge_getter(tid, &call, result),
        }
        true
    }

    fn judge_getter(&mut self, tid: Pid, call: &Call, result: i64) {
        match *call {
            Call::GetPgid { pid } | Call::GetSid { pid } if self.is_outside(pid) => {
                self.comparison.skip("the call is about a process outside the program");
            }
            Call::GetPid => self.compare_number(tid, call, result, |m| Ok(m.own_ids(tid)?.0)),
            Call::GetTid => self.compare_number(tid, call, result, |m| Ok(m.own_ids(tid)?.1)),
            Call::GetPpid => self.compare_number(tid, call, result, |m| m.getppid(tid)),
            Call::GetPgrp => self.compare_number(tid, call, result, |m| m.getpgrp(tid)),
            Call::GetPgid { pid } => {
                self.compare_number(tid, call, result, |m| m.getpgid(tid, pid));
            }
            Call::GetSid { pid } => self.compare_number(tid, call, result, |m| m.getsid(tid, pid)),
            _ => self.comparison.skip("the call failed for reasons that are not the model's"),
        }
    }

    fn judge_setpgid(&mut self, tid: Pid, pid: i32, pgid: i32, result: i64) {
        let call = Call::SetPgid { pid, pgid };
        let joins_stranger = pgid > 0
            && pgid != pid
            && !self.ask(|model| model.is_group(pgid.cast_unsigned())).unwrap_or(true)
            && result == 0
            && pgid.cast_unsigned() != self.tracees[&tid].tgid;
        if self.is_outside(pid) || joins_stranger {
            self.comparison.skip("the call is about a process outside the program");
            return;
        }
        self.compare_number(tid, &call, result, |model| model.setpgid(tid, pid, pgid));
        let target = if pid == 0 { self.tracees[&tid].tgid } else { pid.cast_unsigned() };
        if result == 0 {
            self.check_relations(target);
        }
        self.refresh_waiters(Cause::Regrouping);
    }

    /// Compares a call's result with a number or error of the model.
    fn compare_number(
        &mut self,
        tid: Pid,
        call: &Call,
        linux: i64,
        question: impl FnOnce(&mut crate::model::Model) -> Result<Pid, Refusal>,
    ) {
        let Some(answer) = self.ask(question) else {
            return;
        };
        let model = match answer {
            Ok(number) => i64::from(number),
            Err(Refusal::Errno(errno)) => -i64::from(errno),
            Err(refusal @ Refusal::Unknown(_)) => {
                let question = format!("{} {call}", self.history.label(tid));
                return self.diverge(&question, &words::result(linux), &refusal.to_string());
            }
        };
        let label = &self.history;
        self.comparison.compare(
            call.name(),
            linux,
            model,
            || format!("{} {call}", label.label(tid)),
            |&value| words::result(value),
        );
        self.drop_model_if_lost();
    }

    /// Tells the model of something that Linux has done and that has no other answer.
    pub(super) fn drive(
        &mut self,
        tid: Pid,
        what: &dyn std::fmt::Display,
        deed: impl FnOnce(&mut crate::model::Model) -> Result<(), Refusal>,
    ) {
        if let Some(Err(refusal)) = self.ask(deed) {
            let question = format!("{} {what}", self.history.label(tid));
            self.diverge(&question, "did it", &refusal.to_string());
        }
    }

    /// Compares the relations of a process with what `/proc` says.
    pub(super) fn check_relations(&mut self, pid: Pid) {
        let is_exempt = self.processes.get(&pid).is_some_and(|process| process.exemption.is_some());
        let Some(stat) = procfs::stat(pid) else {
            return;
        };
        self.history.relate(pid, stat.parent, stat.group, stat.session);
        if is_exempt {
            return;
        }
        let model = match self.ask(|model| model.relations(pid)) {
            Some(Ok(relations)) => relations,
            Some(Err(refusal)) => {
                let question = format!("/proc/{pid}/stat");
                return self.diverge(&question, "it exists", &refusal.to_string());
            }
            None => return,
        };
        let label = self.history.label(pid);
        for (name, noun, linux, model) in [
            ("parent in /proc", "parent", stat.parent, model.parent),
            ("group in /proc", "process group", stat.group, model.group),
            ("session in /proc", "session", stat.session, model.session),
        ] {
            let question = || format!("the {noun} of {label}");
            self.comparison.compare(name, linux, model, question, ToString::to_string);
        }
        self.drop_model_if_lost();
    }

    /// Compares the number that a fork returns with that of the child.
    pub(super) fn compare_fork_result(&mut self, tid: Pid, fork: &Fork, child: Pid, result: i64) {
        self.log(tid, &Call::Fork(*fork), result);
        if self.exemption(tid).is_some() || self.model.is_none() {
            return;
        }
        let question = || format!("{tid} {fork}");
        let show = |value: &i64| words::result(*value);
        self.comparison.compare(fork.name, result, i64::from(child), question, show);
    }

    fn skip_fork_result(&mut self, fork: &Fork, result: i64) {
        if result < 0 {
            let reason = format!("{} failed with {}", fork.name, words::result(result));
            self.comparison.skip(&reason);
        } else {
            self.comparison.note_unmodelled("clone(CLONE_UNTRACED): the child is not followed");
        }
    }

    /// A setpgid was cut short: asks `/proc` whether it happened.
    pub(super) fn reconcile_relations(&mut self, tid: Pid, call: Call) {
        let own = self.tracees[&tid].tgid;
        let target = match call {
            Call::SetPgid { pid, .. } if pid > 0 => pid.cast_unsigned(),
            _ => own,
        };
        let linux = procfs::stat(target).map(|stat| (stat.group, stat.session));
        let model = self.ask(|model| model.relations(target).ok()).flatten();
        let model = model.map(|relations| (relations.group, relations.session));
        if linux.is_some() && linux != model {
            self.drive(tid, &call, |model| match call {
                Call::SetPgid { pid, pgid } => model.setpgid(tid, pid, pgid).map(drop),
                _ => model.setsid(tid).map(drop),
            });
        }
        self.refresh_waiters(Cause::Regrouping);
    }

    /// setpgid said EACCES, the child is known to be in execve, and its exec is not known yet.
    fn is_exec_missing(&self, call: Call, result: i64) -> bool {
        match call {
            Call::SetPgid { pid: pid @ 1.., .. } if result == -i64::from(libc::EACCES) => self
                .tracees
                .values()
                .any(|tracee| tracee.tgid == pid.cast_unsigned() && tracee.is_executing),
            _ => false,
        }
    }

    /// Whether the number names a process that is not the program's.
    fn is_outside(&mut self, pid: i32) -> bool {
        if pid <= 0 {
            return false;
        }
        let pid = pid.cast_unsigned();
        let is_inner = self
            .processes
            .get(&pid)
            .is_some_and(|process| process.exemption == Some(Exemption::NamespaceInner));
        is_inner
            || (!self.ask(|model| model.is_known(pid)).unwrap_or(true)
                && procfs::stat(pid).is_some())
    }

    /// Notes an operation with its result.
    pub(super) fn log(&mut self, tid: Pid, call: &Call, result: i64) {
        let tgid = self.tracees.get(&tid).map_or(tid, |tracee| tracee.tgid);
        let thread = if tgid == tid { String::new() } else { format!("(thread {tid})") };
        let label = self.history.label(tgid);
        self.comparison.log(format!("{label}{thread} {call} = {}", words::result(result)));
    }
}
