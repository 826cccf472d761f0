//! The host is asked about each birth, last of all, and told of each release, once: so charges balance, and who is refused leaves no trace.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axprocess::{
    ARef, CloneFlags, CloneRequest, Cursor, Errno, ExitStatus, ForkNamespace, ForkParent,
    ForkRequest, HandleState, Host, InitSession, NewTask, Number, Pid, ProcessState, ProcessTable,
    Relations, Signal, SignalAction, TerminalFile, TerminalKind, TraceOptions, TraceStart, View,
    WaitOutcome, WaitRequest,
};

type Table = ProcessTable<Kernel>;
type Process = axprocess::Process<Kernel>;
type Thread = axprocess::Thread<Kernel>;

const WALL: i32 = 0x4000_0000;

/// A kernel with a limit of tasks, which are counted at birth and at release.
#[derive(Default)]
struct Kernel {
    /// What the next ones are refused with.
    refuses: Mutex<Option<Errno>>,
    /// A fatal signal waits for everybody.
    kills: AtomicBool,
    ignores_children: AtomicBool,
    /// Each birth that was allowed.
    births: Mutex<Vec<Birth>>,
    /// Each release: its number, whether it led, and the state of its process.
    releases: Mutex<Vec<(Pid, bool, ProcessState)>>,
    /// How many tasks there are, by their place in memory, which nobody else has meanwhile.
    tasks: Mutex<BTreeMap<usize, u32>>,
    asked: Mutex<usize>,
    /// References that the hook has made of those who were refused.
    kept: Mutex<Vec<ARef<Thread>>>,
}

/// What a hook saw of who is born.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Birth {
    caller: Option<Pid>,
    tid: Pid,
    leads: bool,
    parent: Option<Pid>,
    /// Those of its process, in its own namespace.
    group_and_session: (Pid, Pid),
    level: u32,
}

impl Kernel {
    fn births(&self) -> Vec<Birth> {
        std::mem::take(&mut *self.births.lock().unwrap())
    }

    fn releases(&self) -> Vec<(Pid, bool, ProcessState)> {
        std::mem::take(&mut *self.releases.lock().unwrap())
    }

    fn refuse(&self, errno: impl Into<Option<Errno>>) {
        *self.refuses.lock().unwrap() = errno.into();
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn count(&self) -> usize {
        self.tasks.lock().unwrap().len()
    }
}

/// Nothing leads to who is not visible yet.
fn check_invisible(view: View<'_, Kernel>, child: &Thread) {
    let process = child.process();
    let own = view.namespace(process);
    let is_it = |found: &Process| std::ptr::eq(found, &**process);
    assert!(view.find_thread(own, child.tid()).is_none(), "it is found by its number");
    if view.is_leader(child) {
        assert!(view.find_process(own, child.tid()).is_none(), "it is found by its number");
        assert_eq!(process.state(), ProcessState::Embryo);
        let mut cursor = Cursor::new();
        assert!(!view.members(view.group(process), &mut cursor).any(is_it), "it is a member");
        if let Some(parent) = view.parent_thread(process) {
            let mut cursor = Cursor::new();
            assert!(!view.children(parent, &mut cursor).any(is_it), "it is a child");
        }
    }
    let mut cursor = Cursor::new();
    let is_it = |task: &Thread| std::ptr::eq(task, child);
    assert!(!view.tasks(process, &mut cursor).any(is_it), "it is a task");
    assert_eq!(view.run_state(child), None);
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn context(&self) -> Option<NonZeroUsize> {
        thread_local! {
            static NUMBER: u8 = const { 0 };
        }
        NUMBER.with(|number| NonZeroUsize::new(std::ptr::from_ref(number).addr()))
    }

    fn is_fatal_signal_pending(&self, _: View<'_, Self>, _: &Thread) -> bool {
        self.kills.load(Ordering::Relaxed)
    }

    fn signal_action(&self, _: View<'_, Self>, _: &Process, _: Signal) -> SignalAction {
        match self.ignores_children.load(Ordering::Relaxed) {
            true => SignalAction::Ignore,
            false => SignalAction::Handle,
        }
    }

    fn can_fork(
        &self,
        view: View<'_, Self>,
        caller: Option<&Thread>,
        child: &Thread,
    ) -> Result<(), Errno> {
        *self.asked.lock().unwrap() += 1;
        check_invisible(view, child);
        if let Some(errno) = *self.refuses.lock().unwrap() {
            self.kept.lock().unwrap().push(ARef::from(child));
            return Err(errno);
        }
        let (process, own) = (child.process(), view.namespace(child.process()));
        let group = view.group(process);
        let birth = Birth {
            caller: caller.map(|caller| caller.tid()),
            tid: child.tid(),
            leads: view.is_leader(child),
            parent: view.parent(process).map(|parent| parent.pid()),
            group_and_session: (view.pgid(group, own), view.sid(view.session(group), own)),
            level: own.level(),
        };
        self.births.lock().unwrap().push(birth);
        *self.tasks.lock().unwrap().entry(std::ptr::from_ref(child).addr()).or_default() += 1;
        Ok(())
    }

    fn release_task(&self, view: View<'_, Self>, thread: &Thread) {
        let (process, number) = (thread.process(), thread.tid());
        let (own, leads) = (view.namespace(process), view.is_leader(thread));
        // All that it has it still has.
        let found = view.find_process(own, process.pid());
        assert!(found.is_some_and(|found| std::ptr::eq(found, &**process)));
        assert!(view.stat(process, own).is_some());
        assert!(leads || view.find_thread(own, number).is_some());
        self.releases.lock().unwrap().push((number, leads, process.state()));
        let count = self.tasks.lock().unwrap().remove(&std::ptr::from_ref(thread).addr());
        assert_eq!(count, Some(1), "{thread:?} was born once, and is released once");
    }
}

fn boot() -> (Table, ARef<Thread>) {
    let table = ProcessTable::new(Kernel::default());
    table.check_every(NonZeroU64::MIN);
    let init = table.new_init(1, (), ()).unwrap();
    table.host().births();
    table.host().asked();
    (table, init)
}

fn fork(parent: &Thread) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn spawn(thread: &Thread) -> ARef<Thread> {
    thread.spawn_thread(Number::Next, ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn reap(thread: &Thread) -> Pid {
    let request = WaitRequest::wait4(-1, WALL).unwrap();
    match thread.wait(&request) {
        Ok(WaitOutcome::Event(event)) => event.pid,
        other => panic!("{other:?}"),
    }
}

const INNER: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Caller,
    namespace: ForkNamespace::New,
};

/// Everybody who is there, with the tasks of each; what a refusal must not change.
fn everybody(table: &Table) -> Vec<(Pid, Vec<Pid>, Vec<Pid>, Pid)> {
    let (mut all, mut from) = (Vec::new(), 0);
    let root = table.namespace();
    while let Some((number, process)) = table.next_process(root, from) {
        let tids = |threads: Vec<ARef<Thread>>| {
            threads.iter().map(|thread| thread.tid_in(root)).collect::<Vec<_>>()
        };
        let children = process.children().unwrap().iter().map(|it| it.pid_in(root)).collect();
        let tasks = tids(process.tasks().unwrap());
        all.push((number, tasks, children, process.group().processes().unwrap().len() as Pid));
        from = number + 1;
    }
    all
}

/// As many tasks were born and not released as are listed.
fn check_balance(table: &Table) {
    let listed: usize = everybody(table).iter().map(|(_, tasks, ..)| tasks.len()).sum();
    assert_eq!(table.host().count(), listed, "{:?}", everybody(table));
}

type Way = (&'static str, fn(&Scene) -> Result<(), Errno>);

/// Somebody for each way to be born.
struct Scene {
    table: Table,
    init: ARef<Thread>,
    parent: ARef<Thread>,
    child: ARef<Thread>,
    reaped: ARef<Process>,
    /// The first of a namespace, and its child.
    inner: ARef<Thread>,
    innermost: ARef<Thread>,
}

impl Scene {
    fn new() -> Self {
        let (table, init) = boot();
        let parent = fork(&init);
        parent.process().setsid().unwrap();
        let child = fork(&parent);
        let zombie = fork(&init);
        exit(&zombie);
        assert!(zombie.process().release_zombie());
        let inner = init.fork(INNER, (), ()).unwrap();
        let innermost = fork(&inner);
        let reaped = ARef::clone(zombie.process());
        Self { table, init, parent, child, reaped, inner, innermost }
    }
}

fn sibling() -> ForkRequest<'static> {
    ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() }
}

fn clone(caller: &Thread, request: &CloneRequest) -> Result<(), Errno> {
    match caller.admit_clone(request)? {
        NewTask::Process(new) => new.make((), ()).map(drop),
        NewTask::Thread(new) => new.make(()).map(drop),
    }
}

const THREAD: u64 = CloneFlags::THREAD.union(CloneFlags::SIGHAND).union(CloneFlags::VM).bits();

/// All ways to be born beside others. Those of a namespace's first process are among them: that ends with it, and nobody else knows of it.
const WAYS: &[Way] = &[
    ("fork", |it| it.child.fork(ForkRequest::default(), (), ()).map(drop)),
    ("fork, a sibling", |it| it.child.fork(sibling(), (), ()).map(drop)),
    ("vfork", |it| clone(&it.child, &CloneRequest::from_vfork())),
    ("clone, a thread", |it| {
        clone(&it.child, &CloneRequest::from_clone(THREAD, 0x1000, 0, 0, 0).unwrap())
    }),
    ("fork into a new namespace", |it| it.child.fork(INNER, (), ()).map(drop)),
    ("fork in a namespace", |it| it.inner.fork(ForkRequest::default(), (), ()).map(drop)),
    ("fork of a sibling in a namespace", |it| it.innermost.fork(sibling(), (), ()).map(drop)),
    ("fork from a namespace into a new one", |it| it.innermost.fork(INNER, (), ()).map(drop)),
    ("a thread", |it| it.child.spawn_thread(Number::Next, ()).map(drop)),
    ("a thread in a namespace", |it| it.inner.spawn_thread(Number::Next, ()).map(drop)),
    ("prepare", |it| it.child.prepare_fork(ForkRequest::default(), (), ())?.publish().map(drop)),
    ("prepare, a sibling", |it| it.child.prepare_fork(sibling(), (), ())?.publish().map(drop)),
    ("prepare into a new namespace", |it| {
        it.child.prepare_fork(INNER, (), ())?.publish().map(drop)
    }),
    ("prepare in a namespace", |it| {
        it.inner.prepare_fork(ForkRequest::default(), (), ())?.publish().map(drop)
    }),
    ("prepare a thread", |it| it.child.prepare_thread(Number::Next, ())?.publish().map(drop)),
    ("prepare a thread in a namespace", |it| {
        it.innermost.prepare_thread(Number::Next, ())?.publish().map(drop)
    }),
    ("on behalf", |it| it.child.process().fork_child(ForkRequest::default(), (), ()).map(drop)),
    ("on behalf, into a new namespace", |it| {
        it.child.process().fork_child(INNER, (), ()).map(drop)
    }),
    ("on behalf of one that is reaped", |it| {
        it.reaped.fork_child(ForkRequest::default(), (), ()).map(drop)
    }),
];

#[test]
fn who_is_refused_leaves_nothing_but_the_cursor() {
    // R-CLONE-23: the host's errno, whichever way the birth goes; nobody is there who was not, the next number is the one behind, and the one that was refused is free.
    for (way, make) in WAYS {
        let scene = Scene::new();
        let before = (everybody(&scene.table), scene.table.host().count());
        let numbers = [&scene.init, &scene.inner].map(|it| it.process().last_pid());
        scene.table.host().refuse(Errno::EDQUOT);
        scene.table.host().asked();
        assert_eq!(make(&scene), Err(Errno::EDQUOT), "{way}");
        assert_eq!(scene.table.host().asked(), 1, "{way}");
        assert_eq!((everybody(&scene.table), scene.table.host().count()), before, "{way}");
        let used = [&scene.init, &scene.inner].map(|it| it.process().last_pid());
        assert!(used[0] == numbers[0] + 1 && used[1] - numbers[1] <= 1, "{way}");
        scene.table.host().refuse(None);

        let number = Number::Each(&[used[0]]);
        let chosen = scene.init.fork(ForkRequest { number, ..ForkRequest::default() }, (), ());
        assert_eq!(chosen.unwrap().tid(), used[0], "{way}: the number is free");
        assert_eq!(make(&scene), Ok(()), "{way}");
        check_balance(&scene.table);
        assert_eq!(scene.table.host().count(), before.1 + 2, "{way}");

        // Who was refused is to whoever has kept it one that has ended.
        let kept = scene.table.host().kept.lock().unwrap().pop().unwrap();
        assert_eq!((kept.run_state(), kept.children().unwrap().len()), (None, 0), "{way}");
        assert_eq!(kept.identity().err(), Some(Errno::ESRCH), "{way}");
        let leads = kept.process().pid() == kept.tid();
        if leads {
            let process = kept.process();
            assert_eq!(process.state(), ProcessState::Reaped, "{way}");
            assert!(process.parent().is_none() && process.tasks().unwrap().is_empty(), "{way}");
            assert!(
                process.group().processes().unwrap().iter().all(|it| !ARef::ptr_eq(it, process))
            );
        }
        exit(&kept);
        assert_eq!(kept.exec(), Err(Errno::EAGAIN), "{way}");
        assert_eq!(kept.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR), "{way}");
        let Scene { table, .. } = scene;
        drop(table);
        assert!(kept.process().host().count() == 0, "{way}: all were released with their table");
        assert!(kept.process().parent().is_none());
    }
}

#[test]
fn a_vfork_that_is_refused_has_nobody_wait() {
    // R-CLONE-23, R-VFORK-01: there is no child to wait for.
    let scene = Scene::new();
    scene.table.host().refuse(Errno::EAGAIN);
    let request = CloneRequest::from_vfork();
    assert_eq!(clone(&scene.child, &request), Err(Errno::EAGAIN));
    assert!(!scene.child.is_waiting_for_vfork());
}

#[test]
fn a_namespace_whose_first_process_is_refused_has_none() {
    // R-CLONE-23, R-FORK-18: as on Linux, nobody is made in it any more: ENOMEM, but first EINVAL for a number that its first could not have.
    let prepares: [Way; 2] = [
        ("at once", |it| it.child.fork(ForkRequest::default(), (), ()).map(drop)),
        ("in steps", |it| {
            it.child.prepare_fork(ForkRequest::default(), (), ())?.publish().map(drop)
        }),
    ];
    for (way, make) in prepares {
        let scene = Scene::new();
        scene.child.unshare_pid().unwrap();
        scene.table.host().refuse(Errno::EAGAIN);
        assert_eq!(make(&scene), Err(Errno::EAGAIN), "{way}");
        scene.table.host().refuse(None);
        scene.table.host().asked();
        assert_eq!(make(&scene), Err(Errno::ENOMEM), "{way}");
        let numbered = |number: &[u32]| {
            let number = Number::Each(number);
            scene.child.fork(ForkRequest { number, ..ForkRequest::default() }, (), ()).err()
        };
        assert_eq!((numbered(&[5]), numbered(&[1])), (Some(Errno::EINVAL), Some(Errno::ENOMEM)));
        assert_eq!(scene.table.host().asked(), 0, "{way}: nobody could be there");
        assert!(scene.child.namespace_for_children().is_none());
        check_balance(&scene.table);
    }
}

#[test]
fn the_handle_of_who_is_refused_is_at_its_end() {
    // R-CLONE-23, R-FORK-17: a handle that was asked for before, of a process and of a thread, names nobody, for ever.
    let scene = Scene::new();
    scene.table.host().refuse(Errno::EAGAIN);
    let process = scene.child.prepare_fork(ForkRequest::default(), (), ()).unwrap();
    let thread = scene.child.prepare_thread(Number::Next, ()).unwrap();
    let handles = [process.handle().unwrap(), thread.handle().unwrap()];
    assert_eq!(process.publish().err(), Some(Errno::EAGAIN));
    assert_eq!(thread.publish().err(), Some(Errno::EAGAIN));
    for handle in handles {
        assert_eq!(handle.identity().state(), HandleState::Gone);
        assert!(handle.identity().thread_or_leader().is_none());
    }
    check_balance(&scene.table);
}

#[test]
fn a_table_whose_first_process_is_refused_can_have_another() {
    // R-CLONE-23: neither its number nor its group, nor a session of its own, is left.
    for begins_in in [InitSession::Nameless, InitSession::Own] {
        let table = Table::new(Kernel::default());
        table.check_every(NonZeroU64::MIN);
        table.host().refuse(Errno::EAGAIN);
        let new_init = || table.new_init_in(7, begins_in, (), ());
        assert_eq!(new_init().err(), Some(Errno::EAGAIN));
        assert!(table.find_process(7).is_none() && table.find_group(7).is_none());
        assert!(table.find_session(7).is_none());
        table.host().refuse(None);
        let init = new_init().unwrap();
        assert!(init.process().is_table_init());
        assert_eq!(fork(&init).tid(), 1, "its number was chosen (R-PID-12)");
        let pgid = if begins_in == InitSession::Own { 7 } else { 0 };
        let first = table.host().births()[0];
        let own = Birth {
            caller: None,
            tid: 7,
            leads: true,
            parent: None,
            group_and_session: (pgid, pgid),
            level: 0,
        };
        assert_eq!(first, own);
        let kept = table.host().kept.lock().unwrap().pop().unwrap();
        assert_eq!(kept.process().state(), ProcessState::Reaped);
        check_balance(&table);
    }
}

#[test]
fn the_host_is_asked_last_and_once() {
    // R-CLONE-23: whom something else refuses it is not asked about, so that its charge never has to be undone; a birth that has to come back with memory is asked about when it has that.
    let scene = Scene::new();
    let host = scene.table.host();
    host.asked();
    let taken = || ForkRequest { number: Number::Each(&[1]), ..ForkRequest::default() };
    assert_eq!(scene.child.fork(taken(), (), ()).err(), Some(Errno::EEXIST));
    assert_eq!(scene.child.spawn_thread(Number::Each(&[1]), ()).err(), Some(Errno::EEXIST));
    assert_eq!(scene.init.fork(sibling(), (), ()).err(), Some(Errno::EINVAL));
    let prepared = scene.child.prepare_fork(ForkRequest::default(), (), ()).unwrap();
    let thread = scene.child.prepare_thread(Number::Next, ()).unwrap();
    drop(scene.child.prepare_fork(ForkRequest::default(), (), ()).unwrap());
    assert_eq!(host.asked(), 0, "nobody is published");
    host.kills.store(true, Ordering::Relaxed);
    assert_eq!(prepared.publish().err(), Some(Errno::EINTR));
    assert_eq!(thread.publish().err(), Some(Errno::EINTR));
    assert_eq!(scene.child.fork(ForkRequest::default(), (), ()).err(), Some(Errno::EINTR));
    assert_eq!(scene.child.spawn_thread(Number::Next, ()).err(), Some(Errno::EINTR));
    host.kills.store(false, Ordering::Relaxed);
    let late = scene.innermost.prepare_fork(ForkRequest::default(), (), ()).unwrap();
    let late_thread = scene.innermost.prepare_thread(Number::Next, ()).unwrap();
    exit(&scene.inner);
    assert_eq!(late.publish().err(), Some(Errno::ENOMEM));
    assert_eq!(late_thread.publish().err(), Some(Errno::ENOMEM));
    assert_eq!(host.asked(), 0);
    assert_eq!(host.births().len(), 5);

    scene.table.check_every(NonZeroU64::MAX);
    let many: Vec<_> = (0..5_000).map(|_| fork(&scene.child)).collect();
    assert_eq!((host.asked(), host.births().len()), (5_000, 5_000));
    drop(many);
}

#[test]
fn a_birth_shows_where_the_child_will_stand() {
    // R-CLONE-23, R-FORK-02, R-FORK-03, R-FORK-05, R-FORK-14: its number, parent, group, session and namespace as they will be; and who makes it.
    let Scene { table, init, parent, child, reaped, inner, .. } = Scene::new();
    let seen = || table.host().births().pop().unwrap();
    seen();
    let (of_parent, of_child) = (parent.tid(), child.tid());
    let made = fork(&child);
    let usual = Birth {
        caller: Some(of_child),
        tid: made.tid(),
        leads: true,
        parent: Some(of_child),
        group_and_session: (of_parent, of_parent),
        level: 0,
    };
    assert_eq!(seen(), usual);
    let made = child.fork(sibling(), (), ()).unwrap();
    assert_eq!(seen(), Birth { tid: made.tid(), parent: Some(of_parent), ..usual });
    let made = spawn(&child);
    assert_eq!(seen(), Birth { tid: made.tid(), leads: false, parent: Some(of_parent), ..usual });
    let made = child.fork(INNER, (), ()).unwrap();
    let own_first = Birth { tid: 1, level: 1, group_and_session: (0, 0), ..usual };
    assert_eq!((made.tid(), seen()), (1, own_first));
    let second = spawn(&child);
    second.exec().unwrap();
    seen();
    let made = child.process().fork_child(ForkRequest::default(), (), ()).unwrap();
    assert_eq!(seen(), Birth { tid: made.tid(), ..usual }, "its leader now, which has its number");

    // Of a dead one, the reaper's child, in the reaper's group.
    let made = reaped.fork_child(ForkRequest::default(), (), ()).unwrap();
    let dead = Birth { caller: Some(reaped.pid()), tid: made.tid(), parent: Some(1), ..usual };
    assert_eq!(seen(), Birth { group_and_session: (0, 0), ..dead });
    drop((init, inner));
}

/// What is released by something, in order.
fn released(table: &Table, what: impl FnOnce()) -> Vec<(Pid, bool, ProcessState)> {
    table.host().releases();
    what();
    check_balance(table);
    table.host().releases()
}

#[test]
fn a_process_is_released_with_its_reap() {
    // R-CLONE-23: not by its end: a zombie counts; whichever way it is reaped.
    let (table, init) = boot();
    let of = |thread: &Thread| vec![(thread.tid(), true, ProcessState::Zombie)];
    let child = fork(&init);
    assert_eq!(released(&table, || exit(&child)), []);
    assert_eq!(released(&table, || assert_eq!(reap(&init), child.tid())), of(&child));
    let child = fork(&init);
    exit(&child);
    let release = || assert!(child.process().release_zombie());
    assert_eq!(released(&table, release), of(&child));
    assert_eq!(released(&table, || assert!(!child.process().release_zombie())), []);
    // Off the fast path.
    let child = fork(&init);
    let thread = spawn(&child);
    assert_eq!(released(&table, || exit(&child)), [], "a leader waits for the others");
    let of_thread = (thread.tid(), false, ProcessState::Exiting);
    assert_eq!(released(&table, || exit(&thread)), [of_thread]);
    assert_eq!(released(&table, || assert_eq!(reap(&init), child.tid())), of(&child));
    for has_second in [false, true] {
        table.host().ignores_children.store(true, Ordering::Relaxed);
        let child = fork(&init);
        if has_second {
            exit(&spawn(&child));
        }
        assert_eq!(released(&table, || exit(&child)), of(&child), "autoreaped");
        table.host().ignores_children.store(false, Ordering::Relaxed);
    }
}

#[test]
fn a_traced_thread_is_released_when_its_tracer_lets_it_go() {
    // R-CLONE-23, R-PTRACE-06: dead, it still counts.
    let ways: [fn(&Thread, &Thread); 2] =
        [|tracer, tracee| assert_eq!(reap(tracer), tracee.tid()), |tracer, _| exit(tracer)];
    for let_go in ways {
        let (table, init) = boot();
        let (tracer, process) = (fork(&init), fork(&init));
        let thread = spawn(&process);
        tracer
            .attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
        assert_eq!(released(&table, || exit(&thread)), []);
        let of_thread = (thread.tid(), false, ProcessState::Live);
        assert_eq!(released(&table, || let_go(&tracer, &thread)), [of_thread]);
        // A zombie of a stranger's is its parent's after it is its tracer's.
        let other = fork(&init);
        let stranger = fork(&init);
        stranger
            .attach(other.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
        exit(&other);
        assert_eq!(released(&table, || assert_eq!(reap(&stranger), other.tid())), []);
        let reaped = released(&table, || while reap(&init) != other.tid() {});
        assert_eq!(reaped.last(), Some(&(other.tid(), true, ProcessState::Zombie)));
    }
}

#[test]
fn an_exec_releases_the_others_and_the_old_leader() {
    // R-CLONE-23, R-EXEC-02, R-EXEC-05: who takes the process over is not released, and leads; with the reap it is.
    let live = |tid, leads| (tid, leads, ProcessState::Live);
    let (table, init) = boot();
    let leader = fork(&init);
    let threads: Vec<_> = (0..3).map(|_| spawn(&leader)).collect();
    let (pid, tids) = (leader.tid(), threads.iter().map(|it| it.tid()).collect::<Vec<_>>());
    let mut gone = released(&table, || threads[1].exec().unwrap());
    gone.sort_unstable_by_key(|(tid, ..)| *tid);
    assert_eq!(gone, [live(pid, true), live(tids[0], false), live(tids[2], false)]);
    assert_eq!(threads[1].tid(), pid);

    // In steps, the leader being dead already; and once more.
    let second = spawn(&threads[1]);
    exit(&threads[1]);
    let mut exec = second.begin_exec().unwrap();
    let finish = || assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!(released(&table, finish), [live(pid, true)]);
    assert_eq!(released(&table, || second.exec().unwrap()), [], "of the leader, alone");
    assert_eq!(released(&table, || exit(&second)), []);
    let of_process = (pid, true, ProcessState::Zombie);
    assert_eq!(released(&table, || assert_eq!(reap(&init), pid)), [of_process]);
    assert_eq!(table.host().count(), 1);
}

#[test]
fn a_namespace_that_ends_and_a_table_that_is_dropped_release_everybody() {
    // R-CLONE-23, R-NS-20: an init with its last; and with the table whoever lives, zombies, dead tracees and delayed leaders.
    let Scene { table, init, parent, child, reaped, inner, innermost } = Scene::new();
    let terminal = table.new_terminal(TerminalKind::Other, 1, ()).unwrap();
    parent.process().open_terminal(&terminal, TerminalFile::Readable);
    exit(&inner);
    exit(&innermost);
    let ended = (inner.process().pid(), true, ProcessState::Zombie);
    let reaped_inner = released(&table, || assert_eq!(reap(&init), 5));
    assert_eq!(reaped_inner, [ended]);
    let (second, third) = (spawn(&child), spawn(&child));
    exit(&child);
    parent.attach(second.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&second);
    exit(&fork(&init));
    let many: Vec<_> = (0..200).map(|_| fork(&third)).collect();
    assert!(third.kill(0, i32::from(Signal::SIGCONT.number())).is_ok());
    check_balance(&table);
    assert_eq!(table.host().count(), 1 + 1 + 3 + 1 + 200);
    drop(table);
    assert_eq!((init.host().count(), many.len()), (0, 200));
    drop((terminal, reaped));
}

#[test]
fn births_and_releases_balance_under_four_threads() {
    // R-CLONE-23: whoever forks, execs, exits, reaps, traces and is refused at the same time.
    let table = Table::new(Kernel::default());
    table.check_every(NonZeroU64::new(32).unwrap());
    let init = table.new_init(1, (), ()).unwrap();
    std::thread::scope(|scope| {
        for turn in 0..4_u32 {
            let (table, parent) = (&table, fork(&init));
            scope.spawn(move || {
                for round in 0..100_u32 {
                    let refuses = (round + turn).is_multiple_of(7).then_some(Errno::EAGAIN);
                    table.host().refuse(refuses);
                    let Ok(child) = parent.fork(ForkRequest::default(), (), ()) else { continue };
                    let thread = child.spawn_thread(Number::Next, ());
                    let inner = child.fork(INNER, (), ());
                    if let Ok(thread) = &thread {
                        let start = TraceStart::Seize;
                        let _ =
                            parent.attach(thread.tid().cast_signed(), start, TraceOptions::empty());
                        match round % 3 {
                            0 => _ = thread.exec(),
                            1 => exit(thread),
                            _ => exit(&child),
                        }
                    }
                    if let Ok(inner) = &inner {
                        exit(inner);
                    }
                    for thread in thread.iter().chain([&child]) {
                        exit(thread);
                    }
                    while matches!(
                        parent.wait(&WaitRequest::wait4(-1, WALL | 1).unwrap()),
                        Ok(WaitOutcome::Event(_))
                    ) {}
                }
            });
        }
    });
    table.host().kept.lock().unwrap().clear();
    check_balance(&table);
    drop(table);
    assert_eq!(init.host().count(), 0);
}
