//! Lists as `Vec`s: whoever is in one all the while is collected once, whatever happens between two holds of the walk.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use axprocess::{
    ARef, ExitStatus, ForkRequest, Host, Lock, Number, Process, ProcessTable, Relations,
};

type Thread = ARef<axprocess::Thread<Kernel>>;
type Step = Box<dyn FnMut(u32)>;

thread_local! {
    /// How often this thread has taken the lock, but for what was done in a step.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
    /// What to do before each hold, by its number.
    static STEP: RefCell<Option<Step>> = const { RefCell::new(None) };
}

struct Stepped<T>(Mutex<T>);

impl<T> Lock<T> for Stepped<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A step takes the lock too, and is not stepped into.
        if let Some(mut step) = STEP.take() {
            let number = HOLDS.get() + 1;
            step(number);
            HOLDS.set(number);
            STEP.set(Some(step));
        }
        self.0.lock().unwrap()
    }
}

struct Kernel;

impl Host for Kernel {
    type Lock = Stepped<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

/// Runs an operation with a step before each of its holds, and says how many holds there were.
fn with_steps<R>(step: impl FnMut(u32) + 'static, operation: impl FnOnce() -> R) -> (u32, R) {
    HOLDS.set(0);
    STEP.set(Some(Box::new(step)));
    let result = operation();
    STEP.set(None);
    (HOLDS.get(), result)
}

/// The same with one step, before the hold `at`.
fn with_step<R>(at: u32, step: impl FnOnce() + 'static, operation: impl FnOnce() -> R) -> R {
    let mut step = Some(step);
    let once = move |number| {
        if number == at {
            step.take().unwrap()();
        }
    };
    let (holds, result) = with_steps(once, operation);
    assert!(holds >= at, "there were fewer holds");
    result
}

fn boot() -> (ProcessTable<Kernel>, Thread) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> Thread {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn spawn(thread: &Thread) -> Thread {
    thread.spawn_thread(Number::Next, ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn move_to(process: &ARef<Process<Kernel>>, group: u32) {
    process.setpgid(0, group as i32).unwrap();
}

/// Asserts that all of `wanted` were found, and nobody twice.
fn assert_complete(wanted: impl IntoIterator<Item = u32>, found: impl IntoIterator<Item = u32>) {
    let found: Vec<u32> = found.into_iter().collect();
    let once: BTreeSet<u32> = found.iter().copied().collect();
    assert_eq!(once.len(), found.len(), "somebody was found twice");
    let missed: Vec<u32> = wanted.into_iter().filter(|it| !once.contains(it)).collect();
    assert!(missed.is_empty(), "{} are missed, of {} that were found", missed.len(), found.len());
}

/// A session with a group of 201: its leader and 200 others.
fn group_of_many() -> (ProcessTable<Kernel>, Vec<Thread>) {
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let members = (0..200).map(|_| fork(&shell)).collect::<Vec<_>>();
    (table, [vec![shell], members].concat())
}

/// A process of three threads, the leader first, each with 150 children.
fn three_threads_with_children(init: &Thread) -> (Thread, [Thread; 3], Vec<Thread>) {
    let leader = fork(init);
    let threads = [leader.clone(), spawn(&leader), spawn(&leader)];
    let children_of = |thread| (0..150).map(move |_| fork(thread));
    let children = threads.iter().flat_map(children_of).collect();
    (leader, threads, children)
}

#[test]
fn a_member_that_leaves_and_comes_back_hides_no_other() {
    // Attack B1: the last one collected in a hold stands behind those that are still to come, and the walk does not go on there.
    for (at, last) in [(2, 47), (3, 95), (4, 143)] {
        let (_table, members) = group_of_many();
        let group = members[0].process().group();
        let (mover, home) = (members[last].process().clone(), group.pgid());
        let leave_and_come_back = move || {
            move_to(&mover, 0);
            move_to(&mover, home);
        };
        let found = with_step(at, leave_and_come_back, || group.processes().unwrap());
        assert_complete(members.iter().map(|it| it.tid()), found.iter().map(|it| it.pid()));
    }
}

#[test]
fn members_that_all_come_back_are_found_once_if_at_all() {
    // Attack B1: all that were collected leave and come back, in the reverse order; the walk begins at the first that is left.
    let (_table, members) = group_of_many();
    let group = members[0].process().group();
    let (movers, home) = (members[1..96].to_vec(), group.pgid());
    let all_move = move || {
        movers.iter().rev().for_each(|it| move_to(it.process(), 0));
        movers.iter().rev().for_each(|it| move_to(it.process(), home));
    };
    let found = with_step(3, all_move, || group.processes().unwrap());
    assert_complete(members.iter().map(|it| it.tid()), found.iter().map(|it| it.pid()));
}

#[test]
fn a_list_that_grows_in_every_hold_is_left_at_last() {
    // Attack B1: who joins after the first hold is not collected, so a walk ends however many join.
    let (_table, members) = group_of_many();
    let (group, shell) = (members[0].process().group(), members[0].clone());
    let grow = move |number| {
        assert!(number < 20, "the walk follows those who join");
        (0..64).for_each(|_| _ = fork(&shell));
    };
    let (_, found) = with_steps(grow, || group.processes().unwrap());
    assert_complete(members.iter().map(|it| it.tid()), found.iter().map(|it| it.pid()));
    assert_eq!(found.len(), 201 + 64, "those of the first step were there in the first hold");
}

#[test]
fn a_leader_that_exits_takes_no_child_out_of_the_list() {
    // Attack B1, R-REPARENT-02: the leader's children move behind those of the second thread, or of the first that lives, whose list has been walked.
    for exiting in [0, 1, 2] {
        for at in 2..=7 {
            let (_table, init) = boot();
            let (leader, threads, children) = three_threads_with_children(&init);
            let (process, leaving) = (leader.process().clone(), threads[exiting].clone());
            let found = with_step(at, move || exit(&leaving), || process.children().unwrap());
            assert_complete(children.iter().map(|it| it.tid()), found.iter().map(|it| it.pid()));
        }
    }
}

#[test]
fn an_exec_takes_no_child_out_of_the_list() {
    // Attack B1, R-EXEC-01: one thread adopts the children of all others, and leads from then on.
    for at in 2..=7 {
        let (_table, init) = boot();
        let (leader, threads, children) = three_threads_with_children(&init);
        let (process, caller) = (leader.process().clone(), threads[1].clone());
        let found = with_step(at, move || caller.exec().unwrap(), || process.children().unwrap());
        assert_complete(children.iter().map(|it| it.tid()), found.iter().map(|it| it.pid()));
    }
}

#[test]
fn threads_that_exit_hide_no_other() {
    // Attack B1: also when the last one collected goes, and beside many that have begun to exit and stay for their tracer.
    for at in 2..=4 {
        let (_table, init) = boot();
        let leader = fork(&init);
        let threads: Vec<_> = (0..200).map(|_| spawn(&leader)).collect();
        let (process, leaving) = (leader.process().clone(), threads[..150].to_vec());
        let step = move || leaving.iter().skip(20).for_each(exit);
        let found = with_step(at, step, || process.threads().unwrap());
        let stays = threads[..20].iter().chain(&threads[150..]).map(|it| it.tid());
        assert_complete(stays, found.iter().map(|it| it.tid()));
    }
}

#[test]
fn dead_threads_that_stay_listed_are_passed_over_in_bounded_holds() {
    // Design, bounded holds: 200 dead threads wait for their tracer at the head of the list; the living ones behind them are found.
    let (table, init) = boot();
    let (leader, tracer) = (fork(&init), fork(&init));
    let dead: Vec<_> = (0..200).map(|_| spawn(&leader)).collect();
    let living: Vec<_> = (0..100).map(|_| spawn(&leader)).collect();
    for thread in &dead {
        let start = axprocess::TraceStart::Seize;
        tracer.attach(thread.tid().cast_signed(), start, axprocess::TraceOptions::empty()).unwrap();
        exit(thread);
    }
    let before = table.audit().longest_hold;
    let (holds, found) = with_steps(|_| (), || leader.process().threads().unwrap());
    assert_complete(living.iter().map(|it| it.tid()), found.iter().map(|it| it.tid()));
    assert_eq!((found.len(), holds), (101, 7));
    assert!(table.audit().longest_hold <= before.max(64), "{:?}", table.audit());
}

#[test]
fn a_group_that_comes_back_hides_no_other() {
    // Attack B1: the last group collected loses its only member, and lives again at the end of the list.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let leaders: Vec<_> = (0..200).map(|_| fork(&shell)).collect();
    leaders.iter().for_each(|it| move_to(it.process(), 0));
    let session = shell.process().group().session();
    let (mover, home) = (leaders[46].process().clone(), shell.process().group());
    let leave_and_come_back = move || {
        let own = mover.group();
        mover.enter_group(&home).unwrap();
        mover.enter_group(&own).unwrap();
    };
    let found = with_step(2, leave_and_come_back, || session.process_groups().unwrap());
    let wanted = leaders.iter().map(|it| it.tid()).chain([shell.tid()]);
    assert_complete(wanted, found.iter().map(|it| it.pgid()));
}

#[test]
fn whatever_happens_who_stays_is_found_once() {
    // Attack B1: random steps before every hold of walks over members, children and threads.
    for seed in 1..=12_u32 {
        let mut state = seed.wrapping_mul(0x9e37_79b9);
        let mut random = move |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let (_table, init) = boot();
        let parent = fork(&init);
        parent.process().setsid().unwrap();
        let threads: Vec<_> = [parent.clone()]
            .into_iter()
            .chain((0..9).map(|_| spawn(&parent)))
            .chain((0..200).map(|_| spawn(&parent)))
            .collect();
        let children: Vec<_> = (0..400).map(|at| fork(&threads[at % 10])).collect();
        let group = parent.process().group();
        let gone = std::rc::Rc::new(RefCell::new(BTreeSet::new()));
        let (process, home) = (parent.process().clone(), group.pgid());
        let step = {
            let (children, threads, gone) = (children.clone(), threads.clone(), gone.clone());
            move |_| {
                for _ in 0..random(40) {
                    let child = &children[random(children.len())];
                    match random(5) {
                        0 if !child.process().has_ended() => {
                            gone.borrow_mut().insert(child.tid());
                            move_to(child.process(), 0);
                            move_to(child.process(), home);
                        }
                        1 => {
                            exit(child);
                            child.process().release_zombie();
                            gone.borrow_mut().insert(child.tid());
                        }
                        2 => _ = fork(&parent),
                        _ => {
                            let thread = &threads[1 + random(threads.len() - 1)];
                            gone.borrow_mut().insert(thread.tid());
                            exit(thread);
                        }
                    }
                }
            }
        };
        STEP.set(Some(Box::new(step)));
        let members = group.processes().unwrap();
        let found = process.children().unwrap();
        let living = process.threads().unwrap();
        STEP.set(None);
        let gone = gone.borrow();
        let stayed = |of: &[Thread]| {
            let all: Vec<_> =
                of.iter().map(|it| it.tid()).filter(|it| !gone.contains(it)).collect();
            all
        };
        assert_complete(stayed(&children), members.iter().map(|it| it.pid()));
        assert_complete(stayed(&children), found.iter().map(|it| it.pid()));
        assert_complete(stayed(&threads), living.iter().map(|it| it.tid()));
    }
}
