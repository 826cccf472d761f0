//! The system calls about processes: which ones stop a followed thread, and their names.

use std::fmt;

use libc::c_long;
use serde::{Deserialize, Deserializer, Serialize};

/// When a call stops the thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopping {
    /// At every use.
    Always,
    /// Only if one of the first two arguments has one of these values.
    Argument { index: usize, values: &'static [u32] },
}

/// A system call that lockstep follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    /// Its number on this architecture.
    pub(crate) number: c_long,
    /// Its name.
    pub(crate) name: &'static str,
    /// When it stops the thread.
    pub(crate) stopping: Stopping,
}

const fn always(number: c_long, name: &'static str) -> Followed {
    Followed { number, name, stopping: Stopping::Always }
}

const CHILD_SIGNAL: &[u32] = &[libc::SIGCHLD as u32];
const PROCESS_OPTIONS: &[u32] = &[
    libc::PR_SET_PDEATHSIG as u32,
    libc::PR_GET_PDEATHSIG as u32,
    libc::PR_SET_CHILD_SUBREAPER as u32,
    libc::PR_GET_CHILD_SUBREAPER as u32,
    libc::PR_SET_SECCOMP as u32,
    libc::PR_GET_SECCOMP as u32,
    libc::PR_GET_NO_NEW_PRIVS as u32,
];

/// The calls that change a caller's credentials.
pub(crate) const CREDENTIALS: [&str; 9] = [
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "capset",
];
const JOB_CONTROL_REQUESTS: &[u32] = &[
    libc::TIOCSCTTY as u32,
    libc::TIOCNOTTY as u32,
    libc::TIOCGPGRP as u32,
    libc::TIOCSPGRP as u32,
    libc::TIOCGSID as u32,
];

/// All followed calls, the frequent ones first: the filter tries them in this order.
pub(crate) const FOLLOWED: &[Followed] = &[
    Followed {
        number: libc::SYS_rt_sigaction,
        name: "rt_sigaction",
        stopping: Stopping::Argument { index: 0, values: CHILD_SIGNAL },
    },
    Followed {
        number: libc::SYS_ioctl,
        name: "ioctl",
        stopping: Stopping::Argument { index: 1, values: JOB_CONTROL_REQUESTS },
    },
    Followed {
        number: libc::SYS_prctl,
        name: "prctl",
        stopping: Stopping::Argument { index: 0, values: PROCESS_OPTIONS },
    },
    always(libc::SYS_getpid, "getpid"),
    always(libc::SYS_gettid, "gettid"),
    always(libc::SYS_getppid, "getppid"),
    always(libc::SYS_wait4, "wait4"),
    always(libc::SYS_waitid, "waitid"),
    always(libc::SYS_clone, "clone"),
    always(libc::SYS_clone3, "clone3"),
    #[cfg(target_arch = "x86_64")]
    always(libc::SYS_fork, "fork"),
    #[cfg(target_arch = "x86_64")]
    always(libc::SYS_vfork, "vfork"),
    always(libc::SYS_execve, "execve"),
    always(libc::SYS_execveat, "execveat"),
    #[cfg(target_arch = "x86_64")]
    always(libc::SYS_getpgrp, "getpgrp"),
    always(libc::SYS_getpgid, "getpgid"),
    always(libc::SYS_setpgid, "setpgid"),
    always(libc::SYS_getsid, "getsid"),
    always(libc::SYS_setsid, "setsid"),
    always(libc::SYS_kill, "kill"),
    always(libc::SYS_tkill, "tkill"),
    always(libc::SYS_tgkill, "tgkill"),
    always(libc::SYS_rt_sigqueueinfo, "rt_sigqueueinfo"),
    always(libc::SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo"),
    always(libc::SYS_pidfd_open, "pidfd_open"),
    always(libc::SYS_pidfd_send_signal, "pidfd_send_signal"),
    always(libc::SYS_unshare, "unshare"),
    always(libc::SYS_setns, "setns"),
    always(libc::SYS_ptrace, "ptrace"),
    always(libc::SYS_reboot, "reboot"),
    always(libc::SYS_vhangup, "vhangup"),
    always(libc::SYS_seccomp, "seccomp"),
    always(libc::SYS_setuid, "setuid"),
    always(libc::SYS_setgid, "setgid"),
    always(libc::SYS_setreuid, "setreuid"),
    always(libc::SYS_setregid, "setregid"),
    always(libc::SYS_setresuid, "setresuid"),
    always(libc::SYS_setresgid, "setresgid"),
    always(libc::SYS_setfsuid, "setfsuid"),
    always(libc::SYS_setfsgid, "setfsgid"),
    always(libc::SYS_capset, "capset"),
];

/// The name of a followed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Name(&'static str);

/// The name of what is not followed.
const UNKNOWN: &str = "unknown";

impl Name {
    /// The name as text.
    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }

    /// A name that `/proc` does not tell: of a fork whose caller was killed.
    pub(crate) const FORK: Self = Self("fork");
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = FOLLOWED.iter().map(|call| call.name).find(|name| *name == text);
        // `fork` and `vfork` are no calls on every architecture that can read a recording.
        let known = known.or_else(|| {
            ["fork", "vfork", "getpgrp", UNKNOWN].into_iter().find(|name| *name == text)
        });
        known.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("no followed system call is called {text:?}"))
        })
    }
}

/// The name of a followed call.
pub(crate) fn name(number: u64) -> Name {
    let call = FOLLOWED.iter().find(|call| call.number as u64 == number);
    Name(call.map_or(UNKNOWN, |call| call.name))
}
