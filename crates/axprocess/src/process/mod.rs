//! A process: what it is, what can be read of it. The verbs stand in files of their own.
//!
//! | file | verbs |
//! | --- | --- |
//! | `fork` | making processes and threads |
//! | `kthread` | the second root, and the kernel threads below it |
//! | `clone` | what user space may ask of a fork, and in which order it is refused |
//! | `family` | parents, children, reapers |
//! | `exit` | threads and processes that end |
//! | `end_pid_ns` | namespaces that end with their init |
//! | `pid_ns` | unshare, setns |
//! | `reboot` | the same end by reboot(2) |
//! | `reap` | the end of the end |
//! | `wait` | what a parent learns |
//! | `vfork` | who waits for a child to exec or exit |
//! | `exec` | one thread takes over |
//! | `job_control` | setpgid, setsid and their getters |
//! | `stop` | group stops and continues |
//! | `kill` | whom a signal hits |
//! | `send` | what it does before the receiver runs |
//! | `thread_walk` | what is decided for all threads, and done to one after the other |
//! | `orphan` | orphaned groups, and what their stopped members are sent |
//! | `parent_death` | the signal at the parent's death |
//! | `trace` | ptrace: tracers, tracees, their stops |
//! | `stat` | what `/proc` shows |
//! | `lists` | children and threads as `Vec`s |
//! | `terminal` | the controlling terminal, its foreground, who may use it |

#[cfg(feature = "check")]
mod check;
mod clone;
mod core_dump;
mod end_pid_ns;
mod exec;
mod exit;
mod family;
mod fork;
mod job_control;
mod kernel_signal;
mod kill;
mod kthread;
mod lists;
mod orphan;
mod parent_death;
mod pid_ns;
mod reap;
mod reboot;
mod send;
mod stat;
mod stop;
mod terminal;
mod thread_walk;
mod trace;
mod vfork;
mod wait;

use core::fmt;

pub use clone::{CloneArgs, CloneFlags, CloneRequest, NewProcess, NewTask, NewThread};
pub use core_dump::PendingCoreDump;
pub use exec::PendingExec;
pub use exit::{PendingExit, ThreadExit};
pub(crate) use family::Children;
pub(crate) use fork::new_init;
pub use fork::{ForkNamespace, ForkParent, ForkRequest, InitSession, PreparedFork, PreparedThread};
pub use kernel_signal::{ForcedAction, KernelCause};
pub use kill::{GivenInfo, SignalScope};
pub use kthread::IDLE_PID;
pub(crate) use kthread::new_kthreadd;
pub(crate) use lists::{ChildrenOf, TasksOf, ThreadsOf};
pub(crate) use orphan::try_is_orphaned_group;
pub use reboot::{Reboot, RebootCommand};
pub use stat::{LevelNumbers, NamespaceNumbers, ProcessStat, RunState, TerminalStat};
pub use stop::{DiscardedSignals, StopDecision, StopTicket, ThreadStop};
pub use terminal::{
    AcquireTerminal, AdminRight, CttyChange, IfTaken, StopSignal, TerminalAccess, TerminalAnswer,
    TerminalFile, TerminalRelease, TerminalSide,
};
pub(crate) use thread_walk::ThreadWalk;
pub(crate) use trace::{PtraceRole, TracedBy};
pub use trace::{TraceOptions, TraceStart, TraceStop, TraceStopped};
pub use vfork::VforkWait;
pub use wait::{
    ChildNews, Patience, PidfdMode, WaitCall, WaitEvent, WaitFuture, WaitOptions, WaitOutcome,
    WaitRequest, WaitToken,
};
pub(crate) use wait::{Sleeper, Sleepers};

use crate::group::ProcessGroup;
use crate::list::{Links, Node, OrderedNode, Ptr, StrongList, TreeLinks, WeakEdge};
use crate::object::Head;
use crate::pid::{Numbers, PidNamespace};
use crate::sync::{Field, Hold, StrongEdge, TableInner, TableRef, Word8, Word32, Word64};
use crate::thread::{Rarities, Thread, ThreadGroupList, ThreadState};
use crate::{ARef, ExitSignal, ExitStatus, Host, Pid, Signal};

/// A process: a group of threads with one number, one parent, and one place in a process group.
///
/// # Ownership
///
/// | edge | kind | ends |
/// | --- | --- | --- |
/// | table → init, kthreadd | strong | table dropped |
/// | process → child | strong | reap |
/// | process → parent | weak | rewritten when re-parented, cleared at reap |
/// | process → group | strong | moves; after the reap it stays readable, without membership |
/// | process → thread | strong | thread exit; that of its leader: reap |
///
/// So a process lives at least until it is reaped, and its parent outlives its claim on it. After the reap the object is
/// freed with the last `ARef`. The kernel's data is dropped then, never under the relation lock.
#[repr(C)] // what is touched together stands together
pub struct Process<H: Host> {
    pub(crate) head: Head,
    // What it is asked for as one of the children of a process that exits, and what it is told, up to the link to the next one: 32 bytes.
    /// Its place among its siblings: when it was born or adopted.
    birth: Field<i64>,
    /// The parent's thread whose child this is.
    parent: WeakEdge<Thread<H>>,
    ppid: Word32,
    pub(crate) marks: Field<Marks>,
    exit_signal: Field<ExitSignal>,
    state: Word8,
    sibling_links: Links<Process<H>>,

    group: StrongEdge<ProcessGroup<H>>,
    // What a walk over the members of a group touches, up to its number, which stands with its first thread: 28 bytes.
    /// Its place among the members of its group: when it joined.
    group_place: Field<i64>,
    group_links: Links<Process<H>>,
    pub(crate) first_thread: Thread<H>,

    /// PGID in the upper half, SID in the lower: read together, they are never torn.
    ids: Word64,

    /// Held by its group.
    pub(crate) table: TableRef<H>,
    reportable: TreeLinks<Process<H>>,
    /// The tally of the list is of those that live and have begun to exit.
    threads: StrongList<Thread<H>, ThreadGroupList>,
    /// The thread that took over in exec; none: the first thread leads.
    later_leader: StrongEdge<Thread<H>>,
    /// Which process this is among all that ever had its number.
    serial: Field<u64>,
    /// How often it has exec'd, and had who forked it before.
    execs: Field<u32>,
    /// How often its parent had, when that forked it. Of those alone that do not end with `SIGCHLD`.
    parent_execs: Field<u32>,
    /// Of which of its session's terminals this process knows; 0: of none. See `terminal`.
    terminal_generation: Field<u64>,
    exit_code: Word32,
    news: Word32,
    /// Odd while a group stop is in progress or complete: a thread that stops takes note of it. It may wrap: no thread
    /// misses billions of stops.
    stop_round: Word32,
    /// How many threads have not stopped yet of those that the stop in progress waits for; 0 when none is in progress.
    stop_awaits: Field<u32>,
    /// How often `SIGCONT` was sent.
    continues: Word32,
    /// How many children have moved from one of its threads to another.
    moved_children: Field<u32>,
    /// How many of its threads, a leader that has exited included, have a parent-death signal.
    pdeath_threads: Field<u32>,
    /// How many of `threads` live.
    live_threads: Field<u32>,
    /// The classes of the reports of those that stand at and below its place in the queue of reports.
    subtree_classes: Field<u8>,
    /// The classes of what it has to report, while it stands in the queue of reports.
    own_classes: Field<u8>,
    /// What began the group stop: what `wait` reports.
    stop_signal: Field<Option<Signal>>,
    /// What began it last, if tracees that run in it have begun it anew: who has to join it stops by that.
    newest_stop_signal: Field<Option<Signal>>,
    pub(crate) children_usage: Field<H::Usage>,

    pub(crate) data: H::ProcessData,
}

bitflags::bitflags! {
    /// What is true or false of a process.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Marks: u16 {
        /// It adopts the orphans among its descendants.
        const SUBREAPER = 1 << 0;
        /// It has exec'd since it was forked.
        const EXECED = 1 << 1;
        /// Its exit code is decided, and no thread may join.
        const GROUP_EXIT = 1 << 2;
        /// One thread is taking over in exec; no thread may join.
        const EXECING = 1 << 3;
        /// A fault has hit it, an init: nothing shields it any more.
        const UNSHIELDED = 1 << 4;
        /// It is stopped.
        const STOPPED = 1 << 5;
        /// Its stop has not been reported.
        const STOP_REPORT = 1 << 6;
        /// Its continuation has not been reported.
        const CONTINUE_REPORT = 1 << 7;
        /// It was the init of a namespace, which is ending.
        const ENDING_PID_NS = 1 << 8;
        /// Its parent will be told that it stopped, although it was continued before all threads had.
        const STOP_NOTICE = 1 << 9;
        /// Its parent will be told that it was continued.
        const CONTINUE_NOTICE = 1 << 10;
        /// There is, or was, a subreaper above it: else its orphans need not look for one. Never taken back, as Linux's `has_child_subreaper`.
        const BELOW_SUBREAPER = 1 << 11;
        /// It has, or has had, what most processes never do: a second thread, a part in ptrace, a vfork, a stop, a parent-death signal, an identity, a future that waits for its children; it leads a
        /// session, is or was a subreaper or an init, is a kernel thread, lives in a namespace of its own or had one for its children. Never taken back. Who does not have it takes the fast path through exit, wait and
        /// reap, and at its end refers to nothing but its group.
        const SLOW_PATH = 1 << 12;
        /// One of its threads dumps core, or gets ready for that.
        const DUMPING_CORE = 1 << 13;
        /// It is a kernel thread, for ever: no signal acts on it, nobody traces it, it executes no program. Linux's `PF_KTHREAD`.
        const KERNEL_THREAD = 1 << 14;
        /// One of its threads has, or has had, a tracer. Never taken back.
        const TRACED = 1 << 15;
    }
}

/// Where a process is in its life. It only moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum ProcessState {
    /// Made, but not yet in the table.
    Embryo,
    /// It runs, or could.
    Live,
    /// Its last thread has exited; it hands over its children. It accepts no child and no thread.
    Exiting,
    /// It has ended, and waits to be reaped.
    Zombie,
    /// It stands in no relation any more.
    Reaped,
}

impl ProcessState {
    const fn from_word(word: u8) -> Self {
        match word {
            0 => Self::Embryo,
            1 => Self::Live,
            2 => Self::Exiting,
            3 => Self::Zombie,
            _ => Self::Reaped,
        }
    }
}

/// The list in which a process stands with its siblings.
pub(crate) enum Siblings {}

/// The list in which a process stands with the members of its group.
pub(crate) enum Members {}

/// The queue in which a process stands while it has something to report to its parent.
pub(crate) enum Reportable {}

impl<H: Host> Node<Siblings> for Process<H> {
    fn links(&self) -> &Links<Self> {
        &self.sibling_links
    }
}

impl<H: Host> Node<Members> for Process<H> {
    fn links(&self) -> &Links<Self> {
        &self.group_links
    }
}

impl<H: Host> OrderedNode<Reportable> for Process<H> {
    fn tree_links(&self) -> &TreeLinks<Self> {
        &self.reportable
    }

    fn key<G: Host>(&self, hold: &Hold<'_, G>) -> i64 {
        self.birth.get(hold)
    }

    fn own_classes(&self) -> &Field<u8> {
        &self.own_classes
    }

    fn subtree_classes(&self) -> &Field<u8> {
        &self.subtree_classes
    }
}

impl<H: Host> Process<H> {
    /// Returns the process number, in its own namespace. Takes no lock.
    ///
    /// Serves getpid(2).
    #[inline]
    pub fn pid(&self) -> Pid {
        self.own_numbers().number()
    }

    /// Returns the process number as seen in a namespace; 0 if it is not visible there. R-PID-14. Takes the lock.
    pub fn pid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.table().hold(|hold| self.own_numbers().number_in(hold, viewer))
    }

    /// Returns the namespace in which the process lives. Takes the lock.
    pub fn namespace(&self) -> ARef<PidNamespace<H>> {
        self.table().hold(|hold| self.own_numbers().share_pid_ns(hold))
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::ProcessData {
        &self.data
    }

    /// Returns where the process is in its life. A hint, wait-free.
    pub fn state(&self) -> ProcessState {
        ProcessState::from_word(self.state.get())
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn state_in(&self, hold: &Hold<'_, H>) -> ProcessState {
        ProcessState::from_word(self.state.get_in(hold))
    }

    /// Whether it has ended, and waits to be reaped.
    #[inline]
    pub(crate) fn is_zombie(&self, hold: &Hold<'_, H>) -> bool {
        self.state.get_in(hold) == ProcessState::Zombie as u8
    }

    /// Returns whether the process has ended; it stays true after the reap. A hint, wait-free.
    ///
    /// [`state`](Self::state) tells the two apart.
    pub fn has_ended(&self) -> bool {
        self.state() >= ProcessState::Zombie
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn has_ended_in(&self, hold: &Hold<'_, H>) -> bool {
        self.state.get_in(hold) >= ProcessState::Zombie as u8
    }

    /// Returns whether this is the table's first process. Takes the lock.
    pub fn is_table_init(&self) -> bool {
        self.table().hold(|hold| self.is_table_init_in(hold))
    }

    /// Returns whether this is a kernel thread: kthreadd, or made by [`Thread::fork_kernel_thread`]. Takes the lock.
    ///
    /// Serves the line `Kthread` of `/proc/PID/status`. R-KTHREAD-03.
    pub fn is_kernel_thread(&self) -> bool {
        self.table().hold(|hold| self.has(hold, Marks::KERNEL_THREAD))
    }

    /// Returns the parent; `None` for init, for kthreadd and for a reaped process. Takes the lock.
    pub fn parent(&self) -> Option<ARef<Self>> {
        self.table().hold(|hold| self.parent_in(hold).map(ARef::from))
    }

    /// Returns the process group: after the reap, the last one. Takes the lock.
    pub fn group(&self) -> ARef<ProcessGroup<H>> {
        self.table().hold(|hold| ARef::from(self.group.get(hold)))
    }

    /// Returns whether the exit of the whole process is decided: no thread can join any more. Takes the lock.
    pub fn is_group_exiting(&self) -> bool {
        self.table().hold(|hold| self.has(hold, Marks::GROUP_EXIT))
    }

    /// Returns how the process ended, or would end now: the last thread's status, unless a group exit has decided it. Takes no lock.
    pub fn exit_status(&self) -> ExitStatus {
        ExitStatus::from_word(self.exit_code.get())
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn exit_status_in(&self, hold: &Hold<'_, H>) -> ExitStatus {
        ExitStatus::from_word(self.exit_code.get_in(hold))
    }

    /// Returns what the parent gets when the process ends. exec and a new parent make it `SIGCHLD`. R-EXEC-03, R-REPARENT-09. Takes the lock.
    ///
    /// Serves `/proc/PID/stat`.
    pub fn exit_signal(&self) -> ExitSignal {
        self.table().hold(|hold| self.exit_signal_in(hold))
    }

    pub(crate) fn exit_signal_in(&self, hold: &Hold<'_, H>) -> ExitSignal {
        self.exit_signal.get(hold)
    }

    /// Whether it refers to nothing but its group, at its end: never to what only who leaves the fast path has.
    #[inline]
    pub(crate) fn refers_to_group_alone(&mut self) -> bool {
        !self.marks.get_at_end().contains(Marks::SLOW_PATH)
    }

    /// Takes out what it holds of its group, at its end.
    pub(crate) const fn take_group(&mut self) -> Option<ARef<ProcessGroup<H>>> {
        self.group.take()
    }

    /// Whether some member of its group is stopped. Mostly nobody at all is, and the group need not be fetched.
    #[inline]
    fn is_group_stopped_in_part(&self, hold: &Hold<'_, H>) -> bool {
        hold.relations().stopped > 0 && self.group.get(hold).stopped_members(hold) > 0
    }

    pub(crate) const fn table(&self) -> &TableInner<H> {
        self.table.get()
    }

    /// This process, for as long as the hold lasts: the caller's borrow does.
    pub(crate) fn in_hold<'h>(&self, hold: &Hold<'h, H>) -> &'h Self {
        Ptr::new(self).get(hold)
    }

    /// A reference of one's own; `None` once it is reaped.
    pub(crate) fn share_unless_reaped(&self) -> Option<ARef<Self>> {
        self.is_in_table().then(|| ARef::from(self))
    }

    pub(crate) fn is_member_of(&self, hold: &Hold<'_, H>, group: &ProcessGroup<H>) -> bool {
        self.group_links.is_linked(hold) && core::ptr::eq(self.group.get(hold), group)
    }

    /// Its place among the members of its group.
    pub(crate) const fn group_place(&self) -> &Field<i64> {
        &self.group_place
    }

    #[inline]
    pub(crate) fn group_in<'h>(&self, hold: &Hold<'h, H>) -> &'h ProcessGroup<H> {
        self.group.get(hold)
    }

    /// Which use of its number it is.
    #[inline]
    pub(crate) fn serial(&self, hold: &Hold<'_, H>) -> u64 {
        self.serial.get(hold)
    }

    #[inline]
    pub(crate) fn has(&self, hold: &Hold<'_, H>, marks: Marks) -> bool {
        self.marks.get(hold).contains(marks)
    }

    /// Whether it never had anything for which exit, wait and reap have to look: it does not have [`Marks::SLOW_PATH`].
    #[inline]
    pub(crate) fn takes_fast_path(&self, hold: &Hold<'_, H>) -> bool {
        !self.has(hold, Marks::SLOW_PATH)
    }

    pub(crate) fn mark(&self, hold: &mut Hold<'_, H>, marks: Marks) {
        self.marks.set(hold, self.marks.get(hold) | marks);
    }

    pub(crate) fn unmark(&self, hold: &mut Hold<'_, H>, marks: Marks) {
        self.marks.set(hold, self.marks.get(hold) - marks);
    }

    /// Its numbers. They are its first thread's, for ever: whoever takes over in exec takes them over as well.
    pub(crate) const fn own_numbers(&self) -> &Numbers<H> {
        self.first_thread.own_numbers()
    }

    /// The namespace in which it lives.
    pub(crate) fn pid_ns<'h>(&self, hold: &Hold<'h, H>) -> &'h PidNamespace<H> {
        self.in_hold(hold).own_numbers().pid_ns(hold)
    }

    /// Whether it is number 1 of its namespace, the table's own included.
    pub(crate) fn is_pid_ns_init(&self, hold: &Hold<'_, H>) -> bool {
        self.pid_ns(hold).init(hold).is_some_and(|init| core::ptr::eq(init, self))
    }

    /// Whether default actions do not touch it, unless they come from outside: it is an init, and has had no fault. Linux's `SIGNAL_UNKILLABLE`.
    pub(crate) fn is_shielded_init(&self, hold: &Hold<'_, H>) -> bool {
        self.is_pid_ns_init(hold) && !self.has(hold, Marks::UNSHIELDED)
    }

    pub(crate) fn is_table_init_in(&self, hold: &Hold<'_, H>) -> bool {
        hold.root_pid_ns().init(hold).is_some_and(|init| core::ptr::eq(init, self))
    }

    /// Whether it is kthreadd, the second root: the kernel thread that has no parent. That a table is being dropped makes none of another.
    pub(crate) fn is_kthreadd_in(&self, hold: &Hold<'_, H>) -> bool {
        self.has(hold, Marks::KERNEL_THREAD)
            && self.parent.get(hold).is_none()
            && self.is_in_table_in(hold)
            && !hold.relations().is_table_gone()
    }

    /// Whether it stays in the table for as long as that lives, also without threads: it is the table's init, or kthreadd.
    pub(crate) fn never_ends(&self, hold: &Hold<'_, H>) -> bool {
        self.is_table_init_in(hold) || self.is_kthreadd_in(hold)
    }

    /// What it has that few processes have, if anything.
    #[inline]
    fn rarities(&self, hold: &Hold<'_, H>) -> Option<&Rarities<H>> {
        self.first_thread.rarities(hold)
    }

    /// How many of its threads live and have begun to exit: how they end is settled.
    pub(crate) fn begun_exits(&self) -> &Field<u32> {
        self.threads.owner_counter()
    }

    /// The thread that leads it, also when that has exited.
    #[inline]
    pub(crate) fn leading_thread<'h>(&self, hold: &Hold<'h, H>) -> &'h Thread<H> {
        self.later_leader.get_if_set(hold).unwrap_or(&self.in_hold(hold).first_thread)
    }

    /// The leader, until it has exited.
    #[inline]
    pub(crate) fn leader<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        Some(self.leading_thread(hold)).filter(|leader| leader.state() != ThreadState::Exited)
    }

    #[inline]
    fn enter_state(&self, hold: &mut Hold<'_, H>, state: ProcessState) {
        debug_assert!(self.state_in(hold) < state, "a process only moves forward in its life");
        self.state.set(hold, state as u8);
    }
}

impl<H: Host> fmt::Debug for Process<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({}, {:?})", self.pid(), self.state())
    }
}

/// Where the fields of an embryo lie that has been written out, to be compared with one of zeros.
#[cfg(test)]
pub(crate) mod written_out {
    use alloc::vec::Vec;

    use super::*;

    /// A field: its name, where it lies, and how long it is.
    pub(crate) type Part = (&'static str, *const u8, usize);

    pub(crate) const fn part<T>(name: &'static str, field: &T) -> Part {
        (name, core::ptr::from_ref(field).cast(), size_of::<T>())
    }

    impl<H: Host> Process<H> {
        /// An embryo with none in each field.
        pub(crate) fn written_out(
            table: &TableInner<H>,
            data: H::ProcessData,
            thread_data: H::ThreadData,
        ) -> Self {
            Self {
                head: Head::new(),
                table: TableRef::of(table),
                ppid: Word32::new(0),
                state: Word8::new(ProcessState::Embryo as u8),
                ids: Word64::new(0),
                parent: WeakEdge::none(),
                sibling_links: Links::new(),
                birth: Field::new(0),
                reportable: TreeLinks::new(),
                own_classes: Field::new(0),
                subtree_classes: Field::new(0),
                threads: StrongList::new(),
                later_leader: StrongEdge::empty(),
                live_threads: Field::new(0),
                group: StrongEdge::empty(),
                group_links: Links::new(),
                group_place: Field::new(0),
                moved_children: Field::new(0),
                serial: Field::new(0),
                terminal_generation: Field::new(0),
                marks: Field::new(Marks::empty()),
                exit_signal: Field::new(ExitSignal::from_raw(0)),
                execs: Field::new(0),
                parent_execs: Field::new(0),
                stop_signal: Field::new(None),
                newest_stop_signal: Field::new(None),
                stop_round: Word32::new(0),
                stop_awaits: Field::new(0),
                continues: Word32::new(0),
                pdeath_threads: Field::new(0),
                exit_code: Word32::new(0),
                news: Word32::new(0),
                children_usage: Field::new(H::Usage::default()),
                data,
                first_thread: Thread::first(thread_data),
            }
        }

        /// What is zero in one that is made of zeros.
        pub(crate) fn parts(&self) -> Vec<Part> {
            let Self {
                head,
                table: _,
                ppid,
                state,
                ids,
                parent,
                sibling_links,
                birth,
                reportable,
                own_classes,
                subtree_classes,
                threads,
                later_leader,
                live_threads,
                group,
                group_links,
                group_place,
                moved_children,
                serial,
                terminal_generation,
                marks,
                exit_signal,
                execs,
                parent_execs,
                stop_signal,
                newest_stop_signal,
                stop_round,
                stop_awaits,
                continues,
                pdeath_threads,
                exit_code,
                news,
                children_usage: _,
                data: _,
                first_thread: _,
            } = self;
            alloc::vec![
                part("head", head),
                part("ppid", ppid),
                part("state", state),
                part("ids", ids),
                part("parent", parent),
                part("sibling_links", sibling_links),
                part("birth", birth),
                part("reportable", reportable),
                part("own_classes", own_classes),
                part("subtree_classes", subtree_classes),
                part("threads", threads),
                part("later_leader", later_leader),
                part("live_threads", live_threads),
                part("group", group),
                part("group_links", group_links),
                part("group_place", group_place),
                part("moved_children", moved_children),
                part("serial", serial),
                part("terminal_generation", terminal_generation),
                part("marks", marks),
                part("exit_signal", exit_signal),
                part("execs", execs),
                part("parent_execs", parent_execs),
                part("stop_signal", stop_signal),
                part("newest_stop_signal", newest_stop_signal),
                part("stop_round", stop_round),
                part("stop_awaits", stop_awaits),
                part("continues", continues),
                part("pdeath_threads", pdeath_threads),
                part("exit_code", exit_code),
                part("news", news),
            ]
        }
    }
}
