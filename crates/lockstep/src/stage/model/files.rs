//! Terminals and pidfds, on the model, and what stands behind the names of files.

use axprocess::{
    ARef, AcquireTerminal, AdminRight, Errno, HandleState, IfTaken, InfoMask, PidHandle,
    PidfdFlags, PidfdMode, Process, Signal, SignalScope, StopSignal, Terminal, TerminalAccess,
    TerminalAnswer, TerminalFile, TerminalKind, TerminalSide, WaitRequest,
};

use axprocess_signals::{ActionFlags, Handler, Restart, signals_of};

use super::super::{Actor, Outcome};
use super::Model;
use super::calls::{Done, nothing, plain, value};
use super::host::Layer;
use crate::script::{
    self, Ask, Mode, Operation, PidfdCall, Side, SignalSet, TerminalCall, Writers,
};

/// What stands behind the name of a file.
pub(super) enum File {
    /// A pseudo-terminal.
    Pair(Pair),
    /// A pidfd.
    Pidfd(PidHandle<Layer>, PidfdMode),
    /// A signalfd.
    Signalfd(SignalSet),
}

/// A pseudo-terminal.
#[derive(Clone)]
pub(super) struct Pair {
    terminal: ARef<Terminal<Layer>>,
    writers: Writers,
    line: Line,
    master: Master,
}

/// Whether the master of a terminal is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Master {
    Open,
    Closed,
}

/// Whether the files of a terminal are good for anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// They are.
    Open,
    /// It has hung up, and cannot do so again.
    HungUp,
    /// It has hung up, but was opened anew through its master: it can hang up again, and what was open before stays dead.
    Reopened,
}

impl Pair {
    fn hang_up(&mut self) {
        if self.line != Line::HungUp {
            self.line = Line::HungUp;
            self.terminal.hang_up();
        }
    }
}

/// The number of the device: the same for all, as none is compared.
const DEVICE: u32 = 0x8800;

impl From<Side> for TerminalSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Slave => Self::Slave,
            Side::Master => Self::Master,
        }
    }
}

impl Model {
    /// Makes a call that is about a terminal.
    pub(super) fn use_terminal(&mut self, actor: Actor, name: &str, call: &TerminalCall) -> Done {
        if let TerminalCall::Make(writers) = call {
            let terminal =
                self.table.new_terminal(TerminalKind::PseudoTerminal, DEVICE, ()).unwrap();
            let pair = Pair { terminal, writers: *writers, line: Line::Open, master: Master::Open };
            self.files.insert(name.to_owned(), File::Pair(pair));
            return nothing(Ok(()));
        }
        let process = ARef::clone(self.members[actor].thread.process());
        let Some(File::Pair(pair)) = self.files.get_mut(name) else {
            return nothing(Err(Errno::EBADF));
        };
        // It may have been closed while the caller was stopped in its call.
        if pair.master == Master::Closed && call.needs_master() {
            return nothing(Err(Errno::EBADF));
        }
        if pair.line != Line::Open && !call.needs_master() {
            return Some(match call {
                TerminalCall::Read => Outcome::Value(0),
                TerminalCall::SetForeground(..) => Outcome::Error(libc::ENOTTY),
                _ => Outcome::Error(libc::EIO),
            });
        }
        let terminal = ARef::clone(&pair.terminal);
        match call {
            TerminalCall::Make(_) => nothing(Ok(())),
            TerminalCall::Open(mode) => {
                let file = match mode {
                    Mode::Both => TerminalFile::Readable,
                    Mode::WriteOnly => TerminalFile::WriteOnly,
                };
                if pair.line == Line::HungUp {
                    pair.line = Line::Reopened;
                }
                process.open_terminal(&terminal, file);
                nothing(Ok(()))
            }
            TerminalCall::Acquire(_, if_taken) => {
                let request = AcquireTerminal {
                    file: TerminalFile::Readable,
                    if_taken: match if_taken {
                        script::IfTaken::Refuse => IfTaken::Refuse,
                        script::IfTaken::Steal => IfTaken::Steal,
                    },
                    right: AdminRight::Present,
                };
                nothing(process.acquire_terminal(&terminal, request).map(drop))
            }
            TerminalCall::Release(side) => {
                nothing(process.release_terminal(&terminal, (*side).into()).map(drop))
            }
            TerminalCall::Foreground(side) => value(process.tcgetpgrp(&terminal, (*side).into())),
            TerminalCall::Session(side) => value(process.tcgetsid(&terminal, (*side).into())),
            TerminalCall::SetForeground(_, group) => {
                let effect = self.effect(actor, Signal::SIGTTOU);
                let answer = process.tcsetpgrp(&terminal, Ok(plain(group)), effect);
                self.answer(actor, name, call, answer)
            }
            TerminalCall::Read | TerminalCall::Write | TerminalCall::Change => {
                let (access, signal) = match (call, pair.writers) {
                    (TerminalCall::Read, _) => (TerminalAccess::Read, Signal::SIGTTIN),
                    (TerminalCall::Change, _) => (TerminalAccess::Change, Signal::SIGTTOU),
                    (_, Writers::Free) => (TerminalAccess::Write, Signal::SIGTTOU),
                    (_, Writers::Stopped) => (TerminalAccess::WriteWithTostop, Signal::SIGTTOU),
                };
                let effect = self.effect(actor, signal);
                let answer = process.check_terminal_access(&terminal, access, effect);
                self.answer(actor, name, call, answer)
            }
            TerminalCall::Signal(signal) => {
                let known = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP];
                let known = known.into_iter().find(|it| i32::from(it.number()) == *signal);
                nothing(known.ok_or(Errno::EINVAL).map(|signal| {
                    terminal.signal_foreground(signal);
                }))
            }
            TerminalCall::HangUp => {
                pair.master = Master::Closed;
                // What has hung up before does not so again: the terminal is lost with its master, and nobody hears of it.
                if pair.line == Line::HungUp {
                    pair.terminal =
                        self.table.new_terminal(TerminalKind::PseudoTerminal, DEVICE, ()).unwrap();
                }
                pair.hang_up();
                nothing(Ok(()))
            }
        }
    }

    /// vhangup: the caller's terminal hangs up; its master stays open.
    pub(super) fn hang_up_own(&mut self, actor: Actor) -> Done {
        let process = self.members[actor].thread.process();
        if let Some(own) = process.controlling_terminal() {
            for file in self.files.values_mut() {
                if let File::Pair(pair) = file
                    && ARef::ptr_eq(&pair.terminal, &own)
                {
                    pair.hang_up();
                }
            }
        }
        nothing(Ok(()))
    }

    /// Whether a call would get a signal that has no effect, because the caller is the init of a namespace, or one whose handler has the call made again:
    /// that would be for ever.
    pub(crate) fn would_ask_forever(&self, actor: Actor, name: &str, call: &TerminalCall) -> bool {
        let Some(File::Pair(pair)) = self.files.get(name) else {
            return false;
        };
        let process = self.members[actor].thread.process();
        let own = process.controlling_terminal();
        let asks = matches!(
            call,
            TerminalCall::Read
                | TerminalCall::Write
                | TerminalCall::Change
                | TerminalCall::SetForeground(..)
        );
        let signal = match call {
            TerminalCall::Read => Signal::SIGTTIN,
            _ => Signal::SIGTTOU,
        };
        let action = signals_of(&self.members[actor].thread).action(signal);
        let restarts =
            matches!(action.handler, Handler::At(_)) && action.flags.contains(ActionFlags::RESTART);
        asks && (process.pid() == 1 || restarts)
            && own.is_some_and(|own| ARef::ptr_eq(&own, &pair.terminal))
            && !is_in_foreground(process, &pair.terminal)
    }

    fn effect(&self, actor: Actor, signal: Signal) -> StopSignal {
        signals_of(&self.members[actor].thread).stop_signal(signal)
    }

    fn answer(
        &mut self,
        actor: Actor,
        name: &str,
        call: &TerminalCall,
        answer: Result<TerminalAnswer, Errno>,
    ) -> Done {
        match answer {
            Err(errno) => Some(Outcome::Error(errno.value())),
            Ok(TerminalAnswer::Allowed) => Some(match call {
                TerminalCall::Read => Outcome::Error(libc::EAGAIN),
                TerminalCall::Write => Outcome::Value(1),
                _ => Outcome::Value(0),
            }),
            Ok(TerminalAnswer::SignalPosted(_)) => {
                let operation = Operation::Terminal(name.to_owned(), call.clone());
                self.refuse(actor, operation, Restart::UnlessHandlerSaysNo)
            }
        }
    }

    /// Makes a call that is about a pidfd.
    pub(super) fn use_pidfd(&mut self, actor: Actor, name: &str, call: &PidfdCall) -> Done {
        let thread = ARef::clone(&self.members[actor].thread);
        let process = thread.process();
        if let PidfdCall::Open(who, flags) = call {
            let flags = flags.cast_unsigned();
            let opened = process.pidfd_open(plain(who), flags).map(|handle| {
                let mode = match flags & PidfdFlags::NONBLOCK.bits() {
                    0 => PidfdMode::Blocking,
                    _ => PidfdMode::NonBlocking,
                };
                self.files.insert(name.to_owned(), File::Pidfd(handle, mode));
            });
            return nothing(opened);
        }
        let Some(File::Pidfd(handle, mode)) = self.files.get(name) else {
            return nothing(Err(Errno::EBADF));
        };
        match call {
            PidfdCall::Open(..) => nothing(Ok(())),
            PidfdCall::Send(signal, scope) => {
                let scope = SignalScope::from_flags(scope.cast_unsigned());
                nothing(
                    scope.and_then(|scope| thread.pidfd_send_signal(handle, *signal, scope, None)),
                )
            }
            PidfdCall::Poll => {
                let events = handle.poll() - axprocess::PollEvents::RDNORM;
                Some(Outcome::Value(i64::from(events.bits())))
            }
            PidfdCall::Info(ask) => {
                let wanted = match ask {
                    Ask::Numbers => InfoMask::PID,
                    Ask::End => InfoMask::PID | InfoMask::EXIT,
                };
                Some(match handle.info(process, wanted) {
                    Err(errno) => Outcome::Error(errno.value()),
                    Ok(info) => match (info.exit, info.numbers) {
                        (Some(status), _) => Outcome::Child { pid: 0, status: status.to_raw() },
                        (None, numbers) => {
                            Outcome::Value(numbers.map_or(0, |numbers| i64::from(numbers.pid)))
                        }
                    },
                })
            }
            PidfdCall::Wait(options) => {
                let (handle, mode) = (handle.clone(), *mode);
                let request = WaitRequest::waitid_pidfd(0, *options, |_| Ok((handle, mode)));
                self.wait(actor, request)
            }
            PidfdCall::EnterPid => {
                // Who has begun to exit has no namespaces any more that could be entered.
                let is_there = handle.state() == HandleState::Running && !self.is_leaving(handle);
                let process = handle.process().filter(|_| is_there);
                nothing(match process {
                    Some(process) => thread.set_namespace_for_children(&process.namespace()),
                    None => Err(Errno::ESRCH),
                })
            }
        }
    }

    /// Whether the thread that a handle names has begun to exit.
    fn is_leaving(&self, handle: &PidHandle<Layer>) -> bool {
        let kernel = self.kernel();
        let actor = match (handle.non_leader_thread(), handle.process()) {
            (Some(thread), _) => thread.host_data().0,
            (None, Some(process)) => kernel.groups[process.host_data().0].leader,
            (None, None) => return true,
        };
        kernel.tasks[actor].is_gone
    }
}

fn is_in_foreground(process: &Process<Layer>, terminal: &ARef<Terminal<Layer>>) -> bool {
    terminal.foreground_group().is_some_and(|group| ARef::ptr_eq(&group, &process.group()))
}
