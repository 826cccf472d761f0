//! A queue ordered by a key, with constant-time access to the first.
//!
//! `wait` takes, of all children with something to report, the one that was born or adopted
//! first (R-WAIT-14), whatever the order in which they ended. So the queue must accept keys in any order. It is a
//! treap: a binary search tree by key that is at the same time a heap by a
//! pseudo-random priority, which keeps it about 2 ln n deep. The priority is computed from the key, the links
//! stand in the objects, and the first member is remembered.

use core::marker::PhantomData;

use super::Ptr;
use crate::Host;
use crate::object::Object;
use crate::sync::{Field, Hold};

/// An object that can stand in an ordered queue of kind `L`.
pub(crate) trait OrderedNode<L>: Object {
    fn tree_links(&self) -> &TreeLinks<Self>;
    /// Its place in the order; constant while it is in the queue, and no other member's.
    fn key<H: Host>(&self, hold: &Hold<'_, H>) -> i64;
}

/// The links of one object in an ordered queue.
pub(crate) struct TreeLinks<T> {
    parent: Field<Option<Ptr<T>>>,
    left: Field<Option<Ptr<T>>>,
    right: Field<Option<Ptr<T>>>,
}

impl<T: Send + Sync> TreeLinks<T> {
    pub(crate) const fn new() -> Self {
        Self { parent: Field::new(None), left: Field::new(None), right: Field::new(None) }
    }
}

/// A queue in the order of its members' keys. It keeps nothing alive; see the module's contract of weak links.
pub(crate) struct OrderedQueue<T, L> {
    root: Field<Option<Ptr<T>>>,
    first: Field<Option<Ptr<T>>>,
    last: Field<Option<Ptr<T>>>,
    kind: PhantomData<fn(L)>,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

impl<T: OrderedNode<L>, L> OrderedQueue<T, L> {
    pub(crate) const fn new() -> Self {
        Self {
            root: Field::new(None),
            first: Field::new(None),
            last: Field::new(None),
            kind: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn first<'h, H: Host>(&self, hold: &Hold<'h, H>) -> Option<&'h T> {
        self.first.get(hold).map(|first| first.get(hold))
    }

    /// Whether `node`, which is in no other queue of this kind, is in this one: it is below another, or it is the root.
    #[inline]
    pub(crate) fn contains<H: Host>(&self, hold: &Hold<'_, H>, node: &T) -> bool {
        node.tree_links().parent.get(hold).is_some()
            || self.root.get(hold).is_some_and(|root| root.is(node))
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

    /// Puts `node`, which is in no queue of this kind, at its place.
    #[inline]
    pub(crate) fn insert<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        hold.touch();
        debug_assert!(!self.contains(hold, node), "an object is queued once");
        match self.first.get(hold) {
            None => self.set_only(hold, Some(Ptr::new(node))),
            Some(_) => self.insert_among_others(hold, node),
        }
    }

    fn insert_among_others<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        let (own, key) = (Ptr::new(node), node.key(hold));
        let is_first = self.first(hold).is_none_or(|first| key < first.key(hold));
        let is_last = self.last.get(hold).is_none_or(|last| key > last.get(hold).key(hold));
        let Some((parent, side)) = self.place_below(hold, key, is_last) else {
            return;
        };
        Self::set_child(hold, parent.get(hold), side, Some(own));
        node.tree_links().parent.set(hold, Some(parent));
        if is_first {
            self.first.set(hold, Some(own));
        }
        if is_last {
            self.last.set(hold, Some(own));
        }
        while let Some(above) = node.tree_links().parent.get(hold) {
            let above = above.get(hold);
            if priority(above.key(hold)) >= priority(key) {
                break;
            }
            self.rotate_up(hold, node);
        }
    }

    /// Takes `node` out, if it is in; it is in no other queue of this kind.
    #[inline]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        if !self.contains(hold, node) {
            return;
        }
        hold.touch();
        match self.first.get(hold) == self.last.get(hold) {
            true => self.set_only(hold, None),
            false => self.remove_and_rebalance(hold, node),
        }
    }

    fn remove_and_rebalance<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        let links = node.tree_links();
        if self.first.get(hold).is_some_and(|first| first.is(node)) {
            self.first.set(hold, Self::neighbour(hold, node, Side::Right));
        }
        if self.last.get(hold).is_some_and(|last| last.is(node)) {
            self.last.set(hold, Self::neighbour(hold, node, Side::Left));
        }
        while let (Some(left), Some(right)) = (links.left.get(hold), links.right.get(hold)) {
            let (left, right) = (left.get(hold), right.get(hold));
            let higher =
                if priority(left.key(hold)) >= priority(right.key(hold)) { left } else { right };
            self.rotate_up(hold, higher);
        }
        let only_child = links.left.get(hold).or(links.right.get(hold));
        self.replace_below_parent(hold, node, only_child);
        links.parent.set(hold, None);
        links.left.set(hold, None);
        links.right.set(hold, None);
    }

    /// Makes it a queue of one, or of none.
    fn set_only<H: Host>(&self, hold: &mut Hold<'_, H>, only: Option<Ptr<T>>) {
        self.root.set(hold, only);
        self.first.set(hold, only);
        self.last.set(hold, only);
    }

    /// Where in the tree a new key belongs. At once, if it is behind all others: most are, for who is adopted is born last.
    fn place_below<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        key: i64,
        is_last: bool,
    ) -> Option<(Ptr<T>, Side)> {
        if is_last {
            return Some((self.last.get(hold)?, Side::Right));
        }
        let mut at = self.root.get(hold)?;
        loop {
            hold.touch();
            let side = if key < at.get(hold).key(hold) { Side::Left } else { Side::Right };
            match Self::child(hold, at.get(hold), side) {
                Some(child) => at = child,
                None => return Some((at, side)),
            }
        }
    }

    /// Rotates `node` into its parent's place.
    fn rotate_up<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        hold.touch();
        let Some(parent) = node.tree_links().parent.get(hold) else {
            return;
        };
        let parent = parent.get(hold);
        let side = Self::side_of(hold, parent, node);
        let other = side.other();
        self.replace_below_parent(hold, parent, Some(Ptr::new(node)));
        let moved = Self::child(hold, node, other);
        Self::set_child(hold, parent, side, moved);
        if let Some(moved) = moved {
            moved.get(hold).tree_links().parent.set(hold, Some(Ptr::new(parent)));
        }
        Self::set_child(hold, node, other, Some(Ptr::new(parent)));
        parent.tree_links().parent.set(hold, Some(Ptr::new(node)));
    }

    /// Makes `replacement` stand where `node` stands below its parent.
    fn replace_below_parent<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        node: &T,
        replacement: Option<Ptr<T>>,
    ) {
        let parent = node.tree_links().parent.get(hold);
        match parent.map(|parent| parent.get(hold)) {
            None => self.root.set(hold, replacement),
            Some(above) => {
                Self::set_child(hold, above, Self::side_of(hold, above, node), replacement);
            }
        }
        if let Some(replacement) = replacement {
            replacement.get(hold).tree_links().parent.set(hold, parent);
        }
    }

    /// The member before (left) or behind (right) `node` in the order.
    fn neighbour<H: Host>(hold: &Hold<'_, H>, node: &T, side: Side) -> Option<Ptr<T>> {
        if let Some(mut at) = Self::child(hold, node, side) {
            while let Some(inner) = Self::child(hold, at.get(hold), side.other()) {
                at = inner;
            }
            return Some(at);
        }
        let mut below = Ptr::new(node);
        loop {
            let above = below.get(hold).tree_links().parent.get(hold)?;
            if Self::child(hold, above.get(hold), side.other()) == Some(below) {
                return Some(above);
            }
            below = above;
        }
    }

    /// On which side of its parent a node stands.
    fn side_of<H: Host>(hold: &Hold<'_, H>, parent: &T, node: &T) -> Side {
        match Self::child(hold, parent, Side::Left) {
            Some(left) if left.is(node) => Side::Left,
            _ => Side::Right,
        }
    }

    fn child<H: Host>(hold: &Hold<'_, H>, node: &T, side: Side) -> Option<Ptr<T>> {
        match side {
            Side::Left => node.tree_links().left.get(hold),
            Side::Right => node.tree_links().right.get(hold),
        }
    }

    fn set_child<H: Host>(hold: &mut Hold<'_, H>, node: &T, side: Side, child: Option<Ptr<T>>) {
        match side {
            Side::Left => node.tree_links().left.set(hold, child),
            Side::Right => node.tree_links().right.set(hold, child),
        }
    }
}

/// A pseudo-random function of the key (the finishing steps of SplitMix64), so that the tree's shape does not follow the keys.
const fn priority(key: i64) -> u64 {
    let mut x = (key as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::tests::{Item, numbered, table};
    use super::*;
    use crate::object::ARef;

    #[test]
    fn members_come_out_in_key_order_whatever_the_order_of_insertion() {
        // R-WAIT-14: the order is the key's; each removal, from anywhere, keeps it and keeps `first` right.
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below as u64) as usize
        };
        for count in [1, 2, 3, 10, 200] {
            let queue = OrderedQueue::<Item, ()>::new();
            let items: Vec<ARef<Item>> = (0..count).map(|key| numbered(key as i64)).collect();
            let mut outside: Vec<usize> = (0..count).collect();
            let mut inside: Vec<usize> = Vec::new();
            for _ in 0..20 * count {
                let enter = inside.is_empty() || (!outside.is_empty() && next(5) < 3);
                table().hold(|hold| {
                    if enter {
                        let index = outside.swap_remove(next(outside.len()));
                        queue.insert(hold, &items[index]);
                        inside.push(index);
                    } else {
                        let index = inside.swap_remove(next(inside.len()));
                        queue.remove(hold, &items[index]);
                        queue.remove(hold, &items[index]);
                        outside.push(index);
                    }
                    inside.sort_unstable();
                    let found: Vec<i64> = queue.iter(hold).map(|item| item.key).collect();
                    let expected: Vec<i64> = inside.iter().map(|&index| index as i64).collect();
                    assert_eq!(found, expected);
                    assert_eq!(queue.first(hold).map(|item| item.key), expected.first().copied());
                    items.iter().for_each(|item| assert!(is_below_a_higher(hold, item)));
                });
            }
            for item in &items {
                table().hold(|hold| queue.remove(hold, item));
            }
        }
    }

    #[test]
    fn the_tree_stays_shallow_for_keys_in_order() {
        // No scan: 100,000 keys inserted in order or in reverse leave a tree of depth O(log n).
        let count = 100_000;
        let items: Vec<ARef<Item>> = (0..count).map(numbered).collect();
        for reverse in [false, true] {
            let queue = OrderedQueue::<Item, ()>::new();
            let order: Vec<&ARef<Item>> =
                if reverse { items.iter().rev().collect() } else { items.iter().collect() };
            table().hold(|hold| {
                for item in order {
                    queue.insert(hold, item);
                }
                let deepest = items.iter().map(|item| depth(hold, item)).max();
                assert!(deepest.is_some_and(|depth| depth < 70), "depth {deepest:?}");
                for item in &items {
                    assert!(queue.first(hold).is_some_and(|first| core::ptr::eq(first, &**item)));
                    queue.remove(hold, item);
                }
                assert!(queue.first(hold).is_none());
            });
        }
    }

    #[test]
    fn the_priority_is_that_of_splitmix64() {
        // The published outputs of SplitMix64 for the seeds 1234567, the state after that, and 0.
        let seed = 1_234_567_u64;
        assert_eq!(priority(seed as i64), 6_457_827_717_110_365_317);
        let next = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        assert_eq!(priority(next as i64), 3_203_168_211_198_807_973);
        assert_eq!(priority(0), 0xe220_a839_7b1d_cdaf);
    }

    /// Whether no member below has a higher priority than the one above it.
    fn is_below_a_higher<H: Host>(hold: &Hold<'_, H>, item: &Item) -> bool {
        let above = item.tree_links().parent.get(hold);
        above.is_none_or(|above| priority(above.get(hold).key) >= priority(item.key))
    }

    fn depth<H: Host>(hold: &Hold<'_, H>, item: &Item) -> usize {
        core::iter::successors(Some(Ptr::new(item)), |at| {
            at.get(hold).tree_links().parent.get(hold)
        })
        .count()
    }
}
