//! A queue ordered by a key, with constant-time access to the first, and a short way to the first of a class.
//!
//! `wait` takes, of all children with something to report, the one that was born or adopted
//! first (R-WAIT-14), whatever the order in which they ended. So the queue must accept keys in any order. It is a
//! treap: a binary search tree by key that is at the same time a heap by a
//! pseudo-random priority, which keeps it about 2 ln n deep. The priority is computed from the key, the links
//! stand in the objects, and the first member is remembered.
//!
//! Members belong to **classes**, one bit each: what they have to report, and of which kind they are. Each knows the classes of all members at and below its place in the tree. So who asks for some
//! classes only passes by all others, however many there are.

#[cfg(any(test, feature = "check"))]
mod check;

use core::marker::PhantomData;

use super::{Ptr, lead_to_same};
use crate::Host;
use crate::object::Object;
use crate::sync::{Field, Hold};

/// An object that can stand in an ordered queue of kind `L`.
pub(crate) trait OrderedNode<L>: Object {
    fn tree_links(&self) -> &TreeLinks<Self>;
    /// Its place in the order; constant while it is in the queue, and no other member's.
    fn key<H: Host>(&self, hold: &Hold<'_, H>) -> i64;
    /// The classes to which it belongs while it is in the queue. Changed by the queue alone, as the next one.
    fn own_classes(&self) -> &Field<u8>;
    /// Those of itself and of all below it in the tree.
    fn subtree_classes(&self) -> &Field<u8>;
}

/// The links of one object in an ordered queue.
pub(crate) struct TreeLinks<T> {
    parent: Field<Option<Ptr<T>>>,
    left: Field<Option<Ptr<T>>>,
    right: Field<Option<Ptr<T>>>,
}

#[cfg(test)]
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

    /// The first member of any of the classes `wanted` whose key is above `key`.
    pub(crate) fn first_behind<'h, H: Host>(
        &self,
        hold: &mut Hold<'h, H>,
        key: i64,
        wanted_classes: u8,
    ) -> Option<&'h T> {
        let first = self.first(hold)?;
        hold.count_touched();
        if first.key(hold) > key {
            let is_wanted = first.own_classes().get(hold) & wanted_classes != 0;
            return if is_wanted {
                Some(first)
            } else {
                Self::first_in_subtree(hold, self.root.get(hold), wanted_classes)
            };
        }
        // The last one that is not behind: then whoever is behind it in the tree.
        let (mut before, mut next) = (first, self.root.get(hold));
        while let Some(node) = next.map(|node| node.get(hold)) {
            hold.count_touched();
            let is_behind = node.key(hold) > key;
            if !is_behind {
                before = node;
            }
            next = Self::child(hold, node, if is_behind { Side::Left } else { Side::Right });
        }
        self.first_behind_node(hold, before, wanted_classes)
    }

    /// The first member of any of the classes `wanted` behind `node`, which is in the queue.
    pub(crate) fn first_behind_node<'h, H: Host>(
        &self,
        hold: &mut Hold<'h, H>,
        node: &T,
        wanted_classes: u8,
    ) -> Option<&'h T> {
        let right = Self::child(hold, node, Side::Right);
        Self::first_in_subtree(hold, right, wanted_classes)
            .or_else(|| Self::first_behind_subtree(hold, node, wanted_classes))
    }

    /// The first member of the classes in the tree below `root`.
    fn first_in_subtree<'h, H: Host>(
        hold: &mut Hold<'h, H>,
        root: Option<Ptr<T>>,
        wanted_classes: u8,
    ) -> Option<&'h T> {
        let has_some =
            |hold: &Hold<'h, H>, node: &&T| node.subtree_classes().get(hold) & wanted_classes != 0;
        let mut at = root.map(|root| root.get(hold)).filter(|root| has_some(hold, root))?;
        loop {
            hold.count_touched();
            let left = Self::child(hold, at, Side::Left).map(|left| left.get(hold));
            if let Some(left) = left.filter(|left| has_some(hold, left)) {
                at = left;
            } else if at.own_classes().get(hold) & wanted_classes != 0 {
                return Some(at);
            } else {
                at = Self::child(hold, at, Side::Right)?.get(hold);
            }
        }
    }

    /// The first member of the classes behind all that are below `node`.
    fn first_behind_subtree<'h, H: Host>(
        hold: &mut Hold<'h, H>,
        node: &T,
        wanted_classes: u8,
    ) -> Option<&'h T> {
        let mut below = Ptr::new(node);
        while let Some(above) = below.get(hold).tree_links().parent.get(hold) {
            hold.count_touched();
            let node = above.get(hold);
            if Self::child(hold, node, Side::Left) == Some(below) {
                if node.own_classes().get(hold) & wanted_classes != 0 {
                    return Some(node);
                }
                let right = Self::child(hold, node, Side::Right);
                let found = Self::first_in_subtree(hold, right, wanted_classes);
                if found.is_some() {
                    return found;
                }
            }
            below = above;
        }
        None
    }

    /// Changes the classes of `node`, which is in this queue.
    pub(crate) fn set_classes<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T, classes: u8) {
        if node.own_classes().get(hold) != classes {
            hold.count_touched();
            node.own_classes().set(hold, classes);
            Self::renew_classes_upward(hold, Some(Ptr::new(node)));
        }
    }

    /// Notes the classes of a new `node` in those above it, as far as they have not got them.
    fn add_classes_above<H: Host>(hold: &mut Hold<'_, H>, node: &T, classes: u8) {
        let mut next = node.tree_links().parent.get(hold);
        while let Some(above) = next.map(|above| above.get(hold)) {
            let below = above.subtree_classes().get(hold);
            if below & classes == classes {
                return;
            }
            hold.count_touched();
            above.subtree_classes().set(hold, below | classes);
            next = above.tree_links().parent.get(hold);
        }
    }

    /// Finds out anew which classes are below `from` and the nodes above it, as far as that changes.
    fn renew_classes_upward<H: Host>(hold: &mut Hold<'_, H>, from: Option<Ptr<T>>) {
        let mut next = from;
        while let Some(node) = next.map(|node| node.get(hold)) {
            if !Self::renew_classes(hold, node) {
                return;
            }
            hold.count_touched();
            next = node.tree_links().parent.get(hold);
        }
    }

    /// Finds out anew which classes are below `node`. Whether they have changed.
    fn renew_classes<H: Host>(hold: &mut Hold<'_, H>, node: &T) -> bool {
        let of =
            |child: Option<Ptr<T>>| child.map_or(0, |it| it.get(hold).subtree_classes().get(hold));
        let links = node.tree_links();
        let (left, right) = (of(links.left.get(hold)), of(links.right.get(hold)));
        let classes = node.own_classes().get(hold) | left | right;
        let has_changed = node.subtree_classes().get(hold) != classes;
        if has_changed {
            node.subtree_classes().set(hold, classes);
        }
        has_changed
    }

    /// Puts `node`, which is in no queue of this kind, at its place, in these classes.
    #[inline(always)]
    pub(crate) fn insert<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T, classes: u8) {
        hold.count_touched();
        debug_assert!(!self.contains(hold, node), "an object is queued once");
        node.own_classes().set(hold, classes);
        node.subtree_classes().set(hold, classes);
        match self.first.get(hold) {
            None => self.set_only(hold, Some(Ptr::new(node))),
            Some(_) => self.insert_among_others(hold, node, classes),
        }
    }

    #[inline(never)]
    fn insert_among_others<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T, classes: u8) {
        let (own, key) = (Ptr::new(node), node.key(hold));
        let is_first = self.first(hold).is_none_or(|first| key < first.key(hold));
        let is_last = self.last.get(hold).is_none_or(|last| key > last.get(hold).key(hold));
        let Some((parent, side)) = self.insertion_point(hold, key, is_last) else {
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
        Self::add_classes_above(hold, node, classes);
        while let Some(above) = node.tree_links().parent.get(hold) {
            let above = above.get(hold);
            if hashed_priority(above.key(hold)) >= hashed_priority(key) {
                break;
            }
            self.rotate_up(hold, node);
        }
    }

    /// Takes `node` out, if it is in; it is in no other queue of this kind.
    #[inline(always)]
    pub(crate) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        if self.contains(hold, node) {
            self.remove_queued(hold, node);
        }
    }

    /// Takes `node` out, which is in.
    #[inline(always)]
    pub(crate) fn remove_queued<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        debug_assert!(self.contains(hold, node), "it is in");
        hold.count_touched();
        match lead_to_same(self.first.get(hold), self.last.get(hold)) {
            true => self.set_only(hold, None),
            false => self.remove_and_rebalance(hold, node),
        }
    }

    #[inline(never)]
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
            let higher = if hashed_priority(left.key(hold)) >= hashed_priority(right.key(hold)) {
                left
            } else {
                right
            };
            self.rotate_up(hold, higher);
        }
        let only_child = links.left.get(hold).or(links.right.get(hold));
        self.replace_below_parent(hold, node, only_child);
        let above = links.parent.get(hold);
        links.parent.set(hold, None);
        links.left.set(hold, None);
        links.right.set(hold, None);
        let own = node.own_classes().get(hold);
        // Mostly all have the same to report.
        if above.is_some_and(|above| !above.get(hold).own_classes().get(hold) & own != 0) {
            Self::renew_classes_upward(hold, above);
        }
    }

    /// Makes it a queue of one, or of none.
    fn set_only<H: Host>(&self, hold: &mut Hold<'_, H>, only: Option<Ptr<T>>) {
        self.root.set(hold, only);
        self.first.set(hold, only);
        self.last.set(hold, only);
    }

    /// Where in the tree a new key belongs. At once, if it is behind all others: most are, for who is adopted is born last.
    fn insertion_point<H: Host>(
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
            hold.count_touched();
            let side = if key < at.get(hold).key(hold) { Side::Left } else { Side::Right };
            match Self::child(hold, at.get(hold), side) {
                Some(child) => at = child,
                None => return Some((at, side)),
            }
        }
    }

    /// Rotates `node` into its parent's place.
    fn rotate_up<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        hold.count_touched();
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
        node.subtree_classes().set(hold, parent.subtree_classes().get(hold));
        Self::renew_classes(hold, parent);
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
const fn hashed_priority(key: i64) -> u64 {
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
        // R-WAIT-14: the order is the key's; each removal, from anywhere, keeps it and keeps `first` right, and the first of some classes is found.
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
                        queue.insert(hold, &items[index], 1 << (index % 5));
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
                    let (wanted, behind) = (1_u8 << next(5) | 1 << next(5), next(count) as i64 - 1);
                    let is_meant = |key: &&i64| **key > behind && wanted >> (**key % 5) & 1 != 0;
                    let meant = queue.first_behind(hold, behind, wanted).map(|item| item.key);
                    assert_eq!(meant.as_ref(), expected.iter().find(is_meant));
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
                    queue.insert(hold, item, 1);
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
        assert_eq!(hashed_priority(seed as i64), 6_457_827_717_110_365_317);
        let next = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        assert_eq!(hashed_priority(next as i64), 3_203_168_211_198_807_973);
        assert_eq!(hashed_priority(0), 0xe220_a839_7b1d_cdaf);
    }

    /// Whether no member below has a higher priority than the one above it.
    fn is_below_a_higher<H: Host>(hold: &Hold<'_, H>, item: &Item) -> bool {
        let above = item.tree_links().parent.get(hold);
        above.is_none_or(|above| hashed_priority(above.get(hold).key) >= hashed_priority(item.key))
    }

    fn depth<H: Host>(hold: &Hold<'_, H>, item: &Item) -> usize {
        core::iter::successors(Some(Ptr::new(item)), |at| {
            at.get(hold).tree_links().parent.get(hold)
        })
        .count()
    }
}
