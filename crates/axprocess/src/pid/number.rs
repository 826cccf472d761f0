//! The number table: number → thread, process, group, session. A number takes one word, whatever it names.

use super::radix::{Nodes, NodesMissing, Radix, Slot};
use crate::list::{Ptr, Tagged, Target};
use crate::sync::{Field, Hold};
use crate::{Errno, Host, Process, ProcessGroup, Session, Thread};

/// The number of a process, thread, process group or session.
pub type Pid = u32;

/// Which numbers a new process or thread gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Number<'a> {
    /// The next free one of each namespace, cyclically, as Linux does (R-PID-02): once the numbers have come round, none below 300 is given any more.
    #[default]
    Next,
    /// This one in its own namespace: any that user space can name, 1 to `i32::MAX`, above every limit too; refused if it is in use. Outside, the next.
    Exactly(Pid),
    /// These, from its own namespace outward (clone3's `set_tid`); outside of those, the next. R-PID-10, R-PID-11.
    Each(&'a [Pid]),
}

impl Number<'_> {
    /// Whether there are no more numbers than something that lives at `level` has.
    ///
    /// # Errors
    ///
    /// `EINVAL`: there are.
    pub(super) const fn check_set_tid_size(&self, level: u32) -> Result<(), Errno> {
        match self {
            Self::Each(pids) if pids.len() > level as usize + 1 => Err(Errno::EINVAL),
            _ => Ok(()),
        }
    }

    /// The number wanted in the namespace `depth` levels outside its own, if it is one where numbers are below `limit`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it is none.
    pub(super) fn wanted_at(&self, depth: usize, limit: Pid) -> Result<Option<Pid>, Errno> {
        let (wanted, possible) = match self {
            Self::Next => return Ok(None),
            // The kernel's own choice is not limited.
            Self::Exactly(pid) => ((depth == 0).then_some(*pid), 1..=LARGEST),
            Self::Each(pids) => (pids.get(depth).copied(), 1..=limit - 1),
        };
        match wanted {
            Some(pid) if !possible.contains(&pid) => Err(Errno::EINVAL),
            fits => Ok(fits),
        }
    }

    /// Whether user space says which: then it needs the right to.
    pub(super) const fn is_users_choice(&self) -> bool {
        matches!(self, Self::Each(_))
    }
}

/// No number is above this one: for user space a number is an `int`, and the negative ones mean something else.
const LARGEST: Pid = i32::MAX as Pid;

/// The first number that is given out again after a wrap: Linux keeps those below for the system's daemons.
pub(super) const RESERVED: Pid = 300;

/// No limit is above this one; that of a new namespace is this one (R-PID-05).
pub(super) const HIGHEST_LIMIT: Pid = 4_194_304;

/// The roles that one number plays. It is free when it plays none (R-PID-08).
///
/// They are the same on every level on which the number's holder, group and session have one: these are all named after one process.
pub(crate) struct Roles<H: Host> {
    pub(crate) holder: Holder<H>,
    pub(crate) group: Option<Ptr<ProcessGroup<H>>>,
    pub(crate) session: Option<Ptr<Session<H>>>,
}

/// The roles of a number in one word, as they stand in the number table: its holder; or the group, which then carries the others; or, where there is none, the session, which does.
pub(crate) struct NumberSlot<H: Host>(Tagged<Process<H>, Thread<H>, ProcessGroup<H>, Session<H>>);

/// What a group or session carries for its number: the roles beside its own. Read only while the number's slot leads there.
pub(crate) struct Carried<H: Host> {
    holder: Field<Holder<H>>,
    session: Field<Option<Ptr<Session<H>>>>,
}

impl<H: Host> Carried<H> {
    /// None.
    pub(crate) const fn nothing() -> Self {
        Self { holder: Field::new(Holder::Nobody), session: Field::new(None) }
    }

    fn set(&self, hold: &mut Hold<'_, H>, roles: &Roles<H>) {
        self.holder.set(hold, roles.holder);
        self.session.set(hold, roles.session);
    }
}

impl<H: Host> NumberSlot<H> {
    #[inline]
    fn of_holder(holder: Holder<H>) -> Self {
        Self(match holder {
            Holder::Nobody => Tagged::NOTHING,
            Holder::Prepared => Tagged::MARK,
            Holder::Task(Task::Process(process)) => Tagged::a(process),
            Holder::Task(Task::Thread(thread)) => Tagged::b(thread),
        })
    }

    /// Whether it is a holder's alone.
    #[inline]
    fn is_of_holder(self) -> bool {
        matches!(self.0.target(), Target::A(_) | Target::B(_))
    }

    /// The process or thread that the number names. Mostly it is a process, and no group has its number.
    #[inline]
    pub(super) fn task(self, hold: &Hold<'_, H>) -> Option<Task<H>> {
        match self.0.as_a() {
            Some(process) => Some(Task::Process(process)),
            None => self.roles(hold).task(),
        }
    }

    #[inline]
    pub(super) fn group<'h>(self, hold: &Hold<'h, H>) -> Option<&'h ProcessGroup<H>> {
        match self.0.target() {
            Target::C(group) => Some(group.get(hold)),
            _ => None,
        }
    }

    pub(super) fn session<'h>(self, hold: &Hold<'h, H>) -> Option<&'h Session<H>> {
        self.roles(hold).session.map(|session| session.get(hold))
    }

    /// The roles of which it was made.
    #[inline(never)]
    pub(super) fn roles(self, hold: &Hold<'_, H>) -> Roles<H> {
        Roles::of_holder(match self.0.target() {
            Target::Nothing => Holder::Nobody,
            Target::Mark => Holder::Prepared,
            Target::A(process) => Holder::Task(Task::Process(process)),
            Target::B(thread) => Holder::Task(Task::Thread(thread)),
            Target::C(group) => {
                let Carried { holder, session } = group.get(hold).carried();
                let (holder, session) = (holder.get(hold), session.get(hold));
                return Roles { holder, group: Some(group), session };
            }
            Target::D(session) => {
                let holder = session.get(hold).carried().holder.get(hold);
                return Roles { holder, group: None, session: Some(session) };
            }
        })
    }
}

/// Who has a number as a process or thread.
pub(crate) enum Holder<H: Host> {
    Nobody,
    /// Someone who is being made, and whom nobody finds.
    Prepared,
    Task(Task<H>),
}

impl<H: Host> Holder<H> {
    #[inline]
    const fn task(self) -> Option<Task<H>> {
        match self {
            Self::Task(task) => Some(task),
            Self::Nobody | Self::Prepared => None,
        }
    }
}

impl<H: Host> Roles<H> {
    /// Those of a free number.
    pub(super) const NONE: Self = Self::of_holder(Holder::Nobody);

    const fn of_holder(holder: Holder<H>) -> Self {
        Self { holder, group: None, session: None }
    }

    /// Makes them one word, and gives the group or session to carry what has no room there.
    pub(super) fn pack(self, hold: &mut Hold<'_, H>) -> NumberSlot<H> {
        NumberSlot(match (self.group, self.session) {
            (Some(group), _) => {
                group.get(hold).carried().set(hold, &self);
                Tagged::c(group)
            }
            (None, Some(session)) => {
                session.get(hold).carried().set(hold, &self);
                Tagged::d(session)
            }
            (None, None) => return NumberSlot::of_holder(self.holder),
        })
    }

    /// The process or thread that the number names.
    pub(crate) const fn task(&self) -> Option<Task<H>> {
        self.holder.task()
    }
}

/// The thread that a number names: the leader stands for its process.
pub(crate) enum Task<H: Host> {
    Process(Ptr<Process<H>>),
    Thread(Ptr<Thread<H>>),
}

impl<H: Host> Task<H> {
    /// The process whose leader has the number, if it is a leader's.
    pub(crate) fn process_of_leader<'h>(self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        match self {
            Self::Process(process) => Some(process.get(hold)),
            Self::Thread(_) => None,
        }
    }

    /// The thread that has the number; a process's leader until it has exited.
    pub(crate) fn thread_or_leader<'h>(self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        match self {
            Self::Process(process) => process.get(hold).leader(hold),
            Self::Thread(thread) => Some(thread.get(hold)),
        }
    }
}

impl<H: Host> Clone for Task<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Task<H> {}

impl<H: Host> Clone for Holder<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Holder<H> {}

impl<H: Host> Clone for Roles<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Roles<H> {}

impl<H: Host> Clone for NumberSlot<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for NumberSlot<H> {}

impl<H: Host> Slot for NumberSlot<H> {
    const VACANT: Self = Self(Tagged::NOTHING);

    #[inline]
    fn is_vacant(&self) -> bool {
        self.0.is_nothing()
    }
}

/// Why a number cannot be taken now.
pub(crate) enum Refusal {
    /// The table lacks memory: allocate it without the lock, donate it, try again. Nothing has changed.
    Nodes(NodesMissing),
    /// The caller's error.
    Errno(Errno),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Memory for number tables: to be donated, or retired.
pub(crate) type Memory<H> = Nodes<NumberSlot<H>>;

/// All numbers of one namespace.
pub(crate) struct NumberTable<H: Host> {
    slots: Radix<NumberSlot<H>>,
    /// The number that is tried first; never 0.
    cursor: Pid,
    /// Numbers that are given out are below this one (R-PID-03).
    limit: Pid,
}

impl<H: Host> NumberTable<H> {
    pub(crate) const fn new() -> Self {
        Self { slots: Radix::new(), cursor: 1, limit: HIGHEST_LIMIT }
    }

    /// The slot of a number, vacant if it is free.
    #[inline]
    pub(super) fn slot(&self, number: Pid) -> NumberSlot<H> {
        self.slots.get(number)
    }

    /// Gives a number to a new thread or process: the one wanted, or the next.
    ///
    /// # Errors
    ///
    /// `EEXIST`: the number is in use. `EAGAIN`: none is free.
    #[inline]
    pub(crate) fn enter(&mut self, wanted: Option<Pid>, holder: Holder<H>) -> Result<Pid, Refusal> {
        if let Some(pid) = wanted {
            return if self.occupy_if_free(pid, holder)? {
                Ok(pid)
            } else {
                Err(Errno::EEXIST.into())
            };
        }
        let candidate = self.cursor;
        // Mostly it is free, and need not be looked for.
        let pid = match candidate < self.limit && self.occupy_if_free(candidate, holder)? {
            true => candidate,
            false => self.enter_next_free(holder)?,
        };
        self.cursor = pid + 1;
        Ok(pid)
    }

    /// Gives the next number to a new thread or process, if it is free at first sight: then one way down the tree is all.
    #[inline]
    pub(crate) fn enter_next_fast(&mut self, holder: Holder<H>) -> Option<Pid> {
        // Where it stands below the lowest that is given out after a wrap, the numbers have not come round.
        let candidate = self.cursor;
        let slot = NumberSlot::of_holder(holder);
        let is_entered = candidate < self.limit && self.slots.occupy_within_leaf(candidate, slot);
        is_entered.then(|| {
            self.cursor = candidate + 1;
            candidate
        })
    }

    /// Frees a number that only a thread or process has, where one way down the tree is all. False, and nothing has changed, where it is not.
    #[inline]
    pub(crate) fn release_holder_fast(&mut self, number: Pid) -> bool {
        self.slots.vacate_within_leaf(number, |slot| slot.is_of_holder())
    }

    /// Sees to it that there is memory to [`enter`](Self::enter) a number, if one can be given.
    pub(crate) fn check_memory_for(&mut self, wanted: Option<Pid>) -> Result<(), Refusal> {
        match wanted.or_else(|| self.next_free()) {
            Some(pid) => self.slots.check_nodes_for(pid).map_err(Refusal::Nodes),
            None => Ok(()),
        }
    }

    #[cold]
    fn enter_next_free(&mut self, holder: Holder<H>) -> Result<Pid, Refusal> {
        let pid = self.next_free().ok_or(Errno::EAGAIN)?;
        self.set(pid, NumberSlot::of_holder(holder))?;
        Ok(pid)
    }

    /// Gives a number to a task if it is free. Whether it was.
    fn occupy_if_free(&mut self, number: Pid, holder: Holder<H>) -> Result<bool, Refusal> {
        let entered = self.slots.edit(number, |slot| {
            let is_free = slot.is_vacant();
            if is_free {
                *slot = NumberSlot::of_holder(holder);
            }
            is_free
        });
        entered.map_err(Refusal::Nodes)
    }

    /// The number before the one that is looked at first for the next process.
    pub(crate) const fn last_given(&self) -> Pid {
        self.cursor.saturating_sub(1)
    }

    pub(crate) const fn set_cursor(&mut self, cursor: Pid) {
        self.cursor = if cursor == 0 { 1 } else { cursor };
    }

    /// Numbers that are given out are below this one.
    pub(crate) const fn limit(&self) -> Pid {
        self.limit
    }

    pub(crate) const fn set_limit(&mut self, limit: Pid) {
        self.limit = limit;
    }

    /// The smallest number in use that is not below `from`.
    pub(crate) fn first_used_from(&self, from: Pid) -> Option<Pid> {
        self.slots.first_used(from)
    }

    /// Gives a number, free or not, these roles.
    pub(super) fn set(&mut self, number: Pid, slot: NumberSlot<H>) -> Result<(), Refusal> {
        self.slots.edit(number, |stands| *stands = slot).map_err(Refusal::Nodes)
    }

    /// Gives a number in use these roles; it is free afterwards if they are none.
    pub(super) fn set_existing(&mut self, number: Pid, slot: NumberSlot<H>) {
        self.slots.edit_existing(number, |stands| *stands = slot);
    }

    pub(crate) fn donate(&mut self, nodes: Memory<H>) {
        self.slots.donate(nodes);
    }

    /// Memory that is not needed any more, to be freed after the unlock.
    pub(crate) fn take_retired(&mut self) -> Option<Memory<H>> {
        self.slots.take_retired()
    }

    /// How many numbers are in use.
    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Linux's `idr_alloc_cyclic`, with the lower bound that `alloc_pid` gives it.
    fn next_free(&self) -> Option<Pid> {
        self.slots
            .first_free(self.cursor, self.limit)
            .or_else(|| self.slots.first_free(self.lowest_allocatable(), self.limit))
    }

    const fn lowest_allocatable(&self) -> Pid {
        if self.cursor > RESERVED { RESERVED } else { 1 }
    }
}
