//! A lock before which a test can step in, and which counts.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, MutexGuard};

use axprocess::Lock;

type Step = Box<dyn FnOnce()>;

thread_local! {
    /// How often this thread has taken the lock, but for what was done in a step.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
    /// What to do before the hold of that number.
    static NEXT: RefCell<Option<(u32, Step)>> = const { RefCell::new(None) };
}

pub(crate) struct Counted<T>(Mutex<T>);

impl<T> Lock<T> for Counted<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        let number = HOLDS.get() + 1;
        let due = NEXT.with_borrow_mut(|next| next.take_if(|(at, _)| *at == number));
        if let Some((_, step)) = due {
            step();
        }
        HOLDS.set(number);
        self.0.lock().unwrap()
    }
}

/// How many holds an operation takes, and what it returns.
pub(crate) fn holds<R>(operation: impl FnOnce() -> R) -> (u32, R) {
    HOLDS.set(0);
    let result = operation();
    (HOLDS.get(), result)
}

/// The same, with a step before the hold `at`, counted from one.
pub(crate) fn holds_with<R>(
    at: u32,
    step: impl FnOnce() + 'static,
    operation: impl FnOnce() -> R,
) -> (u32, R) {
    NEXT.set(Some((at, Box::new(step))));
    let result = holds(operation);
    assert!(NEXT.take().is_none(), "there were fewer holds");
    result
}
