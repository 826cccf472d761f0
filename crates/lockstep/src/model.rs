//! The model's side: all contact with axprocess is here.
//!
//! [`Model`] is a world of processes with lockstep in it and the followed program below, driven
//! by the numbers that the kernel gave. It answers in the kernel's terms: numbers, errno values,
//! wait status words. A number that the model should know and does not is an answer too
//! ([`Refusal::Unknown`]): the two worlds have parted.

mod host;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axprocess::{
    Errno, ExitSignal, ExitStatus, ForkParent, ForkRequest, Number, Process, ProcessTable, Signal,
    Thread, WaitOutcome, WaitRequest,
};

use self::host::{Handlers, World};
use crate::operation::{ChildSignal, Fork, Wait};
use crate::sys::Pid;
use crate::words;

/// The model, and the threads that the kernel runs in it.
pub(crate) struct Model {
    table: ProcessTable<World>,
    threads: HashMap<Pid, Arc<Thread<World>>>,
    lockstep: Pid,
    /// The founders of lockstep's session and group: they stand for processes not followed.
    founders: Vec<Pid>,
}

/// Why the model did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The error that the system call would return.
    Errno(i32),
    /// The model has no such thread or process.
    Unknown(Pid),
}

/// The answer to a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitAnswer {
    /// A child's event, with its status word.
    Event { pid: Pid, status: i32 },
    /// Nothing yet.
    Nothing,
    /// An error.
    Error(i32),
}

/// The relations of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relations {
    /// The parent's number.
    pub(crate) parent: Pid,
    /// The group's number.
    pub(crate) group: Pid,
    /// The session's number.
    pub(crate) session: Pid,
}

/// What the end of a thread was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Its process lives on.
    OthersRemain,
    /// Its process is a zombie, with this status word.
    Zombie { status: i32 },
    /// Its process is gone: the parent does not wait for its children.
    Vanished { status: i32 },
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno.value())
    }
}

impl Model {
    /// A world in which lockstep has its real numbers: `[pid, parent, group, session]`.
    ///
    /// Below init stand only as many founders as are needed for lockstep to be in a session and
    /// a group with the right numbers. lockstep itself adopts orphans, as it does in reality.
    pub(crate) fn found([pid, _, group, session]: [Pid; 4]) -> Result<Self, Refusal> {
        let table = ProcessTable::new(World);
        let init = table.new_init(1, Handlers::default(), ())?;
        let threads = HashMap::from([(1, init)]);
        let mut model = Self { table, threads, lockstep: pid, founders: vec![1] };
        let mut parent = 1;
        if session != 0 {
            parent = model.settle(parent, session)?;
            model.process(session)?.setsid()?;
        }
        if group != 0 && group != session {
            parent = model.settle(parent, group)?;
            model.process(group)?.setpgid(0, 0)?;
        }
        model.settle(parent, pid)?;
        model.founders.retain(|&founder| founder != pid);
        model.process(pid)?.become_subreaper();
        Ok(model)
    }

    /// Makes sure that there is a process of this number, and returns it.
    fn settle(&mut self, parent: Pid, pid: Pid) -> Result<Pid, Refusal> {
        if !self.threads.contains_key(&pid) {
            let request = ForkRequest { number: Number::Exactly(pid), ..Default::default() };
            let thread = self.thread(parent)?.fork(request, Handlers::default(), ())?;
            self.threads.insert(pid, thread);
            self.founders.push(pid);
        }
        Ok(pid)
    }

    /// Adds the child that becomes the program.
    pub(crate) fn launch(&mut self, pid: Pid, action: ChildSignal) -> Result<(), Refusal> {
        let request = ForkRequest { number: Number::Exactly(pid), ..Default::default() };
        let thread = self.thread(self.lockstep)?.fork(request, Handlers::new(action), ())?;
        self.threads.insert(pid, thread);
        Ok(())
    }

    /// Whether the number names a process or thread of the followed program, or lockstep.
    pub(crate) fn is_known(&self, pid: Pid) -> bool {
        !self.founders.contains(&pid)
            && (self.table.find_process(pid).is_some() || self.table.find_thread(pid).is_some())
    }

    /// Whether there is a group of this number.
    pub(crate) fn is_group(&self, pgid: Pid) -> bool {
        self.table.find_group(pgid).is_some()
    }

    /// A thread forks a process, to which the kernel gave this number.
    pub(crate) fn fork(&mut self, caller: Pid, child: Pid, fork: &Fork) -> Result<(), Refusal> {
        let thread = self.thread(caller)?;
        let handlers = thread.process().host_data();
        let handlers = if fork.has(libc::CLONE_SIGHAND) {
            handlers.share()
        } else if fork.flags & CLONE_CLEAR_SIGHAND != 0 {
            Handlers::new(handlers.get().after_exec())
        } else {
            Handlers::new(handlers.get())
        };
        let request = ForkRequest {
            number: Number::Exactly(child),
            exit_signal: u8::try_from(fork.exit_signal)
                .map_or(ExitSignal::NONE, ExitSignal::from_raw),
            parent: if fork.has(libc::CLONE_PARENT) {
                ForkParent::Sibling
            } else {
                ForkParent::Caller
            },
            ..ForkRequest::default()
        };
        let thread = thread.fork(request, handlers, ())?;
        self.threads.insert(child, thread);
        Ok(())
    }

    /// A thread makes another, to which the kernel gave this number.
    pub(crate) fn spawn_thread(&mut self, caller: Pid, tid: Pid) -> Result<(), Refusal> {
        let thread = self.thread(caller)?.spawn_thread(Number::Exactly(tid), ())?;
        self.threads.insert(tid, thread);
        Ok(())
    }

    /// The whole process is about to end with this status word.
    pub(crate) fn begin_group_exit(&self, pid: Pid, status: i32) -> Result<(), Refusal> {
        if let Some(status) = ExitStatus::from_raw(status) {
            self.process(pid)?.begin_group_exit(status);
        }
        Ok(())
    }

    /// A thread ends with this status word.
    pub(crate) fn exit_thread(&mut self, tid: Pid, status: i32) -> Result<Departure, Refusal> {
        let thread = self.threads.remove(&tid).ok_or(Refusal::Unknown(tid))?;
        let process = Arc::clone(thread.process());
        thread.exit_thread(ExitStatus::from_raw(status).unwrap_or(ExitStatus::exited(0)));
        let status = process.exit_status().to_raw();
        Ok(match process.state() {
            axprocess::ProcessState::Zombie => Departure::Zombie { status },
            axprocess::ProcessState::Reaped => Departure::Vanished { status },
            _ => Departure::OthersRemain,
        })
    }

    /// The thread that had the number `former` has executed a program in the process `pid`.
    pub(crate) fn exec(&mut self, pid: Pid, former: Pid) -> Result<(), Refusal> {
        let thread = Arc::clone(self.thread(former)?);
        thread.exec()?;
        let process = thread.process();
        process.host_data().reset_for_exec();
        self.threads.retain(|_, other| !Arc::ptr_eq(other.process(), process));
        self.threads.insert(pid, thread);
        Ok(())
    }

    /// The numbers of a process's children.
    pub(crate) fn children(&self, pid: Pid) -> Vec<Pid> {
        let children = self.process(pid).map(|process| process.children()).unwrap_or_default();
        children.iter().map(|child| child.pid()).collect()
    }

    /// The relations of a process, running or zombie.
    pub(crate) fn relations(&self, pid: Pid) -> Result<Relations, Refusal> {
        let process = self.process(pid)?;
        Ok(Relations {
            parent: process.getppid(),
            group: process.getpgrp(),
            session: process.own_sid(),
        })
    }

    /// `getpid` and `gettid` of a thread.
    pub(crate) fn own_ids(&self, tid: Pid) -> Result<(Pid, Pid), Refusal> {
        let thread = self.thread(tid)?;
        Ok((thread.process().pid(), thread.tid()))
    }

    /// `getppid` of a thread.
    pub(crate) fn getppid(&self, tid: Pid) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().getppid())
    }

    /// `getpgrp` of a thread.
    pub(crate) fn getpgrp(&self, tid: Pid) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().getpgrp())
    }

    /// `getpgid`.
    pub(crate) fn getpgid(&self, tid: Pid, pid: i32) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().getpgid(pid)?)
    }

    /// `getsid`.
    pub(crate) fn getsid(&self, tid: Pid, pid: i32) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().getsid(pid)?)
    }

    /// `setpgid`.
    pub(crate) fn setpgid(&self, tid: Pid, pid: i32, pgid: i32) -> Result<Pid, Refusal> {
        self.thread(tid)?.process().setpgid(pid, pgid)?;
        Ok(0)
    }

    /// `setsid`.
    pub(crate) fn setsid(&self, tid: Pid) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().setsid()?)
    }

    /// `prctl(PR_SET_CHILD_SUBREAPER)`.
    pub(crate) fn set_subreaper(&self, tid: Pid, on: bool) -> Result<(), Refusal> {
        let process = self.thread(tid)?.process();
        if on {
            process.become_subreaper();
        } else {
            process.resign_subreaper();
        }
        Ok(())
    }

    /// `prctl(PR_GET_CHILD_SUBREAPER)`.
    pub(crate) fn is_subreaper(&self, tid: Pid) -> Result<bool, Refusal> {
        Ok(self.thread(tid)?.process().is_subreaper())
    }

    /// What the caller's process does about SIGCHLD from now on.
    pub(crate) fn set_child_signal(&self, tid: Pid, action: ChildSignal) -> Result<(), Refusal> {
        self.thread(tid)?.process().host_data().set(action);
        Ok(())
    }

    /// What a wait would say now, consuming nothing.
    pub(crate) fn look(&self, tid: Pid, wait: &Wait) -> Result<WaitAnswer, Refusal> {
        self.ask(tid, wait, WaitRequest::without_consuming)
    }

    /// What a wait says, consuming it unless the request is only to look.
    pub(crate) fn wait(&self, tid: Pid, wait: &Wait) -> Result<WaitAnswer, Refusal> {
        self.ask(tid, wait, |request| request)
    }

    fn ask(
        &self,
        tid: Pid,
        wait: &Wait,
        adapt: fn(WaitRequest) -> WaitRequest,
    ) -> Result<WaitAnswer, Refusal> {
        let thread = self.thread(tid)?;
        let outcome = match *wait {
            Wait::Wait4 { pid, options, .. } => WaitRequest::wait4(pid, options),
            Wait::WaitId { kind, id, options, .. } => WaitRequest::waitid(kind, id, options),
        }
        .and_then(|request| thread.wait(&adapt(request)));
        Ok(match outcome {
            Ok(WaitOutcome::Event(event)) => {
                WaitAnswer::Event { pid: event.pid, status: event.status.to_raw() }
            }
            Ok(WaitOutcome::NothingYet(_)) => WaitAnswer::Nothing,
            Err(errno) => WaitAnswer::Error(errno.value()),
        })
    }

    /// Lets lockstep reap one of the program's ended orphans, if there is one.
    pub(crate) fn reap_orphan(&self) -> Option<Pid> {
        let options = libc::WNOHANG | libc::__WALL;
        let wait = Wait::Wait4 { pid: -1, options, status: 0 };
        match self.wait(self.lockstep, &wait) {
            Ok(WaitAnswer::Event { pid, .. }) => Some(pid),
            _ => None,
        }
    }

    /// A stop of the whole process has completed.
    pub(crate) fn group_stopped(&self, pid: Pid, signal: i32) -> Result<(), Refusal> {
        if let Some(signal) = u8::try_from(signal).ok().and_then(Signal::new) {
            self.process(pid)?.group_stopped(signal);
        }
        Ok(())
    }

    /// SIGCONT has resumed the whole process.
    pub(crate) fn group_continued(&self, pid: Pid) -> Result<(), Refusal> {
        self.process(pid)?.group_continued();
        Ok(())
    }

    fn thread(&self, tid: Pid) -> Result<&Arc<Thread<World>>, Refusal> {
        self.threads.get(&tid).ok_or(Refusal::Unknown(tid))
    }

    fn process(&self, pid: Pid) -> Result<Arc<Process<World>>, Refusal> {
        self.table.find_process(pid).ok_or(Refusal::Unknown(pid))
    }
}

/// Not in the C library's headers for every architecture.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => f.write_str(&words::errno(*errno)),
            Self::Unknown(pid) => write!(f, "it has no process {pid}"),
        }
    }
}

impl fmt::Display for WaitAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { pid, status } => write!(f, "{pid}: {}", words::status(*status)),
            Self::Nothing => f.write_str("nothing to report yet"),
            Self::Error(errno) => f.write_str(&words::errno(*errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// lockstep stands in a session and a group with its real numbers, whoever founded them.
    #[test]
    fn lockstep_has_its_real_numbers() {
        for numbers in [[50, 40, 50, 50], [50, 40, 50, 40], [50, 40, 45, 40], [50, 1, 0, 0]] {
            let mut model = Model::found(numbers).unwrap();
            model.launch(60, ChildSignal::default()).unwrap();
            let [pid, _, group, session] = numbers;
            assert_eq!(model.relations(60).unwrap(), Relations { parent: pid, group, session });
        }
    }

    /// A container may have lockstep itself, or its session's leader, as process 1.
    #[test]
    fn process_one_may_lead_the_session() {
        for numbers in [[1, 0, 1, 1], [9, 1, 1, 1], [9, 1, 9, 1], [1, 0, 0, 0]] {
            let mut model = Model::found(numbers).unwrap();
            model.launch(60, ChildSignal::default()).unwrap();
            let [pid, _, group, session] = numbers;
            assert_eq!(model.relations(60).unwrap(), Relations { parent: pid, group, session });
        }
    }

    /// An orphan comes to lockstep, which reaps it.
    #[test]
    fn orphans_come_to_lockstep() {
        let mut model = Model::found([50, 40, 50, 50]).unwrap();
        model.launch(60, ChildSignal::default()).unwrap();
        let fork = Fork { name: "fork", flags: 0, exit_signal: 17 };
        model.fork(60, 61, &fork).unwrap();
        model.exit_thread(60, 0).unwrap();
        assert_eq!(model.getppid(61), Ok(50));
        assert_eq!(model.reap_orphan(), Some(60));
        assert_eq!(model.reap_orphan(), None);
    }
}
