//! Data of any type.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;

use model::{Cursor, Object};

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

/// Collects a list of the model's: `visit` adds what one hold visits. This API has no way to say that there is no memory for it: then it does what `Vec` does.
pub(crate) fn listed<T: Object, U>(mut visit: impl FnMut(&mut Cursor<T>, &mut Vec<U>)) -> Vec<U> {
    let (mut cursor, mut found) = (Cursor::new(), Vec::new());
    while !cursor.is_done() {
        found.reserve(Cursor::<T>::VISITS_PER_HOLD);
        visit(&mut cursor, &mut found);
    }
    found
}
