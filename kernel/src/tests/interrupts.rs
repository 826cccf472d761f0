//! Calls from the interrupt of the timer, while tasks on all processors make others on the same table.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;

use axprocess::{ARef, ExitStatus, KernelCause, Signal, WaitOutcome, WaitRequest};
use axprocess_signals::signals_of;

use super::host::{Table, Thread, boot, fork};
use super::{Outcome, say};
use crate::machine::{IrqLock, monotonic, processors, random};
use crate::sched::{self, NewTask};
use crate::wait::{self, Key};

const TIME: Duration = Duration::from_secs(5);

/// Who the interrupt asks, signals and waits for.
struct Scene {
    table: &'static Table,
    init: ARef<Thread>,
    /// A process that lives all the time.
    target: ARef<Thread>,
    /// The child that one of the tasks has made last.
    latest: IrqLock<Option<ARef<Thread>>>,
    births: AtomicU64,
    reaped: AtomicU64,
    is_over: AtomicBool,
}

static SCENE: IrqLock<Option<Arc<Scene>>> = IrqLock::new(None);
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);
static WORKERS: AtomicUsize = AtomicUsize::new(0);

pub(super) fn run() -> Outcome {
    let (table, init) = boot().map_err(|_| "no table")?;
    let target = fork(&init).map_err(|_| "no target")?;
    let scene = Arc::new(Scene {
        table,
        init,
        target,
        latest: IrqLock::new(None),
        births: AtomicU64::new(1),
        reaped: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    *SCENE.lock() = Some(scene.clone());
    sched::on_tick(|| {
        if let Some(scene) = &*SCENE.lock() {
            in_interrupt(scene);
        }
    });
    for _ in 0..2 * processors() {
        let scene = scene.clone();
        let task = NewTask::new(None).map_err(|_| "no task")?;
        WORKERS.fetch_add(1, Ordering::Relaxed);
        task.start(move || {
            work(&scene);
            WORKERS.fetch_sub(1, Ordering::Release);
            wait::wake_all(Key::of(&WORKERS));
        });
    }
    sched::block(sched::WAITS, Some(monotonic() + TIME));
    scene.is_over.store(true, Ordering::Relaxed);
    wait::until(Key::of(&WORKERS), || (WORKERS.load(Ordering::Acquire) == 0).then_some(()));
    *SCENE.lock() = None;
    signals_of(&scene.target).exit_thread(ExitStatus::exited(0));
    reap_all(&scene);
    let [births, reaped, interrupts] =
        [&scene.births, &scene.reaped, &INTERRUPTS].map(|it| it.load(Ordering::Relaxed));
    say!("interrupts: {births} births, {reaped} reaped, {interrupts} interrupts with calls");
    if interrupts == 0 {
        return Err("no interrupt came");
    }
    if births == reaped { Ok(()) } else { Err("births and reaps differ") }
}

/// What a timer or a device brings about, and what a profiler asks.
fn in_interrupt(scene: &Scene) {
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    let (init, target) = (&scene.init, &scene.target);
    let _hints = (target.process().pgid(), target.process().getsid(0), target.process().state());
    target.process().send_signal(Signal::SIGALRM, KernelCause::Kernel);
    target.send_signal(Signal::SIGUSR1, KernelCause::OnBehalfOf(init.process()));
    scene.table.read(|view| view.is_leader(target));
    let latest = scene.latest.lock().clone();
    if let Some(latest) = latest {
        latest.process().send_signal(Signal::SIGKILL, KernelCause::Kernel);
        // It may have gone.
        init.kill(latest.process().pid() as i32, 0).ok();
    }
    reap_all(scene);
}

/// Makes children, signals them, ends them and waits for them.
fn work(scene: &Scene) {
    while !scene.is_over.load(Ordering::Relaxed) {
        let parent = if random().is_multiple_of(4) { &scene.target } else { &scene.init };
        // The target may have been told to end: then it makes nobody.
        let Ok(child) = fork(parent) else { continue };
        scene.births.fetch_add(1, Ordering::Relaxed);
        *scene.latest.lock() = Some(child.clone());
        let pid = child.process().pid() as i32;
        for signal in [Signal::SIGSTOP, Signal::SIGCONT, Signal::SIGTERM] {
            if random().is_multiple_of(2) {
                // It may have been killed and reaped by an interrupt's order.
                scene.init.kill(pid, signal.number() as i32).ok();
            }
        }
        child.process().setpgid(0, 0).ok();
        signals_of(&child).exit_thread(ExitStatus::exited(3));
        reap_all(scene);
    }
    *scene.latest.lock() = None;
}

/// Waits, without sleeping, for all who have ended, as both who have children.
fn reap_all(scene: &Scene) {
    let Ok(any) = WaitRequest::wait4(-1, 1) else { return };
    for parent in [&scene.init, &scene.target] {
        while let Ok(WaitOutcome::Event(_)) = parent.wait(&any) {
            scene.reaped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
