//! What a kernel keeps of its tracees: the ptrace-stop in which they sleep, and what comes behind it.
//!
//! | here | Linux |
//! | --- | --- |
//! | `has_job` | `JOBCTL_PENDING_MASK`, as `recalc_sigpending` asks for it |
//! | `is_trapping` | `JOBCTL_TRAPPING` |
//! | `code` | `task_struct::exit_code`, while the thread sleeps in a ptrace-stop |
//!
//! Who traces whom, who has to stop, and what the tracer is told, is the model's.

use axprocess::{Signal, SignalInfo, StopTicket};

use super::{Kernel, Target, Task};
use crate::stage::Actor;

/// The part of a thread in ptrace.
#[derive(Default)]
pub(in crate::stage::model) struct Ptrace {
    /// Nobody traces it.
    tracing: Option<Tracing>,
    /// It was told to look where it has to stop.
    has_job: bool,
    is_trapping: bool,
    trap: Option<Trap>,
    is_released: bool,
    code: i32,
    /// It has come back from the stop before a signal, and goes on with what is pending.
    is_amid_signals: bool,
    /// What it does next about the signal that it has stopped for.
    decided: Option<Taken>,
}

/// How a thread is traced.
#[derive(Clone, Copy)]
pub(in crate::stage::model) struct Tracing {
    pub(in crate::stage::model) is_seized: bool,
    /// `PTRACE_O_…`
    pub(in crate::stage::model) options: i32,
}

/// A signal that a thread has taken from a queue.
#[derive(Clone, Copy)]
pub(in crate::stage::model) struct Taken {
    pub(in crate::stage::model) info: SignalInfo,
    /// The moment.
    pub(in crate::stage::model) ticket: StopTicket,
    /// It was the process's.
    pub(in crate::stage::model) is_shared: bool,
}

/// A ptrace-stop.
#[derive(Clone, Copy)]
pub(in crate::stage::model) enum Trap {
    /// Before a signal is delivered.
    Signal(Taken),
    /// For a group stop, or `PTRACE_INTERRUPT`.
    Job,
    /// In the middle of a system call, which then goes on.
    Event,
    /// At the beginning of its exit.
    Exit,
}

impl Ptrace {
    /// Whether it sleeps in a ptrace-stop.
    pub(super) const fn is_trapped(&self) -> bool {
        self.trap.is_some()
    }

    /// Whether it is to look for something else than signals.
    pub(super) const fn has_job(&self) -> bool {
        self.has_job
    }
}

impl Task {
    /// How it is traced.
    pub(in crate::stage::model) const fn tracing(&self) -> Option<Tracing> {
        self.ptrace.tracing
    }

    /// Whether it sleeps in a ptrace-stop.
    pub(in crate::stage::model) const fn is_trapped(&self) -> bool {
        self.ptrace.is_trapped()
    }

    fn is_seized(&self) -> bool {
        self.ptrace.tracing.is_some_and(|tracing| tracing.is_seized)
    }
}

impl Kernel {
    /// A thread has got a tracer.
    pub(in crate::stage::model) fn begin_tracing(&mut self, actor: Actor, tracing: Tracing) {
        self.tasks[actor].ptrace.tracing = Some(tracing);
    }

    /// A new thread, of which the tracer of its maker is the tracer, stops first of all.
    pub(in crate::stage::model) fn begin_life_traced(&mut self, actor: Actor, tracing: Tracing) {
        self.begin_tracing(actor, tracing);
        if tracing.is_seized {
            self.tasks[actor].ptrace.has_job = true;
        } else {
            let cause = axprocess::SignalCause::Kernel;
            self.tasks[actor].pending.push(SignalInfo { signal: Signal::SIGSTOP, cause });
        }
    }

    /// A thread of a group stop has got a tracer, for which it stops anew (`ptrace_set_stopped`).
    pub(in crate::stage::model) fn stop_anew(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        task.ptrace.has_job = true;
        task.ptrace.is_trapping = true;
        task.has_news = true;
        if std::mem::take(&mut task.is_stopped) {
            task.is_resumed = true;
            self.wake(actor);
        }
    }

    /// A thread has lost its tracer (`__ptrace_unlink`). `stops`: a group stop waits for it.
    pub(in crate::stage::model) fn end_tracing(&mut self, actor: Actor, stops: bool) {
        let task = &mut self.tasks[actor];
        if task.ptrace.tracing.take().is_none() {
            return;
        }
        task.ptrace.has_job |= stops;
        if task.is_trapped() {
            self.release(actor);
        }
        if self.tasks[actor].is_trapped() || stops {
            self.alert(actor);
        }
    }

    /// A thread has to look where it has to stop. `sleeps`: it does not leave the stop for that in which it is.
    pub(in crate::stage::model) fn request_stop(&mut self, actor: Actor, sleeps: bool) {
        self.tasks[actor].ptrace.has_job = true;
        if self.tasks[actor].is_trapped() && !sleeps {
            self.release(actor);
        }
        self.alert(actor);
    }

    /// A thread has looked where it has to stop.
    pub(in crate::stage::model) fn note_looked(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.has_job = false;
    }

    /// A ptrace-stop is over, as soon as the thread runs.
    fn release(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.is_released = true;
        self.wake(actor);
    }

    /// The same for one that is killed.
    pub(super) fn release_if_trapped(&mut self, actor: Actor) {
        if self.tasks[actor].is_trapped() {
            self.release(actor);
        }
    }

    /// The tracer says what becomes of the signal that a tracee has stopped for.
    pub(in crate::stage::model) fn answer(&mut self, actor: Actor, signal: i32) {
        self.tasks[actor].ptrace.code = signal;
    }

    /// `PTRACE_CONT`.
    pub(in crate::stage::model) fn resume(&mut self, actor: Actor, signal: i32) {
        self.answer(actor, signal);
        self.release(actor);
    }

    /// `SIGCONT` is sent to the process of a thread: there is no group stop to look for. Who was seized has something else to show.
    pub(super) fn note_continuation(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        task.ptrace.has_job &= task.is_seized();
    }

    /// A new thread is in the group stop of its maker.
    pub(in crate::stage::model) fn inherit_stop(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.has_job = true;
        self.alert(actor);
    }

    /// A tracee goes to sleep in a ptrace-stop.
    pub(in crate::stage::model) fn enter_trap(&mut self, actor: Actor, trap: Trap, code: i32) {
        let ptrace = &mut self.tasks[actor].ptrace;
        ptrace.is_trapping = false;
        (ptrace.trap, ptrace.code) = (Some(trap), code);
    }

    /// The tracer has waited for the stop of a tracee.
    pub(in crate::stage::model) fn note_stop_read(&mut self, actor: Actor) {
        self.answer(actor, 0);
    }

    /// A thread that was woken leaves the ptrace-stop that is over: which one it was, and the answer of its tracer.
    pub(in crate::stage::model) fn leave_trap(&mut self, actor: Actor) -> Option<(Trap, i32)> {
        let ptrace = &mut self.tasks[actor].ptrace;
        let trap = ptrace.trap.take_if(|_| ptrace.is_released)?;
        ptrace.is_released = false;
        ptrace.is_amid_signals = matches!(trap, Trap::Signal(_));
        let code = std::mem::take(&mut ptrace.code);
        // What it was told before it has not forgotten, and looks at it when it comes to that.
        let was_told = self.tasks[actor].has_news;
        self.look_again(actor);
        self.tasks[actor].has_news |= was_told;
        self.tasks[actor].is_resumed = true;
        Some((trap, code))
    }

    /// A new thread has something to do before it runs.
    pub(in crate::stage::model) fn begin_life(&mut self, actor: Actor) {
        self.alert(actor);
    }

    /// Whether a thread is on its way out of a group stop, into one for its tracer.
    pub(in crate::stage::model) fn is_trapping(&self, actor: Actor) -> bool {
        self.tasks[actor].ptrace.is_trapping
    }

    /// The kernel sends a tracee a signal by its own doing.
    pub(in crate::stage::model) fn post_to_self(&mut self, actor: Actor, info: &SignalInfo) {
        self.post(self.tasks[actor].group, Target::Thread(actor), true, info);
    }

    /// A thread that goes on behind the stop before a signal: what its tracer lets it do about that. `None`: it has not come from there.
    pub(in crate::stage::model) fn go_on_amid_signals(
        &mut self,
        actor: Actor,
    ) -> Option<Option<Taken>> {
        let ptrace = &mut self.tasks[actor].ptrace;
        let decided = ptrace.decided.take();
        std::mem::take(&mut ptrace.is_amid_signals).then_some(decided)
    }

    /// The tracer lets a thread have a signal.
    pub(in crate::stage::model) fn decide(&mut self, actor: Actor, taken: Taken) {
        self.tasks[actor].ptrace.decided = Some(taken);
    }

    /// Puts a signal back into the queue from which it was taken.
    pub(in crate::stage::model) fn requeue(&mut self, actor: Actor, taken: &Taken) {
        let group = self.tasks[actor].group;
        let target = match taken.is_shared {
            true => Target::Process(Some(actor)),
            false => Target::Thread(actor),
        };
        self.post(group, target, true, &taken.info);
    }
}
