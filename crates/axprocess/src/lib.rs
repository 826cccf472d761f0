//! The Linux process model: processes, threads, process groups, sessions, zombies and wait, subreapers, exec, job control,
//! controlling terminals, PID namespaces.
//!
//! A kernel embeds this crate instead of writing its own process tree. It supplies a [`Host`]: a lock, the data that it hangs on processes and
//! threads, and a few hooks. The crate owns who exists, who belongs to whom, and what becomes of them.
//!
//! | system call | method |
//! | --- | --- |
//! | fork, vfork, clone, clone3 | [`CloneRequest`], [`Thread::admit_clone`]; [`Thread::fork`], [`Thread::spawn_thread`] |
//! | vfork, clone with `CLONE_VFORK` | the same, then [`Thread::begin_vfork`], [`Thread::is_waiting_for_vfork`] |
//! | clone3, unshare, setns with `CLONE_NEWPID` | [`ForkNamespace`], [`Thread::unshare_pid`], [`Thread::set_namespace_for_children`] |
//! | reboot | [`Process::reboot`] |
//! | `/proc/sys/kernel`: `pid_max`, `ns_last_pid` | [`Process::set_pid_max`], [`Process::set_last_pid`] |
//! | `pids.max`, `RLIMIT_NPROC`, the filters that a child has of seccomp | [`Host::can_fork`], [`Host::release_task`] |
//! | execve | [`Thread::begin_exec`], which waits for the other threads; [`Thread::exec`] where these have been stopped |
//! | exit, exit_group, a fatal signal | [`Process::begin_group_exit`], [`Thread::exit_thread`]; in steps [`Thread::begin_exit`] |
//! | a core dump | [`Thread::begin_core_dump`], [`PendingExit::is_parked`] |
//! | wait4, waitid | [`WaitRequest`], [`Thread::wait`], [`Thread::begin_wait`] |
//! | getpid, gettid, getppid, getpgrp | [`Process::pid`], [`Thread::tid`], [`Process::ppid`], [`Process::pgid`] |
//! | getpgid, getsid, setpgid, setsid | [`Process::getpgid`], [`Process::getsid`], [`Process::setpgid`], [`Process::setsid`] |
//! | prctl `PR_SET_CHILD_SUBREAPER` | [`Process::become_subreaper`], [`Process::resign_subreaper`] |
//! | prctl `PR_SET_PDEATHSIG` | [`Thread::set_parent_death_signal`] |
//! | kill, tkill, tgkill | [`Thread::kill`], [`Thread::tkill`], [`Thread::tgkill`] |
//! | rt_sigqueueinfo, rt_tgsigqueueinfo | [`Thread::rt_sigqueueinfo`], [`Thread::rt_tgsigqueueinfo`] |
//! | a signal of the kernel's own: timers, SIGPIPE, SIGIO, OOM, `cgroup.kill` | [`Process::send_signal`], [`Thread::send_signal`], [`ProcessGroup::send_signal`] |
//! | a fault, and whatever else cannot be evaded | [`Thread::force_signal`] |
//! | prlimit, ioprio_get, setpriority: whom a number means to the caller | [`PidNamespace::find_process`], [`find_thread`](PidNamespace::find_thread), [`find_group`](PidNamespace::find_group) |
//! | fcntl `F_SETOWN`, timer_create: an owner that may be gone when it is asked for | [`PidNamespace::find_identity`], [`Identity`] |
//! | name_to_handle_at, open_by_handle_at on a pidfd | [`Identity::serial`], [`ProcessTable::find_identity_by_serial`] |
//! | pidfd_open, and what a pidfd answers | [`Process::pidfd_open`], [`PidHandle`] |
//! | pidfd_send_signal, waitid `P_PIDFD` | [`Thread::pidfd_send_signal`], [`WaitRequest::waitid_pidfd`] |
//! | a stop signal's default action, and what follows `SIGCONT` | [`Process::stop_ticket`], [`Thread::begin_stop`], [`Thread::join_stop`], [`Thread::notify_parent_if_continued`] |
//! | each return to user space, and each sleep that a signal can end | [`Thread::attention`], [`Thread::join_stop`], [`Thread::is_stopped`] |
//! | open of a terminal, ioctl `TIOCSCTTY`, `TIOCNOTTY` | [`Process::open_terminal`], [`Process::acquire_terminal`], [`Process::release_terminal`] |
//! | tcgetpgrp, tcsetpgrp, tcgetsid | [`Process::tcgetpgrp`], [`Process::tcsetpgrp`], [`Process::tcgetsid`] |
//! | read, write and tcsetattr on a terminal | [`Process::check_terminal_access`] |
//! | a hang-up, a key that makes a signal | [`Terminal::hang_up`], [`Terminal::signal_foreground`] |
//! | ptrace | [`Thread::attach`], [`Thread::trace_me`], [`Thread::inherit_tracer`]; [`Thread::interrupt_tracee`], [`Thread::listen_to_tracee`], [`Thread::resume_tracee`], [`Thread::detach`], [`Thread::set_trace_options`]; all others, [`Thread::stopped_tracee`]; the tracee, [`Thread::trace_stop`], [`Thread::join_stop`] |
//! | `/proc/PID/stat`, `status`, `task/TID/children`, readdir of `/proc` | [`Process::stat`], [`Process::namespace_numbers`], [`Process::is_kernel_thread`], [`Thread::children`], [`ProcessTable::next_process`] |
//! | what several getters would answer at one moment; a walk without a `Vec` | [`ProcessTable::read`], [`View`] |
//! | a stop or `SIGCONT` that took effect | [`Process::report_group_stopped`], [`Process::report_group_continued`] |
//!
//! What the kernel runs for itself hangs below a second root: [`ProcessTable::new_kthreadd`], [`Thread::fork_kernel_thread`]. The helpers of `call_usermodehelper` are forked by a kernel thread as by anyone.
//!
//! A facade, or a kernel with habits of its own, also finds [`Process::fork_child`], [`Process::enter_group`], [`Process::create_group`],
//! [`Process::create_session`], [`Process::release_zombie`] and [`ProcessTable::new_init_in`].
//!
//! A call that serves a system call takes its numbers as user space passes them, as `i32`, with what they mean below 1, and answers its errors; all else takes and gives a [`Pid`], which somebody has or has had. What depends on
//! the calling thread, and all sending of signals, are methods of [`Thread`]; what all threads of a process would be answered alike are methods of [`Process`].
//!
//! Each call is one critical section under the table's one lock; none sleeps, and none panics on anything that user space can pass. `R-…` in the documentation are
//! the numbers of the rules of Linux 6.18 that a call implements.
//!
//! The examples have the standard library's mutex as their relation lock: `axprocess = { version = "0.2", features = ["std"] }`. A kernel's own lock is a [`Lock`], or one by the features `lock_api` and `kspin`.
//!
//! # Targets
//!
//! Any that has `alloc`, and compare-and-swap on 32 bits and pointers. CI builds for x86_64, riscv64gc, aarch64, loongarch64, riscv32imac and thumbv7em without an operating
//! system. `portable-atomic` comes along only where there are no 64-bit atomics, and needs no flag.
//!
//! A getter that is called **wait-free** takes no lock and waits for nobody. An interrupt handler may call it on any target, also one that has interrupted a call of this crate.
//! Where there are no 64-bit atomics, a getter of a 64-bit word ([`Process::pgid`], [`Process::sid`]) reads again if the word was written while it read; one that has
//! interrupted the writer has its answer at the first try.
//!
//! If handlers make other calls, the [`Lock`] switches interrupts off, and the table has been used before: its first use makes it, and all who come to that wait for the first.
//!
//! ```
//! use axprocess::{ExitStatus, ForkRequest, Host, ProcessTable, Relations, WaitOutcome, WaitRequest, WaitStatus};
//!
//! struct MyKernel;
//!
//! impl Host for MyKernel {
//!     type Lock = std::sync::Mutex<Relations<Self>>;
//!     type ProcessData = ();
//!     type ThreadData = ();
//!     type GroupData = ();
//!     type SessionData = ();
//!     type NamespaceData = ();
//!     type TerminalData = ();
//!     type Usage = ();
//! }
//!
//! let table = ProcessTable::new(MyKernel);
//! let init = table.new_init(1, (), ())?;
//! let child = init.fork(ForkRequest::default(), (), ())?;
//! child.exit_thread(ExitStatus::exited(7));
//!
//! let any = WaitRequest::wait4(-1, 0)?;
//! let WaitOutcome::Event(event) = init.wait(&any)? else { panic!("the child has ended") };
//! assert_eq!((event.pid, event.status), (2, WaitStatus::Exited(7)));
//! # Ok::<(), axprocess::Errno>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod attention;
#[cfg(feature = "check")]
mod check;
#[cfg(not(feature = "check"))]
#[path = "no_check.rs"]
mod check;
mod errno;
mod group;
mod handle;
mod host;
#[allow(unsafe_code, reason = "one of the three modules that hold all of it")]
mod list;
#[allow(unsafe_code, reason = "one of the three modules that hold all of it")]
mod object;
mod pid;
mod process;
mod session;
mod signal;
mod snapshot;
mod status;
#[allow(unsafe_code, reason = "one of the three modules that hold all of it")]
mod sync;
mod table;
mod terminal;
mod thread;
mod view;
mod walk;

pub use attention::Attention;
#[cfg(feature = "check")]
pub use check::AuditReport;
pub use errno::Errno;
pub use group::ProcessGroup;
pub use handle::{
    HandleInfo, HandleNumbers, HandleState, InfoMask, PidHandle, PidfdFlags, PollEvents,
};
pub use host::{ChildSignalFlags, Host, ResourceUsage, SignalAction};
pub use object::{ARef, Object, Shared};
pub use pid::{Identity, Number, Pid, PidNamespace};
pub use process::{
    AcquireTerminal, AdminRight, CttyChange, IfTaken, StopSignal, TerminalAccess, TerminalAnswer,
    TerminalFile, TerminalRelease, TerminalSide,
};
pub use process::{
    ChildNews, DiscardedSignals, ForcedAction, ForkNamespace, ForkParent, ForkRequest, GivenInfo,
    IDLE_PID, InitSession, KernelCause, Patience, PendingCoreDump, PendingExec, PendingExit,
    PidfdMode, PreparedFork, PreparedThread, Process, ProcessState, Reboot, RebootCommand,
    SignalScope, StopDecision, StopTicket, ThreadExit, ThreadStop, TraceOptions, TraceStart,
    TraceStop, TraceStopped, VforkWait, WaitCall, WaitEvent, WaitFuture, WaitOptions, WaitOutcome,
    WaitRequest, WaitToken,
};
pub use process::{CloneArgs, CloneFlags, CloneRequest, NewProcess, NewTask, NewThread};
pub use process::{LevelNumbers, NamespaceNumbers, ProcessStat, RunState, TerminalStat};
pub use session::Session;
pub use signal::{DefaultAction, ExitSignal, Signal, SignalCause, SignalInfo};
pub use status::{ChildCode, ExitStatus, WaitStatus};
#[doc(hidden)]
pub use sync::EndsProgram;
pub use sync::Lock;
pub use table::{ProcessTable, Relations};
pub use terminal::{Terminal, TerminalKind};
pub use thread::Thread;
pub use view::{Cursor, View};
pub use walk::TreeEntry;

/// The examples of the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
