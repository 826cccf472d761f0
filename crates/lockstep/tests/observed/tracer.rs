//! ptrace(2), with PTRACE_SEIZE alone, so that tracing begins without a stop.

use crate::sys::{self, Event, Who};

/// PTRACE_EVENT_STOP with SIGSTOP: the tracer's view of a group stop.
pub(crate) const GROUP_STOP: Event = Event::Trapped(libc::SIGSTOP | libc::PTRACE_EVENT_STOP << 8);
/// PTRACE_EVENT_STOP with SIGTRAP: the answer to `interrupt`.
pub(crate) const INTERRUPTED: Event = Event::Trapped(libc::SIGTRAP | libc::PTRACE_EVENT_STOP << 8);
/// The stop of a thread that is about to exit.
pub(crate) const ABOUT_TO_EXIT: Event =
    Event::Trapped(libc::SIGTRAP | libc::PTRACE_EVENT_EXIT << 8);

fn call(request: u32, tid: i32, data: usize) -> Result<(), i32> {
    // SAFETY: the requests used here take a number as data.
    match unsafe { libc::ptrace(request, tid, 0usize, data) } {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        _ => Ok(()),
    }
}

/// The caller's parent traces it from now on.
pub(crate) fn trace_me() {
    call(libc::PTRACE_TRACEME, 0, 0).expect("a tracer");
}

/// Begins to trace one thread.
pub(crate) fn seize(tid: i32, options: i32) -> Result<(), i32> {
    call(libc::PTRACE_SEIZE, tid, options.cast_unsigned() as usize)
}

/// Traces a thread, or skips the scene. Only for the scene's first process.
pub(crate) fn seize_or_skip(tid: i32, options: i32) {
    crate::scene::permitted(seize(tid, options), "ptrace");
}

/// Asks a thread to stop.
pub(crate) fn interrupt(tid: i32) {
    call(libc::PTRACE_INTERRUPT, tid, 0).expect("a tracee");
}

/// Lets a thread in a group stop sleep on until that changes.
pub(crate) fn listen(tid: i32) {
    call(libc::PTRACE_LISTEN, tid, 0).expect("a stopped tracee");
}

/// Lets a thread go on, if it is stopped.
pub(crate) fn try_resume(tid: i32) -> Result<(), i32> {
    call(libc::PTRACE_CONT, tid, 0)
}

/// Lets a stopped thread go on.
pub(crate) fn resume(tid: i32) {
    call(libc::PTRACE_CONT, tid, 0).expect("a stopped tracee");
}

/// Lets a thread go on that has stopped with a signal, which is delivered.
pub(crate) fn deliver(tid: i32, signal: i32) {
    call(libc::PTRACE_CONT, tid, signal.cast_unsigned() as usize).expect("a stopped tracee");
}

/// The exit code, in wait's form, of a thread that is about to exit.
pub(crate) fn exit_code(tid: i32) -> u64 {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the pointer is to `message`.
    let answer =
        unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0usize, (&raw mut message) as usize) };
    assert_eq!(answer, 0);
    message
}

/// Waits for the next stop or end of a tracee.
#[track_caller]
pub(crate) fn next(tid: i32) -> Event {
    let options = libc::WEXITED | libc::WSTOPPED | libc::__WALL;
    sys::wait(Who::Child(tid), options).expect("a tracee").expect("an event").1
}

/// Waits for the next stop of a tracee, and lets it go on.
#[track_caller]
pub(crate) fn next_and_resume(tid: i32) -> Event {
    let event = next(tid);
    resume(tid);
    event
}
