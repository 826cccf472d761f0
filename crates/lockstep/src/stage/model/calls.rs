//! The calls of actors, on the model.

use axprocess::{
    ARef, CloneArgs, CloneFlags, CloneRequest, Errno, ExitSignal, ExitStatus, ForkNamespace,
    ForkParent, ForkRequest, GivenInfo, NewTask, Patience, RebootCommand, Signal, Thread,
    WaitRequest,
};

use axprocess_signals::{Restart, signals_of};

use super::super::{Actor, Birth, Outcome};
use super::host::{GroupId, Layer, ThreadId};
use super::kernel::{Broken, Phase};
use super::notices::notify;
use super::signals::{SET, as_action, change_mask};
use super::sleep::{Look, Sleep};
use super::{Member, Model, ignore_sigpipe};
use crate::script::{
    self, Fork, Getter, Given, Handlers, Number, Operation, Pace, Parent, RawClone, Space, Switch,
};

/// What has become of a call: `None` if it sleeps, or its caller is no more.
pub(super) type Done = Option<Outcome>;

pub(super) fn plain(number: &Number) -> i32 {
    match number {
        Number::Plain(number) => *number,
        Number::Of(_) | Number::GroupOf(_) => 0,
    }
}

pub(super) fn value(result: Result<u32, Errno>) -> Done {
    Some(match result {
        Ok(number) => Outcome::Value(i64::from(number)),
        Err(errno) => Outcome::Error(errno.value()),
    })
}

pub(super) fn nothing(result: Result<(), Errno>) -> Done {
    value(result.map(|()| 0))
}

pub(super) fn as_signal(number: i32) -> Result<Signal, Errno> {
    u8::try_from(number).ok().and_then(Signal::new).ok_or(Errno::EINVAL)
}

impl Model {
    /// Makes the call. The caller's own signals have not been looked at when it returns.
    pub(super) fn call(
        &mut self,
        actor: Actor,
        operation: &Operation,
        birth: &mut Option<Birth>,
    ) -> Done {
        let thread = ARef::clone(&self.members[actor].thread);
        let process = ARef::clone(thread.process());
        match operation {
            Operation::Fork(request) => match self.fork(actor, request, birth) {
                Ok(number) if request.pace == Pace::Vfork => self.wait_for_child(actor, number),
                // A signal waits: behind that, it is made again.
                Err(Errno::EINTR) => self.refuse(actor, operation.clone(), Restart::Always),
                made => value(made),
            },
            Operation::Thread { .. } => match self.spawn_thread(actor, birth) {
                Err(Errno::EINTR) => self.refuse(actor, operation.clone(), Restart::Always),
                made => value(made),
            },
            Operation::Clone3(request) => nothing(self.refuse_clone(actor, request)),
            Operation::Exit(code) => {
                self.end_thread(actor, ExitStatus::exited(*code));
                None
            }
            Operation::ExitGroup(code) => {
                self.kernel().end_others(actor);
                process.begin_group_exit(ExitStatus::exited(*code));
                self.end_thread(actor, ExitStatus::exited(*code));
                None
            }
            Operation::Exec => self.exec(actor),
            Operation::Wait4 { who, options } => {
                self.wait(actor, WaitRequest::wait4(plain(who), *options))
            }
            Operation::WaitId { kind, id, options } => {
                self.wait(actor, WaitRequest::waitid(*kind, plain(id), *options))
            }
            Operation::Get(getter) => Some(Outcome::Value(get(&thread, *getter))),
            Operation::Getpgid(who) => value(process.getpgid(plain(who))),
            Operation::Getsid(who) => value(process.getsid(plain(who))),
            Operation::Setpgid(who, group) => nothing(process.setpgid(plain(who), plain(group))),
            Operation::Setsid => value(process.setsid()),
            Operation::Kill(who, signal) => nothing(thread.kill(plain(who), *signal)),
            Operation::Tkill(who, signal) => nothing(thread.tkill(plain(who), *signal)),
            Operation::Tgkill(group, who, signal) => {
                nothing(thread.tgkill(plain(group), plain(who), *signal))
            }
            Operation::Sigqueue(who, signal, given) => {
                let info = given_info(&thread, *signal, *given);
                nothing(thread.rt_sigqueueinfo(plain(who), info))
            }
            Operation::Tgsigqueue(group, who, signal, given) => {
                let info = given_info(&thread, *signal, *given);
                nothing(thread.rt_tgsigqueueinfo(plain(group), plain(who), info))
            }
            Operation::Notice(notice) => nothing(notify(&thread, notice)),
            Operation::Treat { signal, treatment } => nothing(
                signals_of(&thread)
                    .rt_sigaction(*signal, SET, || Ok(Some(as_action(treatment))))
                    .map(drop),
            ),
            Operation::Block(signal) => {
                change_mask(&thread, libc::SIG_BLOCK, script::SignalSet::of(*signal))
            }
            Operation::Unblock(signal) => {
                change_mask(&thread, libc::SIG_UNBLOCK, script::SignalSet::of(*signal))
            }
            Operation::Signals(call) => self.use_signals(actor, call),
            Operation::Signalfd(name, call) => self.use_signalfd(actor, name, *call),
            Operation::Subreaper(switch) => {
                match switch {
                    Switch::On => process.become_subreaper(),
                    Switch::Off => process.resign_subreaper(),
                }
                nothing(Ok(()))
            }
            Operation::DeathSignal(signal) => {
                let argument = i64::from(*signal).cast_unsigned();
                let wish = Thread::<Layer>::parse_parent_death_signal(argument);
                nothing(wish.map(|wish| thread.set_parent_death_signal(wish)))
            }
            Operation::UnsharePid => nothing(thread.unshare_pid()),
            Operation::Reboot(command) => match RebootCommand::parse(command.cast_unsigned()) {
                Ok(command) => {
                    process.reboot(command);
                    self.end_thread(actor, ExitStatus::exited(0));
                    None
                }
                Err(errno) => nothing(Err(errno)),
            },
            Operation::VHangUp => self.hang_up_own(actor),
            Operation::Terminal(name, call) => self.use_terminal(actor, name, call),
            Operation::Pidfd(name, call) => self.use_pidfd(actor, name, call),
            Operation::Trace(call) => self.trace(actor, call),
        }
    }

    fn fork(&mut self, actor: Actor, fork: &Fork, birth: &mut Option<Birth>) -> Result<u32, Errno> {
        let exit_signal = match fork.exit_signal {
            0 => ExitSignal::NONE,
            signal => as_signal(signal)?.into(),
        };
        if fork.parent == Parent::Sibling && exit_signal != ExitSignal::NONE {
            return Err(Errno::EINVAL);
        }
        let thread = ARef::clone(&self.members[actor].thread);
        let child = self.members.len();
        let group = self.kernel().add_group(child);
        let wanted;
        let number = match fork.number {
            None => axprocess::Number::Next,
            Some(number) => {
                wanted = [u32::try_from(number).unwrap_or(0)];
                axprocess::Number::Each(&wanted)
            }
        };
        let request = ForkRequest {
            number,
            exit_signal,
            parent: match fork.parent {
                Parent::Caller => ForkParent::Caller,
                Parent::Sibling => ForkParent::Sibling,
            },
            namespace: match fork.space {
                Space::Inherited => ForkNamespace::Inherited,
                Space::New => ForkNamespace::New,
            },
        };
        let flags = match fork.handlers {
            Handlers::Copied => CloneFlags::empty(),
            Handlers::Shared => CloneFlags::SIGHAND | CloneFlags::VM,
            Handlers::Cleared => CloneFlags::CLEAR_SIGHAND,
        };
        let (new_process, new_thread) =
            signals_of(&thread).fork(flags, GroupId(group), ThreadId(child))?;
        let made = thread.fork(request, new_process, new_thread)?;
        if fork.pace == Pace::Vfork {
            thread.begin_vfork(&made);
        }
        self.kernel().add(child, group);
        let number = self.welcome(&thread, made, birth);
        let event = match (fork.pace, fork.exit_signal) {
            (Pace::Vfork, _) => libc::PTRACE_EVENT_VFORK,
            (Pace::Free, libc::SIGCHLD) => libc::PTRACE_EVENT_FORK,
            (Pace::Free, _) => libc::PTRACE_EVENT_CLONE,
        };
        self.announce_birth(actor, child, event)?;
        Ok(number)
    }

    /// The tracer of the maker is told of a new thread, if it wants to be, and traces it too.
    fn announce_birth(&self, maker: Actor, child: Actor, event: i32) -> Result<(), Errno> {
        if let Some(event) = self.inherit_tracer(maker, child, event)? {
            self.stop_for_event(maker, event);
        }
        Ok(())
    }

    /// Why a clone3 is refused; success, if it would make somebody.
    fn refuse_clone(&self, actor: Actor, request: &RawClone) -> Result<(), Errno> {
        let clone = parse_clone(request)?;
        let admitted = self.members[actor].thread.admit_clone(&clone)?;
        if !request.is_in_vain() {
            return Ok(());
        }
        // It is refused last of all: who was nearly made has used a number up.
        let group = self.kernel().tasks[actor].group;
        let child = self.members.len();
        let signals = signals_of(&self.members[actor].thread);
        match admitted {
            NewTask::Process(new) => {
                let flags = CloneFlags::empty();
                let (process, thread) = signals.fork(flags, GroupId(group), ThreadId(child))?;
                drop(new.prepare(process, thread)?);
            }
            NewTask::Thread(new) => drop(new.prepare(signals.new_thread(ThreadId(child)))?),
        }
        Err(Errno::EFAULT)
    }

    /// Whether a clone3 is refused, be it at its end. Nothing is made to find out.
    pub(super) fn is_clone_refused(&self, actor: Actor, request: &RawClone) -> bool {
        let thread = &self.members[actor].thread;
        let admits = |clone| thread.admit_clone(&clone).is_ok();
        request.is_in_vain() || !parse_clone(request).is_ok_and(admits)
    }

    /// The maker of a child sleeps until the child lets it go.
    fn wait_for_child(&self, actor: Actor, number: u32) -> Done {
        if !self.members[actor].thread.is_waiting_for_vfork() {
            return value(Ok(number));
        }
        self.kernel().tasks[actor].phase = Phase::Vfork(number);
        None
    }

    fn spawn_thread(&mut self, actor: Actor, birth: &mut Option<Birth>) -> Result<u32, Errno> {
        let thread = ARef::clone(&self.members[actor].thread);
        let child = self.members.len();
        let new = signals_of(&thread).new_thread(ThreadId(child));
        let made = thread.spawn_thread(axprocess::Number::Next, new)?;
        {
            let mut kernel = self.kernel();
            let group = kernel.tasks[actor].group;
            kernel.add(child, group);
        }
        let number = self.welcome(&thread, made, birth);
        self.begin_life(child);
        self.announce_birth(actor, child, libc::PTRACE_EVENT_CLONE)?;
        Ok(number)
    }

    /// Takes a new actor in; returns its number as its maker sees it.
    fn welcome(
        &mut self,
        maker: &ARef<Thread<Layer>>,
        made: ARef<Thread<Layer>>,
        birth: &mut Option<Birth>,
    ) -> u32 {
        let member = Member::new(made);
        let seen = |thread: &Thread<Layer>| thread.tid_in(&self.space).cast_signed();
        let leader = member.thread.process().pid_in(&self.space).cast_signed();
        *birth = Some(Birth {
            actor: self.members.len(),
            process: leader,
            thread: seen(&member.thread),
            depth: member.thread.process().namespace().level() - self.space.level(),
        });
        let number = member.thread.tid_in(&maker.process().namespace());
        self.members.push(member);
        number
    }

    /// The caller asks the other threads to exit, and sleeps until the last of them is gone.
    fn exec(&mut self, actor: Actor) -> Done {
        match self.members[actor].thread.begin_exec() {
            Ok(exec) => {
                self.execs.insert(actor, exec);
                self.go_on_with_exec(actor)
            }
            Err(errno) => nothing(Err(errno)),
        }
    }

    /// Takes the process over, if no other thread is left.
    pub(super) fn go_on_with_exec(&mut self, actor: Actor) -> Done {
        match self.execs.get_mut(&actor)?.try_finish() {
            Ok(true) => {}
            Ok(false) => {
                self.kernel().tasks[actor].phase = Phase::Exec;
                return None;
            }
            Err(errno) => {
                self.execs.remove(&actor);
                return nothing(Err(errno));
            }
        }
        self.execs.remove(&actor);
        let mut kernel = self.kernel();
        let leader = kernel.groups[kernel.tasks[actor].group].leader;
        kernel.take_over(actor);
        drop(kernel);
        let thread = &self.members[actor].thread;
        signals_of(thread).exec();
        if let Err(errno) = ignore_sigpipe(thread) {
            return nothing(Err(errno));
        }
        self.members[actor].numbers = self.members[leader].numbers.clone();
        self.stop_for_exec(actor);
        nothing(Ok(()))
    }

    pub(super) fn wait(&mut self, actor: Actor, request: Result<WaitRequest, Errno>) -> Done {
        match request {
            Err(errno) => Some(Outcome::Error(errno.value())),
            Ok(request) => self.begin_wait(actor, &request),
        }
    }

    /// What a wait finds; `None` if it has to sleep, and does.
    pub(super) fn begin_wait(&mut self, actor: Actor, request: &WaitRequest) -> Done {
        let mut sleep = Sleep::begin(ARef::clone(&self.members[actor].thread), *request);
        match sleep.look() {
            Look::Done(outcome, read) => {
                self.note_read(actor, read);
                Some(outcome)
            }
            Look::NothingYet(token) => match request.patience() {
                Patience::Leave => Some(Outcome::Nothing),
                Patience::Fail(errno) => Some(Outcome::Error(errno.value())),
                Patience::Sleep => {
                    self.sleeps.insert(actor, sleep);
                    self.kernel().begin_wait(actor, *request, token);
                    None
                }
            },
        }
    }

    /// A call that is made again behind a signal.
    pub(super) fn refuse(&mut self, actor: Actor, operation: Operation, restart: Restart) -> Done {
        self.refused.insert(actor, operation);
        self.kernel().tasks[actor].phase = Phase::Interrupted(Broken::Call(restart));
        None
    }

    /// A new thread has something to do before it runs, if it is wanted: it joins a stop.
    pub(super) fn begin_life(&self, actor: Actor) {
        self.kernel().kick(&self.members[actor].thread);
    }

    /// A thread begins to exit, and ends, unless its tracer wants to see it before.
    pub(super) fn end_thread(&mut self, actor: Actor, status: ExitStatus) {
        self.awaits.remove(&actor);
        let exit = self.members[actor].thread.begin_exit(status);
        self.exits.insert(actor, exit);
        self.kernel().tasks[actor].phase = Phase::Idle;
        if !self.stop_for_exit(actor) {
            self.finish_exit(actor);
        }
    }

    /// Ends a thread of the kernel and of the model. Others may run between (R-EXIT-14): Linux lets them where it has much to give back.
    pub(super) fn finish_exit(&mut self, actor: Actor) {
        let Some(mut exit) = self.exits.remove(&actor) else {
            return;
        };
        self.kernel().remove(actor);
        signals_of(&self.members[actor].thread).set_exiting(&mut exit);
        self.members[actor].thread.note_mm_release();
        let running = self.kernel().running;
        while self.kernel().gives_way() && self.run_next() {}
        self.kernel().running = running;
        self.exits.insert(actor, exit);
        self.go_on_with_exit(actor);
    }

    /// A thread that is gone ends for good, or sleeps because it ends its namespace.
    pub(super) fn go_on_with_exit(&mut self, actor: Actor) {
        if let Some(mut exit) = self.exits.remove(&actor)
            && !exit.try_finish()
        {
            self.exits.insert(actor, exit);
        }
    }
}

fn parse_clone(request: &RawClone) -> Result<CloneRequest, Errno> {
    const STACK: (u64, u64) = (0x1000, 0x1000);
    let bytes: Vec<u8> = request.words(STACK).iter().flat_map(|it| it.to_ne_bytes()).collect();
    let size = usize::try_from(request.size).map_err(|_| Errno::E2BIG)?;
    let args = CloneArgs::read(size, |at, to| {
        let known = bytes.iter().copied().skip(at).chain(std::iter::repeat(0));
        to.iter_mut().zip(known).for_each(|(place, byte)| *place = byte);
        Ok(())
    })?;
    CloneRequest::from_clone3(&args, size, |_, _| Err(Errno::EFAULT))
}

/// As sigqueue(3) fills it in.
fn given_info(thread: &Thread<Layer>, signal: i32, given: Given) -> GivenInfo {
    let (pid, value) = (thread.process().pid(), u64::from(given.value.cast_unsigned()));
    GivenInfo { pid, value, ..GivenInfo::new(signal, given.code) }
}

fn get(thread: &Thread<Layer>, getter: Getter) -> i64 {
    let process = thread.process();
    match getter {
        Getter::Pid => i64::from(process.pid()),
        Getter::Tid => i64::from(thread.tid()),
        Getter::ParentPid => i64::from(process.ppid()),
        Getter::Group => i64::from(process.pgid()),
        Getter::Subreaper => i64::from(process.is_subreaper()),
        Getter::DeathSignal => i64::from(thread.parent_death_signal().map_or(0, Signal::number)),
        Getter::ChildrenUsage => i64::from(process.children_usage().0 > 0),
    }
}
