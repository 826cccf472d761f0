//! What a process and a thread carry.

use core::ops::Deref;
use core::task::Waker;

use axprocess::{Attention, Errno, Lock, Pid};

use crate::altstack::AltStack;
use crate::dispositions::{Dispositions, Sharer};
use crate::kernel::Kernel;
use crate::queue::Queue;
use crate::set::SignalSet;
use crate::word::{AtomicU32, Ordering, SetWord};

/// A signal waits that the thread does not block. Linux: `TIF_SIGPENDING`.
pub(crate) const SIGNAL: Attention = Attention::HOST_0;

/// The signals of a process, and the [kernel's data](Kernel::ProcessData) of it, to which it dereferences.
///
/// Made by [`ProcessSignals::new`] for the first process, and for every other one by [`Caller::fork`](crate::Caller::fork).
pub struct ProcessSignals<K: Kernel> {
    pub(crate) held: K::SignalLock<Held<K>>,
    /// What waits for the process as a whole.
    pub(crate) queue: Queue<K>,
    data: K::ProcessData,
}

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
    /// What it blocks beside, outside of the sigtimedwait(2) in which it sleeps. Linux: `real_blocked`.
    pub(crate) awaited: SetWord,
    /// The mask that comes back when the call is over in which it has this one.
    pub(crate) saved: SetWord,
    pub(crate) marks: AtomicU32,
    pub(crate) queue: Queue<K>,
    pub(crate) alt_stack: AltStack,
    pub(crate) waker: K::SignalLock<Option<Waker>>,
    data: K::ThreadData,
}

/// `saved` is to come back. Linux: `TIF_RESTORE_SIGMASK`.
const RESTORES_MASK: u32 = 1;
/// It takes no more signals. Linux: `PF_EXITING`.
const EXITING: u32 = 2;
/// It is in sigtimedwait(2).
const AWAITING: u32 = 4;

impl<K: Kernel> ProcessSignals<K> {
    /// Makes those of a process without a maker: every signal has its default action, and none waits.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(signals: &crate::Signals<K>, data: K::ProcessData) -> Result<Self, Errno> {
        signals.refill();
        Ok(Self::with(Dispositions::make(signals.pool())?, data))
    }

    pub(crate) fn with(dispositions: Sharer<K>, data: K::ProcessData) -> Self {
        let held =
            Held { dispositions: Some(dispositions), of_threads: SignalSet::EMPTY, current: 0 };
        Self { held: K::SignalLock::new(held), queue: Queue::new(), data }
    }

    pub(crate) fn lock(&self) -> <K::SignalLock<Held<K>> as Lock<Held<K>>>::Guard<'_> {
        self.held.lock()
    }
}

impl<K: Kernel> ThreadSignals<K> {
    /// Makes those of a thread without a maker: it blocks nothing.
    pub fn new(data: K::ThreadData) -> Self {
        Self::with_mask(SignalSet::EMPTY, data)
    }

    pub(crate) fn with_mask(blocked: SignalSet, data: K::ThreadData) -> Self {
        Self {
            blocked: SetWord::new(blocked),
            awaited: SetWord::new(SignalSet::EMPTY),
            saved: SetWord::new(SignalSet::EMPTY),
            marks: AtomicU32::new(0),
            queue: Queue::new(),
            alt_stack: AltStack::new(),
            waker: K::SignalLock::new(None),
            data,
        }
    }

    fn mark(&self, mark: u32, is_set: bool) {
        // The thread itself writes it.
        let marks = self.marks.load(Ordering::Relaxed);
        let marks = if is_set { marks | mark } else { marks & !mark };
        self.marks.store(marks, Ordering::Relaxed);
    }

    pub(crate) fn restores_mask(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & RESTORES_MASK != 0
    }

    pub(crate) fn set_restores_mask(&self, is_set: bool) {
        self.mark(RESTORES_MASK, is_set);
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & AWAITING != 0
    }

    pub(crate) fn set_awaiting(&self, is_set: bool) {
        self.mark(AWAITING, is_set);
    }

    pub(crate) fn is_exiting(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & EXITING != 0
    }

    pub(crate) fn set_exiting(&self) {
        self.mark(EXITING, true);
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
