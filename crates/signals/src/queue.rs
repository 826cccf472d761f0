//! The signals that wait for a thread, or for a process.
//!
//! Standard signals wait once, real-time signals as often as they were sent. A queue is a list of runs, one for each signal that has a siginfo there, in no order; a run has its siginfos in the order in which
//! they came. So what is asked of a queue never takes more than 64 steps, however much waits.
//!
//! | here | Linux |
//! | --- | --- |
//! | `pending` | `sigpending.signal` |
//! | the nodes | `sigpending.list` |
//! | `take` | `collect_signal` |
//! | `discard` | `flush_sigqueue_mask` |
//! | void | `posixtimer_valid`, asked by `posixtimer_deliver_signal` |

use core::marker::PhantomData;

use axprocess::Signal;

use crate::info::SigInfo;
use crate::kernel::{Account, Kernel};
use crate::pool::{Link, Slab};
use crate::set::SignalSet;
use crate::word::{AtomicU32, Ordering, SetWord};

/// Signals that wait. All but the look at `pending` is under the lock of the process.
pub(crate) struct Queue<K: Kernel> {
    pending: SetWord,
    first: AtomicU32,
    kernel: PhantomData<fn() -> K>,
}

impl<K: Kernel> Queue<K> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: SetWord::new(SignalSet::EMPTY),
            first: AtomicU32::new(Link::NONE.raw()),
            kernel: PhantomData,
        }
    }

    /// Which signals wait.
    #[inline]
    pub(crate) fn pending(&self) -> SignalSet {
        self.pending.get()
    }

    pub(crate) fn first(&self) -> Link {
        Link::from_raw(self.first.load(Ordering::Relaxed))
    }

    fn set_first(&self, first: Link) {
        self.first.store(first.raw(), Ordering::Relaxed);
    }

    /// Queues a signal; without a node left, it waits without its siginfo. Whether that is there.
    pub(crate) fn push(&self, slab: &mut Slab<K>, info: SigInfo, account: Option<Account>) -> bool {
        let signal = info.signal();
        self.pending.set(self.pending().with(signal));
        let Some(node) = slab.take(info, account) else {
            return false;
        };
        match self.find(slab, |_, info| info.signal() == signal) {
            Some(Place { run, .. }) => {
                let last = slab[run].last;
                slab[last].next = node;
                slab[run].last = node;
            }
            None => {
                slab[node].next_run = self.first();
                self.set_first(node);
            }
        }
        true
    }

    /// Notes that a signal waits of which nothing is known.
    pub(crate) fn push_without_info(&self, signal: Signal) {
        self.pending.set(self.pending().with(signal));
    }

    /// A timer has expired, whose signal this is: if the one before waits still, that counts it. Whether it does. Linux: `posixtimer_send_sigqueue`. R-SIG-26.
    pub(crate) fn count_overrun(&self, slab: &mut Slab<K>, info: &SigInfo) -> bool {
        let Some(at) = self.find_of_timer(slab, info.signal(), info.number()) else {
            return false;
        };
        let node = &mut slab[at];
        if node.is_void {
            (node.info, node.is_void) = (*info, false);
        } else {
            node.info.overrun = node.info.overrun.saturating_add(1);
        }
        true
    }

    /// Has the signal of a timer discarded by who would take it.
    pub(crate) fn void_timer(&self, slab: &mut Slab<K>, signal: Signal, timer: i32) {
        if let Some(at) = self.find_of_timer(slab, signal, timer) {
            slab[at].is_void = true;
        }
    }

    fn find_of_timer(&self, slab: &Slab<K>, signal: Signal, timer: i32) -> Option<Link> {
        let mut at = self.find(slab, |_, info| info.signal() == signal)?.run;
        while at.is_some() && !slab[at].info.is_of(timer) {
            at = slab[at].next;
        }
        at.is_some().then_some(at)
    }

    /// Takes the next one that is not blocked.
    pub(crate) fn take(
        &self,
        slab: &mut Slab<K>,
        open: SignalSet,
    ) -> Option<(SigInfo, Option<Account>)> {
        loop {
            let signal = (self.pending() & open).next()?;
            if let Some(taken) = self.take_signal(slab, signal) {
                return Some(taken);
            }
        }
    }

    /// Takes the fault that came first, if any such signal is not blocked: whether that one is, nobody asks. Linux: `dequeue_synchronous_signal`. R-SIG-19.
    pub(crate) fn take_fault(
        &self,
        slab: &mut Slab<K>,
        open: SignalSet,
    ) -> Option<(SigInfo, Option<Account>)> {
        if (self.pending() & open & SignalSet::SYNCHRONOUS).is_empty() {
            return None;
        }
        let mut oldest = None;
        self.find(slab, |age, info| {
            let is_one = info.is_fault() && SignalSet::SYNCHRONOUS.contains(info.signal());
            let is_older = oldest.is_none_or(|(oldest, _)| age < oldest);
            if is_one && is_older {
                oldest = Some((age, info.signal()));
            }
            false
        });
        oldest.and_then(|(_, signal)| self.take_signal(slab, signal))
    }

    /// Takes the first one of a signal that waits; `None`: it was void.
    fn take_signal(
        &self,
        slab: &mut Slab<K>,
        signal: Signal,
    ) -> Option<(SigInfo, Option<Account>)> {
        let Some(Place { before, run }) = self.find(slab, |_, info| info.signal() == signal) else {
            self.pending.set(self.pending().without(signal));
            return Some((SigInfo::without_info(signal), None));
        };
        let node = slab[run];
        let behind = if node.next.is_some() {
            slab[node.next].last = node.last;
            slab[node.next].next_run = node.next_run;
            node.next
        } else {
            self.pending.set(self.pending().without(signal));
            node.next_run
        };
        self.link(slab, before, behind);
        slab.give(run);
        (!node.is_void).then_some((node.info, node.account))
    }

    /// The siginfo at a place in the order in which they were queued. Linux: `ptrace_peek_siginfo`.
    pub(crate) fn peek(&self, slab: &Slab<K>, place: u64) -> Option<SigInfo> {
        const RUNS: usize = 64;
        let mut heads = [Link::NONE; RUNS];
        let mut run = self.first();
        for head in &mut heads {
            if run.is_some() {
                *head = run;
                run = slab[run].next_run;
            }
        }
        let mut passed = 0;
        loop {
            let left = heads.iter_mut().filter(|head| head.is_some());
            let oldest = left.min_by_key(|head| slab[**head].age)?;
            if passed == place {
                return Some(slab[*oldest].info);
            }
            *oldest = slab[*oldest].next;
            passed += 1;
        }
    }

    /// Takes all of these signals out, and tells to whom each was charged.
    pub(crate) fn discard(
        &self,
        slab: &mut Slab<K>,
        signals: SignalSet,
        mut uncharge: impl FnMut(Account),
    ) {
        if (self.pending() & signals).is_empty() {
            return;
        }
        self.retain(slab, |info| !signals.contains(info.signal()), &mut uncharge);
        self.pending.set(self.pending() & !signals);
    }

    /// Takes the signals of timers out.
    pub(crate) fn discard_timers(&self, slab: &mut Slab<K>, mut uncharge: impl FnMut(Account)) {
        let before = self.pending();
        let mut kept = SignalSet::EMPTY;
        let mut lost = SignalSet::EMPTY;
        self.retain(
            slab,
            |info| {
                let set = if info.has_code_of_timer() { &mut lost } else { &mut kept };
                *set = set.with(info.signal());
                !info.has_code_of_timer()
            },
            &mut uncharge,
        );
        self.pending.set(before & !(lost & !kept));
    }

    /// Takes out whatever is not to be kept.
    fn retain(
        &self,
        slab: &mut Slab<K>,
        mut keeps: impl FnMut(&SigInfo) -> bool,
        uncharge: &mut impl FnMut(Account),
    ) {
        let mut run = self.first();
        self.set_first(Link::NONE);
        while run.is_some() {
            let next_run = slab[run].next_run;
            let (mut first, mut last, mut at) = (Link::NONE, Link::NONE, run);
            while at.is_some() {
                let next = slab[at].next;
                if keeps(&slab[at].info) {
                    if last.is_some() {
                        slab[last].next = at;
                    } else {
                        first = at;
                    }
                    slab[at].next = Link::NONE;
                    last = at;
                } else {
                    if let Some(account) = slab[at].account {
                        uncharge(account);
                    }
                    slab.give(at);
                }
                at = next;
            }
            if first.is_some() {
                slab[first].last = last;
                slab[first].next_run = self.first();
                self.set_first(first);
            }
            run = next_run;
        }
    }

    /// The first run for which that is so, by the age and siginfo of its first node.
    fn find(&self, slab: &Slab<K>, mut is_it: impl FnMut(u64, &SigInfo) -> bool) -> Option<Place> {
        let (mut before, mut run) = (Link::NONE, self.first());
        while run.is_some() {
            let node = &slab[run];
            if is_it(node.age, &node.info) {
                return Some(Place { before, run });
            }
            before = run;
            run = node.next_run;
        }
        None
    }

    fn link(&self, slab: &mut Slab<K>, before: Link, run: Link) {
        if before.is_some() {
            slab[before].next_run = run;
        } else {
            self.set_first(run);
        }
    }
}

/// Where a run stands.
struct Place {
    before: Link,
    run: Link,
}
