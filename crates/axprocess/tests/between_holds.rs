//! What happens between two holds of one operation.

mod stepping;

use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, Errno, ExitStatus, ForkParent, ForkRequest, Host, Number, Process, ProcessState,
    ProcessTable, Relations, Signal, SignalAction, StopDecision, ThreadExit, TraceOptions,
    TraceStart, TraceStopped, View, WaitRequest,
};
use stepping::{Counted, holds, holds_with};

type Thread = axprocess::Thread<Kernel>;

/// Children vanish when they end.
struct Kernel;

impl Host for Kernel {
    type Lock = Counted<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn signal_action(&self, _: View<'_, Self>, _: &Process<Self>, _: Signal) -> SignalAction {
        SignalAction::Ignore
    }
}

fn boot() -> (ProcessTable<Kernel>, ARef<Thread>) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &ARef<Thread>) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn exit(threads: &[ARef<Thread>]) {
    threads.iter().for_each(|thread| _ = thread.exit_thread(ExitStatus::exited(0)));
}

/// An exit of all but the first 40 of those that are read in the first two holds.
fn exit_of_most(members: &[ARef<Thread>]) -> impl FnOnce() + 'static {
    let leaving = members[40..96].to_vec();
    move || exit(&leaving)
}

fn tids(threads: &[ARef<Thread>]) -> Vec<u32> {
    threads.iter().map(|thread| thread.tid()).collect()
}

/// Two holds that read 48 each, one that goes back over 48 that have left, one that goes back over 8 and reads 40, and two that read the rest.
const HOLDS_OF_A_READING: u32 = 6;

#[test]
fn children_that_vanish_while_they_are_listed_hide_no_other() {
    // R-PROC-03, design: the walk goes on behind the last that is still there, and gives the lock back while it looks for that.
    for of_thread in [false, true] {
        let (table, init) = boot();
        let parent = fork(&init);
        let children: Vec<_> = (0..200).map(|_| fork(&parent)).collect();
        let list = || match of_thread {
            true => parent.children().unwrap(),
            false => parent.process().children().unwrap(),
        };
        let (holds, found) = holds_with(3, exit_of_most(&children), list);
        assert!(found.iter().map(|process| process.pid()).eq(tids(&children)));
        assert_eq!(holds, HOLDS_OF_A_READING);
        assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
    }
}

#[test]
fn threads_that_exit_while_they_are_listed_hide_no_other() {
    // Design: as for children.
    let (_table, init) = boot();
    let threads: Vec<_> = (0..200).map(|_| init.spawn_thread(Number::Next, ()).unwrap()).collect();
    let all: Vec<_> = [init.clone()].into_iter().chain(threads).collect();
    let (_, found) = holds_with(3, exit_of_most(&all), || init.process().threads().unwrap());
    assert_eq!(tids(&found), tids(&all));
}

#[test]
fn an_exit_is_one_hold_unless_there_are_many_children() {
    // R-EXIT-01 and the head of `exit.rs`: with few children nobody sees the process between life and death; with many, each hold is bounded.
    for (children, expected) in [(0, 1..=1), (3, 1..=1), (200, 13..=14)] {
        let (table, init) = boot();
        let parent = fork(&init);
        (0..children).for_each(|_| _ = fork(&parent));
        let (holds, exit) = holds(|| parent.exit_thread(ExitStatus::exited(0)));
        assert_eq!((exit, parent.process().state()), (ThreadExit::Last, ProcessState::Reaped));
        assert!(expected.contains(&holds), "{children} children, {holds} holds");
        let longest = table.audit().longest_hold;
        assert!(longest <= 48 && (children < 16 || longest >= 16), "{longest}");
    }
}

#[test]
fn exec_takes_many_threads_out_in_several_holds() {
    // R-EXEC-01, design: one hold to begin, and one for each 48 threads.
    let (table, init) = boot();
    let leader = fork(&init);
    let threads: Vec<_> =
        (0..200).map(|_| leader.spawn_thread(Number::Next, ()).unwrap()).collect();
    let (holds, done) = holds(|| threads[0].exec());
    assert_eq!((done, leader.process().threads().unwrap().len()), (Ok(()), 1));
    assert!((4..=6).contains(&holds), "{holds}");
    assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
}

#[test]
fn a_tracer_that_goes_with_the_table_leaves_no_tracee_behind() {
    // R-PTRACE-05, design: the table is taken apart in several holds; after each, who is left is traced by nobody who is gone.
    let (table, init) = boot();
    let tracer = fork(&init);
    let others: Vec<_> = (0..100).map(|_| fork(&init)).collect();
    let tracee = fork(&init);
    tracer.attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let (gone, left) = (tracer.clone(), tracee.clone());
    let step = move || {
        let states = (gone.process().state(), left.process().state());
        assert_eq!(states, (ProcessState::Reaped, ProcessState::Live));
        assert_eq!(left.trace_stop(Signal::SIGTSTP.into()), TraceStopped::Untraced);
    };
    holds_with(5, step, || drop(table));
    assert_eq!(others.len(), 100);
}

#[test]
fn what_concerns_few_is_one_hold() {
    // Design: fork, clone, exit and wait take the lock once each, and who waits for any child does not take it to say so.
    let (_table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
    let makers: [&dyn Fn() -> Result<ARef<Thread>, Errno>; 3] =
        [&|| child.fork(ForkRequest::default(), (), ()), &|| child.fork(sibling, (), ()), &|| {
            child.spawn_thread(Number::Next, ())
        }];
    for make in makers {
        let (holds, made) = holds(make);
        assert_eq!((holds, made.is_ok()), (1, true));
    }
    let any = WaitRequest::wait4(-1, 1).unwrap();
    let (to_begin, call) = holds(|| parent.begin_wait(&any));
    assert_eq!((to_begin, holds(|| call.poll().is_ok())), (0, (1, true)));
}

#[test]
fn without_a_subreaper_nobody_looks_for_one() {
    // R-REPARENT-04, design: an orphan goes to init at once, however many ancestors it has.
    let (table, init) = boot();
    let mut family = vec![init];
    for generation in 0..100 {
        family.push(fork(&family[generation]));
    }
    let parent = &family[99];
    let (holds, _) = holds(|| parent.exit_thread(ExitStatus::exited(0)));
    assert_eq!((holds, family[100].process().ppid()), (1, 1));
    assert!(table.audit().longest_hold < 20, "{:?}", table.audit());
}

#[test]
fn a_tree_that_outgrows_its_room_is_walked_anew() {
    // Race 12: the room for all is made before the walk; who is born in between is there, too.
    let (table, init) = boot();
    let parent = fork(&init);
    let (born, maker) = (Arc::new(Mutex::new(Vec::new())), ARef::clone(&parent));
    let keep = Arc::clone(&born);
    let step = move || keep.lock().unwrap().extend((0..200).map(|_| fork(&maker)));
    let walk = || init.process().snapshot_tree(table.namespace()).unwrap();
    let (_, tree) = holds_with(2, step, walk);
    let below: Vec<_> = tree.iter().filter(|it| it.depth == 2).map(|it| it.stat.pid).collect();
    assert_eq!(below, tids(&born.lock().unwrap()));
}

#[test]
fn nothing_begins_in_a_process_amid_an_exec() {
    // R-EXEC-01, R-EXIT-19: the threads that an exec has not reached yet neither stop the process nor make others.
    let (_table, init) = boot();
    let caller = fork(&init);
    let others: Vec<_> = (0..200).map(|_| caller.spawn_thread(Number::Next, ()).unwrap()).collect();
    let last = others[199].clone();
    let step = move || {
        let ticket = last.process().stop_ticket();
        assert_eq!(last.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Discard);
        assert_eq!(last.spawn_thread(Number::Next, ()).map(drop), Err(Errno::EINTR));
    };
    let (_, done) = holds_with(2, step, || caller.exec());
    assert_eq!((done, caller.process().threads().unwrap().len()), (Ok(()), 1));
    assert!(!caller.is_group_stop_requested());
}
