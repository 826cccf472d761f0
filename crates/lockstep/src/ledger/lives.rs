//! Births, execs, stops and ends.

use libc::c_int;

use super::Ledger;
use super::answers::UNFOLLOWED;
use super::signals::{CONTINUED, UNDONE};
use super::waits::{Cause, STOPPED_ANEW};
use crate::history::Reaper;
use crate::model::{Departure, Numbers, Refusal};
use crate::operation::{Alteration, Fork};
use crate::procfs::Stat;
use crate::sys::Pid;
use crate::syscalls::Name;
use crate::words;

const RACED: &str =
    "SIGCHLD says of a process that was ended how its leader ended by itself in that moment";

const EXECUTED: &str =
    "by which signal a process is told of an end in the moment in which it executes a program";

const ENDED_WITH_NAMESPACE: &str = "it ended by itself in the moment in which its namespace ended";

const HANDED_OVER: &str =
    "what was left of a process whose parent ended in that moment, and whose next one reaped it";

/// Why the answers that a process gets are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exemption {
    /// It lives in a PID namespace that others have made, or its maker was killed before it could tell of it: the model does not know it.
    Stranger,
    /// It has made system calls of another architecture; the model knows only how it ends.
    ForeignCalls,
    /// Another process answers its system calls for the kernel; the model knows only how it ends.
    Supervised,
}

impl Exemption {
    /// The reason, for the report.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Stranger => "nobody has told how the caller came to be where it is",
            Self::ForeignCalls => "the caller uses another architecture's system calls",
            Self::Supervised => "another process answers the caller's system calls for the kernel",
        }
    }

    pub(super) const fn is_unknown(self) -> bool {
        matches!(self, Self::Stranger)
    }
}

/// The last process that ended, while its end may still be in the eyes of sleepers.
#[derive(Debug)]
pub(super) struct LastEnd {
    pub(super) pid: Pid,
    /// The children that it left.
    pub(super) children: Vec<Pid>,
}

impl Ledger {
    /// Why this thread's answers are not compared, if they are not.
    pub(super) fn exemption(&self, tid: Pid) -> Option<Exemption> {
        self.exemptions.get(&self.process_of(tid)).copied()
    }

    /// Whether the model has this process.
    fn is_modelled(&self, pid: Pid) -> bool {
        self.exemptions.get(&pid).is_none_or(|exemption| !exemption.is_unknown())
    }

    pub(super) fn birth(
        &mut self,
        parent: Pid,
        fork: &Fork,
        numbers: &Numbers,
        blocked: Option<u64>,
    ) {
        self.last_end = None;
        let tgid = self.process_of(parent);
        let Some(&child) = numbers.all.first() else {
            return;
        };
        self.tell(parent, format!("{fork}: {child} is born"), child);
        if fork.has(libc::CLONE_THREAD) {
            self.threads.insert(child, tgid);
            self.history.thread_born(tgid);
            // Its killing and its fork were one moment.
            if self.is_doomed(tgid) {
                self.lost_threads.insert(child);
            } else if self.is_modelled(tgid) {
                self.drive(parent, fork, |model| model.spawn_thread(parent, numbers));
            }
            return;
        }
        let is_known_space = !numbers.is_inside()
            || fork.has(libc::CLONE_NEWPID)
            || self.is_space_known(tgid, numbers);
        let is_known =
            !self.exemptions.contains_key(&tgid) && is_known_space && !self.is_doomed(tgid);
        let exemption = if is_known { None } else { Some(Exemption::Stranger) };
        self.threads.insert(child, child);
        if let Some(exemption) = exemption {
            self.exemptions.insert(child, exemption);
            self.unfollowed.insert(child);
        } else {
            self.unfollowed.remove(&child);
            self.own_ends.remove(&child);
            self.undone.remove(&child);
            self.told_after_exec.remove(&child);
            self.told_to_cut_wait.remove(&child);
            self.awaited_by_cut_wait.remove(&child);
            self.stopped_anew.remove(&child);
        }
        let stat = self.view.stat(child);
        if exemption.is_none()
            && let Some(Stat { terminal: device @ 1.., .. }) = stat
        {
            self.notice_inherited_terminal(tgid, device);
        }
        let (by, ids) =
            stat.map_or((tgid, [0, 0]), |stat| (stat.parent, [stat.group, stat.session]));
        self.history.birth(child, by, Some(tgid), ids);
        if exemption.is_none() {
            self.drive(parent, fork, |model| model.fork(parent, numbers, fork));
            self.check_relations_in(child, stat);
            if let Some(Stat { signals: Some(sets), .. }) = stat {
                self.check_first_signals(child, fork, blocked, sets);
                self.check_signals(child, sets);
            }
        }
    }

    /// Whether the model has the end of a process as decided.
    fn is_doomed(&mut self, pid: Pid) -> bool {
        self.ask(|model| model.is_doomed(pid)).unwrap_or(false)
    }

    /// Whether the model can say where a child is born: in a namespace that it knows, or in a new one that the parent has asked for.
    fn is_space_known(&mut self, parent: Pid, numbers: &Numbers) -> bool {
        let space = numbers.space;
        numbers.is_init() && self.is_modelled(parent)
            || self.ask(|model| model.is_space(space)).unwrap_or(false)
    }

    /// A process whose maker was killed before it could tell of it.
    pub(super) fn found(&mut self, child: Pid, forker: Pid) {
        self.threads.insert(child, child);
        self.exemptions.insert(child, Exemption::Stranger);
        self.unfollowed.insert(child);
        self.history.birth(child, forker, None, [0, 0]);
    }

    pub(super) fn foreign(&mut self, tid: Pid) {
        self.comparison.note_unmodelled("system calls of another architecture");
        self.exempt(tid, Exemption::ForeignCalls);
    }

    pub(super) fn exempt(&mut self, tid: Pid, exemption: Exemption) {
        let pid = self.process_of(tid);
        self.exemptions.entry(pid).or_insert(exemption);
        self.unfollowed.insert(pid);
    }

    pub(super) fn altered(&mut self, tid: Pid, how: Alteration) {
        self.tell(tid, format!("is changed: {}", how.in_words()), 0);
        self.comparison.note_altered(how.in_words());
    }

    /// Linux then forgets that the thread wants a signal when its parent dies.
    pub(super) fn credentials_changed(&mut self, tid: Pid) {
        if self.exemption(tid).is_none() {
            self.drive(tid, &"new credentials", |model| model.set_death_signal(tid, 0).map(drop));
        }
    }

    /// Whether a thread is to get a signal when its parent dies.
    pub(crate) fn has_death_signal(&mut self, tid: Pid) -> bool {
        self.ask(|model| model.death_signal(tid).is_ok_and(|signal| signal != 0)).unwrap_or(false)
    }

    /// Whether what is asked about this process cannot be compared.
    pub(super) fn is_unfollowed(&self, pid: Pid) -> bool {
        self.unfollowed.contains(&pid)
    }

    /// Whether there is, or was, a process about which nothing is compared.
    pub(super) fn is_anyone_unfollowed(&self) -> bool {
        !self.unfollowed.is_empty()
    }

    /// Whether Linux shows a process as the parent of one that is not followed.
    pub(super) fn has_unfollowed_child(&mut self, pid: Pid) -> bool {
        if !self.is_anyone_unfollowed() {
            return false;
        }
        let mut unfollowed: Vec<_> = self.unfollowed.iter().copied().collect();
        unfollowed.sort_unstable();
        unfollowed.iter().any(|&it| self.view.stat(it).is_some_and(|stat| stat.parent == pid))
    }

    pub(super) fn executed(&mut self, pid: Pid, former: Pid, command: &str, is_privileged: bool) {
        self.last_end = None;
        let mut gone = Vec::new();
        self.threads.retain(|tid, of| {
            let stays = *of != pid || *tid == pid;
            if !stays {
                self.sleepers.remove(tid);
                gone.push(*tid);
            }
            stays
        });
        for tid in gone {
            self.stop_waiters.remove(&tid);
            self.orphan_arrival(tid, pid);
        }
        // The thread that has executed goes on under this number.
        self.orphan_arrival(pid, pid);
        self.sleepers.remove(&pid);
        self.threads.insert(pid, pid);
        self.tell(pid, format!("executes {command}"), former);
        self.history.executed(pid, command.to_owned());
        // In a namespace that ends, Linux may have been a moment later with killing it.
        let is_raced = self.ask(|model| model.is_closing() && model.is_doomed(pid));
        if self.is_modelled(pid) && is_raced != Some(true) {
            self.drive(pid, &"exec", |model| model.exec(pid, former));
            if is_privileged {
                self.credentials_changed(pid);
            }
        }
        self.refresh_sleepers(Cause::Regrouping);
    }

    /// A process stops, or is continued. `SA_NOCLDSTOP` ends with an exec of its parent (R-NOTIFY-11).
    pub(super) fn may_be_told_after_exec(&mut self, pid: Pid, is_parent_executing: bool) {
        if is_parent_executing
            && let Some(parent) = self.parent_of(pid)
            && let Some(Ok(action)) = self.ask(|model| model.child_signal(parent))
            && action.is_no_stop
        {
            self.told_after_exec.insert(pid);
        }
    }

    pub(super) fn stopped(&mut self, pid: Pid, signal: c_int) {
        self.tell(pid, format!("is stopped by {}", words::signal(signal)), 0);
        self.history.stopped(pid, signal);
        if !self.end_doubt(pid) && self.unreported(pid).is_some_and(|it| it.status == CONTINUED) {
            self.stopped_anew.insert(pid, STOPPED_ANEW);
        }
        self.news(pid, |model| model.group_stopped(pid, signal));
    }

    pub(super) fn continued(&mut self, pid: Pid) {
        self.tell(pid, "is continued", 0);
        self.history.continued(pid);
        self.end_doubt(pid);
        self.news(pid, |model| model.group_continued(pid));
    }

    /// What is known now takes the place of what was not: but a wait that is under way may have been told of that. False if nothing was in doubt.
    fn end_doubt(&mut self, pid: Pid) -> bool {
        let was_in_doubt = self.undone.remove(&pid);
        if was_in_doubt {
            self.stopped_anew.insert(pid, UNDONE);
        }
        was_in_doubt
    }

    /// To who waits it is a continuation. What SIGCHLD says of it is not compared.
    pub(super) fn stop_undone(&mut self, pid: Pid, signal: c_int) {
        self.tell(pid, "is continued before all of its threads have stopped", 0);
        self.undone.insert(pid);
        self.news(pid, |model| {
            model.group_stopped(pid, signal)?;
            model.group_continued(pid)
        });
    }

    pub(super) fn doomed(&mut self, pid: Pid, status: c_int) {
        // From its end on it has none.
        self.notice_opening(pid);
        self.news(pid, |model| model.begin_group_exit(pid, status));
    }

    fn news(
        &mut self,
        pid: Pid,
        deed: impl FnOnce(&mut crate::model::Model) -> Result<(), Refusal>,
    ) {
        if self.is_modelled(pid) && self.threads.values().any(|&of| of == pid) {
            self.drive(pid, &"job control", deed);
        }
        self.told_to_cut_wait.remove(&pid);
        if let Some(&has_parent_gone_on) = self.awaited_by_cut_wait.get(&pid) {
            self.take_for_told(pid);
            if has_parent_gone_on {
                self.awaited_by_cut_wait.remove(&pid);
            }
        }
        self.refresh_sleepers(Cause::News);
    }

    /// A thread has ended, its process lives on.
    pub(super) fn thread_left(&mut self, tid: Pid, status: c_int) {
        let tgid = self.process_of(tid);
        let departure = self.exit_thread(tid, tgid, status);
        self.forget_thread(tid);
        self.tell(tgid, format!("loses its thread {tid}"), tid);
        self.history.thread_ended(tgid);
        if let Some(Err(refusal)) = departure {
            self.diverge(&format!("end of thread {tid}"), "it ended", &refusal.to_string());
        }
        // Its children are another thread's now, which Linux does not wake for that.
        self.refresh_sleepers(Cause::Regrouping);
    }

    /// The last thread of a namespace's init ends: all others there are killed before it is over.
    pub(super) fn begin_closing(&mut self, tid: Pid, status: c_int) {
        let tgid = self.process_of(tid);
        self.tell(tgid, "begins to end, and its namespace with it", 0);
        if self.is_modelled(tgid) {
            self.drive(tgid, &"begins to end", |model| model.begin_closing(tid, status));
        }
        self.refresh_sleepers(Cause::Event);
    }

    /// The last thread of a process ends while its parent is in exec: to another program it would be told by `SIGCHLD`, whatever its exit signal is (R-NOTIFY-06).
    pub(super) fn ends_amid_exec_of_parent(&mut self, tid: Pid) {
        let tgid = self.process_of(tid);
        if self.ask(|model| model.ends_with_sigchld(tgid)) == Some(false) {
            self.own_ends.insert(tgid, EXECUTED);
        }
    }

    /// A process has ended.
    pub(super) fn ended(&mut self, tid: Pid, own: c_int, status: c_int) {
        let tgid = self.process_of(tid);
        // A leader that exits by itself while the end of its process is decided has its own status, which Linux puts into the signal alone.
        if tid == tgid && own != status {
            self.own_ends.entry(tgid).or_insert(RACED);
        }
        self.keep_number(tgid);
        let children = self.ask(|model| model.children(tgid)).unwrap_or_default();
        let closed = self.ask(|model| model.closed(tid)).flatten();
        let departure = match closed {
            Some(departure) => Some(Ok(departure)),
            None => self.exit_thread(tid, tgid, own),
        };
        self.forget_thread(tid);
        let label = self.history.label(tgid);
        self.tell(tgid, format!("ends: {}", words::status(status)), 0);
        self.history.ended(tgid, status);
        if tgid == self.root {
            self.root_status = Some(status);
        }
        self.refresh_sleepers(Cause::Event);
        match departure {
            Some(Ok(departure)) => self.compare_end(tgid, status, departure),
            Some(Err(refusal)) => {
                self.diverge(&format!("end of {label}"), "it ended", &refusal.to_string());
            }
            None if self.view.stat(tgid).is_none() => self.history.reaped(tgid, Reaper::Lockstep),
            None => {}
        }
        self.exemptions.remove(&tgid);
        for &child in &children {
            self.check_relations(child);
        }
        if self.history.has_had_threads(tgid) {
            self.unordered.extend(&children);
        }
        if closed.is_some() {
            self.restart_patience();
        }
        self.last_end = Some(LastEnd { pid: tgid, children });
        self.reap_orphans();
        self.refresh_sleepers(Cause::Event);
    }

    /// A process ends: its parent, which may reap it, will be told of it by the number that it has there.
    fn keep_number(&mut self, pid: Pid) {
        let Some(Ok(relations)) = self.ask(|model| model.relations(pid)) else {
            return;
        };
        let parent = relations.parent;
        if let Some(Some(number)) = self.ask(|model| model.seen_by(parent, pid))
            && number != pid
        {
            self.ended_inside.insert((parent, number), pid);
        }
    }

    fn exit_thread(
        &mut self,
        tid: Pid,
        tgid: Pid,
        status: c_int,
    ) -> Option<Result<Departure, Refusal>> {
        match self.is_modelled(tgid) && !self.lost_threads.remove(&tid) {
            true => self.ask(|model| model.exit_thread(tid, status)),
            false => None,
        }
    }

    fn forget_thread(&mut self, tid: Pid) {
        let pid = self.process_of(tid);
        self.orphan_arrival(tid, pid);
        self.threads.remove(&tid);
        self.sleepers.remove(&tid);
        self.stop_waiters.remove(&tid);
    }

    fn compare_end(&mut self, pid: Pid, status: c_int, departure: Departure) {
        let label = self.history.label(pid);
        let (model, stays) = match departure {
            Departure::Zombie { status } => (status, true),
            Departure::Vanished { status } => (status, false),
            Departure::OthersRemain => {
                return self.diverge(&format!("end of {label}"), "the process", "a thread only");
            }
            Departure::Closing => {
                return self.diverge(
                    &format!("end of {label}"),
                    "all others in its namespace are gone",
                    "it waits for others in its namespace",
                );
            }
        };
        if status != model && self.is_closing() {
            self.own_ends.insert(pid, ENDED_WITH_NAMESPACE);
            self.comparison.skip(ENDED_WITH_NAMESPACE);
        } else {
            let question = || format!("the status of {label}");
            let show = |status: &c_int| words::status(*status);
            self.comparison.compare("exit status", status, model, question, show);
        }
        // Published to lockstep itself, a zombie is collected in the same moment; one whose
        // parent sleeps in a wait may be reaped before anybody can look; and one in a namespace that ends is reaped by the kernel in its own time.
        let parent = self.ask(|model| model.relations(pid)).and_then(Result::ok);
        let is_own = parent.is_some_and(|relations| relations.parent == self.lockstep);
        let stat = self.view.stat(pid);
        let is_there = stat.is_some();
        // Who is killed may be amid an exec, or a change of what it does about signals, of which nothing was told any more.
        if let Some(Stat { signals: Some(sets), .. }) = stat
            && libc::WIFEXITED(status)
            && !self.exemptions.contains_key(&pid)
        {
            self.check_signals(pid, sets);
        }
        if stays && !is_there && self.own_ends.get(&pid) == Some(&EXECUTED) {
            // To the new program it was told by SIGCHLD, which that ignores.
            self.ask(|model| model.release_zombie(pid));
            self.comparison.skip(EXECUTED);
        } else if stays && !is_there && parent.is_some_and(|it| self.is_unfollowed(it.parent)) {
            self.comparison.skip(UNFOLLOWED);
        } else if stays && !is_there && parent.is_some_and(|it| self.is_doomed(it.parent)) {
            self.comparison.skip(HANDED_OVER);
        } else if !self.is_closing() && (!stays || !(is_own || self.is_anyone_due())) {
            let text = |stays: &bool| if *stays { "a zombie" } else { "nothing" }.to_owned();
            let question = || format!("what is left of {label}");
            self.comparison.compare("zombie or not", is_there, stays, question, text);
        }
        if !stays {
            self.history.reaped(pid, Reaper::Kernel);
        }
        self.drop_model_if_lost();
    }

    /// Whose child a process is, as the model has it.
    pub(crate) fn parent_of(&mut self, pid: Pid) -> Option<Pid> {
        self.ask(|model| model.relations(pid)).and_then(Result::ok).map(|it| it.parent)
    }

    /// Whom the end of a thread kills, unless how they end is settled by then.
    pub(crate) fn killed_by_end_of(&mut self, tid: Pid) -> Vec<Pid> {
        self.ask(|model| model.killed_by_end_of(tid)).unwrap_or_default()
    }

    /// Whether the model knows others in the namespace of an init, whose last thread this was.
    pub(crate) fn is_still_closing(&mut self, tid: Pid) -> bool {
        self.ask(|model| model.is_still_closing(tid)).unwrap_or(false)
    }

    /// Whether a namespace is about to end.
    pub(super) fn is_closing(&mut self) -> bool {
        self.ask(|model| model.is_closing()).unwrap_or(false)
    }

    /// A death was collected that no operation was waiting for.
    pub(super) fn stray(&mut self, tid: Pid) {
        if let Some(Ok(relations)) = self.ask(|model| model.relations(tid)) {
            self.diverge(
                &format!("the parent of the zombie {tid}"),
                &self.lockstep.to_string(),
                &relations.parent.to_string(),
            );
        }
        self.history.reaped(tid, Reaper::Lockstep);
    }

    /// Reaps the program's ended orphans: the model's lockstep first, and Linux's must follow.
    pub(super) fn reap_orphans(&mut self) {
        while let Some(Some(pid)) = self.ask(|model| model.reap_orphan()) {
            let was_there = self.view.stat(pid).is_some();
            if was_there && !self.view.collect_death(pid) {
                self.diverge(
                    &format!("reaping of the orphan {pid}"),
                    "it is no ended child of lockstep",
                    "lockstep reaps it",
                );
            }
            self.tell(pid, "is reaped by lockstep", 0);
            if !self.note_reaped(pid, Reaper::Lockstep) {
                return;
            }
        }
    }

    /// Notes that a process was reaped. False if the model could reap it once more.
    pub(super) fn note_reaped(&mut self, pid: Pid, by: Reaper) -> bool {
        let label = self.history.label(pid);
        self.unordered.remove(&pid);
        self.history.reaped(pid, by);
        match self.ask(|model| model.is_known(pid)) {
            Some(true) => {
                let question = format!("what is left of {label}, which was waited for");
                self.diverge(&question, "nothing", "it can be waited for again");
                false
            }
            Some(false) => {
                self.comparison.agree("gone after reaping");
                true
            }
            None => true,
        }
    }
}

/// The fork that made a thread, as far as `/proc` shows it.
pub(crate) fn guess_fork(is_thread: bool) -> Fork {
    let flags: c_int = if is_thread { libc::CLONE_THREAD | libc::CLONE_SIGHAND } else { 0 };
    let exit_signal = if is_thread { 0 } else { libc::SIGCHLD as u64 };
    Fork { name: Name::FORK, flags: flags as u64, exit_signal, request: 0 }
}
