//! What a parent learns: wait4 and waitid.

use axprocess::{Errno, WaitStatus};

use super::{Hook, PidKey, ProcessKey, SIGCHLD, ThreadKey, World};

const WNOHANG: i32 = 1;
const WSTOPPED: i32 = 2;
const WEXITED: i32 = 4;
const WCONTINUED: i32 = 8;
const WNOWAIT: i32 = 0x0100_0000;
const WNOTHREAD: i32 = 0x2000_0000;
const WALL: i32 = 0x4000_0000;
const WCLONE: i32 = i32::MIN;

/// Whose events are waited for. A group is the one that it was when the call began.
#[derive(Clone, Copy, Debug)]
enum Who {
    Any,
    Process(ProcessKey),
    /// The tracee that leads no process and has this number, which it gives up in exec.
    Thread(PidKey),
    Group(PidKey),
}

/// Who may have something to report.
#[derive(Clone, Copy, Debug)]
enum Candidate {
    Child(ProcessKey),
    Tracee(ThreadKey),
}

/// A wait that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    who: Who,
    options: i32,
}

impl World {
    /// `None`: there are candidates, but none has anything to report.
    pub(crate) fn wait4(
        &mut self,
        caller: ThreadKey,
        pid: i32,
        options: i32,
    ) -> Result<Option<(u32, WaitStatus)>, Errno> {
        let wait = self.begin_wait4(caller, pid, options)?;
        self.look(caller, wait)
    }

    /// R-WAIT-01, R-WAIT-03, R-WAIT-04.
    pub(crate) fn begin_wait4(
        &self,
        caller: ThreadKey,
        pid: i32,
        options: i32,
    ) -> Result<Wait, Errno> {
        let known = WNOHANG | WSTOPPED | WCONTINUED | WNOTHREAD | WALL | WCLONE;
        if options & !known != 0 {
            return Err(Errno::EINVAL);
        }
        let process = self.process_of(caller);
        let who = match pid {
            i32::MIN => return Err(Errno::ESRCH),
            -1 => Some(Who::Any),
            0 => Some(Who::Group(self[process].group)),
            group if group < 0 => self.find_group(process, -group).map(Who::Group),
            _ => self.find_one(process, pid),
        };
        Ok(Wait { who: who.ok_or(Errno::ECHILD)?, options: options | WEXITED })
    }

    /// R-WAIT-02, R-WAIT-04. Kinds: 0 any, 1 a process, 2 a group.
    pub(crate) fn waitid(
        &mut self,
        caller: ThreadKey,
        kind: i32,
        id: i32,
        options: i32,
    ) -> Result<Option<(u32, WaitStatus)>, Errno> {
        let events = WEXITED | WSTOPPED | WCONTINUED;
        let known = WNOHANG | WNOWAIT | events | WNOTHREAD | WALL | WCLONE;
        if options & !known != 0 || options & events == 0 {
            return Err(Errno::EINVAL);
        }
        let process = self.process_of(caller);
        let who = match (kind, id) {
            (0, _) => Some(Who::Any),
            (1, 1..) => self.find_one(process, id),
            (2, 0) => Some(Who::Group(self[process].group)),
            (2, 1..) => self.find_group(process, id).map(Who::Group),
            _ => return Err(Errno::EINVAL),
        };
        self.look(caller, Wait { who: who.ok_or(Errno::ECHILD)?, options })
    }

    /// Looks once. Who finds nothing sleeps, until it is woken or calls again.
    pub(crate) fn look(
        &mut self,
        caller: ThreadKey,
        wait: Wait,
    ) -> Result<Option<(u32, WaitStatus)>, Errno> {
        let Wait { who, options } = wait;
        let mut candidates = self.candidates_in_order(caller, options);
        candidates.retain(|it| self.is_kind(it, options) && self.is_candidate_meant(it, &who));
        // R-WAIT-14: the first in the list, not the first event.
        for &candidate in &candidates {
            if let Some(status) = self.report_of(candidate, options) {
                let pid = self.number_of(candidate, self.process_of(caller));
                if options & WNOWAIT == 0 {
                    self.consume(candidate, status);
                }
                return Ok(Some((pid, status)));
            }
        }
        candidates.retain(|&it| self.may_report_yet(it, options));
        if candidates.is_empty() {
            return Err(Errno::ECHILD);
        }
        if options & WNOWAIT == 0 {
            self.sleepers.insert(caller, wait);
        }
        Ok(None)
    }

    /// Forgets the calls of threads that have exited.
    pub(crate) fn keep_sleepers(&mut self, living: &[ThreadKey]) {
        self.sleepers.retain(|thread, _| living.contains(thread));
    }

    /// The waiters of the parent to whom this child matters. R-WAIT-09, R-NOTIFY-10.
    pub(super) fn wake(&mut self, child: ProcessKey) {
        let Some(thread) = self[child].parent else { return };
        let parent = self.process_of(thread);
        let waiters = self.living_threads_of(parent);
        if waiters.is_empty() {
            return;
        }
        let tracer = self.leader(child).and_then(|leader| self.tracer(leader));
        let own = tracer.unwrap_or(thread);
        let is_woken = |waiter: &ThreadKey| {
            self.sleepers.get(waiter).is_some_and(|wait| {
                let is_own = wait.options & WNOTHREAD == 0 || own == *waiter;
                is_own && self.is_meant(child, &wait.who)
            })
        };
        let woken = waiters.into_iter().filter(is_woken).collect();
        self.hooks.push(Hook::Wake { parent, woken });
    }

    /// The waiters of the tracer to whom this tracee matters. R-WAIT-09.
    pub(super) fn wake_tracer(&mut self, tracee: ThreadKey) {
        let Some(tracer) = self.tracer(tracee) else { return };
        let parent = self.process_of(tracer);
        let waiters = self.living_threads_of(parent);
        if waiters.is_empty() {
            return;
        }
        let is_woken = |waiter: &ThreadKey| {
            self.sleepers.get(waiter).is_some_and(|wait| {
                let is_own = wait.options & WNOTHREAD == 0 || tracer == *waiter;
                is_own && self.is_candidate_meant(&Candidate::Tracee(tracee), &wait.who)
            })
        };
        let woken = waiters.into_iter().filter(is_woken).collect();
        self.hooks.push(Hook::Wake { parent, woken });
    }

    /// R-WAIT-07: the number of a thread that leads nobody is good for its tracer alone.
    fn find_one(&self, caller: ProcessKey, number: i32) -> Option<Who> {
        let thread = self.find_thread(caller, number)?;
        let process = self.find_process(caller, number).map(Who::Process);
        process.or_else(|| self.is_traced(thread).then_some(Who::Thread(self[thread].pid)))
    }

    /// R-WAIT-05, R-WAIT-15, R-PTRACE-03: the calling thread's children first, behind them its tracees, then those of the threads behind it, then from the first on.
    fn candidates_in_order(&self, caller: ThreadKey, options: i32) -> Vec<Candidate> {
        let mut threads = self.threads_of(self.process_of(caller));
        while threads.first() != Some(&caller) {
            threads.rotate_left(1);
        }
        if options & WNOTHREAD != 0 {
            threads.truncate(1);
        }
        let of_thread = |thread| {
            let children = self.children_of_thread(thread).into_iter().map(Candidate::Child);
            children.chain(self.tracees(thread).into_iter().map(Candidate::Tracee))
        };
        threads.into_iter().flat_map(of_thread).collect()
    }

    /// R-WAIT-06: tracees are of every kind.
    fn is_kind(&self, candidate: &Candidate, options: i32) -> bool {
        let Candidate::Child(child) = *candidate else { return true };
        let is_clone = self[child].exit_signal != SIGCHLD;
        options & WALL != 0 || is_clone == (options & WCLONE != 0)
    }

    fn is_candidate_meant(&self, candidate: &Candidate, who: &Who) -> bool {
        match (*candidate, *who) {
            (Candidate::Child(child), _) => self.is_meant(child, who),
            (Candidate::Tracee(tracee), Who::Thread(number)) => self[tracee].pid == number,
            (Candidate::Tracee(tracee), Who::Process(process)) => {
                self.leader(process) == Some(tracee)
            }
            (Candidate::Tracee(tracee), _) => self.is_meant(self.process_of(tracee), who),
        }
    }

    fn number_of(&self, candidate: Candidate, viewer: ProcessKey) -> u32 {
        match candidate {
            Candidate::Child(child) => self.number_seen_by(child, viewer),
            Candidate::Tracee(tracee) => self.tid_seen_by(tracee, viewer),
        }
    }

    /// As whose tracee it reports. A child that its parent's process traces is one (R-STOP-13).
    fn tracee_of(&self, candidate: Candidate) -> Option<ThreadKey> {
        match candidate {
            Candidate::Child(child) => {
                self.leader(child).filter(|&leader| self.is_traced_by_parent(leader))
            }
            Candidate::Tracee(tracee) => Some(tracee),
        }
    }

    /// R-WAIT-10, R-WAIT-11: who can be reaped, and whose end is not asked for, has nothing more to say. A zombie that another traces may be seen one day; a dead leader
    /// makes no ptrace-stop any more.
    fn may_report_yet(&self, candidate: Candidate, options: i32) -> bool {
        let Some(tracee) = self.tracee_of(candidate) else {
            let Candidate::Child(child) = candidate else { return false };
            let leader = self.leader(child);
            return !self.is_zombie(child) || leader.is_some_and(|it| self.is_traced(it));
        };
        if self[tracee].alive || self[tracee].exiting {
            return true;
        }
        let is_whole = self.is_zombie(self.process_of(tracee)) || self.is_dead_thread(tracee);
        !is_whole && options & (WEXITED | WCONTINUED) != 0
    }

    /// R-WAIT-08.
    fn is_meant(&self, child: ProcessKey, who: &Who) -> bool {
        match *who {
            Who::Any => true,
            Who::Process(process) => child == process,
            Who::Thread(_) => false,
            Who::Group(group) => self[child].group == group,
        }
    }

    /// R-WAIT-13, R-STOP-13, R-PTRACE-01.
    fn report_of(&self, candidate: Candidate, options: i32) -> Option<WaitStatus> {
        let tracee = self.tracee_of(candidate);
        let process = match candidate {
            Candidate::Child(child) => child,
            Candidate::Tracee(tracee) => self.process_of(tracee),
        };
        let wants_end = options & WEXITED != 0;
        if let Some(dead) = tracee.filter(|&tracee| self.is_dead_thread(tracee)) {
            return wants_end.then(|| self.status_of_dead(dead));
        }
        if self.is_zombie(process) {
            let is_others = self.leader(process).is_some_and(|it| self.is_traced(it));
            let is_shown = tracee.is_some() || !is_others;
            return (wants_end && is_shown).then(|| self[process].code.into());
        }
        let stop = match tracee {
            Some(tracee) => self.unread_stop(tracee).map(WaitStatus::Trapped),
            None if options & WSTOPPED != 0 && self[process].stop_report => {
                self[process].stop_signal.map(WaitStatus::Stopped)
            }
            None => None,
        };
        let continued = options & WCONTINUED != 0 && self[process].continue_report;
        stop.or_else(|| continued.then_some(WaitStatus::Continued))
    }

    /// R-WAIT-20, R-WAIT-28, R-PTRACE-01, R-PTRACE-06.
    fn consume(&mut self, candidate: Candidate, status: WaitStatus) {
        let tracee = self.tracee_of(candidate);
        let process = match candidate {
            Candidate::Child(child) => child,
            Candidate::Tracee(tracee) => self.process_of(tracee),
        };
        match (status, tracee) {
            (WaitStatus::Trapped(_), Some(tracee)) => self.read_stop(tracee),
            (WaitStatus::Stopped(_), _) => self[process].stop_report = false,
            (WaitStatus::Continued, _) => self[process].continue_report = false,
            (_, Some(tracee)) if self.is_dead_thread(tracee) => {
                self[tracee].traced = super::Traced::default();
                self.release_dead_thread(tracee);
            }
            (_, Some(tracee)) if !self.is_traced_by_parent(tracee) => {
                self[tracee].traced = super::Traced::default();
                let dead = self.notify(process);
                self.release(dead.as_slice());
            }
            _ => self.release(&[process]),
        }
    }
}
