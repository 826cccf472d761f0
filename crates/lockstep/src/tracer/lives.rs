//! Births and execs.

use libc::c_int;

use super::tracee::{Activity, Exemption, GroupStop, Traced, Tracee};
use super::waits::Cause;
use super::{Flight, Tracer};
use crate::operation::{Call, Fork};
use crate::procfs;
use crate::sys::{self, Pid};

impl Tracer<'_> {
    /// A fork has been committed: the kernel has told the child's number.
    pub(super) fn on_fork(&mut self, tid: Pid) {
        let child = sys::event_message(tid).unwrap_or(0) as Pid;
        let fork = match self.tracees.get(&tid).map(|tracee| &tracee.activity) {
            Some(Activity::Calling(Call::Fork(fork))) => Some(*fork),
            _ => None,
        };
        let fork = fork.unwrap_or_else(|| guess(child));
        if child != 0 && !self.tracees.contains_key(&child) {
            self.birth(tid, child, &fork);
        }
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

    fn birth(&mut self, parent: Pid, child: Pid, fork: &Fork) {
        let Some(tgid) = self.tracees.get(&parent).map(|tracee| tracee.tgid) else {
            return;
        };
        self.comparison.log(format!("{} {fork}: {child} is born", self.history.label(tgid)));
        if fork.has(libc::CLONE_THREAD) {
            self.tracees.insert(child, Tracee::new(tgid));
            if let Some(process) = self.processes.get_mut(&tgid) {
                process.threads.insert(child);
                if process.stop == GroupStop::Complete {
                    process.stop = GroupStop::Begun;
                }
            }
            self.history.thread_born(tgid);
            if self.is_modelled(tgid) {
                self.drive(parent, fork, |model| model.spawn_thread(parent, child));
            }
            return;
        }
        let is_modelled = self.exemption(parent).is_none();
        let mut process = Traced::new(child);
        process.exemption = self.exemption_at_birth(tgid, child, fork);
        self.tracees.insert(child, Tracee::new(child));
        self.processes.insert(child, process);
        let stat = procfs::stat(child);
        let (by, ids) =
            stat.map_or((tgid, [0, 0]), |stat| (stat.parent, [stat.group, stat.session]));
        self.history.birth(child, by, Some(tgid), ids);
        if is_modelled {
            self.drive(parent, fork, |model| model.fork(parent, child, fork));
            self.check_relations(child);
        }
        if self.ended_by.is_some() {
            let _ = sys::kill(child, libc::SIGKILL);
        }
    }

    fn exemption_at_birth(&mut self, parent: Pid, child: Pid, fork: &Fork) -> Option<Exemption> {
        let process = self.processes.get(&parent)?;
        match process.exemption {
            Some(Exemption::NamespaceChild | Exemption::NamespaceInner) => {
                return Some(Exemption::NamespaceInner);
            }
            Some(Exemption::ForeignCalls) => return Some(Exemption::NamespaceInner),
            None => {}
        }
        let is_new = fork.has(libc::CLONE_NEWPID);
        if is_new {
            self.comparison.note_unmodelled("clone(CLONE_NEWPID)");
        }
        let is_elsewhere =
            is_new || process.has_changed_namespace && !procfs::is_in_own_namespace(child);
        is_elsewhere.then_some(Exemption::NamespaceChild)
    }

    /// Whether the model has this process.
    pub(super) fn is_modelled(&self, tgid: Pid) -> bool {
        let exemption = self.processes.get(&tgid).and_then(|process| process.exemption);
        exemption != Some(Exemption::NamespaceInner)
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
                let mut process = Traced::new(child);
                process.exemption = Some(Exemption::NamespaceInner);
                self.processes.insert(child, process);
                self.tracees.insert(child, Tracee::new(child));
                self.history.birth(child, forker, None, [0, 0]);
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
        let modelled = self.is_modelled(tgid);
        let Some(process) = self.processes.get_mut(&tgid) else {
            return true;
        };
        for tid in std::mem::take(&mut process.threads) {
            self.tracees.remove(&tid);
            self.queue.retain(|turn| turn.tid() != tid);
        }
        process.threads.insert(tgid);
        process.stop = GroupStop::None;
        self.tracees.insert(tgid, Tracee::new(tgid));
        let command = procfs::command(tgid);
        self.comparison.log(format!("{tgid} executes {command}"));
        self.history.executed(tgid, command);
        if modelled {
            self.drive(tgid, &"exec", |model| model.exec(tgid, former));
        }
        self.refresh_waiters(Cause::Regrouping);
        self.resume(tgid, 0);
        true
    }
}

/// The fork that made a thread, as far as `/proc` shows it.
fn guess(child: Pid) -> Fork {
    let is_thread = procfs::owner(child).is_some_and(|(tgid, _)| tgid != child);
    let flags: c_int = if is_thread { libc::CLONE_THREAD | libc::CLONE_SIGHAND } else { 0 };
    let exit_signal = if is_thread { 0 } else { libc::SIGCHLD as u64 };
    Fork { name: "fork", flags: flags as u64, exit_signal }
}
