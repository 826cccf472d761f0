//! ptrace on the model: the requests of tracers, and the stops of tracees.
//!
//! A stop is a sleep in the middle of whatever the thread does: of the delivery of a signal, or of a system call. [`Model::leave_trap`] goes on with it.

use axprocess::{
    ARef, Errno, KernelCause, Signal, Thread, TraceOptions, TraceStart, TraceStop, TraceStopped,
};
use axprocess_signals::signals_of;

use super::super::{Actor, Tracee};
use super::Model;
use super::calls::{Done, nothing, plain};
use super::host::Layer;
use super::kernel::{Tracing, Trap};
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
                self.kernel().tasks[tracee.host_data().0].code = *signal;
                thread.resume_tracee(tid)?;
                self.kernel().kick(&tracee);
                Ok(())
            }),
            TraceCall::Detach(_, signal) => checked(&thread, tid, *signal).and_then(|tracee| {
                self.kernel().tasks[tracee.host_data().0].code = *signal;
                thread.detach(tid)
            }),
        })
    }

    fn trace_me(&self, actor: Actor) -> Result<(), Errno> {
        let thread = &self.members[actor].thread;
        thread.trace_me()?;
        if thread.is_traced() {
            self.kernel().tasks[actor].tracing = Tracing::default();
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
        let is_seized = start == TraceStart::Seize;
        self.kernel().tasks[tracee.host_data().0].tracing = Tracing { is_seized, options };
        if tracee.is_trapping() {
            while tracee.is_trapping() && self.run_next() {}
            self.kernel().running = Some(actor);
        }
        Ok(())
    }

    fn set_options(&self, tracer: &Thread<Layer>, tid: i32, options: i32) -> Result<(), Errno> {
        let tracee = tracer.stopped_tracee(tid)?;
        tracer.set_trace_options(tid, known(options))?;
        self.kernel().tasks[tracee.host_data().0].tracing.options = options;
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
            self.kernel().tasks[child].tracing = tracing;
            if !tracing.is_seized {
                signals_of(&thread).begin_traced();
            }
            self.begin_life(child);
        }
        Ok(Some(event))
    }

    /// How a thread is traced.
    fn tracing(&self, actor: Actor) -> Option<Tracing> {
        let is_traced = self.members[actor].thread.is_traced();
        is_traced.then(|| self.kernel().tasks[actor].tracing)
    }

    /// How a thread is traced, if its tracer has asked for that event.
    fn enabled(&self, actor: Actor, event: i32) -> Option<Tracing> {
        self.tracing(actor).filter(|tracing| tracing.options & (1 << event) != 0)
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
        } else if self.tracing(actor).is_some_and(|tracing| !tracing.is_seized) {
            let thread = &self.members[actor].thread;
            thread.send_signal(Signal::SIGTRAP, KernelCause::OnBehalfOf(thread.process()));
        }
    }

    /// A thread that has begun to exit stops, if its tracer has asked for that.
    pub(super) fn stop_for_exit(&self, actor: Actor) -> bool {
        const EVENT: i32 = libc::PTRACE_EVENT_EXIT;
        self.enabled(actor, EVENT).is_some()
            && self.enter_trap(actor, Trap::Exit, EVENT << 8 | libc::SIGTRAP)
    }

    /// A tracee goes to sleep, unless it is being killed; first its tracer is told of the stop, then its parent, if the group stop is complete with it.
    pub(super) fn enter_trap(&self, actor: Actor, trap: Trap, code: i32) -> bool {
        let thread = &self.members[actor].thread;
        let Some(stop) = u16::try_from(code).ok().and_then(TraceStop::new) else {
            return false;
        };
        {
            let mut kernel = self.kernel();
            kernel.tasks[actor].trap = Some(trap);
            kernel.tasks[actor].code = code;
            kernel.tasks[actor].sleeps_in_stop = true;
        }
        let stops = thread.trace_stop(stop) == TraceStopped::Stopped;
        if !stops {
            let mut kernel = self.kernel();
            kernel.tasks[actor].trap = None;
            kernel.tasks[actor].sleeps_in_stop = false;
        }
        stops
    }

    /// A woken thread goes on behind its ptrace-stop. False if that is not over, or it has ended.
    pub(super) fn leave_trap(&mut self, actor: Actor) -> bool {
        let trap = {
            let kernel = self.kernel();
            if kernel.tasks[actor].sleeps_in_stop {
                return false;
            }
            kernel.tasks[actor].trap
        };
        match trap {
            Some(Trap::Exit) => {
                self.kernel().tasks[actor].trap = None;
                self.finish_exit(actor);
                false
            }
            Some(Trap::Job | Trap::Event) => {
                self.kernel().tasks[actor].trap = None;
                true
            }
            // Its signal is met on the way back into its program.
            Some(Trap::Signal(_)) | None => true,
        }
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
        let does_stop = |actor: Actor| {
            let tracing = self.tracing(actor);
            tracing.is_some_and(|it| it.options & libc::PTRACE_O_TRACEEXIT != 0)
        };
        reached.contains(&group(tracer)) && (stops || (0..self.members.len()).any(does_stop))
    }

    /// Who is traced, in the order of births.
    pub(crate) fn tracees(&self) -> impl Iterator<Item = Tracee> {
        self.members.iter().enumerate().filter_map(|(actor, member)| {
            let tracer = member.thread.tracer()?.host_data().0;
            let kernel = self.kernel();
            let task = &kernel.tasks[actor];
            let (is_alive, is_stopped) = (!task.is_gone, task.trap.is_some());
            Some(Tracee { actor, tracer, is_alive, is_stopped })
        })
    }

    /// Whether one of a thread's siblings traces a dead thread, and another one the leader of that.
    pub(super) fn do_siblings_share_dead_process(&self, actor: Actor) -> bool {
        let process = |actor: Actor| self.members[actor].thread.process().host_data().0;
        let is_siblings = |it: &Tracee| it.tracer != actor && process(it.tracer) == process(actor);
        let tracees: Vec<Tracee> = self.tracees().filter(is_siblings).collect();
        tracees.iter().filter(|it| !it.is_alive).any(|dead| {
            let leader = self.kernel().groups[process(dead.actor)].leader;
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
                && self.kernel().tasks[*actor].trap.is_some()
        };
        let read = (0..self.members.len()).find(is_it);
        if let Some(actor) = read {
            self.kernel().tasks[actor].code = 0;
        }
    }
}

/// A stopped tracee, if the signal is one.
fn checked(tracer: &Thread<Layer>, tid: i32, signal: i32) -> Result<ARef<Thread<Layer>>, Errno> {
    let tracee = tracer.stopped_tracee(tid)?;
    if (0..=64).contains(&signal) { Ok(tracee) } else { Err(Errno::EIO) }
}

/// The options that the model knows.
fn known(options: i32) -> TraceOptions {
    TraceOptions::from_bits_truncate(options.cast_unsigned())
}

pub(super) fn as_signal(number: i32) -> Option<Signal> {
    u8::try_from(number).ok().and_then(Signal::new)
}
