// The smallest kernel on the layer, with its first process: nobody sleeps, so that a kick does nothing.

use std::sync::Mutex;

use axprocess::{ARef, ProcessTable, Relations, Signal, View};
use axprocess_signals::{Kernel, ProcessSignals, Signals, ThreadSignals};

pub use axprocess_signals::signals_of;

pub type Thread = axprocess_signals::Thread<MyKernel>;
pub type Process = axprocess_signals::Process<MyKernel>;
pub type Table = ProcessTable<Signals<MyKernel>>;

pub struct MyKernel;

impl Kernel for MyKernel {
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
}

pub fn boot() -> (Table, ARef<Thread>) {
    let table = Table::new(Signals::new(MyKernel));
    let process = ProcessSignals::new(table.host(), ()).expect("there is memory");
    let init = table.new_init(1, process, ThreadSignals::new(())).expect("there is memory");
    (table, init)
}
