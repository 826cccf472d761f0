//! What happens while a call of the layer has the kernel give a place back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axprocess::{
    ARef, CloneFlags, ForkRequest, GivenInfo, Number, ProcessTable, Relations, Signal, View,
};
use axprocess_signals::{
    Account, Action, Charge, Delivery, Handler, Kernel, ProcessSignals, SignalSet, Signals,
    ThreadSignals, signals_of,
};

type Thread = axprocess_signals::Thread<Counting>;
type Process = axprocess_signals::Process<Counting>;
type Table = ProcessTable<Signals<Counting>>;
/// What others do meanwhile, once.
type Meanwhile = Mutex<Option<Box<dyn FnOnce(&Counting) + Send>>>;

/// Counts the places of one user, who may have two.
#[derive(Default)]
struct Counting {
    used: AtomicU32,
    behind_uncharge: Meanwhile,
}

const LIMIT: u32 = 2;

impl Counting {
    fn take_place(&self, charge: Charge) -> Option<Account> {
        let is_over = charge == Charge::WithinLimit && self.used.load(Relaxed) >= LIMIT;
        (!is_over).then(|| {
            self.used.fetch_add(1, Relaxed);
            Account(0)
        })
    }
}

impl Kernel for Counting {
    type RelationLock = Mutex<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn kick(&self, _: &Thread) {}

    fn may_signal(
        &self,
        _: View<'_, Signals<Self>>,
        _: &Process,
        _: &Process,
        _: Option<Signal>,
    ) -> bool {
        true
    }

    fn charge(&self, _: &Process, charge: Charge) -> Option<Account> {
        self.take_place(charge)
    }

    fn uncharge(&self, _: Account) {
        self.used.fetch_sub(1, Relaxed);
        let meanwhile = self.behind_uncharge.lock().unwrap().take();
        meanwhile.into_iter().for_each(|act| act(self));
    }
}

/// A table, its init, and a child of that.
fn scene() -> (Table, ARef<Thread>, ARef<Thread>) {
    let table = Table::new(Signals::new(Counting::default()));
    let process = ProcessSignals::new(table.host(), ()).unwrap();
    let init = table.new_init(1, process, ThreadSignals::new(())).unwrap();
    let (process, thread) = signals_of(&init).fork(CloneFlags::empty(), (), ()).unwrap();
    let child = init.fork(ForkRequest::default(), process, thread).unwrap();
    (table, init, child)
}

fn behind(meanwhile: &Meanwhile, act: impl FnOnce(&Counting) + Send + 'static) {
    *meanwhile.lock().unwrap() = Some(Box::new(act));
}

fn block(thread: &Thread, set: SignalSet) {
    signals_of(thread).rt_sigprocmask(0, 8, || Ok(Some(set))).unwrap();
}

fn set_action(thread: &Thread, signal: Signal, handler: Handler) {
    let action = Action { handler, ..Action::default() };
    signals_of(thread).rt_sigaction(signal.number().into(), 8, || Ok(Some(action))).unwrap();
}

fn queue(sender: &Thread, to: &Thread, value: u64) -> Result<(), axprocess::Errno> {
    sender.rt_sigqueueinfo(to.tid() as i32, GivenInfo { value, ..GivenInfo::new(40, -1) })
}

#[test]
fn what_is_done_about_a_signal_is_settled_as_it_is_taken() {
    // R-SIG-11: another thread sees by sigpending that it was taken, and sets SIG_DFL: its handler runs.
    let (table, init, child) = scene();
    let usr1 = Signal::SIGUSR1;
    let handler = Handler::from_raw(0x4000);
    set_action(&child, usr1, handler);
    let second = child.spawn_thread(Number::Next, signals_of(&child).new_thread(())).unwrap();
    block(&second, usr1.into());
    init.kill(child.tid() as i32, usr1.number().into()).unwrap();
    behind(&table.host().kernel().behind_uncharge, move |_| {
        assert!(signals_of(&second).rt_sigpending(8).unwrap().is_empty());
        set_action(&second, usr1, Handler::Default);
    });
    match signals_of(&child).get_signal() {
        Delivery::Handle(frame) => assert_eq!(frame.action.handler, handler),
        other => panic!("{other:?}"),
    }
    assert_eq!(signals_of(&child).action(usr1), Action::default());
}

#[test]
fn who_is_told_that_there_is_a_place_has_it() {
    // R-SIG-22: nothing is given back in between, to timer_create of the same user on another processor.
    let (table, init, child) = scene();
    let kernel = table.host().kernel();
    block(&child, SignalSet::ALL);
    queue(&init, &child, 1).unwrap();
    behind(&kernel.behind_uncharge, |kernel| {
        kernel.take_place(Charge::WithinLimit).unwrap();
    });
    assert_eq!(queue(&init, &child, 2), Ok(()));
    assert_eq!(queue(&init, &child, 3), Err(axprocess::Errno::EAGAIN));
    *kernel.behind_uncharge.lock().unwrap() = None;
    let read = || signals_of(&child).read_signalfd(SignalSet::ALL).map(|info| info.value());
    assert_eq!([read(), read(), read()], [Some(1), Some(2), None]);
    assert_eq!(kernel.used.load(Relaxed), 0);
}

#[test]
fn a_panic_of_a_kernel_that_is_given_a_place_back_cannot_be_caught() {
    // Design: it may come while a queue is half changed. The same test in a program of its own, which ends.
    const NAME: &str = "a_panic_of_a_kernel_that_is_given_a_place_back_cannot_be_caught";
    const WORD: &str = "AXPROCESS_TEST_PANICS";
    if std::env::var(WORD).is_err() {
        for way in ["ignore", "take", "read"] {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", NAME, "--nocapture"]).env(WORD, way);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code().is_none(), "{way}: {said}");
            assert!(said.contains("the program ends"), "{way}: {said}");
        }
        return;
    }
    let (table, init, child) = scene();
    block(&child, SignalSet::ALL);
    queue(&init, &child, 1).unwrap();
    behind(&table.host().kernel().behind_uncharge, |_| panic!("the count is wrong"));
    let _caught = catch_unwind(AssertUnwindSafe(|| match std::env::var(WORD).unwrap().as_str() {
        "ignore" => set_action(&child, Signal::new(40).unwrap(), Handler::Ignore),
        "take" => {
            signals_of(&child).rt_sigprocmask(2, 8, || Ok(Some(SignalSet::EMPTY))).unwrap();
            signals_of(&child).get_signal();
        }
        _ => drop(signals_of(&child).read_signalfd(SignalSet::ALL)),
    }));
}
