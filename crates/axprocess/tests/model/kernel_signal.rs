//! Signals of the kernel's own, and signals that are forced.

use crate::kernel::*;
use axprocess::{
    ForcedAction, ForkNamespace, ForkRequest, KernelCause, Signal, SignalAction, SignalCause,
    TraceOptions, TraceStart, WaitStatus,
};

const ALRM: Signal = Signal::SIGALRM;
const KILL: Signal = Signal::SIGKILL;
const SEGV: Signal = Signal::SIGSEGV;
const TERM: Signal = Signal::SIGTERM;
const STOP: Signal = Signal::SIGSTOP;
const SIGNALS: [Signal; 3] = [ALRM, SEGV, TERM];

const fn event(code: i32) -> KernelCause<'static, Kernel> {
    KernelCause::Event { code, value: 9, number: 0, sender: None }
}

/// The init of a new namespace, with the default actions, and a child of it.
fn container(parent: &KernelThread) -> (KernelThread, KernelThread) {
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(parent, new).unwrap();
    act(inner.process(), SignalAction::Default, &SIGNALS);
    let child = fork(&inner);
    (inner, child)
}

fn plain(parent: &KernelThread) -> KernelThread {
    let child = fork(parent);
    act(child.process(), SignalAction::Default, &SIGNALS);
    child
}

#[test]
fn what_the_kernel_sends_passes_the_steps_of_any_signal() {
    // R-KILL-13: handled, ignored, blocked, for one thread or the process, of which the thread is asked first that the caller names; fatal at once; nothing to who ends.
    let (table, init) = boot();
    let handling = fork(&init);
    let second = spawn(&handling);
    handling.process().send_signal(ALRM, KernelCause::Kernel);
    second.send_signal(ALRM, event(-2));
    let told = SignalCause::Event { pid: 0, code: -2, value: 9, number: 0 };
    let expected = [Event::Posted(2, 14, SignalCause::Kernel), Event::ThreadPosted(3, 14, told)];
    assert_eq!((posted(&table), senders(&table)), (expected.to_vec(), vec![None, None]));
    act(handling.process(), SignalAction::Ignore, &[ALRM]);
    handling.process().send_signal(ALRM, KernelCause::Kernel);
    assert_eq!(posted(&table), []);
    block(&table, &second, ALRM);
    second.send_signal(ALRM, KernelCause::Kernel);
    assert_eq!(posted(&table), [Event::ThreadPosted(3, 14, SignalCause::Kernel)]);

    events(&table);
    addressed(&table);
    let third = spawn(&second);
    act(handling.process(), SignalAction::Handle, &[TERM]);
    third.send_process_signal(TERM, event(-2));
    handling.process().send_signal(TERM, event(-2));
    assert_eq!(addressed(&table), [(4, 15), (2, 15)]);
    assert_eq!(posted(&table).len(), 2);

    let target = plain(&init);
    target.send_signal(ALRM, KernelCause::Kernel);
    assert_eq!(exit_requests(&table), [target.tid()]);
    events(&table);
    target.process().send_signal(KILL, KernelCause::Kernel);
    target.send_signal(KILL, event(-2));
    assert_eq!(posted(&table), []);
    exit(&target, 0);
    let end = WaitStatus::Signaled { signal: ALRM, core_dumped: false };
    assert_eq!(wait4(&init, target.tid() as i32, 0), Waited::Got(target.tid(), end));
    target.process().send_signal(KILL, KernelCause::Kernel);
}

#[test]
fn an_init_is_hit_from_outside_by_who_says_no_more_than_that_it_is_the_kernel() {
    // R-KILL-13, R-NS-11: SI_KERNEL, and who is not seen inside; not an event with a code of its own, nor the init itself, whatever the signal.
    let (table, init) = boot();
    let others = [(); 3].map(|()| container(&init));
    let (inner, child) = container(&init);
    let harmless = [
        event(-2),
        event(1),
        KernelCause::OnBehalfOf(inner.process()),
        KernelCause::OnBehalfOf(child.process()),
        KernelCause::Event { code: -3, value: 0, number: 0, sender: Some(child.process()) },
    ];
    for cause in harmless {
        for signal in [KILL, STOP, TERM] {
            inner.process().send_signal(signal, cause);
            inner.send_signal(signal, cause);
        }
    }
    inner.process().send_signal(TERM, KernelCause::Kernel);
    assert_eq!(posted(&table), []);
    let outside =
        KernelCause::Event { code: -3, value: 4, number: 0, sender: Some(init.process()) };
    inner.process().send_signal(STOP, outside);
    let unseen = SignalCause::Event { pid: 0, code: -3, value: 4, number: 0 };
    assert_eq!(posted(&table), [Event::Posted(1, 19, unseen)]);
    let causes = [KernelCause::Kernel, KernelCause::OnBehalfOf(init.process()), event(0x80)];
    for (cause, (inner, _child)) in causes.into_iter().zip(others) {
        inner.process().send_signal(KILL, cause);
        assert!(inner.process().is_group_exiting());
    }
}

#[test]
fn who_is_named_is_shown_as_the_receiver_sees_it() {
    // R-KILL-13: SIGPIPE by the receiver itself; cgroup.kill by who writes there, from within a namespace to outside of it.
    let (table, init) = boot();
    let (inner, _child) = container(&init);
    inner.send_signal(Signal::SIGPIPE, KernelCause::OnBehalfOf(inner.process()));
    let own = SignalCause::User { pid: 1 };
    assert_eq!(posted(&table), [Event::ThreadPosted(1, 13, own)]);
    init.process().send_signal(TERM, KernelCause::OnBehalfOf(inner.process()));
    let outer = SignalCause::User { pid: 2 };
    assert_eq!(posted(&table), [Event::Posted(1, 15, outer)]);
    assert_eq!(senders(&table), [Some(1), Some(1)]);
}

#[test]
fn a_group_gets_the_kernels_signal_from_its_last_member_on() {
    // R-KILL-13: SIGIO to the group of F_SETOWN, each if its owner may send to it.
    let (table, init) = boot();
    let [leader, second, third] = [plain(&init), plain(&init), plain(&init)];
    leader.process().setpgid(0, 0).unwrap();
    for member in [&second, &third] {
        init.process().setpgid(member.tid() as i32, leader.tid() as i32).unwrap();
    }
    let identity = leader.process().identity().unwrap();
    exit(&leader, 0);
    wait4(&init, leader.tid() as i32, 0);
    events(&table);
    let group = identity.group_of_number().unwrap();
    group.send_signal(ALRM, event(1), |view, member| {
        view.pgid(view.group(member), table.namespace()) == 2
    });
    assert_eq!(exit_requests(&table), [third.tid(), second.tid()]);
    group.send_signal(KILL, event(1), |_, _| false);
    let told = SignalCause::Event { pid: 0, code: 1, value: 9, number: 0 };
    assert_eq!(posted(&table), [third.tid(), second.tid()].map(|pid| Event::Posted(pid, 14, told)));
}

#[test]
fn the_owner_of_a_file_is_a_group_whoever_is_in_it_then() {
    // R-KILL-13, R-PID-09: F_SETOWN of a group names those who are members when the file is ready, and nobody once the group has ended.
    let (table, init) = boot();
    let [leader, early] = chain(&init);
    leader.process().setpgid(0, 0).unwrap();
    early.process().setpgid(0, leader.tid() as i32).unwrap();
    let owner = init.process().namespace().find_identity(leader.tid()).unwrap();
    let late = fork(&early);
    early.process().setpgid(0, 0).unwrap();
    exit(&leader, 0);
    wait4(&init, leader.tid() as i32, 0);
    events(&table);
    let ready = || {
        if let Some(group) = owner.group_of_number() {
            group.send_signal(Signal::SIGIO, KernelCause::Kernel, |_, _| true);
        }
    };
    ready();
    assert_eq!(posted(&table), [Event::Posted(late.tid(), 29, SignalCause::Kernel)]);
    late.process().setpgid(0, 0).unwrap();
    ready();
    assert_eq!(posted(&table), []);
}

#[test]
fn an_alarm_ends_who_sleeps_in_vfork() {
    // R-KILL-13, R-VFORK-02: at once, and not when the child lets it go.
    let (table, init) = boot();
    let parent = plain(&init);
    let child = fork(&parent);
    parent.begin_vfork(&child);
    assert!(parent.is_waiting_for_vfork());
    parent.process().send_signal(ALRM, KernelCause::Kernel);
    assert_eq!(exit_requests(&table), [parent.tid()]);
    exit(&parent, 0);
    let end = WaitStatus::Signaled { signal: ALRM, core_dumped: false };
    assert_eq!(wait4(&init, parent.tid() as i32, 0), Waited::Got(parent.tid(), end));
}

#[test]
fn a_traced_inits_tracer_sees_what_would_be_dropped() {
    // R-PTRACE-09, R-KILL-13: a stop signal of its own, and an event's SIGTERM; not SIGKILL, which no tracer sees.
    let (table, init) = boot();
    let (inner, child) = container(&init);
    init.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    child.kill(1, 19).unwrap();
    inner.process().send_signal(TERM, event(-2));
    inner.process().send_signal(KILL, event(-2));
    let told = SignalCause::Event { pid: 0, code: -2, value: 9, number: 0 };
    let sender = SignalCause::User { pid: 2 };
    assert_eq!(posted(&table), [Event::Posted(1, 19, sender), Event::Posted(1, 15, told)]);
}

#[test]
fn the_tracer_of_a_dead_thread_sees_what_is_sent_to_its_process_by_its_number() {
    // R-PTRACE-09, R-KILL-13: as long as the dead thread is there, nothing that it is asked first about ends the process at once.
    for is_traced in [true, false] {
        let (_table, init) = boot();
        let (child, tracer) = (fork(&init), fork(&init));
        let thread = spawn(&child);
        act(child.process(), SignalAction::Default, &[TERM]);
        if is_traced {
            let tid = thread.tid().cast_signed();
            tracer.attach(tid, TraceStart::Seize, TraceOptions::empty()).unwrap();
            exit(&thread, 0);
        }
        thread.send_process_signal(TERM, event(-2));
        assert_eq!(child.process().is_group_exiting(), !is_traced);
    }
}

#[test]
fn a_forced_signal_finds_neither_mask_nor_handler() {
    // R-KILL-14: AsSet leaves a handler that could run; what is blocked or ignored, and the other two, are reset, and the signal is queued for the thread.
    let (table, init) = boot();
    let fault = event(1);
    let told = SignalCause::Event { pid: 0, code: 1, value: 9, number: 0 };
    let forced_on = |thread: &KernelThread, action| {
        thread.force_signal(SEGV, fault, action);
        assert_eq!(posted(&table), [Event::ThreadPosted(thread.tid(), 11, told)]);
        resets(&table)
    };
    for action in [SignalAction::Handle, SignalAction::Default] {
        let thread = fork(&init);
        act(thread.process(), action, &[SEGV]);
        assert_eq!(forced_on(&thread, ForcedAction::AsSet), []);
        block(&table, &thread, SEGV);
        let reset = (thread.tid(), SEGV, ForcedAction::AsSet);
        assert_eq!(forced_on(&thread, ForcedAction::AsSet), [reset]);
    }
    let thread = fork(&init);
    act(thread.process(), SignalAction::Ignore, &[SEGV]);
    assert_eq!(
        forced_on(&thread, ForcedAction::AsSet),
        [(thread.tid(), SEGV, ForcedAction::AsSet)]
    );
    for action in [ForcedAction::Default, ForcedAction::Final] {
        let thread = fork(&init);
        assert_eq!(forced_on(&thread, action), [(thread.tid(), SEGV, action)]);
    }
    let thread = fork(&init);
    thread.force_signal(KILL, KernelCause::Kernel, ForcedAction::Default);
    assert_eq!(resets(&table), []);
    assert!(thread.process().is_group_exiting());
    thread.force_signal(SEGV, fault, ForcedAction::Final);
    exit(&thread, 0);
    thread.force_signal(SEGV, fault, ForcedAction::Final);
    assert_eq!(resets(&table).len(), 1, "it was still running when its exit was decided");
}

#[test]
fn a_fault_takes_an_inits_shield_unless_it_is_handled_or_shown_to_a_tracer() {
    // R-KILL-14, R-NS-14: for good: other signals act from then on, too.
    let (table, init) = boot();
    let forced = |prepare: &dyn Fn(&KernelThread), action| {
        let (inner, _child) = container(&init);
        prepare(&inner);
        inner.force_signal(SEGV, event(1), action);
        (!inner.process().is_protected_from(SEGV), inner)
    };
    let handles = |inner: &KernelThread| act(inner.process(), SignalAction::Handle, &[SEGV]);
    let blocks = |inner: &KernelThread| {
        act(inner.process(), SignalAction::Handle, &[SEGV]);
        block(&table, inner, SEGV);
    };
    let is_traced = |inner: &KernelThread| {
        let tid = inner.tid_in(table.namespace());
        init.attach(tid.cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    };
    assert!(forced(&|_| {}, ForcedAction::AsSet).0);
    assert!(forced(&blocks, ForcedAction::AsSet).0);
    assert!(forced(&handles, ForcedAction::Default).0);
    assert!(!forced(&handles, ForcedAction::AsSet).0);
    assert!(!forced(&is_traced, ForcedAction::AsSet).0);
    assert!(!forced(&is_traced, ForcedAction::Default).0);
    assert!(forced(&is_traced, ForcedAction::Final).0);
    let (_, inner) = forced(&|_| {}, ForcedAction::AsSet);
    exit_requests(&table);
    inner.kill(1, 15).unwrap();
    assert_eq!(exit_requests(&table), [1]);
}

#[test]
fn a_hook_is_told_who_has_sent_a_signal() {
    // House rule: the process whose number the siginfo says: a sender, a child with news, a dying parent; none for the kernel's own.
    let (table, init) = boot();
    let [parent, child] = chain(&init);
    let [job, traced] = [fork(&init), fork(&init)];
    let told = |act: &dyn Fn()| {
        senders(&table);
        act();
        senders(&table)
    };
    assert_eq!(told(&|| child.kill(1, 15).unwrap()), [Some(3)]);
    assert_eq!(told(&|| child.tkill(1, 15).unwrap()), [Some(3)]);
    assert_eq!(told(&|| parent.kill(-1, 15).unwrap()), [Some(2); 3]);
    child.set_parent_death_signal(Some(TERM));
    assert_eq!(told(&|| exit(&parent, 0)), [Some(2), Some(2)]);
    assert_eq!(told(&|| exit(&child, 0)), [Some(3)]);
    job.begin_stop(STOP, job.process().stop_ticket());
    assert_eq!(told(&|| _ = job.join_stop()), [Some(4)]);
    let seize = || {
        drop(
            init.attach(traced.tid().cast_signed(), TraceStart::Attach, TraceOptions::empty())
                .unwrap(),
        )
    };
    assert_eq!(told(&seize), [None]);
}
