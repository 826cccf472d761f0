//! The end of a PID namespace, with its init; the protocol stands in `pid/namespace.rs`.

use super::family::Reports;
use super::{Marks, Process};
use crate::pid::Numbers;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark};
use crate::{Host, Signal, SignalCause, SignalInfo};

impl<H: Host> Process<H> {
    /// Step 1: with the last thread of its init, this one, a namespace closes. The table's own never does.
    pub(super) fn close_pid_ns_if_init(&self, hold: &mut Hold<'_, H>, reaper: &Thread<H>) {
        if self.own_numbers().level() > 0
            && self.is_pid_ns_init(hold)
            && !self.has(hold, Marks::ENDING_PID_NS)
        {
            let pid_ns = self.pid_ns(hold);
            pid_ns.close(hold);
            pid_ns.set_exiting_reaper(hold, Some(reaper));
            self.mark(hold, Marks::ENDING_PID_NS);
        }
    }

    /// Step 2: kills whoever has a number in the namespace, and reaps the children that have ended. False if the hold is full before.
    ///
    /// Linux does it in one section, under its own lock; nothing can enter the namespace meanwhile, so the same processes are hit.
    pub(super) fn zap_pid_ns_processes(&self, hold: &mut Hold<'_, H>) -> bool {
        let pid_ns = self.pid_ns(hold);
        while let Some(number) = pid_ns.take_next_to_kill(hold) {
            hold.count_touched();
            let task = pid_ns.task_of(hold, number);
            let victim = task.and_then(|task| task.process_of_leader(hold));
            if let Some(victim) = victim {
                let info = SignalInfo { signal: Signal::SIGKILL, cause: SignalCause::Kernel };
                victim.send(hold, &info, None);
            }
            if hold.is_batch_full() {
                return false;
            }
        }
        while let Some(zombie) = self.first_reportable_zombie(hold) {
            hold.count_touched();
            zombie.notify_tracer_parent_or_autoreap(hold);
            if hold.is_batch_full() {
                return false;
            }
        }
        true
    }

    fn first_reportable_zombie<'h>(&self, hold: &mut Hold<'h, H>) -> Option<&'h Self> {
        let ends = Reports::END.queue_classes(false) | Reports::END.queue_classes(true);
        let reaper = self.pid_ns(hold).exiting_reaper(hold)?;
        reaper.children_lists().reportable.first_behind(hold, i64::MIN, ends)
    }
}

impl<H: Host> Thread<H> {
    /// Step 3: this thread, which has nothing else left to do, waits if it ends its namespace and others have numbers there. Whether it does. R-NS-20, R-NS-21, R-NS-29.
    pub(super) fn await_pid_ns_end(&self, hold: &mut Hold<'_, H>) -> bool {
        if !self.process().has(hold, Marks::ENDING_PID_NS) {
            return false;
        }
        let awaits = self.ends_pid_ns(hold) && !self.is_alone_in_pid_ns(hold);
        self.set_mark(hold, ThreadMark::AwaitsPidNsEnd, awaits);
        awaits
    }

    /// Whether it is the one that ends its namespace.
    pub(super) fn ends_pid_ns(&self, hold: &Hold<'_, H>) -> bool {
        let reaper = self.process().pid_ns(hold).exiting_reaper(hold);
        reaper.is_some_and(|reaper| core::ptr::eq(reaper, self))
    }

    /// Whether no number is in use in its namespace but its own and its process's: Linux's `init_pids`.
    fn is_alone_in_pid_ns(&self, hold: &Hold<'_, H>) -> bool {
        let own = if self.is_leader(hold) { 1 } else { 2 };
        self.process().pid_ns(hold).numbers(hold).len() <= own
    }

    /// It is gone: nobody ends the namespace any more.
    pub(super) fn cease_to_end_pid_ns(&self, hold: &mut Hold<'_, H>) {
        if self.ends_pid_ns(hold) {
            self.process().pid_ns(hold).set_exiting_reaper(hold, None);
        }
    }
}

/// Step 4: numbers were given back; in each namespace in which they were, the thread goes on that only waited for that. The table's own never ends.
#[inline]
pub(super) fn finish_waiting_inits<H: Host>(hold: &mut Hold<'_, H>, own_numbers: &Numbers<H>) {
    for pid_ns in own_numbers.pid_ns(hold).outward().take_while(|pid_ns| pid_ns.level() > 0) {
        let waiting = |reaper: &&Thread<H>| reaper.has_mark(ThreadMark::AwaitsPidNsEnd);
        if let Some(reaper) = pid_ns.exiting_reaper(hold).filter(waiting)
            && !reaper.await_pid_ns_end(hold)
        {
            match reaper.has_mark(ThreadMark::SleepsInExit) {
                true => hold.host().wake_exit(hold.view(), reaper),
                false => reaper.exit_notify(hold),
            }
        }
    }
}
