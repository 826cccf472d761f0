//! CPU time of threads, and bursts in which two threads really run at the same time.

use std::mem::MaybeUninit;

/// Nanoseconds of CPU time that the calling thread has used.
pub(crate) fn cpu_time() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Nanoseconds of a clock that all threads share.
pub(crate) fn wall_time() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// CPU time that `work` takes.
#[inline]
pub(crate) fn timed(work: impl FnOnce()) -> f64 {
    let begin = cpu_time();
    work();
    (cpu_time() - begin) as f64
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` lives across the call, and the kernel writes a whole timespec.
    unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // SAFETY: zeroed before, and every bit pattern is a valid timespec.
    let time = unsafe { time.assume_init() };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// How often the calling process has lost its processor to others so far.
pub(crate) fn preemptions() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` lives across the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: zeroed before, and every bit pattern is a valid rusage.
    unsafe { usage.assume_init() }.ru_nivcsw.cast_unsigned()
}

/// How many processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Binds the calling thread to one processor.
pub(crate) fn bind_to(processor: usize) {
    // SAFETY: all-zero bytes are an empty set; CPU_SET writes inside it for every number below its size.
    unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        libc::CPU_SET(processor % 1024, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

/// Lets the calling thread run before all others that are not of its kind. False if that is not allowed.
///
/// Whoever calls it must give the processor back within two seconds: see [`end_burst`].
pub(crate) fn begin_burst() -> bool {
    schedule(libc::SCHED_FIFO, 1)
}

/// Ends what [`begin_burst`] began.
pub(crate) fn end_burst() {
    schedule(libc::SCHED_OTHER, 0);
}

fn schedule(policy: libc::c_int, priority: libc::c_int) -> bool {
    let parameter = libc::sched_param { sched_priority: priority };
    // SAFETY: `parameter` lives across the call; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, policy, &parameter) == 0 }
}
