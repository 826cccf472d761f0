//! A small kernel for the tests: it writes down whom it kicks, knows users with a limit of waiting signals, and has short names for common steps.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axprocess::{
    ARef, CloneFlags, Errno, ExitStatus, ForkRequest, GivenInfo, Lock, Number, Pid, ProcessTable,
    Relations, Signal, SignalInfo, TraceOptions, TraceStart, View,
};
use axprocess_signals::{
    Account, Action, ActionFlags, AwaitedSignals, Charge, Delivery, Frame, Generated, Handler,
    ProcessSignals, SigInfo, SignalSet, Signals, ThreadSignals, TimedWait,
};

pub(crate) use axprocess_signals::signals_of;

/// What differs from one test program to the next.
pub(crate) trait Setup: Send + Sync + 'static {
    type RelationLock<T: Send + 'static>: Lock<T> + Send + Sync + 'static;
    type SignalLock<T: Send + 'static>: Lock<T> + Send + Sync + 'static;
    const MOST_QUEUED: u32 = 1 << 16;
    const KEEPS_BLOCKS: bool = true;
}

/// The mutex of the standard library, and memory enough.
pub(crate) struct Plain;

impl Setup for Plain {
    type RelationLock<T: Send + 'static> = Mutex<T>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
}

/// What the numbers of users differ by from a sender's user namespace to a receiver's.
pub(crate) const OTHER_USERS: u32 = 1 << 20;

/// Writes down what it is told.
pub(crate) struct Kernel<S: Setup = Plain> {
    kicked: Mutex<Vec<Pid>>,
    running: Mutex<Vec<Pid>>,
    /// How many signals wait that were charged to each user.
    charged: Mutex<BTreeMap<u32, u32>>,
    generated: Mutex<Vec<Generated>>,
    /// Whose signalfds were woken.
    polled: Mutex<Vec<Pid>>,
    /// Nothing is written down any more: that would take memory.
    is_silent: Mutex<bool>,
    setup: PhantomData<S>,
}

/// The user of a process, and its `RLIMIT_SIGPENDING`.
pub(crate) struct User {
    pub(crate) number: AtomicU32,
    pub(crate) limit: AtomicU32,
}

pub(crate) type Thread<S = Plain> = axprocess_signals::Thread<Kernel<S>>;
pub(crate) type Process<S = Plain> = axprocess_signals::Process<Kernel<S>>;
pub(crate) type Table<S = Plain> = ProcessTable<Signals<Kernel<S>>>;

impl<S: Setup> axprocess_signals::Kernel for Kernel<S> {
    type RelationLock = S::RelationLock<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = S::SignalLock<T>;
    type ProcessData = User;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    const KEEPS_BLOCKS: bool = S::KEEPS_BLOCKS;
    const MOST_QUEUED: u32 = S::MOST_QUEUED;

    fn kick(&self, thread: &Thread<S>) {
        self.note(&self.kicked, thread.tid());
    }

    fn may_signal(
        &self,
        _: View<'_, Signals<Self>>,
        _: &Process<S>,
        _: &Process<S>,
        _: Option<Signal>,
    ) -> bool {
        true
    }

    fn may_trace(&self, _: View<'_, Signals<Self>>, _: &Thread<S>, _: &Thread<S>) -> bool {
        true
    }

    fn is_running(&self, thread: &Thread<S>) -> bool {
        self.running.lock().unwrap().contains(&thread.tid())
    }

    fn uid(&self, sender: &Process<S>, _: &Process<S>) -> u32 {
        sender.host_data().number.load(Relaxed)
    }

    fn given_uid(&self, uid: u32, _: &Process<S>, _: &Process<S>) -> u32 {
        uid ^ OTHER_USERS
    }

    fn charge(&self, receiver: &Process<S>, charge: Charge) -> Option<Account> {
        let user = receiver.host_data().number.load(Relaxed);
        let limit = receiver.host_data().limit.load(Relaxed);
        let mut charged = self.charged.lock().unwrap();
        let count = charged.get_mut(&user).expect("a user of `add_user`");
        let fits = *count < limit || charge == Charge::BeyondLimit;
        *count += u32::from(fits);
        fits.then_some(Account(user))
    }

    fn uncharge(&self, Account(user): Account) {
        let mut charged = self.charged.lock().unwrap();
        let count = charged.get_mut(&user).expect("it was charged");
        *count = count.checked_sub(1).expect("it was charged");
    }

    fn trace_signal(&self, _: &Process<S>, _: &SigInfo, generated: Generated) {
        self.note(&self.generated, generated);
    }

    fn wake_signalfd(&self, process: &Process<S>) {
        self.note(&self.polled, process.pid());
    }
}

impl<S: Setup> Kernel<S> {
    pub(crate) fn new() -> Self {
        Self {
            kicked: Mutex::default(),
            running: Mutex::default(),
            charged: Mutex::new(BTreeMap::from([(0, 0)])),
            generated: Mutex::default(),
            polled: Mutex::default(),
            is_silent: Mutex::new(false),
            setup: PhantomData,
        }
    }

    fn note<T>(&self, list: &Mutex<Vec<T>>, told: T) {
        if !*self.is_silent.lock().unwrap() {
            list.lock().unwrap().push(told);
        }
    }

    /// Nothing is written down from now on.
    pub(crate) fn be_silent(&self) {
        *self.is_silent.lock().unwrap() = true;
    }

    /// Who was kicked since the last call.
    pub(crate) fn kicked(&self) -> Vec<Pid> {
        std::mem::take(&mut *self.kicked.lock().unwrap())
    }

    /// What became of the signals sent since the last call.
    pub(crate) fn generated(&self) -> Vec<Generated> {
        std::mem::take(&mut *self.generated.lock().unwrap())
    }

    /// Whose signalfds were woken since the last call.
    pub(crate) fn polled(&self) -> Vec<Pid> {
        std::mem::take(&mut *self.polled.lock().unwrap())
    }

    /// How many places a user has in use.
    pub(crate) fn charged(&self, user: u32) -> u32 {
        self.charged.lock().unwrap()[&user]
    }

    /// There is this user from now on.
    pub(crate) fn add_user(&self, user: u32) {
        self.charged.lock().unwrap().insert(user, 0);
    }

    /// These threads run on a processor, and no others.
    pub(crate) fn run(&self, threads: &[&Thread<S>]) {
        *self.running.lock().unwrap() = threads.iter().map(|thread| thread.tid()).collect();
    }
}

impl User {
    pub(crate) fn root() -> Self {
        Self { number: AtomicU32::new(0), limit: AtomicU32::new(u32::MAX) }
    }

    pub(crate) fn copy(&self) -> Self {
        let [number, limit] =
            [&self.number, &self.limit].map(|it| AtomicU32::new(it.load(Relaxed)));
        Self { number, limit }
    }
}

/// A table with init as process 1.
pub(crate) fn boot_with<S: Setup>() -> (Table<S>, ARef<Thread<S>>) {
    let table = Table::new(Signals::new(Kernel::new()));
    let process = ProcessSignals::new(table.host(), User::root()).unwrap();
    let init = table.new_init(1, process, ThreadSignals::new(())).unwrap();
    (table, init)
}

pub(crate) fn boot() -> (Table, ARef<Thread>) {
    boot_with()
}

/// A table, its init, and a child of that: unlike init, it is ended by signals.
pub(crate) fn scene() -> (Table, ARef<Thread>, ARef<Thread>) {
    let (table, init) = boot();
    let child = fork(&init);
    (table, init, child)
}

/// A grandchild of init in a group of its own, which is not orphaned: all stop signals stop it.
pub(crate) fn job(init: &Thread) -> ARef<Thread> {
    let job = fork(&fork(init));
    job.process().setpgid(0, 0).unwrap();
    job
}

pub(crate) fn fork<S: Setup>(thread: &Thread<S>) -> ARef<Thread<S>> {
    fork_with(thread, CloneFlags::empty())
}

pub(crate) fn fork_with<S: Setup>(thread: &Thread<S>, flags: CloneFlags) -> ARef<Thread<S>> {
    try_fork(thread, flags).unwrap()
}

pub(crate) fn try_fork<S: Setup>(
    thread: &Thread<S>,
    flags: CloneFlags,
) -> Result<ARef<Thread<S>>, Errno> {
    let user = thread.process().host_data().copy();
    let (process, child) = signals_of(thread).fork(flags, user, ())?;
    thread.fork(ForkRequest::default(), process, child)
}

pub(crate) fn spawn<S: Setup>(thread: &Thread<S>) -> ARef<Thread<S>> {
    thread.spawn_thread(Number::Next, signals_of(thread).new_thread(())).unwrap()
}

/// The process is this user's, of whom so many signals may wait.
pub(crate) fn become_user<S: Setup>(table: &Table<S>, process: &Process<S>, user: u32, limit: u32) {
    table.host().kernel().add_user(user);
    process.host_data().number.store(user, Relaxed);
    process.host_data().limit.store(limit, Relaxed);
}

pub(crate) fn exit<S: Setup>(thread: &Thread<S>) {
    signals_of(thread).exit_thread(ExitStatus::exited(0));
}

pub(crate) fn signal(number: u8) -> Signal {
    Signal::new(number).unwrap()
}

pub(crate) fn set(numbers: &[u8]) -> SignalSet {
    numbers.iter().map(|number| signal(*number)).collect()
}

pub(crate) fn kill<S: Setup>(sender: &Thread<S>, to: &Thread<S>, number: u8) {
    sender.kill(to.tid() as i32, number.into()).unwrap();
}

pub(crate) fn tkill<S: Setup>(sender: &Thread<S>, to: &Thread<S>, number: u8) {
    sender.tkill(to.tid() as i32, number.into()).unwrap();
}

/// What sigqueue(3) passes.
pub(crate) fn queued<S: Setup>(sender: &Thread<S>, number: u8, value: u64) -> GivenInfo {
    const SI_QUEUE: i32 = -1;
    let (pid, uid) = (sender.process().pid(), sender.process().host_data().number.load(Relaxed));
    GivenInfo { pid, uid, value, ..GivenInfo::new(number.into(), SI_QUEUE) }
}

pub(crate) fn queue<S: Setup>(
    sender: &Thread<S>,
    to: &Thread<S>,
    number: u8,
    value: u64,
) -> Result<(), Errno> {
    sender.rt_sigqueueinfo(to.tid() as i32, queued(sender, number, value))
}

pub(crate) const SIG_BLOCK: i32 = 0;
pub(crate) const SIG_UNBLOCK: i32 = 1;
pub(crate) const SIG_SETMASK: i32 = 2;

pub(crate) fn change_mask<S: Setup>(thread: &Thread<S>, how: i32, numbers: &[u8]) -> SignalSet {
    signals_of(thread).rt_sigprocmask(how, 8, || Ok(Some(set(numbers)))).unwrap()
}

pub(crate) fn block<S: Setup>(thread: &Thread<S>, numbers: &[u8]) {
    change_mask(thread, SIG_BLOCK, numbers);
}

pub(crate) fn unblock<S: Setup>(thread: &Thread<S>, numbers: &[u8]) {
    change_mask(thread, SIG_UNBLOCK, numbers);
}

pub(crate) fn block_all<S: Setup>(thread: &Thread<S>) {
    let all = || Ok(Some(SignalSet::ALL));
    signals_of(thread).rt_sigprocmask(SIG_BLOCK, 8, all).unwrap();
}

pub(crate) fn act<S: Setup>(thread: &Thread<S>, number: u8, action: Action) -> Action {
    signals_of(thread).rt_sigaction(number.into(), 8, || Ok(Some(action))).unwrap()
}

/// What is set for a signal, as a program is told.
pub(crate) fn action<S: Setup>(thread: &Thread<S>, number: u8) -> Action {
    signals_of(thread).rt_sigaction(number.into(), 8, || Ok(None)).unwrap()
}

/// A handler with these flags and mask.
pub(crate) fn handler(flags: ActionFlags, mask: &[u8]) -> Action {
    let handler = Handler::from_raw(0x4000);
    Action { handler, flags, mask: set(mask), restorer: 0 }
}

pub(crate) fn handle<S: Setup>(thread: &Thread<S>, numbers: &[u8]) {
    for number in numbers {
        act(thread, *number, handler(ActionFlags::empty(), &[]));
    }
}

pub(crate) const IGNORE: Action = Action {
    handler: Handler::Ignore,
    flags: ActionFlags::empty(),
    mask: SignalSet::EMPTY,
    restorer: 0,
};

pub(crate) fn ignore<S: Setup>(thread: &Thread<S>, numbers: &[u8]) {
    for number in numbers {
        act(thread, *number, IGNORE);
    }
}

/// What waits for the thread, and for its process.
pub(crate) fn pending<S: Setup>(thread: &Thread<S>) -> (SignalSet, SignalSet) {
    signals_of(thread).pending()
}

pub(crate) const NOTHING: (SignalSet, SignalSet) = (SignalSet::EMPTY, SignalSet::EMPTY);

/// Begins a sigtimedwait that finds nothing.
pub(crate) fn wait_for<'a, S: Setup>(
    thread: &'a Thread<S>,
    numbers: &[u8],
) -> AwaitedSignals<'a, Kernel<S>> {
    match signals_of(thread).rt_sigtimedwait(8, || Ok(set(numbers))).unwrap() {
        TimedWait::NothingYet(wait) => wait,
        TimedWait::Taken(info) => panic!("{info:?} was there"),
    }
}

/// What a sigtimedwait takes that does not wait.
pub(crate) fn take<S: Setup>(thread: &Thread<S>, set: SignalSet) -> Option<SigInfo> {
    match signals_of(thread).rt_sigtimedwait(8, || Ok(set)).unwrap() {
        TimedWait::NothingYet(_) => None,
        TimedWait::Taken(info) => Some(info),
    }
}

pub(crate) fn take_all<S: Setup>(thread: &Thread<S>) -> Vec<SigInfo> {
    std::iter::from_fn(|| take(thread, SignalSet::ALL)).collect()
}

/// Signals, as numbers.
pub(crate) fn numbers(infos: &[SigInfo]) -> Vec<u8> {
    infos.iter().map(|info| info.signal().number()).collect()
}

/// What a siginfo says: number, code, who, value.
pub(crate) fn said(info: &SigInfo) -> (u8, i32, Pid, u64) {
    (info.signal().number(), info.code(), info.pid(), info.value())
}

pub(crate) fn is_told<S: Setup>(thread: &Thread<S>) -> bool {
    !thread.attention().is_empty()
}

/// What a thread does on its way to user space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// A handler of this signal runs now.
    Handler(u8),
    /// It sleeps in a stop.
    Stop,
    /// This signal ends the process.
    Fatal(u8),
    /// It has exited.
    Exit(ExitStatus),
    /// Its tracer is to see this signal.
    Traced(u8),
    /// It runs in user space.
    Runs,
}

/// A thread's program: the frames of the handlers that run, the innermost last.
pub(crate) struct Program<'a, S: Setup = Plain> {
    pub(crate) thread: &'a Thread<S>,
    pub(crate) frames: Vec<Frame>,
    /// A frame finds no place.
    pub(crate) has_no_stack: bool,
}

impl<'a, S: Setup> Program<'a, S> {
    pub(crate) fn of(thread: &'a Thread<S>) -> Self {
        Self { thread, frames: Vec::new(), has_no_stack: false }
    }

    /// Takes one step to user space.
    pub(crate) fn step(&mut self) -> Seen {
        if self.thread.attention().is_empty() {
            return Seen::Runs;
        }
        let delivery = signals_of(self.thread).get_signal();
        self.go_on_with(delivery)
    }

    pub(crate) fn go_on_with(&mut self, delivery: Delivery) -> Seen {
        let signals = signals_of(self.thread);
        match delivery {
            Delivery::Return => Seen::Runs,
            Delivery::Handle(frame) => {
                let (frames, has_no_stack) = (&mut self.frames, self.has_no_stack);
                signals.enter_handler(&frame, |frame| {
                    if has_no_stack {
                        return Err(Errno::EFAULT);
                    }
                    frames.push(*frame);
                    Ok(())
                });
                Seen::Handler(frame.info.signal().number())
            }
            Delivery::Stop => Seen::Stop,
            Delivery::Traced(traced) => Seen::Traced(traced.info.signal().number()),
            Delivery::Fatal(signal) => {
                self.thread.process().begin_group_exit(ExitStatus::killed(signal));
                Seen::Fatal(signal.number())
            }
            Delivery::Exit(status) => {
                signals.exit_thread(status);
                Seen::Exit(status)
            }
        }
    }

    /// Goes to user space; tells what it has seen on the way, but that it runs there in the end.
    pub(crate) fn run(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            match self.step() {
                Seen::Runs if self.thread.attention().is_empty() => return seen,
                Seen::Runs => {}
                end @ (Seen::Stop | Seen::Exit(_) | Seen::Traced(_)) => {
                    seen.push(end);
                    return seen;
                }
                other => seen.push(other),
            }
        }
    }

    /// The innermost handler returns, and the thread goes to user space. Which one that was.
    pub(crate) fn return_from_handler(&mut self) -> u8 {
        let frame = self.frames.pop().expect("a handler runs");
        signals_of(self.thread).rt_sigreturn(frame.saved_mask);
        frame.info.signal().number()
    }

    /// Goes to user space, and runs all handlers to their ends. In which order they have run.
    pub(crate) fn run_handlers(&mut self) -> Vec<u8> {
        let mut ran = Vec::new();
        loop {
            for seen in self.run() {
                assert!(matches!(seen, Seen::Handler(_)), "{seen:?}");
            }
            if self.frames.is_empty() {
                return ran;
            }
            ran.push(self.return_from_handler());
        }
    }
}

/// What a thread sees on its way to user space.
pub(crate) fn look<S: Setup>(thread: &Thread<S>) -> Vec<Seen> {
    Program::of(thread).run()
}

/// Which handlers run of a thread.
pub(crate) fn handlers_run<S: Setup>(thread: &Thread<S>) -> Vec<u8> {
    Program::of(thread).run_handlers()
}

/// It traces that one from now on, and has let it go on behind the `SIGSTOP` of that.
pub(crate) fn attach<S: Setup>(tracer: &Thread<S>, tracee: &Thread<S>) {
    let tid = tracee.tid() as i32;
    tracer.attach(tid, TraceStart::Attach, TraceOptions::empty()).unwrap();
    let Delivery::Traced(traced) = signals_of(tracee).get_signal() else { panic!("its SIGSTOP") };
    tracee.trace_stop(traced.info.signal().into());
    tracer.resume_tracee(tid).unwrap();
    let delivery = signals_of(tracee).resume_from_tracer(traced, None);
    assert!(matches!(delivery, Delivery::Return), "{delivery:?}");
}

/// It traces that one from now on, without having stopped it.
pub(crate) fn seize<S: Setup>(tracer: &Thread<S>, tracee: &Thread<S>) {
    let options = TraceOptions::empty();
    tracer.attach(tracee.tid() as i32, TraceStart::Seize, options).unwrap();
}

/// A fault of the thread: a signal with a code above 0.
pub(crate) fn fault<S: Setup>(thread: &Thread<S>, number: u8) {
    let cause = axprocess::KernelCause::Event { code: 1, value: 0xbad, number: 0, sender: None };
    thread.force_signal(signal(number), cause, axprocess::ForcedAction::AsSet);
}

/// What stands in a siginfo that kill(2) sends.
pub(crate) fn of_kill(number: u8, sender: Pid) -> SigInfo {
    let cause = axprocess::SignalCause::User { pid: sender };
    SigInfo { info: SignalInfo { signal: signal(number), cause }, uid: 0, overrun: 0 }
}
