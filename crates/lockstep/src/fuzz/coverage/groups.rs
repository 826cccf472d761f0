//! Groups, sessions, terminals.

use libc::{EACCES, EAGAIN, EINTR, EINVAL, EIO, ENOTTY, EPERM, ESRCH};

use super::sight::{Seen, Sight};
use crate::script::{Number, Operation, Side, TerminalCall, Writers};
use crate::stage::{Actor, Outcome, ProcessRow};

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    match s.operation {
        Operation::Setpgid(who, group) => setpgid(s, seen, who, group),
        Operation::Setsid => setsid(s, seen),
        Operation::Getpgid(_) | Operation::Getsid(_) => seen.when("R-GETPGID-01", true),
        Operation::Terminal(_, call) => terminal(s, seen, call),
        Operation::VHangUp => hang_ups(s, seen),
        _ => {}
    }
    if s.exits() {
        exits(s, seen);
    }
    let has_terminal = |row: &ProcessRow| row.foreground.is_some();
    let mut rows = s.after.rows.iter().filter_map(|(_, row)| row.process.as_ref());
    seen.when("R-TTY-15", rows.any(has_terminal));
}

fn setpgid(s: &Sight<'_>, seen: &mut Seen, who: &Number, group: &Number) {
    let zero = |number: &Number| *number == Number::Plain(0);
    let target = s.named(who).or_else(|| zero(who).then_some(s.caller));
    let process = target.map(|target| s.leader(target));
    let own = s.leader(s.caller);
    let is_child = process.is_some_and(|it| s.parent(it) == Some(own));
    let is_there = process.is_some_and(|it| s.old(it).is_some());
    let is_negative = matches!(group, Number::Plain(..0));
    seen.when("R-SETPGID-01", s.is_done() && (zero(who) || zero(group)));
    seen.when("R-SETPGID-01", s.failed(EINVAL) && is_negative);
    seen.when("R-SETPGID-02", s.failed(ESRCH) && !is_there);
    let is_thread = target.is_some_and(|it| s.leader(it) != it);
    seen.when("R-SETPGID-03", s.failed(EINVAL) && is_thread && !is_negative);
    seen.when("R-SETPGID-04", s.failed(EACCES));
    seen.when("R-EXEC-06", s.failed(EACCES));
    let is_foreign = is_there && !is_child && process != Some(own);
    seen.when("R-SETPGID-05", s.failed(ESRCH) && is_foreign);
    let leads = process.is_some_and(|it| s.is_session_leader(it));
    seen.when("R-SETPGID-06", s.failed(EPERM) && leads && process == Some(own));
    seen.when("R-SETPGID-07", s.failed(EPERM) && !leads && !zero(group) && who != group);
    if !s.is_done() {
        return;
    }
    let was_there = |it: Actor| s.state(it) == b'Z';
    seen.when("R-SETPGID-08", process.is_some_and(was_there));
    let groups = |row: Option<&ProcessRow>| row.map(|row| row.relations[1]);
    let is_same = |it: Actor| groups(s.old_process(it)) == groups(s.new_process(it));
    seen.when("R-SETPGID-09", process.is_some_and(is_same));
    seen.when("R-SETPGID-10", s.caller != own);
    seen.when("R-FORK-09", is_child && s.past.execed.contains(&own));
}

fn setsid(s: &Sight<'_>, seen: &mut Seen) {
    seen.when("R-SETSID-01", s.failed(EPERM));
    seen.when("R-SETSID-02", s.is_done());
    let is_inner_init = s.caller != 0 && s.is_init(s.caller);
    seen.when("R-SETSID-04", s.is_done() && is_inner_init);
    seen.when("R-TTY-14", s.is_done() && s.loses_terminal(s.caller));
}

fn terminal(s: &Sight<'_>, seen: &mut Seen, call: &TerminalCall) {
    let own = s.own();
    let foreground = own.and_then(|row| row.foreground);
    let is_behind = foreground.is_some() && foreground != own.map(|row| row.relations[1]);
    let has_gained =
        foreground.is_none() && s.new_process(s.caller).is_some_and(|row| row.foreground.is_some());
    match call {
        TerminalCall::Make(_) => {}
        TerminalCall::Open(_) => seen.when("R-TTY-01", has_gained),
        TerminalCall::Acquire(..) => {
            seen.when("R-TTY-02", s.is_done() || s.failed(EPERM));
            seen.when("R-TTYEXIT-03", has_gained && s.past.has_freed);
        }
        TerminalCall::Release(_) => seen.when("R-TTY-03", s.is_done() || s.failed(ENOTTY)),
        TerminalCall::Foreground(_) => seen.when("R-TTY-04", s.is_done()),
        TerminalCall::Session(_) => seen.when("R-TTY-05", s.is_done() || s.failed(ENOTTY)),
        TerminalCall::SetForeground(side, group) => {
            let errors = [ENOTTY, EINVAL, ESRCH, EPERM];
            seen.when("R-TTY-06", errors.iter().any(|errno| s.failed(*errno)));
            seen.when("R-TTY-09", s.is_done() && *side == Side::Master);
            let named = s.named(group).filter(|_| s.is_done());
            let founded = |it: Actor| s.members(s.number(it)).next().is_some();
            seen.when("R-TTY-07", named.is_some_and(|it| !founded(it)));
            let is_dead = |it: Actor| {
                let mut members = s.members(s.number(it)).peekable();
                members.peek().is_some() && members.all(|(_, row)| row.state == b'Z')
            };
            seen.when("R-TTY-08", named.is_some_and(is_dead));
        }
        TerminalCall::Read | TerminalCall::Write | TerminalCall::Change => {
            let is_allowed = s.is_done() || s.failed(EAGAIN);
            seen.when("R-TTY-12", foreground.is_none() && is_allowed);
        }
        TerminalCall::Signal(_) => {
            let hit = s.before.iter().any(|(actor, _)| s.new_state(*actor) != s.state(*actor));
            seen.when("R-TTY-13", s.is_done() && (hit || !s.after.signals.is_empty()));
        }
        TerminalCall::HangUp => hang_ups(s, seen),
    }
    let is_refused = s.new_state(s.caller) == b'T'
        || [EIO, EINTR].iter().any(|errno| s.failed(*errno))
        || matches!(call, TerminalCall::SetForeground(..)) && s.failed(ENOTTY);
    seen.when("R-TTY-10", is_behind && is_refused);
    let is_stopped = is_behind && s.after.outcome == Outcome::Blocked;
    seen.when("R-TTY-11", is_stopped && *call != TerminalCall::Make(Writers::Free));
}

fn hang_ups(s: &Sight<'_>, seen: &mut Seen) {
    seen.when("R-TTYEXIT-07", s.before.iter().any(|(actor, _)| s.loses_terminal(*actor)));
}

fn exits(s: &Sight<'_>, seen: &mut Seen) {
    let is_last = s.leader(s.caller) == s.caller && !s.is_first_to_exit();
    if !is_last {
        return;
    }
    let own = s.own().map(|row| (row.relations, row.foreground));
    let Some((relations, foreground)) = own else {
        return;
    };
    if !s.leads_session() {
        let keeps = |(actor, _): &&(Actor, crate::stage::Row)| {
            s.new_process(*actor)
                .is_some_and(|row| row.relations[2] == relations[2] && row.foreground.is_some())
        };
        seen.when("R-TTYEXIT-05", foreground.is_some() && s.before.iter().find(keeps).is_some());
        return;
    }
    if let Some(group) = foreground {
        let others = || s.before.iter().filter(|(actor, _)| *actor != s.caller);
        seen.when("R-TTYEXIT-01", others().any(|(actor, _)| s.loses_terminal(*actor)));
        let has_stopped = s.members(group).any(|(_, row)| row.state == b'T');
        seen.when("R-TTYEXIT-02", has_stopped);
    }
    let has_hung_up = s.past.hung_up.contains(&relations[2]);
    seen.when("R-TTYEXIT-04", foreground.is_none() && has_hung_up);
}
