//! The namespace's own `/proc`: a file system that is mounted nowhere, and gone with its descriptor.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::super::{ProcessRow, Row, SignalRow};
use crate::script::SignalSet;

/// `PF_EXITING`, in the flags of `stat`.
const EXITING: u32 = 4;

/// A way to the processes of one namespace.
pub(super) struct Proc {
    mount: Option<OwnedFd>,
}

impl Proc {
    /// Not there yet.
    pub(super) const fn none() -> Self {
        Self { mount: None }
    }

    /// The two descriptors that process 1 has made in the table of files that it shares with the controller.
    pub(super) fn at(system: i32, mount: i32) -> Self {
        // SAFETY: both were just made, and belong to nobody else.
        let [_configured, mount] =
            [system, mount].map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
        Self { mount: Some(mount) }
    }

    /// The system's own.
    pub(super) fn of_system() -> io::Result<Self> {
        Ok(Self { mount: Some(File::open("/proc")?.into()) })
    }

    /// What `stat` says of a thread; `None` if it is not there.
    pub(super) fn row(&self, process: i32, thread: i32) -> Option<Row> {
        let leads = process == thread;
        let mut bytes = [0; 1024];
        let line = self.read(process, thread, "stat", &mut bytes)?;
        let end = line.iter().rposition(|&byte| byte == b')')?;
        let fields = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let fields: Vec<_> = fields.split_ascii_whitespace().collect();
        let state = *fields.first()?.as_bytes().first()?;
        if state == b'X' {
            return None;
        }
        // As proc(5) counts them.
        let number = |field: usize| fields.get(field - 3)?.parse::<i32>().ok();
        let flags: u32 = fields.get(6)?.parse().ok()?;
        // The init of a namespace sleeps in its exit until everyone else in it is gone.
        let ends = state == b'S' && flags & EXITING != 0;
        let state = if ends { b'E' } else { state };
        let has_terminal = number(7)? != 0;
        let process = ProcessRow {
            relations: [number(4)?, number(5)?, number(6)?],
            foreground: has_terminal.then(|| number(8)).flatten(),
            threads: number(20)?,
            exit_signal: number(38)?,
            code: number(52)?,
            inner: Vec::new(),
        };
        let process = leads.then_some(process);
        Some(Row { state, children: Vec::new(), signals: None, process })
    }

    /// The numbers of a thread's own children, in order.
    pub(super) fn children(&self, process: i32, thread: i32) -> Vec<i32> {
        let mut bytes = [0; 1024];
        let list = self.read_at(&format!("{process}/task/{thread}/children\0"), &mut bytes);
        let list = list.and_then(|list| std::str::from_utf8(list).ok()).unwrap_or_default();
        list.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// What `status` says of a thread's signals.
    pub(super) fn signals(&self, process: i32, thread: i32) -> Option<SignalRow> {
        const DIGITS: usize = 16;
        let mut bytes = [0; 4096];
        let status = std::str::from_utf8(self.read(process, thread, "status", &mut bytes)?).ok()?;
        let mut rest = status;
        let mut set = |name: &str| {
            let at = rest.find(name)? + name.len();
            let digits = rest.get(at..at + DIGITS)?;
            rest = rest.get(at + DIGITS..)?;
            u64::from_str_radix(digits, 16).ok().map(SignalSet)
        };
        Some(SignalRow {
            pending: set("\nSigPnd:\t")?,
            shared_pending: set("\nShdPnd:\t")?,
            blocked: set("\nSigBlk:\t")?,
            ignored: set("\nSigIgn:\t")?,
            caught: set("\nSigCgt:\t")?,
        })
    }

    /// The numbers of a process, its group and its session on each level further inside.
    pub(super) fn levels(&self, process: i32) -> Vec<[i32; 3]> {
        let mut bytes = [0; 4096];
        let status = self.read(process, process, "status", &mut bytes);
        let status = status.and_then(|it| std::str::from_utf8(it).ok()).unwrap_or_default();
        let numbers = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let numbers = line.split_ascii_whitespace().skip(1);
            numbers.filter_map(|number| number.parse().ok()).collect::<Vec<i32>>()
        };
        let [own, groups, sessions] = ["NStgid:", "NSpgid:", "NSsid:"].map(numbers);
        let both = groups.into_iter().zip(sessions);
        own.into_iter().zip(both).map(|(own, (group, session))| [own, group, session]).collect()
    }

    /// Whether a sleeping thread is in a call that may block: a wait, a vfork, an exec that other threads keep up, its own exit, or a sleep
    /// until a signal comes.
    pub(super) fn is_in_blocking_call(&self, process: i32, thread: i32) -> bool {
        const BLOCKING: [libc::c_long; 9] = [
            libc::SYS_wait4,
            libc::SYS_waitid,
            libc::SYS_exit,
            libc::SYS_exit_group,
            libc::SYS_clone3,
            libc::SYS_execveat,
            libc::SYS_rt_sigsuspend,
            libc::SYS_rt_sigtimedwait,
            libc::SYS_pause,
        ];
        let call = self.current_call(process, thread).and_then(|call| call.parse().ok());
        call.is_some_and(|call| BLOCKING.contains(&call))
    }

    /// The first word of what `syscall` says of a thread.
    pub(super) fn current_call(&self, process: i32, thread: i32) -> Option<String> {
        let mut bytes = [0; 256];
        let line = self.read(process, thread, "syscall", &mut bytes)?;
        let line = std::str::from_utf8(line).ok()?;
        line.split_ascii_whitespace().next().map(str::to_owned)
    }

    fn read<'a>(
        &self,
        process: i32,
        thread: i32,
        file: &str,
        bytes: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let path = if process == thread {
            format!("{process}/{file}\0")
        } else {
            format!("{process}/task/{thread}/{file}\0")
        };
        self.read_at(&path, bytes)
    }

    fn read_at<'a>(&self, path: &str, bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        let mount = self.mount.as_ref()?.as_raw_fd();
        // SAFETY: the path ends with a zero byte, `bytes` is written within its length, and the descriptor is closed once.
        let length = unsafe {
            let descriptor = libc::openat(mount, path.as_ptr().cast(), libc::O_RDONLY);
            if descriptor < 0 {
                return None;
            }
            let length = libc::read(descriptor, bytes.as_mut_ptr().cast(), bytes.len());
            libc::close(descriptor);
            length
        };
        bytes.get(..usize::try_from(length).ok()?)
    }
}
