//! What an actor of a script can do: one system call each.

use super::files::{PidfdCall, TerminalCall};
use super::notice::Notice;
use super::raw_clone::RawClone;
use super::signals::{SignalCall, SignalSet, SignalfdCall};
use super::trace::TraceCall;

/// The name of an actor: a process (its first thread), or another thread.
pub(crate) type Name = String;

/// A number in an argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    /// Just that number.
    Plain(i32),
    /// The number of an actor, as the caller sees it.
    Of(Name),
    /// The same, negative: the group of that number.
    GroupOf(Name),
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// clone3 without `CLONE_THREAD`.
    Fork(Fork),
    /// clone3 with `CLONE_THREAD`.
    Thread { child: Name },
    /// clone3 that is refused.
    Clone3(RawClone),
    /// exit.
    Exit(i32),
    /// exit_group.
    ExitGroup(i32),
    /// execve of a program that goes on with the script.
    Exec,
    /// wait4.
    Wait4 { who: Number, options: i32 },
    /// waitid.
    WaitId { kind: i32, id: Number, options: i32 },
    /// A getter that takes no argument.
    Get(Getter),
    /// getpgid.
    Getpgid(Number),
    /// getsid.
    Getsid(Number),
    /// setpgid.
    Setpgid(Number, Number),
    /// setsid.
    Setsid,
    /// kill.
    Kill(Number, i32),
    /// tkill.
    Tkill(Number, i32),
    /// tgkill.
    Tgkill(Number, Number, i32),
    /// rt_sigqueueinfo, with the caller's own number.
    Sigqueue(Number, i32, Given),
    /// rt_tgsigqueueinfo, with the caller's own number.
    Tgsigqueue(Number, Number, i32, Given),
    /// The kernel itself sends a signal.
    Notice(Notice),
    /// rt_sigaction.
    Treat { signal: i32, treatment: Treatment },
    /// rt_sigprocmask.
    Block(i32),
    /// rt_sigprocmask.
    Unblock(i32),
    /// Something with the caller's own signals.
    Signals(SignalCall),
    /// Something with the signalfd of that name.
    Signalfd(Name, SignalfdCall),
    /// prctl `PR_SET_CHILD_SUBREAPER`.
    Subreaper(Switch),
    /// prctl `PR_SET_PDEATHSIG`.
    DeathSignal(i32),
    /// unshare with `CLONE_NEWPID`.
    UnsharePid,
    /// reboot.
    Reboot(i32),
    /// Something with the terminal of that name.
    Terminal(Name, TerminalCall),
    /// vhangup.
    VHangUp,
    /// Something with the pidfd of that name.
    Pidfd(Name, PidfdCall),
    /// ptrace.
    Trace(TraceCall),
}

/// What a sender writes into a siginfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Given {
    /// `si_code`.
    pub(crate) code: i32,
    /// `si_value`.
    pub(crate) value: i32,
}

/// What is special about a fork.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fork {
    /// The new actor.
    pub(crate) child: Name,
    /// What the parent gets when it ends.
    pub(crate) exit_signal: i32,
    /// Whose child it becomes.
    pub(crate) parent: Parent,
    /// Where it lives.
    pub(crate) space: Space,
    /// The number that it is to have in its own namespace.
    pub(crate) number: Option<i32>,
    /// Whether the caller waits for it.
    pub(crate) pace: Pace,
    /// What it does about signals.
    pub(crate) handlers: Handlers,
}

impl Fork {
    /// A plain fork.
    pub(crate) fn plain(child: Name) -> Self {
        Self {
            child,
            exit_signal: libc::SIGCHLD,
            parent: Parent::Caller,
            space: Space::Inherited,
            number: None,
            pace: Pace::Free,
            handlers: Handlers::Copied,
        }
    }
}

/// What a child does about signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Handlers {
    /// The same as its maker, until one of the two changes it.
    Copied,
    /// The same as its maker, also when one of the two changes it (`CLONE_SIGHAND`).
    Shared,
    /// It ignores what its maker ignores, and handles nothing (`CLONE_CLEAR_SIGHAND`).
    Cleared,
}

/// Whether the maker of a child waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pace {
    /// It goes on.
    Free,
    /// It waits until the child executes a program or exits (`CLONE_VFORK`).
    Vfork,
}

/// Whose child a fork makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Parent {
    /// The caller's.
    Caller,
    /// The caller's parent's (`CLONE_PARENT`).
    Sibling,
}

/// In which PID namespace a fork's child lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    /// In the one for the caller's children.
    Inherited,
    /// In a new one (`CLONE_NEWPID`).
    New,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A system call that only asks, without an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Getter {
    /// getpid.
    Pid,
    /// gettid.
    Tid,
    /// getppid.
    ParentPid,
    /// getpgrp.
    Group,
    /// prctl `PR_GET_CHILD_SUBREAPER`.
    Subreaper,
    /// prctl `PR_GET_PDEATHSIG`.
    DeathSignal,
    /// getrusage `RUSAGE_CHILDREN`: 1 if a child has ever been counted.
    ChildrenUsage,
}

/// What a process does about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Treatment {
    /// What happens when it comes.
    pub(crate) action: Action,
    /// `SA_NOCLDWAIT`.
    pub(crate) no_wait: bool,
    /// `SA_NOCLDSTOP`.
    pub(crate) no_stop: bool,
    /// `SA_RESTART`.
    pub(crate) restart: bool,
    /// `SA_RESETHAND`.
    pub(crate) reset: bool,
    /// `SA_NODEFER`.
    pub(crate) no_defer: bool,
    /// What is blocked besides while the handler runs.
    pub(crate) mask: SignalSet,
}

/// What happens when a signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) enum Action {
    /// The default.
    #[default]
    Default,
    /// Nothing.
    Ignore,
    /// A handler notes it.
    Handle,
}

/// The names of the options of wait4 and waitid.
pub(crate) const WAIT_OPTIONS: &[(&str, i32)] = &[
    ("nohang", libc::WNOHANG),
    ("stopped", libc::WSTOPPED),
    ("exited", libc::WEXITED),
    ("continued", libc::WCONTINUED),
    ("nowait", libc::WNOWAIT),
    ("nothread", libc::__WNOTHREAD),
    ("wall", libc::__WALL),
    ("wclone", libc::__WCLONE),
];

/// The names of the kinds of waitid.
pub(crate) const WAIT_KINDS: &[(&str, i32)] = &[("all", 0), ("pid", 1), ("pgid", 2)];

/// The names of the getters.
pub(crate) const GETTERS: &[(&str, Getter)] = &[
    ("getpid", Getter::Pid),
    ("gettid", Getter::Tid),
    ("getppid", Getter::ParentPid),
    ("getpgrp", Getter::Group),
    ("get-subreaper", Getter::Subreaper),
    ("get-death-signal", Getter::DeathSignal),
    ("get-children-usage", Getter::ChildrenUsage),
];

/// Signals that scripts call by name.
pub(crate) const SIGNALS: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("TERM", 15),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("QUIT", 3),
    ("TRAP", 5),
];

/// The first real-time signal, `RT0`.
pub(super) const FIRST_RT: i32 = 32;

/// The names of the commands of reboot.
pub(crate) const REBOOTS: &[(&str, i32)] = &[
    ("restart", 0x0123_4567),
    ("halt", 0xcdef_0123_u32.cast_signed()),
    ("power-off", 0x4321_fedc),
];

impl Operation {
    /// The new actor that the operation makes, if it succeeds.
    pub(crate) fn child(&self) -> Option<&Name> {
        match self {
            Self::Fork(Fork { child, .. }) | Self::Thread { child } => Some(child),
            _ => None,
        }
    }

    /// Whether what the call returns names someone.
    pub(crate) const fn returns_number(&self) -> bool {
        match self {
            Self::Get(getter) => {
                !matches!(getter, Getter::Subreaper | Getter::DeathSignal | Getter::ChildrenUsage)
            }
            Self::Terminal(_, call) => {
                matches!(call, TerminalCall::Foreground(_) | TerminalCall::Session(_))
            }
            Self::Pidfd(_, PidfdCall::Info(_))
            | Self::Fork(_)
            | Self::Thread { .. }
            | Self::Getpgid(_)
            | Self::Getsid(_)
            | Self::Setsid => true,
            _ => false,
        }
    }

    /// Whether what the call returns is a set of signals.
    pub(crate) const fn returns_set(&self) -> bool {
        matches!(self, Self::Signals(call) if call.returns_set())
    }

    /// The word that it begins with in a script.
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Self::Fork(_) => "fork",
            Self::Thread { .. } => "thread",
            Self::Clone3(_) => "clone3",
            Self::Exit(_) => "exit",
            Self::ExitGroup(_) => "exit-group",
            Self::Exec => "exec",
            Self::Wait4 { .. } => "wait4",
            Self::WaitId { .. } => "waitid",
            Self::Get(getter) => name_of(GETTERS, *getter).unwrap_or_default(),
            Self::Getpgid(_) => "getpgid",
            Self::Getsid(_) => "getsid",
            Self::Setpgid(..) => "setpgid",
            Self::Setsid => "setsid",
            Self::Kill(..) => "kill",
            Self::Tkill(..) => "tkill",
            Self::Tgkill(..) => "tgkill",
            Self::Sigqueue(..) => "sigqueue",
            Self::Tgsigqueue(..) => "tgsigqueue",
            Self::Treat { .. } => "signal",
            Self::Block(_) => "block",
            Self::Unblock(_) => "unblock",
            Self::Signals(call) => call.verb(),
            Self::Signalfd(_, call) => call.verb(),
            Self::Subreaper(_) => "subreaper",
            Self::DeathSignal(_) => "death-signal",
            Self::UnsharePid => "unshare-pid",
            Self::Reboot(_) => "reboot",
            Self::Terminal(_, call) => call.verb(),
            Self::VHangUp => "vhangup",
            Self::Pidfd(_, call) => call.verb(),
            Self::Trace(call) => call.verb(),
            Self::Notice(notice) => notice.verb(),
        }
    }
}

/// The name that a table gives to a value.
pub(crate) fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: T) -> Option<&'static str> {
    table.iter().find(|(_, known)| *known == value).map(|(name, _)| *name)
}

/// The value that a table has for a name.
pub(crate) fn value_of<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
