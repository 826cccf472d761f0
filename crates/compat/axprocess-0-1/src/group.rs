//! A process group: the members of one number in a session.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kspin::SpinNoIrq;
use model::ARef;

use crate::data::listed;
use crate::host::Facade;
use crate::{Pid, Process, Session};

/// Held by whoever changes the group of a process. So in between, the model's groups and those of this crate have the same members.
pub(crate) static CHANGES: SpinNoIrq<()> = SpinNoIrq::new(());

/// A process group. It lives as long as a process is or was last in it, holds its session, and lists its members weakly.
pub struct ProcessGroup {
    model: ARef<model::ProcessGroup<Facade>>,
    session: Arc<Session>,
}

impl ProcessGroup {
    /// The group of a process that has entered `model` in that session: the one that the other members have, or a new one. The caller holds [`CHANGES`].
    pub(crate) fn of(model: ARef<model::ProcessGroup<Facade>>, session: Arc<Session>) -> Arc<Self> {
        // As long as there was another member, that has held it.
        if let Some(group) = model.host_data().upgrade() {
            return group;
        }
        let group = Arc::new(Self { model, session });
        group.model.host_data().set(&group);
        group
    }

    /// Returns the group's number: that of the process that created it.
    pub fn pgid(&self) -> Pid {
        self.model.pgid()
    }

    /// Returns the session in which the group is, for ever.
    pub fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    /// Returns the members, zombies included, in the order in which they joined.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        let members = listed(self.model.processes()).into_iter();
        members.filter_map(|process| process.host_data().upgrade()).collect()
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
