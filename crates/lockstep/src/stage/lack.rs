//! What a kernel may lack that scripts need.

use super::linux::files;

/// Something that a script may need of a kernel besides processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lack {
    /// PID namespaces with a `/proc` of their own
    Namespaces,
    /// `PR_SET_CHILD_SUBREAPER`
    Subreaper,
    /// The right to take a terminal from another session
    Rights,
    /// Pseudo-terminals
    Terminals,
    /// Pidfds
    Pidfds,
    /// `ptrace`
    Tracing,
    /// `/proc/PID/syscall`
    Calls,
    /// `/proc/PID/stat`
    States,
}

impl Lack {
    /// All but the first that this kernel lacks: whether there are namespaces, only trying to play tells.
    pub(crate) fn find() -> Vec<Self> {
        let mut mark = 0;
        // SAFETY: `mark` lives across its call; the other takes plain numbers.
        let (subreaper, pidfd) = unsafe {
            (
                libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut mark),
                libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0),
            )
        };
        if pidfd >= 0 {
            // SAFETY: it was just made, and belongs to nobody else.
            unsafe { libc::close(pidfd as i32) };
        }
        let found = [
            (Self::Subreaper, subreaper == 0),
            // SAFETY: takes no argument.
            (Self::Rights, unsafe { libc::geteuid() } == 0),
            (Self::Terminals, files::can_make_terminals()),
            (Self::Pidfds, pidfd >= 0),
            (Self::Tracing, has_ptrace()),
            (Self::Calls, std::fs::read("/proc/self/syscall").is_ok()),
            (Self::States, std::fs::read("/proc/self/stat").is_ok()),
        ];
        found.into_iter().filter(|(_, is_there)| !is_there).map(|(it, _)| it).collect()
    }

    /// Why a script is not played where it is lacking.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Namespaces => "needs a PID namespace of its own",
            Self::Subreaper => "needs PR_SET_CHILD_SUBREAPER",
            Self::Rights => "needs the right to take a terminal from another session",
            Self::Terminals => "needs pseudo-terminals",
            Self::Pidfds => "needs pidfds",
            Self::Tracing => "needs ptrace",
            Self::Calls => "needs /proc/PID/syscall",
            Self::States => "needs /proc/PID/stat",
        }
    }
}

/// Whether there is the call: nobody has number 0, so it is in vain.
fn has_ptrace() -> bool {
    // SAFETY: plain numbers; nobody is traced.
    let refused = unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_INTERRUPT, 0, 0, 0) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    refused == 0 || errno == Some(libc::ESRCH)
}
