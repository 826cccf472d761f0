//! What `fork`, `vfork`, `clone` and `clone3` ask for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::{self, Pid};
use crate::syscalls::Name;

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
        const NAMED: [(i32, &str); 6] = [
            (libc::CLONE_THREAD, "THREAD"),
            (libc::CLONE_PARENT, "PARENT"),
            (libc::CLONE_VFORK, "VFORK"),
            (libc::CLONE_VM, "VM"),
            (libc::CLONE_NEWPID, "NEWPID"),
            (libc::CLONE_UNTRACED, "UNTRACED"),
        ];
        let flags = NAMED.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name);
        let flags: Vec<_> = flags.collect();
        write!(f, "{}({})", self.name, flags.join("|"))
    }
}
