//! The alternate stack.

use crate::kernel::*;
use crate::names::*;
use axprocess::{Errno, Signal};
use axprocess_signals::{ActionFlags, Delivery, Frame, Stack};

const ON_STACK: u32 = 1;
const DISABLE: u32 = 2;
const AUTODISARM: u32 = 1 << 31;
const LEAST: usize = 2048;

/// A place beside every alternate stack.
const BESIDE: usize = 0x9000;
const STACK: Stack = Stack { base: 0x1_0000, flags: 0, size: 0x4000 };
const NONE: Stack = Stack { base: 0, flags: DISABLE, size: 0 };

fn set_stack(thread: &Thread, new: Stack, pointer: usize) -> Result<Stack, Errno> {
    signals_of(thread).sigaltstack(Some(new), pointer, LEAST)
}

fn stack(thread: &Thread, pointer: usize) -> Stack {
    signals_of(thread).sigaltstack(None, pointer, LEAST).unwrap()
}

#[test]
fn what_is_wrong_with_a_stack_is_looked_at_in_order() {
    // R-SIG-72: EPERM on it, then EINVAL of flags, then ENOMEM unless it is SS_DISABLE.
    let (_table, init) = boot();
    for flags in [3, 4, 1 << 30, ON_STACK | DISABLE | AUTODISARM] {
        let small = Stack { flags, size: 0, ..STACK };
        assert_eq!(set_stack(&init, small, BESIDE), Err(Errno::EINVAL), "{flags}");
    }
    for flags in [0, ON_STACK, AUTODISARM, ON_STACK | AUTODISARM] {
        let small = Stack { flags, size: LEAST - 1, ..STACK };
        assert_eq!(set_stack(&init, small, BESIDE), Err(Errno::ENOMEM));
        assert_eq!(set_stack(&init, Stack { size: LEAST, ..small }, BESIDE).map(drop), Ok(()));
        assert_eq!(set_stack(&init, NONE, BESIDE).map(drop), Ok(()));
    }
    for flags in [DISABLE, DISABLE | AUTODISARM] {
        let none = Stack { flags, size: 0, ..STACK };
        assert_eq!(set_stack(&init, none, BESIDE).map(drop), Ok(()));
    }
    set_stack(&init, STACK, BESIDE).unwrap();
    for new in [STACK, NONE, Stack { flags: 3, ..STACK }, Stack { size: 0, ..STACK }] {
        assert_eq!(set_stack(&init, new, 0x1_2000), Err(Errno::EPERM));
    }
    assert_eq!(stack(&init, BESIDE), STACK);
}

#[test]
fn a_thread_begins_with_none() {
    // R-SIG-73: address and size 0, SS_DISABLE; so it is again, whatever comes with SS_DISABLE.
    let (_table, init) = boot();
    assert_eq!(stack(&init, BESIDE), NONE);
    assert_eq!(set_stack(&init, STACK, BESIDE), Ok(NONE));
    let disabled = Stack { flags: DISABLE, ..STACK };
    assert_eq!(set_stack(&init, disabled, BESIDE), Ok(STACK));
    assert_eq!(stack(&init, BESIDE), NONE);
    assert_eq!(stack(&init, 0), NONE, "nobody is on it");
}

#[test]
fn the_flags_of_the_old_stack() {
    // R-SIG-74: SS_ONSTACK while the thread is on it; SS_AUTODISARM beside; SS_ONSTACK is set as 0 is.
    let (_table, init) = boot();
    let end = STACK.base + STACK.size;
    for flags in [0, ON_STACK] {
        set_stack(&init, Stack { flags, ..STACK }, BESIDE).unwrap();
        let on = [STACK.base + 1, STACK.base + 0x2000, end];
        let beside = [0, STACK.base - 1, STACK.base, end + 1, usize::MAX];
        assert_eq!(on.map(|pointer| stack(&init, pointer).flags), [ON_STACK; 3]);
        assert_eq!(beside.map(|pointer| stack(&init, pointer).flags), [0; 5]);
        set_stack(&init, NONE, BESIDE).unwrap();
    }
    for flags in [AUTODISARM, AUTODISARM | ON_STACK] {
        let disarming = Stack { flags, ..STACK };
        set_stack(&init, disarming, BESIDE).unwrap();
        let told = Stack { flags: AUTODISARM, ..STACK };
        assert_eq!(stack(&init, STACK.base + 1), told, "nobody is on one that disarms itself");
        assert_eq!(set_stack(&init, disarming, BESIDE), Ok(told));
    }
    set_stack(&init, Stack { flags: DISABLE | AUTODISARM, ..STACK }, BESIDE).unwrap();
    assert_eq!(stack(&init, BESIDE), Stack { flags: DISABLE | AUTODISARM, ..NONE });
}

/// The frame of a handler with these flags.
fn frame(init: &Thread, child: &Thread, flags: ActionFlags) -> Frame {
    act(child, USR1, handler(flags, &[]));
    kill(init, child, USR1);
    match signals_of(child).get_signal() {
        Delivery::Handle(frame) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handler_runs_on_the_stack_if_it_wants_that() {
    // R-SIG-75: and goes on below the present place if the thread is on it already; R-SIG-76: whether what ends below it is on it still.
    let (_table, init, child) = scene();
    let top = STACK.base + STACK.size;
    let on_stack = frame(&init, &child, ActionFlags::ONSTACK);
    let elsewhere = frame(&init, &child, !ActionFlags::ONSTACK);
    let place = |frame, pointer| signals_of(&child).stack_for(frame, pointer).0;
    assert_eq!(place(&on_stack, BESIDE), None, "there is none");
    set_stack(&child, STACK, BESIDE).unwrap();
    assert_eq!(place(&on_stack, BESIDE), Some(top));
    assert_eq!(place(&elsewhere, BESIDE), None);
    for frame in [&on_stack, &elsewhere] {
        assert_eq!(place(frame, top - 0x100), None);
        assert_eq!(place(frame, STACK.base + 1), None);
    }
    assert!(STACK.has(top) && STACK.has(STACK.base + 1));
    assert!(!STACK.has(STACK.base) && !STACK.has(STACK.base - 0x100));
}

#[test]
fn a_stack_disarms_itself_while_a_handler_runs() {
    // R-SIG-77: on it or not; another can be set, and behind the handler it is as before.
    let (_table, init, child) = scene();
    let disarming = Stack { flags: AUTODISARM, ..STACK };
    for flags in [ActionFlags::ONSTACK, ActionFlags::empty()] {
        let frame = frame(&init, &child, flags);
        set_stack(&child, disarming, BESIDE).unwrap();
        signals_of(&child).enter_handler(&frame, |frame| {
            let (top, kept) = signals_of(&child).stack_for(frame, BESIDE);
            assert_eq!(top.is_some(), flags == ActionFlags::ONSTACK);
            assert_eq!(kept, disarming);
            Ok(())
        });
        let inside = STACK.base + 0x100;
        assert_eq!(stack(&child, inside), NONE);
        assert_eq!(set_stack(&child, Stack { base: 0x8_0000, ..STACK }, inside), Ok(NONE));
        signals_of(&child).restore_alt_stack(disarming, BESIDE, LEAST);
        assert_eq!(stack(&child, BESIDE), disarming);
        signals_of(&child).rt_sigreturn(frame.saved_mask);
    }
}

#[test]
fn a_frame_that_was_not_written_disarms_nothing() {
    // R-SIG-70, R-SIG-77: the handler of SIGSEGV goes to the same stack; there, that ends the process, elsewhere it sees the stack in `uc_stack`.
    for flags in [ActionFlags::ONSTACK, ActionFlags::empty()] {
        let (_table, init, child) = scene();
        let disarming = Stack { flags: AUTODISARM, ..STACK };
        set_stack(&child, disarming, BESIDE).unwrap();
        act(&child, SEGV, handler(flags, &[]));
        let push = |frame: &Frame| {
            let (top, kept) = signals_of(&child).stack_for(frame, BESIDE);
            assert_eq!(kept, disarming);
            // Nothing is mapped there.
            if top.is_some() { Err(Errno::EFAULT) } else { Ok(()) }
        };
        signals_of(&child).enter_handler(&frame(&init, &child, ActionFlags::ONSTACK), push);
        assert_eq!(stack(&child, BESIDE), disarming);
        let Delivery::Handle(of_fault) = signals_of(&child).get_signal() else { panic!() };
        signals_of(&child).enter_handler(&of_fault, push);
        let is_there = stack(&child, BESIDE) == disarming;
        let ends = matches!(signals_of(&child).get_signal(), Delivery::Fatal(Signal::SIGSEGV));
        let runs_there = flags == ActionFlags::ONSTACK;
        assert_eq!((is_there, ends), (runs_there, runs_there));
    }
}

#[test]
fn behind_a_handler_the_stack_is_that_of_its_frame() {
    // R-SIG-78: what was set when the signal came, or what the handler has written there; what it sets by a call ends with it.
    let (_table, init, child) = scene();
    let frame = frame(&init, &child, ActionFlags::empty());
    set_stack(&child, STACK, BESIDE).unwrap();
    let (_, kept) = signals_of(&child).stack_for(&frame, BESIDE);
    assert_eq!(kept, STACK);
    let other = Stack { base: 0x8_0000, ..STACK };
    set_stack(&child, other, BESIDE).unwrap();
    signals_of(&child).restore_alt_stack(kept, BESIDE, LEAST);
    assert_eq!(stack(&child, BESIDE), STACK);
    signals_of(&child).restore_alt_stack(other, BESIDE, LEAST);
    assert_eq!(stack(&child, BESIDE), other);
    // What would be refused is left as it is.
    signals_of(&child).restore_alt_stack(Stack { size: 1, ..STACK }, BESIDE, LEAST);
    signals_of(&child).restore_alt_stack(Stack { flags: 3, ..STACK }, BESIDE, LEAST);
    signals_of(&child).restore_alt_stack(STACK, other.base + 1, LEAST);
    assert_eq!(stack(&child, BESIDE), other);
}

#[test]
fn who_begins_with_which_stack() {
    // R-SIG-79: fork and vfork keep it; with memory that is shared there is none. R-SIG-89: nor behind exec, but for SS_AUTODISARM.
    use axprocess::CloneFlags;
    let (_table, _init, child) = scene();
    set_stack(&child, STACK, BESIDE).unwrap();
    for flags in [CloneFlags::empty(), CloneFlags::VFORK, CloneFlags::VFORK | CloneFlags::VM] {
        assert_eq!(stack(&fork_with(&child, flags), BESIDE), STACK);
    }
    assert_eq!(stack(&fork_with(&child, CloneFlags::VM), BESIDE), NONE);
    assert_eq!(stack(&spawn(&child), BESIDE), NONE);
    for flags in [0, AUTODISARM] {
        set_stack(&child, Stack { flags, ..STACK }, BESIDE).unwrap();
        child.exec().unwrap();
        signals_of(&child).exec();
        assert_eq!(stack(&child, BESIDE), Stack { flags: DISABLE | flags, ..NONE });
    }
}

#[test]
fn a_program_begins_with_the_flags_of_the_former_stack() {
    // R-SIG-89: address and size 0 with those flags is no change; with others it is too small.
    let (_table, _init, child) = scene();
    let nothing = |flags| set_stack(&child, Stack { base: 0, flags, size: 0 }, BESIDE);
    let exec = || {
        child.exec().unwrap();
        signals_of(&child).exec();
    };
    exec();
    assert_eq!([0, ON_STACK].map(nothing), [Err(Errno::ENOMEM); 2], "SS_DISABLE, as it has begun");
    for (flags, other) in [(0, ON_STACK), (ON_STACK, 0)] {
        set_stack(&child, Stack { flags, ..STACK }, BESIDE).unwrap();
        exec();
        assert_eq!((nothing(flags), nothing(other)), (Ok(NONE), Err(Errno::ENOMEM)));
    }
}
