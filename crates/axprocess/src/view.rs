//! The relations as they stand at one moment, to be read in place: without a `Vec`, and without counting a reference.
//!
//! | who | does |
//! | --- | --- |
//! | the kernel | asks for a view ([`ProcessTable::read`], or `read` of any object): the lock is held as long as its closure runs |
//! | the view | answers what the getters of the objects answer, without taking the lock again |
//! | a hook | is given one, for what it wants to know while it runs |
//! | a walk | visits at most 48 members, so that the hold is short; a [`Cursor`] keeps its place for the next one |
//!
//! What a getter of an object answers was true at some moment of the call. What a view answers is true until the closure ends.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use crate::group::MembersOf;
use crate::pid::{PidNamespace, Task};
use crate::process::{ChildrenOf, Marks, TasksOf, ThreadsOf};
use crate::session::GroupsOf;
use crate::snapshot::{Listing, Verdict};
use crate::sync::{BATCH, Hold, TableInner};
use crate::{
    ARef, ExitSignal, Host, Identity, NamespaceNumbers, Object, Pid, Process, ProcessGroup,
    ProcessStat, ProcessState, ProcessTable, RunState, Session, Signal, Terminal, Thread,
    TraceOptions, TraceStart,
};

/// The relations of one table at one moment.
///
/// Whoever has one holds the relation lock: nothing changes until the closure returns, or the hook, to which it was given. It is not sent to another thread. All methods take an object of the same table.
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
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
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
    /// // However many members there are, no hold visits more than 48.
    /// let group = init.process().group();
    /// let (mut cursor, mut pids) = (Cursor::new(), Vec::new());
    /// while !cursor.is_done() {
    ///     pids.reserve(48);
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
        self.hold(|hold| look(hold.view()))
    }
}

impl<H: Host> Hold<'_, H> {
    /// The relations as they stand now, for a hook.
    #[inline]
    pub(crate) const fn view(&self) -> View<'_, H> {
        View { hold: self, is_of_holder: PhantomData }
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

/// Whose view it is.
impl<'h, H: Host> View<'h, H> {
    /// Returns the host of the table.
    #[inline]
    pub const fn host(self) -> &'h H {
        self.hold.host()
    }
}

/// Who is there, by number. A child that its kernel [is asked about](Host::can_fork) is not there yet.
impl<'h, H: Host> View<'h, H> {
    /// Returns the process of that number in `viewer`, running or zombie; `None` for that of a thread that does not lead one.
    #[inline]
    pub fn find_process(self, viewer: &PidNamespace<H>, pid: Pid) -> Option<&'h Process<H>> {
        let process = self.task(viewer, pid)?.process_of_leader(self.hold);
        process.filter(|it| it.state_in(self.hold) != ProcessState::Embryo)
    }

    /// Returns the thread of that number in `viewer`, unless it has exited.
    #[inline]
    pub fn find_thread(self, viewer: &PidNamespace<H>, tid: Pid) -> Option<&'h Thread<H>> {
        let thread = self.task(viewer, tid)?.thread_or_leader(self.hold);
        thread.filter(|it| !it.is_embryo_in(self.hold))
    }

    /// Returns the group of that number in `viewer`, if it has members.
    pub fn find_group(self, viewer: &PidNamespace<H>, pgid: Pid) -> Option<&'h ProcessGroup<H>> {
        self.check(viewer.table());
        viewer.group_of(self.hold, pgid)
    }

    /// Returns the session of that number in `viewer`, if it has groups.
    pub fn find_session(self, viewer: &PidNamespace<H>, sid: Pid) -> Option<&'h Session<H>> {
        self.check(viewer.table());
        viewer.session_of(self.hold, sid)
    }

    #[inline]
    fn task(self, viewer: &PidNamespace<H>, number: Pid) -> Option<Task<H>> {
        self.check(viewer.table());
        viewer.task_of(self.hold, number)
    }
}

/// Who has a use of a number.
impl<'h, H: Host> View<'h, H> {
    /// Returns the identity's number as seen in a namespace; 0 if it is not visible there. As [`Identity::number_in`].
    pub fn number(self, identity: &Identity<H>, viewer: &PidNamespace<H>) -> Pid {
        self.check(identity.table());
        self.check(viewer.table());
        identity.numbers().number_in(self.hold, viewer)
    }

    /// Returns the process that has the number, until it is reaped. As [`Identity::process`].
    pub fn process_of(self, identity: &Identity<H>) -> Option<&'h Process<H>> {
        self.check(identity.table());
        identity.process_in(self.hold)
    }

    /// Returns the thread that has the number, until it has exited; for a process, its leader. As [`Identity::thread_or_leader`].
    pub fn thread_or_leader_of(self, identity: &Identity<H>) -> Option<&'h Thread<H>> {
        self.check(identity.table());
        identity.thread_or_leader_in(self.hold)
    }

    /// Returns the group that is named by it, if it has members. As [`Identity::group_of_number`].
    pub fn group_of(self, identity: &Identity<H>) -> Option<&'h ProcessGroup<H>> {
        self.check(identity.table());
        identity.identity_key(self.hold).group(self.hold)
    }

    /// Returns the session that is named by it, if it has groups. As [`Identity::session_of_number`].
    pub fn session_of(self, identity: &Identity<H>) -> Option<&'h Session<H>> {
        self.check(identity.table());
        identity.session_in(self.hold)
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

    /// Returns whether the thread leads its process, exited or not: the two have one number.
    #[inline]
    pub fn is_leader(self, thread: &Thread<H>) -> bool {
        self.check(thread.process().table());
        thread.is_leader(self.hold)
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

    /// Returns the process that leads the session, until it is reaped.
    pub fn session_leader(self, session: &Session<H>) -> Option<&'h Process<H>> {
        self.check(session.table());
        session.leader(self.hold)
    }

    /// Returns the thread that traces this one. As [`Thread::tracer`].
    pub fn tracer(self, thread: &Thread<H>) -> Option<&'h Thread<H>> {
        self.check(thread.process().table());
        thread.tracer_in(self.hold)
    }

    /// Returns how the tracer of this thread has begun, and with which options it traces; `None`: nobody traces it.
    ///
    /// For what the kernel does by itself for a tracer: a stop for an event that it has asked for, `SIGTRAP` behind an exec where it has attached and not asked for that event. Linux: `ptrace_event`.
    pub fn tracing(self, thread: &Thread<H>) -> Option<(TraceStart, TraceOptions)> {
        self.check(thread.process().table());
        thread.tracing_in(self.hold)
    }

    /// Returns the thread that traces the leader of a process, also of a leader that has exited.
    pub fn tracer_of_leader(self, process: &Process<H>) -> Option<&'h Thread<H>> {
        self.check(process.table());
        process.leading_thread(self.hold).tracer_in(self.hold)
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

    /// Returns whether this is the table's first process. As [`Process::is_table_init`].
    pub fn is_table_init(self, process: &Process<H>) -> bool {
        self.check(process.table());
        process.is_table_init_in(self.hold)
    }

    /// Returns whether this is a kernel thread. As [`Process::is_kernel_thread`].
    pub fn is_kernel_thread(self, process: &Process<H>) -> bool {
        self.has(process, Marks::KERNEL_THREAD)
    }

    /// Returns whether the process adopts orphans. As [`Process::is_subreaper`].
    pub fn is_subreaper(self, process: &Process<H>) -> bool {
        self.has(process, Marks::SUBREAPER)
    }

    /// Returns whether the process is stopped. As [`Process::is_stopped`].
    pub fn is_stopped(self, process: &Process<H>) -> bool {
        self.has(process, Marks::STOPPED)
    }

    /// Returns whether the exit of the whole process is decided. As [`Process::is_group_exiting`].
    pub fn is_group_exiting(self, process: &Process<H>) -> bool {
        self.has(process, Marks::GROUP_EXIT)
    }

    /// Returns whether one of its threads dumps core. As [`Process::is_dumping_core`].
    pub fn is_dumping_core(self, process: &Process<H>) -> bool {
        self.has(process, Marks::DUMPING_CORE)
    }

    /// Returns whether the default action of a signal from a queue is not carried out. As [`Process::is_protected_from`].
    pub fn is_protected_from(self, process: &Process<H>, signal: Signal) -> bool {
        self.check(process.table());
        process.is_protected_from_in(self.hold, signal)
    }

    /// Returns what the parent gets when the process ends. As [`Process::exit_signal`].
    pub fn exit_signal(self, process: &Process<H>) -> ExitSignal {
        self.check(process.table());
        process.exit_signal_in(self.hold)
    }

    /// Returns what the children that were waited for have used. As [`Process::children_usage`].
    pub fn children_usage(self, process: &Process<H>) -> H::Usage {
        self.check(process.table());
        process.children_usage.get(self.hold)
    }

    /// Returns the numbers on every level from `viewer`'s inward. As [`Process::namespace_numbers`].
    pub fn namespace_numbers(
        self,
        process: &Process<H>,
        viewer: &PidNamespace<H>,
    ) -> Option<NamespaceNumbers> {
        self.check(process.table());
        self.check(viewer.table());
        process.namespace_numbers_in(self.hold, viewer)
    }

    /// Returns whether the thread has to take part in a stop of its process. As [`Thread::is_group_stop_requested`].
    pub fn is_group_stop_requested(self, thread: &Thread<H>) -> bool {
        self.check(thread.process().table());
        thread.has_to_join_group_stop(self.hold)
    }

    /// Returns what the thread's process gets when its parent dies. As [`Thread::parent_death_signal`].
    pub fn parent_death_signal(self, thread: &Thread<H>) -> Option<Signal> {
        self.check(thread.process().table());
        thread.pdeath_signal(self.hold)
    }

    /// Returns where the thread's next child will live, if there is something to enter. As [`Thread::namespace_for_children`].
    pub fn namespace_for_children(self, thread: &Thread<H>) -> Option<&'h PidNamespace<H>> {
        self.check(thread.process().table());
        thread.entered_children_pid_ns(self.hold)
    }

    /// Returns the number of the foreground group of the controlling terminal; `None` without one. As [`Process::foreground_pgid`].
    pub fn foreground_pgid(self, process: &Process<H>) -> Option<Pid> {
        self.check(process.table());
        process.foreground_pgid_in(self.hold)
    }

    /// Returns the session that the terminal controls. As [`Terminal::session`].
    pub fn session_of_terminal(self, terminal: &Terminal<H>) -> Option<&'h Session<H>> {
        self.check(terminal.table());
        terminal.session_in(self.hold)
    }

    /// Returns the terminal's foreground group. As [`Terminal::foreground_group`].
    pub fn foreground_group(self, terminal: &Terminal<H>) -> Option<&'h ProcessGroup<H>> {
        self.check(terminal.table());
        terminal.foreground_in(self.hold)?.group(self.hold)
    }

    /// Returns the limit of the namespace: numbers that are given out are below it. As [`Process::pid_max`].
    pub fn pid_max(self, pid_ns: &PidNamespace<H>) -> Pid {
        self.check(pid_ns.table());
        pid_ns.numbers(self.hold).limit()
    }

    /// Returns the number that the namespace has given out last. As [`Process::last_pid`].
    pub fn last_pid(self, pid_ns: &PidNamespace<H>) -> Pid {
        self.check(pid_ns.table());
        pid_ns.numbers(self.hold).last_given()
    }

    #[inline]
    fn has(self, process: &Process<H>, marks: Marks) -> bool {
        self.check(process.table());
        process.has(self.hold, marks)
    }

    /// Every relation that is followed is one of the held table's.
    #[inline]
    fn check(self, table: &TableInner<H>) {
        assert!(self.hold.is_of(table), "a view is asked about an object of another table");
    }
}

/// Walks. Each call visits at most 48 members; [`Cursor::is_done`] tells whether those were all that were left. One call in a hold keeps that short.
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

    /// Visits the next threads of a process that are not released, the leader first. As [`Process::tasks`].
    pub fn tasks<'a>(
        self,
        process: &'a Process<H>,
        cursor: &'a mut Cursor<Thread<H>>,
    ) -> impl FusedIterator<Item = &'h Thread<H>> + use<'a, 'h, H> {
        self.check(process.table());
        Visit::new(self.hold, TasksOf(process), cursor)
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
/// For one walk over one list. If the member has left the list meanwhile, the next hold finds the place again by age: it passes over those that were visited, 48 a hold.
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
            let Some(place) = self.list.place_of_found(self.hold, member) else { break };
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
