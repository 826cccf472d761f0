//! What fork, clone, exec and exit do to signals.
//!
//! | | dispositions | mask | what waits | alternate stack |
//! | --- | --- | --- | --- | --- |
//! | fork | copied; shared with `CLONE_SIGHAND`; handlers gone with `CLONE_CLEAR_SIGHAND` | the caller's | nothing | kept, unless memory is shared without vfork |
//! | a new thread | the process's | the caller's | nothing | none |
//! | exec | handlers, flags and masks gone, what was ignored stays; no more shared | kept | kept, but for timers' and other threads' | none |
//! | a thread's exit | the process's | – | its own is lost; what it was told of the process's is told to others | – |

use axprocess::{CloneFlags, Errno, ExitStatus, PendingExit, Signal, ThreadExit};

use crate::dispositions::Sharer;
use crate::kernel::Kernel;
use crate::send::{is_told, next_thread};
use crate::set::SignalSet;
use crate::state::{LEADS, ProcessSignals, ThreadSignals};
use crate::{Caller, Process, Signals, Thread};

impl<K: Kernel> Caller<'_, K> {
    /// Makes the signals of a process that this thread forks, with these flags of clone(2), to be passed to [`Thread::fork`](axprocess::Thread::fork) and its like. Takes the lock of the process's signals. R-SIG-79, R-SIG-81 to R-SIG-84.
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
        let (host, own) = (self.host(), self.process());
        host.refill();
        host.pool().provide()?;
        let (dispositions, ignored) = match own.all_ignored() {
            Some(ignored) if !flags.contains(CloneFlags::SIGHAND) => (None, ignored),
            _ => self.inherit_dispositions(flags)?,
        };
        let new_thread = ThreadSignals::with_mask(self.own().blocked.get(), LEADS, thread);
        if flags & (CloneFlags::VM | CloneFlags::VFORK) != CloneFlags::VM {
            new_thread.alt_stack.copy_from(&self.own().alt_stack);
        }
        Ok((ProcessSignals::with(dispositions, ignored, process), new_thread))
    }

    /// What there is more to say for a child; or nothing, and what it ignores.
    #[cold]
    fn inherit_dispositions(
        self,
        flags: CloneFlags,
    ) -> Result<(Option<Sharer<K>>, SignalSet), Errno> {
        let (pool, own) = (self.host().pool(), self.process());
        if flags.contains(CloneFlags::SIGHAND) {
            let mut held = own.lock();
            return Ok((own.dispositions(&mut held, pool).map(Sharer::share), SignalSet::EMPTY));
        }
        if flags.contains(CloneFlags::CLEAR_SIGHAND) {
            return Ok((None, own.ignored_and_caught(&own.lock()).0));
        }
        Ok((Some(own.copy_dispositions(pool)?), SignalSet::EMPTY))
    }

    /// Makes the signals of a thread that this one creates, to be passed to [`Thread::spawn_thread`](axprocess::Thread::spawn_thread) and its like. Takes no lock. R-SIG-80.
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

    /// Does what exec does to signals, behind [`Thread::exec`](axprocess::Thread::exec) or [`PendingExec::try_finish`](axprocess::PendingExec::try_finish). Takes the lock of the process's signals. R-SIG-85 to R-SIG-89.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: the dispositions were shared, and there is no memory for own ones. There is no way back any more: Linux kills the process, and so should the kernel, by [`Thread::force_signal`](axprocess::Thread::force_signal) with `SIGSEGV`.
    pub fn exec(self) -> Result<(), Errno> {
        let (own, process) = (self.own(), self.process());
        own.alt_stack.clear();
        let has_nothing = own.queue.pending().is_empty() && process.queue.pending().is_empty();
        if has_nothing && process.all_ignored().is_some() && !process.has_threads() {
            return Ok(());
        }
        self.exec_slowly()
    }

    #[cold]
    fn exec_slowly(self) -> Result<(), Errno> {
        let (host, own, process) = (self.host(), self.own(), self.process());
        own.set_leads();
        let reserves = process.shares(&process.lock());
        if reserves {
            host.pool().provide()?;
            if !host.pool().reserve() {
                return Err(Errno::ENOMEM);
            }
        }
        let left = self.change(|held| {
            held.current = 0;
            for queue in [&own.queue, &process.queue] {
                if !queue.pending().is_empty() {
                    host.pool().with(|slab| {
                        queue.discard_timers(slab, |account| host.kernel().uncharge(account));
                    });
                }
            }
            held.of_threads = own.queue.pending();
            self.recalculate(held);
            process.forget_handlers(held, host.pool())
        });
        if reserves && left.is_none() {
            // Who shared them has ceased to meanwhile.
            host.pool().unreserve();
        }
        Ok(())
    }

    /// Ends this thread: tells others what it leaves of the process's signals, then [`Thread::exit_thread`](axprocess::Thread::exit_thread). Takes the relation lock.
    pub fn exit_thread(self, status: ExitStatus) -> ThreadExit {
        self.begin_exiting();
        self.thread().exit_thread(status)
    }

    /// The same in steps: [`PendingExit::set_exiting`], from which on the thread takes no more signals.
    pub fn set_exiting(self, exit: &mut PendingExit<Signals<K>>) -> ThreadExit {
        self.begin_exiting();
        exit.set_exiting()
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
    pub(crate) fn release(&self, process: &Process<K>, thread: &Thread<K>, is_last: bool) {
        let signals = process.host_data();
        let mut held = signals.lock();
        let shared = is_last.then_some(&signals.queue);
        for queue in [Some(&thread.host_data().queue), shared].into_iter().flatten() {
            self.discard_from(queue, SignalSet::ALL);
        }
        if is_last {
            signals.release(&mut held, self.pool());
        }
    }
}
