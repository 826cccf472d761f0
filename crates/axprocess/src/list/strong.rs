//! A list that keeps its members alive.

use alloc::sync::Arc;
use core::ops::Deref;
use core::ptr::NonNull;

use super::ring::Ring;
use super::{Node, Ptr};
use crate::Host;
use crate::sync::Hold;

/// A list that holds one strong reference to each member.
///
/// It is emptied before it is dropped; what is still in it then is leaked, never freed while linked.
pub(crate) struct StrongList<T, L>(Ring<T, L>);

impl<T, L> Deref for StrongList<T, L> {
    type Target = Ring<T, L>;

    fn deref(&self) -> &Ring<T, L> {
        &self.0
    }
}

impl<T: Node<L>, L> StrongList<T, L> {
    pub(crate) const fn new() -> Self {
        Self(Ring::new())
    }

    /// Puts `node` at the end. It is in no other list of this kind.
    #[inline]
    pub(crate) fn push_back<H: Host>(&self, hold: &mut Hold<'_, H>, node: Arc<T>) {
        self.0.push_back(hold, into_pointer(node));
    }

    /// Takes `node` out and hands over the list's reference, which the caller keeps until the hold has ended.
    /// `None` if it is in no list; it is in no other list of this kind.
    #[must_use = "to be kept until the hold has ended"]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) -> Option<Arc<T>> {
        let pointer = self.0.remove(hold, node)?;
        // SAFETY: the pointer comes from `Arc::into_raw` in `into_pointer`, and its reference,
        // which the list held, is handed over here, once.
        Some(unsafe { Arc::from_raw(pointer.0.as_ptr()) })
    }

    /// A strong reference of one's own to `node`, which is in some list of this kind; `None` if it is in none.
    pub(crate) fn clone_arc<H: Host>(hold: &Hold<'_, H>, node: &T) -> Option<Arc<T>> {
        let pointer = node.links().own_pointer::<H, L>(hold)?.0.as_ptr();
        // SAFETY: the pointer comes from `Arc::into_raw`, and the list's reference keeps the object alive meanwhile.
        unsafe {
            Arc::increment_strong_count(pointer);
            Some(Arc::from_raw(pointer))
        }
    }
}

pub(super) fn into_pointer<T>(node: Arc<T>) -> Ptr<T> {
    // SAFETY: `Arc::into_raw` never returns null.
    Ptr(unsafe { NonNull::new_unchecked(Arc::into_raw(node).cast_mut()) })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::tests::{Item, item, names, world};
    use super::*;

    #[test]
    fn a_strong_list_keeps_order_and_references() {
        // Each member is held once while it is in, in insertion order, and handed over at removal.
        let list = StrongList::<Item, ()>::new();
        let (a, b, c) = (item("a"), item("b"), item("c"));
        let removed = world().hold(|hold| {
            list.push_back(hold, a.clone());
            list.push_back(hold, b.clone());
            list.push_back(hold, c.clone());
            assert_eq!(names(list.iter(hold)), ["a", "b", "c"]);
            assert_eq!(Arc::strong_count(&a), 2);
            list.remove(hold, &a)
        });
        assert_eq!(removed.as_ref().map(|item| item.name), Some("a"));
        drop(removed);
        assert_eq!(Arc::strong_count(&a), 1);
        let rest = world().hold(|hold| {
            assert!(list.remove(hold, &a).is_none(), "what is out cannot be taken out again");
            assert_eq!(names(list.iter(hold)), ["b", "c"]);
            let rest: Vec<_> = [&b, &c].map(|item| list.remove(hold, item)).into();
            assert!(list.len(hold) == 0 && list.first(hold).is_none());
            rest
        });
        drop(rest);
        assert_eq!((Arc::strong_count(&b), Arc::strong_count(&c)), (1, 1));
    }

    #[test]
    fn a_member_can_be_cloned_while_it_is_in() {
        // `clone_arc` finds the list's own pointer, also for a single member, and refuses outsiders.
        let list = StrongList::<Item, ()>::new();
        let a = item("a");
        let (cloned, removed, outsider) = world().hold(|hold| {
            list.push_back(hold, a.clone());
            let cloned = StrongList::clone_arc(hold, &*a);
            let removed = list.remove(hold, &a);
            (cloned, removed, StrongList::clone_arc(hold, &*a))
        });
        assert_eq!(Arc::strong_count(&a), 3);
        assert!(outsider.is_none());
        drop((cloned, removed));
        assert_eq!(Arc::strong_count(&a), 1);
    }
}
