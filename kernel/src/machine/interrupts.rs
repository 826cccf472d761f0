//! Whether interrupts come.

use core::marker::PhantomData;

use x86_64::instructions::interrupts as flag;

/// Interrupts are off as long as this lives; then they are as they were.
pub(crate) struct Off {
    were_on: bool,
    /// It belongs to the processor, which may change where interrupts are on.
    _here: PhantomData<*const ()>,
}

impl Off {
    pub(crate) fn new() -> Self {
        let were_on = flag::are_enabled();
        flag::disable();
        Self { were_on, _here: PhantomData }
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        if self.were_on {
            flag::enable();
        }
    }
}
