//! A lock that notes how long it is held, and how many objects were touched meanwhile.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};

use axprocess::{
    ARef, ExitStatus, ForkRequest, Host, Lock, Process, ProcessTable, Relations, Signal,
    SignalInfo, Thread, View,
};
use kspin::{SpinNoIrq, SpinNoIrqGuard};

use super::clock::wall_time;

/// What the exit of a process with so many children asks of the lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitHolds {
    /// The most children that were handed over in one hold.
    pub(crate) objects: u64,
    /// How long a hold took: the median, in nanoseconds.
    pub(crate) time: u64,
}

/// Watches an exit with so many children, each of which asked for a signal at its parent's death: so the host sees them all.
pub(crate) fn holds_of_exit(size: usize) -> ExitHolds {
    let table = ProcessTable::new(Watcher);
    let init = table.new_init(1, (), ()).expect("an empty table");
    let parent = init.fork(ForkRequest::default(), (), ()).expect("init lives");
    let children: Vec<ARef<Thread<Watcher>>> = (0..size)
        .map(|_| {
            let child = parent.fork(ForkRequest::default(), (), ()).expect("the parent lives");
            child.set_parent_death_signal(Some(Signal::SIGHUP));
            child
        })
        .collect();
    HOLDS.with_borrow_mut(|holds| holds.reserve(size + 16));
    IS_WATCHING.set(true);
    parent.exit_thread(ExitStatus::exited(0));
    IS_WATCHING.set(false);
    drop(table);
    drop((init, parent, children));
    let holds = HOLDS.take();
    let objects = holds.iter().map(|hold| hold.objects).max().unwrap_or(0);
    let mut times: Vec<u64> = holds.iter().map(|hold| hold.time).collect();
    times.sort_unstable();
    ExitHolds { objects, time: times.get(times.len() / 2).copied().unwrap_or(0) }
}

struct Watcher;

impl Host for Watcher {
    type Lock = Watched<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        _target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        if info.signal == Signal::SIGHUP {
            OBJECTS.set(OBJECTS.get() + 1);
        }
    }
}

/// One hold of the lock.
#[derive(Clone, Copy)]
struct Held {
    objects: u64,
    time: u64,
}

// A lock is made from its value alone, so what it notes stands beside it: with the one thread that watches.
thread_local! {
    static IS_WATCHING: Cell<bool> = const { Cell::new(false) };
    static OBJECTS: Cell<u64> = const { Cell::new(0) };
    static HOLDS: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

struct Watched<T>(SpinNoIrq<T>);

struct WatchedGuard<'a, T> {
    guard: SpinNoIrqGuard<'a, T>,
    since: u64,
}

impl<T> Lock<T> for Watched<T> {
    type Guard<'a>
        = WatchedGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(SpinNoIrq::new(value))
    }

    fn lock(&self) -> WatchedGuard<'_, T> {
        let guard = self.0.lock();
        OBJECTS.set(0);
        let since = if IS_WATCHING.get() { wall_time() } else { 0 };
        WatchedGuard { guard, since }
    }
}

impl<T> Drop for WatchedGuard<'_, T> {
    fn drop(&mut self) {
        if IS_WATCHING.get() {
            let held = Held { objects: OBJECTS.get(), time: wall_time() - self.since };
            HOLDS.with_borrow_mut(|holds| holds.push(held));
        }
    }
}

impl<T> Deref for WatchedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for WatchedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host is told of every child that moves, so the objects of all holds are the children.
    #[test]
    fn every_child_is_seen() {
        let few = holds_of_exit(6);
        assert_eq!(few.objects, 6);
        assert!(holds_of_exit(1_000).objects >= 16 / 2, "a hold is used for more than a few");
    }
}
