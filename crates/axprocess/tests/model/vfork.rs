//! Who waits for the child of a vfork, and until when.

use crate::kernel::*;
use axprocess::{
    Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, ProcessState, Signal, ThreadStop,
    VforkWait, WaitStatus,
};

/// A process 2, whose leader waits in vfork for its child 3.
fn vforked() -> (Table, KernelThread, [KernelThread; 2]) {
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    assert_eq!(parent.begin_vfork(&child), VforkWait::Needed);
    assert!(parent.is_waiting_for_vfork() && !child.is_waiting_for_vfork());
    (table, init, [parent, child])
}

#[test]
fn exec_lets_the_parent_go() {
    // R-VFORK-01, R-EXEC-09: once, and later ends are nobody's.
    let (table, _init, [parent, child]) = vforked();
    child.exec().unwrap();
    assert!(!parent.is_waiting_for_vfork());
    assert_eq!(events(&table), [Event::VforkEnd(2)]);
    child.exec().unwrap();
    exit(&child, 0);
    assert_eq!(events(&table).iter().filter(|it| **it == Event::VforkEnd(2)).count(), 0);
}

#[test]
fn a_failed_exec_does_not() {
    // R-EXEC-09, R-EXEC-10.
    let (table, init, [parent, child]) = vforked();
    init.kill(3, 9).unwrap();
    assert_eq!(child.exec(), Err(Errno::EAGAIN));
    assert!(parent.is_waiting_for_vfork());
    drop(table);
}

#[test]
fn the_release_precedes_the_zombie_and_its_signal() {
    // R-VFORK-04, R-EXIT-14, R-ATOM-03: in one call in this order; and as early as the kernel likes.
    let (table, _init, [parent, child]) = vforked();
    exit(&child, 5);
    let ended = Event::Signal(2, 17, 3, WaitStatus::Exited(5));
    assert_eq!(events(&table), [Event::VforkEnd(2), ended, Event::Wake(2)]);
    assert_eq!(wait4(&parent, -1, 0), exited(3, 5));
    let (table, _init, [parent, child]) = vforked();
    child.note_mm_release();
    assert!(!parent.is_waiting_for_vfork());
    assert_eq!(events(&table), [Event::VforkEnd(2)]);
    assert_eq!(wait4(&parent, -1, WNOHANG), Waited::Nothing, "there is no zombie yet");
    exit(&child, 5);
    assert_eq!(events(&table), [ended, Event::Wake(2)]);
}

#[test]
fn only_the_calling_thread_waits() {
    // R-VFORK-01: others of its process run on, and vfork themselves.
    let (table, _init, [parent, child]) = vforked();
    let other = spawn(&parent);
    let of_other = fork(&other);
    assert_eq!(other.begin_vfork(&of_other), VforkWait::Needed);
    exit(&of_other, 0);
    assert!(parent.is_waiting_for_vfork() && !other.is_waiting_for_vfork());
    exit(&child, 0);
    assert!(!parent.is_waiting_for_vfork());
    let let_go = events(&table).into_iter().filter(|event| matches!(event, Event::VforkEnd(_)));
    assert_eq!(let_go.collect::<Vec<_>>(), [Event::VforkEnd(other.tid()), Event::VforkEnd(2)]);
}

#[test]
fn b27_a_killed_parent_leaves_its_child_alone() {
    // B27, R-VFORK-02: the sleeping thread is asked to exit; the child is re-parented, and its end concerns nobody who waited.
    let (table, init, [parent, child]) = vforked();
    act(parent.process(), axprocess::SignalAction::Default, &[Signal::SIGTERM]);
    init.kill(2, 15).unwrap();
    assert_eq!(exit_requests(&table), [2]);
    exit(&parent, 0);
    assert!(!parent.is_waiting_for_vfork());
    assert_eq!((child.process().ppid(), child.process().state()), (1, ProcessState::Live));
    events(&table);
    drop(parent);
    exit(&child, 1);
    assert!(!events(&table).contains(&Event::VforkEnd(2)));
    assert_eq!(wait4(&init, 3, 0), exited(3, 1));
}

#[test]
fn a_stop_of_the_parent_awaits_the_release() {
    // R-VFORK-03, R-VFORK-02: begun meanwhile by another thread, complete when the waiting one has come back.
    let (_table, init, [parent, child]) = vforked();
    let other = spawn(&parent);
    other.begin_stop(Signal::SIGSTOP, parent.process().stop_ticket());
    assert_eq!(other.join_stop(), ThreadStop::OthersRun);
    assert_eq!(wait4(&init, -1, WUNTRACED | WNOHANG), Waited::Nothing);
    exit(&child, 0);
    assert!(parent.is_group_stop_requested());
    assert_eq!(parent.join_stop(), ThreadStop::Last);
    assert_eq!(wait4(&init, 2, WUNTRACED), Waited::Got(2, WaitStatus::Stopped(Signal::SIGSTOP)));
}

#[test]
fn a_second_thread_of_the_child_that_execs_lets_go_too() {
    // R-VFORK-01, R-EXEC-01: because the thread that is waited for vanishes; its own exit does not count before.
    let (table, _init, [parent, child]) = vforked();
    let second = spawn(&child);
    let third = spawn(&child);
    exit(&third, 0);
    assert!(parent.is_waiting_for_vfork());
    second.exec().unwrap();
    assert!(!parent.is_waiting_for_vfork());
    assert!(events(&table).contains(&Event::VforkEnd(2)));
    let (_table, _init, [parent, child]) = vforked();
    let second = spawn(&child);
    exit(&child, 0);
    assert!(
        !parent.is_waiting_for_vfork(),
        "the leader has left its memory although its process lives"
    );
    drop(second);
}

#[test]
fn the_child_is_one_like_any() {
    // R-VFORK-05: siblings and inits of namespaces included; also a thread of one's own process.
    let (_table, init) = boot();
    let parent = fork(&init);
    let requests = [
        ForkRequest { parent: ForkParent::Sibling, ..Default::default() },
        ForkRequest { namespace: ForkNamespace::New, ..Default::default() },
    ];
    for request in requests {
        let child = fork_with(&parent, request).unwrap();
        assert_eq!(parent.begin_vfork(&child), VforkWait::Needed);
        exit(&child, 0);
        assert!(!parent.is_waiting_for_vfork());
    }
    let thread = spawn(&parent);
    assert_eq!(parent.begin_vfork(&thread), VforkWait::Needed);
    thread.exit_thread(ExitStatus::exited(0));
    assert!(!parent.is_waiting_for_vfork());
}

#[test]
fn there_is_nothing_to_wait_for_where_one_side_has_gone() {
    // R-VFORK-01: no argument makes a thread wait for ever.
    let (_table, init) = boot();
    let (_other_table, stranger) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    assert_eq!(parent.begin_vfork(&stranger), VforkWait::NotNeeded);
    assert_eq!(parent.begin_vfork(&parent), VforkWait::NotNeeded);
    let next = fork(&parent);
    assert_eq!(parent.begin_vfork(&child), VforkWait::Needed);
    assert_eq!(parent.begin_vfork(&next), VforkWait::Needed, "the first is given up");
    exit(&child, 0);
    assert!(parent.is_waiting_for_vfork());
    drop(next.clone());
    assert!(parent.is_waiting_for_vfork(), "only an exit ends a thread");
    exit(&next, 0);
    assert!(!parent.is_waiting_for_vfork());
    assert_eq!(parent.begin_vfork(&child), VforkWait::NotNeeded);
    assert!(!parent.is_waiting_for_vfork());
}

#[test]
fn a_release_on_another_processor_is_not_missed() {
    // R-VFORK-01, W2: the parent looks at the word and sleeps; whichever comes first, it wakes.
    for round in 0..200 {
        let (_table, _init, [parent, child]) = vforked();
        std::thread::scope(|scope| {
            scope.spawn(|| match round % 3 {
                0 => child.exec().unwrap(),
                1 => exit(&child, 0),
                _ => child.note_mm_release(),
            });
            while parent.is_waiting_for_vfork() {
                std::thread::yield_now();
            }
        });
    }
}

#[test]
fn who_has_exited_waits_for_no_child() {
    // R-VFORK-01, R-VFORK-02: a thread that was killed while it made the child does not sleep, and the child lets nobody go.
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    exit(&parent, 0);
    assert_eq!(parent.begin_vfork(&child), VforkWait::NotNeeded);
    assert!(!parent.is_waiting_for_vfork());
    events(&table);
    child.exec().unwrap();
    assert_eq!(events(&table), []);
}
