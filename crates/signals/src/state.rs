//! What a process and a thread carry.

use core::ops::Deref;
use core::task::Waker;

use axprocess::{Attention, Errno, Lock, Pid, Signal, SignalAction};

use crate::action::{Action, ActionFlags, Handler};
use crate::altstack::AltStack;
use crate::dispositions::Sharer;
use crate::kernel::Kernel;
use crate::pool::Pool;
use crate::queue::Queue;
use crate::set::SignalSet;
use crate::word::{AtomicBool, AtomicU32, Ordering, SetWord};

/// A signal waits that the thread does not block. Linux: `TIF_SIGPENDING`.
pub(crate) const SIGNAL: Attention = Attention::HOST_0;

/// The signals of a process, and the [kernel's data](Kernel::ProcessData) of it, to which it dereferences.
///
/// Made by [`ProcessSignals::new`] for the first process, and for every other one by [`Caller::fork`](crate::Caller::fork).
pub struct ProcessSignals<K: Kernel> {
    held: K::SignalLock<Held<K>>,
    /// What waits for the process as a whole.
    pub(crate) queue: Queue<K>,
    /// What it ignores, if it has no dispositions.
    ignored: SetWord,
    marks: AtomicU32,
    /// A sender decides what becomes of its signal: what that depends on stays as it is meanwhile.
    is_deciding: AtomicBool,
    data: K::ProcessData,
}

/// There are dispositions: more is to be said than what is ignored. Written under the lock.
const HAS_DISPOSITIONS: u32 = 1;
/// It has had more than one thread.
const HAS_THREADS: u32 = 2;

/// What the lock of a process's signals guards; whoever has it may also write what is a process's, and its threads', elsewhere.
pub(crate) struct Held<K: Kernel> {
    pub(crate) dispositions: Option<Sharer<K>>,
    /// What may wait for single threads: none of them has what is not in here.
    pub(crate) of_threads: SignalSet,
    /// The number of the thread that took a signal last which its first choice did not want; 0: the leader. Linux: `curr_target`.
    pub(crate) current: Pid,
}

/// The signals of a thread, and the [kernel's data](Kernel::ThreadData) of it, to which it dereferences.
///
/// Made by [`ThreadSignals::new`] for the first thread, and for every other one by [`Caller::fork`](crate::Caller::fork) and [`Caller::new_thread`](crate::Caller::new_thread).
pub struct ThreadSignals<K: Kernel> {
    pub(crate) blocked: SetWord,
    /// The mask outside of the call in which it has another, as the marks say. Linux: `saved_sigmask`, `real_blocked`.
    pub(crate) outer: SetWord,
    pub(crate) queue: Queue<K>,
    /// What the thread says of itself; its tracer, as long as it is stopped.
    marks: AtomicU32,
    /// It takes no more signals. Linux: `PF_EXITING`.
    is_exiting: AtomicBool,
    pub(crate) alt_stack: AltStack,
    pub(crate) waker: K::SignalLock<Option<Waker>>,
    data: K::ThreadData,
}

/// `outer` is to come back at the end of the call. Linux: `TIF_RESTORE_SIGMASK`.
const RESTORES_MASK: u32 = 1;
/// It is in sigtimedwait(2): it blocks `outer` as well, but for what it awaits.
const AWAITING: u32 = 2;
/// It is the first thread of its process.
pub(crate) const LEADS: u32 = 4;

impl<K: Kernel> ProcessSignals<K> {
    /// Makes those of a process without a maker: every signal has its default action, and none waits.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(signals: &crate::Signals<K>, data: K::ProcessData) -> Result<Self, Errno> {
        signals.refill();
        signals.pool().provide()?;
        Ok(Self::with(None, SignalSet::EMPTY, data))
    }

    /// Those of a new process.
    #[inline(always)]
    pub(crate) fn with(
        dispositions: Option<Sharer<K>>,
        ignored: SignalSet,
        data: K::ProcessData,
    ) -> Self {
        let marks = if dispositions.is_some() { HAS_DISPOSITIONS } else { 0 };
        let held = Held { dispositions, of_threads: SignalSet::EMPTY, current: 0 };
        Self {
            held: K::SignalLock::new(held),
            queue: Queue::new(),
            ignored: SetWord::new(ignored),
            marks: AtomicU32::new(marks),
            is_deciding: AtomicBool::new(false),
            data,
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> <K::SignalLock<Held<K>> as Lock<Held<K>>>::Guard<'_> {
        self.held.lock()
    }

    #[inline]
    fn has(&self, mark: u32) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    /// Whether some are reserved for it: it has none.
    #[inline]
    pub(crate) fn reserves(&self) -> bool {
        !self.has(HAS_DISPOSITIONS)
    }

    /// What it ignores, if there is nothing more to say.
    #[inline]
    pub(crate) fn all_ignored(&self) -> Option<SignalSet> {
        self.reserves().then(|| self.ignored.get())
    }

    /// A sender begins to decide, when nobody is amid a change. It has the relation lock.
    pub(crate) fn begin_decision(&self) {
        let _held = self.lock();
        self.is_deciding.store(true, Ordering::Relaxed);
    }

    /// The sender has decided, and has posted what is to wait.
    pub(crate) fn end_decision(&self) {
        self.is_deciding.store(false, Ordering::Release);
    }

    pub(crate) fn is_deciding(&self) -> bool {
        self.is_deciding.load(Ordering::Acquire)
    }

    /// What is done about a signal, in short: two loads as long as nothing is handled.
    #[inline]
    pub(crate) fn short_action(&self, signal: Signal) -> SignalAction {
        match self.all_ignored() {
            Some(ignored) => Action::plain(ignored.contains(signal)).handler.into(),
            None => {
                let held = self.lock();
                held.dispositions.as_ref().map_or(SignalAction::Default, |it| it.action(signal))
            }
        }
    }

    /// The flags that count for who sends `SIGCHLD`.
    #[inline]
    pub(crate) fn child_flags(&self) -> ActionFlags {
        match self.all_ignored() {
            Some(_) => ActionFlags::empty(),
            None => self
                .lock()
                .dispositions
                .as_ref()
                .map_or(ActionFlags::empty(), |it| it.child_flags()),
        }
    }

    /// Which are ignored, and which caught.
    pub(crate) fn ignored_and_caught(&self, held: &Held<K>) -> (SignalSet, SignalSet) {
        let plain = (self.ignored.get(), SignalSet::EMPTY);
        held.dispositions.as_ref().map_or(plain, |it| it.ignored_and_caught())
    }

    /// All that is set for a signal.
    pub(crate) fn action(&self, held: &Held<K>, signal: Signal) -> Action {
        let plain = || Action::plain(self.ignored.get().contains(signal));
        held.dispositions.as_ref().map_or_else(plain, |it| it.get(signal))
    }

    /// All that is set for a signal that is delivered; a handler that is to run once is none any more. Takes the lock, if there is one.
    pub(crate) fn take_handler(&self, signal: Signal) -> Action {
        let plain = |ignored: SignalSet| Action::plain(ignored.contains(signal));
        self.all_ignored().map_or_else(
            || {
                let held = self.lock();
                let dispositions = held.dispositions.as_ref();
                dispositions.map_or_else(|| plain(self.ignored.get()), |it| it.take_handler(signal))
            },
            plain,
        )
    }

    /// Sets what is done about a signal, and returns what was.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it cannot be changed any more.
    pub(crate) fn set_action(
        &self,
        held: &mut Held<K>,
        pool: &Pool<K>,
        signal: Signal,
        new: Option<Action>,
    ) -> Result<Action, Errno> {
        let is_plain = held.dispositions.is_none();
        match new {
            None if is_plain => Ok(self.action(held, signal)),
            Some(new) if is_plain && new.is_plain() => {
                let old = self.action(held, signal);
                let ignored = self.ignored.get();
                let is_ignored = new.handler == Handler::Ignore;
                let with = if is_ignored { ignored.with(signal) } else { ignored.without(signal) };
                self.ignored.set(with);
                Ok(old)
            }
            new => match self.dispositions(held, pool) {
                Some(dispositions) => dispositions.set(signal, new),
                None => Ok(Action::default()),
            },
        }
    }

    /// The dispositions, which the process has from now on.
    pub(crate) fn dispositions<'a>(
        &self,
        held: &'a mut Held<K>,
        pool: &Pool<K>,
    ) -> Option<&'a Sharer<K>> {
        if held.dispositions.is_none() {
            let reserved = pool.take_reserved()?;
            reserved.reset(self.ignored.get());
            held.dispositions = Some(reserved);
            self.marks.fetch_or(HAS_DISPOSITIONS, Ordering::Relaxed);
        }
        held.dispositions.as_ref()
    }

    /// Makes dispositions like those of this process.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn copy_dispositions(&self, pool: &Pool<K>) -> Result<Sharer<K>, Errno> {
        let copy = pool.take_unreserved()?;
        let held = self.lock();
        match &held.dispositions {
            Some(own) => copy.copy_from(own),
            None => copy.reset(self.ignored.get()),
        }
        Ok(copy)
    }

    /// Others have the same dispositions.
    pub(crate) fn shares(&self, held: &Held<K>) -> bool {
        held.dispositions.as_ref().is_some_and(Sharer::is_shared)
    }

    /// Handlers are gone. Of dispositions that others share, this process has its part no more, and has reserved some; the part is the caller's to drop, where it holds nothing.
    pub(crate) fn forget_handlers(&self, held: &mut Held<K>, pool: &Pool<K>) -> Option<Sharer<K>> {
        let (ignored, _) = self.ignored_and_caught(held);
        self.ignored.set(ignored);
        let left = if self.shares(held) { held.dispositions.take() } else { None };
        // Where there is no place for them, they stay.
        pool.give_back(&mut held.dispositions, ignored);
        if held.dispositions.is_none() {
            self.marks.fetch_and(!HAS_DISPOSITIONS, Ordering::Relaxed);
        }
        left
    }

    /// The process is gone: what it has reserved, or has alone, is for others.
    pub(crate) fn release(&self, held: &mut Held<K>, pool: &Pool<K>) {
        if held.dispositions.is_none() || pool.give_back(&mut held.dispositions, SignalSet::EMPTY) {
            pool.unreserve();
        }
    }

    pub(crate) fn has_threads(&self) -> bool {
        self.has(HAS_THREADS)
    }

    /// It is about to have a second thread.
    pub(crate) fn note_thread(&self) {
        if !self.has_threads() {
            self.marks.fetch_or(HAS_THREADS, Ordering::Relaxed);
        }
    }
}

impl<K: Kernel> ThreadSignals<K> {
    /// Makes those of a thread without a maker: it blocks nothing.
    pub fn new(data: K::ThreadData) -> Self {
        Self::with_mask(SignalSet::EMPTY, LEADS, data)
    }

    #[inline(always)]
    pub(crate) fn with_mask(blocked: SignalSet, marks: u32, data: K::ThreadData) -> Self {
        Self {
            blocked: SetWord::new(blocked),
            outer: SetWord::new(SignalSet::EMPTY),
            marks: AtomicU32::new(marks),
            is_exiting: AtomicBool::new(false),
            queue: Queue::new(),
            alt_stack: AltStack::new(),
            waker: K::SignalLock::new(None),
            data,
        }
    }

    fn has(&self, mark: u32) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    fn mark(&self, mark: u32, is_set: bool) {
        // Nobody else writes them meanwhile.
        let marks = self.marks.load(Ordering::Relaxed);
        let marks = if is_set { marks | mark } else { marks & !mark };
        self.marks.store(marks, Ordering::Relaxed);
    }

    pub(crate) fn restores_mask(&self) -> bool {
        self.has(RESTORES_MASK)
    }

    pub(crate) fn set_restores_mask(&self, is_set: bool) {
        self.mark(RESTORES_MASK, is_set);
    }

    /// What it blocks outside of the sigtimedwait(2) in which it is; nothing, if it is in none.
    #[inline]
    pub(crate) fn awaited(&self) -> SignalSet {
        if self.is_awaiting() { self.outer.get() } else { SignalSet::EMPTY }
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.has(AWAITING)
    }

    pub(crate) fn set_awaiting(&self, is_set: bool) {
        self.mark(AWAITING, is_set);
    }

    /// Whether it is the first thread of its process.
    #[inline]
    pub(crate) fn leads(&self) -> bool {
        self.has(LEADS)
    }

    /// It has taken its process over.
    pub(crate) fn set_leads(&self) {
        self.mark(LEADS, true);
    }

    pub(crate) fn is_exiting(&self) -> bool {
        self.is_exiting.load(Ordering::Relaxed)
    }

    pub(crate) fn set_exiting(&self) {
        self.is_exiting.store(true, Ordering::Relaxed);
    }
}

impl<K: Kernel> Deref for ProcessSignals<K> {
    type Target = K::ProcessData;

    fn deref(&self) -> &K::ProcessData {
        &self.data
    }
}

impl<K: Kernel> Deref for ThreadSignals<K> {
    type Target = K::ThreadData;

    fn deref(&self) -> &K::ThreadData {
        &self.data
    }
}
