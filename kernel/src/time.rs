//! Clocks, which all go as one, and sleeps that end by them.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use axprocess::Errno;
use axprocess_signals::Restart;

use crate::call::{Answer, Call, Failure, nothing};
use crate::host::Thread;
use crate::machine::{self, AddressSpace};
use crate::sched;
use crate::thread::User;

/// Reads a `struct timespec`. `EFAULT`. `EINVAL`: it is no time.
pub(crate) fn duration_at(space: &AddressSpace, at: u64) -> Result<Duration, Errno> {
    let [seconds, part] = space.get::<[u64; 2]>(at)?;
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

/// Sleeps until `look` has an answer, which is asked now and behind each kick. Nothing: a deadline has passed. `Interrupted`: the thread is wanted.
pub(crate) fn sleep_for<R>(
    thread: &Thread,
    deadline: Option<Duration>,
    restart: Restart,
    mut look: impl FnMut() -> Result<Option<R>, Failure>,
) -> Result<Option<R>, Failure> {
    loop {
        let answer = look()?;
        let is_over = deadline.is_some_and(|deadline| machine::monotonic() >= deadline);
        if answer.is_some() || is_over {
            return Ok(answer);
        }
        if !thread.attention().is_empty() {
            return Err(Failure::Interrupted(restart));
        }
        thread.process().host_data().fetch_add(1, Relaxed);
        sched::block(sched::SLEEPS, deadline);
    }
}

/// Sleeps until a deadline has passed. `Interrupted`.
pub(crate) fn sleep(thread: &Thread, deadline: Option<Duration>, restart: Restart) -> Answer {
    sleep_for(thread, deadline, restart, || Ok(None::<()>)).map(|_| 0)
}

impl Call<'_> {
    pub(crate) fn clock_gettime(&self, at: u64) -> Answer {
        nothing(self.space()?.put(at, &words_of(machine::monotonic())))
    }

    pub(crate) fn nanosleep(&mut self, wanted: u64, left: u64) -> Answer {
        let longest = duration_at(&*self.space()?, wanted)?;
        let deadline = kept_deadline(self.user, longest);
        let slept = sleep(self.thread, Some(deadline), Restart::RestOfTime);
        if slept.is_err() {
            let rest = deadline.saturating_sub(machine::monotonic());
            self.space()?.put_unless_null(left, &words_of(rest))?;
        }
        slept
    }
}
