//! A little kernel under the actors of a scenario: what signals, exits and sleeps do to a thread, it does by calls.

use axprocess::{
    ARef, Attention, DefaultAction, Patience, RunState, Signal, SignalAction, WaitRequest,
};
use axprocess_fuzz::{Call, Index};

use crate::cast::Cast;

impl Cast {
    /// Waits; who finds nothing sleeps, unless it does not want to.
    pub(crate) fn wait(&mut self, by: Index, call: Call) -> bool {
        let finds = self.call(call);
        if !finds && self.would_sleep(call) {
            self.sleepers.push((by, call));
        }
        finds
    }

    fn would_sleep(&self, call: Call) -> bool {
        let (by, request) = match call {
            Call::Wait4 { by, pid, options } => {
                (by, WaitRequest::wait4(pid.value(), options.value()))
            }
            Call::Waitid { by, kind, id, options } => {
                (by, WaitRequest::waitid(kind.into(), id.value(), options.value()))
            }
            _ => return false,
        };
        let Some((thread, request)) = self.world.thread(by).zip(request.ok()) else {
            return false;
        };
        let is_patient = request.patience() == Patience::Sleep;
        is_patient && thread.wait(&request).is_ok()
    }

    /// Goes on until nobody has anything to do: threads take signals, stop, exit, and sleepers look again.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100 {
            let before = self.calls.len();
            (0..self.world.threads()).for_each(|by| self.go_on(by));
            if self.calls.len() == before {
                break;
            }
        }
        for (by, call) in std::mem::take(&mut self.sleepers) {
            if self.is_there(by) {
                self.wait(by, call);
            }
        }
    }

    fn is_there(&self, by: Index) -> bool {
        let thread = self.world.thread(by);
        thread.is_some_and(|thread| {
            thread.process().threads().unwrap().iter().any(|it| ARef::ptr_eq(it, thread))
        })
    }

    /// A thread looks where it has to go.
    fn go_on(&mut self, by: Index) {
        let thread = self.world.thread(by).filter(|_| self.is_there(by)).cloned();
        let Some(thread) = thread else {
            return;
        };
        if thread.process().is_group_exiting() {
            self.exit(by, 0);
            return;
        }
        if thread.is_waiting_for_vfork() {
            return;
        }
        let was_stopped = self.stopped.contains(&by);
        if thread.attention().contains(Attention::STOP) {
            self.call(Call::JoinStop { by, bits: 0 });
            if thread.is_stopped() {
                self.stopped.push(by);
                return;
            }
        }
        if matches!(thread.run_state(), Some(RunState::Stopped | RunState::TraceStopped)) {
            return;
        }
        let is_traced = thread.tracer().is_some();
        if was_stopped {
            self.stopped.retain(|it| *it != by);
            self.call(Call::Run { by });
        }
        let Some(process) = self.process_of(by) else {
            return;
        };
        let signals = self.world.signals_for(by);
        if signals == 0 {
            return;
        }
        self.call(Call::TakeTicket { by: process });
        self.call(Call::TakeSignals { by });
        for number in (1..=64).filter(|number| signals >> (number - 1) & 1 == 1) {
            if is_traced {
                self.call(Call::TraceStop { by, code: number.into() });
            } else {
                self.take(by, process, number);
            }
        }
    }

    /// A thread takes a signal.
    pub(crate) fn take(&mut self, by: Index, process: Index, number: u8) {
        let Some((signal, thread)) = Signal::new(number).zip(self.world.thread(by)) else {
            return;
        };
        if thread.process().host_data().action(signal) != SignalAction::Default {
            return;
        }
        match signal.default_action() {
            DefaultAction::Stop => {
                self.call(Call::BeginStop { by, signal: i32::from(number).into() });
            }
            DefaultAction::Terminate | DefaultAction::Dump => {
                self.call(Call::BeginGroupExit { by: process, status: number.into() });
            }
            DefaultAction::Ignore => {}
        }
    }
}
