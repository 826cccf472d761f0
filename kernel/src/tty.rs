//! Terminals: the line discipline between what is typed and who reads it, the serial console, pseudo-terminals.
//!
//! Whose terminal it is, who may use it and who is signalled is the model's: [`Terminal`], whose data a [`Line`] is.
//!
//! | file | reads | writes |
//! | --- | --- | --- |
//! | [`Slave`] | what was typed, in lines unless the program wants it raw | to the screen |
//! | [`Master`] | what is on the screen | types |

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::slice::from_ref;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use axprocess::{
    ARef, AcquireTerminal, AdminRight, Errno, IfTaken, Signal, TerminalAccess, TerminalFile,
    TerminalKind, TerminalSide,
};
use axprocess_signals::signals_of;
use linux_raw_sys::general::*;
use linux_raw_sys::ioctl::*;
use zerocopy::IntoBytes;

use crate::call::{Answer, Call, Failure, ensure, nothing};
use crate::files::{File, OpenFile, READABLE, Status, WRITABLE, take};
use crate::host::{Terminal, Thread};
use crate::machine::{self, IrqLock};
use crate::thread::table;
use crate::user_memory::boxed;
use crate::wait::{self, Key};

/// So much waits to be read, on either side.
const CAPACITY: usize = 4096;
/// The numbers of devices: of the console, of the one that makes pseudo-terminals, of the first of those.
pub(crate) const CONSOLE: u32 = 0x440;
pub(crate) const PTMX: u32 = 0x502;
const PSEUDO: u32 = 0x8800;

/// The terminal that is the machine's own.
static MACHINE: IrqLock<Option<ARef<Terminal>>> = IrqLock::new(None);
static NEXT_PSEUDO: AtomicU32 = AtomicU32::new(0);

/// A terminal, as far as the model does not know it.
pub(crate) struct Line {
    input: IrqLock<Input>,
    /// What its other side has not read; none: the serial line shows it at once.
    screen: Option<IrqLock<VecDeque<u8>>>,
    /// How often all open files have become dead.
    hang_ups: AtomicU32,
    slaves: AtomicU32,
    is_master_closed: AtomicBool,
}

struct Input {
    settings: Settings,
    /// What was typed; [`END`] stands for an end of file.
    typed: VecDeque<u16>,
    /// So much of it are whole lines.
    complete: usize,
}

const END: u16 = 0x100;

/// `struct termios` of the kernel: four words of flags, the discipline, and the characters that do something.
#[derive(Clone, Copy)]
struct Settings([u32; 9]);

impl Settings {
    const INPUT: usize = 0;
    const OUTPUT: usize = 1;
    const LOCAL: usize = 3;
    const CHARACTERS: usize = 17;

    fn initial() -> Self {
        let mut settings = Self([ICRNL, OPOST | ONLCR, 0xbf, 0x8a3b, 0, 0, 0, 0, 0]);
        let characters = [3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0xf, 0x17];
        let place = &mut settings.0.as_mut_bytes()[Self::CHARACTERS..];
        place[..characters.len()].copy_from_slice(&characters);
        settings
    }

    fn has(&self, flag: u32) -> bool {
        self.0[Self::LOCAL] & flag != 0
    }

    fn ends_lines_twice(&self) -> bool {
        !self.0[Self::OUTPUT] & (OPOST | ONLCR) == 0
    }

    fn character(&self, which: u32) -> u8 {
        self.0.as_bytes()[Self::CHARACTERS + which as usize]
    }

    fn is(&self, which: u32, byte: u8) -> bool {
        byte != 0 && self.character(which) == byte
    }
}

/// Makes the terminal of the machine; returns an open file of it. `ENOMEM`.
pub(crate) fn boot() -> Result<Slave, Errno> {
    let terminal = table().new_terminal(TerminalKind::Other, CONSOLE, Line::new(None)?)?;
    *MACHINE.lock() = Some(ARef::clone(&terminal));
    Ok(Slave::of_kernel(terminal))
}

/// Somebody types a byte at the machine. In the interrupt.
pub(crate) fn type_at_console(byte: u8) {
    let terminal = MACHINE.lock().clone();
    if let Some(terminal) = terminal {
        type_in(&terminal, byte);
    }
}

/// Opens the terminal of the machine.
pub(crate) fn open_console(by: &Thread, how: u32) -> Result<Box<dyn File>, Errno> {
    Slave::open(by, MACHINE.lock().clone(), how)
}

/// Opens the caller's controlling terminal.
pub(crate) fn open_own(by: &Thread, how: u32) -> Result<Box<dyn File>, Errno> {
    Slave::open(by, by.process().controlling_terminal(), how)
}

/// Makes a pseudo-terminal.
pub(crate) fn open_pseudo(_: &Thread, _: u32) -> Result<Box<dyn File>, Errno> {
    let mut shown = VecDeque::new();
    shown.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
    let line = Line::new(Some(IrqLock::new(shown)))?;
    let device = PSEUDO + (NEXT_PSEUDO.fetch_add(1, Relaxed) & 0xff);
    Ok(boxed(Master(table().new_terminal(TerminalKind::PseudoTerminal, device, line)?))?)
}

impl Line {
    fn new(screen: Option<IrqLock<VecDeque<u8>>>) -> Result<Self, Errno> {
        let mut typed = VecDeque::new();
        typed.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
        let input = IrqLock::new(Input { settings: Settings::initial(), typed, complete: 0 });
        let [hang_ups, slaves] = [const { AtomicU32::new(0) }; 2];
        Ok(Self { input, screen, hang_ups, slaves, is_master_closed: AtomicBool::new(false) })
    }

    /// All files that are open now are dead from here on.
    pub(crate) fn kill_files(&self) {
        self.hang_ups.fetch_add(1, Relaxed);
        self.wake_all();
    }

    fn wake_all(&self) {
        wait::wake_all(Key::of(self));
    }

    /// Puts bytes on the screen as they are, as long as there is room.
    fn put(&self, bytes: &[u8]) {
        match &self.screen {
            None => machine::console_write(bytes),
            Some(screen) => {
                let mut shown = screen.lock();
                let room = CAPACITY - shown.len();
                shown.extend(bytes.iter().take(room));
            }
        }
    }

    fn has_room(&self) -> bool {
        self.screen.as_ref().is_none_or(|shown| shown.lock().len() + 1 < CAPACITY)
    }

    /// Puts bytes on the screen that a program has written: how many had room.
    fn write(&self, bytes: &[u8]) -> usize {
        let ends_twice = self.input.lock().settings.ends_lines_twice();
        for (done, byte) in bytes.iter().enumerate() {
            if !self.has_room() {
                return done;
            }
            self.put(if ends_twice && *byte == b'\n' { b"\r\n" } else { from_ref(byte) });
        }
        bytes.len()
    }

    /// Reads what was typed: up to the end of a line, or what there is.
    fn read(&self, to: &mut [u8]) -> Result<usize, Errno> {
        let mut input = self.input.lock();
        let is_canonical = input.settings.has(ICANON);
        let ready = input.ready();
        if ready == 0 {
            let waits = is_canonical || input.settings.character(VMIN) > 0;
            return if waits { Err(Errno::EAGAIN) } else { Ok(0) };
        }
        let mut len = 0;
        for place in to.iter_mut().take(ready) {
            let Some(character) = input.typed.pop_front() else { break };
            input.complete = input.complete.saturating_sub(1);
            if character == END {
                break;
            }
            *place = character as u8;
            len += 1;
            if is_canonical && *place == b'\n' {
                break;
            }
        }
        Ok(len)
    }

    /// Takes a byte that was typed. The signal that it makes, if it is a key for that.
    fn receive(&self, byte: u8) -> Option<Signal> {
        let mut input = self.input.lock();
        let settings = input.settings;
        let byte = match byte {
            b'\r' if settings.0[Settings::INPUT] & ICRNL != 0 => b'\n',
            byte => byte,
        };
        let keys = [(VINTR, Signal::SIGINT), (VQUIT, Signal::SIGQUIT), (VSUSP, Signal::SIGTSTP)];
        let key = keys.into_iter().find(|(key, _)| settings.is(*key, byte));
        if let Some((_, signal)) = key.filter(|_| settings.has(ISIG)) {
            if !settings.has(NOFLSH) {
                input.flush();
            }
            self.echo(&settings, byte);
            return Some(signal);
        }
        let room = CAPACITY - input.typed.len();
        if !settings.has(ICANON) {
            if room > 0 {
                input.typed.push_back(byte.into());
                self.echo(&settings, byte);
            }
        } else if settings.is(VERASE, byte) {
            self.erase(&mut input);
        } else if settings.is(VKILL, byte) {
            while self.erase(&mut input) {}
        } else if settings.is(VEOF, byte) && room > 0 {
            input.typed.push_back(END);
            input.complete = input.typed.len();
        } else if room > 2 || byte == b'\n' && room > 0 {
            // A line that has begun always has room for its end.
            input.typed.push_back(byte.into());
            if byte == b'\n' {
                input.complete = input.typed.len();
            }
            self.echo(&settings, byte);
        }
        None
    }

    fn echo(&self, settings: &Settings, byte: u8) {
        if !settings.has(ECHO) {
            return;
        }
        let shows_control = settings.has(ECHOCTL) && !matches!(byte, b'\t' | b'\n');
        match byte {
            b'\n' if settings.ends_lines_twice() => self.put(b"\r\n"),
            0x7f if shows_control => self.put(b"^?"),
            ..0x20 if shows_control => self.put(&[b'^', byte | 0x40]),
            byte => self.put(&[byte]),
        }
    }

    /// Takes back the last character of the line that is being typed. False: there is none.
    fn erase(&self, input: &mut Input) -> bool {
        if input.typed.len() == input.complete {
            return false;
        }
        let erased = input.typed.pop_back();
        if input.settings.has(ECHO) && input.settings.has(ECHOE) {
            let is_control = erased.is_some_and(|it| it < 0x20) && input.settings.has(ECHOCTL);
            self.put(if is_control { b"\x08 \x08\x08 \x08" } else { b"\x08 \x08" });
        }
        true
    }
}

impl Input {
    /// So much can be read.
    fn ready(&self) -> usize {
        if self.settings.has(ICANON) { self.complete } else { self.typed.len() }
    }

    fn flush(&mut self) {
        self.typed.clear();
        self.complete = 0;
    }
}

/// Somebody types a byte. For interrupt handlers too.
fn type_in(terminal: &Terminal, byte: u8) {
    let line = terminal.host_data();
    if let Some(signal) = line.receive(byte) {
        terminal.signal_foreground(signal);
    }
    line.wake_all();
}

/// An open file of a terminal.
pub(crate) struct Slave {
    terminal: ARef<Terminal>,
    /// As it was opened: a hang-up later makes it dead.
    hang_ups: u32,
    access: TerminalFile,
}

/// The other side of a pseudo-terminal.
struct Master(ARef<Terminal>);

impl Slave {
    /// Opens a terminal, which may become the caller's by that. `ENXIO`: there is none. `EIO`: there is no other side any more.
    fn open(
        by: &Thread,
        terminal: Option<ARef<Terminal>>,
        how: u32,
    ) -> Result<Box<dyn File>, Errno> {
        let mut slave = Self::of_kernel(terminal.ok_or(Errno::ENXIO)?);
        let is_dead = slave.terminal.host_data().is_master_closed.load(Relaxed);
        ensure(!is_dead, Errno::EIO)?;
        if how & O_ACCMODE == O_WRONLY {
            slave.access = TerminalFile::WriteOnly;
        }
        if how & O_NOCTTY == 0 {
            by.process().open_terminal(&slave.terminal, slave.access);
        }
        Ok(boxed(slave)?)
    }

    /// Opens a terminal for nobody.
    fn of_kernel(terminal: ARef<Terminal>) -> Self {
        let line = terminal.host_data();
        line.slaves.fetch_add(1, Relaxed);
        let hang_ups = line.hang_ups.load(Relaxed);
        Self { terminal, hang_ups, access: TerminalFile::Readable }
    }

    /// Its line, unless it is dead.
    fn line(&self) -> Option<&Line> {
        Some(self.terminal.host_data()).filter(|line| line.hang_ups.load(Relaxed) == self.hang_ups)
    }

    /// Asks whether a process may use the terminal; it may get a signal for that.
    fn check(&self, by: &Thread, access: TerminalAccess) -> Result<(), Failure> {
        let signal = match access {
            TerminalAccess::Read => Signal::SIGTTIN,
            _ => Signal::SIGTTOU,
        };
        let stop_signal = signals_of(by).stop_signal(signal);
        let answer = by.process().check_terminal_access(&self.terminal, access, stop_signal)?;
        Call::go_on(answer)
    }
}

impl Drop for Slave {
    fn drop(&mut self) {
        let line = self.terminal.host_data();
        line.slaves.fetch_sub(1, Relaxed);
        line.wake_all();
    }
}

impl File for Slave {
    fn read(&self, by: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let Some(line) = self.line() else { return Ok(0) };
        self.check(by, TerminalAccess::Read)?;
        Ok(line.read(to)?)
    }

    fn write(&self, by: &Thread, from: &[u8]) -> Result<usize, Failure> {
        let line = self.line().ok_or(Errno::EIO)?;
        if line.input.lock().settings.has(TOSTOP) {
            self.check(by, TerminalAccess::WriteWithTostop)?;
        }
        let written = line.write(from);
        ensure(written > 0 || from.is_empty(), Errno::EAGAIN)?;
        line.wake_all();
        Ok(written)
    }

    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let Some(line) = self.line() else { return (READABLE | WRITABLE | POLLHUP, None) };
        let readable = if line.input.lock().ready() > 0 { READABLE } else { 0 };
        (readable | if line.has_room() { WRITABLE } else { 0 }, Some(Key::of(line)))
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        if self.line().is_none() {
            let errno = if request == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO };
            return Err(errno.into());
        }
        if matches!(request, TCSETS..=TCSETSF | TCFLSH) {
            self.check(call.thread, TerminalAccess::Change)?;
        }
        ioctl(&self.terminal, TerminalSide::Slave, self.access, call, request, argument)
    }

    fn status(&self) -> Status {
        Status { device: self.terminal.device(), ..Status::of_kind(S_IFCHR | 0o620) }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.0.host_data().is_master_closed.store(true, Relaxed);
        self.0.host_data().kill_files();
        self.0.hang_up();
    }
}

impl File for Master {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let line = self.0.host_data();
        let len = take(&mut line.screen.as_ref().ok_or(Errno::EIO)?.lock(), to);
        if len == 0 && !to.is_empty() {
            // As on Linux, it ends when the last one on the other side has.
            let is_left = line.slaves.load(Relaxed) > 0;
            return Err(if is_left { Errno::EAGAIN } else { Errno::EIO }.into());
        }
        line.wake_all();
        Ok(len)
    }

    fn write(&self, _: &Thread, from: &[u8]) -> Result<usize, Failure> {
        from.iter().for_each(|byte| type_in(&self.0, *byte));
        Ok(from.len())
    }

    fn poll(&self, _: &Thread) -> (u32, Option<Key>) {
        let line = self.0.host_data();
        let has_more = line.screen.as_ref().is_some_and(|shown| !shown.lock().is_empty());
        let is_left = line.slaves.load(Relaxed) > 0;
        let ready = if has_more { READABLE } else { 0 } | if is_left { 0 } else { POLLHUP };
        (WRITABLE | ready, Some(Key::of(line)))
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        match request {
            // There is no name by which anybody else could open it: it needs no lock.
            TIOCSPTLCK => nothing(call.space()?.get::<i32>(argument).map(drop)),
            TIOCGPTPEER => {
                let how = argument as u32;
                let slave = Slave::open(call.thread, Some(ARef::clone(&self.0)), how)?;
                call.install(OpenFile::with(slave, how)?, how & O_CLOEXEC != 0)
            }
            TIOCSIG => {
                let known = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP];
                let signal = known.into_iter().find(|it| u64::from(it.number()) == argument);
                self.0.signal_foreground(signal.ok_or(Errno::EINVAL)?);
                Ok(0)
            }
            _ => {
                let access = TerminalFile::Readable;
                ioctl(&self.0, TerminalSide::Master, access, call, request, argument)
            }
        }
    }
}

/// What can be asked of both sides.
fn ioctl(
    terminal: &ARef<Terminal>,
    side: TerminalSide,
    access: TerminalFile,
    call: &Call<'_>,
    request: u32,
    argument: u64,
) -> Answer {
    let (space, process, line) = (call.space()?, call.thread.process(), terminal.host_data());
    nothing(match request {
        TCGETS => {
            let settings = line.input.lock().settings;
            space.put(argument, &settings.0)
        }
        TCSETS | TCSETSW | TCSETSF => {
            let new = Settings(space.get(argument)?);
            let mut input = line.input.lock();
            if request == TCSETSF {
                input.flush();
            }
            // What was typed before counts as it is read from now on.
            if input.settings.has(ICANON) != new.has(ICANON) {
                input.complete = input.typed.len();
            }
            input.settings = new;
            drop(input);
            line.wake_all();
            Ok(())
        }
        TCFLSH if argument > u64::from(TCIOFLUSH) => Err(Errno::EINVAL),
        // Output is gone as soon as it is written.
        TCFLSH => {
            if [TCIFLUSH, TCIOFLUSH].contains(&(argument as u32)) {
                line.input.lock().flush();
            }
            Ok(())
        }
        TIOCSCTTY => {
            let if_taken = if argument == 1 { IfTaken::Steal } else { IfTaken::Refuse };
            let right = AdminRight::Present;
            let wanted = AcquireTerminal { file: access, if_taken, right };
            process.acquire_terminal(terminal, wanted).map(drop)
        }
        TIOCNOTTY => process.release_terminal(terminal, side).map(drop),
        TIOCGPGRP => space.put(argument, &process.tcgetpgrp(terminal, side)?),
        TIOCSPGRP => {
            let stop_signal = call.signals().stop_signal(Signal::SIGTTOU);
            let pgid = space.get(argument);
            Call::go_on(process.tcsetpgrp(terminal, pgid, stop_signal)?)?;
            Ok(())
        }
        TIOCGSID => space.put(argument, &process.tcgetsid(terminal, side)?),
        // Rows and columns.
        TIOCGWINSZ => space.put(argument, &[24_u16, 80, 0, 0]),
        _ => Err(Errno::ENOTTY),
    })
}
