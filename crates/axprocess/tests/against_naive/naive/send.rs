//! What is decided when a signal is sent, before anybody takes it from a queue.

use axprocess::{DiscardedSignals, ExitStatus, ForcedAction, Signal, SignalAction, SignalCause};

use super::{Hook, INIT, Life, PidKey, ProcessKey, Stop, ThreadKey, World};

/// Whom the kernel sends a signal by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KernelTarget {
    Process,
    /// The same, through this thread, which is asked first.
    ProcessByThread,
    Thread,
    /// The members of the caller's group that have the caller's user.
    Group,
}

/// What it says then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told<I> {
    Kernel,
    Process(I),
    Event(i32),
    /// SI_MESGQ.
    Message(I),
}

/// Who may take a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Any thread of the process that the addressed one belongs to.
    Process,
    /// The addressed thread alone.
    Thread,
}

/// What a signal does to a process that does nothing about it; see signal(7).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Stop,
    End,
    EndWithCore,
}

const fn effect_of(signal: Signal) -> Effect {
    match signal.number() {
        // SIGCHLD, SIGCONT, SIGURG, SIGWINCH
        17 | 18 | 23 | 28 => Effect::Nothing,
        // SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU
        19..=22 => Effect::Stop,
        // SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS
        3..=8 | 11 | 24 | 25 | 31 => Effect::EndWithCore,
        _ => Effect::End,
    }
}

/// SIGKILL and SIGSTOP.
fn is_forcible(signal: Signal) -> bool {
    signal == Signal::SIGKILL || signal == Signal::SIGSTOP
}

/// R-STOP-01.
pub(super) fn discarded_by(signal: Signal) -> DiscardedSignals {
    match signal {
        Signal::SIGCONT => DiscardedSignals::Stops,
        _ if effect_of(signal) == Effect::Stop => DiscardedSignals::Continue,
        _ => DiscardedSignals::Nothing,
    }
}

impl World {
    /// The kernel's own signals, to a process.
    pub(super) fn send(&mut self, target: ProcessKey, signal: Signal, cause: SignalCause) {
        let leader = self.leader(target).expect("the leader stays");
        self.send_to(leader, Scope::Process, signal, cause);
    }

    /// The kernel's own signals, to every member, the one that joined last first.
    pub(super) fn send_to_group(&mut self, group: PidKey, signal: Signal) {
        for member in self.members(group).into_iter().rev() {
            self.send(member, signal, SignalCause::Kernel);
        }
    }

    /// A signal to a thread, or to the whole process under the number of that thread.
    pub(super) fn send_to(
        &mut self,
        thread: ThreadKey,
        scope: Scope,
        signal: Signal,
        cause: SignalCause,
    ) {
        let process = self.process_of(thread);
        // R-KTHREAD-03.
        if self[process].kernel_thread {
            return;
        }
        // R-EXIT-12, R-STOP-12, R-KILL-06: the sender has succeeded, and that is all.
        let cuts_dump = signal == Signal::SIGKILL
            && self.is_dumping_core(process)
            && self[process].life == Life::Alive;
        if !self.takes_signals(process) && !cuts_dump {
            return;
        }
        // R-KILL-08: to a leader that has exited alone, it does nothing at all.
        if matches!(scope, Scope::Thread) && !self[thread].alive {
            return;
        }
        // R-STOP-01, R-STOP-02: whatever becomes of the signal itself.
        self.note_sent(process, signal);
        match discarded_by(signal) {
            DiscardedSignals::Nothing => {}
            what => self.hooks.push(Hook::Discard { from: process, what }),
        }
        // R-KILL-10, R-NS-12.
        // R-PTRACE-09: its tracer is to see it.
        let is_shown = signal != Signal::SIGKILL && self.is_traced(thread);
        let is_ignored = self.ignores(process, signal, cause);
        if is_ignored && !is_shown && !self.blocks(thread, signal) {
            return;
        }
        match scope {
            Scope::Process => {
                let cause = self.as_shown(cause);
                self.hooks.push(Hook::Signal { to: process, signal, cause });
            }
            Scope::Thread => self.hooks.push(Hook::ThreadSignal { to: thread, signal, cause }),
        }
        // R-EXIT-08 to R-EXIT-11.
        let acts =
            !is_ignored && !is_shown && self.action(process, signal) == SignalAction::Default;
        let takers = match scope {
            Scope::Process => self.threads_of(process),
            Scope::Thread => vec![thread],
        };
        let is_taken = takers.into_iter().any(|taker| self.can_take(taker, signal));
        if acts && effect_of(signal) == Effect::End && is_taken {
            match cuts_dump {
                true => self.cut_core_dump(process),
                false => _ = self.decide_exit(process, ExitStatus::killed(signal)),
            }
        }
    }

    /// R-KILL-13.
    pub(crate) fn kernel_sends(
        &mut self,
        caller: ThreadKey,
        to: KernelTarget,
        signal: Signal,
        cause: Told<usize>,
    ) {
        self.is_sender_hidden = false;
        let process = self.process_of(caller);
        let receivers = match to {
            KernelTarget::Thread | KernelTarget::ProcessByThread => {
                let cause = self.told_to(process, cause);
                let scope = if to == KernelTarget::Thread { Scope::Thread } else { Scope::Process };
                return self.send_to(caller, scope, signal, cause);
            }
            KernelTarget::Process => vec![process],
            KernelTarget::Group => self.members(self[process].group),
        };
        let user = self[process].user;
        for receiver in
            receivers.into_iter().rev().filter(|it| self[*it].user == user).collect::<Vec<_>>()
        {
            let cause = self.told_to(receiver, cause);
            self.send(receiver, signal, cause);
        }
    }

    fn told_to(&self, receiver: ProcessKey, told: Told<usize>) -> SignalCause {
        let seen = |by| self.number_seen_by(ProcessKey(by), receiver);
        match told {
            Told::Kernel => SignalCause::Kernel,
            Told::Process(by) => SignalCause::User { pid: seen(by) },
            Told::Event(code) => SignalCause::Event { pid: 0, code, value: 8, number: 0 },
            Told::Message(by) => {
                SignalCause::Event { pid: seen(by), code: -3, value: 8, number: 0 }
            }
        }
    }

    /// R-KILL-14.
    pub(crate) fn force(&mut self, thread: ThreadKey, signal: Signal, action: ForcedAction) {
        let process = self.process_of(thread);
        let is_evaded =
            self.action(process, signal) == SignalAction::Ignore || self.blocks(thread, signal);
        if self[thread].alive {
            if (is_evaded || action != ForcedAction::AsSet) && !is_forcible(signal) {
                self[thread].blocked.remove(&signal);
                self.set_action(process, signal, SignalAction::Default);
                if signal == Signal::SIGCHLD {
                    self[process].treatment.remove(super::ChildSignalAction::IGNORE);
                }
            }
            let is_default = self.action(process, signal) == SignalAction::Default;
            let is_seen_by_tracer = self.is_traced(thread) && action != ForcedAction::Final;
            self[process].exposed |= self.is_init(process) && is_default && !is_seen_by_tracer;
        }
        let cause = SignalCause::Event { pid: 0, code: 1, value: 8, number: 0 };
        self.send_to(thread, Scope::Thread, signal, cause);
    }

    /// R-EXIT-21.
    fn cut_core_dump(&mut self, process: ProcessKey) {
        self[process].code = ExitStatus::killed(Signal::SIGKILL);
        for thread in self.living_threads_of(process) {
            self.hooks.push(Hook::ExitRequest { of: thread });
        }
    }

    /// R-KILL-07: what the siginfo of a kill says.
    fn as_shown(&self, cause: SignalCause) -> SignalCause {
        match cause {
            SignalCause::User { .. } if self.is_sender_hidden => SignalCause::User { pid: 0 },
            _ => cause,
        }
    }

    /// Whether a signal is nothing to a process as it is now. R-KILL-10, R-NS-10, R-NS-11.
    fn ignores(&self, process: ProcessKey, signal: Signal, cause: SignalCause) -> bool {
        match self.action(process, signal) {
            SignalAction::Ignore => true,
            SignalAction::Handle => false,
            SignalAction::Default => {
                // To the first init there is no outside; the kernel itself is outside of all other namespaces.
                let is_forced = is_forcible(signal) && process != INIT && comes_from_outside(cause);
                effect_of(signal) == Effect::Nothing || (self.is_shielded(process) && !is_forced)
            }
        }
    }

    /// R-NOTIFY-04: how SIGCHLD is treated says whether it is ignored.
    pub(super) fn action(&self, process: ProcessKey, signal: Signal) -> SignalAction {
        let ignores_children = self[process].treatment.contains(super::ChildSignalAction::IGNORE);
        match self[process].actions.get(&signal) {
            _ if is_forcible(signal) => SignalAction::Default,
            _ if signal == Signal::SIGCHLD && ignores_children => SignalAction::Ignore,
            action => action.copied().unwrap_or(SignalAction::Default),
        }
    }

    /// A leader that has exited too.
    fn blocks(&self, thread: ThreadKey, signal: Signal) -> bool {
        !is_forcible(signal) && self[thread].blocked.contains(&signal)
    }

    /// R-EXIT-10, R-STOP-08.
    fn can_take(&self, thread: ThreadKey, signal: Signal) -> bool {
        let sleeps = match self.is_traced(thread) {
            true => self.is_in_ptrace_stop(thread),
            false => self[thread].stopped || self[self.process_of(thread)].stop == Stop::Stopped,
        };
        self[thread].alive && !self.blocks(thread, signal) && (signal == Signal::SIGKILL || !sleeps)
    }

    /// R-EXIT-06, R-EXIT-12, R-EXIT-13: the first decision counts. Whether it was this one.
    pub(super) fn decide_exit(&mut self, process: ProcessKey, status: ExitStatus) -> bool {
        if !self.takes_signals(process) {
            return false;
        }
        self[process].group_exit = true;
        self[process].code = status;
        self.end_stop_silently(process);
        for thread in self.living_threads_of(process) {
            self.end_ptrace_stop(thread);
            self.hooks.push(Hook::ExitRequest { of: thread });
        }
        true
    }
}

/// R-NS-11: the receiver cannot see the sender, or there is none.
fn comes_from_outside(cause: SignalCause) -> bool {
    match cause {
        SignalCause::User { pid }
        | SignalCause::Thread { pid }
        | SignalCause::ParentDeath { pid } => pid == 0,
        SignalCause::Given { is_from_outside, .. } => is_from_outside,
        // SI_MESGQ always has a sender.
        SignalCause::Event { pid, code, .. } => code == 0x80 || (code == -3 && pid == 0),
        cause => cause == SignalCause::Kernel,
    }
}
