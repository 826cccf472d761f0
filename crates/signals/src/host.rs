//! The layer is the host of the model: what the model asks of a kernel it answers itself, or hands on.

use core::num::NonZeroUsize;

use axprocess::{
    ChildNews, ChildSignalFlags, DiscardedSignals, Errno, ForcedAction, Host, PidNamespace,
    ProcessState, Signal, SignalAction, SignalInfo, View,
};

use crate::dispositions::Sharer;
use crate::info::SigInfo;
use crate::kernel::Kernel;
use crate::pool::Pool;
use crate::reserve::Reserve;
use crate::send::{Promised, Target, is_told};
use crate::state::{ProcessSignals, ThreadSignals};
use crate::{Process, Terminal, Thread, signals_of};

/// The host of a table whose processes have their signals here: `ProcessTable::new(Signals::new(MyKernel))`.
pub struct Signals<K: Kernel> {
    kernel: K,
    pool: Pool<K>,
    pub(crate) promised: Promised,
    reserve: Reserve<K>,
}

impl<K: Kernel> Signals<K> {
    /// Makes one around a kernel.
    pub fn new(kernel: K) -> Self {
        Self {
            kernel,
            pool: Pool::new(K::MOST_QUEUED),
            promised: Promised::new(),
            reserve: Reserve::new(),
        }
    }

    /// Returns the kernel.
    pub const fn kernel(&self) -> &K {
        &self.kernel
    }

    /// Sees to it that 64 signals more can wait with their siginfo, and one for each process, up to [`MOST_QUEUED`](Kernel::MOST_QUEUED). Takes a lock and allocates where there are too few places; else it is one load.
    ///
    /// [`Caller::fork`](crate::Caller::fork) and [`Caller::new_thread`](crate::Caller::new_thread) do it by themselves. What sends is axprocess's, and makes no places: so the kernel does it before each call that may send, as at each return to user space, with no lock held. Without a
    /// place a signal waits without its siginfo, and rt_sigqueueinfo(2) is `EAGAIN`, whatever `RLIMIT_SIGPENDING` is.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess::GivenInfo;
    /// use axprocess_signals::SignalSet;
    /// # let (_table, init) = boot();
    /// signals_of(&init).rt_sigprocmask(0, 8, || Ok(Some(SignalSet::ALL)))?;
    /// for value in 0..1000 {
    ///     init.host().refill();
    ///     init.rt_sigqueueinfo(1, GivenInfo { value, ..GivenInfo::new(40, -1) })?;
    /// }
    /// let first = signals_of(&init).read_signalfd(SignalSet::ALL);
    /// assert_eq!(first.map(|info| info.value()), Some(0));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn refill(&self) {
        self.pool().refill();
    }

    pub(crate) const fn pool(&self) -> &Pool<K> {
        &self.pool
    }

    pub(crate) const fn reserve(&self) -> &Reserve<K> {
        &self.reserve
    }

    /// Whether a thread does not block all that waits for it, of which it is told now.
    #[cold]
    fn look_for_signals(&self, thread: &Thread<K>) -> bool {
        let held = thread.process().host_data().lock();
        let caller = signals_of(thread);
        caller.recalculate(&held);
        let (own, shared) = caller.pending();
        !((own | shared) & !caller.blocked()).is_empty()
    }

    #[cold]
    fn ignore_children(&self, process: &Process<K>) {
        let (signals, signal) = (process.host_data(), Signal::SIGCHLD);
        let mut held = signals.lock();
        let left = signals.force_action(&mut held, &self.reserve, signal, |it| it.ignore(signal));
        drop(held);
        self.reserve.take_back(left);
    }
}

impl<K: Kernel> Host for Signals<K> {
    type Lock = K::RelationLock;
    type ProcessData = ProcessSignals<K>;
    type ThreadData = ThreadSignals<K>;
    type GroupData = K::GroupData;
    type SessionData = K::SessionData;
    type NamespaceData = K::NamespaceData;
    type TerminalData = K::TerminalData;
    type Usage = K::Usage;

    const KEEPS_BLOCKS: bool = K::KEEPS_BLOCKS;

    fn context(&self) -> Option<NonZeroUsize> {
        self.kernel.context()
    }

    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &Process<K>,
        info: &SignalInfo,
        sender: Option<&Process<K>>,
    ) {
        self.post(view, target, Target::Process(None), info, sender);
    }

    fn post_signal_addressed(
        &self,
        view: View<'_, Self>,
        target: &Process<K>,
        addressed: &Thread<K>,
        info: &SignalInfo,
        sender: Option<&Process<K>>,
    ) {
        self.post(view, target, Target::Process(Some(addressed)), info, sender);
    }

    fn post_thread_signal(
        &self,
        view: View<'_, Self>,
        target: &Thread<K>,
        info: &SignalInfo,
        sender: Option<&Process<K>>,
    ) {
        self.post(view, target.process(), Target::Thread(target), info, sender);
    }

    fn can_queue_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<K>,
        info: &SignalInfo,
    ) -> Result<(), Errno> {
        match !SigInfo::must_be_kept(info) || self.promise_place(target) {
            true => Ok(()),
            false => Err(Errno::EAGAIN),
        }
    }

    fn discard_signals(
        &self,
        view: View<'_, Self>,
        target: &Process<K>,
        discarded: DiscardedSignals,
    ) {
        self.discard(view, target, discarded);
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<K>,
        signal: Signal,
    ) -> SignalAction {
        target.host_data().short_action(signal)
    }

    fn deciding_signal(&self, _: View<'_, Self>, target: &Process<K>) {
        target.host_data().begin_decision();
    }

    fn signal_decided(&self, _: View<'_, Self>, target: &Process<K>) {
        target.host_data().end_decision();
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<K>) -> ChildSignalFlags {
        ChildSignalFlags::from_bits_truncate(parent.host_data().child_flags().bits())
    }

    fn drops_sigchld(&self, _: View<'_, Self>, parent: &Process<K>) -> bool {
        parent.host_data().drops_sigchld()
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, thread: &Thread<K>, signal: Signal) -> bool {
        let own = thread.host_data();
        (own.blocked.get() | own.awaited()).contains(signal)
    }

    fn is_signal_awaited(&self, _: View<'_, Self>, thread: &Thread<K>, signal: Signal) -> bool {
        let own = thread.host_data();
        own.awaited().contains(signal) && !own.blocked.get().contains(signal)
    }

    fn is_taken_at_once(
        &self,
        view: View<'_, Self>,
        process: &Process<K>,
        addressed: &Thread<K>,
        signal: Signal,
    ) -> Option<bool> {
        let held = process.host_data().lock();
        let taker = self.find_taker(view, &held, process, Some(addressed), signal);
        Some(taker.is_some_and(|taker| !taker.host_data().awaited().contains(signal)))
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        target: &Process<K>,
        thread: Option<&Thread<K>>,
        signal: Signal,
    ) -> bool {
        let queue = match thread {
            Some(thread) => &thread.host_data().queue,
            None => &target.host_data().queue,
        };
        queue.pending().contains(signal)
    }

    fn is_told_of_signal(&self, _: View<'_, Self>, thread: &Thread<K>) -> bool {
        is_told(thread) && !self.kernel.is_running(thread)
    }

    fn reset_signal_action(
        &self,
        _: View<'_, Self>,
        thread: &Thread<K>,
        signal: Signal,
        action: ForcedAction,
    ) {
        let signals = thread.process().host_data();
        let mut held = signals.lock();
        let force = |own: &Sharer<K>| own.force_default(signal, action);
        let left = signals.force_action(&mut held, &self.reserve, signal, force);
        let own = thread.host_data();
        own.blocked.set(own.blocked.get().without(signal));
        // It may wait already: then nobody is told when it is sent.
        signals_of(thread).recalculate(&held);
        drop(held);
        self.reserve.take_back(left);
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.kick(thread);
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.kick(thread);
    }

    fn tracing_changed(&self, _: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.kick(thread);
    }

    fn wake_exec(&self, _: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.wake_exec(thread);
    }

    fn wake_exit(&self, _: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.wake_exit(thread);
    }

    fn wake_core_dump(&self, view: View<'_, Self>, process: &Process<K>) {
        crate::send::for_each_thread(view, process, |thread| self.kernel.kick(thread));
    }

    fn end_vfork(&self, _: View<'_, Self>, parent: &Thread<K>) {
        self.kernel.kick(parent);
    }

    fn may_signal(
        &self,
        view: View<'_, Self>,
        sender: &Process<K>,
        target: &Process<K>,
        signal: Option<Signal>,
    ) -> bool {
        self.kernel.may_signal(view, sender, target, signal)
    }

    fn may_choose_number(
        &self,
        view: View<'_, Self>,
        caller: &Thread<K>,
        pid_ns: &PidNamespace<Self>,
    ) -> bool {
        self.kernel.may_choose_number(view, caller, pid_ns)
    }

    fn may_trace(&self, view: View<'_, Self>, tracer: &Thread<K>, target: &Thread<K>) -> bool {
        self.kernel.may_trace(view, tracer, target)
    }

    /// The init of a namespace, other than the table's, ignores `SIGCHLD` from here on, and with it who shares its dispositions. Linux: `zap_pid_ns_processes`.
    fn last_thread_exited(&self, view: View<'_, Self>, process: &Process<K>) {
        if process.pid() == 1 {
            self.ignore_children(process);
        }
        self.kernel.last_thread_exited(view, process);
    }

    fn wake_waiters(&self, view: View<'_, Self>, parent: &Process<K>, news: &ChildNews) {
        self.kernel.wake_waiters(view, parent, news);
    }

    fn wake_pollers(&self, view: View<'_, Self>, process: &Process<K>) {
        self.kernel.wake_pollers(view, process);
    }

    fn wake_thread_pollers(&self, view: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.wake_thread_pollers(view, thread);
    }

    /// Any signal counts that waits, whoever was told of it: the fork is [made again](crate::Restart::Always) behind it. Linux: `copy_process`, where it looks at `signal_pending`.
    fn is_fatal_signal_pending(&self, _: View<'_, Self>, caller: &Thread<K>) -> bool {
        let pending =
            caller.host_data().queue.pending() | caller.process().host_data().queue.pending();
        !pending.is_empty() && self.look_for_signals(caller)
    }

    fn can_fork(
        &self,
        view: View<'_, Self>,
        caller: Option<&Thread<K>>,
        child: &Thread<K>,
    ) -> Result<(), Errno> {
        if !child.host_data().leads() {
            return self.kernel.can_fork(view, caller, child);
        }
        let is_granted =
            self.reserve.grant() || self.reserve.grant_of(caller.map(|caller| caller.host_data()));
        if !is_granted {
            return Err(Errno::ENOMEM);
        }
        let answer = self.kernel.can_fork(view, caller, child);
        let own = child.process().host_data();
        if answer.is_err() {
            self.reserve.end_grant();
        } else if own.has_dispositions()
            && let Some(caller) = caller
        {
            own.inherit(caller.process().host_data(), &self.reserve);
        }
        answer
    }

    fn release_task(&self, view: View<'_, Self>, thread: &Thread<K>) {
        self.kernel.release_task(view, thread);
        let (own, process) = (thread.host_data(), thread.process());
        let signals = process.host_data();
        let has_signals = !(own.queue.pending() | signals.queue.pending()).is_empty();
        let is_plain = own.leads_alone() && !has_signals && !signals.has_dispositions();
        if is_plain && process.state() != ProcessState::Live {
            self.reserve.end_grant();
        } else {
            self.release(view, process, thread);
        }
    }

    fn hang_up_terminal(&self, view: View<'_, Self>, terminal: &Terminal<K>) {
        self.kernel.hang_up_terminal(view, terminal);
    }

    fn usage(&self, view: View<'_, Self>, process: &Process<K>) -> K::Usage {
        self.kernel.usage(view, process)
    }
}
