//! Which PID namespace a thread's children live in: unshare(2) and setns(2).

use super::{ForkNamespace, Process};
use crate::pid::PidNamespace;
use crate::sync::Hold;
use crate::thread::{Rarities, Thread, ThreadMark};
use crate::{ARef, Errno, Host};

impl<H: Host> Thread<H> {
    /// Makes a new PID namespace inside the caller's for this thread's next children; the first is its init.
    ///
    /// Serves unshare(2) with `CLONE_NEWPID`, once the kernel has found that the caller may. The caller's own numbers stay. R-NS-03.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the thread's children live elsewhere already. `ENOSPC`: it would be the 33rd level. `ENOMEM`: there is no memory.
    pub fn unshare_pid(&self) -> Result<(), Errno> {
        let pid_ns = self.pid_ns_of_next_child(ForkNamespace::New)?;
        self.set_namespace_for_children(&pid_ns)
    }

    /// Makes this thread's next children live in `space`: the thread's own namespace, or one inside it.
    ///
    /// Serves setns(2) with `CLONE_NEWPID`, once the kernel has found that the caller may. R-NS-04.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `EINVAL`: it is neither.
    pub fn set_namespace_for_children(&self, pid_ns: &PidNamespace<H>) -> Result<(), Errno> {
        let mut fresh = Rarities::make()?;
        self.process().table().hold(|hold| {
            if !self.process().pid_ns(hold).contains(pid_ns) {
                return Err(Errno::EINVAL);
            }
            let own = self.rarities_or(hold, &mut fresh).ok_or(Errno::ENOMEM)?;
            own.children_pid_ns.set(hold, Some(ARef::from(pid_ns)));
            self.set_mark(hold, ThreadMark::ChildrenPidNs, true);
            Ok(())
        })
    }

    /// Returns the namespace in which this thread's next child will live; `None` while that has no process yet, because there
    /// is nothing yet that could be entered. Takes the lock.
    ///
    /// Serves readlink(2) and open(2) of `/proc/PID/ns/pid_for_children`, where `None` is `ENOENT`. R-NS-05.
    pub fn namespace_for_children(&self) -> Option<ARef<PidNamespace<H>>> {
        self.process().table().hold(|hold| self.entered_children_pid_ns(hold).map(ARef::from))
    }

    pub(crate) fn entered_children_pid_ns<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> Option<&'h PidNamespace<H>> {
        let pid_ns = self.children_pid_ns_in(hold);
        let has_ended = pid_ns.is_closed(hold) && !pid_ns.never_had_init(hold);
        let was_entered = pid_ns.init(hold).is_some() || has_ended;
        was_entered.then_some(pid_ns)
    }

    /// Where this thread's next child will live.
    pub(super) fn children_pid_ns_in<'h>(&self, hold: &Hold<'h, H>) -> &'h PidNamespace<H> {
        let own = self.in_hold(hold);
        let chosen = own.rarities(hold).and_then(|it| it.children_pid_ns.get_if_set(hold));
        chosen.unwrap_or_else(|| own.process().pid_ns(hold))
    }

    /// Whether the child of a request will live in the table's own namespace, as far as that needs no look under the lock.
    #[inline]
    pub(super) fn children_surely_live_at_root(&self, wanted: ForkNamespace) -> bool {
        wanted == ForkNamespace::Inherited
            && self.process().own_numbers().level() == 0
            && !self.has_mark(ThreadMark::ChildrenPidNs)
    }

    /// Where the child of a request will live, to be held; a new namespace is made here, outside the lock.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a new one although the thread's children live elsewhere (R-CLONE-16). `ENOSPC`: too deep (R-CLONE-17). `ENOMEM`: there is no memory.
    pub(super) fn pid_ns_of_next_child(
        &self,
        wanted: ForkNamespace,
    ) -> Result<ARef<PidNamespace<H>>, Errno> {
        let process = self.process();
        let elsewhere = self.has_mark(ThreadMark::ChildrenPidNs);
        match wanted {
            ForkNamespace::Inherited if elsewhere => {
                Ok(process.table().hold(|hold| ARef::from(self.children_pid_ns_in(hold))))
            }
            ForkNamespace::Inherited => Ok(process.share_own_pid_ns()),
            ForkNamespace::New => {
                let own = process.share_own_pid_ns();
                let is_own = process.table().hold(|hold| self.children_pid_ns_in(hold).is(&own));
                if is_own { PidNamespace::inside(&own) } else { Err(Errno::EINVAL) }
            }
        }
    }
}

impl<H: Host> Process<H> {
    /// The namespace in which the process lives, for ever. Takes the lock only for one inside another.
    pub(crate) fn share_own_pid_ns(&self) -> ARef<PidNamespace<H>> {
        match self.own_numbers().level() {
            0 => ARef::from(self.table().pid_ns()),
            _ => self.namespace(),
        }
    }

    /// Whether the process is the init of a namespace, the table's own included (R-CLONE-11).
    pub(super) fn is_some_init(&self) -> bool {
        self.pid() == 1 && self.table().hold(|hold| self.is_pid_ns_init(hold))
    }
}
