//! What safe code once broke, and all of its kind: it runs clean, or panics before a relation is read, or ends the program. Also run under the address
//! sanitizer.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use axprocess::{
    ARef, AcquireTerminal, ChildNews, CttyChange, Cursor, DiscardedSignals, Errno, ExitStatus,
    ForcedAction, ForkRequest, Host, KernelCause, Lock, Number, PidNamespace, ProcessState,
    ProcessTable, Relations, Signal, SignalAction, SignalInfo, TerminalFile, TerminalKind,
    ThreadExit, TraceOptions, TraceStart, View, WaitFuture, WaitOutcome, WaitRequest,
};

type Table = ProcessTable<Kernel>;
type Process = axprocess::Process<Kernel>;
type Thread = axprocess::Thread<Kernel>;
type Terminal = axprocess::Terminal<Kernel>;
type Step = Box<dyn FnMut() -> bool>;
/// The name of a hook, and what it does once.
type Act = (&'static str, Box<dyn FnOnce()>);
/// A table, its init, and a child of that.
type Booted = (Table, ARef<Thread>, ARef<Thread>);

const WEXITED: i32 = 4;
const WNOWAIT: i32 = 0x0100_0000;
const WALL: i32 = 0x4000_0000;

thread_local! {
    /// What is done just before each acquisition of the lock, as another processor could; true when it is done for good.
    static STEP: RefCell<Option<Step>> = const { RefCell::new(None) };
    /// The hook that panics.
    static PANICS: RefCell<Option<&'static str>> = const { RefCell::new(None) };
    /// What the hook of that name does.
    static HOOK: RefCell<Option<Act>> = const { RefCell::new(None) };
}

/// Relations that a lock gives out by value, and that come back to where they were: whoever holds the pool can exchange them.
#[derive(Default)]
struct Pool(Mutex<Vec<Option<Relations<Kernel>>>>);

impl Pool {
    fn all(&self) -> MutexGuard<'_, Vec<Option<Relations<Kernel>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock in safe code that gives out whichever relations stand first in its pool, or those at a place.
struct Shifting {
    pool: Arc<Pool>,
    place: AtomicUsize,
}

/// The first that nobody has.
const ANY: usize = usize::MAX;

impl Shifting {
    fn at(pool: &Arc<Pool>, place: usize) -> Self {
        Self { pool: Arc::clone(pool), place: AtomicUsize::new(place) }
    }
}

struct Given {
    relations: Option<Relations<Kernel>>,
    place: usize,
    pool: Arc<Pool>,
}

impl std::ops::Deref for Given {
    type Target = Relations<Kernel>;

    fn deref(&self) -> &Self::Target {
        self.relations.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for Given {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.relations.as_mut().unwrap()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.pool.all()[self.place] = self.relations.take();
    }
}

impl Lock<Relations<Kernel>> for Shifting {
    type Guard<'a> = Given;

    fn new(value: Relations<Kernel>) -> Self {
        let pool = Arc::<Pool>::default();
        pool.all().push(Some(value));
        Self::at(&pool, 0)
    }

    fn lock(&self) -> Given {
        if let Some(mut step) = STEP.take()
            && !step()
        {
            STEP.set(Some(step));
        }
        let mut all = self.pool.all();
        let place = match self.place.load(Ordering::Relaxed) {
            ANY => all.iter().position(Option::is_some).expect("a dead-lock"),
            place => place,
        };
        let relations = Some(all[place].take().expect("a dead-lock"));
        drop(all);
        Given { relations, place, pool: Arc::clone(&self.pool) }
    }
}

struct Kernel;

impl Kernel {
    fn run(name: &str) {
        if PANICS.with_borrow(|panics| panics.is_some_and(|panics| panics == name)) {
            panic!("{name} has panicked");
        }
        let due = HOOK.with_borrow_mut(|hook| hook.take_if(|(at, _)| *at == name));
        if let Some((_, act)) = due {
            act();
        }
    }
}

impl Host for Kernel {
    type Lock = Shifting;
    type ProcessData = ();
    type ThreadData = Data;
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn post_signal_addressed(
        &self,
        _: View<'_, Self>,
        _: &Process,
        _: &Thread,
        _: &SignalInfo,
        _: Option<&Process>,
    ) {
        Self::run("post_signal_addressed");
    }

    fn post_thread_signal(
        &self,
        _: View<'_, Self>,
        _: &Thread,
        _: &SignalInfo,
        _: Option<&Process>,
    ) {
        Self::run("post_thread_signal");
    }

    fn discard_signals(&self, _: View<'_, Self>, _: &Process, _: DiscardedSignals) {
        Self::run("discard_signals");
    }

    fn is_signal_blocked(&self, _: View<'_, Self>, _: &Thread, signal: Signal) -> bool {
        Self::run("is_signal_blocked");
        signal == Signal::SIGUSR2
    }

    fn signal_action(&self, _: View<'_, Self>, _: &Process, signal: Signal) -> SignalAction {
        match signal {
            Signal::SIGTERM | Signal::SIGUSR2 => SignalAction::Default,
            _ => SignalAction::Handle,
        }
    }

    fn can_queue_signal(
        &self,
        _: View<'_, Self>,
        _: &Process,
        _: &SignalInfo,
    ) -> Result<(), Errno> {
        Self::run("can_queue_signal");
        Ok(())
    }

    fn drops_sigchld(&self, _: View<'_, Self>, _: &Process) -> bool {
        Self::run("drops_sigchld");
        false
    }

    fn deciding_signal(&self, _: View<'_, Self>, _: &Process) {
        Self::run("deciding_signal");
    }

    fn signal_decided(&self, _: View<'_, Self>, _: &Process) {
        Self::run("signal_decided");
    }

    fn is_signal_awaited(&self, _: View<'_, Self>, _: &Thread, _: Signal) -> bool {
        Self::run("is_signal_awaited");
        false
    }

    fn is_taken_at_once(
        &self,
        _: View<'_, Self>,
        _: &Process,
        _: &Thread,
        _: Signal,
    ) -> Option<bool> {
        Self::run("is_taken_at_once");
        None
    }

    fn is_signal_queued(
        &self,
        _: View<'_, Self>,
        _: &Process,
        _: Option<&Thread>,
        _: Signal,
    ) -> bool {
        Self::run("is_signal_queued");
        false
    }

    fn may_signal(&self, _: View<'_, Self>, _: &Process, _: &Process, _: Option<Signal>) -> bool {
        Self::run("may_signal");
        true
    }

    fn may_choose_number(&self, _: View<'_, Self>, _: &Thread, _: &PidNamespace<Self>) -> bool {
        Self::run("may_choose_number");
        true
    }

    fn may_trace(&self, _: View<'_, Self>, _: &Thread, _: &Thread) -> bool {
        Self::run("may_trace");
        true
    }

    fn tracing_changed(&self, _: View<'_, Self>, _: &Thread) {
        Self::run("tracing_changed");
    }

    fn reset_signal_action(&self, _: View<'_, Self>, _: &Thread, _: Signal, _: ForcedAction) {
        Self::run("reset_signal_action");
    }

    fn request_stop(&self, _: View<'_, Self>, _: &Thread) {
        Self::run("request_stop");
    }

    fn end_vfork(&self, _: View<'_, Self>, _: &Thread) {
        Self::run("end_vfork");
    }

    fn last_thread_exited(&self, _: View<'_, Self>, _: &Process) {
        Self::run("last_thread_exited");
    }

    fn wake_waiters(&self, _: View<'_, Self>, _: &Process, _: &ChildNews) {
        Self::run("wake_waiters");
    }

    fn wake_thread_pollers(&self, _: View<'_, Self>, _: &Thread) {
        Self::run("wake_thread_pollers");
    }

    fn can_fork(&self, _: View<'_, Self>, _: Option<&Thread>, _: &Thread) -> Result<(), Errno> {
        Self::run("can_fork");
        Ok(())
    }

    fn release_task(&self, _: View<'_, Self>, _: &Thread) {
        Self::run("release_task");
    }

    fn hang_up_terminal(&self, _: View<'_, Self>, _: &Terminal) {
        Self::run("hang_up_terminal");
    }
}

/// A thread's data, which counts its own end and does something at it.
#[derive(Default)]
struct Data {
    ended: Arc<AtomicUsize>,
    at_end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Drop for Data {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if let Some(act) = self.at_end.take() {
            act();
        }
    }
}

fn boot() -> (Table, ARef<Thread>) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), Data::default()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), (), Data::default()).unwrap()
}

fn spawn(thread: &Thread) -> ARef<Thread> {
    thread.spawn_thread(Number::Next, Data::default()).unwrap()
}

fn exit(thread: &Thread) -> ThreadExit {
    thread.exit_thread(ExitStatus::exited(0))
}

fn any_child() -> WaitRequest {
    WaitRequest::wait4(-1, WALL | 1).unwrap()
}

fn reap_all(thread: &Thread) -> usize {
    std::iter::from_fn(|| {
        matches!(thread.wait(&any_child()), Ok(WaitOutcome::Event(_))).then_some(())
    })
    .count()
}

/// Does `step` before each acquisition of the lock by this thread until it says that it is done, and not within itself.
fn before_each_hold(step: impl FnMut() -> bool + 'static) {
    STEP.set(Some(Box::new(step)));
}

/// What a test that runs again in a program of its own does there.
const WORD: &str = "SOUNDNESS_WORD";

/// Runs the test of that name again in a program of its own with that word, which must end with what is said, whatever is caught.
fn ends_the_program(
    test: &str,
    words: &[&'static str],
    said: &str,
    act: impl FnOnce(&'static str),
) {
    if let Ok(word) = std::env::var(WORD) {
        let word = words.iter().find(|known| **known == word).unwrap();
        let caught = catch_unwind(AssertUnwindSafe(|| act(word)));
        println!("went on: {caught:?}");
        return;
    }
    for word in words {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(WORD, word);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_none(), "{word}: {errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("went on"), "{word}");
        assert!(errors.contains(said), "{word}: {errors}");
        assert!(!errors.contains("AddressSanitizer: heap"), "{word}: {errors}");
    }
}

#[test]
fn a_view_of_one_table_answers_for_no_other() {
    // Issue 13: an object of another table, which changes meanwhile, is refused before a relation is read.
    const WORDS: [&str; 16] = [
        "parent",
        "parent thread",
        "leader",
        "group",
        "session",
        "tracer",
        "namespace",
        "terminal",
        "orphaned",
        "pid",
        "stat",
        "run state",
        "threads",
        "children",
        "members",
        "find",
    ];
    let said = "a view is asked about an object of another table";
    ends_the_program("a_view_of_one_table_answers_for_no_other", &WORDS, said, |word| {
        let ((table, _init), (other, stranger)) = (boot(), boot());
        let process = stranger.process();
        let (group, own) = (process.group(), table.namespace());
        table.read(|view| match word {
            "parent" => view.parent(process).is_some(),
            "parent thread" => view.parent_thread(process).is_some(),
            "leader" => view.leader(process).is_some(),
            "group" => view.group(process).pgid() == 0,
            "session" => view.session(&group).sid() == 0,
            "tracer" => view.tracer(&stranger).is_some(),
            "namespace" => view.namespace(process).level() == 0,
            "terminal" => view.controlling_terminal(process).is_some(),
            "orphaned" => view.is_orphaned(&group),
            "pid" => view.pid(process, own) == 0,
            "stat" => view.stat(process, own).is_some(),
            "run state" => view.run_state(&stranger).is_some(),
            "threads" => view.threads(process, &mut Cursor::new()).count() == 0,
            "children" => view.children(&stranger, &mut Cursor::new()).count() == 0,
            "members" => view.members(&group, &mut Cursor::new()).count() == 0,
            _ => view.find_process(other.namespace(), 1).is_some(),
        });
    });
}

#[test]
fn a_cursor_of_one_list_walks_no_other() {
    // Issue 13: who pauses a walk may be another table's, which changes meanwhile: refused before anything of it is read; another list of the same table likewise.
    const WORDS: [&str; 6] =
        ["threads", "children", "members", "groups", "own threads", "own groups"];
    let said = "a cursor is for one list";
    ends_the_program("a_cursor_of_one_list_walks_no_other", &WORDS, said, |word| {
        let ((table, init), (other, stranger)) = (boot(), boot());
        let shell_of = |init: &ARef<Thread>| {
            let shell = fork(init);
            shell.process().setsid().unwrap();
            for _ in 0..3 {
                fork(&shell).process().setpgid(0, 0).unwrap();
                fork(&shell);
                shell.spawn_thread(Number::Next, Data::default()).unwrap();
            }
            shell
        };
        let (own, second, foreign) = (shell_of(&init), shell_of(&init), shell_of(&stranger));
        let (to, of) = if word.starts_with("own") { (&second, &table) } else { (&foreign, &other) };
        let group = |it: &ARef<Thread>| it.process().group();
        match word {
            "threads" | "own threads" => {
                let mut cursor = Cursor::new();
                table.read(|view| view.threads(own.process(), &mut cursor).take(2).count());
                of.read(|view| view.threads(to.process(), &mut cursor).count());
            }
            "children" => {
                let mut cursor = Cursor::new();
                table.read(|view| view.children(&own, &mut cursor).take(2).count());
                of.read(|view| view.children(to, &mut cursor).count());
            }
            "members" => {
                let mut cursor = Cursor::new();
                let (members, others) = (group(&own), group(to));
                table.read(|view| view.members(&members, &mut cursor).take(2).count());
                of.read(|view| view.members(&others, &mut cursor).count());
            }
            _ => {
                let mut cursor = Cursor::new();
                let (session, target) = (group(&own).session(), group(to).session());
                table.read(|view| view.process_groups(&session, &mut cursor).take(2).count());
                of.read(|view| view.process_groups(&target, &mut cursor).count());
            }
        }
    });
}

#[test]
fn a_living_thread_stays_when_all_references_go() {
    // Design, ownership: nobody has an object by value; what has been published stands where it is until it exits, whoever forgets it.
    let (table, init) = boot();
    let ended = Arc::new(AtomicUsize::new(0));
    let data = || Data { ended: Arc::clone(&ended), at_end: None };
    let child = init.fork(ForkRequest::default(), (), data()).unwrap();
    let process = child.process().clone();
    let second = child.spawn_thread(Number::Next, data()).unwrap();
    let boxed: Vec<Box<ARef<Thread>>> = vec![Box::new(child), Box::new(second)];
    std::thread::spawn(move || drop(boxed)).join().unwrap();
    assert_eq!(ended.load(Ordering::Relaxed), 0);
    let threads = process.threads().unwrap();
    assert_eq!((threads.len(), threads[0].kill(2, 15)), (2, Ok(())));
    threads.iter().rev().for_each(|thread| _ = exit(thread));
    drop((threads, process));
    assert_eq!((reap_all(&init), ended.load(Ordering::Relaxed)), (1, 2));
    assert!(table.find_process(2).is_none());
}

#[test]
fn a_terminal_outlives_its_session_and_a_session_its_terminal() {
    // Design, ownership: whichever goes first is unlinked from the other, by name and from both sides.
    for terminal_first in [false, true] {
        let (table, init) = boot();
        let shell = fork(&init);
        shell.process().setsid().unwrap();
        let session = shell.process().group().session();
        let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 1, ()).unwrap();
        let opened = shell.process().open_terminal(&terminal, TerminalFile::Readable);
        assert_eq!(opened, CttyChange::Acquired);
        if terminal_first {
            drop(terminal);
            assert!(shell.process().controlling_terminal().is_none());
            assert_eq!(exit(&shell), ThreadExit::Last);
        } else {
            assert_eq!(exit(&shell), ThreadExit::Last);
            assert_eq!(reap_all(&init), 1);
            drop((shell, session));
            assert!(terminal.session().is_none() && terminal.foreground_group().is_none());
            let next = fork(&init);
            next.process().setsid().unwrap();
            let how = AcquireTerminal {
                file: TerminalFile::Readable,
                if_taken: axprocess::IfTaken::Refuse,
                right: axprocess::AdminRight::Absent,
            };
            assert!(next.process().acquire_terminal(&terminal, how).is_ok());
            drop((table, init, next));
            assert!(terminal.session().is_none(), "the table has gone, and with it the session");
        }
    }
}

const FOREIGN: &str = "relations that are not that table's own";

/// What a panic says.
fn said_by(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn panics(act: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).expect_err("a panic");
    said_by(&*payload)
}

/// A pool with the relations of as many tables, and those tables, each with an init that has one child.
fn pooled<const N: usize>() -> (Arc<Pool>, [Booted; N]) {
    let pool = Arc::<Pool>::default();
    let tables = std::array::from_fn(|place| {
        pool.all().push(Some(Relations::new()));
        let table = ProcessTable::with_lock(Kernel, Shifting::at(&pool, place));
        let init = table.new_init(1, (), Data::default()).unwrap();
        let child = fork(&init);
        (table, init, child)
    });
    (pool, tables)
}

/// Calls of all kinds on what stands in a table. None changes it.
fn calls<'a>(of: &'a Booted) -> Vec<Box<dyn FnOnce() + 'a>> {
    let (table, init, child) = of;
    vec![
        Box::new(|| _ = table.find_process(1)),
        Box::new(|| _ = init.fork(ForkRequest::default(), (), Data::default())),
        Box::new(|| _ = init.prepare_fork(ForkRequest::default(), (), Data::default())),
        Box::new(|| _ = init.wait(&any_child())),
        Box::new(|| _ = exit(child)),
        Box::new(|| _ = child.process().setsid()),
        Box::new(|| _ = child.exec()),
        Box::new(|| _ = init.process().children()),
        Box::new(|| _ = init.kill(-1, 0)),
        Box::new(|| _ = init.attach(2, TraceStart::Seize, TraceOptions::empty())),
        Box::new(|| _ = child.process().handle()),
        Box::new(|| _ = table.namespace().contains(table.namespace())),
    ]
}

#[test]
fn exchanged_relations_are_refused_before_they_are_read() {
    // Design, against any safe host: a lock that gives out another table's relations, new ones, or those of a table that has gone. Each call panics, and with the right ones
    // again all is as it was.
    let (pool, tables) = pooled::<2>();
    let [first, second] = &tables;
    let gone = {
        let (old, tables) = pooled::<1>();
        drop(tables);
        old.all()[0].take().unwrap()
    };
    let own = std::mem::take(&mut *pool.all());
    let [mine, theirs] = <[_; 2]>::try_from(own).unwrap_or_else(|_| unreachable!());
    let arrangements = [
        ("swapped", theirs, mine, true),
        ("fresh", Some(Relations::new()), Some(Relations::new()), false),
        ("an old table's", Some(gone), None, false),
    ];
    let mut own = Vec::new();
    for (name, of_first, of_second, are_own) in arrangements {
        *pool.all() = vec![of_first, of_second];
        let mut refused = 0;
        for call in calls(first) {
            let caught = catch_unwind(AssertUnwindSafe(call));
            if let Err(payload) = caught {
                assert!(said_by(&*payload).contains(FOREIGN), "{name}");
                refused += 1;
            }
        }
        // A handle of what has exited or not, and the look at a namespace, take no lock.
        assert!(refused >= 10, "{name}: {refused}");
        if are_own {
            own = std::mem::take(&mut *pool.all());
            own.reverse();
        }
    }
    *pool.all() = own;
    for (table, init, child) in [first, second] {
        table.check_every(NonZeroU64::MIN);
        assert_eq!(
            (table.find_process(2).is_some(), init.process().children().unwrap().len()),
            (true, 1)
        );
        assert_eq!((exit(child), reap_all(init)), (ThreadExit::Last, 1));
    }
}

#[test]
fn relations_serve_one_table_for_ever() {
    // Design, against any safe host: two tables with one lock, and a lock that was another table's; while that lives, and when it has gone.
    for is_gone in [false, true] {
        let (pool, tables) = pooled::<1>();
        let kept = if is_gone { None } else { Some(tables) };
        let second = ProcessTable::with_lock(Kernel, Shifting::at(&pool, 0));
        let make = || drop(second.new_init(1, (), Data::default()));
        assert!(panics(make).contains(FOREIGN), "{is_gone}");
        assert!(panics(make).contains(FOREIGN), "and it never takes them");
        // It takes others.
        let old = pool.all()[0].replace(Relations::new());
        let init = second.new_init(1, (), Data::default()).unwrap();
        assert_eq!(fork(&init).tid(), 2);
        drop((init, second));
        pool.all()[0] = old;
        drop(kept);
    }
}

#[test]
fn a_second_hold_amid_a_hold_ends_the_program() {
    // Design, against any safe host: a lock that has other relations to give out while a hook runs. What the hook begins panics before it reads a relation, and the panic
    // leaves the hook.
    ends_the_program("a_second_hold_amid_a_hold_ends_the_program", &["kill"], FOREIGN, |_| {
        let (pool, _idle) = pooled::<1>();
        pool.all().push(Some(Relations::new()));
        let lock = Shifting::at(&pool, 1);
        let table = ProcessTable::with_lock(Kernel, lock);
        let init = table.new_init(1, (), Data::default()).unwrap();
        // The lock of a second table that shares the pool gives out whatever is free.
        let nested = ProcessTable::with_lock(Kernel, Shifting::at(&pool, ANY));
        let victim = fork(&init);
        exit(&victim);
        HOOK.set(Some((
            "may_signal",
            Box::new(move || drop(nested.new_init(1, (), Data::default()))),
        )));
        _ = fork(&init).kill(2, 15);
    });
}

#[test]
fn a_second_hold_of_the_same_table_ends_the_program() {
    // A3: the lock has a second set of relations, which are nobody's yet, and gives them out to the same table while its first hold runs: there, a wait would reap the process that the hold uses.
    ends_the_program(
        "a_second_hold_of_the_same_table_ends_the_program",
        &["wait"],
        FOREIGN,
        |_| {
            let pool = Arc::<Pool>::default();
            pool.all().extend([Some(Relations::new()), Some(Relations::new())]);
            let table = ProcessTable::with_lock(Kernel, Shifting::at(&pool, ANY));
            let init = table.new_init(1, (), Data::default()).unwrap();
            let victim = fork(&init);
            exit(&victim);
            let reaper = ARef::clone(&init);
            HOOK.set(Some(("may_signal", Box::new(move || drop(reaper.wait(&any_child()))))));
            _ = fork(&init).kill(2, 15);
        },
    );
}

#[test]
fn what_stands_in_a_list_is_not_freed_when_its_lock_fails() {
    // Design, against any safe host: what is dropped while the lock gives out foreign relations cannot be unlinked. It is leaked, not freed while linked: so a program of its own.
    const NAME: &str = "what_stands_in_a_list_is_not_freed_when_its_lock_fails";
    if std::env::var(WORD).is_err() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, "--nocapture"]).env(WORD, "leaks");
        let output = command.env("ASAN_OPTIONS", "detect_leaks=0").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        return;
    }
    let (pool, tables) = pooled::<2>();
    let [(table, init, child), _] = &tables;
    let own_leader = fork(init);
    own_leader.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 1, ()).unwrap();
    own_leader.process().open_terminal(&terminal, TerminalFile::Readable);
    let woken = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&woken));
    let call = init.begin_wait(&WaitRequest::waitid(0, 0, WEXITED).unwrap());
    let mut sleeping = [Box::pin(call.event()), Box::pin(call.event()), Box::pin(call.event())];
    for future in &mut sleeping {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let [one, two, three] = sleeping;
    let prepared = init.prepare_fork(ForkRequest::default(), (), Data::default()).unwrap();
    let thread = init.prepare_thread(Number::Next, Data::default()).unwrap();
    pool.all().swap(0, 1);
    let drops: [Box<dyn FnOnce() + '_>; 4] = [
        Box::new(move || drop(two)),
        Box::new(move || drop(terminal)),
        Box::new(move || drop(prepared)),
        Box::new(move || drop(thread)),
    ];
    for act in drops {
        assert!(panics(act).contains(FOREIGN));
    }
    pool.all().swap(0, 1);
    drop(own_leader.process().controlling_terminal());
    exit(child);
    exit(&own_leader);
    assert!(woken.0.load(Ordering::Relaxed) >= 2, "the other two");
    drop((one, three));
    assert_eq!(reap_all(init), 2);
    assert!(table.find_process(1).is_some());
}

#[test]
fn dead_threads_that_wait_while_their_tracer_lets_them_go_see_no_children() {
    // Design, no call of a dead object follows a link: 200 dead traced threads are released in several holds, and before each of them, and when data is dropped, all of them ask
    // for children and do other things that the living do.
    for kept_every in [1, 2, 3] {
        let (table, init) = boot();
        table.check_every(NonZeroU64::MAX);
        let (tracer, process) = (fork(&init), fork(&init));
        let dead = Arc::new(Mutex::new(Vec::<ARef<Thread>>::new()));
        let ask = {
            let dead = Arc::clone(&dead);
            move || {
                let dead = dead.try_lock().map(|dead| dead.clone()).unwrap_or_default();
                for thread in &dead {
                    assert!(matches!(thread.wait(&any_child()), Err(Errno::ECHILD)));
                    assert!(thread.fork(ForkRequest::default(), (), Data::default()).is_err());
                    assert!(thread.children().unwrap().is_empty());
                    assert_eq!(thread.exec(), Err(Errno::EAGAIN));
                }
            }
        };
        for number in 0..200 {
            let at_end = (number % 7 == 0).then(|| Box::new(ask.clone()) as Box<_>);
            let thread = process.spawn_thread(Number::Next, Data { at_end, ended: Arc::default() });
            let thread = thread.unwrap();
            tracer
                .attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
                .unwrap();
            exit(&thread);
            if number % kept_every == 0 {
                dead.lock().unwrap().push(thread);
            }
        }
        before_each_hold({
            let ask = ask.clone();
            move || {
                ask();
                false
            }
        });
        exit(&tracer);
        assert!(STEP.take().is_some());
        ask();
        assert_eq!(process.process().threads().unwrap().len(), 1);
        drop(std::mem::take(&mut *dead.lock().unwrap()));
        drop(table);
    }
}

#[test]
fn a_last_thread_that_exits_while_its_table_is_dropped_leaves_no_dangling_parent() {
    // Design, ownership: init has gone, the rest of the table has not; the last thread, which does not lead, has a child.
    let (table, init) = boot();
    let inits = init.process().clone();
    let ended = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (0..100).map(|_| fork(&init)).collect();
    let leader = fork(&init);
    let second = spawn(&leader);
    let data = Data { ended: Arc::clone(&ended), at_end: None };
    let grandchild = second.fork(ForkRequest::default(), (), data).unwrap();
    assert_eq!(exit(&leader), ThreadExit::OthersRemain);
    drop(leader);
    before_each_hold(move || {
        let is_time = inits.state() == ProcessState::Reaped;
        is_time && exit(&second) == ThreadExit::Last
    });
    drop((table, init));
    assert!(STEP.take().is_none(), "it exited meanwhile");
    assert_eq!(grandchild.process().state(), ProcessState::Reaped);
    assert!(grandchild.process().parent().is_none());
    assert_eq!((grandchild.process().ppid(), others.len()), (0, 100));
    drop(grandchild);
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[test]
fn what_was_traced_can_be_the_last_of_its_table() {
    // Design, ownership: the record of a tracee or a tracer goes with its thread, whatever of the table goes before; found by the harness of foreign calls.
    for leads in [true, false] {
        let (table, init) = boot();
        let (tracer, tracee) = (fork(&init), fork(&init));
        let second = spawn(&tracee);
        let traced = if leads { &tracee } else { &second };
        tracer
            .attach(traced.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
        drop((table, init, tracer));
        let last = traced.clone();
        drop((tracee, second));
        assert!(last.tracer().is_none());
        drop(last);
    }
}

/// Counts its wake-ups, or panics at each.
#[derive(Default)]
struct Wakes(AtomicUsize, bool);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if self.1 {
            panic!("a waker has panicked");
        }
    }
}

type Sleeping<'a> = Pin<Box<WaitFuture<'a, Kernel>>>;

/// Makes futures sleep on that call, in this order.
fn sleep<'a>(call: &'a axprocess::WaitCall<'a, Kernel>, wakers: &[&Waker]) -> Vec<Sleeping<'a>> {
    let asleep = |waker: &&Waker| {
        let mut future = Box::pin(call.event());
        assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        future
    };
    wakers.iter().map(asleep).collect()
}

fn wakers() -> ([Arc<Wakes>; 2], [Waker; 2]) {
    let wakes = [false, true].map(|is_bad| Arc::new(Wakes(AtomicUsize::new(0), is_bad)));
    let wakers = wakes.each_ref().map(|it| Waker::from(Arc::clone(it)));
    (wakes, wakers)
}

fn without_consuming() -> WaitRequest {
    WaitRequest::waitid(0, 0, WEXITED | WNOWAIT | WALL).unwrap()
}

#[test]
fn a_waker_that_panics_costs_nobody_else_a_wake_up() {
    // Design, wait: whatever its place among 20, in the first batch of wakers or in a later one; and the exit has taken effect.
    for place in 0..20 {
        let (_table, init) = boot();
        let child = fork(&init);
        let ([good, bad], [fine, panicking]) = wakers();
        let call = init.begin_wait(&without_consuming());
        let order: Vec<_> =
            (0..20).map(|at| if at == place { &panicking } else { &fine }).collect();
        let mut sleeping = sleep(&call, &order);
        assert!(panics(|| _ = exit(&child)).contains("a waker has panicked"));
        assert_eq!(
            (good.0.load(Ordering::Relaxed), bad.0.load(Ordering::Relaxed)),
            (19, 1),
            "{place}"
        );
        assert_eq!(child.process().state(), ProcessState::Zombie);
        for future in &mut sleeping {
            assert!(future.as_mut().poll(&mut Context::from_waker(&fine)).is_ready());
        }
    }
}

#[test]
fn two_wakers_that_panic_end_the_program_or_cost_nobody_a_wake_up() {
    // Design, wait: a second panic meets the first while that unwinds; at different moments each costs nobody anything.
    ends_the_program(
        "two_wakers_that_panic_end_the_program_or_cost_nobody_a_wake_up",
        &["0 1", "0 19", "7 8"],
        "a waker has panicked",
        |places| {
            let (_table, init) = boot();
            let child = fork(&init);
            let (_, [fine, panicking]) = wakers();
            let call = init.begin_wait(&without_consuming());
            let bad: Vec<usize> = places.split(' ').map(|place| place.parse().unwrap()).collect();
            let order: Vec<_> =
                (0..20).map(|at| if bad.contains(&at) { &panicking } else { &fine }).collect();
            let _sleeping = sleep(&call, &order);
            exit(&child);
        },
    );
    let (_table, init) = boot();
    let ([good, bad], [fine, panicking]) = wakers();
    let call = init.begin_wait(&without_consuming());
    for turn in 1..=2 {
        let child = fork(&init);
        let _sleeping = sleep(&call, &[&panicking, &fine]);
        assert!(panics(|| _ = exit(&child)).contains("a waker has panicked"));
        let woken = [&good, &bad].map(|it| it.0.load(Ordering::Relaxed));
        assert_eq!((woken, reap_all(&init)), ([turn, turn], 1));
    }
}

#[test]
fn an_exit_is_completed_whatever_a_waker_does() {
    // Design, wait, exit: 200 children, of which the first to move is a zombie that wakes the reaper's futures. The panic leaves between two holds; the exit goes on to its end.
    for zombie in [0, 63, 64, 150, 199] {
        let (table, init) = boot();
        let parent = fork(&init);
        let children: Vec<_> = (0..200).map(|_| fork(&parent)).collect();
        exit(&children[zombie]);
        let ([good, bad], [fine, panicking]) = wakers();
        let call = init.begin_wait(&without_consuming());
        let _sleeping = sleep(&call, &[&fine, &panicking, &fine]);
        assert!(panics(|| _ = exit(&parent)).contains("a waker has panicked"));
        assert_eq!((good.0.load(Ordering::Relaxed), bad.0.load(Ordering::Relaxed)), (2, 1));
        assert_eq!(parent.process().state(), ProcessState::Zombie, "{zombie}");
        assert_eq!((exit(&parent), reap_all(&init)), (ThreadExit::Gone, 2));
        assert_eq!(init.process().children().unwrap().len(), 199);
        assert!(table.find_process(parent.tid()).is_none());
    }
}

#[test]
fn an_exec_is_completed_whatever_a_waker_does() {
    // Design, wait, exec: 200 other threads go in several holds. One has a tracee that is a zombie, or a tracer that sleeps in wait: the panic leaves after the first hold.
    for traced in [1, 60, 100, 199] {
        let (_table, init) = boot();
        let tracer = fork(&init);
        let leader = fork(&init);
        let threads: Vec<_> = (0..200).map(|_| spawn(&leader)).collect();
        tracer
            .attach(threads[traced].tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
        let ([good, bad], [fine, panicking]) = wakers();
        let call = tracer.begin_wait(&without_consuming());
        let _sleeping = sleep(&call, &[&panicking, &fine]);
        assert!(panics(|| _ = threads[0].exec()).contains("a waker has panicked"));
        assert_eq!((good.0.load(Ordering::Relaxed), bad.0.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(leader.process().threads().unwrap().len(), 1, "{traced}");
        assert_eq!(threads[0].tid(), leader.process().pid());
        assert_eq!(threads[0].exec(), Ok(()), "nobody is in exec any more");
    }
}

/// The hooks that the tests of hosts that misbehave do not know.
const HOOKS: [&str; 22] = [
    "can_fork",
    "can_queue_signal",
    "post_signal_addressed",
    "post_thread_signal",
    "deciding_signal",
    "discard_signals",
    "drops_sigchld",
    "is_signal_awaited",
    "is_signal_blocked",
    "is_signal_queued",
    "is_taken_at_once",
    "may_choose_number",
    "may_trace",
    "tracing_changed",
    "request_stop",
    "release_task",
    "reset_signal_action",
    "signal_decided",
    "end_vfork",
    "last_thread_exited",
    "wake_thread_pollers",
    "hang_up_terminal",
];

/// Calls all of them.
fn call_every_hook() {
    let (table, init) = boot();
    let (leader, child) = (fork(&init), fork(&init));
    let thread = spawn(&leader);
    leader.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::Other, 1, ()).unwrap();
    leader.process().open_terminal(&terminal, TerminalFile::Readable);
    init.begin_vfork(&child);
    _ = init.fork(
        ForkRequest { number: Number::Each(&[77]), ..ForkRequest::default() },
        (),
        Data::default(),
    );
    let number = leader.tid() as i32;
    _ = child.kill(number, 10);
    _ = child.kill(number, 18);
    _ = init.kill(fork(&init).tid() as i32, 12);
    _ = init.kill(fork(&init).tid() as i32, 40);
    _ = child.tkill(thread.tid() as i32, 10);
    child.force_signal(Signal::SIGSEGV, KernelCause::Kernel, ForcedAction::Default);
    child.attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    _ = leader.begin_stop(Signal::SIGSTOP, leader.process().stop_ticket());
    _ = (leader.join_stop(), thread.join_stop());
    child.detach(thread.tid().cast_signed()).ok();
    child.attach(thread.tid().cast_signed(), TraceStart::Attach, TraceOptions::empty()).ok();
    _ = init.kill(fork(&init).tid() as i32, 15);
    exit(&child);
    exit(&thread);
    exit(&leader);
}

#[test]
fn every_other_hook_that_panics_ends_the_program() {
    // Design, hooks: half an operation is worse than none; no second call finds counts that are wrong.
    const NAME: &str = "every_other_hook_that_panics_ends_the_program";
    ends_the_program(NAME, &HOOKS, "a panic has left a hook", |hook| {
        PANICS.set(Some(hook));
        call_every_hook();
    });
    call_every_hook();
}
