//! A session: the process groups of one login, or of one daemon.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::group::ProcessGroup;
use crate::list::{Node, Ptr, WeakList};
use crate::pid::Refusal;
use crate::sync::{Hold, Word32, World};
use crate::terminal::SessionTerminal;
use crate::{Host, Pid};

with_default_host! {
    /// A session.
    ///
    /// It lives as long as a group holds it, and lists its groups weakly. It ends with its last
    /// group, and outlives its leader if others stay (R-SETSID-03).
    pub struct Session<H> {
        world: Arc<World<H>>,
        sid: Word32,
        groups: WeakList<ProcessGroup<H>, Groups>,
        terminal: SessionTerminal<H>,
    }
}

/// The list in which a group stands with the others of its session.
pub(crate) enum Groups {}

impl<H: Host> Session<H> {
    /// Makes a session that is not in the table yet.
    pub(crate) fn embryo(world: &Arc<World<H>>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            sid: Word32::new(0),
            groups: WeakList::new(),
            terminal: SessionTerminal::none(),
        })
    }

    /// Returns the session's number.
    pub fn sid(&self) -> Pid {
        self.sid.get()
    }

    /// Returns the groups, in the order in which they were founded.
    ///
    /// A group that lives all the while is in it exactly once. With more than 64 groups the lock is given back in between.
    pub fn process_groups(&self) -> Vec<Arc<ProcessGroup<H>>> {
        crate::snapshot::collect(
            &self.world,
            |hold, last| match last {
                None => self.groups.first(hold),
                Some(last) => self.groups.after(hold, last),
            },
            |hold, group| Node::<Groups>::links(group).is_linked(hold),
            |hold, group| group.clone_arc(hold),
        )
    }

    pub(crate) const fn groups(&self) -> &WeakList<ProcessGroup<H>, Groups> {
        &self.groups
    }

    pub(crate) const fn terminal(&self) -> &SessionTerminal<H> {
        &self.terminal
    }

    /// A strong reference, from a group's own; `None` if there is no group.
    pub(crate) fn clone_arc(&self, hold: &Hold<'_, H>) -> Option<Arc<Self>> {
        self.groups.first(hold).map(|group| group.session_arc(hold))
    }

    /// Founds the session: gives an embryo its number. Its first group is founded in the same hold.
    ///
    /// Number 0 is no number: the session in which init begins.
    pub(crate) fn found(&self, hold: &mut Hold<'_, H>, sid: Pid) -> Result<(), Refusal> {
        if sid != 0 {
            let own = Ptr::new(self);
            hold.table_mut().numbers.edit(sid, |roles| roles.session = Some(own))?;
        }
        self.sid.set(hold, sid);
        Ok(())
    }

    #[cfg(feature = "kspin")]
    /// Brings an ended session to life again, if it has ended; false if another has its number.
    pub(crate) fn revive(&self, hold: &mut Hold<'_, H>) -> Result<bool, Refusal> {
        if !self.groups.is_empty(hold) {
            return Ok(true);
        }
        let roles = hold.table().numbers.roles(self.sid());
        if roles.and_then(|roles| roles.session).is_some_and(|other| !other.is(self)) {
            return Ok(false);
        }
        self.found(hold, self.sid()).map(|()| true)
    }

    /// Takes a group out, and ends the session with its last one.
    pub(crate) fn leave(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        self.groups.remove(hold, group);
        if self.groups.is_empty(hold) {
            hold.table_mut().numbers.edit_existing(self.sid(), |roles| roles.session = None);
            self.give_up_terminal(hold);
        }
    }
}

impl<H: Host> fmt::Debug for Session<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.sid())
    }
}
