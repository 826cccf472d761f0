//! A thread: one member of the thread group that is a process.

use alloc::boxed::Box;
use core::fmt;

use crate::attention::AttentionWord;
use crate::list::{Links, Node, Ptr, WeakEdge, WeakList};
use crate::object::{Head, Owner, boxed};
use crate::pid::{Identity, Numbers, PidNamespace};
use crate::process::{Children, Marks, Process, PtraceRole, Sleeper, Sleepers};
use crate::sync::{Field, Hold, OwnBlock, StrongEdge, Word32};
use crate::{ARef, Errno, Host, Pid, Signal};

/// A thread of a process. The system calls that depend on the calling thread are its methods.
///
/// # Ownership
///
/// A thread holds its process strongly, and until it has exited the process holds it: only an [exit](Self::exit_thread) ends a thread, dropping
/// references to it ends nobody. The first thread stands inside its process, in the same block: its data is dropped with that of the process, when
/// the last reference to either has gone. So what is heavy in a thread's data is an `Option` of the kernel's, emptied when the thread ends.
#[repr(C)] // its numbers are the first: what stands before the first thread in its process is touched with them
pub struct Thread<H: Host> {
    pub(crate) own_numbers: Numbers<H>,
    pub(crate) head: Head,
    process: Owner<Process<H>>,
    /// Its state, above that its marks, the signal of its last group stop, and its parent-death signal, which survives the exit of a leader.
    state_and_marks: Word32,
    /// How it ended; 0 before.
    exit_code: Word32,
    thread_group_links: Links<Thread<H>>,
    children: Children<H>,
    /// Its place among the threads of its process; the first one's is 0.
    place_in_process: Field<i64>,
    /// What few threads have.
    rarities: OwnBlock<Rarities<H>>,
    /// The thread that waits in vfork for this one. See `process/vfork.rs`.
    vfork_parent: WeakEdge<Thread<H>>,
    /// The thread that this one waits for in vfork.
    vfork_child: WeakEdge<Thread<H>>,
    /// The round of the group stop in which it stopped last.
    stopped_in: Word32,
    attention: AttentionWord,
    pub(crate) data: H::ThreadData,
}

/// What few threads have, in a block that is allocated before the hold in which one first needs it; and what few processes have, with their first threads.
pub(crate) struct Rarities<H: Host> {
    /// Where its children will live, if not in its own namespace.
    pub(crate) children_pid_ns: StrongEdge<PidNamespace<H>>,
    /// Its part in ptrace, if it has ever had one.
    pub(crate) trace: StrongEdge<PtraceRole<H>>,
    /// Its identity, if anybody has asked for it; with the first thread stands that of the process, whoever leads.
    pub(crate) identity: StrongEdge<Identity<H>>,
    /// The futures that wait for the children of the process.
    pub(crate) sleepers: WeakList<Sleeper, Sleepers>,
}

impl<H: Host> Rarities<H> {
    /// Memory for those of one thread.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is none.
    pub(crate) fn make() -> Result<Option<Box<Self>>, Errno> {
        boxed(|| Self {
            children_pid_ns: StrongEdge::empty(),
            trace: StrongEdge::empty(),
            identity: StrongEdge::empty(),
            sleepers: WeakList::new(),
        })
        .map(Some)
    }
}

/// Where a thread is in its life. It only moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub(crate) enum ThreadState {
    /// Made, but not yet in its process.
    Embryo,
    Live,
    /// It hands over its children, or ends its namespace and waits for the others there.
    Exiting,
    /// It has ended, and waits for its tracer; the leader never does so, its process does.
    Zombie,
    Exited,
}

/// What is true or false of a thread, and asked for without the lock as well.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum ThreadMark {
    /// Its children will not live in its own namespace, but in another that it refers to.
    ChildrenPidNs = 1 << 8,
    /// It refers to a child that it waits for in vfork.
    VforkChild = 1 << 9,
    /// It has begun to exit: how it ends is settled.
    ExitBegun = 1 << 10,
    /// It was the last one of its process to live.
    LastToLive = 1 << 11,
    /// It exits, and has not given its memory back.
    UsesMm = 1 << 12,
    /// It has begun to exit while another thread dumps core: it waits for the end of that.
    Parked = 1 << 13,
    /// It dumps core, or gets ready for that.
    DumpsCore = 1 << 14,
    /// It ends its namespace, and has nothing left to do but to wait for the others there.
    AwaitsPidNsEnd = 1 << 15,
    /// Its kernel lets it sleep then, and has to be told when it can go on; else whoever has made that so does what is left.
    SleepsInExit = 1 << 16,
    /// It has a tracer.
    Traced = 1 << 17,
    /// It sleeps in a stop for that.
    InPtraceStop = 1 << 18,
    /// It was stopped with its group when its tracer came, and has not stopped for that yet.
    Trapping = 1 << 19,
    /// Its last tracer has gone without having waited for the stop in which it was.
    LetGoUnread = 1 << 20,
}

/// The bits in which a thread's state stands.
const STATE: u32 = 0xff;

/// From where on the signal of its last group stop stands there: how far it is behind `SIGSTOP`, the first of the four.
const STOP_SIGNAL: u32 = 22;

/// From where on its parent-death signal stands there; 0: none.
const PDEATH_SIGNAL: u32 = 24;

/// The list in which a thread stands with the others of its process.
pub(crate) enum ThreadGroupList {}

impl<H: Host> Node<ThreadGroupList> for Thread<H> {
    fn links(&self) -> &Links<Self> {
        &self.thread_group_links
    }
}

impl<H: Host> Thread<H> {
    /// The way to its process.
    pub(crate) const fn owner(&self) -> &Owner<Process<H>> {
        &self.process
    }

    /// Makes one more thread, which its process does not list yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(crate) fn make_embryo(
        process: &Process<H>,
        data: H::ThreadData,
    ) -> Result<[ARef<Self>; 2], Errno> {
        let own_numbers = process.share_own_pid_ns().make_empty_numbers()?;
        let owner = Owner::counted(ARef::from(process));
        let make = || Self::embryo(owner, own_numbers, data);
        ARef::make_from(&process.table().spare_threads, make)
    }

    /// Takes out what it holds of its process, at its end.
    pub(crate) fn take_process(&mut self) -> Option<ARef<Process<H>>> {
        self.process.take()
    }

    fn embryo(process: Owner<Process<H>>, own_numbers: Numbers<H>, data: H::ThreadData) -> Self {
        Self {
            head: Head::new(),
            process,
            own_numbers,
            state_and_marks: Word32::new(ThreadState::Embryo as u32),
            thread_group_links: Links::new(),
            children: Children::new(),
            place_in_process: Field::new(0),
            stopped_in: Word32::new(0),
            attention: AttentionWord::new(),
            exit_code: Word32::new(0),
            vfork_parent: WeakEdge::none(),
            vfork_child: WeakEdge::none(),
            rarities: OwnBlock::none(),
            data,
        }
    }

    /// Returns the thread's number in its own namespace. Serves gettid(2). It changes once, when a thread other than the leader execs: then it becomes the process's. Takes no lock.
    #[inline]
    pub fn tid(&self) -> Pid {
        self.own_numbers.number()
    }

    /// Returns the thread's number as seen in a namespace; 0 if it is not visible there. Takes the lock.
    pub fn tid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.process.table().hold(|hold| self.own_numbers.number_in(hold, viewer))
    }

    /// Returns the process. Takes no lock.
    pub fn process(&self) -> &ARef<Process<H>> {
        &self.process
    }

    /// Returns the kernel's data. Takes no lock.
    pub const fn host_data(&self) -> &H::ThreadData {
        &self.data
    }

    /// This thread, for as long as the hold lasts: the caller's borrow does.
    pub(crate) fn in_hold<'h>(&self, hold: &Hold<'h, H>) -> &'h Self {
        Ptr::new(self).get(hold)
    }

    pub(crate) fn process_in<'h>(&self, hold: &Hold<'h, H>) -> &'h Process<H> {
        self.process.in_hold(hold)
    }

    /// Its numbers.
    pub(crate) const fn own_numbers(&self) -> &Numbers<H> {
        &self.own_numbers
    }

    /// A hint, wait-free; to a holder it is certain.
    pub(crate) fn has_mark(&self, mark: ThreadMark) -> bool {
        self.state_and_marks.get() & mark as u32 != 0
    }

    pub(crate) fn set_mark(&self, hold: &mut Hold<'_, H>, mark: ThreadMark, is_set: bool) {
        let others = self.state_and_marks.get_in(hold) & !(mark as u32);
        self.state_and_marks.set(hold, others | if is_set { mark as u32 } else { 0 });
    }

    pub(crate) fn state(&self) -> ThreadState {
        match self.state_and_marks.get() & STATE {
            0 => ThreadState::Embryo,
            1 => ThreadState::Live,
            2 => ThreadState::Exiting,
            3 => ThreadState::Zombie,
            _ => ThreadState::Exited,
        }
    }

    /// The same, to a holder.
    #[inline]
    pub(crate) fn is_live_in(&self, hold: &Hold<'_, H>) -> bool {
        self.state_and_marks.get_in(hold) & STATE == ThreadState::Live as u32
    }

    /// Whether it is not in its process yet, to a holder.
    #[inline]
    pub(crate) fn is_embryo_in(&self, hold: &Hold<'_, H>) -> bool {
        self.state_and_marks.get_in(hold) & STATE == ThreadState::Embryo as u32
    }

    /// Whether it has exited, to a holder.
    #[inline]
    pub(crate) fn has_exited_in(&self, hold: &Hold<'_, H>) -> bool {
        self.state_and_marks.get_in(hold) & STATE == ThreadState::Exited as u32
    }

    /// An embryo lives from now on.
    #[inline]
    pub(crate) fn begin_life(&self, hold: &mut Hold<'_, H>) {
        debug_assert_eq!(self.state_and_marks.get(), ThreadState::Embryo as u32);
        self.state_and_marks.set(hold, ThreadState::Live as u32);
    }

    #[inline]
    pub(crate) fn enter_state(&self, hold: &mut Hold<'_, H>, state: ThreadState) {
        debug_assert!(self.state() < state, "a thread only moves forward in its life");
        let marks = self.state_and_marks.get_in(hold) & !STATE;
        self.state_and_marks.set(hold, marks | state as u32);
    }

    pub(crate) fn is_listed(&self, hold: &Hold<'_, H>) -> bool {
        self.thread_group_links.is_linked(hold)
    }

    /// Its children.
    pub(crate) const fn children_lists(&self) -> &Children<H> {
        &self.children
    }

    /// Whether it leads its process, exited or not.
    pub(crate) fn is_leader(&self, hold: &Hold<'_, H>) -> bool {
        core::ptr::eq(self.process.leading_thread(hold), self)
    }

    /// Whether its number is its process's: it leads, or led until another took over.
    pub(crate) fn has_process_number(&self, hold: &Hold<'_, H>) -> bool {
        self.is_leader(hold) || self.tid() == self.process.pid()
    }

    /// Whether its exit has begun, and is not done.
    pub(crate) fn is_exiting(&self) -> bool {
        self.state() == ThreadState::Exiting
    }

    /// Whether it can still be given a child.
    pub(crate) fn is_live(&self) -> bool {
        self.state() == ThreadState::Live
    }

    /// Its place among the threads of its process: later ones have greater places.
    pub(crate) fn place_in_process(&self, hold: &Hold<'_, H>) -> i64 {
        self.place_in_process.get(hold)
    }

    pub(crate) fn set_place_in_process(&self, hold: &mut Hold<'_, H>, place: i64) {
        self.place_in_process.set(hold, place);
    }

    pub(crate) const fn last_stop_round(&self) -> &Word32 {
        &self.stopped_in
    }

    pub(crate) const fn attention_word(&self) -> &AttentionWord {
        &self.attention
    }

    /// How it ended.
    pub(crate) const fn exit_code(&self) -> &Word32 {
        &self.exit_code
    }

    /// What it has that few threads have, if anything.
    #[inline]
    pub(crate) fn rarities(&self, hold: &Hold<'_, H>) -> Option<&Rarities<H>> {
        self.rarities.get(hold)
    }

    /// The same, in fresh memory if there is none yet.
    pub(crate) fn rarities_or(
        &self,
        hold: &mut Hold<'_, H>,
        fresh: &mut Option<Box<Rarities<H>>>,
    ) -> Option<&Rarities<H>> {
        self.process().mark(hold, Marks::SLOW_PATH);
        self.rarities.fill(hold, fresh);
        self.rarities.get(hold)
    }

    /// Its own identity, if anybody has asked for it: not that of the process which it leads, if it is not the first.
    pub(crate) fn own_identity<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Identity<H>> {
        self.rarities(hold)?.identity.get_if_set(hold)
    }

    /// Its parent-death signal.
    pub(crate) fn pdeath_signal(&self, hold: &Hold<'_, H>) -> Option<Signal> {
        Signal::new((self.state_and_marks.get_in(hold) >> PDEATH_SIGNAL) as u8)
    }

    pub(crate) fn set_pdeath_signal(&self, hold: &mut Hold<'_, H>, signal: Option<Signal>) {
        let others = self.state_and_marks.get_in(hold) & !(u32::MAX << PDEATH_SIGNAL);
        let number = u32::from(signal.map_or(0, Signal::number));
        self.state_and_marks.set(hold, others | number << PDEATH_SIGNAL);
    }

    /// The signal of the group stop in which it has taken part last; `SIGSTOP` if there was none. Linux: `JOBCTL_STOP_SIGMASK`.
    pub(crate) fn last_stop_signal(&self, hold: &Hold<'_, H>) -> Signal {
        match (self.state_and_marks.get_in(hold) >> STOP_SIGNAL) & 3 {
            0 => Signal::SIGSTOP,
            1 => Signal::SIGTSTP,
            2 => Signal::SIGTTIN,
            _ => Signal::SIGTTOU,
        }
    }

    pub(crate) fn set_last_stop_signal(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        debug_assert!(signal.is_stop());
        let others = self.state_and_marks.get_in(hold) & !(3 << STOP_SIGNAL);
        let distance = u32::from(signal.number() - Signal::SIGSTOP.number()) & 3;
        self.state_and_marks.set(hold, others | distance << STOP_SIGNAL);
    }

    pub(crate) const fn vfork_parent(&self) -> &WeakEdge<Self> {
        &self.vfork_parent
    }

    pub(crate) const fn vfork_child(&self) -> &WeakEdge<Self> {
        &self.vfork_child
    }
}

impl<H: Host> fmt::Debug for Thread<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thread({}, process={})", self.tid(), self.process.pid())
    }
}

#[cfg(test)]
mod written_out {
    use alloc::vec::Vec;

    use super::*;
    use crate::process::written_out::{Part, part};

    impl<H: Host> Thread<H> {
        /// The first thread of an embryo, with none in each field.
        pub(crate) fn first(data: H::ThreadData) -> Self {
            Self::embryo(Owner::of_part(), Numbers::at_root(), data)
        }

        /// What is zero in one that is made of zeros.
        pub(crate) fn parts(&self) -> Vec<Part> {
            let Self {
                head,
                process,
                own_numbers,
                state_and_marks,
                thread_group_links,
                children,
                place_in_process,
                stopped_in,
                attention,
                exit_code,
                vfork_parent,
                vfork_child,
                rarities,
                data: _,
            } = self;
            alloc::vec![
                part("head", head),
                part("process", process),
                part("own_numbers", own_numbers),
                part("state_and_marks", state_and_marks),
                part("thread_group_links", thread_group_links),
                part("children", children),
                part("place_in_process", place_in_process),
                part("stopped_in", stopped_in),
                part("attention", attention),
                part("exit_code", exit_code),
                part("vfork_parent", vfork_parent),
                part("vfork_child", vfork_child),
                part("rarities", rarities),
            ]
        }
    }
}
