//! Orphaned process groups: those that no shell could continue, and what their stopped members are sent.
//!
//! A member **links** its group if its parent is in another group of the same session: the parent could be a shell that
//! continues the group. A group without a link is orphaned. Links come and go with every fork, exit
//! and setpgid, but only two events ask, and only of groups with a stopped member, which are counted.
//!
//! | event | asked | at which moment |
//! | --- | --- | --- |
//! | a child moves to another process (R-ORPHAN-03) | the child's group, if the **old** parent linked it | the child has moved, its younger siblings have not |
//! | the last thread of a process exits (R-ORPHAN-04) | its own group, as if it were gone, if its parent linked it | its children have moved, it is no zombie yet, and dead threads may hold it back from that |
//!
//! Then every member gets `SIGHUP` and `SIGCONT`, in that order, from the kernel. setpgid and setsid never signal (R-ORPHAN-08), nor does
//! a reap: a zombie links nothing (R-ORPHAN-10).
//!
//! # The witness
//!
//! A group remembers one member, its witness: who was found to link it last. Who asks looks at that one first, and goes on from there, round the list, only if it
//! does not link the group any more. So an exit that moves n children looks at each member once or twice, in whichever order they joined, and nobody keeps anything up when links come
//! and go: the witness is asked anew each time. That it is a member is all that is kept true: who leaves the group passes it on to the next one.
//!
//! Before a child moves that may be the last link, [`Process::try_finish_orphan_search`] looks for another one, in as many holds as it takes. So what remains in one hold is the walk over a
//! group that really is orphaned, and the two signals to it, like Linux's: a group of which half got
//! the signals could be left or continued in between.

use super::{Process, ProcessState};
use crate::group::ProcessGroup;
use crate::sync::{Hold, HoldFull};
use crate::{Host, Signal, SignalCause, SignalInfo};

/// Whether no member of the group, `ignored` aside, links it. R-ORPHAN-01, R-ORPHAN-02, R-ORPHAN-10.
pub(crate) fn is_orphaned_group<H: Host>(
    hold: &mut Hold<'_, H>,
    group: &ProcessGroup<H>,
    ignored: Option<&Process<H>>,
) -> bool {
    group.orphan_search_passed().set(hold, 0);
    let mut left = group.members().len(hold);
    while left > 0 && !group.next_member_keeps_unorphaned(hold, ignored) {
        left -= 1;
    }
    left == 0
}

/// The same for who asks and changes nothing: looks for a member that links the group in as many holds as it takes. Only of a group of which none was found, all are asked in one hold.
///
/// # Errors
///
/// The hold is full: it is to be asked again, in another.
pub(crate) fn try_is_orphaned_group<H: Host>(
    hold: &mut Hold<'_, H>,
    group: &ProcessGroup<H>,
) -> Result<bool, HoldFull> {
    match group.try_finish_orphan_search(hold, None) {
        true => Ok(is_orphaned_group(hold, group, None)),
        false => Err(HoldFull),
    }
}

impl<H: Host> ProcessGroup<H> {
    /// Looks for a member other than `ignored` that links the group. False if the hold is full before one is found, or all are asked.
    fn try_finish_orphan_search(
        &self,
        hold: &mut Hold<'_, H>,
        ignored: Option<&Process<H>>,
    ) -> bool {
        while self.orphan_search_passed().get(hold) < self.members().len(hold) as u32 {
            if hold.is_batch_full() {
                return false;
            }
            if self.next_member_keeps_unorphaned(hold, ignored) {
                self.orphan_search_passed().set(hold, 0);
                return true;
            }
            let searched = self.orphan_search_passed().get(hold);
            self.orphan_search_passed().set(hold, searched + 1);
        }
        true
    }

    /// Whether the witness, which is not `ignored`, links the group. If not, the next member is the witness.
    fn next_member_keeps_unorphaned(
        &self,
        hold: &mut Hold<'_, H>,
        ignored: Option<&Process<H>>,
    ) -> bool {
        let Some(witness) = self.orphan_search_start_or_first(hold) else { return false };
        hold.count_touched();
        let is_ignored = ignored.is_some_and(|ignored| core::ptr::eq(ignored, witness));
        let is_found = !is_ignored && witness.keeps_group_unorphaned(hold, self);
        if !is_found {
            self.advance_orphan_search(hold, witness);
        }
        is_found
    }

    /// Whether some member links the group, asked without noting which.
    pub(crate) fn has_unorphaning_member(&self, hold: &Hold<'_, H>) -> bool {
        let mut asked = self.orphan_search_start_or_first(hold).into_iter();
        asked.any(|member| member.keeps_group_unorphaned(hold, self))
            || self.members().iter(hold).any(|member| member.keeps_group_unorphaned(hold, self))
    }

    /// Sends a signal of the kernel's own to every member, the one that joined last first.
    pub(crate) fn signal_members(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        let info = SignalInfo { signal, cause: SignalCause::Kernel };
        self.send_to_members(hold, |hold, member| member.send(hold, &info, None));
    }

    fn hang_up_if_orphaned(&self, hold: &mut Hold<'_, H>, ignored: Option<&Process<H>>) {
        if is_orphaned_group(hold, self, ignored) {
            self.signal_members(hold, Signal::SIGHUP);
            self.signal_members(hold, Signal::SIGCONT);
        }
    }
}

impl<H: Host> Process<H> {
    /// Before this process moves away from its parent, or its last thread is gone: looks for another member that links its group, if that is going to be asked. False if the hold is full before
    /// one is found, or all are asked.
    pub(super) fn try_finish_orphan_search(&self, hold: &mut Hold<'_, H>) -> bool {
        !self.is_group_asked(hold)
            || self.group.get(hold).try_finish_orphan_search(hold, Some(self))
    }

    /// R-ORPHAN-03: this process has just moved away from its parent `lost`.
    pub(super) fn hang_up_if_orphaned_by_move(&self, hold: &mut Hold<'_, H>, lost: &Self) {
        let group = self.group.get(hold);
        if group.stopped_members(hold) > 0 && self.has_unorphaning_parent(hold, lost, group) {
            group.hang_up_if_orphaned(hold, None);
        }
    }

    /// R-ORPHAN-04.
    pub(super) fn hang_up_if_orphaned_by_exit(&self, hold: &mut Hold<'_, H>) {
        if self.is_group_asked(hold) {
            self.group.get(hold).hang_up_if_orphaned(hold, Some(self));
        }
    }

    /// Whether somebody in the group is stopped, and this member's parent links it.
    fn is_group_asked(&self, hold: &Hold<'_, H>) -> bool {
        let group = self.group.get(hold);
        group.stopped_members(hold) > 0
            && self
                .parent_in(hold)
                .is_some_and(|parent| self.has_unorphaning_parent(hold, parent, group))
    }

    /// Whether this member links its group.
    fn keeps_group_unorphaned(&self, hold: &Hold<'_, H>, group: &ProcessGroup<H>) -> bool {
        self.state() < ProcessState::Zombie
            && self.parent_in(hold).is_some_and(|parent| {
                !parent.is_table_init_in(hold) && self.has_unorphaning_parent(hold, parent, group)
            })
    }

    /// Whether `parent` is in another group than `group`, this process's, but in the same session.
    fn has_unorphaning_parent(
        &self,
        hold: &Hold<'_, H>,
        parent: &Self,
        group: &ProcessGroup<H>,
    ) -> bool {
        let other = parent.group.get(hold);
        !core::ptr::eq(other, group)
            && core::ptr::eq(other.session_in(hold), group.session_in(hold))
    }
}
