//! Where gVisor, the best-documented other implementation, differs from Linux. Each test is named after its row of that table.

use crate::kernel::*;
use axprocess::{
    ARef, Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Number, Signal, ThreadExit,
    WaitStatus,
};

const SIBLING: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Sibling,
    namespace: ForkNamespace::Inherited,
};

fn container(parent: &KernelThread) -> KernelThread {
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    fork_with(parent, new).unwrap()
}

#[test]
fn b12_a_negative_pgid_is_reported_first() {
    // B12, R-SETPGID-01: before any look-up; also where only the process's number stands for it.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    for pid in [77, thread.tid() as i32, 1, 0] {
        assert_eq!(child.process().setpgid(pid, -1), Err(Errno::EINVAL));
    }
    assert_eq!(child.process().setpgid(-5, 0), Err(Errno::EINVAL));
    assert_eq!(child.process().setpgid(-5, 5), Err(Errno::ESRCH));
}

#[test]
fn b43_a_child_in_another_session_cannot_be_moved() {
    // B43 (row B12), R-SETPGID-04: also if it does not lead that session, into a new group of its own, and before EACCES.
    let (_table, init) = boot();
    let caller = fork(&init);
    let leader = fork(&caller);
    leader.process().setsid().unwrap();
    let child = fork_with(&leader, SIBLING).unwrap();
    assert!(ARef::ptr_eq(&child.process().parent().unwrap(), caller.process()));
    child.exec().unwrap();
    let own = child.tid() as i32;
    for pgid in [own, caller.tid() as i32, leader.tid() as i32] {
        assert_eq!(caller.process().setpgid(own, pgid), Err(Errno::EPERM));
    }
}

#[test]
fn b13_a_session_from_outside_counts() {
    // B13, R-SETSID-01: in a container whose session came from outside, one group has a number once, and its leader cannot call setsid.
    let (_table, init) = boot();
    let inner = container(&init);
    let member = fork(&inner);
    inner.process().setpgid(0, 0).unwrap();
    inner.process().setpgid(2, 1).unwrap();
    let group = inner.process().group();
    inner.process().setpgid(0, 0).unwrap();
    assert!(ARef::ptr_eq(&inner.process().group(), &group), "not a second one");
    assert!(ARef::ptr_eq(&member.process().group(), &group));
    assert_eq!(inner.process().setsid(), Err(Errno::EPERM));
}

#[test]
fn b14_a_sibling_joins_the_callers_group_and_session() {
    // B14, R-FORK-05, R-FORK-03: not the common parent's.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.process().setsid().unwrap();
    let sibling = fork_with(&caller, SIBLING).unwrap();
    assert_eq!(sibling.process().ppid(), 1);
    assert_eq!((sibling.process().pgid(), sibling.process().sid()), (2, 2));
}

#[test]
fn b17_a_group_signal_hits_every_child_that_is_made() {
    // B17, R-CLONE-14: forked before, it is a member; afterwards the fork is restarted, whatever the signal.
    for signal in [1, 2, 15] {
        let (table, init) = boot();
        let parent = fork(&init);
        parent.process().setpgid(0, 0).unwrap();
        let before = fork(&parent);
        init.kill(-2, signal).unwrap();
        let mut hit: Vec<_> = posted(&table)
            .into_iter()
            .map(|event| match event {
                Event::Posted(pid, ..) => pid,
                other => panic!("{other:?}"),
            })
            .collect();
        hit.sort_unstable();
        assert_eq!(hit, [parent.tid(), before.tid()]);
        assert_eq!(fork_with(&parent, ForkRequest::default()).err(), Some(Errno::EINTR));
    }
}

#[test]
fn b28_a_cleared_subreaper_hides_no_outer_one_and_none_reaches_into_a_namespace() {
    // B28, R-SUBREAPER-04, R-REPARENT-03: the flag of one says nothing of those above; the walk ends at the namespace's level.
    let (_table, init) = boot();
    let outer = fork(&init);
    outer.process().become_subreaper();
    let [middle, parent, child] = chain(&outer);
    middle.process().become_subreaper();
    middle.process().resign_subreaper();
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), outer.tid());
    let inner = container(&init);
    outer.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let injected = fork(&outer);
    let orphan = fork(&injected);
    exit(&injected, 0);
    assert!(ARef::ptr_eq(&orphan.process().parent().unwrap(), inner.process()));
}

#[test]
fn b29_exec_waits_for_no_leader_that_has_exited() {
    // B29, R-EXEC-02: the last living thread execs at once; it leads, with the dead leader's number, and the status is its own.
    let (table, init) = boot();
    let leader = fork(&init);
    let [last, other] = [spawn(&leader), spawn(&leader)];
    exit(&leader, 1);
    exit(&other, 2);
    assert_eq!(last.exec(), Ok(()));
    assert_eq!((last.tid(), table.find_thread(2).map(|thread| thread.tid())), (2, Some(2)));
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    exit(&last, 3);
    assert_eq!(wait4(&init, -1, 0), exited(2, 3));
}

#[test]
fn b30_two_threads_that_exit_at_once_agree_who_is_last() {
    // B30, R-EXIT-05: one is told that it was; its code is the process's, never the other's.
    for _ in 0..500 {
        let (_table, init) = boot();
        let leader = fork(&init);
        let thread = spawn(&leader);
        let exits = std::thread::scope(|scope| {
            let ends = [(&leader, 1), (&thread, 2)].map(|(thread, code)| {
                scope.spawn(move || (thread.exit_thread(ExitStatus::exited(code)), code))
            });
            ends.map(|end| end.join().unwrap())
        });
        let last: Vec<_> = exits.iter().filter(|(exit, _)| *exit == ThreadExit::Last).collect();
        assert_eq!(last.len(), 1);
        assert_eq!(wait4(&init, 2, 0), exited(2, last[0].1 as u8));
    }
}

#[test]
fn b35_a_namespace_for_children_is_not_replaced_by_another_unshare() {
    // B35, R-NS-03, R-CLONE-16: EINVAL before and after its first process; clone(NEWPID) likewise.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    for _ in 0..2 {
        assert_eq!(caller.unshare_pid(), Err(Errno::EINVAL));
        assert_eq!(fork_with(&caller, new).err(), Some(Errno::EINVAL));
        assert_eq!(fork(&caller).process().namespace().level(), 1, "the first one stays");
    }
}

#[test]
fn b36_setsid_looks_at_the_group_under_one_lock() {
    // B36, R-SETSID-01: a session leader, its stopped child and setsid of that child: no second lock to dead-lock on, no signal.
    let (table, init) = boot();
    let leader = fork(&init);
    leader.process().setsid().unwrap();
    let child = fork(&leader);
    let member = fork(&child);
    member.process().report_group_stopped(Signal::SIGSTOP);
    events(&table);
    assert_eq!(child.process().setsid(), Ok(3));
    assert_eq!(leader.process().setsid(), Err(Errno::EPERM));
    assert_eq!(events(&table), []);
}

#[test]
fn b40_namespaces_nest_to_level_32() {
    // B40, R-CLONE-17: ENOSPC below that, for clone and for unshare; levels above are not touched by the failure.
    let (_table, init) = boot();
    let mut levels = vec![init];
    for _ in 0..32 {
        levels.push(container(&levels[levels.len() - 1]));
    }
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    assert_eq!(fork_with(&levels[32], new).err(), Some(Errno::ENOSPC));
    assert_eq!(levels[32].unshare_pid(), Err(Errno::ENOSPC));
    assert_eq!(fork_with(&levels[31], new).map(|inner| inner.tid()), Ok(1));
    assert_eq!(fork(&levels[32]).tid(), 2);
}

#[test]
fn b44_exec_that_loses_a_race_gets_eagain() {
    // B44, R-EXEC-10: against a group exit, and against a signal that ends the process.
    let (_table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    init.kill(2, 9).unwrap();
    assert_eq!(caller.exec(), Err(Errno::EAGAIN));
    assert_eq!(leader.exec(), Err(Errno::EAGAIN));
    exit(&leader, 0);
    exit(&caller, 0);
    let killed = WaitStatus::Signaled { signal: Signal::SIGKILL, core_dumped: false };
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed));
}

#[test]
fn b44_of_two_execs_one_wins() {
    // B44, R-EXEC-10, R-EXEC-01: the other is told EAGAIN, and is gone or still one of two threads, never alone.
    for _ in 0..200 {
        let (_table, init) = boot();
        let leader = fork(&init);
        let other = spawn(&leader);
        let more: Vec<_> = (0..100).map(|_| spawn(&leader)).collect();
        let answers = std::thread::scope(|scope| {
            [&leader, &other].map(|it| scope.spawn(|| it.exec())).map(|it| it.join().unwrap())
        });
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{answers:?}");
        assert!(answers.contains(&Err(Errno::EAGAIN)));
        assert_eq!(leader.process().threads().unwrap().len(), 1);
        drop(more);
    }
}
