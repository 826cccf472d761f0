//! exec in a process of several threads.

mod kernel;

use axprocess::{Errno, ExitStatus, ForkRequest, Signal, ThreadExit, WaitStatus};
use kernel::*;

#[test]
fn a_thread_takes_over_the_whole_process() {
    // R-EXEC-01, R-EXEC-03, T1, T2: the others vanish unheard, the number is the leader's, the old one is free, the exit signal SIGCHLD.
    let (table, init) = boot();
    let usr1 = ForkRequest { exit_signal: Some(Signal::SIGUSR1), ..Default::default() };
    let leader = fork_with(&init, usr1).unwrap();
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    caller.exec().unwrap();
    assert_eq!((caller.tid(), caller.process().pid()), (2, 2));
    assert_eq!(leader.process().threads().len(), 1);
    assert_eq!(table.find_thread(2).unwrap().tid(), 2);
    assert!(table.find_thread(3).is_none() && table.find_thread(4).is_none());
    assert_eq!(events(&table), [], "nobody is told");
    for gone in [&leader, &other] {
        assert_eq!(gone.exit_thread(ExitStatus::exited(9)), ThreadExit::Gone);
    }
    assert_eq!(caller.exit_thread(ExitStatus::exited(1)), ThreadExit::Last);
    assert_eq!(wait4(&init, 2, 0), exited(2, 1));
}

#[test]
fn exec_brings_a_process_with_a_dead_leader_back() {
    // R-EXEC-02, B29: the leader has exited before; afterwards there is a leader, and the process forks and exits as usual.
    let (table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    exit(&leader, 4);
    assert!(table.find_thread(2).is_none());
    caller.exec().unwrap();
    assert_eq!(table.find_thread(2).map(|thread| thread.tid()), Some(2));
    let child = fork(&caller);
    assert_eq!(child.process().getppid(), 2);
    exit(&caller, 5);
    assert_eq!(wait4(&init, 2, 0), exited(2, 5));
}

#[test]
fn the_children_of_all_threads_become_the_callers() {
    // R-EXEC-04: its own first, with their exit signals; zombies stay waitable.
    let (_table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let of_leader = fork(&leader);
    let silent = ForkRequest { exit_signal: None, ..Default::default() };
    let of_other = fork_with(&other, silent).unwrap();
    let of_caller = fork(&caller);
    exit(&of_leader, 1);
    caller.exec().unwrap();
    let children = pids(&caller.process().children());
    assert_eq!(children, [of_caller.tid(), of_leader.tid(), of_other.tid()]);
    assert_eq!(wait4(&caller, -1, WNOTHREAD), exited(of_leader.tid(), 1));
    exit(&of_other, 2);
    assert_eq!(wait4(&caller, -1, WNOTHREAD | WCLONE), exited(of_other.tid(), 2));
    assert_eq!(of_caller.process().getppid(), 2);
}

#[test]
fn exec_loses_to_a_group_exit() {
    // R-EXEC-10, B44: EAGAIN, and nothing has changed.
    let (_table, init) = boot();
    let leader = fork(&init);
    let caller = spawn(&leader);
    leader.process().begin_group_exit(ExitStatus::exited(0));
    assert_eq!(caller.exec(), Err(Errno::EAGAIN));
    assert_eq!(leader.process().threads().len(), 2);
    exit(&caller, 0);
    assert_eq!(caller.exec(), Err(Errno::EAGAIN));
}

/// R-NOTIFY-06, R-FORK-11: a parent that has exec'd gets SIGCHLD instead of the signal that its former program wanted, but wait still
/// takes the child for what it was.
#[test]
fn after_an_exec_the_parent_gets_sigchld_whatever_it_had_asked_for() {
    let (table, init) = boot();
    let parent = fork(&init);
    let mute = ForkRequest { exit_signal: None, ..ForkRequest::default() };
    let before = fork_with(&parent, mute).unwrap();
    parent.exec().unwrap();
    let after = fork_with(&parent, mute).unwrap();
    events(&table);
    exit(&before, 3);
    exit(&after, 4);
    let told = Event::Signal(parent.tid(), 17, before.tid(), WaitStatus::Exited(3));
    assert_eq!(signals(&table), [told]);
    assert_eq!(wait4(&parent, -1, WNOHANG), NO_CHILD);
    assert_eq!(wait4(&parent, -1, WCLONE), exited(before.tid(), 3));
}
