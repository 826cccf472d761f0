//! The map from a number to its slot: which process, thread, group or session a number means.
//!
//! It is read and changed under the table's lock with interrupts off, and that decides its shape:
//!
//! * *Nothing is allocated or freed under the lock.* An edit that lacks nodes changes nothing and
//!   says how many ([`NodesMissing`]); the caller unlocks, allocates, locks, donates, tries again.
//!   Emptied nodes are chained through themselves and handed out, to be freed after the unlock.
//!   A hash map or a `BTreeMap` allocates when it pleases, and a growing hash map moves everything.
//! * *Every operation is bounded.* With a fan-out of 64, six levels cover all of `u32`; there are
//!   only as many as the largest number needs (three up to 262,143), as in Linux's xarray.
//! * *It finds free numbers.* Each inner node knows which of its children are full, so the smallest
//!   free number from a point on costs one way down, at most two, and never a scan.
//!
//! Between operations one leaf in the tree may have emptied, and no other node: it stays where it is until
//! another empties or is needed, because the next number is mostly given out there. Each bitmap is true of the level below it, and
//! a node outside the tree has only vacant slots or no children.

use alloc::boxed::Box;
use core::mem;

use crate::Errno;
use crate::object::boxed;

/// The bits of a number that one level decides.
const BITS: u32 = 6;
/// No leaf: there are not so many.
const NO_LEAF: u32 = u32::MAX;
/// The slots of a leaf, and the children of an inner node.
const FANOUT: usize = 1 << BITS;
/// The inner nodes that one edit can need: five above the old root, four down to the new leaf.
const MOST_INNERS: usize = 9;
/// The nodes of a kind that stay when others are retired, so that to fork and exit in turns at the
/// border of a leaf does not allocate each time. No edit needs more leaves than this.
const SPARES: usize = 1;

/// What a number maps to.
pub(crate) trait Slot: Copy {
    /// The slot of a number never used, which is vacant.
    ///
    /// A constant, because filling a leaf with `Default` leaves a copy of it in each stack frame
    /// on the way when nothing is optimised: 14 KiB, and kernel stacks are small.
    const VACANT: Self;

    /// Tells whether the number is free.
    ///
    /// A vacant slot is used again as it is. Only an edit may change the answer.
    fn is_vacant(&self) -> bool;
}

/// The map from numbers to slots.
pub(crate) struct Radix<V> {
    root: Child<V>,
    /// How far a number is shifted to give its digit at the root; any value while that is empty.
    shift: u32,
    len: usize,
    /// The leaf that emptied last, by its place among all leaves; it may have been filled again.
    idle_leaf: u32,
    pool: Pool<V>,
}

impl<V: Slot> Radix<V> {
    /// Makes an empty map, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            root: Child::Empty,
            shift: 0,
            len: 0,
            idle_leaf: NO_LEAF,
            pool: Pool { leaves: Stock::new(), inners: Stock::new() },
        }
    }

    /// Returns the slot of a number: a vacant one, if the number is free.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> V {
        if !self.covers(number) {
            return V::VACANT;
        }
        let Child::Leaf(leaf) = self.follow(number).0 else {
            return V::VACANT;
        };
        // Not by way of the bitmap, which would be one more cache line.
        leaf.body.slots[digit(number, 0)]
    }

    /// Edits the slot of a number, in use or free.
    ///
    /// Afterwards the number is in use or free as the slot says; nodes that emptied are retired.
    ///
    /// # Errors
    /// [`NodesMissing`] if nodes must be donated first: nothing has changed, `edit` has not run.
    #[inline]
    pub(crate) fn edit<R>(
        &mut self,
        number: u32,
        edit: impl FnOnce(&mut V) -> R,
    ) -> Result<R, NodesMissing> {
        let edited = match self.leaf_mut(number) {
            Some(leaf) => leaf.edit(number, edit),
            None => self.plant(number)?.edit(number, edit),
        };
        self.update_len_and_bitmaps(number, edited.occupied_before, edited.occupied_after);
        Ok(edited.result)
    }

    /// Puts something into the slot of a free number where that concerns its leaf alone: it is there, if only because it emptied last, and does not become full.
    /// False, and nothing has changed, where it does or the number is in use: [`edit`](Self::edit) tells.
    #[inline]
    pub(crate) fn occupy_within_leaf(&mut self, number: u32, value: V) -> bool {
        let Some(leaf) = self.leaf_mut(number) else {
            return false;
        };
        let own = bit(digit(number, 0));
        let is_used = leaf.occupied & own != 0;
        if is_used || leaf.occupied | own == u64::MAX {
            return false;
        }
        leaf.slots[digit(number, 0)] = value;
        leaf.occupied |= own;
        self.len += 1;
        true
    }

    /// Frees a number in use whose slot `may` be vacated, where that concerns its leaf alone. False, and nothing has changed, where it does not.
    #[inline]
    pub(crate) fn vacate_within_leaf(&mut self, number: u32, may: impl FnOnce(&V) -> bool) -> bool {
        let idle_leaf = self.idle_leaf;
        let Some(leaf) = self.leaf_mut(number) else {
            return false;
        };
        let own = bit(digit(number, 0));
        let (others, is_used) = (leaf.occupied & !own, leaf.occupied & own != 0);
        let is_full = leaf.occupied == u64::MAX;
        if !is_used || is_full || (others == 0 && idle_leaf != number >> BITS) {
            return false;
        }
        let slot = &mut leaf.slots[digit(number, 0)];
        if !may(slot) {
            return false;
        }
        *slot = V::VACANT;
        leaf.occupied = others;
        self.len -= 1;
        true
    }

    /// Edits the slot of a number in use; returns `None` if it is free.
    ///
    /// Afterwards the number is in use or free as the slot says; nodes that emptied are retired.
    #[inline]
    pub(crate) fn edit_existing<R>(
        &mut self,
        number: u32,
        edit: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let leaf = self.leaf_mut(number)?;
        if leaf.occupied & bit(digit(number, 0)) == 0 {
            return None;
        }
        let Edited { result, occupied_before: before, occupied_after: after } =
            leaf.edit(number, edit);
        self.update_len_and_bitmaps(number, before, after);
        Some(result)
    }

    /// Returns the smallest free number in `from..limit`.
    pub(crate) fn first_free(&self, from: u32, limit: u32) -> Option<u32> {
        let start = u64::from(from);
        let free = if self.covers(from) {
            self.root.first_number(start, self.shift, Child::free_digits)
        } else {
            Some(start)
        };
        // Beyond a full tree all is free; what is beyond `u32` too is beyond any limit.
        let free = free.unwrap_or(1 << (self.shift + BITS));
        u32::try_from(free).ok().filter(|free| *free < limit)
    }

    /// Returns the smallest number in use that is not below `from`.
    pub(crate) fn first_used(&self, from: u32) -> Option<u32> {
        if !self.covers(from) {
            return None;
        }
        let used = self.root.first_number(u64::from(from), self.shift, Child::used_digits)?;
        u32::try_from(used).ok()
    }

    /// Returns how many numbers are in use.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Sees to it that an edit of a number lacks no nodes.
    ///
    /// # Errors
    /// [`NodesMissing`] if nodes must be donated first.
    pub(crate) fn check_nodes_for(&mut self, number: u32) -> Result<(), NodesMissing> {
        let is_there = self.leaf_mut(number).is_some();
        if is_there { Ok(()) } else { self.check_spares(number) }
    }

    /// Takes nodes that were allocated without the lock, for the next edit.
    ///
    /// What no edit can need is retired at once: racing donors do not pile up spares.
    pub(crate) fn donate(&mut self, nodes: Nodes<V>) {
        self.pool.leaves.keep_or_retire_all(nodes.leaves, SPARES);
        self.pool.inners.keep_or_retire_all(nodes.inners, MOST_INNERS);
    }

    /// Detaches the retired nodes, to be dropped after the lock is released.
    #[inline]
    pub(crate) fn take_retired(&mut self) -> Option<Nodes<V>> {
        let Pool { leaves, inners } = &mut self.pool;
        if leaves.retired.len + inners.retired.len == 0 {
            return None;
        }
        let (leaves, inners) = (mem::take(&mut leaves.retired), mem::take(&mut inners.retired));
        Some(Nodes { leaves, inners })
    }

    /// Tells whether the tree is high enough for a number.
    #[inline]
    const fn covers(&self, number: u32) -> bool {
        number >> self.shift < FANOUT as u32
    }

    /// Follows a covered number to its leaf or to where its way breaks off, with the shift there.
    #[inline]
    fn follow(&self, number: u32) -> (&Child<V>, u32) {
        let (mut child, mut shift) = (&self.root, self.shift);
        while let Child::Inner(inner) = child {
            child = &inner.body.children[digit(number, shift)];
            shift = shift.wrapping_sub(BITS);
        }
        (child, shift)
    }

    /// Returns the leaf of a number, if there is one.
    #[inline]
    fn leaf_mut(&mut self, number: u32) -> Option<&mut Leaf<V>> {
        if !self.covers(number) {
            return None;
        }
        let (mut child, mut shift) = (&mut self.root, self.shift);
        loop {
            match child {
                Child::Empty => return None,
                Child::Leaf(leaf) => return Some(&mut leaf.body),
                Child::Inner(inner) => child = &mut inner.body.children[digit(number, shift)],
            }
            shift = shift.wrapping_sub(BITS);
        }
    }

    /// Plants the missing leaf of a number, and the way to it, out of spare nodes.
    #[cold]
    fn plant(&mut self, number: u32) -> Result<&mut Leaf<V>, NodesMissing> {
        self.retire_idle_leaf();
        self.check_spares(number)?;
        let missing = NodesMissing { leaves: 0, inners: 0 };
        let Pool { leaves, inners } = &mut self.pool;
        // There are enough now: no error below is ever returned.
        let top = top_shift(number);
        if self.root.is_empty() {
            self.shift = top;
        }
        while self.shift < top {
            let mut inner = inners.spare.pop().ok_or(missing)?;
            inner.body.children[0] = mem::take(&mut self.root);
            inner.body.refresh_child_bits(0);
            self.root = Child::Inner(inner);
            self.shift += BITS;
        }
        let (mut child, mut shift) = (&mut self.root, self.shift);
        while shift > 0 {
            if child.is_empty() {
                *child = Child::Inner(inners.spare.pop().ok_or(missing)?);
            }
            let Child::Inner(inner) = child else {
                return Err(missing);
            };
            inner.body.present |= bit(digit(number, shift));
            child = &mut inner.body.children[digit(number, shift)];
            shift -= BITS;
        }
        // A racing donor may have left more than the usual spares.
        let surplus = mem::take(&mut inners.spare);
        inners.keep_or_retire_all(surplus, SPARES);
        *child = Child::Leaf(leaves.spare.pop().ok_or(missing)?);
        let Child::Leaf(leaf) = child else {
            return Err(missing);
        };
        Ok(&mut leaf.body)
    }

    /// Tells how many nodes an edit lacks that has to plant the leaf of a number.
    fn check_spares(&self, number: u32) -> Result<(), NodesMissing> {
        let Pool { leaves, inners } = &self.pool;
        let missing = NodesMissing {
            leaves: u16::from(leaves.spare.len == 0),
            inners: self.inners_needed(number).saturating_sub(inners.spare.len) as u16,
        };
        if missing.leaves > 0 || missing.inners > 0 { Err(missing) } else { Ok(()) }
    }

    /// Counts the inner nodes between the tree and the missing leaf of a number.
    fn inners_needed(&self, number: u32) -> usize {
        let top = top_shift(number);
        let shifts = if self.root.is_empty() {
            top
        } else if self.covers(number) {
            self.follow(number).1
        } else {
            // Above the old root up to the new one, and from below the new one down to the leaf.
            (top - self.shift) + (top - BITS)
        };
        (shifts / BITS) as usize
    }

    /// Brings the count and the bitmaps above a leaf up to date with an edit of the leaf.
    #[inline]
    fn update_len_and_bitmaps(&mut self, number: u32, before: u64, after: u64) {
        // They differ in one bit at most, so the larger one has it.
        self.len += usize::from(after > before);
        self.len -= usize::from(after < before);
        if after == 0 {
            self.keep_emptied_leaf_retire_previous(number);
        } else if (before == u64::MAX) != (after == u64::MAX) {
            self.root.update_and_prune_path(number, self.shift, &mut self.pool);
        }
    }

    /// Leaves the emptied leaf of a number where it is, and takes out the one left before.
    #[inline]
    fn keep_emptied_leaf_retire_previous(&mut self, number: u32) {
        if self.idle_leaf != number >> BITS {
            self.retire_idle_leaf();
        }
        self.idle_leaf = number >> BITS;
    }

    /// Takes the leaf that emptied last out of the tree, unless it is in use again.
    #[cold]
    fn retire_idle_leaf(&mut self) {
        let idle_leaf = mem::replace(&mut self.idle_leaf, NO_LEAF);
        if idle_leaf != NO_LEAF {
            self.root.update_and_prune_path(idle_leaf << BITS, self.shift, &mut self.pool);
        }
    }
}

/// How many nodes an edit lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodesMissing {
    leaves: u16,
    inners: u16,
}

impl NodesMissing {
    /// None.
    pub(crate) const NONE: Self = Self { leaves: 0, inners: 0 };

    /// The lack of several tables, each of which takes its own part of what is donated.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { leaves: self.leaves + other.leaves, inners: self.inners + other.inners }
    }

    /// Allocates the nodes. To be called without the lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for all of them.
    pub(crate) fn allocate<V: Slot>(&self) -> Result<Nodes<V>, Errno> {
        let mut nodes = Nodes::new();
        for _ in 0..self.leaves {
            nodes.leaves.push(boxed(|| Leaf::VACANT)?);
        }
        for _ in 0..self.inners {
            nodes.inners.push(boxed(|| Inner::VACANT)?);
        }
        Ok(nodes)
    }
}

/// Nodes outside a tree: allocated and not yet donated, or retired and not yet freed.
pub(crate) struct Nodes<V> {
    leaves: Chain<Leaf<V>>,
    inners: Chain<Inner<V>>,
}

impl<V> Nodes<V> {
    /// Makes none.
    pub(crate) const fn new() -> Self {
        Self { leaves: Chain::new(), inners: Chain::new() }
    }

    /// Takes all of another's nodes.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        while let Some(leaf) = other.leaves.pop() {
            self.leaves.push(leaf);
        }
        while let Some(inner) = other.inners.pop() {
            self.inners.push(inner);
        }
    }

    /// Splits off what is missing somewhere; `None`: there are not so many.
    pub(crate) fn take(&mut self, missing: NodesMissing) -> Option<Self> {
        if self.leaves.len < missing.leaves.into() || self.inners.len < missing.inners.into() {
            return None;
        }
        let mut taken = Self::new();
        for _ in 0..missing.leaves {
            taken.leaves.push(self.leaves.pop()?);
        }
        for _ in 0..missing.inners {
            taken.inners.push(self.inners.pop()?);
        }
        Some(taken)
    }

    /// Tells whether there are none.
    #[inline]
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.leaves.len + self.inners.len == 0
    }
}

impl<V> Default for Nodes<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The nodes that a tree holds beside those in use.
struct Pool<V> {
    leaves: Stock<Leaf<V>>,
    inners: Stock<Inner<V>>,
}

/// The nodes of one kind that a tree holds beside those in use.
struct Stock<B> {
    /// For the next edit.
    spare: Chain<B>,
    /// To be freed by whoever releases the lock.
    retired: Chain<B>,
}

impl<B> Stock<B> {
    /// Makes an empty stock.
    const fn new() -> Self {
        Self { spare: Chain::new(), retired: Chain::new() }
    }

    /// Keeps a node if there are less than `most` spares, and retires it otherwise.
    fn keep_or_retire(&mut self, node: Box<Node<B>>, most: usize) {
        match self.spare.len < most {
            true => self.spare.push(node),
            false => self.retired.push(node),
        }
    }

    /// Keeps or retires each node.
    fn keep_or_retire_all(&mut self, mut nodes: Chain<B>, most: usize) {
        while let Some(node) = nodes.pop() {
            self.keep_or_retire(node, most);
        }
    }
}

/// What is below an inner node at one digit, or below the tree itself.
///
/// The tag is beside the pointer, so that a way down loads one cache line a level.
#[derive(Default)]
enum Child<V> {
    #[default]
    Empty,
    Leaf(Box<Node<Leaf<V>>>),
    Inner(Box<Node<Inner<V>>>),
}

impl<V> Child<V> {
    /// Tells whether nothing is there.
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Returns which digits have a free number below them.
    fn free_digits(&self) -> u64 {
        match self {
            Self::Empty => u64::MAX,
            Self::Leaf(leaf) => !leaf.body.occupied,
            Self::Inner(inner) => !inner.body.full,
        }
    }

    /// Returns which digits have a number in use below them.
    fn used_digits(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Leaf(leaf) => leaf.body.occupied,
            Self::Inner(inner) => inner.body.present,
        }
    }

    /// Returns the smallest number from `from` on that is below this child and of the kind that `digits` tells of.
    ///
    /// A search fails only on the way to `from` itself, where all of that kind may be before it, and in the one idle leaf: all
    /// levels together turn aside only twice.
    fn first_number(&self, from: u64, shift: u32, digits: fn(&Self) -> u64) -> Option<u64> {
        let mut hopeful = digits(self) & (u64::MAX << ((from >> shift) % 64));
        while hopeful != 0 {
            let digit = hopeful.trailing_zeros();
            let first = (from >> shift >> BITS << BITS | u64::from(digit)) << shift;
            let start = from.max(first);
            let Self::Inner(inner) = self else {
                return Some(start);
            };
            let child = &inner.body.children[digit as usize];
            let found = child.first_number(start, shift.wrapping_sub(BITS), digits);
            if found.is_some() {
                return found;
            }
            hopeful &= hopeful - 1;
        }
        None
    }

    /// Brings the bitmaps on the way to a number up to date, and retires nodes that have emptied.
    fn update_and_prune_path(&mut self, number: u32, shift: u32, pool: &mut Pool<V>) {
        if let Self::Inner(inner) = self {
            let digit = digit(number, shift);
            inner.body.children[digit].update_and_prune_path(
                number,
                shift.wrapping_sub(BITS),
                pool,
            );
            inner.body.refresh_child_bits(digit);
        }
        match mem::take(self) {
            Self::Leaf(leaf) if leaf.body.occupied == 0 => pool.leaves.keep_or_retire(leaf, SPARES),
            Self::Inner(inner) if inner.body.present == 0 => {
                pool.inners.keep_or_retire(inner, SPARES)
            }
            used => *self = used,
        }
    }
}

/// The slots of 64 numbers in a row.
struct Leaf<V> {
    /// Which slots are not vacant.
    occupied: u64,
    slots: [V; FANOUT],
}

/// What an edit of a slot of a leaf gives.
struct Edited<R> {
    result: R,
    /// Which slots were occupied.
    occupied_before: u64,
    /// Which slots are.
    occupied_after: u64,
}

impl<V: Slot> Leaf<V> {
    /// A new leaf.
    const VACANT: Node<Self> =
        Node { next: None, body: Self { occupied: 0, slots: [const { V::VACANT }; FANOUT] } };

    /// Edits a slot.
    #[inline]
    fn edit<R>(&mut self, number: u32, edit: impl FnOnce(&mut V) -> R) -> Edited<R> {
        let (before, digit) = (self.occupied, digit(number, 0));
        let result = edit(&mut self.slots[digit]);
        set_bit(&mut self.occupied, digit, !self.slots[digit].is_vacant());
        Edited { result, occupied_before: before, occupied_after: self.occupied }
    }
}

/// A node above the leaves.
struct Inner<V> {
    /// Which children are there.
    present: u64,
    /// Which children have no free number.
    full: u64,
    children: [Child<V>; FANOUT],
}

impl<V> Inner<V> {
    /// A new inner node.
    const VACANT: Node<Self> = Node {
        next: None,
        body: Self { present: 0, full: 0, children: [const { Child::Empty }; FANOUT] },
    };

    /// Brings the bitmaps up to date with one child.
    fn refresh_child_bits(&mut self, digit: usize) {
        let child = &self.children[digit];
        set_bit(&mut self.present, digit, !child.is_empty());
        set_bit(&mut self.full, digit, child.free_digits() == 0);
    }
}

/// A leaf or an inner node, and its link while it is in a chain.
struct Node<B> {
    next: Option<Box<Node<B>>>,
    body: B,
}

/// A stack of nodes of one kind, linked through themselves: pushing allocates nothing.
struct Chain<B> {
    head: Option<Box<Node<B>>>,
    len: usize,
}

impl<B> Chain<B> {
    /// Makes an empty chain.
    const fn new() -> Self {
        Self { head: None, len: 0 }
    }

    /// Adds a node.
    fn push(&mut self, mut node: Box<Node<B>>) {
        node.next = self.head.take();
        self.head = Some(node);
        self.len += 1;
    }

    /// Removes the node added last.
    fn pop(&mut self) -> Option<Box<Node<B>>> {
        let mut node = self.head.take()?;
        self.head = node.next.take();
        self.len -= 1;
        Some(node)
    }
}

impl<B> Default for Chain<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Drop for Chain<B> {
    /// Drops node by node: left to itself, each link would drop the next one from within.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// Returns the digit of a number at a level.
#[inline]
const fn digit(number: u32, shift: u32) -> usize {
    (number >> shift) as usize % FANOUT
}

/// Returns the shift at the root of the lowest tree that covers a number.
const fn top_shift(number: u32) -> u32 {
    (number | 1).ilog2() / BITS * BITS
}

/// Returns the bit of a digit in a bitmap.
#[inline]
const fn bit(digit: usize) -> u64 {
    1 << digit
}

/// Sets or clears the bit of a digit in a bitmap.
#[inline]
const fn set_bit(bits: &mut u64, digit: usize, is_set: bool) {
    *bits = *bits & !bit(digit) | (is_set as u64) << digit;
}

#[cfg(test)]
mod tests;
