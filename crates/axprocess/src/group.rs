//! A process group: the processes that one terminal key or one `kill` reaches together.

use alloc::vec::Vec;
use core::fmt;

use crate::list::{Links, Node, Ptr, WeakEdge, WeakList};
use crate::object::Head;
use crate::pid::{Carried, Holder, Identity, Numbers, PidNamespace, Refusal, Roles, Task};
use crate::process::{Marks, Members, Process, try_is_orphaned_group};
use crate::session::{Groups, Session};
use crate::snapshot::{Listing, collect};
use crate::sync::{Field, Hold, StrongEdge, TableInner, Word32};
use crate::{ARef, Errno, Host, Pid};

/// A process group.
///
/// It lives as long as a member holds it, in one session for ever, and lists its members
/// weakly. With its last member (moved away or reaped) it ends: it leaves its session and gives its number back, in the
/// same critical section. Two groups of one number never live at a time.
pub struct ProcessGroup<H: Host> {
    pub(crate) head: Head,
    table: ARef<TableInner<H>>,
    own_numbers: Numbers<H>,
    carried: Carried<H>,
    sid: Word32,
    session: StrongEdge<Session<H>>,
    members: WeakList<Process<H>, Members>,
    /// How many members are stopped: without any, nobody asks whether the group is orphaned.
    stopped: Field<u32>,
    /// How many members a search for one that links the group has passed over; see `process/orphan.rs`.
    orphan_search_passed: Field<u32>,
    /// The member that has linked the group when that was last asked, or the next one to ask; none: the first.
    orphan_search_start: WeakEdge<Process<H>>,
    session_links: Links<ProcessGroup<H>>,
    /// Its place among the groups of its session: when it was founded, or has come to live again.
    place: Field<i64>,
    serial: Field<u64>,
    /// What it is named by, if anybody has asked for that.
    identity: StrongEdge<Identity<H>>,
    data: H::GroupData,
}

impl<H: Host> Node<Groups> for ProcessGroup<H> {
    fn links(&self) -> &Links<Self> {
        &self.session_links
    }
}

impl<H: Host> ProcessGroup<H> {
    /// Makes a group that is not in the table yet.
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
            sid: Word32::new(0),
            session: StrongEdge::empty(),
            members: WeakList::new(),
            stopped: Field::new(0),
            orphan_search_passed: Field::new(0),
            orphan_search_start: WeakEdge::none(),
            session_links: Links::new(),
            place: Field::new(0),
            serial: Field::new(0),
            identity: StrongEdge::empty(),
            data: H::GroupData::default(),
        })
    }

    /// Returns the group's number, in the namespace of the process that founded it. Takes no lock.
    pub fn pgid(&self) -> Pid {
        self.own_numbers.number()
    }

    /// Returns the group's number as seen in a namespace; 0 if it is not visible there. Takes the lock.
    pub fn pgid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.table.hold(|hold| self.own_numbers.number_in(hold, viewer))
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::GroupData {
        &self.data
    }

    /// Returns the session in which the group is, for ever. Takes the lock.
    pub fn session(&self) -> ARef<Session<H>> {
        self.table.hold(|hold| ARef::from(self.session.get(hold)))
    }

    /// Returns the members, zombies included, in the order in which they joined.
    ///
    /// Who is a member all the while is in it exactly once, and nobody twice. With more than 64 members the lock is given back in between.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn processes(&self) -> Result<Vec<ARef<Process<H>>>, Errno> {
        collect(&self.table, &MembersOf(self))
    }

    /// Returns whether the group is orphaned: no member has a parent in another group of the same session, init aside.
    ///
    /// Nobody could continue a member that stops, so terminal stops are not taken there ([`Process::would_stop`]). R-ORPHAN-01, R-ORPHAN-02,
    /// R-ORPHAN-10, R-ORPHAN-11. Takes the lock, and looks at members, at most 48 in a hold, until one is found that links it; at first at the one that did when this was last asked. If none is found, it looks at
    /// all of them in one more hold.
    pub fn is_orphaned(&self) -> bool {
        self.table.hold_until_done(|hold| try_is_orphaned_group(hold, self))
    }

    pub(crate) const fn members(&self) -> &WeakList<Process<H>, Members> {
        &self.members
    }

    /// Which use of its number it is.
    #[inline]
    pub(crate) fn founder_serial(&self, hold: &Hold<'_, H>) -> u64 {
        self.serial.get(hold)
    }

    pub(crate) fn session_in<'h>(&self, hold: &Hold<'h, H>) -> &'h Session<H> {
        self.session.get(hold)
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    /// Founds the group: gives an embryo its founder's numbers, and its session. Its first member joins in the same hold.
    ///
    /// Without a founder it has no number: the group in which init begins.
    pub(crate) fn found(
        &self,
        hold: &mut Hold<'_, H>,
        founder: Option<&Numbers<H>>,
        session: &Session<H>,
    ) -> Result<(), Refusal> {
        if let Some(founder) = founder {
            self.own_numbers.copy_from_founder(hold, founder);
            self.register_with_founder_identity(hold)?;
        }
        self.sid.set(hold, session.sid());
        self.session.set(hold, Some(ARef::from(session)));
        self.append_to_session_list(hold, session);
        Ok(())
    }

    /// Lets an emptied group live again, in its session, which lives: who enters comes from there.
    ///
    /// # Errors
    ///
    /// `EPERM`: in some namespace its number is in another use by now, or that namespace is ending.
    pub(crate) fn revive(&self, hold: &mut Hold<'_, H>) -> Result<(), Refusal> {
        let session = self.session_in(hold);
        let serial = self.serial.get(hold);
        let is_free = |hold: &Hold<'_, H>, roles: Roles<H>| {
            let is_founder = |task| match task {
                Task::Process(process) => process.get(hold).identity_key(hold).serial == serial,
                Task::Thread(_) => false,
            };
            roles.task().is_none_or(is_founder)
                && !matches!(roles.holder, Holder::Prepared)
                && roles.group.is_none_or(|other| other.is(self))
                && roles.session.is_none_or(|other| other.is(session))
        };
        if !self.own_numbers.all_free_and_open(hold, |roles| is_free(hold, roles)) {
            return Err(Errno::EPERM.into());
        }
        // The group in which init begins has none.
        if self.own_numbers.number() != 0 {
            self.register_with_founder_identity(hold)?;
        }
        self.append_to_session_list(hold, session);
        Ok(())
    }

    /// Stands in its session's list from now on, as the last one.
    fn append_to_session_list(&self, hold: &mut Hold<'_, H>, session: &Session<H>) {
        let place = hold.relations_mut().next_place();
        self.place.set(hold, place);
        session.groups().push_back(hold, self);
    }

    /// Its place in its session's list; `None`: it has no members.
    pub(crate) fn place_in_session(&self, hold: &Hold<'_, H>) -> Option<i64> {
        self.session_links.is_linked(hold).then(|| self.place.get(hold))
    }

    /// Takes a new member in, as the last one.
    pub(crate) fn admit(&self, hold: &mut Hold<'_, H>, member: &Process<H>) {
        let place = hold.relations_mut().next_place();
        member.group_place().set(hold, place);
        self.members.push_back(hold, member);
        if member.has(hold, Marks::STOPPED) {
            self.increment_stopped(hold);
        }
    }

    /// Takes a member out, and ends the group with its last one. `has_never_stopped`: the member has not.
    #[inline(always)]
    pub(crate) fn remove_member_end_if_last(
        &self,
        hold: &mut Hold<'_, H>,
        member: &Process<H>,
        has_never_stopped: bool,
    ) {
        if self.orphan_search_start.get(hold).is_some_and(|witness| core::ptr::eq(witness, member))
        {
            let next = self.members.after(hold, member);
            self.orphan_search_start.set(hold, next);
        }
        self.members.remove(hold, member);
        if !has_never_stopped && member.has(hold, Marks::STOPPED) {
            self.decrement_stopped(hold);
        }
        if self.members.is_empty(hold) {
            self.end(hold);
        }
    }

    /// Ends it, as it has no member: its number, its place in the session, and the session with the last one.
    #[cold]
    pub(crate) fn end(&self, hold: &mut Hold<'_, H>) {
        let session = self.session_in(hold);
        self.own_numbers.edit_roles_everywhere(hold, |roles| roles.group = None);
        session.remove_group_end_if_last(hold, self);
    }

    /// Counts a member that has stopped.
    pub(crate) fn increment_stopped(&self, hold: &mut Hold<'_, H>) {
        self.stopped.set(hold, self.stopped.get(hold) + 1);
        hold.relations_mut().stopped += 1;
    }

    /// Counts a stopped member no more.
    pub(crate) fn decrement_stopped(&self, hold: &mut Hold<'_, H>) {
        self.stopped.set(hold, self.stopped.get(hold) - 1);
        hold.relations_mut().stopped -= 1;
    }

    /// The member to ask first whether it links the group. `None`: there are no members.
    pub(crate) fn orphan_search_start_or_first<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> Option<&'h Process<H>> {
        self.orphan_search_start.get(hold).or_else(|| self.members.first(hold))
    }

    /// Makes the member behind `witness` the one to ask first.
    pub(crate) fn advance_orphan_search(&self, hold: &mut Hold<'_, H>, witness: &Process<H>) {
        let next = self.members.after(hold, witness);
        self.orphan_search_start.set(hold, next);
    }

    #[cfg(test)]
    pub(crate) fn set_orphan_search_start(&self, hold: &mut Hold<'_, H>, witness: &Process<H>) {
        self.orphan_search_start.set(hold, Some(witness));
    }

    /// How many members a search for one that links the group has passed over.
    pub(crate) const fn orphan_search_passed(&self) -> &Field<u32> {
        &self.orphan_search_passed
    }

    /// How many members are stopped.
    pub(crate) fn stopped_members(&self, hold: &Hold<'_, H>) -> usize {
        self.stopped.get(hold) as usize
    }

    fn register_with_founder_identity(&self, hold: &mut Hold<'_, H>) -> Result<(), Refusal> {
        let own = Ptr::new(self);
        let take = |roles: &mut Roles<H>| roles.group = Some(own);
        self.own_numbers.name_after_founder(hold, take, &self.serial, &self.identity)
    }

    /// What it carries for its number.
    pub(crate) const fn carried(&self) -> &Carried<H> {
        &self.carried
    }

    /// What it is named by.
    pub(crate) const fn identity_edge(&self) -> &StrongEdge<Identity<H>> {
        &self.identity
    }

    /// This group, for as long as the hold lasts: the caller's borrow does.
    pub(crate) fn in_hold<'h>(&self, hold: &Hold<'h, H>) -> &'h Self {
        Ptr::new(self).get(hold)
    }

    /// Its numbers.
    pub(crate) const fn own_numbers(&self) -> &Numbers<H> {
        &self.own_numbers
    }
}

/// The members of a group.
pub(crate) struct MembersOf<'a, H: Host>(pub(crate) &'a ProcessGroup<H>);

impl<H: Host> Listing<H> for MembersOf<'_, H> {
    type Member = Process<H>;

    fn address(&self) -> usize {
        core::ptr::from_ref(self.0).addr()
    }

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        self.0.members.first(hold)
    }

    fn after<'h>(&self, hold: &Hold<'h, H>, member: &Process<H>) -> Option<&'h Process<H>> {
        self.0.members.after_in_row(hold, member)
    }

    fn place(&self, hold: &Hold<'_, H>, member: &Process<H>) -> Option<i64> {
        member.is_member_of(hold, self.0).then(|| member.group_place().get(hold))
    }

    /// Not by way of the member's group, which would be one more cache line.
    fn place_of_found(&self, hold: &Hold<'_, H>, member: &Process<H>) -> Option<i64> {
        debug_assert!(member.is_member_of(hold, self.0), "it was found in the list");
        Some(member.group_place().get(hold))
    }
}

impl<H: Host> fmt::Debug for ProcessGroup<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessGroup({}, session={})", self.pgid(), self.sid.get())
    }
}
