// The smallest kernel on the layer, for examples of the documentation and for tests: whoever is kicked looks by himself.

pub use axprocess_signals::signals_of;

pub struct MyKernel;
pub type Thread = axprocess_signals::Thread<MyKernel>;
pub type Process = axprocess_signals::Process<MyKernel>;
pub type Table = axprocess::ProcessTable<axprocess_signals::Signals<MyKernel>>;

impl axprocess_signals::Kernel for MyKernel {
    type RelationLock = std::sync::Mutex<axprocess::Relations<axprocess_signals::Signals<Self>>>;
    type SignalLock<T: Send + 'static> = std::sync::Mutex<T>;
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
        _: axprocess::View<'_, axprocess_signals::Signals<Self>>,
        _: &Process,
        _: &Process,
        _: Option<axprocess::Signal>,
    ) -> bool {
        true
    }
}

/// A table with its first process.
pub fn boot() -> (Table, axprocess::ARef<Thread>) {
    let table = Table::new(axprocess_signals::Signals::new(MyKernel));
    let process = axprocess_signals::ProcessSignals::new(table.host(), ());
    let thread = axprocess_signals::ThreadSignals::new(());
    let init = table.new_init(1, process.expect("there is memory"), thread);
    (table, init.expect("there is memory"))
}
