//! What the invariant checker asks of an ordered queue.

use super::{OrderedNode, OrderedQueue, Side};
use crate::Host;
use crate::sync::Hold;

impl<T: OrderedNode<L>, L> OrderedQueue<T, L> {
    /// Asserts that each member knows the classes of those below it.
    pub(crate) fn check<H: Host>(&self, hold: &Hold<'_, H>) {
        for node in self.iter(hold) {
            let below =
                |side| Self::child(hold, node, side).map(|it| it.get(hold).subtree_classes());
            let known = [Side::Left, Side::Right].map(|it| below(it).map_or(0, |it| it.get(hold)));
            let classes = node.own_classes().get(hold) | known[0] | known[1];
            assert_eq!(node.subtree_classes().get(hold), classes, "2: the classes below a report");
        }
    }

    /// The members in order.
    pub(crate) fn iter<'a, 'h, H: Host>(
        &'a self,
        hold: &'a Hold<'h, H>,
    ) -> impl Iterator<Item = &'h T> + use<'a, 'h, T, L, H> {
        core::iter::successors(self.first(hold), move |node| {
            Self::neighbour(hold, node, Side::Right).map(|next| next.get(hold))
        })
    }
}
