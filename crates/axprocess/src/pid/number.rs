//! The number table: number → thread, process, group, session.

use super::radix::{Nodes, NodesMissing, Radix, Slot};
use crate::list::Ptr;
use crate::{Errno, Host, Process, ProcessGroup, Session, Thread};

/// The number of a process, thread, process group or session.
pub type Pid = u32;

/// Which number a new process or thread gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Number {
    /// The next free one, cyclically, as Linux does (R-PID-02).
    #[default]
    Next,
    /// This one; refused if it is in use (clone3's `set_tid`, R-PID-11).
    Exactly(Pid),
}

/// The first number that is given out again after a wrap: Linux keeps those below for the system's daemons.
const RESERVED: Pid = 300;

/// Numbers are below this one (R-PID-03).
const PID_MAX: Pid = 4_194_304;

/// The roles that one number plays. It is free when it plays none (R-PID-08).
pub(crate) struct Roles<H: Host> {
    pub(crate) task: Option<Task<H>>,
    pub(crate) group: Option<Ptr<ProcessGroup<H>>>,
    pub(crate) session: Option<Ptr<Session<H>>>,
}

/// The thread that a number names: the leader stands for its process.
pub(crate) enum Task<H: Host> {
    Process(Ptr<Process<H>>),
    Thread(Ptr<Thread<H>>),
}

impl<H: Host> Clone for Task<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Task<H> {}

impl<H: Host> Slot for Roles<H> {
    const VACANT: Self = Self { task: None, group: None, session: None };

    fn is_vacant(&self) -> bool {
        self.task.is_none() && self.group.is_none() && self.session.is_none()
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

/// All numbers of one namespace.
pub(crate) struct NumberTable<H: Host> {
    roles: Radix<Roles<H>>,
    cursor: Pid,
}

impl<H: Host> NumberTable<H> {
    pub(crate) const fn new() -> Self {
        Self { roles: Radix::new(), cursor: 1 }
    }

    pub(crate) fn roles(&self, number: Pid) -> Option<&Roles<H>> {
        self.roles.get(number)
    }

    /// Gives a number to a new thread or process.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the number asked for is 0. `EEXIST`: it is in use. `EAGAIN`: none is free.
    pub(crate) fn enter(&mut self, number: Number, task: Task<H>) -> Result<Pid, Refusal> {
        let pid = match number {
            Number::Exactly(0) => return Err(Errno::EINVAL.into()),
            Number::Exactly(pid) if self.roles.get(pid).is_some() => {
                return Err(Errno::EEXIST.into());
            }
            Number::Exactly(pid) => pid,
            Number::Next => self.next_free().ok_or(Errno::EAGAIN)?,
        };
        self.edit(pid, |roles| roles.task = Some(task))?;
        if number == Number::Next {
            self.cursor = pid + 1;
        }
        Ok(pid)
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

    /// Frees the number of a thread, if it is that thread's.
    pub(crate) fn release_thread(&mut self, tid: Pid, thread: Ptr<Thread<H>>) {
        self.edit_existing(tid, |roles| {
            if matches!(roles.task, Some(Task::Thread(present)) if present == thread) {
                roles.task = None;
            }
        });
    }

    pub(crate) fn donate(&mut self, nodes: Nodes<Roles<H>>) {
        self.roles.donate(nodes);
    }

    /// Memory that is not needed any more, to be freed after the unlock.
    pub(crate) fn take_retired(&mut self) -> Nodes<Roles<H>> {
        self.roles.take_retired()
    }

    /// How many numbers are in use.
    #[cfg(feature = "check")]
    pub(crate) const fn len(&self) -> usize {
        self.roles.len()
    }

    /// Linux's `idr_alloc_cyclic`, with the lower bound that `alloc_pid` gives it.
    fn next_free(&self) -> Option<Pid> {
        let lowest = if self.cursor > RESERVED { RESERVED } else { 1 };
        self.roles
            .first_free(self.cursor.max(lowest), PID_MAX)
            .or_else(|| self.roles.first_free(lowest, PID_MAX))
    }
}
