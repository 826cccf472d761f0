//! What a kernel supplies: one trait, one type parameter.

use core::num::NonZeroUsize;

use crate::{
    ChildNews, DiscardedSignals, Errno, ForcedAction, Identity, Lock, PidNamespace, Process,
    ProcessGroup, Relations, Session, Signal, SignalInfo, Terminal, Thread, View,
};

/// The kernel (or runtime, or simulator) that embeds the process model.
///
/// A kernel names its types once: `type Process = axprocess::Process<MyKernel>`.
///
/// # Hooks
///
/// All methods have default bodies, each of which says what it does and what goes wrong without it: together they are a kernel in which signals are lost, nobody is woken and everything is allowed. What a small kernel needs at least:
///
/// | it has | hooks |
/// | --- | --- |
/// | fork, exit and wait | [`wake_waiters`](Self::wake_waiters), [`request_exit`](Self::request_exit) |
/// | signals | [`post_signal`](Self::post_signal), [`post_thread_signal`](Self::post_thread_signal), [`signal_action`](Self::signal_action), [`is_signal_queued`](Self::is_signal_queued), with masks [`is_signal_blocked`](Self::is_signal_blocked), with users [`may_signal`](Self::may_signal); faults: [`reset_signal_action`](Self::reset_signal_action); `RLIMIT_SIGPENDING`: [`can_queue_signal`](Self::can_queue_signal); sigtimedwait: [`is_signal_awaited`](Self::is_signal_awaited); a choice of its own among threads: [`is_taken_at_once`](Self::is_taken_at_once); threads beside one another that change masks: [`deciding_signal`](Self::deciding_signal), [`signal_decided`](Self::signal_decided); a short way: [`drops_sigchld`](Self::drops_sigchld) |
/// | stops and job control | [`discard_signals`](Self::discard_signals), [`request_stop`](Self::request_stop) |
/// | vfork; pidfds; threads that exec; core dumps | [`end_vfork`](Self::end_vfork); [`wake_pollers`](Self::wake_pollers); [`wake_exec`](Self::wake_exec); [`wake_core_dump`](Self::wake_core_dump) |
/// | ptrace | those of signals, stops and wait; [`tracing_changed`](Self::tracing_changed), [`may_trace`](Self::may_trace) |
///
/// The repository's `crates/axprocess/examples/smallest_kernel` is that, down to the row of stops.
///
/// They are called **under the relation lock**, in the order in which Linux does the same things,
/// because a signal delivered later would let `wait` return before the signal is there. A hook may take leaf
/// locks (a run queue's, a signal queue's), but must not sleep, and must not call what takes the relation lock: that is held, the call would
/// dead-lock (see [`context`](Self::context)).
///
/// What a hook wants to know of the relations it asks the [`View`] that it is given, which costs no lock and counts no reference. It shows them as they stand at this point of the operation:
/// what the method says has been done is there, what comes after it is not, and nothing changes until the hook returns.
///
/// It may keep and drop references: an object whose last one goes there is freed after the unlock.
///
/// **A panic that leaves a hook ends the program**: half an operation is worse than none. It cannot be caught.
///
/// From every object there is a way to the host, which takes no lock: [`Process::host`], [`Thread::host`] and so on, and [`View::host`].
///
/// ```
/// use axprocess::{Host, Relations};
///
/// struct MyKernel;
///
/// impl Host for MyKernel {
///     type Lock = std::sync::Mutex<Relations<Self>>;
///     type ProcessData = String;
///     type ThreadData = ();
///     type GroupData = ();
///     type SessionData = ();
///     type NamespaceData = ();
///     type TerminalData = ();
///     type Usage = ();
/// }
/// ```
///
/// # Limits and cgroups
///
/// Two hooks bracket the life of each thread: [`can_fork`](Self::can_fork), which may refuse it, and [`release_task`](Self::release_task). What is charged in the one and given back in the other is
/// never charged twice and never lost, whichever way the thread goes. A cgroup with a limit of tasks, `pids.max`:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use axprocess::{Errno, ExitStatus, ForkRequest, Host, ProcessTable, Relations, Thread, View};
///
/// struct Cgroup {
///     tasks: AtomicU32,
///     max: u32,
/// }
///
/// struct MyKernel;
///
/// impl Host for MyKernel {
///     type Lock = std::sync::Mutex<Relations<Self>>;
///     type ProcessData = ();
///     type ThreadData = Arc<Cgroup>; // a kernel in which threads move has it under a leaf lock
///     type GroupData = ();
///     type SessionData = ();
///     type NamespaceData = ();
///     type TerminalData = ();
///     type Usage = ();
///
///     fn can_fork(
///         &self,
///         _: View<'_, Self>,
///         _caller: Option<&Thread<Self>>,
///         child: &Thread<Self>,
///     ) -> Result<(), Errno> {
///         let cgroup = child.host_data();
///         let charge = |tasks| (tasks < cgroup.max).then_some(tasks + 1);
///         let charged = cgroup.tasks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charge);
///         charged.map(drop).map_err(|_| Errno::EAGAIN)
///     }
///
///     fn release_task(&self, _: View<'_, Self>, thread: &Thread<Self>) {
///         thread.host_data().tasks.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
///
/// let cgroup = Arc::new(Cgroup { tasks: AtomicU32::new(0), max: 2 });
/// let fork = |parent: &Thread<MyKernel>| parent.fork(ForkRequest::default(), (), cgroup.clone());
/// let table = ProcessTable::new(MyKernel);
/// let init = table.new_init(1, (), cgroup.clone())?;
/// let child = fork(&init)?;
/// assert_eq!(fork(&init).err(), Some(Errno::EAGAIN));
///
/// child.exit_thread(ExitStatus::exited(0));
/// assert_eq!(fork(&init).err(), Some(Errno::EAGAIN)); // a zombie counts, as on Linux
/// child.process().release_zombie();
/// assert_eq!(fork(&init)?.tid(), 5);
/// # Ok::<(), axprocess::Errno>(())
/// ```
pub trait Host: Sized + Send + Sync + 'static {
    /// The relation lock: any mutual-exclusion lock.
    type Lock: Lock<Relations<Self>> + Send + Sync;

    /// What the kernel hangs on a process; stands inline in it. Never dropped under the relation lock.
    type ProcessData: Send + Sync + 'static;

    /// What the kernel hangs on a thread; stands inline in it. Never dropped under the relation lock.
    type ThreadData: Send + Sync + 'static;

    /// What the kernel hangs on a process group; stands inline in it. Made before the lock is taken, never dropped under it.
    type GroupData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a session; all else is as for [`GroupData`](Self::GroupData).
    type SessionData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a PID namespace, the table's own included; all else is as for [`GroupData`](Self::GroupData).
    type NamespaceData: Default + Send + Sync + 'static;

    /// What the kernel hangs on a terminal, given to [`ProcessTable::new_terminal`](crate::ProcessTable::new_terminal); stands inline in it. Never dropped under the relation lock.
    type TerminalData: Send + Sync + 'static;

    /// What a process has used of the machine; `()` if the kernel does not count.
    type Usage: ResourceUsage;

    /// Whether a table keeps the blocks of processes and threads that were freed, 128 of each at most, for the next ones. So it can, for a while, hold that much more memory than its objects
    /// need, and data of the kernel that is large makes it more. Under Miri and the sanitizers of rustc none is kept, so that they see a use after free.
    const KEEPS_BLOCKS: bool = true;

    /// Returns who runs, as a number: the thread; or the processor, in a kernel that preempts no thread in its own code. (It is asked for before the lock, and then in the hook: a thread that is moved in between would be taken for another one, and another one for it.)
    ///
    /// A hook that calls back into the crate panics by this, and so ends the program, where otherwise it would wait for itself for ever. `None`, and
    /// `usize::MAX`: the host cannot tell, and nothing is noticed.
    fn context(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Queues a signal for a process as a whole.
    ///
    /// `sender` is the process whose number `info` says, for what else a `siginfo_t` says of it (`si_uid`, `si_utime`, `si_stime`): who has sent the signal, the child that has news, the parent that dies.
    /// `None`: the kernel has sent it.
    ///
    /// What the process ignores does not come here, as far as the host answers [`signal_action`](Self::signal_action). If
    /// the process ends by the signal, [`request_exit`](Self::request_exit) follows for each of its threads.
    ///
    /// Default: the signal is lost. What ends a process by itself does so all the same; nothing else acts, and no thread is interrupted.
    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        let _ = (view, target, info, sender);
    }

    /// Queues a signal for a process as a whole, like [`post_signal`](Self::post_signal), which it calls unless the kernel says otherwise.
    ///
    /// Any thread may take it. Linux asks `addressed` first: the thread that kill(2) named, whose child has news, that wished for a parent-death
    /// signal, else the leader. It shows which thread's sleep the signal interrupts. Not called if that thread is a leader that has exited.
    fn post_signal_addressed(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        addressed: &Thread<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        let _ = addressed;
        self.post_signal(view, target, info, sender);
    }

    /// Queues a signal for one thread; all else is as for [`post_signal`](Self::post_signal).
    ///
    /// Default: the signal is lost.
    fn post_thread_signal(
        &self,
        view: View<'_, Self>,
        target: &Thread<Self>,
        info: &SignalInfo,
        sender: Option<&Process<Self>>,
    ) {
        let _ = (view, target, info, sender);
    }

    /// Whether there is a place for a real-time signal, which is about to be posted: asked right before, in the same hold. With `Err` it is not, and nothing comes of it; tkill(2), tgkill(2), rt_sigqueueinfo(2) and their like
    /// fail with that errno, Linux's `EAGAIN`. `RLIMIT_SIGPENDING`. kill(2) is refused nothing on Linux: what has no place for its siginfo is posted without. R-SIG-22.
    ///
    /// Default: there is.
    fn can_queue_signal(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
    ) -> Result<(), Errno> {
        let _ = (view, target, info);
        Ok(())
    }

    /// Removes waiting signals from all queues of a process, because a signal is being sent that makes them void, whether
    /// or not that is queued itself; with [`DiscardedSignals::Stops`], also wakes the threads that sleep in a stop, and kicks those that run, as tracees may. R-STOP-01, R-STOP-02.
    ///
    /// Default: nothing, so that who was stopped sleeps on behind `SIGCONT`, and a stop signal that it has made void stops its receiver later.
    fn discard_signals(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        discard: DiscardedSignals,
    ) {
        let _ = (view, target, discard);
    }

    /// What `target` does about a signal at this moment: its handlers, as sigaction(2) set them.
    ///
    /// Not asked of `SIGKILL` and `SIGSTOP`, nor of a kernel thread, on which no signal acts. A host that always answers [`SignalAction::Handle`] gets every signal posted, and
    /// decides itself what to ignore and what ends the process, but for `SIGCHLD`: who ignores that has children that vanish when they end. A traced process is no exception: what its tracer sees first the model posts, whatever is said here.
    ///
    /// Default: [`Handle`](SignalAction::Handle), so that no signal ends anybody.
    fn signal_action(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        let _ = (view, target, signal);
        SignalAction::Handle
    }

    /// The model begins to decide what becomes of a signal for `target`: by several answers of the host ([`signal_action`](Self::signal_action), [`child_signal_flags`](Self::child_signal_flags) where a parent is notified, [`is_signal_blocked`](Self::is_signal_blocked), [`is_told_of_signal`](Self::is_told_of_signal) and so on), and
    /// posts it by what they were. [`signal_decided`](Self::signal_decided) follows in the same hold.
    ///
    /// For a host whose threads change actions and masks without the relation lock: one that lets none change meanwhile has answers of one moment.
    ///
    /// Default: nothing. A host that answers from what it changes at any time decides now and then by what never was so together.
    fn deciding_signal(&self, view: View<'_, Self>, target: &Process<Self>) {
        let _ = (view, target);
    }

    /// What becomes of a signal for `target` is decided: it is dropped, or posted, or acts at once. From here on answers may change.
    ///
    /// Default: nothing, as of [`deciding_signal`](Self::deciding_signal): a host has both or none.
    fn signal_decided(&self, view: View<'_, Self>, target: &Process<Self>) {
        let _ = (view, target);
    }

    /// Whether `thread` blocks a signal. Not asked of `SIGKILL` and `SIGSTOP`. A leader that has exited keeps the mask that it had.
    ///
    /// Default: it blocks none, so that a signal ends a process that has blocked it.
    fn is_signal_blocked(
        &self,
        view: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
    ) -> bool {
        let _ = (view, thread, signal);
        false
    }

    /// Whether `thread` sleeps in sigtimedwait(2) for a signal that it [blocks](Self::is_signal_blocked) otherwise: then it takes it, and a signal that would end the process does not.
    ///
    /// Asked of the thread that is addressed, and of others in their order until one would take the signal.
    ///
    /// Default: none does, so that who waits for a signal is ended by it if another thread does not block it.
    fn is_signal_awaited(
        &self,
        view: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
    ) -> bool {
        let _ = (view, thread, signal);
        false
    }

    /// Whether a thread of `process` would take this signal at once, and the process ends by it; asked if it is for the process as a whole, with the thread that is addressed. `None`: the host has no answer of its own, and one thread after the other is
    /// [asked](Self::is_signal_blocked).
    ///
    /// A host that chooses by itself whom it tells of a signal answers as it is going to choose, and no if who would take it [awaits](Self::is_signal_awaited) it. Linux: `complete_signal`, which asks the addressed thread first, then from `curr_target` on. R-EXIT-10, R-SIG-60.
    ///
    /// Default: `None`. Of a process of very many threads some are asked after the unlock then.
    fn is_taken_at_once(
        &self,
        view: View<'_, Self>,
        process: &Process<Self>,
        addressed: &Thread<Self>,
        signal: Signal,
    ) -> Option<bool> {
        let _ = (view, process, addressed, signal);
        None
    }

    /// Whether a signal waits in the queue of a process, or in that of one thread of it, already. Standard signals wait once: sending another then does
    /// nothing more, and ends nobody. R-EXIT-10.
    ///
    /// Asked of standard signals; and of any that ends a process of very many threads, while these are asked in further holds who could take it: as long as it waits, it was not taken meanwhile.
    ///
    /// Default: none waits. So a process is not ended by a signal that the first 64 threads block until a thread takes it from the queue.
    fn is_signal_queued(
        &self,
        view: View<'_, Self>,
        target: &Process<Self>,
        thread: Option<&Thread<Self>>,
        signal: Signal,
    ) -> bool {
        let _ = (view, target, thread, signal);
        false
    }

    /// Whether `thread` has been told of a signal, and has not come to look: it is not running now. Not asked for `SIGKILL`.
    ///
    /// On Linux such a thread takes no other signal meanwhile: what would end its process is decided when it looks, the lowest number
    /// first. R-EXIT-10, R-VFORK-02.
    ///
    /// Default: it has not. So of two signals that end a process the one that was sent first does, not the one with the lower number.
    fn is_told_of_signal(&self, view: View<'_, Self>, thread: &Thread<Self>) -> bool {
        let _ = (view, thread);
        false
    }

    /// Gives `signal` its default action in the process of `thread`, and takes it from the thread's mask: it is [forced](Thread::force_signal) on the thread, which blocks or ignores it, or `action` wants no handler to
    /// run. With [`ForcedAction::Final`] it stays so: sigaction(2) changes it no more (`EINVAL`), and a tracer is not shown it. Not called for `SIGKILL` and `SIGSTOP`.
    ///
    /// Default: nothing, so that a thread with a fault that it blocks or ignores has it again and again.
    fn reset_signal_action(
        &self,
        view: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
        action: ForcedAction,
    ) {
        let _ = (view, thread, signal, action);
    }

    /// Makes a thread call [`Thread::exit_thread`], or [`Thread::begin_exit`], soon: the exit of its process is decided, or another thread is in exec. Ends every sleep that `SIGKILL`
    /// can end, in a stop and in vfork included. One that exits already has it look whether it [is parked](crate::PendingExit::is_parked) any more; one that dumps core, whether that
    /// [is cut](crate::PendingCoreDump::is_cut). R-EXIT-10, R-EXIT-12, R-EXIT-21, R-EXEC-12.
    ///
    /// Default: nothing, so that who is killed runs on. The status to pass there is 0: it does not count where that of the process is decided, and is Linux's where an exec ends the thread (R-EXIT-19).
    fn request_exit(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Whether the credentials of `sender` allow it to send `signal` to `target`; `None`: to ask whether it could.
    ///
    /// Not asked where credentials do not count: of a process about itself, and of `SIGCONT` within a session (R-KILL-05).
    ///
    /// Default: yes, to all. A kernel with users has to say otherwise: this is all that keeps them apart.
    fn may_signal(
        &self,
        view: View<'_, Self>,
        sender: &Process<Self>,
        target: &Process<Self>,
        signal: Option<Signal>,
    ) -> bool {
        let _ = (view, sender, target, signal);
        true
    }

    /// Whether `caller` may choose numbers in `pid_ns`: it has `CAP_CHECKPOINT_RESTORE` or `CAP_SYS_ADMIN` in the user namespace that owns it.
    ///
    /// Asked for each number of [`Number::Each`](crate::Number::Each), after it is found to be possible and before it is found to be taken (R-PID-11).
    ///
    /// Default: yes: whoever can call clone3(2) takes any number that is free.
    fn may_choose_number(
        &self,
        view: View<'_, Self>,
        caller: &Thread<Self>,
        pid_ns: &PidNamespace<Self>,
    ) -> bool {
        let _ = (view, caller, pid_ns);
        true
    }

    /// Whether the credentials of `tracer` allow it to trace `target`; for `PTRACE_TRACEME`, the other way round, whether the parent may be the tracer.
    ///
    /// Default: yes, all: whoever traces a process is that process.
    fn may_trace(
        &self,
        view: View<'_, Self>,
        tracer: &Thread<Self>,
        target: &Thread<Self>,
    ) -> bool {
        let _ = (view, tracer, target);
        true
    }

    /// Wakes a thread that sleeps in a ptrace-stop and has lost its tracer, or in a group stop and has got one. It looks where it has to stop now:
    /// for its tracer, with its group, or nowhere: [`Thread::join_stop`].
    ///
    /// Default: nothing, so that a tracee that is let go in a stop sleeps for ever. A kernel without ptrace(2) leaves it out.
    fn tracing_changed(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Wakes a thread that sleeps because [`PendingExec::try_finish`](crate::PendingExec::try_finish) has said that others are left: now none is. That it is to die meanwhile it is told by
    /// [`request_exit`](Self::request_exit).
    ///
    /// Default: nothing, so that an exec in steps sleeps for ever. A kernel that execs in one call ([`Thread::exec`]) leaves it out.
    fn wake_exec(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Wakes a thread that sleeps because [`PendingExit::try_finish`](crate::PendingExit::try_finish) has said that others are left in its namespace: now none is.
    ///
    /// Default: nothing, so that the last thread of a namespace's init sleeps for ever. Who exits in one call ([`Thread::exit_thread`]) sleeps for nobody, and leaves it out.
    fn wake_exit(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Makes a thread look for signals soon, and there call [`Thread::join_stop`]: a group stop waits for it, or its tracer does. It is woken from any sleep that a signal interrupts, and from a stop if it
    /// [is stopped](Thread::is_stopped) no more.
    ///
    /// Default: nothing, so that a process of several threads is never stopped: the stop waits for those that run on.
    fn request_stop(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Wakes the thread of `process` that sleeps because [`PendingCoreDump::is_ready`](crate::PendingCoreDump::is_ready) was false: now it is true.
    ///
    /// Default: nothing, so that a core dump in a process of several threads sleeps for ever. A kernel that writes no cores leaves it out.
    fn wake_core_dump(&self, view: View<'_, Self>, process: &Process<Self>) {
        let _ = (view, process);
    }

    /// Wakes a thread that sleeps because [`Thread::is_waiting_for_vfork`], which is false by now: its child has exec'd or exited.
    ///
    /// Default: nothing, so that who waits in vfork(2) sleeps for ever.
    fn end_vfork(&self, view: View<'_, Self>, parent: &Thread<Self>) {
        let _ = (view, parent);
    }

    /// The last thread of `process` has begun to exit: from here on no thread runs in it, and none joins. Its children are still its own, and it is no
    /// zombie yet: the place to count down what lives as long as a process runs. Called once in the life of a process; never for the table's init
    /// and for kthreadd, which do not end.
    ///
    /// Default: nothing; no other hook makes up for that, and none needs it.
    fn last_thread_exited(&self, view: View<'_, Self>, process: &Process<Self>) {
        let _ = (view, process);
    }

    /// Wakes the threads of `parent` that sleep in `wait`, because a child has something to report, or is gone; or because a tracee has or is: then `parent` is the tracer's process.
    ///
    /// Linux wakes only those with a [`WaitToken`](crate::WaitToken) that [is woken](crate::WaitToken::is_woken_by) by the news; to wake more does
    /// little harm, because each looks again (R-WAIT-09).
    ///
    /// Default: nothing, so that who sleeps in wait4(2) or waitid(2) sleeps for ever. Futures are woken without it.
    fn wake_waiters(&self, view: View<'_, Self>, parent: &Process<Self>, news: &ChildNews) {
        let _ = (view, parent, news);
    }

    /// Wakes whoever polls a handle of this process, or of its leader thread: what it [polls](crate::PidHandle::poll) has changed.
    ///
    /// Called when the process becomes a zombie, before its parent is told, and when it is reaped (R-PIDFD-02). It may be called
    /// when nothing is new, as after the move to a new parent.
    ///
    /// Default: nothing, so that poll(2) of a pidfd sleeps for ever. A kernel without pidfds leaves it out.
    fn wake_pollers(&self, view: View<'_, Self>, process: &Process<Self>) {
        let _ = (view, process);
    }

    /// Wakes whoever polls a handle of this thread, which does not lead: it is dead, and waits for its tracer, or its number has ended (R-PIDFD-03, R-EXEC-05).
    ///
    /// Default: nothing; as for [`wake_pollers`](Self::wake_pollers), with the pidfds of threads.
    fn wake_thread_pollers(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// The flags with which sigaction(2) has set what `parent` does about `SIGCHLD`. Whether it ignores that, which has its children vanish as well, [`signal_action`](Self::signal_action) says.
    ///
    /// Default: none, so that children stay zombies until they are waited for, and every stop is told of.
    fn child_signal_flags(&self, view: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        let _ = (view, parent);
        ChildSignalFlags::empty()
    }

    /// Whether nothing comes of a `SIGCHLD` for `parent`, as one look tells: it has the default action, without flags, and no thread of the process blocks it or awaits it. Where the answer is "yes", the model asks nothing more about it:
    /// neither [`signal_action`](Self::signal_action) nor [`child_signal_flags`](Self::child_signal_flags), and [`deciding_signal`](Self::deciding_signal) is not called. Most parents are so, at most ends of children.
    ///
    /// Default: no, so that all the questions are asked.
    fn drops_sigchld(&self, view: View<'_, Self>, parent: &Process<Self>) -> bool {
        let _ = (view, parent);
        false
    }

    /// Whether `caller` is about to die of a signal: then it can create nothing more.
    ///
    /// A host that answers "yes" for every signal that waits for the caller's process, and restarts the fork after the signal is
    /// handled, has no child that a signal to the group misses (R-CLONE-14).
    ///
    /// Default: no, so that who is being killed can still create a child, which a signal to the group has missed.
    fn is_fatal_signal_pending(&self, view: View<'_, Self>, caller: &Thread<Self>) -> bool {
        let _ = (view, caller);
        false
    }

    /// Whether `child`, which `caller` makes, may be: the last question of a birth, which nothing but this answer can refuse any more. `Ok` is the birth, so that what is charged here is never taken back before
    /// [`release_task`](Self::release_task). With `Err` the call fails with that errno, and nothing remains but the cursor of the next number (R-CLONE-23).
    ///
    /// `child` is a new thread of the caller's process, or the leader of a new process: [`View::is_leader`] tells. It has its numbers, the kernel's data of it, and a new process its parent, its group, its session and its
    /// namespace, for the view to be asked; but it is not visible yet: no number finds it, and it stands in no list, neither of children nor of members nor of threads. Its state is [`Embryo`](crate::ProcessState::Embryo). A reference
    /// to a child that was refused is that to one that has ended and is reaped.
    ///
    /// `caller`: the thread that forks; of [`Process::fork_child`] the leader of that process, which may have ended and be released by then; `None`: the child is a root of the table, of
    /// [`ProcessTable::new_init`](crate::ProcessTable::new_init) or [`ProcessTable::new_kthreadd`](crate::ProcessTable::new_kthreadd).
    ///
    /// The place for what Linux does in `copy_process` under its locks or just ahead of them: `cgroup_can_fork` and `cgroup_post_fork`, `copy_seccomp`; and to count for `RLIMIT_NPROC`. (That limit itself Linux looks at much
    /// earlier, R-CLONE-14: a kernel does so before it calls, or here as well.)
    ///
    /// Default: it may. So there is no limit, and what a child is to have from its maker as of this very moment, like the filters of seccomp(2), it has as of the call.
    fn can_fork(
        &self,
        view: View<'_, Self>,
        caller: Option<&Thread<Self>>,
        child: &Thread<Self>,
    ) -> Result<(), Errno> {
        let _ = (view, caller, child);
        Ok(())
    }

    /// `thread` leaves all relations that it has: Linux's `release_task`. Called once for each thread that [`can_fork`](Self::can_fork) has allowed, whether it runs, is stopped or traced, execs, or ends with its namespace:
    ///
    /// | thread | when |
    /// | --- | --- |
    /// | the leader, and the process with it | the process is reaped, or autoreaped, or [released](Process::release_zombie) |
    /// | another | it exits; if it is traced, its tracer reaps it or lets it go |
    /// | another, amid the exec of its process | the same; [`Thread::exec`] releases it |
    /// | the leader, in the exec of another thread | that takes the process over (R-EXEC-02) |
    /// | any, when the table is dropped | it is taken apart: whatever lives is released without an exit |
    ///
    /// It comes first of what is done then: the thread still has its number, and a process its parent, its group, its session and its namespace, for the view to be asked. A leader has left the list of threads long before, at its exit.
    ///
    /// The place for `cgroup_release`, and for the end of what counts for `RLIMIT_NPROC`.
    ///
    /// Default: nothing, so that what was charged at births is never given back: a limit is reached by those that are long gone.
    fn release_task(&self, view: View<'_, Self>, thread: &Thread<Self>) {
        let _ = (view, thread);
    }

    /// Makes every open file of `terminal` dead, because the leader of its session has exited. Not called for pseudo-terminals,
    /// whose files stay good (R-TTYEXIT-06).
    ///
    /// Default: nothing, so that programs go on reading and writing a terminal whose session is gone. A kernel that has pseudo-terminals alone leaves it out.
    fn hang_up_terminal(&self, view: View<'_, Self>, terminal: &Terminal<Self>) {
        let _ = (view, terminal);
    }

    /// What all threads of `process`, dead ones included, have used; not what its children have.
    ///
    /// Default: nothing at all, [`Default::default`], so that getrusage(2) of the children is all zeros.
    fn usage(&self, view: View<'_, Self>, process: &Process<Self>) -> Self::Usage {
        let _ = (view, process);
        Self::Usage::default()
    }
}

macro_rules! way_to_host {
    ($($type:ident: |$object:ident| $table:expr;)+) => {$(
        impl<H: Host> $type<H> {
            /// Returns the host of the table. Takes no lock.
            ///
            /// Whoever holds an object of a table holds the host too: also when the table itself has been dropped it is there, and goes with the last object.
            #[inline]
            pub fn host(&self) -> &H {
                let $object = self;
                $table.host()
            }
        }
    )+};
}

way_to_host! {
    Process: |process| process.table();
    Thread: |thread| thread.process().table();
    ProcessGroup: |group| group.table();
    Session: |session| session.table();
    PidNamespace: |pid_ns| pid_ns.table();
    Terminal: |terminal| terminal.table();
    Identity: |identity| identity.table();
}

/// What a process does about a signal.
///
/// Source: sigaction(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignalAction {
    /// `SIG_DFL`: what [`Signal::default_action`] says.
    Default,
    /// `SIG_IGN`.
    Ignore,
    /// It runs a handler.
    Handle,
}

bitflags::bitflags! {
    /// The flags of sigaction(2) that count for `SIGCHLD` alone, with Linux's values: of its word, [`from_bits_truncate`](Self::from_bits_truncate) takes those.
    ///
    /// Source: sigaction(2), R-NOTIFY-03, R-NOTIFY-04, R-NOTIFY-11.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct ChildSignalFlags: u32 {
        /// `SA_NOCLDSTOP`: no signal when a child stops or continues.
        const NO_STOP = 1;
        /// `SA_NOCLDWAIT`: the signal is sent, and children that end vanish at once.
        const NO_WAIT = 2;
    }
}

/// An amount of CPU time or of other resources, which can be added up.
pub trait ResourceUsage: Copy + Default + Send + Sync + 'static {
    /// Adds `other` to this amount. Maximum resident set sizes are combined by maximum, all else by sum (R-RUSAGE-05).
    fn add(&mut self, other: Self);
}

impl ResourceUsage for () {
    fn add(&mut self, (): Self) {}
}
