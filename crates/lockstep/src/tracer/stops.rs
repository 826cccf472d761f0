//! What a stop means, and what is done at once. Whatever touches relations is queued.

use std::time::Instant;

use libc::c_int;

use super::exits::ExitStop;
use super::news::{News, NewsKind};
use super::tracee::{Activity, Answered};
use super::{Flight, Tracer, Turn, filter};
use crate::ledger::Fact;
use crate::operation::{Alteration, Call};
use crate::procfs;
use crate::sys::{self, Pid, SyscallStop};

/// The stop at the return of a call, with PTRACE_O_TRACESYSGOOD.
pub(super) const SYSCALL_STOP: c_int = libc::SIGTRAP | 0x80;
/// Calls above this number belong to the x32 convention.
const X32_CALLS: u64 = 0x4000_0000;
/// Results from here down to `ERESTART_LAST` mean: interrupted, the kernel may restart the call.
const ERESTART_FIRST: i64 = -512;
const ERESTART_LAST: i64 = -516;
/// What stands for the result until there is one.
const NOT_BEGUN: i64 = -(libc::ENOSYS as i64);

impl Tracer<'_> {
    /// Handles one stop of a followed thread.
    pub(super) fn on_stop(&mut self, tid: Pid, code: c_int) {
        let event = code >> 8;
        if event == libc::PTRACE_EVENT_EXEC && self.processes.contains_key(&tid) {
            let former = sys::event_message(tid, event).map(|former| former as Pid);
            let former = former.or_else(|| self.executing_thread(tid)).unwrap_or(tid);
            self.execs.push_back((tid, former));
            return;
        }
        if !self.tracees.contains_key(&tid) {
            self.newborns.insert(tid, code);
            return;
        }
        if event == libc::PTRACE_EVENT_STOP
            && let Some(masked) = self.tracees.get_mut(&tid).and_then(|it| it.masked.take())
        {
            masked.undo(tid);
        }
        match event {
            0 if code == SYSCALL_STOP => self.on_syscall_exit(tid),
            0 => self.on_signal(tid, code),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                self.on_fork(tid, event);
            }
            libc::PTRACE_EVENT_SECCOMP => self.on_syscall_entry(tid),
            libc::PTRACE_EVENT_EXIT => self.on_exit_event(tid),
            libc::PTRACE_EVENT_STOP => self.on_group_stop(tid, code & 0x7f),
            _ => self.resume(tid, 0),
        }
    }

    fn on_syscall_entry(&mut self, tid: Pid) {
        let Ok(SyscallStop::Seccomp { arch, number, arguments, data }) = sys::syscall_stop(tid)
        else {
            self.resume(tid, 0);
            return;
        };
        if data != filter::MARK {
            // A filter of the program's own leaves the call to a tracer; where there is none, that is ENOSYS.
            if sys::refuse_call(tid).is_err() {
                self.ledger.note(Fact::Altered { tid, how: Alteration::LeftToTracer });
            }
            return self.resume(tid, 0);
        }
        if arch != filter::NATIVE_ARCH || (cfg!(target_arch = "x86_64") && number >= X32_CALLS) {
            self.has_namespaces = true;
            self.ledger.note(Fact::Foreign { tid });
            self.resume(tid, 0);
            return;
        }
        let call = Call::decode(tid, number, arguments);
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        self.has_namespaces |= match call {
            Call::Unshare { .. } | Call::SetNs { .. } => true,
            Call::Filter { is_supervised, .. } => is_supervised,
            Call::Fork(fork) => fork.has(libc::CLONE_NEWPID),
            _ => false,
        };
        tracee.credentials = None;
        tracee.is_executing = call == Call::Exec;
        tracee.activity = Activity::Running;
        match call {
            Call::Exec => {
                self.keep_credentials(tid);
                self.resume(tid, 0);
            }
            Call::SetChildSignal { action: None } => self.resume(tid, 0),
            Call::Credentials { .. } => {
                if self.keep_credentials(tid) {
                    self.resume_to_exit(tid);
                } else {
                    self.resume(tid, 0);
                }
            }
            Call::Filter { how, is_supervised, .. } => {
                if let Some(how) = how.filter(|&how| self.is_alteration(how)) {
                    self.ledger.note(Fact::Altered { tid, how });
                }
                if is_supervised {
                    self.supervise(tid);
                } else {
                    self.resume(tid, 0);
                }
            }
            Call::Unmodelled { name } => {
                self.ledger.note(Fact::Unmodelled { name });
                self.resume(tid, 0);
            }
            _ => {
                tracee.activity = Activity::Queued;
                self.queue.push_back(Turn::Call { tid, call });
            }
        }
    }

    fn on_syscall_exit(&mut self, tid: Pid) {
        let result = match sys::syscall_stop(tid) {
            Ok(SyscallStop::Exit { result }) => result,
            _ => return self.resume(tid, 0),
        };
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        if let Some(masked) = tracee.masked.take() {
            masked.undo(tid);
        }
        if let Some(before) = tracee.credentials.take() {
            let after = procfs::credentials(tid);
            if after.is_some_and(|after| before.is_forgotten_with(after)) {
                self.ledger.note(Fact::Credentials { tid });
            }
            return self.resume(tid, 0);
        }
        let call = match tracee.activity {
            Activity::Calling(call) => call,
            Activity::Waiting(wait) => Call::Wait(wait),
            Activity::Forking { fork, child } => {
                tracee.activity = Activity::Running;
                let tgid = tracee.tgid;
                self.ledger.note(Fact::Forked { tid, fork, child, result });
                if fork.has(libc::CLONE_VFORK) && self.is_killed_in_vfork(tid, tgid) {
                    self.ledger.note(Fact::Altered { tid, how: Alteration::VforkSignal });
                }
                return self.resume(tid, 0);
            }
            Activity::BeingSupervised => {
                tracee.activity = Activity::Running;
                if result >= 0 {
                    self.ledger.note(Fact::Supervised { tid });
                }
                return self.resume(tid, 0);
            }
            _ => return self.resume(tid, 0),
        };
        if is_interrupted(&call, result) {
            tracee.activity = Activity::Running;
            if matches!(call, Call::Wait(_)) {
                self.ledger.note(Fact::Interrupted { tid });
            }
            self.free_slot_of(tid);
            return self.resume(tid, 0);
        }
        let since = Instant::now();
        tracee.activity = Activity::Answered(Answered { call, result, since });
        self.answered.push(tid);
    }

    /// A thread is about to take a signal.
    fn on_signal(&mut self, tid: Pid, signal: c_int) {
        let (Some(incoming), Some(tracee)) = (sys::incoming(tid), self.tracees.get_mut(&tid))
        else {
            return self.resume(tid, signal);
        };
        tracee.last_signal = signal;
        let tgid = tracee.tgid;
        self.undo_interruption(tid, signal);
        let Some(tracee) = self.tracees.get_mut(&tid) else { return };
        if let Some(arrival) = incoming.arrival {
            tracee.activity = Activity::Taking { arrival, signal, since: Instant::now() };
            self.taking.push(tid);
            return;
        }
        if incoming.is_fault
            && self.processes.get(&tgid).is_some_and(|process| process.is_init)
            && !procfs::is_caught(tid, signal)
        {
            // Linux keeps the init of a namespace, while it is traced, from dying by its own fault: it would meet it for ever.
            self.ledger.note(Fact::Altered { tid, how: Alteration::InitFault });
            let _ = sys::kill(tgid, libc::SIGKILL);
            return;
        }
        self.resume(tid, signal);
    }

    /// Remembers the credentials of a thread that is about to change them, if somebody will want to know. False if not.
    fn keep_credentials(&mut self, tid: Pid) -> bool {
        if !self.ledger.has_death_signal(tid) {
            return false;
        }
        let credentials = procfs::credentials(tid);
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            tracee.credentials = credentials;
        }
        credentials.is_some()
    }

    /// A thread gives its system calls into another process's hands, if Linux lets it.
    fn supervise(&mut self, tid: Pid) {
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            tracee.activity = Activity::BeingSupervised;
        }
        self.resume_to_exit(tid);
    }

    /// Whether it would be otherwise if nobody followed.
    fn is_alteration(&self, how: Alteration) -> bool {
        match how {
            Alteration::StrictMode | Alteration::AskedFilter => !self.setting.has_filter,
            Alteration::AskedPrivileges | Alteration::SetUid => self.setting.takes_privileges,
            _ => true,
        }
    }

    /// Whether a signal waits for a thread that would have ended it while it slept in vfork.
    fn is_killed_in_vfork(&self, tid: Pid, tgid: Pid) -> bool {
        self.processes.get(&tgid).is_some_and(|process| !process.is_init)
            && sys::is_signal_pending(tid)
            && procfs::is_fatal_signal_pending(tid)
    }

    /// One that has been killed and gone on is found when its death can be collected.
    fn on_exit_event(&mut self, tid: Pid) {
        if let Some(status) = sys::event_message(tid, libc::PTRACE_EVENT_EXIT) {
            self.begin_exit(tid, status as c_int, ExitStop::Taken);
        }
    }

    /// A thread of a process that is in execve, as far as is known.
    pub(super) fn executing_thread(&self, pid: Pid) -> Option<Pid> {
        let process = self.processes.get(&pid)?;
        process.threads.iter().copied().find(|tid| self.tracees[tid].is_executing)
    }

    /// Whether the parent of a process is in execve, as far as is known.
    pub(super) fn is_parent_executing(&mut self, pid: Pid) -> bool {
        let parent = self.ledger.parent_of(pid);
        parent.is_some_and(|it| self.executing_thread(it).is_some())
    }

    /// The end of a thread has begun.
    pub(super) fn begin_exit(&mut self, tid: Pid, status: c_int, stop: ExitStop) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        tracee.is_executing = false;
        tracee.stop_signal = None;
        let activity = std::mem::replace(&mut tracee.activity, Activity::Exiting);
        self.answered.retain(|&held| held != tid);
        self.taking.retain(|&held| held != tid);
        self.queue.retain(|turn| turn.tid() != tid);
        if let Activity::Calling(Call::Fork(fork)) = activity {
            self.find_born(tid, &fork);
        }
        let tgid = self.tracees[&tid].tgid;
        self.end_what_kills(tgid, status);
        self.reconcile(tid, activity, status, stop);
        self.free_slot_of(tid);
        if self.is_group_exit(tid, tgid, status, stop) {
            let status = self.status_of_group_exit(tgid, status);
            self.news.push_back(News::new(tgid, NewsKind::GroupExit { status }));
        }
        self.queue.push_back(Turn::Exit { tid, status });
    }

    /// The thread was killed in the middle of a call: tells what that has said, if it was done before, or finds out whether it took effect.
    fn reconcile(&mut self, tid: Pid, activity: Activity, status: c_int, stop: ExitStop) {
        let (call, result) = match activity {
            Activity::Answered(Answered { call, result, .. }) => (call, Some(result)),
            Activity::Calling(call) => (call, result_of_killed(tid, stop)),
            Activity::Waiting(wait) => (Call::Wait(wait), result_of_killed(tid, stop)),
            _ => return,
        };
        match result {
            Some(result) if is_undone(&call, result) => {
                if matches!(call, Call::Wait(_)) {
                    self.ledger.note(Fact::Interrupted { tid });
                }
                return;
            }
            Some(result) if is_done(&call, result) => {
                let answered = Answered { call, result, since: Instant::now() };
                if self.is_explained(tid, &answered) {
                    return self.tell_answer(tid, &answered);
                }
            }
            _ => {}
        }
        // A reboot that Linux has carried out ends its caller with code 0.
        if matches!(call, Call::Reboot { .. }) && status != 0 {
            return;
        }
        let target = self.target(tid);
        self.ledger.note(Fact::Cut { tid, call, target });
    }

    /// Gives the slot to a call of this thread.
    pub(super) fn take_slot(&mut self, tid: Pid) {
        self.slot = Some(Flight::Call { tid, since: Instant::now() });
    }
}

/// What the call said in which a thread was killed, if it was done; known only of one that has stopped at its end.
fn result_of_killed(tid: Pid, stop: ExitStop) -> Option<i64> {
    sys::result_of_killed(tid).filter(|_| stop == ExitStop::Taken)
}

/// Whether a call has done nothing, also since its caller was killed before it began. A reboot that is carried out has no result either.
fn is_undone(call: &Call, result: i64) -> bool {
    is_interrupted(call, result) || result == NOT_BEGUN && !matches!(call, Call::Reboot { .. })
}

/// Whether a call has said this. Whom a fork has made is found otherwise.
fn is_done(call: &Call, result: i64) -> bool {
    result != NOT_BEGUN && !matches!(call, Call::Fork(_))
}

/// Whether a call was interrupted and has done nothing. A terminal's call that starts again has sent a signal.
fn is_interrupted(call: &Call, result: i64) -> bool {
    !matches!(call, Call::Terminal(_))
        && ((ERESTART_LAST..=ERESTART_FIRST).contains(&result) || result == -i64::from(libc::EINTR))
}
