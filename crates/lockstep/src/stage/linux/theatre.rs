//! What is made once, for all scripts.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::super::Lack;
use super::super::slot::Arena;
use super::super::watch;
use crate::procfs;

/// What is needed to play any number of scripts.
pub(crate) struct Theatre {
    pub(super) arena: Arena,
    program: OwnedFd,
    pub(super) is_ordered: bool,
    /// How threads stand with signals is the script's doing alone.
    pub(super) has_clean_signals: bool,
    lacking: Vec<Lack>,
}

impl Theatre {
    /// Makes the shared memory, takes one CPU, and treats signals as a new program does.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub(crate) fn open(cpu: usize) -> io::Result<Self> {
        let arena = Arena::create()?;
        let program = open_own_program()?;
        limit_cores();
        let has_clean_signals = forget_dispositions();
        let is_ordered = take_cpu(cpu);
        Ok(Self { arena, program, is_ordered, has_clean_signals, lacking: Vec::new() })
    }

    /// The same, without what the kernel lacks.
    pub(crate) fn without(self, lacking: Vec<Lack>) -> Self {
        if lacking.contains(&Lack::Namespaces) {
            // SAFETY: plain numbers. Those whom even process 1 of a script leaves behind are then reaped here.
            unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1_u64, 0_u64, 0_u64, 0_u64) };
        }
        Self { lacking, ..self }
    }

    /// Ends whatever a scenario has left behind whose controller was ended, as far as it can be found.
    pub(crate) fn end_all(&self) {
        // SAFETY: takes no argument.
        if unsafe { libc::getpid() } == 1 && !self.lacks(Lack::Namespaces) {
            // SAFETY: plain numbers. As process 1 of the shelter, all others in the namespace are the scenario's.
            unsafe { libc::kill(-1, libc::SIGKILL) };
        }
        // What has come to this process by the end of others is its child now.
        for child in procfs::children(std::process::id(), std::process::id()) {
            // SAFETY: plain numbers; a child that has not been waited for has its number.
            unsafe { libc::kill(child.cast_signed(), libc::SIGKILL) };
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            // SAFETY: a null pointer, which waitpid allows, and plain numbers.
            match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) } {
                -1 => return,
                0 if Instant::now() > deadline => return,
                0 => watch::nap(Duration::from_millis(1)),
                _ => {}
            }
        }
    }

    /// What the kernel lacks.
    pub(crate) fn lacking(&self) -> &[Lack] {
        &self.lacking
    }

    pub(super) fn lacks(&self, what: Lack) -> bool {
        self.lacking.contains(&what)
    }
}

/// The file that this program is executed from: as `/proc` says, or where there is none, as exec was told.
fn open_own_program() -> io::Result<OwnedFd> {
    // SAFETY: the paths are C strings, of which the second one lives as long as the program; null is refused.
    let program = unsafe {
        match libc::open(c"/proc/self/exe".as_ptr(), libc::O_PATH) {
            -1 => libc::open(libc::getauxval(libc::AT_EXECFN) as *const libc::c_char, libc::O_PATH),
            program => program,
        }
    };
    if program < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Signals do what they do by default, and none is blocked: nohup, or a shell that runs lockstep in the background, makes it ignore some, and all actors
/// would inherit that. Whether that could be done.
fn forget_dispositions() -> bool {
    let mut is_done = true;
    for signal in 1..=64 {
        let handler = if signal == libc::SIGPIPE { libc::SIG_IGN } else { libc::SIG_DFL };
        // Not by the C library, which has flags and a mask of its own, and signals that it keeps.
        let action = [handler as u64, 0, 0, 0];
        // SAFETY: the action lives across the call, and runs no code.
        let refused =
            unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), 0_u64, 8_u64) };
        is_done &= refused == 0 || matches!(signal, libc::SIGKILL | libc::SIGSTOP);
    }
    // SAFETY: the set lives across the calls that write and read it.
    unsafe {
        let mut none = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(none.as_mut_ptr());
        is_done &= libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) == 0;
    }
    is_done
}

/// No worker writes a core: its death would be told as another one than the model's.
fn limit_cores() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` lives across the call.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        // Nobody but root could look at them then.
        if libc::geteuid() == 0 {
            libc::prctl(libc::PR_SET_DUMPABLE, 0_u64, 0_u64, 0_u64, 0_u64);
        }
    }
}

/// Stays on one CPU, below the workers. Whether the kernel keeps them in order.
fn take_cpu(cpu: usize) -> bool {
    // SAFETY: all-zero bytes are a set without CPUs and a parameter of priority 0; both live across their calls.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed);
        let allowed: Vec<_> =
            (0..libc::CPU_SETSIZE as usize).filter(|&it| libc::CPU_ISSET(it, &allowed)).collect();
        if let Some(&chosen) = allowed.get(cpu % allowed.len().max(1)) {
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(chosen, &mut one);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const one);
        }
        let low = libc::sched_param { sched_priority: 1 };
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const low) == 0
    }
}

impl AsRawFd for Theatre {
    fn as_raw_fd(&self) -> i32 {
        self.program.as_raw_fd()
    }
}
