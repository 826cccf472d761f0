//! News: what the kernel has done without being asked by a call that has the slot. Group stops and
//! continuations, and the decision that a whole process ends.
//!
//! A group stop is complete when the last living thread has reported it. The threads then *listen*
//! (`PTRACE_LISTEN`): they stay stopped, and report when SIGCONT has ended the stop.

use std::collections::BTreeSet;
use std::time::Instant;

use libc::c_int;

use super::tracee::{Activity, GroupStop};
use super::{Flight, NEWS_DELAY, Tracer};
use crate::ledger::Fact;
use crate::operation::Call;
use crate::procfs;
use crate::sys::{self, Pid};

/// Something that the kernel has done to a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pid: Pid,
    kind: NewsKind,
    since: Instant,
}

/// What the kernel has done.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewsKind {
    /// All threads are stopped, by this signal.
    Stop { signal: c_int },
    /// SIGCONT has ended the stop.
    Continue,
    /// SIGCONT has ended a stop by this signal that not all threads were seen in.
    StopUndone { signal: c_int },
    /// The process ends, with this status word.
    GroupExit { status: c_int },
}

impl News {
    pub(super) fn new(pid: Pid, kind: NewsKind) -> Self {
        Self { pid, kind, since: Instant::now() }
    }

    /// The status word, if it is that this process ends.
    pub(super) const fn end_of(&self, pid: Pid) -> Option<c_int> {
        match self.kind {
            NewsKind::GroupExit { status } if self.pid == pid => Some(status),
            _ => None,
        }
    }
}

impl Tracer<'_> {
    /// A thread is in a group stop, or has left one, or was just born.
    pub(super) fn on_group_stop(&mut self, tid: Pid, signal: c_int) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let tgid = tracee.tgid;
        // Who listens reports again only if SIGCONT has come, also if it is in the next stop by then.
        if let Some(signal) = tracee.stop_signal.take() {
            self.leave_stop(tgid, signal);
        }
        if signal == libc::SIGTRAP {
            return self.resume(tid, 0);
        }
        let _ = sys::listen(tid);
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            tracee.stop_signal = Some(signal);
        }
        self.check_stop_complete(tgid);
    }

    /// SIGCONT has ended a stop by this signal. The others have left it too, if they are not in the next one already.
    fn leave_stop(&mut self, tgid: Pid, signal: c_int) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        let kind = match process.stop {
            GroupStop::None => return,
            GroupStop::Begun => NewsKind::StopUndone { signal },
            GroupStop::Complete => NewsKind::Continue,
        };
        process.stop = GroupStop::None;
        for &tid in &process.threads {
            if let Some(tracee) = self.tracees.get_mut(&tid)
                && tracee.stop_signal.is_some()
            {
                if is_in_stop(tgid, tid) {
                    process.stop = GroupStop::Begun;
                } else {
                    tracee.stop_signal = None;
                }
            }
        }
        self.news.push_back(News::new(tgid, kind));
    }

    /// Notes a stop that has become complete.
    pub(super) fn check_stop_complete(&mut self, tgid: Pid) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        let signals: Vec<_> = process
            .threads
            .iter()
            .map(|tid| self.tracees.get(tid).and_then(|tracee| tracee.stop_signal))
            .collect();
        let Some(&signal) = signals.iter().flatten().next() else {
            return;
        };
        if process.stop == GroupStop::None {
            process.stop = GroupStop::Begun;
        }
        // The last one may be in the next stop, and others have left the one in which they were seen, and not told of that yet.
        let are_others_there = |threads: &BTreeSet<Pid>| {
            threads.len() == 1 || threads.iter().all(|&tid| is_in_stop(tgid, tid))
        };
        if process.stop == GroupStop::Begun
            && signals.iter().all(Option::is_some)
            && are_others_there(&process.threads)
        {
            process.stop = GroupStop::Complete;
            self.news.push_back(News::new(tgid, NewsKind::Stop { signal }));
        }
    }

    /// Tells the model the next news, if no wait or fork in flight could have been done before them.
    pub(super) fn apply_news(&mut self) -> bool {
        let Some(&news) = self.news.front() else {
            return false;
        };
        if let Some(Flight::Call { tid, .. }) = &self.slot
            && let Some(tracee) = self.tracees.get(tid)
            && matches!(tracee.activity, Activity::Calling(Call::Wait(_) | Call::Fork(_)))
        {
            return false;
        }
        if self.ledger.is_anyone_due()
            && !self.is_anyone_held()
            && news.since.elapsed() < NEWS_DELAY
        {
            return false;
        }
        self.news.pop_front();
        let News { pid, kind, .. } = news;
        let fact = match kind {
            NewsKind::Stop { signal } => {
                Fact::Stopped { pid, signal, is_parent_executing: self.is_parent_executing(pid) }
            }
            NewsKind::Continue => {
                Fact::Continued { pid, is_parent_executing: self.is_parent_executing(pid) }
            }
            NewsKind::StopUndone { signal } => Fact::StopUndone { pid, signal },
            NewsKind::GroupExit { status } => Fact::Doomed { pid, status },
        };
        self.ledger.note(fact);
        if let NewsKind::Stop { .. } = kind {
            self.stop_with_the_job();
        }
        true
    }

    /// The whole job that lockstep belongs to is stopped: stops itself, so that
    /// the user's shell gets the terminal back.
    fn stop_with_the_job(&mut self) {
        if !sys::is_terminal(&std::io::stdin()) {
            return;
        }
        let mut members = self.processes.iter().filter(|(pid, _)| {
            procfs::stat(**pid).is_some_and(|stat| stat.group == self.own_group)
        });
        let is_member = |pid: Pid| procfs::stat(pid).is_some_and(|s| s.group == self.own_group);
        if is_member(self.root) && members.all(|(_, process)| process.stop == GroupStop::Complete) {
            sys::stop_self();
            // The shell's SIGCONT goes to the whole job. If it came to lockstep alone, pass it on.
            let root = self.root;
            let still_stopped = |tracer: &Self| {
                tracer.processes.get(&root).is_some_and(|p| p.stop == GroupStop::Complete)
            };
            for _ in 0..20 {
                while let Some(stop) = sys::next_stop() {
                    self.on_stop(stop.tid, stop.code);
                }
                if !still_stopped(self) {
                    return;
                }
                self.desk.next(std::time::Duration::from_millis(5));
            }
            let _ = sys::kill(root, libc::SIGCONT);
        }
    }
}

/// Whether a thread that listens is still in the stop that it has reported: SIGCONT wakes it, and then it runs, or has a new report.
fn is_in_stop(tgid: Pid, tid: Pid) -> bool {
    procfs::thread_stat(tgid, tid).is_some_and(|stat| stat.state == b't') && !sys::has_stopped(tid)
}
