//! What forks, new threads, programs and exits do to signals.

use crate::kernel::*;
use crate::names::*;
use axprocess::{ARef, CloneFlags, ForcedAction, GivenInfo, KernelCause, Number, Signal};
use axprocess_signals::{
    Action, ActionFlags, Handler, ProcessSignals, Signals, ThreadSignals, check_invariants,
};

fn blocked(thread: &Thread) -> axprocess_signals::SignalSet {
    signals_of(thread).blocked()
}

pub(crate) fn exec(thread: &Thread) {
    thread.exec().unwrap();
    signals_of(thread).exec();
}

/// Two processes with one table of actions.
fn sharers(init: &Thread) -> [ARef<Thread>; 2] {
    let one = fork(init);
    let other = fork_with(&one, CloneFlags::SIGHAND | CloneFlags::VM);
    [one, other]
}

#[test]
fn a_new_thread_has_its_creators_mask_and_nothing_waiting() {
    // R-SIG-80: not what waits for the creator.
    let (_table, init, child) = scene();
    block(&child, &[HUP, USR1]);
    tkill(&init, &child, HUP);
    kill(&init, &child, USR1);
    let thread = spawn(&child);
    assert_eq!(blocked(&thread), set(&[HUP, USR1]));
    assert_eq!(pending(&thread), (set(&[]), set(&[USR1])));
}

#[test]
fn a_child_has_nothing_waiting_and_the_mask_in_force() {
    // R-SIG-81: in a handler, what that has added too; actions as they are, from then on its own.
    let (_table, init, child) = scene();
    act(&child, USR1, handler(ActionFlags::empty(), &[USR2]));
    ignore(&child, &[TERM]);
    block(&child, &[HUP]);
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    assert_eq!(program.run(), [Seen::Handler(USR1)]);
    kill(&init, &child, HUP);
    tkill(&init, &child, USR2);
    let grandchild = fork(&child);
    assert_eq!(blocked(&grandchild), set(&[HUP, USR1, USR2]));
    assert_eq!(pending(&grandchild), NOTHING);
    assert!(!is_told(&grandchild));
    assert_eq!(action(&grandchild, USR1), action(&child, USR1));
    assert_eq!(action(&grandchild, TERM), IGNORE);
    let shown = signals_of(&grandchild).ignored_and_caught();
    assert_eq!(shown, (set(&[TERM]), set(&[USR1])));
    unblock(&grandchild, &[USR1]);
    kill(&init, &grandchild, USR1);
    assert_eq!(handlers_run(&grandchild), [USR1]);
    handle(&grandchild, &[TERM]);
    act(&child, USR1, Action::default());
    assert_eq!(action(&child, TERM), IGNORE);
    assert_eq!(action(&grandchild, USR1), handler(ActionFlags::empty(), &[USR2]));
}

#[test]
fn whoever_changes_an_action_behind_a_fork_changes_its_own() {
    // R-SIG-81: maker, child and sibling, whichever way an action changes.
    let changes: [fn(&Thread, &Thread); 5] = [
        |_, thread| _ = act(thread, USR1, Action::default()),
        |_, thread| ignore(thread, &[USR1]),
        |init, thread| {
            kill(init, thread, USR1); // its handler runs once
            assert_eq!(handlers_run(thread), [USR1]);
        },
        |_, thread| {
            let (cause, action) = (KernelCause::Kernel, ForcedAction::Default);
            thread.force_signal(signal(USR1), cause, action);
        },
        |_, thread| exec(thread),
    ];
    for change in changes {
        for who in 0..3 {
            let (_table, init, maker) = scene();
            let set_before = handler(ActionFlags::RESETHAND, &[USR2]);
            act(&maker, USR1, set_before);
            let all = [maker.clone(), fork(&maker), fork(&maker)];
            change(&init, &all[who]);
            for (other, thread) in all.iter().enumerate() {
                assert_eq!(action(thread, USR1) == set_before, other != who, "{who}, {other}");
            }
            act(&all[(who + 1) % 3], USR1, IGNORE);
            assert_eq!(action(&all[(who + 2) % 3], USR1), set_before);
            let heir = fork(&all[(who + 2) % 3]);
            assert_eq!(action(&heir, USR1), set_before);
        }
    }
}

#[test]
fn a_child_of_who_blocks_or_handles_sigchld_is_told_of() {
    // R-NOTIFY-01: whatever is unusual about SIGCHLD of the parent, whether it was so at its birth or became so, is asked about.
    let changes: [fn(&Thread); 3] = [
        |thread| block(thread, &[CHLD]),
        |thread| handle(thread, &[CHLD]),
        |thread| drop(wait_for(&spawn(thread), &[CHLD])),
    ];
    for change in changes {
        for generations in 0..2 {
            let (_table, _init, mut parent) = scene();
            change(&parent);
            for _ in 0..generations {
                parent = fork(&parent);
            }
            exit(&fork(&parent));
            let blocked = signals_of(&parent).blocked().contains(Signal::SIGCHLD);
            let handled = action(&parent, CHLD) != Action::default();
            let (_, shared) = pending(&parent);
            assert_eq!(shared.contains(Signal::SIGCHLD), blocked || handled);
        }
    }
}

/// Sets all kinds of actions, and returns their numbers with what an exec, or `CLONE_CLEAR_SIGHAND`, makes of them.
fn set_all_kinds(thread: &Thread) -> [(u8, Action); 5] {
    let flags = ActionFlags::SIGINFO | ActionFlags::RESTART | ActionFlags::NOCLDWAIT;
    let with_all = |handler| Action { handler, flags, mask: set(&[USR1]), restorer: 5 };
    let rows = [
        (HUP, with_all(Handler::Ignore), IGNORE),
        (USR1, with_all(Handler::from_raw(7)), Action::default()),
        (CHLD, with_all(Handler::from_raw(7)), Action::default()),
        (TERM, with_all(Handler::Default), Action::default()),
        (40, IGNORE, IGNORE),
    ];
    rows.map(|(number, new, left)| {
        act(thread, number, new);
        (number, left)
    })
}

fn assert_cleared(thread: &Thread, left: [(u8, Action); 5]) {
    for (number, left) in left {
        assert_eq!(action(thread, number), left, "{number}");
    }
    assert_eq!(signals_of(thread).ignored_and_caught(), (set(&[HUP, 40]), set(&[])));
    // SA_NOCLDWAIT is gone with the rest.
    let child = fork(thread);
    exit(&child);
    assert_eq!(child.process().state(), axprocess::ProcessState::Zombie);
}

#[test]
fn a_child_with_cleared_handlers() {
    // R-SIG-82: what is ignored stays so; all else is SIG_DFL, without flags and masks. The parent's stay.
    let (_table, _init, child) = scene();
    let left = set_all_kinds(&child);
    let cleared = fork_with(&child, CloneFlags::CLEAR_SIGHAND);
    assert_cleared(&cleared, left);
    assert_eq!(action(&child, USR1).restorer, 5);
}

#[test]
fn two_processes_have_one_table_of_actions() {
    // R-SIG-83: what either sets, both have; masks and queues are each one's own, and so are the actions of a child with a copy.
    let (_table, init) = boot();
    let [one, other] = sharers(&init);
    handle(&one, &[USR1]);
    assert_eq!(action(&other, USR1), action(&one, USR1));
    ignore(&other, &[HUP]);
    assert_eq!(action(&one, HUP), IGNORE);
    block(&one, &[USR1]);
    assert_eq!(blocked(&other), set(&[]));
    kill(&init, &one, USR1);
    assert_eq!(pending(&other), NOTHING);
    kill(&init, &other, USR1);
    assert_eq!(handlers_run(&other), [USR1]);
    let copy = fork(&one);
    ignore(&copy, &[USR1]);
    assert_eq!(action(&one, USR1).handler, Handler::from_raw(0x4000));
    // A handler for one time is so for both.
    act(&one, USR2, handler(ActionFlags::RESETHAND, &[]));
    kill(&init, &other, USR2);
    assert_eq!(handlers_run(&other), [USR2]);
    assert_eq!(action(&one, USR2).handler, Handler::Default);
}

#[test]
fn who_ignores_a_signal_discards_its_own_alone() {
    // R-SIG-84: in the other process it waits, and is dropped when it is unblocked.
    let (_table, init) = boot();
    let [one, other] = sharers(&init);
    handle(&one, &[USR1]);
    for thread in [&one, &other] {
        block(thread, &[USR1]);
        kill(&init, thread, USR1);
        tkill(&init, thread, USR1);
    }
    ignore(&one, &[USR1]);
    assert_eq!(pending(&one), NOTHING);
    assert_eq!(pending(&other), (set(&[USR1]), set(&[USR1])));
    unblock(&other, &[USR1]);
    assert_eq!(look(&other), []);
    assert_eq!(pending(&other), NOTHING);
}

#[test]
fn a_program_shares_no_actions() {
    // R-SIG-85: the other's stay as they are, whoever executes; from then on each has its own.
    let (_table, init) = boot();
    for is_second in [false, true] {
        let [one, other] = sharers(&init);
        let (executes, stays) = if is_second { (&other, &one) } else { (&one, &other) };
        handle(&one, &[USR1]);
        ignore(&one, &[HUP]);
        exec(executes);
        assert_eq!(action(executes, USR1), Action::default());
        assert_eq!(action(executes, HUP), IGNORE);
        assert_eq!(action(stays, USR1).handler, Handler::from_raw(0x4000));
        ignore(executes, &[USR2]);
        act(executes, HUP, Action::default());
        assert_eq!(action(stays, USR2), Action::default());
        assert_eq!(action(stays, HUP), IGNORE);
    }
}

#[test]
fn a_program_finds_actions_without_flags_and_masks() {
    // R-SIG-86: of signals that stay ignored too.
    let (_table, _init, child) = scene();
    let left = set_all_kinds(&child);
    exec(&child);
    assert_cleared(&child, left);
}

#[test]
fn a_program_has_what_waited_for_the_process_and_for_who_executes() {
    // R-SIG-87: and the mask of that; what waited for the others is gone, the former leader's too.
    let (table, init, leader) = scene();
    become_user(&table, leader.process(), 7, 100);
    let (second, third) = (spawn(&leader), spawn(&leader));
    for thread in [&leader, &second, &third] {
        block_all(thread);
    }
    handle(&leader, &[HUP, USR1]);
    tkill(&init, &leader, HUP);
    tkill(&init, &second, USR1);
    tkill(&init, &third, USR2);
    queue(&init, &leader, 40, 1).unwrap();
    change_mask(&second, SIG_SETMASK, &[HUP, USR1, 40]);
    exec(&second);
    assert_eq!(second.tid(), 2);
    assert_eq!(pending(&second), (set(&[USR1]), set(&[40])));
    assert_eq!(blocked(&second), set(&[HUP, USR1, 40]));
    assert_eq!(table.host().kernel().charged(7), 2);
    kill(&init, &second, HUP);
    assert_eq!(numbers(&take_all(&second)), [USR1, HUP, 40]);
    assert_eq!(table.host().kernel().charged(7), 0);
    // Who ignores a signal behind it discards it where it has waited since before.
    handle(&second, &[USR1]);
    tkill(&init, &second, USR1);
    exec(&second);
    assert_eq!(pending(&second).0, set(&[USR1]));
    ignore(&second, &[USR1]);
    assert_eq!(pending(&second), NOTHING);
}

#[test]
fn a_program_looks_for_what_waited_for_others() {
    // R-SIG-87, R-SIG-31: a thread that was told of a signal of the process, and is gone by the exec.
    let (_table, init, leader) = scene();
    let second = spawn(&leader);
    kill(&init, &leader, CONT);
    handle(&leader, &[USR1]);
    kill(&init, &leader, USR1);
    assert_eq!((is_told(&leader), is_told(&second)), (true, false));
    exec(&second);
    assert!(is_told(&second));
    assert_eq!(look(&second).first(), Some(&Seen::Fatal(USR1)));
}

#[test]
fn births_beside_one_another_lack_nothing() {
    // R-SIG-79: each thread has what its child needs, however many are about to fork.
    let (_table, init) = boot();
    let makers: Vec<_> = (0..100).map(|_| fork(&init)).collect();
    let makes = |maker| signals_of(maker).fork(CloneFlags::empty(), User::root(), ()).unwrap();
    let made: Vec<_> = makers.iter().map(|maker| makes(maker)).collect();
    for (maker, (process, thread)) in makers.iter().zip(made) {
        let child = maker.fork(axprocess::ForkRequest::default(), process, thread).unwrap();
        handle(&child, &[USR1]);
        assert_eq!(signals_of(&child).ignored_and_caught().1, set(&[USR1]));
    }
}

#[test]
fn signals_of_timers_do_not_survive_a_program() {
    // R-SIG-88: by their code, whoever sent them; of one number the others stay.
    const SI_TIMER: i32 = -2;
    let (table, init, child) = scene();
    become_user(&table, child.process(), 7, 100);
    block_all(&child);
    let timer = |number: u8, value| GivenInfo { value, ..GivenInfo::new(number.into(), SI_TIMER) };
    for value in 0..4 {
        let info = if value % 2 == 0 { timer(40, value) } else { queued(&init, 40, value) };
        init.rt_sigqueueinfo(2, info).unwrap();
    }
    init.rt_sigqueueinfo(2, timer(USR1, 1)).unwrap();
    init.rt_tgsigqueueinfo(2, 2, timer(USR2, 1)).unwrap();
    init.rt_tgsigqueueinfo(2, 2, queued(&init, HUP, 1)).unwrap();
    let event = axprocess::KernelCause::Event { code: SI_TIMER, value: 9, number: 0, sender: None };
    child.process().send_signal(Signal::SIGALRM, event);
    exec(&child);
    assert_eq!(pending(&child), (set(&[HUP]), set(&[40])));
    let left: Vec<_> = take_all(&child).iter().map(said).collect();
    assert_eq!(left, [(HUP, -1, 1, 1), (40, -1, 1, 1), (40, -1, 1, 3)]);
    assert_eq!(table.host().kernel().charged(7), 0);
}

#[test]
fn what_is_made_for_processes_without_a_maker_is_there_at_their_births() {
    // R-SIG-07 has no ENOMEM: each has a right to actions of its own, however many were made before the first is born.
    let table: Table = Table::new(Signals::new(Kernel::new()));
    let made: Vec<_> =
        (0..3).map(|_| ProcessSignals::new(table.host(), User::root()).unwrap()).collect();
    let mut made = made.into_iter().map(|process| (process, ThreadSignals::new(())));
    let mut next = || made.next().unwrap();
    let (process, thread) = next();
    let init = table.new_init(1, process, thread).unwrap();
    let (process, thread) = next();
    let kthreadd = table.new_kthreadd(2, process, thread).unwrap();
    for thread in [&init, &kthreadd] {
        handle(thread, &[USR1]);
    }
    check_invariants(&table);
}

#[test]
fn what_survives_a_program_keeps_its_order() {
    // R-SIG-88, R-SIG-16: however many of it stand between those of timers.
    const SI_TIMER: i32 = -2;
    let (table, init, child) = scene();
    block_all(&child);
    let code_of = |value: u64| if value % 3 == 1 { SI_TIMER } else { -1 };
    for value in 0..300 {
        table.host().refill();
        for number in [40_u8, 41] {
            let info = GivenInfo { code: code_of(value), ..queued(&init, number, value) };
            init.rt_sigqueueinfo(2, info).unwrap();
        }
    }
    exec(&child);
    let left: Vec<_> = take_all(&child).iter().map(|info| (info.signal(), info.value())).collect();
    let wanted = [40, 41].map(|number| (0..300).map(move |value| (signal(number), value)));
    let wanted = wanted.into_iter().flatten().filter(|(_, value)| code_of(*value) != SI_TIMER);
    assert_eq!(left, wanted.collect::<Vec<_>>());
}

#[test]
fn a_new_tracee_has_a_stop_signal_that_nobody_sent() {
    // R-PTRACE-09: it says nothing, and takes no place.
    let (table, init, child) = scene();
    let tracer = fork(&init);
    attach(&tracer, &child);
    let grandchild = fork(&child);
    let thread = child.spawn_thread(Number::Next, signals_of(&child).new_thread(())).unwrap();
    for new in [&grandchild, &thread] {
        new.inherit_tracer(&child).unwrap();
        signals_of(new).begin_traced();
        assert_eq!(pending(new).0, set(&[STOP]));
        assert_eq!(look(new), [Seen::Traced(STOP)]);
        assert_eq!(pending(new).0, set(&[]));
    }
    drop(table);
}
