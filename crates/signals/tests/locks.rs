//! Which locks a call takes, how often, and that nothing is allocated or freed while one is held.

#[path = "kernel/mod.rs"]
mod kernel;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

use axprocess::{ARef, CloneFlags, Lock, WaitOutcome, WaitRequest};
use axprocess_signals::{Action, ActionFlags, EndedBy, SignalSet, Stack};
use kernel::*;

const USR1: u8 = 10;
const USR2: u8 = 12;
const TERM: u8 = 15;

/// What happens before the lock of signals that is taken behind so many others.
type Before = Option<(u32, Box<dyn FnOnce()>)>;

thread_local! {
    /// How often the relation lock was taken.
    static RELATION: Cell<u32> = const { Cell::new(0) };
    /// How often another one was.
    static SIGNALS: Cell<u32> = const { Cell::new(0) };
    static HELD: Cell<u32> = const { Cell::new(0) };
    /// How often memory was asked for or given back with a lock held.
    static IN_A_HOLD: Cell<u32> = const { Cell::new(0) };
    static BEFORE: RefCell<Before> = const { RefCell::new(None) };
}

/// The system's allocator, which notices who calls it with a lock held.
struct Noticing;

impl Noticing {
    fn notice() {
        if HELD.get() > 0 {
            IN_A_HOLD.set(IN_A_HOLD.get() + 1);
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

/// A mutex that counts.
struct Counted<T, const IS_RELATION: bool>(Mutex<T>);

struct CountedGuard<'a, T>(MutexGuard<'a, T>);

impl<T, const IS_RELATION: bool> Lock<T> for Counted<T, IS_RELATION> {
    type Guard<'a>
        = CountedGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> CountedGuard<'_, T> {
        if IS_RELATION {
            assert_eq!(HELD.get(), 0, "the relation lock is the outermost");
        } else {
            act_before();
        }
        let count = if IS_RELATION { &RELATION } else { &SIGNALS };
        count.set(count.get() + 1);
        let guard = self.0.lock().unwrap();
        HELD.set(HELD.get() + 1);
        CountedGuard(guard)
    }
}

/// The turn of what is to happen before a lock, if it has come.
fn act_before() {
    let before = BEFORE.take();
    match before {
        Some((0, act)) => act(),
        Some((left, act)) => BEFORE.set(Some((left - 1, act))),
        None => {}
    }
}

impl<T> Drop for CountedGuard<'_, T> {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
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

struct Counting;

impl Setup for Counting {
    type RelationLock<T: Send + 'static> = Counted<T, true>;
    type SignalLock<T: Send + 'static> = Counted<T, false>;
}

type CountedThread = ARef<Thread<Counting>>;

/// A table, its init, and a child of two threads that handle `SIGUSR1` and `SIGUSR2`.
fn scene() -> (Table<Counting>, CountedThread, [CountedThread; 2]) {
    let (table, init) = boot_with::<Counting>();
    // The invariant checker allocates, and it runs under the lock.
    table.check_every(NonZeroU64::MAX);
    table.host().kernel().be_silent();
    let child = fork(&init);
    handle(&child, &[USR1, USR2]);
    let other = spawn(&child);
    (table, init, [child, other])
}

/// How often the relation lock was taken, and how often another.
fn locks<R>(act: impl FnOnce() -> R) -> (u32, u32) {
    let before = (RELATION.get(), SIGNALS.get());
    act();
    (RELATION.get() - before.0, SIGNALS.get() - before.1)
}

const NONE: (u32, u32) = (0, 0);
/// That of the process's signals alone.
const ONE: (u32, u32) = (0, 1);
/// That, and inside of it that of the nodes.
const WITH_NODES: (u32, u32) = (0, 2);

#[test]
fn a_mask_takes_one_lock_where_it_changes() {
    // R-SIG-31, R-SIG-35: and the relation lock only where the thread was told of what it blocks now.
    let (_table, init, [child, other]) = scene();
    kill(&init, &other, USR1);
    assert_eq!(locks(|| block(&child, &[USR1])), ONE, "it was not told");
    assert_eq!(handlers_run(&other), [USR1]);
    unblock(&child, &[USR1]);
    assert_eq!(locks(|| block(&child, &[USR1])), ONE);
    assert_eq!(locks(|| block(&child, &[USR1])), NONE, "it changes nothing");
    assert_eq!(locks(|| signals_of(&child).rt_sigprocmask(0, 8, || Ok(None))), NONE);
    kill(&init, &child, USR1);
    assert_eq!(locks(|| block(&child, &[USR2])), ONE);
    assert_eq!(locks(|| unblock(&child, &[USR1, USR2])), ONE);
    assert!(is_told(&child) && is_told(&other));
    assert_eq!(locks(|| block(&child, &[TERM])), ONE, "no other has to take anything over");
    assert_eq!(locks(|| block(&child, &[USR1])), (1, 2));
    assert_eq!(locks(|| signals_of(&child).rt_sigreturn(set(&[USR1]))), ONE);
    assert_eq!(locks(|| signals_of(&child).rt_sigsuspend(8, || Ok(set(&[USR1, USR2])))), ONE);
    assert_eq!(locks(|| signals_of(&child).end_mask_of_call(EndedBy::Signal)), NONE);
    assert_eq!(locks(|| signals_of(&child).end_mask_of_call(EndedBy::Itself)), ONE);
    assert_eq!(locks(|| signals_of(&child).end_mask_of_call(EndedBy::Itself)), NONE);
}

#[test]
fn what_is_only_read_takes_no_lock() {
    // R-SIG-20, R-SIG-66, R-SIG-90, R-SIG-91; R-SIG-35: with nothing to look at, the way to user space is one load.
    let (_table, _init, [child, _other]) = scene();
    let signals = signals_of(&child);
    let read = || {
        let pending = signals.rt_sigpending(8).unwrap();
        let polls = signals.polls_signalfd(SignalSet::ALL);
        (pending, polls, signals.blocked(), signals.pending(), child.attention())
    };
    assert_eq!(locks(read), NONE);
    assert_eq!(locks(|| Program::of(&child).run()), NONE);
    let stack = Stack { base: 0x1_0000, flags: 0, size: 0x4000 };
    assert_eq!(locks(|| signals.sigaltstack(Some(stack), 0, 2048)), NONE);
    assert_eq!(locks(|| signals.new_thread(())), NONE);
    assert_eq!(locks(|| signals.ignored_and_caught()), ONE);
}

#[test]
fn an_action_takes_two_locks() {
    // R-SIG-12: the relation lock only where the signal may wait for single threads.
    let (_table, init, [child, other]) = scene();
    assert_eq!(locks(|| action(&child, USR1)), WITH_NODES, "the process's, and the table's");
    assert_eq!(locks(|| handle(&child, &[USR1])), WITH_NODES);
    assert_eq!(locks(|| ignore(&child, &[USR1])), WITH_NODES);
    handle(&child, &[USR1]);
    block(&child, &[USR1]);
    block(&other, &[USR1]);
    kill(&init, &child, USR1);
    assert_eq!(locks(|| ignore(&child, &[USR1])), (0, 3), "and the nodes'");
    handle(&child, &[USR1]);
    tkill(&init, &other, USR1);
    assert_eq!(locks(|| ignore(&child, &[USR1])).0, 1);
    assert_eq!(locks(|| ignore(&child, &[USR1])).0, 0, "none waits any more");
}

#[test]
fn a_wait_takes_the_lock_of_the_process() {
    // R-SIG-53, R-SIG-60: the relation lock only where others have to take something over.
    let (_table, init, [child, other]) = scene();
    for thread in [&child, &other] {
        block(thread, &[USR1, USR2]);
    }
    kill(&init, &child, USR1);
    assert_eq!(locks(|| take(&child, set(&[USR1]))), WITH_NODES);
    assert_eq!(locks(|| signals_of(&child).read_signalfd(set(&[USR1]))), ONE);
    assert_eq!(locks(|| drop(wait_for(&child, &[USR1]))), (0, 2), "one at each end");
    let wait = wait_for(&child, &[USR1]);
    kill(&init, &child, USR2);
    tkill(&init, &child, USR1);
    assert_eq!(locks(|| wait.finish()), WITH_NODES, "of the process it was told of none");
    let wait = wait_for(&child, &[USR1]);
    kill(&init, &child, USR1);
    assert_eq!(locks(|| wait.finish()), (1, 3));
}

#[test]
fn a_delivery_takes_the_lock_of_the_process() {
    // R-SIG-36, R-SIG-37: no relation lock for a handler.
    let (_table, init, [child, _other]) = scene();
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    let step = || locks(|| assert_eq!(program.step(), Seen::Handler(USR1)));
    // To take it: the process's and the nodes', and what is done about it; the handler's mask.
    assert_eq!({ step }(), (0, 4));
    assert_eq!(locks(|| program.return_from_handler()), ONE);
    // To find nothing.
    kill(&init, &child, USR1);
    take(&child, set(&[USR1]));
    child.add_attention(axprocess::Attention::HOST_0);
    assert_eq!(locks(|| assert_eq!(Program::of(&child).run(), [])), ONE);
    assert!(!is_told(&child));
}

#[test]
fn what_comes_amid_the_end_of_a_wait_is_taken_over() {
    // R-SIG-31, R-SIG-60: two signals that come just before the wait takes the lock at its end, of which it takes one and blocks the other again.
    let (table, init, [child, other]) = scene();
    table.host().kernel().run(&[&child]);
    for thread in [&child, &other] {
        block(thread, &[USR1, USR2]);
    }
    let of_other = wait_for(&other, &[USR2]);
    let wait = wait_for(&child, &[USR1, USR2]);
    let (sender, target) = (init.clone(), child.clone());
    let act = move || {
        kill(&sender, &target, USR1);
        kill(&sender, &target, USR2);
    };
    BEFORE.set(Some((0, Box::new(act))));
    assert_eq!(wait.finish(), Some(of_kill(USR1, 1)));
    assert!(is_told(&other), "SIGUSR2 waits, which it awaits");
    assert_eq!(of_other.finish(), Some(of_kill(USR2, 1)));
}

#[test]
fn nothing_is_allocated_or_freed_in_a_hold() {
    // R-SIG-16, R-SIG-23, R-SIG-25, R-SIG-85: all that makes, moves or drops something.
    let (table, init, _) = scene();
    let any = WaitRequest::wait4(-1, 0x4000_0001).unwrap();
    IN_A_HOLD.set(0);
    for round in 0..30_u8 {
        let parent = fork(&init);
        table.host().kernel().be_silent();
        let caller = spawn(&parent);
        let children: Vec<_> = (0..20)
            .map(|index| match index % 4 {
                0 => fork(&caller),
                1 => fork_with(&caller, CloneFlags::CLEAR_SIGHAND),
                _ => fork_with(&caller, CloneFlags::SIGHAND | CloneFlags::VM),
            })
            .collect();
        for thread in children.iter().chain([&parent, &caller]) {
            block_all(thread);
            for number in [USR1, 34, 40, 50 + round % 10] {
                handle(thread, &[number]);
                for value in 0..9 {
                    _ = queue(&init, thread, number, value);
                }
                _ = init.tkill(thread.tid() as i32, number.into());
            }
        }
        for number in 1..=64_u8 {
            let new = Action { restorer: 1, ..handler(ActionFlags::RESTART, &[1]) };
            _ = signals_of(&caller).rt_sigaction(number.into(), 8, || Ok(Some(new)));
        }
        {
            let mut future = pin!(wait_for(&parent, &[63]).signal());
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
            assert!(future.as_mut().poll(&mut context).is_pending());
            kill(&init, &parent, 63);
            assert!(future.as_mut().poll(&mut context).is_ready());
        }
        for (index, child) in children.iter().enumerate() {
            match index % 5 {
                0 => _ = take_all(child),
                1 => ignore(child, &[34, 40]),
                2 => {
                    child.exec().unwrap();
                    signals_of(child).exec();
                }
                3 => {
                    unblock(child, &[USR1]);
                    assert_eq!(handlers_run(child), [USR1, USR1]);
                }
                _ => {}
            }
            exit(child);
            _ = caller.wait(&any);
        }
        if round % 2 == 0 {
            caller.exec().unwrap();
            signals_of(&caller).exec();
        }
        kill(&init, &parent, 9);
        for thread in [&parent, &caller] {
            exit(thread);
        }
        drop(children);
        while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {}
    }
    drop(table);
    assert_eq!(IN_A_HOLD.get(), 0);
}
