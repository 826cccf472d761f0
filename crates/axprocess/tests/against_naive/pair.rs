//! Both models side by side: the same calls, and every answer and everything that can be seen compared after each.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

use axprocess::{
    Attention, CttyChange, DiscardedSignals, Errno, ExitStatus, ForkNamespace, ProcessState,
    RunState, Signal, StopDecision, TerminalAnswer, TerminalKind, TerminalRelease, ThreadExit,
    ThreadStop, TraceStopped, WaitRequest, WaitStatus,
};

use crate::call::{Call, Deed, Step};
use crate::naive::{Fork, Life, ProcessKey, SpaceKey, TerminalKey, ThreadKey, World};
use crate::real::Real;

const TERMINALS: [TerminalKind; 2] = [TerminalKind::PseudoTerminal, TerminalKind::Other];

/// What a call returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Done,
    Failed(Errno),
    Number(u32),
    Yes(bool),
    Reported(u32, WaitStatus),
    NothingYet,
    /// That of what happened meanwhile, and that of the call.
    Across(Box<[Self; 2]>),
    Exits(Vec<ThreadExit>),
    /// How a thread that has begun to exit ends.
    Begun(ExitStatus),
    Stops(Vec<ThreadStop>),
    Decision(StopDecision),
    Discard(DiscardedSignals),
    CttyChange(CttyChange),
    Release(TerminalRelease),
    Access(TerminalAnswer),
    Traced(TraceStopped),
}

impl From<Result<(), Errno>> for Answer {
    fn from(result: Result<(), Errno>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Done)
    }
}

/// Of what may not be over yet.
impl From<Result<Option<()>, Errno>> for Answer {
    fn from(result: Result<Option<()>, Errno>) -> Self {
        match result {
            Ok(Some(())) => Self::Done,
            Ok(None) => Self::NothingYet,
            Err(errno) => Self::Failed(errno),
        }
    }
}

impl From<Result<u32, Errno>> for Answer {
    fn from(result: Result<u32, Errno>) -> Self {
        result.map_or_else(Self::Failed, Self::Number)
    }
}

impl From<Result<Option<(u32, WaitStatus)>, Errno>> for Answer {
    fn from(result: Result<Option<(u32, WaitStatus)>, Errno>) -> Self {
        match result {
            Ok(Some((pid, status))) => Self::Reported(pid, status),
            Ok(None) => Self::NothingYet,
            Err(errno) => Self::Failed(errno),
        }
    }
}

pub(crate) struct Pair {
    naive: World,
    real: Real,
    tickets: BTreeMap<ThreadKey, u32>,
    script: Vec<(ThreadKey, Deed, Answer)>,
}

/// A difference: what was asked, what the second model says, what the crate says.
type Verdict = Result<(), String>;

fn compare<T: PartialEq + Debug>(naive: T, real: T, what: impl FnOnce() -> String) -> Verdict {
    if naive == real {
        return Ok(());
    }
    Err(format!("{}:\n  the second model says {naive:?}\n  the crate says        {real:?}", what()))
}

/// Runs a script. On a difference: the script as far as it came, and what differs.
pub(crate) fn run(steps: &[Step], check_interval: NonZeroU64) -> Verdict {
    let mut pair = Pair {
        naive: World::new(&TERMINALS),
        real: Real::new(&TERMINALS, check_interval),
        tickets: BTreeMap::new(),
        script: Vec::new(),
    };
    let ended = catch_unwind(AssertUnwindSafe(|| pair.perform_all(steps)));
    ended.unwrap_or_else(|_| {
        let story = pair.tell("there a model panicked");
        // Its lock is poisoned: nothing can be taken apart any more.
        std::mem::forget(pair);
        Err(story)
    })
}

impl Pair {
    fn tell(&self, difference: &str) -> String {
        let mut text = String::from("the models differ. The script:\n");
        for (caller, deed, answer) in &self.script {
            let process = self.real.threads[caller].process().host_data().key;
            let _ = writeln!(text, "  {caller:?} of {process:?}: {deed:?} = {answer:?}");
        }
        text + difference
    }

    fn perform_all(&mut self, steps: &[Step]) -> Verdict {
        for step in steps {
            if let Some((caller, deed)) = step.resolve(&self.naive, TERMINALS.len()) {
                self.perform(caller, deed).map_err(|difference| self.tell(&difference))?;
            }
        }
        self.compare_numbers().map_err(|difference| self.tell(&difference))
    }

    fn perform(&mut self, caller: ThreadKey, deed: Deed) -> Verdict {
        self.forget_dead_sleepers();
        let born = self.naive.next_keys();
        let expected = self.make_naive(caller, &deed);
        self.script.push((caller, deed.clone(), expected.clone()));
        let answer = self.real.make(caller, &deed, born);
        if !is_excused(&deed, &expected, &answer) {
            compare(expected, answer, || "the answer".into())?;
        }
        self.compare_hooks()?;
        self.note_spaces();
        self.compare_everybody()?;
        if self.script.len().is_multiple_of(4) { self.compare_numbers() } else { Ok(()) }
    }

    fn forget_dead_sleepers(&mut self) {
        let living = self.naive.living_threads();
        self.naive.keep_sleepers(&living);
        self.real.keep_sleepers(&living);
    }

    fn make_naive(&mut self, caller: ThreadKey, deed: &Deed) -> Answer {
        let naive = &mut self.naive;
        let process = naive.process_of(caller);
        let unsigned = |tids: &[i32]| tids.iter().map(|&tid| tid.cast_unsigned()).collect();
        match *deed {
            Call::Fork { exit_signal, parent, space, ref set_tid } => {
                let set_tid = unsigned(set_tid);
                let is_kernel_thread = false;
                let fork = Fork { exit_signal, parent, space, set_tid, is_kernel_thread };
                naive.fork(caller, &fork).map(|_| ()).into()
            }
            Call::NewKthreadd => naive.new_kthreadd().map(|_| ()).into(),
            Call::ForkKernelThread { parent, ref set_tid } => {
                let fork = Fork {
                    exit_signal: 17,
                    parent,
                    space: ForkNamespace::Inherited,
                    set_tid: unsigned(set_tid),
                    is_kernel_thread: true,
                };
                naive.fork(caller, &fork).map(|_| ()).into()
            }
            Call::SpawnThread { ref set_tid } => {
                let set_tid: Vec<u32> = unsigned(set_tid);
                naive.spawn(caller, &set_tid).map(|_| ()).into()
            }
            Call::ExitThread(status) => Answer::Exits(vec![naive.exit_thread(caller, status)]),
            Call::BeginCoreDump(signal) => naive.begin_core_dump(caller, signal).into(),
            Call::EndCoreDump(index, is_written) => {
                Answer::Begun(naive.end_core_dump(ProcessKey(index), is_written))
            }
            Call::BeginExit(status) => Answer::Begun(naive.begin_exit(caller, status)),
            Call::GoOnExiting(index) => {
                let thread = ThreadKey(index);
                if naive.is_exiting(thread) {
                    Answer::Yes(naive.try_finish_exit(thread))
                } else {
                    Answer::Exits(vec![naive.set_exiting(thread)])
                }
            }
            Call::Exit(status) => {
                naive.begin_group_exit(process, status);
                self.exit_all(process)
            }
            Call::BeginGroupExit(index, status) => {
                Answer::Yes(naive.begin_group_exit(ProcessKey(index), status))
            }
            Call::FinishGroupExit(index) => self.exit_all(ProcessKey(index)),
            Call::Exec => naive.exec(caller).into(),
            Call::ExecInSteps => naive.exec_in_steps(caller).into(),
            Call::FinishExec => naive.finish_exec(caller).into(),
            Call::Attach { tid, start, kills_at_exit } => {
                naive.attach(caller, tid, start, kills_at_exit).into()
            }
            Call::TraceMe => naive.trace_me(caller).into(),
            Call::TraceStop(code) => Answer::Traced(naive.trace_stop(caller, code)),
            Call::Interrupt(tid) => naive.interrupt(caller, tid).into(),
            Call::Resume(tid) => naive.resume(caller, tid).into(),
            Call::Listen(tid) => naive.listen(caller, tid).into(),
            Call::SetKillsAtExit(tid, kills) => naive.set_kills_at_exit(caller, tid, kills).into(),
            Call::Detach(tid) => naive.detach_tracee(caller, tid).into(),
            Call::Wait4 { pid, options } => naive.wait4(caller, pid, options).into(),
            Call::Waitid { kind, id, options } => naive.waitid(caller, kind, id, options).into(),
            Call::WaitAcross { pid, options, pgid } => {
                let wait = naive.begin_wait4(caller, pid, options);
                if let Err(errno @ (Errno::EINVAL | Errno::ESRCH)) = wait {
                    return Answer::Failed(errno);
                }
                let moved = match pgid {
                    Some(pgid) => naive.setpgid(process, 0, pgid).into(),
                    None => naive.setsid(process).into(),
                };
                let waited = wait.and_then(|wait| naive.look(caller, wait));
                Answer::Across(Box::new([moved, waited.into()]))
            }
            Call::Setpgid { pid, pgid } => naive.setpgid(process, pid, pgid).into(),
            Call::Setsid => naive.setsid(process).into(),
            Call::Getpgid(pid) => naive.getpgid(process, pid).into(),
            Call::Getsid(pid) => naive.getsid(process, pid).into(),
            Call::Kill { pid, signal } => naive.kill(process, pid, signal).into(),
            Call::Tkill { tid, signal } => naive.tkill(process, tid, signal).into(),
            Call::Tgkill { tgid, tid, signal } => naive.tgkill(process, tgid, tid, signal).into(),
            Call::Queue { tgid, pid, signal, code } => {
                naive.queue(caller, tgid, pid, signal, code).into()
            }
            Call::SignalSent(index, signal) => {
                Answer::Discard(naive.note_signal_sent(ProcessKey(index), signal))
            }
            Call::KernelSends { to, signal, cause } => {
                naive.kernel_sends(caller, to, signal, cause);
                Answer::Done
            }
            Call::Force(signal, action) => {
                naive.force(caller, signal, action);
                Answer::Done
            }
            Call::TakeStopSignal => {
                self.tickets.insert(caller, naive.stop_ticket(process));
                Answer::Done
            }
            Call::BeginStop(signal) => match self.tickets.get(&caller) {
                Some(&ticket) => Answer::Decision(naive.begin_stop(caller, signal, ticket)),
                None => Answer::Done,
            },
            Call::TakeAndBeginStop(signal) => {
                let ticket = naive.stop_ticket(process);
                Answer::Decision(naive.begin_stop(caller, signal, ticket))
            }
            Call::Stop => Answer::Stops(vec![naive.join_stop(caller)]),
            Call::StopAll => {
                let threads = naive.living_threads_of(process);
                Answer::Stops(threads.into_iter().map(|thread| naive.join_stop(thread)).collect())
            }
            Call::Run => {
                naive.run(caller);
                Answer::Done
            }
            Call::BecomeSubreaper => {
                naive.become_subreaper(process);
                Answer::Done
            }
            Call::ResignSubreaper => {
                naive.resign_subreaper(process);
                Answer::Done
            }
            Call::SetParentDeathSignal(number) => naive.set_death_signal(caller, number).into(),
            Call::RefuseNextBirth => {
                naive.refuse_next_birth();
                Answer::Done
            }
            Call::TreatSigchld(bits) => {
                naive.treat_sigchld(
                    process,
                    crate::naive::ChildSignalAction::from_bits_retain(bits),
                );
                Answer::Done
            }
            Call::SetAction(signal, action) => {
                naive.set_action(process, signal, action);
                Answer::Done
            }
            Call::Block(signal) => {
                naive.block(caller, signal);
                Answer::Done
            }
            Call::Unblock(signal) => {
                naive.unblock(caller, signal);
                Answer::Done
            }
            Call::SetUser(user) => {
                naive.set_user(process, user);
                Answer::Done
            }
            Call::SetPidMax(limit) => naive.set_pid_max(process, limit).into(),
            Call::SetLastPid(last) => naive.set_last_pid(process, last).into(),
            Call::Unshare => naive.unshare(caller).into(),
            Call::Setns(space) => naive.setns(caller, SpaceKey(space)).into(),
            Call::OpenTerminal(index, file) => {
                Answer::CttyChange(naive.open_terminal(process, TerminalKey(index), file))
            }
            Call::AcquireTerminal(index, request) => {
                let answer = naive.acquire_terminal(process, TerminalKey(index), request);
                answer.map_or_else(Answer::Failed, Answer::CttyChange)
            }
            Call::ReleaseTerminal(index, side) => {
                let answer = naive.release_terminal(process, TerminalKey(index), side);
                answer.map_or_else(Answer::Failed, Answer::Release)
            }
            Call::Tcgetpgrp(index, side) => {
                naive.tcgetpgrp(process, TerminalKey(index), side).into()
            }
            Call::Tcgetsid(index, side) => naive.tcgetsid(process, TerminalKey(index), side).into(),
            Call::Tcsetpgrp(index, pgid, stop_signal) => {
                let answer = naive.tcsetpgrp(process, TerminalKey(index), Ok(pgid), stop_signal);
                answer.map_or_else(Answer::Failed, Answer::Access)
            }
            Call::AccessTerminal(index, access, stop_signal) => {
                let answer = naive.access(process, TerminalKey(index), access, stop_signal);
                answer.map_or_else(Answer::Failed, Answer::Access)
            }
            Call::HangUp(index) => Answer::Yes(naive.hang_up(TerminalKey(index))),
            Call::SignalForeground(index, signal) => {
                Answer::Yes(naive.signal_foreground(TerminalKey(index), signal))
            }
        }
    }

    fn exit_all(&mut self, process: ProcessKey) -> Answer {
        let status = self.naive.exit_status(process);
        let threads = self.naive.living_threads_of(process);
        let exits = threads.into_iter().map(|thread| self.naive.exit_thread(thread, status));
        Answer::Exits(exits.collect())
    }

    fn compare_hooks(&mut self) -> Verdict {
        let mut real = self.real.take_hooks();
        let (mut naive, is_ordered) = self.naive.take_hooks();
        if !is_ordered {
            real.sort_by_key(|hook| format!("{hook:?}"));
            naive.sort_by_key(|hook| format!("{hook:?}"));
        }
        compare(naive, real, || "what the kernel was told".into())
    }

    /// Keeps the namespace of every init, so that others can be put there.
    fn note_spaces(&mut self) {
        for (&key, process) in &self.real.processes {
            let space = self.naive.exists(key).then(|| self.naive.space_of_init(key)).flatten();
            if let Some(space) = space {
                self.real.spaces.entry(space).or_insert_with(|| process.namespace());
            }
        }
    }

    /// Everybody's state and relations.
    fn compare_everybody(&mut self) -> Verdict {
        let naive = &self.naive;
        for (&key, process) in &self.real.processes {
            let state =
                if naive.exists(key) { state_of(naive.life(key)) } else { ProcessState::Reaped };
            compare(state, process.state(), || format!("the state of {key:?}"))?;
        }
        self.real.processes.retain(|&key, _| naive.exists(key));
        compare(naive.processes(), self.real.processes.keys().copied().collect(), || {
            "who is there".into()
        })?;
        let unreleased = naive.processes().into_iter().flat_map(|key| naive.threads_of(key));
        let unreleased = unreleased.map(|key| (key, 1)).collect();
        compare(unreleased, self.real.unreleased(), || "who is born and not released".into())?;
        for (&key, process) in &self.real.processes {
            let own = naive.space_of(key);
            let ppid = naive.parent(key).map_or(0, |parent| naive.number_seen_by(parent, key));
            compare(ppid, process.ppid(), || format!("the ppid of {key:?}"))?;
            let ids = (
                naive.number_seen_by(key, key),
                naive.group_number_seen_by(key, key),
                naive.session_number_in(key, own),
            );
            let real = (process.pid(), process.pgid(), process.sid());
            compare(ids, real, || format!("pid, pgid, sid of {key:?}"))?;
            compare(naive.number_settings(key), (process.pid_max(), process.last_pid()), || {
                format!("pid_max, ns_last_pid of {key:?}")
            })?;
            let children = process.children().unwrap();
            let children = children.iter().map(|child| child.host_data().key).collect();
            compare(naive.children(key), children, || format!("the children of {key:?}"))?;
            let threads = process.threads().unwrap();
            let keys: Vec<_> = threads.iter().map(|thread| thread.host_data().key).collect();
            compare(naive.living_threads_of(key), keys, || format!("the threads of {key:?}"))?;
            for thread in &threads {
                let thread_key = thread.host_data().key;
                let about = (
                    naive.tid_seen_by(thread_key, key),
                    naive.is_stop_requested(thread_key),
                    naive.death_signal(thread_key),
                );
                let real =
                    (thread.tid(), thread.is_group_stop_requested(), thread.parent_death_signal());
                compare(about, real, || {
                    format!("tid, stop request, death signal of {thread_key:?}")
                })?;
                // Who was asked to exit by an exec that has been given up sleeps no more, which nothing but this word says.
                if !thread.attention().contains(Attention::EXIT) {
                    let sleeps = (naive.sleeps_in_stop(thread_key), thread.is_stopped());
                    compare(sleeps.0, sleeps.1, || format!("whether {thread_key:?} sleeps"))?;
                }
            }
            compare(naive.is_kernel_thread(key), process.is_kernel_thread(), || {
                format!("whether {key:?} is a kernel thread")
            })?;
            let tasks = process.tasks().unwrap();
            let keys: Vec<_> = tasks.iter().map(|thread| thread.host_data().key).collect();
            compare(naive.threads_of(key), keys, || format!("the directory of {key:?}"))?;
            for thread in &tasks {
                let thread_key = thread.host_data().key;
                let tracer = thread.tracer().map(|tracer| tracer.host_data().key);
                let stop = thread.run_state() == Some(RunState::TraceStopped);
                let traced = (naive.tracer(thread_key), naive.is_in_ptrace_stop(thread_key));
                compare(traced, (tracer, stop), || {
                    format!("the tracer of {thread_key:?}, and whether it is in a ptrace-stop")
                })?;
            }
            compare(naive.is_stopped(key), process.is_stopped(), || {
                format!("whether {key:?} is stopped")
            })?;
            if naive.life(key) == Life::Alive {
                compare(naive.is_subreaper(key), process.is_subreaper(), || {
                    format!("whether {key:?} is a subreaper")
                })?;
            }
            if naive.life(key) == Life::Alive {
                let about = (!naive.takes_signals(key), naive.is_shielded(key));
                let real = (process.is_group_exiting(), process.is_protected_from(Signal::SIGTERM));
                compare(about, real, || {
                    format!("whether the exit of {key:?} is decided, and whether it is protected")
                })?;
            }
            compare(naive.is_dumping_core(key), process.is_dumping_core(), || {
                format!("whether {key:?} dumps core")
            })?;
            if !naive.takes_signals(key) {
                compare(naive.exit_status(key), process.exit_status(), || {
                    format!("the exit of {key:?}")
                })?;
            }
            let real = process
                .controlling_terminal()
                .map(|terminal| TerminalKey(terminal.device() as usize));
            let shown = naive.shown_terminal(key);
            compare(shown.map(|(terminal, _)| terminal), real, || {
                format!("the terminal of {key:?}")
            })?;
            let foreground = shown.map(|(_, foreground)| foreground);
            compare(foreground, process.foreground_pgid(), || {
                format!("the foreground that {key:?} sees")
            })?;
        }
        Ok(())
    }

    /// What is dear to find out: all numbers, all members, what is still to be reported.
    fn compare_numbers(&mut self) -> Verdict {
        for (&key, process) in &self.real.processes {
            for (&space, real_space) in &self.real.spaces {
                let naive = &self.naive;
                let group = process.group();
                let numbers = [
                    naive.pid_in(key, space),
                    naive.group_number_in(key, space),
                    naive.session_number_in(key, space),
                ];
                let real = [
                    process.pid_in(real_space),
                    group.pgid_in(real_space),
                    group.session().sid_in(real_space),
                ];
                compare(numbers, real, || format!("pid, pgid, sid of {key:?} in {space:?}"))?;
            }
            let members = process.group().processes().unwrap();
            let members = members.iter().map(|member| member.host_data().key).collect();
            compare(self.naive.members_of_group_of(key), members, || {
                format!("the group of {key:?}")
            })?;
            let orphaned = (self.naive.is_group_of_orphaned(key), process.group().is_orphaned());
            compare(orphaned.0, orphaned.1, || {
                format!("whether the group of {key:?} is orphaned")
            })?;
        }
        for key in self.naive.processes() {
            self.compare_report(key)?;
        }
        for number in self.naive.numbers_seen() {
            let number_i32 = number.cast_signed();
            let init = ProcessKey(0);
            let table = &self.real.table;
            let naive = [
                self.naive.find_process(init, number_i32).map(|key| key.0),
                self.naive.find_living_thread(init, number_i32).map(|key| key.0),
            ];
            let real = [
                table.find_process(number).map(|process| process.host_data().key.0),
                table.find_thread(number).map(|thread| thread.host_data().key.0),
            ];
            compare(naive, real, || format!("the process and the thread of number {number}"))?;
            let naive = [
                self.naive.find_group(init, number_i32).is_some(),
                self.naive.find_session(init, number_i32).is_some(),
            ];
            let real = [table.find_group(number).is_some(), table.find_session(number).is_some()];
            compare(naive, real, || format!("whether a group, a session has the number {number}"))?;
        }
        Ok(())
    }

    /// What the parent would learn of this process now.
    fn compare_report(&mut self, child: ProcessKey) -> Verdict {
        let parent = self.naive.parent(child);
        let caller =
            parent.and_then(|parent| self.naive.living_threads_of(parent).first().copied());
        let Some(caller) = caller else { return Ok(()) };
        let parent = self.naive.process_of(caller);
        let id = self.naive.number_seen_by(child, parent).cast_signed();
        let options = 0x4100_000e;
        let naive = Answer::from(self.naive.waitid(caller, 1, id, options));
        let real = self.real.wait(&self.real.threads[&caller], WaitRequest::waitid(1, id, options));
        compare(naive, real, || format!("what {child:?} has to report"))
    }
}

const fn state_of(life: Life) -> ProcessState {
    match life {
        Life::Alive => ProcessState::Live,
        Life::Exiting | Life::Withheld | Life::HeldByTracers => ProcessState::Exiting,
        Life::Zombie => ProcessState::Zombie,
    }
}

/// Answers that user space cannot tell apart.
fn is_excused(deed: &Deed, naive: &Answer, real: &Answer) -> bool {
    match deed {
        // Whoever is dying sees no errno.
        Call::Fork { .. } | Call::SpawnThread { .. } => {
            *naive == Answer::Failed(Errno::EINTR) && matches!(real, Answer::Failed(_))
        }
        _ => false,
    }
}
