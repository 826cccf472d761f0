//! timer_create(2): timers that send a signal, from the interrupt of the clock.

use alloc::vec::Vec;
use core::time::Duration;

use axprocess::{ARef, Errno, KernelCause, Signal};
use axprocess_signals::signals_of;
use linux_raw_sys::general::{SI_TIMER, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID, TIMER_ABSTIME};

use crate::call::{Answer, Call, nothing};
use crate::host::{Process, Thread};
use crate::machine::{IrqLock, monotonic};
use crate::time;
use crate::user_memory::push;
use crate::wait::Key;

/// All of them.
static TIMERS: IrqLock<Vec<Timer>> = IrqLock::new(Vec::new());

struct Timer {
    /// The process that has made it, and what it is called there.
    owner: Key,
    id: u32,
    /// What its signal says.
    value: u64,
    target: Target,
    signal: Option<Signal>,
    /// None: it is not armed.
    expires: Option<Duration>,
    interval: Duration,
}

enum Target {
    Process(ARef<Process>),
    /// None: a leader that has exited takes nothing, and is there.
    Thread(Option<ARef<Thread>>),
}

impl Timer {
    fn expire(&mut self, now: Duration) {
        self.expires = Some(self.interval).filter(|it| !it.is_zero()).map(|it| now + it);
        let Some(signal) = self.signal else { return };
        let (code, value, number) = (SI_TIMER, self.value, self.id.cast_signed());
        let cause = KernelCause::Event { code, value, number, sender: None };
        match &self.target {
            Target::Thread(None) => {}
            Target::Thread(Some(thread)) => thread.send_signal(signal, cause),
            Target::Process(process) => process.send_signal(signal, cause),
        }
    }

    /// What it has sent, and nobody has taken, is void.
    fn void(&self, caller: &Thread) {
        let thread = match &self.target {
            Target::Thread(Some(thread)) => thread,
            _ => caller,
        };
        if let Some(signal) = self.signal {
            signals_of(thread).void_timer(signal, self.id.cast_signed());
        }
    }

    /// How long again and again, and how long it still runs.
    fn setting(&self) -> [u64; 4] {
        let left = self.expires.map_or(Duration::ZERO, |expires| {
            // One that is due has not expired before its signal is sent.
            expires.saturating_sub(monotonic()).max(Duration::from_nanos(1))
        });
        let ([a, b], [c, d]) = (time::words_of(self.interval), time::words_of(left));
        [a, b, c, d]
    }
}

/// Expires what is due. In the interrupt of the clock.
pub(crate) fn tick() {
    let now = monotonic();
    let mut timers = TIMERS.lock();
    let due = timers.iter_mut().filter(|timer| timer.expires.is_some_and(|it| it <= now));
    due.for_each(|timer| timer.expire(now));
}

/// Deletes those of a process that ends, or executes another program.
pub(crate) fn delete_all(process: &Process) {
    TIMERS.lock().retain(|timer| timer.owner != Key::of(process));
}

/// `EINVAL`: there is none.
fn with<R>(process: &Process, id: u32, look: impl FnOnce(&mut Timer) -> R) -> Result<R, Errno> {
    let mut timers = TIMERS.lock();
    let timer = timers.iter_mut().find(|it| it.owner == Key::of(process) && it.id == id);
    timer.map(look).ok_or(Errno::EINVAL)
}

impl Call<'_> {
    pub(crate) fn timer_create(&self, event: u64, at: u64) -> Answer {
        let (space, process) = (self.space()?, self.thread.process());
        let [value, both, tid] = space.get::<[u64; 3]>(event)?;
        let (number, how) = (both as u8, (both >> 32) as u32);
        let target = match how {
            SIGEV_SIGNAL | SIGEV_NONE => Target::Process(ARef::clone(process)),
            SIGEV_THREAD_ID => Target::Thread(self.thread_of_own(tid as u32)?),
            _ => return Err(Errno::EINVAL.into()),
        };
        let signal = match how {
            SIGEV_NONE => None,
            _ => Some(Signal::new(number).ok_or(Errno::EINVAL)?),
        };
        let mut timers = TIMERS.lock();
        let owner = Key::of(&**process);
        let is_free = |id: &u32| !timers.iter().any(|it| it.owner == owner && it.id == *id);
        let id = (0..).find(is_free).ok_or(Errno::EAGAIN)?;
        let (expires, interval) = (None, Duration::ZERO);
        push(&mut timers, Timer { owner, id, value, target, signal, expires, interval })?;
        drop(timers);
        nothing(space.put(at, &id))
    }

    /// A thread of the caller's process.
    fn thread_of_own(&self, tid: u32) -> Result<Option<ARef<Thread>>, Errno> {
        let own = self.thread.process();
        let found = own.namespace().find_thread(tid);
        let found = found.filter(|it| ARef::ptr_eq(it.process(), own));
        if found.is_some() || own.pid() == tid { Ok(found) } else { Err(Errno::EINVAL) }
    }

    pub(crate) fn timer_settime(&self, id: u32, flags: u32, new: u64, old: u64) -> Answer {
        let space = self.space()?;
        let interval = time::duration_at(&space, new)?;
        let first = time::duration_at(&space, new.wrapping_add(16))?;
        let is_absolute = flags & TIMER_ABSTIME != 0;
        let expires = if is_absolute { first } else { time::deadline(first) };
        let before = with(self.thread.process(), id, |timer| {
            let before = timer.setting();
            timer.void(self.thread);
            (timer.expires, timer.interval) = ((!first.is_zero()).then_some(expires), interval);
            before
        })?;
        nothing(space.put_unless_null(old, &before))
    }

    pub(crate) fn timer_gettime(&self, id: u32, at: u64) -> Answer {
        let setting = with(self.thread.process(), id, |timer| timer.setting())?;
        nothing(self.space()?.put(at, &setting))
    }
}
