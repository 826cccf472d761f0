//! Steps about an actor's own signals: what they do, its mask, its queues, sleeps until one comes.

use super::Author;
use crate::script::{
    Action, FileKind, IfNone, MaskChange, Operation, SignalCall, SignalSet, SignalfdCall, Treatment,
};
use crate::stage::Actor;
use crate::stage::duel::Duel;

/// Few, so that who waits for one gets it; two of them are queued as often as they are sent.
const FEW: &[i32] = &[1, 10, 12, 15, 17, 18, 34, 35];

impl Author {
    /// Something about the actor's own signals. Process 1 seldom sleeps.
    pub(super) fn own_signals(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        let sleeps = actor != 0 || self.one_in(8);
        Operation::Signals(match self.rng.u32(..40) {
            0..3 => SignalCall::Mask(MaskChange::Set, self.set()),
            3..7 => SignalCall::Mask(MaskChange::Block, self.set()),
            7..9 => SignalCall::Mask(MaskChange::Unblock, self.set()),
            9 => SignalCall::GetMask,
            10..13 => SignalCall::GetAction(self.one_of_few()),
            13..15 => SignalCall::Pending,
            15..19 if sleeps => SignalCall::Suspend(self.set()),
            19..21 if sleeps => SignalCall::Pause,
            21..26 if sleeps => SignalCall::Wait(self.set(), IfNone::Sleep),
            26..32 => return self.signalfd(duel, actor),
            32..36 => {
                let treatment = self.treatment();
                return Operation::Treat { signal: self.one_of_few(), treatment };
            }
            _ => SignalCall::Wait(self.set(), IfNone::Fail),
        })
    }

    fn signalfd(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        const MOST: usize = 12;
        let own = self.files_of(duel, actor, |kind| kind == FileKind::Signalfd);
        if own.is_empty() && self.opened < MOST || own.len() < 3 && self.one_in(6) {
            return Operation::Signalfd(self.file("sfd"), SignalfdCall::Watch(self.set()));
        }
        let Some(name) = self.choose(&own).cloned() else {
            return Operation::Signals(SignalCall::Pending);
        };
        let call = match self.one_in(6) {
            true => SignalfdCall::Watch(self.set()),
            false => SignalfdCall::Read,
        };
        Operation::Signalfd(name, call)
    }

    /// What a signal does from now on.
    pub(super) fn treatment(&mut self) -> Treatment {
        let actions = [Action::Default, Action::Ignore, Action::Handle, Action::Handle];
        let action = *self.choose(&actions).unwrap_or(&Action::Default);
        let handles = action == Action::Handle;
        Treatment {
            action,
            no_wait: self.one_in(5),
            no_stop: self.one_in(5),
            restart: handles && self.one_in(3),
            reset: handles && self.one_in(6),
            no_defer: handles && self.one_in(6),
            mask: if handles && self.one_in(4) { self.set() } else { SignalSet::default() },
        }
    }

    /// One, two or three of the few; seldom none, or all.
    fn set(&mut self) -> SignalSet {
        match self.rng.u32(..20) {
            0 => SignalSet(0),
            1 => SignalSet(u64::MAX),
            _ => (0..self.rng.u32(1..4)).map(|_| self.one_of_few()).collect(),
        }
    }

    /// A signal that scripts about signals send and wait for.
    pub(super) fn one_of_few(&mut self) -> i32 {
        *self.choose(FEW).unwrap_or(&10)
    }
}
