//! One use of a number as a plain value: for who only compares, or names without keeping anything.

use super::own_numbers::Numbers;
use crate::group::ProcessGroup;
use crate::process::Process;
use crate::sync::Hold;
use crate::{Host, Pid};

/// One use of a number, from the birth of a process to the end of all that is named after it; Linux's `struct pid`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IdentityKey {
    pub(crate) number: Pid,
    /// Which process it was, in the order of births; 0: a thread that leads none, so that no group is ever named after it.
    pub(crate) serial: u64,
}

impl IdentityKey {
    #[inline]
    fn of<H: Host>(hold: &Hold<'_, H>, numbers: &Numbers<H>, serial: u64) -> Self {
        Self { number: numbers.number_at_root(hold), serial }
    }

    /// The living group that is named so.
    pub(crate) fn group<'h, H: Host>(self, hold: &Hold<'h, H>) -> Option<&'h ProcessGroup<H>> {
        let group = hold.root_pid_ns().group_of(hold, self.number)?;
        (group.identity_key(hold) == self).then_some(group)
    }

    /// The process whose number it is, until the reap.
    pub(crate) fn process<'h, H: Host>(self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        let task = hold.root_pid_ns().task_of(hold, self.number)?;
        let process = task.process_of_leader(hold)?;
        (process.identity_key(hold) == self).then_some(process)
    }
}

impl<H: Host> Process<H> {
    /// The present use of its number.
    #[inline]
    pub(crate) fn identity_key(&self, hold: &Hold<'_, H>) -> IdentityKey {
        IdentityKey::of(hold, self.own_numbers(), self.serial(hold))
    }
}

impl<H: Host> ProcessGroup<H> {
    /// The present use of its number: its founder's.
    #[inline]
    pub(crate) fn identity_key(&self, hold: &Hold<'_, H>) -> IdentityKey {
        IdentityKey::of(hold, self.own_numbers(), self.founder_serial(hold))
    }
}
