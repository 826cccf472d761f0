//! Random scripts, with weights that favour the deep states.
//!
//! A script has a flavour: what it does often. Its author sees how the actors stand and gives each step to one that can do it; whom a
//! step is about is often a relative, now and then somebody dead.

mod files;
mod signals;
mod trace;

use fastrand::Rng;

use crate::script::{
    Fork, GETTERS, Given, Handlers, INIT, Notice, Number, Operation, Owner, Pace, Parent, Space,
    Step, Switch,
};
use crate::stage::duel::Duel;
use crate::stage::{Actor, SLOTS};

/// How often each kind of operation is done.
struct Flavour {
    fork: u32,
    thread: u32,
    exit: u32,
    exec: u32,
    wait: u32,
    group: u32,
    signal: u32,
    stop: u32,
    treat: u32,
    reaper: u32,
    ask: u32,
    space: u32,
    terminal: u32,
    handle: u32,
    vfork: u32,
    trace: u32,
    own_signals: u32,
}

const FAMILY: Flavour = Flavour {
    fork: 14,
    thread: 1,
    exit: 9,
    exec: 1,
    wait: 14,
    group: 6,
    signal: 5,
    stop: 3,
    treat: 5,
    reaper: 5,
    ask: 4,
    space: 0,
    terminal: 0,
    handle: 1,
    vfork: 1,
    trace: 0,
    own_signals: 1,
};

const FLAVOURS: &[Flavour] = &[
    FAMILY,
    Flavour { group: 16, stop: 14, treat: 6, wait: 10, exit: 7, ..FAMILY },
    Flavour { thread: 12, exit: 12, exec: 4, wait: 12, signal: 8, stop: 6, ..FAMILY },
    Flavour { space: 9, fork: 16, signal: 8, ask: 7, ..FAMILY },
    Flavour { treat: 14, signal: 16, stop: 8, reaper: 8, ..FAMILY },
    Flavour { reaper: 12, thread: 6, exit: 14, fork: 18, space: 2, ..FAMILY },
    Flavour { terminal: 22, group: 14, stop: 6, treat: 7, exit: 7, ..FAMILY },
    Flavour { terminal: 14, thread: 8, stop: 8, treat: 8, exec: 3, ..FAMILY },
    Flavour { handle: 20, thread: 8, exec: 4, exit: 12, group: 8, ..FAMILY },
    Flavour { handle: 14, space: 5, fork: 18, ask: 7, ..FAMILY },
    Flavour { vfork: 8, exec: 8, signal: 10, stop: 6, thread: 4, ..FAMILY },
    Flavour { trace: 30, signal: 12, stop: 8, treat: 7, ..FAMILY },
    Flavour { trace: 30, thread: 12, stop: 12, signal: 8, exec: 5, exit: 10, ..FAMILY },
    Flavour { own_signals: 34, signal: 22, treat: 8, wait: 5, group: 2, ..FAMILY },
    Flavour { own_signals: 30, signal: 20, thread: 12, stop: 5, exit: 6, exec: 3, ..FAMILY },
    Flavour { own_signals: 16, trace: 20, signal: 12, stop: 6, vfork: 2, ..FAMILY },
    Flavour { trace: 24, vfork: 5, space: 4, exec: 6, terminal: 4, handle: 4, ..FAMILY },
];

/// The author of one script.
pub(super) struct Author {
    rng: Rng,
    flavour: &'static Flavour,
    length: usize,
    born: usize,
    opened: usize,
    /// What is done first, the last one first.
    opening: Vec<Step>,
}

impl Author {
    /// The author of the script of that seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let flavour = &FLAVOURS[rng.usize(..FLAVOURS.len())];
        let length = rng.usize(20..90);
        let mut author = Self { rng, flavour, length, born: 0, opened: 0, opening: Vec::new() };
        if flavour.terminal > 0 && author.rng.bool() {
            author.opening = author.session_with_terminal();
        }
        if flavour.own_signals > 1 && author.rng.bool() {
            author.opening = author.taker_of_signals();
        }
        author
    }

    /// The next step; `None` when the script is long enough.
    pub(super) fn next(&mut self, duel: &Duel<'_>) -> Option<Step> {
        if self.length == 0 {
            return None;
        }
        self.length -= 1;
        if let Some(step) = self.opening.pop() {
            return Some(step);
        }
        let ready: Vec<Actor> = (0..duel.names().len())
            .filter(|&actor| duel.standing(actor).is_some_and(|it| it.is_ready))
            .collect();
        let actor = *self.choose(&ready)?;
        // Process 1 does less than its share: it is everyone's parent anyway.
        let actor = if actor == 0 && self.rng.bool() { *self.choose(&ready)? } else { actor };
        // A tracee goes on only if its tracer does something.
        let mut actor = actor;
        if self.flavour.trace > 0 && self.rng.bool() {
            let tracers = duel.tracees().filter(|it| it.is_alive).map(|it| it.tracer);
            let tracers: Vec<Actor> = tracers.filter(|tracer| ready.contains(tracer)).collect();
            actor = self.choose(&tracers).copied().unwrap_or(actor);
        }
        let operation = self.operation(duel, actor, ready.len());
        Some(Step::new(&duel.names()[actor], operation))
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.rng.usize(..from.len())) }
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    fn operation(&mut self, duel: &Duel<'_>, actor: Actor, ready: usize) -> Operation {
        let flavour = self.flavour;
        let room = duel.names().len() < SLOTS - 1;
        let crowded = ready > 9;
        let fork = match ready {
            _ if !room => 0,
            0..=3 => flavour.fork * 4,
            _ if crowded => flavour.fork / 3,
            _ => flavour.fork,
        };
        let thread = if room { flavour.thread } else { 0 };
        let exit = if actor == 0 { 0 } else { flavour.exit / (1 + u32::from(ready < 4) * 3) };
        let weights = [
            fork,
            thread,
            exit,
            flavour.exec,
            flavour.wait,
            flavour.group,
            flavour.signal,
            flavour.stop,
            flavour.treat,
            flavour.reaper,
            flavour.ask,
            flavour.space,
            flavour.terminal,
            flavour.handle,
            flavour.trace,
            flavour.own_signals,
        ];
        let mut point = self.rng.u32(..weights.iter().sum::<u32>());
        let kind = weights.iter().position(|&weight| {
            let is_here = point < weight;
            point = point.saturating_sub(weight);
            is_here
        });
        match kind {
            Some(0) => self.fork(ready),
            Some(1) => Operation::Thread { child: self.name() },
            Some(2) if self.one_in(3) => Operation::ExitGroup(self.rng.i32(0..300)),
            Some(2) => Operation::Exit(self.rng.i32(0..300)),
            Some(3) => Operation::Exec,
            Some(4) => self.wait(duel, actor),
            Some(5) => self.group(duel, actor),
            Some(6) => self.signal(duel, actor),
            Some(7) => self.stop(duel, actor),
            Some(8) => self.treat(),
            Some(9) => self.reaper(),
            Some(11) => Operation::UnsharePid,
            Some(12) => self.terminal(duel, actor),
            Some(13) => self.handle(duel, actor),
            Some(14) => self.trace(duel, actor),
            Some(15) => self.own_signals(duel, actor),
            _ => self.ask(duel, actor),
        }
    }

    fn name(&mut self) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
        let letter = char::from(LETTERS[self.born % LETTERS.len()]);
        let round = self.born / LETTERS.len();
        self.born += 1;
        if round == 0 { letter.to_string() } else { format!("{letter}{round}") }
    }

    fn fork(&mut self, ready: usize) -> Operation {
        let mut fork = Fork::plain(self.name());
        if self.one_in(5) {
            fork.exit_signal = *self.choose(&[0, 0, 10, 18, 17, 65]).unwrap_or(&0);
        }
        if self.one_in(9) {
            fork.parent = Parent::Sibling;
            fork.exit_signal = if self.one_in(8) { libc::SIGCHLD } else { 0 };
        }
        let space = if self.flavour.space > 0 { 4 } else { 60 };
        if self.one_in(space) {
            fork.space = Space::New;
        }
        if ready > 2 && self.rng.u32(..20) < self.flavour.vfork {
            fork.pace = Pace::Vfork;
        }
        if self.one_in(12) {
            fork.handlers = if self.one_in(3) { Handlers::Cleared } else { Handlers::Shared };
        }
        if self.one_in(15) {
            fork.number = Some(self.rng.i32(0..40));
        }
        Operation::Fork(fork)
    }

    /// Somebody: most often one who is there.
    fn somebody(&mut self, duel: &Duel<'_>, actor: Actor) -> Number {
        let count = duel.names().len();
        if self.one_in(25) {
            return Number::Plain(*self.choose(&[0, -1, 77, -77, i32::MIN, 1]).unwrap_or(&0));
        }
        let mut target = actor;
        for _ in 0..4 {
            target = self.rng.usize(..count);
            let is_there = duel.standing(target).is_some_and(|it| it.is_there);
            if target != 0 && is_there {
                break;
            }
        }
        Number::Of(duel.names()[target].clone())
    }

    fn somebodys_group(&mut self, duel: &Duel<'_>, actor: Actor) -> Number {
        match self.somebody(duel, actor) {
            Number::Of(name) if name != INIT => Number::GroupOf(name),
            other => other,
        }
    }

    fn wait(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        let mut options = 0;
        // Process 1 seldom sleeps.
        if self.rng.u32(..10) < if actor == 0 { 9 } else { 6 } {
            options |= libc::WNOHANG;
        }
        if self.one_in(2) {
            options |= libc::WUNTRACED;
        }
        if self.one_in(2) {
            options |= libc::WCONTINUED;
        }
        options |= match self.rng.u32(..10) {
            0..4 => libc::__WALL,
            4 => libc::__WCLONE,
            5 => libc::__WNOTHREAD | libc::__WALL,
            _ => 0,
        };
        if self.one_in(3) {
            options |= if self.one_in(6) { 0 } else { libc::WEXITED };
            if self.one_in(3) {
                options |= libc::WNOWAIT;
            }
            let kind = self.rng.i32(0..3);
            let id = match kind {
                0 => Number::Plain(0),
                2 if self.one_in(2) => Number::Plain(0),
                _ => self.somebody(duel, actor),
            };
            return Operation::WaitId { kind, id, options };
        }
        let who = match self.rng.u32(..10) {
            0..5 => Number::Plain(-1),
            5 => Number::Plain(0),
            6 => self.somebodys_group(duel, actor),
            _ => self.somebody(duel, actor),
        };
        Operation::Wait4 { who, options }
    }

    fn group(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        match self.rng.u32(..10) {
            0..2 => Operation::Setsid,
            2..4 => Operation::Setpgid(Number::Plain(0), Number::Plain(0)),
            4 => {
                let who = self.somebody(duel, actor);
                Operation::Setpgid(who, Number::Plain(0))
            }
            5..7 => {
                let group = self.somebody(duel, actor);
                Operation::Setpgid(Number::Plain(0), group)
            }
            _ => {
                let who = self.somebody(duel, actor);
                let group = if self.one_in(2) { who.clone() } else { self.somebody(duel, actor) };
                Operation::Setpgid(who, group)
            }
        }
    }

    fn number_of_signal(&mut self) -> i32 {
        const OFTEN: &[i32] = &[1, 3, 10, 12, 15, 9, 17, 18, 0, 35];
        if self.flavour.own_signals > 1 && !self.one_in(8) {
            return self.one_of_few();
        }
        if self.one_in(40) { 65 } else { *self.choose(OFTEN).unwrap_or(&1) }
    }

    fn signal(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        let signal = self.number_of_signal();
        self.send(duel, actor, signal)
    }

    fn stop(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        let signal = *self.choose(&[19, 19, 20, 21, 22, 18, 18, 18, 18]).unwrap_or(&19);
        self.send(duel, actor, signal)
    }

    fn send(&mut self, duel: &Duel<'_>, actor: Actor, signal: i32) -> Operation {
        match self.rng.u32(..40) {
            0 => Operation::Kill(Number::Plain(-1), signal),
            1..3 => Operation::Kill(Number::Plain(0), signal),
            3..9 => Operation::Kill(self.somebodys_group(duel, actor), signal),
            9..12 => Operation::Tkill(self.somebody(duel, actor), signal),
            12..14 => self.queue(duel, actor, signal),
            24..30 if self.flavour.own_signals > 1 => self.queue(duel, actor, signal),
            14..17 => {
                let who = self.somebody(duel, actor);
                let group = if self.one_in(3) { self.somebody(duel, actor) } else { who.clone() };
                Operation::Tgkill(group, who, signal)
            }
            17..24 => self.notice(duel, actor, signal),
            _ => Operation::Kill(self.somebody(duel, actor), signal),
        }
    }

    fn notice(&mut self, duel: &Duel<'_>, actor: Actor, signal: i32) -> Operation {
        Operation::Notice(match self.rng.u32(..8) {
            0 => Notice::BrokenPipe,
            1 => Notice::Timer(signal, Some(self.somebody(duel, actor))),
            2..5 => Notice::Timer(signal, None),
            kind => {
                let owner = [Owner::Thread, Owner::Process, Owner::Group][kind as usize - 5];
                Notice::File(owner, self.somebody(duel, actor), signal)
            }
        })
    }

    /// With a code that one may give others, or only oneself.
    fn queue(&mut self, duel: &Duel<'_>, actor: Actor, signal: i32) -> Operation {
        const CODES: &[i32] = &[-1, -1, -1, -2, -5, -60, 0, -6, 128, 128, 1];
        let code = *self.choose(CODES).unwrap_or(&-1);
        let given = Given { code, value: self.rng.i32(0..4) };
        let who = match self.rng.u32(..3) {
            0 => Number::Of(duel.names()[actor].clone()),
            _ => self.somebody(duel, actor),
        };
        match self.rng.u32(..3) {
            0 => Operation::Tgsigqueue(who.clone(), who, signal, given),
            1 => Operation::Tgsigqueue(self.somebody(duel, actor), who, signal, given),
            _ => Operation::Sigqueue(who, signal, given),
        }
    }

    fn treat(&mut self) -> Operation {
        let signal = match self.rng.u32(..10) {
            0..3 => libc::SIGCHLD,
            3 => libc::SIGCONT,
            4..6 => *self.choose(&[1, 1, 10, 13, 15]).unwrap_or(&1),
            6 => *self.choose(&[20, 21, 22]).unwrap_or(&20),
            _ => self.number_of_signal(),
        };
        match self.rng.u32(..8) {
            0 => Operation::Block(signal),
            1 => Operation::Unblock(signal),
            _ => Operation::Treat { signal, treatment: self.treatment() },
        }
    }

    fn reaper(&mut self) -> Operation {
        match self.rng.u32(..5) {
            0..2 => Operation::Subreaper(Switch::On),
            2 => Operation::Subreaper(Switch::Off),
            _ => {
                let signals = [1, 1, 10, 10, 15, 15, 18, 19, 12, 9, 0, 65];
                Operation::DeathSignal(*self.choose(&signals).unwrap_or(&1))
            }
        }
    }

    fn ask(&mut self, duel: &Duel<'_>, actor: Actor) -> Operation {
        match self.rng.u32(..3) {
            0 => Operation::Getpgid(self.somebody(duel, actor)),
            1 => Operation::Getsid(self.somebody(duel, actor)),
            _ => {
                let getters: Vec<_> = GETTERS.iter().map(|(_, getter)| *getter).collect();
                match self.choose(&getters) {
                    Some(getter) => Operation::Get(*getter),
                    None => Operation::Setsid,
                }
            }
        }
    }
}
