//! Orphaned process groups: those that nobody outside them, in the same session, could move to the foreground again.
//!
//! A member **links** its group to the session if its parent stands in another group of the same session: a job-control shell. A
//! group without a link is orphaned; its members must not wait, stopped, for a shell that is not there.

use super::{Process, ProcessState};
use crate::Host;
use crate::group::ProcessGroup;
use crate::sync::Hold;

/// Whether no member but `ignored` links the group. R-ORPHAN-01, R-ORPHAN-02, R-ORPHAN-10, R-ORPHAN-11.
///
/// One look at all members, as Linux's `will_become_orphaned_pgrp`: an answer put together from several
/// holds could count a link that one member lost and miss that which another gained.
pub(crate) fn is_orphaned_group<H: Host>(
    hold: &Hold<'_, H>,
    group: &ProcessGroup<H>,
    ignored: Option<&Process<H>>,
) -> bool {
    !group.members().iter(hold).any(|member| {
        let is_ignored = ignored.is_some_and(|ignored| core::ptr::eq(ignored, member));
        !is_ignored && links_its_group(hold, member)
    })
}

fn links_its_group<H: Host>(hold: &Hold<'_, H>, member: &Process<H>) -> bool {
    if member.state() >= ProcessState::Zombie {
        return false;
    }
    let Some(parent) = member.parent.get(hold) else {
        return false;
    };
    !parent.is_table_init(hold)
        && !core::ptr::eq(parent.group_in(hold), member.group_in(hold))
        && core::ptr::eq(parent.session_in(hold), member.session_in(hold))
}
