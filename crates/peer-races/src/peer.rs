//! The peer under the explorer.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use ax_kernel_guard::KernelGuardIf;
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner};
use starry_process::{Process, ProcessGroup};

/// How many schedules are drawn of one scenario.
const SCHEDULES: usize = 2_000;

const SEED: u64 = 0x6178_7072;

thread_local! {
    /// How many locks are held: all threads of an execution are one thread of the system, and go on one at a time.
    static HELD: Cell<usize> = const { Cell::new(0) };
    /// With fewer locks held than this, another thread may go on.
    static GIVES_WAY_BELOW: Cell<usize> = const { Cell::new(0) };
}

/// The kernel that the peer's locks call.
struct Explorer;

#[ax_crate_interface::impl_interface]
impl KernelGuardIf for Explorer {
    fn disable_preempt() {
        if HELD.get() < GIVES_WAY_BELOW.get() {
            shuttle::thread::yield_now();
        }
        HELD.set(HELD.get() + 1);
    }

    fn enable_preempt() {
        HELD.set(HELD.get() - 1);
    }
}

/// How many of the peer's locks are held now.
pub(crate) fn locks_held() -> usize {
    HELD.get()
}

/// Which of its locks a thread may hold while another goes on.
#[derive(Clone, Copy)]
pub(crate) enum GivesWay {
    WithoutLocks,
    /// Also with one, which no other thread of the scenario wants.
    WithOneLock,
}

/// Whether any schedule makes the scenario true: it says whether what must not be has come about.
pub(crate) fn any_schedule(gives_way: GivesWay, scenario: fn() -> bool) -> bool {
    LazyLock::force(&INIT);
    let seen = Arc::new(AtomicBool::new(false));
    let is_seen = Arc::clone(&seen);
    let scheduler = RandomScheduler::new_from_seed(SEED, SCHEDULES);
    GIVES_WAY_BELOW.set(match gives_way {
        GivesWay::WithoutLocks => 1,
        GivesWay::WithOneLock => 2,
    });
    Runner::new(scheduler, Config::default()).run(move || {
        if scenario() {
            is_seen.store(true, Ordering::Relaxed);
        }
    });
    GIVES_WAY_BELOW.set(0);
    seen.load(Ordering::Relaxed)
}

/// Runs two bodies side by side.
pub(crate) fn both<A: Send + 'static, B: Send + 'static>(
    first: impl FnOnce() -> A + Send + 'static,
    second: impl FnOnce() -> B + Send + 'static,
) -> (A, B) {
    let first = shuttle::thread::spawn(first);
    let second = shuttle::thread::spawn(second);
    (first.join().expect("no panic"), second.join().expect("no panic"))
}

/// The one init of the program, made outside of all executions.
static INIT: LazyLock<Arc<Process>> = LazyLock::new(|| Process::new_init(1));

pub(crate) fn init() -> &'static Arc<Process> {
    &INIT
}

/// A number that nobody has had.
pub(crate) fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(2);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A child with a number of its own.
pub(crate) fn fork(parent: &Arc<Process>) -> Arc<Process> {
    parent.fork(number())
}

/// A child of init in a session of its own: init's other children are other scenarios'.
pub(crate) fn world() -> Arc<Process> {
    let first = fork(init());
    first.create_session().expect("it leads no group");
    first
}

/// What a kernel does when a process has ended: its children go to the reaper.
pub(crate) fn exit(process: &Arc<Process>, reaper: &Arc<Process>) {
    process.reparent_children_to(reaper);
}

pub(crate) fn lists(list: &[Arc<Process>], process: &Arc<Process>) -> bool {
    list.iter().any(|listed| Arc::ptr_eq(listed, process))
}

pub(crate) fn is_member(group: &ProcessGroup, process: &Arc<Process>) -> bool {
    lists(&group.processes(), process)
}
