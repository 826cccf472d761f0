//! What lived: every process of the run, from its birth to its reaping.

use std::collections::HashMap;
use std::rc::Rc;

use serde::Serialize;

use crate::sys::Pid;

/// A moment, in microseconds since the start of the run.
pub(crate) type Moment = u64;

/// The index of a life; numbers of processes can be used again, these are not.
pub(crate) type LifeId = usize;

/// All processes that lived.
#[derive(Debug)]
pub(crate) struct History {
    now: Moment,
    lives: Vec<Life>,
    /// The life that a number stands for now.
    current: HashMap<Pid, LifeId>,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Life {
    /// Its number.
    pub(crate) pid: Pid,
    /// The life that forked it; none for the program itself.
    pub(crate) origin: Option<LifeId>,
    /// What it runs, or what its origin ran if it never executed anything.
    pub(crate) command: String,
    /// Whether it has executed a program itself.
    pub(crate) has_executed: bool,
    /// The numbers of its parents, the first since birth.
    pub(crate) parents: Vec<(Moment, Pid)>,
    /// Its process groups, the first since birth.
    pub(crate) groups: Vec<(Moment, Pid)>,
    /// Its sessions, the first since birth.
    pub(crate) sessions: Vec<(Moment, Pid)>,
    /// How many threads it had at most.
    pub(crate) threads: usize,
    /// When it was forked.
    pub(crate) born: Moment,
    /// What happened to it in between.
    pub(crate) marks: Vec<Mark>,
    /// When and how it ended.
    pub(crate) end: Option<End>,
    /// When and by whom it was reaped.
    pub(crate) reaping: Option<Reaping>,
    #[serde(skip)]
    living_threads: usize,
    #[serde(skip)]
    name: Rc<str>,
}

/// Something that happened to a living process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mark {
    /// When.
    pub(crate) at: Moment,
    /// What.
    #[serde(flatten)]
    pub(crate) kind: MarkKind,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum MarkKind {
    /// It executed a program.
    Exec { command: String },
    /// A signal stopped it.
    Stop { signal: i32 },
    /// SIGCONT resumed it.
    Continue,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct End {
    /// When.
    pub(crate) at: Moment,
    /// The wait status word.
    pub(crate) status: i32,
}

/// The reaping of a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reaping {
    /// When.
    pub(crate) at: Moment,
    /// By whom.
    pub(crate) by: Reaper,
}

/// Who reaped a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reaper {
    /// A waiting process.
    Process(Pid),
    /// lockstep, in whose care the program's orphans are.
    Lockstep,
    /// The kernel at once, since the parent ignores its children's ends.
    Kernel,
}

impl History {
    /// An empty history.
    pub(crate) fn new() -> Self {
        Self { now: 0, lives: Vec::new(), current: HashMap::new() }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// The clock goes on.
    pub(crate) fn set_clock(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    /// All lives in the order of birth.
    pub(crate) fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// A process is born. It inherits group and session from its origin unless these are given.
    pub(crate) fn birth(&mut self, pid: Pid, parent: Pid, origin: Option<Pid>, ids: [Pid; 2]) {
        let at = self.now();
        let origin = origin.and_then(|pid| self.current.get(&pid).copied());
        let command = origin.map_or_else(String::new, |origin| self.lives[origin].command.clone());
        let name = Rc::from(short(&command));
        self.current.insert(pid, self.lives.len());
        self.lives.push(Life {
            pid,
            origin,
            command,
            has_executed: false,
            parents: vec![(at, parent)],
            groups: vec![(at, ids[0])],
            sessions: vec![(at, ids[1])],
            threads: 1,
            born: at,
            marks: Vec::new(),
            end: None,
            reaping: None,
            living_threads: 1,
            name,
        });
    }

    /// A process has got a thread more.
    pub(crate) fn thread_born(&mut self, pid: Pid) {
        if let Some((_, life)) = self.life(pid) {
            life.living_threads += 1;
            life.threads = life.threads.max(life.living_threads);
        }
    }

    /// A process has lost a thread.
    pub(crate) fn thread_ended(&mut self, pid: Pid) {
        if let Some((_, life)) = self.life(pid) {
            life.living_threads = life.living_threads.saturating_sub(1);
        }
    }

    /// A process has executed a program.
    pub(crate) fn executed(&mut self, pid: Pid, command: String) {
        if let Some((at, life)) = self.life(pid) {
            life.name = Rc::from(short(&command));
            life.command.clone_from(&command);
            life.has_executed = true;
            life.living_threads = 1;
            life.marks.push(Mark { at, kind: MarkKind::Exec { command } });
        }
    }

    /// A signal has stopped a process.
    pub(crate) fn stopped(&mut self, pid: Pid, signal: i32) {
        self.mark(pid, MarkKind::Stop { signal });
    }

    /// A process runs again.
    pub(crate) fn continued(&mut self, pid: Pid) {
        self.mark(pid, MarkKind::Continue);
    }

    fn mark(&mut self, pid: Pid, kind: MarkKind) {
        if let Some((at, life)) = self.life(pid) {
            life.marks.push(Mark { at, kind });
        }
    }

    /// The relations of a process are these now.
    pub(crate) fn relate(&mut self, pid: Pid, parent: Pid, group: Pid, session: Pid) {
        if let Some((at, life)) = self.life(pid) {
            change(&mut life.parents, at, parent);
            change(&mut life.groups, at, group);
            change(&mut life.sessions, at, session);
        }
    }

    /// A process has ended.
    pub(crate) fn ended(&mut self, pid: Pid, status: i32) {
        if let Some((at, life)) = self.life(pid) {
            life.end.get_or_insert(End { at, status });
        }
    }

    /// A process has been reaped: its number is free.
    pub(crate) fn reaped(&mut self, pid: Pid, by: Reaper) {
        if let Some((at, life)) = self.life(pid) {
            life.reaping.get_or_insert(Reaping { at, by });
        }
        self.current.remove(&pid);
    }

    /// The short name of a process: its number and the first word of its command.
    pub(crate) fn label(&self, pid: Pid) -> String {
        match self.current.get(&pid) {
            Some(&life) => format!("{pid} {}", self.lives[life].short_command()),
            None => pid.to_string(),
        }
    }

    /// Whether a process that was followed has this number, or had it.
    pub(crate) fn has_had(&self, pid: Pid) -> bool {
        self.lives.iter().any(|life| life.pid == pid)
    }

    /// Whether a process has had several threads at once.
    pub(crate) fn has_had_threads(&self, pid: Pid) -> bool {
        self.current.get(&pid).is_some_and(|&life| self.lives[life].threads > 1)
    }

    /// The name of a process.
    pub(crate) fn name(&self, pid: Pid) -> Option<Rc<str>> {
        self.current.get(&pid).map(|&life| Rc::clone(&self.lives[life].name))
    }

    fn life(&mut self, pid: Pid) -> Option<(Moment, &mut Life)> {
        let at = self.now();
        let life = *self.current.get(&pid)?;
        Some((at, &mut self.lives[life]))
    }
}

impl Life {
    /// The program's name without directory and arguments.
    pub(crate) fn short_command(&self) -> &str {
        short(&self.command)
    }

    /// What it is shown as: its command without the directory, after the name of the first
    /// program if it executed several; in brackets what it was forked from if it executed none.
    pub(crate) fn title(&self) -> String {
        if !self.has_executed {
            return format!("({})", self.short_command());
        }
        let arguments = self.command.split_once(' ').map_or("", |(_, arguments)| arguments);
        let last = format!("{} {arguments}", self.short_command());
        let first = self.marks.iter().find_map(|mark| match &mark.kind {
            MarkKind::Exec { command } => Some(short(command)),
            _ => None,
        });
        match first {
            Some(first) if first != self.short_command() => {
                format!("{first} → {}", last.trim_end())
            }
            _ => last.trim_end().to_owned(),
        }
    }

    /// The last process group.
    pub(crate) fn last_group(&self) -> Pid {
        self.groups.last().map_or(0, |&(_, group)| group)
    }
}

fn short(command: &str) -> &str {
    let word = command.split(' ').next().unwrap_or_default();
    word.rsplit('/').next().unwrap_or_default()
}

fn change(values: &mut Vec<(Moment, Pid)>, at: Moment, value: Pid) {
    if values.last().is_none_or(|&(_, last)| last != value) {
        values.push((at, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is used again stands for the new process, and the old life is kept.
    #[test]
    fn reused_numbers_are_other_lives() {
        let mut history = History::new();
        history.birth(7, 1, None, [1, 1]);
        history.ended(7, 0);
        history.reaped(7, Reaper::Lockstep);
        history.birth(7, 1, None, [1, 1]);
        history.ended(7, 0x100);
        let statuses: Vec<_> =
            history.lives().iter().map(|life| life.end.unwrap().status).collect();
        assert_eq!(statuses, [0, 0x100]);
        assert!(history.lives()[1].reaping.is_none());
    }

    /// A process that executes several programs is shown with the first and the last.
    #[test]
    fn titles_show_the_way() {
        let mut history = History::new();
        history.birth(7, 1, None, [1, 1]);
        history.executed(7, "/bin/bash -c x".to_owned());
        assert_eq!(history.lives()[0].title(), "bash -c x");
        history.executed(7, "/usr/bin/env a".to_owned());
        history.executed(7, "/usr/bin/sleep 1".to_owned());
        assert_eq!(history.lives()[0].title(), "bash → sleep 1");
    }

    /// Relations are kept with the moment of change, and only changes are kept.
    #[test]
    fn relations_keep_changes_only() {
        let mut history = History::new();
        history.birth(7, 1, None, [1, 1]);
        history.relate(7, 1, 7, 1);
        history.relate(7, 1, 7, 1);
        let life = &history.lives()[0];
        assert_eq!((life.parents.len(), life.groups.len(), life.sessions.len()), (1, 2, 1));
    }
}
