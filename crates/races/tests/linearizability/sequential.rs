//! The same steps one after the other, on the second model; and the search for an order in which they give the same.
//!
//! The order of the holds of the lock is tried first. It is the right one unless a step needs more than one of them; then every other
//! order is tried that keeps what was over before what began later.

use std::collections::BTreeMap;

use axprocess::{
    Errno, ExitStatus, ForkNamespace, ForkParent, Pid, ProcessState, Signal, SignalAction,
};

use crate::naive::{Fork, Hook, Life, ProcessKey, SpaceKey, ThreadKey, World};
use crate::outcome::{Answer, Outcome, Seen, Step};
use crate::program::{Op, Origin, Program};

/// What every process has a handler for.
pub(crate) const HANDLED: [Signal; 4] =
    [Signal::SIGHUP, Signal::SIGCHLD, Signal::SIGCONT, Signal::SIGUSR1];

const ROOT: SpaceKey = SpaceKey(0);

/// How many steps the search makes before it gives up.
const PATIENCE: usize = 200_000;

/// Whether the steps are those of some order, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    OrderOfHolds,
    OtherOrder,
    None,
}

/// Looks for an order of the steps that gives the same answers and the same outcome.
pub(crate) fn find_order(program: &Program, steps: &[Step], outcome: &Outcome) -> Verdict {
    let mut in_order: Vec<&Step> = steps.iter().collect();
    in_order.sort_by_key(|step| step.ended);
    let mut model = Model::new(program);
    let fits = in_order.iter().all(|step| model.perform(step.thread, step.op) == step.answer);
    if fits && model.outcome() == *outcome {
        return Verdict::OrderOfHolds;
    }
    let mut patience = PATIENCE;
    match search(&Model::new(program), &in_order, outcome, &mut patience) {
        true => Verdict::OtherOrder,
        false => Verdict::None,
    }
}

/// Whether the steps that are left fit behind what has happened.
fn search(model: &Model, left: &[&Step], outcome: &Outcome, patience: &mut usize) -> bool {
    if left.is_empty() {
        return model.outcome() == *outcome;
    }
    for (place, step) in left.iter().enumerate() {
        let is_next = left.iter().enumerate().all(|(at, other)| {
            let is_over_before = other.ended <= step.began && other.began < step.began;
            let is_mine = other.thread == step.thread;
            at == place || !is_over_before && (!is_mine || at > place)
        });
        if !is_next || *patience == 0 {
            continue;
        }
        *patience -= 1;
        let mut model = model.clone();
        if model.perform(step.thread, step.op) == step.answer {
            let mut rest = left.to_vec();
            rest.remove(place);
            if search(&model, &rest, outcome, patience) {
                return true;
            }
        }
    }
    false
}

/// One thread of a program, and whom it has made last.
#[derive(Clone, Copy)]
struct Actor {
    thread: ThreadKey,
    child: Option<ThreadKey>,
    fellow: Option<ThreadKey>,
}

#[derive(Clone)]
struct Model {
    world: World,
    actors: Vec<Actor>,
    /// The numbers of all processes that ever were.
    pids: BTreeMap<ProcessKey, Pid>,
    signals: BTreeMap<Pid, Vec<Signal>>,
}

impl Model {
    /// The world in which the threads of a program are let loose.
    fn new(program: &Program) -> Self {
        let init = Actor { thread: ThreadKey(0), child: None, fellow: None };
        let pids = BTreeMap::from([(ProcessKey(0), 1)]);
        let world = World::new(&[]);
        let mut model = Self { world, actors: vec![init], pids, signals: BTreeMap::new() };
        model.handle_signals(ProcessKey(0));
        for &origin in &program.origins {
            let made = match origin {
                Origin::ChildOf(parent) => model.fork(parent, ForkParent::Caller),
                Origin::FellowOf(other) => model.world.spawn(model.actors[other].thread, &[]),
            };
            let thread = made.expect("the scene can be set");
            model.actors.push(Actor { thread, child: None, fellow: None });
        }
        for &(thread, op) in &program.scene {
            model.perform(thread, op);
        }
        model
    }

    fn handle_signals(&mut self, process: ProcessKey) {
        for signal in HANDLED {
            self.world.set_action(process, signal, SignalAction::Handle);
        }
    }

    fn fork(&mut self, actor: usize, parent: ForkParent) -> Result<ThreadKey, Errno> {
        let request = Fork {
            exit_signal: 17,
            parent,
            space: ForkNamespace::Inherited,
            set_tid: Vec::new(),
            is_kernel_thread: false,
        };
        let thread = self.world.fork(self.actors[actor].thread, &request)?;
        let process = self.world.process_of(thread);
        self.pids.insert(process, self.world.pid_in(process, ROOT));
        Ok(thread)
    }

    fn tid(&self, thread: ThreadKey) -> Pid {
        self.world.tid_seen_by(thread, ProcessKey(0))
    }

    fn perform(&mut self, actor: usize, op: Op) -> Answer {
        let answer = self.make(actor, op);
        for hook in self.world.take_hooks().0 {
            if let Hook::Signal { to, signal, .. } = hook {
                self.signals.entry(self.pids[&to]).or_default().push(signal);
            }
        }
        answer
    }

    fn make(&mut self, actor: usize, op: Op) -> Answer {
        let Actor { thread, child, fellow } = self.actors[actor];
        let world = &mut self.world;
        let exit = |world: &mut World, thread: Option<ThreadKey>, code| {
            thread.map_or(Answer::Nobody, |thread| {
                Answer::Exit(world.exit_thread(thread, ExitStatus::exited(code)))
            })
        };
        if let Op::Exit(code) = op {
            return exit(world, Some(thread), code);
        }
        let process = world.process_of(thread);
        match op {
            Op::Fork(parent) => match self.fork(actor, parent) {
                Ok(child) => {
                    self.actors[actor].child = Some(child);
                    Answer::Number(self.tid(child))
                }
                Err(errno) => Answer::Failed(errno),
            },
            Op::Spawn => match world.spawn(thread, &[]) {
                Ok(fellow) => {
                    self.actors[actor].fellow = Some(fellow);
                    Answer::Number(self.tid(fellow))
                }
                Err(errno) => Answer::Failed(errno),
            },
            Op::ChildExits(code) => exit(world, child, code),
            Op::FellowExits(code) => exit(world, fellow, code),
            Op::Exit(code) => exit(world, Some(thread), code),
            Op::BeginGroupExit(code) => {
                Answer::Yes(world.begin_group_exit(process, ExitStatus::exited(code)))
            }
            Op::Exec => {
                let answer = world.exec(thread).into();
                self.handle_signals(process);
                answer
            }
            Op::Wait { pid, options } => match world.wait4(thread, pid, options) {
                Ok(Some((pid, status))) => Answer::Reported(pid, status),
                Ok(None) => Answer::NothingYet,
                Err(errno) => Answer::Failed(errno),
            },
            Op::Setpgid { pid, pgid } => world.setpgid(process, pid, pgid).into(),
            Op::Setsid => world.setsid(process).into(),
            Op::Kill { pid, signal } => world.kill(process, pid, signal).into(),
            Op::BecomeSubreaper => {
                world.become_subreaper(process);
                Answer::Done
            }
            Op::ResignSubreaper => {
                world.resign_subreaper(process);
                Answer::Done
            }
            Op::SetParentDeathSignal => world.set_death_signal(thread, 10).into(),
            Op::Getpgid(pid) => world.getpgid(process, pid).into(),
            Op::Getsid(pid) => world.getsid(process, pid).into(),
            Op::Children => {
                let children = world.children(process);
                Answer::Pids(children.iter().map(|child| world.pid_in(*child, ROOT)).collect())
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let world = &self.world;
        let pid = |process| world.pid_in(process, ROOT);
        let seen = |key| {
            let state = match world.life(key) {
                Life::Alive => ProcessState::Live,
                Life::Exiting | Life::Withheld | Life::HeldByTracers => ProcessState::Exiting,
                Life::Zombie => ProcessState::Zombie,
            };
            let threads = world.living_threads_of(key);
            let is_exit_decided = !world.takes_signals(key);
            Seen {
                state,
                ppid: world.parent(key).map_or(0, pid),
                pgid: world.group_number_in(key, ROOT),
                sid: world.session_number_in(key, ROOT),
                children: world.children(key).into_iter().map(pid).collect(),
                threads: threads.into_iter().map(|thread| self.tid(thread)).collect(),
                is_exit_decided,
                code: is_exit_decided.then(|| world.exit_status(key)),
            }
        };
        let processes = world.processes().into_iter().map(|key| (pid(key), seen(key)));
        Outcome { processes: processes.collect(), signals: self.signals.clone() }
    }
}
