//! The namespace's own `/proc`: a file system that is mounted nowhere, and gone with its descriptor.

use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::super::Row;

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

    /// What `stat` says of a thread; `None` if it is not there.
    pub(super) fn row(&self, process: i32, thread: i32) -> Option<Row> {
        let mut bytes = [0; 512];
        let line = self.read(process, thread, "stat", &mut bytes)?;
        let end = line.iter().rposition(|&byte| byte == b')')?;
        let fields = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        if state == b'X' {
            return None;
        }
        let mut number = || fields.next()?.parse().ok();
        let relations = [number()?, number()?, number()?];
        let flags: u32 = fields.nth(2)?.parse().ok()?;
        // The init of a namespace sleeps in its exit until everyone else in it is gone.
        let ends = state == b'S' && flags & EXITING != 0;
        let state = if ends { b'E' } else { state };
        Some(Row { state, relations: (process == thread).then_some(relations) })
    }

    /// Whether a sleeping thread is in a call that may block: a wait, or its own exit.
    pub(super) fn is_in_blocking_call(&self, process: i32, thread: i32) -> bool {
        const BLOCKING: [libc::c_long; 4] =
            [libc::SYS_wait4, libc::SYS_waitid, libc::SYS_exit, libc::SYS_exit_group];
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
        let mut path = [0_u8; 64];
        let mut rest = &mut path[..];
        if process == thread {
            write!(rest, "{process}/{file}\0").ok()?;
        } else {
            write!(rest, "{process}/task/{thread}/{file}\0").ok()?;
        }
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
