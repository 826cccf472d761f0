//! Taking signals without a handler: sigtimedwait(2), signalfd(2).
//!
//! Neither asks a tracer, nor what is done about the signal: who takes it has it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use axprocess::{Errno, Lock};

use crate::info::SigInfo;
use crate::kernel::Kernel;
use crate::queue::Queue;
use crate::send::is_told;
use crate::set::SignalSet;
use crate::state::Held;
use crate::{Caller, Thread};

/// What sigtimedwait(2) finds at once.
pub enum TimedWait<'a, K: Kernel> {
    /// A signal that waited.
    Taken(SigInfo),
    /// None: the thread may sleep.
    NothingYet(AwaitedSignals<'a, K>),
}

/// A sigtimedwait(2) that sleeps: what it awaits is not blocked meanwhile. Dropped, it gives up, and the mask is as it was: takes the locks that [`finish`](Self::finish) takes.
#[must_use = "what is awaited is not blocked as long as this is there"]
pub struct AwaitedSignals<'a, K: Kernel> {
    thread: &'a Thread<K>,
    set: SignalSet,
}

impl<'a, K: Kernel> Caller<'a, K> {
    /// Takes a signal of a set, the thread's before the process's, the lowest number first; or begins to wait for one. Takes the lock of the process's signals.
    ///
    /// Serves rt_sigtimedwait(2). With a timeout of zero the kernel drops what it gets, and answers `EAGAIN`; else the thread sleeps until its [attention](axprocess::Thread::attention) is wanted or the time is over, and
    /// [finishes](AwaitedSignals::finish). R-SIG-53 to R-SIG-61.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `set` fails with: `EFAULT` for the set and then the timeout, `EINVAL` for a timeout that is none.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess::{Errno, Signal};
    /// use axprocess_signals::{SignalSet, TimedWait};
    /// # let (_table, init) = boot();
    /// let set = SignalSet::from(Signal::SIGUSR1);
    /// signals_of(&init).rt_sigprocmask(0, 8, || Ok(Some(set)))?;
    /// let TimedWait::NothingYet(wait) = signals_of(&init).rt_sigtimedwait(8, || Ok(set))? else { panic!() };
    /// init.kill(1, 10)?;
    /// assert!(!init.attention().is_empty()); // the sleep is over
    /// assert_eq!(wait.finish().map(|info| info.signal()), Some(Signal::SIGUSR1));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn rt_sigtimedwait(
        self,
        size: usize,
        set: impl FnOnce() -> Result<SignalSet, Errno>,
    ) -> Result<TimedWait<'a, K>, Errno> {
        SignalSet::check_size(size)?;
        let set = set()?.blockable();
        Ok(self.change(|held| {
            let taken = self.take_of(set);
            if taken.is_none() {
                let (own, blocked) = (self.own(), self.own().blocked.get());
                own.outer.set(blocked);
                own.set_awaiting(true);
                own.blocked.set(blocked & !set);
            }
            self.recalculate(held);
            match taken {
                Some(info) => TimedWait::Taken(info),
                None => TimedWait::NothingYet(AwaitedSignals { thread: self.thread(), set }),
            }
        }))
    }

    /// Takes a signal of a set, as a read of a signalfd(2) by this thread does; `None`: none waits, the read is `EAGAIN` or sleeps. `SIGKILL` and `SIGSTOP` it never takes. Takes the lock of the process's signals. R-SIG-56, R-SIG-63, R-SIG-65.
    pub fn read_signalfd(self, set: SignalSet) -> Option<SigInfo> {
        self.change(|held| {
            let taken = self.take_of(set.blockable());
            self.recalculate(held);
            taken
        })
    }

    /// Returns whether a read of a signalfd(2) by this thread would find something: `POLLIN`. Wait-free.
    pub fn polls_signalfd(self, set: SignalSet) -> bool {
        let (own, shared) = self.pending();
        !((own | shared) & set.blockable()).is_empty()
    }

    /// Takes what waits of a set. Linux: `dequeue_signal`.
    fn take_of(self, set: SignalSet) -> Option<SigInfo> {
        let host = self.host();
        let queues = [&self.own().queue, &self.process().queue];
        let mut waiting = queues.into_iter().filter(|queue| !(queue.pending() & set).is_empty());
        let uncharge = |account| host.uncharge(account);
        let take = |queue: &Queue<K>| host.pool().with(|slab| queue.take(slab, set, uncharge));
        let (info, account) = waiting.find_map(take)?;
        if let Some(account) = account {
            host.uncharge(account);
        }
        Some(info)
    }
}

impl<'a, K: Kernel> AwaitedSignals<'a, K> {
    /// Ends the sleep, and takes a signal of the set if one has come. `None`: the time is over, `EAGAIN`; or the thread was woken by something else, `EINTR`: the kernel knows. Takes the lock of the process's signals; and the relation lock, where a
    /// signal waits for the process that this thread blocks again: another that awaits it is woken, and finds none if this one takes it (R-SIG-60).
    pub fn finish(self) -> Option<SigInfo> {
        let caller = Caller(self.thread);
        end(caller, || caller.take_of(self.set))
    }

    /// Returns a future of the signal; of `None` where the thread is wanted for something else, a bit of the kernel's own included, `EINTR`. The kernel races it against its clock, and drops it for `EAGAIN`. It may be dropped at any point: then no signal is taken.
    ///
    /// Its waker runs in the hold of the sender, as [`Kernel::kick`] does, and obeys the same rules; it is dropped there too, and if it is the last reference to a task, that is freed with these locks held. Only a signal wakes it, all else the kernel does. R-SIG-58.
    pub const fn signal(self) -> SignalFuture<'a, K> {
        SignalFuture { wait: Some(self) }
    }
}

impl<K: Kernel> Drop for AwaitedSignals<'_, K> {
    fn drop(&mut self) {
        let caller = Caller(self.thread);
        if caller.own().is_awaiting() {
            end(caller, || ());
        }
    }
}

/// The mask is again what it was outside of the wait; what the thread was told of, and blocks again, is left to others. Then it takes what it takes, all in one hold.
fn end<K: Kernel, R>(caller: Caller<'_, K>, take: impl Fn() -> R) -> R {
    let (own, thread) = (caller.own(), caller.thread());
    let blocks_again = || own.awaited() & !own.blocked.get();
    let is_left =
        || is_told(thread) && !(caller.process().queue.pending() & blocks_again()).is_empty();
    let close = |held: &Held<K>| {
        own.blocked.set(own.outer.get());
        own.set_awaiting(false);
        let taken = take();
        caller.recalculate(held);
        taken
    };
    let taken = caller.change(|held| (!is_left()).then(|| close(held)));
    taken.unwrap_or_else(|| {
        thread.process().read(|view| {
            let held = caller.process().lock();
            caller.host().retarget(view, &held, thread, blocks_again());
            close(&held)
        })
    })
}

/// The signal of a sigtimedwait(2), in the future. Made by [`AwaitedSignals::signal`].
#[must_use = "a future does nothing unless it is polled"]
pub struct SignalFuture<'a, K: Kernel> {
    wait: Option<AwaitedSignals<'a, K>>,
}

impl<K: Kernel> Future for SignalFuture<'_, K> {
    type Output = Option<SigInfo>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SigInfo>> {
        let Some(wait) = &self.wait else { return Poll::Ready(None) };
        let own = wait.thread.host_data();
        // It is there before the look: who comes behind that finds it. Made and dropped without the lock.
        let waker = context.waker().clone();
        let old = own.waker.lock().replace(waker);
        drop(old);
        if wait.thread.attention().is_empty() {
            return Poll::Pending;
        }
        let left = own.waker.lock().take();
        drop(left);
        Poll::Ready(self.wait.take().and_then(AwaitedSignals::finish))
    }
}

impl<K: Kernel> Drop for SignalFuture<'_, K> {
    fn drop(&mut self) {
        if let Some(wait) = &self.wait {
            let left = wait.thread.host_data().waker.lock().take();
            drop(left);
        }
    }
}
