//! The rest of a kernel, as far as a script can see it: who sleeps in what, and who runs next.
//!
//! It is one CPU where a thread runs until it sleeps: whoever is woken stands in a queue, in the order of the wake-ups. This never calls the model.

use std::collections::VecDeque;

use axprocess::{Attention, ChildNews, WaitRequest, WaitToken};
use axprocess_signals::{Frame, Restart, SigInfo, TracedSignal};
use fastrand::Rng;

use super::super::{Actor, Outcome, Seen};
use super::host::Layer;

type Thread = axprocess::Thread<Layer>;

/// All processes and threads.
#[derive(Default)]
pub(super) struct Kernel {
    pub(super) tasks: Vec<Task>,
    pub(super) groups: Vec<Group>,
    /// Who runs next.
    queue: VecDeque<Actor>,
    /// Chooses who does; without it, the one that was woken first.
    order: Option<Rng>,
    /// Who exits may give way to others.
    gives_way: bool,
    /// Who runs now.
    pub(super) running: Option<Actor>,
    /// Signals that have not been queued, because the same one was.
    pub(super) merged: Vec<SigInfo>,
    /// Who has executed a program since that was asked last.
    pub(super) executed: Vec<Actor>,
    /// How many waits have begun.
    waits: u64,
}

/// A thread.
pub(super) struct Task {
    pub(super) group: usize,
    pub(super) phase: Phase,
    pub(super) is_gone: bool,
    /// It has executed a program, which has not begun to run.
    pub(super) is_new_program: bool,
    /// It sleeps where it has stopped, with its group or for its tracer.
    pub(super) sleeps_in_stop: bool,
    /// It comes back from a stop, where it looks for signals though nobody has told it to.
    pub(super) is_resumed: bool,
    is_queued: bool,
    /// Handlers that have been entered and have not run.
    pub(super) frames: Vec<Frame>,
    /// How it is traced, if it is.
    pub(super) tracing: Tracing,
    /// What is behind the ptrace-stop in which it sleeps.
    pub(super) trap: Option<Trap>,
    /// What its tracer says of the signal that it has stopped for, and what the tracer is told before. Linux: `task_struct::exit_code`.
    pub(super) code: i32,
}

/// What a thread is doing.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    /// It waits for the script.
    Idle,
    /// It sleeps in a wait that is the so-manieth.
    Waiting(WaitRequest, WaitToken, u64),
    /// It sleeps in a call that only a signal ends, other than [`Awaiting`](Self::Awaiting).
    Paused,
    /// It sleeps in sigtimedwait.
    Awaiting,
    /// It has to see to a signal first; what comes behind that.
    Interrupted(Broken),
    /// The same, and a handler says that it is made again.
    Restarting(Broken),
    /// It waits for the child of its vfork, which has this number.
    Vfork(u32),
    /// It waits in its exec until the other threads are gone.
    Exec,
    /// Its call is done.
    Leaving(Outcome),
}

impl Phase {
    /// A signal has ended a sleep that only a signal ends.
    pub(super) const PAUSE_OVER: Self = Self::Interrupted(Broken::Call(Restart::UnlessHandled));
}

/// What a signal has interrupted: it is made again, if a handler does not forbid that.
#[derive(Clone, Copy)]
pub(super) enum Broken {
    Wait(WaitRequest),
    /// A call that [`Model::refuse`](super::Model::refuse) keeps, and when it is made again.
    Call(Restart),
}

impl Broken {
    pub(super) const fn restart(self) -> Restart {
        match self {
            Self::Wait(_) => Restart::UnlessHandlerSaysNo,
            Self::Call(restart) => restart,
        }
    }
}

/// A process.
pub(super) struct Group {
    /// The first thread, dead or alive.
    pub(super) leader: Actor,
    /// All threads that have not exited, in order.
    pub(super) threads: Vec<Actor>,
}

/// How a thread is traced.
#[derive(Clone, Copy, Default)]
pub(super) struct Tracing {
    pub(super) is_seized: bool,
    /// `PTRACE_O_…`
    pub(super) options: i32,
}

/// A ptrace-stop.
#[derive(Clone, Copy)]
pub(super) enum Trap {
    /// Before a signal is delivered.
    Signal(TracedSignal),
    /// For a group stop, or `PTRACE_INTERRUPT`.
    Job,
    /// In the middle of a system call, which then goes on.
    Event,
    /// At the beginning of its exit.
    Exit,
}

impl Kernel {
    /// Adds a thread; the first one of a process begins a group.
    pub(super) fn add(&mut self, actor: Actor, group: usize) {
        debug_assert_eq!(actor, self.tasks.len());
        self.groups[group].threads.push(actor);
        self.tasks.push(Task {
            group,
            phase: Phase::Idle,
            is_gone: false,
            is_new_program: false,
            sleeps_in_stop: false,
            is_resumed: false,
            is_queued: false,
            frames: Vec::new(),
            tracing: Tracing::default(),
            trap: None,
            code: 0,
        });
    }

    /// Adds a process without threads.
    pub(super) fn add_group(&mut self, leader: Actor) -> usize {
        self.groups.push(Group { leader, threads: Vec::new() });
        self.groups.len() - 1
    }

    /// An actor runs, and then those whom it wakes, in the order of that number; if that is even, also in the middle of an exit.
    pub(super) fn begin(&mut self, actor: Actor, order: u64) {
        self.order = (order != 0).then(|| Rng::with_seed(order));
        self.gives_way = order != 0 && order.is_multiple_of(2);
        self.running = Some(actor);
    }

    /// Whether who exits lets another one run now.
    pub(super) fn gives_way(&mut self) -> bool {
        self.gives_way && self.order.as_mut().is_some_and(Rng::bool)
    }

    /// The next thread that was woken.
    pub(super) fn next(&mut self) -> Option<Actor> {
        let index = match &mut self.order {
            Some(order) if !self.queue.is_empty() => order.usize(..self.queue.len()),
            _ => 0,
        };
        let actor = self.queue.remove(index)?;
        self.tasks[actor].is_queued = false;
        Some(actor)
    }

    /// A thread runs soon.
    pub(super) fn wake(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if !task.is_queued && !task.is_gone && self.running != Some(actor) {
            task.is_queued = true;
            self.queue.push_back(actor);
        }
    }

    /// A thread looks at what it sleeps for, and runs if that is over. Who is outside sleeps for nothing.
    pub(super) fn kick(&mut self, thread: &Thread) {
        let actor = thread.host_data().0;
        let Some(task) = self.tasks.get_mut(actor) else { return };
        let wanted = thread.attention();
        let exits = wanted.contains(Attention::EXIT);
        let is_over = match task.phase {
            _ if task.sleeps_in_stop => !thread.is_stopped(),
            Phase::Vfork(_) => exits || !thread.is_waiting_for_vfork(),
            Phase::Exec => exits,
            _ => !wanted.is_empty(),
        };
        if is_over {
            task.is_resumed |= std::mem::take(&mut task.sleeps_in_stop);
            self.wake(actor);
        }
    }

    /// A thread begins to sleep in a wait, the last one to be the first one woken.
    pub(super) fn begin_wait(&mut self, actor: Actor, request: WaitRequest, token: WaitToken) {
        self.waits += 1;
        self.tasks[actor].phase = Phase::Waiting(request, token, self.waits);
    }

    /// A child has news: those of its parent's waiters look again whom it concerns.
    pub(super) fn wake_waiters(&mut self, group: usize, news: &ChildNews) {
        let mut waiters: Vec<_> = self.groups[group]
            .threads
            .iter()
            .filter_map(|&actor| match self.tasks[actor].phase {
                Phase::Waiting(_, token, begun) => {
                    let is_woken = token.is_woken_by(news) && !self.tasks[actor].is_gone;
                    is_woken.then_some((begun, actor))
                }
                _ => None,
            })
            .collect();
        waiters.sort_unstable();
        for (_, actor) in waiters.into_iter().rev() {
            self.wake(actor);
        }
    }

    /// Who waits in its exit has nobody left to wait for.
    pub(super) fn wake_exit(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if !std::mem::replace(&mut task.is_queued, true) {
            self.queue.push_back(actor);
        }
    }

    /// The whole process is about to end, by one of its own threads: the others are made to notice, those behind it first.
    pub(super) fn end_others(&mut self, actor: Actor) {
        let group = self.tasks[actor].group;
        let threads = self.groups[group].threads.clone();
        let own = threads.iter().position(|&it| it == actor).unwrap_or(0);
        for &other in threads[own + 1..].iter().chain(&threads[..own]) {
            let task = &mut self.tasks[other];
            task.is_resumed |= std::mem::take(&mut task.sleeps_in_stop);
            self.wake(other);
        }
    }

    /// A thread begins to exit.
    pub(super) fn remove(&mut self, actor: Actor) {
        self.tasks[actor].is_gone = true;
        self.groups[self.tasks[actor].group].threads.retain(|&it| it != actor);
    }

    /// One thread is the only one left, and the leader.
    pub(super) fn take_over(&mut self, actor: Actor) {
        let group = self.tasks[actor].group;
        self.tasks[actor].is_new_program = true;
        self.executed.push(actor);
        for other in std::mem::take(&mut self.groups[group].threads) {
            self.tasks[other].is_gone |= other != actor;
        }
        let group = &mut self.groups[group];
        group.threads = vec![actor];
        group.leader = actor;
    }
}

/// What user space reads in a siginfo.
pub(super) fn as_seen(info: &SigInfo) -> Seen {
    let bytes = info.to_siginfo();
    Seen::of_siginfo(|index| word_of(&bytes, index))
}

/// The word of 32 bits at that index.
pub(super) fn word_of(bytes: &[u8], index: usize) -> i32 {
    let bytes = bytes.chunks_exact(4).nth(index).and_then(|four| four.try_into().ok());
    bytes.map_or(0, i32::from_ne_bytes)
}
