//! What timers of timer_create(2) have sent. Who makes, arms and expires them is the kernel.

use axprocess::Signal;

use crate::Caller;
use crate::info::SigInfo;
use crate::kernel::{Account, Charge, Kernel};

impl<K: Kernel> Caller<'_, K> {
    /// Has the signal of a timer, where it waits for this thread or its process, discarded when it would be taken; an expiry before that makes it good again. Takes the lock of the process's signals, if that signal waits.
    ///
    /// Serves timer_settime(2), on the thread that the timer addresses, or on any of the process that it does; behind the last expiry that is to be void. The kernel sends what a timer sends as
    /// [`KernelCause::Event`](axprocess::KernelCause::Event) with the code `SI_TIMER`, -2, and the timer's number in its process; at each expiry, for an expiry that finds its signal waiting counts in
    /// [`SigInfo::overrun`](crate::SigInfo::overrun) alone. R-SIG-26.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess::{KernelCause, Signal};
    /// use axprocess_signals::SignalSet;
    /// # let (_table, init) = boot();
    /// signals_of(&init).rt_sigprocmask(0, 8, || Ok(Some(SignalSet::ALL)))?;
    /// let expired = KernelCause::Event { code: -2, value: 0, number: 5, sender: None };
    /// init.process().send_signal(Signal::SIGALRM, expired);
    /// init.process().send_signal(Signal::SIGALRM, expired);
    /// let taken = signals_of(&init).read_signalfd(SignalSet::ALL);
    /// assert_eq!(taken.map(|info| info.overrun), Some(1));
    /// init.process().send_signal(Signal::SIGALRM, expired);
    /// signals_of(&init).void_timer(Signal::SIGALRM, 5);
    /// assert!(signals_of(&init).read_signalfd(SignalSet::ALL).is_none());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn void_timer(self, signal: Signal, timer: i32) {
        self.void(signal, timer, None::<fn() -> Option<Account>>);
    }

    /// The same of a timer that is deleted: its number may be another one's from now on. As the signal keeps its place until somebody would take it, the place is [charged](Kernel::charge), beyond the limit too: the kernel gives back the
    /// timer's own behind that. So who makes and deletes timers without end reaches the limit of timer_create(2). Takes the lock of the process's signals, if that signal waits.
    ///
    /// Serves timer_delete(2), and what exec and exit do to timers. R-SIG-26.
    pub fn delete_timer(self, signal: Signal, timer: i32) {
        let process = self.thread().process();
        let charge = || self.host().kernel().charge(process, Charge::BeyondLimit);
        self.void(signal, timer, Some(charge));
    }

    fn void(self, signal: Signal, timer: i32, charge: Option<impl Fn() -> Option<Account>>) {
        let (own, shared) = self.pending();
        if !(own | shared).contains(signal) {
            return;
        }
        let of_timer = SigInfo::of_timer(signal, timer);
        let _held = self.process().lock();
        self.host().pool().with(|slab| {
            for queue in [&self.own().queue, &self.process().queue] {
                queue.void_timer(slab, &of_timer, charge.as_ref());
            }
        });
    }
}
