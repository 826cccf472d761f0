//! Exits of threads and processes, what the parent is told, who adopts the orphans, exec, and the end of a namespace.

use axprocess::{Errno, ExitStatus, Signal, SignalAction, SignalCause, ThreadExit, WaitStatus};

use super::send::Scope;
use super::{
    ChildSignalAction, Hook, Life, PidKey, ProcessKey, SIGCHLD, SpaceKey, ThreadKey, World,
};

impl World {
    /// One thread exits. R-EXIT-01 to R-EXIT-07, R-EXIT-14 to R-EXIT-16.
    pub(crate) fn exit_thread(&mut self, thread: ThreadKey, status: ExitStatus) -> ThreadExit {
        if self.threads.get(&thread).is_none_or(|thread| !thread.alive) {
            return ThreadExit::Gone;
        }
        self.settle(thread, status);
        let exit = self.set_exiting(thread);
        self.finish_exit(thread);
        exit
    }

    /// The first of three steps. R-EXIT-05, R-EXIT-20.
    pub(crate) fn begin_exit(&mut self, thread: ThreadKey, status: ExitStatus) -> ExitStatus {
        let settled = self.settle(thread, status);
        let process = self.process_of(thread);
        self[thread].parked = self.is_dumping_core(process) && !self.dumps(thread);
        self.decide_if_all_have_begun(self.process_of(thread));
        settled
    }

    /// R-EXIT-21: as a group exit, but that who has begun to exit is not asked.
    pub(crate) fn begin_core_dump(
        &mut self,
        thread: ThreadKey,
        signal: Signal,
    ) -> Result<(), Errno> {
        let process = self.process_of(thread);
        // R-KTHREAD-03.
        if self[process].kernel_thread {
            return Err(Errno::EINVAL);
        }
        if !self.may_decide(thread) {
            return Err(Errno::EAGAIN);
        }
        self[process].group_exit = true;
        self[process].code = ExitStatus::killed(signal);
        self[process].dumper = Some((thread, signal));
        self.end_stop_silently(process);
        for other in self.living_threads_of(process) {
            if other != thread && self[other].settled.is_none() {
                self.end_ptrace_stop(other);
                self.hooks.push(Hook::ExitRequest { of: other });
            }
        }
        Ok(())
    }

    /// R-EXIT-21: the core bit, if no SIGKILL came; who parks goes on, and is told so.
    pub(crate) fn end_core_dump(&mut self, process: ProcessKey, is_written: bool) -> ExitStatus {
        let (_, signal) = self[process].dumper.take().expect("a dump");
        if is_written && self[process].code == ExitStatus::killed(signal) {
            self[process].code = ExitStatus::dumped(signal);
        }
        for thread in self.threads_of(process) {
            if std::mem::take(&mut self[thread].parked) {
                self.hooks.push(Hook::ExitRequest { of: thread });
            }
        }
        self[process].code
    }

    fn settle(&mut self, thread: ThreadKey, status: ExitStatus) -> ExitStatus {
        let process = self.process_of(thread);
        // Who dumps is done with that before it exits.
        if self.dumps(thread) {
            self.end_core_dump(process, false);
        }
        if !self[process].group_exit && self[thread].settled.is_none() {
            self[process].code = status;
        }
        let code = self[process].code;
        let settled = *self[thread].settled.get_or_insert(code);
        self[thread].code = settled;
        settled
    }

    /// R-EXEC-10: nobody has decided about the process, and the thread has not begun to exit.
    fn may_decide(&self, thread: ThreadKey) -> bool {
        let process = self.process_of(thread);
        self.takes_signals(process)
            && self[thread].settled.is_none()
            && !self.execs.contains_key(&process)
    }

    /// R-EXIT-20: the end of the process is decided with the last thread that begins.
    fn decide_if_all_have_begun(&mut self, process: ProcessKey) {
        let living = self.living_threads_of(process);
        let all_have = living.iter().all(|&thread| self[thread].settled.is_some());
        if all_have && !living.is_empty() && self.takes_signals(process) && !self.is_root(process) {
            self[process].group_exit = true;
            self.end_stop_silently(process);
        }
    }

    /// The second: it is none of those that live any more. R-EXIT-12, R-EXIT-14, R-EXIT-16.
    pub(crate) fn set_exiting(&mut self, thread: ThreadKey) -> ThreadExit {
        let process = self.process_of(thread);
        self[thread].alive = false;
        self[thread].exiting = true;
        self.leave_stop(thread);
        self.end_ptrace_stop(thread);
        if !self.living_threads_of(process).is_empty() {
            self.decide_if_all_have_begun(process);
            return ThreadExit::OthersRemain;
        }
        self.end_stop_silently(process);
        self[process].group_exit = true;
        self[process].life = Life::Exiting;
        self[process].last_to_live = Some(thread);
        ThreadExit::Last
    }

    /// The third: what it has goes to others, and with the last one the process ends. R-EXIT-14, R-EXIT-15.
    pub(crate) fn finish_exit(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        self[thread].exiting = false;
        if let Some(&heir) = self.living_threads_of(process).first() {
            self.exit_ptrace(thread);
            let threads = self.tracees(thread);
            let dead = self.give_children(thread, heir);
            self.forget_thread(thread);
            self.release(&dead);
            self.release_dead_tracees(process, &threads);
            return;
        }
        if self[process].last_to_live == Some(thread) && self[process].leads_session {
            self.lose_terminal_at_exit(process);
        }
        let leader = self.leader(process).expect("the leader stays");
        match self.space_of_init(process) {
            // Linux's child_reaper: the leader, if it is not done yet.
            Some(space)
                if self[space].exiting_reaper.is_none()
                    && (leader == thread || !self[leader].exiting) =>
            {
                self.end_space(space, thread)
            }
            _ => self.give_to_reaper_and_finish(process, thread),
        }
    }

    /// The same for a kernel that lets the thread sleep instead of having it finished by another. Whether it is done. R-NS-29.
    pub(crate) fn try_finish_exit(&mut self, thread: ThreadKey) -> bool {
        let space = self.space_of(self.process_of(thread));
        if self[space].exiting_reaper != Some(thread) {
            self[thread].sleeps_in_exit = true;
            self.finish_exit(thread);
        } else if self[thread].is_woken_in_exit {
            self.end_withheld(self.process_of(thread));
            self.release(&[]);
        }
        self.threads.get(&thread).is_none_or(|thread| !thread.exiting)
    }

    fn give_to_reaper_and_finish(&mut self, process: ProcessKey, thread: ThreadKey) {
        self.exit_ptrace(thread);
        let threads = self.tracees(thread);
        let reaper = match self.space_of_init(process) {
            Some(space) => self[space].exiting_reaper.or_else(|| self.leader(process)),
            None => self.reaper_of(process),
        };
        let mut dead = reaper.map(|reaper| self.give_children(thread, reaper)).unwrap_or_default();
        let space = self.space_of_init(process);
        if let Some(reaper) = space.and_then(|space| self[space].exiting_reaper) {
            dead.extend(self.zombies_of_exiting_reaper(reaper));
        }
        if self[process].last_to_live == Some(thread) {
            self.check_own_group(process);
        }
        self.forget_thread(thread);
        if self.threads_of(process).iter().any(|&other| self[other].exiting) {
            self.release(&dead);
        } else {
            self.end_unless_held_by_tracers(process, dead);
        }
        self.release_dead_tracees(process, &threads);
    }

    /// R-PTRACE-06: all its threads are done with their exits.
    fn end_unless_held_by_tracers(&mut self, process: ProcessKey, dead: Vec<ProcessKey>) {
        if self.dead_threads(process).is_empty() {
            self.end(process, dead);
        } else {
            self[process].life = Life::HeldByTracers;
            self.release(&dead);
        }
    }

    /// R-EXIT-20: what signals say of a dead process.
    fn status_of_leader(&self, process: ProcessKey) -> WaitStatus {
        let leader = self.leader(process).expect("the leader stays");
        self[leader].code.into()
    }

    /// R-EXIT-06, R-EXIT-13: the first decision counts. Whether it was this one.
    pub(crate) fn begin_group_exit(&mut self, process: ProcessKey, status: ExitStatus) -> bool {
        let is_executing = self.execs.contains_key(&process);
        self.exists(process) && !is_executing && self.decide_exit(process, status)
    }

    /// A thread is gone; a leader stays as a zombie (R-EXIT-02, R-EXIT-03), and so does one that is traced (R-PTRACE-06).
    fn forget_thread(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        self[process].last_gone = Some(thread);
        if self.leader(process) != Some(thread) {
            match self.is_traced(thread) {
                true => self.wait_for_tracer(thread),
                false => _ = self.threads.remove(&thread),
            }
        } else if self.threads_of(process).len() > 1 {
            self.note_leader_died_first(thread);
        }
    }

    /// No thread is left, dead or alive; these have vanished with its children. R-EXIT-14 (e) to (g), R-REPARENT-11, R-ATOM-03.
    ///
    /// R-EXIT-20: a leader that was not the last to die has the process's code.
    pub(super) fn end(&mut self, process: ProcessKey, mut dead: Vec<ProcessKey>) {
        let leader = self.leader(process).expect("the leader stays");
        if self[process].last_gone != Some(leader) {
            self[leader].code = self[process].code;
        }
        self[process].life = Life::Zombie;
        dead.extend(self.notify(process));
        self.release(&dead);
    }

    /// R-REPARENT-03 to R-REPARENT-06: the nearest living subreaper above, on the same level; else the init of the namespace.
    fn reaper_of(&self, process: ProcessKey) -> Option<ThreadKey> {
        let level = |process| self[self.space_of(process)].level;
        if self[process].below_subreaper {
            let ancestors = std::iter::successors(self.parent(process), |&at| self.parent(at));
            for ancestor in ancestors.take_while(|&at| level(at) == level(process)) {
                let thread = self.living_threads_of(ancestor).first().copied();
                if self[ancestor].subreaper && thread.is_some() {
                    return thread;
                }
            }
        }
        let space = self.space_of(process);
        let init = self[space].init?;
        if let Some(reaper) = self[space].exiting_reaper {
            return Some(reaper);
        }
        let living = self.living_threads_of(init).first().copied();
        living.or_else(|| self.leader(init)).filter(|_| init != process)
    }

    /// Gives the children of an exiting thread to another one. Who vanishes by that is returned, to be released.
    ///
    /// R-REPARENT-08 to R-REPARENT-14, R-PDEATH-03.
    fn give_children(&mut self, from: ThreadKey, to: ThreadKey) -> Vec<ProcessKey> {
        let lost = self.process_of(from);
        let mut dead = Vec::new();
        for child in self.children_of_thread(from) {
            let moment = self.tick();
            self[child].parent = Some(to);
            self[child].place = moment;
            self.send_death_signals(child, lost);
            if lost == self.process_of(to) {
                continue;
            }
            self[child].exit_signal = SIGCHLD;
            // R-PTRACE-04: what its tracer knows already the new parent hears when that is done.
            let is_traced = self.leader(child).is_some_and(|leader| self.is_traced(leader));
            if self.is_zombie(child) && !is_traced {
                dead.extend(self.notify(child));
            }
            self.check_group_of_moved(child, lost);
        }
        dead
    }

    /// R-REPARENT-08, R-PDEATH-03: each thread's wish, a dead leader's too.
    fn send_death_signals(&mut self, child: ProcessKey, lost: ProcessKey) {
        for thread in self.threads_of(child) {
            let Some(signal) = self[thread].death_signal else { continue };
            if self.may_send(lost, child, Some(signal)) {
                let pid = self.number_seen_by(lost, child);
                self.send_to(thread, Scope::Process, signal, SignalCause::ParentDeath { pid });
            }
        }
    }

    /// Tells the parent of a zombie. Returns the zombie if nobody waits for it. R-NOTIFY-01 to R-NOTIFY-06, R-NOTIFY-10,
    /// R-NS-20.
    pub(super) fn notify(&mut self, zombie: ProcessKey) -> Option<ProcessKey> {
        let thread = self[zombie].parent?;
        let parent = self.process_of(thread);
        if let Some(leader) = self.leader(zombie).filter(|&leader| self.is_traced(leader)) {
            self.notify_tracer(zombie, leader);
            return None;
        }
        if self[parent].life == Life::Withheld {
            return Some(zombie);
        }
        let is_other_program = self[parent].program != self[zombie].parent_program;
        let signal = match self[zombie].exit_signal {
            _ if is_other_program => Some(Signal::SIGCHLD),
            number => Signal::new(number),
        };
        let treatment = match signal {
            Some(Signal::SIGCHLD) => self.treatment_of(parent),
            _ => ChildSignalAction::empty(),
        };
        if let Some(signal) = signal.filter(|_| !treatment.contains(ChildSignalAction::IGNORE)) {
            let pid = self.number_seen_by(zombie, parent);
            let status = self.status_of_leader(zombie);
            self.send_to(thread, Scope::Process, signal, SignalCause::Child { pid, status });
        }
        self.wake(zombie);
        let vanishes = ChildSignalAction::IGNORE | ChildSignalAction::NO_WAIT;
        treatment.intersects(vanishes).then_some(zombie)
    }

    /// R-PTRACE-01, R-PTRACE-08: the tracer comes first, and is told as the parent would be if it is that, or if the leader had exited before others.
    fn notify_tracer(&mut self, zombie: ProcessKey, leader: ThreadKey) {
        let Some(tracer) = self.tracer(leader) else { return };
        let of_tracer = self.process_of(tracer);
        let is_other_program = self[of_tracer].program != self[zombie].parent_program;
        let is_as_parent = self.is_traced_by_parent(leader) || self[leader].traced.died_first;
        let signal = match self[zombie].exit_signal {
            _ if is_other_program || !is_as_parent => Some(Signal::SIGCHLD),
            number => Signal::new(number),
        };
        let status = self.status_of_leader(zombie);
        self.tell_tracer_of_end(leader, signal, status);
    }

    /// Zombies leave every relation and give their numbers back; namespaces that waited for that end. R-WAIT-28, R-NS-20.
    pub(super) fn release(&mut self, dead: &[ProcessKey]) {
        for &process in dead {
            self.threads.retain(|_, thread| thread.process != process);
            self.processes.remove(&process);
        }
        let is_over = |&process: &ProcessKey| self.is_withheld_no_more(process);
        if let Some(init) = self.processes().into_iter().rev().find(is_over) {
            // When its init wakes up and goes on is a matter of scheduling.
            self.unordered = true;
            match self[self.space_of(init)].exiting_reaper {
                Some(last) if self[last].sleeps_in_exit => {
                    self[last].is_woken_in_exit = true;
                    self.hooks.push(Hook::WakeExit { of: last });
                }
                _ => self.end_withheld(init),
            }
            self.release(&[]);
        }
    }

    /// The last thread of a namespace's init exits, and waits in the middle of that. R-EXIT-15, R-NS-20 to R-NS-22, R-NS-29.
    fn end_space(&mut self, space: SpaceKey, last: ThreadKey) {
        let init = self.process_of(last);
        self[space].closed = true;
        self[init].life = Life::Withheld;
        self[last].exiting = true;
        self.exit_ptrace(last);
        // They are in the way of the namespace's end.
        self.release_dead_tracees(init, &self.tracees(last));
        let mut victims = self.processes();
        victims.retain(|&victim| victim != init && self.number_in(self[victim].pid, space) > 0);
        victims.sort_by_key(|&victim| self.number_in(self[victim].pid, space));
        for victim in victims {
            self.send(victim, Signal::SIGKILL, SignalCause::Kernel);
        }
        let zombies = self.zombies_of_exiting_reaper(last);
        self.release(&zombies);
        self[space].exiting_reaper = Some(last);
        if !self.is_inhabited(space) {
            self.end_withheld(init);
            self.release(&[]);
        }
    }

    /// R-NS-20: whom the thread that ends a namespace reaps at once.
    fn zombies_of_exiting_reaper(&self, reaper: ThreadKey) -> Vec<ProcessKey> {
        let mut zombies = self.children_of_thread(reaper);
        zombies.retain(|&child| {
            let leader = self.leader(child);
            self.is_zombie(child) && !leader.is_some_and(|leader| self.is_traced(leader))
        });
        zombies
    }

    /// Nobody else is in the namespace any more: the exit of the thread goes on that has ended it. R-NS-20, R-NS-29.
    fn end_withheld(&mut self, init: ProcessKey) {
        let space = self.space_of(init);
        let Some(last) = self[space].exiting_reaper.take() else { return };
        self[last].exiting = false;
        if self[init].last_to_live == Some(last) {
            self.check_own_group(init);
        }
        self.forget_thread(last);
        self.end_unless_held_by_tracers(init, Vec::new());
    }

    /// Whether an init, whose namespace has ended with it, has nobody to wait for: neither there, nor among its own threads.
    fn is_withheld_no_more(&self, init: ProcessKey) -> bool {
        let space = self.space_of(init);
        let waits = |last: ThreadKey| !self[last].is_woken_in_exit;
        self[init].life == Life::Withheld
            && self[space].exiting_reaper.is_some_and(waits)
            && !self.is_inhabited(space)
    }

    /// Whether a number is in use in a namespace other than its init's, and that of the thread that ends it; a group's that a process outside is in counts as well.
    fn is_inhabited(&self, space: SpaceKey) -> bool {
        let init = self[space].init.map(|init| self[init].pid);
        let last = self[space].exiting_reaper.map(|last| self[last].pid);
        let others = (0..self.pids.len()).map(PidKey);
        let mut others = others.filter(|&pid| Some(pid) != init && Some(pid) != last);
        others.any(|pid| self.number_in(pid, space) > 0 && self.is_in_use(pid))
    }

    /// A thread makes itself the only one and the leader. R-EXEC-01 to R-EXEC-04, R-EXEC-06, R-EXEC-08, R-EXEC-10, R-EXEC-11.
    pub(crate) fn exec(&mut self, thread: ThreadKey) -> Result<(), Errno> {
        let process = self.process_of(thread);
        // R-KTHREAD-06.
        if self[process].kernel_thread {
            return Err(Errno::EINVAL);
        }
        if !self.may_decide(thread) {
            return Err(Errno::EAGAIN);
        }
        // R-EXEC-04: those behind the caller die first, and each one's children go to the first thread that is left.
        let mut others = self.threads_of(process);
        let caller = others.iter().position(|&other| other == thread).unwrap_or(0);
        others.rotate_left(caller);
        others.retain(|&other| other != thread);
        self.abandon_stop(process);
        for &other in &others {
            self[other].alive = false;
            self[other].exiting = false;
            let all = self.threads_of(process);
            let heir = all.into_iter().find(|&left| self[left].alive).unwrap_or(thread);
            let dead = self.give_children(other, heir);
            debug_assert!(dead.is_empty(), "they stay in the process");
        }
        self.take_process_over(thread);
        Ok(())
    }

    /// The same in steps: all others are asked to exit, and do, with status 0. R-EXEC-12, R-EXIT-19.
    pub(crate) fn exec_in_steps(&mut self, thread: ThreadKey) -> Result<Option<()>, Errno> {
        let process = self.process_of(thread);
        // R-KTHREAD-06.
        if self[process].kernel_thread {
            return Err(Errno::EINVAL);
        }
        if !self.may_decide(thread) {
            return Err(Errno::EAGAIN);
        }
        self.abandon_stop(process);
        self.execs.insert(process, thread);
        let mut others = self.living_threads_of(process);
        others.retain(|&other| other != thread);
        for &other in &others {
            self.end_ptrace_stop(other);
            self.hooks.push(Hook::ExitRequest { of: other });
        }
        // R-NOTIFY-13: who is killed looks for that first.
        if let Some(&first) = others.iter().find(|&&other| self[other].settled.is_none()) {
            self.run(first);
        }
        for other in others {
            self.exit_thread(other, ExitStatus::exited(0));
        }
        self.finish_exec(thread)
    }

    /// R-EXEC-12: it is over when no dead thread waits for its tracer any more; `None`: not yet. R-EXEC-10: the decided exit of the process ends it.
    pub(crate) fn finish_exec(&mut self, thread: ThreadKey) -> Result<Option<()>, Errno> {
        let process = self.process_of(thread);
        if self[process].group_exit {
            self.execs.remove(&process);
            return Err(Errno::EAGAIN);
        }
        let is_left = |&other: &ThreadKey| self[other].exiting || self.is_dead_thread(other);
        if self.threads_of(process).iter().any(is_left) {
            return Ok(None);
        }
        self.execs.remove(&process);
        self.take_process_over(thread);
        Ok(Some(()))
    }

    /// Whether a thread sleeps in an exec.
    pub(crate) fn is_in_exec(&self, thread: ThreadKey) -> bool {
        self.execs.get(&self.process_of(thread)) == Some(&thread)
    }

    fn take_process_over(&mut self, thread: ThreadKey) {
        let process = self.process_of(thread);
        let old = self.leader(process).filter(|&old| old != thread);
        if let Some(old) = old {
            self.wake_tracer(old);
        }
        if self.is_traced(thread) {
            self[thread].traced.is_renumbered = old.is_some();
        }
        self.threads.retain(|&other, it| it.process != process || other == thread);
        let pid = self[process].pid;
        self[thread].pid = pid;
        self[process].execed = true;
        self[process].program += 1;
        self[process].exit_signal = SIGCHLD;
        // R-EXEC-07: flags of handlers are lost, but what is ignored stays so.
        self[process].treatment &= ChildSignalAction::IGNORE;
        self[process].actions.retain(|_, action| *action == SignalAction::Ignore);
        self.release(&[]);
    }

    /// R-SUBREAPER-01, R-SUBREAPER-03: it stands above all its descendants from now on.
    pub(crate) fn become_subreaper(&mut self, process: ProcessKey) {
        // R-KTHREAD-07: a kernel thread makes no such call.
        if self[process].kernel_thread {
            return;
        }
        self[process].subreaper = true;
        let mut below = self.children(process);
        while let Some(next) = below.pop() {
            let is_other_init = self.space_of_init(next).is_some();
            if !self[next].below_subreaper && !is_other_init {
                self[next].below_subreaper = true;
                below.extend(self.children(next));
            }
        }
    }

    /// R-SUBREAPER-04.
    pub(crate) fn resign_subreaper(&mut self, process: ProcessKey) {
        self[process].subreaper = false;
    }

    /// R-PDEATH-01.
    pub(crate) fn set_death_signal(&mut self, thread: ThreadKey, number: u64) -> Result<(), Errno> {
        let signal = match number {
            0 => None,
            1..=64 => Signal::new(number as u8),
            _ => return Err(Errno::EINVAL),
        };
        self[thread].death_signal = signal;
        Ok(())
    }

    /// Whether this exit would be the machine's end (R-EXIT-18), or that of who never ends (R-KTHREAD-01).
    pub(crate) fn is_last_of_root(&self, thread: ThreadKey) -> bool {
        let process = self.process_of(thread);
        self.is_root(process) && self.living_threads_of(process) == [thread]
    }
}
