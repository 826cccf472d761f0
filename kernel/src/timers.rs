//! timer_create(2): timers that send a signal, from the interrupt of the clock.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use axprocess::{ARef, Errno, KernelCause, Signal};

use crate::call::{Answer, Call, nothing, unless_null};
use crate::host::{Process, Thread};
use crate::machine::{self, IrqLock};
use crate::time;
use crate::user_memory::{push, shared};

/// All that are armed.
static ARMED: IrqLock<Vec<Arc<Timer>>> = IrqLock::new(Vec::new());

/// The timers of a process.
pub(crate) struct Timers(IrqLock<Vec<Option<Arc<Timer>>>>);

struct Timer {
    id: i32,
    /// What its signal says.
    value: u64,
    target: Target,
    signal: Option<Signal>,
    setting: IrqLock<Setting>,
}

enum Target {
    Process(ARef<Process>),
    /// None: a leader that has exited takes nothing, and is there.
    Thread(Option<ARef<Thread>>),
}

#[derive(Clone, Copy, Default)]
struct Setting {
    /// None: it is not armed.
    expires: Option<Duration>,
    interval: Duration,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self(IrqLock::new(Vec::new()))
    }

    fn get(&self, id: u32) -> Result<Arc<Timer>, Errno> {
        let timers = self.0.lock();
        let timer = timers.get(id as usize).and_then(Option::as_ref);
        timer.map(Arc::clone).ok_or(Errno::EINVAL)
    }

    /// Those of a process that ends, or executes another program.
    pub(crate) fn delete_all(&self) {
        let timers = core::mem::take(&mut *self.0.lock());
        timers.iter().flatten().for_each(|timer| timer.disarm());
    }
}

impl Timer {
    fn disarm(self: &Arc<Self>) {
        *self.setting.lock() = Setting::default();
        let mut armed = ARMED.lock();
        let own = armed.iter().position(|it| Arc::ptr_eq(it, self));
        let own = own.map(|own| armed.swap_remove(own));
        drop(armed);
        drop(own);
    }

    /// How long it still runs, and how long then again and again.
    fn left(&self) -> [Duration; 2] {
        let Setting { expires, interval } = *self.setting.lock();
        let left = expires.map(|expires| expires.saturating_sub(machine::monotonic()));
        // One that is due has not expired before its signal is sent.
        [left.map_or(Duration::ZERO, |left| left.max(Duration::from_nanos(1))), interval]
    }

    fn expire(&self) {
        const SI_TIMER: i32 = -2;
        let Some(signal) = self.signal else { return };
        let (code, value, number) = (SI_TIMER, self.value, self.id);
        let cause = KernelCause::Event { code, value, number, sender: None };
        match &self.target {
            Target::Thread(None) => {}
            Target::Thread(Some(thread)) => thread.send_signal(signal, cause),
            Target::Process(process) => process.send_signal(signal, cause),
        }
    }
}

/// Expires what is due. In the interrupt of the clock.
pub(crate) fn tick() {
    let now = machine::monotonic();
    loop {
        let due = {
            let mut armed = ARMED.lock();
            let is_due = |timer: &Arc<Timer>| {
                timer.setting.lock().expires.is_some_and(|expires| expires <= now)
            };
            let Some(at) = armed.iter().position(is_due) else { return };
            let timer = Arc::clone(&armed[at]);
            let mut setting = timer.setting.lock();
            let due = setting.expires;
            match setting.interval {
                Duration::ZERO => drop(armed.swap_remove(at)),
                interval => setting.expires = Some(now.saturating_add(interval)),
            }
            drop(setting);
            (timer, due)
        };
        let (timer, was_due) = due;
        timer.expire();
        // Whoever sees that it is not armed finds its signal.
        let mut setting = timer.setting.lock();
        if setting.expires == was_due {
            setting.expires = None;
        }
    }
}

/// Makes the call of that number, if it is one of these.
pub(crate) fn make(call: &Call<'_>, number: u64) -> Option<Answer> {
    let registers = &call.user.registers;
    let (a, b, c, d) = (registers.rdi, registers.rsi, registers.rdx, registers.r10);
    Some(match number {
        222 => call.timer_create(a, b, c),
        223 => call.timer_settime(a as u32, b, c, d),
        224 => call.timer_gettime(a as u32, b),
        226 => call.timer_delete(a as u32),
        _ => return None,
    })
}

impl Call<'_> {
    fn timers(&self) -> &Timers {
        &self.thread.process().host_data().timers
    }

    fn timer_create(&self, clock: u64, event: u64, id: u64) -> Answer {
        const SIGNAL: u32 = 0;
        const NONE: u32 = 1;
        const THREAD: u32 = 4;
        const MOST_CLOCKS: u64 = 11;
        if clock > MOST_CLOCKS {
            return Err(Errno::EINVAL.into());
        }
        let space = self.space()?;
        let [value, both, tid] = match event {
            0 => [0, u64::from(Signal::SIGALRM.number()), 0],
            event => space.words(event)?,
        };
        let (number, how) = (both as u32, (both >> 32) as u32);
        let process = self.thread.process();
        let target = match how {
            SIGNAL | NONE => Target::Process(ARef::clone(process)),
            THREAD => Target::Thread(self.thread_of_own(tid as u32)?),
            _ => return Err(Errno::EINVAL.into()),
        };
        let signal = match how {
            NONE => None,
            _ => {
                let number = u8::try_from(number).ok();
                Some(number.and_then(Signal::new).ok_or(Errno::EINVAL)?)
            }
        };
        let mut timers = self.timers().0.lock();
        let place = timers.iter().position(Option::is_none).unwrap_or(timers.len());
        let setting = IrqLock::new(Setting::default());
        let value = if event == 0 { place as u64 } else { value };
        let timer = Timer { id: place as i32, value, target, signal, setting };
        let timer = shared(timer)?;
        if place == timers.len() {
            push(&mut timers, None)?;
        }
        timers[place] = Some(timer);
        drop(timers);
        nothing(space.put_word32(id, place as u32))
    }

    /// A thread of the caller's process.
    fn thread_of_own(&self, tid: u32) -> Result<Option<ARef<Thread>>, Errno> {
        let own = self.thread.process();
        let found = own.namespace().find_thread(tid);
        let found = found.filter(|it| ARef::ptr_eq(it.process(), own));
        if found.is_some() || own.pid() == tid { Ok(found) } else { Err(Errno::EINVAL) }
    }

    fn timer_settime(&self, id: u32, flags: u64, new: u64, old: u64) -> Answer {
        const ABSOLUTE: u64 = 1;
        let space = self.space()?;
        let interval = time::duration_at(&space, new)?;
        let first = time::duration_at(&space, new.wrapping_add(16))?;
        let timer = self.timers().get(id)?;
        let before = timer.left();
        timer.disarm();
        if first != Duration::ZERO {
            let is_absolute = flags & ABSOLUTE != 0;
            let expires = if is_absolute { first } else { time::deadline(first) };
            *timer.setting.lock() = Setting { expires: Some(expires), interval };
            push(&mut ARMED.lock(), timer)?;
        }
        nothing(unless_null(old, || self.put_setting(old, before)))
    }

    fn timer_gettime(&self, id: u32, at: u64) -> Answer {
        let left = self.timers().get(id)?.left();
        nothing(self.put_setting(at, left))
    }

    fn put_setting(&self, at: u64, [left, interval]: [Duration; 2]) -> Result<(), Errno> {
        let [seconds, part] = time::words_of(left);
        let [of_interval, part_of_interval] = time::words_of(interval);
        self.space()?.put_words(at, &[of_interval, part_of_interval, seconds, part])
    }

    fn timer_delete(&self, id: u32) -> Answer {
        self.timers().get(id)?.disarm();
        let mut timers = self.timers().0.lock();
        let deleted = timers.get_mut(id as usize).and_then(Option::take);
        drop(timers);
        drop(deleted);
        Ok(0)
    }
}
