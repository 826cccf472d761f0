//! What the tests of the API of axprocess 0.1 share: one init, fresh numbers, and races.
//!
//! There is one table per test program, and the tests run at the same time. So each test works on processes of its own, and asks of
//! what all share, like the children of init, only whether its own are in it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::any::Any;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use std::{hint, process, thread};

use axprocess::{Pid, Process, ProcessGroup};

/// How often a race is run.
pub(crate) const ROUNDS: usize = 400;

/// The number of init.
pub(crate) const INIT: Pid = 1;

/// What init was given as its data.
pub(crate) const INIT_DATA: &str = "init's own";

/// Init, built by the first test that needs it.
pub(crate) fn init() -> Arc<Process> {
    static BUILT: OnceLock<Arc<Process>> = OnceLock::new();
    let build = || Process::new_init(INIT).data(INIT_DATA).build();
    Arc::clone(BUILT.get_or_init(build))
}

/// A number that no other test uses.
pub(crate) fn fresh() -> Pid {
    static NEXT: AtomicU32 = AtomicU32::new(INIT + 1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A child of `parent` under a fresh number.
pub(crate) fn child_of(parent: &Arc<Process>) -> Arc<Process> {
    parent.fork(fresh()).build()
}

/// The leader of a session of its own, a child of init.
pub(crate) fn login() -> Arc<Process> {
    let leader = child_of(&init());
    leader.create_session().expect("it leads nothing yet");
    leader
}

/// A child of `parent` that leads a group of its own.
pub(crate) fn group_leader(parent: &Arc<Process>) -> (Arc<Process>, Arc<ProcessGroup>) {
    let leader = child_of(parent);
    let group = leader.create_group().expect("it leads nothing yet");
    (leader, group)
}

/// Ends and reaps the processes, in this order.
pub(crate) fn bury<'a>(processes: impl IntoIterator<Item = &'a Arc<Process>>) {
    for process in processes {
        process.exit();
        process.free();
    }
}

/// How often `wanted` itself stands in the list.
pub(crate) fn count<T>(list: &[Arc<T>], wanted: &Arc<T>) -> usize {
    list.iter().filter(|one| Arc::ptr_eq(one, wanted)).count()
}

/// Whether the two are the same objects in the same order.
pub(crate) fn same<T>(one: &[Arc<T>], other: &[&Arc<T>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// How many groups of that number live in the session of `process`.
pub(crate) fn groups_numbered(pgid: Pid, process: &Process) -> usize {
    let groups = process.group().session().process_groups();
    groups.iter().filter(|group| group.pgid() == pgid).count()
}

/// Whether init is the parent of `process`, and has it in its list once.
pub(crate) fn is_a_child_of_init(process: &Arc<Process>) -> bool {
    let has_parent = process.parent().is_some_and(|parent| parent.is_init());
    has_parent && count(&init().children(), process) == 1
}

/// Runs both at the same time, and returns what they return.
pub(crate) fn race<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    // `std::sync::Barrier` wakes its waiters one after the other, often too late for them to meet.
    let missing = AtomicU32::new(2);
    let line_up = || {
        missing.fetch_sub(1, Ordering::AcqRel);
        for spins in 0.. {
            if missing.load(Ordering::Acquire) == 0 {
                break;
            }
            // Who yields comes back late; who does not may be what the other one waits for.
            if spins < 10_000 {
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            line_up();
            other()
        });
        line_up();
        let one = one();
        (one, other.join().expect("the other racer has panicked"))
    })
}

/// Ends the whole program if `action` takes a minute: then it waits for a lock that it holds itself, and
/// all other tests wait for it as well.
pub(crate) fn without_deadlock(action: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let worker = thread::spawn(move || {
        action();
        // Nobody listens any more if it took too long.
        let _ = done.send(());
    });
    let outcome = finished.recv_timeout(Duration::from_secs(60));
    if outcome == Err(mpsc::RecvTimeoutError::Timeout) {
        let test = thread::current().name().unwrap_or_default().to_owned();
        // Past the capture of the test's output, which nobody would print any more.
        let _ = writeln!(io::stderr(), "{test} has dead-locked");
        process::exit(1);
    }
    worker.join().expect("the action has panicked");
}

/// The message with which `action` panics.
pub(crate) fn panic_of<R>(action: impl FnOnce() -> R) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(action())));
    let payload: Box<dyn Any + Send> = panicked.expect_err("it should have panicked");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => {
            payload.downcast_ref::<&str>().map_or_else(String::new, ToString::to_string)
        }
    }
}
