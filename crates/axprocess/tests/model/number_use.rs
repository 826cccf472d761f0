//! One number, one use: what keeps it, when it is free, and who is meant by it.

use crate::kernel::*;
use axprocess::{ARef, Errno, ForkNamespace, ForkRequest, Number, ProcessState};

fn exactly(pid: u32) -> ForkRequest<'static> {
    ForkRequest { number: Number::Exactly(pid), ..Default::default() }
}

#[test]
fn a_held_object_is_not_the_next_of_its_number() {
    // R-PID-09, T7: the number is free with the reap, although the object is held; it stays the dead one, in every way to ask.
    let (table, init) = boot();
    let old = fork_with(&init, exactly(10)).unwrap();
    old.process().setpgid(0, 0).unwrap();
    let group = old.process().group();
    exit(&old, 1);
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST), "a zombie has it");
    assert_eq!(wait4(&init, 10, 0), exited(10, 1));
    let new = fork_with(&init, exactly(10)).unwrap();
    new.process().setpgid(0, 0).unwrap();
    assert!(ARef::ptr_eq(&table.find_process(10).unwrap(), new.process()));
    assert_eq!(old.process().state(), ProcessState::Reaped);
    assert!(old.process().parent().is_none() && group.processes().unwrap().is_empty());
    assert_eq!(pids(&table.find_group(10).unwrap().processes().unwrap()), [10]);
    assert_eq!(old.process().setsid(), Err(Errno::EPERM), "what it does touches nobody");
    assert_eq!(init.kill(10, 15), Ok(()));
    assert_eq!(posted(&table).len(), 1);
    assert_eq!(new.process().state(), ProcessState::Live);
}

#[test]
fn each_role_keeps_the_number_until_it_ends() {
    // R-PID-08: a session alone keeps its leader's number, after process and group of that number have ended.
    let (table, init) = boot();
    let leader = fork_with(&init, exactly(10)).unwrap();
    leader.process().setsid().unwrap();
    let member = fork(&leader);
    leader.process().setpgid(member.tid() as i32, 0).unwrap();
    exit(&leader, 0);
    wait4(&init, 10, 0);
    assert!(table.find_process(10).is_none() && table.find_group(10).is_none());
    assert_eq!(table.find_session(10).unwrap().sid(), 10);
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST));
    exit(&member, 0);
    assert_eq!(fork_with(&init, exactly(10)).err(), Some(Errno::EEXIST), "a zombie is in it");
    wait4(&init, -1, 0);
    assert_eq!(fork_with(&init, exactly(10)).map(|child| child.tid()), Ok(10));
}

#[test]
fn a_short_set_tid_leaves_the_outer_numbers_automatic() {
    // R-PID-10: the first is for the innermost namespace; where the array ends, the next free number is taken.
    let (table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&init, new).unwrap();
    let each = |numbers| ForkRequest { number: Number::Each(numbers), ..Default::default() };
    let seen = |thread: &KernelThread| (thread.tid(), thread.tid_in(table.namespace()));
    assert_eq!(seen(&fork_with(&inner, each(&[50])).unwrap()), (50, 3));
    assert_eq!(seen(&fork_with(&inner, each(&[60, 70])).unwrap()), (60, 70));
    assert_eq!(seen(&fork_with(&inner, each(&[])).unwrap()), (2, 4));
    let thread = inner.spawn_thread(Number::Each(&[80]), ()).unwrap();
    assert_eq!(seen(&thread), (80, 5));
}

#[test]
fn a_refused_call_takes_no_number() {
    // R-PID-07: threads and processes count on from each other, and a failure before the allocation leaves the cursor.
    let (_table, init) = boot();
    let [process, thread] = [fork(&init), spawn(&init)];
    assert_eq!((process.tid(), thread.tid()), (2, 3));
    let sibling = ForkRequest { parent: axprocess::ForkParent::Sibling, ..Default::default() };
    for _ in 0..3 {
        assert_eq!(fork_with(&init, sibling).err(), Some(Errno::EINVAL));
    }
    let ending = fork(&init);
    ending.process().begin_group_exit(axprocess::ExitStatus::exited(0));
    assert_eq!(ending.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR));
    assert_eq!(fork_with(&ending, ForkRequest::default()).err(), Some(Errno::EINTR));
    assert_eq!([ending.tid(), spawn(&init).tid(), fork(&init).tid()], [4, 5, 6]);
}

#[test]
fn no_number_but_ones_own_namespaces_is_anybody() {
    // R-PID-15: 0 and negative numbers name nobody, nor does an outer number that is none inside, in every call that takes one.
    let (_table, init) = boot();
    let shell = fork(&init);
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&shell, new).unwrap();
    let child = fork(&inner);
    assert_eq!(child.tid(), 2);
    let caller = inner.process();
    for pid in [3, 4, 77] {
        assert_eq!(caller.getpgid(pid), Err(Errno::ESRCH));
        assert_eq!(caller.getsid(pid), Err(Errno::ESRCH));
        assert_eq!(caller.setpgid(pid, 0), Err(Errno::ESRCH));
        assert_eq!(inner.kill(pid, 0), Err(Errno::ESRCH));
        assert_eq!(inner.tkill(pid, 0), Err(Errno::ESRCH));
        assert_eq!(wait4(&inner, pid, WNOHANG), NO_CHILD);
    }
    for pid in [-1, -2, i32::MIN] {
        assert_eq!(caller.getpgid(pid), Err(Errno::ESRCH));
        assert_eq!(caller.setpgid(pid, 1), Err(Errno::ESRCH));
    }
    assert_eq!(inner.tkill(0, 0), Err(Errno::EINVAL));
    assert_eq!(waitid(&inner, 1, 0, WEXITED), Waited::Failed(Errno::EINVAL));
}

#[test]
fn an_identity_is_found_by_any_role_of_its_number_as_its_namespace_sees_it() {
    // R-PID-08, R-PID-09: process, thread, and group or session alone; each is the one that the object itself has. Free is free.
    let (table, init) = boot();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&init, new).unwrap();
    let space = inner.process().namespace();
    let leader = fork(&inner);
    let thread = spawn(&leader);
    leader.process().setsid().unwrap();
    let seen = |it: &KernelThread| (it.tid(), it.identity().unwrap());
    for (number, identity) in [seen(&inner), seen(&leader), seen(&thread)] {
        assert_eq!(space.find_identity(number), Ok(identity));
    }
    let outer = |it: &KernelThread| it.tid_in(table.namespace());
    assert_eq!(table.namespace().find_identity(outer(&thread)), thread.identity());
    assert_eq!(space.find_identity(9).err(), Some(Errno::ESRCH));
    assert!(ARef::ptr_eq(&space.find_process(2).unwrap(), leader.process()));
    assert!(ARef::ptr_eq(&space.find_thread(3).unwrap(), &thread));
    assert!(space.find_process(3).is_none());
    assert!(ARef::ptr_eq(&table.find_thread(2).unwrap(), &inner));
    assert!(ARef::ptr_eq(&space.find_group(2).unwrap(), &leader.process().group()));
    assert!(ARef::ptr_eq(&space.find_session(2).unwrap(), &leader.process().group().session()));

    let member = fork(&leader);
    let identity = leader.identity().unwrap();
    exit(&thread, 0);
    exit(&leader, 0);
    wait4(&inner, 2, 0);
    assert!(space.find_process(2).is_none());
    assert_eq!(space.find_identity(2), Ok(identity.clone()), "its group lives");
    member.process().setpgid(0, 0).unwrap();
    assert_eq!(space.find_identity(2), Ok(identity), "its session does");
    exit(&member, 0);
    wait4(&inner, -1, 0);
    assert_eq!(space.find_identity(2).err(), Some(Errno::ESRCH));
}

#[test]
fn an_identity_is_found_by_its_serial_as_long_as_it_has_the_number() {
    // R-PID-09: what a file handle of a pidfd leads to: not to the next one of that number; of a group alone it does.
    let (table, init) = boot();
    let stale = |number, serial| {
        assert_eq!(table.find_identity_by_serial(number, serial).err(), Some(Errno::ESTALE));
    };
    let old = fork_with(&init, exactly(10)).unwrap();
    old.process().setpgid(0, 0).unwrap();
    let member = fork(&old);
    let thread = spawn(&member);
    let identity = old.process().identity().unwrap();
    let serial = identity.serial();
    assert_eq!(table.find_identity_by_serial(10, serial), Ok(identity.clone()));
    stale(11, serial);
    stale(10, serial + 1);
    stale(10, 0);
    // Nobody has been shown a serial of this one.
    stale(thread.tid(), 0);
    let of_thread = thread.identity().unwrap();
    let found = table.find_identity_by_serial(thread.tid(), of_thread.serial());
    assert_eq!(found, Ok(of_thread));
    exit(&old, 0);
    wait4(&init, 10, 0);
    assert_eq!(table.find_identity_by_serial(10, serial), Ok(identity), "its group lives");
    exit(&thread, 0);
    exit(&member, 0);
    wait4(&init, -1, 0);
    stale(10, serial);
    fork_with(&init, exactly(10)).unwrap();
    stale(10, serial);
}
