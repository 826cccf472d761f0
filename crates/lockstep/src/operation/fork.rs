//! What `fork`, `vfork`, `clone` and `clone3` ask for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::{self, Pid};
use crate::syscalls::Name;
use crate::words;

/// A request for a new process or thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fork {
    /// The system call's name.
    pub(crate) name: Name,
    /// The `CLONE_` flags, without the exit signal.
    pub(crate) flags: u64,
    /// The signal that tells the parent of the child's end, 0 for none.
    pub(crate) exit_signal: u64,
    /// Where the request of clone3 lies in the caller's memory; 0 for the other calls.
    #[serde(skip)]
    pub(crate) request: u64,
}

impl Fork {
    /// Reads the argument that carries the exit signal in its low byte.
    pub(super) fn from_clone(name: Name, flags: u64) -> Self {
        const EXIT_SIGNAL: u64 = 0xff;
        // The kernel looks at the low half only.
        let flags = flags & 0xffff_ffff;
        Self { name, flags: flags & !EXIT_SIGNAL, exit_signal: flags & EXIT_SIGNAL, request: 0 }
    }

    /// Reads the request of clone3 from the caller's memory.
    pub(super) fn from_clone3(name: Name, tid: Pid, address: u64) -> Self {
        // struct clone_args begins: flags, pidfd, child_tid, parent_tid, exit_signal.
        let Some(words) = sys::read_memory::<40>(tid, address) else {
            return Self { name, flags: 0, exit_signal: 0, request: address };
        };
        let word = |index: usize| {
            let bytes = words[8 * index..][..8].try_into();
            bytes.map_or(0, u64::from_ne_bytes)
        };
        Self { name, flags: word(0), exit_signal: word(4), request: address }
    }

    /// Whether all of `flags` (`CLONE_…`) are asked for.
    pub(crate) fn has(&self, flags: i32) -> bool {
        let flags = u64::from(flags.cast_unsigned());
        self.flags & flags == flags
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, flags, exit_signal, .. } = *self;
        match (flags, exit_signal) {
            (0, 0) => write!(f, "{name}()"),
            (0, signal) => write!(f, "{name}({})", words::signal(signal as i32)),
            (flags, 0) => write!(f, "{name}({})", CloneFlags(flags)),
            (flags, signal) => {
                write!(f, "{name}({}|{})", CloneFlags(flags), words::signal(signal as i32))
            }
        }
    }
}

/// Flags of clone and unshare, by name without `CLONE_`.
pub(super) struct CloneFlags(pub(super) u64);

impl fmt::Display for CloneFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: [(u64, &str); 25] = [
            (0x100, "VM"),
            (0x200, "FS"),
            (0x400, "FILES"),
            (0x800, "SIGHAND"),
            (0x1000, "PIDFD"),
            (0x2000, "PTRACE"),
            (0x4000, "VFORK"),
            (0x8000, "PARENT"),
            (0x1_0000, "THREAD"),
            (0x2_0000, "NEWNS"),
            (0x4_0000, "SYSVSEM"),
            (0x8_0000, "SETTLS"),
            (0x10_0000, "PARENT_SETTID"),
            (0x20_0000, "CHILD_CLEARTID"),
            (0x80_0000, "UNTRACED"),
            (0x100_0000, "CHILD_SETTID"),
            (0x200_0000, "NEWCGROUP"),
            (0x400_0000, "NEWUTS"),
            (0x800_0000, "NEWIPC"),
            (0x1000_0000, "NEWUSER"),
            (0x2000_0000, "NEWPID"),
            (0x4000_0000, "NEWNET"),
            (0x1_0000_0000, "CLEAR_SIGHAND"),
            (0x2_0000_0000, "INTO_CGROUP"),
            (0x80, "NEWTIME"),
        ];
        let mut rest = self.0;
        let mut names = Vec::new();
        for (bit, name) in NAMED {
            if rest & bit != 0 {
                rest &= !bit;
                names.push(name.to_owned());
            }
        }
        if rest != 0 || names.is_empty() {
            names.push(format!("{rest:#x}"));
        }
        f.write_str(&names.join("|"))
    }
}
