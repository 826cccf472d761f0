//! An exit step by step, for a kernel that has work to do between them.

use core::fmt;

use crate::process::{Marks, ThreadExit};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark};
use crate::{ARef, ExitStatus, Host};

/// An exit that has begun. An exit cannot be given up: dropped, this finishes it.
///
/// | the kernel | Linux's `do_exit` |
/// | --- | --- |
/// | [`Thread::begin_exit`] | `synchronize_group_exit` |
/// | sleeps while it [is parked](Self::is_parked) | `coredump_task_exit` |
/// | stops for the tracer ([`Thread::trace_stop`]), and tells it the [status](Self::status) | `ptrace_event(PTRACE_EVENT_EXIT)` |
/// | [`set_exiting`](Self::set_exiting) tells who is the last | `exit_signals`, `signal->live` |
/// | gives memory ([`Thread::note_mm_release`]), files and the rest back | `exit_mm`, `exit_files` |
/// | [`finish`](Self::finish), or [`try_finish`](Self::try_finish) | `exit_notify`; `zap_pid_ns_processes`, which sleeps |
#[must_use = "dropped, it finishes the exit at once"]
pub struct PendingExit<H: Host> {
    thread: ARef<Thread<H>>,
    /// What the second step has said.
    exit: Option<ThreadExit>,
}

impl<H: Host> PendingExit<H> {
    /// Returns how the thread ends: what was given to [`Thread::begin_exit`], or how its process does if that was decided before. `PTRACE_GETEVENTMSG` of the exit event. Takes no lock.
    pub fn status(&self) -> ExitStatus {
        ExitStatus::from_word(self.thread.exit_code().get())
    }

    /// Returns whether another thread of the process dumps core, and this one has to wait for the end of that: [`Host::request_exit`] tells of it. A hint, wait-free.
    pub fn is_parked(&self) -> bool {
        self.thread.has_mark(ThreadMark::Parked)
    }

    /// The thread counts as exiting from here on: it adopts nobody, is sent nothing, and no stop waits for it (R-EXIT-14 a). Tells whether it was the last of its process.
    ///
    /// Once: a second call, and one by whom [`Thread::exec`] has taken out meanwhile, gets [`ThreadExit::Gone`]. Its ptrace-stop ends, if it is in one.
    pub fn set_exiting(&mut self) -> ThreadExit {
        let exit = self.thread.process().table().hold(|hold| self.thread.set_exiting(hold));
        self.exit.get_or_insert(exit);
        exit
    }

    /// Does what is left of [`Thread::exit_thread`]: the children move, and with the last thread the process ends. The last thread of a namespace's init waits for the others there; who
    /// is the last of those does what is left then (R-NS-29).
    pub fn finish(self) {
        drop(self);
    }

    /// Does the same as far as it comes without waiting. False: the thread is the last one of a namespace's init, and others are there. The kernel lets it sleep, and asks again
    /// when [`Host::wake_exit`] has told it to: so its process ends when it runs, as on Linux, and not amid the end of another.
    pub fn try_finish(&mut self) -> bool {
        self.finish_in_holds(WhenAlone::IsWoken);
        self.exit == Some(ThreadExit::Gone) || !self.thread.is_exiting()
    }

    fn finish_in_holds(&mut self, when_alone: WhenAlone) {
        if self.exit == Some(ThreadExit::Gone) {
            return;
        }
        let (thread, has_set_exiting) = (&self.thread, self.exit.is_some());
        let exit = thread.exit_in_holds(|hold| {
            let exit = thread.set_exiting(hold);
            // Of an exit that another has begun, that one decides.
            if has_set_exiting || exit != ThreadExit::Gone {
                let sleeps = when_alone == WhenAlone::IsWoken;
                thread.set_mark(hold, ThreadMark::SleepsInExit, sleeps);
            }
            thread.try_finish_exit(hold);
            exit
        });
        self.exit.get_or_insert(exit);
    }
}

impl<H: Host> Drop for PendingExit<H> {
    fn drop(&mut self) {
        self.finish_in_holds(WhenAlone::IsFinished);
    }
}

/// What becomes of a thread that waits in its exit for the others of its namespace when they are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenAlone {
    IsWoken,
    IsFinished,
}

impl<H: Host> fmt::Debug for PendingExit<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingExit").field(&self.thread).finish()
    }
}

impl<H: Host> Thread<H> {
    /// Begins to end this thread: how it ends is settled, and with the last thread that begins, how its process does (R-EXIT-20).
    ///
    /// Serves exit(2), exit_group(2) and death by a signal where the kernel has things to do before the end. Until [`PendingExit::set_exiting`] the thread is like any other: a stop waits for it, a signal can
    /// find it. But no later `exit_group` or signal changes its status, and once all have begun, none changes the process's: not even `SIGKILL` ends the stop of an exit event then.
    /// A thread that has begun before, or has exited, keeps its status.
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
    /// use axprocess::{ExitStatus, ForkRequest, ThreadExit};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    ///
    /// let mut exit = child.begin_exit(ExitStatus::exited(3));
    /// assert_eq!(child.kill(1, 9), Ok(())); // comes too late
    /// let is_last = exit.set_exiting() == ThreadExit::Last;
    /// assert!(is_last && !child.process().has_ended()); // the kernel gives memory and files back
    /// exit.finish();
    /// assert_eq!(child.process().exit_status(), ExitStatus::exited(3));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn begin_exit(&self, status: ExitStatus) -> PendingExit<H> {
        let thread = ARef::from(self);
        self.process().table().hold(|hold| self.begin_exit_in(hold, status.to_raw()));
        PendingExit { thread, exit: None }
    }

    fn begin_exit_in(&self, hold: &mut Hold<'_, H>, code: i32) {
        if !self.is_live() || self.has_mark(ThreadMark::ExitBegun) {
            return;
        }
        let process = self.process();
        self.settle_exit_code(hold, code);
        self.set_mark(hold, ThreadMark::ExitBegun, true);
        process.mark(hold, Marks::SLOW_PATH);
        process.begun_exits().set(hold, process.begun_exits().get(hold) + 1);
        process.decide_exit_if_all_have_begun(hold);
        self.park_if_sibling_dumps_core(hold);
    }
}
