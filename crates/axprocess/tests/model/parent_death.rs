//! The signal that a thread asks for when its parent dies.

use crate::kernel::*;
use axprocess::{Errno, Pid, Signal, SignalAction, SignalCause, Thread, TraceOptions, TraceStart};

fn arm(thread: &KernelThread, signal: Signal) {
    thread.set_parent_death_signal(Some(signal));
}

fn death(target: Pid, signal: Signal, parent: Pid) -> Event {
    Event::Posted(target, signal.number(), SignalCause::ParentDeath { pid: parent })
}

#[test]
fn the_argument_of_prctl_is_a_signal_or_none() {
    // R-PDEATH-01: 0 to 64; per thread; read back.
    let parse = Thread::<Kernel>::parse_parent_death_signal;
    assert_eq!(parse(0), Ok(None));
    assert_eq!(parse(64), Ok(Signal::new(64)));
    assert_eq!(parse(65), Err(Errno::EINVAL));
    assert_eq!(parse(1 << 32), Err(Errno::EINVAL), "no bit is cut off");
    assert_eq!(parse(u64::MAX), Err(Errno::EINVAL));
    let (_table, init) = boot();
    let second = spawn(&init);
    arm(&second, Signal::SIGTERM);
    assert_eq!(
        (init.parent_death_signal(), second.parent_death_signal()),
        (None, Some(Signal::SIGTERM))
    );
    second.set_parent_death_signal(None);
    assert_eq!(second.parent_death_signal(), None);
}

#[test]
fn new_threads_and_processes_have_none() {
    // R-FORK-07.
    let (_table, init) = boot();
    let parent = fork(&init);
    arm(&parent, Signal::SIGTERM);
    assert_eq!(fork(&parent).parent_death_signal(), None);
    assert_eq!(spawn(&parent).parent_death_signal(), None);
}

#[test]
fn e7_the_signal_follows_the_new_ppid_and_the_number_is_the_parents() {
    // E7, R-PDEATH-03, R-ATOM-03: every adopted child gets it, in order, before the parent's own SIGCHLD.
    let (table, init) = boot();
    let parent = fork(&init);
    let children: Vec<_> = (0..3).map(|_| fork(&parent)).collect();
    children.iter().for_each(|child| arm(child, Signal::SIGUSR1));
    exit(&parent, 0);
    let mut told = events(&table);
    assert_eq!(told.pop(), Some(Event::Wake(1)));
    assert!(matches!(told.pop(), Some(Event::Signal(1, 17, 2, _))));
    let expected: Vec<_> = children.iter().map(|it| death(it.tid(), Signal::SIGUSR1, 2)).collect();
    assert_eq!(told, expected);
    assert!(children.iter().all(|child| child.process().ppid() == 1));
}

#[test]
fn b18_a_dying_thread_is_named_by_its_process() {
    // B18, R-REPARENT-08: also when only the thread dies and its process lives on; and again at each later move.
    let (table, init) = boot();
    let parent = fork(&init);
    let second = spawn(&parent);
    let child = fork(&second);
    arm(&child, Signal::SIGUSR1);
    exit(&second, 0);
    assert_eq!(posted(&table), [death(child.tid(), Signal::SIGUSR1, parent.tid())]);
    exit(&parent, 0);
    assert_eq!(posted(&table), [death(child.tid(), Signal::SIGUSR1, parent.tid())]);
}

#[test]
fn every_thread_of_a_child_has_its_own_wish() {
    // R-REPARENT-08, R-PDEATH-01: leader first; the leader's counts after its exit, another thread's does not.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    let [second, third] = [spawn(&child), spawn(&child)];
    arm(&child, Signal::SIGUSR1);
    arm(&second, Signal::SIGUSR2);
    arm(&third, Signal::SIGTERM);
    exit(&child, 0);
    exit(&second, 0);
    exit(&parent, 0);
    let pid = child.tid();
    assert_eq!(posted(&table), [death(pid, Signal::SIGUSR1, 2), death(pid, Signal::SIGTERM, 2)]);
}

#[test]
fn a_parent_without_permission_sends_nothing() {
    // R-PDEATH-03: dropped in silence.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    arm(&child, Signal::SIGTERM);
    protect(&table, child.process());
    exit(&parent, 0);
    assert_eq!(posted(&table), []);
}

#[test]
fn a_parent_is_named_as_its_child_sees_it() {
    // R-PDEATH-03, R-PID-14: by its number in the child's namespace, 0 if the parent is outside.
    let (table, init) = boot();
    let parent = fork(&init);
    let new =
        axprocess::ForkRequest { namespace: axprocess::ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&parent, new).unwrap();
    let [inside, child] = chain(&inner);
    arm(&child, Signal::SIGUSR1);
    arm(&inner, Signal::SIGUSR2);
    exit(&inside, 0);
    assert_eq!(posted(&table), [death(3, Signal::SIGUSR1, 2)]);
    exit(&parent, 0);
    assert_eq!(posted(&table), [death(1, Signal::SIGUSR2, 0)]);
}

#[test]
fn a_wish_that_comes_late_waits_for_the_next_parent() {
    // R-PDEATH-04: nothing at once; the reaper's death counts.
    let (table, init) = boot();
    let [reaper, parent, child] = chain(&init);
    reaper.process().become_subreaper();
    exit(&parent, 0);
    arm(&child, Signal::SIGTERM);
    assert_eq!(posted(&table), []);
    exit(&reaper, 0);
    assert_eq!(posted(&table), [death(child.tid(), Signal::SIGTERM, reaper.tid())]);
}

#[test]
fn exec_keeps_the_wish_and_tells_the_children_of_each_thread_that_it_ends() {
    // R-PDEATH-02, R-EXEC-04: the execing thread's own children have not lost their parent. Those of the other
    // thread lose two: it, and the leader that it left them to.
    let (table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    arm(&leader, Signal::SIGUSR1);
    arm(&caller, Signal::SIGUSR2);
    let children = [fork(&leader), fork(&caller), fork(&other)];
    children.iter().for_each(|child| arm(child, Signal::SIGTERM));
    caller.exec().unwrap();
    let hit = [&children[2], &children[0], &children[2]].map(|child| child.tid());
    assert_eq!(posted(&table), hit.map(|pid| death(pid, Signal::SIGTERM, 2)));
    assert_eq!(
        caller.parent_death_signal(),
        Some(Signal::SIGUSR2),
        "the caller's, not the leader's"
    );
}

#[test]
fn a_zombie_is_sent_nothing() {
    // R-EXIT-12: it accepts every signal and takes none.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    arm(&child, Signal::SIGTERM);
    exit(&child, 0);
    exit(&parent, 0);
    assert_eq!(posted(&table), []);
}

#[test]
fn the_thread_that_has_wished_is_addressed() {
    // R-PDEATH-01, R-KILL-10: what its process ignores is queued if that thread, not the leader, blocks it.
    for blocks in [0, 1] {
        let (table, init) = boot();
        let parent = fork(&init);
        let child = fork(&parent);
        let wisher = spawn(&child);
        arm(&wisher, Signal::SIGUSR1);
        act(child.process(), SignalAction::Ignore, &[Signal::SIGUSR1]);
        block(&table, [&child, &wisher][blocks], Signal::SIGUSR1);
        exit(&parent, 0);
        assert_eq!(addressed(&table).contains(&(wisher.tid(), 10)), blocks == 1);
    }
}

#[test]
fn the_search_for_wishes_ends_with_the_last() {
    // R-PDEATH-03: of many threads those behind the last with a wish are not looked at.
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    let first = spawn(&child);
    let _others: Vec<_> = (0..100).map(|_| spawn(&child)).collect();
    arm(&first, Signal::SIGHUP);
    events(&table);
    let before = table.audit().longest_hold;
    assert!(before < 20, "{before}");
    exit(&parent, 0);
    assert_eq!(posted(&table), [death(3, Signal::SIGHUP, 2)]);
    assert!(table.audit().longest_hold < 20, "{:?}", table.audit());
}

#[test]
fn a_dead_traced_thread_wishes_until_it_is_reaped() {
    // R-PDEATH-01: also if its tracer is the one that dies; and not once it is reaped.
    for (is_reaped, is_of_parent) in [(true, false), (false, false), (false, true)] {
        let (table, init) = boot();
        let [parent, child] = chain(&init);
        let dead = spawn(&child);
        arm(&dead, Signal::SIGTERM);
        let tracer = if is_of_parent { &parent } else { &init };
        let number = dead.tid();
        tracer.attach(number.cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
        exit(&dead, 0);
        if is_reaped {
            assert_eq!(wait4(tracer, number as i32, WALL), exited(number, 0));
        }
        events(&table);
        exit(&parent, 0);
        assert_eq!(posted(&table).len(), usize::from(!is_reaped));
    }
}

#[test]
fn a_thread_that_has_exited_wishes_nothing() {
    // R-PDEATH-01: a wish that comes too late is none, and the process that lives on is not told.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    let gone = spawn(&child);
    exit(&gone, 0);
    arm(&gone, Signal::SIGTERM);
    assert_eq!(gone.parent_death_signal(), None);
    exit(&parent, 0);
    assert_eq!(posted(&table), []);
}
