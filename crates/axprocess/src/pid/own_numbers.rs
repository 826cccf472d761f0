//! The numbers of one process, thread, group or session: one in each namespace in which it can be seen.

use super::identity::Identity;
use super::namespace::{DEEPEST, PidNamespace, retry_with_donated};
use super::number::{Holder, Number, NumberSlot, Refusal, Roles, Task};
use super::radix::Slot;
use crate::object::Head;
use crate::process::Process;
use crate::sync::{Field, Hold, StrongEdge, TableInner, Word32};
use crate::thread::Thread;
use crate::{ARef, Errno, Host, Pid};

/// The numbers of one thing.
///
/// In the table's own namespace that is one word. A thing that lives further inside shares a record of its outer numbers with what
/// is named after it: a group and a session have the numbers of the process that founded them (R-NS-01, R-NS-28).
#[repr(C)] // the number stands beside what stands before
pub(crate) struct Numbers<H: Host> {
    number: Word32,
    /// How deep the namespace lies in which the thing lives.
    level: Word32,
    inside: StrongEdge<Inside<H>>,
}

/// The namespace of a thing, and its numbers around it, by level.
pub(crate) struct Inside<H: Host> {
    pub(crate) head: Head,
    pid_ns: ARef<PidNamespace<H>>,
    outer: [Word32; DEEPEST as usize],
}

impl<H: Host> Inside<H> {
    pub(crate) fn table(&self) -> &TableInner<H> {
        self.pid_ns.table()
    }
}

impl<H: Host> Numbers<H> {
    /// In the table's own namespace.
    pub(crate) const fn at_root() -> Self {
        Self { number: Word32::new(0), level: Word32::new(0), inside: StrongEdge::empty() }
    }

    /// In a namespace inside that one.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the numbers around.
    pub(super) fn nested(pid_ns: &PidNamespace<H>) -> Result<Self, Errno> {
        let (pid_ns, level) = (ARef::from(pid_ns), Word32::new(pid_ns.level()));
        let outer = [const { Word32::new(0) }; DEEPEST as usize];
        let inside = ARef::make(|| Inside { head: Head::new(), pid_ns, outer })?;
        Ok(Self { number: Word32::new(0), level, inside: StrongEdge::new(inside) })
    }

    /// The number in its own namespace. Wait-free.
    #[inline]
    pub(crate) fn number(&self) -> Pid {
        self.number.get()
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn number_to_holder(&self, hold: &Hold<'_, H>) -> Pid {
        self.number.get_in(hold)
    }

    /// How deep its namespace lies; 0: it is the table's own. Wait-free.
    #[inline]
    pub(crate) fn level(&self) -> u32 {
        self.level.get()
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn level_in(&self, hold: &Hold<'_, H>) -> u32 {
        self.level.get_in(hold)
    }

    /// The namespace in which it lives.
    #[inline]
    pub(crate) fn pid_ns<'h>(&self, hold: &Hold<'h, H>) -> &'h PidNamespace<H> {
        self.inside.get_if_set(hold).map_or(hold.root_pid_ns(), |inside| &inside.pid_ns)
    }

    /// The namespace in which it lives, to be held.
    pub(crate) fn share_pid_ns(&self, hold: &Hold<'_, H>) -> ARef<PidNamespace<H>> {
        ARef::from(self.pid_ns(hold))
    }

    /// The number that `viewer` sees; 0 if it sees none: who lives inside sees nothing of what is outside (R-PID-14).
    #[inline]
    pub(crate) fn number_in(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> Pid {
        match self.pid_ns(hold).is(viewer) {
            true => self.number.get_in(hold),
            false => self.number_outside(hold, viewer),
        }
    }

    /// The number that `viewer` sees, which lives where those numbers are. Mostly that is the table's own namespace, and this too.
    #[inline]
    pub(crate) fn number_seen_by(&self, hold: &Hold<'_, H>, viewer: &Self) -> Pid {
        match self.lives_at_root(hold) && viewer.lives_at_root(hold) {
            true => self.number.get_in(hold),
            false => self.number_seen_from_afar(hold, viewer),
        }
    }

    /// The number in the table's own namespace.
    #[inline]
    pub(crate) fn number_at_root(&self, hold: &Hold<'_, H>) -> Pid {
        let outermost = self.inside.get_if_set(hold).map(|inside| &inside.outer[0]);
        outermost.unwrap_or(&self.number).get_in(hold)
    }

    #[cold]
    fn number_seen_from_afar(&self, hold: &Hold<'_, H>, viewer: &Self) -> Pid {
        self.number_in(hold, viewer.pid_ns(hold))
    }

    fn number_outside(&self, hold: &Hold<'_, H>, viewer: &PidNamespace<H>) -> Pid {
        let pid_ns = self.pid_ns(hold);
        match self.inside.get_if_set(hold) {
            Some(inside) if viewer.contains(pid_ns) => {
                inside.outer.get(viewer.level() as usize).map_or(0, Word32::get)
            }
            _ => 0,
        }
    }

    /// Takes the numbers of the process that founds a group or session, 0 meaning none.
    pub(crate) fn copy_from_founder(&self, hold: &mut Hold<'_, H>, founder: &Self) {
        self.copy_to_embryo(hold, founder);
    }

    /// Has the numbers of `other` from now on, also when those are given back: a thread that becomes the leader those of its process, a terminal
    /// those of its foreground.
    #[inline]
    pub(crate) fn copy_from(&self, hold: &mut Hold<'_, H>, other: &Self) {
        self.number.set(hold, other.number.get_in(hold));
        if !(self.lives_at_root(hold) && other.lives_at_root(hold)) {
            let inside = other.inside.get_if_set(hold).map(ARef::from);
            self.inside.set(hold, inside);
            self.level.set(hold, other.level.get_in(hold));
        }
    }

    /// The same for an embryo, which has none yet.
    #[inline]
    pub(crate) fn copy_to_embryo(&self, hold: &mut Hold<'_, H>, other: &Self) {
        self.number.set(hold, other.number.get_in(hold));
        if let Some(inside) = other.inside.get_if_set(hold) {
            self.inside.set(hold, Some(ARef::from(inside)));
            self.level.set(hold, other.level.get_in(hold));
        }
    }

    /// Gives a new thread or process its numbers, from its own namespace outward. On an error it has none; `caller`: who asks for them; `task`: who
    /// is found under them, nobody before they are [published](Self::publish_task).
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: more numbers asked for than there are levels. Level by level, `EINVAL`: a number that cannot be, or is not 1 for a
    /// namespace's first; `EPERM`: the caller may not choose; `EEXIST`: the number is in use; `EAGAIN`: none is free. At last
    /// `ENOMEM`: the namespace is closed.
    #[inline]
    pub(crate) fn enter(
        &self,
        hold: &mut Hold<'_, H>,
        wanted: &Number<'_>,
        caller: Option<&Thread<H>>,
        task: Option<Task<H>>,
    ) -> Result<(), Refusal> {
        let holder = task.map_or(Holder::Prepared, Holder::Task);
        if matches!(wanted, Number::Next) && self.lives_at_root(hold) {
            let root = hold.root_pid_ns();
            if let Some(number) = root.numbers_mut(hold).enter_next_fast(holder) {
                self.number.set(hold, number);
                return Ok(());
            }
        }
        self.enter_slow(hold, *wanted, caller, holder)
    }

    #[cold]
    #[inline(never)]
    fn enter_slow(
        &self,
        hold: &mut Hold<'_, H>,
        wanted: Number<'_>,
        caller: Option<&Thread<H>>,
        holder: Holder<H>,
    ) -> Result<(), Refusal> {
        let own = self.pid_ns(hold);
        wanted.check_set_tid_size(own.level())?;
        if own.level() == 0 {
            let number = enter_one(hold, own, wanted, 0, caller, holder)?;
            self.number.set(hold, number);
            return Ok(());
        }
        self.enter_everywhere(hold, wanted, caller, holder)
    }

    /// Whether its one number is in the table's own namespace.
    #[inline]
    pub(crate) fn lives_at_root(&self, hold: &Hold<'_, H>) -> bool {
        self.inside.get_if_set(hold).is_none()
    }

    fn enter_everywhere(
        &self,
        hold: &mut Hold<'_, H>,
        wanted: Number<'_>,
        caller: Option<&Thread<H>>,
        holder: Holder<H>,
    ) -> Result<(), Refusal> {
        let own = self.pid_ns(hold);
        if own.awaits_pid_1(hold) && own.numbers(hold).len() > 0 {
            // Its first is being made, and may yet come to nothing.
            return Err(Errno::ENOMEM.into());
        }
        self.reserve_memory(hold, own, wanted)?;
        let mut entered = Entered { hold, own_numbers: self, levels: 0 };
        for (depth, pid_ns) in own.outward().enumerate() {
            let number = enter_one(entered.hold, pid_ns, wanted, depth, caller, holder)?;
            self.set_number_in(entered.hold, pid_ns, number);
            entered.levels += 1;
        }
        if own.is_closed(entered.hold) {
            return Err(Errno::ENOMEM.into());
        }
        entered.levels = 0;
        Ok(())
    }

    /// Sees to it that no level lacks memory, before any gives a number. A level that had given one, and took it back because the next
    /// lacks memory, would free its own memory, and the next attempt would end in the same way.
    ///
    /// An error of the caller's ends this early: no level behind it will be asked for a number.
    fn reserve_memory(
        &self,
        hold: &mut Hold<'_, H>,
        own: &PidNamespace<H>,
        wanted: Number<'_>,
    ) -> Result<(), Refusal> {
        for (depth, pid_ns) in own.outward().enumerate() {
            let Ok(number) = wanted.wanted_at(depth, pid_ns.numbers(hold).limit()) else {
                break;
            };
            retry_with_donated(hold, pid_ns, |numbers| numbers.check_memory_for(number))?;
        }
        Ok(())
    }

    /// Gives back the numbers of the innermost `levels`.
    ///
    /// The cursors stay where they are, as Linux's do, unless it was the first of its namespace, which is to be 1 (R-PID-13).
    #[cold]
    fn withdraw(&self, hold: &mut Hold<'_, H>, levels: usize) {
        let own = self.pid_ns(hold);
        for (pid_ns, number) in self.everywhere(hold).take(levels) {
            pid_ns.edit_numbers_retiring(hold, |numbers| {
                numbers.set_existing(number, NumberSlot::VACANT);
            });
        }
        if own.awaits_pid_1(hold) {
            own.edit_numbers_retiring(hold, |numbers| numbers.set_cursor(1));
        }
    }

    /// Its namespaces, from its own outward, with its number in each.
    fn everywhere<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> impl Iterator<Item = (&'h PidNamespace<H>, Pid)> + use<'h, H> {
        let own = self.number();
        let (pid_ns, outer) = match self.inside.get_if_set(hold) {
            Some(inside) => (&*inside.pid_ns, &inside.outer[..]),
            None => (hold.root_pid_ns(), &[][..]),
        };
        let innermost = pid_ns.level();
        pid_ns.outward().map(move |pid_ns| {
            let around = outer.get(pid_ns.level() as usize).filter(|_| pid_ns.level() < innermost);
            (pid_ns, around.map_or(own, Word32::get))
        })
    }

    fn set_number_in(&self, hold: &mut Hold<'_, H>, pid_ns: &PidNamespace<H>, number: Pid) {
        match self.inside.get_if_set(hold) {
            Some(inside) if !inside.pid_ns.is(pid_ns) => {
                if let Some(word) = inside.outer.get(pid_ns.level() as usize) {
                    word.set(hold, number);
                }
            }
            _ => self.number.set(hold, number),
        }
    }

    /// The roles that its number plays.
    pub(crate) fn roles(&self, hold: &Hold<'_, H>) -> Option<Roles<H>> {
        self.pid_ns(hold).roles(hold, self.number())
    }

    /// Whether its numbers, at every level, may be in use anew, as far as `is_free` finds no other use. A namespace that is ending gives none.
    pub(crate) fn all_free_and_open(
        &self,
        hold: &Hold<'_, H>,
        is_free: impl Fn(Roles<H>) -> bool,
    ) -> bool {
        self.everywhere(hold).all(|(pid_ns, number)| {
            !pid_ns.is_closed(hold) && pid_ns.roles(hold, number).is_none_or(&is_free)
        })
    }

    /// The process that has these numbers.
    pub(crate) fn founder<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        self.pid_ns(hold).task_of(hold, self.number())?.process_of_leader(hold)
    }

    /// Edits the roles of its numbers, which are in use and the same at every level.
    #[cold]
    pub(crate) fn edit_roles_everywhere(
        &self,
        hold: &mut Hold<'_, H>,
        edit: impl FnOnce(&mut Roles<H>),
    ) {
        if let Some(mut roles) = self.roles(hold) {
            edit(&mut roles);
            let levels = self.pid_ns(hold).level() as usize + 1;
            self.set_roles_of_innermost(hold, roles, levels);
        }
    }

    /// Gives its numbers at the innermost `levels`, all of them in use, these roles.
    fn set_roles_of_innermost(&self, hold: &mut Hold<'_, H>, roles: Roles<H>, levels: usize) {
        let slot = roles.pack(hold);
        for (pid_ns, number) in self.everywhere(hold).take(levels) {
            pid_ns.edit_numbers_retiring(hold, |numbers| numbers.set_existing(number, slot));
        }
    }

    /// Gives a group or a session the numbers of its founder, and with them the founder's serial and identity: all of it, or nothing. `edit`: what role it plays for them.
    pub(crate) fn name_after_founder(
        &self,
        hold: &mut Hold<'_, H>,
        edit: impl FnOnce(&mut Roles<H>),
        serial: &Field<u64>,
        identity: &StrongEdge<Identity<H>>,
    ) -> Result<(), Refusal> {
        self.edit_everywhere_or_nowhere(hold, edit)?;
        if let Some(founder) = self.founder(hold) {
            serial.set(hold, founder.serial(hold));
            identity.set(hold, founder.existing_identity(hold));
        }
        Ok(())
    }

    /// Edits the roles of its numbers, in use or free and the same at every level: all of them, or none.
    fn edit_everywhere_or_nowhere(
        &self,
        hold: &mut Hold<'_, H>,
        edit: impl FnOnce(&mut Roles<H>),
    ) -> Result<(), Refusal> {
        let before = self.roles(hold).unwrap_or(Roles::NONE);
        let mut roles = before;
        edit(&mut roles);
        let slot = roles.pack(hold);
        for (done, (pid_ns, number)) in self.everywhere(hold).enumerate() {
            let edited = retry_with_donated(hold, pid_ns, |numbers| numbers.set(number, slot));
            if edited.is_err() {
                self.set_roles_of_innermost(hold, before, done);
                return edited;
            }
        }
        Ok(())
    }

    /// Makes a thread or process be found under the numbers that it has.
    pub(crate) fn publish_task(&self, hold: &mut Hold<'_, H>, task: Task<H>) {
        self.edit_roles_everywhere(hold, |roles| roles.holder = Holder::Task(task));
    }

    /// Gives up numbers under which nobody was found. In a namespace where it would have been the first, nobody is made any more, as on Linux (R-FORK-18).
    pub(crate) fn release_and_close_if_first(&self, hold: &mut Hold<'_, H>) {
        let own = self.pid_ns(hold);
        if own.awaits_pid_1(hold) {
            own.close(hold);
        }
        self.release_holder(hold);
    }

    /// Ends the thread's or process's role of its numbers, at every level.
    #[inline]
    pub(crate) fn release_holder(&self, hold: &mut Hold<'_, H>) {
        let number = self.number.get_in(hold);
        if self.lives_at_root(hold)
            && hold.root_pid_ns().numbers_mut(hold).release_holder_fast(number)
        {
            return;
        }
        self.release_holder_everywhere(hold);
    }

    #[cold]
    fn release_holder_everywhere(&self, hold: &mut Hold<'_, H>) {
        self.edit_roles_everywhere(hold, |roles| roles.holder = Holder::Nobody);
    }
}

/// How far something new has got its numbers. They are given back unless it gets them all, also when the host panics when it is asked
/// about one: a number must not outlive what it names.
struct Entered<'a, 'h, H: Host> {
    hold: &'a mut Hold<'h, H>,
    own_numbers: &'a Numbers<H>,
    levels: usize,
}

impl<H: Host> Drop for Entered<'_, '_, H> {
    fn drop(&mut self) {
        if self.levels > 0 {
            self.own_numbers.withdraw(self.hold, self.levels);
        }
    }
}

/// Gives a new thread or process its number in one namespace.
fn enter_one<H: Host>(
    hold: &mut Hold<'_, H>,
    pid_ns: &PidNamespace<H>,
    wanted: Number<'_>,
    depth: usize,
    caller: Option<&Thread<H>>,
    holder: Holder<H>,
) -> Result<Pid, Refusal> {
    let wanted = wanted_or_refusal(hold, pid_ns, wanted, depth, caller)?;
    retry_with_donated(hold, pid_ns, |numbers| numbers.enter(wanted, holder))
}

/// The number wanted in one namespace, if it can be and the caller may choose it. R-PID-11.
fn wanted_or_refusal<H: Host>(
    hold: &Hold<'_, H>,
    pid_ns: &PidNamespace<H>,
    wanted: Number<'_>,
    depth: usize,
    caller: Option<&Thread<H>>,
) -> Result<Option<Pid>, Refusal> {
    let number = wanted.wanted_at(depth, pid_ns.numbers(hold).limit())?;
    if number.is_some_and(|number| number != 1 && pid_ns.never_had_init(hold)) {
        return Err(Errno::EINVAL.into());
    }
    let asks = caller.filter(|_| number.is_some() && wanted.is_users_choice());
    if asks.is_some_and(|caller| !hold.host().may_choose_number(hold.view(), caller, pid_ns)) {
        return Err(Errno::EPERM.into());
    }
    Ok(number)
}
