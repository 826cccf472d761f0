//! A process group: the members of one number in a session.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use kspin::SpinNoIrq;
use model::ARef;

use crate::data::listed;
use crate::host::Facade;
use crate::numbers::{Memory, Name, Numbers};
use crate::{Errno, Pid, Process, Session};

/// Held by whoever changes the group of a process. So in between, the model's groups and those of this crate have the same members.
pub(crate) static CHANGES: SpinNoIrq<()> = SpinNoIrq::new(());

/// A process group. It lives as long as a process is or was last in it, holds its session, and lists its members weakly.
pub struct ProcessGroup {
    model: ARef<model::ProcessGroup<Facade>>,
    name: Name,
    session: Arc<Session>,
    /// How many members it has. Changed under the lock of the numbers.
    members: AtomicU32,
}

impl ProcessGroup {
    /// The group of a process that has entered `model`, which has the process's name, in that session: the one that the other members have, or a new one. The
    /// caller holds [`CHANGES`].
    pub(crate) fn of(
        model: ARef<model::ProcessGroup<Facade>>,
        name: Name,
        session: Arc<Session>,
    ) -> Arc<Self> {
        // As long as there was another member, that has held it.
        if let Some(group) = model.host_data().upgrade() {
            return group;
        }
        let group = Arc::new(Self { model, name, session, members: AtomicU32::new(0) });
        group.model.host_data().set(&group);
        group
    }

    /// Returns the group's number: that of the process that created it.
    pub fn pgid(&self) -> Pid {
        self.name.number()
    }

    /// Returns the session in which the group is, for ever.
    pub fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    pub(crate) const fn own_session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Whether there seem to be members.
    pub(crate) fn has_members_hint(&self) -> bool {
        self.members.load(Ordering::Relaxed) > 0
    }

    /// Returns the members, zombies included, in the order in which they joined.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        listed(|cursor, found| {
            self.model.read(|view| {
                let members = view.members(&self.model, cursor);
                found.extend(members.filter_map(|process| process.host_data().upgrade()));
            });
        })
    }

    /// Counts a new member. Who enters is in the session, or creates it; the memory is for one number, if there may be no member now.
    ///
    /// # Errors
    ///
    /// There is no member, and the number is in use under another name (`EEXIST`), or no memory was brought along for it (`ENOMEM`).
    pub(crate) fn count_in(&self, numbers: &mut Numbers, memory: &mut Memory) -> Result<(), Errno> {
        let members = self.members.load(Ordering::Relaxed);
        if members == 0 {
            numbers.add_use(self.name, memory)?;
            self.session.count_in(numbers)?;
        }
        self.members.store(members + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Counts a member that has left.
    pub(crate) fn count_out(&self, numbers: &mut Numbers, memory: &mut Memory) {
        let left = self.members.load(Ordering::Relaxed) - 1;
        self.members.store(left, Ordering::Relaxed);
        if left == 0 {
            numbers.end_use(self.name, memory);
            self.session.count_out(numbers, memory);
        }
    }

    pub(crate) const fn model(&self) -> &ARef<model::ProcessGroup<Facade>> {
        &self.model
    }
}

impl fmt::Debug for ProcessGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessGroup({}, session={})", self.pgid(), self.session.sid())
    }
}
