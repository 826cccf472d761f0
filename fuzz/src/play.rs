//! Plays calls on a table.
//!
//! The calls on [terminals](terminals), [handles](handles), [tracers](tracing) and those of [clone](births) stand in files of their own.

mod births;
mod handles;
mod terminals;
mod tracing;

use axprocess::{
    ARef, Attention, Errno, ExitSignal, ExitStatus, ForcedAction, ForkNamespace, ForkParent,
    ForkRequest, GivenInfo, KernelCause, Number, PendingCoreDump, PendingExec, PendingExit, Pid,
    PidHandle, PidNamespace, Process, ProcessTable, RebootCommand, Signal, StopTicket, Terminal,
    Thread, WaitOutcome, WaitRequest,
};

use crate::call::{Call, Index, Steps};
use crate::host::{Mood, Moody, Signals, Waiting, take_signals, waiting_for};

/// As many threads as one input may make: enough for every relation, few enough for the checker's walks.
const MOST_THREADS: usize = 64;

/// A table, and all that was ever made in it.
pub struct World {
    table: ProcessTable<Moody>,
    threads: Vec<Option<ARef<Thread<Moody>>>>,
    processes: Vec<Option<ARef<Process<Moody>>>>,
    terminals: Vec<Option<ARef<Terminal<Moody>>>>,
    handles: Vec<Option<PidHandle<Moody>>>,
    ticket: Option<StopTicket>,
    /// The execs that have begun, with who is in them.
    execs: Vec<(ARef<Thread<Moody>>, PendingExec<Moody>)>,
    /// The same of exits, whose second step may have been taken.
    exits: Vec<(ARef<Thread<Moody>>, PendingExit<Moody>, bool)>,
    /// The same of core dumps.
    dumps: Vec<(ARef<Thread<Moody>>, PendingCoreDump<Moody>)>,
}

impl World {
    /// A table with an init that lives as long as the table.
    ///
    /// # Panics
    ///
    /// If a new table refuses its first process.
    pub fn boot() -> Self {
        Moody::set(Mood::CALM);
        // Of a table before, which may have been leaked.
        Moody::take_unreleased();
        let table = ProcessTable::new(Moody);
        let init = table
            .new_init(1, Signals::default(), Waiting::default())
            .expect("an empty table takes its init");
        let processes = vec![Some(ARef::clone(init.process()))];
        Self {
            table,
            threads: vec![Some(init)],
            processes,
            terminals: vec![None],
            handles: vec![None],
            ticket: None,
            execs: Vec::new(),
            exits: Vec::new(),
            dumps: Vec::new(),
        }
    }

    /// Does one call. Whether it succeeds does not matter; it says so all the same. A wait that finds nothing does not.
    pub fn play(&mut self, call: Call) -> bool {
        self.try_play(call).is_some()
    }

    /// Does all of them, and looks whether births and releases balance. A birth in steps takes the next ones in between.
    ///
    /// # Panics
    ///
    /// If they do not.
    pub fn play_all(&mut self, calls: &[Call]) {
        let mut left = calls;
        while let Some((&call, rest)) = left.split_first() {
            left = rest;
            match call {
                Call::Prepare { steps, .. } => {
                    let between = Steps::from_bits(steps).calls.min(rest.len());
                    let between = rest.split_at(between);
                    left = between.1;
                    self.play_in_steps(call, between.0);
                }
                _ => _ = self.play(call),
            }
        }
        self.check_births();
    }

    /// As many threads were born and not released as are listed.
    fn check_births(&self) {
        let (root, mut listed, mut from) = (self.table.namespace(), 0, 0);
        while let Some((pid, process)) = self.table.next_process(root, from) {
            listed += process.tasks().map_or(0, |tasks| tasks.len());
            from = pid + 1;
        }
        assert_eq!(Moody::unreleased(), listed, "births and releases do not balance");
    }

    /// How many threads were ever made.
    pub fn threads(&self) -> Index {
        Index::try_from(self.threads.len()).unwrap_or(Index::MAX)
    }

    /// How many terminals were ever made; the first one is none.
    pub fn terminals(&self) -> Index {
        Index::try_from(self.terminals.len()).unwrap_or(Index::MAX)
    }

    /// How many handles were ever made; the first one is none.
    pub fn handles(&self) -> Index {
        Index::try_from(self.handles.len()).unwrap_or(Index::MAX)
    }

    /// One of the threads, unless it was dropped.
    pub fn thread(&self, which: Index) -> Option<&ARef<Thread<Moody>>> {
        pick(&self.threads, which)
    }

    /// One of the terminals, unless it was dropped.
    pub fn terminal(&self, which: Index) -> Option<&ARef<Terminal<Moody>>> {
        pick(&self.terminals, which)
    }

    /// One of the handles, unless it was dropped.
    pub fn handle(&self, which: Index) -> Option<&PidHandle<Moody>> {
        pick(&self.handles, which)
    }

    /// Which of the processes that is.
    pub fn position(&self, process: &ARef<Process<Moody>>) -> Option<Index> {
        let same = |it: &Option<_>| it.as_ref().is_some_and(|it| ARef::ptr_eq(it, process));
        Index::try_from(self.processes.iter().position(same)?).ok()
    }

    /// The signals that a thread could take, each a bit.
    pub fn signals_for(&self, thread: Index) -> u64 {
        self.thread(thread).map_or(0, |thread| waiting_for(thread))
    }

    /// Which of the execs that have begun is the thread's.
    fn exec_of(&self, thread: &ARef<Thread<Moody>>) -> Option<usize> {
        self.execs.iter().position(|(it, _)| ARef::ptr_eq(it, thread))
    }

    /// `None`: there is no such caller, or the call failed.
    fn try_play(&mut self, call: Call) -> Option<()> {
        match call {
            Call::Mood(bits) => Moody::set(Mood::from_bits(bits)),
            Call::Treat { by, signal, how } => {
                self.process(by)?.host_data().treat(signal_of(signal.value())?, how)?;
            }
            Call::Block { by, signals } => self.thread(by)?.host_data().block(signals),
            Call::TakeSignals { by } => take_signals(self.thread(by)?),
            Call::Fork { by, how, exit_signal, numbers } => {
                let numbers = numbers.map(|number| Pid::try_from(number.value()).unwrap_or(0));
                let request = fork_request(how, exit_signal, &numbers);
                let caller = self.thread(by).filter(|_| self.has_room())?;
                let (signals, waiting) = inherited(caller);
                let child = caller.fork(request, signals, waiting).ok()?;
                self.processes.push(Some(ARef::clone(child.process())));
                self.threads.push(Some(child));
            }
            Call::SpawnThread { by, number } => {
                let number =
                    if number == 0 { Number::Next } else { Number::Exactly(Pid::from(number)) };
                let caller = self.thread(by).filter(|_| self.has_room())?;
                let thread = caller.spawn_thread(number, inherited(caller).1).ok()?;
                self.threads.push(Some(thread));
            }
            Call::Exec { by } => {
                let thread = self.thread(by)?;
                thread.exec().ok()?;
                thread.process().host_data().forget_handlers();
            }
            Call::StepExec { by } => {
                let thread = ARef::clone(self.thread(by)?);
                let Some(position) = self.exec_of(&thread) else {
                    let exec = thread.begin_exec().ok()?;
                    self.execs.push((thread, exec));
                    return Some(());
                };
                let finished = self.execs[position].1.try_finish();
                if finished != Ok(false) {
                    drop(self.execs.swap_remove(position));
                }
                if finished.ok()? {
                    thread.process().host_data().forget_handlers();
                }
            }
            Call::GiveUpExec { by } => {
                let position = self.exec_of(self.thread(by)?)?;
                drop(self.execs.swap_remove(position));
            }
            Call::StepExit { by, status } => {
                let thread = ARef::clone(self.thread(by)?);
                let is_its = |(it, ..): &(ARef<_>, _, _)| ARef::ptr_eq(it, &thread);
                let Some(position) = self.exits.iter().position(is_its) else {
                    let exit = thread.begin_exit(status_of(status));
                    self.exits.push((thread, exit, false));
                    return Some(());
                };
                let (_, exit, is_exiting) = &mut self.exits[position];
                // The last thread of a namespace's init may have to be asked again.
                if !std::mem::replace(is_exiting, true) {
                    exit.set_exiting();
                } else if exit.try_finish() {
                    drop(self.exits.swap_remove(position));
                }
            }
            Call::StepCoreDump { by, is_written } => {
                let thread = ARef::clone(self.thread(by)?);
                let is_its = |(it, _): &(ARef<_>, _)| ARef::ptr_eq(it, &thread);
                match self.dumps.iter().position(is_its) {
                    Some(position) => {
                        self.dumps.swap_remove(position).1.finish(is_written & 1 != 0);
                    }
                    None => {
                        let dump = thread.begin_core_dump(Signal::SIGSEGV).ok()?;
                        self.dumps.push((thread, dump));
                    }
                }
            }
            Call::ExitThread { by, status } => {
                self.thread(by)?.exit_thread(status_of(status));
            }
            Call::BeginGroupExit { by, status } => {
                self.process(by)?.begin_group_exit(status_of(status));
            }
            Call::DropThread { by } => drop(take(&mut self.threads, by)),
            Call::DropProcess { by } => drop(take(&mut self.processes, by)),
            Call::Wait4 { by, pid, options } => {
                self.wait(by, WaitRequest::wait4(pid.value(), options.value()))?;
            }
            Call::Waitid { by, kind, id, options } => {
                self.wait(by, WaitRequest::waitid(kind.into(), id.value(), options.value()))?;
            }
            Call::Setpgid { by, pid, pgid } => {
                self.process(by)?.setpgid(pid.value(), pgid.value()).ok()?;
            }
            Call::Getpgid { by, pid } => {
                self.process(by)?.getpgid(pid.value()).ok()?;
            }
            Call::Getsid { by, pid } => {
                self.process(by)?.getsid(pid.value()).ok()?;
            }
            Call::Setsid { by } => {
                self.process(by)?.setsid().ok()?;
            }
            Call::BecomeSubreaper { by } => self.process(by)?.become_subreaper(),
            Call::ResignSubreaper { by } => self.process(by)?.resign_subreaper(),
            Call::SetParentDeathSignal { by, argument } => {
                let signal = Thread::<Moody>::parse_parent_death_signal(argument).ok()?;
                self.thread(by)?.set_parent_death_signal(signal);
            }
            Call::Kill { by, pid, signal } => {
                self.thread(by)?.kill(pid.value(), signal.value()).ok()?;
            }
            Call::Tkill { by, tid, signal } => {
                self.thread(by)?.tkill(tid.value(), signal.value()).ok()?;
            }
            Call::Tgkill { by, tgid, tid, signal } => {
                self.thread(by)?.tgkill(tgid.value(), tid.value(), signal.value()).ok()?;
            }
            Call::Sigqueue { by, pid, signal, code } => {
                let info = GivenInfo::new(signal.value(), code.value());
                self.thread(by)?.rt_sigqueueinfo(pid.value(), info).ok()?;
            }
            Call::Tgsigqueue { by, tgid, tid, signal, code } => {
                let info = GivenInfo::new(signal.value(), code.value());
                self.thread(by)?.rt_tgsigqueueinfo(tgid.value(), tid.value(), info).ok()?;
            }
            Call::KernelSends { by, on_behalf_of, signal, code, how } => {
                let thread = self.thread(by)?;
                let signal = signal_of(signal.value())?;
                let named = self.process(on_behalf_of)?;
                let sender: Option<&Process<Moody>> = (how & 4 != 0).then_some(named);
                let cause = match how & 3 {
                    0 => KernelCause::Kernel,
                    1 => KernelCause::OnBehalfOf(named),
                    _ => KernelCause::Event { code: code.value(), value: 0, number: 0, sender },
                };
                match how >> 3 & 7 {
                    0 => thread.process().send_signal(signal, cause),
                    1 => {
                        thread.process().group().send_signal(signal, cause, |_, _| how & 0x40 == 0)
                    }
                    2 => thread.force_signal(signal, cause, ForcedAction::AsSet),
                    3 => thread.force_signal(signal, cause, ForcedAction::Default),
                    4 => thread.force_signal(signal, cause, ForcedAction::Final),
                    _ => thread.send_signal(signal, cause),
                }
            }
            Call::SignalSent { by, signal } => {
                self.process(by)?.note_signal_sent(signal_of(signal.value())?);
            }
            Call::TakeTicket { by } => self.ticket = Some(self.process(by)?.stop_ticket()),
            Call::BeginStop { by, signal } => {
                let thread = self.thread(by)?;
                let ticket = self.ticket.unwrap_or_else(|| thread.process().stop_ticket());
                thread.begin_stop(signal_of(signal.value())?, ticket);
                self.ticket = None;
            }
            Call::JoinStop { by, bits } => {
                let (thread, own) = (self.thread(by)?, u32::from(bits) << 24 | u32::from(bits));
                let own = Attention::from_bits_retain(own);
                thread.add_attention(own);
                thread.join_stop();
                assert!(!thread.attention().contains(Attention::STOP));
                assert!(thread.attention().contains(own & Attention::HOST));
                thread.remove_attention(own);
                assert!(!thread.attention().intersects(own & Attention::HOST));
            }
            Call::Run { by } => self.thread(by)?.notify_parent_if_continued(),
            Call::GroupStopped { by, signal } => {
                self.process(by)?.report_group_stopped(signal_of(signal.value())?);
            }
            Call::GroupContinued { by } => self.process(by)?.report_group_continued(),
            Call::UnsharePid { by } => self.thread(by)?.unshare_pid().ok()?,
            Call::SetPidNamespace { by, of } => {
                let space: ARef<PidNamespace<Moody>> = self.process(of)?.namespace();
                self.thread(by)?.set_namespace_for_children(&space).ok()?;
            }
            Call::BeginWait { by, pid, options } => {
                let request = WaitRequest::wait4(pid.value(), options.value()).ok()?;
                let call = self.thread(by)?.begin_wait(&request);
                for _ in 0..2 {
                    call.poll().ok()?;
                }
            }
            Call::Reboot { by, command } => {
                self.process(by)?.reboot(RebootCommand::parse(command).ok()?);
            }
            Call::SetPidMax { by, limit, cpus } => {
                self.process(by)?.set_pid_max(limit.value(), cpus.into()).ok()?;
            }
            Call::SetLastPid { by, last } => self.process(by)?.set_last_pid(last.value()).ok()?,
            Call::Look { by } => self.look(by)?,
            other => {
                let played = self
                    .play_birth(other)
                    .or_else(|| self.play_handle(other))
                    .or_else(|| self.play_tracing(other))
                    .or_else(|| self.play_terminal(other));
                return played;
            }
        }
        Some(())
    }

    fn wait(&self, by: Index, request: Result<WaitRequest, Errno>) -> Option<()> {
        let thread = self.thread(by)?;
        if let WaitOutcome::NothingYet(token) = thread.wait(&request.ok()?).ok()? {
            assert!(!thread.process().has_news_since(token), "nothing has happened since");
            return None;
        }
        Some(())
    }

    fn look(&self, by: Index) -> Option<()> {
        let process = self.process(by)?;
        let namespace = process.namespace();
        let _ = (process.pid_in(&namespace), process.ppid(), process.pgid(), process.sid());
        let _ = (
            process.parent(),
            process.children().unwrap(),
            process.threads().unwrap(),
            process.group().processes().unwrap(),
        );
        let _ =
            (process.group().session().process_groups().unwrap(), process.group().is_orphaned());
        let _ = (process.controlling_terminal(), process.foreground_pgid(), process.is_stopped());
        let _ = (process.stat(&namespace), process.namespace_numbers(&namespace));
        let _ = (process.pid_max(), process.last_pid(), process.snapshot_tree(&namespace).unwrap());
        let mut from = 0;
        while let Some((pid, _)) = self.table.next_process(&namespace, from) {
            from = pid + 1;
        }
        for thread in process.threads().unwrap() {
            let _ = (
                thread.run_state(),
                thread.children().unwrap(),
                thread.tracer(),
                thread.tid_in(&namespace),
            );
        }
        let number = process.pid();
        let _ = (self.table.find_process(number), self.table.find_thread(number));
        let _ = (self.table.find_group(number), self.table.find_session(number));
        Some(())
    }

    fn has_room(&self) -> bool {
        self.threads.len() < MOST_THREADS
    }

    fn process(&self, by: Index) -> Option<&ARef<Process<Moody>>> {
        pick(&self.processes, by)
    }
}

fn pick<T>(of: &[Option<T>], which: Index) -> Option<&T> {
    of[usize::from(which) % of.len()].as_ref()
}

fn take<T>(of: &mut [Option<T>], which: Index) -> Option<T> {
    let count = of.len();
    of[usize::from(which) % count].take()
}

/// What a new process, or a new thread, has of its maker's.
fn inherited(maker: &Thread<Moody>) -> (Signals, Waiting) {
    (maker.process().host_data().inherited(), maker.host_data().inherited())
}

fn fork_request(how: u8, exit_signal: u8, numbers: &[Pid; 2]) -> ForkRequest<'_> {
    ForkRequest {
        number: match how & 0x0c {
            0x08 => Number::Each(&numbers[..1]),
            0x0c => Number::Each(numbers),
            _ => Number::Next,
        },
        exit_signal: if how & 0x30 == 0x30 {
            ExitSignal::from_raw(exit_signal)
        } else {
            ExitSignal::SIGCHLD
        },
        parent: if how & 1 == 0 { ForkParent::Caller } else { ForkParent::Sibling },
        namespace: if how & 0xc2 == 0xc2 { ForkNamespace::New } else { ForkNamespace::Inherited },
    }
}

fn status_of(raw: i32) -> ExitStatus {
    ExitStatus::from_raw(raw).unwrap_or(ExitStatus::exited(raw))
}

fn signal_of(number: i32) -> Option<Signal> {
    Signal::new(u8::try_from(number).ok()?)
}
