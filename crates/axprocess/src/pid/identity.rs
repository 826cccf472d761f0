//! An identity: one use of a number, on every level; Linux's `struct pid`.
//!
//! A number comes to mean somebody else after the reap. An identity does not: it begins with the process or thread that gets the number, is shared by the group and the session
//! that are named after the process, and ends with the last of them; the next one to get the number has another. It keeps none of them alive, nor their data.
//!
//! It is made when it is first asked for, which can fail, and from then on stands with all that have it: with the process (beside its first thread), or the thread; with the group; with
//! the session. Whoever is founded later takes it over from the process. So all of them have the same one, and who asks again gets the same again.
//!
//! | step | who | the identity of a process | of another thread |
//! | --- | --- | --- | --- |
//! | made | whoever asks first | is running, or has exited already | is running |
//! | zombie | the last thread; of a thread, its exit while it is traced | has exited: polls readable | the same |
//! | gone | the reap; the thread's exit; the exec in which it takes the leader's number | keeps how it ended; names only the group and the session, if they live | keeps how it ended |

use alloc::boxed::Box;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::identity_key::IdentityKey;
use super::namespace::PidNamespace;
use super::number::Task;
use super::own_numbers::Numbers;
use crate::group::ProcessGroup;
use crate::object::Head;
use crate::process::{Process, ProcessState};
use crate::session::Session;
use crate::sync::{Field, Hold, StrongEdge, TableInner, Word32, Word64};
use crate::thread::{Rarities, Thread, ThreadState};
use crate::{ARef, Errno, ExitStatus, HandleState, Host, Pid};

/// One use of a number: what a process, a thread, a group and a session are named by, for ever.
///
/// Comparable and hashable: two are equal if and only if they are the same use of the same number. What holds it (a pidfd, the owner of a file, a timer) keeps neither the process nor its data, its
/// group or its session alive, and the number is not kept busy (R-PID-09).
///
/// ```
/// # use axprocess::{Host, ProcessTable, Relations};
/// # struct MyKernel;
/// # impl Host for MyKernel {
/// #     type Lock = std::sync::Mutex<Relations<Self>>;
/// #     type ProcessData = ();
/// #     type ThreadData = ();
/// #     type GroupData = ();
/// #     type SessionData = ();
/// #     type NamespaceData = ();
/// #     type TerminalData = ();
/// #     type Usage = ();
/// # }
/// use axprocess::ForkRequest;
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), ())?;
/// let shell = init.fork(ForkRequest::default(), (), ())?;
/// shell.process().setsid()?;
/// let identity = shell.process().identity()?;
/// assert_eq!(identity, shell.process().group().identity()?);
/// assert_ne!(identity, init.process().identity()?);
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub struct Identity<H: Host> {
    pub(crate) head: Head,
    table: ARef<TableInner<H>>,
    numbers: Numbers<H>,
    /// Which use of a number it is, of all that ever were.
    serial: Word64,
    /// Who has the number as a process or thread: taken back when that ends.
    task: Field<Option<Task<H>>>,
    state: Word32,
    /// How the process or thread ended, once it is gone.
    exit_code: Word32,
}

const RUNNING: u32 = HandleState::Running as u32;
const EXITED: u32 = HandleState::Exited as u32;
const GONE: u32 = HandleState::Gone as u32;

impl<H: Host> Identity<H> {
    /// Makes one that is nobody's yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    fn make_blank(table: &TableInner<H>) -> Result<ARef<Self>, Errno> {
        let table = ARef::from(table);
        ARef::make(|| Self {
            head: Head::new(),
            table,
            numbers: Numbers::at_root(),
            serial: Word64::new(0),
            task: Field::new(None),
            state: Word32::new(GONE),
            exit_code: Word32::new(0),
        })
    }

    /// Returns which use of a number it is, of all in this table: never 0, and never another's. For `st_ino` of a pidfd. Takes no lock.
    pub fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// Returns the number, in the namespace of who has or had it. Wait-free.
    pub fn number(&self) -> Pid {
        self.numbers.number()
    }

    /// Returns the number as seen in a namespace; 0 if it is not visible there. Takes the lock.
    pub fn number_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.table.hold(|hold| self.numbers.number_in(hold, viewer))
    }

    /// Returns where the process or thread is in its life. Wait-free.
    pub fn state(&self) -> HandleState {
        match self.state.get() {
            RUNNING => HandleState::Running,
            EXITED => HandleState::Exited,
            _ => HandleState::Gone,
        }
    }

    /// Returns the process that has the number, until it is reaped; of a thread that does not lead, its process, until the thread has exited. Takes the lock.
    pub fn process(&self) -> Option<ARef<Process<H>>> {
        self.table.hold(|hold| Some(ARef::from(self.process_in(hold)?)))
    }

    /// Returns the thread that has the number, until it has exited; for a process, its leader. Takes the lock.
    pub fn thread_or_leader(&self) -> Option<ARef<Thread<H>>> {
        self.table.hold(|hold| Some(ARef::from(self.thread_or_leader_in(hold)?)))
    }

    /// Returns the group that is named by it, if it has members. Takes the lock.
    pub fn group_of_number(&self) -> Option<ARef<ProcessGroup<H>>> {
        self.table.hold(|hold| self.identity_key(hold).group(hold).map(ARef::from))
    }

    /// Returns the session that is named by it, if it has groups. Takes the lock.
    pub fn session_of_number(&self) -> Option<ARef<Session<H>>> {
        self.table.hold(|hold| Some(ARef::from(self.session_in(hold)?)))
    }

    pub(crate) fn table(&self) -> &TableInner<H> {
        &self.table
    }

    pub(crate) const fn numbers(&self) -> &Numbers<H> {
        &self.numbers
    }

    /// The same, as a value: for who only compares.
    pub(crate) fn identity_key(&self, hold: &Hold<'_, H>) -> IdentityKey {
        let number = self.numbers.number_in(hold, hold.root_pid_ns());
        IdentityKey { number, serial: self.serial() }
    }

    pub(crate) fn task(&self, hold: &Hold<'_, H>) -> Option<Task<H>> {
        self.task.get(hold)
    }

    pub(crate) fn process_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        Some(match self.task(hold)? {
            Task::Process(process) => process.get(hold),
            Task::Thread(thread) => thread.get(hold).process_in(hold),
        })
    }

    pub(crate) fn thread_or_leader_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.task(hold)?.thread_or_leader(hold)
    }

    pub(crate) fn session_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Session<H>> {
        let session = hold.root_pid_ns().session_of(hold, self.identity_key(hold).number)?;
        (session.founder_serial(hold) == self.serial()).then_some(session)
    }

    /// How it ended; to be asked when it is gone.
    pub(crate) fn exit_status_once_gone(&self) -> ExitStatus {
        ExitStatus::from_word(self.exit_code.get())
    }

    /// Begins: it is the use of a number that these numbers are.
    fn begin(
        &self,
        hold: &mut Hold<'_, H>,
        numbers: &Numbers<H>,
        serial: u64,
        task: Option<Task<H>>,
        state: HandleState,
    ) {
        self.numbers.copy_from(hold, numbers);
        self.serial.set(hold, serial);
        self.task.set(hold, task);
        self.state.set(hold, state as u32);
    }

    /// Who was being made has been made.
    pub(crate) fn note_made(&self, hold: &mut Hold<'_, H>, task: Task<H>) {
        self.task.set(hold, Some(task));
    }

    /// The process is a zombie.
    pub(crate) fn note_exit(&self, hold: &mut Hold<'_, H>) {
        self.state.set(hold, EXITED);
    }

    /// The process is reaped, the thread has exited: its number names it no more.
    pub(crate) fn note_gone(&self, hold: &mut Hold<'_, H>, exit_code: u32) {
        self.task.set(hold, None);
        self.exit_code.set(hold, exit_code);
        self.state.set(hold, GONE);
    }
}

/// Looks for an identity in one hold, and if it has to be made, allocates it and looks again.
///
/// # Errors
///
/// Those of the look. `ENOMEM`: there is no memory for it.
pub(crate) fn retry_with_preallocated_identity<H: Host, R>(
    table: &TableInner<H>,
    look: impl for<'h> Fn(&mut Hold<'h, H>, &mut Preallocated<H>) -> Result<Option<R>, Errno>,
) -> Result<R, Errno> {
    let mut preallocated = Preallocated { identity: None, rarities: None };
    loop {
        if let Some(found) = table.hold(|hold| look(hold, &mut preallocated))? {
            return Ok(found);
        }
        preallocated = Preallocated {
            identity: Some(Identity::make_blank(table)?),
            rarities: Rarities::make()?,
        };
    }
}

/// Memory for one identity, and for where it stands with its thread, if there is some already.
pub(crate) struct Preallocated<H: Host> {
    identity: Option<ARef<Identity<H>>>,
    rarities: Option<Box<Rarities<H>>>,
}

impl<H: Host> Process<H> {
    /// Returns the identity of the process. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: it is reaped, and nobody has asked before. `ENOMEM`: there is no memory.
    pub fn identity(&self) -> Result<ARef<Identity<H>>, Errno> {
        retry_with_preallocated_identity(self.table(), |hold, preallocated| {
            self.find_or_make_identity(hold, preallocated)
        })
    }

    /// The identity, if anybody has asked for it: it stands with the first thread, also when another has taken over.
    pub(crate) fn identity_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Identity<H>> {
        self.first_thread.own_identity(hold)
    }

    /// The same, to be held.
    pub(crate) fn existing_identity(&self, hold: &Hold<'_, H>) -> Option<ARef<Identity<H>>> {
        self.identity_in(hold).map(ARef::from)
    }

    /// The identity; `Ok(None)`: it has to be made, of memory that is not there yet.
    pub(crate) fn find_or_make_identity(
        &self,
        hold: &mut Hold<'_, H>,
        preallocated: &mut Preallocated<H>,
    ) -> Result<Option<ARef<Identity<H>>>, Errno> {
        if let Some(present) = self.existing_identity(hold) {
            return Ok(Some(present));
        }
        if self.state() == ProcessState::Reaped {
            return Err(Errno::ESRCH);
        }
        let Some(made) = preallocated.identity.take() else { return Ok(None) };
        let task = self.is_in_table().then(|| Task::Process(crate::list::Ptr::new(self)));
        let state = match self.state() {
            ProcessState::Zombie => HandleState::Exited,
            _ => HandleState::Running,
        };
        made.begin(hold, self.own_numbers(), self.serial(hold), task, state);
        self.first_thread.set_own_identity(hold, preallocated, &made);
        share_with_group_and_session(hold, &made);
        Ok(Some(made))
    }
}

impl<H: Host> Thread<H> {
    /// Returns the identity of the thread: its process's, if it leads. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: it has exited, and nobody has asked before. `ENOMEM`: there is no memory.
    pub fn identity(&self) -> Result<ARef<Identity<H>>, Errno> {
        retry_with_preallocated_identity(self.process().table(), |hold, preallocated| {
            self.find_or_make_identity(hold, preallocated)
        })
    }

    /// As [`Process::find_or_make_identity`].
    pub(crate) fn find_or_make_identity(
        &self,
        hold: &mut Hold<'_, H>,
        preallocated: &mut Preallocated<H>,
    ) -> Result<Option<ARef<Identity<H>>>, Errno> {
        if self.has_process_number(hold) {
            return self.process().find_or_make_identity(hold, preallocated);
        }
        if let Some(present) = self.own_identity(hold) {
            return Ok(Some(ARef::from(present)));
        }
        if self.state() == ThreadState::Exited {
            return Err(Errno::ESRCH);
        }
        let Some(made) = preallocated.identity.take() else { return Ok(None) };
        let is_made = self.state() != ThreadState::Embryo;
        let task = is_made.then(|| Task::Thread(crate::list::Ptr::new(self)));
        let serial = hold.relations_mut().next_use_serial();
        let state = match self.state() {
            ThreadState::Zombie => HandleState::Exited,
            _ => HandleState::Running,
        };
        made.begin(hold, self.own_numbers(), serial, task, state);
        self.set_own_identity(hold, preallocated, &made);
        Ok(Some(made))
    }

    fn set_own_identity(
        &self,
        hold: &mut Hold<'_, H>,
        preallocated: &mut Preallocated<H>,
        made: &ARef<Identity<H>>,
    ) {
        if let Some(own) = self.rarities_or(hold, &mut preallocated.rarities) {
            own.identity.set(hold, Some(ARef::clone(made)));
        }
    }
}

impl<H: Host> ProcessGroup<H> {
    /// Returns the identity by which the group is named: its founder's. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: the group has ended, and nobody has asked before; it is the one in which init begins. `ENOMEM`: there is no memory.
    pub fn identity(&self) -> Result<ARef<Identity<H>>, Errno> {
        retry_with_preallocated_identity(self.table(), |hold, preallocated| {
            identity_of_group(hold, preallocated, self)
        })
    }
}

impl<H: Host> Session<H> {
    /// Returns the identity by which the session is named: its founder's. Takes the lock.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: the session has ended, and nobody has asked before; it is the one in which init begins. `ENOMEM`: there is no memory.
    pub fn identity(&self) -> Result<ARef<Identity<H>>, Errno> {
        retry_with_preallocated_identity(self.table(), |hold, preallocated| {
            identity_of_session(hold, preallocated, self)
        })
    }
}

/// As [`Process::find_or_make_identity`].
pub(super) fn identity_of_group<H: Host>(
    hold: &mut Hold<'_, H>,
    preallocated: &mut Preallocated<H>,
    group: &ProcessGroup<H>,
) -> Result<Option<ARef<Identity<H>>>, Errno> {
    let is_there = !group.members().is_empty(hold) && group.pgid() != 0;
    let serial = is_there.then(|| group.identity_key(hold).serial);
    let (edge, numbers) = (group.identity_edge(), group.own_numbers());
    identity_of_group_or_session(hold, preallocated, edge, numbers, serial)
}

/// The same.
pub(super) fn identity_of_session<H: Host>(
    hold: &mut Hold<'_, H>,
    preallocated: &mut Preallocated<H>,
    session: &Session<H>,
) -> Result<Option<ARef<Identity<H>>>, Errno> {
    let is_there = !session.groups().is_empty(hold) && session.sid() != 0;
    let serial = is_there.then(|| session.founder_serial(hold));
    let (edge, numbers) = (session.identity_edge(), session.own_numbers());
    identity_of_group_or_session(hold, preallocated, edge, numbers, serial)
}

/// The identity of a group or a session, of that serial while it is there.
fn identity_of_group_or_session<H: Host>(
    hold: &mut Hold<'_, H>,
    preallocated: &mut Preallocated<H>,
    edge: &StrongEdge<Identity<H>>,
    numbers: &Numbers<H>,
    serial: Option<u64>,
) -> Result<Option<ARef<Identity<H>>>, Errno> {
    if let Some(present) = edge.get_if_set(hold) {
        return Ok(Some(ARef::from(present)));
    }
    let serial = serial.ok_or(Errno::ESRCH)?;
    let founder = numbers.founder(hold);
    if let Some(founder) = founder.filter(|founder| founder.serial(hold) == serial) {
        // It shares what it has with this one.
        return founder.find_or_make_identity(hold, preallocated);
    }
    let Some(made) = preallocated.identity.take() else { return Ok(None) };
    made.begin(hold, numbers, serial, None, HandleState::Gone);
    edge.set(hold, Some(ARef::clone(&made)));
    share_with_group_and_session(hold, &made);
    Ok(Some(made))
}

/// Gives a new identity to the group and the session that are named by it.
fn share_with_group_and_session<H: Host>(hold: &mut Hold<'_, H>, made: &ARef<Identity<H>>) {
    let (pid_ns, number) = (made.numbers.pid_ns(hold), made.number());
    if let Some(group) = pid_ns.group_of(hold, number) {
        group.identity_edge().set(hold, Some(ARef::clone(made)));
    }
    if let Some(session) = pid_ns.session_of(hold, number) {
        session.identity_edge().set(hold, Some(ARef::clone(made)));
    }
}

impl<H: Host> PartialEq for Identity<H> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl<H: Host> Eq for Identity<H> {}

impl<H: Host> Hash for Identity<H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        core::ptr::from_ref(self).hash(state);
    }
}

impl<H: Host> fmt::Debug for Identity<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, {:?})", self.number(), self.state())
    }
}
