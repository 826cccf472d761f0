//! The invariants of the layer, checked in test builds between calls.
//!
//! A walk over all processes, written without regard to cost. The numbers in the messages are the invariants':
//!
//! 1. What waits for a thread, and is not blocked, the thread is wanted for. Of what waits for a process, a thread that does not block it is wanted, or is stopped, if there is one that lives.
//! 2. A process knows of all that may wait for its threads alone.
//! 3. A queue has one run for each signal that has a siginfo there, in the order in which they came; all of it is pending, and a standard signal is there once, but for timers', which are found by their timers' numbers.
//! 4. A place is free, or in a queue.
//! 5. There are dispositions for each process, whether it has any or not: each has a right to some, and so has a thread that forks, for a child; no others have.
//! 6. Dispositions name handlers for what is caught, and nothing is caught and ignored; whoever has them counts. Nobody catches or ignores `SIGKILL` and `SIGSTOP`.
//! 7. A process about whose `SIGCHLD` nothing is to be asked has one thread, which does not block it, and the default action for it.
//! 8. Nobody blocks `SIGKILL` and `SIGSTOP`; in sigtimedwait(2) a thread blocks less than outside of it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use axprocess::{ARef, Cursor, Lock, ProcessState, ProcessTable, Signal, View};

use crate::action::{Action, Handler};
use crate::dispositions::Dispositions;
use crate::kernel::Kernel;
use crate::pool::Slab;
use crate::queue::Queue;
use crate::reserve::Reserve;
use crate::set::SignalSet;
use crate::word::Ordering;
use crate::{Process, Signals, Thread, signals_of};

/// Checks all invariants of the layer, as they are between calls: none is under way, and no birth is prepared. Takes the locks. Test builds only (feature `check`).
///
/// # Panics
///
/// One does not hold.
pub fn check_invariants<K: Kernel>(table: &ProcessTable<Signals<K>>) {
    let (mut processes, mut from) = (Vec::new(), 1);
    while let Some((pid, process)) = table.next_process(table.namespace(), from) {
        processes.push(process);
        from = pid + 1;
    }
    table.read(|view| {
        let pool = table.host().pool();
        let queued: usize = processes.iter().map(|it| check_process(view, it)).sum();
        pool.with(|slab| {
            let places: usize = slab.chunks.iter().map(Vec::len).sum();
            assert_eq!(queued + slab.free as usize, places, "4: places are lost, or used twice");
        });
        let in_use = check_sharers(&processes);
        let given: usize = processes.iter().map(|it| 1 + rights_of_threads(view, it)).sum();
        check_reserve(table.host().reserve(), given, in_use);
    });
}

/// How many of its threads have a right to dispositions for a child.
fn rights_of_threads<K: Kernel>(view: View<'_, Signals<K>>, process: &Process<K>) -> usize {
    let (mut rights, mut cursor) = (0, Cursor::new());
    while !cursor.is_done() {
        let tasks = view.tasks(process, &mut cursor);
        rights += tasks.filter(|it| it.host_data().has_right()).count();
    }
    rights
}

/// How many places its queues have.
fn check_process<K: Kernel>(view: View<'_, Signals<K>>, process: &Process<K>) -> usize {
    let signals = process.host_data();
    let held = signals.lock();
    let pool = process.host().pool();
    let mut queued = pool.with(|slab| check_queue(slab, &signals.queue));
    let (mut tasks, mut cursor) = (Vec::new(), Cursor::new());
    while !cursor.is_done() {
        tasks.extend(view.tasks(process, &mut cursor));
    }
    for thread in &tasks {
        let own = thread.host_data();
        queued += pool.with(|slab| check_queue(slab, &own.queue));
        let elsewhere = own.queue.pending() & !held.of_threads;
        let is_over = process.state() != ProcessState::Live;
        assert!(elsewhere.is_empty() || is_over, "2: {thread:?} has {elsewhere:?}");
        let blocked = own.blocked.get();
        assert!((blocked & SignalSet::UNBLOCKABLE).is_empty(), "8: {thread:?} blocks {blocked:?}");
        let outer = own.outer.get();
        assert!(!own.is_awaiting() || (blocked & !outer).is_empty(), "8: {thread:?} awaits");
    }
    if signals.drops_sigchld() {
        let blocks = |it: &&Thread<K>| it.host_data().blocked.get().contains(Signal::SIGCHLD);
        assert!(!tasks.iter().any(blocks), "7: a thread of {process:?} blocks it");
        let action = signals.action(&held, Signal::SIGCHLD);
        assert!(action == Action::default() && tasks.len() < 2, "7: {process:?} does {action:?}");
    }
    let (ignored, caught) = signals.ignored_and_caught(&held);
    let either = (ignored & caught) | ((ignored | caught) & SignalSet::UNBLOCKABLE);
    assert!(either.is_empty(), "6: {process:?} catches and ignores {either:?}");
    if let Some(dispositions) = held.dispositions.as_ref() {
        check_dispositions(dispositions);
    }
    drop(held);
    check_wanted(view, process);
    queued
}

/// Who is wanted. 1.
fn check_wanted<K: Kernel>(view: View<'_, Signals<K>>, process: &Process<K>) {
    if view.is_group_exiting(process) || process.state() != ProcessState::Live {
        return;
    }
    let (mut threads, mut cursor) = (Vec::<&Thread<K>>::new(), Cursor::new());
    while !cursor.is_done() {
        threads.extend(view.threads(process, &mut cursor));
    }
    threads.retain(|thread| !thread.host_data().is_exiting());
    let shared = process.host_data().queue.pending();
    let (mut seen, mut open_to_some) = (SignalSet::EMPTY, SignalSet::EMPTY);
    for thread in threads {
        let open = !signals_of(thread).blocked();
        open_to_some = open_to_some | open;
        if !thread.attention().is_empty() || thread.is_stopped() {
            seen = seen | open;
            continue;
        }
        let own = thread.host_data().queue.pending() & open;
        assert!(own.is_empty(), "1: {thread:?} is not told of {own:?}, which is its own");
    }
    let lost = shared & open_to_some & !seen;
    assert!(lost.is_empty(), "1: nobody of {process:?} is told of {lost:?}");
}

/// How many places a queue has. 3.
fn check_queue<K: Kernel>(slab: &Slab<K>, queue: &Queue<K>) -> usize {
    let (mut signals, mut places) = (SignalSet::EMPTY, 0);
    let mut run = queue.first();
    while run.is_some() {
        let signal = slab[run].info.signal();
        assert!(!signals.contains(signal), "3: two runs of {signal:?}");
        signals = signals.with(signal);
        let (mut at, mut last, mut age, mut of_senders) = (run, run, 0, 0);
        while at.is_some() {
            let node = &slab[at];
            assert!(node.info.signal() == signal && node.age > age, "3: a run of {signal:?}");
            let is_of_timer = node.info.is_of_timer();
            let is_found = || queue.timers.find(slab, &node.info) == Some(at);
            assert!(!is_of_timer || node.is_void || is_found(), "3: a timer's {signal:?} is lost");
            of_senders += u32::from(!is_of_timer);
            (last, age, at) = (at, node.age, node.next);
            places += 1;
        }
        assert!(slab[run].last == last, "3: the end of the run of {signal:?}");
        assert!(!signal.is_standard() || of_senders <= 1, "3: {signal:?} waits twice");
        run = slab[run].next_run;
    }
    let unmarked = signals & !queue.pending();
    assert!(unmarked.is_empty(), "3: {unmarked:?} are not pending");
    places
}

/// What stands in two places agrees. 6.
fn check_dispositions<K: Kernel>(dispositions: &Dispositions<K>) {
    let details = dispositions.details.lock();
    assert_eq!(details.of.bits().count_ones() as usize, details.list.len(), "6: the details");
    let (ignored, caught) = dispositions.ignored_and_caught();
    let mut actions = details.list.iter();
    for signal in (1..=64).filter_map(Signal::new) {
        let is_there = details.of.contains(signal);
        let handler = is_there.then(|| actions.next().map(|action| action.handler)).flatten();
        let is_caught = matches!(handler, Some(Handler::At(_)));
        let is_ignored = handler.map_or(ignored.contains(signal), |it| it == Handler::Ignore);
        let both = (caught.contains(signal), ignored.contains(signal));
        assert_eq!(both, (is_caught, is_ignored), "6: {signal:?}");
    }
}

/// Whoever has dispositions counts. How many are in use. 6.
fn check_sharers<K: Kernel>(processes: &[ARef<Process<K>>]) -> usize {
    let mut counts = BTreeMap::<*const Dispositions<K>, (u32, u32)>::new();
    for process in processes {
        let held = process.host_data().lock();
        let Some(own) = held.dispositions.as_ref() else { continue };
        let known = own.sharers.load(Ordering::Acquire);
        counts.entry(&raw const **own).or_insert((known, 0)).1 += 1;
    }
    for (known, count) in counts.values() {
        assert_eq!(known, count, "6: who shares dispositions counts");
    }
    counts.len()
}

/// Nobody who has a right to dispositions could be without. 5.
fn check_reserve<K: Kernel>(reserve: &Reserve<K>, given: usize, in_use: usize) {
    let spares = reserve.spares.lock();
    assert_eq!(spares.all, spares.list.len() + in_use, "5: dispositions are here, or in use");
    let [grants, rights] =
        [&reserve.grants, &reserve.rights].map(|it| it.load(Ordering::Acquire) as usize);
    assert_eq!(spares.all, given + grants + rights, "5: each process has a right to some");
}
