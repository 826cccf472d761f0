//! What a hold has released and the unlock sets free.

use alloc::sync::Arc;
use core::marker::PhantomData;

use super::{Node, Ptr};
use crate::Host;
use crate::sync::Hold;

/// Strong references that were given up during a hold, chained through the links that became free, so that keeping
/// them allocates nothing. Dropped after the unlock.
pub(crate) struct Released<T: Node<L>, L> {
    head: Option<Ptr<T>>,
    kind: PhantomData<fn(L)>,
}

impl<T: Node<L>, L> Released<T, L> {
    pub(crate) const fn new() -> Self {
        Self { head: None, kind: PhantomData }
    }

    /// Keeps `node`, which is in no list of this kind and will never be in one again.
    pub(crate) fn chain<H: Host>(&mut self, hold: &mut Hold<'_, H>, node: Arc<T>) {
        node.links().chain(hold, self.head);
        self.head = Some(super::strong::into_pointer(node));
    }
}

impl<T: Node<L>, L> Drop for Released<T, L> {
    fn drop(&mut self) {
        while let Some(pointer) = self.head {
            // SAFETY: the pointer comes from `Arc::into_raw` in `keep`, and its reference is taken over once.
            let node = unsafe { Arc::from_raw(pointer.0.as_ptr()) };
            // SAFETY: the node has left every list for good, so these links are the chain's alone.
            self.head = unsafe { node.links().unchain() };
        }
    }
}
