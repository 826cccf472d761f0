//! Handles, which are what pidfds hold: who is named, for how long, what poll, waitid, signals and questions answer.

use crate::kernel::*;
use axprocess::{
    Errno, ExitStatus, ForkNamespace, ForkRequest, GivenInfo, HandleNumbers, HandleState, InfoMask,
    Number, Patience, PidHandle, PidfdMode, PollEvents, Signal, SignalCause, SignalScope,
    TraceOptions, TraceStart, WaitRequest,
};

const THREAD: u32 = 0x80;
const IN: PollEvents = PollEvents::IN.union(PollEvents::RDNORM);
const GONE: PollEvents = IN.union(PollEvents::HUP);
const SILENT: PollEvents = PollEvents::empty();

fn container(parent: &KernelThread) -> KernelThread {
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    fork_with(parent, new).unwrap()
}

fn waitid_pidfd(thread: &KernelThread, handle: &PidHandle<Kernel>, options: i32) -> Waited {
    let request = WaitRequest::waitid_pidfd(5, options, |_| Ok((handle, PidfdMode::Blocking)));
    Waited::from(request.and_then(|request| thread.wait(&request)))
}

fn exit_of(handle: &PidHandle<Kernel>, caller: &KernelThread) -> Option<i32> {
    let info = handle.info(caller.process(), InfoMask::EXIT).unwrap();
    info.exit.map(ExitStatus::to_raw)
}

#[test]
fn a_handle_is_opened_in_linuxs_order_of_errors() {
    // R-PIDFD-01: unknown flags, then numbers below 1, then nobody, then a thread where a process is wanted; a zombie is fine.
    let (_table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let open = |pid, flags| init.process().pidfd_open(pid, flags).map(|it| it.is_of_thread());
    assert_eq!(open(0, 1), Err(Errno::EINVAL));
    assert_eq!(open(999, 0x1000), Err(Errno::EINVAL));
    for pid in [0, -1, i32::MIN] {
        assert_eq!(open(pid, 0), Err(Errno::EINVAL));
    }
    assert_eq!(open(999, THREAD), Err(Errno::ESRCH));
    assert_eq!(open(thread.tid() as i32, 0), Err(Errno::ENOENT));
    assert_eq!(open(thread.tid() as i32, THREAD), Ok(true));
    assert_eq!([open(2, 0), open(2, THREAD), open(2, 0x800)], [Ok(false), Ok(true), Ok(false)]);
    exit(&thread, 0);
    assert_eq!(open(3, THREAD), Err(Errno::ESRCH));
    exit(&leader, 0);
    assert_eq!(open(2, 0), Ok(false), "a zombie");
}

#[test]
fn a_number_that_only_names_a_group_is_nobodys() {
    // R-PIDFD-01: after the reap the number lives on as a group's; ESRCH.
    let (_table, init) = boot();
    let leader = fork(&init);
    leader.process().setpgid(0, 0).unwrap();
    let _member = fork(&leader);
    exit(&leader, 0);
    wait4(&init, 2, 0);
    let open = init.process().pidfd_open(2, 0).map(|_| ());
    assert_eq!(open, Err(Errno::ESRCH));
}

#[test]
fn a_handle_never_means_the_next_of_its_number() {
    // R-PID-09, W5: it outlives the reap, does not keep the number, and does not follow it to another process.
    let (_table, init) = boot();
    let first = fork(&init);
    let handle = init.process().pidfd_open(2, 0).unwrap();
    let leader = first.handle().unwrap();
    exit(&first, 1);
    wait4(&init, 2, 0);
    let again = ForkRequest { number: Number::Exactly(2), ..Default::default() };
    let second = fork_with(&init, again).unwrap();
    for handle in [&handle, &leader] {
        assert_eq!(handle.state(), HandleState::Gone);
        let send = init.pidfd_send_signal(handle, 15, SignalScope::OfHandle, None);
        assert_eq!(send, Err(Errno::ESRCH));
        assert_eq!(waitid_pidfd(&init, handle, WEXITED), NO_CHILD);
        assert_eq!(exit_of(handle, &init), Some(1 << 8));
    }
    assert_eq!(second.process().handle().unwrap().state(), HandleState::Running);
}

#[test]
fn poll_follows_the_life_of_a_process() {
    // R-PIDFD-02: readable as a zombie, hung up once reaped; the pollers are woken in the holds in which that happens.
    let (table, init) = boot();
    let child = fork(&init);
    let handle = child.process().handle().unwrap();
    assert_eq!((handle.poll(), handle.state()), (SILENT, HandleState::Running));
    exit(&child, 0);
    assert_eq!((handle.poll(), handle.state()), (IN, HandleState::Exited));
    assert_eq!(polled(&table), [Polled::Process(2, axprocess::ProcessState::Zombie)]);
    wait4(&init, 2, 0);
    assert_eq!((handle.poll(), handle.state()), (GONE, HandleState::Gone));
    assert_eq!(polled(&table), [Polled::Process(2, axprocess::ProcessState::Reaped)]);
}

#[test]
fn a_delayed_leader_is_not_readable() {
    // R-PIDFD-02, R-EXIT-03: neither its process nor its leader thread, until the last thread is gone.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let handles = [leader.process().handle().unwrap(), leader.handle().unwrap()];
    let open = init.process().pidfd_open(2, THREAD).unwrap();
    exit(&leader, 1);
    assert_eq!(handles.each_ref().map(PidHandle::poll), [SILENT, SILENT]);
    assert_eq!((open.poll(), polled(&table)), (SILENT, vec![]));
    exit(&thread, 2);
    assert_eq!(handles.each_ref().map(PidHandle::poll), [IN, IN]);
    assert_eq!(open.poll(), IN);
}

#[test]
fn a_threads_handle_ends_with_the_thread() {
    // R-PIDFD-03, R-PIDFD-06: readable and hung up at once, with the thread's own exit code.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let handle = init.process().pidfd_open(3, THREAD).unwrap();
    assert_eq!(handle.poll(), SILENT);
    let numbers = HandleNumbers { pid: 3, tgid: 2, ppid: 1 };
    let info = handle.info(init.process(), InfoMask::PID | InfoMask::EXIT).unwrap();
    assert_eq!((info.numbers, info.exit), (Some(numbers), None));
    exit(&thread, 7);
    assert_eq!((handle.poll(), handle.state()), (GONE, HandleState::Gone));
    assert_eq!(polled(&table), [Polled::Thread(3)]);
    assert_eq!(exit_of(&handle, &init), Some(7 << 8));
    assert_eq!(handle.info(init.process(), InfoMask::PID), Err(Errno::ESRCH));
    let send = |scope| init.pidfd_send_signal(&handle, 99, scope, None);
    assert_eq!(send(SignalScope::Process), Err(Errno::ESRCH), "also for its process");
    assert_eq!(send(SignalScope::Group), Err(Errno::ESRCH));
}

#[test]
fn threads_of_a_group_exit_tell_the_groups_code() {
    // R-EXIT-06, R-PIDFD-06: whatever each of them returns.
    let (_table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let handle = thread.handle().unwrap();
    leader.process().begin_group_exit(ExitStatus::exited(9));
    exit(&thread, 3);
    assert_eq!(exit_of(&handle, &init), Some(9 << 8));
}

#[test]
fn exec_by_another_thread_ends_its_number_only() {
    // R-EXEC-05, T3: the process's and the leader's handles stay silent, and are the new leader's; those of the other threads hang up.
    for leader_exits in [None, Some(6)] {
        let (table, init) = boot();
        let leader = fork(&init);
        let [taker, other] = [spawn(&leader), spawn(&leader)];
        let [process, first] = [leader.process().handle().unwrap(), leader.handle().unwrap()];
        let [old, gone] = [taker.handle().unwrap(), other.handle().unwrap()];
        if let Some(code) = leader_exits {
            exit(&leader, code);
        }
        polled(&table);
        taker.exec().unwrap();
        assert_eq!([&process, &first].map(PidHandle::poll), [SILENT, SILENT]);
        assert_eq!([&old, &gone].map(PidHandle::poll), [GONE, GONE]);
        assert_eq!(polled(&table), [Polled::Thread(4), Polled::Thread(2)]);
        let send = |handle| init.pidfd_send_signal(handle, 10, SignalScope::OfHandle, None);
        assert_eq!(send(&old), Err(Errno::ESRCH));
        events(&table);
        assert_eq!(send(&first), Ok(()));
        let sent = Event::ThreadPosted(2, 10, SignalCause::Thread { pid: 1 });
        assert_eq!(events(&table), [sent], "to the thread that leads now");
        let leaders = leader_exits.unwrap_or(0) << 8;
        assert_eq!([exit_of(&old, &init), exit_of(&gone, &init)], [Some(leaders), Some(0)]);
        exit(&taker, 5);
        assert_eq!(first.poll(), IN);
        assert_eq!(exit_of(&old, &init), Some(leaders), "its end is told once");
    }
}

#[test]
fn a_handle_of_a_former_leader_is_the_new_leaders() {
    // R-EXEC-01, R-EXEC-05: the number names the process; a handle made of the old leader's object is the process's leader too.
    let (_table, init) = boot();
    let leader = fork(&init);
    let taker = spawn(&leader);
    taker.exec().unwrap();
    assert_eq!(leader.handle().unwrap().state(), HandleState::Running);
    assert!(leader.handle().unwrap().non_leader_thread().is_none());
}

#[test]
fn info_tells_numbers_until_the_reap_and_the_end_from_then_on() {
    // R-PIDFD-06: a zombie still has numbers and no exit; an autoreaped one has an exit as well; ESRCH if that was not asked for.
    let (_table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    let handle = child.process().handle().unwrap();
    let all = InfoMask::PID | InfoMask::EXIT;
    let numbers = Some(HandleNumbers { pid: 3, tgid: 3, ppid: 2 });
    let ask = |wanted| handle.info(init.process(), wanted).map(|info| (info.numbers, info.exit));
    assert_eq!(ask(all), Ok((numbers, None)));
    treat_sigchld(parent.process(), ChildSignalAction::empty());
    exit(&child, 4);
    assert_eq!(ask(all), Ok((numbers, None)), "a zombie");
    wait4(&parent, 3, 0);
    assert_eq!(ask(all), Ok((None, Some(ExitStatus::exited(4)))));
    assert_eq!(ask(InfoMask::PID), Err(Errno::ESRCH));

    treat_sigchld(parent.process(), ChildSignalAction::IGNORE);
    let vanishing = fork(&parent);
    let handle = vanishing.process().handle().unwrap();
    exit(&vanishing, 8);
    assert_eq!((handle.poll(), exit_of(&handle, &init)), (GONE, Some(8 << 8)));
}

#[test]
fn a_handle_is_seen_from_where_its_namespace_is_seen() {
    // R-PIDFD-06, R-PIDFD-07, R-PID-14: numbers as the asker sees them; EREMOTE from inside, before ESRCH; poll works everywhere.
    let (table, init) = boot();
    let outer = fork(&init);
    let inner = container(&init);
    let child = fork(&inner);
    let handle = child.process().handle().unwrap();
    let numbers = |caller: &KernelThread| {
        handle.info(caller.process(), InfoMask::PID).map(|info| info.numbers.unwrap())
    };
    assert_eq!(numbers(&init), Ok(HandleNumbers { pid: 4, tgid: 4, ppid: 3 }));
    assert_eq!(numbers(&inner), Ok(HandleNumbers { pid: 2, tgid: 2, ppid: 1 }));
    assert_eq!(
        inner.process().handle().unwrap().info(child.process(), InfoMask::PID).map(|_| ()),
        Ok(())
    );
    let outside = outer.process().handle().unwrap();
    let remote = |wanted| outside.info(inner.process(), wanted).map(|_| ());
    assert_eq!(remote(InfoMask::PID), Err(Errno::EREMOTE));
    assert_eq!(outside.fdinfo_pid_in(&inner.process().namespace()), Some(0));
    assert_eq!(outside.fdinfo_pid_in(table.namespace()), Some(2));
    exit(&outer, 0);
    assert_eq!(outside.poll(), IN);
    wait4(&init, 2, 0);
    assert_eq!(remote(InfoMask::PID), Err(Errno::EREMOTE));
    assert_eq!(outside.fdinfo_pid_in(table.namespace()), None);
}

#[test]
fn waitid_takes_a_handle_of_a_child() {
    // R-WAIT-22, R-WAIT-23, R-PIDFD-07, R-WAIT-07: by process or leader handle; a zombie, once; nobody else's, no thread's.
    let (_table, init) = boot();
    let [child, other] = [fork(&init), fork(&init)];
    let thread = spawn(&child);
    let grandchild = fork(&other);
    let handle = child.handle().unwrap();
    assert_eq!(waitid_pidfd(&init, &handle, WEXITED), Waited::Nothing);
    assert_eq!(waitid_pidfd(&init, &thread.handle().unwrap(), WEXITED | WALL), NO_CHILD);
    assert_eq!(waitid_pidfd(&init, &grandchild.process().handle().unwrap(), WEXITED), NO_CHILD);
    exit(&other, 1);
    exit(&thread, 2);
    exit(&child, 3);
    assert_eq!(waitid_pidfd(&init, &handle, WEXITED | WNOWAIT), exited(2, 3));
    assert_eq!(waitid_pidfd(&init, &handle, WEXITED), exited(2, 3));
    assert_eq!(waitid_pidfd(&init, &handle, WEXITED), NO_CHILD);
    assert_eq!(waitid_pidfd(&init, &other.process().handle().unwrap(), WEXITED), exited(3, 1));
}

#[test]
fn b32_waitid_of_a_reaped_process_or_a_thread_is_echild() {
    // R-WAIT-07, R-WAIT-23, B32: not ESRCH, not EINVAL.
    let (_table, init) = boot();
    let child = fork(&init);
    let own = spawn(&init);
    assert_eq!(waitid_pidfd(&init, &own.handle().unwrap(), WEXITED | WNOHANG), NO_CHILD);
    let handle = child.process().handle().unwrap();
    exit(&child, 0);
    wait4(&init, 2, 0);
    assert_eq!(waitid_pidfd(&init, &handle, WEXITED | WNOHANG), NO_CHILD);
}

#[test]
fn waitid_by_pidfd_validates_before_it_looks_the_file_up() {
    // R-WAIT-02, R-WAIT-22: options, then a negative number, then EBADF; nothing yet is EAGAIN, 0 or sleep, by WNOHANG and O_NONBLOCK.
    let (_table, init) = boot();
    let handle = init.process().handle().unwrap();
    let closed = |fd, options| {
        WaitRequest::waitid_pidfd::<Kernel, &PidHandle<Kernel>>(fd, options, |_| Err(Errno::EBADF))
    };
    assert_eq!(closed(9, 0), Err(Errno::EINVAL));
    assert_eq!(closed(9, WEXITED | 0x10), Err(Errno::EINVAL));
    assert_eq!(closed(-10_000, WEXITED), Err(Errno::EINVAL));
    assert_eq!(closed(9, WEXITED), Err(Errno::EBADF));
    let patience = |options, mode| {
        WaitRequest::waitid_pidfd(0, options, |_| Ok((&handle, mode))).unwrap().patience()
    };
    assert_eq!(patience(WEXITED, PidfdMode::Blocking), Patience::Sleep);
    assert_eq!(patience(WEXITED, PidfdMode::NonBlocking), Patience::Fail(Errno::EAGAIN));
    assert_eq!(patience(WEXITED | WNOHANG, PidfdMode::NonBlocking), Patience::Leave);
}

#[test]
fn a_signal_by_handle_checks_in_linuxs_order() {
    // R-PIDFD-04: flags; namespace; EFAULT; another signal; an si_code of the kernel's; gone; no such signal; not permitted.
    let (table, init) = boot();
    let inner = container(&init);
    let [child, guarded] = [fork(&init), fork(&init)];
    protect(&table, guarded.process());
    for flags in [3, 5, 8, u32::MAX] {
        assert_eq!(SignalScope::from_flags(flags), Err(Errno::EINVAL));
    }
    assert_eq!(SignalScope::from_flags(0), Ok(SignalScope::OfHandle));
    assert_eq!(SignalScope::from_flags(2), Ok(SignalScope::Process));
    let handle = child.process().handle().unwrap();
    exit(&child, 0);
    let info = |signal, code| Some(Ok(GivenInfo { value: 1, ..GivenInfo::new(signal, code) }));
    let send = |caller: &KernelThread, signal, info| {
        caller.pidfd_send_signal(&handle, signal, SignalScope::OfHandle, info)
    };
    assert_eq!(send(&inner, 99, Some(Err(Errno::EFAULT))), Err(Errno::EINVAL));
    assert_eq!(send(&init, 10, Some(Err(Errno::EFAULT))), Err(Errno::EFAULT));
    assert_eq!(send(&init, 99, None), Err(Errno::EINVAL), "a zombie is a target");
    assert_eq!(send(&init, 10, info(10, -1)), Ok(()));
    wait4(&init, 3, 0);
    assert_eq!(send(&init, 10, info(12, 0)), Err(Errno::EINVAL));
    for code in [0, 1, -6] {
        assert_eq!(send(&init, 10, info(10, code)), Err(Errno::EPERM));
    }
    assert_eq!(send(&init, 10, info(10, -1)), Err(Errno::ESRCH));
    assert_eq!(send(&init, 99, None), Err(Errno::ESRCH));
    let guarded = guarded.process().handle().unwrap();
    let refused = |signal| init.pidfd_send_signal(&guarded, signal, SignalScope::Process, None);
    assert_eq!((refused(99), refused(10)), (Err(Errno::EINVAL), Err(Errno::EPERM)));
}

#[test]
fn any_si_code_may_be_sent_to_oneself() {
    // R-PIDFD-04, R-PIDFD-05: to the calling thread by its own number, not by another thread's of the process, not to a group.
    let (table, init) = boot();
    let caller = fork(&init);
    let thread = spawn(&caller);
    caller.process().setpgid(0, 0).unwrap();
    let [process, own] = [-10_001, -10_000].map(|fd| caller.pidfd_self(fd).unwrap().unwrap());
    assert_eq!((caller.pidfd_self(-10_002), caller.pidfd_self(3)), (Ok(None), Ok(None)));
    let info = Some(Ok(GivenInfo { value: 42, ..GivenInfo::new(10, 5) }));
    let send = |by: &KernelThread, handle, scope| by.pidfd_send_signal(handle, 10, scope, info);
    events(&table);
    assert_eq!(send(&caller, &process, SignalScope::OfHandle), Ok(()));
    assert_eq!(send(&caller, &own, SignalScope::OfHandle), Ok(()));
    let (errno, pid, uid, rest, is_from_outside) = (0, 0, 0, [0; 2], false);
    let cause = SignalCause::Given { errno, code: 5, pid, uid, value: 42, rest, is_from_outside };
    assert_eq!(events(&table), [Event::Posted(2, 10, cause), Event::ThreadPosted(2, 10, cause)]);
    assert_eq!(send(&caller, &process, SignalScope::Group), Err(Errno::EPERM));
    assert_eq!(send(&thread, &process, SignalScope::OfHandle), Err(Errno::EPERM));
    assert_eq!(send(&thread, &own, SignalScope::OfHandle), Err(Errno::EPERM));
    assert_eq!(send(&thread, &thread.handle().unwrap(), SignalScope::Process), Ok(()));
}

#[test]
fn b33_a_group_by_handle_is_asked_member_by_member() {
    // R-PIDFD-04, B33: permission per member; ESRCH if nothing is named after it; also when the founder is reaped.
    let (table, init) = boot();
    let founder = fork(&init);
    founder.process().setpgid(0, 0).unwrap();
    let [guarded, open] = [fork(&founder), fork(&founder)];
    protect(&table, guarded.process());
    let send = |handle: PidHandle<Kernel>, signal| {
        init.pidfd_send_signal(&handle, signal, SignalScope::Group, None)
    };
    assert_eq!(send(open.process().handle().unwrap(), 99), Err(Errno::ESRCH), "it leads no group");
    let handle = founder.process().handle().unwrap();
    exit(&founder, 0);
    wait4(&init, 2, 0);
    events(&table);
    assert_eq!(send(handle.clone(), 10), Ok(()));
    let user = SignalCause::User { pid: 1 };
    assert_eq!(events(&table), [Event::Posted(open.tid(), 10, user)]);
    assert_eq!(send(handle.clone(), 99), Err(Errno::EINVAL));
    for member in [&open, &guarded] {
        exit(member, 0);
        wait4(&init, member.tid() as i32, 0);
    }
    assert_eq!(send(handle.clone(), 10), Err(Errno::ESRCH));
    let again = ForkRequest { number: Number::Exactly(2), ..Default::default() };
    fork_with(&init, again).unwrap().process().setpgid(0, 0).unwrap();
    assert_eq!(send(handle, 10), Err(Errno::ESRCH), "another group of the number");
}

#[test]
fn b34_a_threads_signal_is_tkills_and_outer_targets_are_refused() {
    // R-PIDFD-04, B34: SI_TKILL in thread scope, SI_USER else; a target outside the caller's namespace is EINVAL.
    let (table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let inner = container(&init);
    events(&table);
    let send = |handle: PidHandle<Kernel>, scope| init.pidfd_send_signal(&handle, 10, scope, None);
    let (tkill, user) = (SignalCause::Thread { pid: 1 }, SignalCause::User { pid: 1 });
    send(thread.handle().unwrap(), SignalScope::OfHandle).unwrap();
    send(thread.handle().unwrap(), SignalScope::Process).unwrap();
    send(leader.process().handle().unwrap(), SignalScope::Thread).unwrap();
    send(leader.process().handle().unwrap(), SignalScope::OfHandle).unwrap();
    assert_eq!(
        events(&table),
        [
            Event::ThreadPosted(3, 10, tkill),
            Event::Posted(2, 10, user),
            Event::ThreadPosted(2, 10, tkill),
            Event::Posted(2, 10, user),
        ]
    );
    let outward =
        inner.pidfd_send_signal(&leader.handle().unwrap(), 0, SignalScope::OfHandle, None);
    assert_eq!(outward, Err(Errno::EINVAL));
    assert_eq!(send(inner.process().handle().unwrap(), SignalScope::OfHandle), Ok(()));
    let unseen = SignalCause::User { pid: 0 };
    assert_eq!(posted(&table), [Event::Posted(1, Signal::SIGUSR1.number(), unseen)]);
}

#[test]
fn a_handle_of_another_table_is_refused() {
    // Design: an entry point compares the tables; EINVAL for a signal, EREMOTE for a question.
    let [(_one, init), (_two, stranger)] = [boot(), boot()];
    let handle = stranger.process().handle().unwrap();
    let send = init.pidfd_send_signal(&handle, 10, SignalScope::OfHandle, None);
    assert_eq!(send, Err(Errno::EINVAL));
    let info = handle.info(init.process(), InfoMask::PID);
    assert_eq!(info, Err(Errno::EREMOTE));
}

#[test]
fn the_handle_of_a_dead_traced_thread_is_readable_until_it_is_reaped() {
    // R-PIDFD-03, R-PIDFD-06, case pidfd_of_dead_traced_thread: readable at its death, whoever asked before and who asks now; hung up, and with its own code, when its tracer has reaped it.
    let (table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let thread = spawn(&leader);
    let (tid, before) = (thread.tid(), init.process().pidfd_open(4, THREAD).unwrap());
    tracer.attach(tid.cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    polled(&table);
    exit(&thread, 5);
    assert_eq!(polled(&table), [Polled::Thread(tid)]);
    let of_leader = init.process().pidfd_open(2, 0).unwrap();
    for handle in [&before, &init.process().pidfd_open(4, THREAD).unwrap()] {
        assert_eq!((handle.poll(), handle.state()), (IN, HandleState::Exited));
        let info = handle.info(init.process(), InfoMask::PID | InfoMask::EXIT).unwrap();
        assert_eq!((info.numbers.is_some(), info.exit), (true, None));
        assert_eq!(init.pidfd_send_signal(handle, 0, SignalScope::Thread, None), Ok(()));
    }
    leader.process().begin_group_exit(ExitStatus::exited(6));
    exit(&leader, 6);
    assert_eq!((of_leader.poll(), wait4(&init, 2, WNOHANG)), (SILENT, Waited::Nothing));
    assert_eq!(wait4(&tracer, tid as i32, WALL), exited(tid, 6), "the process's by now");
    assert_eq!((before.poll(), exit_of(&before, &init)), (GONE, Some(5 << 8)));
    assert_eq!(of_leader.poll(), IN);
    assert_eq!(wait4(&init, 2, 0), exited(2, 6));
}

#[test]
fn who_asks_first_for_a_dead_traced_thread_learns_that_it_is_dead() {
    // R-PIDFD-03: an identity that is made of a zombie begins as one.
    let (_table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let thread = spawn(&leader);
    tracer.attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&thread, 5);
    let handle = init.process().pidfd_open(4, THREAD).unwrap();
    assert_eq!((handle.poll(), handle.state()), (IN, HandleState::Exited));
}
