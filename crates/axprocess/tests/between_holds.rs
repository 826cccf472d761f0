//! What comes between two holds of one operation that is too long for one: here it comes exactly there, on the same thread, each time.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};

use axprocess::{
    Errno, ExitStatus, ForkRequest, Host, Lock, Number, ProcessTable, Relations, Signal,
    StopDecision, WaitRequest,
};

type Table = ProcessTable<Kernel>;
type Thread = Arc<axprocess::Thread<Kernel>>;

struct Kernel;

impl Host for Kernel {
    type Lock = Interrupted<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type Usage = ();
}

/// A mutex before which something else can happen.
struct Interrupted<T>(Mutex<T>);

/// What happens, and before how many acquisitions more it does not.
type Interruption = (usize, Box<dyn FnOnce()>);

thread_local! {
    static NEXT: RefCell<Option<Interruption>> = const { RefCell::new(None) };
}

impl<T> Lock<T> for Interrupted<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        let due = NEXT.with_borrow_mut(|next| match next {
            Some((0, _)) => next.take(),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        });
        if let Some((_, happen)) = due {
            happen();
        }
        self.0.lock().unwrap()
    }
}

/// Lets something happen between the first and the second hold of what is called next.
fn after_one_hold(happen: impl FnOnce() + 'static) {
    NEXT.set(Some((1, Box::new(happen))));
}

/// Whether it has happened.
fn has_happened() -> bool {
    NEXT.with_borrow(Option::is_none)
}

fn boot() -> (Table, Thread) {
    let table = Table::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> Thread {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

/// A child ends and is reaped.
fn bury(parent: &Thread, child: &Thread) {
    child.exit_thread(ExitStatus::exited(0));
    parent.wait(&WaitRequest::wait4(child.tid() as i32, 0).unwrap()).unwrap();
}

#[test]
fn a_list_goes_on_behind_the_last_one_that_is_still_there() {
    // Race 12, R-PROC-03: who is a child all the while is listed exactly once, whoever else leaves while the list is made.
    for leaving in [0..1, 63..64, 40..80, 0..64, 0..130] {
        let (_table, init) = boot();
        let mut staying: Vec<_> = (0..200).map(|_| fork(&init)).collect();
        let gone: Vec<_> = staying.drain(leaving).collect();
        let parent = Arc::clone(&init);
        after_one_hold(move || gone.iter().for_each(|child| bury(&parent, child)));
        let mut listed = init.process().children();
        assert!(has_happened());
        listed.retain(|child| !child.is_zombie());
        let numbers: Vec<_> = listed.iter().map(|child| child.pid()).collect();
        assert_eq!(numbers, staying.iter().map(|child| child.tid()).collect::<Vec<_>>());
    }
}

#[test]
fn a_tree_that_outgrows_its_room_is_walked_anew() {
    // Race 12: the room for all is made before the walk; who is born in between is there, too.
    let (table, init) = boot();
    let parent = fork(&init);
    let (born, maker) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&parent));
    let keep = Arc::clone(&born);
    after_one_hold(move || keep.lock().unwrap().extend((0..200).map(|_| fork(&maker))));
    let tree = init.process().snapshot_tree(table.namespace());
    assert!(has_happened());
    let below: Vec<_> = tree.iter().filter(|it| it.depth == 2).map(|it| it.stat.pid).collect();
    assert_eq!(below, born.lock().unwrap().iter().map(|it| it.tid()).collect::<Vec<_>>());
}

#[test]
fn nothing_begins_in_a_process_amid_an_exec() {
    // R-EXEC-01, R-EXIT-19: the threads that an exec has not reached yet neither stop the process nor make others.
    let (_table, init) = boot();
    let caller = fork(&init);
    let others: Vec<_> = (0..200).map(|_| caller.spawn_thread(Number::Next, ()).unwrap()).collect();
    let last = others[199].clone();
    after_one_hold(move || {
        let ticket = last.process().stop_ticket();
        assert_eq!(last.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Discard);
        assert_eq!(last.spawn_thread(Number::Next, ()).map(drop), Err(Errno::EINTR));
    });
    caller.exec().unwrap();
    assert!(has_happened());
    assert_eq!(caller.process().threads().len(), 1);
    assert!(!caller.is_stop_requested());
}
