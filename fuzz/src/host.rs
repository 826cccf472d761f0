//! A kernel whose answers are part of the input.

use std::cell::Cell;
use std::sync::Mutex;

use axprocess::{
    ChildSignalAction, Host, PidNamespace, Process, Relations, Signal, SignalAction, Thread,
};

/// What the hooks answer until the next [`Call::Mood`](crate::Call::Mood).
#[derive(Clone, Copy, Debug)]
pub struct Mood {
    child_signal_action: ChildSignalAction,
    forbids: bool,
    kills_callers: bool,
    signal_action: SignalAction,
    blocks: bool,
}

impl Mood {
    /// Everything is allowed, nothing is blocked, and signals have their default actions.
    pub(crate) const CALM: Self = Self::from_bits(0x200);

    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self {
            child_signal_action: ChildSignalAction::from_bits_truncate(bits as u8 & 7),
            forbids: bits & 0x18 == 0x18,
            kills_callers: bits & 0x60 == 0x60,
            signal_action: match bits >> 8 & 3 {
                0 => SignalAction::Ignore,
                1 => SignalAction::Handle,
                _ => SignalAction::Default,
            },
            blocks: bits & 0xc00 == 0xc00,
        }
    }
}

/// The host of the fuzz target.
#[derive(Debug)]
pub struct Moody;

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::CALM) };
}

impl Moody {
    pub(crate) fn set(mood: Mood) {
        MOOD.set(mood);
    }
}

impl Host for Moody {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type Usage = ();

    fn may_signal(&self, _: &Process<Self>, _: &Process<Self>, _: Option<Signal>) -> bool {
        !MOOD.get().forbids
    }

    fn may_choose_number(&self, _: &Thread<Self>, _: &PidNamespace<Self>) -> bool {
        !MOOD.get().forbids
    }

    fn may_trace(&self, _: &Thread<Self>, _: &Thread<Self>) -> bool {
        !MOOD.get().forbids
    }

    fn signal_action(&self, _: &Process<Self>, _: Signal) -> SignalAction {
        MOOD.get().signal_action
    }

    fn is_signal_blocked(&self, _: &Thread<Self>, _: Signal) -> bool {
        MOOD.get().blocks
    }

    fn child_signal_action(&self, _: &Process<Self>) -> ChildSignalAction {
        MOOD.get().child_signal_action
    }

    fn is_fatal_signal_pending(&self, _: &Thread<Self>) -> bool {
        MOOD.get().kills_callers
    }
}
