//! Where scripts are played: on Linux with real processes, and on the model.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`duel`] | both sides, step by step |
//! | [`linux`] | the controller of real processes in a fresh PID namespace |
//! | `worker`, `slot`, `raw` | those processes, the memory shared with them, their system calls |
//! | [`model`] | the same calls on the model, with the smallest kernel around it |
//! | `lack` | what a kernel may lack |
//! | [`shelter`], [`watch`] | keep processes from outliving lockstep, and from taking for ever |
//!
//! Both sides are told the same call of the same actor, with plain numbers, and answer with an [`Account`] of all that can be seen
//! once everything has come to rest.

pub(crate) mod duel;
mod lack;
pub(crate) mod linux;
pub(crate) mod model;
mod notices;
#[cfg(target_arch = "x86_64")]
mod raw;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_raw.rs"]
mod raw;
mod seen;
pub(crate) mod shelter;
mod slot;
pub(crate) mod watch;
mod worker;

pub(crate) use self::seen::Seen;
use std::ffi::OsString;

pub(crate) use lack::Lack;
pub(crate) use slot::SLOTS;

use crate::script::{SignalSet, Treatment};
use crate::words;

/// An actor: a process by its first thread, or another thread.
pub(crate) type Actor = usize;

/// Who is traced, alive or dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracee {
    pub(crate) actor: Actor,
    pub(crate) tracer: Actor,
    pub(crate) is_alive: bool,
    /// It sleeps in a ptrace-stop.
    pub(crate) is_stopped: bool,
}

/// All that can be seen after an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// What the call came to.
    pub(crate) outcome: Outcome,
    /// Calls that had been blocked and have returned now.
    pub(crate) returns: Vec<(Actor, Outcome)>,
    /// Signals that handlers have seen.
    pub(crate) signals: Vec<(Actor, Seen)>,
    /// Every process and thread that is there.
    pub(crate) rows: Vec<(Actor, Row)>,
}

impl Account {
    /// Whether a process or thread runs no more.
    fn has_ended(&self, actor: Actor) -> bool {
        self.rows.iter().all(|(it, row)| *it != actor || row.state == b'Z')
    }

    /// How many processes and threads have not ended.
    fn living(&self) -> usize {
        self.rows.iter().filter(|(_, row)| row.state != b'Z').count()
    }

    /// Who is stopped, by a signal or for a tracer.
    fn stopped(&self) -> Vec<Actor> {
        let is_stopped = |row: &Row| matches!(row.state, b'T' | b't');
        self.rows.iter().filter(|(_, row)| is_stopped(row)).map(|(actor, _)| *actor).collect()
    }

    /// The same, with each one's children in the order of their numbers.
    fn without_order(&self) -> Self {
        let mut all = self.clone();
        all.rows.iter_mut().for_each(|(_, row)| row.children.sort_unstable());
        all
    }
}

/// What a call came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned a number.
    Value(i64),
    /// A wait returned an event.
    Child { pid: i32, status: i32 },
    /// A wait returned without an event.
    Nothing,
    /// A signal was taken from a queue.
    Signal(Seen),
    /// What is done about a signal.
    Treatment(Treatment),
    /// It failed.
    Error(i32),
    /// It has not returned.
    #[default]
    Blocked,
    /// The caller is no more.
    Ended,
}

/// How `/proc` shows a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `S`, `T`, `Z`; `D`: it waits for the child of its vfork; `E`: it is ending, as the init of a namespace, and waits for the others in it.
    pub(crate) state: u8,
    /// The numbers of its own children, in order.
    pub(crate) children: Vec<i32>,
    /// How it stands with signals; nothing if it has ended, or that cannot be seen.
    pub(crate) signals: Option<SignalRow>,
    /// What is shown of its process; nothing for threads other than the first.
    pub(crate) process: Option<ProcessRow>,
}

/// How `/proc` shows what a thread does about signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalRow {
    /// Those that wait for it.
    pub(crate) pending: SignalSet,
    /// Those that wait for its process.
    pub(crate) shared_pending: SignalSet,
    /// Those that it blocks.
    pub(crate) blocked: SignalSet,
    /// Those that its process ignores.
    pub(crate) ignored: SignalSet,
    /// Those that its process handles.
    pub(crate) caught: SignalSet,
}

impl SignalRow {
    /// The same without what is not the script's: between an exec and the first step of the new program the language's runtime handles `SIGSEGV` and `SIGBUS`, and
    /// `SIGPIPE`, which workers ignore, is as before.
    fn of_script(self) -> Self {
        let own: SignalSet = [libc::SIGPIPE, libc::SIGSEGV, libc::SIGBUS].into_iter().collect();
        let kept = |set: SignalSet| SignalSet(set.0 & !own.0);
        Self {
            pending: kept(self.pending),
            shared_pending: kept(self.shared_pending),
            ignored: kept(self.ignored),
            caught: kept(self.caught),
            ..self
        }
    }

    /// In words.
    fn in_words(self) -> String {
        let Self { pending, shared_pending, blocked, ignored, caught } = self;
        format!(
            "pending={pending} shared-pending={shared_pending} blocked={blocked} ignored={ignored} \
             caught={caught}"
        )
    }
}

/// How `/proc` shows a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessRow {
    /// The numbers of its parent, its group and its session.
    pub(crate) relations: [i32; 3],
    /// The number in the foreground of its controlling terminal.
    pub(crate) foreground: Option<i32>,
    /// How many threads are there, the first one included.
    pub(crate) threads: i32,
    /// What its parent gets when it ends.
    pub(crate) exit_signal: i32,
    /// What it has to say to a wait: a status, or the number of a stop signal.
    pub(crate) code: i32,
    /// The numbers of it, its group and its session on each level further inside.
    pub(crate) inner: Vec<[i32; 3]>,
}

/// A new actor, as the namespace of the script numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    /// Which actor.
    pub(crate) actor: Actor,
    /// The number of its process.
    pub(crate) process: i32,
    /// Its own number.
    pub(crate) thread: i32,
    /// How many namespaces further inside it lives.
    pub(crate) depth: u32,
}

impl Outcome {
    /// In words, with numbers turned into names.
    pub(crate) fn in_words(self, name: impl Fn(i32) -> String) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::Child { pid, status } => format!("{} {}", name(pid), words::status(status)),
            Self::Nothing => "nothing".to_owned(),
            Self::Signal(seen) => seen.in_words(name),
            Self::Treatment(treatment) => treatment.to_string(),
            Self::Error(errno) => words::errno(errno),
            Self::Blocked => "blocks".to_owned(),
            Self::Ended => "ends".to_owned(),
        }
    }
}

/// The first argument with which a worker executes this program, to go on in it.
pub(crate) const WORKER: &str = "--worker";

/// Becomes a worker if the arguments say so; then does not return.
pub(crate) fn enter_worker(arguments: &[OsString]) {
    if let [_, mark, index, memory] = arguments
        && mark == WORKER
    {
        let number = |word: &OsString| word.to_str().and_then(|word| word.parse().ok());
        match (number(index), number(memory)) {
            (Some(index), Some(memory)) => worker::resume(index as usize, memory),
            _ => std::process::exit(126),
        }
    }
}
