//! What an actor of a script can do with a file: with a terminal, and with a pidfd. What it can do with a signalfd is told in [`super::signals`].
//!
//! Files have names, as actors have. Actors share their files, with one exception: who execs has its own from then on, and in it of the old ones only the
//! terminals themselves, neither their masters nor any pidfd or signalfd.

use std::fmt;

use super::operation::{Name, Number, value_of};
use super::text::{Options, Words, number_in_words};

/// What can be done with a pair of a master and a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TerminalCall {
    /// Make the pair. Nobody is controlled by it yet.
    Make(Writers),
    /// open of the terminal, without `O_NOCTTY`; closed at once.
    Open(Mode),
    /// ioctl `TIOCSCTTY`.
    Acquire(Side, IfTaken),
    /// ioctl `TIOCNOTTY`.
    Release(Side),
    /// ioctl `TIOCGPGRP`.
    Foreground(Side),
    /// ioctl `TIOCSPGRP`.
    SetForeground(Side, Number),
    /// ioctl `TIOCGSID`.
    Session(Side),
    /// read. There is never anything to read, and the file does not wait for it.
    Read,
    /// write of one byte.
    Write,
    /// ioctl `TCFLSH`, which changes the terminal as tcsetattr does.
    Change,
    /// ioctl `TIOCSIG`: what a key at the master does that makes a signal.
    Signal(i32),
    /// close of the master.
    HangUp,
}

/// Whether those in the background may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Writers {
    /// They may.
    Free,
    /// They get `SIGTTOU` (`TOSTOP`).
    Stopped,
}

/// How a file is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// To read and write.
    Both,
    /// To write.
    WriteOnly,
}

/// Through which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The terminal.
    Slave,
    /// Its master.
    Master,
}

/// What if the terminal controls another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IfTaken {
    /// Leave it there.
    Refuse,
    /// Take it.
    Steal,
}

/// What can be done with a pidfd.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PidfdCall {
    /// pidfd_open.
    Open(Number, i32),
    /// pidfd_send_signal.
    Send(i32, i32),
    /// poll.
    Poll,
    /// ioctl `PIDFD_GET_INFO`.
    Info(Ask),
    /// waitid.
    Wait(i32),
    /// setns, into the PID namespace of who it names.
    EnterPid,
}

/// What is asked of a pidfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// The numbers.
    Numbers,
    /// How it ended, too.
    End,
}

const OPEN_FLAGS: &[(&str, i32)] = &[("thread", 0x80), ("nonblock", 0x800)];
const SCOPES: &[(&str, i32)] = &[("thread", 1), ("process", 2), ("group", 4)];

impl TerminalCall {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::Make(_) => "pty",
            Self::Open(_) => "tty-open",
            Self::Acquire(..) => "tiocsctty",
            Self::Release(_) => "tiocnotty",
            Self::Foreground(_) => "tiocgpgrp",
            Self::SetForeground(..) => "tiocspgrp",
            Self::Session(_) => "tiocgsid",
            Self::Read => "tty-read",
            Self::Write => "tty-write",
            Self::Change => "tty-change",
            Self::Signal(_) => "tiocsig",
            Self::HangUp => "tty-hangup",
        }
    }

    /// Whether it needs the master.
    pub(crate) const fn needs_master(&self) -> bool {
        matches!(
            self,
            Self::Open(_)
                | Self::Signal(_)
                | Self::HangUp
                | Self::Acquire(Side::Master, _)
                | Self::Release(Side::Master)
                | Self::Foreground(Side::Master)
                | Self::SetForeground(Side::Master, _)
                | Self::Session(Side::Master)
        )
    }

    /// Reads what follows the verb and the name; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "pty" if words.take("tostop") => Self::Make(Writers::Stopped),
            "pty" => Self::Make(Writers::Free),
            "tty-open" if words.take("write-only") => Self::Open(Mode::WriteOnly),
            "tty-open" => Self::Open(Mode::Both),
            "tiocsctty" => {
                let side = Side::parse(words);
                let steals = words.take("steal");
                Self::Acquire(side, if steals { IfTaken::Steal } else { IfTaken::Refuse })
            }
            "tiocnotty" => Self::Release(Side::parse(words)),
            "tiocgpgrp" => Self::Foreground(Side::parse(words)),
            "tiocspgrp" => {
                let group = words.number()?;
                Self::SetForeground(Side::parse(words), group)
            }
            "tiocgsid" => Self::Session(Side::parse(words)),
            "tty-read" => Self::Read,
            "tty-write" => Self::Write,
            "tty-change" => Self::Change,
            "tiocsig" => Self::Signal(words.signal()?),
            "tty-hangup" => Self::HangUp,
            _ => return Ok(None),
        }))
    }
}

impl PidfdCall {
    /// The word that it begins with in a script.
    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::Open(..) => "pidfd-open",
            Self::Send(..) => "pidfd-send",
            Self::Poll => "pidfd-poll",
            Self::Info(_) => "pidfd-info",
            Self::Wait(_) => "waitid pidfd",
            Self::EnterPid => "setns-pid",
        }
    }

    /// Reads what follows the verb and the name; `None`: not one of these.
    pub(super) fn parse(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>, String> {
        Ok(Some(match verb {
            "pidfd-open" => Self::Open(words.number()?, words.flags(OPEN_FLAGS)?),
            "pidfd-send" => Self::Send(words.signal()?, words.flags(SCOPES)?),
            "pidfd-poll" => Self::Poll,
            "pidfd-info" if words.take("exit") => Self::Info(Ask::End),
            "pidfd-info" => Self::Info(Ask::Numbers),
            "setns-pid" => Self::EnterPid,
            _ => return Ok(None),
        }))
    }
}

impl Side {
    fn parse(words: &mut Words<'_>) -> Self {
        if words.take("master") { Self::Master } else { Self::Slave }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Master { " master" } else { "" })
    }
}

impl fmt::Display for TerminalCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make(Writers::Stopped) => f.write_str(" tostop"),
            Self::Open(Mode::WriteOnly) => f.write_str(" write-only"),
            Self::Acquire(side, IfTaken::Steal) => write!(f, "{side} steal"),
            Self::Acquire(side, IfTaken::Refuse)
            | Self::Release(side)
            | Self::Foreground(side)
            | Self::Session(side) => write!(f, "{side}"),
            Self::SetForeground(side, group) => write!(f, " {group}{side}"),
            Self::Signal(signal) => write!(f, " {}", number_in_words(*signal)),
            Self::Make(Writers::Free)
            | Self::Open(Mode::Both)
            | Self::Read
            | Self::Write
            | Self::Change
            | Self::HangUp => Ok(()),
        }
    }
}

impl fmt::Display for PidfdCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(who, flags) => write!(f, " {who}{}", Options(*flags, OPEN_FLAGS)),
            Self::Send(signal, scope) => {
                write!(f, " {}{}", number_in_words(*signal), Options(*scope, SCOPES))
            }
            Self::Wait(options) => {
                write!(f, "{}", Options(*options, super::operation::WAIT_OPTIONS))
            }
            Self::Info(Ask::End) => f.write_str(" exit"),
            Self::Poll | Self::Info(Ask::Numbers) | Self::EnterPid => Ok(()),
        }
    }
}

/// What a file of a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A terminal and its master.
    Pair,
    /// A terminal whose master is closed, or not among the actor's files.
    Terminal,
    /// A pidfd.
    Pidfd,
    /// A signalfd.
    Signalfd,
}

impl FileKind {
    /// Whether it is a terminal, with its master or without it.
    pub(crate) const fn is_terminal(self) -> bool {
        matches!(self, Self::Pair | Self::Terminal)
    }
}

/// Which files each actor has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Which of the tables is whose.
    of_actor: Vec<usize>,
    tables: Vec<Vec<(Name, FileKind)>>,
}

impl Files {
    /// The files of the first actor: none.
    pub(crate) fn new() -> Self {
        Self { of_actor: vec![0], tables: vec![Vec::new()] }
    }

    /// The files of an actor.
    pub(crate) fn of(&self, actor: usize) -> &[(Name, FileKind)] {
        let table = self.of_actor.get(actor).and_then(|&table| self.tables.get(table));
        table.map_or(&[], Vec::as_slice)
    }

    /// What an actor has under that name.
    pub(crate) fn find(&self, actor: usize, name: &str) -> Option<FileKind> {
        self.of(actor).iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    /// Whether somebody has a file of that name.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.tables.iter().flatten().any(|(known, _)| known == name)
    }

    /// Whether an actor shares its files with the first one.
    pub(crate) fn are_first(&self, actor: usize) -> bool {
        self.of_actor.get(actor) == Some(&0)
    }

    /// A new actor has the files of its maker.
    pub(crate) fn inherit(&mut self, maker: usize) {
        self.of_actor.push(self.of_actor.get(maker).copied().unwrap_or(0));
    }

    /// An actor has opened a file.
    pub(crate) fn open(&mut self, actor: usize, name: &str, kind: FileKind) {
        if let Some(table) = self.of_actor.get(actor).and_then(|&it| self.tables.get_mut(it)) {
            table.push((name.to_owned(), kind));
        }
    }

    /// The master of a pair is closed.
    pub(crate) fn close_master(&mut self, name: &str) {
        for (known, kind) in self.tables.iter_mut().flatten() {
            if known == name {
                *kind = FileKind::Terminal;
            }
        }
    }

    /// An actor has executed a program.
    pub(crate) fn exec(&mut self, actor: usize) {
        let terminals = self.of(actor).iter().filter(|(_, kind)| kind.is_terminal());
        let kept = terminals.map(|(name, _)| (name.clone(), FileKind::Terminal)).collect();
        if let Some(own) = self.of_actor.get_mut(actor) {
            *own = self.tables.len();
            self.tables.push(kept);
        }
    }
}

/// The flag of that name, or number.
pub(super) fn flag_of(table: &[(&'static str, i32)], word: &str) -> Option<i32> {
    value_of(table, word).or_else(|| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exec takes the pidfds and the masters away from who does it, and from nobody else.
    #[test]
    fn an_exec_has_files_of_its_own() {
        let mut files = Files::new();
        files.open(0, "t", FileKind::Pair);
        files.open(0, "p", FileKind::Pidfd);
        files.inherit(0);
        files.exec(1);
        assert_eq!(files.of(1), [("t".to_owned(), FileKind::Terminal)]);
        assert_eq!(files.find(0, "p"), Some(FileKind::Pidfd));
        assert!(files.are_first(0) && !files.are_first(1) && files.is_known("p"));
    }
}
