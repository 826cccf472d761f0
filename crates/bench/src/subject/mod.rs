//! What is compared: each process model behind the same calls, as a kernel would make them.
//!
//! Static dispatch throughout, so that a subject's code is inlined into the loop that measures it, as in a kernel that embeds it.

mod kernel_api;
mod older_api;
mod starry_0_2;
mod starry_0_4;

use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use kernel_api::KernelApi;
pub(crate) use older_api::OlderApi;
use serde::Serialize;
pub(crate) use starry_0_2::Starry02;
pub(crate) use starry_0_4::Starry04;

/// The name of a subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// axprocess, as a kernel calls it: numbers, threads and waits are the crate's.
    Kernel,
    /// axprocess through the API of its version 0.1.
    Older,
    /// starry-process 0.4.16.
    Starry04,
    /// starry-process 0.2.0.
    Starry02,
}

impl Which {
    /// All of them, ours first.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Older, Self::Starry04, Self::Starry02];

    /// The head of its column.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kernel => "ours",
            Self::Older => "ours, 0.1 API",
            Self::Starry04 => "starry 0.4.16",
            Self::Starry02 => "starry 0.2.0",
        }
    }

    /// Its name on a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Older => "older",
            Self::Starry04 => "starry-0.4",
            Self::Starry02 => "starry-0.2",
        }
    }

    /// The subject of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.word() == word)
    }
}

/// A process model. The numbers of new processes are the caller's, except where the model gives them itself.
pub(crate) trait Subject: 'static {
    /// What a kernel keeps beside the processes.
    type World: Sync + Send;
    /// What a kernel keeps of a process: with [`KernelApi`] its leader thread.
    type Process: Clone + Send + Sync;
    type Group: Clone + Send + Sync;
    /// A thread beside the process.
    type Thread;

    /// Makes a process that leads a session and a group of its own, and has no children.
    fn found(number: u32) -> (Self::World, Self::Process);

    fn fork(parent: &Self::Process, number: u32) -> Self::Process;

    /// Ends a process: its children go to init, and it waits to be reaped.
    fn exit(process: &Self::Process);

    /// Reaps this zombie child of `parent`.
    fn reap(parent: &Self::Process, zombie: &Self::Process);

    /// Whether a process comes with a thread.
    const HAS_LEADER: bool = false;

    /// Adds a thread. With [`HAS_LEADER`](Self::HAS_LEADER) it is a second one.
    fn add_thread(process: &Self::Process, number: u32) -> Self::Thread;

    /// Ends the thread.
    fn exit_thread(process: &Self::Process, thread: Self::Thread);

    fn getppid(process: &Self::Process) -> u32;
    fn getpgid(process: &Self::Process) -> u32;
    fn getsid(process: &Self::Process) -> u32;

    fn group(process: &Self::Process) -> Self::Group;

    /// Makes the process the leader of a new group of its session.
    fn lead_group(process: &Self::Process) -> Self::Group;

    /// Makes the process the leader of a new session and group.
    fn lead_session(process: &Self::Process);

    fn move_to(process: &Self::Process, group: &Self::Group);

    /// Lists the members, looks at each, and returns how many there are.
    fn count_members(group: &Self::Group) -> usize;

    /// Enters a process into the map of numbers that the kernel keeps; nothing if the model keeps it.
    fn enlist(world: &Self::World, process: &Self::Process);

    /// Whether a process has the number, which is looked up in that map.
    fn finds(world: &Self::World, number: u32) -> bool;

    /// What a wait for any child does: finds a zombie among the children, and reaps it. Whether there was one.
    fn wait_any(parent: &Self::Process) -> bool;

    fn number(process: &Self::Process) -> u32;

    /// Ends a world whose processes are given, in any state but reaped, outside of what is measured.
    fn abandon(world: Self::World, processes: Vec<Self::Process>);
}

/// Numbers for new processes: a range, used round and round.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    start: u32,
    length: u32,
    next: u32,
}

impl Numbers {
    /// A range that nobody else in this program has.
    pub(crate) fn reserve(length: usize) -> Self {
        static RESERVED: AtomicU32 = AtomicU32::new(2);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let start = RESERVED.fetch_add(length, Ordering::Relaxed);
        Self { start, length, next: 0 }
    }

    #[inline]
    pub(crate) fn take(&mut self) -> u32 {
        let number = self.start + self.next;
        self.next += 1;
        if self.next == self.length {
            self.next = 0;
        }
        number
    }
}

/// How many numbers a loop of short lives goes round.
pub(crate) const ROUND: usize = 32_768;

/// Fork, exit and reap: a whole life without children.
#[inline]
pub(crate) fn live<S: Subject>(parent: &S::Process, number: u32) {
    let child = S::fork(parent, number);
    S::exit(&child);
    S::reap(parent, &child);
}

/// A whole life of a process with one thread.
#[inline]
pub(crate) fn live_with_thread<S: Subject>(parent: &S::Process, number: u32) {
    let child = S::fork(parent, number);
    if !S::HAS_LEADER {
        let thread = S::add_thread(&child, number);
        S::exit_thread(&child, thread);
    }
    S::exit(&child);
    S::reap(parent, &child);
}
