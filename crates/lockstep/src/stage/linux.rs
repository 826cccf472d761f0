//! Real processes in a fresh PID namespace, and their controller.
//!
//! The controller stands outside, at the lowest real-time priority of one CPU, the workers at a higher one of the same CPU. So an
//! order preempts the controller, everything that follows from it runs in the order in which it was woken, and the controller runs
//! again when all of it has come to rest. That it has is checked, not believed: nobody runs, and who sleeps has either carried out its
//! order or is in a call that blocks. Where real-time priorities are not allowed, two equal looks are asked for.
//!
//! Where there are no PID namespaces, the workers are ordinary processes, process 1 of the script the one that adopts them, and numbers are
//! translated (`numbers`). Where there is no `/proc` either, all counts as at rest when nothing has changed for a while.
//!
//! The workers take turns, but only every 100 ms, which no order needs: the dying process 1 of a namespace may spin in the kernel until
//! the last one in it has been released, and the two are on the same CPU.

pub(super) mod files;
mod numbers;
mod orders;
mod proc;
mod signals;
mod theatre;

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use self::files::{Descriptors, Table};
use self::numbers::Numbers;
use self::orders::{Answer, Order};
use self::proc::Proc;
pub(crate) use self::theatre::Theatre;
use super::slot::{RECORDS, Slot};
use super::{
    Account, Actor, Birth, Lack, Outcome, Row, SLOTS, Seen, SignalRow, raw, watch, worker,
};
use crate::script::{Operation, SignalSet};
use crate::syscalls;

/// So long may it take until everything rests.
const PATIENCE: Duration = Duration::from_secs(10);

/// One script's processes.
pub(crate) struct Linux<'a> {
    theatre: &'a Theatre,
    /// The number of process 1, as the controller sees it.
    init: libc::pid_t,
    proc: Proc,
    workers: Vec<Option<Worker>>,
    files: Descriptors,
    /// Which number is which; nothing where they are the same.
    numbers: Option<Numbers>,
    /// Who has been made, and has no number yet.
    newcomer: Option<Newcomer>,
}

/// A new actor of which the kernel's number is not known.
#[derive(Clone, Copy, Debug)]
struct Newcomer {
    actor: Actor,
    maker: Actor,
    /// Its number in the script.
    number: i32,
}

/// What the controller knows of a worker.
#[derive(Clone, Debug)]
struct Worker {
    process: i32,
    thread: i32,
    /// How to read the answer to the order that it has not carried out yet.
    awaited: Option<Answer>,
    /// The operation that is that order.
    asked: Option<Operation>,
    /// How many of its signals have been read.
    read: u32,
    /// How many namespaces further inside than the first one it lives.
    depth: u32,
    table: Table,
}

/// How often everyone is looked at before it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    One,
    TwoAlike,
}

/// Why the real side could not go on.
#[derive(Debug)]
pub(crate) struct Unrest(pub(crate) String);

impl<'a> Linux<'a> {
    /// Starts process 1 of a fresh namespace, as the leader of a session.
    ///
    /// # Errors
    ///
    /// The kernel refuses, or process 1 does not answer.
    pub(crate) fn start(theatre: &'a Theatre) -> io::Result<Self> {
        let slot = clear_slot(0);
        let is_bare = theatre.lacks(Lack::Namespaces);
        let space = if is_bare { 0 } else { libc::CLONE_NEWPID };
        let flags = (space | libc::CLONE_VM | libc::CLONE_FILES) as u64;
        let (request, size) = orders::put_clone(slot, 0, flags, libc::SIGCHLD, None);
        // SAFETY: the request names the stack of the slot, and `work` does not return.
        let init = unsafe { raw::clone3(request, size, worker::work, 0) };
        if init < 0 {
            return Err(refused(libc::SYS_clone3 as u64, -init as i32));
        }
        let number = if is_bare { init as i32 } else { 1 };
        let mut numbers = is_bare.then(Numbers::default);
        if let Some(numbers) = &mut numbers {
            numbers.learn(1, number);
        }
        let mut linux = Self {
            theatre,
            init: init as libc::pid_t,
            proc: Proc::none(),
            workers: vec![Some(Worker {
                process: number,
                thread: number,
                awaited: None,
                asked: None,
                read: 0,
                depth: 0,
                table: Table::Shared,
            })],
            files: Descriptors::default(),
            numbers,
            newcomer: None,
        };
        if theatre.is_ordered {
            linux.command(0, &orders::priority(slot, 2))?;
        }
        if is_bare {
            linux.begin_bare()?;
        } else {
            let system = linux.command(0, &orders::open_proc_system(slot))?;
            linux.command(0, &orders::create_proc_system(system))?;
            let mount = linux.command(0, &orders::mount_proc_system(system))?;
            linux.proc = Proc::at(system as i32, mount as i32);
        }
        linux.command(0, &Order::call(libc::SYS_setsid, &[]))?;
        Ok(linux)
    }

    /// Process 1 of the script adopts as one of a namespace does, if the kernel can do that.
    fn begin_bare(&mut self) -> io::Result<()> {
        if !self.is_blind() {
            self.proc = Proc::of_system()?;
        }
        if !self.theatre.lacks(Lack::Subreaper) {
            let adopt = [libc::PR_SET_CHILD_SUBREAPER.into(), 1, 0, 0, 0];
            self.command(0, &Order::call(libc::SYS_prctl, &adopt))?;
        }
        Ok(())
    }

    /// Whether states cannot be seen.
    pub(crate) fn is_blind(&self) -> bool {
        self.theatre.lacks(Lack::States)
    }

    /// Whether its numbers are not the script's: then each account is translated once.
    pub(super) fn is_translated(&self) -> bool {
        self.numbers.is_some()
    }

    /// Gives an order of its own before the script, and takes the answer.
    fn command(&mut self, actor: Actor, order: &Order) -> io::Result<i64> {
        let slot = Slot::at(actor);
        give(slot, order);
        let deadline = Instant::now() + PATIENCE;
        while slot.done.load(Acquire) != slot.ordered.load(Relaxed) {
            if Instant::now() > deadline {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            rest();
        }
        let result = slot.result.load(Relaxed);
        if result < 0 { Err(refused(order.call, -result as i32)) } else { Ok(result) }
    }

    /// Lets an actor do something, and tells all that can be seen of it.
    ///
    /// # Errors
    ///
    /// Things do not come to rest.
    pub(crate) fn perform(
        &mut self,
        actor: Actor,
        operation: &Operation,
        child: Option<Actor>,
        birth: Option<Birth>,
    ) -> Result<Account, Unrest> {
        let slot = Slot::at(actor);
        if let Some(child) = child {
            clear_slot(child);
        }
        self.files.prepare(operation).map_err(|error| Unrest(error.to_string()))?;
        let passed = self.numbers.as_ref().map(|numbers| numbers.to_kernel(operation));
        let passed = passed.as_ref().unwrap_or(operation);
        let order = orders::translate(slot, passed, child, self.theatre, &self.files);
        let mut table = Table::Shared;
        if let Some(worker) = self.workers.get_mut(actor).and_then(Option::as_mut) {
            worker.awaited = Some(order.answer);
            worker.asked = Some(operation.clone());
            table = worker.table;
        }
        if let Some(birth) = birth {
            self.workers.resize(self.workers.len().max(birth.actor + 1), None);
            let Birth { mut process, mut thread, depth, .. } = birth;
            if self.numbers.is_some() {
                self.newcomer = Some(Newcomer { actor: birth.actor, maker: actor, number: thread });
                (process, thread) = (0, 0);
            }
            let asked = None;
            let worker = Worker { process, thread, awaited: None, asked, read: 0, depth, table };
            self.workers[birth.actor] = Some(worker);
        }
        give(slot, &order);
        let looks = if self.theatre.is_ordered { Looks::One } else { Looks::TwoAlike };
        let rows = self.settle(looks);
        self.files.forget(operation);
        let rows = rows?;
        let mut account = self.account(actor, rows);
        if let Some(numbers) = &self.numbers {
            numbers.translate(operation, &mut account);
        }
        Ok(account)
    }

    /// Looks once more after an operation of the caller's, and adds what had not come to rest. One look at everyone takes many calls: if the kernel made
    /// this thread sleep in one of them, the others ran on between two rows, even if they run only while it sleeps.
    pub(super) fn look_again(
        &mut self,
        caller: Actor,
        account: &mut Account,
    ) -> Result<(), Unrest> {
        let rows = self.settle(Looks::TwoAlike)?;
        let later = self.account(caller, rows);
        if account.outcome == Outcome::Blocked {
            account.outcome = later.outcome;
        }
        account.returns.extend(later.returns);
        account.returns.sort_by_key(|(actor, _)| *actor);
        account.signals.extend(later.signals);
        account.signals.sort_by_key(|(actor, _)| *actor);
        account.rows = later.rows;
        Ok(())
    }

    /// Who has died between its exec and the first step of the new program leaves nothing by which it could be told from the leader whose number it has
    /// taken: the model knows which one it was.
    pub(super) fn follow_dead_exec(&mut self, dead: Actor, number: i32, account: &mut Account) {
        let leads = |worker: &Worker| worker.process == number && worker.thread == number;
        let is_there = |it: &Option<Worker>| it.as_ref().is_some_and(leads);
        let Some(leader) = self.workers.iter().rposition(is_there).filter(|it| *it != dead) else {
            return;
        };
        if self.workers[dead].is_none() {
            self.workers[dead] = self.workers[leader].take();
            let own = account.rows.iter_mut().find(|(actor, _)| *actor == leader);
            if let Some((actor, _)) = own {
                *actor = dead;
            }
            account.rows.sort_by_key(|(actor, _)| *actor);
        }
    }

    /// Waits until nothing moves any more.
    fn settle(&mut self, looks: Looks) -> Result<Vec<(Actor, Row)>, Unrest> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = None;
        if self.is_blind() || self.theatre.lacks(Lack::Calls) {
            self.wait_for_quiet();
        }
        loop {
            let seen = self.look();
            match seen {
                Ok(rows) if looks == Looks::One || before.as_ref() == Some(&rows) => {
                    return Ok(rows);
                }
                Ok(rows) => before = Some(rows),
                Err(restless) if Instant::now() > deadline => {
                    return Err(Unrest(self.describe(restless)));
                }
                Err(_) => {
                    before = None;
                    rest();
                }
            }
        }
    }

    fn describe(&self, restless: Actor) -> String {
        let worker = self.workers[restless].as_ref();
        let row = worker.and_then(|it| self.proc.row(it.process, it.thread));
        let call = Slot::at(restless).call.load(Relaxed);
        let now = worker.and_then(|it| self.proc.current_call(it.process, it.thread));
        format!("actor {restless} did not come to rest in call {call}: {row:?}, {now:?}")
    }

    /// One look at everyone; the error is an actor that is in the middle of something.
    fn look(&mut self) -> Result<Vec<(Actor, Row)>, Actor> {
        self.follow_execs();
        self.meet_newcomer()?;
        if self.is_blind() {
            return Ok(Vec::new());
        }
        let mut rows = Vec::with_capacity(self.workers.len());
        for (actor, entry) in self.workers.iter().enumerate() {
            let Some(worker) = entry else {
                continue;
            };
            let slot = Slot::at(actor);
            // Asked before the row is read: who sleeps without having seen its order may have obeyed it right behind the row.
            let has_obeyed = slot.done.load(Acquire) == slot.ordered.load(Relaxed);
            let Some(mut row) = self.proc.row(worker.process, worker.thread) else {
                let process = self.proc.row(worker.process, worker.process);
                // In the middle of an exec the thread has given up its number, and has not yet answered under the other one.
                if worker.awaited == Some(Answer::Exec)
                    && process.is_some_and(|it| it.state != b'Z')
                {
                    return Err(actor);
                }
                continue;
            };
            let is_unknown = self.theatre.lacks(Lack::Calls);
            let rests = match row.state {
                b'Z' | b'T' | b't' | b'E' => true,
                b'S' if slot.tid.load(Relaxed) == 0 => false,
                b'D' => {
                    worker.awaited.is_some_and(|it| self.may_keep_waiting(worker, it))
                        && (is_unknown
                            || self.proc.is_in_blocking_call(worker.process, worker.thread))
                }
                b'S' => {
                    is_unknown
                        || has_obeyed
                        || self.proc.is_in_blocking_call(worker.process, worker.thread)
                }
                _ => false,
            };
            if !rests {
                return Err(actor);
            }
            row.children = self.proc.children(worker.process, worker.thread);
            if let Some(process) = row.process.as_mut().filter(|_| worker.depth > 0) {
                process.inner = self.proc.levels(worker.process);
            }
            rows.push((actor, row));
        }
        for (actor, row) in &mut rows {
            let worker = self.workers[*actor].as_ref().filter(|_| self.theatre.has_clean_signals);
            if let Some(worker) = worker.filter(|_| !matches!(row.state, b'Z' | b'E')) {
                let signals = self.proc.signals(worker.process, worker.thread);
                row.signals = signals.map(SignalRow::of_script);
            }
        }
        Ok(rows)
    }

    /// Whether an order can take long: a vfork whose child has begun to run, or is stopped before it does; an exec, as long as other threads are there.
    fn may_keep_waiting(&self, caller: &Worker, answer: Answer) -> bool {
        let Answer::Vfork(child) = answer else {
            let process = self.proc.row(caller.process, caller.process).and_then(|it| it.process);
            return answer == Answer::Exec && process.is_some_and(|it| it.threads > 1);
        };
        let has_begun = Slot::at(child).tid.load(Relaxed) != 0;
        let worker = self.workers.get(child).and_then(Option::as_ref);
        has_begun
            || worker
                .and_then(|it| self.proc.row(it.process, it.thread))
                .is_some_and(|row| matches!(row.state, b'T' | b't'))
    }

    fn account(&mut self, caller: Actor, rows: Vec<(Actor, Row)>) -> Account {
        let mut account = Account::default();
        let is_there = |rows: &[(Actor, Row)], actor| rows.iter().any(|(it, _)| *it == actor);
        for actor in 0..self.workers.len() {
            let Some(worker) = self.workers[actor].as_mut() else {
                continue;
            };
            let slot = Slot::at(actor);
            let done = slot.done.load(Acquire) == slot.ordered.load(Relaxed);
            if let Some(answer) = worker.awaited.filter(|_| done) {
                worker.awaited = None;
                // It may be done since it was looked at.
                if answer == Answer::Exec && slot.result.load(Relaxed) == 0 {
                    self.enter_program(actor);
                }
                let Some(worker) = self.workers[actor].as_mut() else {
                    continue;
                };
                let (asked, table) = (worker.asked.take(), worker.table);
                let mut outcome = answer.read(slot);
                if let (Outcome::Value(result), Some(operation)) = (outcome, asked) {
                    outcome = Outcome::Value(self.files.finish(&operation, table, result));
                }
                if actor == caller {
                    account.outcome = outcome;
                } else {
                    account.returns.push((actor, outcome));
                }
            }
            let Some(worker) = self.workers[actor].as_mut() else {
                continue;
            };
            let recorded = slot.recorded.load(Acquire);
            for index in worker.read..recorded.min(RECORDS as u32) {
                account.signals.push((actor, seen(slot, index as usize)));
            }
            slot.recorded.store(0, Relaxed);
        }
        let zombie =
            |rows: &[(Actor, Row)]| rows.iter().any(|(it, row)| *it == caller && row.state == b'Z');
        let is_gone = !self.is_blind() && (!is_there(&rows, caller) || zombie(&rows));
        if account.outcome == Outcome::Blocked && is_gone {
            account.outcome = Outcome::Ended;
        }
        for actor in 0..self.workers.len() {
            if !is_there(&rows, actor) && !self.is_blind() {
                self.workers[actor] = None;
            }
        }
        account.rows = rows;
        account
    }

    /// Learns the number of a new actor; the error is who has not told it yet.
    fn meet_newcomer(&mut self) -> Result<(), Actor> {
        let Some(Newcomer { actor, maker, number }) = self.newcomer else {
            return Ok(());
        };
        let slot = Slot::at(actor);
        let thread = slot.tid.load(Relaxed);
        let making = Slot::at(maker);
        let is_made = making.done.load(Acquire) == making.ordered.load(Relaxed);
        if thread != 0 {
            let entry = self.workers.get_mut(actor).and_then(Option::as_mut);
            if let Some(worker) = entry {
                (worker.process, worker.thread) = (slot.pid.load(Relaxed), thread);
            }
            if let Some(numbers) = &mut self.numbers {
                numbers.learn(number, thread);
            }
        } else if is_made && making.result.load(Relaxed) < 0 {
            self.workers[actor] = None;
        } else {
            return Err(actor);
        }
        self.newcomer = None;
        Ok(())
    }

    /// Waits until no worker has told anything for a while.
    fn wait_for_quiet(&self) {
        const WHILE: Duration = Duration::from_millis(4);
        let told = |actor: Actor| {
            let slot = Slot::at(actor);
            [slot.done.load(Acquire), slot.recorded.load(Acquire), slot.tid.load(Relaxed) as u32]
        };
        let all = || (0..self.workers.len()).map(told).collect::<Vec<_>>();
        let mut before = all();
        loop {
            watch::nap(WHILE);
            let now = all();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// An exec that is done has made one thread the only one of its process, under the process's number; also one that has stopped before the new program runs.
    fn follow_execs(&mut self) {
        for actor in 0..self.workers.len() {
            let slot = Slot::at(actor);
            let is_done = slot.done.load(Acquire) == slot.ordered.load(Relaxed);
            let Some(worker) = self.workers[actor].as_mut() else {
                continue;
            };
            if worker.awaited != Some(Answer::Exec) {
                continue;
            }
            let is_gone = || self.proc.row(worker.process, worker.thread).is_none();
            let stops = || {
                let row = self.proc.row(worker.process, worker.process);
                row.is_some_and(|row| matches!(row.state, b'T' | b't'))
            };
            if is_done && slot.result.load(Relaxed) == 0 || !is_done && is_gone() && stops() {
                self.enter_program(actor);
            }
        }
    }

    /// An actor is the only thread of its process, and has files of its own.
    fn enter_program(&mut self, actor: Actor) {
        let Some(worker) = self.workers[actor].as_mut() else {
            return;
        };
        let process = worker.process;
        worker.thread = process;
        worker.table = Table::Own;
        for other in (0..self.workers.len()).filter(|&other| other != actor) {
            self.workers[other].take_if(|it| it.process == process);
        }
    }
}

/// Ends every process of the script, and reaps process 1: with it the namespace is gone.
impl Drop for Linux<'_> {
    fn drop(&mut self) {
        let low = libc::sched_param { sched_priority: 0 };
        // SAFETY: plain numbers, a parameter that lives across its call, and a null pointer that waitpid allows.
        unsafe {
            // Below all others, it cannot keep those from ending for which it waits.
            libc::sched_setscheduler(self.init, libc::SCHED_OTHER, &raw const low);
            if self.numbers.is_some() {
                for worker in self.workers.iter().flatten().filter(|it| it.process > 0) {
                    libc::kill(worker.process, libc::SIGKILL);
                }
            }
            libc::kill(self.init, libc::SIGKILL);
            libc::waitpid(self.init, std::ptr::null_mut(), libc::__WALL);
            // Those who were not in a namespace have been left to lockstep.
            while self.numbers.is_some()
                && libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) > 0
            {}
        }
    }
}

fn seen(slot: &Slot, index: usize) -> Seen {
    let record = &slot.records[index];
    let (signal, code) = (record.signal.load(Relaxed), record.code.load(Relaxed));
    let (pid, status) = (record.pid.load(Relaxed), record.status.load(Relaxed));
    let mask = Some(SignalSet(record.mask.load(Relaxed)));
    Seen { mask, ..Seen::of(signal, code, pid, status) }
}

fn clear_slot(index: usize) -> &'static Slot {
    let slot = Slot::at(index.min(SLOTS - 1));
    for word in [&slot.ordered, &slot.done, &slot.recorded] {
        word.store(0, Relaxed);
    }
    slot.tid.store(0, Relaxed);
    slot
}

fn give(slot: &Slot, order: &Order) {
    slot.call.store(order.call, Relaxed);
    slot.child.store(order.child, Relaxed);
    for (place, argument) in slot.arguments.iter().zip(order.arguments) {
        place.store(argument, Relaxed);
    }
    slot.ordered.store(slot.ordered.load(Relaxed) + 1, Release);
    // SAFETY: the futex lies in the slot.
    unsafe {
        libc::syscall(libc::SYS_futex, &raw const slot.ordered, libc::FUTEX_WAKE, 1);
    }
}

/// What the kernel says to a call without which nothing can be played.
fn refused(call: u64, errno: i32) -> io::Error {
    let error = io::Error::from_raw_os_error(errno);
    io::Error::new(error.kind(), format!("{}: {error}", syscalls::name(call)))
}

/// Lets others run.
fn rest() {
    watch::nap(Duration::from_micros(20));
}
