//! What a process does about its signals: Linux's `sighand_struct`.
//!
//! A process of which there is nothing more to say than which signals it ignores has none ([`crate::state`]); they are made ahead of the need ([`crate::reserve`]), with room for every signal. Processes share them as `CLONE_SIGHAND` says;
//! a fork without that lends the child those of its maker, until one of the two changes its own: most children exec before.
//! Which signals are ignored and which are caught stands in two words, which a sender reads; what else sigaction(2) has set stands in a list of those of which there is more to say.
//!
//! Lock order: the process's signals, then this.

use alloc::vec::Vec;
use core::ops::Deref;

use axprocess::{ARef, Errno, ForcedAction, Lock, Shared, Signal, SignalAction};

use crate::action::{Action, ActionFlags, Handler};
use crate::kernel::Kernel;
use crate::set::SignalSet;
use crate::word::{AtomicU32, Ordering, SetWord};

/// What is done about signals, by one process or by several.
pub(crate) struct Dispositions<K: Kernel> {
    ignored: SetWord,
    caught: SetWord,
    /// What sigaction(2) cannot change any more. Linux: `SA_IMMUTABLE`.
    immutable: SetWord,
    /// What `SIGCHLD` has of flags that count for its sender.
    child_flags: AtomicU32,
    /// How many processes have them.
    pub(crate) sharers: AtomicU32,
    pub(crate) details: K::SignalLock<Details>,
}

/// What there is to say of signals beside whether they are ignored or caught.
pub(crate) struct Details {
    pub(crate) of: SignalSet,
    /// In the order of their numbers; with room for all.
    pub(crate) list: Vec<Action>,
}

const SIGNALS: usize = 64;

impl<K: Kernel> Dispositions<K> {
    /// Makes new ones of the default.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn make() -> Result<Sharer<K>, Errno> {
        let mut list = Vec::new();
        list.try_reserve_exact(SIGNALS).map_err(|_| Errno::ENOMEM)?;
        let made = Shared::new(Self {
            ignored: SetWord::new(SignalSet::EMPTY),
            caught: SetWord::new(SignalSet::EMPTY),
            immutable: SetWord::new(SignalSet::EMPTY),
            child_flags: AtomicU32::new(0),
            sharers: AtomicU32::new(1),
            details: K::SignalLock::new(Details { of: SignalSet::EMPTY, list }),
        });
        made.map(Sharer)
    }

    /// Makes these like others.
    pub(crate) fn copy_from(&self, others: &Self) {
        let theirs = others.details.lock();
        self.ignored.set(others.ignored.get());
        self.caught.set(others.caught.get());
        self.immutable.set(others.immutable.get());
        self.child_flags.store(others.child_flags().bits(), Ordering::Relaxed);
        let mut own = self.details.lock();
        own.of = theirs.of;
        own.list.clear();
        own.list.extend_from_slice(&theirs.list);
    }

    /// What is done about a signal, in short.
    #[inline]
    pub(crate) fn action(&self, signal: Signal) -> SignalAction {
        if self.caught.get().contains(signal) {
            SignalAction::Handle
        } else if self.ignored.get().contains(signal) {
            SignalAction::Ignore
        } else {
            SignalAction::Default
        }
    }

    /// Whether what is done about a signal cannot be changed any more.
    pub(crate) fn is_immutable(&self, signal: Signal) -> bool {
        self.immutable.get().contains(signal)
    }

    /// Which are ignored, and which caught: `SigIgn` and `SigCgt` of `/proc/PID/status`.
    pub(crate) fn ignored_and_caught(&self) -> (SignalSet, SignalSet) {
        (self.ignored.get(), self.caught.get())
    }

    /// The flags that count for who sends `SIGCHLD`.
    #[inline]
    pub(crate) fn child_flags(&self) -> ActionFlags {
        ActionFlags::from_bits_truncate(self.child_flags.load(Ordering::Relaxed))
    }

    /// All that is set for a signal.
    pub(crate) fn get(&self, signal: Signal) -> Action {
        let details = self.details.lock();
        self.get_in(&details, signal)
    }

    fn get_in(&self, details: &Details, signal: Signal) -> Action {
        if details.of.contains(signal) {
            return details.list[details.place(signal)];
        }
        Action::plain(self.ignored.get().contains(signal))
    }

    /// Sets what is done about a signal, and returns what was.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it cannot be changed any more.
    pub(crate) fn set(&self, signal: Signal, new: Option<Action>) -> Result<Action, Errno> {
        let mut details = self.details.lock();
        if self.immutable.get().contains(signal) {
            return Err(Errno::EINVAL);
        }
        let old = self.get_in(&details, signal);
        if let Some(new) = new {
            self.set_in(&mut details, signal, new);
        }
        Ok(old)
    }

    fn set_in(&self, details: &mut Details, signal: Signal, new: Action) {
        details.set(signal, new);
        let with = |word: &SetWord, is_in| {
            let set = word.get();
            word.set(if is_in { set.with(signal) } else { set.without(signal) });
        };
        with(&self.ignored, new.handler == Handler::Ignore);
        with(&self.caught, matches!(new.handler, Handler::At(_)));
        if signal == Signal::SIGCHLD {
            let flags = new.flags & (ActionFlags::NOCLDSTOP | ActionFlags::NOCLDWAIT);
            self.child_flags.store(flags.bits(), Ordering::Relaxed);
        }
    }

    /// What is done about a signal that is delivered; a handler that is to run once is none any more. Linux: `get_signal`, where it looks at `ka`.
    pub(crate) fn take_handler(&self, signal: Signal) -> Action {
        let mut details = self.details.lock();
        let action = self.get_in(&details, signal);
        if action.flags.contains(ActionFlags::RESETHAND) && matches!(action.handler, Handler::At(_))
        {
            self.set_in(&mut details, signal, Action { handler: Handler::Default, ..action });
        }
        action
    }

    /// Gives a signal its default action, whatever is set. Linux: `force_sig_info_to_task`.
    pub(crate) fn force_default(&self, signal: Signal, action: ForcedAction) {
        let mut details = self.details.lock();
        let old = self.get_in(&details, signal);
        self.set_in(&mut details, signal, Action { handler: Handler::Default, ..old });
        if action == ForcedAction::Final {
            self.immutable.set(self.immutable.get().with(signal));
        }
    }

    /// Has a signal ignored, whatever is set; flags and mask stay.
    pub(crate) fn ignore(&self, signal: Signal) {
        let mut details = self.details.lock();
        let old = self.get_in(&details, signal);
        self.set_in(&mut details, signal, Action { handler: Handler::Ignore, ..old });
    }

    /// Nothing is set but what is ignored.
    pub(crate) fn reset(&self, ignored: SignalSet) {
        let mut details = self.details.lock();
        details.of = SignalSet::EMPTY;
        details.list.clear();
        self.caught.set(SignalSet::EMPTY);
        self.child_flags.store(0, Ordering::Relaxed);
        self.ignored.set(ignored);
        self.immutable.set(SignalSet::EMPTY);
    }
}

/// One process has them.
pub(crate) struct Sharer<K: Kernel>(ARef<Shared<Dispositions<K>>>);

/// One process has had them. To be dropped where nothing is held.
pub(crate) struct Left<K: Kernel> {
    pub(crate) sharer: Sharer<K>,
    /// No other one has them.
    pub(crate) is_last: bool,
}

impl<K: Kernel> Sharer<K> {
    /// One process more has these.
    pub(crate) fn share(&self) -> Self {
        self.sharers.fetch_add(1, Ordering::Relaxed);
        Self(ARef::clone(&self.0))
    }

    /// Whether other processes have them too. That none has stays so, for who has them alone: nobody else could share them.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.sharers.load(Ordering::Acquire) > 1
    }

    /// One process less has them.
    pub(crate) fn leave(self) -> Left<K> {
        let is_last = self.sharers.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            self.sharers.store(1, Ordering::Relaxed);
        }
        Left { sharer: self, is_last }
    }
}

impl<K: Kernel> Deref for Sharer<K> {
    type Target = Dispositions<K>;

    fn deref(&self) -> &Dispositions<K> {
        &self.0
    }
}

impl Details {
    /// Where it stands, or would stand.
    fn place(&self, signal: Signal) -> usize {
        let below = (1 << (signal.number() - 1)) - 1;
        (self.of.bits() & below).count_ones() as usize
    }

    fn set(&mut self, signal: Signal, new: Action) {
        let place = self.place(signal);
        match (self.of.contains(signal), new.is_plain()) {
            (true, true) => {
                self.list.remove(place);
                self.of = self.of.without(signal);
            }
            (true, false) => self.list[place] = new,
            (false, false) => {
                self.list.insert(place, new);
                self.of = self.of.with(signal);
            }
            (false, true) => {}
        }
    }
}
