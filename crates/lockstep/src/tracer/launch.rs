//! Starts the program, followed from its first instruction.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use super::stops::SYSCALL_STOP;
use super::{Limits, Setting, Tracer, filter};
use crate::destination::Destination;
use crate::ledger::{Ledger, Outcome, Sights, View};
use crate::model::Origin;
use crate::operation::ChildSignal;
use crate::procfs;
use crate::record::{Head, Recorder};
use crate::sys::{self, LaunchPlan, LaunchStep, Launched, Pid, RawNews, RawStop, SignalDesk};

/// The exit status when lockstep itself could not do its work.
pub(crate) const STATUS_FAILED: u8 = 125;
/// The exit status when the program cannot be executed.
const STATUS_NOT_EXECUTABLE: u8 = 126;
/// The exit status when the program is not found.
const STATUS_NOT_FOUND: u8 = 127;

const OPTIONS: i32 = libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACEEXIT
    | libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_EXITKILL;

/// Why there is nothing to report: a clear line, and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    /// lockstep's exit status.
    pub(crate) status: u8,
    /// What went wrong, and what to do.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { status: STATUS_FAILED, message: message.into() }
    }
}

/// A program that has been started.
pub(crate) struct Launch<'a> {
    tracer: Tracer<'a>,
    complaint: File,
    program: OsString,
}

/// Starts `arguments[0]` and seizes it before it executes anything. What is seen goes to `recording` too.
pub(crate) fn launch<'a>(
    desk: &'a SignalDesk,
    arguments: &[OsString],
    recording: Option<Destination>,
    limits: Limits,
) -> Result<Launch<'a>, Failure> {
    let ignores_child_signal = desk.has_found_child_signal_ignored();
    let setting = Setting {
        has_filter: procfs::has_filter(),
        takes_privileges: !procfs::has_admin_capability() && !procfs::has_no_new_privileges(),
    };
    let child = seize(desk, arguments)?;
    let action = ChildSignal { is_ignored: ignores_child_signal, ..ChildSignal::default() };
    let origin = find_origin();
    let mut ledger = Ledger::open(&origin, child.pid, action, View::Live(Sights::default()))
        .map_err(|refusal| Failure::new(format!("the model refuses its own world: {refusal}")))?;
    if let Some(file) = recording {
        let words = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        ledger.record(Recorder::new(file, &Head::new(words, origin, child.pid, action)));
    }
    release(child.go)?;
    let tracer = Tracer::new(desk, setting, limits, origin.group, child.pid, ledger);
    let program = arguments[0].clone();
    Ok(Launch { tracer, complaint: File::from(child.complaint), program })
}

/// Starts the program, lets it and all of its descendants go on at each stop until it ends, and does nothing else: no tracer of the same calls is faster.
///
/// # Errors
///
/// Those of [`launch`] and [`Launch::follow`].
pub(crate) fn launch_and_let_run(desk: &SignalDesk, arguments: &[OsString]) -> Result<(), Failure> {
    let child = seize(desk, arguments)?;
    release(child.go)?;
    while let Some(news) = sys::wait_for_any() {
        match news {
            RawNews::Death(tid) if tid == child.pid => break,
            RawNews::Death(_) => {}
            RawNews::Stop(RawStop { tid, code }) => {
                let _ = match (code >> 8, code & 0xff) {
                    (libc::PTRACE_EVENT_SECCOMP, _) => sys::resume_to_syscall_exit(tid),
                    (libc::PTRACE_EVENT_STOP, signal) if signal != libc::SIGTRAP => {
                        sys::listen(tid)
                    }
                    (0, signal) if code != SYSCALL_STOP => sys::resume(tid, signal),
                    _ => sys::resume(tid, 0),
                };
            }
        }
    }
    read_complaint(File::from(child.complaint), &arguments[0]).map_or(Ok(()), Err)
}

/// Starts `arguments[0]`, held before it executes anything.
fn seize(desk: &SignalDesk, arguments: &[OsString]) -> Result<Launched, Failure> {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::new("an argument contains a zero byte"))?;
    sys::become_subreaper()
        .map_err(|error| Failure::new(format!("cannot become a subreaper: {error}")))?;
    let filter = filter::build();
    let child = sys::launch(&LaunchPlan {
        arguments: &words,
        filter: &filter,
        no_new_privileges: !procfs::has_admin_capability(),
        ignores_child_signal: desk.has_found_child_signal_ignored(),
        desk,
    })
    .map_err(|error| Failure::new(format!("cannot fork: {error}")))?;
    if let Err(error) = sys::seize(child.pid, OPTIONS) {
        drop(child.go);
        end_unfollowed(child.pid);
        return Err(Failure::new(format!(
            "ptrace is not permitted here ({error}): lockstep must not be traced itself, must run \
             as the program's owner, and in a container needs --cap-add SYS_PTRACE"
        )));
    }
    Ok(child)
}

fn release(go: OwnedFd) -> Result<(), Failure> {
    let go = File::from(go).write_all(&[1]);
    go.map_err(|error| Failure::new(format!("cannot start the program: {error}")))
}

impl Launch<'_> {
    /// Follows the program to its end.
    ///
    /// # Errors
    ///
    /// If the program was never executed: why. If what was seen could not be recorded.
    pub(crate) fn follow(self) -> Result<Outcome, Failure> {
        let Self { tracer, complaint, program } = self;
        let ledger = tracer.follow();
        read_complaint(complaint, &program).map_or_else(|| ledger.close(), Err)
    }
}

/// Where lockstep stands.
fn find_origin() -> Origin {
    let [pid, _, group, session] = sys::own_numbers();
    let stat = procfs::stat(pid);
    let (terminal, foreground) = stat.map_or((0, -1), |stat| (stat.terminal, stat.foreground));
    let space = procfs::space(pid).unwrap_or(0);
    Origin { pid, group, session, terminal, foreground, space }
}

/// Reads what the child had to complain about; nothing if the program was executed.
fn read_complaint(mut channel: File, program: &OsString) -> Option<Failure> {
    let mut message = Vec::new();
    channel.read_to_end(&mut message).ok()?;
    let (&step, errno) = message.split_first()?;
    let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno.try_into().ok()?));
    let program = program.display();
    Some(if step == LaunchStep::Filter as u8 {
        Failure::new(format!(
            "a seccomp filter is not permitted here ({error}): allow the seccomp system call, or \
             run with CAP_SYS_ADMIN"
        ))
    } else if error.kind() == io::ErrorKind::NotFound {
        Failure { status: STATUS_NOT_FOUND, message: format!("{program}: not found") }
    } else {
        let message = format!("{program}: cannot be executed: {error}");
        Failure { status: STATUS_NOT_EXECUTABLE, message }
    })
}

fn end_unfollowed(pid: Pid) {
    let _ = sys::kill(pid, libc::SIGKILL);
    while sys::collect_death(pid).is_none() {
        std::thread::yield_now();
    }
}
