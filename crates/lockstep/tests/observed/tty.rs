//! Terminals for the scenes.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::sys;

/// An open terminal, or the master side of one. It is never closed by a process that still runs.
#[derive(Clone, Copy)]
pub(crate) struct Tty(RawFd);

fn checked<T: PartialEq + From<i8>>(answer: T) -> Result<T, i32> {
    if answer == T::from(-1) {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(answer)
}

fn open(path: &str) -> Result<Tty, i32> {
    let path = CString::new(path).expect("no NUL");
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: a terminated string.
    checked(unsafe { libc::open(path.as_ptr(), flags) }).map(Tty)
}

/// A new pseudo-terminal: its master, and the slave opened in such a way that it controls nobody.
pub(crate) fn open_pty() -> Result<(OwnedFd, Tty), i32> {
    let Tty(master) = open("/dev/ptmx")?;
    // SAFETY: plain numbers, and an open descriptor that is nobody else's.
    let (unlocked, slave, master) = unsafe {
        let unlocked = libc::unlockpt(master);
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let slave = libc::ioctl(master, libc::TIOCGPTPEER, flags);
        (unlocked, slave, OwnedFd::from_raw_fd(master))
    };
    assert_eq!(unlocked, 0);
    Ok((master, Tty(checked(slave)?)))
}

/// A virtual console that nobody uses: a terminal, but no pseudo-terminal.
pub(crate) fn open_console() -> Result<Tty, i32> {
    /// Not in libc: asks for the number of a console that nobody has open.
    const VT_OPENQRY: u64 = 0x5600;
    let Tty(any) = open("/dev/tty0")?;
    let mut number = 0;
    // SAFETY: the pointer is to `number`.
    checked(unsafe { libc::ioctl(any, VT_OPENQRY, &raw mut number) })?;
    open(&format!("/dev/tty{number}"))
}

/// Makes a new process the leader of a session that this terminal controls, and its foreground.
pub(crate) fn lead_session_on(tty: Tty) {
    sys::setsid().expect("a session");
    // SAFETY: plain numbers.
    checked(unsafe { libc::ioctl(tty.0, libc::TIOCSCTTY, 0) }).expect("a controlling terminal");
}

impl Tty {
    fn ask(self, request: u64) -> Result<i32, i32> {
        let mut value = 0;
        // SAFETY: the pointer is to `value`, and the requests used here fill in a number.
        checked(unsafe { libc::ioctl(self.0, request, &raw mut value) }).map(|_| value)
    }

    pub(crate) fn foreground(self) -> Result<i32, i32> {
        self.ask(libc::TIOCGPGRP)
    }

    pub(crate) fn session(self) -> Result<i32, i32> {
        self.ask(libc::TIOCGSID)
    }

    pub(crate) fn set_foreground(self, group: i32) -> Result<(), i32> {
        // SAFETY: the pointer is to a number.
        checked(unsafe { libc::ioctl(self.0, libc::TIOCSPGRP, &raw const group) }).map(drop)
    }

    /// Reads one byte.
    pub(crate) fn read(self) -> Result<Option<u8>, i32> {
        let mut byte = 0u8;
        // SAFETY: the pointer is to one byte.
        let length = checked(unsafe { libc::read(self.0, (&raw mut byte).cast(), 1) })?;
        Ok((length == 1).then_some(byte))
    }

    /// The same, but does not wait for one.
    pub(crate) fn read_at_once(self) -> Result<Option<u8>, i32> {
        // SAFETY: plain numbers.
        checked(unsafe { libc::fcntl(self.0, libc::F_SETFL, libc::O_RDWR | libc::O_NONBLOCK) })?;
        self.read()
    }

    pub(crate) fn write(self, byte: u8) -> Result<(), i32> {
        // SAFETY: the pointer is to one byte.
        checked(unsafe { libc::write(self.0, (&raw const byte).cast(), 1) }).map(drop)
    }

    /// Sets what is set already, but for SIGTTOU to those who write in the background.
    pub(crate) fn stop_background_writers(self) -> Result<(), i32> {
        // SAFETY: all zeroes are a termios.
        let mut settings: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to `settings`.
        checked(unsafe { libc::tcgetattr(self.0, &raw mut settings) })?;
        settings.c_lflag |= libc::TOSTOP;
        // SAFETY: the pointer is to `settings`.
        checked(unsafe { libc::tcsetattr(self.0, libc::TCSANOW, &raw const settings) }).map(drop)
    }
}

/// Types at a terminal.
pub(crate) fn type_at(master: &OwnedFd, text: &str) {
    // SAFETY: the pointer is to as many bytes.
    let written = unsafe { libc::write(master.as_raw_fd(), text.as_ptr().cast(), text.len()) };
    assert_eq!(usize::try_from(written), Ok(text.len()));
}

/// Does a terminal control this process?
pub(crate) fn is_controlled(process: i32) -> bool {
    sys::stat_number(process, 7) != 0
}
