//! Terminals: the line discipline between what is typed and who reads it, the serial console, pseudo-terminals.
//!
//! Whose terminal it is, who may use it and who is signalled is the model's: [`Terminal`], whose data a [`Line`] is.
//!
//! | file | reads | writes |
//! | --- | --- | --- |
//! | [`Slave`] | what was typed, in lines unless the program wants it raw | to the screen |
//! | [`Master`] | what is on the screen | types |

use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use axprocess::{
    ARef, AcquireTerminal, AdminRight, Errno, IfTaken, Signal, TerminalAccess, TerminalFile,
    TerminalKind, TerminalSide,
};
use axprocess_signals::signals_of;

use crate::call::{Answer, Call, Failure, nothing};
use crate::files::{File, OpenFile, POLLHUP, READABLE, Status, WRITABLE, flags, kind};
use crate::host::{Table, Terminal, Thread};
use crate::machine::{self, IrqLock};
use crate::user_memory::boxed;
use crate::wait_queue::WaitQueue;

/// So much waits to be read, on either side.
const CAPACITY: usize = 4096;
/// The number of the console as a device.
const CONSOLE: u32 = 0x440;
/// That of the first pseudo-terminal.
const PSEUDO: u32 = 0x8800;

/// The terminal that is the machine's own.
static MACHINE: IrqLock<Option<ARef<Terminal>>> = IrqLock::new(None);
static NEXT_PSEUDO: AtomicU32 = AtomicU32::new(0);

/// A terminal, as far as the model does not know it.
pub(crate) struct Line {
    input: IrqLock<Input>,
    screen: Screen,
    /// Who waits for either side.
    queue: WaitQueue,
    /// How often all open files have become dead.
    hang_ups: AtomicU32,
    slaves: AtomicU32,
    is_master_closed: AtomicBool,
}

/// Where output goes.
enum Screen {
    Serial,
    Master(IrqLock<VecDeque<u8>>),
}

struct Input {
    settings: Settings,
    /// Rows and columns, and the same in pixels.
    size: u64,
    /// What was typed; [`END`] stands for an end of file.
    typed: VecDeque<u16>,
    /// So much of it are whole lines.
    complete: usize,
}

const END: u16 = 0x100;

/// `struct termios` of the kernel.
#[derive(Clone, Copy)]
struct Settings {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    discipline: u8,
    characters: [u8; 19],
}

const IGNCR: u32 = 0x80;
const ICRNL: u32 = 0x100;
const INLCR: u32 = 0x40;
const OPOST: u32 = 1;
const ONLCR: u32 = 4;
const ISIG: u32 = 1;
const ICANON: u32 = 2;
const ECHO: u32 = 8;
const ECHOE: u32 = 0x10;
const ECHOK: u32 = 0x20;
const ECHONL: u32 = 0x40;
const NOFLSH: u32 = 0x80;
const TOSTOP: u32 = 0x100;
const ECHOCTL: u32 = 0x200;

const VINTR: usize = 0;
const VQUIT: usize = 1;
const VERASE: usize = 2;
const VKILL: usize = 3;
const VEOF: usize = 4;
const VMIN: usize = 6;
const VSUSP: usize = 10;
const VEOL: usize = 11;
const VWERASE: usize = 14;

impl Settings {
    const SIZE: usize = 36;
    const DEFAULT: Self = Self {
        input: ICRNL,
        output: OPOST | ONLCR,
        control: 0xbf,
        local: 0x8a3b,
        discipline: 0,
        characters: [
            3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0xf, 0x17, 0x16, 0, 0, 0,
        ],
    };

    fn has(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    fn is(&self, character: usize, byte: u8) -> bool {
        byte != 0 && self.characters[character] == byte
    }

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let words = [self.input, self.output, self.control, self.local];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes[16] = self.discipline;
        bytes[17..].copy_from_slice(&self.characters);
        bytes
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let word = |at: usize| {
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut characters = [0; 19];
        characters.copy_from_slice(&bytes[17..]);
        Self {
            input: word(0),
            output: word(4),
            control: word(8),
            local: word(12),
            discipline: bytes[16],
            characters,
        }
    }
}

/// Makes the terminal of the machine, and has it take what is typed there.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn boot(table: &Table) -> Result<ARef<Terminal>, Errno> {
    let line = Line::new(Screen::Serial)?;
    let terminal = table.new_terminal(TerminalKind::Other, CONSOLE, line)?;
    *MACHINE.lock() = Some(ARef::clone(&terminal));
    machine::set_console_reader(|byte| {
        let terminal = MACHINE.lock().clone();
        if let Some(terminal) = terminal {
            type_in(&terminal, byte);
        }
    });
    Ok(terminal)
}

impl Line {
    fn new(screen: Screen) -> Result<Self, Errno> {
        let mut typed = VecDeque::new();
        typed.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
        let size = u64::from_ne_bytes([24, 0, 80, 0, 0, 0, 0, 0]);
        let input = Input { settings: Settings::DEFAULT, size, typed, complete: 0 };
        Ok(Self {
            input: IrqLock::new(input),
            screen,
            queue: WaitQueue::new()?,
            hang_ups: AtomicU32::new(0),
            slaves: AtomicU32::new(0),
            is_master_closed: AtomicBool::new(false),
        })
    }

    /// All files that are open now are dead from here on.
    pub(crate) fn kill_files(&self) {
        self.hang_ups.fetch_add(1, Relaxed);
        self.queue.wake_all();
    }

    /// Puts bytes on the screen as they are: how many had room.
    fn put(&self, bytes: &[u8]) -> usize {
        match &self.screen {
            Screen::Serial => {
                machine::console_write(bytes);
                bytes.len()
            }
            Screen::Master(shown) => {
                let mut shown = shown.lock();
                let len = bytes.len().min(CAPACITY - shown.len());
                shown.extend(&bytes[..len]);
                len
            }
        }
    }

    fn has_room(&self) -> bool {
        match &self.screen {
            Screen::Serial => true,
            Screen::Master(shown) => shown.lock().len() + 1 < CAPACITY,
        }
    }

    /// Puts bytes on the screen that a program has written.
    fn write(&self, bytes: &[u8]) -> usize {
        let output = self.input.lock().settings.output;
        if output & (OPOST | ONLCR) != OPOST | ONLCR {
            return self.put(bytes);
        }
        let mut done = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let put = self.put(text);
            done += put;
            if put < text.len() {
                break;
            }
            if text.len() < line.len() {
                if !self.has_room() {
                    break;
                }
                self.put(b"\r\n");
                done += 1;
            }
        }
        done
    }

    /// Reads what was typed: up to the end of a line, or what there is.
    fn read(&self, to: &mut [u8]) -> Result<usize, Errno> {
        let mut input = self.input.lock();
        let is_canonical = input.settings.has(ICANON);
        let ready = if is_canonical { input.complete } else { input.typed.len() };
        if ready == 0 {
            let waits = is_canonical || input.settings.characters[VMIN] > 0;
            return if waits { Err(Errno::EAGAIN) } else { Ok(0) };
        }
        let mut len = 0;
        for _ in 0..ready {
            if len == to.len() {
                break;
            }
            let Some(character) = input.typed.pop_front() else { break };
            input.complete = input.complete.saturating_sub(1);
            if character == END {
                break;
            }
            to[len] = character as u8;
            len += 1;
            if is_canonical && is_end_of_line(&input.settings, character as u8) {
                break;
            }
        }
        Ok(len)
    }

    fn is_readable(&self) -> bool {
        let input = self.input.lock();
        match input.settings.has(ICANON) {
            true => input.complete > 0,
            false => !input.typed.is_empty(),
        }
    }

    fn flush_input(&self) {
        let mut input = self.input.lock();
        input.typed.clear();
        input.complete = 0;
    }

    /// Takes a byte that was typed. The signal that it makes, if it is a key for that.
    fn receive(&self, byte: u8) -> Option<Signal> {
        let mut input = self.input.lock();
        let settings = input.settings;
        let byte = match byte {
            b'\r' if settings.input & IGNCR != 0 => return None,
            b'\r' if settings.input & ICRNL != 0 => b'\n',
            b'\n' if settings.input & INLCR != 0 => b'\r',
            byte => byte,
        };
        if settings.has(ISIG) {
            let keys =
                [(VINTR, Signal::SIGINT), (VQUIT, Signal::SIGQUIT), (VSUSP, Signal::SIGTSTP)];
            if let Some((_, signal)) = keys.iter().find(|(key, _)| settings.is(*key, byte)) {
                if !settings.has(NOFLSH) {
                    input.typed.clear();
                    input.complete = 0;
                }
                self.echo(&settings, byte);
                return Some(*signal);
            }
        }
        if !settings.has(ICANON) {
            if input.typed.len() < CAPACITY {
                input.typed.push_back(byte.into());
                self.echo(&settings, byte);
            }
            return None;
        }
        if settings.is(VERASE, byte) {
            self.erase(&mut input);
        } else if settings.is(VWERASE, byte) {
            while input.last_of_line() == Some(b' ') {
                self.erase(&mut input);
            }
            while input.last_of_line().is_some_and(|it| it != b' ') {
                self.erase(&mut input);
            }
        } else if settings.is(VKILL, byte) {
            while input.last_of_line().is_some() {
                self.erase(&mut input);
            }
            if settings.has(ECHOK) && !settings.has(ECHOE) {
                self.put(b"\r\n");
            }
        } else if settings.is(VEOF, byte) {
            input.typed.push_back(END);
            input.complete = input.typed.len();
        } else if is_end_of_line(&settings, byte) {
            input.typed.push_back(byte.into());
            input.complete = input.typed.len();
            if settings.has(ECHO) || byte == b'\n' && settings.has(ECHONL) {
                self.echo(&Settings { local: settings.local | ECHO, ..settings }, byte);
            }
        } else if input.typed.len() + 2 < CAPACITY {
            // There is always room for the end of the line.
            input.typed.push_back(byte.into());
            self.echo(&settings, byte);
        } else {
            self.put(b"\x07");
        }
        None
    }

    fn echo(&self, settings: &Settings, byte: u8) {
        if !settings.has(ECHO) {
            return;
        }
        let shows_control = settings.has(ECHOCTL) && !matches!(byte, b'\t' | b'\n');
        match byte {
            b'\n' if settings.output & (OPOST | ONLCR) == OPOST | ONLCR => self.put(b"\r\n"),
            0x7f if shows_control => self.put(b"^?"),
            ..0x20 if shows_control => self.put(&[b'^', byte | 0x40]),
            byte => self.put(&[byte]),
        };
    }

    fn erase(&self, input: &mut Input) {
        let Some(erased) = input.last_of_line() else { return };
        input.typed.pop_back();
        if input.settings.has(ECHO) && input.settings.has(ECHOE) {
            let is_control = erased < 0x20 && input.settings.has(ECHOCTL);
            self.put(if is_control { b"\x08 \x08\x08 \x08" } else { b"\x08 \x08" });
        }
    }
}

impl Input {
    /// The last character of the line that is being typed.
    fn last_of_line(&self) -> Option<u8> {
        if self.typed.len() > self.complete { self.typed.back().map(|it| *it as u8) } else { None }
    }
}

fn is_end_of_line(settings: &Settings, byte: u8) -> bool {
    byte == b'\n' || settings.is(VEOL, byte)
}

/// Somebody types a byte. For interrupt handlers too.
fn type_in(terminal: &Terminal, byte: u8) {
    let line = terminal.host_data();
    if let Some(signal) = line.receive(byte) {
        terminal.signal_foreground(signal);
    }
    line.queue.wake_all();
}

/// An open file of a terminal.
pub(crate) struct Slave {
    terminal: ARef<Terminal>,
    /// As it was opened: a hang-up later makes it dead.
    hang_ups: u32,
    access: TerminalFile,
}

/// The other side of a pseudo-terminal.
pub(crate) struct Master {
    terminal: ARef<Terminal>,
    number: u32,
}

impl Slave {
    /// Opens a terminal, which may become the caller's by that.
    ///
    /// # Errors
    ///
    /// `EIO`: there is no other side any more.
    pub(crate) fn open(by: &Thread, terminal: &ARef<Terminal>, how: u32) -> Result<Self, Errno> {
        let line = terminal.host_data();
        if line.is_master_closed.load(Relaxed) {
            return Err(Errno::EIO);
        }
        let access = match how & flags::ACCESS {
            flags::WRITE_ONLY => TerminalFile::WriteOnly,
            _ => TerminalFile::Readable,
        };
        let mut slave = Self::of_kernel(terminal);
        slave.access = access;
        if how & flags::NOCTTY == 0 {
            by.process().open_terminal(terminal, access);
        }
        Ok(slave)
    }

    /// Opens a terminal for nobody.
    pub(crate) fn of_kernel(terminal: &ARef<Terminal>) -> Self {
        let line = terminal.host_data();
        line.slaves.fetch_add(1, Relaxed);
        let (terminal, hang_ups) = (ARef::clone(terminal), line.hang_ups.load(Relaxed));
        Self { terminal, hang_ups, access: TerminalFile::Readable }
    }

    fn line(&self) -> &Line {
        self.terminal.host_data()
    }

    fn is_dead(&self) -> bool {
        self.line().hang_ups.load(Relaxed) != self.hang_ups
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
        self.line().slaves.fetch_sub(1, Relaxed);
        self.line().queue.wake_all();
    }
}

impl File for Slave {
    fn read(&self, by: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        if self.is_dead() {
            return Ok(0);
        }
        self.check(by, TerminalAccess::Read)?;
        Ok(self.line().read(to)?)
    }

    fn write(&self, by: &Thread, _: u64, from: &[u8]) -> Result<usize, Failure> {
        if self.is_dead() {
            return Err(Errno::EIO.into());
        }
        if self.line().input.lock().settings.has(TOSTOP) {
            self.check(by, TerminalAccess::WriteWithTostop)?;
        }
        match self.line().write(from) {
            0 if !from.is_empty() => Err(Errno::EAGAIN.into()),
            written => {
                self.line().queue.wake_all();
                Ok(written)
            }
        }
    }

    fn poll(&self, _: &Thread) -> u32 {
        if self.is_dead() {
            return READABLE | WRITABLE | POLLHUP;
        }
        let readable = if self.line().is_readable() { READABLE } else { 0 };
        readable | if self.line().has_room() { WRITABLE } else { 0 }
    }

    fn queue(&self, _: &Thread) -> Option<WaitQueue> {
        Some(self.line().queue.clone())
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        const TCSETS: u32 = 0x5402;
        const TCSETSF: u32 = 0x5404;
        const TCFLSH: u32 = 0x540b;
        const TIOCSPGRP: u32 = 0x5410;
        if self.is_dead() {
            let errno = if request == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO };
            return Err(errno.into());
        }
        if matches!(request, TCSETS..=TCSETSF | TCFLSH) {
            self.check(call.thread, TerminalAccess::Change)?;
        }
        ioctl(&self.terminal, TerminalSide::Slave, self.access, call, request, argument)
    }

    fn status(&self) -> Status {
        Status {
            mode: kind::CHARACTERS | 0o620,
            device: self.terminal.device(),
            ..Status::default()
        }
    }
}

impl Master {
    /// Makes a pseudo-terminal.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn make(table: &Table) -> Result<Self, Errno> {
        let mut shown = VecDeque::new();
        shown.try_reserve_exact(CAPACITY).map_err(|_| Errno::ENOMEM)?;
        let line = Line::new(Screen::Master(IrqLock::new(shown)))?;
        let number = NEXT_PSEUDO.fetch_add(1, Relaxed) & 0xff;
        let terminal = table.new_terminal(TerminalKind::PseudoTerminal, PSEUDO + number, line)?;
        Ok(Self { terminal, number })
    }

    fn line(&self) -> &Line {
        self.terminal.host_data()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.line().is_master_closed.store(true, Relaxed);
        self.line().kill_files();
        self.terminal.hang_up();
    }
}

impl File for Master {
    fn read(&self, _: &Thread, _: u64, to: &mut [u8]) -> Result<usize, Failure> {
        let Screen::Master(shown) = &self.line().screen else { return Ok(0) };
        let mut shown = shown.lock();
        let len = to.len().min(shown.len());
        for (place, byte) in to.iter_mut().zip(shown.drain(..len)) {
            *place = byte;
        }
        drop(shown);
        if len == 0 && !to.is_empty() {
            // As on Linux, it ends when the last one on the other side has.
            let is_left = self.line().slaves.load(Relaxed) > 0;
            return Err(if is_left { Errno::EAGAIN } else { Errno::EIO }.into());
        }
        self.line().queue.wake_all();
        Ok(len)
    }

    fn write(&self, _: &Thread, _: u64, from: &[u8]) -> Result<usize, Failure> {
        from.iter().for_each(|byte| type_in(&self.terminal, *byte));
        Ok(from.len())
    }

    fn poll(&self, _: &Thread) -> u32 {
        let Screen::Master(shown) = &self.line().screen else { return 0 };
        let readable = if shown.lock().is_empty() { 0 } else { READABLE };
        let is_left = self.line().slaves.load(Relaxed) > 0;
        readable | WRITABLE | if is_left { 0 } else { POLLHUP }
    }

    fn queue(&self, _: &Thread) -> Option<WaitQueue> {
        Some(self.line().queue.clone())
    }

    fn ioctl(&self, call: &Call<'_>, request: u32, argument: u64) -> Answer {
        const TIOCGPTN: u32 = 0x8004_5430;
        const TIOCSPTLCK: u32 = 0x4004_5431;
        const TIOCGPTPEER: u32 = 0x5441;
        const TIOCSIG: u32 = 0x4004_5436;
        match request {
            TIOCGPTN => nothing(call.space()?.put_word32(argument, self.number)),
            // There is no name by which anybody else could open it: it needs no lock.
            TIOCSPTLCK => call.space()?.word32(argument).map(|_| 0).map_err(Failure::from),
            TIOCGPTPEER => {
                let how = argument as u32;
                let slave = Slave::open(call.thread, &self.terminal, how)?;
                call.install(OpenFile::with(boxed(slave)?, how)?, how & flags::CLOEXEC != 0)
            }
            TIOCSIG => {
                let known = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP];
                let signal = known.into_iter().find(|it| u64::from(it.number()) == argument);
                self.terminal.signal_foreground(signal.ok_or(Errno::EINVAL)?);
                Ok(0)
            }
            _ => {
                let access = TerminalFile::Readable;
                ioctl(&self.terminal, TerminalSide::Master, access, call, request, argument)
            }
        }
    }

    fn status(&self) -> Status {
        Status { mode: kind::CHARACTERS | 0o666, device: 0x502, ..Status::default() }
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
    const TCGETS: u32 = 0x5401;
    const TCSETS: u32 = 0x5402;
    const TCSETSW: u32 = 0x5403;
    const TCSETSF: u32 = 0x5404;
    const TCSBRK: u32 = 0x5409;
    const TCFLSH: u32 = 0x540b;
    const TIOCSCTTY: u32 = 0x540e;
    const TIOCGPGRP: u32 = 0x540f;
    const TIOCSPGRP: u32 = 0x5410;
    const TIOCGWINSZ: u32 = 0x5413;
    const TIOCSWINSZ: u32 = 0x5414;
    const FIONREAD: u32 = 0x541b;
    const TIOCNOTTY: u32 = 0x5422;
    const TIOCGSID: u32 = 0x5429;
    let (space, process, line) = (call.space()?, call.thread.process(), terminal.host_data());
    match request {
        TCGETS => {
            let settings = line.input.lock().settings;
            nothing(space.copy_out(argument, &settings.to_bytes()))
        }
        TCSETS | TCSETSW | TCSETSF => {
            let mut bytes = [0; Settings::SIZE];
            space.copy_in(argument, &mut bytes)?;
            if request == TCSETSF {
                line.flush_input();
            }
            line.input.lock().change(Settings::from_bytes(bytes));
            line.queue.wake_all();
            Ok(0)
        }
        // Output is gone as soon as it is written.
        TCSBRK => Ok(0),
        TCFLSH if argument <= 2 => {
            const OUTPUT: u64 = 1;
            if argument != OUTPUT {
                line.flush_input();
            }
            Ok(0)
        }
        TCFLSH => Err(Errno::EINVAL.into()),
        TIOCSCTTY => {
            let if_taken = if argument == 1 { IfTaken::Steal } else { IfTaken::Refuse };
            let right = AdminRight::Present;
            let wanted = AcquireTerminal { file: access, if_taken, right };
            nothing(process.acquire_terminal(terminal, wanted).map(drop))
        }
        TIOCNOTTY => nothing(process.release_terminal(terminal, side).map(drop)),
        TIOCGPGRP => {
            let pgid = process.tcgetpgrp(terminal, side)?;
            nothing(space.put_word32(argument, pgid))
        }
        TIOCSPGRP => {
            let stop_signal = call.signals().stop_signal(Signal::SIGTTOU);
            let pgid = space.word32(argument).map(u32::cast_signed);
            Call::go_on(process.tcsetpgrp(terminal, pgid, stop_signal)?)?;
            Ok(0)
        }
        TIOCGSID => {
            let sid = process.tcgetsid(terminal, side)?;
            nothing(space.put_word32(argument, sid))
        }
        TIOCGWINSZ => {
            let size = line.input.lock().size;
            nothing(space.put_words(argument, &[size]))
        }
        TIOCSWINSZ => {
            let size = space.word(argument)?;
            let before = core::mem::replace(&mut line.input.lock().size, size);
            if before != size {
                terminal.signal_foreground(Signal::SIGWINCH);
            }
            Ok(0)
        }
        FIONREAD => {
            let input = line.input.lock();
            let is_canonical = input.settings.has(ICANON);
            let ready = if is_canonical { input.complete } else { input.typed.len() };
            drop(input);
            nothing(space.put_word32(argument, ready as u32))
        }
        _ => Err(Errno::ENOTTY.into()),
    }
}

impl Input {
    /// What was typed before counts as it is read from now on.
    fn change(&mut self, settings: Settings) {
        if self.settings.has(ICANON) != settings.has(ICANON) {
            self.complete = self.typed.len();
        }
        self.settings = settings;
    }
}
