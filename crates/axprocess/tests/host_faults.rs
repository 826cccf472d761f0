//! Hosts that misbehave or are pressed hard: hooks that panic or call back, references given up at any moment, storms of exits.

use std::num::{NonZeroU64, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, Weak};
use std::thread;

use axprocess::{
    ARef, ChildNews, ChildSignalFlags, Errno, ExitStatus, ForkNamespace, ForkRequest, Host, Number,
    Pid, ProcessState, ProcessTable, Relations, Signal, SignalAction, SignalInfo, View,
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
    ChildSignalFlags,
    RequestExit,
    MaySignal,
    WakeWaiters,
    WakePollers,
    FatalSignalPending,
    Usage,
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
    victim: Mutex<Option<ARef<Thread>>>,
    /// The references that the kernel holds by number, which it gives up when it is told that somebody has ended.
    threads: Mutex<Vec<ARef<Thread>>>,
    ended: AtomicUsize,
    /// It keeps the threads whose end it is told of.
    keeps: AtomicBool,
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
    type ProcessData = Option<CallsBack>;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn context(&self) -> Option<NonZeroUsize> {
        thread_local! {
            static NUMBER: u8 = const { 0 };
        }
        NUMBER.with(|number| NonZeroUsize::new(std::ptr::from_ref(number).addr()))
    }

    fn post_signal(&self, _: View<'_, Self>, _: &Process, _: &SignalInfo, _: Option<&Process>) {
        self.run(Hook::PostSignal);
    }

    fn signal_action(&self, _: View<'_, Self>, _: &Process, _: Signal) -> SignalAction {
        self.run(Hook::SignalAction);
        SignalAction::Default
    }

    fn child_signal_flags(&self, _: View<'_, Self>, _: &Process) -> ChildSignalFlags {
        self.run(Hook::ChildSignalFlags);
        ChildSignalFlags::empty()
    }

    fn request_exit(&self, _: View<'_, Self>, _: &Thread) {
        self.run(Hook::RequestExit);
    }

    fn may_signal(&self, _: View<'_, Self>, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        self.run(Hook::MaySignal);
        true
    }

    fn wake_waiters(&self, _: View<'_, Self>, _: &Process, _: &ChildNews) {
        self.run(Hook::WakeWaiters);
    }

    fn wake_pollers(&self, _: View<'_, Self>, process: &Process) {
        self.run(Hook::WakePollers);
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.threads.lock().unwrap().retain(|thread| thread.process().pid() != process.pid());
    }

    fn wake_thread_pollers(&self, _: View<'_, Self>, thread: &Thread) {
        if self.keeps.load(Ordering::Relaxed) {
            self.threads.lock().unwrap().push(ARef::from(thread));
        }
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, _: &Thread) -> bool {
        self.run(Hook::FatalSignalPending);
        false
    }

    fn usage(&self, _: View<'_, Self>, _: &Process) {
        self.run(Hook::Usage);
    }
}

/// A table whose invariants are looked at when a test says so.
fn boot() -> (Arc<Table>, ARef<Thread>) {
    let table = Arc::new(ProcessTable::new(Faulty::default()));
    table.check_every(NonZeroU64::MAX);
    *table.host().table.lock().unwrap() = Arc::downgrade(&table);
    let init = table.new_init(1, None, ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), None, ()).unwrap()
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

/// Does with one hook wrong what calls them all.
fn provoke(hook: Hook, fault: Fault) {
    let (table, init) = boot();
    let [parent, other] = [fork(&init), fork(&init)];
    let child = fork(&parent);
    child.set_parent_death_signal(Some(Signal::SIGUSR1));
    let victim = fork(&init);
    let number = victim.tid();
    *table.host().victim.lock().unwrap() = Some(victim);
    *table.host().fault.lock().unwrap() = Some((hook, fault));
    init.kill(other.tid() as i32, 15).unwrap();
    drop(fork(&child));
    exit(&parent);
    assert_eq!(reap(&init), Ok(Some(parent.tid())));
    assert!(table.host().victim.lock().unwrap().is_none(), "{hook:?} was called");
    let victim = table.find_thread(number).expect("it lives on");
    assert_eq!(victim.process().threads().unwrap().len(), 1);
    assert!(victim.fork(ForkRequest::default(), None, ()).is_ok());
}

const HOOKS: [Hook; 9] = [
    Hook::PostSignal,
    Hook::SignalAction,
    Hook::ChildSignalFlags,
    Hook::RequestExit,
    Hook::MaySignal,
    Hook::WakeWaiters,
    Hook::WakePollers,
    Hook::FatalSignalPending,
    Hook::Usage,
];

/// Runs the test of that name again in a program of its own for each hook, which must end with what is said.
fn ends_the_program(test: &str, fault: Fault, said: &[&str]) {
    const NAMED: &str = "HOST_FAULTS_HOOK";
    if let Ok(name) = std::env::var(NAMED) {
        let hook = HOOKS.into_iter().find(|known| format!("{known:?}") == name).unwrap();
        // What cannot be caught is not.
        let caught = catch_unwind(AssertUnwindSafe(|| provoke(hook, fault)));
        println!("went on: {caught:?}");
        return;
    }
    for hook in HOOKS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        let output = command.env(NAMED, format!("{hook:?}")).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.status.code().is_none(), "{hook:?}: {errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("went on"), "{hook:?}");
        for text in said {
            assert!(errors.contains(text), "{hook:?}: {errors}");
        }
        assert!(!errors.contains("AddressSanitizer: heap"), "{hook:?}: {errors}");
    }
}

#[test]
fn a_hook_that_panics_ends_the_program() {
    // Design, hooks: half an operation is worse than none. A panic that leaves a hook cannot be caught.
    ends_the_program(
        "a_hook_that_panics_ends_the_program",
        Fault::Panic,
        &["has panicked", "a panic has left a hook"],
    );
}

#[test]
fn a_hook_that_calls_back_ends_the_program() {
    // Design, hooks: not a dead-lock, where the host tells who runs.
    ends_the_program("a_hook_that_calls_back_ends_the_program", Fault::CallBack, &["called back"]);
}

#[test]
fn a_hook_can_drop_the_last_reference_to_a_living_thread() {
    // Ownership: a published thread is held by its process until it exits; dropping references ends nobody.
    for hook in HOOKS {
        provoke(hook, Fault::DropThread);
    }
}

/// Data that calls the crate when it is dropped: under the lock that would be a dead-lock, and is reported.
struct CallsBack(std::sync::Weak<Table>, Arc<AtomicUsize>);

impl Drop for CallsBack {
    fn drop(&mut self) {
        if let Some(table) = self.0.upgrade() {
            assert!(table.find_process(1).is_some());
        }
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reference_to_one_who_has_ended_can_be_given_up_in_a_hook() {
    // Design, hooks: the kernel's last reference goes under the lock, while the crate still names the process. It is freed after the unlock.
    let (table, init) = boot();
    table.check_every(NonZeroU64::MIN);
    let dropped = Arc::new(AtomicUsize::new(0));
    for round in 0..100 {
        let parent = fork(&init);
        let data = Some(CallsBack(Arc::downgrade(&table), Arc::clone(&dropped)));
        let child = parent.fork(ForkRequest::default(), data, ()).unwrap();
        let second = child.spawn_thread(Number::Next, ()).unwrap();
        exit(&second);
        table.host().threads.lock().unwrap().extend([ARef::clone(&parent), ARef::clone(&child)]);
        let pid = child.tid();
        drop(second);
        exit(&child);
        drop(child);
        assert_eq!(dropped.load(Ordering::Relaxed), round, "its parent has it");
        assert_eq!(reap(&parent), Ok(Some(pid)));
        assert_eq!(dropped.load(Ordering::Relaxed), round + 1, "nobody holds it any more");
        exit(&parent);
        assert_eq!(reap(&init), Ok(Some(parent.tid())));
    }
    assert!(table.host().threads.lock().unwrap().is_empty());
    assert_eq!(table.host().ended.load(Ordering::Relaxed), 400, "as zombies, and as reaped");
}

#[test]
fn a_hook_can_keep_a_thread_that_nobody_else_holds() {
    // Objects: a plain reference can be made an owned one at any time, also to a thread that leaves its process in that hold.
    let (table, init) = boot();
    table.host().keeps.store(true, Ordering::Relaxed);
    let leader = fork(&init);
    let numbers = [(); 3].map(|()| leader.spawn_thread(Number::Next, ()).unwrap().tid());
    leader.exec().unwrap();
    let mut kept: Vec<_> = std::mem::take(&mut *table.host().threads.lock().unwrap())
        .iter()
        .map(|it| it.tid())
        .collect();
    kept.sort_unstable();
    assert_eq!(kept, numbers);
    drop(leader.spawn_thread(Number::Next, ()).unwrap());
    drop(table.find_process(1));
    drop((init, leader));
    let host = Arc::downgrade(&table);
    // The end of the table ends its last threads: kept by the host, which they keep, they would stay for ever.
    table.host().keeps.store(false, Ordering::Relaxed);
    drop(std::mem::take(&mut *table.host().threads.lock().unwrap()));
    drop(table);
    assert!(host.upgrade().is_none());
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
            (leader.process().group(), ARef::clone(leader.process()), leader)
        })
        .collect();
    *table.host().threads.lock().unwrap() = Vec::new();
    drop((table, init));
    for thread in &zombies {
        assert_eq!(thread.process().state(), ProcessState::Reaped);
        assert!(thread.process().parent().is_none());
        assert_eq!(thread.fork(ForkRequest::default(), None, ()).err(), Some(Errno::EINTR));
    }
    for (group, process, _) in &groups {
        assert_eq!((group.pgid(), group.processes().unwrap().len()), (process.pid(), 0));
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
    let inits: Vec<_> = (0..COUNT).map(|_| init.fork(new, None, ()).unwrap()).collect();
    assert!(inits.iter().all(|inner| inner.tid() == 1));
    let last = inits.last().unwrap();
    assert_eq!(last.process().pid_in(table.namespace()) as usize, COUNT + 1);
    let inner = fork(last);
    assert_eq!((inner.tid(), inner.process().ppid()), (2, 1));
    exit(&inner);
    for inner in &inits {
        exit(inner);
        assert!(matches!(reap(&init), Ok(Some(_))));
    }
    assert_eq!(reap(&init), Err(Errno::ECHILD));
    table.check_every(NonZeroU64::MIN);
    assert_eq!(fork(&init).tid() as usize, COUNT + 3, "and every invariant is true");
}
