//! The fast path of a wait: a zombie that never left it needs no search, and no name of its own.

use super::request::Who;
use super::{WaitEvent, WaitOptions, WaitRequest};
use crate::process::Process;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, ExitSignal, Host, ResourceUsage};

impl<H: Host> Thread<H> {
    /// The zombie that a call gets which looks now: this thread's own child, ended by `SIGCHLD`, that nobody has ever traced. `None`: a [search](super::search) tells.
    ///
    /// The child of that number, or the first one in the queue of a thread that has no tracees (R-WAIT-14).
    #[inline]
    pub(super) fn fast_path_zombie<'h>(
        &self,
        hold: &Hold<'h, H>,
        request: &WaitRequest,
    ) -> Option<&'h Process<H>> {
        const ASKS_FOR_MORE: WaitOptions = WaitOptions::NOWAIT.union(WaitOptions::CLONE);
        let options = request.options();
        if options.intersects(ASKS_FOR_MORE) || !options.contains(WaitOptions::EXITED) {
            return None;
        }
        let child = match request.who {
            Who::Process(pid) => {
                let task = self.process_in(hold).pid_ns(hold).task_of(hold, pid)?;
                task.process_of_leader(hold)?
            }
            Who::Any if self.trace(hold).is_none() => {
                self.in_hold(hold).children_lists().reportable.first(hold)?
            }
            _ => return None,
        };
        let is_own = child.parent_thread(hold).is_some_and(|parent| core::ptr::eq(parent, self));
        let is_zombie_on_it = child.is_zombie(hold)
            && child.takes_fast_path(hold)
            && child.exit_signal.get(hold) == ExitSignal::SIGCHLD;
        (is_own && is_zombie_on_it).then_some(child)
    }

    /// Reaps a zombie that nobody traces.
    #[inline(always)]
    pub(super) fn collect(&self, hold: &mut Hold<'_, H>, zombie: &Process<H>) -> WaitEvent<H> {
        let parent = self.process_in(hold);
        let (pid, status) =
            (zombie.number_seen_by_parent(hold, parent), zombie.exit_status_in(hold).into());
        let usage = zombie.usage_with_children(hold);
        parent.add_children_usage(hold, usage);
        let process = zombie.reap_on_fast_path(hold, self);
        WaitEvent { pid, status, usage, process }
    }
}

impl<H: Host> Process<H> {
    /// What it has used, and the children that it waited for.
    #[inline]
    pub(super) fn usage_with_children(&self, hold: &Hold<'_, H>) -> H::Usage {
        let mut usage = hold.host().usage(hold.view(), self);
        usage.add(self.children_usage.get(hold));
        usage
    }

    /// Reaps a zombie for its waiter, and has its usage added to this process's, the parent's. That wakes nobody: whoever sleeps for this child was woken when it
    /// ended (R-WAIT-24).
    pub(super) fn reap_child(
        &self,
        hold: &mut Hold<'_, H>,
        zombie: &Self,
        usage: H::Usage,
    ) -> ARef<Self> {
        self.add_children_usage(hold, usage);
        zombie.reap(hold).unwrap_or_else(|| ARef::from(zombie))
    }

    #[inline]
    fn add_children_usage(&self, hold: &mut Hold<'_, H>, usage: H::Usage) {
        let mut total = self.children_usage.get(hold);
        total.add(usage);
        self.children_usage.set(hold, total);
    }
}
