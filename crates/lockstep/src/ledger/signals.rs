//! Signals that the kernel sends by itself: each that arrives must be one that the model has sent. One that the model has sent may
//! be blocked, or be one with an earlier one; so nobody waits for it.

use super::Ledger;
use super::answers::UNFOLLOWED;
use crate::model::CLONE_CLEAR_SIGHAND;
use crate::operation::{Arrival, ChildNews, ChildSignal, Fork};
use crate::procfs::SignalSets;
use crate::sys::Pid;
use crate::words;

/// The status word of a stop that SIGCONT has undone before all threads had stopped.
const STOP_UNDONE: i32 = 0x7f;
/// The status word of a continuation.
pub(super) const CONTINUED: i32 = 0xffff;
/// Why it is not compared that a process was continued.
const ENDED_IN_STOP: &str = "a process was stopped or continued, and ended in that moment, in which its parent may be told of both";
/// The same.
pub(super) const UNDONE: &str = "SIGCONT came when not all threads of a process were seen stopped, and whether they were is not known";

/// The same.
const TOLD_AFTER_EXEC: &str = "a process was stopped or continued in the moment in which its parent, with SA_NOCLDSTOP up to then, executed a program";

/// Why it is not compared what a process does about `SIGCHLD`.
const OPEN: &str =
    "a handler of SIGCHLD that runs once may have run, or the call that sets it was cut short";

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
            || self.is_told_after_exec(tid, arrival)
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
        } else if self.is_told_after_exec(tid, arrival) {
            self.comparison.skip(TOLD_AFTER_EXEC);
        } else if arrival.news.is_none() && self.may_have_opened(pid) {
            self.comparison.skip(OPENED_AND_LOST);
        } else {
            self.diverge(&format!("what {label} is told"), &arrival.to_string(), "nothing of it");
        }
    }
}

/// What Linux shows of signals. `/proc/PID/stat` has them, which is read for the relations; and what a program does about signals stops it for `SIGCHLD` alone.
impl Ledger {
    /// Compares what a process that has not run yet has inherited.
    pub(super) fn check_first_signals(
        &mut self,
        child: Pid,
        fork: &Fork,
        blocked: Option<u64>,
        sets: SignalSets,
    ) {
        // One that is killed before it runs has that waiting.
        let pending = sets.pending & !bit(libc::SIGKILL);
        self.compare_sets(child, "pending in a new process", pending, 0);
        if let Some(blocked) = blocked {
            let blocked = blocked as u32 & ALL;
            self.compare_sets(child, "blocked in a new process", sets.blocked, blocked);
        }
        if fork.flags & CLONE_CLEAR_SIGHAND != 0 {
            self.compare_sets(child, "caught in a new process", sets.caught, 0);
        }
    }

    /// Compares what is known of a process's signals while it is amid no call: what it does about `SIGCHLD`.
    pub(super) fn check_signals(&mut self, pid: Pid, sets: SignalSets) {
        let SignalSets { ignored, caught, .. } = sets;
        let Some(Ok(action)) = self.ask(|model| model.child_signal(pid)) else {
            return;
        };
        if action.is_open {
            return self.comparison.skip(OPEN);
        }
        let child = bit(libc::SIGCHLD);
        let when = |is_so| if is_so { child } else { 0 };
        self.compare_sets(pid, "SIGCHLD ignored", ignored & child, when(action.is_ignored));
        self.compare_sets(pid, "SIGCHLD caught", caught & child, when(action.is_caught));
    }

    /// A change of what a process does about `SIGCHLD` was cut short: whether it is done is known of nobody with whom it shares that.
    pub(super) fn doubt_child_signal(&mut self, tid: Pid) {
        let pid = self.process_of(tid);
        self.ask(|model| {
            let action = ChildSignal { is_open: true, ..model.child_signal(pid)? };
            model.set_child_signal(tid, action)
        });
    }

    fn compare_sets(&mut self, pid: Pid, name: &'static str, linux: u32, model: u32) {
        let history = &self.history;
        let question = || format!("{name}: of {}", history.label(pid));
        self.comparison.compare(name, linux, model, question, |&set| names(set));
        self.drop_model_if_lost();
    }

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
        let ChildNews { pid: number, status } = arrival.news?;
        let child = self.child_told_of(tid, number);
        if self.is_unfollowed(child) {
            return Some(UNFOLLOWED);
        }
        self.why_not_told(child, status).or_else(|| self.own_ends.get(&child).copied())
    }

    /// Whether a parent is told of a stop or a continuation that came amid its exec.
    fn is_told_after_exec(&mut self, tid: Pid, arrival: &Arrival) -> bool {
        arrival.news.is_some_and(|ChildNews { pid: number, status }| {
            let is_of_stop = status == CONTINUED || is_stop(status);
            is_of_stop && {
                let child = self.child_told_of(tid, number);
                self.told_after_exec.contains(&child)
            }
        })
    }

    /// The child of which a thread is told by the number that this has for it.
    fn child_told_of(&mut self, tid: Pid, number: Pid) -> Pid {
        let child = self.ask(|model| model.global(tid, number)).flatten();
        // It may have been reaped before its parent takes the signal.
        let child =
            child.or_else(|| self.ended_inside.get(&(self.process_of(tid), number)).copied());
        child.unwrap_or(number)
    }
}

/// The signals of which `/proc/PID/stat` tells.
const ALL: u32 = 0x7fff_ffff;

/// A signal's place in a set.
const fn bit(signal: i32) -> u32 {
    1 << (signal - 1)
}

fn names(set: u32) -> String {
    let signals = (1..32).filter(|&signal| set & bit(signal) != 0).map(words::signal);
    let names = signals.collect::<Vec<_>>().join(",");
    if names.is_empty() { "none".to_owned() } else { names }
}

/// Whether a wait status is that of a stop.
pub(super) const fn is_stop(status: i32) -> bool {
    status & 0xff == 0x7f
}
