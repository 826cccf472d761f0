//! The races. Each names the cut, or the fault, with which it fails: `faults/signals`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use axprocess::{CloneFlags, ExitStatus, ProcessState};
use axprocess_signals::{Action, ActionFlags, Handler, TimedWait, signals_of};

use super::{
    QUEUED, REAL_TIME, Race, SIG_BLOCK, SIG_UNBLOCK, Stage, TIMER, Thread, USR1, act, change_mask,
    fork, handler, said, said_or_nothing, set, spawn,
};
use crate::{Bell, Explorer};

/// A process that handles `SIGUSR1`.
fn handling<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let leader = fork(init, CloneFlags::empty());
    act(&leader, USR1, handler());
    vec![leader]
}

/// The same, with two threads.
fn two_handling<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let mut threads = handling(init);
    threads.push(spawn(&threads[0]));
    threads
}

/// A process whose threads block `SIGUSR1`, which it handles, and a real-time signal.
fn two_blocking<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let mut threads = handling(init);
    change_mask(&threads[0], SIG_BLOCK, &[USR1, REAL_TIME]);
    threads.push(spawn(&threads[0]));
    threads
}

fn blocking<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let mut threads = two_blocking(init);
    threads.truncate(1);
    threads
}

fn settled<E: Explorer>(stage: &Stage<E>) -> String {
    stage.settle()
}

fn sends_usr1<E: Explorer>(stage: &Stage<E>) -> String {
    stage.kill(USR1);
    String::new()
}

/// A thread opens what is sent right then: it handles it, before it runs on or behind. Fails with `set-behind-the-lock`.
pub fn mask_change_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| {
                stage.change_mask(stage.leader(), SIG_UNBLOCK, &[USR1]);
                stage.come_back(stage.leader())
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// A thread blocks what is sent right then: another one takes it. Fails with `told-before`.
pub fn blocking_against_send<E: Explorer>() {
    Race::<E> {
        scene: two_handling,
        bodies: &[
            |stage| {
                stage.change_mask(stage.leader(), SIG_BLOCK, &[USR1]);
                let pending = signals_of(stage.leader());
                let pending = stage.call("rt_sigpending()", || pending.rt_sigpending(8));
                format!("{pending:?}")
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// Two threads block at once what is sent to both: it waits for who opens it, and is not lost.
pub fn blocking_against_blocking<E: Explorer>() {
    fn blocks<E: Explorer>(stage: &Stage<E>, thread: &Thread<E>) -> String {
        stage.change_mask(thread, SIG_BLOCK, &[USR1]);
        stage.change_mask(thread, SIG_UNBLOCK, &[USR1]);
        stage.come_back(thread)
    }
    Race::<E> {
        scene: |init| {
            let threads = two_handling(init);
            init.kill(2, USR1.into()).unwrap();
            threads
        },
        bodies: &[|stage| blocks(stage, stage.leader()), |stage| blocks(stage, stage.second())],
        outcome: settled,
    }
    .explore();
}

fn awaits<'a, E: Explorer>(
    stage: &Stage<E>,
    thread: &'a Thread<E>,
) -> TimedWait<'a, super::Kernel<E>> {
    let signals = signals_of(thread);
    let set = || Ok(set(&[USR1, REAL_TIME]));
    stage.call("rt_sigtimedwait()", || signals.rt_sigtimedwait(8, set)).unwrap()
}

/// A thread begins to wait for what is sent right then: it takes it, at once or woken. Fails with `opened-late`.
pub fn sigtimedwait_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| match awaits(stage, stage.leader()) {
                TimedWait::Taken(info) => format!("at once {}", said(&info)),
                TimedWait::NothingYet(wait) => {
                    stage.sleep(stage.leader());
                    let taken = stage.call("finish()", || wait.finish());
                    format!("woken {}", said_or_nothing(taken))
                }
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// A wait whose time is over, and what is sent right then: it is taken, or waits.
pub fn timeout_of_sigtimedwait_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| match awaits(stage, stage.leader()) {
                TimedWait::Taken(info) => format!("at once {}", said(&info)),
                TimedWait::NothingYet(wait) => {
                    said_or_nothing(stage.call("finish()", || wait.finish()))
                }
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// Two threads wait for one signal, and the time of one is over: the other one takes it, or the next. Fails with `left-before`.
pub fn two_sigtimedwaits_against_send<E: Explorer>() {
    Race::<E> {
        scene: two_blocking,
        bodies: &[
            |stage| {
                let taken = match awaits(stage, stage.leader()) {
                    TimedWait::Taken(info) => Some(info),
                    TimedWait::NothingYet(wait) => stage.call("finish()", || wait.finish()),
                };
                if taken.is_some_and(|info| info.signal().number() == REAL_TIME) {
                    stage.tkill(stage.second(), REAL_TIME);
                }
                said_or_nothing(taken)
            },
            |stage| {
                loop {
                    match awaits(stage, stage.second()) {
                        TimedWait::Taken(info) => return said(&info),
                        TimedWait::NothingYet(wait) => {
                            stage.sleep(stage.second());
                            if let Some(info) = stage.call("finish()", || wait.finish()) {
                                return said(&info);
                            }
                        }
                    }
                }
            },
            |stage| {
                // The first of them may be told of this one, and take the next.
                stage.kill(REAL_TIME);
                stage.tkill(stage.leader(), USR1);
                String::new()
            },
        ],
        outcome: settled,
    }
    .explore();
}

/// A wakes-once flag: what a future's executor has.
struct Woken<E: Explorer> {
    bell: E::Bell,
    is_woken: AtomicBool,
}

impl<E: Explorer> Wake for Woken<E> {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Relaxed);
        self.bell.ring();
    }
}

/// A future of a signal that is sent right then is woken. Fails with `late-waker`.
pub fn future_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| {
                let TimedWait::NothingYet(wait) = awaits(stage, stage.leader()) else {
                    return "at once".to_owned();
                };
                let executor =
                    Arc::new(Woken::<E> { bell: E::Bell::default(), is_woken: false.into() });
                let waker = Waker::from(Arc::clone(&executor));
                let mut future = pin!(wait.signal());
                loop {
                    let mut context = Context::from_waker(&waker);
                    match stage.call("poll()", || future.as_mut().poll(&mut context)) {
                        Poll::Ready(taken) => return said_or_nothing(taken),
                        Poll::Pending => {
                            executor.bell.sleep_until(|| executor.is_woken.load(Relaxed));
                        }
                    }
                }
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// What an action is, and what is sent then; the receiver blocks it.
fn looks_and_sends<E: Explorer>(stage: &Stage<E>, send: fn(&Stage<E>)) -> String {
    let signals = signals_of(stage.leader());
    let number = axprocess::Signal::new(REAL_TIME).expect("it is one");
    let action = stage.call("action()", || signals.action(number));
    send(stage);
    format!("{:?}", action.handler)
}

/// A process ignores what is sent right then, and blocked: what came before is gone, what comes behind waits. Fails with `late-discard`.
pub fn ignoring_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| {
                stage.act(stage.leader(), REAL_TIME, Handler::Ignore);
                String::new()
            },
            |stage| looks_and_sends(stage, |stage| stage.kill(REAL_TIME)),
        ],
        outcome: settled,
    }
    .explore();
}

/// The same for what is sent to single threads: one signal waits already. Fails with `late-discard-of-threads`.
pub fn ignoring_against_send_to_a_thread<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let threads = two_blocking(init);
            init.tkill(threads[1].tid().cast_signed(), REAL_TIME.into()).unwrap();
            threads
        },
        bodies: &[
            |stage| {
                stage.act(stage.leader(), REAL_TIME, Handler::Ignore);
                String::new()
            },
            |stage| looks_and_sends(stage, |stage| stage.tkill(stage.second(), REAL_TIME)),
        ],
        outcome: settled,
    }
    .explore();
}

/// A process ignores what is sent right then and would end it: it ends, or nothing has come.
pub fn ignoring_against_a_fatal_send<E: Explorer>() {
    Race::<E> {
        scene: |init| vec![fork(init, CloneFlags::empty())],
        bodies: &[
            |stage| {
                stage.act(stage.leader(), USR1, Handler::Ignore);
                String::new()
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// Two threads, of which one is told of another signal already: a handler is set, and then the signal unblocked, while it is sent. Nobody dies of it who had the handler. Fails with `moving-decision`.
pub fn handling_and_unblocking_against_send<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let threads = two_blocking(init);
            act(&threads[0], 12, handler());
            change_mask(&threads[0], SIG_UNBLOCK, &[REAL_TIME]);
            init.tkill(threads[0].tid().cast_signed(), 12).unwrap();
            threads
        },
        bodies: &[
            |stage| {
                stage.act(stage.second(), REAL_TIME, handler());
                stage.change_mask(stage.second(), SIG_UNBLOCK, &[REAL_TIME]);
                String::new()
            },
            |stage| {
                stage.kill(REAL_TIME);
                String::new()
            },
        ],
        outcome: |stage| {
            let has_ended = stage.leader().process().is_group_exiting();
            format!("{has_ended} {}", stage.settle())
        },
    }
    .explore();
}

/// A process executes while the signal of a timer is sent to it, and one to its thread: the first is gone, or waits, and the second is known to be a thread's. Fails with `late-look-of-exec`.
pub fn exec_against_send<E: Explorer>() {
    Race::<E> {
        scene: two_blocking,
        bodies: &[
            |stage| {
                let leader = stage.leader();
                stage.call("exec()", || leader.exec()).unwrap();
                stage.call("exec() of the layer", || signals_of(leader).exec());
                String::new()
            },
            |stage| {
                stage.tkill(stage.leader(), USR1);
                stage.queue(REAL_TIME, TIMER, 7)
            },
        ],
        outcome: taken_in_order,
    }
    .explore();
}

/// A thread executes while its process is sent a signal that it handles: it waits, and the handler is gone.
pub fn exec_of_the_second_thread_against_send<E: Explorer>() {
    Race::<E> {
        scene: two_handling,
        bodies: &[
            |stage| {
                let second = stage.second();
                stage
                    .call("exec() and that of the layer", || {
                        second.exec().map(|()| signals_of(second).exec())
                    })
                    .unwrap();
                stage.change_mask(second, SIG_BLOCK, &[USR1]);
                String::new()
            },
            sends_usr1,
        ],
        outcome: |stage| {
            let second = stage.second();
            format!("{} {:?}", stage.come_back(second), signals_of(second).pending())
        },
    }
    .explore();
}

/// Two processes with the same actions, of which one executes and the other one sets a handler: that one keeps it, the first has none.
pub fn exec_against_sigaction_of_a_sharer<E: Explorer>() {
    Race::<E> {
        scene: sharing,
        bodies: &[
            |stage| {
                let other = stage.second();
                stage
                    .call("exec() and that of the layer", || {
                        other.exec().map(|()| signals_of(other).exec())
                    })
                    .unwrap();
                stage.act(other, 15, Handler::Ignore);
                String::new()
            },
            |stage| {
                stage.act(stage.leader(), 12, handler());
                String::new()
            },
        ],
        outcome: actions,
    }
    .explore();
}

/// Two processes with the same actions execute at once: neither has handlers, and what each has reserved for its next one is reserved once. Fails with `kept-reserve`.
pub fn exec_against_exec_of_a_sharer<E: Explorer>() {
    fn execs<E: Explorer>(stage: &Stage<E>, thread: &Thread<E>) -> String {
        stage.call("exec()", || thread.exec()).unwrap();
        stage.call("exec() of the layer", || signals_of(thread).exec());
        String::new()
    }
    Race::<E> {
        scene: sharing,
        bodies: &[|stage| execs(stage, stage.leader()), |stage| execs(stage, stage.second())],
        outcome: |stage| {
            act(stage.second(), 12, handler());
            actions(stage)
        },
    }
    .explore();
}

/// A process that has forked sets a handler while its child, to which its actions are lent, does so too: each has what it has set, and what was set before, though there are no more actions than processes.
pub fn sigaction_against_sigaction_of_a_borrower<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            act(init, USR1, handler());
            let mut threads = handling(init);
            act(&threads[0], 1, handler());
            threads.push(fork(&threads[0], CloneFlags::empty()));
            threads
        },
        bodies: &[
            |stage| {
                stage.act(stage.leader(), 12, handler());
                String::new()
            },
            |stage| {
                stage.act(stage.second(), 15, handler());
                String::new()
            },
        ],
        outcome: actions,
    }
    .explore();
}

/// Two processes that share their actions.
fn sharing<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let mut threads = handling(init);
    threads.push(fork(&threads[0], CloneFlags::VM | CloneFlags::SIGHAND));
    threads
}

fn actions<E: Explorer>(stage: &Stage<E>) -> String {
    let all = stage.threads.iter().map(|thread| signals_of(thread).ignored_and_caught());
    format!("{:?}", all.collect::<Vec<_>>())
}

/// A thread forks while another one sets a handler: the child has all that is set, from then on too if it shares. Fails with `torn-birth`.
pub fn fork_against_sigaction<E: Explorer>() {
    fork_with_against_sigaction::<E>(|stage| {
        let child = stage.call("fork()", || fork(stage.leader(), CloneFlags::empty()));
        let actions =
            stage.call("ignored_and_caught()", || signals_of(&child).ignored_and_caught());
        let exited = ExitStatus::exited(0);
        stage.call("exit_thread()", || signals_of(&child).exit_thread(exited));
        format!("{actions:?}")
    });
}

/// The same with `CLONE_SIGHAND`, by a process that has set nothing before.
pub fn fork_with_sighand_against_sigaction<E: Explorer>() {
    fork_with_against_sigaction::<E>(|stage| {
        let flags = CloneFlags::VM | CloneFlags::SIGHAND;
        let child = stage.call("clone()", || fork(stage.leader(), flags));
        stage.act(&child, 15, handler());
        String::new()
    });
}

fn fork_with_against_sigaction<E: Explorer>(forks: super::Body<E>) {
    let sets = |stage: &Stage<E>| {
        stage.act(stage.second(), USR1, handler());
        stage.act(stage.second(), 12, handler());
        String::new()
    };
    Race::<E> {
        scene: |init| {
            let leader = fork(init, CloneFlags::empty());
            let second = spawn(&leader);
            vec![leader, second]
        },
        bodies: vec![forks, sets].leak(),
        outcome: actions,
    }
    .explore();
}

/// The thread exits that is told of a signal right then: another one takes it. Fails with `left-to-nobody`.
pub fn exit_against_send<E: Explorer>() {
    Race::<E> {
        scene: two_handling,
        bodies: &[
            |stage| {
                let exited = ExitStatus::exited(0);
                let signals = signals_of(stage.leader());
                stage.call("exit_thread()", || signals.exit_thread(exited));
                String::new()
            },
            |stage| {
                stage.sleep(stage.second());
                stage.come_back(stage.second())
            },
            sends_usr1,
        ],
        outcome: |_| String::new(),
    }
    .explore();
}

/// Two of three threads exit at once, to whom a signal was left: the third one takes it.
pub fn exit_against_exit<E: Explorer>() {
    fn exits<E: Explorer>(stage: &Stage<E>, thread: &Thread<E>) -> String {
        let exited = ExitStatus::exited(0);
        stage.call("exit_thread()", || signals_of(thread).exit_thread(exited));
        String::new()
    }
    Race::<E> {
        scene: |init| {
            let mut threads = two_handling(init);
            threads.push(spawn(&threads[0]));
            init.kill(2, USR1.into()).unwrap();
            threads
        },
        bodies: &[|stage| exits(stage, stage.leader()), |stage| exits(stage, stage.second())],
        outcome: |stage| stage.come_back(&stage.threads[2]),
    }
    .explore();
}

/// A thread waits in sigsuspend(2) for what is sent right then: its handler runs, and behind it the mask is the old one. Fails with `set-behind-the-lock`.
pub fn sigsuspend_against_send<E: Explorer>() {
    Race::<E> {
        scene: blocking,
        bodies: &[
            |stage| {
                let leader = stage.leader();
                let suspend = || signals_of(leader).rt_sigsuspend(8, || Ok(set(&[])));
                stage.call("rt_sigsuspend()", suspend).unwrap();
                stage.sleep(leader);
                let back = stage.come_back(leader);
                format!("{back} {:?}", signals_of(leader).blocked())
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

/// A thread in sigsuspend(2) is sent two signals, of which its mask opens one. Fails with `set-behind-the-lock`.
pub fn sigsuspend_against_two_sends<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let threads = blocking(init);
            act(&threads[0], REAL_TIME, handler());
            threads
        },
        bodies: &[
            |stage| {
                let leader = stage.leader();
                let suspend = || signals_of(leader).rt_sigsuspend(8, || Ok(set(&[USR1])));
                stage.call("rt_sigsuspend()", suspend).unwrap();
                stage.sleep(leader);
                stage.come_back(leader)
            },
            sends_usr1,
            |stage| stage.queue(REAL_TIME, QUEUED, 1),
        ],
        outcome: settled,
    }
    .explore();
}

/// Two senders and one place left: one has it, the other is refused.
pub fn two_senders_against_a_full_pool<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let threads = blocking(init);
            let info = axprocess::GivenInfo::new(REAL_TIME.into(), QUEUED);
            init.rt_sigqueueinfo(2, info).unwrap();
            threads
        },
        bodies: &[
            |stage| stage.queue(REAL_TIME, QUEUED, 1),
            |stage| stage.queue(REAL_TIME, QUEUED, 2),
        ],
        outcome: taken_in_order,
    }
    .explore();
}

/// A full pool, a sender and one who takes: the place is free before, or the sender is refused.
pub fn taking_against_a_send_to_a_full_pool<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let threads = blocking(init);
            for value in 0..2 {
                let signal = REAL_TIME.into();
                let info =
                    axprocess::GivenInfo { value, ..axprocess::GivenInfo::new(signal, QUEUED) };
                init.rt_sigqueueinfo(2, info).unwrap();
            }
            threads
        },
        bodies: &[
            |stage| {
                let reads = || signals_of(stage.leader()).read_signalfd(set(&[REAL_TIME]));
                said_or_nothing(stage.call("read_signalfd()", reads))
            },
            |stage| stage.queue(REAL_TIME, QUEUED, 2),
        ],
        outcome: taken_in_order,
    }
    .explore();
}

fn taken_in_order<E: Explorer>(stage: &Stage<E>) -> String {
    let signals = signals_of(stage.leader());
    let taken = std::iter::from_fn(|| signals.read_signalfd(set(&[USR1, REAL_TIME])));
    taken.map(|info| said(&info)).collect::<Vec<_>>().join(", ")
}

/// Two threads take what waits for their process: each signal goes to one. Fails with `look-and-take`.
pub fn taking_against_taking<E: Explorer>() {
    fn reads<E: Explorer>(stage: &Stage<E>, thread: &Thread<E>) -> String {
        let signals = signals_of(thread);
        let both = || signals.read_signalfd(set(&[USR1, REAL_TIME]));
        said_or_nothing(stage.call("read_signalfd()", both))
    }
    Race::<E> {
        scene: |init| {
            let threads = two_blocking(init);
            init.kill(2, REAL_TIME.into()).unwrap();
            threads
        },
        bodies: &[|stage| reads(stage, stage.leader()), |stage| reads(stage, stage.second())],
        outcome: settled,
    }
    .explore();
}

/// A thread goes to sleep until it is wanted, as in pause(2), while it is sent a signal. Fails with `early-kick`.
pub fn sleep_against_a_kick<E: Explorer>() {
    Race::<E> {
        scene: handling,
        bodies: &[
            |stage| {
                stage.sleep(stage.leader());
                stage.come_back(stage.leader())
            },
            sends_usr1,
        ],
        outcome: settled,
    }
    .explore();
}

const CHLD: u8 = 17;

/// A parent that handles `SIGCHLD`, and blocks it; and its child.
fn blocking_sigchld<E: Explorer>(init: &Thread<E>) -> Vec<Thread<E>> {
    let parent = fork(init, CloneFlags::empty());
    let child = fork(&parent, CloneFlags::empty());
    act(&parent, CHLD, handler());
    change_mask(&parent, SIG_BLOCK, &[CHLD]);
    vec![parent, child]
}

/// A child stops while its parent sets `SIGCHLD` to be ignored, which it blocks: it is not pending behind. Fails with `sigchld-asked-before`.
pub fn stop_of_a_child_against_sigaction<E: Explorer>() {
    Race::<E> {
        scene: blocking_sigchld,
        bodies: &[
            |stage| {
                stage.act(stage.leader(), CHLD, Handler::Ignore);
                String::new()
            },
            |stage| {
                let parent = signals_of(stage.leader());
                let sigchld = axprocess::Signal::SIGCHLD;
                let action = stage.call("action()", || parent.action(sigchld));
                stage.call("a stop", || {
                    let ticket = stage.second().process().stop_ticket();
                    stage.second().begin_stop(axprocess::Signal::SIGSTOP, ticket);
                    stage.second().join_stop();
                });
                format!("{:?}", action.handler)
            },
        ],
        outcome: |stage| format!("{:?}", signals_of(stage.leader()).pending()),
    }
    .explore();
}

fn the_child_ends<E: Explorer>(stage: &Stage<E>) -> String {
    let child = signals_of(stage.second());
    stage.call("exit_thread()", || child.exit_thread(ExitStatus::exited(0)));
    String::new()
}

/// Whether it leaves a zombie, and what its parent is left of signals.
fn what_the_child_leaves<E: Explorer>(stage: &Stage<E>) -> String {
    let is_zombie = stage.second().process().state() == ProcessState::Zombie;
    format!("{is_zombie} {:?}", signals_of(stage.leader()).pending())
}

/// A child ends while its parent changes what becomes of it: it leaves a zombie and `SIGCHLD`, or neither. Fails with `sigchld-asked-before`.
pub fn end_of_a_child_against_sigaction<E: Explorer>() {
    Race::<E> {
        scene: blocking_sigchld,
        bodies: &[
            |stage| {
                let parent = signals_of(stage.leader());
                let flags = ActionFlags::NOCLDWAIT;
                let action = Action { handler: Handler::Ignore, flags, ..Action::default() };
                let set = || parent.rt_sigaction(CHLD.into(), 8, || Ok(Some(action)));
                stage.call("rt_sigaction()", set).unwrap();
                String::new()
            },
            the_child_ends,
        ],
        outcome: what_the_child_leaves,
    }
    .explore();
}

/// The same, where who ignores `SIGCHLD` is another process that shares the parent's actions. Fails with `sharer-amid-a-decision`.
pub fn end_of_a_child_against_sigaction_of_a_sharer<E: Explorer>() {
    Race::<E> {
        scene: |init| {
            let mut threads = blocking_sigchld(init);
            threads.push(fork(&threads[0], CloneFlags::VM | CloneFlags::SIGHAND));
            threads
        },
        bodies: &[
            |stage| {
                stage.act(&stage.threads[2], CHLD, Handler::Ignore);
                String::new()
            },
            the_child_ends,
        ],
        outcome: what_the_child_leaves,
    }
    .explore();
}

/// Calls a macro with the names of all races of the layer.
#[macro_export]
macro_rules! all_races_of_signals {
    ($macro:ident) => {
        $macro! {
            mask_change_against_send
            blocking_against_send
            blocking_against_blocking
            sigtimedwait_against_send
            timeout_of_sigtimedwait_against_send
            two_sigtimedwaits_against_send
            future_against_send
            ignoring_against_send
            ignoring_against_send_to_a_thread
            ignoring_against_a_fatal_send
            handling_and_unblocking_against_send
            exec_against_send
            exec_of_the_second_thread_against_send
            exec_against_sigaction_of_a_sharer
            exec_against_exec_of_a_sharer
            sigaction_against_sigaction_of_a_borrower
            fork_against_sigaction
            fork_with_sighand_against_sigaction
            exit_against_send
            exit_against_exit
            sigsuspend_against_send
            sigsuspend_against_two_sends
            two_senders_against_a_full_pool
            taking_against_a_send_to_a_full_pool
            taking_against_taking
            sleep_against_a_kick
            stop_of_a_child_against_sigaction
            end_of_a_child_against_sigaction
            end_of_a_child_against_sigaction_of_a_sharer
        }
    };
}
