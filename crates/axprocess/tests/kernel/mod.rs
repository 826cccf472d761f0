//! A small kernel for the tests: a host that writes down what it is told, and short names for common steps.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod sigchld;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use axprocess::{
    ARef, ChildNews, ChildSignalFlags, DiscardedSignals, Errno, ExitStatus, ForcedAction,
    ForkRequest, Host, Number, Pid, PidNamespace, Process, ProcessState, ProcessTable, Relations,
    Signal, SignalAction, SignalCause, SignalInfo, Terminal, Thread, View, WaitCall, WaitEvent,
    WaitOutcome, WaitRequest, WaitStatus,
};

pub(crate) use self::sigchld::ChildSignalAction;

pub(crate) const WNOHANG: i32 = 1;
pub(crate) const WUNTRACED: i32 = 2;
pub(crate) const WSTOPPED: i32 = 2;
pub(crate) const WEXITED: i32 = 4;
pub(crate) const WCONTINUED: i32 = 8;
pub(crate) const WNOWAIT: i32 = 0x0100_0000;
pub(crate) const WNOTHREAD: i32 = 0x2000_0000;
pub(crate) const WALL: i32 = 0x4000_0000;
pub(crate) const WCLONE: i32 = i32::MIN;

/// Writes down every signal and wake-up.
#[derive(Default)]
pub(crate) struct Kernel {
    log: Mutex<Vec<Event>>,
    /// Whose pollers were woken, and whether as those of a thread.
    polled: Mutex<Vec<Polled>>,
    /// Threads that a signal for their process addressed, with its number.
    addressed: Mutex<Vec<(Pid, u8)>>,
    /// Processes that nobody may send a signal to.
    protected: Mutex<Vec<Pid>>,
    /// Levels of namespaces in which nobody may choose numbers.
    guarded_levels: Mutex<Vec<u32>>,
    /// What the waiters were woken for, since the last [`news`].
    news: Mutex<Vec<ChildNews>>,
    /// Processes that a signal of kill waits for: they cannot fork.
    struck: Mutex<Vec<Pid>>,
    /// Who was asked to exit.
    exit_requests: Mutex<Vec<Pid>>,
    /// What was discarded from whose queues.
    discards: Mutex<Vec<(Pid, DiscardedSignals)>>,
    /// Threads, by address, that block a signal.
    masks: Mutex<Vec<(usize, Signal)>>,
    told: Mutex<Vec<usize>>,
    queued: Mutex<Vec<(Pid, Signal)>>,
    /// Who was named as the sender of each signal.
    senders: Mutex<Vec<Option<Pid>>>,
    /// Which signals were forced on which threads that would have evaded them.
    resets: Mutex<Vec<(Pid, Signal, ForcedAction)>>,
    /// How many threads were born and are not released.
    unreleased: AtomicI64,
}

/// With its table everybody was released who was ever born.
impl Drop for Kernel {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(*self.unreleased.get_mut(), 0, "births and releases balance");
        }
    }
}

/// What a hook was told: who, and what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A signal with its number, posted to the first about the second, with the status.
    Signal(Pid, u8, Pid, WaitStatus),
    /// Any other signal with its number, posted to a process.
    Posted(Pid, u8, SignalCause),
    /// A signal with its number, posted to a thread.
    ThreadPosted(Pid, u8, SignalCause),
    /// A thread was asked to stop.
    StopRequest(Pid),
    /// The files of the terminal of that device number are dead.
    HungUp(u32),
    /// A thread was let go that waited in vfork.
    VforkEnd(Pid),
    /// A thread has got or lost a tracer while it slept in a stop, or lost it while it ran.
    TracingChanged(Pid),
    /// The waiters of a process were woken.
    Wake(Pid),
    /// A thread in exec was woken.
    ExecWake(Pid),
    /// A thread that ends its namespace was woken.
    ExitWake(Pid),
    /// The thread of a process that dumps core was woken.
    CoreDumpWake(Pid),
}

/// Whose pollers were woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Polled {
    Process(Pid, ProcessState),
    Thread(Pid),
}

/// How the process treats SIGCHLD, and what it does about other signals: it handles those that are not named.
#[derive(Default)]
pub(crate) struct Treatment(AtomicU8, Mutex<Vec<(Signal, SignalAction)>>);

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Treatment;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        let number = info.signal.number();
        let event = match info.cause {
            SignalCause::Child { pid, status } => Event::Signal(target.pid(), number, pid, status),
            cause => Event::Posted(target.pid(), number, cause),
        };
        if let SignalCause::User { .. } = info.cause {
            self.struck.lock().unwrap().push(target.pid());
        }
        self.senders.lock().unwrap().push(sender.map(|sender| sender.pid()));
        self.log.lock().unwrap().push(event);
    }

    fn post_signal_addressed(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        addressed: &Thread<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        self.addressed.lock().unwrap().push((addressed.tid(), info.signal.number()));
        self.post_signal(view, target, info, sender);
    }

    fn post_thread_signal(
        &self,
        _: View<'_, Self>,
        target: &Thread<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        let event = Event::ThreadPosted(target.tid(), info.signal.number(), info.cause);
        self.senders.lock().unwrap().push(sender.map(|sender| sender.pid()));
        self.log.lock().unwrap().push(event);
    }

    fn discard_signals(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        discard: DiscardedSignals,
    ) {
        self.discards.lock().unwrap().push((target.pid(), discard));
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        if signal == Signal::SIGCHLD && sigchld_action(target).contains(ChildSignalAction::IGNORE) {
            return SignalAction::Ignore;
        }
        let actions = target.host_data().1.lock().unwrap();
        let named = actions.iter().rfind(|(named, _)| *named == signal);
        named.map_or(SignalAction::Handle, |(_, action)| *action)
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, thread: &Thread<Self>, signal: Signal) -> bool {
        self.masks.lock().unwrap().contains(&(std::ptr::from_ref(thread).addr(), signal))
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        thread: Option<&Thread<Self>>,
        signal: Signal,
    ) -> bool {
        let number = thread.map_or(target.pid(), |thread| thread.tid());
        self.queued.lock().unwrap().contains(&(number, signal))
    }

    fn is_told_of_signal(&self, _: View<'_, Self>, thread: &Thread<Self>) -> bool {
        self.told.lock().unwrap().contains(&std::ptr::from_ref(thread).addr())
    }

    fn reset_signal_action(
        &self,
        _: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
        action: ForcedAction,
    ) {
        let address = std::ptr::from_ref(thread).addr();
        thread.process().host_data().1.lock().unwrap().push((signal, SignalAction::Default));
        self.masks.lock().unwrap().retain(|masked| *masked != (address, signal));
        self.resets.lock().unwrap().push((thread.tid(), signal, action));
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.exit_requests.lock().unwrap().push(thread.tid());
    }

    fn may_signal(
        &self,
        _: View<'_, Self>,
        _: &Process<Self>,
        target: &Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        !self.protected.lock().unwrap().contains(&target.pid())
    }

    fn may_choose_number(
        &self,
        _: View<'_, Self>,
        _: &Thread<Self>,
        space: &PidNamespace<Self>,
    ) -> bool {
        !self.guarded_levels.lock().unwrap().contains(&space.level())
    }

    fn may_trace(&self, _: View<'_, Self>, _: &Thread<Self>, target: &Thread<Self>) -> bool {
        !self.protected.lock().unwrap().contains(&target.process().pid())
    }

    fn tracing_changed(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.log.lock().unwrap().push(Event::TracingChanged(thread.tid()));
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.log.lock().unwrap().push(Event::StopRequest(thread.tid()));
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, caller: &Thread<Self>) -> bool {
        self.struck.lock().unwrap().contains(&caller.process().pid())
    }

    fn wake_exec(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.log.lock().unwrap().push(Event::ExecWake(thread.tid()));
    }

    fn wake_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.log.lock().unwrap().push(Event::ExitWake(thread.tid()));
    }

    fn wake_core_dump(&self, _: View<'_, Self>, process: &Process<Self>) {
        self.log.lock().unwrap().push(Event::CoreDumpWake(process.pid()));
    }

    fn end_vfork(&self, _: View<'_, Self>, parent: &Thread<Self>) {
        assert!(!parent.is_waiting_for_vfork(), "the word changes before the hook is called");
        self.log.lock().unwrap().push(Event::VforkEnd(parent.tid()));
    }

    fn wake_waiters(&self, _: View<'_, Self>, parent: &Process<Self>, news: &ChildNews) {
        self.news.lock().unwrap().push(*news);
        self.log.lock().unwrap().push(Event::Wake(parent.pid()));
    }

    fn wake_pollers(&self, _: View<'_, Self>, process: &Process<Self>) {
        self.polled.lock().unwrap().push(Polled::Process(process.pid(), process.state()));
    }

    fn wake_thread_pollers(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.polled.lock().unwrap().push(Polled::Thread(thread.tid()));
    }

    fn can_fork(
        &self,
        _: View<'_, Self>,
        _: Option<&Thread<Self>>,
        _: &Thread<Self>,
    ) -> Result<(), Errno> {
        self.unreleased.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn release_task(&self, _: View<'_, Self>, _: &Thread<Self>) {
        self.unreleased.fetch_sub(1, Ordering::Relaxed);
    }

    fn hang_up_terminal(&self, _: View<'_, Self>, terminal: &Terminal<Self>) {
        self.log.lock().unwrap().push(Event::HungUp(terminal.device()));
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        sigchld_action(parent).flags()
    }
}

pub(crate) type Table = ProcessTable<Kernel>;
pub(crate) type KernelThread = ARef<Thread<Kernel>>;
pub(crate) type KernelProcess = ARef<Process<Kernel>>;

/// A table with init as process 1.
pub(crate) fn boot() -> (Table, KernelThread) {
    let table = ProcessTable::new(Kernel::default());
    let init = table.new_init(1, Treatment::default(), ()).unwrap();
    (table, init)
}

/// What the hooks were told since the last call.
pub(crate) fn events(table: &Table) -> Vec<Event> {
    std::mem::take(&mut *table.host().log.lock().unwrap())
}

/// Which threads were addressed by which signals for their processes since the last call.
pub(crate) fn addressed(table: &Table) -> Vec<(Pid, u8)> {
    std::mem::take(&mut *table.host().addressed.lock().unwrap())
}

/// Who was named as the sender of each signal since the last call.
pub(crate) fn senders(table: &Table) -> Vec<Option<Pid>> {
    std::mem::take(&mut *table.host().senders.lock().unwrap())
}

/// Which signals were forced, on which threads that would have evaded them, since the last call.
pub(crate) fn resets(table: &Table) -> Vec<(Pid, Signal, ForcedAction)> {
    std::mem::take(&mut *table.host().resets.lock().unwrap())
}

/// Whose pollers were woken since the last call.
pub(crate) fn polled(table: &Table) -> Vec<Polled> {
    std::mem::take(&mut *table.host().polled.lock().unwrap())
}

/// What waiters were woken for since the last call.
pub(crate) fn news(table: &Table) -> Vec<ChildNews> {
    std::mem::take(&mut *table.host().news.lock().unwrap())
}

/// The signals among [`events`].
pub(crate) fn signals(table: &Table) -> Vec<Event> {
    let mut events = events(table);
    events.retain(|event| matches!(event, Event::Signal(..)));
    events
}

/// The signals other than a child's among [`events`].
pub(crate) fn posted(table: &Table) -> Vec<Event> {
    let mut events = events(table);
    events.retain(|event| matches!(event, Event::Posted(..) | Event::ThreadPosted(..)));
    events
}

/// Nobody may send a signal to this process from now on.
pub(crate) fn protect(table: &Table, process: &KernelProcess) {
    table.host().protected.lock().unwrap().push(process.pid());
}

/// The process does this about these signals from now on.
pub(crate) fn act(process: &KernelProcess, action: SignalAction, signals: &[Signal]) {
    process.host_data().1.lock().unwrap().extend(signals.iter().map(|signal| (*signal, action)));
}

/// The thread blocks the signal from now on.
pub(crate) fn block(table: &Table, thread: &KernelThread, signal: Signal) {
    table.host().masks.lock().unwrap().push((std::ptr::from_ref(&**thread).addr(), signal));
}

/// The signal waits in the queue of the process or thread with that number from now on.
pub(crate) fn keep_queued(table: &Table, number: Pid, signal: Signal) {
    table.host().queued.lock().unwrap().push((number, signal));
}

/// The thread has a signal to look at, and does not come to it from now on.
pub(crate) fn tell_of_signal(table: &Table, thread: &KernelThread) {
    table.host().told.lock().unwrap().push(std::ptr::from_ref(&**thread).addr());
}

/// Who was asked to exit since the last call.
pub(crate) fn exit_requests(table: &Table) -> Vec<Pid> {
    std::mem::take(&mut *table.host().exit_requests.lock().unwrap())
}

/// What was discarded since the last call.
pub(crate) fn discards(table: &Table) -> Vec<(Pid, DiscardedSignals)> {
    std::mem::take(&mut *table.host().discards.lock().unwrap())
}

/// Nobody may choose numbers in namespaces of this level from now on.
pub(crate) fn guard_numbers(table: &Table, level: u32) {
    table.host().guarded_levels.lock().unwrap().push(level);
}

/// Who got which signal of the kernel's own, among [`events`].
pub(crate) fn kernel_signals(table: &Table) -> Vec<(Pid, u8)> {
    let posted = events(table).into_iter().filter_map(|event| match event {
        Event::Posted(to, signal, SignalCause::Kernel) => Some((to, signal)),
        _ => None,
    });
    posted.collect()
}

fn sigchld_action(process: &Process<Kernel>) -> ChildSignalAction {
    ChildSignalAction::from_bits_retain(process.host_data().0.load(Ordering::Relaxed))
}

pub(crate) fn treat_sigchld(process: &KernelProcess, action: ChildSignalAction) {
    process.host_data().0.store(action.bits(), Ordering::Relaxed);
}

pub(crate) fn fork(parent: &KernelThread) -> KernelThread {
    fork_with(parent, ForkRequest::default()).unwrap()
}

pub(crate) fn fork_with(
    parent: &KernelThread,
    request: ForkRequest<'_>,
) -> Result<KernelThread, Errno> {
    parent.fork(request, Treatment::default(), ())
}

pub(crate) fn spawn(thread: &KernelThread) -> KernelThread {
    thread.spawn_thread(Number::Next, ()).unwrap()
}

/// A chain of processes, each the child of the one before.
pub(crate) fn chain<const N: usize>(first: &KernelThread) -> [KernelThread; N] {
    let mut parent = first.clone();
    std::array::from_fn(|_| {
        parent = fork(&parent);
        parent.clone()
    })
}

pub(crate) fn exit(thread: &KernelThread, code: i32) {
    thread.exit_thread(ExitStatus::exited(code));
}

pub(crate) fn wait4(thread: &KernelThread, pid: i32, options: i32) -> Waited {
    Waited::from(WaitRequest::wait4(pid, options).and_then(|request| thread.wait(&request)))
}

pub(crate) fn waitid(thread: &KernelThread, kind: i32, id: i32, options: i32) -> Waited {
    Waited::from(WaitRequest::waitid(kind, id, options).and_then(|request| thread.wait(&request)))
}

pub(crate) fn poll(call: &WaitCall<'_, Kernel>) -> Waited {
    Waited::from(call.poll())
}

/// The answer to a wait, without the objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    Got(Pid, WaitStatus),
    Nothing,
    Failed(Errno),
}

impl From<Result<WaitOutcome<Kernel>, Errno>> for Waited {
    fn from(result: Result<WaitOutcome<Kernel>, Errno>) -> Self {
        match result {
            Ok(WaitOutcome::Event(WaitEvent { pid, status, .. })) => Self::Got(pid, status),
            Ok(WaitOutcome::NothingYet(_)) => Self::Nothing,
            Err(errno) => Self::Failed(errno),
        }
    }
}

pub(crate) fn exited(pid: Pid, code: u8) -> Waited {
    Waited::Got(pid, WaitStatus::Exited(code))
}

pub(crate) const NO_CHILD: Waited = Waited::Failed(Errno::ECHILD);

pub(crate) fn pids(processes: &[KernelProcess]) -> Vec<Pid> {
    processes.iter().map(|process| process.pid()).collect()
}

impl Waited {
    pub(crate) const fn is_event(self) -> bool {
        matches!(self, Self::Got(..))
    }
}
