//! `/proc`: what the model knows of processes, and the layer of their signals, as text.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::sync::atomic::Ordering::Relaxed;

use axprocess::{ARef, Cursor, Errno, RunState};
use axprocess_signals::signals_of;

use super::tree::{Body, Node};
use super::{File, Status, kind};
use crate::call::Failure;
use crate::host::{PidNamespace, Process, Table, Thread};
use crate::state::ThreadState;
use crate::user_memory::append;

/// A file or directory, in the instance of a namespace.
#[derive(Clone)]
pub(crate) struct Entry {
    table: &'static Table,
    viewer: ARef<PidNamespace>,
    what: What,
}

#[derive(Clone)]
enum What {
    Root,
    /// `self`.
    Myself,
    Process(ARef<Process>),
    /// `task`.
    Tasks(ARef<Process>),
    Thread(ARef<Thread>),
    /// Of a process, or of a thread alone.
    File(Of, Kind),
}

#[derive(Clone)]
enum Of {
    Process(ARef<Process>),
    Thread(ARef<Thread>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stat,
    Status,
    Syscall,
    Children,
    Comm,
    Exe,
    Uptime,
}

/// What a link in `/proc` leads to.
pub(crate) enum Target {
    Path(Vec<u8>),
    Node(Arc<Node>),
}

const OF_PROCESS: [(&[u8], Kind); 5] = [
    (b"stat", Kind::Stat),
    (b"status", Kind::Status),
    (b"syscall", Kind::Syscall),
    (b"comm", Kind::Comm),
    (b"exe", Kind::Exe),
];
const OF_THREAD: [(&[u8], Kind); 5] = [
    (b"stat", Kind::Stat),
    (b"status", Kind::Status),
    (b"syscall", Kind::Syscall),
    (b"comm", Kind::Comm),
    (b"children", Kind::Children),
];

impl Entry {
    /// The directory as the table's own namespace sees it.
    pub(crate) fn root(table: &'static Table) -> Self {
        Self { table, viewer: ARef::from(table.namespace()), what: What::Root }
    }

    /// The directory of another instance, as that namespace sees it.
    pub(crate) fn root_for(&self, viewer: ARef<PidNamespace>) -> Self {
        Self { table: self.table, viewer, what: What::Root }
    }

    fn with(&self, what: What) -> Self {
        Self { table: self.table, viewer: self.viewer.clone(), what }
    }

    pub(crate) fn into_node(self) -> Result<Arc<Node>, Errno> {
        let mode = match &self.what {
            What::Root | What::Process(_) | What::Tasks(_) | What::Thread(_) => {
                kind::DIRECTORY | 0o555
            }
            What::Myself | What::File(_, Kind::Exe) => kind::LINK | 0o777,
            What::File(..) => kind::REGULAR | 0o444,
        };
        Node::new(mode, Body::Proc(self))
    }

    pub(super) fn find(&self, by: &Thread, name: &[u8]) -> Result<Arc<Node>, Errno> {
        let number = || core::str::from_utf8(name).ok().and_then(|it| it.parse::<u32>().ok());
        let kind = |files: &[(&[u8], Kind)]| {
            files.iter().find(|(it, _)| *it == name).map(|(_, kind)| *kind)
        };
        let found = match &self.what {
            What::Root if name == b"self" => Some(What::Myself),
            What::Root if name == b"uptime" => {
                Some(What::File(Of::Process(ARef::clone(by.process())), Kind::Uptime))
            }
            What::Root => {
                let process = number().and_then(|number| self.viewer.find_process(number));
                process.map(What::Process)
            }
            What::Process(process) if name == b"task" => Some(What::Tasks(ARef::clone(process))),
            What::Process(process) => {
                kind(&OF_PROCESS).map(|kind| What::File(Of::Process(ARef::clone(process)), kind))
            }
            What::Tasks(process) => {
                let thread = number().and_then(|number| self.thread(process, number));
                thread.map(What::Thread)
            }
            What::Thread(thread) => {
                kind(&OF_THREAD).map(|kind| What::File(Of::Thread(ARef::clone(thread)), kind))
            }
            What::Myself | What::File(..) => return Err(Errno::ENOTDIR),
        };
        self.with(found.ok_or(Errno::ENOENT)?).into_node()
    }

    /// A thread that has its number, dead or alive.
    fn thread(&self, process: &ARef<Process>, number: u32) -> Option<ARef<Thread>> {
        process.read(|view| {
            let mut cursor = Cursor::new();
            loop {
                let mut tasks = view.tasks(process, &mut cursor);
                if let Some(thread) = tasks.find(|it| view.tid(it, &self.viewer) == number) {
                    return Some(ARef::from(thread));
                }
                drop(tasks);
                if cursor.is_done() {
                    return None;
                }
            }
        })
    }

    pub(super) fn list(
        &self,
        _: &Thread,
        from: u64,
        mut tell: impl FnMut(u64, &[u8], u64, u32) -> bool,
    ) {
        let mut text = Line::default();
        match &self.what {
            What::Root => {
                if from == 0 && !tell(1, b"self", 1, kind::LINK) {
                    return;
                }
                let mut next = (from.max(1)) as u32;
                while let Some((number, _)) = self.table.next_process(&self.viewer, next) {
                    text.len = 0;
                    let _ = write!(text, "{number}");
                    next = number + 1;
                    if !tell(next.into(), text.bytes(), number.into(), kind::DIRECTORY) {
                        return;
                    }
                }
            }
            What::Tasks(process) => {
                for (thread, at) in process.tasks().into_iter().flatten().zip(0..) {
                    text.len = 0;
                    let _ = write!(text, "{}", thread.tid_in(&self.viewer));
                    let number = thread.tid().into();
                    if at >= from && !tell(at + 1, text.bytes(), number, kind::DIRECTORY) {
                        return;
                    }
                }
            }
            What::Process(_) | What::Thread(_) => {
                let files = match &self.what {
                    What::Process(_) => OF_PROCESS,
                    _ => OF_THREAD,
                };
                for ((name, _), at) in files.iter().zip(0..).skip(from as usize) {
                    if !tell(at + 1, name, at + 1, kind::REGULAR) {
                        return;
                    }
                }
            }
            What::Myself | What::File(..) => {}
        }
    }

    /// Where a link leads.
    ///
    /// # Errors
    ///
    /// `ENOENT`: nowhere any more. `ENOMEM`.
    pub(crate) fn target(&self, by: &Thread) -> Result<Target, Errno> {
        match &self.what {
            What::Myself => {
                let mut text = Line::default();
                let number = by.process().pid_in(&self.viewer);
                if number == 0 {
                    return Err(Errno::ENOENT);
                }
                let _ = write!(text, "{number}");
                let mut path = Vec::new();
                append(&mut path, text.bytes())?;
                Ok(Target::Path(path))
            }
            What::File(of, Kind::Exe) => {
                let thread = of.thread().ok_or(Errno::ENOENT)?;
                let program = thread.host_data().program.lock().clone();
                program.map(Target::Node).ok_or(Errno::ENOENT)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

impl Of {
    /// The thread itself, or the one that leads the process.
    fn thread(&self) -> Option<ARef<Thread>> {
        match self {
            Self::Thread(thread) => Some(ARef::clone(thread)),
            Self::Process(process) => process.read(|view| view.leader(process).map(ARef::from)),
        }
    }

    fn process(&self) -> &ARef<Process> {
        match self {
            Self::Thread(thread) => thread.process(),
            Self::Process(process) => process,
        }
    }
}

/// The text of a file, as it was when it was opened.
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// # Errors
    ///
    /// `ESRCH`: whom it is about is gone. `ENOMEM`.
    pub(super) fn of(entry: &Entry, by: &Thread) -> Result<Self, Errno> {
        let mut text = Writer { text: Vec::new(), is_full: false };
        let What::File(of, kind) = &entry.what else { return Err(Errno::EISDIR) };
        match kind {
            Kind::Stat => stat(&mut text, of, &entry.viewer)?,
            Kind::Status => status(&mut text, of, &entry.viewer)?,
            Kind::Syscall => syscall(&mut text, of, by)?,
            Kind::Children => children(&mut text, of, &entry.viewer)?,
            Kind::Comm => {
                let name = *of.thread().ok_or(Errno::ESRCH)?.host_data().name.lock();
                let _ = writeln!(text, "{}", shown(&name));
            }
            Kind::Uptime => {
                let time = crate::machine::monotonic();
                let (seconds, part) = (time.as_secs(), time.subsec_millis() / 10);
                let _ = writeln!(text, "{seconds}.{part:02} 0.00");
            }
            Kind::Exe => return Err(Errno::ELOOP),
        }
        if text.is_full { Err(Errno::ENOMEM) } else { Ok(Self(text.text)) }
    }
}

const EXECVE: i32 = 59;
const EXECVEAT: i32 = 322;

/// The letter of a state.
fn letter(state: RunState, thread: Option<&Thread>) -> char {
    state.letter().unwrap_or_else(|| {
        let asleep = thread.filter(|it| it.host_data().task.is_asleep());
        match asleep.map(|it| it.host_data().call.load(Relaxed)) {
            // An exec that waits for others can be ended by a fatal signal alone.
            Some(EXECVE | EXECVEAT) => 'D',
            Some(_) => 'S',
            None => 'R',
        }
    })
}

fn stat(text: &mut Writer, of: &Of, viewer: &PidNamespace) -> Result<(), Errno> {
    /// `PF_EXITING`.
    const EXITING: u32 = 4;
    let (process, thread) = (of.process(), of.thread());
    let told = process.stat(viewer).ok_or(Errno::ESRCH)?;
    let (pid, state) = match of {
        Of::Process(_) => (told.pid, told.state),
        Of::Thread(thread) => (thread.tid_in(viewer), thread.run_state().ok_or(Errno::ESRCH)?),
    };
    let (name, flags) = match &thread {
        Some(thread) => {
            let own: &ThreadState = thread.host_data();
            let exits = own.is_exiting.load(Relaxed);
            (*own.name.lock(), if exits { EXITING } else { 0 })
        }
        None => ([0; 16], EXITING),
    };
    let letter = letter(state, thread.as_deref());
    let (tty, foreground) = match told.terminal {
        Some(terminal) => (terminal.device, i64::from(terminal.foreground)),
        None => (0, -1),
    };
    let name = shown(&name);
    let (ppid, pgrp, session, threads) = (told.ppid, told.pgrp, told.session, told.threads);
    let _ = write!(
        text,
        "{pid} ({name}) {letter} {ppid} {pgrp} {session} {tty} {foreground} {flags} 0 0 0 0 0 0 0 0 20 0 {threads}"
    );
    // 21 to 37.
    for _ in 21..38 {
        let _ = write!(text, " 0");
    }
    let exit_signal = match of {
        Of::Thread(thread) if thread.tid() != process.pid() => -1,
        _ => i32::from(told.exit_signal.raw()),
    };
    let _ = write!(text, " {exit_signal}");
    // 39 to 51.
    for _ in 39..52 {
        let _ = write!(text, " 0");
    }
    let _ = writeln!(text, " {}", told.exit_code);
    Ok(())
}

fn status(text: &mut Writer, of: &Of, viewer: &PidNamespace) -> Result<(), Errno> {
    let (process, thread) = (of.process(), of.thread());
    let told = process.stat(viewer).ok_or(Errno::ESRCH)?;
    let numbers = process.namespace_numbers(viewer).ok_or(Errno::ESRCH)?;
    let state = match &thread {
        Some(thread) => thread.run_state().ok_or(Errno::ESRCH)?,
        None => told.state,
    };
    let name = thread.as_ref().map_or([0; 16], |thread| *thread.host_data().name.lock());
    let tid = thread.as_ref().map_or(told.pid, |thread| thread.tid_in(viewer));
    let tracer = thread.as_ref().and_then(|thread| thread.tracer());
    let tracer = tracer.map_or(0, |tracer| tracer.process().pid_in(viewer));
    let _ = writeln!(text, "Name:\t{}", shown(&name));
    let _ = writeln!(text, "State:\t{}", letter(state, thread.as_deref()));
    let _ = writeln!(text, "Tgid:\t{}\nPid:\t{tid}\nPPid:\t{}", told.pid, told.ppid);
    let _ = writeln!(text, "TracerPid:\t{tracer}");
    for (name, levels) in
        [("NStgid", numbers.tgid), ("NSpgid", numbers.pgid), ("NSsid", numbers.sid)]
    {
        let _ = write!(text, "{name}:");
        for number in levels.as_slice() {
            let _ = write!(text, "\t{number}");
        }
        let _ = writeln!(text);
    }
    let _ = writeln!(text, "Threads:\t{}", told.threads);
    let Some(thread) = thread else { return Ok(()) };
    let signals = signals_of(&thread);
    let ((own, shared), (ignored, caught)) = (signals.pending(), signals.ignored_and_caught());
    for (name, set) in [
        ("SigPnd", own),
        ("ShdPnd", shared),
        ("SigBlk", signals.blocked()),
        ("SigIgn", ignored),
        ("SigCgt", caught),
    ] {
        let _ = writeln!(text, "{name}:\t{:016x}", set.bits());
    }
    Ok(())
}

fn syscall(text: &mut Writer, of: &Of, by: &Thread) -> Result<(), Errno> {
    let thread = of.thread().ok_or(Errno::ESRCH)?;
    let own: &ThreadState = thread.host_data();
    let call = own.call.load(Relaxed);
    let _ = match own.task.is_asleep() || core::ptr::eq(&*thread, by) {
        true => writeln!(text, "{call} 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0"),
        false => writeln!(text, "running"),
    };
    Ok(())
}

fn children(text: &mut Writer, of: &Of, viewer: &PidNamespace) -> Result<(), Errno> {
    for child in of.thread().ok_or(Errno::ESRCH)?.children()? {
        let _ = write!(text, "{} ", child.pid_in(viewer));
    }
    Ok(())
}

/// A name, up to its first zero.
fn shown(name: &[u8; 16]) -> &str {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    core::str::from_utf8(&name[..end]).unwrap_or("?")
}

impl File for Text {
    fn read(&self, _: &Thread, at: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let rest = self.0.get(at as usize..).unwrap_or_default();
        let len = rest.len().min(to.len());
        to[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn status(&self) -> Status {
        Status { mode: kind::REGULAR | 0o444, ..Status::default() }
    }

    fn is_seekable(&self) -> bool {
        true
    }
}

/// Text that grows as long as there is memory.
struct Writer {
    text: Vec<u8>,
    is_full: bool,
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.is_full |= append(&mut self.text, text.as_bytes()).is_err();
        Ok(())
    }
}

/// A short text.
#[derive(Default)]
struct Line {
    bytes: [u8; 24],
    len: usize,
}

impl Line {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
