//! Calls that return at once: what they say, beside what the model says.

use super::Ledger;
use super::waits::Cause;
use crate::model::{Model, Refusal};
use crate::operation::{Alteration, Call, Fork, Sending, SentInfo, Target};
use crate::procfs::Stat;
use crate::sys::Pid;
use crate::words;

impl Ledger {
    pub(super) fn judge_call(
        &mut self,
        tid: Pid,
        call: Call,
        result: i64,
        word: Option<i32>,
        target: Option<i32>,
    ) {
        self.log(tid, &call, result, word.filter(|_| result == 0));
        if let Some(exemption) = self.exemption(tid) {
            self.comparison.skip(exemption.reason());
            return;
        }
        // What the call has written, or its error.
        let written = match (result, word) {
            (0, Some(word)) => i64::from(word),
            (0, None) => -i64::from(libc::EFAULT),
            (error, _) => error,
        };
        match call {
            Call::SetPgid { pid, pgid } => self.judge_setpgid(tid, pid, pgid, result),
            Call::SetSid => {
                self.compare_number(tid, &call, result, |model| model.setsid(tid));
                if result >= 0 {
                    self.check_relations(self.process_of(tid));
                }
                self.refresh_sleepers(Cause::Regrouping);
            }
            Call::SetSubreaper { on } if result == 0 => {
                self.drive(tid, &call, |model| model.set_subreaper(tid, on));
            }
            Call::GetSubreaper { .. } if result == 0 => {
                self.compare_number(tid, &call, written, |model| {
                    model.is_subreaper(tid).map(u32::from)
                });
            }
            Call::SetDeathSignal { signal } => {
                self.compare_number(tid, &call, result, |model| {
                    model.set_death_signal(tid, signal)
                });
            }
            Call::GetDeathSignal { .. } if result == 0 => {
                self.compare_number(tid, &call, written, |model| model.death_signal(tid));
            }
            Call::SetChildSignal { action: Some(action) } if result == 0 => {
                self.drive(tid, &call, |model| model.set_child_signal(tid, action));
            }
            Call::Unshare { flags } => self.judge_unshare(tid, &call, flags, result),
            Call::SetNs { space: Some(_) } if result == -i64::from(libc::ESRCH) => {
                self.comparison
                    .skip("the process whose namespace a pidfd stands for has none any more");
            }
            Call::SetNs { space: Some(_) } if !is_permitted(result) => {
                self.comparison.skip(FOREIGN_FAILURE);
            }
            Call::SetNs { space: Some(space) } => {
                match self.ask(|model| model.enter(tid, space)).flatten() {
                    Some(answer) => self.compare_number(tid, &call, result, |_| answer),
                    None => {
                        self.comparison.skip("the call is about a namespace outside the program")
                    }
                }
            }
            Call::Send(sending) => self.judge_sending(tid, sending, result, target),
            Call::Reboot { command } => self.judge_refused_reboot(tid, &call, command, result),
            Call::HangUp { own } if result == 0 => self.judge_vhangup(tid, &call, own),
            Call::Credentials { .. } | Call::Filter { .. } => {}
            Call::Terminal(request) => self.judge_terminal(tid, &request, result, written),
            Call::Fork(fork) => self.skip_fork_result(&fork, result),
            _ => self.judge_getter(tid, &call, result),
        }
    }

    fn judge_getter(&mut self, tid: Pid, call: &Call, result: i64) {
        match *call {
            Call::GetPgid { .. } | Call::GetSid { .. } => {
                let answer = self.answer_about(tid, call);
                self.compare_answer(tid, call, result, answer);
            }
            Call::PidfdOpen { .. } => {
                // Which descriptor it is, is not the model's.
                let answer = self.answer_about(tid, call);
                self.compare_answer(tid, call, result.min(0), answer);
            }
            Call::GetPid => self.compare_number(tid, call, result, |m| Ok(m.own_ids(tid)?.0)),
            Call::GetTid => self.compare_number(tid, call, result, |m| Ok(m.own_ids(tid)?.1)),
            Call::GetPpid => {
                self.note_asking_orphan(tid, result);
                self.compare_number(tid, call, result, |m| m.getppid(tid));
            }
            Call::GetPgrp => self.compare_number(tid, call, result, |m| m.getpgrp(tid)),
            Call::SetNs { space: None } => {
                self.comparison.skip("the call is not about a PID namespace");
            }
            _ => self.comparison.skip(FOREIGN_FAILURE),
        }
    }

    /// What the model says to a question about the process or thread of a number.
    fn answer_about(&mut self, tid: Pid, call: &Call) -> Answer {
        let [number, _] = call.numbers();
        if self.is_outside(tid, number) {
            return Answer::NotCompared(OUTSIDE);
        }
        Answer::from(self.ask(|model| match *call {
            Call::GetPgid { pid } => model.getpgid(tid, pid),
            Call::GetSid { pid } => model.getsid(tid, pid),
            Call::PidfdOpen { pid, flags } => model.pidfd_open(tid, pid, flags),
            _ => Ok(0),
        }))
    }

    /// Whether the model explains the error of a call that asks for a process or thread by its number. If not, news may do so.
    pub(crate) fn is_error_explained(
        &mut self,
        tid: Pid,
        call: &Call,
        error: i64,
        target: Option<i32>,
    ) -> bool {
        if self.exemption(tid).is_some() {
            return true;
        }
        let answer = match *call {
            Call::GetPgid { .. } | Call::GetSid { .. } | Call::PidfdOpen { .. } => {
                self.answer_about(tid, call)
            }
            Call::Send(sending) => self.answer_to_sending(tid, sending, error, target),
            _ => return true,
        };
        match answer {
            Answer::Number(Err(Refusal::Errno(errno))) => error == -i64::from(errno),
            Answer::Number(_) => is_foreign_error(error),
            Answer::NotCompared(_) | Answer::Unasked => true,
        }
    }

    /// An orphan that asks again and again who its parent is waits until that is another one than lockstep. A shell asks once.
    fn note_asking_orphan(&mut self, tid: Pid, parent: i64) {
        const AGAIN_AND_AGAIN: u32 = 10;
        let own = self.process_of(tid);
        if parent != i64::from(self.lockstep) || own == self.root {
            return;
        }
        let (asks, times) = &mut self.asking_orphan;
        *times = if *asks == own { times.saturating_add(1) } else { 1 };
        *asks = own;
        if *times == AGAIN_AND_AGAIN {
            self.comparison.note_altered(Alteration::Adopted.in_words());
        }
    }

    fn judge_setpgid(&mut self, tid: Pid, pid: i32, pgid: i32, result: i64) {
        let call = Call::SetPgid { pid, pgid };
        let own = self.process_of(tid);
        let group = self.global(tid, pgid);
        let joins_stranger = result == 0
            && pgid > 0
            && pgid != pid
            && group.is_some_and(|group| {
                group != own && !self.ask(|model| model.is_group(group)).unwrap_or(true)
            });
        if self.is_outside(tid, pid) || joins_stranger {
            self.comparison.skip(OUTSIDE);
            return;
        }
        self.compare_number(tid, &call, result, |model| model.setpgid(tid, pid, pgid));
        let target = if pid == 0 { Some(own) } else { self.global(tid, pid) };
        if let Some(target) = target.filter(|_| result == 0) {
            self.check_relations(target);
        }
        self.refresh_sleepers(Cause::Regrouping);
    }

    /// A reboot that has returned: the caller's namespace goes on.
    fn judge_refused_reboot(&mut self, tid: Pid, call: &Call, command: Option<u32>, result: i64) {
        let is_inside = self.ask(|model| model.is_inside(tid)).unwrap_or(false);
        if !is_inside {
            self.comparison.skip("the call is about the whole machine");
        } else if !is_permitted(result) {
            self.comparison.skip(FOREIGN_FAILURE);
        } else {
            self.compare_number(tid, call, result, |model| model.refuse_reboot(command));
        }
    }

    fn judge_unshare(&mut self, tid: Pid, call: &Call, flags: u64, result: i64) {
        /// Flags that cannot fail for a reason of the caller's processes.
        const HARMLESS: i32 = libc::CLONE_NEWPID
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWCGROUP
            | libc::CLONE_FS
            | libc::CLONE_FILES
            | libc::CLONE_SYSVSEM;
        if flags & u64::from(libc::CLONE_NEWPID.cast_unsigned()) == 0 {
            self.comparison.skip("the call is not about a PID namespace");
        } else if !is_permitted(result)
            || result < 0 && flags & !u64::from(HARMLESS.cast_unsigned()) != 0
        {
            self.comparison.skip(FOREIGN_FAILURE);
        } else {
            self.compare_number(tid, call, result, |model| model.unshare(tid));
        }
    }

    fn judge_sending(&mut self, tid: Pid, sending: Sending, result: i64, target: Option<i32>) {
        if let Some(SentInfo::Says { code: 1.., .. }) = sending.info
            && result == 0
        {
            self.own_arrivals.insert((self.process_of(tid), sending.signal));
        }
        let answer = self.answer_to_sending(tid, sending, result, target);
        self.compare_answer(tid, &Call::Send(sending), result, answer);
    }

    /// What the model says to a sending.
    fn answer_to_sending(
        &mut self,
        tid: Pid,
        sending: Sending,
        result: i64,
        target: Option<i32>,
    ) -> Answer {
        if !is_permitted(result) {
            return Answer::NotCompared(FOREIGN_FAILURE);
        }
        let asked = match self.addressee(tid, sending, target) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let is_outside = match asked.target {
            Target::Descriptor(_) | Target::Process(-1) => true,
            Target::Process(pid @ ..-1) => {
                let group = self.global(tid, pid.saturating_neg());
                result == 0
                    && group.is_some_and(|group| {
                        !self.ask(|model| model.is_group(group)).unwrap_or(true)
                    })
            }
            Target::Process(pid) | Target::Thread(pid) | Target::ThreadOf(pid, _) => {
                self.is_outside(tid, pid) || result == 0 && self.is_nobodys(tid, pid)
            }
        };
        if is_outside {
            return Answer::NotCompared(OUTSIDE);
        }
        Answer::from(self.ask(|model| model.probe(tid, &asked)))
    }

    /// Whom a sending means, after all that Linux looks at before it looks for them.
    fn addressee(
        &mut self,
        tid: Pid,
        sending: Sending,
        target: Option<i32>,
    ) -> Result<Sending, Answer> {
        const KNOWN: u32 = THREAD | THREAD_GROUP | PROCESS_GROUP;
        const THREAD: u32 = 1;
        const THREAD_GROUP: u32 = 2;
        const PROCESS_GROUP: u32 = 4;
        let Sending { target: Target::Descriptor(_), signal, info, flags, .. } = sending else {
            return match sending.target {
                // It knows neither groups nor everybody.
                Target::Process(..=0) if sending.name.as_str() == "rt_sigqueueinfo" => {
                    Err(Answer::refusal(libc::ESRCH))
                }
                _ => Ok(sending),
            };
        };
        if flags & !KNOWN != 0 || flags.count_ones() > 1 {
            return Err(Answer::refusal(libc::EINVAL));
        }
        // Whom a descriptor means, Linux has said; one that is gone has no number.
        let target = target.ok_or(Answer::NotCompared("the descriptor is no pidfd"))?;
        let target = u32::try_from(target).ok();
        let own = self.lockstep;
        if target.is_none() && self.ask(|model| model.seen_by(tid, own)).flatten().is_none() {
            let reason =
                "whether a process that is gone was in the caller's namespace cannot be seen";
            return Err(Answer::NotCompared(reason));
        }
        let seen = target.and_then(|it| self.ask(|model| model.seen_by(tid, it)).flatten());
        if let (Some(target), None) = (target, seen) {
            let is_known = self.ask(|model| model.is_known(target)).unwrap_or(false);
            return Err(match is_known && !self.is_unfollowed(target) {
                true => Answer::refusal(libc::EINVAL),
                false => Answer::NotCompared(OUTSIDE),
            });
        }
        if let Some(SentInfo::Says { signal: said, .. }) = info
            && said != signal
        {
            return Err(Answer::refusal(libc::EINVAL));
        }
        let number = seen.map_or(GONE, u32::cast_signed);
        let target = match (flags & PROCESS_GROUP, target) {
            (0, _) => Target::Process(number),
            (_, None) => {
                let reason = "the group of a process that is gone has no number that can be seen";
                return Err(Answer::NotCompared(reason));
            }
            (_, Some(group)) if !self.ask(|model| model.is_group(group)).unwrap_or(false) => {
                return Err(Answer::refusal(libc::ESRCH));
            }
            // As a number of a group, 1 means everybody.
            (_, Some(_)) if number == 1 => {
                return Err(Answer::NotCompared("the group has the number of everybody"));
            }
            (_, Some(_)) => Target::Process(-number),
        };
        Ok(Sending { target, ..sending })
    }

    /// Compares a call's result with a number or error of the model.
    pub(super) fn compare_number(
        &mut self,
        tid: Pid,
        call: &Call,
        linux: i64,
        question: impl FnOnce(&mut Model) -> Result<Pid, Refusal>,
    ) {
        let answer = Answer::from(self.ask(question));
        self.compare_answer(tid, call, linux, answer);
    }

    fn compare_answer(&mut self, tid: Pid, call: &Call, linux: i64, answer: Answer) {
        let model = match answer {
            Answer::Unasked => return,
            Answer::NotCompared(reason) => return self.comparison.skip(reason),
            Answer::Number(Ok(number)) => i64::from(number),
            Answer::Number(Err(Refusal::Errno(errno))) => -i64::from(errno),
            Answer::Number(Err(refusal @ Refusal::Unknown(_))) => {
                let question = format!("{} {call}", self.history.label(tid));
                return self.diverge(&question, &words::result(linux), &refusal.to_string());
            }
        };
        if linux != model && is_foreign_error(linux) {
            return self.comparison.skip(FOREIGN_FAILURE);
        }
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

    /// Compares the relations of a process with what `/proc` says.
    pub(super) fn check_relations(&mut self, pid: Pid) {
        let is_gone = !self.is_unfollowed(pid)
            && !self.exemptions.contains_key(&pid)
            && !self.is_closing()
            && self.ask(|model| model.relations(pid).is_err()) == Some(true);
        let stat = if is_gone { self.view.lasting_stat(pid) } else { self.view.stat(pid) };
        self.check_relations_in(pid, stat);
    }

    /// The same, for what `/proc` has just said; `None` if there was nothing.
    pub(super) fn check_relations_in(&mut self, pid: Pid, stat: Option<Stat>) {
        self.comparison.concern(pid);
        let is_exempt = self.exemptions.contains_key(&pid);
        let Some(stat) = stat else {
            return;
        };
        self.history.relate(pid, stat.parent, stat.group, stat.session);
        if is_exempt {
            return;
        }
        self.notice_terminal(pid, stat.terminal);
        let is_about_unfollowed = [stat.parent, stat.group, stat.session]
            .iter()
            .any(|&number| self.is_unfollowed(number));
        if is_about_unfollowed {
            return self.comparison.skip(UNFOLLOWED);
        }
        let model = match self.ask(|model| model.relations(pid)) {
            Some(Ok(relations)) => relations,
            // What is left in a namespace that ends, the kernel reaps in its own time.
            Some(Err(_)) if self.is_closing() => return,
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
        self.compare_terminal(&label, &stat, &model);
        self.drop_model_if_lost();
    }

    /// Compares the number that a fork returns with that of the child.
    pub(super) fn compare_fork_result(&mut self, tid: Pid, fork: &Fork, child: Pid, result: i64) {
        self.log(tid, &Call::Fork(*fork), result, None);
        if self.exemption(tid).is_some() {
            return;
        }
        // A child that has already been reaped has no number any more.
        let Some(number) = self.ask(|model| model.seen_by(tid, child)).flatten() else {
            return;
        };
        let question = || format!("{tid} {fork}");
        let show = |value: &i64| words::result(*value);
        self.comparison.compare(fork.name.as_str(), result, i64::from(number), question, show);
    }

    fn skip_fork_result(&mut self, fork: &Fork, result: i64) {
        if result < 0 {
            let reason = format!("{} failed with {}", fork.name, words::result(result));
            self.comparison.skip(&reason);
        } else {
            // In a namespace inside, its number is not lockstep's.
            self.unfollowed.extend(Pid::try_from(result));
            self.comparison.note_altered(Alteration::Untraced.in_words());
        }
    }

    /// The thread was killed in the middle of a call: finds out whether the call took effect.
    pub(super) fn judge_cut(&mut self, tid: Pid, call: Call, target: Option<i32>) {
        match call {
            Call::Wait(wait) => self.reconcile_wait(tid, wait, target),
            Call::SetPgid { .. } | Call::SetSid => self.reconcile_relations(tid, call),
            Call::SetChildSignal { .. } => self.doubt_child_signal(tid),
            Call::Reboot { command: Some(command) } if self.exemption(tid).is_none() => {
                if let Some(Some(init)) = self.ask(|model| model.reboot(tid, command)) {
                    self.own_ends.insert(init, REBOOTED);
                    self.comparison.agree("reboot");
                }
            }
            _ => {}
        }
    }

    /// A setpgid was cut short: asks `/proc` whether it happened.
    fn reconcile_relations(&mut self, tid: Pid, call: Call) {
        let own = self.process_of(tid);
        let target = match call {
            Call::SetPgid { pid, .. } if pid > 0 => self.global(tid, pid).unwrap_or(own),
            _ => own,
        };
        let linux = self.view.stat(target).map(|stat| (stat.group, stat.session));
        let model = self.ask(|model| model.relations(target).ok()).flatten();
        let model = model.map(|relations| (relations.group, relations.session));
        // What the model refuses was not what has happened.
        if linux.is_some() && linux != model {
            let _ = self.ask(|model| match call {
                Call::SetPgid { pid, pgid } => model.setpgid(tid, pid, pgid).map(drop),
                _ => model.setsid(tid).map(drop),
            });
        }
        self.refresh_sleepers(Cause::Regrouping);
    }

    /// The process that a thread means by a number.
    fn global(&mut self, tid: Pid, number: i32) -> Option<Pid> {
        let number = u32::try_from(number).ok().filter(|&number| number > 0)?;
        self.ask(|model| model.global(tid, number)).flatten()
    }

    /// Whether nobody that was followed has had the number. Whoever has, was outside, and is gone.
    fn is_nobodys(&mut self, tid: Pid, pid: i32) -> bool {
        self.global(tid, pid).is_some_and(|pid| {
            !self.threads.contains_key(&pid)
                && !self.ask(|model| model.is_known(pid)).unwrap_or(true)
                && !self.history.has_had(pid)
        })
    }

    /// Whether the number names a process that is not the program's.
    fn is_outside(&mut self, tid: Pid, pid: i32) -> bool {
        let Some(pid) = self.global(tid, pid) else {
            return pid > 0 && self.is_unfollowed(pid.cast_unsigned());
        };
        self.is_unfollowed(pid)
            || (!self.ask(|model| model.is_known(pid)).unwrap_or(true)
                && self.view.stat(pid).is_some())
    }
}

const REBOOTED: &str =
    "SIGCHLD says of an init whose namespace was rebooted how its own thread ended";
const OUTSIDE: &str = "the call is about a process outside the program";
pub(super) const UNFOLLOWED: &str = "the answer is about a process that is not followed";
const FOREIGN_FAILURE: &str = "the call failed for reasons that are not the model's";
/// No process ever has the highest number: it stands for one that is gone.
pub(super) const GONE: i32 = i32::MAX;

/// What the model says to a question.
enum Answer {
    /// A number, or why there is none.
    Number(Result<Pid, Refusal>),
    /// It is not compared, for this reason.
    NotCompared(&'static str),
    /// The model is no longer asked.
    Unasked,
}

impl Answer {
    const fn refusal(errno: i32) -> Self {
        Self::Number(Err(Refusal::Errno(errno)))
    }
}

impl From<Option<Result<Pid, Refusal>>> for Answer {
    fn from(answer: Option<Result<Pid, Refusal>>) -> Self {
        answer.map_or(Self::Unasked, Self::Number)
    }
}

/// Permissions and limits are not the model's.
fn is_permitted(result: i64) -> bool {
    result != -i64::from(libc::EPERM)
        && result != -i64::from(libc::EAGAIN)
        && !is_foreign_error(result)
}

/// Errors of which the model knows nothing, whatever the call: memory, descriptors, addresses, what stands behind a structure, limits, filters and security modules.
pub(super) fn is_foreign_error(result: i64) -> bool {
    const FOREIGN: [i32; 11] = [
        libc::ENOMEM,
        libc::EBADF,
        libc::EFAULT,
        libc::E2BIG,
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOSPC,
        libc::EUSERS,
        libc::ENOSYS,
        libc::EOPNOTSUPP,
        libc::ENODEV,
    ];
    FOREIGN.iter().any(|&errno| result == -i64::from(errno))
}
