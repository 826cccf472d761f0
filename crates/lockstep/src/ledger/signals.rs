//! Signals that the kernel sends by itself: each that arrives must be one that the model has sent. One that the model has sent may
//! be blocked, or be one with an earlier one; so nobody waits for it.

use super::Ledger;
use super::answers::UNFOLLOWED;
use crate::operation::Arrival;
use crate::sys::Pid;

/// The status word of a stop that SIGCONT has undone before all threads had stopped. The tracer sees only stops that are complete.
const STOP_UNDONE: i32 = 0x7f;
/// The status word of a continuation.
pub(super) const CONTINUED: i32 = 0xffff;
/// Why it is not compared that a process was continued.
pub(super) const ENDED_IN_STOP: &str = "a stopped process was continued and ended in one moment, in which its parent may be told of both";

impl Ledger {
    /// Whether the model has sent what arrives.
    pub(crate) fn is_arrival_explained(&mut self, tid: Pid, arrival: &Arrival) -> bool {
        let pid = self.process_of(tid);
        is_unseen(arrival)
            || self.why_not_judged(tid, arrival).is_some()
            || self.exemption(tid).is_some()
            || self.is_told_again(pid, arrival)
            || self.ask(|model| model.has_sent(pid, arrival)).unwrap_or(true)
    }

    pub(super) fn judge_arrival(&mut self, tid: Pid, arrival: &Arrival) {
        let label = self.history.label(self.process_of(tid));
        let child = arrival.news.map_or(0, |news| news.pid);
        self.tell(tid, format!("gets {arrival}"), child);
        if let Some(exemption) = self.exemption(tid) {
            return self.comparison.skip(exemption.reason());
        }
        if self.model.is_none() {
            return;
        }
        if is_unseen(arrival) {
            return self.comparison.skip("a stop that was undone is not seen");
        }
        if let Some(reason) = self.why_not_judged(tid, arrival) {
            return self.comparison.skip(reason);
        }
        self.last_arrivals.insert(tid, *arrival);
        let pid = self.process_of(tid);
        let is_sent = self.ask(|model| model.has_sent(pid, arrival)).unwrap_or(true);
        if !is_sent && self.is_told_again(pid, arrival) {
            return self
                .comparison
                .skip("it was told to a thread that was killed before it could act");
        }
        if is_sent {
            self.ask(|model| model.take_sent(pid, arrival));
            self.comparison.agree("signals of the kernel");
        } else {
            self.diverge(&format!("what {label} is told"), &arrival.to_string(), "nothing of it");
        }
    }
}

impl Ledger {
    /// A thread is gone.
    pub(super) fn orphan_arrival(&mut self, tid: Pid, pid: Pid) {
        /// So many are remembered.
        const REMEMBERED: usize = 64;
        if let Some(arrival) = self.last_arrivals.remove(&tid) {
            self.orphaned_arrivals.push_back((pid, arrival));
            if self.orphaned_arrivals.len() > REMEMBERED {
                self.orphaned_arrivals.pop_front();
            }
        }
    }

    /// Whether a thread of the process was told the same, and has ended since.
    fn is_told_again(&self, pid: Pid, arrival: &Arrival) -> bool {
        self.orphaned_arrivals.contains(&(pid, *arrival))
    }

    /// Whether the end of a process was decided when nobody had told that its stop was over: `SIGCONT` may have been there first.
    pub(super) fn is_ended_in_stop(&mut self, pid: Pid) -> bool {
        let is_alive = self.threads.contains_key(&pid)
            && !self.ask(|model| model.is_doomed(pid)).unwrap_or(true);
        self.stopped.contains(&pid) && !is_alive
    }

    /// Why what SIGCHLD says of a child is not compared, if it is not.
    fn why_not_judged(&mut self, tid: Pid, arrival: &Arrival) -> Option<&'static str> {
        let number = arrival.news?.pid;
        let child = self.ask(|model| model.global(tid, number)).flatten();
        // It may have been reaped before its parent takes the signal.
        let child =
            child.or_else(|| self.ended_inside.get(&(self.process_of(tid), number)).copied());
        let child = child.unwrap_or(number);
        if self.is_unfollowed(child) {
            return Some(UNFOLLOWED);
        }
        let is_continued = arrival.news.is_some_and(|news| news.status == CONTINUED);
        match is_continued && self.is_ended_in_stop(child) {
            true => Some(ENDED_IN_STOP),
            false => self.own_ends.get(&child).copied(),
        }
    }
}

fn is_unseen(arrival: &Arrival) -> bool {
    arrival.news.is_some_and(|news| news.status == STOP_UNDONE)
}
