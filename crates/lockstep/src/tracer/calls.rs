//! Calls: they start when the slot is free, or sleep without it, and are judged when they return.

use std::time::Instant;

use super::exits::status_at_end;
use super::tracee::{Activity, Answered, Masked, Tracee};
use super::{Flight, PATIENCE, REST, SETTLE, SLOW_CALL, Tracer};
use crate::ledger::Fact;
use crate::operation::{Call, Sending, Target, Wait, WaitResult};
use crate::procfs;
use crate::sys::{self, Pid, TICK};

impl Tracer<'_> {
    /// Lets a queued call go. A wait that may sleep does not take the slot.
    pub(super) fn start_call(&mut self, tid: Pid, mut call: Call) {
        call.read_terminal_anew(tid);
        let target = self.target_now(tid, &call);
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        if !matches!(tracee.activity, Activity::Queued) {
            return;
        }
        tracee.target = target;
        match call {
            Call::Wait(wait) if !wait.is_hanging_refused() => {
                tracee.activity = Activity::Waiting(wait);
                self.ledger.note(Fact::Slept { tid, wait, target });
            }
            _ => {
                tracee.activity = Activity::Calling(call);
                if let Call::Fork(fork) = call
                    && fork.has(libc::CLONE_UNTRACED)
                {
                    tracee.masked = Masked::apply(tid, &fork);
                }
                if let Call::HangUp { own } = call {
                    self.ledger.note(Fact::HasTerminal { tid, device: own });
                }
                self.take_slot(tid);
            }
        }
        self.resume_to_exit(tid);
    }

    /// Judges one held answer, if one can be judged now. Also while the end of a thread is in
    /// flight: what agrees already was said before it.
    pub(super) fn judge_answers(&mut self) -> bool {
        for position in 0..self.answered.len() {
            let tid = self.answered[position];
            let Some(Activity::Answered(answered)) =
                self.tracees.get(&tid).map(|tracee| &tracee.activity)
            else {
                self.answered.remove(position);
                return true;
            };
            let answered = *answered;
            if self.is_explained(tid, &answered) || self.is_settled(tid, answered.since) {
                self.tell_answer(tid, &answered);
                self.answered.retain(|&held| held != tid);
                self.free_slot_of(tid);
                if let Some(tracee) = self.tracees.get_mut(&tid) {
                    tracee.activity = Activity::Running;
                }
                self.resume(tid, 0);
                return true;
            }
        }
        false
    }

    /// Lets one thread take its signal, if the model has sent that too, or has had the time to.
    pub(super) fn judge_arrivals(&mut self) -> bool {
        for position in 0..self.taking.len() {
            let tid = self.taking[position];
            let Some(&Activity::Taking { arrival, signal, since }) =
                self.tracees.get(&tid).map(|tracee| &tracee.activity)
            else {
                self.taking.remove(position);
                return true;
            };
            if !self.ledger.is_arrival_explained(tid, &arrival) {
                if self.is_slot_free()
                    && arrival.news.is_none()
                    && let Some(device) = self.ledger.lost_terminal(tid)
                {
                    self.ledger.note(Fact::HungUp { device });
                    return true;
                }
                if !self.is_settled(tid, since) {
                    continue;
                }
            }
            self.ledger.note(Fact::Arrived { tid, arrival });
            self.taking.retain(|&held| held != tid);
            if let Some(tracee) = self.tracees.get_mut(&tid) {
                tracee.activity = Activity::Running;
            }
            self.resume(tid, signal);
            return true;
        }
        false
    }

    /// Whether nothing more can come that would explain what a held thread was told: the time for it is over, or nobody is about to stop
    /// who could tell of it.
    fn is_settled(&self, held: Pid, since: Instant) -> bool {
        let elapsed = since.elapsed();
        if elapsed >= self.patience(SETTLE) {
            return true;
        }
        elapsed >= REST && self.news.is_empty() && self.execs.is_empty() && self.is_at_rest(held)
    }

    /// Whether all followed threads but one are held or asleep.
    fn is_at_rest(&self, held: Pid) -> bool {
        let is_still = |(&tid, tracee): (&Pid, &Tracee)| {
            if tid == held {
                return true;
            }
            match tracee.activity {
                Activity::Queued | Activity::Answered(_) | Activity::Taking { .. } => true,
                Activity::Exiting => false,
                Activity::Forking { .. } => procfs::thread_stat(tracee.tgid, tid)
                    .is_some_and(|it| b"SDtT".contains(&it.state)),
                _ => procfs::thread_stat(tracee.tgid, tid)
                    .is_some_and(|it| b"StT".contains(&it.state)),
            }
        };
        self.slow_exits.is_empty()
            && self.newborns.is_empty()
            && !matches!(self.slot, Some(Flight::Exit(_)))
            && self.tracees.iter().all(is_still)
            && !sys::is_anyone_stopped()
    }

    /// Whether answers or signals are held that the model does not explain yet.
    pub(super) fn is_anyone_held(&self) -> bool {
        !self.answered.is_empty() || !self.taking.is_empty()
    }

    /// Whether an answer can be judged; if not, news must be awaited first.
    pub(super) fn is_explained(&mut self, tid: Pid, answered: &Answered) -> bool {
        let Answered { call, result, .. } = *answered;
        let target = self.target(tid);
        match call {
            Call::Wait(wait) => {
                let said = WaitResult::read(tid, wait, result);
                self.ledger.is_wait_explained(tid, wait, said, target)
            }
            _ if result >= 0 => true,
            _ => {
                !self.is_exec_missing(tid, call, result)
                    && self.ledger.is_error_explained(tid, &call, result, target)
            }
        }
    }

    /// Tells what a call has answered.
    pub(super) fn tell_answer(&mut self, tid: Pid, answered: &Answered) {
        let Answered { mut call, result, .. } = *answered;
        call.settle_terminal(tid, result);
        let target = self.target(tid);
        if let Call::Wait(wait) = call {
            let said = WaitResult::read(tid, wait, result);
            return self.ledger.note(Fact::Waited { tid, wait, said, target });
        }
        let word = call.answer_address().and_then(|address| sys::read_memory::<4>(tid, address));
        let word = word.map(i32::from_ne_bytes);
        self.ledger.note(Fact::Returned { tid, call, result, word, target });
    }

    /// Whom the pidfd of a thread's call stood for when it began: afterwards it may be gone.
    pub(super) fn target(&self, tid: Pid) -> Option<i32> {
        self.tracees.get(&tid)?.target
    }

    fn target_now(&self, tid: Pid, call: &Call) -> Option<i32> {
        const OWN_THREAD: i32 = -10_000;
        const OWN_PROCESS: i32 = -10_001;
        match *call {
            Call::Send(Sending { target: Target::Descriptor(OWN_THREAD), .. }) => {
                Some(tid.cast_signed())
            }
            Call::Send(Sending { target: Target::Descriptor(OWN_PROCESS), .. }) => {
                Some(self.tracees.get(&tid)?.tgid.cast_signed())
            }
            Call::Wait(Wait::WaitId { kind, id, .. }) if kind.cast_unsigned() == libc::P_PIDFD => {
                procfs::pidfd_target(tid, id)
            }
            Call::Send(Sending { target: Target::Descriptor(descriptor), .. }) => {
                procfs::pidfd_target(tid, descriptor)
            }
            _ => None,
        }
    }

    /// Gives up on a call that has been in flight for too long, and on sleepers who should have
    /// been woken long ago.
    pub(super) fn give_up_on_overdue(&mut self) -> bool {
        if let Some(Flight::Call { tid, since }) = self.slot
            && since.elapsed() > PATIENCE
            && !self.answered.contains(&tid)
        {
            self.ledger.note(Fact::Slow);
            self.slot = None;
            return true;
        }
        // One that was killed, and had no stop at its end, sleeps no more; behind another death it is not found otherwise.
        if let Some(tid) = self.ledger.overdue(SLOW_CALL).filter(|&tid| self.exits_silently(tid)) {
            self.begin_silent_exit(tid, status_at_end(tid));
            return true;
        }
        if let Some(tid) = self.ledger.rouse(SLOW_CALL) {
            // The call begins again.
            let _ = sys::interrupt(tid);
            return true;
        }
        let Some(tid) = self.ledger.overdue(self.patience(PATIENCE)) else {
            self.overdue = None;
            return false;
        };
        // One that is woken and does not run yet is not asleep; nor is one that has stopped, for a signal of which nothing is known yet.
        let tgid = self.tracees.get(&tid).map_or(tid, |tracee| tracee.tgid);
        if procfs::thread_stat(tgid, tid).is_some_and(|stat| stat.state != b'S') {
            return false;
        }
        if !self.stays_overdue(tid) {
            return false;
        }
        self.ledger.note(Fact::Overdue { tid });
        true
    }

    /// Whether a sleeper is overdue again and again: lockstep itself may have had no processor all the time before, or been held up in a call of ptrace by who was about to wake it.
    fn stays_overdue(&mut self, tid: Pid) -> bool {
        /// So often it is looked, a tick apart.
        const LOOKS: u32 = 10;
        let now = Instant::now();
        let (sleeper, looks, last) = self.overdue.get_or_insert((tid, 0, now));
        if *sleeper != tid {
            self.overdue = None;
            return false;
        }
        if now - *last >= TICK {
            (*looks, *last) = (*looks + 1, now);
        }
        *looks >= LOOKS
    }

    /// setpgid said EACCES, a child is known to be in execve, and its exec is not known yet.
    fn is_exec_missing(&self, tid: Pid, call: Call, result: i64) -> bool {
        match call {
            Call::SetPgid { pid: 1.., .. } if result == -i64::from(libc::EACCES) => {
                let own = self.tracees.get(&tid).map(|tracee| tracee.tgid);
                self.tracees.values().any(|it| it.is_executing && Some(it.tgid) != own)
            }
            _ => false,
        }
    }
}
