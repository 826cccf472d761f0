//! What the crate's objects and answers look like when they are printed.

use crate::kernel::*;
use axprocess::{ExitStatus, ForkNamespace, ForkRequest, Signal, TerminalKind, WaitRequest};

#[test]
fn objects_print_their_numbers() {
    // House rule: whatever a kernel holds can be printed, and says who it is.
    let (table, init) = boot();
    let leader = fork(&init);
    leader.process().setsid().unwrap();
    let thread = spawn(&leader);
    let group = leader.process().group();
    assert_eq!(format!("{table:?}"), "ProcessTable { processes: 2, .. }");
    assert_eq!(format!("{:?}", leader.process()), "Process(2, Live)");
    assert_eq!(format!("{thread:?}"), "Thread(3, process=2)");
    assert_eq!(format!("{group:?} {:?}", group.session()), "ProcessGroup(2, session=2) Session(2)");
    let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 0x8803, ()).unwrap();
    assert_eq!(format!("{terminal:?}"), "Terminal(PseudoTerminal, 0x8803)");
    let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = fork_with(&init, new).unwrap();
    assert_eq!(format!("{:?}", inner.process().namespace()), "PidNamespace(level=1)");
    let numbers = inner.process().namespace_numbers(table.namespace()).unwrap();
    assert_eq!(format!("{:?}", numbers.tgid), "[4, 1]");
}

#[test]
fn handles_print_what_they_name() {
    // House rule: the process, its leader, or another thread; and whether it is still there.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    let open = |pid, flags| init.process().pidfd_open(pid, flags).unwrap();
    let process = open(2, 0);
    assert_eq!(format!("{process:?}"), "PidHandle(process 2, Running)");
    assert_eq!(format!("{:?}", child.handle().unwrap()), "PidHandle(leader 2, Running)");
    assert_eq!(format!("{:?}", thread.handle().unwrap()), "PidHandle(thread 3, Running)");
    exit(&thread, 0);
    exit(&child, 0);
    assert_eq!(format!("{process:?}"), "PidHandle(process 2, Exited)");
}

#[test]
fn answers_print_what_they_say() {
    // House rule: an event of wait with number and status, a member of a tree by its depth, a signal by its name.
    let (table, init) = boot();
    let child = fork(&init);
    let any = WaitRequest::wait4(-1, WNOHANG).unwrap();
    let nothing = init.wait(&any).unwrap();
    assert!(format!("{nothing:?}").starts_with("WaitToken"), "{nothing:?}");
    let tree = init.process().snapshot_tree(table.namespace()).unwrap();
    assert_eq!(format!("{tree:?}"), "[1,  2]");
    child.exit_thread(ExitStatus::exited(3));
    let event = init.wait(&any).unwrap();
    assert_eq!(format!("{event:?}"), "WaitEvent { pid: 2, status: Exited(3), .. }");
    let named = [Signal::SIGCHLD, Signal::new(40).unwrap()];
    assert_eq!(format!("{} {}", named[0], named[1]), "SIGCHLD SIGRT_8");
    assert_eq!(format!("{named:?}"), "[SIGCHLD, SIGRT_8]");
}
