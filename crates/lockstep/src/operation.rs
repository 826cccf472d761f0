//! A system call about processes, decoded: what the caller asks for, apart from how the
//! architecture passes it.

use std::fmt;

use crate::sys::{self, Pid};
use crate::syscalls;

/// A decoded system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `getpid`
    GetPid,
    /// `gettid`
    GetTid,
    /// `getppid`
    GetPpid,
    /// `getpgrp`
    GetPgrp,
    /// `getpgid`
    GetPgid { pid: i32 },
    /// `getsid`
    GetSid { pid: i32 },
    /// `setpgid`
    SetPgid { pid: i32, pgid: i32 },
    /// `setsid`
    SetSid,
    /// `prctl(PR_SET_CHILD_SUBREAPER)`
    SetSubreaper { on: bool },
    /// `prctl(PR_GET_CHILD_SUBREAPER)`
    GetSubreaper { address: u64 },
    /// `fork`, `vfork`, `clone`, `clone3`
    Fork(Fork),
    /// `wait4`, `waitid`
    Wait(Wait),
    /// `rt_sigaction(SIGCHLD)`; no action is a mere question
    SetChildSignal { action: Option<ChildSignal> },
    /// `execve`, `execveat`: the outcome is told by ptrace
    Exec,
    /// `unshare` and `setns`: not modelled, but they decide where children are born
    ChangeNamespace { name: &'static str },
    /// A call that sends a signal: not modelled, but kept in order with the others
    SendSignal { name: &'static str },
    /// Any other call about processes that the model does not know
    Unmodelled { name: &'static str },
}

/// What a process does about SIGCHLD, as far as its children notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChildSignal {
    /// `SIG_IGN`.
    pub(crate) is_ignored: bool,
    /// `SA_NOCLDWAIT`.
    pub(crate) is_no_wait: bool,
}

impl ChildSignal {
    /// Reads the new action of an `rt_sigaction` call; `None` if there is none.
    fn read(tid: Pid, address: u64) -> Option<Self> {
        if address == 0 {
            return None;
        }
        // The kernel's structure begins with the handler and the flags.
        let bytes = sys::read_memory::<16>(tid, address)?;
        let (handler, flags) = bytes.split_at(8);
        let handler = u64::from_ne_bytes(handler.try_into().ok()?);
        let flags = u64::from_ne_bytes(flags.try_into().ok()?);
        Some(Self {
            is_ignored: handler == libc::SIG_IGN as u64,
            is_no_wait: flags & libc::SA_NOCLDWAIT as u64 != 0,
        })
    }

    /// What is left of the action after an exec, or in a child made with CLONE_CLEAR_SIGHAND.
    pub(crate) fn after_exec(self) -> Self {
        Self { is_no_wait: false, ..self }
    }
}

/// A request for a new process or thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fork {
    /// The system call's name.
    pub(crate) name: &'static str,
    /// The `CLONE_` flags, without the exit signal.
    pub(crate) flags: u64,
    /// The signal that tells the parent of the child's end, 0 for none.
    pub(crate) exit_signal: u64,
}

impl Fork {
    /// Whether all of `flags` (`CLONE_…`) are asked for.
    pub(crate) fn has(&self, flags: i32) -> bool {
        let flags = u64::from(flags.cast_unsigned());
        self.flags & flags == flags
    }
}

/// A request of `wait4` or `waitid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// `wait4`, with the address for the status word.
    Wait4 { pid: i32, options: i32, status: u64 },
    /// `waitid`, with the address for the siginfo.
    WaitId { kind: i32, id: i32, options: i32, info: u64 },
}

impl Wait {
    /// The options word.
    pub(crate) fn options(&self) -> i32 {
        match *self {
            Self::Wait4 { options, .. } | Self::WaitId { options, .. } => options,
        }
    }

    /// The same request, for one child only.
    pub(crate) fn for_child(self, child: Pid) -> Self {
        let id = child.cast_signed();
        match self {
            Self::Wait4 { options, status, .. } => Self::Wait4 { pid: id, options, status },
            Self::WaitId { options, info, .. } => {
                Self::WaitId { kind: libc::P_PID as i32, id, options, info }
            }
        }
    }

    /// Whether the caller refuses to block.
    pub(crate) fn is_hanging_refused(&self) -> bool {
        self.options() & libc::WNOHANG != 0
    }

    /// Whether the event stays for a later wait.
    pub(crate) fn is_looking_only(&self) -> bool {
        matches!(self, Self::WaitId { options, .. } if options & libc::WNOWAIT != 0)
    }
}

impl Call {
    /// Decodes a call that the filter has stopped. `tid` is the caller, whose memory is read
    /// where the request lies there.
    pub(crate) fn decode(tid: Pid, number: u64, arguments: [u64; 6]) -> Self {
        let name = syscalls::name(number).unwrap_or("unknown");
        let int = |index: usize| arguments[index] as u32 as i32;
        match name {
            "getpid" => Self::GetPid,
            "gettid" => Self::GetTid,
            "getppid" => Self::GetPpid,
            "getpgrp" => Self::GetPgrp,
            "getpgid" => Self::GetPgid { pid: int(0) },
            "getsid" => Self::GetSid { pid: int(0) },
            "setpgid" => Self::SetPgid { pid: int(0), pgid: int(1) },
            "setsid" => Self::SetSid,
            "fork" => Self::fork(name, libc::SIGCHLD as u64),
            "vfork" => {
                let flags = libc::CLONE_VFORK | libc::CLONE_VM | libc::SIGCHLD;
                Self::fork(name, u64::from(flags.cast_unsigned()))
            }
            "clone" => Self::fork(name, arguments[0]),
            "clone3" => Self::clone3(tid, arguments[0]),
            "wait4" => {
                Self::Wait(Wait::Wait4 { pid: int(0), options: int(2), status: arguments[1] })
            }
            "waitid" => Self::Wait(Wait::WaitId {
                kind: int(0),
                id: int(1),
                options: int(3),
                info: arguments[2],
            }),
            "rt_sigaction" => Self::SetChildSignal { action: ChildSignal::read(tid, arguments[1]) },
            "execve" | "execveat" => Self::Exec,
            "unshare" | "setns" => Self::ChangeNamespace { name },
            "prctl" => match int(0) {
                libc::PR_SET_CHILD_SUBREAPER => Self::SetSubreaper { on: arguments[1] != 0 },
                libc::PR_GET_CHILD_SUBREAPER => Self::GetSubreaper { address: arguments[1] },
                libc::PR_SET_PDEATHSIG => Self::Unmodelled { name: "prctl(PR_SET_PDEATHSIG)" },
                _ => Self::Unmodelled { name: "prctl(PR_GET_PDEATHSIG)" },
            },
            "ioctl" => Self::Unmodelled { name: terminal_request(arguments[1]) },
            "kill" | "tkill" | "tgkill" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo"
            | "pidfd_send_signal" => Self::SendSignal { name },
            _ => Self::Unmodelled { name },
        }
    }

    /// The calls that carry the exit signal in the low byte of the flags.
    fn fork(name: &'static str, flags: u64) -> Self {
        const EXIT_SIGNAL: u64 = 0xff;
        // The kernel looks at the low half only.
        let flags = flags & 0xffff_ffff;
        Self::Fork(Fork { name, flags: flags & !EXIT_SIGNAL, exit_signal: flags & EXIT_SIGNAL })
    }

    fn clone3(tid: Pid, address: u64) -> Self {
        let name = "clone3";
        // struct clone_args begins: flags, pidfd, child_tid, parent_tid, exit_signal.
        let Some(words) = sys::read_memory::<40>(tid, address) else {
            return Self::Fork(Fork { name, flags: 0, exit_signal: 0 });
        };
        let word = |index: usize| {
            let bytes = words[8 * index..][..8].try_into();
            bytes.map_or(0, u64::from_ne_bytes)
        };
        Self::Fork(Fork { name, flags: word(0), exit_signal: word(4) })
    }

    /// The name under which the call is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::GetPid => "getpid",
            Self::GetTid => "gettid",
            Self::GetPpid => "getppid",
            Self::GetPgrp => "getpgrp",
            Self::GetPgid { .. } => "getpgid",
            Self::GetSid { .. } => "getsid",
            Self::SetPgid { .. } => "setpgid",
            Self::SetSid => "setsid",
            Self::SetSubreaper { .. } | Self::GetSubreaper { .. } => "prctl(CHILD_SUBREAPER)",
            Self::Fork(fork) => fork.name,
            Self::Wait(Wait::Wait4 { .. }) => "wait4",
            Self::Wait(Wait::WaitId { .. }) => "waitid",
            Self::SetChildSignal { .. } => "rt_sigaction(SIGCHLD)",
            Self::Exec => "execve",
            Self::ChangeNamespace { name }
            | Self::SendSignal { name }
            | Self::Unmodelled { name } => name,
        }
    }
}

fn terminal_request(request: u64) -> &'static str {
    match request {
        libc::TIOCSCTTY => "ioctl(TIOCSCTTY)",
        libc::TIOCNOTTY => "ioctl(TIOCNOTTY)",
        libc::TIOCSPGRP => "ioctl(TIOCSPGRP)",
        libc::TIOCGPGRP => "ioctl(TIOCGPGRP)",
        _ => "ioctl(TIOCGSID)",
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::GetPgid { pid } | Self::GetSid { pid } => write!(f, "{name}({pid})"),
            Self::SetPgid { pid, pgid } => write!(f, "setpgid({pid}, {pgid})"),
            Self::SetSubreaper { on } => {
                write!(f, "prctl(PR_SET_CHILD_SUBREAPER, {})", i32::from(*on))
            }
            Self::GetSubreaper { .. } => write!(f, "prctl(PR_GET_CHILD_SUBREAPER)"),
            Self::Fork(fork) => write!(f, "{fork}"),
            Self::Wait(wait) => write!(f, "{wait}"),
            Self::SetChildSignal { .. }
            | Self::ChangeNamespace { .. }
            | Self::SendSignal { .. }
            | Self::Unmodelled { .. } => f.write_str(name),
            _ => write!(f, "{name}()"),
        }
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

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Wait4 { pid, options, .. } => write!(f, "wait4({pid}, {})", Options(options)),
            Self::WaitId { kind, id, options, .. } => {
                let options = Options(options);
                match kind.cast_unsigned() {
                    libc::P_ALL => write!(f, "waitid(P_ALL, {options})"),
                    libc::P_PID => write!(f, "waitid(P_PID {id}, {options})"),
                    libc::P_PGID => write!(f, "waitid(P_PGID {id}, {options})"),
                    libc::P_PIDFD => write!(f, "waitid(P_PIDFD {id}, {options})"),
                    _ => write!(f, "waitid({kind}, {id}, {options})"),
                }
            }
        }
    }
}

/// Wait options, by name.
struct Options(i32);

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: [(i32, &str); 8] = [
            (libc::WNOHANG, "WNOHANG"),
            (libc::WUNTRACED, "WUNTRACED"),
            (libc::WEXITED, "WEXITED"),
            (libc::WCONTINUED, "WCONTINUED"),
            (libc::WNOWAIT, "WNOWAIT"),
            (libc::__WNOTHREAD, "__WNOTHREAD"),
            (libc::__WALL, "__WALL"),
            (libc::__WCLONE, "__WCLONE"),
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
            names.push(if rest == 0 { "0".to_owned() } else { format!("{rest:#x}") });
        }
        f.write_str(&names.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(number: libc::c_long, arguments: [u64; 6]) -> Call {
        Call::decode(std::process::id(), number as u64, arguments)
    }

    /// The legacy call carries the exit signal in the low byte of its flags.
    #[test]
    fn clone_splits_flags_and_exit_signal() {
        let flags = (libc::CLONE_VM | libc::SIGUSR1) as u64;
        let Call::Fork(fork) = decode(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) else {
            panic!("not a fork");
        };
        assert!(fork.has(libc::CLONE_VM) && !fork.has(libc::CLONE_THREAD));
        assert_eq!(fork.exit_signal, libc::SIGUSR1 as u64);
    }

    /// clone3's request is read from the caller's memory.
    #[test]
    fn clone3_is_read_from_memory() {
        let request: [u64; 8] = [libc::CLONE_PARENT as u64, 0, 0, 0, 17, 0, 0, 0];
        let address = request.as_ptr() as u64;
        let Call::Fork(fork) = decode(libc::SYS_clone3, [address, 64, 0, 0, 0, 0]) else {
            panic!("not a fork");
        };
        assert!(fork.has(libc::CLONE_PARENT));
        assert_eq!(fork.exit_signal, 17);
    }

    /// Numbers are 32 bits wide whatever lies in the upper half of the register.
    #[test]
    fn negative_numbers_survive_the_register() {
        let minus_one = u64::from(u32::MAX);
        let call = decode(libc::SYS_wait4, [minus_one, 0, 3, 0, 0, 0]);
        assert_eq!(call.to_string(), "wait4(-1, WNOHANG|WUNTRACED)");
        let garbage = decode(libc::SYS_getpgid, [0xdead_beef_0000_0005, 0, 0, 0, 0, 0]);
        assert_eq!(garbage, Call::GetPgid { pid: 5 });
    }

    /// A terminal request is named; it is not modelled.
    #[test]
    fn terminal_requests_are_named() {
        let call = decode(libc::SYS_ioctl, [0, libc::TIOCSPGRP, 0, 0, 0, 0]);
        assert_eq!(call, Call::Unmodelled { name: "ioctl(TIOCSPGRP)" });
    }
}
