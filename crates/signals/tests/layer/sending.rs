//! Who is told of a signal that arrives.

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, ExitStatus, GivenInfo, KernelCause, Signal, TraceStart};
use axprocess_signals::{SignalSet, read_siginfo};

/// A process of two threads that handle these signals.
fn pair(init: &Thread, numbers: &[u8]) -> [axprocess::ARef<Thread>; 2] {
    let leader = fork(init);
    handle(&leader, numbers);
    let other = spawn(&leader);
    [leader, other]
}

#[test]
fn what_the_sender_says_is_handed_on() {
    // R-SIG-27: 48 bytes, whatever they are; the signal is that of the call. A user is translated where the code has one.
    let (_table, init, child) = scene();
    block_all(&child);
    let written: [u8; 128] = std::array::from_fn(|at| if at < 48 { at as u8 + 1 } else { 0 });
    let given = |signal, code: i32| {
        let mut memory = written;
        memory[8..12].copy_from_slice(&code.to_ne_bytes());
        read_siginfo(signal, |at, to| {
            to.copy_from_slice(&memory[at..at + to.len()]);
            Ok(())
        })
        .unwrap()
    };
    assert_eq!(given(None, -1).signal, i32::from_ne_bytes([1, 2, 3, 4]));
    let wanted = |signal: u8, code: i32, is_translated: bool| {
        let mut wanted = written;
        wanted[..4].copy_from_slice(&i32::from(signal).to_ne_bytes());
        wanted[8..12].copy_from_slice(&code.to_ne_bytes());
        wanted[12..16].fill(0); // What is for the layout alone.
        let user = u32::from_ne_bytes([21, 22, 23, 24]) ^ OTHER_USERS;
        if is_translated {
            wanted[20..24].copy_from_slice(&user.to_ne_bytes());
        }
        wanted
    };
    for code in [-1, -2, -3, -4, -5, -7, -60, i32::MIN] {
        let info = given(Some(USR1.into()), code);
        init.rt_sigqueueinfo(2, info).unwrap();
        init.rt_tgsigqueueinfo(2, 2, info).unwrap();
        let wanted = wanted(USR1, code, ![-2, -5].contains(&code));
        let taken = take_all(&child);
        assert_eq!(taken.iter().map(|it| it.to_siginfo()).collect::<Vec<_>>(), [wanted; 2]);
    }
    // To itself it may say anything.
    for code in [0, 1, 0x80, -6, i32::MAX] {
        child.rt_sigqueueinfo(2, given(Some(40), code)).unwrap();
        let taken = take(&child, set(&[40])).unwrap();
        assert_eq!(taken.to_siginfo(), wanted(40, code, code != 1), "{code}");
    }
}

#[test]
fn behind_a_code_that_a_signal_does_not_have_there_is_nothing() {
    // R-SIG-27: 80 bytes more are asked for then, and must be zeros; what cannot be read is reported.
    let read = |signal, code: i32, last: u8| {
        let mut asked = Vec::new();
        let given = read_siginfo(Some(signal), |at, to| {
            asked.push((at, to.len()));
            match at {
                0 => to[8..12].copy_from_slice(&code.to_ne_bytes()),
                _ => to[79] = last,
            }
            Ok(())
        });
        (given, asked)
    };
    let (segv, usr1) = (11, 10);
    for (signal, code) in
        [(usr1, 0), (usr1, 6), (usr1, -7), (usr1, -60), (usr1, 0x80), (segv, 10), (99, 6)]
    {
        let given = GivenInfo::new(signal, code);
        assert_eq!(read(signal, code, 1), (Ok(given), vec![(0, 48)]), "{signal}, {code}");
    }
    for (signal, code) in
        [(usr1, 7), (usr1, -8), (usr1, -59), (usr1, 0x81), (segv, 11), (99, 7), (usr1, i32::MIN)]
    {
        let asked = vec![(0, 48), (48, 80)];
        assert_eq!(read(signal, code, 0), (Ok(GivenInfo::new(signal, code)), asked.clone()));
        assert_eq!(read(signal, code, 1), (Err(Errno::E2BIG), asked), "{signal}, {code}");
    }
    for unreadable in [0, 48] {
        let refuse = |at, to: &mut [u8]| {
            to.fill(1);
            if at == unreadable { Err(Errno::EFAULT) } else { Ok(()) }
        };
        assert_eq!(read_siginfo(None, refuse), Err(Errno::EFAULT));
    }
}

#[test]
fn sigcont_waits_where_it_is_blocked() {
    // R-SIG-28: until it is unblocked or a stop signal discards it; it continues all the same. Not blocked, and with its default action, it leaves nothing.
    let (_table, init) = boot();
    for is_blocked in [true, false] {
        let child = job(&init);
        if is_blocked {
            block(&child, &[CONT]);
        }
        kill(&init, &child, STOP);
        assert_eq!(look(&child), [Seen::Stop]);
        assert!(child.is_stopped());
        kill(&init, &child, CONT);
        assert!(!child.is_stopped());
        assert_eq!(look(&child), []);
        let left = if is_blocked { set(&[CONT]) } else { set(&[]) };
        assert_eq!(pending(&child).1, left);
        tkill(&init, &child, CONT);
        assert_eq!(pending(&child), (left, left));
        kill(&init, &child, TSTP);
        assert_eq!(pending(&child), (set(&[]), set(&[TSTP])));
        // And is discarded in its turn.
        kill(&init, &child, CONT);
        assert_eq!(pending(&child).1, left);
        unblock(&child, &[CONT]);
        assert_eq!(look(&child), []);
        assert_eq!(pending(&child), NOTHING);
    }
}

#[test]
fn who_is_addressed_is_told_first() {
    // R-SIG-29: the leader as a rule, or the thread by whose number it was sent, if it does not block it; it waits for the process all the same.
    let (table, init) = boot();
    let [leader, other] = pair(&init, &[USR1]);
    let kernel = table.host().kernel();
    kernel.kicked();
    for by in [&leader, &other] {
        kill(&init, by, USR1);
        assert_eq!(kernel.kicked(), [by.tid()]);
        assert_eq!(kernel.polled(), [leader.tid()]);
        assert!(is_told(by));
        assert_eq!(pending(by), (set(&[]), set(&[USR1])));
        assert_eq!(handlers_run(by), [USR1]);
    }
    // The kernel's own, by either.
    leader.process().send_signal(Signal::SIGUSR1, KernelCause::Kernel);
    assert_eq!((is_told(&leader), is_told(&other)), (true, false));
    assert_eq!(handlers_run(&leader), [USR1]);
    other.send_process_signal(Signal::SIGUSR1, KernelCause::Kernel);
    assert_eq!((is_told(&leader), is_told(&other)), (false, true));
    // Whoever looks first takes it.
    unblock(&leader, &[]);
    leader.add_attention(axprocess::Attention::HOST_0);
    assert_eq!(handlers_run(&leader), [USR1]);
    assert_eq!(handlers_run(&other), []);
}

#[test]
fn another_is_told_where_the_first_does_not_want_it() {
    // R-SIG-29: because it blocks it, or sleeps with another signal to look at; not because it runs.
    let (table, init) = boot();
    let [leader, other] = pair(&init, &[USR1, USR2, 40]);
    block(&leader, &[USR1]);
    kill(&init, &leader, USR1);
    assert_eq!((is_told(&leader), is_told(&other)), (false, true));
    assert_eq!(handlers_run(&other), [USR1]);
    kill(&init, &leader, USR2);
    assert_eq!((is_told(&leader), is_told(&other)), (true, false));
    kill(&init, &leader, 40);
    assert_eq!((is_told(&leader), is_told(&other)), (true, true));
    assert_eq!(handlers_run(&other), [40, USR2], "whoever looks takes all there is");
    assert_eq!(handlers_run(&leader), []);
    let kernel = table.host().kernel();
    kernel.run(&[&leader]);
    kill(&init, &leader, USR2);
    kill(&init, &leader, 40);
    assert_eq!((is_told(&leader), is_told(&other)), (true, false));
    kernel.run(&[]);
    // For one thread alone there is no other.
    kill(&init, &leader, USR2);
    tkill(&init, &leader, 40);
    assert!(!is_told(&other));
}

#[test]
fn who_is_stopped_is_not_told() {
    // R-SIG-29, R-STOP-08: of any but SIGKILL; it takes it when it goes on.
    let (table, init, child) = scene();
    handle(&child, &[USR1]);
    kill(&init, &child, STOP);
    assert_eq!(look(&child), [Seen::Stop]);
    table.host().kernel().kicked();
    kill(&init, &child, USR1);
    assert_eq!(table.host().kernel().kicked(), []);
    assert!(child.is_stopped());
    kill(&init, &child, CONT);
    assert_eq!(handlers_run(&child), [USR1]);
    kill(&init, &child, STOP);
    assert_eq!(look(&child), [Seen::Stop]);
    kill(&init, &child, KILL);
    assert_eq!(look(&child), [Seen::Exit(ExitStatus::killed(Signal::SIGKILL))]);
}

#[test]
fn those_who_want_it_are_asked_in_turn() {
    // R-SIG-29: behind the one that was found last; who exits or executes does not end the round. Linux: `curr_target`.
    let (_table, init) = boot();
    let [leader, second] = pair(&init, &[USR1, USR2]);
    let (third, fourth) = (spawn(&leader), spawn(&leader));
    block(&leader, &[USR1, USR2]);
    let told = |threads: &[&axprocess::ARef<Thread>]| -> Vec<_> {
        let told = threads.iter().filter(|it| is_told(it)).map(|it| it.tid()).collect();
        threads.iter().for_each(|it| drop(handlers_run(it)));
        told
    };
    let all = [&leader, &second, &third, &fourth];
    kill(&init, &leader, USR1);
    assert_eq!(told(&all), [second.tid()]);
    block(&second, &[USR1]);
    kill(&init, &leader, USR1);
    assert_eq!(told(&all), [third.tid()]);
    // Linux begins with the one that was found last.
    unblock(&second, &[USR1]);
    kill(&init, &leader, USR1);
    assert_eq!(told(&all), [third.tid()]);
    exit(&third);
    kill(&init, &leader, USR1);
    assert_eq!(told(&[&leader, &second, &fourth]), [fourth.tid()]);
    exit(&fourth);
    kill(&init, &leader, USR1);
    assert_eq!(told(&[&leader, &second]), [second.tid()]);
}

#[test]
fn what_all_block_waits_for_who_unblocks_it() {
    // R-SIG-30: and takes it, or waits for it.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1, USR2]);
    for thread in [&leader, &other] {
        block(thread, &[USR1, USR2]);
    }
    kill(&init, &leader, USR1);
    kill(&init, &leader, USR2);
    assert_eq!((is_told(&leader), is_told(&other)), (false, false));
    assert_eq!(pending(&other), (set(&[]), set(&[USR1, USR2])));
    unblock(&other, &[USR1]);
    assert!(is_told(&other));
    assert_eq!(handlers_run(&other), [USR1]);
    assert_eq!(take(&other, set(&[USR2])).map(|info| info.code()), Some(0));
    assert_eq!(pending(&leader), NOTHING);
}

#[test]
fn who_blocks_what_it_was_told_of_passes_it_on() {
    // R-SIG-31: also by the mask of a handler for another signal. To who does not block it, and to no more than needed.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1, USR2, HUP]);
    let third = spawn(&leader);
    act(&leader, USR1, handler(axprocess_signals::ActionFlags::empty(), &[USR2]));
    kill(&init, &leader, USR2);
    assert_eq!([&leader, &other, &third].map(|it| is_told(it)), [true, false, false]);
    tkill(&init, &leader, USR1);
    let mut program = Program::of(&leader);
    assert_eq!(program.run(), [Seen::Handler(USR1)]);
    assert_eq!([&leader, &other, &third].map(|it| is_told(it)), [false, true, false]);
    assert_eq!(handlers_run(&other), [USR2]);
    program.return_from_handler();
    assert!(!is_told(&leader));
    // By a call; two signals for two threads, of which each blocks one.
    block(&other, &[HUP]);
    block(&third, &[USR2]);
    kill(&init, &leader, USR2);
    block(&leader, &[HUP]);
    kill(&init, &leader, HUP);
    assert_eq!([&leader, &other, &third].map(|it| is_told(it)), [true, false, true]);
    assert_eq!(handlers_run(&third), [HUP]);
    block(&leader, &[USR2]);
    assert_eq!([&leader, &other, &third].map(|it| is_told(it)), [false, true, false]);
    assert_eq!(handlers_run(&other), [USR2]);
}

#[test]
fn who_was_not_told_passes_nothing_on() {
    // R-SIG-31: "for which it was woken": others were told when it came.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1]);
    let third = spawn(&leader);
    kill(&init, &other, USR1);
    block(&leader, &[USR1]);
    assert_eq!([&leader, &other, &third].map(|it| is_told(it)), [false, true, false]);
}

#[test]
fn those_who_live_are_told() {
    // R-SIG-32, R-SIG-99: where the leader has exited; and of what was for one that exits with a signal to look at.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1, USR2]);
    kill(&init, &leader, USR1);
    tkill(&init, &leader, USR2);
    exit(&leader);
    assert!(is_told(&other));
    assert_eq!(handlers_run(&other), [USR1]);
    for _ in 0..2 {
        kill(&init, &leader, USR1);
        assert_eq!(handlers_run(&other), [USR1]);
    }
    kill(&init, &leader, TERM);
    assert_eq!(look(&other), [Seen::Exit(ExitStatus::killed(Signal::SIGTERM))]);
}

#[test]
fn who_has_begun_to_exit_takes_nothing() {
    // R-SIG-32: from `set_exiting` on, in steps; what comes between goes to another.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1]);
    let mut exit = leader.begin_exit(ExitStatus::exited(0));
    kill(&init, &leader, USR1);
    assert_eq!((is_told(&leader), is_told(&other)), (true, false));
    signals_of(&leader).set_exiting(&mut exit);
    assert!(is_told(&other));
    assert_eq!(handlers_run(&other), [USR1]);
    kill(&init, &leader, USR1);
    assert!(is_told(&other));
    exit.finish();
    assert_eq!(handlers_run(&other), [USR1]);
    // Also who has nothing to look at.
    let [leader, other] = pair(&init, &[USR1]);
    let mut exit = leader.begin_exit(ExitStatus::exited(0));
    signals_of(&leader).set_exiting(&mut exit);
    kill(&init, &leader, USR1);
    assert_eq!((is_told(&leader), is_told(&other)), (false, true));
}

#[test]
fn a_signal_for_a_thread_is_nobody_elses() {
    // R-SIG-33: blocked there, no other takes it or sees it, and with the thread it is gone.
    let (_table, init) = boot();
    let [leader, other] = pair(&init, &[USR1]);
    block(&other, &[USR1]);
    tkill(&init, &other, USR1);
    assert_eq!([&leader, &other].map(|it| is_told(it)), [false, false]);
    assert_eq!(pending(&other).0, set(&[USR1]));
    assert_eq!(pending(&leader), NOTHING);
    assert_eq!(take(&leader, SignalSet::ALL), None);
    exit(&other);
    assert_eq!(pending(&leader), NOTHING);
    assert_eq!(look(&leader), []);
    assert_eq!(pending(&other), NOTHING);
}

#[test]
fn a_fatal_signal_needs_one_thread() {
    // R-SIG-34: that does not block it, though the leader does; of one thread its own mask counts.
    let (_table, init) = boot();
    for number in [TERM, 40] {
        let leader = fork(&init);
        let other = spawn(&leader);
        block(&leader, &[number]);
        kill(&init, &leader, number);
        assert!(leader.process().is_group_exiting());
        let leader = fork(&init);
        let other_one = spawn(&leader);
        block(&leader, &[number]);
        tkill(&init, &leader, number);
        assert!(!leader.process().is_group_exiting());
        assert_eq!(pending(&leader).0, set(&[number]));
        assert_eq!(look(&other_one), []);
        tkill(&init, &other_one, number);
        assert!(leader.process().is_group_exiting());
        for thread in [&other, &other_one] {
            assert_eq!(look(thread), [Seen::Exit(ExitStatus::killed(signal(number)))]);
        }
    }
}

#[test]
fn a_fatal_signal_is_taken_though_another_awaits_it() {
    // R-SIG-34, R-SIG-58: the first of the round is not the one that awaits it, and that one is asked before in the list.
    let (_table, init) = boot();
    let [leader, awaiting] = pair(&init, &[USR1]);
    let open = spawn(&leader);
    block(&leader, &[USR1, TERM]);
    block(&awaiting, &[USR1, TERM]);
    kill(&init, &leader, USR1);
    assert_eq!(handlers_run(&open), [USR1]);
    let _wait = wait_for(&awaiting, &[TERM]);
    kill(&init, &leader, TERM);
    let dies = leader.process().is_group_exiting() || is_told(&open) || is_told(&awaiting);
    assert!(dies, "somebody takes it");
}

#[test]
fn a_new_tracee_looks_for_its_stop() {
    // R-PTRACE-09: the signal of the attaching waits for that thread alone, and is shown.
    let (_table, init, child) = scene();
    let tracer = fork(&init);
    let other = spawn(&child);
    let options = axprocess::TraceOptions::empty();
    tracer.attach(other.tid() as i32, TraceStart::Attach, options).unwrap();
    assert_eq!((is_told(&child), is_told(&other)), (false, true));
    assert_eq!(look(&other), [Seen::Traced(STOP)]);
}
