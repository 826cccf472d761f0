//! Memory that runs out: each call that allocates is refused its first, second, third … request, and answers as Linux does; and places for signals that run out.

#[path = "kernel/mod.rs"]
mod kernel;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::ptr;
use std::sync::Mutex;

use axprocess::{ARef, CloneFlags, Errno};
use axprocess_signals::{ProcessSignals, Signals};
use kernel::*;

const HUP: u8 = 1;
const USR1: u8 = 10;
const USR2: u8 = 12;
const TERM: u8 = 15;

thread_local! {
    /// How many requests are granted until one is refused; `None`: all are.
    static GRANTED: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether one was refused.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    /// How many blocks this thread has taken and not given back.
    static BLOCKS: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which refuses when it is told to.
struct Failing;

// SAFETY: what is granted is handed to the system's allocator unchanged; null is what the contract says for no memory.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if GRANTED.get() == Some(0) {
            REFUSED.set(true);
            return ptr::null_mut();
        }
        GRANTED.set(GRANTED.get().map(|left| left - 1));
        BLOCKS.set(BLOCKS.get() + 1);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BLOCKS.set(BLOCKS.get() - 1);
        // SAFETY: the caller's promises are this call's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// So few signals with their siginfo wait that they run out.
struct Scarce;

const MOST: u32 = 70;

impl Setup for Scarce {
    type RelationLock<T: Send + 'static> = Mutex<T>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
    const MOST_QUEUED: u32 = MOST;
    const KEEPS_BLOCKS: bool = false;
}

/// Processes of all kinds.
struct Cast {
    table: Table<Scarce>,
    init: ARef<Thread<Scarce>>,
    child: ARef<Thread<Scarce>>,
    /// Shares the actions of `child`.
    sharer: ARef<Thread<Scarce>>,
}

impl Cast {
    fn new() -> Self {
        let (table, init) = boot_with::<Scarce>();
        // The checker takes memory of its own.
        table.check_every(NonZeroU64::MAX);
        table.host().kernel().be_silent();
        let child = fork(&init);
        let sharer = fork_with(&child, CloneFlags::SIGHAND | CloneFlags::VM);
        handle(&child, &[USR1, USR2, 40]);
        ignore(&child, &[HUP]);
        block_all(&child);
        kill(&init, &child, USR1);
        queue(&init, &child, 40, 7).unwrap();
        Self { table, init, child, sharer }
    }

    /// All that the getters tell.
    fn photograph(&self) -> String {
        let mut picture = String::new();
        for thread in [&self.init, &self.child, &self.sharer] {
            let signals = signals_of(thread);
            let caught = signals.ignored_and_caught();
            let masks = (signals.pending(), signals.blocked(), thread.attention());
            let actions: Vec<_> = (1..=64).map(|number| action(thread, number)).collect();
            let children = thread.children().unwrap().len();
            _ = writeln!(picture, "{caught:?} {masks:?} {actions:?} {children}");
        }
        _ = write!(picture, "{}", self.table.host().kernel().charged(0));
        picture
    }
}

/// Refuses the first request, the second, … until the operation succeeds: it fails with ENOMEM and has changed nothing. How many it needed.
fn refuse_each(
    name: &str,
    cast: &Cast,
    operation: impl Fn(&Cast) -> Result<(), Errno>,
    blocks_kept: isize,
) -> usize {
    let before = cast.photograph();
    let blocks = BLOCKS.get();
    for granted in 0.. {
        REFUSED.set(false);
        GRANTED.set(Some(granted));
        let result = operation(cast);
        GRANTED.set(None);
        match result {
            Ok(()) => return granted,
            Err(errno) => {
                assert_eq!((errno, REFUSED.get()), (Errno::ENOMEM, true), "{name}, {granted}");
                let more = BLOCKS.get() - blocks;
                // Fewer: what was ready has been used, and is gone.
                assert!(more <= blocks_kept, "{name}, {granted}: {more} leaked");
                assert_eq!(cast.photograph(), before, "{name}, {granted}");
            }
        }
    }
    unreachable!("it ends with a success")
}

/// Its name, how many requests it makes at least beside what a table has ready, and what it does.
type Operation = (&'static str, usize, fn(&Cast) -> Result<(), Errno>);

/// Makes a process, which goes with the table.
fn fork_one(thread: &Thread<Scarce>, flags: CloneFlags) -> Result<(), Errno> {
    try_fork(thread, flags).map(drop)
}

const OPERATIONS: [Operation; 7] = [
    ("the signals of a first process", 0, |it| {
        ProcessSignals::new(it.table.host(), User::root()).map(drop)
    }),
    ("those of a fork", 0, |it| {
        signals_of(&it.sharer).fork(CloneFlags::empty(), User::root(), ()).map(drop)
    }),
    ("those of a fork with cleared handlers", 0, |it| {
        signals_of(&it.sharer).fork(CloneFlags::CLEAR_SIGHAND, User::root(), ()).map(drop)
    }),
    ("fork", 1, |it| fork_one(&it.sharer, CloneFlags::empty())),
    ("fork with shared actions", 1, |it| {
        fork_one(&it.sharer, CloneFlags::SIGHAND | CloneFlags::VM)
    }),
    ("fork with cleared handlers", 1, |it| fork_one(&it.sharer, CloneFlags::CLEAR_SIGHAND)),
    ("a new thread", 1, |it| {
        let signals = signals_of(&it.sharer).new_thread(());
        it.sharer.spawn_thread(axprocess::Number::Next, signals).map(drop)
    }),
];

#[test]
fn every_call_that_allocates_fails_and_changes_nothing() {
    // R-SIG-81 to R-SIG-83: each request is refused once; the answer is ENOMEM, all that the getters tell is the same, and nothing is leaked, then or in the end.
    let blocks = BLOCKS.get();
    for (name, least, operation) in OPERATIONS {
        let cast = Cast::new();
        // What the nodes and the numbers keep for the next call.
        let needed = refuse_each(name, &cast, operation, 6);
        assert!(needed >= least, "{name}: {needed}");
    }
    assert_eq!(BLOCKS.get(), blocks, "with the table all of its memory goes");
}

#[test]
fn a_program_needs_no_memory_for_its_actions() {
    // R-SIG-85: whoever shared them: each has a right to own ones since its birth.
    let cast = Cast::new();
    let sharers: Vec<_> =
        (0..40).map(|_| fork_with(&cast.child, CloneFlags::SIGHAND | CloneFlags::VM)).collect();
    sharers.iter().for_each(|it| it.exec().unwrap());
    let blocks = BLOCKS.get();
    GRANTED.set(Some(0));
    for (number, sharer) in (20..).zip(&sharers) {
        signals_of(sharer).exec();
        act(sharer, number, handler(axprocess_signals::ActionFlags::all(), &[HUP]));
    }
    signals_of(&cast.child).exec();
    GRANTED.set(None);
    assert_eq!(BLOCKS.get(), blocks);
    for (number, sharer) in (20..).zip(&sharers) {
        assert_eq!(signals_of(sharer).ignored_and_caught().1, set(&[number]));
    }
    assert_eq!(action(&cast.sharer, USR1).handler.raw(), 0x4000);
}

#[test]
fn each_of_many_children_can_set_actions_of_its_own() {
    // R-SIG-81: those of their maker are theirs until they, or it, set others; that takes no memory.
    let cast = Cast::new();
    let children: Vec<_> = (0..40).map(|_| fork(&cast.child)).collect();
    let blocks = BLOCKS.get();
    GRANTED.set(Some(0));
    act(&cast.child, USR1, handler(axprocess_signals::ActionFlags::empty(), &[]));
    for (number, child) in (20..).zip(&children) {
        act(child, number, handler(axprocess_signals::ActionFlags::all(), &[HUP]));
    }
    GRANTED.set(None);
    assert_eq!(BLOCKS.get(), blocks);
    let (_, of_all) = signals_of(&cast.child).ignored_and_caught();
    for (number, child) in (20..).zip(&children) {
        assert_eq!(signals_of(child).ignored_and_caught().1, of_all | set(&[number]));
    }
}

#[test]
fn actions_of_who_is_gone_are_used_again() {
    // R-SIG-81: a fork after a reap takes no memory for them, and finds nothing of what was set.
    let cast = Cast::new();
    let gone = fork(&cast.init);
    for number in (1..=64).filter(|number| ![9, 19].contains(number)) {
        act(&gone, number, handler(axprocess_signals::ActionFlags::all(), &[HUP]));
    }
    exit(&gone);
    cast.init.wait(&axprocess::WaitRequest::wait4(-1, 0).unwrap()).unwrap();
    GRANTED.set(Some(0));
    let made = signals_of(&cast.init).fork(CloneFlags::empty(), User::root(), ());
    GRANTED.set(None);
    let (process, thread) = made.expect("spare ones");
    let child = cast.init.fork(axprocess::ForkRequest::default(), process, thread).unwrap();
    assert_eq!(signals_of(&child).ignored_and_caught(), NOTHING);
    assert!((1..=64).all(|number| action(&child, number) == Default::default()));
}

#[test]
fn no_call_on_signals_needs_memory() {
    // R-SIG-12, R-SIG-16: all actions can be set, and what has a place waits.
    let cast = Cast::new();
    let (init, child) = (&cast.init, &cast.child);
    GRANTED.set(Some(0));
    for number in (1..=64).filter(|number| ![9, 19].contains(number)) {
        act(child, number, handler(axprocess_signals::ActionFlags::all(), &[HUP]));
    }
    for value in 0..20 {
        queue(init, child, 41, value).unwrap();
        tkill(init, child, 42);
    }
    let taken = std::iter::from_fn(|| take(child, set(&[41]))).count();
    unblock(child, &[42]);
    let is_handled = matches!(
        signals_of(child).get_signal(),
        axprocess_signals::Delivery::Handle(frame) if frame.info.signal() == signal(42)
    );
    ignore(child, &[42]);
    drop(wait_for(child, &[43]));
    // Own actions are ready.
    signals_of(child).exec();
    cast.table.host().refill();
    GRANTED.set(None);
    assert_eq!((taken, is_handled), (20, true));
    assert_eq!(pending(child).0, set(&[]));
}

/// How many more siginfos can wait.
fn free_places(cast: &Cast) -> u32 {
    block_all(&cast.sharer);
    let mut count = 0;
    while queue(&cast.init, &cast.sharer, 50, count.into()).is_ok() {
        count += 1;
    }
    act(&cast.sharer, 50, IGNORE);
    handle(&cast.sharer, &[50]);
    count
}

#[test]
fn places_run_out() {
    // R-SIG-22 to R-SIG-25: where the table has no place left, as where the user has none.
    let cast = Cast::new();
    let (init, child) = (&cast.init, &cast.child);
    cast.table.host().refill();
    take_all(child);
    block_all(&cast.sharer);
    for value in 0..MOST.into() {
        // What there is grows in the calls that may take memory.
        cast.table.host().refill();
        queue(init, &cast.sharer, 50, value).unwrap();
    }
    let charged = || cast.table.host().kernel().charged(0);
    assert_eq!(charged(), MOST);
    let (pid, tid) = (child.process().pid() as i32, child.tid() as i32);
    assert_eq!(queue(init, child, 40, 1), Err(Errno::EAGAIN));
    assert_eq!(init.tgkill(pid, tid, 40), Err(Errno::EAGAIN));
    assert_eq!(init.rt_tgsigqueueinfo(pid, tid, queued(init, 40, 1)), Err(Errno::EAGAIN));
    assert_eq!(pending(child), NOTHING);
    for _ in 0..3 {
        kill(init, child, 40);
        kill(init, child, TERM);
        queue(init, child, USR1, 3).unwrap();
        tkill(init, child, USR2);
    }
    assert_eq!(charged(), MOST, "what has no place is not charged");
    let told: Vec<_> = take_all(child).iter().map(said).collect();
    assert_eq!(told, [USR2, USR1, TERM, 40].map(|number| (number, 0, 0, 0)));
    // One that is taken leaves its place to the next.
    assert_eq!(take(&cast.sharer, set(&[50])).map(|info| info.value()), Some(0));
    assert_eq!(queue(init, child, 40, 1), Ok(()));
    assert_eq!(queue(init, child, 40, 2), Err(Errno::EAGAIN));
    assert_eq!(take_all(child).iter().map(said).collect::<Vec<_>>(), [(40, -1, 1, 1)]);
    ignore(&cast.sharer, &[50]);
    handle(&cast.sharer, &[50]);
    assert_eq!((charged(), free_places(&cast)), (0, MOST));
}

#[test]
fn without_memory_there_are_no_places() {
    // R-SIG-22, R-SIG-24: a table that could make none sends what can go without; later it makes some.
    for granted in 0..3 {
        let signals = Signals::new(Kernel::<Scarce>::new());
        GRANTED.set(Some(granted));
        signals.refill();
        GRANTED.set(None);
        let table = Table::<Scarce>::new(signals);
        table.check_every(NonZeroU64::MAX);
        drop(table);
    }
    let blocks = BLOCKS.get();
    {
        let cast = Cast::new();
        cast.table.host().refill();
        // The second chunk: each of its requests is refused once.
        for granted in 0..3 {
            GRANTED.set(Some(granted));
            cast.table.host().refill();
            GRANTED.set(None);
        }
        cast.table.host().refill();
        take_all(&cast.child);
        assert_eq!(free_places(&cast), MOST);
    }
    assert_eq!(BLOCKS.get(), blocks);
}
