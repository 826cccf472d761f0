//! ptrace on the model: the requests of tracers, and the stops of tracees.
//!
//! A stop is a sleep in the middle of whatever the thread does: of the delivery of a signal, or of a system call. [`Model::leave_trap`] goes on with it.

use axprocess::{
    ARef, Attention, Errno, Signal, SignalCause, SignalInfo, Thread, ThreadStop, TraceOptions,
    TraceStart, TraceStop, TraceStopped,
};

use super::super::{Actor, Tracee};
use super::Model;
use super::calls::{Done, nothing, plain};
use super::host::World;
use super::kernel::{Taken, Task, Tracing, Trap};
use crate::script::TraceCall;

impl Model {
    /// Makes a request of ptrace.
    pub(super) fn trace(&mut self, actor: Actor, call: &TraceCall) -> Done {
        let thread = ARef::clone(&self.members[actor].thread);
        let tid = call.target().map_or(0, plain);
        nothing(match call {
            TraceCall::Me => self.trace_me(actor),
            TraceCall::Attach(_) => self.attach(actor, tid, TraceStart::Attach, 0),
            TraceCall::Seize(_, options) => self.attach(actor, tid, TraceStart::Seize, *options),
            TraceCall::SetOptions(_, options) => self.set_options(&thread, tid, *options),
            TraceCall::Interrupt(_) => thread.interrupt_tracee(tid),
            TraceCall::Listen(_) => thread.listen_to_tracee(tid),
            TraceCall::Continue(_, signal) => checked(&thread, tid, *signal).and_then(|tracee| {
                thread.resume_tracee(tid)?;
                self.table.host().kernel().resume(tracee.host_data().0, *signal);
                Ok(())
            }),
            TraceCall::Detach(_, signal) => checked(&thread, tid, *signal).and_then(|tracee| {
                self.table.host().kernel().answer(tracee.host_data().0, *signal);
                thread.detach(tid)
            }),
        })
    }

    fn trace_me(&self, actor: Actor) -> Result<(), Errno> {
        let thread = &self.members[actor].thread;
        thread.trace_me()?;
        if thread.tracer().is_some() {
            let tracing = Tracing { is_seized: false, options: 0 };
            self.table.host().kernel().begin_tracing(actor, tracing);
        }
        Ok(())
    }

    /// Who sleeps in a group stop has stopped for its tracer before that goes on.
    fn attach(
        &mut self,
        actor: Actor,
        tid: i32,
        start: TraceStart,
        options: i32,
    ) -> Result<(), Errno> {
        let tracer = ARef::clone(&self.members[actor].thread);
        let tracee = tracer.attach(tid, start, known(options))?;
        let target = tracee.host_data().0;
        let tracing = Tracing { is_seized: start == TraceStart::Seize, options };
        self.table.host().kernel().begin_tracing(target, tracing);
        if self.table.host().kernel().is_trapping(target) {
            while self.table.host().kernel().is_trapping(target) && self.run_next() {}
            self.table.host().kernel().running = Some(actor);
        }
        Ok(())
    }

    fn set_options(&self, tracer: &Thread<World>, tid: i32, options: i32) -> Result<(), Errno> {
        let tracee = tracer.stopped_tracee(tid)?;
        tracer.set_trace_options(tid, known(options))?;
        let mut kernel = self.table.host().kernel();
        let target = tracee.host_data().0;
        if let Some(tracing) = kernel.tasks[target].tracing() {
            kernel.begin_tracing(target, Tracing { options, ..tracing });
        }
        Ok(())
    }

    /// A thread that was made by a tracee has its tracer, if that has asked for this; the event in which the maker then stops.
    pub(super) fn inherit_tracer(
        &self,
        maker: Actor,
        child: Actor,
        event: i32,
    ) -> Result<Option<i32>, Errno> {
        let Some(tracing) = self.enabled(maker, event) else {
            return Ok(None);
        };
        let thread = ARef::clone(&self.members[child].thread);
        if thread.inherit_tracer(&self.members[maker].thread)?.is_some() {
            let mut kernel = self.table.host().kernel();
            kernel.begin_life_traced(child, tracing);
            kernel.begin_life(child);
        }
        Ok(Some(event))
    }

    /// How a thread is traced, if its tracer has asked for that event.
    fn enabled(&self, actor: Actor, event: i32) -> Option<Tracing> {
        let tracing = self.table.host().kernel().tasks[actor].tracing()?;
        (tracing.options & (1 << event) != 0).then_some(tracing)
    }

    /// An event happens to a thread: it stops, if its tracer has asked for that.
    pub(super) fn stop_for_event(&self, actor: Actor, event: i32) {
        if self.enabled(actor, event).is_some() {
            self.enter_trap(actor, Trap::Event, event << 8 | libc::SIGTRAP);
        }
    }

    /// A program has been executed: who was attached gets `SIGTRAP`, unless its tracer has asked for the event.
    pub(super) fn stop_for_exec(&self, actor: Actor) {
        if self.enabled(actor, libc::PTRACE_EVENT_EXEC).is_some() {
            self.stop_for_event(actor, libc::PTRACE_EVENT_EXEC);
            return;
        }
        let tracing = self.table.host().kernel().tasks[actor].tracing();
        if tracing.is_some_and(|tracing| !tracing.is_seized)
            && let Some(signal) = as_signal(libc::SIGTRAP)
        {
            let cause = SignalCause::User { pid: self.members[actor].thread.process().pid() };
            let info = SignalInfo { signal, cause };
            self.table.host().kernel().post_to_self(actor, &info);
        }
    }

    /// A thread that has begun to exit stops, if its tracer has asked for that.
    pub(super) fn stop_for_exit(&self, actor: Actor) -> bool {
        const EVENT: i32 = libc::PTRACE_EVENT_EXIT;
        self.enabled(actor, EVENT).is_some()
            && self.enter_trap(actor, Trap::Exit, EVENT << 8 | libc::SIGTRAP)
    }

    /// A thread that was told to looks where it has to stop. Whether it sleeps there.
    pub(super) fn joins_stop(&self, actor: Actor) -> bool {
        let thread = &self.members[actor].thread;
        if !thread.attention().contains(Attention::STOP) {
            return false;
        }
        let joined = thread.join_stop();
        let mut kernel = self.table.host().kernel();
        kernel.note_looked(actor);
        match joined {
            ThreadStop::RunsOn => {}
            ThreadStop::Trapped => kernel.enter_trap(actor, Trap::Job, 0),
            ThreadStop::OthersRun | ThreadStop::Last | ThreadStop::Joined => {
                kernel.tasks[actor].is_stopped = true;
            }
        }
        joined != ThreadStop::RunsOn
    }

    /// A tracee stops before a signal is delivered; false if nobody traces it.
    pub(super) fn stop_for_signal(&self, actor: Actor, taken: Taken) -> bool {
        let is_traced = self.table.host().kernel().tasks[actor].tracing().is_some();
        let signal = taken.info.signal;
        is_traced
            && signal != Signal::SIGKILL
            && self.enter_trap(actor, Trap::Signal(taken), signal.number().into())
    }

    /// A tracee goes to sleep; first its tracer is told of the stop, then its parent, if the group stop is complete with it.
    fn enter_trap(&self, actor: Actor, trap: Trap, code: i32) -> bool {
        let thread = &self.members[actor].thread;
        let Some(stop) = u16::try_from(code).ok().and_then(TraceStop::new) else {
            return false;
        };
        self.table.host().kernel().enter_trap(actor, trap, code);
        thread.trace_stop(stop) == TraceStopped::Stopped
    }

    /// A woken thread goes on behind its ptrace-stop. False if that is not over.
    pub(super) fn leave_trap(&mut self, actor: Actor) -> bool {
        let left = self.table.host().kernel().leave_trap(actor);
        let Some((trap, code)) = left else {
            return !self.table.host().kernel().tasks[actor].is_trapped();
        };
        match trap {
            Trap::Signal(taken) => self.decide(actor, taken, code),
            Trap::Exit => {
                self.finish_exit(actor);
                return false;
            }
            Trap::Job | Trap::Event => {}
        }
        true
    }

    /// What the tracer has said decides what becomes of the signal (`ptrace_signal`).
    fn decide(&self, actor: Actor, mut taken: Taken, answer: i32) {
        let Some(signal) = as_signal(answer) else {
            return;
        };
        let thread = &self.members[actor].thread;
        if signal != taken.info.signal {
            let space = thread.process().namespace();
            let pid = match thread.tracer() {
                Some(tracer) => tracer.tid_in(&space),
                None => thread.read(|view| {
                    let parent = view.parent_thread(thread.process());
                    parent.map_or(0, |parent| view.tid(parent, &space))
                }),
            };
            taken.info = SignalInfo { signal, cause: SignalCause::User { pid } };
        }
        let is_blocked = self.table.host().kernel().is_blocked(actor, signal);
        if !is_blocked && !self.is_dying(actor) {
            self.table.host().kernel().decide(actor, taken);
            return;
        }
        // Who dies in another thread's exec leaves the signal to that one.
        let process = thread.process();
        if process.is_group_exiting() {
            return;
        }
        let discard = process.note_signal_sent(signal);
        let mut kernel = self.table.host().kernel();
        kernel.discard(process.host_data().0, discard);
        kernel.requeue(actor, &taken);
    }

    /// Whether two processes could wait for each other in their exits, for ever, or process 1 in its own: `SIGKILL` does not end that stop. So nobody traces
    /// in a ring where somebody stops so.
    fn could_last_for_ever(&self, actor: Actor, target: Option<Actor>, call: &TraceCall) -> bool {
        let options = match call {
            TraceCall::Seize(_, options) | TraceCall::SetOptions(_, options) => *options,
            TraceCall::Attach(_) | TraceCall::Me => 0,
            _ => return false,
        };
        let group = |actor: Actor| self.members[actor].thread.process().host_data().0;
        let stops = options & libc::PTRACE_O_TRACEEXIT != 0;
        let parent = || {
            let thread = &self.members[actor].thread;
            thread.read(|view| view.parent_thread(thread.process()).map(|it| it.host_data().0))
        };
        let (tracer, tracee) = match call {
            TraceCall::Me => (parent(), Some(actor)),
            _ => (Some(actor), target),
        };
        let Some((tracer, tracee)) = tracer.zip(tracee) else {
            return false;
        };
        if stops && group(tracee) == 0 {
            return true;
        }
        let edges: Vec<_> = self.tracees().map(|it| (group(it.tracer), group(it.actor))).collect();
        let mut reached = vec![group(tracee)];
        let mut index = 0;
        while let Some(&from) = reached.get(index) {
            let next = edges.iter().filter(|(tracer, _)| *tracer == from).map(|(_, it)| *it);
            let new: Vec<_> = next.filter(|it| !reached.contains(it)).collect();
            reached.extend(new);
            index += 1;
        }
        let kernel = self.table.host().kernel();
        let does_stop = |task: &Task| {
            let tracing = task.tracing();
            tracing.is_some_and(|it| it.options & libc::PTRACE_O_TRACEEXIT != 0)
        };
        reached.contains(&group(tracer)) && (stops || kernel.tasks.iter().any(does_stop))
    }

    /// Who is traced, in the order of births.
    pub(crate) fn tracees(&self) -> impl Iterator<Item = Tracee> {
        self.members.iter().enumerate().filter_map(|(actor, member)| {
            let tracer = member.thread.tracer()?.host_data().0;
            let kernel = self.table.host().kernel();
            let task = &kernel.tasks[actor];
            let (is_alive, is_stopped) = (!task.is_gone, task.is_trapped());
            Some(Tracee { actor, tracer, is_alive, is_stopped })
        })
    }

    /// Whether one of a thread's siblings traces a dead thread, and another one the leader of that.
    pub(super) fn do_siblings_share_dead_process(&self, actor: Actor) -> bool {
        let process = |actor: Actor| self.members[actor].thread.process().host_data().0;
        let is_siblings = |it: &Tracee| it.tracer != actor && process(it.tracer) == process(actor);
        let tracees: Vec<Tracee> = self.tracees().filter(is_siblings).collect();
        tracees.iter().filter(|it| !it.is_alive).any(|dead| {
            let leader = self.table.host().kernel().groups[process(dead.actor)].leader;
            tracees.iter().any(|it| it.actor == leader && it.tracer != dead.tracer)
        })
    }

    /// Whether a request would have no certain result on Linux: it would wait for an exec of the target's, or make the tracer one that stands outside of the script.
    pub(crate) fn is_trace_vague(&self, actor: Actor, call: &TraceCall) -> bool {
        let named =
            |number| (0..self.members.len()).find(|&it| self.number_of(it, actor) == Some(number));
        let target = call.target().map(plain).and_then(named);
        let group = |actor: Actor| self.members[actor].thread.process().host_data().0;
        let is_init = |actor: Actor| group(actor) == 0;
        let is_by_outsider = *call == TraceCall::Me && is_init(actor);
        if is_by_outsider || self.could_last_for_ever(actor, target, call) {
            return true;
        }
        match call {
            TraceCall::Attach(_) | TraceCall::Seize(..) => {
                target.is_some_and(|target| self.execs.keys().any(|&it| group(it) == group(target)))
            }
            // It could end process 1.
            TraceCall::Continue(_, signal) | TraceCall::Detach(_, signal) => {
                *signal == libc::SIGKILL && target.is_some_and(is_init)
            }
            _ => false,
        }
    }

    /// The tracer has waited for a stop of the thread that has this number for `reader`: it has read the code.
    pub(super) fn note_stop_read(&self, reader: Actor, tid: i32) {
        let is_it = |actor: &Actor| {
            self.number_of(*actor, reader) == Some(tid)
                && self.table.host().kernel().tasks[*actor].is_trapped()
        };
        let read = (0..self.members.len()).find(is_it);
        if let Some(actor) = read {
            self.table.host().kernel().note_stop_read(actor);
        }
    }
}

/// A stopped tracee, if the signal is one.
fn checked(tracer: &Thread<World>, tid: i32, signal: i32) -> Result<ARef<Thread<World>>, Errno> {
    let tracee = tracer.stopped_tracee(tid)?;
    if (0..=64).contains(&signal) { Ok(tracee) } else { Err(Errno::EIO) }
}

/// The options that the model knows.
fn known(options: i32) -> TraceOptions {
    TraceOptions::from_bits_truncate(options.cast_unsigned())
}

fn as_signal(number: i32) -> Option<Signal> {
    u8::try_from(number).ok().and_then(Signal::new)
}
