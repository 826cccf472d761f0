//! What the model asks of the kernel: where signals wait, what is done about them, who is woken.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use axprocess::{
    Attention, ChildNews, Cursor, DiscardedSignals, Host, Relations, Signal, SignalAction,
    SignalInfo, View,
};

pub(crate) type Process = axprocess::Process<Kernel>;
pub(crate) type Thread = axprocess::Thread<Kernel>;

/// Of a thread's attention word: a signal waits for its process.
pub(crate) const SIGNAL: Attention = Attention::HOST_0;

pub(crate) struct Kernel;

/// The signals of a process, a bit for each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Signals {
    pub(crate) pending: u64,
    pub(crate) ignored: u64,
    pub(crate) handled: u64,
}

/// Where a thread sleeps.
#[derive(Default)]
pub(crate) struct Sleep {
    is_kicked: Mutex<bool>,
    woken: Condvar,
}

pub(crate) const fn bit(signal: Signal) -> u64 {
    1 << (signal.number() - 1)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a thread look at what it waits for, and at its attention word.
pub(crate) fn kick(thread: &Thread) {
    *lock(&thread.host_data().is_kicked) = true;
    thread.host_data().woken.notify_one();
}

fn kick_all(view: View<'_, Kernel>, process: &Process) {
    view.threads(process, &mut Cursor::new()).for_each(kick);
}

/// Lets the calling thread sleep as long as the condition holds.
pub(crate) fn sleep_while(thread: &Thread, condition: impl Fn() -> bool) {
    let sleep = thread.host_data();
    while condition() {
        let mut is_kicked = lock(&sleep.is_kicked);
        while !*is_kicked {
            is_kicked = sleep.woken.wait(is_kicked).unwrap_or_else(PoisonError::into_inner);
        }
        *is_kicked = false;
    }
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Mutex<Signals>;
    type ThreadData = Sleep;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn context(&self) -> Option<NonZeroUsize> {
        thread_local!(static HERE: u8 = const { 0 });
        HERE.with(|here| NonZeroUsize::new(std::ptr::from_ref(here).addr()))
    }

    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &Process,
        info: &SignalInfo,
        _: Option<&Process>,
    ) {
        lock(target.host_data()).pending |= bit(info.signal);
        for thread in view.threads(target, &mut Cursor::new()) {
            thread.add_attention(SIGNAL);
            kick(thread);
        }
    }

    /// A process has one thread.
    fn post_thread_signal(
        &self,
        view: View<'_, Self>,
        target: &Thread,
        info: &SignalInfo,
        sender: Option<&Process>,
    ) {
        self.post_signal(view, target.process(), info, sender);
    }

    fn discard_signals(&self, view: View<'_, Self>, target: &Process, discarded: DiscardedSignals) {
        let stops = [Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
        let void = match discarded {
            DiscardedSignals::Nothing => 0,
            DiscardedSignals::Continue => bit(Signal::SIGCONT),
            DiscardedSignals::Stops => stops.into_iter().map(bit).sum(),
        };
        lock(target.host_data()).pending &= !void;
        kick_all(view, target);
    }

    fn signal_action(&self, _: View<'_, Self>, target: &Process, signal: Signal) -> SignalAction {
        let signals = lock(target.host_data());
        match bit(signal) {
            signal if signals.ignored & signal != 0 => SignalAction::Ignore,
            signal if signals.handled & signal != 0 => SignalAction::Handle,
            _ => SignalAction::Default,
        }
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process,
        _: Option<&Thread>,
        signal: Signal,
    ) -> bool {
        lock(target.host_data()).pending & bit(signal) != 0
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &Thread) {
        kick(thread);
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &Thread) {
        kick(thread);
    }

    fn wake_waiters(&self, view: View<'_, Self>, parent: &Process, _: &ChildNews) {
        kick_all(view, parent);
    }
}
