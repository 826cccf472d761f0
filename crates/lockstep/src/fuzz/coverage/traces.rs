//! ptrace.

use super::sight::{Seen, Sight};
use crate::script::{Action, Number, Operation, TraceCall};
use crate::stage::{Actor, Outcome};

pub(super) fn see(s: &Sight<'_>, seen: &mut Seen) {
    births_and_ends(s, seen);
    waits(s, seen);
    signals(s, seen);
    seen.when("R-EXEC-12", *s.operation == Operation::Exec && s.after.outcome == Outcome::Blocked);
    let is_listen = matches!(s.operation, Operation::Trace(TraceCall::Listen(_)));
    seen.when("R-PTRACE-10", is_listen && s.is_done());
}

fn births_and_ends(s: &Sight<'_>, seen: &mut Seen) {
    seen.when("R-PTRACE-04", s.moved().any(|it| s.is_traced(it) && s.is_still_traced(it)));
    let own = s.leader(s.caller);
    let leads = own == s.caller;
    let keeps = leads && s.exits() && s.new_state(own) == b'Z';
    let treatment = s.parent(own).map(|parent| s.treatment(parent, libc::SIGCHLD));
    let is_careless = treatment.is_some_and(|it| it.action == Action::Ignore || it.no_wait);
    let by_parent = s.tracer(own).map(|tracer| s.leader(tracer)) == s.parent(own);
    seen.when("R-PTRACE-02", keeps && is_careless && s.is_traced(own) && by_parent);
    let lets_go = |tracee: Actor| s.now(tracee).is_some() && !s.is_still_traced(tracee);
    seen.when("R-PTRACE-05", s.exits() && s.tracees(s.caller).any(lets_go));
    let is_dead_thread = |row: &crate::stage::Row| row.process.is_none() && row.state == b'Z';
    seen.when("R-PTRACE-06", s.after.rows.iter().any(|(_, row)| is_dead_thread(row)));
    let ends = |(actor, row): &(Actor, crate::stage::Row)| {
        row.state == b't' && matches!(s.new_state(*actor), 0 | b'Z')
    };
    seen.when("R-PTRACE-07", s.before.iter().any(ends));
}

fn waits(s: &Sight<'_>, seen: &mut Seen) {
    let Some((number, status)) = s.told().filter(|_| s.depth(s.caller) == 0) else {
        return;
    };
    let Some(tracee) = s.traced().find(|tracee| s.number(*tracee) == number) else {
        return;
    };
    let by_own = s.tracer(tracee).map(|tracer| s.leader(tracer)) == Some(s.leader(s.caller));
    let is_child = s.parent(tracee) == Some(s.leader(s.caller));
    let is_end = status & 0x7f != 0x7f && status != 0xffff;
    seen.when("R-PTRACE-01", by_own && !is_child && is_end && s.new_state(tracee) == b'Z');
    let is_any = matches!(s.operation, Operation::Wait4 { who: Number::Plain(-1), .. });
    seen.when("R-PTRACE-03", by_own && !is_child && is_any);
    let is_stop = status & 0xff == 0x7f;
    seen.when("R-STOP-13", is_stop && (by_own || is_child));
}

fn signals(s: &Sight<'_>, seen: &mut Seen) {
    let of_trap = |code: i32, status: i32| {
        code == libc::CLD_TRAPPED || code == libc::CLD_STOPPED && status == 0
    };
    let mut told = s.after.signals.iter().map(|(_, signal)| (signal.code, signal.status));
    seen.when("R-PTRACE-08", told.any(|(code, status)| of_trap(code, status)));
    let target = s.target().filter(|target| s.sent().is_some() && s.is_traced(*target));
    let stops = target.is_some_and(|it| s.state(it) != b't' && s.new_state(it) == b't');
    seen.when("R-PTRACE-09", s.is_done() && stops);
}
