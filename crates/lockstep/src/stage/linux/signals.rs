//! The calls about an actor's own signals, and what they tell.

use std::sync::atomic::Ordering::Relaxed;

use super::super::slot::Slot;
use super::orders::{Answer, Order, put};
use crate::script::{Action, IfNone, MaskChange, SignalCall, SignalSet, Treatment};

/// Where a treatment has a flag.
type Field = fn(&mut Treatment) -> &mut bool;

/// The flags of sigaction that scripts know.
const FLAGS: [(i32, Field); 5] = [
    (libc::SA_NOCLDWAIT, |it| &mut it.no_wait),
    (libc::SA_NOCLDSTOP, |it| &mut it.no_stop),
    (libc::SA_RESTART, |it| &mut it.restart),
    (libc::SA_RESETHAND, |it| &mut it.reset),
    (libc::SA_NODEFER, |it| &mut it.no_defer),
];

/// The system call that does something with the caller's own signals.
pub(super) fn order(slot: &Slot, call: &SignalCall) -> Order {
    const SIZE: i64 = 8;
    match call {
        SignalCall::Mask(change, set) => {
            let how = match change {
                MaskChange::Set => libc::SIG_SETMASK,
                MaskChange::Block => libc::SIG_BLOCK,
                MaskChange::Unblock => libc::SIG_UNBLOCK,
            };
            mask(slot, how, *set)
        }
        SignalCall::GetMask => {
            let given = [0, 0, put(slot, &[0]), SIZE];
            Order::call(libc::SYS_rt_sigprocmask, &given).answered(Answer::Set)
        }
        SignalCall::GetAction(signal) => {
            let given = [i64::from(*signal), 0, put(slot, &[0; 4]), SIZE];
            Order::call(libc::SYS_rt_sigaction, &given).answered(Answer::Treatment)
        }
        SignalCall::Pending => {
            let given = [put(slot, &[0]), SIZE];
            Order::call(libc::SYS_rt_sigpending, &given).answered(Answer::Set)
        }
        SignalCall::Suspend(set) => {
            Order::call(libc::SYS_rt_sigsuspend, &[put(slot, &[set.0]), SIZE])
        }
        SignalCall::Pause => Order::call(libc::SYS_pause, &[]),
        SignalCall::Wait(set, if_none) => {
            const SET: usize = 16;
            const TIME: usize = SET + 1;
            let mut words = [0; TIME + 2];
            words[SET] = set.0;
            let info = put(slot, &words);
            let at = |index: usize| info + 8 * index as i64;
            let time = if *if_none == IfNone::Fail { at(TIME) } else { 0 };
            let given = [at(SET), info, time, SIZE];
            Order::call(libc::SYS_rt_sigtimedwait, &given).answered(Answer::Siginfo)
        }
    }
}

/// Changes the mask.
pub(super) fn mask(slot: &Slot, how: i32, set: SignalSet) -> Order {
    let set = put(slot, &[set.0]);
    Order::call(libc::SYS_rt_sigprocmask, &[i64::from(how), set, 0, 8])
}

/// Handlers restart calls only where the script says so: what a signal interrupts is seen.
pub(super) fn treat(slot: &Slot, signal: i32, mut treatment: Treatment) -> Order {
    const SA_RESTORER: u64 = 0x0400_0000;
    let handler = match treatment.action {
        Action::Default => libc::SIG_DFL as u64,
        Action::Ignore => libc::SIG_IGN as u64,
        Action::Handle => slot.handler.load(Relaxed),
    };
    let mut flags = SA_RESTORER | libc::SA_SIGINFO as u64;
    for (flag, field) in FLAGS {
        flags |= if *field(&mut treatment) { u64::from(flag.cast_unsigned()) } else { 0 };
    }
    let action = put(slot, &[handler, flags, slot.restorer.load(Relaxed), treatment.mask.0]);
    Order::call(libc::SYS_rt_sigaction, &[i64::from(signal), action, 0, 8])
}

/// What `struct sigaction` says.
pub(super) fn read_treatment(slot: &Slot) -> Treatment {
    let [handler, flags, _, mask] =
        [0, 1, 2, 3].map(|index: usize| slot.scratch[index].load(Relaxed));
    let action = match handler as usize {
        libc::SIG_DFL => Action::Default,
        libc::SIG_IGN => Action::Ignore,
        _ => Action::Handle,
    };
    let mut treatment = Treatment { action, mask: SignalSet(mask), ..Treatment::default() };
    for (flag, field) in FLAGS {
        *field(&mut treatment) = flags & u64::from(flag.cast_unsigned()) != 0;
    }
    treatment
}
