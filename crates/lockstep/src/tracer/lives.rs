//! Births and execs.

use libc::c_int;

use super::tracee::{Activity, GroupStop, Masked, Traced, Tracee};
use super::{Flight, Tracer};
use crate::ledger::{Fact, guess_fork};
use crate::model::Numbers;
use crate::operation::{Alteration, Call, Fork};
use crate::procfs;
use crate::sys::{self, Pid};

impl Tracer<'_> {
    /// A fork has been committed: the kernel has told the child's number.
    pub(super) fn on_fork(&mut self, tid: Pid, event: c_int) {
        let Some(child) = sys::event_message(tid, event).map(|child| child as Pid) else {
            // Killed, and gone on to its end, where `/proc` is asked for the child.
            return;
        };
        let fork = match self.tracees.get(&tid).map(|tracee| &tracee.activity) {
            Some(Activity::Calling(Call::Fork(fork))) => Some(*fork),
            _ => None,
        };
        let fork = fork.unwrap_or_else(|| guess(child));
        if !self.tracees.contains_key(&child) {
            self.birth(tid, child, &fork);
        }
        self.mask_child(tid, child, &fork);
        if let Some(tracee) = self.tracees.get_mut(&tid)
            && matches!(tracee.activity, Activity::Calling(_))
        {
            tracee.activity = Activity::Forking { fork, child };
            self.free_slot_of(tid);
            self.resume_to_exit(tid);
        } else {
            self.resume(tid, 0);
        }
        if let Some(code) = self.newborns.remove(&child) {
            self.on_stop(child, code);
        }
    }

    /// A thread was killed in its fork, and could not tell of the child, if it has made one: `/proc` shows it.
    pub(super) fn find_born(&mut self, tid: Pid, fork: &Fork) {
        let Some(tgid) = self.tracees.get(&tid).map(|tracee| tracee.tgid) else {
            return;
        };
        let born = match (fork.has(libc::CLONE_THREAD), fork.has(libc::CLONE_PARENT)) {
            (true, _) => procfs::threads(tgid),
            (false, false) => procfs::children(tgid, tid),
            (false, true) => {
                let parent = self.ledger.parent_of(tgid);
                let parent = parent.or_else(|| Some(procfs::owner(tgid)?.1));
                let threads =
                    |parent| procfs::threads(parent).into_iter().map(move |it| (parent, it));
                let threads = parent.into_iter().flat_map(threads);
                threads.flat_map(|(parent, thread)| procfs::children(parent, thread)).collect()
            }
        };
        for child in born {
            // Zombies still stand there: a leader whose threads live, and a child that was collected, which has no tracer any more.
            let is_known = self.tracees.contains_key(&child) || self.processes.contains_key(&child);
            if is_known || !procfs::is_traced_by(child, std::process::id()) {
                continue;
            }
            self.birth(tid, child, fork);
            if let Some(code) = self.newborns.remove(&child) {
                self.on_stop(child, code);
            }
        }
    }

    /// The child has a copy of what was changed for its parent, and gets that back too; memory only if it does not share it.
    fn mask_child(&mut self, parent: Pid, child: Pid, fork: &Fork) {
        let masked = self.tracees.get(&parent).and_then(|parent| parent.masked);
        let masked = masked.filter(|it| match it {
            Masked::Argument(_) => true,
            Masked::Memory { .. } => !fork.has(libc::CLONE_VM),
        });
        if let Some(child) = self.tracees.get_mut(&child) {
            child.masked = masked;
        }
    }

    fn birth(&mut self, parent: Pid, child: Pid, fork: &Fork) {
        let Some(tgid) = self.tracees.get(&parent).map(|tracee| tracee.tgid) else {
            return;
        };
        let numbers = if self.has_namespaces { numbers(child) } else { Numbers::outermost(child) };
        if fork.has(libc::CLONE_THREAD) {
            self.tracees.insert(child, Tracee::new(tgid));
            if let Some(process) = self.processes.get_mut(&tgid) {
                process.threads.insert(child);
                process.has_had_threads = true;
                if process.stop == GroupStop::Complete {
                    process.stop = GroupStop::Begun;
                }
            }
        } else {
            self.tracees.insert(child, Tracee::new(child));
            self.processes.insert(child, Traced::new(child, numbers.is_init()));
        }
        self.inner_numbers.extend(numbers.all.iter().skip(1));
        let blocked = if fork.has(libc::CLONE_THREAD) { None } else { sys::blocked(parent) };
        self.ledger.note(Fact::Born { parent, fork: *fork, numbers, blocked });
        if self.ledger.is_told_to_end() {
            let _ = sys::kill(child, libc::SIGKILL);
        }
    }

    /// A new thread whose parent was killed before it could tell of it: `/proc` knows the rest.
    pub(super) fn adopt_foundling(&mut self) -> bool {
        if self.slot.is_some() {
            return false;
        }
        let found = self.newborns.keys().find_map(|&tid| {
            let owner = procfs::owner(tid)?;
            let (tgid, parent) = owner;
            let forker = if tgid == tid { parent } else { tgid };
            Some((tid, forker))
        });
        let Some((child, forker)) = found else {
            return false;
        };
        let Some(code) = self.newborns.remove(&child) else {
            return false;
        };
        let caller = self.processes.get(&forker).and_then(|process| process.threads.first());
        match caller.copied() {
            Some(caller) => self.birth(caller, child, &guess(child)),
            None => {
                // Its parent is already gone; it is followed to its end, but not compared.
                self.processes.insert(child, Traced::new(child, numbers(child).is_init()));
                self.tracees.insert(child, Tracee::new(child));
                self.ledger.note(Fact::Found { child, forker });
            }
        }
        self.on_stop(child, code);
        true
    }

    /// Applies an exec that has happened.
    pub(super) fn apply_exec(&mut self) -> bool {
        let is_free = match &self.slot {
            None => true,
            Some(Flight::Call { tid, .. }) => matches!(
                self.tracees.get(tid).map(|tracee| &tracee.activity),
                Some(Activity::Answered(_))
            ),
            Some(Flight::Exit(_)) => false,
        };
        if !is_free {
            return false;
        }
        let Some((tgid, former)) = self.execs.pop_front() else {
            return false;
        };
        let Some(process) = self.processes.get_mut(&tgid) else {
            return true;
        };
        let mut before = None;
        for tid in std::mem::take(&mut process.threads) {
            let tracee = self.tracees.remove(&tid);
            if tid == former {
                before = tracee.and_then(|tracee| tracee.credentials);
            }
            self.queue.retain(|turn| turn.tid() != tid);
        }
        process.threads.insert(tgid);
        process.stop = GroupStop::None;
        self.tracees.insert(tgid, Tracee::new(tgid));
        let command = procfs::command(tgid);
        let is_privileged = before.is_some_and(|before| {
            let after = procfs::credentials(tgid);
            procfs::is_secure(tgid) || after.is_some_and(|after| before.is_forgotten_with(after))
        });
        self.ledger.note(Fact::Executed { pid: tgid, former, command, is_privileged });
        if self.setting.takes_privileges && procfs::is_set_uid(tgid) {
            self.ledger.note(Fact::Altered { tid: tgid, how: Alteration::SetUid });
        }
        self.resume(tgid, 0);
        true
    }
}

/// The fork that made a thread, as far as `/proc` shows it.
fn guess(child: Pid) -> Fork {
    guess_fork(procfs::owner(child).is_some_and(|(tgid, _)| tgid != child))
}

/// The numbers of a new thread; one that is gone already has the number by which lockstep was told of it.
fn numbers(child: Pid) -> Numbers {
    let mut all = procfs::numbers(child);
    if all.is_empty() {
        all.push(child);
    }
    let space = if all.len() > 1 { procfs::space(child).unwrap_or(0) } else { 0 };
    Numbers { all, space }
}
