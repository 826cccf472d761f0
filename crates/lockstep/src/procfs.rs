//! What `/proc` says about a process: the kernel's own account of the relations.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use serde::{Deserialize, Serialize};

use crate::operation::{Device, Line, Space};
use crate::sys::{self, Pid};

/// The relations of a process or thread as `/proc/<pid>/stat` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StatFields", into = "StatFields")]
pub(crate) struct Stat {
    /// The state letter: R, S, D, T, t, Z, X.
    pub(crate) state: u8,
    /// The parent process.
    pub(crate) parent: Pid,
    /// The process group.
    pub(crate) group: Pid,
    /// The session.
    pub(crate) session: Pid,
    /// The controlling terminal.
    pub(crate) terminal: Device,
    /// The foreground group of that terminal, -1 without one.
    pub(crate) foreground: i32,
    /// Its signals; older recordings do not have them.
    pub(crate) signals: Option<SignalSets>,
}

/// Sets of the signals from 1 to 31, the first in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 4]", into = "[u32; 4]")]
pub(crate) struct SignalSets {
    /// Those that wait for the thread, not for its process.
    pub(crate) pending: u32,
    /// Those that it blocks.
    pub(crate) blocked: u32,
    /// Those that its process ignores because it says so.
    pub(crate) ignored: u32,
    /// Those that its process handles.
    pub(crate) caught: u32,
}

impl From<[u32; 4]> for SignalSets {
    fn from([pending, blocked, ignored, caught]: [u32; 4]) -> Self {
        Self { pending, blocked, ignored, caught }
    }
}

impl From<SignalSets> for [u32; 4] {
    fn from(sets: SignalSets) -> Self {
        let SignalSets { pending, blocked, ignored, caught } = sets;
        [pending, blocked, ignored, caught]
    }
}

/// How recordings have a [`Stat`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StatFields {
    WithoutSignals(u8, Pid, Pid, Pid, Device, i32),
    All(u8, Pid, Pid, Pid, Device, i32, SignalSets),
}

impl From<StatFields> for Stat {
    fn from(fields: StatFields) -> Self {
        let (state, parent, group, session, terminal, foreground, signals) = match fields {
            StatFields::WithoutSignals(a, b, c, d, e, f) => (a, b, c, d, e, f, None),
            StatFields::All(a, b, c, d, e, f, signals) => (a, b, c, d, e, f, Some(signals)),
        };
        Self { state, parent, group, session, terminal, foreground, signals }
    }
}

impl From<Stat> for StatFields {
    fn from(stat: Stat) -> Self {
        let Stat { state, parent, group, session, terminal, foreground, signals } = stat;
        match signals {
            None => Self::WithoutSignals(state, parent, group, session, terminal, foreground),
            Some(sets) => Self::All(state, parent, group, session, terminal, foreground, sets),
        }
    }
}

/// Reads `/proc/<pid>/stat`; `None` if there is no such process.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&read_once(&format!("/proc/{pid}/stat"))?)
}

/// Reads the `stat` file of one thread; `None` if there is no such thread.
pub(crate) fn thread_stat(pid: Pid, tid: Pid) -> Option<Stat> {
    parse_stat(&read_once(&format!("/proc/{pid}/task/{tid}/stat"))?)
}

/// What stands for the session of who was reaped while the file was read: the rest is not right then, that of signals empty.
const REAPED: i32 = -1;

fn parse_stat(line: &[u8]) -> Option<Stat> {
    // The command may contain anything, also brackets: the fields begin after the last one.
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&line[end + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let mut number = || fields.next()?.parse::<i32>().ok();
    let [parent, group, session, terminal] = [number()?, number()?, number()?, number()?];
    if session == REAPED {
        return None;
    }
    let [parent, group, session, terminal] =
        [parent, group, session, terminal].map(i32::cast_unsigned);
    let foreground = number()?;
    let signals = parse_signals(fields);
    Some(Stat { state, parent, group, session, terminal, foreground, signals })
}

/// The sets of signals, in the fields behind that of the foreground group.
fn parse_signals<'a>(fields: impl Iterator<Item = &'a str>) -> Option<SignalSets> {
    /// The first of them, less that of the foreground group and 1, as proc(5) counts.
    const BETWEEN: usize = 31 - 8 - 1;
    let mut sets = fields.skip(BETWEEN).map(|field| field.parse().ok());
    let mut set = || sets.next().flatten();
    Some(SignalSets { pending: set()?, blocked: set()?, ignored: set()?, caught: set()? })
}

/// Whether the end of a thread has begun; `None`: there is none of that number.
pub(crate) fn is_exiting_if_there(tid: Pid) -> Option<bool> {
    const PF_EXITING: u32 = 0x4;
    stat_field::<u32>(tid, 9).map(|flags| flags & PF_EXITING != 0)
}

/// Whether the end of a thread has begun, or is over.
pub(crate) fn is_exiting(tid: Pid) -> bool {
    is_exiting_if_there(tid).unwrap_or(true)
}

/// The status word of a thread whose end has begun, or of its process; 0 where that is not shown.
pub(crate) fn exit_code(tid: Pid) -> i32 {
    stat_field(tid, 52).unwrap_or(0)
}

/// The same; `None` if there is no such process any more, or lockstep may not see it: then the kernel shows 0, and 1 for where its code begins.
pub(crate) fn exit_code_if_shown(tid: Pid) -> Option<i32> {
    let is_hidden = || stat_field(tid, 26) == Some(1u64);
    stat_field(tid, 52).filter(|&code| code != 0 || !is_hidden())
}

/// A field of `/proc/<tid>/stat` behind the name, counted from 1 as proc(5) does.
fn stat_field<T: std::str::FromStr>(tid: Pid, number: usize) -> Option<T> {
    let line = read_once(&format!("/proc/{tid}/stat"))?;
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&line[end + 1..]).ok()?;
    fields.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// The threads of a process.
pub(crate) fn threads(pid: Pid) -> Vec<Pid> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The children that a thread has made, or has got from others.
pub(crate) fn children(pid: Pid, tid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// The process that a thread belongs to, and that process's parent.
pub(crate) fn owner(tid: Pid) -> Option<(Pid, Pid)> {
    let status = status(tid)?;
    Some((
        status_field(&status, "Tgid:")?.parse().ok()?,
        status_field(&status, "PPid:")?.parse().ok()?,
    ))
}

/// Whether a thread is traced by this process.
pub(crate) fn is_traced_by(tid: Pid, tracer: Pid) -> bool {
    let status = status(tid).unwrap_or_default();
    status_field(&status, "TracerPid:").and_then(|it| it.parse().ok()) == Some(tracer)
}

/// The command line of a process, its words joined by blanks; its short name if it has none.
pub(crate) fn command(pid: Pid) -> String {
    let line = read_once(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
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

/// The numbers of a thread: lockstep's first, then those of the namespaces inside.
pub(crate) fn numbers(tid: Pid) -> Vec<Pid> {
    let status = status(tid).unwrap_or_default();
    let numbers = status_field(&status, "NSpid:").unwrap_or_default();
    numbers.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// The PID namespace in which a thread lives.
pub(crate) fn space(tid: Pid) -> Option<Space> {
    parse_space(fs::read_link(format!("/proc/{tid}/ns/pid")).ok()?.to_str()?)
}

/// The PID namespace that `setns` with this descriptor and these flags is about, if it is about one.
pub(crate) fn space_to_enter(tid: Pid, descriptor: i32, flags: i32) -> Option<Space> {
    let link = fs::read_link(format!("/proc/{tid}/fd/{descriptor}")).ok()?;
    if let Some(space) = parse_space(link.to_str()?) {
        return matches!(flags, 0 | libc::CLONE_NEWPID).then_some(space);
    }
    let target = pidfd_target(tid, descriptor)?;
    // With more flags it may fail for what they ask.
    if flags == libc::CLONE_NEWPID { space(u32::try_from(target).ok()?) } else { None }
}

fn parse_space(link: &str) -> Option<Space> {
    link.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// The terminal behind a descriptor, if it is one.
pub(crate) fn line(tid: Pid, descriptor: i32) -> Option<Line> {
    let file = fs::metadata(format!("/proc/{tid}/fd/{descriptor}")).ok()?;
    if !file.file_type().is_char_device() {
        return None;
    }
    let (major, minor) = (libc::major(file.rdev()), libc::minor(file.rdev()));
    match (major, minor) {
        (5, 0) => Some(sys::terminal_of(tid, descriptor).map_or(Line::Own, Line::Slave)),
        (5, 2) => {
            let info = fs::read_to_string(format!("/proc/{tid}/fdinfo/{descriptor}")).ok()?;
            let index = status_field(&info, "tty-index:")?.parse().ok()?;
            Some(Line::Master(device(136, index)))
        }
        (4 | 136..=143 | 204 | 229, minor) => Some(Line::Slave(device(major, minor))),
        _ => None,
    }
}

/// A device number as `/proc/PID/stat` shows it.
const fn device(major: u32, minor: u32) -> Device {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// Whether a descriptor was opened for reading.
pub(crate) fn is_open_for_reading(tid: Pid, descriptor: i32) -> bool {
    open_flags(tid, descriptor).is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_WRONLY)
}

/// Whether calls on a descriptor refuse to block.
pub(crate) fn is_nonblocking(tid: Pid, descriptor: i32) -> bool {
    open_flags(tid, descriptor).is_some_and(|flags| flags & libc::O_NONBLOCK != 0)
}

fn open_flags(tid: Pid, descriptor: i32) -> Option<i32> {
    let info = fs::read_to_string(format!("/proc/{tid}/fdinfo/{descriptor}")).ok()?;
    i32::from_str_radix(status_field(&info, "flags:")?, 8).ok()
}

/// Whether a signal has no effect on a thread: it is blocked, or ignored.
pub(crate) fn is_without_effect(tid: Pid, signal: i32) -> bool {
    let status = status(tid).unwrap_or_default();
    ["SigBlk:", "SigIgn:"].iter().any(|field| has_bit(&status, field, signal - 1))
}

/// Whether a process ignores a signal: it says so, or it leaves that to Linux, which does.
pub(crate) fn is_ignored(tid: Pid, signal: i32) -> bool {
    const BY_DEFAULT: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
    let status = status(tid).unwrap_or_default();
    let has = |field| has_bit(&status, field, signal - 1);
    has("SigIgn:") || BY_DEFAULT.contains(&signal) && !has("SigCgt:")
}

/// Whether a thread handles a signal.
pub(crate) fn is_caught(tid: Pid, signal: i32) -> bool {
    let status = status(tid).unwrap_or_default();
    has_bit(&status, "SigCgt:", signal - 1)
}

/// Whether a signal waits for a thread that ends it at once, and without a core.
pub(crate) fn is_fatal_signal_pending(tid: Pid) -> bool {
    const FATAL: [i32; 12] = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGPIPE,
        libc::SIGALRM,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGSTKFLT,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGIO,
        libc::SIGPWR,
    ];
    let status = status(tid).unwrap_or_default();
    let has = |field, signal: i32| has_bit(&status, field, signal - 1);
    FATAL.iter().copied().chain(32..=64).any(|signal| {
        (has("SigPnd:", signal) || has("ShdPnd:", signal))
            && !["SigBlk:", "SigIgn:", "SigCgt:"].iter().any(|field| has(field, signal))
    })
}

/// Who a thread is, as far as Linux looks whether that has changed: the effective and the file system's user and group, and the capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    users: [u32; 2],
    groups: [u32; 2],
    capabilities: u64,
}

/// The credentials of a thread.
pub(crate) fn credentials(tid: Pid) -> Option<Credentials> {
    let status = status(tid)?;
    let pair = |field| {
        let mut ids = status_field(&status, field)?.split_ascii_whitespace().skip(1);
        let mut next = |skipped| ids.nth(skipped)?.parse().ok();
        Some([next(0)?, next(1)?])
    };
    let capabilities = u64::from_str_radix(status_field(&status, "CapPrm:")?, 16).ok()?;
    Some(Credentials { users: pair("Uid:")?, groups: pair("Gid:")?, capabilities })
}

impl Credentials {
    /// Whether Linux forgets the death signal of a thread that had `self` and now has `other`: capabilities that are only lost do not count.
    pub(crate) fn is_forgotten_with(self, other: Self) -> bool {
        (self.users, self.groups) != (other.users, other.groups)
            || other.capabilities & !self.capabilities != 0
    }
}

/// Whether the program of a process was executed with more rights than the caller of exec had.
pub(crate) fn is_secure(pid: Pid) -> bool {
    let vector = fs::read(format!("/proc/{pid}/auxv")).unwrap_or_default();
    let words: Vec<_> = vector
        .chunks_exact(size_of::<usize>())
        .filter_map(|bytes| bytes.try_into().ok().map(usize::from_ne_bytes))
        .collect();
    words.chunks_exact(2).any(|pair| pair[0] == libc::AT_SECURE as usize && pair[1] != 0)
}

/// Whether the program of a process would have been executed with other rights if that had been allowed.
pub(crate) fn is_set_uid(pid: Pid) -> bool {
    let path = format!("/proc/{pid}/exe");
    let (Ok(file), Some(own)) = (fs::metadata(&path), credentials(pid)) else {
        return false;
    };
    let changes_user = file.mode() & libc::S_ISUID != 0 && file.uid() != own.users[0];
    let group_bits = libc::S_ISGID | libc::S_IXGRP;
    let changes_group = file.mode() & group_bits == group_bits && file.gid() != own.groups[0];
    (changes_user || changes_group) && !sys::is_without_set_uid(&path)
}

/// Whether lockstep itself has a seccomp filter.
pub(crate) fn has_filter() -> bool {
    own_status("Seccomp:").is_some_and(|mode| mode != "0")
}

/// Whether lockstep itself can get no new privileges.
pub(crate) fn has_no_new_privileges() -> bool {
    own_status("NoNewPrivs:").is_some_and(|value| value != "0")
}

fn own_status(field: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status_field(&status, field).map(str::to_owned)
}

/// Whether a thread has CAP_SYS_ADMIN where lockstep was started.
pub(crate) fn is_admin(tid: Pid) -> bool {
    let status = status(tid).unwrap_or_default();
    let users = |of: &str| fs::read_link(format!("/proc/{of}/ns/user")).ok();
    has_bit(&status, "CapEff:", CAP_SYS_ADMIN) && users(&tid.to_string()) == users("self")
}

const CAP_SYS_ADMIN: i32 = 21;

fn has_bit(status: &str, field: &str, bit: i32) -> bool {
    status_field(status, field)
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask & (1 << bit) != 0)
}

/// Whether lockstep may install a filter without giving up new privileges (CAP_SYS_ADMIN).
pub(crate) fn has_admin_capability() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    has_bit(&status, "CapEff:", CAP_SYS_ADMIN)
}

/// The `status` file of a thread.
fn status(tid: Pid) -> Option<String> {
    String::from_utf8(read_once(&format!("/proc/{tid}/status"))?).ok()
}

/// Reads a file that the kernel gives in one piece if there is room for it.
fn read_once(path: &str) -> Option<Vec<u8>> {
    const ROOM: usize = 4096;
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; ROOM];
    let count = file.read(&mut bytes).ok()?;
    bytes.truncate(count);
    if count == ROOM {
        file.read_to_end(&mut bytes).ok()?;
    }
    Some(bytes)
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
        let wanted = Stat {
            state: b'S',
            parent: 1,
            group: 2,
            session: 3,
            terminal: 0,
            foreground: -1,
            signals: None,
        };
        assert_eq!(stat, wanted);
        assert_eq!(parse_stat(b"42 (a) Z 0 -1 -1 0 -1 4194304"), None, "reaped meanwhile");
        let rest = (9..=52).map(|field| format!(" {field}")).collect::<String>();
        let stat = parse_stat(format!("42 (a) S 1 2 3 0 -1{rest}").as_bytes()).unwrap();
        assert_eq!(stat.signals, Some(SignalSets::from([31, 32, 33, 34])));
    }

    /// A field is found by its whole name.
    #[test]
    fn status_fields_are_found_by_name() {
        assert_eq!(status_field("Name:\tx\nTgid:\t7\nPPid:\t3\n", "PPid:"), Some("3"));
    }
}
