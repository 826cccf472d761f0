//! ptrace(2), as far as it is about who runs: tracers and tracees, stops and events. Registers and memory of a tracee stay its own.
//!
//! A stop is a sleep amid what the tracee does: the delivery of a signal, a system call, its exit. What its tracer says when it goes on is kept with it.

use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use axprocess::{
    Attention, CloneFlags, Errno, ExitSignal, KernelCause, Signal, TraceOptions, TraceStart,
    TraceStop, TraceStopped,
};
use axprocess_signals::{Delivery, TracedSignal, signals_of};
use linux_raw_sys::ptrace::*;

use crate::call::{Answer, Call, ensure, nothing};
use crate::host::{Thread, sleep_while};
use crate::thread::sleep_in_stop;

/// What a tracer can ask to be told of: `PTRACE_EVENT_…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Fork = 1,
    Vfork = 2,
    Clone = 3,
    Exec = 4,
    VforkDone = 5,
    Exit = 6,
}

impl Event {
    /// The one of a birth.
    pub(crate) fn of_birth(flags: CloneFlags, exit_signal: ExitSignal) -> Self {
        if flags.contains(CloneFlags::VFORK) {
            Self::Vfork
        } else if exit_signal != ExitSignal::SIGCHLD || flags.contains(CloneFlags::THREAD) {
            Self::Clone
        } else {
            Self::Fork
        }
    }

    const fn option(self) -> TraceOptions {
        TraceOptions::from_bits_truncate(1 << self as u32)
    }
}

fn answer(thread: &Thread) -> &AtomicI32 {
    &thread.host_data().answer_of_tracer
}

/// How a thread is traced, if it is; where nobody does, that is one load.
fn tracing(thread: &Thread) -> Option<(TraceStart, TraceOptions)> {
    if thread.is_traced() { thread.read(|view| view.tracing(thread)) } else { None }
}

/// Makes a request.
pub(crate) fn call(call: &Call<'_>, request: u64, tid: i32, address: u64, data: u64) -> Answer {
    let thread = call.thread;
    nothing(match u32::try_from(request).unwrap_or(u32::MAX) {
        PTRACE_TRACEME => thread.trace_me(),
        PTRACE_CONT => go_on(thread, tid, data, Thread::resume_tracee).map(drop),
        PTRACE_ATTACH => attach(thread, tid, TraceStart::Attach, 0),
        PTRACE_DETACH => go_on(thread, tid, data, |thread, tid| thread.detach(tid)),
        PTRACE_SETOPTIONS => set_options(thread, tid, data),
        PTRACE_SEIZE if address != 0 => Err(Errno::EIO),
        PTRACE_SEIZE => attach(thread, tid, TraceStart::Seize, data),
        PTRACE_INTERRUPT => thread.interrupt_tracee(tid),
        PTRACE_LISTEN => thread.listen_to_tracee(tid),
        _ => thread.stopped_tracee(tid).and(Err(Errno::EIO)),
    })
}

fn options_of(raw: u64) -> Option<TraceOptions> {
    TraceOptions::from_bits(u32::try_from(raw).ok()?)
}

fn attach(thread: &Thread, tid: i32, start: TraceStart, options: u64) -> Result<(), Errno> {
    let Some(options) = options_of(options) else {
        let number = u32::try_from(tid).map_err(|_| Errno::ESRCH)?;
        let found = thread.process().namespace().find_thread(number);
        return Err(if found.is_some() { Errno::EIO } else { Errno::ESRCH });
    };
    let tracee = thread.attach(tid, start, options)?;
    let is_killed = || thread.attention().contains(Attention::EXIT);
    sleep_while(thread, || tracee.is_trapping() && !is_killed());
    Ok(())
}

fn set_options(thread: &Thread, tid: i32, options: u64) -> Result<(), Errno> {
    thread.stopped_tracee(tid)?;
    thread.set_trace_options(tid, options_of(options).ok_or(Errno::EINVAL)?)
}

/// A tracee goes on with a signal, or none.
fn go_on<R>(
    thread: &Thread,
    tid: i32,
    signal: u64,
    how: impl FnOnce(&Thread, i32) -> Result<R, Errno>,
) -> Result<(), Errno> {
    const MOST: u64 = 64;
    let tracee = thread.stopped_tracee(tid)?;
    ensure(signal <= MOST, Errno::EIO)?;
    answer(&tracee).store(signal as i32, Relaxed);
    how(thread, tid)?;
    tracee.host_data().task.kick();
    Ok(())
}

/// Shows a signal to the tracer before it is delivered.
pub(crate) fn show_signal(thread: &Thread, traced: TracedSignal) -> Delivery {
    let signal = traced.info.signal();
    let said = match stop(thread, signal.into()) {
        None => Some(signal),
        Some(-1) => thread.was_let_go_unread().then_some(signal),
        Some(said) => u8::try_from(said).ok().and_then(Signal::new),
    };
    signals_of(thread).resume_from_tracer(traced, said)
}

/// Stops for the tracer, and tells its answer; nothing, if there was no stop.
fn stop(thread: &Thread, stop: TraceStop) -> Option<i32> {
    answer(thread).store(-1, Relaxed);
    if thread.trace_stop(stop) != TraceStopped::Stopped {
        return None;
    }
    sleep_in_stop(thread);
    Some(answer(thread).swap(-1, Relaxed))
}

fn has_asked_for(thread: &Thread, event: Event) -> bool {
    tracing(thread).is_some_and(|(_, options)| options.contains(event.option()))
}

/// Something happens to a thread: it stops, if its tracer has asked for that.
pub(crate) fn stop_for_event(thread: &Thread, event: Event) {
    const SIGTRAP: u16 = 5;
    if has_asked_for(thread, event)
        && let Some(code) = TraceStop::new((event as u16) << 8 | SIGTRAP)
    {
        stop(thread, code);
    }
}

/// A thread that was made has the tracer of its maker, if that has asked for this.
pub(crate) fn inherit_tracer(maker: &Thread, child: &Thread, event: Event, flags: CloneFlags) {
    let is_told = has_asked_for(maker, event) && !flags.contains(CloneFlags::UNTRACED);
    if !is_told && !flags.contains(CloneFlags::PTRACE) {
        return;
    }
    // Without memory for that it is not traced.
    if let Ok(Some(TraceStart::Attach)) = child.inherit_tracer(maker) {
        signals_of(child).begin_traced();
    }
}

/// A program has been executed: who was attached gets `SIGTRAP`, unless its tracer has asked for the event.
pub(crate) fn stop_for_exec(thread: &Thread) {
    if has_asked_for(thread, Event::Exec) {
        stop_for_event(thread, Event::Exec);
    } else if tracing(thread).is_some_and(|(start, _)| start == TraceStart::Attach) {
        thread.send_signal(Signal::SIGTRAP, KernelCause::OnBehalfOf(thread.process()));
    }
}
