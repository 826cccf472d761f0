//! Whom a signal hits, in which order, and which error comes first.

use crate::kernel::*;
use axprocess::{
    Errno, ExitStatus, ForkNamespace, ForkRequest, GivenInfo, Pid, Signal, SignalCause,
    SignalScope, WaitStatus,
};

fn user(target: Pid, signal: u8, sender: Pid) -> Event {
    Event::Posted(target, signal, SignalCause::User { pid: sender })
}

fn kill(sender: &KernelThread, pid: i32, signal: i32) -> Result<(), Errno> {
    sender.kill(pid, signal)
}

fn number(thread: &KernelThread) -> i32 {
    thread.tid() as i32
}

/// Init, a caller, and a group of three other children of the caller.
fn group() -> (Table, KernelThread, KernelThread, [KernelThread; 3]) {
    let (table, init) = boot();
    let caller = fork(&init);
    let members = [fork(&caller), fork(&caller), fork(&caller)];
    for member in &members {
        caller.process().setpgid(number(member), number(&members[0])).unwrap();
    }
    (table, init, caller, members)
}

#[test]
fn b41_errors_come_in_linuxs_order() {
    // B41, R-KILL-01, R-KILL-03, R-KILL-04: no target before a bad signal before no permission.
    let (table, init, caller, [target, ..]) = group();
    protect(&table, target.process());
    let rows = [
        (77, 65, Errno::ESRCH),
        (i32::MIN, 65, Errno::ESRCH),
        (-77, 65, Errno::ESRCH),
        (-number(&caller), 0, Errno::ESRCH),
        (number(&target), 65, Errno::EINVAL),
        (number(&target), -1, Errno::EINVAL),
        (number(&target), 256 + 15, Errno::EINVAL),
        (-number(&target), 65, Errno::EINVAL),
        (0, 65, Errno::EINVAL),
        (-1, 65, Errno::EINVAL),
        (number(&target), 0, Errno::EPERM),
        (number(&target), 15, Errno::EPERM),
    ];
    for (pid, signal, errno) in rows {
        assert_eq!(kill(&caller, pid, signal), Err(errno), "kill({pid}, {signal})");
    }
    assert_eq!(posted(&table), []);
    let (_table, alone) = boot();
    assert_eq!(kill(&alone, -1, 65), Err(Errno::ESRCH), "no target comes first");
    drop(init);
}

#[test]
fn signal_0_is_a_question() {
    // R-KILL-01: answered, not sent, in every form.
    let (table, _init, caller, [target, ..]) = group();
    for pid in [number(&target), -number(&target), 0, -1] {
        assert_eq!(kill(&caller, pid, 0), Ok(()));
    }
    assert_eq!(caller.tkill(number(&target), 0), Ok(()));
    assert_eq!(posted(&table), []);
}

#[test]
fn a_threads_number_means_its_process_and_no_group() {
    // R-KILL-02, R-KILL-07, B18: the sender is named by its process.
    let (table, _init, caller, [target, ..]) = group();
    let thread = spawn(&target);
    let sender = spawn(&caller);
    assert_eq!(kill(&sender, number(&thread), 15), Ok(()));
    assert_eq!(posted(&table), [user(target.tid(), 15, caller.tid())]);
    assert_eq!(kill(&sender, -number(&thread), 15), Err(Errno::ESRCH));
}

#[test]
fn a_group_is_hit_from_the_most_recent_member_on() {
    // R-KILL-03, R-KILL-09: kill(-g), and kill(0) with the caller's own group, the caller included.
    let (table, _init, caller, [a, b, c]) = group();
    assert_eq!(kill(&caller, -number(&a), 15), Ok(()));
    let hit = [&c, &b, &a].map(|member| user(member.tid(), 15, caller.tid()));
    assert_eq!(posted(&table), hit);
    caller.process().setpgid(number(&c), number(&c)).unwrap();
    caller.process().setpgid(number(&b), number(&b)).unwrap();
    caller.process().setpgid(number(&b), number(&a)).unwrap();
    assert_eq!(kill(&a, 0, 10), Ok(()));
    assert_eq!(posted(&table), [&b, &a].map(|member| user(member.tid(), 10, a.tid())));
}

#[test]
fn b16_t9_one_success_is_success() {
    // B16, T9, R-KILL-03: whichever member refuses; else the error.
    for allowed in 0..3 {
        let (table, _init, caller, members) = group();
        for (index, member) in members.iter().enumerate() {
            if index != allowed {
                protect(&table, member.process());
            }
        }
        assert_eq!(kill(&caller, -number(&members[0]), 15), Ok(()));
        assert_eq!(posted(&table), [user(members[allowed].tid(), 15, caller.tid())]);
        protect(&table, members[allowed].process());
        assert_eq!(kill(&caller, -number(&members[0]), 15), Err(Errno::EPERM));
    }
}

#[test]
fn b15_all_means_all_but_init_and_the_caller() {
    // B15, R-KILL-04: refusals count as success; with nobody there, ESRCH.
    let (table, init, caller, [a, b, c]) = group();
    let of_thread = fork(&spawn(&b));
    assert_eq!(kill(&caller, -1, 15), Ok(()));
    let hit = [&a, &b, &c, &of_thread].map(|it| user(it.tid(), 15, caller.tid()));
    assert_eq!(posted(&table), hit);
    assert_eq!(kill(&a, -1, 15), Ok(()));
    assert_eq!(posted(&table)[0], user(caller.tid(), 15, a.tid()));
    for it in [&caller, &b, &of_thread, &c] {
        protect(&table, it.process());
    }
    assert_eq!(kill(&a, -1, 15), Ok(()));
    assert_eq!(posted(&table), []);
    drop(init);
    let (_table, alone) = boot();
    assert_eq!(kill(&alone, -1, 15), Err(Errno::ESRCH));
}

#[test]
fn one_may_always_signal_oneself_and_continue_ones_session() {
    // R-KILL-05: credentials do not count there; for another session they do.
    let (table, init, caller, [target, ..]) = group();
    protect(&table, caller.process());
    protect(&table, target.process());
    assert_eq!(kill(&caller, number(&caller), 15), Ok(()));
    assert_eq!(kill(&caller, number(&target), 18), Ok(()));
    assert_eq!(kill(&caller, number(&target), 0), Err(Errno::EPERM));
    caller.process().setsid().unwrap();
    assert_eq!(kill(&caller, number(&target), 18), Err(Errno::EPERM));
    drop(init);
}

#[test]
fn g14_a_zombie_accepts_every_signal_and_gets_none() {
    // G14, R-KILL-06, R-EXIT-12: by its number and in its group, until it is reaped; and from the decided exit on.
    let (table, init, caller, [only, second, third]) = group();
    exit(&second, 0);
    exit(&third, 0);
    only.process().begin_group_exit(ExitStatus::killed(Signal::SIGTERM));
    events(&table);
    assert_eq!(kill(&caller, number(&only), 9), Ok(()));
    exit(&only, 0);
    events(&table);
    for pid in [number(&only), -number(&only)] {
        assert_eq!(kill(&caller, pid, 9), Ok(()));
        assert_eq!(kill(&caller, pid, 65), Err(Errno::EINVAL));
    }
    assert_eq!(caller.tkill(number(&only), 9), Ok(()), "R-KILL-08");
    assert_eq!(events(&table), []);
    (0..3).for_each(|_| assert!(wait4(&caller, -1, 0).is_event()));
    assert_eq!(kill(&caller, number(&only), 0), Err(Errno::ESRCH));
    assert_eq!(kill(&caller, -number(&only), 0), Err(Errno::ESRCH));
    drop(init);
}

#[test]
fn queued_signals_are_checked_in_linuxs_order() {
    // R-KILL-11, R-SIG-27: the numbers of rt_tgsigqueueinfo, what only oneself may say, the target, the signal, the host.
    let (table, _init, caller, [target, other, _]) = group();
    let thread = spawn(&target);
    let [tid, tgid] = [number(&thread), number(&target)];
    let sender = spawn(&caller);
    let info = |signal, code| GivenInfo {
        errno: 5,
        pid: 77,
        uid: 88,
        value: 7,
        rest: [9, 10],
        ..GivenInfo::new(signal, code)
    };
    assert_eq!(sender.rt_sigqueueinfo(tid, info(15, -1)), Ok(()));
    assert_eq!(sender.rt_tgsigqueueinfo(tgid, tid, info(10, -60)), Ok(()));
    let cause = |code| SignalCause::Given {
        errno: 5,
        code,
        pid: 77,
        uid: 88,
        value: 7,
        rest: [9, 10],
        is_from_outside: false,
    };
    let hit = [
        Event::Posted(target.tid(), 15, cause(-1)),
        Event::ThreadPosted(thread.tid(), 10, cause(-60)),
    ];
    assert_eq!(posted(&table), hit);
    for (pid, signal, code, answer) in [
        (tid, 65, 0, Errno::EPERM),
        (tid, 65, -6, Errno::EPERM),
        (77, 65, 128, Errno::EPERM),
        (number(&caller), 15, 0, Errno::EPERM),
        (77, 65, -1, Errno::ESRCH),
        (0, 65, -1, Errno::ESRCH),
        (-tgid, 65, -1, Errno::ESRCH),
        (i32::MIN, 65, -1, Errno::ESRCH),
        (tid, 65, -1, Errno::EINVAL),
        (tid, -1, -1, Errno::EINVAL),
    ] {
        let answered = sender.rt_sigqueueinfo(pid, info(signal, code));
        assert_eq!(answered, Err(answer), "rt_sigqueueinfo({pid}, {signal}, {code})");
    }
    for (tgid, tid, signal, code, answer) in [
        (0, tid, 65, 0, Errno::EINVAL),
        (tgid, 0, 65, 0, Errno::EINVAL),
        (tgid, 77, 65, 0, Errno::EPERM),
        (tgid, 77, 65, -1, Errno::ESRCH),
        (number(&other), tid, 65, -1, Errno::ESRCH),
        (tgid, tid, 65, -1, Errno::EINVAL),
    ] {
        let answered = sender.rt_tgsigqueueinfo(tgid, tid, info(signal, code));
        assert_eq!(answered, Err(answer), "rt_tgsigqueueinfo({tgid}, {tid}, {signal}, {code})");
    }
    // To oneself anything goes; the process gets what its thread sends by its own number.
    let own = number(&sender);
    assert_eq!(sender.rt_sigqueueinfo(own, info(15, 0)), Ok(()));
    assert_eq!(sender.rt_tgsigqueueinfo(number(&caller), own, info(10, -6)), Ok(()));
    assert_eq!(sender.rt_sigqueueinfo(tgid, info(0, -1)), Ok(()));
    let hit = [
        Event::Posted(caller.tid(), 15, cause(0)),
        Event::ThreadPosted(sender.tid(), 10, cause(-6)),
    ];
    assert_eq!(posted(&table), hit);
    protect(&table, target.process());
    assert_eq!(sender.rt_sigqueueinfo(tid, info(15, -1)), Err(Errno::EPERM));
    assert_eq!(sender.rt_tgsigqueueinfo(tgid, tid, info(15, -1)), Err(Errno::EPERM));
}

#[test]
fn threads_are_hit_by_number() {
    // R-KILL-07, R-KILL-08: SI_TKILL from the process; errors in order; an exited thread is gone, a dead leader is not.
    let (table, _init, caller, [target, other, _]) = group();
    let thread = spawn(&target);
    let [tid, tgid] = [number(&thread), number(&target)];
    let sender = spawn(&caller);
    let cause = SignalCause::Thread { pid: caller.tid() };
    assert_eq!(sender.tkill(tid, 15), Ok(()));
    assert_eq!(sender.tgkill(tgid, tid, 10), Ok(()));
    assert_eq!(sender.tkill(tgid, 12), Ok(()));
    let hit = [(thread.tid(), 15), (thread.tid(), 10), (target.tid(), 12)];
    assert_eq!(posted(&table), hit.map(|(tid, number)| Event::ThreadPosted(tid, number, cause)));
    for (tgid, tid, signal, errno) in [
        (0, 1, 65, Errno::EINVAL),
        (1, 0, 65, Errno::EINVAL),
        (-1, tid, 15, Errno::EINVAL),
        (number(&other), tid, 65, Errno::ESRCH),
        (tid, tid, 15, Errno::ESRCH),
        (tgid, 77, 65, Errno::ESRCH),
        (tgid, tid, 65, Errno::EINVAL),
    ] {
        assert_eq!(sender.tgkill(tgid, tid, signal), Err(errno), "tgkill({tgid}, {tid}, {signal})");
    }
    assert_eq!(sender.tkill(0, 65), Err(Errno::EINVAL));
    assert_eq!(sender.tkill(-5, 15), Err(Errno::EINVAL));
    assert_eq!(sender.tkill(77, 65), Err(Errno::ESRCH));
    exit(&target, 0);
    events(&table);
    assert_eq!(sender.tkill(tgid, 15), Ok(()));
    assert_eq!(posted(&table), []);
    protect(&table, target.process());
    assert_eq!(sender.tkill(tid, 65), Err(Errno::EINVAL));
    assert_eq!(sender.tkill(tid, 15), Err(Errno::EPERM));
    let last = spawn(&thread);
    exit(&thread, 0);
    assert_eq!(sender.tkill(tid, 15), Err(Errno::ESRCH));
    drop(last);
}

#[test]
fn sigcont_resumes_whoever_it_is_sent_to() {
    // R-STOP-02: at send, by kill and by tkill, before the host queues it.
    let (table, _init, caller, [a, b, _]) = group();
    a.process().report_group_stopped(Signal::SIGSTOP);
    b.process().report_group_stopped(Signal::SIGSTOP);
    kill(&caller, number(&a), 18).unwrap();
    caller.tkill(number(&b), 18).unwrap();
    assert!(!a.process().is_stopped() && !b.process().is_stopped());
    let continued = |child: &KernelThread| Waited::Got(child.tid(), WaitStatus::Continued);
    assert_eq!(wait4(&caller, number(&a), WCONTINUED), continued(&a));
    assert_eq!(wait4(&caller, number(&b), WCONTINUED), continued(&b));
    assert_eq!(posted(&table).len(), 2);
}

#[test]
fn f7_b17_no_child_escapes_a_group_signal() {
    // F7, B17: a child forked before is hit; a fork ordered after it fails, first by the pending signal, then by the decided exit.
    let (table, _init, caller, [parent, _, _]) = group();
    let before = fork(&parent);
    events(&table);
    assert_eq!(kill(&caller, -number(&parent), 9), Ok(()));
    assert_eq!(posted(&table)[0], user(before.tid(), 9, caller.tid()));
    assert_eq!(fork_with(&parent, Default::default()).err(), Some(Errno::EINTR));
    let (_table, init) = boot();
    let dying = fork(&init);
    dying.process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL));
    assert_eq!(fork_with(&dying, Default::default()).err(), Some(Errno::EINTR));
}

#[test]
fn f7_a_group_signal_and_forks_on_other_processors_are_ordered() {
    // F7, B17: members fork as fast as they can while their group is killed; whoever is in the group then has been hit.
    for _ in 0..50 {
        let (table, _init, caller, members) = group();
        std::thread::scope(|scope| {
            for member in &members {
                scope.spawn(move || {
                    let forks = || fork_with(member, Default::default());
                    while forks().is_ok() {}
                });
            }
            scope.spawn(|| kill(&caller, -number(&members[0]), 9).unwrap());
        });
        let hit = posted(&table);
        let group = table.find_group(members[0].tid()).unwrap().processes().unwrap();
        for process in &group {
            assert!(hit.contains(&user(process.pid(), 9, caller.tid())), "{process:?} escaped");
        }
        assert_eq!(hit.len(), group.len());
    }
}

/// A child that is number 1 of a new namespace.
fn container(parent: &KernelThread) -> KernelThread {
    let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    fork_with(parent, request).unwrap()
}

#[test]
fn behind_a_member_that_cannot_see_the_sender_nobody_is_shown_it() {
    // R-KILL-07: all members of a group get the same siginfo.
    let (table, init) = boot();
    let elder = fork(&init);
    container(&init);
    let younger = fork(&init);
    events(&table);
    kill(&younger, 0, 10).unwrap();
    let own = younger.tid();
    let expected = [user(own, 10, own), user(1, 10, 0), user(elder.tid(), 10, 0), user(1, 10, 0)];
    assert_eq!(posted(&table), expected);
}

#[test]
fn an_init_is_shielded_from_a_sender_that_it_sees_and_is_not_shown() {
    // R-NS-10, R-KILL-07: what counts is who sees the sender, not what siginfo says.
    let (_table, init) = boot();
    let inner = container(&init);
    inner.process().setpgid(0, 0).unwrap();
    let sender = fork(&inner);
    let innermost = container(&inner);
    kill(&sender, 0, 9).unwrap();
    assert!(innermost.process().is_group_exiting(), "the sender is outside");
    assert!(!inner.process().is_group_exiting(), "the sender is inside");
}

#[test]
fn a_signal_for_a_process_addresses_a_thread() {
    // R-KILL-02, R-NOTIFY-01: whom kill(2) named, whose child has died, else the leader.
    let (table, init) = boot();
    let parent = fork(&init);
    let second = spawn(&parent);
    let child = fork(&second);
    addressed(&table);
    exit(&child, 0);
    kill(&init, number(&second), 10).unwrap();
    kill(&init, number(&parent), 10).unwrap();
    assert_eq!(addressed(&table), [(second.tid(), 17), (second.tid(), 10), (parent.tid(), 10)]);
}

#[test]
fn a_signal_for_the_process_of_a_threads_handle_addresses_the_thread() {
    // R-PIDFD-04: the handle's thread is asked first, as by its number.
    let (table, init) = boot();
    let parent = fork(&init);
    let second = spawn(&parent);
    addressed(&table);
    init.pidfd_send_signal(&second.handle().unwrap(), 10, SignalScope::Process, None).unwrap();
    init.pidfd_send_signal(&parent.process().handle().unwrap(), 10, SignalScope::Process, None)
        .unwrap();
    assert_eq!(addressed(&table), [(second.tid(), 10), (parent.tid(), 10)]);
}
