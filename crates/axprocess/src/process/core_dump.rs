//! A core dump: the time between the decision that a process dies of a signal and the end of its threads, in which one of them writes its memory out.
//!
//! | step | Linux | here |
//! | --- | --- | --- |
//! | 1 | `zap_threads`: the group exit is decided, without the core bit; the others get `SIGKILL` | [`Thread::begin_core_dump`]; they are asked to exit |
//! | 2 | `coredump_wait`; each of the others parks in `coredump_task_exit` | [`PendingCoreDump::is_ready`]; [`PendingExit::is_parked`](super::PendingExit::is_parked) |
//! | 3 | the memory is written, as long as no `SIGKILL` comes: that is the status then | the kernel does; [`PendingCoreDump::is_cut`] |
//! | 4 | `coredump_finish`: the core bit, if all is written; the parked go on | [`PendingCoreDump::finish`] |
//!
//! Meanwhile the process is alive to whoever asks: it is no zombie, wait has nothing to report, a pidfd is silent (R-EXIT-21).

use core::fmt;

use super::thread_walk::Errand;
use super::{Marks, Process};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark};
use crate::{ARef, Attention, Errno, ExitStatus, Host, Signal};

/// A core dump that has begun. Dropped, it ends without a core; so it does with the exit of its thread.
#[must_use = "dropped, it ends the dump without a core"]
pub struct PendingCoreDump<H: Host> {
    thread: ARef<Thread<H>>,
    signal: Signal,
    is_begun: bool,
}

impl<H: Host> PendingCoreDump<H> {
    /// Returns whether every other thread has begun to exit: none uses the memory any more. If not, [`Host::wake_core_dump`] tells when to ask again. Takes the lock.
    pub fn is_ready(&self) -> bool {
        let process = self.thread.process();
        process.table().hold(|hold| process.has_at_most_one_busy(hold))
    }

    /// Returns whether a `SIGKILL` has come, and the dump is to end: Linux's `dump_interrupted`. [`Host::request_exit`] told of it. A hint, wait-free.
    pub fn is_cut(&self) -> bool {
        self.thread.process().exit_status() != ExitStatus::killed(self.signal)
    }

    /// Ends the dump, with a core written or not, and returns how the process ends. The parked threads go on, and are told so by [`Host::request_exit`], at most 48 in a hold.
    ///
    /// The caller exits then, as after [`begin_group_exit`](Process::begin_group_exit), whatever status it passes.
    pub fn finish(mut self, is_written: bool) -> ExitStatus {
        self.finish_once(is_written);
        self.thread.process().exit_status()
    }

    fn finish_once(&mut self, is_written: bool) {
        if !core::mem::take(&mut self.is_begun) {
            return;
        }
        let process = self.thread.process();
        process.table().hold(|hold| {
            let dumps = self.thread.has_mark(ThreadMark::DumpsCore);
            if dumps
                && is_written
                && process.exit_status_in(hold) == ExitStatus::killed(self.signal)
            {
                process.exit_code.set(hold, ExitStatus::dumped(self.signal).to_raw() as u32);
            }
            self.thread.end_core_dump(hold);
        });
    }
}

impl<H: Host> Drop for PendingCoreDump<H> {
    fn drop(&mut self) {
        self.finish_once(false);
    }
}

impl<H: Host> fmt::Debug for PendingCoreDump<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingCoreDump").field(&self.thread).finish()
    }
}

impl<H: Host> Thread<H> {
    /// Decides that the process dies of a signal that dumps core, and that this thread writes the core. The others are asked to exit, by [`Host::request_exit`], at most 48 in a hold.
    ///
    /// For the thread that has taken the signal, where the kernel dumps. Each other calls [`begin_exit`](Self::begin_exit), and waits while it is parked; from the exit of one that has begun before nothing is asked. `SIGKILL` cuts the
    /// dump, and is the status then; every other signal is dropped. R-EXIT-11, R-EXIT-21.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a kernel thread (R-KTHREAD-03). `EAGAIN`: the exit of the process is decided, another thread is in exec, or this one has begun to exit: nothing is dumped.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{ExitStatus, ForkRequest, Number, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let faulty = init.fork(ForkRequest::default(), (), ())?;
    /// let other = faulty.spawn_thread(Number::Next, ())?;
    ///
    /// let dump = faulty.begin_core_dump(Signal::SIGSEGV)?;
    /// let exit = other.begin_exit(ExitStatus::exited(0)); // as `Host::request_exit` has asked it to
    /// assert!(dump.is_ready() && exit.is_parked()); // the kernel writes the memory out
    /// assert_eq!(dump.finish(true).to_raw(), 0x8b);
    /// assert!(!exit.is_parked());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn begin_core_dump(&self, signal: Signal) -> Result<PendingCoreDump<H>, Errno> {
        let mut dump = PendingCoreDump { thread: ARef::from(self), signal, is_begun: false };
        let process = self.process();
        process.table().hold(|hold| {
            if self.process().has(hold, Marks::KERNEL_THREAD) {
                return Err(Errno::EINVAL);
            }
            self.check_may_decide(hold)?;
            process.settle_group_exit(hold, ExitStatus::killed(signal).to_raw());
            process.mark(hold, Marks::DUMPING_CORE | Marks::SLOW_PATH);
            self.set_mark(hold, ThreadMark::DumpsCore, true);
            dump.is_begun = true;
            let dumper = self.place_in_process(hold);
            process.request_exits(hold, Some(dumper));
            Ok(())
        })?;
        Ok(dump)
    }

    /// Ends the dump, if this thread dumps core. Linux has done so before a thread that dumps exits.
    pub(super) fn end_core_dump(&self, hold: &mut Hold<'_, H>) {
        if !self.has_mark(ThreadMark::DumpsCore) {
            return;
        }
        self.set_mark(hold, ThreadMark::DumpsCore, false);
        self.call_attention(hold, Attention::EXIT);
        let process = self.process();
        process.unmark(hold, Marks::DUMPING_CORE);
        hold.count_touched();
        process.walk_threads(hold, Errand::EndParking);
    }

    /// A thread that has just begun to exit waits for the end of another's core dump.
    pub(super) fn park_if_sibling_dumps_core(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        if process.has(hold, Marks::DUMPING_CORE) && !self.has_mark(ThreadMark::DumpsCore) {
            self.set_mark(hold, ThreadMark::Parked, true);
            process.wake_core_dump_if_ready(hold);
        }
    }

    /// Goes on, if it is parked.
    pub(super) fn end_parking(&self, hold: &mut Hold<'_, H>) {
        if self.has_mark(ThreadMark::Parked) {
            self.set_mark(hold, ThreadMark::Parked, false);
            self.request_exit(hold);
        }
    }
}

impl<H: Host> Process<H> {
    /// Returns whether one of its threads dumps core. Takes the lock.
    ///
    /// Serves `CoreDumping` of `/proc/PID/status`.
    pub fn is_dumping_core(&self) -> bool {
        self.table().hold(|hold| self.has(hold, Marks::DUMPING_CORE))
    }

    /// A `SIGKILL` has come amid a dump: it is how the process ends, and every thread is told, the one that dumps too.
    pub(super) fn cut_core_dump(&self, hold: &mut Hold<'_, H>, code: i32) {
        self.exit_code.set(hold, code as u32);
        self.request_exits(hold, None);
    }

    /// Wakes the thread that dumps, if it need not wait for another.
    pub(super) fn wake_core_dump_if_ready(&self, hold: &Hold<'_, H>) {
        if self.has(hold, Marks::DUMPING_CORE) && self.has_at_most_one_busy(hold) {
            hold.host().wake_core_dump(hold.view(), self);
        }
    }

    /// Whether all threads but one, or all, have begun to exit.
    fn has_at_most_one_busy(&self, hold: &Hold<'_, H>) -> bool {
        self.live_threads.get(hold) - self.begun_exits().get(hold) <= 1
    }
}
