//! ptrace: who traces whom, what a tracer is told, and what waits for it.

use axprocess::{
    Errno, Signal, SignalCause, ThreadStop, TraceStart, TraceStop, TraceStopped, WaitStatus,
};

use super::send::Scope;
use super::{ChildSignalAction, Hook, Life, ProcessKey, Stop, ThreadKey, World};

/// Places in `traps`.
const STOP: usize = 0;
const NOTIFY: usize = 1;

/// What ptrace adds to a thread.
#[derive(Clone, Default, Debug)]
pub(crate) struct Traced {
    pub(super) tracer: Option<ThreadKey>,
    /// Its place among the tracees of its tracer: the later it came, the greater.
    since: u64,
    kills_at_exit: bool,
    is_seized: bool,
    /// JOBCTL_TRAP_STOP, JOBCTL_TRAP_NOTIFY.
    traps: [bool; 2],
    stop: Option<PtraceStop>,
    /// It is a leader that has exited before others.
    pub(super) died_first: bool,
    /// It has got another number in its last exec.
    pub(super) is_renumbered: bool,
}

const EVENT_EXEC: u16 = 4 << 8 | 5;
const EVENT_STOP: u16 = 128 << 8;

/// A ptrace-stop.
#[derive(Clone, Copy, Debug)]
struct PtraceStop {
    code: TraceStop,
    is_read: bool,
    listens: bool,
    is_job: bool,
}

/// Requests.
impl World {
    /// ptrace_attach: conditions in its order. R-PTRACE-09: the SIGSTOP is for a traced thread by then.
    pub(crate) fn attach(
        &mut self,
        caller: ThreadKey,
        tid: i32,
        start: TraceStart,
        kills_at_exit: bool,
    ) -> Result<(), Errno> {
        let own = self.process_of(caller);
        let target = self.find_thread(own, tid).ok_or(Errno::ESRCH)?;
        let is_there = self[target].alive || self[target].exiting;
        // R-KTHREAD-04.
        if self[self.process_of(target)].kernel_thread {
            return Err(Errno::EPERM);
        }
        if self.process_of(target) == own || !is_there || self.is_traced(target) {
            return Err(Errno::EPERM);
        }
        self.become_tracee(target, caller, kills_at_exit);
        self[target].traced.is_seized = start == TraceStart::Seize;
        if start == TraceStart::Attach {
            self.send_to(target, Scope::Thread, Signal::SIGSTOP, SignalCause::Kernel);
        }
        if self[target].stopped {
            self.ask_to_trap(target, STOP);
            self.hooks.push(Hook::TracingChanged { of: target });
        }
        Ok(())
    }

    /// ptrace_traceme.
    pub(crate) fn trace_me(&mut self, thread: ThreadKey) -> Result<(), Errno> {
        if self.is_traced(thread) || self[self.process_of(thread)].kernel_thread {
            return Err(Errno::EPERM);
        }
        let parent = self[self.process_of(thread)].parent;
        if let Some(parent) = parent.filter(|&parent| self[parent].alive) {
            self.become_tracee(thread, parent, false);
        }
        Ok(())
    }

    fn become_tracee(&mut self, tracee: ThreadKey, tracer: ThreadKey, kills_at_exit: bool) {
        let since = self.tick();
        let traced = Traced { tracer: Some(tracer), since, kills_at_exit, ..Traced::default() };
        self[tracee].traced = traced;
    }

    /// R-PTRACE-10, R-PTRACE-11: ESRCH for whoever is not in a stop, or listens, or is in an exec's that nobody has read and that has given it another number.
    fn stopped_tracee(&self, caller: ThreadKey, tid: i32) -> Result<ThreadKey, Errno> {
        let tracee = self.find_thread(self.process_of(caller), tid).ok_or(Errno::ESRCH)?;
        let traced = &self[tracee].traced;
        let is_there = traced.stop.is_some_and(|stop| {
            let is_unread_exec = stop.code.code() == EVENT_EXEC && !stop.is_read;
            !(stop.listens || traced.is_renumbered && is_unread_exec)
        });
        if traced.tracer == Some(caller) && is_there { Ok(tracee) } else { Err(Errno::ESRCH) }
    }

    pub(crate) fn resume(&mut self, caller: ThreadKey, tid: i32) -> Result<(), Errno> {
        let tracee = self.stopped_tracee(caller, tid)?;
        self[tracee].traced.stop = None;
        Ok(())
    }

    /// R-PTRACE-10.
    pub(crate) fn listen(&mut self, caller: ThreadKey, tid: i32) -> Result<(), Errno> {
        let tracee = self.stopped_tracee(caller, tid)?;
        let traced = &mut self[tracee].traced;
        let stop = traced.stop.as_mut().filter(|stop| stop.is_job && traced.is_seized);
        stop.ok_or(Errno::EIO)?.listens = true;
        if traced.traps[NOTIFY] {
            traced.stop = None;
            self.hooks.push(Hook::StopRequest { of: tracee });
        }
        Ok(())
    }

    /// PTRACE_INTERRUPT.
    pub(crate) fn interrupt(&mut self, caller: ThreadKey, tid: i32) -> Result<(), Errno> {
        let tracee = self.find_thread(self.process_of(caller), tid).ok_or(Errno::ESRCH)?;
        if self[tracee].traced.tracer != Some(caller) {
            return Err(Errno::ESRCH);
        }
        if !self[tracee].traced.is_seized {
            return Err(Errno::EIO);
        }
        if self.ask_to_trap(tracee, STOP) {
            self.hooks.push(Hook::StopRequest { of: tracee });
        }
        Ok(())
    }

    pub(crate) fn set_kills_at_exit(
        &mut self,
        caller: ThreadKey,
        tid: i32,
        kills: bool,
    ) -> Result<(), Errno> {
        let tracee = self.stopped_tracee(caller, tid)?;
        self[tracee].traced.kills_at_exit = kills;
        Ok(())
    }

    pub(crate) fn detach_tracee(&mut self, caller: ThreadKey, tid: i32) -> Result<(), Errno> {
        let tracee = self.stopped_tracee(caller, tid)?;
        self.let_go(tracee, self.process_of(caller));
        Ok(())
    }
}

/// Stops.
impl World {
    /// R-STOP-13, R-PTRACE-08.
    pub(crate) fn trace_stop(&mut self, thread: ThreadKey, code: TraceStop) -> TraceStopped {
        if !self.is_traced(thread) {
            return TraceStopped::Untraced;
        }
        if self.is_killed(thread) {
            return TraceStopped::Killed;
        }
        self.enter_stop(thread, code, false);
        self.report_to_tracer(thread, Some(WaitStatus::Trapped(code)));
        TraceStopped::Stopped
    }

    /// Any stop is the one that JOBCTL_TRAP_STOP asks for; only one for a job shows what JOBCTL_TRAP_NOTIFY tells of.
    fn enter_stop(&mut self, thread: ThreadKey, code: TraceStop, is_job: bool) {
        let traced = &mut self[thread].traced;
        traced.stop = Some(PtraceStop { code, is_read: false, listens: false, is_job });
        traced.traps[STOP] = false;
        traced.traps[NOTIFY] &= !is_job;
    }

    /// False if it is about to exit, or nobody traces it. Who listens stops anew.
    fn ask_to_trap(&mut self, thread: ThreadKey, trap: usize) -> bool {
        if !self[thread].alive || !self.is_traced(thread) || self.is_killed(thread) {
            return false;
        }
        let traced = &mut self[thread].traced;
        traced.traps[trap] = true;
        traced.stop = traced.stop.filter(|stop| !stop.listens);
        true
    }

    /// R-STOP-15.
    pub(super) fn notify_trap(&mut self, thread: ThreadKey) -> bool {
        self[thread].traced.is_seized && self.ask_to_trap(thread, NOTIFY)
    }

    /// Stops for its tracer, and with its group. R-PTRACE-08: the tracer is told first.
    fn trap_with_group(&mut self, thread: ThreadKey) {
        let signal = self[thread].asked_to_stop_by;
        let in_stop = self[self.process_of(thread)].stop != Stop::Running;
        let code = match self[thread].traced.is_seized {
            false => u16::from(signal.number()),
            true if in_stop => EVENT_STOP | u16::from(signal.number()),
            true => EVENT_STOP | 5,
        };
        self.enter_stop(thread, TraceStop::new(code).expect("a signal"), true);
        let process = &self[self.process_of(thread)];
        let is_unread = process.stop == Stop::Stopping || process.stop_report;
        let signal = process.stop_signal.filter(|_| process.stop != Stop::Running && is_unread);
        self.report_to_tracer(thread, signal.map(WaitStatus::Stopped));
        self.stop(thread);
    }

    /// A thread that was asked to stop, or to look where: do_signal_stop, do_jobctl_trap.
    pub(crate) fn join_stop(&mut self, thread: ThreadKey) -> ThreadStop {
        self[thread].looks_anew = false;
        if !self.is_traced(thread) || !self[thread].alive || self.is_killed(thread) {
            return self.stop(thread);
        }
        let traps = self[thread].traced.traps;
        if traps[STOP] || traps[NOTIFY] || self.is_stop_requested(thread) {
            self.trap_with_group(thread);
            return ThreadStop::Trapped;
        }
        ThreadStop::RunsOn
    }

    /// Whether it sleeps: a tracee in its tracer's stop alone.
    pub(crate) fn sleeps_in_stop(&self, thread: ThreadKey) -> bool {
        let process = &self[self.process_of(thread)];
        let in_group = process.stop != Stop::Running && self[thread].stopped;
        match self.is_traced(thread) {
            true => self.is_in_ptrace_stop(thread),
            false => in_group && self[thread].settled.is_none() && !self[thread].looks_anew,
        }
    }

    /// R-PTRACE-07: it has to exit, and has not begun to. Whom another's exec asks has begun by then; who executes has not to.
    fn is_killed(&self, thread: ThreadKey) -> bool {
        self[self.process_of(thread)].group_exit && self[thread].settled.is_none()
    }

    /// R-PTRACE-07.
    pub(super) fn end_ptrace_stop(&mut self, thread: ThreadKey) {
        self[thread].traced.stop = None;
    }

    /// R-PTRACE-08, R-NOTIFY-11: of a stop or a continuation.
    pub(super) fn report_to_tracer(&mut self, tracee: ThreadKey, status: Option<WaitStatus>) {
        let Some(tracer) = self[tracee].traced.tracer else { return };
        let process = self.process_of(tracer);
        let quiet = ChildSignalAction::IGNORE | ChildSignalAction::NO_STOP;
        if !self.treatment_of(process).intersects(quiet) {
            let pid = self.tid_seen_by(tracee, process);
            let cause = match status {
                Some(status) => SignalCause::Child { pid, status },
                None => SignalCause::ChildStopUndone { pid },
            };
            self.send_to(tracer, Scope::Process, Signal::SIGCHLD, cause);
        }
        self.wake_tracer(tracee);
    }

    /// The stop that wait has not reported.
    pub(super) fn unread_stop(&self, tracee: ThreadKey) -> Option<TraceStop> {
        let stop = self[tracee].traced.stop.filter(|stop| !stop.is_read && !stop.listens);
        stop.map(|stop| stop.code)
    }

    pub(super) fn read_stop(&mut self, tracee: ThreadKey) {
        if let Some(stop) = &mut self[tracee].traced.stop {
            stop.is_read = true;
        }
    }
}

/// Ends.
impl World {
    /// R-PTRACE-05: the exit of a tracer, the tracee first that was attached last. Those are left of whom [`Self::release_dead_tracees`] takes care.
    pub(super) fn exit_ptrace(&mut self, tracer: ThreadKey) {
        for tracee in self.tracees(tracer) {
            if self.threads.contains_key(&tracee) && self.holds_back_end(tracee) {
                continue;
            }
            // Those before it may have taken it with them.
            if !self.threads.contains_key(&tracee) || self[tracee].traced.tracer != Some(tracer) {
                continue;
            }
            if self[tracee].traced.kills_at_exit && self[tracee].alive {
                self.send_to(tracee, Scope::Thread, Signal::SIGKILL, SignalCause::Kernel);
            }
            self.let_go(tracee, self.process_of(tracer));
        }
    }

    /// R-PTRACE-05, R-PTRACE-06: when others have heard of the tracer's end, the thread first that was attached first.
    pub(super) fn release_dead_tracees(&mut self, of_tracer: ProcessKey, dead: &[ThreadKey]) {
        for &tracee in dead.iter().rev() {
            if self.threads.contains_key(&tracee) && self.holds_back_end(tracee) {
                self.let_go(tracee, of_tracer);
            }
        }
    }

    /// Whether its process, or the namespace in which it is, may end with its release.
    fn holds_back_end(&self, tracee: ThreadKey) -> bool {
        let process = self.process_of(tracee);
        let parent = self.parent(process).map(|parent| self[parent].life);
        self.is_dead_thread(tracee) || self.is_zombie(process) && parent == Some(Life::Withheld)
    }

    /// `__ptrace_detach`, by a thread of this process, which may be gone by then.
    fn let_go(&mut self, tracee: ThreadKey, of_tracer: ProcessKey) {
        let traced = std::mem::take(&mut self[tracee].traced);
        if traced.tracer.is_none() {
            return;
        }
        if self.is_dead_thread(tracee) {
            self.release_dead_thread(tracee);
        } else if self[tracee].alive || self[tracee].exiting {
            let in_stop = self[self.process_of(tracee)].stop != Stop::Running;
            self[tracee].looks_anew = traced.stop.is_some() || in_stop;
            self.hooks.push(Hook::TracingChanged { of: tracee });
        } else if self.is_zombie(self.process_of(tracee)) {
            self.let_zombie_go(self.process_of(tracee), of_tracer);
        }
    }

    /// R-PTRACE-01, R-PTRACE-02.
    fn let_zombie_go(&mut self, zombie: ProcessKey, of_tracer: ProcessKey) {
        let careless = ChildSignalAction::IGNORE | ChildSignalAction::NO_WAIT;
        let dead = if self.parent(zombie) != Some(of_tracer) {
            self.notify(zombie)
        } else if self.treatment_of(of_tracer).intersects(careless) {
            self.wake(zombie);
            Some(zombie)
        } else {
            None
        };
        self.release(dead.as_slice());
    }

    /// R-PTRACE-06: it leaves its process, which may have waited for that.
    pub(super) fn release_dead_thread(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        self.threads.remove(&thread);
        self[process].last_gone = Some(thread);
        self.release(&[]);
        // It may be gone with its namespace by now.
        let is_held = |it: &super::Process| it.life == Life::HeldByTracers;
        if self.processes.get(&process).is_some_and(is_held)
            && self.dead_threads(process).is_empty()
        {
            self.end(process, Vec::new());
        }
    }

    /// A thread that does not lead has exited, and is traced: its tracer is told. R-PTRACE-06.
    pub(super) fn wait_for_tracer(&mut self, thread: ThreadKey) {
        let status = self[thread].code.into();
        self.tell_tracer_of_end(thread, Some(Signal::SIGCHLD), status);
    }

    /// R-PTRACE-06: its own status, or that of the process once that is decided.
    pub(super) fn status_of_dead(&self, thread: ThreadKey) -> WaitStatus {
        let process = &self[self.process_of(thread)];
        if process.group_exit { process.code.into() } else { self[thread].code.into() }
    }

    /// A leader has exited before others. B46.
    pub(super) fn note_leader_died_first(&mut self, leader: ThreadKey) {
        if self.is_traced(leader) {
            self[leader].traced.died_first = true;
            let status = self[leader].code.into();
            self.tell_tracer_of_end(leader, Some(Signal::SIGCHLD), status);
        }
    }

    pub(super) fn tell_tracer_of_end(
        &mut self,
        tracee: ThreadKey,
        signal: Option<Signal>,
        status: WaitStatus,
    ) {
        let Some(tracer) = self[tracee].traced.tracer else { return };
        if let Some(signal) = signal {
            let pid = self.tid_seen_by(tracee, self.process_of(tracer));
            let cause = SignalCause::Child { pid, status };
            self.send_to(tracer, Scope::Process, signal, cause);
        }
        self.wake_tracer(tracee);
    }
}

/// Questions.
impl World {
    pub(crate) fn has_to_trap(&self, thread: ThreadKey) -> bool {
        self[thread].traced.traps != [false; 2]
    }

    pub(crate) fn is_traced(&self, thread: ThreadKey) -> bool {
        self[thread].traced.tracer.is_some()
    }

    pub(crate) fn tracer(&self, thread: ThreadKey) -> Option<ThreadKey> {
        self[thread].traced.tracer
    }

    pub(crate) fn is_in_ptrace_stop(&self, thread: ThreadKey) -> bool {
        self[thread].traced.stop.is_some()
    }

    /// Whether a thread of the parent traces it.
    pub(super) fn is_traced_by_parent(&self, thread: ThreadKey) -> bool {
        let tracer = self[thread].traced.tracer.map(|tracer| self.process_of(tracer));
        tracer.is_some() && tracer == self.parent(self.process_of(thread))
    }

    /// The tracees of a thread, the one first that was attached last. R-PTRACE-03.
    pub(crate) fn tracees(&self, tracer: ThreadKey) -> Vec<ThreadKey> {
        let own = self.threads.iter().filter(|(_, it)| it.traced.tracer == Some(tracer));
        let mut tracees: Vec<_> = own.map(|(&key, _)| key).collect();
        tracees.sort_by_key(|&tracee| std::cmp::Reverse(self[tracee].traced.since));
        tracees
    }

    /// Whether it has exited, does not lead, and waits for its tracer.
    pub(super) fn is_dead_thread(&self, thread: ThreadKey) -> bool {
        !self[thread].alive
            && !self[thread].exiting
            && self.leader(self.process_of(thread)) != Some(thread)
    }

    pub(crate) fn dead_threads(&self, process: ProcessKey) -> Vec<ThreadKey> {
        let mut threads = self.threads_of(process);
        threads.retain(|&thread| self.is_dead_thread(thread));
        threads
    }

    /// Whether ptrace has to do with the other threads of a process.
    pub(crate) fn has_ptrace_besides(&self, thread: ThreadKey) -> bool {
        let mut others = self.threads_of(self.process_of(thread));
        others.retain(|&other| other != thread);
        others.into_iter().any(|it| self.is_traced(it) || !self.tracees(it).is_empty())
    }
}
