//! Signals, stops, pidfds, what `/proc` shows.

use libc::{EINVAL, ENOENT, EPERM, ESRCH, SIGCONT, SIGKILL, SIGSTOP};

use super::sight::{Seen, Sight};
use crate::script::{Action, Given, Number, Operation, PidfdCall};
use crate::stage::{Actor, Outcome};

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    sends(s, seen);
    stops(s, seen);
    pidfds(s, seen);
    for (_, row) in &s.after.rows {
        seen.when("R-PROC-01", matches!(row.state, b'T' | b'Z' | b'D'));
        seen.when("R-PROC-02", row.state == b'Z' && row.process.is_some());
        seen.when("R-PROC-03", row.children.len() > 1);
        seen.when("R-PROC-05", row.process.as_ref().is_some_and(|process| process.code != 0));
    }
}

fn sends(s: &Sight<'_>, seen: &mut Seen) {
    let target = s.target();
    let state = target.map_or(0, |target| s.state(target));
    match s.operation {
        Operation::Kill(Number::Of(_), _) => {
            seen.when("R-KILL-01", s.failed(ESRCH) || s.failed(EINVAL));
            let is_thread = target.is_some_and(|it| s.leader(it) != it);
            seen.when("R-KILL-02", s.is_done() && is_thread);
            seen.when("R-KILL-06", s.is_done() && state == b'Z');
        }
        Operation::Kill(who, _) => {
            let is_all = *who == Number::Plain(-1);
            seen.when("R-KILL-04", is_all);
            seen.when("R-KILL-03", !is_all);
            let is_inner = s.depth(s.caller) > 0;
            let init = s.before.iter().find(|(it, _)| is_inner && s.is_init(*it));
            let survives = init.is_some_and(|(it, _)| s.now(*it).is_some());
            seen.when("R-NS-13", is_all && survives && s.is_done());
            let group = match who {
                Number::Plain(0) => s.own().map(|own| own.relations[1]),
                _ => s.named(who).map(|founder| s.number(founder)),
            };
            let far = |(it, _): (Actor, &_)| s.depth(it) != s.depth(s.caller);
            seen.when("R-KILL-09", s.is_done() && group.is_some_and(|it| s.members(it).any(far)));
        }
        Operation::Tkill(..) | Operation::Tgkill(..) => {
            seen.when("R-KILL-08", s.failed(ESRCH) || s.failed(EINVAL));
        }
        Operation::Notice(_) => seen.when("R-KILL-13", s.is_done()),
        Operation::Sigqueue(_, _, Given { code, .. })
        | Operation::Tgsigqueue(_, _, _, Given { code, .. }) => {
            let is_refused = s.failed(EPERM) || s.failed(ESRCH) || s.failed(EINVAL);
            seen.when("R-KILL-11", is_refused);
            let is_placeless = matches!(*code, libc::SI_TIMER | libc::SI_SIGIO);
            let is_init = target.is_some_and(|it| s.is_init(it) && s.depth(it) > 0);
            let is_kernels = *code == libc::SI_KERNEL && target == Some(s.caller);
            seen.when("R-KILL-12", s.is_done() && is_init && (is_placeless || is_kernels));
        }
        _ => {}
    }
    let told = s.after.signals.iter().filter(|_| s.sent().is_some());
    for (_, signal) in told {
        let is_users = matches!(signal.code, libc::SI_USER | libc::SI_TKILL);
        seen.when("R-KILL-07", is_users);
    }
    let (Some(target), Some(signal)) = (target, s.sent().filter(|it| *it > 0)) else {
        return;
    };
    let treats = s.treatment(target, signal).action;
    seen.when("R-KILL-10", s.is_done() && treats == Action::Ignore);
    if s.is_init(target) && s.leader(target) != 0 && s.is_done() {
        let is_outside = s.depth(s.caller) < s.depth(target);
        let stays = s.new_state(target) == state;
        let acts = treats == Action::Default || matches!(signal, SIGKILL | SIGSTOP);
        seen.when("R-NS-10", !is_outside && stays && acts && signal != SIGCONT);
        seen.when("R-NS-11", is_outside && (stays || matches!(signal, SIGKILL | SIGSTOP)));
    }
}

fn stops(s: &Sight<'_>, seen: &mut Seen) {
    let Some(target) = s.target().filter(|_| s.is_done()) else {
        return;
    };
    let process = s.leader(target);
    let Some(signal) = s.sent().filter(|signal| *signal > 0) else {
        return;
    };
    let is_stop = (SIGSTOP..=libc::SIGTTOU).contains(&signal);
    let (was, is) = (s.state(target), s.new_state(target));
    seen.when("R-STOP-02", signal == SIGCONT && was == b'T' && is != b'T');
    seen.when("R-STOP-03", is_stop && was != b'T' && is == b'T');
    let several = s.old_threads(process) > 1;
    seen.when("R-STOP-04", is_stop && was != b'T' && is == b'T' && several);
    let codes = |row: Option<&crate::stage::ProcessRow>| row.map(|row| row.code);
    let is_same = codes(s.old_process(process)) == codes(s.new_process(process));
    seen.when("R-STOP-05", is_stop && was == b'T' && is == b'T' && is_same);
    let had_news = codes(s.old_process(process)).is_some_and(|code| code != 0);
    seen.when("R-STOP-07", signal == SIGCONT && was == b'T' && had_news && is == b'S');
    let is_other = !is_stop && signal != SIGKILL && signal != SIGCONT;
    seen.when("R-STOP-08", is_other && was == b'T' && is == b'T');
    let leader_is_dead = s.state(process) == b'Z' && several;
    seen.when("R-STOP-10", leader_is_dead && (is_stop || signal == SIGCONT) && was != is);
    let handles = s.treatment(process, signal).action == Action::Handle;
    seen.when("R-STOP-11", is_stop && signal != SIGSTOP && handles && is != b'T');
    let is_reapable = s.state(process) == b'Z' && !several;
    seen.when("R-STOP-12", is_reapable && (is_stop || signal == SIGCONT));
}

fn pidfds(s: &Sight<'_>, seen: &mut Seen) {
    let Operation::Pidfd(name, call) = s.operation else {
        return;
    };
    let named = s.past.pidfds.get(name).copied();
    let is_thread = named.is_some_and(|(it, _)| s.leader(it) != it);
    match call {
        PidfdCall::Open(..) => {
            let errors = [ESRCH, EINVAL, ENOENT];
            seen.when("R-PIDFD-01", s.is_done() || errors.iter().any(|it| s.failed(*it)));
        }
        PidfdCall::Send(..) => {
            seen.when("R-PIDFD-04", s.is_done() || s.failed(ESRCH) || s.failed(EINVAL));
        }
        PidfdCall::Poll => {
            let (ready, hung_up) = (i64::from(libc::POLLIN), i64::from(libc::POLLHUP));
            let got = s.after.outcome;
            seen.when("R-PIDFD-02", !is_thread && got == Outcome::Value(ready));
            let is_gone = got == Outcome::Value(ready | hung_up);
            seen.when("R-PIDFD-03", is_thread && is_gone);
            let is_far = named.is_some_and(|(it, _)| s.depth(it) != s.depth(s.caller));
            seen.when("R-PIDFD-07", is_far);
        }
        PidfdCall::Info(_) => seen.when("R-PIDFD-06", true),
        PidfdCall::Wait(_) | PidfdCall::EnterPid => {}
    }
}
