//! What has happened last, for the one who reads a divergence.
//!
//! Each entry says who did what, and whom it was about. A divergence is shown with the last entries of those concerned. Calls that repeat
//! each other, as of a program that polls, are one entry with a count. Nothing is put into words before it is shown.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::operation::{Call, Wait, WaitResult};
use crate::sys::Pid;
use crate::words;

/// So many entries are shown with a divergence.
pub(crate) const SHOWN: usize = 12;
/// So many are kept: those of others stand between.
const KEPT: usize = 600;
/// So many are looked through for one that is repeated.
const NEAR: usize = 24;

/// The last entries, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
}

/// One thing that has happened.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The process that did it, or to which it happened.
    pub(crate) process: Pid,
    /// Its thread.
    pub(crate) thread: Pid,
    /// Its name then.
    pub(crate) name: Option<Rc<str>>,
    /// What.
    pub(crate) deed: Deed,
    /// Others whom it is about; 0 for none.
    pub(crate) about: [Pid; 2],
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    /// A call has returned, and has written a number.
    Call { call: Call, result: i64, word: Option<i32> },
    /// A wait has returned.
    Wait { wait: Wait, said: WaitResult },
    /// Anything else, in words.
    Other(String),
    /// The same, with no process to it.
    Event(String),
    /// An entry before has happened so many times.
    Again { times: u32, deed: Box<Deed> },
}

impl Journal {
    /// Adds an entry, or counts it to the last one of the same thread, if that is the same.
    pub(crate) fn add(&mut self, entry: Entry) {
        let mut near = self.entries.iter_mut().rev().take(NEAR);
        if let Some(last) = near.find(|it| it.thread == entry.thread && it.process == entry.process)
        {
            match &mut last.deed {
                Deed::Again { times, deed } if **deed == entry.deed => {
                    *times = times.saturating_add(1);
                    return;
                }
                deed if *deed == entry.deed => {
                    let deed = Box::new(entry.deed);
                    last.deed = Deed::Again { times: 2, deed };
                    return;
                }
                _ => {}
            }
        }
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The last entries about any of these processes, oldest first; of all if there are none.
    pub(crate) fn last_about(&self, processes: &[Pid]) -> Vec<String> {
        let is_about = |entry: &&Entry| {
            processes.is_empty()
                || processes.iter().any(|&pid| {
                    entry.process == pid || entry.thread == pid || entry.about.contains(&pid)
                })
        };
        let last = self.entries.iter().rev().filter(is_about).take(SHOWN);
        let mut lines: Vec<_> = last.map(ToString::to_string).collect();
        lines.reverse();
        lines
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Deed::Event(text) = &self.deed {
            return f.write_str(text);
        }
        write!(f, "{}", self.process)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        if self.thread != self.process {
            write!(f, "(thread {})", self.thread)?;
        }
        write!(f, " {}", self.deed)
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { call, result, word } => {
                write!(f, "{call} = {}", words::result(*result))?;
                match word {
                    Some(word) => write!(f, ", told {word}"),
                    None => Ok(()),
                }
            }
            Self::Wait { wait, said } => write!(f, "{wait} = {said}"),
            Self::Other(text) | Self::Event(text) => f.write_str(text),
            Self::Again { times, deed } => write!(f, "{deed} (×{times})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(process: Pid, text: &str) -> Entry {
        let deed = Deed::Other(text.to_owned());
        Entry { process, thread: process, name: None, deed, about: [0; 2] }
    }

    /// What a thread repeats is one line with a count, whatever others do between.
    #[test]
    fn repeated_polls_are_folded() {
        let mut journal = Journal::default();
        for _ in 0..1000 {
            journal.add(entry(7, "polls"));
            journal.add(entry(8, "polls"));
        }
        journal.add(entry(7, "ends"));
        journal.add(entry(7, "polls"));
        assert_eq!(journal.last_about(&[7]), ["7 polls (×1000)", "7 ends", "7 polls"]);
    }

    /// A divergence is shown with what those concerned have done, however much others have.
    #[test]
    fn entries_of_others_are_left_out() {
        let mut journal = Journal::default();
        journal.add(Entry { about: [9, 0], ..entry(7, "makes 9") });
        for number in 0..100 {
            journal.add(entry(8, &number.to_string()));
        }
        assert_eq!(journal.last_about(&[9]), ["7 makes 9"]);
        assert_eq!(journal.last_about(&[8]).len(), SHOWN);
    }
}
