//! What a script is made of: calls, which print as such, and the numbers in their arguments.

use axprocess::{
    AcquireTerminal, ExitStatus, ForcedAction, ForkNamespace, ForkParent, Signal, SignalAction,
    StopSignal, TerminalAccess, TerminalFile, TerminalSide, TraceStart, TraceStop,
};

use crate::naive::send::{KernelTarget, Told};
use crate::naive::{ProcessKey, ThreadKey, World};

/// One step of a script as it is drawn: a thread, by its place among those that can call, and its call.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) by: u8,
    pub(crate) call: Call<Arg, u8>,
}

/// A number in an argument, as it is drawn. It means what the caller sees at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    /// This number itself.
    Number(i32),
    Own,
    Parent,
    /// The number of one of the caller's children, zombies included.
    Child(u8),
    /// The number of anybody who is there.
    Process(u8),
    Thread(u8),
    /// The number of one of the caller's tracees.
    Tracee(u8),
    /// The number of somebody's group.
    Group(u8),
    OwnGroup,
    MinusGroup(u8),
    MinusOwnGroup,
    MinusProcess(u8),
}

/// A call. `N` is what numbers are written as, `I` what things are that have no number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Call<N, I> {
    Fork {
        exit_signal: u8,
        parent: ForkParent,
        space: ForkNamespace,
        set_tid: Vec<N>,
    },
    /// The kernel makes its second root.
    NewKthreadd,
    /// A kernel thread makes another, or somebody who is none tries to.
    ForkKernelThread {
        parent: ForkParent,
        set_tid: Vec<N>,
    },
    SpawnThread {
        set_tid: Vec<N>,
    },
    ExitThread(ExitStatus),
    /// The first step of an exit.
    BeginExit(ExitStatus),
    /// The next step of the exit of a thread that has begun.
    GoOnExiting(I),
    BeginCoreDump(Signal),
    /// The dump of a process ends, with a core written or not.
    EndCoreDump(I, bool),
    /// exit_group: the decision, and the exit of every thread.
    Exit(ExitStatus),
    /// The decision alone, which a signal makes for a process; its threads go on for a while.
    BeginGroupExit(I, ExitStatus),
    /// Every thread of a process exits whose exit is decided.
    FinishGroupExit(I),
    Exec,
    /// exec in steps: who is asked to exit does, one after the other.
    ExecInSteps,
    /// The thread that sleeps in an exec looks whether the others are gone.
    FinishExec,
    Attach {
        tid: N,
        start: TraceStart,
        kills_at_exit: bool,
    },
    TraceMe,
    TraceStop(TraceStop),
    Interrupt(N),
    Resume(N),
    Listen(N),
    SetKillsAtExit(N, bool),
    Detach(N),
    Wait4 {
        pid: N,
        options: i32,
    },
    Waitid {
        kind: i32,
        id: N,
        options: i32,
    },
    /// A wait that sleeps, while another thread of the process leaves the group, for this one or for a session.
    WaitAcross {
        pid: N,
        options: i32,
        pgid: Option<N>,
    },
    Setpgid {
        pid: N,
        pgid: N,
    },
    Setsid,
    Getpgid(N),
    Getsid(N),
    Kill {
        pid: N,
        signal: i32,
    },
    Tkill {
        tid: N,
        signal: i32,
    },
    Tgkill {
        tgid: N,
        tid: N,
        signal: i32,
    },
    /// rt_tgsigqueueinfo with a `tgid`, else rt_sigqueueinfo.
    Queue {
        tgid: Option<N>,
        pid: N,
        signal: i32,
        code: i32,
    },
    /// The kernel has sent a signal by itself, and says so.
    SignalSent(I, Signal),
    /// The kernel sends one by itself, on the caller's account.
    KernelSends {
        to: KernelTarget,
        signal: Signal,
        cause: Told<I>,
    },
    /// A fault of the caller's, or the like.
    Force(Signal, ForcedAction),
    /// The caller takes a stop signal from its queue, and keeps the ticket.
    TakeStopSignal,
    /// The default action of the stop signal for which the caller has the ticket.
    BeginStop(Signal),
    /// The same for a signal that was taken just now.
    TakeAndBeginStop(Signal),
    Stop,
    /// Every thread of the caller's process stops that can.
    StopAll,
    Run,
    BecomeSubreaper,
    ResignSubreaper,
    SetParentDeathSignal(u64),
    /// The host refuses whoever is born next.
    RefuseNextBirth,
    /// What the process does about SIGCHLD: bits of `ChildSignalAction`.
    TreatSigchld(u8),
    /// What the process does about another signal.
    SetAction(Signal, SignalAction),
    /// The thread blocks a signal, and does so no more.
    Block(Signal),
    Unblock(Signal),
    SetUser(u8),
    SetPidMax(i32),
    SetLastPid(i32),
    Unshare,
    Setns(I),
    OpenTerminal(I, TerminalFile),
    AcquireTerminal(I, AcquireTerminal),
    ReleaseTerminal(I, TerminalSide),
    Tcgetpgrp(I, TerminalSide),
    Tcgetsid(I, TerminalSide),
    Tcsetpgrp(I, N, StopSignal),
    AccessTerminal(I, TerminalAccess, StopSignal),
    HangUp(I),
    SignalForeground(I, Signal),
}

/// A call as it is made.
pub(crate) type Deed = Call<i32, usize>;

impl Step {
    /// Who calls, and what, in this world. `None`: nobody can, or nobody may.
    pub(crate) fn resolve(&self, world: &World, terminals: usize) -> Option<(ThreadKey, Deed)> {
        let caller = self.caller(world)?;
        let number = |arg: Arg| arg.resolve(world, caller);
        let numbers = |args: &[Arg]| args.iter().map(|&arg| number(arg)).collect();
        let process = |index| pick(&world.mortals(), index).map(|key| key.0);
        let own_terminal = world.shown_terminal(world.process_of(caller)).map(|(key, _)| key.0);
        let any_terminal = |index: u8| usize::from(index) % terminals;
        // Mostly the caller's own, if it has one.
        let terminal = |index: u8| match own_terminal {
            Some(own) if index > 1 => own,
            _ => any_terminal(index),
        };
        let deed = match self.call.clone() {
            Call::Fork { exit_signal, parent, space, set_tid } => {
                let set_tid = numbers(&set_tid);
                Call::Fork { exit_signal, parent, space, set_tid }
            }
            Call::NewKthreadd => Call::NewKthreadd,
            Call::ForkKernelThread { parent, set_tid } => {
                Call::ForkKernelThread { parent, set_tid: numbers(&set_tid) }
            }
            Call::SpawnThread { set_tid } => Call::SpawnThread { set_tid: numbers(&set_tid) },
            Call::ExitThread(status) => Call::ExitThread(status),
            Call::BeginExit(status) => Call::BeginExit(status),
            Call::BeginCoreDump(signal) => Call::BeginCoreDump(signal),
            Call::EndCoreDump(index, is_written) => {
                Call::EndCoreDump(pick(&world.dumping(), index)?.0, is_written)
            }
            Call::GoOnExiting(index) => Call::GoOnExiting(pick(&world.begun(), index)?.0),
            Call::Exit(status) => Call::Exit(status),
            Call::BeginGroupExit(index, status) => Call::BeginGroupExit(process(index)?, status),
            Call::FinishGroupExit(index) => Call::FinishGroupExit(pick(&world.doomed(), index)?.0),
            Call::Exec => Call::Exec,
            Call::ExecInSteps => Call::ExecInSteps,
            Call::FinishExec => Call::FinishExec,
            Call::Attach { tid, start, kills_at_exit } => {
                Call::Attach { tid: number(tid), start, kills_at_exit }
            }
            Call::TraceMe => Call::TraceMe,
            Call::TraceStop(code) => Call::TraceStop(code),
            Call::Interrupt(tid) => Call::Interrupt(number(tid)),
            Call::Resume(tid) => Call::Resume(number(tid)),
            Call::Listen(tid) => Call::Listen(number(tid)),
            Call::SetKillsAtExit(tid, kills) => Call::SetKillsAtExit(number(tid), kills),
            Call::Detach(tid) => Call::Detach(number(tid)),
            Call::Wait4 { pid, options } => Call::Wait4 { pid: number(pid), options },
            Call::Waitid { kind, id, options } => Call::Waitid { kind, id: number(id), options },
            Call::WaitAcross { pid, options, pgid } => {
                Call::WaitAcross { pid: number(pid), options, pgid: pgid.map(number) }
            }
            Call::Setpgid { pid, pgid } => Call::Setpgid { pid: number(pid), pgid: number(pgid) },
            Call::Setsid => Call::Setsid,
            Call::Getpgid(pid) => Call::Getpgid(number(pid)),
            Call::Getsid(pid) => Call::Getsid(number(pid)),
            Call::Kill { pid, signal } => Call::Kill { pid: number(pid), signal },
            Call::Tkill { tid, signal } => Call::Tkill { tid: number(tid), signal },
            Call::Tgkill { tgid, tid, signal } => {
                Call::Tgkill { tgid: number(tgid), tid: number(tid), signal }
            }
            Call::Queue { tgid, pid, signal, code } => {
                Call::Queue { tgid: tgid.map(&number), pid: number(pid), signal, code }
            }
            Call::SignalSent(index, signal) => {
                Call::SignalSent(pick(&world.processes(), index)?.0, signal)
            }
            Call::KernelSends { to, signal, cause } => {
                let process = |index| pick(&world.processes(), index).map(|it| it.0);
                let cause = match cause {
                    Told::Kernel => Told::Kernel,
                    Told::Event(code) => Told::Event(code),
                    Told::Process(by) => Told::Process(process(by)?),
                    Told::Message(by) => Told::Message(process(by)?),
                };
                Call::KernelSends { to, signal, cause }
            }
            Call::Force(signal, action) => Call::Force(signal, action),
            Call::TakeStopSignal => Call::TakeStopSignal,
            Call::BeginStop(signal) => Call::BeginStop(signal),
            Call::TakeAndBeginStop(signal) => Call::TakeAndBeginStop(signal),
            Call::Stop => Call::Stop,
            Call::StopAll => Call::StopAll,
            Call::Run => Call::Run,
            Call::BecomeSubreaper => Call::BecomeSubreaper,
            Call::ResignSubreaper => Call::ResignSubreaper,
            Call::SetParentDeathSignal(signal) => Call::SetParentDeathSignal(signal),
            Call::RefuseNextBirth => Call::RefuseNextBirth,
            Call::TreatSigchld(bits) => Call::TreatSigchld(bits),
            Call::SetAction(signal, action) => Call::SetAction(signal, action),
            Call::Block(signal) => Call::Block(signal),
            Call::Unblock(signal) => Call::Unblock(signal),
            Call::SetUser(user) => Call::SetUser(user),
            Call::SetPidMax(limit) => Call::SetPidMax(limit),
            Call::SetLastPid(last) => Call::SetLastPid(last),
            Call::Unshare => Call::Unshare,
            Call::Setns(index) => Call::Setns(pick(&world.known_spaces(), index)?.0),
            Call::OpenTerminal(index, file) => Call::OpenTerminal(any_terminal(index), file),
            Call::AcquireTerminal(index, request) => {
                Call::AcquireTerminal(any_terminal(index), request)
            }
            Call::ReleaseTerminal(index, side) => Call::ReleaseTerminal(terminal(index), side),
            Call::Tcgetpgrp(index, side) => Call::Tcgetpgrp(terminal(index), side),
            Call::Tcgetsid(index, side) => Call::Tcgetsid(terminal(index), side),
            Call::Tcsetpgrp(index, pgid, stop) => {
                Call::Tcsetpgrp(terminal(index), number(pgid), stop)
            }
            Call::AccessTerminal(index, access, stop) => {
                Call::AccessTerminal(terminal(index), access, stop)
            }
            Call::HangUp(index) => Call::HangUp(terminal(index)),
            Call::SignalForeground(index, signal) => {
                Call::SignalForeground(terminal(index), signal)
            }
        };
        world.permits(caller, &deed).then_some((caller, deed))
    }
}

impl Step {
    /// Mostly somebody to whom the call means something, if there is one.
    fn caller(&self, world: &World) -> Option<ThreadKey> {
        const MOSTLY: u8 = 200;
        let callers = world.callers();
        let mut likely = callers.clone();
        likely.retain(|&thread| self.concerns(world, thread));
        let from = if self.by < MOSTLY && !likely.is_empty() { &likely } else { &callers };
        pick(from, self.by)
    }

    fn concerns(&self, world: &World, thread: ThreadKey) -> bool {
        let process = world.process_of(thread);
        match self.call {
            Call::Wait4 { .. } | Call::Waitid { .. } => {
                world.children(process).into_iter().any(|child| world.has_report(child))
            }
            Call::Stop | Call::StopAll => {
                world.is_stop_requested(thread) || world.has_to_trap(thread)
            }
            Call::ForkKernelThread { .. } => world.is_kernel_thread(process),
            Call::FinishExec => world.is_in_exec(thread),
            Call::TraceStop(_) => world.is_traced(thread),
            Call::Resume(_)
            | Call::Listen(_)
            | Call::Interrupt(_)
            | Call::SetKillsAtExit(..)
            | Call::Detach(_) => !world.tracees(thread).is_empty(),
            Call::Run => world.has_notice(process),
            Call::OpenTerminal(..) | Call::AcquireTerminal(..) => {
                world.could_lead_terminal(process)
            }
            Call::ReleaseTerminal(..)
            | Call::Tcgetpgrp(..)
            | Call::Tcgetsid(..)
            | Call::Tcsetpgrp(..)
            | Call::AccessTerminal(..) => world.shown_terminal(process).is_some(),
            _ => true,
        }
    }
}

impl Arg {
    fn resolve(self, world: &World, caller: ThreadKey) -> i32 {
        let own = world.process_of(caller);
        let seen = |process: Option<ProcessKey>| {
            process.map_or(0, |process| world.number_seen_by(process, own)).cast_signed()
        };
        let group = |process: Option<ProcessKey>| {
            process.map_or(0, |process| world.group_number_seen_by(process, own)).cast_signed()
        };
        let anybody = |index| pick(&world.processes(), index);
        match self {
            Self::Number(number) => number,
            Self::Own => seen(Some(own)),
            Self::Parent => seen(world.parent(own)),
            Self::Child(index) => seen(pick(&world.children(own), index)),
            Self::Process(index) => seen(anybody(index)),
            Self::MinusProcess(index) => -seen(anybody(index)),
            Self::Thread(index) => pick(&world.living_threads(), index)
                .map_or(0, |thread| world.tid_seen_by(thread, own))
                .cast_signed(),
            Self::Tracee(index) => pick(&world.tracees(caller), index)
                .map_or(0, |thread| world.tid_seen_by(thread, own))
                .cast_signed(),
            Self::Group(index) => group(anybody(index)),
            Self::OwnGroup => group(Some(own)),
            Self::MinusGroup(index) => -group(anybody(index)),
            Self::MinusOwnGroup => -group(Some(own)),
        }
    }
}

fn pick<T: Copy>(from: &[T], index: u8) -> Option<T> {
    from.get(usize::from(index).checked_rem(from.len())?).copied()
}

/// What can happen at all: the rules for scripts.
impl World {
    /// Who can call: a thread that sleeps in a stop cannot, but dies where it sleeps.
    fn callers(&self) -> Vec<ThreadKey> {
        let mut threads = self.living_threads();
        threads.retain(|&thread| !self.has_begun_exit(thread));
        let (awake, asleep): (Vec<_>, Vec<_>) =
            threads.into_iter().partition(|&thread| !self.sleeps(thread));
        // Someone must go on: init, whom a script may stop too.
        if awake.is_empty() { asleep } else { awake }
    }

    /// Whom a signal can kill, or their kernel: the roots cannot die.
    fn mortals(&self) -> Vec<ProcessKey> {
        let mut processes = self.processes();
        processes.retain(|&process| !self.is_root(process));
        processes
    }

    /// Who has begun to exit, and is not done. The last thread of a root does not go on.
    fn begun(&self) -> Vec<ThreadKey> {
        let mut threads = self.begun_threads();
        threads.retain(|&thread| !self.is_last_of_root(thread));
        threads
    }

    fn dumping(&self) -> Vec<ProcessKey> {
        let mut processes = self.processes();
        processes.retain(|&process| self.is_dumping_core(process));
        processes
    }

    /// Whose exit is decided, and who has threads left.
    fn doomed(&self) -> Vec<ProcessKey> {
        let mut processes = self.mortals();
        processes.retain(|&process| {
            !self.takes_signals(process) && !self.living_threads_of(process).is_empty()
        });
        processes
    }

    fn permits(&self, caller: ThreadKey, deed: &Deed) -> bool {
        let own = self.process_of(caller);
        let is_root = self.is_root(own);
        let sleeps = self.sleeps(caller) || self.is_in_exec(caller);
        match deed {
            Call::FinishExec => self.is_in_exec(caller) && !self.sleeps(caller),
            // It waits for no tracer.
            Call::Exec => !sleeps && !self.has_ptrace_besides(caller),
            Call::ExitThread(_) | Call::BeginExit(_) => !sleeps && !self.is_last_of_root(caller),
            Call::Exit(_) | Call::BeginCoreDump(_) => !sleeps && !is_root,
            Call::Fork { space: ForkNamespace::New, .. } | Call::Unshare => {
                !sleeps && self.level(self.space_of(own)) < 3
            }
            Call::BeginGroupExit(..)
            | Call::FinishGroupExit(_)
            | Call::GoOnExiting(_)
            | Call::EndCoreDump(..)
            | Call::SignalSent(..)
            | Call::HangUp(_)
            | Call::SignalForeground(..) => true,
            _ => !sleeps,
        }
    }
}
