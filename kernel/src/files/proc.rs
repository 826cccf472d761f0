//! `/proc`: what the model knows of processes, and the layer of their signals, as text.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::sync::atomic::Ordering::Relaxed;

use axprocess::{ARef, Errno, RunState};
use axprocess_signals::signals_of;
use linux_raw_sys::general::S_IFDIR;

use super::tree::{Content, Node};
use crate::host::{PidNamespace, Process, Thread};
use crate::machine::SharedPages;
use crate::state::ThreadState;
use crate::thread::table;
use crate::user_memory::append;

/// A file, in the instance of a namespace.
#[derive(Clone)]
pub(crate) struct Entry {
    viewer: ARef<PidNamespace>,
    process: ARef<Process>,
    /// The one that it is about, or the one that leads the process.
    thread: Option<ARef<Thread>>,
    is_of_thread: bool,
    write: Writer,
}

/// Writes a file for a reader.
type Writer = fn(&Entry, &mut Text, &Thread) -> Result<(), Errno>;

const FILES: [(&[u8], Writer); 4] = [
    (b"stat", Entry::stat),
    (b"status", Entry::status),
    (b"syscall", Entry::syscall),
    (b"children", Entry::children),
];

/// What stands at a path. `ENOENT`.
pub(super) fn find(viewer: &ARef<PidNamespace>, by: &Thread, path: &[u8]) -> Result<Node, Errno> {
    let mut names = path.split(|byte| *byte == b'/');
    let pid = match names.next() {
        None | Some(b"") => return Ok(Node::Directory),
        Some(b"self") => by.process().pid_in(viewer),
        Some(name) => number(name).ok_or(Errno::ENOENT)?,
    };
    let process = viewer.find_process(pid).ok_or(Errno::ENOENT)?;
    let (mut thread, mut name) =
        (process.read(|view| view.leader(&process).map(ARef::from)), names.next());
    let is_of_thread = name == Some(b"task");
    if is_of_thread {
        let Some(tid) = names.next() else { return Ok(Node::Directory) };
        thread = number(tid).and_then(|tid| task(viewer, &process, tid));
        name = thread.as_ref().map(|_| names.next()).ok_or(Errno::ENOENT)?;
    }
    match name {
        None => Ok(Node::Directory),
        Some(b"exe") => {
            let program = thread.and_then(|thread| thread.host_data().program.lock().clone());
            program.map(Node::Regular).ok_or(Errno::ENOENT)
        }
        Some(name) => {
            let (_, write) = FILES.iter().find(|(it, _)| *it == name).ok_or(Errno::ENOENT)?;
            let viewer = ARef::clone(viewer);
            Ok(Node::Proc(Entry { viewer, process, thread, is_of_thread, write: *write }))
        }
    }
}

/// A thread that has its number, dead or alive.
fn task(viewer: &PidNamespace, process: &Process, number: u32) -> Option<ARef<Thread>> {
    process.tasks().ok()?.into_iter().find(|thread| thread.tid_in(viewer) == number)
}

/// Tells all processes, from a number on.
pub(super) fn list(
    viewer: &PidNamespace,
    from: u64,
    mut tell: impl FnMut(u64, &[u8], u32) -> bool,
) {
    let mut next = from as u32;
    while let Some((number, _)) = table().next_process(viewer, next) {
        next = number + 1;
        let mut name = Text::default();
        let _ = write!(name, "{number}");
        if !tell(next.into(), &name.bytes, S_IFDIR) {
            return;
        }
    }
}

fn number(name: &[u8]) -> Option<u32> {
    str::from_utf8(name).ok().and_then(|name| name.parse().ok())
}

impl Entry {
    /// The text as it is now. `ESRCH`: whom it is about is gone. `ENOMEM`.
    pub(super) fn open(&self, by: &Thread) -> Result<Content, Errno> {
        let mut text = Text::default();
        (self.write)(self, &mut text, by)?;
        let pages = SharedPages::new()?;
        pages.write(0, &text.bytes)?;
        if text.is_full { Err(Errno::ENOMEM) } else { Ok(Content(pages)) }
    }

    /// The thread, as long as there is one.
    fn thread(&self) -> Result<&ARef<Thread>, Errno> {
        self.thread.as_ref().ok_or(Errno::ESRCH)
    }

    /// The letter of a state.
    fn letter(&self, state: RunState) -> char {
        let task = || self.thread.as_ref().map_or('R', |thread| thread.host_data().task.letter());
        state.letter().unwrap_or_else(task)
    }

    fn name(&self) -> [u8; 16] {
        self.thread.as_ref().map_or([0; 16], |thread| *thread.host_data().name.lock())
    }

    fn stat(&self, text: &mut Text, _: &Thread) -> Result<(), Errno> {
        const PF_EXITING: u32 = 4;
        let told = self.process.stat(&self.viewer).ok_or(Errno::ESRCH)?;
        let (mut pid, mut state, mut exit_signal) =
            (told.pid, told.state, i32::from(told.exit_signal.raw()));
        if self.is_of_thread {
            let thread = self.thread()?;
            (pid, state) = (thread.tid_in(&self.viewer), thread.run_state().ok_or(Errno::ESRCH)?);
            if thread.tid() != self.process.pid() {
                exit_signal = -1;
            }
        }
        let lives = |it: &ARef<Thread>| !it.host_data().is_exiting.load(Relaxed);
        let flags = if self.thread.as_ref().is_some_and(lives) { 0 } else { PF_EXITING };
        let terminal = told.terminal.map(|it| (it.device, i64::from(it.foreground)));
        let (tty, foreground) = terminal.unwrap_or((0, -1));
        let (name, letter) = (self.name(), self.letter(state));
        let _ = write!(text, "{pid} ({}) {letter} {} {}", shown(&name), told.ppid, told.pgrp);
        let _ = write!(text, " {} {tty} {foreground} {flags}", told.session);
        let _ = write!(text, " 0 0 0 0 0 0 0 0 20 0 {}", told.threads);
        // 21 to 37, and 39 to 51.
        const ZEROS: &str = " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
        let _ = writeln!(text, "{ZEROS} {exit_signal}{} {}", &ZEROS[..2 * 13], told.exit_code);
        Ok(())
    }

    fn status(&self, text: &mut Text, _: &Thread) -> Result<(), Errno> {
        let (viewer, thread) = (&self.viewer, self.thread.as_ref());
        let told = self.process.stat(viewer).ok_or(Errno::ESRCH)?;
        let numbers = self.process.namespace_numbers(viewer).ok_or(Errno::ESRCH)?;
        let state = match thread {
            Some(thread) => thread.run_state().ok_or(Errno::ESRCH)?,
            None => told.state,
        };
        let tid = thread.map_or(told.pid, |thread| thread.tid_in(viewer));
        let tracer = thread.and_then(|thread| thread.tracer());
        let tracer = tracer.map_or(0, |tracer| tracer.process().pid_in(viewer));
        let _ = writeln!(text, "Name:\t{}\nState:\t{}", shown(&self.name()), self.letter(state));
        let _ = writeln!(text, "Tgid:\t{}\nPid:\t{tid}\nPPid:\t{}", told.pid, told.ppid);
        let _ = write!(text, "TracerPid:\t{tracer}");
        for (name, levels) in
            [("NStgid", numbers.tgid), ("NSpgid", numbers.pgid), ("NSsid", numbers.sid)]
        {
            let _ = write!(text, "\n{name}:");
            for number in levels.as_slice() {
                let _ = write!(text, "\t{number}");
            }
        }
        let _ = writeln!(text, "\nThreads:\t{}", told.threads);
        let Some(thread) = thread else { return Ok(()) };
        let signals = signals_of(thread);
        let ((own, shared), (ignored, caught)) = (signals.pending(), signals.ignored_and_caught());
        let sets = [own, shared, signals.blocked(), ignored, caught];
        for (name, set) in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"].into_iter().zip(sets)
        {
            let _ = writeln!(text, "{name}:\t{:016x}", set.bits());
        }
        Ok(())
    }

    fn syscall(&self, text: &mut Text, by: &Thread) -> Result<(), Errno> {
        let thread = self.thread()?;
        let own: &ThreadState = thread.host_data();
        let _ = match own.task.is_asleep() || core::ptr::eq(&**thread, by) {
            true => writeln!(text, "{} 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0", own.call.load(Relaxed)),
            false => writeln!(text, "running"),
        };
        Ok(())
    }

    fn children(&self, text: &mut Text, _: &Thread) -> Result<(), Errno> {
        for child in self.thread()?.children()? {
            let _ = write!(text, "{} ", child.pid_in(&self.viewer));
        }
        Ok(())
    }
}

/// A name, up to its first zero.
fn shown(name: &[u8; 16]) -> &str {
    let name = name.split(|byte| *byte == 0).next();
    name.and_then(|name| str::from_utf8(name).ok()).unwrap_or("?")
}

/// Text that grows as long as there is memory.
#[derive(Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.is_full |= append(&mut self.bytes, text.as_bytes()).is_err();
        Ok(())
    }
}
