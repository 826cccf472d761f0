//! What a stop means, and what is done at once. Whatever touches relations is queued.

use std::time::Instant;

use libc::c_int;

use super::news::{News, NewsKind};
use super::tracee::{Activity, Answered};
use super::{Flight, Tracer, Turn, filter};
use crate::ledger::Fact;
use crate::operation::Call;
use crate::sys::{self, Pid, SyscallStop};

/// The stop at the return of a call, with PTRACE_O_TRACESYSGOOD.
const SYSCALL_STOP: c_int = libc::SIGTRAP | 0x80;
/// Calls above this number belong to the x32 convention.
const X32_CALLS: u64 = 0x4000_0000;
/// Results from here down to `ERESTART_LAST` mean: interrupted, the kernel may restart the call.
const ERESTART_FIRST: i64 = -512;
const ERESTART_LAST: i64 = -516;

impl Tracer<'_> {
    /// Handles one stop of a followed thread.
    pub(super) fn on_stop(&mut self, tid: Pid, code: c_int) {
        let event = code >> 8;
        if event == libc::PTRACE_EVENT_EXEC && self.processes.contains_key(&tid) {
            let former = sys::event_message(tid).unwrap_or(u64::from(tid));
            self.execs.push_back((tid, former as Pid));
            return;
        }
        if !self.tracees.contains_key(&tid) {
            self.newborns.insert(tid, code);
            return;
        }
        match event {
            0 if code == SYSCALL_STOP => self.on_syscall_exit(tid),
            0 => self.on_signal(tid, code),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                self.on_fork(tid);
            }
            libc::PTRACE_EVENT_SECCOMP => self.on_syscall_entry(tid),
            libc::PTRACE_EVENT_EXIT => self.on_exit_event(tid),
            libc::PTRACE_EVENT_STOP => self.on_group_stop(tid, code & 0x7f),
            _ => self.resume(tid, 0),
        }
    }

    fn on_syscall_entry(&mut self, tid: Pid) {
        let Ok(SyscallStop::Seccomp { arch, number, arguments }) = sys::syscall_stop(tid) else {
            self.resume(tid, 0);
            return;
        };
        if arch != filter::NATIVE_ARCH || (cfg!(target_arch = "x86_64") && number >= X32_CALLS) {
            self.ledger.note(Fact::Foreign { tid });
            self.resume(tid, 0);
            return;
        }
        let call = Call::decode(tid, number, arguments);
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        tracee.is_executing = call == Call::Exec;
        tracee.activity = Activity::Running;
        match call {
            Call::Exec | Call::SetChildSignal { action: None } => self.resume(tid, 0),
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
        let call = match tracee.activity {
            Activity::Calling(call) => call,
            Activity::Waiting(wait) => Call::Wait(wait),
            Activity::Forking { fork, child } => {
                tracee.activity = Activity::Running;
                self.ledger.note(Fact::Forked { tid, fork, child, result });
                return self.resume(tid, 0);
            }
            _ => return self.resume(tid, 0),
        };
        // A terminal's call that starts again has done something: it has sent a signal.
        if is_interrupted(result) && !matches!(call, Call::Terminal(_)) {
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
        match (sys::arrival(tid), self.tracees.get_mut(&tid)) {
            (Some(arrival), Some(tracee)) => {
                tracee.activity = Activity::Taking { arrival, signal, since: Instant::now() };
                self.taking.push(tid);
            }
            _ => self.resume(tid, signal),
        }
    }

    fn on_exit_event(&mut self, tid: Pid) {
        let status = sys::event_message(tid).unwrap_or(0) as c_int;
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        tracee.is_executing = false;
        tracee.stop_signal = None;
        let activity = std::mem::replace(&mut tracee.activity, Activity::Exiting);
        self.answered.retain(|&held| held != tid);
        self.taking.retain(|&held| held != tid);
        self.queue.retain(|turn| turn.tid() != tid);
        self.reconcile(tid, activity);
        self.free_slot_of(tid);
        let tgid = self.tracees[&tid].tgid;
        if self.is_group_exit(tid, tgid, status) {
            self.news.push_back(News::new(tgid, NewsKind::GroupExit { status }));
        }
        self.queue.push_back(Turn::Exit { tid, status });
    }

    /// The thread was killed in the middle of a call: finds out whether the call took effect.
    fn reconcile(&mut self, tid: Pid, activity: Activity) {
        let call = match activity {
            Activity::Calling(call) | Activity::Answered(Answered { call, .. }) => call,
            Activity::Waiting(wait) => Call::Wait(wait),
            _ => return,
        };
        let target = self.target(tid, &call);
        self.ledger.note(Fact::Cut { tid, call, target });
    }

    /// Gives the slot to a call of this thread.
    pub(super) fn take_slot(&mut self, tid: Pid) {
        self.slot = Some(Flight::Call { tid, since: Instant::now() });
    }
}

fn is_interrupted(result: i64) -> bool {
    (ERESTART_LAST..=ERESTART_FIRST).contains(&result) || result == -i64::from(libc::EINTR)
}
