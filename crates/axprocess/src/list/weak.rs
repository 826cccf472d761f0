//! A list that keeps nothing alive.

use super::ring::Ring;
use super::{Node, Ptr};
use crate::Host;
use crate::sync::Hold;

/// A list of objects that others keep alive; see the module's contract of weak links.
pub(crate) struct WeakList<T, L>(Ring<T, L>);

impl<T: Node<L>, L> WeakList<T, L> {
    pub(crate) const fn new() -> Self {
        Self(Ring::new())
    }

    #[inline]
    pub(crate) fn len<H: Host>(&self, hold: &Hold<'_, H>) -> usize {
        self.0.len(hold)
    }

    #[inline]
    pub(crate) fn is_empty<H: Host>(&self, hold: &Hold<'_, H>) -> bool {
        self.len(hold) == 0
    }

    #[inline]
    pub(crate) fn first<'h, H: Host>(&self, hold: &Hold<'h, H>) -> Option<&'h T> {
        self.0.first(hold)
    }

    /// The one after `node`, which is in this list; `None` at its end.
    #[inline]
    pub(crate) fn after<'h, H: Host>(&self, hold: &Hold<'h, H>, node: &T) -> Option<&'h T> {
        self.0.after(hold, node)
    }

    /// The members in order.
    pub(crate) fn iter<'a, 'h, H: Host>(
        &'a self,
        hold: &'a Hold<'h, H>,
    ) -> impl Iterator<Item = &'h T> + use<'a, 'h, T, L, H> {
        core::iter::successors(self.first(hold), move |node| self.after(hold, node))
    }

    /// Puts `node` at the end. It is in no other list of this kind.
    #[inline]
    pub(crate) fn push_back<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        self.0.push_back(hold, Ptr::new(node));
    }

    /// Takes `node` out, if it is in; it is in no other list of this kind.
    #[inline]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        self.0.remove(hold, node);
    }
}
