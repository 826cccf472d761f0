//! The calls about a thread's own signals, on the model.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axprocess::{ARef, Errno, Thread};
use axprocess_signals::{Action, ActionFlags, Handler, SigInfo, TimedWait, signals_of};

use super::super::{Actor, Outcome, Seen, SignalRow};
use super::Model;
use super::calls::{Done, nothing};
use super::files::File;
use super::host::Layer;
use super::kernel::{Phase, as_seen, word_of};
use crate::script::{
    self, IfNone, MaskChange, Operation, SignalCall, SignalSet, SignalfdCall, Treatment,
};

/// The size of a set of signals.
pub(super) const SET: usize = size_of::<u64>();

/// A sigtimedwait that sleeps: the call borrows its thread, and both last as long as the sleep.
pub(super) type Await = Pin<Box<dyn Future<Output = Option<SigInfo>>>>;

impl Model {
    /// Makes a call about the caller's own signals.
    pub(super) fn use_signals(&mut self, actor: Actor, call: &SignalCall) -> Done {
        let thread = ARef::clone(&self.members[actor].thread);
        let signals = signals_of(&thread);
        match call {
            SignalCall::Mask(change, set) => {
                let how = match change {
                    MaskChange::Set => libc::SIG_SETMASK,
                    MaskChange::Block => libc::SIG_BLOCK,
                    MaskChange::Unblock => libc::SIG_UNBLOCK,
                };
                change_mask(&thread, how, *set)
            }
            SignalCall::GetMask => set(signals.rt_sigprocmask(0, SET, || Ok(None))),
            SignalCall::GetAction(signal) => {
                Some(match signals.rt_sigaction(*signal, SET, || Ok(None)) {
                    Ok(action) => Outcome::Treatment(as_treatment(&action)),
                    Err(errno) => Outcome::Error(errno.value()),
                })
            }
            SignalCall::Pending => set(signals.rt_sigpending(SET)),
            SignalCall::Suspend(mask) => match signals.rt_sigsuspend(SET, || Ok(inside(*mask))) {
                Ok(()) => self.pause(actor, call),
                Err(errno) => nothing(Err(errno)),
            },
            SignalCall::Pause => self.pause(actor, call),
            SignalCall::Wait(wanted, if_none) => self.await_signal(actor, *wanted, *if_none),
        }
    }

    /// The caller sleeps until a signal comes, if none is there.
    fn pause(&mut self, actor: Actor, call: &SignalCall) -> Done {
        self.refused.insert(actor, Operation::Signals(call.clone()));
        let is_quiet = self.members[actor].thread.attention().is_empty();
        self.kernel().tasks[actor].phase = match is_quiet {
            true => Phase::Paused,
            false => Phase::PAUSE_OVER,
        };
        None
    }

    fn await_signal(&mut self, actor: Actor, wanted: SignalSet, if_none: IfNone) -> Done {
        let thread = ARef::clone(&self.members[actor].thread);
        if if_none == IfNone::Fail {
            return Some(match signals_of(&thread).rt_sigtimedwait(SET, || Ok(inside(wanted))) {
                Ok(TimedWait::Taken(info)) => Outcome::Signal(as_seen(&info)),
                Ok(TimedWait::NothingYet(_)) => Outcome::Error(libc::EAGAIN),
                Err(errno) => Outcome::Error(errno.value()),
            });
        }
        let call = async move {
            match signals_of(&thread).rt_sigtimedwait(SET, || Ok(inside(wanted))) {
                Ok(TimedWait::Taken(info)) => Some(info),
                Ok(TimedWait::NothingYet(wait)) => wait.signal().await,
                Err(_) => None,
            }
        };
        self.awaits.insert(actor, Box::pin(call));
        let outcome = self.finish_await(actor);
        if outcome != Outcome::Blocked {
            return Some(outcome);
        }
        self.kernel().tasks[actor].phase = Phase::Awaiting;
        None
    }

    /// Looks whether a signal has come that a thread awaits, or another.
    pub(super) fn finish_await(&mut self, actor: Actor) -> Outcome {
        let Some(mut call) = self.awaits.remove(&actor) else { return Outcome::Blocked };
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(info)) => Outcome::Signal(as_seen(&info)),
            Poll::Ready(None) => Outcome::Error(libc::EINTR),
            Poll::Pending => {
                self.awaits.insert(actor, call);
                Outcome::Blocked
            }
        }
    }

    /// Makes a call that is about a signalfd.
    pub(super) fn use_signalfd(&mut self, actor: Actor, name: &str, call: SignalfdCall) -> Done {
        match call {
            SignalfdCall::Watch(set) => {
                self.files.insert(name.to_owned(), File::Signalfd(set));
                nothing(Ok(()))
            }
            SignalfdCall::Read => {
                let Some(File::Signalfd(set)) = self.files.get(name) else {
                    return nothing(Err(Errno::EBADF));
                };
                match signals_of(&self.members[actor].thread).read_signalfd(inside(*set)) {
                    Some(info) => {
                        let bytes = info.to_signalfd_siginfo();
                        Some(Outcome::Signal(Seen::of_signalfd(|index| word_of(&bytes, index))))
                    }
                    None => nothing(Err(Errno::EAGAIN)),
                }
            }
        }
    }
}

/// How a thread stands with signals.
pub(super) fn row_of(thread: &Thread<Layer>) -> SignalRow {
    let signals = signals_of(thread);
    let set = |set: axprocess_signals::SignalSet| SignalSet(set.bits());
    let ((pending, shared_pending), (ignored, caught)) =
        (signals.pending(), signals.ignored_and_caught());
    SignalRow {
        pending: set(pending),
        shared_pending: set(shared_pending),
        blocked: set(signals.blocked()),
        ignored: set(ignored),
        caught: set(caught),
    }
    .of_script()
}

pub(super) fn change_mask(thread: &Thread<Layer>, how: i32, set: SignalSet) -> Done {
    let set = || Ok(Some(inside(set)));
    nothing(signals_of(thread).rt_sigprocmask(how, SET, set).map(drop))
}

/// What sigaction(2) is told; where handlers are does not matter.
pub(super) fn as_action(treatment: &Treatment) -> Action {
    const HANDLER: usize = 0x1000;
    let handler = match treatment.action {
        script::Action::Default => Handler::Default,
        script::Action::Ignore => Handler::Ignore,
        script::Action::Handle => Handler::from_raw(HANDLER),
    };
    let flags = [
        (treatment.no_wait, ActionFlags::NOCLDWAIT),
        (treatment.no_stop, ActionFlags::NOCLDSTOP),
        (treatment.restart, ActionFlags::RESTART),
        (treatment.reset, ActionFlags::RESETHAND),
        (treatment.no_defer, ActionFlags::NODEFER),
    ];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect();
    Action { handler, flags, mask: inside(treatment.mask), restorer: 0 }
}

fn as_treatment(action: &Action) -> Treatment {
    let has = |flag| action.flags.contains(flag);
    Treatment {
        action: match action.handler {
            Handler::Default => script::Action::Default,
            Handler::Ignore => script::Action::Ignore,
            Handler::At(_) => script::Action::Handle,
        },
        no_wait: has(ActionFlags::NOCLDWAIT),
        no_stop: has(ActionFlags::NOCLDSTOP),
        restart: has(ActionFlags::RESTART),
        reset: has(ActionFlags::RESETHAND),
        no_defer: has(ActionFlags::NODEFER),
        mask: SignalSet(action.mask.bits()),
    }
}

const fn inside(set: SignalSet) -> axprocess_signals::SignalSet {
    axprocess_signals::SignalSet::from_bits(set.0)
}

fn set(result: Result<axprocess_signals::SignalSet, Errno>) -> Done {
    Some(match result {
        Ok(set) => Outcome::Value(set.bits().cast_signed()),
        Err(errno) => Outcome::Error(errno.value()),
    })
}
