//! Memory that runs out: every operation that allocates is refused its first, second, third … request, fails with `ENOMEM`, and has changed nothing; and a fork bomb in a small heap
//! ends, and goes on after the reaps.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::pin;
use std::ptr;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use axprocess::{
    ARef, Errno, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Host, InitSession, Number,
    PidNamespace, ProcessGroup, ProcessTable, Relations, Shared, Terminal, TerminalFile,
    TerminalKind, TraceOptions, TraceStart, WaitOutcome, WaitRequest,
};

type Table = ProcessTable<Kernel>;
type Process = axprocess::Process<Kernel>;
type Thread = axprocess::Thread<Kernel>;

thread_local! {
    /// How many requests are granted until one is refused; `None`: all are.
    static GRANTED: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether one was refused.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    /// How many blocks this thread has taken and not given back.
    static BLOCKS: Cell<isize> = const { Cell::new(0) };
    /// How many bytes there are left; `None`: as many as the system has.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The system's allocator, which refuses when it is told to.
struct Failing;

impl Failing {
    fn grants(size: usize) -> bool {
        let is_granted = GRANTED.get() != Some(0) && LEFT.get().is_none_or(|left| left >= size);
        if is_granted {
            GRANTED.set(GRANTED.get().map(|left| left - 1));
            LEFT.set(LEFT.get().map(|left| left - size));
            BLOCKS.set(BLOCKS.get() + 1);
        } else {
            REFUSED.set(true);
        }
        is_granted
    }
}

// SAFETY: what is granted is handed to the system's allocator unchanged; null is what the contract says for no memory.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !Self::grants(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promises are this call's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BLOCKS.set(BLOCKS.get() - 1);
        LEFT.set(LEFT.get().map(|left| left + layout.size()));
        // SAFETY: the caller's promises are this call's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

struct Kernel;

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    /// Each operation asks the allocator for all that it needs.
    const KEEPS_BLOCKS: bool = false;
}

/// A table with some of everything, and processes three namespaces deep.
struct Cast {
    table: Table,
    init: ARef<Thread>,
    /// A child of init in its group.
    child: ARef<Thread>,
    /// A child of `child`, with a group of its own.
    grandchild: ARef<Thread>,
    /// The leader of a session with a terminal.
    leader: ARef<Thread>,
    /// The init of the innermost namespace, and a process in it.
    inner: ARef<Thread>,
    innermost: ARef<Thread>,
    terminal: ARef<Terminal<Kernel>>,
    /// A group that has lost all its members, whose number is in no other use, in init's session.
    emptied: ARef<ProcessGroup<Kernel>>,
    mover: ARef<Thread>,
}

const NEW: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: axprocess::ExitSignal::SIGCHLD,
    parent: ForkParent::Caller,
    namespace: ForkNamespace::New,
};

fn fork(parent: &Thread) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn reap(parent: &Thread) -> bool {
    let any = WaitRequest::wait4(-1, 0x4000_0001).unwrap();
    matches!(parent.wait(&any), Ok(WaitOutcome::Event(_)))
}

fn boot() -> (Table, ARef<Thread>) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init_in(1, InitSession::Own, (), ()).unwrap();
    // The checker takes memory of its own.
    table.check_every(NonZeroU64::MAX);
    (table, init)
}

impl Cast {
    fn new() -> Self {
        let (table, init) = boot();
        let child = fork(&init);
        let grandchild = fork(&child);
        grandchild.process().create_group().unwrap();
        let leader = fork(&init);
        leader.process().setsid().unwrap();
        let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 5, ()).unwrap();
        leader.process().open_terminal(&terminal, TerminalFile::Readable);
        let outer = child.fork(NEW, (), ()).unwrap();
        let middle = outer.fork(NEW, (), ()).unwrap();
        let inner = middle.fork(NEW, (), ()).unwrap();
        let innermost = fork(&inner);
        let far = ForkRequest { number: Number::Exactly(3_000_000), ..ForkRequest::default() };
        let founder = init.fork(far, (), ()).unwrap();
        let mover = fork(&init);
        let emptied = founder.process().create_group().unwrap();
        exit(&founder);
        assert!(reap(&init));
        // These have the memory that its number needs again.
        for distant in [2_000_000, 2_200_000, 2_400_000, 2_600_000] {
            let distant = ForkRequest { number: Number::Exactly(distant), ..far };
            init.fork(distant, (), ()).unwrap();
        }
        Self { table, init, child, grandchild, leader, inner, innermost, terminal, emptied, mover }
    }

    /// All that the getters tell, but the number given out last.
    fn photograph(&self) -> String {
        let mut picture = String::new();
        let space = self.table.namespace();
        for entry in self.init.process().snapshot_tree(space).unwrap() {
            let (process, depth) = (&entry.process, entry.depth);
            _ = writeln!(
                picture,
                "{depth} {:?} {:?}",
                entry.stat,
                process.namespace_numbers(space)
            );
            draw_process(&mut picture, process);
            for thread in process.threads().unwrap() {
                draw_thread(&mut picture, &thread);
            }
        }
        let mut from = 0;
        while let Some((number, process)) = self.table.next_process(space, from) {
            _ = write!(picture, "{number}: {process:?} ");
            from = number + 1;
        }
        for number in 0..200 {
            let (group, session) = (self.table.find_group(number), self.table.find_session(number));
            if group.is_some() || session.is_some() || self.table.find_thread(number).is_some() {
                _ = write!(picture, "{number}: {group:?} {session:?} ");
            }
        }
        let emptied = self.emptied.processes().unwrap().len();
        _ = write!(picture, "{:?} {emptied}", self.terminal.session().map(|it| it.sid()));
        picture
    }

    /// Whether all invariants hold, as the checker sees.
    fn check(&self) {
        self.table.check_every(NonZeroU64::MIN);
        assert!(self.table.find_process(1).is_some());
        self.table.check_every(NonZeroU64::MAX);
    }
}

fn draw_process(picture: &mut String, process: &Process) {
    let list = |processes: Vec<ARef<Process>>| {
        processes.iter().map(|process| process.pid()).collect::<Vec<_>>()
    };
    let group = process.group();
    let groups = group.session().process_groups().unwrap();
    let groups: Vec<_> = groups.iter().map(|group| group.pgid()).collect();
    let own = (process.ppid(), process.pgid(), process.sid(), process.state());
    let marks = (process.is_subreaper(), process.is_stopped(), process.is_group_exiting());
    let terminal = process.controlling_terminal().map(|it| it.device());
    let ends = (process.exit_status(), process.exit_signal(), process.foreground_pgid());
    let children = list(process.children().unwrap());
    let members = list(group.processes().unwrap());
    let orphaned = group.is_orphaned();
    _ = writeln!(picture, "  {own:?} {marks:?} {terminal:?} {ends:?} {orphaned}");
    _ = writeln!(picture, "  {children:?} {members:?} {groups:?} {}", process.pid_max());
}

fn draw_thread(picture: &mut String, thread: &Thread) {
    let tracer = thread.tracer().map(|it| it.tid());
    let children = thread.children().unwrap().len();
    let space = thread.namespace_for_children().map(|it| ptr::from_ref(&*it).addr());
    let marks = (
        thread.is_waiting_for_vfork(),
        thread.parent_death_signal(),
        thread.is_group_stop_requested(),
    );
    let state = thread.run_state();
    _ = writeln!(
        picture,
        "    {} {tracer:?} {children} {space:?} {marks:?} {state:?}",
        thread.tid()
    );
}

/// How many nodes four tables of numbers keep at most for the next number that needs some.
const SPARE_NODES: isize = 12;

/// Refuses the first request, the second, … until the operation succeeds: it fails with ENOMEM and has changed nothing. How many it needed.
fn refuse_each(name: &str, cast: &Cast, operation: impl Fn(&Cast) -> Result<(), Errno>) -> usize {
    let before = cast.photograph();
    let blocks = BLOCKS.get();
    for granted in 0.. {
        REFUSED.set(false);
        GRANTED.set(Some(granted));
        let result = operation(cast);
        GRANTED.set(None);
        let was_refused = REFUSED.get();
        match result {
            Ok(()) => {
                assert!(!was_refused, "{name}: it has gone on without its memory");
                cast.check();
                return granted;
            }
            Err(errno) => {
                assert_eq!(
                    (errno, was_refused),
                    (Errno::ENOMEM, true),
                    "{name}, {granted} granted"
                );
                let more = BLOCKS.get() - blocks;
                assert!(
                    (0..=SPARE_NODES).contains(&more),
                    "{name}, {granted} granted: {more} leaked"
                );
                assert_eq!(cast.photograph(), before, "{name}, {granted} granted");
                cast.check();
            }
        }
    }
    unreachable!("it ends with a success")
}

type Operation = (&'static str, usize, fn(&Cast) -> Result<(), Errno>);

fn poll(thread: &Thread) -> Result<(), Errno> {
    let call = thread.begin_wait(&WaitRequest::wait4(-1, 0)?);
    let future = pin!(call.event());
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map(|_| ()),
        Poll::Pending => Ok(()),
    }
}

/// Every operation that allocates, and how many requests it makes at least.
const OPERATIONS: [Operation; 42] = [
    ("fork", 1, |it| it.child.fork(ForkRequest::default(), (), ()).map(drop)),
    ("fork three deep", 1, |it| it.innermost.fork(ForkRequest::default(), (), ()).map(drop)),
    ("fork into a namespace", 2, |it| it.child.fork(NEW, (), ()).map(drop)),
    ("fork into a fourth namespace", 2, |it| it.innermost.fork(NEW, (), ()).map(drop)),
    ("fork a sibling", 1, |it| {
        let sibling = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
        it.grandchild.fork(sibling, (), ()).map(drop)
    }),
    ("fork_child", 1, |it| it.child.process().fork_child(ForkRequest::default(), (), ()).map(drop)),
    ("fork_child three deep", 2, |it| it.inner.process().fork_child(NEW, (), ()).map(drop)),
    ("prepare a fork and publish it", 1, |it| {
        it.innermost.prepare_fork(ForkRequest::default(), (), ())?.publish().map(drop)
    }),
    ("prepare a fork and give it up", 1, |it| {
        it.innermost.prepare_fork(ForkRequest::default(), (), ()).map(drop)
    }),
    ("prepare the init of a namespace and publish it", 2, |it| {
        it.child.prepare_fork(NEW, (), ())?.publish().map(drop)
    }),
    ("prepare the init of a namespace and give it up", 2, |it| {
        it.child.prepare_fork(NEW, (), ()).map(drop)
    }),
    ("spawn_thread", 1, |it| it.child.spawn_thread(Number::Next, ()).map(drop)),
    ("spawn_thread three deep", 1, |it| it.innermost.spawn_thread(Number::Next, ()).map(drop)),
    ("prepare a thread and publish it", 1, |it| {
        it.innermost.prepare_thread(Number::Next, ())?.publish().map(drop)
    }),
    ("prepare a thread and give it up", 1, |it| {
        it.child.prepare_thread(Number::Next, ()).map(drop)
    }),
    ("setsid", 2, |it| it.child.process().setsid().map(drop)),
    ("setsid three deep", 2, |it| it.innermost.process().setsid().map(drop)),
    ("setpgid", 1, |it| it.child.process().setpgid(0, 0)),
    ("setpgid three deep", 1, |it| it.innermost.process().setpgid(0, 0)),
    ("create_group", 1, |it| it.innermost.process().create_group().map(drop)),
    ("create_session", 2, |it| it.innermost.process().create_session().map(drop)),
    ("enter_group of an emptied group", 1, |it| it.mover.process().enter_group(&it.emptied)),
    ("unshare_pid", 2, |it| it.innermost.unshare_pid()),
    ("setns", 1, |it| it.mover.set_namespace_for_children(&it.mover.process().namespace())),
    ("attach", 4, |it| {
        let options = TraceOptions::empty();
        it.grandchild.attach(it.leader.tid().cast_signed(), TraceStart::Seize, options).map(drop)
    }),
    ("trace_me", 2, |it| it.grandchild.trace_me()),
    ("new_terminal", 1, |it| it.table.new_terminal(TerminalKind::Other, 9, ()).map(drop)),
    ("identity of a process", 1, |it| it.innermost.process().identity().map(drop)),
    ("identity of a thread", 1, |it| it.child.identity().map(drop)),
    ("identity of a group", 1, |it| it.leader.process().group().identity().map(drop)),
    ("find_identity", 1, |it| it.inner.process().namespace().find_identity(2).map(drop)),
    ("identity of a session", 1, |it| it.leader.process().group().session().identity().map(drop)),
    ("pidfd_open", 1, |it| it.init.process().pidfd_open(it.mover.tid() as i32, 0).map(drop)),
    ("a future's poll", 1, |it| poll(&it.init)),
    ("children", 1, |it| it.init.process().children().map(drop)),
    ("children of a thread", 1, |it| it.init.children().map(drop)),
    ("threads", 1, |it| it.init.process().threads().map(drop)),
    ("tasks", 1, |it| it.init.process().tasks().map(drop)),
    ("processes", 1, |it| it.init.process().group().processes().map(drop)),
    ("process_groups", 1, |it| it.init.process().group().session().process_groups().map(drop)),
    ("snapshot_tree", 1, |it| it.init.process().snapshot_tree(it.table.namespace()).map(drop)),
    ("a plain object", 1, |_| Shared::new(7).map(drop)),
];

#[test]
fn every_operation_that_allocates_fails_and_changes_nothing() {
    // Design, memory: each request is refused once; the answer is ENOMEM, the picture of the whole table is the same, and nothing is leaked, then or in the end.
    let blocks = BLOCKS.get();
    for (name, least, operation) in OPERATIONS {
        let cast = Cast::new();
        let needed = refuse_each(name, &cast, operation);
        assert!(needed >= least, "{name}: {needed}");
    }
    assert_eq!(BLOCKS.get(), blocks, "with the table all of its memory goes");
}

#[test]
fn a_tracer_is_inherited_or_there_is_no_memory() {
    // Design, memory: the maker is traced; the new one becomes so, or nothing has happened.
    let cast = Cast::new();
    cast.leader
        .attach(cast.child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
        .unwrap();
    let operation = |it: &Cast| it.grandchild.inherit_tracer(&it.child).map(drop);
    assert!(refuse_each("inherit_tracer", &cast, operation) >= 1);
    assert!(cast.grandchild.tracer().is_some());
}

#[test]
fn long_lists_are_whole_or_there_is_no_memory() {
    // Design, memory: a list of 300 grows in several steps, each of which can fail.
    let cast = Cast::new();
    (0..300).for_each(|_| drop(fork(&cast.child)));
    (0..300).for_each(|_| drop(cast.child.spawn_thread(Number::Next, ()).unwrap()));
    let lists: [Operation; 5] = [
        ("children", 3, |it| it.child.process().children().map(drop)),
        ("threads", 3, |it| it.child.process().threads().map(drop)),
        ("tasks", 3, |it| it.child.process().tasks().map(drop)),
        ("processes", 3, |it| it.child.process().group().processes().map(drop)),
        ("snapshot_tree", 1, |it| it.child.process().snapshot_tree(it.table.namespace()).map(drop)),
    ];
    for (name, least, operation) in lists {
        assert!(refuse_each(name, &cast, operation) >= least, "{name}");
    }
}

#[test]
fn numbers_at_every_border_are_taken_or_there_is_no_memory() {
    // Design, memory, R-PID-11: chosen and sparse numbers need nodes of their own; also several in one call, three namespaces deep.
    let borders =
        [31, 32, 63, 64, 1_023, 1_024, 4_095, 4_096, 32_767, 32_768, 65_536, 262_144, 4_194_303];
    let blocks = BLOCKS.get();
    let cast = Cast::new();
    let mut most = 0;
    for &border in &borders {
        let operation = |it: &Cast| {
            let numbers = [border];
            let chosen = ForkRequest { number: Number::Each(&numbers), ..ForkRequest::default() };
            it.child.fork(chosen, (), ()).map(drop)
        };
        most = most.max(refuse_each(&format!("a chosen number: {border}"), &cast, operation));
        let operation = |it: &Cast| {
            let far = |level: u32| (border * 7 + 100_003 * level) % 4_000_000 + 150_000;
            let numbers = [border, far(1), far(2), far(3)];
            let chosen = ForkRequest { number: Number::Each(&numbers), ..ForkRequest::default() };
            it.innermost.fork(chosen, (), ()).map(drop)
        };
        most = most.max(refuse_each(&format!("four chosen numbers: {border}"), &cast, operation));
        let last = |it: &Cast| {
            let process = it.inner.process();
            let behind = border.min(4_194_302) + 1;
            process.set_last_pid(behind as i32)?;
            it.innermost.spawn_thread(Number::Next, ()).map(drop)
        };
        most = most.max(refuse_each(&format!("the next number behind: {border}"), &cast, last));
    }
    for exact in [0x00ff_ffff, 0x0100_0000, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff] {
        let operation = |it: &Cast| {
            let exactly = ForkRequest { number: Number::Exactly(exact), ..ForkRequest::default() };
            it.innermost.fork(exactly, (), ()).map(drop)
        };
        most = most.max(refuse_each("an exact number", &cast, operation));
    }
    assert!(most > 4, "{most}");
    drop(cast);
    assert_eq!(BLOCKS.get(), blocks);
}

#[test]
fn a_table_begins_or_there_is_no_memory() {
    // Design, memory: the table, its init with a group and a session, and a number anywhere; a refused table can be used later.
    for number in [1, 300, 5_000, 70_000, 0x7fff_ffff] {
        let blocks = BLOCKS.get();
        let table = ProcessTable::new(Kernel);
        let (mut granted, mut begun) = (0, false);
        let init = loop {
            REFUSED.set(false);
            GRANTED.set(Some(granted));
            let made = table.new_init(number, (), ());
            GRANTED.set(None);
            match made {
                Ok(init) => break init,
                Err(errno) => assert_eq!((errno, REFUSED.get()), (Errno::ENOMEM, true)),
            }
            assert!(table.find_process(number).is_none());
            match granted {
                // The table itself. The checker takes memory of its own.
                0 if !begun => {
                    table.check_every(NonZeroU64::MAX);
                    begun = true;
                }
                _ => granted += 1,
            }
        };
        assert!(begun && granted >= 3, "{granted}");
        assert_eq!((init.tid(), init.process().threads().unwrap().len()), (number, 1));
        drop((init, table));
        assert_eq!(BLOCKS.get(), blocks);
    }
}

#[test]
fn a_second_root_begins_or_there_is_no_memory() {
    // Design, memory, R-KTHREAD-01: kthreadd with the group and the session that no number names, and a kernel thread below it.
    for number in [2, 300, 5_000, 70_000, 0x7fff_ffff] {
        let blocks = BLOCKS.get();
        let (table, init) = boot();
        let granting = |granted: usize, make: &dyn Fn() -> Result<ARef<Thread>, Errno>| {
            REFUSED.set(false);
            GRANTED.set(Some(granted));
            let made = make();
            GRANTED.set(None);
            made
        };
        let until_made = |make: &dyn Fn() -> Result<ARef<Thread>, Errno>| {
            for granted in 0.. {
                match granting(granted, make) {
                    Ok(made) => return (made, granted),
                    Err(errno) => assert_eq!((errno, REFUSED.get()), (Errno::ENOMEM, true)),
                }
                assert!(table.find_process(number).is_none());
            }
            unreachable!();
        };
        let (kthreadd, granted) = until_made(&|| table.new_kthreadd(number, (), ()));
        assert!(granted >= 3, "{granted}");
        assert_eq!((kthreadd.tid(), kthreadd.process().pgid()), (number, 0));
        let before = kthreadd.process().children().unwrap().len();
        let make = || kthreadd.fork_kernel_thread(ForkRequest::default(), (), ());
        let made = (0..).find_map(|granted| granting(granted, &make).ok()).unwrap();
        assert_eq!(kthreadd.process().children().unwrap().len(), before + 1);
        drop((made, kthreadd, init, table));
        assert_eq!(BLOCKS.get(), blocks);
    }
}

#[test]
fn what_ends_and_what_is_told_needs_no_memory() {
    // Design, memory: exit, wait, exec, kill and their like go on when there is none at all.
    let cast = Cast::new();
    let others: Vec<_> = (0..200).map(|_| fork(&cast.child)).collect();
    let threads: Vec<_> =
        (0..200).map(|_| cast.mover.spawn_thread(Number::Next, ()).unwrap()).collect();
    let space: ARef<PidNamespace<Kernel>> = cast.init.process().namespace();
    REFUSED.set(false);
    GRANTED.set(Some(0));
    let killed = cast.init.kill(-1, 10);
    let executed = threads[7].exec();
    others.iter().for_each(|it| exit(it));
    let reaped = (0..200).filter(|_| reap(&cast.child)).count();
    exit(&cast.child);
    for thread in [&cast.innermost, &cast.inner, &cast.grandchild, &cast.leader] {
        exit(thread);
    }
    let stat = cast.init.process().stat(&space).is_some();
    while reap(&cast.init) {}
    GRANTED.set(None);
    assert!(!REFUSED.get(), "nothing was asked for");
    assert_eq!((killed, executed, reaped), (Ok(()), Ok(()), 200));
    assert!(stat);
    cast.check();
}

#[test]
fn a_fork_bomb_in_a_small_heap_ends_and_goes_on_after_the_reaps() {
    // Design, memory: 1 MiB for processes, threads and namespaces; ENOMEM, then everybody exits and is reaped without memory, and as many fit again, four times.
    let blocks = BLOCKS.get();
    let (table, init) = boot();
    let mut bomb: Vec<ARef<Thread>> = Vec::with_capacity(1 << 16);
    let mut counts = Vec::new();
    for _ in 0..4 {
        LEFT.set(Some(1 << 20));
        REFUSED.set(false);
        let last = loop {
            let parent = bomb.get(bomb.len() / 2).unwrap_or(&init);
            let made = match bomb.len() % 16 {
                3 => parent.spawn_thread(Number::Next, ()),
                7 => init.fork(NEW, (), ()),
                11 => parent.process().setsid().or(Ok(0)).and_then(|_| parent.fork(NEW, (), ())),
                _ => parent.fork(ForkRequest::default(), (), ()),
            };
            match made {
                Ok(made) => bomb.push(made),
                Err(Errno::ENOSPC) => bomb.push(init.fork(ForkRequest::default(), (), ()).unwrap()),
                Err(errno) => break errno,
            }
        };
        assert_eq!((last, REFUSED.get()), (Errno::ENOMEM, true));
        counts.push(bomb.len());
        while let Some(thread) = bomb.pop() {
            exit(&thread);
        }
        while reap(&init) {}
        LEFT.set(None);
        assert!(init.process().children().unwrap().is_empty());
    }
    assert!(counts[0] > 500 && counts.iter().all(|count| *count >= counts[0] - 8), "{counts:?}");
    table.check_every(NonZeroU64::MIN);
    assert_eq!(init.process().threads().unwrap().len(), 1);
    drop((table, init, bomb, counts));
    assert_eq!(BLOCKS.get(), blocks);
}

#[test]
fn a_group_that_cannot_live_again_is_named_on_no_level() {
    // R-SETPGID-01, design, memory: the number is free inside, and outside there is no memory for it: nothing leads to the group, which is freed.
    let table = ProcessTable::new(Kernel);
    table.check_every(NonZeroU64::MAX);
    let init = table.new_init(1, (), ()).unwrap();
    let inner = init.fork(NEW, (), ()).unwrap();
    let far = |numbers: &[u32]| {
        let request = ForkRequest { number: Number::Each(numbers), ..ForkRequest::default() };
        inner.fork(request, (), ()).unwrap()
    };
    let founder = far(&[50_000, 4_000_000]);
    let group = founder.process().create_group().unwrap();
    let other = inner.fork(ForkRequest::default(), (), ()).unwrap();
    let release = |thread: ARef<Thread>| {
        exit(&thread);
        assert!(thread.process().release_zombie());
    };
    release(founder);
    // The memory that its numbers had goes with those that are given back behind it.
    release(far(&[60_000, 3_000_000]));
    let mut refused = 0;
    for granted in 0..4 {
        GRANTED.set(Some(granted));
        let entered = other.process().enter_group(&group);
        GRANTED.set(None);
        if entered == Ok(()) {
            break;
        }
        assert_eq!(entered, Err(Errno::ENOMEM), "{granted} granted");
        refused += 1;
        assert_eq!(other.process().setpgid(0, 50_000), Err(Errno::EPERM), "{granted} granted");
        assert_eq!(inner.kill(-50_000, 0), Err(Errno::ESRCH), "{granted} granted");
        assert!(table.find_group(4_000_000).is_none());
    }
    assert!(refused > 0);
    table.check_every(NonZeroU64::MIN);
    assert!(table.find_process(1).is_some(), "and every invariant is true");
}
