//! ptrace(2), as far as it is about who runs: tracers and tracees, stops and events. Registers and memory of a tracee stay its own.
//!
//! A stop is a sleep amid what the tracee does: the delivery of a signal, a system call, its exit. What its tracer says when it goes on is kept in [`Tracing`].

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::Relaxed};

use axprocess::{
    Attention, CloneFlags, Errno, ExitSignal, KernelCause, Signal, TraceOptions, TraceStart,
    TraceStop, TraceStopped,
};
use axprocess_signals::{Delivery, TracedSignal, signals_of};
use linux_raw_sys::ptrace::*;

use crate::call::{Answer, Call, ensure, nothing};
use crate::host::{Thread, sleep_while};
use crate::thread::sleep_in_stop;

/// How a thread is traced, as far as the model does not know it.
#[derive(Default)]
pub(crate) struct Tracing {
    options: AtomicU32,
    is_seized: AtomicBool,
    /// The signal with which its tracer had it go on; −1: it has not said.
    answer: AtomicI32,
}

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

    const fn option(self) -> u32 {
        1 << self as u32
    }
}

impl Tracing {
    fn begin(&self, start: TraceStart, options: u32) {
        self.is_seized.store(start == TraceStart::Seize, Relaxed);
        self.options.store(options, Relaxed);
        self.answer.store(-1, Relaxed);
    }
}

fn tracing(thread: &Thread) -> &Tracing {
    &thread.host_data().tracing
}

/// Makes a request.
pub(crate) fn call(call: &Call<'_>, request: u64, tid: i32, address: u64, data: u64) -> Answer {
    let thread = call.thread;
    nothing(match u32::try_from(request).unwrap_or(u32::MAX) {
        PTRACE_TRACEME => trace_me(thread),
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

fn trace_me(thread: &Thread) -> Result<(), Errno> {
    thread.trace_me()?;
    if thread.is_traced() {
        tracing(thread).begin(TraceStart::Attach, 0);
    }
    Ok(())
}

/// All options that there are.
const OPTIONS: u64 = 0x30_00ff;

fn attach(thread: &Thread, tid: i32, start: TraceStart, options: u64) -> Result<(), Errno> {
    if options & !OPTIONS != 0 {
        let number = u32::try_from(tid).map_err(|_| Errno::ESRCH)?;
        let found = thread.process().namespace().find_thread(number);
        return Err(if found.is_some() { Errno::EIO } else { Errno::ESRCH });
    }
    let options = options as u32;
    let tracee = thread.attach(tid, start, TraceOptions::from_bits_truncate(options))?;
    tracing(&tracee).begin(start, options);
    let is_killed = || thread.attention().contains(Attention::EXIT);
    sleep_while(thread, || tracee.is_trapping() && !is_killed());
    Ok(())
}

fn set_options(thread: &Thread, tid: i32, options: u64) -> Result<(), Errno> {
    let tracee = thread.stopped_tracee(tid)?;
    ensure(options & !OPTIONS == 0, Errno::EINVAL)?;
    thread.set_trace_options(tid, TraceOptions::from_bits_truncate(options as u32))?;
    tracing(&tracee).options.store(options as u32, Relaxed);
    Ok(())
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
    tracing(&tracee).answer.store(signal as i32, Relaxed);
    how(thread, tid)?;
    tracee.host_data().task.kick();
    Ok(())
}

/// Shows a signal to the tracer before it is delivered.
pub(crate) fn show_signal(thread: &Thread, traced: TracedSignal) -> Delivery {
    let signal = traced.info.signal();
    let answer = match stop(thread, signal.into()) {
        None => Some(signal),
        Some(-1) => thread.was_let_go_unread().then_some(signal),
        Some(answer) => u8::try_from(answer).ok().and_then(Signal::new),
    };
    signals_of(thread).resume_from_tracer(traced, answer)
}

/// Stops for the tracer, and tells its answer; nothing, if there was no stop.
fn stop(thread: &Thread, stop: TraceStop) -> Option<i32> {
    let answer = &tracing(thread).answer;
    answer.store(-1, Relaxed);
    if thread.trace_stop(stop) != TraceStopped::Stopped {
        return None;
    }
    sleep_in_stop(thread);
    Some(answer.swap(-1, Relaxed))
}

fn has_asked_for(thread: &Thread, event: Event) -> bool {
    thread.is_traced() && tracing(thread).options.load(Relaxed) & event.option() != 0
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
    if let Ok(Some(start)) = child.inherit_tracer(maker) {
        tracing(child).begin(start, tracing(maker).options.load(Relaxed));
        if start == TraceStart::Attach {
            signals_of(child).begin_traced();
        }
    }
}

/// A program has been executed: who was attached gets `SIGTRAP`, unless its tracer has asked for the event.
pub(crate) fn stop_for_exec(thread: &Thread) {
    if has_asked_for(thread, Event::Exec) {
        stop_for_event(thread, Event::Exec);
    } else if thread.is_traced() && !tracing(thread).is_seized.load(Relaxed) {
        thread.send_signal(Signal::SIGTRAP, KernelCause::OnBehalfOf(thread.process()));
    }
}
