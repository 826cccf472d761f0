//! Names for the kernel's numbers: errors, signals, results, wait statuses.

use axprocess::{Errno, Signal};

/// Errors that Linux keeps to itself: how a call that was interrupted goes on.
const RESTARTS: [(i32, &str); 4] = [
    (512, "ERESTARTSYS"),
    (513, "ERESTARTNOINTR"),
    (514, "ERESTARTNOHAND"),
    (516, "ERESTART_RESTARTBLOCK"),
];

/// The name of an errno value.
pub(crate) fn errno(value: i32) -> String {
    match (Errno::from_value(value), RESTARTS.iter().find(|(number, _)| *number == value)) {
        (Some(errno), _) => errno.to_string(),
        (None, Some((_, name))) => (*name).to_owned(),
        (None, None) => format!("errno {value}"),
    }
}

/// The result of a system call: a number, or an error's name.
pub(crate) fn result(value: i64) -> String {
    if (-4095..0).contains(&value) { errno(-value as i32) } else { value.to_string() }
}

/// The name of a signal.
pub(crate) fn signal(number: i32) -> String {
    let signal = u8::try_from(number).ok().and_then(Signal::new);
    signal.map_or_else(|| format!("signal {number}"), |signal| signal.to_string())
}

/// The name of a terminal's device: the number as `/proc/PID/stat` shows it.
pub(crate) fn terminal(device: u32) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match (major, minor) {
        (0, 0) => "none".to_owned(),
        (136..=143, minor) => format!("pts/{minor}"),
        (4, 0..=63) => format!("tty{minor}"),
        _ => format!("terminal {major}:{minor}"),
    }
}

/// A wait status word in words.
pub(crate) fn status(word: i32) -> String {
    if word == 0xffff {
        return "continued".to_owned();
    }
    match word & 0x7f {
        0 => format!("exit {}", (word >> 8) & 0xff),
        0x7f if word >> 8 == 0 => "a stop that was undone".to_owned(),
        0x7f if word >> 16 == 0 => format!("stopped by {}", signal((word >> 8) & 0xff)),
        0x7f => format!("stopped by {}, event {}", signal((word >> 8) & 0xff), event(word >> 16)),
        number => {
            let core = if word & 0x80 == 0 { "" } else { ", core dumped" };
            format!("{}{core}", signal(number))
        }
    }
}

/// The name of an event of ptrace.
fn event(number: i32) -> String {
    const NAMES: [&str; 7] = ["", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT"];
    match NAMES.get(number as usize) {
        _ if number == libc::PTRACE_EVENT_STOP => "STOP".to_owned(),
        Some(name) if number > 0 => (*name).to_owned(),
        _ => number.to_string(),
    }
}

/// What a shell would report for a wait status word: the code, or 128 + signal.
pub(crate) fn shell_status(word: i32) -> u8 {
    match word & 0x7f {
        0 => (word >> 8) as u8,
        signal => 128 + signal as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status words are told as wait(2) defines them.
    #[test]
    fn statuses_are_told_in_words() {
        assert_eq!(status(3 << 8), "exit 3");
        assert_eq!(status(9), "SIGKILL");
        assert_eq!(status(11 | 0x80), "SIGSEGV, core dumped");
        assert_eq!(status((19 << 8) | 0x7f), "stopped by SIGSTOP");
        assert_eq!(status(0xffff), "continued");
        assert_eq!(status(0x0080_137f), "stopped by SIGSTOP, event STOP");
        assert_eq!(status(0x0004_057f), "stopped by SIGTRAP, event EXEC");
    }

    /// Every number that Linux gives to an error has a name, and no other.
    #[test]
    fn all_errors_have_names() {
        const NONE: [i32; 2] = [41, 58];
        for value in (1..=133).filter(|value| !NONE.contains(value)) {
            assert!(!errno(value).contains(' '), "{}", errno(value));
        }
        assert_eq!((errno(134), errno(512)), ("errno 134".to_owned(), "ERESTARTSYS".to_owned()));
    }

    /// Results are numbers or error names.
    #[test]
    fn results_name_their_errors() {
        assert_eq!((result(42).as_str(), result(-10).as_str()), ("42", "ECHILD"));
        assert_eq!((shell_status(2 << 8), shell_status(9)), (2, 137));
    }
}
