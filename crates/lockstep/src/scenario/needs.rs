//! What a scenario needs of a kernel besides processes.
//!
//! Without a PID namespace of its own, process 1 of a script is an ordinary process that adopts what is below it. It can be killed, numbers
//! are whatever the kernel gives, and a signal to everybody would go to everybody.

use crate::script::{
    Fork, INIT, IfTaken, Number, Operation, Parent, PidfdCall, Script, Space, TerminalCall,
    TraceCall,
};
use crate::stage::Lack;
use crate::stage::duel::{Duel, NotPlayed, Verdict};

/// The first thing that a script needs, of those that are lacking.
///
/// # Errors
///
/// The model cannot play it.
pub(crate) fn first_lacking(script: &Script, lacking: &[Lack]) -> Result<Option<Lack>, NotPlayed> {
    for &need in lacking {
        let is_needed = match need {
            Lack::Namespaces => has(script, needs_namespace),
            Lack::Terminals => {
                has(script, |it| matches!(it, Operation::Terminal(..) | Operation::VHangUp))
            }
            Lack::Rights => has(script, |it| {
                matches!(it, Operation::Terminal(_, TerminalCall::Acquire(_, IfTaken::Steal)))
            }),
            Lack::Tracing => has(script, |it| matches!(it, Operation::Trace(_))),
            Lack::Pidfds => has(script, |it| matches!(it, Operation::Pidfd(..))),
            Lack::Subreaper => needs_adopter(script)?,
            // What they would show is not looked at.
            Lack::Calls | Lack::States => false,
        };
        if is_needed {
            return Ok(Some(need));
        }
    }
    Ok(None)
}

fn has(script: &Script, is_it: impl Fn(&Operation) -> bool) -> bool {
    script.steps.iter().any(|step| is_it(&step.operation))
}

fn needs_namespace(operation: &Operation) -> bool {
    match operation {
        Operation::UnsharePid | Operation::Reboot(_) => true,
        // Who is traced from its birth tells its number late.
        Operation::Trace(TraceCall::Seize(_, options) | TraceCall::SetOptions(_, options)) => {
            const BIRTHS: i32 =
                libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACECLONE;
            options & BIRTHS != 0
        }
        Operation::Pidfd(_, PidfdCall::EnterPid) => true,
        Operation::Fork(fork) if fork.space == Space::New || fork.number.is_some() => true,
        Operation::Kill(Number::Plain(-1 | 0), _) => true,
        Operation::Kill(who, signal)
        | Operation::Tkill(who, signal)
        | Operation::Tgkill(_, who, signal)
        | Operation::Sigqueue(who, signal, _)
        | Operation::Tgsigqueue(_, who, signal, _)
            if *signal != 0 && is_init(who) =>
        {
            true
        }
        Operation::Notice(notice) if notice.target().is_some_and(is_init) => true,
        other => other.numbers().iter().any(is_somebodys),
    }
}

fn is_init(who: &Number) -> bool {
    matches!(who, Number::Of(name) | Number::GroupOf(name) if name == INIT)
}

/// Whether it is a number that the script knows because it knows the namespace.
fn is_somebodys(number: &Number) -> bool {
    matches!(number, Number::Plain(number) if (1..99_999).contains(&number.saturating_abs()) && *number != -1)
}

/// Whether somebody is adopted, or a subreaper.
fn needs_adopter(script: &Script) -> Result<bool, NotPlayed> {
    let mut duel = Duel::start(None)?;
    let mut own = vec![INIT.to_owned()];
    for step in &script.steps {
        match &step.operation {
            Operation::Subreaper(_) => return Ok(true),
            Operation::Fork(Fork { child, parent, .. })
                if step.actor == INIT || *parent == Parent::Sibling =>
            {
                own.push(child.clone());
            }
            _ => {}
        }
        if let Verdict::Agreed(account) = duel.step(step)? {
            let lines = duel.tell(&account, 0, &step.operation);
            let adopted = lines.iter().filter(|line| line.contains(&format!(" parent={INIT} ")));
            if adopted.filter_map(|line| line.split(' ').next()).any(|it| !own.contains(&it.into()))
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;

    fn first(text: &str) -> Option<Lack> {
        let script = parse(text).unwrap();
        first_lacking(&script, &[Lack::Namespaces, Lack::Subreaper]).unwrap()
    }

    /// Numbers that are known, signals to all and to process 1, and namespaces need one of one's own; orphans need an adopter.
    #[test]
    fn what_a_script_needs_is_found() {
        assert_eq!(
            first("init: fork a\na: fork b\nb: exit 0\na: wait4 any\na: kill 99999 0"),
            None
        );
        for needy in ["a: kill 1 0", "a: kill any 0", "a: kill init TERM", "a: unshare-pid"] {
            assert_eq!(first(&format!("init: fork a\n{needy}")), Some(Lack::Namespaces), "{needy}");
        }
        for needy in ["a: fork b newpid", "a: fork b number=7", "a: getpgid 2"] {
            assert_eq!(first(&format!("init: fork a\n{needy}")), Some(Lack::Namespaces), "{needy}");
        }
        assert_eq!(first("init: fork a\na: fork b\na: exit 0"), Some(Lack::Subreaper));
        assert_eq!(first("init: fork a\na: subreaper on"), Some(Lack::Subreaper));
    }
}
