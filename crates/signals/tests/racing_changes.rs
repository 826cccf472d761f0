//! What a process changes about a signal while that is being sent: the sender's one decision is about what was before, or about what comes behind.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, TryLockError};

use axprocess::{
    ARef, Errno, ForkRequest, GivenInfo, Number, ProcessTable, Relations, Signal, View,
};
use axprocess_signals::{
    Account, Action, Charge, Handler, Kernel, ProcessSignals, SignalSet, Signals, ThreadSignals,
    signals_of,
};

type Process = axprocess_signals::Process<RacingKernel>;
type Table = ProcessTable<Signals<RacingKernel>>;
type Thread = axprocess_signals::Thread<RacingKernel>;

/// While it is asked about a sender's signal, it lets the receiver run: until that is done, or waits for the sender.
#[derive(Default)]
struct RacingKernel {
    receiver: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl RacingKernel {
    fn let_receiver_run(&self) {
        let receiver = self.receiver.lock().expect("nobody panics").take();
        if let Some((start, done)) = receiver {
            start.send(()).expect("the receiver is there");
            done.recv().expect("the receiver is there");
        }
    }
}

/// The locks: a receiver that has to wait for one says so.
struct Telling<T>(Mutex<T>);

thread_local! {
    /// Whom a receiver tells that it waits, or has done.
    static WAITS: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

impl<T> axprocess::Lock<T> for Telling<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                WAITS.with_borrow(|waits| waits.iter().for_each(|it| _ = it.send(())));
                self.0.lock().expect("nobody panics")
            }
        }
    }
}

impl Kernel for RacingKernel {
    type RelationLock = Telling<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = Telling<T>;
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

    /// Asked between the look at the action and the look at the next thread's mask.
    fn is_running(&self, _: &Thread) -> bool {
        self.let_receiver_run();
        false
    }

    /// Asked between the decision and the queue.
    fn charge(&self, _: &Process, _: Charge) -> Option<Account> {
        self.let_receiver_run();
        Some(Account(0))
    }
}

const SIGNAL: i32 = 40;
/// `SIG_UNBLOCK`.
const UNBLOCK: i32 = 1;

fn set() -> SignalSet {
    SignalSet::from(Signal::new(40).expect("it is one"))
}

fn handled() -> Action {
    Action { handler: Handler::from_raw(0x4000), ..Action::default() }
}

/// A table, its init, and a child that blocks the signal.
fn boot() -> Result<(Table, ARef<Thread>, ARef<Thread>), Errno> {
    let table = Table::new(Signals::new(RacingKernel::default()));
    let process = ProcessSignals::new(table.host(), ())?;
    let init = table.new_init(1, process, ThreadSignals::new(()))?;
    let (process, thread) = signals_of(&init).fork(axprocess::CloneFlags::empty(), (), ())?;
    let child = init.fork(ForkRequest::default(), process, thread)?;
    signals_of(&child).rt_sigprocmask(0, 8, || Ok(Some(set())))?;
    Ok((table, init, child))
}

/// Sends while the receiver runs.
fn race(
    init: &Thread,
    receiver: impl FnOnce() + Send,
    send: impl FnOnce() -> Result<(), Errno>,
) -> Result<(), Errno> {
    std::thread::scope(|scope| {
        let ((start, started), (finish, finished)) = (channel(), channel());
        let kernel = init.host().kernel();
        *kernel.receiver.lock().expect("nobody panics") = Some((start, finished));
        scope.spawn(move || {
            started.recv().expect("the sender is there");
            WAITS.set(Some(finish.clone()));
            receiver();
            finish.send(()).ok();
        });
        send()
    })
}

/// Who sets a handler before it unblocks a signal never dies of it: Linux decides under one lock.
#[test]
fn who_sets_a_handler_and_then_unblocks_does_not_die() -> Result<(), Errno> {
    let (_table, init, child) = boot()?;
    let second = child.spawn_thread(Number::Next, signals_of(&child).new_thread(()))?;
    // The leader would take the signal, but has another to look at.
    signals_of(&child).rt_sigprocmask(UNBLOCK, 8, || Ok(Some(set())))?;
    signals_of(&child).rt_sigaction(10, 8, || Ok(Some(handled())))?;
    init.tkill(2, 10)?;
    let receiver = || {
        signals_of(&second).rt_sigaction(SIGNAL, 8, || Ok(Some(handled()))).expect("sets");
        signals_of(&second).rt_sigprocmask(UNBLOCK, 8, || Ok(Some(set()))).expect("unblocks");
    };
    race(&init, receiver, || init.kill(2, SIGNAL))?;
    assert!(!child.process().is_group_exiting());
    assert!(!second.attention().is_empty());
    Ok(())
}

/// Who unblocks a signal that is being sent dies of it, then or now.
#[test]
fn who_unblocks_a_signal_that_is_being_sent_is_told() -> Result<(), Errno> {
    let (_table, init, child) = boot()?;
    let receiver = || {
        signals_of(&child).rt_sigprocmask(UNBLOCK, 8, || Ok(Some(set()))).expect("unblocks");
    };
    let info = GivenInfo::new(SIGNAL, -1);
    race(&init, receiver, || init.rt_sigqueueinfo(2, info))?;
    assert!(!child.attention().is_empty());
    Ok(())
}
