//! The account of a run: what Linux has done, what the model says to it, and where they part.
//!
//! # The protocol
//!
//! *Who tells.* The tracer follows the program, puts what it sees into one order, and tells it as [`Fact`]s. A
//! recording has the same facts, with what was seen of `/proc` while they were judged. The ledger knows no other source: it has no clock, and
//! makes no system call but through its [`View`]. So a recorded run has the outcome of the run itself.
//!
//! *Who judges.* Each fact drives the model by one operation, and Linux's answer is compared with the model's. Then
//! the ledger asks the model about everybody who sleeps in a wait: who has an answer is **due**, and the tracer lets nothing else start before
//! Linux has woken him. In a recording, an operation that has started nevertheless shows that Linux did not wake him.
//!
//! *Who waits.* An answer that the model does not give may be explained by news that have not been told yet. So the tracer asks
//! [`Ledger::is_wait_explained`] or [`Ledger::is_arrival_explained`] first, and tells the fact when it is, or when it has waited for
//! long enough.

mod answers;
mod fact;
mod lives;
mod signals;
mod terminals;
mod waits;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use libc::c_int;
use serde::Serialize;

pub(crate) use self::fact::{Fact, Sights, View};
pub(crate) use self::lives::guess_fork;
use self::lives::{Exemption, LastEnd};
use self::waits::Waiting;
use crate::compare::{Comparison, LOST};
use crate::history::{History, Moment};
use crate::journal::{Deed, Entry};
use crate::model::{Model, Origin, Refusal};
use crate::operation::Alteration;
use crate::operation::{Arrival, Call, ChildSignal, Device};
use crate::record::Recorder;
use crate::sys::Pid;
use crate::tracer::Failure;
use crate::words;

/// The account of one run.
pub(crate) struct Ledger {
    lockstep: Pid,
    own_terminal: Device,
    root: Pid,
    root_status: Option<c_int>,
    ended_by: Option<EndedBy>,
    /// The process of each living thread.
    threads: HashMap<Pid, Pid>,
    /// Why answers of a process are not compared.
    exemptions: HashMap<Pid, Exemption>,
    /// The last owners of these numbers were exempt: what is asked about them is not compared either.
    unfollowed: HashSet<Pid>,
    /// Threads that the model does not have.
    lost_threads: HashSet<Pid>,
    /// What each thread was told last.
    last_arrivals: HashMap<Pid, Arrival>,
    /// What a thread was told that has ended since: if it was killed before it could act, another one is told.
    orphaned_arrivals: VecDeque<(Pid, Arrival)>,
    /// Signals that processes have sent themselves as if they were the kernel's.
    own_arrivals: HashSet<(Pid, c_int)>,
    /// Children left by processes with several threads: in which order these gave them away, nobody can see.
    unordered: HashSet<Pid>,
    /// Processes of whose end SIGCHLD tells how their own thread ended, and why.
    own_ends: HashMap<Pid, &'static str>,
    /// Children that have ended, by their parent and the number that it has for them, where that is not lockstep's.
    ended_inside: HashMap<(Pid, Pid), Pid>,
    /// Processes that were continued when not all of their threads were seen stopped, up to the next stop or continuation that is certain.
    undone: HashSet<Pid>,
    /// Children of a stop or continuation of which the model does not tell their parent, which was in exec: as another program it would have been told, by now or later.
    told_after_exec: HashSet<Pid>,
    /// Children of whose stop or continuation a wait that was cut short may have been told.
    told_to_cut_wait: HashSet<Pid>,
    /// Children of whom news may still come that such a wait was told of, and whether their parent has gone on since.
    awaited_by_cut_wait: HashMap<Pid, bool>,
    /// Children of which something is known that their parent may not have been told yet, but what was before, and that since then has done nothing; why that is not compared.
    stopped_anew: HashMap<Pid, &'static str>,
    /// The threads that have waited for stops or continuations.
    stop_waiters: HashSet<Pid>,
    sleepers: BTreeMap<Pid, Waiting>,
    last_end: Option<LastEnd>,
    /// The orphan that asked last for its parent, and how often it did in a row.
    asking_orphan: (Pid, u32),
    model: Option<Model>,
    comparison: Comparison,
    history: History,
    view: View,
    start: Instant,
    recorder: Option<Recorder>,
}

/// What is known when all have ended.
pub(crate) struct Outcome {
    /// What lived.
    pub(crate) history: History,
    /// What was compared.
    pub(crate) comparison: Comparison,
    /// The program's wait status word.
    pub(crate) status: Option<c_int>,
    /// Why lockstep has ended the program.
    pub(crate) ended_by: Option<EndedBy>,
}

/// Why lockstep has ended a program.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum EndedBy {
    /// It was told to by this signal.
    Signal(c_int),
    /// So many seconds had passed.
    Timeout { seconds: f64 },
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "by {}", words::signal(*signal)),
            Self::Timeout { seconds: 1.0 } => f.write_str("after 1 second (--timeout)"),
            Self::Timeout { seconds } => write!(f, "after {seconds} seconds (--timeout)"),
        }
    }
}

impl Ledger {
    /// An account that begins with the program as a child of lockstep.
    ///
    /// # Errors
    ///
    /// The model refuses its own world.
    pub(crate) fn open(
        origin: &Origin,
        root: Pid,
        action: ChildSignal,
        view: View,
    ) -> Result<Self, Refusal> {
        let mut model = Model::found(origin)?;
        model.launch(root, action)?;
        let mut history = History::new();
        history.birth(root, origin.pid, None, [origin.group, origin.session]);
        Ok(Self {
            lockstep: origin.pid,
            own_terminal: origin.terminal,
            root,
            root_status: None,
            ended_by: None,
            threads: HashMap::from([(root, root)]),
            exemptions: HashMap::new(),
            unfollowed: HashSet::new(),
            lost_threads: HashSet::new(),
            last_arrivals: HashMap::new(),
            orphaned_arrivals: VecDeque::new(),
            own_arrivals: HashSet::new(),
            unordered: HashSet::new(),
            own_ends: HashMap::new(),
            ended_inside: HashMap::new(),
            undone: HashSet::new(),
            told_after_exec: HashSet::new(),
            told_to_cut_wait: HashSet::new(),
            awaited_by_cut_wait: HashMap::new(),
            stopped_anew: HashMap::new(),
            stop_waiters: HashSet::new(),
            sleepers: BTreeMap::new(),
            last_end: None,
            asking_orphan: (0, 0),
            model: Some(model),
            comparison: Comparison::default(),
            history,
            view,
            start: Instant::now(),
            recorder: None,
        })
    }

    /// Writes down all facts from now on.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Something has happened now.
    pub(crate) fn note(&mut self, fact: Fact) {
        let at = self.start.elapsed().as_micros() as Moment;
        self.view.take_sights();
        self.judge(at, &fact);
        let sights = self.view.take_sights();
        if let Some(recorder) = &mut self.recorder {
            recorder.write(at, &fact, sights);
        }
    }

    /// Something had happened when the run was recorded.
    pub(crate) fn replay(&mut self, at: Moment, fact: &Fact, sights: Sights) {
        self.view = View::Past(sights);
        self.judge(at, fact);
    }

    /// The account, closed. Fails if it could not be written down.
    pub(crate) fn close(mut self) -> Result<Outcome, Failure> {
        self.reap_orphans();
        if let Some(recorder) = self.recorder.take() {
            recorder.finish()?;
        }
        Ok(Outcome {
            history: self.history,
            comparison: self.comparison,
            status: self.root_status,
            ended_by: self.ended_by,
        })
    }

    /// Whether the program itself has ended.
    pub(crate) const fn has_root_ended(&self) -> bool {
        self.root_status.is_some()
    }

    /// Whether lockstep was told to end the program.
    pub(crate) const fn is_told_to_end(&self) -> bool {
        self.ended_by.is_some()
    }

    /// Whether nothing has diverged.
    pub(crate) fn is_in_step(&self) -> bool {
        self.comparison.divergences.is_empty()
    }

    fn judge(&mut self, at: Moment, fact: &Fact) {
        self.history.set_clock(at);
        let concerned = fact.concerned();
        let processes = concerned.map(|tid| self.process_of(tid));
        self.comparison.begin(concerned.into_iter().chain(processes));
        if self.view.is_past() {
            self.note_overtaking(fact);
        }
        match *fact {
            Fact::Born { parent, ref fork, ref numbers, blocked } => {
                self.birth(parent, fork, numbers, blocked);
            }
            Fact::Found { child, forker } => self.found(child, forker),
            Fact::Forked { tid, ref fork, child, result } => {
                self.compare_fork_result(tid, fork, child, result);
            }
            Fact::Returned { tid, call, result, word, target } => {
                self.last_end = None;
                self.parent_goes_on(tid);
                self.judge_call(tid, call, result, word, target);
            }
            Fact::Slept { tid, wait, target } => {
                self.parent_goes_on(tid);
                self.sleep(tid, wait, target);
            }
            Fact::Interrupted { tid } => drop(self.sleepers.remove(&tid)),
            Fact::Waited { tid, wait, said, target } => {
                self.judge_wait(tid, wait, said, target);
                self.parent_goes_on(tid);
            }
            Fact::Overdue { tid } => self.judge_overdue(tid),
            Fact::Cut { tid, call, target } => self.judge_cut(tid, call, target),
            Fact::Arrived { tid, ref arrival } => self.judge_arrival(tid, arrival),
            Fact::Stopped { pid, signal, is_parent_executing } => {
                self.may_be_told_after_exec(pid, is_parent_executing);
                self.stopped(pid, signal);
            }
            Fact::Continued { pid, is_parent_executing } => {
                self.may_be_told_after_exec(pid, is_parent_executing);
                self.continued(pid);
            }
            Fact::StopUndone { pid, signal } => self.stop_undone(pid, signal),
            Fact::Doomed { pid, status } => self.doomed(pid, status),
            Fact::Executed { pid, former, ref command, is_privileged } => {
                self.executed(pid, former, command, is_privileged);
            }
            Fact::Left { tid, status } => self.thread_left(tid, status),
            Fact::Closing { tid, status } => self.begin_closing(tid, status),
            Fact::Ended { tid, own, status, is_parent_executing, .. } => {
                if is_parent_executing {
                    self.ends_amid_exec_of_parent(tid);
                }
                self.ended(tid, own, status);
            }
            Fact::Stray { tid } => self.stray(tid),
            Fact::HasTerminal { tid, device } => self.notice_terminal(self.process_of(tid), device),
            Fact::HungUp { device } => drop(self.ask(|model| model.hang_up(device))),
            Fact::Foreign { tid } => self.foreign(tid),
            Fact::Supervised { tid } => self.exempt(tid, Exemption::Supervised),
            Fact::Altered { tid, how } => self.altered(tid, how),
            Fact::Credentials { tid } => self.credentials_changed(tid),
            Fact::Unmodelled { name } => {
                self.comparison.note_unmodelled(name.as_str());
                if name.as_str() == "ptrace" {
                    self.comparison.note_altered(Alteration::Tracing.in_words());
                }
            }
            Fact::Slow => self.comparison.skip("the call took too long to keep the others waiting"),
            Fact::Untold => self.comparison.skip("nobody has told how a process or thread ended"),
            Fact::Told { signal } => {
                self.ended_by = Some(EndedBy::Signal(signal));
                self.drop_model();
            }
            Fact::TimedOut { seconds } => {
                self.ended_by = Some(EndedBy::Timeout { seconds });
                self.drop_model();
            }
            Fact::Finished => {}
        }
    }

    /// The process of a thread.
    fn process_of(&self, tid: Pid) -> Pid {
        self.threads.get(&tid).copied().unwrap_or(tid)
    }

    /// Asks the model. A panic inside it is a divergence, and the end of asking.
    fn ask<T>(&mut self, question: impl FnOnce(&mut Model) -> T) -> Option<T> {
        let model = self.model.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| question(model))) {
            Ok(answer) => Some(answer),
            Err(_) => {
                let words = crate::run::last_panic();
                self.diverge("the last operation", "did it", &format!("panicked: {words}"));
                self.drop_model();
                None
            }
        }
    }

    /// Tells the model of something that Linux has done and that has no other answer.
    fn drive(
        &mut self,
        tid: Pid,
        what: &dyn std::fmt::Display,
        deed: impl FnOnce(&mut Model) -> Result<(), Refusal>,
    ) {
        if let Some(Err(refusal)) = self.ask(deed) {
            let question = format!("{} {what}", self.history.label(tid));
            self.diverge(&question, "did it", &refusal.to_string());
        }
    }

    /// Notes a difference. After too many of them the model is no longer asked.
    fn diverge(&mut self, question: &str, linux: &str, model: &str) {
        self.comparison.diverge(question.to_owned(), linux.to_owned(), model.to_owned());
        self.drop_model_if_lost();
    }

    fn drop_model_if_lost(&mut self) {
        if self.comparison.divergences.len() >= LOST && self.model.is_some() {
            self.comparison.skip("the model has lost the program: no longer asked");
            self.drop_model();
        }
    }

    fn drop_model(&mut self) {
        // Its state is no longer trusted, so neither are its destructors.
        std::mem::forget(self.model.take());
        for waiting in self.sleepers.values_mut() {
            waiting.due = None;
        }
    }

    /// Notes a call with its result.
    fn log(&mut self, tid: Pid, call: &Call, result: i64, word: Option<i32>) {
        let about = call.numbers().map(|number| number.unsigned_abs());
        self.log_deed(tid, Deed::Call { call: *call, result, word }, about);
    }

    /// Notes something that a thread has done, or that has happened to it.
    fn log_deed(&mut self, tid: Pid, deed: Deed, about: [Pid; 2]) {
        let process = self.process_of(tid);
        let name = self.history.name(process);
        self.comparison.log(Entry { process, thread: tid, name, deed, about });
    }

    /// The same, in words.
    fn tell(&mut self, tid: Pid, words: impl Into<String>, about: Pid) {
        self.log_deed(tid, Deed::Other(words.into()), [about, 0]);
    }
}
