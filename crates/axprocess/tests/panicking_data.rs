//! Data of the kernel that panics when it is dropped, and what is dropped beside the last hold of a table that is gone: neither costs anybody else anything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use axprocess::{
    ARef, ExitStatus, ForkRequest, Host, Number, PidNamespace, ProcessTable, Relations, View,
};

type Process = axprocess::Process<Kernel>;
type Thread = axprocess::Thread<Kernel>;

/// Counts that it is dropped, and may panic then.
#[derive(Default)]
struct Data {
    dropped: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Data {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics, "the kernel's data");
    }
}

struct Kernel {
    /// Given up when somebody chooses a number: in the hold.
    kept: Mutex<Vec<ARef<Process>>>,
    dropped: Arc<AtomicUsize>,
}

impl Kernel {
    fn new() -> Self {
        Self { kept: Mutex::default(), dropped: Arc::default() }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Data;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn may_choose_number(&self, _: View<'_, Self>, _: &Thread, _: &PidNamespace<Self>) -> bool {
        self.kept.lock().unwrap().clear();
        true
    }
}

/// A reaped process with that data; the caller has the last reference.
fn reaped(init: &Thread, data: Data) -> ARef<Process> {
    let child = init.fork(ForkRequest::default(), data, ()).unwrap();
    child.exit_thread(ExitStatus::exited(0));
    assert!(child.process().release_zombie());
    ARef::clone(child.process())
}

fn choosing(number: &[u32; 1]) -> ForkRequest<'_> {
    ForkRequest { number: Number::Each(number), ..ForkRequest::default() }
}

#[test]
fn a_prepared_number_is_given_back_when_data_panics() {
    // Design, hooks: data of another is dropped after the hold, and panics: what that hold has reserved is free again, for a process and for a thread.
    let table = ProcessTable::new(Kernel::new());
    let init = table.new_init(1, Data::default(), ()).unwrap();
    let keep_one_that_panics = || {
        let data = Data { dropped: Arc::default(), panics: true };
        table.host().kept.lock().unwrap().push(reaped(&init, data));
    };
    keep_one_that_panics();
    let prepare = || init.prepare_fork(choosing(&[9]), Data::default(), ()).map(drop);
    assert!(catch_unwind(AssertUnwindSafe(prepare)).is_err());
    assert_eq!(init.fork(choosing(&[9]), Data::default(), ()).unwrap().tid(), 9);
    keep_one_that_panics();
    let prepare = || init.prepare_thread(Number::Each(&[10]), ()).map(drop);
    assert!(catch_unwind(AssertUnwindSafe(prepare)).is_err());
    assert_eq!(init.spawn_thread(Number::Each(&[10]), ()).unwrap().tid(), 10);
}

#[test]
fn data_that_panics_costs_no_other_its_end() {
    // Objects: ten wait for the same unlock, and one of them panics: all ten are freed.
    let table = ProcessTable::new(Kernel::new());
    let init = table.new_init(1, Data::default(), ()).unwrap();
    for bad in 0..10 {
        let dropped = Arc::new(AtomicUsize::new(0));
        for index in 0..10 {
            let data = Data { dropped: Arc::clone(&dropped), panics: index == bad };
            table.host().kept.lock().unwrap().push(reaped(&init, data));
        }
        let fork = || init.fork(choosing(&[100 + bad]), Data::default(), ()).map(drop);
        assert!(catch_unwind(AssertUnwindSafe(fork)).is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 10);
    }
}

#[test]
fn data_that_panics_does_not_keep_a_table() {
    // Ownership: dropping the table ends all, in several holds, also when one of them panics.
    for bad in [0, 1, 100, 199] {
        let table = ProcessTable::new(Kernel::new());
        let hosts = Arc::clone(&table.host().dropped);
        let dropped = Arc::new(AtomicUsize::new(0));
        let data = |panics| Data { dropped: Arc::clone(&dropped), panics };
        let init = table.new_init(1, data(false), ()).unwrap();
        for index in 0..200 {
            drop(init.fork(ForkRequest::default(), data(index == bad), ()).unwrap());
        }
        drop(init);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(table))).is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 201);
        assert_eq!(hosts.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn what_is_dropped_beside_the_last_hold_goes_with_its_table() {
    // Objects: the table is gone, one makes the last call, and beside it another drops a process, or gives a fork up. Nothing is left, whoever comes first.
    const ROUNDS: usize = 1_000;
    let barrier = Barrier::new(2);
    let handed: Mutex<Option<ARef<Process>>> = Mutex::new(None);
    let hosts = Arc::new(AtomicUsize::new(0));
    let dropped = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                barrier.wait();
                let process = handed.lock().unwrap().take().unwrap();
                process.is_table_init();
                drop(process);
                barrier.wait();
            }
        });
        for round in 0..ROUNDS {
            let host = Kernel { kept: Mutex::default(), dropped: Arc::clone(&hosts) };
            let table = ProcessTable::new(host);
            let data = || Data { dropped: Arc::clone(&dropped), panics: false };
            let init = table.new_init(1, data(), ()).unwrap();
            *handed.lock().unwrap() = Some(ARef::clone(init.process()));
            let fork = ForkRequest::default();
            if round % 2 == 0 {
                let child = init.fork(fork, data(), ()).unwrap();
                drop((init, table));
                barrier.wait();
                drop(child);
            } else {
                let prepared = init.prepare_fork(fork, data(), ()).unwrap();
                drop(table);
                barrier.wait();
                drop(prepared);
                drop(init);
            }
            barrier.wait();
            assert_eq!(hosts.load(Ordering::Relaxed), round + 1, "the host goes with its table");
            assert_eq!(dropped.load(Ordering::Relaxed), 2 * (round + 1));
        }
    });
}
