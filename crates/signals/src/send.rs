//! A signal arrives: it waits, and somebody is told to look.
//!
//! | step | what | Linux |
//! | --- | --- | --- |
//! | 1 | a standard signal that waits already is dropped (R-SIG-14, R-SIG-15), of a timer's that does its expiry is counted (R-SIG-26) | `legacy_queue`, `posixtimer_send_sigqueue` |
//! | 2 | it waits, with its siginfo if there is a place for that (R-SIG-16, R-SIG-22 to R-SIG-24); `SIGKILL` without, always | `sigqueue_alloc`, `__send_signal_locked` |
//! | 3 | a thread is chosen that would take it now, the addressed one first, and told (R-SIG-29, R-SIG-30, R-SIG-61) | `complete_signal`, `wants_signal` |
//!
//! Whether it is sent at all, and whom it ends at once, is the model's. All is under the relation lock, which keeps the threads in their list, and the lock of the process's signals.

use core::ptr;

use axprocess::{
    Attention, Cursor, DiscardedSignals, EndsProgram, Lock, Signal, SignalCause, SignalInfo, View,
};

use crate::info::SigInfo;
use crate::kernel::{Account, Charge, Generated, Kernel};
use crate::queue::Queue;
use crate::set::SignalSet;
use crate::siginfo::Layout;
use crate::state::{Held, SIGNAL};
use crate::word::{AtomicBool, AtomicU32, Ordering};
use crate::{Process, Signals, Thread};

/// To whom a signal goes.
pub(crate) enum Target<'a, K: Kernel> {
    /// To a process. The thread that is asked first, if it is there.
    Process(Option<&'a Thread<K>>),
    /// To one thread.
    Thread(&'a Thread<K>),
}

impl<K: Kernel> Clone for Target<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kernel> Copy for Target<'_, K> {}

impl<K: Kernel> Signals<K> {
    /// Queues a signal, and tells who is to take it.
    pub(crate) fn post(
        &self,
        view: View<'_, Self>,
        process: &Process<K>,
        target: Target<'_, K>,
        info: &SignalInfo,
        sender: Option<&Process<K>>,
    ) {
        let kernel = self.kernel();
        let uid = match (info.cause, sender) {
            (SignalCause::Given { code, uid, .. }, Some(sender))
                if Layout::of(info.signal, code).has_sender() =>
            {
                kernel.given_uid(uid, sender, process)
            }
            (SignalCause::Given { uid, .. }, _) => uid,
            (_, sender) => sender.map_or(0, |sender| kernel.uid(sender, process)),
        };
        self.post_info(view, process, target, &SigInfo { info: *info, uid, overrun: 0 });
    }

    /// The same, with all that is told of it.
    pub(crate) fn post_info(
        &self,
        view: View<'_, Self>,
        process: &Process<K>,
        target: Target<'_, K>,
        info: &SigInfo,
    ) {
        let mut held = process.host_data().lock();
        if self.queue(&mut held, process, target, info) {
            self.complete(view, &mut held, process, target, info.signal());
        }
    }

    /// Steps 1 and 2; false if nothing is new.
    fn queue(
        &self,
        held: &mut Held<K>,
        process: &Process<K>,
        target: Target<'_, K>,
        info: &SigInfo,
    ) -> bool {
        let signal = info.signal();
        let queue = match target {
            Target::Process(_) => &process.host_data().queue,
            Target::Thread(thread) => &thread.host_data().queue,
        };
        let is_there = queue.pending().contains(signal)
            && match info.is_of_timer() {
                true => self.pool().with(|slab| queue.count_overrun(slab, info)),
                false => signal.is_standard(),
            };
        if is_there {
            self.kernel().trace_signal(process, info, Generated::AlreadyPending);
            return false;
        }
        if let Target::Thread(_) = target {
            held.of_threads = held.of_threads.with(signal);
        }
        let generated = self.push(queue, process, info);
        self.kernel().trace_signal(process, info, generated);
        self.kernel().wake_signalfd(process);
        true
    }

    /// Step 2. `SIGKILL` has no siginfo: nobody takes it.
    fn push(&self, queue: &Queue<K>, process: &Process<K>, info: &SigInfo) -> Generated {
        if info.signal() == Signal::SIGKILL {
            queue.push_without_info(Signal::SIGKILL);
            return Generated::Queued;
        }
        match self.charge(process, info) {
            Ok(account) => match self.pool().with(|slab| queue.push(slab, info, account)) {
                true => Generated::Queued,
                false => {
                    account.into_iter().for_each(|account| self.uncharge(account));
                    Generated::WithoutInfo
                }
            },
            Err(NoPlace) => {
                queue.push_without_info(info.signal());
                Generated::WithoutInfo
            }
        }
    }

    /// To whom the place of a siginfo is charged. To nobody that of a timer's: the timer has it for as long as it exists (R-SIG-26).
    fn charge(&self, process: &Process<K>, info: &SigInfo) -> Result<Option<Account>, NoPlace> {
        if info.is_of_timer() {
            return Ok(None);
        }
        if let Some(account) = self.promised.take() {
            return Ok(Some(account));
        }
        let charge = match info.signal().is_standard() && info.code() >= 0 {
            true => Charge::BeyondLimit,
            false => Charge::WithinLimit,
        };
        self.kernel().charge(process, charge).map(Some).ok_or(NoPlace)
    }

    /// Whether there is a place for the siginfo of a signal, which is sent next, in this hold: then it is charged.
    pub(crate) fn promise_place(&self, process: &Process<K>) -> bool {
        self.pool().free() > 0
            && match self.kernel().charge(process, Charge::WithinLimit) {
                Some(account) => {
                    self.promised.set(account);
                    true
                }
                None => false,
            }
    }

    /// Gives a place back. A panic there ends the program, as that of every hook does, for it may come in the middle of a change.
    pub(crate) fn uncharge(&self, account: Account) {
        EndsProgram::unless_it_returns(|| self.kernel().uncharge(account));
    }

    /// Step 3.
    fn complete(
        &self,
        view: View<'_, Self>,
        held: &mut Held<K>,
        process: &Process<K>,
        target: Target<'_, K>,
        signal: Signal,
    ) {
        let taker = match target {
            Target::Thread(thread) => Some(thread).filter(|thread| self.wants(thread, signal)),
            Target::Process(addressed) => {
                let first = addressed.or_else(|| view.leader(process));
                let found = self.find_taker(view, held, process, first, signal);
                if let Some(thread) =
                    found.filter(|it| !first.is_some_and(|first| ptr::eq(*it, first)))
                {
                    held.current = thread.tid();
                }
                found
            }
        };
        // Also where the model ends the process by it.
        if let Some(taker) = taker {
            self.tell(taker);
        }
    }

    /// Who would take a signal for a process now: the first choice, or the next one from who took one last on.
    pub(crate) fn find_taker<'a>(
        &self,
        view: View<'a, Self>,
        held: &Held<K>,
        process: &Process<K>,
        first: Option<&'a Thread<K>>,
        signal: Signal,
    ) -> Option<&'a Thread<K>> {
        first
            .filter(|thread| self.wants(thread, signal))
            .or_else(|| next_thread(view, process, held.current, true, |it| self.wants(it, signal)))
    }

    /// Whether a thread would take the signal now. Linux: `wants_signal`.
    fn wants(&self, thread: &Thread<K>, signal: Signal) -> bool {
        let own = thread.host_data();
        if own.blocked.get().contains(signal) || own.is_exiting() {
            return false;
        }
        signal == Signal::SIGKILL
            || !thread.is_stopped() && (self.kernel().is_running(thread) || !is_told(thread))
    }

    /// Has a thread look. Linux: `signal_wake_up`.
    pub(crate) fn tell(&self, thread: &Thread<K>) {
        thread.add_attention(SIGNAL);
        let waker = thread.host_data().waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
        self.kernel().kick(thread);
    }

    /// A signal is sent that makes others void; without stop signals, who sleeps in a stop looks again. R-STOP-01, R-STOP-02, R-SIG-28.
    pub(crate) fn discard(
        &self,
        view: View<'_, Self>,
        process: &Process<K>,
        discarded: DiscardedSignals,
    ) {
        let void = match discarded {
            DiscardedSignals::Nothing => return,
            DiscardedSignals::Continue => SignalSet::from(Signal::SIGCONT),
            DiscardedSignals::Stops => SignalSet::STOPS,
        };
        let mut held = process.host_data().lock();
        self.flush(view, &mut held, process, void);
        drop(held);
        if discarded == DiscardedSignals::Stops {
            for_each_thread(view, process, |thread| self.kernel().kick(thread));
        }
    }

    /// Takes signals out of all queues of a process.
    pub(crate) fn flush(
        &self,
        view: View<'_, Self>,
        held: &mut Held<K>,
        process: &Process<K>,
        signals: SignalSet,
    ) {
        self.discard_from(&process.host_data().queue, signals);
        if !(held.of_threads & signals).is_empty() {
            for_each_thread(view, process, |thread| {
                self.discard_from(&thread.host_data().queue, signals);
            });
            held.of_threads = held.of_threads & !signals;
        }
    }

    /// Takes signals out of one queue. Its process's lock is held.
    pub(crate) fn discard_from(&self, queue: &Queue<K>, signals: SignalSet) {
        if !(queue.pending() & signals).is_empty() {
            queue.discard(self.pool(), signals, |account| self.uncharge(account));
        }
    }

    /// A thread will not take these signals of the process: others are told who do. Linux: `retarget_shared_pending`. R-SIG-31, R-SIG-32.
    pub(crate) fn retarget(
        &self,
        view: View<'_, Self>,
        _: &Held<K>,
        thread: &Thread<K>,
        signals: SignalSet,
    ) {
        let process = thread.process();
        let mut left = process.host_data().queue.pending() & signals;
        next_thread(view, process, thread.tid(), false, |other| {
            let own = other.host_data();
            let open = left & !own.blocked.get();
            if !open.is_empty() && !own.is_exiting() {
                left = left & own.blocked.get();
                if !is_told(other) {
                    self.tell(other);
                }
            }
            left.is_empty()
        });
    }
}

/// The limit is reached.
struct NoPlace;

/// To whom the place of the signal is charged that is sent next. Under the relation lock; a node for it stays free in that hold, for senders alone take any.
pub(crate) struct Promised {
    is_there: AtomicBool,
    account: AtomicU32,
}

impl Promised {
    pub(crate) const fn new() -> Self {
        Self { is_there: AtomicBool::new(false), account: AtomicU32::new(0) }
    }

    fn set(&self, Account(account): Account) {
        self.account.store(account, Ordering::Relaxed);
        self.is_there.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> Option<Account> {
        if !self.is_there.load(Ordering::Relaxed) {
            return None;
        }
        self.is_there.store(false, Ordering::Relaxed);
        Some(Account(self.account.load(Ordering::Relaxed)))
    }
}

/// Whether a thread is to look for something already, and has not come to it. Linux: `task_sigpending`.
pub(crate) fn is_told<K: Kernel>(thread: &Thread<K>) -> bool {
    thread.attention().intersects(SIGNAL | Attention::STOP | Attention::EXIT)
}

/// Does something with each thread of a process that has not begun to exit.
pub(crate) fn for_each_thread<K: Kernel>(
    view: View<'_, Signals<K>>,
    process: &Process<K>,
    mut act: impl FnMut(&Thread<K>),
) {
    let mut cursor = Cursor::new();
    loop {
        view.threads(process, &mut cursor).for_each(&mut act);
        if cursor.is_done() {
            return;
        }
    }
}

/// The first thread of which something is so, once around from that of a number; of none, from the first one. That one itself is asked first, or not at all.
pub(crate) fn next_thread<'h, K: Kernel>(
    view: View<'h, Signals<K>>,
    process: &Process<K>,
    from: u32,
    asks_it: bool,
    mut is_it: impl FnMut(&Thread<K>) -> bool,
) -> Option<&'h Thread<K>> {
    let mut has_come = false;
    for is_second_round in [false, true] {
        let mut cursor = Cursor::new();
        loop {
            for thread in view.threads(process, &mut cursor) {
                let is_from = thread.tid() == from;
                if is_from && is_second_round {
                    return None;
                }
                has_come |= is_from;
                if (has_come || is_second_round) && (asks_it || !is_from) && is_it(thread) {
                    return Some(thread);
                }
            }
            if cursor.is_done() {
                break;
            }
        }
    }
    None
}
