//! The errors that Linux's process calls return.

use core::fmt;

macro_rules! errors {
    ($($name:ident = $value:literal, $meaning:literal;)*) => {
        /// An error of Linux's calls, with the number that user space sees.
        ///
        /// The calls of this crate say which of them they return; a kernel may hand in the others, where it is asked whether something may be.
        ///
        /// Source: errno(3); the values are those of every Linux architecture but Alpha, MIPS, PA-RISC and SPARC, whose
        /// low numbers (up to 34: all that this crate returns but `EREMOTE` and `ESTALE`) agree as well.
        ///
        /// ```
        /// use axprocess::Errno;
        /// assert_eq!(Errno::ECHILD.value(), 10);
        /// assert_eq!(Errno::ECHILD.to_string(), "ECHILD");
        /// assert_eq!(Errno::from_value(10), Some(Errno::ECHILD));
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum Errno {
            $(#[doc = $meaning] $name = $value,)*
        }

        impl Errno {
            /// Returns the error of that positive number, if Linux gives it to programs.
            pub const fn from_value(value: i32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Returns the positive number, as found in user space's `errno`.
            pub const fn value(self) -> i32 {
                self as i32
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

errors! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such file or directory; also: the number is a thread's, not a process's.";
    ESRCH = 3, "No such process.";
    EINTR = 4, "Interrupted.";
    EIO = 5, "Input or output error: a background process that cannot be stopped touched its terminal.";
    ENXIO = 6, "No such device or address.";
    E2BIG = 7, "Argument list too long; also: an argument structure longer than known.";
    ENOEXEC = 8, "Not a program that can be executed.";
    EBADF = 9, "Not an open file of the kind that is needed. The model never finds one; a kernel may hand it in, to be reported in its turn.";
    ECHILD = 10, "No child process.";
    EAGAIN = 11, "Resource temporarily unavailable.";
    ENOMEM = 12, "Out of memory; also: the PID namespace accepts no more processes.";
    EACCES = 13, "Permission denied.";
    EFAULT = 14, "Bad address. The model never finds one; a kernel may hand it in, to be reported in its turn.";
    ENOTBLK = 15, "Not a block device.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "The number is taken.";
    EXDEV = 18, "Link across file systems.";
    ENODEV = 19, "No such device.";
    ENOTDIR = 20, "Not a directory.";
    EISDIR = 21, "Is a directory.";
    EINVAL = 22, "Invalid argument.";
    ENFILE = 23, "Too many open files in the system.";
    EMFILE = 24, "Too many open files in the process.";
    ENOTTY = 25, "Not the caller's terminal.";
    ETXTBSY = 26, "Text file busy.";
    EFBIG = 27, "File too large.";
    ENOSPC = 28, "No space left: too many namespaces inside one another.";
    ESPIPE = 29, "Illegal seek.";
    EROFS = 30, "Read-only file system.";
    EMLINK = 31, "Too many links.";
    EPIPE = 32, "Broken pipe.";
    EDOM = 33, "Argument out of the function's domain.";
    ERANGE = 34, "Result not representable.";
    EDEADLK = 35, "Deadlock avoided.";
    ENAMETOOLONG = 36, "File name too long.";
    ENOLCK = 37, "No locks available.";
    ENOSYS = 38, "No such system call.";
    ENOTEMPTY = 39, "Directory not empty.";
    ELOOP = 40, "Too many symbolic links.";
    ENOMSG = 42, "No message of that type.";
    EIDRM = 43, "Identifier removed.";
    ECHRNG = 44, "Channel number out of range.";
    EL2NSYNC = 45, "Level 2 not synchronized.";
    EL3HLT = 46, "Level 3 halted.";
    EL3RST = 47, "Level 3 reset.";
    ELNRNG = 48, "Link number out of range.";
    EUNATCH = 49, "Protocol driver not attached.";
    ENOCSI = 50, "No CSI structure.";
    EL2HLT = 51, "Level 2 halted.";
    EBADE = 52, "Invalid exchange.";
    EBADR = 53, "Invalid request descriptor.";
    EXFULL = 54, "Exchange full.";
    ENOANO = 55, "No anode.";
    EBADRQC = 56, "Invalid request code.";
    EBADSLT = 57, "Invalid slot.";
    EBFONT = 59, "Bad font file format.";
    ENOSTR = 60, "Not a stream.";
    ENODATA = 61, "No data.";
    ETIME = 62, "Timer expired.";
    ENOSR = 63, "Out of stream resources.";
    ENONET = 64, "Not on the network.";
    ENOPKG = 65, "Package not installed.";
    EREMOTE = 66, "Seen from a PID namespace that does not contain it.";
    ENOLINK = 67, "Link severed.";
    EADV = 68, "Advertise error.";
    ESRMNT = 69, "Srmount error.";
    ECOMM = 70, "Communication error on send.";
    EPROTO = 71, "Protocol error.";
    EMULTIHOP = 72, "Multihop attempted.";
    EDOTDOT = 73, "RFS specific error.";
    EBADMSG = 74, "Bad message.";
    EOVERFLOW = 75, "Value too large for its type.";
    ENOTUNIQ = 76, "Name not unique on the network.";
    EBADFD = 77, "File descriptor in a bad state.";
    EREMCHG = 78, "Remote address changed.";
    ELIBACC = 79, "Shared library not accessible.";
    ELIBBAD = 80, "Shared library corrupted.";
    ELIBSCN = 81, "Section of a program corrupted.";
    ELIBMAX = 82, "Too many shared libraries.";
    ELIBEXEC = 83, "A shared library cannot be executed.";
    EILSEQ = 84, "Invalid multibyte character.";
    ERESTART = 85, "The interrupted call should be begun again.";
    ESTRPIPE = 86, "Stream pipe error.";
    EUSERS = 87, "Too many users.";
    ENOTSOCK = 88, "Not a socket.";
    EDESTADDRREQ = 89, "Destination address required.";
    EMSGSIZE = 90, "Message too long.";
    EPROTOTYPE = 91, "Wrong protocol for the socket.";
    ENOPROTOOPT = 92, "Protocol not available.";
    EPROTONOSUPPORT = 93, "Protocol not supported.";
    ESOCKTNOSUPPORT = 94, "Socket type not supported.";
    EOPNOTSUPP = 95, "Operation not supported.";
    EPFNOSUPPORT = 96, "Protocol family not supported.";
    EAFNOSUPPORT = 97, "Address family not supported.";
    EADDRINUSE = 98, "Address in use.";
    EADDRNOTAVAIL = 99, "Address not available.";
    ENETDOWN = 100, "Network is down.";
    ENETUNREACH = 101, "Network unreachable.";
    ENETRESET = 102, "Connection dropped by the network.";
    ECONNABORTED = 103, "Connection aborted.";
    ECONNRESET = 104, "Connection reset.";
    ENOBUFS = 105, "No buffer space.";
    EISCONN = 106, "Connected already.";
    ENOTCONN = 107, "Not connected.";
    ESHUTDOWN = 108, "Shut down.";
    ETOOMANYREFS = 109, "Too many references.";
    ETIMEDOUT = 110, "Timed out.";
    ECONNREFUSED = 111, "Connection refused.";
    EHOSTDOWN = 112, "Host is down.";
    EHOSTUNREACH = 113, "Host unreachable.";
    EALREADY = 114, "Already in progress.";
    EINPROGRESS = 115, "In progress.";
    ESTALE = 116, "A file handle of what is gone.";
    EUCLEAN = 117, "Structure needs cleaning.";
    ENOTNAM = 118, "Not a XENIX named type file.";
    ENAVAIL = 119, "No XENIX semaphores available.";
    EISNAM = 120, "Is a named type file.";
    EREMOTEIO = 121, "Remote input or output error.";
    EDQUOT = 122, "Quota exceeded.";
    ENOMEDIUM = 123, "No medium.";
    EMEDIUMTYPE = 124, "Wrong medium type.";
    ECANCELED = 125, "Canceled.";
    ENOKEY = 126, "Key not available.";
    EKEYEXPIRED = 127, "Key expired.";
    EKEYREVOKED = 128, "Key revoked.";
    EKEYREJECTED = 129, "Key rejected.";
    EOWNERDEAD = 130, "The lock's owner died.";
    ENOTRECOVERABLE = 131, "State not recoverable.";
    ERFKILL = 132, "Not possible due to RF-kill.";
    EHWPOISON = 133, "A memory page has a hardware error.";
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
