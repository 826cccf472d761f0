//! What a worker does to make the kernel itself send a signal: orders of several system calls.
//!
//! A signal may stop or end the worker behind any of them. The files are everyone's, and end with the script.

use std::sync::atomic::Ordering::Relaxed;

use super::raw;
use super::slot::Slot;

/// An order that is no system call of its own.
type Notice = fn(&Slot, [u64; 6]) -> i64;

/// Numbers that no system call has.
const FIRST: u64 = 1 << 32;
/// A timer that expires at once: signal; how it notifies; thread.
pub(super) const TIMER: u64 = FIRST;
/// A file that becomes readable: kind of owner; owner; signal.
pub(super) const OWNED_FILE: u64 = FIRST + 1;
/// A write to a pipe that nobody reads.
pub(super) const BROKEN_PIPE: u64 = FIRST + 2;

/// The order of that number.
pub(super) fn of(call: u64) -> Option<Notice> {
    match call {
        TIMER => Some(expire_timer),
        OWNED_FILE => Some(make_readable),
        BROKEN_PIPE => Some(write_to_nobody),
        _ => None,
    }
}

/// What a timer of the stage says in its `si_value`, which tells it from a siginfo that somebody has given.
pub(super) const OF_TIMER: i32 = 0x71;

/// The least descriptor of a file of the stage, which its siginfo says: no status of a child is that great.
pub(super) const FIRST_FILE: i32 = 700;

/// A call whose pointers lie in the scratch area.
fn call(number: i64, given: &[u64]) -> Result<i64, i64> {
    let mut arguments = [0; 6];
    arguments[..given.len()].copy_from_slice(given);
    // SAFETY: see above; the caller's arguments are good for the call.
    match unsafe { raw::syscall(number as u64, arguments) } {
        error @ ..0 => Err(error),
        value => Ok(value),
    }
}

/// Where the word of that index stands in the scratch area.
fn place(slot: &Slot, index: usize) -> u64 {
    std::ptr::from_ref(&slot.scratch[index]) as u64
}

/// What a system call would have returned.
fn as_raw(result: Result<i64, i64>) -> i64 {
    result.unwrap_or_else(|error| error)
}

fn expire_timer(slot: &Slot, [signal, how, thread, ..]: [u64; 6]) -> i64 {
    const TIMER: usize = 8;
    const TIME: usize = 12;
    let words = [OF_TIMER as u64, (signal & 0xffff_ffff) | how << 32, thread];
    let rest = std::iter::repeat_n(0, 16);
    for (word, value) in slot.scratch.iter().zip(words.into_iter().chain(rest)) {
        word.store(value, Relaxed);
    }
    as_raw((|| {
        let clock = libc::CLOCK_MONOTONIC as u64;
        call(libc::SYS_timer_create, &[clock, place(slot, 0), place(slot, TIMER)])?;
        let timer = slot.scratch[TIMER].load(Relaxed) & 0xffff_ffff;
        let left = &slot.scratch[TIME + 2..TIME + 4];
        left[1].store(1, Relaxed);
        call(libc::SYS_timer_settime, &[timer, 0, place(slot, TIME), 0])?;
        // It sends in the same step in which it ceases to be armed.
        while left.iter().any(|word| word.load(Relaxed) != 0) {
            call(libc::SYS_timer_gettime, &[timer, place(slot, TIME)])?;
        }
        Ok(0)
    })())
}

fn make_readable(slot: &Slot, [kind, owner, signal, ..]: [u64; 6]) -> i64 {
    const F_SETSIG: u64 = 10;
    const F_SETOWN_EX: u64 = 15;
    slot.scratch[0].store((kind & 0xffff_ffff) | owner << 32, Relaxed);
    let ends = [libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0, place(slot, 1)];
    as_raw((|| {
        call(libc::SYS_socketpair, &ends)?;
        let both = slot.scratch[1].load(Relaxed);
        let (low, writer) = (both & 0xffff_ffff, both >> 32);
        let reader = call(libc::SYS_fcntl, &[low, libc::F_DUPFD as u64, FIRST_FILE as u64])? as u64;
        let result = (|| {
            call(libc::SYS_fcntl, &[reader, F_SETOWN_EX, place(slot, 0)])?;
            call(libc::SYS_fcntl, &[reader, F_SETSIG, signal])?;
            call(libc::SYS_fcntl, &[reader, libc::F_SETFL as u64, libc::O_ASYNC as u64])?;
            call(libc::SYS_write, &[writer, place(slot, 1), 1])?;
            Ok(0)
        })();
        for file in [reader, low, writer] {
            call(libc::SYS_close, &[file])?;
        }
        result
    })())
}

fn write_to_nobody(slot: &Slot, _: [u64; 6]) -> i64 {
    as_raw((|| {
        call(libc::SYS_pipe2, &[place(slot, 0), 0])?;
        let both = slot.scratch[0].load(Relaxed);
        let (reader, writer) = (both & 0xffff_ffff, both >> 32);
        call(libc::SYS_close, &[reader])?;
        let result = call(libc::SYS_write, &[writer, place(slot, 1), 1]);
        call(libc::SYS_close, &[writer])?;
        result
    })())
}
