//! The relations as they stand at one moment, to be read in place: without a `Vec`, and without counting a reference.
//!
//! | who | does |
//! | --- | --- |
//! | the kernel | asks for a view ([`ProcessTable::read`], or `read` of any object): the lock is held as long as its closure runs |
//! | the view | answers what the getters of the objects answer, without taking the lock again |
//! | a walk | visits at most 64 members, so that the hold is short; a [`Cursor`] keeps its place for the next one |
//!
//! What a getter of an object answers was true at some moment of the call. What a view answers is true until the closure ends.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use crate::group::MembersOf;
use crate::pid::{PidNamespace, Task};
use crate::process::{ChildrenOf, ThreadsOf};
use crate::session::GroupsOf;
use crate::snapshot::{Listing, Verdict};
use crate::sync::{BATCH, Hold, TableInner};
use crate::{
    ARef, Host, Object, Pid, Process, ProcessGroup, ProcessStat, ProcessTable, RunState, Session,
    Terminal, Thread,
};

/// The relations of one table at one moment.
///
/// Whoever has one holds the relation lock: nothing changes until the closure returns to which it was given. It is not sent to another thread. All methods take an object of the same table.
///
/// # Panics
///
/// Each method, if an object is another table's.
pub struct View<'h, H: Host> {
    hold: &'h Hold<'h, H>,
    /// It stays with who holds the lock.
    is_of_holder: PhantomData<*const ()>,
}

impl<H: Host> Clone for View<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for View<'_, H> {}

impl<H: Host> ProcessTable<H> {
    /// Takes the lock, and shows the relations to `look`.
    ///
    /// `look` runs under the relation lock: it may take leaf locks, but must not sleep, nor call what takes the lock. References that it drops are given back after the unlock. A panic that
    /// leaves it ends the program, as one that leaves a hook does.
    ///
    /// # Panics
    ///
    /// If the table has not been used before, and there is no memory for it.
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
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{Cursor, ForkRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    ///
    /// // Both are true at the same moment.
    /// let (parent, group) = table.read(|view| {
    ///     let parent = view.parent(child.process()).map(|parent| parent.pid());
    ///     (parent, view.pgid(view.group(child.process()), table.namespace()))
    /// });
    /// assert_eq!((parent, group), (Some(1), 0));
    ///
    /// // However many members there are, no hold visits more than 64.
    /// let group = init.process().group();
    /// let (mut cursor, mut pids) = (Cursor::new(), Vec::new());
    /// while !cursor.is_done() {
    ///     pids.reserve(64);
    ///     table.read(|view| pids.extend(view.members(&group, &mut cursor).map(|member| member.pid())));
    /// }
    /// assert_eq!(pids, [1, 2]);
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    #[inline]
    pub fn read<R>(&self, look: impl for<'h> FnOnce(View<'h, H>) -> R) -> R {
        self.get_or_make_table().read(look)
    }
}

impl<H: Host> TableInner<H> {
    #[inline]
    pub(crate) fn read<R>(&self, look: impl for<'h> FnOnce(View<'h, H>) -> R) -> R {
        self.hold(|hold| look(View { hold, is_of_holder: PhantomData }))
    }
}

macro_rules! read {
    ($($type:ident: |$object:ident| $table:expr;)+) => {$(
        impl<H: Host> $type<H> {
            /// Takes the lock, and shows the relations to `look`: as [`ProcessTable::read`], where the table is not at hand.
            #[inline]
            pub fn read<R>(&self, look: impl for<'h> FnOnce(View<'h, H>) -> R) -> R {
                let $object = self;
                $table.read(look)
            }
        }
    )+};
}

read! {
    Process: |process| process.table();
    Thread: |thread| thread.process().table();
    ProcessGroup: |group| group.table();
    Session: |session| session.table();
}

/// Who is there, by number.
impl<'h, H: Host> View<'h, H> {
    /// Returns the process of that number in `viewer`, running or zombie; `None` for that of a thread that does not lead one.
    #[inline]
    pub fn find_process(self, viewer: &PidNamespace<H>, pid: Pid) -> Option<&'h Process<H>> {
        self.task(viewer, pid)?.process_of_leader(self.hold)
    }

    /// Returns the thread of that number in `viewer`, unless it has exited.
    #[inline]
    pub fn find_thread(self, viewer: &PidNamespace<H>, tid: Pid) -> Option<&'h Thread<H>> {
        match self.task(viewer, tid)? {
            Task::Process(process) => process.get(self.hold).leader(self.hold),
            Task::Thread(thread) => Some(thread.get(self.hold)),
        }
    }

    /// Returns the group of that number in `viewer`, if it has members.
    pub fn find_group(self, viewer: &PidNamespace<H>, pgid: Pid) -> Option<&'h ProcessGroup<H>> {
        self.check(viewer.table());
        Some(viewer.roles(self.hold, pgid)?.group?.get(self.hold))
    }

    /// Returns the session of that number in `viewer`, if it has groups.
    pub fn find_session(self, viewer: &PidNamespace<H>, sid: Pid) -> Option<&'h Session<H>> {
        self.check(viewer.table());
        Some(viewer.roles(self.hold, sid)?.session?.get(self.hold))
    }

    #[inline]
    fn task(self, viewer: &PidNamespace<H>, number: Pid) -> Option<Task<H>> {
        self.check(viewer.table());
        viewer.roles(self.hold, number)?.task()
    }
}

/// What the getters of the objects answer.
impl<'h, H: Host> View<'h, H> {
    /// Returns the parent; `None` for init and for a reaped process. As [`Process::parent`].
    #[inline]
    pub fn parent(self, process: &Process<H>) -> Option<&'h Process<H>> {
        self.check(process.table());
        process.parent_in(self.hold)
    }

    /// Returns the thread whose child the process is; `None` for init and for a reaped process.
    pub fn parent_thread(self, process: &Process<H>) -> Option<&'h Thread<H>> {
        self.check(process.table());
        process.parent_thread(self.hold)
    }

    /// Returns the leader, until it has exited.
    pub fn leader(self, process: &Process<H>) -> Option<&'h Thread<H>> {
        self.check(process.table());
        process.leader(self.hold)
    }

    /// Returns the group: after the reap, the last one. As [`Process::group`].
    #[inline]
    pub fn group(self, process: &Process<H>) -> &'h ProcessGroup<H> {
        self.check(process.table());
        process.group_in(self.hold)
    }

    /// Returns the session of a group. As [`ProcessGroup::session`].
    #[inline]
    pub fn session(self, group: &ProcessGroup<H>) -> &'h Session<H> {
        self.check(group.table());
        group.session_in(self.hold)
    }

    /// Returns the thread that traces this one. As [`Thread::tracer`].
    pub fn tracer(self, thread: &Thread<H>) -> Option<&'h Thread<H>> {
        self.check(thread.process().table());
        thread.tracer_in(self.hold)
    }

    /// Returns the namespace in which the process lives. As [`Process::namespace`].
    pub fn namespace(self, process: &Process<H>) -> &'h PidNamespace<H> {
        self.check(process.table());
        process.pid_ns(self.hold)
    }

    /// Returns the controlling terminal, counted: it is held by nobody but the kernel. As [`Process::controlling_terminal`].
    pub fn controlling_terminal(self, process: &Process<H>) -> Option<ARef<Terminal<H>>> {
        self.check(process.table());
        ARef::try_from_ref(process.terminal_in(self.hold)?)
    }

    /// Returns whether no member of the group has a parent in another group of the same session, init aside. As [`ProcessGroup::is_orphaned`]; looks at members until one is found that has.
    pub fn is_orphaned(self, group: &ProcessGroup<H>) -> bool {
        self.check(group.table());
        !group.has_unorphaning_member(self.hold)
    }

    /// Returns the process's number as seen in a namespace; 0 if it is not visible there. As [`Process::pid_in`].
    pub fn pid(self, process: &Process<H>, viewer: &PidNamespace<H>) -> Pid {
        self.check(process.table());
        self.check(viewer.table());
        process.own_numbers().number_in(self.hold, viewer)
    }

    /// Returns the thread's number as seen in a namespace; 0 if it is not visible there. As [`Thread::tid_in`].
    pub fn tid(self, thread: &Thread<H>, viewer: &PidNamespace<H>) -> Pid {
        self.check(thread.process().table());
        self.check(viewer.table());
        thread.own_numbers().number_in(self.hold, viewer)
    }

    /// Returns the group's number as seen in a namespace; 0 if it is not visible there. As [`ProcessGroup::pgid_in`].
    pub fn pgid(self, group: &ProcessGroup<H>, viewer: &PidNamespace<H>) -> Pid {
        self.check(group.table());
        self.check(viewer.table());
        group.own_numbers().number_in(self.hold, viewer)
    }

    /// Returns the session's number as seen in a namespace; 0 if it is not visible there. As [`Session::sid_in`].
    pub fn sid(self, session: &Session<H>, viewer: &PidNamespace<H>) -> Pid {
        self.check(session.table());
        self.check(viewer.table());
        session.own_numbers().number_in(self.hold, viewer)
    }

    /// Returns what `/proc/PID/stat` says of the process. As [`Process::stat`].
    pub fn stat(self, process: &Process<H>, viewer: &PidNamespace<H>) -> Option<ProcessStat> {
        self.check(process.table());
        self.check(viewer.table());
        process.stat_in(self.hold, viewer)
    }

    /// Returns what the model knows of the thread's state. As [`Thread::run_state`].
    pub fn run_state(self, thread: &Thread<H>) -> Option<RunState> {
        self.check(thread.process().table());
        thread.run_state_unless_exited(self.hold)
    }

    /// Every relation that is followed is one of the held table's.
    #[inline]
    fn check(self, table: &TableInner<H>) {
        assert!(self.hold.is_of(table), "a view is asked about an object of another table");
    }
}

/// Walks. Each call visits at most 64 members; [`Cursor::is_done`] tells whether those were all that were left. One call in a hold keeps that short.
///
/// Over several holds a walk visits exactly once whoever is in the list all the while, and nobody twice.
///
/// # Panics
///
/// Each method, if the list is another table's, or the cursor another list's.
impl<'h, H: Host> View<'h, H> {
    /// Visits the next threads of a process that have not begun to exit, the leader first. As [`Process::threads`].
    pub fn threads<'a>(
        self,
        process: &'a Process<H>,
        cursor: &'a mut Cursor<Thread<H>>,
    ) -> impl FusedIterator<Item = &'h Thread<H>> + use<'a, 'h, H> {
        self.check(process.table());
        Visit::new(self.hold, ThreadsOf(process), cursor)
    }

    /// Visits the next children of a thread, zombies included, in birth or adoption order. As [`Thread::children`].
    pub fn children<'a>(
        self,
        thread: &'a Thread<H>,
        cursor: &'a mut Cursor<Process<H>>,
    ) -> impl FusedIterator<Item = &'h Process<H>> + use<'a, 'h, H> {
        self.check(thread.process().table());
        Visit::new(self.hold, ChildrenOf::eldest_first(thread), cursor)
    }

    /// Visits the next members of a group, zombies included, in the order in which they joined. As [`ProcessGroup::processes`].
    pub fn members<'a>(
        self,
        group: &'a ProcessGroup<H>,
        cursor: &'a mut Cursor<Process<H>>,
    ) -> impl FusedIterator<Item = &'h Process<H>> + use<'a, 'h, H> {
        self.check(group.table());
        Visit::new(self.hold, MembersOf(group), cursor)
    }

    /// Visits the next groups of a session, in the order in which they were founded. As [`Session::process_groups`].
    pub fn process_groups<'a>(
        self,
        session: &'a Session<H>,
        cursor: &'a mut Cursor<ProcessGroup<H>>,
    ) -> impl FusedIterator<Item = &'h ProcessGroup<H>> + use<'a, 'h, H> {
        self.check(session.table());
        Visit::new(self.hold, GroupsOf(session), cursor)
    }
}

impl<H: Host> fmt::Debug for View<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

/// How far a walk over one list has come; it holds the member at which it pauses.
///
/// For one walk over one list. If the member has left the list meanwhile, the next hold finds the place again by age: it passes over those that were visited, 64 a hold.
/// Whoever an iterator has given out is visited, also if an adaptor swallows it. An iterator that is forgotten keeps no place, and the next hold looks for it from the first member on.
pub struct Cursor<T: Object> {
    /// The list, as soon as the walk has begun: its table's serial, and where its owner stands.
    list: Option<(u64, usize)>,
    /// The last place that was given as the walk began: nobody who came later is visited.
    until: Option<i64>,
    /// The place of the last one visited.
    visited: Option<i64>,
    paused_at: Option<(ARef<T>, i64)>,
    is_done: bool,
}

impl<T: Object> Cursor<T> {
    /// How many members one hold visits at most.
    pub const VISITS_PER_HOLD: usize = BATCH;

    /// Begins a walk.
    pub const fn new() -> Self {
        Self { list: None, until: None, visited: None, paused_at: None, is_done: false }
    }

    /// Returns whether all have been visited.
    pub const fn is_done(&self) -> bool {
        self.is_done
    }
}

impl<T: Object> Default for Cursor<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Object> fmt::Debug for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("is_done", &self.is_done).finish_non_exhaustive()
    }
}

/// The part of a walk that is done in one hold.
struct Visit<'a, 'h, H: Host, L: Listing<H>> {
    hold: &'h Hold<'h, H>,
    list: L,
    cursor: &'a mut Cursor<L::Member>,
    until: i64,
    next: Option<&'h L::Member>,
    /// Who was looked at last, with its place.
    last: Option<(&'h L::Member, i64)>,
    /// How many may still be looked at.
    left: usize,
    /// It stays with who holds the lock.
    is_of_holder: PhantomData<*const ()>,
}

impl<'a, 'h, H: Host, L: Listing<H>> Visit<'a, 'h, H, L> {
    fn new(hold: &'h Hold<'h, H>, list: L, cursor: &'a mut Cursor<L::Member>) -> Self {
        // Before anything of the member is read at which it pauses: that is guarded by its own table's lock.
        let own = (hold.serial(), list.address());
        assert!(*cursor.list.get_or_insert(own) == own, "a cursor is for one list");
        let until = *cursor.until.get_or_insert(hold.relations().newest_place());
        let next = match &cursor.paused_at {
            _ if cursor.is_done => None,
            Some((paused, place)) if list.place(hold, paused) == Some(*place) => {
                list.after(hold, paused)
            }
            _ => list.first(hold),
        };
        Self { hold, list, cursor, until, next, last: None, left: BATCH, is_of_holder: PhantomData }
    }
}

impl<'h, H: Host, L: Listing<H>> Iterator for Visit<'_, 'h, H, L> {
    type Item = &'h L::Member;

    fn next(&mut self) -> Option<&'h L::Member> {
        while let Some(member) = self.next
            && self.left > 0
        {
            let Some(place) = self.list.place(self.hold, member) else { break };
            let is_visited = self.cursor.visited.is_some_and(|visited| place <= visited);
            let verdict = match self.list.verdict(self.hold, member, place, self.until) {
                Verdict::Collect if is_visited => Verdict::PassOver,
                verdict => verdict,
            };
            if verdict == Verdict::End {
                self.next = None;
                break;
            }
            (self.left, self.last) = (self.left - 1, Some((member, place)));
            self.next = self.list.after(self.hold, member);
            if verdict == Verdict::Collect {
                self.cursor.visited = Some(place);
                return Some(member);
            }
        }
        None
    }
}

impl<H: Host, L: Listing<H>> FusedIterator for Visit<'_, '_, H, L> {}

/// Keeps the place, also of a walk that is left early.
impl<H: Host, L: Listing<H>> Drop for Visit<'_, '_, H, L> {
    fn drop(&mut self) {
        self.cursor.is_done = self.next.is_none();
        if self.cursor.is_done {
            self.cursor.paused_at = None;
        } else if let Some((last, place)) = self.last {
            self.cursor.paused_at = Some((ARef::from(last), place));
        }
    }
}
