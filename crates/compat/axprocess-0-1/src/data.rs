//! Data of any type.

use alloc::alloc::handle_alloc_error;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::any::Any;

use crate::Errno;

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

/// A list of the model's. This API has no way to say that there is no memory for it: then it does what `Vec` does.
pub(crate) fn listed<T>(list: Result<Vec<T>, Errno>) -> Vec<T> {
    list.unwrap_or_else(|_| handle_alloc_error(Layout::new::<T>()))
}
