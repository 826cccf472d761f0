//! What user space may ask of fork(2), vfork(2), clone(2) and clone3(2), and in which order it is refused.
//!
//! | step | who | refuses with |
//! | --- | --- | --- |
//! | 1 | [`CloneArgs::read`], [`CloneRequest`]: the arguments by themselves | `E2BIG`, `EINVAL`, `EFAULT` |
//! | 2 | [`Thread::admit_clone`]: what this caller may not ask for | `EINVAL` |
//! | 3 | the kernel: a signal that waits, limits, rights, memory, files | a restart, `EAGAIN`, `EPERM`, … |
//! | 4 | [`NewProcess::make`], [`NewThread::make`]: namespaces, numbers, and at last whether the caller lives | `EINVAL`, `ENOSPC`, `EPERM`, `EEXIST`, `EAGAIN`, `ENOMEM`, `EINTR` |
//!
//! Step 4 is the only one that changes anything, in one hold. What step 2 has found it either looks at again there, or it can never change.

mod admit;
mod args;

pub use admit::{NewProcess, NewTask, NewThread};
pub use args::CloneArgs;

use super::{ForkNamespace, ForkParent, ForkRequest};
use crate::pid::DEEPEST;
use crate::{Errno, ExitSignal, Number, Pid};

bitflags::bitflags! {
    /// The `CLONE_*` flags, with Linux's values. The low byte of clone(2)'s argument, the exit signal, is none of them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct CloneFlags: u64 {
        /// A new time namespace for the children; clone3 and unshare only.
        const NEWTIME = 0x80;
        /// The address space is shared.
        const VM = 0x100;
        /// Root, working directory and umask are shared.
        const FS = 0x200;
        /// Open files are shared.
        const FILES = 0x400;
        /// Signal handlers are shared.
        const SIGHAND = 0x800;
        /// The caller gets a handle of the new process or thread.
        const PIDFD = 0x1000;
        /// It is traced if the caller is.
        const PTRACE = 0x2000;
        /// The caller sleeps until the new process has given its memory back.
        const VFORK = 0x4000;
        /// It is a sibling.
        const PARENT = 0x8000;
        /// It is a thread of the caller's process.
        const THREAD = 0x1_0000;
        /// A new mount namespace.
        const NEWNS = 0x2_0000;
        /// System V semaphore adjustments are shared.
        const SYSVSEM = 0x4_0000;
        /// It has thread-local storage of its own.
        const SETTLS = 0x8_0000;
        /// Its number is written to the caller's memory.
        const PARENT_SETTID = 0x10_0000;
        /// A word of its memory is cleared when it ends.
        const CHILD_CLEARTID = 0x20_0000;
        /// Nothing any more.
        const DETACHED = 0x40_0000;
        /// No tracer can be forced on it.
        const UNTRACED = 0x80_0000;
        /// Its number is written to its memory.
        const CHILD_SETTID = 0x100_0000;
        /// A new control group namespace.
        const NEWCGROUP = 0x200_0000;
        /// A new UTS namespace.
        const NEWUTS = 0x400_0000;
        /// A new IPC namespace.
        const NEWIPC = 0x800_0000;
        /// A new user namespace.
        const NEWUSER = 0x1000_0000;
        /// A new PID namespace, of which it is the init.
        const NEWPID = 0x2000_0000;
        /// A new network namespace.
        const NEWNET = 0x4000_0000;
        /// The I/O context is shared.
        const IO = 0x8000_0000;
        /// All handlers are reset; clone3 only.
        const CLEAR_SIGHAND = 1 << 32;
        /// It begins in a control group; clone3 only.
        const INTO_CGROUP = 1 << 33;
    }
}

impl CloneFlags {
    /// The flags for which the kernel asks for `CAP_SYS_ADMIN` (R-CLONE-15). `NEWUSER` is none of them.
    pub const PRIVILEGED: Self = Self::NEWTIME
        .union(Self::NEWNS)
        .union(Self::NEWCGROUP)
        .union(Self::NEWUTS)
        .union(Self::NEWIPC)
        .union(Self::NEWPID)
        .union(Self::NEWNET);

    /// Flags that make no sense together, whoever asks. R-CLONE-09, R-CLONE-10, R-CLONE-12, R-CLONE-13.
    fn check(self) -> Result<(), Errno> {
        let both = |one, other| self.contains(one) && self.intersects(other);
        let without = |one, other| self.contains(one) && !self.contains(other);
        let is_wrong = both(Self::FS, Self::NEWNS | Self::NEWUSER)
            || without(Self::THREAD, Self::SIGHAND)
            || without(Self::SIGHAND, Self::VM)
            || both(Self::THREAD, Self::NEWUSER | Self::NEWPID)
            || both(Self::PIDFD, Self::DETACHED);
        if is_wrong { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

/// How many numbers `set_tid` holds at most.
const MOST_NUMBERS: usize = DEEPEST as usize;

/// A fork as user space asks for it, with arguments that can be.
///
/// Reading it is the first step. The caller may be the wrong one to ask ([`Thread::admit_clone`](crate::Thread::admit_clone)), then it is the
/// kernel's turn to refuse: a signal waits, a limit is reached, a right is missing (R-CLONE-14, R-CLONE-15). What is left of
/// Linux's order of errors comes with the making. So a system call is these few lines:
///
/// ```
/// # use axprocess::{Host, ProcessTable, Relations};
/// # struct MyKernel;
/// # impl Host for MyKernel {
/// #     type Lock = std::sync::Mutex<Relations<Self>>;
/// #     type ProcessData = ();
/// #     type ThreadData = ();
/// #     type GroupData = ();
/// #     type SessionData = ();
/// #     type NamespaceData = ();
/// #     type TerminalData = ();
/// #     type Usage = ();
/// # }
/// # fn may_create(_: axprocess::CloneFlags) -> Result<(), axprocess::Errno> { Ok(()) }
/// use axprocess::{ARef, CloneRequest, Errno, NewTask, Thread};
///
/// fn clone(caller: &Thread<MyKernel>, request: &CloneRequest) -> Result<ARef<Thread<MyKernel>>, Errno> {
///     let new = caller.admit_clone(request)?;
///     may_create(request.flags())?;
///     match new {
///         NewTask::Process(process) => process.make((), ()),
///         NewTask::Thread(thread) => thread.make(()),
///     }
/// }
///
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// assert_eq!(clone(&init, &CloneRequest::from_fork())?.tid(), 2);
/// let thread = CloneRequest::from_clone(0x10900, 0, 0, 0, 0)?;
/// assert_eq!(clone(&init, &thread)?.process().pid(), 1);
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloneRequest {
    args: CloneArgs,
    flags: CloneFlags,
    exit_signal: ExitSignal,
    numbers: [Pid; MOST_NUMBERS],
    chosen: usize,
}

impl CloneRequest {
    /// The request of fork(2).
    pub fn from_fork() -> Self {
        Self::plain(CloneFlags::empty())
    }

    /// The request of vfork(2).
    pub fn from_vfork() -> Self {
        Self::plain(CloneFlags::VFORK | CloneFlags::VM)
    }

    /// Reads the arguments of clone(2), in the order of x86-64. The low byte of `flags` is the exit signal, 0 to 255, and does not count for a
    /// thread or a sibling; higher bits than 31 do not count at all. R-CLONE-06, R-CLONE-08 to R-CLONE-10, R-CLONE-12, R-CLONE-13, R-CLONE-20.
    ///
    /// # Errors
    ///
    /// `EINVAL`: flags that make no sense together.
    pub fn from_clone(
        flags: u64,
        stack: u64,
        parent_tid: u64,
        child_tid: u64,
        tls: u64,
    ) -> Result<Self, Errno> {
        let exit_signal = flags as u8;
        let flags = CloneFlags::from_bits_truncate(u64::from(flags as u32 & !0xff));
        let args = CloneArgs {
            flags: flags.bits(),
            pidfd: parent_tid,
            child_tid,
            parent_tid,
            exit_signal: u64::from(exit_signal),
            stack,
            tls,
            ..CloneArgs::default()
        };
        Self { args, ..Self::plain(flags) }.checked(ExitSignal::from_raw(exit_signal))
    }

    /// Reads the arguments of clone3(2), of which [`CloneArgs::read`] has read the structure, `size` bytes long. `copy` fills a slice with the
    /// numbers that stand at an address.
    ///
    /// # Errors
    ///
    /// In this order:
    /// * `EINVAL`: more numbers than namespaces can nest, or an address without a count, or a count without an address (R-CLONE-02).
    /// * `EINVAL`: no exit signal has that number (R-CLONE-03).
    /// * `EINVAL`: no descriptor of a control group.
    /// * What `copy` returns: `EFAULT`.
    /// * `EINVAL`: unknown flags, or flags that make no sense together, or with what else there is (R-CLONE-04 to R-CLONE-10, R-CLONE-12,
    ///   R-CLONE-13).
    pub fn from_clone3(
        args: &CloneArgs,
        size: usize,
        copy: impl FnOnce(u64, &mut [i32]) -> Result<(), Errno>,
    ) -> Result<Self, Errno> {
        let chosen = usize::try_from(args.set_tid_size).map_err(|_| Errno::EINVAL)?;
        if chosen > MOST_NUMBERS || (args.set_tid == 0) != (chosen == 0) {
            return Err(Errno::EINVAL);
        }
        let exit_signal = match u8::try_from(args.exit_signal) {
            Ok(number @ 0..=64) => ExitSignal::from_raw(number),
            _ => return Err(Errno::EINVAL),
        };
        let wants_cgroup = args.flags & CloneFlags::INTO_CGROUP.bits() != 0;
        if wants_cgroup && (i32::try_from(args.cgroup).is_err() || !CloneArgs::has_cgroup(size)) {
            return Err(Errno::EINVAL);
        }
        let mut numbers = [0; MOST_NUMBERS];
        if chosen > 0 {
            copy(args.set_tid, &mut numbers[..chosen])?;
        }
        // What is negative is then too large, and refused as that.
        let numbers = numbers.map(i32::cast_unsigned);
        let flags = CloneFlags::from_bits(args.flags).ok_or(Errno::EINVAL)?;
        let both_handlers = CloneFlags::SIGHAND | CloneFlags::CLEAR_SIGHAND;
        let has_no_signal = flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT);
        if flags.contains(CloneFlags::DETACHED)
            || flags.contains(both_handlers)
            || (has_no_signal && exit_signal != ExitSignal::NONE)
            || (args.stack == 0) != (args.stack_size == 0)
        {
            return Err(Errno::EINVAL);
        }
        Self { args: *args, numbers, chosen, ..Self::plain(flags) }.checked(exit_signal)
    }

    /// Returns the flags. Those on memory, files, handlers and other namespaces are the kernel's to act on.
    pub const fn flags(&self) -> CloneFlags {
        self.flags
    }

    /// Returns the arguments with their addresses. clone(2)'s pidfd goes where the parent's copy of the number would (R-CLONE-08): that address is in `pidfd`, for all calls.
    pub const fn args(&self) -> &CloneArgs {
        &self.args
    }

    /// Returns the exit signal asked for. It does not count for a thread or a sibling.
    pub const fn exit_signal(&self) -> ExitSignal {
        self.exit_signal
    }

    fn plain(flags: CloneFlags) -> Self {
        Self {
            args: CloneArgs {
                flags: flags.bits(),
                exit_signal: u64::from(ExitSignal::SIGCHLD.raw()),
                ..CloneArgs::default()
            },
            flags,
            exit_signal: ExitSignal::SIGCHLD,
            numbers: [0; MOST_NUMBERS],
            chosen: 0,
        }
    }

    fn checked(self, exit_signal: ExitSignal) -> Result<Self, Errno> {
        let wants_both = self.flags.contains(CloneFlags::PIDFD | CloneFlags::PARENT_SETTID);
        if wants_both && self.args.pidfd == self.args.parent_tid {
            return Err(Errno::EINVAL);
        }
        self.flags.check()?;
        Ok(Self { exit_signal, ..self })
    }

    fn number(&self) -> Number<'_> {
        match self.numbers.get(..self.chosen) {
            Some(numbers @ [_, ..]) => Number::Each(numbers),
            _ => Number::Next,
        }
    }

    fn fork_request(&self) -> ForkRequest<'_> {
        let is_sibling = self.flags.contains(CloneFlags::PARENT);
        let is_init = self.flags.contains(CloneFlags::NEWPID);
        ForkRequest {
            number: self.number(),
            exit_signal: self.exit_signal,
            parent: if is_sibling { ForkParent::Sibling } else { ForkParent::Caller },
            namespace: if is_init { ForkNamespace::New } else { ForkNamespace::Inherited },
        }
    }
}
