//! Programs: static ELF files of x86-64, and scripts that name one in their first line.

use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::Errno;

use crate::call::Call;
use crate::files::{Directory, Follow, Node, walk};
use crate::host::Thread;
use crate::machine::{self, AddressSpace, Backing, Fault, PAGE, Protection, Registers, USER_END};
use crate::state::ThreadState;
use crate::thread::release_space;
use crate::user_memory::{append, places, push};

/// How long a stack can become.
pub(crate) const STACK: u64 = 1 << 20;
/// So much of it arguments and environment can take.
const MOST_STRINGS: usize = 1 << 18;
/// Where a program is loaded that can be anywhere.
const BASE: u64 = 0x5555_5555_4000;
/// So many scripts can be run by scripts.
const MOST_SCRIPTS: usize = 4;

/// Strings one behind the other, each with the zero byte that ends it.
#[derive(Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// Reads an array of pointers that a null pointer ends.
    ///
    /// # Errors
    ///
    /// `EFAULT`, `E2BIG`, `ENOMEM`.
    pub(crate) fn read(space: &AddressSpace, at: u64) -> Result<Self, Errno> {
        let mut strings = Self::default();
        if at == 0 {
            return Ok(strings);
        }
        for place in places(at, 8) {
            match space.word(place)? {
                0 => break,
                string => {
                    let room = MOST_STRINGS.saturating_sub(strings.bytes.len());
                    strings.add(&space.string(string, room, Errno::E2BIG)?)?;
                }
            }
        }
        Ok(strings)
    }

    fn add(&mut self, string: &[u8]) -> Result<(), Errno> {
        append(&mut self.bytes, string)?;
        push(&mut self.bytes, 0)?;
        self.count += 1;
        Ok(())
    }

    /// Those of a script: its interpreter, that one's argument, the script, and what else it was given.
    fn behind(&self, first: &[&[u8]]) -> Result<Self, Errno> {
        let mut strings = Self::default();
        first.iter().try_for_each(|string| strings.add(string))?;
        let rest = self.bytes.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default();
        append(&mut strings.bytes, rest)?;
        strings.count += self.count.saturating_sub(1);
        Ok(strings)
    }
}

/// A file that is to be executed.
pub(crate) struct Program {
    node: Arc<Node>,
    path: Vec<u8>,
}

/// A program in memory of its own, ready to run.
pub(crate) struct Loaded {
    space: Arc<AddressSpace>,
    registers: Registers,
    node: Arc<Node>,
    name: [u8; 16],
}

/// Loads the first program, `init=` of the command line, with what stands behind it as arguments.
///
/// # Errors
///
/// As for an exec.
pub(crate) fn first(thread: &Thread, command: &str) -> Result<Registers, Errno> {
    let (mut arguments, mut environment) = (Strings::default(), Strings::default());
    let command = command.split_once("init=").map_or("/init", |(_, command)| command);
    for word in command.split_ascii_whitespace() {
        arguments.add(word.as_bytes())?;
    }
    for variable in ["PATH=/bin", "HOME=/", "TERM=vt100"] {
        environment.add(variable.as_bytes())?;
    }
    let path = command.split_ascii_whitespace().next().unwrap_or("/init");
    let root = thread.host_data().directory.lock().clone();
    let program = Program::find(thread, &root, path.as_bytes())?;
    Ok(program.load(thread, arguments, environment)?.install(thread))
}

impl Program {
    /// # Errors
    ///
    /// Those of a path; `EACCES`: it is no file, or none that can be executed.
    pub(crate) fn find(by: &Thread, from: &Directory, path: &[u8]) -> Result<Self, Errno> {
        let found = walk(by, from, path, Follow::Always)?;
        let mut own = Vec::new();
        append(&mut own, path)?;
        Self::of_node(found.node()?, own)
    }

    /// The program that a call names by a path, or by an open file alone.
    ///
    /// # Errors
    ///
    /// `EINVAL`: unknown flags. `EFAULT`, `EBADF`; as for [`find`](Self::find).
    pub(crate) fn named(call: &Call<'_>, fd: i32, path: u64, flags: u64) -> Result<Self, Errno> {
        const EMPTY_PATH: u64 = 0x1000;
        if flags & !EMPTY_PATH != 0 {
            return Err(Errno::EINVAL);
        }
        let path = call.space()?.path(path)?;
        if path.is_empty() && flags & EMPTY_PATH != 0 {
            let file = call.file(fd)?;
            return Self::of_node(file.kind().node().ok_or(Errno::EACCES)?, path);
        }
        Self::find(call.thread, &call.directory(fd, &path)?, &path)
    }

    fn of_node(node: &Arc<Node>, path: Vec<u8>) -> Result<Self, Errno> {
        if node.content().is_none() || node.mode() & 0o111 == 0 {
            return Err(Errno::EACCES);
        }
        Ok(Self { node: Arc::clone(node), path })
    }

    /// Loads it into memory of its own. Nothing has changed for the caller then.
    ///
    /// # Errors
    ///
    /// `ENOEXEC`: it is no program. `E2BIG`, `ENOMEM`; those of the path of a script's interpreter.
    pub(crate) fn load(
        mut self,
        by: &Thread,
        mut arguments: Strings,
        environment: Strings,
    ) -> Result<Loaded, Errno> {
        let mut name = [0; 16];
        let last = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let len = last.len().min(name.len() - 1);
        name[..len].copy_from_slice(&last[..len]);
        for _ in 0..=MOST_SCRIPTS {
            let mut head = [0; 256];
            let len = self.read(0, &mut head)?;
            let Some(line) = head[..len].strip_prefix(b"#!") else {
                return self.load_elf(&head[..len], &arguments, &environment, name);
            };
            let end = line.iter().position(|byte| *byte == b'\n').ok_or(Errno::ENOEXEC)?;
            let line = line[..end].trim_ascii();
            let mut words = line.splitn(2, |byte| matches!(byte, b' ' | b'\t'));
            let interpreter = words.next().filter(|it| !it.is_empty()).ok_or(Errno::ENOEXEC)?;
            arguments = match words.next() {
                Some(word) => arguments.behind(&[interpreter, word.trim_ascii(), &self.path])?,
                None => arguments.behind(&[interpreter, &self.path])?,
            };
            let directory = by.host_data().directory.lock().clone();
            self = Self::find(by, &directory, interpreter)?;
        }
        Err(Errno::ELOOP)
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<usize, Errno> {
        let content = self.node.content().ok_or(Errno::EACCES)?;
        Ok(content.read(at, to))
    }

    fn load_elf(
        self,
        head: &[u8],
        arguments: &Strings,
        environment: &Strings,
        name: [u8; 16],
    ) -> Result<Loaded, Errno> {
        let header = Header::parse(head)?;
        let space = AddressSpace::new().map_err(|_| Errno::ENOMEM)?;
        let (mut end, mut table_address) = (0, 0);
        for index in 0..header.segments {
            let mut bytes = [0; Segment::SIZE];
            if self.read(header.table + index * Segment::SIZE as u64, &mut bytes)? < bytes.len() {
                return Err(Errno::ENOEXEC);
            }
            if let Some(segment) = Segment::parse(&bytes, header.base)? {
                self.map(&space, &segment)?;
                end = end.max(segment.end);
                let in_file = segment.offset..segment.offset + (segment.file_end - segment.start);
                if in_file.contains(&header.table) {
                    table_address = segment.start + (header.table - segment.offset);
                }
            }
        }
        if end == 0 {
            return Err(Errno::ENOEXEC);
        }
        let heap = end.next_multiple_of(PAGE);
        *space.heap.lock() = heap..heap;
        let writable = Protection::READ | Protection::WRITE;
        space.map(USER_END - STACK, STACK, writable, Backing::Private).map_err(refused)?;
        let rsp = self.push_arguments(&space, (&header, table_address), arguments, environment)?;
        let registers = Registers { rip: header.entry, rsp, rflags: 0x202, ..Registers::default() };
        Ok(Loaded { space, registers, node: self.node, name })
    }

    /// Maps a segment of the file, and zeros behind what it has of that.
    fn map(&self, space: &AddressSpace, segment: &Segment) -> Result<(), Errno> {
        let content = self.node.content().ok_or(Errno::EACCES)?;
        let start = segment.start & !(PAGE - 1);
        let file_end = segment.file_end.next_multiple_of(PAGE);
        if segment.file_end > segment.start {
            let page = (segment.offset / PAGE) as usize;
            let backing = Backing::Copied(Arc::clone(content), page);
            space.map(start, file_end - start, segment.protection, backing).map_err(refused)?;
        }
        let zeros = if segment.file_end > segment.start { file_end } else { start };
        let end = segment.end.next_multiple_of(PAGE);
        if end > zeros {
            let backing = Backing::Private;
            space.map(zeros, end - zeros, segment.protection, backing).map_err(refused)?;
        }
        if segment.end > segment.file_end && segment.file_end % PAGE != 0 && zeros == file_end {
            let rest = [0; PAGE as usize];
            let rest = &rest[..(file_end - segment.file_end) as usize];
            space.write_forced(segment.file_end, rest).map_err(refused)?;
        }
        Ok(())
    }

    /// The stack of a new program, from its pointer up: the arguments, the environment, the auxiliary vector, and what they point to.
    fn push_arguments(
        &self,
        space: &AddressSpace,
        (header, table_address): (&Header, u64),
        arguments: &Strings,
        environment: &Strings,
    ) -> Result<u64, Errno> {
        const RANDOM: u64 = 16;
        let strings = arguments.bytes.len() + environment.bytes.len() + self.path.len() + 1;
        if strings > MOST_STRINGS {
            return Err(Errno::E2BIG);
        }
        let mut at = USER_END - 8;
        let mut place = |bytes: &[u8]| {
            at -= bytes.len() as u64;
            space.copy_out(at, bytes).map(|()| at)
        };
        place(&[0])?;
        let path = place(&self.path)?;
        let environment_at = place(&environment.bytes)?;
        let arguments_at = place(&arguments.bytes)?;
        let mut random = [0; RANDOM as usize];
        for part in random.chunks_exact_mut(8) {
            part.copy_from_slice(&machine::random().to_ne_bytes());
        }
        let random = place(&random)?;
        let auxiliary = [
            [3, table_address],
            [4, Segment::SIZE as u64],
            [5, header.segments],
            [6, PAGE],
            [7, 0],
            [8, 0],
            [9, header.entry],
            [11, 0],
            [12, 0],
            [13, 0],
            [14, 0],
            [17, 100],
            [23, 0],
            [25, random],
            [31, path],
            [0, 0],
        ];
        let mut words = Vec::new();
        push(&mut words, arguments.count as u64)?;
        for (strings, at) in [(arguments, arguments_at), (environment, environment_at)] {
            let mut begin = true;
            for (byte, at) in strings.bytes.iter().zip(at..) {
                if begin {
                    push(&mut words, at)?;
                }
                begin = *byte == 0;
            }
            push(&mut words, 0)?;
        }
        for word in auxiliary.into_iter().flatten() {
            push(&mut words, word)?;
        }
        let rsp = random.wrapping_sub(8 * words.len() as u64) & !15;
        if rsp < USER_END - STACK {
            return Err(Errno::E2BIG);
        }
        space.put_words(rsp, &words)?;
        Ok(rsp)
    }
}

impl Loaded {
    /// Gives it to a thread that is alone in its process, in place of what that has; returns with what it begins.
    pub(crate) fn install(self, thread: &Thread) -> Registers {
        let own: &ThreadState = thread.host_data();
        release_space(thread, Some(self.space));
        let former = own.program.lock().replace(self.node);
        drop(former);
        *own.name.lock() = self.name;
        thread.process().host_data().timers.delete_all();
        self.registers
    }
}

fn refused(fault: Fault) -> Errno {
    match fault {
        Fault::OutOfMemory => Errno::ENOMEM,
        _ => Errno::ENOEXEC,
    }
}

/// What is needed of the header of an ELF file.
struct Header {
    /// What is added to all addresses.
    base: u64,
    entry: u64,
    /// Where in the file the segments are told of, and how many there are.
    table: u64,
    segments: u64,
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let part = bytes.get(at..at + 2).unwrap_or_default();
    part.try_into().map_or(0, u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).unwrap_or_default();
    part.try_into().map_or(0, u64::from_le_bytes)
}

impl Header {
    fn parse(head: &[u8]) -> Result<Self, Errno> {
        const SIZE: usize = 64;
        const EXECUTABLE: u16 = 2;
        const SHARED: u16 = 3;
        const X86_64: u16 = 62;
        let is_elf = head.len() >= SIZE && head.starts_with(b"\x7fELF\x02\x01\x01");
        let kind = half(head, 16);
        let fits = half(head, 18) == X86_64 && usize::from(half(head, 54)) == Segment::SIZE;
        if !is_elf || !fits || !matches!(kind, EXECUTABLE | SHARED) {
            return Err(Errno::ENOEXEC);
        }
        let base = if kind == SHARED { BASE } else { 0 };
        let (entry, table, segments) = (word(head, 24), word(head, 32), half(head, 56).into());
        let table_end = table.checked_add(segments * Segment::SIZE as u64);
        table_end.ok_or(Errno::ENOEXEC)?;
        Ok(Self { base, entry: base.wrapping_add(entry), table, segments })
    }
}

/// A part of a file that is to be in memory.
struct Segment {
    start: u64,
    offset: u64,
    /// Up to where it comes from the file, and where it ends.
    file_end: u64,
    end: u64,
    protection: Protection,
}

impl Segment {
    const SIZE: usize = 56;

    /// Nothing if it is of another kind.
    fn parse(bytes: &[u8], base: u64) -> Result<Option<Self>, Errno> {
        const LOAD: u32 = 1;
        const INTERPRETER: u32 = 3;
        let (first, offset) = (word(bytes, 0), word(bytes, 8));
        let (kind, flags) = (first as u32, (first >> 32) as u32);
        if kind == INTERPRETER {
            return Err(Errno::ENOEXEC);
        }
        let (in_file, in_memory) = (word(bytes, 32), word(bytes, 40));
        if kind != LOAD || in_memory == 0 {
            return Ok(None);
        }
        let start = base.checked_add(word(bytes, 16)).ok_or(Errno::ENOEXEC)?;
        let end = start.checked_add(in_memory).filter(|end| *end <= USER_END - STACK);
        let is_aligned = start % PAGE == offset % PAGE && start >= PAGE;
        let fits = in_file <= in_memory && offset.checked_add(in_file).is_some();
        let end = end.filter(|_| is_aligned && fits).ok_or(Errno::ENOEXEC)?;
        let mut protection = Protection::empty();
        for (flag, allowed) in
            [(4, Protection::READ), (2, Protection::WRITE), (1, Protection::EXECUTE)]
        {
            protection.set(allowed, flags & flag != 0);
        }
        Ok(Some(Self { start, offset, file_end: start + in_file, end, protection }))
    }
}
