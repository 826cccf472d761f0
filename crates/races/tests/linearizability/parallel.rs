//! A program on the crate, its threads scheduled by shuttle.

use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, Errno, ExitStatus, ForkRequest, Host, Number, Pid, Process, ProcessTable, Relations,
    Signal, SignalAction, SignalInfo, Thread, View, WaitOutcome, WaitRequest,
};
use races::{Explorer, Shuttle, holds};

use crate::outcome::{Answer, Outcome, Seen, Step};
use crate::program::{Op, Origin, Program};
use crate::sequential::HANDLED;

#[derive(Default)]
struct Kernel {
    posted: Mutex<Vec<(Pid, Signal)>>,
}

impl Host for Kernel {
    type Lock = <Shuttle as Explorer>::Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        self.posted.lock().unwrap().push((target.pid(), info.signal));
    }

    fn signal_action(&self, _: View<'_, Self>, _: &Process<Self>, signal: Signal) -> SignalAction {
        if HANDLED.contains(&signal) { SignalAction::Handle } else { SignalAction::Default }
    }
}

/// One thread of a program, and whom it has made. All are kept to the end: dropping one would end it.
struct Actor {
    thread: ARef<Thread<Kernel>>,
    children: Vec<ARef<Thread<Kernel>>>,
    fellows: Vec<ARef<Thread<Kernel>>>,
}

/// Runs a program under the schedule of this execution.
pub(crate) fn run(program: &Program) -> (Vec<Step>, Outcome) {
    let table = Arc::new(ProcessTable::new(Kernel::default()));
    let mut actors = vec![Actor::new(table.new_init(1, (), ()).unwrap())];
    for &origin in &program.origins {
        let made = match origin {
            Origin::ChildOf(parent) => actors[parent].thread.fork(ForkRequest::default(), (), ()),
            Origin::FellowOf(other) => actors[other].thread.spawn_thread(Number::Next, ()),
        };
        actors.push(Actor::new(made.unwrap()));
    }
    for &(thread, op) in &program.scene {
        actors[thread].perform(op);
    }
    let played = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let threads = actors.into_iter().zip(program.parts.clone()).enumerate();
    let handles: Vec<_> = threads
        .map(|(thread, (mut actor, part))| {
            let played = Arc::clone(&played);
            Shuttle::spawn(move || {
                for op in part {
                    let began = holds();
                    let answer = Shuttle::does(&format!("{op:?}"), || actor.perform(op));
                    let step = Step { thread, op, answer, began, ended: holds() };
                    played.lock().unwrap().0.push(step);
                }
                played.lock().unwrap().1.push(actor);
            })
        })
        .collect();
    handles.into_iter().for_each(Shuttle::join);
    let (steps, actors) = std::mem::take(&mut *played.lock().unwrap());
    let outcome = outcome(&table);
    drop(actors);
    (steps, outcome)
}

impl Actor {
    const fn new(thread: ARef<Thread<Kernel>>) -> Self {
        Self { thread, children: Vec::new(), fellows: Vec::new() }
    }

    fn perform(&mut self, op: Op) -> Answer {
        let process = self.thread.process();
        match op {
            Op::Fork(parent) => {
                let request = ForkRequest { parent, ..ForkRequest::default() };
                enter(&mut self.children, self.thread.fork(request, (), ()))
            }
            Op::Spawn => {
                let made = self.thread.spawn_thread(Number::Next, ());
                enter(&mut self.fellows, made)
            }
            Op::ChildExits(code) => exit(self.children.last(), code),
            Op::FellowExits(code) => exit(self.fellows.last(), code),
            Op::Exit(code) => exit(Some(&self.thread), code),
            Op::BeginGroupExit(code) => {
                Answer::Yes(process.begin_group_exit(ExitStatus::exited(code)))
            }
            Op::Exec => self.thread.exec().into(),
            Op::Wait { pid, options } => {
                let request = WaitRequest::wait4(pid, options);
                match request.and_then(|request| self.thread.wait(&request)) {
                    Ok(WaitOutcome::Event(event)) => Answer::Reported(event.pid, event.status),
                    Ok(WaitOutcome::NothingYet(_)) => Answer::NothingYet,
                    Err(errno) => Answer::Failed(errno),
                }
            }
            Op::Setpgid { pid, pgid } => process.setpgid(pid, pgid).into(),
            Op::Setsid => process.setsid().into(),
            Op::Kill { pid, signal } => self.thread.kill(pid, signal).into(),
            Op::BecomeSubreaper => {
                process.become_subreaper();
                Answer::Done
            }
            Op::ResignSubreaper => {
                process.resign_subreaper();
                Answer::Done
            }
            Op::SetParentDeathSignal => {
                self.thread.set_parent_death_signal(Some(Signal::SIGUSR1));
                Answer::Done
            }
            Op::Getpgid(pid) => process.getpgid(pid).into(),
            Op::Getsid(pid) => process.getsid(pid).into(),
            Op::Children => Answer::Pids(pids(&process.children().unwrap())),
        }
    }
}

fn enter(made: &mut Vec<ARef<Thread<Kernel>>>, new: Result<ARef<Thread<Kernel>>, Errno>) -> Answer {
    new.map_or_else(Answer::Failed, |thread| {
        let tid = thread.tid();
        made.push(thread);
        Answer::Number(tid)
    })
}

fn exit(thread: Option<&ARef<Thread<Kernel>>>, code: i32) -> Answer {
    thread
        .map_or(Answer::Nobody, |thread| Answer::Exit(thread.exit_thread(ExitStatus::exited(code))))
}

fn pids(processes: &[ARef<Process<Kernel>>]) -> Vec<Pid> {
    processes.iter().map(|process| process.pid()).collect()
}

fn outcome(table: &ProcessTable<Kernel>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut from = 0;
    while let Some((pid, process)) = table.next_process(table.namespace(), from) {
        from = pid + 1;
        let is_exit_decided = process.is_group_exiting() || process.has_ended();
        let seen = Seen {
            state: process.state(),
            ppid: process.ppid(),
            pgid: process.pgid(),
            sid: process.sid(),
            children: pids(&process.children().unwrap()),
            threads: process.threads().unwrap().iter().map(|thread| thread.tid()).collect(),
            is_exit_decided,
            code: is_exit_decided.then(|| process.exit_status()),
        };
        outcome.processes.insert(pid, seen);
    }
    for &(pid, signal) in &*table.host().posted.lock().unwrap() {
        outcome.signals.entry(pid).or_default().push(signal);
    }
    outcome
}
