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
    Group(PidKey),
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
            _ => self.find_process(process, pid).map(Who::Process),
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
            (1, 1..) => self.find_process(process, id).map(Who::Process),
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
        let mut candidates = self.children_in_wait_order(caller, options);
        candidates.retain(|&child| self.is_kind(child, options) && self.is_meant(child, &who));
        // R-WAIT-14: the first in the list, not the first event.
        for &child in &candidates {
            if let Some(status) = self.report_of(child, options) {
                let pid = self.number_seen_by(child, self.process_of(caller));
                if options & WNOWAIT == 0 {
                    self.consume(child, status);
                }
                return Ok(Some((pid, status)));
            }
        }
        // R-WAIT-10, R-WAIT-11: a zombie whose end is not asked for has nothing more to say.
        candidates.retain(|&child| !self.is_zombie(child));
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
        let is_woken = |waiter: &ThreadKey| {
            self.sleepers.get(waiter).is_some_and(|wait| {
                let is_own = wait.options & WNOTHREAD == 0 || thread == *waiter;
                is_own && self.is_meant(child, &wait.who)
            })
        };
        let woken = waiters.into_iter().filter(is_woken).collect();
        self.hooks.push(Hook::Wake { parent, woken });
    }

    /// R-WAIT-05, R-WAIT-15: the calling thread's children first, then those of the threads behind it, then from the first on.
    fn children_in_wait_order(&self, caller: ThreadKey, options: i32) -> Vec<ProcessKey> {
        if options & WNOTHREAD != 0 {
            return self.children_of_thread(caller);
        }
        let mut threads = self.threads_of(self.process_of(caller));
        while threads.first() != Some(&caller) {
            threads.rotate_left(1);
        }
        threads.into_iter().flat_map(|thread| self.children_of_thread(thread)).collect()
    }

    /// R-WAIT-06.
    fn is_kind(&self, child: ProcessKey, options: i32) -> bool {
        let is_clone = self[child].exit_signal != SIGCHLD;
        options & WALL != 0 || is_clone == (options & WCLONE != 0)
    }

    /// R-WAIT-08.
    fn is_meant(&self, child: ProcessKey, who: &Who) -> bool {
        match *who {
            Who::Any => true,
            Who::Process(process) => child == process,
            Who::Group(group) => self[child].group == group,
        }
    }

    /// R-WAIT-13.
    fn report_of(&self, child: ProcessKey, options: i32) -> Option<WaitStatus> {
        if self.is_zombie(child) {
            return (options & WEXITED != 0).then(|| self[child].code.into());
        }
        if options & WSTOPPED != 0 && self[child].stop_report {
            return self[child].stop_signal.map(WaitStatus::Stopped);
        }
        let continued = options & WCONTINUED != 0 && self[child].continue_report;
        continued.then_some(WaitStatus::Continued)
    }

    /// R-WAIT-20, R-WAIT-28.
    fn consume(&mut self, child: ProcessKey, status: WaitStatus) {
        match status {
            WaitStatus::Stopped(_) => self[child].stop_report = false,
            WaitStatus::Continued => self[child].continue_report = false,
            _ => self.release(&[child]),
        }
    }
}
