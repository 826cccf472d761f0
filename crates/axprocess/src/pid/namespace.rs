//! PID namespaces: worlds of numbers inside one another, each with an init of its own.
//!
//! A process or thread that lives in a namespace of level L has L + 1 numbers: one there, and one in each namespace
//! around it, out to the table's own, which has level 0. Every namespace has its own number table and its own cursor (R-PID-01).
//!
//! # The end of a namespace (R-NS-20)
//!
//! | step | who | what |
//! | --- | --- | --- |
//! | 1 | the last thread of its init exits | the namespace closes: nothing can be created in it; init is `Exiting`, and so is the thread |
//! | 2 | the same, in bounded holds | `SIGKILL` to every process with a number in it; zombies among init's children are reaped; from now on its children vanish when they end |
//! | 3 | the same, until nobody else has a number in it | waits in the middle of its exit: it is there for whoever asks, adopts the orphans, and can be traced |
//! | 4 | whoever gives back the last number in it but init's and that thread's | the exit of the thread goes on: init becomes a zombie, and its parent hears of it |
//!
//! A number counts in step 4 as long as anything is named after it: a group that was founded inside holds the end up while a process outside is a
//! member of it. So does init itself, if another than itself founded its group: it waits until its parent moves it elsewhere, as on Linux.

use core::fmt;

use super::number::{NumberTable, Refusal, Roles, Task};
use super::own_numbers::Numbers;
use super::radix::Slot;
use crate::list::WeakEdge;
use crate::object::{Head, Owner};
use crate::process::Process;
use crate::sync::{Field, Hold, Opened, TableInner};
use crate::thread::Thread;
use crate::{ARef, Errno, Host, Pid, ProcessGroup, Session, Signal};

/// How deep namespaces nest: the table's own has level 0 (R-CLONE-17).
pub(crate) const DEEPEST: u32 = 32;

/// A PID namespace: a set of numbers, and the process that is number 1 in it.
///
/// The table has one, and processes can be made in new ones inside it ([`crate::ForkRequest::namespace`], [`crate::Thread::unshare_pid`]).
/// It is held by its processes, by namespaces inside it, and by whoever keeps the `ARef`, like an open `/proc/PID/ns/pid`.
pub struct PidNamespace<H: Host> {
    pub(crate) head: Head,
    table: Owner<TableInner<H>>,
    parent: Option<ARef<PidNamespace<H>>>,
    level: u32,
    numbers: Opened<NumberTable<H>>,
    init: WeakEdge<Process<H>>,
    closed: Field<bool>,
    /// The thread of its init that ends it, until that has left.
    exiting_reaper: WeakEdge<Thread<H>>,
    /// What its init's parent is told, if it was rebooted.
    reboot: Field<Option<Signal>>,
    /// Up to which number step 2 of the end has come.
    killed: Field<Pid>,
    data: H::NamespaceData,
}

impl<H: Host> PidNamespace<H> {
    /// The table's own.
    pub(crate) fn root() -> Self {
        Self::below(Owner::of_part(), None, 0)
    }

    /// The way to its table.
    pub(crate) const fn owner(&self) -> &Owner<TableInner<H>> {
        &self.table
    }

    /// Makes an empty namespace inside `parent`. Its first process will be its init.
    ///
    /// # Errors
    ///
    /// In this order: `ENOSPC`: it would be the 33rd level. `ENOMEM`: there is no memory.
    pub(crate) fn inside(parent: &Self) -> Result<ARef<Self>, Errno> {
        let level = parent.level + 1;
        if level > DEEPEST {
            return Err(Errno::ENOSPC);
        }
        let (table, parent) = (ARef::clone(&parent.table), ARef::from(parent));
        ARef::make(|| Self::below(Owner::counted(table), Some(parent), level))
    }

    fn below(table: Owner<TableInner<H>>, parent: Option<ARef<Self>>, level: u32) -> Self {
        Self {
            head: Head::new(),
            table,
            parent,
            level,
            numbers: Opened::new(NumberTable::new()),
            init: WeakEdge::none(),
            closed: Field::new(false),
            exiting_reaper: WeakEdge::none(),
            reboot: Field::new(None),
            killed: Field::new(0),
            data: H::NamespaceData::default(),
        }
    }

    /// Returns how many namespaces are around this one. Takes no lock.
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::NamespaceData {
        &self.data
    }

    /// Returns the namespace around this one; `None` for the table's own. Takes no lock.
    pub const fn parent(&self) -> Option<&ARef<Self>> {
        self.parent.as_ref()
    }

    /// Returns whether `other` is this namespace or lies in it. Takes no lock.
    pub fn contains(&self, other: &Self) -> bool {
        core::ptr::eq(self, other.ancestor_at(self.level).unwrap_or(other))
    }

    /// This namespace or the one around it at `level`.
    pub(crate) fn ancestor_at(&self, level: u32) -> Option<&Self> {
        self.outward().find(|pid_ns| pid_ns.level == level)
    }

    /// This namespace, and those around it, out to the table's own.
    pub(crate) fn outward(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |pid_ns| pid_ns.parent.as_deref())
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }

    /// The process that is its init; `None` before it has one and after its end.
    pub(crate) fn init<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        self.init.get(hold)
    }

    pub(crate) fn set_init(&self, hold: &mut Hold<'_, H>, init: Option<&Process<H>>) {
        self.init.set(hold, init);
    }

    pub(crate) fn is_closed(&self, hold: &Hold<'_, H>) -> bool {
        self.closed.get(hold)
    }

    /// Whether nobody has lived in it yet: the first must be number 1. The table's own may begin with any.
    pub(crate) fn never_had_init(&self, hold: &Hold<'_, H>) -> bool {
        // The end of an init comes to its own number at least.
        self.level > 0 && self.init(hold).is_none() && self.killed.get(hold) == 0
    }

    /// Whether nobody has lived in it yet, and somebody may.
    pub(super) fn awaits_pid_1(&self, hold: &Hold<'_, H>) -> bool {
        self.never_had_init(hold) && !self.is_closed(hold)
    }

    /// The thread of its init that ends it, and is not gone: Linux's `child_reaper`.
    pub(crate) fn exiting_reaper<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.exiting_reaper.get(hold)
    }

    pub(crate) fn set_exiting_reaper(&self, hold: &mut Hold<'_, H>, thread: Option<&Thread<H>>) {
        self.exiting_reaper.set(hold, thread);
    }

    /// Nothing can be created in it from here on (R-NS-22).
    pub(crate) fn close(&self, hold: &mut Hold<'_, H>) {
        self.closed.set(hold, true);
    }

    pub(crate) fn note_reboot(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        self.reboot.set(hold, Some(signal));
    }

    pub(crate) fn reboot_signal(&self, hold: &Hold<'_, H>) -> Option<Signal> {
        self.reboot.get(hold)
    }

    pub(crate) fn numbers<'a>(&'a self, hold: &'a Hold<'_, H>) -> &'a NumberTable<H> {
        self.numbers.get(hold)
    }

    /// The numbers, for an edit that neither needs memory nor gives any back.
    #[inline]
    pub(super) fn numbers_mut<'a>(&'a self, hold: &'a mut Hold<'_, H>) -> &'a mut NumberTable<H> {
        self.numbers.get_mut(hold)
    }

    /// The process or thread that has a number in it.
    #[inline]
    pub(crate) fn task_of(&self, hold: &Hold<'_, H>, number: Pid) -> Option<Task<H>> {
        self.numbers(hold).slot(number).task(hold)
    }

    /// The group that is named by a number in it.
    #[inline]
    pub(crate) fn group_of<'h>(
        &self,
        hold: &Hold<'h, H>,
        number: Pid,
    ) -> Option<&'h ProcessGroup<H>> {
        self.numbers(hold).slot(number).group(hold)
    }

    /// The session that is named by a number in it.
    pub(crate) fn session_of<'h>(&self, hold: &Hold<'h, H>, number: Pid) -> Option<&'h Session<H>> {
        self.numbers(hold).slot(number).session(hold)
    }

    /// All roles that a number plays in it; `None`: it is free.
    pub(crate) fn roles(&self, hold: &Hold<'_, H>, number: Pid) -> Option<Roles<H>> {
        let slot = self.numbers(hold).slot(number);
        (!slot.is_vacant()).then(|| slot.roles(hold))
    }

    /// Edits the numbers. Memory that becomes free by that is freed after the unlock.
    #[inline]
    pub(crate) fn edit_numbers_retiring<R>(
        &self,
        hold: &mut Hold<'_, H>,
        edit: impl FnOnce(&mut NumberTable<H>) -> R,
    ) -> R {
        let numbers = self.numbers.get_mut(hold);
        let result = edit(numbers);
        if let Some(retired) = numbers.take_retired() {
            hold.retire(retired);
        }
        result
    }

    /// The next number in use that its end has not come to yet.
    pub(crate) fn take_next_to_kill(&self, hold: &mut Hold<'_, H>) -> Option<Pid> {
        let number = self.numbers(hold).first_used_from(self.killed.get(hold).checked_add(1)?)?;
        self.killed.set(hold, number);
        Some(number)
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    /// The numbers of something new in this namespace, not yet with numbers. The table's own needs no memory for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the numbers around.
    #[inline]
    pub(crate) fn make_empty_numbers(&self) -> Result<Numbers<H>, Errno> {
        if self.level == 0 { Ok(Numbers::at_root()) } else { Numbers::nested(self) }
    }
}

impl<H: Host> fmt::Debug for PidNamespace<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PidNamespace(level={})", self.level)
    }
}

/// Gives memory for numbers to the namespace that asked for it, and asks for more if that is not enough.
#[inline]
pub(super) fn retry_with_donated<H: Host, R>(
    hold: &mut Hold<'_, H>,
    pid_ns: &PidNamespace<H>,
    mut attempt: impl FnMut(&mut NumberTable<H>) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let result = pid_ns.edit_numbers_retiring(hold, &mut attempt);
    let Err(Refusal::Nodes(missing)) = result else {
        return result;
    };
    let Some(donation) = hold.take_donated(missing) else {
        return result;
    };
    pid_ns.edit_numbers_retiring(hold, |numbers| {
        numbers.donate(donation);
        attempt(numbers)
    })
}
