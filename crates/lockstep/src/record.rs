//! Recordings: all that was seen of a run, as lines of JSON.
//!
//! The first line says what was run, where, and which version of the format this is. Each further line is one [`Fact`], with the moment and with what
//! was seen of other processes while it was judged. The last fact says that the run was followed to its end.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::history::Moment;
use crate::ledger::{Fact, Sights};
use crate::model::Origin;
use crate::operation::ChildSignal;
use crate::sys::Pid;
use crate::tracer::Failure;

/// The version of the format; another one is not read.
const VERSION: u32 = 1;

/// What a recording begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the format.
    #[serde(rename = "lockstep_recording")]
    version: u32,
    /// The program and its arguments.
    pub(crate) program: Vec<String>,
    /// Where lockstep stood.
    pub(crate) origin: Origin,
    /// The program's number.
    pub(crate) root: Pid,
    /// What the program did about SIGCHLD when it started.
    pub(crate) action: ChildSignal,
}

impl Head {
    /// The head of a new recording.
    pub(crate) const fn new(
        program: Vec<String>,
        origin: Origin,
        root: Pid,
        action: ChildSignal,
    ) -> Self {
        Self { version: VERSION, program, origin, root, action }
    }
}

/// One line of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Moment,
    /// What.
    pub(crate) fact: Fact,
    /// What was seen with it.
    #[serde(flatten)]
    pub(crate) sights: Sights,
}

/// Writes a recording. Nothing is written of a run that is over before there is much of it, and that nobody wants to be finished.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: Destination,
    lines: Vec<u8>,
    failure: Option<io::Error>,
}

impl Recorder {
    /// Begins a recording.
    pub(crate) fn new(file: Destination, head: &Head) -> Self {
        let mut recorder = Self { file, lines: Vec::new(), failure: None };
        recorder.line(head);
        recorder
    }

    /// Adds a fact. A failure is told in the end: the program goes on.
    pub(crate) fn write(&mut self, at: Moment, fact: &Fact, sights: Sights) {
        #[derive(Serialize)]
        struct Line<'a> {
            at: Moment,
            fact: &'a Fact,
            #[serde(flatten)]
            sights: Sights,
        }
        self.line(&Line { at, fact, sights });
    }

    /// Ends the recording.
    ///
    /// # Errors
    ///
    /// A line could not be written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        let name = self.file.name();
        self.failure.map_or(Ok(()), |error| {
            Err(Failure::new(format!("cannot write the recording to {name}: {error}")))
        })
    }

    fn line(&mut self, line: &impl Serialize) {
        /// So many bytes are written at once.
        const BLOCK: usize = 1 << 16;
        if self.failure.is_some() {
            return;
        }
        self.failure = serde_json::to_writer(&mut self.lines, line).err().map(io::Error::from);
        self.lines.push(b'\n');
        if self.lines.len() >= BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failure.is_none() {
            self.failure = self.file.write(&self.lines).err();
        }
        self.lines.clear();
    }
}

/// Reads a recording, line by line.
pub(crate) struct Recording {
    name: String,
    lines: io::Lines<BufReader<File>>,
    number: usize,
}

impl Recording {
    /// Opens a recording and reads its head.
    ///
    /// # Errors
    ///
    /// It cannot be read, is none, or is of another version.
    pub(crate) fn open(path: &Path) -> Result<(Self, Head), Failure> {
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
        let mut recording = Self { name, lines: BufReader::new(file).lines(), number: 0 };
        let Some(line) = recording.line()? else {
            return Err(recording.complaint("is empty"));
        };
        #[derive(Deserialize)]
        struct Version {
            lockstep_recording: u32,
        }
        match serde_json::from_str::<Version>(&line) {
            Ok(Version { lockstep_recording: VERSION }) => {}
            Ok(Version { lockstep_recording: other }) => {
                let text =
                    format!("has version {other} of the format; this lockstep reads {VERSION}");
                return Err(recording.complaint(&text));
            }
            Err(_) => return Err(recording.complaint("is no recording of lockstep")),
        }
        let head = recording.parse(&line)?;
        Ok((recording, head))
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// A line that cannot be understood, with its number.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Failure> {
        self.line()?.map(|line| self.parse(&line)).transpose()
    }

    fn line(&mut self) -> Result<Option<String>, Failure> {
        self.number += 1;
        let line = self.lines.next().transpose();
        line.map_err(|error| self.complaint(&format!("cannot be read: {error}")))
    }

    fn parse<T: for<'a> Deserialize<'a>>(&self, line: &str) -> Result<T, Failure> {
        serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("{}, line {}: {error}", self.name, self.number)))
    }

    fn complaint(&self, text: &str) -> Failure {
        Failure::new(format!("{} {text}", self.name))
    }
}
