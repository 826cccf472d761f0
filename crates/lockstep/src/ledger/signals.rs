//! Signals that the kernel sends by itself: each that arrives must be one that the model has sent. One that the model has sent may
//! be blocked, or be one with an earlier one; so nobody waits for it.

use super::Ledger;
use super::answers::UNFOLLOWED;
use crate::operation::Arrival;
use crate::sys::Pid;

/// The status word of a stop that SIGCONT has undone before all threads had stopped.
const STOP_UNDONE: i32 = 0x7f;
/// The status word of a continuation.
pub(super) const CONTINUED: i32 = 0xffff;
/// Why it is not compared that a process was continued.
const ENDED_IN_STOP: &str = "a process was stopped or continued, and ended in that moment, in which its parent may be told of both";
/// The same.
pub(super) const UNDONE: &str = "SIGCONT came when not all threads of a process were seen stopped, and whether they were is not known";

/// Why it is not compared that a terminal has hung up.
const OPENED_AND_LOST: &str =
    "a session's leader may have opened a terminal, and lost it, before that could be seen";

impl Ledger {
    /// Whether the model has sent what arrives.
    pub(crate) fn is_arrival_explained(&mut self, tid: Pid, arrival: &Arrival) -> bool {
        let pid = self.process_of(tid);
        self.why_not_judged(tid, arrival).is_some()
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
        } else if arrival.news.is_none() && self.may_have_opened(pid) {
            self.comparison.skip(OPENED_AND_LOST);
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

    /// Why it is not compared that a parent is told of a stop or a continuation, if it is not: the end of the child is decided, and what came just before that may not be known; or
    /// nobody can tell whether all of its threads had stopped.
    pub(super) fn why_not_told(&mut self, pid: Pid, status: i32) -> Option<&'static str> {
        if status != CONTINUED && !is_stop(status) {
            return None;
        }
        if self.undone.contains(&pid) || status == STOP_UNDONE {
            return Some(UNDONE);
        }
        let is_alive = self.threads.contains_key(&pid)
            && !self.ask(|model| model.is_doomed(pid)).unwrap_or(true);
        (!is_alive && self.history.has_had(pid)).then_some(ENDED_IN_STOP)
    }

    /// Why what SIGCHLD says of a child is not compared, if it is not.
    fn why_not_judged(&mut self, tid: Pid, arrival: &Arrival) -> Option<&'static str> {
        if self.own_arrivals.contains(&(self.process_of(tid), arrival.signal)) {
            return Some("the receiver has sent itself the like, as if it were the kernel's");
        }
        let number = arrival.news?.pid;
        let child = self.ask(|model| model.global(tid, number)).flatten();
        // It may have been reaped before its parent takes the signal.
        let child =
            child.or_else(|| self.ended_inside.get(&(self.process_of(tid), number)).copied());
        let child = child.unwrap_or(number);
        if self.is_unfollowed(child) {
            return Some(UNFOLLOWED);
        }
        let status = arrival.news.map_or(0, |news| news.status);
        self.why_not_told(child, status).or_else(|| self.own_ends.get(&child).copied())
    }
}

/// Whether a wait status is that of a stop.
pub(super) const fn is_stop(status: i32) -> bool {
    status & 0xff == 0x7f
}
