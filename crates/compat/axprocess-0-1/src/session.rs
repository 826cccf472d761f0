//! A session: process groups in one number.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use model::ARef;

use crate::data::listed;
use crate::host::Facade;
use crate::numbers::{Memory, Name, Numbers};
use crate::{Errno, Pid, ProcessGroup};

/// A session. It lives as long as a group holds it, and lists its groups weakly.
pub struct Session {
    model: ARef<model::Session<Facade>>,
    name: Name,
    /// How many groups have members. Changed under the lock of the numbers.
    groups: AtomicU32,
}

impl Session {
    /// The session that a process of this name creates.
    pub(crate) fn new(model: ARef<model::Session<Facade>>, name: Name) -> Arc<Self> {
        Arc::new(Self { model, name, groups: AtomicU32::new(0) })
    }

    /// Returns the session's number: that of the process that created it.
    pub fn sid(&self) -> Pid {
        self.name.number()
    }

    /// Returns the groups that have members, in the order in which they were created.
    pub fn process_groups(&self) -> Vec<Arc<ProcessGroup>> {
        listed(|cursor, found| {
            self.model.read(|view| {
                let groups = view.process_groups(&self.model, cursor);
                found.extend(groups.filter_map(|group| group.host_data().upgrade()));
            });
        })
    }

    /// Counts a group that has members from now on. The session has others, or the process that creates it uses its number.
    pub(crate) fn count_in(&self, numbers: &mut Numbers) -> Result<(), Errno> {
        let groups = self.groups.load(Ordering::Relaxed);
        if groups == 0 {
            numbers.add_use(self.name, &mut Memory::none())?;
        }
        self.groups.store(groups + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Counts a group that has no members any more.
    pub(crate) fn count_out(&self, numbers: &mut Numbers, memory: &mut Memory) {
        let left = self.groups.load(Ordering::Relaxed) - 1;
        self.groups.store(left, Ordering::Relaxed);
        if left == 0 {
            numbers.end_use(self.name, memory);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.sid())
    }
}
