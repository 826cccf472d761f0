//! The shortest script that still diverges.

use crate::script::{
    Fork, Operation, Script, SignalCall, SignalSet, Step, TRACE_OPTIONS, TraceCall, Treatment,
};

/// Shortens a script as long as `diverges` says that what is left still does.
///
/// Takes out runs of steps, long ones first, then simplifies those that are left, until nothing helps any more.
pub(super) fn shrink(script: Script, mut diverges: impl FnMut(&Script) -> bool) -> Script {
    let mut best = script;
    loop {
        let before = best.clone();
        best = drop_steps(best, &mut diverges);
        best = simplify_steps(best, &mut diverges);
        if best == before {
            return best;
        }
    }
}

fn drop_steps(mut best: Script, diverges: &mut impl FnMut(&Script) -> bool) -> Script {
    let mut length = best.steps.len().div_ceil(2);
    while length > 0 {
        let mut from = 0;
        while from < best.steps.len() {
            let mut shorter = best.clone();
            shorter.steps.drain(from..(from + length).min(best.steps.len()));
            if diverges(&shorter) {
                best = shorter;
            } else {
                from += length;
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    best
}

fn simplify_steps(mut best: Script, diverges: &mut impl FnMut(&Script) -> bool) -> Script {
    for index in 0..best.steps.len() {
        for simpler in simpler(&best.steps[index]) {
            let mut script = best.clone();
            script.steps[index] = simpler;
            if diverges(&script) {
                best = script;
                break;
            }
        }
    }
    best
}

/// What a step could be instead, simplest first.
fn simpler(step: &Step) -> Vec<Step> {
    let with = |operation| Step { operation, ..step.clone() };
    match &step.operation {
        Operation::Fork(fork) => {
            let plain = Fork::plain(fork.child.clone());
            let plain_handlers = plain.handlers;
            let mut all = Vec::new();
            if *fork != plain {
                all.push(Operation::Fork(plain));
                all.push(Operation::Fork(Fork { number: None, ..fork.clone() }));
                all.push(Operation::Fork(Fork { handlers: plain_handlers, ..fork.clone() }));
            }
            all.retain(|it| *it != step.operation);
            all.into_iter().map(with).collect()
        }
        Operation::ExitGroup(code) => vec![with(Operation::Exit(*code))],
        Operation::Exit(code) if *code != 0 => vec![with(Operation::Exit(0))],
        Operation::Tgkill(_, who, signal) => {
            vec![with(Operation::Kill(who.clone(), *signal))]
        }
        Operation::Tkill(who, signal) | Operation::Sigqueue(who, signal, _) => {
            vec![with(Operation::Kill(who.clone(), *signal))]
        }
        Operation::Tgsigqueue(group, who, signal, code) => vec![
            with(Operation::Tgkill(group.clone(), who.clone(), *signal)),
            with(Operation::Sigqueue(who.clone(), *signal, *code)),
        ],
        Operation::Wait4 { who, options } => (0..32)
            .map(|bit| options & !(1_i32 << bit))
            .filter(|fewer| fewer != options)
            .map(|options| with(Operation::Wait4 { who: who.clone(), options }))
            .collect(),
        Operation::Notice(notice) => {
            let target = notice.target().into_iter();
            target.map(|who| with(Operation::Kill(who.clone(), notice.signal()))).collect()
        }
        Operation::Treat { signal, treatment } => {
            let plain = Treatment { action: treatment.action, ..Treatment::default() };
            let all = [plain, Treatment { mask: SignalSet::default(), ..*treatment }];
            let fewer = all.into_iter().filter(|it| it != treatment);
            fewer.map(|treatment| with(Operation::Treat { signal: *signal, treatment })).collect()
        }
        Operation::Signals(SignalCall::Mask(change, set)) => fewer_signals(*set)
            .map(|set| with(Operation::Signals(SignalCall::Mask(*change, set))))
            .collect(),
        Operation::Signals(SignalCall::Wait(set, if_none)) => fewer_signals(*set)
            .map(|set| with(Operation::Signals(SignalCall::Wait(set, *if_none))))
            .collect(),
        Operation::Signals(SignalCall::Suspend(set)) => fewer_signals(*set)
            .map(|set| with(Operation::Signals(SignalCall::Suspend(set))))
            .collect(),
        Operation::Trace(call) => {
            simpler_requests(call).into_iter().map(Operation::Trace).map(with).collect()
        }
        _ => Vec::new(),
    }
}

fn fewer_signals(set: SignalSet) -> impl Iterator<Item = SignalSet> {
    let without = (1..=64).map(move |signal| SignalSet(set.0 & !SignalSet::of(signal).0));
    without.filter(move |fewer| *fewer != set)
}

fn simpler_requests(call: &TraceCall) -> Vec<TraceCall> {
    let fewer = |options: i32| {
        let bits = TRACE_OPTIONS.iter().map(move |(_, bit)| options & !bit);
        bits.filter(move |left| *left != options)
    };
    match call {
        TraceCall::Seize(who, options) => {
            fewer(*options).map(|left| TraceCall::Seize(who.clone(), left)).collect()
        }
        TraceCall::SetOptions(who, options) => {
            fewer(*options).map(|left| TraceCall::SetOptions(who.clone(), left)).collect()
        }
        TraceCall::Continue(who, signal) if *signal != 0 => {
            vec![TraceCall::Continue(who.clone(), 0)]
        }
        TraceCall::Detach(who, signal) if *signal != 0 => vec![TraceCall::Detach(who.clone(), 0)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;

    /// Only the steps that matter are left, in their simplest form.
    #[test]
    fn only_what_matters_is_left() {
        let long =
            "init: fork a exit-signal=0\na: setsid\na: fork b\nb: exit-group 3\na: getppid\n";
        let script = parse(long).unwrap();
        let shrunk = shrink(script, |script| {
            let text = script.to_string();
            text.contains("fork a") && text.contains("b: exit")
        });
        assert_eq!(shrunk.to_string(), "init: fork a\nb: exit 0\n");
    }
}
