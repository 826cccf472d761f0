//! A small kernel that notes the longest hold of each call: in objects that a loop of the crate has come to, or of which a hook was told, whichever are more.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use axprocess::{
    ARef, AcquireTerminal, AdminRight, CttyChange, ExitStatus, ForkNamespace, ForkRequest, Host,
    IfTaken, Lock, Number, Process, ProcessTable, Relations, Signal, SignalAction, SignalInfo,
    Terminal, TerminalFile, TerminalKind, View, WaitOutcome, WaitRequest,
};

pub(crate) type Thread = ARef<axprocess::Thread<Kernel>>;

thread_local! {
    /// Of whom hooks were told in this hold, by address; and how many they were in the hold with the most.
    static TOLD_OF: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

pub(crate) struct Counted<T>(Mutex<T>);

pub(crate) struct CountedGuard<'a, T>(MutexGuard<'a, T>);

impl<T> Lock<T> for Counted<T> {
    type Guard<'a>
        = CountedGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> CountedGuard<'_, T> {
        let guard = self.0.lock().unwrap();
        TOLD_OF.with_borrow_mut(Vec::clear);
        CountedGuard(guard)
    }
}

impl<T> Drop for CountedGuard<'_, T> {
    fn drop(&mut self) {
        TOLD_OF.with_borrow_mut(|told_of| {
            told_of.sort_unstable();
            told_of.dedup();
            MOST.set(MOST.get().max(told_of.len()));
        });
    }
}

impl<T> Deref for CountedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for CountedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Counts one object; what a view visits, the crate does not count.
pub(crate) fn count<T>(object: &T) {
    TOLD_OF.with_borrow_mut(|told_of| told_of.push(std::ptr::from_ref(object).addr()));
}

/// Signals have their default actions, but where a process handles them, or a thread blocks them.
pub(crate) struct Kernel;

#[derive(Default)]
pub(crate) struct Program {
    pub(crate) handles_all: AtomicBool,
    pub(crate) ignores_children: AtomicBool,
    has_queued: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Mask(pub(crate) AtomicBool);

impl Host for Kernel {
    type Lock = Counted<Relations<Self>>;
    type ProcessData = Program;
    type ThreadData = Mask;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        _: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        count(target);
        target.host_data().has_queued.store(true, Relaxed);
    }

    fn post_thread_signal(
        &self,
        _: View<'_, Self>,
        thread: &axprocess::Thread<Self>,
        _: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        count(thread);
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        if signal == Signal::SIGCHLD && target.host_data().ignores_children.load(Relaxed) {
            return SignalAction::Ignore;
        }
        match target.host_data().handles_all.load(Relaxed) {
            true => SignalAction::Handle,
            false => SignalAction::Default,
        }
    }

    fn is_signal_blocked(
        &self,
        _: View<'_, Self>,
        thread: &axprocess::Thread<Self>,
        _: Signal,
    ) -> bool {
        count(thread);
        thread.host_data().0.load(Relaxed)
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        _: Option<&axprocess::Thread<Self>>,
        _: Signal,
    ) -> bool {
        target.host_data().has_queued.load(Relaxed)
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        count(thread);
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        count(thread);
    }

    fn tracing_changed(&self, _: View<'_, Self>, thread: &axprocess::Thread<Self>) {
        count(thread);
    }
}

/// Init and a shell, which leads a session with a terminal; and how many there are to be of what there are many of.
pub(crate) struct Scene {
    pub(crate) table: ProcessTable<Kernel>,
    pub(crate) init: Thread,
    pub(crate) shell: Thread,
    pub(crate) tty: ARef<Terminal<Kernel>>,
    pub(crate) many: usize,
}

impl Scene {
    pub(crate) fn new(many: usize) -> Self {
        let table = ProcessTable::new(Kernel);
        let init = table.new_init(1, Program::default(), Mask::default()).unwrap();
        table.check_every(NonZeroU64::MAX);
        let shell = fork(&init);
        shell.process().setsid().unwrap();
        let tty = table.new_terminal(TerminalKind::PseudoTerminal, 1, ()).unwrap();
        let opened = shell.process().open_terminal(&tty, TerminalFile::Readable);
        assert_eq!(opened, CttyChange::Acquired);
        Self { table, init, shell, tty, many }
    }

    /// How long the longest hold of the call is, in objects.
    pub(crate) fn watch<R>(&self, call: impl FnOnce() -> R) -> usize {
        self.table.take_longest_hold();
        MOST.set(0);
        drop(call());
        self.table.take_longest_hold().max(MOST.get())
    }

    pub(crate) fn forks(&self, parent: &Thread) -> Vec<Thread> {
        (0..self.many).map(|_| fork(parent)).collect()
    }

    pub(crate) fn threads(&self, leader: &Thread) -> Vec<Thread> {
        (0..self.many).map(|_| spawn(leader)).collect()
    }
}

pub(crate) fn fork(parent: &Thread) -> Thread {
    fork_with(parent, ForkRequest::default())
}

pub(crate) fn fork_with(parent: &Thread, request: ForkRequest<'_>) -> Thread {
    parent.fork(request, Program::default(), Mask::default()).unwrap()
}

/// The init of a namespace.
pub(crate) fn inner_init(parent: &Thread) -> Thread {
    fork_with(parent, ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() })
}

pub(crate) fn spawn(leader: &Thread) -> Thread {
    leader.spawn_thread(Number::Next, Mask::default()).unwrap()
}

pub(crate) fn block(thread: &Thread) {
    thread.host_data().0.store(true, Relaxed);
}

pub(crate) fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

/// A child in a group of its own.
pub(crate) fn job(shell: &Thread) -> Thread {
    let child = fork(shell);
    child.process().setpgid(0, 0).unwrap();
    child
}

pub(crate) fn join(shell: &Thread, members: &[Thread], leader: &Thread) {
    for member in members {
        shell.process().setpgid(number(member), number(leader)).unwrap();
    }
}

pub(crate) fn number(thread: &Thread) -> i32 {
    thread.tid() as i32
}

pub(crate) const WNOHANG: i32 = 1;
pub(crate) const WSTOPPED: i32 = 2;
pub(crate) const WEXITED: i32 = 4;
pub(crate) const WCLONE: i32 = i32::MIN;

pub(crate) fn wait4(
    thread: &Thread,
    pid: i32,
    options: i32,
) -> Result<WaitOutcome<Kernel>, axprocess::Errno> {
    thread.wait(&WaitRequest::wait4(pid, options | WNOHANG).unwrap())
}

pub(crate) const PLAIN: AcquireTerminal = AcquireTerminal {
    file: TerminalFile::Readable,
    if_taken: IfTaken::Refuse,
    right: AdminRight::Absent,
};
