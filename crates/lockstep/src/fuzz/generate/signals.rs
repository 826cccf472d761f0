//! Steps about an actor's own signals: what they do, its mask, its queues, sleeps until one comes.

use super::Author;
use crate::script::{
    Action, FileKind, Fork, Given, INIT, IfNone, MaskChange, Number, Operation, SignalCall,
    SignalSet, SignalfdCall, Step, Treatment,
};
use crate::stage::Actor;
use crate::stage::duel::Duel;

/// Few, so that who waits for one gets it; two of them are queued as often as they are sent.
const FEW: &[i32] = &[1, 10, 12, 15, 17, 18, 34, 35];

impl Author {
    /// A child that handles signals and blocks them, often with a second thread, to which several are sent; then it takes them in one of the ways that there are.
    pub(super) fn taker_of_signals(&mut self) -> Vec<Step> {
        let [taker, other] = [self.name(), self.name()];
        let [first, second] = [self.one_of_few(), self.one_of_few()];
        let both: SignalSet = [first, second].into_iter().collect();
        let born = Operation::Fork(Fork::plain(taker.clone()));
        let mut steps = vec![Step::new(INIT, born)];
        for signal in [first, second] {
            let treatment = Treatment { action: Action::Handle, ..self.treatment() };
            steps.push(Step::new(&taker, Operation::Treat { signal, treatment }));
        }
        let block = || Operation::Signals(SignalCall::Mask(MaskChange::Block, both));
        let has_other = self.rng.bool();
        // A thread begins with the mask of its maker.
        if self.rng.bool() {
            steps.push(Step::new(&taker, block()));
        }
        if has_other {
            steps.push(Step::new(&taker, Operation::Thread { child: other.clone() }));
        }
        steps.push(Step::new(&taker, block()));
        for value in 0..self.rng.i32(2..6) {
            let signal = if self.rng.bool() { first } else { second };
            let who = Number::Of(taker.clone());
            let operation = match self.rng.u32(..5) {
                0..2 => Operation::Kill(who, signal),
                2 => Operation::Tkill(who, signal),
                _ => Operation::Sigqueue(who, signal, Given { code: libc::SI_QUEUE, value }),
            };
            steps.push(Step::new(INIT, operation));
        }
        for _ in 0..3 {
            let actor = if has_other && self.one_in(3) { &other } else { &taker };
            let operation = match self.rng.u32(..10) {
                0..3 => Operation::Signals(SignalCall::Suspend(self.set())),
                3..5 => Operation::Signals(SignalCall::Wait(both, IfNone::Fail)),
                5 => Operation::Signals(SignalCall::Wait(both, IfNone::Sleep)),
                6 => Operation::Signals(SignalCall::Mask(MaskChange::Unblock, both)),
                7 => Operation::Signals(SignalCall::Mask(MaskChange::Set, self.set())),
                _ => Operation::Treat { signal: first, treatment: self.treatment() },
            };
            steps.push(Step::new(actor, operation));
        }
        steps.reverse();
        steps
    }

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
