//! The signals that wait for a thread, or for a process.
//!
//! Standard signals wait once, real-time signals as often as they were sent. A queue is a list of runs, one for each signal that has a siginfo there, in no order; a run has its siginfos in the order in which
//! they came. So what is asked of a queue never takes more than 64 steps, however much waits; what takes many out, or passes many, lets go of the pool again and again meanwhile.
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
use crate::pool::{Link, Node, Pool, Slab};
use crate::set::SignalSet;
use crate::timer_index::TimerIndex;
use crate::word::{AtomicU32, Ordering, SetWord};

/// Signals that wait. All but the look at `pending` is under the lock of the process.
pub(crate) struct Queue<K: Kernel> {
    pending: SetWord,
    first: AtomicU32,
    pub(crate) timers: TimerIndex,
    kernel: PhantomData<fn() -> K>,
}

impl<K: Kernel> Queue<K> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: SetWord::new(SignalSet::EMPTY),
            first: AtomicU32::new(Link::NONE.raw()),
            timers: TimerIndex::new(),
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
    pub(crate) fn push(
        &self,
        slab: &mut Slab<K>,
        info: &SigInfo,
        account: Option<Account>,
    ) -> bool {
        self.push_without_info(info.signal());
        let Some(node) = slab.take(info, account) else {
            return false;
        };
        self.append(slab, node);
        if info.is_of_timer() {
            self.timers.add(slab, node);
        }
        true
    }

    /// Notes that a signal waits of which nothing is known.
    pub(crate) fn push_without_info(&self, signal: Signal) {
        self.pending.set(self.pending().with(signal));
    }

    /// A timer has expired, whose signal this is: if the one before waits still, that counts it. Whether it does. Linux: `posixtimer_send_sigqueue`. R-SIG-26.
    pub(crate) fn count_overrun(&self, slab: &mut Slab<K>, info: &SigInfo) -> bool {
        let Some(at) = self.timers.find(slab, info) else {
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

    /// Has the signal of a timer, which says the same of whose it is, discarded by who would take it. Of a timer that is gone, it stands for itself, and is charged like any other.
    pub(crate) fn void_timer(
        &self,
        slab: &mut Slab<K>,
        info: &SigInfo,
        charge: Option<impl FnOnce() -> Option<Account>>,
    ) {
        let Some(at) = self.timers.find(slab, info) else {
            return;
        };
        slab[at].is_void = true;
        if let Some(charge) = charge {
            self.timers.remove(slab, at);
            slab[at].account = charge();
        }
    }

    /// Takes the next one that is not blocked. Whose place becomes free without that, `uncharge` is told.
    pub(crate) fn take(
        &self,
        slab: &mut Slab<K>,
        open: SignalSet,
        uncharge: impl Fn(Account),
    ) -> Option<(SigInfo, Option<Account>)> {
        loop {
            let signal = (self.pending() & open).next()?;
            let (info, account, is_void) = self.take_signal(slab, signal);
            if !is_void {
                return Some((info, account));
            }
            account.into_iter().for_each(&uncharge);
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
        let (info, account, _) = self.take_signal(slab, oldest?.1);
        Some((info, account))
    }

    /// Takes the first one of a signal that waits; whether it is void.
    fn take_signal(&self, slab: &mut Slab<K>, signal: Signal) -> (SigInfo, Option<Account>, bool) {
        let Some(first) = self.unlink_first(slab, signal) else {
            return (SigInfo::without_info(signal), None, false);
        };
        if slab[first].info.is_of_timer() {
            self.timers.remove(slab, first);
        }
        let node = slab.give(first);
        (node.info, node.account, node.is_void)
    }

    /// The siginfo at a place in the order in which they were queued. Takes the lock of the pool, again and again. Linux: `ptrace_peek_siginfo`.
    pub(crate) fn peek(&self, pool: &Pool<K>, place: u64) -> Option<SigInfo> {
        const RUNS: usize = 64;
        let mut heads = [Link::NONE; RUNS];
        pool.with(|slab| {
            let mut run = self.first();
            for head in &mut heads {
                if run.is_some() {
                    *head = run;
                    run = slab[run].next_run;
                }
            }
        });
        let (mut passed, mut found) = (0, None);
        pool.in_parts(|slab| {
            let left = heads.iter_mut().filter(|head| head.is_some());
            let Some(oldest) = left.min_by_key(|head| slab[**head].age) else {
                return true;
            };
            let node = &slab[*oldest];
            found = (passed == place).then_some(node.info);
            passed += 1;
            *oldest = node.next;
            found.is_some()
        });
        found
    }

    /// Takes all of these signals out, and tells to whom each was charged. Takes the lock of the pool, again and again.
    pub(crate) fn discard(&self, pool: &Pool<K>, signals: SignalSet, uncharge: impl Fn(Account)) {
        if (self.pending() & signals).is_empty() {
            return;
        }
        pool.in_parts(|slab| {
            let Some(signal) = (self.pending() & signals).next() else {
                return true;
            };
            let (_, account, _) = self.take_signal(slab, signal);
            account.into_iter().for_each(&uncharge);
            false
        });
    }

    /// Takes the signals of timers out. Takes the lock of the pool, again and again.
    pub(crate) fn discard_timers(&self, pool: &Pool<K>, uncharge: impl Fn(Account)) {
        let (mut left, mut last) = (self.pending(), None);
        // Each one of a run in turn: what is kept goes to its end.
        pool.in_parts(|slab| {
            let Some(signal) = left.next() else {
                return true;
            };
            let Some(Place { run, .. }) = self.find_run(slab, signal) else {
                left = left.without(signal);
                return false;
            };
            let end = *last.get_or_insert(slab[run].last);
            if slab[run].info.has_code_of_timer() {
                let (_, account, _) = self.take_signal(slab, signal);
                account.into_iter().for_each(&uncharge);
            } else {
                self.unlink_first(slab, signal);
                (slab[run].next, slab[run].last) = (Link::NONE, run);
                self.push_without_info(signal);
                self.append(slab, run);
            }
            if run == end {
                (left, last) = (left.without(signal), None);
            }
            false
        });
    }

    /// Puts one behind the others of its signal.
    fn append(&self, slab: &mut Slab<K>, node: Link) {
        match self.find_run(slab, slab[node].info.signal()) {
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
    }

    /// Takes the first one of a signal out of its run; without one, or behind the last one, the signal does not wait any more.
    fn unlink_first(&self, slab: &mut Slab<K>, signal: Signal) -> Option<Link> {
        let Some(Place { before, run }) = self.find_run(slab, signal) else {
            self.pending.set(self.pending().without(signal));
            return None;
        };
        let Node { next, last, next_run, .. } = slab[run];
        let behind = if next.is_some() {
            (slab[next].last, slab[next].next_run) = (last, next_run);
            next
        } else {
            self.pending.set(self.pending().without(signal));
            next_run
        };
        self.link(slab, before, behind);
        Some(run)
    }

    fn find_run(&self, slab: &Slab<K>, signal: Signal) -> Option<Place> {
        self.find(slab, |_, info| info.signal() == signal)
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
