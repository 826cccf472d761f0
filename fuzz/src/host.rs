//! A kernel whose answers are part of the input.

use std::cell::Cell;
use std::sync::Mutex;

use axprocess::{ChildSignalAction, Host, Process, Relations, Signal, Thread};

/// What the hooks answer until the next [`Call::Mood`](crate::Call::Mood).
#[derive(Clone, Copy, Debug, Default)]
pub struct Mood {
    child_signal_action: ChildSignalAction,
    forbids_signals: bool,
    kills_callers: bool,
}

impl Mood {
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self {
            child_signal_action: ChildSignalAction::from_bits_truncate(bits & 7),
            forbids_signals: bits & 0x18 == 0x18,
            kills_callers: bits & 0x60 == 0x60,
        }
    }
}

/// The host of the fuzz target.
#[derive(Debug)]
pub struct Moody;

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::from_bits(0)) };
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
        !MOOD.get().forbids_signals
    }

    fn child_signal_action(&self, _: &Process<Self>) -> ChildSignalAction {
        MOOD.get().child_signal_action
    }

    fn is_fatal_signal_pending(&self, _: &Thread<Self>) -> bool {
        MOOD.get().kills_callers
    }
}
