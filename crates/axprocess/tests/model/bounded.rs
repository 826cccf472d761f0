//! The longest hold of calls that any user can make, in objects, beside very many: what is not in the closed list of long holds touches at most 64, and a way down a tree.

use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use crate::kernel::*;
use axprocess::{ExitSignal, ForkRequest, Signal, WaitCall, WaitRequest};

/// How many there are of what there are many of.
const MANY: usize = 20_000;

/// A batch, and the way down a queue of so many reports.
const LONGEST: usize = 64;

/// Init and a shell, which leads a session. Nothing is checked at unlocks.
fn shell() -> (Table, KernelThread, KernelThread) {
    let (table, init) = boot();
    table.check_every(NonZeroU64::MAX);
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    (table, init, shell)
}

fn fork_many(parent: &KernelThread) -> Vec<KernelThread> {
    (0..MANY).map(|_| fork(parent)).collect()
}

fn clone_of(parent: &KernelThread) -> KernelThread {
    let exit_signal = ExitSignal::NONE;
    fork_with(parent, ForkRequest { exit_signal, ..ForkRequest::default() }).unwrap()
}

/// A child of the shell in a group of its own.
fn leader_of_group(shell: &KernelThread) -> KernelThread {
    let leader = fork(shell);
    leader.process().setpgid(0, 0).unwrap();
    leader
}

fn join(shell: &KernelThread, members: &[KernelThread], leader: &KernelThread) {
    for member in members {
        shell.process().setpgid(member.tid() as i32, leader.tid() as i32).unwrap();
    }
}

/// Asserts that nothing has held the lock for long.
fn assert_bounded(table: &Table) {
    let audit = table.audit();
    assert!(audit.longest_hold <= LONGEST, "{audit:?}");
}

#[test]
fn who_waits_for_clones_looks_at_no_other_child() {
    // Attack B, R-WAIT-05: `__WCLONE` beside children that end with SIGCHLD, alive and dead, and the other way round.
    let (table, _init, shell) = shell();
    let children = fork_many(&shell);
    assert_eq!(wait4(&shell, -1, WNOHANG | WCLONE), NO_CHILD);
    children[1..].iter().for_each(|child| exit(child, 0));
    assert_eq!(wait4(&shell, -1, WNOHANG | WCLONE), NO_CHILD);
    let clone = clone_of(&shell);
    assert_eq!(wait4(&shell, -1, WNOHANG | WCLONE), Waited::Nothing);
    exit(&clone, 7);
    assert_eq!(wait4(&shell, -1, WNOHANG | WCLONE), exited(clone.tid(), 7));
    assert_eq!(wait4(&shell, -1, WNOHANG | WALL), exited(children[1].tid(), 0));
    assert_bounded(&table);
}

#[test]
fn who_waits_for_children_looks_at_no_clone() {
    // Attack B, R-WAIT-05, R-EXEC-03: a clone that execs is one of the others from then on.
    let (table, _init, shell) = shell();
    let clones: Vec<_> = (0..MANY).map(|_| clone_of(&shell)).collect();
    assert_eq!(wait4(&shell, -1, WNOHANG), NO_CHILD);
    clones[1..].iter().for_each(|clone| exit(clone, 0));
    assert_eq!(wait4(&shell, -1, WNOHANG), NO_CHILD);
    clones[0].exec().unwrap();
    assert_eq!(wait4(&shell, -1, WNOHANG), Waited::Nothing);
    exit(&clones[0], 3);
    assert_eq!(wait4(&shell, -1, WNOHANG), exited(clones[0].tid(), 3));
    assert_eq!(wait4(&shell, -1, WNOHANG), NO_CHILD);
    assert_bounded(&table);
}

#[test]
fn an_unreported_stop_of_a_clone_is_found_by_kind_after_its_exec() {
    // R-WAIT-05, R-EXEC-03: what is in the queue changes its kind with the child.
    let (_table, _init, shell) = shell();
    // An elder one, which stays a clone, is the first in the queue.
    exit(&clone_of(&shell), 0);
    let clone = clone_of(&shell);
    clone.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(wait4(&shell, -1, WNOHANG | WUNTRACED), NO_CHILD);
    clone.process().report_group_continued();
    clone.exec().unwrap();
    assert!(wait4(&shell, -1, WNOHANG | WCONTINUED).is_event());
}

#[test]
fn who_waits_for_stops_passes_by_zombies() {
    // Attack B, R-WAIT-11: whether anybody could stop yet is found out in bounded holds.
    let (table, _init, shell) = shell();
    let children = fork_many(&shell);
    children.iter().for_each(|child| exit(child, 0));
    assert_eq!(waitid(&shell, 0, 0, WSTOPPED | WNOHANG), NO_CHILD);
    let last = fork(&shell);
    assert_eq!(waitid(&shell, 0, 0, WSTOPPED | WNOHANG), Waited::Nothing);
    last.process().report_group_stopped(Signal::SIGSTOP);
    assert!(waitid(&shell, 0, 0, WSTOPPED | WNOHANG).is_event());
    assert_bounded(&table);
}

#[test]
fn who_waits_for_ends_passes_by_stops() {
    // Attack B, R-WAIT-13: many stops that nobody has asked for.
    let (table, _init, shell) = shell();
    let children = fork_many(&shell);
    children[..MANY / 2].iter().for_each(|it| it.process().report_group_stopped(Signal::SIGSTOP));
    children[MANY / 2..].iter().for_each(|it| it.process().report_group_stopped(Signal::SIGSTOP));
    children[MANY / 2..].iter().for_each(|it| it.process().report_group_continued());
    assert_eq!(wait4(&shell, -1, WNOHANG), Waited::Nothing);
    let last = fork(&shell);
    exit(&last, 1);
    assert_eq!(wait4(&shell, -1, WNOHANG), exited(last.tid(), 1));
    assert!(wait4(&shell, -1, WNOHANG | WCONTINUED).is_event());
    assert_bounded(&table);
}

#[test]
fn who_waits_for_a_group_passes_by_zombies_of_another() {
    // Attack B, R-WAIT-03: a group of few is looked at by its members, one of many in bounded holds.
    for size in [1, 20, 1_000] {
        let (table, _init, shell) = shell();
        let dying = leader_of_group(&shell);
        let zombies = fork_many(&shell);
        join(&shell, &zombies, &dying);
        zombies.iter().for_each(|child| exit(child, 0));
        let leader = leader_of_group(&shell);
        let members: Vec<_> = (0..size).map(|_| fork(&shell)).collect();
        join(&shell, &members, &leader);
        let group = -(leader.tid() as i32);
        assert_eq!(wait4(&shell, group, WNOHANG), Waited::Nothing);
        exit(&members[size - 1], 1);
        exit(&members[size / 2], 2);
        let first = if size == 1 {
            exited(members[0].tid(), 1)
        } else {
            exited(members[size / 2].tid(), 2)
        };
        assert_eq!(wait4(&shell, group, WNOHANG), first, "the eldest");
        exit(&leader, 9);
        assert_eq!(wait4(&shell, group, WNOHANG), exited(leader.tid(), 9));
        assert_bounded(&table);
    }
}

#[test]
fn who_waits_for_a_group_without_a_child_of_its_own_is_told_so() {
    // Attack B, R-WAIT-04: many children, and many members, and none is both.
    let (table, _init, shell) = shell();
    let _children = fork_many(&shell);
    let other = leader_of_group(&shell);
    let members = fork_many(&other);
    exit(&other, 0);
    assert!(wait4(&shell, -1, WNOHANG).is_event());
    assert_eq!(wait4(&shell, -(members[0].process().pgid() as i32), WNOHANG), NO_CHILD);
    assert_bounded(&table);
}

#[test]
fn one_of_many_threads_waits_in_bounded_holds() {
    // Attack B, R-WAIT-15: the children of all threads are its own, and mostly there are none.
    let (table, _init, shell) = shell();
    let leader = fork(&shell);
    let threads: Vec<_> = (0..MANY).map(|_| spawn(&leader)).collect();
    let caller = &threads[MANY / 2];
    assert_eq!(wait4(caller, -1, WNOHANG), NO_CHILD);
    let child = fork(&threads[MANY / 2 - 1]);
    assert_eq!(wait4(caller, -1, WNOHANG | WNOTHREAD), NO_CHILD);
    assert_eq!(wait4(caller, -1, WNOHANG), Waited::Nothing);
    exit(&child, 5);
    assert_eq!(wait4(caller, -1, WNOHANG), exited(child.tid(), 5));
    assert_bounded(&table);
}

#[test]
fn a_look_of_several_holds_sees_what_came_after_its_first() {
    // R-WAIT-09: the token is from the first hold, so who sleeps with it looks again.
    let (_table, _init, shell) = shell();
    let children = fork_many(&shell);
    children.iter().for_each(|child| exit(child, 0));
    let last = fork(&shell);
    let request = WaitRequest::waitid(0, 0, WSTOPPED).unwrap();
    let call = shell.begin_wait(&request);
    let axprocess::WaitOutcome::NothingYet(token) = call.poll().unwrap() else {
        panic!("none has stopped")
    };
    assert!(!shell.process().has_news_since(token));
    last.process().report_group_stopped(Signal::SIGSTOP);
    assert!(shell.process().has_news_since(token));
    assert!(poll(&call).is_event());
}

#[test]
fn who_has_no_subreaper_above_looks_for_none() {
    // Attack B, R-REPARENT-04: an orphan far down goes to init at once, although there is a subreaper elsewhere.
    let (table, init, shell) = shell();
    fork(&shell).process().become_subreaper();
    let mut last = fork(&init);
    for _ in 0..MANY {
        last = fork(&last);
    }
    let orphan = fork(&last);
    exit(&last, 0);
    assert_eq!(orphan.process().ppid(), 1);
    assert_bounded(&table);
}

#[test]
fn the_exit_of_a_process_of_many_threads_is_asked_for_in_bounded_holds() {
    // Attack B, R-EXIT-08: each living thread is told once.
    let (table, _init, shell) = shell();
    let leader = fork(&shell);
    let threads: Vec<_> = (0..MANY).map(|_| spawn(&leader)).collect();
    exit(&threads[0], 0);
    assert!(leader.process().begin_group_exit(axprocess::ExitStatus::exited(1)));
    let mut told = exit_requests(&table);
    told.sort_unstable();
    let living = [leader.tid()].into_iter().chain(threads[1..].iter().map(|it| it.tid()));
    assert!(told.into_iter().eq(living));
    assert_bounded(&table);
}

#[test]
fn very_many_sleeping_futures_are_woken_in_bounded_holds() {
    // Attack B, R-WAIT-09: all that sleep in one process, in one step; those that are dropped before it is their turn leave the list in which they are by then.
    let (table, _init, shell) = shell();
    let child = fork(&shell);
    let stays = fork(&shell);
    let request = WaitRequest::wait4(child.tid() as i32, 0).unwrap();
    let call = shell.begin_wait(&request);
    let bell = Arc::new(Bell(AtomicUsize::new(0)));
    let waker = Waker::from(bell.clone());
    let mut context = Context::from_waker(&waker);
    let mut futures: Vec<_> = (0..MANY).map(|_| Box::pin(call.event())).collect();
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    exit(&child, 0);
    assert_eq!(bell.0.load(Relaxed), MANY);
    for future in futures.iter_mut().take(100) {
        let answer = future.as_mut().poll(&mut context);
        assert!(answer.is_ready(), "the child is reaped, or was");
    }
    drop(futures);
    assert_bounded(&table);
    drop(stays);
}

struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_future_that_is_dropped_while_others_are_woken_leaves_the_right_list() {
    // Attack B3: the first of very many that are due drops all others, and one that has fallen asleep since.
    let (_table, _init, shell) = shell();
    let child = fork(&shell);
    // What futures borrow lives as long as the program, where a leak sanitizer finds it.
    static KEPT: Mutex<Vec<&KernelThread>> = Mutex::new(Vec::new());
    let shell: &KernelThread = Box::leak(Box::new(shell));
    KEPT.lock().unwrap().push(shell);
    let call = shell.begin_wait(&WaitRequest::wait4(-1, 0).unwrap());
    static CALLS: Mutex<Vec<&WaitCall<'_, Kernel>>> = Mutex::new(Vec::new());
    let call: &WaitCall<'_, Kernel> = Box::leak(Box::new(call));
    CALLS.lock().unwrap().push(call);
    type Futures = Mutex<Vec<Pin<Box<axprocess::WaitFuture<'static, Kernel>>>>>;
    struct Drops(Arc<Futures>, AtomicUsize);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            let futures = std::mem::take(&mut *self.0.lock().unwrap());
            self.1.fetch_add(futures.len(), Relaxed);
        }
    }
    let futures = Arc::new(Futures::default());
    let drops = Arc::new(Drops(futures.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(drops.clone());
    for _ in 0..200 {
        let mut future = Box::pin(call.event());
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        futures.lock().unwrap().push(future);
    }
    exit(&child, 0);
    assert_eq!(drops.1.load(Relaxed), 200);
    let mut late = Box::pin(call.event());
    assert!(late.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn init_whose_last_thread_has_exited_waits_for_stops_and_comes_to_an_end() {
    // R-EXIT-18, R-WAIT-11: its children stay with that thread, which is in no list any more; a look that goes on in a second hold goes on there. 150 children are three holds.
    let (table, init, shell) = shell();
    let children: Vec<_> = (0..150).map(|_| fork(&init)).collect();
    assert_eq!(
        init.exit_thread(axprocess::ExitStatus::exited(0)),
        axprocess::ThreadExit::LastOfInit
    );
    children.iter().for_each(|child| _ = child.exit_thread(axprocess::ExitStatus::exited(0)));
    const WSTOPPED_ONLY: i32 = 2;
    let request = WaitRequest::waitid(0, 0, WSTOPPED_ONLY).unwrap();
    shell.exit_thread(axprocess::ExitStatus::exited(0));
    assert_eq!(init.wait(&request).map(drop), Err(axprocess::Errno::ECHILD), "none can stop");
    assert_bounded(&table);
}
