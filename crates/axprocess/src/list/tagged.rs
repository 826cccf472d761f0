//! A weak pointer to an object of one of four types, or a mark, in one word.

use core::marker::PhantomData;
use core::mem::align_of;
use core::ptr::{self, NonNull};

use super::Ptr;
use crate::object::Object;

/// The low bits of the word, which are zero in the address of each object.
const TAG: usize = 7;

/// One word: nothing, the mark, or a weak pointer to an `A`, `B`, `C` or `D`; see the module's contract of links.
pub(crate) struct Tagged<A, B, C, D> {
    word: *mut (),
    types: PhantomData<(A, B, C, D)>,
}

/// What such a word says.
pub(crate) enum Target<A, B, C, D> {
    Nothing,
    Mark,
    A(Ptr<A>),
    B(Ptr<B>),
    C(Ptr<C>),
    D(Ptr<D>),
}

// SAFETY: it is what the `Ptr` in it is, and those are sent. Held against: one to an object that is not shared between threads (an `Object` is `Send + Sync`).
unsafe impl<A: Object, B: Object, C: Object, D: Object> Send for Tagged<A, B, C, D> {}

// SAFETY: as above, and it is a plain value. Held against: two threads that read one word at once (neither changes it).
unsafe impl<A: Object, B: Object, C: Object, D: Object> Sync for Tagged<A, B, C, D> {}

impl<A: Object, B: Object, C: Object, D: Object> Tagged<A, B, C, D> {
    pub(crate) const NOTHING: Self = Self { word: ptr::null_mut(), types: PhantomData };
    pub(crate) const MARK: Self =
        Self { word: ptr::without_provenance_mut(TAG + 1), types: PhantomData };

    #[inline]
    pub(crate) fn a(target: Ptr<A>) -> Self {
        Self::new(target, 1)
    }

    #[inline]
    pub(crate) fn b(target: Ptr<B>) -> Self {
        Self::new(target, 2)
    }

    pub(crate) fn c(target: Ptr<C>) -> Self {
        Self::new(target, 3)
    }

    pub(crate) fn d(target: Ptr<D>) -> Self {
        Self::new(target, 4)
    }

    #[inline]
    fn new<T>(target: Ptr<T>, tag: usize) -> Self {
        const { assert!(align_of::<T>() > TAG, "there is room for a tag in its address") };
        let word = target.0.as_ptr().map_addr(|address| address | tag).cast();
        Self { word, types: PhantomData }
    }

    #[inline]
    pub(crate) const fn is_nothing(self) -> bool {
        self.word.is_null()
    }

    /// The `A` to which it points.
    #[inline]
    pub(crate) fn as_a(self) -> Option<Ptr<A>> {
        (self.word.addr() & TAG == 1).then(|| self.without(1))
    }

    /// What the word says.
    #[inline]
    pub(crate) fn target(self) -> Target<A, B, C, D> {
        match self.word.addr() & TAG {
            1 => Target::A(self.without(1)),
            2 => Target::B(self.without(2)),
            3 => Target::C(self.without(3)),
            4 => Target::D(self.without(4)),
            _ if self.is_nothing() => Target::Nothing,
            _ => Target::Mark,
        }
    }

    /// The pointer from which a word with this tag was made: one to a `T`.
    #[inline]
    fn without<T>(self, tag: usize) -> Ptr<T> {
        debug_assert_eq!(self.word.addr() & TAG, tag);
        let pointer = self.word.map_addr(|word| word - tag).cast();
        // SAFETY: a word with a tag was made of a `Ptr`, in `new`: it is not null. Held against: the mark and nothing, which have no tag.
        Ptr(unsafe { NonNull::new_unchecked(pointer) })
    }
}

impl<A, B, C, D> Clone for Tagged<A, B, C, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, B, C, D> Copy for Tagged<A, B, C, D> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::tests::{Item, item};

    type Word = Tagged<Item, Item, Item, Item>;

    #[test]
    fn a_word_says_what_it_was_made_of() {
        // Nothing, the mark, and an object as each of the four: eight bytes, and each is told from the others.
        let one = item("one");
        let target = Ptr::new(&*one);
        assert_eq!(size_of::<Word>(), 8);
        assert!(Word::NOTHING.is_nothing() && matches!(Word::NOTHING.target(), Target::Nothing));
        assert!(!Word::MARK.is_nothing() && matches!(Word::MARK.target(), Target::Mark));
        assert!(matches!(Word::a(target).target(), Target::A(it) if it == target));
        assert!(matches!(Word::b(target).target(), Target::B(it) if it == target));
        assert!(matches!(Word::c(target).target(), Target::C(it) if it == target));
        assert!(matches!(Word::d(target).target(), Target::D(it) if it == target));
        assert!(!Word::d(target).is_nothing());
    }
}
