//! What a process and a thread carry.

use core::ops::Deref;
use core::task::Waker;

use axprocess::{Attention, CloneFlags, Errno, Lock, Pid, Signal, SignalAction};

use crate::action::{Action, ActionFlags, Handler};
use crate::altstack::AltStack;
use crate::dispositions::{Left, Sharer};
use crate::kernel::Kernel;
use crate::queue::Queue;
use crate::reserve::Reserve;
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
    /// What is unusual about it. Written under the lock.
    marks: AtomicU32,
    /// A sender decides what becomes of its signal: what that depends on stays as it is meanwhile.
    is_deciding: AtomicBool,
    data: K::ProcessData,
}

/// There are dispositions: more is to be said than what is ignored. Of an embryo: it is to have those of its maker.
const HAS_DISPOSITIONS: u32 = 1;
/// Others have had the same dispositions as it, until one changes its own: it was forked, or has forked.
const LENT: u32 = 2;
/// Others have the same dispositions, and changes are for all of them: `CLONE_SIGHAND`.
const SHARES: u32 = 4;
/// It has had more than one thread.
const HAS_THREADS: u32 = 8;
/// It has set something for `SIGCHLD`, or who shares its dispositions may.
const SETS_SIGCHLD: u32 = 16;
/// A thread has blocked `SIGCHLD`.
const BLOCKS_SIGCHLD: u32 = 32;

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
/// It has a right to dispositions for a child ([`crate::reserve`]).
const HAS_RIGHT: u32 = 8;

impl<K: Kernel> ProcessSignals<K> {
    /// Makes those of a process without a maker: every signal has its default action, and none waits.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(signals: &crate::Signals<K>, data: K::ProcessData) -> Result<Self, Errno> {
        signals.refill();
        signals.reserve().provide_for_birth(signals.pool())?;
        Ok(Self::with(SignalSet::EMPTY, 0, data))
    }

    /// Those of a new process.
    #[inline(always)]
    fn with(ignored: SignalSet, marks: u32, data: K::ProcessData) -> Self {
        let held = Held { dispositions: None, of_threads: SignalSet::EMPTY, current: 0 };
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

    /// Makes those of a child that a thread forks with these flags. It has its dispositions from its [birth](Self::inherit) on.
    #[inline(always)]
    pub(crate) fn of_child(
        &self,
        flags: CloneFlags,
        forker: &ThreadSignals<K>,
        data: K::ProcessData,
    ) -> Self {
        let (marks, ignored) = match self.is_ordinary() && !flags.contains(CloneFlags::SIGHAND) {
            true => (0, self.ignored.get()),
            false => self.unusual_child(flags, forker.blocked.get()),
        };
        Self::with(ignored, marks, data)
    }

    /// What is unusual about a child, and what it ignores if it has no dispositions. R-SIG-81 to R-SIG-84.
    #[cold]
    fn unusual_child(&self, flags: CloneFlags, blocked: SignalSet) -> (u32, SignalSet) {
        let blocks = if blocked.contains(Signal::SIGCHLD) { BLOCKS_SIGCHLD } else { 0 };
        let inherited = || match flags.contains(CloneFlags::SIGHAND) {
            true => HAS_DISPOSITIONS | SHARES | SETS_SIGCHLD,
            false => self.marks.load(Ordering::Relaxed) & (SETS_SIGCHLD | HAS_DISPOSITIONS),
        };
        let clears = flags.contains(CloneFlags::CLEAR_SIGHAND);
        let marks = inherited();
        if marks & HAS_DISPOSITIONS != 0 && !clears {
            return (marks | blocks, SignalSet::EMPTY);
        }
        // What is ignored, and whether that is all, is of one moment.
        let held = self.lock();
        let marks = inherited();
        let marks = if clears { marks & !HAS_DISPOSITIONS } else { marks };
        (marks | blocks, self.ignored_and_caught(&held).0)
    }

    /// It is born: gives it the dispositions that it is to have of its maker's. Under the relation lock, to a process that has a right to some of its own.
    #[cold]
    pub(crate) fn inherit(&self, maker: &Self, reserve: &Reserve<K>) {
        let mut left = None;
        let (inherited, ignored) = {
            let mut held = maker.lock();
            let inherited = if self.has(SHARES) {
                maker.mark(SHARES | SETS_SIGCHLD, 0);
                maker.own_dispositions(&mut held, reserve, &mut left).map(Sharer::share)
            } else if maker.has(SHARES) {
                let copied = held.dispositions.as_ref().zip(reserve.take());
                copied.map(|(theirs, own)| {
                    own.copy_from(theirs);
                    own
                })
            } else {
                self.mark(LENT, 0);
                maker.mark(LENT, 0);
                held.dispositions.as_ref().map(Sharer::share)
            };
            (inherited, maker.ignored.get())
        };
        reserve.take_back(left);
        let mut held = self.lock();
        if inherited.is_none() {
            // Its maker has executed a program meanwhile.
            self.mark(0, HAS_DISPOSITIONS | LENT);
            self.ignored.set(ignored);
        }
        held.dispositions = inherited;
    }

    #[inline]
    fn has(&self, marks: u32) -> bool {
        self.marks.load(Ordering::Relaxed) & marks != 0
    }

    /// Under the lock.
    fn mark(&self, set: u32, cleared: u32) {
        let marks = self.marks.load(Ordering::Relaxed);
        self.marks.store(marks & !cleared | set, Ordering::Relaxed);
    }

    /// Nothing is unusual about it: it has had one thread, handles nothing, and has done nothing about `SIGCHLD`.
    #[inline]
    pub(crate) fn is_ordinary(&self) -> bool {
        self.marks.load(Ordering::Relaxed) == 0
    }

    /// Nothing is set for `SIGCHLD`, and nobody blocks it.
    #[inline]
    pub(crate) fn drops_sigchld(&self) -> bool {
        !self.has(SETS_SIGCHLD | BLOCKS_SIGCHLD | HAS_THREADS)
    }

    #[inline]
    pub(crate) fn has_dispositions(&self) -> bool {
        self.has(HAS_DISPOSITIONS)
    }

    /// What it ignores, if there is nothing more to say.
    #[inline]
    fn all_ignored(&self) -> Option<SignalSet> {
        (!self.has_dispositions()).then(|| self.ignored.get())
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

    /// A thread is about to block these.
    pub(crate) fn note_blocked(&self, _: &Held<K>, blocked: SignalSet) {
        if blocked.contains(Signal::SIGCHLD) {
            self.mark(BLOCKS_SIGCHLD, 0);
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

    /// All that is set for a signal that is delivered; a handler that is to run once is none any more.
    pub(crate) fn take_handler(
        &self,
        held: &mut Held<K>,
        reserve: &Reserve<K>,
        left: &mut Option<Left<K>>,
        signal: Signal,
    ) -> Action {
        let action = self.action(held, signal);
        if action.flags.contains(ActionFlags::RESETHAND)
            && let Some(own) = self.own_dispositions(held, reserve, left)
        {
            return own.take_handler(signal);
        }
        action
    }

    /// Whether a signal is fatal for good.
    pub(crate) fn is_final(&self, held: &Held<K>, signal: Signal) -> bool {
        held.dispositions.as_ref().is_some_and(|it| it.is_immutable(signal))
    }

    /// Sets what is done about a signal, and returns what was.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it cannot be changed any more.
    pub(crate) fn set_action(
        &self,
        held: &mut Held<K>,
        reserve: &Reserve<K>,
        left: &mut Option<Left<K>>,
        signal: Signal,
        new: Option<Action>,
    ) -> Result<Action, Errno> {
        if signal == Signal::SIGCHLD && new.is_some_and(|new| new != Action::default()) {
            self.mark(SETS_SIGCHLD, 0);
        }
        match (&held.dispositions, new) {
            (None, new) if new.is_none_or(|new| new.is_plain()) => {
                let ignored = self.ignored.get();
                match new.map(|new| new.handler == Handler::Ignore) {
                    Some(true) => self.ignored.set(ignored.with(signal)),
                    Some(false) => self.ignored.set(ignored.without(signal)),
                    None => {}
                }
                Ok(Action::plain(ignored.contains(signal)))
            }
            (Some(own), None) => own.set(signal, None),
            _ => match self.own_dispositions(held, reserve, left) {
                Some(own) => own.set(signal, new),
                None => Err(Errno::ENOMEM),
            },
        }
    }

    /// The kernel sets what is done about a signal, whatever is set.
    pub(crate) fn force_action(
        &self,
        held: &mut Held<K>,
        reserve: &Reserve<K>,
        signal: Signal,
        force: impl FnOnce(&Sharer<K>),
    ) -> Option<Left<K>> {
        let mut left = None;
        self.mark(if signal == Signal::SIGCHLD { SETS_SIGCHLD } else { 0 }, 0);
        if let Some(own) = self.own_dispositions(held, reserve, &mut left) {
            force(own);
        }
        left
    }

    /// The dispositions, to be changed: those that it has with others until then, it has left, for the caller to give back where it holds nothing.
    fn own_dispositions<'a>(
        &self,
        held: &'a mut Held<K>,
        reserve: &Reserve<K>,
        left: &mut Option<Left<K>>,
    ) -> Option<&'a Sharer<K>> {
        let is_own = match &held.dispositions {
            Some(own) => !self.has(LENT) || !own.is_shared(),
            None => false,
        };
        if !is_own {
            *left = reserve.make_own(&mut held.dispositions, self.ignored.get());
        }
        self.mark(HAS_DISPOSITIONS, LENT);
        held.dispositions.as_ref()
    }

    /// Handlers, flags and masks are gone, and other threads; of what was ignored, this stays so, and its one thread blocks these. Returns the dispositions, for the caller to give back where it holds nothing. Linux: `flush_signal_handlers`.
    pub(crate) fn forget(&self, held: &mut Held<K>, blocked: SignalSet) -> Option<Left<K>> {
        let (ignored, _) = self.ignored_and_caught(held);
        self.ignored.set(ignored);
        let sets = if ignored.contains(Signal::SIGCHLD) { SETS_SIGCHLD } else { 0 };
        let blocks = if blocked.contains(Signal::SIGCHLD) { BLOCKS_SIGCHLD } else { 0 };
        self.marks.store(sets | blocks, Ordering::Relaxed);
        held.dispositions.take().map(Sharer::leave)
    }

    /// Whether other processes have the same dispositions, and changes are for all of them.
    pub(crate) fn shares(&self) -> bool {
        self.has(SHARES)
    }

    pub(crate) fn has_threads(&self) -> bool {
        self.has(HAS_THREADS)
    }

    /// It is about to have a second thread. Takes the lock, if it has had none before.
    pub(crate) fn note_thread(&self) {
        if !self.has_threads() {
            let _held = self.lock();
            self.mark(HAS_THREADS, 0);
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

    /// Whether it is, and there is nothing more to say of it.
    #[inline]
    pub(crate) fn leads_alone(&self) -> bool {
        self.marks.load(Ordering::Relaxed) == LEADS
    }

    /// Whether it has a right to dispositions for a child that it is to fork.
    #[inline]
    pub(crate) fn has_right(&self) -> bool {
        self.has(HAS_RIGHT)
    }

    pub(crate) fn set_right(&self, is_set: bool) {
        self.mark(HAS_RIGHT, is_set);
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
