//! Depth and width: a million processes on a small stack, and holds that do not grow.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use axprocess::{
    ARef, ExitStatus, ForkRequest, Host, ProcessState, ProcessTable, Relations, Signal,
    WaitOutcome, WaitRequest,
};

const MILLION: usize = 1_000_000;

/// How many objects a hold may touch: a batch of 48, and the last one's way through a queue that is a tree.
const LONGEST: usize = 64;

/// A host that counts its processes' data.
struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Counted {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Host for Counting {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Counted;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

type Thread = ARef<axprocess::Thread<Counting>>;

/// A table whose invariants are checked a few times in a million unlocks: each check is a walk over all.
fn boot() -> (ProcessTable<Counting>, Thread) {
    let table = ProcessTable::new(Counting);
    let interval = NonZeroU64::new(400_000).expect("not 0");
    table.check_every(interval);
    let init = table.new_init(1, Counted::new(), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> Thread {
    parent.fork(ForkRequest::default(), Counted::new(), ()).unwrap()
}

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
}

/// One after the other: they count the same objects.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_chain_of_a_million_is_dropped_without_recursion() {
    // Design: dropping a table, however deep, does not recurse, and no hold grows with it.
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    on_a_small_stack(|| {
        let (table, init) = boot();
        let mut last = init;
        for _ in 0..MILLION {
            last = fork(&last);
        }
        let deepest = last.process().clone();
        assert_eq!(ALIVE.load(Ordering::Relaxed), MILLION + 1);
        drop(last);
        let before = table.audit();
        assert!(before.checks > 0 && before.longest_hold <= LONGEST, "{before:?}");
        drop(table);
        assert_eq!(deepest.state(), ProcessState::Reaped);
        drop(deepest);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0, "all data was dropped");
    });
}

/// The longest hold, in objects, of a parent's exit with that many children, a quarter of them zombies, and of reaping all.
fn longest_hold_of_an_exit_with(children: usize) -> usize {
    let (table, init) = boot();
    let parent = fork(&init);
    for index in 0..children {
        let child = fork(&parent);
        if index % 4 == 0 {
            child.exit_thread(ExitStatus::exited(0));
        }
    }
    parent.exit_thread(ExitStatus::exited(1));
    assert_eq!(parent.process().state(), ProcessState::Zombie);
    let any = WaitRequest::wait4(-1, 0).unwrap();
    let mut reaped = 0;
    while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {
        reaped += 1;
    }
    assert_eq!(reaped, children.div_ceil(4) + 1);
    assert_eq!(init.process().children().unwrap().len(), children - children.div_ceil(4));
    let audit = table.audit();
    drop((parent, init, table));
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    audit.longest_hold
}

#[test]
fn a_parent_of_a_million_exits_in_holds_of_the_same_length() {
    // Design: at most 64 objects a hold; the bound that holds with 10^3 children holds with 10^6.
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    on_a_small_stack(|| {
        let small = longest_hold_of_an_exit_with(1_000);
        let large = longest_hold_of_an_exit_with(MILLION);
        assert!(small >= 48, "the exit with 1,000 children fills a hold: {small}");
        assert!(small.max(large) <= LONGEST, "{small} and {large} objects");
    });
}

#[test]
fn a_thread_group_of_thousands_ends_in_exec_in_bounded_holds() {
    // Design: exec removes the other threads, each with children, at most 64 objects a hold.
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (table, init) = boot();
    let leader = fork(&init);
    let threads: Vec<Thread> =
        (0..5_000).map(|_| leader.spawn_thread(axprocess::Number::Next, ()).unwrap()).collect();
    for thread in &threads {
        fork(thread);
    }
    let caller = threads.last().unwrap();
    caller.exec().unwrap();
    assert_eq!(caller.process().children().unwrap().len(), 5_000);
    assert_eq!(caller.process().threads().unwrap().len(), 1);
    assert!(table.audit().longest_hold <= LONGEST, "{:?}", table.audit());
}

#[test]
fn zombies_are_found_without_a_scan() {
    // R-WAIT-14 and the design: with 10^5 living children and zombies between them, a wait touches a bounded number of objects.
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (table, init) = boot();
    let children: Vec<Thread> = (0..100_000).map(|_| fork(&init)).collect();
    for index in (0..100_000).step_by(7).rev() {
        children[index].process().report_group_stopped(Signal::SIGSTOP);
        children[index].exit_thread(ExitStatus::exited(0));
    }
    let any = WaitRequest::wait4(-1, 0).unwrap();
    for child in children.iter().step_by(7) {
        let Ok(WaitOutcome::Event(event)) = init.wait(&any) else { panic!("a zombie is there") };
        assert_eq!(event.pid, child.tid());
    }
    assert!(table.audit().longest_hold <= LONGEST, "{:?}", table.audit());
}
