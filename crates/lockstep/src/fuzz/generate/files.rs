//! Steps that use terminals and pidfds.

use super::Author;
use crate::script::{
    Action, Ask, FileKind, Fork, INIT, IfTaken, Mode, Name, Number, Operation, PidfdCall, Side,
    Step, TerminalCall, Treatment, Writers,
};
use crate::stage::Actor;
use crate::stage::duel::Duel;

impl Author {
    /// A session gets a terminal: that of process 1, or one with a shell, a stopped job in the foreground and a running one behind it. The last step
    /// first.
    pub(super) fn session_with_terminal(&mut self) -> Vec<Step> {
        let Operation::Terminal(tty, make) = self.pair() else {
            return Vec::new();
        };
        let on = |call| Operation::Terminal(tty.clone(), call);
        let acquire = on(TerminalCall::Acquire(Side::Slave, IfTaken::Refuse));
        if self.rng.bool() {
            return vec![Step::new(INIT, acquire), Step::new(INIT, on(make))];
        }
        let [shell, job, behind] = [self.name(), self.name(), self.name()];
        let born = |name: &str| Operation::Fork(Fork::plain(name.to_owned()));
        let zero = || Number::Plain(0);
        let forward = TerminalCall::SetForeground(Side::Slave, Number::Of(job.clone()));
        let mut steps = vec![
            Step::new(INIT, born(&shell)),
            Step::new(&shell, Operation::Setsid),
            Step::new(&shell, on(make)),
            Step::new(&shell, acquire),
            Step::new(&shell, born(&job)),
            Step::new(&job, Operation::Setpgid(zero(), zero())),
            Step::new(&shell, on(forward)),
            Step::new(&shell, born(&behind)),
            Step::new(&behind, Operation::Setpgid(zero(), zero())),
        ];
        if self.rng.bool() {
            let handle = Treatment { action: Action::Handle, ..Treatment::default() };
            let treat = Operation::Treat { signal: libc::SIGHUP, treatment: handle };
            steps.push(Step::new(&job, treat));
        }
        if self.rng.bool() {
            steps.push(Step::new(&job, Operation::Kill(zero(), libc::SIGSTOP)));
        }
        if self.one_in(3) {
            steps.push(Step::new(&shell, on(TerminalCall::HangUp)));
        }
        steps.reverse();
        steps
    }

    /// Something with a terminal.
    pub(super) fn terminal(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        const MOST: usize = 3;
        let pairs = self.files_of(duel, actor, FileKind::is_terminal);
        let is_new = pairs.is_empty() || self.one_in(12);
        if is_new && self.opened < MOST {
            return self.pair();
        }
        let Some(name) = self.choose(&pairs).cloned() else {
            return Operation::Setsid;
        };
        let side = if self.one_in(5) { Side::Master } else { Side::Slave };
        let call = match self.rng.u32(..40) {
            0..7 => {
                let steals = self.one_in(3);
                TerminalCall::Acquire(side, if steals { IfTaken::Steal } else { IfTaken::Refuse })
            }
            7..9 if self.one_in(3) => TerminalCall::Open(Mode::WriteOnly),
            7..9 => TerminalCall::Open(Mode::Both),
            9..11 => TerminalCall::Release(side),
            11..14 => TerminalCall::Foreground(side),
            14..15 => TerminalCall::Session(side),
            15..22 => {
                let group = self.somebody(duel, actor);
                TerminalCall::SetForeground(side, group)
            }
            22..27 => TerminalCall::Read,
            27..30 => TerminalCall::Write,
            30..34 => TerminalCall::Change,
            34..36 => TerminalCall::Signal(*self.choose(&[2, 3, 20, 20, 15]).unwrap_or(&2)),
            36 => TerminalCall::HangUp,
            37 if self.one_in(2) => return Operation::VHangUp,
            _ => return Operation::Setsid,
        };
        Operation::Terminal(name, call)
    }

    fn pair(&mut self) -> Operation {
        let writers = if self.rng.bool() { Writers::Stopped } else { Writers::Free };
        Operation::Terminal(self.file("tty"), TerminalCall::Make(writers))
    }

    /// Something with a pidfd.
    pub(super) fn handle(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        const MOST: usize = 20;
        let pidfds = self.files_of(duel, actor, |kind| kind == FileKind::Pidfd);
        if self.opened < MOST && (pidfds.is_empty() || self.one_in(4)) {
            let who = self.somebody(duel, actor);
            let mut flags = if self.one_in(3) { 0x80 } else { 0 };
            flags |= if self.one_in(6) { 0x800 } else { 0 };
            flags |= i32::from(self.one_in(30));
            return Operation::Pidfd(self.file("fd"), PidfdCall::Open(who, flags));
        }
        let Some(name) = self.choose(&pidfds).cloned() else {
            return Operation::Get(crate::script::Getter::ParentPid);
        };
        let call = match self.rng.u32(..20) {
            0..7 => {
                let signal = self.number_of_signal();
                PidfdCall::Send(signal, *self.choose(&[0, 0, 1, 2, 4, 4, 3]).unwrap_or(&0))
            }
            7..11 => PidfdCall::Poll,
            11..13 => PidfdCall::Info(if self.rng.bool() { Ask::End } else { Ask::Numbers }),
            13..17 => match self.wait(duel, actor) {
                Operation::WaitId { options, .. } if self.rng.bool() => {
                    PidfdCall::Wait(options & !libc::WNOHANG)
                }
                Operation::WaitId { options, .. } => PidfdCall::Wait(options),
                _ => PidfdCall::Wait(libc::WEXITED | libc::WNOHANG),
            },
            _ => PidfdCall::EnterPid,
        };
        Operation::Pidfd(name, call)
    }

    pub(super) fn files_of(
        &self,
        duel: &Duel<'_>,
        actor: Actor,
        is_wanted: impl Fn(FileKind) -> bool,
    ) -> Vec<Name> {
        let files = duel.files(actor).iter().filter(|(_, kind)| is_wanted(*kind));
        files.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn file(&mut self, kind: &str) -> Name {
        self.opened += 1;
        format!("{kind}{}", self.opened)
    }
}
