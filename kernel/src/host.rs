//! The host: all that the model and the layer of signals ask of this kernel, and what it hangs on their objects.
//!
//! | it has | from here |
//! | --- | --- |
//! | locks | [`IrqLock`], for the relations and for each process's signals |
//! | who sleeps and who runs | [`kick`](axprocess_signals::Kernel::kick): ends a sleep, or has a thread come in from user space |
//! | who waits for handles | `wake_pollers`, …: who sleeps [there](crate::wait) |
//! | rights | all: there is one user |

use alloc::sync::Arc;
use core::num::NonZeroUsize;
use core::sync::atomic::Ordering::Relaxed;

use axprocess::{
    ChildNews, PidNamespace as Namespace, ProcessTable, Relations, ResourceUsage, Signal, View,
};
use axprocess_signals::Signals;

use crate::machine::IrqLock;
use crate::sched;
use crate::state::{Sleeps, ThreadState};
use crate::tty::Line;
use crate::wait::{self, Key};

/// The kernel, as a type.
pub(crate) struct System;

/// The host of the model.
pub(crate) type Layer = Signals<System>;
pub(crate) type Table = ProcessTable<Layer>;
pub(crate) type Process = axprocess_signals::Process<System>;
pub(crate) type Thread = axprocess_signals::Thread<System>;
pub(crate) type Terminal = axprocess_signals::Terminal<System>;
pub(crate) type PidNamespace = Namespace<Layer>;
pub(crate) type PidHandle = axprocess::PidHandle<Layer>;

/// Lets the calling thread sleep as long as the condition holds: it looks at it now, and behind each kick.
pub(crate) fn sleep_while(thread: &Thread, mut condition: impl FnMut() -> bool) {
    while condition() {
        thread.process().host_data().fetch_add(1, Relaxed);
        sched::block(sched::SLEEPS, None);
    }
}

/// How often somebody was off a processor.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) sleeps: u64,
}

impl ResourceUsage for Usage {
    fn add(&mut self, other: Self) {
        self.sleeps += other.sleeps;
    }
}

impl axprocess_signals::Kernel for System {
    type RelationLock = IrqLock<Relations<Layer>>;
    type SignalLock<T: Send + 'static> = IrqLock<T>;
    type ProcessData = Sleeps;
    type ThreadData = ThreadState;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = Line;
    type Usage = Usage;

    fn kick(&self, thread: &Thread) {
        thread.host_data().task.kick();
    }

    fn context(&self) -> Option<NonZeroUsize> {
        // The task, not its processor: that may be another one before the lock is asked for.
        NonZeroUsize::new(Arc::as_ptr(&sched::current()).addr())
    }

    fn is_running(&self, thread: &Thread) -> bool {
        thread.host_data().task.is_running()
    }

    fn may_signal(&self, _: View<'_, Layer>, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        true
    }

    fn may_trace(&self, _: View<'_, Layer>, _: &Thread, _: &Thread) -> bool {
        true
    }

    fn may_choose_number(&self, _: View<'_, Layer>, _: &Thread, _: &PidNamespace) -> bool {
        true
    }

    fn wake_waiters(&self, view: View<'_, Layer>, parent: &Process, news: &ChildNews) {
        let mut cursor = axprocess::Cursor::new();
        while !cursor.is_done() {
            for thread in view.threads(parent, &mut cursor) {
                let state: &ThreadState = thread.host_data();
                // Who is in no wait may wait for a tracee.
                if state.wait.lock().is_none_or(|token| token.is_woken_by(news)) {
                    state.task.kick();
                }
            }
        }
    }

    fn wake_pollers(&self, _: View<'_, Layer>, process: &Process) {
        wait::wake_all(Key::of(process));
    }

    fn wake_thread_pollers(&self, _: View<'_, Layer>, thread: &Thread) {
        wait::wake_all(Key::of(thread));
    }

    fn wake_signalfd(&self, process: &Process) {
        wait::wake_all(Key::of(process));
    }

    fn hang_up_terminal(&self, _: View<'_, Layer>, terminal: &Terminal) {
        terminal.host_data().kill_files();
    }

    fn usage(&self, _: View<'_, Layer>, process: &Process) -> Usage {
        Usage { sleeps: process.host_data().load(Relaxed) }
    }
}
