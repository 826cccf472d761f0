//! The model and its signals without users: processes that only tests move.

use alloc::boxed::Box;

use axprocess::{ARef, CloneFlags, Errno, ForkRequest, ProcessTable, Relations, Signal, View};
use axprocess_signals::{Kernel, ProcessSignals, Signals, ThreadSignals, signals_of};

use crate::machine::IrqLock;

pub(super) struct Bare;

pub(super) type Table = ProcessTable<Signals<Bare>>;
pub(super) type Thread = axprocess_signals::Thread<Bare>;
type Process = axprocess_signals::Process<Bare>;

impl Kernel for Bare {
    type RelationLock = IrqLock<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = IrqLock<T>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    /// Nobody sleeps.
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
}

/// Makes a table that lives for ever, with its init.
pub(super) fn boot() -> Result<(&'static Table, ARef<Thread>), Errno> {
    let table = Box::try_new(Table::new(Signals::new(Bare))).map_err(|_| Errno::ENOMEM)?;
    let table: &Table = Box::leak(table);
    let process = ProcessSignals::new(table.host(), ())?;
    let init = table.new_init(1, process, ThreadSignals::new(()))?;
    Ok((table, init))
}

pub(super) fn fork(parent: &Thread) -> Result<ARef<Thread>, Errno> {
    let (process, thread) = signals_of(parent).fork(CloneFlags::empty(), (), ())?;
    parent.fork(ForkRequest::default(), process, thread)
}
