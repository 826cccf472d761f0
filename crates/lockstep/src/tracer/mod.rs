//! Follows a program by ptrace and puts its process system calls into one order.
//!
//! # The problem
//!
//! The model answers one question after the other. The kernel runs many threads at once: when two
//! calls overlap, nobody outside can tell which one came first. So lockstep makes the order.
//!
//! # The protocol
//!
//! *Who asks.* A thread that enters a system call about processes is stopped by the seccomp filter
//! and queued. A thread that is about to end is stopped at `PTRACE_EVENT_EXIT` and queued too.
//!
//! *Who acts.* There is one **slot**. The first in the queue takes it and is let go; nobody
//! else starts until
//! * its call has returned (its syscall-exit stop) and the answer has been judged, or
//! * its fork has been committed (`PTRACE_EVENT_FORK` and its kin tell the child's number), or
//! * its death can be collected. The kernel re-parents the children of the dying before the tracer
//!   can collect it, and shows it to its parent only after the tracer has: to everyone but the
//!   dying, both are one moment, for nobody else asks between them.
//!
//! *Who sleeps.* A wait that may sleep is let go without taking the slot. As soon as the model has
//! an answer for it, at once or after an operation, the sleeper is **due**: Linux must wake it
//! now, and nothing else starts until it has returned. A sleeper that does not return within
//! [`PATIENCE`] is a divergence. Sleepers that Linux does not wake although their answer has
//! changed (R-WAIT-09) may return or sleep on.
//!
//! *Who observes.* The kernel's other news reach lockstep late and in no order, so they are set
//! aside and applied when no operation is in flight:
//! * an exec (`PTRACE_EVENT_EXEC`) has happened when it is reported;
//! * a group stop completes when the last thread reports it, and the parent can see it at that
//!   moment, so a wait that is in flight may have seen it or not;
//! * a continuation can be seen by the parent before the resumed thread reports it;
//! * that a process ends is decided before its threads report it, and takes stops and
//!   continuations that nobody has waited for away from the parent;
//! * the zombies of a dying process move, and wake a sleeper, before it can be collected itself.
//!
//! So an answer that the model does not give, and a signal that it has not sent, is not judged at once. It is held, the news that are
//! on their way are applied one by one, and after each one the model is asked again. An answer
//! that the model had until the latest news came is right too. What still differs after
//! [`SETTLE`] is a divergence.
//!
//! *Who judges.* What has happened is told to the [`Ledger`] as facts, in the order made here.
//!
//! An operation that is cut short by SIGKILL has happened or not. Where the thread has stopped at its end, its registers tell what the call had said;
//! else `/proc` tells.
//!
//! A stop can be seen by the tracer in the moment in which it can be seen by the parent. So who asks for stops, or ends one, starts when all are told that
//! are there. An error about a number that an exec takes away is held until that is told. A terminal that a thread opens amid another one's
//! call was opened before or behind it, as the answer says.

mod calls;
mod exits;
mod filter;
mod interruptions;
mod launch;
mod lives;
mod news;
mod stops;
mod tracee;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use libc::c_int;

use self::exits::ExitFlight;
pub(crate) use self::launch::{Failure, STATUS_FAILED, launch, launch_and_let_run};
use self::news::News;
use self::tracee::{Activity, Traced, Tracee};
use crate::destination::Destination;
use crate::ledger::{Fact, Ledger};
use crate::operation::Call;
use crate::procfs;
use crate::sys::{self, Pid, SignalDesk, TICK, Wake};

/// How long Linux may take to do what the model says that it must.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long Linux may leave a thread that is ready to run without a processor: beside busy processes 16 seconds were seen.
const STARVATION: Duration = Duration::from_secs(60);
/// How long an answer that differs is held for news that would explain it.
const SETTLE: Duration = Duration::from_secs(2);
/// How long it is held at least, where nobody is about to stop who could bring such news.
const REST: Duration = Duration::from_millis(60);
/// How long either takes after the first divergence, of which others may follow.
const IMPATIENCE: Duration = Duration::from_millis(200);
/// How long news of stops are held back for sleepers that are due.
const NEWS_DELAY: Duration = Duration::from_millis(20);
/// How long those whom lockstep has killed may take to end.
const GIVE_UP: Duration = Duration::from_secs(30);
/// How long the end of a thread may occupy the slot; closing files can take long.
const SLOW_EXIT: Duration = Duration::from_secs(1);
/// How long a call may occupy the slot before it is looked whether its caller still lives.
const SLOW_CALL: Duration = Duration::from_millis(3);
/// How long the end of a namespace's init occupies the slot: until Linux has killed all others in the namespace.
const CLOSING: Duration = Duration::from_millis(5);
/// After so many ticks without anything lockstep sleeps for longer.
const QUIET_TICKS: u32 = 5;
/// After so many single stops it is looked for those of others, who would else have to wait for as long as one thread keeps lockstep busy.
const SINGLE_STOPS: u32 = 16;

/// The followed program, and all that is known of it.
pub(crate) struct Tracer<'a> {
    desk: &'a SignalDesk,
    setting: Setting,
    limits: Limits,
    start: Instant,
    own_group: Pid,
    root: Pid,
    tracees: HashMap<Pid, Tracee>,
    processes: HashMap<Pid, Traced>,
    /// Threads whose first stop came before the news of their birth, with the stop code.
    newborns: HashMap<Pid, c_int>,
    queue: VecDeque<Turn>,
    slot: Option<Flight>,
    /// Held threads whose call has returned, in the order of return.
    answered: Vec<Pid>,
    /// Held threads that are about to take a signal.
    taking: Vec<Pid>,
    /// Executed: the process, and the executing thread's former number.
    execs: VecDeque<(Pid, Pid)>,
    /// Who sleeps although its answer is there: how often that was seen, and when last.
    overdue: Option<(Pid, u32, Instant)>,
    news: VecDeque<News>,
    slow_exits: Vec<ExitFlight>,
    /// Processes may have numbers in PID namespaces inside.
    has_namespaces: bool,
    /// A death may be there that can be collected.
    may_be_dead: bool,
    /// So many times in a row nothing has come.
    quiet_ticks: u32,
    /// So many times in a row only one stop was handled: others may be there.
    single_stops: u32,
    /// The processes that have ended last.
    ended: VecDeque<Pid>,
    /// The numbers that processes have, or had, in namespaces inside lockstep's.
    inner_numbers: HashSet<Pid>,
    /// Since when all that lives is killed.
    killing_since: Option<Instant>,
    /// What has happened, as the model sees it.
    ledger: Ledger,
}

/// What is to be done besides following.
#[derive(Debug)]
pub(crate) struct Limits {
    /// How long the program may run.
    pub(crate) timeout: Option<Duration>,
    /// What becomes of processes that outlive the program.
    pub(crate) leftovers: Leftovers,
    /// Where to tell of them; the standard error stream if there is nothing else.
    pub(crate) notices: Option<Rc<Destination>>,
}

/// What becomes of processes that outlive the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftovers {
    /// They are followed until they end.
    Followed,
    /// They are killed.
    Killed,
}

/// What following takes from the program, compared with lockstep itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// lockstep has a seccomp filter itself.
    has_filter: bool,
    /// The program had to give up new privileges to be allowed a filter.
    takes_privileges: bool,
}

/// An operation that waits for the slot.
enum Turn {
    Call { tid: Pid, call: Call },
    Exit { tid: Pid, status: c_int },
}

impl Turn {
    const fn tid(&self) -> Pid {
        match self {
            Self::Call { tid, .. } | Self::Exit { tid, .. } => *tid,
        }
    }

    /// Whether it asks for stops or continuations, or ends a stop.
    fn is_about_stops(&self) -> bool {
        match self {
            Self::Call { call: Call::Wait(wait), .. } => wait.is_about_stops(),
            Self::Call { call: Call::Send(sending), .. } => sending.signal == libc::SIGCONT,
            _ => false,
        }
    }
}

/// The operation that has the slot.
enum Flight {
    /// A system call of this thread.
    Call { tid: Pid, since: Instant },
    /// The end of a thread.
    Exit(ExitFlight),
}

impl<'a> Tracer<'a> {
    fn new(
        desk: &'a SignalDesk,
        setting: Setting,
        limits: Limits,
        own_group: Pid,
        root: Pid,
        ledger: Ledger,
    ) -> Self {
        Self {
            desk,
            setting,
            limits,
            start: Instant::now(),
            own_group,
            root,
            tracees: HashMap::from([(root, Tracee::new(root))]),
            processes: HashMap::from([(root, Traced::new(root, false))]),
            newborns: HashMap::new(),
            queue: VecDeque::new(),
            slot: None,
            answered: Vec::new(),
            taking: Vec::new(),
            execs: VecDeque::new(),
            overdue: None,
            news: VecDeque::new(),
            slow_exits: Vec::new(),
            has_namespaces: procfs::numbers(root).len() > 1,
            may_be_dead: false,
            quiet_ticks: 0,
            single_stops: 0,
            ended: VecDeque::new(),
            inner_numbers: HashSet::new(),
            killing_since: None,
            ledger,
        }
    }

    /// Follows the program until it and all of its descendants have ended. Returns the account of it.
    pub(crate) fn follow(mut self) -> Ledger {
        let mut has_told_of_daemons = false;
        let deadline = self.limits.timeout.map(|limit| self.start + limit);
        self.take_stops();
        loop {
            while self.advance() {}
            if self.tracees.is_empty() && self.newborns.is_empty() {
                break;
            }
            if self.ledger.has_root_ended() && !has_told_of_daemons && !self.ledger.is_told_to_end()
            {
                has_told_of_daemons = self.tell_of_daemons();
            }
            let mut limit = self.next_look();
            if let Some(deadline) = deadline.filter(|_| !self.ledger.is_told_to_end()) {
                let rest = deadline.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    let seconds = self.limits.timeout.map_or(0.0, |limit| limit.as_secs_f64());
                    self.end_program(Fact::TimedOut { seconds });
                }
                limit = limit.min(rest);
            }
            if self.killing_since.is_some_and(|since| since.elapsed() > GIVE_UP) {
                self.tell_of_undying();
                self.ledger.note(Fact::Untold);
                break;
            }
            if !self.wait(limit) {
                self.ledger.note(Fact::Untold);
                break;
            }
        }
        self.ledger.note(Fact::Finished);
        self.ledger
    }

    /// Waits for what comes next, and handles the stops that are there then. False if nobody is left who could bring anything.
    fn wait(&mut self, limit: Duration) -> bool {
        // A death that cannot be collected yet would end the other way of waiting at once.
        let is_quick = limit >= TICK && !self.may_be_dead && self.quiet_ticks < QUIET_TICKS;
        // The end of a thread begins with a stop. One that was killed past that, and leaves nobody, can wait for the next tick.
        let is_alone = self.tracees.len() == 1 && self.newborns.is_empty();
        let wake = match is_quick {
            true if is_alone => self.desk.take_stop(),
            true => self.desk.watch(),
            false => self.desk.next(limit),
        };
        match wake {
            Wake::Stop(tid) => {
                if let Some(stop) = sys::next_stop_of(tid) {
                    self.on_stop(stop.tid, stop.code);
                }
                self.count_single_stop();
            }
            Wake::Taken(stop) => {
                self.on_stop(stop.tid, stop.code);
                self.count_single_stop();
            }
            Wake::Event => {
                self.quiet_ticks = 0;
                self.take_stops();
            }
            Wake::Signal { signal, sender } => self.on_own_signal(signal, sender),
            Wake::Nothing => {
                self.quiet_ticks += 1;
                self.take_stops();
                return !sys::is_nobody_left();
            }
        }
        true
    }

    /// One stop was handled, whatever others there may be.
    fn count_single_stop(&mut self) {
        self.quiet_ticks = 0;
        self.single_stops += 1;
        if self.single_stops == SINGLE_STOPS {
            self.take_stops();
        }
    }

    /// Handles all stops that are there, and looks whether there is a death.
    fn take_stops(&mut self) {
        self.single_stops = 0;
        while let Some(stop) = sys::next_stop() {
            self.on_stop(stop.tid, stop.code);
            if !sys::is_anything_there() {
                self.may_be_dead = false;
                return;
            }
        }
        self.may_be_dead = true;
    }

    /// Takes one step that is possible now. False if there is none before the next stop.
    fn advance(&mut self) -> bool {
        self.finish_exit()
            || self.judge_answers()
            || self.judge_arrivals()
            || self.apply_news()
            || self.apply_exec()
            || self.adopt_foundling()
            || self.notice_silent_exit()
            || self.collect_stray_death()
            || self.give_up_on_overdue()
            || self.start_next_turn()
    }

    fn start_next_turn(&mut self) -> bool {
        if self.slot.is_some() || self.ledger.is_anyone_due() || !self.execs.is_empty() {
            return false;
        }
        if self.queue.front().is_some_and(Turn::is_about_stops) {
            // A stop is the tracer's to see in the moment in which it is anybody's: what was before comes before.
            self.take_stops();
            if !self.news.is_empty() {
                return true;
            }
        }
        match self.queue.pop_front() {
            None => return false,
            Some(Turn::Call { tid, call }) => self.start_call(tid, call),
            Some(Turn::Exit { tid, status }) => self.start_exit(tid, status),
        }
        true
    }

    /// How long to wait before a divergence is certain: `limit` for the first one.
    fn patience(&self, limit: Duration) -> Duration {
        if self.ledger.is_in_step() { limit } else { IMPATIENCE }
    }

    /// When to look again if no stop comes before.
    fn next_look(&self) -> Duration {
        let mut limit = Duration::from_secs(1);
        if self.is_exit_in_sight() {
            limit = Duration::from_micros(100);
        }
        if matches!(&self.slot, Some(Flight::Call { .. })) || self.ledger.is_anyone_due() {
            limit = limit.min(Duration::from_millis(20));
        }
        if !self.slow_exits.is_empty() || self.is_anyone_held() || !self.newborns.is_empty() {
            limit = limit.min(Duration::from_millis(2));
        }
        if !self.news.is_empty() {
            limit = limit.min(Duration::from_millis(5));
        }
        limit
    }

    /// Whether an end, or a reboot, occupies all others.
    fn is_exit_in_sight(&self) -> bool {
        match &self.slot {
            Some(Flight::Exit(_)) => true,
            Some(Flight::Call { tid, .. }) => self.tracees.get(tid).is_some_and(|tracee| {
                matches!(tracee.activity, Activity::Calling(Call::Reboot { .. }))
            }),
            None => false,
        }
    }

    /// Lets a thread run on, with a signal or without. One that was killed meanwhile is not there
    /// to be resumed; its end is reported by itself.
    fn resume(&self, tid: Pid, signal: c_int) {
        let _ = sys::resume(tid, signal);
    }

    /// The same, until its call has returned.
    fn resume_to_exit(&self, tid: Pid) {
        let _ = sys::resume_to_syscall_exit(tid);
    }

    /// Whether the thread has the slot for a call.
    fn is_in_slot(&self, tid: Pid) -> bool {
        matches!(self.slot, Some(Flight::Call { tid: holder, .. }) if holder == tid)
    }

    fn is_slot_free(&self) -> bool {
        self.slot.is_none()
    }

    fn free_slot_of(&mut self, tid: Pid) {
        if self.is_in_slot(tid) {
            self.slot = None;
        }
    }

    /// Says once that processes are left which nobody waits for.
    fn tell_of_daemons(&mut self) -> bool {
        let count = self.processes.len();
        if count == 0 {
            return false;
        }
        if self.limits.leftovers == Leftovers::Killed {
            self.kill_all();
            return false;
        }
        let (noun, verb) = if count == 1 { ("process", "runs") } else { ("processes", "run") };
        let notice = format!(
            "lockstep: the program has ended; {count} {noun} that it left still {verb} (Ctrl-C ends this)\n"
        );
        self.say(&notice);
        true
    }

    /// Says which processes do not end although they were killed: the init of a PID namespace that is the only one left in a group of a dead member's number waits for itself.
    fn tell_of_undying(&mut self) {
        let mut pids: Vec<_> = self.processes.keys().copied().collect();
        pids.sort_unstable();
        let pids: Vec<_> = pids.iter().map(Pid::to_string).collect();
        self.say(&format!(
            "lockstep: gives up on what Linux does not let end: {}\n",
            pids.join(", ")
        ));
    }

    /// It is no part of the verdict: where nobody reads it, nothing is lost.
    fn say(&mut self, notice: &str) {
        let _ = match &self.limits.notices {
            Some(file) => file.write(notice.as_bytes()),
            None => std::io::stderr().write_all(notice.as_bytes()),
        };
    }

    /// Remembers a process that has ended: what it has sent may still come.
    fn note_ended(&mut self, pid: Pid) {
        /// So many are remembered.
        const REMEMBERED: usize = 256;
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(pid);
    }

    /// A signal for lockstep itself. What the program sends to its group, lockstep's own, is nothing to lockstep. The terminal's keys are meant for the program, which gets
    /// them too, as long as it lives; after that they end what it has left.
    fn on_own_signal(&mut self, signal: c_int, sender: Option<Pid>) {
        if sender.is_some_and(|pid| self.is_of_program(pid)) {
            return;
        }
        match signal {
            libc::SIGINT | libc::SIGQUIT if self.ledger.has_root_ended() => {
                self.end_program(Fact::Told { signal });
            }
            libc::SIGINT | libc::SIGQUIT | libc::SIGPIPE => {}
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {}
            libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => {}
            _ => self.end_program(Fact::Told { signal }),
        }
    }

    /// Whether a sender's number is that of a followed process, in whatever namespace that lives: Linux tells its own one (R-KILL-07).
    fn is_of_program(&self, sender: Pid) -> bool {
        self.processes.contains_key(&sender)
            || self.ended.contains(&sender)
            || self.inner_numbers.contains(&sender)
    }

    /// Kills whatever lives. Their ends are followed like all others, but no longer compared.
    fn end_program(&mut self, cause: Fact) {
        self.ledger.note(cause);
        self.kill_all();
    }

    fn kill_all(&mut self) {
        self.killing_since.get_or_insert_with(Instant::now);
        for &pid in self.processes.keys() {
            let _ = sys::kill(pid, libc::SIGKILL);
        }
    }
}
