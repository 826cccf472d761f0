//! A list that keeps nothing alive.

use core::ops::Deref;

use super::ring::Ring;
use super::{Node, Ptr};
use crate::Host;
use crate::sync::Hold;

/// A list of objects that others keep alive; see the module's contract of weak links.
pub(crate) struct WeakList<T, L>(Ring<T, L>);

impl<T, L> Deref for WeakList<T, L> {
    type Target = Ring<T, L>;

    fn deref(&self) -> &Ring<T, L> {
        &self.0
    }
}

impl<T: Node<L>, L> WeakList<T, L> {
    pub(crate) const fn new() -> Self {
        Self(Ring::new())
    }

    /// Puts `node` at the end. It is in no other list of this kind.
    #[inline]
    pub(crate) fn push_back<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        self.0.push_back(hold, Ptr::new(node));
    }

    /// Moves all members to the end of another list, at once.
    pub(crate) fn move_all<H: Host>(&self, hold: &mut Hold<'_, H>, to: &Self) {
        if let Some(last) = self.0.last(hold) {
            let count = self.0.len(hold) as u32;
            self.0.move_first(hold, count, last, &to.0);
        }
    }

    /// Takes `node` out, if it is in; it is in no other list of this kind.
    #[inline]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        self.0.remove(hold, node);
    }
}
