//! What processes have used, and to whom it is added up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use axprocess::{
    ARef, ExitStatus, ForkRequest, Host, Process, ProcessTable, Relations, ResourceUsage, Signal,
    SignalAction, Thread, TraceOptions, TraceStart, View, WaitOutcome, WaitRequest,
};

/// CPU time, which adds up, and the largest memory, which does not.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Used {
    time: u64,
    largest: u64,
}

impl ResourceUsage for Used {
    fn add(&mut self, other: Self) {
        self.time += other.time;
        self.largest = self.largest.max(other.largest);
    }
}

struct Kernel;

/// What the process itself has used, and whether it ignores SIGCHLD.
#[derive(Default)]
struct Data {
    time: AtomicU64,
    ignores: AtomicU64,
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Data;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = Used;

    fn usage(&self, _: View<'_, Self>, process: &Process<Self>) -> Used {
        let time = process.host_data().time.load(Ordering::Relaxed);
        Used { time, largest: time }
    }

    fn signal_action(&self, _: View<'_, Self>, target: &Process<Self>, _: Signal) -> SignalAction {
        match target.host_data().ignores.load(Ordering::Relaxed) {
            0 => SignalAction::Handle,
            _ => SignalAction::Ignore,
        }
    }
}

type Caller = ARef<Thread<Kernel>>;

fn boot() -> (ProcessTable<Kernel>, Caller) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, Data::default(), ()).unwrap();
    (table, init)
}

/// A child that has used so much, not counting its children.
fn worker(parent: &Caller, time: u64) -> Caller {
    let data = Data { time: AtomicU64::new(time), ..Data::default() };
    parent.fork(ForkRequest::default(), data, ()).unwrap()
}

/// What the wait for an ended child says that it has used.
fn reap(parent: &Caller, request: WaitRequest) -> Used {
    match parent.wait(&request) {
        Ok(WaitOutcome::Event(event)) => event.usage,
        other => panic!("{other:?}"),
    }
}

fn any() -> WaitRequest {
    WaitRequest::wait4(-1, 0).unwrap()
}

#[test]
fn a_reaped_childs_usage_and_that_of_its_children_is_added() {
    // R-RUSAGE-01, R-RUSAGE-02, R-RUSAGE-05: times as sums, the largest memory as a maximum; what the wait reports is what is added.
    let (_table, init) = boot();
    let child = worker(&init, 10);
    for time in [3, 30] {
        worker(&child, time).exit_thread(ExitStatus::exited(0));
        assert_eq!(reap(&child, any()), Used { time, largest: time });
    }
    assert_eq!(child.process().children_usage(), Used { time: 33, largest: 30 });
    child.exit_thread(ExitStatus::exited(0));
    assert_eq!(init.process().children_usage(), Used::default(), "not before the wait");
    assert_eq!(reap(&init, any()), Used { time: 43, largest: 30 });
    assert_eq!(init.process().children_usage(), Used { time: 43, largest: 30 });
}

#[test]
fn a_look_without_reaping_adds_nothing() {
    // R-RUSAGE-03: WNOWAIT reports the usage, as often as asked, and accumulates none of it.
    let (_table, init) = boot();
    worker(&init, 7).exit_thread(ExitStatus::exited(0));
    for _ in 0..2 {
        assert_eq!(reap(&init, any().without_consuming()).time, 7);
    }
    assert_eq!(init.process().children_usage(), Used::default());
    reap(&init, any());
    assert_eq!(init.process().children_usage().time, 7);
}

#[test]
fn who_vanishes_unwaited_adds_nothing() {
    // R-RUSAGE-04, R-NOTIFY-15: neither an autoreaped child's, nor a grandchild's for which the child never waited.
    let (_table, init) = boot();
    let child = worker(&init, 1);
    let grandchild = worker(&child, 100);
    grandchild.exit_thread(ExitStatus::exited(0));
    child.exit_thread(ExitStatus::exited(0));
    let child_only = WaitRequest::wait4(2, 0).unwrap();
    assert_eq!(reap(&init, child_only).time, 1);
    init.process().host_data().ignores.store(1, Ordering::Relaxed);
    worker(&init, 1_000).exit_thread(ExitStatus::exited(0));
    assert_eq!(init.process().children_usage().time, 1);
}

#[test]
fn a_new_process_has_no_usage_and_exec_keeps_it() {
    // R-FORK-10, R-RUSAGE-07: the totals are the process's, start at nothing after fork, and survive exec by another thread.
    let (_table, init) = boot();
    let child = worker(&init, 0);
    worker(&child, 5).exit_thread(ExitStatus::exited(0));
    reap(&child, any());
    let copy = worker(&child, 0);
    assert_eq!(copy.process().children_usage(), Used::default());
    let thread = child.spawn_thread(axprocess::Number::Next, ()).unwrap();
    thread.exec().unwrap();
    assert_eq!(thread.process().children_usage().time, 5);
}

#[test]
fn a_tracers_reaping_adds_nothing() {
    // R-RUSAGE-06: the tracer learns what was used, and only the parent, who reaps it afterwards, has it added. A parent that traces is the parent.
    let (_table, init) = boot();
    let (child, tracer) = (worker(&init, 5), worker(&init, 0));
    tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    child.exit_thread(ExitStatus::exited(0));
    assert_eq!(reap(&tracer, any()).time, 5);
    assert_eq!(tracer.process().children_usage().time, 0);
    assert_eq!(init.process().children_usage().time, 0);
    assert_eq!(reap(&init, any()).time, 5);
    assert_eq!(init.process().children_usage().time, 5);
    let traced = worker(&init, 7);
    traced.trace_me().unwrap();
    traced.exit_thread(ExitStatus::exited(0));
    reap(&init, any());
    assert_eq!(init.process().children_usage().time, 12);
}

#[test]
fn a_traced_threads_end_adds_nothing() {
    // R-RUSAGE-06: its times are its process's, which are added when the process is reaped.
    let (_table, init) = boot();
    let child = worker(&init, 5);
    let thread = child.spawn_thread(axprocess::Number::Next, ()).unwrap();
    init.attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    thread.exit_thread(ExitStatus::exited(0));
    reap(&init, WaitRequest::wait4(thread.tid() as i32, 0).unwrap());
    assert_eq!(init.process().children_usage().time, 0);
}
