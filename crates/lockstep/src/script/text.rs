//! Scripts as text.

use std::fmt;

use super::files::{PidfdCall, TerminalCall, flag_of};
use super::notice::Notice;
use super::operation::{
    Action, FIRST_RT, Fork, GETTERS, Given, Handlers, Number, Operation, Pace, Parent, REBOOTS,
    SIGNALS, Space, Switch, Treatment, WAIT_KINDS, WAIT_OPTIONS, name_of, value_of,
};
use super::raw_clone::RawClone;
use super::signals::{SignalCall, SignalSet, SignalfdCall};
use super::trace::TraceCall;
use super::{Expectation, Script, Step};

/// Why a file is no script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// The line in the file.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads a script.
///
/// # Errors
///
/// The first line that cannot be read, and why.
pub(crate) fn parse(text: &str) -> Result<Script, ParseError> {
    let mut script = Script::default();
    for (index, whole) in text.lines().enumerate() {
        let line = index + 1;
        let failed = |message: String| ParseError { line, message };
        let content = whole.split('#').next().unwrap_or_default();
        let words = single_blanks(content);
        if words.is_empty() {
            continue;
        }
        if content.starts_with(char::is_whitespace) {
            let step = script.steps.last_mut();
            let step = step.ok_or_else(|| failed("expects something of no step".to_owned()))?;
            step.expectations.push(Expectation { line, words });
            continue;
        }
        let (call, returns) = match words.split_once(" -> ") {
            Some((call, returns)) => (call, Some(returns)),
            None => (words.as_str(), None),
        };
        let (actor, operation) = call
            .split_once(": ")
            .ok_or_else(|| failed("expected `ACTOR: OPERATION`".to_owned()))?;
        check_name(actor).map_err(failed)?;
        let mut step = Step::new(actor, parse_operation(operation).map_err(failed)?);
        step.expectations
            .extend(returns.map(|returns| Expectation { line, words: format!("-> {returns}") }));
        script.steps.push(step);
    }
    Ok(script)
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check_name(name: &str) -> Result<(), String> {
    let is_good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if is_good { Ok(()) } else { Err(format!("`{name}` cannot be a name")) }
}

/// The words of one operation, taken one by one.
pub(super) struct Words<'a> {
    rest: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    fn next(&mut self, wanted: &str) -> Result<&'a str, String> {
        self.rest.next().ok_or_else(|| format!("expected {wanted}"))
    }

    fn integer(&mut self) -> Result<i32, String> {
        parse_integer(self.next("a number")?)
    }

    pub(super) fn signal(&mut self) -> Result<i32, String> {
        signal_of(self.next("a signal")?)
    }

    /// The set of signals that comes next.
    pub(super) fn set(&mut self) -> Result<SignalSet, String> {
        SignalSet::parse(self.next("signals, `none` or `all`")?)
    }

    /// What is written into a siginfo: a code, and a value if there is one.
    fn given(&mut self) -> Result<Given, String> {
        let code = self.integer()?;
        let value = if self.rest.peek().is_none() { 0 } else { self.integer()? };
        Ok(Given { code, value })
    }

    /// The signal that comes next; 0 if nothing does.
    pub(super) fn signal_or_none(&mut self) -> Result<i32, String> {
        if self.rest.peek().is_none() { Ok(0) } else { self.signal() }
    }

    /// The number that comes next, if one does.
    pub(super) fn number_or_none(&mut self) -> Result<Option<Number>, String> {
        if self.rest.peek().is_none() { Ok(None) } else { self.number().map(Some) }
    }

    /// The value of the next word, which is one of these.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        table: &[(&'static str, T)],
        wanted: &str,
    ) -> Result<T, String> {
        let word = self.next(wanted)?;
        value_of(table, word).ok_or_else(|| format!("expected {wanted}"))
    }

    pub(super) fn number(&mut self) -> Result<Number, String> {
        let word = self.next("a number or a name")?;
        if word == "any" {
            return Ok(Number::Plain(-1));
        }
        if word.starts_with(|first: char| first.is_ascii_lowercase()) {
            return check_name(word).map(|()| Number::Of(word.to_owned()));
        }
        match word.strip_prefix('-') {
            Some(name) if name.starts_with(|first: char| first.is_ascii_lowercase()) => {
                check_name(name).map(|()| Number::GroupOf(name.to_owned()))
            }
            _ => parse_integer(word).map(Number::Plain),
        }
    }

    /// The next word, if it is that one.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.rest.next_if_eq(&word).is_some()
    }

    fn options(&mut self) -> Result<i32, String> {
        self.flags(WAIT_OPTIONS)
    }

    /// All flags that are left.
    pub(super) fn flags(&mut self, table: &[(&'static str, i32)]) -> Result<i32, String> {
        let mut flags = 0;
        for word in self.rest.by_ref() {
            flags |= flag_of(table, word).ok_or_else(|| format!("`{word}` is no number"))?;
        }
        Ok(flags)
    }

    fn new_name(&mut self) -> Result<String, String> {
        self.name("the name of the new actor")
    }

    fn name(&mut self, wanted: &str) -> Result<String, String> {
        let name = self.next(wanted)?;
        check_name(name).map(|()| name.to_owned())
    }
}

fn parse_integer(word: &str) -> Result<i32, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

fn parse_operation(text: &str) -> Result<Operation, String> {
    let mut words = Words { rest: text.split_whitespace().peekable() };
    let verb = words.next("an operation")?;
    let operation = match verb {
        "fork" => Operation::Fork(parse_fork(&mut words)?),
        "thread" => Operation::Thread { child: words.new_name()? },
        "exit" => Operation::Exit(words.integer()?),
        "exit-group" => Operation::ExitGroup(words.integer()?),
        "exec" => Operation::Exec,
        "wait4" => Operation::Wait4 { who: words.number()?, options: words.options()? },
        "waitid" => {
            let kind = words.next("`all`, `pid`, `pgid` or `pidfd`")?;
            if kind == "pidfd" {
                let file = words.name("the name of a pidfd")?;
                return Ok(Operation::Pidfd(file, PidfdCall::Wait(words.options()?)));
            }
            let kind = value_of(WAIT_KINDS, kind).map_or_else(|| parse_integer(kind), Ok)?;
            let id = if kind == 0 { Number::Plain(0) } else { words.number()? };
            Operation::WaitId { kind, id, options: words.options()? }
        }
        "getpgid" => Operation::Getpgid(words.number()?),
        "getsid" => Operation::Getsid(words.number()?),
        "setpgid" => Operation::Setpgid(words.number()?, words.number()?),
        "setsid" => Operation::Setsid,
        "kill" => Operation::Kill(words.number()?, words.signal()?),
        "tkill" => Operation::Tkill(words.number()?, words.signal()?),
        "tgkill" => Operation::Tgkill(words.number()?, words.number()?, words.signal()?),
        "sigqueue" => Operation::Sigqueue(words.number()?, words.signal()?, words.given()?),
        "tgsigqueue" => {
            Operation::Tgsigqueue(words.number()?, words.number()?, words.signal()?, words.given()?)
        }
        "signal" => parse_treatment(&mut words)?,
        "block" => Operation::Block(words.signal()?),
        "unblock" => Operation::Unblock(words.signal()?),
        "subreaper" => Operation::Subreaper(match words.next("`on` or `off`")? {
            "on" => Switch::On,
            "off" => Switch::Off,
            other => return Err(format!("`{other}` is neither `on` nor `off`")),
        }),
        "death-signal" => Operation::DeathSignal(words.signal()?),
        "unshare-pid" => Operation::UnsharePid,
        "clone3" => Operation::Clone3(RawClone::parse(words.rest.by_ref())?),
        "reboot" => {
            let word = words.next("a command")?;
            Operation::Reboot(value_of(REBOOTS, word).map_or_else(|| parse_integer(word), Ok)?)
        }
        "vhangup" => Operation::VHangUp,
        other => match value_of(GETTERS, other) {
            Some(getter) => Operation::Get(getter),
            None => parse_rest(other, &mut words)?,
        },
    };
    match words.rest.next() {
        Some(extra) => Err(format!("`{extra}` is too much")),
        None => Ok(operation),
    }
}

fn parse_file_operation(verb: &str, words: &mut Words<'_>) -> Result<Operation, String> {
    let unknown = || format!("`{verb}` is no operation");
    let name = words.name("the name of a file").map_err(|_| unknown())?;
    if let Some(call) = TerminalCall::parse(verb, words)? {
        return Ok(Operation::Terminal(name, call));
    }
    if let Some(call) = SignalfdCall::parse(verb, words)? {
        return Ok(Operation::Signalfd(name, call));
    }
    let call = PidfdCall::parse(verb, words)?.ok_or_else(unknown)?;
    Ok(Operation::Pidfd(name, call))
}

fn parse_fork(words: &mut Words<'_>) -> Result<Fork, String> {
    let mut fork = Fork::plain(words.new_name()?);
    for word in words.rest.by_ref() {
        match word.split_once('=') {
            Some(("exit-signal", signal)) => fork.exit_signal = signal_of(signal)?,
            Some(("number", number)) => fork.number = Some(parse_integer(number)?),
            None if word == "sibling" => fork.parent = Parent::Sibling,
            None if word == "newpid" => fork.space = Space::New,
            None if word == "vfork" => fork.pace = Pace::Vfork,
            None if word == "sighand" => fork.handlers = Handlers::Shared,
            None if word == "clear-sighand" => fork.handlers = Handlers::Cleared,
            _ => return Err(format!("`{word}` says nothing about a fork")),
        }
    }
    Ok(fork)
}

fn parse_treatment(words: &mut Words<'_>) -> Result<Operation, String> {
    let signal = words.signal()?;
    let mut treatment = Treatment::default();
    for word in words.rest.by_ref() {
        match word {
            "default" => treatment.action = Action::Default,
            "ignore" => treatment.action = Action::Ignore,
            "handle" => treatment.action = Action::Handle,
            "nocldwait" => treatment.no_wait = true,
            "nocldstop" => treatment.no_stop = true,
            "restart" => treatment.restart = true,
            "reset" => treatment.reset = true,
            "no-defer" => treatment.no_defer = true,
            other => match other.strip_prefix("mask=") {
                Some(set) => treatment.mask = SignalSet::parse(set)?,
                None => return Err(format!("`{other}` is no treatment")),
            },
        }
    }
    Ok(Operation::Treat { signal, treatment })
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.actor, self.operation)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(number) => write!(f, "{number}"),
            Self::Of(name) => f.write_str(name),
            Self::GroupOf(name) => write!(f, "-{name}"),
        }
    }
}

fn parse_rest(verb: &str, words: &mut Words<'_>) -> Result<Operation, String> {
    if let Some(call) = TraceCall::parse(verb, words)? {
        return Ok(Operation::Trace(call));
    }
    if let Some(call) = SignalCall::parse(verb, words)? {
        return Ok(Operation::Signals(call));
    }
    match Notice::parse(verb, words)? {
        Some(notice) => Ok(Operation::Notice(notice)),
        None => parse_file_operation(verb, words),
    }
}

/// The name of a signal, or its number.
pub(crate) fn number_in_words(signal: i32) -> String {
    match name_of(SIGNALS, signal) {
        Some(name) => name.to_owned(),
        None if (FIRST_RT..=64).contains(&signal) => format!("RT{}", signal - FIRST_RT),
        None => signal.to_string(),
    }
}

/// The number of a signal that is told by its name, or by that.
pub(super) fn signal_of(word: &str) -> Result<i32, String> {
    let real_time = || word.strip_prefix("RT")?.parse().ok().filter(|it| (0..=32).contains(it));
    match value_of(SIGNALS, word).or_else(|| real_time().map(|index| FIRST_RT + index)) {
        Some(signal) => Ok(signal),
        None => parse_integer(word),
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        let signal = |signal: &i32| number_in_words(*signal);
        match self {
            Self::Fork(fork) => write!(f, "{fork}"),
            Self::Thread { child } => write!(f, " {child}"),
            Self::Clone3(request) => write!(f, "{request}"),
            Self::Reboot(command) => match name_of(REBOOTS, *command) {
                Some(name) => write!(f, " {name}"),
                None => write!(f, " {command}"),
            },
            Self::Exit(code) | Self::ExitGroup(code) => write!(f, " {code}"),
            Self::Wait4 { who: Number::Plain(-1), options } => {
                write!(f, " any{}", Options(*options, WAIT_OPTIONS))
            }
            Self::Wait4 { who, options } => write!(f, " {who}{}", Options(*options, WAIT_OPTIONS)),
            Self::WaitId { kind: 0, options, .. } => {
                write!(f, " all{}", Options(*options, WAIT_OPTIONS))
            }
            Self::WaitId { kind, id, options } => match name_of(WAIT_KINDS, *kind) {
                Some(kind) => write!(f, " {kind} {id}{}", Options(*options, WAIT_OPTIONS)),
                None => write!(f, " {kind} {id}{}", Options(*options, WAIT_OPTIONS)),
            },
            Self::Getpgid(who) | Self::Getsid(who) => write!(f, " {who}"),
            Self::Setpgid(who, group) => write!(f, " {who} {group}"),
            Self::Kill(Number::Plain(-1), number) => write!(f, " any {}", signal(number)),
            Self::Kill(who, number) | Self::Tkill(who, number) => {
                write!(f, " {who} {}", signal(number))
            }
            Self::Tgkill(process, thread, number) => {
                write!(f, " {process} {thread} {}", signal(number))
            }
            Self::Sigqueue(who, number, given) => write!(f, " {who} {} {given}", signal(number)),
            Self::Tgsigqueue(process, thread, number, given) => {
                write!(f, " {process} {thread} {} {given}", signal(number))
            }
            Self::Treat { signal: number, treatment } => {
                write!(f, " {} {treatment}", signal(number))
            }
            Self::Block(number) | Self::Unblock(number) | Self::DeathSignal(number) => {
                write!(f, " {}", signal(number))
            }
            Self::Subreaper(Switch::On) => f.write_str(" on"),
            Self::Subreaper(Switch::Off) => f.write_str(" off"),
            Self::Terminal(name, call) => write!(f, " {name}{call}"),
            Self::Pidfd(name, call) => write!(f, " {name}{call}"),
            Self::Signalfd(name, call) => write!(f, " {name}{call}"),
            Self::Signals(call) => write!(f, "{call}"),
            Self::Trace(call) => write!(f, "{call}"),
            Self::Notice(notice) => write!(f, "{notice}"),
            Self::Exec | Self::Get(_) | Self::Setsid | Self::UnsharePid | Self::VHangUp => Ok(()),
        }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.child)?;
        if self.exit_signal != libc::SIGCHLD {
            write!(f, " exit-signal={}", number_in_words(self.exit_signal))?;
        }
        if self.parent == Parent::Sibling {
            f.write_str(" sibling")?;
        }
        if self.space == Space::New {
            f.write_str(" newpid")?;
        }
        if self.pace == Pace::Vfork {
            f.write_str(" vfork")?;
        }
        f.write_str(match self.handlers {
            Handlers::Copied => "",
            Handlers::Shared => " sighand",
            Handlers::Cleared => " clear-sighand",
        })?;
        self.number.map_or(Ok(()), |number| write!(f, " number={number}"))
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.value == 0 { Ok(()) } else { write!(f, " {}", self.value) }
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.action {
            Action::Default => "default",
            Action::Ignore => "ignore",
            Action::Handle => "handle",
        })?;
        f.write_str(if self.no_wait { " nocldwait" } else { "" })?;
        for (is_set, flag) in [
            (self.no_stop, " nocldstop"),
            (self.restart, " restart"),
            (self.reset, " reset"),
            (self.no_defer, " no-defer"),
        ] {
            f.write_str(if is_set { flag } else { "" })?;
        }
        if self.mask == SignalSet::default() { Ok(()) } else { write!(f, " mask={}", self.mask) }
    }
}

/// Flags by the names of a table, each behind a blank.
pub(super) struct Options(pub(super) i32, pub(super) &'static [(&'static str, i32)]);

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (name, bit) in self.1 {
            if rest & bit != 0 {
                write!(f, " {name}")?;
                rest &= !bit;
            }
        }
        if rest == 0 { Ok(()) } else { write!(f, " {rest}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed can be read, and means the same.
    #[test]
    fn a_printed_script_is_read_back() {
        let text = "\
init: fork a exit-signal=USR1 sibling newpid number=40
a: thread b
a: wait4 any nohang stopped wclone
a: wait4 -b 4
a: waitid pgid b exited nowait
a: waitid all exited
a: kill -a TERM
b: kill any 0
b: tgkill a b 65
b: sigqueue a USR1 -1
b: tgsigqueue a b RT3 128
b: sigqueue a RT32 -1 7
b: signal CHLD handle nocldwait nocldstop
b: signal RT0 handle restart reset no-defer mask=USR1,RT2
b: sigmask set USR1,33
b: sigmask block none
b: get-mask
b: get-action USR1
b: sigpending
b: sigsuspend all
b: pause
b: sigtimedwait USR1,RT1
b: sigtimedwait CHLD now
b: signalfd s USR1
b: read-signalfd s
b: subreaper on
b: getppid
b: clone3 vm thread size=96
b: reboot halt
b: reboot 5
b: pty t tostop
b: tiocsctty t master steal
b: tiocspgrp t -a master
b: tiocsig t INT
b: pidfd-open p a thread
b: pidfd-send p TERM group
b: waitid pidfd p nohang exited
b: fork c newpid vfork
b: fork d sighand
b: fork e vfork clear-sighand
b: trace-me
b: seize a exec exit-kill
b: attach a
b: interrupt a
b: cont a
b: cont a TERM
b: listen a
b: set-options a fork
b: detach a 65
b: exit-group 3
";
        let script = parse(text).unwrap();
        let printed = text.replace(" 4\n", " exited\n").replace(",33", ",RT1");
        assert_eq!(script.to_string(), printed);
        assert_eq!(parse(&script.to_string()).unwrap(), script);
    }

    /// Expectations belong to the step above them; comments and blank lines to nobody.
    #[test]
    fn expectations_belong_to_their_step() {
        let script = parse("# why\ninit: fork a  -> a\n\n    a  state=S # so\n").unwrap();
        let words: Vec<_> = script.steps[0].expectations.iter().map(|it| &*it.words).collect();
        assert_eq!(words, ["-> a", "a state=S"]);
    }

    /// A file that is no script is refused with its line.
    #[test]
    fn what_is_no_script_is_refused() {
        let refusal = |text| parse(text).unwrap_err().to_string();
        assert_eq!(refusal("init: fork a\ninit: dance"), "line 2: `dance` is no operation");
        assert_eq!(refusal("init fork a"), "line 1: expected `ACTOR: OPERATION`");
        assert_eq!(refusal("init: setpgid 0"), "line 1: expected a number or a name");
        assert_eq!(refusal("  a state=S"), "line 1: expects something of no step");
    }
}
