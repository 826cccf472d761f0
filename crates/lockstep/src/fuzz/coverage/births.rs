//! clone, numbers, vfork, exec, namespaces.

use libc::{EEXIST, EINVAL, ENOMEM, EPERM, ESRCH};

use super::sight::{Seen, Sight};
use crate::script::{Getter, Operation, Pace, Parent, PidfdCall, Space};
use crate::stage::Outcome;

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    forks(s, seen);
    children(s, seen);
    vforks(s, seen);
    execs(s, seen);
    namespaces(s, seen);
}

fn forks(s: &Sight<'_>, seen: &mut Seen) {
    let is_invalid = s.failed(EINVAL);
    if let Some(fork) = s.fork() {
        let is_sibling = fork.parent == Parent::Sibling;
        seen.when("R-CLONE-03", is_invalid && fork.exit_signal > 64);
        let has_signal = fork.exit_signal != 0 && fork.exit_signal <= 64;
        seen.when("R-CLONE-06", is_invalid && is_sibling && has_signal);
        let is_asked = is_invalid && fork.exit_signal == 0 && fork.number.is_none();
        seen.when("R-CLONE-11", is_asked && is_sibling && s.is_init(s.caller));
        let is_elsewhere = !is_sibling && fork.number.is_none() && fork.exit_signal <= 64;
        seen.when("R-CLONE-16", is_invalid && is_elsewhere && fork.space == Space::New);
        seen.when("R-CLONE-18", s.failed(ENOMEM));
        seen.when("R-NS-22", s.failed(ENOMEM));
        let has_number = fork.number.is_some() && fork.exit_signal <= 64;
        seen.when("R-PID-11", has_number && (is_invalid || s.failed(EEXIST)));
    }
    seen.when("R-CLONE-12", matches!(s.operation, Operation::Thread { .. }) && is_invalid);
}

fn children(s: &Sight<'_>, seen: &mut Seen) {
    let Some(child) = s.child() else {
        return;
    };
    let leader_is_dead = s.state(s.leader(s.caller)) == b'Z';
    seen.when("R-FORK-16", leader_is_dead);
    let Some(fork) = s.fork() else {
        seen.when("R-FORK-04", true);
        seen.when("R-PID-07", true);
        return;
    };
    let (own, made) = (s.own(), s.new_process(child));
    let (is_sibling, is_new) = (fork.parent == Parent::Sibling, fork.space == Space::New);
    let depth = made.map_or(0, |made| made.inner.len());
    // All share the memory with their makers.
    seen.when("R-CLONE-21", is_new);
    seen.when("R-CLONE-22", is_new && is_sibling);
    let number = s.number(child);
    let is_last = s.now(s.caller).is_some_and(|row| row.children.last() == Some(&number));
    seen.when("R-FORK-02", !is_sibling && is_last);
    seen.when("R-FORK-03", is_sibling && !is_last);
    let groups = |row: &crate::stage::ProcessRow| [row.relations[1], row.relations[2]];
    seen.when("R-FORK-05", own.map(groups) == made.map(groups) && !s.is_session_leader(child));
    let is_first = made.and_then(|made| made.inner.last()).is_some_and(|[own, ..]| *own == 1);
    seen.when("R-FORK-14", is_first);
    let has_terminal =
        |row: Option<&crate::stage::ProcessRow>| row.is_some_and(|row| row.foreground.is_some());
    seen.when("R-TTY-14", has_terminal(own) && has_terminal(made));
    seen.when("R-PID-01", depth > 0);
    let all = 0..s.duel.names().len();
    let is_free = |number: i32| s.who(number).is_none();
    let has_gap = all.clone().any(|it| s.number(it) < number && is_free(s.number(it)));
    seen.when("R-PID-02", fork.number.is_none() && has_gap);
    let was_used = all.clone().any(|it| it != child && s.number(it) == number);
    seen.when("R-PID-09", fork.number == Some(number) && was_used);
    seen.when("R-PID-10", fork.number.is_some());
    seen.when("R-PID-12", fork.number.is_none() && s.past.has_chosen);
    seen.when("R-NS-01", made.is_some_and(|made| made.inner.contains(&[1, 0, 0])));
}

fn vforks(s: &Sight<'_>, seen: &mut Seen) {
    let is_vfork = s.fork().is_some_and(|fork| fork.pace == Pace::Vfork);
    seen.when("R-VFORK-01", is_vfork && s.new_state(s.caller) == b'D');
    let waiting = s.before.iter().filter(|(_, row)| row.state == b'D');
    for (actor, _) in waiting {
        let now = s.new_state(*actor);
        let is_hit = s.sent().is_some_and(|signal| signal > 0)
            && s.target().is_some_and(|target| s.leader(target) == s.leader(*actor));
        seen.when("R-VFORK-02", is_hit);
        seen.when("R-VFORK-03", now == b'T');
        let is_back = s.after.returns.iter().any(|(it, _)| it == actor);
        seen.when("R-VFORK-05", is_back);
        seen.when("R-EXEC-09", is_back && matches!(s.operation, Operation::Exec));
    }
}

fn execs(s: &Sight<'_>, seen: &mut Seen) {
    if let Operation::Pidfd(_, PidfdCall::Poll) = s.operation {
        let target = s.target().map(|target| s.leader(target));
        seen.when("R-EXEC-05", target.is_some_and(|target| s.past.execed.contains(&target)));
    }
    if !matches!(s.operation, Operation::Exec) || !s.is_done() {
        return;
    }
    // The caller leads its process now; before, another may have.
    let others = || {
        let own = s.number(s.caller);
        s.before.iter().filter(move |(actor, _)| {
            *actor != s.caller && s.now(*actor).is_none() && s.number(*actor) >= own
        })
    };
    let others = others().collect::<Vec<_>>();
    seen.when("R-EXEC-01", !others.is_empty());
    seen.when("R-EXIT-17", !others.is_empty());
    seen.when("R-EXEC-02", others.iter().any(|(_, row)| row.state == b'Z'));
    seen.when("R-EXEC-04", others.iter().any(|(_, row)| !row.children.is_empty()));
    let was = s.old(s.caller).and_then(|row| row.process.as_ref());
    let is = s.now(s.caller).and_then(|row| row.process.as_ref());
    if let (Some(was), Some(is)) = (was, is) {
        seen.when("R-EXEC-03", was.exit_signal != is.exit_signal);
        let keeps = was.foreground.is_some() || s.past.subreapers.contains(&s.caller);
        seen.when("R-EXEC-11", keeps && was.relations == is.relations);
    }
}

fn namespaces(s: &Sight<'_>, seen: &mut Seen) {
    let own = s.own().and_then(|process| process.inner.last());
    let is_inside = own.is_some();
    let got = s.after.outcome;
    match s.operation {
        Operation::Get(Getter::Pid) => seen.when("R-FORK-01", is_inside),
        Operation::Get(Getter::ParentPid) => {
            seen.when("R-NS-02", got == Outcome::Value(0));
            seen.when("R-REPARENT-17", s.past.moved.contains(&s.leader(s.caller)));
        }
        Operation::UnsharePid => seen.when("R-NS-03", s.is_done() || s.failed(EINVAL)),
        Operation::Pidfd(_, PidfdCall::EnterPid) => {
            seen.when("R-NS-04", s.is_done() || s.failed(EINVAL));
        }
        Operation::Setpgid(..) => {
            let target = s.target().unwrap_or(s.caller);
            let is_far = s.depth(target) > s.depth(s.caller);
            seen.when("R-NS-27", s.is_done() && is_far && s.is_init(target));
            seen.when("R-NS-28", s.failed(EPERM) && is_inside);
        }
        Operation::Getpgid(_) | Operation::Getsid(_) => {
            seen.when("R-PID-15", is_inside && s.failed(ESRCH));
        }
        _ => {}
    }
    let rows = &s.after.rows;
    let inner = || rows.iter().filter_map(|(_, row)| row.process.as_ref()?.inner.last());
    seen.when("R-PID-14", inner().any(|[_, group, session]| *group == 0 || *session == 0));
    seen.when("R-NS-26", inner().next().is_some());
    let named_by_dead = |place: usize| {
        rows.iter().filter_map(move |(_, row)| Some(row.process.as_ref()?.relations[place])).any(
            |number| {
                let is_there = rows.iter().any(|(it, _)| s.number(*it) == number);
                number != 0 && !is_there
            },
        )
    };
    seen.when("R-PID-08", named_by_dead(1));
    seen.when("R-SETSID-03", named_by_dead(2));
    if s.exits() && s.is_init(s.caller) && s.caller != 0 {
        seen.when("R-NS-14", true);
        seen.when("R-NS-24", s.is_first_to_exit());
        let is_last = !s.is_first_to_exit() && s.leader(s.caller) == s.caller;
        let depth = s.depth(s.caller);
        let victims = s.before.iter().filter(|(it, _)| *it != s.caller && s.depth(*it) >= depth);
        let has_killed = victims.filter(|(it, _)| matches!(s.new_state(*it), 0 | b'Z' | b'E'));
        seen.when("R-NS-20", is_last && has_killed.count() > 0);
        seen.when("R-EXIT-15", s.new_state(s.caller) == b'E');
    }
    let mut exiting = rows.iter().filter(|(_, row)| row.state == b'E').peekable();
    seen.when("R-NS-21", exiting.peek().is_some());
    seen.when("R-NS-29", exiting.any(|(_, row)| row.process.is_none()));
}
