//! What must not happen under the relation lock: allocating, freeing, running the kernel's destructors.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

use axprocess::{
    ARef, ExitStatus, ForkNamespace, ForkRequest, Host, Lock, Number, ProcessTable, RebootCommand,
    Relations, TerminalFile, TerminalKind, Thread, TraceOptions, TraceStart, WaitOutcome,
    WaitRequest,
};

thread_local! {
    static HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// How often memory was asked for or given back under the lock.
static UNDER_THE_LOCK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which notices who calls it under the relation lock.
struct Noticing;

impl Noticing {
    fn notice() {
        if HOLDING.try_with(Cell::get).unwrap_or(false) {
            UNDER_THE_LOCK.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: all is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Noticing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::notice();
        // SAFETY: the caller's promises are this call's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Self::notice();
        // SAFETY: the caller's promises are this call's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Noticing = Noticing;

/// A mutex that marks its thread while it is held.
struct Marked<T>(Mutex<T>);

struct MarkedGuard<'a, T>(MutexGuard<'a, T>);

impl<T> Lock<T> for Marked<T> {
    type Guard<'a>
        = MarkedGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MarkedGuard<'_, T> {
        let guard = self.0.lock().unwrap();
        HOLDING.set(true);
        MarkedGuard(guard)
    }
}

impl<T> Drop for MarkedGuard<'_, T> {
    fn drop(&mut self) {
        HOLDING.set(false);
    }
}

impl<T> Deref for MarkedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MarkedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

struct Kernel;

impl Host for Kernel {
    type Lock = Marked<Relations<Self>>;
    type ProcessData = Data;
    type ThreadData = Data;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

/// Data that, dropped, calls back into the crate: under the lock that would dead-lock.
struct Data(Option<ARef<Thread<Kernel>>>);

impl Drop for Data {
    fn drop(&mut self) {
        assert!(!HOLDING.get(), "race 13: a destructor under the lock");
        if let Some(other) = &self.0 {
            drop(other.process().group());
        }
    }
}

fn fork(parent: &ARef<Thread<Kernel>>) -> ARef<Thread<Kernel>> {
    let data = || Data(Some(parent.clone()));
    parent.fork(ForkRequest::default(), data(), data()).unwrap()
}

#[test]
fn nothing_is_allocated_freed_or_destroyed_under_the_lock() {
    // Design, race 13: number nodes grow and shrink, groups and sessions come and go, processes are reaped, adopted and dropped.
    let table = ProcessTable::new(Kernel);
    // The invariant checker allocates, and it runs under the lock.
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, Data(None), Data(None)).unwrap();
    let any = WaitRequest::wait4(-1, 0).unwrap();
    for round in 0..20 {
        let parent = fork(&init);
        parent.process().setsid().unwrap();
        let terminal = table.new_terminal(TerminalKind::Other, round, ()).unwrap();
        parent.process().open_terminal(&terminal, TerminalFile::Readable);
        let caller = parent.spawn_thread(Number::Next, Data(None)).unwrap();
        for index in 0..200 {
            let child = fork(if index % 2 == 0 { &parent } else { &caller });
            match index % 5 {
                0 => child.process().setpgid(0, 0).unwrap(),
                1 => _ = child.process().setsid().unwrap(),
                2 => _ = child.exit_thread(ExitStatus::exited(0)),
                _ => {}
            }
            child.exit_thread(ExitStatus::exited(1));
        }
        if round % 2 == 0 {
            caller.exec().unwrap();
        }
        {
            let child = fork(&caller);
            let call = caller.begin_wait(&WaitRequest::wait4(child.tid() as i32, 0).unwrap());
            let (mut first, mut second) = (pin!(call.event()), pin!(call.event()));
            let mut context = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(second.as_mut().poll(&mut context).is_pending());
            child.exit_thread(ExitStatus::exited(0));
            assert!(first.as_mut().poll(&mut context).is_ready());
        }
        {
            let (child, tracer) = (fork(&caller), fork(&caller));
            let thread = child.spawn_thread(Number::Next, Data(None)).unwrap();
            for tracee in [&child, &thread] {
                let options = TraceOptions::EXIT_KILL;
                tracer.attach(tracee.tid().cast_signed(), TraceStart::Attach, options).unwrap();
            }
            fork(&child).inherit_tracer(&child).unwrap();
            fork(&tracer).trace_me().unwrap();
            thread.exit_thread(ExitStatus::exited(0));
            match round % 3 {
                0 => child.exec().unwrap(),
                1 => _ = tracer.wait(&any),
                _ => {}
            }
            child.exit_thread(ExitStatus::exited(0));
            tracer.exit_thread(ExitStatus::exited(0));
        }
        {
            let child = fork(&caller);
            let threads = [(); 2].map(|()| child.spawn_thread(Number::Next, Data(None)).unwrap());
            let tracees = threads.iter().chain([&child]);
            for tracee in tracees.map(|tracee| tracee.tid().cast_signed()) {
                caller.attach(tracee, TraceStart::Seize, TraceOptions::empty()).unwrap();
            }
            let [taking_over, ending] = threads;
            ending.exit_thread(ExitStatus::exited(0));
            drop(ending);
            taking_over.exec().unwrap();
            taking_over.exit_thread(ExitStatus::exited(0));
        }
        while let Ok(WaitOutcome::Event(event)) = caller.wait(&any) {
            drop((event.process.children().unwrap(), event.process.threads().unwrap()));
        }
        drop((parent.process().children().unwrap(), init.process().group().processes().unwrap()));
        drop((terminal.session(), parent.process().controlling_terminal()));
        let viewer = table.namespace();
        drop((init.process().snapshot_tree(viewer).unwrap(), table.next_process(viewer, 2)));
        drop((parent.children().unwrap(), parent.process().stat(viewer)));
        let child = fork(&caller);
        caller.begin_vfork(&child);
        child.exec().unwrap();
        caller.kill(-1, 9).unwrap();
        child.exit_thread(ExitStatus::exited(0));
        match round % 3 {
            0 => drop(terminal.hang_up()),
            1 => drop(terminal),
            _ => {}
        }
        parent.exit_thread(ExitStatus::exited(2));
        caller.exit_thread(ExitStatus::exited(2));
    }
    for _ in 0..5 {
        let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
        let inner = init.fork(new, Data(None), Data(None)).unwrap();
        let leader = fork(&inner);
        let caller = leader.spawn_thread(Number::Next, Data(None)).unwrap();
        let children: Vec<_> = (0..100).map(|_| fork(&caller)).collect();
        caller.exec().unwrap();
        caller.unshare_pid().unwrap();
        drop(fork(&caller));
        assert!(caller.process().namespace_numbers(table.namespace()).is_some());
        caller.process().reboot(RebootCommand::Halt);
        inner.exit_thread(ExitStatus::exited(0));
        for thread in children.iter().chain([&caller]) {
            thread.exit_thread(ExitStatus::killed(axprocess::Signal::SIGKILL));
        }
    }
    while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {}
    drop(fork(&init));
    drop(table);
    drop(init);
    assert_eq!(UNDER_THE_LOCK.load(Ordering::Relaxed), 0);
}
