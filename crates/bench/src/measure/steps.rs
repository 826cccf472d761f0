//! Counts the instructions, and the atomic read-modify-writes, of a stretch of a program, by stepping through it.
//!
//! The program is this one, started again with [`TRACED`] in its environment. It runs a scene between two [`mark`]s;
//! the counter follows it by ptrace, one instruction at a time, and looks at the bytes of each. Counts repeat to the instruction: the
//! program's addresses are not randomised, and nothing in it depends on time. What runs in the kernel, and in other processes, is not counted.

use std::collections::HashMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::clock;

/// The environment variable that names the scene to play.
pub(crate) const TRACED: &str = "AXPROCESS_BENCH_SCENE";

/// Begins and ends the stretch that is counted. Only in a program that is followed: the signal of a breakpoint ends any other.
#[inline]
pub(crate) fn mark() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a breakpoint changes neither memory nor registers.
    unsafe {
        std::arch::asm!("int3");
    }
}

/// What was executed at one address.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: Kind,
    times: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Plain,
    /// An atomic read-modify-write.
    Locked,
    /// With a prefix that makes string instructions repeat.
    Repeated,
    Breakpoint,
}

/// What a stretch consists of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    places: HashMap<u64, Place>,
    /// Where the program's own code lies.
    own: (u64, u64),
}

impl Stretch {
    /// How many instructions were executed.
    pub(crate) fn instructions(&self) -> u64 {
        self.places.values().map(|place| place.times).sum()
    }

    /// How many of them outside the program's own code: the C library's, for memory.
    pub(crate) fn foreign_instructions(&self) -> u64 {
        let is_foreign = |&(address, _): &(&u64, &Place)| !self.is_own(*address);
        self.places.iter().filter(is_foreign).map(|(_, place)| place.times).sum()
    }

    /// How many atomic read-modify-writes were executed.
    pub(crate) fn locked(&self) -> u64 {
        self.places.values().filter(|place| place.kind == Kind::Locked).map(|at| at.times).sum()
    }

    /// Where instructions were executed, in the program's file, and how often; `true` for the atomic ones.
    pub(crate) fn places(&self) -> Vec<(u64, u64, bool)> {
        let mut places: Vec<_> = self
            .places
            .iter()
            .filter(|(address, _)| self.is_own(**address))
            .map(|(address, place)| (address - self.own.0, place.times, place.kind == Kind::Locked))
            .collect();
        places.sort_unstable();
        places
    }

    fn is_own(&self, address: u64) -> bool {
        (self.own.0..self.own.1).contains(&address)
    }
}

/// Plays a scene in a program of its own, and counts what lies between its marks.
///
/// # Errors
///
/// That the program cannot be started or followed, or did not get through the scene.
pub(crate) fn count(scene: &str) -> io::Result<Stretch> {
    if !cfg!(target_arch = "x86_64") {
        return Err(io::Error::other("instructions are counted on x86_64 only"));
    }
    // On one processor: a step costs two switches there, and many times that between two. In a thread that ends with it.
    let follower = std::thread::scope(|scope| {
        let follow = || {
            clock::bind_to(0);
            follow(scene)
        };
        scope.spawn(follow).join()
    });
    follower.unwrap_or_else(|_| Err(io::Error::other("the follower panicked")))
}

fn follow(scene: &str) -> io::Result<Stretch> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command
        .env(TRACED, scene)
        // The C library's choice among its memory routines must not depend on the processor.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM")
        .stdin(Stdio::null());
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(|| {
            libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
            ptrace(libc::PTRACE_TRACEME, 0, 0, 0).map(drop)
        });
    }
    let mut followed = Followed { child: command.spawn()? };
    followed.stretch(&program.to_string_lossy())
}

/// A program that is followed; killed when dropped, and by the kernel if this program ends before.
struct Followed {
    child: Child,
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Followed {
    fn stretch(&mut self, program: &str) -> io::Result<Stretch> {
        let pid = self.child.id();
        self.wait_for_stop()?;
        ptrace(libc::PTRACE_SETOPTIONS, pid, 0, libc::PTRACE_O_EXITKILL as usize)?;
        ptrace(libc::PTRACE_CONT, pid, 0, 0)?;
        self.wait_for_stop()?;
        let mut stretch = Stretch { own: own_code(pid, program)?, ..Stretch::default() };
        let mut before = 0;
        loop {
            let address = instruction_pointer(pid)?;
            let place = match stretch.places.entry(address) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let kind = classify(&read_code(pid, address)?);
                    new.insert(Place { kind, times: 0 })
                }
            };
            if place.kind == Kind::Breakpoint {
                return Ok(stretch);
            }
            // A repeated string instruction stops once for each repetition, but is one.
            if address != before || place.kind != Kind::Repeated {
                place.times += 1;
            }
            before = address;
            ptrace(libc::PTRACE_SINGLESTEP, pid, 0, 0)?;
            self.wait_for_stop()?;
        }
    }

    fn wait_for_stop(&mut self) -> io::Result<()> {
        let mut status = 0;
        let pid = self.child.id().cast_signed();
        // SAFETY: `status` lives across the call.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {
            return Err(io::Error::last_os_error());
        }
        if libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the scene ended before its second mark (status {status:#x})"
        )))
    }
}

fn ptrace(request: libc::c_uint, pid: u32, address: usize, data: usize) -> io::Result<i64> {
    // SAFETY: the requests made here take numbers, or the address of a live buffer of the size that they write.
    let result = unsafe { libc::ptrace(request, pid.cast_signed(), address, data) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(target_arch = "x86_64")]
fn instruction_pointer(pid: u32) -> io::Result<u64> {
    let offset = std::mem::offset_of!(libc::user_regs_struct, rip);
    // PEEKUSER returns the word itself, which is an address of user space: never -1.
    ptrace(libc::PTRACE_PEEKUSER, pid, offset, 0).map(i64::cast_unsigned)
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_pointer(_pid: u32) -> io::Result<u64> {
    Err(io::Error::other("x86_64 only"))
}

/// The bytes at an address: as many as there are, at most the longest instruction's.
fn read_code(pid: u32, address: u64) -> io::Result<Vec<u8>> {
    let mut bytes = [0_u8; 16];
    for length in [16, 4096 - (address % 4096) as usize] {
        let length = length.min(16);
        let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: length };
        // SAFETY: `local` describes a part of `bytes`, which lives across the call; the kernel checks `remote`.
        let read = unsafe { libc::process_vm_readv(pid.cast_signed(), &local, 1, &remote, 1, 0) };
        if read > 0 {
            return Ok(bytes[..read.cast_unsigned()].to_vec());
        }
    }
    Err(io::Error::last_os_error())
}

/// What an instruction of x86_64 is: a `lock` prefix makes it an atomic read-modify-write, and `xchg` with memory is one without.
fn classify(code: &[u8]) -> Kind {
    let is_prefix = |byte: u8| {
        matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3)
    };
    let prefixes = code.iter().take_while(|byte| is_prefix(**byte)).count();
    let (prefixes, rest) = code.split_at(prefixes);
    let rest = match rest {
        [0x40..=0x4f, rest @ ..] => rest,
        rest => rest,
    };
    match rest {
        [0xcc, ..] => Kind::Breakpoint,
        _ if prefixes.contains(&0xf0) => Kind::Locked,
        [0x86 | 0x87, operands, ..] if *operands < 0xc0 => Kind::Locked,
        [0x6c..=0x6f | 0xa4..=0xa7 | 0xaa..=0xaf, ..]
            if prefixes.contains(&0xf2) || prefixes.contains(&0xf3) =>
        {
            Kind::Repeated
        }
        _ => Kind::Plain,
    }
}

/// Where the code of `program` is mapped: the beginning of its file, and the end.
fn own_code(pid: u32, program: &str) -> io::Result<(u64, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let ranges = maps.lines().filter(|line| line.ends_with(program)).filter_map(|line| {
        let (begin, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(begin, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    });
    ranges
        .reduce(|all, range| (all.0.min(range.0), all.1.max(range.1)))
        .ok_or_else(|| io::Error::other("the program is not in its own map"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locked instructions are told from others by their bytes, whatever stands before the opcode.
    #[test]
    fn locked_instructions_are_recognised() {
        let locked: [&[u8]; 4] = [
            &[0xf0, 0x48, 0xff, 0x00],             // lock inc qword [rax]
            &[0xf0, 0x0f, 0xb0, 0x0f],             // lock cmpxchg [rdi], cl
            &[0x48, 0x87, 0x03],                   // xchg [rbx], rax
            &[0x65, 0xf0, 0x66, 0x0f, 0xc1, 0x01], // lock xadd gs:[rcx], ax
        ];
        let plain: [&[u8]; 3] = [
            &[0x48, 0x87, 0xc3],       // xchg rbx, rax
            &[0x90],                   // nop
            &[0x66, 0xc7, 0x00, 0xf0], // mov word [rax], …: 0xf0 is no prefix here
        ];
        assert!(locked.iter().all(|code| classify(code) == Kind::Locked));
        assert!(plain.iter().all(|code| classify(code) == Kind::Plain));
        assert_eq!(classify(&[0xcc, 0xf0]), Kind::Breakpoint);
        assert_eq!(classify(&[0xf3, 0x48, 0xab]), Kind::Repeated); // rep stosq
    }
}
