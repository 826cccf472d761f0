//! wait4 and waitid, and what is counted of children.

use libc::{EAGAIN, ECHILD, EINVAL, ESRCH};

use super::sight::{Seen, Sight};
use crate::script::{Action, Getter, Number, Operation, PidfdCall};
use crate::stage::Outcome;

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    let options = match s.operation {
        Operation::Wait4 { options, .. } => options | libc::WEXITED,
        Operation::WaitId { options, .. } | Operation::Pidfd(_, PidfdCall::Wait(options)) => {
            *options
        }
        _ => {
            after_others(s, seen);
            usage(s, seen);
            return;
        }
    };
    refusals(s, seen, options);
    if matches!(s.after.outcome, Outcome::Nothing | Outcome::Blocked) {
        seen.when("R-WAIT-10", true);
        seen.when("R-WAIT-18", matches!(s.operation, Operation::WaitId { .. }));
        let target = s.target().map(|target| s.leader(target));
        let is_delayed = target.is_some_and(|it| s.state(it) == b'Z' && s.old_threads(it) > 1);
        seen.when("R-WAIT-12", is_delayed);
    }
    if let Some((number, status)) = s.told() {
        events(s, seen, options, number, status);
    }
}

fn refusals(s: &Sight<'_>, seen: &mut Seen, options: i32) {
    let nobody = s.failed(ECHILD);
    let target = s.target();
    match s.operation {
        Operation::Wait4 { .. } => {
            seen.when("R-WAIT-01", s.failed(EINVAL) || s.failed(ESRCH));
            seen.when("R-WAIT-04", nobody && target.is_some_and(|it| s.old(it).is_none()));
            let is_thread = target.is_some_and(|it| s.leader(it) != it && s.old(it).is_some());
            seen.when("R-WAIT-07", nobody && is_thread);
        }
        Operation::WaitId { .. } => seen.when("R-WAIT-02", s.failed(EINVAL)),
        _ => {
            seen.when("R-WAIT-22", s.failed(EAGAIN));
            let is_reaped = target.is_some_and(|it| s.old(it).is_none());
            seen.when("R-WAIT-23", nobody && is_reaped);
            seen.when("R-PIDFD-07", nobody && !is_reaped);
        }
    }
    let has_reapable = s.children().any(|(_, row)| {
        row.state == b'Z' && row.process.as_ref().is_some_and(|it| it.threads == 1)
    });
    seen.when("R-WAIT-11", nobody && options & libc::WEXITED == 0 && has_reapable);
    let has_clone = s
        .children()
        .any(|(_, row)| row.process.as_ref().is_some_and(|it| it.exit_signal != libc::SIGCHLD));
    seen.when("R-WAIT-06", nobody && has_clone && options & (libc::__WALL | libc::__WCLONE) == 0);
}

fn events(s: &Sight<'_>, seen: &mut Seen, options: i32, number: i32, status: i32) {
    let is_end = status & 0x7f != 0x7f && status != 0xffff;
    let depth = s.depth(s.caller);
    // Inside a namespace the number is another one.
    let child = if depth == 0 { s.who(number) } else { None };
    let row = child.and_then(|child| s.old(child));
    let process = row.and_then(|row| row.process.as_ref());
    seen.when("R-WAIT-16", true);
    seen.when("R-WAIT-17", matches!(s.operation, Operation::WaitId { .. }));
    seen.when("R-WAIT-25", depth > 0);
    seen.when("R-WAIT-19", options & libc::WNOWAIT != 0);
    let consumes = options & libc::WNOWAIT == 0;
    seen.when("R-WAIT-20", consumes && !is_end);
    seen.when("R-STOP-06", status == 0xffff);
    if let Some(child) = child {
        seen.when("R-WAIT-28", consumes && is_end && s.now(child).is_none());
        seen.when("R-PROC-04", consumes && is_end && s.now(child).is_none());
        seen.when("R-EXIT-05", is_end && s.past.delayed.contains(&child));
        seen.when("R-REPARENT-13", !is_end && s.past.moved.contains(&child));
        seen.when("R-NS-25", s.is_init(child));
    }
    let is_clone = process.is_some_and(|process| process.exit_signal != libc::SIGCHLD);
    seen.when("R-WAIT-06", is_clone);
    let is_own = s.old(s.caller).is_some_and(|own| own.children.contains(&number));
    seen.when("R-WAIT-05", depth == 0 && !is_own);
    seen.when("R-WAIT-15", s.old_threads(s.caller) > 1);
    let ends = |it: &&(usize, &crate::stage::Row)| it.1.state == b'Z';
    let children: Vec<_> = s.children().collect();
    let first = children.iter().find(ends).map(|(actor, _)| s.number(*actor));
    let is_any = matches!(s.operation, Operation::Wait4 { who: Number::Plain(-1), .. });
    let several = children.iter().filter(ends).count() > 1;
    seen.when("R-WAIT-14", is_any && several && first == Some(number));
    let group = match s.operation {
        Operation::Wait4 { who, .. } => Some(who),
        Operation::WaitId { kind: 2, id, .. } => Some(id),
        _ => None,
    };
    let by_group = matches!(group, Some(Number::GroupOf(_) | Number::Plain(0)));
    seen.when("R-WAIT-03", by_group);
    let founder = group.and_then(|group| s.named(group));
    seen.when("R-WAIT-08", by_group && founder.is_some() && founder != child);
    let own_group = s.own().and_then(|process| process.inner.last()).map(|[_, group, _]| *group);
    seen.when("R-WAIT-27", by_group && own_group == Some(0));
}

/// Waits that have slept.
fn after_others(s: &Sight<'_>, seen: &mut Seen) {
    let returned = |wanted: fn(&Outcome) -> bool| {
        s.after.returns.iter().filter(move |(_, outcome)| wanted(outcome))
    };
    let is_nobody = |outcome: &Outcome| *outcome == Outcome::Error(ECHILD);
    let is_event = |outcome: &Outcome| matches!(outcome, Outcome::Child { .. });
    let nobody = returned(is_nobody).map(|(actor, _)| *actor).next();
    seen.when("R-NOTIFY-10", nobody.is_some() && s.vanishes());
    let ignores = nobody.is_some_and(|it| s.treatment(it, libc::SIGCHLD).action == Action::Ignore);
    seen.when("R-WAIT-26", ignores);
    seen.when("R-WAIT-24", nobody.is_some() && returned(is_event).count() > 0);
    seen.when("R-WAIT-09", returned(is_event).count() > 0);
    let leads_dead = |actor: usize| s.leader(actor) != actor && s.state(s.leader(actor)) == b'Z';
    seen.when("R-NOTIFY-14", returned(is_event).any(|(actor, _)| leads_dead(*actor)));
}

fn usage(s: &Sight<'_>, seen: &mut Seen) {
    if !matches!(s.operation, Operation::Get(Getter::ChildrenUsage)) {
        return;
    }
    seen.when("R-RUSAGE-01", s.after.outcome == Outcome::Value(1));
    let is_spared = s.past.spared.contains(&s.leader(s.caller));
    seen.when("R-RUSAGE-04", s.after.outcome == Outcome::Value(0) && is_spared);
    let is_execed = s.past.execed.contains(&s.leader(s.caller));
    seen.when("R-RUSAGE-07", s.after.outcome == Outcome::Value(1) && is_execed);
}
