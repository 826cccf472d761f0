//! The model's side: all contact with axprocess is here.
//!
//! [`Model`] is a world of processes with lockstep in it and the followed program below, driven
//! by the numbers that the kernel gave. It answers in the kernel's terms: numbers, errno values,
//! wait status words. A number that the model should know and does not is an answer too
//! ([`Refusal::Unknown`]): the two worlds have parted.

mod host;
mod line;
mod space;

use std::collections::HashMap;
use std::fmt;

use axprocess::{
    ARef, Errno, ExitSignal, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Number,
    PendingExit, PidNamespace, Process, ProcessState, ProcessTable, Signal, Terminal, Thread,
    WaitOutcome, WaitRequest,
};
use serde::{Deserialize, Serialize};

use self::host::{Handlers, World};
pub(crate) use self::line::Asked;
pub(crate) use self::space::Numbers;
use crate::operation::{
    Arrival, ChildSignal, Device, Fork, Sending, Space, Target, Wait, WaitResult,
};
use crate::sys::Pid;
use crate::words;

/// Where lockstep itself stands when it starts a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Its number.
    pub(crate) pid: Pid,
    /// Its group.
    pub(crate) group: Pid,
    /// Its session; 0 if that is not visible.
    pub(crate) session: Pid,
    /// Its controlling terminal.
    pub(crate) terminal: Device,
    /// What is in the foreground there.
    pub(crate) foreground: i32,
    /// Its PID namespace.
    pub(crate) space: Space,
}

/// The model, and the threads that the kernel runs in it.
pub(crate) struct Model {
    table: ProcessTable<World>,
    threads: HashMap<Pid, ARef<Thread<World>>>,
    lockstep: Pid,
    /// The founders of lockstep's session and group: they stand for processes not followed.
    founders: Vec<Pid>,
    /// The namespaces that somebody lives in or has lived in.
    spaces: HashMap<Space, ARef<PidNamespace<World>>>,
    /// The inits whose namespaces end.
    closing: HashMap<Pid, ClosingInit>,
    /// Whether the end of a process may ever have killed another.
    has_lethal_ends: bool,
    terminals: HashMap<Device, ARef<Terminal<World>>>,
}

/// Why the model did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The error that the system call would return.
    Errno(i32),
    /// The model has no such thread or process.
    Unknown(Pid),
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
    /// The controlling terminal.
    pub(crate) terminal: Device,
    /// The foreground group there, -1 without one.
    pub(crate) foreground: i32,
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
    /// It was the last of an init: the others in its namespace are killed first.
    Closing,
}

/// What the model says to a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitAnswer {
    /// The answer.
    pub(crate) result: WaitResult,
    /// The child, by the number that lockstep knows it by; 0 if the answer is about none.
    pub(crate) child: Pid,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno.value())
    }
}

impl Model {
    /// A world in which lockstep has its real numbers.
    ///
    /// Below init stand only as many founders as are needed for lockstep to be in a session and
    /// a group with the right numbers, and for that session's terminal to have its foreground. lockstep itself adopts orphans, as it
    /// does in reality.
    pub(crate) fn found(origin: &Origin) -> Result<Self, Refusal> {
        let Origin { pid, group, session, terminal, foreground, space } = *origin;
        let table = ProcessTable::new(World);
        let init = table.new_init(1, Handlers::default(), ())?;
        let spaces = HashMap::from([(space, ARef::from(table.namespace()))]);
        let mut model = Self {
            table,
            threads: HashMap::from([(1, init)]),
            lockstep: pid,
            founders: vec![1],
            spaces,
            closing: HashMap::new(),
            has_lethal_ends: false,
            terminals: HashMap::new(),
        };
        let mut parent = 1;
        if session != 0 {
            parent = model.settle(parent, session)?;
            model.process(session)?.setsid()?;
            if terminal != 0 {
                model.open_terminal(session, terminal)?;
            }
        }
        let foreground = Pid::try_from(foreground).unwrap_or(0);
        if session != 0 && terminal != 0 && foreground != 0 {
            model.settle_group(session, foreground)?;
            model.put_in_foreground(session, terminal, foreground)?;
        }
        if group != 0 && group != session {
            parent = model.settle_group(parent, group)?;
        }
        model.settle(parent, pid)?;
        model.founders.retain(|&founder| founder != pid);
        model.process(pid)?.become_subreaper();
        Ok(model)
    }

    /// Makes sure that there is a group of this number, and a process that founded it.
    fn settle_group(&mut self, parent: Pid, group: Pid) -> Result<Pid, Refusal> {
        if self.table.find_group(group).is_none() {
            self.settle(parent, group)?;
            self.process(group)?.setpgid(0, 0)?;
        }
        Ok(group)
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

    /// A thread forks a process, to which the kernel gave these numbers.
    pub(crate) fn fork(
        &mut self,
        caller: Pid,
        numbers: &Numbers,
        fork: &Fork,
    ) -> Result<(), Refusal> {
        let thread = self.thread(caller)?;
        let handlers = thread.process().host_data();
        let handlers = if fork.has(libc::CLONE_SIGHAND) {
            handlers.share()
        } else if fork.flags & CLONE_CLEAR_SIGHAND != 0 {
            Handlers::new(handlers.get().after_exec())
        } else {
            Handlers::new(handlers.get())
        };
        let (child, inside) = numbers.split();
        let is_init = fork.has(libc::CLONE_NEWPID);
        let request = ForkRequest {
            number: space::choose(child, &inside),
            namespace: if is_init { ForkNamespace::New } else { ForkNamespace::Inherited },
            exit_signal: u8::try_from(fork.exit_signal)
                .map_or(ExitSignal::NONE, ExitSignal::from_raw),
            parent: if fork.has(libc::CLONE_PARENT) {
                ForkParent::Sibling
            } else {
                ForkParent::Caller
            },
        };
        let thread = thread.fork(request, handlers, ())?;
        self.has_lethal_ends |= request.exit_signal == ExitSignal::from(Signal::SIGKILL);
        if !inside.is_empty() {
            self.spaces.insert(numbers.space, thread.process().namespace());
        }
        self.threads.insert(child, thread);
        Ok(())
    }

    /// A thread makes another, to which the kernel gave these numbers.
    pub(crate) fn spawn_thread(&mut self, caller: Pid, numbers: &Numbers) -> Result<(), Refusal> {
        let (tid, inside) = numbers.split();
        let thread = self.thread(caller)?.spawn_thread(space::choose(tid, &inside), ())?;
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

    /// A zombie is gone that nobody has waited for.
    pub(crate) fn release_zombie(&self, pid: Pid) {
        if let Ok(process) = self.process(pid) {
            process.release_zombie();
        }
    }

    /// Whether the end of a process is decided.
    pub(crate) fn is_doomed(&self, pid: Pid) -> bool {
        self.process(pid).is_ok_and(|process| process.is_group_exiting())
    }

    /// A thread ends with this status word.
    pub(crate) fn exit_thread(&mut self, tid: Pid, status: i32) -> Result<Departure, Refusal> {
        let thread = self.threads.remove(&tid).ok_or(Refusal::Unknown(tid))?;
        let process = ARef::clone(thread.process());
        thread.exit_thread(exit_status(status));
        Ok(departure(&process))
    }

    /// Whom the end of a thread kills, unless how they end is settled by then: its parent, if its exit signal is `SIGKILL`, and its children that have asked for that.
    pub(crate) fn killed_by_end_of(&self, tid: Pid) -> Vec<Pid> {
        let Some(thread) = self.thread(tid).ok().filter(|_| self.has_lethal_ends) else {
            return Vec::new();
        };
        let has_asked = |child: &ARef<Process<World>>| {
            let threads = child.threads().unwrap_or_default();
            threads.iter().any(|it| it.parent_death_signal() == Some(Signal::SIGKILL))
        };
        let mut killed = thread.children().unwrap_or_default();
        killed.retain(has_asked);
        let process = thread.process();
        if process.exit_signal() == ExitSignal::from(Signal::SIGKILL) {
            killed.extend(process.parent());
        }
        killed.iter().map(|it| it.pid_in(self.table.namespace())).collect()
    }

    /// Whether the end of a process is told by `SIGCHLD`, whatever its parent does.
    pub(crate) fn ends_with_sigchld(&self, pid: Pid) -> bool {
        self.process(pid).is_ok_and(|process| process.exit_signal() == ExitSignal::SIGCHLD)
    }

    /// The numbers of a process's children.
    pub(crate) fn children(&self, pid: Pid) -> Vec<Pid> {
        let children = self
            .process(pid)
            .map(|process| process.children().unwrap_or_default())
            .unwrap_or_default();
        children.iter().map(|child| child.pid_in(self.table.namespace())).collect()
    }

    /// The relations of a process, running or zombie, by the numbers that lockstep knows.
    pub(crate) fn relations(&self, pid: Pid) -> Result<Relations, Refusal> {
        let stat = self.process(pid)?.stat(self.table.namespace());
        let stat = stat.ok_or(Refusal::Unknown(pid))?;
        Ok(Relations {
            parent: stat.ppid,
            group: stat.pgrp,
            session: stat.session,
            terminal: stat.terminal.map_or(0, |terminal| terminal.device),
            foreground: stat.terminal.map_or(-1, |terminal| terminal.foreground.cast_signed()),
        })
    }

    /// `getpid` and `gettid` of a thread.
    pub(crate) fn own_ids(&self, tid: Pid) -> Result<(Pid, Pid), Refusal> {
        let thread = self.thread(tid)?;
        Ok((thread.process().pid(), thread.tid()))
    }

    /// `getppid` of a thread.
    pub(crate) fn getppid(&self, tid: Pid) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().ppid())
    }

    /// `getpgrp` of a thread.
    pub(crate) fn getpgrp(&self, tid: Pid) -> Result<Pid, Refusal> {
        Ok(self.thread(tid)?.process().pgid())
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

    /// What a process does about SIGCHLD.
    pub(crate) fn child_signal(&self, pid: Pid) -> Result<ChildSignal, Refusal> {
        Ok(self.process(pid)?.host_data().get())
    }

    /// `prctl(PR_SET_PDEATHSIG)`.
    pub(crate) fn set_death_signal(&mut self, tid: Pid, signal: u64) -> Result<Pid, Refusal> {
        let signal = Thread::<World>::parse_parent_death_signal(signal)?;
        self.thread(tid)?.set_parent_death_signal(signal);
        self.has_lethal_ends |= signal == Some(Signal::SIGKILL);
        Ok(0)
    }

    /// `prctl(PR_GET_PDEATHSIG)`: 0 for none.
    pub(crate) fn death_signal(&self, tid: Pid) -> Result<Pid, Refusal> {
        let signal = self.thread(tid)?.parent_death_signal();
        Ok(signal.map_or(0, |signal| signal.number().into()))
    }

    /// What a call that sends a signal would answer to a caller who may send it. Nothing is sent: what the signal does is
    /// Linux's news.
    pub(crate) fn probe(&self, tid: Pid, sending: &Sending) -> Result<Pid, Refusal> {
        let thread = self.thread(tid)?;
        let signal = if (0..=64).contains(&sending.signal) { 0 } else { sending.signal };
        match sending.target {
            Target::Process(pid) => thread.kill(pid, signal)?,
            Target::Thread(tid) => thread.tkill(tid, signal)?,
            Target::ThreadOf(tgid, tid) => thread.tgkill(tgid, tid, signal)?,
            // The descriptors are Linux's.
            Target::Descriptor(_) => {}
        }
        Ok(0)
    }

    /// `pidfd_open`: 0 for any descriptor.
    pub(crate) fn pidfd_open(&self, tid: Pid, pid: i32, flags: u32) -> Result<Pid, Refusal> {
        self.thread(tid)?.process().pidfd_open(pid, flags)?;
        Ok(0)
    }

    /// Whether the model has sent a process this.
    pub(crate) fn has_sent(&self, pid: Pid, arrival: &Arrival) -> bool {
        self.process(pid).is_ok_and(|process| process.host_data().has_post(arrival))
    }

    /// The same, and it has arrived.
    pub(crate) fn take_sent(&self, pid: Pid, arrival: &Arrival) {
        if let Ok(process) = self.process(pid) {
            process.host_data().take_post(arrival);
        }
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
            Ok(WaitOutcome::Event(event)) => WaitAnswer {
                result: WaitResult::Event { pid: event.pid, status: event.status.to_raw() },
                child: event.process.pid_in(self.table.namespace()),
            },
            Ok(WaitOutcome::NothingYet(_)) => WaitAnswer { result: wait.nothing_yet(), child: 0 },
            Err(errno) => WaitAnswer { result: WaitResult::Error(errno.value()), child: 0 },
        })
    }

    /// Lets lockstep reap one of the program's ended orphans, if there is one.
    pub(crate) fn reap_orphan(&self) -> Option<Pid> {
        let options = libc::WNOHANG | libc::__WALL;
        let wait = Wait::Wait4 { pid: -1, options, status: 0 };
        self.wait(self.lockstep, &wait).ok()?.result.child()
    }

    /// A stop of the whole process has completed.
    pub(crate) fn group_stopped(&self, pid: Pid, signal: i32) -> Result<(), Refusal> {
        if let Some(signal) = u8::try_from(signal).ok().and_then(Signal::new) {
            self.process(pid)?.report_group_stopped(signal);
        }
        Ok(())
    }

    /// SIGCONT has resumed the whole process. If the model sent it, the stop has ended before, and the parent is told when a thread runs.
    pub(crate) fn group_continued(&self, pid: Pid) -> Result<(), Refusal> {
        let process = self.process(pid)?;
        process.report_group_continued();
        if let Some(thread) = self.threads.values().find(|it| ARef::ptr_eq(it.process(), &process))
        {
            thread.notify_parent_if_continued();
        }
        Ok(())
    }

    fn thread(&self, tid: Pid) -> Result<&ARef<Thread<World>>, Refusal> {
        self.threads.get(&tid).ok_or(Refusal::Unknown(tid))
    }

    fn process(&self, pid: Pid) -> Result<ARef<Process<World>>, Refusal> {
        self.table.find_process(pid).ok_or(Refusal::Unknown(pid))
    }
}

/// The exit of the last thread of a namespace's init.
struct ClosingInit {
    process: ARef<Process<World>>,
    exit: PendingExit<World>,
}

fn exit_status(word: i32) -> ExitStatus {
    ExitStatus::from_raw(word).unwrap_or(ExitStatus::exited(0))
}

fn departure(process: &Process<World>) -> Departure {
    let status = process.exit_status().to_raw();
    match process.state() {
        ProcessState::Zombie => Departure::Zombie { status },
        ProcessState::Reaped => Departure::Vanished { status },
        ProcessState::Exiting => Departure::Closing,
        _ => Departure::OthersRemain,
    }
}

/// Not in the C library's headers for every architecture.
pub(crate) const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => f.write_str(&words::errno(*errno)),
            Self::Unknown(pid) => write!(f, "it has no process {pid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscalls::Name;

    fn origin([pid, group, session]: [Pid; 3]) -> Origin {
        Origin { pid, group, session, terminal: 0, foreground: -1, space: 0 }
    }

    fn relations(parent: Pid, origin: &Origin) -> Relations {
        let Origin { group, session, terminal, foreground, .. } = *origin;
        Relations { parent, group, session, terminal, foreground }
    }

    /// lockstep stands in a session and a group with its real numbers, whoever founded them.
    #[test]
    fn lockstep_has_its_real_numbers() {
        for numbers in [[50, 50, 50], [50, 50, 40], [50, 45, 40], [50, 0, 0]] {
            let origin = origin(numbers);
            let mut model = Model::found(&origin).unwrap();
            model.launch(60, ChildSignal::default()).unwrap();
            assert_eq!(model.relations(60), Ok(relations(50, &origin)));
        }
    }

    /// A container may have lockstep itself, or its session's leader, as process 1.
    #[test]
    fn process_one_may_lead_the_session() {
        for numbers in [[1, 1, 1], [9, 1, 1], [9, 9, 1], [1, 0, 0]] {
            let origin = origin(numbers);
            let mut model = Model::found(&origin).unwrap();
            model.launch(60, ChildSignal::default()).unwrap();
            assert_eq!(model.relations(60), Ok(relations(origin.pid, &origin)));
        }
    }

    /// lockstep's session may have a terminal, with any group in the foreground.
    #[test]
    fn lockstep_keeps_its_terminal() {
        for (group, foreground) in [(50, 50), (50, 40), (50, 44), (40, 40)] {
            let terminal = 0x8803;
            let origin = Origin { terminal, foreground, ..origin([50, group, 40]) };
            let mut model = Model::found(&origin).unwrap();
            model.launch(60, ChildSignal::default()).unwrap();
            assert_eq!(model.relations(60), Ok(relations(50, &origin)));
        }
    }

    /// An orphan comes to lockstep, which reaps it.
    #[test]
    fn orphans_come_to_lockstep() {
        let mut model = Model::found(&origin([50, 50, 50])).unwrap();
        model.launch(60, ChildSignal::default()).unwrap();
        let fork = Fork { name: Name::FORK, flags: 0, exit_signal: 17, request: 0 };
        model.fork(60, &Numbers { all: vec![61], space: 0 }, &fork).unwrap();
        model.exit_thread(60, 0).unwrap();
        assert_eq!(model.getppid(61), Ok(50));
        assert_eq!(model.reap_orphan(), Some(60));
        assert_eq!(model.reap_orphan(), None);
    }
}
