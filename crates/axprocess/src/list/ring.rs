//! The ring of links under both kinds of list.

use core::marker::PhantomData;
use core::ptr;

use super::{Ptr, lead_to_same};
use crate::Host;
use crate::object::Object;
use crate::sync::{Field, Hold};

/// An object that can stand in a list of kind `L`, at most one such list at a time.
pub(crate) trait Node<L>: Object {
    fn links(&self) -> &Links<Self>;
}

/// The links of one object in one kind of list.
#[repr(C)] // a walk follows the first, beside what stands before
pub(crate) struct Links<T> {
    next: Field<Option<Ptr<T>>>,
    prev: Field<Option<Ptr<T>>>,
}

impl<T: Send + Sync> Links<T> {
    pub(crate) const fn new() -> Self {
        Self { next: Field::new(None), prev: Field::new(None) }
    }

    #[inline]
    pub(crate) fn is_linked<H: Host>(&self, hold: &Hold<'_, H>) -> bool {
        self.prev.get(hold).is_some()
    }

    /// Who is in no list leads nowhere: the wait of a dead thread looks at who stands behind it.
    fn debug_assert_paired<H: Host>(&self, hold: &Hold<'_, H>) {
        let (leads_back, leads_on) = (self.is_linked(hold), self.next.get(hold).is_some());
        debug_assert_eq!(leads_back, leads_on, "an object leads to others and is in no list");
    }
}

/// Has the processor fetch the memory that stands there, if any does. Nothing but time comes of it.
#[inline]
fn prefetch(address: usize) {
    // SAFETY: a prefetch accesses nothing. Held against: an address that is not mapped, or not this program's (nothing happens).
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) address, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// A circular doubly linked list, to be read. Its wrappers change it: ownership is their business.
pub(crate) struct Ring<T, L> {
    head: Field<Option<Ptr<T>>>,
    len: Field<u32>,
    /// A count that is its user's.
    user_tally: Field<u32>,
    kind: PhantomData<fn(L)>,
}

impl<T: Node<L>, L> Ring<T, L> {
    pub(super) const fn new() -> Self {
        Self {
            head: Field::new(None),
            len: Field::new(0),
            user_tally: Field::new(0),
            kind: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn len<H: Host>(&self, hold: &Hold<'_, H>) -> usize {
        self.len.get(hold) as usize
    }

    /// A count of some of the members, kept by who uses the list. It stands here because there is room for it.
    pub(crate) const fn owner_counter(&self) -> &Field<u32> {
        &self.user_tally
    }

    #[inline]
    pub(crate) fn is_empty<H: Host>(&self, hold: &Hold<'_, H>) -> bool {
        self.head.get(hold).is_none()
    }

    #[inline]
    pub(crate) fn first<'h, H: Host>(&self, hold: &Hold<'h, H>) -> Option<&'h T> {
        self.head.get(hold).map(|head| head.get(hold))
    }

    /// The one after `node`, which is in this list or in none; `None` at its end, and of one that is in none.
    #[inline]
    pub(crate) fn after<'h, H: Host>(&self, hold: &Hold<'h, H>, node: &T) -> Option<&'h T> {
        node.links().debug_assert_paired(hold);
        let next = node.links().next.get(hold);
        if lead_to_same(next, self.head.get(hold)) { None } else { next.map(|next| next.get(hold)) }
    }

    /// The same, for a walk over many. Who came in a row mostly stands in memory in a row: so it is guessed where a later one stands, and its links are fetched.
    #[inline]
    pub(crate) fn after_in_row<'h, H: Host>(&self, hold: &Hold<'h, H>, node: &T) -> Option<&'h T> {
        const STEPS: usize = 16;
        let links = node.links();
        if let Some(prev) = links.prev.get(hold) {
            let step = ptr::from_ref(node).addr().wrapping_sub(prev.addr());
            prefetch(ptr::from_ref(links).addr().wrapping_add(step.wrapping_mul(STEPS)));
        }
        self.after(hold, node)
    }

    #[inline]
    pub(crate) fn last<'h, H: Host>(&self, hold: &Hold<'h, H>) -> Option<&'h T> {
        self.first(hold)?.links().prev.get(hold).map(|last| last.get(hold))
    }

    /// The one before `node`, which is in this list or in none; `None` at its beginning, and of one that is in none.
    #[inline]
    pub(crate) fn before<'h, H: Host>(&self, hold: &Hold<'h, H>, node: &T) -> Option<&'h T> {
        node.links().debug_assert_paired(hold);
        if self.head.get(hold).is_some_and(|head| head.is(node)) {
            return None;
        }
        node.links().prev.get(hold).map(|prev| prev.get(hold))
    }

    /// The members in order.
    pub(crate) fn iter<'a, 'h, H: Host>(
        &'a self,
        hold: &'a Hold<'h, H>,
    ) -> impl Iterator<Item = &'h T> + use<'a, 'h, T, L, H> {
        core::iter::successors(self.first(hold), move |node| self.after(hold, node))
    }

    #[inline]
    pub(super) fn push_back<H: Host>(&self, hold: &mut Hold<'_, H>, pointer: Ptr<T>) {
        let links = pointer.get(hold).links();
        debug_assert!(!links.is_linked(hold), "an object stands in one list of a kind");
        match self.first(hold) {
            None => return self.push_first(hold, pointer),
            Some(head) => {
                let (first, last) = (self.head.get(hold), head.links().prev.get(hold));
                links.next.set(hold, first);
                links.prev.set(hold, last);
                head.links().prev.set(hold, Some(pointer));
                // Who is in has both.
                let last = last.unwrap_or(Ptr::new(head));
                last.get(hold).links().next.set(hold, Some(pointer));
            }
        }
        self.len.set(hold, self.len.get(hold) + 1);
    }

    /// Puts one into the empty list.
    #[inline]
    pub(super) fn push_first<H: Host>(&self, hold: &mut Hold<'_, H>, pointer: Ptr<T>) {
        debug_assert!(self.is_empty(hold), "the list is empty");
        let links = pointer.get(hold).links();
        links.next.set(hold, Some(pointer));
        links.prev.set(hold, Some(pointer));
        self.head.set(hold, Some(pointer));
        self.len.set(hold, 1);
    }

    /// Takes `node` out, which is in this list or in none. Whether it was in.
    pub(super) fn remove<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) -> bool {
        let links = node.links();
        let Some(next) = links.next.get(hold) else {
            return false;
        };
        // Who is in has both.
        let prev = links.prev.get(hold).unwrap_or(next);
        if next.is(node) {
            self.head.set(hold, None);
        } else {
            prev.get(hold).links().next.set(hold, Some(next));
            next.get(hold).links().prev.set(hold, Some(prev));
            if self.head.get(hold).is_some_and(|head| head.is(node)) {
                self.head.set(hold, Some(next));
            }
        }
        links.next.set(hold, None);
        links.prev.set(hold, None);
        self.len.set(hold, self.len.get(hold) - 1);
        true
    }

    /// Takes `node` out, the only member.
    #[inline]
    pub(super) fn remove_only<H: Host>(&self, hold: &mut Hold<'_, H>, node: &T) {
        debug_assert!(self.len(hold) == 1 && self.first(hold).is_some_and(|it| ptr::eq(it, node)));
        node.links().next.set(hold, None);
        node.links().prev.set(hold, None);
        self.head.set(hold, None);
        self.len.set(hold, 0);
    }

    /// Moves the first `count` members, of which `last` is the last, to the end of another ring.
    pub(super) fn move_first<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        count: u32,
        last: &T,
        to: &Self,
    ) {
        let Some(first) = self.head.get(hold) else {
            return;
        };
        let end = Ptr::new(last);
        let rest = self.after(hold, last).and_then(|_| last.links().next.get(hold));
        if let (Some(rest), Some(tail)) = (rest, first.get(hold).links().prev.get(hold)) {
            Self::join(hold, tail, rest);
        }
        self.head.set(hold, rest);
        self.len.set(hold, self.len.get(hold) - count);

        let head = to.head.get(hold);
        let tail = head.and_then(|head| head.get(hold).links().prev.get(hold));
        Self::join(hold, tail.unwrap_or(end), first);
        Self::join(hold, end, head.unwrap_or(first));
        to.head.set(hold, Some(head.unwrap_or(first)));
        to.len.set(hold, to.len.get(hold) + count);
    }

    /// Makes one follow the other.
    fn join<H: Host>(hold: &mut Hold<'_, H>, before: Ptr<T>, after: Ptr<T>) {
        before.get(hold).links().next.set(hold, Some(after));
        after.get(hold).links().prev.set(hold, Some(before));
    }
}
