//! The same calls on the model, with the smallest kernel around it.
//!
//! A call runs on the model until its caller sleeps or is back in its program; then everyone runs who was woken, in that order, until
//! nobody is left: the order that Linux keeps on one CPU ([`super::linux`]).

mod calls;
mod files;
mod host;
mod kernel;
mod notices;
mod sleep;
mod trace;

use std::collections::HashMap;

use axprocess::{
    ARef, Attention, ExitStatus, ForkNamespace, ForkRequest, PendingExec, PendingExit,
    PidNamespace, Process, ProcessState, ProcessTable, RunState, StopDecision, Thread,
};

use self::files::File;
use self::host::{GroupId, OUTSIDE, ThreadId, World};
use self::kernel::{Delivery, Phase, Taken, as_seen};
use self::sleep::{Look, Sleep};
use super::{Account, Actor, Birth, Outcome, ProcessRow, Row, Seen};
use crate::script::{Name, Operation, RawClone, Treatment};

/// The processes of one script.
pub(crate) struct Model {
    table: ProcessTable<World>,
    /// What stands for all that is outside the script; it never runs.
    _outside: ARef<Thread<World>>,
    /// The namespace in which the script plays.
    space: ARef<PidNamespace<World>>,
    members: Vec<Member>,
    /// Waits that sleep, by actor.
    sleeps: HashMap<Actor, Sleep>,
    /// Execs that wait for other threads, by actor.
    execs: HashMap<Actor, PendingExec<World>>,
    /// Exits that have begun, by actor: they wait for a tracer.
    exits: HashMap<Actor, PendingExit<World>>,
    files: HashMap<Name, File>,
    /// What those ask again whom their terminal has refused.
    refused: HashMap<Actor, Operation>,
    returns: Vec<(Actor, Outcome)>,
    signals: Vec<(Actor, Seen)>,
}

/// An actor's thread, and the numbers that it has or had.
struct Member {
    thread: ARef<Thread<World>>,
    numbers: Vec<(ARef<PidNamespace<World>>, i32)>,
}

impl Member {
    fn new(thread: ARef<Thread<World>>) -> Self {
        let mut numbers = Vec::new();
        let mut space = Some(thread.process().namespace());
        while let Some(it) = space {
            let number = thread.tid_in(&it).cast_signed();
            space = it.parent().cloned();
            numbers.push((it, number));
        }
        Self { thread, numbers }
    }
}

/// What a script's author may know of an actor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// It can be told to do something.
    pub(crate) is_ready: bool,
    /// It is there: it lives, or is a zombie.
    pub(crate) is_there: bool,
    /// The first thread of its process.
    pub(crate) leader: Actor,
}

impl Model {
    /// A world with process 1 of a namespace, the leader of a session.
    ///
    /// # Errors
    ///
    /// The model's.
    pub(crate) fn start() -> Result<Self, axprocess::Errno> {
        let table = ProcessTable::new(World::default());
        let outside = table.new_init(1, GroupId(OUTSIDE), ThreadId(OUTSIDE))?;
        let mut treatments = [Treatment::default(); 65];
        treatments[libc::SIGPIPE as usize] = kernel::IGNORED;
        let group = table.host().kernel().add_group(0, treatments);
        let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
        let init = outside.fork(request, GroupId(group), ThreadId(0))?;
        {
            let mut kernel = table.host().kernel();
            kernel.add(0, group, 0);
            kernel.groups[group].is_init = true;
        }
        init.process().setsid()?;
        let space = init.process().namespace();
        let members = vec![Member::new(init)];
        Ok(Self {
            table,
            _outside: outside,
            space,
            members,
            sleeps: HashMap::new(),
            execs: HashMap::new(),
            exits: HashMap::new(),
            files: HashMap::new(),
            refused: HashMap::new(),
            returns: Vec::new(),
            signals: Vec::new(),
        })
    }

    /// Lets an actor do something, and tells all that can be seen of it. Those who are woken run in the order of that number.
    pub(crate) fn perform(
        &mut self,
        actor: Actor,
        operation: &Operation,
        order: u64,
    ) -> (Account, Option<Birth>) {
        let mut birth = None;
        self.table.host().kernel().begin(actor, order);
        if let Some(outcome) = self.call(actor, operation, &mut birth) {
            self.table.host().kernel().tasks[actor].phase = Phase::Leaving(outcome);
        }
        self.go_on(actor);
        self.table.host().kernel().running = None;
        while self.run_next() {}
        (self.account(actor), birth)
    }

    /// Signals since the last call that were not queued because the same one was.
    pub(crate) fn take_merged(&self) -> Vec<Seen> {
        self.table.host().kernel().merged.drain(..).map(|info| as_seen(&info)).collect()
    }

    /// Who has executed a program since the last call, also if that has not begun to run.
    pub(crate) fn take_executed(&self) -> Vec<Actor> {
        std::mem::take(&mut self.table.host().kernel().executed)
    }

    /// The number of an actor, as another one sees it; `None` if it does not.
    pub(crate) fn number_of(&self, actor: Actor, viewer: Actor) -> Option<i32> {
        let space = &self.members[viewer].numbers.first()?.0;
        let numbers = &self.members.get(actor)?.numbers;
        numbers.iter().find(|(it, _)| ARef::ptr_eq(it, space)).map(|(_, number)| *number)
    }

    /// Whether the init of an inner namespace would join a group that has a number in that namespace, and not its own. Linux never ends such an
    /// init: it waits until the number is given back, and is itself the one that has it.
    pub(crate) fn would_strand(&self, caller: Actor, who: i32, group: i32) -> bool {
        let named = |number| {
            let mut all = 0..self.members.len();
            all.find(|&it| self.number_of(it, caller) == Some(number))
        };
        let Some(target) = (if who == 0 { Some(caller) } else { named(who) }) else {
            return false;
        };
        let is_init = self.members[target].thread.process().pid() == 1;
        let inside = named(group).and_then(|founder| self.number_of(founder, target));
        is_init && inside.is_some_and(|number| number != 1)
    }

    /// Whether the model refuses a clone3.
    pub(crate) fn refuses(&self, actor: Actor, request: &RawClone) -> bool {
        self.is_clone_refused(actor, request)
    }

    /// Whether an actor lives in the namespace of the script, not in one inside.
    pub(crate) fn is_outermost(&self, actor: Actor) -> bool {
        ARef::ptr_eq(&self.members[actor].thread.process().namespace(), &self.space)
    }

    /// Whether other threads, which an exec ends, would be seen in the middle of it: on Linux each hands its children on before the new program
    /// begins. One that waits may still reap them, and who has wished for a signal may die while the old program is the parent. A leader that ends
    /// lets go who waits for it in vfork, and that one may die, of a signal that it then looks at, while the leader still counts; or before the exec
    /// returns, which the death signal then precedes. And who traces a dead thread releases it behind its own end, when another one that traces the leader
    /// of that may have come to its own.
    pub(crate) fn is_exec_raced(&self, actor: Actor) -> bool {
        let kernel = self.table.host().kernel();
        let threads = &kernel.groups[kernel.tasks[actor].group].threads;
        let is_waited =
            threads.iter().any(|&it| matches!(kernel.tasks[it].phase, Phase::Waiting(..)));
        let is_alone = threads.len() == 1;
        let told_in_vfork: Vec<Actor> = (0..kernel.tasks.len())
            .filter(|&it| matches!(kernel.tasks[it].phase, Phase::Vfork(_)))
            .filter(|&it| kernel.tasks[it].has_news)
            .collect();
        drop(kernel);
        let process = self.members[actor].thread.process();
        let parent = process.parent();
        let frees_the_dying = told_in_vfork.iter().any(|&it| {
            parent
                .as_ref()
                .is_some_and(|parent| ARef::ptr_eq(parent, self.members[it].thread.process()))
        });
        let is_watched = self.members.iter().any(|it| {
            let parent = it.thread.process().parent();
            let is_child = parent.is_some_and(|parent| ARef::ptr_eq(&parent, process));
            is_child && it.thread.parent_death_signal().is_some()
        });
        let has_wish = self.members[actor].thread.parent_death_signal().is_some();
        let is_told_of_death = frees_the_dying && (has_wish || !is_alone);
        let is_seen = is_waited || is_watched && !is_alone;
        is_seen || is_told_of_death || self.do_siblings_share_dead_process(actor)
    }

    /// Whether a signal waits that the actor would meet if it forked or executed a program, but not otherwise.
    pub(crate) fn has_unseen_signal(&self, actor: Actor) -> bool {
        self.table.host().kernel().has_unseen_signal(actor)
    }

    /// How an actor stands; `None` if there is none of that number.
    pub(crate) fn standing(&self, actor: Actor) -> Option<Standing> {
        let member = self.members.get(actor)?;
        let kernel = self.table.host().kernel();
        let task = &kernel.tasks[actor];
        let group = &kernel.groups[task.group];
        let state = member.thread.process().state();
        let is_alive = !task.is_gone && state == ProcessState::Live;
        let idles = matches!(task.phase, Phase::Idle) && !task.is_stopped && !task.is_trapped();
        let is_left = member.thread.run_state().is_some();
        Some(Standing {
            is_ready: is_alive && idles,
            is_there: is_alive || is_left,
            leader: group.leader,
        })
    }

    /// Those who have executed a program, and have died before it could begin.
    pub(crate) fn dead_after_exec(&self) -> Vec<Actor> {
        let kernel = self.table.host().kernel();
        let is_new = |it: &Actor| kernel.tasks[*it].is_gone && kernel.tasks[*it].is_new_program;
        let is_there =
            |it: &Actor| self.members[*it].thread.process().state() == ProcessState::Zombie;
        (0..self.members.len()).filter(|it| is_new(it) && is_there(it)).collect()
    }

    /// How many actors there have been.
    pub(crate) fn actors(&self) -> usize {
        self.members.len()
    }

    /// The thread that was woken first runs; false if there is none.
    pub(super) fn run_next(&mut self) -> bool {
        let next = self.table.host().kernel().next();
        let Some(next) = next else {
            return false;
        };
        self.table.host().kernel().running = Some(next);
        self.run(next);
        self.table.host().kernel().running = None;
        true
    }

    /// A woken thread runs until it sleeps again.
    fn run(&mut self, actor: Actor) {
        let (is_gone, phase, has_news) = {
            let kernel = self.table.host().kernel();
            let task = &kernel.tasks[actor];
            (task.is_gone, task.phase, task.has_news)
        };
        if is_gone {
            self.go_on_with_exit(actor);
            return;
        }
        if !self.leave_trap(actor) {
            return;
        }
        if let Phase::Waiting(request, ..) = phase {
            let answer = self.sleeps.get_mut(&actor).map(Sleep::look);
            let phase = match answer {
                Some(Look::Done(outcome, read)) => {
                    self.note_read(actor, read);
                    Phase::Leaving(outcome)
                }
                _ if has_news => Phase::Interrupted(request),
                _ => return,
            };
            self.sleeps.remove(&actor);
            self.table.host().kernel().tasks[actor].phase = phase;
        }
        if let Phase::Vfork(number) = phase {
            let is_dying = self.is_dying(actor);
            if self.members[actor].thread.is_waiting_for_vfork() && !is_dying {
                return;
            }
            let outcome = Outcome::Value(i64::from(number));
            self.table.host().kernel().tasks[actor].phase = Phase::Leaving(outcome);
            if !is_dying {
                self.stop_for_event(actor, libc::PTRACE_EVENT_VFORK_DONE);
            }
        }
        if let Phase::Exec = phase {
            match self.go_on_with_exec(actor) {
                Some(outcome) => {
                    self.table.host().kernel().tasks[actor].phase = Phase::Leaving(outcome);
                }
                None => return,
            }
        }
        self.go_on(actor);
    }

    fn is_dying(&self, actor: Actor) -> bool {
        self.table.host().kernel().tasks[actor].is_dying
    }

    /// On the way back into its program: signals are delivered, and an interrupted wait begins anew.
    fn go_on(&mut self, actor: Actor) {
        if self.table.host().kernel().tasks[actor].is_trapped() {
            return;
        }
        // A wrong model could refuse for ever; the right one is not asked where Linux would.
        let mut patience = 100;
        while self.meet_signals(actor) {
            let phase = self.table.host().kernel().tasks[actor].phase;
            match phase {
                Phase::Interrupted(request) => match self.begin_wait(actor, &request) {
                    Some(outcome) => {
                        self.table.host().kernel().tasks[actor].phase = Phase::Leaving(outcome);
                    }
                    None => return,
                },
                Phase::Leaving(outcome) => {
                    {
                        let mut kernel = self.table.host().kernel();
                        kernel.tasks[actor].phase = Phase::Idle;
                        kernel.tasks[actor].is_new_program = false;
                    }
                    self.returns.push((actor, outcome));
                    return;
                }
                Phase::Refused if patience == 0 => return,
                Phase::Refused => {
                    patience -= 1;
                    let Some(operation) = self.refused.remove(&actor) else {
                        return;
                    };
                    let Some(outcome) = self.call(actor, &operation, &mut None) else {
                        continue;
                    };
                    self.table.host().kernel().tasks[actor].phase = Phase::Leaving(outcome);
                }
                Phase::Idle | Phase::Waiting(..) | Phase::Vfork(_) | Phase::Exec => return,
            }
        }
    }

    /// Delivers signals as long as there are any. Whether the thread is in its program then.
    fn meet_signals(&mut self, actor: Actor) -> bool {
        loop {
            {
                let kernel = self.table.host().kernel();
                let task = &kernel.tasks[actor];
                if task.is_gone {
                    return false;
                }
                if !task.has_news && !task.is_resumed && task.frames.is_empty() {
                    return true;
                }
            }
            if !self.meet_pending(actor) {
                return false;
            }
            let seen = {
                let mut kernel = self.table.host().kernel();
                kernel.look_again(actor);
                kernel.run_handler(actor)
            };
            match seen {
                Some(seen) => self.signals.push((actor, seen)),
                None => return true,
            }
        }
    }

    /// Takes what is pending until nothing is left; false if the thread stops or ends by it.
    fn meet_pending(&mut self, actor: Actor) -> bool {
        let thread = ARef::clone(&self.members[actor].thread);
        let process = thread.process();
        let amid = self.table.host().kernel().go_on_amid_signals(actor);
        // As in Linux's `get_signal`: from here on, but not behind each signal.
        let mut looks_for_continuation = amid.is_none();
        let mut decided = amid.flatten();
        loop {
            let is_told = || thread.attention().contains(Attention::STOPPED);
            if std::mem::take(&mut looks_for_continuation) && is_told() {
                thread.notify_parent_if_continued();
            }
            if self.is_dying(actor) {
                // The rest of a process ends by what was decided for all; in an exec nothing was (R-EXIT-19).
                let is_whole = process.is_group_exiting();
                let status = if is_whole { process.exit_status() } else { ExitStatus::exited(0) };
                self.end_thread(actor, status);
                return false;
            }
            let taken = match decided.take() {
                Some(taken) => taken,
                None => {
                    if self.joins_stop(actor) {
                        return false;
                    }
                    let ticket = process.stop_ticket();
                    let taken = self.table.host().kernel().take_signal(actor);
                    let Some((info, is_shared)) = taken else {
                        return true;
                    };
                    let taken = Taken { info, ticket, is_shared };
                    if self.stop_for_signal(actor, taken) {
                        return false;
                    }
                    taken
                }
            };
            let delivery = self.table.host().kernel().deliver(actor, taken.info);
            match delivery {
                Delivery::Nothing => {}
                Delivery::Stop(signal) => {
                    let decision = thread.begin_stop(signal, taken.ticket);
                    // It has looked when it took the signal; who is told to stop has not.
                    self.table.host().kernel().look_again(actor);
                    looks_for_continuation = decision == StopDecision::Discard;
                }
                Delivery::End(signal) => {
                    let status = ExitStatus::killed(signal);
                    self.table.host().kernel().end_others(actor);
                    process.begin_group_exit(status);
                    self.end_thread(actor, status);
                    return false;
                }
            }
        }
    }

    /// Who has read the stop of a tracee has taken its code with it.
    fn note_read(&self, reader: Actor, read: Option<i32>) {
        if let Some(tid) = read {
            self.note_stop_read(reader, tid);
        }
    }

    fn account(&mut self, caller: Actor) -> Account {
        let mut returns = std::mem::take(&mut self.returns);
        let own = returns.iter().position(|(actor, _)| *actor == caller);
        let rows: Vec<_> =
            (0..self.members.len()).filter_map(|actor| Some((actor, self.row(actor)?))).collect();
        let outcome = own.map(|index| returns.remove(index).1);
        let row = rows.iter().find(|(actor, _)| *actor == caller);
        let outcome = outcome.unwrap_or(match row {
            Some((_, row)) if row.state != b'Z' => Outcome::Blocked,
            _ => Outcome::Ended,
        });
        returns.sort_by_key(|(actor, _)| *actor);
        let mut signals = std::mem::take(&mut self.signals);
        signals.sort_by_key(|(actor, _)| *actor);
        Account { outcome, returns, signals, rows }
    }

    fn row(&self, actor: Actor) -> Option<Row> {
        let process = self.members[actor].thread.process();
        let (is_gone, is_stopped, is_trapped, leads) = {
            let kernel = self.table.host().kernel();
            let task = &kernel.tasks[actor];
            let leads = kernel.groups[task.group].leader == actor;
            (task.is_gone, task.is_stopped, task.is_trapped(), leads)
        };
        let thread = &self.members[actor].thread;
        let seen = |child: ARef<Process<World>>| child.pid_in(&self.space).cast_signed();
        let state = match thread.run_state()? {
            RunState::Zombie => b'Z',
            // The last thread of an init, until its namespace is empty.
            _ if is_gone => b'E',
            _ if is_trapped => b't',
            _ if is_stopped => b'T',
            _ if thread.is_waiting_for_vfork() || self.execs.contains_key(&actor) => b'D',
            _ => b'S',
        };
        let children = thread.children().unwrap().into_iter().map(seen).collect();
        if !leads {
            return Some(Row { state, children, process: None });
        }
        let stat = process.stat(&self.space)?;
        let relations = [stat.ppid, stat.pgrp, stat.session].map(u32::cast_signed);
        let process = ProcessRow {
            relations,
            foreground: stat.terminal.map(|terminal| terminal.foreground.cast_signed()),
            threads: i32::try_from(stat.threads).unwrap_or(0),
            exit_signal: stat.exit_signal.raw().into(),
            code: stat.exit_code,
            inner: self.inner_numbers(process),
        };
        Some(Row { state, children, process: Some(process) })
    }

    /// The numbers of a process, its group and its session on each level further inside than the script's.
    fn inner_numbers(&self, process: &Process<World>) -> Vec<[i32; 3]> {
        let Some(numbers) = process.namespace_numbers(&self.space) else {
            return Vec::new();
        };
        let both = numbers.pgid.as_slice().iter().zip(numbers.sid.as_slice());
        let all = numbers.tgid.as_slice().iter().zip(both);
        let levels = all.map(|(own, (group, session))| [*own, *group, *session]);
        levels.skip(1).map(|level| level.map(u32::cast_signed)).collect()
    }
}
