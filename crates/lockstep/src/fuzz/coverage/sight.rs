//! One step and what came of it, in the words in which rules are told.

use std::collections::{HashMap, HashSet};

use crate::script::{
    Action, Fork, Handlers, Name, Number, Operation, PidfdCall, Switch, TerminalCall, Treatment,
};
use crate::stage::duel::Duel;
use crate::stage::{Account, Actor, Outcome, ProcessRow, Row};

/// Every process and thread that is there.
pub(super) type Rows = Vec<(Actor, Row)>;

/// One step.
pub(super) struct Sight<'a> {
    pub(super) duel: &'a Duel<'a>,
    pub(super) caller: Actor,
    pub(super) operation: &'a Operation,
    pub(super) before: &'a Rows,
    pub(super) after: &'a Account,
    pub(super) past: &'a Past,
}

/// What of the steps before is still to be known.
#[derive(Default)]
pub(super) struct Past {
    treatments: HashMap<Actor, HashMap<i32, Treatment>>,
    /// Whose treatments a process shares.
    shared: HashMap<Actor, Actor>,
    /// Processes that have executed a program.
    pub(super) execed: HashSet<Actor>,
    pub(super) subreapers: HashSet<Actor>,
    /// Those that had descendants when they became one.
    pub(super) late_subreapers: HashSet<Actor>,
    pub(super) resigned: HashSet<Actor>,
    /// Threads that have wished for a parent-death signal, and those that they have made.
    pub(super) armed: HashSet<Actor>,
    pub(super) heirs_of_armed: HashSet<Actor>,
    pub(super) heirs_of_subreapers: HashSet<Actor>,
    /// Leaders that have exited first.
    pub(super) delayed: HashSet<Actor>,
    /// Parents of children that vanished.
    pub(super) spared: HashSet<Actor>,
    /// Those whose parent has died.
    pub(super) moved: HashSet<Actor>,
    /// The numbers of sessions that have lost their terminal by a hang-up.
    pub(super) hung_up: HashSet<i32>,
    /// Terminals whose session has lost its leader.
    pub(super) has_freed: bool,
    /// A number has been chosen since the last plain fork.
    pub(super) has_chosen: bool,
    /// Whom pidfds name.
    pub(super) pidfds: HashMap<Name, (Actor, i32)>,
    /// Who was traced, and by whom.
    tracers: HashMap<Actor, Actor>,
}

impl Past {
    pub(super) fn treatment(&self, process: Actor, signal: i32) -> Treatment {
        let all = self.treatments.get(&self.table(process));
        all.and_then(|all| all.get(&signal)).copied().unwrap_or_default()
    }

    fn table(&self, process: Actor) -> Actor {
        self.shared.get(&process).copied().unwrap_or(process)
    }

    /// Takes note of a step, after its rules have been told.
    pub(super) fn learn(&mut self, sight: &Facts) {
        let (caller, own) = (sight.caller, sight.own);
        if let (Some(child), Operation::Fork(fork)) = (sight.child, &sight.operation) {
            let mut inherited = self.treatments.get(&self.table(own)).cloned().unwrap_or_default();
            match fork.handlers {
                Handlers::Copied => {}
                Handlers::Shared => {
                    self.shared.insert(child, self.table(own));
                }
                Handlers::Cleared => {
                    inherited.retain(|_, treatment| treatment.action == Action::Ignore);
                }
            }
            self.treatments.insert(child, inherited);
            if self.armed.contains(&caller) {
                self.heirs_of_armed.insert(child);
            }
            if self.subreapers.contains(&own) {
                self.heirs_of_subreapers.insert(child);
            }
        }
        self.tracers.clone_from(&sight.tracers);
        self.moved.extend(&sight.moved);
        self.hung_up.extend(&sight.hung_up);
        self.delayed.extend(sight.delayed);
        self.spared.extend(sight.spared);
        self.has_freed |= sight.frees_terminal;
        if !sight.is_done {
            return;
        }
        match &sight.operation {
            Operation::Fork(Fork { number, .. }) => self.has_chosen = number.is_some(),
            Operation::Treat { signal, treatment } => {
                self.treatments.entry(self.table(own)).or_default().insert(*signal, *treatment);
            }
            Operation::Exec => {
                self.execed.insert(caller);
                let mut kept = self.treatments.get(&self.table(own)).cloned().unwrap_or_default();
                self.shared.remove(&own);
                kept.retain(|_, treatment| treatment.action == Action::Ignore);
                self.treatments.insert(caller, kept);
                for set in [&mut self.subreapers, &mut self.late_subreapers] {
                    if set.remove(&own) {
                        set.insert(caller);
                    }
                }
            }
            Operation::Subreaper(Switch::On) => {
                self.subreapers.insert(own);
                self.resigned.remove(&own);
                self.late_subreapers.extend(sight.has_children.then_some(own));
            }
            Operation::Subreaper(Switch::Off) if self.subreapers.remove(&own) => {
                self.resigned.insert(own);
            }
            Operation::DeathSignal(signal) if *signal > 0 => {
                self.armed.insert(caller);
            }
            Operation::Pidfd(name, PidfdCall::Open(_, flags)) => {
                if let Some(target) = sight.target {
                    self.pidfds.insert(name.clone(), (target, *flags));
                }
            }
            _ => {}
        }
    }
}

/// What [`Past`] learns from a step.
pub(super) struct Facts {
    caller: Actor,
    own: Actor,
    operation: Operation,
    is_done: bool,
    child: Option<Actor>,
    target: Option<Actor>,
    has_children: bool,
    moved: Vec<Actor>,
    hung_up: Vec<i32>,
    delayed: Option<Actor>,
    spared: Option<Actor>,
    frees_terminal: bool,
    tracers: HashMap<Actor, Actor>,
}

fn find(rows: &Rows, actor: Actor) -> Option<&Row> {
    rows.iter().find(|(it, _)| *it == actor).map(|(_, row)| row)
}

impl Sight<'_> {
    pub(super) fn facts(&self) -> Facts {
        let hangs_up = matches!(
            self.operation,
            Operation::VHangUp | Operation::Terminal(_, TerminalCall::HangUp)
        );
        let lost = self.before.iter().filter(|(actor, _)| hangs_up && self.loses_terminal(*actor));
        let hung_up = lost.filter_map(|(_, row)| Some(row.process.as_ref()?.relations[2]));
        Facts {
            caller: self.caller,
            own: self.leader(self.caller),
            operation: self.operation.clone(),
            is_done: matches!(self.after.outcome, Outcome::Value(_)),
            child: self.child(),
            target: self.target(),
            has_children: self.old(self.caller).is_some_and(|row| !row.children.is_empty()),
            moved: self.moved().collect(),
            hung_up: hung_up.collect(),
            delayed: self.is_first_to_exit().then_some(self.caller),
            spared: self.parent(self.caller).filter(|_| self.vanishes()),
            frees_terminal: self.leads_session()
                && self.exits()
                && self.loses_terminal(self.caller),
            tracers: self.duel.tracees().map(|it| (it.actor, it.tracer)).collect(),
        }
    }

    /// Those who were traced before the step.
    pub(super) fn traced(&self) -> impl Iterator<Item = Actor> {
        self.past.tracers.keys().copied()
    }

    pub(super) fn is_traced(&self, actor: Actor) -> bool {
        self.past.tracers.contains_key(&actor)
    }

    /// Whether it is traced after the step.
    pub(super) fn is_still_traced(&self, actor: Actor) -> bool {
        self.duel.tracees().any(|it| it.actor == actor)
    }

    /// Who has traced an actor before the step.
    pub(super) fn tracer(&self, actor: Actor) -> Option<Actor> {
        self.past.tracers.get(&actor).copied()
    }

    /// Whom an actor has traced before the step.
    pub(super) fn tracees(&self, actor: Actor) -> impl Iterator<Item = Actor> {
        let own = self.past.tracers.iter().filter(move |(_, tracer)| **tracer == actor);
        own.map(|(tracee, _)| *tracee)
    }

    /// The row of an actor before the step.
    pub(super) fn old(&self, actor: Actor) -> Option<&Row> {
        find(self.before, actor)
    }

    /// The row of an actor after the step.
    pub(super) fn now(&self, actor: Actor) -> Option<&Row> {
        find(&self.after.rows, actor)
    }

    /// The process of an actor, by its first thread.
    pub(super) fn leader(&self, actor: Actor) -> Actor {
        self.duel.standing(actor).map_or(actor, |standing| standing.leader)
    }

    pub(super) fn number(&self, actor: Actor) -> i32 {
        self.duel.number(actor)
    }

    /// How an actor's process stood.
    pub(super) fn old_process(&self, actor: Actor) -> Option<&ProcessRow> {
        self.old(self.leader(actor))?.process.as_ref()
    }

    /// How an actor's process stands.
    pub(super) fn new_process(&self, actor: Actor) -> Option<&ProcessRow> {
        self.now(self.leader(actor))?.process.as_ref()
    }

    pub(super) fn own(&self) -> Option<&ProcessRow> {
        self.old_process(self.caller)
    }

    pub(super) fn state(&self, actor: Actor) -> u8 {
        self.old(actor).map_or(0, |row| row.state)
    }

    pub(super) fn new_state(&self, actor: Actor) -> u8 {
        self.now(actor).map_or(0, |row| row.state)
    }

    pub(super) fn old_threads(&self, actor: Actor) -> i32 {
        self.old_process(actor).map_or(0, |process| process.threads)
    }

    /// Who had that number, among those that were there.
    pub(super) fn who(&self, number: i32) -> Option<Actor> {
        let leads =
            |(actor, row): &&(Actor, Row)| row.process.is_some() && self.number(*actor) == number;
        self.before.iter().find(leads).map(|(actor, _)| *actor)
    }

    /// The parent of an actor's process, before the step.
    pub(super) fn parent(&self, actor: Actor) -> Option<Actor> {
        self.who(self.old_process(actor)?.relations[0])
    }

    /// The parent of an actor's process, after the step.
    pub(super) fn new_parent(&self, actor: Actor) -> Option<Actor> {
        self.who(self.new_process(actor)?.relations[0])
    }

    /// Whom a number in an argument names.
    pub(super) fn named(&self, number: &Number) -> Option<Actor> {
        match number {
            Number::Of(name) | Number::GroupOf(name) => self.duel.actor(name),
            Number::Plain(_) => None,
        }
    }

    /// Whom the operation is about.
    pub(super) fn target(&self) -> Option<Actor> {
        match self.operation {
            Operation::Kill(who @ Number::Of(_), _)
            | Operation::Tkill(who, _)
            | Operation::Tgkill(_, who, _)
            | Operation::Sigqueue(who, ..)
            | Operation::Tgsigqueue(_, who, ..)
            | Operation::Setpgid(who, _)
            | Operation::Wait4 { who, .. }
            | Operation::WaitId { id: who, .. }
            | Operation::Pidfd(_, PidfdCall::Open(who, _)) => self.named(who),
            Operation::Notice(notice) => notice.target().and_then(|who| self.named(who)),
            Operation::Pidfd(name, _) => self.past.pidfds.get(name).map(|(target, _)| *target),
            _ => None,
        }
    }

    /// The signal that is sent.
    pub(super) fn sent(&self) -> Option<i32> {
        match self.operation {
            Operation::Kill(_, signal)
            | Operation::Tkill(_, signal)
            | Operation::Tgkill(_, _, signal)
            | Operation::Sigqueue(_, signal, _)
            | Operation::Tgsigqueue(_, _, signal, _)
            | Operation::Pidfd(_, PidfdCall::Send(signal, _)) => Some(*signal),
            Operation::Notice(notice) => Some(notice.signal()),
            _ => None,
        }
    }

    /// The fork, if it is one.
    pub(super) fn fork(&self) -> Option<&Fork> {
        match self.operation {
            Operation::Fork(fork) => Some(fork),
            _ => None,
        }
    }

    /// The new actor.
    pub(super) fn child(&self) -> Option<Actor> {
        let child = self.duel.actor(self.operation.child()?)?;
        (self.old(child).is_none() && self.now(child).is_some()).then_some(child)
    }

    pub(super) fn failed(&self, errno: i32) -> bool {
        self.after.outcome == Outcome::Error(errno)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.after.outcome, Outcome::Value(_))
    }

    /// The number of the child that a wait tells of, and its status.
    pub(super) fn told(&self) -> Option<(i32, i32)> {
        match self.after.outcome {
            Outcome::Child { pid, status } => Some((pid, status)),
            _ => None,
        }
    }

    pub(super) fn exits(&self) -> bool {
        // The init of a namespace may be long in coming to its end.
        matches!(self.operation, Operation::Exit(_) | Operation::ExitGroup(_))
            && matches!(self.after.outcome, Outcome::Ended | Outcome::Blocked)
    }

    /// How deep in namespaces an actor's process lives.
    pub(super) fn depth(&self, actor: Actor) -> usize {
        let process = self.old_process(actor).or_else(|| self.new_process(actor));
        process.map_or(0, |process| process.inner.len())
    }

    /// Whether an actor's process is the init of a namespace.
    pub(super) fn is_init(&self, actor: Actor) -> bool {
        let process = self.old_process(actor).or_else(|| self.new_process(actor));
        let innermost = process.and_then(|process| process.inner.last());
        innermost.map_or(self.leader(actor) == 0, |[own, ..]| *own == 1)
    }

    pub(super) fn leads_session(&self) -> bool {
        let own = self.number(self.leader(self.caller));
        self.own().is_some_and(|process| process.relations[2] == own)
    }

    /// Whether the process is the one that its session is named after.
    pub(super) fn is_session_leader(&self, actor: Actor) -> bool {
        let own = self.number(self.leader(actor));
        self.old_process(actor).is_some_and(|process| process.relations[2] == own)
    }

    pub(super) fn loses_terminal(&self, actor: Actor) -> bool {
        let has = |row: Option<&Row>| {
            row.and_then(|row| row.process.as_ref()).is_some_and(|it| it.foreground.is_some())
        };
        has(self.old(actor)) && !has(self.now(actor))
    }

    /// Whether the caller leads, and exits before other threads.
    pub(super) fn is_first_to_exit(&self) -> bool {
        let is_zombie = self.new_state(self.caller) == b'Z';
        self.exits() && is_zombie && self.new_process(self.caller).is_some_and(|it| it.threads > 1)
    }

    /// Whether the caller ends without a trace, though its parent goes on and has not waited.
    pub(super) fn vanishes(&self) -> bool {
        let leads = self.leader(self.caller) == self.caller;
        let is_waited =
            self.after.returns.iter().any(|(_, outcome)| matches!(outcome, Outcome::Child { .. }));
        self.exits() && leads && self.now(self.caller).is_none() && !is_waited
    }

    /// Processes that have another parent now.
    pub(super) fn moved(&self) -> impl Iterator<Item = Actor> {
        self.after.rows.iter().filter_map(|(actor, row)| {
            let now = row.process.as_ref()?.relations[0];
            let before = self.old(*actor)?.process.as_ref()?.relations[0];
            (now != before).then_some(*actor)
        })
    }

    /// Children of the caller that were there, each with its row.
    pub(super) fn children(&self) -> impl Iterator<Item = (Actor, &Row)> {
        let numbers = self.old(self.caller).map_or(&[][..], |row| &row.children[..]);
        numbers.iter().filter_map(|&number| {
            let child = self.who(number)?;
            Some((child, self.old(child)?))
        })
    }

    /// Actors of a group, before the step.
    pub(super) fn members(&self, group: i32) -> impl Iterator<Item = (Actor, &Row)> {
        self.before.iter().filter_map(move |(actor, row)| {
            (row.process.as_ref()?.relations[1] == group).then_some((*actor, row))
        })
    }

    /// How an actor's process treats a signal.
    pub(super) fn treatment(&self, actor: Actor, signal: i32) -> Treatment {
        self.past.treatment(self.leader(actor), signal)
    }
}

/// Rules that are seen at work.
#[derive(Default)]
pub(super) struct Seen(pub(super) Vec<&'static str>);

impl Seen {
    /// The rule is, if that is so.
    pub(super) fn when(&mut self, rule: &'static str, is_so: bool) {
        if is_so {
            self.0.push(rule);
        }
    }
}
