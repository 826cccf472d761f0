//! The instruments: clocks, a counting allocator, interleaved repetitions, and a counter of single instructions.
//!
//! Why not an existing harness: ratios are only worth something if subject and peer are measured in turns, a burst each, within one
//! repetition, and if each ratio is taken within its repetition. Those at hand measure one function to the end, then the next, so that the
//! drift of the machine between the two (25 % here) becomes part of the result; and they read the wall clock.

pub(crate) mod allocator;
pub(crate) mod clock;
pub(crate) mod holds;
pub(crate) mod interleave;
pub(crate) mod pair;
pub(crate) mod steps;
