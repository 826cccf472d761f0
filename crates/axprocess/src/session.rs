//! A session: the process groups of one login, or of one daemon.

use alloc::vec::Vec;
use core::fmt;

use crate::group::ProcessGroup;
use crate::list::{Node, Ptr, WeakList};
use crate::object::Head;
use crate::pid::{Identity, PidNamespace, Refusal};
use crate::sync::{Hold, World};
use crate::terminal::SessionTerminal;
use crate::{ARef, Errno, Host, Pid};

/// A session.
///
/// It lives as long as a group holds it, and lists its groups weakly. It ends with its last
/// group, and outlives its leader if others stay (R-SETSID-03).
pub struct Session<H: Host> {
    pub(crate) head: Head,
    world: ARef<World<H>>,
    identity: Identity<H>,
    groups: WeakList<ProcessGroup<H>, Groups>,
    terminal: SessionTerminal<H>,
    data: H::SessionData,
}

/// The list in which a group stands with the others of its session.
pub(crate) enum Groups {}

impl<H: Host> Session<H> {
    /// Makes a session that is not in the table yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(crate) fn make(world: &World<H>) -> Result<ARef<Self>, Errno> {
        let world = ARef::from(world);
        ARef::make(|| Self {
            head: Self::new_head(),
            world,
            identity: Identity::at_root(),
            groups: WeakList::new(),
            terminal: SessionTerminal::none(),
            data: H::SessionData::default(),
        })
    }

    /// Returns the session's number, in the namespace of the process that founded it.
    pub fn sid(&self) -> Pid {
        self.identity.number()
    }

    /// Returns the session's number as seen in a namespace; 0 if it is not visible there.
    pub fn sid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.world.hold(|hold| self.identity.number_in(hold, viewer))
    }

    /// Returns the kernel's data.
    pub const fn host_data(&self) -> &H::SessionData {
        &self.data
    }

    /// Returns the groups, in the order in which they were founded.
    ///
    /// A group that lives all the while is in it exactly once. With more than 64 groups the lock is given back in between.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn process_groups(&self) -> Result<Vec<ARef<ProcessGroup<H>>>, Errno> {
        crate::snapshot::collect(
            &self.world,
            |hold, last| match last {
                None => self.groups.first(hold),
                Some(last) => self.groups.after(hold, last),
            },
            |hold, group| Node::<Groups>::links(group).is_linked(hold),
        )
    }

    pub(crate) const fn groups(&self) -> &WeakList<ProcessGroup<H>, Groups> {
        &self.groups
    }

    pub(crate) const fn terminal(&self) -> &SessionTerminal<H> {
        &self.terminal
    }

    pub(crate) fn world(&self) -> &World<H> {
        &self.world
    }

    /// Founds the session: gives an embryo its founder's numbers. Its first group is founded in the same hold.
    ///
    /// Without a founder it has no number: the session in which init begins.
    pub(crate) fn found(
        &self,
        hold: &mut Hold<'_, H>,
        founder: Option<&Identity<H>>,
    ) -> Result<(), Refusal> {
        if let Some(founder) = founder {
            self.identity.take_after(hold, founder);
            self.take_number(hold)?;
        }
        Ok(())
    }

    /// Takes a group out, and ends the session with its last one.
    pub(crate) fn leave(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        self.groups.remove(hold, group);
        if self.groups.is_empty(hold) {
            self.identity.edit(hold, |roles| roles.session = None);
            self.give_up_terminal(hold);
        }
    }
}

impl<H: Host> Session<H> {
    fn take_number(&self, hold: &mut Hold<'_, H>) -> Result<(), Refusal> {
        let own = Ptr::new(self);
        self.identity.edit_or_take(hold, |roles| roles.session = Some(own))
    }

    /// This session, for as long as the hold lasts: the caller's borrow does.
    pub(crate) fn in_hold<'h>(&self, hold: &Hold<'h, H>) -> &'h Self {
        Ptr::new(self).get(hold)
    }

    /// Its numbers.
    pub(crate) const fn identity(&self) -> &Identity<H> {
        &self.identity
    }
}

impl<H: Host> fmt::Debug for Session<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.sid())
    }
}
