//! The second model: the rules of Linux processes, written down a second time, for clarity alone.
//!
//! It is meant to be read as the specification that can be run. There are maps from keys to plain records, and nothing is linked,
//! counted or cached: who is a child, who is in a group, which numbers are in use, is found by looking at everybody. Each
//! function is one rule or a few, named in its comment.
//!
//! | file | rules |
//! | --- | --- |
//! | `birth` | fork, new threads, numbers, namespaces for children |
//! | `death` | exits, notification, reaping, orphans and their reapers, exec, the end of a namespace |
//! | `wait` | wait4, waitid |
//! | `kill` | kill and its like: who is hit, and whether the caller may |
//! | `send` | what is decided when a signal is sent |
//! | `stop` | stops and continuations, orphaned groups |
//! | `group` | setpgid, setsid and their getters |
//! | `terminal` | controlling terminals |
//! | `trace` | ptrace |
//!
//! Keys are never used twice. A [`PidKey`] is what Linux calls a `struct pid`: what a thread, and every group and
//! session named after it, has its numbers from. It outlives the thread.

mod birth;
mod death;
mod group;
mod kill;
pub(crate) mod send;
#[path = "../../kernel/sigchld.rs"]
mod sigchld;
mod stop;
mod terminal;
mod trace;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(crate) use self::sigchld::ChildSignalAction;
use axprocess::{DiscardedSignals, ExitStatus, Signal, SignalAction, SignalCause, TerminalKind};

pub(crate) use birth::Fork;
use trace::Traced;
use wait::Wait;

macro_rules! keys {
    ($($(#[$attribute:meta])* $name:ident $letter:literal;)*) => {
        $(
            $(#[$attribute])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
            pub(crate) struct $name(pub(crate) usize);

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}{}", $letter, self.0)
                }
            }
        )*
    };
}

keys! {
    /// A process, in the order of births; init is 0.
    ProcessKey "p";
    /// A thread, in the order of births.
    ThreadKey "t";
    /// What numbers belong to. 0 has none: init begins in the group and session of that name.
    PidKey "n";
    /// A PID namespace; the outermost is 0.
    SpaceKey "s";
    /// A terminal.
    TerminalKey "tty";
}

/// The group and the session in which init begins (R-NS-01).
const NAMELESS: PidKey = PidKey(0);
const INIT: ProcessKey = ProcessKey(0);

/// Of each namespace at first.
const HIGHEST_LIMIT: u32 = 4_194_304;

/// The exit signal of fork(2).
const SIGCHLD: u8 = 17;

/// What init has handlers for; scripts change it.
pub(crate) const HANDLED_AT_BOOT: [Signal; 3] = [Signal::SIGHUP, Signal::SIGCHLD, Signal::SIGCONT];

/// Numbers, one for each namespace from the outermost to that of the owner (R-PID-01).
#[derive(Clone, Debug)]
pub(crate) struct Pid {
    space: SpaceKey,
    numbers: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Space {
    parent: Option<SpaceKey>,
    level: usize,
    /// Where the search for the next free number begins (R-PID-02).
    cursor: u32,
    /// Numbers are below this one (R-PID-03, R-PID-05).
    limit: u32,
    init: Option<ProcessKey>,
    /// Its init is ending or has ended: nothing can be created in it (R-NS-22).
    closed: bool,
    /// The thread of its init that has ended it, and waits until nobody else is in it (R-NS-29).
    exiting_reaper: Option<ThreadKey>,
}

#[derive(Clone, Debug)]
pub(crate) struct Thread {
    process: ProcessKey,
    pid: PidKey,
    /// Not exited. Only a leader is still there when it has, as a zombie (R-EXIT-02, R-EXIT-03).
    alive: bool,
    /// It does not live any more, and has not finished its exit.
    exiting: bool,
    /// Its kernel lets it sleep in its exit as long as there are others in the namespace that it ends, and whether it has been woken there.
    sleeps_in_exit: bool,
    is_woken_in_exit: bool,
    /// How it ends, once it has begun to exit.
    settled: Option<ExitStatus>,
    /// It waits, on its way to its exit, for the end of a core dump.
    parked: bool,
    /// It sleeps in the group stop of its process.
    stopped: bool,
    /// It has lost its tracer in a stop, and looks where it has to stop now.
    looks_anew: bool,
    /// By which signal it was asked to stop last.
    asked_to_stop_by: Signal,
    death_signal: Option<Signal>,
    /// The signals that it blocks; kept by a leader that has exited.
    blocked: BTreeSet<Signal>,
    /// Where its children will live.
    children_space: SpaceKey,
    /// The code with which it has exited.
    code: ExitStatus,
    traced: Traced,
}

#[derive(Clone, Debug)]
pub(crate) struct Process {
    pid: PidKey,
    life: Life,
    parent: Option<ThreadKey>,
    /// Its place among its parent's children: the later it came, the greater.
    place: u64,
    /// A fault has hit it: as an init nothing shields it any more.
    exposed: bool,
    group: PidKey,
    /// Its place among the members of the group.
    joined: u64,
    session: PidKey,
    leads_session: bool,
    terminal: Option<TerminalKey>,
    /// The foreground at the moment when the terminal of this session leader hung up.
    foreground_at_hang_up: Option<PidKey>,
    /// 0 to 255; 1 to 64 are signals (R-CLONE-20).
    exit_signal: u8,
    /// The code of the last thread that exited, unless a group exit has decided it.
    code: ExitStatus,
    group_exit: bool,
    last_to_live: Option<ThreadKey>,
    /// The thread that was done with its exit last.
    last_gone: Option<ThreadKey>,
    /// Who dumps core, and because of which signal.
    dumper: Option<(ThreadKey, Signal)>,
    execed: bool,
    /// How many programs it and its ancestors have been, and how many its parent had when it forked (R-NOTIFY-06).
    program: u32,
    parent_program: u32,
    subreaper: bool,
    below_subreaper: bool,
    stop: Stop,
    stop_signal: Option<Signal>,
    /// What began the stop last.
    newest_stop_signal: Signal,
    stop_report: bool,
    continue_report: bool,
    notice: Option<Notice>,
    /// How often SIGCONT was sent.
    continues: u32,
    /// How it treats SIGCHLD, as its kernel says.
    treatment: ChildSignalAction,
    /// What it does about the other signals, where that is not the default action.
    actions: BTreeMap<Signal, SignalAction>,
    /// Whose it is: user 0 may signal everybody, the others themselves.
    user: u8,
    /// It is a kernel thread (R-KTHREAD-03).
    kernel_thread: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    Alive,
    /// No thread of it lives, and one has not finished its exit.
    Exiting,
    /// The init of a namespace without living threads, one of which has not finished its exit because of others in the namespace (R-NS-20).
    Withheld,
    /// Without living threads; dead ones wait for their tracers (R-PTRACE-06).
    HeldByTracers,
    Zombie,
}

/// The group stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    Running,
    /// Some threads have stopped, or will.
    Stopping,
    Stopped,
}

/// What a resumed process has to tell its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    Continued,
    StopUndone,
}

#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    kind: TerminalKind,
    session: Option<PidKey>,
    foreground: Option<PidKey>,
}

/// What a kernel is told, in the order in which it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Hook {
    Signal {
        to: ProcessKey,
        signal: Signal,
        cause: SignalCause,
    },
    ThreadSignal {
        to: ThreadKey,
        signal: Signal,
        cause: SignalCause,
    },
    Discard {
        from: ProcessKey,
        what: DiscardedSignals,
    },
    StopRequest {
        of: ThreadKey,
    },
    ExitRequest {
        of: ThreadKey,
    },
    /// The parent's waiters, and those among them that the event concerns.
    Wake {
        parent: ProcessKey,
        woken: Vec<ThreadKey>,
    },
    /// A thread that slept in its exit.
    WakeExit {
        of: ThreadKey,
    },
    HungUp {
        terminal: TerminalKey,
    },
    TracingChanged {
        of: ThreadKey,
    },
}

/// Everything there is.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pids: Vec<Pid>,
    spaces: Vec<Space>,
    terminals: Vec<Terminal>,
    threads: BTreeMap<ThreadKey, Thread>,
    /// All that have not been reaped.
    processes: BTreeMap<ProcessKey, Process>,
    /// Execs that wait for dead threads.
    execs: BTreeMap<ProcessKey, ThreadKey>,
    /// What the threads wait for that have found nothing to report.
    sleepers: BTreeMap<ThreadKey, Wait>,
    /// The second root, if there is one (R-KTHREAD-01).
    kthreadd: Option<ProcessKey>,
    births: [usize; 2],
    refuses_next_birth: bool,
    clock: u64,
    hooks: Vec<Hook>,
    /// In this kill, one who cannot see the sender has been hit: nobody behind it is shown the sender either (R-KILL-07).
    is_sender_hidden: bool,
    /// The hooks of this operation come in no particular order.
    unordered: bool,
}

impl World {
    /// A world with init alone.
    pub(crate) fn new(terminals: &[TerminalKind]) -> Self {
        let terminal = |&kind| Terminal { kind, session: None, foreground: None };
        let root = SpaceKey(0);
        let space = Space {
            parent: None,
            level: 0,
            // Init's number was chosen, which does not count (R-PID-12).
            cursor: 1,
            limit: HIGHEST_LIMIT,
            init: Some(INIT),
            closed: false,
            exiting_reaper: None,
        };
        let leader = Thread {
            process: INIT,
            pid: PidKey(1),
            alive: true,
            exiting: false,
            sleeps_in_exit: false,
            is_woken_in_exit: false,
            settled: None,
            parked: false,
            stopped: false,
            looks_anew: false,
            asked_to_stop_by: Signal::SIGSTOP,
            death_signal: None,
            blocked: BTreeSet::new(),
            children_space: root,
            code: ExitStatus::exited(0),
            traced: Traced::default(),
        };
        let init = Process {
            pid: PidKey(1),
            life: Life::Alive,
            parent: None,
            place: 0,
            group: NAMELESS,
            joined: 0,
            exposed: false,
            session: NAMELESS,
            leads_session: false,
            terminal: None,
            foreground_at_hang_up: None,
            exit_signal: SIGCHLD,
            code: ExitStatus::exited(0),
            group_exit: false,
            last_to_live: None,
            last_gone: None,
            dumper: None,
            execed: false,
            program: 0,
            parent_program: 0,
            subreaper: false,
            below_subreaper: false,
            stop: Stop::Running,
            stop_signal: None,
            newest_stop_signal: Signal::SIGSTOP,
            stop_report: false,
            continue_report: false,
            notice: None,
            continues: 0,
            treatment: ChildSignalAction::empty(),
            actions: HANDLED_AT_BOOT.map(|signal| (signal, SignalAction::Handle)).into(),
            user: 0,
            kernel_thread: false,
        };
        Self {
            pids: vec![
                Pid { space: root, numbers: vec![0] },
                Pid { space: root, numbers: vec![1] },
            ],
            spaces: vec![space],
            terminals: terminals.iter().map(terminal).collect(),
            threads: BTreeMap::from([(ThreadKey(0), leader)]),
            processes: BTreeMap::from([(INIT, init)]),
            execs: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            kthreadd: None,
            births: [1, 1],
            refuses_next_birth: false,
            clock: 0,
            hooks: Vec::new(),
            is_sender_hidden: false,
            unordered: false,
        }
    }

    /// What the kernel was told since the last call, and whether its order counts.
    pub(crate) fn take_hooks(&mut self) -> (Vec<Hook>, bool) {
        let ordered = !std::mem::take(&mut self.unordered);
        (std::mem::take(&mut self.hooks), ordered)
    }
}

/// Who there is, and what can be seen of everybody.
impl World {
    /// All processes that have not been reaped.
    pub(crate) fn processes(&self) -> Vec<ProcessKey> {
        self.processes.keys().copied().collect()
    }

    /// All threads that have not exited.
    pub(crate) fn living_threads(&self) -> Vec<ThreadKey> {
        self.threads.iter().filter(|(_, thread)| thread.alive).map(|(&key, _)| key).collect()
    }

    /// The threads of a process in their order, its leader first; a leader that has exited among them.
    pub(crate) fn threads_of(&self, process: ProcessKey) -> Vec<ThreadKey> {
        let own = self.threads.iter().filter(|(_, thread)| thread.process == process);
        own.map(|(&key, _)| key).collect()
    }

    pub(crate) fn living_threads_of(&self, process: ProcessKey) -> Vec<ThreadKey> {
        let mut threads = self.threads_of(process);
        threads.retain(|&thread| self[thread].alive);
        threads
    }

    pub(crate) fn process_of(&self, thread: ThreadKey) -> ProcessKey {
        self[thread].process
    }

    /// The thread that has the number of the process.
    pub(crate) fn leader(&self, process: ProcessKey) -> Option<ThreadKey> {
        let mut threads = self.threads_of(process).into_iter();
        threads.find(|&thread| self[thread].pid == self[process].pid)
    }

    pub(crate) fn parent(&self, process: ProcessKey) -> Option<ProcessKey> {
        self[process].parent.map(|thread| self[thread].process)
    }

    /// The children of one thread, in the order in which they came (R-WAIT-14).
    pub(crate) fn children_of_thread(&self, thread: ThreadKey) -> Vec<ProcessKey> {
        let of_thread = |&process: &ProcessKey| self[process].parent == Some(thread);
        let mut children: Vec<_> = self.processes().into_iter().filter(of_thread).collect();
        children.sort_by_key(|&child| self[child].place);
        children
    }

    /// The children of a process: those of each thread in turn.
    pub(crate) fn children(&self, process: ProcessKey) -> Vec<ProcessKey> {
        let threads = self.threads_of(process).into_iter();
        threads.flat_map(|thread| self.children_of_thread(thread)).collect()
    }

    /// The members of a group, zombies included, in the order in which they joined.
    pub(crate) fn members(&self, group: PidKey) -> Vec<ProcessKey> {
        let is_member = |&process: &ProcessKey| self[process].group == group;
        let mut members: Vec<_> = self.processes().into_iter().filter(is_member).collect();
        members.sort_by_key(|&member| self[member].joined);
        members
    }

    pub(crate) fn is_zombie(&self, process: ProcessKey) -> bool {
        self[process].life == Life::Zombie
    }

    /// Whether the process takes signals: its exit is not decided (R-EXIT-12).
    pub(crate) fn takes_signals(&self, process: ProcessKey) -> bool {
        self[process].life == Life::Alive && !self[process].group_exit
    }

    /// Whether a thread sleeps in a stop: a tracee in no other than its tracer's.
    pub(crate) fn sleeps(&self, thread: ThreadKey) -> bool {
        match self.is_traced(thread) {
            true => self.is_in_ptrace_stop(thread),
            false => self[thread].stopped,
        }
    }

    pub(crate) fn exists(&self, process: ProcessKey) -> bool {
        self.processes.contains_key(&process)
    }
}

/// Numbers.
impl World {
    pub(crate) fn space_of(&self, process: ProcessKey) -> SpaceKey {
        self[self[process].pid].space
    }

    /// A namespace and all around it, outward.
    pub(crate) fn outward(&self, space: SpaceKey) -> impl Iterator<Item = SpaceKey> {
        std::iter::successors(Some(space), |&at| self[at].parent)
    }

    /// The number that is seen from a namespace; 0 from one that is neither the owner's nor around it (R-PID-14).
    pub(crate) fn number_in(&self, pid: PidKey, viewer: SpaceKey) -> u32 {
        let is_visible = self.outward(self[pid].space).any(|space| space == viewer);
        if is_visible { self[pid].numbers[self[viewer].level] } else { 0 }
    }

    /// The number of one process as another sees it.
    pub(crate) fn number_seen_by(&self, process: ProcessKey, viewer: ProcessKey) -> u32 {
        self.number_in(self[process].pid, self.space_of(viewer))
    }

    pub(crate) fn group_number_seen_by(&self, process: ProcessKey, viewer: ProcessKey) -> u32 {
        self.number_in(self[process].group, self.space_of(viewer))
    }

    pub(crate) fn tid_seen_by(&self, thread: ThreadKey, viewer: ProcessKey) -> u32 {
        self.number_in(self[thread].pid, self.space_of(viewer))
    }

    pub(crate) fn is_group(&self, pid: PidKey) -> bool {
        self.processes.values().any(|process| process.group == pid)
    }

    pub(crate) fn is_session(&self, pid: PidKey) -> bool {
        self.processes.values().any(|process| process.session == pid)
    }

    pub(crate) fn thread_with(&self, pid: PidKey) -> Option<ThreadKey> {
        self.threads.iter().find(|(_, thread)| thread.pid == pid).map(|(&key, _)| key)
    }

    /// Whether a thread, a zombie leader, a group or a session has it (R-PID-08).
    pub(crate) fn is_in_use(&self, pid: PidKey) -> bool {
        self.thread_with(pid).is_some() || self.is_group(pid) || self.is_session(pid)
    }

    /// Whose number this is, in a namespace; 0 and what is negative are nobody's (R-PID-15).
    pub(crate) fn find(&self, space: SpaceKey, number: i32) -> Option<PidKey> {
        let number = u32::try_from(number).ok().filter(|&number| number > 0)?;
        let pids = (0..self.pids.len()).map(PidKey);
        pids.rev().find(|&pid| self.number_in(pid, space) == number && self.is_in_use(pid))
    }

    /// The thread that has a number, as this process sees it.
    pub(crate) fn find_thread(&self, viewer: ProcessKey, number: i32) -> Option<ThreadKey> {
        self.thread_with(self.find(self.space_of(viewer), number)?)
    }

    /// The group that has a number, as this process sees it.
    pub(crate) fn find_group(&self, viewer: ProcessKey, number: i32) -> Option<PidKey> {
        self.find(self.space_of(viewer), number).filter(|&pid| self.is_group(pid))
    }

    /// The process whose leader has this number.
    pub(crate) fn find_process(&self, viewer: ProcessKey, number: i32) -> Option<ProcessKey> {
        let thread = self.find_thread(viewer, number)?;
        let process = self.process_of(thread);
        (self[process].pid == self[thread].pid).then_some(process)
    }

    /// The namespace whose number 1 this process is.
    pub(crate) fn space_of_init(&self, process: ProcessKey) -> Option<SpaceKey> {
        let space = self.space_of(process);
        (self[space].init == Some(process)).then_some(space)
    }

    /// Whether it never ends: one of the two roots (R-EXIT-18, R-KTHREAD-01).
    pub(crate) fn is_root(&self, process: ProcessKey) -> bool {
        process == INIT || Some(process) == self.kthreadd
    }

    pub(crate) fn is_kernel_thread(&self, process: ProcessKey) -> bool {
        self[process].kernel_thread
    }

    /// What a process does about SIGCHLD. R-KTHREAD-05.
    fn treatment_of(&self, process: ProcessKey) -> ChildSignalAction {
        let own = self[process].treatment;
        let ignores = Some(process) == self.kthreadd
            || self.action(process, Signal::SIGCHLD) == SignalAction::Ignore;
        if ignores { own | ChildSignalAction::IGNORE } else { own }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

macro_rules! index {
    ($($key:ident => $record:ident in $map:ident by $access:expr;)*) => {
        $(
            impl std::ops::Index<$key> for World {
                type Output = $record;
                fn index(&self, key: $key) -> &$record {
                    &self.$map[$access(&key)]
                }
            }
        )*
    };
}

index! {
    ThreadKey => Thread in threads by std::convert::identity;
    ProcessKey => Process in processes by std::convert::identity;
    PidKey => Pid in pids by |key: &PidKey| key.0;
    SpaceKey => Space in spaces by |key: &SpaceKey| key.0;
    TerminalKey => Terminal in terminals by |key: &TerminalKey| key.0;
}

impl std::ops::IndexMut<ThreadKey> for World {
    fn index_mut(&mut self, key: ThreadKey) -> &mut Thread {
        self.threads.get_mut(&key).expect("a thread that is there")
    }
}

impl std::ops::IndexMut<ProcessKey> for World {
    fn index_mut(&mut self, key: ProcessKey) -> &mut Process {
        self.processes.get_mut(&key).expect("a process that is there")
    }
}

impl std::ops::IndexMut<SpaceKey> for World {
    fn index_mut(&mut self, key: SpaceKey) -> &mut Space {
        &mut self.spaces[key.0]
    }
}

impl std::ops::IndexMut<TerminalKey> for World {
    fn index_mut(&mut self, key: TerminalKey) -> &mut Terminal {
        &mut self.terminals[key.0]
    }
}

/// What the comparison asks.
impl World {
    /// The keys of the next process and the next thread.
    pub(crate) fn next_keys(&self) -> (ProcessKey, ThreadKey) {
        (ProcessKey(self.births[0]), ThreadKey(self.births[1]))
    }

    /// All numbers of the outermost namespace that are or were in use.
    pub(crate) fn numbers_seen(&self) -> BTreeSet<u32> {
        self.pids.iter().map(|pid| pid.numbers[0]).filter(|&number| number > 0).collect()
    }

    /// The limit of a process's namespace, and the number that it gave out last.
    pub(crate) fn number_settings(&self, process: ProcessKey) -> (u32, u32) {
        let space = self.space_of(process);
        (self[space].limit, self[space].cursor - 1)
    }

    pub(crate) fn life(&self, process: ProcessKey) -> Life {
        self[process].life
    }

    pub(crate) fn has_begun_exit(&self, thread: ThreadKey) -> bool {
        self[thread].settled.is_some()
    }

    pub(crate) fn is_exiting(&self, thread: ThreadKey) -> bool {
        self[thread].exiting
    }

    pub(crate) fn is_dumping_core(&self, process: ProcessKey) -> bool {
        self[process].dumper.is_some()
    }

    pub(crate) fn dumps(&self, thread: ThreadKey) -> bool {
        self[self.process_of(thread)].dumper.is_some_and(|(dumper, _)| dumper == thread)
    }

    /// Who has begun to exit in steps, and is not done.
    pub(crate) fn begun_threads(&self) -> Vec<ThreadKey> {
        let waits = |key| self.spaces.iter().any(|space| space.exiting_reaper == Some(key));
        let is_pending = |key: ThreadKey, thread: &Thread| {
            let is_there = thread.alive || thread.exiting;
            thread.settled.is_some() && is_there && (thread.sleeps_in_exit || !waits(key))
        };
        let pending = self.threads.iter().filter(|&(&key, thread)| is_pending(key, thread));
        pending.map(|(&key, _)| key).collect()
    }

    pub(crate) fn exit_status(&self, process: ProcessKey) -> ExitStatus {
        self[process].code
    }

    /// Whether the default action of a signal would not touch this process (R-NS-12).
    pub(crate) fn is_init(&self, process: ProcessKey) -> bool {
        self.space_of_init(process).is_some()
    }

    /// Whether nothing from inside touches it.
    pub(crate) fn is_shielded(&self, process: ProcessKey) -> bool {
        self.is_init(process) && !self[process].exposed
    }

    pub(crate) fn is_stopped(&self, process: ProcessKey) -> bool {
        self[process].stop == Stop::Stopped
    }

    /// Whether `wait` could report something of this process.
    pub(crate) fn has_report(&self, process: ProcessKey) -> bool {
        self.is_zombie(process) || self[process].stop_report || self[process].continue_report
    }

    /// Whether the process has yet to tell its parent of a continuation.
    pub(crate) fn has_notice(&self, process: ProcessKey) -> bool {
        self[process].notice.is_some()
    }

    /// Whether the process leads a session without a terminal.
    pub(crate) fn could_lead_terminal(&self, process: ProcessKey) -> bool {
        self[process].leads_session && self[process].terminal.is_none()
    }

    pub(crate) fn is_subreaper(&self, process: ProcessKey) -> bool {
        self[process].subreaper
    }

    pub(crate) fn death_signal(&self, thread: ThreadKey) -> Option<Signal> {
        self[thread].death_signal
    }

    pub(crate) fn pid_in(&self, process: ProcessKey, viewer: SpaceKey) -> u32 {
        self.number_in(self[process].pid, viewer)
    }

    pub(crate) fn group_number_in(&self, process: ProcessKey, viewer: SpaceKey) -> u32 {
        self.number_in(self[process].group, viewer)
    }

    pub(crate) fn session_number_in(&self, process: ProcessKey, viewer: SpaceKey) -> u32 {
        self.number_in(self[process].session, viewer)
    }

    pub(crate) fn members_of_group_of(&self, process: ProcessKey) -> Vec<ProcessKey> {
        self.members(self[process].group)
    }

    pub(crate) fn is_group_of_orphaned(&self, process: ProcessKey) -> bool {
        self.is_orphaned(self[process].group, None)
    }

    pub(crate) fn find_living_thread(&self, viewer: ProcessKey, number: i32) -> Option<ThreadKey> {
        let there = self.find_thread(viewer, number);
        there.filter(|&thread| {
            self[thread].alive || self[thread].exiting || self.is_dead_thread(thread)
        })
    }

    pub(crate) fn find_session(&self, viewer: ProcessKey, number: i32) -> Option<PidKey> {
        self.find(self.space_of(viewer), number).filter(|&pid| self.is_session(pid))
    }
}
