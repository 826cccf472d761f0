//! Group stops and continuations.
//!
//! A group stop is complete when the last living thread has reported it. The threads then *listen*
//! (`PTRACE_LISTEN`): they stay stopped, and report when SIGCONT has ended the stop.

use std::time::Instant;

use libc::c_int;

use super::tracee::{Activity, GroupStop};
use super::{Flight, NEWS_DELAY, Tracer};
use crate::operation::Call;
use crate::procfs;
use crate::sys::{self, Pid};
use crate::words;

/// A stop or continuation that the kernel has completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobNews {
    pid: Pid,
    /// The stop signal; none for a continuation.
    stop: Option<c_int>,
    since: Instant,
}

impl Tracer<'_> {
    /// A thread is in a group stop, or has left one, or was just born.
    pub(super) fn on_group_stop(&mut self, tid: Pid, signal: c_int) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let tgid = tracee.tgid;
        if signal != libc::SIGTRAP {
            tracee.stop_signal = Some(signal);
            let _ = sys::listen(tid);
            self.check_stop_complete(tgid);
            return;
        }
        if tracee.stop_signal.take().is_some()
            && let Some(process) = self.processes.get_mut(&tgid)
            && process.stop != GroupStop::None
        {
            process.stop = GroupStop::None;
            self.jobs.push_back(JobNews {
                pid: tgid,
                stop: None,
                since: Instant::now(),
            });
        }
        self.resume(tid, 0);
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
        if process.stop == GroupStop::Begun && signals.iter().all(Option::is_some) {
            process.stop = GroupStop::Complete;
            let stop = Some(signal);
            self.jobs.push_back(JobNews {
                pid: tgid,
                stop,
                since: Instant::now(),
            });
        }
    }

    /// Tells the model the next news, if no wait in flight could have been answered before them.
    pub(super) fn apply_job_news(&mut self) -> bool {
        let Some(&news) = self.jobs.front() else {
            return false;
        };
        if let Some(Flight::Call { tid, .. }) = &self.slot
            && let Some(tracee) = self.tracees.get(tid)
            && matches!(tracee.activity, Activity::Calling(Call::Wait(_)))
        {
            return false;
        }
        if self.is_anyone_due() && !self.is_answer_held() && news.since.elapsed() < NEWS_DELAY {
            return false;
        }
        self.jobs.pop_front();
        let JobNews { pid, stop, .. } = news;
        let label = self.history.label(pid);
        match stop {
            Some(signal) => {
                self.comparison
                    .log(format!("{label} is stopped by {}", words::signal(signal)));
                self.history.stopped(pid, signal);
            }
            None => {
                self.comparison.log(format!("{label} is continued"));
                self.history.continued(pid);
            }
        }
        if self.is_modelled(pid) && self.processes.contains_key(&pid) {
            self.drive(pid, &"job control", |model| match stop {
                Some(signal) => model.group_stopped(pid, signal),
                None => model.group_continued(pid),
            });
        }
        self.refresh_waiters(true);
        if let Some(signal) = stop {
            self.stop_with_the_job(signal);
        }
        true
    }

    /// The terminal has stopped the whole job that lockstep belongs to: stops itself, so that
    /// the user's shell gets the terminal back.
    fn stop_with_the_job(&mut self, signal: c_int) {
        let is_terminal_signal = matches!(signal, libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU);
        if !is_terminal_signal || !sys::is_terminal(&std::io::stdin()) {
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
                tracer
                    .processes
                    .get(&root)
                    .is_some_and(|p| p.stop == GroupStop::Complete)
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
