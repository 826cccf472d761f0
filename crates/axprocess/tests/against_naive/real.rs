//! The crate's side: a kernel that writes down what it is told, and makes the calls of a script.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use axprocess::{
    ARef, ChildNews, ChildSignalFlags, Cursor, DiscardedSignals, Errno, ExitSignal, ExitStatus,
    ForcedAction, ForkRequest, GivenInfo, Host, KernelCause, Number, PendingCoreDump, PendingExec,
    PendingExit, PidNamespace, Process, ProcessState, ProcessTable, Relations, Signal,
    SignalAction, SignalInfo, StopTicket, Terminal, TerminalKind, Thread, ThreadExit, TraceOptions,
    View, WaitOptions, WaitOutcome, WaitRequest, WaitToken,
};

use crate::call::{Call, Deed};
use crate::naive::send::{KernelTarget, Told};
use crate::naive::{
    ChildSignalAction, HANDLED_AT_BOOT, Hook, ProcessKey, SpaceKey, TerminalKey, ThreadKey,
};
use crate::pair::Answer;

#[derive(Default)]
pub(crate) struct Kernel {
    hooks: Mutex<Vec<Hook>>,
    /// How many more times each thread was born than released.
    births: Mutex<BTreeMap<ThreadKey, i32>>,
    /// The next one is refused.
    refuses: AtomicBool,
    /// Who waits, in which process, for what.
    sleepers: Mutex<BTreeMap<ThreadKey, (ProcessKey, WaitToken)>>,
}

/// What the kernel knows of a process.
pub(crate) struct ProcessData {
    pub(crate) key: ProcessKey,
    treatment: AtomicU8,
    /// What it does about other signals than SIGCHLD, where that is not the default action.
    actions: Mutex<BTreeMap<Signal, SignalAction>>,
    user: AtomicU8,
}

/// What the kernel knows of a thread.
pub(crate) struct ThreadData {
    pub(crate) key: ThreadKey,
    blocked: Mutex<BTreeSet<Signal>>,
}

impl ThreadData {
    /// That of one created by another.
    fn inherited(key: ThreadKey, from: &Self) -> Self {
        let blocked = from.blocked.lock().unwrap().clone();
        Self { key, blocked: Mutex::new(blocked) }
    }
}

impl ProcessData {
    /// A child's, which begins as its parent is.
    fn inherited(key: ProcessKey, from: &Self) -> Self {
        let copy = |value: &AtomicU8| AtomicU8::new(value.load(Relaxed));
        let (treatment, user) = (copy(&from.treatment), copy(&from.user));
        let actions = Mutex::new(from.actions.lock().unwrap().clone());
        Self { key, treatment, actions, user }
    }

    fn sigchld_action(&self) -> ChildSignalAction {
        ChildSignalAction::from_bits_retain(self.treatment.load(Relaxed))
    }

    /// What is left of it after an exec (R-EXEC-07).
    fn enter_program(&self) {
        self.treatment.fetch_and(ChildSignalAction::IGNORE.bits(), Relaxed);
        self.actions.lock().unwrap().retain(|_, action| *action == SignalAction::Ignore);
    }
}

impl Kernel {
    fn note(&self, hook: Hook) {
        self.hooks.lock().unwrap().push(hook);
    }
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ProcessData;
    type ThreadData = ThreadData;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        let to = target.host_data().key;
        self.note(Hook::Signal { to, signal: info.signal, cause: info.cause });
    }

    fn post_thread_signal(
        &self,
        _: View<'_, Self>,
        target: &Thread<Self>,
        info: &SignalInfo,
        _: Option<&Process<Self>>,
    ) {
        let to = target.host_data().key;
        self.note(Hook::ThreadSignal { to, signal: info.signal, cause: info.cause });
    }

    fn may_signal(
        &self,
        _: View<'_, Self>,
        by: &Process<Self>,
        to: &Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        let user = |process: &Process<Self>| process.host_data().user.load(Relaxed);
        user(by) == 0 || user(by) == user(to)
    }

    fn reset_signal_action(
        &self,
        _: View<'_, Self>,
        thread: &Thread<Self>,
        signal: Signal,
        _: ForcedAction,
    ) {
        thread.host_data().blocked.lock().unwrap().remove(&signal);
        let data = thread.process().host_data();
        data.actions.lock().unwrap().insert(signal, SignalAction::Default);
        if signal == Signal::SIGCHLD {
            data.treatment.fetch_and(!ChildSignalAction::IGNORE.bits(), Relaxed);
        }
    }

    fn request_stop(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.note(Hook::StopRequest { of: thread.host_data().key });
    }

    fn child_signal_flags(&self, _: View<'_, Self>, parent: &Process<Self>) -> ChildSignalFlags {
        parent.host_data().sigchld_action().flags()
    }

    fn request_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.note(Hook::ExitRequest { of: thread.host_data().key });
    }

    fn discard_signals(&self, _: View<'_, Self>, target: &Process<Self>, what: DiscardedSignals) {
        self.note(Hook::Discard { from: target.host_data().key, what });
    }

    fn signal_action(
        &self,
        _: View<'_, Self>,
        target: &Process<Self>,
        signal: Signal,
    ) -> SignalAction {
        if signal == Signal::SIGCHLD
            && target.host_data().sigchld_action().contains(ChildSignalAction::IGNORE)
        {
            return SignalAction::Ignore;
        }
        let actions = target.host_data().actions.lock().unwrap();
        actions.get(&signal).copied().unwrap_or(SignalAction::Default)
    }

    fn drops_sigchld(&self, view: View<'_, Self>, parent: &Process<Self>) -> bool {
        let mut cursor = Cursor::default();
        let blocks = |task: &Thread<Self>| self.is_signal_blocked(view, task, Signal::SIGCHLD);
        let is_open = !view.tasks(parent, &mut cursor).any(blocks) && cursor.is_done();
        let action = self.signal_action(view, parent, Signal::SIGCHLD);
        is_open
            && action == SignalAction::Default
            && self.child_signal_flags(view, parent).is_empty()
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, thread: &Thread<Self>, signal: Signal) -> bool {
        thread.host_data().blocked.lock().unwrap().contains(&signal)
    }

    /// A dying parent has nobody left who could wait.
    fn wake_waiters(&self, view: View<'_, Self>, parent: &Process<Self>, news: &ChildNews) {
        if parent.state() != ProcessState::Live {
            return;
        }
        let mut cursor = Cursor::default();
        let living = view.threads(parent, &mut cursor).map(|thread| thread.host_data().key);
        let living: BTreeSet<_> = living.collect();
        let parent = parent.host_data().key;
        let sleepers = self.sleepers.lock().unwrap();
        let is_woken = |(thread, (at, token)): &(&ThreadKey, &(ProcessKey, WaitToken))| {
            *at == parent && living.contains(*thread) && token.is_woken_by(news)
        };
        let woken = sleepers.iter().filter(is_woken);
        let woken = woken.map(|(&thread, _)| thread).collect();
        self.note(Hook::Wake { parent, woken });
    }

    fn tracing_changed(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.note(Hook::TracingChanged { of: thread.host_data().key });
    }

    fn wake_exit(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        self.note(Hook::WakeExit { of: thread.host_data().key });
    }

    fn can_fork(
        &self,
        _: View<'_, Self>,
        _: Option<&Thread<Self>>,
        child: &Thread<Self>,
    ) -> Result<(), Errno> {
        if self.refuses.swap(false, Relaxed) {
            return Err(Errno::EAGAIN);
        }
        *self.births.lock().unwrap().entry(child.host_data().key).or_default() += 1;
        Ok(())
    }

    fn release_task(&self, _: View<'_, Self>, thread: &Thread<Self>) {
        *self.births.lock().unwrap().entry(thread.host_data().key).or_default() -= 1;
    }

    fn hang_up_terminal(&self, _: View<'_, Self>, terminal: &Terminal<Self>) {
        self.note(Hook::HungUp { terminal: TerminalKey(terminal.device() as usize) });
    }
}

/// A table, and all that scripts can name, by the keys that the second model gives.
pub(crate) struct Real {
    pub(crate) table: ProcessTable<Kernel>,
    pub(crate) threads: BTreeMap<ThreadKey, ARef<Thread<Kernel>>>,
    pub(crate) processes: BTreeMap<ProcessKey, ARef<Process<Kernel>>>,
    pub(crate) spaces: BTreeMap<SpaceKey, ARef<PidNamespace<Kernel>>>,
    pub(crate) terminals: Vec<ARef<Terminal<Kernel>>>,
    tickets: BTreeMap<ThreadKey, StopTicket>,
    exits: BTreeMap<ThreadKey, PendingExit<Kernel>>,
    dumps: BTreeMap<ProcessKey, PendingCoreDump<Kernel>>,
    /// Execs that wait for dead threads.
    execs: BTreeMap<ThreadKey, PendingExec<Kernel>>,
}

impl Real {
    pub(crate) fn new(terminals: &[TerminalKind], check_interval: NonZeroU64) -> Self {
        let table = ProcessTable::new(Kernel::default());
        table.check_every(check_interval);
        let data = ProcessData {
            key: ProcessKey(0),
            treatment: AtomicU8::new(0),
            actions: Mutex::new(
                HANDLED_AT_BOOT.map(|signal| (signal, SignalAction::Handle)).into(),
            ),
            user: AtomicU8::new(0),
        };
        let leader = ThreadData { key: ThreadKey(0), blocked: Mutex::default() };
        let init = table.new_init(1, data, leader).unwrap();
        let terminals = (0..)
            .zip(terminals)
            .map(|(device, &kind)| table.new_terminal(kind, device, ()).unwrap());
        Self {
            processes: BTreeMap::from([(ProcessKey(0), ARef::clone(init.process()))]),
            threads: BTreeMap::from([(ThreadKey(0), init)]),
            spaces: BTreeMap::from([(SpaceKey(0), ARef::from(table.namespace()))]),
            terminals: terminals.collect(),
            tickets: BTreeMap::new(),
            exits: BTreeMap::new(),
            dumps: BTreeMap::new(),
            execs: BTreeMap::new(),
            table,
        }
    }

    /// Those that were not as often released as born, with the difference.
    pub(crate) fn unreleased(&self) -> BTreeMap<ThreadKey, i32> {
        let mut births = self.table.host().births.lock().unwrap();
        births.retain(|_, &mut count| count != 0);
        births.clone()
    }

    pub(crate) fn take_hooks(&self) -> Vec<Hook> {
        std::mem::take(&mut *self.table.host().hooks.lock().unwrap())
    }

    /// Who is born by it gets the keys given.
    pub(crate) fn make(
        &mut self,
        caller: ThreadKey,
        deed: &Deed,
        born: (ProcessKey, ThreadKey),
    ) -> Answer {
        let thread = ARef::clone(&self.threads[&caller]);
        let process = thread.process();
        match *deed {
            Call::Fork { exit_signal, parent, space, ref set_tid } => {
                let set_tid: Vec<u32> = set_tid.iter().map(|&tid| tid.cast_unsigned()).collect();
                let number = if set_tid.is_empty() { Number::Next } else { Number::Each(&set_tid) };
                let request = ForkRequest {
                    number,
                    exit_signal: ExitSignal::from_raw(exit_signal),
                    parent,
                    namespace: space,
                };
                let data = ProcessData::inherited(born.0, process.host_data());
                let leader = ThreadData::inherited(born.1, thread.host_data());
                thread.fork(request, data, leader).map(|leader| self.enter(born.1, leader)).into()
            }
            Call::NewKthreadd => {
                let data = ProcessData {
                    key: born.0,
                    treatment: AtomicU8::new(0),
                    actions: Mutex::default(),
                    user: AtomicU8::new(0),
                };
                let leader = ThreadData { key: born.1, blocked: Mutex::default() };
                let made = self.table.new_kthreadd(2, data, leader);
                made.map(|leader| self.enter(born.1, leader)).into()
            }
            Call::ForkKernelThread { parent, ref set_tid } => {
                let set_tid: Vec<u32> = set_tid.iter().map(|&tid| tid.cast_unsigned()).collect();
                let number = if set_tid.is_empty() { Number::Next } else { Number::Each(&set_tid) };
                let request = ForkRequest { number, parent, ..ForkRequest::default() };
                let data = ProcessData::inherited(born.0, process.host_data());
                let leader = ThreadData::inherited(born.1, thread.host_data());
                let made = thread.fork_kernel_thread(request, data, leader);
                made.map(|leader| self.enter(born.1, leader)).into()
            }
            Call::SpawnThread { ref set_tid } => {
                let set_tid: Vec<u32> = set_tid.iter().map(|&tid| tid.cast_unsigned()).collect();
                let number = if set_tid.is_empty() { Number::Next } else { Number::Each(&set_tid) };
                let data = ThreadData::inherited(born.1, thread.host_data());
                thread.spawn_thread(number, data).map(|other| self.enter(born.1, other)).into()
            }
            Call::ExitThread(status) => Answer::Exits(vec![thread.exit_thread(status)]),
            Call::BeginCoreDump(signal) => {
                let dump = thread.begin_core_dump(signal);
                dump.map(|dump| _ = self.dumps.insert(process.host_data().key, dump)).into()
            }
            Call::EndCoreDump(index, is_written) => {
                let dump = self.dumps.remove(&ProcessKey(index)).expect("a dump");
                Answer::Begun(dump.finish(is_written))
            }
            Call::BeginExit(status) => {
                let exit = thread.begin_exit(status);
                let settled = exit.status();
                self.exits.insert(caller, exit);
                Answer::Begun(settled)
            }
            Call::GoOnExiting(index) => {
                let key = ThreadKey(index);
                let mut exit = self.exits.remove(&key).expect("who has begun");
                match exit.set_exiting() {
                    ThreadExit::Gone => {
                        let is_done = exit.try_finish();
                        if !is_done {
                            self.exits.insert(key, exit);
                        }
                        Answer::Yes(is_done)
                    }
                    first => {
                        self.exits.insert(key, exit);
                        Answer::Exits(vec![first])
                    }
                }
            }
            Call::Exit(status) => {
                process.begin_group_exit(status);
                self.exit_all(process)
            }
            Call::BeginGroupExit(index, status) => {
                Answer::Yes(self.processes[&ProcessKey(index)].begin_group_exit(status))
            }
            Call::FinishGroupExit(index) => self.exit_all(&self.processes[&ProcessKey(index)]),
            Call::Exec => {
                let answer = thread.exec();
                if answer.is_ok() {
                    process.host_data().enter_program();
                }
                answer.into()
            }
            Call::ExecInSteps => match begin_exec(&thread) {
                Ok(exec) => {
                    self.execs.insert(caller, exec);
                    self.finish_exec(caller)
                }
                Err(errno) => Answer::Failed(errno),
            },
            Call::FinishExec => self.finish_exec(caller),
            Call::Attach { tid, start, kills_at_exit } => {
                thread.attach(tid, start, options(kills_at_exit)).map(|_| ()).into()
            }
            Call::TraceMe => thread.trace_me().into(),
            Call::TraceStop(code) => Answer::Traced(thread.trace_stop(code)),
            Call::Interrupt(tid) => thread.interrupt_tracee(tid).into(),
            Call::Resume(tid) => thread.resume_tracee(tid).map(|_| ()).into(),
            Call::Listen(tid) => thread.listen_to_tracee(tid).into(),
            Call::SetKillsAtExit(tid, kills) => {
                thread.set_trace_options(tid, options(kills)).into()
            }
            Call::Detach(tid) => thread.detach(tid).into(),
            Call::Wait4 { pid, options } => self.wait(&thread, WaitRequest::wait4(pid, options)),
            Call::Waitid { kind, id, options } => {
                self.wait(&thread, WaitRequest::waitid(kind, id, options))
            }
            Call::WaitAcross { pid, options, pgid } => match WaitRequest::wait4(pid, options) {
                Err(errno) => Answer::Failed(errno),
                Ok(request) => {
                    let call = thread.begin_wait(&request);
                    let moved = match pgid {
                        Some(pgid) => process.setpgid(0, pgid).into(),
                        None => process.setsid().into(),
                    };
                    Answer::Across(Box::new([
                        moved,
                        self.note_sleeper(&thread, call.options(), call.poll()),
                    ]))
                }
            },
            Call::Setpgid { pid, pgid } => process.setpgid(pid, pgid).into(),
            Call::Setsid => process.setsid().into(),
            Call::Getpgid(pid) => process.getpgid(pid).into(),
            Call::Getsid(pid) => process.getsid(pid).into(),
            Call::Kill { pid, signal } => thread.kill(pid, signal).into(),
            Call::Tkill { tid, signal } => thread.tkill(tid, signal).into(),
            Call::Tgkill { tgid, tid, signal } => thread.tgkill(tgid, tid, signal).into(),
            Call::Queue { tgid, pid, signal, code } => {
                let info = GivenInfo { pid: 77, ..GivenInfo::new(signal, code) };
                match tgid {
                    Some(tgid) => thread.rt_tgsigqueueinfo(tgid, pid, info).into(),
                    None => thread.rt_sigqueueinfo(pid, info).into(),
                }
            }
            Call::SignalSent(index, signal) => {
                Answer::Discard(self.processes[&ProcessKey(index)].note_signal_sent(signal))
            }
            Call::KernelSends { to, signal, cause } => {
                let by = |index| &*self.processes[&ProcessKey(index)];
                let event = |code, sender| KernelCause::Event { code, value: 8, number: 0, sender };
                let cause = match cause {
                    Told::Kernel => KernelCause::Kernel,
                    Told::Process(sender) => KernelCause::OnBehalfOf(by(sender)),
                    Told::Event(code) => event(code, None),
                    Told::Message(sender) => event(-3, Some(by(sender))),
                };
                match to {
                    KernelTarget::Process => process.send_signal(signal, cause),
                    KernelTarget::ProcessByThread => thread.send_process_signal(signal, cause),
                    KernelTarget::Thread => thread.send_signal(signal, cause),
                    KernelTarget::Group => {
                        let user =
                            |process: &Process<Kernel>| process.host_data().user.load(Relaxed);
                        let own = user(process);
                        let may = |_: View<'_, Kernel>, member: &_| user(member) == own;
                        process.group().send_signal(signal, cause, may);
                    }
                }
                Answer::Done
            }
            Call::Force(signal, action) => {
                let fault = KernelCause::Event { code: 1, value: 8, number: 0, sender: None };
                thread.force_signal(signal, fault, action);
                Answer::Done
            }
            Call::TakeStopSignal => {
                self.tickets.insert(caller, process.stop_ticket());
                Answer::Done
            }
            Call::BeginStop(signal) => match self.tickets.get(&caller) {
                Some(&ticket) => Answer::Decision(thread.begin_stop(signal, ticket)),
                None => Answer::Done,
            },
            Call::TakeAndBeginStop(signal) => {
                Answer::Decision(thread.begin_stop(signal, process.stop_ticket()))
            }
            Call::Stop => Answer::Stops(vec![thread.join_stop()]),
            Call::StopAll => {
                let threads = process.threads().unwrap();
                Answer::Stops(threads.iter().map(|thread| thread.join_stop()).collect())
            }
            Call::Run => {
                thread.notify_parent_if_continued();
                Answer::Done
            }
            Call::BecomeSubreaper => {
                process.become_subreaper();
                Answer::Done
            }
            Call::ResignSubreaper => {
                process.resign_subreaper();
                Answer::Done
            }
            Call::SetParentDeathSignal(number) => {
                Thread::<Kernel>::parse_parent_death_signal(number)
                    .map(|signal| thread.set_parent_death_signal(signal))
                    .into()
            }
            Call::RefuseNextBirth => {
                self.table.host().refuses.store(true, Relaxed);
                Answer::Done
            }
            Call::TreatSigchld(bits) => {
                process.host_data().treatment.store(bits, Relaxed);
                Answer::Done
            }
            Call::SetAction(signal, action) => {
                process.host_data().actions.lock().unwrap().insert(signal, action);
                Answer::Done
            }
            Call::Block(signal) => {
                thread.host_data().blocked.lock().unwrap().insert(signal);
                Answer::Done
            }
            Call::Unblock(signal) => {
                thread.host_data().blocked.lock().unwrap().remove(&signal);
                Answer::Done
            }
            Call::SetUser(user) => {
                process.host_data().user.store(user, Relaxed);
                Answer::Done
            }
            Call::SetPidMax(limit) => process.set_pid_max(limit, 2).into(),
            Call::SetLastPid(last) => process.set_last_pid(last).into(),
            Call::Unshare => thread.unshare_pid().into(),
            Call::Setns(space) => {
                thread.set_namespace_for_children(&self.spaces[&SpaceKey(space)]).into()
            }
            Call::OpenTerminal(index, file) => {
                Answer::CttyChange(process.open_terminal(&self.terminals[index], file))
            }
            Call::AcquireTerminal(index, request) => {
                let answer = process.acquire_terminal(&self.terminals[index], request);
                answer.map_or_else(Answer::Failed, Answer::CttyChange)
            }
            Call::ReleaseTerminal(index, side) => {
                let answer = process.release_terminal(&self.terminals[index], side);
                answer.map_or_else(Answer::Failed, Answer::Release)
            }
            Call::Tcgetpgrp(index, side) => process.tcgetpgrp(&self.terminals[index], side).into(),
            Call::Tcgetsid(index, side) => process.tcgetsid(&self.terminals[index], side).into(),
            Call::Tcsetpgrp(index, pgid, stop_signal) => {
                let answer = process.tcsetpgrp(&self.terminals[index], Ok(pgid), stop_signal);
                answer.map_or_else(Answer::Failed, Answer::Access)
            }
            Call::AccessTerminal(index, access, stop_signal) => {
                let terminal = &self.terminals[index];
                let answer = process.check_terminal_access(terminal, access, stop_signal);
                answer.map_or_else(Answer::Failed, Answer::Access)
            }
            Call::HangUp(index) => Answer::Yes(self.terminals[index].hang_up().is_some()),
            Call::SignalForeground(index, signal) => {
                Answer::Yes(self.terminals[index].signal_foreground(signal).is_some())
            }
        }
    }

    pub(crate) fn wait(
        &self,
        caller: &Thread<Kernel>,
        request: Result<WaitRequest, Errno>,
    ) -> Answer {
        match request {
            Ok(request) => self.note_sleeper(caller, request.options(), caller.wait(&request)),
            Err(errno) => Answer::Failed(errno),
        }
    }

    /// Who gets nothing sleeps, but not if it has only asked.
    fn note_sleeper(
        &self,
        caller: &Thread<Kernel>,
        options: WaitOptions,
        outcome: Result<WaitOutcome<Kernel>, Errno>,
    ) -> Answer {
        match outcome {
            Ok(WaitOutcome::Event(event)) => Answer::Reported(event.pid, event.status),
            Ok(WaitOutcome::NothingYet(token)) => {
                if !options.contains(WaitOptions::NOWAIT) {
                    let process = caller.process();
                    let place = (process.host_data().key, token);
                    let mut sleepers = self.table.host().sleepers.lock().unwrap();
                    sleepers.insert(caller.host_data().key, place);
                }
                Answer::NothingYet
            }
            Err(errno) => Answer::Failed(errno),
        }
    }

    fn finish_exec(&mut self, caller: ThreadKey) -> Answer {
        let answer = self.execs.get_mut(&caller).map(PendingExec::try_finish);
        match answer {
            Some(Ok(false)) | None => Answer::NothingYet,
            Some(Ok(true)) => {
                self.execs.remove(&caller);
                self.threads[&caller].process().host_data().enter_program();
                Answer::Done
            }
            Some(Err(errno)) => {
                self.execs.remove(&caller);
                Answer::Failed(errno)
            }
        }
    }

    /// Forgets the calls of threads that have exited.
    pub(crate) fn keep_sleepers(&self, living: &[ThreadKey]) {
        self.table.host().sleepers.lock().unwrap().retain(|thread, _| living.contains(thread));
    }

    fn exit_all(&self, process: &Process<Kernel>) -> Answer {
        let status = process.exit_status();
        let exits = process.threads().unwrap().into_iter().map(|thread| thread.exit_thread(status));
        Answer::Exits(exits.collect())
    }

    fn enter(&mut self, key: ThreadKey, thread: ARef<Thread<Kernel>>) {
        let process = thread.process();
        self.processes.insert(process.host_data().key, ARef::clone(process));
        self.threads.insert(key, thread);
    }
}

fn options(kills_at_exit: bool) -> TraceOptions {
    if kills_at_exit { TraceOptions::EXIT_KILL } else { TraceOptions::empty() }
}

/// An exec in steps, in which the others exit as they were asked to.
fn begin_exec(thread: &ARef<Thread<Kernel>>) -> Result<PendingExec<Kernel>, Errno> {
    let mut exec = thread.begin_exec()?;
    for other in thread.process().threads().unwrap() {
        if !ARef::ptr_eq(&other, thread) {
            assert_eq!(exec.try_finish(), Ok(false), "another lives");
            other.exit_thread(ExitStatus::exited(0));
        }
    }
    Ok(exec)
}
