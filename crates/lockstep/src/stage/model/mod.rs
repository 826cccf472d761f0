//! The same calls on the model, with the smallest kernel around it.
//!
//! A call runs on the model until its caller sleeps or is back in its program; then everyone runs who was woken, in that order, until
//! nobody is left: the order that Linux keeps on one CPU ([`super::linux`]).

mod calls;
mod files;
mod host;
mod kernel;
mod notices;
mod signals;
mod sleep;
mod trace;

use std::collections::HashMap;
use std::sync::MutexGuard;

use axprocess::{
    ARef, Attention, CloneFlags, ExitStatus, ForkNamespace, ForkRequest, PendingExec, PendingExit,
    PidNamespace, Process, ProcessState, ProcessTable, RunState, Thread,
};
use axprocess_signals::{Delivery, Frame, ProcessSignals, Signals, ThreadSignals, signals_of};

use self::files::File;
use self::host::{GroupId, Layer, OUTSIDE, ThreadId, World};
use self::kernel::{Broken, Kernel, Phase, Trap, as_seen};
use self::signals::Await;
use self::sleep::{Look, Sleep};
use super::{Account, Actor, Birth, Outcome, ProcessRow, Row, Seen};
use crate::script::{Action, Name, Operation, RawClone, SignalSet, Treatment};

/// The processes of one script.
pub(crate) struct Model {
    table: ProcessTable<Layer>,
    /// What stands for all that is outside the script; it never runs.
    _outside: ARef<Thread<Layer>>,
    /// The namespace in which the script plays.
    space: ARef<PidNamespace<Layer>>,
    members: Vec<Member>,
    /// Waits that sleep, by actor.
    sleeps: HashMap<Actor, Sleep>,
    /// Execs that wait for other threads, by actor.
    execs: HashMap<Actor, PendingExec<Layer>>,
    /// Exits that have begun, by actor: they wait for a tracer.
    exits: HashMap<Actor, PendingExit<Layer>>,
    files: HashMap<Name, File>,
    /// Waits for signals that sleep, by actor.
    awaits: HashMap<Actor, Await>,
    /// What those ask again whom their terminal has refused, or whose sleep a signal has interrupted.
    refused: HashMap<Actor, Operation>,
    returns: Vec<(Actor, Outcome)>,
    signals: Vec<(Actor, Seen)>,
}

/// An actor's thread, and the numbers that it has or had.
struct Member {
    thread: ARef<Thread<Layer>>,
    numbers: Vec<(ARef<PidNamespace<Layer>>, i32)>,
}

impl Member {
    fn new(thread: ARef<Thread<Layer>>) -> Self {
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
        let table = ProcessTable::new(Signals::new(World::default()));
        let process = ProcessSignals::new(table.host(), GroupId(OUTSIDE))?;
        let outside = table.new_init(1, process, ThreadSignals::new(ThreadId(OUTSIDE)))?;
        let group = table.host().kernel().state().add_group(0);
        let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
        let (process, thread) =
            signals_of(&outside).fork(CloneFlags::empty(), GroupId(group), ThreadId(0))?;
        let init = outside.fork(request, process, thread)?;
        table.host().kernel().state().add(0, group);
        init.process().setsid()?;
        ignore_sigpipe(&init)?;
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
            awaits: HashMap::new(),
            refused: HashMap::new(),
            returns: Vec::new(),
            signals: Vec::new(),
        })
    }

    /// The kernel's own state. No call of the model may be made while it is held.
    fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.table.host().kernel().state()
    }

    /// Lets an actor do something, and tells all that can be seen of it. Those who are woken run in the order of that number.
    pub(crate) fn perform(
        &mut self,
        actor: Actor,
        operation: &Operation,
        order: u64,
    ) -> (Account, Option<Birth>) {
        let mut birth = None;
        self.kernel().begin(actor, order);
        if let Some(outcome) = self.call(actor, operation, &mut birth) {
            self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
        }
        self.go_on(actor);
        self.kernel().running = None;
        while self.run_next() {}
        (self.account(actor), birth)
    }

    /// Signals since the last call that were not queued because the same one was.
    pub(crate) fn take_merged(&self) -> Vec<Seen> {
        self.kernel().merged.drain(..).map(|info| as_seen(&info)).collect()
    }

    /// Who has executed a program since the last call, also if that has not begun to run.
    pub(crate) fn take_executed(&self) -> Vec<Actor> {
        std::mem::take(&mut self.kernel().executed)
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
        let kernel = self.kernel();
        let threads = &kernel.groups[kernel.tasks[actor].group].threads;
        let is_waited =
            threads.iter().any(|&it| matches!(kernel.tasks[it].phase, Phase::Waiting(..)));
        let is_alone = threads.len() == 1;
        let told_in_vfork: Vec<Actor> = (0..kernel.tasks.len())
            .filter(|&it| matches!(kernel.tasks[it].phase, Phase::Vfork(_)))
            .filter(|&it| !self.members[it].thread.attention().is_empty())
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
        let signals = signals_of(&self.members[actor].thread);
        !(signals.pending().1 & !signals.blocked()).is_empty()
    }

    /// How an actor stands; `None` if there is none of that number.
    pub(crate) fn standing(&self, actor: Actor) -> Option<Standing> {
        let member = self.members.get(actor)?;
        let kernel = self.kernel();
        let task = &kernel.tasks[actor];
        let group = &kernel.groups[task.group];
        let state = member.thread.process().state();
        let is_alive = !task.is_gone && state == ProcessState::Live;
        let idles = matches!(task.phase, Phase::Idle) && !task.sleeps_in_stop;
        let is_left = member.thread.run_state().is_some();
        Some(Standing {
            is_ready: is_alive && idles,
            is_there: is_alive || is_left,
            leader: group.leader,
        })
    }

    /// Those who have executed a program, and have died before it could begin.
    pub(crate) fn dead_after_exec(&self) -> Vec<Actor> {
        let kernel = self.kernel();
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
        let next = self.kernel().next();
        let Some(next) = next else {
            return false;
        };
        self.kernel().running = Some(next);
        self.run(next);
        self.kernel().running = None;
        true
    }

    /// A woken thread runs until it sleeps again.
    fn run(&mut self, actor: Actor) {
        let (is_gone, phase) = {
            let kernel = self.kernel();
            let task = &kernel.tasks[actor];
            (task.is_gone, task.phase)
        };
        let has_news = !self.members[actor].thread.attention().is_empty();
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
                _ if has_news => Phase::Interrupted(Broken::Wait(request)),
                _ => return,
            };
            self.sleeps.remove(&actor);
            self.kernel().tasks[actor].phase = phase;
        }
        match phase {
            Phase::Paused | Phase::Awaiting if !has_news => return,
            Phase::Paused => self.kernel().tasks[actor].phase = Phase::PAUSE_OVER,
            Phase::Awaiting => {
                let outcome = self.finish_await(actor);
                self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
            }
            _ => {}
        }
        if let Phase::Vfork(number) = phase {
            let is_dying = self.is_dying(actor);
            if self.members[actor].thread.is_waiting_for_vfork() && !is_dying {
                return;
            }
            let outcome = Outcome::Value(i64::from(number));
            self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
            if !is_dying {
                self.stop_for_event(actor, libc::PTRACE_EVENT_VFORK_DONE);
            }
        }
        if let Phase::Exec = phase {
            match self.go_on_with_exec(actor) {
                Some(outcome) => {
                    self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
                }
                None => return,
            }
        }
        self.go_on(actor);
    }

    fn is_dying(&self, actor: Actor) -> bool {
        self.members[actor].thread.attention().contains(Attention::EXIT)
    }

    /// On the way back into its program: signals are delivered, and an interrupted wait begins anew.
    fn go_on(&mut self, actor: Actor) {
        if self.kernel().tasks[actor].sleeps_in_stop {
            return;
        }
        // A wrong model could refuse for ever; the right one is not asked where Linux would.
        let mut patience = 100;
        while self.meet_signals(actor) {
            let phase = self.kernel().tasks[actor].phase;
            match phase {
                Phase::Interrupted(Broken::Wait(request))
                | Phase::Restarting(Broken::Wait(request)) => {
                    match self.begin_wait(actor, &request) {
                        Some(outcome) => {
                            self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
                        }
                        None => return,
                    }
                }
                Phase::Leaving(outcome) => {
                    {
                        let mut kernel = self.kernel();
                        kernel.tasks[actor].phase = Phase::Idle;
                        kernel.tasks[actor].is_new_program = false;
                    }
                    self.returns.push((actor, outcome));
                    return;
                }
                Phase::Interrupted(_) | Phase::Restarting(_) if patience == 0 => return,
                Phase::Interrupted(_) | Phase::Restarting(_) => {
                    patience -= 1;
                    let Some(operation) = self.refused.remove(&actor) else {
                        return;
                    };
                    let Some(outcome) = self.call(actor, &operation, &mut None) else {
                        continue;
                    };
                    self.kernel().tasks[actor].phase = Phase::Leaving(outcome);
                }
                Phase::Idle
                | Phase::Waiting(..)
                | Phase::Paused
                | Phase::Awaiting
                | Phase::Vfork(_)
                | Phase::Exec => return,
            }
        }
    }

    /// Delivers signals as long as there are any. Whether the thread is in its program then.
    fn meet_signals(&mut self, actor: Actor) -> bool {
        loop {
            let thread = &self.members[actor].thread;
            let amid = {
                let mut kernel = self.kernel();
                let task = &mut kernel.tasks[actor];
                if task.is_gone {
                    return false;
                }
                let is_resumed = std::mem::take(&mut task.is_resumed);
                let amid = task.trap.take();
                let has_nothing = thread.attention().is_empty() && task.frames.is_empty();
                if has_nothing && !is_resumed && amid.is_none() {
                    return true;
                }
                amid
            };
            if !self.meet_pending(actor, amid) {
                return false;
            }
            let frame = self.kernel().tasks[actor].frames.pop();
            let Some(frame) = frame else { return true };
            let signals = signals_of(&self.members[actor].thread);
            let mask = Some(SignalSet(signals.blocked().bits()));
            signals.rt_sigreturn(frame.saved_mask);
            self.signals.push((actor, Seen { mask, ..as_seen(&frame.info) }));
        }
    }

    /// Takes what is pending until nothing is left; false if the thread stops or ends by it. `amid`: it goes on behind that stop.
    fn meet_pending(&mut self, actor: Actor, amid: Option<Trap>) -> bool {
        let thread = ARef::clone(&self.members[actor].thread);
        let signals = signals_of(&thread);
        let mut delivery = match amid {
            Some(Trap::Signal(traced)) => {
                let answer = std::mem::take(&mut self.kernel().tasks[actor].code);
                signals.resume_from_tracer(traced, trace::as_signal(answer))
            }
            _ => signals.get_signal(),
        };
        loop {
            match delivery {
                Delivery::Return => {
                    self.end_call(actor);
                    // A continuation of which it has not told, because it came from a stop amid signals, it tells of when it looks the next time.
                    if (thread.attention() - Attention::STOPPED).is_empty() {
                        return true;
                    }
                }
                Delivery::Handle(frame) => {
                    self.enter_handler(actor, &frame);
                    if thread.attention().is_empty() {
                        return true;
                    }
                }
                Delivery::Stop => {
                    let trap = thread.is_traced().then_some(Trap::Job);
                    let mut kernel = self.kernel();
                    kernel.tasks[actor].sleeps_in_stop = true;
                    kernel.tasks[actor].trap = trap;
                    return false;
                }
                Delivery::Traced(traced) => {
                    let signal = traced.info.signal();
                    if self.enter_trap(actor, Trap::Signal(traced), signal.number().into()) {
                        return false;
                    }
                    delivery = signals.resume_from_tracer(traced, Some(signal));
                    continue;
                }
                Delivery::Fatal(signal) => {
                    self.kernel().end_others(actor);
                    thread.process().begin_group_exit(ExitStatus::killed(signal));
                }
                Delivery::Exit(status) => {
                    self.end_thread(actor, status);
                    return false;
                }
            }
            delivery = signals.get_signal();
        }
    }

    /// No handler runs: a call that was interrupted is made again. So it is though the mask that comes back with its end opens signals with handlers.
    fn end_call(&self, actor: Actor) {
        let mut kernel = self.kernel();
        let phase = &mut kernel.tasks[actor].phase;
        if let Phase::Interrupted(broken) = *phase {
            *phase = Phase::Restarting(broken);
        }
    }

    /// A handler is to run: what it interrupts is `EINTR`, or made again.
    fn enter_handler(&self, actor: Actor, frame: &Frame) {
        signals_of(&self.members[actor].thread).enter_handler(frame, |frame| {
            let mut kernel = self.kernel();
            let task = &mut kernel.tasks[actor];
            task.frames.push(*frame);
            // Of several handlers, the first says what becomes of the call.
            if let Phase::Interrupted(broken) = task.phase {
                task.phase = match broken.restart().with_handler(frame) {
                    true => Phase::Restarting(broken),
                    false => Phase::Leaving(Outcome::Error(libc::EINTR)),
                };
            }
            Ok(())
        });
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
        let (is_gone, leads) = {
            let kernel = self.kernel();
            let task = &kernel.tasks[actor];
            (task.is_gone, kernel.groups[task.group].leader == actor)
        };
        let thread = &self.members[actor].thread;
        let seen = |child: ARef<Process<Layer>>| child.pid_in(&self.space).cast_signed();
        let state = match thread.run_state()? {
            RunState::Zombie => b'Z',
            // The last thread of an init, until its namespace is empty.
            _ if is_gone => b'E',
            _ if thread.is_stopped() => {
                if thread.is_traced() {
                    b't'
                } else {
                    b'T'
                }
            }
            _ if thread.is_waiting_for_vfork() || self.execs.contains_key(&actor) => b'D',
            _ => b'S',
        };
        let children = thread.children().unwrap().into_iter().map(seen).collect();
        let signals = (!matches!(state, b'Z' | b'E')).then(|| signals::row_of(thread));
        if !leads {
            return Some(Row { state, children, signals, process: None });
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
        Some(Row { state, children, signals, process: Some(process) })
    }

    /// The numbers of a process, its group and its session on each level further inside than the script's.
    fn inner_numbers(&self, process: &Process<Layer>) -> Vec<[i32; 3]> {
        let Some(numbers) = process.namespace_numbers(&self.space) else {
            return Vec::new();
        };
        let both = numbers.pgid.as_slice().iter().zip(numbers.sid.as_slice());
        let all = numbers.tgid.as_slice().iter().zip(both);
        let levels = all.map(|(own, (group, session))| [*own, *group, *session]);
        levels.skip(1).map(|level| level.map(u32::cast_signed)).collect()
    }
}

/// The first thing that lockstep does in each program.
fn ignore_sigpipe(thread: &Thread<Layer>) -> Result<(), axprocess::Errno> {
    let ignored = Treatment { action: Action::Ignore, ..Treatment::default() };
    signals_of(thread)
        .rt_sigaction(libc::SIGPIPE, size_of::<u64>(), || Ok(Some(signals::as_action(&ignored))))
        .map(drop)
}
