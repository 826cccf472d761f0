//! Programs: ELF files of x86-64, linked statically to the addresses where they are loaded.

use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::Errno;
use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PF_R, PF_W, PF_X, PT_INTERP, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use linux_raw_sys::auxvec::*;
use linux_raw_sys::general::{AT_EMPTY_PATH, AT_FDCWD};

use crate::call::{Call, ensure};
use crate::files::{Node, Place};
use crate::host::Thread;
use crate::machine::{
    self, AddressSpace, Backing, PAGE, Placement, Protection, Registers, SharedPages, USER_END,
};
use crate::state::ThreadState;
use crate::thread::release_space;
use crate::user_memory::{append, places, push};

/// How long a stack can become.
pub(crate) const STACK: u64 = 1 << 20;
/// So much of it arguments and environment can take.
const MOST_STRINGS: usize = 1 << 18;

/// Strings one behind the other, each with the zero byte that ends it.
#[derive(Default)]
pub(crate) struct Strings(Vec<u8>);

impl Strings {
    /// Reads an array of pointers that a null pointer ends. `EFAULT`, `E2BIG`, `ENOMEM`.
    pub(crate) fn read(space: &AddressSpace, at: u64) -> Result<Self, Errno> {
        let mut strings = Self::default();
        if at == 0 {
            return Ok(strings);
        }
        for place in places(at, 8) {
            match space.get(place)? {
                0 => break,
                string => {
                    let room = MOST_STRINGS.saturating_sub(strings.0.len());
                    strings.add(&space.string(string, room, Errno::E2BIG)?)?;
                }
            }
        }
        Ok(strings)
    }

    /// As on Linux, a program has a first argument, be it an empty one.
    pub(crate) fn with_first(mut self) -> Result<Self, Errno> {
        if self.0.is_empty() {
            self.add(b"")?;
        }
        Ok(self)
    }

    fn add(&mut self, string: &[u8]) -> Result<(), Errno> {
        append(&mut self.0, string)?;
        push(&mut self.0, 0)
    }

    /// The addresses of the strings that stand from one on, and the null pointer behind them.
    fn add_pointers(&self, at: u64, to: &mut Vec<u64>) -> Result<(), Errno> {
        let mut begin = at;
        for string in self.0.split_inclusive(|byte| *byte == 0) {
            push(to, begin)?;
            begin += string.len() as u64;
        }
        push(to, 0)
    }
}

/// A file that is to be executed.
pub(crate) struct Program {
    content: Arc<SharedPages>,
    path: Vec<u8>,
}

/// A program in memory of its own, ready to run.
pub(crate) struct Loaded(Program, Arc<AddressSpace>, Registers);

/// Loads the first program, `init=` of the command line, with what stands behind it as arguments.
pub(crate) fn first(thread: &Thread, command: &str) -> Result<Registers, Errno> {
    let (mut arguments, mut environment) = (Strings::default(), Strings::default());
    let command = command.split_once("init=").map_or("/init", |(_, command)| command);
    for word in command.split_ascii_whitespace() {
        arguments.add(word.as_bytes())?;
    }
    for variable in ["PATH=/bin", "HOME=/", "TERM=vt100"] {
        environment.add(variable.as_bytes())?;
    }
    let mut path = Vec::new();
    append(&mut path, command.split_ascii_whitespace().next().unwrap_or("/init").as_bytes())?;
    let place = Place::root().walk(&path)?;
    let program = Program::at(thread, &place, path)?;
    Ok(program.load(&arguments, &environment)?.install(thread))
}

impl Program {
    /// `ENOENT`; `EACCES`: it is no file.
    fn at(by: &Thread, place: &Place, path: Vec<u8>) -> Result<Self, Errno> {
        let Node::Regular(content) = place.node(by)? else { return Err(Errno::EACCES) };
        Ok(Self { content, path })
    }

    /// The program that a call names by a path, or by an open file alone. `EFAULT`. `EINVAL`: unknown flags. `EBADF`, `ENOENT`, `EACCES`.
    pub(crate) fn named(call: &Call<'_>, fd: i32, path: u64, flags: u64) -> Result<Self, Errno> {
        let path = call.space()?.path(path)?;
        let is_empty_path = flags == u64::from(AT_EMPTY_PATH);
        ensure(flags == 0 || is_empty_path, Errno::EINVAL)?;
        if path.is_empty() && is_empty_path && fd != AT_FDCWD {
            let content = call.file(fd)?.file().content().cloned().ok_or(Errno::EACCES)?;
            return Ok(Self { content, path });
        }
        Self::at(call.thread, &call.walk(fd, &path)?, path)
    }

    /// Loads it into memory of its own. Nothing has changed for the caller then. `ENOEXEC`: it is no program. `E2BIG`, `ENOMEM`.
    pub(crate) fn load(self, arguments: &Strings, environment: &Strings) -> Result<Loaded, Errno> {
        /// In the header, where the file's sections are told of. They do not matter here, and stand behind what is read.
        const SECTIONS: core::ops::Range<usize> = 40..48;
        let mut head = [0; 1024];
        let length = self.content.read(0, &mut head);
        head[SECTIONS].fill(0);
        let program = ElfBytes::<LittleEndian>::minimal_parse(&head[..length]);
        let program = program.map_err(|_| Errno::ENOEXEC)?;
        let (header, segments) = (program.ehdr, program.segments().ok_or(Errno::ENOEXEC)?);
        let is_native = (header.class, header.e_machine) == (Class::ELF64, EM_X86_64);
        ensure(is_native && header.e_type == ET_EXEC, Errno::ENOEXEC)?;
        let space = AddressSpace::new()?;
        let (mut end, mut table) = (0, 0);
        for segment in segments {
            match segment.p_type {
                PT_INTERP => return Err(Errno::ENOEXEC),
                PT_LOAD if segment.p_memsz > 0 => end = end.max(self.map(&space, &segment)?),
                _ => continue,
            }
            if let Some(inside) = header.e_phoff.checked_sub(segment.p_offset)
                && inside < segment.p_filesz
            {
                table = segment.p_vaddr + inside;
            }
        }
        ensure(end > 0, Errno::ENOEXEC)?;
        let heap = end.next_multiple_of(PAGE);
        *space.heap.lock() = heap..heap;
        let writable = Protection::READ | Protection::WRITE;
        space.map(Placement::Replacing(USER_END - STACK..USER_END), writable, Backing::Private)?;
        let auxiliary = [
            (AT_PHDR, table),
            (AT_PHENT, header.e_phentsize.into()),
            (AT_PHNUM, header.e_phnum.into()),
            (AT_PAGESZ, PAGE),
            (AT_ENTRY, header.e_entry),
            (AT_CLKTCK, 100),
        ];
        let rsp = self.push_arguments(&space, &auxiliary, arguments, environment)?;
        let registers = Registers { rip: header.e_entry, rsp, ..Registers::default() };
        Ok(Loaded(self, space, registers))
    }

    /// Maps a segment of the file, and zeros behind what it has of that; returns where it ends.
    fn map(&self, space: &AddressSpace, segment: &ProgramHeader) -> Result<u64, Errno> {
        let ProgramHeader { p_offset, p_vaddr: first, p_filesz, p_memsz, p_flags, .. } = *segment;
        let end = first.checked_add(p_memsz).filter(|end| *end <= USER_END - STACK);
        let is_aligned = first % PAGE == p_offset % PAGE && first >= PAGE;
        let fits = p_filesz <= p_memsz && p_offset.checked_add(p_filesz).is_some();
        let end = end.filter(|_| is_aligned && fits).ok_or(Errno::ENOEXEC)?;
        let mut protection = Protection::empty();
        protection.set(Protection::READ, p_flags & PF_R != 0);
        protection.set(Protection::WRITE, p_flags & PF_W != 0);
        protection.set(Protection::EXECUTE, p_flags & PF_X != 0);
        let start = first & !(PAGE - 1);
        let (file_end, mut zeros) = (first + p_filesz, start);
        if p_filesz > 0 {
            zeros = file_end.next_multiple_of(PAGE);
            let backing = Backing::Copied(Arc::clone(&self.content), (p_offset / PAGE) as usize);
            space.map(Placement::Replacing(start..zeros), protection, backing)?;
            if protection.contains(Protection::WRITE) {
                space.write(file_end, &[0; PAGE as usize][..(zeros - file_end) as usize])?;
            }
        }
        let pages_end = end.next_multiple_of(PAGE);
        if pages_end > zeros {
            space.map(Placement::Replacing(zeros..pages_end), protection, Backing::Private)?;
        }
        Ok(end)
    }

    /// The stack of a new program, from its pointer up: the arguments, the environment, the auxiliary vector, and what they point to.
    fn push_arguments(
        &self,
        space: &AddressSpace,
        auxiliary: &[(u32, u64)],
        arguments: &Strings,
        environment: &Strings,
    ) -> Result<u64, Errno> {
        let strings = arguments.0.len() + environment.0.len() + self.path.len() + 1;
        ensure(strings <= MOST_STRINGS, Errno::E2BIG)?;
        let mut at = USER_END - 8;
        let mut place = |bytes: &[u8]| {
            at -= bytes.len() as u64;
            space.put(at, bytes).map(|()| at)
        };
        place(&[0])?;
        let path = place(&self.path)?;
        let environment_at = place(&environment.0)?;
        let arguments_at = place(&arguments.0)?;
        let random = [machine::random(), machine::random()].map(u64::to_ne_bytes);
        let random = place(random.as_flattened())?;
        let mut words = Vec::new();
        push(&mut words, arguments.0.iter().filter(|byte| **byte == 0).count() as u64)?;
        arguments.add_pointers(arguments_at, &mut words)?;
        environment.add_pointers(environment_at, &mut words)?;
        let more = [(AT_RANDOM, random), (AT_EXECFN, path), (AT_NULL, 0)];
        for (what, value) in auxiliary.iter().chain(&more) {
            push(&mut words, u64::from(*what))?;
            push(&mut words, *value)?;
        }
        let rsp = random.wrapping_sub(8 * words.len() as u64) & !15;
        ensure(rsp >= USER_END - STACK, Errno::E2BIG)?;
        space.put(rsp, &words[..])?;
        Ok(rsp)
    }
}

impl Loaded {
    /// Gives it to a thread that is alone in its process, in place of what that has; returns with what it begins.
    pub(crate) fn install(self, thread: &Thread) -> Registers {
        let own: &ThreadState = thread.host_data();
        let Self(program, space, registers) = self;
        release_space(thread, Some(space));
        own.set_name(program.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
        let _former = own.program.lock().replace(program.content);
        registers
    }
}
