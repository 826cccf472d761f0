//! Hosts that misbehave or are pressed hard: hooks that panic or call back, references given up at any moment, storms of exits.

use std::num::{NonZeroU64, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError, Weak};
use std::thread;

use axprocess::{
    ChildNews, ChildSignalAction, Errno, ExitStatus, ForkNamespace, ForkRequest, Host, Number, Pid,
    PidNamespace, ProcessState, ProcessTable, Relations, Signal, SignalAction, SignalInfo,
    WaitOutcome, WaitRequest,
};

type Table = ProcessTable<Faulty>;
type Process = axprocess::Process<Faulty>;
type Thread = axprocess::Thread<Faulty>;

/// A hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hook {
    PostSignal,
    SignalAction,
    ChildSignalAction,
    RequestExit,
    MaySignal,
    WakeWaiters,
    WakePollers,
    FatalSignalPending,
    Usage,
    MayChooseOuterNumber,
}

/// What a hook does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Panic,
    CallBack,
    DropThread,
}

/// A kernel one of whose hooks is wrong.
#[derive(Default)]
struct Faulty {
    fault: Mutex<Option<(Hook, Fault)>>,
    table: Mutex<Weak<Table>>,
    victim: Mutex<Option<Arc<Thread>>>,
    /// The references that the kernel holds by number, which it gives up when it is told that somebody has ended.
    threads: Mutex<Vec<Arc<Thread>>>,
    ended: AtomicUsize,
}

impl Faulty {
    fn run(&self, hook: Hook) {
        let fault = *self.fault.lock().unwrap();
        match fault.filter(|(at, _)| *at == hook).map(|(_, fault)| fault) {
            None => {}
            Some(Fault::Panic) => panic!("{hook:?} has panicked"),
            Some(Fault::CallBack) => {
                let table = self.table.lock().unwrap().upgrade();
                drop(table.map(|table| table.find_process(1)));
            }
            Some(Fault::DropThread) => {
                let victim = self.victim.lock().unwrap().take();
                drop(victim);
            }
        }
    }
}

impl Host for Faulty {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type Usage = ();

    fn context(&self) -> Option<NonZeroUsize> {
        thread_local! {
            static NUMBER: u8 = const { 0 };
        }
        NUMBER.with(|number| NonZeroUsize::new(std::ptr::from_ref(number).addr()))
    }

    fn post_signal(&self, _: &Process, _: &SignalInfo) {
        self.run(Hook::PostSignal);
    }

    fn signal_action(&self, _: &Process, _: Signal) -> SignalAction {
        self.run(Hook::SignalAction);
        SignalAction::Default
    }

    fn child_signal_action(&self, _: &Process) -> ChildSignalAction {
        self.run(Hook::ChildSignalAction);
        ChildSignalAction::empty()
    }

    fn request_exit(&self, _: &Thread) {
        self.run(Hook::RequestExit);
    }

    fn may_signal(&self, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        self.run(Hook::MaySignal);
        true
    }

    fn wake_waiters(&self, _: &Process, _: &ChildNews) {
        self.run(Hook::WakeWaiters);
    }

    fn wake_pollers(&self, process: &Process) {
        self.run(Hook::WakePollers);
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.threads.lock().unwrap().retain(|thread| thread.process().pid() != process.pid());
    }

    fn is_fatal_signal_pending(&self, _: &Thread) -> bool {
        self.run(Hook::FatalSignalPending);
        false
    }

    fn usage(&self, _: &Process) {
        self.run(Hook::Usage);
    }

    fn may_choose_number(&self, _: &Thread, space: &PidNamespace<Self>) -> bool {
        if space.level() == 0 {
            self.run(Hook::MayChooseOuterNumber);
        }
        true
    }
}

/// A table whose invariants are not looked at by themselves: what a panic has left may break them.
fn boot() -> (Arc<Table>, Arc<Thread>) {
    let table = Arc::new(ProcessTable::new(Faulty::default()));
    table.check_every(NonZeroU64::MAX);
    *table.host().table.lock().unwrap() = Arc::downgrade(&table);
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> Arc<Thread> {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

/// wait4 for any child: its number, `None` if there is nothing to report.
fn reap(thread: &Thread) -> Result<Option<Pid>, Errno> {
    Ok(match thread.wait(&WaitRequest::wait4(-1, 0)?)? {
        WaitOutcome::Event(event) => Some(event.pid),
        WaitOutcome::NothingYet(_) => None,
    })
}

/// Does with one hook wrong what calls them all. The message of the panic that comes of it, if one does.
fn provoke(hook: Hook, fault: Fault) -> Option<String> {
    let (table, init) = boot();
    let [parent, other] = [fork(&init), fork(&init)];
    let child = fork(&parent);
    child.set_parent_death_signal(Some(Signal::SIGUSR1));
    *table.host().victim.lock().unwrap() = Some(fork(&init));
    *table.host().fault.lock().unwrap() = Some((hook, fault));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        init.process().kill(other.tid() as i32, 15).unwrap();
        drop(fork(&child));
        exit(&parent);
        assert_eq!(reap(&init), Ok(Some(parent.tid())));
    }));
    table.host().fault.lock().map_or_else(|it| it.into_inner().take(), |mut it| it.take());
    // A thread that its own kernel held would hold that kernel.
    let victim =
        table.host().victim.lock().map_or_else(|it| it.into_inner().take(), |mut it| it.take());
    drop(victim);
    // Nobody is locked out: other threads go on, and all can be taken apart.
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(table.find_process(1).is_some());
            assert_eq!(child.process().getpgid(0), Ok(0));
            other.process().setpgid(0, 0).unwrap();
        });
    });
    drop((parent, child, other, init, table));
    ended.err().map(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().expect("a message").to_string(),
    })
}

const HOOKS: [Hook; 9] = [
    Hook::PostSignal,
    Hook::SignalAction,
    Hook::ChildSignalAction,
    Hook::RequestExit,
    Hook::MaySignal,
    Hook::WakeWaiters,
    Hook::WakePollers,
    Hook::FatalSignalPending,
    Hook::Usage,
];

#[test]
fn a_hook_that_panics_is_reported_and_locks_nobody_out() {
    // Design, hooks: the panic reaches the caller of the operation, and the lock is given back on its way.
    for hook in HOOKS {
        let said = provoke(hook, Fault::Panic);
        assert_eq!(said, Some(format!("{hook:?} has panicked")));
    }
}

#[test]
fn a_thread_whose_exit_a_hook_has_broken_off_ends_with_its_last_reference() {
    // Lists, contract of weak links: its process lists it until it has exited, so that its memory must not go before.
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    child.set_parent_death_signal(Some(Signal::SIGUSR1));
    *table.host().fault.lock().unwrap() = Some((Hook::PostSignal, Fault::Panic));
    assert!(catch_unwind(AssertUnwindSafe(|| exit(&parent))).is_err());
    *table.host().fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    assert_eq!(parent.process().state(), ProcessState::Exiting);
    let pid = parent.tid();
    drop(parent);
    assert_eq!(reap(&init), Ok(Some(pid)));
    assert_eq!(child.process().getppid(), 1);
    table.check_every(NonZeroU64::MIN);
    assert!(table.find_process(1).is_some(), "and every invariant is true");
}

#[test]
fn a_number_does_not_outlive_a_fork_that_a_hook_has_broken_off() {
    // R-PID-11: the host is asked level by level, and the inner number was given already when it panics about the outer one.
    let (table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = init.fork(new, (), ()).unwrap();
    let chosen = ForkRequest { number: Number::Each(&[5, 77]), ..ForkRequest::default() };
    *table.host().fault.lock().unwrap() = Some((Hook::MayChooseOuterNumber, Fault::Panic));
    for _ in 0..2 {
        let forked = catch_unwind(AssertUnwindSafe(|| inner.fork(chosen, (), ())));
        assert!(forked.is_err(), "the second time it is not told that the inner number is taken");
    }
    *table.host().fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    table.check_every(NonZeroU64::MIN);
    assert_eq!(inner.fork(chosen, (), ()).map(|child| child.tid()), Ok(5));
    assert_eq!(table.find_process(77).map(|child| child.pid()), Some(5));
}

#[test]
#[cfg(debug_assertions)]
fn a_hook_that_calls_back_is_reported() {
    // Design, hooks: not a dead-lock, where the host tells who runs.
    for hook in HOOKS {
        let said = provoke(hook, Fault::CallBack).expect("it cannot call back");
        assert!(said.contains("called back"), "{hook:?}: {said}");
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_hook_that_drops_a_living_thread_is_reported() {
    // Design, hooks, race 13: the last reference of a thread that has not exited ends it, which is an operation. What cannot be unlinked must not
    // be freed either, so that the program ends: each hook has a program of its own, this test again with a hook named.
    const NAMED: &str = "HOST_FAULTS_HOOK";
    if let Ok(name) = std::env::var(NAMED) {
        let hook = HOOKS.into_iter().find(|known| format!("{known:?}") == name).unwrap();
        provoke(hook, Fault::DropThread);
        return;
    }
    for hook in HOOKS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "a_hook_that_drops_a_living_thread_is_reported", "--nocapture"]);
        let output = command.env(NAMED, format!("{hook:?}")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("called back"), "{hook:?}: {said}");
        assert!(!said.contains("heap-use-after-free"), "{hook:?}: {said}");
    }
}

#[test]
fn a_reference_to_one_who_has_ended_can_be_given_up_in_a_hook() {
    // Design, hooks: the kernel's last reference goes under the lock, while the crate still names the process.
    let (table, init) = boot();
    table.check_every(NonZeroU64::MIN);
    for _ in 0..100 {
        let parent = fork(&init);
        let child = fork(&parent);
        let second = child.spawn_thread(Number::Next, ()).unwrap();
        exit(&second);
        table.host().threads.lock().unwrap().extend([Arc::clone(&parent), Arc::clone(&child)]);
        let (pid, process) = (child.tid(), Arc::downgrade(child.process()));
        drop(second);
        exit(&child);
        drop(child);
        assert_eq!(process.strong_count(), 1, "its parent's");
        assert_eq!(reap(&parent), Ok(Some(pid)));
        assert!(process.upgrade().is_none(), "nobody holds it any more");
        exit(&parent);
        assert_eq!(reap(&init), Ok(Some(parent.tid())));
    }
    assert!(table.host().threads.lock().unwrap().is_empty());
    assert_eq!(table.host().ended.load(Ordering::Relaxed), 400, "as zombies, and as reaped");
}

#[test]
fn what_is_held_beyond_the_end_of_its_table_stays_readable() {
    // Design, ownership: nobody reaps, and everybody is held, forgotten or dropped before the table, or after.
    let (table, init) = boot();
    let zombies: Vec<_> = (0..1_000).map(|_| fork(&init)).collect();
    zombies.iter().for_each(|thread| exit(thread));
    let groups: Vec<_> = (0..1_000)
        .map(|_| {
            let leader = fork(&init);
            leader.process().setsid().unwrap();
            (leader.process().group(), Arc::clone(leader.process()), leader)
        })
        .collect();
    *table.host().threads.lock().unwrap() = Vec::new();
    drop((table, init));
    for thread in &zombies {
        assert_eq!(thread.process().state(), ProcessState::Reaped);
        assert!(thread.process().parent().is_none());
        assert_eq!(thread.fork(ForkRequest::default(), (), ()).err(), Some(Errno::EINTR));
    }
    for (group, process, _) in &groups {
        assert_eq!((group.pgid(), group.processes().len()), (process.pid(), 0));
    }
}

#[test]
fn a_storm_of_exits_loses_nobody() {
    // Invariant 10, E15: four threads end 20,000 children while their parent ends too, and init reaps all there are.
    const WORKERS: usize = 4;
    const EACH: usize = 5_000;
    let (table, init) = boot();
    let parent = fork(&init);
    let families: Vec<Vec<_>> =
        (0..WORKERS).map(|_| (0..EACH).map(|_| fork(&parent)).collect()).collect();
    let (start, is_over) = (Barrier::new(WORKERS + 2), AtomicBool::new(false));
    let reaped = thread::scope(|scope| {
        let (start, is_over, init, parent) = (&start, &is_over, &init, &parent);
        let reaper = scope.spawn(move || {
            let mut reaped = 0;
            start.wait();
            loop {
                let was_over = is_over.load(Ordering::Acquire);
                match reap(init) {
                    Ok(Some(_)) => reaped += 1,
                    _ if was_over => return reaped,
                    _ => thread::yield_now(),
                }
            }
        });
        let mut workers: Vec<_> = families
            .iter()
            .map(|family| {
                scope.spawn(move || {
                    start.wait();
                    family.iter().for_each(|child| exit(child));
                })
            })
            .collect();
        workers.push(scope.spawn(move || {
            start.wait();
            exit(parent);
        }));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        is_over.store(true, Ordering::Release);
        reaper.join().unwrap()
    });
    assert_eq!(reaped, WORKERS * EACH + 1);
    assert_eq!(reap(&init), Err(Errno::ECHILD));
    table.check_every(NonZeroU64::MIN);
    assert!(table.find_process(1).is_some(), "and every invariant is true");
}

#[test]
fn a_hundred_thousand_namespaces_come_and_go() {
    // R-NS-20, R-NS-22, R-CLONE-17: side by side, all there at once; then each ends with its init.
    const COUNT: usize = 100_000;
    let (table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inits: Vec<_> = (0..COUNT).map(|_| init.fork(new, (), ()).unwrap()).collect();
    assert!(inits.iter().all(|inner| inner.tid() == 1));
    let last = inits.last().unwrap();
    assert_eq!(last.process().pid_in(table.namespace()) as usize, COUNT + 1);
    let inner = fork(last);
    assert_eq!((inner.tid(), inner.process().getppid()), (2, 1));
    exit(&inner);
    for inner in &inits {
        exit(inner);
        assert!(matches!(reap(&init), Ok(Some(_))));
    }
    assert_eq!(reap(&init), Err(Errno::ECHILD));
    table.check_every(NonZeroU64::MIN);
    assert_eq!(fork(&init).tid() as usize, COUNT + 3, "and every invariant is true");
}
