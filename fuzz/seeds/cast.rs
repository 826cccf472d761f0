//! The actors of a scenario: what they do becomes calls. What follows from it is [`kernel`](crate::kernel)'s.

use std::collections::HashMap;

use axprocess::{ARef, CloneFlags};
use axprocess_fuzz::{Call, Calls, Flags, Index, Steps, Wild, Word, World};

use crate::script::{
    Action, Fork, INIT, MaskChange, Notice, Number, Operation, Owner, Pace, Parent, RawClone,
    SignalCall, SignalSet, Space, Step, Switch, TraceCall, Treatment,
};

/// The actors of a scenario.
pub(crate) struct Cast {
    pub(crate) world: World,
    pub(crate) calls: Vec<Call>,
    /// Which threads they are.
    actors: HashMap<String, Index>,
    /// What they have open.
    pub(crate) files: HashMap<String, crate::files::File>,
    /// Who sleeps in a wait.
    pub(crate) sleepers: Vec<(Index, Call)>,
    /// Who was stopped when it was last looked at.
    pub(crate) stopped: Vec<Index>,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let mut cast = Self {
            world: World::boot(),
            calls: Vec::new(),
            actors: HashMap::from([(INIT.to_owned(), 0)]),
            files: HashMap::new(),
            sleepers: Vec::new(),
            stopped: Vec::new(),
        };
        // The first actor leads a session.
        cast.call(Call::Setsid { by: 0 });
        cast
    }

    pub(crate) fn into_calls(self) -> Calls {
        Calls(self.calls)
    }

    /// Does a step, and all that follows from it; says whether it succeeded. `None`: no call does the like.
    pub(crate) fn perform(&mut self, step: &Step) -> Option<bool> {
        let by = *self.actors.get(&step.actor)?;
        let viewer = self.world.thread(by)?.process().namespace();
        let operation = step.operation.resolve(|name| {
            let thread = self.world.thread(*self.actors.get(name)?)?;
            Some(thread.tid_in(&viewer).cast_signed()).filter(|&number| number != 0)
        });
        let succeeds = self.act(by, &operation)?;
        self.settle();
        Some(succeeds)
    }

    /// Makes a call, and writes it down.
    pub(crate) fn call(&mut self, call: Call) -> bool {
        self.calls.push(call);
        self.world.play(call)
    }

    fn act(&mut self, by: Index, operation: &Operation) -> Option<bool> {
        let process = self.process_of(by)?;
        Some(match operation {
            Operation::Fork(fork) => self.fork(by, fork),
            Operation::Thread { child } => self.make(child, Call::SpawnThread { by, number: 0 }),
            Operation::Clone3(request) if request.is_in_vain() => self.call(Call::Prepare {
                by,
                how: 0,
                exit_signal: 0,
                numbers: [0, 0].map(Wild::from),
                steps: Steps::IN_VAIN,
            }),
            Operation::Clone3(request) => self.call(clone3(by, request)?),
            Operation::Exit(code) => self.exit(by, *code),
            Operation::ExitGroup(code) => {
                self.call(Call::BeginGroupExit { by: process, status: code << 8 })
            }
            Operation::Exec => self.call(Call::Exec { by }),
            Operation::Wait4 { who, options } => {
                self.wait(by, Call::Wait4 { by, pid: wild(who), options: (*options).into() })
            }
            Operation::WaitId { kind, id, options } => {
                let (kind, options) = (u8::try_from(*kind).ok()?, (*options).into());
                self.wait(by, Call::Waitid { by, kind, id: wild(id), options })
            }
            Operation::Get(_) => self.call(Call::Look { by: process }),
            Operation::Getpgid(who) => self.call(Call::Getpgid { by: process, pid: wild(who) }),
            Operation::Getsid(who) => self.call(Call::Getsid { by: process, pid: wild(who) }),
            Operation::Setpgid(who, group) => {
                self.call(Call::Setpgid { by: process, pid: wild(who), pgid: wild(group) })
            }
            Operation::Setsid => self.call(Call::Setsid { by: process }),
            Operation::Kill(who, signal) => {
                self.call(Call::Kill { by, pid: wild(who), signal: (*signal).into() })
            }
            Operation::Tkill(who, signal) => {
                self.call(Call::Tkill { by, tid: wild(who), signal: (*signal).into() })
            }
            Operation::Tgkill(group, who, signal) => {
                let (tgid, tid) = (wild(group), wild(who));
                self.call(Call::Tgkill { by, tgid, tid, signal: (*signal).into() })
            }
            Operation::Sigqueue(who, signal, given) => self.call(Call::Sigqueue {
                by,
                pid: wild(who),
                signal: (*signal).into(),
                code: given.code.into(),
            }),
            Operation::Tgsigqueue(group, who, signal, given) => self.call(Call::Tgsigqueue {
                by,
                tgid: wild(group),
                tid: wild(who),
                signal: (*signal).into(),
                code: given.code.into(),
            }),
            Operation::Notice(notice) => self.notify(by, notice),
            Operation::Treat { signal, treatment } => {
                let how = how_of(*treatment);
                self.call(Call::Treat { by: process, signal: (*signal).into(), how })
            }
            Operation::Block(signal) => self.mask(by, |mask| mask | bit_of(*signal)),
            Operation::Unblock(signal) => self.mask(by, |mask| mask & !bit_of(*signal)),
            Operation::Signals(SignalCall::Mask(change, SignalSet(set))) => {
                self.mask(by, |mask| match change {
                    MaskChange::Set => *set,
                    MaskChange::Block => mask | set,
                    MaskChange::Unblock => mask & !set,
                })
            }
            // What waits, and who sleeps until something does, is the kernel's.
            Operation::Signals(call) => {
                let is_signal = |signal: &i32| (1..=64).contains(signal);
                let is_good = !matches!(call, SignalCall::GetAction(it) if !is_signal(it));
                self.call(Call::Look { by: process }) && is_good
            }
            Operation::Signalfd(..) => self.call(Call::Look { by: process }),
            Operation::Subreaper(Switch::On) => self.call(Call::BecomeSubreaper { by: process }),
            Operation::Subreaper(Switch::Off) => self.call(Call::ResignSubreaper { by: process }),
            Operation::DeathSignal(signal) => {
                let argument = i64::from(*signal).cast_unsigned();
                self.call(Call::SetParentDeathSignal { by, argument })
            }
            Operation::UnsharePid => self.call(Call::UnsharePid { by }),
            Operation::Reboot(command) => {
                let command = command.cast_unsigned();
                self.call(Call::Reboot { by: process, command }) && self.exit(by, 0)
            }
            Operation::Terminal(name, call) => self.use_terminal(by, process, name, call)?,
            Operation::VHangUp => self.hang_up_own(by),
            Operation::Trace(call) => self.trace(by, call)?,
            Operation::Pidfd(name, call) => self.use_pidfd(by, process, name, call)?,
        })
    }

    /// As if the caller itself were hit, if anybody is.
    fn notify(&mut self, by: Index, notice: &Notice) -> bool {
        if self.names_somebody(by, notice) != Some(true) {
            return false;
        }
        let (how, code) = match notice {
            Notice::BrokenPipe => (1 | 7 << 3, 0),
            Notice::Timer(_, None) => (2, -2),
            Notice::Timer(_, Some(_)) => (2 | 7 << 3, -2),
            Notice::File(Owner::Group, _, _) => (2 | 1 << 3, 1),
            Notice::File(Owner::Process, _, _) => (2, 1),
            Notice::File(Owner::Thread, _, _) => (2 | 7 << 3, 1),
        };
        let signal = notice.signal().into();
        self.call(Call::KernelSends { by, on_behalf_of: by, signal, code: code.into(), how })
    }

    /// Whether a notice is for somebody; a timer is for a thread of its own process.
    fn names_somebody(&self, by: Index, notice: &Notice) -> Option<bool> {
        let caller = self.world.thread(by)?;
        let viewer = caller.process().namespace();
        let number = |named: &Number| wild(named).value().unsigned_abs();
        Some(match notice {
            Notice::BrokenPipe | Notice::Timer(_, None) => true,
            Notice::Timer(_, Some(thread)) => viewer
                .find_thread(number(thread))
                .is_some_and(|it| ARef::ptr_eq(it.process(), caller.process())),
            Notice::File(_, owner, _) => viewer.find_identity(number(owner)).is_ok(),
        })
    }

    /// What a request of ptrace does to the tracee besides is done by that: an interrupted one stops, one that gets a signal takes it.
    fn trace(&mut self, by: Index, call: &TraceCall) -> Option<bool> {
        let tid = match call.target() {
            Some(Number::Plain(number)) => u16::try_from(*number).ok()?,
            _ => 0,
        };
        Some(match call {
            TraceCall::Me => self.call(Call::TraceMe { by }),
            TraceCall::Attach(_) => self.call(Call::Attach { by, tid, seize: false, options: 0 }),
            TraceCall::Seize(_, options) => {
                let options = options.cast_unsigned();
                self.call(Call::Attach { by, tid, seize: true, options })
            }
            TraceCall::SetOptions(_, options) => {
                let options = options.cast_unsigned();
                self.call(Call::SetTraceOptions { by, tid, options })
            }
            TraceCall::Interrupt(_) => {
                let tracee = self.tracee(by, tid);
                let is_asked = self.call(Call::InterruptTracee { by, tid });
                if let Some(by) = tracee.filter(|_| is_asked) {
                    self.call(Call::JoinStop { by, bits: 0 });
                }
                is_asked
            }
            TraceCall::Listen(_) => self.call(Call::ListenToTracee { by, tid }),
            TraceCall::Continue(_, signal) => {
                let tracee = self.tracee(by, tid);
                let is_resumed = self.call(Call::ResumeTracee { by, tid });
                self.deliver(tracee.filter(|_| is_resumed), *signal);
                is_resumed
            }
            TraceCall::Detach(_, signal) => {
                let tracee = self.tracee(by, tid);
                let is_detached = self.call(Call::Detach { by, tid });
                self.deliver(tracee.filter(|_| is_detached), *signal);
                is_detached
            }
        })
    }

    fn tracee(&self, by: Index, tid: u16) -> Option<Index> {
        let tracee = self.world.thread(by)?.tracee(tid.into()).ok()?;
        let is_it = |index: &Index| {
            self.world.thread(*index).is_some_and(|it| axprocess::ARef::ptr_eq(it, &tracee))
        };
        (0..self.world.threads()).find(is_it)
    }

    fn deliver(&mut self, tracee: Option<Index>, signal: i32) {
        if let Some((tracee, signal)) = tracee.zip(u8::try_from(signal).ok())
            && let Some(process) = self.process_of(tracee)
        {
            self.call(Call::TakeTicket { by: process });
            self.take(tracee, process, signal);
        }
    }

    fn fork(&mut self, by: Index, fork: &Fork) -> bool {
        let is_plain = fork.exit_signal == libc::SIGCHLD;
        let is_sibling = fork.parent == Parent::Sibling;
        let exit_signal = match u8::try_from(fork.exit_signal) {
            Ok(signal @ 0..=64) if !is_sibling || signal == 0 => signal,
            _ => return self.call(refused_fork(by, fork)),
        };
        let call = Call::Fork {
            by,
            how: [
                (is_sibling, 1),
                (fork.number.is_some(), 0x08),
                (!is_plain, 0x30),
                (fork.space == Space::New, 0xc2),
            ]
            .iter()
            .fold(0, |how, (is_so, bits)| if *is_so { how | bits } else { how }),
            exit_signal,
            numbers: [fork.number.unwrap_or(0), 0].map(Wild::from),
        };
        let child = self.world.threads();
        self.make(&fork.child, call)
            && (fork.pace == Pace::Free || self.call(Call::BeginVfork { by, child }))
    }

    /// Makes a thread; if it is made, the actor of that name is it.
    fn make(&mut self, child: &str, call: Call) -> bool {
        let next = self.world.threads();
        let is_made = self.call(call);
        if is_made {
            self.actors.insert(child.to_owned(), next);
        }
        is_made
    }

    pub(crate) fn exit(&mut self, by: Index, code: i32) -> bool {
        self.call(Call::ExitThread { by, status: code << 8 })
    }

    pub(crate) fn process_of(&self, by: Index) -> Option<Index> {
        self.world.position(self.world.thread(by)?.process())
    }

    fn mask(&mut self, by: Index, change: impl FnOnce(u64) -> u64) -> bool {
        let blocked = self.world.thread(by).map_or(0, |thread| thread.host_data().blocked());
        self.call(Call::Block { by, signals: change(blocked) })
    }
}

/// A number of a call, names resolved.
pub(crate) fn wild(number: &Number) -> Wild {
    match number {
        Number::Plain(number) => (*number).into(),
        Number::Of(_) | Number::GroupOf(_) => 0.into(),
    }
}

/// A fork that clone3 refuses, because of its exit signal.
fn refused_fork(by: Index, fork: &Fork) -> Call {
    let flags = match fork.parent {
        Parent::Caller => CloneFlags::empty(),
        Parent::Sibling => CloneFlags::PARENT,
    };
    let mut fields = [Word::Zero; 11];
    fields[3] = i64::from(fork.exit_signal).cast_unsigned().into();
    Call::Clone3 { by, flags: Flags::Any(flags.bits()), fields, size: 88, set_tid: [0; 3] }
}

fn clone3(by: Index, request: &RawClone) -> Option<Call> {
    const STACK: (u64, u64) = (1, 1);
    let [flags, fields @ ..] = request.words(STACK);
    Some(Call::Clone3 {
        by,
        flags: Flags::Any(flags),
        fields: fields.map(Word::from),
        size: u16::try_from(request.size).ok()?,
        set_tid: [0; 3],
    })
}

fn how_of(treatment: Treatment) -> u8 {
    let action = match treatment.action {
        Action::Default => 0,
        Action::Ignore => 1,
        Action::Handle => 8,
    };
    action | if treatment.no_wait { 2 } else { 0 } | if treatment.no_stop { 4 } else { 0 }
}

/// The bit of a signal in a mask.
fn bit_of(signal: i32) -> u64 {
    let number = u32::try_from(signal - 1);
    number.ok().and_then(|number| 1_u64.checked_shl(number)).unwrap_or(0)
}
