//! What actors do with terminals and pidfds.

use axprocess::{ARef, InfoMask, Signal, SignalAction};
use axprocess_fuzz::{Call, Index, Wild};

use crate::cast::{Cast, wild};
use crate::script::{Ask, IfTaken, Mode, PidfdCall, Side, TerminalCall, Writers};

/// What stands behind the name of a file.
#[derive(Clone, Copy)]
pub(crate) enum File {
    /// A terminal, and who may write to it.
    Terminal(Index, Writers),
    Pidfd(Index),
}

impl Cast {
    pub(crate) fn use_terminal(
        &mut self,
        by: Index,
        process: Index,
        name: &str,
        call: &TerminalCall,
    ) -> Option<bool> {
        if let TerminalCall::Make(writers) = call {
            let next = self.world.terminals();
            self.files.insert(name.to_owned(), File::Terminal(next, *writers));
            return Some(self.call(Call::NewTerminal { kind: 0 }));
        }
        let Some(File::Terminal(terminal, writers)) = self.files.get(name).copied() else {
            return None;
        };
        let through = |side: &Side| if *side == Side::Master { 1 } else { 0 };
        let (caller, by) = (by, process);
        let void = |signal| if self.has_effect(caller, signal) { 0 } else { 1 };
        let ttou = void(Signal::SIGTTOU);
        let call = match call {
            TerminalCall::Make(_) => return None,
            TerminalCall::Open(Mode::Both) => Call::OpenTerminal { by, terminal, how: 0 },
            TerminalCall::Open(Mode::WriteOnly) => Call::OpenTerminal { by, terminal, how: 1 },
            TerminalCall::Acquire(_, IfTaken::Refuse) => {
                Call::AcquireTerminal { by, terminal, how: 4 }
            }
            TerminalCall::Acquire(_, IfTaken::Steal) => {
                Call::AcquireTerminal { by, terminal, how: 6 }
            }
            TerminalCall::Release(side) => {
                Call::ReleaseTerminal { by, terminal, how: through(side) }
            }
            TerminalCall::Foreground(side) => Call::Tcgetpgrp { by, terminal, how: through(side) },
            TerminalCall::Session(side) => Call::Tcgetsid { by, terminal, how: through(side) },
            TerminalCall::SetForeground(_, group) => {
                Call::Tcsetpgrp { by, terminal, pgid: wild(group), how: ttou }
            }
            TerminalCall::Read => Call::UseTerminal { by, terminal, how: void(Signal::SIGTTIN) },
            TerminalCall::Write if writers == Writers::Free => {
                Call::UseTerminal { by, terminal, how: 2 | ttou }
            }
            TerminalCall::Write => Call::UseTerminal { by, terminal, how: 4 | ttou },
            TerminalCall::Change => Call::UseTerminal { by, terminal, how: 6 | ttou },
            TerminalCall::Signal(signal) => {
                Call::SignalForeground { terminal, signal: (*signal).into() }
            }
            TerminalCall::HangUp => Call::HangUp { terminal },
        };
        Some(self.call(call))
    }

    /// Whether a signal would do anything to a thread.
    fn has_effect(&self, thread: Index, signal: Signal) -> bool {
        self.world.thread(thread).is_some_and(|thread| {
            let is_ignored = thread.process().host_data().action(signal) == SignalAction::Ignore;
            !is_ignored && !thread.host_data().blocks(signal)
        })
    }

    /// vhangup: the terminal that controls the caller.
    pub(crate) fn hang_up_own(&mut self, by: Index) -> bool {
        let own = self.world.thread(by).and_then(|it| it.process().controlling_terminal());
        let is_own = |terminal: &Index| {
            let known = self.world.terminal(*terminal);
            known.zip(own.as_ref()).is_some_and(|(known, own)| ARef::ptr_eq(known, own))
        };
        let terminal = (0..self.world.terminals()).find(is_own);
        terminal.is_some_and(|terminal| self.call(Call::HangUp { terminal }))
    }

    pub(crate) fn use_pidfd(
        &mut self,
        by: Index,
        process: Index,
        name: &str,
        call: &PidfdCall,
    ) -> Option<bool> {
        if let PidfdCall::Open(who, flags) = call {
            let (next, flags) = (self.world.handles(), flags.cast_unsigned());
            let is_open = self.call(Call::PidfdOpen { by: process, pid: wild(who), flags });
            if is_open {
                self.files.insert(name.to_owned(), File::Pidfd(next));
            }
            return Some(is_open);
        }
        let Some(File::Pidfd(handle)) = self.files.get(name).copied() else {
            return None;
        };
        let ask = |mask: InfoMask| Call::AskHandle { by: process, handle, mask: mask.bits() };
        let call = match call {
            PidfdCall::Open(..) => return None,
            PidfdCall::Send(signal, scope) => {
                let (signal, flags) = ((*signal).into(), u8::try_from(*scope).ok()?);
                Call::PidfdSendSignal { by, handle, signal, flags, info: None }
            }
            PidfdCall::Poll => ask(InfoMask::empty()),
            PidfdCall::Info(Ask::Numbers) => ask(InfoMask::PID),
            PidfdCall::Info(Ask::End) => ask(InfoMask::PID | InfoMask::EXIT),
            PidfdCall::Wait(options) => {
                let (fd, options) = (Wild::Small(0), (*options).into());
                Call::WaitidPidfd { by, fd, handle, options }
            }
            PidfdCall::EnterPid => {
                let named = self.world.handle(handle)?.process()?;
                Call::SetPidNamespace { by, of: self.world.position(&named)? }
            }
        };
        Some(self.call(call))
    }
}
