//! Random calls, with other random calls just before every acquisition of the lock and just behind its release, as another processor could make them: also while a table is being dropped, before what a
//! hold has released is freed, with wakers that panic, and with dead, foreign and half-made objects.
//!
//! `FOREIGN_CALLS_SECONDS` says how long (5), `FOREIGN_CALLS_SEED` with what besides the fixed seed, `FOREIGN_CALLS_ROUND` which one round of that seed. The same seed makes the same calls.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use axprocess::{
    ARef, AcquireTerminal, AdminRight, ChildSignalFlags, Cursor, Errno, ExitSignal, ExitStatus,
    ForcedAction, ForkNamespace, ForkParent, ForkRequest, GivenInfo, Host, IfTaken, InfoMask,
    InitSession, KernelCause, Lock, Number, PidHandle, PidNamespace, PidfdMode, Process,
    ProcessGroup, ProcessTable, RebootCommand, Relations, Session, Signal, SignalAction,
    SignalScope, StopSignal, Terminal, TerminalAccess, TerminalFile, TerminalKind, TerminalSide,
    Thread, TraceOptions, TraceStart, View, WaitRequest,
};

thread_local! {
    static RANDOM: Cell<u64> = const { Cell::new(1) };
    static CAST: RefCell<Cast> = const { RefCell::new(Cast::new()) };
    /// How many calls are within one another.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// How many other calls come before an acquisition, in eighths.
    static EIGHTHS: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
    /// How many had been made when the round began.
    static CALLS_BEFORE: Cell<u64> = const { Cell::new(0) };
    /// A hook runs: what it drops, of another table, must not call.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
    /// What the calls that stand in one another are, for whoever looks for a fault.
    static STORY: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A number below `limit` (SplitMix64).
fn below(limit: usize) -> usize {
    let state = RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    RANDOM.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
}

fn one_in(chance: usize) -> bool {
    below(chance) == 0
}

fn one_of<T: Copy>(choices: &[T]) -> T {
    choices[below(choices.len())]
}

/// A lock before and behind which others get their turn.
struct Disturbed<T>(Mutex<T>);

/// Behind it, what the hold has released is not yet freed.
struct Guard<'a, T>(Option<MutexGuard<'a, T>>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is held")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is held")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        drop(self.0.take());
        // A call of the checker's panic, or of a waker's, is over.
        if !std::thread::panicking() {
            disturb();
        }
    }
}

impl<T> Lock<T> for Disturbed<T> {
    type Guard<'a>
        = Guard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> Guard<'_, T> {
        disturb();
        Guard(Some(self.0.try_lock().unwrap_or_else(|_| fail("the lock is held"))))
    }
}

/// After so many calls a round is let come to its end: some would take minutes, as if they had none.
const MOST_CALLS: u64 = 20_000;

/// Other calls, fewer the deeper they stand in others.
fn disturb() {
    let depth = DEPTH.get();
    if depth == 0 || depth > 3 || IN_HOOK.get() || CALLS.get() - CALLS_BEFORE.get() > MOST_CALLS {
        return;
    }
    let mut eighths = EIGHTHS.get() >> (2 * (depth - 1));
    while eighths > below(8) {
        act();
        eighths = eighths.saturating_sub(8);
    }
}

fn fail(what: &str) -> ! {
    eprintln!("{what}; the calls from outside inwards: {:?}", STORY.take());
    std::process::abort()
}

/// How many pieces of the kernel's data there are.
static ALIVE: AtomicI64 = AtomicI64::new(0);

struct Data;

impl Data {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
        // The kernel's data is dropped without the lock: it may call.
        disturb();
    }
}

struct Kernel;

impl Host for Kernel {
    type Lock = Disturbed<Relations<Self>>;
    type ProcessData = Data;
    type ThreadData = Data;
    type GroupData = Data;
    type SessionData = Data;
    type NamespaceData = Data;
    type TerminalData = Data;
    type Usage = ();

    fn signal_action(&self, _: View<'_, Self>, _: &Process<Self>, _: Signal) -> SignalAction {
        one_of(&[SignalAction::Default, SignalAction::Ignore, SignalAction::Handle])
    }

    fn child_signal_flags(&self, _: View<'_, Self>, _: &Process<Self>) -> ChildSignalFlags {
        match one_in(4) {
            true => ChildSignalFlags::from_bits_truncate(below(4) as u32),
            false => ChildSignalFlags::empty(),
        }
    }

    fn may_signal(
        &self,
        _: View<'_, Self>,
        _: &Process<Self>,
        _: &Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        !one_in(8)
    }

    fn may_trace(&self, _: View<'_, Self>, _: &Thread<Self>, _: &Thread<Self>) -> bool {
        !one_in(8)
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, _: &Thread<Self>) -> bool {
        one_in(32)
    }

    fn wake_pollers(&self, _: View<'_, Self>, _: &Process<Self>) {
        give_up_some();
    }

    fn wake_thread_pollers(&self, _: View<'_, Self>, _: &Thread<Self>) {
        give_up_some();
    }

    fn last_thread_exited(&self, _: View<'_, Self>, _: &Process<Self>) {
        give_up_some();
    }

    /// Who is refused may be kept, and called.
    fn can_fork(
        &self,
        _: View<'_, Self>,
        _: Option<&Thread<Self>>,
        child: &Thread<Self>,
    ) -> Result<(), Errno> {
        // A new table gets its first ones.
        if EIGHTHS.get() == 0 || !one_in(16) {
            return Ok(());
        }
        if one_in(2) {
            IN_HOOK.set(true);
            keep(|cast| &mut cast.threads, [ARef::from(child)]);
            keep(|cast| &mut cast.processes, [ARef::clone(child.process())]);
            IN_HOOK.set(false);
        }
        Err(Errno::EAGAIN)
    }

    fn release_task(&self, _: View<'_, Self>, _: &Thread<Self>) {
        give_up_some();
    }
}

/// The kernel gives references up while a hook runs, perhaps the last ones.
fn give_up_some() {
    if one_in(6) {
        IN_HOOK.set(true);
        drop((take(|cast| &mut cast.threads), take(|cast| &mut cast.processes)));
        drop((take(|cast| &mut cast.groups), take(|cast| &mut cast.spaces)));
        IN_HOOK.set(false);
    }
}

/// What calls are made on: objects of two tables, living, dead, or of a table that has gone.
struct Cast {
    tables: Vec<Rc<ProcessTable<Kernel>>>,
    threads: Vec<ARef<Thread<Kernel>>>,
    processes: Vec<ARef<Process<Kernel>>>,
    groups: Vec<ARef<ProcessGroup<Kernel>>>,
    sessions: Vec<ARef<Session<Kernel>>>,
    spaces: Vec<ARef<PidNamespace<Kernel>>>,
    terminals: Vec<ARef<Terminal<Kernel>>>,
    handles: Vec<PidHandle<Kernel>>,
}

impl Cast {
    const fn new() -> Self {
        Self {
            tables: Vec::new(),
            threads: Vec::new(),
            processes: Vec::new(),
            groups: Vec::new(),
            sessions: Vec::new(),
            spaces: Vec::new(),
            terminals: Vec::new(),
            handles: Vec::new(),
        }
    }
}

type Role<T> = fn(&mut Cast) -> &mut Vec<T>;

/// One of them; nobody is borrowed when it is used.
fn pick<T: Clone>(role: Role<T>) -> Option<T> {
    CAST.with_borrow_mut(|cast| {
        let all = role(cast);
        if all.is_empty() { None } else { Some(all[below(all.len())].clone()) }
    })
}

/// One of them, to be dropped by the caller, when nobody is borrowed.
fn take<T>(role: Role<T>) -> Option<T> {
    CAST.with_borrow_mut(|cast| {
        let all = role(cast);
        if all.is_empty() { None } else { Some(all.swap_remove(below(all.len()))) }
    })
}

fn keep<T>(role: Role<T>, made: impl IntoIterator<Item = T>) {
    let made: Vec<T> = made.into_iter().take(8).collect();
    let limit = CAST.with_borrow(|cast| if cast.tables.is_empty() { 400 } else { 200 });
    let mut surplus = Vec::new();
    CAST.with_borrow_mut(|cast| {
        let all = role(cast);
        all.extend(made);
        while all.len() > limit {
            surplus.push(all.swap_remove(below(all.len())));
        }
    });
    drop(surplus);
}

/// Wakers that do nothing, call, or panic; a panic meets no other.
enum Woken {
    Nothing,
    Calls,
    Panics,
}

/// What a waker panics with.
struct WakerHasPanicked;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        match *self {
            Self::Nothing => {}
            Self::Calls => disturb(),
            Self::Panics if std::thread::panicking() => {}
            Self::Panics => resume_unwind(Box::new(WakerHasPanicked)),
        }
    }
}

fn waker() -> Waker {
    let woken = match below(4) {
        0 => Woken::Panics,
        1 => Woken::Calls,
        _ => Woken::Nothing,
    };
    Waker::from(Arc::new(woken))
}

fn status() -> ExitStatus {
    ExitStatus::exited(below(4) as i32)
}

fn signal() -> Signal {
    Signal::new(one_of(&[1, 9, 10, 15, 17, 18, 19, 20, 21, 34])).unwrap()
}

/// The kernel itself has something to say to a process, its group, or one thread.
fn send_of_kernel(thread: &Thread<Kernel>) {
    let other = pick(|cast| &mut cast.threads);
    let sender = other.as_ref().map(|other| &**other.process());
    let cause = match sender {
        Some(sender) if one_in(2) => KernelCause::OnBehalfOf(sender),
        _ if one_in(2) => KernelCause::Kernel,
        sender => KernelCause::Event { code: -2, value: 0, number: 0, sender },
    };
    let action = one_of(&[ForcedAction::AsSet, ForcedAction::Default, ForcedAction::Final]);
    match below(5) {
        0 => thread.process().send_signal(signal(), cause),
        1 => thread.process().group().send_signal(signal(), cause, |_, _| one_in(2)),
        2 => thread.send_process_signal(signal(), cause),
        3 => thread.force_signal(signal(), cause, action),
        _ => thread.send_signal(signal(), cause),
    }
}

/// A number that somebody may have, as user space says it.
fn number() -> i32 {
    match below(4) {
        0 => one_of(&[0, 1, -1, 2, i32::MAX, i32::MIN]),
        1 => -(below(120) as i32),
        _ => below(120) as i32,
    }
}

fn fork_request(numbers: &[u32]) -> ForkRequest<'_> {
    ForkRequest {
        number: match below(12) {
            0 => Number::Exactly(numbers[0]),
            1 => Number::Each(numbers),
            _ => Number::Next,
        },
        exit_signal: ExitSignal::from_raw(one_of(&[17, 17, 0, 10])),
        parent: if one_in(5) { ForkParent::Sibling } else { ForkParent::Caller },
        namespace: if one_in(8) { ForkNamespace::New } else { ForkNamespace::Inherited },
    }
}

fn wait_request() -> WaitRequest {
    let options = one_of(&[0, 1, 2, 8, 10]) | one_of(&[0x4000_0000, 0, i32::MIN, 0x2000_0000]);
    let wait4 = WaitRequest::wait4(number(), options);
    let request = match below(4) {
        0 => {
            let events = one_of(&[4, 6, 14, 4 | 0x0100_0000, 14 | 0x0100_0000]);
            WaitRequest::waitid(one_of(&[0, 1, 2]), number().wrapping_abs(), events)
        }
        1 => match pick(|cast| &mut cast.handles) {
            Some(handle) => WaitRequest::waitid_pidfd(3, 14, |_| Ok((handle, PidfdMode::Blocking))),
            None => wait4,
        },
        _ => wait4,
    };
    request.unwrap_or(WaitRequest::wait4(-1, 0x4000_0000).unwrap())
}

/// One call of any kind. What panics is a waker, and nothing else.
fn act() {
    let kind = below(61);
    CALLS.set(CALLS.get() + 1);
    DEPTH.set(DEPTH.get() + 1);
    STORY.with_borrow_mut(|story| story.push(kind));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        call(kind);
    }));
    STORY.with_borrow_mut(|story| story.pop());
    DEPTH.set(DEPTH.get() - 1);
    if let Err(payload) = caught
        && !payload.is::<WakerHasPanicked>()
    {
        fail("a call has panicked");
    }
}

/// Lets others act while something is half made.
fn meanwhile() {
    for _ in 0..below(4) {
        if DEPTH.get() < 3 {
            act();
        }
    }
}

fn call(kind: usize) -> Option<()> {
    let thread = pick(|cast| &mut cast.threads)?;
    let process = pick(|cast| &mut cast.processes).unwrap_or_else(|| thread.process().clone());
    let crowd = CAST.with_borrow(|cast| cast.threads.len() > 150);
    let numbers = [below(120) as u32, below(300) as u32, 1, below(5_000) as u32 * 1_000];
    let numbers = &numbers[..1 + below(4)];
    match kind {
        0..6 if !crowd => {
            let made = thread.fork(fork_request(numbers), Data::new(), Data::new());
            keep(|cast| &mut cast.threads, made);
        }
        6..9 if !crowd => {
            let made = thread.prepare_fork(fork_request(numbers), Data::new(), Data::new()).ok()?;
            meanwhile();
            _ = (made.pid(), made.pid_seen_by_caller());
            if one_in(2) {
                keep(|cast| &mut cast.threads, made.publish());
            }
        }
        9 | 10 => {
            let made = thread.prepare_thread(Number::Next, Data::new()).ok()?;
            meanwhile();
            if one_in(2) {
                keep(|cast| &mut cast.threads, made.publish());
            }
        }
        11..14 => keep(|cast| &mut cast.threads, thread.spawn_thread(Number::Next, Data::new())),
        14 if !crowd && one_in(2) => {
            let made = thread.fork_kernel_thread(fork_request(numbers), Data::new(), Data::new());
            keep(|cast| &mut cast.threads, made);
        }
        14 if !crowd => {
            let made = process.fork_child(fork_request(numbers), Data::new(), Data::new());
            keep(|cast| &mut cast.threads, made);
        }
        15..18 => _ = thread.exit_thread(status()),
        18 => {
            let mut exit = thread.begin_exit(status());
            meanwhile();
            if one_in(2) {
                _ = (exit.status(), exit.is_parked(), exit.set_exiting());
                meanwhile();
                _ = exit.try_finish();
                meanwhile();
            }
        }
        19 | 20 => {
            let dump = thread.begin_core_dump(Signal::SIGSEGV).ok()?;
            meanwhile();
            _ = (dump.is_ready(), dump.is_cut());
            if one_in(2) {
                let exits: Vec<_> =
                    process.threads().ok()?.iter().map(|it| it.begin_exit(status())).collect();
                meanwhile();
                dump.finish(one_in(2));
                drop(exits);
            }
        }
        21 => _ = process.begin_group_exit(status()),
        22 => {
            process.begin_group_exit(status());
            for thread in process.threads().ok()? {
                thread.exit_thread(status());
            }
        }
        23 => _ = thread.exec(),
        24 => {
            let mut exec = thread.begin_exec().ok()?;
            meanwhile();
            if one_in(2) {
                for other in process.threads().ok()? {
                    if !ARef::ptr_eq(&other, &thread) {
                        other.exit_thread(status());
                    }
                }
            }
            _ = exec.try_finish();
        }
        25..28 => _ = thread.wait(&wait_request()),
        28..31 => {
            let call = thread.begin_wait(&wait_request());
            let mut first = Box::pin(call.event());
            let mut second = Box::pin(call.event());
            for _ in 0..below(4) {
                if first.as_mut().poll(&mut Context::from_waker(&waker())).is_ready() {
                    break;
                }
                meanwhile();
                if second.as_mut().poll(&mut Context::from_waker(&waker())).is_ready() {
                    break;
                }
                meanwhile();
            }
            drop(first);
            meanwhile();
        }
        31 => _ = process.setpgid(number(), number()),
        32 => _ = process.setsid(),
        33 => _ = process.enter_group(&*pick(|cast| &mut cast.groups)?),
        34 => keep(|cast| &mut cast.groups, process.create_group()),
        35 => keep(|cast| &mut cast.groups, process.create_session().map(|(_, group)| group)),
        36 => _ = process.release_zombie(),
        37 => {
            let kind = one_of(&[TerminalKind::PseudoTerminal, TerminalKind::Other]);
            let table = pick(|cast| &mut cast.tables)?;
            keep(|cast| &mut cast.terminals, table.new_terminal(kind, 7, Data::new()));
        }
        38 => {
            let terminal = pick(|cast| &mut cast.terminals)?;
            let session = process.create_session();
            let how = AcquireTerminal {
                file: TerminalFile::Readable,
                if_taken: one_of(&[IfTaken::Refuse, IfTaken::Steal]),
                right: one_of(&[AdminRight::Present, AdminRight::Absent]),
            };
            _ = process.open_terminal(&terminal, TerminalFile::Readable);
            _ = process.acquire_terminal(&terminal, how);
            drop(session);
        }
        39 => {
            let terminal = pick(|cast| &mut cast.terminals)?;
            let side = one_of(&[TerminalSide::Slave, TerminalSide::Master]);
            _ = process.tcsetpgrp(&terminal, Ok(number()), StopSignal::Effective);
            let access = TerminalAccess::Read;
            _ = process.check_terminal_access(&terminal, access, StopSignal::Effective);
            _ = (process.tcgetpgrp(&terminal, side), process.tcgetsid(&terminal, side));
            _ = process.release_terminal(&terminal, side);
        }
        40 => {
            let terminal = pick(|cast| &mut cast.terminals)?;
            keep(|cast| &mut cast.groups, terminal.signal_foreground(signal()));
            keep(|cast| &mut cast.sessions, terminal.session());
            keep(|cast| &mut cast.groups, terminal.foreground_group());
            if one_in(3) {
                terminal.hang_up();
            }
        }
        41 | 42 => {
            let start = one_of(&[TraceStart::Attach, TraceStart::Seize]);
            let options = one_of(&[TraceOptions::empty(), TraceOptions::EXIT_KILL]);
            let other = pick(|cast| &mut cast.threads)?;
            let number = if one_in(4) { number() } else { other.tid().cast_signed() };
            _ = thread.attach(number, start, options);
        }
        43 => {
            _ = thread.trace_me();
            _ = thread.inherit_tracer(&*pick(|cast| &mut cast.threads)?);
        }
        44 => {
            let other = pick(|cast| &mut cast.threads)?;
            _ = other.trace_stop(signal().into());
            _ = thread.set_trace_options(other.tid().cast_signed(), TraceOptions::EXIT_KILL);
            if one_in(2) {
                _ = thread.interrupt_tracee(other.tid().cast_signed());
                _ = (other.join_stop(), thread.listen_to_tracee(other.tid().cast_signed()));
            }
            _ = thread.resume_tracee(other.tid().cast_signed());
            if one_in(2) {
                _ = thread.detach(other.tid().cast_signed());
            }
        }
        45 => {
            _ = thread.begin_vfork(&*pick(|cast| &mut cast.threads)?);
            _ = thread.is_waiting_for_vfork();
            if one_in(4) {
                thread.note_mm_release();
            }
        }
        46 => _ = thread.unshare_pid(),
        47 => {
            _ = thread.set_namespace_for_children(&*pick(|cast| &mut cast.spaces)?);
            keep(|cast| &mut cast.spaces, thread.namespace_for_children());
        }
        48 => {
            let signal = i32::from(signal().number());
            let info = GivenInfo::new(signal, -1);
            _ = match below(6) {
                5 => {
                    send_of_kernel(&thread);
                    Ok(())
                }
                0 => thread.kill(number(), signal),
                1 => thread.tkill(number(), signal),
                2 => thread.rt_sigqueueinfo(number(), info),
                3 => thread.rt_tgsigqueueinfo(number(), number(), info),
                _ => thread.tgkill(number(), number(), signal),
            };
        }
        49 => {
            let handle = match below(4) {
                0 => process.handle().ok()?,
                1 => thread.handle().ok()?,
                2 => process.pidfd_open(number(), one_of(&[0, 0x80])).ok()?,
                _ => pick(|cast| &mut cast.handles)?,
            };
            _ = (handle.state(), handle.poll(), handle.info(&process, InfoMask::all()));
            let scope = one_of(&[SignalScope::OfHandle, SignalScope::Process, SignalScope::Group]);
            _ = thread.pidfd_send_signal(&handle, i32::from(signal().number()), scope, None);
            let named = handle.identity();
            keep(|cast| &mut cast.processes, named.process());
            keep(|cast| &mut cast.threads, named.thread_or_leader());
            keep(|cast| &mut cast.groups, named.group_of_number());
            keep(|cast| &mut cast.sessions, named.session_of_number());
            _ = (process.group().identity(), process.group().session().identity());
            _ = handle.fdinfo_pid_in(&*pick(|cast| &mut cast.spaces)?);
            keep(|cast| &mut cast.handles, [handle]);
        }
        50 => {
            keep(|cast| &mut cast.processes, process.children().ok()?);
            keep(|cast| &mut cast.threads, process.threads().ok()?);
            keep(|cast| &mut cast.processes, thread.children().ok()?);
            keep(|cast| &mut cast.processes, process.parent());
            keep(|cast| &mut cast.threads, thread.tracer());
        }
        51 => {
            let group = process.group();
            keep(|cast| &mut cast.sessions, [group.session()]);
            keep(|cast| &mut cast.spaces, [process.namespace()]);
            _ = (group.is_orphaned(), group.processes().ok()?);
            keep(|cast| &mut cast.groups, [group]);
            let session = pick(|cast| &mut cast.sessions)?;
            keep(|cast| &mut cast.groups, session.process_groups().ok()?);
            keep(|cast| &mut cast.terminals, process.controlling_terminal());
        }
        52 => {
            let viewer = pick(|cast| &mut cast.spaces)?;
            _ = (process.stat(&viewer), process.namespace_numbers(&viewer), thread.run_state());
            let group = pick(|cast| &mut cast.groups)?;
            _ = (process.pid_in(&viewer), thread.tid_in(&viewer), group.pgid_in(&viewer));
            let tree = process.snapshot_tree(&viewer).ok()?;
            keep(|cast| &mut cast.processes, tree.into_iter().map(|entry| entry.process));
        }
        53 => {
            let table = pick(|cast| &mut cast.tables)?;
            let viewer = pick(|cast| &mut cast.spaces)?;
            let next = table.next_process(&viewer, below(120) as u32);
            keep(|cast| &mut cast.processes, next.map(|(_, process)| process));
            let number = number().unsigned_abs();
            keep(|cast| &mut cast.threads, table.find_thread(number));
            keep(|cast| &mut cast.groups, table.find_group(number));
            keep(|cast| &mut cast.sessions, table.find_session(number));
            keep(|cast| &mut cast.processes, table.find_process(number));
        }
        54 => {
            let ticket = process.stop_ticket();
            _ = (
                thread.begin_stop(signal(), ticket),
                thread.join_stop(),
                (thread.attention(), thread.is_stopped()),
                thread.is_group_stop_requested(),
            );
            if one_in(2) {
                _ = process.note_signal_sent(Signal::SIGCONT);
                thread.notify_parent_if_continued();
            }
        }
        55 => {
            process.report_group_stopped(Signal::SIGSTOP);
            process.report_group_continued();
            thread.set_parent_death_signal(one_of(&[None, Some(Signal::SIGTERM)]));
        }
        56 => match below(4) {
            0 => process.resign_subreaper(),
            1 => _ = process.reboot(RebootCommand::Restart),
            2 => _ = process.set_last_pid(below(300) as i32),
            _ => process.become_subreaper(),
        },
        57 => drop(take(|cast| &mut cast.threads)),
        58 => {
            drop(take(|cast| &mut cast.processes));
            drop((take(|cast| &mut cast.groups), take(|cast| &mut cast.sessions)));
            drop((take(|cast| &mut cast.spaces), take(|cast| &mut cast.handles)));
        }
        59 => drop(take(|cast| &mut cast.terminals)),
        60 => walk_in_place(&thread, &process),
        _ => {}
    }
    Some(())
}

/// Walks lists in place, a few members in each hold, and keeps whom it meets.
fn walk_in_place(thread: &Thread<Kernel>, process: &Process<Kernel>) {
    let (group, terms) = (process.group(), below(5));
    let session = group.session();
    let (mut threads, mut children) = (Cursor::new(), Cursor::new());
    let (mut members, mut groups) = (Cursor::new(), Cursor::new());
    for _ in 0..terms {
        let met = process.read(|view| {
            let parent = view.parent(process).map(ARef::from);
            let met: Vec<_> = view.members(&group, &mut members).take(3).map(ARef::from).collect();
            (met.into_iter().chain(parent).collect::<Vec<_>>(), view.is_orphaned(&group))
        });
        keep(|cast| &mut cast.processes, met.0);
        let met = thread.read(|view| {
            let met = view.children(thread, &mut children).take(3);
            met.filter_map(|it| view.leader(it)).map(ARef::from).collect::<Vec<_>>()
        });
        keep(|cast| &mut cast.threads, met);
        let met = process.read(|view| {
            let met = view.threads(process, &mut threads).take(3);
            met.map(ARef::from).collect::<Vec<_>>()
        });
        keep(|cast| &mut cast.threads, met);
        let met = session.read(|view| {
            let met = view.process_groups(&session, &mut groups).take(2);
            met.map(ARef::from).collect::<Vec<_>>()
        });
        keep(|cast| &mut cast.groups, met);
        meanwhile();
    }
}

fn new_table(index: usize) {
    let table = Rc::new(ProcessTable::new(Kernel));
    let begins_in = one_of(&[InitSession::Own, InitSession::Nameless]);
    let init = table.new_init_in(1, begins_in, Data::new(), Data::new()).unwrap();
    if one_in(2) {
        let kthreadd = table.new_kthreadd(2, Data::new(), Data::new()).unwrap();
        keep(|cast| &mut cast.threads, [kthreadd]);
    }
    // The checker looks at everybody; without it more calls are made.
    table.check_every(NonZeroU64::new(one_of(&[1, 16, u64::MAX, u64::MAX])).unwrap());
    keep(|cast| &mut cast.spaces, [init.process().namespace()]);
    let crowd = if index == 0 { below(160) } else { 4 };
    let children: Vec<_> = (0..crowd)
        .flat_map(|_| init.fork(ForkRequest::default(), Data::new(), Data::new()))
        .collect();
    for child in children.iter().filter(|_| one_in(8)) {
        // The host says now and then that the caller is dying.
        let Ok(thread) = child.spawn_thread(Number::Next, Data::new()) else { continue };
        let grandchild = thread.fork(ForkRequest::default(), Data::new(), Data::new());
        child.exit_thread(status());
        CAST.with_borrow_mut(|cast| cast.threads.extend([thread].into_iter().chain(grandchild)));
    }
    CAST.with_borrow_mut(|cast| {
        cast.threads.extend(children.into_iter().take(20).chain([init]));
        cast.tables.push(table);
    });
}

/// Two tables live through some calls and go, while others call; then so do the objects that are left.
fn round(seed: u64) {
    RANDOM.set(seed);
    CALLS_BEFORE.set(CALLS.get());
    EIGHTHS.set(0);
    (0..2).for_each(new_table);
    EIGHTHS.set(one_of(&[0, 3, 6, 12]));
    (0..20 + below(150)).for_each(|_| act());
    // Both go, one after the other, with more calls than usual.
    for _ in 0..2 {
        EIGHTHS.set(one_of(&[8, 24, 60]));
        DEPTH.set(1);
        let table = take(|cast| &mut cast.tables);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(table)));
        assert!(dropped.is_ok_and(|()| true), "no waker panics here");
        DEPTH.set(0);
        EIGHTHS.set(4);
        (0..below(60)).for_each(|_| act());
    }
    DEPTH.set(1);
    let rest = CAST.replace(Cast::new());
    let Cast { tables, threads, processes, groups, sessions, spaces, terminals, handles } = rest;
    drop((tables, terminals, groups, spaces, handles, processes, sessions, threads));
    drop(CAST.replace(Cast::new()));
    DEPTH.set(0);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0, "what the kernel has given is dropped");
}

/// The round that is being made.
static ROUND: AtomicU64 = AtomicU64::new(0);

/// Ends the program if one round takes minutes: a walk goes in a circle.
fn watch() {
    const PATIENCE: u32 = 120;
    let (mut seen, mut waited) = (u64::MAX, 0);
    while waited < PATIENCE {
        std::thread::sleep(Duration::from_secs(1));
        let now = ROUND.load(Ordering::Relaxed);
        waited = if now == seen { waited + 1 } else { 0 };
        seen = now;
    }
    eprintln!("round {seen} does not end");
    std::process::abort()
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[test]
fn calls_around_every_hold_of_the_lock_break_nothing() {
    // Design, ownership, hooks, wait: every invariant is checked at unlocks; nothing is freed that something leads to (as the address sanitizer sees), and all is freed in the end.
    std::thread::spawn(watch);
    let seconds = from_env("FOREIGN_CALLS_SECONDS").unwrap_or(5);
    let seeds = [Some(1), from_env("FOREIGN_CALLS_SEED")];
    let seeds: Vec<u64> = seeds.into_iter().flatten().collect();
    for seed in &seeds {
        let end = Instant::now() + Duration::from_secs(seconds) / seeds.len() as u32;
        println!("seed {seed}");
        let mut number = from_env("FOREIGN_CALLS_ROUND").unwrap_or(0);
        while Instant::now() < end {
            let round_seed = seed.wrapping_mul(0x0123_4567_89ab_cdef).wrapping_add(number);
            if std::env::var("FOREIGN_CALLS_VERBOSE").is_ok() {
                eprintln!("seed {seed}, round {number}");
            }
            ROUND.store(number, Ordering::Relaxed);
            round(round_seed);
            number += 1;
        }
        println!("seed {seed}: {number} rounds, {} calls", CALLS.get());
    }
    assert!(CALLS.get() > 1_000);
}
