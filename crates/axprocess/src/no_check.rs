//! Nothing is checked, and nothing counted: what stands in place of `check.rs` without its feature.

use crate::Host;
use crate::sync::Hold;

/// What a table has of this.
pub(crate) struct Audit;

impl Audit {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn note_walk_owed(&mut self) {
        let Self = self;
    }

    pub(crate) const fn note_walk_begun(&mut self) {
        let Self = self;
    }
}

#[inline]
pub(crate) fn at_unlock<H: Host>(hold: &mut Hold<'_, H>, _: usize) {
    let Audit = &hold.relations().audit;
}
