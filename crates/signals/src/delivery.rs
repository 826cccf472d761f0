//! What a thread has to do before it goes back to user space: Linux's `get_signal`.
//!
//! | here | Linux |
//! | --- | --- |
//! | [`Caller::get_signal`] | `get_signal` |
//! | [`Delivery::Traced`], [`Caller::resume_from_tracer`] | `ptrace_signal` |
//! | [`Caller::enter_handler`] | `signal_setup_done`, `signal_delivered` |
//! | [`Restart`] | `ERESTARTSYS` and its like, `handle_signal`, `arch_do_signal_or_restart` |

use axprocess::{
    Attention, DefaultAction, Errno, ExitStatus, ForcedAction, KernelCause, Signal, SignalCause,
    SignalInfo, StopDecision, StopTicket, ThreadStop,
};

use crate::Caller;
use crate::action::{Action, ActionFlags, Handler};
use crate::info::SigInfo;
use crate::kernel::Kernel;
use crate::send::Target;
use crate::set::SignalSet;

/// What a thread has to do next. Behind all but [`Return`](Delivery::Return) and [`Exit`](Delivery::Exit) it asks again.
#[derive(Debug)]
pub enum Delivery {
    /// Nothing more: it runs in user space. If no handler runs, a call that was interrupted is [made again or ended](Restart::without_handler); the mask that comes back with its end may open signals, for which the thread is wanted then.
    Return,
    /// A handler runs: [`Caller::enter_handler`] writes its frame.
    Handle(Frame),
    /// It sleeps while it [is stopped](axprocess::Thread::is_stopped). In a kernel with ptrace(2) it asks once more behind that, though nothing wants its attention: a stop that has begun meanwhile is joined there (R-PTRACE-08, R-PTRACE-10).
    Stop,
    /// Its tracer sees a signal first: [`Thread::trace_stop`](axprocess::Thread::trace_stop) with its number, a sleep while the thread is stopped, then [`Caller::resume_from_tracer`]. A kernel without ptrace(2) never gets it. `SIGKILL` and what is [fatal for good](axprocess::ForcedAction::Final) are not shown.
    Traced(TracedSignal),
    /// The signal ends the process: [`Process::begin_group_exit`](axprocess::Process::begin_group_exit), with [`ExitStatus::killed`]; or, where its default action says so and the kernel leaves cores,
    /// [`Thread::begin_core_dump`](axprocess::Thread::begin_core_dump).
    Fatal(Signal),
    /// It exits: [`Caller::exit_thread`] with this status.
    Exit(ExitStatus),
}

/// A handler that is to run.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The signal, and what its siginfo says.
    pub info: SigInfo,
    /// What sigaction(2) has set: where the handler is, its flags, its restorer.
    pub action: Action,
    /// The mask that comes back when the handler returns: it goes into the frame, and from there to [`Caller::rt_sigreturn`].
    pub saved_mask: SignalSet,
}

/// A signal that a tracer sees before it is delivered.
#[derive(Clone, Copy, Debug)]
pub struct TracedSignal {
    /// The signal, and what its siginfo says; the tracer may change that.
    pub info: SigInfo,
    is_shared: bool,
    ticket: StopTicket,
}

/// How a call that a signal has interrupted goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// It is made again, unless a handler without `SA_RESTART` runs: `ERESTARTSYS`. Most calls: read, wait4, a lock's.
    UnlessHandlerSaysNo,
    /// It is made again, whatever runs: `ERESTARTNOINTR`. fork, and what must not be seen to fail.
    Always,
    /// It is made again, unless a handler runs: `ERESTARTNOHAND`. pause, sigsuspend, pselect, ppoll.
    UnlessHandled,
    /// As the last, but made again it waits for the rest of its time: `ERESTART_RESTARTBLOCK`. nanosleep, poll, futex with a timeout.
    RestOfTime,
    /// It is `EINTR`, whatever runs, also behind a stop. sigtimedwait, epoll_wait, semop.
    Never,
}

impl Restart {
    /// Whether the call is made again when this handler runs; else it is `EINTR`. R-SIG-42, R-SIG-43, R-SIG-46.
    pub fn with_handler(self, frame: &Frame) -> bool {
        match self {
            Self::Always => true,
            Self::UnlessHandlerSaysNo => frame.action.flags.contains(ActionFlags::RESTART),
            Self::UnlessHandled | Self::RestOfTime | Self::Never => false,
        }
    }

    /// Whether it is made again when none runs; else it is `EINTR`. R-SIG-44, R-SIG-45.
    pub const fn without_handler(self) -> bool {
        !matches!(self, Self::Never)
    }
}

/// What has come of a signal.
enum Acted {
    /// The thread has to do this.
    Delivers(Delivery),
    /// Nothing more.
    GoesOn,
    /// Nothing, and there may be news of a continuation.
    LooksAgain,
}

impl<K: Kernel> Caller<'_, K> {
    /// Returns what the thread has to do next before it runs in user space. If its [attention word](axprocess::Thread::attention) is zero, that is [`Delivery::Return`], and need not be asked. Takes the lock of the process's
    /// signals, and the relation lock where something else than a handler comes of it, or somebody is sending to the process.
    ///
    /// Who is to exit does so, then who is to stop stops; then signals: faults first, then the lowest number, the thread's before the process's. What is ignored is dropped here. R-SIG-17 to R-SIG-19, R-SIG-35, R-SIG-36.
    ///
    /// Bits of the attention word that are the kernel's own it clears itself, before it asks: here nothing answers them.
    ///
    /// This is the whole loop:
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// # struct Registers { restart: Option<Restart>, pushed: usize }
    /// # impl Registers {
    /// #     fn push(&mut self, _: &Frame) -> Result<(), Errno> { self.pushed += 1; Ok(()) }
    /// #     fn make_call_again(&mut self) {}
    /// #     fn end_call_with_eintr(&mut self) {}
    /// # }
    /// # fn sleep_while(_: &Thread, _: impl Fn() -> bool) {}
    /// use axprocess::{Errno, ExitStatus};
    /// use axprocess_signals::{Delivery, Frame, Restart};
    ///
    /// impl Registers {
    ///     /// The call that was interrupted, if one was, is made again, or it is `EINTR`: that is decided once.
    ///     fn end_call(&mut self, is_made_again: impl FnOnce(Restart) -> bool) {
    ///         match self.restart.take().map(is_made_again) {
    ///             Some(true) => self.make_call_again(),
    ///             Some(false) => self.end_call_with_eintr(),
    ///             None => {}
    ///         }
    ///     }
    /// }
    ///
    /// /// What is left to do before `thread` runs in user space. False: it has exited.
    /// fn return_to_user(thread: &Thread, registers: &mut Registers) -> bool {
    ///     let signals = signals_of(thread);
    ///     while !thread.attention().is_empty() {
    ///         match signals.get_signal() {
    ///             Delivery::Return => registers.end_call(Restart::without_handler),
    ///             Delivery::Handle(frame) => {
    ///                 registers.end_call(|restart| restart.with_handler(&frame));
    ///                 signals.enter_handler(&frame, |frame| registers.push(frame));
    ///             }
    ///             Delivery::Stop => sleep_while(thread, || thread.is_stopped()),
    ///             Delivery::Fatal(signal) => {
    ///                 thread.process().begin_group_exit(ExitStatus::killed(signal));
    ///             }
    ///             Delivery::Exit(status) => {
    ///                 signals.exit_thread(status);
    ///                 return false;
    ///             }
    ///             Delivery::Traced(_) => unreachable!("there is no ptrace"),
    ///         }
    ///     }
    ///     registers.end_call(Restart::without_handler);
    ///     true
    /// }
    /// # use axprocess_signals::{Action, Handler};
    /// # let (_table, init) = boot();
    /// # let handled = Action { handler: Handler::from_raw(0x4000), ..Action::default() };
    /// # signals_of(&init).rt_sigaction(15, 8, || Ok(Some(handled)))?;
    /// # init.kill(1, 15)?;
    /// # let mut registers = Registers { restart: None, pushed: 0 };
    /// # assert!(return_to_user(&init, &mut registers));
    /// # assert_eq!(registers.pushed, 1);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn get_signal(self) -> Delivery {
        self.next_delivery(true)
    }

    /// `looks_for_continuation`: as at the label `relock` of `get_signal`, not behind each signal.
    fn next_delivery(self, mut looks_for_continuation: bool) -> Delivery {
        let thread = self.thread();
        loop {
            let wanted = thread.attention();
            if core::mem::take(&mut looks_for_continuation) && wanted.contains(Attention::STOPPED) {
                thread.notify_parent_if_continued();
            }
            if wanted.contains(Attention::EXIT) {
                self.forget_own_kill();
                return Delivery::Exit(self.exit_status());
            }
            let joins =
                || wanted.contains(Attention::STOP) && thread.join_stop() != ThreadStop::RunsOn;
            if thread.is_stopped() || joins() {
                return Delivery::Stop;
            }
            let ticket = thread.process().stop_ticket();
            let Some((info, is_shared, action)) = self.take_next() else {
                // What that opens is delivered behind the end of the call, which is decided before.
                self.restore_mask();
                return Delivery::Return;
            };
            let taken = TracedSignal { info, is_shared, ticket };
            let Some(action) = action else { return Delivery::Traced(taken) };
            match self.act(&taken, action) {
                Acted::Delivers(delivery) => return delivery,
                Acted::GoesOn => {}
                Acted::LooksAgain => looks_for_continuation = true,
            }
        }
    }

    /// Returns what the thread has to do next behind a signal that its tracer has seen, and for which it has answered with a number, or none. If that is another, it says that the tracer has sent it. Takes the lock of the process's signals, and
    /// the relation lock. R-SIG-94 to R-SIG-96.
    pub fn resume_from_tracer(self, traced: TracedSignal, answer: Option<Signal>) -> Delivery {
        match answer.map(|signal| self.act_as_tracer_says(traced, signal)) {
            Some(Acted::Delivers(delivery)) => delivery,
            Some(Acted::LooksAgain) => self.next_delivery(true),
            Some(Acted::GoesOn) | None => self.next_delivery(false),
        }
    }

    fn act_as_tracer_says(self, mut taken: TracedSignal, signal: Signal) -> Acted {
        let thread = self.thread();
        if signal != taken.info.signal() {
            taken.info = self.info_of_tracer(signal);
        }
        let exits = thread.attention().contains(Attention::EXIT);
        if !self.own().blocked.get().contains(signal) && !exits {
            let action = self.take_handler(signal);
            return self.act(&taken, action);
        }
        // Who dies in another thread's exec leaves it to that one.
        if !thread.process().is_group_exiting() {
            self.put_back(&taken);
        }
        Acted::GoesOn
    }

    /// Runs a handler: `push` writes its frame, behind which the mask is the handler's, and an alternate stack that disarms itself is there no more. Where it cannot, the thread gets `SIGSEGV`. Takes the lock of the process's signals. R-SIG-37 to R-SIG-41, R-SIG-70, R-SIG-77.
    pub fn enter_handler(self, frame: &Frame, push: impl FnOnce(&Frame) -> Result<(), Errno>) {
        let signal = frame.info.signal();
        if push(frame).is_err() {
            let action = match signal {
                Signal::SIGSEGV => ForcedAction::Default,
                _ => ForcedAction::AsSet,
            };
            self.thread().force_signal(Signal::SIGSEGV, KernelCause::Kernel, action);
            return;
        }
        self.own().set_restores_mask(false);
        let mut blocked = self.blocked() | frame.action.mask;
        if !frame.action.flags.contains(ActionFlags::NODEFER) {
            blocked = blocked.with(signal);
        }
        self.set_blocked(blocked.blockable());
        self.own().alt_stack.note_handler();
    }

    /// A `SIGKILL` for the thread alone has done what it does.
    fn forget_own_kill(self) {
        if self.own().queue.pending().contains(Signal::SIGKILL) {
            let _held = self.process().lock();
            self.host().discard_from(&self.own().queue, SignalSet::from(Signal::SIGKILL));
        }
    }

    /// The rest of a process ends by what was decided for all; in an exec nothing was.
    fn exit_status(self) -> ExitStatus {
        let process = self.thread().process();
        if process.is_group_exiting() { process.exit_status() } else { ExitStatus::exited(0) }
    }

    /// Takes what is delivered next; tells whether it was the process's, and what is done about it, as of that moment: of what its tracer is shown first nothing. Linux: `dequeue_synchronous_signal`, `dequeue_signal`, and what `get_signal` does under the same
    /// `siglock`.
    fn take_next(self) -> Option<(SigInfo, bool, Option<Action>)> {
        let (host, open) = (self.host(), !self.own().blocked.get());
        let (own, shared) = (&self.own().queue, &self.process().queue);
        let mut left = None;
        let taken = self.change_actions(|held| {
            let taken = if ((own.pending() | shared.pending()) & open).is_empty() {
                None
            } else {
                host.pool().with(|slab| {
                    let uncharge = |account| host.uncharge(account);
                    let of_own = own.take_fault(slab, open);
                    let of_own = of_own.or_else(|| own.take(slab, open, uncharge));
                    let of_own = of_own.map(|taken| (taken, false));
                    of_own.or_else(|| shared.take(slab, open, uncharge).map(|it| (it, true)))
                })
            };
            self.recalculate(held);
            let ((info, account), is_shared) = taken?;
            let signal = info.signal();
            let is_shown = self.thread().is_traced()
                && signal != Signal::SIGKILL
                && !self.process().is_final(held, signal);
            let look = || self.process().take_handler(held, host.reserve(), &mut left, signal);
            Some(((info, is_shared, (!is_shown).then(look)), account))
        });
        host.reserve().take_back(left);
        let (taken, account) = taken?;
        if let Some(account) = account {
            host.uncharge(account);
        }
        Some(taken)
    }

    /// What is done about a signal that its tracer has seen.
    fn take_handler(self, signal: Signal) -> Action {
        let (process, reserve, mut left) = (self.process(), self.host().reserve(), None);
        let action =
            self.change_actions(|held| process.take_handler(held, reserve, &mut left, signal));
        reserve.take_back(left);
        action
    }

    /// What a taken signal does, about which this is done.
    fn act(self, taken: &TracedSignal, action: Action) -> Acted {
        let thread = self.thread();
        let signal = taken.info.signal();
        match action.handler {
            Handler::Ignore => return Acted::GoesOn,
            Handler::At(_) => {
                let saved_mask = self.mask_to_save();
                let frame = Frame { info: taken.info, action, saved_mask };
                return Acted::Delivers(Delivery::Handle(frame));
            }
            Handler::Default => {}
        }
        let default = signal.default_action();
        if default == DefaultAction::Ignore || thread.process().is_protected_from(signal) {
            return Acted::GoesOn;
        }
        if default != DefaultAction::Stop {
            return Acted::Delivers(Delivery::Fatal(signal));
        }
        match thread.begin_stop(signal, taken.ticket) {
            StopDecision::Discard => Acted::LooksAgain,
            _ => Acted::GoesOn,
        }
    }

    /// What a signal says that its tracer has put in the place of another. Linux: `ptrace_signal`. R-SIG-94.
    fn info_of_tracer(self, signal: Signal) -> SigInfo {
        let (thread, process) = (self.thread(), self.thread().process());
        thread.read(|view| {
            let tracer = view.tracer(thread).or_else(|| view.parent_thread(process));
            let (pid, uid) = tracer.map_or((0, 0), |tracer| {
                let pid = view.tid(tracer, view.namespace(process));
                (pid, self.host().kernel().uid(tracer.process(), process))
            });
            let info = SignalInfo { signal, cause: SignalCause::User { pid } };
            SigInfo { info, uid, overrun: 0 }
        })
    }

    /// Puts a signal back from where it was taken.
    fn put_back(self, taken: &TracedSignal) {
        let (thread, host) = (self.thread(), self.host());
        let process = thread.process();
        let discarded = process.note_signal_sent(taken.info.signal());
        let target = match taken.is_shared {
            true => Target::Process(Some(thread)),
            false => Target::Thread(thread),
        };
        process.read(|view| {
            host.discard(view, process, discarded);
            host.post_info(view, process, target, &taken.info);
        });
    }
}
