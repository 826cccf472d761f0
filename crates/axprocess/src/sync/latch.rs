//! A 64-bit word for targets without 64-bit atomics: Linux's `seqcount_latch_t`.
//!
//! The word stands there twice, and a turn says which copy is whole. A write sends the readers to the second copy while it changes the first, and back
//! to the first while it changes the second:
//!
//! | turn | readers go to | the writer changes |
//! | --- | --- | --- |
//! | even, before | the first, old | nothing |
//! | odd | the second, old | the first |
//! | even, after | the first, new | the second, then nothing |
//!
//! So a reader waits for nobody. It reads again only if the turn has changed while it read, that is when a write on another processor, or of a thread that
//! ran instead, came further. A reader that has *interrupted* the writer, at whichever place, has its answer at the first try: a lock, or a plain
//! sequence count, would let it wait for ever.

use super::atomic::{AtomicU32, Ordering, fence};

/// A 64-bit word with one writer at a time. All accesses are atomic: two writers at once would mix their values, and break nothing else.
///
/// The turn may wrap: a reader would have to be away for exactly a multiple of 2³¹ writes of the word to take two halves for one.
pub(super) struct Latch {
    turn: AtomicU32,
    copies: [Halves; 2],
}

impl Latch {
    pub(super) const fn new(value: u64) -> Self {
        Self { turn: AtomicU32::new(0), copies: [Halves::new(value), Halves::new(value)] }
    }

    /// Whole, and never older than what was read before. What happened before its write has happened before this.
    #[inline]
    pub(super) fn load(&self) -> u64 {
        loop {
            // With the release in `store_in_steps`: what the turn leads to is written.
            let turn = self.turn.load(Ordering::Acquire);
            let value = self.copies[(turn & 1) as usize].load_torn();
            // With the fence there: if any of it was written later, the turn that was set before that is seen now.
            fence(Ordering::Acquire);
            if self.turn.load(Ordering::Relaxed) == turn {
                return value;
            }
        }
    }

    #[inline]
    pub(super) fn store(&self, value: u64) {
        self.store_in_steps(value, || ());
    }

    /// Tells of each step: there a reader can interrupt it.
    #[inline]
    fn store_in_steps(&self, value: u64, mut step: impl FnMut()) {
        let mut turn = self.turn.load(Ordering::Relaxed);
        for copy in &self.copies {
            turn = turn.wrapping_add(1);
            self.turn.store(turn, Ordering::Release);
            fence(Ordering::Release);
            step();
            copy.store_in_steps(value, &mut step);
        }
    }
}

/// One copy.
struct Halves {
    upper: AtomicU32,
    lower: AtomicU32,
}

impl Halves {
    const fn new(value: u64) -> Self {
        Self { upper: AtomicU32::new((value >> 32) as u32), lower: AtomicU32::new(value as u32) }
    }

    #[inline]
    /// They may be of two writes: the latch tells.
    fn load_torn(&self) -> u64 {
        let (upper, lower) =
            (self.upper.load(Ordering::Relaxed), self.lower.load(Ordering::Relaxed));
        u64::from(upper) << 32 | u64::from(lower)
    }

    #[inline]
    fn store_in_steps(&self, value: u64, mut step: impl FnMut()) {
        self.upper.store((value >> 32) as u32, Ordering::Relaxed);
        step();
        self.lower.store(value as u32, Ordering::Relaxed);
        step();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::vec::Vec;

    use super::Latch;

    const fn twice(half: u64) -> u64 {
        half << 32 | half
    }

    /// An interrupt handler that reads the word which its own processor is writing.
    #[test]
    fn a_reader_that_interrupts_the_writer_has_its_answer_at_once() {
        let latch = Latch::new(twice(0));
        for round in 1..=3 {
            let mut seen = Vec::new();
            latch.store_in_steps(twice(round), || seen.push(latch.load()));
            let (old, new) = (twice(round - 1), twice(round));
            assert_eq!(seen, [old, old, old, new, new, new]);
            assert_eq!(latch.load(), new);
        }
    }

    /// G17: no reader sees one half without the other, and none goes back.
    #[test]
    fn a_reader_beside_the_writer_sees_whole_words_in_their_order() {
        const LAST: u64 = 100_000;
        let latch = Latch::new(twice(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut before = 0;
                    while before < LAST {
                        let now = latch.load();
                        assert_eq!(now >> 32, now & 0xffff_ffff, "torn");
                        assert!(now >> 32 >= before, "an older one");
                        before = now >> 32;
                    }
                });
            }
            (1..=LAST).for_each(|value| latch.store(twice(value)));
        });
    }

    /// The turn wraps with readers none the wiser.
    #[test]
    fn the_turn_wraps() {
        let latch = Latch::new(twice(1));
        latch.turn.store(u32::MAX - 1, super::Ordering::Relaxed);
        latch.store_in_steps(twice(2), || assert!([twice(1), twice(2)].contains(&latch.load())));
        assert_eq!(latch.load(), twice(2));
    }
}
