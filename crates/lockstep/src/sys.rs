//! The system calls that lockstep itself makes to follow a program, each behind a safe function.
//!
//! All `unsafe` code for that is here: ptrace, wait, signals, memory of the followed program.
//! Nothing here decides anything. The other place with `unsafe` code is `stage`.

use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libc::{c_int, c_long, c_void};

use crate::operation::{Arrival, ChildNews, status_word};

/// A number of a thread or process, as the kernel shows it to lockstep.
pub(crate) type Pid = u32;

/// What a followed thread has stopped for, as `waitid` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawStop {
    /// The thread.
    pub(crate) tid: Pid,
    /// The stop code: the signal in the low byte, the ptrace event above it.
    pub(crate) code: i32,
}

/// A thread whose death can be collected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawDeath {
    /// The thread.
    pub(crate) tid: Pid,
    /// The wait status word.
    pub(crate) status: i32,
}

/// The kind and contents of a system call stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SyscallStop {
    /// Held by the seccomp filter before the call runs.
    Seccomp { arch: u32, number: u64, arguments: [u64; 6], data: u32 },
    /// The call has run; its result, negative for an error.
    Exit { result: i64 },
    /// Any other stop.
    Other,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct SyscallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    payload: [u64; 8],
}

const PTRACE_GETSIGMASK: u32 = 0x420a;
const PTRACE_GET_SYSCALL_INFO: u32 = 0x420e;
const SYSCALL_INFO_EXIT: u8 = 2;
const SYSCALL_INFO_SECCOMP: u8 = 3;

fn check(result: c_long) -> io::Result<c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn ptrace(request: u32, tid: Pid, address: usize, data: usize) -> io::Result<c_long> {
    // SAFETY: every caller in this module passes either plain numbers or, for the requests that
    // write through `data`, the address of a live buffer of the size that the request writes.
    check(unsafe {
        libc::ptrace(request as _, tid as libc::pid_t, address as *mut c_void, data as *mut c_void)
    })
}

/// Begins to follow a running thread; it is not stopped by that.
pub(crate) fn seize(tid: Pid, options: c_int) -> io::Result<()> {
    ptrace(libc::PTRACE_SEIZE, tid, 0, options as usize).map(drop)
}

/// Has a thread stop, and leave the call in which it sleeps until then.
pub(crate) fn interrupt(tid: Pid) -> io::Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0).map(drop)
}

/// Resumes a stopped thread, delivering `signal` (0 for none).
pub(crate) fn resume(tid: Pid, signal: c_int) -> io::Result<()> {
    ptrace(libc::PTRACE_CONT, tid, 0, signal as usize).map(drop)
}

/// Resumes a stopped thread until the system call that it is in has returned.
pub(crate) fn resume_to_syscall_exit(tid: Pid) -> io::Result<()> {
    ptrace(libc::PTRACE_SYSCALL, tid, 0, 0).map(drop)
}

/// Leaves a thread in its group stop, able to notice that the stop ends.
pub(crate) fn listen(tid: Pid) -> io::Result<()> {
    ptrace(libc::PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// The signals that a stopped thread blocks, the first in the lowest bit.
pub(crate) fn blocked(tid: Pid) -> Option<u64> {
    let mut set = 0_u64;
    ptrace(PTRACE_GETSIGMASK, tid, size_of_val(&set), (&raw mut set) as usize).ok()?;
    Some(set)
}

/// The number that belongs to a ptrace event: a new child, a former tid, an exit code. `None` if the thread is in that stop no more: it was
/// killed, and may be in the next one.
pub(crate) fn event_message(tid: Pid, event: c_int) -> Option<u64> {
    let mut message: libc::c_ulong = 0;
    let address = &raw mut message as usize;
    ptrace(libc::PTRACE_GETEVENTMSG, tid, 0, address).ok()?;
    // There is no other stop behind that at the end.
    let is_last = event == libc::PTRACE_EVENT_EXIT;
    (is_last || stop_info(tid)?.si_code >> 8 == event).then_some(message)
}

/// What a thread is stopped for.
fn stop_info(tid: Pid) -> Option<libc::siginfo_t> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    ptrace(libc::PTRACE_GETSIGINFO, tid, 0, info.as_mut_ptr() as usize).ok()?;
    // SAFETY: zeroed before, and filled by the kernel; every bit pattern is a valid siginfo_t.
    Some(unsafe { info.assume_init() })
}

/// What the system call stop, in which the thread is, is about.
pub(crate) fn syscall_stop(tid: Pid) -> io::Result<SyscallStop> {
    let mut info = MaybeUninit::<SyscallInfo>::zeroed();
    let size = size_of::<SyscallInfo>();
    ptrace(PTRACE_GET_SYSCALL_INFO, tid, size, info.as_mut_ptr() as usize)?;
    // SAFETY: all-zero bytes are a valid value, and the kernel wrote at most `size` bytes.
    let info = unsafe { info.assume_init() };
    let [number, arguments @ ..] = info.payload;
    Ok(match info.op {
        SYSCALL_INFO_EXIT => SyscallStop::Exit { result: number.cast_signed() },
        SYSCALL_INFO_SECCOMP => SyscallStop::Seccomp {
            arch: info.arch,
            number,
            arguments: std::array::from_fn(|index| arguments[index]),
            data: arguments[6] as u32,
        },
        _ => SyscallStop::Other,
    })
}

/// A signal that a thread is about to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    /// Whether the thread has caused it itself, by a fault.
    pub(crate) is_fault: bool,
    /// What it tells, if the kernel sent it by itself, and it is about relations.
    pub(crate) arrival: Option<Arrival>,
}

/// The signal for which a thread is stopped.
pub(crate) fn incoming(tid: Pid) -> Option<Incoming> {
    let info = stop_info(tid)?;
    let news = match (info.si_signo, info.si_code) {
        (libc::SIGCHLD, code @ libc::CLD_EXITED..=libc::CLD_CONTINUED) => {
            // SAFETY: with these codes the member for SIGCHLD is the one in use.
            let (pid, value) = unsafe { (info.si_pid(), info.si_status()) };
            Some(ChildNews { pid: pid as Pid, status: status_word(code, value) })
        }
        (libc::SIGHUP | libc::SIGCONT, libc::SI_KERNEL) => None,
        (signal, code) => {
            let is_fault = code > 0 && FAULTS.contains(&signal);
            return Some(Incoming { is_fault, arrival: None });
        }
    };
    let arrival = Some(Arrival { signal: info.si_signo, news });
    Some(Incoming { is_fault: false, arrival })
}

/// Whether a signal waits for a stopped thread or for its process, blocked or not.
pub(crate) fn is_signal_pending(tid: Pid) -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    [0, libc::PTRACE_PEEKSIGINFO_SHARED].into_iter().any(|flags| {
        let request = libc::ptrace_peeksiginfo_args { off: 0, flags, nr: 1 };
        let (request, info) = (&raw const request as usize, info.as_mut_ptr() as usize);
        ptrace(libc::PTRACE_PEEKSIGINFO, tid, request, info).is_ok_and(|count| count > 0)
    })
}

const FAULTS: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];

/// Makes the call, before which a thread is stopped, fail with ENOSYS.
///
/// # Errors
///
/// The thread is gone, or that is not known for this architecture.
pub(crate) fn refuse_call(tid: Pid) -> io::Result<()> {
    registers::set(tid, registers::CALL, u64::MAX)?;
    registers::set(tid, registers::RESULT, (-i64::from(libc::ENOSYS)).cast_unsigned())
}

/// The number of the system call that a stopped thread is in, or was in last; `None` if it is no longer stopped.
pub(crate) fn current_call(tid: Pid) -> Option<c_long> {
    registers::current_call(tid)
}

/// What the system call of a thread said that was killed in it, and has stopped at its end: there the registers are still as the call has left them. `None` if it has stopped no
/// more, or for an architecture of which that is not known.
pub(crate) fn result_of_killed(tid: Pid) -> Option<i64> {
    registers::result(tid)
}

/// A call that has failed with `EINTR`.
pub(crate) struct InterruptedCall {
    pub(crate) number: c_long,
    pub(crate) arguments: [u64; 6],
}

/// The call of a thread that has stopped for a signal, if that has failed with `EINTR`; for an architecture of which that is not known, none.
pub(crate) fn interrupted_call(tid: Pid) -> Option<InterruptedCall> {
    registers::interrupted_call(tid)
}

/// Has the interrupted call of a thread begun again, unless a handler runs before.
///
/// # Errors
///
/// The thread is gone, or that is not known for this architecture.
pub(crate) fn begin_call_anew(tid: Pid) -> io::Result<()> {
    /// What Linux itself says inside when a call is to begin again if there is no handler.
    const ERESTARTNOHAND: i64 = 514;
    registers::set(tid, registers::RESULT, (-ERESTARTNOHAND).cast_unsigned())
}

/// Changes the first argument of the call before or after which a thread is stopped.
///
/// # Errors
///
/// The thread is gone, or that is not known for this architecture.
pub(crate) fn set_first_argument(tid: Pid, value: u64) -> io::Result<()> {
    registers::set(tid, registers::FIRST_ARGUMENT, value)
}

/// Changes eight bytes in a stopped thread's memory.
///
/// # Errors
///
/// The thread is gone, or the address is bad.
pub(crate) fn write_memory(tid: Pid, address: u64, value: u64) -> io::Result<()> {
    ptrace(libc::PTRACE_POKEDATA, tid, address as usize, value as usize).map(drop)
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use std::io;
    use std::mem::{MaybeUninit, offset_of};

    use super::{InterruptedCall, Pid, ptrace};

    pub(super) const CALL: usize = offset_of!(libc::user_regs_struct, orig_rax);
    pub(super) const RESULT: usize = offset_of!(libc::user_regs_struct, rax);
    pub(super) const FIRST_ARGUMENT: usize = offset_of!(libc::user_regs_struct, rdi);

    pub(super) fn set(tid: Pid, register: usize, value: u64) -> io::Result<()> {
        ptrace(libc::PTRACE_POKEUSER, tid, register, value as usize).map(drop)
    }

    fn all(tid: Pid) -> Option<libc::user_regs_struct> {
        let mut all = MaybeUninit::<libc::user_regs_struct>::zeroed();
        ptrace(libc::PTRACE_GETREGS, tid, 0, all.as_mut_ptr() as usize).ok()?;
        // SAFETY: the kernel has filled it in, and its plain numbers may be anything.
        Some(unsafe { all.assume_init() })
    }

    pub(super) fn result(tid: Pid) -> Option<i64> {
        Some(all(tid)?.rax.cast_signed())
    }

    pub(super) fn interrupted_call(tid: Pid) -> Option<InterruptedCall> {
        let all = all(tid)?;
        let is_interrupted = all.rax.cast_signed() == -i64::from(libc::EINTR);
        let number = all.orig_rax.cast_signed();
        let arguments = [all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9];
        (is_interrupted && number >= 0).then_some(InterruptedCall { number, arguments })
    }

    pub(super) fn current_call(tid: Pid) -> Option<libc::c_long> {
        // The library gives the word as the result, in which -1 is no error: a thread that is in no call.
        // SAFETY: plain numbers; the library passes a place of its own for the word.
        let word = unsafe {
            *libc::__errno_location() = 0;
            libc::ptrace(libc::PTRACE_PEEKUSER, tid as libc::pid_t, CALL, 0_usize)
        };
        let is_error = word == -1 && io::Error::last_os_error().raw_os_error() != Some(0);
        (!is_error).then_some(word)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod registers {
    use std::io;

    use super::{InterruptedCall, Pid};

    pub(super) const CALL: usize = 0;
    pub(super) const RESULT: usize = 0;
    pub(super) const FIRST_ARGUMENT: usize = 0;

    pub(super) fn set(_tid: Pid, _register: usize, _value: u64) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(super) fn result(_tid: Pid) -> Option<i64> {
        None
    }

    pub(super) fn interrupted_call(_tid: Pid) -> Option<InterruptedCall> {
        None
    }

    pub(super) fn current_call(tid: Pid) -> Option<libc::c_long> {
        let line = std::fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }
}

/// Copies `N` bytes out of a followed process; `None` if the address is bad.
pub(crate) fn read_memory<const N: usize>(tid: Pid, address: u64) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: N };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: N };
    // SAFETY: `local` describes the whole of `bytes`, which lives across the call; `remote` is
    // checked by the kernel against the other process.
    let count = unsafe { libc::process_vm_readv(tid as libc::pid_t, &local, 1, &remote, 1, 0) };
    (count == N as isize).then_some(bytes)
}

fn waitid(kind: libc::idtype_t, id: Pid, options: c_int) -> Option<libc::siginfo_t> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: `info` is a siginfo_t that lives across the call.
        let result = unsafe { libc::waitid(kind, id as _, info.as_mut_ptr(), options) };
        if result == 0 {
            break;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
    // SAFETY: zeroed before, and filled by the kernel; every bit pattern is a valid siginfo_t.
    let info = unsafe { info.assume_init() };
    // SAFETY: after waitid the member for SIGCHLD is the one in use, and zero if nothing came.
    (unsafe { info.si_pid() } != 0).then_some(info)
}

/// Takes the stop of this thread, if it is there.
pub(crate) fn next_stop_of(tid: Pid) -> Option<RawStop> {
    let info = waitid(libc::P_PID, tid, libc::WSTOPPED | libc::WNOHANG | libc::__WALL)?;
    // SAFETY: waitid filled the member for SIGCHLD.
    Some(RawStop { tid, code: unsafe { info.si_status() } })
}

/// Takes the next ptrace stop of any followed thread, if there is one. Deaths are left alone.
pub(crate) fn next_stop() -> Option<RawStop> {
    let info = waitid(libc::P_ALL, 0, libc::WSTOPPED | libc::WNOHANG | libc::__WALL)?;
    // SAFETY: waitid filled the member for SIGCHLD.
    let (tid, code) = unsafe { (info.si_pid(), info.si_status()) };
    Some(RawStop { tid: tid as Pid, code })
}

/// Whether a stop of a thread is there to be taken.
pub(crate) fn has_stopped(tid: Pid) -> bool {
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_PID, tid, options).is_some()
}

/// Whether a stop of any followed thread is there to be taken.
pub(crate) fn is_anyone_stopped() -> bool {
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_ALL, 0, options).is_some()
}

/// What a followed thread has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawNews {
    Stop(RawStop),
    Death(Pid),
}

/// Waits for any followed thread. `None` if there is none left.
pub(crate) fn wait_for_any() -> Option<RawNews> {
    let info = waitid(libc::P_ALL, 0, libc::WSTOPPED | libc::WEXITED | libc::__WALL)?;
    // SAFETY: waitid filled the member for SIGCHLD.
    let (tid, code) = unsafe { (info.si_pid(), info.si_status()) };
    let is_stop = matches!(info.si_code, libc::CLD_TRAPPED | libc::CLD_STOPPED);
    let tid = tid as Pid;
    Some(if is_stop { RawNews::Stop(RawStop { tid, code }) } else { RawNews::Death(tid) })
}

/// Waits for the end of a child.
pub(crate) fn await_death(pid: Pid) {
    waitid(libc::P_PID, pid, libc::WEXITED | libc::__WALL);
}

/// Whether there is neither a child nor a followed thread left, dead or alive.
pub(crate) fn is_nobody_left() -> bool {
    let options = libc::WSTOPPED | libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_ALL, 0, options).is_none()
        && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD)
}

/// Whether a stop of any followed thread is there to be taken, or a death to be collected.
pub(crate) fn is_anything_there() -> bool {
    let options = libc::WSTOPPED | libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_ALL, 0, options).is_some()
}

/// Reads a death; ptrace stops, which `waitid` reports whatever is asked for, are none.
fn death(info: &libc::siginfo_t) -> Option<RawDeath> {
    // SAFETY: waitid filled the member for SIGCHLD.
    let (tid, value) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_KILLED => value,
        libc::CLD_DUMPED => value | 0x80,
        _ => return None,
    };
    Some(RawDeath { tid: tid as Pid, status })
}

const DEATHS: c_int = libc::WEXITED | libc::WNOHANG | libc::__WALL;

/// Looks for any death that could be collected, and leaves it uncollected. Finds none while a
/// stop is there to be taken.
pub(crate) fn peek_death() -> Option<RawDeath> {
    waitid(libc::P_ALL, 0, DEATHS | libc::WNOWAIT).as_ref().and_then(death)
}

/// Whether the death of a thread can be collected.
pub(crate) fn is_dead(tid: Pid) -> bool {
    waitid(libc::P_PID, tid, DEATHS | libc::WNOWAIT).as_ref().and_then(death).is_some()
}

/// The status word of a thread whose death can be collected.
pub(crate) fn dead_status(tid: Pid) -> Option<i32> {
    let death = waitid(libc::P_PID, tid, DEATHS | libc::WNOWAIT).as_ref().and_then(death);
    death.map(|death| death.status)
}

/// Collects the death of one thread, if it has died. For a followed child of another process
/// this is what publishes it as a zombie to its parent.
pub(crate) fn collect_death(tid: Pid) -> Option<RawDeath> {
    // Looks first: taking a stop here would lose it.
    death(&waitid(libc::P_PID, tid, DEATHS | libc::WNOWAIT)?)?;
    waitid(libc::P_PID, tid, DEATHS).as_ref().and_then(death)
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: Pid, signal: c_int) -> io::Result<()> {
    // SAFETY: kill takes plain numbers.
    check(c_long::from(unsafe { libc::kill(pid as libc::pid_t, signal) })).map(drop)
}

/// Whether a file lies where set-uid bits have no effect.
pub(crate) fn is_without_set_uid(path: &str) -> bool {
    let Ok(path) = CString::new(path) else {
        return false;
    };
    let mut system = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path and the structure live across the call.
    let result = unsafe { libc::statvfs(path.as_ptr(), system.as_mut_ptr()) };
    // SAFETY: zeroed before; all-zero bytes are a valid value.
    result == 0 && unsafe { system.assume_init() }.f_flag & libc::ST_NOSUID != 0
}

/// Stops lockstep itself, as the terminal's stop key would.
pub(crate) fn stop_self() {
    // SAFETY: raise takes a plain number.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Lets orphans below lockstep come to lockstep.
pub(crate) fn become_subreaper() -> io::Result<()> {
    // SAFETY: this option takes plain numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1_u64, 0_u64, 0_u64, 0_u64) };
    check(c_long::from(result)).map(drop)
}

/// The terminal behind another process's descriptor of `/dev/tty`, as `/proc/PID/stat` shows it; `None` if that cannot be seen.
pub(crate) fn terminal_of(tid: Pid, descriptor: c_int) -> Option<u32> {
    const TIOCGDEV: libc::Ioctl = 0x8004_5432u32 as libc::Ioctl;
    const PIDFD_THREAD: c_int = libc::O_EXCL;
    let open = |number: c_long| {
        // SAFETY: the descriptor was just made, and belongs to nobody else.
        (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number as c_int) })
    };
    // SAFETY: these calls take plain numbers.
    let thread = open(unsafe { libc::syscall(libc::SYS_pidfd_open, tid, PIDFD_THREAD) })?;
    // SAFETY: as above.
    let copy =
        open(unsafe { libc::syscall(libc::SYS_pidfd_getfd, thread.as_raw_fd(), descriptor, 0) })?;
    let mut device = 0_u32;
    // SAFETY: `device` lives across the call.
    let result = unsafe { libc::ioctl(copy.as_raw_fd(), TIOCGDEV, &raw mut device) };
    (result == 0).then_some(device)
}

/// Whether a descriptor is a terminal.
pub(crate) fn is_terminal(descriptor: &impl AsRawFd) -> bool {
    // SAFETY: isatty takes a plain number.
    unsafe { libc::isatty(descriptor.as_raw_fd()) == 1 }
}

/// lockstep's own numbers: process, parent, group, session (0 where they are not visible).
pub(crate) fn own_numbers() -> [Pid; 4] {
    // SAFETY: these calls take no pointers and cannot fail for the caller itself.
    unsafe { [libc::getpid(), libc::getppid(), libc::getpgrp(), libc::getsid(0)] }
        .map(|number| number as Pid)
}

/// The signals that lockstep takes one by one instead of being interrupted by them.
pub(crate) struct SignalDesk {
    watched: libc::sigset_t,
    original: libc::sigset_t,
    was_child_signal_ignored: bool,
    interval: Cell<Duration>,
}

impl SignalDesk {
    /// Blocks the signals that lockstep watches, and lets children report their deaths.
    pub(crate) fn open() -> Self {
        let mut watched = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut original = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: sigemptyset initialises the set, the other calls take initialised sets that
        // live across them, and SIG_DFL is a valid disposition.
        unsafe {
            // All but the tick, and those of its own faults: what the program sends to its group reaches lockstep too.
            libc::sigfillset(watched.as_mut_ptr());
            for signal in UNWATCHED {
                libc::sigdelset(watched.as_mut_ptr(), signal);
            }
            libc::sigprocmask(libc::SIG_BLOCK, watched.as_ptr(), original.as_mut_ptr());
            let former = libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            let mut tick = MaybeUninit::<libc::sigset_t>::zeroed();
            libc::sigemptyset(tick.as_mut_ptr());
            libc::sigaddset(tick.as_mut_ptr(), libc::SIGALRM);
            libc::sigprocmask(libc::SIG_UNBLOCK, tick.as_ptr(), std::ptr::null_mut());
            Self {
                watched: watched.assume_init(),
                original: original.assume_init(),
                was_child_signal_ignored: former == libc::SIG_IGN,
                interval: Cell::new(Duration::ZERO),
            }
        }
    }

    /// Whether SIGCHLD was ignored when lockstep was started.
    pub(crate) const fn has_found_child_signal_ignored(&self) -> bool {
        self.was_child_signal_ignored
    }

    /// Waits for the next watched signal, as long as `limit`.
    pub(crate) fn next(&self, limit: Duration) -> Wake {
        if limit > TICK {
            self.tick(Duration::ZERO);
        }
        self.take_signal(limit)
    }

    /// Waits for a stop or a death in one call, which tells what it is; a watched signal is noticed at the next tick.
    pub(crate) fn watch(&self) -> Wake {
        self.tick(TICK);
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT | libc::__WALL;
        // SAFETY: `info` is a siginfo_t that lives across the call.
        if unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) } != 0 {
            return self.take_signal(Duration::ZERO);
        }
        // SAFETY: zeroed before, and filled by the kernel; every bit pattern is a valid siginfo_t.
        let info = unsafe { info.assume_init() };
        match info.si_code {
            // SAFETY: waitid filled the member for SIGCHLD.
            libc::CLD_TRAPPED | libc::CLD_STOPPED => Wake::Stop(unsafe { info.si_pid() } as Pid),
            _ => Wake::Event,
        }
    }

    /// The same for a stop alone, which is taken: a death is noticed at the next tick.
    pub(crate) fn take_stop(&self) -> Wake {
        self.tick(TICK);
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WSTOPPED | libc::__WALL;
        // SAFETY: `info` is a siginfo_t that lives across the call.
        if unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) } != 0 {
            return self.take_signal(Duration::ZERO);
        }
        // SAFETY: zeroed before, and filled by the kernel; every bit pattern is a valid siginfo_t.
        let info = unsafe { info.assume_init() };
        // SAFETY: waitid filled the member for SIGCHLD.
        let (tid, code) = unsafe { (info.si_pid(), info.si_status()) };
        Wake::Taken(RawStop { tid: tid as Pid, code })
    }

    fn take_signal(&self, limit: Duration) -> Wake {
        let limit = libc::timespec {
            tv_sec: limit.as_secs() as libc::time_t,
            tv_nsec: c_long::from(limit.subsec_nanos()),
        };
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the set, the siginfo and the time live across the call.
        match unsafe { libc::sigtimedwait(&self.watched, info.as_mut_ptr(), &limit) } {
            libc::SIGCHLD => Wake::Event,
            signal @ 1.. => {
                // SAFETY: zeroed before, and filled by the kernel; every bit pattern is a valid siginfo_t, and one that a process has sent has its sender.
                let sender = unsafe {
                    let info = info.assume_init();
                    (info.si_code <= 0).then(|| info.si_pid() as Pid)
                };
                Wake::Signal { signal, sender }
            }
            _ => Wake::Nothing,
        }
    }

    /// Lets a signal come that often, which interrupts a wait and does nothing else; never if that is zero.
    fn tick(&self, interval: Duration) {
        if self.interval.replace(interval) == interval {
            return;
        }
        extern "C" fn do_nothing(_: c_int) {}
        let interval = libc::timeval { tv_sec: 0, tv_usec: interval.subsec_micros().into() };
        let timer = libc::itimerval { it_interval: interval, it_value: interval };
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all-zero bytes are a valid action, which blocks nothing and restarts no call; it and the timer live across the calls,
        // and the handler runs no code. The program is started before this and inherits nothing of it.
        unsafe {
            (*action.as_mut_ptr()).sa_sigaction = do_nothing as extern "C" fn(c_int) as usize;
            libc::sigaction(libc::SIGALRM, action.as_ptr(), std::ptr::null_mut());
            libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
        }
    }
}

/// The signals that lockstep does not take one by one.
const UNWATCHED: [c_int; 8] = [
    libc::SIGALRM,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// How often a wait is interrupted that has no limit of its own.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// What has ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// This thread has stopped; the stop is still to be taken.
    Stop(Pid),
    /// This stop has been taken.
    Taken(RawStop),
    /// Threads have stopped or died.
    Event,
    /// A signal for lockstep itself; the kernel's, or of this sender.
    Signal { signal: c_int, sender: Option<Pid> },
    /// The limit.
    Nothing,
}

/// The child that will become the program: it waits for `go` and then executes it.
pub(crate) struct Launched {
    /// Its number.
    pub(crate) pid: Pid,
    /// A byte written here lets it go on.
    pub(crate) go: OwnedFd,
    /// Where it says what went wrong before the program ran; empty if nothing did.
    pub(crate) complaint: OwnedFd,
}

/// What the child could not do.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaunchStep {
    /// Install the filter.
    Filter = b'f',
    /// Execute the program.
    Exec = b'x',
}

/// How the child is to be set up.
pub(crate) struct LaunchPlan<'a> {
    /// The program and its arguments; never empty.
    pub(crate) arguments: &'a [CString],
    /// The seccomp filter.
    pub(crate) filter: &'a [libc::sock_filter],
    /// Whether the child must give up new privileges to be allowed a filter.
    pub(crate) no_new_privileges: bool,
    /// Whether SIGCHLD was ignored when lockstep was started.
    pub(crate) ignores_child_signal: bool,
    /// The desk that has blocked signals, which the program must not inherit.
    pub(crate) desk: &'a SignalDesk,
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    check(c_long::from(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }))?;
    // SAFETY: both descriptors were just made and belong to nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Starts the child that will execute the program.
pub(crate) fn launch(plan: &LaunchPlan<'_>) -> io::Result<Launched> {
    let (go_read, go) = pipe()?;
    let (complaint, complaint_write) = pipe()?;
    let mut pointers: Vec<_> = plan.arguments.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: lockstep has one thread, so the child may run any code; it only makes system calls.
    let pid = check(c_long::from(unsafe { libc::fork() }))?;
    if pid != 0 {
        return Ok(Launched { pid: pid as Pid, go, complaint });
    }
    drop(go);
    let step = become_program(plan, &pointers, &go_read);
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    let mut message = [step as u8, 0, 0, 0, 0];
    message[1..].copy_from_slice(&errno.to_ne_bytes());
    // SAFETY: the message lives across the call; _exit never returns.
    unsafe {
        libc::write(complaint_write.as_raw_fd(), message.as_ptr().cast(), message.len());
        libc::_exit(127)
    }
}

/// Whether lockstep was begun with `SIGPIPE` ignored.
static IS_PIPE_SIGNAL_IGNORED: AtomicBool = AtomicBool::new(false);

/// Ignores `SIGPIPE` from now on, and takes note of what it did before. Whoever reads what is written may be gone: that is an error of the write.
pub(crate) fn ignore_pipe_signal() {
    // SAFETY: to ignore a signal runs no code.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    IS_PIPE_SIGNAL_IGNORED.store(before == libc::SIG_IGN, Ordering::Relaxed);
}

/// Makes a descriptor one of a pipe that nobody reads. Where there are no pipes it stays what it is.
pub(crate) fn break_pipe(descriptor: c_int) {
    let mut ends = [-1; 2];
    // SAFETY: `ends` lives across the call; all else are plain numbers. The pipe's own descriptors are nobody else's.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) == 0 {
            libc::dup3(ends[1], descriptor, libc::O_CLOEXEC);
            libc::close(ends[0]);
            libc::close(ends[1]);
        }
    }
}

/// Runs in the child; returns only if a step failed, with `errno` set by it.
fn become_program(
    plan: &LaunchPlan<'_>,
    arguments: &[*const libc::c_char],
    go: &OwnedFd,
) -> LaunchStep {
    let mut byte = 0_u8;
    let as_found = |is_ignored| if is_ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    let child_signal = as_found(plan.ignores_child_signal);
    let pipe_signal = as_found(IS_PIPE_SIGNAL_IGNORED.load(Ordering::Relaxed));
    let program =
        libc::sock_fprog { len: plan.filter.len() as u16, filter: plan.filter.as_ptr().cast_mut() };
    // SAFETY: `byte`, `program`, the filter, the saved mask and the argument vector (whose last
    // element is null) live across their calls, and the kernel only reads all but the first.
    unsafe {
        if libc::read(go.as_raw_fd(), (&raw mut byte).cast(), 1) != 1 {
            // lockstep has died before it could follow.
            libc::_exit(127);
        }
        libc::signal(libc::SIGCHLD, child_signal);
        // lockstep ignores it; the program is as lockstep was begun.
        libc::signal(libc::SIGPIPE, pipe_signal);
        libc::sigprocmask(libc::SIG_SETMASK, &plan.desk.original, std::ptr::null_mut());
        if plan.no_new_privileges
            && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_u64, 0_u64, 0_u64, 0_u64) != 0
        {
            return LaunchStep::Filter;
        }
        if libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
            != 0
        {
            return LaunchStep::Filter;
        }
        libc::execvp(arguments[0], arguments.as_ptr());
    }
    LaunchStep::Exec
}
