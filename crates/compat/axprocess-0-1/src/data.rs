//! Data of any type.

use alloc::boxed::Box;
use core::any::Any;

/// What a builder was given; `()` if nothing was.
pub(crate) struct AnyData(Option<Box<dyn Any + Send + Sync>>);

impl AnyData {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new<T: Any + Send + Sync>(data: T) -> Self {
        Self(Some(Box::new(data)))
    }

    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        match &self.0 {
            Some(data) => data.downcast_ref(),
            None => (&() as &dyn Any).downcast_ref(),
        }
    }
}
