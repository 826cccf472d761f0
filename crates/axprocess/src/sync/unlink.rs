//! What a destructor must not leave undone.

/// Takes an object out of all lists, because its memory goes next. If that panics, because a hook does or has called back, the program ends here:
/// what is linked must not be freed.
pub(crate) fn unlink<R>(section: impl FnOnce() -> R) -> R {
    let still_linked = StillLinked;
    let result = section();
    core::mem::forget(still_linked);
    result
}

/// Dropped only while a panic unwinds; a second one then ends the program.
struct StillLinked;

impl Drop for StillLinked {
    fn drop(&mut self) {
        panic!("an object cannot be freed: a hook has panicked while it was being unlinked");
    }
}
