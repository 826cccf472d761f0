//! The number table: number → thread, process, group, session.

use super::radix::{Nodes, NodesMissing, Radix, Slot};
use crate::list::Ptr;
use crate::sync::Hold;
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
pub(crate) struct Roles<H: Host> {
    pub(crate) holder: Holder<H>,
    pub(crate) group: Option<Ptr<ProcessGroup<H>>>,
    pub(crate) session: Option<Ptr<Session<H>>>,
}

/// Who has a number as a process or thread.
pub(crate) enum Holder<H: Host> {
    Nobody,
    /// Someone who is being made, and whom nobody finds.
    Prepared,
    Task(Task<H>),
}

impl<H: Host> Roles<H> {
    /// The process or thread that the number names.
    #[inline]
    pub(crate) const fn task(&self) -> Option<Task<H>> {
        match self.holder {
            Holder::Task(task) => Some(task),
            Holder::Nobody | Holder::Prepared => None,
        }
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

impl<H: Host> Slot for Roles<H> {
    const VACANT: Self = Self { holder: Holder::Nobody, group: None, session: None };

    fn is_vacant(&self) -> bool {
        matches!(self.holder, Holder::Nobody) && self.group.is_none() && self.session.is_none()
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
pub(crate) type Memory<H> = Nodes<Roles<H>>;

/// All numbers of one namespace.
pub(crate) struct NumberTable<H: Host> {
    roles: Radix<Roles<H>>,
    /// The number that is tried first; never 0.
    cursor: Pid,
    /// Numbers that are given out are below this one (R-PID-03).
    limit: Pid,
}

impl<H: Host> NumberTable<H> {
    pub(crate) const fn new() -> Self {
        Self { roles: Radix::new(), cursor: 1, limit: HIGHEST_LIMIT }
    }

    pub(crate) fn roles(&self, number: Pid) -> Option<&Roles<H>> {
        self.roles.get(number)
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
        let roles = Roles { holder, ..Roles::VACANT };
        let is_entered = candidate < self.limit && self.roles.occupy_within_leaf(candidate, roles);
        is_entered.then(|| {
            self.cursor = candidate + 1;
            candidate
        })
    }

    /// Ends the role that a number plays for a thread or process, where one way down the tree is all. False, and nothing has changed: [`edit_existing`](Self::edit_existing) does it.
    #[inline]
    pub(crate) fn release_holder_fast(&mut self, number: Pid) -> bool {
        self.roles.edit_existing_within_leaf(number, |roles| roles.holder = Holder::Nobody)
    }

    /// Sees to it that there is memory to [`enter`](Self::enter) a number, if one can be given.
    pub(crate) fn check_memory_for(&mut self, wanted: Option<Pid>) -> Result<(), Refusal> {
        match wanted.or_else(|| self.next_free()) {
            Some(pid) => self.roles.check_nodes_for(pid).map_err(Refusal::Nodes),
            None => Ok(()),
        }
    }

    #[cold]
    fn enter_next_free(&mut self, holder: Holder<H>) -> Result<Pid, Refusal> {
        let pid = self.next_free().ok_or(Errno::EAGAIN)?;
        self.edit(pid, |roles| roles.holder = holder)?;
        Ok(pid)
    }

    /// Gives a number to a task if it is free. Whether it was.
    fn occupy_if_free(&mut self, number: Pid, holder: Holder<H>) -> Result<bool, Refusal> {
        let entered = self.roles.edit(number, |roles| {
            let is_free = roles.is_vacant();
            if is_free {
                roles.holder = holder;
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
        self.roles.first_used(from)
    }

    /// Edits the roles of a number, free or not.
    pub(crate) fn edit(
        &mut self,
        number: Pid,
        edit: impl FnOnce(&mut Roles<H>),
    ) -> Result<(), Refusal> {
        self.roles.edit(number, edit).map_err(Refusal::Nodes)
    }

    /// Edits the roles of a number in use; it is free afterwards if it plays none any more.
    pub(crate) fn edit_existing(&mut self, number: Pid, edit: impl FnOnce(&mut Roles<H>)) {
        self.roles.edit_existing(number, edit);
    }

    pub(crate) fn donate(&mut self, nodes: Memory<H>) {
        self.roles.donate(nodes);
    }

    /// Memory that is not needed any more, to be freed after the unlock.
    pub(crate) fn take_retired(&mut self) -> Option<Memory<H>> {
        self.roles.take_retired()
    }

    /// How many numbers are in use.
    pub(crate) const fn len(&self) -> usize {
        self.roles.len()
    }

    /// Linux's `idr_alloc_cyclic`, with the lower bound that `alloc_pid` gives it.
    fn next_free(&self) -> Option<Pid> {
        self.roles
            .first_free(self.cursor, self.limit)
            .or_else(|| self.roles.first_free(self.lowest_allocatable(), self.limit))
    }

    const fn lowest_allocatable(&self) -> Pid {
        if self.cursor > RESERVED { RESERVED } else { 1 }
    }
}
