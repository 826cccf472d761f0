//! What programs ask for besides: files, memory, time, who they are. What is not here, they can do without.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use axprocess::{ARef, Errno};
use linux_raw_sys::general::*;
use linux_raw_sys::prctl::{PR_GET_NAME, PR_SET_DUMPABLE, PR_SET_NAME};
use zerocopy::IntoBytes;

use crate::call::{Answer, Call, ensure, nothing};
use crate::sched::Task;
use crate::state::ThreadState;
use crate::{machine, sched};

/// Makes the call of that number.
#[expect(non_upper_case_globals, reason = "calls have Linux's names")]
pub(crate) fn make(call: &mut Call<'_>, number: u32) -> Answer {
    let [a, b, c, d, ..] = call.arguments();
    let fd = a as i32;
    match number {
        // Files.
        __NR_read => call.read(fd, b, c),
        __NR_write => call.write(fd, b, c),
        __NR_openat => call.open(fd, b, c as u32),
        __NR_close => call.close(fd),
        __NR_newfstatat => call.stat(fd, b, c, d as u32),
        __NR_poll => call.poll(a, b, c as i32),
        __NR_lseek => call.lseek(fd, b.cast_signed(), c as u32),
        __NR_ioctl => call.ioctl(fd, b as u32, c),
        __NR_pipe => call.pipe(a, 0),
        __NR_pipe2 => call.pipe(a, b as u32),
        __NR_dup => call.dup(fd, 0, false),
        __NR_dup2 => call.dup_to(fd, b as i32),
        __NR_fcntl => call.fcntl(fd, b as u32, c),
        __NR_ftruncate => call.ftruncate(fd, b),
        __NR_getcwd => call.getcwd(a, b),
        __NR_getdents64 => call.getdents64(fd, b, c),
        __NR_memfd_create => call.memfd_create(b as u32),
        __NR_fsopen => call.fsopen(a),
        __NR_fsconfig if b as u32 == fsconfig_command::FSCONFIG_CMD_CREATE as u32 => {
            nothing(call.is_file_system(fd))
        }
        __NR_fsmount => {
            call.is_file_system(fd)?;
            call.dup(fd, 0, true)
        }
        // Memory.
        __NR_mmap => call.mmap(),
        __NR_mprotect => call.mprotect(a, b, c),
        __NR_munmap => call.munmap(a, b),
        __NR_brk => call.brk(a),
        __NR_futex => call.futex(a, b as u32, c as u32, d),
        // Time.
        __NR_nanosleep => call.nanosleep(a, b),
        __NR_clock_nanosleep if b as u32 & TIMER_ABSTIME == 0 => call.nanosleep(c, d),
        __NR_clock_gettime => call.clock_gettime(b),
        // There is one user.
        __NR_getuid | __NR_getgid | __NR_geteuid | __NR_getegid => Ok(0),
        __NR_getrusage => call.getrusage(a as i32, b),
        __NR_arch_prctl if a as u32 == ARCH_SET_FS => {
            ensure(b < machine::USER_END, Errno::EPERM)?;
            call.user.registers.fs_base = b;
            Ok(0)
        }
        __NR_getrandom => call.getrandom(a, b),
        __NR_sched_yield => {
            sched::yield_now();
            Ok(0)
        }
        __NR_sched_getparam => {
            let priority = call.task_named(a as i32)?.priority();
            nothing(call.space()?.put(b, &u32::from(priority)))
        }
        __NR_sched_setscheduler => call.sched_setscheduler(a as i32, b as u32, c),
        __NR_sched_getscheduler => Ok(call.task_named(a as i32)?.policy().into()),
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// What is no affair of the model's.
pub(crate) fn prctl(call: &Call<'_>, option: u32, argument: u64) -> Answer {
    let own: &ThreadState = call.thread.host_data();
    match option {
        // Nothing is dumped.
        PR_SET_DUMPABLE if argument <= 1 => Ok(0),
        PR_SET_NAME => {
            own.set_name(&call.space()?.string(argument, 4096, Errno::EFAULT)?);
            Ok(0)
        }
        PR_GET_NAME => {
            let name = *own.name.lock();
            nothing(call.space()?.put(argument, &name))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

impl Call<'_> {
    fn getrusage(&self, who: i32, usage: u64) -> Answer {
        const VOLUNTARY_SWITCHES: usize = 16;
        const SELF: i32 = RUSAGE_SELF as i32;
        const THREAD: i32 = RUSAGE_THREAD as i32;
        let process = self.thread.process();
        let mut words = [0_u64; 18];
        words[VOLUNTARY_SWITCHES] = match who {
            RUSAGE_CHILDREN => process.children_usage().sleeps,
            SELF | THREAD => process.host_data().load(Relaxed),
            _ => return Err(Errno::EINVAL.into()),
        };
        nothing(self.space()?.put(usage, &words))
    }

    /// Bits that are good enough for a stack protector, not for keys.
    fn getrandom(&self, at: u64, length: u64) -> Answer {
        const MOST: u64 = 256;
        let length = length.min(MOST) as usize;
        let bits: [u64; MOST as usize / 8] = core::array::from_fn(|_| machine::random());
        self.space()?.put(at, &bits.as_bytes()[..length])?;
        Ok(length as u64)
    }

    /// The task of a thread, by its number; the caller's, by 0.
    fn task_named(&self, tid: i32) -> Result<Arc<Task>, Errno> {
        let thread = match u32::try_from(tid).map_err(|_| Errno::EINVAL)? {
            0 => Some(ARef::clone(self.thread)),
            tid => self.thread.process().namespace().find_thread(tid),
        };
        Ok(Arc::clone(&thread.ok_or(Errno::ESRCH)?.host_data().task))
    }

    fn sched_setscheduler(&self, tid: i32, policy: u32, at: u64) -> Answer {
        const MOST: u32 = 99;
        let priority = self.space()?.get(at)?;
        let task = self.task_named(tid)?;
        let is_fit = match policy {
            SCHED_NORMAL => priority == 0,
            SCHED_FIFO | SCHED_RR => (1..=MOST).contains(&priority),
            _ => false,
        };
        ensure(is_fit, Errno::EINVAL)?;
        task.prioritize(policy as u8, priority as u8);
        Ok(0)
    }
}
