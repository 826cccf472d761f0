//! Waits: who sleeps, who is due, and what is judged when a wait returns.

use std::time::{Duration, Instant};

use super::Ledger;
use super::answers::{GONE, UNFOLLOWED};
use super::fact::Fact;
use super::signals::{CONTINUED, UNDONE, is_stop};
use crate::history::Reaper;
use crate::journal::Deed;
use crate::model::WaitAnswer;
use crate::operation::{Call, Wait, WaitResult};
use crate::sys::Pid;

/// So many operations can be in flight when somebody becomes due: one in a call, one that ends. A recording in which more
/// are over before he is woken shows that Linux did not wake him.
const IN_FLIGHT: u32 = 3;

/// Why it is not compared that a child has stopped or was continued.
const CUT: &str = "a wait that was killed, or that asked for no status, may have been told of a stop or a continuation before";

/// Why it is not compared that there was nothing to report of a child.
pub(super) const STOPPED_ANEW: &str = "a child that was continued has stopped again amid a wait: Linux looks for a stop, and then for a continuation";

/// The same, and what comes behind it.
const ASKED_BY_SEVERAL: &str = "several threads wait for stops and continuations of the same child, and which of them is told first is not seen";

/// A stop or continuation of which no wait has told, and the request of one that would.
pub(super) struct Unreported {
    tid: Pid,
    request: Wait,
    pub(super) status: i32,
}

/// A wait that may sleep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// The request as the caller made it.
    wait: Wait,
    /// The same with all that is relative to the caller resolved; `None` if that failed, then
    /// the answer is not compared.
    resolved: Option<Wait>,
    /// The model has an answer: since when, and whether Linux must have woken the sleeper too.
    pub(super) due: Option<Due>,
    /// An answer that the model had and that later news have taken away, or, of a wait that only looks, another one that takes: Linux may have given it before.
    outdated: Option<WaitResult>,
}

/// A sleeper for whom the model has an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    answer: WaitResult,
    since: Instant,
    /// Whether it is known for certain that there is this answer.
    is_certain: bool,
    /// Whether Linux wakes sleepers for what has happened (R-WAIT-09).
    is_woken: bool,
    /// How many operations were over before Linux has woken him.
    overtaken_by: u32,
    /// Lockstep has had him look himself.
    is_roused: bool,
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

/// What the model says to an answer of Linux.
enum Judgement {
    /// The same, to this request.
    Same(Wait, WaitAnswer),
    /// It said so before the latest news.
    Before,
    /// It is not asked, for this reason.
    NotAsked(&'static str),
    /// Something else.
    Other(String),
}

impl Ledger {
    /// A wait begins: who asks is due if the model has an answer.
    pub(super) fn sleep(&mut self, tid: Pid, wait: Wait, target: Option<i32>) {
        self.last_end = None;
        if wait.is_about_stops() {
            self.stop_waiters.insert(tid);
        }
        let mut waiting = Waiting { wait, resolved: None, due: None, outdated: None };
        if self.model.is_some() && self.exemption(tid).is_none() {
            waiting.resolved = self.resolve(tid, wait, target);
        }
        self.sleepers.insert(tid, waiting);
        self.refresh_sleeper(tid, Cause::Event);
    }

    /// Whether Linux must wake a sleeper now.
    pub(crate) fn is_anyone_due(&self) -> bool {
        self.sleepers.values().any(|waiting| waiting.due.is_some_and(|due| due.is_woken))
    }

    /// A sleeper who should have been woken long ago.
    pub(crate) fn overdue(&self, patience: Duration) -> Option<Pid> {
        self.sleepers.iter().find_map(|(&tid, waiting)| {
            let due = waiting.due.filter(|due| due.is_woken)?;
            (due.since.elapsed() > patience).then_some(tid)
        })
    }

    /// One who is to be had look, once: Linux tells the tracer of stops and continuations, and wakes no other thread that waits for its own children alone. Linux: `child_wait_callback`.
    pub(crate) fn rouse(&mut self, patience: Duration) -> Option<Pid> {
        self.sleepers.iter_mut().find_map(|(&tid, waiting)| {
            let is_concerned = waiting.wait.is_about_stops() && waiting.wait.is_of_own_thread();
            let due = waiting.due.as_mut().filter(|due| is_concerned && !due.is_roused)?;
            let would_wake = due.is_woken || !due.is_certain;
            due.is_roused = would_wake && due.since.elapsed() > patience;
            due.is_roused.then_some(tid)
        })
    }

    /// Linux can wake those who are due only from now on.
    pub(super) fn restart_patience(&mut self) {
        for due in self.sleepers.values_mut().filter_map(|waiting| waiting.due.as_mut()) {
            due.since = Instant::now();
        }
    }

    /// Whether the model explains what a wait has said. If not, news may do so.
    pub(crate) fn is_wait_explained(
        &mut self,
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        target: Option<i32>,
    ) -> bool {
        // News would tell which stop or continuation it was.
        !matches!(
            self.consider(tid, wait, said, target),
            Judgement::Other(_)
                | Judgement::NotAsked(CUT | UNDONE | STOPPED_ANEW | ASKED_BY_SEVERAL)
        )
    }

    pub(super) fn judge_wait(
        &mut self,
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        target: Option<i32>,
    ) {
        let judgement = self.consider(tid, wait, said, target);
        self.sleepers.remove(&tid);
        self.keep_doubt(tid, wait, said);
        if wait.is_about_stops() {
            self.stop_waiters.insert(tid);
        }
        let label = self.history.label(self.process_of(tid));
        match judgement {
            Judgement::Same(request, answer) => self.commit(tid, wait, &request, said, answer),
            Judgement::Before => {
                self.log_wait(tid, wait, said);
                self.comparison.agree(Call::Wait(wait).name());
            }
            Judgement::NotAsked(reason) => {
                self.log_wait(tid, wait, said);
                self.comparison.skip(reason);
                if reason == UNDONE && said.child().is_none() {
                    self.forget_undone_stops(self.process_of(tid));
                }
                self.follow_linux(tid, wait, said);
            }
            Judgement::Other(model) => {
                self.log_wait(tid, wait, said);
                self.diverge(&format!("{label} {wait}"), &said.to_string(), &model);
                self.follow_linux(tid, wait, said);
            }
        }
        self.refresh_sleepers(Cause::Event);
    }

    fn log_wait(&mut self, tid: Pid, wait: Wait, said: WaitResult) {
        let [named, _] = Call::Wait(wait).numbers();
        let about = [said.child().unwrap_or(0), named.unsigned_abs()];
        self.log_deed(tid, Deed::Wait { wait, said }, about);
    }

    fn consider(
        &mut self,
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        target: Option<i32>,
    ) -> Judgement {
        if let Some(exemption) = self.exemption(tid) {
            return Judgement::NotAsked(exemption.reason());
        }
        if self.model.is_none() {
            return Judgement::NotAsked("the model is no longer asked");
        }
        let (resolved, outdated) = match self.sleepers.get(&tid) {
            Some(waiting) => (waiting.resolved, waiting.outdated),
            None => (self.resolve(tid, wait, target), None),
        };
        let Some(request) = resolved else {
            return Judgement::NotAsked("the wait is for a descriptor that is no pidfd");
        };
        let answer = match self.ask(|model| model.look(tid, &request)) {
            Some(Ok(answer)) => answer,
            Some(Err(refusal)) => return Judgement::Other(refusal.to_string()),
            None => return Judgement::NotAsked("the model is no longer asked"),
        };
        if self.is_of_before_end(tid, wait, said, answer) {
            return Judgement::NotAsked(CUT);
        }
        // There was something to report, though the caller has not asked what: news will tell.
        let is_ahead = !wait.is_hanging_refused()
            && said == WaitResult::Success
            && answer.result == WaitResult::Nothing;
        if agrees(said, answer.result) && !is_ahead {
            return Judgement::Same(request, answer);
        }
        if let Some((request, answer)) = self.early_view(tid, &request, said, answer) {
            return Judgement::Same(request, answer);
        }
        if let Some((request, answer)) = self.other_order(tid, &request, said, answer) {
            return Judgement::Same(request, answer);
        }
        if outdated.is_some_and(|outdated| agrees(said, outdated)) {
            return Judgement::Before;
        }
        if let WaitResult::Event { status, pid } = said
            && let Some(child) = self.ask(|model| model.global(tid, pid)).flatten()
            && let Some(reason) = self.why_not_told(child, status)
        {
            return Judgement::NotAsked(reason);
        }
        if let Some(&reason) = self.stopped_anew.get(&answer.child)
            && self.is_before_stop(tid, wait, said, answer, reason)
        {
            return Judgement::NotAsked(reason);
        }
        if said == wait.nothing_yet() && self.is_uncertain(answer) {
            return Judgement::NotAsked(UNDONE);
        }
        if !matches!(said, WaitResult::Event { status, .. } if is_end(status))
            && let Some(pid) = said.child()
            && let Some(child) = self.ask(|model| model.global(tid, pid)).flatten()
            && self.told_to_cut_wait.contains(&child)
        {
            return Judgement::NotAsked(CUT);
        }
        if let WaitResult::Event { status, pid } = said
            && is_end(status)
            && let Some(child) = self.ask(|model| model.global(tid, pid)).flatten()
            && child == answer.child
            && let Some(&reason) = self.own_ends.get(&child)
        {
            return Judgement::NotAsked(reason);
        }
        if self.is_about_unfollowed(tid, said, answer) {
            return Judgement::NotAsked(UNFOLLOWED);
        }
        let are_ends =
            |result| matches!(result, WaitResult::Event { status, .. } if is_end(status));
        if self.is_asked_by_others(tid) && !are_ends(said) && !are_ends(answer.result) {
            return Judgement::NotAsked(ASKED_BY_SEVERAL);
        }
        self.comparison.concern(answer.child);
        Judgement::Other(answer.result.to_string())
    }

    /// What a wait was told that had begun before that was known for certain may be older, also if it is the same: then the model is ahead of Linux.
    fn keep_doubt(&mut self, tid: Pid, wait: Wait, said: WaitResult) {
        if !wait.is_looking_only()
            && let Some(number) = said.child()
            && let Some(child) = self.ask(|model| model.global(tid, number)).flatten()
            && (self.stopped_anew.get(&child) == Some(&UNDONE) || self.is_asked_by_others(tid))
            && self.threads.contains_key(&child)
        {
            self.undone.insert(child);
        }
    }

    /// Whether a wait that asked for no status was told of what came before the end of a child: that is still there then.
    fn is_of_before_end(
        &mut self,
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        model: WaitAnswer,
    ) -> bool {
        let is_open = self.undone.contains(&model.child)
            || self.stopped_anew.contains_key(&model.child)
            || self.is_asked_by_others(tid);
        is_open
            && matches!(said, WaitResult::Child(_) | WaitResult::Success)
            && matches!(model.result, WaitResult::Event { status, .. } if is_end(status))
            && !wait.is_looking_only()
            && self.view.stat(model.child).is_some()
    }

    /// Whether another thread of the same process waits for stops or continuations, at times.
    fn is_asked_by_others(&self, tid: Pid) -> bool {
        let pid = self.process_of(tid);
        self.stop_waiters.iter().any(|&other| other != tid && self.process_of(other) == pid)
    }

    /// Whether a wait has found a child not yet stopped, or in between, that has stopped by now; or in a stop before that which is not known for certain.
    fn is_before_stop(
        &mut self,
        tid: Pid,
        wait: Wait,
        said: WaitResult,
        model: WaitAnswer,
        reason: &str,
    ) -> bool {
        match said {
            WaitResult::Event { pid, status }
                if status == CONTINUED || reason == UNDONE && is_stop(status) =>
            {
                self.ask(|model| model.global(tid, pid)).flatten() == Some(model.child)
            }
            said => said == wait.nothing_yet(),
        }
    }

    /// Whether what the model says is of a child whose stop was undone: how often, may not be known.
    fn is_uncertain(&self, model: WaitAnswer) -> bool {
        matches!(model.result, WaitResult::Event { status, .. } if !is_end(status))
            && self.undone.contains(&model.child)
    }

    /// Whether what Linux said to a wait, or what the model says, is about a process that is not followed.
    fn is_about_unfollowed(&mut self, tid: Pid, said: WaitResult, model: WaitAnswer) -> bool {
        if !self.is_anyone_unfollowed() {
            return false;
        }
        let child = said
            .child()
            .map(|number| self.ask(|model| model.global(tid, number)).flatten().unwrap_or(number));
        let is_named = child.is_some_and(|child| self.is_unfollowed(child))
            || model.child != 0 && self.is_unfollowed(model.child);
        let pid = self.process_of(tid);
        is_named
            || child.is_none()
                && (self.has_unfollowed_child(pid)
                    || self
                        .ask(|model| model.children(pid))
                        .is_some_and(|children| children.iter().any(|it| self.is_unfollowed(*it))))
    }

    /// Makes the request independent of the caller's later changes: Linux reads the caller's
    /// group and the pidfd when the call begins.
    fn resolve(&mut self, tid: Pid, wait: Wait, target: Option<i32>) -> Option<Wait> {
        let own_group = |ledger: &mut Self| {
            let group = ledger.ask(|model| model.getpgrp(tid))?.ok()?;
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
            Wait::WaitId { kind, id, options, info, is_nonblocking } => {
                match (kind.cast_unsigned(), id) {
                    (libc::P_PGID, 0) => Some(own_group(self).map_or(wait, |id| Wait::WaitId {
                        kind,
                        id,
                        options,
                        info,
                        is_nonblocking,
                    })),
                    (libc::P_PIDFD, _) => {
                        let number = u32::try_from(target?).ok();
                        let seen = number.and_then(|it| self.ask(|m| m.seen_by(tid, it)).flatten());
                        let id = seen.map_or(GONE, u32::cast_signed);
                        let kind = libc::P_PID as i32;
                        Some(Wait::WaitId { kind, id, options, info, is_nonblocking })
                    }
                    _ => Some(wait),
                }
            }
            Wait::Wait4 { .. } => Some(wait),
        }
    }

    fn look(&mut self, tid: Pid, request: &Wait) -> Option<WaitAnswer> {
        self.ask(|model| model.look(tid, request))?.ok()
    }

    /// Linux re-parents the zombies of a dying process before it can show that process itself as
    /// a zombie, because the tracer has to collect it first. A sleeper that is woken in between
    /// reports one of those zombies although the dying process comes first in the model.
    fn early_view(
        &mut self,
        tid: Pid,
        request: &Wait,
        said: WaitResult,
        model: WaitAnswer,
    ) -> Option<(Wait, WaitAnswer)> {
        let is_last_end = self.last_end.as_ref()?.pid == model.child;
        let request = request.for_child(said.child()?);
        let answer = self.look(tid, &request)?;
        let is_left = self.last_end.as_ref()?.children.contains(&answer.child);
        (is_last_end && is_left && agrees(said, answer.result)).then_some((request, answer))
    }

    /// Children that several dying threads have given away stand in an order that depends on which thread was the first.
    fn other_order(
        &mut self,
        tid: Pid,
        request: &Wait,
        said: WaitResult,
        model: WaitAnswer,
    ) -> Option<(Wait, WaitAnswer)> {
        if !self.unordered.contains(&model.child) {
            return None;
        }
        let request = request.for_child(said.child()?);
        let answer = self.look(tid, &request)?;
        let is_one_of_them = self.unordered.contains(&answer.child);
        (is_one_of_them && agrees(said, answer.result)).then_some((request, answer))
    }

    /// Both said the same: the model consumes it as Linux has.
    fn commit(
        &mut self,
        tid: Pid,
        wait: Wait,
        request: &Wait,
        said: WaitResult,
        answer: WaitAnswer,
    ) {
        let call = Call::Wait(wait);
        let Some(Ok(model)) = self.ask(|model| model.wait(tid, request)) else {
            return;
        };
        self.log_wait(tid, wait, model.result);
        if said == WaitResult::Fault {
            self.comparison.skip("the caller's address for the answer was bad");
        } else {
            self.comparison.agree(call.name());
        }
        let WaitResult::Event { status, .. } = model.result else { return };
        if wait.is_looking_only() {
            return;
        }
        if is_end(status) {
            self.on_reaped(tid, answer.child);
        } else if matches!(said, WaitResult::Child(_) | WaitResult::Success) {
            // Of a stop, or of the continuation behind it, which may not be known yet.
            self.awaited_by_cut_wait.insert(answer.child, false);
        }
    }

    fn on_reaped(&mut self, tid: Pid, pid: Pid) {
        let reaper = self.process_of(tid);
        self.note_reaped(pid, Reaper::Process(reaper));
    }

    /// Linux's answer is not compared, or differs: keeps the model and the history as near as
    /// possible to what Linux has done.
    fn follow_linux(&mut self, tid: Pid, wait: Wait, said: WaitResult) {
        let Some(number) = said.child() else { return };
        if wait.is_looking_only() {
            return;
        }
        let request = Wait::Wait4 { pid: number.cast_signed(), options: libc::__WALL, status: 0 };
        let pid = match self.look(tid, &request) {
            Some(answer) if answer.child != 0 => answer.child,
            _ => number,
        };
        if self.view.stat(pid).is_none() {
            self.ask(|model| {
                let _ = model.wait(tid, &request);
            });
            self.on_reaped(tid, pid);
        }
    }

    /// A wait was cut short by SIGKILL: a zombie that is gone has been reaped by it. Whether it was told of a stop or a continuation, also of one that is not known yet, nothing shows.
    pub(super) fn reconcile_wait(&mut self, tid: Pid, wait: Wait, target: Option<i32>) {
        let resolved = match self.sleepers.remove(&tid) {
            Some(waiting) => waiting.resolved,
            None => self.resolve(tid, wait, target),
        };
        let Some(request) = resolved.filter(|_| !wait.is_looking_only()) else { return };
        let Some(answer) = self.look(tid, &request) else { return };
        if let WaitResult::Event { status, .. } = answer.result
            && is_end(status)
            && self.view.stat(answer.child).is_none()
        {
            self.ask(|model| {
                let _ = model.wait(tid, &request);
            });
            self.on_reaped(tid, answer.child);
        } else if wait.is_about_stops() {
            let pid = self.process_of(tid);
            for child in self.ask(|model| model.children(pid)).unwrap_or_default() {
                self.awaited_by_cut_wait.insert(child, false);
                self.take_for_told(child);
            }
        }
        self.refresh_sleepers(Cause::Event);
    }

    /// A thread has done something: what its children did before that will soon have been told.
    pub(super) fn parent_goes_on(&mut self, tid: Pid) {
        if self.awaited_by_cut_wait.is_empty() && self.stopped_anew.is_empty() {
            return;
        }
        let pid = self.process_of(tid);
        let is_over = !self.is_asked_by_others(tid);
        for child in self.ask(|model| model.children(pid)).unwrap_or_default() {
            if is_over {
                self.stopped_anew.remove(&child);
            }
            if let Some(has_parent_gone_on) = self.awaited_by_cut_wait.get_mut(&child) {
                *has_parent_gone_on = true;
            }
        }
    }

    /// Has the model forget what may not have been undone.
    fn forget_undone_stops(&mut self, pid: Pid) {
        for child in self.ask(|model| model.children(pid)).unwrap_or_default() {
            if self.undone.contains(&child) {
                self.take_for_told(child);
            }
        }
    }

    /// Has the model forget the stop or continuation of a child of which its parent may have been told.
    pub(super) fn take_for_told(&mut self, child: Pid) {
        if let Some(Unreported { tid, request, .. }) = self.unreported(child) {
            self.ask(|model| {
                let _ = model.wait(tid, &request);
            });
            self.told_to_cut_wait.insert(child);
        }
    }

    /// The stop or continuation of a child that its parent has not taken note of.
    pub(super) fn unreported(&mut self, child: Pid) -> Option<Unreported> {
        let parent = self.parent_of(child)?;
        let (&tid, _) = self.threads.iter().find(|(_, of)| **of == parent)?;
        let number = self.ask(|model| model.seen_by(tid, child)).flatten()?;
        let request = Wait::WaitId {
            kind: libc::P_PID as i32,
            id: number.cast_signed(),
            options: libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::__WALL,
            info: 0,
            is_nonblocking: false,
        };
        match self.look(tid, &request)?.result {
            WaitResult::Event { status, .. } => Some(Unreported { tid, request, status }),
            _ => None,
        }
    }

    /// Asks the model again about every sleeper.
    pub(super) fn refresh_sleepers(&mut self, cause: Cause) {
        if self.model.is_none() {
            return;
        }
        let sleepers: Vec<_> = self.sleepers.keys().copied().collect();
        for tid in sleepers {
            self.refresh_sleeper(tid, cause);
        }
    }

    fn refresh_sleeper(&mut self, tid: Pid, cause: Cause) {
        let Some(request) = self.sleepers.get(&tid).and_then(|waiting| waiting.resolved) else {
            return;
        };
        let answer = self.look(tid, &request);
        let is_certain = answer.is_none_or(|answer| !self.is_uncertain(answer));
        let answer = answer.map(|answer| answer.result);
        let answer = answer.filter(|&answer| answer != WaitResult::Nothing);
        // Linux may wait for a child of which the model knows nothing.
        let is_unknown = matches!(answer, Some(WaitResult::Error(_)))
            && self.has_unfollowed_child(self.process_of(tid));
        let answer = answer.filter(|_| !is_unknown);
        let Some(waiting) = self.sleepers.get_mut(&tid) else {
            return;
        };
        // Linux may have woken it with what it was due for before.
        let may_be_given = cause == Cause::News || waiting.wait.is_looking_only();
        if let Some(Due { answer: before, is_certain: true, .. }) = waiting.due
            && answer != Some(before)
            && may_be_given
        {
            waiting.outdated = Some(before);
        }
        match (answer, &mut waiting.due) {
            (Some(answer), Some(due)) if due.is_certain || !is_certain => {
                due.answer = answer;
                due.is_certain &= is_certain;
                due.is_woken &= is_certain;
            }
            (Some(answer), due) => {
                let is_woken = cause != Cause::Regrouping && is_certain;
                let since = Instant::now();
                *due = Some(Due {
                    answer,
                    since,
                    is_certain,
                    is_woken,
                    overtaken_by: 0,
                    is_roused: false,
                });
            }
            (None, due) => *due = None,
        }
    }

    /// Linux has not woken a sleeper who is due.
    pub(super) fn judge_overdue(&mut self, tid: Pid) {
        let Some(waiting) = self.sleepers.get_mut(&tid) else { return };
        waiting.resolved = None;
        let Some(due) = waiting.due.take() else { return };
        let question = format!("{} {}", self.history.label(tid), waiting.wait);
        self.diverge(&question, "still waits", &due.answer.to_string());
    }

    /// In a recording, an operation is over: nobody who is due may have been passed over by it.
    pub(super) fn note_overtaking(&mut self, fact: &Fact) {
        let caller = match *fact {
            Fact::Slept { tid, .. }
            | Fact::Returned { tid, .. }
            | Fact::Ended { tid, is_late: false, .. } => tid,
            Fact::Born { parent, .. } => parent,
            _ => return,
        };
        let mut passed_over = Vec::new();
        for (&tid, waiting) in &mut self.sleepers {
            if let Some(due) = &mut waiting.due
                && due.is_woken
                && tid != caller
            {
                due.overtaken_by += 1;
                if due.overtaken_by > IN_FLIGHT {
                    passed_over.push(tid);
                }
            }
        }
        for tid in passed_over {
            self.judge_overdue(tid);
        }
    }
}

fn is_end(status: i32) -> bool {
    status != 0xffff && status & 0x7f != 0x7f
}

/// Whether Linux and the model say the same, as far as the caller has asked.
fn agrees(linux: WaitResult, model: WaitResult) -> bool {
    match (linux, model) {
        (WaitResult::Child(linux), WaitResult::Event { pid, .. }) => linux == pid,
        (WaitResult::Success, model) => !matches!(model, WaitResult::Error(_)),
        (WaitResult::Fault, _) => true,
        (linux, model) => linux == model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller that asked for no status is compared by the child alone.
    #[test]
    fn missing_statuses_agree() {
        let model = WaitResult::Event { pid: 7, status: 0 };
        assert!(agrees(WaitResult::Child(7), model));
        assert!(!agrees(WaitResult::Child(8), model));
        assert!(!agrees(WaitResult::Success, WaitResult::Error(libc::ECHILD)));
    }
}
