//! What a signal does when it is sent: what is ignored, what ends a process, whom nothing touches.

use crate::kernel::*;
use axprocess::{
    DiscardedSignals, Errno, ExitStatus, ForkNamespace, ForkRequest, GivenInfo, Pid, ProcessState,
    Signal, SignalAction, SignalCause, SignalScope, StopDecision, TerminalFile, TerminalKind,
    ThreadStop, WaitStatus,
};

const HUP: Signal = Signal::SIGHUP;
const TERM: Signal = Signal::SIGTERM;
const KILL: Signal = Signal::SIGKILL;
const STOP: Signal = Signal::SIGSTOP;
const CONT: Signal = Signal::SIGCONT;

/// What a process that has just been exec'd does about signals.
const DEFAULTS: [Signal; 8] = [
    HUP,
    TERM,
    CONT,
    Signal::SIGCHLD,
    Signal::SIGSEGV,
    Signal::SIGTSTP,
    Signal::SIGUSR1,
    Signal::SIGQUIT,
];

fn by_default(thread: &KernelThread) {
    act(thread.process(), SignalAction::Default, &DEFAULTS);
}

/// A child with the default actions.
fn plain(parent: &KernelThread) -> KernelThread {
    let child = fork(parent);
    by_default(&child);
    child
}

/// The init of a new namespace, with the default actions, and a child of it.
fn container(parent: &KernelThread) -> (KernelThread, KernelThread) {
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(parent, new).unwrap();
    by_default(&inner);
    let child = fork(&inner);
    (inner, child)
}

fn kill(sender: &KernelThread, pid: Pid, signal: Signal) -> Result<(), Errno> {
    sender.kill(pid as i32, signal.number().into())
}

fn sent(target: Pid, signal: Signal, sender: Pid) -> Event {
    Event::Posted(target, signal.number(), SignalCause::User { pid: sender })
}

fn killed(signal: Signal) -> WaitStatus {
    WaitStatus::Signaled { signal, core_dumped: false }
}

#[test]
fn an_init_ignores_from_inside_what_it_does_not_handle() {
    // R-NS-10: KILL, STOP and SEGV included, from a child and from itself; kill says 0; with a handler it is delivered.
    let (table, init) = boot();
    let (inner, child) = container(&init);
    for sender in [&inner, &child] {
        for signal in [KILL, STOP, TERM, Signal::SIGSEGV, Signal::SIGTSTP] {
            assert_eq!(kill(sender, 1, signal), Ok(()));
            assert_eq!(sender.tkill(1, signal.number().into()), Ok(()));
        }
    }
    assert_eq!(posted(&table), []);
    assert!(!inner.process().is_group_exiting());
    act(inner.process(), SignalAction::Handle, &[TERM]);
    kill(&child, 1, TERM).unwrap();
    assert_eq!(posted(&table), [sent(1, TERM, 2)]);
}

#[test]
fn an_init_can_be_killed_and_stopped_from_outside() {
    // R-NS-11: TERM, HUP and TSTP are dropped there too; a handled one shows sender 0.
    let (table, init) = boot();
    let (inner, _child) = container(&init);
    for signal in [TERM, HUP, Signal::SIGTSTP] {
        assert_eq!(kill(&init, 2, signal), Ok(()));
    }
    assert_eq!(posted(&table), []);
    act(inner.process(), SignalAction::Handle, &[HUP]);
    kill(&init, 2, HUP).unwrap();
    kill(&init, 2, STOP).unwrap();
    kill(&init, 2, KILL).unwrap();
    assert_eq!(posted(&table), [sent(1, HUP, 0), sent(1, STOP, 0), sent(1, KILL, 0)]);
    assert!(inner.process().is_group_exiting());
    assert_eq!(exit_requests(&table), [1]);
}

#[test]
fn what_a_sender_says_itself_is_from_outside_where_linux_takes_it_for_that() {
    // R-KILL-12: SI_KERNEL, which one may send oneself; not SI_TIMER and SI_SIGIO from a sender that is not seen, whose number stays.
    let (table, init) = boot();
    let (inner, child) = container(&init);
    let info = |signal: Signal, code| {
        let signal = signal.number().into();
        GivenInfo { pid: 77, ..GivenInfo::new(signal, code) }
    };
    for code in [-2, -5] {
        assert_eq!(init.rt_sigqueueinfo(2, info(KILL, code)), Ok(()));
        assert_eq!(init.rt_tgsigqueueinfo(2, 2, info(STOP, code)), Ok(()));
    }
    for code in [0, 1, 0x81, -6, -1] {
        assert_eq!(inner.rt_sigqueueinfo(1, info(KILL, code)), Ok(()));
    }
    assert_eq!(inner.rt_sigqueueinfo(1, info(TERM, 0x80)), Ok(()));
    assert_eq!(child.rt_sigqueueinfo(1, info(KILL, -1)), Ok(()));
    assert_eq!(posted(&table), []);
    act(inner.process(), SignalAction::Handle, &[HUP]);
    for (code, pid) in [(-1, 0), (-2, 77), (-5, 77), (-3, 0)] {
        init.rt_sigqueueinfo(2, info(HUP, code)).unwrap();
        let is_from_outside = pid == 0;
        let (uid, value, rest) = (0, 0, [0; 2]);
        let cause = SignalCause::Given { errno: 0, code, pid, uid, value, rest, is_from_outside };
        assert_eq!(posted(&table), [Event::Posted(1, HUP.number(), cause)], "{code}");
    }
    assert_eq!(inner.rt_tgsigqueueinfo(1, 1, info(KILL, 0x80)), Ok(()));
    assert!(inner.process().is_group_exiting());
}

#[test]
fn a_nested_init_is_killed_by_the_end_of_the_namespace_around_it() {
    // R-NS-11, R-NS-20: that SIGKILL comes from the kernel; also through the parent-death signal of a parent outside.
    let (table, init) = boot();
    let (outer, child) = container(&init);
    let (nested, _) = container(&child);
    nested.set_parent_death_signal(Some(TERM));
    exit(&child, 0);
    assert_eq!(posted(&table), [], "TERM is dropped from outside as well");
    exit(&outer, 0);
    assert!(nested.process().is_group_exiting());
    exit(&nested, 5);
    assert_eq!(nested.process().exit_status(), ExitStatus::killed(KILL));
}

#[test]
fn a_blocked_signal_waits_at_an_init_and_is_dropped_when_it_is_taken() {
    // R-NS-12, and as seen on Linux 6.18: no other thread that does not block it makes it fatal.
    let (table, init) = boot();
    let (inner, child) = container(&init);
    let other = spawn(&inner);
    block(&table, &inner, TERM);
    kill(&child, 1, TERM).unwrap();
    assert_eq!(posted(&table), [sent(1, TERM, 2)]);
    assert!(!inner.process().is_group_exiting());
    assert!(inner.process().is_protected_from(TERM));
    assert!(!inner.process().is_protected_from(KILL) && !inner.process().is_protected_from(STOP));
    assert!(!child.process().is_protected_from(TERM));
    assert_eq!(inner.process().would_stop(Signal::SIGTSTP), StopDecision::Discard);
    assert_eq!(inner.process().would_stop(STOP), StopDecision::Stop);
    drop(other);
}

#[test]
fn kill_of_all_reaches_nested_inits_as_the_rules_say() {
    // R-NS-13: not one's own init; a nested one from outside, where KILL acts and TERM does not.
    let (table, init) = boot();
    let caller = plain(&init);
    let (inner, child) = container(&init);
    caller.kill(-1, 15).unwrap();
    assert_eq!(posted(&table), [sent(2, TERM, 0)]);
    child.kill(-1, 9).unwrap_err();
    caller.kill(-1, 9).unwrap();
    assert_eq!(posted(&table), [sent(1, KILL, 0), sent(2, KILL, 0)]);
    assert!(inner.process().is_group_exiting());
}

#[test]
fn the_tables_own_init_has_no_outside() {
    // R-NS-10: even the kernel cannot kill or stop it; what it handles it gets.
    let (table, init) = boot();
    by_default(&init);
    let child = fork(&init);
    for signal in [KILL, STOP, TERM, HUP] {
        assert_eq!(kill(&child, 1, signal), Ok(()));
        assert_eq!(kill(&init, 1, signal), Ok(()));
    }
    let killer = ForkRequest { exit_signal: KILL.into(), ..Default::default() };
    exit(&fork_with(&init, killer).unwrap(), 0);
    init.process().setsid().unwrap();
    let console = table.new_terminal(TerminalKind::Other, 1, ()).unwrap();
    init.process().open_terminal(&console, TerminalFile::Readable);
    console.signal_foreground(KILL);
    console.signal_foreground(STOP);
    assert_eq!(posted(&table), []);
    assert!(!init.process().is_group_exiting());
    act(init.process(), SignalAction::Handle, &[TERM]);
    kill(&child, 1, TERM).unwrap();
    assert_eq!(posted(&table), [sent(1, TERM, 2)]);
}

#[test]
fn an_init_ends_by_itself() {
    // R-NS-14: by exit_group, and by a fault, which the kernel decides without asking who sent it.
    for status in [ExitStatus::exited(4), ExitStatus::dumped(Signal::SIGSEGV)] {
        let (_table, init) = boot();
        let (inner, child) = container(&init);
        exit(&child, 0);
        assert!(inner.process().begin_group_exit(status));
        exit(&inner, 0);
        assert_eq!(wait4(&init, -1, 0), Waited::Got(2, status.into()));
    }
}

#[test]
fn sigcont_from_inside_resumes_a_stopped_init() {
    // R-STOP-02, R-NS-10: the stop ends and the queues are cleared although the signal itself is dropped.
    let (table, init) = boot();
    let (inner, child) = container(&init);
    kill(&init, 2, STOP).unwrap();
    inner.begin_stop(STOP, inner.process().stop_ticket());
    inner.join_stop();
    events(&table);
    discards(&table);
    kill(&child, 1, CONT).unwrap();
    assert!(!inner.process().is_stopped());
    assert_eq!(posted(&table), []);
    assert_eq!(discards(&table), [(1, DiscardedSignals::Stops)]);
    assert_eq!(wait4(&init, -1, WCONTINUED), Waited::Got(2, WaitStatus::Continued));
}

#[test]
fn an_ignored_signal_is_discarded_unless_it_is_blocked() {
    // R-KILL-10: by SIG_IGN, and by a default action that is nothing; the mask that counts is the addressed thread's.
    let (table, init) = boot();
    let target = plain(&init);
    let thread = spawn(&target);
    act(target.process(), SignalAction::Ignore, &[TERM]);
    for signal in [TERM, CONT, Signal::SIGCHLD] {
        kill(&init, 2, signal).unwrap();
        init.tkill(3, signal.number().into()).unwrap();
    }
    assert_eq!(posted(&table), []);
    block(&table, &thread, TERM);
    kill(&init, 2, TERM).unwrap();
    assert_eq!(posted(&table), [], "the leader does not block it");
    kill(&init, 3, TERM).unwrap();
    assert_eq!(posted(&table), [sent(2, TERM, 1)]);
    assert!(!target.process().is_group_exiting());
    block(&table, &target, TERM);
    exit(&target, 0);
    kill(&init, 2, TERM).unwrap();
    assert_eq!(posted(&table), [sent(2, TERM, 1)], "nor has its exit changed what it blocks");
}

#[test]
fn an_ignored_stop_signal_discards_all_the_same() {
    // R-STOP-01: whatever the receiver does about it.
    let (table, init) = boot();
    let target = fork(&init);
    act(target.process(), SignalAction::Ignore, &[Signal::SIGTSTP, CONT]);
    for (signal, discard) in
        [(Signal::SIGTSTP, DiscardedSignals::Continue), (CONT, DiscardedSignals::Stops)]
    {
        kill(&init, 2, signal).unwrap();
        assert_eq!(discards(&table), [(2, discard)]);
    }
    assert_eq!(posted(&table), []);
}

#[test]
fn a_childs_signal_is_ignored_like_any() {
    // R-NOTIFY-09: SIGCHLD by default is nothing, unless it is blocked; the wake-up and the zombie stay.
    let (table, init) = boot();
    let parent = plain(&init);
    exit(&fork(&parent), 0);
    assert_eq!(events(&table), [Event::Wake(2)]);
    block(&table, &parent, Signal::SIGCHLD);
    exit(&fork(&parent), 1);
    assert_eq!(signals(&table), [Event::Signal(2, 17, 4, WaitStatus::Exited(1))]);
    assert_eq!(wait4(&parent, -1, 0), exited(3, 0));
    assert_eq!(wait4(&parent, -1, 0), exited(4, 1));
}

#[test]
fn an_exit_signal_can_end_the_parent() {
    // R-NOTIFY-01, R-EXIT-10: it is a signal like any; the child is a zombie of the dying parent.
    let (_table, init) = boot();
    let parent = plain(&init);
    let killer = ForkRequest { exit_signal: KILL.into(), ..Default::default() };
    let child = fork_with(&parent, killer).unwrap();
    exit(&child, 0);
    assert_eq!(child.process().state(), ProcessState::Zombie);
    exit(&parent, 0);
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed(KILL)));
}

#[test]
fn b27_a_fatal_signal_decides_the_exit_when_it_is_sent() {
    // B27, R-EXIT-10: whatever its threads are doing, each is asked to exit; the signal that came first is the status.
    for signal in [TERM, HUP, Signal::SIGUSR1, KILL] {
        let (table, init) = boot();
        let leader = plain(&init);
        let thread = spawn(&leader);
        kill(&init, 2, signal).unwrap();
        assert_eq!(posted(&table), [sent(2, signal, 1)]);
        assert_eq!(exit_requests(&table), [2, 3]);
        kill(&init, 2, KILL).unwrap();
        assert_eq!(thread.spawn_thread(Default::default(), ()).err(), Some(Errno::EINTR));
        assert!(!leader.process().begin_group_exit(ExitStatus::exited(9)));
        exit(&leader, 1);
        exit(&thread, 2);
        assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed(signal)));
    }
}

#[test]
fn b39_nothing_is_queued_to_a_process_whose_exit_is_decided() {
    // B39, R-EXIT-12: every sender succeeds; SIGKILL, SIGCONT and a child's signal included.
    let (table, init) = boot();
    let parent = plain(&init);
    let child = fork(&parent);
    parent.process().begin_group_exit(ExitStatus::exited(3));
    drop((events(&table), discards(&table), exit_requests(&table)));
    for signal in [KILL, TERM, CONT, STOP] {
        assert_eq!(kill(&init, 2, signal), Ok(()));
        assert_eq!(init.tgkill(2, 2, signal.number().into()), Ok(()));
    }
    exit(&child, 0);
    assert_eq!((posted(&table), discards(&table), exit_requests(&table)), (vec![], vec![], vec![]));
    exit(&parent, 0);
    assert_eq!(wait4(&init, 2, 0), exited(2, 3));
}

#[test]
fn a_core_signal_decides_when_it_is_taken() {
    // R-EXIT-11: only queued at first; another fatal signal may be faster.
    let (table, init) = boot();
    let target = plain(&init);
    kill(&init, 2, Signal::SIGQUIT).unwrap();
    assert!(!target.process().is_group_exiting());
    kill(&init, 2, TERM).unwrap();
    assert!(target.process().is_group_exiting());
    assert_eq!(posted(&table).len(), 2);
    assert!(!target.process().begin_group_exit(ExitStatus::dumped(Signal::SIGQUIT)));
    exit(&target, 0);
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed(TERM)));
}

#[test]
fn one_thread_that_can_take_it_is_enough() {
    // R-EXIT-10: for the process any thread, a dead leader's included; for a thread that one; R-EXIT-08, R-EXIT-09: then all of them die.
    let (table, init) = boot();
    let leader = plain(&init);
    let thread = spawn(&leader);
    block(&table, &leader, TERM);
    block(&table, &thread, HUP);
    init.tkill(2, 15).unwrap();
    init.tkill(3, 1).unwrap();
    assert!(!leader.process().is_group_exiting(), "they wait");
    exit(&leader, 0);
    kill(&init, 2, HUP).unwrap();
    assert!(!leader.process().is_group_exiting(), "nobody left takes it");
    kill(&init, 2, TERM).unwrap();
    assert_eq!(exit_requests(&table), [3]);
    let target = plain(&init);
    let thread = spawn(&target);
    init.tkill(thread.tid() as i32, 15).unwrap();
    assert_eq!(exit_requests(&table), [target.tid(), thread.tid()]);
}

#[test]
fn a_thread_with_a_signal_to_look_at_takes_no_other_but_sigkill() {
    // R-EXIT-10: the next one waits, unless another thread takes it; it is not blocked by that, so what is ignored is dropped (R-KILL-10).
    let (table, init) = boot();
    let busy = plain(&init);
    tell_of_signal(&table, &busy);
    kill(&init, 2, TERM).unwrap();
    assert_eq!(posted(&table), [sent(2, TERM, 1)]);
    assert!(!busy.process().is_group_exiting(), "it waits");
    act(busy.process(), SignalAction::Ignore, &[HUP]);
    kill(&init, 2, HUP).unwrap();
    assert_eq!(posted(&table), []);
    kill(&init, 2, KILL).unwrap();
    assert_eq!(exit_requests(&table), [2]);
    let busy = plain(&init);
    let free = spawn(&busy);
    tell_of_signal(&table, &busy);
    kill(&init, busy.tid(), TERM).unwrap();
    assert_eq!(exit_requests(&table), [busy.tid(), free.tid()]);
}

#[test]
fn a_standard_signal_that_waits_already_ends_nobody_when_it_is_sent_again() {
    // R-EXIT-10: it was sent when nobody could take it; whoever looks takes the lowest first, which may be another.
    let (table, init) = boot();
    let target = plain(&init);
    let second = spawn(&target);
    keep_queued(&table, 2, TERM);
    kill(&init, 2, TERM).unwrap();
    assert!(!target.process().is_group_exiting());
    init.tkill(second.tid() as i32, 15).unwrap();
    assert!(target.process().is_group_exiting(), "a thread has a queue of its own");
}

#[test]
fn while_stopped_only_sigkill_and_sigcont_act() {
    // R-STOP-08: SIGTERM waits in the queue and acts when it is taken; SIGKILL ends at once.
    let (table, init) = boot();
    let target = plain(&init);
    target.begin_stop(STOP, target.process().stop_ticket());
    assert_eq!(target.join_stop(), ThreadStop::Last);
    kill(&init, 2, TERM).unwrap();
    assert_eq!(posted(&table), [sent(2, TERM, 1)]);
    assert!(target.process().is_stopped());
    kill(&init, 2, KILL).unwrap();
    assert!(!target.process().is_stopped() && target.process().is_group_exiting());
    exit(&target, 0);
    assert_eq!(wait4(&init, 2, 0), Waited::Got(2, killed(KILL)));
}

#[test]
fn a_host_that_tells_nothing_gets_every_signal_and_decides_itself() {
    // R-EXIT-10: but for SIGKILL, about which there is nothing to tell.
    let (table, init) = boot();
    let target = fork(&init);
    for signal in [TERM, CONT, Signal::SIGCHLD, HUP] {
        kill(&init, 2, signal).unwrap();
    }
    assert_eq!(posted(&table).len(), 4);
    assert!(!target.process().is_group_exiting());
    kill(&init, 2, KILL).unwrap();
    assert!(target.process().is_group_exiting());
    assert_eq!(wait4(&init, 2, WNOHANG), Waited::Nothing, "its threads have yet to exit");
}

#[test]
fn a_stopped_orphan_is_continued_by_a_signal_that_it_ignores() {
    // R-ORPHAN-03, R-STOP-02, R-STOP-08: SIGHUP waits while it is stopped; SIGCONT is nothing by default, but ends the stop.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job = plain(&shell);
    job.process().setpgid(0, 0).unwrap();
    job.process().report_group_stopped(STOP);
    exit(&shell, 0);
    assert_eq!(kernel_signals(&table), [(3, 1)]);
    assert!(!job.process().is_stopped() && !job.process().is_group_exiting());
}

#[test]
fn what_is_sent_to_a_dead_leader_alone_has_no_effect() {
    // R-KILL-08, R-STOP-01, R-STOP-02: tkill succeeds, ends no stop and discards nothing; kill does (R-STOP-10).
    let (table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    exit(&leader, 0);
    other.process().report_group_stopped(Signal::SIGSTOP);
    discards(&table);
    init.tkill(2, 18).unwrap();
    init.tkill(2, 9).unwrap();
    assert!(other.process().is_stopped() && discards(&table).is_empty());
    init.kill(2, 18).unwrap();
    assert!(!other.process().is_stopped() && !other.process().is_group_exiting());
}

#[test]
fn a_real_time_signal_that_waits_already_is_sent_again() {
    // R-EXIT-10: standard signals wait once; from 32 on each sending counts, so the second may end who has not seen the first.
    let (table, init) = boot();
    for (number, ends) in [(31, false), (32, true), (64, true)] {
        let target = plain(&init);
        act(target.process(), SignalAction::Default, &[Signal::new(number).unwrap()]);
        keep_queued(&table, target.tid(), Signal::new(number).unwrap());
        init.kill(target.tid() as i32, number.into()).unwrap();
        assert_eq!(target.process().is_group_exiting(), ends, "{number}");
    }
}

#[test]
fn the_scopes_of_pidfd_send_signal_are_four() {
    // R-PIDFD-04: one at most of the flags for a thread, a process, a group; without one the handle says.
    let known = [SignalScope::OfHandle, SignalScope::Thread, SignalScope::Process];
    assert_eq!([0, 1, 2].map(SignalScope::from_flags), known.map(Ok));
    assert_eq!(SignalScope::from_flags(4), Ok(SignalScope::Group));
    for wrong in [3, 5, 6, 7, 8, u32::MAX] {
        assert_eq!(SignalScope::from_flags(wrong), Err(Errno::EINVAL));
    }
}

#[test]
fn a_handle_stands_for_its_thread_as_long_as_the_number_does() {
    // R-PIDFD-04, R-EXEC-05: a signal like the kernel's own goes to oneself only: not to another thread, and not by the number lost in exec.
    let (_table, init) = boot();
    let leader = fork(&init);
    let [caller, other] = [spawn(&leader), spawn(&leader)];
    let (own, others) = (caller.handle().unwrap(), other.handle().unwrap());
    let signal = GivenInfo::new(10, 0);
    let send =
        |handle| caller.pidfd_send_signal(handle, 10, SignalScope::OfHandle, Some(Ok(signal)));
    assert_eq!(send(&own), Ok(()));
    assert_eq!(send(&others), Err(Errno::EPERM));
    caller.exec().unwrap();
    assert_eq!(
        send(&own),
        Err(Errno::EPERM),
        "Linux looks at the number before it looks for the thread"
    );
    assert_eq!(send(&caller.handle().unwrap()), Ok(()));
}
