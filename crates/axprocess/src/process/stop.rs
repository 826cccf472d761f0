//! Group stops and continuations: what the parent can learn of them.
//!
//! Which signal stops which thread is the kernel's business. The model keeps what `wait`
//! reports: one stop and one continuation, each reported once, the newer one making the other void (R-STOP-06, R-STOP-07).

use super::{Marks, Process, ProcessState};
use crate::sync::Hold;
use crate::{ChildSignalAction, Host, Signal, WaitStatus};

impl<H: Host> Process<H> {
    /// Records that every thread of the process has stopped, because of `signal`, and tells the parent.
    ///
    /// Does nothing on a process that is stopped already (R-STOP-05) or has ended (R-STOP-12). R-NOTIFY-11, R-NOTIFY-12, R-STOP-04.
    pub fn group_stopped(&self, signal: Signal) {
        self.world.hold(|hold| {
            if !self.can_stop(hold) || self.has(hold, Marks::STOPPED) {
                return;
            }
            self.mark(hold, Marks::STOPPED | Marks::STOP_REPORT);
            self.unmark(hold, Marks::CONTINUE_REPORT);
            self.stop_signal.set(hold, Some(signal));
            self.report_stop(hold, WaitStatus::Stopped(signal));
        });
    }

    /// Records that `SIGCONT` has resumed the process, and tells the parent. An unreported stop is lost.
    ///
    /// Does nothing on a process that is not stopped. R-STOP-06, R-STOP-07, R-NOTIFY-11.
    pub fn group_continued(&self) {
        self.world.hold(|hold| {
            if !self.can_stop(hold) || !self.has(hold, Marks::STOPPED) {
                return;
            }
            self.unmark(hold, Marks::STOPPED | Marks::STOP_REPORT);
            self.mark(hold, Marks::CONTINUE_REPORT);
            self.report_stop(hold, WaitStatus::Continued);
        });
    }

    /// Returns whether the process is stopped.
    pub fn is_stopped(&self) -> bool {
        self.world.hold(|hold| self.has(hold, Marks::STOPPED))
    }

    /// What `wait` would report of a stop or a continuation.
    pub(super) fn stop_report(&self, hold: &Hold<'_, H>) -> Option<WaitStatus> {
        let signal = self.stop_signal.get(hold)?;
        self.has(hold, Marks::STOP_REPORT).then_some(WaitStatus::Stopped(signal))
    }

    /// A process that exits is not stopped any more, and what was not reported is lost (R-EXIT-13).
    pub(super) fn forget_stop(&self, hold: &mut Hold<'_, H>) {
        self.unmark(hold, Marks::STOPPED | Marks::STOP_REPORT | Marks::CONTINUE_REPORT);
        self.queue_report(hold);
    }

    fn can_stop(&self, hold: &Hold<'_, H>) -> bool {
        self.state() == ProcessState::Live && !self.has(hold, Marks::GROUP_EXIT)
    }

    fn report_stop(&self, hold: &mut Hold<'_, H>, status: WaitStatus) {
        self.queue_report(hold);
        let Some(parent) = self.parent.get(hold) else {
            return;
        };
        let action = hold.host().child_signal_action(parent);
        if !action.intersects(ChildSignalAction::IGNORE | ChildSignalAction::NO_STOP) {
            self.post_child_signal(hold, parent, Signal::SIGCHLD, status);
        }
        parent.wake(hold);
    }
}
