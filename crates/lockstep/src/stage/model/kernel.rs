//! The rest of a kernel, as far as a script can see it: signal queues, and who runs next.
//!
//! It does what Linux's `signal.c` does on one CPU where a thread runs until it sleeps: whoever is woken stands in a queue, in the order of
//! the wake-ups. Sending is done in the hooks of the model, under its lock; this never calls the model.

mod ptrace;

use std::collections::VecDeque;

use axprocess::{
    ChildNews, DefaultAction, DiscardedSignals, Signal, SignalCause, SignalInfo, WaitRequest,
    WaitToken,
};
use fastrand::Rng;

use self::ptrace::Ptrace;
pub(super) use self::ptrace::{Taken, Tracing, Trap};
use super::super::{Actor, Outcome, Seen};
use crate::script::{Action, Treatment};

/// All processes and threads, as signals see them.
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
    pub(super) merged: Vec<SignalInfo>,
    /// Who has executed a program since that was asked last.
    pub(super) executed: Vec<Actor>,
    /// How many waits have begun.
    waits: u64,
}

/// A thread.
pub(super) struct Task {
    pub(super) group: usize,
    pending: Vec<SignalInfo>,
    pub(super) mask: u64,
    pub(super) phase: Phase,
    pub(super) is_stopped: bool,
    pub(super) is_gone: bool,
    /// It is to exit.
    pub(super) is_dying: bool,
    /// It has executed a program, which has not begun to run.
    pub(super) is_new_program: bool,
    ptrace: Ptrace,
    /// It will look for signals before it goes on.
    pub(super) has_news: bool,
    /// It comes back from a stop, where it looks for signals though nobody has told it to.
    pub(super) is_resumed: bool,
    is_queued: bool,
    /// Handlers that have been entered and have not run.
    pub(super) frames: Vec<SignalInfo>,
}

/// What a thread is doing.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    /// It waits for the script.
    Idle,
    /// It sleeps in a wait that is the so-manieth.
    Waiting(WaitRequest, WaitToken, u64),
    /// A signal has interrupted its wait.
    Interrupted(WaitRequest),
    /// It may not use its terminal now, and asks again when the signal that it got has done what it does.
    Refused,
    /// It waits for the child of its vfork, which has this number.
    Vfork(u32),
    /// It waits in its exec until the other threads are gone.
    Exec,
    /// Its call is done.
    Leaving(Outcome),
}

/// A process.
pub(super) struct Group {
    /// The first thread, dead or alive.
    pub(super) leader: Actor,
    /// The thread that took a signal last which its first choice did not want.
    current: Actor,
    /// All threads that have not exited, in order.
    pub(super) threads: Vec<Actor>,
    pub(super) treatments: [Treatment; 65],
    pending: Vec<SignalInfo>,
    /// It is the init of a namespace.
    pub(super) is_init: bool,
}

/// To whom a signal is sent.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// To a process; the thread that is the first choice, if not the leader.
    Process(Option<Actor>),
    /// To one thread.
    Thread(Actor),
}

/// What a dequeued signal does.
pub(super) enum Delivery {
    /// Nothing to the process. A handler may have been entered.
    Nothing,
    /// It stops the process, perhaps.
    Stop(Signal),
    /// It ends the process.
    End(Signal),
}

const STOPS: [Signal; 4] = [Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
const fn bit(signal: Signal) -> u64 {
    1 << (signal.number() - 1)
}

const fn is_ignored_by_default(signal: Signal) -> bool {
    matches!(signal.default_action(), DefaultAction::Ignore)
}

fn forget(pending: &mut Vec<SignalInfo>, signals: &[Signal]) {
    pending.retain(|info| !signals.contains(&info.signal));
}

/// What a new program of the stage, and its first one, do about `SIGPIPE`.
pub(super) const IGNORED: Treatment =
    Treatment { action: Action::Ignore, no_wait: false, no_stop: false };

const fn is_of_timer(info: &SignalInfo) -> bool {
    matches!(info.cause, SignalCause::Event { code: libc::SI_TIMER, .. })
}

/// Takes out the lowest signal that is not blocked.
fn take(pending: &mut Vec<SignalInfo>, mask: u64) -> Option<SignalInfo> {
    let open = pending.iter().enumerate().filter(|(_, info)| bit(info.signal) & mask == 0);
    let (index, _) = open.min_by_key(|(_, info)| info.signal.number())?;
    Some(pending.remove(index))
}

impl Kernel {
    /// Adds a thread; the first one of a process begins a group that is like `like`.
    pub(super) fn add(&mut self, actor: Actor, group: usize, mask: u64) {
        debug_assert_eq!(actor, self.tasks.len());
        self.groups[group].threads.push(actor);
        self.tasks.push(Task {
            group,
            pending: Vec::new(),
            mask,
            phase: Phase::Idle,
            is_stopped: false,
            is_gone: false,
            is_dying: false,
            is_new_program: false,
            ptrace: Ptrace::default(),
            has_news: false,
            is_resumed: false,
            is_queued: false,
            frames: Vec::new(),
        });
    }

    /// Adds a process without threads.
    pub(super) fn add_group(&mut self, leader: Actor, treatments: [Treatment; 65]) -> usize {
        self.groups.push(Group {
            leader,
            current: leader,
            threads: Vec::new(),
            treatments,
            pending: Vec::new(),
            is_init: false,
        });
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

    fn wake(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if !task.is_queued && !task.is_gone && self.running != Some(actor) {
            task.is_queued = true;
            self.queue.push_back(actor);
        }
    }

    /// Makes a thread look for signals (`signal_wake_up`). One that is stopped, or in a vfork or an exec, sleeps on.
    fn alert(&mut self, actor: Actor) {
        self.tasks[actor].has_news = true;
        let task = &self.tasks[actor];
        let is_asleep = task.is_stopped || task.ptrace.is_trapped();
        if !is_asleep && !matches!(task.phase, Phase::Vfork(_) | Phase::Exec) {
            self.wake(actor);
        }
    }

    /// Makes a thread look for signals, even if it is stopped.
    fn alert_to_death(&mut self, actor: Actor) {
        self.tasks[actor].is_stopped = false;
        self.tasks[actor].has_news = true;
        self.release_if_trapped(actor);
        self.wake(actor);
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

    /// The child of a thread's vfork has let it go.
    pub(super) fn end_vfork(&mut self, actor: Actor) {
        self.wake(actor);
    }

    /// Who waits in its exec is alone.
    pub(super) fn wake_exec(&mut self, actor: Actor) {
        self.wake(actor);
    }

    /// Who waits in its exit has nobody left to wait for.
    pub(super) fn wake_exit(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if !std::mem::replace(&mut task.is_queued, true) {
            self.queue.push_back(actor);
        }
    }

    /// Queues a signal for a process, or for one thread of it, and wakes who is to take it. `is_traced`: whoever is addressed is, and so does not die at once.
    pub(super) fn post(
        &mut self,
        group: usize,
        target: Target,
        is_traced: bool,
        info: &SignalInfo,
    ) {
        let signal = info.signal;
        let pending = match target {
            Target::Thread(thread) => &mut self.tasks[thread].pending,
            Target::Process(_) => &mut self.groups[group].pending,
        };
        // A timer has a place of its own in the queue.
        let is_merged = signal.number() < 32 && !is_of_timer(info);
        if is_merged && pending.iter().any(|queued| queued.signal == signal) {
            self.merged.push(*info);
            return;
        }
        pending.push(*info);
        let first = match target {
            Target::Process(addressed) => addressed.unwrap_or(self.groups[group].leader),
            Target::Thread(thread) => thread,
        };
        let is_shared = matches!(target, Target::Process(_));
        self.complete(group, first, is_shared, is_traced, signal);
    }

    /// Takes signals out of all queues of a process; without stop signals, who is stopped runs.
    pub(super) fn discard(&mut self, group: usize, discard: DiscardedSignals) {
        let discarded: &[Signal] = match discard {
            DiscardedSignals::Stops => &STOPS,
            DiscardedSignals::Continue => &[Signal::SIGCONT],
            DiscardedSignals::Nothing => return,
        };
        forget(&mut self.groups[group].pending, discarded);
        for actor in self.groups[group].threads.clone() {
            forget(&mut self.tasks[actor].pending, discarded);
            if discard != DiscardedSignals::Stops {
                continue;
            }
            self.note_continuation(actor);
            if self.tasks[actor].is_stopped {
                self.tasks[actor].is_stopped = false;
                self.tasks[actor].is_resumed = true;
                self.wake(actor);
            }
        }
    }

    /// Whether a signal would do nothing to the process of a thread: the thread blocks it, or the process ignores it.
    pub(super) fn is_without_effect(&self, actor: Actor, signal: Signal) -> bool {
        let is_ignored = self.action(self.tasks[actor].group, signal) == Action::Ignore;
        is_ignored || self.is_blocked(actor, signal)
    }

    /// What a process does about a signal.
    pub(super) fn action(&self, group: usize, signal: Signal) -> Action {
        let number = usize::from(signal.number());
        self.groups.get(group).map_or(Action::Default, |it| it.treatments[number].action)
    }

    /// Whether a thread blocks a signal.
    pub(super) fn is_blocked(&self, actor: Actor, signal: Signal) -> bool {
        self.tasks.get(actor).is_some_and(|task| task.mask & bit(signal) != 0)
    }

    /// Whether a signal waits in the queue of a process, or in that of a thread.
    pub(super) fn is_queued(&self, group: usize, thread: Option<Actor>, signal: Signal) -> bool {
        let pending = match thread {
            Some(thread) => &self.tasks[thread].pending,
            None => &self.groups[group].pending,
        };
        pending.iter().any(|info| info.signal == signal)
    }

    /// Whether a thread has a signal to look at, and has not come to it.
    pub(super) fn is_told(&self, actor: Actor) -> bool {
        self.running != Some(actor) && self.tasks.get(actor).is_some_and(|task| task.has_news)
    }

    /// Whether a signal waits that a thread could take, and has not been told of: another thread was, and sleeps in a vfork.
    pub(super) fn has_unseen_signal(&self, actor: Actor) -> bool {
        let task = &self.tasks[actor];
        let mut shared = self.groups[task.group].pending.iter();
        shared.any(|info| bit(info.signal) & task.mask == 0)
    }

    /// The exit of a thread's process is decided: wherever it sleeps, it wakes.
    pub(super) fn request_exit(&mut self, actor: Actor) {
        self.tasks[actor].is_dying = true;
        self.alert_to_death(actor);
    }

    /// Whether a thread would take the signal now.
    fn wants(&self, actor: Actor, signal: Signal) -> bool {
        let task = &self.tasks[actor];
        if task.mask & bit(signal) != 0 || task.is_gone {
            return false;
        }
        let is_asleep = task.is_stopped || task.ptrace.is_trapped();
        signal == Signal::SIGKILL || !is_asleep && (self.running == Some(actor) || !task.has_news)
    }

    /// Chooses who takes the signal, and wakes it (`complete_signal`). Whom a signal ends at once the model tells.
    fn complete(
        &mut self,
        group: usize,
        target: Actor,
        is_shared: bool,
        is_traced: bool,
        signal: Signal,
    ) {
        let taker = if self.wants(target, signal) {
            target
        } else if is_shared {
            let threads = &self.groups[group].threads;
            let current = self.groups[group].current;
            let from = threads.iter().position(|&it| it == current).unwrap_or(0);
            let mut around = threads[from..].iter().chain(&threads[..from]).copied();
            let Some(actor) = around.find(|&actor| self.wants(actor, signal)) else {
                return;
            };
            self.groups[group].current = actor;
            actor
        } else {
            return;
        };
        // An init is not ended by what it does not handle, and looks.
        let is_default = self.action(group, signal) == Action::Default;
        let ends = is_default
            && signal.default_action() == DefaultAction::Terminate
            && (signal == Signal::SIGKILL || !is_traced);
        if !ends || self.groups[group].is_init {
            self.alert(taker);
        }
    }

    /// The whole process is about to end, by one of its own threads: the others are made to notice, those behind it first.
    pub(super) fn end_others(&mut self, actor: Actor) {
        let group = self.tasks[actor].group;
        let threads = self.groups[group].threads.clone();
        let own = threads.iter().position(|&it| it == actor).unwrap_or(0);
        for &other in threads[own + 1..].iter().chain(&threads[..own]) {
            self.request_exit(other);
        }
    }

    /// A thread begins to exit: it takes no more signals, and if it was told of any that it could have taken, those are others'.
    pub(super) fn remove(&mut self, actor: Actor) {
        self.tasks[actor].is_gone = true;
        if self.tasks[actor].has_news {
            self.retarget(actor, !self.tasks[actor].mask);
        }
        let group = &mut self.groups[self.tasks[actor].group];
        if group.current == actor && group.leader != actor {
            let own = group.threads.iter().position(|&it| it == actor).unwrap_or(0);
            group.current = group.threads.get(own + 1).copied().unwrap_or(group.leader);
        }
        group.threads.retain(|&it| it != actor);
    }

    fn retarget(&mut self, actor: Actor, open: u64) {
        let group = self.tasks[actor].group;
        let shared = self.groups[group].pending.iter().map(|info| bit(info.signal));
        let mut left = shared.fold(0, |all, one| all | one) & open;
        let threads = self.groups[group].threads.clone();
        let own = threads.iter().position(|&it| it == actor).unwrap_or(0);
        for &other in threads[own + 1..].iter().chain(&threads[..own]) {
            if left & !self.tasks[other].mask != 0 && !self.tasks[other].is_gone {
                left &= self.tasks[other].mask;
                if !self.tasks[other].has_news {
                    self.alert(other);
                }
            }
        }
    }

    /// Changes what a process does about a signal; one that it ignores from now on is discarded.
    pub(super) fn treat(&mut self, group: usize, signal: Signal, treatment: Treatment) {
        self.groups[group].treatments[usize::from(signal.number())] = treatment;
        let is_ignored = match treatment.action {
            Action::Ignore => true,
            Action::Default => is_ignored_by_default(signal),
            Action::Handle => false,
        };
        if is_ignored {
            forget(&mut self.groups[group].pending, &[signal]);
            for actor in self.groups[group].threads.clone() {
                forget(&mut self.tasks[actor].pending, &[signal]);
            }
        }
    }

    /// Changes the mask of the thread that runs.
    pub(super) fn set_mask(&mut self, actor: Actor, mask: u64) {
        const UNBLOCKABLE: u64 = bit(Signal::SIGKILL) | bit(Signal::SIGSTOP);
        let before = self.tasks[actor].mask;
        let mask = mask & !UNBLOCKABLE;
        if mask == before {
            return;
        }
        if self.tasks[actor].has_news {
            self.retarget(actor, mask & !before);
        }
        self.tasks[actor].mask = mask;
        self.look_again(actor);
    }

    /// Whether there is anything to look for (`recalc_sigpending`).
    pub(super) fn look_again(&mut self, actor: Actor) {
        let task = &self.tasks[actor];
        let group = &self.groups[task.group];
        let mut pending = task.pending.iter().chain(&group.pending);
        let has_signal = pending.any(|info| bit(info.signal) & task.mask == 0);
        self.tasks[actor].is_resumed = false;
        let task = &mut self.tasks[actor];
        task.has_news = has_signal || task.is_dying || task.ptrace.has_job();
    }

    /// Takes the next signal from the queues; whether it was the process's.
    pub(super) fn take_signal(&mut self, actor: Actor) -> Option<(SignalInfo, bool)> {
        let task = &mut self.tasks[actor];
        let group = &mut self.groups[task.group];
        let own = take(&mut task.pending, task.mask).map(|info| (info, false));
        own.or_else(|| take(&mut group.pending, task.mask).map(|info| (info, true)))
    }

    /// What a signal does that was taken.
    pub(super) fn deliver(&mut self, actor: Actor, info: SignalInfo) -> Delivery {
        let task = &mut self.tasks[actor];
        let group = &mut self.groups[task.group];
        let signal = info.signal;
        match group.treatments[usize::from(signal.number())].action {
            Action::Ignore => Delivery::Nothing,
            Action::Handle => {
                task.mask |= bit(signal);
                task.frames.push(info);
                if let Phase::Interrupted(_) | Phase::Refused = task.phase {
                    task.phase = Phase::Leaving(Outcome::Error(libc::EINTR));
                }
                Delivery::Nothing
            }
            Action::Default if is_ignored_by_default(signal) => Delivery::Nothing,
            Action::Default if group.is_init && !signal.is_unblockable() => Delivery::Nothing,
            Action::Default if signal.is_stop() => Delivery::Stop(signal),
            Action::Default => Delivery::End(signal),
        }
    }

    /// The innermost handler runs.
    pub(super) fn run_handler(&mut self, actor: Actor) -> Option<Seen> {
        let info = self.tasks[actor].frames.pop()?;
        self.tasks[actor].mask &= !bit(info.signal);
        self.look_again(actor);
        Some(as_seen(&info))
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
        // Timers end with the program, and so do their signals.
        for pending in [&mut group.pending, &mut self.tasks[actor].pending] {
            pending.retain(|info| !is_of_timer(info));
        }
        group.threads = vec![actor];
        (group.leader, group.current) = (actor, actor);
    }

    /// A new program: handlers are gone, what is ignored stays so.
    pub(super) fn forget_handlers(&mut self, actor: Actor) {
        let index = self.tasks[actor].group;
        let group = &mut self.groups[index];
        for treatment in &mut group.treatments {
            let action = match treatment.action {
                Action::Ignore => Action::Ignore,
                _ => Action::Default,
            };
            *treatment = Treatment { action, ..Treatment::default() };
        }
        // The first thing that lockstep does.
        self.treat(index, Signal::SIGPIPE, IGNORED);
    }
}

/// What the handler finds in its siginfo.
pub(super) fn as_seen(info: &SignalInfo) -> Seen {
    let signal = i32::from(info.signal.number());
    let (code, pid, status) = match info.cause {
        SignalCause::Child { pid, .. } | SignalCause::ChildStopUndone { pid } => {
            let told = info.cause.si_code_and_status();
            let (code, status) = told.map_or((0, 0), |told| (told.code, told.status));
            (code, pid, status)
        }
        SignalCause::ParentDeath { pid } | SignalCause::User { pid } => (libc::SI_USER, pid, 0),
        SignalCause::Thread { pid } => (libc::SI_TKILL, pid, 0),
        SignalCause::Given { pid, code, .. } | SignalCause::Event { pid, code, .. } => {
            (code, pid, 0)
        }
        _ => (libc::SI_KERNEL, 0, 0),
    };
    Seen { signal, code, pid: pid.cast_signed(), status }
}
