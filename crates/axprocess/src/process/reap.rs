//! The end of the end: a zombie is claimed, and stands in no relation any more.

use super::end_pid_ns::finish_waiting_inits;
use super::{Process, ProcessState};
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, Host};

impl<H: Host> Process<H> {
    /// Releases the zombie, whatever its parent waits for or has been told. Returns whether this call did; one does, ever.
    ///
    /// For a kernel, or a facade, that decides by itself when a zombie has been waited for. The parent gets neither a status nor what the
    /// zombie has used, as when it does not care (R-NOTIFY-03). A tracer loses it too.
    pub fn release_zombie(&self) -> bool {
        let link = self.table().hold(|hold| {
            if !self.is_zombie(hold) {
                return None;
            }
            let parent = self.parent_in(hold);
            let news = self.news_to_parent(hold);
            let link = self.reap(hold);
            // Of one that a stranger traced, the parent has not heard yet: who waits for it learns that it is gone.
            if let Some(parent) = parent.filter(|_| link.is_some()) {
                parent.note_news_and_wake(hold, &news);
            }
            link
        });
        link.is_some()
    }

    /// Claims a zombie, once: takes it out of its parent's list, its group and the number table, and hands over the parent's
    /// reference. `None`: it is no zombie, or another was faster.
    ///
    /// The claim, and all that follows from it, are one hold: the parent is the parent of this
    /// moment, and membership ends here, not with the last `ARef` (races 6 to 9, W19, W20). R-WAIT-24, R-WAIT-28.
    pub(crate) fn reap(&self, hold: &mut Hold<'_, H>) -> Option<ARef<Self>> {
        if !self.is_zombie(hold) {
            return None;
        }
        let parent = self.parent.get(hold)?;
        self.note_release_of_leader(hold);
        if !self.takes_fast_path(hold) {
            self.end_tracing_of_leader(hold);
        }
        let parent = parent.children_lists();
        parent.reportable.remove(hold, self);
        let link = parent.remove(hold, self);
        self.parent.set(hold, None);
        self.become_reaped(hold);
        hold.host().wake_pollers(hold.view(), self);
        link
    }

    /// The same for a zombie that takes the fast path and has ended with `SIGCHLD`, a child of that thread which has been told of its end.
    #[inline(always)]
    pub(super) fn reap_on_fast_path(
        &self,
        hold: &mut Hold<'_, H>,
        parent: &Thread<H>,
    ) -> ARef<Self> {
        hold.host().release_task(hold.view(), &self.first_thread);
        let parent = parent.children_lists();
        parent.reportable.remove_queued(hold, self);
        // It is no clone, which would be counted, and it is in the list.
        let link = parent.list.remove(hold, self).unwrap_or_else(|| ARef::from(self));
        self.parent.set(hold, None);
        self.become_reaped_in_line(hold, true);
        hold.host().wake_pollers(hold.view(), self);
        link
    }

    /// Tells the host of the release of the thread that leads, with which the process is released: it still stands where it stood.
    pub(super) fn note_release_of_leader(&self, hold: &Hold<'_, H>) {
        hold.host().release_task(hold.view(), self.leading_thread(hold));
    }

    /// Gives up its place in its group, its number and its leader.
    pub(super) fn become_reaped(&self, hold: &mut Hold<'_, H>) {
        self.become_reaped_in_line(hold, self.takes_fast_path(hold));
    }

    #[inline(always)]
    fn become_reaped_in_line(&self, hold: &mut Hold<'_, H>, is_on_fast_path: bool) {
        let group = self.group.get(hold);
        group.remove_member_end_if_last(hold, self, is_on_fast_path);
        self.own_numbers().release_holder(hold);
        self.enter_state(hold, ProcessState::Reaped);
        hold.relations_mut().census.reaped += 1;
        if !is_on_fast_path {
            self.note_gone_and_leave_init(hold);
        }
        if !group.own_numbers().lives_at_root(hold) {
            finish_waiting_inits(hold, group.own_numbers());
        }
    }

    /// Gives up what a process on the fast path does not have: its identity, its place as an init, its later leader.
    #[cold]
    #[inline(never)]
    fn note_gone_and_leave_init(&self, hold: &mut Hold<'_, H>) {
        let own = self.in_hold(hold);
        if let Some(identity) = own.identity_in(hold) {
            identity.note_gone(hold, self.leading_thread(hold).exit_code().get());
        }
        if self.is_pid_ns_init(hold) {
            self.pid_ns(hold).set_init(hold, None);
        }
        self.later_leader.set(hold, None);
        finish_waiting_inits(hold, own.own_numbers());
    }
}
