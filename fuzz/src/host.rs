//! A kernel whose answers are part of the input.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use axprocess::{
    ChildSignalFlags, DiscardedSignals, Errno, ForcedAction, Host, PidNamespace, Process,
    Relations, Signal, SignalAction, SignalInfo, Thread, View,
};

/// What the hooks answer until the next [`Call::Mood`](crate::Call::Mood).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mood {
    forbids: bool,
    kills_callers: bool,
    has_told: bool,
    refuses_births: bool,
}

impl Mood {
    /// Everything is allowed, and nobody is about to die.
    pub(crate) const CALM: Self = Self::from_bits(0);

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self {
            forbids: bits & 0x18 == 0x18,
            kills_callers: bits & 0x60 == 0x60,
            has_told: bits & 6 == 6,
            refuses_births: bits & 0x81 == 0x81,
        }
    }
}

/// The host of the fuzz target.
#[derive(Debug)]
pub struct Moody;

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::CALM) };
    /// How many threads were born and are not released.
    static UNRELEASED: Cell<usize> = const { Cell::new(0) };
}

impl Moody {
    pub(crate) fn set(mood: Mood) {
        MOOD.set(mood);
    }

    /// How many threads were born and are not released, since this was last called: in all that follows, of one table.
    pub(crate) fn take_unreleased() -> usize {
        UNRELEASED.take()
    }

    pub(crate) fn unreleased() -> usize {
        UNRELEASED.get()
    }
}

/// Some signals, each a bit.
#[derive(Debug, Default)]
struct Set(AtomicU64);

impl Set {
    fn bits(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn put(&self, bits: u64) {
        self.0.store(bits, Relaxed);
    }

    fn has(&self, signal: Signal) -> bool {
        self.bits() & bit(signal) != 0
    }
}

/// The bit of a signal in a set.
pub(crate) fn bit(signal: Signal) -> u64 {
    1_u64.checked_shl(u32::from(signal.number()) - 1).unwrap_or(0)
}

/// What a process does about signals, and those that wait for it.
#[derive(Debug, Default)]
pub struct Signals {
    ignored: Set,
    handled: Set,
    child: AtomicU8,
    waiting: Set,
}

impl Signals {
    /// A forked process does what its maker does.
    pub(crate) fn inherited(&self) -> Self {
        let copy = |set: &Set| Set(set.bits().into());
        let child = self.child.load(Relaxed).into();
        Self {
            ignored: copy(&self.ignored),
            handled: copy(&self.handled),
            child,
            waiting: Set::default(),
        }
    }

    /// sigaction. The bits of `how`: ignored, `SA_NOCLDWAIT`, `SA_NOCLDSTOP`, handled. `None`: nobody may treat that signal.
    pub(crate) fn treat(&self, signal: Signal, how: u8) -> Option<()> {
        if signal.is_unblockable() {
            return None;
        }
        let change =
            |set: &Set, on| set.put(set.bits() & !bit(signal) | if on { bit(signal) } else { 0 });
        change(&self.ignored, how & 1 != 0);
        change(&self.handled, how & 8 != 0);
        if signal == Signal::SIGCHLD {
            let mut flags = ChildSignalFlags::empty();
            flags.set(ChildSignalFlags::NO_WAIT, how & 2 != 0);
            flags.set(ChildSignalFlags::NO_STOP, how & 4 != 0);
            self.child.store(flags.bits() as u8, Relaxed);
        }
        Some(())
    }

    /// What the process does about a signal.
    pub fn action(&self, signal: Signal) -> SignalAction {
        match () {
            () if self.ignored.has(signal) => SignalAction::Ignore,
            () if self.handled.has(signal) => SignalAction::Handle,
            () => SignalAction::Default,
        }
    }

    /// What was handled is no more after an exec.
    pub(crate) fn forget_handlers(&self) {
        self.handled.put(0);
    }
}

/// What a thread blocks, and the signals that wait for it alone.
#[derive(Debug, Default)]
pub struct Waiting {
    blocked: Set,
    waiting: Set,
    /// Born, and not released.
    is_there: AtomicBool,
}

impl Waiting {
    pub(crate) fn inherited(&self) -> Self {
        Self { blocked: Set(self.blocked.bits().into()), ..Self::default() }
    }

    pub(crate) fn block(&self, signals: u64) {
        self.blocked.put(signals);
    }

    /// What the thread blocks, each signal a bit.
    pub fn blocked(&self) -> u64 {
        self.blocked.bits()
    }

    /// Whether the thread blocks a signal.
    pub fn blocks(&self, signal: Signal) -> bool {
        self.blocked.has(signal)
    }
}

/// What waits for a thread, and is not blocked.
pub(crate) fn waiting_for(thread: &Thread<Moody>) -> u64 {
    let own = thread.host_data();
    (own.waiting.bits() | thread.process().host_data().waiting.bits()) & !own.blocked.bits()
}

/// The thread takes what waits for it.
pub(crate) fn take_signals(thread: &Thread<Moody>) {
    let blocked = thread.host_data().blocked.bits();
    for set in [&thread.host_data().waiting, &thread.process().host_data().waiting] {
        set.put(set.bits() & blocked);
    }
}

impl Host for Moody {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = Signals;
    type ThreadData = Waiting;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        let set = &target.host_data().waiting;
        set.put(set.bits() | bit(info.signal));
    }

    fn post_thread_signal(
        &self,
        _: View<'_, Self>,
        target: &Thread<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        let set = &target.host_data().waiting;
        set.put(set.bits() | bit(info.signal));
    }

    fn discard_signals(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        discard: DiscardedSignals,
    ) {
        let void: &[Signal] = match discard {
            DiscardedSignals::Nothing => &[],
            DiscardedSignals::Continue => &[Signal::SIGCONT],
            DiscardedSignals::Stops => {
                &[Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU]
            }
        };
        let set = &target.host_data().waiting;
        set.put(void.iter().fold(set.bits(), |bits, signal| bits & !bit(*signal)));
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        target.host_data().action(signal)
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, thread: &Thread<Self>, signal: Signal) -> bool {
        thread.host_data().blocks(signal)
    }

    fn reset_signal_action(
        &self,
        _: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
        _: ForcedAction,
    ) {
        let (own, process) = (thread.host_data(), thread.process().host_data());
        for set in [&own.blocked, &process.ignored, &process.handled] {
            set.put(set.bits() & !bit(signal));
        }
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        thread: Option<&Thread<Self>>,
        signal: Signal,
    ) -> bool {
        match thread {
            Some(thread) => thread.host_data().waiting.has(signal),
            None => target.host_data().waiting.has(signal),
        }
    }

    fn is_told_of_signal(&self, _: View<'_, Self>, _: &Thread<Self>) -> bool {
        MOOD.get().has_told
    }

    fn may_signal(
        &self,
        _: View<'_, Self>,
        _: &Process<Self>,
        _: &Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        !MOOD.get().forbids
    }

    fn may_choose_number(
        &self,
        _: View<'_, Self>,
        _: &Thread<Self>,
        _: &PidNamespace<Self>,
    ) -> bool {
        !MOOD.get().forbids
    }

    fn may_trace(&self, _: View<'_, Self>, _: &Thread<Self>, _: &Thread<Self>) -> bool {
        !MOOD.get().forbids
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        ChildSignalFlags::from_bits_truncate(parent.host_data().child.load(Relaxed).into())
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, _: &Thread<Self>) -> bool {
        MOOD.get().kills_callers
    }

    fn can_fork(
        &self,
        _: View<'_, Self>,
        _: Option<&Thread<Self>>,
        child: &Thread<Self>,
    ) -> Result<(), Errno> {
        if MOOD.get().refuses_births {
            return Err(Errno::EAGAIN);
        }
        let was_there = child.host_data().is_there.swap(true, Relaxed);
        assert!(!was_there, "{child:?} is born twice");
        UNRELEASED.set(UNRELEASED.get() + 1);
        Ok(())
    }

    fn release_task(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        let was_there = thread.host_data().is_there.swap(false, Relaxed);
        assert!(was_there, "{thread:?} is released, and was not there");
        UNRELEASED.set(UNRELEASED.get() - 1);
    }
}
