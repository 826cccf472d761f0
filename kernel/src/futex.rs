//! futex(2): to sleep until a word changes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;

use axprocess::Errno;
use axprocess_signals::Restart;

use crate::call::{Answer, Call, Failure, optional};
use crate::machine::{self, AddressSpace, IrqLock, WordIdentity};
use crate::sched::{self, Task};
use crate::time;
use crate::user_memory::{push, shared};

/// All who sleep.
static SLEEPERS: IrqLock<Vec<Arc<Sleeper>>> = IrqLock::new(Vec::new());

/// Who sleeps until its word changes.
struct Sleeper {
    word: WordIdentity,
    bits: u32,
    task: Arc<Task>,
    is_woken: AtomicBool,
}

const WAIT: u64 = 0;
const WAKE: u64 = 1;
const WAIT_BITSET: u64 = 9;
const WAKE_BITSET: u64 = 10;
/// Private or not, a word is what it is; all clocks are one.
const COMMAND: u64 = !(128 | 256);

impl Call<'_> {
    pub(crate) fn futex(&mut self, at: u64, operation: u64, value: u32, rest: [u64; 2]) -> Answer {
        let space = self.space()?;
        let bits = rest[1] as u32;
        let timeout = || optional(rest[0], || time::duration_at(&space, rest[0]));
        match operation & COMMAND {
            WAIT => {
                let longest = timeout()?;
                let deadline = longest.map(|longest| time::kept_deadline(self.user, longest));
                self.wait_for_word(&space, at, value, u32::MAX, deadline)
            }
            WAIT_BITSET if bits == 0 => Err(Errno::EINVAL.into()),
            WAIT_BITSET => self.wait_for_word(&space, at, value, bits, timeout()?),
            WAKE => Ok(wake(&space, at, value as usize)?),
            WAKE_BITSET if bits == 0 => Err(Errno::EINVAL.into()),
            WAKE_BITSET => Ok(wake_bits(&space, at, value as usize, bits)?),
            _ => Err(Errno::ENOSYS.into()),
        }
    }

    fn wait_for_word(
        &self,
        space: &AddressSpace,
        at: u64,
        value: u32,
        bits: u32,
        deadline: Option<Duration>,
    ) -> Answer {
        let sleeper = Sleeper {
            word: identity(space, at)?,
            bits,
            task: Arc::clone(&sched::current()),
            is_woken: AtomicBool::new(false),
        };
        let sleeper = shared(sleeper)?;
        push(&mut SLEEPERS.lock(), Arc::clone(&sleeper))?;
        let answer = self.sleep_unless_changed(space, at, value, &sleeper, deadline);
        let mut sleepers = SLEEPERS.lock();
        let own = sleepers.iter().position(|it| Arc::ptr_eq(it, &sleeper));
        let own = own.map(|own| sleepers.remove(own));
        drop(sleepers);
        drop(own);
        answer
    }

    fn sleep_unless_changed(
        &self,
        space: &AddressSpace,
        at: u64,
        value: u32,
        sleeper: &Sleeper,
        deadline: Option<Duration>,
    ) -> Answer {
        if space.read_word(at).map_err(|_| Errno::EFAULT)? != value {
            return Err(Errno::EAGAIN.into());
        }
        loop {
            if sleeper.is_woken.load(Relaxed) {
                return Ok(0);
            }
            if deadline.is_some_and(|deadline| machine::monotonic() >= deadline) {
                return Err(Errno::ETIMEDOUT.into());
            }
            if !self.thread.attention().is_empty() {
                return Err(Failure::Interrupted(match deadline {
                    Some(_) => Restart::RestOfTime,
                    None => Restart::UnlessHandlerSaysNo,
                }));
            }
            time::sleep(self.thread, deadline);
        }
    }
}

fn identity(space: &AddressSpace, at: u64) -> Result<WordIdentity, Errno> {
    if at % 4 != 0 {
        return Err(Errno::EINVAL);
    }
    space.word_identity(at).map_err(|_| Errno::EFAULT)
}

/// Wakes up to so many who sleep until a word changes, those first who have slept longest.
///
/// # Errors
///
/// `EINVAL`: it is not aligned. `EFAULT`.
pub(crate) fn wake(space: &AddressSpace, at: u64, most: usize) -> Result<u64, Errno> {
    wake_bits(space, at, most, u32::MAX)
}

fn wake_bits(space: &AddressSpace, at: u64, most: usize, bits: u32) -> Result<u64, Errno> {
    let word = identity(space, at)?;
    let sleepers = SLEEPERS.lock();
    let fitting = sleepers.iter().filter(|it| it.word == word && it.bits & bits != 0);
    let mut woken = 0;
    for sleeper in fitting.filter(|it| !it.is_woken.load(Relaxed)).take(most) {
        sleeper.is_woken.store(true, Relaxed);
        sleeper.task.kick();
        woken += 1;
    }
    Ok(woken)
}
