//! What timers of timer_create(2) have sent. Who makes, arms and expires them is the kernel.

use axprocess::Signal;

use crate::Caller;
use crate::kernel::Kernel;

impl<K: Kernel> Caller<'_, K> {
    /// Has the signal of a timer, where it waits for this thread or its process, discarded when it would be taken; an expiry before that makes it good again. Takes the lock of the process's signals, if that signal waits.
    ///
    /// Serves timer_settime(2) and timer_delete(2), on the thread that the timer addresses, or on any of the process that it does; behind the last expiry that is to be void. The kernel sends what a timer sends as
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
        let (own, shared) = self.pending();
        if !(own | shared).contains(signal) {
            return;
        }
        let _held = self.process().lock();
        self.host().pool().with(|slab| {
            for queue in [&self.own().queue, &self.process().queue] {
                queue.void_timer(slab, signal, timer);
            }
        });
    }
}
