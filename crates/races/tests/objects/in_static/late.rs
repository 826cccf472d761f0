//! An atomic of loom's that a constant can name: it is made when it is first used, which one does before the others can.

use std::sync::OnceLock;

use loom::sync::atomic::{self, Ordering};

#[derive(Debug)]
pub(crate) struct AtomicU32 {
    value: u32,
    made: OnceLock<atomic::AtomicU32>,
}

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        Self { value, made: OnceLock::new() }
    }

    fn made(&self) -> &atomic::AtomicU32 {
        self.made.get_or_init(|| atomic::AtomicU32::new(self.value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.made().load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.made().store(value, order);
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.made().compare_exchange(current, new, success, failure)
    }
}
