//! How threads and processes end.
//!
//! | who ends | what lockstep sees | when the operation is over |
//! | --- | --- | --- |
//! | a thread, others live | its death, at once | when the death is collected |
//! | the leader, others live | nothing until the others are gone | when `/proc` shows it as a zombie |
//! | the last thread, the leader | the death of the process | when it is collected: that publishes the zombie |
//! | the last thread, not the leader | its own death, then the leader's | when both are collected |

use std::time::Instant;

use libc::c_int;

use super::tracee::{Activity, Tracee};
use super::{CLOSING, Flight, SETTLE, SLOW_CALL, SLOW_EXIT, STARVATION, Tracer, Turn};
use crate::ledger::Fact;
use crate::operation::Call;
use crate::procfs;
use crate::sys::{self, Pid};

/// The end of a thread, let go and not yet over.
#[derive(Debug)]
pub(super) struct ExitFlight {
    tid: Pid,
    tgid: Pid,
    /// The thread's own status word.
    status: c_int,
    since: Instant,
    /// The last thread, which was not the leader, has been collected.
    is_thread_collected: bool,
    /// It takes so long that others go on.
    is_late: bool,
    /// It is the end of a namespace too, for which all others there need the slot.
    is_closing: bool,
    /// The status word with which it has ended, and since when that is known.
    ended: Option<(c_int, Instant)>,
    /// Since when Linux has it as ended, which the model has not.
    dead_since: Option<Instant>,
}

/// Whether a thread has stopped at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitStop {
    /// It has, and is held there.
    Taken,
    /// It had been killed before, and went on to its end.
    Missing,
}

impl Tracer<'_> {
    /// Lets a thread end.
    pub(super) fn start_exit(&mut self, tid: Pid, status: c_int) {
        let Some(tgid) = self.tracees.get(&tid).map(|tracee| tracee.tgid) else {
            return;
        };
        if let Some(other) = self.other_gone_on(tid, tgid) {
            // If both have, either order is right, but nothing comes between them.
            let is_held = !self.is_exiting(tid);
            if is_held {
                self.queue.push_front(Turn::Exit { tid, status });
            }
            self.advance_exit(other);
            if is_held {
                return;
            }
        }
        // The end of a namespace's init waits for all others in it.
        let is_closing = self.is_last_of_init(tid, tgid);
        if is_closing {
            self.end_slow_exits_of(tgid);
            self.ledger.note(Fact::Closing { tid, status });
        }
        let flight = ExitFlight {
            tid,
            tgid,
            status,
            since: Instant::now(),
            is_thread_collected: false,
            is_late: false,
            is_closing,
            ended: None,
            dead_since: None,
        };
        // A leader that an exec has killed at its end is gone, and who has its number now has stopped to tell of that exec.
        if tid != tgid || !self.is_replaced(tid) {
            self.resume(tid, 0);
        }
        self.slot = Some(Flight::Exit(flight));
    }

    /// Whether a thread that ends is the last one of a namespace's init: there is no other, but such as were let go to their ends and have not got a processor to come to them.
    fn is_last_of_init(&self, tid: Pid, tgid: Pid) -> bool {
        let is_let_go = |other| self.slow_exits.iter().any(|flight| flight.tid == other);
        let process = self.processes.get(&tgid).filter(|process| process.is_init);
        process.is_some_and(|it| it.threads.iter().all(|&other| other == tid || is_let_go(other)))
    }

    /// A thread of a namespace's init that was killed at its end, or on the way there, and so has gone on to it without being let go: with the next one that ends, the namespace may begin to.
    fn other_gone_on(&self, tid: Pid, tgid: Pid) -> Option<Pid> {
        let is_let_go = |other| self.slow_exits.iter().any(|flight| flight.tid == other);
        let process = self.processes.get(&tgid).filter(|process| process.is_init)?;
        let mut others = process.threads.iter().copied().filter(|&other| other != tid);
        others.find(|&other| !is_let_go(other) && self.is_exiting(other))
    }

    /// Whether the end of a followed thread has begun, or is over. One whose number is gone while it executes has its leader's by that, which is not told yet.
    fn is_exiting(&self, tid: Pid) -> bool {
        let may_lead = |it: &Tracee| it.is_executing && it.tgid != tid;
        let is_executing = || self.tracees.get(&tid).is_some_and(may_lead);
        procfs::is_exiting_if_there(tid).unwrap_or_else(|| !is_executing())
    }

    /// Whether a thread has taken the number of its leader by an exec, which is not told yet.
    fn is_replaced(&self, leader: Pid) -> bool {
        self.executing_thread(leader)
            .is_some_and(|it| it != leader && procfs::is_exiting_if_there(it).is_none())
    }

    /// Has the end of a thread come next.
    fn advance_exit(&mut self, tid: Pid) {
        let is_its = |turn: &Turn| matches!(turn, Turn::Exit { tid: queued, .. } if *queued == tid);
        match self.queue.iter().position(is_its).and_then(|position| self.queue.remove(position)) {
            Some(turn) => self.queue.push_front(turn),
            None => self.begin_silent_exit(tid, status_at_end(tid)),
        }
    }

    /// Takes the threads of a process that were let go to their ends for ended.
    fn end_slow_exits_of(&mut self, tgid: Pid) {
        while let Some(position) = self.slow_exits.iter().position(|flight| flight.tgid == tgid) {
            let flight = self.slow_exits.swap_remove(position);
            self.end(&flight, flight.status);
        }
    }

    /// Whether this end is that of the whole process, as far as it can be known now. Linux has
    /// decided that before the thread stops at its end: from then on stops and continuations
    /// that nobody has waited for are lost (R-EXIT-10, R-EXIT-13).
    pub(super) fn is_group_exit(&self, tid: Pid, tgid: Pid, status: c_int, stop: ExitStop) -> bool {
        let Some(process) = self.processes.get(&tgid) else {
            return false;
        };
        let mut others =
            process.threads.iter().filter(|&&other| other != tid).map(|other| &self.tracees[other]);
        // A seccomp filter may end one thread, and so without that the signal came to be taken.
        let is_filtered = status == libc::SIGSYS
            && self.tracees.get(&tid).is_some_and(|it| it.last_signal != libc::SIGSYS);
        if status & 0x7f != 0 && !is_filtered
            || others.all(|other| matches!(other.activity, Activity::Exiting))
        {
            return true;
        }
        if stop == ExitStop::Missing {
            return status != 0 && !is_filtered;
        }
        match sys::current_call(tid) {
            Some(libc::SYS_exit_group) => true,
            Some(libc::SYS_exit | libc::SYS_reboot) => false,
            _ if is_filtered => false,
            // Killed meanwhile, and gone on to its end: the others tell what has killed it.
            None => false,
            // Killed, by another thread's exit_group or by its exec, which has the status 0.
            Some(_) => {
                let is_executing = |tid| self.tracees.get(tid).is_some_and(|t| t.is_executing);
                status != 0 || !process.threads.iter().any(is_executing)
            }
        }
    }

    /// How a process ends, one of whose threads ends with this status: it began to exit last, or not (R-EXIT-20), or was killed before another one had written a core
    /// (R-EXIT-21). What `/proc` shows of the process is what counts then.
    pub(super) fn status_of_group_exit(&self, tgid: Pid, own: c_int) -> c_int {
        match self.processes.get(&tgid) {
            Some(process) if process.has_had_threads => {
                procfs::exit_code_if_shown(tgid).unwrap_or(own)
            }
            _ => own,
        }
    }

    /// Ends the flight of an exit that is over.
    pub(super) fn finish_exit(&mut self) -> bool {
        if let Some(Flight::Exit(mut flight)) =
            self.slot.take_if(|slot| matches!(slot, Flight::Exit(_)))
        {
            if let Some(status) = self.observe_settled_end(&mut flight) {
                self.end(&flight, status);
                return true;
            }
            // Whose death has been collected keeps the slot: an exec that has waited for it is not applied before.
            let limit = if flight.is_closing { CLOSING } else { SLOW_EXIT };
            if flight.ended.is_none() && flight.since.elapsed() > limit {
                flight.is_late = true;
                self.slow_exits.push(flight);
                return true;
            }
            self.slot = Some(Flight::Exit(flight));
            return false;
        }
        if self.slot.is_some() {
            return false;
        }
        for position in 0..self.slow_exits.len() {
            let mut flight = self.slow_exits.swap_remove(position);
            if let Some(status) = self.observe_end(&mut flight) {
                self.end(&flight, status);
                return true;
            }
            self.slow_exits.push(flight);
            let last = self.slow_exits.len() - 1;
            self.slow_exits.swap(position, last);
        }
        false
    }

    /// The status word, if the end is over, and it is known of those whom it kills whether they had begun to exit by themselves before (R-EXIT-20).
    fn observe_settled_end(&mut self, flight: &mut ExitFlight) -> Option<c_int> {
        if flight.ended.is_none() {
            flight.ended = Some((self.observe_end(flight)?, Instant::now()));
        }
        let (status, since) = flight.ended?;
        let killed = self.ledger.killed_by_end_of(flight.tid);
        let is_open = |pid| {
            self.processes.get(pid).is_some_and(|process| {
                let mut threads = process.threads.iter().map(|tid| &self.tracees[tid]);
                threads.all(|thread| !matches!(thread.activity, Activity::Exiting))
            })
        };
        if killed.iter().any(is_open) && since.elapsed() < self.patience(SETTLE) {
            return None;
        }
        for pid in killed {
            self.apply_own_end(pid);
        }
        Some(status)
    }

    /// A process begins to end, with this status: an end that kills it, and waited for this to be known, comes before what it did amid its death, and behind its own decision.
    pub(super) fn end_what_kills(&mut self, tgid: Pid, status: c_int) {
        let kills = |flight: &ExitFlight, tracer: &mut Self| {
            flight.ended.is_some() && tracer.ledger.killed_by_end_of(flight.tid).contains(&tgid)
        };
        let flight = match self.slot.take() {
            Some(Flight::Exit(flight)) if kills(&flight, self) => flight,
            other => {
                self.slot = other;
                return;
            }
        };
        if status != libc::SIGKILL {
            self.ledger.note(Fact::Doomed { pid: tgid, status });
        }
        if let Some((status, _)) = flight.ended {
            self.end(&flight, status);
        }
    }

    /// Tells the model the news that a process ends otherwise than by `SIGKILL`.
    fn apply_own_end(&mut self, pid: Pid) {
        let is_own = |status| status != libc::SIGKILL;
        if let Some(position) =
            self.news.iter().position(|news| news.end_of(pid).is_some_and(is_own))
            && let Some(status) = self.news.remove(position).and_then(|news| news.end_of(pid))
        {
            self.ledger.note(Fact::Doomed { pid, status });
        }
    }

    /// The status word, if the end is over.
    fn observe_end(&mut self, flight: &mut ExitFlight) -> Option<c_int> {
        let (tid, tgid) = (flight.tid, flight.tgid);
        let is_last = self.processes.get(&tgid)?.threads.len() == 1;
        if !is_last && tid == tgid {
            let is_replaced = self.execs.iter().any(|&(pid, former)| pid == tgid && former != pid);
            let stat = procfs::thread_stat(tgid, tgid);
            let is_dead = stat.is_none_or(|stat| matches!(stat.state, b'Z' | b'X'));
            return (is_dead || is_replaced).then_some(flight.status);
        }
        if !flight.is_thread_collected && tid != tgid {
            let death = sys::collect_death(tid)?;
            flight.is_thread_collected = true;
            if !is_last {
                return Some(death.status);
            }
        }
        // Asked first whether it is dead: who dies behind this question is asked anew, before the death is collected.
        if flight.is_closing && (!sys::is_dead(tgid) || self.is_end_early(flight)) {
            return None;
        }
        sys::collect_death(tgid).map(|death| death.status)
    }

    /// A thread has ended; `status` is that of its process if it was the last.
    fn end(&mut self, flight: &ExitFlight, status: c_int) {
        let ExitFlight { tid, tgid, status: own, is_late, .. } = *flight;
        self.tracees.remove(&tid);
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        process.threads.remove(&tid);
        if process.threads.is_empty() {
            self.processes.remove(&tgid);
            self.note_ended(tgid);
            let is_parent_executing = self.is_parent_executing(tgid);
            self.ledger.note(Fact::Ended { tid, own, status, is_late, is_parent_executing });
        } else {
            self.ledger.note(Fact::Left { tid, status: own });
            self.check_stop_complete(tgid);
        }
    }

    /// Whether the model still waits for others where an init has ended: a wait that has reaped the last of them is not judged yet.
    fn is_end_early(&mut self, flight: &mut ExitFlight) -> bool {
        if !self.ledger.is_still_closing(flight.tid) {
            return false;
        }
        let dead_for = flight.dead_since.get_or_insert_with(Instant::now).elapsed();
        dead_for < self.patience(SETTLE) || dead_for < STARVATION && self.is_wait_returning()
    }

    /// Whether somebody is in a wait and no longer asleep there.
    fn is_wait_returning(&self) -> bool {
        self.tracees.iter().any(|(&tid, tracee)| {
            matches!(tracee.activity, Activity::Waiting(_) | Activity::Calling(Call::Wait(_)))
                && procfs::thread_stat(tracee.tgid, tid).is_some_and(|stat| stat.state != b'S')
        })
    }

    /// An end that begins with no stop, because SIGKILL was there before that: of whoever has ended its namespace by reboot, of
    /// an init that was killed while it exited, and of one that exited while another's end killed it. The others in a namespace are killed by it.
    pub(super) fn notice_silent_exit(&mut self) -> bool {
        if let Some(Flight::Exit(ExitFlight { tid, ended: Some(_), .. })) = self.slot {
            let Some(killed) = self.silent_exit_by_end_of(tid) else {
                return false;
            };
            self.begin_silent_exit(killed, status_at_end(killed));
            return true;
        }
        let is_reboot = |tid: Pid| {
            let activity = self.tracees.get(&tid).map(|tracee| &tracee.activity);
            matches!(activity, Some(Activity::Calling(Call::Reboot { .. })))
        };
        let rebooting = match self.slot {
            Some(Flight::Call { tid, .. }) if is_reboot(tid) => Some(tid),
            _ => None,
        };
        if let Some(tid) = rebooting {
            // The thread may be on its way to a stop.
            if !procfs::is_exiting(tid) || sys::has_stopped(tid) {
                return false;
            }
            self.begin_silent_exit(tid, 0);
            return true;
        }
        let is_killed = |turn: &Turn| matches!(turn, Turn::Exit { status: libc::SIGKILL, .. });
        if let Some(Flight::Call { tid, since }) = self.slot
            && since.elapsed() > SLOW_CALL
        {
            // Killed twice, it had no stop at its end.
            let is_silent = self.is_exiting(tid) && !sys::has_stopped(tid);
            if is_silent {
                self.begin_silent_exit(tid, status_at_end(tid));
            }
            return is_silent;
        }
        if self.slot.is_some() || !self.queue.front().is_some_and(is_killed) {
            return false;
        }
        let inits = self.processes.iter().filter(|(_, process)| process.is_init);
        let mut alone = inits.filter_map(|(_, process)| match process.threads.len() {
            1 => process.threads.first().copied(),
            _ => None,
        });
        let Some(tid) = alone.find(|&tid| self.exits_silently(tid)) else {
            return false;
        };
        self.begin_silent_exit(tid, libc::SIGKILL);
        true
    }

    /// A thread of a process that the end of another thread kills, and that exits with no stop.
    fn silent_exit_by_end_of(&mut self, tid: Pid) -> Option<Pid> {
        let killed = self.ledger.killed_by_end_of(tid);
        let processes = killed.iter().filter_map(|pid| self.processes.get(pid));
        let mut threads = processes.flat_map(|process| process.threads.iter().copied());
        threads.find(|&tid| self.exits_silently(tid))
    }

    /// Whether a thread has gone on to its end with no stop, which is not noticed yet.
    pub(super) fn exits_silently(&self, tid: Pid) -> bool {
        let is_noticed =
            self.tracees.get(&tid).is_none_or(|it| matches!(it.activity, Activity::Exiting));
        !is_noticed && self.is_exiting(tid) && !sys::has_stopped(tid)
    }

    /// A thread whose process had this zombie, and has given it away on its way to its end, and whether that is noticed: it began with no stop if it was killed amid its own `exit_group`.
    fn exiting_giver_of(&mut self, zombie: Pid) -> Option<(Pid, bool)> {
        let process = self.processes.get(&self.ledger.parent_of(zombie)?)?;
        let is_noticed = |tid: Pid| matches!(self.tracees[&tid].activity, Activity::Exiting);
        let mut threads = process.threads.iter().copied();
        let exiting = threads.find(|&tid| is_noticed(tid) || self.exits_silently(tid))?;
        Some((exiting, is_noticed(exiting)))
    }

    /// Those who were killed by it may be in the queue already.
    pub(super) fn begin_silent_exit(&mut self, tid: Pid, status: c_int) {
        self.begin_exit(tid, status, ExitStop::Missing);
        if let Some(turn) = self.queue.pop_back() {
            self.queue.push_front(turn);
        }
    }

    /// Collects a death that no operation is waiting for: of a thread that was killed without the
    /// stop at its end, or of an orphan that the model does not know.
    pub(super) fn collect_stray_death(&mut self) -> bool {
        if self.slot.is_some() || !self.may_be_dead {
            return false;
        }
        let Some(death) = sys::peek_death() else {
            self.may_be_dead = sys::is_anyone_stopped();
            return false;
        };
        let tid = death.tid;
        let has_turn = self
            .queue
            .iter()
            .any(|turn| matches!(turn, Turn::Exit { tid: queued, .. } if *queued == tid));
        if has_turn || self.slow_exits.iter().any(|flight| flight.tid == tid) {
            return false;
        }
        if self.tracees.contains_key(&tid) {
            self.begin_silent_exit(tid, death.status);
            return true;
        }
        if let Some((giver, is_noticed)) = self.exiting_giver_of(tid) {
            if !is_noticed {
                self.begin_silent_exit(giver, status_at_end(giver));
            }
            // Its end comes first.
            return !is_noticed;
        }
        self.newborns.remove(&tid);
        if sys::collect_death(tid).is_none() {
            return false;
        }
        self.ledger.note(Fact::Stray { tid });
        true
    }
}

/// The status word of a thread that has gone on to its end.
pub(super) fn status_at_end(tid: Pid) -> c_int {
    sys::dead_status(tid).unwrap_or_else(|| procfs::exit_code(tid))
}
