//! A process group: the processes that one terminal key or one `kill` reaches together.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::list::{Links, Node, Ptr, WeakList};
use crate::pid::{Refusal, Task};
use crate::process::{Members, Process};
use crate::session::{Groups, Session};
use crate::sync::{Field, Hold, StrongEdge, Word32, World};
use crate::terminal::NumberUse;
use crate::{Host, Pid};

with_default_host! {
    /// A process group.
    ///
    /// It lives as long as a member holds it, in one session for ever, and lists its members
    /// weakly. With its last member (moved away or reaped) it ends: it leaves its session and gives its number back, in the
    /// same critical section. Two groups of one number never live at a time.
    pub struct ProcessGroup<H> {
        world: Arc<World<H>>,
        pgid: Word32,
        sid: Word32,
        session: StrongEdge<Session<H>>,
        members: WeakList<Process<H>, Members>,
        fellows: Links<ProcessGroup<H>>,
        serial: Field<u64>,
    }
}

impl<H: Host> Node<Groups> for ProcessGroup<H> {
    fn links(&self) -> &Links<Self> {
        &self.fellows
    }
}

impl<H: Host> ProcessGroup<H> {
    /// Makes a group that is not in the table yet.
    pub(crate) fn embryo(world: &Arc<World<H>>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            pgid: Word32::new(0),
            sid: Word32::new(0),
            session: StrongEdge::empty(),
            members: WeakList::new(),
            fellows: Links::new(),
            serial: Field::new(0),
        })
    }

    /// Returns the group's number.
    pub fn pgid(&self) -> Pid {
        self.pgid.get()
    }

    /// Returns the session in which the group is, for ever.
    pub fn session(&self) -> Arc<Session<H>> {
        self.world.hold(|hold| self.session.clone_arc(hold))
    }

    /// Returns the members, zombies included, in the order in which they joined.
    ///
    /// Who is a member all the while is in it exactly once. With more than 64 members the lock is given back in between.
    pub fn processes(&self) -> Vec<Arc<Process<H>>> {
        crate::snapshot::collect(
            &self.world,
            |hold, last| match last {
                None => self.members.first(hold),
                Some(last) => self.members.after(hold, last),
            },
            |hold, process| process.is_member_of(hold, self),
            |hold, process| process.share(hold),
        )
    }

    #[cfg(feature = "kspin")]
    pub(crate) const fn world(&self) -> &Arc<World<H>> {
        &self.world
    }

    pub(crate) const fn members(&self) -> &WeakList<Process<H>, Members> {
        &self.members
    }

    /// The group's number in its present use; see [`NumberUse`].
    pub(crate) fn number_use(&self, hold: &Hold<'_, H>) -> NumberUse {
        NumberUse { number: self.pgid(), serial: self.serial.get(hold) }
    }

    pub(crate) fn session_in<'h>(&self, hold: &Hold<'h, H>) -> &'h Session<H> {
        self.session.get(hold)
    }

    /// A strong reference, from a member's own; `None` if there is no member.
    pub(crate) fn clone_arc(&self, hold: &Hold<'_, H>) -> Option<Arc<Self>> {
        self.members.first(hold).map(|member| member.group_arc(hold))
    }

    /// The session, as a strong reference.
    pub(crate) fn session_arc(&self, hold: &Hold<'_, H>) -> Arc<Session<H>> {
        self.session.clone_arc(hold)
    }

    /// Founds the group: gives an embryo its number and its session. Its first member joins in the same hold.
    ///
    /// Number 0 is no number: the group in which init begins.
    pub(crate) fn found(
        &self,
        hold: &mut Hold<'_, H>,
        pgid: Pid,
        session: Arc<Session<H>>,
    ) -> Result<(), Refusal> {
        self.take_number(hold, pgid)?;
        self.pgid.set(hold, pgid);
        self.sid.set(hold, session.sid());
        let before = self.session.replace(hold, session);
        debug_assert!(before.is_none(), "a group is founded once");
        self.session.get(hold).groups().push_back(hold, self);
        Ok(())
    }

    #[cfg(feature = "kspin")]
    /// Brings an emptied group to life again, if no other has taken its number meanwhile. False if one has.
    pub(crate) fn revive(&self, hold: &mut Hold<'_, H>) -> Result<bool, Refusal> {
        let session = self.session_in(hold);
        let taken = hold.table().numbers.roles(self.pgid()).is_some_and(|roles| {
            roles.group.is_some_and(|other| !other.is(self))
                || roles.session.is_some_and(|other| !other.is(session))
        });
        if taken || !session.revive(hold)? {
            return Ok(false);
        }
        self.take_number(hold, self.pgid())?;
        session.groups().push_back(hold, self);
        Ok(true)
    }

    /// Takes a member out, and ends the group with its last one.
    pub(crate) fn leave(&self, hold: &mut Hold<'_, H>, member: &Process<H>) {
        self.members.remove(hold, member);
        if !self.members.is_empty(hold) {
            return;
        }
        let session = self.session_in(hold);
        hold.table_mut().numbers.edit_existing(self.pgid(), |roles| roles.group = None);
        session.leave(hold, self);
    }

    fn take_number(&self, hold: &mut Hold<'_, H>, pgid: Pid) -> Result<(), Refusal> {
        if pgid == 0 {
            return Ok(());
        }
        let own = Ptr::new(self);
        hold.table_mut().numbers.edit(pgid, |roles| roles.group = Some(own))?;
        let named = hold.table().numbers.roles(pgid).and_then(|roles| roles.task);
        if let Some(Task::Process(founder)) = named {
            self.serial.set(hold, founder.get(hold).number_use(hold).serial);
        }
        Ok(())
    }
}

impl<H: Host> fmt::Debug for ProcessGroup<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessGroup({}, session={})", self.pgid(), self.sid.get())
    }
}
