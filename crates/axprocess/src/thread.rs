//! A thread: one member of the thread group that is a process.

use alloc::sync::{Arc, Weak};
use core::fmt;

use crate::list::{Edge, Links, Node, Ptr};
use crate::pid::{Identity, PidNamespace};
use crate::process::{Children, Process, Trace};
use crate::sync::{Field, Hold, Opened, StrongEdge, Word32, unlink};
use crate::{Host, Pid, Signal};

/// A thread of a process. The system calls that depend on the calling thread are its methods.
///
/// # Ownership
///
/// A thread holds its process strongly; the process lists it weakly, until it exits. The
/// kernel holds the `Arc` of a thread for as long as the thread runs, and ends it
/// with [`exit_thread`](Self::exit_thread). Dropping the last `Arc` of a thread that has not exited takes it out of
/// its process, as if it had never joined.
pub struct Thread<H: Host> {
    process: Arc<Process<H>>,
    identity: Identity<H>,
    /// Where its children will live, if not in its own namespace.
    children_space: StrongEdge<PidNamespace<H>>,
    /// Whether `children_space` is set: a hint, without the lock.
    has_children_space: Word32,
    state: Word32,
    /// Set when it joins its process.
    myself: Opened<Weak<Thread<H>>>,
    comrades: Links<Thread<H>>,
    /// Its children, unless it is the leader: then they stand in the process.
    children: Children<H>,
    /// The round of the group stop in which it stopped last.
    stopped_in: Field<u32>,
    /// How its own number ended, unless it has been the leader from the start: then it stands in the process.
    exit_code: Word32,
    /// Its parent-death signal, unless it is the leader: then it stands in the process.
    death_signal: Field<Option<Signal>>,
    /// The thread that waits in vfork for this one. See `process/vfork.rs`.
    vfork_parent: Edge<Thread<H>>,
    /// The thread that this one waits for in vfork.
    vfork_child: Edge<Thread<H>>,
    /// Whether `vfork_child` is set: what the waiting thread looks at.
    in_vfork: Word32,
    /// Its part in ptrace, unless it is the leader: then it stands in the process.
    trace: StrongEdge<Trace<H>>,
    data: H::ThreadData,
}

/// Where a thread is in its life. It only moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub(crate) enum ThreadState {
    /// Made, but not yet in its process.
    Embryo,
    Live,
    /// It hands over its children.
    Exiting,
    /// It has ended, and waits for its tracer; the leader never does so, its process does.
    Zombie,
    Exited,
}

/// The list in which a thread stands with the others of its process.
pub(crate) enum Comrades {}

impl<H: Host> Node<Comrades> for Thread<H> {
    fn links(&self) -> &Links<Self> {
        &self.comrades
    }
}

impl<H: Host> Thread<H> {
    /// Makes a thread that its process does not list yet.
    pub(crate) fn embryo(
        process: Arc<Process<H>>,
        identity: Identity<H>,
        data: H::ThreadData,
    ) -> Arc<Self> {
        Arc::new(Self {
            process,
            identity,
            children_space: StrongEdge::empty(),
            has_children_space: Word32::new(0),
            state: Word32::new(ThreadState::Embryo as u32),
            myself: Opened::new(Weak::new()),
            comrades: Links::new(),
            children: Children::new(),
            stopped_in: Field::new(0),
            exit_code: Word32::new(0),
            death_signal: Field::new(None),
            vfork_parent: Edge::none(),
            vfork_child: Edge::none(),
            in_vfork: Word32::new(0),
            trace: StrongEdge::empty(),
            data,
        })
    }

    /// Returns the thread's number in its own namespace. Serves gettid(2). It changes once, when a thread other than the leader execs: then it becomes the process's.
    #[inline]
    pub fn tid(&self) -> Pid {
        self.identity.number()
    }

    /// Returns the thread's number as seen in a namespace; 0 if it is not visible there.
    pub fn tid_in(&self, viewer: &PidNamespace<H>) -> Pid {
        self.process.world().hold(|hold| self.identity.number_in(hold, viewer))
    }

    /// Returns the process.
    pub const fn process(&self) -> &Arc<Process<H>> {
        &self.process
    }

    /// Returns the kernel's data.
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
    pub(crate) const fn identity(&self) -> &Identity<H> {
        &self.identity
    }

    pub(crate) const fn children_space(&self) -> &StrongEdge<PidNamespace<H>> {
        &self.children_space
    }

    pub(crate) const fn has_children_space(&self) -> &Word32 {
        &self.has_children_space
    }

    pub(crate) fn state(&self) -> ThreadState {
        match self.state.get() {
            0 => ThreadState::Embryo,
            1 => ThreadState::Live,
            2 => ThreadState::Exiting,
            3 => ThreadState::Zombie,
            _ => ThreadState::Exited,
        }
    }

    pub(crate) fn enter_state(&self, hold: &mut Hold<'_, H>, state: ThreadState) {
        debug_assert!(self.state() < state, "a thread only moves forward in its life");
        self.state.set(hold, state as u32);
    }

    pub(crate) fn is_listed(&self, hold: &Hold<'_, H>) -> bool {
        self.comrades.is_linked(hold)
    }

    /// The children that stand with this thread.
    pub(crate) const fn own_children(&self) -> &Children<H> {
        &self.children
    }

    pub(crate) const fn stopped_in(&self) -> &Field<u32> {
        &self.stopped_in
    }

    /// How the number that it had beside its process's ended.
    pub(crate) const fn exit_code(&self) -> &Word32 {
        &self.exit_code
    }

    /// The parent-death signal that stands with this thread.
    pub(crate) const fn own_wish(&self) -> &Field<Option<Signal>> {
        &self.death_signal
    }

    pub(crate) const fn vfork_parent(&self) -> &Edge<Self> {
        &self.vfork_parent
    }

    pub(crate) const fn vfork_child(&self) -> &Edge<Self> {
        &self.vfork_child
    }

    pub(crate) const fn vfork_word(&self) -> &Word32 {
        &self.in_vfork
    }

    /// The part in ptrace that stands with this thread.
    pub(crate) const fn own_trace(&self) -> &StrongEdge<Trace<H>> {
        &self.trace
    }

    /// A strong reference; `None` before it has joined its process, and while the last one is being dropped.
    pub(crate) fn upgrade(&self, hold: &Hold<'_, H>) -> Option<Arc<Self>> {
        self.myself.get(hold).upgrade()
    }

    /// Lets strong references be taken from now on, by whoever finds it in its process.
    pub(crate) fn know_itself(self: &Arc<Self>, hold: &mut Hold<'_, H>) {
        *self.myself.get_mut(hold) = Arc::downgrade(self);
    }
}

/// A thread that has not exited, or not to its end because a hook has panicked, leaves its process now: the list must not outlive it.
impl<H: Host> Drop for Thread<H> {
    fn drop(&mut self) {
        if matches!(self.state(), ThreadState::Live | ThreadState::Exiting) {
            unlink(|| self.abandon());
        }
    }
}

impl<H: Host> fmt::Debug for Thread<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thread({}, process={})", self.tid(), self.process.pid())
    }
}
