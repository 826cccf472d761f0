//! Keeps processes from outliving lockstep.
//!
//! What plays scripts is process 1 of a PID namespace: however it ends, the kernel ends all that it has made. It ends itself with
//! lockstep, by a parent-death signal. Namespaces, the detached `/proc` and the shared memory go with the last process.

use std::io;

use libc::c_long;

/// Runs `work` as process 1 of a fresh PID namespace, and returns its status.
///
/// To be called while lockstep has one thread.
///
/// # Errors
///
/// The namespace cannot be made.
pub(crate) fn run(work: impl FnOnce() -> u8) -> io::Result<u8> {
    let flags = c_long::from(libc::CLONE_NEWPID | libc::SIGCHLD);
    // SAFETY: a fork in a program of one thread; the child has copies of everything.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_u64, 0_u64, 0_u64, 0_u64) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: plain numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            std::process::exit(i32::from(status.unwrap_or(crate::tracer::STATUS_FAILED)))
        }
        pid => wait_for(pid as libc::pid_t),
    }
}

fn wait_for(pid: libc::pid_t) -> io::Result<u8> {
    let mut status = 0;
    loop {
        // SAFETY: `status` lives across the call.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid {
            return Ok(crate::words::shell_status(status));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
