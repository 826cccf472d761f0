//! The layer of signals under schedule explorers: calls that collide, and what may come of that.
//!
//! All locks of the layer are what its kernel says they are, so all are the explorer's: every lock is a place at which another thread may go on. What may come of a race is not written down by hand. The same bodies are explored
//! twice: first each call under one lock more, so that calls come one behind the other, in every order; then free. What comes up then must be what one of the orders leaves, and each of those must come up.
//!
//! | word | what it is |
//! | --- | --- |
//! | scene | the threads, and what is set before they are let loose |
//! | body | what one of them does, as a list of calls; what it answers |
//! | outcome | the answers, and what is found afterwards |

mod scenarios;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, CloneFlags, ExitStatus, ForkRequest, GivenInfo, Lock, Number, ProcessTable, Relations,
    Signal, View,
};
use axprocess_signals::{
    Action, Delivery, Handler, ProcessSignals, SigInfo, SignalSet, Signals, ThreadSignals,
    check_invariants, signals_of,
};

pub use scenarios::*;

use crate::{Bell, Explorer};

/// The kernel whose locks, and whose sleeps, are the explorer's.
pub struct Kernel<E: Explorer> {
    /// Passed where a sender decides, and behind each call.
    point: E::Point,
}

/// A thread of that kernel.
pub type Thread<E> = ARef<axprocess_signals::Thread<Kernel<E>>>;

/// Of three bodies, a thread is left so often at most where it could go on.
const PREEMPTIONS: usize = 2;

/// So many signals can wait with their siginfo.
const PLACES: u32 = 2;

impl<E: Explorer> axprocess_signals::Kernel for Kernel<E> {
    type RelationLock = E::Mutex<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = E::Mutex<T>;
    type ProcessData = ();
    type ThreadData = E::Bell;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    const MOST_QUEUED: u32 = PLACES;

    fn kick(&self, thread: &axprocess_signals::Thread<Self>) {
        thread.host_data().ring();
    }

    /// Asked amid a sender's decision, between what it knows of one thread and of the next.
    fn is_running(&self, _: &axprocess_signals::Thread<Self>) -> bool {
        E::pass(&self.point);
        false
    }

    fn may_signal(
        &self,
        _: View<'_, Signals<Self>>,
        _: &axprocess_signals::Process<Self>,
        _: &axprocess_signals::Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        true
    }
}

/// Where a race takes place: init, and a process of one thread or more.
pub struct Stage<E: Explorer> {
    threads: Vec<Thread<E>>,
    init: Thread<E>,
    /// One call at a time.
    turn: Option<E::Mutex<()>>,
    table: ProcessTable<Signals<Kernel<E>>>,
}

/// What one thread does, and what it is answered.
type Body<E> = fn(&Stage<E>) -> String;

/// Bodies that are let loose on a scene.
struct Race<E: Explorer> {
    scene: fn(&Thread<E>) -> Vec<Thread<E>>,
    bodies: &'static [Body<E>],
    /// What is found afterwards.
    outcome: Body<E>,
}

impl<E: Explorer> Clone for Race<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Explorer> Copy for Race<E> {}

impl<E: Explorer> Race<E> {
    /// Explores it twice.
    ///
    /// # Panics
    ///
    /// Something comes up that no order of the calls leaves, or one of the orders does not come up.
    fn explore(self) {
        let of_orders = self.outcomes(None);
        let seen = self.outcomes(Some(of_orders.clone()));
        assert_eq!(seen, of_orders, "not all orders have come up");
    }

    fn outcomes(self, of_orders: Option<BTreeSet<String>>) -> BTreeSet<String> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let program = {
            let seen = Arc::clone(&seen);
            move || {
                let outcome = self.run(of_orders.is_none());
                if let Some(of_orders) = &of_orders {
                    let is_one = of_orders.contains(&outcome);
                    assert!(is_one, "{outcome}\nis none of {of_orders:#?}");
                }
                seen.lock().expect("nobody panics").insert(outcome);
            }
        };
        match self.bodies.len() {
            ..=2 => E::explore(program),
            _ => E::explore_preempting(PREEMPTIONS, program),
        }
        let seen = seen.lock().expect("nobody panics");
        seen.clone()
    }

    /// Plays it once.
    fn run(self, is_in_turn: bool) -> String {
        let stage = Arc::new(Stage::new(self.scene, is_in_turn));
        let answers = Arc::new(Mutex::new(vec![String::new(); self.bodies.len()]));
        let play = |at: usize| {
            let (stage, answers) = (Arc::clone(&stage), Arc::clone(&answers));
            move || {
                let answer = self.bodies[at](&stage);
                answers.lock().expect("nobody panics")[at] = answer;
            }
        };
        let others: Vec<_> = (1..self.bodies.len()).map(|at| E::spawn(play(at))).collect();
        play(0)();
        others.into_iter().for_each(E::join);
        check_invariants(&stage.table);
        let found = (self.outcome)(&stage);
        check_invariants(&stage.table);
        let answers = answers.lock().expect("nobody panics").join("; ");
        format!("{answers}; {found}")
    }
}

impl<E: Explorer> Stage<E> {
    fn new(scene: fn(&Thread<E>) -> Vec<Thread<E>>, is_in_turn: bool) -> Self {
        let table = ProcessTable::new(Signals::new(Kernel { point: E::Point::default() }));
        let process = ProcessSignals::new(table.host(), ()).unwrap();
        let init = table.new_init(1, process, ThreadSignals::new(E::Bell::default())).unwrap();
        let threads = scene(&init);
        let turn = is_in_turn.then(|| E::Mutex::new(()));
        Self { threads, init, turn, table }
    }

    fn leader(&self) -> &Thread<E> {
        &self.threads[0]
    }

    fn second(&self) -> &Thread<E> {
        &self.threads[1]
    }

    /// Makes one call.
    fn call<R>(&self, what: &str, call: impl FnOnce() -> R) -> R {
        let _turn = self.turn.as_ref().map(Lock::lock);
        let answer = E::does(what, call);
        E::pass(&self.table.host().kernel().point);
        answer
    }

    /// Has init send a signal to the process.
    fn kill(&self, number: u8) {
        let pid = self.leader().process().pid().cast_signed();
        self.call("kill()", || self.init.kill(pid, number.into())).unwrap();
    }

    /// Has init send a signal to a thread.
    fn tkill(&self, thread: &Thread<E>, number: u8) {
        let tid = thread.tid().cast_signed();
        self.call("tkill()", || self.init.tkill(tid, number.into())).unwrap();
    }

    /// Has init send a signal with a value.
    fn queue(&self, number: u8, code: i32, value: u64) -> String {
        let pid = self.leader().process().pid().cast_signed();
        let info = GivenInfo { value, ..GivenInfo::new(number.into(), code) };
        let sent = self.call("rt_sigqueueinfo()", || self.init.rt_sigqueueinfo(pid, info));
        format!("sends {value}: {sent:?}")
    }

    fn change_mask(&self, thread: &Thread<E>, how: i32, numbers: &[u8]) {
        self.call("rt_sigprocmask()", || change_mask(thread, how, numbers));
    }

    fn act(&self, thread: &Thread<E>, number: u8, handler: Handler) {
        self.call("rt_sigaction()", || act(thread, number, handler));
    }

    /// A thread sleeps until it is wanted.
    fn sleep(&self, thread: &Thread<E>) {
        thread.host_data().sleep_until(|| !thread.attention().is_empty());
    }

    /// A thread comes back to user space, and runs what handlers there are. Which, and where it ends.
    fn come_back(&self, thread: &Thread<E>) -> String {
        let mut seen = Vec::new();
        let signals = signals_of(thread);
        while !thread.attention().is_empty() {
            match self.call("get_signal()", || signals.get_signal()) {
                Delivery::Return => {}
                Delivery::Handle(frame) => {
                    self.call("enter_handler()", || signals.enter_handler(&frame, |_| Ok(())));
                    seen.push(format!("handles {}", said(&frame.info)));
                    self.call("rt_sigreturn()", || signals.rt_sigreturn(frame.saved_mask));
                }
                Delivery::Fatal(signal) => {
                    let status = ExitStatus::killed(signal);
                    self.call("begin_group_exit()", || thread.process().begin_group_exit(status));
                }
                Delivery::Exit(_) => {
                    let status = ExitStatus::exited(0);
                    self.call("exit_thread()", || signals.exit_thread(status));
                    seen.push(format!("exits of {:?}", thread.process().exit_status()));
                    break;
                }
                Delivery::Stop | Delivery::Traced(_) => unreachable!("nobody stops or traces"),
            }
        }
        format!("{} {}", thread.tid(), seen.join(", "))
    }

    /// All threads that are wanted come back to user space: what they do there, and what waits then.
    fn settle(&self) -> String {
        let backs: Vec<_> = self.threads.iter().map(|thread| self.come_back(thread)).collect();
        let waits = self.threads.iter().map(|thread| format!("{:?}", signals_of(thread).pending()));
        format!("{}, {}", backs.join(", "), waits.collect::<Vec<_>>().join(" "))
    }
}

const SIG_BLOCK: i32 = 0;
const SIG_UNBLOCK: i32 = 1;
const USR1: u8 = 10;
const REAL_TIME: u8 = 40;
/// `SI_QUEUE`.
const QUEUED: i32 = -1;
/// `SI_TIMER`.
const TIMER: i32 = -2;

fn set(numbers: &[u8]) -> SignalSet {
    numbers.iter().filter_map(|number| Signal::new(*number)).collect()
}

fn change_mask<E: Explorer>(thread: &Thread<E>, how: i32, numbers: &[u8]) {
    signals_of(thread).rt_sigprocmask(how, 8, || Ok(Some(set(numbers)))).unwrap();
}

fn handler() -> Handler {
    Handler::from_raw(0x4000)
}

fn act<E: Explorer>(thread: &Thread<E>, number: u8, handler: Handler) {
    let action = Action { handler, ..Action::default() };
    signals_of(thread).rt_sigaction(number.into(), 8, || Ok(Some(action))).unwrap();
}

fn fork<E: Explorer>(thread: &Thread<E>, flags: CloneFlags) -> Thread<E> {
    let (process, child) = signals_of(thread).fork(flags, (), E::Bell::default()).unwrap();
    thread.fork(ForkRequest::default(), process, child).unwrap()
}

fn spawn<E: Explorer>(thread: &Thread<E>) -> Thread<E> {
    let signals = signals_of(thread).new_thread(E::Bell::default());
    thread.spawn_thread(Number::Next, signals).unwrap()
}

/// What a siginfo says: number, code, value.
fn said(info: &SigInfo) -> String {
    format!("{} {} {}", info.signal().number(), info.code(), info.value())
}

fn said_or_nothing(taken: Option<SigInfo>) -> String {
    taken.map_or("nothing".to_owned(), |info| said(&info))
}
