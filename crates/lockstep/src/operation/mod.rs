//! A system call about processes, decoded: what the caller asks for, apart from how the
//! architecture passes it.

mod alteration;
mod fork;
mod signal;
mod terminal;
mod wait;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use self::alteration::Alteration;
use self::fork::CloneFlags;
pub(crate) use self::fork::Fork;
pub(crate) use self::signal::{Arrival, ChildNews, Sending, SentInfo, Target};
pub(crate) use self::terminal::{Acquire, Device, Line, TerminalCall, TerminalRequest};
pub(crate) use self::wait::{Wait, WaitResult, status_word};
use crate::procfs;
use crate::sys::{self, Pid};
use crate::syscalls::{self, Name};

/// A decoded system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// `prctl(PR_SET_PDEATHSIG)`
    SetDeathSignal { signal: u64 },
    /// `prctl(PR_GET_PDEATHSIG)`
    GetDeathSignal { address: u64 },
    /// `fork`, `vfork`, `clone`, `clone3`
    Fork(Fork),
    /// `wait4`, `waitid`
    Wait(Wait),
    /// `rt_sigaction(SIGCHLD)`; no action is a mere question
    SetChildSignal { action: Option<ChildSignal> },
    /// `execve`, `execveat`: the outcome is told by ptrace
    Exec,
    /// `unshare`, for what concerns processes
    Unshare { flags: u64 },
    /// `setns`; the PID namespace that the descriptor is of, if it is of one
    SetNs { space: Option<Space> },
    /// A call that sends a signal
    Send(Sending),
    /// `pidfd_open`
    PidfdOpen { pid: i32, flags: u32 },
    /// `ioctl` of a terminal, about job control
    Terminal(TerminalCall),
    /// `setuid` and its like, `capset`
    Credentials { name: Name },
    /// `reboot`; no command if the magic numbers are wrong
    Reboot { command: Option<u32> },
    /// `vhangup`, by a process with this terminal, 0 without one
    HangUp { own: Device },
    /// A seccomp filter of the program's own, or a question about one: what of it is not as without lockstep
    Filter { name: Name, how: Option<Alteration>, is_supervised: bool },
    /// Any other call about processes that the model does not know
    Unmodelled { name: Name },
}

/// A PID namespace, by the number that the kernel shows of it.
pub(crate) type Space = u64;

/// What a process does about SIGCHLD, as far as its children notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildSignal {
    /// `SIG_IGN`.
    pub(crate) is_ignored: bool,
    /// `SA_NOCLDWAIT`.
    pub(crate) is_no_wait: bool,
    /// `SA_NOCLDSTOP`.
    pub(crate) is_no_stop: bool,
    /// It is handled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_caught: bool,
    /// `SA_RESETHAND`, or a change of which nobody has told: whether it is as said here, is open.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_open: bool,
}

fn is_false(value: &bool) -> bool {
    !value
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
            is_no_stop: flags & libc::SA_NOCLDSTOP as u64 != 0,
            is_caught: handler != libc::SIG_IGN as u64 && handler != libc::SIG_DFL as u64,
            is_open: flags & libc::SA_RESETHAND.cast_unsigned() as u64 != 0,
        })
    }

    /// What is left of the action after an exec, or in a child made with CLONE_CLEAR_SIGHAND.
    pub(crate) fn after_exec(self) -> Self {
        Self { is_ignored: self.is_ignored, ..Self::default() }
    }
}

impl Call {
    /// Decodes a call that the filter has stopped. `tid` is the caller, whose memory is read
    /// where the request lies there.
    pub(crate) fn decode(tid: Pid, number: u64, arguments: [u64; 6]) -> Self {
        let name = syscalls::name(number);
        let int = |index: usize| arguments[index] as u32 as i32;
        let send = |target, signal| {
            let signal = int(signal);
            Self::Send(Sending { name, target, signal, info: None, flags: 0 })
        };
        let queue = |target, signal: usize, flags| {
            let info = SentInfo::read(tid, arguments[signal + 1]);
            Self::Send(Sending { name, target, signal: int(signal), info, flags })
        };
        match name.as_str() {
            "getpid" => Self::GetPid,
            "gettid" => Self::GetTid,
            "getppid" => Self::GetPpid,
            "getpgrp" => Self::GetPgrp,
            "getpgid" => Self::GetPgid { pid: int(0) },
            "getsid" => Self::GetSid { pid: int(0) },
            "setpgid" => Self::SetPgid { pid: int(0), pgid: int(1) },
            "setsid" => Self::SetSid,
            "fork" => Self::Fork(Fork::from_clone(name, libc::SIGCHLD as u64)),
            "vfork" => {
                let flags = libc::CLONE_VFORK | libc::CLONE_VM | libc::SIGCHLD;
                Self::Fork(Fork::from_clone(name, u64::from(flags.cast_unsigned())))
            }
            "clone" => Self::Fork(Fork::from_clone(name, arguments[0])),
            "clone3" => Self::Fork(Fork::from_clone3(name, tid, arguments[0])),
            "wait4" => {
                Self::Wait(Wait::Wait4 { pid: int(0), options: int(2), status: arguments[1] })
            }
            "waitid" => Self::Wait(Wait::WaitId {
                kind: int(0),
                id: int(1),
                options: int(3),
                info: arguments[2],
                is_nonblocking: int(0).cast_unsigned() == libc::P_PIDFD
                    && procfs::is_nonblocking(tid, int(1)),
            }),
            "rt_sigaction" => Self::SetChildSignal { action: ChildSignal::read(tid, arguments[1]) },
            "execve" | "execveat" => Self::Exec,
            "unshare" => Self::Unshare { flags: arguments[0] },
            "setns" => Self::SetNs { space: procfs::space_to_enter(tid, int(0), int(1)) },
            "prctl" => match int(0) {
                libc::PR_SET_CHILD_SUBREAPER => Self::SetSubreaper { on: arguments[1] != 0 },
                libc::PR_GET_CHILD_SUBREAPER => Self::GetSubreaper { address: arguments[1] },
                libc::PR_SET_PDEATHSIG => Self::SetDeathSignal { signal: arguments[1] },
                libc::PR_GET_PDEATHSIG => Self::GetDeathSignal { address: arguments[1] },
                _ => Self::filter_by_prctl(name, arguments),
            },
            "seccomp" => Self::filter_by_seccomp(name, arguments),
            "vhangup" => Self::HangUp { own: procfs::stat(tid).map_or(0, |stat| stat.terminal) },
            "reboot" => Self::Reboot { command: reboot_command(arguments) },
            call if syscalls::CREDENTIALS.contains(&call) => Self::Credentials { name },
            "ioctl" => match TerminalCall::read(tid, arguments) {
                Some(call) => Self::Terminal(call),
                None => Self::Unmodelled { name },
            },
            "kill" => send(Target::Process(int(0)), 1),
            "rt_sigqueueinfo" => queue(Target::Process(int(0)), 1, 0),
            "tkill" => send(Target::Thread(int(0)), 1),
            "tgkill" => send(Target::ThreadOf(int(0), int(1)), 2),
            "rt_tgsigqueueinfo" => queue(Target::ThreadOf(int(0), int(1)), 2, 0),
            "pidfd_send_signal" => queue(Target::Descriptor(int(0)), 1, int(3).cast_unsigned()),
            "pidfd_open" => Self::PidfdOpen { pid: int(0), flags: int(1).cast_unsigned() },
            _ => Self::Unmodelled { name },
        }
    }

    fn filter_by_prctl(name: Name, arguments: [u64; 6]) -> Self {
        let how = match arguments[0] as u32 as i32 {
            libc::PR_GET_SECCOMP => Some(Alteration::AskedFilter),
            libc::PR_GET_NO_NEW_PRIVS => Some(Alteration::AskedPrivileges),
            _ if arguments[1] == u64::from(libc::SECCOMP_MODE_STRICT) => {
                Some(Alteration::StrictMode)
            }
            _ => None,
        };
        Self::Filter { name, how, is_supervised: false }
    }

    fn filter_by_seccomp(name: Name, arguments: [u64; 6]) -> Self {
        let [operation, flags, ..] = arguments;
        let is_strict = operation as u32 == libc::SECCOMP_SET_MODE_STRICT && flags as u32 == 0;
        let is_supervised = operation as u32 == libc::SECCOMP_SET_MODE_FILTER
            && flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
        Self::Filter { name, how: is_strict.then_some(Alteration::StrictMode), is_supervised }
    }

    /// The caller's terminal may have changed while the call waited for its turn.
    pub(crate) fn read_terminal_anew(&mut self, tid: Pid) {
        if let Self::Terminal(TerminalCall { own, .. }) | Self::HangUp { own } = self {
            *own = procfs::stat(tid).map_or(0, |stat| stat.terminal);
        }
    }

    /// The same, and amid the call, which has had this result.
    pub(crate) fn settle_terminal(&mut self, tid: Pid, result: i64) {
        if let Self::Terminal(call) = self
            && let Some(stat) = procfs::stat(tid)
        {
            call.own = call.own_by_result(result, stat.terminal);
        }
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
            Self::SetDeathSignal { .. } | Self::GetDeathSignal { .. } => "prctl(PDEATHSIG)",
            Self::Fork(fork) => fork.name.as_str(),
            Self::Wait(Wait::Wait4 { .. }) => "wait4",
            Self::Wait(Wait::WaitId { .. }) => "waitid",
            Self::SetChildSignal { .. } => "rt_sigaction(SIGCHLD)",
            Self::Exec => "execve",
            Self::Unshare { .. } => "unshare",
            Self::SetNs { .. } => "setns",
            Self::Send(sending) => sending.name.as_str(),
            Self::PidfdOpen { .. } => "pidfd_open",
            Self::Terminal(call) => call.name(),
            Self::Reboot { .. } => "reboot",
            Self::HangUp { .. } => "vhangup",
            Self::Unmodelled { name } | Self::Credentials { name } | Self::Filter { name, .. } => {
                name.as_str()
            }
        }
    }

    /// The numbers of processes that the caller names; 0 for none.
    pub(crate) const fn numbers(&self) -> [i32; 2] {
        match *self {
            Self::GetPgid { pid } | Self::GetSid { pid } | Self::PidfdOpen { pid, .. } => [pid, 0],
            Self::SetPgid { pid, pgid } => [pid, pgid],
            Self::Wait(Wait::Wait4 { pid, .. }) => [pid, 0],
            Self::Wait(Wait::WaitId { kind, id, .. })
                if kind == libc::P_PID as i32 || kind == libc::P_PGID as i32 =>
            {
                [id, 0]
            }
            Self::Send(Sending { target: Target::Process(pid) | Target::Thread(pid), .. }) => {
                [pid, 0]
            }
            Self::Send(Sending { target: Target::ThreadOf(pid, tid), .. }) => [pid, tid],
            _ => [0; 2],
        }
    }

    /// Where the call writes a number of four bytes that belongs to its answer.
    pub(crate) const fn answer_address(&self) -> Option<u64> {
        match self {
            Self::GetSubreaper { address } | Self::GetDeathSignal { address } => Some(*address),
            Self::Terminal(call) => call.answer_address(),
            _ => None,
        }
    }
}

/// The command of reboot(2), if the magic numbers are right.
fn reboot_command(arguments: [u64; 6]) -> Option<u32> {
    const MAGIC: u32 = 0xfee1_dead;
    const MAGIC_TOO: [u32; 4] = [0x2812_1969, 0x0512_1996, 0x1604_1998, 0x2011_2000];
    let [magic, magic_too, command, ..] = arguments.map(|it| it as u32);
    (magic == MAGIC && MAGIC_TOO.contains(&magic_too)).then_some(command)
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::GetPgid { pid } | Self::GetSid { pid } => write!(f, "{name}({pid})"),
            Self::PidfdOpen { pid, flags: 0 } => write!(f, "{name}({pid})"),
            Self::PidfdOpen { pid, flags } => write!(f, "{name}({pid}, {flags:#x})"),
            Self::SetPgid { pid, pgid } => write!(f, "setpgid({pid}, {pgid})"),
            Self::SetSubreaper { on } => {
                write!(f, "prctl(PR_SET_CHILD_SUBREAPER, {})", i32::from(*on))
            }
            Self::GetSubreaper { .. } => write!(f, "prctl(PR_GET_CHILD_SUBREAPER)"),
            Self::SetDeathSignal { signal } => write!(f, "prctl(PR_SET_PDEATHSIG, {signal})"),
            Self::GetDeathSignal { .. } => write!(f, "prctl(PR_GET_PDEATHSIG)"),
            Self::Fork(fork) => fork.fmt(f),
            Self::Wait(wait) => wait.fmt(f),
            Self::Send(sending) => sending.fmt(f),
            Self::Terminal(call) => call.fmt(f),
            Self::Unshare { flags } => write!(f, "unshare({})", CloneFlags(*flags)),
            Self::SetNs { space: Some(space) } => write!(f, "setns(pid:[{space}])"),
            Self::SetChildSignal { action: Some(action) } => {
                let what = if action.is_ignored { "SIG_IGN" } else { "a handler or SIG_DFL" };
                let no_wait = if action.is_no_wait { ", SA_NOCLDWAIT" } else { "" };
                let no_stop = if action.is_no_stop { ", SA_NOCLDSTOP" } else { "" };
                write!(f, "rt_sigaction(SIGCHLD, {what}{no_wait}{no_stop})")
            }
            Self::Reboot { command: Some(command) } => write!(f, "reboot({command:#x})"),
            Self::SetChildSignal { .. } | Self::SetNs { .. } | Self::Unmodelled { .. } => {
                f.write_str(name)
            }
            _ => write!(f, "{name}()"),
        }
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

    /// A request to something that is no terminal is known as such.
    #[test]
    fn terminal_requests_are_read() {
        let nowhere = u64::from(u32::MAX);
        let call = decode(libc::SYS_ioctl, [nowhere, libc::TIOCSPGRP, 0, 0, 0, 0]);
        assert_eq!(call.to_string(), "ioctl(TIOCSPGRP, no terminal)");
    }
}
