//! A session: process groups in one number.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use model::ARef;

use crate::data::listed;
use crate::host::Facade;
use crate::{Pid, ProcessGroup};

/// A session. It lives as long as a group holds it, and lists its groups weakly.
pub struct Session {
    model: ARef<model::Session<Facade>>,
}

impl Session {
    pub(crate) fn new(model: ARef<model::Session<Facade>>) -> Arc<Self> {
        Arc::new(Self { model })
    }

    /// Returns the session's number: that of the process that created it.
    pub fn sid(&self) -> Pid {
        self.model.sid()
    }

    /// Returns the groups that have members, in the order in which they were created.
    pub fn process_groups(&self) -> Vec<Arc<ProcessGroup>> {
        let groups = listed(self.model.process_groups()).into_iter();
        groups.filter_map(|group| group.host_data().upgrade()).collect()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.sid())
    }
}
