//! What a kernel keeps of its tracees: the stops that wait for them, and the one in which they sleep.
//!
//! | here | Linux |
//! | --- | --- |
//! | `trap_stop`, `trap_notify` | `JOBCTL_TRAP_STOP`, `JOBCTL_TRAP_NOTIFY` |
//! | `is_trapping` | `JOBCTL_TRAPPING` |
//! | `rejoins` | `JOBCTL_STOP_PENDING` of a thread for which the group stop does not wait |
//! | `stop_signal` | `JOBCTL_STOP_SIGMASK` |
//! | `code` | `task_struct::exit_code`, while the thread sleeps in a ptrace-stop |
//! | `is_listening` | `JOBCTL_LISTENING` |
//!
//! Who traces whom, and what the tracer is told, is the model's.

use axprocess::{Signal, SignalInfo, StopTicket};

use super::{Kernel, Target, Task};
use crate::stage::Actor;

/// The part of a thread in ptrace.
#[derive(Default)]
pub(in crate::stage::model) struct Ptrace {
    /// Nobody traces it.
    tracing: Option<Tracing>,
    trap_stop: bool,
    trap_notify: bool,
    is_trapping: bool,
    rejoins: bool,
    stop_signal: i32,
    trap: Option<Trap>,
    is_released: bool,
    is_listening: bool,
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
        self.trap_stop || self.trap_notify || self.rejoins
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
            self.tasks[actor].ptrace.trap_stop = true;
        } else {
            let cause = axprocess::SignalCause::Kernel;
            self.tasks[actor].pending.push(SignalInfo { signal: Signal::SIGSTOP, cause });
        }
    }

    /// A thread of a group stop has got a tracer, for which it stops anew (`ptrace_set_stopped`).
    pub(in crate::stage::model) fn stop_anew(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        task.ptrace.trap_stop = true;
        task.ptrace.is_trapping = true;
        task.has_news = true;
        if std::mem::take(&mut task.is_stopped) {
            task.is_resumed = true;
            self.wake(actor);
        }
    }

    /// A thread has lost its tracer (`__ptrace_unlink`).
    pub(in crate::stage::model) fn end_tracing(&mut self, actor: Actor) {
        let is_stopping = self.groups[self.tasks[actor].group].is_stopping;
        let task = &mut self.tasks[actor];
        if task.ptrace.tracing.take().is_none() {
            return;
        }
        task.ptrace.trap_stop = false;
        task.ptrace.trap_notify = false;
        task.ptrace.rejoins |= is_stopping;
        if task.ptrace.is_trapped() || task.ptrace.rejoins {
            self.alert_listener(actor, true);
        }
    }

    /// Makes a thread look for signals; if it sleeps in a ptrace-stop, only if that ends (`ptrace_signal_wake_up`).
    fn alert_listener(&mut self, actor: Actor, ends: bool) {
        if ends && self.tasks[actor].is_trapped() {
            self.release(actor);
        }
        self.alert(actor);
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

    /// `PTRACE_INTERRUPT`.
    pub(in crate::stage::model) fn interrupt(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if task.is_gone || task.is_dying {
            return;
        }
        task.ptrace.trap_stop = true;
        self.alert_listener(actor, self.tasks[actor].ptrace.is_listening);
    }

    /// Whether `PTRACE_LISTEN` is allowed.
    pub(in crate::stage::model) fn may_listen(&self, actor: Actor) -> bool {
        let task = &self.tasks[actor];
        task.is_seized() && matches!(task.ptrace.trap, Some(Trap::Job))
    }

    /// `PTRACE_LISTEN`.
    pub(in crate::stage::model) fn listen(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.is_listening = true;
        if self.tasks[actor].ptrace.trap_notify {
            self.alert_listener(actor, true);
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

    /// Of a group stop a seized thread is notified; any other looks.
    pub(super) fn notify_of_stop(&mut self, actor: Actor) {
        if self.tasks[actor].is_seized() {
            self.notify_tracee(actor);
        } else {
            self.alert(actor);
        }
    }

    /// The state of the group stop has changed (`ptrace_trap_notify`).
    fn notify_tracee(&mut self, actor: Actor) {
        let task = &mut self.tasks[actor];
        if task.is_gone {
            return;
        }
        task.ptrace.trap_notify |= !task.is_dying;
        self.alert_listener(actor, self.tasks[actor].ptrace.is_listening);
    }

    /// `SIGCONT` is sent to the process of a thread. Whether the thread was notified.
    pub(super) fn note_continuation(&mut self, actor: Actor) -> bool {
        let task = &mut self.tasks[actor];
        task.ptrace.rejoins = false;
        let is_seized = task.is_seized();
        if is_seized {
            self.notify_tracee(actor);
        }
        is_seized
    }

    /// A thread has begun a group stop by that signal, or another one while the first lasts: those take part in that too whom their tracer has let run.
    pub(in crate::stage::model) fn begin_group_stop(&mut self, actor: Actor, signal: Signal) {
        let group = self.tasks[actor].group;
        let is_second = std::mem::replace(&mut self.groups[group].is_stopping, true);
        let threads = self.groups[group].threads.clone();
        let own = threads.iter().position(|&it| it == actor).unwrap_or(0);
        for &other in threads[own..].iter().chain(&threads[..own]) {
            let task = &mut self.tasks[other];
            if task.is_stopped || task.is_dying {
                continue;
            }
            task.ptrace.stop_signal = signal.number().into();
            if is_second {
                task.ptrace.rejoins = true;
                if other != actor {
                    self.notify_of_stop(other);
                }
            }
        }
    }

    /// A new thread is in the group stop of its maker.
    pub(in crate::stage::model) fn inherit_stop(&mut self, actor: Actor, maker: Actor) {
        self.tasks[actor].ptrace.stop_signal = self.tasks[maker].ptrace.stop_signal;
        self.alert(actor);
    }

    /// Whether a thread that was in the group stop before is to take part in it again.
    pub(in crate::stage::model) fn has_to_rejoin(&self, actor: Actor) -> bool {
        self.tasks[actor].ptrace.rejoins
    }

    /// A thread takes part in the group stop.
    pub(in crate::stage::model) fn rejoin(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.rejoins = false;
    }

    /// A tracee takes part in a group stop by a ptrace-stop.
    pub(in crate::stage::model) fn schedule_trap(&mut self, actor: Actor) {
        self.tasks[actor].ptrace.trap_stop = true;
    }

    /// The code of the stop that a tracee has to make now, if it has.
    pub(in crate::stage::model) fn due_trap(&self, actor: Actor) -> Option<i32> {
        const EVENT_STOP: i32 = libc::PTRACE_EVENT_STOP << 8;
        let task = &self.tasks[actor];
        if !task.ptrace.trap_stop && !task.ptrace.trap_notify {
            return None;
        }
        let signal = task.ptrace.stop_signal;
        Some(match task.is_seized() {
            false => signal,
            true if self.groups[task.group].is_stopping => EVENT_STOP | signal,
            true => EVENT_STOP | libc::SIGTRAP,
        })
    }

    /// A tracee goes to sleep in a ptrace-stop.
    pub(in crate::stage::model) fn enter_trap(&mut self, actor: Actor, trap: Trap, code: i32) {
        let ptrace = &mut self.tasks[actor].ptrace;
        ptrace.trap_stop = false;
        ptrace.is_trapping = false;
        if let Trap::Job = trap {
            ptrace.trap_notify = false;
        }
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
        ptrace.is_listening = false;
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
