//! The errors that Linux's process calls return.

use core::fmt;

/// An error of a process call, with the number that user space sees.
///
/// Source: errno(3); the values are those of every Linux architecture but Alpha, MIPS, PA-RISC and SPARC, whose
/// low numbers (up to 34: all that are used here but `EREMOTE`) agree as well.
///
/// ```
/// use axprocess::Errno;
/// assert_eq!(Errno::ECHILD.value(), 10);
/// assert_eq!(Errno::ECHILD.to_string(), "ECHILD");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Errno {
    /// Operation not permitted.
    EPERM = 1,
    /// No such file or directory; also: the number is a thread's, not a process's.
    ENOENT = 2,
    /// No such process.
    ESRCH = 3,
    /// Interrupted.
    EINTR = 4,
    /// Input or output error: a background process that cannot be stopped touched its terminal.
    EIO = 5,
    /// Argument list too long; also: an argument structure longer than known.
    E2BIG = 7,
    /// Not an open file of the kind that is needed. The model never finds one; a kernel may hand it in, to be reported in its turn.
    EBADF = 9,
    /// No child process.
    ECHILD = 10,
    /// Resource temporarily unavailable.
    EAGAIN = 11,
    /// Out of memory; also: the PID namespace accepts no more processes.
    ENOMEM = 12,
    /// Permission denied.
    EACCES = 13,
    /// Bad address. The model never finds one; a kernel may hand it in, to be reported in its turn.
    EFAULT = 14,
    /// The number is taken.
    EEXIST = 17,
    /// Invalid argument.
    EINVAL = 22,
    /// Not the caller's terminal.
    ENOTTY = 25,
    /// No space left: too many namespaces inside one another.
    ENOSPC = 28,
    /// Seen from a PID namespace that does not contain it.
    EREMOTE = 66,
}

impl Errno {
    /// Returns the positive number, as found in user space's `errno`.
    pub const fn value(self) -> i32 {
        self as i32
    }

    const fn name(self) -> &'static str {
        match self {
            Self::EPERM => "EPERM",
            Self::ENOENT => "ENOENT",
            Self::ESRCH => "ESRCH",
            Self::EINTR => "EINTR",
            Self::EIO => "EIO",
            Self::E2BIG => "E2BIG",
            Self::EBADF => "EBADF",
            Self::ECHILD => "ECHILD",
            Self::EAGAIN => "EAGAIN",
            Self::ENOMEM => "ENOMEM",
            Self::EACCES => "EACCES",
            Self::EFAULT => "EFAULT",
            Self::EEXIST => "EEXIST",
            Self::EINVAL => "EINVAL",
            Self::ENOTTY => "ENOTTY",
            Self::ENOSPC => "ENOSPC",
            Self::EREMOTE => "EREMOTE",
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Errno {}
