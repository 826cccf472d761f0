//! What `/proc` says about a process: the kernel's own account of the relations.

use std::fs;

use crate::sys::Pid;

/// The relations of a process or thread as `/proc/<pid>/stat` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The state letter: R, S, D, T, t, Z, X.
    pub(crate) state: u8,
    /// The parent process.
    pub(crate) parent: Pid,
    /// The process group.
    pub(crate) group: Pid,
    /// The session.
    pub(crate) session: Pid,
}

/// Reads `/proc/<pid>/stat`; `None` if there is no such process.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads the `stat` file of one thread; `None` if there is no such thread.
pub(crate) fn thread_stat(pid: Pid, tid: Pid) -> Option<Stat> {
    parse_stat(&fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
}

fn parse_stat(line: &[u8]) -> Option<Stat> {
    // The command may contain anything, also brackets: the fields begin after the last one.
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&line[end + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let mut number = || fields.next()?.parse::<Pid>().ok();
    Some(Stat { state, parent: number()?, group: number()?, session: number()? })
}

/// The process that a thread belongs to, and that process's parent.
pub(crate) fn owner(tid: Pid) -> Option<(Pid, Pid)> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    Some((
        status_field(&status, "Tgid:")?.parse().ok()?,
        status_field(&status, "PPid:")?.parse().ok()?,
    ))
}

/// The command line of a process, its words joined by blanks; its short name if it has none.
pub(crate) fn command(pid: Pid) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    if !words.is_empty() {
        return words.join(" ");
    }
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map(|name| format!("[{}]", name.trim_end()))
        .unwrap_or_default()
}

/// The process that a pidfd of `pid` refers to, -1 for one that has been reaped; `None` if the
/// descriptor is no pidfd.
pub(crate) fn pidfd_target(pid: Pid, descriptor: i32) -> Option<i32> {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
    status_field(&info, "Pid:")?.parse().ok()
}

/// Whether a process lives in the PID namespace in which lockstep was started.
pub(crate) fn is_in_own_namespace(pid: Pid) -> bool {
    match (fs::read_link("/proc/self/ns/pid"), fs::read_link(format!("/proc/{pid}/ns/pid"))) {
        (Ok(own), Ok(other)) => own == other,
        _ => true,
    }
}

/// Whether SIGCHLD is ignored by lockstep, as inherited.
pub(crate) fn is_child_signal_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_field(&status, "SigIgn:")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask & (1 << (libc::SIGCHLD - 1)) != 0)
}

/// Whether lockstep may install a filter without giving up new privileges (CAP_SYS_ADMIN).
pub(crate) fn has_admin_capability() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_field(&status, "CapEff:")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask & (1 << CAP_SYS_ADMIN) != 0)
}

/// The number of the system call that a stopped thread is in, as `/proc` shows it.
pub(crate) fn current_call(tid: Pid) -> Option<i64> {
    let line = fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn status_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command name with brackets and blanks does not shift the fields.
    #[test]
    fn stat_is_read_behind_the_last_bracket() {
        let stat = parse_stat(b"42 (a) b (c) S 1 2 3 0 -1 4194304").unwrap();
        assert_eq!(stat, Stat { state: b'S', parent: 1, group: 2, session: 3 });
    }

    /// A field is found by its whole name.
    #[test]
    fn status_fields_are_found_by_name() {
        assert_eq!(status_field("Name:\tx\nTgid:\t7\nPPid:\t3\n", "PPid:"), Some("3"));
    }
}
