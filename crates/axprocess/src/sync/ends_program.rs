//! The one place where a panic ends the program.

/// While it is there, a panic that unwinds ends the program: nobody can go on with relations that are half changed. For layers above too.
#[doc(hidden)]
pub struct EndsProgram(());

impl EndsProgram {
    /// Runs a section that must not be left halfway.
    #[inline]
    pub fn unless_it_returns<R>(section: impl FnOnce() -> R) -> R {
        let guard = Self(());
        let result = section();
        core::mem::forget(guard);
        result
    }
}

impl Drop for EndsProgram {
    /// Reached only while a panic unwinds: a second one ends the program, with or without the standard library.
    #[cold]
    fn drop(&mut self) {
        panic!(
            "a panic has left a hook or a section under the relation lock: the program ends, for its relations are half changed"
        );
    }
}
