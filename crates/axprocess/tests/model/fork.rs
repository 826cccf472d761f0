//! Making processes and threads: what they get, and who refuses.

use crate::kernel::*;
use axprocess::{Errno, ExitStatus, ForkParent, ForkRequest, Number, ProcessState, Signal};

#[test]
fn a_child_stands_everywhere_at_once() {
    // R-FORK-01, R-FORK-02, R-FORK-05: parent, group, session, number and the end of the parent's list.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let first = fork(&shell);
    let second = fork(&shell);
    assert_eq!((shell.tid(), first.tid(), second.tid()), (2, 3, 4));
    assert_eq!(pids(&shell.process().children().unwrap()), [3, 4]);
    assert_eq!(second.process().ppid(), 2);
    assert_eq!(second.process().parent().unwrap().pid(), 2);
    assert_eq!((second.process().pgid(), second.process().sid()), (2, 2));
    assert_eq!(pids(&table.find_group(2).unwrap().processes().unwrap()), [2, 3, 4]);
    assert_eq!(table.find_process(4).unwrap().state(), ProcessState::Live);
    assert_eq!(table.find_thread(4).unwrap().tid(), 4);
}

#[test]
fn clone_parent_makes_a_sibling_with_the_callers_exit_signal() {
    // R-FORK-03: the grandparent's child, behind its others; not the caller's to wait for; group and session are the caller's (B14).
    let (_table, init) = boot();
    let parent = fork(&init);
    let own_signal = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let caller = fork_with(&parent, own_signal).unwrap();
    caller.process().setpgid(0, 0).unwrap();
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    let sibling = fork_with(&caller, sibling).unwrap();
    assert_eq!(pids(&parent.process().children().unwrap()), [3, 4]);
    assert_eq!(sibling.process().ppid(), 2);
    assert_eq!(sibling.process().pgid(), 3);
    exit(&sibling, 0);
    assert_eq!(wait4(&caller, -1, 0), NO_CHILD);
    assert_eq!(wait4(&parent, -1, 0), NO_CHILD, "its exit signal is not SIGCHLD");
    assert_eq!(wait4(&parent, -1, WALL), exited(4, 0));
}

#[test]
fn init_has_no_sibling() {
    // R-CLONE-11: CLONE_PARENT by init is EINVAL, and nothing has changed.
    let (table, init) = boot();
    let request = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    assert_eq!(fork_with(&init, request).err(), Some(Errno::EINVAL));
    assert_eq!(fork(&init).tid(), 2, "the failed call took no number");
    assert!(table.find_process(3).is_none());
}

#[test]
fn a_number_in_any_role_is_busy() {
    // R-PID-08, R-PID-11, G15: thread, process, group and session roles each keep a number; EEXIST until all have ended.
    let (table, init) = boot();
    let exactly = |pid| ForkRequest { number: Number::Exactly(pid), ..Default::default() };
    let leader = fork_with(&init, exactly(10)).unwrap();
    let thread = leader.spawn_thread(Number::Exactly(11), ()).unwrap();
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST));
    assert_eq!(fork_with(&init, exactly(11)).err(), Some(Errno::EEXIST));
    assert_eq!(fork_with(&init, exactly(0)).err(), Some(Errno::EINVAL));
    exit(&thread, 0);
    assert_eq!(
        fork_with(&init, exactly(11)).map(|_| ()),
        Ok(()),
        "a thread's number is free at once"
    );

    leader.process().setsid().unwrap();
    let member = fork(&leader);
    exit(&leader, 0);
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST), "a zombie keeps it");
    assert_eq!(wait4(&init, 10, 0), exited(10, 0));
    assert!(table.find_process(10).is_none());
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST), "a group keeps it");
    assert_eq!(table.find_session(10).unwrap().sid(), 10);
    exit(&member, 0);
    assert_eq!(wait4(&init, member.tid() as i32, 0), exited(member.tid(), 0));
    assert!(table.find_group(10).is_none());
    assert_eq!(fork_with(&init, exactly(10)).map(|child| child.tid()), Ok(10));
}

#[test]
fn numbers_go_round_and_skip_what_is_busy() {
    // R-PID-02: cyclic from the last one; a number given explicitly does not move the cursor (R-PID-12).
    let (_table, init) = boot();
    let four = ForkRequest { number: Number::Exactly(4), ..Default::default() };
    fork_with(&init, four).unwrap();
    let gone = fork(&init);
    assert_eq!(gone.tid(), 2);
    exit(&gone, 0);
    wait4(&init, 2, 0);
    assert_eq!([fork(&init).tid(), fork(&init).tid()], [3, 5], "2 is free but behind, 4 is busy");
}

#[test]
fn a_dying_caller_creates_nothing() {
    // R-CLONE-19, T4: once the group exit is decided, neither process nor thread; nor by a thread that has exited.
    let (_table, init) = boot();
    let caller = fork(&init);
    let other = spawn(&caller);
    exit(&other, 0);
    assert_eq!(fork_with(&other, ForkRequest::default()).err(), Some(Errno::EINTR));
    assert!(caller.process().begin_group_exit(ExitStatus::exited(1)));
    assert_eq!(fork_with(&caller, ForkRequest::default()).err(), Some(Errno::EINTR));
    assert_eq!(caller.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR));
}

#[test]
fn a_thread_has_its_own_number_and_its_processes_relations() {
    // R-FORK-04, R-PID-07: numbers from the same sequence, no place in any child list, gone without a trace when it exits (R-EXIT-02).
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    assert_eq!((thread.tid(), thread.process().pid()), (3, 2));
    assert_eq!(
        leader.process().threads().unwrap().iter().map(|t| t.tid()).collect::<Vec<_>>(),
        [2, 3]
    );
    assert_eq!(table.find_thread(3).unwrap().process().pid(), 2);
    assert!(table.find_process(3).is_none());
    assert_eq!(pids(&init.process().children().unwrap()), [2]);
    events(&table);
    exit(&thread, 7);
    assert_eq!(events(&table), [], "nobody is told");
    assert!(table.find_thread(3).is_none());
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
}

#[test]
fn a_dropped_thread_lives_on_in_its_process() {
    // Ownership: a published thread is held by its process until it exits; dropping references ends nobody.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let child = fork(&thread);
    drop(thread);
    let thread = table.find_thread(3).unwrap();
    assert_eq!(leader.process().threads().unwrap().len(), 2);
    assert_eq!(pids(&thread.children().unwrap()), [4]);
    drop(leader);
    assert_eq!(table.find_thread(2).unwrap().process().threads().unwrap().len(), 2);
    exit(&child, 0);
    assert_eq!(wait4(&thread, -1, WNOTHREAD), exited(4, 0));
}

#[test]
fn there_is_one_init() {
    // The last reaper is unique: a second one is refused, number 0 is none.
    let (table, _init) = boot();
    assert_eq!(table.new_init(2, Treatment::default(), ()).err(), Some(Errno::EEXIST));
    let empty = axprocess::ProcessTable::new(Kernel::default());
    assert_eq!(empty.new_init(0, Treatment::default(), ()).err(), Some(Errno::EINVAL));
}

#[test]
fn a_table_that_is_gone_makes_nothing() {
    // After the drop objects stay readable, stand in no relation, and every call answers with a value.
    let (table, init) = boot();
    let child = fork(&init);
    drop(table);
    assert_eq!(child.process().state(), ProcessState::Reaped);
    assert!(child.process().parent().is_none() && child.process().threads().unwrap().is_empty());
    assert_eq!(child.process().group().processes().unwrap().len(), 0);
    assert!(fork_with(&init, ForkRequest::default()).is_err());
    assert!(child.process().setsid().is_err());
    assert!(child.process().setpgid(0, 0).is_err());
    assert_eq!(wait4(&init, -1, 0), NO_CHILD);
    exit(&child, 0);
}

#[test]
fn a_process_whose_leader_is_dead_makes_processes_and_threads() {
    // R-FORK-16: from a thread that lives; the children's parent has the process's number.
    let (_table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    exit(&leader, 0);
    let child = fork(&thread);
    assert_eq!(child.process().ppid(), leader.process().pid());
    let second = spawn(&thread);
    assert_eq!(second.process().pid(), leader.process().pid());
    assert_eq!(second.process().threads().unwrap().len(), 2);
}
