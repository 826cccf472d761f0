//! exit, what the parent hears, who adopts, orphaned groups.

use libc::{SIGCHLD, SIGCONT, SIGHUP, SIGTSTP, SIGTTOU};

use super::sight::{Seen, Sight};
use crate::script::{Action, Getter, Operation};
use crate::stage::Outcome;

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    exits(s, seen);
    notices(s, seen);
    moves(s, seen);
    wishes(s, seen);
    orphans(s, seen);
}

fn exits(s: &Sight<'_>, seen: &mut Seen) {
    let leader = s.leader(s.caller);
    let leads = leader == s.caller;
    let leader_was_dead = s.state(leader) == b'Z' && s.old_threads(s.caller) > 1;
    if s.exits() {
        let by_group = matches!(s.operation, Operation::ExitGroup(_));
        seen.when("R-EXIT-01", true);
        let goes_on = s.new_process(s.caller).is_some_and(|it| it.threads > 1)
            || matches!(s.new_state(leader), b'S' | b'T' | b'D');
        seen.when("R-EXIT-02", !leads && goes_on && s.now(s.caller).is_none());
        seen.when("R-EXIT-03", s.is_first_to_exit());
        seen.when("R-EXIT-04", !leads && leader_was_dead && !goes_on);
        seen.when("R-EXIT-06", by_group && s.old_threads(s.caller) > 1);
        seen.when("R-EXIT-07", by_group && leader_was_dead);
        let is_settled = s.new_process(s.caller).is_some_and(|it| it.code != 0);
        seen.when("R-EXIT-20", is_settled && s.new_state(s.caller) == b't');
    }
    let Some(target) = s.target().filter(|_| s.sent().is_some_and(|signal| signal > 0)) else {
        return;
    };
    let process = s.leader(target);
    let is_over = matches!(s.new_state(process), 0 | b'Z')
        && s.new_process(process).is_none_or(|it| it.threads == 1);
    let was_alive = s.old_threads(process) > 1 || matches!(s.state(process), b'S' | b'T' | b'D');
    let is_killed = is_over && was_alive && process != leader;
    seen.when("R-EXIT-08", is_killed && s.state(process) == b'Z');
    let is_for_thread = matches!(
        s.operation,
        Operation::Tkill(..) | Operation::Tgkill(..) | Operation::Tgsigqueue(..)
    );
    seen.when("R-EXIT-09", is_killed && is_for_thread && s.old_threads(process) > 1);
    seen.when("R-EXIT-10", is_killed);
    seen.when("R-EXIT-11", is_killed && s.sent() == Some(libc::SIGQUIT));
    seen.when("R-EXIT-12", s.is_done() && s.state(target) == b'E');
    let had_news = s.old_process(process).is_some_and(|it| it.code != 0);
    seen.when("R-EXIT-13", is_killed && s.state(process) == b'T' && had_news);
}

fn notices(s: &Sight<'_>, seen: &mut Seen) {
    for (actor, signal) in &s.after.signals {
        let is_end = matches!(signal.code, libc::CLD_EXITED | libc::CLD_KILLED);
        seen.when("R-NOTIFY-01", is_end);
        seen.when("R-NOTIFY-02", is_end && signal.pid != 0);
        let ends_clone = s.exits() && s.own().is_some_and(|it| it.exit_signal != SIGCHLD);
        let has_execed = s.past.execed.contains(&s.leader(*actor));
        let is_raised = is_end && signal.signal == SIGCHLD && ends_clone && has_execed;
        seen.when("R-NOTIFY-06", is_raised);
        seen.when("R-FORK-11", is_raised);
        seen.when("R-EXEC-08", is_raised);
        seen.when("R-NOTIFY-11", signal.code == libc::CLD_STOPPED);
        seen.when("R-NOTIFY-13", signal.code == libc::CLD_CONTINUED);
        seen.when("R-NOTIFY-04", is_end && s.vanishes());
        let stopped = s.target().filter(|_| signal.code == libc::CLD_STOPPED);
        seen.when("R-NOTIFY-12", stopped.is_some_and(|it| s.old_threads(it) > 1));
        let told = s.target().filter(|_| signal.code == libc::CLD_STOPPED);
        seen.when("R-STOP-04", told.is_some_and(|it| s.new_state(it) == b'T'));
        let is_dead = s.state(s.leader(*actor)) == b'Z';
        seen.when("R-NOTIFY-14", is_end && s.leader(*actor) != *actor && is_dead);
    }
    let parent = s.parent(s.caller);
    let treats = parent.map(|parent| s.treatment(parent, SIGCHLD));
    let ignores = treats.is_some_and(|it| it.action == Action::Ignore || it.no_wait);
    seen.when("R-NOTIFY-03", s.vanishes() && ignores);
    let is_clone = s.own().is_some_and(|it| it.exit_signal != SIGCHLD);
    let is_kept = s.exits() && s.new_state(s.caller) == b'Z' && !s.is_first_to_exit();
    seen.when("R-NOTIFY-05", is_kept && is_clone && ignores);
    let ignores_now = matches!(
        s.operation,
        Operation::Treat { signal: SIGCHLD, treatment } if treatment.action == Action::Ignore
    );
    seen.when("R-NOTIFY-07", ignores_now && s.children().any(|(_, row)| row.state == b'Z'));
}

fn moves(s: &Sight<'_>, seen: &mut Seen) {
    let leader = s.leader(s.caller);
    let had_children = s.children().next().is_some();
    seen.when("R-REPARENT-01", s.exits() && had_children);
    let goes_on = s.new_process(s.caller).is_some_and(|it| it.threads > 1)
        || matches!(s.new_state(leader), b'S' | b'T' | b'D');
    let stays = s.children().any(|(child, _)| s.new_parent(child) == Some(leader));
    seen.when("R-REPARENT-02", s.exits() && goes_on && stays);
    seen.when("R-REPARENT-07", s.exits() && goes_on && stays && s.is_init(s.caller));
    for child in s.moved() {
        let (Some(parent), Some(was)) = (s.new_parent(child), s.old_process(child)) else {
            continue;
        };
        let is_adopted = s.past.subreapers.contains(&parent) && !s.is_init(parent);
        seen.when("R-REPARENT-03", is_adopted);
        seen.when("R-SUBREAPER-03", is_adopted && s.past.late_subreapers.contains(&parent));
        seen.when("R-REPARENT-04", s.is_init(parent));
        let dying = s.parent(child);
        let passed = dying.and_then(|dying| s.parent(dying));
        let is_passed = passed.is_some_and(|it| s.past.resigned.contains(&it) && it != parent);
        seen.when("R-SUBREAPER-04", is_passed);
        seen.when("R-SUBREAPER-05", dying.is_some_and(|it| s.past.subreapers.contains(&it)));
        let depths = (s.depth(child), dying.map_or(0, |it| s.depth(it)), s.depth(parent));
        seen.when("R-REPARENT-05", depths.0 > depths.1 && depths.1 >= depths.2);
        let is_injected = passed.is_some_and(|it| s.depth(it) < depths.1);
        seen.when("R-REPARENT-06", is_injected && depths.2 == depths.1 && s.is_init(parent));
        let is_outside = |it: &&usize| s.depth(**it) < depths.1 && s.now(**it).is_some();
        let has_outer = s.past.subreapers.iter().find(is_outside).is_some();
        seen.when("R-SUBREAPER-06", has_outer && depths.2 == depths.1 && depths.1 > 0);
        let is = s.new_process(child);
        let becomes_plain = is.is_some_and(|is| is.exit_signal != was.exit_signal);
        seen.when("R-REPARENT-09", becomes_plain);
        let is_zombie = s.state(child) == b'Z';
        seen.when("R-REPARENT-10", is_zombie && was.threads == 1);
        seen.when("R-REPARENT-15", is_zombie && was.threads > 1);
        let before = s.old(parent).map_or(&[][..], |row| &row.children[..]);
        let now = s.now(parent).map_or(&[][..], |row| &row.children[..]);
        let is_behind = !before.is_empty() && now.len() > before.len() && now.starts_with(before);
        seen.when("R-REPARENT-12", is_behind);
        let is_told = s.after.signals.iter().any(|(actor, signal)| {
            s.leader(*actor) == parent && signal.signal == SIGCHLD && is_zombie
        });
        seen.when("R-REPARENT-11", is_told);
    }
}

fn wishes(s: &Sight<'_>, seen: &mut Seen) {
    match s.operation {
        Operation::Subreaper(_) => seen.when("R-SUBREAPER-01", true),
        Operation::DeathSignal(_) => {
            seen.when("R-PDEATH-01", true);
            seen.when("R-PDEATH-04", s.is_done() && s.past.moved.contains(&s.leader(s.caller)));
        }
        Operation::Get(Getter::Subreaper) => {
            let (is_heir, has_execed) = (
                s.past.heirs_of_subreapers.contains(&s.caller),
                s.past.execed.contains(&s.leader(s.caller)),
            );
            let is_on = s.after.outcome == Outcome::Value(1);
            seen.when("R-FORK-08", is_heir && !is_on);
            seen.when("R-SUBREAPER-02", is_heir && !is_on || has_execed && is_on);
        }
        Operation::Get(Getter::DeathSignal) => {
            let is_unarmed = s.after.outcome == Outcome::Value(0);
            seen.when("R-FORK-07", is_unarmed && s.past.heirs_of_armed.contains(&s.caller));
        }
        _ => {}
    }
    let is_wish = |signal: &crate::stage::Seen| signal.code == libc::SI_USER;
    let told = s.after.signals.iter().filter(|(_, signal)| s.exits() && is_wish(signal));
    for (actor, _) in told {
        seen.when("R-PDEATH-03", true);
        seen.when("R-REPARENT-08", s.past.armed.contains(actor));
    }
}

fn orphans(s: &Sight<'_>, seen: &mut Seen) {
    let stopped = s.before.iter().filter(|(_, row)| row.state == b'T' && row.process.is_some());
    if s.exits() {
        let own = s.own().map_or(0, |it| it.relations[1]);
        for (actor, row) in stopped {
            let is_freed = s.new_state(*actor) != b'T';
            let is_child = s.parent(*actor) == Some(s.leader(s.caller));
            let group = row.process.as_ref().map_or(0, |it| it.relations[1]);
            seen.when("R-ORPHAN-03", is_freed && is_child && group != own);
            seen.when("R-REPARENT-14", is_freed && is_child);
            seen.when("R-ORPHAN-04", is_freed && group == own);
        }
        let from_kernel = |wanted: i32| {
            move |(_, it): &&(usize, crate::stage::Seen)| {
                it.code == libc::SI_KERNEL && it.signal == wanted
            }
        };
        let told = s.after.signals.iter();
        seen.when("R-ORPHAN-06", told.clone().any(|it| from_kernel(SIGCONT)(&it)));
        let is_pair = |two: &[(usize, crate::stage::Seen)]| {
            two[0].0 == two[1].0 && from_kernel(SIGCONT)(&&two[0]) && from_kernel(SIGHUP)(&&two[1])
        };
        seen.when("R-ORPHAN-07", s.after.signals.windows(2).any(is_pair));
        return;
    }
    if matches!(s.operation, Operation::Setpgid(..) | Operation::Setsid) && s.is_done() {
        let own = s.own().map_or(0, |it| it.relations[1]);
        let stays = stopped.clone().any(|(actor, row)| {
            let group = row.process.as_ref().map_or(0, |it| it.relations[1]);
            group == own && s.new_state(*actor) == b'T'
        });
        seen.when("R-ORPHAN-08", stays);
    }
    let Some(target) = s.target().filter(|it| s.state(*it) == b'S' && !s.is_init(*it)) else {
        return;
    };
    let is_terminals = s.sent().is_some_and(|it| (SIGTSTP..=SIGTTOU).contains(&it));
    let acts = s.sent().is_some_and(|it| s.treatment(target, it).action == Action::Default);
    if is_terminals && acts && s.is_done() {
        let stops = s.new_state(target) == b'T';
        seen.when("R-ORPHAN-01", stops);
        seen.when("R-ORPHAN-09", !stops);
        seen.when("R-ORPHAN-11", !stops && s.is_session_leader(target));
        seen.when("R-ORPHAN-02", stops && s.parent(target).is_some_and(|it| s.is_init(it)));
    }
}
