//! The signal that a thread asks for when its parent dies: prctl(2) `PR_SET_PDEATHSIG`.
//!
//! "Parent" means the thread that forked or adopted the process: the signal comes with every move to another thread, also when the
//! parent's process lives on (R-REPARENT-08), and after getppid(2) tells the new parent (E7). Each thread has a wish of its own; the signal goes to its process. A leader's
//! survives its exit, and a traced thread's lasts until the tracer has reaped it, as on Linux.

use super::send::Receiver;
use super::thread_walk::Errand;
use super::{Marks, Process};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{ARef, Errno, Host, Signal, SignalCause, SignalInfo};

impl<H: Host> Thread<H> {
    /// Sets the signal that this thread's process gets when its parent dies; `None`: none.
    ///
    /// Serves prctl(2) `PR_SET_PDEATHSIG`. New threads and processes begin without one, exec keeps it; a kernel clears it when the
    /// process's credentials change (R-PDEATH-02). A parent that has died before sends nothing (R-PDEATH-04). Does nothing if the thread has exited.
    /// R-PDEATH-01, R-FORK-07.
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
    /// use axprocess::{Errno, Signal, Thread};
    /// # let init = ProcessTable::new(MyKernel);
    /// # let init = init.new_init(1, (), ())?;
    /// init.set_parent_death_signal(Thread::<MyKernel>::parse_parent_death_signal(15)?);
    /// assert_eq!(init.parent_death_signal(), Some(Signal::SIGTERM));
    /// assert_eq!(Thread::<MyKernel>::parse_parent_death_signal(65), Err(Errno::EINVAL));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn set_parent_death_signal(&self, signal: Option<Signal>) {
        self.process().table().hold(|hold| {
            if self.state() == ThreadState::Live {
                self.process().mark(hold, Marks::SLOW_PATH);
                self.set_and_count_pdeath_signal(hold, signal);
            }
        });
    }

    /// Returns the signal that this thread's process gets when its parent dies. Takes the lock.
    ///
    /// Serves prctl(2) `PR_GET_PDEATHSIG`. R-PDEATH-01.
    pub fn parent_death_signal(&self) -> Option<Signal> {
        self.process().table().hold(|hold| self.pdeath_signal(hold))
    }

    /// Reads the argument of prctl(2) `PR_SET_PDEATHSIG`, where 0 means none. R-PDEATH-01.
    ///
    /// # Errors
    ///
    /// `EINVAL`: not in 0 to 64.
    pub fn parse_parent_death_signal(argument: u64) -> Result<Option<Signal>, Errno> {
        Signal::from_argument(i32::try_from(argument).map_err(|_| Errno::EINVAL)?)
    }

    /// The wish of a thread that is not the leader ends with it.
    pub(super) fn clear_pdeath_signal(&self, hold: &mut Hold<'_, H>) {
        self.set_and_count_pdeath_signal(hold, None);
    }

    fn set_and_count_pdeath_signal(&self, hold: &mut Hold<'_, H>, signal: Option<Signal>) {
        let armed = &self.process().pdeath_threads;
        let before = u32::from(self.pdeath_signal(hold).is_some());
        armed.set(hold, armed.get(hold) - before + u32::from(signal.is_some()));
        self.set_pdeath_signal(hold, signal);
    }
}

impl<H: Host> Process<H> {
    /// Sends what the threads of this process have wished for, on behalf of its former parent `lost`. R-REPARENT-08, R-PDEATH-03.
    ///
    /// As many threads as the hold allows, the leader first; without a wish none is looked at.
    pub(super) fn send_pdeath_signals(&self, hold: &mut Hold<'_, H>, lost: &Self) {
        let mut left = self.pdeath_threads.get(hold);
        if left == 0 {
            return;
        }
        let leader = self.leading_thread(hold);
        if !leader.is_listed(hold) && self.send_pdeath_signal_of(hold, lost, leader) {
            left -= 1;
        }
        if left > 0 {
            self.walk_threads(hold, Errand::SendPdeathSignal { lost: ARef::from(lost), left });
        }
    }

    /// Sends what one thread has wished for. False if that is nothing.
    pub(super) fn send_pdeath_signal_of<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        lost: &Self,
        thread: &'h Thread<H>,
    ) -> bool {
        let Some(signal) = thread.pdeath_signal(hold) else { return false };
        // A leader that has exited is addressed by nobody.
        let wisher = Some(thread).filter(|it| it.state() != ThreadState::Exited);
        self.send_pdeath_signal(hold, lost, wisher, signal);
        true
    }

    /// It goes to the process, but addresses the thread that has wished for it.
    fn send_pdeath_signal<'h>(
        &self,
        hold: &mut Hold<'h, H>,
        lost: &Self,
        wisher: Option<&'h Thread<H>>,
        signal: Signal,
    ) {
        if lost.may_send(hold, self, Some(signal)) {
            let pid = lost.number_seen_by(hold, self);
            let info = SignalInfo { signal, cause: SignalCause::ParentDeath { pid } };
            self.send_to(hold, Receiver::Process(wisher), &info, Some(lost));
        }
    }
}
