//! Which rules of Linux have been seen at work, and how often.
//!
//! A rule is seen when an operation meets the case that the rule is about, as far as the operation, what came of it, and everyone's state
//! before and after can tell. Both sides have agreed then. What is about memory, credentials, queues or the structures of single calls cannot be told so.
//!
//! | module | rules on |
//! | --- | --- |
//! | `births` | clone, numbers, vfork, exec, namespaces |
//! | `ends` | exit, what the parent hears, who adopts, orphaned groups |
//! | `waits` | wait, what is counted of children |
//! | `groups` | groups, sessions, terminals |
//! | `signals` | signals, stops, pidfds, `/proc` |
//! | `traces` | ptrace |
//! | `sight` | what all of them look at |

mod births;
mod ends;
mod groups;
mod sight;
mod signals;
mod traces;
mod waits;

use std::collections::BTreeMap;

use self::sight::{Past, Rows, Seen, Sight};
use crate::script::Step;
use crate::stage::Account;
use crate::stage::duel::Duel;

/// The rules that can be seen.
pub(crate) const RULES: &[&str] = &[
    "R-CLONE-03",
    "R-CLONE-06",
    "R-CLONE-11",
    "R-CLONE-12",
    "R-CLONE-16",
    "R-CLONE-18",
    "R-CLONE-21",
    "R-CLONE-22",
    "R-EXEC-01",
    "R-EXEC-02",
    "R-EXEC-03",
    "R-EXEC-04",
    "R-EXEC-05",
    "R-EXEC-06",
    "R-EXEC-08",
    "R-EXEC-09",
    "R-EXEC-11",
    "R-EXEC-12",
    "R-EXIT-01",
    "R-EXIT-02",
    "R-EXIT-03",
    "R-EXIT-04",
    "R-EXIT-05",
    "R-EXIT-06",
    "R-EXIT-07",
    "R-EXIT-08",
    "R-EXIT-09",
    "R-EXIT-10",
    "R-EXIT-11",
    "R-EXIT-12",
    "R-EXIT-13",
    "R-EXIT-15",
    "R-EXIT-17",
    "R-EXIT-20",
    "R-FORK-01",
    "R-FORK-02",
    "R-FORK-03",
    "R-FORK-04",
    "R-FORK-05",
    "R-FORK-07",
    "R-FORK-08",
    "R-FORK-09",
    "R-FORK-11",
    "R-FORK-14",
    "R-FORK-16",
    "R-GETPGID-01",
    "R-KILL-01",
    "R-KILL-02",
    "R-KILL-03",
    "R-KILL-04",
    "R-KILL-06",
    "R-KILL-07",
    "R-KILL-08",
    "R-KILL-09",
    "R-KILL-10",
    "R-KILL-11",
    "R-KILL-12",
    "R-KILL-13",
    "R-NOTIFY-01",
    "R-NOTIFY-02",
    "R-NOTIFY-03",
    "R-NOTIFY-04",
    "R-NOTIFY-05",
    "R-NOTIFY-06",
    "R-NOTIFY-07",
    "R-NOTIFY-10",
    "R-NOTIFY-11",
    "R-NOTIFY-12",
    "R-NOTIFY-13",
    "R-NOTIFY-14",
    "R-NS-01",
    "R-NS-02",
    "R-NS-03",
    "R-NS-04",
    "R-NS-10",
    "R-NS-11",
    "R-NS-13",
    "R-NS-14",
    "R-NS-20",
    "R-NS-21",
    "R-NS-22",
    "R-NS-24",
    "R-NS-25",
    "R-NS-26",
    "R-NS-27",
    "R-NS-28",
    "R-NS-29",
    "R-ORPHAN-01",
    "R-ORPHAN-02",
    "R-ORPHAN-03",
    "R-ORPHAN-04",
    "R-ORPHAN-06",
    "R-ORPHAN-07",
    "R-ORPHAN-08",
    "R-ORPHAN-09",
    "R-ORPHAN-11",
    "R-PDEATH-01",
    "R-PDEATH-03",
    "R-PDEATH-04",
    "R-PID-01",
    "R-PID-02",
    "R-PID-07",
    "R-PID-08",
    "R-PID-09",
    "R-PID-10",
    "R-PID-11",
    "R-PID-12",
    "R-PID-14",
    "R-PID-15",
    "R-PIDFD-01",
    "R-PIDFD-02",
    "R-PIDFD-03",
    "R-PIDFD-04",
    "R-PIDFD-06",
    "R-PIDFD-07",
    "R-PROC-01",
    "R-PROC-02",
    "R-PROC-03",
    "R-PROC-04",
    "R-PROC-05",
    "R-PTRACE-01",
    "R-PTRACE-02",
    "R-PTRACE-03",
    "R-PTRACE-04",
    "R-PTRACE-05",
    "R-PTRACE-06",
    "R-PTRACE-07",
    "R-PTRACE-08",
    "R-PTRACE-09",
    "R-PTRACE-10",
    "R-REPARENT-01",
    "R-REPARENT-02",
    "R-REPARENT-03",
    "R-REPARENT-04",
    "R-REPARENT-05",
    "R-REPARENT-06",
    "R-REPARENT-07",
    "R-REPARENT-08",
    "R-REPARENT-09",
    "R-REPARENT-10",
    "R-REPARENT-11",
    "R-REPARENT-12",
    "R-REPARENT-13",
    "R-REPARENT-14",
    "R-REPARENT-15",
    "R-REPARENT-17",
    "R-RUSAGE-01",
    "R-RUSAGE-04",
    "R-RUSAGE-07",
    "R-SETPGID-01",
    "R-SETPGID-02",
    "R-SETPGID-03",
    "R-SETPGID-04",
    "R-SETPGID-05",
    "R-SETPGID-06",
    "R-SETPGID-07",
    "R-SETPGID-08",
    "R-SETPGID-09",
    "R-SETPGID-10",
    "R-SETSID-01",
    "R-SETSID-02",
    "R-SETSID-03",
    "R-SETSID-04",
    "R-STOP-02",
    "R-STOP-03",
    "R-STOP-04",
    "R-STOP-05",
    "R-STOP-06",
    "R-STOP-07",
    "R-STOP-08",
    "R-STOP-10",
    "R-STOP-11",
    "R-STOP-12",
    "R-STOP-13",
    "R-SUBREAPER-01",
    "R-SUBREAPER-02",
    "R-SUBREAPER-03",
    "R-SUBREAPER-04",
    "R-SUBREAPER-05",
    "R-SUBREAPER-06",
    "R-TTY-01",
    "R-TTY-02",
    "R-TTY-03",
    "R-TTY-04",
    "R-TTY-05",
    "R-TTY-06",
    "R-TTY-07",
    "R-TTY-08",
    "R-TTY-09",
    "R-TTY-10",
    "R-TTY-11",
    "R-TTY-12",
    "R-TTY-13",
    "R-TTY-14",
    "R-TTY-15",
    "R-TTYEXIT-01",
    "R-TTYEXIT-02",
    "R-TTYEXIT-03",
    "R-TTYEXIT-04",
    "R-TTYEXIT-05",
    "R-TTYEXIT-07",
    "R-VFORK-01",
    "R-VFORK-02",
    "R-VFORK-03",
    "R-VFORK-05",
    "R-WAIT-01",
    "R-WAIT-02",
    "R-WAIT-03",
    "R-WAIT-04",
    "R-WAIT-05",
    "R-WAIT-06",
    "R-WAIT-07",
    "R-WAIT-08",
    "R-WAIT-09",
    "R-WAIT-10",
    "R-WAIT-11",
    "R-WAIT-12",
    "R-WAIT-14",
    "R-WAIT-15",
    "R-WAIT-16",
    "R-WAIT-17",
    "R-WAIT-18",
    "R-WAIT-19",
    "R-WAIT-20",
    "R-WAIT-22",
    "R-WAIT-23",
    "R-WAIT-24",
    "R-WAIT-25",
    "R-WAIT-26",
    "R-WAIT-27",
    "R-WAIT-28",
];

/// What has been seen.
#[derive(Default)]
pub(crate) struct Coverage {
    counts: BTreeMap<&'static str, u64>,
    before: Rows,
    past: Past,
}

impl Coverage {
    /// A new script begins.
    pub(crate) fn begin(&mut self) {
        (self.before, self.past) = (Rows::new(), Past::default());
    }

    /// Takes note of a step on which both sides agreed.
    pub(crate) fn note(&mut self, duel: &Duel<'_>, step: &Step, after: &Account) {
        let Some(caller) = duel.actor(&step.actor) else {
            return;
        };
        let (before, past) = (&self.before, &self.past);
        let sight = Sight { duel, caller, operation: &step.operation, before, after, past };
        let mut seen = Seen::default();
        for see in [births::see, ends::see, waits::see, groups::see, signals::see, traces::see] {
            see(&sight, &mut seen);
        }
        seen.0.sort_unstable();
        seen.0.dedup();
        let facts = sight.facts();
        self.past.learn(&facts);
        for rule in seen.0 {
            *self.counts.entry(rule).or_default() += 1;
        }
        self.before.clone_from(&after.rows);
    }

    /// How often each rule has been seen since the last call.
    pub(crate) fn take(&mut self) -> Vec<(String, u64)> {
        let counts = std::mem::take(&mut self.counts);
        counts.into_iter().map(|(rule, count)| (rule.to_owned(), count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list is in order, and names what the detectors name, no more and no less.
    #[test]
    fn the_list_is_that_of_the_detectors() {
        let sources = [
            include_str!("coverage/births.rs"),
            include_str!("coverage/ends.rs"),
            include_str!("coverage/groups.rs"),
            include_str!("coverage/signals.rs"),
            include_str!("coverage/traces.rs"),
            include_str!("coverage/waits.rs"),
        ];
        let text = sources.concat();
        let words = text.split('"').filter(|word| word.starts_with("R-"));
        let mut named: Vec<_> = words.collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, RULES);
    }
}
