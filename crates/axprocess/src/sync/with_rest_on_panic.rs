//! What is left of an operation of several holds when a waker panics between two of them.

/// Runs a section of an operation. If a waker panics after its hold, the rest of the operation is done while that panic unwinds: it costs nobody what
/// the operation owes. A second panic then ends the program.
#[inline]
pub(crate) fn with_rest_on_panic<R>(rest: impl FnMut(), section: impl FnOnce() -> R) -> R {
    let guard = OnPanic(rest);
    let result = section();
    core::mem::forget(guard);
    result
}

struct OnPanic<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnPanic<F> {
    /// Reached only while a panic unwinds.
    #[cold]
    fn drop(&mut self) {
        (self.0)();
    }
}
