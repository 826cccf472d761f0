//! A script, played on both sides, step by step.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::linux::{Linux, Theatre, Unrest};
use super::model::{Model, Standing};
use super::{Account, Actor, Birth, Outcome, ProcessRow, Row, SLOTS, Seen, Tracee};
use crate::run;
use crate::script::{
    FileKind, Files, INIT, Name, Number, Operation, PidfdCall, SignalSet, SignalfdCall, Step,
    TerminalCall, number_in_words,
};

/// One script's processes on both sides.
pub(crate) struct Duel<'a> {
    model: Model,
    /// None: the model plays alone.
    linux: Option<Linux<'a>>,
    names: Vec<Name>,
    files: Files,
    /// What both have done so far.
    acts: Vec<Act>,
    /// A fork has chosen a number.
    has_chosen: bool,
    /// How many have not ended.
    living: usize,
    /// Who was stopped behind the last step.
    stopped: Vec<Actor>,
    /// In which order many have died, or of what, is not known: what comes of it later cannot be compared.
    is_over: bool,
}

/// One operation with plain numbers.
#[derive(Clone)]
struct Act {
    actor: Actor,
    operation: Operation,
    /// In which order those run who are woken; 0: as they are woken.
    order: u64,
}

impl Act {
    fn play(&self, model: &mut Model) -> (Account, Option<Birth>) {
        model.perform(self.actor, &self.operation, self.order)
    }
}

/// Whether Linux tells what the model does. Where the caller is no more in the end, Linux may tell what it still got: a process that its own wait
/// ends, because that makes the init of a namespace end, runs on for a moment. So does another whom the operation ends, and whose call had just returned. Of signals that the model has merged with an earlier one, Linux may tell more: where several
/// processes end at once, it may have delivered the first before the second was sent.
fn is_told(linux: &Account, model: &Account, merged: &[Seen]) -> bool {
    without_more(linux, model, merged) == *model
}

/// What Linux tells, without what it may tell more.
fn without_more(linux: &Account, model: &Account, merged: &[Seen]) -> Account {
    let mut linux = linux.clone();
    assume_unseen(&mut linux, model);
    if model.outcome == Outcome::Ended {
        linux.outcome = Outcome::Ended;
    }
    if linux.signals.len() > model.signals.len() {
        linux.signals.retain(|it| model.signals.contains(it) || !merged.contains(&it.1.as_sent()));
    }
    linux.returns.retain(|it| model.returns.contains(it) || !model.has_ended(it.0));
    linux
}

/// Whether the two differ only in that Linux has some of these, who were stopped in a group that was orphaned, die by its `SIGHUP`, where the model has another signal: the exit that orphans the group sends that one a moment later, to who runs by then.
fn is_hang_up_first(linux: &Account, model: &Account, merged: &[Seen], stopped: &[Actor]) -> bool {
    let mut linux = without_more(linux, model, merged);
    for ((actor, row), (_, told)) in linux.rows.iter_mut().zip(&model.rows) {
        if let (Some(process), Some(told)) = (&mut row.process, &told.process)
            && stopped.contains(actor)
            && process.code == libc::SIGHUP
            && libc::WIFSIGNALED(told.code)
        {
            process.code = told.code;
        }
    }
    linux == *model
}

/// Where Linux does not show how a thread stands with signals, it is taken to stand as on the model.
fn assume_unseen(linux: &mut Account, model: &Account) {
    for (actor, row) in linux.rows.iter_mut().filter(|(_, row)| row.signals.is_none()) {
        let told = model.rows.iter().find(|(it, told)| it == actor && told.state == row.state);
        row.signals = told.and_then(|(_, told)| told.signals);
    }
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its actor could not do it: it does not exist, sleeps, or is stopped.
    Skipped,
    /// Both sides tell the same.
    Agreed(Account),
    /// They do not.
    Diverged(Difference),
}

/// Where Linux and the model part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What only Linux says.
    pub(crate) linux: Vec<String>,
    /// What only the model says.
    pub(crate) model: Vec<String>,
    /// All that Linux says.
    pub(crate) told: Vec<String>,
}

/// Why a script could not be played at all.
#[derive(Debug)]
pub(crate) struct NotPlayed(pub(crate) String);

impl From<Unrest> for NotPlayed {
    fn from(Unrest(message): Unrest) -> Self {
        Self(message)
    }
}

impl<'a> Duel<'a> {
    /// Starts process 1 on both sides, or on the model alone.
    ///
    /// # Errors
    ///
    /// What one of the two refused.
    pub(crate) fn start(theatre: Option<&'a Theatre>) -> Result<Self, NotPlayed> {
        let model = Model::start().map_err(|errno| NotPlayed(format!("the model: {errno}")))?;
        let linux = theatre.map(Linux::start).transpose();
        let linux =
            linux.map_err(|error| NotPlayed(format!("cannot make a PID namespace: {error}")))?;
        let (names, files) = (vec![INIT.to_owned()], Files::new());
        Ok(Self {
            model,
            linux,
            names,
            files,
            acts: Vec::new(),
            has_chosen: false,
            living: 1,
            stopped: Vec::new(),
            is_over: false,
        })
    }

    /// The actor of that name; the last one if it has had several.
    pub(crate) fn actor(&self, name: &str) -> Option<Actor> {
        self.names.iter().rposition(|known| known == name)
    }

    /// The names of all actors, dead ones included.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The files of an actor.
    pub(crate) fn files(&self, actor: Actor) -> &[(Name, FileKind)] {
        self.files.of(actor)
    }

    /// The number of an actor in the script's namespace.
    pub(crate) fn number(&self, actor: Actor) -> i32 {
        self.model.number_of(actor, 0).unwrap_or(0)
    }

    /// How an actor stands.
    pub(crate) fn standing(&self, actor: Actor) -> Option<Standing> {
        self.model.standing(actor)
    }

    /// Who is traced, in the order of births.
    pub(crate) fn tracees(&self) -> impl Iterator<Item = Tracee> {
        self.model.tracees()
    }

    /// Why a step was skipped.
    pub(crate) fn why_not(&self, step: &Step) -> String {
        let standing = self.actor(&step.actor).and_then(|actor| self.model.standing(actor));
        let reason = match standing {
            None => "there is none",
            Some(standing) if !standing.is_there => "it is no more",
            Some(standing) if !standing.is_ready => "it sleeps, is stopped or has ended",
            Some(_) => "it would end process 1, name somebody twice, or have no certain result",
        };
        reason.to_owned()
    }

    /// Plays one step.
    ///
    /// # Errors
    ///
    /// The real side does not come to rest.
    pub(crate) fn step(&mut self, step: &Step) -> Result<Verdict, NotPlayed> {
        let Some(actor) = self.actor(&step.actor).filter(|&actor| self.is_possible(actor, step))
        else {
            return Ok(Verdict::Skipped);
        };
        let operation =
            step.operation.resolve(|name| self.model.number_of(self.actor(name)?, actor));
        if self.is_vague(actor, &operation) {
            return Ok(Verdict::Skipped);
        }
        let mut act = Act { actor, operation, order: 0 };
        let answer = catch_unwind(AssertUnwindSafe(|| act.play(&mut self.model)));
        let Ok((mut model, birth)) = answer else {
            return Ok(Verdict::Diverged(Difference {
                linux: Vec::new(),
                model: vec![format!("panics: {}", run::last_panic())],
                told: Vec::new(),
            }));
        };
        if let (Some(_), Some(child)) = (birth, act.operation.child()) {
            self.names.push(child.clone());
            self.files.inherit(actor);
        }
        let Some(stage) = &mut self.linux else {
            self.keep_files(&act, &model);
            self.acts.push(act);
            return Ok(Verdict::Agreed(model));
        };
        let child = act.operation.child().map(|_| birth.map_or(self.names.len(), |it| it.actor));
        let is_blind = stage.is_blind();
        let mut linux = stage.perform(actor, &act.operation, child, birth)?;
        for dead in self.model.dead_after_exec() {
            stage.follow_dead_exec(dead, self.model.number_of(dead, 0).unwrap_or(0), &mut linux);
        }
        if is_blind {
            linux.rows.clone_from(&model.rows);
        }
        let merged = self.model.take_merged();
        if !is_told(&linux, &model, &merged) && !is_blind && !stage.is_translated() {
            stage.look_again(actor, &mut linux)?;
        }
        if !is_told(&linux, &model, &merged) {
            match self.find_order(&linux, &act) {
                Some((order, other)) => (act.order, model) = (order, other),
                None if self.is_order_of_deaths(&linux, &model, &merged) => self.is_over = true,
                None if is_hang_up_first(&linux, &model, &merged, &self.stopped) => {
                    self.is_over = true;
                }
                None => return Ok(Verdict::Diverged(self.compare(&linux, &model, step))),
            }
        }
        self.keep_files(&act, &model);
        self.acts.push(act);
        self.living = model.living();
        self.stopped = model.stopped();
        Ok(Verdict::Agreed(model))
    }

    /// Whether the two differ only in the order in which children were adopted, while so many died at once that not all orders were tried.
    fn is_order_of_deaths(&self, linux: &Account, model: &Account, merged: &[Seen]) -> bool {
        const MANY: usize = 6;
        let linux = without_more(linux, model, merged);
        self.living.saturating_sub(model.living()) >= MANY
            && linux.without_order() == model.without_order()
    }

    /// Takes note of what an act has made of the files.
    fn keep_files(&mut self, act: &Act, account: &Account) {
        let before = |actor: Actor| self.acts.iter().rev().find(|act| act.actor == actor);
        let late: Vec<_> = account
            .returns
            .iter()
            .filter_map(|(actor, outcome)| Some((before(*actor)?.clone(), *outcome)))
            .collect();
        self.keep_files_of(act, account.outcome);
        for actor in self.model.take_executed() {
            self.files.exec(actor);
        }
        late.iter().for_each(|(act, outcome)| self.keep_files_of(act, *outcome));
    }

    fn keep_files_of(&mut self, act: &Act, outcome: Outcome) {
        // Whoever hangs up may be ended by that.
        let is_hang_up = matches!(act.operation, Operation::Terminal(_, TerminalCall::HangUp));
        if outcome != Outcome::Value(0) && !is_hang_up {
            return;
        }
        match &act.operation {
            Operation::Terminal(name, TerminalCall::Make(_)) => {
                self.files.open(act.actor, name, FileKind::Pair);
            }
            Operation::Terminal(name, TerminalCall::HangUp) => self.files.close_master(name),
            Operation::Pidfd(name, PidfdCall::Open(..)) => {
                self.files.open(act.actor, name, FileKind::Pidfd);
            }
            Operation::Signalfd(name, SignalfdCall::Watch(_)) if !self.files.is_known(name) => {
                self.files.open(act.actor, name, FileKind::Signalfd);
            }
            _ => {}
        }
    }

    /// Plays all anew on the model, with those who are woken by the last act running in other orders, until one comes to what Linux tells: that
    /// order is the scheduler's, and no rule.
    fn find_order(&mut self, linux: &Account, last: &Act) -> Option<(u64, Account)> {
        const ORDERS: u64 = 800;
        (1..=ORDERS).find_map(|order| {
            let mut model = Model::start().ok()?;
            let act = Act { order, ..last.clone() };
            let play = || {
                self.acts.iter().for_each(|act| {
                    act.play(&mut model);
                    model.take_merged();
                    model.take_executed();
                });
                act.play(&mut model)
            };
            let (account, _) = catch_unwind(AssertUnwindSafe(play)).ok()?;
            is_told(linux, &account, &model.take_merged()).then(|| {
                self.model = model;
                (order, account)
            })
        })
    }

    fn compare(&self, linux: &Account, model: &Account, step: &Step) -> Difference {
        let actor = self.actor(&step.actor).unwrap_or(0);
        let mut linux = linux.clone();
        assume_unseen(&mut linux, model);
        let told = self.tell(&linux, actor, &step.operation);
        let model = self.tell(model, actor, &step.operation);
        let mut difference = Difference { linux: told.clone(), model, told };
        let both = difference.clone();
        difference.linux.retain(|line| !both.model.contains(line));
        difference.model.retain(|line| !both.linux.contains(line));
        difference
    }

    /// Whether the actor can be told this now. Process 1 must live: the script plays in its namespace.
    fn is_possible(&self, actor: Actor, step: &Step) -> bool {
        let Some(standing) = self.model.standing(actor).filter(|it| it.is_ready) else {
            return false;
        };
        if self.is_over {
            return false;
        }
        match &step.operation {
            Operation::Exit(_) | Operation::ExitGroup(_) => standing.leader != 0,
            Operation::Terminal(name, TerminalCall::Make(_)) => {
                self.files.are_first(actor) && !self.files.is_known(name)
            }
            Operation::Terminal(name, call) => match self.files.find(actor, name) {
                Some(FileKind::Pair) => true,
                Some(FileKind::Terminal) => !call.needs_master(),
                _ => false,
            },
            Operation::Pidfd(name, PidfdCall::Open(..)) => !self.files.is_known(name),
            Operation::Pidfd(name, _) => self.files.find(actor, name) == Some(FileKind::Pidfd),
            Operation::Signalfd(name, call) => match self.files.find(actor, name) {
                Some(kind) => kind == FileKind::Signalfd,
                None => *call != SignalfdCall::Read && !self.files.is_known(name),
            },
            operation => operation
                .child()
                .is_none_or(|child| self.names.len() < SLOTS && self.actor(child).is_none()),
        }
    }

    /// Whether Linux does not do this by a rule, or not as the model does it, as is known; or would never get rid of the processes.
    fn is_vague(&mut self, actor: Actor, operation: &Operation) -> bool {
        match operation {
            // Linux would meet that first, and make the child when it comes back from there, perhaps much later; or before the new program begins,
            // which then cannot tell that it is there.
            Operation::Fork(_) | Operation::Thread { .. } | Operation::Exec
                if self.model.has_unseen_signal(actor) =>
            {
                true
            }
            // A signal to all goes by age on Linux, by number in the model.
            Operation::Kill(Number::Plain(-1), signal) => self.has_chosen && *signal != 0,
            Operation::Fork(fork) if fork.number.is_some() => {
                self.has_chosen = true;
                false
            }
            Operation::Setpgid(Number::Plain(who), Number::Plain(group)) => {
                self.model.would_strand(actor, *who, *group)
            }
            Operation::Exec => self.model.is_exec_raced(actor),
            Operation::Trace(call) => self.model.is_trace_vague(actor, call),
            // Who would be made has no name.
            Operation::Clone3(request) => !self.model.refuses(actor, request),
            // It would be the end of process 1.
            Operation::Reboot(_) => self.model.is_outermost(actor),
            // A signal that does nothing to the init of a namespace sends it to ask again, for ever.
            Operation::Terminal(name, call) => self.model.would_ask_forever(actor, name, call),
            _ => false,
        }
    }

    /// An account in words, one thing a line.
    pub(crate) fn tell(
        &self,
        account: &Account,
        caller: Actor,
        operation: &Operation,
    ) -> Vec<String> {
        let mut lines = vec![format!("-> {}", self.outcome(account.outcome, caller, operation))];
        for (actor, outcome) in &account.returns {
            let call = self.acts.iter().rev().find(|act| act.actor == *actor);
            let outcome = match call {
                Some(call) => self.outcome(*outcome, *actor, &call.operation),
                None => outcome.in_words(|number| self.name_of(number, *actor)),
            };
            lines.push(format!("{} -> {outcome}", self.names[*actor]));
        }
        for (actor, seen) in &account.signals {
            lines.push(format!(
                "{} ! {}",
                self.names[*actor],
                seen.in_words(|number| self.name_of(number, *actor))
            ));
        }
        for (actor, row) in &account.rows {
            lines.push(format!("{} {}", self.names[*actor], self.row(row)));
        }
        for (actor, name) in self.names.iter().enumerate() {
            if !account.rows.iter().any(|(it, _)| *it == actor) {
                lines.push(format!("{name} gone"));
            }
        }
        lines
    }

    fn outcome(&self, outcome: Outcome, caller: Actor, operation: &Operation) -> String {
        match (outcome, operation) {
            (Outcome::Value(events), Operation::Pidfd(_, PidfdCall::Poll)) => {
                let (readable, hung_up) = (i64::from(libc::POLLIN), i64::from(libc::POLLHUP));
                match events {
                    0 => "running".to_owned(),
                    it if it == readable => "exited".to_owned(),
                    it if it == readable | hung_up => "gone".to_owned(),
                    other => other.to_string(),
                }
            }
            (Outcome::Value(number), _) if operation.returns_number() => {
                self.name_of(number as i32, caller)
            }
            (Outcome::Value(set), _) if operation.returns_set() => {
                SignalSet(set.cast_unsigned()).to_string()
            }
            (outcome, _) => outcome.in_words(|number| self.name_of(number, caller)),
        }
    }

    fn row(&self, row: &Row) -> String {
        let state = char::from(row.state);
        let names: Vec<_> = row.children.iter().map(|&child| self.name_of(child, 0)).collect();
        let children = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        let signals = row.signals.map_or_else(String::new, |it| format!(" {}", it.in_words()));
        let Some(process) = &row.process else {
            return format!("state={state} children={children}{signals}");
        };
        let [parent, group, session] = process.relations.map(|number| self.name_of(number, 0));
        let foreground = process.foreground.map_or("none".to_owned(), |it| self.name_of(it, 0));
        let ProcessRow { threads, code, .. } = process;
        let signal = number_in_words(process.exit_signal);
        let mut line = format!(
            "state={state} parent={parent} group={group} session={session} foreground={foreground} \
             threads={threads} exit-signal={signal} code={code} children={children}"
        );
        for (level, [own, group, session]) in process.inner.iter().enumerate() {
            line += &format!(" level{}={own}/{group}/{session}", level + 1);
        }
        line + &signals
    }

    /// The name of who has a number, as `viewer` sees it; the number if nobody has it.
    fn name_of(&self, number: i32, viewer: Actor) -> String {
        let has_it = |actor: &Actor| self.model.number_of(*actor, viewer) == Some(number);
        let mut known = (0..self.model.actors().min(self.names.len())).rev().filter(has_it);
        let leads = |actor: &Actor| {
            self.model.standing(*actor).is_some_and(|standing| standing.leader == *actor)
        };
        let first = known.clone().find(leads).or_else(|| known.next());
        first.map_or_else(|| number.to_string(), |actor| self.names[actor].clone())
    }
}
