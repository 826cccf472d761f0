//! From every object to the host, and the kernel's data on namespaces and terminals: where it is, how long it lives, and that it goes without the lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, ExitStatus, ForkNamespace, ForkRequest, Host, Identity, Number, PidNamespace, Process,
    ProcessGroup, ProcessTable, Relations, Session, Terminal, TerminalFile, TerminalKind, Thread,
    WaitRequest,
};

/// A kernel that counts what is there of its own.
#[derive(Default)]
struct Kernel {
    /// Counted as long as the host is there.
    alive: Arc<()>,
}

static NAMESPACES: AtomicUsize = AtomicUsize::new(0);
static TERMINALS: AtomicUsize = AtomicUsize::new(0);

/// One test at a time counts.
static ONE_TEST: Mutex<()> = Mutex::new(());

/// Counted while it is there; dropped, it calls the crate: under the lock that would be a dead-lock.
struct Data {
    count: &'static AtomicUsize,
    asks: Mutex<Option<ARef<Thread<Kernel>>>>,
}

impl Data {
    fn new(count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self { count, asks: Mutex::default() }
    }

    fn ask(&self, thread: &ARef<Thread<Kernel>>) {
        *self.asks.lock().unwrap() = Some(thread.clone());
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Some(thread) = self.asks.lock().unwrap().take() {
            assert!(thread.process().is_table_init());
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nothing else has a default one.
impl Default for Data {
    fn default() -> Self {
        Self::new(&NAMESPACES)
    }
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = Data;
    type TerminalData = Data;
    type Usage = ();
}

fn boot() -> (ProcessTable<Kernel>, ARef<Thread<Kernel>>) {
    let table = ProcessTable::new(Kernel::default());
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread<Kernel>, namespace: ForkNamespace) -> ARef<Thread<Kernel>> {
    parent.fork(ForkRequest { namespace, ..ForkRequest::default() }, (), ()).unwrap()
}

fn counts() -> (usize, usize) {
    (NAMESPACES.load(Ordering::Relaxed), TERMINALS.load(Ordering::Relaxed))
}

/// What leads to the host.
trait HasHost {
    fn its_host(&self) -> &Kernel;
}

macro_rules! has_host {
    ($($type:ident)+) => {$(
        impl HasHost for ARef<$type<Kernel>> {
            fn its_host(&self) -> &Kernel {
                self.host()
            }
        }
    )+};
}

has_host!(Thread Process ProcessGroup Session PidNamespace Terminal Identity);

/// One of each kind, and both kinds of namespaces and threads.
fn one_of_each(table: &ProcessTable<Kernel>, init: &Thread<Kernel>) -> [Box<dyn HasHost>; 9] {
    let thread = fork(init, ForkNamespace::New);
    let process = ARef::clone(thread.process());
    process.setsid().unwrap();
    let terminal =
        table.new_terminal(TerminalKind::PseudoTerminal, 1, Data::new(&TERMINALS)).unwrap();
    process.open_terminal(&terminal, TerminalFile::Readable);
    [
        Box::new(process.group().session()),
        Box::new(process.group()),
        Box::new(process.namespace()),
        Box::new(ARef::from(table.namespace())),
        Box::new(process.identity().unwrap()),
        Box::new(thread.spawn_thread(Number::Next, ()).unwrap()),
        Box::new(terminal),
        Box::new(process),
        Box::new(thread),
    ]
}

#[test]
fn from_every_object_there_is_a_way_to_the_host() {
    // Issue, "a way from any object": and from a view.
    let _one = ONE_TEST.lock();
    let (table, init) = boot();
    for object in one_of_each(&table, &init) {
        assert!(std::ptr::eq(object.its_host(), table.host()));
    }
    assert!(table.read(|view| std::ptr::eq(view.host(), table.host())));
}

#[test]
fn an_object_keeps_the_host_beyond_the_table() {
    // Issue, "a way from any object": whichever of them is the last that is kept; then the host goes with it.
    let _one = ONE_TEST.lock();
    for kept in 0..9 {
        let (table, init) = boot();
        let alive = Arc::downgrade(&table.host().alive);
        let mut all: Vec<_> = one_of_each(&table, &init).into();
        drop((table, init));
        let last = all.swap_remove(kept);
        drop(all);
        assert!(std::ptr::eq(Arc::as_ptr(&last.its_host().alive), alive.as_ptr()), "{kept}");
        assert_eq!(alive.strong_count(), 1, "{kept}");
        drop(last);
        assert_eq!((alive.strong_count(), counts()), (0, (0, 0)), "{kept}");
    }
}

#[test]
fn a_namespace_has_its_own_data_as_long_as_it_is_held() {
    // Issue, "a place for the kernel's data": one for each namespace, the table's own included, made before the first process is there, and dropped without the lock.
    let _one = ONE_TEST.lock();
    let (table, init) = boot();
    assert_eq!(counts(), (1, 0));
    let inner = fork(&init, ForkNamespace::New);
    assert_eq!(counts(), (2, 0));
    let pid_ns = inner.process().namespace();
    assert!(!std::ptr::eq(pid_ns.host_data(), table.namespace().host_data()));
    let second = fork(&inner, ForkNamespace::Inherited);
    assert!(
        ARef::ptr_eq(&second.process().namespace(), &pid_ns),
        "it is one object, with one data"
    );
    pid_ns.host_data().ask(&init);
    drop(pid_ns);
    second.exit_thread(ExitStatus::exited(0));
    inner.exit_thread(ExitStatus::exited(0));
    drop((second, inner));
    assert_eq!(counts(), (2, 0), "of a zombie");
    init.wait(&WaitRequest::wait4(-1, 0).unwrap()).unwrap();
    assert_eq!(counts(), (1, 0), "with the last process, and without the lock");
    init.unshare_pid().unwrap();
    assert_eq!(counts(), (2, 0), "where nobody lives yet");
    drop((table, init));
    assert_eq!(counts(), (0, 0));
}

#[test]
fn a_terminal_has_the_data_that_it_was_given() {
    // Issue, "a place for the kernel's data": given when it is made; also from a process that finds it; dropped with it, and without the lock.
    let _one = ONE_TEST.lock();
    let (table, init) = boot();
    let data = Data::new(&TERMINALS);
    data.ask(&init);
    let terminal = table.new_terminal(TerminalKind::Other, 1, data).unwrap();
    let shell = fork(&init, ForkNamespace::Inherited);
    shell.process().setsid().unwrap();
    shell.process().open_terminal(&terminal, TerminalFile::Readable);
    let found = shell.process().controlling_terminal().unwrap();
    assert!(std::ptr::eq(found.host_data(), terminal.host_data()));
    drop(terminal);
    assert_eq!(counts().1, 1);
    drop(found);
    assert_eq!(counts().1, 0);
    assert!(shell.process().controlling_terminal().is_none());
}
