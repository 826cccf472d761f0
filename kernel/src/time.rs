//! Clocks, and sleeps that end by them.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use axprocess::Errno;
use axprocess_signals::Restart;

use crate::call::{Answer, Call, Failure, nothing, unless_null};
use crate::host::Thread;
use crate::machine::{self, AddressSpace};
use crate::sched;
use crate::thread::User;

/// Reads a `struct timespec`.
///
/// # Errors
///
/// `EFAULT`. `EINVAL`: it is no time.
pub(crate) fn duration_at(space: &AddressSpace, at: u64) -> Result<Duration, Errno> {
    let [seconds, part] = space.words(at)?;
    let is_time = seconds.cast_signed() >= 0 && part < 1_000_000_000;
    is_time.then(|| Duration::new(seconds, part as u32)).ok_or(Errno::EINVAL)
}

pub(crate) fn words_of(time: Duration) -> [u64; 2] {
    [time.as_secs(), time.subsec_nanos().into()]
}

pub(crate) fn deadline(longest: Duration) -> Duration {
    machine::monotonic().saturating_add(longest)
}

/// The same for a call that is made again behind a signal, for the rest of its time.
pub(crate) fn kept_deadline(user: &mut User, longest: Duration) -> Duration {
    *user.deadline.get_or_insert_with(|| deadline(longest))
}

/// Sleeps until the next kick, or until a deadline.
pub(crate) fn sleep(thread: &Thread, deadline: Option<Duration>) {
    thread.process().host_data().sleeps.fetch_add(1, Relaxed);
    sched::block(deadline);
}

/// Sleeps until the thread is wanted, or until a deadline: whether that has passed first.
pub(crate) fn sleep_until(thread: &Thread, deadline: Option<Duration>) -> bool {
    loop {
        if !thread.attention().is_empty() {
            return false;
        }
        if deadline.is_some_and(|deadline| machine::monotonic() >= deadline) {
            return true;
        }
        sleep(thread, deadline);
    }
}

/// Makes the call of that number, if it is one of these.
pub(crate) fn make(call: &mut Call<'_>, number: u64) -> Option<Answer> {
    let registers = &call.user.registers;
    let (a, b, c, d) = (registers.rdi, registers.rsi, registers.rdx, registers.r10);
    Some(match number {
        35 => call.nanosleep(a, b),
        96 => call.gettimeofday(a),
        201 => call.time(a),
        228 => call.clock_gettime(a as i32, b),
        229 => call.clock_getres(a as i32, b),
        230 => call.clock_nanosleep(a as i32, b, c, d),
        _ => return None,
    })
}

/// All clocks go as one: the machine knows no date.
fn now(clock: i32) -> Result<Duration, Errno> {
    const MOST: i32 = 11;
    if (0..=MOST).contains(&clock) { Ok(machine::monotonic()) } else { Err(Errno::EINVAL) }
}

impl Call<'_> {
    fn clock_gettime(&self, clock: i32, at: u64) -> Answer {
        nothing(self.space()?.put_words(at, &words_of(now(clock)?)))
    }

    fn clock_getres(&self, clock: i32, at: u64) -> Answer {
        now(clock)?;
        nothing(unless_null(at, || self.space()?.put_words(at, &[0, 1])))
    }

    fn gettimeofday(&self, at: u64) -> Answer {
        let now = machine::monotonic();
        let words = [now.as_secs(), now.subsec_micros().into()];
        nothing(unless_null(at, || self.space()?.put_words(at, &words)))
    }

    fn time(&self, at: u64) -> Answer {
        let now = machine::monotonic().as_secs();
        unless_null(at, || self.space()?.put_words(at, &[now]))?;
        Ok(now)
    }

    fn nanosleep(&mut self, wanted: u64, left: u64) -> Answer {
        let longest = duration_at(&*self.space()?, wanted)?;
        let deadline = kept_deadline(self.user, longest);
        self.sleep_to(deadline, left)
    }

    fn clock_nanosleep(&mut self, clock: i32, flags: u64, wanted: u64, left: u64) -> Answer {
        const ABSOLUTE: u64 = 1;
        now(clock)?;
        let time = duration_at(&*self.space()?, wanted)?;
        if flags & ABSOLUTE == 0 {
            let deadline = kept_deadline(self.user, time);
            return self.sleep_to(deadline, left);
        }
        match sleep_until(self.thread, Some(time)) {
            true => Ok(0),
            false => Err(Failure::Interrupted(Restart::UnlessHandled)),
        }
    }

    fn sleep_to(&self, deadline: Duration, left: u64) -> Answer {
        if sleep_until(self.thread, Some(deadline)) {
            return Ok(0);
        }
        let rest = deadline.saturating_sub(machine::monotonic());
        unless_null(left, || self.space()?.put_words(left, &words_of(rest)))?;
        Err(Failure::Interrupted(Restart::RestOfTime))
    }
}
