//! exec in a thread group: one thread takes over, all others are gone.
//!
//! | step | Linux | here |
//! | --- | --- | --- |
//! | 1 | `de_thread`: `group_exec_task`, `zap_other_threads` | [`Thread::begin_exec`] claims the exec, and has the others asked to exit |
//! | 2 | sleeps until each of them is released, `notify_count` 0 | [`PendingExec::try_finish`] says that it is not over while one is there: alive, or dead and its tracer has not reaped it |
//! | 3 | takes the leader's identity over, `exchange_tids` | the same call, as soon as nobody is |
//! | – | a fatal signal: it gives up | the same; and who drops the claim |
//!
//! [`Thread::exec`] is all of it at once, for who has stopped the others: they are released instead of asked.

use core::cell::Cell;
use core::fmt;

use super::{Marks, Process};
use crate::sync::{Hold, with_rest_on_panic};
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{ARef, Attention, Errno, Host};

/// An exec that has begun: the right to take the process over as soon as its other threads are gone. Dropped before, it gives that up.
///
/// While it is there no thread joins the process, no other begins an exec, and `exit_group` ends only who calls it (R-EXIT-19).
#[must_use = "dropped, it gives the exec up"]
pub struct PendingExec<H: Host> {
    thread: ARef<Thread<H>>,
    has_claim: bool,
}

impl<H: Host> PendingExec<H> {
    /// Makes the thread the only one and the leader of its process, if all others are gone. `Ok(false)`: one is left, alive or dead and traced; [`Host::wake_exec`] tells when to ask again.
    ///
    /// What it does then is what [`Thread::exec`] says.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: the exit of the process has been decided meanwhile, by a signal, or the thread has exited: the exec is given up (R-EXEC-10, B44). So it is of an exec that is over.
    pub fn try_finish(&mut self) -> Result<bool, Errno> {
        if !self.has_claim {
            return Err(Errno::EAGAIN);
        }
        let finished = self.thread.process().table().hold(|hold| {
            self.thread.check_may_go_on(hold)?;
            let is_alone = self.thread.process().threads.len(hold) == 1;
            if is_alone {
                self.thread.take_process_over(hold);
            }
            Ok(is_alone)
        });
        self.has_claim = finished == Ok(false);
        finished
    }
}

impl<H: Host> Drop for PendingExec<H> {
    fn drop(&mut self) {
        if self.has_claim {
            let process = self.thread.process();
            process.table().hold(|hold| process.unmark(hold, Marks::EXECING));
        }
    }
}

impl<H: Host> fmt::Debug for PendingExec<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingExec").field(&self.thread).finish()
    }
}

impl<H: Host> Thread<H> {
    /// Begins an exec: the other threads of the process are asked to exit, by [`Host::request_exit`], at most 48 in a hold. Each calls [`exit_thread`](Self::exit_thread) with status 0, which counts for
    /// its tracer alone (R-EXIT-19).
    ///
    /// Serves execve(2) and execveat(2), at the point of no return. The end of a thread that is traced is shown to its tracer, and has to be reaped, as on Linux: until then the exec is not over.
    /// R-EXEC-01, R-EXEC-12.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a kernel thread (R-KTHREAD-06). `EAGAIN`: the exit of the process is decided; another thread is in exec (R-EXEC-10, B44); this thread has exited.
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
    /// use axprocess::{ExitStatus, ForkRequest, Number};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let leader = init.fork(ForkRequest::default(), (), ())?;
    /// let caller = leader.spawn_thread(Number::Next, ())?;
    ///
    /// let mut exec = caller.begin_exec()?;
    /// assert!(!exec.try_finish()?); // the kernel lets the caller sleep, until `Host::wake_exec`
    /// leader.exit_thread(ExitStatus::exited(0)); // as `Host::request_exit` has asked it to
    /// assert!(exec.try_finish()?);
    /// assert_eq!(caller.tid(), leader.process().pid());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn begin_exec(&self) -> Result<PendingExec<H>, Errno> {
        let mut exec = PendingExec { thread: ARef::from(self), has_claim: false };
        self.process().table().hold(|hold| {
            self.claim_exec_cancel_stop(hold)?;
            exec.has_claim = true;
            let besides = Some(self.place_in_process(hold));
            self.process().request_exits(hold, besides);
            Ok(())
        })?;
        Ok(exec)
    }

    /// Makes this thread the only one and the leader of its process, as a successful execve(2) does.
    ///
    /// Serves execve(2) and execveat(2) where the kernel has made the other threads stop running before, at the point of no return. They
    /// are gone without a status and without anyone being told, one after the other, the threads behind this one first; their numbers are free. Nor does it wait for a tracer of theirs, as Linux does:
    /// whose threads can be traced calls [`begin_exec`](Self::begin_exec). The children
    /// of each go to the first thread that is left, at last to this one. This thread's number becomes the process's. The process's exit signal is `SIGCHLD` from here on, and its parent
    /// can no longer move it to another group. R-EXEC-01 to R-EXEC-04, R-EXEC-06, R-EXEC-08, R-EXEC-09.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a kernel thread (R-KTHREAD-06). `EAGAIN`: the exit of the process is decided, also meanwhile by a signal; another thread is in exec (R-EXEC-10, B44); this
    /// thread has exited.
    pub fn exec(&self) -> Result<(), Errno> {
        let begun = Cell::new(false);
        let rest = || _ = begun.get().then(|| self.de_thread_until_done());
        let first = |hold: &mut Hold<'_, H>| {
            let begin = self.claim_exec_cancel_stop(hold);
            begun.set(begin.is_ok());
            begin
        };
        with_rest_on_panic(rest, || self.process().table().hold(first))?;
        self.de_thread_until_done()
    }

    /// Also while the panic of a waker unwinds: an exec that has begun is completed.
    fn de_thread_until_done(&self) -> Result<(), Errno> {
        loop {
            let is_left = Cell::new(false);
            let rest = || _ = is_left.get().then(|| self.de_thread_until_done());
            let next = |hold: &mut Hold<'_, H>| {
                let is_done = self.de_thread_and_finish_exec(hold);
                is_left.set(is_done == Ok(false));
                is_done
            };
            if with_rest_on_panic(rest, || self.process().table().hold(next))? {
                return Ok(());
            }
        }
    }

    /// Whether this thread can still decide something for its whole process: nobody has, by a group exit or an exec, and it has not begun to exit.
    pub(super) fn check_may_decide(&self, hold: &Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        let may = self.state() == ThreadState::Live
            && !self.has_mark(ThreadMark::ExitBegun)
            && process.is_exit_undecided(hold)
            && !process.has(hold, Marks::EXECING);
        if may { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    fn claim_exec_cancel_stop(&self, hold: &mut Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        if process.has(hold, Marks::KERNEL_THREAD) {
            return Err(Errno::EINVAL);
        }
        self.check_may_decide(hold)?;
        process.mark(hold, Marks::EXECING);
        process.cancel_stop_in_progress(hold);
        Ok(())
    }

    /// Whether a claim is still good; if not, it is given up.
    fn check_may_go_on(&self, hold: &mut Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        if self.state() != ThreadState::Live || process.has(hold, Marks::GROUP_EXIT) {
            process.unmark(hold, Marks::EXECING);
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// Goes as far as the hold allows; true when done. After each hold the process is a whole one, with fewer threads.
    fn de_thread_and_finish_exec(&self, hold: &mut Hold<'_, H>) -> Result<bool, Errno> {
        self.check_may_go_on(hold)?;
        while let Some(other) = self.next_other(hold) {
            if !self.reparent_and_release_thread(hold, other) || hold.is_batch_full() {
                return Ok(false);
            }
        }
        self.take_process_over(hold);
        Ok(true)
    }

    /// Leads the process, in which it is alone, as another program.
    fn take_process_over(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        let is_renumbered = !self.is_leader(hold);
        if is_renumbered {
            self.replace_leader(hold);
        }
        if let Some(trace) = self.trace(hold) {
            trace.note_exec(hold, is_renumbered);
        }
        process.unmark(hold, Marks::EXECING);
        process.mark(hold, Marks::EXECED);
        process.execs.set(hold, process.execs.get(hold).wrapping_add(1));
        process.reset_exit_signal(hold);
        self.complete_vfork(hold);
        self.have_tell_if_notice_pending(hold);
    }

    /// Releases another thread, as Linux's `de_thread` does each; the first one that is left adopts its children, as in every exit of a thread. False if the hold is full before.
    fn reparent_and_release_thread(&self, hold: &mut Hold<'_, H>, other: &Self) -> bool {
        if !other.try_exit_ptrace(hold) {
            return false;
        }
        let heir = self.heir_of(hold, other);
        if !other.children_lists().try_reparent_all(hold, heir) {
            return false;
        }
        hold.count_touched();
        if let Some(trace) = other.trace(hold) {
            trace.unlink_and_wake_tracer(hold);
        }
        other.call_attention(hold, Attention::EXIT);
        other.leave_thread_group(hold);
        other.release_dead_tracees(hold);
        true
    }

    /// Takes the number and the role of the leader, who is gone.
    fn replace_leader(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        let leader = process.leading_thread(hold);
        hold.host().release_task(hold.view(), leader);
        // Its old number ends as the leader did, whose place it takes.
        self.release_non_leader_number(hold, leader.exit_code().get());
        // The old leader's parent-death signal is void.
        leader.clear_pdeath_signal(hold);
        if let Some(trace) = process.traced_leader(hold) {
            trace.unlink_and_wake_tracer(hold);
        }
        process.later_leader.set(hold, Some(ARef::from(self)));
        self.own_numbers().copy_from(hold, process.own_numbers());
        // Its stops are the process's now, and the process's are its.
        process.update_report_queue(hold);
        hold.host().wake_thread_pollers(hold.view(), self);
    }

    /// The order in which Linux's `zap_other_threads` goes.
    fn next_other<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        let threads = &self.process().threads;
        let first = threads.first(hold).filter(|first| !core::ptr::eq(*first, self));
        threads.after(hold, self).or(first)
    }

    fn heir_of<'h>(&self, hold: &Hold<'h, H>, other: &Self) -> &'h Self {
        let mut left = self.process().live_threads_in_order(hold);
        left.find(|it| !core::ptr::eq(*it, other)).unwrap_or_else(|| self.in_hold(hold))
    }
}

impl<H: Host> Process<H> {
    /// Wakes the thread in exec that waited for the one which has just left, if that was the last.
    pub(super) fn wake_exec_if_alone(&self, hold: &Hold<'_, H>) {
        if self.has(hold, Marks::EXECING)
            && self.threads.len(hold) == 1
            && let Some(thread) = self.threads.first(hold)
        {
            hold.host().wake_exec(hold.view(), thread);
        }
    }
}

#[cfg(test)]
mod tests {
    //! What meets an exec between two of its holds.

    use super::*;
    use crate::list::tests::TestHost;
    use crate::{ExitStatus, ForkRequest, Number, ProcessTable};

    /// A process with a second thread that is in exec, between two holds.
    fn amid_exec(meet: impl FnOnce(&Thread<TestHost>, &Thread<TestHost>)) {
        let table = ProcessTable::new(TestHost);
        let init = table.new_init(1, (), ()).expect("the first");
        let leader = init.fork(ForkRequest::default(), (), ()).expect("a child");
        let caller = leader.spawn_thread(Number::Next, ()).expect("a thread");
        caller
            .process()
            .table()
            .hold(|hold| caller.claim_exec_cancel_stop(hold))
            .expect("the first hold");
        meet(&leader, &caller);
    }

    fn go_on(caller: &Thread<TestHost>) -> Result<bool, Errno> {
        caller.process().table().hold(|hold| caller.de_thread_and_finish_exec(hold))
    }

    #[test]
    fn exit_group_amid_an_exec_ends_one_thread() {
        // R-EXIT-19: it decides nothing; the exec goes on and its program lives.
        amid_exec(|leader, caller| {
            assert!(!leader.process().begin_group_exit(ExitStatus::exited(9)));
            leader.exit_thread(ExitStatus::exited(0));
            assert_eq!(go_on(caller), Ok(true));
            assert!(!caller.process().is_group_exiting());
            assert!(caller.process().begin_group_exit(ExitStatus::exited(9)), "now it does");
        });
    }

    #[test]
    fn b44_a_fatal_signal_amid_an_exec_ends_the_process() {
        // B44, R-EXEC-10, R-EXIT-10: EAGAIN; the thread is not left in exec, and dies of the signal.
        amid_exec(|leader, caller| {
            assert_eq!(leader.kill(2, 9), Ok(()));
            assert_eq!(go_on(caller), Err(Errno::EAGAIN));
            assert_eq!(caller.process().threads().expect("memory").len(), 2);
            caller.exit_thread(ExitStatus::exited(0));
            leader.exit_thread(ExitStatus::exited(0));
            assert_eq!(caller.process().exit_status(), ExitStatus::killed(crate::Signal::SIGKILL));
        });
    }

    #[test]
    fn a_second_exec_loses() {
        // R-EXEC-10: EAGAIN, and no thread joins (T4).
        amid_exec(|leader, caller| {
            assert_eq!(leader.exec(), Err(Errno::EAGAIN));
            assert_eq!(caller.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR));
            assert_eq!(go_on(caller), Ok(true));
        });
    }
}
