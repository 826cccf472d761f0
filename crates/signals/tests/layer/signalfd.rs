//! Signals that are read from a file.

use crate::kernel::*;
use crate::names::*;
use axprocess::{SignalCause, WaitRequest, WaitStatus};
use axprocess_signals::SignalSet;

#[test]
fn a_read_takes_the_signals_of_who_reads() {
    // R-SIG-63: the thread's queue, then the process's, in the order of delivery; a child that has inherited the file reads its own. R-SIG-64: each time one, until none is left.
    let (_table, init, child) = scene();
    let (other, grandchild) = (spawn(&child), fork(&child));
    for thread in [&child, &other, &grandchild] {
        block_all(thread);
    }
    for number in [USR1, 40, SEGV, 40] {
        kill(&init, &child, number);
    }
    tkill(&init, &child, 41);
    tkill(&init, &child, USR2);
    tkill(&init, &other, HUP);
    kill(&init, &grandchild, TERM);
    let set = set(&[HUP, USR1, USR2, SEGV, TERM, 40, 41]);
    let read = |thread| {
        let read = || signals_of::<Kernel>(thread).read_signalfd(set);
        numbers(&std::iter::from_fn(read).collect::<Vec<_>>())
    };
    assert_eq!(read(&child), [USR2, 41, SEGV, USR1, 40, 40]);
    assert_eq!(read(&other), [HUP]);
    assert_eq!(read(&grandchild), [TERM]);
    assert_eq!([&child, &other, &grandchild].map(|thread| pending(thread)), [NOTHING; 3]);
}

#[test]
fn what_is_not_blocked_can_be_read_before_it_is_handled() {
    // R-SIG-63: whoever takes it has it; then there is nothing to look at.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    kill(&init, &child, USR1);
    let read = signals_of(&child).read_signalfd(set(&[USR1]));
    assert_eq!(read, Some(of_kill(USR1, 1)));
    assert!(!is_told(&child));
    assert_eq!(look(&child), []);
}

#[test]
fn a_file_tells_what_a_siginfo_would() {
    // R-SIG-65: code, number and user of the sender, value; of SIGCHLD the child's number and status.
    let (table, init, child) = scene();
    block_all(&child);
    become_user(&table, init.process(), 9, 10);
    queue(&init, &child, USR1, 77).unwrap();
    let info = signals_of(&child).read_signalfd(set(&[USR1])).unwrap();
    let wanted = ((USR1, -1, 1, 77), 9 ^ OTHER_USERS, 0);
    assert_eq!((said(&info), info.uid, info.status()), wanted);
    let grandchild = fork(&child);
    signals_of(&grandchild).exit_thread(axprocess::ExitStatus::exited(42));
    let info = signals_of(&child).read_signalfd(set(&[CHLD])).unwrap();
    assert_eq!((said(&info), info.uid, info.status()), ((CHLD, 1, 3, 0), 0, 42));
    let cause = SignalCause::Child { pid: 3, status: WaitStatus::Exited(42) };
    assert_eq!(info.info.cause, cause);
    child.wait(&WaitRequest::wait4(-1, 0).unwrap()).unwrap();
    let grandchild = fork(&child);
    kill(&child, &grandchild, KILL);
    look(&grandchild);
    let info = signals_of(&child).read_signalfd(SignalSet::ALL).unwrap();
    assert_eq!((said(&info), info.status()), ((CHLD, 2, 4, 0), 9));
}

#[test]
fn a_file_is_ready_for_those_who_have_a_signal() {
    // R-SIG-66: in their own queue, or in that of their process; blocked or not.
    let (table, init, child) = scene();
    let other = spawn(&child);
    block_all(&child);
    block_all(&other);
    let ready =
        |numbers| [&child, &other].map(|thread| signals_of(thread).polls_signalfd(set(numbers)));
    table.host().kernel().polled();
    assert_eq!(ready(&[USR1]), [false, false]);
    tkill(&init, &other, USR1);
    assert_eq!(ready(&[USR1, HUP]), [false, true]);
    kill(&init, &child, USR2);
    assert_eq!(ready(&[USR2]), [true, true]);
    assert_eq!(ready(&[HUP]), [false, false]);
    assert_eq!(table.host().kernel().polled(), [2, 2], "who sleeps in poll is woken");
    kill(&init, &child, USR2);
    assert_eq!(table.host().kernel().polled(), [], "nothing is new");
    signals_of(&child).read_signalfd(set(&[USR2])).unwrap();
    assert_eq!(ready(&[USR2]), [false, false]);
}
