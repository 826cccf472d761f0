//! A session: the process groups of one login, or of one daemon.

use alloc::vec::Vec;
use core::fmt;

use crate::group::ProcessGroup;
use crate::list::{Ptr, WeakList};
use crate::object::Head;
use crate::pid::{Carried, Identity, Numbers, PidNamespace, Refusal, Roles};
use crate::snapshot::{Listing, collect};
use crate::sync::{Field, Hold, StrongEdge, TableInner};
use crate::terminal::SessionTerminal;
use crate::{ARef, Errno, Host, Pid};

/// A session.
///
/// It lives as long as a group holds it, and lists its groups weakly. It ends with its last
/// group, and outlives its leader if others stay (R-SETSID-03).
pub struct Session<H: Host> {
    pub(crate) head: Head,
    table: ARef<TableInner<H>>,
    own_numbers: Numbers<H>,
    carried: Carried<H>,
    groups: WeakList<ProcessGroup<H>, Groups>,
    terminal: SessionTerminal<H>,
    /// Which of all processes that ever had its number is its leader.
    serial: Field<u64>,
    /// What it is named by, if anybody has asked for that.
    identity: StrongEdge<Identity<H>>,
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
    pub(crate) fn make_embryo(table: &TableInner<H>) -> Result<ARef<Self>, Errno> {
        let table = ARef::from(table);
        ARef::make(|| Self {
            head: Head::new(),
            table,
            own_numbers: Numbers::at_root(),
            carried: Carried::nothing(),
            groups: WeakList::new(),
            terminal: SessionTerminal::none(),
            serial: Field::new(0),
            identity: StrongEdge::empty(),
            data: H::SessionData::default(),
        })
    }

    /// Returns the session's number, in the namespace of the process that founded it. Takes no lock.
    pub fn sid(&self) -> Pid {
        self.own_numbers.number()
    }

    /// Returns the session's number as seen in a namespace; 0 if it is not visible there. Takes the lock.
    pub fn sid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.table.hold(|hold| self.own_numbers.number_in(hold, viewer))
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::SessionData {
        &self.data
    }

    /// Returns the groups, in the order in which they were founded.
    ///
    /// A group that lives all the while is in it exactly once, and none twice. With more than 64 groups the lock is given back in between.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn process_groups(&self) -> Result<Vec<ARef<ProcessGroup<H>>>, Errno> {
        collect(&self.table, &GroupsOf(self))
    }

    pub(crate) const fn groups(&self) -> &WeakList<ProcessGroup<H>, Groups> {
        &self.groups
    }

    pub(crate) const fn terminal(&self) -> &SessionTerminal<H> {
        &self.terminal
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    /// Founds the session: gives an embryo its founder's numbers. Its first group is founded in the same hold.
    ///
    /// Without a founder it has no number: the session in which init begins.
    pub(crate) fn found(
        &self,
        hold: &mut Hold<'_, H>,
        founder: Option<&Numbers<H>>,
    ) -> Result<(), Refusal> {
        if let Some(founder) = founder {
            self.own_numbers.copy_from_founder(hold, founder);
            self.register_with_founder_identity(hold)?;
        }
        Ok(())
    }

    /// Takes a group out, and ends the session with its last one.
    pub(crate) fn remove_group_end_if_last(&self, hold: &mut Hold<'_, H>, group: &ProcessGroup<H>) {
        self.groups.remove(hold, group);
        if self.groups.is_empty(hold) {
            self.own_numbers.edit_roles_everywhere(hold, |roles| roles.session = None);
            self.give_up_terminal(hold);
        }
    }
}

impl<H: Host> Session<H> {
    fn register_with_founder_identity(&self, hold: &mut Hold<'_, H>) -> Result<(), Refusal> {
        let own = Ptr::new(self);
        let take = |roles: &mut Roles<H>| roles.session = Some(own);
        self.own_numbers.name_after_founder(hold, take, &self.serial, &self.identity)
    }

    /// What it carries for its number, where no group does.
    pub(crate) const fn carried(&self) -> &Carried<H> {
        &self.carried
    }

    /// What it is named by.
    pub(crate) const fn identity_edge(&self) -> &StrongEdge<Identity<H>> {
        &self.identity
    }

    /// Which of all processes that ever had its number is its leader; 0: the one in which init begins.
    pub(crate) fn founder_serial(&self, hold: &Hold<'_, H>) -> u64 {
        self.serial.get(hold)
    }

    /// Its numbers.
    pub(crate) const fn own_numbers(&self) -> &Numbers<H> {
        &self.own_numbers
    }
}

/// The groups of a session.
pub(crate) struct GroupsOf<'a, H: Host>(pub(crate) &'a Session<H>);

impl<H: Host> Listing<H> for GroupsOf<'_, H> {
    type Member = ProcessGroup<H>;

    fn address(&self) -> usize {
        core::ptr::from_ref(self.0).addr()
    }

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h ProcessGroup<H>> {
        self.0.groups.first(hold)
    }

    fn after<'h>(
        &self,
        hold: &Hold<'h, H>,
        group: &ProcessGroup<H>,
    ) -> Option<&'h ProcessGroup<H>> {
        self.0.groups.after(hold, group)
    }

    fn place(&self, hold: &Hold<'_, H>, group: &ProcessGroup<H>) -> Option<i64> {
        let is_own = core::ptr::eq(group.session_in(hold), self.0);
        group.place_in_session(hold).filter(|_| is_own)
    }
}

impl<H: Host> fmt::Debug for Session<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.sid())
    }
}
