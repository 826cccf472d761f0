//! A list that keeps its members alive.

use core::ops::Deref;
use core::ptr::{self, NonNull};

use super::ring::Ring;
use super::{Node, Ptr};
use crate::Host;
use crate::object::ARef;
use crate::sync::Hold;

/// A list that holds one strong reference to each member, but to parts of the object in which it stands itself: these need none.
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

    /// Puts `node` at the end. It is in no other list of this kind, and no part of another object.
    #[inline]
    pub(crate) fn push_back<H: Host>(&self, hold: &mut Hold<'_, H>, node: ARef<T>) {
        self.0.push_back(hold, Ptr(ARef::into_raw(node)));
    }

    /// Takes `node` out and hands over the list's reference. `None` if it is in no list; it is in no other list of this kind.
    #[inline]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) -> Option<ARef<T>> {
        let was_in = self.0.remove(hold, node);
        let owned = was_in && !(T::MAY_BE_PART && node.head().is_part());
        // SAFETY: it was in, and is no part, so `push_back` gave its reference away by `ARef::into_raw`, and that reference, which the list held, is handed over here, once. Held against: a second removal (it
        // finds no links), one after a move to another list (the reference has moved along), a caller that drops it in the hold (it waits for the unlock), a part that was put in with a reference (that is leaked).
        owned.then(|| unsafe { ARef::from_raw(NonNull::from_ref(node)) })
    }

    /// Puts a part of `whole` in, in which the list stands too: whoever can come to the list has the part, so no reference is counted. The list is empty.
    ///
    /// # Panics
    ///
    /// If it is no part.
    #[inline]
    pub(crate) fn push_first_part<H: Host, W>(&self, hold: &mut Hold<'_, H>, whole: &W, part: &T) {
        let stands_inside = |start: usize, size: usize| {
            let whole = ptr::from_ref(whole).addr();
            start >= whole && start + size <= whole + size_of::<W>()
        };
        let (list, node) = (ptr::from_ref(self).addr(), ptr::from_ref(part).addr());
        debug_assert!(
            stands_inside(list, size_of::<Self>()),
            "a list of parts stands in their whole"
        );
        debug_assert!(stands_inside(node, size_of::<T>()), "a part stands in its whole");
        // Or `remove` would hand over a reference that nobody has counted.
        assert!(part.head().is_part(), "what stands for itself is counted");
        self.0.push_first(hold, Ptr::new(part));
    }

    /// Takes out a part that was put in by [`push_first_part`](Self::push_first_part), the only member.
    #[inline]
    pub(crate) fn remove_only_part<H: Host>(&self, hold: &mut Hold<'_, H>, part: &T) {
        self.0.remove_only(hold, part);
    }

    /// Moves the first `count` members, of which `last` is the last, to the end of another list, with the references to them.
    #[inline]
    pub(crate) fn move_first<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        count: u32,
        last: &T,
        to: &Self,
    ) {
        self.0.move_first(hold, count, last, &to.0);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::tests::{Item, item, names, numbered, table};
    use super::*;

    #[test]
    fn a_strong_list_keeps_order_and_references() {
        // Each member is held once while it is in, in insertion order, and handed over at removal.
        let list = StrongList::<Item, ()>::new();
        let (a, b, c) = (item("a"), item("b"), item("c"));
        let removed = table().hold(|hold| {
            list.push_back(hold, a.clone());
            list.push_back(hold, b.clone());
            list.push_back(hold, c.clone());
            assert_eq!(names(list.iter(hold)), ["a", "b", "c"]);
            assert_eq!(ARef::count(&a), 2);
            list.remove(hold, &a)
        });
        assert_eq!(removed.as_ref().map(|item| item.name), Some("a"));
        drop(removed);
        assert_eq!(ARef::count(&a), 1);
        let rest = table().hold(|hold| {
            assert!(list.remove(hold, &a).is_none(), "what is out cannot be taken out again");
            assert_eq!(names(list.iter(hold)), ["b", "c"]);
            let rest: Vec<_> = [&b, &c].map(|item| list.remove(hold, item)).into();
            assert!(list.len(hold) == 0 && list.first(hold).is_none());
            rest
        });
        drop(rest);
        assert_eq!((ARef::count(&b), ARef::count(&c)), (1, 1));
    }

    #[test]
    fn the_first_of_a_list_move_behind_another_in_order() {
        // Some and all of one, two or three, to an empty list and to another; both lists can be walked in both directions and emptied afterwards.
        for (count, moved, before) in [(1, 1, 0), (2, 1, 1), (3, 2, 2), (3, 3, 1), (2, 2, 0)] {
            let (from, to) = (StrongList::<Item, ()>::new(), StrongList::new());
            let items: Vec<_> = (0..count + before).map(numbered).collect();
            let keys = |list: &StrongList<Item, ()>, hold: &Hold<'_, _>| {
                let forward: Vec<i64> = list.iter(hold).map(|item| item.key).collect();
                let mut backward: Vec<i64> =
                    core::iter::successors(list.last(hold), |item| list.before(hold, item))
                        .map(|item| item.key)
                        .collect();
                backward.reverse();
                assert_eq!((&forward, forward.len()), (&backward, list.len(hold)));
                forward
            };
            let released = table().hold(|hold| {
                let (ones, others) = items.split_at(count as usize);
                ones.iter().for_each(|item| from.push_back(hold, ARef::clone(item)));
                others.iter().for_each(|item| to.push_back(hold, ARef::clone(item)));
                from.move_first(hold, moved as u32, &ones[moved as usize - 1], &to);
                assert_eq!(keys(&from, hold), (moved..count).collect::<Vec<_>>());
                assert_eq!(
                    keys(&to, hold),
                    (count..count + before).chain(0..moved).collect::<Vec<_>>()
                );
                let rest = ones.iter().skip(moved as usize).map(|item| from.remove(hold, item));
                let released: Vec<_> = rest.collect();
                let gone = others.iter().chain(&ones[..moved as usize]);
                released
                    .into_iter()
                    .chain(gone.map(|item| to.remove(hold, item)))
                    .collect::<Vec<_>>()
            });
            assert!(released.iter().all(Option::is_some));
            drop(released);
            assert!(items.iter().all(|item| ARef::count(item) == 1));
        }
    }
}
