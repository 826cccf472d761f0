//! Forks in steps: what is known between the steps, who refuses at the end, and what is left of one that is given up.

use crate::kernel::*;
use axprocess::{
    ARef, Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Number, PreparedFork, Shared,
};

const INNER: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Caller,
    namespace: ForkNamespace::New,
};

fn prepare<'a>(
    caller: &'a KernelThread,
    request: ForkRequest<'_>,
) -> Result<PreparedFork<'a, Kernel>, Errno> {
    caller.prepare_fork(request, Treatment::default(), ())
}

#[test]
fn a_prepared_child_has_its_number_and_is_seen_by_nobody() {
    // R-FORK-17: not by number, not in a list, not by wait, kill, setpgid or a handle; and then everywhere at once.
    let (table, init) = boot();
    let shell = fork(&init);
    let prepared = prepare(&shell, ForkRequest::default()).unwrap();
    assert_eq!((prepared.pid(), prepared.pid_seen_by_caller()), (3, 3));
    let data = std::ptr::from_ref(prepared.process_data());
    let thread_data = std::ptr::from_ref(prepared.thread_data());
    assert!(table.find_process(3).is_none() && table.find_thread(3).is_none());
    assert!(table.next_process(table.namespace(), 3).is_none());
    assert!(shell.process().children().unwrap().is_empty());
    assert_eq!(wait4(&shell, -1, 0), NO_CHILD);
    assert_eq!(shell.kill(3, 0), Err(Errno::ESRCH));
    assert_eq!(shell.process().setpgid(3, 0), Err(Errno::ESRCH));
    assert_eq!(shell.process().getpgid(3), Err(Errno::ESRCH));
    assert_eq!(shell.process().pidfd_open(3, 0).err(), Some(Errno::ESRCH));
    assert_eq!(fork(&shell).tid(), 4, "the number is taken");
    let chosen = ForkRequest { number: Number::Exactly(3), ..ForkRequest::default() };
    assert_eq!(fork_with(&shell, chosen).err(), Some(Errno::EEXIST));
    shell.process().setsid().unwrap();
    let child = prepared.publish().unwrap();
    assert_eq!((child.tid(), child.process().ppid(), child.process().sid()), (3, 2, 2));
    assert!(std::ptr::eq(data, child.process().host_data()));
    assert!(std::ptr::eq(thread_data, child.host_data()));
    assert_eq!(pids(&shell.process().children().unwrap()), [4, 3], "born when it was published");
    assert!(ARef::ptr_eq(&table.find_thread(3).unwrap(), &child));
}

#[test]
fn of_a_fork_that_is_given_up_only_the_cursor_knows() {
    // R-FORK-17: the number is free, the next one given is the one behind it, and the number can be chosen.
    let (table, init) = boot();
    let before = table.audit().checks;
    drop(prepare(&init, ForkRequest::default()).unwrap());
    assert_eq!(fork(&init).tid(), 3);
    let chosen = ForkRequest { number: Number::Exactly(2), ..ForkRequest::default() };
    let prepared = prepare(&init, chosen).unwrap();
    assert_eq!(prepare(&init, chosen).err(), Some(Errno::EEXIST));
    drop(prepared);
    assert_eq!(fork_with(&init, chosen).unwrap().tid(), 2);
    assert!(table.audit().checks > before, "with every invariant true");
}

#[test]
fn the_first_process_of_a_namespace_is_made_or_never() {
    // R-FORK-18: a first fork that is given up ends the namespace; while it is prepared nobody else is first.
    let (table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let prepared = prepare(&caller, ForkRequest::default()).unwrap();
    assert_eq!((prepared.pid(), prepared.pid_seen_by_caller()), (1, 3));
    assert_eq!(prepare(&caller, ForkRequest::default()).err(), Some(Errno::ENOMEM));
    assert!(caller.namespace_for_children().is_none(), "it has no init yet");
    drop(prepared);
    assert_eq!(fork_with(&caller, ForkRequest::default()).err(), Some(Errno::ENOMEM));
    assert!(caller.namespace_for_children().is_none(), "nor will it have one");
    let chosen = |number| ForkRequest { number: Number::Each(number), ..ForkRequest::default() };
    assert_eq!(fork_with(&caller, chosen(&[5])).err(), Some(Errno::EINVAL), "that is seen before");
    assert_eq!(prepare(&caller, ForkRequest::default()).err(), Some(Errno::ENOMEM));
    assert_eq!(fork(&init).tid(), 6, "each has used a number up outside (R-CLONE-18)");

    let inner = prepare(&init, INNER).unwrap().publish().unwrap();
    assert_eq!((inner.tid(), inner.process().pid_in(table.namespace())), (1, 7));
    drop(prepare(&inner, ForkRequest::default()).unwrap());
    assert_eq!(fork(&inner).tid(), 3, "it has an init, and lives on");
    drop(prepare(&init, INNER).unwrap());
    assert_eq!(fork(&init).tid(), 11);
}

#[test]
fn a_namespace_waits_for_forks_that_are_prepared() {
    // R-NS-20, R-CLONE-18: the number is in use; publishing it is ENOMEM, and giving it up lets the init end.
    let (table, init) = boot();
    let inner = fork_with(&init, INNER).unwrap();
    let child = fork(&inner);
    let (published, given_up) = (
        prepare(&child, ForkRequest::default()).unwrap(),
        prepare(&child, ForkRequest::default()).unwrap(),
    );
    exit(&inner, 0);
    assert_eq!(published.publish().err(), Some(Errno::ENOMEM));
    exit(&child, 0);
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    drop(given_up);
    assert_eq!(wait4(&init, -1, WNOHANG), exited(2, 0));
    assert!(table.find_process(2).is_none());
}

#[test]
fn who_dies_meanwhile_publishes_nothing() {
    // R-CLONE-19: EINTR, and the fork is given up; so is one whose table is gone.
    let (table, init) = boot();
    let caller = fork(&init);
    let second = spawn(&caller);
    let prepared = prepare(&second, ForkRequest::default()).unwrap();
    let thread = second.prepare_thread(Number::Next, ()).unwrap();
    assert_eq!((prepared.pid(), thread.tid()), (4, 5));
    assert!(caller.process().begin_group_exit(ExitStatus::exited(0)));
    assert_eq!(prepared.publish().err(), Some(Errno::EINTR));
    assert_eq!(thread.publish().err(), Some(Errno::EINTR));
    assert_eq!(prepare(&second, ForkRequest::default()).err(), Some(Errno::EINTR));
    assert_eq!(second.prepare_thread(Number::Next, ()).err(), Some(Errno::EINTR));
    for number in [4, 5] {
        let chosen = ForkRequest { number: Number::Exactly(number), ..ForkRequest::default() };
        assert_eq!(fork_with(&init, chosen).unwrap().tid(), number);
    }
    let late = prepare(&init, ForkRequest::default()).unwrap();
    let given_up = prepare(&init, ForkRequest::default()).unwrap();
    drop(table);
    assert_eq!(late.publish().err(), Some(Errno::EINTR), "its caller has gone with the table");
    drop(given_up);
}

#[test]
fn a_prepared_sibling_goes_where_the_callers_parent_is_by_then() {
    // R-FORK-03, R-REPARENT-01: what is inherited is read when it is published.
    let (_table, init) = boot();
    let [parent, caller] = chain(&init);
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
    let prepared = prepare(&caller, sibling).unwrap();
    exit(&parent, 0);
    assert_eq!(prepared.publish().unwrap().process().ppid(), 1);
    assert_eq!(prepare(&init, sibling).err(), Some(Errno::EINVAL));
}

#[test]
fn a_prepared_thread_joins_when_it_is_published() {
    // R-FORK-04, R-FORK-17: its number is known before, it is no thread of its process before, and it stops with it after.
    let (table, init) = boot();
    let leader = fork(&init);
    let prepared = leader.prepare_thread(Number::Next, ()).unwrap();
    assert_eq!(prepared.tid(), 3);
    let data = std::ptr::from_ref(prepared.thread_data());
    assert!(table.find_thread(3).is_none());
    assert_eq!(leader.process().threads().unwrap().len(), 1);
    assert_eq!(init.tkill(3, 0), Err(Errno::ESRCH));
    let thread = prepared.publish().unwrap();
    assert!(std::ptr::eq(data, thread.host_data()));
    assert_eq!(table.find_thread(3).unwrap().process().pid(), 2);
    drop(leader.prepare_thread(Number::Next, ()).unwrap());
    assert_eq!(spawn(&thread).tid(), 5);
    leader.unshare_pid().unwrap();
    assert_eq!(leader.prepare_thread(Number::Next, ()).err(), Some(Errno::EINVAL));
}

#[test]
fn a_shared_object_is_owned_like_the_crates_own() {
    // Objects: usable for plain values of the layer above; the last reference drops the value.
    let value = std::sync::Arc::new(());
    let shared = Shared::new(std::sync::Arc::clone(&value)).unwrap();
    let other = ARef::clone(&shared);
    assert!(ARef::ptr_eq(&shared, &other) && std::sync::Arc::ptr_eq(&shared, &value));
    let raw = ARef::into_raw(shared);
    drop(other);
    assert_eq!(std::sync::Arc::strong_count(&value), 2);
    // SAFETY: the pointer comes from `into_raw`, and is taken back once.
    drop(unsafe { ARef::from_raw(raw) });
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}
