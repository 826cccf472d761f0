//! Lets a piece of work be done by a process of its own, and gives up on it when it takes too long.
//!
//! Nothing but fork, a pipe, a clock and SIGKILL is needed: where the kernel has no poll(2) it is looked again and again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How often it is looked whether the work is done, where nobody tells.
const INTERVAL: Duration = Duration::from_millis(5);

/// What became of the work.
#[derive(Debug)]
pub(crate) enum Watched {
    /// It is done, and has said this.
    Done(Vec<u8>),
    /// It was not done in time, and was ended.
    Late,
    /// It has ended without a word.
    Died { status: i32 },
}

/// Finds out whether the kernel can tell of the end of a child: else nothing can be watched.
///
/// # Errors
///
/// That of wait4(2), with its name.
pub(crate) fn check_waits() -> io::Result<()> {
    // SAFETY: plain numbers, and no status is asked for; nobody is its own child.
    unsafe { libc::waitpid(libc::getpid(), std::ptr::null_mut(), libc::WNOHANG) };
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ECHILD) => Ok(()),
        error => Err(refused("wait4", &error)),
    }
}

/// Does `work` in a process of its own, for so long at most.
///
/// To be called while the caller has one thread. What the work leaves behind is ended by `clean_up`.
///
/// # Errors
///
/// The kernel refuses a pipe or a process.
pub(crate) fn run(
    limit: Duration,
    work: impl FnOnce() -> Vec<u8>,
    clean_up: impl FnOnce(),
) -> io::Result<Watched> {
    // SAFETY: plain numbers; nothing is sent.
    if unsafe { libc::kill(libc::getpid(), 0) } != 0 {
        // Whatever hung then could not be ended.
        return Err(refused("kill", &io::Error::last_os_error()));
    }
    let (reader, mut writer) = io::pipe().map_err(|error| refused("pipe2", &error))?;
    // SAFETY: a fork in a program of one thread; the child has copies of everything.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(refused("fork", &io::Error::last_os_error())),
        0 => {
            drop(reader);
            // SAFETY: plain numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let words = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let is_told = words.is_ok_and(|words| writer.write_all(&words).is_ok());
            // SAFETY: ends this copy of the process, without what is to be done once only.
            unsafe { libc::_exit(i32::from(!is_told)) }
        }
        child => {
            drop(writer);
            let _priority = Priority::raise();
            Ok(wait_for(child, File::from(OwnedFd::from(reader)), Instant::now() + limit, clean_up))
        }
    }
}

/// A place above all whom a script makes, who may run for ever on the same CPU; given back in the end.
struct Priority {
    policy: i32,
    before: libc::sched_param,
}

impl Priority {
    fn raise() -> Self {
        let high = libc::sched_param { sched_priority: 20 };
        let mut before = libc::sched_param { sched_priority: 0 };
        // SAFETY: both parameters live across the calls. Where that is not allowed, nobody else is up there.
        unsafe {
            let policy = libc::sched_getscheduler(0);
            libc::sched_getparam(0, &raw mut before);
            libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const high);
            Self { policy, before }
        }
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        // SAFETY: the parameter lives across the call.
        unsafe { libc::sched_setscheduler(0, self.policy, &raw const self.before) };
    }
}

fn wait_for(
    child: libc::pid_t,
    mut channel: File,
    deadline: Instant,
    clean_up: impl FnOnce(),
) -> Watched {
    // SAFETY: plain numbers, for a descriptor of our own.
    unsafe { libc::fcntl(channel.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let mut words = Vec::new();
    let is_late = loop {
        match channel.read_to_end(&mut words) {
            Ok(_) => break false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break false,
        }
        if Instant::now() > deadline {
            break true;
        }
        await_words(&channel);
    };
    if is_late {
        // SAFETY: plain numbers; the child has not been waited for, so the number is its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
        clean_up();
    }
    let mut status = 0;
    loop {
        // SAFETY: `status` lives across the call.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        if waited == child || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            break;
        }
    }
    match (is_late, status) {
        (true, _) => Watched::Late,
        (false, 0) => Watched::Done(words),
        (false, status) => Watched::Died { status },
    }
}

/// The same error, with the name of the call.
pub(super) fn refused(call: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{call}: {error}"))
}

/// Sleeps for a moment, by whichever call the kernel has: the standard library panics where it lacks the newer one.
pub(super) fn nap(time: Duration) {
    let time = libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: the time lives across the calls, which give nothing back.
    unsafe {
        if libc::syscall(libc::SYS_nanosleep, &raw const time, 0) != 0 {
            libc::syscall(libc::SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, 0, &raw const time, 0);
        }
    }
}

/// Returns when there is something to read, or soon.
fn await_words(channel: &File) {
    let mut file = libc::pollfd { fd: channel.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `file` lives across the call.
    if unsafe { libc::poll(&raw mut file, 1, 50) } < 0 {
        nap(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that is done is told, whatever it says; work that dies and work that hangs are not waited for.
    #[test]
    fn work_is_watched() {
        let long = vec![7; 1 << 20];
        let second = Duration::from_secs(60);
        let done = run(second, || long.clone(), || {}).unwrap();
        assert!(matches!(done, Watched::Done(words) if words == long));
        let died = run(second, || std::process::abort(), || {}).unwrap();
        assert!(matches!(died, Watched::Died { status } if status & 0x7f == libc::SIGABRT));
        let mut is_cleaned = false;
        let hang = || loop {
            std::thread::park();
        };
        let late = run(Duration::from_millis(50), hang, || is_cleaned = true).unwrap();
        assert!(matches!(late, Watched::Late) && is_cleaned);
    }
}
