//! Who adopts orphans: threads, subreapers, inits; and what comes along with a child that moves.

use crate::kernel::*;
use axprocess::{ARef, ForkNamespace, ForkRequest, ProcessState, Signal, WaitStatus};

#[test]
fn inits_first_living_thread_adopts() {
    // R-REPARENT-07: when the leader has exited, the children are those of the next thread, in every namespace.
    let (_table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    for init in [fork_with(&init, new).unwrap(), init] {
        let [second, third] = [spawn(&init), spawn(&init)];
        let [parent, child] = chain(&init);
        exit(&init, 0);
        exit(&parent, 0);
        exit(&child, 7);
        assert_eq!(wait4(&third, -1, WNOTHREAD), NO_CHILD);
        assert_eq!(wait4(&second, child.tid() as i32, WNOTHREAD), exited(child.tid(), 7));
    }
}

#[test]
fn what_was_not_reported_moves_along() {
    // R-REPARENT-13: one stop, one continuation, each reported to the new parent once; what was reported is not repeated, nobody is told.
    let (table, init) = boot();
    let parent = fork(&init);
    let [stopped, continued, reported] = [fork(&parent), fork(&parent), fork(&parent)];
    for child in [&stopped, &continued, &reported] {
        child.process().report_group_stopped(Signal::SIGSTOP);
    }
    continued.process().report_group_continued();
    let number = reported.tid() as i32;
    assert!(wait4(&parent, number, WUNTRACED).is_event());
    events(&table);
    exit(&parent, 0);
    let own = Event::Signal(1, 17, parent.tid(), WaitStatus::Exited(0));
    assert_eq!(signals(&table), [own], "no SIGCHLD for the children");
    assert!(wait4(&init, parent.tid() as i32, 0).is_event());
    let report = || wait4(&init, -1, WUNTRACED | WCONTINUED);
    let found = |child: &KernelThread, status| Waited::Got(child.tid(), status);
    assert_eq!(report(), found(&stopped, WaitStatus::Stopped(Signal::SIGSTOP)));
    assert_eq!(report(), found(&continued, WaitStatus::Continued));
    assert_eq!(report(), Waited::Nothing);
    assert!(reported.process().is_stopped());
}

#[test]
fn a_delayed_leader_moves_without_a_word() {
    // R-REPARENT-15: it is a zombie that nobody can reap; the new parent hears of it when its last thread has gone.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    let last = spawn(&child);
    exit(&child, 1);
    exit(&parent, 0);
    let own = Event::Signal(1, 17, parent.tid(), WaitStatus::Exited(0));
    assert_eq!(signals(&table), [own]);
    assert_eq!(wait4(&init, child.tid() as i32, WNOHANG), Waited::Nothing);
    exit(&last, 2);
    let told = Event::Signal(1, 17, child.tid(), WaitStatus::Exited(2));
    assert_eq!(signals(&table), [told]);
    assert_eq!(wait4(&init, child.tid() as i32, 0), exited(child.tid(), 2));
}

#[test]
fn a_reaped_child_does_not_move() {
    // R-REPARENT-16, W19: the reap before the move takes the child out of it; the reaper never sees it.
    let (table, init) = boot();
    let [reaper, parent] = chain(&init);
    reaper.process().become_subreaper();
    let [reaped, left] = [fork(&parent), fork(&parent)];
    exit(&reaped, 1);
    assert!(wait4(&parent, reaped.tid() as i32, 0).is_event());
    events(&table);
    exit(&parent, 0);
    assert_eq!(pids(&reaper.process().children().unwrap()), [parent.tid(), left.tid()]);
    assert!(reaped.process().parent().is_none());
    assert_eq!(reaped.process().state(), ProcessState::Reaped);
    let own = Event::Signal(reaper.tid(), 17, parent.tid(), WaitStatus::Exited(0));
    assert_eq!(signals(&table), [own]);
}

#[test]
fn getppid_follows_every_move() {
    // R-REPARENT-17: the number of the new parent's process, never of the thread, as the child sees it.
    let (_table, init) = boot();
    let grandparent = fork(&init);
    grandparent.process().become_subreaper();
    let parent = fork(&grandparent);
    let second = spawn(&parent);
    let child = fork(&second);
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inside = fork_with(&second, new).unwrap();
    let ppids = || [&child, &inside].map(|thread| thread.process().ppid());
    assert_eq!(ppids(), [parent.tid(), 0]);
    exit(&second, 0);
    assert_eq!(ppids(), [parent.tid(), 0]);
    exit(&parent, 0);
    assert_eq!(ppids(), [grandparent.tid(), 0]);
    assert!(ARef::ptr_eq(&inside.process().parent().unwrap(), grandparent.process()));
    exit(&grandparent, 0);
    assert_eq!(ppids(), [1, 0]);
}

#[test]
fn the_subreaper_mark_is_set_or_not() {
    // R-SUBREAPER-01, R-SUBREAPER-02, R-FORK-08: twice set is once cleared; fork does not inherit it, exec keeps it, a thread sets it for all.
    let (_table, init) = boot();
    let process = fork(&init);
    let is_marked = |thread: &KernelThread| thread.process().is_subreaper();
    assert!(!is_marked(&process));
    let thread = spawn(&process);
    thread.process().become_subreaper();
    thread.process().become_subreaper();
    let [parent, child] = chain(&process);
    assert!(is_marked(&process) && !is_marked(&parent));
    thread.exec().unwrap();
    assert!(is_marked(&thread));
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), process.tid());
    thread.process().resign_subreaper();
    assert!(!is_marked(&thread));
    let [parent, child] = chain(&thread);
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), 1);
}

#[test]
fn a_dying_subreapers_children_go_to_the_next() {
    // R-SUBREAPER-05, R-SUBREAPER-04, R-REPARENT-12: the next above it, past one that has resigned, then init.
    let (_table, init) = boot();
    let [outer, resigned, inner, parent] = chain(&init);
    for reaper in [&outer, &resigned, &inner] {
        reaper.process().become_subreaper();
    }
    let [own, of_parent] = [fork(&inner), fork(&parent)];
    exit(&parent, 0);
    resigned.process().resign_subreaper();
    exit(&inner, 0);
    let adopted = [&resigned, &parent, &own, &of_parent].map(|thread| thread.tid());
    assert_eq!(pids(&outer.process().children().unwrap()), adopted);
    exit(&outer, 0);
    assert_eq!(own.process().ppid(), 1);
}
