//! The end of a PID namespace, with its init; the protocol stands in `pid/namespace.rs`.

use super::family::Reports;
use super::{Marks, Process};
use crate::pid::Numbers;
use crate::sync::Hold;
use crate::{Host, Signal, SignalCause, SignalInfo};

impl<H: Host> Process<H> {
    /// Step 1: with the last thread of its init, a namespace closes. The table's own never does.
    pub(super) fn close_pid_ns_if_init(&self, hold: &mut Hold<'_, H>) {
        if self.own_numbers().level() > 0 && self.is_pid_ns_init(hold) {
            self.pid_ns(hold).close(hold);
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

    /// Whether a number other than its own is still in use in the namespace that ends with this process (R-NS-20, R-NS-21).
    pub(super) fn awaits_pid_ns_end(&self, hold: &Hold<'_, H>) -> bool {
        self.has(hold, Marks::ENDING_PID_NS) && self.pid_ns(hold).numbers(hold).len() > 1
    }

    fn first_reportable_zombie<'h>(&self, hold: &mut Hold<'h, H>) -> Option<&'h Self> {
        let ends = Reports::END.queue_classes(false) | Reports::END.queue_classes(true);
        self.leading_thread(hold).children_lists().reportable.first_behind(hold, i64::MIN, ends)
    }
}

/// Step 3: numbers were given back; each namespace in which they were, and which only waited for that, ends. The table's own never does.
#[inline]
pub(super) fn finish_waiting_inits<H: Host>(hold: &mut Hold<'_, H>, own_numbers: &Numbers<H>) {
    for pid_ns in own_numbers.pid_ns(hold).outward().take_while(|pid_ns| pid_ns.level() > 0) {
        if let Some(init) = pid_ns.init(hold).filter(|_| pid_ns.is_closed(hold)) {
            init.exit_notify_if_finished(hold);
        }
    }
}
