//! Operations as raw system calls, and what their results mean.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::Relaxed;

use libc::c_long;

use super::super::slot::Slot;
use super::super::{Actor, Outcome, SLOTS, Seen, WORKER, notices};
use super::files::{self, Descriptors};
use super::{Theatre, signals};
use crate::script::{
    Fork, Getter, Given, Handlers, Notice, Number, Operation, Owner, Pace, Parent, RawClone,
    SignalSet, Space, Switch, TraceCall,
};

/// A system call to make.
pub(super) struct Order {
    pub(super) call: u64,
    pub(super) arguments: [u64; 6],
    pub(super) child: u64,
    pub(super) answer: Answer,
}

/// What the result of an order means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A number or an error.
    Plain,
    /// A number in the scratch area.
    Stored,
    /// A child, and its status in the scratch area.
    Wait4,
    /// A siginfo in the scratch area.
    WaitId,
    /// Nothing, from a new program.
    Exec,
    /// The number of a child, when that actor lets its maker go.
    Vfork(Actor),
    /// What poll says of a pidfd, in the scratch area.
    Poll,
    /// What a pidfd tells of who it names, in the scratch area.
    Info,
    /// A set of signals in the scratch area.
    Set,
    /// What is done about a signal, in the scratch area.
    Treatment,
    /// A signal, and its siginfo in the scratch area.
    Siginfo,
    /// What a signalfd says of a signal, in the scratch area.
    Signalfd,
    /// How often children have been off a CPU, in the scratch area.
    Usage,
}

impl Order {
    /// A call that needs no memory.
    pub(super) fn call(number: c_long, given: &[i64]) -> Self {
        let mut arguments = [0; 6];
        for (place, argument) in arguments.iter_mut().zip(given) {
            *place = argument.cast_unsigned();
        }
        Self { call: number as u64, arguments, child: 0, answer: Answer::Plain }
    }

    pub(super) fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }
}

impl Answer {
    /// What the worker's result means.
    pub(super) fn read(self, slot: &Slot) -> Outcome {
        let result = slot.result.load(Relaxed);
        let word = |index: usize| {
            let both = slot.scratch[index / 2].load(Relaxed);
            (both >> (32 * (index % 2))) as i32
        };
        match (self, result) {
            (_, ..0) => Outcome::Error(-result as i32),
            (Self::Wait4, 0) => Outcome::Nothing,
            (Self::Wait4, pid) => Outcome::Child { pid: pid as i32, status: word(0) },
            (Self::WaitId, _) if word(4) == 0 => Outcome::Nothing,
            (Self::WaitId, _) => {
                let (code, value) = (word(2), word(6));
                let status = match code {
                    libc::CLD_EXITED => (value & 0xff) << 8,
                    libc::CLD_DUMPED => value | 0x80,
                    libc::CLD_STOPPED | libc::CLD_TRAPPED => (value << 8) | 0x7f,
                    libc::CLD_CONTINUED => 0xffff,
                    _ => value,
                };
                Outcome::Child { pid: word(4), status }
            }
            (Self::Stored, _) => Outcome::Value(i64::from(word(0))),
            (Self::Poll, _) => Outcome::Value(i64::from(word(1) >> 16)),
            (Self::Info, _) => files::read_info(slot),
            (Self::Usage, _) => Outcome::Value(i64::from(files::has_usage(slot))),
            (Self::Set, _) => Outcome::Value(slot.scratch[0].load(Relaxed).cast_signed()),
            (Self::Treatment, _) => Outcome::Treatment(signals::read_treatment(slot)),
            (Self::Siginfo, _) => Outcome::Signal(Seen::of_siginfo(word)),
            (Self::Signalfd, _) => Outcome::Signal(Seen::of_signalfd(word)),
            (Self::Plain | Self::Exec | Self::Vfork(_), value) => Outcome::Value(value),
        }
    }
}

pub(super) fn put(slot: &Slot, words: &[u64]) -> i64 {
    for (place, word) in slot.scratch.iter().zip(words) {
        place.store(*word, Relaxed);
    }
    slot.scratch.as_ptr() as i64
}

/// Writes a clone3 request; returns its address and size.
pub(super) fn put_clone(
    slot: &Slot,
    child: Actor,
    flags: u64,
    exit_signal: i32,
    number: Option<i32>,
) -> (u64, u64) {
    let (stack, stack_size) = Slot::at(child).stack();
    let numbers = slot.scratch.as_ptr() as u64 + 11 * 8;
    let wanted = number.map_or((0, 0), |_| (numbers, 1));
    let words = [
        flags,
        0,
        0,
        0,
        exit_signal as u64,
        stack,
        stack_size,
        0,
        wanted.0,
        wanted.1,
        0,
        u64::from(number.unwrap_or(0).cast_unsigned()),
    ];
    (put(slot, &words).cast_unsigned(), 88)
}

/// The worker gets a real-time priority; its children inherit it.
pub(super) fn priority(slot: &Slot, priority: u64) -> Order {
    let parameter = put(slot, &[priority]);
    Order::call(libc::SYS_sched_setscheduler, &[0, libc::SCHED_RR.into(), parameter])
}

/// The first of three steps to a `/proc` of the worker's namespace.
pub(super) fn open_proc_system(slot: &Slot) -> Order {
    const CLOSE_ON_EXEC: i64 = 1;
    let name = put(slot, &[u64::from_le_bytes(*b"proc\0\0\0\0")]);
    Order::call(libc::SYS_fsopen, &[name, CLOSE_ON_EXEC])
}

/// The second.
pub(super) fn create_proc_system(system: i64) -> Order {
    const CREATE: i64 = 6;
    Order::call(libc::SYS_fsconfig, &[system, CREATE, 0, 0, 0])
}

/// The third.
pub(super) fn mount_proc_system(system: i64) -> Order {
    const CLOSE_ON_EXEC: i64 = 1;
    Order::call(libc::SYS_fsmount, &[system, CLOSE_ON_EXEC, 0])
}

pub(super) fn plain(number: &Number) -> i64 {
    match number {
        Number::Plain(number) => i64::from(*number),
        Number::Of(_) | Number::GroupOf(_) => 0,
    }
}

/// The system call that an operation is. Its numbers are plain ones.
pub(super) fn translate(
    slot: &Slot,
    operation: &Operation,
    child: Option<Actor>,
    theatre: &Theatre,
    files: &Descriptors,
) -> Order {
    let call = Order::call;
    match operation {
        Operation::Fork(fork) => {
            let order = clone(slot, fork_flags(fork), fork.exit_signal, fork.number, child);
            match (fork.pace, child) {
                (Pace::Vfork, Some(child)) => order.answered(Answer::Vfork(child)),
                _ => order,
            }
        }
        Operation::Thread { .. } => {
            let flags = libc::CLONE_THREAD | libc::CLONE_SIGHAND;
            clone(slot, flags as u64, 0, None, child)
        }
        Operation::Clone3(request) => clone3(slot, request),
        Operation::Exit(code) => call(libc::SYS_exit, &[i64::from(*code)]),
        Operation::ExitGroup(code) => call(libc::SYS_exit_group, &[i64::from(*code)]),
        Operation::Exec => exec(slot, theatre),
        Operation::Wait4 { who, options } => {
            let status = put(slot, &[0]);
            call(libc::SYS_wait4, &[plain(who), status, i64::from(*options), 0])
                .answered(Answer::Wait4)
        }
        Operation::WaitId { kind, id, options } => {
            let info = put(slot, &[0; 16]);
            let arguments = [i64::from(*kind), plain(id), info, i64::from(*options), 0];
            call(libc::SYS_waitid, &arguments).answered(Answer::WaitId)
        }
        Operation::Get(getter) => get(slot, *getter),
        Operation::Getpgid(who) => call(libc::SYS_getpgid, &[plain(who)]),
        Operation::Getsid(who) => call(libc::SYS_getsid, &[plain(who)]),
        Operation::Setpgid(who, group) => call(libc::SYS_setpgid, &[plain(who), plain(group)]),
        Operation::Setsid => call(libc::SYS_setsid, &[]),
        Operation::Kill(who, signal) => call(libc::SYS_kill, &[plain(who), i64::from(*signal)]),
        Operation::Tkill(who, signal) => call(libc::SYS_tkill, &[plain(who), i64::from(*signal)]),
        Operation::Tgkill(process, thread, signal) => {
            call(libc::SYS_tgkill, &[plain(process), plain(thread), i64::from(*signal)])
        }
        Operation::Sigqueue(who, signal, given) => {
            let info = put_info(slot, *given);
            call(libc::SYS_rt_sigqueueinfo, &[plain(who), i64::from(*signal), info])
        }
        Operation::Tgsigqueue(process, thread, signal, given) => {
            let info = put_info(slot, *given);
            let given = [plain(process), plain(thread), i64::from(*signal), info];
            call(libc::SYS_rt_tgsigqueueinfo, &given)
        }
        Operation::Notice(notice) => notify(notice),
        Operation::Treat { signal, treatment } => signals::treat(slot, *signal, *treatment),
        Operation::Block(signal) => signals::mask(slot, libc::SIG_BLOCK, SignalSet::of(*signal)),
        Operation::Unblock(signal) => {
            signals::mask(slot, libc::SIG_UNBLOCK, SignalSet::of(*signal))
        }
        Operation::Signals(call) => signals::order(slot, call),
        Operation::Signalfd(name, call) => files.signalfd(slot, name, *call),
        Operation::Subreaper(switch) => {
            let is_on = i64::from(*switch == Switch::On);
            call(libc::SYS_prctl, &[libc::PR_SET_CHILD_SUBREAPER.into(), is_on, 0, 0, 0])
        }
        Operation::DeathSignal(signal) => {
            call(libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG.into(), i64::from(*signal), 0, 0, 0])
        }
        Operation::UnsharePid => call(libc::SYS_unshare, &[libc::CLONE_NEWPID.into()]),
        Operation::Reboot(command) => {
            const MAGIC: [i64; 2] = [0xfee1_dead, 0x2812_1969];
            call(libc::SYS_reboot, &[MAGIC[0], MAGIC[1], i64::from(*command), 0])
        }
        Operation::VHangUp => call(libc::SYS_vhangup, &[]),
        Operation::Terminal(name, call) => files.terminal(slot, name, call),
        Operation::Pidfd(name, call) => files.pidfd(slot, name, call),
        Operation::Trace(call) => trace(call),
    }
}

fn notify(notice: &Notice) -> Order {
    match notice {
        Notice::Timer(signal, thread) => {
            let how = if thread.is_some() { libc::SIGEV_THREAD_ID } else { libc::SIGEV_SIGNAL };
            let thread = thread.as_ref().map_or(0, plain);
            Order::call(notices::TIMER as c_long, &[i64::from(*signal), how.into(), thread])
        }
        Notice::File(owner, who, signal) => {
            let kind = match owner {
                Owner::Thread => 0,
                Owner::Process => 1,
                Owner::Group => 2,
            };
            let given = [kind, plain(who), i64::from(*signal)];
            Order::call(notices::OWNED_FILE as c_long, &given)
        }
        Notice::BrokenPipe => Order::call(notices::BROKEN_PIPE as c_long, &[]),
    }
}

fn trace(call: &TraceCall) -> Order {
    let (request, word) = match call {
        TraceCall::Me => (libc::PTRACE_TRACEME, 0),
        TraceCall::Attach(_) => (libc::PTRACE_ATTACH, 0),
        TraceCall::Seize(_, options) => (libc::PTRACE_SEIZE, *options),
        TraceCall::SetOptions(_, options) => (libc::PTRACE_SETOPTIONS, *options),
        TraceCall::Interrupt(_) => (libc::PTRACE_INTERRUPT, 0),
        TraceCall::Continue(_, signal) => (libc::PTRACE_CONT, *signal),
        TraceCall::Listen(_) => (libc::PTRACE_LISTEN, 0),
        TraceCall::Detach(_, signal) => (libc::PTRACE_DETACH, *signal),
    };
    let who = call.target().map_or(0, plain);
    Order::call(libc::SYS_ptrace, &[request.into(), who, 0, i64::from(word)])
}

fn fork_flags(fork: &Fork) -> u64 {
    const CLEAR_SIGHAND: u64 = 1 << 32;
    let mut flags = 0;
    if fork.parent == Parent::Sibling {
        flags |= libc::CLONE_PARENT;
    }
    if fork.space == Space::New {
        flags |= libc::CLONE_NEWPID;
    }
    if fork.pace == Pace::Vfork {
        flags |= libc::CLONE_VFORK;
    }
    let handlers = match fork.handlers {
        Handlers::Copied => 0,
        Handlers::Shared => libc::CLONE_SIGHAND as u64,
        Handlers::Cleared => CLEAR_SIGHAND,
    };
    flags as u64 | handlers
}

/// Every worker shares memory and files with its maker: that is faster, and the process model does not see it.
fn clone(
    slot: &Slot,
    flags: u64,
    exit_signal: i32,
    number: Option<i32>,
    child: Option<Actor>,
) -> Order {
    let flags = flags | (libc::CLONE_VM | libc::CLONE_FILES) as u64;
    let child = child.unwrap_or(0);
    let (request, size) = put_clone(slot, child, flags, exit_signal, number);
    let order = Order::call(libc::SYS_clone3, &[request.cast_signed(), size.cast_signed()]);
    Order { child: child as u64, ..order }
}

/// Should the kernel take a request that the model refuses, who is made by it lives in the last slot, and rests.
fn clone3(slot: &Slot, request: &RawClone) -> Order {
    let last = SLOTS - 1;
    let words = request.words(Slot::at(last).stack());
    let arguments = [put(slot, &words), request.size.cast_signed()];
    Order { child: last as u64, ..Order::call(libc::SYS_clone3, &arguments) }
}

/// Executes this program, which finds its slot and goes on.
fn exec(slot: &Slot, theatre: &Theatre) -> Order {
    let strings = [
        "lockstep".to_owned(),
        WORKER.to_owned(),
        slot.index().to_string(),
        theatre.arena.file().to_string(),
    ];
    let base = slot.scratch.as_ptr() as u64;
    let mut words = vec![0; 6];
    for (index, string) in strings.iter().enumerate() {
        words[index] = base + 8 * words.len() as u64;
        let mut bytes = string.clone().into_bytes();
        bytes.resize((bytes.len() / 8 + 1) * 8, 0);
        let whole = bytes.chunks_exact(8);
        words.extend(whole.map(|it| {
            u64::from_le_bytes([it[0], it[1], it[2], it[3], it[4], it[5], it[6], it[7]])
        }));
    }
    let arguments = put(slot, &words);
    // An empty path lies behind the four pointers and the null pointer that ends them; the environment is that null pointer.
    let (environment, path) = (arguments + 4 * 8, arguments + 5 * 8);
    let program = i64::from(theatre.as_raw_fd());
    let given = [program, path, arguments, environment, libc::AT_EMPTY_PATH.into()];
    Order::call(libc::SYS_execveat, &given).answered(Answer::Exec)
}

fn get(slot: &Slot, getter: Getter) -> Order {
    let stored = |option: i32| {
        let place = put(slot, &[0]);
        Order::call(libc::SYS_prctl, &[i64::from(option), place, 0, 0, 0]).answered(Answer::Stored)
    };
    match getter {
        Getter::Pid => Order::call(libc::SYS_getpid, &[]),
        Getter::Tid => Order::call(libc::SYS_gettid, &[]),
        Getter::ParentPid => Order::call(libc::SYS_getppid, &[]),
        Getter::Group => Order::call(libc::SYS_getpgid, &[0]),
        Getter::Subreaper => stored(libc::PR_GET_CHILD_SUBREAPER),
        Getter::DeathSignal => stored(libc::PR_GET_PDEATHSIG),
        Getter::ChildrenUsage => {
            let usage = put(slot, &[0; 18]);
            let of_children = i64::from(libc::RUSAGE_CHILDREN);
            Order::call(libc::SYS_getrusage, &[of_children, usage]).answered(Answer::Usage)
        }
    }
}

/// A siginfo with the caller's own number, where that has its place.
fn put_info(slot: &Slot, given: Given) -> i64 {
    let word = |number: i32| u64::from(number.cast_unsigned());
    let mut words = [0; 16];
    words[1] = word(given.code);
    words[2] = word(slot.pid.load(Relaxed));
    words[3] = word(given.value);
    put(slot, &words)
}
