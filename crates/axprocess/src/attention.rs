//! What a thread has to attend to before it goes back to user space: one word, read without the lock.

use crate::Host;
use crate::sync::Hold;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::thread::{Thread, ThreadMark};

bitflags::bitflags! {
    /// What wants a thread's attention; empty: nothing.
    ///
    /// | bit | who sets it, in its hold, before the hook | which call answers it; what clears it | Linux |
    /// | --- | --- | --- | --- |
    /// | [`EXIT`](Attention::EXIT) | a group exit, another thread's exec or core dump: [`Host::request_exit`] | [`Thread::exit_thread`], [`Thread::begin_exit`]; nothing | `SIGKILL` in the thread's queue |
    /// | [`STOP`](Attention::STOP) | a group stop: [`Host::request_stop`]; `PTRACE_INTERRUPT`, and for who was seized a `SIGCONT`: the same; a tracer that has come or gone: [`Host::tracing_changed`]; a fork into a stop, or by a tracee that was seized | [`Thread::join_stop`]; that | `JOBCTL_PENDING_MASK` |
    /// | [`STOPPED`](Attention::STOPPED) | the thread itself, as it stops with its group | [`Thread::notify_parent_if_continued`], when the thread is not stopped any more; that | `SIGNAL_CLD_CONTINUED`, as `get_signal` looks at it |
    /// | [`HOST`](Attention::HOST) | the kernel, by [`Thread::add_attention`] | what the kernel has, for which a thread that sleeps is to look; [`Thread::remove_attention`] | `TIF_SIGPENDING`, `TIF_NOTIFY_SIGNAL` |
    ///
    /// A bit may be set for something that is over by now, as a stop that `SIGCONT` has ended: the call finds that out. It is never clear while something is wanted, but for threads that a walk over very many
    /// has not come to: those have not been asked either.
    ///
    /// A kernel looks at [`Thread::attention`] each time before it returns to user space, and in each sleep that may be interrupted. This is the whole loop, on the methods of a kernel with a `sleep_while` that looks
    /// at its condition again whenever a [hook](Host) has kicked the thread:
    ///
    /// ```
    /// # use axprocess::{ExitStatus, Host, Relations};
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
    /// # type Thread = axprocess::Thread<MyKernel>;
    /// # fn sleep_while(_: &Thread, _: impl Fn() -> bool) {}
    /// # fn deliver_signals(_: &Thread) {}
    /// use axprocess::Attention;
    ///
    /// /// Of the kernel's own bits: a signal waits in a queue.
    /// const SIGNAL: Attention = Attention::HOST_0;
    ///
    /// /// What is left to do before `thread` runs in user space. False: it has exited.
    /// fn prepare_return(thread: &Thread) -> bool {
    ///     loop {
    ///         let wanted = thread.attention();
    ///         if wanted.is_empty() {
    ///             return true;
    ///         } else if wanted.contains(Attention::EXIT) {
    ///             thread.exit_thread(ExitStatus::exited(0)); // with exit events, or core dumps of others: in steps, from `begin_exit` on
    ///             return false;
    ///         } else if wanted.contains(Attention::STOPPED) {
    ///             thread.notify_parent_if_continued();
    ///         } else if wanted.contains(Attention::STOP) {
    ///             thread.join_stop();
    ///             sleep_while(thread, || thread.is_stopped());
    ///         } else {
    ///             thread.remove_attention(SIGNAL);
    ///             deliver_signals(thread); // first a tracee: `trace_stop`, and sleep; then a stop signal: `begin_stop`; a fatal one: `begin_group_exit`, or `begin_core_dump`
    ///         }
    ///     }
    /// }
    /// # let table = axprocess::ProcessTable::new(MyKernel);
    /// # let init = table.new_init(1, (), ())?;
    /// # let thread = init.fork(axprocess::ForkRequest::default(), (), ())?;
    /// # thread.add_attention(SIGNAL);
    /// # assert!(prepare_return(&thread));
    /// # thread.process().begin_group_exit(ExitStatus::exited(1));
    /// # assert!(!prepare_return(&thread));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Attention: u32 {
        /// It has to exit: [`Thread::exit_thread`] or [`Thread::begin_exit`], with status 0. Nothing takes that back. Every sleep that `SIGKILL` can end looks for this bit.
        const EXIT = 1 << 0;
        /// It has to stop, or to look where: [`Thread::join_stop`].
        const STOP = 1 << 1;
        /// It has stopped with its process: it sleeps while [`Thread::is_stopped`], then [`Thread::notify_parent_if_continued`].
        const STOPPED = 1 << 2;
        /// The first of the eight bits that are the kernel's own.
        const HOST_0 = 1 << 24;
        /// All bits that are the kernel's own: what they mean, and which of its calls clears them, it knows.
        const HOST = 0xff << 24;
    }
}

/// The word itself.
pub(crate) struct AttentionWord(AtomicU32);

impl AttentionWord {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn get(&self) -> Attention {
        Attention::from_bits_truncate(self.0.load(Ordering::Relaxed))
    }

    /// Whoever acts on what it announces takes a lock, this crate's or the kernel's: the order comes from there.
    fn add(&self, wanted: Attention) {
        self.0.fetch_or(wanted.bits(), Ordering::Relaxed);
    }

    fn remove(&self, answered: Attention) {
        self.0.fetch_and(!answered.bits(), Ordering::Relaxed);
    }
}

impl<H: Host> Thread<H> {
    /// Returns what wants this thread's attention. Wait-free: one load.
    ///
    /// To be asked by the thread itself, each time before it returns to user space, with interrupts off or the like, so that what comes behind this look finds it on its way in again; and
    /// in the condition of each of its sleeps. It is set before the hook that has the kernel kick the thread: whoever is woken or interrupted by that finds it.
    #[inline]
    pub fn attention(&self) -> Attention {
        self.attention_word().get()
    }

    /// Sets bits of the kernel's own; others are left as they are. Wait-free. The kernel kicks the thread after that.
    pub fn add_attention(&self, wanted: Attention) {
        self.attention_word().add(wanted & Attention::HOST);
    }

    /// Clears bits of the kernel's own; others are left as they are. Wait-free. To be called before what they announce is looked for: what comes meanwhile sets them again.
    pub fn remove_attention(&self, answered: Attention) {
        self.attention_word().remove(answered & Attention::HOST);
    }

    /// Returns whether this thread has to sleep: in a group stop, or, if it is traced, in a ptrace-stop. Wait-free.
    ///
    /// The condition of the sleep behind [`join_stop`](Self::join_stop) and [`trace_stop`](Self::trace_stop). What makes it false is followed by a wake-up: a `SIGCONT` by
    /// [`Host::discard_signals`], the tracer's request by what [`resume_tracee`](Self::resume_tracee) returns, or, for who listens, [`Host::request_stop`], a tracer that comes or goes by [`Host::tracing_changed`], the end by [`Host::request_exit`]. Linux:
    /// `task_is_stopped_or_traced`.
    pub fn is_stopped(&self) -> bool {
        // Who is killed has left its ptrace-stop by that; the one of its exit event comes after.
        if self.has_mark(ThreadMark::Traced) {
            return self.has_mark(ThreadMark::InPtraceStop);
        }
        // Who has lost its tracer in a stop before a signal goes on with that first; then it joins the stop again.
        let has_to_look = self.attention().intersects(Attention::EXIT | Attention::STOP);
        let exits = self.has_mark(ThreadMark::ExitBegun);
        !exits && !has_to_look && self.process().is_round_of_stop(self.last_stop_round().get())
    }

    /// Sets bits of the model's own: before the hook that tells of them.
    pub(crate) fn call_attention(&self, _: &mut Hold<'_, H>, wanted: Attention) {
        self.attention_word().add(wanted);
    }

    /// Clears bits of the model's own: the call that they name has been made.
    pub(crate) fn answer_attention(&self, _: &mut Hold<'_, H>, answered: Attention) {
        if self.attention().intersects(answered) {
            self.attention_word().remove(answered);
        }
    }
}
