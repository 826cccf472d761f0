//! A worker: a real process or thread that does what it is told, one raw system call at a time.
//!
//! It runs on the stack in its slot, shares the address space of whoever made it, allocates nothing and calls nothing of the C
//! library. Between orders it sleeps on its slot; a signal that it handles is written into the slot.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::slot::{self, RECORDS, Slot};
use super::{notices, raw};

/// The life of a worker: takes orders until one of them is to end, or a signal ends it.
///
/// # Safety
///
/// To be entered on the stack of the slot of that index, by a new thread.
pub(super) unsafe extern "C" fn work(index: u64) -> ! {
    let slot = Slot::at(index as usize);
    introduce(slot);
    let mut last = slot.done.load(Relaxed);
    loop {
        let ordered = slot.ordered.load(Acquire);
        if ordered == last {
            sleep_on(slot, last);
            continue;
        }
        last = ordered;
        let result = obey(slot);
        slot.result.store(result, Relaxed);
        slot.done.store(ordered, Release);
    }
}

fn introduce(slot: &Slot) {
    // SAFETY: these calls take no arguments.
    let (pid, tid) = unsafe {
        (
            raw::syscall(libc::SYS_getpid as u64, [0; 6]),
            raw::syscall(libc::SYS_gettid as u64, [0; 6]),
        )
    };
    slot.pid.store(pid as i32, Relaxed);
    slot.tid.store(tid as i32, Relaxed);
    slot.handler.store(note as *const () as usize as u64, Relaxed);
    slot.restorer.store(raw::restorer(), Relaxed);
}

fn sleep_on(slot: &Slot, last: u32) {
    let futex = std::ptr::from_ref(&slot.ordered) as u64;
    let arguments = [futex, libc::FUTEX_WAIT as u64, u64::from(last), 0, 0, 0];
    // SAFETY: the futex lies in the slot; no time limit.
    let result = unsafe { raw::syscall(libc::SYS_futex as u64, arguments) };
    if result == -i64::from(libc::ENOSYS) {
        // Looks again soon. Asleep in between, so that it is seen to be at rest.
        let pause = [0_u64, 300_000];
        let arguments = [pause.as_ptr() as u64, 0, 0, 0, 0, 0];
        // SAFETY: the time lives across the call, which gives nothing back.
        unsafe { raw::syscall(libc::SYS_nanosleep as u64, arguments) };
    }
}

fn obey(slot: &Slot) -> i64 {
    let call = slot.call.load(Relaxed);
    let mut arguments = [0; 6];
    for (argument, ordered) in arguments.iter_mut().zip(&slot.arguments) {
        *argument = ordered.load(Relaxed);
    }
    if call == libc::SYS_clone3 as u64 {
        let child = slot.child.load(Relaxed);
        // SAFETY: the controller has put a good request into the scratch area, with the stack of a slot that is free.
        return unsafe { raw::clone3(arguments[0], arguments[1], work, child) };
    }
    if let Some(notice) = notices::of(call) {
        return notice(slot, arguments);
    }
    // SAFETY: the controller orders only calls whose pointers lie in the slot.
    unsafe { raw::syscall(call, arguments) }
}

/// The handler of every handled signal: writes down what it is told.
///
/// # Safety
///
/// Called by the kernel, on a worker's stack.
unsafe extern "C" fn note(signal: i32, info: *const libc::siginfo_t, _: *mut u8) {
    let slot = Slot::of_stack(raw::stack_pointer());
    let index = slot.recorded.load(Relaxed);
    if let Some(record) = slot.records.get(index as usize).filter(|_| (index as usize) < RECORDS) {
        // SAFETY: the kernel hands a whole siginfo; the words behind si_code are the members for kill and SIGCHLD.
        let words = unsafe { &*info.cast::<[i32; 8]>() };
        record.signal.store(signal, Relaxed);
        record.code.store(words[2], Relaxed);
        record.pid.store(words[4], Relaxed);
        record.status.store(words[6], Relaxed);
        let mask = std::ptr::from_ref(&record.mask) as u64;
        let ask = [libc::SIG_BLOCK as u64, 0, mask, 8, 0, 0];
        // SAFETY: the mask is written into the record.
        unsafe { raw::syscall(libc::SYS_rt_sigprocmask as u64, ask) };
    }
    slot.recorded.store(index + 1, Release);
}

/// Goes on as the worker of a slot, in the new program of an exec.
pub(super) fn resume(index: usize, memory: i32) -> ! {
    if slot::map(memory).is_err() {
        std::process::exit(126);
    }
    let slot = Slot::at(index);
    slot.result.store(0, Relaxed);
    introduce(slot);
    forget_runtime();
    slot.done.store(slot.ordered.load(Acquire), Release);
    let (base, size) = slot.stack();
    // SAFETY: the thread that used this stack has become this one by its exec.
    unsafe { raw::run_on_stack(base + size, work, index as u64) }
}

/// What the language's runtime has done about signals before the new program began is undone, but that `SIGPIPE` is ignored, as by all workers.
fn forget_runtime() {
    const NONE: [u64; 4] = [libc::SIG_DFL as u64, 0, 0, 0];
    let set = |signal: i32, action: &[u64; 4], before: Option<&mut [u64; 4]>| {
        let before = before.map_or(0, |it| std::ptr::from_mut(it) as u64);
        let action = std::ptr::from_ref(action) as u64;
        let arguments = [signal as u64, action, before, 8, 0, 0];
        // SAFETY: both actions live across the call, and neither of the two runs code.
        unsafe { raw::syscall(libc::SYS_rt_sigaction as u64, arguments) };
    };
    let ignored = [libc::SIG_IGN as u64, 0, 0, 0];
    set(libc::SIGPIPE, &ignored, None);
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        let mut before = NONE;
        set(signal, &NONE, Some(&mut before));
        if before[0] == ignored[0] {
            set(signal, &ignored, None);
        }
    }
}
