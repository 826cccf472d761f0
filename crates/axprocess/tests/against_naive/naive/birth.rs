//! fork, new threads, their numbers, and the namespaces that they live in.

use std::collections::{BTreeMap, BTreeSet};

use axprocess::{Errno, ExitStatus, ForkNamespace, ForkParent, Signal, SignalAction};

use super::{
    ChildSignalAction, HIGHEST_LIMIT, INIT, Life, NAMELESS, Pid, PidKey, Process, ProcessKey,
    Space, SpaceKey, Stop, Thread, ThreadKey, World,
};

/// Below, no number is given out any more once the search has begun again (R-PID-02).
const RESERVED: u32 = 300;

/// What a clone without `CLONE_THREAD` asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fork {
    pub(crate) exit_signal: u8,
    pub(crate) parent: ForkParent,
    pub(crate) space: ForkNamespace,
    pub(crate) set_tid: Vec<u32>,
    /// It makes a kernel thread, on the kernel's own account.
    pub(crate) is_kernel_thread: bool,
}

impl World {
    /// Makes a process. R-CLONE-11, R-CLONE-14, R-CLONE-16, R-FORK-01 to R-FORK-15.
    pub(crate) fn fork(&mut self, caller: ThreadKey, fork: &Fork) -> Result<ThreadKey, Errno> {
        let like = self.process_of(caller);
        let own_space = self.space_of(like);
        let is_sibling = fork.parent == ForkParent::Sibling;
        // R-KTHREAD-03.
        if fork.is_kernel_thread && !self[like].kernel_thread {
            return Err(Errno::EINVAL);
        }
        if is_sibling && self.space_of_init(like).is_some() {
            return Err(Errno::EINVAL);
        }
        if self.is_dying(like) && !fork.is_kernel_thread {
            return Err(Errno::EINTR);
        }
        if is_sibling && self.is_root(like) {
            return Err(Errno::EINVAL);
        }
        let is_new = fork.space == ForkNamespace::New;
        if is_new && self[caller].children_space != own_space {
            return Err(Errno::EINVAL);
        }
        let space = match is_new {
            true => self.make_space(own_space),
            false if fork.is_kernel_thread => own_space,
            false => self[caller].children_space,
        };
        let pid = match self.take_numbers(space, &fork.set_tid) {
            Ok(pid) => pid,
            Err(errno) => {
                if is_new {
                    self.spaces.pop();
                }
                return Err(errno);
            }
        };
        let key = ProcessKey(self.births[0]);
        self.births[0] += 1;
        let caller_now = self[like].clone();
        let parent = if is_sibling { caller_now.parent } else { Some(caller) };
        let grandparent = parent.map(|thread| self[self.process_of(thread)].clone());
        let moment = self.tick();
        let process = Process {
            pid,
            life: Life::Alive,
            // R-FORK-02, R-FORK-03: at the end of the list.
            parent,
            place: moment,
            exit_signal: if is_sibling { caller_now.exit_signal } else { fork.exit_signal },
            // R-FORK-11.
            parent_program: if is_sibling { caller_now.parent_program } else { caller_now.program },
            program: caller_now.program,
            // R-FORK-05.
            group: caller_now.group,
            joined: moment,
            exposed: false,
            session: caller_now.session,
            terminal: caller_now.terminal,
            leads_session: false,
            foreground_at_hang_up: None,
            // R-FORK-08.
            subreaper: false,
            below_subreaper: grandparent
                .is_some_and(|parent| parent.subreaper || parent.below_subreaper),
            // R-FORK-09.
            execed: false,
            code: ExitStatus::exited(0),
            group_exit: false,
            last_to_live: None,
            last_gone: None,
            dumper: None,
            // R-FORK-15.
            stop: Stop::Running,
            stop_signal: None,
            newest_stop_signal: Signal::SIGSTOP,
            stop_report: false,
            continue_report: false,
            notice: None,
            continues: 0,
            // R-FORK-06.
            treatment: caller_now.treatment,
            actions: caller_now.actions,
            user: caller_now.user,
            kernel_thread: fork.is_kernel_thread,
        };
        self.processes.insert(key, process);
        // R-FORK-14.
        if self[space].init.is_none() {
            self[space].init = Some(key);
        }
        Ok(self.add_thread(caller, key, pid, space))
    }

    /// Makes the second root, with number 2. R-KTHREAD-01, R-KTHREAD-02.
    pub(crate) fn new_kthreadd(&mut self) -> Result<ThreadKey, Errno> {
        const NUMBER: u32 = 2;
        let root = SpaceKey(0);
        if self.kthreadd.is_some() || self.find(root, NUMBER.cast_signed()).is_some() {
            return Err(Errno::EEXIST);
        }
        // R-CLONE-23.
        if std::mem::take(&mut self.refuses_next_birth) {
            return Err(Errno::EAGAIN);
        }
        // Group 0 of session 0, as long as init is in that session; else others without a number.
        let group = match self[INIT].session == NAMELESS {
            true => NAMELESS,
            false => self.add_pid(root, vec![0]),
        };
        let pid = self.add_pid(root, vec![NUMBER]);
        let key = ProcessKey(self.births[0]);
        self.births[0] += 1;
        let moment = self.tick();
        let kthreadd = Process {
            pid,
            life: Life::Alive,
            parent: None,
            place: moment,
            exit_signal: 0,
            parent_program: 0,
            program: 0,
            group,
            joined: moment,
            exposed: false,
            session: group,
            terminal: None,
            leads_session: false,
            foreground_at_hang_up: None,
            subreaper: false,
            below_subreaper: false,
            execed: false,
            code: ExitStatus::exited(0),
            group_exit: false,
            last_to_live: None,
            last_gone: None,
            dumper: None,
            stop: Stop::Running,
            stop_signal: None,
            newest_stop_signal: Signal::SIGSTOP,
            stop_report: false,
            continue_report: false,
            notice: None,
            continues: 0,
            treatment: ChildSignalAction::empty(),
            actions: BTreeMap::new(),
            user: 0,
            kernel_thread: true,
        };
        self.processes.insert(key, kthreadd);
        self.kthreadd = Some(key);
        Ok(self.add_thread_that_blocks(BTreeSet::new(), key, pid, root))
    }

    fn add_pid(&mut self, space: SpaceKey, numbers: Vec<u32>) -> PidKey {
        self.pids.push(Pid { space, numbers });
        PidKey(self.pids.len() - 1)
    }

    /// Makes a thread of the caller's process. R-CLONE-12, R-FORK-04, R-PID-07.
    pub(crate) fn spawn(&mut self, caller: ThreadKey, set_tid: &[u32]) -> Result<ThreadKey, Errno> {
        let process = self.process_of(caller);
        let space = self.space_of(process);
        if self[caller].children_space != space {
            return Err(Errno::EINVAL);
        }
        if self.is_dying(process) {
            return Err(Errno::EINTR);
        }
        let pid = self.take_numbers(space, set_tid)?;
        Ok(self.add_thread(caller, process, pid, space))
    }

    /// R-CLONE-14, R-CLONE-19: whoever is about to die makes nobody.
    fn is_dying(&self, process: ProcessKey) -> bool {
        self[process].group_exit
    }

    /// R-FORK-07, R-FORK-12, R-FORK-13: a new thread has not stopped, whatever its process does.
    fn add_thread(
        &mut self,
        creator: ThreadKey,
        process: ProcessKey,
        pid: PidKey,
        space: SpaceKey,
    ) -> ThreadKey {
        // R-FORK-06.
        let blocked = self[creator].blocked.clone();
        self.add_thread_that_blocks(blocked, process, pid, space)
    }

    fn add_thread_that_blocks(
        &mut self,
        blocked: BTreeSet<Signal>,
        process: ProcessKey,
        pid: PidKey,
        space: SpaceKey,
    ) -> ThreadKey {
        let key = ThreadKey(self.births[1]);
        self.births[1] += 1;
        let thread = Thread {
            process,
            pid,
            alive: true,
            exiting: false,
            sleeps_in_exit: false,
            is_woken_in_exit: false,
            settled: None,
            parked: false,
            stopped: false,
            looks_anew: false,
            asked_to_stop_by: self[process].newest_stop_signal,
            death_signal: None,
            blocked,
            children_space: space,
            code: ExitStatus::exited(0),
            traced: super::trace::Traced::default(),
        };
        self.threads.insert(key, thread);
        key
    }

    /// The namespaces that have an init: those that somebody can name.
    pub(crate) fn known_spaces(&self) -> Vec<SpaceKey> {
        let known = |&space: &SpaceKey| self[space].init.is_some();
        (0..self.spaces.len()).map(SpaceKey).filter(known).collect()
    }

    /// R-NS-03: the next child of this thread is the init of a new namespace.
    pub(crate) fn unshare(&mut self, caller: ThreadKey) -> Result<(), Errno> {
        let own = self.space_of(self.process_of(caller));
        if self[caller].children_space != own {
            return Err(Errno::EINVAL);
        }
        let space = self.make_space(own);
        self[caller].children_space = space;
        Ok(())
    }

    /// R-NS-04: the next children of this thread live in this namespace, its own or one inside.
    pub(crate) fn setns(&mut self, caller: ThreadKey, space: SpaceKey) -> Result<(), Errno> {
        let own = self.space_of(self.process_of(caller));
        if !self.outward(space).any(|around| around == own) {
            return Err(Errno::EINVAL);
        }
        self[caller].children_space = space;
        Ok(())
    }

    pub(crate) fn level(&self, space: SpaceKey) -> usize {
        self[space].level
    }

    fn make_space(&mut self, parent: SpaceKey) -> SpaceKey {
        let level = self[parent].level + 1;
        let space = Space {
            parent: Some(parent),
            level,
            cursor: 1,
            limit: HIGHEST_LIMIT,
            init: None,
            closed: false,
            exiting_reaper: None,
        };
        self.spaces.push(space);
        SpaceKey(self.spaces.len() - 1)
    }

    /// Takes a number in each namespace, from the inside outward. R-PID-01, R-PID-02, R-PID-10, R-CLONE-18.
    fn take_numbers(&mut self, space: SpaceKey, set_tid: &[u32]) -> Result<PidKey, Errno> {
        if set_tid.len() > self[space].level + 1 {
            return Err(Errno::EINVAL);
        }
        let numbers = self.number_everywhere(space, set_tid);
        // R-PID-13.
        if numbers.is_err() && self[space].init.is_none() && !self[space].closed {
            self[space].cursor = 1;
        }
        let numbers = numbers?;
        if self[space].closed {
            return Err(Errno::ENOMEM);
        }
        // R-CLONE-23.
        if std::mem::take(&mut self.refuses_next_birth) {
            self[space].closed |= self[space].init.is_none();
            return Err(Errno::EAGAIN);
        }
        Ok(self.add_pid(space, numbers))
    }

    fn number_everywhere(&mut self, space: SpaceKey, set_tid: &[u32]) -> Result<Vec<u32>, Errno> {
        let mut numbers = Vec::new();
        for (depth, around) in self.outward(space).collect::<Vec<_>>().into_iter().enumerate() {
            let number = match set_tid.get(depth) {
                Some(&wanted) => self.check_wanted(around, wanted)?,
                None => self.next_free(around)?,
            };
            numbers.insert(0, number);
        }
        Ok(numbers)
    }

    /// R-PID-11, R-PID-12.
    fn check_wanted(&self, space: SpaceKey, wanted: u32) -> Result<u32, Errno> {
        let is_number = (1..self[space].limit).contains(&wanted);
        if !is_number || (wanted != 1 && self[space].init.is_none()) {
            return Err(Errno::EINVAL);
        }
        match self.find(space, wanted.cast_signed()) {
            Some(_) => Err(Errno::EEXIST),
            None => Ok(wanted),
        }
    }

    /// R-PID-02, R-PID-04.
    fn next_free(&mut self, space: SpaceKey) -> Result<u32, Errno> {
        let is_free = |&number: &u32| self.find(space, number.cast_signed()).is_none();
        let Space { cursor, limit, .. } = self[space];
        let lowest = if cursor > RESERVED { RESERVED } else { 1 };
        let number = (cursor..limit).chain(lowest..limit).find(is_free);
        let number = number.ok_or(Errno::EAGAIN)?;
        self[space].cursor = number + 1;
        Ok(number)
    }

    /// R-PID-05, for a machine of two processors.
    pub(crate) fn set_pid_max(&mut self, caller: ProcessKey, limit: i32) -> Result<(), Errno> {
        let limit = u32::try_from(limit).map_err(|_| Errno::EINVAL)?;
        if !(301..=HIGHEST_LIMIT).contains(&limit) {
            return Err(Errno::EINVAL);
        }
        let space = self.space_of(caller);
        self[space].limit = limit;
        Ok(())
    }

    /// R-PID-06.
    pub(crate) fn set_last_pid(&mut self, caller: ProcessKey, last: i32) -> Result<(), Errno> {
        let space = self.space_of(caller);
        let last = u32::try_from(last).map_err(|_| Errno::EINVAL)?;
        if last > self[space].limit {
            return Err(Errno::EINVAL);
        }
        self[space].cursor = last + 1;
        Ok(())
    }

    /// What the host says of whoever is born next.
    pub(crate) fn refuse_next_birth(&mut self) {
        self.refuses_next_birth = true;
    }

    /// What the kernel of the process says of it.
    pub(crate) fn treat_sigchld(&mut self, process: ProcessKey, treatment: ChildSignalAction) {
        self[process].treatment = treatment;
    }

    pub(crate) fn set_action(&mut self, process: ProcessKey, signal: Signal, action: SignalAction) {
        self[process].actions.insert(signal, action);
    }

    pub(crate) fn block(&mut self, thread: ThreadKey, signal: Signal) {
        self[thread].blocked.insert(signal);
    }

    pub(crate) fn unblock(&mut self, thread: ThreadKey, signal: Signal) {
        self[thread].blocked.remove(&signal);
    }

    pub(crate) fn set_user(&mut self, process: ProcessKey, user: u8) {
        self[process].user = user;
    }
}
