//! The fast path of an exit and a wait says what the searched way says, and what else the comparison of the two has shown.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};

use axprocess::*;

type Threads = Mutex<Vec<ARef<Thread<K>>>>;
type Said = Arc<Mutex<Vec<(Pid, ThreadExit, ProcessState)>>>;

#[derive(Default)]
struct K(AtomicUsize);

/// Ends all those threads when it is dropped: between two holds of the table's own drop.
struct Data(Option<(Weak<Threads>, Said)>);

impl Drop for Data {
    fn drop(&mut self) {
        let Some((threads, said)) = &self.0 else { return };
        for thread in std::mem::take(&mut *threads.upgrade().unwrap().lock().unwrap()) {
            let exit = thread.exit_thread(ExitStatus::exited(1));
            said.lock().unwrap().push((thread.tid(), exit, thread.process().state()));
        }
    }
}

impl Host for K {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Data;
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
    fn last_thread_exited(&self, _: View<'_, Self>, _: &Process<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn child_of(thread: &Thread<K>) -> ARef<Thread<K>> {
    thread.fork(ForkRequest::default(), Data(None), ()).unwrap()
}

#[derive(Default)]
struct Count(AtomicUsize);
impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn the_release_of_a_strangers_tracee_wakes_the_parent_that_waits_for_it() {
    // R-WAIT-09, R-NOTIFY-03 ("as when it does not care": that wakes): the parent sleeps, because the zombie is its tracer's first. It is gone, and the answer ECHILD.
    let table = ProcessTable::new(K::default());
    let init = table.new_init(1, Data(None), ()).unwrap();
    let [parent, tracer] = [child_of(&init), child_of(&init)];
    let child = child_of(&parent);
    tracer
        .attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
        .map(drop)
        .unwrap();
    child.exit_thread(ExitStatus::exited(0));
    let call = parent.begin_wait(&WaitRequest::wait4(child.tid() as i32, 0).unwrap());
    let WaitOutcome::NothingYet(token) = call.poll().unwrap() else { panic!("the tracer's") };
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut future = pin!(call.event());
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(child.process().release_zombie());
    assert_eq!(call.poll().map(drop), Err(Errno::ECHILD), "there is nobody left to wait for");
    let told = (parent.process().has_news_since(token), count.0.load(Relaxed));
    assert_eq!(told, (true, 1), "and whoever sleeps is woken");
}

fn exits_amid_the_drop_of_the_table(
    are_on_the_slow_path: bool,
) -> Vec<(Pid, ThreadExit, ProcessState)> {
    let table = ProcessTable::new(K::default());
    let init = table.new_init(1, Data(None), ()).unwrap();
    let (threads, said) = (Arc::new(Threads::default()), Said::default());
    for number in 0..200 {
        let data = Data((number == 2).then(|| (Arc::downgrade(&threads), Arc::clone(&said))));
        let child = init.fork(ForkRequest::default(), data, ()).unwrap();
        if are_on_the_slow_path {
            child.set_parent_death_signal(None);
        }
        if number != 2 {
            threads.lock().unwrap().push(child);
        }
    }
    drop((init, table));
    let mut said = std::mem::take(&mut *said.lock().unwrap());
    said.retain(|(_, exit, _)| *exit != ThreadExit::Gone);
    assert!(said.len() > 50, "those that lived then");
    said
}

#[test]
fn who_exits_while_the_table_is_dropped_was_not_init() {
    // R-EXIT-18: "it was init's last thread". Number 57 was not, nor did it stay alive.
    let said = exits_amid_the_drop_of_the_table(true);
    assert_eq!(said.iter().find(|(_, exit, _)| *exit != ThreadExit::Last), None);
}

#[test]
fn the_fast_path_out_ends_as_the_slow_one_while_the_table_is_dropped() {
    // R-EXIT-01: the mark changes how it is done, and nothing that is said of it.
    assert_eq!(exits_amid_the_drop_of_the_table(false), exits_amid_the_drop_of_the_table(true));
}
