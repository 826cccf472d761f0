//! Requests of ptrace: mostly those that the state of a tracee allows.

use super::Author;
use crate::script::{Number, Operation, TRACE_OPTIONS, TraceCall};
use crate::stage::duel::Duel;
use crate::stage::{Actor, Tracee};

impl Author {
    pub(super) fn trace(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        let own = duel.tracees().filter(|it| it.tracer == actor && it.is_alive);
        let tracees: Vec<Tracee> = own.collect();
        Operation::Trace(match self.choose(&tracees).copied() {
            Some(tracee) if !self.one_in(5) => self.command(duel, tracee),
            _ if self.one_in(12) => self.request_in_vain(duel, actor),
            _ => self.begin_tracing(duel, actor),
        })
    }

    fn begin_tracing(&mut self, duel: &Duel<'_>, actor: Actor) -> TraceCall {
        match self.rng.u32(..10) {
            0 => TraceCall::Me,
            1..4 => TraceCall::Attach(self.somebody(duel, actor)),
            _ => TraceCall::Seize(self.somebody(duel, actor), self.options()),
        }
    }

    fn command(&mut self, duel: &Duel<'_>, tracee: Tracee) -> TraceCall {
        let who = Number::Of(duel.names()[tracee.actor].clone());
        if !tracee.is_stopped {
            return match self.one_in(4) {
                true => self.any_request(who),
                false => TraceCall::Interrupt(who),
            };
        }
        match self.rng.u32(..16) {
            0..6 => TraceCall::Continue(who, 0),
            6..10 => TraceCall::Continue(who, self.answer()),
            10..12 => TraceCall::Listen(who),
            12 => TraceCall::Detach(who, 0),
            13 => TraceCall::Detach(who, self.answer()),
            _ => self.any_request(who),
        }
    }

    fn request_in_vain(&mut self, duel: &Duel<'_>, actor: Actor) -> TraceCall {
        let who = self.somebody(duel, actor);
        self.any_request(who)
    }

    fn any_request(&mut self, who: Number) -> TraceCall {
        match self.rng.u32(..5) {
            0 => TraceCall::Continue(who, self.answer()),
            1 => TraceCall::Listen(who),
            2 => TraceCall::Interrupt(who),
            3 => TraceCall::SetOptions(who, self.options()),
            _ => TraceCall::Detach(who, 0),
        }
    }

    /// What becomes of the signal that a tracee stops for.
    fn answer(&mut self) -> i32 {
        const STOPS: &[i32] = &[19, 19, 20, 18];
        match self.one_in(2) {
            true => *self.choose(STOPS).unwrap_or(&19),
            false => self.number_of_signal(),
        }
    }

    fn options(&mut self) -> i32 {
        let mut options = 0;
        for (_, option) in TRACE_OPTIONS {
            let is_drawn = match *option {
                libc::PTRACE_O_EXITKILL => self.one_in(8),
                _ => self.one_in(3),
            };
            options |= if is_drawn { *option } else { 0 };
        }
        options
    }
}
