//! Which rules of Linux have been seen at work.

use std::collections::BTreeSet;

use crate::script::{Operation, Parent, Space};
use crate::stage::{Account, Outcome};

/// The rules that can be told from an operation and what came of it.
pub(super) const RULES: &[&str] = &[
    "R-CLONE-03",
    "R-CLONE-06",
    "R-CLONE-12",
    "R-CLONE-16",
    "R-CLONE-22",
    "R-FORK-02",
    "R-FORK-03",
    "R-FORK-04",
    "R-FORK-14",
    "R-PID-10",
    "R-PID-11",
    "R-EXIT-01",
    "R-EXIT-02",
    "R-EXIT-03",
    "R-EXIT-06",
    "R-NOTIFY-02",
    "R-NOTIFY-03",
    "R-NOTIFY-11",
    "R-NOTIFY-13",
    "R-WAIT-02",
    "R-WAIT-04",
    "R-WAIT-06",
    "R-WAIT-10",
    "R-WAIT-16",
    "R-WAIT-19",
    "R-WAIT-20",
    "R-PDEATH-01",
    "R-PDEATH-03",
    "R-SUBREAPER-01",
    "R-REPARENT-04",
    "R-EXEC-01",
    "R-ORPHAN-06",
    "R-SETPGID-02",
    "R-SETPGID-04",
    "R-SETPGID-07",
    "R-SETPGID-09",
    "R-GETPGID-01",
    "R-SETSID-01",
    "R-SETSID-02",
    "R-STOP-02",
    "R-STOP-03",
    "R-KILL-01",
    "R-KILL-03",
    "R-KILL-04",
    "R-KILL-07",
    "R-KILL-08",
    "R-NS-02",
    "R-NS-03",
    "R-NS-22",
];

/// What has been seen.
#[derive(Default)]
pub(super) struct Coverage {
    known: BTreeSet<&'static str>,
    new: Vec<&'static str>,
}

impl Coverage {
    /// Takes note of an operation.
    pub(super) fn note(&mut self, operation: &Operation, account: &Account) {
        let all = by_call(operation, account.outcome).into_iter().chain(by_sight(account));
        for rule in all {
            if self.known.insert(rule) {
                self.new.push(rule);
            }
        }
    }

    /// What has been seen for the first time since the last call.
    pub(super) fn take_new(&mut self) -> Vec<String> {
        self.new.drain(..).map(str::to_owned).collect()
    }
}

fn by_call(operation: &Operation, outcome: Outcome) -> Option<&'static str> {
    use Operation as Op;
    use Outcome::{Blocked, Child, Ended, Error, Nothing, Value};
    use libc::{EACCES, ECHILD, EINVAL, ENOMEM, EPERM, ESRCH};
    Some(match (operation, outcome) {
        (Op::Fork(fork), Error(EINVAL)) if fork.exit_signal > 64 => "R-CLONE-03",
        (Op::Fork(fork), Error(EINVAL)) if fork.number.is_some() => "R-PID-11",
        (Op::Fork(fork), Error(EINVAL)) if fork.parent == Parent::Sibling => "R-CLONE-06",
        (Op::Fork(_), Error(EINVAL)) => "R-CLONE-16",
        (Op::Fork(_), Error(ENOMEM)) => "R-NS-22",
        (Op::Fork(fork), Value(_)) if fork.number.is_some() => "R-PID-10",
        (Op::Fork(fork), Value(_)) => match (fork.parent, fork.space) {
            (Parent::Sibling, Space::New) => "R-CLONE-22",
            (Parent::Caller, Space::New) => "R-FORK-14",
            (Parent::Sibling, Space::Inherited) => "R-FORK-03",
            (Parent::Caller, Space::Inherited) => "R-FORK-02",
        },
        (Op::Thread { .. }, Error(EINVAL)) => "R-CLONE-12",
        (Op::Thread { .. }, Value(_)) => "R-FORK-04",
        (Op::Exit(_), Ended) => "R-EXIT-01",
        (Op::ExitGroup(_), Ended) => "R-EXIT-06",
        (Op::Exec, Value(_)) => "R-EXEC-01",
        (Op::WaitId { .. }, Error(EINVAL)) => "R-WAIT-02",
        (Op::Wait4 { options, .. }, Child { .. }) if options & libc::__WCLONE != 0 => "R-WAIT-06",
        (Op::WaitId { options, .. }, Child { .. }) if options & libc::WNOWAIT != 0 => "R-WAIT-19",
        (Op::Wait4 { .. } | Op::WaitId { .. }, Child { status, .. }) if status & 0x7f == 0x7f => {
            "R-WAIT-20"
        }
        (Op::Wait4 { .. } | Op::WaitId { .. }, Child { .. }) => "R-WAIT-16",
        (Op::Wait4 { .. } | Op::WaitId { .. }, Blocked | Nothing) => "R-WAIT-10",
        (Op::Wait4 { .. } | Op::WaitId { .. }, Error(ECHILD)) => "R-WAIT-04",
        (Op::Getpgid(_) | Op::Getsid(_), _) => "R-GETPGID-01",
        (Op::Setpgid(..), Error(ESRCH)) => "R-SETPGID-02",
        (Op::Setpgid(..), Error(EACCES)) => "R-SETPGID-04",
        (Op::Setpgid(..), Error(EPERM)) => "R-SETPGID-07",
        (Op::Setpgid(..), Value(_)) => "R-SETPGID-09",
        (Op::Setsid, Error(_)) => "R-SETSID-01",
        (Op::Setsid, Value(_)) => "R-SETSID-02",
        (Op::Kill(crate::script::Number::Plain(-1), _), _) => "R-KILL-04",
        (Op::Kill(crate::script::Number::GroupOf(_), _), _) => "R-KILL-03",
        (Op::Kill(..), Error(_)) => "R-KILL-01",
        (Op::Tkill(..) | Op::Tgkill(..), Error(_)) => "R-KILL-08",
        (Op::Subreaper(_), _) => "R-SUBREAPER-01",
        (Op::DeathSignal(_), _) => "R-PDEATH-01",
        (Op::UnsharePid, Value(_)) => "R-NS-03",
        (Op::Get(crate::script::Getter::ParentPid), Value(0)) => "R-NS-02",
        _ => return None,
    })
}

fn by_sight(account: &Account) -> Vec<&'static str> {
    let mut rules = Vec::new();
    for (_, seen) in &account.signals {
        rules.push(match seen.code {
            libc::CLD_EXITED | libc::CLD_KILLED => "R-NOTIFY-02",
            libc::CLD_STOPPED => "R-NOTIFY-11",
            libc::CLD_CONTINUED => "R-NOTIFY-13",
            libc::SI_KERNEL => "R-ORPHAN-06",
            libc::SI_TKILL => "R-KILL-07",
            _ => "R-PDEATH-03",
        });
    }
    for (_, row) in &account.rows {
        match (row.state, row.process.as_ref()) {
            (b'T', _) => rules.push("R-STOP-03"),
            (b'S', None) => rules.push("R-EXIT-02"),
            (b'Z', Some(_)) => rules.push("R-EXIT-03"),
            _ => {}
        }
    }
    rules
}
