//! The host of the scenarios, and short names for common steps.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, Attention, ChildSignalFlags, Cursor, DiscardedSignals, Errno, ExitStatus, ForkRequest,
    Host, Pid, ProcessTable, Relations, Signal, SignalCause, SignalInfo, View, WaitOutcome,
    WaitRequest,
};

use crate::Explorer;

/// A kernel whose relation lock is the explorer's. It writes down what it is told.
pub struct Kernel<E: Explorer> {
    /// Whoever looks without the lock may do so at each hook.
    point: E::Point,
    posted: Mutex<Vec<(Pid, Signal)>>,
    woken: Mutex<Vec<Pid>>,
    /// The threads that were told that their process exits.
    doomed: Mutex<Vec<Pid>>,
    /// The threads that were made to look at their attention words.
    kicked: Mutex<Vec<Pid>>,
    /// Whether somebody looks for that: then each is a point.
    is_watched: AtomicBool,
    /// How often a thread in exec was woken.
    execs_woken: AtomicUsize,
    /// How often one in its exit was.
    exits_woken: AtomicUsize,
    /// How often one that dumps core was.
    dumps_woken: AtomicUsize,
    /// Processes for which a signal of kill waits: they cannot fork.
    struck: Mutex<Vec<Pid>>,
    /// How many threads were born and are not released.
    unreleased: AtomicUsize,
}

/// With its table everybody was released who was ever born, each once, whatever the schedule.
impl<E: Explorer> Drop for Kernel<E> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(*self.unreleased.get_mut(), 0, "births and releases do not balance");
        }
    }
}

/// A table of that kernel.
pub type Table<E> = Arc<ProcessTable<Kernel<E>>>;
/// A thread of that kernel.
pub type Thread<E> = ARef<axprocess::Thread<Kernel<E>>>;
/// A process of that kernel.
pub type Process<E> = ARef<axprocess::Process<Kernel<E>>>;

/// Something of the kernel's that asks the table when it is dropped: a dead-lock if that happens under the lock.
pub struct Inquisitive<E: Explorer>(Option<Table<E>>);

impl<E: Explorer> Inquisitive<E> {
    pub(crate) fn about(table: &Table<E>) -> Self {
        Self(Some(Arc::clone(table)))
    }
}

impl<E: Explorer> Drop for Inquisitive<E> {
    fn drop(&mut self) {
        if let Some(table) = self.0.take() {
            let _ = table.find_process(1);
        }
    }
}

impl<E: Explorer> Kernel<E> {
    fn kick(&self, thread: &axprocess::Thread<Self>) {
        self.kicked.lock().unwrap().push(thread.tid());
        if self.is_watched.load(Ordering::Relaxed) {
            E::pass(&self.point);
        }
    }

    fn kick_all(&self, view: View<'_, Self>, process: &axprocess::Process<Self>) {
        view.threads(process, &mut Cursor::new()).for_each(|thread| self.kick(thread));
    }
}

impl<E: Explorer> Host for Kernel<E> {
    type Lock = E::Mutex<Relations<Self>>;
    type ProcessData = Inquisitive<E>;
    type ThreadData = Inquisitive<E>;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &axprocess::Process<Self>,
        info: &SignalInfo,
        _: Option<&axprocess::Process<Self>>,
    ) {
        E::pass(&self.point);
        if matches!(info.cause, SignalCause::User { .. }) {
            self.struck.lock().unwrap().push(target.pid());
        }
        self.posted.lock().unwrap().push((target.pid(), info.signal));
        // Who ignores SIGCONT is not kicked by it, but by its end of a stop.
        if self.is_watched.load(Ordering::Relaxed) && info.signal != Signal::SIGCONT {
            for thread in view.threads(target, &mut Cursor::new()) {
                thread.add_attention(Attention::HOST_0);
                self.kick(thread);
            }
        }
    }

    fn discard_signals(
        &self,
        view: View<'_, Self>,
        target: &axprocess::Process<Self>,
        discarded: DiscardedSignals,
    ) {
        if discarded == DiscardedSignals::Stops {
            self.kick_all(view, target);
        }
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        self.kick(thread);
    }

    fn tracing_changed(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        self.kick(thread);
    }

    fn wake_waiters(
        &self,
        _: View<'_, Self>,
        parent: &axprocess::Process<Self>,
        _: &axprocess::ChildNews,
    ) {
        E::pass(&self.point);
        self.woken.lock().unwrap().push(parent.pid());
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        self.doomed.lock().unwrap().push(thread.tid());
        self.kick(thread);
    }

    fn wake_exec(&self, _: View<'_, Self>, _: &axprocess::Thread<Self>) {
        E::pass(&self.point);
        self.execs_woken.fetch_add(1, Ordering::Relaxed);
    }

    fn wake_exit(&self, _: View<'_, Self>, _: &axprocess::Thread<Self>) {
        E::pass(&self.point);
        self.exits_woken.fetch_add(1, Ordering::Relaxed);
    }

    fn wake_core_dump(&self, _: View<'_, Self>, _: &axprocess::Process<Self>) {
        E::pass(&self.point);
        self.dumps_woken.fetch_add(1, Ordering::Relaxed);
    }

    fn wake_pollers(&self, _: View<'_, Self>, _: &axprocess::Process<Self>) {
        E::pass(&self.point);
    }

    fn child_signal_flags(
        &self,
        _: View<'_, Self>,
        _: &axprocess::Process<Self>,
    ) -> ChildSignalFlags {
        E::pass(&self.point);
        ChildSignalFlags::empty()
    }

    fn can_fork(
        &self,
        _: View<'_, Self>,
        _: Option<&axprocess::Thread<Self>>,
        _: &axprocess::Thread<Self>,
    ) -> Result<(), Errno> {
        self.unreleased.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn release_task(&self, _: View<'_, Self>, _: &axprocess::Thread<Self>) {
        let before = self.unreleased.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "more were released than born");
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, caller: &axprocess::Thread<Self>) -> bool {
        self.struck.lock().unwrap().contains(&caller.process().pid())
    }
}

/// A table with init as process 1.
pub fn boot<E: Explorer>() -> (Table<E>, Thread<E>) {
    let kernel = Kernel {
        point: E::Point::default(),
        posted: Mutex::default(),
        woken: Mutex::default(),
        doomed: Mutex::default(),
        kicked: Mutex::default(),
        is_watched: AtomicBool::new(false),
        execs_woken: AtomicUsize::new(0),
        exits_woken: AtomicUsize::new(0),
        dumps_woken: AtomicUsize::new(0),
        struck: Mutex::default(),
        unreleased: AtomicUsize::new(0),
    };
    let table = Arc::new(ProcessTable::new(kernel));
    let init = table.new_init(1, Inquisitive(None), Inquisitive(None)).unwrap();
    (table, init)
}

pub(crate) fn fork<E: Explorer>(parent: &Thread<E>) -> Thread<E> {
    try_fork(parent, ForkRequest::default()).unwrap()
}

/// A subreaper, one below it, a child of that and a grandchild.
pub(crate) fn below_two_subreapers<E: Explorer>(init: &Thread<E>) -> [Thread<E>; 4] {
    let outer = fork(init);
    outer.process().become_subreaper();
    let inner = fork(&outer);
    inner.process().become_subreaper();
    let parent = fork(&inner);
    let orphan = fork(&parent);
    [outer, inner, parent, orphan]
}

pub(crate) fn try_fork<E: Explorer>(
    parent: &Thread<E>,
    request: ForkRequest<'_>,
) -> Result<Thread<E>, Errno> {
    parent.fork(request, Inquisitive(None), Inquisitive(None))
}

pub(crate) fn try_spawn<E: Explorer>(thread: &Thread<E>) -> Result<Thread<E>, Errno> {
    thread.spawn_thread(axprocess::Number::Next, Inquisitive(None))
}

pub(crate) fn spawn_thread<E: Explorer>(thread: &Thread<E>) -> Thread<E> {
    try_spawn(thread).unwrap()
}

pub(crate) fn exit<E: Explorer>(thread: &Thread<E>, code: i32) {
    thread.exit_thread(ExitStatus::exited(code));
}

/// wait4 without sleeping: the pid and the status word, `Ok(None)` if nothing has happened yet.
pub(crate) fn wait4<E: Explorer>(
    thread: &Thread<E>,
    pid: i32,
) -> Result<Option<(Pid, i32)>, Errno> {
    Ok(match thread.wait(&WaitRequest::wait4(pid, 0)?)? {
        WaitOutcome::Event(event) => Some((event.pid, event.status.to_raw())),
        WaitOutcome::NothingYet(_) => None,
    })
}

pub(crate) fn pids<E: Explorer>(processes: &[Process<E>]) -> Vec<Pid> {
    processes.iter().map(|process| process.pid()).collect()
}

/// The signals that were posted: to whom, which.
pub(crate) fn posted<E: Explorer>(table: &Table<E>) -> Vec<(Pid, Signal)> {
    table.host().posted.lock().unwrap().clone()
}

pub(crate) fn woken<E: Explorer>(table: &Table<E>) -> Vec<Pid> {
    table.host().woken.lock().unwrap().clone()
}

/// How often a thread in exec was woken.
pub(crate) fn execs_woken<E: Explorer>(table: &Table<E>) -> usize {
    table.host().execs_woken.load(Ordering::Relaxed)
}

/// How often a thread in its exit was woken.
pub(crate) fn exits_woken<E: Explorer>(table: &Table<E>) -> usize {
    table.host().exits_woken.load(Ordering::Relaxed)
}

/// How often a thread that dumps core was woken.
pub(crate) fn dumps_woken<E: Explorer>(table: &Table<E>) -> usize {
    table.host().dumps_woken.load(Ordering::Relaxed)
}

/// The threads that were told that their process exits.
pub(crate) fn doomed<E: Explorer>(table: &Table<E>) -> Vec<Pid> {
    table.host().doomed.lock().unwrap().clone()
}

/// From now on each kick is a point, and a signal that is posted asks for attention.
pub(crate) fn watch_kicks<E: Explorer>(table: &Table<E>) {
    table.host().is_watched.store(true, Ordering::Relaxed);
}

/// How often a thread was made to look at its attention word.
pub(crate) fn kicks<E: Explorer>(table: &Table<E>, thread: &Thread<E>) -> usize {
    let kicked = table.host().kicked.lock().unwrap();
    kicked.iter().filter(|&&tid| tid == thread.tid()).count()
}

/// Lets hooks that run elsewhere happen before, or after.
pub(crate) fn look<E: Explorer>(table: &Table<E>) {
    E::pass(&table.host().point);
}
