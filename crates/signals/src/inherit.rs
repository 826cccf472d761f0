//! What fork, clone, exec and exit do to signals.
//!
//! | | dispositions | mask | what waits | alternate stack |
//! | --- | --- | --- | --- | --- |
//! | fork | copied; shared with `CLONE_SIGHAND`; handlers gone with `CLONE_CLEAR_SIGHAND` | the caller's | nothing | kept, unless memory is shared without vfork |
//! | a new thread | the process's | the caller's | nothing | none |
//! | exec | handlers, flags and masks gone, what was ignored stays; no more shared | kept | kept, but for timers' and other threads' | none |
//! | a thread's exit | the process's | – | its own is lost; what it was told of the process's is told to others | – |

use axprocess::{
    CloneFlags, Errno, ExitStatus, PendingExit, ProcessState, Signal, ThreadExit, View,
};

use crate::kernel::Kernel;
use crate::send::{is_told, next_thread};
use crate::set::SignalSet;
use crate::state::{Held, LEADS, ProcessSignals, ThreadSignals};
use crate::{Caller, Process, Signals, Thread};

impl<K: Kernel> Caller<'_, K> {
    /// Makes the signals of a process that this thread forks, with these flags of clone(2), to be passed to [`Thread::fork`](axprocess::Thread::fork) and its like: that gives it the handlers, as they are then. Takes no lock where there are none, and nothing is shared. R-SIG-79, R-SIG-81 to R-SIG-84.
    ///
    /// Where a signal waits for the caller, that fork is `EINTR`, which nobody sees: the call is made [again](crate::Restart::Always) behind it, with signals made anew.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess::{CloneFlags, ForkRequest};
    /// # let (_table, init) = boot();
    /// let (process, thread) = signals_of(&init).fork(CloneFlags::empty(), (), ())?;
    /// let child = init.fork(ForkRequest::default(), process, thread)?;
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    #[inline(always)] // what it makes is written where it is to stand
    pub fn fork(
        self,
        flags: CloneFlags,
        process: K::ProcessData,
        thread: K::ThreadData,
    ) -> Result<(ProcessSignals<K>, ThreadSignals<K>), Errno> {
        let (host, own) = (self.host(), self.own());
        host.refill();
        host.reserve().provide(own, host.pool())?;
        let new_thread = ThreadSignals::with_mask(own.blocked.get(), LEADS, thread);
        if flags & (CloneFlags::VM | CloneFlags::VFORK) != CloneFlags::VM {
            new_thread.alt_stack.copy_from(&own.alt_stack);
        }
        Ok((self.process().of_child(flags, own, process), new_thread))
    }

    /// Makes the signals of a thread that this one creates, to be passed to [`Thread::spawn_thread`](axprocess::Thread::spawn_thread) and its like. Takes the lock of the process's signals for the first one, else none. R-SIG-80.
    pub fn new_thread(self, data: K::ThreadData) -> ThreadSignals<K> {
        self.host().refill();
        self.process().note_thread();
        ThreadSignals::with_mask(self.own().blocked.get(), 0, data)
    }

    /// Has a new thread stop first of all for the tracer that it has [inherited](axprocess::Thread::inherit_tracer) from a maker that was attached, not seized: a `SIGSTOP` waits for it that nobody has sent. Takes the lock of the process's signals. Linux:
    /// `ptrace_init_task`.
    pub fn begin_traced(self) {
        let mut held = self.process().lock();
        held.of_threads = held.of_threads.with(Signal::SIGSTOP);
        self.own().queue.push_without_info(Signal::SIGSTOP);
        self.recalculate(&held);
    }

    /// Does what exec does to signals, behind [`Thread::exec`](axprocess::Thread::exec) or [`PendingExec::try_finish`](axprocess::PendingExec::try_finish). Takes the lock of the process's signals, if there is anything to do. It cannot fail: Linux, which may
    /// need memory where dispositions were shared, kills the process then. R-SIG-85 to R-SIG-89.
    pub fn exec(self) {
        let (own, process) = (self.own(), self.process());
        own.alt_stack.clear();
        if !(process.is_ordinary() && self.has_no_signals()) {
            self.exec_slowly();
        }
    }

    /// Nothing waits, and nothing has been told of. (What it was told of may be gone: others are not to be asked in its place for that.)
    #[inline]
    fn has_no_signals(self) -> bool {
        let (own, shared) = (&self.own().queue, &self.process().queue);
        (own.pending() | shared.pending()).is_empty() && !is_told(self.thread())
    }

    #[cold]
    fn exec_slowly(self) {
        let left = self.change(|held| {
            if self.process().has_threads() || !self.has_no_signals() {
                self.forget_what_waits(held);
            }
            self.process().forget(held, self.own().blocked.get())
        });
        self.host().reserve().take_back(left);
    }

    /// Of what waits, exec discards timers' and other threads'.
    #[cold]
    fn forget_what_waits(self, held: &mut Held<K>) {
        let (host, own) = (self.host(), self.own());
        own.set_leads();
        held.current = 0;
        for queue in [&own.queue, &self.process().queue] {
            if !queue.pending().is_empty() {
                queue.discard_timers(host.pool(), |account| host.uncharge(account));
            }
        }
        held.of_threads = own.queue.pending();
        self.recalculate(held);
    }

    /// Ends this thread: tells others what it leaves of the process's signals, then [`Thread::exit_thread`](axprocess::Thread::exit_thread). Takes the relation lock.
    pub fn exit_thread(self, status: ExitStatus) -> ThreadExit {
        self.begin_exiting();
        let exit = self.thread().exit_thread(status);
        self.lose_own();
        exit
    }

    /// The same in steps: [`PendingExit::set_exiting`], from which on the thread takes no more signals.
    pub fn set_exiting(self, exit: &mut PendingExit<Signals<K>>) -> ThreadExit {
        self.begin_exiting();
        let exit = exit.set_exiting();
        self.lose_own();
        exit
    }

    /// Linux: `exit_signals`.
    #[inline]
    fn begin_exiting(self) {
        if self.process().has_threads() {
            self.leave_signals_to_others();
        } else {
            self.own().set_exiting();
        }
    }

    /// What waits for the thread is lost as it exits, whoever reaps it later, and when. R-SIG-25, R-SIG-33.
    #[inline]
    fn lose_own(self) {
        if !self.own().queue.pending().is_empty() {
            let _held = self.process().lock();
            self.host().discard_from(&self.own().queue, SignalSet::ALL);
        }
    }

    #[cold]
    fn leave_signals_to_others(self) {
        let own = self.own();
        let is_told = {
            let _held = self.process().lock();
            own.set_exiting();
            is_told(self.thread())
        };
        self.hand_on_current();
        // Nobody is to take over what ends with the process.
        if is_told
            && !self.process().queue.pending().is_empty()
            && !self.thread().process().is_group_exiting()
        {
            self.retarget(!own.blocked.get());
        }
    }

    /// Signals that the first choice does not want are offered to the next thread first. Linux: `__exit_signal`, where it looks at `curr_target`.
    fn hand_on_current(self) {
        let (thread, process) = (self.thread(), self.thread().process());
        let is_current = || self.process().lock().current == thread.tid();
        if thread.tid() != process.pid() && is_current() {
            process.read(|view| {
                let next = next_thread(view, process, thread.tid(), false, |_| true);
                self.process().lock().current = next.map_or(0, |next| next.tid());
            });
        }
    }
}

impl<K: Kernel> Signals<K> {
    /// A thread leaves all relations: what waits for it is lost, and with the last one what waits for the process. Linux: `flush_sigqueue` in `__exit_signal`.
    #[cold]
    pub(crate) fn release(&self, view: View<'_, Self>, process: &Process<K>, thread: &Thread<K>) {
        let (own, signals) = (thread.host_data(), process.host_data());
        // The leader that another thread's exec takes over leaves the process behind.
        let leads = own.leads() || view.is_leader(thread);
        let is_last = leads && process.state() != ProcessState::Live;
        if is_last || !own.queue.pending().is_empty() {
            let mut held = signals.lock();
            let shared = is_last.then_some(&signals.queue);
            for queue in [Some(&own.queue), shared].into_iter().flatten() {
                self.discard_from(queue, SignalSet::ALL);
            }
            let left = if is_last { signals.forget(&mut held, SignalSet::EMPTY) } else { None };
            drop(held);
            self.reserve().take_back(left);
        }
        if own.has_right() {
            own.set_right(false);
            self.reserve().give_right();
        }
        if is_last {
            self.reserve().end_grant();
        }
    }
}
