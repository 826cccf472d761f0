//! PID namespaces: numbers on every level, who sees whom, inits, and how a namespace ends.

use crate::kernel::*;
use axprocess::{
    ARef, Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, HandleState, Number,
    ProcessState, Reboot, RebootCommand, RunState, Signal, SignalCause, ThreadExit, TraceOptions,
    TraceStart, WaitStatus,
};

const NEW: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Caller,
    namespace: ForkNamespace::New,
};

/// A child in a new namespace, as its init.
fn container(parent: &KernelThread) -> KernelThread {
    fork_with(parent, NEW).unwrap()
}

#[test]
fn a_process_has_a_number_on_every_level() {
    // R-PID-01, R-PID-14, R-NS-01, R-NS-02, R-NS-26, R-FORK-01: own ones count from 1; what is outside has number 0 inside.
    let (table, init) = boot();
    let first = container(&init);
    let second = container(&first);
    let child = fork(&second);
    assert_eq!((first.tid(), second.tid(), child.tid()), (1, 1, 2));
    let spaces =
        [ARef::from(table.namespace()), first.process().namespace(), second.process().namespace()];
    assert_eq!(spaces.each_ref().map(|space| space.level()), [0, 1, 2]);
    assert_eq!(spaces.each_ref().map(|space| child.process().pid_in(space)), [4, 3, 2]);
    assert_eq!(spaces.each_ref().map(|space| child.tid_in(space)), [4, 3, 2]);
    assert_eq!(spaces.each_ref().map(|space| first.process().pid_in(space)), [2, 1, 0]);
    assert_eq!([&first, &second, &child].map(|thread| thread.process().ppid()), [0, 0, 1]);
    assert_eq!((child.process().pgid(), child.process().sid()), (0, 0));
    assert_eq!(table.find_process(4).map(|process| process.pid()), Some(2));
    assert!(spaces[0].contains(&spaces[2]) && !spaces[2].contains(&spaces[1]));
}

#[test]
fn numbers_are_looked_up_in_the_callers_namespace() {
    // R-PID-15, R-GETPGID-01, R-NS-27, R-NS-28: from outside by outer numbers, from inside only what has a number there.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let inner = container(&shell);
    let member = fork(&inner);
    assert_eq!(shell.process().setpgid(3, 0), Ok(()), "an inner init is a child like any");
    assert_eq!((inner.process().pgid(), member.process().pgid()), (1, 0));
    assert_eq!(shell.process().getpgid(3), Ok(3));
    assert_eq!(inner.process().getpgid(2), Ok(0), "its group has no number inside");
    assert_eq!(inner.process().getsid(0), Ok(0));
    assert_eq!(inner.process().getpgid(3), Err(Errno::ESRCH));
    assert_eq!(inner.process().setpgid(2, 1), Ok(()));
    assert_eq!(member.process().pgid(), 1);
    assert_eq!(member.process().group().pgid_in(&shell.process().namespace()), 3);
    assert_eq!(inner.process().setpgid(2, 3), Err(Errno::EPERM));
}

#[test]
fn an_inner_init_may_leave_its_inherited_session() {
    // R-SETSID-04, B13: setsid gives 1; but not once it leads group 1, which a second look at a foreign session must not hide.
    let (_table, init) = boot();
    let inner = container(&init);
    assert_eq!(inner.process().setsid(), Ok(1));
    assert_eq!((inner.process().pgid(), inner.process().sid()), (1, 1));
    let other = container(&init);
    assert_eq!(other.process().setpgid(0, 0), Ok(()));
    assert_eq!(other.process().setpgid(0, 0), Ok(()), "again is fine: one group 1");
    assert_eq!((other.process().pgid(), other.process().sid()), (1, 0));
    assert_eq!(other.process().setsid(), Err(Errno::EPERM));
}

#[test]
fn waits_and_signals_use_the_parents_numbers() {
    // R-WAIT-25, R-WAIT-27, R-NS-25: outer numbers for the init's parent, inner ones inside; a group without a number is still the caller's own.
    let (table, init) = boot();
    let inner = container(&init);
    let child = fork(&inner);
    exit(&child, 5);
    assert_eq!(signals(&table), [Event::Signal(1, 17, 2, WaitStatus::Exited(5))]);
    assert_eq!(waitid(&inner, 1, 3, WEXITED), NO_CHILD);
    assert_eq!(wait4(&inner, 0, 0), exited(2, 5));
    exit(&inner, 6);
    assert_eq!(wait4(&init, -1, 0), exited(2, 6));
}

#[test]
fn orphans_stay_inside() {
    // R-REPARENT-03, R-REPARENT-04, R-SUBREAPER-06, E9: to the inner init, past a subreaper outside.
    let (_table, init) = boot();
    let outer = fork(&init);
    outer.process().become_subreaper();
    let inner = container(&outer);
    let [parent, child] = chain(&inner);
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), 1);
    assert!(ARef::ptr_eq(&child.process().parent().unwrap(), inner.process()));
}

#[test]
fn an_injected_process_belongs_to_both_sides() {
    // R-REPARENT-05, R-REPARENT-06, B28: its outer parent's death gives it to the outer subreaper; its own children go to the inner init.
    let (_table, init) = boot();
    let reaper = fork(&init);
    reaper.process().become_subreaper();
    let inner = container(&init);
    let outer = fork(&reaper);
    outer.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let injected = fork(&outer);
    let child = fork(&injected);
    assert_eq!((injected.tid(), injected.process().ppid()), (2, 0));
    exit(&outer, 0);
    assert!(ARef::ptr_eq(&injected.process().parent().unwrap(), reaper.process()));
    assert_eq!(injected.process().ppid(), 0);
    exit(&injected, 0);
    assert!(ARef::ptr_eq(&child.process().parent().unwrap(), inner.process()));
    assert_eq!(child.process().ppid(), 1);
}

#[test]
fn unshare_and_setns_decide_for_children_only() {
    // R-NS-03, R-NS-04, R-CLONE-12, R-CLONE-16, B35: per thread; no second unshare, no thread, no NEWPID meanwhile; only inward.
    let (table, init) = boot();
    let caller = fork(&init);
    let sibling = spawn(&caller);
    caller.unshare_pid().unwrap();
    assert_eq!(caller.unshare_pid(), Err(Errno::EINVAL));
    assert_eq!(fork_with(&caller, NEW).err(), Some(Errno::EINVAL));
    assert_eq!(caller.spawn_thread(Number::Next, ()).err(), Some(Errno::EINVAL));
    assert_eq!(fork(&sibling).process().namespace().level(), 0);
    let inner = fork(&caller);
    assert_eq!((inner.tid(), caller.tid()), (1, 2));
    assert_eq!(caller.spawn_thread(Number::Next, ()).err(), Some(Errno::EINVAL), "for ever");
    assert_eq!(inner.set_namespace_for_children(table.namespace()), Err(Errno::EINVAL));
    caller.set_namespace_for_children(table.namespace()).unwrap();
    assert_eq!(fork(&caller).process().namespace().level(), 0);
    assert_eq!(caller.spawn_thread(Number::Next, ()).map(|_| ()), Ok(()));
}

#[test]
fn namespaces_nest_32_deep() {
    // R-CLONE-17, B40: the 33rd level is ENOSPC.
    let (_table, init) = boot();
    let mut deepest = init.clone();
    let mut all = vec![init];
    for _ in 0..32 {
        deepest = container(&deepest);
        all.push(deepest.clone());
    }
    assert_eq!(deepest.process().namespace().level(), 32);
    assert_eq!(fork_with(&deepest, NEW).err(), Some(Errno::ENOSPC));
    assert_eq!(deepest.unshare_pid(), Err(Errno::ENOSPC));
}

#[test]
fn set_tid_names_the_numbers_from_inside_out() {
    // R-PID-10, R-PID-11, R-PID-12, B42: too many, impossible, not 1 for the first, taken; nothing is left behind by a failure.
    let (table, init) = boot();
    let each = |numbers| ForkRequest { number: Number::Each(numbers), ..Default::default() };
    let first = |numbers| ForkRequest { number: Number::Each(numbers), ..NEW };
    assert_eq!(fork_with(&init, each(&[7, 8])).err(), Some(Errno::EINVAL));
    assert_eq!(fork_with(&init, each(&[0])).err(), Some(Errno::EINVAL));
    assert_eq!(fork_with(&init, each(&[4_194_304])).err(), Some(Errno::EINVAL));
    assert_eq!(fork_with(&init, first(&[2, 30])).err(), Some(Errno::EINVAL));
    let inner = fork_with(&init, first(&[1, 30])).unwrap();
    assert_eq!(inner.process().pid_in(table.namespace()), 30);
    assert_eq!(fork_with(&inner, each(&[9, 30])).err(), Some(Errno::EEXIST));
    let child = fork_with(&inner, each(&[9, 31])).unwrap();
    assert_eq!((child.tid(), child.tid_in(table.namespace())), (9, 31), "9 was given back");
    assert_eq!(fork(&inner).tid(), 2);
    assert_eq!(fork(&init).tid(), 3, "the cursors have not moved");
}

const KILLED: WaitStatus =
    WaitStatus::Signaled { signal: axprocess::Signal::SIGKILL, core_dumped: false };
const KILLED_3: Event = Event::Posted(3, 9, SignalCause::Kernel);
const KILLED_1: Event = Event::Posted(1, 9, SignalCause::Kernel);

#[test]
fn a_namespace_ends_with_its_init() {
    // R-NS-20, R-NS-22, R-EXIT-15, F8, E10: all inside are killed, its zombies reaped, nothing is created; its own zombie comes last.
    let (table, init) = boot();
    let inner = container(&init);
    let zombie = fork(&inner);
    let child = fork(&inner);
    let nested = container(&child);
    exit(&zombie, 0);
    events(&table);
    exit(&inner, 3);
    assert_eq!(events(&table), [KILLED_3, KILLED_1, Event::Wake(1)]);
    assert_eq!(zombie.process().state(), ProcessState::Reaped);
    assert_eq!(inner.process().state(), ProcessState::Exiting);
    assert_eq!(fork_with(&child, ForkRequest::default()).err(), Some(Errno::EINTR), "it is dying");
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing, "it waits for its descendants");
    exit(&nested, 0);
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    exit(&child, 0);
    assert_eq!(child.process().state(), ProcessState::Reaped, "nobody waits for it");
    assert_eq!(nested.process().state(), ProcessState::Reaped);
    assert_eq!(wait4(&init, -1, 0), exited(2, 3));
}

#[test]
fn an_injected_zombie_holds_the_namespace() {
    // R-NS-21: init's zombie is withheld until the outer parent has reaped its child inside; then both ends come in one step.
    let (_table, init) = boot();
    let inner = container(&init);
    let outer = fork(&init);
    outer.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let injected = fork(&outer);
    exit(&inner, 1);
    exit(&injected, 2);
    assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing);
    assert_eq!(wait4(&outer, -1, 0), Waited::Got(4, KILLED), "R-NS-20");
    assert_eq!(wait4(&init, 2, WNOHANG), exited(2, 1));
    assert_eq!(fork_with(&outer, ForkRequest::default()).err(), Some(Errno::ENOMEM));
}

#[test]
fn an_init_in_a_group_founded_inside_waits_for_itself() {
    // R-NS-20, as seen on Linux 6.18: the group's number is in use, by init; SIGKILL changes nothing, a move by its parent does.
    let (_table, init) = boot();
    let inner = container(&init);
    let founder = fork(&inner);
    founder.process().setpgid(0, 0).unwrap();
    inner.process().setpgid(0, 2).unwrap();
    exit(&founder, 0);
    assert_eq!(wait4(&inner, -1, 0), exited(2, 0));
    exit(&inner, 7);
    init.kill(2, 9).unwrap();
    assert_eq!(wait4(&init, -1, 0), Waited::Nothing);
    init.process().setpgid(2, 2).unwrap();
    assert_eq!(wait4(&init, -1, 0), exited(2, 7));
}

#[test]
fn an_inner_inits_threads_share_its_role() {
    // R-NS-24, R-CLONE-11: the leader's end ends nothing; the last thread's does; no init has a sibling.
    let (_table, init) = boot();
    let inner = container(&init);
    let thread = spawn(&inner);
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    assert_eq!(fork_with(&inner, sibling).err(), Some(Errno::EINVAL));
    let [parent, child] = chain(&inner);
    exit(&inner, 1);
    exit(&parent, 0);
    assert_eq!(child.process().ppid(), 1);
    assert_eq!(wait4(&init, -1, WNOHANG), Waited::Nothing);
    exit(&thread, 2);
    exit(&child, 0);
    assert_eq!(wait4(&init, -1, 0), exited(2, 2));
}

/// An init inside with a second thread, which has ended the namespace as the last one of it, and waits for a zombie that `outer` has put inside.
fn closing_namespace(init: &KernelThread) -> [KernelThread; 3] {
    let inner = container(init);
    let last = spawn(&inner);
    let outer = fork(init);
    outer.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let injected = fork(&outer);
    exit(&inner, 1);
    exit(&last, 2);
    exit(&injected, 0);
    [inner, last, outer]
}

#[test]
fn the_last_thread_of_an_init_stays_until_all_inside_are_gone() {
    // R-NS-29: its number is in use, it stands in the directory, signals find it, nobody can wait for its process.
    let (table, init) = boot();
    let [inner, last, outer] = closing_namespace(&init);
    let handle = last.handle().unwrap();
    let tasks = || {
        let tasks = inner.process().tasks().unwrap();
        tasks.iter().map(|it| it.tid_in(table.namespace())).collect::<Vec<_>>()
    };
    assert_eq!(tasks(), [2, 3]);
    assert_eq!(last.run_state(), Some(RunState::Live));
    assert_eq!(inner.run_state(), Some(RunState::Zombie));
    assert_eq!(inner.process().stat(table.namespace()).map(|stat| stat.threads), Some(2));
    assert_eq!(init.tgkill(2, 3, 9), Ok(()));
    assert_eq!(handle.state(), HandleState::Running);
    assert_eq!(last.exit_thread(ExitStatus::exited(9)), ThreadExit::Gone, "once only");
    assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing);
    assert_eq!(wait4(&outer, -1, 0), Waited::Got(5, KILLED));
    assert_eq!((last.run_state(), handle.state()), (None, HandleState::Gone));
    assert_eq!(wait4(&init, 2, 0), exited(2, 2));
}

#[test]
fn the_last_thread_of_an_init_can_be_traced_until_it_is_gone() {
    // R-NS-29, R-PTRACE-06: a wait of its tracer sleeps; then it is a zombie, for which its process waits; or nobody's, if the tracer has gone.
    for is_let_go in [false, true] {
        let (_table, init) = boot();
        let [_, last, outer] = closing_namespace(&init);
        let tracer = fork(&init);
        tracer.attach(3, TraceStart::Seize, TraceOptions::empty()).unwrap();
        assert_eq!(wait4(&tracer, 3, WALL | WNOHANG), Waited::Nothing);
        assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WNOHANG), Waited::Nothing);
        if is_let_go {
            exit(&tracer, 0);
            assert_eq!(wait4(&init, -1, 0), exited(6, 0));
        }
        assert_eq!(wait4(&outer, -1, 0), Waited::Got(5, KILLED));
        if !is_let_go {
            assert_eq!(last.run_state(), Some(RunState::Zombie));
            assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing);
            assert_eq!(wait4(&tracer, 3, WALL), exited(3, 2));
        }
        assert_eq!(wait4(&init, 2, 0), exited(2, 2));
    }
}

#[test]
fn the_last_thread_of_an_init_adopts_until_the_end() {
    // R-NS-29, R-NS-20: an orphan is its child as long as a tracer keeps it, and vanishes then.
    let (table, init) = boot();
    let inner = container(&init);
    let last = spawn(&inner);
    let [parent, child] = chain(&inner);
    init.attach(5, TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&inner, 1);
    exit(&last, 2);
    exit(&child, 0);
    exit(&parent, 0);
    let children = last.children().unwrap();
    assert_eq!(children.iter().map(|it| it.pid_in(table.namespace())).collect::<Vec<_>>(), [5]);
    assert_eq!(child.process().ppid(), 1);
    assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing);
    assert_eq!(wait4(&init, 5, WALL), Waited::Got(5, KILLED));
    assert_eq!(wait4(&init, 2, 0), exited(2, 2));
}

#[test]
fn the_leader_of_an_init_waits_for_its_other_threads_too() {
    // R-NS-29: it ends the namespace while another one is not done; the leader is gone behind that, and so tells its own end (R-EXIT-20).
    let (_table, init) = boot();
    let inner = container(&init);
    let second = spawn(&inner);
    let mut of_leader = inner.begin_exit(ExitStatus::exited(1));
    let mut of_second = second.begin_exit(ExitStatus::exited(2));
    of_second.set_exiting();
    of_leader.set_exiting();
    of_leader.finish();
    assert_eq!(inner.run_state(), Some(RunState::Live));
    assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing);
    of_second.finish();
    assert_eq!(wait4(&init, 2, 0), exited(2, 2));
}

#[test]
fn a_sibling_can_be_the_init_of_a_new_namespace() {
    // R-CLONE-22: CLONE_NEWPID|CLONE_PARENT by an ordinary process makes its sibling the init.
    let (_table, init) = boot();
    let caller = fork(&init);
    let request = ForkRequest { parent: ForkParent::Sibling, ..NEW };
    let inner = fork_with(&caller, request).unwrap();
    assert_eq!((inner.tid(), inner.process().ppid()), (1, 0));
    assert_eq!(init.process().children().unwrap().len(), 2);
}

#[test]
fn exec_by_a_thread_inside_keeps_the_processes_numbers() {
    // R-EXEC-01 on every level: the thread's own numbers are free, those of the process stay.
    let (table, init) = boot();
    let inner = container(&init);
    let leader = fork(&inner);
    let thread = spawn(&leader);
    assert_eq!((thread.tid(), thread.tid_in(table.namespace())), (3, 4));
    thread.exec().unwrap();
    assert_eq!((thread.tid(), thread.tid_in(table.namespace())), (2, 3));
    assert!(table.find_thread(4).is_none());
    let both = ForkRequest { number: Number::Each(&[3, 4]), ..Default::default() };
    assert_eq!(fork_with(&inner, both).map(|child| child.tid()), Ok(3));
}

#[test]
fn a_thousand_processes_inside_end_in_bounded_holds() {
    // Design: the kill of a whole namespace, and the reaping of init's zombies, at most 64 objects a hold.
    let (table, init) = boot();
    let inner = container(&init);
    let children: Vec<_> = (0..1_000).map(|_| fork(&inner)).collect();
    for child in children.iter().take(500) {
        exit(child, 0);
    }
    exit(&inner, 0);
    for child in &children {
        exit(child, 0);
    }
    assert_eq!(wait4(&init, -1, 0), exited(2, 0));
    assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
}

#[test]
fn signals_cross_namespaces_with_untranslated_senders() {
    // R-KILL-04, R-KILL-07, R-KILL-09, R-NS-13: an inner sender shows its inner number outside; who is outside is 0 inside.
    let (table, init) = boot();
    let outer = fork(&init);
    outer.process().setpgid(0, 0).unwrap();
    let inner = container(&outer);
    let child = fork(&inner);
    events(&table);
    let user = |target, pid| Event::Posted(target, 15, SignalCause::User { pid });
    assert_eq!(inner.kill(0, 15), Ok(()), "a group reaches out of the namespace");
    assert_eq!(events(&table), [user(2, 1), user(1, 1), user(2, 1)]);
    assert_eq!(outer.kill(4, 15), Ok(()));
    assert_eq!(events(&table), [user(2, 0)]);
    assert_eq!(inner.kill(-1, 15), Ok(()), "not its init");
    assert_eq!(events(&table), [user(2, 1)]);
    assert_eq!(outer.kill(-1, 15), Ok(()), "inner inits included");
    assert_eq!(events(&table), [user(1, 0), user(2, 0)]);
    assert_eq!(child.kill(4, 15), Err(Errno::ESRCH), "outer numbers mean nothing inside");
}

#[test]
fn a_reboot_inside_is_the_end_of_the_namespace() {
    // R-NS-23: by init or by another, which exits with 0; the parent learns the command, whatever init handles or has said.
    let cases = [
        (0x0123_4567, Signal::SIGHUP),
        (0xa1b2_c3d4, Signal::SIGHUP),
        (0xcdef_0123, Signal::SIGINT),
        (0x4321_fedc, Signal::SIGINT),
    ];
    for (command, signal) in cases {
        for caller in 0..2 {
            let (table, init) = boot();
            let inner = container(&init);
            let threads = [inner.clone(), fork(&inner)];
            let answer = threads[caller].process().reboot(RebootCommand::parse(command).unwrap());
            assert_eq!(answer, Reboot::Namespace);
            assert!(inner.process().is_group_exiting() && exit_requests(&table).contains(&1));
            threads.iter().rev().for_each(|thread| exit(thread, 0));
            let status = WaitStatus::Signaled { signal, core_dumped: false };
            assert_eq!(wait4(&init, 2, 0), Waited::Got(2, status));
        }
    }
    for command in [0, 0x89ab_cdef, 0xd000_fce2, 0x4558_4543, u32::MAX] {
        assert_eq!(RebootCommand::parse(command), Err(Errno::EINVAL));
    }
}

#[test]
fn a_reboot_overrides_an_end_that_has_begun() {
    // R-NS-23, R-NS-20: as long as init waits for the others; in the outermost namespace it is the machine's.
    let (_table, init) = boot();
    let inner = container(&init);
    let child = fork(&inner);
    inner.process().begin_group_exit(ExitStatus::exited(3));
    exit(&inner, 3);
    assert_eq!(child.process().reboot(RebootCommand::Halt), Reboot::Namespace);
    exit(&child, 0);
    let status = WaitStatus::Signaled { signal: Signal::SIGINT, core_dumped: false };
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, status));
    let outer = fork(&init);
    assert_eq!(outer.process().reboot(RebootCommand::Restart), Reboot::Machine);
    assert!(!init.process().is_group_exiting());
}

#[test]
fn a_namespace_for_children_can_be_named_once_it_has_an_init() {
    // R-NS-05: nothing between unshare and the first fork; afterwards also when its init has gone. R-FORK-12: a child's is its own.
    let (table, init) = boot();
    let caller = fork(&init);
    assert!(std::ptr::eq(&*caller.namespace_for_children().unwrap(), table.namespace()));
    caller.unshare_pid().unwrap();
    assert!(caller.namespace_for_children().is_none());
    let inner = fork(&caller);
    let space = inner.process().namespace();
    assert!(ARef::ptr_eq(&caller.namespace_for_children().unwrap(), &space));
    assert!(ARef::ptr_eq(&inner.namespace_for_children().unwrap(), &space));
    exit(&inner, 0);
    assert!(wait4(&caller, -1, 0).is_event());
    assert!(ARef::ptr_eq(&caller.namespace_for_children().unwrap(), &space));
}

#[test]
fn an_inner_init_begins_in_its_creators_group_and_session() {
    // R-FORK-14, R-NS-01, R-NS-28: as the same objects, without numbers inside; nobody inside can name or join them.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let inner = container(&shell);
    let child = fork(&inner);
    assert!(ARef::ptr_eq(&inner.process().group(), &shell.process().group()));
    assert_eq!((inner.process().pgid(), inner.process().sid()), (0, 0));
    inner.process().setpgid(0, 0).unwrap();
    assert_eq!((inner.process().pgid(), inner.process().sid()), (1, 0));
    assert_eq!(child.process().setpgid(0, 2), Ok(()), "its own number");
    assert_eq!(child.process().setpgid(0, 3), Err(Errno::EPERM));
}

#[test]
fn a_number_given_back_is_the_next_one_again() {
    // R-PID-13: what fails outside, here for want of memory and with success the next time, moves no number inside.
    let (_table, init) = boot();
    let inner = container(&init);
    for next in 2..200 {
        assert_eq!(container(&init).tid(), 1);
        assert_eq!(fork(&inner).tid(), next);
    }
}

#[test]
fn a_namespace_knows_the_one_around_it() {
    // R-NS-26: and its numbers are told on every level from the viewer's inward, wherever the viewer stands.
    let (table, init) = boot();
    let outer = container(&init);
    let inner = container(&outer);
    let space = inner.process().namespace();
    assert!(ARef::ptr_eq(space.parent().unwrap(), &outer.process().namespace()));
    assert!(std::ptr::eq(&**outer.process().namespace().parent().unwrap(), table.namespace()));
    assert!(table.namespace().parent().is_none());
    let numbers_for = |viewer: &KernelThread| {
        let viewer = viewer.process().namespace();
        inner.process().namespace_numbers(&viewer).unwrap().tgid.as_slice().to_vec()
    };
    assert_eq!(numbers_for(&init), [3, 2, 1]);
    assert_eq!(numbers_for(&outer), [2, 1]);
    assert_eq!(numbers_for(&inner), [1]);
}

#[test]
fn a_reboot_that_comes_too_late_ends_nobody() {
    // R-NS-23: who has been reaped with its namespace is still asked for, and there is no init left to kill.
    let (table, init) = boot();
    let inner = container(&init);
    exit(&inner, 3);
    assert_eq!(wait4(&init, -1, 0), exited(2, 3));
    events(&table);
    assert_eq!(inner.process().reboot(RebootCommand::Halt), Reboot::Namespace);
    assert_eq!(events(&table), []);
    assert_eq!(inner.process().exit_status(), ExitStatus::exited(3));
}
