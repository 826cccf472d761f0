//! Programs of two or three threads, each with what must be true afterwards whatever the schedule was.
//!
//! `race_NN_…` are the races that were shown in published process crates; the others are the interleavings that every process model has to
//! survive. Each sets its scene, lets threads loose, and asserts; the invariant checker looks at every unlock in between.

mod family;
mod groups;
mod reaping;
mod signals;
mod threads;

pub use family::*;
pub use groups::*;
pub use reaping::*;
pub use signals::*;
pub use threads::*;

use std::sync::{Arc, Mutex};

use crate::Explorer;

/// Runs two bodies side by side, and gives what they returned.
fn both<E: Explorer, A: Send + 'static, B: Send + 'static>(
    first: impl FnOnce() -> A + Send + 'static,
    second: impl FnOnce() -> B + Send + 'static,
) -> (A, B) {
    let result = Arc::new(Mutex::new(None));
    let handle = E::spawn({
        let result = Arc::clone(&result);
        move || {
            let value = first();
            *result.lock().unwrap() = Some(value);
        }
    });
    let second = second();
    E::join(handle);
    let first = result.lock().unwrap().take().unwrap();
    (first, second)
}

/// Runs three bodies side by side, and gives what they returned.
fn all<E: Explorer, A: Send + 'static, B: Send + 'static, C: Send + 'static>(
    first: impl FnOnce() -> A + Send + 'static,
    second: impl FnOnce() -> B + Send + 'static,
    third: impl FnOnce() -> C + Send + 'static,
) -> (A, B, C) {
    let ((first, second), third) = {
        let result = Arc::new(Mutex::new(None));
        let handle = E::spawn({
            let result = Arc::clone(&result);
            move || {
                let value = third();
                *result.lock().unwrap() = Some(value);
            }
        });
        let two = both::<E, A, B>(first, second);
        E::join(handle);
        let third = result.lock().unwrap().take().unwrap();
        (two, third)
    };
    (first, second, third)
}
