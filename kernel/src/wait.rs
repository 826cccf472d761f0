//! Who sleeps until something happens: to a file, a word in memory, a handle, a lock.
//!
//! A sleeper enters its place, looks, and only then sleeps: what happens behind its look wakes it. Woken, it looks again.

use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::Errno;

use crate::machine::{IrqLock, TICK, monotonic};
use crate::sched::{self, Task};
use crate::user_memory::push;

/// What is waited for: a thing of the kernel's, or a word of memory, which is one for all that see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) usize, pub(crate) u64);

impl Key {
    pub(crate) fn of<T: ?Sized>(what: &T) -> Self {
        Self(core::ptr::from_ref(what).cast::<()>().addr(), 0)
    }
}

struct Sleeper {
    key: Key,
    is_woken: bool,
    task: Arc<Task>,
}

/// All who sleep, those first who have slept longest.
static SLEEPERS: IrqLock<Vec<Sleeper>> = IrqLock::new(Vec::new());

/// The current task's place, until it is dropped.
pub(crate) struct Place(Key);

/// Enters a place. `ENOMEM`.
pub(crate) fn enter(key: Key) -> Result<Place, Errno> {
    let task = sched::current();
    push(&mut SLEEPERS.lock(), Sleeper { key, is_woken: false, task })?;
    Ok(Place(key))
}

impl Place {
    /// Whether [`wake`] has chosen this one.
    pub(crate) fn is_woken(&self) -> bool {
        let task = sched::current();
        SLEEPERS.lock().iter().any(|it| it.is_woken && it.is_at(self.0, &task))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let task = sched::current();
        let mut sleepers = SLEEPERS.lock();
        if let Some(own) = sleepers.iter().position(|it| it.is_at(self.0, &task)) {
            sleepers.remove(own);
        }
    }
}

impl Sleeper {
    fn is_at(&self, key: Key, task: &Arc<Task>) -> bool {
        self.key == key && Arc::ptr_eq(&self.task, task)
    }
}

/// Has all look again who sleep there. For interrupt handlers too.
pub(crate) fn wake_all(key: Key) {
    SLEEPERS.lock().iter().filter(|it| it.key == key).for_each(|it| it.task.kick());
}

/// Wakes up to so many, and says how many those were.
pub(crate) fn wake(key: Key, most: usize) -> usize {
    let mut sleepers = SLEEPERS.lock();
    let fitting = |it: &&mut Sleeper| it.key == key && !it.is_woken;
    let mut woken = 0;
    for sleeper in sleepers.iter_mut().filter(fitting).take(most) {
        sleeper.is_woken = true;
        sleeper.task.kick();
        woken += 1;
    }
    woken
}

/// Sleeps until `condition` has an answer: it is asked now, and each time that all there are woken.
pub(crate) fn until<R>(key: Key, mut condition: impl FnMut() -> Option<R>) -> R {
    if let Some(answer) = condition() {
        return answer;
    }
    let place = enter(key);
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        // Without memory for a place it looks at each tick.
        sched::block(sched::WAITS, place.is_err().then(|| monotonic() + TICK));
    }
}
