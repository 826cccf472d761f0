//! What programs ask for besides: who they are, where they run, chance.

use core::sync::atomic::Ordering::Relaxed;

use axprocess::{ARef, Errno};

use crate::call::{Answer, Call, nothing, unless_null};
use crate::exec::STACK;
use crate::files::MOST;
use crate::host::Thread;
use crate::state::ThreadState;
use crate::{files, machine, memory_calls, sched, time, timers};

/// Makes the call of that number.
pub(crate) fn make(call: &mut Call<'_>, number: u64) -> Answer {
    if let Some(answer) = files::calls::make(call, number) {
        return answer;
    }
    if let Some(answer) = memory_calls::make(call, number) {
        return answer;
    }
    if let Some(answer) = time::make(call, number) {
        return answer;
    }
    if let Some(answer) = timers::make(call, number) {
        return answer;
    }
    let registers = &call.user.registers;
    let (a, b, c) = (registers.rdi, registers.rsi, registers.rdx);
    let (d, f) = (registers.r10, registers.r9);
    match number {
        24 => {
            sched::yield_now();
            Ok(0)
        }
        // What is written to memory is where it stays: fsync, fdatasync, sync.
        74 | 75 | 162 => Ok(0),
        63 => call.uname(a),
        95 => Ok(0o22),
        97 => call.prlimit(a as u32, 0, b),
        98 => call.getrusage(a as i32, b),
        99 => call.sysinfo(a),
        // There is one user: getuid, getgid, geteuid, getegid, getgroups.
        102 | 104 | 107 | 108 | 115 => Ok(0),
        // setuid, setgid, setgroups
        105 | 106 if a == 0 => Ok(0),
        116 if a == 0 => Ok(0),
        143 => {
            let priority = call.thread_named(a as i32)?.host_data().task.priority();
            nothing(call.space()?.put_word32(b, priority.into()))
        }
        144 => call.sched_setscheduler(a as i32, b, c),
        145 => Ok(call.thread_named(a as i32)?.host_data().task.policy().into()),
        158 => call.arch_prctl(a, b),
        160 => call.prlimit(a as u32, b, 0),
        202 => call.futex(a, b, c as u32, [d, f]),
        203 => call.sched_setaffinity(a as i32, b, c),
        204 => call.sched_getaffinity(a as i32, b, c),
        302 => call.prlimit(b as u32, c, d),
        318 => call.getrandom(a, b),
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// What is no affair of the model's.
pub(crate) fn prctl(call: &Call<'_>, option: i32, argument: u64, _: [u64; 3]) -> Answer {
    const SET_DUMPABLE: i32 = 4;
    const SET_NAME: i32 = 15;
    const GET_NAME: i32 = 16;
    let own: &ThreadState = call.thread.host_data();
    match option {
        // Nothing is dumped.
        SET_DUMPABLE if argument <= 1 => Ok(0),
        SET_NAME => {
            let text = call.space()?.string(argument, 4096, Errno::EFAULT)?;
            let mut name = [0; 16];
            let len = text.len().min(name.len() - 1);
            name[..len].copy_from_slice(&text[..len]);
            *own.name.lock() = name;
            Ok(0)
        }
        GET_NAME => {
            let name = *own.name.lock();
            nothing(call.space()?.copy_out(argument, &name))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

fn all_processors() -> u32 {
    u32::MAX >> (32 - machine::processors().clamp(1, 32))
}

impl Call<'_> {
    fn uname(&self, at: u64) -> Answer {
        const FIELD: usize = 65;
        let mut bytes = [0; FIELD * 6];
        let fields = ["Linux", "axprocess", "6.18.0", "#1", "x86_64", "(none)"];
        for (place, text) in bytes.chunks_exact_mut(FIELD).zip(fields) {
            place[..text.len()].copy_from_slice(text.as_bytes());
        }
        nothing(self.space()?.copy_out(at, &bytes))
    }

    fn getrusage(&self, who: i32, usage: u64) -> Answer {
        const CHILDREN: i32 = -1;
        const VOLUNTARY_SWITCHES: usize = 16;
        let process = self.thread.process();
        let sleeps = match who {
            CHILDREN => process.children_usage().sleeps,
            0 | 1 => process.host_data().sleeps.load(Relaxed),
            _ => return Err(Errno::EINVAL.into()),
        };
        let mut words = [0; 18];
        words[VOLUNTARY_SWITCHES] = sleeps;
        nothing(self.space()?.put_words(usage, &words))
    }

    fn sysinfo(&self, at: u64) -> Answer {
        let (all, free) = machine::memory();
        let mut words = [0; 14];
        words[0] = machine::monotonic().as_secs();
        (words[4], words[5]) = (all as u64, free as u64);
        // The unit of both: `mem_unit`.
        words[13] = machine::PAGE;
        nothing(self.space()?.put_words(at, &words))
    }

    fn arch_prctl(&mut self, option: u64, argument: u64) -> Answer {
        const SET_FS: u64 = 0x1002;
        const GET_FS: u64 = 0x1003;
        match option {
            SET_FS if argument >= machine::USER_END => Err(Errno::EPERM.into()),
            SET_FS => {
                self.user.registers.fs_base = argument;
                Ok(0)
            }
            GET_FS => nothing(self.space()?.put_words(argument, &[self.user.registers.fs_base])),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Limits are what they are: who sets one to that is right.
    fn prlimit(&self, resource: u32, new: u64, old: u64) -> Answer {
        const STACK_SIZE: u32 = 3;
        const CORE: u32 = 4;
        const FILES: u32 = 7;
        const KINDS: u32 = 16;
        let limit = match resource {
            STACK_SIZE => STACK,
            CORE => 0,
            FILES => MOST as u64,
            KINDS.. => return Err(Errno::EINVAL.into()),
            _ => u64::MAX,
        };
        let space = self.space()?;
        if new != 0 && space.words(new)? != [limit, limit] {
            return Err(Errno::EPERM.into());
        }
        nothing(unless_null(old, || space.put_words(old, &[limit, limit])))
    }

    /// A thread by its number; the caller, by 0.
    fn thread_named(&self, tid: i32) -> Result<ARef<Thread>, Errno> {
        match u32::try_from(tid) {
            Ok(0) => Ok(ARef::clone(self.thread)),
            Ok(tid) => self.thread.process().namespace().find_thread(tid).ok_or(Errno::ESRCH),
            Err(_) => Err(Errno::ESRCH),
        }
    }

    fn sched_setscheduler(&self, tid: i32, policy: u64, at: u64) -> Answer {
        const MOST: u32 = 99;
        let priority = self.space()?.word32(at)?;
        let thread = self.thread_named(tid)?;
        match (policy, priority) {
            (0, 0) | (1 | 2, 1..=MOST) => {
                thread.host_data().task.prioritize(policy as u8, priority as u8);
                Ok(0)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn sched_setaffinity(&self, tid: i32, size: u64, at: u64) -> Answer {
        let mut bytes = [0; 4];
        let len = size.min(bytes.len() as u64) as usize;
        self.space()?.copy_in(at, &mut bytes[..len])?;
        let allowed = u32::from_ne_bytes(bytes) & all_processors();
        let thread = self.thread_named(tid)?;
        if allowed == 0 {
            return Err(Errno::EINVAL.into());
        }
        thread.host_data().task.allow(allowed);
        Ok(0)
    }

    fn sched_getaffinity(&self, tid: i32, size: u64, at: u64) -> Answer {
        const WORD: u64 = 8;
        if size < WORD || size % WORD != 0 {
            return Err(Errno::EINVAL.into());
        }
        let allowed = self.thread_named(tid)?.host_data().task.allowed() & all_processors();
        self.space()?.put_words(at, &[allowed.into()])?;
        Ok(WORD)
    }

    fn getrandom(&self, at: u64, length: u64) -> Answer {
        const MOST: u64 = 256;
        let mut bytes = [0; MOST as usize];
        let bytes = &mut bytes[..length.min(MOST) as usize];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&machine::random().to_ne_bytes()[..part.len()]);
        }
        self.space()?.copy_out(at, bytes)?;
        Ok(bytes.len() as u64)
    }
}
