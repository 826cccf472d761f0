//! What the layer of signals costs: the same acts of a kernel with it and without.
//!
//! | scene | what is done |
//! | --- | --- |
//! | `bare/exec-life` | fork, exec, exit and reap, on the model alone |
//! | `signals/exec-life` | the same with the layer, of processes without handlers |
//! | `signals/exec-life-with-handlers` | the same with three handlers in the parent |
//! | `signals/exec-life-with-sigchld` | the same with one for `SIGCHLD` besides, which is delivered, and returns |
//! | `signals/sigprocmask` | a mask that changes, and back |
//! | `signals/return` | a return to user space with nothing pending |
//! | `signals/kill` | a handled signal to oneself, delivered, its handler returned from |

use std::hint::black_box;
use std::num::NonZeroUsize;

use axprocess::{
    ARef, CloneFlags, ExitStatus, ForkRequest, Host, ProcessTable, Relations, Signal, View,
    WaitOutcome, WaitRequest,
};
use axprocess_signals::{
    Action, Delivery, Handler, ProcessSignals, SignalSet, Signals, ThreadSignals, signals_of,
};
use kspin::SpinNoIrq;

use crate::scene::{RUNS, Scene, ready};

/// The scene of that name.
pub(crate) fn find(subject: &str, act: &str) -> Option<Scene> {
    Some(match (subject, act) {
        ("bare", "exec-life") => bare_lives(),
        ("signals", "exec-life") => lives(&[]),
        ("signals", "exec-life-with-handlers") => lives(&HANDLED[..3]),
        ("signals", "exec-life-with-sigchld") => lives(&HANDLED),
        ("signals", "sigprocmask") => masks(),
        ("signals", "return") => returns(),
        ("signals", "kill") => kills(),
        _ => return None,
    })
}

const HANDLED: [Signal; 4] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGCHLD];

/// A kernel that hangs nothing on a process.
struct Bare;

impl Host for Bare {
    type Lock = SpinNoIrq<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

/// The same with the layer: nobody sleeps, so nobody is woken.
struct Kernel;

type Table = ProcessTable<Signals<Kernel>>;
type Thread = axprocess_signals::Thread<Kernel>;

impl axprocess_signals::Kernel for Kernel {
    type RelationLock = SpinNoIrq<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = SpinNoIrq<T>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn kick(&self, _: &Thread) {}

    fn wake_waiters(
        &self,
        _: View<'_, Signals<Self>>,
        _: &axprocess_signals::Process<Self>,
        _: &axprocess::ChildNews,
    ) {
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

fn bare_lives() -> Scene {
    let table = ProcessTable::new(Bare);
    let init = table.new_init(1, (), ()).expect("an empty table");
    let parent = init.fork(ForkRequest::default(), (), ()).expect("a child of init");
    Scene::new(ready, move || {
        let _kept = (&table, &init);
        for _ in 0..RUNS {
            let child = parent.fork(ForkRequest::default(), (), ()).expect("the parent lives");
            child.exec().expect("it lives");
            child.exit_thread(ExitStatus::exited(0));
            reap(&parent, child.tid());
        }
    })
}

fn lives(handled: &[Signal]) -> Scene {
    let (table, init, parent) = boot(handled);
    Scene::new(ready, move || {
        let _kept = (&table, &init);
        for _ in 0..RUNS {
            let child = fork(&parent);
            child.exec().expect("it lives");
            signals_of(&child).exec();
            signals_of(&child).exit_thread(ExitStatus::exited(0));
            return_to_user(&parent);
            reap(&parent, child.tid());
        }
    })
}

fn masks() -> Scene {
    let (table, init, parent) = boot(&HANDLED);
    let some = SignalSet::from_iter(HANDLED);
    let change = move |how: i32| {
        let changed = signals_of(&parent).rt_sigprocmask(how, SignalSet::SIZE, || Ok(Some(some)));
        black_box(changed).expect("it is right");
    };
    Scene::new(ready, move || {
        let _kept = (&table, &init);
        for _ in 0..RUNS {
            change(0);
            change(1);
        }
    })
}

fn returns() -> Scene {
    let (table, init, parent) = boot(&HANDLED);
    Scene::new(ready, move || {
        let _kept = (&table, &init);
        for _ in 0..RUNS {
            return_to_user(black_box(&parent));
        }
    })
}

fn kills() -> Scene {
    let (table, init, parent) = boot(&HANDLED);
    Scene::new(ready, move || {
        let _kept = (&table, &init);
        let own = i32::try_from(parent.process().pid()).unwrap_or(0);
        for _ in 0..RUNS {
            parent.kill(own, Signal::SIGTERM.number().into()).expect("it is there");
            return_to_user(&parent);
        }
    })
}

/// A table, its init, and a child of that with handlers.
fn boot(handled: &[Signal]) -> (Table, ARef<Thread>, ARef<Thread>) {
    let table = Table::new(Signals::new(Kernel));
    let signals = ProcessSignals::new(table.host(), ()).expect("there is memory");
    let init = table.new_init(1, signals, ThreadSignals::new(())).expect("an empty table");
    let parent = fork(&init);
    for signal in handled {
        let handler = Handler::At(NonZeroUsize::MAX);
        let action = Action { handler, ..Action::default() };
        let number = signal.number().into();
        let set = signals_of(&parent).rt_sigaction(number, SignalSet::SIZE, || Ok(Some(action)));
        set.expect("it is right");
    }
    (table, init, parent)
}

#[inline]
fn fork(parent: &Thread) -> ARef<Thread> {
    let flags = CloneFlags::empty();
    let (process, thread) = signals_of(parent).fork(flags, (), ()).expect("there is memory");
    parent.fork(ForkRequest::default(), process, thread).expect("the parent lives")
}

#[inline]
fn reap<H: Host>(parent: &axprocess::Thread<H>, pid: u32) {
    let pid = i32::try_from(pid).unwrap_or(0);
    let answer = WaitRequest::wait4(pid, 0).and_then(|request| parent.wait(&request));
    assert!(matches!(answer, Ok(WaitOutcome::Event(_))), "the zombie is there");
}

/// All handlers run, and return.
#[inline]
fn return_to_user(thread: &Thread) {
    if !thread.attention().is_empty() {
        run_handlers(thread);
    }
}

#[cold]
fn run_handlers(thread: &Thread) {
    while !thread.attention().is_empty() {
        if let Delivery::Handle(frame) = signals_of(thread).get_signal() {
            signals_of(thread).enter_handler(&frame, |_| Ok(()));
            signals_of(thread).rt_sigreturn(frame.saved_mask);
        }
    }
}

#[cfg(test)]
mod tests {
    /// Every scene can be played, again and again.
    #[test]
    fn every_scene_plays() {
        super::find("bare", "exec-life").expect("a scene").warm_up();
        let lives = ["exec-life", "exec-life-with-handlers", "exec-life-with-sigchld"];
        for act in lives.into_iter().chain(["sigprocmask", "return", "kill"]) {
            super::find("signals", act).expect("a scene").warm_up();
        }
    }
}
