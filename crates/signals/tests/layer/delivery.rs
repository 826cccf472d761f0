//! What a thread does before it goes back to user space.

use crate::kernel::*;
use crate::names::*;
use axprocess::{ExitStatus, ForkNamespace, ForkRequest, KernelCause, Signal, StopDecision};
use axprocess_signals::{ActionFlags, Delivery, Handler, SignalSet};

fn blocked(thread: &Thread) -> SignalSet {
    signals_of(thread).blocked()
}

#[test]
fn who_lets_a_signal_in_looks_before_the_call_returns() {
    // R-SIG-35: where a call unblocks it, and where it sends itself what it does not block.
    let (_table, init, child) = scene();
    handle(&child, &[USR1, 40]);
    block(&child, &[USR1]);
    kill(&init, &child, USR1);
    assert!(!is_told(&child));
    unblock(&child, &[USR1]);
    assert_eq!(handlers_run(&child), [USR1]);
    for sends in [kill::<Plain>, tkill::<Plain>] {
        sends(&child, &child, 40);
        assert_eq!(handlers_run(&child), [40]);
    }
    // What it does not let in leaves it alone; what has gone meanwhile, too.
    block(&child, &[USR1]);
    kill(&init, &child, USR1);
    unblock(&child, &[40]);
    assert!(!is_told(&child));
    unblock(&child, &[USR1]);
    block(&child, &[USR1]);
    assert!(!is_told(&child));
}

#[test]
fn handlers_are_entered_one_on_top_of_the_other() {
    // R-SIG-36: all that can be, so what is taken first runs last; first if its action blocks the others.
    let (_table, init, child) = scene();
    handle(&child, &[HUP, USR1, USR2]);
    let sent = [USR2, HUP, USR1];
    sent.iter().for_each(|number| kill(&init, &child, *number));
    assert_eq!(handlers_run(&child), [USR2, USR1, HUP]);
    act(&child, HUP, handler(ActionFlags::empty(), &[USR1, USR2]));
    sent.iter().for_each(|number| kill(&init, &child, *number));
    assert_eq!(handlers_run(&child), [HUP, USR2, USR1]);
    assert_eq!(look(&child), []);
}

#[test]
fn the_mask_of_a_handler() {
    // R-SIG-37: what was blocked, what the action says, and the signal itself; behind it as before. R-SIG-38: with SA_NODEFER the signal not, unless it is in the action's mask.
    let (_table, init, child) = scene();
    let rows: [(ActionFlags, &[u8], &[u8]); 3] = [
        (ActionFlags::empty(), &[USR2, KILL], &[HUP, USR1, USR2]),
        (ActionFlags::NODEFER, &[USR2], &[HUP, USR2]),
        (ActionFlags::NODEFER, &[USR1, STOP], &[HUP, USR1]),
    ];
    block(&child, &[HUP]);
    for (flags, mask, inside) in rows {
        act(&child, USR1, handler(flags, mask));
        kill(&init, &child, USR1);
        let mut program = Program::of(&child);
        assert_eq!(program.run(), [Seen::Handler(USR1)]);
        assert_eq!(blocked(&child), set(inside));
        program.return_from_handler();
        assert_eq!(blocked(&child), set(&[HUP]));
    }
}

#[test]
fn real_time_signals_are_handled_in_turn() {
    // R-SIG-39: with SA_NODEFER each interrupts the one before.
    let (_table, init, child) = scene();
    for (flags, order) in [(ActionFlags::empty(), [1, 2, 3]), (ActionFlags::NODEFER, [3, 2, 1])] {
        act(&child, 40, handler(flags, &[]));
        for value in 1..=3 {
            queue(&init, &child, 40, value).unwrap();
        }
        let (mut program, mut ran) = (Program::of(&child), Vec::new());
        while program.run().len() + program.frames.len() > 0 {
            ran.push(program.frames.last().unwrap().info.value());
            program.return_from_handler();
        }
        assert_eq!(ran, order);
    }
}

#[test]
fn a_handler_for_one_time() {
    // R-SIG-40: SIG_DFL when it begins; flags and mask stay, and the signal is blocked.
    let (_table, init, child) = scene();
    let once = handler(ActionFlags::RESETHAND | ActionFlags::RESTART, &[USR2]);
    act(&child, USR1, once);
    assert_eq!(signals_of(&child).ignored_and_caught().1, set(&[USR1]));
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    assert_eq!(program.run(), [Seen::Handler(USR1)]);
    assert_eq!(program.frames[0].action, once, "the frame has what was set");
    assert_eq!(blocked(&child), set(&[USR1, USR2]));
    let left = axprocess_signals::Action { handler: Handler::Default, ..once };
    assert_eq!(action(&child, USR1), left);
    assert_eq!(signals_of(&child).ignored_and_caught(), NOTHING);
    program.return_from_handler();
    kill(&init, &child, USR1);
    assert!(child.process().is_group_exiting());
    // What is ignored is left as it is.
    let other = fork(&init);
    let ignored = axprocess_signals::Action { flags: ActionFlags::RESETHAND, ..IGNORE };
    act(&other, HUP, ignored);
    block(&other, &[HUP]);
    kill(&init, &other, HUP);
    unblock(&other, &[HUP]);
    assert_eq!(look(&other), []);
    assert_eq!(action(&other, HUP), ignored);
}

#[test]
fn the_mask_behind_a_handler_is_that_of_its_frame() {
    // R-SIG-41: which it may change; what it sets by a call ends with it.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    program.run();
    block(&child, &[HUP, TERM]);
    program.frames[0].saved_mask = set(&[40, KILL, STOP]);
    program.return_from_handler();
    assert_eq!(blocked(&child), set(&[40]));
}

#[test]
fn a_fault_in_its_own_handler_is_the_end() {
    // R-SIG-69: the signal is blocked there; with SA_NODEFER the handler is entered again.
    let (_table, init) = boot();
    for (flags, is_end) in [(ActionFlags::empty(), true), (ActionFlags::NODEFER, false)] {
        let child = fork(&init);
        act(&child, SEGV, handler(flags, &[]));
        let mut program = Program::of(&child);
        fault(&child, SEGV);
        assert_eq!(program.run(), [Seen::Handler(SEGV)]);
        fault(&child, SEGV);
        let end = [Seen::Fatal(SEGV), Seen::Exit(ExitStatus::killed(Signal::SIGSEGV))];
        let expected = if is_end { &end[..] } else { &[Seen::Handler(SEGV)] };
        assert_eq!(program.run(), expected);
    }
}

#[test]
fn a_fault_that_is_ignored_is_the_end() {
    // R-KILL-14: and one that is blocked.
    let (_table, init) = boot();
    for is_blocked in [true, false] {
        let child = fork(&init);
        if is_blocked {
            handle(&child, &[SEGV]);
            block(&child, &[SEGV]);
        } else {
            ignore(&child, &[SEGV]);
        }
        fault(&child, SEGV);
        let status = ExitStatus::killed(Signal::SIGSEGV);
        assert_eq!(look(&child), [Seen::Fatal(SEGV), Seen::Exit(status)]);
    }
}

#[test]
fn a_fault_whose_signal_waits_already_is_the_end() {
    // R-KILL-14, R-SIG-14: nothing new waits, but it is not blocked any more.
    let (_table, init) = boot();
    for sends in [kill::<Plain>, tkill::<Plain>] {
        let child = fork(&init);
        handle(&child, &[SEGV]);
        block(&child, &[SEGV]);
        sends(&init, &child, SEGV);
        assert!(!is_told(&child));
        fault(&child, SEGV);
        let status = ExitStatus::killed(Signal::SIGSEGV);
        assert_eq!(look(&child), [Seen::Fatal(SEGV), Seen::Exit(status)]);
    }
}

#[test]
fn a_frame_without_a_place_makes_a_fault() {
    // R-SIG-70: the signal is lost, and SIGSEGV is forced; of SIGSEGV itself the default action is carried out.
    let (_table, init) = boot();
    let end = [Seen::Fatal(SEGV), Seen::Exit(ExitStatus::killed(Signal::SIGSEGV))];
    let child = fork(&init);
    handle(&child, &[USR1, SEGV]);
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    program.has_no_stack = true;
    assert_eq!(program.step(), Seen::Handler(USR1));
    program.has_no_stack = false;
    assert_eq!(blocked(&child), set(&[]), "no handler has begun");
    assert_eq!(program.run(), [Seen::Handler(SEGV)]);
    assert_eq!(said(&program.frames[0].info), (SEGV, 0x80, 0, 0));
    assert_eq!(program.run_handlers(), [SEGV]);
    // Both times: that of SIGSEGV has no place either.
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    program.has_no_stack = true;
    assert_eq!(program.run()[..2], [USR1, SEGV].map(Seen::Handler));
    assert!(child.process().is_group_exiting());
    assert_eq!(child.process().exit_status(), ExitStatus::killed(Signal::SIGSEGV));
    // Without a handler for it.
    let child = fork(&init);
    handle(&child, &[USR1]);
    kill(&init, &child, USR1);
    let mut program = Program::of(&child);
    program.has_no_stack = true;
    assert_eq!(program.run(), [&[Seen::Handler(USR1)], &end[..]].concat());
}

#[test]
fn what_is_ignored_when_it_is_taken_is_dropped() {
    // R-SIG-84, R-SIG-11: also what its default action ignores, and what an init does not handle.
    let (_table, init, child) = scene();
    block(&child, &[HUP, URG]);
    handle(&child, &[URG]);
    ignore(&child, &[HUP]);
    kill(&init, &child, HUP);
    assert_eq!(pending(&child).1, set(&[HUP]));
    unblock(&child, &[HUP]);
    assert_eq!(look(&child), []);
    assert_eq!(pending(&child), NOTHING);
    block(&init, &[TERM]);
    kill(&child, &init, TERM);
    assert_eq!(pending(&init).1, set(&[TERM]));
    unblock(&init, &[TERM]);
    assert_eq!(look(&init), []);
    assert_eq!(pending(&init), NOTHING);
}

#[test]
fn the_init_of_a_namespace_ignores_sigchld_in_the_end() {
    // R-NS-20: from the exit of its last thread on, whatever was set.
    let (_table, init) = boot();
    let (process, thread) =
        signals_of(&init).fork(axprocess::CloneFlags::empty(), User::root(), ()).unwrap();
    let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = init.fork(new, process, thread).unwrap();
    let child = fork(&inner);
    act(&inner, CHLD, handler(ActionFlags::NOCLDWAIT, &[USR1]));
    exit(&inner);
    let kept = handler(ActionFlags::NOCLDWAIT, &[USR1]);
    let ignored = axprocess_signals::Action { handler: Handler::Ignore, ..kept };
    assert_eq!(signals_of(&inner).action(Signal::SIGCHLD), ignored);
    assert_eq!(look(&child), [Seen::Exit(ExitStatus::killed(Signal::SIGKILL))]);
}

#[test]
fn a_stop_signal_is_void_behind_a_continuation() {
    // R-STOP-01: one that was taken before SIGCONT came stops nobody.
    let (_table, init, child) = scene();
    kill(&init, &child, STOP);
    let ticket = child.process().stop_ticket();
    kill(&init, &child, CONT);
    assert_eq!(child.begin_stop(Signal::SIGSTOP, ticket), StopDecision::CancelledByCont);
    assert_eq!(look(&child), []);
    kill(&init, &child, STOP);
    assert!(matches!(signals_of(&child).get_signal(), Delivery::Stop));
}

#[test]
fn who_asks_while_it_is_stopped_goes_on_sleeping() {
    // R-STOP-02: whatever waits, for as long as the stop lasts; but for SIGKILL.
    let (_table, init, child) = scene();
    handle(&child, &[USR1]);
    for ends_by in [CONT, KILL] {
        kill(&init, &child, STOP);
        for signal in [USR1, TERM] {
            assert!(matches!(signals_of(&child).get_signal(), Delivery::Stop));
            block(&child, &[TERM]);
            kill(&init, &child, signal);
        }
        assert!(matches!(signals_of(&child).get_signal(), Delivery::Stop));
        kill(&init, &child, ends_by);
        let next = signals_of(&child).get_signal();
        match ends_by {
            CONT => assert!(
                matches!(next, Delivery::Handle(frame) if frame.info.signal() == Signal::SIGUSR1)
            ),
            _ => assert!(
                matches!(next, Delivery::Exit(status) if status == ExitStatus::killed(Signal::SIGKILL))
            ),
        }
    }
}

#[test]
fn who_is_to_exit_does_so_first() {
    // R-EXIT-12, R-EXIT-19: with the status that was decided, or 0 where another thread executes a program; whatever waits.
    let (_table, init, child) = scene();
    let other = spawn(&child);
    handle(&child, &[USR1]);
    tkill(&init, &child, USR1);
    tkill(&init, &other, USR1);
    let exec = other.begin_exec().unwrap();
    assert_eq!(look(&child), [Seen::Exit(ExitStatus::exited(0))]);
    drop(exec);
    assert_eq!(handlers_run(&other), [USR1]);
    tkill(&init, &other, USR1);
    other.process().begin_group_exit(ExitStatus::exited(5));
    assert_eq!(look(&other), [Seen::Exit(ExitStatus::exited(5))]);
}

#[test]
fn a_fork_does_not_begin_while_a_signal_waits() {
    // R-CLONE-14: it is made again behind that; what is blocked or was taken by another does not keep it.
    let (_table, init, child) = scene();
    let other = spawn(&child);
    handle(&child, &[USR1]);
    block(&child, &[USR1]);
    kill(&init, &child, USR1);
    drop(try_fork(&child, axprocess::CloneFlags::empty()).unwrap());
    assert!(is_told(&other));
    let refused = try_fork(&other, axprocess::CloneFlags::empty()).map(drop);
    assert_eq!(refused, Err(axprocess::Errno::EINTR));
    assert_eq!(numbers(&take_all(&child)), [USR1]);
    drop(try_fork(&other, axprocess::CloneFlags::empty()).unwrap());
    let cause = KernelCause::OnBehalfOf(child.process());
    other.send_signal(signal(USR1), cause);
    assert_eq!(handlers_run(&other), [USR1]);
}
