//! Whether interrupts come, and for how long none has.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::interrupts as flag;

use super::processor;

/// Interrupts are off as long as this lives; then they are as they were.
pub(crate) struct Off {
    were_on: bool,
    /// It belongs to the processor, which may change where interrupts are on.
    _here: PhantomData<*const ()>,
}

impl Off {
    pub(crate) fn new() -> Self {
        Self { were_on: switch_off(), _here: PhantomData }
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        restore(self.were_on);
    }
}

/// Switches them off, and says whether they were on.
pub(super) fn switch_off() -> bool {
    let were_on = flag::are_enabled();
    flag::disable();
    if were_on {
        note_off();
    }
    were_on
}

pub(super) fn restore(were_on: bool) {
    if were_on {
        note_on();
        flag::enable();
    }
}

/// The longest time so far, on the time-stamp counter.
static LONGEST_OFF: AtomicU64 = AtomicU64::new(0);

/// They have just been switched off on this processor.
pub(super) fn note_off() {
    processor::here().off_since.set(super::time::stamp());
}

/// They are about to be switched on.
pub(super) fn note_on() {
    let time = super::time::stamp().saturating_sub(processor::here().off_since.get());
    if time > LONGEST_OFF.load(Ordering::Relaxed) {
        LONGEST_OFF.fetch_max(time, Ordering::Relaxed);
    }
}

/// Returns for how long interrupts were off at most, on any processor, since this was asked last.
pub(crate) fn take_longest_off() -> core::time::Duration {
    super::time::of_stamps(LONGEST_OFF.swap(0, Ordering::Relaxed))
}

/// Waits for an interrupt, and misses none that came since they are off. Behind it they are on.
pub(crate) fn wait_for_one(off: Off) {
    core::mem::forget(off);
    note_on();
    flag::enable_and_hlt();
}
